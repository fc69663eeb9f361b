/* SPDX-License-Identifier: Apache-2.0 */
/* A file of the root's goes from hand to hand: is every byte of it looked at? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/ceremony.h"

#include <string.h>

static struct sign_key *key_no(uint8_t n)
{
    uint8_t seed[SIGN_SEED_LEN] = {n};
    struct sign_key *k = sign_key_new(seed);
    assert_non_null(k);
    return k;
}

/* A change of the root to two of keys 1..3, to be signed by one of key 0 too. */
static void draft(struct buf *out, struct sign_key *const *k)
{
    static struct ceremony c;
    struct buf text;
    memset(&c, 0, sizeof c);
    c.act = (struct act){.type = ACT_ROOT, .has_g = true, .ver = 2, .k = 2, .n_keys = 3, .ts = 1};
    c.act.g[0] = c.act.prev[0] = 7;
    memcpy(c.act.n.s, "ndlwkqi55kmaec", LIM_NODE_ID + 1);
    c.need[0] = (struct ceremony_need){.k = 1, .n = 1};
    c.need[1] = (struct ceremony_need){.k = 2, .n = 3};
    memcpy(c.need[0].key[0], sign_key_pub(k[0]), SIGN_PUB_LEN);
    for (int i = 0; i < 3; i++) {
        memcpy(c.act.keys[i], sign_key_pub(k[i + 1]), SIGN_PUB_LEN);
        memcpy(c.need[1].key[i], sign_key_pub(k[i + 1]), SIGN_PUB_LEN);
    }
    c.n_need = 2;
    c.name = "历下区";
    c.lv = 30;
    c.below = 40;
    buf_init(&text, LIM_ITEM_BYTES);
    assert_int_equal(act_write(&c.act, &text), 0);
    c.act.text = span_of(text.data, text.len);
    assert_int_equal(ceremony_write(&c, out), 0);
    buf_done(&text);
}

static int read_of(struct arena *a, const struct buf *b, struct ceremony *c)
{
    struct fault f = {0};
    int r = ceremony_read(span_of(b->data, b->len), a, c, &f);
    assert_int_equal(r, f.err);
    return r;
}

static void signatures_gather(void **state)
{
    (void)state;
    static struct ceremony c, d;
    struct arena *a = arena_new(1 << 20);
    struct sign_key *k[5];
    struct buf b;
    char code[CEREMONY_CODE], again[CEREMONY_CODE];
    for (uint8_t i = 0; i < 5; i++) {
        k[i] = key_no(i);
    }
    buf_init(&b, LIM_CEREMONY_BYTES);
    draft(&b, k);
    assert_int_equal(read_of(a, &b, &c), 0);
    assert_int_equal(c.act.n_co, 0);
    assert_string_equal(c.name, "历下区");
    assert_true(c.lv == 30 && c.below == 40 && c.n_need == 2);
    ceremony_code(&c, code);
    assert_int_equal(strlen(code), 14);
    assert_true(code[4] == '-' && code[9] == '-');
    assert_int_equal(ceremony_sign(&c, k[4]), SANJI_E_AUTHORITY);
    assert_int_equal(ceremony_sign(&c, k[2]), 0);
    assert_int_equal(ceremony_sign(&c, k[2]), SANJI_E_OLD);
    assert_int_equal(ceremony_signed(&c, &c.need[0]), 0);
    assert_int_equal(ceremony_signed(&c, &c.need[1]), 1);
    /* Written and read, it says the same; the next one goes on from there. */
    buf_reset(&b);
    assert_int_equal(ceremony_write(&c, &b), 0);
    assert_int_equal(read_of(a, &b, &d), 0);
    assert_int_equal(ceremony_signed(&d, &d.need[1]), 1);
    assert_int_equal(ceremony_sign(&d, k[0]), 0);
    assert_int_equal(ceremony_sign(&d, k[3]), 0);
    assert_int_equal(ceremony_signed(&d, &d.need[0]), 1);
    assert_int_equal(ceremony_signed(&d, &d.need[1]), 2);
    ceremony_code(&d, again);
    assert_string_equal(code, again);
    /* The same key listed twice is one key. */
    memcpy(d.need[1].key[0], d.need[1].key[1], SIGN_PUB_LEN);
    assert_int_equal(ceremony_signed(&d, &d.need[1]), 2);
    memcpy(d.need[1].key[2], d.need[1].key[1], SIGN_PUB_LEN);
    assert_int_equal(ceremony_signed(&d, &d.need[1]), 1);
    for (int i = 0; i < 5; i++) {
        sign_key_free(k[i]);
    }
    buf_done(&b);
    arena_free(a);
}

/* One byte changed anywhere: refused, or the text and its valid signature are what they were, or
 * the signature does not count any more. */
static void no_byte_can_be_changed(void **state)
{
    (void)state;
    static struct ceremony c, d;
    static const uint8_t to[] = {0x01, 0x20, 0x80};
    struct arena *a = arena_new(1 << 20);
    struct sign_key *k[4];
    struct buf b;
    int refused = 0, taken = 0;
    for (uint8_t i = 0; i < 4; i++) {
        k[i] = key_no(i);
    }
    buf_init(&b, LIM_CEREMONY_BYTES);
    draft(&b, k);
    assert_int_equal(read_of(a, &b, &c), 0);
    assert_int_equal(ceremony_sign(&c, k[1]), 0);
    buf_reset(&b);
    assert_int_equal(ceremony_write(&c, &b), 0);
    uint8_t hash[HASH_LEN];
    memcpy(hash, c.act.hash, HASH_LEN);
    struct ceremony_need need = c.need[1]; /* as the roster knows it */
    for (size_t i = 0; i + 1 < b.len; i++) {
        for (size_t j = 0; j < sizeof to; j++) {
            b.data[i] ^= to[j];
            arena_reset(a);
            if (read_of(a, &b, &d) < 0) {
                refused++;
            } else {
                taken++;
                assert_true(memcmp(d.act.hash, hash, HASH_LEN) == 0 ||
                            ceremony_signed(&d, &need) == 0);
            }
            b.data[i] ^= to[j];
        }
    }
    assert_true(refused > 1000 && taken > 100);
    for (size_t n = 0; n + 1 < b.len; n++) { /* and none is missing */
        struct buf cut = b;
        cut.len = n;
        arena_reset(a);
        assert_true(read_of(a, &cut, &d) < 0);
    }
    for (int i = 0; i < 4; i++) {
        sign_key_free(k[i]);
    }
    buf_done(&b);
    arena_free(a);
}

/* The same act in another spelling has another hash: there is one. */
static void an_act_has_one_spelling(void **state)
{
    (void)state;
    static struct ceremony c, d;
    struct arena *a = arena_new(1 << 20);
    struct sign_key *k[4];
    struct buf b;
    char text[2048];
    for (uint8_t i = 0; i < 4; i++) {
        k[i] = key_no(i);
    }
    buf_init(&b, LIM_CEREMONY_BYTES);
    draft(&b, k);
    assert_int_equal(read_of(a, &b, &c), 0);
    size_t n = c.act.text.n;
    assert_true(n < sizeof text);
    memcpy(text, c.act.text.p, n);
    static const char two[] = "\"by\":\"root\",\"n\":\"ndlwkqi55kmaec\"";
    static const char swapped[] = "\"n\":\"ndlwkqi55kmaec\",\"by\":\"root\"";
    text[n] = '\0';
    char *at = strstr(text, two);
    assert_non_null(at);
    memcpy(at, swapped, sizeof swapped - 1);
    c.act.text = span_of(text, n);
    buf_reset(&b);
    assert_int_equal(ceremony_write(&c, &b), 0);
    assert_int_equal(read_of(a, &b, &d), SANJI_E_SPEC);
    for (int i = 0; i < 4; i++) {
        sign_key_free(k[i]);
    }
    buf_done(&b);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_gather),
        cmocka_unit_test(no_byte_can_be_changed),
        cmocka_unit_test(an_act_has_one_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
