/* Stopping rules: what they say, and when they hold. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/rule.h"

static struct qx_error err;

START_TEST(rules_are_read)
{
    struct rule r;
    ck_assert_int_eq(rule_parse("se<1e-4", &r, &err), QX_ERR_OK);
    ck_assert_uint_eq(r.n_terms, 1);
    ck_assert_str_eq(r.terms[0].name, "se");
    ck_assert_int_eq(r.terms[0].op, RULE_LT);
    ck_assert(r.terms[0].bound == 1e-4);
    ck_assert_int_eq(rule_parse(" rel <= 0.01 , n>=1000,exceed>5", &r, &err), QX_ERR_OK);
    ck_assert_uint_eq(r.n_terms, 3);
    ck_assert_int_eq(r.terms[0].op, RULE_LE);
    ck_assert_int_eq(r.terms[1].op, RULE_GE);
    ck_assert_int_eq(r.terms[2].op, RULE_GT);
    ck_assert_int_eq(rule_parse("exceed=20", &r, &err), QX_ERR_OK);
    ck_assert_int_eq(r.terms[0].op, RULE_GE);
    ck_assert(r.terms[0].bound == 20);
}
END_TEST

START_TEST(bad_rules_are_refused)
{
    static const struct {
        const char *text, *says;
    } cases[] = {{"", "position 1: expected a name"},
                 {"see<1", "position 1: unknown 'see'; did you mean 'se'?"},
                 {"rel<0.1, wodth<1", "position 10: unknown 'wodth'; did you mean 'width'?"},
                 {"zzzzzzz<1", "there are n, mean, se"},
                 {"se>1", "smaller with n"},
                 {"width<0", "never get to 0"},
                 {"se=1", "position 3: expected <"},
                 {"se<", "position 4: expected a number"},
                 {"se<x", "position 4: 'x' is not a number"},
                 {"se<inf", "position 4: 'inf' is not a number"},
                 {"se<1 n>2", "position 6: expected ','"},
                 {"se<1,", "position 6: expected a name"},
                 {"n>1,n>1,n>1,n>1,n>1,n>1,n>1,n>1,n>1", "more than 8"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rule r = {.n_terms = 99};
        ck_assert_int_eq(rule_parse(cases[i].text, &r, &err), QX_ERR_INVALID);
        ck_assert_uint_eq(r.n_terms, 99);
        ck_assert_msg(strstr(err.text, cases[i].says) != NULL, "'%s' does not say '%s'", err.text,
                      cases[i].says);
    }
}
END_TEST

static bool holds(const char *text, const struct reduce_plan *p, const struct reduce_state *s)
{
    struct rule r;
    bool yes = false;
    ck_assert_int_eq(rule_parse(text, &r, &err), QX_ERR_OK);
    ck_assert_msg(rule_eval(&r, p, s, &yes, &err) == QX_ERR_OK, "%s", err.text);
    return yes;
}

START_TEST(rules_hold_or_not)
{
    static const char *const columns[] = {"x"};
    static const struct qx_reducer moments = {.kind = QX_REDUCE_MOMENTS};
    struct reduce_plan *p;
    struct reduce_state s;
    struct rule r;
    bool yes;
    ck_assert_int_eq(reduce_plan_new(columns, 1, &moments, 1, &p, &err), QX_ERR_OK);
    reduce_state_init(&s);
    ck_assert_int_eq(reduce_reset(p, NULL, &s), QX_ERR_OK);
    ck_assert(!holds("se<1", p, &s) && !holds("sd>0", p, &s)); /* undefined: neither */
    static const double rows[] = {1, 2, 3, 4};
    ck_assert_int_eq(reduce_add(p, NULL, &s, 0, 4, rows), QX_ERR_OK);
    ck_assert(holds("n>=4", p, &s) && !holds("n>4", p, &s) && holds("n<=4", p, &s));
    ck_assert(holds("n>0, mean>=2.5, mean<=2.5, se<0.65, sd>1.28", p, &s)); /* sd 1.29.. / 2 */
    ck_assert(!holds("n>=4, mean>3", p, &s));
    ck_assert_int_eq(rule_parse("p>0.5", &r, &err), QX_ERR_OK);
    ck_assert_int_eq(rule_eval(&r, p, &s, &yes, &err), QX_ERR_INVALID);
    ck_assert_msg(strstr(err.text, "has no 'p'; it offers n, mean, se") != NULL, "%s", err.text);
    reduce_state_fini(&s);
    reduce_plan_free(p);
}
END_TEST

START_TEST(a_spread_must_have_been_seen)
{
    static const char *const columns[] = {"x"};
    static const struct qx_reducer moments = {.kind = QX_REDUCE_MOMENTS};
    struct reduce_plan *p;
    struct reduce_state s;
    ck_assert_int_eq(reduce_plan_new(columns, 1, &moments, 1, &p, &err), QX_ERR_OK);
    reduce_state_init(&s);
    ck_assert_int_eq(reduce_reset(p, NULL, &s), QX_ERR_OK);
    static const double zeros[QX_GROUP_ROWS], half[2] = {0, 1};
    ck_assert_int_eq(reduce_add(p, NULL, &s, 0, QX_GROUP_ROWS, zeros), QX_ERR_OK);
    ck_assert(!holds("se<1", p, &s) && !holds("n>1, se<1", p, &s)); /* all misses so far */
    ck_assert(holds("mean<1", p, &s) && holds("n>1", p, &s));
    ck_assert_int_eq(reduce_add(p, NULL, &s, QX_GROUP_ROWS, 2, half), QX_ERR_OK);
    ck_assert(holds("se<1", p, &s));
    ck_assert_int_eq(reduce_reset(p, NULL, &s), QX_ERR_OK);
    for (uint64_t i = 0; i < RULE_ITEMS_MIN; i += 2) {
        ck_assert(!holds("se<1", p, &s)); /* too few to trust */
        ck_assert_int_eq(reduce_add(p, NULL, &s, i, 2, half), QX_ERR_OK);
        ck_assert(holds("se<1, n>1", p, &s));
    }
    ck_assert(holds("se<1", p, &s));
    reduce_state_fini(&s);
    reduce_plan_free(p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("rule");
    TCase *c = tcase_create("rule");
    tcase_add_test(c, rules_are_read);
    tcase_add_test(c, bad_rules_are_refused);
    tcase_add_test(c, rules_hold_or_not);
    tcase_add_test(c, a_spread_must_have_been_seen);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
