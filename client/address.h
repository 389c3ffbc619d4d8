/* address.h - addresses of masters: is this one, and can its host be found? */
#ifndef QX_CLIENT_ADDRESS_H
#define QX_CLIENT_ADDRESS_H

#include <stdint.h>

#include "quincunx/error.h"

/* tcp://HOST:PORT, tcp://[IPV6]:PORT or ipc://PATH. INVALID: the text says which part is wrong, and gives one that is right. */
qx_err address_check(const char *url, struct qx_error *err);
/* Asks for the addresses of the host of a checked url, which libzmq would retry in silence. IO: there is none. OK also where
 * no answer came in time: connecting then tells. */
qx_err address_resolve(const char *url, uint32_t timeout_ms, struct qx_error *err);

#endif
