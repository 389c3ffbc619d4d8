#include "taskrun.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/table.h"
#include "common/tree.h"
#include "host/host.h"

enum { DATA_MAX = 32, PARAMS_MAX = 16 };

static struct registry *registry;
static struct {
    struct blob_ref ref;
    struct qx_bytes image;
    char text[BLOB_REF_BYTES];
} data[DATA_MAX];
static int n_data;

static void load_plugins(void)
{
    struct qx_error err;
    const char *dir = getenv("QX_PLUGIN_DIR");
    if (registry)
        return;
    ck_assert_msg(dir != NULL, "QX_PLUGIN_DIR is not set: run through ctest");
    ck_assert_int_eq(registry_new(&registry), QX_ERR_OK);
    static const char *const names[] = {"qx_basic", "qx_mc", "qx_boot", "qx_perm"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[PATH_BYTES];
        (void)snprintf(path, sizeof path, "%s/%s.so", dir, names[i]);
        ck_assert_msg(registry_load(registry, path, &err) == QX_ERR_OK, "%s", err.text);
    }
}

static void unload_all(void)
{
    registry_free(registry);
    registry = NULL;
    for (int i = 0; i < n_data; i++)
        qx_bytes_fini(&data[i].image);
}

static qx_err find_blob(void *arg, const struct blob_ref *ref, const void **ret_data, struct qx_error *err)
{
    (void)arg;
    (void)err;
    for (int i = 0; i < n_data; i++) {
        if (memcmp(&data[i].ref, ref, sizeof *ref) == 0) {
            *ret_data = data[i].image.data;
            return QX_ERR_OK;
        }
    }
    return QX_ERR_NOTFOUND;
}

struct open_job {
    struct host_task *task;
    const struct task_decl *decl;
    uint64_t n;
};

static qx_err job_open(const char *name, uint64_t seed, uint64_t n, const char *const *params,
                       struct open_job *ret, struct qx_error *err)
{
    struct param list[PARAMS_MAX];
    uint32_t n_params = 0;
    load_plugins();
    const struct qx_task *task = registry_find(registry, name, NULL, &ret->decl);
    ck_assert_msg(task != NULL, "no task %s", name);
    for (; params[2 * n_params]; n_params++)
        list[n_params] = (struct param){(char *)(uintptr_t)params[2 * n_params],
                                        (char *)(uintptr_t)params[2 * n_params + 1]};
    qx_err e = task_decl_items(ret->decl, list, n_params, n, &ret->n, err);
    if (e != QX_ERR_OK)
        return e;
    const struct host_options opt = {.seed = seed, .blob = find_blob};
    e = host_open(task, ret->decl, list, n_params, &opt, &ret->task, err);
    if (e == QX_ERR_OK && (ret->decl->flags & QX_TASK_COUNTS_ITEMS)) {
        uint64_t counted, most;
        host_items(ret->task, &counted, &most);
        ret->n = ret->n ? ret->n : counted;
        ret->n = most && ret->n > most ? most : ret->n;
        ck_assert_msg(ret->n > 0, "%s does not say how many items there are", name);
    }
    return e;
}

static qx_err job_finish(struct open_job *job, struct taskrun *r, struct qx_error *err)
{
    struct reduce_state state;
    struct qx_bytes json = {0};
    reduce_state_init(&state);
    qx_err e = host_run_job(job->task, job->decl->layout, job->n, &state, r->digest, err);
    if (e == QX_ERR_OK) {
        r->n_ok = state.tally.n_ok;
        r->n_failed = state.tally.n_failed;
        if (state.tally.n_causes > 0)
            (void)snprintf(r->cause, sizeof r->cause, "%s", state.tally.causes[0].text);
        e = host_finish(job->task, &state, &json, err);
    }
    if (e == QX_ERR_OK) {
        json_error_t why;
        r->answer = json_loadb((const char *)json.data, json.len, 0, &why);
        ck_assert_msg(r->answer != NULL, "the answer is not JSON: %s: %.*s", why.text, (int)json.len,
                      (const char *)json.data);
    }
    qx_bytes_fini(&json);
    reduce_state_fini(&state);
    host_close(job->task);
    return e;
}

struct taskrun task_run(const char *task, uint64_t seed, uint64_t n, const char *const *params)
{
    struct taskrun r = {.answer = NULL};
    struct open_job job;
    struct qx_error err;
    ck_assert_msg(job_open(task, seed, n, params, &job, &err) == QX_ERR_OK, "%s: %s", task, err.text);
    ck_assert_msg(job_finish(&job, &r, &err) == QX_ERR_OK, "%s: %s", task, err.text);
    return r;
}

void taskrun_free(struct taskrun *r)
{
    json_decref(r->answer);
    r->answer = NULL;
}

const char *task_error(const char *task, uint64_t n, const char *const *params)
{
    static struct qx_error err;
    struct taskrun r = {.answer = NULL};
    struct open_job job;
    err.text[0] = '\0';
    qx_err e = job_open(task, 1, n, params, &job, &err);
    if (e == QX_ERR_OK)
        e = job_finish(&job, &r, &err);
    taskrun_free(&r);
    ck_assert_msg(e != QX_ERR_OK, "%s was expected to fail", task);
    return err.text;
}

static const json_t *member(const struct taskrun *r, const char *path)
{
    const json_t *at = r->answer;
    while (at && *path) {
        char name[128];
        size_t len = strcspn(path, ".");
        ck_assert_uint_lt(len, sizeof name);
        memcpy(name, path, len);
        name[len] = '\0';
        at = json_is_array(at) ? json_array_get(at, strtoul(name, NULL, 10)) : json_object_get(at, name);
        path += len + (path[len] == '.');
    }
    return at;
}

double answer_number(const struct taskrun *r, const char *path)
{
    const json_t *at = member(r, path);
    char *all = at ? NULL : json_dumps(r->answer, 0);
    ck_assert_msg(at != NULL, "no \"%s\" in the answer %s", path, all);
    free(all);
    return json_is_null(at) ? NAN : json_number_value(at);
}

const char *answer_text(const struct taskrun *r, const char *path)
{
    return json_string_value(member(r, path));
}

const char *data_of(const char *name, const char *csv)
{
    struct qx_error err;
    ck_assert_int_lt(n_data, DATA_MAX);
    qx_err e = table_from_csv(name, csv, strlen(csv), &data[n_data].image, &err);
    ck_assert_msg(e == QX_ERR_OK, "%s", err.text);
    memset(&data[n_data].ref, 0, sizeof data[n_data].ref);
    blob_hash(data[n_data].image.data, data[n_data].image.len, data[n_data].ref.hash);
    data[n_data].ref.len_bytes = data[n_data].image.len;
    blob_ref_format(&data[n_data].ref, data[n_data].text);
    return data[n_data++].text;
}

void reference_path(const char *path, char ret[PATH_BYTES])
{
    const char *dir = getenv("QX_REFERENCE_DIR"), *source = getenv("QX_SOURCE_DIR");
    if (dir)
        (void)snprintf(ret, PATH_BYTES, "%s/%s", dir, path);
    else
        (void)snprintf(ret, PATH_BYTES, "%s/../shared/reference/%s", source ? source : ".", path);
}

bool reference_there(void)
{
    char path[PATH_BYTES];
    reference_path("INDEX.md", path);
    FILE *f = fopen(path, "r");
    if (!f) {
        (void)printf("skipped: no reference cases at %s (QX_REFERENCE_DIR)\n", path);
        return false;
    }
    (void)fclose(f);
    return true;
}

const char *reference_data(const char *path)
{
    char full[PATH_BYTES], csv[65536];
    reference_path(path, full);
    FILE *f = fopen(full, "r");
    ck_assert_msg(f != NULL, "cannot read %s", full);
    size_t len = fread(csv, 1, sizeof csv - 1, f);
    (void)fclose(f);
    csv[len] = '\0';
    return data_of(path, csv);
}

json_t *reference_json(const char *path)
{
    char full[PATH_BYTES];
    json_error_t why;
    reference_path(path, full);
    json_t *root = json_load_file(full, 0, &why);
    ck_assert_msg(root != NULL, "%s: %s", full, why.text);
    return root;
}

int run_suite(Suite *s)
{
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    unload_all();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
