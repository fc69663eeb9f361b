/* SPDX-License-Identifier: Apache-2.0 */
/* Does a sealed item open for everybody it is addressed to, where it was addressed, and nowhere
 * else? */
#include "protocol/seal.h"
#include "tests/support/acts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena *ar;
static uint8_t rnd[(LIM_RECIPIENTS + 2) * 32];
static const uint8_t cek[32] = {1, 2, 3};

static int by_id(const void *a, const void *b)
{
    return node_id_cmp(&((const struct seal_to *)a)->n, &((const struct seal_to *)b)->n);
}

/* Writer "w" and n recipients "r0".."r15". */
static struct seal_ctx make(size_t n)
{
    struct seal_ctx c = {.g = {9}, .by = tnode("w"), .id = "thread-1", .step = 3, .n_to = n + 1};
    for (size_t i = 0; i <= n; i++) {
        char name[8] = "w";
        if (i < n) {
            (void)snprintf(name, sizeof(name), "r%zu", i);
        }
        c.to[i].n = tnode(name);
        memcpy(c.to[i].pub, tkey(name)->seal, SEAL_PUB_LEN);
    }
    qsort(c.to, c.n_to, sizeof(c.to[0]), by_id);
    return c;
}

static const char *seal(const struct seal_ctx *c, const char *plain, size_t n)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(seal_write(c, cek, span_of(plain, n), rnd, &out), 0);
    assert_true(out.len < LIM_ITEM_BYTES - 300);
    const char *s = arena_strdup(ar, buf_str(&out));
    buf_done(&out);
    return s;
}

static int open_as(const char *d, struct seal_ctx c, const char *me, const char *key, char *plain)
{
    struct buf out;
    struct fault f;
    uint8_t got[32];
    struct node_id id = tnode(me);
    uint8_t seeds[2][SEAL_SEED_LEN];
    memcpy(seeds[0], tkey("an old key")->seal_seed, SEAL_SEED_LEN);
    memcpy(seeds[1], tkey(key)->seal_seed, SEAL_SEED_LEN);
    buf_init(&out, 1 << 20);
    c.n_to = 0;
    int err = seal_read(span_of(d, strlen(d)), &c, &id, (const uint8_t(*)[SEAL_SEED_LEN])seeds, 2,
                        ar, got, &out, &f);
    if (err == 0) {
        assert_memory_equal(got, cek, 32);
        if (plain != NULL) {
            (void)snprintf(plain, 100, "%s", buf_str(&out));
        }
    } else {
        assert_int_equal(out.len, 0);
    }
    buf_done(&out);
    return err;
}

static void test_round_trip(void **state)
{
    (void)state;
    for (size_t n = 1; n <= LIM_RECIPIENTS; n++) {
        struct seal_ctx c = make(n);
        char got[100];
        const char *d = seal(&c, "{\"k\":\"referral/1\"}", 18);
        for (size_t i = 0; i <= n; i++) {
            char name[8] = "w";
            if (i < n) {
                (void)snprintf(name, sizeof(name), "r%zu", i);
            }
            assert_int_equal(open_as(d, c, name, name, got), 0);
            assert_string_equal(got, "{\"k\":\"referral/1\"}");
        }
        assert_int_equal(open_as(d, c, "stranger", "stranger", NULL), SANJI_E_OPEN);
        assert_int_equal(open_as(d, c, "r0", "stranger", NULL), SANJI_E_OPEN);
        assert_int_equal(open_as(d, c, "r0", "w", NULL), SANJI_E_OPEN);
        struct seal_ctx p = c;
        struct fault f;
        assert_int_equal(seal_peek(span_of(d, strlen(d)), &p, ar, &f), 0);
        assert_int_equal(p.n_to, n + 1);
        assert_string_equal(p.to[0].n.s, c.to[0].n.s);
    }
}

static void test_bound_to_its_place(void **state)
{
    (void)state;
    struct seal_ctx c = make(2), x;
    const char *d = seal(&c, "{}", 2);
    assert_int_equal(open_as(d, c, "r0", "r0", NULL), 0);
    x = c;
    x.step = 4;
    assert_int_equal(open_as(d, x, "r0", "r0", NULL), SANJI_E_OPEN);
    x = c;
    (void)snprintf(x.id, sizeof(x.id), "thread-2");
    assert_int_equal(open_as(d, x, "r0", "r0", NULL), SANJI_E_OPEN);
    x = c;
    x.g[31] ^= 1;
    assert_int_equal(open_as(d, x, "r0", "r0", NULL), SANJI_E_OPEN);
    x = c;
    x.by = tnode("r1"); /* another of the readers claims to have written it */
    assert_int_equal(open_as(d, x, "r0", "r0", NULL), SANJI_E_OPEN);
    x = c;
    x.by = tnode("nobody");
    assert_int_equal(open_as(d, x, "r0", "r0", NULL), SANJI_E_SPEC);
}

/* A recipient exchanged for another, or one wrap moved into another item: neither opens. */
static void test_swapped(void **state)
{
    (void)state;
    struct seal_ctx a = make(2), b = make(2);
    b.step = 5;
    const char *da = seal(&a, "{}", 2), *db = seal(&b, "{}", 2);
    const char *wa = strstr(da, "\"w\":\""), *wb = strstr(db, "\"w\":\"");
    char *mixed = arena_strdup(ar, da);
    memcpy(mixed + (wa - da), wb, 5 + 64);
    int opened = 0;
    static const char *const who[] = {"w", "r0", "r1"};
    for (size_t i = 0; i < 3; i++) {
        opened += open_as(mixed, a, who[i], who[i], NULL) == 0 ? 1 : 0;
    }
    assert_int_equal(opened, 2); /* only the pasted wrap is spoilt: the rest is as it was */
    /* the name of the last recipient replaced by one that sorts behind it */
    char *swap = arena_strdup(ar, da), *p = swap, *last = NULL;
    while ((p = strstr(p, "\"n\":\"n")) != NULL) {
        last = p++;
    }
    memcpy(last + 6, "7777777777777", 13);
    for (size_t i = 0; i < 3; i++) {
        int err = open_as(swap, a, who[i], who[i], NULL);
        assert_true(err == SANJI_E_OPEN || err == SANJI_E_SPEC);
    }
}

static void test_flipped(void **state)
{
    (void)state;
    struct seal_ctx c = make(1);
    const char *d = seal(&c, "{\"x\":1}", 7);
    size_t n = strlen(d), refused = 0, tried = 0;
    for (size_t i = 0; i < n; i += 3) {
        char *x = arena_strdup(ar, d);
        if (i < 8) {
            continue;
        }
        x[i] = x[i] == 'A' ? 'B' : 'A';
        /* w's own wrap is not covered by what r0 opens, everything else is */
        int a = open_as(x, c, "r0", "r0", NULL), b = open_as(x, c, "w", "w", NULL);
        refused += a != 0 || b != 0 ? 1 : 0;
        tried++;
        assert_true(a == 0 || a == SANJI_E_OPEN || a == SANJI_E_SPEC || a == SANJI_E_SYNTAX);
    }
    assert_int_equal(refused, tried);
    assert_true(tried > 500);
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        size_t n, padded;
    } rows[] = {{0, 1024},     {1020, 1024},   {1021, 4096},   {4092, 4096},
                {4093, 16384}, {16380, 16384}, {16381, 45056}, {45052, 45056}};
    char *plain = calloc(1, 50000);
    struct buf out;
    memset(plain, 'x', 49999);
    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct seal_ctx c = make(LIM_RECIPIENTS);
        const char *d = seal(&c, plain, rows[i].n);
        const char *ct = strstr(d, "\"ct\":\"") + 6;
        assert_int_equal(strcspn(ct, "\""), ((rows[i].padded + 16) * 4 + 2) / 3);
        assert_int_equal(open_as(d, c, "r0", "r0", NULL), 0);
    }
    struct seal_ctx c = make(1);
    assert_int_equal(seal_write(&c, cek, span_of(plain, 45053), rnd, &out), SANJI_E_SIZE);
    assert_int_equal(out.len, 0);
    buf_done(&out);
    free(plain);
}

static void test_bad_context(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 20);
    struct span p = span_of("{}", 2);
    struct seal_ctx c = make(2);
    c.step = 0;
    assert_int_equal(seal_write(&c, cek, p, rnd, &out), SANJI_E_SPEC);
    c = make(2);
    c.n_to = 0;
    assert_int_equal(seal_write(&c, cek, p, rnd, &out), SANJI_E_SPEC);
    c = make(2);
    struct seal_to t = c.to[0];
    c.to[0] = c.to[1];
    c.to[1] = t;
    assert_int_equal(seal_write(&c, cek, p, rnd, &out), SANJI_E_SPEC);
    c = make(2);
    c.to[1] = c.to[0];
    assert_int_equal(seal_write(&c, cek, p, rnd, &out), SANJI_E_SPEC);
    c = make(2);
    c.by = tnode("not among them");
    assert_int_equal(seal_write(&c, cek, p, rnd, &out), SANJI_E_SPEC);
    c = make(2);
    c.id[0] = '-';
    assert_int_equal(seal_write(&c, cek, p, rnd, &out), SANJI_E_SPEC);
    assert_int_equal(out.len, 0);
    buf_done(&out);
}

static void test_bad_body(void **state)
{
    (void)state;
    struct seal_ctx c = make(1);
    const char *d = seal(&c, "{}", 2);
    static const struct {
        const char *from, *to;
        int err;
    } rows[] = {
        {"\"st\":1", "\"st\":2", SANJI_E_VERSION},
        {"\"st\":1,", "", SANJI_E_SPEC},
        {"\"st\":1", "\"st\":1,\"y\":0", SANJI_E_SPEC},
        {"\"salt\":\"", "\"salt\":\"A", SANJI_E_SPEC},
        {"\"ct\":\"", "\"ct\":\"AAAA", SANJI_E_SPEC},
        {"\"n\":\"n", "\"n\":\"k", SANJI_E_SPEC},
        {"\"key\":", "\"kez\":", SANJI_E_SPEC},
        {"{\"st\"", "[\"st\"", SANJI_E_SYNTAX},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *p = strstr(d, rows[i].from);
        char *x =
            arena_printf(ar, "%.*s%s%s", (int)(p - d), d, rows[i].to, p + strlen(rows[i].from));
        assert_int_equal(open_as(x, c, "r0", "r0", NULL), rows[i].err);
    }
}

static int begin(void **state)
{
    (void)state;
    ar = arena_new((size_t)1 << 30);
    for (size_t i = 0; i < sizeof(rnd); i++) {
        rnd[i] = (uint8_t)(i * 7 + i / 32);
    }
    return ar == NULL;
}

static int done(void **state)
{
    (void)state;
    arena_free(ar);
    tkey_done();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_bound_to_its_place),
        cmocka_unit_test(test_swapped),    cmocka_unit_test(test_flipped),
        cmocka_unit_test(test_sizes),      cmocka_unit_test(test_bad_context),
        cmocka_unit_test(test_bad_body),
    };
    return cmocka_run_group_tests(tests, begin, done);
}
