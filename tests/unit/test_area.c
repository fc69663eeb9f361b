/* SPDX-License-Identifier: Apache-2.0 */
/* Do the embedded tables say what the published lists say, and does a build without them still
 * answer? */
#include "node/data/area.h"
#include "node/data/unpack.h"
#include "node/data/workdays.h"
#include "protocol/base/err.h"
#include "protocol/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void need_table(const char *what)
{
    if (area_count() == 0) {
        print_message("skipped: %s (built without the npm packages)\n", what);
        skip();
    }
}

struct seen {
    size_t n, limit;
    char first[16], last[16];
};

static bool note(const char *code, const char *name, void *arg)
{
    struct seen *s = arg;
    assert_in_range(strlen(code), 2, 12);
    assert_true(name[0] != '\0');
    /* In order of codes. */
    assert_true(s->n == 0 || strcmp(s->last, code) < 0);
    (void)snprintf(s->n == 0 ? s->first : s->last, sizeof(s->last), "%s", code);
    (void)snprintf(s->last, sizeof(s->last), "%s", code);
    return ++s->n != s->limit;
}

static void test_unknown(void **st)
{
    (void)st;
    struct buf b;
    struct seen s = {0};
    buf_init(&b, 1000);
    assert_null(area_name(""));
    assert_null(area_name("99"));
    assert_null(area_name("3701020010001112223334445556667778889990001112"));
    assert_null(area_name("x"));
    assert_int_equal(area_full_name("", &b), 0);
    assert_int_equal(area_full_name("99", &b), 0);
    assert_string_equal(buf_str(&b), "");
    assert_int_equal(area_children("99", note, &s), 0);
    assert_int_equal(area_search("", note, &s), 0);
    assert_int_equal(area_search("no such place", note, &s), 0);
    buf_done(&b);
}

static void test_table(void **st)
{
    (void)st;
    need_table("area table");
    struct buf b;
    buf_init(&b, 1000);
    assert_int_equal(area_count(), 31 + 342 + 2978 + 41352);
    assert_string_equal(area_name("37"), "山东省");
    assert_string_equal(area_name("370102"), "历下区");
    assert_string_equal(area_name("370102001"), "解放路街道");
    assert_int_equal(area_full_name("370102001", &b), 0);
    assert_string_equal(buf_str(&b), "山东省济南市历下区解放路街道");
    buf_reset(&b);
    assert_int_equal(area_full_name("110101001", &b), 0);
    assert_string_equal(buf_str(&b), "北京市东城区东华门街道");
    buf_reset(&b);
    assert_int_equal(area_full_name("370102999", &b), 0);
    assert_string_equal(buf_str(&b), "山东省济南市历下区");
    struct seen s = {0};
    assert_int_equal(area_children("", note, &s), 31);
    s = (struct seen){0};
    assert_int_equal(area_children("370102", note, &s), 13);
    assert_string_equal(s.first, "370102001");
    s = (struct seen){0};
    assert_int_equal(area_children("3701", note, &s), 13); /* 12 districts, one statistics zone */
    s = (struct seen){0};
    assert_int_equal(area_children("370102001", note, &s), 0);
    s = (struct seen){.limit = 2};
    assert_int_equal(area_children("370102", note, &s), 2);
    s = (struct seen){0};
    assert_int_equal(area_search("望京", note, &s), 2);
    s = (struct seen){0};
    assert_int_equal(area_search("370102", note, &s), 14);
    s = (struct seen){.limit = 3};
    assert_int_equal(area_search("街道", note, &s), 3);
    buf_done(&b);
}

static void test_published_streets(void **st)
{
    (void)st;
    static char path[1024];
    char line[256];
    const char *root = getenv("SANJI_TEST_DATA");
    need_table("streets of Jinan");
    (void)snprintf(path, sizeof(path), "%s/data/admin/jinan_streets.csv", root == NULL ? "" : root);
    FILE *f = root == NULL ? NULL : fopen(path, "rb");
    if (f == NULL) {
        print_message("skipped: 164 streets of Jinan (SANJI_TEST_DATA not set or file absent)\n");
        skip();
    }
    int n = 0;
    assert_non_null(fgets(line, sizeof(line), f));
    while (fgets(line, sizeof(line), f) != NULL) {
        char *comma = strchr(line, ',');
        assert_non_null(comma);
        char *end = strchr(comma + 1, ',');
        assert_non_null(end);
        *comma = '\0';
        *end = '\0';
        const char *name = area_name(line);
        assert_non_null(name);
        assert_string_equal(name, comma + 1);
        n++;
    }
    (void)fclose(f);
    assert_int_equal(n, 164);
}

static void test_workdays(void **st)
{
    (void)st;
    static struct calendar c;
    size_t years = 99;
    int day = 0;
    bool marked = false;
    calendar_init(&c);
    assert_int_equal(workdays_builtin(&c, &years), 0);
    if (years == 0) {
        print_message("skipped: built-in working days (built without the npm packages)\n");
        skip();
    }
    assert_in_range(years, 23, 60);
    assert_int_equal(date_parse("2026-02-14", 10, &day), 0);
    assert_true(calendar_is_workday(&c, day, &marked));
    assert_int_equal(date_parse("2026-10-01", 10, &day), 0);
    assert_false(calendar_is_workday(&c, day, &marked));
    assert_int_equal(date_parse("2025-12-31", 10, &day), 0);
    assert_int_equal(calendar_workdays_between(&c, day, day + 365, &marked), 248);
    assert_false(marked);
}

static void test_unpack(void **st)
{
    (void)st;
    /* printf 'sanji' | gzip -n */
    static const uint8_t gz[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                                 0x03, 0x2b, 0x4e, 0xcc, 0xcb, 0xca, 0x04, 0x00, 0x9f,
                                 0x41, 0xff, 0x12, 0x05, 0x00, 0x00, 0x00};
    struct buf b;
    buf_init(&b, 1 << 20);
    assert_int_equal(unpack(NULL, 0, &b), 0);
    assert_int_equal(b.len, 0);
    for (size_t n = 1; n < sizeof(gz); n++) {
        assert_int_equal(unpack(gz, n, &b), SANJI_E_CORRUPT);
    }
    assert_int_equal(unpack(gz, sizeof(gz), &b), 0);
    assert_string_equal(buf_str(&b), "sanji");
    buf_done(&b);
    buf_init(&b, 100);
    assert_int_equal(unpack(gz, sizeof(gz), &b), SANJI_E_SIZE);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unpack),   cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_table),    cmocka_unit_test(test_published_streets),
        cmocka_unit_test(test_workdays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
