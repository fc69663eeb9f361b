/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of attachments and of uploads. Who refers to an attachment is never counted by hand: the
 * view blob_ref follows the records. */
#include "node/store/blob.h"

#include "node/store/internal.h"
#include "protocol/base/err.h"
#include "protocol/jcur.h"

#include <string.h>

static int rows(struct q *q, blob_fn fn, void *arg, int64_t *ret_n)
{
    int r = 0;
    *ret_n = 0;
    while (r == 0 && q_row(q)) {
        struct blob_row b = {.sha = q_col_text(q, 0),
                             .len = q_col_int(q, 1),
                             .type = q_col_text(q, 2),
                             .since = q_col_int(q, 3),
                             .loose = q_col_int(q, 4)};
        ++*ret_n;
        r = fn == NULL ? 0 : fn(&b, arg);
    }
    int e = q_end(q);
    return r < 0 ? r : e;
}

int blob_row_get(struct store *s, const char *sha, blob_fn fn, void *arg)
{
    struct q q;
    int64_t n = 0;
    q_begin(&q, &s->db, Q_BLOB_GET);
    q_text(&q, sha);
    int r = rows(&q, fn, arg, &n);
    return r == 0 && n == 0 ? SANJI_E_NOT_FOUND : r;
}

int blob_row_add(struct store *s, const struct blob_row *b)
{
    struct q q;
    q_begin(&q, &s->db, Q_BLOB_ADD);
    q_text(&q, b->sha);
    q_int(&q, b->len);
    q_text(&q, b->type);
    q_int(&q, b->since);
    return q_run(&q);
}

static int by_text(struct store *s, enum stmt_id id, const char *text)
{
    struct q q;
    q_begin(&q, &s->db, id);
    q_text(&q, text);
    return q_run(&q);
}

int blob_row_drop(struct store *s, const char *sha)
{
    return by_text(s, Q_BLOB_DEL, sha);
}

int blob_row_erased(struct store *s, const char *sha)
{
    int r = by_text(s, Q_BLOB_ERASED, sha);
    return r < 0 ? r : upload_forget(s, sha);
}

int blob_missing(struct store *s, blob_fn fn, void *arg)
{
    struct q q;
    int r = 0;
    q_begin(&q, &s->db, Q_BLOB_MISSING);
    q_text(&q, s->counts.self.s);
    while (r == 0 && q_row(&q)) {
        struct blob_row b = {.sha = q_col_text(&q, 0), .len = q_col_int(&q, 1), .type = ""};
        r = fn(&b, arg);
    }
    int e = q_end(&q);
    return r < 0 ? r : e;
}

int blob_named(struct store *s, const char *by, const char *sha,
               int (*fn)(const char *aud, int64_t len, void *arg), void *arg)
{
    struct q q;
    int r = 0;
    q_begin(&q, &s->db, Q_BLOB_NAMED_BY);
    q_text(&q, sha);
    q_text(&q, by);
    while (r == 0 && q_row(&q)) {
        r = fn(q_col_text(&q, 0), q_col_int(&q, 1), arg);
    }
    int e = q_end(&q);
    return r < 0 ? r : e;
}

int blob_row_all(struct store *s, blob_fn fn, void *arg)
{
    struct q q;
    int64_t n = 0;
    q_begin(&q, &s->db, Q_BLOB_ALL);
    return rows(&q, fn, arg, &n);
}

static int number(struct q *q, int64_t *ret)
{
    *ret = q_row(q) ? q_col_int(q, 0) : 0;
    return q_end(q);
}

int blob_used(struct store *s, int64_t *ret)
{
    struct q q;
    q_begin(&q, &s->db, Q_BLOB_USED);
    return number(&q, ret);
}

int blob_settle(struct store *s, int64_t now)
{
    struct q q;
    q_begin(&q, &s->db, Q_BLOB_HELD);
    q_text(&q, s->counts.self.s);
    int r = q_run(&q);
    q_begin(&q, &s->db, Q_BLOB_LOOSE);
    q_text(&q, s->counts.self.s);
    q_int(&q, now);
    int e = q_run(&q);
    return r < 0 ? r : e;
}

int blob_loose(struct store *s, int64_t before, blob_fn fn, void *arg)
{
    struct q q;
    int r = 0;
    q_begin(&q, &s->db, Q_BLOB_GONE);
    q_int(&q, before);
    while (r == 0 && q_row(&q)) {
        struct blob_row b = {.sha = q_col_text(&q, 0)};
        r = fn(&b, arg);
    }
    int e = q_end(&q);
    return r < 0 ? r : e;
}

int store__blob_each(struct store *s, struct span bl,
                     int (*fn)(struct store *s, const char *sha, int64_t len, void *arg), void *arg)
{
    struct jcur c;
    struct span e, v, sha;
    char text[BLOB_SHA + 1];
    int r = 0;
    for (bool more = bl.n > 0 && jcur_array(&c, bl); r == 0 && more && jcur_element(&c, &e);) {
        int64_t len = 0;
        if (jcur_get(e, "sha256", &v) && jcur_plain(v, &sha) && sha.n == BLOB_SHA &&
            jcur_get(e, "len", &v) && jcur_int(v, &len)) {
            memcpy(text, sha.p, BLOB_SHA);
            text[BLOB_SHA] = '\0';
            r = fn(s, text, len, arg);
        }
    }
    return r;
}

/* ---- uploads ---- */

int upload_add(struct store *s, const struct upload_row *u)
{
    struct q q;
    q_begin(&q, &s->db, Q_UPLOAD_ADD);
    q_text(&q, u->id);
    q_text(&q, u->login);
    q_text(&q, u->name);
    q_int(&q, u->len);
    q_text(&q, u->sha);
    q_int(&q, u->changed);
    return q_run(&q);
}

int upload_get(struct store *s, const char *id, upload_fn fn, void *arg)
{
    struct q q;
    int r = SANJI_E_NOT_FOUND;
    q_begin(&q, &s->db, Q_UPLOAD_GET);
    q_text(&q, id);
    if (q_row(&q)) {
        struct upload_row u = {.id = q_col_text(&q, 0),
                               .login = q_col_text(&q, 1),
                               .name = q_col_text(&q, 2),
                               .len = q_col_int(&q, 3),
                               .at = q_col_int(&q, 4),
                               .sha = q_col_text(&q, 5),
                               .whole = q_col_int(&q, 6) != 0,
                               .changed = q_col_int(&q, 7)};
        r = fn == NULL ? 0 : fn(&u, arg);
    }
    int e = q_end(&q);
    return e < 0 ? e : r;
}

int upload_at(struct store *s, const char *id, int64_t at, int64_t now)
{
    struct q q;
    q_begin(&q, &s->db, Q_UPLOAD_AT);
    q_text(&q, id);
    q_int(&q, at);
    q_int(&q, now);
    return q_run(&q);
}

int upload_whole(struct store *s, const char *id, const char *sha, int64_t now)
{
    struct q q;
    q_begin(&q, &s->db, Q_UPLOAD_WHOLE);
    q_text(&q, id);
    q_text(&q, sha);
    q_int(&q, now);
    return q_run(&q);
}

int upload_drop(struct store *s, const char *id)
{
    return by_text(s, Q_UPLOAD_DEL, id);
}

int upload_forget(struct store *s, const char *sha)
{
    return by_text(s, Q_UPLOAD_FORGET, sha);
}

int upload_open(struct store *s, const char *login, int64_t *ret_n)
{
    struct q q;
    q_begin(&q, &s->db, Q_UPLOAD_OPEN);
    q_text(&q, login);
    return number(&q, ret_n);
}

int upload_brought(struct store *s, const char *sha, const char *login, bool *ret)
{
    struct q q;
    int64_t n = 0;
    q_begin(&q, &s->db, Q_UPLOAD_BROUGHT);
    q_text(&q, sha);
    q_text(&q, login);
    int r = number(&q, &n);
    *ret = n != 0;
    return r;
}

int upload_old(struct store *s, int64_t before, upload_fn fn, void *arg)
{
    struct q q;
    int r = 0;
    q_begin(&q, &s->db, Q_UPLOAD_OLD);
    q_int(&q, before);
    while (r == 0 && q_row(&q)) {
        struct upload_row u = {.id = q_col_text(&q, 0)};
        r = fn(&u, arg);
    }
    int e = q_end(&q);
    return r < 0 ? r : e;
}
