/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the keys other programs have to this node's interface. */
#include "node/store/internal.h"
#include "node/store/staff.h"
#include "protocol/base/err.h"

int staff_token_add(struct store *s, const struct staff_token *t,
                    const uint8_t hash[static HASH_LEN], int64_t *ret_n)
{
    struct q q;
    q_begin(&q, &s->db, Q_TOKEN_ADD);
    q_blob(&q, hash, HASH_LEN);
    q_text(&q, t->name);
    q_text(&q, t->role);
    q_text(&q, t->about);
    q_text(&q, t->maker);
    q_int(&q, t->created);
    q_int(&q, t->expires);
    if (q_row(&q)) {
        *ret_n = q_col_int(&q, 0);
    }
    return q_end(&q);
}

static int token_rows(struct q *q, staff_token_fn fn, void *arg, int64_t *ret_n)
{
    int r = 0;
    *ret_n = 0;
    while (r == 0 && q_row(q)) {
        struct staff_token t = {.n = q_col_int(q, 0),
                                .name = q_col_text(q, 1),
                                .role = q_col_text(q, 2),
                                .about = q_col_text(q, 3),
                                .maker = q_col_text(q, 4),
                                .created = q_col_int(q, 5),
                                .expires = q_col_int(q, 6),
                                .used = (int)q_col_int(q, 7)};
        ++*ret_n;
        r = fn(&t, arg);
    }
    int e = q_end(q);
    return r < 0 ? r : e;
}

int staff_token_get(struct store *s, const uint8_t hash[static HASH_LEN], staff_token_fn fn,
                    void *arg)
{
    struct q q;
    int64_t n;
    q_begin(&q, &s->db, Q_TOKEN_GET);
    q_blob(&q, hash, HASH_LEN);
    int r = token_rows(&q, fn, arg, &n);
    return r == 0 && n == 0 ? SANJI_E_NOT_FOUND : r;
}

int staff_token_list(struct store *s, staff_token_fn fn, void *arg)
{
    struct q q;
    int64_t n;
    q_begin(&q, &s->db, Q_TOKEN_LIST);
    return token_rows(&q, fn, arg, &n);
}

int staff_token_used(struct store *s, int64_t n, int day)
{
    struct q q;
    q_begin(&q, &s->db, Q_TOKEN_USED);
    q_int(&q, n);
    q_int(&q, day);
    return q_run(&q);
}

int staff_token_del(struct store *s, int64_t n)
{
    struct q q;
    q_begin(&q, &s->db, Q_TOKEN_DEL);
    q_int(&q, n);
    int r = q_run(&q);
    return r == 0 && q_changes(&s->db) == 0 ? SANJI_E_NOT_FOUND : r;
}
