/* SPDX-License-Identifier: Apache-2.0 */
/* Tables on their way to become records: every pass over their rows is by number, so that a pass
 * that was cut short goes on where it stood. */
#include "node/store/import.h"

#include "node/store/internal.h"
#include "protocol/base/err.h"

int import_job_add(struct store *s, const struct import_job *j, int64_t *ret_n)
{
    struct q q;
    q_begin(&q, &s->db, Q_IMPORT_JOB_ADD);
    q_text(&q, j->login);
    q_text(&q, j->role);
    q_text(&q, j->kind);
    q_text(&q, j->name);
    q_text(&q, j->state);
    q_int(&q, j->created);
    if (q_row(&q)) {
        *ret_n = q_col_int(&q, 0);
    }
    return q_end(&q);
}

int import_job_get(struct store *s, int64_t n, import_job_fn fn, void *arg)
{
    struct q q;
    int r = 0;
    bool any = n == 0;
    q_begin(&q, &s->db, Q_IMPORT_JOB_GET);
    q_int(&q, n);
    while (r == 0 && q_row(&q)) {
        struct import_job j = {.n = q_col_int(&q, 0),
                               .login = q_col_text(&q, 1),
                               .role = q_col_text(&q, 2),
                               .kind = q_col_text(&q, 3),
                               .name = q_col_text(&q, 4),
                               .state = q_col_text(&q, 5),
                               .created = q_col_int(&q, 6),
                               .changed = q_col_int(&q, 7),
                               .head = q_col_span(&q, 8),
                               .plan = q_col_span(&q, 9),
                               .at = q_col_int(&q, 10),
                               .bytes = q_col_int(&q, 11)};
        any = true;
        r = fn(&j, arg);
    }
    int e = q_end(&q);
    r = r < 0 ? r : e;
    return r == 0 && !any ? SANJI_E_NOT_FOUND : r;
}

int import_job_save(struct store *s, const struct import_job *j)
{
    struct q q;
    q_begin(&q, &s->db, Q_IMPORT_JOB_SAVE);
    q_int(&q, j->n);
    q_text(&q, j->state);
    q_int(&q, j->changed);
    q_span(&q, j->head);
    q_span(&q, j->plan);
    q_int(&q, j->at);
    q_int(&q, j->bytes);
    return q_run(&q);
}

int import_job_drop(struct store *s, int64_t n)
{
    struct q q;
    q_begin(&q, &s->db, Q_IMPORT_JOB_DROP);
    q_int(&q, n);
    return q_run(&q);
}

int import_job_expire(struct store *s, int64_t ended, int64_t open)
{
    struct q q;
    q_begin(&q, &s->db, Q_IMPORT_JOB_OLD);
    q_int(&q, ended);
    q_int(&q, open);
    return q_run(&q);
}

int import_job_next(struct store *s, int64_t *ret_n)
{
    struct q q;
    *ret_n = 0;
    q_begin(&q, &s->db, Q_IMPORT_JOB_NEXT);
    if (q_row(&q)) {
        *ret_n = q_col_int(&q, 0);
    }
    return q_end(&q);
}

int import_part_add(struct store *s, int64_t n, int64_t i, struct span data)
{
    struct q q;
    q_begin(&q, &s->db, Q_IMPORT_PART_ADD);
    q_int(&q, n);
    q_int(&q, i);
    q_blob(&q, data.p, data.n);
    return q_run(&q);
}

int import_part_all(struct store *s, int64_t n, struct buf *out)
{
    struct q q;
    q_begin(&q, &s->db, Q_IMPORT_PART_ALL);
    q_int(&q, n);
    for (int r = 0; r == 0 && q_row(&q);) {
        struct span d = q_col_span(&q, 0);
        r = buf_put(out, d.p, d.n);
    }
    int e = q_end(&q);
    return e < 0 ? e : out->err;
}

int import_part_drop(struct store *s, int64_t n)
{
    struct q q;
    q_begin(&q, &s->db, Q_IMPORT_PART_DROP);
    q_int(&q, n);
    return q_run(&q);
}

int import_row_add(struct store *s, int64_t n, int64_t no, struct span cells)
{
    struct q q;
    q_begin(&q, &s->db, Q_IMPORT_ROW_ADD);
    q_int(&q, n);
    q_int(&q, no);
    q_span(&q, cells);
    return q_run(&q);
}

int import_row_save(struct store *s, int64_t n, const struct import_row *r)
{
    struct q q;
    q_begin(&q, &s->db, Q_IMPORT_ROW_SAVE);
    q_int(&q, n);
    q_int(&q, r->no);
    q_span(&q, r->cells);
    q_text(&q, r->act);
    q_text(&q, r->st);
    q_int(&q, r->err);
    q_text(&q, r->member);
    q_text(&q, r->want);
    q_text(&q, r->rec);
    q_text(&q, r->twin);
    q_int(&q, r->r);
    q_span(&q, r->old);
    return q_run(&q);
}

static int rows(struct store *s, enum stmt_id id, const int64_t arg3[static 3], import_row_fn fn,
                void *arg)
{
    struct q q;
    int r = 0;
    q_begin(&q, &s->db, id);
    for (int i = 0; i < 3; i++) {
        q_int(&q, arg3[i]);
    }
    while (r == 0 && q_row(&q)) {
        struct import_row x = {.no = q_col_int(&q, 0),
                               .cells = q_col_span(&q, 1),
                               .act = q_col_text(&q, 2),
                               .st = q_col_text(&q, 3),
                               .err = (int)q_col_int(&q, 4),
                               .member = q_col_text(&q, 5),
                               .want = q_col_text(&q, 6),
                               .rec = q_col_text(&q, 7),
                               .twin = q_col_text(&q, 8),
                               .r = q_col_int(&q, 9),
                               .old = q_col_span(&q, 10)};
        r = fn(&x, arg);
    }
    int e = q_end(&q);
    return r < 0 ? r : e;
}

int import_row_list(struct store *s, int64_t n, int64_t after, int64_t limit, import_row_fn fn,
                    void *arg)
{
    return rows(s, Q_IMPORT_ROW_LIST, (int64_t[]){n, after, limit}, fn, arg);
}

int import_row_back(struct store *s, int64_t n, int64_t before, int64_t limit, import_row_fn fn,
                    void *arg)
{
    return rows(s, Q_IMPORT_ROW_BACK, (int64_t[]){n, before, limit}, fn, arg);
}

int import_row_bad(struct store *s, int64_t n, int64_t after, int64_t limit, import_row_fn fn,
                   void *arg)
{
    return rows(s, Q_IMPORT_ROW_BAD, (int64_t[]){n, after, limit}, fn, arg);
}

int import_counts(struct store *s, int64_t n, int (*fn)(const struct import_count *c, void *arg),
                  void *arg)
{
    struct q q;
    int r = 0;
    q_begin(&q, &s->db, Q_IMPORT_COUNTS);
    q_int(&q, n);
    while (r == 0 && q_row(&q)) {
        struct import_count c = {
            .act = q_col_text(&q, 0), .st = q_col_text(&q, 1), .n = q_col_int(&q, 2)};
        r = fn(&c, arg);
    }
    int e = q_end(&q);
    return r < 0 ? r : e;
}

int import_about(struct store *s, const char *id)
{
    struct q q;
    q_begin(&q, &s->db, Q_IMPORT_ABOUT);
    q_text(&q, id);
    return q_run(&q);
}

int import_head_put(struct store *s, const char *kind, const uint8_t head[static HASH_LEN],
                    struct span map, int64_t now)
{
    struct q q;
    q_begin(&q, &s->db, Q_IMPORT_HEAD_PUT);
    q_text(&q, kind);
    q_blob(&q, head, HASH_LEN);
    q_span(&q, map);
    q_int(&q, now);
    return q_run(&q);
}

int import_head_get(struct store *s, const char *kind, const uint8_t head[static HASH_LEN],
                    struct buf *ret_map)
{
    struct q q;
    q_begin(&q, &s->db, Q_IMPORT_HEAD_GET);
    q_text(&q, kind);
    q_blob(&q, head, HASH_LEN);
    if (q_row(&q)) {
        struct span d = q_col_span(&q, 0);
        (void)buf_put(ret_map, d.p, d.n);
    }
    int e = q_end(&q);
    return e < 0 ? e : ret_map->err;
}
