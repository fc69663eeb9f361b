/* SPDX-License-Identifier: Apache-2.0 */
/* What only the database has: files, readers, migrations, query plans, lists, search. */
#include "node/store/internal.h"
#include "node/store/migrate.h"
#include "protocol/base/err.h"
#include "tests/support/store_suite.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct box {
    char dir[40];
    struct store *s;
};

static const char *in_box(const struct box *b, const char *name)
{
    static char path[80];
    snprintf(path, sizeof path, "%s/%s", b->dir, name);
    return path;
}

static int setup(void **state)
{
    struct box *b = calloc(1, sizeof *b);
    assert_non_null(b);
    strcpy(b->dir, "/tmp/sanji-store-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    assert_int_equal(store_open(b->dir, STORE_WRITE, &b->s), 0);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"sanji.db", "keys.db", "copy.db", "before-upgrade.db",
                                        "x.db"};
    static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
    struct box *b = *state;
    char name[40];
    store_close(b->s);
    for (size_t i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "%s%s", names[i / 4], tails[i % 4]);
        unlink(in_box(b, name));
    }
    assert_int_equal(rmdir(b->dir), 0);
    free(b);
    return 0;
}

static void raw(const char *path, const char *sql)
{
    sqlite3 *h = NULL;
    assert_int_equal(sqlite3_open(path, &h), SQLITE_OK);
    assert_int_equal(sqlite3_exec(h, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(h);
}

static void test_hot_statements_do_not_scan(void **state)
{
    struct box *b = *state;
    size_t hot = 0;
    for (size_t i = 0; i < STMT_COUNT; i++) {
        const struct stmt_row *row = &stmt_rows[i];
        if ((row->flags & STMT_HOT) == 0) {
            continue;
        }
        hot++;
        struct buf sql;
        buf_init(&sql, 20000);
        buf_printf(&sql, "EXPLAIN QUERY PLAN %s", row->sql);
        sqlite3_stmt *st = NULL;
        sqlite3 *h = row->set == STMT_KEYS ? b->s->keys.h : b->s->db.h;
        assert_int_equal(sqlite3_prepare_v2(h, buf_str(&sql), -1, &st, NULL), SQLITE_OK);
        while (sqlite3_step(st) == SQLITE_ROW) {
            const char *plan = (const char *)sqlite3_column_text(st, 3);
            /* The rows of a limited subquery are few. */
            if (strncmp(plan, "SCAN", 4) == 0 && strncmp(plan, "SCAN (subquery", 14) != 0 &&
                strcmp(plan, "SCAN CONSTANT ROW") != 0) {
                fail_msg("%s: %s", row->name, plan);
            }
        }
        sqlite3_finalize(st);
        buf_done(&sql);
    }
    assert_true(hot > 40);
}

static void test_open_refusals(void **state)
{
    struct box *b = *state;
    struct store *r = NULL;
    struct db db;
    assert_int_equal(store_open("/nonexistent/x", STORE_READ, &r), SANJI_E_NOT_FOUND);
    assert_int_equal(store_open("/nonexistent/x", STORE_WRITE, &r), SANJI_E_IO);
    store_close(b->s);
    b->s = NULL;
    raw(in_box(b, "sanji.db"), "PRAGMA user_version=999");
    assert_int_equal(store_open(b->dir, STORE_WRITE, &b->s), SANJI_E_SCHEMA_NEWER);
    assert_int_equal(store_open(b->dir, STORE_READ, &r), SANJI_E_SCHEMA_NEWER);
    raw(in_box(b, "sanji.db"), "PRAGMA user_version=1; PRAGMA application_id=7");
    assert_int_equal(store_open(b->dir, STORE_WRITE, &b->s), SANJI_E_CORRUPT);
    int fd = open(in_box(b, "x.db"), O_WRONLY | O_CREAT, 0600);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(write(fd, "not a database ", 15), 15);
    }
    close(fd);
    assert_int_equal(db_open(&db, in_box(b, "x.db"), DB_WRITER), SANJI_E_CORRUPT);
    assert_null(b->s);
}

static int put(struct store *s, const char *owner, const char *id, int64_t seq, int64_t r,
               enum item_op op, const char *d)
{
    static struct stream_key k;
    k = suite_stream(owner, "fed", 1, 1);
    struct suite_item it = {
        .stream = &k, .no = 1, .seq = seq, .owner = owner, .id = id, .d = d, .r = r, .op = op};
    return suite_apply(store_port(s), &it);
}

#define LISTING(title, area, state)                                                                \
    "{\"kind\":\"space\",\"title\":\"" title "\",\"area\":\"" area "\",\"state\":\"" state "\"}"

static int join_ids(const struct store_rec *rec, void *arg)
{
    strcat(arg, rec->id);
    strcat(arg, " ");
    return 0;
}

static void expect(struct store *s, struct store_filter f, const char *want)
{
    char got[400] = "";
    int64_t n = 0;
    size_t spaces = 0;
    assert_int_equal(store_record_list(s, &f, join_ids, got), 0);
    assert_string_equal(got, want);
    if (f.limit == 0) {
        for (const char *p = want; *p != '\0'; p++) {
            spaces += *p == ' ';
        }
        assert_int_equal(store_record_count(s, &f, &n), 0);
        assert_int_equal(n, spaces);
    }
}

static void fill(struct store *s)
{
    assert_int_equal(store_begin(s), 0);
    assert_int_equal(
        put(s, SUITE_A, "a1", 1, 1, OP_PUT, LISTING("望京共享会议室", "110105012", "published")),
        0);
    assert_int_equal(
        put(s, SUITE_A, "a2", 2, 1, OP_PUT, LISTING("八里庄 Library hall", "110105013", "paused")),
        0);
    assert_int_equal(
        put(s, SUITE_B, "b1", 3, 1, OP_PUT, LISTING("京望剧场 SOHO", "110106", "published")), 0);
    assert_int_equal(put(s, SUITE_B, "b2", 4, 1, OP_PUT,
                         LISTING("a\\\"quote\\\" café Ｓｔａｇｅ２", "120000", "published")),
                     0);
    assert_int_equal(put(s, SUITE_B, "b3", 5, 1, OP_PUT, LISTING("gone", "110105", "published")),
                     0);
    assert_int_equal(put(s, SUITE_B, "b3", 6, 2, OP_WITHDRAW, NULL), 0);
    assert_int_equal(store_commit(s), 0);
}

static void test_lists(void **state)
{
    struct store *s = ((struct box *)*state)->s;
    fill(s);
    expect(s, (struct store_filter){0}, "b2 b1 a2 a1 ");
    expect(s, (struct store_filter){.kind = "listing"}, "b2 b1 a2 a1 ");
    expect(s, (struct store_filter){.kind = "need"}, "");
    expect(s, (struct store_filter){.kind = "listing", .area = "110105"}, "a2 a1 ");
    expect(s, (struct store_filter){.kind = "listing", .area = "110105013"}, "a2 ");
    expect(s, (struct store_filter){.kind = "listing", .area = "1"}, "b2 b1 a2 a1 ");
    expect(s, (struct store_filter){.kind = "listing", .area = "13"}, "");
    expect(s, (struct store_filter){.area = "1101"}, "b1 a2 a1 ");
    expect(s, (struct store_filter){.owner = SUITE_A}, "a2 a1 ");
    expect(s, (struct store_filter){.owner = SUITE_A, .state = "paused"}, "a2 ");
    expect(s, (struct store_filter){.owner = SUITE_A, .area = "110105012"}, "a1 ");
    expect(s, (struct store_filter){.kind = "listing", .state = "paused"}, "a2 ");
    expect(s, (struct store_filter){.kind = "listing", .limit = 2}, "b2 b1 ");
    expect(s, (struct store_filter){.kind = "listing", .limit = 2, .offset = 2}, "a2 a1 ");
    expect(s,
           (struct store_filter){.kind = "listing", .limit = 9, .before_ts = 1003, .before_n = 1},
           "a2 a1 ");
    char got[64] = "";
    assert_int_equal(store_record_get(s, NULL, NULL, "a1", join_ids, got), 0);
    assert_int_equal(store_record_get(s, SUITE_B, NULL, "a1", join_ids, got), SANJI_E_NOT_FOUND);
    assert_int_equal(store_record_get(s, SUITE_A, "need", "a1", join_ids, got), SANJI_E_NOT_FOUND);
    assert_int_equal(store_record_get(s, SUITE_B, NULL, "b3", join_ids, got), 0); /* withdrawn */
    assert_int_equal(put(s, SUITE_B, "a1", 9, 1, OP_PUT, LISTING("x", "11", "published")), 0);
    assert_int_equal(store_record_get(s, NULL, NULL, "a1", join_ids, got), SANJI_E_CONFLICT);
    assert_string_equal(got, "a1 b3 ");
}

/* More records than one owner is sorted by: another statement, the same list. */
static void test_big_owner(void **state)
{
    struct store *s = ((struct box *)*state)->s;
    char id[16];
    assert_int_equal(store_begin(s), 0);
    for (int i = 0; i < 5100; i++) {
        snprintf(id, sizeof id, "x%04d", i);
        assert_int_equal(
            put(s, SUITE_A, id, i, 1, OP_PUT,
                i % 2 == 0 ? LISTING("t", "11", "published") : LISTING("t", "11", "paused")),
            0);
        if (i >= 5095) {
            assert_int_equal(put(s, SUITE_B, id, i, 1, OP_PUT, LISTING("t", "12", "published")), 0);
        }
    }
    assert_int_equal(store_commit(s), 0);
    expect(s, (struct store_filter){.kind = "listing", .owner = SUITE_A, .limit = 3},
           "x5099 x5098 x5097 ");
    expect(s, (struct store_filter){.kind = "listing", .owner = SUITE_B, .limit = 3},
           "x5099 x5098 x5097 ");
    expect(s,
           (struct store_filter){
               .kind = "listing", .owner = SUITE_A, .state = "paused", .limit = 2, .offset = 1},
           "x5097 x5095 ");
    expect(s, (struct store_filter){.owner = SUITE_A, .limit = 2, .offset = 5098}, "x0001 x0000 ");
    int64_t n = 0;
    assert_int_equal(store_record_count(s, &(struct store_filter){.kind = "listing"}, &n), 0);
    assert_int_equal(n, 5105);
}

static void search_all(struct store *s)
{
    expect(s, (struct store_filter){.text = "望京"}, "a1 ");
    expect(s, (struct store_filter){.text = "京望"}, "b1 ");
    expect(s, (struct store_filter){.text = "京"}, "b1 a1 ");
    expect(s, (struct store_filter){.text = "室"}, "a1 ");
    expect(s, (struct store_filter){.text = "望京会议"}, ""); /* both pairs, but not together */
    expect(s, (struct store_filter){.text = "望京 会议"}, "a1 ");
    expect(s, (struct store_filter){.text = "剧场soho"}, "");
    expect(s, (struct store_filter){.text = "剧场 soh"}, "b1 ");
    expect(s, (struct store_filter){.text = "LIB"}, "a2 ");
    expect(s, (struct store_filter){.text = "brary"}, "");
    expect(s, (struct store_filter){.text = "stage2"}, "b2 ");
    expect(s, (struct store_filter){.text = "\"quote\""}, "b2 ");
    expect(s, (struct store_filter){.text = "gone"}, "");
    expect(s, (struct store_filter){.text = " - * \" ) OR"}, "");
    expect(s, (struct store_filter){.text = "京", .kind = "listing", .owner = SUITE_A}, "a1 ");
    expect(s, (struct store_filter){.text = "京", .area = "110106"}, "b1 ");
    expect(s, (struct store_filter){.text = "京", .limit = 1, .offset = 1}, "a1 ");
}

static void test_search(void **state)
{
    struct box *b = *state;
    int64_t left = -1;
    char got[64] = "";
    fill(b->s);
    search_all(b->s); /* nothing is indexed yet */
    assert_int_equal(store_search_flush(b->s, 2, &left), 0);
    assert_int_equal(left, 2);
    search_all(b->s);
    assert_int_equal(store_search_flush(b->s, 100, &left), 0);
    assert_int_equal(left, 0);
    search_all(b->s);
    /* an update: the old words find nothing, the new ones do, before and after indexing */
    assert_int_equal(put(b->s, SUITE_A, "a1", 20, 2, OP_PUT, LISTING("新源里", "11", "published")),
                     0);
    for (int i = 0; i < 2; i++) {
        expect(b->s, (struct store_filter){.text = "望京"}, "");
        expect(b->s, (struct store_filter){.text = "源里"}, "a1 ");
        assert_int_equal(store_search_flush(b->s, 100, &left), 0);
    }
    struct store_filter bad = {.text = "\xff"};
    assert_int_equal(store_record_list(b->s, &bad, join_ids, got), SANJI_E_ENCODING);
    /* row numbers are not given twice, even when the newest row is withdrawn and the file reopened
     */
    assert_int_equal(put(b->s, SUITE_A, "a1", 21, 3, OP_WITHDRAW, NULL), 0);
    store_close(b->s);
    assert_int_equal(store_open(b->dir, STORE_WRITE, &b->s), 0);
    assert_int_equal(put(b->s, SUITE_A, "n", 22, 1, OP_PUT, LISTING("别的", "11", "published")), 0);
    expect(b->s, (struct store_filter){.text = "源里"}, "");
    assert_int_equal(store_search_flush(b->s, 100, NULL), 0);
    expect(b->s, (struct store_filter){.text = "源里"}, "");
    expect(b->s, (struct store_filter){.text = "别的"}, "n ");
}

static void test_reader(void **state)
{
    struct box *b = *state;
    struct store *r = NULL;
    assert_int_equal(store_open(b->dir, STORE_READ, &r), 0);
    assert_int_equal(store_begin(b->s), 0);
    assert_int_equal(put(b->s, SUITE_A, "a", 1, 1, OP_PUT, LISTING("x", "11", "published")), 0);
    expect(r, (struct store_filter){0}, ""); /* not yet */
    assert_int_equal(store_commit(b->s), 0);
    expect(r, (struct store_filter){0}, "a ");
    assert_true(put(r, SUITE_A, "b", 1, 1, OP_PUT, LISTING("x", "11", "published")) < 0);
    /* nobody else may read any of the files */
    static const char *const files[] = {"sanji.db", "sanji.db-wal", "keys.db", "keys.db-wal"};
    for (size_t i = 0; i < 4; i++) {
        struct stat st;
        assert_int_equal(stat(in_box(b, files[i]), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    /* a reader's transaction sees one state */
    assert_int_equal(store_begin(r), 0);
    expect(r, (struct store_filter){0}, "a ");
    assert_int_equal(put(b->s, SUITE_A, "c", 2, 1, OP_PUT, LISTING("x", "11", "published")), 0);
    expect(r, (struct store_filter){0}, "a ");
    store_rollback(r);
    expect(r, (struct store_filter){0}, "c a ");
    store_close(r);
}

static int count_bundle(const struct sync_stream_row *st, const struct sync_bundle_row *row,
                        void *arg)
{
    assert_int_equal(st->no, row->no);
    *(int64_t *)arg = *(int64_t *)arg * 10 + row->seq;
    return 0;
}

static void test_bundles(void **state)
{
    struct box *b = *state;
    const struct sync_store *p = store_port(b->s);
    struct stream_key fed = suite_stream(SUITE_A, "fed", 1, 1),
                      trust = suite_stream(SUITE_B, "trust", 1, 1);
    int64_t no = 0, no2 = 0, sum = 0;
    struct sync_stream_row row;
    assert_int_equal(p->stream_add(p->ctx, &fed, &no), 0);
    assert_int_equal(p->stream_add(p->ctx, &trust, &no2), 0);
    for (int64_t i = 1; i <= 4; i++) {
        struct sync_bundle_row x = {.no = no, .seq = i, .frame = span_of("f", 1), .items = 1};
        assert_int_equal(p->bundle_put(p->ctx, &x), 0);
    }
    struct sync_bundle_row x = {.no = no2, .seq = 9, .frame = span_of("f", 1), .items = 2};
    assert_int_equal(p->bundle_put(p->ctx, &x), 0);
    assert_int_equal(store_bundle_walk(b->s, 0, count_bundle, &sum), 0);
    assert_int_equal(sum, 91234); /* trust first */
    sum = 0;
    assert_int_equal(store_bundle_get(b->s, no, 3, count_bundle, &sum), 0);
    assert_int_equal(sum, 3);
    assert_int_equal(store_bundle_get(b->s, no, 5, count_bundle, &sum), SANJI_E_NOT_FOUND);
    int64_t dropped = 0;
    assert_int_equal(p->drop_below(p->ctx, no, 9, &dropped), 0);
    assert_int_equal(dropped, 0);
    assert_int_equal(p->stream_from(p->ctx, no, 3), 0);
    assert_int_equal(store_stream_get(b->s, no, &row), 0);
    assert_int_equal(row.first, 3);
    assert_int_equal(p->drop_below(p->ctx, no, 9, &dropped), 0);
    assert_int_equal(dropped, 2);
    assert_int_equal(store_bundle_get(b->s, no, 2, count_bundle, &sum), SANJI_E_NOT_FOUND);
    assert_int_equal(store_port(b->s)->bundle_restub(b->s, no, 4, span_of("gg", 2), 7), 0);
    assert_int_equal(store_port(b->s)->bundle_restub(b->s, no, 2, span_of("gg", 2), 7),
                     SANJI_E_NOT_FOUND);
    struct store_totals t;
    assert_int_equal(store_totals(b->s, &t), 0);
    assert_int_equal(t.streams, 2);
    assert_int_equal(t.bundles, 3);
    assert_int_equal(t.items, 4);
    assert_int_equal(t.frame_bytes, 4);
}

static void test_shadow_and_digest(void **state)
{
    struct box *b = *state;
    struct store *sh = NULL;
    uint8_t one[HASH_LEN], two[HASH_LEN];
    fill(b->s);
    assert_int_equal(store_views_digest(b->s, one), 0);
    assert_int_equal(store_shadow(b->s, &sh), 0);
    assert_int_equal(store_views_digest(sh, two), 0);
    assert_memory_not_equal(one, two, HASH_LEN);
    fill(sh);
    assert_int_equal(store_views_digest(sh, two), 0);
    assert_memory_equal(one, two, HASH_LEN);
    /* one letter of one title */
    assert_int_equal(db_exec(&sh->db, "UPDATE record SET title='gonf' WHERE id='a2'"), 0);
    assert_int_equal(store_views_digest(sh, two), 0);
    assert_memory_not_equal(one, two, HASH_LEN);
    store_close(sh);
    /* rebuilding gives the same, and a wrong fingerprint asks for it */
    assert_int_equal(store_views_recreate(b->s), 0);
    fill(b->s);
    assert_int_equal(store_views_digest(b->s, two), 0);
    assert_memory_equal(one, two, HASH_LEN);
    struct stream_key fed = suite_stream(SUITE_A, "fed", 1, 1);
    const struct sync_store *p = store_port(b->s);
    int64_t no = 0;
    assert_int_equal(p->stream_add(p->ctx, &fed, &no), 0);
    struct sync_bundle_row x = {.no = no, .seq = 1, .frame = span_of("f", 1)};
    assert_int_equal(p->bundle_put(p->ctx, &x), 0);
    assert_false(store_views_stale(b->s));
    assert_int_equal(db_exec(&b->s->db, "UPDATE meta SET value='old' WHERE key='views'"), 0);
    store_close(b->s);
    b->s = NULL;
    assert_int_equal(store_open(b->dir, STORE_READ, &sh), SANJI_E_STATE);
    assert_int_equal(store_open(b->dir, STORE_WRITE, &b->s), 0);
    assert_true(store_views_stale(b->s));
    expect(b->s, (struct store_filter){0}, "");
    assert_int_equal(store_views_done(b->s), 0);
    assert_false(store_views_stale(b->s));
}

static void test_backup(void **state)
{
    struct box *b = *state;
    uint8_t cek[32] = {1, 2, 3}, got[32];
    sqlite3 *h = NULL;
    fill(b->s);
    assert_int_equal(store_thread_key_put(b->s, SUITE_A, "t", cek), 0);
    assert_int_equal(store_backup(b->s, in_box(b, "copy.db")), 0);
    assert_int_equal(store_backup(b->s, in_box(b, "copy.db")), SANJI_E_EXISTS);
    assert_int_equal(sqlite3_open(in_box(b, "copy.db"), &h), SQLITE_OK);
    assert_int_equal(sqlite3_exec(h, "SELECT * FROM record", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(h, "SELECT * FROM thread_key", NULL, NULL, NULL), SQLITE_ERROR);
    sqlite3_close(h);
    assert_int_equal(store_thread_key_get(b->s, SUITE_A, "t", got), 0);
    assert_memory_equal(got, cek, 32);
    assert_int_equal(store_thread_key_del(b->s, SUITE_A, "t"), 0);
    assert_int_equal(store_thread_key_get(b->s, SUITE_A, "t", got), SANJI_E_NOT_FOUND);
}

static void test_migrations(void **state)
{
    struct box *b = *state;
    static const struct migration good[] = {
        {(const unsigned char *)"CREATE TABLE t(a)"},
        {(const unsigned char *)"ALTER TABLE t ADD b; INSERT INTO t VALUES(1,2)"}};
    static const struct migration bad[] = {
        {(const unsigned char *)"CREATE TABLE t(a)"},
        {(const unsigned char *)"INSERT INTO t VALUES(9); nonsense"}};
    struct db db;
    char path[80], copy[80];
    int64_t v = 0;
    strcpy(path, in_box(b, "x.db"));
    strcpy(copy, in_box(b, "before-upgrade.db"));
    assert_int_equal(db_open(&db, path, DB_WRITER), 0);
    assert_int_equal(migrate(&db, 5, good, 1, copy), 0);
    assert_int_not_equal(access(copy, F_OK), 0); /* nothing to save from an empty file */
    assert_true(migrate(&db, 5, bad, 2, copy) < 0);
    assert_int_equal(access(copy, F_OK), 0);
    assert_int_equal(db_scalar(&db, "PRAGMA user_version", &v), 0);
    assert_int_equal(v, 1);
    assert_int_equal(db_scalar(&db, "SELECT count(*) FROM t", &v), 0);
    assert_int_equal(v, 0); /* the half step is gone */
    assert_int_equal(migrate(&db, 6, good, 2, copy), SANJI_E_CORRUPT);
    assert_int_equal(migrate(&db, 5, good, 2, copy), 0);
    assert_int_equal(db_scalar(&db, "SELECT b FROM t", &v), 0);
    assert_int_equal(v, 2);
    assert_int_equal(migrate(&db, 5, good, 2, copy), 0);
    assert_int_equal(migrate(&db, 5, good, 1, copy), SANJI_E_SCHEMA_NEWER);
    db_close(&db);
}

/* ---- what statistics rest on: kept as sums, equal to a count of what stands ---- */

struct counted {
    struct stat_fact f[4096];
    size_t n;
    struct stat_cell kept[STAT_COUNT], again;
};

static int count_record(const struct store_rec *rec, void *arg)
{
    struct counted *c = arg;
    if (!rec->withdrawn && strcmp(rec->owner, SUITE_A) == 0) {
        c->n += stat_facts_record(rec->kind, rec->d, rec->leaf, c->f + c->n);
    }
    return 0;
}

static int count_kept(const struct store_stat_count *k, void *arg)
{
    struct counted *c = arg;
    int month = 0;
    assert_true(stat_month_parse("2026-11", &month));
    return k->month == month ||
                   (stat_indicators[k->ind].rule == STAT_RULE_STOCK && k->month < month)
               ? stat_cell_add(&c->kept[k->ind], &k->with, k->n, k->sum)
               : 0;
}

static void same_counts(struct store *s)
{
    static struct counted c;
    struct store_filter all = {.limit = 4096};
    c.n = 0;
    assert_int_equal(store_record_list(s, &all, count_record, &c), 0);
    for (int i = 0; i < STAT_COUNT; i++) {
        assert_int_equal(stat_cell_begin("2026-11", (enum stat_ind)i, &c.kept[i]), 0);
    }
    assert_int_equal(store_stat_counts(s, count_kept, &c), 0);
    for (int i = 0; i < STAT_COUNT; i++) {
        assert_int_equal(stat_cell_make("2026-11", (enum stat_ind)i, c.f, c.n, &c.again), 0);
        assert_true(stat_cell_eq(&c.kept[i], &c.again));
    }
}

static void draw_item(unsigned *rng, char d[static 120], char id[static 8], struct suite_item *it)
{
    static const char *const state[] = {"open", "fulfilled", "unmet", "closed"};
    static const char *const show[] = {"active", "paused"};
    static const char *const aud[] = {"fed", "sub:" SUITE_A};
    static const char *const since[] = {"2025-01-05", "2026-10-31", "2026-11-01", "2026-12-01"};
    static struct stream_key key;
    unsigned x = *rng = *rng * 1103515245U + 12345U;
    bool need = (x >> 16) % 2 == 0;
    snprintf(id, 8, "r%u", (x >> 20) % 12);
    snprintf(d, 120, "{\"since\":\"%s\",\"state\":\"%s\"}", since[(x >> 18) % 4],
             need ? state[(x >> 22) % 4] : show[(x >> 22) % 2]);
    key = suite_stream((x >> 24) % 5 == 0 ? SUITE_B : SUITE_A, aud[(x >> 25) % 2], 1, 1);
    it->stream = &key;
    it->no = 1 + (x >> 25) % 2 + ((x >> 24) % 5 == 0 ? 2 : 0);
    it->owner = (x >> 27) % 8 == 0 && it->no > 2 ? SUITE_A : key.by.s;
    it->id = id;
    it->kind = need ? "need/1" : "listing/1";
    it->d = d;
    it->r = 1 + (x >> 23) % 6;
    it->op = (x >> 21) % 6 == 0 ? OP_WITHDRAW : OP_PUT;
}

static void test_counts(void **state)
{
    struct store *s = ((struct box *)*state)->s;
    unsigned rng = 7;
    assert_int_equal(store_self(s, SUITE_A), 0);
    for (int i = 1; i <= 250; i++) {
        char d[120], id[8];
        struct suite_item it = {.seq = i, .leaf_seed = (uint8_t)i};
        draw_item(&rng, d, id, &it);
        assert_int_equal(suite_apply(store_port(s), &it), 0);
        if (i % 10 == 0) {
            same_counts(s);
        }
    }
    /* what one writer brought in goes, and what it hid shows again */
    assert_int_equal(store_begin(s), 0);
    assert_int_equal(store_port(s)->forget(s, SUITE_B), 0);
    assert_int_equal(store_commit(s), 0);
    same_counts(s);
    assert_int_equal(store_begin(s), 0);
    assert_int_equal(store_port(s)->forget(s, SUITE_A), 0);
    store_rollback(s);
    same_counts(s);
    assert_int_equal(store_begin(s), 0);
    assert_int_equal(store_port(s)->forget(s, SUITE_A), 0);
    assert_int_equal(store_commit(s), 0);
    same_counts(s);
}

static int see_time(const struct store_rec *rec, void *arg)
{
    *(int64_t *)arg = rec->ts;
    return 0;
}

/* The same text in three epochs of a writer: its time is that of the place that counts, whichever
 * came first. */
static void test_said_again_elsewhere(void **state)
{
    struct store *s = ((struct box *)*state)->s;
    static const int64_t order[2][3] = {{2, 3, 1}, {1, 3, 2}};
    for (int i = 0; i < 2; i++) {
        char id[] = "r0";
        int64_t ts = 0;
        id[1] = (char)('0' + i);
        for (int k = 0; k < 3; k++) {
            int64_t ep = order[i][k];
            struct stream_key key = suite_stream(SUITE_A, "fed", (uint32_t)ep, 1);
            struct suite_item it = {.stream = &key,
                                    .no = ep,
                                    .seq = 10 * ep,
                                    .owner = SUITE_A,
                                    .id = id,
                                    .d = "{}",
                                    .r = 1,
                                    .op = OP_PUT};
            assert_int_equal(suite_apply(store_port(s), &it), 0);
        }
        assert_int_equal(store_record_get(s, SUITE_A, "listing", id, see_time, &ts), 0);
        assert_int_equal(ts, 1030);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_hot_statements_do_not_scan),
        T(test_open_refusals),
        T(test_lists),
        T(test_big_owner),
        T(test_search),
        T(test_reader),
        T(test_bundles),
        T(test_shadow_and_digest),
        T(test_backup),
        T(test_migrations),
        T(test_counts),
        T(test_said_again_elsewhere),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
