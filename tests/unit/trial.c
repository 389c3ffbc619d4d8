#include "tests/unit/trial.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct block_layout layout_of(const struct trial_job *j)
{
    return j->layout.grain ? j->layout : (struct block_layout){1, QX_SPREAD_DEFAULT};
}

static uint32_t params_of(const struct trial_job *j, struct param ret[3])
{
    uint32_t n = 0;
    for (; n < 3 && j->params[2 * n]; n++)
        ret[n] = (struct param){(char *)(uintptr_t)j->params[2 * n], (char *)(uintptr_t)j->params[2 * n + 1]};
    return n;
}

void trial_spec(const struct trial_job *j, struct qx_bytes *ret)
{
    struct param params[3];
    struct job_cell cell = {0};
    struct job_spec spec = {.task = (char *)(uintptr_t)j->task,
                            .version = (char *)(uintptr_t)(j->version ? j->version : "1.0"),
                            .n_params = params_of(j, params),
                            .params = params,
                            .n_cells = 1,
                            .cells = &cell,
                            .n_items = j->n_items,
                            .seed = j->seed,
                            .item_timeout_ms = j->item_timeout_ms,
                            .item_bytes_max = 16 << 20,
                            .until = (char *)(uintptr_t) "",
                            .label = (char *)(uintptr_t) "",
                            .layout = layout_of(j)};
    ck_assert_int_eq(job_spec_encode(&spec, ret), QX_ERR_OK);
}

void trial_job_frame(zmq_msg_t *ret, uint64_t session, uint64_t seq, uint64_t id, const struct trial_job *j)
{
    struct qx_bytes spec = {0};
    trial_spec(j, &spec);
    ck_assert_int_eq(zmq_msg_init_size(ret, frame_job_bytes(spec.len)), 0);
    frame_job_write(zmq_msg_data(ret), FRAME_JOB, session, seq, id, spec.data, spec.len);
    qx_bytes_fini(&spec);
}

void trial_lease_frame(zmq_msg_t *ret, uint64_t session, uint64_t seq, struct frame_lease l,
                       const void *payload)
{
    ck_assert_int_eq(zmq_msg_init_size(ret, frame_lease_bytes(&l)), 0);
    frame_lease_write(zmq_msg_data(ret), session, seq, &l, NULL, payload);
}

void trial_forget_frame(zmq_msg_t *ret, uint64_t session, uint64_t seq, uint64_t id)
{
    ck_assert_int_eq(zmq_msg_init_size(ret, frame_job_bytes(0)), 0);
    frame_job_write(zmq_msg_data(ret), FRAME_FORGET, session, seq, id, NULL, 0);
}

/* ---- the sink ---- */

static qx_err give_blob(void *arg, const struct blob_ref *ref, const void **ret_data, struct qx_error *err)
{
    struct trial_sink *s = arg;
    (void)ref, (void)err;
    *ret_data = s->blob;
    return s->blob ? QX_ERR_OK : QX_ERR_NOTFOUND;
}

void trial_sink_open(struct trial_sink *s, const char *plugin, const struct trial_job *j, const void *blob)
{
    struct qx_error err = {.text = ""};
    struct param params[3];
    const struct task_decl *decl = NULL;
    struct host_options opt = {.seed = j->seed, .item_bytes_max = 16 << 20, .blob = give_blob, .blob_arg = s};
    memset(s, 0, sizeof *s);
    s->blob = blob;
    s->layout = layout_of(j);
    ck_assert_int_eq(registry_new(&s->registry), QX_ERR_OK);
    ck_assert_msg(registry_load(s->registry, plugin, &err) == QX_ERR_OK, "%s", err.text);
    const struct qx_task *task = registry_find(s->registry, j->task, j->version ? j->version : "1.0", &decl);
    ck_assert_ptr_nonnull(task);
    ck_assert_msg(host_open(task, decl, params, params_of(j, params), &opt, &s->task, &err) == QX_ERR_OK,
                  "%s", err.text);
    struct reduce_state state;
    reduce_state_init(&state);
    ck_assert_msg(host_run_job(s->task, s->layout, j->n_items, &state, s->digest, &err) == QX_ERR_OK, "%s",
                  err.text);
    reduce_state_fini(&state);
    ck_assert_int_eq(tree_new(host_plan(s->task), host_reduce_plugin(s->task), s->layout, false, &s->tree),
                     QX_ERR_OK);
}

void trial_sink_add(struct trial_sink *s, const struct frame_view *result)
{
    struct block_node nodes[QX_NODES_MAX];
    uint64_t first = result->result.first_block;
    uint64_t end = first + result->result.n_blocks - (result->result.partial_items > 0);
    size_t n = block_cut(first, end, nodes);
    const uint8_t *p = result->nodes;
    ck_assert_uint_eq(result->result.outcome, QX_OUTCOME_OK);
    ck_assert_uint_eq(result->result.n_nodes, n + (result->result.partial_items > 0));
    for (size_t i = 0; i < result->result.n_nodes; i++) {
        struct reduce_state state;
        size_t len;
        const uint8_t *data = frame_next_node(&p, &len);
        reduce_state_init(&state);
        ck_assert_int_eq(reduce_decode(host_plan(s->task), data, len, &state, NULL), QX_ERR_OK);
        qx_err e = i < n ? tree_insert(s->tree, nodes[i], &state)
                         : tree_insert_partial(s->tree, end, result->result.partial_items, &state);
        ck_assert_int_eq(e, QX_ERR_OK);
        reduce_state_fini(&state);
    }
    while (tree_advance(s->tree))
        continue;
}

void trial_sink_check(struct trial_sink *s)
{
    struct reduce_state state;
    char digest[33];
    reduce_state_init(&state);
    ck_assert_int_eq(tree_prefix_state(s->tree, &state), QX_ERR_OK);
    ck_assert_int_eq(reduce_digest(&state, digest), QX_ERR_OK);
    ck_assert_str_eq(digest, s->digest);
    reduce_state_fini(&state);
}

void trial_sink_close(struct trial_sink *s)
{
    tree_free(s->tree);
    host_close(s->task);
    registry_free(s->registry);
}

const char *trial_plugin(const char *file, char ret[1024])
{
    const char *build = getenv("QX_BIN_DIR");
    ck_assert_msg(build != NULL, "QX_BIN_DIR is not set: run it through ctest");
    (void)snprintf(ret, 1024, "%s/../tests/%s", build, file);
    return ret;
}
