/* SPDX-License-Identifier: Apache-2.0 */
/* What two neighbours say to each other besides bundles: one table per message, open at the end, so
 * that a newer peer may add members. What a session's signature covers is built here once for both
 * sides. */
#include "protocol/msg.h"

#include "protocol/base/enc.h"

#include <stdio.h>
#include <string.h>

enum { VER_MAX = 40 };
#define INT_WIRE INT64_C(999999999999999)
#define MS_YEAR  (INT64_C(366) * 24 * 3600 * 1000)

/* clang-format off */
#define S struct msg_session_open
const struct jspec msg_session_open_spec[] = {
    JF_INT(S, v, 1, 1),
    JF_BYTES(S, g),
    JF_TOKEN(S, node, LIM_NODE_ID, LIM_NODE_ID),
    JF_TOKEN(S, kid, LIM_KID, LIM_KID),
    JF_TOKEN(S, lane, 2, 4),
    JF_BYTES(S, inst),
    JF_BYTES(S, nonce),
    JF_TEXT(S, ver, 1, VER_MAX),
    JF_END_OPEN,
};
#undef S
#define S struct msg_session_challenge
const struct jspec msg_session_challenge_spec[] = {
    JF_TOKEN(S, node, LIM_NODE_ID, LIM_NODE_ID),
    JF_BYTES(S, nonce),
    JF_BYTES(S, cid),
    JF_END_OPEN,
};
#undef S
#define S struct msg_session_proof
const struct jspec msg_session_proof_spec[] = {
    JF_BYTES(S, cid),
    JF_BYTES_OPT(S, ticket, has_ticket),
    JF_BYTES(S, s),
    JF_END_OPEN,
};
#undef S
#define S struct msg_session_grant
const struct jspec msg_session_grant_spec[] = {
    JF_BYTES(S, token),
    JF_BYTES(S, ticket),
    JF_INT(S, ttl, 0, MS_YEAR),
    JF_INT(S, now, 0, INT_WIRE),
    JF_TEXT(S, ver, 1, VER_MAX),
    JF_END_OPEN,
};
#undef S
#define S struct msg_hello
const struct jspec msg_hello_spec[] = {
    JF_INT(S, v, 1, 1),
    JF_BYTES(S, g),
    JF_BYTES(S, rv),
    JF_INT(S, lines, 0, 1000000),
    JF_BOOL_OPT(S, full),
    JF_BYTES_OPT(S, hd, has_hd),
    JF_INT_OPT(S, max, 0, INT_WIRE),
    JF_INT_OPT(S, wait, 0, LIM_WAIT_MS),
    JF_INT_OPT(S, credit, 0, INT_WIRE),
    JF_INT_OPT(S, retry, 0, MS_YEAR),
    JF_BOOL_OPT(S, need_full),
    JF_BOOL_OPT(S, more),
    JF_INT_OPT(S, ts, 0, INT_WIRE),
    JF_TEXTS_OPT(S, left, 0, LIM_LEFT),
    JF_TEXTS_OPT(S, can, 0, 32),
    JF_TEXTS_OPT(S, fetch, 0, LIM_FETCH_SAID),
    JF_END_OPEN,
};
#undef S
#define S struct msg_blob
const struct jspec msg_blob_spec[] = {
    JF_TOKEN_OPT(S, op, 1, 8),
    JF_TOKEN(S, by, LIM_NODE_ID, LIM_NODE_ID),
    {"sha256", JF_T_TOKEN, false, JF_CHK_(S, sha, const char *), MSG_SHA, MSG_SHA, NULL, 0, SIZE_MAX},
    JF_INT_OPT(S, at, 0, LIM_BLOB_BYTES),
    JF_INT_OPT(S, len, 0, LIM_BLOB_BYTES),
    JF_TOKEN_OPT(S, err, 1, 40),
    JF_END_OPEN,
};
#undef S
#define S struct msg_enrol_reply
const struct jspec msg_enrol_reply_spec[] = {
    JF_TOKEN(S, state, 1, 16),
    JF_TEXT_OPT(S, act, 1, LIM_ITEM_BYTES),
    JF_TOKEN_OPT(S, need, 1, 40),
    JF_INT_OPT(S, retry, 0, MS_YEAR),
    JF_END_OPEN,
};
#undef S
#define S struct msg_key_reply
const struct jspec msg_key_reply_spec[] = {
    JF_TOKEN(S, state, 1, 16),
    JF_TOKEN_OPT(S, kid, LIM_KID, LIM_KID),
    JF_BYTES_OPT(S, s, has_s),
    JF_END_OPEN,
};
#undef S
/* `act` is a JSON value of any shape with a presence flag, which the macros do not offer together. */
const struct jspec msg_error_spec[] = {
    JF_TOKEN(struct msg_error, err, 1, 40),
    JF_TEXT_OPT(struct msg_error, member, 0, 100),
    JF_TEXT_OPT(struct msg_error, want, 0, 200),
    JF_INT_OPT(struct msg_error, retry, 0, MS_YEAR),
    {"act", JF_T_RAW, true, offsetof(struct msg_error, act), 0, 0, NULL, 0, offsetof(struct msg_error, has_act)},
    JF_END_OPEN,
};
/* clang-format on */

int session_preimage(const struct msg_session_open *o, const struct msg_session_challenge *c,
                     const uint8_t spki[static HASH_LEN], const uint8_t *ticket, struct buf *out)
{
    (void)buf_puts(out, "SJ1-session\n");
    (void)buf_put_lp(out, o->g, sizeof(o->g));
    (void)buf_put_u32be(out, (uint32_t)o->v);
    (void)buf_put_lps(out, o->node);
    (void)buf_put_lps(out, o->kid);
    (void)buf_put_lps(out, o->lane);
    (void)buf_put_lp(out, o->inst, sizeof(o->inst));
    (void)buf_put_lp(out, o->nonce, sizeof(o->nonce));
    (void)buf_put_lp(out, c->nonce, sizeof(c->nonce));
    (void)buf_put_lp(out, c->cid, sizeof(c->cid));
    (void)buf_put_lps(out, c->node);
    (void)buf_put_lp(out, spki, HASH_LEN);
    return buf_put_lp(out, ticket,
                      ticket == NULL ? 0 : sizeof(((struct msg_session_proof *)0)->ticket));
}

/* ---- attachments wanted of a child ---- */

void msg_fetch_write(const char *by, const char *sha, int64_t at, char out[static MSG_FETCH_TEXT])
{
    (void)snprintf(out, MSG_FETCH_TEXT, "%s %s %lld", by, sha, (long long)at);
}

bool msg_sha_valid(const char *sha)
{
    uint8_t h[HASH_LEN];
    return strlen(sha) == MSG_SHA && b64u_get(sha, MSG_SHA, h, HASH_LEN) == 0;
}

bool msg_fetch_read(const char *text, struct node_id *ret_by, char ret_sha[static MSG_SHA + 1],
                    int64_t *ret_at)
{
    enum { SHA_AT = LIM_NODE_ID + 1, AT_AT = SHA_AT + MSG_SHA + 1 };
    size_t n = strlen(text);
    if (n <= AT_AT || n > AT_AT + 8 || text[SHA_AT - 1] != ' ' || text[AT_AT - 1] != ' ' ||
        node_id_parse(text, LIM_NODE_ID, ret_by) < 0) {
        return false;
    }
    memcpy(ret_sha, text + SHA_AT, MSG_SHA);
    ret_sha[MSG_SHA] = '\0';
    *ret_at = 0;
    for (size_t i = AT_AT; i < n; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        *ret_at = *ret_at * 10 + (text[i] - '0');
    }
    return msg_sha_valid(ret_sha) && *ret_at <= LIM_BLOB_BYTES;
}
