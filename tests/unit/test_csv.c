/* SPDX-License-Identifier: Apache-2.0 */
/* Tables as text: what other programs write is read, what is written is calculated by none. */
#include "protocol/base/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct got {
    struct buf text; /* cells with "|" behind them, rows as "N:" */
};

static int on_row(const struct span *cell, size_t n, long row, void *arg)
{
    struct got *g = arg;
    buf_printf(&g->text, "%ld:", row);
    for (size_t i = 0; i < n; i++) {
        buf_put(&g->text, cell[i].p, cell[i].n);
        buf_putc(&g->text, '|');
    }
    return 0;
}

static void reads(const char *text, char sep, const char *want)
{
    struct got g = {0};
    struct fault f = {0};
    struct span t = span_of(text, strlen(text));
    buf_init(&g.text, 65536);
    assert_int_equal(csv_separator(&t), sep);
    assert_int_equal(csv_read(t, sep, 1000, on_row, &g, &f), 0);
    assert_string_equal(buf_str(&g.text), want);
    buf_done(&g.text);
}

static void what_programs_write(void **state)
{
    (void)state;
    reads("a,b\r\n1,2\r\n", ',', "1:a|b|2:1|2|");
    reads("\xef\xbb\xbf"
          "a;b;c,d\n1;2;3",
          ';', "1:a|b|c,d|2:1|2|3|");
    reads("a\tb\r1\t\r\r2\t3\r", '\t', "1:a|b|2:1||4:2|3|");
    reads("sep=;\r\na;b\r\n", ';', "1:a|b|");
    reads("\"a\"\"b\",\"c\r\nd\",\" e \"\r\nf\"g,\"h\"i\n", ',', "1:a\"b|c\r\nd| e |2:f\"g|hi|");
    reads("\"a,a,a,a\";b\n", ';', "1:a,a,a,a|b|");
    reads("a,b\n,\n\n,c\n", ',', "1:a|b|4:|c|");
    reads("", ',', "");
}

static void what_it_is_not(void **state)
{
    (void)state;
    struct got g = {0};
    struct fault f = {0};
    static char wide[CSV_CELLS + 8], many[64];
    const char *open = "a\r\nb,\"c\r\nd";
    buf_init(&g.text, 65536);
    assert_int_equal(csv_read(span_of(open, strlen(open)), ',', 9, on_row, &g, &f), SANJI_E_SYNTAX);
    assert_int_equal(f.line, 2);
    memset(wide, ',', sizeof wide);
    assert_int_equal(csv_read(span_of(wide, sizeof wide), ',', 9, on_row, &g, &f), SANJI_E_SIZE);
    memset(many, '\n', sizeof many); /* empty rows do not count */
    assert_int_equal(csv_read(span_of(many, sizeof many), ',', 9, on_row, &g, &f), 0);
    for (size_t i = 0; i < sizeof many; i += 2) {
        many[i] = 'x';
    }
    assert_int_equal(csv_read(span_of(many, sizeof many), ',', 9, on_row, &g, &f), SANJI_E_SIZE);
    assert_int_equal(f.line, 10);
    buf_done(&g.text);
}

static void nothing_is_calculated(void **state)
{
    (void)state;
    static const struct {
        const char *text, *written;
    } v[] = {{"=1+1", "'=1+1"},
             {"+86 531", "'+86 531"},
             {"-", "'-"},
             {"@SUM(A1)", "'@SUM(A1)"},
             {"\t=1", "\"'\t=1\""},
             {"\r\n=1", "\"'\r\n=1\""},
             {"\xef\xbc\x9d"
              "1",
              "'\xef\xbc\x9d"
              "1"},
             {"'=1", "''=1"},
             {"''@", "'''@"},
             {"'", "'"},
             {"'n", "'n"},
             {"=1,\"2\"", "\"'=1,\"\"2\"\"\""},
             {"1=1", "1=1"},
             {" a", "\" a\""},
             {"", ""}};
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        struct buf b;
        struct got g = {0};
        struct fault f;
        struct span t = span_of(v[i].text, strlen(v[i].text));
        buf_init(&b, 256);
        buf_init(&g.text, 256);
        csv_text(&b, true, t);
        assert_string_equal(buf_str(&b), v[i].written);
        csv_text(&b, false, span_of("x", 1)); /* an empty cell alone is an empty row */
        csv_end(&b);
        assert_int_equal(csv_read(span_of(b.data, b.len), ',', 9, on_row, &g, &f), 0);
        struct span cell = span_of(g.text.data + 2, g.text.len - 5); /* "1:" ... "|x|" */
        assert_true(span_eq(csv_unguard(cell), t));
        buf_done(&b);
        buf_done(&g.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_programs_write),
        cmocka_unit_test(what_it_is_not),
        cmocka_unit_test(nothing_is_calculated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
