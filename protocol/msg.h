/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_MSG_H
#define SANJI_PROTOCOL_MSG_H

#include "protocol/base/arena.h"
#include "protocol/bundle.h"
#include "protocol/ids.h"
#include "protocol/jspec.h"

/* Messages between two neighbours (PROTOCOL.md "Session", "Exchange", "Enrolment", "Invite").
 * Every struct has one table that reads and writes it; signatures have one preimage builder each.
 */

#define SANJI_PATH_SESSION  "/sanji/1/session"
#define SANJI_PATH_EXCHANGE "/sanji/1/exchange"
#define SANJI_PATH_ENROL    "/sanji/1/enrol"
#define SANJI_PATH_KEY      "/sanji/1/key"
#define SANJI_PATH_BLOB     "/sanji/1/blob"
#define SANJI_TYPE_JSON     "application/vnd.sanji+json"
#define SANJI_TYPE_FRAMES   "application/vnd.sanji.frames"
#define SANJI_TYPE_BLOB     "application/vnd.sanji.blob"

/* Session, first request: child -> parent. */
struct msg_session_open {
    int64_t v;
    uint8_t g[HASH_LEN];
    const char *node, *kid, *lane; /* lane: "up" or "down" */
    uint8_t inst[16];
    uint8_t nonce[16];
    const char *ver; /* software version, display only */
};
/* Answer. */
struct msg_session_challenge {
    const char *node; /* the parent */
    uint8_t nonce[16];
    uint8_t cid[16]; /* names the challenge in the second request */
};
/* Second request. */
struct msg_session_proof {
    uint8_t cid[16];
    bool has_ticket;
    uint8_t ticket[16]; /* of this lane's last session, absent on the first */
    uint8_t s[SIG_LEN];
};
struct msg_session_grant {
    uint8_t token[32];
    uint8_t ticket[16];
    int64_t ttl; /* ms */
    int64_t now; /* parent's clock, display only */
    const char *ver;
};
/* Any refusal on the sync listener. */
struct msg_error {
    const char *err;    /* wire name */
    const char *member; /* optional */
    const char *want;   /* optional */
    int64_t retry;      /* optional, ms */
    bool has_act;
    struct span act; /* moved: raw {"a":..,"co":..} */
};
extern const struct jspec msg_session_open_spec[], msg_session_challenge_spec[],
    msg_session_proof_spec[], msg_session_grant_spec[], msg_error_spec[];

/* "SJ1-session\n" and the length-prefixed list of everything agreed. */
int session_preimage(const struct msg_session_open *o, const struct msg_session_challenge *c,
                     const uint8_t spki[static HASH_LEN], const uint8_t *ticket, struct buf *out);

/* Exchange: first frame of either direction. */
struct msg_hello {
    int64_t v;
    uint8_t g[HASH_LEN];
    uint8_t rv[8];
    int64_t lines; /* have frames that follow */
    bool full;     /* the have lines are the whole list, not the changes */
    bool has_hd;
    uint8_t hd[HASH_LEN]; /* digest of the sender's whole have-list for this peer */
    int64_t max;          /* bytes of bundles the sender of this hello accepts now */
    int64_t wait;         /* request: hold up to this many ms when there is nothing */
    int64_t credit;       /* response: bytes the parent will accept next */
    int64_t retry;        /* response: come back not before, ms */
    bool need_full;       /* the digests differ: state the whole list next time */
    bool more;            /* more bundles are waiting */
    struct jarr left;     /* bundles of the last message that were not kept (custody) */
    int64_t ts;           /* display only */
    struct jarr can;      /* what the sender of this hello understands beyond version 1 */
    struct jarr fetch;    /* answer, lane down: attachments wanted of the child */
};
extern const struct jspec msg_hello_spec[];
#define MSG_CAN_FILES "files"

/* First frame of a request or answer about an attachment; the bytes of a part follow it as they
 * are. */
struct msg_blob {
    const char *op;  /* request: "get", "put", "none" */
    const char *by;  /* whose record names it */
    const char *sha; /* wire name sha256: 43 characters of base64url */
    int64_t at;      /* where the part begins; answer to a put: where the next one is to */
    int64_t len;     /* of the whole; a get and a none do not say it */
    const char *err; /* none: why, a name of section 22 */
};
extern const struct jspec msg_blob_spec[];
/* One entry of `fetch`: "BY SHA256 AT". False: it is not one. */
enum { MSG_SHA = 43, MSG_FETCH_TEXT = LIM_NODE_ID + 1 + MSG_SHA + 1 + 20 };
void msg_fetch_write(const char *by, const char *sha, int64_t at, char out[static MSG_FETCH_TEXT]);
bool msg_fetch_read(const char *text, struct node_id *ret_by, char ret_sha[static MSG_SHA + 1],
                    int64_t *ret_at);
bool msg_sha_valid(const char *sha);

/* Have lines: {"have":[["<by>","<aud>",[[ep,"<en>",seq,"<id8>"],...]],...]}. */
struct have_epoch {
    uint32_t ep;
    uint8_t en[8];
    int64_t seq;
    uint8_t id8[8];
};
typedef int have_fn(const char *by, const char *aud, const struct have_epoch *e, size_t n,
                    void *arg);
int have_line_read(struct span line, have_fn *fn, void *arg, struct fault *f);
/* Writer: begin, add streams (at most LIM_HAVE_PER_LINE), end. */
struct have_writer {
    struct jw w;
    size_t n;
};
void have_begin(struct have_writer *h, struct buf *out);
void have_add(struct have_writer *h, const char *by, const char *aud, const struct have_epoch *e,
              size_t n);
int have_end(struct have_writer *h);
/* Digest of a have-list: sum mod 2^256 over entries of SHA-256("SJ1-have\n" lp(by) lp(aud) ep en
 * seq id8); add and sub keep it incremental. */
void have_digest_add(uint8_t sum[static HASH_LEN], const char *by, const char *aud,
                     const struct have_epoch *e);
void have_digest_sub(uint8_t sum[static HASH_LEN], const char *by, const char *aud,
                     const struct have_epoch *e);

/* Invite: one line "sanji1-" base64url(json) "-" base32(first 5 bytes of SHA-256 of the json). */
#define INVITE_NO_URL "ferry:" /* as `url`: the issuer has no address, requests come by file */
struct msg_invite {
    int64_t v;
    uint8_t g[HASH_LEN];
    const char *node, *up, *url, *name, *area;
    uint8_t tls[HASH_LEN];
    uint8_t secret[16];
    int64_t lv;
    int64_t exp;   /* issuer's clock, ms */
    bool auto_ok;  /* wire name "auto": approved without comparing digits */
    bool lost;     /* `node` exists, its keys are gone: ends in a `key` act */
    bool has_code; /* lost: the key that its newest self backup is sealed to */
    uint8_t code[SEAL_PUB_LEN];
    const char *head_by; /* pinned trust head: the issuer's own trust stream */
    int64_t head_ep, head_seq;
    uint8_t head_id[HASH_LEN];
    const char *kid;
    uint8_t s[SIG_LEN]; /* issuer's signature, prefix SJ1-invite, over the json with s of 64 zero
                           bytes */
};
extern const struct jspec msg_invite_spec[];
int invite_write(struct msg_invite *in, const struct sign_key *k, struct buf *out_line);
/* Accepts white space and line breaks inside (people paste); checks the sum. */
int invite_read(const char *line, size_t n, struct arena *a, struct msg_invite *ret,
                struct fault *f);
int invite_verify(const struct msg_invite *in, const struct sign_pub *k);

/* Enrolment request: body {"q":"<json>","mac":..,"s":..}; mac = HMAC(secret, "SJ1-enrol\n" || q),
 * s = new signing key's signature over the same bytes (proof of possession). */
struct msg_enrol {
    int64_t v;
    uint8_t g[HASH_LEN];
    const char *node;
    uint8_t sig[SIGN_PUB_LEN], seal[SEAL_PUB_LEN], tls[HASH_LEN], inst[16];
    const char *url; /* optional */
    const char *ver;
    bool has_pop; /* wire: pop: signature over the node act's text, sent in the second step */
    uint8_t pop[SIG_LEN];
    /* By file (PROTOCOL.md 13.3), where nobody can be asked twice: whom it is for, and the time in
     * the act that `pop` signs already. NULL, 0: absent. */
    const char *up;
    int64_t ts;
};
extern const struct jspec msg_enrol_spec[];
int enrol_write(const struct msg_enrol *e, const uint8_t secret[static 16],
                const struct sign_key *k, struct buf *out);
/* Reads and checks s (proof of possession); the caller checks mac against its secret. */
int enrol_read(struct span body, struct arena *a, struct msg_enrol *ret, struct span *ret_q,
               uint8_t ret_mac[static HASH_LEN], struct fault *f);
bool enrol_mac_ok(struct span q, const uint8_t secret[static 16],
                  const uint8_t mac[static HASH_LEN]);
/* The `node` act that an enrolment ends in, as its author `up` writes it. */
struct enrol_place {
    const uint8_t *g; /* HASH_LEN */
    const struct node_id *up;
    const char *name, *area;
    int64_t lv, ts;
};
int enrol_act(const struct msg_enrol *e, const struct enrol_place *p, struct buf *out);
/* `pop` is the new key's signature of this text: 0 or SANJI_E_SIGNATURE. */
int enrol_pop_check(const struct msg_enrol *e, struct span act);
/* Six digits both sides show. */
void enrol_digits(const struct msg_enrol *e, const uint8_t secret[static 16], char out[static 7]);
/* Answer: state "pending", "act" (act text to be signed by the new key: send enrol again with pop),
 * or "done". */
struct msg_enrol_reply {
    const char *state;
    const char *act;  /* act text when state is "act" */
    const char *need; /* pending for want of this node's signature */
    int64_t retry;
};
extern const struct jspec msg_enrol_reply_spec[];

/* Answer to a request about a key: "done", "pending", or "signed" with the signature asked for. */
struct msg_key_reply {
    const char *state;
    const char *kid;
    bool has_s;
    uint8_t s[SIG_LEN];
};
extern const struct jspec msg_key_reply_spec[];

#endif
