/* What jobs compute, where it hurts, and what must come out. */
#include <stdlib.h>
#include <string.h>

#include "quincunx/stream.h"
#include "tests/sim/sim.h"

static uint64_t choose_item_ns(struct sim *s)
{
    const uint64_t costs[] = {300, 20000, 400000, 3 * SIM_MS, 80 * SIM_MS};
    return costs[sim_below(s, sizeof costs / sizeof costs[0])];
}

static void schedule_actions(struct sim *s, struct sim_job *j)
{
    uint32_t at = (uint32_t)(j->id - 1);
    uint64_t start = s->now_ns + sim_below(s, 2 * SIM_S);
    sim_at(s, start, SIM_JOB_SUBMIT, 0, at, 0);
    s->n_actions++;
    if (s->config.calm)
        return;
    if (j->cancel) {
        sim_at(s, start + sim_below(s, 20 * SIM_S), SIM_JOB_CANCEL, 0, at, 0);
        s->n_actions++;
    } else if (!j->never_opens && sim_chance(s, 400)) {
        j->n_extended = j->n_items + 1 + sim_below(s, j->n_items);
        sim_at(s, start + sim_below(s, 30 * SIM_S), SIM_JOB_EXTEND, 0, at, 0);
        s->n_actions++;
    }
    for (uint64_t i = sim_below(s, 3); i > 0; i--) {
        uint64_t on = start + sim_below(s, 10 * SIM_S);
        sim_at(s, on, SIM_JOB_THROTTLE, 0, at, 1);
        sim_at(s, on + sim_below(s, 5 * SIM_S), SIM_JOB_THROTTLE, 0, at, 0);
        s->n_actions += 2;
    }
    for (uint64_t i = sim_below(s, 6); i > 0; i--) {
        sim_at(s, start + sim_below(s, 5 * SIM_S), SIM_JOB_MERGE, 0, at, 0);
        s->n_actions++;
    }
}

void sim_job_make(struct sim *s, struct sim_job *j, uint64_t id)
{
    j->id = id;
    j->seed = sim_random(s);
    j->n_items = s->config.n_items / 2 + 1 + sim_below(s, s->config.n_items);
    j->n_cells = sim_chance(s, 250) ? 1 + (uint32_t)sim_below(s, 5) : 1;
    j->n_first = j->n_items = j->n_items / j->n_cells + 1;
    j->layout = (struct block_layout){1 + (uint32_t)sim_below(s, sim_chance(s, 500) ? 1 : 9),
                                      (uint32_t)sim_below(s, 8)};
    j->chunk_items = sim_chance(s, 200) ? 1 + sim_below(s, 40) : 0;
    j->item_ns = choose_item_ns(s);
    j->priority = sim_chance(s, 300) ? (int32_t)sim_below(s, 5) - 2 : 0;
    j->class_id = (uint32_t)sim_below(s, s->n_classes);
    j->until_se = sim_chance(s, 300) ? 0.3 / (double)(2 + sim_below(s, 12)) : 0;
    j->by_finish = sim_chance(s, 300);
    j->unsized = sim_chance(s, 250);
    if (!s->config.calm) {
        j->never_opens = sim_chance(s, 50);
        j->cancel = sim_chance(s, 160);
        j->by_cut = j->cancel && sim_chance(s, 600);
        if (j->by_cut && sim_chance(s, 500))
            j->item_ns = SIM_NEVER;
        j->unknown_deaths = j->never_opens ? UINT32_MAX : (uint32_t)sim_below(s, SIM_ATTEMPTS_MAX);
        j->poison_in = sim_chance(s, 400) ? 50 + (uint32_t)sim_below(s, 1000) : 0;
        j->flaky_in = sim_chance(s, 400) ? 50 + (uint32_t)sim_below(s, 1000) : 0;
    }
    j->cells = calloc(j->n_cells, sizeof *j->cells);
    sim_expect(j->cells != NULL);
    for (uint32_t c = 0; c < j->n_cells; c++)
        sim_ok(tree_new(s->plan, NULL, j->layout, j->until_se > 0, &j->cells[c].tree));
    schedule_actions(s, j);
}

void sim_job_fini(struct sim_job *j)
{
    for (uint32_t c = 0; c < j->n_cells; c++) {
        tree_free(j->cells[c].tree);
        free(j->cells[c].skips);
    }
    free(j->cells);
}

struct sim_job *sim_job(struct sim *s, uint64_t id)
{
    return &s->jobs[id - 1];
}

static uint64_t first_items(const struct sim_job *j, uint32_t cell)
{
    return 1 + sim_hash(j->seed, cell, 77) % j->n_first;
}

uint64_t sim_cell_items_max(const struct sim_job *j, uint32_t cell)
{
    return j->unsized && sim_hash(j->seed, cell, 78) % 2 ? first_items(j, cell) : 0;
}

uint64_t sim_cell_items(const struct sim_job *j, uint32_t cell)
{
    bool grown = j->n_items > j->n_first && sim_cell_items_max(j, cell) == 0;
    return j->unsized && !grown ? first_items(j, cell) : j->n_items;
}

bool sim_is_poison(const struct sim_job *j, uint32_t cell, uint64_t item)
{
    return j->poison_in && sim_hash(j->seed, cell, item * 2) % j->poison_in == 0;
}

bool sim_is_flaky(const struct sim_job *j, uint32_t cell, uint64_t item)
{
    return j->flaky_in && sim_hash(j->seed, cell, item * 2 + 1) % j->flaky_in == 0;
}

uint64_t sim_item_ns(const struct sim_job *j, uint32_t cell, uint64_t item)
{
    return j->item_ns / 2 + sim_hash(j->seed, item, cell + 99) % j->item_ns;
}

void sim_block_state(const struct sim *s, const struct sim_job *j, uint32_t cell, uint64_t block,
                     uint64_t end, struct reduce_state *ret)
{
    sim_ok(reduce_reset(s->plan, NULL, ret));
    uint64_t first = block_first(j->layout, block), stop = block_first(j->layout, block + 1);
    for (uint64_t item = first; item < stop && item < end; item++) {
        if (sim_is_poison(j, cell, item)) {
            sim_ok(reduce_fail(ret, item, QX_OUTCOME_SIGNAL, "killed"));
            continue;
        }
        struct qx_stream stream;
        qx_stream_init(&stream, j->seed, item, cell);
        double row[2];
        row[0] = qx_uniform(&stream);
        row[1] = qx_uniform(&stream) - 0.5;
        sim_ok(reduce_add(s->plan, NULL, ret, item, 1, row));
    }
}

bool sim_rule_holds(const struct sim *s, const struct sim_job *j, const struct tree *t)
{
    struct reduce_state prefix;
    reduce_state_init(&prefix);
    sim_ok(tree_prefix_state(t, &prefix));
    double se;
    sim_expect(reduce_stat(s->plan, &prefix, "se", &se));
    reduce_state_fini(&prefix);
    return se < j->until_se; /* not while it is NaN */
}

/* One process, one loop, block after block. */
void sim_expected_digest(const struct sim *s, const struct sim_job *j, uint32_t cell, char ret[33])
{
    struct tree *t;
    struct reduce_state st;
    reduce_state_init(&st);
    sim_ok(tree_new(s->plan, NULL, j->layout, j->until_se > 0, &t));
    uint64_t n_items = sim_cell_items(j, cell);
    uint64_t n_blocks = j->cells[cell].cut ? j->cells[cell].end_block : block_count(j->layout, n_items);
    bool stopped = false;
    for (uint64_t b = 0; b < n_blocks && !stopped; b++) {
        sim_block_state(s, j, cell, b, n_items, &st);
        uint64_t held = st.tally.n_ok + st.tally.n_failed;
        if (held < block_items(j->layout, b))
            sim_ok(tree_insert_partial(t, b, held, &st));
        else
            sim_ok(tree_insert(t, (struct block_node){0, b}, &st));
        while (!stopped && tree_advance(t))
            if (sim_rule_holds(s, j, t)) {
                stopped = true;
                tree_truncate(t);
            }
    }
    sim_ok(tree_prefix_state(t, &st));
    sim_ok(reduce_digest(&st, ret));
    reduce_state_fini(&st);
    tree_free(t);
}

/* ---- results ---- */

struct sim_result *sim_result_ref(struct sim_result *r)
{
    r->refs++;
    return r;
}

void sim_result_unref(void *result)
{
    struct sim_result *r = result;
    if (--r->refs)
        return;
    for (size_t i = 0; r->states && i <= r->n_nodes; i++)
        reduce_state_fini(&r->states[i]);
    free(r->states);
    free(r);
}

static void node_state(const struct sim *s, const struct sim_job *j, const struct sched_lease *l,
                       struct block_node node, struct reduce_state *ret)
{
    uint64_t first = node.index << node.level, n = (uint64_t)1 << node.level;
    if (node.level == 0) {
        sim_block_state(s, j, l->cell, first, l->end_item, ret);
        return;
    }
    struct reduce_state right;
    reduce_state_init(&right);
    node_state(s, j, l, (struct block_node){node.level - 1, first / (n / 2)}, ret);
    node_state(s, j, l, (struct block_node){node.level - 1, first / (n / 2) + 1}, &right);
    sim_ok(reduce_merge(s->plan, NULL, ret, &right));
    reduce_state_fini(&right);
}

void sim_result_fill(const struct sim *s, const struct sim_job *j, const struct sched_lease *l,
                     struct sim_result *r)
{
    uint64_t end = l->first_block + l->n_blocks;
    uint64_t last_first = block_first(j->layout, end - 1);
    if (block_first(j->layout, end) > l->end_item) {
        end--;
        r->partial_block = end;
        r->partial_items = l->end_item - last_first;
    }
    r->n_nodes = block_cut(l->first_block, end, r->nodes);
    r->states = calloc(r->n_nodes + 1, sizeof *r->states);
    sim_expect(r->states != NULL);
    for (size_t i = 0; i <= r->n_nodes; i++)
        reduce_state_init(&r->states[i]);
    for (size_t i = 0; i < r->n_nodes; i++)
        node_state(s, j, l, r->nodes[i], &r->states[i]);
    if (r->partial_items)
        sim_block_state(s, j, l->cell, r->partial_block, l->end_item, &r->states[r->n_nodes]);
}
