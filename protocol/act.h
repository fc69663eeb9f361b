/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_ACT_H
#define SANJI_PROTOCOL_ACT_H

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/ids.h"
#include "protocol/suite.h"

/* Trust acts (PROTOCOL.md "Trust acts"): statements about nodes, each signed by its author and by
 * whoever must agree. An act is a text of strict JSON; signatures are over "SJ1-act\n" || text; its
 * hash SHA-256("SJ1-act\n" || text) is its name. Acts travel as items of kind act/1 in trust
 * streams. */

enum act_type {
    ACT_ROOT,
    ACT_NODE,
    ACT_KEY,
    ACT_CUT,
    ACT_MOVE,
    ACT_STEWARD,
    ACT_QUOTA,
    ACT_FLOOR,
    ACT_CLOSE,
    ACT_INFO,
    ACT_HANDOVER,
    ACT_ADOPT,
    ACT_TYPE_COUNT
};
const char *act_type_name(enum act_type t);
/* Of the body of an act item: SANJI_E_VERSION when its type is of a later version. */
int act_body_type(struct span d, struct fault *f);

struct act_head {   /* a final head listed by key, cut, move, close, handover; private streams by id
                       alone */
    const char *by; /* handover and move only: whose trust stream */
    const char *aud; /* absent for to: and self */
    int64_t ep, seq; /* 0 when absent */
    uint8_t en[8];
    bool has_en;
    uint8_t id[HASH_LEN];
};

struct act {
    enum act_type type;
    struct span text; /* exact act bytes, arena */
    uint8_t hash[HASH_LEN];
    bool has_g;
    uint8_t g[HASH_LEN];     /* absent only in the first root act */
    struct node_id by;       /* empty: the root quorum speaks ("root" on the wire) */
    struct node_id n;        /* subject; for root: the top node */
    uint8_t after[HASH_LEN]; /* hash of the subject's last act, zero for the first */
    int64_t ts;
    /* by type; unused members are zero */
    int64_t ver, k; /* root: version, threshold */
    size_t n_keys;
    uint8_t keys[LIM_ROOT_KEYS][SIGN_PUB_LEN];
    uint8_t
        prev[HASH_LEN]; /* root ver>1: hash of the version before; adopt: hash of the handover */
    struct node_id up;  /* node (empty for the top), move, adopt: new parent */
    int64_t lv;         /* node: level, 10 province 20 city 30 district 40 street 50 community */
    const char *name, *area, *url; /* NULL when absent */
    bool reg;                      /* node: may sign acts for its own subtree */
    bool has_sig, has_seal, has_tls, has_inst;
    uint8_t sig[SIGN_PUB_LEN], seal[SEAL_PUB_LEN], tls[HASH_LEN], inst[16];
    bool lost;               /* key: the old key cannot consent */
    struct key_id kid;       /* cut */
    struct node_id st;       /* steward */
    int64_t items, bytes;    /* quota per day */
    const char *minv, *date; /* floor */
    bool hist_all;           /* move */
    const char *why;         /* cut, close: a reason code, never a name */
    uint8_t to[HASH_LEN];    /* handover: new g; adopt: old g */
    size_t n_heads;
    struct act_head *heads;
    bool crit; /* unknown type alone: whoever does not understand it applies nothing of its subject
                */
    /* signatures */
    size_t n_co;
    struct act_co {
        struct key_id kid;
        uint8_t s[SIG_LEN];
    } co[LIM_CO_SIGNATURES];
};

/* Writes the text of an act from the struct (text, hash, co ignored). */
int act_write(const struct act *a, struct buf *out);
/* Parses act text. 0 or error with fault. */
int act_parse(struct span text, struct arena *ar, struct act *ret, struct fault *f);
/* Body of an act/1 item: {"a":"<text>","co":[{"kid":..,"s":..}]}. */
int act_body_write(struct span text, const struct act_co *co, size_t n_co, struct buf *out);
/* An unknown type is SANJI_E_VERSION; ret is filled then as far as every act can be read: text,
 * hash, g, by, n and signatures when it says `crit`, nothing but crit = false otherwise. */
int act_body_parse(struct span d, struct arena *ar, struct act *ret, struct fault *f);
int act_sign(struct span text, const struct sign_key *k, struct act_co *ret);
/* Is this place of a public stream at or before one of the heads listed for it? At the head itself
 * the bundle must be the one named. *ret_head, where wanted: the head of that stream, or NULL. */
bool act_heads_cover(const struct act_head *h, size_t n, const struct stream_key *s, int64_t seq,
                     const uint8_t id[static HASH_LEN], const struct act_head **ret_head);
/* True when a valid signature by this public key is among the co-signatures. Each key counts once:
 * the kid is derived from the key. */
bool act_signed_by(const struct act *a, const uint8_t pub[static SIGN_PUB_LEN]);
void act_hash(struct span text, uint8_t out[static HASH_LEN]);

#endif
