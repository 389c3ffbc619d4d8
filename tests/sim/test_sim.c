/* Random farms. The seed is the loop index; a failure names it. QX_SIM_SEEDS=FIRST-LAST runs these small farms instead. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/sim.h"

enum { SMALL = 600, CALM = 20, LARGE = 5 };

START_TEST(small_farm_with_faults)
{
    uint64_t seed = (uint64_t)_i;
    sim_run(&(struct sim_config){.seed = seed,
                                 .n_workers = 1 + (uint32_t)(sim_hash(seed, 1, 1) % 12),
                                 .n_jobs = 1 + (uint32_t)(sim_hash(seed, 2, 2) % 5),
                                 .n_items = 20 + sim_hash(seed, 3, 3) % 1500,
                                 .check_every = 1});
}
END_TEST

START_TEST(calm_farm)
{
    sim_run(&(struct sim_config){.seed = (uint64_t)_i + 100000,
                                 .n_workers = 1 + (uint32_t)_i % 5,
                                 .n_jobs = 2,
                                 .n_items = 3000,
                                 .check_every = 10,
                                 .calm = true});
}
END_TEST

START_TEST(thousands_of_workers)
{
    sim_run(&(struct sim_config){.seed = (uint64_t)_i + 200000,
                                 .n_workers = 1000 * (1 + (uint32_t)_i % 3),
                                 .n_jobs = 6,
                                 .n_items = 20000,
                                 .check_every = 5000});
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test, int first, int end)
{
    TCase *tc = tcase_create(name);
    tcase_set_timeout(tc, 240); /* of one seed on a busy machine */
    tcase_add_loop_test(tc, test, first, end);
    suite_add_tcase(suite, tc);
}

int main(void)
{
    int first = 0, last = SMALL - 1;
    const char *soak = getenv("QX_SIM_SEEDS");
    if (soak && sscanf(soak, "%d-%d", &first, &last) != 2) { /* NOLINT(cert-err34-c): checked as a whole */
        (void)fprintf(stderr, "QX_SIM_SEEDS must be FIRST-LAST, not '%s'\n", soak);
        return EXIT_FAILURE;
    }
    Suite *suite = suite_create("sim");
    add(suite, "small", small_farm_with_faults, first, last + 1);
    if (!soak) {
        add(suite, "calm", calm_farm, 0, CALM);
        add(suite, "large", thousands_of_workers, 0, LARGE);
    }
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
