/* start.c - k-means++: D. Arthur & S. Vassilvitskii, SODA 2007; distances in units of the standard deviations of the data. */
#include "em/start.h"

#include <stdlib.h>
#include <string.h>

const char *const start_names[] = {"kmeans", "points", "partition", NULL};

bool start_room_init(struct start_room *r, uint32_t n)
{
    r->far = malloc(n * sizeof *r->far);
    r->label = malloc(n * sizeof *r->label);
    if (r->far && r->label)
        return true;
    start_room_fini(r);
    return false;
}

void start_room_fini(struct start_room *r)
{
    free(r->far);
    free(r->label);
    *r = (struct start_room){0};
}

static double apart(const struct rows *data, const double *a, const double *b)
{
    double sum = 0;
    for (uint32_t i = 0; i < data->p; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]) / data->cov[i * data->p + i];
    return sum;
}

static void set_mean(struct mixture *m, uint32_t c, const struct rows *data, uint64_t row)
{
    memcpy(m->mean + (size_t)c * data->p, data->x + row * data->p, data->p * sizeof *m->mean);
}

/* A row with probability proportional to far[]; any where all are 0. */
static uint64_t draw_far(struct qx_stream *rng, const double *far, uint32_t n)
{
    double total = 0, u = qx_uniform(rng);
    for (uint32_t r = 0; r < n; r++)
        total += far[r];
    u *= total;
    for (uint32_t r = 0; r < n; r++) {
        u -= far[r];
        if (u < 0)
            return r;
    }
    return qx_below(rng, n);
}

static void draw_centres(struct qx_stream *rng, const struct rows *data, struct start_room *room,
                         struct mixture *m)
{
    uint32_t p = data->p;
    for (uint32_t c = 0; c < m->shape.k; c++) {
        set_mean(m, c, data, c == 0 ? qx_below(rng, data->n) : draw_far(rng, room->far, data->n));
        for (uint32_t r = 0; r < data->n; r++) {
            double d = apart(data, data->x + (size_t)r * p, m->mean + (size_t)c * p);
            if (c == 0 || d < room->far[r]) {
                room->far[r] = d;
                room->label[r] = c;
            }
        }
    }
}

/* Means and weights of groups, each with one more row, which is like all the data, so that none is empty and none has no
 * spread; their pooled covariance, or each its own. */
static void from_labels(const struct rows *data, const uint32_t *label, bool pooled, struct mixture *m)
{
    uint32_t k = m->shape.k, p = data->p, one = m->shape.p * m->shape.p;
    for (uint32_t c = 0; c < k; c++) {
        m->lambda[c] = 1;
        memcpy(m->mean + (size_t)c * p, data->mean, p * sizeof *m->mean);
    }
    for (uint32_t r = 0; r < data->n; r++) {
        m->lambda[label[r]]++;
        for (uint32_t i = 0; i < p; i++)
            m->mean[(size_t)label[r] * p + i] += data->x[(size_t)r * p + i];
    }
    for (uint32_t c = 0; c < k; c++) {
        for (uint32_t i = 0; i < p; i++)
            m->mean[(size_t)c * p + i] /= m->lambda[c];
        memcpy(m->cov + (size_t)c * one, data->cov, one * sizeof *m->cov);
    }
    for (uint32_t r = 0; r < data->n; r++) {
        double *cov = m->cov + (size_t)(pooled ? 0 : label[r]) * one;
        const double *x = data->x + (size_t)r * p, *mean = m->mean + (size_t)label[r] * p;
        for (uint32_t i = 0; i < p; i++)
            for (uint32_t j = 0; j < p; j++)
                cov[i * p + j] += (x[i] - mean[i]) * (x[j] - mean[j]);
    }
    for (uint32_t c = 0; c < k; c++) {
        double *cov = m->cov + (size_t)c * one, total = pooled ? data->n + 1.0 : m->lambda[c];
        if (pooled && c > 0)
            memcpy(cov, m->cov, one * sizeof *cov);
        else
            for (uint32_t i = 0; i < one; i++)
                cov[i] /= total;
        m->lambda[c] /= data->n + (double)k;
    }
}

static void random_rows(struct qx_stream *rng, const struct rows *data, struct mixture *m)
{
    uint32_t k = m->shape.k, one = m->shape.p * m->shape.p;
    uint64_t taken[MIXTURE_K_MAX];
    for (uint32_t c = 0; c < k; c++) {
        bool again;
        do {
            taken[c] = qx_below(rng, data->n);
            again = false;
            for (uint32_t b = 0; b < c; b++)
                again = again || taken[b] == taken[c];
        } while (again);
        set_mean(m, c, data, taken[c]);
        m->lambda[c] = 1.0 / k;
        memcpy(m->cov + (size_t)c * one, data->cov, one * sizeof *m->cov);
    }
}

static void shape_covariances(struct mixture *m)
{
    uint32_t k = m->shape.k, p = m->shape.p;
    for (uint32_t c = 0; m->shape.diagonal && c < k; c++) {
        for (uint32_t i = 0; i < p * p; i++)
            m->cov[(size_t)c * p * p + i] *= i / p == i % p;
    }
    for (uint32_t c = 1; m->shape.equal && c < k; c++)
        memcpy(m->cov + (size_t)c * p * p, m->cov, (size_t)p * p * sizeof *m->cov);
}

void start_draw(enum start how, struct qx_stream *rng, const struct rows *data, struct start_room *room,
                struct mixture *ret)
{
    if (how == START_POINTS) {
        random_rows(rng, data, ret);
    } else {
        if (how == START_KMEANS)
            draw_centres(rng, data, room, ret);
        for (uint32_t r = 0; how == START_PARTITION && r < data->n; r++)
            room->label[r] = (uint32_t)qx_below(rng, ret->shape.k);
        from_labels(data, room->label, how == START_KMEANS || ret->shape.equal, ret);
    }
    shape_covariances(ret);
}
