/* SPDX-License-Identifier: Apache-2.0 */
/* Reading referral threads, for the pages of the two parties. */
#include "node/store/internal.h"
#include "protocol/base/err.h"

#include <string.h>

/* Columns: n,init,id,peer,state,cancel,success,ignored,events,opened,changed,since */
static void thread_read(struct q *q, struct store_thread *ret)
{
    *ret = (struct store_thread){
        .n = q_col_int(q, 0),
        .init = q_col_text(q, 1),
        .id = q_col_text(q, 2),
        .peer = q_col_text(q, 3),
        .fold = {.cancel_pending = q_col_int(q, 5) != 0,
                 .success = q_col_int(q, 6) != 0,
                 .ignored = (int)q_col_int(q, 7)},
        .events = q_col_int(q, 8),
        .opened = q_col_int(q, 9),
        .changed = q_col_int(q, 10),
        .since = q_col_int(q, 11),
    };
    int64_t state = q_col_int(q, 4);
    if (q->err == 0 && (state < 0 || state >= RS_COUNT)) {
        q->err = SANJI_E_CORRUPT;
    }
    ret->fold.state = (enum ref_state)state;
}

static int give(struct q *q, int64_t offset, int64_t limit, store_thread_fn fn, void *arg)
{
    int r = 0;
    int64_t at = 0;
    while (r == 0 && q_row(q)) {
        if (at++ < offset) {
            continue;
        }
        if (limit > 0 && at > offset + limit) {
            break;
        }
        struct store_thread t;
        thread_read(q, &t);
        if (q->err == 0) {
            r = fn(&t, arg);
        }
    }
    int e = q_end(q);
    return r < 0 ? r : e;
}

int store_thread_list(struct store *s, int64_t limit, int64_t offset, store_thread_fn fn, void *arg)
{
    struct q q;
    q_begin(&q, &s->db, Q_REF_LIST);
    q_int(&q, INT64_MAX);
    return give(&q, offset, limit, fn, arg);
}

int store_thread_older(struct store *s, int64_t changed, store_thread_fn fn, void *arg)
{
    struct q q;
    q_begin(&q, &s->db, Q_REF_LIST);
    q_int(&q, changed);
    return give(&q, 0, 0, fn, arg);
}

int store_thread_by_id(struct store *s, const char *id, store_thread_fn fn, void *arg)
{
    struct q q;
    q_begin(&q, &s->db, Q_REF_BY_ID);
    q_text(&q, id);
    return give(&q, 0, 0, fn, arg);
}

struct pick {
    const char *init;
    store_thread_fn fn;
    void *arg;
    bool found;
};

static int pick_init(const struct store_thread *t, void *arg)
{
    struct pick *p = arg;
    if (strcmp(t->init, p->init) != 0) {
        return 0;
    }
    p->found = true;
    int r = p->fn(t, p->arg);
    return r < 0 ? r : 1;
}

int store_thread_get(struct store *s, const char *init, const char *id, store_thread_fn fn,
                     void *arg)
{
    struct pick p = {.init = init, .fn = fn, .arg = arg};
    int r = store_thread_by_id(s, id, pick_init, &p);
    return r < 0 ? r : p.found ? 0 : SANJI_E_NOT_FOUND;
}

int store_thread_events(struct store *s, int64_t n, store_thread_event_fn fn, void *arg)
{
    struct q q;
    int r = 0;
    q_begin(&q, &s->db, Q_REF_EVS);
    q_int(&q, n);
    while (r == 0 && q_row(&q)) {
        struct store_thread_event e = {
            .who = (enum ref_party)q_col_int(&q, 0),
            .step = q_col_int(&q, 1),
            .seen = q_col_int(&q, 2),
            .ev = (enum ref_event)q_col_int(&q, 3),
            .by = q_col_text(&q, 4),
            .day = q_col_text(&q, 5),
            .no = q_col_int(&q, 6),
            .seq = q_col_int(&q, 7),
            .idx = q_col_int(&q, 8),
            .ts = q_col_int(&q, 9),
            .got = q_col_int(&q, 10),
            .leaf = q_col_span(&q, 11).p,
            .d = q_col_span(&q, 12),
        };
        if (q.err == 0) {
            r = fn(&e, arg);
        }
    }
    int e = q_end(&q);
    return r < 0 ? r : e;
}

int store_thread_having(struct store *s, enum ref_event ev, const char *than, store_thread_fn fn,
                        void *arg)
{
    struct q q;
    q_begin(&q, &s->db, Q_REF_HAVING);
    q_int(&q, ev);
    q_text(&q, than);
    return give(&q, 0, 0, fn, arg);
}
