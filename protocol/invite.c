/* SPDX-License-Identifier: Apache-2.0 */
/* How a new node gets in. An invite is read over the telephone, pasted from a chat or copied from
 * paper, so it carries a sum and forgives white space; the enrolment that follows proves that the
 * new node holds the invite's secret and its own new key, and shows both sides six digits to
 * compare. */
#include "protocol/msg.h"

#include "protocol/act.h"
#include "protocol/base/enc.h"

#include <string.h>

#define INVITE_PREFIX "sanji1-"
#define INVITE_DOMAIN "SJ1-invite\n"
#define ENROL_DOMAIN  "SJ1-enrol\n"
#define DIGITS_DOMAIN "SJ1-digits\n"
#define INT_WIRE      INT64_C(999999999999999)
enum {
    INVITE_JSON_MAX = 4096,
    INVITE_LINE_MAX = 3 * INVITE_JSON_MAX, /* with white space somebody's mail program put in */
    SUM_LEN = 5,
    SUM_TEXT = B32_LEN(SUM_LEN),
    ENROL_JSON_MAX = 8192,
    URL_MAX = 200,
};

/* clang-format off */
#define S struct msg_invite
const struct jspec msg_invite_spec[] = {
    JF_INT(S, v, 1, 1),
    JF_BYTES(S, g),
    JF_TOKEN(S, node, LIM_NODE_ID, LIM_NODE_ID),
    JF_TOKEN(S, up, LIM_NODE_ID, LIM_NODE_ID),
    JF_TEXT(S, url, 1, URL_MAX),
    JF_TEXT(S, name, 1, 80),
    JF_TOKEN(S, area, 2, 12),
    JF_BYTES(S, tls),
    JF_BYTES(S, secret),
    JF_INT(S, lv, 1, 99),
    JF_INT(S, exp, 0, INT_WIRE),
    {"auto", JF_T_BOOL, false, JF_CHK_(S, auto_ok, bool), 0, 1, NULL, 0, SIZE_MAX},
    JF_BOOL_OPT(S, lost),
    JF_BYTES_OPT(S, code, has_code),
    JF_TOKEN(S, head_by, LIM_NODE_ID, LIM_NODE_ID),
    JF_INT(S, head_ep, 1, LIM_EPOCH),
    JF_INT(S, head_seq, 1, LIM_SEQ),
    JF_BYTES(S, head_id),
    JF_TOKEN(S, kid, LIM_KID, LIM_KID),
    JF_BYTES(S, s),
    JF_END_OPEN,
};
#undef S
#define S struct msg_enrol
const struct jspec msg_enrol_spec[] = {
    JF_INT(S, v, 1, 1),
    JF_BYTES(S, g),
    JF_TOKEN(S, node, LIM_NODE_ID, LIM_NODE_ID),
    JF_BYTES(S, sig),
    JF_BYTES(S, seal),
    JF_BYTES(S, tls),
    JF_BYTES(S, inst),
    JF_TEXT_OPT(S, url, 1, URL_MAX),
    JF_TEXT(S, ver, 1, 40),
    JF_BYTES_OPT(S, pop, has_pop),
    JF_TOKEN_OPT(S, up, LIM_NODE_ID, LIM_NODE_ID),
    JF_INT_OPT(S, ts, 0, INT_WIRE),
    JF_END_OPEN,
};
#undef S
struct enrol_body {
    const char *q;
    uint8_t mac[HASH_LEN];
    uint8_t s[SIG_LEN];
};
static const struct jspec enrol_body_spec[] = {
    JF_TEXT(struct enrol_body, q, 2, ENROL_JSON_MAX),
    JF_BYTES(struct enrol_body, mac),
    JF_BYTES(struct enrol_body, s),
    JF_END_OPEN,
};
/* clang-format on */

static int names_check(const char *node, const char *up, const char *kid, struct fault *f)
{
    if (!node_id_valid(node, strlen(node))) {
        return fault_set(f, SANJI_E_SPEC, "node", "a node id");
    }
    if (up != NULL && !node_id_valid(up, strlen(up))) {
        return fault_set(f, SANJI_E_SPEC, "up", "a node id");
    }
    return kid == NULL || key_id_valid(kid, strlen(kid))
               ? 0
               : fault_set(f, SANJI_E_SPEC, "kid", "a key id");
}

/* ---- invite -------------------------------------------------------------------------------- */

static int invite_json(const struct msg_invite *in, struct buf *out)
{
    struct jw w;
    jw_init(&w, out);
    jspec_write(&w, NULL, msg_invite_spec, in);
    return jw_done(&w);
}

/* What is signed: the text as it would be with an empty signature. */
static int invite_preimage(const struct msg_invite *in, struct buf *out)
{
    struct msg_invite blank = *in;
    memset(blank.s, 0, sizeof(blank.s));
    (void)buf_puts(out, INVITE_DOMAIN);
    return invite_json(&blank, out);
}

static void sum_of(struct span json, char out[static SUM_TEXT])
{
    uint8_t h[HASH_LEN];
    hash_bytes(json.p, json.n, h);
    (void)b32_put(h, SUM_LEN, out);
}

int invite_write(struct msg_invite *in, const struct sign_key *k, struct buf *out_line)
{
    struct key_id kid;
    struct buf pre, json;
    char sum[SUM_TEXT];
    key_id_of(sign_key_pub(k), &kid);
    if (in->kid == NULL || strcmp(in->kid, kid.s) != 0) {
        return SANJI_E_SPEC;
    }
    buf_init(&pre, INVITE_JSON_MAX);
    buf_init(&json, INVITE_JSON_MAX);
    int r = names_check(in->node, in->up, in->kid, NULL);
    if (r < 0 || (r = invite_preimage(in, &pre)) < 0 ||
        (r = sign_raw(k, pre.data, pre.len, in->s)) < 0 || (r = invite_json(in, &json)) < 0) {
        goto out;
    }
    (void)buf_puts(out_line, INVITE_PREFIX);
    r = buf_reserve(out_line, B64U_LEN(json.len));
    if (r < 0) {
        goto out;
    }
    out_line->len += b64u_put(json.data, json.len, (char *)out_line->data + out_line->len);
    sum_of(span_of(json.data, json.len), sum);
    (void)buf_putc(out_line, '-');
    r = buf_put(out_line, sum, sizeof(sum));
out:
    buf_wipe_done(&pre); /* both hold the secret */
    buf_wipe_done(&json);
    return r;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The line without white space; NULL when it is too long or there is no memory. */
static char *squeeze(const char *line, size_t n, struct arena *a, size_t *ret_n)
{
    char *out = n > INVITE_LINE_MAX ? NULL : arena_alloc(a, n + 1);
    size_t len = 0;
    for (size_t i = 0; out != NULL && i < n; i++) {
        if (!is_space(line[i])) {
            out[len++] = line[i];
        }
    }
    *ret_n = len;
    return out;
}

int invite_read(const char *line, size_t n, struct arena *a, struct msg_invite *ret,
                struct fault *f)
{
    const size_t prefix = sizeof(INVITE_PREFIX) - 1;
    uint8_t json[INVITE_JSON_MAX];
    char sum[SUM_TEXT];
    size_t len = 0;
    size_t json_n = 0;
    if (n > INVITE_LINE_MAX) {
        return fault_set(f, SANJI_E_SIZE, "invite", "a shorter line");
    }
    const char *s = squeeze(line, n, a, &len);
    if (s == NULL) {
        return fault_set(f, SANJI_E_NOMEM, "invite", NULL);
    }
    if (len < prefix + 1 + SUM_TEXT || memcmp(s, INVITE_PREFIX, prefix) != 0 ||
        s[len - SUM_TEXT - 1] != '-') {
        return fault_set(f, SANJI_E_SYNTAX, "invite", "sanji1-<text>-<sum>");
    }
    int r = b64u_get_any(s + prefix, len - prefix - 1 - SUM_TEXT, json, sizeof(json), &json_n);
    if (r < 0) {
        return fault_set(f, r, "invite", "the whole line, unchanged");
    }
    sum_of(span_of(json, json_n), sum);
    if (memcmp(sum, s + len - SUM_TEXT, SUM_TEXT) != 0) {
        return fault_set(f, SANJI_E_HASH, "invite", "the whole line, unchanged");
    }
    r = jspec_read(json, json_n, msg_invite_spec, ret, sizeof(*ret), a, f);
    mem_wipe(json, sizeof(json));
    if (r == 0 && !node_id_valid(ret->head_by, strlen(ret->head_by))) {
        r = fault_set(f, SANJI_E_SPEC, "head_by", "a node id");
    }
    return r < 0 ? r : names_check(ret->node, ret->up, ret->kid, f);
}

int invite_verify(const struct msg_invite *in, const struct sign_pub *k)
{
    struct buf pre;
    buf_init(&pre, INVITE_JSON_MAX);
    int r = invite_preimage(in, &pre);
    if (r == 0) {
        r = verify_raw(k, pre.data, pre.len, in->s);
    }
    buf_wipe_done(&pre);
    return r;
}

/* ---- enrolment ----------------------------------------------------------------------------- */

static int enrol_preimage(struct span q, struct buf *out)
{
    (void)buf_puts(out, ENROL_DOMAIN);
    return buf_put(out, q.p, q.n);
}

int enrol_write(const struct msg_enrol *e, const uint8_t secret[static 16],
                const struct sign_key *k, struct buf *out)
{
    struct enrol_body body = {0};
    struct buf q, pre;
    struct jw w;
    buf_init(&q, ENROL_JSON_MAX);
    buf_init(&pre, ENROL_JSON_MAX + sizeof(ENROL_DOMAIN));
    jw_init(&w, &q);
    jspec_write(&w, NULL, msg_enrol_spec, e);
    int r = memcmp(sign_key_pub(k), e->sig, SIGN_PUB_LEN) == 0 ? jw_done(&w) : SANJI_E_SPEC;
    if (r < 0 || (r = names_check(e->node, e->up, NULL, NULL)) < 0 ||
        (r = enrol_preimage(span_of(q.data, q.len), &pre)) < 0 ||
        (r = sign_raw(k, pre.data, pre.len, body.s)) < 0) {
        goto out;
    }
    hmac_bytes(secret, 16, pre.data, pre.len, body.mac);
    body.q = buf_str(&q);
    jw_init(&w, out);
    jspec_write(&w, NULL, enrol_body_spec, &body);
    r = jw_done(&w);
out:
    buf_done(&q);
    buf_done(&pre);
    return r;
}

int enrol_read(struct span text, struct arena *a, struct msg_enrol *ret, struct span *ret_q,
               uint8_t ret_mac[static HASH_LEN], struct fault *f)
{
    struct enrol_body body;
    struct sign_pub *pub = NULL;
    struct buf pre;
    int r = jspec_read(text.p, text.n, enrol_body_spec, &body, sizeof(body), a, f);
    if (r < 0) {
        return r;
    }
    struct span q = span_of(body.q, strlen(body.q));
    r = jspec_read(q.p, q.n, msg_enrol_spec, ret, sizeof(*ret), a, f);
    if (r < 0 || (r = names_check(ret->node, ret->up, NULL, f)) < 0) {
        return r;
    }
    r = sign_pub_new(ret->sig, &pub);
    if (r < 0) {
        return fault_set(f, r, "sig", "a sound public key");
    }
    buf_init(&pre, ENROL_JSON_MAX * 4 + sizeof(ENROL_DOMAIN));
    r = enrol_preimage(q, &pre);
    if (r == 0) {
        r = verify_raw(pub, pre.data, pre.len, body.s);
    }
    buf_done(&pre);
    sign_pub_free(pub);
    if (r < 0) {
        return fault_set(f, r, "s", "a signature by the new key");
    }
    *ret_q = q;
    memcpy(ret_mac, body.mac, HASH_LEN);
    return 0;
}

bool enrol_mac_ok(struct span q, const uint8_t secret[static 16],
                  const uint8_t mac[static HASH_LEN])
{
    uint8_t want[HASH_LEN];
    struct buf pre;
    buf_init(&pre, ENROL_JSON_MAX * 4 + sizeof(ENROL_DOMAIN));
    bool ok = enrol_preimage(q, &pre) == 0;
    if (ok) {
        hmac_bytes(secret, 16, pre.data, pre.len, want);
        ok = mem_equal_ct(want, mac, HASH_LEN);
        mem_wipe(want, sizeof(want));
    }
    buf_done(&pre);
    return ok;
}

int enrol_act(const struct msg_enrol *e, const struct enrol_place *p, struct buf *out)
{
    struct act a;
    memset(&a, 0, sizeof(a));
    a.type = ACT_NODE;
    a.has_g = true;
    memcpy(a.g, p->g, HASH_LEN);
    a.by = *p->up;
    a.up = *p->up;
    a.ts = p->ts;
    a.lv = p->lv;
    a.name = p->name;
    a.area = p->area;
    a.url = e->url != NULL && e->url[0] != '\0' ? e->url : NULL;
    a.reg = p->lv < 40; /* stations have nobody below them: they need not speak for others */
    a.has_sig = a.has_seal = a.has_tls = a.has_inst = true;
    memcpy(a.sig, e->sig, sizeof(a.sig));
    memcpy(a.seal, e->seal, sizeof(a.seal));
    memcpy(a.tls, e->tls, sizeof(a.tls));
    memcpy(a.inst, e->inst, sizeof(a.inst));
    int r = node_id_parse(e->node, strlen(e->node), &a.n);
    return r < 0 ? r : act_write(&a, out);
}

int enrol_pop_check(const struct msg_enrol *e, struct span act)
{
    struct sign_pub *pub = NULL;
    struct buf pre;
    buf_init(&pre, LIM_ITEM_BYTES);
    (void)buf_puts(&pre, "SJ1-act\n");
    int r = e->has_pop ? buf_put(&pre, act.p, act.n) : SANJI_E_SIGNATURE;
    r = r < 0 ? r : sign_pub_new(e->sig, &pub);
    r = r < 0 ? r : verify_raw(pub, pre.data, pre.len, e->pop);
    sign_pub_free(pub);
    buf_done(&pre);
    return r;
}

static uint8_t *put_lp(uint8_t *p, const void *x, size_t n)
{
    for (int shift = 24; shift >= 0; shift -= 8) {
        *p++ = (uint8_t)(n >> shift);
    }
    memcpy(p, x, n);
    return p + n;
}

void enrol_digits(const struct msg_enrol *e, const uint8_t secret[static 16], char out[static 7])
{
    uint8_t h[HASH_LEN];
    uint8_t pre[sizeof(DIGITS_DOMAIN) + 5 * 4 + 16 + LIM_NODE_ID + 3 * 32];
    uint8_t *p = pre;
    uint64_t v = 0;
    memcpy(p, DIGITS_DOMAIN, sizeof(DIGITS_DOMAIN) - 1);
    p = put_lp(p + sizeof(DIGITS_DOMAIN) - 1, secret, 16);
    p = put_lp(p, e->node, strnlen(e->node, LIM_NODE_ID));
    p = put_lp(p, e->sig, sizeof(e->sig));
    p = put_lp(p, e->seal, sizeof(e->seal));
    p = put_lp(p, e->tls, sizeof(e->tls));
    hash_bytes(pre, (size_t)(p - pre), h);
    mem_wipe(pre, sizeof(pre));
    for (size_t i = 0; i < 8; i++) {
        v = v << 8 | h[i];
    }
    v %= 1000000;
    for (int i = 5; i >= 0; i--) {
        out[i] = (char)('0' + v % 10);
        v /= 10;
    }
    out[6] = '\0';
}
