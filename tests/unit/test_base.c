/* SPDX-License-Identifier: Apache-2.0 */
/* Do the readers of the base layer accept exactly one spelling, and do the caps hold? */
#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/base/enc.h"
#include "protocol/base/err.h"
#include "protocol/base/text.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_arena(void **st)
{
    (void)st;
    struct arena *a = arena_new(1000);
    assert_non_null(a);
    uint8_t *p = arena_alloc(a, 3);
    uint8_t *q = arena_alloc(a, 3);
    assert_non_null(p);
    assert_true(q >= p + 3);
    assert_int_equal((uintptr_t)q % _Alignof(max_align_t), 0);
    assert_int_equal(p[0] | p[1] | p[2], 0);
    assert_non_null(arena_alloc(a, 0));
    assert_null(arena_alloc(a, 1001));
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_null(arena_dup(a, "x", SIZE_MAX));
    assert_string_equal(arena_strdup(a, "text"), "text");
    assert_string_equal(arena_dup(a, "textual", 4), "text");
    assert_string_equal(arena_printf(a, "%d-%s", 7, "x"), "7-x");
    size_t used = arena_used(a);
    assert_in_range(used, 1, 1000);
    assert_null(arena_alloc(a, 1000 - used + 1));
    memset(p, 0xff, 3);
    arena_reset(a);
    assert_int_equal(arena_used(a), 0);
    p = arena_alloc(a, 992); /* the same memory again, zeroed again */
    assert_non_null(p);
    for (size_t i = 0; i < 992; i++) {
        assert_int_equal(p[i], 0);
    }
    assert_null(arena_alloc(a, 16));
    arena_free(a);
    arena_free(NULL);
    a = arena_new(10U << 20);
    for (size_t i = 1; i < 2000; i++) {
        p = arena_alloc(a, i);
        assert_non_null(p);
        memset(p, 1, i);
    }
    assert_non_null(arena_alloc(a, 4U << 20));
    arena_reset(a);
    assert_non_null(arena_alloc(a, 5000));
    arena_free(a);
}

static void test_buf(void **st)
{
    (void)st;
    struct buf b;
    buf_init(&b, 10);
    assert_string_equal(buf_str(&b), "");
    assert_int_equal(buf_puts(&b, "hello"), 0);
    assert_int_equal(buf_printf(&b, "%d", 12345), 0);
    assert_string_equal(buf_str(&b), "hello12345");
    assert_int_equal(buf_putc(&b, 'x'), SANJI_E_SIZE);
    assert_int_equal(buf_put(&b, NULL, 0), SANJI_E_SIZE); /* sticky */
    assert_int_equal(b.len, 10);
    assert_null(buf_take(&b, NULL));
    assert_int_equal(buf_put_lp(&b, "abc", 3), 0);
    assert_int_equal(buf_put_lp(&b, "abc", 3), SANJI_E_SIZE);
    assert_int_equal(b.len, 7); /* no length without its bytes */
    assert_memory_equal(b.data, "\0\0\0\3abc", 8);
    buf_reset(&b);
    assert_int_equal(b.err, 0);
    assert_int_equal(buf_put_u64be(&b, 0x0102030405060708), 0);
    assert_memory_equal(b.data, "\1\2\3\4\5\6\7\10", 9);
    assert_int_equal(buf_printf(&b, "%s", "123"), SANJI_E_SIZE);
    buf_wipe_done(&b);
    assert_int_equal(buf_put_lps(&b, ""), 0);
    size_t n = 9;
    char *s = buf_take(&b, &n);
    assert_int_equal(n, 4);
    free(s);
    s = buf_take(&b, &n);
    assert_string_equal(s, "");
    assert_int_equal(n, 0);
    free(s);
    buf_done(&b);
    struct buf zero = {0};
    buf_done(&zero);
    buf_init(&b, SIZE_MAX);
    assert_int_equal(buf_puts(&b, "a"), SANJI_E_SIZE);
    buf_done(&b);
    buf_init(&b, 1U << 20);
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(buf_putc(&b, (char)('a' + i % 26)), 0);
    }
    assert_int_equal(b.data[99999], 'a' + 99999 % 26);
    assert_int_equal(b.data[100000], 0);
    buf_done(&b);
    assert_true(span_eqs(span_of("ab", 2), "ab"));
    assert_false(span_eqs(span_of("ab", 1), "ab"));
    assert_true(span_eq(span_of(NULL, 0), span_of("", 0)));
}

/* Every length: what the encoder writes, the decoder takes; every other last digit, it refuses. */
static void test_enc_round(void **st)
{
    (void)st;
    uint8_t in[40];
    uint8_t out[40];
    char text[80];
    for (size_t n = 0; n <= 40; n++) {
        for (size_t i = 0; i < n; i++) {
            in[i] = (uint8_t)(i * 37 + n * 11 + 0x80);
        }
        size_t len = b64u_put(in, n, text);
        size_t got = 99;
        assert_int_equal(len, B64U_LEN(n));
        assert_int_equal(b64u_get(text, len, out, n), 0);
        assert_memory_equal(in, out, n);
        assert_int_equal(b64u_get_any(text, len, out, n, &got), 0);
        assert_int_equal(got, n);
        assert_int_equal(b64u_get(text, len, out, n + 1), SANJI_E_ENCODING);
        if (n > 0) {
            assert_int_equal(b64u_get_any(text, len, out, n - 1, &got), SANJI_E_ENCODING);
        }
        len = b32_put(in, n, text);
        assert_int_equal(len, B32_LEN(n));
        assert_int_equal(b32_get(text, len, out, n), 0);
        assert_memory_equal(in, out, n);
        len = hex_put(in, n, text);
        assert_int_equal(hex_get(text, len, out, n), 0);
        assert_memory_equal(in, out, n);
    }
}

static void test_enc_one_spelling(void **st)
{
    (void)st;
    uint8_t out[4];
    size_t len;
    for (int c = 0; c < 256; c++) {
        char two[2] = {'A', (char)c};
        /* Two digits are one byte; the low four bits of the last must be zero: A Q g w. */
        int want = c == 'A' || c == 'Q' || c == 'g' || c == 'w' ? 0 : SANJI_E_ENCODING;
        assert_int_equal(b64u_get(two, 2, out, 1), want);
        char b32[2] = {'a', (char)c};
        want = c == 'a' || c == 'e' || c == 'i' || c == 'm' || c == 'q' || c == 'u' || c == 'y' ||
                       c == '4'
                   ? 0
                   : SANJI_E_ENCODING;
        assert_int_equal(b32_get(b32, 2, out, 1), want);
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        char h[2] = {'0', (char)c};
        assert_int_equal(hex_get(h, 2, out, 1), hex ? 0 : SANJI_E_ENCODING);
    }
    assert_int_equal(b64u_get_any("A", 1, out, 4, &len), SANJI_E_ENCODING);
    assert_int_equal(b64u_get("AA==", 4, out, 1), SANJI_E_ENCODING);
    assert_int_equal(b64u_get("+/AA", 4, out, 3), SANJI_E_ENCODING);
    assert_int_equal(b32_get("aaa", 3, out, 1), SANJI_E_ENCODING);
    assert_int_equal(hex_get("0", 1, out, 1), SANJI_E_ENCODING);
    assert_int_equal(b64u_get("", 0, out, SIZE_MAX / 2), SANJI_E_ENCODING);
    char text[8];
    assert_int_equal(b64u_put("\xfb\xff\xbf", 3, text), 4);
    assert_memory_equal(text, "-_-_", 4);
    assert_int_equal(b32_put("foobar", 5, text), 8);
    assert_memory_equal(text, "mzxw6ytb", 8); /* RFC 4648 section 10 */
    memset(out, 7, sizeof(out));
    assert_int_equal(hex_get("00g0", 4, out, 2), SANJI_E_ENCODING);
    assert_int_equal(out[0], 7); /* untouched on failure */
}

static void test_ord32(void **st)
{
    (void)st;
    uint8_t in[16] = {0};
    char a[26];
    char b[26];
    ord32_put128(in, a);
    assert_memory_equal(a, "00000000000000000000000000", 26);
    memset(in, 0xff, 16);
    ord32_put128(in, a);
    assert_memory_equal(a, "7zzzzzzzzzzzzzzzzzzzzzzzzz", 26);
    uint32_t x = 1;
    for (int i = 0; i < 2000; i++) { /* the order of bytes is the order of texts */
        uint8_t in2[16];
        for (size_t k = 0; k < 16; k++) {
            x = x * 1664525 + 1013904223;
            in2[k] = (uint8_t)(k < 8 && i % 2 ? in[k] : x >> 24);
        }
        ord32_put128(in, a);
        ord32_put128(in2, b);
        int want = memcmp(in, in2, 16);
        int got = memcmp(a, b, 26);
        assert_true((want < 0) == (got < 0) && (want == 0) == (got == 0));
        memcpy(in, in2, 16);
    }
}

static void test_err(void **st)
{
    (void)st;
    for (int i = 0; i < SANJI_ERR_COUNT; i++) {
        assert_int_equal(err_by_name(err_name(-i)), -i); /* names are unique */
        assert_in_range(err_http(-i), 200, 599);
    }
    assert_string_equal(err_name(0), "ok");
    assert_string_equal(err_name(5), "bug");
    assert_string_equal(err_name(INT_MIN), "bug");
    assert_string_equal(err_name(-SANJI_ERR_COUNT), "bug");
    assert_int_equal(err_by_name("from_the_future"), SANJI_E_REFUSED);
    struct fault f;
    memset(&f, 0xff, sizeof(f));
    char longer[200];
    memset(longer, 'x', sizeof(longer));
    longer[62] = '\xe4'; /* a three-byte character over the edge goes as a whole */
    longer[63] = '\xb8';
    longer[64] = '\xad';
    longer[199] = 0;
    assert_int_equal(fault_set(&f, SANJI_E_SPEC, longer, NULL), SANJI_E_SPEC);
    assert_int_equal(strlen(f.member), 62);
    assert_string_equal(f.want, "");
    assert_int_equal(f.off, 0);
    assert_int_equal(fault_set(NULL, SANJI_E_SPEC, "a", "b"), SANJI_E_SPEC);
}

struct utf8_case {
    const char *s;
    size_t bad; /* offset, SIZE_MAX: valid */
};

static void test_utf8(void **st)
{
    (void)st;
    static const struct utf8_case cases[] = {
        {"", SIZE_MAX},
        {"plain ascii over eight", SIZE_MAX},
        {"\xe4\xb8\xad\xe6\x96\x87", SIZE_MAX},
        {"\xf0\xa0\xae\xb7", SIZE_MAX}, /* U+20BB7 */
        {"\xf4\x8f\xbf\xbf", SIZE_MAX},
        {"\xef\xbf\xbf", SIZE_MAX},
        {"\xf4\x90\x80\x80", 0},
        {"a\xc0\x80", 1},
        {"a\xc1\xbf", 1},
        {"\xe0\x9f\xbf", 0},
        {"\xed\xa0\x80", 0},
        {"\xf0\x8f\xbf\xbf", 0},
        {"12345678\x80", 8},
        {"1234567\xe4\xb8", 7},
        {"\xf5\x80\x80\x80", 0},
        {"\xff", 0},
        {"\xe4\xb8\xad\xe4\x2d\xad", 3},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t off = SIZE_MAX;
        bool ok = utf8_valid(cases[i].s, strlen(cases[i].s), &off);
        assert_int_equal(ok, cases[i].bad == SIZE_MAX);
        assert_int_equal(off, cases[i].bad);
    }
    assert_int_equal(utf8_len("a\xe4\xb8\xad\xf0\xa0\xae\xb7", 8), 3);
    for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
        if (cp >= 0xd800 && cp <= 0xdfff) {
            continue;
        }
        uint8_t out[4];
        uint32_t back = 0;
        size_t n = utf8_put(cp, out);
        assert_true(utf8_valid(out, n, NULL));
        assert_int_equal(utf8_next(out, n, &back), n);
        assert_int_equal(back, cp);
    }
    uint32_t cp = 1;
    assert_int_equal(utf8_next("", 0, &cp), 0);
    assert_int_equal(utf8_next("\xe4\xb8", 2, &cp), 1);
    assert_int_equal(cp, 0xfffd);
}

static void test_control(void **st)
{
    (void)st;
    assert_false(text_has_control("\xe4\xb8\xad ok", 6, false));
    assert_true(text_has_control("a\nb", 3, false));
    assert_false(text_has_control("a\n\tb", 4, true));
    assert_true(text_has_control("a\rb", 3, true));
    assert_true(text_has_control("\x7f", 1, true));
    assert_true(text_has_control("\xc2\x85", 2, true));       /* NEL */
    assert_false(text_has_control("\xc2\xa0", 2, true));      /* the first after C1 */
    assert_true(text_has_control("x\xe2\x80\xae", 4, false)); /* U+202E */
    assert_true(text_has_control("\xe2\x81\xa6", 3, false));  /* U+2066 */
    assert_false(text_has_control("\xe2\x80\xa9", 3, false)); /* U+2029, one before 202A */
    assert_true(text_has_control("", 1, false));              /* NUL */
}

static void test_i64(void **st)
{
    (void)st;
    static const struct {
        const char *s;
        int r;
        int64_t v;
    } cases[] = {
        {"0", 0, 0},
        {"7", 0, 7},
        {"-7", 0, -7},
        {"9223372036854775807", 0, INT64_MAX},
        {"-9223372036854775808", 0, INT64_MIN},
        {"9223372036854775808", SANJI_E_SPEC, 0},
        {"-9223372036854775809", SANJI_E_SPEC, 0},
        {"99999999999999999999", SANJI_E_SPEC, 0},
        {"99999999999999999999x", SANJI_E_SYNTAX, 0},
        {"", SANJI_E_SYNTAX, 0},
        {"-", SANJI_E_SYNTAX, 0},
        {"-0", SANJI_E_SYNTAX, 0},
        {"00", SANJI_E_SYNTAX, 0},
        {"01", SANJI_E_SYNTAX, 0},
        {"-01", SANJI_E_SYNTAX, 0},
        {"+1", SANJI_E_SYNTAX, 0},
        {" 1", SANJI_E_SYNTAX, 0},
        {"1 ", SANJI_E_SYNTAX, 0},
        {"1.0", SANJI_E_SYNTAX, 0},
        {"0x1", SANJI_E_SYNTAX, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t v = 0;
        int r = text_i64(cases[i].s, strlen(cases[i].s), INT64_MIN, INT64_MAX, &v);
        assert_int_equal(r, cases[i].r);
        assert_true(v == cases[i].v);
    }
    int64_t v = 99;
    assert_int_equal(text_i64("11", 2, 0, 10, &v), SANJI_E_SPEC);
    assert_int_equal(text_i64("-1", 2, 0, 10, &v), SANJI_E_SPEC);
    assert_int_equal(v, 99);
    assert_int_equal(text_i64("105", 2, 0, 10, &v), 0);
    assert_int_equal(v, 10);
}

static void test_units(void **st)
{
    (void)st;
    int64_t v = 0;
    assert_int_equal(text_duration_ms("250ms", &v), 0);
    assert_int_equal(v, 250);
    assert_int_equal(text_duration_ms("10", &v), 0);
    assert_int_equal(v, 10000);
    assert_int_equal(text_duration_ms("15m", &v), 0);
    assert_int_equal(v, 900000);
    assert_int_equal(text_duration_ms("7d", &v), 0);
    assert_int_equal(v, 604800000);
    assert_int_equal(text_duration_ms("", &v), SANJI_E_SYNTAX);
    assert_int_equal(text_duration_ms("s", &v), SANJI_E_SYNTAX);
    assert_int_equal(text_duration_ms("1 s", &v), SANJI_E_SYNTAX);
    assert_int_equal(text_duration_ms("1w", &v), SANJI_E_SYNTAX);
    assert_int_equal(text_duration_ms("-1s", &v), SANJI_E_SYNTAX);
    assert_int_equal(text_duration_ms("9223372036854775807d", &v), SANJI_E_SPEC);
    assert_int_equal(v, 604800000);
    assert_int_equal(text_bytes("4096", &v), 0);
    assert_int_equal(v, 4096);
    assert_int_equal(text_bytes("2GiB", &v), 0);
    assert_true(v == INT64_C(2147483648));
    assert_int_equal(text_bytes("2GB", &v), SANJI_E_SYNTAX);
}

static void test_dates(void **st)
{
    (void)st;
    int d = 0;
    char s[11];
    int first = 0;
    assert_int_equal(date_parse("0001-01-01", 10, &first), 0);
    int y = 1;
    for (d = first; d <= 2932896; d += 13) { /* write and read agree over all years */
        int back = 0;
        date_write(d, s);
        assert_int_equal(date_parse(s, 10, &back), 0);
        assert_int_equal(back, d);
        y = s[0] - '0';
    }
    assert_int_equal(y, 9);
    assert_int_equal(date_parse("1970-01-01", 10, &d), 0);
    assert_int_equal(d, 0);
    assert_int_equal(date_weekday(0), 3);
    assert_int_equal(date_weekday(-4), 6);
    assert_int_equal(date_parse("2026-11-22", 10, &d), 0);
    assert_int_equal(d, 20779);
    assert_int_equal(date_weekday(d), 6);
    assert_int_equal(date_parse("2024-02-29", 10, &d), 0);
    assert_int_equal(date_parse("2000-02-29", 10, &d), 0);
    d = 5;
    static const char *const wrong[] = {"2023-02-29", "1900-02-29", "2026-00-01", "2026-13-01",
                                        "2026-04-31", "2026-01-00", "0000-01-01", "2026-1-001",
                                        "2026/01/01", "+026-01-01", "2026-01-0x"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_true(date_parse(wrong[i], 10, &d) < 0);
    }
    assert_int_equal(date_parse("2026-01-01 ", 11, &d), SANJI_E_SYNTAX);
    assert_int_equal(d, 5);
    date_write(INT_MAX, s);
    assert_string_equal(s, "9999-12-31");
    date_write(INT_MIN, s);
    assert_string_equal(s, "0001-01-01");
}

static void test_times(void **st)
{
    (void)st;
    char t[32];
    time_write(0, t);
    assert_string_equal(t, "1970-01-01T08:00:00.000+08:00");
    time_write(-1, t);
    assert_string_equal(t, "1970-01-01T07:59:59.999+08:00");
    time_write(INT64_C(1795339805123), t);
    assert_string_equal(t, "2026-11-22T17:30:05.123+08:00");
    time_write(INT64_MAX, t);
    assert_string_equal(t, "9999-12-31T23:59:59.999+08:00");
    time_write(INT64_MIN, t);
    assert_string_equal(t, "0001-01-01T00:00:00.000+08:00");
    assert_int_equal(date_of_ms(16 * 3600000 - 1), 0); /* midnight in China is 16:00 UTC */
    assert_int_equal(date_of_ms(16 * 3600000), 1);
    assert_int_equal(date_of_ms(-8 * 3600000 - 1), -1);
    assert_int_equal(date_of_ms(INT64_MAX), 2932896);
}

static void test_periods(void **st)
{
    (void)st;
    static const struct {
        const char *s, *first, *last;
    } ok[] = {
        {"2026", "2026-01-01", "2026-12-31"},     {"2026-H1", "2026-01-01", "2026-06-30"},
        {"2026-H2", "2026-07-01", "2026-12-31"},  {"2026-Q4", "2026-10-01", "2026-12-31"},
        {"2024-02", "2024-02-01", "2024-02-29"},  {"2026-W07", "2026-02-09", "2026-02-15"},
        {"2026-W01", "2025-12-29", "2026-01-04"}, {"2026-W53", "2026-12-28", "2027-01-03"},
        {"2024-W52", "2024-12-23", "2024-12-29"}, {"2026-11-22", "2026-11-22", "2026-11-22"},
    };
    int a = 0;
    int b = 0;
    char s[11];
    for (size_t i = 0; i < sizeof(ok) / sizeof(ok[0]); i++) {
        assert_int_equal(period_parse(ok[i].s, strlen(ok[i].s), &a, &b), 0);
        date_write(a, s);
        assert_string_equal(s, ok[i].first);
        date_write(b, s);
        assert_string_equal(s, ok[i].last);
    }
    static const char *const wrong[] = {"",         "202",      "2026-",    "2026-H0", "2026-H3",
                                        "2026-Q5",  "2026-Q0",  "2026-13",  "2026-00", "2024-W53",
                                        "2026-W00", "2026-W54", "2026-W1",  "2026-Hx", "2026-1x",
                                        "0000",     "2026Q4",   "2026-Q44", "20266",   "2026-11-2"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_true(period_parse(wrong[i], strlen(wrong[i]), &a, &b) < 0);
    }
}

static void test_versions(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        int want;
    } rows[] = {
        {"1", "1", 0},
        {"1.2", "1.10", -1},
        {"1.10", "1.2", 1},
        {"1", "1.0.0", 0},
        {"1.0.1", "1", 1},
        {"0.9", "1", -1},
        {"1.2-rc1", "1.2", 0},
        {"", "0", 0},
        {"v1", "0", 0},
        {"1.", "1", 0},
        {"99999999999999999999999", "1", 1},
        {"1..2", "1.0.2", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(version_cmp(rows[i].a, rows[i].b), rows[i].want);
        assert_int_equal(version_cmp(rows[i].b, rows[i].a), -rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena),     cmocka_unit_test(test_buf),
        cmocka_unit_test(test_enc_round), cmocka_unit_test(test_enc_one_spelling),
        cmocka_unit_test(test_ord32),     cmocka_unit_test(test_err),
        cmocka_unit_test(test_utf8),      cmocka_unit_test(test_control),
        cmocka_unit_test(test_i64),       cmocka_unit_test(test_units),
        cmocka_unit_test(test_dates),     cmocka_unit_test(test_times),
        cmocka_unit_test(test_periods),   cmocka_unit_test(test_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
