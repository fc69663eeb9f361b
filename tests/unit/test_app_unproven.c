/* SPDX-License-Identifier: Apache-2.0 */
/* What stays at home is held by nobody else. When a bundle of it is damaged, what the views show of
 * it is the last copy: whatever derives views anew has to keep it, until heal has written it again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/app_erase.h"
#include "node/app_internal.h"
#include "tests/support/nodes.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ORGS = 6 };

static void damage(const char *sql)
{
    char path[512];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/sanji.db", home_dirs[0]);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    assert_true(sqlite3_changes(db) > 0);
    sqlite3_close(db);
}

static int64_t scalar(const char *sql)
{
    char path[512];
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    snprintf(path, sizeof path, "%s/sanji.db", home_dirs[0]);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return n;
}

static int on_rec(const struct store_rec *rec, void *arg)
{
    snprintf(arg, 512, "%s %.*s", rec->withdrawn ? "gone" : "here", (int)rec->d.n,
             rec->d.n > 0 ? (const char *)rec->d.p : "");
    return 0;
}

static bool has(struct app *a, const char *id, char out[static 512])
{
    out[0] = '\0';
    return store_record_get(a->store, app_id(a), NULL, id, on_rec, out) == 0;
}

static void note(struct app *a, const char *kind, const char *id, const char *text)
{
    char json[256], got[LIM_ID_BYTES + 1];
    struct fault f = {0};
    bool org = strcmp(kind, "org") == 0;
    snprintf(json, sizeof json, "{\"id\":\"%s\",%s\"%s\":\"%s\"}", id,
             org ? "" : "\"kind\":\"venue\",", org ? "name" : "title", text);
    assert_int_equal(node_put(a, kind, json, got, &f), 0);
}

static void steps(struct app *a)
{
    for (int i = 1; i < 50; i++) {
        struct sync_event ev = {.type = i == 1 ? SEV_START : SEV_TICK};
        struct sync_out out = {0};
        struct sync_tick t;
        assert_int_equal(app_tick_make(&t), 0);
        t.mono_ms += (int64_t)i * 100;
        assert_int_equal(sync_step(a->sync, &t, &ev, &out), 0);
        sync_out_done(&out);
    }
}

static void rotate(struct app *a)
{
    static char text[512];
    char path[512];
    struct fault f = {0};
    snprintf(path, sizeof path, "%s-root.key", home_dirs[0]);
    FILE *fp = fopen(path, "rb");
    assert_non_null(fp);
    size_t n = fread(text, 1, sizeof text, fp);
    fclose(fp);
    assert_int_equal(app_rotate(a, span_of(text, n), &f), 0);
}

#define OWN "(SELECT no FROM stream WHERE aud='own')"
#define FED "(SELECT no FROM stream WHERE aud='fed')"

static const char *const name[ORGS] = {"o1", "o2", "o3", "o4", "o5", "o6"};

/* Six archives, a change of o2, o3 withdrawn; what the views say of them. */
static struct app *filed(const char *dir, char was[ORGS][512])
{
    struct app *a = node_born(0, dir);
    for (int i = 0; i < ORGS; i++) {
        note(a, "org", name[i], "机构");
    }
    note(a, "org", "o2", "新名称");
    assert_int_equal(app_withdraw(a, NULL, "o3", NULL), 0);
    for (int i = 0; i < ORGS; i++) {
        assert_true(has(a, name[i], was[i]));
    }
    return a;
}

static void reopen(struct app **io_a)
{
    app_close(*io_a);
    assert_int_equal(app_open(home_dirs[0], io_a, NULL), 0);
}

static void shows(struct app *a, char was[ORGS][512])
{
    char is[512];
    for (int i = 0; i < ORGS; i++) {
        if (!has(a, name[i], is) || strcmp(is, was[i]) != 0) {
            fail_msg("%s is \"%s\", was \"%s\"", name[i], is, was[i]);
        }
    }
}

static void heals(struct app *a, char was[ORGS][512], int64_t said)
{
    char is[512];
    struct app_verdict v;
    struct app_healed h;
    int64_t n = 0;
    bool same = false;
    assert_int_equal(app_heal(a, &h), 0);
    assert_int_equal(h.said, said);
    assert_int_equal(h.lost, 0);
    steps(a);
    assert_int_equal(app_verify(a, &v, NULL, NULL), 0);
    assert_int_equal(v.wrong, 0);
    assert_int_equal(app_rebuild(a, &n, &same), 0);
    assert_true(same);
    for (int i = 0; i < ORGS; i++) {
        if (strncmp(was[i], "gone", 4) != 0) { /* a keyframe lets withdrawals go */
            assert_true(has(a, name[i], is));
            assert_string_equal(is, was[i]);
        }
    }
}

/* o2's second form, o3's withdrawal (7, 8), and o5 and o6. */
#define TURN_SOME                                                                                  \
    "UPDATE bundle SET frame=CAST('no frame' AS BLOB) WHERE pos>>32=" OWN " AND "                  \
    "(pos&4294967295)>=5"

static void a_new_key_takes_nothing_out(void **state)
{
    (void)state;
    char was[ORGS][512];
    struct app *a = filed("rotated", was);
    app_close(a);
    damage(TURN_SOME);
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    rotate(a); /* everything this node wrote is derived again */
    shows(a, was);
    reopen(&a);
    rotate(a);
    shows(a, was);
    heals(a, was, 4);
    app_close(a);
}

/* Nobody has read the bundles that are gone: the derivation itself finds out. */
static void bundles_that_are_gone(void **state)
{
    (void)state;
    char was[ORGS][512];
    struct app *a = filed("deleted", was);
    app_close(a);
    damage("DELETE FROM bundle WHERE pos>>32=" OWN " AND (pos&4294967295) IN (4,7)");
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    rotate(a);
    shows(a, was);
    heals(a, was, 2);
    app_close(a);
}

static void rebuild_keeps_and_says_so(void **state)
{
    (void)state;
    char was[ORGS][512];
    int64_t n = 0, kept = 0;
    bool same = false;
    struct app *a = filed("rebuilt", was);
    node_sound(a);
    assert_int_equal(app_unproven(a), 0);
    app_close(a);
    damage(TURN_SOME);
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    assert_int_equal(app_rebuild(a, &n, &same), SANJI_E_CORRUPT); /* said before anything is done */
    shows(a, was);
    rotate(a);
    assert_int_equal(app_rebuild(a, &n, &same), 0);
    assert_true(same);
    kept = app_unproven(a);
    assert_int_equal(kept, 4);
    shows(a, was);
    heals(a, was, 4);
    assert_int_equal(app_unproven(a), 0);
    app_close(a);
}

struct found {
    int unproven, extra;
};

static void on_found(const char *what, const char *where, int err, const char *member, void *arg)
{
    struct found *f = arg;
    (void)where;
    (void)err;
    (void)member;
    f->unproven += strcmp(what, "unproven") == 0;
    f->extra += strcmp(what, "extra") == 0;
}

/* An upgrade makes the views anew before anybody has looked at the bundles. */
static void an_upgrade_takes_nothing_out(void **state)
{
    (void)state;
    char was[ORGS][512];
    struct app_verdict v;
    struct found f = {0};
    struct app_fault why = {.heal = true};
    struct app *a = filed("upgraded", was);
    app_close(a);
    damage(TURN_SOME);
    damage("UPDATE meta SET value='of another version' WHERE key='views'");
    assert_int_equal(app_open(home_dirs[0], &a, NULL), SANJI_E_CORRUPT);
    assert_int_equal(app_open(home_dirs[0], &a, NULL), SANJI_E_CORRUPT); /* again: nothing went */
    assert_int_equal(app_open(home_dirs[0], &a, &why), 0);
    shows(a, was);
    assert_int_equal(app_verify(a, &v, on_found, &f), 0);
    assert_int_equal(f.unproven, 4);
    assert_int_equal(f.extra, 0);
    heals(a, was, 4);
    app_close(a);
    assert_int_equal(scalar("SELECT count(*) FROM spare"), 0); /* no second copy stays */
}

/* What a damaged bundle holds of a record is no newer than what is shown of it: erasing does not
 * wait for heal, and what heal brings does not bring it back. */
static void erasing_does_not_wait_for_heal(void **state)
{
    (void)state;
    char was[ORGS][512], is[512];
    struct fault f = {0};
    struct app_erase e;
    struct app_healed h;
    int64_t n = 0;
    bool same = false;
    struct app *a = filed("erased", was);
    app_close(a);
    damage(TURN_SOME);
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    rotate(a);
    assert_int_equal(app_erase_request(a, "wang", "o5", "person", &n, &f), 0);
    assert_int_equal(app_erase_confirm(a, "chen", n, &e, &f), 0);
    assert_int_equal(e.items, 1);
    assert_false(has(a, "o5", is));
    assert_true(has(a, "o6", is));
    assert_int_equal(app_heal(a, &h), 0);
    steps(a);
    assert_false(has(a, "o5", is));
    rotate(a);
    assert_int_equal(app_rebuild(a, &n, &same), 0);
    assert_false(has(a, "o5", is));
    assert_true(has(a, "o6", is));
    app_close(a);
}

/* The newest form stood in a bundle that is gone, an older one can be read: naming that one alone
 * would leave the newest on the pages, and call it erased. */
static void erasing_what_is_gone(void **state)
{
    (void)state;
    char was[ORGS][512], is[512];
    struct fault f = {0};
    struct app_erase e;
    struct app_healed h;
    int64_t n = 0;
    struct app *a = filed("erasedgone", was);
    app_close(a);
    damage("DELETE FROM bundle WHERE pos>>32=" OWN " AND (pos&4294967295)=7");
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    assert_int_equal(app_erase_request(a, "wang", "o2", "person", &n, &f), 0);
    assert_int_equal(app_erase_confirm(a, "chen", n, &e, &f), 0);
    assert_int_equal(e.items, 2);
    assert_false(has(a, "o2", is));
    assert_true(has(a, "o1", is));
    assert_int_equal(app_heal(a, &h), 0);
    steps(a);
    assert_false(has(a, "o2", is));
    rotate(a);
    assert_false(has(a, "o2", is));
    assert_true(has(a, "o1", is));
    app_close(a);
}

static void copy_db(const char *from, const char *to)
{
    static uint8_t v[4 << 20];
    char path[512];
    snprintf(path, sizeof path, "%s/%s", home_dirs[0], from);
    FILE *fp = fopen(path, "rb");
    assert_non_null(fp);
    size_t n = fread(v, 1, sizeof v, fp);
    assert_true(n > 0 && n < sizeof v);
    fclose(fp);
    snprintf(path, sizeof path, "%s/%s", home_dirs[0], to);
    fp = fopen(path, "wb");
    assert_non_null(fp);
    assert_int_equal(fwrite(v, 1, n, fp), n);
    assert_int_equal(fclose(fp), 0);
}

/* A database of before an erasure is put back, and the bundle with what was erased is damaged in
 * it: the node opens, and does not show it. */
static void put_back_damaged_after_an_erasure(void **state)
{
    (void)state;
    char was[ORGS][512], is[512];
    struct fault f = {0};
    struct app_erase e;
    struct app_healed h;
    int64_t n = 0;
    struct app *a = filed("putback", was);
    app_close(a);
    copy_db("sanji.db", "old.db");
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    assert_int_equal(app_erase_request(a, "wang", "o5", "person", &n, &f), 0);
    assert_int_equal(app_erase_confirm(a, "chen", n, &e, &f), 0);
    (void)app__erased_tick(a, app_mono_ms());
    app_close(a);
    copy_db("old.db", "sanji.db");
    damage(TURN_SOME);
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    assert_false(has(a, "o5", is));
    assert_true(has(a, "o6", is));
    assert_string_equal(is, was[5]);
    rotate(a);
    assert_false(has(a, "o5", is));
    assert_true(has(a, "o6", is));
    assert_int_equal(app_heal(a, &h), 0);
    steps(a);
    reopen(&a);
    rotate(a);
    assert_false(has(a, "o5", is));
    assert_true(has(a, "o6", is));
    note(a, "org", "o5", "another of that name"); /* it begins above what is erased */
    assert_true(has(a, "o5", is));
    app_close(a);
    assert_int_equal(scalar("SELECT r FROM record WHERE id='o5'"), 2);
}

/* The list beside the database says how far a record is erased, too. */
static void put_back_to_before_there_was_any(void **state)
{
    (void)state;
    char is[512];
    struct fault f = {0};
    struct app_erase e;
    int64_t n = 0;
    struct app *a = node_born(0, "none");
    app_close(a);
    copy_db("sanji.db", "old.db");
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    note(a, "org", "o7", "one");
    note(a, "org", "o7", "two");
    assert_int_equal(app_erase_request(a, "wang", "o7", "person", &n, &f), 0);
    assert_int_equal(app_erase_confirm(a, "chen", n, &e, &f), 0);
    assert_int_equal(e.items, 2);
    (void)app__erased_tick(a, app_mono_ms());
    app_close(a);
    copy_db("old.db", "sanji.db");
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    note(a, "org", "o7", "three");
    assert_true(has(a, "o7", is));
    app_close(a);
    assert_int_equal(scalar("SELECT r FROM record WHERE id='o7'"), 3);
}

static bool unproven(struct app *a, const char *id)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    assert_int_equal(app_explain(a, app_id(a), id, &b), 0);
    bool is = strstr(buf_str(&b), "\"unproven\":true") != NULL;
    buf_done(&b);
    return is;
}

/* A page says of what it shows whether anything proves it. */
static void what_nothing_proves_is_said(void **state)
{
    (void)state;
    struct app_healed h;
    struct app *a = node_born(0, "said");
    for (int i = 1; i <= 4; i++) {
        char id[8];
        snprintf(id, sizeof id, "v%d", i);
        note(a, "org", id, "甲");
        assert_false(unproven(a, id));
    }
    app_close(a);
    damage("UPDATE bundle SET frame=CAST('no frame' AS BLOB) WHERE pos>>32=" OWN
           " AND (pos&4294967295)=2");
    damage("DELETE FROM bundle WHERE pos>>32=" OWN " AND (pos&4294967295)=3");
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    assert_false(unproven(a, "v1"));
    assert_true(unproven(a, "v2"));
    assert_true(unproven(a, "v3"));
    assert_false(unproven(a, "v4"));
    assert_int_equal(app_heal(a, &h), 0);
    steps(a);
    for (int i = 1; i <= 4; i++) {
        char id[8];
        snprintf(id, sizeof id, "v%d", i);
        assert_false(unproven(a, id));
    }
    app_close(a);
}

/* What others may hold, and perhaps do not yet, stays as well. */
static void what_nobody_has_fetched_stays(void **state)
{
    (void)state;
    char is[512];
    struct app *a = node_born(0, "unsent");
    note(a, "listing", "v1", "甲");
    note(a, "listing", "v2", "乙");
    app_close(a);
    damage("UPDATE bundle SET frame=CAST('no frame' AS BLOB) WHERE pos>>32=" FED
           " AND (pos&4294967295)=2");
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    rotate(a);
    assert_true(has(a, "v1", is));
    assert_true(has(a, "v2", is));
    note(a, "listing", "v2", "丙"); /* one revision on, not a second beginning */
    assert_true(has(a, "v2", is));
    assert_non_null(strstr(is, "丙"));
    app_close(a);
    assert_int_equal(scalar("SELECT r FROM record WHERE id='v2'"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_key_takes_nothing_out),
        cmocka_unit_test(bundles_that_are_gone),
        cmocka_unit_test(rebuild_keeps_and_says_so),
        cmocka_unit_test(an_upgrade_takes_nothing_out),
        cmocka_unit_test(erasing_does_not_wait_for_heal),
        cmocka_unit_test(erasing_what_is_gone),
        cmocka_unit_test(put_back_damaged_after_an_erasure),
        cmocka_unit_test(put_back_to_before_there_was_any),
        cmocka_unit_test(what_nothing_proves_is_said),
        cmocka_unit_test(what_nobody_has_fetched_stays),
    };
    return cmocka_run_group_tests(tests, home_make, home_drop);
}
