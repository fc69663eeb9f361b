/* SPDX-License-Identifier: Apache-2.0 */
/* Has every name one spelling, and is everything else refused? */
#include "protocol/ids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants the headers above first */
#include <cmocka.h>

static bool node_ok(const char *s)
{
    return node_id_valid(s, strlen(s));
}

static void test_node_ids(void **state)
{
    (void)state;
    assert_true(node_ok("naaaaaaaaaaaaa"));
    assert_true(node_ok("n234567abcdxyz"));
    assert_false(node_ok(""));
    assert_false(node_ok("n"));
    assert_false(node_ok("kaaaaaaaaaaaaa"));
    assert_false(node_ok("Naaaaaaaaaaaaa"));
    assert_false(node_ok("naaaaaaaaaaaa"));
    assert_false(node_ok("naaaaaaaaaaaaaa"));
    assert_false(node_ok("naaaaaaaaaaaaA"));
    assert_false(node_ok("naaaaaaaaaaaa1"));
    assert_false(node_ok("naaaaaaaaaaaa8"));
    assert_false(node_ok("naaaaaaaaaaaa "));
    assert_false(node_id_valid("naaaaaaa\0aaaaa", 14));
    struct node_id a, b;
    memset(&a, 0xff, sizeof(a));
    assert_int_equal(node_id_parse("nabcdefghijklm", 14, &a), 0);
    assert_string_equal(a.s, "nabcdefghijklm");
    assert_int_equal(node_id_parse("nabcdefghijkl", 13, &b), SANJI_E_SPEC);
    assert_int_equal(node_id_parse("nabcdefghijkln", 14, &b), 0);
    assert_true(node_id_cmp(&a, &b) < 0);
    assert_true(node_id_cmp(&b, &a) > 0);
    assert_int_equal(node_id_cmp(&a, &a), 0);
    assert_true(node_id_none(&(struct node_id){0}));
    assert_false(node_id_none(&a));
}

/* 65 bits: eight bytes and the highest bit of the ninth, nothing else of it. */
static void test_node_id_bits(void **state)
{
    (void)state;
    uint8_t rnd[9] = {0};
    struct node_id a, b;
    node_id_make(rnd, &a);
    assert_string_equal(a.s, "naaaaaaaaaaaaa");
    memset(rnd, 0xff, sizeof(rnd));
    node_id_make(rnd, &a);
    assert_string_equal(a.s, "n7777777777777");
    for (int bit = 0; bit < 72; bit++) {
        rnd[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
        node_id_make(rnd, &b);
        rnd[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
        assert_true(node_ok(b.s));
        assert_int_equal(strcmp(a.s, b.s) != 0, bit < 65);
        int differ = 0;
        for (int i = 0; i < 14; i++) {
            differ += a.s[i] != b.s[i];
        }
        assert_int_equal(differ, bit < 65 ? 1 : 0);
        if (bit < 65) {
            assert_true(a.s[1 + bit / 5] != b.s[1 + bit / 5]);
        }
    }
}

static void test_key_ids(void **state)
{
    (void)state;
    /* SHA-256(03 || 32 zero bytes) computed elsewhere. */
    static const uint8_t zero[SIGN_PUB_LEN];
    struct key_id k;
    key_id_of(zero, &k);
    assert_string_equal(k.s, "komsllrzlkg5v2");
    assert_true(key_id_valid(k.s, 14));
    assert_false(key_id_valid("naaaaaaaaaaaaa", 14));
    assert_false(key_id_valid("kaaaaaaaaaaaa", 13));
}

static void test_record_ids(void **state)
{
    (void)state;
    char longest[66];
    memset(longest, 'x', sizeof(longest));
    assert_true(record_id_valid(longest, 64));
    assert_false(record_id_valid(longest, 65));
    assert_true(record_id_valid("A", 1));
    assert_true(record_id_valid("9._:-Zz", 7));
    assert_false(record_id_valid("", 0));
    for (const char *s = "._:-/ +=\"\\"; *s != '\0'; s++) {
        assert_false(record_id_valid(s, 1));
    }
    for (int c = 0; c < 256; c++) {
        char two[2] = {'a', (char)c};
        bool ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  (c != 0 && strchr("._:-", c) != NULL);
        assert_int_equal(record_id_valid(two, 2), ok);
    }
}

static void test_made_record_ids_sort_by_time(void **state)
{
    (void)state;
    uint8_t high[10], low[10] = {0};
    char a[28], b[28];
    memset(high, 0xff, sizeof(high));
    static const int64_t times[] = {
        0, 1, 31, 32, 1023, 1700000000000, 1800000000000, (INT64_C(1) << 48) - 2};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        record_id_make(times[i], high, a);
        record_id_make(times[i] + 1, low, b);
        assert_int_equal(strlen(a), 27);
        assert_true(a[0] == 'r' && b[0] == 'r');
        assert_true(record_id_valid(a, 27));
        assert_true(strcmp(a, b) < 0);
    }
    record_id_make(times[5], low, a);
    low[9] = 1;
    record_id_make(times[5], low, b);
    assert_true(strcmp(a, b) < 0);
}

static void test_kind_names(void **state)
{
    (void)state;
    static const char *const good[] = {"a/1", "listing/1", "a_9/999",
                                       "abcdefghijklmnopqrstuvwxyz01234/10"};
    static const char *const bad[] = {"",
                                      "/",
                                      "a",
                                      "a/",
                                      "/1",
                                      "a/0",
                                      "a/01",
                                      "a/1000",
                                      "A/1",
                                      "1a/1",
                                      "_a/1",
                                      "a-b/1",
                                      "a/1/1",
                                      "a/1 ",
                                      "a/x",
                                      "a/-1",
                                      "abcdefghijklmnopqrstuvwxyz012345/1"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(kind_name_valid(good[i], strlen(good[i])));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(kind_name_valid(bad[i], strlen(bad[i])));
    }
}

static int parse_aud(const char *s, struct audience *a)
{
    return audience_parse(s, strlen(s), a);
}

static void test_audiences_round_trip(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        enum aud_type type;
        size_t n;
    } good[] = {
        {"fed", AUD_FED, 0},
        {"trust", AUD_TRUST, 0},
        {"self", AUD_SELF, 0},
        {"own", AUD_OWN, 0},
        {"sub:naaaaaaaaaaaaa", AUD_SUB, 1},
        {"up:naaaaaaaaaaaaa", AUD_UP, 1},
        {"to:naaaaaaaaaaaaa", AUD_TO, 1},
        {"to:naaaaaaaaaaaaa,naaaaaaaaaaaab", AUD_TO, 2},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct audience a;
        char out[LIM_AUD_BYTES + 1];
        assert_int_equal(parse_aud(good[i].s, &a), 0);
        assert_int_equal(a.type, good[i].type);
        assert_int_equal(a.n, good[i].n);
        assert_int_equal(audience_write(&a, out), 0);
        assert_string_equal(out, good[i].s);
    }
    assert_true(audience_is_private(AUD_TO) && audience_is_private(AUD_SELF) &&
                audience_is_private(AUD_OWN));
    assert_false(audience_is_private(AUD_FED) || audience_is_private(AUD_SUB));
}

static void test_audiences_of_another_spelling(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "f",
        "fed ",
        "Fed",
        "fed:",
        "trust:naaaaaaaaaaaaa",
        "self:",
        "sub",
        "sub:",
        "sub:n",
        "sub:naaaaaaaaaaaaa,naaaaaaaaaaaab",
        "up:",
        "up:kaaaaaaaaaaaaa",
        "to:",
        "to:naaaaaaaaaaaaa,",
        "to:,naaaaaaaaaaaaa",
        "to:naaaaaaaaaaaaa,naaaaaaaaaaaaa",
        "to:naaaaaaaaaaaab,naaaaaaaaaaaaa",
        "to:naaaaaaaaaaaaa, naaaaaaaaaaaab",
        "to:naaaaaaaaaaaaa;naaaaaaaaaaaab",
        "all",
        "to:naaaaaaaaaaaaaa",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct audience a = {.n = 77};
        assert_int_equal(parse_aud(bad[i], &a), SANJI_E_SPEC);
        assert_int_equal(a.n, 77);
    }
}

static void test_audience_of_sixteen(void **state)
{
    (void)state;
    struct audience a = {.type = AUD_TO, .n = 16}, back;
    char out[LIM_AUD_BYTES + 1];
    for (int i = 0; i < 16; i++) {
        (void)snprintf(a.node[i].s, sizeof(a.node[i].s), "naaaaaaaaaaaa%c", 'a' + i);
    }
    assert_int_equal(audience_write(&a, out), 0);
    assert_int_equal(strlen(out), 3 + 16 * 15 - 1);
    assert_int_equal(parse_aud(out, &back), 0);
    assert_memory_equal(&a, &back, sizeof(a));
    char more[300];
    (void)snprintf(more, sizeof(more), "%s,naaaaaaaaaaaaz", out);
    assert_int_equal(parse_aud(more, &back), SANJI_E_SPEC);
    a.node[3] = a.node[4];
    assert_int_equal(audience_write(&a, out), SANJI_E_SPEC);
    a = (struct audience){.type = AUD_SUB};
    assert_int_equal(audience_write(&a, out), SANJI_E_SPEC);
    a = (struct audience){.type = AUD_SUB, .n = 1};
    assert_int_equal(audience_write(&a, out), SANJI_E_SPEC);
    a = (struct audience){.type = AUD_COUNT};
    assert_int_equal(audience_write(&a, out), SANJI_E_SPEC);
}

static void test_stream_keys(void **state)
{
    (void)state;
    struct stream_key a = {.by = {"naaaaaaaaaaaaa"}, .aud = "fed", .ep = 2, .en = {1}};
    struct stream_key b = a;
    assert_int_equal(stream_key_cmp(&a, &b), 0);
    b.en[7] = 1;
    assert_true(stream_key_cmp(&a, &b) < 0 && stream_key_cmp(&b, &a) > 0);
    b.ep = 1;
    assert_true(stream_key_cmp(&a, &b) > 0);
    b.aud[0] = 'g';
    assert_true(stream_key_cmp(&a, &b) < 0);
    a.by.s[1] = 'b';
    assert_true(stream_key_cmp(&a, &b) > 0);
}

static void test_refs(void **state)
{
    (void)state;
    static const struct {
        const char *text, *owner, *id; /* id NULL: none */
    } t[] = {
        {"r1", "", "r1"},
        {"nAAAA", "", "nAAAA"},
        {"naaaaaaaaaaaaa/a.b:c-1", "naaaaaaaaaaaaa", "a.b:c-1"},
        {"", NULL, NULL},
        {"/r1", NULL, NULL},
        {"naaaaaaaaaaaaa/", NULL, NULL},
        {"naaaaaaaaaaaa/r1", NULL, NULL},
        {"naaaaaaaaaaaaa/r1/x", NULL, NULL},
        {"naaaaaaaaaaaaa/../x", NULL, NULL},
        {"0123456789012345678901234567890123456789012345678901234567890123x", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        struct record_ref ref;
        bool ok = record_ref_parse(span_of(t[i].text, strlen(t[i].text)), &ref);
        if (ok != (t[i].id != NULL) ||
            (ok && (strcmp(ref.owner.s, t[i].owner) != 0 || strcmp(ref.id, t[i].id) != 0))) {
            fail_msg("%s: %d %s %s", t[i].text, ok, ref.owner.s, ref.id);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refs),
        cmocka_unit_test(test_node_ids),
        cmocka_unit_test(test_node_id_bits),
        cmocka_unit_test(test_key_ids),
        cmocka_unit_test(test_record_ids),
        cmocka_unit_test(test_made_record_ids_sort_by_time),
        cmocka_unit_test(test_kind_names),
        cmocka_unit_test(test_audiences_round_trip),
        cmocka_unit_test(test_audiences_of_another_spelling),
        cmocka_unit_test(test_audience_of_sixteen),
        cmocka_unit_test(test_stream_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
