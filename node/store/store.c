/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, transactions over both files, and the views as a whole. */
#include "node/store/internal.h"
#include "node/store/migrate.h"
#include "protocol/base/enc.h"
#include "protocol/base/err.h"
#include "protocol/base/text.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int path_in(char out[static PATH_MAX], const char *dir, const char *name)
{
    int n = snprintf(out, PATH_MAX, "%s/%s", dir, name);
    return n < 0 || n >= PATH_MAX ? SANJI_E_SIZE : 0;
}

int store__meta_get(struct store *s, const char *key, int64_t *ret)
{
    struct q q;
    *ret = 0;
    q_begin(&q, &s->db, Q_META_GET);
    q_text(&q, key);
    if (q_row(&q)) {
        struct span v = q_col_span(&q, 0);
        if (q.err == 0) {
            q.err = text_i64((const char *)v.p, v.n, INT64_MIN / 2, INT64_MAX / 2, ret);
        }
    }
    return q_end(&q);
}

int store__meta_put(struct store *s, const char *key, int64_t value)
{
    char text[24];
    struct q q;
    snprintf(text, sizeof text, "%lld", (long long)value);
    q_begin(&q, &s->db, Q_META_PUT);
    q_text(&q, key);
    q_text(&q, text);
    return q_run(&q);
}

int store__load_counters(struct store *s)
{
    int64_t top = 0, upto = 0;
    struct q q;
    q_begin(&q, &s->db, Q_REC_MAX);
    if (q_row(&q)) {
        top = q_col_int(&q, 0);
    }
    int r = q_end(&q);
    if (r == 0) {
        r = store__meta_get(s, "search_upto", &upto);
    }
    s->next_n = (top > upto ? top : upto) + 1;
    return r;
}

/* In the caller's transaction. */
static int make_views(struct store *s)
{
    char print[17];
    struct q q;
    int r = db_exec(&s->db, views_sql());
    if (r < 0) {
        return r;
    }
    views_fingerprint(print);
    /* Not a statement of stmt.def: at the first start those cannot be compiled yet. */
    char sql[256];
    snprintf(sql, sizeof sql,
             "INSERT OR REPLACE INTO meta(key,value) VALUES('views','%s'),('search_upto','0'),"
             "('views_stale',CAST(EXISTS(SELECT 1 FROM bundle) AS TEXT))",
             print);
    r = db_exec(&s->db, sql);
    if (r == 0 && s->db.st[Q_PARK_CLEAR] != NULL) {
        q_begin(&q, &s->db, Q_PARK_CLEAR);
        r = q_run(&q);
    }
    store__lane_forget(s);
    return r;
}

static int views_match(struct store *s, bool *ret)
{
    char print[17], sql[96];
    int64_t one = 0;
    views_fingerprint(print);
    snprintf(sql, sizeof sql, "SELECT 1 FROM meta WHERE key='views' AND value='%s'", print);
    int r = db_scalar(&s->db, sql, &one);
    *ret = r == 0;
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

static int ensure_views(struct store *s)
{
    bool is_match = false;
    int r = views_match(s, &is_match);
    if (r < 0 || is_match) {
        return r;
    }
    if (s->mode == STORE_READ) {
        return SANJI_E_STATE;
    }
    r = db_exec(&s->db, "BEGIN IMMEDIATE");
    if (r == 0) {
        r = store__spare_before(&s->db);
        r = r < 0 ? r : make_views(s);
        int end = db_exec(&s->db, r == 0 ? "COMMIT" : "ROLLBACK");
        r = r == 0 ? end : r;
    }
    return r;
}

static enum db_mode db_mode_of(enum store_mode mode)
{
    switch (mode) {
    case STORE_WRITE:
        return DB_WRITER;
    case STORE_READ:
        return DB_READER;
    case STORE_SCRATCH:
        break;
    }
    return DB_SCRATCH;
}

static int open_main(struct store *s, const char *dir)
{
    char path[PATH_MAX] = "", backup[PATH_MAX] = "";
    int r = path_in(path, dir, "sanji.db");
    if (r == 0) {
        r = path_in(backup, dir, "before-upgrade.db");
    }
    if (r == 0) {
        r = db_open(&s->db, path, db_mode_of(s->mode));
    }
    if (r == 0) {
        r = migrate(&s->db, APP_ID_MAIN, migrations_main, migrations_main_n, backup);
    }
    if (r == 0) {
        r = ensure_views(s);
    }
    return r < 0 ? r : stmt_prepare_all(&s->db, STMT_MAIN);
}

static int open_keys(struct store *s, const char *dir)
{
    char path[PATH_MAX];
    int r = path_in(path, dir, "keys.db");
    if (r == 0) {
        r = db_open(&s->keys, path, db_mode_of(s->mode));
    }
    if (r == SANJI_E_NOT_FOUND && s->mode == STORE_READ) {
        return 0;
    }
    if (r == 0) {
        /* No copy before an upgrade: keys stay in this one file. */
        r = migrate(&s->keys, APP_ID_KEYS, migrations_keys, migrations_keys_n, NULL);
    }
    return r < 0 ? r : stmt_prepare_all(&s->keys, STMT_KEYS);
}

int store_open(const char *dir, enum store_mode mode, struct store **ret)
{
    struct store *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return SANJI_E_NOMEM;
    }
    s->magic = STORE_MAGIC;
    s->mode = mode;
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        buf_init(&s->text[i], LIM_ITEM_BYTES);
    }
    int r = open_main(s, dir == NULL ? "" : dir);
    if (r == 0) {
        r = open_keys(s, dir == NULL ? "" : dir);
    }
    if (r == 0) {
        r = store__load_counters(s);
    }
    if (r < 0) {
        store_close(s);
        return r;
    }
    store__port_init(s);
    *ret = s;
    return 0;
}

void store_close(struct store *s)
{
    if (s == NULL) {
        return;
    }
    db_close(&s->keys);
    db_close(&s->db);
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        buf_done(&s->text[i]);
    }
    s->magic = 0;
    free(s);
}

const struct sync_store *store_port(struct store *s)
{
    return &s->port;
}

int store_begin_at(struct store *s, const char *file, int line)
{
    return db_begin_at(&s->db, file, line);
}

int store_commit(struct store *s)
{
    int r = store__lane_flush(s);
    /* Keys first: a key without its event is harmless, an event without its key is lost. */
    if (r == 0 && s->keys.in_tx) {
        r = db_commit(&s->keys);
    }
    if (r == 0) {
        r = db_commit(&s->db);
    }
    if (r < 0) {
        store_rollback(s);
    }
    return r;
}

void store_rollback(struct store *s)
{
    if (s->keys.in_tx) {
        db_rollback(&s->keys);
    }
    db_rollback(&s->db);
    store__lane_forget(s);
}

bool store_in_tx(const struct store *s)
{
    return s->db.in_tx;
}

const char *store_tx_where(const struct store *s, int *ret_line)
{
    *ret_line = s->db.in_tx ? s->db.tx_line : 0;
    return s->db.in_tx ? s->db.tx_file : "";
}

bool store_is_broken(const struct store *s)
{
    return s->db.broken || s->keys.broken;
}

const char *store_error_text(const struct store *s)
{
    return s->db.msg[0] != '\0' ? s->db.msg : s->keys.msg;
}

bool store_views_stale(struct store *s)
{
    int64_t stale = 0;
    return store__meta_get(s, "views_stale", &stale) < 0 || stale != 0;
}

int store_views_recreate(struct store *s)
{
    bool own = !store_in_tx(s);
    int r = own ? store_begin(s) : 0;
    if (r == 0) {
        r = make_views(s);
        if (own) {
            if (r == 0) {
                r = store_commit(s);
            } else {
                store_rollback(s);
            }
        }
    }
    return r;
}

int store_views_done(struct store *s)
{
    int r = store__lane_flush(s);
    return r < 0 ? r : store__meta_put(s, "views_stale", 0);
}

int store_backup(struct store *s, const char *path)
{
    return store_in_tx(s) ? SANJI_E_STATE : db_copy_to(&s->db, path);
}
