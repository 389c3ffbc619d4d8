/* seed_proto.c - writes one valid message of each kind into DIRECTORY/control and DIRECTORY/frame. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/control_samples.h"

static const char *directory;

static void write_seed(const char *corpus, const char *name, const void *data, size_t len)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s/%s", directory, corpus, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, len, f) != len || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

static void write_control(void)
{
    struct qx_bytes b = {0};
    for (int t = CONTROL_UNKNOWN + 1; t < CONTROL_TYPE_COUNT; t++) {
        struct control c = control_sample((enum control_type)t);
        if (control_encode(&c, &b) != QX_ERR_OK)
            exit(1);
        write_seed("control", control_type_name(c.type), b.data, b.len);
    }
    if (job_spec_encode(job_spec_sample(), &b) != QX_ERR_OK)
        exit(1);
    write_seed("control", "spec", b.data, b.len);
    qx_bytes_fini(&b);
}

static void write_leases(void)
{
    static const uint8_t payload[] = {3, 0, 0, 0, 0, 0, 0, 0, 'l', 'e', 'f', 'r', 'i', 'g', 'h', 't'};
    static const char *const names[] = {"lease_run", "lease_merge", "lease_finish", "lease_size"};
    const struct frame_skip skips[] = {{7, 3, 0}, {9, 4, 0}};
    uint8_t to[512];
    for (uint32_t kind = FRAME_KIND_RUN; kind < FRAME_KIND_COUNT; kind++) {
        struct frame_lease l = {
            .lease = 1, .job = 2, .attempt = 1, .n_blocks = 4, .kind = kind, .end_item = 100};
        l.n_skips = kind == FRAME_KIND_RUN ? 2 : 0;
        l.len_payload = kind == FRAME_KIND_RUN ? 0 : sizeof payload;
        frame_lease_write(to, 5, 6, &l, skips, payload);
        write_seed("frame", names[kind], to, frame_lease_bytes(&l));
    }
}

static void write_others(void)
{
    uint8_t to[1024];
    frame_job_write(to, FRAME_JOB, 5, 6, 2, "spec", 4);
    write_seed("frame", "job", to, frame_job_bytes(4));
    frame_job_write(to, FRAME_FORGET, 5, 6, 2, NULL, 0);
    write_seed("frame", "forget", to, frame_job_bytes(0));
    struct frame_result r = {.lease = 1,
                             .job = 2,
                             .attempt = 1,
                             .n_blocks = 2,
                             .item = UINT64_MAX,
                             .n_items = 3,
                             .started = 1,
                             .n_nodes = 2,
                             .len_nodes = 32,
                             .len_plan = 5,
                             .len_rows = 48,
                             .len_ok = 3,
                             .len_text = 4,
                             .len_payload = 2};
    struct frame_sections s = frame_result_write(to, 5, 6, &r);
    memset(s.nodes, 0, 32);
    s.nodes[0] = 8;
    s.nodes[16] = 3;
    memset(s.plan, 'p', 5);
    memset(s.rows, 0, 48);
    memset(s.ok, 0, 3);
    memcpy(s.text, "text", 4);
    memcpy(s.payload, "{}", 2);
    write_seed("frame", "result", to, frame_result_bytes(&r));
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    directory = argv[1];
    write_control();
    write_leases();
    write_others();
    return 0;
}
