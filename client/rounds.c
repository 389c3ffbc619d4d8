/* Rounds.
 *
 * Every cell has a state of its own: its parameters so far, the round that it is in, whose result holds its last answer. The job
 * at hand is made of the cells that are furthest behind and want the same n; `current` maps its cells to those of the whole.
 * Results that no cell points to any more are dropped, but for the first, which has the parameters as they were given. */
#include "client/rounds.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "client/next.h"
#include "client/session_internal.h"
#include "common/error.h"
#include "common/mem.h"

struct cell {
    struct qx_arg *args;    /* without a grid: the job's */
    uint32_t n_args, n_own; /* n_own: as given */
    uint32_t round;         /* done */
    size_t part;
    uint32_t part_cell; /* parts[part]->cells[part_cell] is the answer, once round > 0 */
    bool wants;         /* another round: */
    uint64_t n_items;
    char *why;
};

struct past {
    struct qx_round pub;
    char digest[33];
    char *why;
};

struct rounds {
    struct qx_job_options job; /* the first; its arrays are ours */
    char *texts;
    struct cell *cells;
    uint32_t n_cells, n_current;
    uint32_t *current;
    struct qx_cell_args *next_cells;
    struct qx_result **parts; /* a slot may be empty */
    size_t n_parts, cap_parts;
    struct past *past;      /* as many as parts */
    struct qx_job_info sum; /* of times and counts over all of them */
    size_t cap_past;
    char **made; /* names and values that answers set */
    size_t n_made, cap_made;
    bool cancelled;
    struct qx_error failed; /* why no round follows that was wanted */
};

/* ---- a copy of a job ---- */

static size_t text_bytes(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static size_t args_bytes(const struct qx_arg *args, uint32_t n)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < n; i++)
        bytes += text_bytes(args[i].name) + text_bytes(args[i].value);
    return bytes;
}

static const char *put_text(char **at, const char *text)
{
    if (!text)
        return NULL;
    char *copy = *at;
    size_t bytes = text_bytes(text);
    memcpy(copy, text, bytes);
    *at += bytes;
    return copy;
}

/* NULL: no memory. */
static struct qx_arg *copy_args(char **at, const struct qx_arg *args, uint32_t n)
{
    struct qx_arg *copy = qx_calloc((size_t)n + 1, sizeof *copy);
    for (uint32_t i = 0; copy && i < n; i++)
        copy[i] = (struct qx_arg){put_text(at, args[i].name), put_text(at, args[i].value)};
    return copy;
}

static bool copy_cells(struct rounds *r, char **at, const struct qx_job_options *job)
{
    for (uint32_t i = 0; i < r->n_cells; i++) {
        const struct qx_arg *args = job->n_cells ? job->cells[i].args : job->args;
        uint32_t n = job->n_cells ? job->cells[i].n_args : job->n_args;
        r->cells[i].args = copy_args(at, args, n);
        r->cells[i].n_args = r->cells[i].n_own = n;
        r->current[i] = i;
        if (!r->cells[i].args)
            return false;
    }
    r->n_current = r->n_cells;
    return true;
}

static bool copy_job(struct rounds *r, const struct qx_job_options *job)
{
    size_t bytes = 1 + text_bytes(job->task) + text_bytes(job->version) + text_bytes(job->until) +
                   text_bytes(job->label) + 2 * args_bytes(job->args, job->n_args) +
                   args_bytes(job->files, job->n_files);
    for (uint32_t i = 0; i < job->n_cells; i++)
        bytes += args_bytes(job->cells[i].args, job->cells[i].n_args);
    r->job = *job;
    r->job.args = r->job.files = NULL;
    r->job.cells = NULL;
    r->n_cells = job->n_cells ? job->n_cells : 1;
    r->texts = qx_malloc(bytes);
    r->cells = qx_calloc(r->n_cells, sizeof *r->cells);
    r->current = qx_calloc(r->n_cells, sizeof *r->current);
    r->next_cells = qx_calloc(r->n_cells, sizeof *r->next_cells);
    if (!r->texts || !r->cells || !r->current || !r->next_cells)
        return false;
    char *at = r->texts;
    r->job.task = put_text(&at, job->task);
    r->job.version = put_text(&at, job->version);
    r->job.until = put_text(&at, job->until);
    r->job.label = put_text(&at, job->label);
    r->job.args = copy_args(&at, job->args, job->n_args);
    r->job.files = copy_args(&at, job->files, job->n_files);
    return r->job.args && r->job.files && copy_cells(r, &at, job);
}

qx_err rounds_new(const struct qx_job_options *job, struct rounds **ret)
{
    struct rounds *r = qx_calloc(1, sizeof *r);
    if (!r)
        return QX_ERR_NOMEM;
    if (!copy_job(r, job)) {
        rounds_free(r);
        return QX_ERR_NOMEM;
    }
    if (r->job.rounds_max > QX_ROUNDS_MAX)
        r->job.rounds_max = QX_ROUNDS_MAX;
    *ret = r;
    return QX_ERR_OK;
}

struct rounds *rounds_free(struct rounds *r)
{
    if (!r)
        return NULL;
    for (uint32_t i = 0; r->cells && i < r->n_cells; i++) {
        qx_free(r->cells[i].args);
        qx_free(r->cells[i].why);
    }
    for (size_t i = 0; i < r->n_parts; i++) {
        if (r->parts) /* else handed over */
            qx_result_free(r->parts[i]);
        qx_free(r->past[i].why);
    }
    for (size_t i = 0; i < r->n_made; i++)
        qx_free(r->made[i]);
    qx_free(r->made);
    qx_free(r->past);
    qx_free(r->parts);
    qx_free(r->next_cells);
    qx_free(r->current);
    qx_free(r->cells);
    qx_free((void *)(uintptr_t)r->job.args);
    qx_free((void *)(uintptr_t)r->job.files);
    qx_free(r->texts);
    qx_free(r);
    return NULL;
}

void rounds_cancel(struct rounds *r)
{
    r->cancelled = true;
}

bool rounds_cancelled(const struct rounds *r)
{
    return r->cancelled;
}

/* ---- where it stands ---- */

static struct cell *current_cell(const struct rounds *r)
{
    return &r->cells[r->current[0]];
}

uint32_t rounds_now(const struct rounds *r)
{
    return current_cell(r)->round + 1;
}

const char *rounds_why(const struct rounds *r)
{
    const char *why = current_cell(r)->why;
    return why ? why : "";
}

uint32_t rounds_cell(const struct rounds *r, uint32_t cell)
{
    return cell < r->n_current ? r->current[cell] : 0;
}

/* ---- what an answer wants ---- */

static qx_err keep_text(struct rounds *r, const char *text, const char **ret)
{
    if (qx_grow(&r->made, &r->cap_made, r->n_made + 1, sizeof *r->made))
        return QX_ERR_NOMEM;
    char *copy = qx_strdup(text);
    if (!copy)
        return QX_ERR_NOMEM;
    r->made[r->n_made++] = copy;
    *ret = copy;
    return QX_ERR_OK;
}

static qx_err set_arg(struct rounds *r, struct cell *c, const char *name, const char *value)
{
    struct qx_arg *found = NULL;
    for (uint32_t i = 0; i < c->n_args && !found; i++)
        if (!strcmp(c->args[i].name, name))
            found = &c->args[i];
    if (found)
        return keep_text(r, value, &found->value);
    struct qx_arg *grown = qx_realloc(c->args, ((size_t)c->n_args + 1) * sizeof *grown), a;
    if (!grown)
        return QX_ERR_NOMEM;
    c->args = grown;
    qx_err e = keep_text(r, name, &a.name);
    if (e == QX_ERR_OK)
        e = keep_text(r, value, &a.value);
    if (e == QX_ERR_OK)
        c->args[c->n_args++] = a;
    return e;
}

static qx_err want(struct rounds *r, struct cell *c, const struct next *n)
{
    qx_err e = QX_ERR_OK;
    for (size_t i = 0; e == QX_ERR_OK && i < n->n_args; i++)
        e = set_arg(r, c, n->args[i].name, n->args[i].value);
    char *why = e == QX_ERR_OK ? qx_strdup(n->why) : NULL;
    if (!why)
        return QX_ERR_NOMEM;
    qx_free(c->why);
    c->why = why;
    c->n_items = n->n_items;
    c->wants = true;
    return QX_ERR_OK;
}

/* No round follows, and this says why. */
static void stop(struct rounds *r, qx_err code, uint32_t round, const char *text)
{
    if (code == QX_ERR_INVALID) /* not the user's mistake: the first round was sound */
        code = QX_ERR_TASK;
    if (r->failed.code == QX_ERR_OK)
        (void)qx_fail(&r->failed, code, "round %u: %s", round, text);
}

static qx_err read_answer(struct rounds *r, struct cell *c, const struct qx_cell *answer)
{
    struct next next;
    struct qx_error why = {0};
    qx_err e = next_read(answer->result_json, &next, &why);
    if (e == QX_ERR_NOTFOUND)
        return QX_ERR_OK;
    if (e != QX_ERR_OK) {
        if (e != QX_ERR_NOMEM) { /* the task's fault; the answer stands, as one that is not the last */
            c->wants = true;
            stop(r, QX_ERR_TASK, c->round, why.text);
            e = QX_ERR_OK;
        }
        return e;
    }
    e = want(r, c, &next);
    if (e == QX_ERR_OK && c->round >= r->job.rounds_max) {
        char text[128];
        (void)snprintf(text, sizeof text, "the last that may be, and the task wants more (%.80s)", next.why);
        stop(r, QX_ERR_LIMIT, c->round, text);
    }
    next_fini(&next);
    return e;
}

/* ---- results ---- */

/* Adds the times and counts of a job; i NULL: sets them to nothing. */
static void add_times(struct qx_job_info *to, const struct qx_job_info *i)
{
    uint64_t *const sums[] = {&to->elapsed_ns, &to->items_done,  &to->items_failed, &to->items_total,
                              &to->wait_ns,    &to->transfer_ns, &to->task_ns,      &to->reduce_ns,
                              &to->busy_ns,    &to->sink_ns,     &to->leases,       &to->leases_failed};
    const uint64_t more[] = {i ? i->elapsed_ns : 0,  i ? i->items_done : 0, i ? i->items_failed : 0,
                             i ? i->items_total : 0, i ? i->wait_ns : 0,    i ? i->transfer_ns : 0,
                             i ? i->task_ns : 0,     i ? i->reduce_ns : 0,  i ? i->busy_ns : 0,
                             i ? i->sink_ns : 0,     i ? i->leases : 0,     i ? i->leases_failed : 0};
    for (size_t k = 0; k < sizeof sums / sizeof *sums; k++)
        *sums[k] = i ? *sums[k] + more[k] : 0;
}

static qx_err keep_part(struct rounds *r, struct qx_result *result)
{
    size_t n = r->n_parts;
    char *why = qx_strdup(rounds_why(r));
    if (!why || qx_grow(&r->parts, &r->cap_parts, n + 1, sizeof *r->parts) ||
        qx_grow(&r->past, &r->cap_past, n + 1, sizeof *r->past)) {
        qx_free(why);
        return QX_ERR_NOMEM;
    }
    struct past *p = &r->past[n];
    *p = (struct past){.pub = {.round = rounds_now(r),
                               .n_cells = r->n_current,
                               .job = result->info.job,
                               .seed = result->info.seed,
                               .n_items = result->info.items_done,
                               .elapsed_ns = result->info.elapsed_ns},
                       .why = why};
    const char *digest = !*result->digest && result->n_cells == 1 ? result->cells[0].digest : result->digest;
    (void)snprintf(p->digest, sizeof p->digest, "%s", digest);
    r->parts[n] = result;
    r->n_parts++;
    add_times(&r->sum, &result->info);
    return QX_ERR_OK;
}

/* Results that no cell points to, and that are not the first. */
static void drop_parts(struct rounds *r)
{
    for (size_t p = 1; p + 1 < r->n_parts; p++) {
        bool used = false;
        for (uint32_t i = 0; r->parts[p] && i < r->n_cells && !used; i++)
            used = r->cells[i].part == p;
        if (!used) {
            qx_result_free(r->parts[p]);
            r->parts[p] = NULL;
        }
    }
}

static bool wants_more(const struct qx_cell *answer)
{
    struct next next;
    struct qx_error ignored;
    bool wants = next_read(answer->result_json, &next, &ignored) == QX_ERR_OK;
    if (wants)
        next_fini(&next);
    return wants;
}

/* Answers of a job that did not end well count where there are none before. */
static qx_err take_cells(struct rounds *r, const struct qx_result *result)
{
    bool good = result->info.state == QX_JOB_DONE;
    qx_err e = QX_ERR_OK;
    for (uint32_t i = 0; e == QX_ERR_OK && i < r->n_current && i < result->n_cells; i++) {
        struct cell *c = &r->cells[r->current[i]];
        if (!good && c->round)
            continue;
        c->part = r->n_parts - 1;
        c->part_cell = i;
        c->round++;
        c->wants = false;
        if (good)
            e = read_answer(r, c, &result->cells[i]);
        else /* cancelled when all its items were there: an answer, but not the last */
            c->wants = result->cells[i].complete && wants_more(&result->cells[i]);
    }
    return e;
}

qx_err rounds_take(struct rounds *r, struct qx_result *result)
{
    qx_err e = keep_part(r, result);
    if (e != QX_ERR_OK) {
        qx_result_free(result);
        return e;
    }
    const struct qx_job_info *i = &result->info;
    if (i->state == QX_JOB_CANCELLED)
        r->cancelled = true;
    else if (i->state != QX_JOB_DONE && r->n_parts > 1)
        stop(r, i->code == QX_ERR_OK ? QX_ERR_TASK : i->code, rounds_now(r),
             *i->error ? i->error : "the job failed");
    else if (i->state != QX_JOB_DONE)
        r->failed = (struct qx_error){.code = i->code == QX_ERR_OK ? QX_ERR_TASK : i->code};
    e = take_cells(r, result);
    drop_parts(r);
    return e;
}

void rounds_fail(struct rounds *r, const struct qx_error *why)
{
    stop(r, why->code, rounds_now(r), why->text);
}

bool rounds_next(struct rounds *r, struct qx_job_options *ret)
{
    const struct cell *lead = NULL;
    if (r->cancelled || r->failed.code != QX_ERR_OK || !r->n_parts)
        return false;
    for (uint32_t i = 0; i < r->n_cells; i++)
        if (r->cells[i].wants && (!lead || r->cells[i].round < lead->round))
            lead = &r->cells[i];
    if (!lead)
        return false;
    r->n_current = 0;
    for (uint32_t i = 0; i < r->n_cells; i++) {
        const struct cell *c = &r->cells[i];
        if (!c->wants || c->round != lead->round || c->n_items != lead->n_items)
            continue;
        r->next_cells[r->n_current] = (struct qx_cell_args){c->args, c->n_args};
        r->current[r->n_current++] = i;
    }
    const struct qx_job_info *first = &r->parts[0]->info;
    *ret = r->job;
    ret->version = first->version;
    ret->seed = first->seed;
    ret->has_seed = true;
    ret->n_items = lead->n_items ? lead->n_items : r->job.n_items;
    if (r->job.n_cells) {
        ret->cells = r->next_cells;
        ret->n_cells = r->n_current;
    } else {
        ret->args = lead->args;
        ret->n_args = lead->n_args;
    }
    return true;
}

/* ---- the whole ---- */

static size_t whole_texts(const struct rounds *r)
{
    size_t bytes = sizeof r->failed.text + 33;
    for (size_t i = 0; i < r->n_parts; i++)
        bytes += sizeof r->past[i].digest + text_bytes(r->past[i].why);
    return bytes;
}

/* The digest of a job of these cells, as a master makes it. */
static void whole_digest(const struct qx_result *whole, char ret[33])
{
    crypto_generichash_state st;
    uint8_t hash[16];
    if (whole->n_cells == 1) {
        (void)snprintf(ret, 33, "%s", whole->cells[0].digest);
        return;
    }
    crypto_generichash_init(&st, NULL, 0, sizeof hash);
    for (uint32_t i = 0; i < whole->n_cells; i++) {
        char one[33] = "";
        (void)snprintf(one, sizeof one, "%s", whole->cells[i].digest);
        crypto_generichash_update(&st, (const uint8_t *)one, sizeof one);
    }
    crypto_generichash_final(&st, hash, sizeof hash);
    sodium_bin2hex(ret, 33, hash, sizeof hash);
}

static void fill_rounds(const struct rounds *r, struct result_box *b, char **at)
{
    for (size_t i = 0; i < r->n_parts; i++) {
        b->rounds[i] = r->past[i].pub;
        b->rounds[i].digest = put_text(at, r->past[i].digest);
        b->rounds[i].why = put_text(at, r->past[i].why);
    }
    b->pub.rounds = b->rounds;
    b->pub.n_rounds = (uint32_t)r->n_parts;
}

static void fill_cells(const struct rounds *r, struct result_box *b, const struct qx_result *first)
{
    for (uint32_t i = 0; i < first->n_cells; i++) {
        const struct cell *c = &r->cells[i];
        b->cells[i] = r->parts[c->part]->cells[c->part_cell];
        b->cells[i].args = first->cells[i].args;
        b->cells[i].n_args = first->cells[i].n_args;
        b->cells[i].complete = b->cells[i].complete && !c->wants;
    }
    b->pub.cells = first->n_cells ? b->cells : NULL;
    b->pub.n_cells = first->n_cells;
}

/* What became of it. Times and counts are sums over all jobs. */
static void fill_info(const struct rounds *r, struct result_box *b, char **at)
{
    const struct qx_result *first = r->parts[0];
    struct qx_job_info *i = &b->pub.info;
    bool unfinished = false;
    *i = r->parts[r->n_parts - 1]->info;
    add_times(i, NULL);
    add_times(i, &r->sum);
    i->n_items = first->info.n_items;
    i->submitted_unix_ms = first->info.submitted_unix_ms;
    i->first_lease_ns = first->info.first_lease_ns;
    i->n_cells = i->cells_done = first->n_cells;
    i->round = r->past[r->n_parts - 1].pub.round;
    i->round_why = b->rounds[r->n_parts - 1].why;
    for (uint32_t k = 0; k < first->n_cells; k++) {
        unfinished |= r->cells[k].wants;
        i->cells_done -= r->cells[k].wants;
    }
    if (*r->failed.text) { /* else the first job failed, and says why itself */
        i->state = QX_JOB_FAILED;
        i->code = r->failed.code;
        i->error = put_text(at, r->failed.text);
    } else if (r->cancelled && unfinished) {
        i->state = QX_JOB_CANCELLED;
    }
}

static bool is_plain(const struct rounds *r)
{
    bool wants = false;
    for (uint32_t i = 0; i < r->n_cells; i++)
        wants |= r->cells[i].wants;
    return r->n_parts == 1 && !wants && (r->failed.code == QX_ERR_OK || !*r->failed.text);
}

static struct result_box *whole_new(const struct rounds *r)
{
    const struct qx_result *first = r->parts[0];
    struct result_box *b = qx_calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->cells = qx_calloc((size_t)first->n_cells + 1, sizeof *b->cells);
    b->rounds = qx_calloc(r->n_parts, sizeof *b->rounds);
    b->texts = qx_malloc(whole_texts(r));
    if (b->cells && b->rounds && b->texts)
        return b;
    qx_result_free(&b->pub);
    return NULL;
}

qx_err rounds_end(struct rounds *r, struct qx_result **ret)
{
    if (!r->n_parts)
        return QX_ERR_NOTFOUND;
    if (is_plain(r)) {
        *ret = r->parts[0];
        r->parts[0] = NULL;
        return QX_ERR_OK;
    }
    const struct qx_result *first = r->parts[0], *last = r->parts[r->n_parts - 1];
    struct result_box *b = whole_new(r);
    if (!b)
        return QX_ERR_NOMEM;
    char *at = b->texts, digest[33];
    b->pub.args = first->args;
    b->pub.n_args = first->n_args;
    b->pub.until = last->until;
    b->pub.files = first->files;
    b->pub.n_files = first->n_files;
    fill_rounds(r, b, &at);
    fill_cells(r, b, first);
    fill_info(r, b, &at);
    whole_digest(&b->pub, digest);
    b->pub.digest = put_text(&at, digest);
    b->parts = r->parts;
    b->n_parts = r->n_parts;
    r->parts = NULL;
    *ret = &b->pub;
    return QX_ERR_OK;
}
