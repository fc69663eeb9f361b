/* SPDX-License-Identifier: Apache-2.0 */
/* Does the cursor yield exactly what stands in gated text, and never leave the slice it was given,
 * whatever the text? */
#include "protocol/jcur.h"

#include "protocol/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the headers above first */
#include <cmocka.h>

static struct span sp(const char *s)
{
    return span_of(s, strlen(s));
}

static void test_members_in_order(void **state)
{
    (void)state;
    const char *text =
        "{\"a\":1,\"b\":\"x\\\"},{\",\"c\":{\"d\":[1,{\"e\":\"]\"}]},\"f\":[],\"g\":true,\"h\":-5}";
    static const char *const want[][2] = {
        {"a", "1"},  {"b", "\"x\\\"},{\""}, {"c", "{\"d\":[1,{\"e\":\"]\"}]}"},
        {"f", "[]"}, {"g", "true"},         {"h", "-5"},
    };
    struct jcur c;
    struct span n, v;
    assert_true(jcur_object(&c, sp(text)));
    for (size_t i = 0; i < 6; i++) {
        assert_true(jcur_member(&c, &n, &v));
        assert_true(span_eqs(n, want[i][0]));
        assert_true(span_eqs(v, want[i][1]));
        struct span got;
        assert_true(jcur_get(sp(text), want[i][0], &got));
        assert_ptr_equal(got.p, v.p);
        assert_int_equal(got.n, v.n);
    }
    assert_false(jcur_member(&c, &n, &v));
    assert_false(jcur_member(&c, &n, &v));
    assert_false(jcur_get(sp(text), "d", &v)); /* not the nested one */
    assert_false(jcur_get(sp(text), "aa", &v));
    assert_false(jcur_get(sp(text), "", &v));
    assert_false(jcur_get(sp("[1]"), "a", &v));
}

static void test_elements(void **state)
{
    (void)state;
    struct jcur c;
    struct span v;
    static const char *const want[] = {"1", "\"a,b\"", "[2,3]", "{\"x\":[]}", "false"};
    assert_true(jcur_array(&c, sp("[1,\"a,b\",[2,3],{\"x\":[]},false]")));
    for (size_t i = 0; i < 5; i++) {
        assert_true(jcur_element(&c, &v));
        assert_true(span_eqs(v, want[i]));
    }
    assert_false(jcur_element(&c, &v));
    assert_true(jcur_array(&c, sp("[]")));
    assert_false(jcur_element(&c, &v));
    assert_true(jcur_object(&c, sp("{}")));
    struct span n;
    assert_false(jcur_member(&c, &n, &v));
    assert_false(jcur_array(&c, sp("{}")));
    assert_false(jcur_object(&c, sp("[]")));
    assert_false(jcur_object(&c, sp("{")));
    assert_false(jcur_object(&c, sp("")));
    assert_false(jcur_array(&c, (struct span){0}));
}

static void test_types(void **state)
{
    (void)state;
    assert_int_equal(jcur_type(sp("{}")), JCUR_OBJ);
    assert_int_equal(jcur_type(sp("[]")), JCUR_ARR);
    assert_int_equal(jcur_type(sp("\"\"")), JCUR_STR);
    assert_int_equal(jcur_type(sp("-1")), JCUR_INT);
    assert_int_equal(jcur_type(sp("0")), JCUR_INT);
    assert_int_equal(jcur_type(sp("true")), JCUR_BOOL);
    assert_int_equal(jcur_type(sp("false")), JCUR_BOOL);
    assert_int_equal(jcur_type(sp("null")), JCUR_BAD);
    assert_int_equal(jcur_type(sp("")), JCUR_BAD);
}

static void test_integers(void **state)
{
    (void)state;
    int64_t i = 7;
    assert_true(jcur_int(sp("0"), &i) && i == 0);
    assert_true(jcur_int(sp("-1"), &i) && i == -1);
    assert_true(jcur_int(sp("999999999999999"), &i) && i == 999999999999999);
    assert_true(jcur_int(sp("-999999999999999"), &i) && i == -999999999999999);
    static const char *const bad[] = {
        "",    "-",  "-0", "00", "01",    "-01",  "1000000000000000",       "1.0",
        "1e3", "+1", " 1", "1 ", "\"1\"", "true", "99999999999999999999999"};
    for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
        i = 7;
        assert_false(jcur_int(sp(bad[k]), &i));
        assert_int_equal(i, 7);
    }
    bool b = false;
    assert_true(jcur_bool(sp("true"), &b) && b);
    assert_true(jcur_bool(sp("false"), &b) && !b);
    assert_false(jcur_bool(sp("tru"), &b));
    assert_false(jcur_bool(sp("1"), &b));
}

static void test_strings(void **state)
{
    (void)state;
    struct span s;
    struct buf out;
    buf_init(&out, 1000);
    assert_true(jcur_plain(sp("\"n234\""), &s) && span_eqs(s, "n234"));
    assert_true(jcur_plain(sp("\"\""), &s) && s.n == 0);
    assert_false(jcur_plain(sp("\"a\\nb\""), &s));
    assert_false(jcur_plain(sp("\""), &s));
    assert_false(jcur_plain(sp("1"), &s));
    assert_int_equal(jcur_text(sp("\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\xe4\xb8\xad/\""), &out),
                     0);
    assert_string_equal(buf_str(&out), "\"\\\b\f\n\r\t\x01\x1f\xe4\xb8\xad/");
    assert_int_equal(jcur_text_len(sp("\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\xe4\xb8\xad/\"")),
                     11);
    buf_reset(&out);
    assert_int_equal(jcur_text(sp("\"\""), &out), 0);
    assert_int_equal(out.len, 0);
    assert_int_equal(jcur_text_len(sp("\"\"")), 0);
    assert_int_equal(jcur_text_len(sp("\"\xf0\x9f\x8f\xab\"")), 1);
    assert_int_equal(jcur_text_len(sp("12")), SIZE_MAX);
    static const char *const bad[] = {"\"\\\"",    "\"\\u0000\"", "\"\\u0020\"",
                                      "\"\\u00\"", "\"\\u001F\"", "\"\\x\"",
                                      "\"\\/\"",   "\"",          "",
                                      "1",         "\"\\u001\"",  "\"\\\0\""};
    for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
        assert_int_equal(jcur_text(sp(bad[k]), &out), SANJI_E_SYNTAX);
        assert_int_equal(jcur_text_len(sp(bad[k])), SIZE_MAX);
    }
    buf_done(&out);
    buf_init(&out, 3);
    assert_int_equal(jcur_text(sp("\"abcd\""), &out), SANJI_E_SIZE);
    buf_done(&out);
}

static void walk(struct span v, int depth)
{
    struct jcur c;
    struct span n, e;
    int64_t i;
    struct buf out;
    if (depth > 20) {
        return;
    }
    buf_init(&out, 4096);
    (void)jcur_text(v, &out);
    (void)jcur_text_len(v);
    (void)jcur_int(v, &i);
    buf_done(&out);
    if (jcur_object(&c, v)) {
        while (jcur_member(&c, &n, &e)) {
            assert_true(n.p >= v.p && n.p + n.n <= v.p + v.n);
            assert_true(e.p >= v.p && e.p + e.n <= v.p + v.n && e.n > 0);
            walk(e, depth + 1);
        }
    }
    if (jcur_array(&c, v)) {
        while (jcur_element(&c, &e)) {
            assert_true(e.p >= v.p && e.p + e.n <= v.p + v.n && e.n > 0);
            walk(e, depth + 1);
        }
    }
}

/* Every cut and many changes of a text, in a piece of memory of exactly that size. */
static void test_broken_text_stays_inside(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\":[1,-2,{\"b\":\"c\\\\\\\"d\"}],\"e\":{\"f\":[[],{}]},\"g\":true}";
    static const char put[] = "{}[]\",:\\0-tu\0\xff";
    size_t n = sizeof(text) - 1;
    for (size_t from = 0; from <= n; from++) {
        for (size_t to = from; to <= n; to++) {
            uint8_t *exact = malloc(to > from ? to - from : 1);
            memcpy(exact, text + from, to - from);
            walk(span_of(exact, to - from), 0);
            free(exact);
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < sizeof(put) - 1; k++) {
            uint8_t *exact = malloc(n);
            memcpy(exact, text, n);
            exact[i] = (uint8_t)put[k];
            walk(span_of(exact, n), 0);
            free(exact);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_in_order),
        cmocka_unit_test(test_elements),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_broken_text_stays_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
