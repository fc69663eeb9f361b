/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_PEER_LINK_HTTPS_H
#define SANJI_NODE_PEER_LINK_HTTPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/http/head.h"
#include "protocol/base/buf.h"

/* HTTPS requests to one peer, on the event loop. The other side is recognised by its pinned key
 * and by nothing else unless verify_ca is set too. Nothing the other side sends can make it take
 * more than max_reply bytes or timeout_ms of time; it is never redirected and nothing is inflated.
 *
 * There are two lanes (say, one for the held poll and one for work). Each keeps one connection of
 * its own, because session tokens are bound to the connection, and carries one request at a time.
 * Loop thread only. */
struct link;
struct loop;

enum { LINK_LANES = 2, LINK_RETRY_AFTER_MAX_MS = 900 * 1000 };

enum link_outcome {
    LINK_OK,        /* there is an answer with a status; whether it is a node's is for the caller:
                       a captive portal answers 200 text/html */
    LINK_CONNECT,   /* name not found, refused, or no connection in time */
    LINK_TLS,       /* no TLS connection: not a TLS server, or verify_ca failed */
    LINK_PIN,       /* TLS, but another key: nothing was sent */
    LINK_TIMEOUT,   /* connected, but too slow */
    LINK_TOO_LARGE, /* more than max_reply, or endless headers */
    LINK_BROKEN,    /* cut in the middle, or the answer was not HTTP */
    LINK_BARRED,    /* the name leads to an address outside `reach` */
    LINK_LOCAL,     /* no memory or no descriptors here */
    LINK_OUTCOME_COUNT
};

struct link_cfg {
    const char *url;      /* "https://host[:port][/prefix]" */
    const uint8_t *pin;   /* 32 bytes, SHA-256 of the SubjectPublicKeyInfo; NULL: whom verify_ca
                             believes, or nobody over `plain` */
    bool plain;           /* "http://", with `reach` this machine alone */
    unsigned reach;       /* set of REACH_* (address.h) connections may lead to; 0: anywhere */
    bool verify_ca;       /* additionally require a valid chain and name */
    const char *ca_file;  /* with verify_ca: instead of the system's authorities */
    int64_t connect_ms;   /* 0: 15 s */
    int64_t timeout_ms;   /* 0: 120 s; whole request unless the call says otherwise */
    long low_speed_bytes; /* 0: 100 per second ... */
    long low_speed_s;     /* 0: ... over 30 s */
};

struct link_result {
    enum link_outcome outcome;
    const char *text;         /* libcurl's words for the log; static storage */
    int status;               /* 0 unless LINK_OK */
    const char *content_type; /* "" when absent */
    struct span body;         /* empty unless LINK_OK */
    int64_t retry_after_ms;   /* 0: absent; at most LINK_RETRY_AFTER_MAX_MS */
    bool new_connection;      /* a connection was made for this request: tokens are void */
};
/* Everything in res is borrowed until the function returns. The lane is free again: fn may call
 * link_post(), link_cancel() and link_free(). */
typedef void (*link_fn)(const struct link_result *res, void *arg);

struct link_call {
    const char *path; /* begins with '/' */
    const struct http_header *headers;
    size_t header_n;
    const void *body; /* copied */
    size_t body_len;
    size_t max_reply;
    int64_t timeout_ms; /* 0: the link's */
    int64_t hold_ms;    /* how long the peer may stay silent on purpose (long-poll) */
    bool get;           /* GET without a body instead of POST */
    link_fn fn;
    void *arg;
};

/* SANJI_E_CONFIG: not such a URL (or with a user name), or nobody to recognise. */
int link_new(struct loop *l, const struct link_cfg *cfg, struct link **ret);
/* SANJI_E_BUSY: the lane carries a request. fn is called later, exactly once, never from within. */
int link_post(struct link *k, unsigned lane, const struct link_call *call);
bool link_busy(const struct link *k, unsigned lane);
/* Ends the lane's request without calling fn, and its connection with it. */
void link_cancel(struct link *k, unsigned lane);
/* The lane's next request makes a new connection; the present one is given up then. */
void link_disconnect(struct link *k, unsigned lane);
void link_free(struct link *k);
const char *link_outcome_name(enum link_outcome o); /* for logs */

#endif
