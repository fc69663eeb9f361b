/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_HTTP_INTERNAL_H
#define SANJI_NODE_HTTP_INTERNAL_H

/* Shared by server.c (listening, limits, deadlines) and conn.c (one connection). */
#include <netinet/in.h>
#include <openssl/ssl.h>

#include "node/http/server.h"
#include "node/loop.h"

enum conn_state {
    CONN_HEAD,    /* waiting for a request, or for the rest of its head (also the handshake) */
    CONN_BODY,    /* head accepted, body incomplete */
    CONN_PENDING, /* the handler has it; reading is off */
    CONN_WRITE,   /* the answer is being sent */
    CONN_LINGER,  /* all sent, our side closed; waits for the client's FIN so that no RST can
                     overtake the answer */
};

struct conn {
    struct http_server *s;
    struct conn *prev, *next;
    struct bufferevent *bev;
    SSL *ssl; /* owned by bev; NULL: plain */
    int fd;   /* owned by bev */
    uint64_t id;
    enum conn_state state;
    int64_t deadline_ms; /* 0: none */
    size_t scanned;      /* bytes of the head already looked at */
    size_t need;         /* announced body */
    size_t reserved;     /* of s->bodies */
    unsigned requests;
    bool started; /* first byte of the present request is here */
    bool close_after;
    bool broken; /* TLS or socket error: nothing more may be said */
    struct http_request *rq;
    uint8_t addr[9]; /* family and the bytes that count as one client */
    char peer[INET6_ADDRSTRLEN];
};

struct http_server {
    struct loop *l;
    struct http_server_cfg cfg;
    SSL_CTX *tls;
    int fd; /* -1 once stopped */
    int port;
    struct loop_fd *watch;
    struct loop_timer *sweep;
    bool sweeping, paused, stopping;
    int64_t stop_at_ms, gone_at_ms;
    void (*done)(void *arg);
    void *done_arg;
    struct conn *conns; /* newest first */
    size_t bodies;
    uint64_t next_id;
    struct http_stats stats;
};

/* Takes the descriptor, also on failure. */
int http__conn_new(struct http_server *s, int fd, const uint8_t addr[static 9], const char *peer);
/* Frees the connection; a held request stays with its handler, who is told. */
void http__conn_free(struct conn *c);

#endif
