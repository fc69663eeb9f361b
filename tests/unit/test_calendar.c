/* SPDX-License-Identifier: Apache-2.0 */
/* Are working days those the government announced, also where a make-up Saturday or a year without
 * data comes in between? */
#include "protocol/base/text.h"
#include "protocol/calendar.h"
#include "protocol/json_gate.h"

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int day(const char *s)
{
    int d = 0;
    assert_int_equal(date_parse(s, strlen(s), &d), 0);
    return d;
}

static int add(struct calendar *c, const char *d)
{
    struct fault f;
    assert_int_equal(json_gate(d, strlen(d), JSON_PROTOCOL, NULL), 0);
    return calendar_add(c, span_of(d, strlen(d)), &f);
}

static const char year_2026[] =
    "{\"year\":2026,\"holidays\":[\"2026-02-16\",\"2026-02-17\",\"2026-02-18\",\"2026-02-19\","
    "\"2026-02-20\",\"2026-02-23\"],\"makeup\":[\"2026-02-14\",\"2026-02-28\"]}";

static void test_days(void **st)
{
    (void)st;
    struct calendar c;
    bool marked = false;
    calendar_init(&c);
    assert_int_equal(add(&c, year_2026), 0);
    assert_true(calendar_is_workday(&c, day("2026-02-14"), &marked));  /* Saturday, made up */
    assert_false(calendar_is_workday(&c, day("2026-02-15"), &marked)); /* Sunday */
    assert_false(calendar_is_workday(&c, day("2026-02-16"), &marked));
    assert_true(calendar_is_workday(&c, day("2026-02-24"), &marked));
    assert_true(calendar_is_workday(&c, day("2026-12-31"), &marked));
    assert_false(marked);
    /* Friday before the festival to Tuesday after it: the made-up Saturday and Tuesday itself. */
    assert_int_equal(calendar_workdays_between(&c, day("2026-02-13"), day("2026-02-24"), &marked),
                     2);
    assert_int_equal(calendar_add_workdays(&c, day("2026-02-13"), 2, &marked), day("2026-02-24"));
    assert_int_equal(calendar_add_workdays(&c, day("2026-02-13"), 0, &marked), day("2026-02-13"));
    assert_int_equal(calendar_workdays_between(&c, day("2026-02-24"), day("2026-02-24"), &marked),
                     0);
    assert_int_equal(calendar_workdays_between(&c, day("2026-02-24"), day("2026-02-13"), &marked),
                     0);
    assert_false(marked);
    assert_int_equal(calendar_add_workdays(&c, day("2026-12-31"), 1, &marked), day("2027-01-01"));
    assert_true(marked); /* nobody has said anything about 2027 yet */
    assert_true(calendar_is_workday(&c, day("2025-02-21"), NULL));
    /* Years outside the record's range and far clocks. */
    assert_true(calendar_is_workday(&c, day("1980-01-01"), NULL));
    assert_true(calendar_workdays_between(&c, 0, INT32_MAX, NULL) > 0);
    assert_int_equal(calendar_workdays_between(&c, INT32_MAX - 1, INT32_MAX, NULL) >= 0, true);
}

static void test_records(void **st)
{
    (void)st;
    struct calendar c;
    struct calendar before;
    calendar_init(&c);
    assert_int_equal(add(&c, year_2026), 0);
    before = c;
    assert_int_equal(add(&c, "{\"year\":1989}"), SANJI_E_SPEC);
    assert_int_equal(add(&c, "{\"year\":2026,\"holidays\":[\"2027-01-01\"]}"), SANJI_E_SPEC);
    assert_int_equal(add(&c, "{}"), SANJI_E_SPEC);
    assert_memory_equal(&c, &before, sizeof(c));
    /* A later record replaces the year. */
    assert_int_equal(add(&c, "{\"year\":2026}"), 0);
    assert_true(calendar_is_workday(&c, day("2026-02-16"), NULL));
    assert_int_equal(add(&c, "{\"year\":1990,\"holidays\":[\"1990-01-01\"]}"), 0);
    assert_int_equal(add(&c, "{\"year\":2100,\"makeup\":[\"2100-12-26\"]}"), 0);
    assert_true(calendar_is_workday(&c, day("2100-12-26"), NULL));
    assert_false(calendar_is_workday(&c, day("1990-01-01"), NULL));
    assert_int_equal(add(&c, "{\"year\":2024,\"holidays\":[\"2024-12-31\"]}"), 0); /* day 366 */
    assert_false(calendar_is_workday(&c, day("2024-12-31"), NULL));
}

/* ---- the announced years ---- */

static cJSON *load(void)
{
    static char path[1024];
    const char *root = getenv("SANJI_TEST_DATA");
    (void)snprintf(path, sizeof(path), "%s/data/admin/chinese-days.json", root == NULL ? "" : root);
    FILE *f = root == NULL ? NULL : fopen(path, "rb");
    if (f == NULL) {
        print_message(
            "skipped: 3 years of announced days (SANJI_TEST_DATA not set or file absent)\n");
        skip();
    }
    char *s = calloc(1, 1 << 20);
    assert_non_null(s);
    assert_in_range(fread(s, 1, (1 << 20) - 1, f), 1, (1 << 20) - 2);
    (void)fclose(f);
    cJSON *j = cJSON_Parse(s);
    free(s);
    assert_non_null(j);
    return j;
}

static bool has(const cJSON *j, const char *list, const char *date)
{
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(j, list), date) !=
           NULL;
}

static void list_of(const cJSON *j, const char *list, int year, char *out, size_t size)
{
    char date[11];
    char first[16];
    size_t n = 0;
    (void)snprintf(first, sizeof(first), "%d-01-01", year);
    out[0] = '\0';
    for (int d = day(first), i = 0; i < 366; i++) {
        date_write(d + i, date);
        if (strncmp(date, first, 4) == 0 && has(j, list, date)) {
            n += (size_t)snprintf(out + n, size - n, "%s\"%s\"", n == 0 ? "" : ",", date);
        }
    }
}

static void test_announced(void **st)
{
    (void)st;
    cJSON *j = load();
    struct calendar c;
    calendar_init(&c);
    int expected[3] = {0};
    for (int year = 2024; year <= 2026; year++) {
        char off[4000];
        char work[4000];
        char rec[9000];
        list_of(j, "holidays", year, off, sizeof(off));
        list_of(j, "workdays", year, work, sizeof(work));
        (void)snprintf(rec, sizeof(rec), "{\"year\":%d,\"holidays\":[%s],\"makeup\":[%s]}", year,
                       off, work);
        assert_int_equal(add(&c, rec), 0);
    }
    bool marked = false;
    for (int d = day("2024-01-01"); d <= day("2026-12-31"); d++) {
        char date[11];
        date_write(d, date);
        bool want = has(j, "workdays", date) || (date_weekday(d) < 5 && !has(j, "holidays", date));
        assert_int_equal(calendar_is_workday(&c, d, &marked), want);
        expected[date[3] - '4'] += want;
    }
    assert_false(marked);
    /* Working days of the years as the State Council's notices make them. */
    assert_int_equal(expected[0], 251);
    assert_int_equal(expected[1], 248);
    assert_int_equal(expected[2], 248);
    assert_int_equal(calendar_workdays_between(&c, day("2024-12-31"), day("2025-12-31"), NULL),
                     248);
    cJSON_Delete(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_announced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
