#include "worker/blobs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/mem.h"
#include "proto/control.h"

#define FOLDER_PREFIX "quincunx-worker-"

struct blob {
    struct blob *next;
    struct blob_ref ref;
    enum blob_state state;
    uint32_t users;
    uint64_t used;       /* when last, by the set's own count */
    uint64_t got, asked; /* bytes received; bytes requested */
    uint64_t heard_ns;
    size_t folder;
    int fd;                                              /* of the part that is there, -1: none */
    uint8_t hash[sizeof(crypto_generichash_state) + 64]; /* the state lies in it on a multiple of 64 */
    char why[QX_ERROR_TEXT_BYTES];
};

struct blobs {
    struct blob_folders folders;
    int lock_fds[BLOB_FOLDERS];
    struct blob *first;
    uint64_t limit_bytes, total_bytes, count;
};

/* ---- folders ---------------------------------------------------------------------------------------- */

static void remove_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));)
        (void)unlinkat(dirfd(dir), entry->d_name, 0); /* "." and ".." refuse */
    (void)closedir(dir);
    (void)rmdir(folder);
}

/* A folder is in use while its lock is held; a killed worker holds none. */
static void remove_stale(const char *base)
{
    DIR *dir = opendir(base);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        char folder[BLOB_PATH_BYTES], lock[BLOB_PATH_BYTES + 8];
        struct stat st;
        if (strncmp(entry->d_name, FOLDER_PREFIX, strlen(FOLDER_PREFIX)) != 0)
            continue;
        (void)snprintf(folder, sizeof folder, "%s/%s", base, entry->d_name);
        (void)snprintf(lock, sizeof lock, "%s/.lock", folder);
        if (lstat(folder, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
            continue;
        int fd = open(lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            remove_folder(folder);
        if (fd >= 0)
            (void)close(fd);
    }
    (void)closedir(dir);
}

/* Leaves folder i "" where there can be none. */
static void make_folder(struct blobs *b, size_t i, const char *base)
{
    char *folder = b->folders.path[i], lock[BLOB_PATH_BYTES];
    remove_stale(base);
    (void)snprintf(folder, sizeof b->folders.path[i], "%s/" FOLDER_PREFIX "%d-XXXXXX", base, (int)getpid());
    if (!mkdtemp(folder)) {
        folder[0] = '\0';
        return;
    }
    (void)snprintf(lock, sizeof lock, "%s/.lock", folder);
    b->lock_fds[i] = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (b->lock_fds[i] >= 0)
        (void)flock(b->lock_fds[i], LOCK_EX | LOCK_NB);
}

qx_err blobs_new(uint64_t limit_bytes, struct blobs **ret, struct qx_error *err)
{
    struct blobs *b = qx_calloc(1, sizeof *b);
    if (!b || sodium_init() < 0) {
        qx_free(b);
        return qx_fail(err, QX_ERR_NOMEM, "out of memory");
    }
    b->limit_bytes = limit_bytes;
    b->lock_fds[0] = b->lock_fds[1] = -1;
    const char *temporary = getenv("TMPDIR");
    make_folder(b, 0, "/dev/shm");
    make_folder(b, 1, temporary && temporary[0] == '/' && strlen(temporary) < 256 ? temporary : "/tmp");
    if (b->folders.path[0][0] == '\0' && b->folders.path[1][0] == '\0') {
        qx_free(b);
        return qx_fail(err, QX_ERR_IO, "no folder for data sets can be made in /dev/shm or TMPDIR: %s",
                       strerror(errno));
    }
    *ret = b;
    return QX_ERR_OK;
}

const struct blob_folders *blobs_folders(const struct blobs *b)
{
    return &b->folders;
}

static crypto_generichash_state *hash_state(struct blob *blob)
{
    return (crypto_generichash_state *)(((uintptr_t)blob->hash + 63) & ~(uintptr_t)63);
}

/* ---- one blob --------------------------------------------------------------------------------------- */

enum blob_state blob_state(const struct blob *blob)
{
    return blob->state;
}

const char *blob_why(const struct blob *blob)
{
    return blob->why;
}

static void part_path(const struct blobs *b, const struct blob *blob, char ret[BLOB_PATH_BYTES + 8])
{
    char path[BLOB_PATH_BYTES];
    blob_file_path(b->folders.path[blob->folder], blob->ref.hash, path);
    (void)snprintf(ret, BLOB_PATH_BYTES + 8, "%s.part", path);
}

static void discard_part(struct blobs *b, struct blob *blob)
{
    if (blob->fd < 0)
        return;
    char path[BLOB_PATH_BYTES + 8];
    part_path(b, blob, path);
    (void)unlink(path);
    (void)close(blob->fd);
    blob->fd = -1;
}

static void blob_fail(struct blobs *b, struct blob *blob, const char *why)
{
    discard_part(b, blob);
    blob->state = BLOB_FAILED;
    (void)snprintf(blob->why, sizeof blob->why, "%s", why);
}

static size_t choose_folder(const struct blobs *b, uint64_t len)
{
    struct statvfs st;
    const char *memory = b->folders.path[0];
    if (b->folders.path[1][0] == '\0')
        return 0;
    bool room =
        memory[0] != '\0' && statvfs(memory, &st) == 0 && (uint64_t)st.f_bavail * st.f_frsize / 2 > len;
    return room ? 0 : 1;
}

static bool open_part(struct blobs *b, struct blob *blob)
{
    char path[BLOB_PATH_BYTES + 8];
    blob->folder = choose_folder(b, blob->ref.len_bytes);
    part_path(b, blob, path);
    blob->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    (void)crypto_generichash_init(hash_state(blob), NULL, 0, BLOB_HASH_BYTES);
    return blob->fd >= 0;
}

static void complete(struct blobs *b, struct blob *blob)
{
    uint8_t hash[BLOB_HASH_BYTES];
    char part[BLOB_PATH_BYTES + 8], path[BLOB_PATH_BYTES];
    (void)crypto_generichash_final(hash_state(blob), hash, sizeof hash);
    if (memcmp(hash, blob->ref.hash, sizeof hash) != 0) {
        blob_fail(b, blob, "a data set arrived damaged: its hash is not the one in its reference");
        return;
    }
    part_path(b, blob, part);
    blob_file_path(b->folders.path[blob->folder], blob->ref.hash, path);
    if (rename(part, path) != 0) {
        blob_fail(b, blob, "a data set cannot be stored on this worker");
        return;
    }
    (void)close(blob->fd);
    blob->fd = -1;
    blob->state = BLOB_READY;
    b->total_bytes += blob->ref.len_bytes;
}

/* ---- the set ---------------------------------------------------------------------------------------- */

static void blob_drop(struct blobs *b, struct blob *blob)
{
    struct blob **at = &b->first;
    while (*at != blob)
        at = &(*at)->next;
    *at = blob->next;
    discard_part(b, blob);
    if (blob->state == BLOB_READY) {
        char path[BLOB_PATH_BYTES];
        blob_file_path(b->folders.path[blob->folder], blob->ref.hash, path);
        (void)unlink(path);
        b->total_bytes -= blob->ref.len_bytes;
    }
    qx_free(blob);
}

void blobs_free(struct blobs *b)
{
    if (!b)
        return;
    while (b->first)
        blob_drop(b, b->first);
    for (size_t i = 0; i < BLOB_FOLDERS; i++) {
        if (b->folders.path[i][0] != '\0')
            remove_folder(b->folders.path[i]);
        if (b->lock_fds[i] >= 0)
            (void)close(b->lock_fds[i]);
    }
    qx_free(b);
}

static struct blob *find(const struct blobs *b, const struct blob_ref *ref)
{
    struct blob *blob = b->first;
    while (blob && (memcmp(blob->ref.hash, ref->hash, sizeof ref->hash) != 0 ||
                    blob->ref.len_bytes != ref->len_bytes))
        blob = blob->next;
    return blob;
}

static void shrink(struct blobs *b)
{
    while (b->total_bytes > b->limit_bytes) {
        struct blob *oldest = NULL;
        for (struct blob *blob = b->first; blob; blob = blob->next) {
            if (blob->users == 0 && blob->state == BLOB_READY && (!oldest || blob->used < oldest->used))
                oldest = blob;
        }
        if (!oldest)
            return;
        blob_drop(b, oldest);
    }
}

struct blob *blobs_use(struct blobs *b, const struct blob_ref *ref)
{
    struct blob *blob = find(b, ref);
    if (!blob) {
        blob = qx_calloc(1, sizeof *blob);
        if (!blob)
            return NULL;
        blob->ref = *ref;
        blob->fd = -1;
        blob->next = b->first;
        b->first = blob;
        if (ref->len_bytes == 0)
            blob_fail(b, blob, "a data set of 0 bytes");
        else if (!open_part(b, blob))
            blob_fail(b, blob, "a data set cannot be stored on this worker");
    }
    blob->users++;
    return blob;
}

void blobs_unuse(struct blobs *b, struct blob *blob)
{
    blob->used = ++b->count;
    if (--blob->users == 0 && blob->state != BLOB_READY)
        blob_drop(b, blob);
    shrink(b);
}

bool blobs_busy(const struct blobs *b)
{
    for (const struct blob *blob = b->first; blob; blob = blob->next) {
        if (blob->state == BLOB_FETCHING)
            return true;
    }
    return false;
}

/* ---- fetching --------------------------------------------------------------------------------------- */

/* One blob at a time, the one asked for first. */
static struct blob *fetching(const struct blobs *b)
{
    struct blob *oldest = NULL;
    for (struct blob *blob = b->first; blob; blob = blob->next) {
        if (blob->state == BLOB_FETCHING)
            oldest = blob;
    }
    return oldest;
}

bool blobs_next_request(struct blobs *b, uint64_t now_ns, struct blob_ref *ret_ref, uint64_t *ret_offset)
{
    struct blob *blob = fetching(b);
    if (!blob)
        return false;
    if (blob->asked > blob->got && now_ns - blob->heard_ns > BLOBS_RETRY_MS * NS_PER_MS)
        blob->asked = blob->got;
    if (blob->asked == blob->got)
        blob->heard_ns = now_ns;
    if (blob->asked >= blob->ref.len_bytes ||
        blob->asked - blob->got >= (uint64_t)BLOBS_PIPELINE * BLOB_PART_BYTES)
        return false;
    *ret_ref = blob->ref;
    *ret_offset = blob->asked;
    uint64_t left = blob->ref.len_bytes - blob->asked;
    blob->asked += left < BLOB_PART_BYTES ? left : BLOB_PART_BYTES;
    return true;
}

void blobs_restart(struct blobs *b)
{
    for (struct blob *blob = b->first; blob; blob = blob->next)
        blob->asked = blob->got;
}

static bool store(const struct blob *blob, const void *data, size_t len, uint64_t offset)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pwrite(blob->fd, (const uint8_t *)data + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

bool blobs_part(struct blobs *b, const struct blob_ref *ref, uint64_t offset, const void *data, size_t len,
                bool missing, uint64_t now_ns)
{
    struct blob *blob = find(b, ref);
    if (!blob || blob->state != BLOB_FETCHING)
        return false;
    if (missing) {
        blob_fail(b, blob, "the master has not got a data set of this job");
        return true;
    }
    if (offset != blob->got || len == 0 || len > ref->len_bytes - offset)
        return false; /* an answer to a request of an earlier connection */
    if (!store(blob, data, len, offset)) {
        char why[128];
        (void)snprintf(why, sizeof why, "a data set cannot be stored on this worker: %s", strerror(errno));
        blob_fail(b, blob, why);
        return true;
    }
    (void)crypto_generichash_update(hash_state(blob), data, len);
    blob->heard_ns = now_ns;
    blob->got += len;
    if (blob->asked < blob->got)
        blob->asked = blob->got;
    if (blob->got == ref->len_bytes)
        complete(b, blob);
    return blob->state != BLOB_FETCHING;
}
