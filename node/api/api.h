/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_API_API_H
#define SANJI_NODE_API_API_H

#include "node/app.h"
#include "node/http/head.h"
#include "protocol/base/buf.h"

struct http_request;

/* The staff listener: JSON API and pages. Paths under /api/, /healthz and /metrics are routes of
 * one table (route.h); everything else is an embedded page asset. */
struct api;

struct api_alarm { /* what a person should see; newest first in /api/status */
    int64_t ts;
    int err;
    struct node_id peer;
    char text[96];
};
enum { API_ALARMS = 64, API_HEADERS = 12 };

struct api_reply {
    int status;
    struct buf body;
    struct http_header h[API_HEADERS]; /* values: static storage or `text` below */
    size_t n_h;
    char text[2048]; /* a value: Set-Cookie, Content-Disposition */
};

/* Belongs to the database thread, like the app. */
int api_new(struct app *app, struct api **ret);
void api_free(struct api *a);
void api_alarm(struct api *a, const struct api_alarm *al);
/* The certificate (DER) that browsers of staff are asked to trust; empty: none of the node's own.
 * Stays the caller's until the next call. */
void api_set_authority(struct api *a, struct span der);
/* Asked for by POST /api/sync: true once. */
bool api_take_sync_wanted(struct api *a);
/* True for paths api_handle() serves. */
bool api_is_route(const char *path);
/* Largest body for a path and method, or a negative HTTP status; any thread. */
int64_t api_body_max(const struct http_request *rq);
/* Database thread. rep is initialised by the caller (buf_init) and owned by it. */
void api_handle(struct api *a, const struct http_request *rq, struct api_reply *rep);
/* Loop thread: answers a page asset at once (or 404/405) with the security headers. */
void api_static(struct http_request *rq, bool strict);

#endif
