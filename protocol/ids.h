/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_IDS_H
#define SANJI_PROTOCOL_IDS_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/limits.h"
#include "protocol/suite.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Names on the wire (PROTOCOL.md "Names"). All are ASCII and have one spelling. */

struct node_id {
    char s[LIM_NODE_ID + 2]; /* "n" + 13 base32, NUL; empty string: none */
};
struct key_id {
    char s[LIM_KID + 2]; /* "k" + 13 base32 of the key's hash, NUL */
};

bool node_id_valid(const char *s, size_t n);
int node_id_parse(const char *s, size_t n, struct node_id *ret);
/* 65 random bits -> id; rnd is at least 9 bytes. */
void node_id_make(const uint8_t rnd[static 9], struct node_id *ret);
static inline bool node_id_none(const struct node_id *a)
{
    return a->s[0] == '\0';
}
int node_id_cmp(const struct node_id *a, const struct node_id *b);

/* Key id = "k" + first 65 bits of SHA-256(0x03 || public signing key) in base32: never chosen. */
void key_id_of(const uint8_t pub[static SIGN_PUB_LEN], struct key_id *ret);
bool key_id_valid(const char *s, size_t n);

/* Record id: [A-Za-z0-9][A-Za-z0-9._:-]{0,63}. Made by us: "r" + 26 digits, ordered by time. */
bool record_id_valid(const char *s, size_t n);
void record_id_make(int64_t now_ms, const uint8_t rnd[static 10], char out[static 28]);

/* What a `ref` names: "owner/id", or "id" of the one who says it (owner none). False: neither. */
struct record_ref {
    struct node_id owner;
    char id[LIM_ID_BYTES + 1];
};
bool record_ref_parse(struct span s, struct record_ref *ret);

/* Kind: name "/" major, name [a-z][a-z0-9_]{0,30}, major 1..999. */
bool kind_name_valid(const char *s, size_t n);

/* Audience grammar: fed | trust | self | own | sub:NODE | up:NODE | to:NODE[,NODE]... (sorted,
 * unique, at most 16). Parsing accepts only the one spelling. */
enum aud_type { AUD_FED, AUD_TRUST, AUD_SELF, AUD_SUB, AUD_UP, AUD_TO, AUD_OWN, AUD_COUNT };
struct audience {
    enum aud_type type;
    size_t n; /* nodes named: 0 for fed, trust, self, own; 1 for sub, up */
    struct node_id node[LIM_RECIPIENTS];
};
int audience_parse(const char *s, size_t n, struct audience *ret);
int audience_write(const struct audience *a, char out[static LIM_AUD_BYTES + 1]);
/* Outside its audience a to: or self stream is named only by bundle ids; own is named to nobody. */
static inline bool audience_is_private(enum aud_type t)
{
    return t == AUD_TO || t == AUD_SELF || t == AUD_OWN;
}

/* One stream: who writes, for whom, which epoch. Compared by strcmp-like order of all parts. */
struct stream_key {
    struct node_id by;
    char aud[LIM_AUD_BYTES + 1];
    uint32_t ep;
    uint8_t en[8];
};
int stream_key_cmp(const struct stream_key *a, const struct stream_key *b);

#endif
