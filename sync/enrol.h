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
    bool lost;           /* an existing node whose keys are gone */
    struct node_id asks; /* no invite of this node: this child asks for a signature; else empty */
    struct key_id kid;   /* the new key, once requested */
    char digits[7];      /* once requested; empty where another node has invited */
};

/* Issues an invite for a new child and stores it; the line (no newline) goes to ret_line. */
int enrol_invite(struct sync *s, const struct sync_tick *t, const char *name, int64_t lv,
                 const char *area, const char *url, int64_t ttl_ms, bool auto_ok,
                 struct buf *ret_line, struct node_id *ret_node);
/* Invites an own child again under its node id, whose keys are gone (PROTOCOL.md 13.2); an earlier
 * invite of this node ends. SANJI_E_NOT_FOUND, _AUTHORITY (no child), _CLOSED. */
int enrol_recover(struct sync *s, const struct sync_tick *t, const char *node, const char *url,
                  int64_t ttl_ms, struct buf *ret_line);
/* Handles a request body; writes the reply body and HTTP status. */
int enrol_handle(struct sync *s, const struct sync_tick *t, struct span body, struct buf *ret_reply,
                 int *ret_status);
/* A node that joins remembers the trust head its invite names: another bundle in that place is
 * refused from whoever brings it. Within the caller's transaction. */
int enrol_pin(const struct sync_store *st, const struct msg_invite *in);
/* A person compared the digits, or agrees to what a child asks. root: the quorum's keys, needed for
 * a lost key at the top alone. SANJI_E_NOT_FOUND; _STATE: nothing requested yet; _SIGNATURE: the
 * root's keys are needed, or given where they are not; _PENDING: this node is to agree to a key
 * (enrol_agree). */
int enrol_approve(struct sync *s, const struct sync_tick *t, const char *node,
                  const struct sign_key *const *root, size_t n_root);
/* A person agrees to the new key of a child's child whose keys are lost. kid: the one compared, for
 * the child may put another in its place meanwhile. SANJI_E_NOT_FOUND; _CONFLICT: another waits. */
int enrol_agree(struct sync *s, const struct sync_tick *t, const char *node, const char *kid);
/* A request carried by file (PROTOCOL.md 13.3): the same checks in the same order as on a line.
 * What a person is told of it; node is empty when that much was not sure. Within a step or an
 * import: time and random bytes are the engine's. */
struct enrol_told {
    struct node_id node;
    bool key;            /* of a node that is enrolled: its new key */
    bool approved, done; /* done: the act is published */
    struct node_id asks; /* key: lost, and this child asks for a signature; else empty */
    struct key_id kid;   /* with asks: the new one */
    char digits[7];      /* enrolment */
};
int sync__request_by_file(struct sync *s, struct span body, struct enrol_told *ret,
                          struct fault *f);
/* Of a new node: the act it ends in is signed already. */
int sync__enrol_by_file(struct sync *s, struct span body, struct enrol_told *ret, struct fault *f);
int enrol_each(struct sync *s, int (*fn)(const struct enrol_row *r, void *arg), void *arg);

#endif
