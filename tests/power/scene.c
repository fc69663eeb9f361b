/* SPDX-License-Identifier: Apache-2.0 */
/* The work that must survive: the real node on its real store, written to as a desk does, fed as
 * a neighbour does, upgraded, born, and given new keys. Files a node makes and takes, and what is
 * to vanish, are in scene_files.c and scene_erase.c. */
#include "tests/power/scene_internal.h"

#include "node/store/db.h"
#include "node/store/migrate.h"
#include "tests/power/town.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WRITES = 24 };

uint64_t scene_draw(struct tally *t, uint64_t n)
{
    uint64_t z = (t->rng += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % n;
}

int scene__wrong(struct tally *t, const char *what, int err)
{
    if (t->why[0] == '\0') {
        (void)snprintf(t->why, sizeof(t->why), "%s: %s", what, err_name(err));
    }
    return -1;
}

/* ---- a node that is written to ---- */

struct app *scene__open(const char *root, struct tally *t)
{
    char dir[TOWN_PATH];
    struct app *a = NULL;
    int r = SANJI_E_IO;
    town_path(root, "city", dir);
    for (int i = 0; r < 0 && i < (t->must_work ? 1 : 200); i++) {
        r = app_open(dir, &a, NULL);
    }
    if (r < 0) {
        if (t->must_work) {
            (void)scene__wrong(t, "does not open", r);
        }
        return NULL;
    }
    return a;
}

static int see_rev(const struct store_rec *rec, void *arg)
{
    *(int64_t *)arg = rec->r;
    return 0;
}

struct app *scene__keep_open(struct app *a, const char *root, struct tally *t)
{
    if (!store_is_broken(a->store)) {
        return a;
    }
    app_close(a); /* the daemon ends itself, and is started again */
    return scene__open(root, t);
}

int scene__rev_of(struct app *a, const char *id, int64_t *ret)
{
    *ret = 0;
    return store_record_get(a->store, app_id(a), "listing", id, see_rev, ret);
}

static void said_yes(struct app *a, struct tally *t, const char *id)
{
    int64_t r = 0;
    int i = 0;
    /* What waits for its signature is a new record: nobody is shown it before. */
    if (scene__rev_of(a, id, &r) < 0 && a->outbox_n > 0) {
        r = 1;
    } else if (r == 0) {
        (void)scene__wrong(t, "acknowledged and not readable", SANJI_E_NOT_FOUND);
        return;
    }
    while (i < t->n_rec && strcmp(t->rec[i].id, id) != 0) {
        i++;
    }
    if (i < TALLY_RECORDS) {
        (void)snprintf(t->rec[i].id, sizeof(t->rec[i].id), "%s", id);
        t->rec[i].r = r;
        t->n_rec = i == t->n_rec ? i + 1 : t->n_rec;
    }
}

static int refer(struct app *a, struct tally *t)
{
    static const char d[] =
        "{\"subject_kind\":\"org\",\"reason\":\"venue\",\"title\":\"需要场地\"}";
    char id[LIM_ID_BYTES + 1];
    struct fault f = {0};
    int r = app_referral_send(a, town.district, span_of(d, sizeof(d) - 1), id, &f);
    if (r == 0 && t->n_threads < TALLY_THREADS) {
        (void)snprintf(t->thread[t->n_threads], sizeof(t->thread[0]), "%s", id);
        t->n_threads++;
    }
    return r;
}

int scene__write(struct app *a, struct tally *t)
{
    char id[LIM_ID_BYTES + 1] = "";
    uint64_t what = scene_draw(t, 10), n = scene_draw(t, 1u << 30);
    const char *old = t->n_rec > 0 ? t->rec[scene_draw(t, (uint64_t)t->n_rec)].id : NULL;
    /* As if they followed each other closely, whatever the clock says. */
    a->may_defer = scene_draw(t, 4) != 0;
    a->signed_at = app_mono_ms() + 3600000;
    if (what <= 2) { /* as the daemon does before any other command */
        int r = app_outbox_flush(a);
        if (r < 0) {
            return r;
        }
    }
    if (what == 0) {
        return refer(a, t);
    }
    if (what == 1) {
        return app_tick(a, app_mono_ms() + 10000000) < 0 ? SANJI_E_IO : 0;
    }
    if (what == 2 && old != NULL) {
        (void)snprintf(id, sizeof(id), "%s", old);
        int r = app_withdraw(a, NULL, id, NULL);
        if (r == 0) {
            said_yes(a, t, id);
        }
        return r;
    }
    int r = town_put(a, what < 6 ? old : NULL, n, scene_draw(t, 2500), id);
    if (r == 0) {
        said_yes(a, t, id);
    }
    return r;
}

/* A fault may be over only some time after the work: then until something succeeds, or never. */
bool scene__due(const struct tally *t, int i)
{
    return i < (t->must_work ? WRITES : 4 * WRITES) || (t->last_refused && i < 10 * WRITES);
}

static void work_put(const char *root, struct tally *t)
{
    struct app *a = scene__open(root, t);
    t->last_refused = false;
    for (int i = 0; a != NULL && scene__due(t, i); i++) {
        int r = scene__write(a, t);
        t->last_refused = r < 0;
        if (r < 0 && t->must_work) {
            (void)scene__wrong(t, "refused without need", r);
        }
        a = scene__keep_open(a, root, t);
    }
    app_close(a);
}

static int take_frames(struct app *a, struct tally *t, int upto)
{
    struct sync_tick tick;
    struct sync_accept acc;
    int r = app_tick_make(&tick);
    r = r < 0 ? r : store_begin(a->store);
    for (int i = t->frames; r == 0 && i < upto; i++) {
        memset(&acc, 0, sizeof(acc));
        sync_accept_frame(a->sync, &tick, span_of(town.frame[i].data, town.frame[i].len), &acc);
        r = acc.err == SANJI_E_OLD ? 0 : acc.err;
    }
    r = r < 0 ? r : store_commit(a->store);
    if (r < 0) {
        store_rollback(a->store);
        (void)sync_reload(a->sync);
        return r;
    }
    app_changed(a);
    t->frames = upto; /* here the parent would answer that it has them */
    return 0;
}

static void work_import(const char *root, struct tally *t)
{
    struct app *a = scene__open(root, t);
    t->last_refused = false;
    for (int i = 0; a != NULL && t->frames < town.n_frames && scene__due(t, i); i++) {
        int upto = t->frames + 1 + (int)scene_draw(t, 12);
        int r = take_frames(a, t, upto < town.n_frames ? upto : town.n_frames);
        t->last_refused = r < 0;
        if (r < 0 && t->must_work) {
            (void)scene__wrong(t, "import refused", r);
        }
        a = scene__keep_open(a, root, t);
    }
    app_close(a);
}

static void work_rebuild(const char *root, struct tally *t)
{
    char path[TOWN_PATH];
    sqlite3 *h = NULL;
    town_path(root, "city/sanji.db", path);
    if (sqlite3_open(path, &h) == SQLITE_OK) { /* views of another version */
        (void)sqlite3_exec(h, "UPDATE meta SET value='0' WHERE key='views'", NULL, NULL, NULL);
    }
    sqlite3_close(h);
    struct app *a = scene__open(root, t);
    for (int i = 0; a != NULL && i < 3; i++) {
        (void)scene__write(a, t);
    }
    app_close(a);
}

static void work_rotate(const char *root, struct tally *t)
{
    struct fault f = {0};
    struct app *a = scene__open(root, t);
    if (a == NULL) {
        return;
    }
    int r = app_rotate(a, span_of(town.root_key.data, town.root_key.len), &f);
    if (r < 0 && t->must_work) {
        (void)scene__wrong(t, "rotation refused", r);
    }
    for (int i = 0; i < 4; i++) {
        (void)app_tick(a, app_mono_ms() + 10000000);
        (void)scene__write(a, t);
    }
    app_close(a);
    a = scene__open(root, t);
    app_close(a);
}

static int held_frames(struct app *a, struct tally *t)
{
    struct sync_tick tick;
    int r = app_tick_make(&tick);
    r = r < 0 ? r : store_begin(a->store);
    for (int i = 0; r == 0 && i < t->frames; i++) {
        struct sync_accept acc;
        memset(&acc, 0, sizeof(acc));
        sync_accept_frame(a->sync, &tick, span_of(town.frame[i].data, town.frame[i].len), &acc);
        if (acc.err != SANJI_E_OLD) {
            r = scene__wrong(t, "a bundle taken and acknowledged is lost", acc.err);
        }
    }
    store_rollback(a->store);
    return r < 0 ? r : sync_reload(a->sync);
}

static int see_thread(const struct store_thread *th, void *arg)
{
    *(bool *)arg = th->fold.state == RS_SENT;
    return 0;
}

static int held_records(struct app *a, struct tally *t)
{
    for (int i = 0; i < t->n_rec; i++) {
        int64_t r = 0;
        if (scene__rev_of(a, t->rec[i].id, &r) < 0 || r < t->rec[i].r) {
            return scene__wrong(t, "an acknowledged record is lost", SANJI_E_NOT_FOUND);
        }
    }
    for (int i = 0; i < t->n_threads; i++) {
        bool is_sent = false;
        (void)store_thread_by_id(a->store, t->thread[i], see_thread, &is_sent);
        if (!is_sent) {
            return scene__wrong(t, "an acknowledged referral is lost", SANJI_E_NOT_FOUND);
        }
    }
    return 0;
}

static void on_wrong(const char *what, const char *where, int err, const char *member, void *arg)
{
    struct tally *t = arg;
    if (t->why[0] == '\0') {
        (void)snprintf(t->why, sizeof(t->why), "verify: %s %s %s %s", what, where, err_name(err),
                       member == NULL ? "" : member);
    }
}

static int integrity(const char *path, struct tally *t)
{
    sqlite3 *h = NULL;
    sqlite3_stmt *st = NULL;
    int r = sqlite3_open_v2(path, &h, SQLITE_OPEN_READWRITE, NULL);
    r = r != SQLITE_OK ? r : sqlite3_prepare_v2(h, "PRAGMA integrity_check", -1, &st, NULL);
    bool is_ok = r == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW &&
                 strcmp((const char *)sqlite3_column_text(st, 0), "ok") == 0;
    sqlite3_finalize(st);
    sqlite3_close(h);
    return is_ok ? 0 : scene__wrong(t, "integrity_check", SANJI_E_CORRUPT);
}

/* Opens, verifies, holds what it said it holds, and goes on. */
int scene__check_node(const char *root, struct tally *t)
{
    static const char *const db[] = {"city/sanji.db", "city/keys.db"};
    char path[TOWN_PATH], id[LIM_ID_BYTES + 1] = "";
    struct app_verdict v;
    struct app *a = NULL;
    town_path(root, "city", path);
    int r = app_open(path, &a, NULL);
    if (r < 0) {
        return scene__wrong(t, "does not open afterwards", r);
    }
    r = app_outbox_flush(a);
    if (r < 0) {
        r = scene__wrong(t, "what waited is not signed", r);
    }
    r = r < 0 ? r : held_records(a, t);
    r = r < 0 ? r : held_frames(a, t);
    int e = r < 0 ? 0 : app_verify(a, &v, on_wrong, t);
    if (e < 0 || (r == 0 && (v.wrong > 0 || v.views_differ))) {
        r = scene__wrong(t, "verify", e);
    }
    if (r == 0) {
        e = town_put(a, NULL, 1, 10, id);
        r = e < 0 ? scene__wrong(t, "does not go on", e) : 0;
        if (r == 0) {
            said_yes(a, t, id);
        }
    }
    app_close(a);
    for (size_t i = 0; r == 0 && i < 2; i++) {
        town_path(root, db[i], path);
        r = integrity(path, t);
    }
    return r;
}

/* ---- an upgrade of a database ---- */

static const unsigned char step1[] =
    "CREATE TABLE row(n INTEGER PRIMARY KEY, body TEXT NOT NULL, twice INTEGER);";
static const unsigned char step2[] =
    "CREATE TABLE row2(n INTEGER PRIMARY KEY, twice INTEGER NOT NULL, body TEXT NOT NULL);"
    "INSERT INTO row2 SELECT n, n*2, body||'2' FROM row; DROP TABLE row;"
    "CREATE INDEX row2_twice ON row2(twice);";
static const struct migration steps[] = {{step1}, {step2}};
enum { TEST_APP_ID = 0x534a7473, OLD_ROWS = 150, NEW_ROWS = 60 };

static int migration_at(const char *root, size_t n, struct db *db)
{
    char path[TOWN_PATH], backup[TOWN_PATH];
    town_path(root, "up.db", path);
    town_path(root, "before.db", backup);
    int r = db_open(db, path, DB_WRITER);
    r = r < 0 ? r : migrate(db, TEST_APP_ID, steps, n, backup);
    if (r < 0) {
        db_close(db);
    }
    return r;
}

static void work_upgrade(const char *root, struct tally *t)
{
    char sql[256];
    struct db db;
    int64_t version = 0;
    int r = migration_at(root, 1, &db);
    if (r == SANJI_E_SCHEMA_NEWER) {
        return;
    }
    while (r == 0 && t->rows < OLD_ROWS) {
        (void)snprintf(sql, sizeof(sql),
                       "INSERT OR REPLACE INTO row(n,body) VALUES(%lld,hex(zeroblob(%lld)))",
                       (long long)t->rows, (long long)(t->rows * 17 % 900));
        r = db_exec(&db, sql);
        t->rows += r == 0;
    }
    if (r == 0) {
        db_close(&db);
        r = migration_at(root, 2, &db);
        t->is_done = r == 0 && db_scalar(&db, "PRAGMA user_version", &version) == 0 && version == 2;
        /* Life goes on: the copy of before has to stand by now. */
        while (r == 0 && t->rows < OLD_ROWS + NEW_ROWS) {
            long long k = (long long)t->rows;
            (void)snprintf(sql, sizeof(sql),
                           "INSERT INTO row2 VALUES(%lld,%lld,hex(zeroblob(%lld))||'2')", k, k * 2,
                           k * 17 % 900);
            r = db_exec(&db, sql);
            t->rows += r == 0;
        }
        db_close(&db);
    }
    if (r < 0 && t->must_work) {
        (void)scene__wrong(t, "upgrade refused", r);
    }
}

/* What stood there before the upgrade is there in full. */
static int check_copy(const char *root, struct tally *t)
{
    char path[TOWN_PATH];
    struct db db;
    int64_t n = 0;
    town_path(root, "before.db", path);
    int r = integrity(path, t);
    if (r == 0) {
        r = db_open(&db, path, DB_WRITER);
        r = r < 0 ? r : db_scalar(&db, "SELECT count(*) FROM row", &n);
        db_close(&db);
        r = r == 0 && n == OLD_ROWS ? 0 : scene__wrong(t, "the copy from before an upgrade", r);
    }
    return r;
}

static int check_upgrade(const char *root, struct tally *t)
{
    char path[TOWN_PATH];
    struct db db;
    int64_t version = 0, n = 0, bad = 0;
    town_path(root, "up.db", path);
    int r = db_open(&db, path, DB_WRITER);
    r = r < 0 ? r : db_scalar(&db, "PRAGMA user_version", &version);
    if (r == 0 && version > 0) {
        r = db_scalar(&db, version == 2 ? "SELECT count(*) FROM row2" : "SELECT count(*) FROM row",
                      &n);
    }
    if (r == 0 && version == 2) {
        r = db_scalar(&db,
                      "SELECT count(*) FROM row2 WHERE twice<>n*2 OR length(body)<>(n*17%900)*2+1",
                      &bad);
    }
    db_close(&db);
    if (r < 0) {
        return scene__wrong(t, "database after an upgrade", r);
    }
    if (n < t->rows || bad > 0 || (t->is_done && version != 2)) {
        return scene__wrong(t, "rows of the upgrade are lost", SANJI_E_NOT_FOUND);
    }
    r = integrity(path, t);
    if (r == 0 && version == 2) {
        r = check_copy(root, t);
    }
    if (r == 0) {
        int e = migration_at(root, 1, &db); /* goes on */
        if (e == 0) {
            db_close(&db);
            e = migration_at(root, 2, &db);
            db_close(&db);
        }
        r = e < 0 && e != SANJI_E_SCHEMA_NEWER ? scene__wrong(t, "upgrade does not go on", e) : 0;
    }
    return r;
}

/* ---- a birth ---- */

static void work_birth(const char *root, struct tally *t)
{
    int r = town_birth(root, "city");
    t->is_born = r == 0;
    if (r < 0 && t->must_work) {
        (void)scene__wrong(t, "init refused", r);
    }
}

static int check_birth(const char *root, struct tally *t)
{
    char path[TOWN_PATH];
    struct app *a = NULL;
    town_path(root, "city", path);
    int r = app_open(path, &a, NULL);
    app_close(a);
    if (r < 0 && t->is_born) {
        return scene__wrong(t, "a node that was born does not open", r);
    }
    if (r < 0) { /* nothing of the attempt may stand in the way of the next */
        int e = town_birth(root, "city");
        if (e < 0) {
            return scene__wrong(t, "init cannot be said again", e);
        }
    }
    town_path(root, "city-root.key", path);
    if (access(path, R_OK) != 0) {
        return scene__wrong(t, "a node without its root key", SANJI_E_NOT_FOUND);
    }
    return scene__check_node(root, t);
}

const struct scene scenes[] = {
    {"put", work_put, scene__check_node, false, false, 10},
    {"import", work_import, scene__check_node, false, false, 2},
    {"rebuild", work_rebuild, scene__check_node, false, false, 10},
    {"rotate", work_rotate, scene__check_node, false, false, 1},
    {"upgrade", work_upgrade, check_upgrade, true, false, 1},
    {"birth", work_birth, check_birth, true, true, 1},
    {"join", scene__join, scene__check_join, false, true, 1},
    {"backup", scene__backup, scene__check_backup, false, false, 4},
    {"ferry", scene__ferry, scene__check_ferry, false, false, 1},
    {"restore", scene__restore, scene__check_restore, false, true, 1},
    {"paper", scene__paper, scene__check_paper, false, false, 1},
    {"recover", scene__recover, scene__check_recover, false, true, 1},
    {"erase", scene__erase, scene__check_erase, false, false, 1},
};
const size_t scenes_n = sizeof(scenes) / sizeof(scenes[0]);
