/* ledger.h - what a worker owes the master: leases it holds and results not yet acknowledged.
 *
 * Pure: messages and the time go in, answers come out; the simulator of the scheduler runs thousands of these.
 * Owns copies of result frames until they are acknowledged. One thread. */
#ifndef QX_WORKER_LEDGER_H
#define QX_WORKER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct ledger;

qx_err ledger_new(uint64_t resend_after_ns, struct ledger **ret);
void ledger_free(struct ledger *l);

/* A new session: nothing received on its lane yet. Held leases and unacknowledged results of the old session are forgotten:
 * the master has given them out again. */
void ledger_session(struct ledger *l, uint64_t session);

/* A lane message with this sequence number came. OK: it is the next one, act on it. STALE: seen before, ignore it.
 * STATE: one or more before it are missing: ignore it; ledger_gap() is true until the next beat is sent with resync. */
qx_err ledger_lane(struct ledger *l, uint64_t seq);
/* The master says the last one it sent is `seq`. If it said so of one before, and nothing at all came since, that is lost. */
void ledger_lane_sent(struct ledger *l, uint64_t seq);
bool ledger_gap(const struct ledger *l);
/* After a resync beat is sent: the lane goes on behind the last number seen or claimed, whatever was lost. The master gives out
 * again what the beat did not list, and sends job specifications anew; a lease that was under way meanwhile may be run in vain. */
void ledger_resynced(struct ledger *l);
uint64_t ledger_lane_seq(const struct ledger *l);

qx_err ledger_hold(struct ledger *l, uint64_t lease); /* a lease was received; STATE if held */
bool ledger_holds(const struct ledger *l, uint64_t lease);
void ledger_drop(struct ledger *l, uint64_t lease); /* forgotten with its job; no result will be sent */
size_t ledger_held(const struct ledger *l, uint64_t *ret_leases,
                   size_t cap); /* held or with an unacknowledged result; returns how many there are */

/* The next result number of this session. */
uint64_t ledger_next_seq(const struct ledger *l);
/* Keeps a result frame (taken over; freed with `free_frame`) until it is acknowledged; releases the lease. */
qx_err ledger_result(struct ledger *l, uint64_t lease, void *frame, size_t len, void (*free_frame)(void *),
                     uint64_t now_ns);
void ledger_ack(struct ledger *l, uint64_t upto, const uint64_t *extra, size_t n_extra);
/* A result that was sent `resend_after` ago and is not acknowledged: send it again. False: none now. Borrowed until the next call. */
bool ledger_next_resend(struct ledger *l, uint64_t now_ns, const void **ret_frame, size_t *ret_len);
size_t ledger_unacked(const struct ledger *l);
size_t ledger_unacked_bytes(const struct ledger *l);
#endif
