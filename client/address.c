#include "client/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "common/error.h"

enum { HOST_BYTES = 256, USUAL_PORT = 5550 };

/* ---- is it an address? ---- */

static qx_err no_scheme(const char *url, struct qx_error *err)
{
    const char *colon = strrchr(url, ':');
    if (*url == '/' || *url == '.')
        return qx_fail(err, QX_ERR_INVALID,
                       "the address '%.80s' of the master has no scheme: want ipc://%.80s", url, url);
    if (colon && colon[1])
        return qx_fail(err, QX_ERR_INVALID,
                       "the address '%.80s' of the master has no scheme: want tcp://%.80s", url, url);
    return qx_fail(
        err, QX_ERR_INVALID,
        "the address '%.80s' of the master has no scheme: want tcp://%.*s:%d (HOST:PORT) or ipc://PATH", url,
        (int)strcspn(url, ":"), url, USUAL_PORT);
}

static bool is_port(const char *text)
{
    size_t len = strlen(text);
    if (!len || len > 5 || strspn(text, "0123456789") != len)
        return false;
    long port = strtol(text, NULL, 10);
    return port >= 1 && port <= 65535;
}

/* What follows tcp:// */
static qx_err check_tcp(const char *url, const char *rest, struct qx_error *err)
{
    const char *bracket = *rest == '[' ? strchr(rest, ']') : NULL;
    const char *colon = bracket ? (bracket[1] == ':' ? bracket + 1 : NULL) : strrchr(rest, ':');
    int host = colon ? (int)(colon - rest) : (int)strlen(rest);
    if (!host || host >= HOST_BYTES || !strncmp(rest, "*:", 2))
        return qx_fail(
            err, QX_ERR_INVALID,
            "the address '%.80s' of the master names no host: want tcp://HOST:PORT, as in tcp://localhost:%d",
            url, USUAL_PORT);
    if (!colon || !colon[1])
        return qx_fail(
            err, QX_ERR_INVALID,
            "the address '%.80s' of the master has no port: the usual one is %d, as in tcp://%.*s:%d", url,
            USUAL_PORT, host, rest, USUAL_PORT);
    if (!bracket && memchr(rest, ':', (size_t)host))
        return qx_fail(
            err, QX_ERR_INVALID,
            "the address '%.80s' of the master: an IPv6 address stands in brackets, as in tcp://[::1]:%d",
            url, USUAL_PORT);
    if (!is_port(colon + 1))
        return qx_fail(
            err, QX_ERR_INVALID,
            "the address '%.80s' of the master: '%.40s' is no port, 1 .. 65535; the usual one is %d", url,
            colon + 1, USUAL_PORT);
    return QX_ERR_OK;
}

qx_err address_check(const char *url, struct qx_error *err)
{
    const char *scheme_end = strstr(url, "://");
    if (!scheme_end || scheme_end == url)
        return no_scheme(url, err);
    size_t len = (size_t)(scheme_end - url);
    const char *rest = scheme_end + 3;
    if (len == 3 && !strncmp(url, "tcp", len))
        return check_tcp(url, rest, err);
    if (len != 3 || strncmp(url, "ipc", len))
        return qx_fail(
            err, QX_ERR_INVALID,
            "the address '%.80s' of the master: the scheme is '%.*s', want tcp://HOST:PORT or ipc://PATH",
            url, (int)(len < 40 ? len : 40), url);
    if (!*rest)
        return qx_fail(
            err, QX_ERR_INVALID,
            "the address '%.80s' of the master has no path: want ipc://PATH, as in ipc:///run/qx/master",
            url);
    return QX_ERR_OK;
}

/* ---- can its host be found? ---- */

/* A question to the resolver. On the heap, and left there when nobody waits for it any more: the resolver still writes into
 * one that it is working on. */
struct question {
    struct gaicb cb;
    struct addrinfo hints;
    char host[HOST_BYTES];
};

static struct question *ask(const char *host, size_t len)
{
    struct question *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    memcpy(q->host, host, len);
    struct in_addr number;
    if (inet_pton(AF_INET, q->host, &number) == 1) {
        free(q);
        return NULL;
    }
    q->hints = (struct addrinfo){.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    q->cb = (struct gaicb){.ar_name = q->host, .ar_request = &q->hints};
    struct gaicb *list[] = {&q->cb};
    struct sigevent none = {.sigev_notify = SIGEV_NONE};
    if (!getaddrinfo_a(GAI_NOWAIT, list, 1, &none))
        return q;
    free(q);
    return NULL;
}

/* The resolver's answer, EAI_INPROGRESS if there is none in time. */
static int wait_answer(struct question *q, uint32_t timeout_ms)
{
    const struct gaicb *list[] = {&q->cb};
    struct timespec left = {(time_t)(timeout_ms / 1000), (long)(timeout_ms % 1000) * 1000000};
    (void)gai_suspend(list, 1, &left);
    return gai_error(&q->cb);
}

qx_err address_resolve(const char *url, uint32_t timeout_ms, struct qx_error *err)
{
    const char *host = url + 6, *colon = strrchr(url, ':');
    if (strncmp(url, "tcp://", 6) || *host == '[' || memchr(host, ';', (size_t)(colon - host)))
        return QX_ERR_OK; /* a number, or with a source address before it */
    struct question *q = ask(host, (size_t)(colon - host));
    if (!q)
        return QX_ERR_OK; /* a number, too, or the resolver is out of order */
    int answer = wait_answer(q, timeout_ms);
    if (answer == EAI_INPROGRESS && gai_cancel(&q->cb) != EAI_CANCELED)
        return QX_ERR_OK;
    qx_err e = QX_ERR_OK;
    if (answer && answer != EAI_INPROGRESS)
        e = qx_fail(err, QX_ERR_IO, "no master at %s: its host '%s' is not known here (%s)", url, q->host,
                    gai_strerror(answer));
    if (q->cb.ar_result)
        freeaddrinfo(q->cb.ar_result);
    free(q);
    return e;
}
