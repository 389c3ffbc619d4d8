/* csv.c - the draws as CmdStan writes them, one file a chain: posterior, ArviZ, cmdstanr and cmdstanpy read
 * it. Lines that begin with # are the configuration; names have dots for brackets (theta.1); every number
 * has the digits that give its double back. */
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcmc/mcmc.h"

enum { FILES_BYTES_MAX = 16 << 20, NUMBER_BYTES = 32 };

struct text {
    char *data;
    size_t len, cap;
    bool failed;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *fmt, ...)
{
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
    if (t->len + len + 1 > t->cap) {
        size_t cap = 2 * (t->len + len + 1);
        char *more = realloc(t->data, cap);
        if (!more) {
            t->failed = true;
            return;
        }
        t->data = more;
        t->cap = cap;
    }
    memcpy(t->data + t->len, line, len + 1);
    t->len += len;
}

/* The shortest of 15 to 17 digits that gives the double back. */
static void format_number(double v, char ret[NUMBER_BYTES])
{
    if (isfinite(v) && v == floor(v) && fabs(v) < 1e15) {
        (void)snprintf(ret, NUMBER_BYTES, "%.0f", v);
        return;
    }
    if (!isfinite(v)) {
        (void)snprintf(ret, NUMBER_BYTES, "%s", isnan(v) ? "nan" : v > 0 ? "inf" : "-inf");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(ret, NUMBER_BYTES, "%.*g", digits, v);
        if (strtod(ret, NULL) == v)
            break;
    }
}

static void put_number(struct text *t, double v, char end)
{
    char number[NUMBER_BYTES];
    format_number(v, number);
    put(t, "%s%c", number, end);
}

/* theta[1,2] -> theta.1.2; whatever a reader could stumble over becomes _. */
static void put_name(struct text *t, const char *name, char end)
{
    char plain[TARGET_NAME_BYTES];
    size_t len = 0;
    for (; *name && len < sizeof plain - 1; name++) {
        if (*name == '[' || *name == ',')
            plain[len++] = '.';
        else if (*name != ']' && *name != ' ')
            plain[len++] =
                (char)(isalnum((unsigned char)*name) || *name == '_' || *name == '.' ? *name : '_');
    }
    plain[len] = '\0';
    put(t, "%s%c", plain, end);
}

static void put_config(struct text *t, struct qx_ctx *ctx, const struct sample *s, uint32_t chain)
{
    const struct mcmc *m = s->m;
    const struct chain_config *c = &m->chain.config;
    bool hmc = c->kind != SAMPLER_RWM;
    put(t, "# written by the task mcmc of Quincunx in the layout of CmdStan 2.33; times are left at 0\n");
    put(t, "# stan_version_major = 2\n# stan_version_minor = 33\n# stan_version_patch = 0\n");
    put(t, "# model = %s_model\n# method = sample (Default)\n#   sample\n", m->model);
    put(t,
        "#     num_samples = %" PRIu64
        "\n#     num_warmup = %u\n#     save_warmup = 0 (Default)\n#     thin = %u\n",
        (uint64_t)c->n_draws * c->thin, c->n_warmup, c->thin);
    put(t, "#     adapt\n#       engaged = %d\n#       gamma = 0.05 (Default)\n#       delta = %.6g\n",
        c->n_warmup > 0, c->delta);
    put(t, "#       kappa = 0.75 (Default)\n#       t0 = 10 (Default)\n#       init_buffer = 75 (Default)\n"
           "#       term_buffer = 50 (Default)\n#       window = 25 (Default)\n");
    put(t, "#     algorithm = %s\n", hmc ? "hmc (Default)" : "random_walk");
    if (c->kind == SAMPLER_NUTS)
        put(t,
            "#       hmc\n#         engine = nuts (Default)\n#           nuts\n#             max_depth = "
            "%u\n",
            c->max_depth);
    else if (hmc)
        put(t, "#       hmc\n#         engine = static\n#           static\n#             int_time = %.6g\n",
            c->path);
    if (hmc)
        put(t, "#         metric = diag_e (Default)\n#         metric_file =  (Default)\n#         stepsize "
               "= 1 (Default)\n"
               "#         stepsize_jitter = 0 (Default)\n#     num_chains = 1 (Default)\n");
    put(t, "# id = %u\n# data\n#   file =  (Default)\n# init = %.6g\n# random\n#   seed = %" PRIu64 "\n",
        chain + 1, c->radius, ctx->seed);
    put(t, "# output\n#   file = chain_%u.csv\n#   diagnostic_file =  (Default)\n#   refresh = 0\n",
        chain + 1);
}

static void put_chain(struct text *t, struct qx_ctx *ctx, const struct sample *s, uint32_t c)
{
    const struct target *target = &s->m->target;
    const double *record = s->record[c];
    put_config(t, ctx, s, (uint32_t)record[RECORD_ITEM]);
    for (int k = 0; k < DRAW_COLUMNS; k++)
        put(t, "%s,", draw_column_names[k]);
    for (uint32_t k = 0; k < target->n_out; k++)
        put_name(t, target->names[k], k + 1 < target->n_out ? ',' : '\n');
    if (s->m->chain.config.kind != SAMPLER_RWM) {
        put(t, "# Adaptation terminated\n# Step size = ");
        put_number(t, record[RECORD_STEP], '\n');
        put(t, "# Diagonal elements of inverse mass matrix:\n# ");
        for (uint32_t i = 0; i < target->n_dim; i++) {
            put_number(t, record[RECORD_HEADER + i], i + 1 < target->n_dim ? ',' : '\n');
            if (i + 1 < target->n_dim)
                put(t, " ");
        }
    }
    for (uint32_t i = 0; i < s->n_draws; i++) {
        const double *row = sample_row(s, c, i);
        uint32_t n = DRAW_COLUMNS + target->n_out;
        for (uint32_t k = 0; k < n; k++)
            put_number(t, row[k], k + 1 < n ? ',' : '\n');
    }
    /* readers look for these lines; a clock's would make equal runs differ */
    put(t, "# \n#  Elapsed Time: 0 seconds (Warm-up)\n#                0 seconds (Sampling)\n"
           "#                0 seconds (Total)\n# \n");
}

bool csv_emit(struct qx_ctx *ctx, const struct sample *s)
{
    struct text t = {.data = NULL};
    size_t all = 0;
    double numbers = (double)s->n_chains * s->n_draws * (DRAW_COLUMNS + s->m->target.n_out);
    if (numbers * 12 > FILES_BYTES_MAX) { /* flags are short, parameters up to 20 bytes */
        qx_emit_text(
            ctx, "files_left_out",
            "the draws are too many for an answer to carry them: take fewer, thin=, or fewer chains");
        return true;
    }
    qx_emit_list(ctx, "files");
    for (uint32_t c = 0; c < s->n_chains && !t.failed; c++) {
        char name[40];
        t.len = 0;
        put_chain(&t, ctx, s, c);
        all += t.len;
        if (t.failed || all > FILES_BYTES_MAX + (FILES_BYTES_MAX >> 1))
            break;
        (void)snprintf(name, sizeof name, "chain_%u.csv", (uint32_t)s->record[c][RECORD_ITEM] + 1);
        qx_emit_open(ctx, NULL);
        qx_emit_text(ctx, "name", name);
        qx_emit_text(ctx, "text", t.data);
        qx_emit_close(ctx);
    }
    qx_emit_close(ctx);
    free(t.data);
    return !t.failed;
}
