#include "common/zmqx.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/error.h"

enum {
    HEARTBEAT_IVL_MS = 1000,
    HEARTBEAT_TIMEOUT_MS = 10000,
    HEARTBEAT_TTL_MS = 30000, /* 65.6 s and more wrap around in libzmq */
    HANDSHAKE_IVL_MS = 5000,
    IPC_PATH_MAX = 107
};

bool zmqx_address_is_ipc(const char *address)
{
    return strncmp(address, "ipc://", 6) == 0;
}

static int set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

static int set_reconnect(void *socket, const char *address)
{
    if (zmqx_address_is_ipc(address))
        return set_int(socket, ZMQ_RECONNECT_IVL, 10);
    return set_int(socket, ZMQ_RECONNECT_IVL, 100) | set_int(socket, ZMQ_RECONNECT_IVL_MAX, 5000) |
           set_int(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_IVL_MS) |
           set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS) |
           set_int(socket, ZMQ_HEARTBEAT_TTL, HEARTBEAT_TTL_MS);
}

static int set_all(void *socket, int type, const char *address, const struct zmqx_options *opt)
{
    int rc = set_int(socket, ZMQ_LINGER, opt->linger_ms) | set_int(socket, ZMQ_SNDHWM, opt->hwm) |
             set_int(socket, ZMQ_RCVHWM, opt->hwm) | set_int(socket, ZMQ_IMMEDIATE, opt->immediate) |
             set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_IVL_MS) | set_int(socket, ZMQ_BACKLOG, 1024) |
             set_int(socket, ZMQ_IPV6, strchr(address, '[') != NULL) |
             zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &opt->message_bytes_max, sizeof opt->message_bytes_max) |
             set_reconnect(socket, address);
    if (type == ZMQ_ROUTER)
        rc |= set_int(socket, ZMQ_ROUTER_MANDATORY, opt->mandatory);
    return rc;
}

qx_err zmqx_socket(void *ctx, int type, const char *address, const struct zmqx_options *opt,
                   void **ret_socket, struct qx_error *err)
{
    void *socket = zmq_socket(ctx, type);
    if (!socket)
        return qx_fail(err, QX_ERR_IO, "cannot make a socket for %s: %s", address, zmq_strerror(errno));
    if (set_all(socket, type, address, opt) != 0) {
        qx_err e = qx_fail(err, QX_ERR_BUG, "socket option for %s: %s", address, zmq_strerror(errno));
        (void)zmqx_close(socket);
        return e;
    }
    *ret_socket = socket;
    return QX_ERR_OK;
}

static qx_err attach(void *ctx, int type, const char *address, const struct zmqx_options *opt, bool bind,
                     void **ret_socket, struct qx_error *err)
{
    void *socket = NULL;
    qx_err e = zmqx_socket(ctx, type, address, opt, &socket, err);
    if (e != QX_ERR_OK)
        return e;
    int rc = bind ? zmq_bind(socket, address) : zmq_connect(socket, address);
    if (rc != 0) {
        e = qx_fail(err, errno == EADDRINUSE ? QX_ERR_LIMIT : QX_ERR_IO, "cannot %s %s: %s",
                    bind ? "listen on" : "connect to", address, zmq_strerror(errno));
        (void)zmqx_close(socket);
        return e;
    }
    *ret_socket = socket;
    return QX_ERR_OK;
}

qx_err zmqx_connect(void *ctx, int type, const char *address, const struct zmqx_options *opt,
                    void **ret_socket, struct qx_error *err)
{
    return attach(ctx, type, address, opt, false, ret_socket, err);
}

qx_err zmqx_bind(void *ctx, int type, const char *address, const struct zmqx_options *opt, void **ret_socket,
                 struct qx_error *err)
{
    return attach(ctx, type, address, opt, true, ret_socket, err);
}

void *zmqx_close(void *socket)
{
    if (socket)
        (void)zmq_close(socket);
    return NULL;
}

/* The port at the end of tcp://host:port; 0 if there is none. *ret_at is where its digits begin. */
static unsigned long tcp_port(const char *address, size_t *ret_at)
{
    const char *colon = strrchr(address, ':');
    if (strncmp(address, "tcp://", 6) != 0 || colon <= address + 6)
        return 0;
    char *end = NULL;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || port > 65535)
        return 0;
    *ret_at = (size_t)(colon + 1 - address);
    return port;
}

qx_err zmqx_address_check(const char *address, struct qx_error *err)
{
    if (strlen(address) >= ZMQX_ADDRESS_BYTES)
        return qx_fail(err, QX_ERR_INVALID, "address of %zu bytes is too long", strlen(address));
    if (zmqx_address_is_ipc(address)) {
        size_t len = strlen(address + 6);
        if (len == 0 || len > IPC_PATH_MAX)
            return qx_fail(err, QX_ERR_INVALID, "ipc path of %zu bytes in \"%s\"; 1 to %d are possible", len,
                           address, IPC_PATH_MAX);
        return QX_ERR_OK;
    }
    size_t at = 0;
    if (tcp_port(address, &at) == 0)
        return qx_fail(err, QX_ERR_INVALID, "address \"%s\" is neither tcp://HOST:PORT nor ipc://PATH",
                       address);
    return QX_ERR_OK;
}

qx_err zmqx_address_add(const char *base, const char *suffix, char ret[ZMQX_ADDRESS_BYTES],
                        struct qx_error *err)
{
    qx_err e = zmqx_address_check(base, err);
    if (e != QX_ERR_OK)
        return e;
    if (zmqx_address_is_ipc(base)) {
        if (suffix[0] != '.' || strchr(suffix, '/') || strlen(base + 6) + strlen(suffix) > IPC_PATH_MAX)
            return qx_fail(err, QX_ERR_INVALID, "suffix \"%s\" does not go with the address %s", suffix,
                           base);
        (void)snprintf(ret, ZMQX_ADDRESS_BYTES, "%s%s", base, suffix);
        return QX_ERR_OK;
    }
    size_t at = 0;
    unsigned long port = tcp_port(base, &at);
    char *end = NULL;
    unsigned long add =
        suffix[0] == '+' && suffix[1] >= '0' && suffix[1] <= '9' ? strtoul(suffix + 1, &end, 10) : 0;
    if (!end || *end != '\0' || add > 65535 || port + add > 65535)
        return qx_fail(err, QX_ERR_INVALID, "suffix \"%s\" does not go with the address %s", suffix, base);
    (void)snprintf(ret, ZMQX_ADDRESS_BYTES, "%.*s%lu", (int)at, base, port + add);
    return QX_ERR_OK;
}

void zmqx_sink_suffix(const char *base, char ret_suffix[32])
{
    (void)snprintf(ret_suffix, 32, "%s", zmqx_address_is_ipc(base) ? ".sink" : "+1");
}

void zmqx_lane_suffix(const char *base, uint32_t lane, char ret_suffix[32])
{
    if (zmqx_address_is_ipc(base))
        (void)snprintf(ret_suffix, 32, ".lane%u", lane);
    else
        (void)snprintf(ret_suffix, 32, "+%llu", 10ull + lane);
}
