/* SPDX-License-Identifier: Apache-2.0 */
/* What the audit log came to goes up the tree at the end of the day, and the log is held to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/store/staff.h"
#include "protocol/base/text.h"
#include "tests/support/nodes.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)

static void row(struct app *a, int64_t ts, const char *what)
{
    struct staff_audit r = {
        .ts = ts, .who = "wang", .what = what, .target = "r1", .result = "ok", .detail = ""};
    assert_int_equal(staff_audit_add(a->store, &r), 0);
}

struct seen {
    int n;
    char id[64], d[400], aud[96];
};

static int on_rec(const struct store_rec *rec, void *arg)
{
    struct seen *s = arg;
    s->n++;
    if (strcmp(rec->id, s->id) < 0) {
        return 0;
    }
    snprintf(s->id, sizeof s->id, "%s", rec->id);
    snprintf(s->aud, sizeof s->aud, "%s", rec->aud);
    snprintf(s->d, sizeof s->d, "%.*s", (int)rec->d.n, (const char *)rec->d.p);
    return 0;
}

/* How many there are, and the one of the newest line. */
static struct seen heads(struct app *at, struct app *of)
{
    struct seen s = {0};
    const struct store_filter f = {.kind = "audit", .owner = app_id(of), .limit = 100};
    assert_int_equal(store_record_list(at->store, &f, on_rec, &s), 0);
    return s;
}

static char wrong_where[96], wrong_member[96];
static int wrong_n;

static void on_wrong(const char *what, const char *where, int err, const char *member, void *arg)
{
    (void)err;
    (void)arg;
    wrong_n++;
    if (strcmp(what, "audit") == 0) {
        snprintf(wrong_where, sizeof wrong_where, "%s", where);
        snprintf(wrong_member, sizeof wrong_member, "%s", member);
    }
}

static void verify(struct app *a, int want)
{
    struct app_verdict v;
    wrong_n = 0;
    wrong_where[0] = wrong_member[0] = '\0';
    assert_int_equal(app_verify(a, &v, on_wrong, NULL), 0);
    assert_int_equal(v.wrong, want);
    assert_int_equal(wrong_n, want);
}

/* With the node closed: somebody who may write the file. */
static void sql(const char *dir, const char *text)
{
    char path[256];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/sanji.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void ticks(struct app *a)
{
    a->audit_day = 0;
    int r = app_tick(a, app_mono_ms());
    if (r < 0) {
        fail_msg("%s", err_name(r));
    }
}

static void test_a_day_that_has_ended(void **state)
{
    (void)state;
    char id[64];
    struct app *city = node_born(0, "city"), *d1 = node_child(city, 1, "d1");
    nodes_settle(city, d1);
    int64_t now = app_now_ms();
    row(d1, now, "today");
    ticks(d1);
    assert_int_equal(heads(d1, d1).n, 0); /* the day has not ended */
    verify(d1, 0);

    struct app *d2 = node_child(city, 2, "d2");
    nodes_settle(city, d2);
    row(d2, now - 2 * DAY_MS, "one");
    row(d2, now - DAY_MS, "two");
    row(d2, now, "three");
    ticks(d2);
    struct seen s = heads(d2, d2);
    assert_int_equal(s.n, 1);
    assert_non_null(strstr(s.d, "\"rows\":2,"));
    assert_non_null(strstr(s.d, "\"line\":1,"));
    assert_int_equal(strncmp(s.aud, "up:", 3), 0);
    snprintf(id, sizeof id, "%s", s.id);
    nodes_settle(d2, city);
    assert_string_equal(heads(city, d2).d, s.d); /* and the nodes above hold it */
    assert_null(strstr(s.d, "wang"));
    ticks(d2);
    assert_int_equal(heads(d2, d2).n, 1);
    verify(d2, 0);
    node_sound(d2);

    /* A changed row: the chain says where. */
    app_close(d2);
    sql(home_in(2, "d2"), "UPDATE audit SET result='forbidden' WHERE n=2");
    assert_int_equal(app_open(home_in(2, "d2"), &d2, NULL), 0);
    verify(d2, 1);
    assert_string_equal(wrong_where, "2");
    assert_string_equal(wrong_member, "row");

    /* The whole chain computed anew by somebody who knows how: what was said of it does not fit. */
    app_close(d2);
    sql(home_in(2, "d2"), "DELETE FROM audit; DELETE FROM sqlite_sequence WHERE name='audit'");
    assert_int_equal(app_open(home_in(2, "d2"), &d2, NULL), 0);
    row(d2, now - 2 * DAY_MS, "one");
    row(d2, now - DAY_MS, "nothing of the kind");
    row(d2, now - DAY_MS, "three");
    verify(d2, 1);
    assert_string_equal(wrong_where, "2");
    assert_string_equal(wrong_member, id);

    /* It says so itself on the next day: another line, and the old one stays with everybody. */
    ticks(d2);
    assert_int_equal(heads(d2, d2).n, 2);
    nodes_settle(d2, city);
    s = heads(city, d2);
    assert_int_equal(s.n, 2);
    verify(d2, 0);

    /* A log that has become shorter, as after a restored backup. */
    app_close(d2);
    sql(home_in(2, "d2"), "DELETE FROM audit WHERE n>1");
    assert_int_equal(app_open(home_in(2, "d2"), &d2, NULL), 0);
    verify(d2, 1);
    assert_string_equal(wrong_where, "3");
    ticks(d2);
    assert_int_equal(heads(d2, d2).n, 3);
    verify(d2, 0);

    /* And one that is empty. */
    app_close(d2);
    sql(home_in(2, "d2"), "DELETE FROM audit");
    assert_int_equal(app_open(home_in(2, "d2"), &d2, NULL), 0);
    verify(d2, 1);
    ticks(d2);
    assert_non_null(strstr(heads(d2, d2).d, "\"rows\":0,"));
    verify(d2, 0);
    ticks(d2);
    assert_int_equal(heads(d2, d2).n, 4);
    app_close(d2);
    app_close(d1);
    app_close(city);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_day_that_has_ended)};
    return cmocka_run_group_tests(tests, home_make, home_drop);
}
