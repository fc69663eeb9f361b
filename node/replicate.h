/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_REPLICATE_H
#define SANJI_NODE_REPLICATE_H

#include "node/app.h"

/* Carries out the engine's wishes: requests to the parent over HTTPS, answers to children, wake
 * times. The engine's steps run on the database thread, everything that touches sockets on the loop
 * thread. */
struct loop;
struct worker;
struct http_request;
struct replicate;

struct replicate_ops {
    /* Database thread: something a person should see. */
    void (*alarm)(const struct sync_wish *w, void *arg);
    void *arg;
};

int replicate_new(struct loop *l, struct worker *w, struct app *app,
                  const struct replicate_ops *ops, struct replicate **ret);
/* Loop thread, after the worker has stopped. */
void replicate_free(struct replicate *r);

/* Loop thread: a request on the sync listener. */
void replicate_request(struct http_request *rq, struct replicate *r);

/* Database thread: feeds an event and hands the wishes over. */
void replicate_step(struct replicate *r, enum sync_event_type type);
/* Database thread, after app functions ran: own bundles are offered to the neighbours, upkeep
 * becomes due. */
void replicate_after_app(struct replicate *r);
/* Steps done, for the metrics. */
uint64_t replicate_steps(const struct replicate *r);

#endif
