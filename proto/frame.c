/* Head and fixed parts are copied between the wire and the structs as they are: the structs have no padding
 * and every supported machine is little-endian (asserted below and in common/bytes.c). */
#include "proto/frame.h"

#include <string.h>

#include "common/block.h"
#include "proto/control.h"
#include "quincunx/task.h"

enum {
    FRAME_MAGIC = 'Q' | 'X' << 8,
    HEAD_BYTES = sizeof(struct frame_head),
    JOB_BYTES = HEAD_BYTES + 8,
    LEASE_BYTES = HEAD_BYTES + sizeof(struct frame_lease),
    RESULT_BYTES = HEAD_BYTES + sizeof(struct frame_result),
    NODES_MAX = QX_NODES_MAX + 1 /* a chunk's nodes and the partial block */
};

_Static_assert(HEAD_BYTES == 24, "layout of the wire");
_Static_assert(sizeof(struct frame_skip) == 16, "layout of the wire");
_Static_assert(sizeof(struct frame_lease) == 72, "layout of the wire");
_Static_assert(sizeof(struct frame_result) == 152, "layout of the wire");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "layout of the wire");

#define BLOCKS_MAX ((uint64_t)1 << 62)

/* ---- sections ------------------------------------------------------------------------------------ */

/* What is left of a frame while its sections are taken off. */
struct rest {
    const uint8_t *p;
    size_t len;
};

/* Takes a section of `len` bytes and its padding; NULL if the frame is shorter. */
static const uint8_t *take(struct rest *r, uint64_t len)
{
    if (len > r->len)
        return NULL;
    uint64_t padded = (len + 7) & ~(uint64_t)7;
    if (padded > r->len)
        return NULL;
    const uint8_t *section = r->p;
    r->p += padded;
    r->len -= (size_t)padded;
    return section;
}

static uint64_t read_u64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static qx_err too_short(const char *what, uint64_t len, struct qx_error *err)
{
    return qx_fail(err, QX_ERR_PROTO, "%s of %llu bytes does not fit its frame", what,
                   (unsigned long long)len);
}

/* ---- decoding: parts that leases and results share ------------------------------------------------ */

static qx_err check_range(uint32_t cell, uint64_t first_block, uint32_t n_blocks, uint32_t kind,
                          struct qx_error *err)
{
    if (cell >= CELLS_MAX)
        return qx_fail(err, QX_ERR_PROTO, "cell %u, limit %d", cell, CELLS_MAX);
    if (kind >= FRAME_KIND_COUNT)
        return qx_fail(err, QX_ERR_PROTO, "unknown kind of lease %u", kind);
    if (first_block > BLOCKS_MAX || n_blocks > BLOCKS_MAX - first_block)
        return qx_fail(err, QX_ERR_PROTO, "blocks beyond 2^62");
    if (kind == FRAME_KIND_RUN && n_blocks == 0)
        return qx_fail(err, QX_ERR_PROTO, "a run of no blocks");
    return QX_ERR_OK;
}

static qx_err decode_head(const uint8_t *data, size_t len, struct frame_head *ret, struct qx_error *err)
{
    if (len < HEAD_BYTES)
        return qx_fail(err, QX_ERR_PROTO, "frame of %zu bytes, a head has %d", len, HEAD_BYTES);
    if (len > QX_FRAME_BYTES_MAX)
        return qx_fail(err, QX_ERR_PROTO, "frame of %zu bytes, limit %d", len, QX_FRAME_BYTES_MAX);
    memcpy(ret, data, HEAD_BYTES);
    if (ret->magic != FRAME_MAGIC)
        return qx_fail(err, QX_ERR_PROTO, "not a Quincunx frame (starts with 0x%04x)", ret->magic);
    if (ret->version != QX_PROTO_VERSION)
        return qx_fail(err, QX_ERR_VERSION, "peer speaks protocol %d, this is %d", ret->version,
                       QX_PROTO_VERSION);
    if (ret->len_bytes != len)
        return qx_fail(err, QX_ERR_PROTO, "frame of %zu bytes says it has %u", len, ret->len_bytes);
    return QX_ERR_OK;
}

/* ---- decoding: one function a type ------------------------------------------------------------------ */

static qx_err decode_job(const uint8_t *data, size_t len, struct frame_view *v, struct qx_error *err)
{
    if (len < JOB_BYTES)
        return too_short("job", JOB_BYTES, err);
    v->job = read_u64(data + HEAD_BYTES);
    v->payload = data + JOB_BYTES;
    v->len_payload = len - JOB_BYTES;
    if (v->head.type == FRAME_FORGET && v->len_payload != 0)
        return qx_fail(err, QX_ERR_PROTO, "%zu bytes after a forget", v->len_payload);
    if (v->head.type == FRAME_JOB && v->len_payload == 0)
        return qx_fail(err, QX_ERR_PROTO, "a job without a description");
    if (v->head.type == FRAME_REVOKE) {
        if (v->len_payload != sizeof v->revoke)
            return qx_fail(err, QX_ERR_PROTO, "a revoke of %zu bytes", v->len_payload);
        memcpy(&v->revoke, v->payload, sizeof v->revoke);
    }
    return QX_ERR_OK;
}

static qx_err check_merge_payload(const uint8_t *payload, uint64_t len, struct qx_error *err)
{
    if (len < 8)
        return qx_fail(err, QX_ERR_PROTO, "a merge without states");
    uint64_t left = read_u64(payload);
    if (left > len - 8)
        return too_short("left state", left, err);
    return QX_ERR_OK;
}

static qx_err check_skips(const struct frame_skip *skips, uint32_t n, struct qx_error *err)
{
    for (uint32_t i = 0; i < n; i++)
        if (skips[i].outcome == QX_OUTCOME_OK || skips[i].outcome >= QX_OUTCOME_COUNT)
            return qx_fail(err, QX_ERR_PROTO, "outcome %u of an item to skip", skips[i].outcome);
    return QX_ERR_OK;
}

static qx_err decode_lease(const uint8_t *data, size_t len, struct frame_view *v, struct qx_error *err)
{
    if (len < LEASE_BYTES)
        return too_short("lease", LEASE_BYTES, err);
    struct frame_lease *l = &v->lease;
    memcpy(l, data + HEAD_BYTES, sizeof *l);
    qx_err e = check_range(l->cell, l->first_block, l->n_blocks, l->kind, err);
    if (e != QX_ERR_OK)
        return e;
    if (l->end_item > QX_ITEMS_MAX)
        return qx_fail(err, QX_ERR_PROTO, "items beyond 2^62");
    struct rest rest = {data + LEASE_BYTES, len - LEASE_BYTES};
    const uint8_t *skips = take(&rest, (uint64_t)l->n_skips * sizeof(struct frame_skip));
    if (!skips)
        return too_short("list of skips", (uint64_t)l->n_skips * sizeof(struct frame_skip), err);
    v->skips = (const struct frame_skip *)skips;
    v->payload = take(&rest, l->len_payload);
    if (!v->payload)
        return too_short("payload", l->len_payload, err);
    v->len_payload = (size_t)l->len_payload;
    if (rest.len != 0)
        return qx_fail(err, QX_ERR_PROTO, "%zu bytes after a lease", rest.len);
    if (l->kind == FRAME_KIND_MERGE &&
        (e = check_merge_payload(v->payload, l->len_payload, err)) != QX_ERR_OK)
        return e;
    return check_skips(v->skips, l->n_skips, err);
}

/* How many nodes a good result of this kind has at least and at most. */
static qx_err check_node_count(const struct frame_result *r, struct qx_error *err)
{
    static const uint32_t least[FRAME_KIND_COUNT] = {1, 1, 0, 0};
    static const uint32_t most[FRAME_KIND_COUNT] = {NODES_MAX, 1, 0, 0};
    bool ok = r->outcome == QX_OUTCOME_OK;
    if (r->n_nodes > most[r->kind] || (ok && r->n_nodes < least[r->kind]))
        return qx_fail(err, QX_ERR_PROTO, "%u nodes in a result of kind %u", r->n_nodes, r->kind);
    return QX_ERR_OK;
}

static qx_err check_nodes(const struct frame_result *r, const uint8_t *nodes, struct qx_error *err)
{
    qx_err e = check_node_count(r, err);
    if (e != QX_ERR_OK)
        return e;
    struct rest rest = {nodes, (size_t)r->len_nodes};
    for (uint32_t i = 0; i < r->n_nodes; i++) {
        if (rest.len < 8)
            return qx_fail(err, QX_ERR_PROTO, "%u nodes, only %u are there", r->n_nodes, i);
        uint64_t state = read_u64(rest.p);
        (void)take(&rest, 8);
        if (!take(&rest, state))
            return too_short("state of a node", state, err);
    }
    if (rest.len != 0)
        return qx_fail(err, QX_ERR_PROTO, "%zu bytes after the nodes", rest.len);
    return QX_ERR_OK;
}

static qx_err check_outcomes(const struct frame_result *r, const uint8_t *ok, struct qx_error *err)
{
    if (r->len_ok != 0 && r->len_ok != r->n_items)
        return qx_fail(err, QX_ERR_PROTO, "outcomes of %llu items, the lease has %llu",
                       (unsigned long long)r->len_ok, (unsigned long long)r->n_items);
    for (uint64_t i = 0; i < r->len_ok; i++)
        if (ok[i] >= QX_OUTCOME_COUNT)
            return qx_fail(err, QX_ERR_PROTO, "outcome %u of an item", ok[i]);
    return QX_ERR_OK;
}

static qx_err check_size(const struct frame_view *v, struct qx_error *err)
{
    struct frame_size s;
    if (v->len_payload != sizeof s)
        return qx_fail(err, QX_ERR_PROTO, "a size of %zu bytes", v->len_payload);
    frame_size_read(v, &s);
    if (s.n_default > QX_ITEMS_MAX || s.n_max > QX_ITEMS_MAX || (s.n_max > 0 && s.n_default > s.n_max))
        return qx_fail(err, QX_ERR_PROTO, "a size of %llu items of at most %llu",
                       (unsigned long long)s.n_default, (unsigned long long)s.n_max);
    return QX_ERR_OK;
}

static qx_err check_result(const struct frame_result *r, struct qx_error *err)
{
    qx_err e = check_range(r->cell, r->first_block, r->n_blocks, r->kind, err);
    if (e != QX_ERR_OK)
        return e;
    if (r->outcome >= QX_OUTCOME_COUNT)
        return qx_fail(err, QX_ERR_PROTO, "outcome %u of a lease", r->outcome);
    if (r->started > 1)
        return qx_fail(err, QX_ERR_PROTO, "started is %u, not 0 or 1", r->started);
    if (r->item != UINT64_MAX && r->item >= QX_ITEMS_MAX)
        return qx_fail(err, QX_ERR_PROTO, "an item beyond 2^62");
    if (r->n_items > QX_ITEMS_MAX || r->partial_items > r->n_items)
        return qx_fail(err, QX_ERR_PROTO, "%llu items, %llu in the partial block",
                       (unsigned long long)r->n_items, (unsigned long long)r->partial_items);
    bool whole_rows =
        r->len_rows == 0 || (r->len_rows % 8 == 0 && r->n_items > 0 && r->len_rows / 8 % r->n_items == 0);
    if (!whole_rows)
        return qx_fail(err, QX_ERR_PROTO, "rows of %llu bytes for %llu items",
                       (unsigned long long)r->len_rows, (unsigned long long)r->n_items);
    return QX_ERR_OK;
}

static qx_err decode_result(const uint8_t *data, size_t len, struct frame_view *v, struct qx_error *err)
{
    if (len < RESULT_BYTES)
        return too_short("result", RESULT_BYTES, err);
    struct frame_result *r = &v->result;
    memcpy(r, data + HEAD_BYTES, sizeof *r);
    qx_err e = check_result(r, err);
    if (e != QX_ERR_OK)
        return e;
    struct rest rest = {data + RESULT_BYTES, len - RESULT_BYTES};
    const uint8_t *text = NULL;
    const struct {
        const char *what;
        uint64_t len;
        const uint8_t **section;
    } sections[] = {{"nodes", r->len_nodes, &v->nodes}, {"plan", r->len_plan, &v->plan},
                    {"rows", r->len_rows, &v->rows},    {"outcomes", r->len_ok, &v->ok},
                    {"text", r->len_text, &text},       {"payload", r->len_payload, &v->payload}};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        *sections[i].section = take(&rest, sections[i].len);
        if (!*sections[i].section)
            return too_short(sections[i].what, sections[i].len, err);
    }
    if (rest.len != 0)
        return qx_fail(err, QX_ERR_PROTO, "%zu bytes after a result", rest.len);
    v->text = (const char *)text;
    v->len_payload = (size_t)r->len_payload;
    if ((e = check_nodes(r, v->nodes, err)) != QX_ERR_OK)
        return e;
    if (r->kind == FRAME_KIND_SIZE && r->outcome == QX_OUTCOME_OK && (e = check_size(v, err)) != QX_ERR_OK)
        return e;
    return check_outcomes(r, v->ok, err);
}

qx_err frame_decode(const void *data, size_t len, struct frame_view *ret, struct qx_error *err)
{
    struct frame_view v = {0};
    qx_err e = decode_head(data, len, &v.head, err);
    if (e != QX_ERR_OK)
        return e;
    switch (v.head.type) {
    case FRAME_JOB:
    case FRAME_FORGET:
    case FRAME_REVOKE:
        e = decode_job(data, len, &v, err);
        break;
    case FRAME_LEASE:
        e = decode_lease(data, len, &v, err);
        break;
    case FRAME_RESULT:
        e = decode_result(data, len, &v, err);
        break;
    default:
        e = qx_fail(err, QX_ERR_PROTO, "unknown type of frame %d", v.head.type);
    }
    if (e == QX_ERR_OK)
        *ret = v;
    return e;
}

void frame_size_read(const struct frame_view *v, struct frame_size *ret)
{
    memcpy(ret, v->payload, sizeof *ret);
}

const uint8_t *frame_next_node(const uint8_t **p, size_t *ret_len)
{
    uint64_t len = read_u64(*p);
    const uint8_t *state = *p + 8;
    *p = state + ((len + 7) & ~(uint64_t)7);
    *ret_len = (size_t)len;
    return state;
}

void frame_merge_states(const struct frame_view *v, const uint8_t **ret_left, size_t *ret_len_left,
                        const uint8_t **ret_right, size_t *ret_len_right)
{
    uint64_t left = read_u64(v->payload);
    *ret_left = v->payload + 8;
    *ret_len_left = (size_t)left;
    *ret_right = *ret_left + left;
    *ret_len_right = v->len_payload - 8 - (size_t)left;
}

/* ---- encoding --------------------------------------------------------------------------------------- */

/* total + len rounded up to 8; SIZE_MAX stays and means too much. */
static size_t add_section(size_t total, uint64_t len)
{
    if (total > QX_FRAME_BYTES_MAX || len > QX_FRAME_BYTES_MAX)
        return SIZE_MAX;
    return total + (((size_t)len + 7) & ~(size_t)7);
}

static void write_head(void *to, enum frame_type type, size_t len, uint64_t session, uint64_t seq)
{
    QX_BUG_ON(len > QX_FRAME_BYTES_MAX);
    struct frame_head head = {.magic = FRAME_MAGIC,
                              .version = QX_PROTO_VERSION,
                              .type = (uint8_t)type,
                              .len_bytes = (uint32_t)len,
                              .session = session,
                              .seq = seq};
    memcpy(to, &head, sizeof head);
}

/* Reserves a section at *p, zeroes its padding, and moves *p behind both. */
static uint8_t *place(uint8_t **p, uint64_t len)
{
    uint8_t *section = *p;
    size_t padded = ((size_t)len + 7) & ~(size_t)7;
    memset(section + len, 0, padded - (size_t)len);
    *p = section + padded;
    return section;
}

size_t frame_lease_bytes(const struct frame_lease *l)
{
    return add_section(add_section(LEASE_BYTES, (uint64_t)l->n_skips * sizeof(struct frame_skip)),
                       l->len_payload);
}

void frame_lease_write(void *to, uint64_t session, uint64_t seq, const struct frame_lease *l,
                       const struct frame_skip *skips, const void *payload)
{
    write_head(to, FRAME_LEASE, frame_lease_bytes(l), session, seq);
    uint8_t *p = (uint8_t *)to + LEASE_BYTES;
    memcpy((uint8_t *)to + HEAD_BYTES, l, sizeof *l);
    size_t len_skips = l->n_skips * sizeof *skips;
    uint8_t *section = place(&p, len_skips);
    if (len_skips > 0)
        memcpy(section, skips, len_skips);
    section = place(&p, l->len_payload);
    if (l->len_payload > 0)
        memcpy(section, payload, (size_t)l->len_payload);
}

size_t frame_result_bytes(const struct frame_result *r)
{
    size_t total = add_section(RESULT_BYTES, r->len_nodes);
    total = add_section(total, r->len_plan);
    total = add_section(total, r->len_rows);
    total = add_section(total, r->len_ok);
    total = add_section(total, r->len_text);
    return add_section(total, r->len_payload);
}

struct frame_sections frame_result_write(void *to, uint64_t session, uint64_t seq,
                                         const struct frame_result *r)
{
    write_head(to, FRAME_RESULT, frame_result_bytes(r), session, seq);
    memcpy((uint8_t *)to + HEAD_BYTES, r, sizeof *r);
    uint8_t *p = (uint8_t *)to + RESULT_BYTES;
    struct frame_sections s;
    s.nodes = place(&p, r->len_nodes);
    s.plan = place(&p, r->len_plan);
    s.rows = place(&p, r->len_rows);
    s.ok = place(&p, r->len_ok);
    s.text = place(&p, r->len_text);
    s.payload = place(&p, r->len_payload);
    return s;
}

size_t frame_job_bytes(size_t len_payload)
{
    return len_payload > QX_FRAME_BYTES_MAX ? SIZE_MAX : JOB_BYTES + len_payload;
}

void frame_job_write(void *to, enum frame_type type, uint64_t session, uint64_t seq, uint64_t job,
                     const void *payload, size_t len)
{
    write_head(to, type, frame_job_bytes(len), session, seq);
    memcpy((uint8_t *)to + HEAD_BYTES, &job, sizeof job);
    if (len > 0)
        memcpy((uint8_t *)to + JOB_BYTES, payload, len);
}
