/* SPDX-License-Identifier: Apache-2.0 */
/* Taking out of the views what one writer brought in, because the roster says something else about
 * it now. Rare: statements may read whole tables. What its forms hid shows again. */
#include "node/store/internal.h"
#include "protocol/base/err.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct pairs {
    struct {
        int64_t a, b;
    } * v;
    size_t n, cap;
};

/* Rows are collected before anything is changed under the walk. */
static int collect(struct q *q, bool has_second, struct pairs *ret)
{
    while (q_row(q)) {
        if (ret->n == ret->cap) {
            size_t cap = ret->cap == 0 ? 64 : ret->cap * 2;
            void *v = realloc(ret->v, cap * sizeof *ret->v);
            if (v == NULL) {
                q->err = SANJI_E_NOMEM;
                break;
            }
            ret->v = v;
            ret->cap = cap;
        }
        ret->v[ret->n].a = q_col_int(q, 0);
        ret->v[ret->n++].b = has_second ? q_col_int(q, 1) : 0;
    }
    return q_end(q);
}

static int run_by(struct store *s, enum stmt_id id, const char *by)
{
    struct q q;
    q_begin(&q, &s->db, id);
    q_text(&q, by);
    return q_run(&q);
}

/* A form that shows again gets a new row number, so that the search index sees it. */
static int records_settle(struct store *s)
{
    struct pairs p = {0};
    struct q q;
    q_begin(&q, &s->db, Q_REC_HIDDEN);
    int r = collect(&q, true, &p);
    for (size_t i = 0; r == 0 && i < p.n; i++) {
        q_begin(&q, &s->db, Q_REC_SHOW);
        q_int(&q, p.v[i].a);
        q_int(&q, s->next_n++);
        q_int(&q, p.v[i].b != 0 ? 2 : 1);
        r = q_run(&q);
    }
    free(p.v);
    return r;
}

static int threads_settle(struct store *s, const char *by)
{
    struct pairs p = {0};
    struct q q;
    q_begin(&q, &s->db, Q_FORGET_THREADS);
    q_text(&q, by);
    int r = collect(&q, false, &p);
    for (size_t i = 0; r == 0 && i < p.n; i++) {
        r = store__count_thread(s, p.v[i].a, -1);
    }
    if (r == 0) {
        r = run_by(s, Q_FORGET_REF, by);
    }
    for (size_t i = 0; r == 0 && i < p.n; i++) {
        r = store__thread_settle(s, p.v[i].a);
    }
    free(p.v);
    return r;
}

/* Does this writer bring in records of the node itself: is it the node, or somebody's steward? */
static int may_hold_own(struct store *s, const char *by, bool *ret)
{
    struct q q;
    q_begin(&q, &s->db, Q_LANE_STEWARD);
    q_text(&q, by);
    *ret = q_row(&q) || strcmp(by, s->counts.self.s) == 0;
    return q_end(&q);
}

int store__forget(void *ctx, const char *by)
{
    static const enum stmt_id part[] = {Q_FORGET_PARK, Q_FORGET_REC, Q_FORGET_EV, Q_FORGET_LANE};
    struct store *s = ctx;
    assert(s != NULL && s->magic == STORE_MAGIC);
    bool counts = false;
    int r = store__lane_flush(s);
    store__lane_forget(s);
    if (r == 0) {
        r = may_hold_own(s, by, &counts);
    }
    for (size_t i = 0; r == 0 && i < sizeof part / sizeof part[0]; i++) {
        r = run_by(s, part[i], by);
    }
    if (r == 0) {
        r = records_settle(s);
    }
    if (r == 0 && counts) {
        r = store__count_records(s);
    }
    if (r == 0) {
        r = store__events_settle(s);
    }
    return r < 0 ? r : threads_settle(s, by);
}

static int unpark_each(struct store *s, struct pairs *p, int reason,
                       int (*fn)(int64_t no, int64_t seq, void *arg), void *arg)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < p->n; i++) {
        struct q q;
        q_begin(&q, &s->db, Q_PARK_REASON_DROP);
        q_int(&q, p->v[i].a);
        q_int(&q, reason);
        r = q_run(&q);
        if (r == 0) {
            r = fn(store__pos_no(p->v[i].a), store__pos_seq(p->v[i].a), arg);
        }
    }
    free(p->v);
    return r < 0 ? r : 0;
}

int store__unpark_sealed(void *ctx, const char *owner, const char *id,
                         int (*fn)(int64_t no, int64_t seq, void *arg), void *arg)
{
    struct store *s = ctx;
    assert(s != NULL && s->magic == STORE_MAGIC);
    struct pairs p = {0};
    struct q q;
    q_begin(&q, &s->db, Q_PARK_SEALED);
    q_text(&q, owner);
    q_text(&q, id);
    q_int(&q, SANJI_E_OPEN);
    int r = collect(&q, false, &p);
    if (r < 0) {
        free(p.v);
        return r;
    }
    return unpark_each(s, &p, SANJI_E_OPEN, fn, arg);
}

int store__unpark(void *ctx, int reason, int (*fn)(int64_t no, int64_t seq, void *arg), void *arg)
{
    struct store *s = ctx;
    assert(s != NULL && s->magic == STORE_MAGIC);
    struct pairs p = {0};
    struct q q;
    q_begin(&q, &s->db, Q_PARK_REASON);
    q_int(&q, reason);
    int r = collect(&q, false, &p);
    if (r < 0) {
        free(p.v);
        return r;
    }
    return unpark_each(s, &p, reason, fn, arg);
}
