/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_ACT_TABLE_H
#define SANJI_PROTOCOL_ACT_TABLE_H

#include "protocol/act.h"

/* The members of every type of act, shared by act.c (reading) and act_write.c. Not for others. */

#define ACT_PREFIX "SJ1-act\n"

enum {
    ACT_MAX_BYTES = LIM_ITEM_BYTES - 4096, /* the item around it has room too */
    ACT_MAX_HEADS = 1024,
};

enum act__mtype {
    M_NODE,     /* struct node_id */
    M_AUTHOR,   /* struct node_id, "root" on the wire when empty */
    M_BYTES,    /* uint8_t[max] */
    M_SIGNKEY,  /* uint8_t[32], weak encodings refused */
    M_INT,      /* int64_t min..max */
    M_TEXT,     /* const char *, min..max code points of one line */
    M_TOKEN,    /* const char *, printable ASCII without space, min..max */
    M_DIGITS,   /* const char *, min..max */
    M_DATE,     /* const char * */
    M_WHY,      /* const char *, a code of the list */
    M_BOOL,     /* bool */
    M_TRUE,     /* bool, only written when true */
    M_HIST,     /* bool, "all" or "now" */
    M_KID,      /* struct key_id */
    M_KEYS,     /* n_keys, keys */
    M_HEADS,    /* n_heads, heads of the subject's own streams */
    M_HEADS_BY, /* n_heads, heads of trust streams of named nodes */
};
struct act__member {
    const char *name;
    enum act__mtype type;
    bool opt;
    size_t off;
    int64_t min, max;
    size_t has; /* offset of the flag "is present"; 0: none */
};

extern const struct act__member act__common[];
extern const struct act__member *const act__tables[ACT_TYPE_COUNT];

/* Parses and checks an act's text; fills everything but the signatures of a zeroed struct. */
int act__read(struct span text, struct arena *ar, struct act *a, struct fault *f);
/* Base64url of exactly n bytes, out of a JSON string. */
bool act__get_bytes(struct span v, void *out, size_t n);

/* Is this the signature of the act's text under this key? */
bool act__verify(struct span text, const struct sign_pub *pub, const uint8_t sig[static SIG_LEN]);

#endif
