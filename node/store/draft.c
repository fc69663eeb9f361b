/* SPDX-License-Identifier: Apache-2.0 */
/* What people have typed and not sent yet. */
#include "node/store/internal.h"
#include "node/store/staff.h"
#include "protocol/base/err.h"

int staff_draft_put(struct store *s, const char *login, const struct staff_draft *d)
{
    struct q q;
    q_begin(&q, &s->db, Q_DRAFT_PUT);
    q_text(&q, login);
    q_text(&q, d->name);
    q_int(&q, d->at);
    q_span(&q, d->body);
    return q_run(&q);
}

static int rows(struct q *q, staff_draft_fn fn, void *arg, int64_t *ret_n)
{
    int r = 0;
    *ret_n = 0;
    while (r == 0 && q_row(q)) {
        struct staff_draft d = {
            .name = q_col_text(q, 0), .at = q_col_int(q, 1), .body = q_col_span(q, 2)};
        ++*ret_n;
        r = fn(&d, arg);
    }
    int e = q_end(q);
    return r < 0 ? r : e;
}

int staff_draft_get(struct store *s, const char *login, const char *name, staff_draft_fn fn,
                    void *arg)
{
    struct q q;
    int64_t n = 0;
    q_begin(&q, &s->db, Q_DRAFT_GET);
    q_text(&q, login);
    q_text(&q, name);
    int r = rows(&q, fn, arg, &n);
    return r == 0 && n == 0 ? SANJI_E_NOT_FOUND : r;
}

int staff_draft_list(struct store *s, const char *login, staff_draft_fn fn, void *arg)
{
    struct q q;
    int64_t n = 0;
    q_begin(&q, &s->db, Q_DRAFT_LIST);
    q_text(&q, login);
    return rows(&q, fn, arg, &n);
}

int staff_draft_del(struct store *s, const char *login, const char *name)
{
    struct q q;
    q_begin(&q, &s->db, Q_DRAFT_DEL);
    q_text(&q, login);
    q_text(&q, name);
    return q_run(&q);
}

int staff_draft_about(struct store *s, const char *id)
{
    struct q q;
    q_begin(&q, &s->db, Q_DRAFT_ABOUT);
    q_text(&q, id);
    return q_run(&q);
}

int staff_draft_expire(struct store *s, int64_t before)
{
    struct q q;
    q_begin(&q, &s->db, Q_DRAFT_OLD);
    q_int(&q, before);
    return q_run(&q);
}
