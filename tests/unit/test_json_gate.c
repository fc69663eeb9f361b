/* SPDX-License-Identifier: Apache-2.0 */
/* Does exactly one spelling of every text pass in protocol mode, and does the writer produce it? */
#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/json_gate.h"
#include "protocol/jwrite.h"

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SYN = SANJI_E_SYNTAX, ENC = SANJI_E_ENCODING, SIZ = SANJI_E_SIZE };

/* An exact heap copy: one byte read too far is seen by the address sanitizer. */
static int gate(const char *s, size_t n, enum json_mode mode, struct fault *f)
{
    char *exact = malloc(n > 0 ? n : 1);
    assert_non_null(exact);
    memcpy(exact, s, n);
    int r = json_gate(exact, n, mode, f);
    free(exact);
    return r;
}

struct row {
    const char *s;
    int protocol, generic;
};

/* clang-format off */
static const struct row rows[] = {
    {"{}", 0, 0},
    {"{\"a\":1}", 0, 0},
    {"{\"a\":{\"a\":[{\"a\":1},[],\"\",true,false,-5,0]}}", 0, 0},
    {"{\"a\":\"\xe4\xb8\xad\xf0\xa0\xae\xb7\"}", 0, 0},
    {"{\"a\":\"\x7f\"}", 0, 0},
    {"{\"a\":\"\xe2\x80\xa8\xef\xbf\xbf\"}", 0, 0},
    {"{\"a\":\"\\\"\\\\\\n\\r\\t\\b\\f\\u0001\\u000b\\u001f\"}", 0, 0},
    {"", SYN, SYN}, {" ", SYN, SYN}, {"{", SYN, SYN}, {"}", SYN, SYN}, {"{}}", SYN, SYN},
    {"{},", SYN, SYN}, {"{]", SYN, SYN}, {"[}", SYN, SYN}, {"{\"a\":[}]", SYN, SYN},
    {"{\"a\"}", SYN, SYN}, {"{\"a\":}", SYN, SYN}, {"{\"a\":1,}", SYN, SYN}, {"{,\"a\":1}", SYN, SYN},
    {"{\"a\":[1,]}", SYN, SYN}, {"{\"a\":[,1]}", SYN, SYN}, {"{\"a\":[1 2]}", SYN, SYN},
    {"{\"a\" 1}", SYN, SYN}, {"{a:1}", SYN, SYN}, {"{'a':1}", SYN, SYN}, {"{\"a\":1 \"b\":2}", SYN, SYN},
    /* one object, nothing around it */
    {"[]", SYN, 0}, {"1", SYN, 0}, {"\"\"", SYN, 0}, {"true", SYN, 0}, {"null", SYN, 0},
    {" {}", SYN, 0}, {"{} ", SYN, 0}, {"{}\n", SYN, 0}, {"{ }", SYN, 0}, {"{\"a\": 1}", SYN, 0},
    {"{\"a\":1 }", SYN, 0}, {"{\"a\":[1, 2]}", SYN, 0}, {"{\"a\" :1}", SYN, 0},
    {"\xef\xbb\xbf{}", SYN, SYN}, {"{}\v", SYN, SYN}, {"\f{}", SYN, SYN}, {"{}\xc2\xa0", SYN, SYN},
    {"{}{}", SYN, SYN}, {"{\"a\":nul}", SYN, SYN}, {"{\"a\":tru", SYN, SYN}, {"{\"a\":True}", SYN, SYN},
    {"{\"a\":null}", SYN, 0}, {"{\"a\":truee}", SYN, SYN},
    /* names */
    {"{\"\":1}", SYN, 0}, {"{\"A\":1}", SYN, 0}, {"{\"a-b\":1}", SYN, 0}, {"{\"a.b\":1}", SYN, 0},
    {"{\"\\u0061\":1}", SYN, 0}, {"{\"\xe4\xb8\xad\":1}", SYN, 0}, {"{\"a\\n\":1}", SYN, 0},
    {"{\"abcdefghijklmnopqrstuvwxyz_01234\":1}", 0, 0},
    {"{\"abcdefghijklmnopqrstuvwxyz_012345\":1}", SYN, 0},
    {"{\"a\":1,\"a\":1}", SYN, SYN}, {"{\"a\":1,\"b\":2,\"a\":3}", SYN, SYN},
    {"{\"a\":1,\"b\":{\"a\":1},\"c\":[{\"a\":1},{\"a\":1}]}", 0, 0},
    {"{\"a\":{\"b\":1},\"b\":2}", 0, 0}, {"{\"x\":[{\"a\":1}],\"a\":{\"x\":1}}", 0, 0},
    {"{\"a\":{\"b\":1},\"a\":2}", SYN, SYN}, {"{\"c\":{\"b\":1,\"b\":2}}", SYN, SYN},
    {"{\"a\":1,\"\\u0061\":2}", SYN, SYN}, {"{\"\\/\":1,\"/\":2}", SYN, SYN},
    {"{\"\\ud834\\udd1e\":1,\"\xf0\x9d\x84\x9e\":2}", SYN, SYN},
    {"{\"\\u0000\":1,\"\":2,\"\\u0000\\u0000\":3}", SYN, 0}, {"{\"\\n\":1,\"n\":2}", SYN, 0},
    {"{\"a\":1,\"A\":2}", SYN, 0},
    /* numbers */
    {"{\"a\":999999999999999}", 0, 0}, {"{\"a\":-999999999999999}", 0, 0},
    {"{\"a\":1000000000000000}", SYN, 0}, {"{\"a\":-1000000000000000}", SYN, 0},
    {"{\"a\":-0}", SYN, 0}, {"{\"a\":0.0}", SYN, 0}, {"{\"a\":1.5}", SYN, 0}, {"{\"a\":1e3}", SYN, 0},
    {"{\"a\":1E+3}", SYN, 0}, {"{\"a\":1e-3}", SYN, 0}, {"{\"a\":1.}", SYN, SYN}, {"{\"a\":.5}", SYN, SYN},
    {"{\"a\":1e}", SYN, SYN}, {"{\"a\":1e+}", SYN, SYN}, {"{\"a\":01}", SYN, SYN}, {"{\"a\":-}", SYN, SYN},
    {"{\"a\":-01}", SYN, SYN}, {"{\"a\":+1}", SYN, SYN}, {"{\"a\":0x1}", SYN, SYN}, {"{\"a\":1_0}", SYN, SYN},
    {"{\"a\":NaN}", SYN, SYN}, {"{\"a\":-Infinity}", SYN, SYN}, {"-", SYN, SYN}, {"0", SYN, 0},
    {"1.", SYN, SYN}, {"1e", SYN, SYN},
    /* strings: one spelling only */
    {"{\"a\":\"\\/\"}", SYN, 0}, {"{\"a\":\"\\u0041\"}", SYN, 0}, {"{\"a\":\"\\u0022\"}", SYN, 0},
    {"{\"a\":\"\\u005c\"}", SYN, 0}, {"{\"a\":\"\\u000a\"}", SYN, 0}, {"{\"a\":\"\\u000d\"}", SYN, 0},
    {"{\"a\":\"\\u0009\"}", SYN, 0}, {"{\"a\":\"\\u0008\"}", SYN, 0}, {"{\"a\":\"\\u000c\"}", SYN, 0},
    {"{\"a\":\"\\u001F\"}", SYN, 0}, {"{\"a\":\"\\u000B\"}", SYN, 0}, {"{\"a\":\"\\u007f\"}", SYN, 0},
    {"{\"a\":\"\\u0000\"}", SYN, 0}, {"{\"a\":\"\\u4e2d\"}", SYN, 0}, {"{\"a\":\"\\ud834\\udd1e\"}", SYN, 0},
    {"{\"a\":\"\\ud834\"}", SYN, ENC}, {"{\"a\":\"\\udd1e\"}", SYN, ENC}, {"{\"a\":\"\\ud834\\ud834\"}", SYN, ENC},
    {"{\"a\":\"\\udd1e\\udd1e\"}", SYN, ENC}, {"{\"a\":\"\\ud834x\"}", SYN, ENC}, {"{\"a\":\"\\ud834\\u\"}", SYN, ENC}, {"{\"a\":\"\\udd1e\\ud834\"}", SYN, ENC},
    {"{\"a\":\"\\u00\"}", SYN, SYN}, {"{\"a\":\"\\u00g0\"}", SYN, SYN}, {"{\"a\":\"\\x\"}", SYN, SYN},
    {"{\"a\":\"\\U0001\"}", SYN, SYN}, {"{\"a\":\"\\'\"}", SYN, SYN}, {"{\"a\":\"\\", SYN, SYN},
    {"{\"a\":\"\\u", SYN, SYN}, {"{\"a\":\"\\u001", SYN, SYN}, {"{\"a\":\"\\u0001", SYN, SYN},
    {"{\"a\":\"\n\"}", SYN, SYN}, {"{\"a\":\"\t\"}", SYN, SYN}, {"{\"a\":\"\x1f\"}", SYN, SYN},
    {"{\"a\":\"x", SYN, SYN}, {"{\"a", SYN, SYN}, {"{\"", SYN, SYN}, {"\"", SYN, SYN},
    {"{\"a\":\"\xc0\x80\"}", ENC, ENC}, {"{\"a\":\"\xed\xa0\x80\"}", ENC, ENC}, {"{\"a\":\"\xe4\xb8\"}", ENC, ENC},
    {"{\"a\":\"\xf4\x90\x80\x80\"}", ENC, ENC}, {"{\"a\":\"\x80\"}", ENC, ENC}, {"{\"a\":\"\xe0\x80\x80\"}", ENC, ENC},
    {"{\"a\":\"\xff\"}", ENC, ENC}, {"{\"a\":\"\xe4\xb8", ENC, ENC}, {"{\"a\":\"12345678\xe1", ENC, ENC},
};
/* clang-format on */

static void test_rows(void **st)
{
    (void)st;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fault f = {0};
        size_t n = strlen(rows[i].s);
        int p = gate(rows[i].s, n, JSON_PROTOCOL, &f);
        int g = gate(rows[i].s, n, JSON_GENERIC, NULL);
        if (p != rows[i].protocol || g != rows[i].generic) {
            fail_msg("%s: protocol %s (%s), generic %s", rows[i].s, err_name(p), f.want,
                     err_name(g));
        }
        if (p < 0) {
            assert_int_equal(f.err, p);
            assert_in_range(f.off, 0, n);
            assert_true(f.want[0] != 0);
        }
    }
}

static void test_nul_and_place(void **st)
{
    (void)st;
    struct fault f = {0};
    assert_int_equal(gate("{}\0", 3, JSON_PROTOCOL, &f), SYN);
    assert_int_equal(f.off, 2);
    assert_int_equal(gate("{\"a\":\"\0\"}", 9, JSON_GENERIC, NULL), SYN);
    assert_int_equal(gate("{\"a\0\":1}", 8, JSON_PROTOCOL, NULL), SYN);
    assert_int_equal(gate("{\"a\":\"\\\0\"}", 10, JSON_GENERIC, NULL), SYN);
    assert_int_equal(gate("{\n\n \"a\":1,\n\"a\":2}", 17, JSON_GENERIC, &f), SYN);
    assert_int_equal(f.line, 4);
    assert_int_equal(json_gate(NULL, 0, JSON_PROTOCOL, NULL), SYN);
    assert_int_equal(json_gate(NULL, 0, JSON_GENERIC, NULL), SYN);
}

/* Every prefix of a good text is refused: nothing depends on what lies behind the end. */
static void test_prefixes(void **st)
{
    (void)st;
    static const char s[] =
        "{\"a\":\"\xe4\xb8\xad\\u001f\\n\",\"b\":[-12,true,{\"c\":false}],\"d\":{}}";
    size_t n = sizeof(s) - 1;
    assert_int_equal(gate(s, n, JSON_PROTOCOL, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        assert_true(gate(s, i, JSON_PROTOCOL, NULL) < 0);
        assert_true(gate(s, i, JSON_GENERIC, NULL) < 0);
    }
}

static void nested(struct buf *b, int depth)
{
    buf_reset(b);
    (void)buf_puts(b, "{\"a\":");
    for (int i = 1; i < depth; i++) {
        (void)buf_putc(b, '[');
    }
    (void)buf_puts(b, depth == 1 ? "1" : "");
    for (int i = 1; i < depth; i++) {
        (void)buf_putc(b, ']');
    }
    (void)buf_putc(b, '}');
}

static void members(struct buf *b, int n, const char *last)
{
    buf_reset(b);
    (void)buf_putc(b, '{');
    for (int i = 0; i < n; i++) {
        (void)buf_printf(b, "\"n%d\":%d,", i, i);
    }
    (void)buf_printf(b, "\"%s\":0}", last);
}

static void test_limits(void **st)
{
    (void)st;
    struct buf b;
    buf_init(&b, 8U << 20);
    nested(&b, 16);
    assert_int_equal(gate(buf_str(&b), b.len, JSON_PROTOCOL, NULL), 0);
    nested(&b, 17);
    assert_int_equal(gate(buf_str(&b), b.len, JSON_PROTOCOL, NULL), SIZ);
    nested(&b, 64);
    assert_int_equal(gate(buf_str(&b), b.len, JSON_GENERIC, NULL), 0);
    nested(&b, 65);
    assert_int_equal(gate(buf_str(&b), b.len, JSON_GENERIC, NULL), SIZ);
    struct json_limits wide = {1000, 1U << 30, 1U << 30};
    assert_int_equal(json_gate_with(buf_str(&b), b.len, JSON_GENERIC, &wide, NULL), SIZ);
    members(&b, 63, "x");
    assert_int_equal(gate(buf_str(&b), b.len, JSON_PROTOCOL, NULL), 0);
    members(&b, 64, "x");
    assert_int_equal(gate(buf_str(&b), b.len, JSON_PROTOCOL, NULL), SIZ);
    members(&b, 999, "x");
    assert_int_equal(gate(buf_str(&b), b.len, JSON_GENERIC, NULL), 0);
    members(&b, 1000, "x");
    assert_int_equal(gate(buf_str(&b), b.len, JSON_GENERIC, NULL), SIZ);
    for (int i = 0; i < 60; i += 7) {
        char name[8];
        (void)snprintf(name, sizeof(name), "n%d", i);
        members(&b, 60, name);
        assert_int_equal(gate(buf_str(&b), b.len, JSON_PROTOCOL, NULL), SYN);
        members(&b, 900, name);
        assert_int_equal(gate(buf_str(&b), b.len, JSON_GENERIC, NULL), SYN);
    }
    members(&b, 5000, "x");
    assert_int_equal(json_gate_with(buf_str(&b), b.len, JSON_GENERIC, &wide, NULL), SIZ);
    buf_reset(&b); /* names of closed objects do not count */
    (void)buf_puts(&b, "[{}");
    for (int i = 0; i < 5000; i++) {
        (void)buf_puts(&b, ",{\"a\":1}");
    }
    (void)buf_putc(&b, ']');
    assert_int_equal(gate(buf_str(&b), b.len, JSON_GENERIC, NULL), 0);
    buf_reset(&b); /* object, name, array, then elements: 4,096 tokens at most */
    (void)buf_puts(&b, "{\"a\":[0");
    for (int i = 1; i < 4093; i++) {
        (void)buf_puts(&b, ",0");
    }
    (void)buf_puts(&b, "]}");
    assert_int_equal(gate(buf_str(&b), b.len, JSON_PROTOCOL, NULL), 0);
    b.len -= 2;
    (void)buf_puts(&b, ",0]}");
    assert_int_equal(gate(buf_str(&b), b.len, JSON_PROTOCOL, NULL), SIZ);
    buf_done(&b);
}

static void test_writer(void **st)
{
    (void)st;
    struct buf b;
    struct jw w;
    buf_init(&b, 1000);
    jw_init(&w, &b);
    jw_obj(&w, NULL);
    jw_str(&w, "s", "a\"\\\n\r\t\b\f\x01\x1f\x7f/\xe4\xb8\xad");
    jw_int(&w, "i", -999999999999999);
    jw_int(&w, "z", 0);
    jw_arr(&w, "l");
    jw_bool(&w, NULL, true);
    jw_obj(&w, NULL);
    jw_end_obj(&w);
    jw_arr(&w, NULL);
    jw_int(&w, NULL, 7);
    jw_end_arr(&w);
    jw_end_arr(&w);
    jw_b64(&w, "b", "\xff\xee", 2);
    jw_raw(&w, "r", "{\"x\":1}", 7);
    jw_end_obj(&w);
    assert_int_equal(jw_done(&w), 0);
    assert_string_equal(buf_str(&b),
                        "{\"s\":\"a\\\"\\\\\\n\\r\\t\\b\\f\\u0001\\u001f\x7f/\xe4\xb8\xad\","
                        "\"i\":-999999999999999,\"z\":0,\"l\":[true,{},[7]],"
                        "\"b\":\"_-4\",\"r\":{\"x\":1}}");
    assert_int_equal(gate(buf_str(&b), b.len, JSON_PROTOCOL, NULL), 0);
    buf_done(&b);
}

/* Every byte that may stand in a text: quoted, it passes the gate and means the same to cJSON. */
static void test_quote_all(void **st)
{
    (void)st;
    struct buf b;
    buf_init(&b, 1000);
    for (int c = 1; c < 128; c++) {
        char s[3] = {(char)c, 'x', 0};
        buf_reset(&b);
        (void)buf_puts(&b, "{\"a\":");
        assert_int_equal(json_quote(&b, s, 2), 0);
        (void)buf_putc(&b, '}');
        assert_int_equal(gate(buf_str(&b), b.len, JSON_PROTOCOL, NULL), 0);
        cJSON *v = cJSON_Parse(buf_str(&b));
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(v, "a")), s);
        cJSON_Delete(v);
    }
    buf_reset(&b);
    assert_int_equal(json_quote(&b, "a\0b", 3), ENC);
    assert_int_equal(json_quote(&b, "\xe4\xb8", 2), ENC);
    assert_int_equal(b.len, 0);
    assert_int_equal(json_quote(&b, NULL, 0), 0);
    assert_string_equal(buf_str(&b), "\"\"");
    buf_done(&b);
}

static int misuse(int which)
{
    struct buf b;
    struct jw w;
    buf_init(&b, 10);
    jw_init(&w, &b);
    if (which != 0) {
        jw_obj(&w, which == 1 ? "a" : NULL); /* 1: a name at the top */
    }
    if (which == 2) {
        jw_int(&w, NULL, 1); /* a member without a name */
    } else if (which == 3) {
        jw_end_arr(&w);
    } else if (which == 4) {
        jw_int(&w, "a", 1000000000000000);
    } else if (which == 5) {
        jw_str(&w, "a", "\xff");
    } else if (which == 6) {
        jw_str(&w, "a", "too long for ten");
    } else if (which == 7) {
        jw_str(&w, "a", NULL);
    } else if (which == 8) {
        jw_arr(&w, "a");
        jw_int(&w, "b", 1);
    } else if (which == 9) {
        jw_end_obj(&w);
        jw_obj(&w, NULL); /* two values at the top */
        jw_end_obj(&w);
    } else if (which == 10) {
        jw_end_obj(&w);
        jw_end_obj(&w);
    } /* 11: not closed */
    int r = jw_done(&w);
    buf_done(&b);
    return r;
}

static void test_misuse(void **st)
{
    (void)st;
    static const int want[] = {SANJI_E_BUG,  SANJI_E_BUG,      SANJI_E_BUG,  SANJI_E_BUG,
                               SANJI_E_SPEC, SANJI_E_ENCODING, SANJI_E_SIZE, SANJI_E_BUG,
                               SANJI_E_BUG,  SANJI_E_BUG,      SANJI_E_BUG,  SANJI_E_BUG};
    for (int i = 0; i < 12; i++) {
        assert_int_equal(misuse(i), want[i]);
    }
    struct buf b;
    struct jw w;
    buf_init(&b, 1000);
    jw_init(&w, &b);
    for (int i = 0; i < 40; i++) {
        jw_arr(&w, NULL);
    }
    assert_int_equal(jw_done(&w), SANJI_E_BUG);
    buf_done(&b);
}

static void test_unquote(void **st)
{
    (void)st;
    struct buf b;
    buf_init(&b, 100);
    static const char good[] = "{\\\"a\\\":\\\"\\\\\\\\n\\\"}";
    assert_int_equal(json_unquote_simple(good, sizeof(good) - 1, &b), 0);
    assert_string_equal(buf_str(&b), "{\"a\":\"\\\\n\"}");
    buf_reset(&b);
    assert_int_equal(json_unquote_simple("", 0, &b), 0);
    assert_int_equal(json_unquote_simple("abc", 3, &b), 0);
    assert_string_equal(buf_str(&b), "abc");
    assert_int_equal(json_unquote_simple("\\n", 2, &b), SYN);
    assert_int_equal(json_unquote_simple("a\\", 2, &b), SYN);
    assert_int_equal(json_unquote_simple("\\u0041", 6, &b), SYN);
    assert_int_equal(json_unquote_simple("a\"b", 3, &b), SYN);
    assert_int_equal(json_unquote_simple("a\nb", 3, &b), SYN);
    buf_done(&b);
    buf_init(&b, 2);
    assert_int_equal(json_unquote_simple("abc", 3, &b), SIZ);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),     cmocka_unit_test(test_nul_and_place),
        cmocka_unit_test(test_prefixes), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_writer),   cmocka_unit_test(test_quote_all),
        cmocka_unit_test(test_misuse),   cmocka_unit_test(test_unquote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
