/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_ROSTER_H
#define SANJI_PROTOCOL_ROSTER_H

#include "protocol/act.h"
#include "protocol/bundle.h"

/* The roster: who is a node, where it stands, which keys it holds. A pure function of the set of
 * trust acts held (PROTOCOL.md "Roster"): the order in which they arrived does not matter. */

struct roster;

struct roster_key {
    struct key_id kid;
    uint8_t sig[SIGN_PUB_LEN];
    uint8_t seal[SEAL_PUB_LEN];
    uint8_t tls[HASH_LEN];
    bool current;   /* the newest key of its node */
    bool ended;     /* rotated, cut or closed: valid only up to `heads` */
    bool cut;       /* revoked */
    size_t n_heads; /* final heads while ended */
    const struct act_head *heads;
    struct sign_pub *pub; /* owned by the roster, never NULL */
};

enum node_state { NODE_ACTIVE, NODE_CUT, NODE_CLOSED };

struct roster_node {
    struct node_id id, up; /* up empty: the top */
    int64_t lv;
    const char *name, *area, *url; /* never NULL */
    bool reg;
    enum node_state state;
    struct node_id steward;
    int64_t quota_items, quota_bytes; /* 0: default */
    size_t n_keys;
    const struct roster_key *keys; /* newest last */
    size_t n_former;
    const struct node_id *former_up; /* parents before a move, oldest first */
    const int64_t *former_until;     /* what the moves say when they were, ms */
    int64_t acts;                    /* number of acts about it */
    uint8_t last[HASH_LEN];          /* hash of its last act: the next act's `after` */
    struct node_id enrolled_by;      /* signer of the node act; empty: root */
};

struct roster *roster_new(const uint8_t g[static HASH_LEN]); /* g: hash of root act version 1 */
void roster_free(struct roster *r);

/* Where an act was found: item idx of one bundle of the trust stream of `by`. `kid` signed that
 * bundle; empty when nobody knows. */
struct roster_place {
    struct node_id by;
    int64_t ep, seq;
    uint8_t en[8];
    int idx;
    uint8_t id[HASH_LEN]; /* of the bundle */
    struct key_id kid;
};

/* Adds one act. Copies everything it needs; the same place twice is a no-op. 0: kept (valid or
 * waiting, of this federation or of one that may join it); SANJI_E_SPEC when it can never be valid
 * there (another author's act), SANJI_E_SIZE beyond LIM_ACTS or LIM_ACTS_BYTES of one stream, whose
 * acts must be added in its order. */
int roster_add(struct roster *r, const struct act *a, const struct roster_place *at);
/* Folds everything held; call after a batch of adds. *ret_changed tells whether anything differs.
 */
int roster_fold(struct roster *r, bool *ret_changed);

const struct roster_node *roster_node(const struct roster *r, const char *id);
const struct roster_node *roster_top(const struct roster *r);
size_t roster_count(const struct roster *r);
const struct roster_node *roster_at(const struct roster *r, size_t i); /* sorted by id */
const struct roster_key *roster_key(const struct roster *r, const char *node, const char *kid);
const struct roster_key *roster_current_key(const struct roster *r, const char *node);
const uint8_t *roster_g(const struct roster *r);
/* g or a g this federation succeeded. */
bool roster_knows_g(const struct roster *r, const uint8_t g[static HASH_LEN]);
/* Every federation of the lineage, in no order that means anything; NULL past the last. */
const uint8_t *roster_lineage(const struct roster *r, size_t i);
/* Root keys in force. */
size_t roster_root_keys(const struct roster *r, const uint8_t (**ret_keys)[SIGN_PUB_LEN],
                        int64_t *ret_k);
int64_t roster_root_version(const struct roster *r);
/* Hash of the root act in force: the `prev` of the next one; NULL: none. */
const uint8_t *roster_root_hash(const struct roster *r);
/* The federation in force was handed over to this one, which has not taken it yet; else NULL. */
const uint8_t *roster_handed_to(const struct roster *r);
/* Is an act with this hash held? *ret_holds: and does it hold? */
bool roster_act_held(const struct roster *r, const uint8_t hash[static HASH_LEN], bool *ret_holds);

/* The highest of the floors that this node and what is above it have set; false: none. */
bool roster_floor(const struct roster *r, const char *node, const char **ret_minv,
                  const char **ret_date);

bool roster_is_ancestor(const struct roster *r, const char *anc, const char *node); /* proper */
/* As above, also through former parents. */
bool roster_was_ancestor(const struct roster *r, const char *anc, const char *node);
/* Was anc at or above node at this moment, by the dates of the moves? For figures alone: authority
 * never asks a clock. What was taken in with its federation counts as always having been there. */
bool roster_stood_below(const struct roster *r, const char *anc, const char *node, int64_t ms);
/* Tree distance in hops; -1 when one is unknown. */
int roster_distance(const struct roster *r, const char *a, const char *b);

/* May `by` write to this audience at all? 0, SANJI_E_AUDIENCE, or SANJI_E_UNKNOWN_KEY when a node
 * it names is not in the roster yet. */
int roster_may_write(const struct roster *r, const char *by, const struct audience *aud);
/* Is `peer` entitled to hold the stream (by, aud)? PROTOCOL.md "Entitlement". */
bool roster_entitled(const struct roster *r, const char *by, const struct audience *aud,
                     const char *peer);
/* May this key sign this position? 0; SANJI_E_UNKNOWN_KEY wait; SANJI_E_REVOKED beyond its end.
 * For an ended key the listed head of the stream is returned as *ret_limit and the caller proves by
 * chain that the bundle is its ancestor or itself; none listed is SANJI_E_REVOKED. Private streams
 * are listed by id alone: a bundle that is no listed head itself and follows none gives
 * SANJI_E_UNKNOWN_KEY with *ret_limit set (aud NULL): hold it until a listed head, or a bundle
 * under a key in force, proves it by chain. *ret_limit is NULL for a key in force. */
int roster_key_covers(const struct roster *r, const struct bundle *b,
                      const struct roster_key **ret_key, const struct act_head **ret_limit);

/* Acts that do not hold now, for display: why, and which. */
typedef void roster_void_fn(const struct act *a, const char *by, int64_t seq, int err, void *arg);
void roster_each_void(const struct roster *r, roster_void_fn *fn, void *arg);

#endif
