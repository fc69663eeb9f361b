/* SPDX-License-Identifier: Apache-2.0 */
/* Is a free consultation given only while the account of its organisation and line allows it, and
 * does one that is done lead to its service record? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/app_consult.h"
#include "node/app_internal.h"
#include "protocol/base/text.h"
#include "tests/support/nodes.h"

#include <stdio.h>
#include <string.h>

static struct app *a;
static struct fault f;

static int put(const char *kind, const char *json)
{
    char id[LIM_ID_BYTES + 1];
    f = (struct fault){0};
    return node_put(a, kind, json, id, &f);
}

static int consult(const char *id, const char *org, const char *state, const char *day,
                   const char *more)
{
    char d[500];
    (void)snprintf(
        d, sizeof d,
        "{\"id\":\"%s\",\"org\":\"%s\",\"title\":\"免税资格\",\"line\":\"finance\",\"fee\":"
        "\"%s\",\"state\":\"%s\",\"date\":\"%s\"%s}",
        id, org, more[0] == 'p' ? "paid" : "free", state, day, more[0] == 'p' ? more + 1 : more);
    return put("consultation", d);
}

/* Asked and accepted. */
static int given(const char *id, const char *org, const char *day, const char *more)
{
    assert_int_equal(consult(id, org, "asked", day, more), 0);
    return consult(id, org, "accepted", day, more);
}

static struct app_consult_account account(const char *org, const char *day)
{
    struct app_consult_account x;
    int n = 0;
    assert_int_equal(date_parse(day, 10, &n), 0);
    assert_int_equal(app_consult_account(a, org, "finance", n, NULL, &x), 0);
    return x;
}

static void test_account(void **state)
{
    (void)state;
    a = node_born(0, "consult");
    assert_int_equal(put("org", "{\"id\":\"o1\",\"name\":\"青禾社\"}"), 0);
    assert_int_equal(put("org", "{\"id\":\"o2\",\"name\":\"红旗社\"}"), 0);
    assert_int_equal(given("free", "o1", "2026-10-05", ""), 0); /* no rule, no limit */
    assert_int_equal(account("o1", "2026-10-05").free, -1);
    assert_int_equal(put("consult_quota",
                         "{\"id\":\"q\",\"title\":\"财务\",\"line\":\"finance\",\"per\":"
                         "\"quarter\",\"free\":2}"),
                     0);
    assert_int_equal(account("o1", "2026-11-05").used, 1);
    assert_string_equal(account("o1", "2026-11-05").period, "2026-Q4");
    assert_int_equal(given("c2", "o1", "2026-12-31", ""), 0);
    assert_int_equal(given("c3", "o1", "2026-11-01", ""), SANJI_E_SPEC);
    assert_string_equal(f.member, "fee");
    assert_int_equal(account("o1", "2026-11-05").used, 2); /* the refused one changed nothing */
    assert_int_equal(consult("c3", "o1", "accepted", "2026-11-01", "p,\"price\":20000"), 0);
    assert_int_equal(given("c4", "o1", "2027-01-01", ""), 0); /* the next quarter */
    assert_int_equal(given("c5", "o2", "2026-11-01", ""), 0); /* another one's account */
    /* It may be changed within its own place, and not moved into a full period. */
    assert_int_equal(consult("c2", "o1", "accepted", "2026-12-30", ",\"time\":\"上午\""), 0);
    assert_int_equal(consult("c4", "o1", "accepted", "2026-12-29", ""), SANJI_E_SPEC);
    /* Who does not come has used it up; what is cancelled is given back. */
    assert_int_equal(consult("c2", "o1", "no_show", "2026-12-30", ""), 0);
    assert_int_equal(account("o1", "2026-12-01").used, 2);
    assert_int_equal(consult("c2", "o1", "cancelled", "2026-12-30", ",\"reason\":\"改期\""), 0);
    assert_int_equal(account("o1", "2026-12-01").used, 1);
    /* An account of its own goes before that for all; the later rule before the earlier. */
    assert_int_equal(put("consult_quota",
                         "{\"id\":\"own\",\"title\":\"重点\",\"line\":\"finance\",\"org\":"
                         "\"o1\",\"per\":\"month\",\"free\":9}"),
                     0);
    assert_int_equal(account("o1", "2026-12-01").free, 9);
    assert_string_equal(account("o1", "2026-12-01").period, "2026-12");
    assert_int_equal(put("consult_quota",
                         "{\"id\":\"late\",\"title\":\"新\",\"line\":\"finance\",\"per\":"
                         "\"year\",\"free\":0,\"valid_from\":\"2027-01-01\"}"),
                     0);
    assert_int_equal(account("o2", "2026-12-31").free, 2);
    assert_int_equal(account("o2", "2027-01-01").free, 0);
    assert_int_equal(given("c6", "o2", "2027-03-01", ""), SANJI_E_SPEC);
    node_sound(a);
    app_close(a);
}

static void test_steps(void **state)
{
    (void)state;
    a = node_born(0, "steps");
    assert_int_equal(put("org", "{\"id\":\"o1\",\"name\":\"青禾社\"}"), 0);
    assert_int_equal(consult("c1", "o1", "done", "2026-11-01", ""), SANJI_E_SPEC);
    assert_string_equal(f.member, "service");
    assert_int_equal(consult("c1", "o1", "accepted", "2026-11-01", ""), SANJI_E_STATE);
    assert_int_equal(given("c1", "o1", "2026-11-01", ""), 0);
    assert_int_equal(consult("c1", "o1", "done", "2026-11-01", ",\"service\":\"none\""),
                     SANJI_E_NOT_FOUND);
    assert_int_equal(put("service",
                         "{\"id\":\"s1\",\"title\":\"咨询\",\"date\":\"2026-11-01\",\"method\":"
                         "\"consult\",\"org\":\"o1\"}"),
                     0);
    assert_int_equal(consult("c1", "o1", "done", "2026-11-01", ",\"service\":\"s1\""), 0);
    assert_int_equal(consult("c1", "o1", "cancelled", "2026-11-01", ",\"reason\":\"x\""),
                     SANJI_E_STATE);
    assert_int_equal(consult("c2", "o1", "asked", "2026-11-01", ""), 0);
    assert_int_equal(consult("c2", "o1", "refused", "2026-11-01", ""), SANJI_E_SPEC);
    assert_string_equal(f.member, "reason");
    node_sound(a);
    app_close(a);
}

static int on_last(const struct store_rec *rec, void *arg)
{
    char *said = arg;
    (void)snprintf(said, 600, "%lld %.*s", (long long)rec->r, (int)rec->d.n,
                   (const char *)rec->d.p);
    return 0;
}

/* Two forms of one record in one input: the second follows the first, whatever is counted in
 * between. */
static void test_twice_in_one_input(void **state)
{
    (void)state;
    static const char *const line[] = {
        "{\"id\":\"c1\",\"org\":\"o1\",\"title\":\"x\",\"line\":\"finance\",\"fee\":\"free\"}",
        "{\"id\":\"c2\",\"org\":\"o1\",\"title\":\"x\",\"line\":\"finance\",\"fee\":\"free\","
        "\"state\":\"accepted\",\"date\":\"2026-11-01\",\"time\":\"上午\"}",
        "{\"id\":\"c2\",\"org\":\"o1\",\"title\":\"x\",\"line\":\"finance\",\"fee\":\"free\","
        "\"state\":\"accepted\",\"date\":\"2026-11-01\",\"time\":\"下午\"}"};
    struct app_put *p = NULL;
    char id[LIM_ID_BYTES + 1], said[600] = "";
    a = node_born(0, "twice");
    assert_int_equal(put("org", "{\"id\":\"o1\",\"name\":\"青禾社\"}"), 0);
    assert_int_equal(consult("c2", "o1", "asked", "2026-11-01", ""), 0);
    assert_int_equal(app_put_begin(a, kind_find("consultation"), NULL, false, &p), 0);
    for (size_t i = 0; i < sizeof line / sizeof line[0]; i++) {
        assert_int_equal(app_put_line(p, lit(line[i]), id, &f), 0);
    }
    assert_int_equal(app_put_flush(p), 0);
    app_put_free(p);
    assert_int_equal(app_outbox_flush(a), 0);
    assert_int_equal(store_record_get(a->store, app_id(a), "consultation", "c2", on_last, said), 0);
    assert_memory_equal(said, "3 ", 2);
    assert_non_null(strstr(said, "下午"));
    node_sound(a);
    app_close(a);
}

int main(void)
{
    const struct CMUnitTest t[] = {cmocka_unit_test(test_account), cmocka_unit_test(test_steps),
                                   cmocka_unit_test(test_twice_in_one_input)};
    return cmocka_run_group_tests_name("app_consult", t, home_make, home_drop);
}
