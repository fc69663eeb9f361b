/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed items (P14): one content key per thread, wrapped to each recipient and to the writer; each
 * item has its own key and nonce, derived with a fresh salt. The associated data names federation,
 * writer, thread, step and everybody who can read, so that a wrap or a text pasted elsewhere does
 * not open. Epoch and sequence are left out on purpose: a restated item keeps its bytes. */
#include "protocol/seal.h"

#include "protocol/base/enc.h"
#include "protocol/jcur.h"
#include "protocol/json_gate.h"
#include "protocol/jwrite.h"

#include <stdlib.h>
#include <string.h>

enum {
    CEK_LEN = 32,
    WRAP_LEN = CEK_LEN + AEAD_TAG_LEN,
    LENGTH_BYTES = 4,
    SALT_LEN = 32,
    TO_MAX = LIM_RECIPIENTS + 1,
    SEAL_SUITE = 1,
    AAD_MAX = 4096,
};
/* The largest leaves room in an item for base64url and 17 wraps (LIM_ITEM_BYTES). */
static const size_t paddings[] = {1024, 4096, 16384, 45056};
enum { N_PADDINGS = sizeof(paddings) / sizeof(paddings[0]) };

struct wrap {
    uint8_t enc[SEAL_ENC_LEN];
    uint8_t w[WRAP_LEN];
};

struct body { /* d as parsed; the context holds the recipients */
    struct wrap wrap[TO_MAX];
    uint8_t salt[SALT_LEN];
    struct span ct; /* base64url, still text */
};

/* 0 when n bytes do not fit the largest size. */
static size_t padded_size(size_t n)
{
    for (size_t i = 0; i < N_PADDINGS; i++) {
        if (n <= paddings[i] - LENGTH_BYTES) {
            return paddings[i];
        }
    }
    return 0;
}

static bool is_padded_size(size_t n)
{
    for (size_t i = 0; i < N_PADDINGS; i++) {
        if (n == paddings[i]) {
            return true;
        }
    }
    return false;
}

static int put_aad(const struct seal_ctx *c, struct buf *aad)
{
    (void)buf_puts(aad, "SJ1-seal\n");
    (void)buf_put_lp(aad, c->g, HASH_LEN);
    (void)buf_put_lps(aad, c->by.s);
    (void)buf_put_lps(aad, c->id);
    (void)buf_put_u64be(aad, (uint64_t)c->step);
    for (size_t i = 0; i < c->n_to; i++) {
        (void)buf_put_lps(aad, c->to[i].n.s);
        (void)buf_put_lp(aad, c->to[i].pub, SEAL_PUB_LEN);
    }
    return aad->err;
}

static struct span buf_span(const struct buf *b)
{
    return span_of(b->data, b->len);
}

static struct span wrap_info(void)
{
    static const char info[] = "SJ1-wrap\n";
    return span_of(info, sizeof(info) - 1);
}

static int item_key(const uint8_t cek[static CEK_LEN], const uint8_t salt[static SALT_LEN],
                    uint8_t out[static AEAD_KEY_LEN + AEAD_NONCE_LEN])
{
    static const char info[] = "SJ1-item";
    return hkdf(salt, SALT_LEN, cek, CEK_LEN, info, sizeof(info) - 1, out,
                AEAD_KEY_LEN + AEAD_NONCE_LEN);
}

static bool ctx_ok(const struct seal_ctx *c)
{
    bool has_writer = false;
    if (c->n_to < 1 || c->n_to > TO_MAX || c->step < 1 ||
        !record_id_valid(c->id, strnlen(c->id, sizeof(c->id)))) {
        return false;
    }
    for (size_t i = 0; i < c->n_to; i++) {
        has_writer = has_writer || node_id_cmp(&c->to[i].n, &c->by) == 0;
        if (i > 0 && node_id_cmp(&c->to[i - 1].n, &c->to[i].n) >= 0) {
            return false;
        }
    }
    return has_writer;
}

/* ---- writing ---- */

/* Ciphertext of the padded plain text, in memory the caller wipes nothing of: it is public. */
static int encrypt(const struct seal_ctx *c, const uint8_t cek[static CEK_LEN],
                   const uint8_t salt[static SALT_LEN], struct span plain, uint8_t *ct, size_t size)
{
    uint8_t kn[AEAD_KEY_LEN + AEAD_NONCE_LEN];
    struct buf aad;
    buf_init(&aad, AAD_MAX);
    uint8_t *padded = calloc(1, size);
    int err = padded == NULL ? SANJI_E_NOMEM : put_aad(c, &aad);
    if (err == 0) {
        err = item_key(cek, salt, kn);
    }
    if (err == 0) {
        for (size_t i = 0; i < LENGTH_BYTES; i++) {
            padded[i] = (uint8_t)(plain.n >> (24 - 8 * i));
        }
        if (plain.n > 0) {
            memcpy(padded + LENGTH_BYTES, plain.p, plain.n);
        }
        err = aead_seal(kn, kn + AEAD_KEY_LEN, buf_span(&aad), span_of(padded, size), ct);
        mem_wipe(padded, size);
    }
    mem_wipe(kn, sizeof(kn));
    free(padded);
    buf_done(&aad);
    return err;
}

static int put_wraps(const struct seal_ctx *c, const uint8_t cek[static CEK_LEN],
                     const uint8_t *rnd, struct jw *w)
{
    struct buf aad;
    buf_init(&aad, AAD_MAX);
    int err = put_aad(c, &aad);
    jw_arr(w, "to");
    for (size_t i = 0; i < c->n_to && err == 0; i++) {
        struct wrap x;
        err = hpke_seal(c->to[i].pub, rnd + i * SEAL_SEED_LEN, wrap_info(), buf_span(&aad),
                        span_of(cek, CEK_LEN), x.enc, x.w);
        jw_obj(w, NULL);
        jw_str(w, "n", c->to[i].n.s);
        jw_b64(w, "key", c->to[i].pub, SEAL_PUB_LEN);
        jw_b64(w, "enc", x.enc, SEAL_ENC_LEN);
        jw_b64(w, "w", x.w, WRAP_LEN);
        jw_end_obj(w);
    }
    jw_end_arr(w);
    buf_done(&aad);
    return err;
}

int seal_write(const struct seal_ctx *c, const uint8_t cek[static CEK_LEN], struct span plain,
               const uint8_t *rnd, struct buf *out)
{
    size_t size = padded_size(plain.n);
    struct jw w;
    struct buf d;
    if (!ctx_ok(c)) {
        return SANJI_E_SPEC;
    }
    if (size == 0) {
        return SANJI_E_SIZE;
    }
    const uint8_t *salt = rnd + c->n_to * SEAL_SEED_LEN;
    uint8_t *ct = malloc(size + AEAD_TAG_LEN);
    if (ct == NULL) {
        return SANJI_E_NOMEM;
    }
    buf_init(&d, LIM_ITEM_BYTES * 2);
    jw_init(&w, &d);
    jw_obj(&w, NULL);
    jw_int(&w, "st", SEAL_SUITE);
    int err = put_wraps(c, cek, rnd, &w);
    if (err == 0) {
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): ours, not unistd.h's */
        err = encrypt(c, cek, salt, plain, ct, size);
    }
    if (err == 0) {
        jw_b64(&w, "salt", salt, SALT_LEN);
        jw_b64(&w, "ct", ct, size + AEAD_TAG_LEN);
        jw_end_obj(&w);
        err = jw_done(&w);
    }
    if (err == 0) {
        err = buf_put(out, d.data, d.len);
    }
    free(ct);
    buf_done(&d);
    return err;
}

/* ---- reading ---- */

static int bad(struct fault *f, const char *member, const char *want)
{
    return fault_set(f, SANJI_E_SPEC, member, want);
}

static bool get_b64(struct span v, void *out, size_t n)
{
    struct span s;
    return jcur_plain(v, &s) && b64u_get((const char *)s.p, s.n, out, n) == 0;
}

static int read_to(struct span v, struct seal_to *to, struct wrap *x, struct fault *f)
{
    struct jcur c;
    struct span name, val, s;
    unsigned seen = 0;
    if (!jcur_object(&c, v)) {
        return bad(f, "to", "array of recipients");
    }
    while (jcur_member(&c, &name, &val)) {
        if (span_eqs(name, "n") && jcur_plain(val, &s) &&
            node_id_parse((const char *)s.p, s.n, &to->n) == 0) {
            seen |= 1;
        } else if (span_eqs(name, "key") && get_b64(val, to->pub, SEAL_PUB_LEN)) {
            seen |= 2;
        } else if (span_eqs(name, "enc") && get_b64(val, x->enc, SEAL_ENC_LEN)) {
            seen |= 4;
        } else if (span_eqs(name, "w") && get_b64(val, x->w, WRAP_LEN)) {
            seen |= 8;
        } else {
            return bad(f, "to", "n, key, enc, w");
        }
    }
    return seen == 15 ? 0 : bad(f, "to", "n, key, enc, w");
}

static int read_all_to(struct span v, struct seal_ctx *c, struct body *b, struct fault *f)
{
    struct jcur cur;
    struct span e;
    c->n_to = 0;
    if (!jcur_array(&cur, v)) {
        return bad(f, "to", "array of recipients");
    }
    while (jcur_element(&cur, &e)) {
        size_t i = c->n_to;
        if (i == TO_MAX) {
            return bad(f, "to", "at most 16 recipients and the writer");
        }
        c->to[i] = (struct seal_to){0};
        int err = read_to(e, &c->to[i], &b->wrap[i], f);
        if (err < 0) {
            return err;
        }
        if (i > 0 && node_id_cmp(&c->to[i - 1].n, &c->to[i].n) >= 0) {
            return bad(f, "to", "sorted by node id, each once");
        }
        c->n_to++;
    }
    return c->n_to >= 1 ? 0 : bad(f, "to", "the writer and up to 16 recipients");
}

static bool ct_ok(struct span text)
{
    for (size_t i = 0; i < N_PADDINGS; i++) {
        if (text.n == B64U_LEN(paddings[i] + AEAD_TAG_LEN)) {
            return true;
        }
    }
    return false;
}

/* One member of d: its bit, or the error. */
static int read_member(struct span name, struct span v, struct seal_ctx *c, struct body *b,
                       struct fault *f)
{
    int64_t st = 0;
    if (span_eqs(name, "st")) {
        if (!jcur_int(v, &st)) {
            return bad(f, "st", "1");
        }
        return st == SEAL_SUITE ? 1 : fault_set(f, SANJI_E_VERSION, "st", "1");
    }
    if (span_eqs(name, "to")) {
        int err = read_all_to(v, c, b, f);
        return err < 0 ? err : 2;
    }
    if (span_eqs(name, "salt")) {
        return get_b64(v, b->salt, SALT_LEN) ? 4 : bad(f, "salt", "32 bytes in base64url");
    }
    if (span_eqs(name, "ct")) {
        return jcur_plain(v, &b->ct) && ct_ok(b->ct) ? 8 : bad(f, "ct", "a padded size");
    }
    return bad(f, "d", "st, to, salt, ct alone");
}

static int read_body(struct span d, struct seal_ctx *c, struct body *b, struct fault *f)
{
    struct jcur cur;
    struct span name, v;
    int seen = 0;
    int err = json_gate(d.p, d.n, JSON_PROTOCOL, f);
    if (err < 0) {
        return err;
    }
    (void)jcur_object(&cur, d);
    while (jcur_member(&cur, &name, &v)) {
        int bit = read_member(name, v, c, b, f);
        if (bit < 0) {
            return bit;
        }
        seen |= bit;
    }
    return seen == 15 ? 0 : bad(f, "d", "st, to, salt, ct");
}

int seal_peek(struct span d, struct seal_ctx *c, struct arena *a, struct fault *f)
{
    struct body *b = arena_alloc(a, sizeof(*b));
    return b == NULL ? SANJI_E_NOMEM : read_body(d, c, b, f);
}

static int unwrap(const struct seal_ctx *c, const struct body *b, const struct node_id *me,
                  const uint8_t (*seeds)[SEAL_SEED_LEN], size_t n_seeds, struct span aad,
                  uint8_t cek[static CEK_LEN])
{
    for (size_t i = 0; i < c->n_to; i++) {
        if (node_id_cmp(&c->to[i].n, me) != 0) {
            continue;
        }
        for (size_t j = 0; j < n_seeds; j++) {
            uint8_t pub[SEAL_PUB_LEN];
            if (seal_pub_of(seeds[j], pub) == 0 && memcmp(pub, c->to[i].pub, sizeof(pub)) == 0) {
                return hpke_open(seeds[j], b->wrap[i].enc, wrap_info(), aad,
                                 span_of(b->wrap[i].w, WRAP_LEN), cek);
            }
        }
    }
    return SANJI_E_OPEN;
}

/* Length and zeros are inside what was authenticated; a writer of ours makes them right. */
static int unpad(const uint8_t *p, size_t size, struct buf *out)
{
    size_t n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
    uint8_t rest = 0;
    if (n > size - LENGTH_BYTES || padded_size(n) != size) {
        return SANJI_E_OPEN;
    }
    for (size_t i = LENGTH_BYTES + n; i < size; i++) {
        rest |= p[i];
    }
    return rest != 0 ? SANJI_E_OPEN : buf_put(out, p + LENGTH_BYTES, n);
}

static int decrypt(const struct body *b, struct span aad, const uint8_t cek[static CEK_LEN],
                   struct arena *a, struct buf *out)
{
    uint8_t kn[AEAD_KEY_LEN + AEAD_NONCE_LEN];
    size_t max = paddings[N_PADDINGS - 1] + AEAD_TAG_LEN, n = 0;
    uint8_t *ct = arena_alloc(a, max), *pt = arena_alloc(a, max);
    if (ct == NULL || pt == NULL) {
        return SANJI_E_NOMEM;
    }
    if (b64u_get_any((const char *)b->ct.p, b->ct.n, ct, max, &n) < 0 || n < AEAD_TAG_LEN ||
        !is_padded_size(n - AEAD_TAG_LEN)) {
        return SANJI_E_SPEC;
    }
    int err = item_key(cek, b->salt, kn);
    if (err == 0) {
        err = aead_open(kn, kn + AEAD_KEY_LEN, aad, span_of(ct, n), pt);
    }
    if (err == 0) {
        err = unpad(pt, n - AEAD_TAG_LEN, out);
    }
    mem_wipe(kn, sizeof(kn));
    mem_wipe(pt, max);
    return err;
}

int seal_read(struct span d, struct seal_ctx *c, const struct node_id *me,
              const uint8_t (*seeds)[SEAL_SEED_LEN], size_t n_seeds, struct arena *a,
              uint8_t ret_cek[static CEK_LEN], struct buf *ret_plain, struct fault *f)
{
    uint8_t cek[CEK_LEN];
    struct buf aad;
    struct body *b = arena_alloc(a, sizeof(*b));
    int err = b == NULL ? SANJI_E_NOMEM : read_body(d, c, b, f);
    if (err < 0) {
        return err;
    }
    if (!ctx_ok(c)) {
        return bad(f, "to", "the writer among the recipients");
    }
    buf_init(&aad, AAD_MAX);
    err = put_aad(c, &aad);
    if (err == 0) {
        err = unwrap(c, b, me, seeds, n_seeds, buf_span(&aad), cek);
    }
    if (err == 0) {
        err = decrypt(b, buf_span(&aad), cek, a, ret_plain);
    }
    if (err == 0) {
        memcpy(ret_cek, cek, CEK_LEN);
    }
    mem_wipe(cek, sizeof(cek));
    buf_done(&aad);
    return err == 0 ? 0 : fault_set(f, err, "d", "content sealed to this node");
}

int seal_read_with(struct span d, struct seal_ctx *c, const uint8_t cek[static CEK_LEN],
                   struct arena *a, struct buf *ret_plain)
{
    struct buf aad;
    struct body *b = arena_alloc(a, sizeof(*b));
    int err = b == NULL ? SANJI_E_NOMEM : read_body(d, c, b, NULL);
    if (err == 0 && !ctx_ok(c)) {
        err = SANJI_E_SPEC;
    }
    buf_init(&aad, AAD_MAX);
    err = err < 0 ? err : put_aad(c, &aad);
    err = err < 0 ? err : decrypt(b, buf_span(&aad), cek, a, ret_plain);
    buf_done(&aad);
    return err;
}
