/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_HTTP_SERVER_H
#define SANJI_NODE_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/http/head.h"
#include "protocol/base/buf.h"

/* Our HTTP/1.1 server, plain or TLS, on the event loop. Handlers see requests and answers only.
 * It uses libevent's buffered sockets but not its HTTP reader, see head.c.
 *
 * Every request given to the handler must be answered exactly once with http_reply(), at once or
 * later (a held long-poll, work on another thread). Until then the pointer and everything read from
 * it stay valid, even when the client has gone or the server was freed: then the answer goes
 * nowhere, and http_reply() only frees. Accessors may be used on any thread; http_reply() and
 * http_on_close() only on the loop's.
 *
 * Deliberate limits: only the origin form of a target, no transfer codings (a chunked body is 501,
 * together with a Content-Length 400), no trailers, no upgrade, one request at a time per
 * connection (pipelined ones wait their turn), bodies whole in memory up to max_body. */
struct http_server;
struct http_request;
struct loop;
struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

typedef void (*http_fn)(struct http_request *rq, void *arg);
/* Called when a head is complete: how large the body may be for this path (refused with 413 before
 * a byte of it is read), or a negative HTTP status to refuse at once. */
typedef int64_t (*http_body_fn)(const struct http_request *rq, void *arg);

struct http_server_cfg {
    const char *listen;     /* "127.0.0.1:8443", "[::1]:0", "*:443"; numeric or localhost */
    int fd;                 /* > 0: a listening socket from systemd instead; then owned */
    struct ssl_ctx_st *tls; /* NULL: plain. Shared, see tls_ctx_from_pem(); or these paths: */
    const char *tls_key_path;
    const char *tls_cert_path;
    http_fn fn;
    http_body_fn body_fn; /* may be NULL */
    void *arg;
    /* 0 means the value in brackets */
    size_t max_body;           /* [4 MiB] */
    size_t max_bodies;         /* [64 MiB] announced bodies of all connections together: 503 */
    unsigned max_conns;        /* [1024] more are closed at once */
    unsigned max_conns_per_ip; /* [0: no limit] an IPv6 /64 counts as one */
    int64_t head_ms;           /* [10 s] from connect or first byte to the end of the head */
    int64_t request_ms;        /* [60 s] for the body, plus 1 s per 4 KiB announced */
    int64_t idle_ms;           /* [60 s] kept alive between requests */
    int64_t write_ms;          /* [30 s] for the answer, plus 1 s per 4 KiB */
    int64_t gone_ms;           /* [3 s] how often held requests are looked at for dead clients */
    int64_t sweep_ms;          /* [500 ms] precision of all of these */
};

struct http_stats {
    uint64_t accepted, over_limit, cut_late, bad_requests, requests, gone_held;
    unsigned conns, held;
};

/* SANJI_E_CONFIG: bad address or unusable key and certificate. SANJI_E_BUSY: address in use or not
 * ours. */
int http_server_new(struct loop *l, const struct http_server_cfg *cfg, struct http_server **ret);
int http_server_port(const struct http_server *s);
void http_server_stats(const struct http_server *s, struct http_stats *ret);
/* Exchanges key and certificate for new connections (a renewed certificate). */
void http_server_set_tls(struct http_server *s, struct ssl_ctx_st *tls);
/* Stops accepting, closes idle connections, lets running requests end for up to `ms`, then cuts the
 * rest and calls done (in a later turn of the loop). The server still must be freed. */
int http_server_stop(struct http_server *s, int64_t ms, void (*done)(void *arg), void *arg);
/* At once: every connection is cut; held requests get their on_close. Not from within a handler. */
void http_server_free(struct http_server *s);

const char *http_method(const struct http_request *rq); /* "GET" also for HEAD */
const char *http_path(const struct http_request *rq);   /* raw; see http_path_decode() */
const char *http_query(const struct http_request *rq);  /* raw, "" when absent */
const char *http_get_header(const struct http_request *rq, const char *name); /* or NULL */
const struct http_head *http_head_of(const struct http_request *rq);
struct span http_body(const struct http_request *rq); /* followed by a NUL byte */
const char *http_peer(const struct http_request *rq); /* numeric address without port */
uint64_t http_conn_id(const struct http_request *rq); /* never used twice, one per connection */
bool http_is_tls(const struct http_request *rq);
void http_set_data(struct http_request *rq, void *data); /* the handler's own pointer */
void *http_data(const struct http_request *rq);

/* Answers; the request is gone afterwards, whatever is returned. The body is copied.
 * Content-Length, Date and Connection are added; the caller gives Content-Type and the rest. To a
 * HEAD request no body is sent. SANJI_E_UNREACHABLE: the client has gone. SANJI_E_BUG: a header
 * name or value that cannot be sent (a 500 went out instead). */
int http_reply(struct http_request *rq, int status, const struct http_header *headers,
               size_t header_n, const void *body, size_t len);
/* The same without copying: free_fn(free_arg) is called once the bytes are no longer needed, also
 * on failure; NULL for constant memory. */
int http_reply_ref(struct http_request *rq, int status, const struct http_header *headers,
                   size_t header_n, const void *body, size_t len, void (*free_fn)(void *arg),
                   void *free_arg);
/* Tells once, on the loop thread, that the client of a held request has gone (FIN or RST; noticed
 * within gone_ms). The request stays valid and must still be answered, best from within fn. */
void http_on_close(struct http_request *rq, http_fn fn, void *arg);
/* Ask for the connection to be closed after the answer. */
void http_close_after(struct http_request *rq);

#endif
