#include "client/cli/writer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct style style_for(FILE *out)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    bool colour = isatty(fileno(out)) && !(no_color && *no_color) && term && strcmp(term, "dumb");
    if (!colour)
        return (struct style){"", "", "", ""};
    return (struct style){"\033[1m", "\033[2m", "\033[33m", "\033[0m"};
}

const struct writer *writer_by_name(const char *name)
{
    static const struct writer *const all[] = {&writer_text, &writer_json, &writer_csv};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!strcmp(all[i]->name, name))
            return all[i];
    return NULL;
}

struct flat_state {
    void (*f)(void *arg, const char *name, const json_t *value);
    void *arg;
    bool deep;
};

enum { FLAT_NAME_BYTES = 256 };

static void flat_value(const struct flat_state *s, const char *name, const json_t *v);

static void flat_object(const struct flat_state *s, const char *prefix, const json_t *object)
{
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)object, key, member)
    {
        char name[FLAT_NAME_BYTES];
        if (!*prefix && !strcmp(key, "plot"))
            continue;
        (void)snprintf(name, sizeof name, "%s%s%s", prefix, *prefix ? "." : "", key);
        flat_value(s, name, member);
    }
}

/* A member of a list of objects is known by its first text ("bca"), else by its place. */
static const char *label_of(const json_t *object)
{
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)object, key,
                        member) if (json_is_string(member)) return json_string_value(member);
    return NULL;
}

static void flat_value(const struct flat_state *s, const char *name, const json_t *v)
{
    if (json_is_object(v)) {
        if (s->deep)
            flat_object(s, name, v);
    } else if (json_is_array(v)) {
        for (size_t i = 0; s->deep && i < json_array_size(v); i++) {
            char member[FLAT_NAME_BYTES];
            const json_t *m = json_array_get(v, i);
            const char *label = json_is_object(m) ? label_of(m) : NULL;
            if (label)
                (void)snprintf(member, sizeof member, "%s.%s", name, label);
            else
                (void)snprintf(member, sizeof member, "%s.%zu", name, i + 1);
            flat_value(s, member, m);
        }
    } else {
        s->f(s->arg, name, v);
    }
}

void flatten(const json_t *object, void (*f)(void *arg, const char *name, const json_t *value), void *arg,
             bool deep)
{
    struct flat_state s = {f, arg, deep};
    flat_object(&s, "", object);
}
