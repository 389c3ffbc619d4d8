#include "client/cli/writer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The columns of a terminal; 0: it is none. */
static size_t terminal_width(FILE *out)
{
    struct winsize size = {0};
    if (!isatty(fileno(out)))
        return 0;
    return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

struct style style_for(FILE *out)
{
    size_t width = terminal_width(out);
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    bool colour = width && !(no_color && *no_color) && term && strcmp(term, "dumb");
    if (!colour)
        return (struct style){"", "", "", "", width};
    return (struct style){"\033[1m", "\033[2m", "\033[33m", "\033[0m", width};
}

const struct writer *writer_by_name(const char *name)
{
    static const struct writer *const all[] = {&writer_text, &writer_json, &writer_csv};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!strcmp(all[i]->name, name))
            return all[i];
    return NULL;
}

/* ---- answers taken apart ---- */

enum { FLAT_NAME_BYTES = 256 };

bool is_hidden(const char *name, const json_t *value)
{
    return !strcmp(name, "plot") || (!strcmp(name, "files") && json_is_array(value)) ||
           (!strcmp(name, "table") && json_is_string(value));
}

struct flat_state {
    member_f f;
    void *arg;
};

static void flat_value(const struct flat_state *s, const char *name, const json_t *v);

/* `labels` of its texts are in the prefix already. */
static void flat_object(const struct flat_state *s, const char *prefix, const json_t *object, size_t labels)
{
    const char *key;
    json_t *member;
    size_t texts = 0;
    json_object_foreach((json_t *)(uintptr_t)object, key, member)
    {
        char name[FLAT_NAME_BYTES];
        if ((!*prefix && is_hidden(key, member)) || (json_is_string(member) && texts++ < labels))
            continue;
        (void)snprintf(name, sizeof name, "%s%s%s", prefix, *prefix ? "." : "", key);
        flat_value(s, name, member);
    }
}

/* The first n texts of an object, "(Intercept).bca". False: it has fewer. */
static bool label_of(const json_t *object, size_t n, char *ret)
{
    const char *key;
    json_t *member;
    size_t at = 0, found = 0;
    ret[0] = '\0';
    json_object_foreach((json_t *)(uintptr_t)object, key, member)
    {
        if (found == n)
            break;
        if (!json_is_string(member))
            continue;
        if (at < FLAT_NAME_BYTES)
            at += (size_t)snprintf(ret + at, FLAT_NAME_BYTES - at, "%s%s", found ? "." : "",
                                   json_string_value(member));
        found++;
    }
    return n && found == n;
}

/* How many texts tell the members of a list apart; 0: none do. */
static size_t labels_needed(const json_t *list)
{
    for (size_t n = 1;; n++) {
        json_t *seen = json_object();
        size_t i = 0;
        bool have = true;
        for (; have && i < json_array_size(list); i++) {
            char label[FLAT_NAME_BYTES];
            have = label_of(json_array_get(list, i), n, label);
            if (have)
                json_object_set_new(seen, label, json_true());
        }
        bool apart = have && json_object_size(seen) == i;
        json_decref(seen);
        if (apart || !have)
            return apart ? n : 0;
    }
}

static void flat_list(const struct flat_state *s, const char *name, const json_t *list)
{
    size_t labels = labels_needed(list);
    for (size_t i = 0; i < json_array_size(list); i++) {
        char member[FLAT_NAME_BYTES], label[FLAT_NAME_BYTES];
        const json_t *m = json_array_get(list, i);
        if (!label_of(m, labels, label))
            (void)snprintf(label, sizeof label, "%zu", i + 1);
        (void)snprintf(member, sizeof member, "%.120s.%.130s", name, label);
        if (json_is_object(m))
            flat_object(s, member, m, labels);
        else
            flat_value(s, member, m);
    }
}

static void flat_value(const struct flat_state *s, const char *name, const json_t *v)
{
    if (json_is_object(v))
        flat_object(s, name, v, 0);
    else if (json_is_array(v))
        flat_list(s, name, v);
    else
        s->f(s->arg, name, v);
}

void flatten(const json_t *object, member_f f, void *arg)
{
    struct flat_state s = {f, arg};
    flat_object(&s, "", object, 0);
}

static const char *name_of(const json_t *object)
{
    return json_string_value(json_object_get(object, "name"));
}

const json_t *parts_of(const json_t *result, const char **ret_name)
{
    const char *key;
    json_t *v;
    if (json_is_number(json_object_get(result, "estimate")))
        return NULL;
    json_object_foreach((json_t *)(uintptr_t)result, key, v)
    {
        const json_t *first = json_array_get(v, 0);
        if (!name_of(first) || !json_object_get(first, "estimate"))
            continue;
        *ret_name = key;
        return v;
    }
    return NULL;
}

const char *answer_table(const json_t *result)
{
    const char *key, *named = json_string_value(json_object_get(result, "table"));
    json_t *v;
    if (named)
        return json_is_array(json_object_get(result, named)) ? named : NULL;
    json_object_foreach((json_t *)(uintptr_t)result, key,
                        v) if (json_is_string(json_object_get(json_array_get(v, 0), "term"))) return key;
    return NULL;
}

bool is_about(const json_t *member, const json_t *part)
{
    const char *name = name_of(member), *wanted = name_of(part);
    return !name || !wanted || !strcmp(name, wanted);
}

const json_t *interval_of(const json_t *result, const json_t *part)
{
    const json_t *list = json_object_get(result, "intervals");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (is_about(json_array_get(list, i), part))
            return json_array_get(list, i);
    return NULL;
}
