#include "client/cli/save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES_MAX = 200, LINE_BYTES = 160 };

int save_check(const struct cli *cli)
{
    const char *path = cli->values[OPT_SAVE];
    struct stat st;
    if (!path)
        return STATUS_OK;
    if (!*path)
        return cli_fail(STATUS_USAGE, "--save '': want the name of a folder");
    if (stat(path, &st)) {
        if (errno != ENOENT)
            return cli_fail(STATUS_USAGE, "--save %s: %s", path, strerror(errno));
        return STATUS_OK; /* it will be made */
    }
    if (!S_ISDIR(st.st_mode))
        return cli_fail(STATUS_USAGE, "--save %s: this is no folder", path);
    if (access(path, W_OK | X_OK))
        return cli_fail(STATUS_USAGE, "--save %s: cannot be written: %s", path, strerror(errno));
    return STATUS_OK;
}

/* ---- out of the report ---- */

static void take_list(json_t *result, json_t *taken, int cell)
{
    json_t *files = json_object_get(result, "files"), *names = json_array(), *entry = json_object(), *file;
    size_t i;
    if (!json_is_array(files) || !names || !entry) {
        json_decref(names);
        json_decref(entry);
        return;
    }
    json_array_foreach(files, i, file)
    {
        size_t bytes = json_string_length(json_object_get(file, "text"));
        json_array_append_new(names, json_pack("{s:O?, s:I}", "name", json_object_get(file, "name"), "bytes",
                                               (json_int_t)bytes));
    }
    if (cell >= 0)
        json_object_set_new(entry, "cell", json_integer(cell));
    json_object_set(entry, "files", files);
    json_array_append_new(taken, entry);
    json_object_set_new(result, "files", names);
}

json_t *save_take(json_t *report)
{
    json_t *taken = json_array(), *cells = json_object_get(report, "cells"), *cell;
    size_t i;
    if (!taken)
        return NULL;
    take_list(json_object_get(report, "result"), taken, -1);
    json_array_foreach(cells, i, cell) take_list(json_object_get(cell, "result"), taken, (int)i);
    return taken;
}

/* ---- to the disk ---- */

/* NULL: the name may be used. */
static const char *wrong_name(const char *name)
{
    if (!name || !*name)
        return "has no name";
    if (strlen(name) > NAME_BYTES_MAX)
        return "has a name that is too long";
    if (strchr(name, '/'))
        return "has a '/' in its name";
    if (*name == '.')
        return "has a name that begins with a dot";
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            return "has a control character in its name";
    return NULL;
}

static bool write_all(int fd, const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = write(fd, text + at, len - at);
        if (n < 0 && errno != EINTR)
            return false;
        at += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* Through a hidden file beside it, which takes its name when it is whole. */
static int write_file(const char *folder, int dir, const char *name, const json_t *text)
{
    char part[NAME_BYTES_MAX + 48];
    (void)snprintf(part, sizeof part, ".%s.%ld.part", name, (long)getpid());
    int fd = openat(dir, part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    bool ok = fd >= 0 && write_all(fd, json_string_value(text), json_string_length(text));
    int why = errno;
    if (fd >= 0 && close(fd) && ok) {
        why = errno;
        ok = false;
    }
    if (ok && renameat(dir, part, dir, name)) {
        why = errno;
        ok = false;
    }
    if (ok)
        return STATUS_OK;
    if (fd >= 0)
        (void)unlinkat(dir, part, 0);
    return cli_fail(STATUS_FAILED, "--save: writing %s/%s: %s", folder, name, strerror(why));
}

static int check_names(const json_t *files)
{
    json_t *seen = json_object(), *file;
    size_t i;
    int status = STATUS_OK;
    json_array_foreach((json_t *)(uintptr_t)files, i, file)
    {
        const char *name = json_string_value(json_object_get(file, "name")), *wrong = wrong_name(name);
        if (!wrong && json_object_get(seen, name))
            wrong = "has the name of one before it";
        if (!wrong && !json_is_string(json_object_get(file, "text")))
            wrong = "has no text";
        if (wrong) {
            status = cli_fail(STATUS_FAILED, "--save: file %zu of the answer %s; none of them was written",
                              i + 1, wrong);
            break;
        }
        json_object_set_new(seen, name, json_true());
    }
    json_decref(seen);
    return status;
}

static int make_folder(const char *path)
{
    if (!mkdir(path, 0777) || errno == EEXIST)
        return STATUS_OK;
    return cli_fail(STATUS_FAILED, "--save %s: %s", path, strerror(errno));
}

/* "draws_1.csv, draws_2.csv, .. (8 in all)" */
static void names_text(const json_t *files, char *ret, size_t len)
{
    size_t n = json_array_size(files), at = 0, shown = 0;
    ret[0] = '\0';
    for (; shown < n && shown < 4; shown++) {
        const char *name = json_string_value(json_object_get(json_array_get(files, shown), "name"));
        if (at < len)
            at += (size_t)snprintf(ret + at, len - at, "%s%.40s", shown ? ", " : "", name ? name : "?");
    }
    if (shown < n && at < len)
        (void)snprintf(ret + at, len - at, ", .. (%zu in all)", n);
}

static int write_folder(const struct cli *cli, const char *folder, const json_t *files)
{
    char names[4 * 48 + LINE_BYTES];
    const json_t *file;
    int status = make_folder(folder);
    if (status)
        return status;
    int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return cli_fail(STATUS_FAILED, "--save %s: %s", folder, strerror(errno));
    for (size_t i = 0; !status && i < json_array_size(files); i++) {
        file = json_array_get(files, i);
        status = write_file(folder, dir, json_string_value(json_object_get(file, "name")),
                            json_object_get(file, "text"));
    }
    (void)close(dir);
    names_text(files, names, sizeof names);
    if (!status)
        cli_note(cli, "written to %s: %s", folder, names);
    return status;
}

static int write_entry(const struct cli *cli, const json_t *entry)
{
    const char *path = cli->values[OPT_SAVE];
    const json_t *cell = json_object_get(entry, "cell"), *files = json_object_get(entry, "files");
    char *folder = NULL;
    int status = check_names(files);
    if (status || !json_array_size(files))
        return status;
    if (!cell)
        return write_folder(cli, path, files);
    if (asprintf(&folder, "%s/cell-%" JSON_INTEGER_FORMAT, path, json_integer_value(cell)) < 0)
        return cli_fail(STATUS_FAILED, "out of memory");
    status = make_folder(path);
    if (!status)
        status = write_folder(cli, folder, files);
    free(folder);
    return status;
}

int save_write(const struct cli *cli, const json_t *taken)
{
    size_t n = 0;
    int status = STATUS_OK;
    for (size_t i = 0; i < json_array_size(taken); i++)
        n += json_array_size(json_object_get(json_array_get(taken, i), "files"));
    if (!cli->values[OPT_SAVE]) {
        char names[4 * 48 + LINE_BYTES];
        names_text(json_object_get(json_array_get(taken, 0), "files"), names, sizeof names);
        if (n)
            cli_note(cli, "the answer has %s%s: --save DIR writes %s",
                     json_array_size(taken) > 1 ? "in each cell " : "", names, n == 1 ? "it" : "them");
        return STATUS_OK;
    }
    if (!n)
        cli_note(cli, "--save: the answer has no files");
    for (size_t i = 0; !status && i < json_array_size(taken); i++)
        status = write_entry(cli, json_array_get(taken, i));
    return status;
}
