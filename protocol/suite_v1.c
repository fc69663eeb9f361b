/* SPDX-License-Identifier: Apache-2.0 */
/* Suite 1, and the only file of this layer that calls OpenSSL: everything else speaks of hashing,
 * signing and sealing, so that a second suite is a second file. Random bytes come from the caller.
 *
 * Failures clear OpenSSL's error queue: it belongs to the thread, and a forgotten entry would make
 * the next TLS call of the same thread look broken. */
#include "protocol/suite.h"

#include "protocol/base/err.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { HKDF_MAX = 255 * HASH_LEN };

/* Looking an algorithm up by name costs more than hashing a short item: done once per process. */
static struct {
    EVP_MD *sha256;
    EVP_CIPHER *chacha;
    EVP_MAC_CTX *hmac; /* digest already chosen; copied for every use */
} lib;
static pthread_once_t lib_once = PTHREAD_ONCE_INIT;

static void lib_load(void)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, sizeof(digest) - 1), OSSL_PARAM_END};
    lib.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    lib.chacha = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
    if (ctx != NULL && EVP_MAC_CTX_set_params(ctx, params) != 1) {
        EVP_MAC_CTX_free(ctx);
        ctx = NULL;
    }
    lib.hmac = ctx;
    EVP_MAC_free(mac);
}

static int lib_ready(void)
{
    (void)pthread_once(&lib_once, lib_load);
    return lib.sha256 != NULL && lib.chacha != NULL && lib.hmac != NULL ? 0 : SANJI_E_NOMEM;
}

static int fail(int err)
{
    ERR_clear_error();
    return err;
}

/* ---- hash ---------------------------------------------------------------------------------- */

int hash_init(struct hash_ctx *c)
{
    c->p = NULL;
    if (lib_ready() < 0) {
        return fail(SANJI_E_NOMEM);
    }
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL || EVP_DigestInit_ex2(ctx, lib.sha256, NULL) != 1) {
        EVP_MD_CTX_free(ctx);
        return fail(SANJI_E_NOMEM);
    }
    c->p = ctx;
    return 0;
}

int hash_update(struct hash_ctx *c, const void *p, size_t n)
{
    if (n == 0) {
        return 0;
    }
    return EVP_DigestUpdate(c->p, p, n) == 1 ? 0 : fail(SANJI_E_BUG);
}

int hash_final(struct hash_ctx *c, uint8_t out[static HASH_LEN])
{
    int ok = EVP_DigestFinal_ex(c->p, out, NULL);
    hash_abort(c);
    return ok == 1 ? 0 : fail(SANJI_E_BUG);
}

void hash_abort(struct hash_ctx *c)
{
    EVP_MD_CTX_free(c->p);
    c->p = NULL;
}

void hash_two(const void *a, size_t an, const void *b, size_t bn, uint8_t out[static HASH_LEN])
{
    struct hash_ctx c;
    /* A caller that went on with a hash it did not get would sign or accept the wrong thing.
     * Without the few bytes for a hash nothing else can go on either, and nothing was promised yet.
     */
    if (hash_init(&c) < 0 || hash_update(&c, a, an) < 0 || hash_update(&c, b, bn) < 0 ||
        hash_final(&c, out) < 0) {
        abort();
    }
}

void hash_bytes(const void *p, size_t n, uint8_t out[static HASH_LEN])
{
    hash_two(p, n, NULL, 0, out);
}

/* HMAC over several pieces as if they were one. */
static int hmac_parts(struct span key, const struct span *part, size_t parts,
                      uint8_t out[static HASH_LEN])
{
    static const uint8_t none[1];
    if (lib_ready() < 0) {
        return fail(SANJI_E_NOMEM);
    }
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(lib.hmac);
    if (ctx == NULL) {
        return fail(SANJI_E_NOMEM);
    }
    size_t len = 0;
    int ok = EVP_MAC_init(ctx, key.n > 0 ? key.p : none, key.n, NULL);
    for (size_t i = 0; i < parts && ok == 1; i++) {
        ok = part[i].n == 0 ? 1 : EVP_MAC_update(ctx, part[i].p, part[i].n);
    }
    ok = ok == 1 ? EVP_MAC_final(ctx, out, &len, HASH_LEN) : ok;
    EVP_MAC_CTX_free(ctx);
    return ok == 1 && len == HASH_LEN ? 0 : fail(SANJI_E_NOMEM);
}

void hmac_bytes(const void *key, size_t kn, const void *p, size_t n, uint8_t out[static HASH_LEN])
{
    struct span part = span_of(p, n);
    if (hmac_parts(span_of(key, kn), &part, 1, out) < 0) {
        abort(); /* as in hash_two */
    }
}

/* ---- HKDF ---------------------------------------------------------------------------------- */

/* T(i) = HMAC(prk, T(i-1) | info | i), RFC 5869 section 2.3; info in several pieces. */
static int hkdf_expand(const uint8_t prk[static HASH_LEN], const struct span *info, size_t parts,
                       uint8_t *out, size_t out_n)
{
    struct span all[8];
    uint8_t t[HASH_LEN];
    uint8_t count = 0;
    int r = 0;
    if (out_n > HKDF_MAX) {
        return SANJI_E_SIZE;
    }
    if (parts + 2 > sizeof(all) / sizeof(all[0])) {
        return SANJI_E_BUG;
    }
    for (size_t done = 0; done < out_n && r == 0;) {
        all[0] = span_of(t, count == 0 ? 0 : sizeof(t));
        memcpy(all + 1, info, parts * sizeof(*info));
        count++;
        all[parts + 1] = span_of(&count, 1);
        r = hmac_parts(span_of(prk, HASH_LEN), all, parts + 2, t);
        size_t n = out_n - done < sizeof(t) ? out_n - done : sizeof(t);
        memcpy(out + done, t, r == 0 ? n : 0);
        done += n;
    }
    mem_wipe(t, sizeof(t));
    return r;
}

int hkdf(const void *salt, size_t salt_n, const void *ikm, size_t ikm_n, const void *info,
         size_t info_n, uint8_t *out, size_t out_n)
{
    uint8_t prk[HASH_LEN];
    struct span in = span_of(ikm, ikm_n);
    struct span ctx = span_of(info, info_n);
    int r = out_n > HKDF_MAX ? SANJI_E_SIZE : hmac_parts(span_of(salt, salt_n), &in, 1, prk);
    if (r == 0) {
        r = hkdf_expand(prk, &ctx, 1, out, out_n);
    }
    mem_wipe(prk, sizeof(prk));
    return r;
}

/* ---- signatures ---------------------------------------------------------------------------- */

struct sign_key {
    EVP_PKEY *key;
    uint8_t pub[SIGN_PUB_LEN];
};

struct sign_pub {
    EVP_PKEY *key;
};

struct sign_key *sign_key_new(const uint8_t seed[static SIGN_SEED_LEN])
{
    size_t n = SIGN_PUB_LEN;
    struct sign_key *k = calloc(1, sizeof(*k));
    if (k == NULL) {
        return NULL;
    }
    k->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SIGN_SEED_LEN);
    if (k->key == NULL || EVP_PKEY_get_raw_public_key(k->key, k->pub, &n) != 1) {
        sign_key_free(k);
        (void)fail(0);
        return NULL;
    }
    return k;
}

void sign_key_free(struct sign_key *k)
{
    if (k != NULL) {
        EVP_PKEY_free(k->key); /* OpenSSL wipes private keys when it frees them */
        free(k);
    }
}

const uint8_t *sign_key_pub(const struct sign_key *k)
{
    return k->pub;
}

int sign_raw(const struct sign_key *k, const void *p, size_t n, uint8_t sig[static SIG_LEN])
{
    static const uint8_t none[1];
    size_t len = SIG_LEN;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, k->key) == 1 &&
              EVP_DigestSign(ctx, sig, &len, n > 0 ? p : none, n) == 1 && len == SIG_LEN;
    EVP_MD_CTX_free(ctx);
    return ok ? 0 : fail(SANJI_E_NOMEM);
}

/* The y coordinates of the eight points of small order, little endian; each exists with either sign
 * bit. With such a key one constant signature verifies any message, so its holder could deny all.
 */
/* clang-format off */
static const uint8_t small_order_y[][SIGN_PUB_LEN] = {
    {0},
    {1},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
     0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
     0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
};
/* clang-format on */

/* y >= p = 2^255 - 19: a second spelling of a smaller y. */
static bool not_canonical(const uint8_t y[static SIGN_PUB_LEN])
{
    for (size_t i = 1; i < SIGN_PUB_LEN - 1; i++) {
        if (y[i] != 0xff) {
            return false;
        }
    }
    return y[SIGN_PUB_LEN - 1] == 0x7f && y[0] >= 0xed;
}

int sign_pub_check(const uint8_t pub[static SIGN_PUB_LEN])
{
    uint8_t y[SIGN_PUB_LEN];
    memcpy(y, pub, sizeof(y));
    y[SIGN_PUB_LEN - 1] &= 0x7f;
    if (not_canonical(y)) {
        return SANJI_E_WEAK_KEY;
    }
    for (size_t i = 0; i < sizeof(small_order_y) / sizeof(small_order_y[0]); i++) {
        if (memcmp(y, small_order_y[i], sizeof(y)) == 0) {
            return SANJI_E_WEAK_KEY;
        }
    }
    return 0;
}

int sign_pub_new(const uint8_t pub[static SIGN_PUB_LEN], struct sign_pub **ret)
{
    int r = sign_pub_check(pub);
    if (r < 0) {
        return r;
    }
    struct sign_pub *k = calloc(1, sizeof(*k));
    if (k == NULL) {
        return SANJI_E_NOMEM;
    }
    k->key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, pub, SIGN_PUB_LEN);
    if (k->key == NULL) {
        free(k);
        return fail(SANJI_E_NOMEM);
    }
    *ret = k;
    return 0;
}

void sign_pub_free(struct sign_pub *k)
{
    if (k != NULL) {
        EVP_PKEY_free(k->key);
        free(k);
    }
}

int verify_raw(const struct sign_pub *k, const void *p, size_t n, const uint8_t sig[static SIG_LEN])
{
    static const uint8_t none[1];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL || EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, k->key) != 1) {
        EVP_MD_CTX_free(ctx);
        return fail(SANJI_E_NOMEM);
    }
    int ok = EVP_DigestVerify(ctx, sig, SIG_LEN, n > 0 ? p : none, n);
    EVP_MD_CTX_free(ctx);
    return ok == 1 ? 0 : fail(SANJI_E_SIGNATURE);
}

/* ---- key agreement ------------------------------------------------------------------------- */

int seal_pub_of(const uint8_t seed[static SEAL_SEED_LEN], uint8_t pub[static SEAL_PUB_LEN])
{
    size_t n = SEAL_PUB_LEN;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, seed, SEAL_SEED_LEN);
    bool ok = key != NULL && EVP_PKEY_get_raw_public_key(key, pub, &n) == 1;
    EVP_PKEY_free(key);
    return ok ? 0 : fail(SANJI_E_NOMEM);
}

int x25519_raw(const uint8_t seed[static SEAL_SEED_LEN], const uint8_t pub[static SEAL_PUB_LEN],
               uint8_t out[static SEAL_PUB_LEN])
{
    size_t n = SEAL_PUB_LEN;
    int r = SANJI_E_NOMEM;
    EVP_PKEY_CTX *ctx = NULL;
    EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, seed, SEAL_SEED_LEN);
    EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, pub, SEAL_PUB_LEN);
    if (own == NULL || peer == NULL || (ctx = EVP_PKEY_CTX_new(own, NULL)) == NULL ||
        EVP_PKEY_derive_init(ctx) != 1) {
        goto out;
    }
    /* OpenSSL refuses an all-zero result: the peer's point was of small order. */
    r = EVP_PKEY_derive_set_peer(ctx, peer) == 1 && EVP_PKEY_derive(ctx, out, &n) == 1
            ? 0
            : SANJI_E_OPEN;
out:
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(own);
    return r == 0 ? 0 : fail(r);
}

/* ---- ChaCha20-Poly1305 --------------------------------------------------------------------- */

int aead_seal(const uint8_t key[static AEAD_KEY_LEN], const uint8_t nonce[static AEAD_NONCE_LEN],
              struct span aad, struct span pt, uint8_t *ct)
{
    int n = 0;
    if (pt.n > INT_MAX - AEAD_TAG_LEN || aad.n > INT_MAX) {
        return SANJI_E_SIZE;
    }
    if (lib_ready() < 0) {
        return fail(SANJI_E_NOMEM);
    }
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok = ctx != NULL && EVP_EncryptInit_ex2(ctx, lib.chacha, key, nonce, NULL) == 1 &&
              (aad.n == 0 || EVP_EncryptUpdate(ctx, NULL, &n, aad.p, (int)aad.n) == 1) &&
              (pt.n == 0 || EVP_EncryptUpdate(ctx, ct, &n, pt.p, (int)pt.n) == 1) &&
              EVP_EncryptFinal_ex(ctx, ct + pt.n, &n) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_LEN, ct + pt.n) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return ok ? 0 : fail(SANJI_E_NOMEM);
}

int aead_open(const uint8_t key[static AEAD_KEY_LEN], const uint8_t nonce[static AEAD_NONCE_LEN],
              struct span aad, struct span ct, uint8_t *pt)
{
    int n = 0;
    uint8_t tag[AEAD_TAG_LEN];
    uint8_t end[AEAD_TAG_LEN]; /* final writes nothing for a stream cipher, but wants a place */
    if (ct.n < AEAD_TAG_LEN) {
        return SANJI_E_OPEN;
    }
    if (ct.n > INT_MAX || aad.n > INT_MAX) {
        return SANJI_E_SIZE;
    }
    if (lib_ready() < 0) {
        return fail(SANJI_E_NOMEM);
    }
    size_t pt_n = ct.n - AEAD_TAG_LEN;
    memcpy(tag, ct.p + pt_n, sizeof(tag));
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL || EVP_DecryptInit_ex2(ctx, lib.chacha, key, nonce, NULL) != 1) {
        EVP_CIPHER_CTX_free(ctx);
        return fail(SANJI_E_NOMEM);
    }
    bool ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_LEN, tag) == 1 &&
              (aad.n == 0 || EVP_DecryptUpdate(ctx, NULL, &n, aad.p, (int)aad.n) == 1) &&
              (pt_n == 0 || EVP_DecryptUpdate(ctx, pt, &n, ct.p, (int)pt_n) == 1) &&
              EVP_DecryptFinal_ex(ctx, end, &n) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!ok && pt_n > 0) {
        mem_wipe(pt, pt_n); /* nobody may use text that was not authenticated */
    }
    return ok ? 0 : fail(SANJI_E_OPEN);
}

/* ---- HPKE, RFC 9180, base mode ------------------------------------------------------------- */

/* KEM 0x0020 X25519 with HKDF-SHA256; KDF 0x0001 HKDF-SHA256; AEAD 0x0003 ChaCha20-Poly1305. */
static const uint8_t kem_id[] = {'K', 'E', 'M', 0x00, 0x20};
static const uint8_t hpke_id[] = {'H', 'P', 'K', 'E', 0x00, 0x20, 0x00, 0x01, 0x00, 0x03};

struct hpke_ctx {
    uint8_t key[AEAD_KEY_LEN];
    uint8_t nonce[AEAD_NONCE_LEN];
};

static int labeled_extract(struct span suite, struct span salt, const char *label, struct span ikm,
                           uint8_t out[static HASH_LEN])
{
    struct span part[4] = {span_of("HPKE-v1", 7), suite, span_of(label, strlen(label)), ikm};
    return hmac_parts(salt, part, 4, out);
}

static int labeled_expand(struct span suite, const uint8_t prk[static HASH_LEN], const char *label,
                          struct span info, uint8_t *out, size_t out_n)
{
    uint8_t len[2] = {(uint8_t)(out_n >> 8), (uint8_t)out_n};
    struct span part[5] = {span_of(len, sizeof(len)), span_of("HPKE-v1", 7), suite,
                           span_of(label, strlen(label)), info};
    return hkdf_expand(prk, part, 5, out, out_n);
}

/* Section 4.1, both directions: secret is ours, other is the peer's key of this exchange. */
static int hpke_shared(const uint8_t secret[static SEAL_SEED_LEN],
                       const uint8_t other[static SEAL_PUB_LEN],
                       const uint8_t enc[static SEAL_ENC_LEN],
                       const uint8_t receiver[static SEAL_PUB_LEN], uint8_t out[static HASH_LEN])
{
    struct span suite = span_of(kem_id, sizeof(kem_id));
    uint8_t dh[SEAL_PUB_LEN];
    uint8_t prk[HASH_LEN];
    uint8_t context[SEAL_ENC_LEN + SEAL_PUB_LEN];
    memcpy(context, enc, SEAL_ENC_LEN);
    memcpy(context + SEAL_ENC_LEN, receiver, SEAL_PUB_LEN);
    int r = x25519_raw(secret, other, dh);
    if (r == 0) {
        r = labeled_extract(suite, span_of(NULL, 0), "eae_prk", span_of(dh, sizeof(dh)), prk);
    }
    if (r == 0) {
        r = labeled_expand(suite, prk, "shared_secret", span_of(context, sizeof(context)), out,
                           HASH_LEN);
    }
    mem_wipe(dh, sizeof(dh));
    mem_wipe(prk, sizeof(prk));
    return r;
}

/* Section 5.1 with mode_base: no pre-shared key. */
static int hpke_schedule(const uint8_t shared[static HASH_LEN], struct span info,
                         struct hpke_ctx *ret)
{
    struct span suite = span_of(hpke_id, sizeof(hpke_id));
    struct span none = span_of(NULL, 0);
    uint8_t secret[HASH_LEN];
    uint8_t context[1 + 2 * HASH_LEN] = {0};
    struct span ctx = span_of(context, sizeof(context));
    int r = labeled_extract(suite, none, "psk_id_hash", none, context + 1);
    if (r == 0) {
        r = labeled_extract(suite, none, "info_hash", info, context + 1 + HASH_LEN);
    }
    if (r == 0) {
        r = labeled_extract(suite, span_of(shared, HASH_LEN), "secret", none, secret);
    }
    if (r == 0) {
        r = labeled_expand(suite, secret, "key", ctx, ret->key, sizeof(ret->key));
    }
    if (r == 0) {
        r = labeled_expand(suite, secret, "base_nonce", ctx, ret->nonce, sizeof(ret->nonce));
    }
    mem_wipe(secret, sizeof(secret));
    return r;
}

int hpke_seal_seq(const uint8_t pub[static SEAL_PUB_LEN], const uint8_t eph[static SEAL_SEED_LEN],
                  struct span info, struct span aad, struct span pt, uint64_t seq,
                  uint8_t enc[static SEAL_ENC_LEN], uint8_t *ct)
{
    struct hpke_ctx c;
    uint8_t shared[HASH_LEN];
    int r = seal_pub_of(eph, enc);
    if (r == 0) {
        r = hpke_shared(eph, pub, enc, pub, shared);
    }
    if (r == 0) {
        r = hpke_schedule(shared, info, &c);
    }
    if (r == 0) {
        for (size_t i = 0; i < sizeof(seq); i++) {
            c.nonce[AEAD_NONCE_LEN - 1 - i] ^= (uint8_t)(seq >> (8 * i));
        }
        r = aead_seal(c.key, c.nonce, aad, pt, ct);
    }
    mem_wipe(shared, sizeof(shared));
    mem_wipe(&c, sizeof(c));
    return r;
}

int hpke_seal(const uint8_t pub[static SEAL_PUB_LEN], const uint8_t eph[static SEAL_SEED_LEN],
              struct span info, struct span aad, struct span pt, uint8_t enc[static SEAL_ENC_LEN],
              uint8_t *ct)
{
    return hpke_seal_seq(pub, eph, info, aad, pt, 0, enc, ct);
}

int hpke_open(const uint8_t seed[static SEAL_SEED_LEN], const uint8_t enc[static SEAL_ENC_LEN],
              struct span info, struct span aad, struct span ct, uint8_t *pt)
{
    struct hpke_ctx c;
    uint8_t shared[HASH_LEN];
    uint8_t own[SEAL_PUB_LEN];
    int r = seal_pub_of(seed, own);
    if (r == 0) {
        r = hpke_shared(seed, enc, enc, own, shared);
    }
    if (r == 0) {
        r = hpke_schedule(shared, info, &c);
    }
    if (r == 0) {
        r = aead_open(c.key, c.nonce, aad, ct, pt);
    }
    mem_wipe(shared, sizeof(shared));
    mem_wipe(&c, sizeof(c));
    return r;
}

/* ---- memory -------------------------------------------------------------------------------- */

bool mem_equal_ct(const void *a, const void *b, size_t n)
{
    return n == 0 || CRYPTO_memcmp(a, b, n) == 0;
}

void mem_wipe(void *p, size_t n)
{
    OPENSSL_cleanse(p, n);
}
