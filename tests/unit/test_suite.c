/* SPDX-License-Identifier: Apache-2.0 */
/* Does the suite compute what the standards say, and does it refuse what OpenSSL alone would take?
 */
#include "protocol/base/enc.h"
#include "protocol/base/err.h"
#include "protocol/suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static size_t unhex(const char *s, uint8_t *out)
{
    size_t n = strlen(s) / 2;
    assert_int_equal(hex_get(s, strlen(s), out, n), 0);
    return n;
}

static void assert_hex(const void *p, size_t n, const char *want)
{
    char hex[512];
    assert_in_range(n, 0, 255);
    hex[hex_put(p, n, hex)] = 0;
    assert_string_equal(hex, want);
}

static void test_hash(void **st)
{
    (void)st;
    uint8_t h[HASH_LEN];
    uint8_t h2[HASH_LEN];
    hash_bytes("abc", 3, h);
    assert_hex(h, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hash_bytes(NULL, 0, h);
    assert_hex(h, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hash_two("a", 1, "bc", 2, h);
    hash_bytes("abc", 3, h2);
    assert_memory_equal(h, h2, 32);
    struct hash_ctx c;
    assert_int_equal(hash_init(&c), 0);
    assert_int_equal(hash_update(&c, "ab", 2), 0);
    assert_int_equal(hash_update(&c, NULL, 0), 0);
    assert_int_equal(hash_update(&c, "c", 1), 0);
    assert_int_equal(hash_final(&c, h), 0);
    assert_memory_equal(h, h2, 32);
    assert_null(c.p);
    assert_int_equal(hash_init(&c), 0);
    hash_abort(&c);
    hash_abort(&c);
}

static void test_hmac_hkdf(void **st)
{
    (void)st;
    uint8_t h[HASH_LEN];
    uint8_t okm[82];
    hmac_bytes("Jefe", 4, "what do ya want for nothing?", 28, h); /* RFC 4231, case 2 */
    assert_hex(h, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    hmac_bytes(NULL, 0, NULL, 0, h);
    assert_hex(h, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
    uint8_t ikm[22];
    uint8_t salt[13];
    uint8_t info[10];
    memset(ikm, 0x0b, sizeof(ikm));
    (void)unhex("000102030405060708090a0b0c", salt);
    (void)unhex("f0f1f2f3f4f5f6f7f8f9", info);
    assert_int_equal(hkdf(salt, 13, ikm, 22, info, 10, okm, 42), 0); /* RFC 5869 A.1 */
    assert_hex(
        okm, 42,
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    assert_int_equal(hkdf(NULL, 0, ikm, 22, NULL, 0, okm, 42), 0); /* A.3 */
    assert_hex(
        okm, 42,
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
    static uint8_t big[255 * 32 + 1];
    assert_int_equal(hkdf(NULL, 0, ikm, 22, NULL, 0, big, sizeof(big) - 1), 0);
    assert_int_equal(hkdf(NULL, 0, ikm, 22, NULL, 0, big, sizeof(big)), SANJI_E_SIZE);
}

/* RFC 8032 section 7.1: seed, public key, message, signature. */
static const char *const rfc8032[][4] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "4"
     "6bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d"
     "8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "6"
     "594a7c15e9716ed28dc027beceea1ec40a"},
};

static void test_sign(void **st)
{
    (void)st;
    for (size_t i = 0; i < sizeof(rfc8032) / sizeof(rfc8032[0]); i++) {
        uint8_t seed[32];
        uint8_t msg[8];
        uint8_t sig[SIG_LEN];
        struct sign_pub *pub = NULL;
        (void)unhex(rfc8032[i][0], seed);
        size_t n = unhex(rfc8032[i][2], msg);
        struct sign_key *k = sign_key_new(seed);
        assert_non_null(k);
        assert_hex(sign_key_pub(k), 32, rfc8032[i][1]);
        assert_int_equal(sign_raw(k, msg, n, sig), 0);
        assert_hex(sig, 64, rfc8032[i][3]);
        assert_int_equal(sign_pub_new(sign_key_pub(k), &pub), 0);
        assert_int_equal(verify_raw(pub, msg, n, sig), 0);
        for (size_t bit = 0; bit < 512; bit++) {
            sig[bit / 8] ^= (uint8_t)(1U << bit % 8);
            assert_int_equal(verify_raw(pub, msg, n, sig), SANJI_E_SIGNATURE);
            sig[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        msg[n] = 0;
        assert_int_equal(verify_raw(pub, msg, n + 1, sig), SANJI_E_SIGNATURE);
        sign_pub_free(pub);
        sign_key_free(k);
    }
    sign_pub_free(NULL);
    sign_key_free(NULL);
}

/* Every y of small order, and every y >= p, with either sign bit. */
static void test_weak_keys(void **st)
{
    (void)st;
    static const char *const y[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    };
    uint8_t pub[SIGN_PUB_LEN];
    struct sign_pub *k = NULL;
    for (size_t i = 0; i < sizeof(y) / sizeof(y[0]); i++) {
        for (int sign = 0; sign < 2; sign++) {
            (void)unhex(y[i], pub);
            pub[31] |= (uint8_t)(sign << 7);
            assert_int_equal(sign_pub_check(pub), SANJI_E_WEAK_KEY);
            assert_int_equal(sign_pub_new(pub, &k), SANJI_E_WEAK_KEY);
            assert_null(k);
        }
    }
    for (unsigned low = 0xed; low <= 0xff; low++) {
        for (int sign = 0; sign < 2; sign++) {
            memset(pub, 0xff, sizeof(pub));
            pub[0] = (uint8_t)low;
            pub[31] = (uint8_t)(0x7f | sign << 7);
            assert_int_equal(sign_pub_check(pub), SANJI_E_WEAK_KEY);
        }
    }
    /* Neighbours are not refused: the list is exact. */
    memset(pub, 0xff, sizeof(pub));
    pub[0] = 0xeb;
    pub[31] = 0x7f;
    assert_int_equal(sign_pub_check(pub), 0);
    memset(pub, 0, sizeof(pub));
    pub[0] = 2;
    assert_int_equal(sign_pub_check(pub), 0);
    (void)unhex(rfc8032[0][1], pub);
    assert_int_equal(sign_pub_check(pub), 0);
}

static void test_hpke(void **st)
{
    (void)st;
    uint8_t skr[32], pkr[32], eph[32], enc[32], ct[64], pt[64], info[32];
    (void)unhex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb", skr);
    (void)unhex("f4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600", eph);
    size_t info_n = unhex("4f6465206f6e2061204772656369616e2055726e", info);
    const char *msg = "Beauty is truth, truth beauty";
    struct span in = span_of(info, info_n);
    struct span aad = span_of("Count-0", 7);
    struct span text = span_of(msg, strlen(msg));
    size_t ct_n = text.n + AEAD_TAG_LEN;
    assert_int_equal(seal_pub_of(skr, pkr), 0);
    assert_hex(pkr, 32, "4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a");
    assert_int_equal(hpke_seal(pkr, eph, in, aad, text, enc, ct), 0);
    assert_hex(enc, 32, "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a");
    assert_hex(
        ct, ct_n,
        "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b5"
        "1a28");
    assert_int_equal(hpke_open(skr, enc, in, aad, span_of(ct, ct_n), pt), 0);
    assert_memory_equal(pt, msg, text.n);
    for (size_t i = 0; i < ct_n; i++) {
        ct[i] ^= 1;
        assert_int_equal(hpke_open(skr, enc, in, aad, span_of(ct, ct_n), pt), SANJI_E_OPEN);
        ct[i] ^= 1;
    }
    assert_int_equal(hpke_open(skr, enc, in, text, span_of(ct, ct_n), pt), SANJI_E_OPEN);
    assert_int_equal(hpke_open(skr, enc, aad, aad, span_of(ct, ct_n), pt), SANJI_E_OPEN);
    assert_int_equal(hpke_open(eph, enc, in, aad, span_of(ct, ct_n), pt), SANJI_E_OPEN);
    assert_int_equal(hpke_open(skr, enc, in, aad, span_of(ct, ct_n - 1), pt), SANJI_E_OPEN);
    assert_int_equal(hpke_open(skr, enc, in, aad, span_of(ct, 15), pt), SANJI_E_OPEN);
    memset(pkr, 0, sizeof(pkr)); /* small order: the shared secret would be known to all */
    assert_int_equal(hpke_seal(pkr, eph, in, aad, text, enc, ct), SANJI_E_OPEN);
    assert_int_equal(hpke_open(skr, pkr, in, aad, span_of(ct, ct_n), pt), SANJI_E_OPEN);
}

static void test_aead(void **st)
{
    (void)st;
    uint8_t key[32] = {1};
    uint8_t nonce[12] = {2};
    uint8_t ct[32];
    uint8_t pt[16];
    struct span none = span_of(NULL, 0);
    assert_int_equal(aead_seal(key, nonce, none, none, ct), 0); /* nothing, authenticated */
    assert_int_equal(aead_open(key, nonce, none, span_of(ct, 16), pt), 0);
    assert_int_equal(aead_open(key, nonce, span_of("x", 1), span_of(ct, 16), pt), SANJI_E_OPEN);
    assert_int_equal(aead_seal(key, nonce, none, span_of("0123456789abcdef", 16), ct), 0);
    ct[31] ^= 0x80;
    memset(pt, 7, sizeof(pt));
    assert_int_equal(aead_open(key, nonce, none, span_of(ct, 32), pt), SANJI_E_OPEN);
    for (size_t i = 0; i < sizeof(pt); i++) {
        assert_int_equal(pt[i], 0); /* unauthenticated text does not stay behind */
    }
}

static void test_memory(void **st)
{
    (void)st;
    uint8_t a[4] = {1, 2, 3, 4};
    uint8_t b[4] = {1, 2, 3, 5};
    assert_false(mem_equal_ct(a, b, 4));
    assert_true(mem_equal_ct(a, b, 3));
    assert_true(mem_equal_ct(NULL, NULL, 0));
    mem_wipe(a, 4);
    assert_int_equal(a[0] | a[1] | a[2] | a[3], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash),   cmocka_unit_test(test_hmac_hkdf),
        cmocka_unit_test(test_sign),   cmocka_unit_test(test_weak_keys),
        cmocka_unit_test(test_hpke),   cmocka_unit_test(test_aead),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
