/* SPDX-License-Identifier: Apache-2.0 */
/* Does one table read what it writes, byte for byte, and refuse everything else by name? */
#include "protocol/base/err.h"
#include "protocol/jspec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct leaf {
    const char *t;
    int64_t n;
};
struct branch {
    const char *name;
    struct jarr leaves;
};
struct msg {
    const char *text;
    const char *tok;
    int64_t num;
    bool yes;
    uint8_t key[4];
    struct span blob;
    struct span raw;
    struct leaf one;
    struct jarr list;
    const char *text2;
    const char *tok2;
    int64_t num2;
    bool yes2;
    uint8_t key2[2];
    bool has_key2;
    struct span raw2;
    struct leaf two;
    bool has_two;
    struct jarr list2;
    struct jarr tags;
};

/* clang-format off */
static const struct jspec leaf_spec[] = {
    JF_TEXT(struct leaf, t, 1, 3),
    JF_INT_OPT(struct leaf, n, 0, 9),
    JF_END,
};
static const struct jspec branch_spec[] = {
    JF_TOKEN(struct branch, name, 1, 8),
    JF_ARR(struct branch, leaves, 1, 3, leaf_spec, struct leaf),
    JF_END,
};
static const struct jspec msg_spec[] = {
    JF_TEXT(struct msg, text, 1, 5),
    JF_TOKEN(struct msg, tok, 2, 20),
    JF_INT(struct msg, num, -999999999999999, 999999999999999),
    JF_BOOL(struct msg, yes),
    JF_BYTES(struct msg, key),
    JF_BLOB(struct msg, blob, 0, 3),
    JF_RAW(struct msg, raw),
    JF_OBJ(struct msg, one, leaf_spec),
    JF_ARR(struct msg, list, 0, 2, branch_spec, struct branch),
    JF_TEXT_OPT(struct msg, text2, 0, 3),
    JF_TOKEN_OPT(struct msg, tok2, 1, 3),
    JF_INT_OPT(struct msg, num2, 1, 5),
    JF_BOOL_OPT(struct msg, yes2),
    JF_BYTES_OPT(struct msg, key2, has_key2),
    JF_RAW_OPT(struct msg, raw2),
    JF_OBJ_OPT(struct msg, two, leaf_spec, has_two),
    JF_ARR_OPT(struct msg, list2, 1, 2, leaf_spec, struct leaf),
    JF_TEXTS_OPT(struct msg, tags, 1, 3),
    JF_END,
};
static const struct jspec open_spec[] = {
    JF_INT(struct leaf, n, 0, 9),
    JF_END_OPEN,
};
/* clang-format on */

#define HEAD                                                                                       \
    "{\"text\":\"\xe4\xb8\xad\xf0\xa0\xae\xb7\\n\",\"tok\":\"a.B_9:/-\",\"num\":-999999999999999," \
    "\"yes\":true,\"key\":\"AAECAw\",\"blob\":\"_-4\",\"raw\":[1,{\"x\":[true,\"\\u0001\"]},{}],"  \
    "\"one\":{\"t\":\"abc\"},"
static const char minimal[] = HEAD "\"list\":[]}";
static const char full[] = HEAD
    "\"list\":[{\"name\":\"a\",\"leaves\":[{\"t\":\"x\"},{\"t\":\"y\",\"n\":9}]},"
    "{\"name\":\"b\",\"leaves\":[{\"t\":\"z\",\"n\":1}]}],\"text2\":\"\",\"tok2\":\"t\",\"num2\":5,"
    "\"yes2\":true,\"key2\":\"AAA\",\"raw2\":\"r\",\"two\":{\"t\":\"q\"},\"list2\":[{\"t\":\"w\"}],"
    "\"tags\":[\"\xe4\xb8\xad\",\"\"]}";

static struct arena *arena;
static struct msg m;
static struct fault f;

static int setup(void **st)
{
    (void)st;
    arena = arena_new(1U << 20);
    return arena == NULL;
}

static int teardown(void **st)
{
    (void)st;
    arena_free(arena);
    return 0;
}

static int read_msg(const char *s)
{
    memset(&f, 0, sizeof(f));
    memset(&m, 0xee, sizeof(m));
    return jspec_read(s, strlen(s), msg_spec, &m, sizeof(m), arena, &f);
}

static void assert_writes(const char *want)
{
    struct buf b;
    struct jw w;
    buf_init(&b, 10000);
    jw_init(&w, &b);
    jspec_write(&w, NULL, msg_spec, &m);
    assert_int_equal(jw_done(&w), 0);
    assert_string_equal(buf_str(&b), want);
    buf_done(&b);
}

static void test_round_trip(void **st)
{
    (void)st;
    assert_int_equal(read_msg(minimal), 0);
    assert_true(m.num == -999999999999999);
    assert_memory_equal(m.key, "\0\1\2\3", 4);
    assert_int_equal(m.blob.n, 2);
    assert_null(m.text2);
    assert_null(m.tok2);
    assert_true(m.num2 == 0 && !m.yes2 && !m.has_key2 && !m.has_two);
    assert_int_equal(m.list.n + m.list2.n + m.tags.n, 0);
    assert_null(m.raw2.p);
    assert_writes(minimal);

    assert_int_equal(read_msg(full), 0);
    const struct branch *b = m.list.v;
    assert_int_equal(m.list.n, 2);
    assert_string_equal(b[1].name, "b");
    const struct leaf *l = b[0].leaves.v;
    assert_int_equal(b[0].leaves.n, 2);
    assert_true(l[1].n == 9);
    assert_true(m.has_key2 && m.has_two);
    assert_string_equal(((const char *const *)m.tags.v)[1], "");
    assert_string_equal((const char *)m.raw.p, "[1,{\"x\":[true,\"\\u0001\"]},{}]");
    assert_writes(full);
}

/* Any order is read; the table's order is written. */
static void test_order(void **st)
{
    (void)st;
    struct leaf l;
    assert_int_equal(jspec_read("{\"n\":3,\"t\":\"a\"}", 15, leaf_spec, &l, sizeof(l), arena, NULL),
                     0);
    assert_true(l.n == 3);
    assert_string_equal(l.t, "a");
}

struct bad {
    const char *from, *to; /* replacement inside `full` */
    int err;
    const char *member;
};

/* clang-format off */
static const struct bad bads[] = {
    {"\"text\":", "\"texu\":", SANJI_E_SPEC, "texu"},
    {"\"text2\":", "\"zzz\":", SANJI_E_SPEC, "zzz"},
    {"\"tok\":\"a.B_9:/-\",", "", SANJI_E_SPEC, "tok"},
    {"a.B_9:/-", "a b", SANJI_E_SPEC, "tok"},
    {"a.B_9:/-", "a,b", SANJI_E_SPEC, "tok"},
    {"a.B_9:/-", "a;b", SANJI_E_SPEC, "tok"},
    {"a.B_9:/-", "\xc3\xa9", SANJI_E_SPEC, "tok"},
    {"a.B_9:/-", "a", SANJI_E_SPEC, "tok"},
    {"a.B_9:/-", "aaaaaaaaaaaaaaaaaaaaa", SANJI_E_SPEC, "tok"},
    {"\xe4\xb8\xad\xf0\xa0\xae\xb7\\n", "", SANJI_E_SPEC, "text"},
    {"\xe4\xb8\xad\xf0\xa0\xae\xb7\\n", "\xe4\xb8\xad\xf0\xa0\xae\xb7\\n123", SANJI_E_SPEC, "text"},
    {"\"text\":\"\xe4\xb8\xad\xf0\xa0\xae\xb7\\n\"", "\"text\":7", SANJI_E_SPEC, "text"},
    {"-999999999999999", "\"1\"", SANJI_E_SPEC, "num"},
    {"-999999999999999", "-1000000000000000", SANJI_E_SYNTAX, ""},
    {"-999999999999999", "1.5", SANJI_E_SYNTAX, ""},
    {"-999999999999999", "true", SANJI_E_SPEC, "num"},
    {"\"num2\":5", "\"num2\":6", SANJI_E_SPEC, "num2"},
    {"\"num2\":5", "\"num2\":0", SANJI_E_SPEC, "num2"},
    {"\"num2\":5", "\"num2\":null", SANJI_E_SYNTAX, ""},
    {"\"num2\":5", "\"num2\":5,\"num2\":5", SANJI_E_SYNTAX, ""},
    {"\"num2\":5", "\"Num2\":5", SANJI_E_SYNTAX, ""},
    {"\"yes\":true", "\"yes\":1", SANJI_E_SPEC, "yes"},
    {"\"yes2\":true", "\"yes2\":\"true\"", SANJI_E_SPEC, "yes2"},
    {"AAECAw", "AAECAx", SANJI_E_ENCODING, "key"},
    {"AAECAw", "AAECAw==", SANJI_E_SPEC, "key"},
    {"AAECAw", "AAEC", SANJI_E_SPEC, "key"},
    {"\"key\":\"AAECAw\"", "\"key\":[]", SANJI_E_SPEC, "key"},
    {"_-4", "_-5", SANJI_E_ENCODING, "blob"},
    {"_-4", "A", SANJI_E_ENCODING, "blob"},
    {"_-4", "AAAAAA", SANJI_E_SPEC, "blob"},
    {"\"blob\":\"_-4\"", "\"blob\":0", SANJI_E_SPEC, "blob"},
    {"{\"t\":\"abc\"}", "{}", SANJI_E_SPEC, "one.t"},
    {"{\"t\":\"abc\"}", "{\"t\":\"abcd\"}", SANJI_E_SPEC, "one.t"},
    {"{\"t\":\"abc\"}", "{\"t\":\"abc\",\"u\":1}", SANJI_E_SPEC, "one.u"},
    {"{\"t\":\"abc\"}", "[]", SANJI_E_SPEC, "one"},
    {"{\"t\":\"y\",\"n\":9}", "{\"t\":\"y\",\"n\":10}", SANJI_E_SPEC, "list[0].leaves[1].n"},
    {"{\"t\":\"z\",\"n\":1}", "", SANJI_E_SPEC, "list[1].leaves"},
    {"{\"t\":\"z\",\"n\":1}", "3", SANJI_E_SPEC, "list[1].leaves[0]"},
    {"[{\"t\":\"w\"}]", "[]", SANJI_E_SPEC, "list2"},
    {"[{\"t\":\"w\"}]", "{}", SANJI_E_SPEC, "list2"},
    {"[{\"t\":\"w\"}]", "[{\"t\":\"w\"},{\"t\":\"w\"},{\"t\":\"w\"}]", SANJI_E_SPEC, "list2"},
    {"\"tags\":[\"\xe4\xb8\xad\",\"\"]", "\"tags\":[1]", SANJI_E_SPEC, "tags[0]"},
    {"\"tags\":[\"\xe4\xb8\xad\",\"\"]", "\"tags\":[\"a\",\"b\",\"c\",\"d\"]", SANJI_E_SPEC, "tags"},
    {"\"tags\":[\"\xe4\xb8\xad\",\"\"]", "\"tags\":\"a\"", SANJI_E_SPEC, "tags"},
    {"\"raw2\":\"r\"", "\"raw2\":\"\xff\"", SANJI_E_ENCODING, ""},
    {"\"raw2\":\"r\"", "\"raw2\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", SANJI_E_SIZE, ""},
};
/* clang-format on */

static void test_refusals(void **st)
{
    (void)st;
    static const struct msg zero;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
        char s[2000];
        const char *at = strstr(full, bads[i].from);
        assert_non_null(at);
        int len = snprintf(s, sizeof(s), "%.*s%s%s", (int)(at - full), full, bads[i].to,
                           at + strlen(bads[i].from));
        assert_in_range(len, 1, sizeof(s) - 1);
        int r = read_msg(s);
        if (r != bads[i].err || strcmp(f.member, bads[i].member) != 0) {
            fail_msg("%s: %s at '%s' (%s)", s, err_name(r), f.member, f.want);
        }
        assert_int_equal(f.err, r);
        assert_true(f.want[0] != 0);
        assert_memory_equal(&m, &zero, sizeof(m)); /* no half message */
    }
}

static void test_open(void **st)
{
    (void)st;
    struct leaf l;
    static const char s[] = "{\"later\":[{\"x\":1}],\"n\":4,\"and\":\"more\"}";
    assert_int_equal(jspec_read(s, sizeof(s) - 1, open_spec, &l, sizeof(l), arena, &f), 0);
    assert_true(l.n == 4);
    static const char none[] = "{\"later\":1}";
    assert_int_equal(jspec_read(none, sizeof(none) - 1, open_spec, &l, sizeof(l), arena, &f),
                     SANJI_E_SPEC);
    assert_string_equal(f.member, "n");
}

static void test_all_integers_exact(void **st)
{
    (void)st;
    static const int64_t v[] = {0,
                                1,
                                -1,
                                999999999999999,
                                999999999999998,
                                -999999999999999,
                                123456789012345,
                                100000000000001,
                                2147483648,
                                -2147483649};
    for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
        struct buf b;
        struct jw w;
        assert_int_equal(read_msg(minimal), 0);
        m.num = v[i];
        buf_init(&b, 1000);
        jw_init(&w, &b);
        jspec_write(&w, NULL, msg_spec, &m);
        assert_int_equal(jw_done(&w), 0);
        assert_int_equal(read_msg(buf_str(&b)), 0);
        assert_true(m.num == v[i]);
        buf_done(&b);
    }
}

/* However small the arena: no crash, no half message, and the answer is "no memory". */
static void test_no_memory(void **st)
{
    (void)st;
    int failed = 0;
    for (size_t max = 0; max < 2000; max += 16) {
        struct arena *a = arena_new(max);
        assert_non_null(a);
        int r = jspec_read(full, sizeof(full) - 1, msg_spec, &m, sizeof(m), a, &f);
        assert_true(r == 0 || r == SANJI_E_NOMEM);
        failed += r < 0;
        arena_free(a);
    }
    assert_in_range(failed, 1, 124);
}

static void test_write_our_mistake(void **st)
{
    (void)st;
    struct buf b;
    struct jw w;
    struct leaf l = {0}; /* a required text that is NULL */
    buf_init(&b, 100);
    jw_init(&w, &b);
    jspec_write(&w, NULL, leaf_spec, &l);
    assert_int_equal(jw_done(&w), SANJI_E_BUG);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),         cmocka_unit_test(test_order),
        cmocka_unit_test(test_refusals),           cmocka_unit_test(test_open),
        cmocka_unit_test(test_all_integers_exact), cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_write_our_mistake),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
