#include "master/job.h"

#include <jansson.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/error.h"
#include "common/mem.h"

static const char *const outcome_names[QX_OUTCOME_COUNT] = {"ok",      "error",  "exit",   "signal",
                                                            "timeout", "memory", "budget", "lost"};

/* An encoding makes our own copy and serves the lanes. The names of files are no part of what is computed: workers do not
 * hear of them. */
static qx_err take_spec(struct job *j, const struct job_spec *spec, struct qx_error *err)
{
    qx_err e = job_spec_encode(spec, &j->spec_frame);
    if (e == QX_ERR_OK)
        e = job_spec_decode(j->spec_frame.data, j->spec_frame.len, &j->spec, err);
    if (e == QX_ERR_OK && spec->n_files) {
        struct job_spec bare = *spec;
        bare.n_files = 0;
        qx_bytes_clear(&j->spec_frame);
        e = job_spec_encode(&bare, &j->spec_frame);
    }
    if (e == QX_ERR_OK)
        j->cells = qx_calloc(spec->n_cells, sizeof *j->cells);
    for (uint32_t i = 0; j->cells && i < spec->n_cells && !(j->decl->flags & QX_TASK_COUNTS_ITEMS); i++)
        j->cells[i].n_items = spec->n_items;
    return e == QX_ERR_OK && !j->cells ? QX_ERR_NOMEM : e;
}

qx_err job_new(uint64_t id, const struct job_spec *spec, const struct task_decl *decl, uint32_t class_id,
               struct job **ret, struct qx_error *err)
{
    struct job *j = qx_calloc(1, sizeof *j);
    if (!j)
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for the job");
    j->id = id;
    j->decl = decl;
    j->class_id = class_id;
    j->state = JOB_STATE_RUNNING;
    j->has_rule = *spec->until != 0;
    qx_err e = j->has_rule ? rule_parse(spec->until, &j->rule, err) : QX_ERR_OK;
    if (e == QX_ERR_OK) {
        e = take_spec(j, spec, err);
        if (e == QX_ERR_NOMEM)
            qx_fail(err, e, "out of memory for %u cells", spec->n_cells);
    }
    if (e != QX_ERR_OK) {
        job_free(j);
        return e;
    }
    *ret = j;
    return QX_ERR_OK;
}

static void rows_fini(struct job_rows *r)
{
    qx_free(r->values);
    qx_free(r->ok);
}

static void answer_texts_free(struct cell_answer *a)
{
    qx_free(a->result_json);
    qx_free(a->failures_json);
    a->result_json = a->failures_json = NULL;
}

static void cell_fini(struct cell *c)
{
    tree_free(c->tree);
    qx_bytes_fini(&c->final);
    answer_texts_free(&c->answer);
    for (size_t i = 0; i < c->n_rows; i++)
        rows_fini(&c->rows[i]);
    qx_free(c->rows);
}

void job_free(struct job *j)
{
    if (!j)
        return;
    for (uint32_t i = 0; j->spec && j->cells && i < j->spec->n_cells; i++)
        cell_fini(&j->cells[i]);
    qx_free(j->cells);
    job_spec_free(j->spec);
    qx_bytes_fini(&j->spec_frame);
    for (size_t i = 0; i < j->n_plans; i++) {
        reduce_plan_free(j->plans[i].plan);
        qx_bytes_fini(&j->plans[i].bytes);
    }
    qx_free(j->plans);
    qx_free(j->skips);
    for (size_t i = 0; i < j->n_merges; i++)
        qx_bytes_fini(&j->merges[i].payload);
    qx_free(j->merges);
    qx_free(j);
}

qx_err job_result_init(struct job_result *r)
{
    *r = (struct job_result){0};
    r->states = qx_calloc(QX_NODES_MAX + 1, sizeof *r->states);
    if (!r->states)
        return QX_ERR_NOMEM;
    for (size_t i = 0; i <= QX_NODES_MAX; i++)
        reduce_state_init(&r->states[i]);
    return QX_ERR_OK;
}

void job_result_fini(struct job_result *r)
{
    for (size_t i = 0; r->states && i <= QX_NODES_MAX; i++)
        reduce_state_fini(&r->states[i]);
    qx_free(r->states);
}

static bool same_plan(const struct job_plan *p, const struct frame_view *v)
{
    return p->bytes.len == v->result.len_plan && !memcmp(p->bytes.data, v->plan, p->bytes.len);
}

static qx_err add_plan(struct job *j, const struct frame_view *v, struct qx_error *err)
{
    struct job_plan own = {0};
    qx_err e = reduce_plan_decode(v->plan, v->result.len_plan, &own.plan, err);
    if (e != QX_ERR_OK)
        return e;
    if (qx_bytes_append(&own.bytes, v->plan, v->result.len_plan) != QX_ERR_OK ||
        qx_grow(&j->plans, &j->cap_plans, j->n_plans + 1, sizeof *j->plans)) {
        reduce_plan_free(own.plan);
        qx_bytes_fini(&own.bytes);
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for the reducer plan");
    }
    j->plans[j->n_plans++] = own;
    return QX_ERR_OK;
}

/* The plan of the cell that a result is for: what it has, or what the result brings. */
static qx_err find_plan(struct job *j, const struct frame_view *v, const struct reduce_plan **ret,
                        struct qx_error *err)
{
    const struct cell *c = &j->cells[v->result.cell];
    const struct reduce_plan *has = c->plan;
    size_t i = 0;
    if (!v->result.len_plan) {
        *ret = has;
        return !job_wants_plan(j, v->result.cell, v->head.session)
                   ? QX_ERR_OK
                   : qx_fail(err, QX_ERR_PROTO, "a result without the reducer plan that was asked for");
    }
    while (i < j->n_plans && !same_plan(&j->plans[i], v))
        i++;
    if (has && (i == j->n_plans || j->plans[i].plan != has))
        return c->plan_sure || c->plan_session == v->head.session
                   ? qx_fail(err, QX_ERR_PROTO,
                             "other outputs than all others declare for the same parameters")
                   : qx_fail(err, QX_ERR_INVALID,
                             "two workers declare other outputs for task %s %s and the same parameters: they "
                             "have "
                             "different builds of it; give the changed one a new version",
                             j->spec->task, j->spec->version);
    qx_err e = i == j->n_plans ? add_plan(j, v, err) : QX_ERR_OK;
    if (e != QX_ERR_OK)
        return e;
    *ret = j->plans[i].plan;
    if (j->has_rule && reduce_plan_opaque(*ret))
        return qx_fail(err, QX_ERR_INVALID,
                       "task %s has a reducer of its own: it cannot run until a rule holds", j->spec->task);
    return QX_ERR_OK;
}

bool job_is_opaque(const struct job *j)
{
    for (size_t i = 0; i < j->n_plans; i++)
        if (reduce_plan_opaque(j->plans[i].plan))
            return true;
    return false;
}

/* One length-prefixed, padded state out of the nodes section. */
static qx_err next_state(const struct reduce_plan *plan, struct qx_reader *r, struct reduce_state *ret,
                         struct qx_error *err)
{
    uint64_t len = qx_read_u64(r);
    const void *bytes = len <= (uint64_t)(r->end - r->p) ? qx_read_bytes(r, (size_t)len) : NULL;
    if (r->bad || !bytes)
        return qx_fail(err, QX_ERR_PROTO, "a state runs past the end of its frame");
    (void)qx_read_bytes(r, (size_t)(-len & 7u));
    return reduce_decode(plan, bytes, (size_t)len, ret, err);
}

static qx_err check_items(const struct reduce_state *s, uint64_t expected, struct qx_error *err)
{
    if (s->tally.n_ok + s->tally.n_failed != expected)
        return qx_fail(err, QX_ERR_PROTO, "a state counts %llu items where its blocks hold %llu",
                       (unsigned long long)(s->tally.n_ok + s->tally.n_failed), (unsigned long long)expected);
    return QX_ERR_OK;
}

static uint64_t node_items(struct block_layout l, struct block_node n)
{
    return block_first(l, (n.index + 1) << n.level) - block_first(l, n.index << n.level);
}

static qx_err decode_nodes(const struct job *j, const struct reduce_plan *plan, const struct frame_view *v,
                           struct job_result *ret, struct qx_error *err)
{
    const struct block_layout l = j->spec->layout;
    const struct frame_result *f = &v->result;
    uint64_t whole_end = f->first_block + f->n_blocks - (f->partial_items != 0);
    size_t n_whole = block_cut(f->first_block, whole_end, ret->nodes);
    if (f->n_nodes != n_whole + (f->partial_items != 0))
        return qx_fail(err, QX_ERR_PROTO, "%u nodes where the lease has %zu", f->n_nodes,
                       n_whole + (f->partial_items != 0));
    struct qx_reader r = qx_reader(v->nodes, (size_t)f->len_nodes);
    ret->n_items = 0;
    for (size_t i = 0; i < f->n_nodes; i++) {
        uint64_t expected = i < n_whole ? node_items(l, ret->nodes[i]) : f->partial_items;
        qx_err e = next_state(plan, &r, &ret->states[i], err);
        if (e == QX_ERR_OK)
            e = check_items(&ret->states[i], expected, err);
        if (e != QX_ERR_OK)
            return e;
        ret->n_items += expected;
    }
    ret->n_nodes = n_whole;
    ret->partial_items = f->partial_items;
    ret->partial_block = whole_end;
    return QX_ERR_OK;
}

static qx_err check_rows(const struct job *j, const struct reduce_plan *plan, const struct frame_result *f,
                         uint64_t n_items, struct qx_error *err)
{
    uint64_t wanted = j->spec->rows ? n_items * reduce_plan_columns(plan) * sizeof(double) : 0;
    if (f->len_rows != wanted || (wanted && (f->n_items != n_items || f->len_ok != n_items)))
        return qx_fail(err, QX_ERR_PROTO, "rows that do not fit the lease");
    return QX_ERR_OK;
}

static void believe_plan(struct cell *c, const struct reduce_plan *plan, const struct frame_view *v)
{
    if (!c->plan)
        c->plan_session = v->head.session;
    c->plan_sure |= v->result.len_plan && c->plan_session != v->head.session;
    c->plan = plan;
}

bool job_wants_plan(const struct job *j, uint32_t cell, uint64_t session)
{
    const struct cell *c = &j->cells[cell];
    return !c->plan || (!c->plan_sure && c->plan_session != session);
}

qx_err job_decode(struct job *j, const struct frame_view *v, struct job_result *ret, struct qx_error *err)
{
    const struct reduce_plan *plan = NULL;
    qx_err e = find_plan(j, v, &plan, err);
    if (e == QX_ERR_OK)
        e = decode_nodes(j, plan, v, ret, err);
    if (e == QX_ERR_OK)
        e = check_rows(j, plan, &v->result, ret->n_items, err);
    if (e == QX_ERR_OK) /* a plan is believed when all that came with it fits */
        believe_plan(&j->cells[v->result.cell], plan, v);
    return e;
}

qx_err job_decode_state(const struct job *j, const struct frame_view *v, struct reduce_state *ret,
                        struct qx_error *err)
{
    struct qx_reader r = qx_reader(v->nodes, (size_t)v->result.len_nodes);
    const struct reduce_plan *plan = j->cells[v->result.cell].plan;
    return v->result.n_nodes == 1 && plan
               ? next_state(plan, &r, ret, err)
               : qx_fail(err, QX_ERR_PROTO, "a merge that gives %u states", v->result.n_nodes);
}

static qx_err keep_rows(struct job *j, struct cell *c, const struct frame_view *v, struct qx_error *err)
{
    struct job_rows r = {.first_item = block_first(j->spec->layout, v->result.first_block),
                         .n_items = (uint32_t)v->result.n_items,
                         .n_columns = reduce_plan_columns(c->plan)};
    r.values = qx_malloc((size_t)v->result.len_rows + 1);
    r.ok = qx_malloc((size_t)v->result.len_ok + 1);
    if (!r.values || !r.ok || qx_grow(&c->rows, &c->cap_rows, c->n_rows + 1, sizeof *c->rows)) {
        rows_fini(&r);
        return qx_fail(err, QX_ERR_NOMEM, "out of memory for the rows of %u items", r.n_items);
    }
    memcpy(r.values, v->rows, (size_t)v->result.len_rows);
    memcpy(r.ok, v->ok, (size_t)v->result.len_ok);
    size_t at = c->n_rows;
    while (at && c->rows[at - 1].first_item > r.first_item)
        at--;
    memmove(&c->rows[at + 1], &c->rows[at], (c->n_rows - at) * sizeof *c->rows);
    c->rows[at] = r;
    c->n_rows++;
    j->rows_held_bytes += v->result.len_rows;
    return QX_ERR_OK;
}

qx_err job_insert(struct job *j, uint32_t cell, struct job_result *r, const struct frame_view *v,
                  struct qx_error *err)
{
    struct cell *c = &j->cells[cell];
    qx_err e = QX_ERR_OK;
    if (!c->tree)
        e = tree_new(c->plan, NULL, j->spec->layout, j->has_rule, &c->tree);
    for (size_t i = 0; e == QX_ERR_OK && i < r->n_nodes; i++) {
        j->items_failed += r->states[i].tally.n_failed;
        e = tree_insert(c->tree, r->nodes[i], &r->states[i]);
    }
    if (e == QX_ERR_OK && r->partial_items) {
        j->items_failed += r->states[r->n_nodes].tally.n_failed;
        e = tree_insert_partial(c->tree, r->partial_block, r->partial_items, &r->states[r->n_nodes]);
    }
    if (e != QX_ERR_OK)
        return qx_fail(err, e, "merging a result: %s", qx_err_text(e));
    j->items_done += r->n_items;
    return v->result.len_rows ? keep_rows(j, c, v, err) : QX_ERR_OK;
}

qx_err job_advance(struct job *j, uint32_t cell, bool *ret_stop, uint64_t *ret_block, struct qx_error *err)
{
    struct cell *c = &j->cells[cell];
    *ret_stop = false;
    while (!c->stopped && tree_advance(c->tree)) {
        struct reduce_state s;
        reduce_state_init(&s);
        bool holds = false;
        qx_err e = tree_prefix_state(c->tree, &s);
        if (e == QX_ERR_OK)
            e = rule_eval(&j->rule, c->plan, &s, &holds, err);
        reduce_state_fini(&s);
        if (e != QX_ERR_OK)
            return e;
        if (holds) {
            c->stopped = true;
            *ret_stop = true;
            *ret_block = tree_prefix_blocks(c->tree);
            tree_truncate(c->tree);
        }
    }
    return QX_ERR_OK;
}

static char *failures_json(const struct tally *t)
{
    json_t *causes = json_array();
    for (uint32_t i = 0; i < t->n_causes; i++) {
        const struct tally_cause *c = &t->causes[i];
        json_t *first = json_array();
        for (uint32_t k = 0; k < c->n_first; k++)
            json_array_append_new(first, json_integer((json_int_t)c->first[k]));
        json_array_append_new(causes,
                              json_pack("{s:s, s:s, s:I, s:o}", "outcome",
                                        c->kind < QX_OUTCOME_COUNT ? outcome_names[c->kind] : "unknown",
                                        "why", c->text, "count", (json_int_t)c->count, "first", first));
    }
    json_t *all = json_pack("{s:I, s:o}", "count", (json_int_t)t->n_failed, "causes", causes);
    if (all && t->n_other)
        json_object_set_new(all, "other", json_integer((json_int_t)t->n_other));
    char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
    json_decref(all);
    char *ret = text ? qx_strdup(text) : NULL;
    free(text);
    return ret;
}

static qx_err answer_state(const struct cell *c, const struct reduce_state *folded, struct reduce_state *ret)
{
    if (folded)
        return reduce_state_copy(ret, folded);
    return c->tree ? tree_prefix_state(c->tree, ret) : QX_ERR_OK; /* nothing came in: an empty state */
}

qx_err job_close_cell(struct job *j, uint32_t cell, bool complete, const struct reduce_state *folded,
                      struct qx_error *err)
{
    struct cell *c = &j->cells[cell];
    struct reduce_state s;
    reduce_state_init(&s);
    qx_err e = answer_state(c, folded, &s);
    if (e == QX_ERR_OK) {
        qx_bytes_clear(&c->final);
        e = reduce_encode(&s, &c->final);
    }
    if (e == QX_ERR_OK)
        e = reduce_digest(&s, c->answer.digest);
    if (e == QX_ERR_OK) {
        answer_texts_free(&c->answer);
        c->answer.n_items = s.tally.n_ok + s.tally.n_failed;
        c->answer.n_failed = s.tally.n_failed;
        c->answer.complete = complete;
        c->answer.stopped = c->stopped;
        c->answer.failures_json = failures_json(&s.tally);
        e = c->answer.failures_json ? QX_ERR_OK : QX_ERR_NOMEM;
    }
    if (e == QX_ERR_OK && complete && s.tally.n_failed && !s.tally.n_ok)
        e = qx_fail(err, QX_ERR_TASK, "all %llu items failed: %s", (unsigned long long)s.tally.n_failed,
                    s.tally.n_causes ? s.tally.causes[0].text : "unknown cause");
    else if (e != QX_ERR_OK)
        qx_fail(err, e, "folding the answer: %s", qx_err_text(e));
    reduce_state_fini(&s);
    if (e == QX_ERR_OK)
        c->state = CELL_FINISHING;
    return e;
}

qx_err job_answer_cell(struct job *j, uint32_t cell, const void *json, size_t len, struct qx_error *err)
{
    struct cell *c = &j->cells[cell];
    struct qx_bytes text = {0};
    qx_err e = QX_ERR_OK;
    if (json) {
        e = qx_bytes_append(&text, json, len);
    } else if (!c->plan) {
        e = qx_bytes_append(&text, "{}", 2);
    } else {
        struct reduce_state s;
        reduce_state_init(&s);
        e = reduce_decode(c->plan, c->final.data, c->final.len, &s, err);
        if (e == QX_ERR_OK)
            e = reduce_summary_json(c->plan, &s, &text);
        reduce_state_fini(&s);
    }
    if (e == QX_ERR_OK)
        e = qx_bytes_append(&text, "", 1);
    if (e != QX_ERR_OK) {
        qx_bytes_fini(&text);
        return qx_fail(err, e, "writing the answer: %s", qx_err_text(e));
    }
    qx_free(c->answer.result_json);
    c->answer.result_json = (char *)text.data;
    j->cells_finished += c->state != CELL_FINISHED;
    c->state = CELL_FINISHED;
    return QX_ERR_OK;
}

void job_close(struct job *j)
{
    if (j->spec->n_cells == 1) {
        memcpy(j->digest, j->cells[0].answer.digest, sizeof j->digest);
        return;
    }
    crypto_generichash_state st;
    uint8_t hash[16];
    crypto_generichash_init(&st, NULL, 0, sizeof hash);
    for (uint32_t i = 0; i < j->spec->n_cells; i++)
        crypto_generichash_update(&st, (const uint8_t *)j->cells[i].answer.digest,
                                  sizeof j->cells[i].answer.digest);
    crypto_generichash_final(&st, hash, sizeof hash);
    sodium_bin2hex(j->digest, sizeof j->digest, hash, sizeof hash);
}

qx_err job_size_cell(struct job *j, uint32_t cell, const struct frame_size *said, struct qx_error *err)
{
    struct cell *c = &j->cells[cell];
    uint64_t n = j->spec->n_items ? j->spec->n_items : said->n_default;
    if (n == 0)
        return qx_fail(err, QX_ERR_INVALID, "task %s has no number of items of its own here: give -n N",
                       j->spec->task);
    c->n_items = said->n_max && n > said->n_max ? said->n_max : n;
    c->n_max = said->n_max;
    return QX_ERR_OK;
}

uint64_t job_items(const struct job *j, uint64_t *ret_total)
{
    uint64_t largest = 0;
    *ret_total = 0;
    for (uint32_t i = 0; i < j->spec->n_cells; i++) {
        largest = j->cells[i].n_items > largest ? j->cells[i].n_items : largest;
        *ret_total += j->cells[i].n_items;
    }
    return largest;
}

void job_reopen(struct job *j, uint64_t n_items)
{
    j->spec->n_items = n_items;
    for (uint32_t i = 0; i < j->spec->n_cells; i++) {
        struct cell *c = &j->cells[i];
        uint64_t n = c->n_max && c->n_max < n_items ? c->n_max : n_items;
        if (c->stopped || n <= c->n_items)
            continue; /* the rule ended it, or it has all there is: more items change nothing */
        c->n_items = n;
        uint64_t before = c->tree ? tree_prefix_items(c->tree) : 0;
        if (c->tree)
            tree_drop_partial(c->tree);
        j->items_done -= before - (c->tree ? tree_prefix_items(c->tree) : 0);
        if (c->state == CELL_FINISHED)
            j->cells_finished--;
        c->state = CELL_RUNNING;
        c->answer.complete = false;
        c->blocks_in = false;
    }
    j->state = JOB_STATE_RUNNING;
}

size_t job_skips(const struct job *j, uint32_t cell, uint64_t first_item, uint64_t end_item,
                 struct frame_skip *ret, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < j->n_skips && n < cap; i++)
        if (j->skips[i].cell == cell && j->skips[i].skip.item >= first_item &&
            j->skips[i].skip.item < end_item)
            ret[n++] = j->skips[i].skip;
    return n;
}

qx_err job_add_skip(struct job *j, uint32_t cell, uint64_t item, uint32_t outcome)
{
    if (qx_grow(&j->skips, &j->cap_skips, j->n_skips + 1, sizeof *j->skips))
        return QX_ERR_NOMEM;
    size_t at = j->n_skips;
    while (at && j->skips[at - 1].skip.item > item)
        at--;
    memmove(&j->skips[at + 1], &j->skips[at], (j->n_skips - at) * sizeof *j->skips);
    j->skips[at] = (struct job_skip){cell, {item, outcome, 0}};
    j->n_skips++;
    return QX_ERR_OK;
}

bool job_next_rows(struct job *j, uint32_t cell, struct job_rows *ret)
{
    struct cell *c = &j->cells[cell];
    while (c->n_rows) {
        struct job_rows *r = &c->rows[0];
        uint64_t end = r->first_item + r->n_items, limit = c->tree ? tree_prefix_items(c->tree) : 0;
        bool again = end <= c->next_row; /* sent before the job was extended */
        bool ready = r->first_item <= c->next_row && end <= limit;
        if (!again && !ready && !(c->stopped && r->first_item >= limit))
            return false;
        struct job_rows head = *r;
        c->n_rows--;
        memmove(&c->rows[0], &c->rows[1], c->n_rows * sizeof *c->rows);
        if (ready && !again) {
            uint32_t skip = (uint32_t)(c->next_row - head.first_item);
            if (skip) {
                j->rows_held_bytes -= (uint64_t)skip * head.n_columns * sizeof(double);
                head.n_items -= skip;
                head.first_item += skip;
                memmove(head.values, head.values + (size_t)skip * head.n_columns,
                        (size_t)head.n_items * head.n_columns * sizeof(double));
                memmove(head.ok, head.ok + skip, head.n_items);
            }
            c->next_row = end;
            *ret = head;
            return true;
        }
        j->rows_held_bytes -= (uint64_t)head.n_items * head.n_columns * sizeof(double);
        rows_fini(&head);
    }
    return false;
}

uint64_t job_rows_waiting(const struct job *j)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < j->spec->n_cells; i++)
        for (size_t k = 0; k < j->cells[i].n_rows; k++)
            bytes += (uint64_t)j->cells[i].rows[k].n_items * j->cells[i].rows[k].n_columns * sizeof(double);
    return bytes;
}

/* The first cell that still runs; of a job that has ended, the first. */
static const struct cell *estimate_cell(const struct job *j)
{
    for (uint32_t i = 0; j->state == JOB_STATE_RUNNING && i < j->spec->n_cells; i++)
        if (j->cells[i].state == CELL_RUNNING && j->cells[i].tree)
            return &j->cells[i];
    return j->state != JOB_STATE_RUNNING && j->cells[0].tree ? &j->cells[0] : NULL;
}

void job_estimate(const struct job *j, struct job_estimate *ret)
{
    const struct cell *c = estimate_cell(j);
    *ret = (struct job_estimate){.mean = (double)NAN, .se = (double)NAN, .measure = (double)NAN};
    if (!c)
        return;
    struct reduce_state s;
    reduce_state_init(&s);
    if (tree_prefix_state(c->tree, &s) == QX_ERR_OK) {
        ret->cell = (uint32_t)(c - j->cells);
        if (!reduce_stat(c->plan, &s, "mean", &ret->mean))
            (void)reduce_stat(c->plan, &s, "p", &ret->mean);
        (void)reduce_stat(c->plan, &s, "se", &ret->se);
        if (j->has_rule)
            (void)reduce_stat(c->plan, &s, j->rule.terms[0].name, &ret->measure);
    }
    reduce_state_fini(&s);
}

const char *job_file(const struct job *j, const char *ref)
{
    for (uint32_t i = 0; i < j->spec->n_files; i++)
        if (!strcmp(j->spec->files[i].name, ref))
            return j->spec->files[i].value;
    return NULL;
}
