/* link.h - the connection to the master: sockets, registration, beats, and knowing when it is broken.
 *
 *   DOWN --dial--> DIALING --connected, HELLO sent--> GREETED --WELCOME--> UP --BYE--> LEAVING
 *     ^_______________|__________________________________|__________________|___________|
 *        nothing for some seconds, an ERROR, silence: all sockets are closed and made anew
 *
 * libzmq reconnects by itself in most cases but not in all, and never tells what was lost; so the link counts on nothing but beats.
 * One thread. */
#ifndef QX_WORKER_LINK_H
#define QX_WORKER_LINK_H

#include <zmq.h>

#include "proto/control.h"
#include "worker/ledger.h"

struct link_config {
    const char *master; /* tcp://host:port or ipc://path; borrowed, as all here */
    const char *name, *host;
    uint32_t slots, pid;
    const struct task_decl *tasks;
    uint32_t n_tasks;
    struct ledger *ledger; /* told of sessions, acknowledgements and gaps */
};

enum link_state { LINK_DOWN, LINK_DIALING, LINK_GREETED, LINK_UP, LINK_LEAVING, LINK_STATE_COUNT };

enum link_event_type {
    LINK_JOINED,   /* a new session: whatever an old one gave is void */
    LINK_LOST,     /* it ended */
    LINK_REFUSED,  /* the master will never take us: text */
    LINK_BLOB_PART /* part */
};
struct link_event {
    enum link_event_type type;
    struct control message; /* BLOB_PART: valid until the next call */
    struct qx_error err;
};

struct link;

qx_err link_new(void *ctx, const struct link_config *config, struct link **ret, struct qx_error *err);
void link_free(struct link *k);

/* Other tasks than those of `config`: the session ends, and the next greeting names them. The master takes that as it takes any
 * worker that registers again: it gives our leases out anew, to those who have their tasks. */
void link_retask(struct link *k, const struct task_decl *tasks, uint32_t n_tasks, uint64_t now_ns);

enum { LINK_POLL_ITEMS = 2 };
/* Fills in what to poll; gives how many. Tell link_polled what came of it: libzmq's descriptors are polled directly, and a
 * socket is read only when its descriptor spoke, something was sent on it, or a poll timed out. */
int link_poll_items(const struct link *k, zmq_pollitem_t ret_items[LINK_POLL_ITEMS]);
bool link_wants_look(const struct link *k); /* there is something to read already: poll without waiting */
void link_polled(struct link *k, const zmq_pollitem_t *items, int n, bool timed_out);
/* Dials, greets, beats, gives up. Returns when it wants to be called next. */
uint64_t link_tick(struct link *k, uint64_t now_ns);
/* Reads control messages and acts on them; false: nothing more to tell. */
bool link_next_event(struct link *k, uint64_t now_ns, struct link_event *ret);

/* The next lane message that carries on the session's sequence; false: none now. The caller closes the message. */
bool link_next_frame(struct link *k, uint64_t now_ns, zmq_msg_t *ret_msg, struct frame_view *ret_view);
/* Takes a result that the ledger owns; false: not now (the ledger has it sent again). */
bool link_push(struct link *k, const void *frame, size_t len);
bool link_request_blob(struct link *k, const struct blob_ref *ref, uint64_t offset);
/* Says that we leave: at first, to get no more leases, and again at the end, when nothing is held. */
void link_bye(struct link *k, uint64_t now_ns);
/* After BYE: everything that was on its way to us has come; or there is no session. */
bool link_settled(const struct link *k);

enum link_state link_state(const struct link *k);
uint64_t link_session(const struct link *k); /* 0: never had one */

#endif
