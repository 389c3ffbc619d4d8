/* zmqx.h - libzmq sockets with every option set that its defaults get wrong (docs/protocol.md says why), and the
 * arithmetic of the master's addresses. */
#ifndef QX_COMMON_ZMQX_H
#define QX_COMMON_ZMQX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quincunx/error.h"

enum { ZMQX_ADDRESS_BYTES = 256 };

struct zmqx_options {
    int hwm;                   /* both directions, messages; credits keep queues far below it */
    int64_t message_bytes_max; /* a peer that sends more is disconnected */
    int linger_ms;             /* 0: drop what is unsent at close */
    bool immediate;            /* send only to connections that are up */
    bool mandatory;            /* ROUTER: EHOSTUNREACH for a peer that is gone */
};

/* A socket of `type` for addresses like `address` (heartbeats are off on ipc). Also sets RECONNECT_IVL, HANDSHAKE_IVL, BACKLOG.
 * Heartbeats only where the reader drains its socket always, as all ours do. */
qx_err zmqx_socket(void *ctx, int type, const char *address, const struct zmqx_options *opt,
                   void **ret_socket, struct qx_error *err);
/* As zmqx_socket, then connects or binds. The text names the address. LIMIT: the address is in use. */
qx_err zmqx_connect(void *ctx, int type, const char *address, const struct zmqx_options *opt,
                    void **ret_socket, struct qx_error *err);
qx_err zmqx_bind(void *ctx, int type, const char *address, const struct zmqx_options *opt, void **ret_socket,
                 struct qx_error *err);
/* NULL is fine; gives NULL. */
void *zmqx_close(void *socket);

/* Control address and suffix: "tcp://host:5550" and "+12" give "tcp://host:5562"; "ipc:///run/qx" and ".lane12" give
 * "ipc:///run/qx.lane12". INVALID if they do not go together, the port leaves 1 .. 65535 or an ipc path gets too long. */
qx_err zmqx_address_add(const char *base, const char *suffix, char ret[ZMQX_ADDRESS_BYTES],
                        struct qx_error *err);
/* INVALID unless it is tcp://host:port with a port, or ipc://path of at most 107 bytes. */
qx_err zmqx_address_check(const char *address, struct qx_error *err);
bool zmqx_address_is_ipc(const char *address);

/* The suffixes of the master's other sockets. */
void zmqx_sink_suffix(const char *base, char ret_suffix[32]);
void zmqx_lane_suffix(const char *base, uint32_t lane, char ret_suffix[32]);

#endif
