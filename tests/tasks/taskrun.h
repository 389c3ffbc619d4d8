/* taskrun.h - runs a task of the built plugins in this process and gives its answer as JSON.
 * For tests: every failure that a test did not ask for ends the test. */
#ifndef TESTS_TASKS_TASKRUN_H
#define TESTS_TASKS_TASKRUN_H

#include <check.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Parameters: name, value, name, value, .., NULL. */
#define PARAMS(...)                                                                                          \
    (const char *const[])                                                                                    \
    {                                                                                                        \
        __VA_ARGS__, NULL                                                                                    \
    }
#define NO_PARAMS                                                                                            \
    (const char *const[])                                                                                    \
    {                                                                                                        \
        NULL                                                                                                 \
    }

struct taskrun {
    json_t *answer; /* taskrun_free */
    uint64_t n_ok, n_failed;
    char cause[128]; /* the first cause of failed items, "" if there was none */
    char digest[33];
};

/* n items of the task, 0: its default. */
struct taskrun task_run(const char *task, uint64_t seed, uint64_t n, const char *const *params);
void taskrun_free(struct taskrun *r);
/* The text with which opening or finishing the job fails. Static; it fails the test if the job does not. */
const char *task_error(const char *task, uint64_t n, const char *const *params);

/* A member of the answer by path, e.g. "intervals.0.lower". Null gives NaN, an unknown path fails the test. */
double answer_number(const struct taskrun *r, const char *path);
const char *answer_text(const struct taskrun *r, const char *path); /* NULL if it is not there */

/* A CSV text as a data set: the value for a TABLE parameter. Lives until the test program ends. */
const char *data_of(const char *name, const char *csv);
/* The same from a file of the reference cases. */
const char *reference_data(const char *path);
/* Where a file of the reference cases is. */
enum { PATH_BYTES = 4096 };
void reference_path(const char *path, char ret[PATH_BYTES]);
/* A JSON file of the reference cases; json_decref it. */
json_t *reference_json(const char *path);
/* False, with a word on stdout, where the reference cases are missing: the program should then exit with 77. */
bool reference_there(void);

/* Runs a suite; the result is for main(). */
int run_suite(Suite *s);

#endif
