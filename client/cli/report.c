#include "client/cli/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/error.h"

/* A number past 2^63 has no JSON integer here; its digits are kept as text. */
static json_t *json_u64(uint64_t v)
{
    char text[24];
    if (v <= INT64_MAX)
        return json_integer((json_int_t)v);
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)v);
    return json_string(text);
}

static json_t *json_number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

/* A data set is shown by the name of the file that it came from. */
static const char *shown(const struct qx_result *r, const char *value)
{
    for (uint32_t i = 0; i < r->n_files; i++)
        if (!strcmp(r->files[i].name, value))
            return r->files[i].value;
    return value;
}

static json_t *params_json(const struct qx_result *r, const struct qx_arg *args, uint32_t n)
{
    json_t *o = json_object();
    for (uint32_t i = 0; i < n; i++)
        json_object_set_new(o, args[i].name, json_string(shown(r, args[i].value)));
    return o;
}

/* Which data the names stand for. */
static void add_data(json_t *to, const struct qx_arg *args, uint32_t n)
{
    json_t *o = json_object();
    for (uint32_t i = 0; i < n; i++)
        if (!strncmp(args[i].value, "blob:", 5))
            json_object_set_new(o, args[i].name, json_string(args[i].value));
    if (json_object_size(o))
        json_object_set(to, "data", o);
    json_decref(o);
}

/* What a worker wrote, passed on unread. err: the first that is no JSON. */
static json_t *parsed(const struct qx_result *r, const char *text, struct qx_error *err)
{
    if (!*text)
        return json_null();
    json_error_t where = {.text = ""};
    json_t *v = json_loads(text, JSON_DECODE_ANY, &where);
    if (!v && err->code == QX_ERR_OK)
        (void)qx_fail(err, QX_ERR_TASK, "an answer of task %s %s is no JSON: %s (byte %d)", r->info.task,
                      r->info.version, where.text, where.position);
    return v;
}

/* The answer of a cell; *ret_why: why its task wants another round, which is no part of it, or NULL. */
static json_t *answer_json(const struct qx_result *r, const struct qx_cell *c, json_t **ret_why,
                           struct qx_error *err)
{
    json_t *result = parsed(r, c->result_json, err), *next = json_object_get(result, "next");
    *ret_why = NULL;
    if (next) {
        const json_t *why = json_object_get(next, "why");
        *ret_why = json_string(json_is_string(why) ? json_string_value(why) : "");
        json_object_del(result, "next");
    }
    return result;
}

static json_t *cell_json(const struct qx_result *r, const struct qx_cell *c, struct qx_error *err)
{
    json_t *o = json_object(), *why, *result = answer_json(r, c, &why, err);
    json_object_set_new(o, "params", params_json(r, c->args, c->n_args));
    add_data(o, c->args, c->n_args);
    json_object_set_new(o, "n", json_u64(c->n_items));
    json_object_set_new(o, "result", result);
    if (why)
        json_object_set_new(o, "unfinished", why);
    json_object_set_new(o, "failed", json_u64(c->n_failed));
    json_object_set_new(o, "complete", json_boolean(c->complete));
    json_object_set_new(o, "stopped", json_boolean(c->stopped));
    json_object_set_new(o, "digest", json_string(c->digest));
    return o;
}

/* Adds the causes of one cell to those of all. */
static void add_causes(json_t *all, const json_t *cell, uint32_t index, bool many)
{
    size_t i;
    json_t *cause;
    json_array_foreach(json_object_get(cell, "causes"), i, cause)
    {
        json_t *copy = json_deep_copy(cause);
        if (many)
            json_object_set_new(copy, "cell", json_integer(index));
        json_array_append_new(all, copy);
    }
}

static json_t *failures_json(const struct qx_result *r, struct qx_error *err)
{
    uint64_t count = 0;
    json_t *causes = json_array();
    for (uint32_t i = 0; i < r->n_cells; i++) {
        json_t *f = parsed(r, r->cells[i].failures_json, err);
        count += r->cells[i].n_failed;
        add_causes(causes, f, i, r->n_cells > 1);
        json_decref(f);
    }
    return json_pack("{s:o, s:o}", "count", json_u64(count), "causes", causes);
}

static bool is_grid(const struct qx_result *r)
{
    return r->n_cells > 1 || (r->n_cells == 1 && r->cells[0].n_args);
}

static void add_answer(json_t *o, const struct qx_result *r, struct qx_error *err)
{
    json_t *why = NULL, *cells = json_array();
    if (!is_grid(r)) {
        json_t *result = r->n_cells ? answer_json(r, &r->cells[0], &why, err) : json_null();
        if (why)
            json_object_set_new(o, "unfinished", why);
        json_object_set_new(o, "result", result);
        json_decref(cells);
        return;
    }
    for (uint32_t i = 0; i < r->n_cells; i++) {
        json_t *cell = cell_json(r, &r->cells[i], err), *its = json_object_get(cell, "unfinished");
        if (its && !why)
            json_object_set(o, "unfinished", why = its);
        json_array_append_new(cells, cell);
    }
    json_object_set_new(o, "cells", cells);
}

/* Speed-up against one slot that does nothing but this work, and the serial fraction after Karp & Flatt (1990). */
static void add_speed(json_t *o, const struct qx_job_info *i)
{
    double elapsed = (double)i->elapsed_ns / 1e9, slots = i->slots;
    double work = (double)(i->task_ns + i->reduce_ns) / 1e9;
    double speedup = elapsed > 0 ? work / elapsed : (double)NAN;
    double serial = slots > 1 && speedup > 0 ? (1 / speedup - 1 / slots) / (1 - 1 / slots) : (double)NAN;
    json_object_set_new(o, "speedup", json_number(speedup));
    json_object_set_new(o, "efficiency", json_number(slots > 0 ? speedup / slots : (double)NAN));
    json_object_set_new(o, "karp_flatt", json_number(serial));
}

/* The jobs that an answer in rounds took. */
static void add_rounds(json_t *o, const struct qx_result *r)
{
    json_t *list = json_array();
    uint32_t most = 0;
    for (uint32_t i = 0; i < r->n_rounds; i++) {
        const struct qx_round *k = &r->rounds[i];
        most = k->round > most ? k->round : most;
        json_array_append_new(list, json_pack("{s:I, s:o, s:o, s:I, s:o, s:f, s:s, s:s}", "round",
                                              (json_int_t)k->round, "job", json_u64(k->job), "seed",
                                              json_u64(k->seed), "cells", (json_int_t)k->n_cells, "items",
                                              json_u64(k->n_items), "elapsed_s", (double)k->elapsed_ns / 1e9,
                                              "digest", k->digest, "why", k->why));
    }
    if (r->n_rounds) {
        json_object_set_new(o, "rounds", json_integer(most));
        json_object_set(o, "round_list", list);
    }
    json_decref(list);
}

static void add_times(json_t *o, const struct qx_job_info *i)
{
    json_object_set_new(o, "elapsed_s", json_real((double)i->elapsed_ns / 1e9));
    json_object_set_new(o, "slots", json_integer(i->slots));
}

static void add_split(json_t *o, const struct qx_job_info *i)
{
    json_object_set_new(o, "time",
                        json_pack("{s:f, s:f, s:f, s:f}", "waiting_s", (double)i->wait_ns / 1e9, "transfer_s",
                                  (double)i->transfer_ns / 1e9, "computing_s", (double)i->task_ns / 1e9,
                                  "reducing_s", (double)(i->reduce_ns + i->sink_ns) / 1e9));
}

json_t *report_new(const struct qx_result *r, const struct qx_arg *given, uint32_t n_given,
                   struct qx_error *err)
{
    const struct qx_job_info *i = &r->info;
    json_t *o = json_object();
    bool partial = false, stopped = r->n_cells > 0;
    uint64_t items = 0;
    for (uint32_t k = 0; k < r->n_cells; k++) {
        partial |= !r->cells[k].complete;
        stopped &= r->cells[k].stopped;
        items += r->cells[k].n_items;
    }
    json_object_set_new(o, "job", json_u64(i->job));
    json_object_set_new(o, "task", json_string(i->task));
    json_object_set_new(o, "version", json_string(i->version));
    json_object_set_new(o, "params",
                        given ? params_json(r, given, n_given) : params_json(r, r->args, r->n_args));
    add_data(o, r->args, r->n_args);
    json_object_set_new(o, "n", json_u64(is_grid(r) ? i->n_items : r->n_cells ? r->cells[0].n_items : 0));
    json_object_set_new(o, "seed", json_u64(i->seed));
    if (*r->until) {
        json_object_set_new(o, "until", json_string(r->until));
        json_object_set_new(o, "stopped", json_boolean(stopped));
    }
    add_rounds(o, r);
    json_object_set_new(o, "state", json_string(qx_job_state_name(i->state)));
    if (*i->error)
        json_object_set_new(o, "error", json_string(i->error));
    json_object_set_new(o, "partial", json_boolean(partial || !r->n_cells));
    struct qx_error bad = {0};
    add_answer(o, r, &bad);
    json_object_set_new(o, "failures", failures_json(r, &bad));
    json_object_set_new(o, "items", json_u64(items));
    add_times(o, i);
    json_object_set_new(o, "digest",
                        json_string(!*r->digest && r->n_cells == 1 ? r->cells[0].digest : r->digest));
    add_split(o, i);
    add_speed(o, i);
    if (o && bad.code == QX_ERR_OK)
        return o;
    json_decref(o);
    *err = bad;
    if (bad.code == QX_ERR_OK)
        (void)qx_fail(err, QX_ERR_NOMEM, "out of memory for the answer");
    return NULL;
}
