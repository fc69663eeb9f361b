/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_SYNC_ENROL_H
#define SANJI_SYNC_ENROL_H

#include "sync/sync.h"

/* Enrolment at the parent's side (PROTOCOL.md section 13): invites issued, requests waiting for a
 * person, acts written. State lies in the store under "invite/NODE". */

struct enrol_row {
    struct node_id node;
    const char *name, *area;
    int64_t lv, exp;
    bool auto_ok, requested, approved, done;
    char digits[7]; /* once requested */
};

/* Issues an invite for a new child and stores it; the line (no newline) goes to ret_line. */
int enrol_invite(struct sync *s, const struct sync_tick *t, const char *name, int64_t lv,
                 const char *area, const char *url, int64_t ttl_ms, bool auto_ok,
                 struct buf *ret_line, struct node_id *ret_node);
/* Invites again under an existing node id (lost keys): same rules, the act will be `key`. */
/* Handles a request body; writes the reply body and HTTP status. */
int enrol_handle(struct sync *s, const struct sync_tick *t, struct span body, struct buf *ret_reply,
                 int *ret_status);
/* A person compared the digits. SANJI_E_NOT_FOUND, SANJI_E_STATE (nothing requested yet). */
int enrol_approve(struct sync *s, const struct sync_tick *t, const char *node);
int enrol_each(struct sync *s, int (*fn)(const struct enrol_row *r, void *arg), void *arg);

#endif
