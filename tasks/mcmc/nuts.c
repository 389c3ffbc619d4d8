/* nuts.c - the No-U-Turn sampler as Stan has it since 2.21: trajectories double by biased progressive
 * sampling with multinomial weights (Betancourt 2017), the generalized criterion on the sum of momenta, and
 * its checks between neighbouring subtrees.
 *
 * p# = inv_metric p. What stands here as dot(p, rho) is p# . rho. */
#include <math.h>
#include <string.h>

#include "mcmc/sampler.h"

/* What a subtree of one height keeps while its second half is built. */
struct nuts_level {
    double *p_init_end, *p_final_beg, *rho_init, *rho_final;
    struct phase proposed;
};

struct build {
    struct sampler *s;
    struct qx_stream *rng;
    double h0, step, sum_accept;
    uint32_t n_leapfrog;
    bool divergent;
};

/* A multinomial weight, sum exp(top): it neither overflows nor takes a logarithm. Both are finite, as trees without a divergence
 * have them. */
struct weight {
    double top, sum;
};

/* A subtree as those who called for it see it. */
struct subtree {
    double *rho;           /* its momenta are added to it */
    double *p_beg, *p_end; /* set */
    struct weight weight;  /* set */
};

size_t nuts_level_doubles(uint32_t n)
{
    return 7 * (size_t)n;
}

size_t nuts_level_bytes(void)
{
    return sizeof(struct nuts_level);
}

void nuts_level_init(struct nuts_level *levels, uint32_t i, double **at, uint32_t n)
{
    struct nuts_level *l = &levels[i];
    l->proposed = phase_at(at, n);
    l->p_init_end = *at;
    l->p_final_beg = *at + n;
    l->rho_init = *at + 2 * (size_t)n;
    l->rho_final = *at + 3 * (size_t)n;
    *at += 4 * (size_t)n;
}

/* What two weights are on the scale of their sum. */
struct weight_parts {
    double a, b;
};

/* Adds b to *a. */
static struct weight_parts weight_add(struct weight *a, struct weight b)
{
    double d = b.top - a->top, e = exp(-fabs(d));
    struct weight_parts parts = {d > 0 ? a->sum * e : a->sum, d > 0 ? b.sum : b.sum * e};
    *a = (struct weight){d > 0 ? b.top : a->top, parts.a + parts.b};
    return parts;
}

/* p# . (a + b) > 0 at both ends; b may be NULL. */
static bool goes_on(const struct space *s, const double *p_beg, const double *p_end, const double *a,
                    const double *b)
{
    double beg = 0, end = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        double r = s->inv_metric[i] * (b ? a[i] + b[i] : a[i]);
        beg += p_beg[i] * r;
        end += p_end[i] * r;
    }
    return beg > 0 && end > 0;
}

static bool leaf(struct build *b, struct phase *proposed, struct subtree *t)
{
    struct sampler *s = b->s;
    const struct space *space = &s->space;
    phase_leapfrog(space, &s->z, b->step);
    b->n_leapfrog++;
    double error = b->h0 - phase_energy(space, &s->z);
    b->divergent = b->divergent || -error > ENERGY_ERROR_MAX;
    b->sum_accept += error > 0 ? 1 : exp(error);
    t->weight = (struct weight){error, 1};
    phase_copy(space, proposed, &s->z);
    for (uint32_t i = 0; i < space->n; i++) {
        t->rho[i] += s->z.p[i];
        t->p_beg[i] = t->p_end[i] = s->z.p[i];
    }
    return !b->divergent;
}

/* 2^depth steps on from s->z. False: the subtree turned around or diverged. */
static bool build_tree(struct build *b, uint32_t depth, struct phase *proposed,
                       struct subtree *t) /* NOLINT(misc-no-recursion) */
{
    if (depth == 0)
        return leaf(b, proposed, t);
    struct nuts_level *l = &b->s->levels[depth];
    const struct space *space = &b->s->space;
    size_t bytes = space->n * sizeof *t->rho;
    memset(l->rho_init, 0, bytes);
    struct subtree init = {l->rho_init, t->p_beg, l->p_init_end, {0, 0}};
    if (!build_tree(b, depth - 1, proposed, &init))
        return false;
    memset(l->rho_final, 0, bytes);
    struct subtree final = {l->rho_final, l->p_final_beg, t->p_end, {0, 0}};
    if (!build_tree(b, depth - 1, &l->proposed, &final))
        return false;
    t->weight = init.weight;
    struct weight_parts w = weight_add(&t->weight, final.weight);
    if (qx_uniform(b->rng) < w.b / t->weight.sum)
        phase_copy(space, proposed, &l->proposed);
    for (uint32_t i = 0; i < space->n; i++)
        t->rho[i] += l->rho_init[i] + l->rho_final[i];
    return goes_on(space, t->p_beg, t->p_end, l->rho_init, l->rho_final) &&
           goes_on(space, t->p_beg, l->p_final_beg, l->rho_init, l->p_final_beg) &&
           goes_on(space, l->p_init_end, t->p_end, l->rho_final, l->p_init_end);
}

/* Extends the trajectory by as much as it has; the new half's momenta are in rho_fwd or rho_bck, the rest's
 * in the other. */
static bool extend(struct build *b, uint32_t depth, bool forward, struct weight *ret)
{
    struct sampler *s = b->s;
    const struct space *space = &s->space;
    size_t bytes = space->n * sizeof *s->rho;
    struct phase *end = forward ? &s->fwd : &s->bck;
    double *rho_new = forward ? s->rho_fwd : s->rho_bck, *rho_old = forward ? s->rho_bck : s->rho_fwd;
    memcpy(rho_old, s->rho, bytes);
    memset(rho_new, 0, bytes);
    memcpy(forward ? s->p_bck_fwd : s->p_fwd_bck, end->p, bytes);
    phase_copy(space, &s->z, end);
    struct subtree t = {rho_new, forward ? s->p_fwd_bck : s->p_bck_fwd, end->p, {0, 0}};
    b->step = forward ? s->step : -s->step;
    bool ok = build_tree(b, depth, &s->proposed, &t);
    phase_copy(space, end, &s->z);
    *ret = t.weight;
    return ok;
}

void nuts_transition(struct sampler *s, struct qx_stream *rng, struct transition *ret)
{
    const struct space *space = &s->space;
    struct build b = {.s = s, .rng = rng};
    struct weight weight = {0, 1}; /* of the trajectory */
    uint32_t depth = 0;
    phase_draw_momentum(space, &s->z, rng);
    b.h0 = phase_energy(space, &s->z);
    phase_copy(space, &s->fwd, &s->z);
    phase_copy(space, &s->bck, &s->z);
    phase_copy(space, &s->chosen, &s->z);
    memcpy(s->rho, s->z.p, space->n * sizeof *s->rho);
    for (bool going = true; going && depth < s->max_depth;) {
        struct weight added;
        if (!extend(&b, depth, qx_uniform(rng) > 0.5, &added))
            break;
        depth++;
        struct weight_parts w = weight_add(&weight, added);
        if (w.b > w.a || qx_uniform(rng) < w.b / w.a)
            phase_copy(space, &s->chosen, &s->proposed);
        for (uint32_t i = 0; i < space->n; i++)
            s->rho[i] = s->rho_bck[i] + s->rho_fwd[i];
        going = goes_on(space, s->bck.p, s->fwd.p, s->rho, NULL) &&
                goes_on(space, s->bck.p, s->p_fwd_bck, s->rho_bck, s->p_fwd_bck) &&
                goes_on(space, s->p_bck_fwd, s->fwd.p, s->rho_fwd, s->p_bck_fwd);
    }
    phase_copy(space, &s->z, &s->chosen);
    *ret = (struct transition){.accept = b.sum_accept / b.n_leapfrog,
                               .energy = phase_energy(space, &s->z),
                               .depth = depth,
                               .n_leapfrog = b.n_leapfrog,
                               .divergent = b.divergent};
}
