/* shortest: the text of a double against printf and strtod, over magnitudes, powers of two and ten, and their neighbours. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/shortest.h"

static void by_printf(double v, char *ret)
{
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(ret, SHORTEST_BYTES, "%.*g", digits, v);
        if (strtod(ret, NULL) == v)
            break;
    }
}

static void same(double v)
{
    char text[SHORTEST_BYTES], expected[SHORTEST_BYTES];
    shortest_double(v, text);
    by_printf(v, expected);
    ck_assert_msg(strcmp(text, expected) == 0, "%a: %s, not %s", v, text, expected);
}

START_TEST(known_texts)
{
    static const struct {
        double v;
        const char *text;
    } of[] = {{0, "0"},
              {1, "1"},
              {-0.1, "-0.1"},
              {100000, "100000"},
              {1e15, "1e+15"},
              {1e-4, "0.0001"},
              {1e-5, "1e-05"},
              {1.0 / 3, "0.3333333333333333"},
              {0.1 + 0.2, "0.30000000000000004"},
              {123456.75, "123456.75"},
              {-0.0, "-0"},
              {5e-324, "4.94065645841247e-324"},
              {2.5e-5, "2.5e-05"},
              {3.1692, "3.1692"},
              {-2.5e-300, "-2.5e-300"},
              {1e22, "1e+22"},
              {1234567890123456, "1234567890123456"},
              {DBL_MAX, "1.7976931348623157e+308"},
              {-INFINITY, "-inf"},
              {(double)NAN, "nan"}};
    char text[SHORTEST_BYTES];
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        shortest_double(of[i].v, text);
        ck_assert_str_eq(text, of[i].text);
    }
}
END_TEST

START_TEST(edges)
{
    for (int e = -1074; e < 1024; e++) {
        double two = ldexp(1, e);
        same(two);
        same(nextafter(two, 0));
        same(nextafter(two, INFINITY));
    }
    for (int e = -323; e < 309; e++) {
        char text[16];
        (void)snprintf(text, sizeof text, "1e%d", e);
        double ten = strtod(text, NULL);
        same(ten);
        same(-nextafter(ten, 0));
        same(nextafter(ten, INFINITY));
        same(e < 308 ? ten * 9.99999999999999944 : DBL_MAX);
    }
}
END_TEST

START_TEST(anywhere)
{
    uint64_t s = 88172645463325252u + (uint64_t)_i;
    for (int i = 0; i < 20000; i++) {
        s ^= s << 13;
        s ^= s >> 7;
        s ^= s << 17;
        double u = (double)(s >> 11) * 0x1p-53;
        same(u);
        same(-exp(35 * u - 12));
        same(round(u * 1e6) / 1000);
        same(round(u * 1e15) / pow(10, (double)(s % 19)));
        same(round(u * 1e17));
        double any;
        memcpy(&any, &s, sizeof any);
        same(isfinite(any) ? any : u);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shortest");
    TCase *tc = tcase_create("shortest");
    tcase_add_test(tc, known_texts);
    tcase_add_test(tc, edges);
    tcase_add_loop_test(tc, anywhere, 0, 4);
    suite_add_tcase(suite, tc);
    SRunner *sr = srunner_create(suite);
    srunner_run_all(sr, CK_ENV);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
