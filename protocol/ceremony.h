/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_CEREMONY_H
#define SANJI_PROTOCOL_CEREMONY_H

#include "protocol/act.h"

/* An act of the root on its way from safe to safe (PROTOCOL.md 9.4): its text, the signatures
 * gathered so far, and what a machine that knows no federation needs to tell how many are missing.
 * Only text and signatures count when it is published. */
enum { CEREMONY_NEED = 2, CEREMONY_CODE = 15 };

struct ceremony_need { /* at least k of these keys sign */
    int64_t k;
    size_t n;
    uint8_t key[LIM_ROOT_KEYS][SIGN_PUB_LEN];
};
struct ceremony {
    struct act act; /* texts point into the arena; co: signatures so far */
    struct ceremony_need need[CEREMONY_NEED];
    size_t n_need;
    /* of the subject, for people and for who adopts it; name NULL: not said */
    const char *name;
    int64_t lv, below; /* below: the lowest level among its children, 0: none */
};

/* Strict gate, members, act (written in the one spelling), signatures. 0 or error with fault. */
int ceremony_read(struct span text, struct arena *a, struct ceremony *ret, struct fault *f);
int ceremony_write(const struct ceremony *c, struct buf *out); /* one line, newline included */
/* Valid signatures by different keys of `need`. */
int64_t ceremony_signed(const struct ceremony *c, const struct ceremony_need *need);
/* What people read aloud to each other: "abcd-efgh-ijkl", from the act's hash. */
void ceremony_code(const struct ceremony *c, char ret[static CEREMONY_CODE]);
/* Adds the signature of this key. SANJI_E_OLD: it is there already; SANJI_E_AUTHORITY: none of the
 * keys that must sign; SANJI_E_SIZE. */
int ceremony_sign(struct ceremony *c, const struct sign_key *k);

#endif
