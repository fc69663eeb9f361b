/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_SUITE_H
#define SANJI_PROTOCOL_SUITE_H

#include "protocol/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The cryptographic suite behind one small interface; suite_v1.c is the only file of protocol/ that
 * calls OpenSSL. v:1 = Ed25519 (RFC 8032), SHA-256, HPKE base mode DHKEM(X25519, HKDF-SHA256),
 * HKDF-SHA256, ChaCha20-Poly1305 (RFC 9180). Random bytes always come from the caller: these
 * functions never draw any, so that a simulation is repeatable. A second suite is another table. */
enum {
    HASH_LEN = 32,
    SIGN_PUB_LEN = 32,
    SIGN_SEED_LEN = 32,
    SIG_LEN = 64,
    SEAL_PUB_LEN = 32,
    SEAL_SEED_LEN = 32,
    SEAL_ENC_LEN = 32,
    AEAD_KEY_LEN = 32,
    AEAD_NONCE_LEN = 12,
    AEAD_TAG_LEN = 16,
};

/* Incremental hash. The context is owned by the caller; hash_init allocates, hash_final frees. */
struct hash_ctx {
    void *p;
};
int hash_init(struct hash_ctx *c);
int hash_update(struct hash_ctx *c, const void *p, size_t n);
int hash_final(struct hash_ctx *c, uint8_t out[static HASH_LEN]); /* out may not be NULL */
void hash_abort(struct hash_ctx *c);
void hash_bytes(const void *p, size_t n, uint8_t out[static HASH_LEN]);
/* SHA-256 of prefix byte/bytes followed by p: leaf and root constructions without a copy. */
void hash_two(const void *a, size_t an, const void *b, size_t bn, uint8_t out[static HASH_LEN]);
void hmac_bytes(const void *key, size_t kn, const void *p, size_t n, uint8_t out[static HASH_LEN]);
/* HKDF-SHA256 (RFC 5869) extract and expand in one. */
int hkdf(const void *salt, size_t salt_n, const void *ikm, size_t ikm_n, const void *info,
         size_t info_n, uint8_t *out, size_t out_n);

/* Signing keys. The secret is a 32-byte seed; `struct sign_key` caches the library object. */
struct sign_key;
struct sign_key *sign_key_new(const uint8_t seed[static SIGN_SEED_LEN]); /* NULL: no memory */
void sign_key_free(struct sign_key *k);                                  /* wipes; NULL is fine */
const uint8_t *sign_key_pub(const struct sign_key *k); /* 32 bytes, k's lifetime */
int sign_raw(const struct sign_key *k, const void *p, size_t n, uint8_t sig[static SIG_LEN]);

/* Verification keys, cached the same way. sign_pub_new refuses weak keys: SANJI_E_WEAK_KEY for a
 * small-order or non-canonical encoding (PROTOCOL.md "Weak keys"). */
struct sign_pub;
int sign_pub_new(const uint8_t pub[static SIGN_PUB_LEN], struct sign_pub **ret);
void sign_pub_free(struct sign_pub *k);
/* 0 or SANJI_E_SIGNATURE. */
int verify_raw(const struct sign_pub *k, const void *p, size_t n,
               const uint8_t sig[static SIG_LEN]);
/* 0 or SANJI_E_WEAK_KEY. */
int sign_pub_check(const uint8_t pub[static SIGN_PUB_LEN]);

/* X25519 public key of a 32-byte secret. */
int seal_pub_of(const uint8_t seed[static SEAL_SEED_LEN], uint8_t pub[static SEAL_PUB_LEN]);
/* The key agreement alone, for test vectors; SANJI_E_OPEN when the result would be all zero. */
int x25519_raw(const uint8_t seed[static SEAL_SEED_LEN], const uint8_t pub[static SEAL_PUB_LEN],
               uint8_t out[static SEAL_PUB_LEN]);
/* HPKE base mode, single shot. `eph` is the ephemeral secret key skE (from the caller's random).
 * ct is pt_n + 16 bytes. Errors: SANJI_E_OPEN when it does not open or a key is refused. */
int hpke_seal(const uint8_t pub[static SEAL_PUB_LEN], const uint8_t eph[static SEAL_SEED_LEN],
              struct span info, struct span aad, struct span pt, uint8_t enc[static SEAL_ENC_LEN],
              uint8_t *ct);
int hpke_open(const uint8_t seed[static SEAL_SEED_LEN], const uint8_t enc[static SEAL_ENC_LEN],
              struct span info, struct span aad, struct span ct, uint8_t *pt);
/* For the RFC's vectors with several sequence numbers. */
int hpke_seal_seq(const uint8_t pub[static SEAL_PUB_LEN], const uint8_t eph[static SEAL_SEED_LEN],
                  struct span info, struct span aad, struct span pt, uint64_t seq,
                  uint8_t enc[static SEAL_ENC_LEN], uint8_t *ct);

/* ChaCha20-Poly1305; ct is pt_n + 16. open: 0 or SANJI_E_OPEN. */
int aead_seal(const uint8_t key[static AEAD_KEY_LEN], const uint8_t nonce[static AEAD_NONCE_LEN],
              struct span aad, struct span pt, uint8_t *ct);
int aead_open(const uint8_t key[static AEAD_KEY_LEN], const uint8_t nonce[static AEAD_NONCE_LEN],
              struct span aad, struct span ct, uint8_t *pt);

bool mem_equal_ct(const void *a, const void *b, size_t n); /* constant time */
void mem_wipe(void *p, size_t n);

#endif
