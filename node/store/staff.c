/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the people who work here. The audit log is a hash chain, so that a row changed or taken
 * out behind the program's back is noticed. */
#include "node/store/staff.h"

#include "node/store/internal.h"
#include "protocol/base/err.h"

#include <string.h>

static int changed_one(struct store *s, struct q *q)
{
    int r = q_run(q);
    return r == 0 && q_changes(&s->db) == 0 ? SANJI_E_NOT_FOUND : r;
}

/* ---- users ---- */

static void user_bind(struct q *q, const struct staff_user *u)
{
    q_text(q, u->login);
    q_text(q, u->name);
    q_text(q, u->role);
    q_text(q, u->pass);
    q_int(q, u->one_time);
    if (u->totp.n > 0) {
        q_blob(q, u->totp.p, u->totp.n);
    } else {
        q_null(q);
    }
    q_int(q, u->totp_last);
    q_int(q, u->disabled);
    q_int(q, u->fails);
    q_int(q, u->until);
    q_int(q, u->created);
    q_int(q, u->changed);
    q_text(q, u->org);
}

int staff_user_add(struct store *s, const struct staff_user *u)
{
    struct q q;
    q_begin(&q, &s->db, Q_STAFF_USER_ADD);
    user_bind(&q, u);
    return q_run(&q);
}

int staff_user_set(struct store *s, const struct staff_user *u)
{
    struct q q;
    q_begin(&q, &s->db, Q_STAFF_USER_SET);
    user_bind(&q, u);
    return changed_one(s, &q);
}

static int user_rows(struct q *q, staff_user_fn fn, void *arg, int64_t *ret_n)
{
    int r = 0;
    *ret_n = 0;
    while (r == 0 && q_row(q)) {
        struct staff_user u = {.login = q_col_text(q, 0),
                               .name = q_col_text(q, 1),
                               .role = q_col_text(q, 2),
                               .pass = q_col_text(q, 3),
                               .one_time = q_col_int(q, 4) != 0,
                               .totp = q_col_span(q, 5),
                               .totp_last = q_col_int(q, 6),
                               .disabled = q_col_int(q, 7) != 0,
                               .fails = q_col_int(q, 8),
                               .until = q_col_int(q, 9),
                               .created = q_col_int(q, 10),
                               .changed = q_col_int(q, 11),
                               .org = q_col_text(q, 12)};
        ++*ret_n;
        r = fn(&u, arg);
    }
    int e = q_end(q);
    return r < 0 ? r : e;
}

int staff_user_get(struct store *s, const char *login, staff_user_fn fn, void *arg)
{
    struct q q;
    int64_t n;
    q_begin(&q, &s->db, Q_STAFF_USER_GET);
    q_text(&q, login);
    int r = user_rows(&q, fn, arg, &n);
    return r == 0 && n == 0 ? SANJI_E_NOT_FOUND : r;
}

int staff_user_list(struct store *s, staff_user_fn fn, void *arg)
{
    struct q q;
    int64_t n;
    q_begin(&q, &s->db, Q_STAFF_USER_LIST);
    return user_rows(&q, fn, arg, &n);
}

/* Whoever has this log-in next is somebody else. */
static int of_login(struct store *s, enum stmt_id id, const char *login)
{
    struct q q;
    q_begin(&q, &s->db, id);
    q_text(&q, login);
    return q_run(&q);
}

int staff_user_del(struct store *s, const char *login)
{
    struct q q;
    int r = of_login(s, Q_TOKEN_DEL_FEEDS, login);
    r = r < 0 ? r : of_login(s, Q_UPLOAD_DEL_USER, login);
    if (r < 0) {
        return r;
    }
    q_begin(&q, &s->db, Q_STAFF_USER_DEL);
    q_text(&q, login);
    return changed_one(s, &q);
}

int staff_user_count(struct store *s, int64_t *ret)
{
    struct q q;
    int64_t n = 0;
    q_begin(&q, &s->db, Q_STAFF_USER_COUNT);
    if (q_row(&q)) {
        n = q_col_int(&q, 0);
    }
    int r = q_end(&q);
    if (r == 0) {
        *ret = n;
    }
    return r;
}

int staff_user_fails(struct store *s, const char *login, int64_t fails, int64_t until)
{
    struct q q;
    q_begin(&q, &s->db, Q_STAFF_USER_FAILS);
    q_text(&q, login);
    q_int(&q, fails);
    q_int(&q, until);
    return changed_one(s, &q);
}

int staff_totp_use(struct store *s, const char *login, int64_t step)
{
    struct q q;
    q_begin(&q, &s->db, Q_STAFF_USER_TOTP);
    q_text(&q, login);
    q_int(&q, step);
    int r = changed_one(s, &q);
    return r == SANJI_E_NOT_FOUND ? SANJI_E_USED : r;
}

/* ---- sessions ---- */

int staff_session_add(struct store *s, const struct staff_session *x)
{
    struct q q;
    q_begin(&q, &s->db, Q_STAFF_SESSION_ADD);
    q_blob(&q, x->token, HASH_LEN);
    q_text(&q, x->login);
    q_text(&q, x->csrf);
    q_int(&q, x->created);
    q_int(&q, x->seen);
    q_int(&q, x->expires);
    return q_run(&q);
}

static int session_rows(struct q *q, int (*fn)(const struct staff_session *x, void *arg), void *arg,
                        int64_t *ret_n)
{
    int r = 0;
    *ret_n = 0;
    while (r == 0 && q_row(q)) {
        struct staff_session x = {.login = q_col_text(q, 1),
                                  .csrf = q_col_text(q, 2),
                                  .created = q_col_int(q, 3),
                                  .seen = q_col_int(q, 4),
                                  .expires = q_col_int(q, 5)};
        q_col_fixed(q, 0, x.token, HASH_LEN);
        if (q->err == 0) {
            ++*ret_n;
            r = fn(&x, arg);
        }
    }
    int e = q_end(q);
    return r < 0 ? r : e;
}

int staff_session_get(struct store *s, const uint8_t token[static HASH_LEN],
                      int (*fn)(const struct staff_session *x, void *arg), void *arg)
{
    struct q q;
    int64_t n;
    q_begin(&q, &s->db, Q_STAFF_SESSION_GET);
    q_blob(&q, token, HASH_LEN);
    int r = session_rows(&q, fn, arg, &n);
    return r == 0 && n == 0 ? SANJI_E_NOT_FOUND : r;
}

int staff_session_seen(struct store *s, const uint8_t token[static HASH_LEN], int64_t seen,
                       int64_t expires)
{
    struct q q;
    q_begin(&q, &s->db, Q_STAFF_SESSION_SEEN);
    q_blob(&q, token, HASH_LEN);
    q_int(&q, seen);
    q_int(&q, expires);
    return changed_one(s, &q);
}

int staff_session_del(struct store *s, const uint8_t token[static HASH_LEN])
{
    struct q q;
    q_begin(&q, &s->db, Q_STAFF_SESSION_DEL);
    q_blob(&q, token, HASH_LEN);
    return q_run(&q);
}

int staff_session_del_user(struct store *s, const char *login, const uint8_t *keep)
{
    struct q q;
    q_begin(&q, &s->db, Q_STAFF_SESSION_DEL_USER);
    q_text(&q, login);
    if (keep != NULL) {
        q_blob(&q, keep, HASH_LEN);
    } else {
        q_null(&q);
    }
    return q_run(&q);
}

int staff_session_expire(struct store *s, int64_t now)
{
    struct q q;
    q_begin(&q, &s->db, Q_STAFF_SESSION_EXPIRE);
    q_int(&q, now);
    return q_run(&q);
}

int staff_session_list(struct store *s, const char *login,
                       int (*fn)(const struct staff_session *x, void *arg), void *arg)
{
    struct q q;
    int64_t n;
    q_begin(&q, &s->db, Q_STAFF_SESSION_LIST);
    q_text(&q, login);
    return session_rows(&q, fn, arg, &n);
}

/* ---- audit ---- */

static int audit_chain(const uint8_t before[static HASH_LEN], const struct staff_audit *a,
                       uint8_t ret[static HASH_LEN])
{
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_put(&b, before, HASH_LEN);
    buf_put_u64be(&b, (uint64_t)a->ts);
    const char *const text[] = {a->who, a->what, a->target, a->result, a->detail};
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
        buf_put_lps(&b, text[i]);
    }
    if (b.err == 0) {
        hash_bytes(b.data, b.len, ret);
    }
    int r = b.err;
    buf_done(&b);
    return r;
}

int staff_audit_add(struct store *s, const struct staff_audit *a)
{
    uint8_t chain[HASH_LEN] = {0};
    struct q q;
    q_begin(&q, &s->db, Q_STAFF_AUDIT_LAST);
    if (q_row(&q)) {
        q_col_fixed(&q, 0, chain, HASH_LEN);
    }
    int r = q_end(&q);
    if (r == 0) {
        r = audit_chain(chain, a, chain);
    }
    if (r < 0) {
        return r;
    }
    q_begin(&q, &s->db, Q_STAFF_AUDIT_ADD);
    q_int(&q, a->ts);
    q_text(&q, a->who);
    q_text(&q, a->what);
    q_text(&q, a->target);
    q_text(&q, a->result);
    q_text(&q, a->detail);
    q_blob(&q, chain, HASH_LEN);
    return q_run(&q);
}

static struct staff_audit audit_read(struct q *q)
{
    return (struct staff_audit){.n = q_col_int(q, 0),
                                .ts = q_col_int(q, 1),
                                .who = q_col_text(q, 2),
                                .what = q_col_text(q, 3),
                                .target = q_col_text(q, 4),
                                .result = q_col_text(q, 5),
                                .detail = q_col_text(q, 6)};
}

int staff_audit_list(struct store *s, const char *who, int64_t before, int64_t limit,
                     int (*fn)(const struct staff_audit *a, void *arg), void *arg)
{
    struct q q;
    int r = 0;
    q_begin(&q, &s->db, Q_STAFF_AUDIT_LIST);
    q_int(&q, before <= 0 ? INT64_MAX : before);
    q_text(&q, who);
    q_int(&q, limit <= 0 ? 50 : limit);
    while (r == 0 && q_row(&q)) {
        struct staff_audit a = audit_read(&q);
        r = fn(&a, arg);
    }
    int e = q_end(&q);
    return r < 0 ? r : e;
}

static int audit_point(struct q *q, int64_t *ret_n, uint8_t ret[static HASH_LEN])
{
    bool found = q_row(q);
    if (found) {
        *ret_n = q_col_int(q, 0);
        q_col_fixed(q, 1, ret, HASH_LEN);
    }
    int r = q_end(q);
    return r < 0 ? r : found ? 0 : SANJI_E_NOT_FOUND;
}

int staff_audit_before(struct store *s, int64_t ts, int64_t *ret_n, uint8_t ret[static HASH_LEN])
{
    struct q q;
    q_begin(&q, &s->db, Q_STAFF_AUDIT_BEFORE);
    q_int(&q, ts);
    return audit_point(&q, ret_n, ret);
}

int staff_audit_at(struct store *s, int64_t n, uint8_t ret[static HASH_LEN])
{
    struct q q;
    int64_t at;
    q_begin(&q, &s->db, Q_STAFF_AUDIT_AT);
    q_int(&q, n);
    return audit_point(&q, &at, ret);
}

int staff_audit_verify(struct store *s, int64_t *ret_n)
{
    uint8_t chain[HASH_LEN] = {0}, held[HASH_LEN];
    struct q q;
    int r = 0;
    *ret_n = 0;
    q_begin(&q, &s->db, Q_STAFF_AUDIT_WALK);
    while (r == 0 && q_row(&q)) {
        struct staff_audit a = audit_read(&q);
        /* Numbers are never given twice and rows never deleted: a hole is a row taken out. */
        r = a.n == *ret_n + 1 ? audit_chain(chain, &a, chain) : SANJI_E_CORRUPT;
        *ret_n = a.n;
        q_col_fixed(&q, 7, held, HASH_LEN);
        if (r == 0 && q.err == 0 && memcmp(held, chain, HASH_LEN) != 0) {
            r = SANJI_E_CORRUPT;
        }
    }
    int e = q_end(&q);
    return r < 0 ? r : e;
}
