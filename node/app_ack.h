/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_ACK_H
#define SANJI_NODE_APP_ACK_H

#include "node/app.h"

/* Notices that ask their readers to say that they have read them (`ack`), and who has (ack/1). */
struct app_ack_notice {
    const char *owner, *id, *title;
    int64_t ts;
    int by; /* last day it matters; 0: none */
};
typedef int app_ack_fn(const struct app_ack_notice *n, void *arg);
/* Notices of others that ask this node and have no answer of it. *ret_more: set when there may be
 * others beside those looked at. */
int app_ack_wanted(struct app *a, app_ack_fn *fn, void *arg, bool *ret_more);
/* Does a record (owner, audience, content) ask this node, and has it answered? */
int app_ack_own(struct app *a, const struct store_rec *rec, bool *ret_asks, bool *ret_done);
/* Nodes an own notice asks: those who may hold it, in its area. ts 0: nothing heard. */
typedef int app_ack_node_fn(const char *node, int64_t ts, void *arg);
int app_ack_nodes(struct app *a, const struct store_rec *rec, app_ack_node_fn *fn, void *arg);

#endif
