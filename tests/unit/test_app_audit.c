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

/* A district that knows itself, with one row of each of these days (0: today). */
static struct app *desk(struct app *city, int i, const char *name, const int *back, size_t n)
{
    static const char *const what[] = {"one", "two", "three"};
    struct app *a = node_child(city, i, name);
    nodes_settle(city, a);
    for (size_t k = 0; k < n; k++) {
        row(a, app_now_ms() - back[k] * DAY_MS, what[k]);
    }
    return a;
}

static void change(struct app **a, int i, const char *name, const char *text)
{
    app_close(*a);
    sql(home_in(i, name), text);
    assert_int_equal(app_open(home_in(i, name), a, NULL), 0);
}

static void test_a_day_that_has_ended(void **state)
{
    (void)state;
    static const int today[] = {0}, three[] = {2, 1, 0};
    struct app *city = node_born(0, "city"), *d1 = desk(city, 1, "d1", today, 1);
    ticks(d1);
    assert_int_equal(heads(d1, d1).n, 0); /* the day has not ended */
    verify(d1, 0);

    struct app *d2 = desk(city, 2, "d2", three, 3);
    ticks(d2);
    struct seen s = heads(d2, d2);
    assert_int_equal(s.n, 1);
    assert_non_null(strstr(s.d, "\"rows\":2,"));
    assert_non_null(strstr(s.d, "\"line\":1,"));
    assert_int_equal(strncmp(s.aud, "up:", 3), 0);
    nodes_settle(d2, city);
    assert_string_equal(heads(city, d2).d, s.d); /* and the nodes above hold it */
    assert_null(strstr(s.d, "wang"));
    ticks(d2);
    assert_int_equal(heads(d2, d2).n, 1);
    verify(d2, 0);
    node_sound(d2);
    app_close(d2);
    app_close(d1);
    app_close(city);
}

static void test_a_log_that_was_changed(void **state)
{
    (void)state;
    char id[64];
    static const int two[] = {2, 1};
    struct app *city = node_born(0, "city2"), *d = desk(city, 1, "d3", two, 2);
    ticks(d);
    nodes_settle(d, city);
    snprintf(id, sizeof id, "%s", heads(d, d).id);

    /* A changed row: the chain says where. */
    change(&d, 1, "d3", "UPDATE audit SET result='forbidden' WHERE n=2");
    verify(d, 1);
    assert_string_equal(wrong_where, "2");
    assert_string_equal(wrong_member, "row");

    /* The whole chain computed anew by somebody who knows how: what was said of it does not fit. */
    change(&d, 1, "d3", "DELETE FROM audit; DELETE FROM sqlite_sequence WHERE name='audit'");
    row(d, app_now_ms() - 2 * DAY_MS, "one");
    row(d, app_now_ms() - DAY_MS, "nothing of the kind");
    row(d, app_now_ms() - DAY_MS, "three");
    verify(d, 1);
    assert_string_equal(wrong_where, "2");
    assert_string_equal(wrong_member, id);

    /* It says so itself on the next day: another line, and the old one stays with everybody. */
    ticks(d);
    nodes_settle(d, city);
    assert_int_equal(heads(d, d).n, 2);
    assert_int_equal(heads(city, d).n, 2);
    verify(d, 0);

    /* A log that has become shorter, as after a restored backup, and one that is empty. */
    change(&d, 1, "d3", "DELETE FROM audit WHERE n>1");
    verify(d, 1);
    assert_string_equal(wrong_where, "3");
    ticks(d);
    assert_int_equal(heads(d, d).n, 3);
    verify(d, 0);
    change(&d, 1, "d3", "DELETE FROM audit");
    verify(d, 1);
    ticks(d);
    assert_non_null(strstr(heads(d, d).d, "\"rows\":0,"));
    verify(d, 0);
    ticks(d);
    assert_int_equal(heads(d, d).n, 4);
    app_close(d);
    app_close(city);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_day_that_has_ended),
        cmocka_unit_test(test_a_log_that_was_changed),
    };
    return cmocka_run_group_tests(tests, home_make, home_drop);
}
