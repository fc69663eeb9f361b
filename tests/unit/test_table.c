/* SPDX-License-Identifier: Apache-2.0 */
/* Do columns stand below each other when there is Chinese in them, and are spans said in words? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/cli/table.h"

#include <stdio.h>
#include <string.h>

static int keep(void *io, const void *p, size_t n)
{
    return buf_put(io, p, n);
}

static int nobody(void *io, const void *p, size_t n)
{
    (void)io, (void)p, (void)n;
    return SANJI_E_IO;
}

static void places(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        size_t n;
    } t[] = {{"", 0},        {"abc", 3},    {"济南市", 6},     {"a济b", 4},      {"é", 1},
             {"e\u0301", 1}, {"（一）", 6}, {"\U0001f600", 2}, {"\U00020000", 2}};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        if (text_places(t[i].s) != t[i].n) {
            fail_msg("%s: %zu", t[i].s, text_places(t[i].s));
        }
    }
    assert_true(text_places("\xe6\xb5") <= 2); /* cut off: no byte beyond the end is read */
}

static void columns_stand_below_each_other(void **state)
{
    (void)state;
    static const struct column cols[] = {{"col.node", 6}, {"col.state", 8}, {"col.name", 0}};
    struct buf out, err;
    buf_init(&out, 4096);
    buf_init(&err, 4096);
    struct verb v = {.lang = TEXT_ZH, .io = &out, .out = keep, .err = keep};
    struct table t = {.v = &v, .cols = cols, .n = 3};
    const char *a[] = {"n1", "有效", "甲"}, *b[] = {"much too long", "", "乙"};
    assert_int_equal(table_row(&t, a), 0);
    assert_int_equal(table_row(&t, b), 0);
    table_end(&t, "list.none");
    assert_string_equal(buf_str(&out), "节点    状态      名称\n"
                                       "n1      有效      甲\n"
                                       "much too long  -         乙\n");
    buf_done(&out);
    /* Nothing: no head, and the sentence goes to where errors go. */
    buf_init(&out, 4096);
    struct verb w = {.lang = TEXT_EN, .io = &err, .out = nobody, .err = keep};
    struct table none = {.v = &w, .cols = cols, .n = 3};
    table_end(&none, "list.none");
    assert_string_equal(buf_str(&err), "nothing found\n");
    assert_true(table_row(&none, a) < 0);
    buf_done(&out);
    buf_done(&err);
}

static void spans_are_words(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *en, *zh;
    } t[] = {{0, "0 s", "0 秒"},
             {90000, "90 s", "90 秒"},
             {-600000, "10 minutes", "10 分钟"},
             {86400000, "24 hours", "24 小时"},
             {INT64_C(30) * 86400000, "30 days", "30 天"},
             {INT64_C(3290) * 86400000, "9 years", "9 年"},
             {INT64_MAX / 2, "146135511 years", "146135511 年"}};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        char s[48];
        span_words(TEXT_EN, t[i].ms, s);
        assert_string_equal(s, t[i].en);
        span_words(TEXT_ZH, t[i].ms, s);
        assert_string_equal(s, t[i].zh);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places),
        cmocka_unit_test(columns_stand_below_each_other),
        cmocka_unit_test(spans_are_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
