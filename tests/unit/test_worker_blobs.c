#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "proto/control.h"
#include "worker/blobs.h"

enum { LEN = 5 * BLOB_PART_BYTES + 77 };

static struct blobs *blobs;
static uint8_t data[LEN];
static struct blob_ref ref;

static void setup(void)
{
    struct qx_error err = {.text = ""};
    ck_assert_msg(blobs_new(2 * (uint64_t)LEN, &blobs, &err) == QX_ERR_OK, "%s", err.text);
    for (size_t i = 0; i < LEN; i++)
        data[i] = (uint8_t)(i * i >> 7);
    ref.len_bytes = LEN;
    blob_hash(data, LEN, ref.hash);
}

static void teardown(void)
{
    struct blob_folders folders = *blobs_folders(blobs);
    blobs_free(blobs);
    for (int i = 0; i < BLOB_FOLDERS; i++)
        ck_assert_msg(folders.path[i][0] == '\0' || access(folders.path[i], F_OK) != 0, "%s is left",
                      folders.path[i]);
}

/* Another blob, whose bytes are those of `data` from `shift` on. */
static struct blob_ref shifted(size_t shift)
{
    struct blob_ref r = {.len_bytes = LEN - shift};
    blob_hash(data + shift, LEN - shift, r.hash);
    return r;
}

static size_t answer_all(const struct blob_ref *r, const uint8_t *bytes)
{
    struct blob_ref asked;
    uint64_t offset;
    size_t n = 0;
    while (blobs_next_request(blobs, 1, &asked, &offset)) {
        uint64_t left = r->len_bytes - offset;
        ck_assert_mem_eq(asked.hash, r->hash, sizeof r->hash);
        (void)blobs_part(blobs, r, offset, bytes + offset,
                         left < BLOB_PART_BYTES ? (size_t)left : BLOB_PART_BYTES, false, 1);
        n++;
    }
    return n;
}

static bool is_mapped_right(const struct blob_ref *r, const uint8_t *bytes)
{
    const void *at = NULL;
    if (blob_map(blobs_folders(blobs), r, &at, NULL) != QX_ERR_OK)
        return false;
    bool same = memcmp(at, bytes, (size_t)r->len_bytes) == 0;
    blob_unmap(at, (size_t)r->len_bytes);
    return same;
}

START_TEST(parts_become_a_file)
{
    struct blob *b = blobs_use(blobs, &ref);
    ck_assert_int_eq(blob_state(b), BLOB_FETCHING);
    ck_assert(blobs_busy(blobs));
    ck_assert(!is_mapped_right(&ref, data));
    ck_assert_uint_eq(answer_all(&ref, data), 6);
    ck_assert_int_eq(blob_state(b), BLOB_READY);
    ck_assert(!blobs_busy(blobs));
    ck_assert(is_mapped_right(&ref, data));
    struct blob_ref lie = ref;
    lie.len_bytes++;
    ck_assert(!is_mapped_right(&lie, data));
    ck_assert_ptr_eq(blobs_use(blobs, &ref), b);
    blobs_unuse(blobs, b);
    blobs_unuse(blobs, b);
}
END_TEST

START_TEST(only_so_many_requests_are_out)
{
    struct blob_ref asked;
    uint64_t offset;
    struct blob *b = blobs_use(blobs, &ref);
    for (uint64_t i = 0; i < BLOBS_PIPELINE; i++) {
        ck_assert(blobs_next_request(blobs, 1, &asked, &offset));
        ck_assert_uint_eq(offset, i * BLOB_PART_BYTES);
    }
    ck_assert(!blobs_next_request(blobs, 2, &asked, &offset));
    /* nothing came for long, or the connection is a new one: from where we are */
    ck_assert(blobs_next_request(blobs, 2 + (BLOBS_RETRY_MS + 1) * NS_PER_MS, &asked, &offset));
    ck_assert_uint_eq(offset, 0);
    (void)blobs_part(blobs, &ref, 0, data, BLOB_PART_BYTES, false, 3);
    blobs_restart(blobs);
    ck_assert(blobs_next_request(blobs, 4, &asked, &offset));
    ck_assert_uint_eq(offset, BLOB_PART_BYTES);
    blobs_unuse(blobs, b);
}
END_TEST

START_TEST(odd_parts_are_ignored)
{
    struct blob *b = blobs_use(blobs, &ref);
    struct blob_ref other = shifted(1);
    ck_assert(!blobs_part(blobs, &other, 0, data, 10, false, 1));
    ck_assert(!blobs_part(blobs, &ref, 10, data, 10, false, 1));
    ck_assert(!blobs_part(blobs, &ref, 0, data, 0, false, 1));
    ck_assert(!blobs_part(blobs, &ref, 0, data, (size_t)LEN + 1, false, 1));
    ck_assert_uint_eq(answer_all(&ref, data), 6);
    ck_assert(!blobs_part(blobs, &ref, 0, data, 10, false, 1));
    ck_assert(is_mapped_right(&ref, data));
    blobs_unuse(blobs, b);
}
END_TEST

START_TEST(damaged_and_missing_data_fail_and_can_be_had_again)
{
    struct blob *b = blobs_use(blobs, &ref);
    uint8_t saved = data[LEN - 1];
    data[LEN - 1] ^= 1;
    (void)answer_all(&ref, data);
    data[LEN - 1] = saved;
    ck_assert_int_eq(blob_state(b), BLOB_FAILED);
    ck_assert_ptr_nonnull(strstr(blob_why(b), "damaged"));
    blobs_unuse(blobs, b);
    b = blobs_use(blobs, &ref);
    ck_assert(blobs_part(blobs, &ref, 0, NULL, 0, true, 1));
    ck_assert_int_eq(blob_state(b), BLOB_FAILED);
    blobs_unuse(blobs, b);
    b = blobs_use(blobs, &ref);
    (void)answer_all(&ref, data);
    ck_assert_int_eq(blob_state(b), BLOB_READY);
    blobs_unuse(blobs, b);
}
END_TEST

START_TEST(the_one_used_longest_ago_goes_first_and_never_one_in_use)
{
    struct blob_ref r[4];
    struct blob *b[4];
    for (size_t i = 0; i < 4; i++) {
        r[i] = shifted(i);
        b[i] = blobs_use(blobs, &r[i]);
        (void)answer_all(&r[i], data + i);
        ck_assert_int_eq(blob_state(b[i]), BLOB_READY);
    }
    blobs_unuse(blobs, b[1]); /* four of two: it goes at once */
    ck_assert(!is_mapped_right(&r[1], data + 1));
    blobs_unuse(blobs, b[0]);
    ck_assert(!is_mapped_right(&r[0], data));
    blobs_unuse(blobs, b[2]); /* two fit */
    ck_assert(is_mapped_right(&r[2], data + 2));
    ck_assert(is_mapped_right(&r[3], data + 3));
    blobs_unuse(blobs, b[3]);
}
END_TEST

START_TEST(what_a_killed_worker_left_is_removed_and_a_living_ones_is_not)
{
    const char *base = "/dev/shm";
    char dead[64], alive[64], lock[96];
    if (access(base, W_OK) != 0)
        base = "/tmp";
    (void)snprintf(dead, sizeof dead, "%s/quincunx-worker-1-dead%d", base, (int)getpid());
    (void)snprintf(alive, sizeof alive, "%s/quincunx-worker-1-live%d", base, (int)getpid());
    ck_assert_int_eq(mkdir(dead, 0700), 0);
    ck_assert_int_eq(mkdir(alive, 0700), 0);
    (void)snprintf(lock, sizeof lock, "%s/.lock", dead);
    (void)close(open(lock, O_RDWR | O_CREAT, 0600));
    (void)snprintf(lock, sizeof lock, "%s/.lock", alive);
    int fd = open(lock, O_RDWR | O_CREAT, 0600);
    ck_assert_int_eq(flock(fd, LOCK_EX), 0);
    struct blobs *other = NULL;
    ck_assert_int_eq(blobs_new(1, &other, NULL), QX_ERR_OK);
    ck_assert_int_ne(access(dead, F_OK), 0);
    ck_assert_int_eq(access(alive, F_OK), 0);
    ck_assert_int_eq(access(blobs_folders(blobs)->path[1], F_OK), 0);
    blobs_free(other);
    (void)unlink(lock);
    (void)rmdir(alive);
    (void)close(fd);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("worker_blobs");
    TCase *tc = tcase_create("blobs");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, parts_become_a_file);
    tcase_add_test(tc, only_so_many_requests_are_out);
    tcase_add_test(tc, odd_parts_are_ignored);
    tcase_add_test(tc, damaged_and_missing_data_fail_and_can_be_had_again);
    tcase_add_test(tc, the_one_used_longest_ago_goes_first_and_never_one_in_use);
    tcase_add_test(tc, what_a_killed_worker_left_is_removed_and_a_living_ones_is_not);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
