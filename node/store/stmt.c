/* SPDX-License-Identifier: Apache-2.0 */
/* The only place that binds, steps and resets: a forgotten reset holds a read lock for ever, a
 * forgotten clear leaves a binding that points to freed memory. */
#include "node/store/stmt.h"

#include "node/store/db.h"
#include "protocol/base/err.h"

#include <sqlite3.h>
#include <string.h>

const struct stmt_row stmt_rows[STMT_COUNT] = {
#define STMT(id, stmt_set, stmt_flags, text)                                                       \
    [Q_##id] = {.name = #id, .sql = (text), .set = (stmt_set), .flags = (stmt_flags)},
#include "node/store/stmt.def"
#undef STMT
};

static int prepare(struct db *db, const char *sql, unsigned flags, sqlite3_stmt **ret)
{
    const char *tail = NULL;
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v3(db->h, sql, -1, flags, &st, &tail);
    if (rc != SQLITE_OK) {
        return db_fail(db, rc);
    }
    if (st == NULL || (tail != NULL && *tail != '\0')) {
        sqlite3_finalize(st);
        return SANJI_E_BUG;
    }
    *ret = st;
    return 0;
}

int stmt_prepare(struct db *db, enum stmt_id id)
{
    return prepare(db, stmt_rows[id].sql, SQLITE_PREPARE_PERSISTENT, &db->st[id]);
}

int stmt_prepare_all(struct db *db, enum stmt_set set)
{
    for (size_t i = 0; i < STMT_COUNT; i++) {
        if (stmt_rows[i].set != set && stmt_rows[i].set != STMT_BOTH) {
            continue;
        }
        int r = stmt_prepare(db, (enum stmt_id)i);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

void stmt_finalize_all(struct db *db)
{
    for (size_t i = 0; i < STMT_COUNT; i++) {
        sqlite3_finalize(db->st[i]);
        db->st[i] = NULL;
    }
}

void q_begin(struct q *q, struct db *db, enum stmt_id id)
{
    *q = (struct q){.db = db, .st = db->st[id]};
    if (q->st == NULL) {
        q->err = db->h == NULL ? SANJI_E_NOT_FOUND : SANJI_E_BUG;
    } else if (sqlite3_stmt_busy(q->st)) {
        q->st = NULL;
        q->err = prepare(db, stmt_rows[id].sql, 0, &q->st);
        q->is_copy = q->err == 0;
    }
}

static void bound(struct q *q, int rc)
{
    if (rc != SQLITE_OK) {
        q->err = db_fail(q->db, rc);
    }
}

void q_int(struct q *q, int64_t v)
{
    if (q->err == 0) {
        bound(q, sqlite3_bind_int64(q->st, ++q->n, v));
    }
}

void q_text(struct q *q, const char *s)
{
    if (q->err == 0) {
        bound(q, sqlite3_bind_text(q->st, ++q->n, s, -1, SQLITE_STATIC));
    }
}

void q_span(struct q *q, struct span s)
{
    if (q->err == 0) {
        const char *p = s.p == NULL ? "" : (const char *)s.p;
        bound(q, sqlite3_bind_text64(q->st, ++q->n, p, s.n, SQLITE_STATIC, SQLITE_UTF8));
    }
}

void q_blob(struct q *q, const void *p, size_t n)
{
    if (q->err == 0) {
        bound(q, sqlite3_bind_blob64(q->st, ++q->n, p == NULL ? "" : p, n, SQLITE_STATIC));
    }
}

void q_null(struct q *q)
{
    q->n++;
}

bool q_row(struct q *q)
{
    if (q->err != 0) {
        return false;
    }
    int rc = sqlite3_step(q->st);
    if (rc == SQLITE_ROW) {
        return true;
    }
    if (rc != SQLITE_DONE) {
        q->err = db_fail(q->db, rc);
    }
    return false;
}

int q_end(struct q *q)
{
    if (q->is_copy) {
        sqlite3_finalize(q->st);
    } else if (q->st != NULL) {
        sqlite3_reset(q->st);
        sqlite3_clear_bindings(q->st);
    }
    q->st = NULL;
    return q->err;
}

int q_run(struct q *q)
{
    while (q_row(q)) {
    }
    return q_end(q);
}

int64_t q_col_int(struct q *q, int col)
{
    return q->err != 0 ? 0 : sqlite3_column_int64(q->st, col);
}

struct span q_col_span(struct q *q, int col)
{
    if (q->err != 0) {
        return (struct span){0};
    }
    const void *p = sqlite3_column_type(q->st, col) == SQLITE_BLOB
                        ? sqlite3_column_blob(q->st, col)
                        : (const void *)sqlite3_column_text(q->st, col);
    return span_of(p, (size_t)sqlite3_column_bytes(q->st, col));
}

const char *q_col_text(struct q *q, int col)
{
    const unsigned char *p = q->err != 0 ? NULL : sqlite3_column_text(q->st, col);
    return p == NULL ? "" : (const char *)p;
}

bool q_col_null(struct q *q, int col)
{
    return q->err != 0 || sqlite3_column_type(q->st, col) == SQLITE_NULL;
}

void q_col_fixed(struct q *q, int col, void *out, size_t n)
{
    struct span s = q_col_span(q, col);
    if (q->err != 0) {
        return;
    }
    if (s.n != n || s.p == NULL) {
        q->err = SANJI_E_CORRUPT;
        return;
    }
    memcpy(out, s.p, n);
}

void q_col_str(struct q *q, int col, char *out, size_t cap)
{
    struct span s = q_col_span(q, col);
    if (q->err != 0) {
        return;
    }
    if (s.n >= cap) {
        q->err = SANJI_E_CORRUPT;
        return;
    }
    if (s.n > 0) {
        memcpy(out, s.p, s.n);
    }
    out[s.n] = '\0';
}

int64_t q_changes(const struct db *db)
{
    return sqlite3_changes64(db->h);
}
