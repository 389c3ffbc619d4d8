/* The parts of em.mixture without the farm: the two steps, starts, standard errors. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "em/fit.h"
#include "em/information.h"
#include "em/start.h"

enum { N = 300 };

static void summarise(struct rows *d)
{
    uint32_t p = d->p;
    memset(d->mean, 0, sizeof d->mean);
    memset(d->cov, 0, sizeof d->cov);
    for (uint32_t r = 0; r < d->n; r++)
        for (uint32_t i = 0; i < p; i++)
            d->mean[i] += d->x[r * p + i] / d->n;
    for (uint32_t r = 0; r < d->n; r++)
        for (uint32_t i = 0; i < p; i++)
            for (uint32_t j = 0; j < p; j++)
                d->cov[i * p + j] += (d->x[r * p + i] - d->mean[i]) * (d->x[r * p + j] - d->mean[j]) / d->n;
}

/* Two clouds, 60 : 40, the columns of each correlated. */
static struct rows clouds(uint32_t p)
{
    struct rows d = {.n = N, .p = p, .x = malloc(N * p * sizeof(double))};
    struct qx_stream rng;
    qx_stream_init(&rng, 17, 0, 0);
    for (uint32_t r = 0; r < N; r++) {
        double common = qx_normal(&rng);
        for (uint32_t i = 0; i < p; i++)
            d.x[r * p + i] = (r % 5 < 3 ? 10 : 14 + i) + 0.5 * common + qx_normal(&rng);
    }
    summarise(&d);
    return d;
}

static const struct shape shapes[] = {{2, 1, true, false},  {3, 1, true, true},   {2, 2, false, false},
                                      {2, 3, true, false},  {2, 3, false, true},  {3, 2, true, true},
                                      {2, 4, false, false}, {1, 2, false, false}, {1, 1, true, false}};
enum { N_SHAPES = sizeof shapes / sizeof shapes[0] };

/* The log-likelihood by the formula of the density, through an independent inversion. */
static double direct_loglik(const struct mixture *m, const struct rows *d)
{
    uint32_t p = m->shape.p;
    double sum = 0;
    for (uint32_t r = 0; r < d->n; r++) {
        double density = 0;
        for (uint32_t c = 0; c < m->shape.k; c++) {
            double a[16], b[4], q = 0, det = 1;
            memcpy(a, m->cov + (size_t)c * p * p, p * p * sizeof *a);
            for (uint32_t i = 0; i < p; i++)
                b[i] = d->x[r * p + i] - m->mean[c * p + i];
            for (uint32_t i = 0; i < p; i++) { /* elimination: q = b' A^-1 b */
                det *= a[i * p + i];
                q += b[i] * b[i] / a[i * p + i];
                for (uint32_t j = i + 1; j < p; j++) {
                    double f = a[j * p + i] / a[i * p + i];
                    for (uint32_t l = i; l < p; l++)
                        a[j * p + l] -= f * a[i * p + l];
                    b[j] -= f * b[i];
                }
            }
            density += m->lambda[c] * exp(-0.5 * q) / sqrt(pow(2 * M_PI, p) * det);
        }
        sum += log(density); /* cppcheck-suppress invalidFunctionArg ; k is positive */
    }
    return sum;
}

struct job {
    struct rows data;
    struct mixture m;
    struct sums s;
    struct start_room room;
};

static struct job job_of(struct shape shape, enum start how, uint64_t seed)
{
    struct job j = {.data = clouds(shape.p)};
    struct qx_stream rng;
    ck_assert(mixture_init(&j.m, shape) && sums_init(&j.s, shape) && start_room_init(&j.room, N));
    qx_stream_init(&rng, seed, 0, 0);
    start_draw(how, &rng, &j.data, &j.room, &j.m);
    return j;
}

static void job_end(struct job *j)
{
    free(j->data.x);
    mixture_fini(&j->m);
    sums_fini(&j->s);
    start_room_fini(&j->room);
}

static struct fit run(struct job *j, double tol, uint32_t max_iter)
{
    static const volatile uint32_t go_on = 0;
    const struct fit_options opt = {tol, max_iter, &go_on};
    struct mixture_fit f = {&j->m, &j->s, &j->data, 1e-4};
    return fit_run(&mixture_steps, &f, &opt, NULL, NULL);
}

START_TEST(starts_are_proper_mixtures)
{
    for (enum start how = START_KMEANS; how <= START_PARTITION; how++) {
        struct job j = job_of(shapes[_i], how, 5);
        double sum = 0;
        for (uint32_t c = 0; c < j.m.shape.k; c++)
            sum += j.m.lambda[c];
        ck_assert_double_eq_tol(sum, 1, 1e-14);
        ck_assert_int_eq(sums_prepare(&j.s, &j.m, &j.data, 1e-3), STEP_OK);
        ck_assert_double_eq_tol(sums_gather(&j.s, &j.m, &j.data), direct_loglik(&j.m, &j.data), 1e-9);
        job_end(&j);
    }
}
END_TEST

START_TEST(the_likelihood_rises_to_a_stationary_point)
{
    struct job j = job_of(shapes[_i], START_KMEANS, 5);
    double last = -INFINITY, g[INFORMATION_MAX];
    for (int i = 0; i < 30; i++) {
        struct fit f = run(&j, 0, 1);
        ck_assert_int_eq(f.end, FIT_MAX_ITER);
        ck_assert(!f.went_down);
        ck_assert_double_ge(f.loglik, last - 1e-9);
        last = f.loglik;
    }
    struct fit f = run(&j, 1e-11, 200000);
    ck_assert_int_eq(f.end, FIT_CONVERGED);
    ck_assert_double_eq_tol(f.loglik, direct_loglik(&j.m, &j.data), 1e-9);
    information_gradient(&j.m, &j.s, &j.data, g);
    for (uint32_t q = 0; q < mixture_parameters(j.m.shape); q++)
        ck_assert_msg(fabs(g[q]) < 1e-4 * N, "gradient %u: %g", q, g[q]);
    job_end(&j);
}
END_TEST

/* Against differences of the log-likelihood itself: weights, means, then lower triangles. */
START_TEST(gradients_are_those_of_the_likelihood)
{
    struct job j = job_of(shapes[_i], START_KMEANS, 8);
    uint32_t k = j.m.shape.k, p = j.m.shape.p, q = 0;
    double g[INFORMATION_MAX], step = 1e-5;
    information_gradient(&j.m, &j.s, &j.data, g);
    for (uint32_t c = 0; c + 1 < k; c++, q++) {
        double up, down;
        j.m.lambda[c] += step, j.m.lambda[k - 1] -= step;
        up = direct_loglik(&j.m, &j.data);
        j.m.lambda[c] -= 2 * step, j.m.lambda[k - 1] += 2 * step;
        down = direct_loglik(&j.m, &j.data);
        j.m.lambda[c] += step, j.m.lambda[k - 1] -= step;
        ck_assert_double_eq_tol(g[q], (up - down) / (2 * step), 1e-4 * (1 + fabs(g[q])));
    }
    for (uint32_t i = 0; i < k * p; i++, q++) {
        double up, down;
        j.m.mean[i] += step;
        up = direct_loglik(&j.m, &j.data);
        j.m.mean[i] -= 2 * step;
        down = direct_loglik(&j.m, &j.data);
        j.m.mean[i] += step;
        ck_assert_double_eq_tol(g[q], (up - down) / (2 * step), 1e-4 * (1 + fabs(g[q])));
    }
    for (uint32_t c = 0; c < (j.m.shape.equal ? 1 : k); c++) {
        for (uint32_t a = 0; a < p; a++) {
            for (uint32_t b = j.m.shape.diagonal ? a : 0; b <= a; b++, q++) {
                double value[2];
                for (int side = 0; side < 2; side++) {
                    double by = side ? -2 * step : step;
                    for (uint32_t o = c; o < (j.m.shape.equal ? k : c + 1); o++) {
                        j.m.cov[(size_t)o * p * p + a * p + b] += by;
                        if (a != b)
                            j.m.cov[(size_t)o * p * p + b * p + a] += by;
                    }
                    value[side] = direct_loglik(&j.m, &j.data);
                }
                for (uint32_t o = c; o < (j.m.shape.equal ? k : c + 1); o++) {
                    j.m.cov[(size_t)o * p * p + a * p + b] += step;
                    if (a != b)
                        j.m.cov[(size_t)o * p * p + b * p + a] += step;
                }
                ck_assert_double_eq_tol(g[q], (value[0] - value[1]) / (2 * step), 1e-4 * (1 + fabs(g[q])));
            }
        }
    }
    ck_assert_uint_eq(q, mixture_parameters(j.m.shape));
    job_end(&j);
}
END_TEST

/* One normal distribution: sd / sqrt(n), and for the variance sqrt(2 / n) of it. */
START_TEST(errors_of_one_component_are_known)
{
    struct job j = job_of((struct shape){1, 2, false, false}, START_KMEANS, 1);
    struct mixture se;
    ck_assert(mixture_init(&se, j.m.shape));
    ck_assert_int_eq(run(&j, 1e-12, 100).end, FIT_CONVERGED);
    ck_assert_int_eq(information_errors(&j.m, &j.data, &se), INFORMATION_OK);
    const double *s = j.data.cov;
    ck_assert_double_eq_tol(se.mean[0], sqrt(s[0] / N), 1e-8);
    ck_assert_double_eq_tol(se.mean[1], sqrt(s[3] / N), 1e-8);
    ck_assert_double_eq_tol(se.cov[0], s[0] * sqrt(2.0 / N), 1e-6);
    ck_assert_double_eq_tol(se.cov[2], sqrt((s[0] * s[3] + s[1] * s[1]) / N), 1e-6);
    ck_assert_double_eq_tol(se.cov[3], s[3] * sqrt(2.0 / N), 1e-6);
    ck_assert_double_eq(se.lambda[0], 0);
    mixture_fini(&se);
    job_end(&j);
}
END_TEST

START_TEST(no_errors_where_there_is_no_maximum)
{
    struct job j = job_of((struct shape){2, 1, true, false}, START_POINTS, 1);
    struct mixture se;
    ck_assert(mixture_init(&se, j.m.shape));
    j.m.mean[0] = j.m.mean[1] = j.data.mean[0]; /* two equal components: a saddle */
    ck_assert_int_eq(information_errors(&j.m, &j.data, &se), INFORMATION_NO_MAXIMUM);
    mixture_fini(&se);
    job_end(&j);
}
END_TEST

START_TEST(components_that_vanish_end_a_fit)
{
    struct job j = job_of((struct shape){2, 1, true, false}, START_POINTS, 1);
    j.m.mean[0] = j.data.x[0]; /* on one row, and narrow: it shrinks onto it */
    j.m.cov[0] = 1e-6;
    ck_assert_int_eq(run(&j, 1e-9, 1000).end, FIT_DEGENERATE);
    j.m.mean[0] = 1e6; /* far from all rows */
    j.m.cov[0] = j.m.cov[1] = j.data.cov[0];
    j.m.mean[1] = j.data.mean[0];
    j.m.lambda[0] = j.m.lambda[1] = 0.5;
    ck_assert_int_eq(run(&j, 1e-9, 1000).end, FIT_EMPTY);
    job_end(&j);
}
END_TEST

/* Far from all components a density underflows; its logarithm must not. */
START_TEST(rows_far_out_have_a_likelihood)
{
    struct job j = job_of((struct shape){2, 1, true, false}, START_KMEANS, 1);
    double w[2], x = 1e4;
    ck_assert_int_eq(sums_prepare(&j.s, &j.m, &j.data, 0), STEP_OK);
    double loglik = sums_posterior(&j.s, &j.m, &x, w);
    ck_assert(isfinite(loglik) && loglik < -1e6);
    ck_assert_double_eq_tol(w[0] + w[1], 1, 1e-15);
    job_end(&j);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("em_parts");
    TCase *tc = tcase_create("all");
    tcase_add_loop_test(tc, starts_are_proper_mixtures, 0, N_SHAPES);
    tcase_add_loop_test(tc, the_likelihood_rises_to_a_stationary_point, 0, N_SHAPES);
    tcase_add_loop_test(tc, gradients_are_those_of_the_likelihood, 0, N_SHAPES);
    tcase_add_test(tc, errors_of_one_component_are_known);
    tcase_add_test(tc, no_errors_where_there_is_no_maximum);
    tcase_add_test(tc, components_that_vanish_end_a_fit);
    tcase_add_test(tc, rows_far_out_have_a_likelihood);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
