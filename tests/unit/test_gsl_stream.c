#include <check.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>

#include "host/gsl_stream.h"

START_TEST(gives_the_words_of_the_stream)
{
    gsl_rng *r = gsl_rng_alloc(qx_gsl_rng_type);
    struct qx_stream s;
    qx_gsl_rng_start(r, 7, 8, 9);
    qx_stream_init(&s, 7, 8, 9);
    for (int i = 0; i < 100; i++) {
        ck_assert_uint_eq(gsl_rng_get(r), qx_u32(&s));
        ck_assert(gsl_rng_uniform(r) == qx_uniform(&s));
    }
    ck_assert_uint_eq(gsl_rng_max(r), UINT32_MAX);
    gsl_rng_set(r, 7);
    qx_stream_init(&s, 7, 0, 0);
    ck_assert_uint_eq(gsl_rng_get(r), qx_u32(&s));
    gsl_rng_free(r);
}
END_TEST

START_TEST(gsl_distributions_work_on_it)
{
    enum { N = 100000 };
    gsl_rng *r = gsl_rng_alloc(qx_gsl_rng_type);
    double sum = 0;
    qx_gsl_rng_start(r, 1, 0, 0);
    gsl_rng *twin = gsl_rng_clone(r);
    for (int i = 0; i < N; i++)
        sum += gsl_ran_gamma(r, 2, 3);
    ck_assert_double_le(fabs(sum / N - 6), 5 * sqrt(18.0 / N));
    qx_gsl_rng_start(r, 1, 0, 0);
    for (int i = 0; i < 100; i++)
        ck_assert(gsl_ran_gamma(r, 2, 3) == gsl_ran_gamma(twin, 2, 3));
    gsl_rng_free(r);
    gsl_rng_free(twin);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gsl_stream");
    TCase *tc = tcase_create("gsl_stream");
    tcase_add_test(tc, gives_the_words_of_the_stream);
    tcase_add_test(tc, gsl_distributions_work_on_it);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
