/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of each vector; see check.h. */
#include "tests/vectors/check.h"

#include "protocol/act.h"
#include "protocol/base/enc.h"
#include "protocol/base/text.h"
#include "protocol/bundle.h"
#include "protocol/ferry.h"
#include "protocol/json_gate.h"
#include "protocol/kinds/kind.h"
#include "protocol/msg.h"
#include "protocol/seal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void pair(struct vpair *p, size_t *n, const char *name, const char *s, size_t len)
{
    assert(*n < VC_PAIRS);
    p[*n] = (struct vpair){.name = name, .value = calloc(1, len + 1)};
    assert(p[*n].value != NULL);
    memcpy(p[*n].value, s, len);
    (*n)++;
}

void vcase_arg(struct vcase *v, const char *name, const char *value)
{
    pair(v->arg, &v->n_arg, name, value, strlen(value));
}

static void out(struct vcase *v, const char *name, const char *s)
{
    pair(v->out, &v->n_out, name, s, strlen(s));
}

static void put_b64(struct vpair *p, size_t *n, const char *name, const void *bytes, size_t len)
{
    char *s = malloc(B64U_LEN(len) + 1);
    assert(s != NULL);
    pair(p, n, name, s, b64u_put(bytes, len, s));
    free(s);
}

void vcase_arg_b64(struct vcase *v, const char *name, const void *p, size_t n)
{
    put_b64(v->arg, &v->n_arg, name, p, n);
}

static void out_b64(struct vcase *v, const char *name, const void *p, size_t n)
{
    put_b64(v->out, &v->n_out, name, p, n);
}

static void out_int(struct vcase *v, const char *name, int64_t x)
{
    char s[24];
    (void)snprintf(s, sizeof(s), "%lld", (long long)x);
    out(v, name, s);
}

void vcase_done(struct vcase *v)
{
    for (size_t i = 0; i < v->n_arg; i++) {
        free(v->arg[i].value);
    }
    for (size_t i = 0; i < v->n_out; i++) {
        free(v->out[i].value);
    }
    v->n_arg = v->n_out = 0;
}

static const char *arg(const struct vcase *v, const char *name)
{
    for (size_t i = 0; i < v->n_arg; i++) {
        if (strcmp(v->arg[i].name, name) == 0) {
            return v->arg[i].value;
        }
    }
    return NULL;
}

static bool arg_b64(const struct vcase *v, const char *name, void *ret, size_t n)
{
    const char *s = arg(v, name);
    return s != NULL && b64u_get(s, strlen(s), ret, n) == 0;
}

static const char *in_str(const struct vcase *v)
{
    return (const char *)v->in.p;
}

/* ---- checks ---- */

static int c_node_id(struct vcase *v, struct arena *a)
{
    struct node_id id;
    (void)a;
    return node_id_parse(in_str(v), v->in.n, &id);
}

static int c_audience(struct vcase *v, struct arena *a)
{
    struct audience aud;
    (void)a;
    int err = audience_parse(in_str(v), v->in.n, &aud);
    if (err == 0) {
        out_int(v, "nodes", (int64_t)aud.n);
    }
    return err;
}

static int c_record_id(struct vcase *v, struct arena *a)
{
    (void)a;
    return record_id_valid(in_str(v), v->in.n) ? 0 : SANJI_E_SPEC;
}

static int c_kind_name(struct vcase *v, struct arena *a)
{
    (void)a;
    return kind_name_valid(in_str(v), v->in.n) ? 0 : SANJI_E_SPEC;
}

static int c_key_of_seed(struct vcase *v, struct arena *a)
{
    uint8_t seed[SIGN_SEED_LEN];
    struct key_id kid;
    (void)a;
    hash_bytes(v->in.p, v->in.n, seed);
    struct sign_key *k = sign_key_new(seed);
    if (k == NULL) {
        return SANJI_E_NOMEM;
    }
    key_id_of(sign_key_pub(k), &kid);
    out_b64(v, "seed", seed, sizeof(seed));
    out_b64(v, "pub", sign_key_pub(k), SIGN_PUB_LEN);
    out(v, "kid", kid.s);
    sign_key_free(k);
    return 0;
}

static int c_node_of_hash(struct vcase *v, struct arena *a)
{
    uint8_t h[HASH_LEN];
    struct node_id id;
    (void)a;
    hash_bytes(v->in.p, v->in.n, h);
    node_id_make(h, &id);
    out(v, "node", id.s);
    return 0;
}

static int c_json(struct vcase *v, struct arena *a)
{
    (void)a;
    return json_gate(v->in.p, v->in.n, JSON_PROTOCOL, NULL);
}

static int c_bundle(struct vcase *v, struct arena *a)
{
    struct bundle b;
    struct sign_pub *k = NULL;
    uint8_t pub[SIGN_PUB_LEN];
    int err = bundle_parse(v->in, a, &b, NULL);
    if (err < 0) {
        return err;
    }
    if (!arg_b64(v, "key", pub, sizeof(pub))) {
        return SANJI_E_USAGE;
    }
    err = sign_pub_new(pub, &k);
    if (err == 0) {
        err = bundle_verify(&b, k);
        sign_pub_free(k);
    }
    if (err == 0) {
        out(v, "type", bundle_type_name(b.hdr.t));
        out_b64(v, "id", b.id, HASH_LEN);
        out_b64(v, "root", b.hdr.root, HASH_LEN);
        out_int(v, "n", b.hdr.n);
        if (!b.header_only && b.hdr.n > 0) {
            out_b64(v, "leaf0", b.item[0].leaf, HASH_LEN);
            out(v, "stub0", b.item[0].stub ? "true" : "false");
        }
    }
    return err;
}

static int c_act(struct vcase *v, struct arena *a)
{
    struct act *x = arena_alloc(a, sizeof(*x));
    uint8_t pub[SIGN_PUB_LEN];
    int err = x == NULL ? SANJI_E_NOMEM : act_body_parse(v->in, a, x, NULL);
    if (err == 0 && arg_b64(v, "key", pub, sizeof(pub)) && !act_signed_by(x, pub)) {
        err = SANJI_E_SIGNATURE;
    }
    if (err == 0) {
        out(v, "type", act_type_name(x->type));
        out_b64(v, "hash", x->hash, HASH_LEN);
        out_int(v, "signatures", (int64_t)x->n_co);
    }
    return err;
}

static int c_sealed(struct vcase *v, struct arena *a)
{
    static struct seal_ctx c;
    uint8_t seed[1][SEAL_SEED_LEN], cek[32];
    struct node_id me;
    struct buf plain;
    const char *by = arg(v, "by"), *id = arg(v, "id"), *step = arg(v, "step"), *m = arg(v, "me");
    c = (struct seal_ctx){0};
    if (by == NULL || id == NULL || step == NULL || m == NULL || !arg_b64(v, "g", c.g, HASH_LEN) ||
        !arg_b64(v, "seal_seed", seed[0], SEAL_SEED_LEN) ||
        node_id_parse(by, strlen(by), &c.by) < 0 || node_id_parse(m, strlen(m), &me) < 0) {
        return SANJI_E_USAGE;
    }
    (void)snprintf(c.id, sizeof(c.id), "%s", id);
    c.step = step[0] - '0';
    buf_init(&plain, LIM_ITEM_BYTES);
    int err =
        seal_read(v->in, &c, &me, (const uint8_t(*)[SEAL_SEED_LEN])seed, 1, a, cek, &plain, NULL);
    if (err == 0) {
        out(v, "plain", buf_str(&plain));
        out_b64(v, "cek", cek, sizeof(cek));
        out_int(v, "readers", (int64_t)c.n_to);
    }
    buf_done(&plain);
    return err;
}

static int verify_with(const struct vcase *v, struct span text, const uint8_t *sig)
{
    uint8_t pub[SIGN_PUB_LEN];
    struct sign_pub *k = NULL;
    int err = arg_b64(v, "key", pub, sizeof(pub)) ? sign_pub_new(pub, &k) : SANJI_E_USAGE;
    if (err == 0) {
        err = verify_raw(k, text.p, text.n, sig);
    }
    sign_pub_free(k);
    return err;
}

static int c_session(struct vcase *v, struct arena *a)
{
    struct msg_session_open o;
    struct msg_session_challenge c;
    struct msg_session_proof p = {0};
    uint8_t spki[HASH_LEN], h[HASH_LEN];
    struct buf pre;
    const char *open = arg(v, "open"), *chal = arg(v, "challenge");
    if (open == NULL || chal == NULL || !arg_b64(v, "spki", spki, HASH_LEN)) {
        return SANJI_E_USAGE;
    }
    int err = jspec_read(open, strlen(open), msg_session_open_spec, &o, sizeof(o), a, NULL);
    if (err == 0) {
        err = jspec_read(chal, strlen(chal), msg_session_challenge_spec, &c, sizeof(c), a, NULL);
    }
    if (err == 0) {
        err = jspec_read(v->in.p, v->in.n, msg_session_proof_spec, &p, sizeof(p), a, NULL);
    }
    if (err < 0) {
        return err;
    }
    buf_init(&pre, 4096);
    err = session_preimage(&o, &c, spki, p.has_ticket ? p.ticket : NULL, &pre);
    if (err == 0) {
        err = verify_with(v, span_of(pre.data, pre.len), p.s);
    }
    if (err == 0) {
        hash_bytes(pre.data, pre.len, h);
        out_int(v, "preimage_bytes", (int64_t)pre.len);
        out_b64(v, "preimage_sha256", h, HASH_LEN);
    }
    buf_done(&pre);
    return err;
}

static int c_hello(struct vcase *v, struct arena *a)
{
    struct msg_hello m;
    int err = jspec_read(v->in.p, v->in.n, msg_hello_spec, &m, sizeof(m), a, NULL);
    if (err == 0) {
        out_int(v, "lines", m.lines);
        out(v, "full", m.full ? "true" : "false");
    }
    return err;
}

struct digest {
    uint8_t sum[HASH_LEN];
    int64_t n;
};

static int on_have(const char *by, const char *aud, const struct have_epoch *e, size_t n, void *p)
{
    struct digest *d = p;
    for (size_t i = 0; i < n; i++) {
        have_digest_add(d->sum, by, aud, &e[i]);
        d->n++;
    }
    return 0;
}

static int c_have(struct vcase *v, struct arena *a)
{
    struct digest d = {0};
    (void)a;
    int err = have_line_read(v->in, on_have, &d, NULL);
    if (err == 0) {
        out_int(v, "streams", d.n);
        out_b64(v, "digest", d.sum, HASH_LEN);
    }
    return err;
}

static int c_invite(struct vcase *v, struct arena *a)
{
    struct msg_invite in;
    uint8_t pub[SIGN_PUB_LEN];
    struct sign_pub *k = NULL;
    int err = invite_read(in_str(v), v->in.n, a, &in, NULL);
    if (err == 0) {
        err = arg_b64(v, "key", pub, sizeof(pub)) ? sign_pub_new(pub, &k) : SANJI_E_USAGE;
    }
    if (err == 0) {
        err = invite_verify(&in, k);
    }
    sign_pub_free(k);
    if (err == 0) {
        out(v, "node", in.node);
        out(v, "up", in.up);
        out_b64(v, "secret", in.secret, sizeof(in.secret));
    }
    return err;
}

static int c_enrol(struct vcase *v, struct arena *a)
{
    struct msg_enrol e;
    struct span q;
    uint8_t mac[HASH_LEN], secret[16];
    char digits[7];
    if (!arg_b64(v, "secret", secret, sizeof(secret))) {
        return SANJI_E_USAGE;
    }
    int err = enrol_read(v->in, a, &e, &q, mac, NULL);
    if (err == 0 && !enrol_mac_ok(q, secret, mac)) {
        err = SANJI_E_SIGNATURE;
    }
    if (err == 0) {
        enrol_digits(&e, secret, digits);
        out(v, "node", e.node);
        out(v, "digits", digits);
    }
    return err;
}

/* A request by file: with the place the invite gives, the act it has signed. */
static int c_enrol_file(struct vcase *v, struct arena *a)
{
    struct msg_enrol e;
    struct span q;
    struct node_id up;
    struct buf act;
    uint8_t mac[HASH_LEN], secret[16];
    const char *lv = arg(v, "lv");
    struct enrol_place p = {.up = &up, .name = arg(v, "name"), .area = arg(v, "area")};
    if (!arg_b64(v, "secret", secret, sizeof(secret)) || p.name == NULL || p.area == NULL ||
        lv == NULL || text_i64(lv, strlen(lv), 1, 99, &p.lv) < 0) {
        return SANJI_E_USAGE;
    }
    buf_init(&act, LIM_ITEM_BYTES);
    int err = enrol_read(v->in, a, &e, &q, mac, NULL);
    if (err == 0 && !enrol_mac_ok(q, secret, mac)) {
        err = SANJI_E_SIGNATURE;
    }
    if (err == 0 && (e.up == NULL || e.ts == 0 || node_id_parse(e.up, strlen(e.up), &up) < 0)) {
        err = SANJI_E_SPEC;
    }
    if (err == 0) {
        p.g = e.g;
        p.ts = e.ts;
        err = enrol_act(&e, &p, &act);
    }
    if (err == 0) {
        err = enrol_pop_check(&e, span_of(act.data, act.len));
    }
    if (err == 0) {
        out(v, "node", e.node);
        out(v, "act", buf_str(&act));
    }
    buf_done(&act);
    return err;
}

static int c_manifest(struct vcase *v, struct arena *a)
{
    struct ferry_manifest m;
    struct ferry_signed s;
    int err = ferry_manifest_read(v->in, a, &m, &s, NULL);
    struct sign_pub *k = NULL;
    uint8_t pub[SIGN_PUB_LEN];
    if (err == 0) {
        err = arg_b64(v, "key", pub, sizeof(pub)) ? sign_pub_new(pub, &k) : SANJI_E_USAGE;
    }
    if (err == 0) {
        err = ferry_verify(&s, k);
    }
    sign_pub_free(k);
    if (err == 0) {
        out_int(v, "no", m.no);
        out_int(v, "count", m.count);
    }
    return err;
}

static int c_receipt(struct vcase *v, struct arena *a)
{
    struct ferry_receipt m;
    struct ferry_signed s;
    int err = ferry_receipt_read(v->in, a, &m, &s, NULL);
    struct sign_pub *k = NULL;
    uint8_t pub[SIGN_PUB_LEN];
    if (err == 0) {
        err = arg_b64(v, "key", pub, sizeof(pub)) ? sign_pub_new(pub, &k) : SANJI_E_USAGE;
    }
    if (err == 0) {
        err = ferry_verify(&s, k);
    }
    sign_pub_free(k);
    if (err == 0) {
        out_int(v, "no", m.no);
    }
    return err;
}

static int c_item(struct vcase *v, struct arena *a)
{
    struct item it;
    struct audience aud;
    const char *where = arg(v, "aud"), *top = arg(v, "top");
    (void)a;
    if (where == NULL || audience_parse(where, strlen(where), &aud) < 0) {
        return SANJI_E_USAGE;
    }
    int err = json_gate(v->in.p, v->in.n, JSON_PROTOCOL, NULL);
    if (err == 0) {
        err = item_parse(v->in, &it, NULL);
    }
    if (err == 0) {
        err = kind_check_item(&it, aud.type, top != NULL, NULL);
    }
    if (err == 0) {
        uint8_t leaf[HASH_LEN];
        leaf_of(v->in, leaf);
        out_b64(v, "leaf", leaf, HASH_LEN);
    }
    return err;
}

typedef int check_fn(struct vcase *v, struct arena *a);
static const struct {
    const char *name;
    check_fn *fn;
} checks[] = {
    {"node_id", c_node_id},
    {"audience", c_audience},
    {"record_id", c_record_id},
    {"kind", c_kind_name},
    {"key_of_seed", c_key_of_seed},
    {"node_of_text", c_node_of_hash},
    {"json", c_json},
    {"bundle", c_bundle},
    {"act", c_act},
    {"sealed", c_sealed},
    {"session", c_session},
    {"hello", c_hello},
    {"have", c_have},
    {"invite", c_invite},
    {"enrol", c_enrol},
    {"manifest", c_manifest},
    {"receipt", c_receipt},
    {"item", c_item},
    {"enrol_file", c_enrol_file},
};

int vcase_run(struct vcase *v)
{
    int err = SANJI_E_USAGE;
    struct arena *a = arena_new((size_t)16 << 20);
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]) && a != NULL; i++) {
        if (strcmp(checks[i].name, v->check) == 0) {
            err = checks[i].fn(v, a);
        }
    }
    arena_free(a);
    return err;
}
