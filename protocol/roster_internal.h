/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_ROSTER_INTERNAL_H
#define SANJI_PROTOCOL_ROSTER_INTERNAL_H

#include "protocol/roster.h"

/* State of the roster, shared by its four files: roster.c keeps the set of acts, roster_fold.c
 * decides the order, roster_rules.c says what is permitted and what it does, roster_query.c
 * answers.
 *
 * Two lives: what stands in `subj` and `entry` above the line "per pass" lasts as long as the
 * roster; everything below is made anew by each pass of a fold, in the arena `pass`. */

#define RNONE UINT32_MAX
enum { ROSTER_LINEAGE = 16 }; /* federations that succeeded each other */

/* One act at one place of one trust stream. */
struct rentry {
    const struct act *a;
    struct roster_place at;
    uint32_t stream; /* subject index of the stream's writer */
    uint32_t author; /* RNONE: root */
    uint32_t subj;
    uint32_t up, st; /* subject index of a->up and a->st, or RNONE */
    uint32_t pos_hash, pos_next;
    uint32_t after_hash, after_next;
    struct key_id sig_kid; /* of a->sig, when it has one */
    struct rproof {        /* per co-signature: verified against which key, with what result */
        uint8_t pub[SIGN_PUB_LEN];
        bool known, good;
    } * proof;
    /* per fold */
    bool out;      /* its bundle is beyond the end of the key that signed it: as if not held */
    bool banned;   /* an earlier pass applied it, and its end state refuses it */
    bool pardoned; /* a ban was taken back: not banned again */
    /* per pass */
    bool applied, seen, stale, twin;
    int err;         /* why it does not hold, for display */
    int64_t rank;    /* author's lv, 0 for root */
    uint32_t old_up; /* move: parent before */
    uint32_t wait_next;
};

struct rkey { /* one signing key of one node, in one pass */
    struct roster_key pub;
    int64_t cut_rank;
    struct rkey *older;
    struct rkey *hash_next;
};

struct rformer { /* a parent before a move */
    uint32_t up;
    const struct act *move;
    struct rformer *older;
};

struct rshare { /* of one trust stream: what was added so far */
    int64_t ep;
    uint8_t en[8];
    size_t acts, bytes;
    struct rshare *next;
};

struct rsubj {
    struct node_id id;
    uint32_t hash, hash_next;
    struct rshare *said; /* its trust streams, the one added to last first */
    /* per pass */
    bool exists;
    bool linked; /* its path ends at the top of the federation in force */
    bool reg;
    uint8_t depth;
    enum node_state state;
    uint32_t up, children;
    int64_t lv, acts, quota_items, quota_bytes;
    const char *name, *area, *url;
    const struct act *floor; /* its newest one */
    uint8_t last[HASH_LEN];
    struct node_id enrolled_by, steward;
    struct rkey *keys; /* newest first */
    size_t n_keys;
    struct rformer *former; /* newest first */
    size_t n_former;
    uint32_t wait; /* entries to look at again when an act about it is applied */
    uint32_t pub;  /* index into the sorted list */
    uint32_t *anc; /* every ancestor, present and former; only where a move is involved */
    size_t n_anc;
};

struct rfed { /* one federation of the lineage, in one pass */
    uint8_t g[HASH_LEN];
    const struct act *root[64]; /* versions applied, newest last */
    size_t n_root;
    uint32_t top;
    const struct act *handover; /* NULL: not succeeded */
    bool joined;                /* adopt applied */
    uint8_t to[HASH_LEN];
};

struct rheap {
    uint32_t *v;
    size_t n, cap;
};

struct rindex { /* hash chains over an array: heads only, links lie in the elements */
    uint32_t *head;
    size_t cap;
};

struct roster {
    uint8_t g[HASH_LEN];
    struct arena *keep, *pass;
    struct rentry **entry;
    size_t n_entry, cap_entry;
    struct rindex pos, after;
    struct rsubj *subj;
    size_t n_subj, cap_subj;
    struct rindex names;
    struct rpub { /* library objects of keys, for the roster's life */
        uint8_t pub[SIGN_PUB_LEN];
        struct sign_pub *key;
        struct rpub *next;
    } * *pubs;
    bool dirty;
    bool no_memory; /* a key could not be looked at: what was found out with it is void */
    uint8_t digest[HASH_LEN];
    /* per pass */
    struct rfed fed[ROSTER_LINEAGE];
    size_t n_fed, cur;
    struct rkey **key_tab;
    size_t key_cap;
    size_t n_node;
    uint32_t waiting; /* entries to look at again when the tree or a key changes */
    bool strays_in;   /* the acts that follow nothing that holds have been looked at */
    struct rheap ready;
    struct hash_ctx order;
    struct roster_node *node;
};

/* Outcome of asking whether an act may be applied now. */
struct rverdict {
    int err;     /* 0: yes */
    bool beyond; /* yes, but it lies beyond a head that ends its author's say */
    uint32_t
        wait; /* look again after an act about this one; RNONE: after any change of tree or keys */
};

/* roster.c */
uint32_t roster__subj(const struct roster *r, const char *id); /* RNONE: never named */
uint32_t roster__mix(const void *p, size_t n, uint32_t seed);
struct sign_pub *roster__pub(struct roster *r, const uint8_t pub[static SIGN_PUB_LEN]);
/* roster_rules.c */
struct rverdict roster__judge(struct roster *r, struct rentry *e);
/* What does not follow from the subject's chain, asked of the end state: still its author's to say?
 */
bool roster__still_holds(struct roster *r, struct rentry *e);
/* Is the bundle the act lies in beyond the end of the key that signed it? */
bool roster__is_out(const struct roster *r, const struct rentry *e);
/* Joins the federations named by adopt acts that a known root has signed. */
bool roster__find_lineage(struct roster *r);
struct rfed *roster__fed(struct roster *r, const uint8_t g[static HASH_LEN]);
struct rkey *roster__find_key(const struct roster *r, const uint8_t pub[static SIGN_PUB_LEN]);
/* roster_apply.c */
int roster__apply(struct roster *r, struct rentry *e);
/* roster_query.c: after the last pass */
int roster__publish(struct roster *r);

#endif
