/* SPDX-License-Identifier: Apache-2.0 */
/* Referrals this node takes part in: opened events, the state folded from them, and content keys in
 * their own file. Everything about a thread is a function of the set of its events. */
#include "node/store/internal.h"
#include "protocol/base/err.h"
#include "protocol/jcur.h"
#include "protocol/suite.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SINCE_BACK = 64 /* events looked back at for the last change of state */ };

struct fold_in {
    struct ref_ev *ev;
    int64_t *ts;
    size_t n, cap;
};

static int fold_add(struct fold_in *in, const struct ref_ev *ev, int64_t ts)
{
    if (in->n == in->cap) {
        size_t cap = in->cap == 0 ? 16 : in->cap * 2;
        struct ref_ev *e = realloc(in->ev, cap * sizeof *e);
        if (e == NULL) {
            return SANJI_E_NOMEM;
        }
        in->ev = e;
        int64_t *t = realloc(in->ts, cap * sizeof *t);
        if (t == NULL) {
            return SANJI_E_NOMEM;
        }
        in->ts = t;
        in->cap = cap;
    }
    in->ev[in->n] = *ev;
    in->ts[in->n++] = ts;
    return 0;
}

bool store__is_success(enum ref_event ev, struct span d)
{
    struct span v;
    return ev == RE_OUTCOME && !(jcur_get(d, "result", &v) && span_eqs(v, "\"not\""));
}

static int fold_load(struct store *s, int64_t thread, struct fold_in *in)
{
    struct q q;
    q_begin(&q, &s->db, Q_REF_EVS);
    q_int(&q, thread);
    while (q_row(&q)) {
        struct ref_ev ev = {.who = (enum ref_party)q_col_int(&q, 0),
                            .step = q_col_int(&q, 1),
                            .seen = q_col_int(&q, 2),
                            .ev = (enum ref_event)q_col_int(&q, 3)};
        ev.success = store__is_success(ev.ev, q_col_span(&q, 12));
        if (q.err == 0) {
            q.err = fold_add(in, &ev, q_col_int(&q, 9));
        }
    }
    return q_end(&q);
}

/* Clock of the event that led to the present state, seen in the order of the writers' clocks: the
 * shortest beginning from which on the fold no longer changes its state. */
static int64_t since_of(const struct fold_in *in, enum ref_state now)
{
    size_t low = in->n > SINCE_BACK ? in->n - SINCE_BACK : 0;
    for (size_t i = in->n; i > low; i--) {
        struct ref_fold f;
        ref_fold(in->ev, i - 1, &f);
        if (f.state != now) {
            return in->ts[i - 1];
        }
    }
    return in->n == 0 ? 0 : in->ts[low];
}

/* The other party: whom the initiator's first event went to. Others who write into a thread they
 * have heard of are not heard. */
static int thread_peer(struct store *s, int64_t thread, char ret[static LIM_NODE_ID + 2])
{
    struct q q;
    q_begin(&q, &s->db, Q_REF_PEER);
    q_int(&q, thread);
    if (q_row(&q)) {
        q_col_str(&q, 0, ret, LIM_NODE_ID + 2);
    }
    return q_end(&q);
}

static int thread_fold(struct store *s, int64_t thread, const char *peer)
{
    struct fold_in in = {0};
    struct ref_fold f = {0};
    int r = fold_load(s, thread, &in);
    if (r == 0) {
        ref_fold(in.ev, in.n, &f);
        struct q q;
        q_begin(&q, &s->db, Q_REF_SET);
        q_int(&q, thread);
        q_int(&q, f.state);
        q_int(&q, f.cancel_pending);
        q_int(&q, f.success);
        q_int(&q, f.ignored);
        q_int(&q, (int64_t)in.n);
        q_int(&q, in.n == 0 ? 0 : in.ts[0]);
        q_int(&q, in.n == 0 ? 0 : in.ts[in.n - 1]);
        q_int(&q, since_of(&in, f.state));
        q_text(&q, peer);
        r = q_run(&q);
    }
    free(in.ev);
    free(in.ts);
    return r < 0 ? r : store__count_thread(s, thread, 1);
}

static int thread_find(struct store *s, const struct sync_sealed *ev, int64_t *ret)
{
    struct q q;
    *ret = 0;
    q_begin(&q, &s->db, Q_REF_FIND);
    q_text(&q, ev->id);
    q_text(&q, ev->initiator);
    if (q_row(&q)) {
        *ret = q_col_int(&q, 0);
    }
    int r = q_end(&q);
    if (r < 0 || *ret != 0) {
        return r;
    }
    q_begin(&q, &s->db, Q_REF_ADD);
    q_text(&q, ev->id);
    q_text(&q, ev->initiator);
    q_text(&q, ev->peer);
    if (q_row(&q)) {
        *ret = q_col_int(&q, 0);
    }
    while (q_row(&q)) {
    }
    return q_end(&q);
}

static int event_add(struct store *s, int64_t thread, const struct sync_sealed *ev)
{
    struct q q;
    q_begin(&q, &s->db, Q_REF_EV_ADD);
    q_int(&q, thread);
    q_int(&q, ev->who);
    q_int(&q, ev->step);
    q_int(&q, ev->seen);
    q_int(&q, ev->ev);
    q_text(&q, ev->by);
    q_text(&q, ev->peer);
    q_text(&q, ev->on == NULL ? "" : ev->on);
    q_int(&q, ev->ep);
    q_int(&q, ev->no);
    q_int(&q, ev->seq);
    q_int(&q, ev->idx);
    q_int(&q, ev->ts);
    q_int(&q, ev->got);
    q_blob(&q, ev->leaf, HASH_LEN);
    q_int(&q, ev->key);
    q_span(&q, ev->d);
    return q_run(&q);
}

/* Which of several events of one party and step counts: the one at the lowest place. who < 0: all.
 */
static int thread_choose(struct store *s, int64_t thread, const char *peer, int who, int64_t step)
{
    struct q q;
    q_begin(&q, &s->db, Q_REF_EV_VIS);
    q_int(&q, thread);
    q_text(&q, peer);
    q_int(&q, who);
    q_int(&q, step);
    return q_run(&q);
}

int store__sealed_put(void *ctx, const struct sync_sealed *ev)
{
    struct store *s = ctx;
    assert(s != NULL && s->magic == STORE_MAGIC);
    int64_t thread = 0;
    char was[LIM_NODE_ID + 2] = "", now[LIM_NODE_ID + 2] = "";
    int r = thread_find(s, ev, &thread);
    if (r == 0) {
        r = thread_peer(s, thread, was);
    }
    if (r == 0) {
        r = store__count_thread(s, thread, -1);
    }
    if (r == 0 && ev->cek != NULL) {
        r = store_thread_key_put(s, ev->initiator, ev->id, ev->cek);
    }
    if (r == 0) {
        r = event_add(s, thread, ev);
    }
    if (r == 0) {
        r = thread_peer(s, thread, now);
    }
    if (r == 0) {
        r = thread_choose(s, thread, now, strcmp(was, now) == 0 ? (int)ev->who : -1, ev->step);
    }
    return r < 0 ? r : thread_fold(s, thread, now);
}

int store__thread_settle(struct store *s, int64_t thread)
{
    char peer[LIM_NODE_ID + 2] = "";
    int r = thread_peer(s, thread, peer);
    if (r == 0 && peer[0] == '\0') {
        struct q q;
        q_begin(&q, &s->db, Q_REF_DEL);
        q_int(&q, thread);
        return q_run(&q);
    }
    if (r == 0) {
        r = thread_choose(s, thread, peer, -1, 0);
    }
    return r < 0 ? r : thread_fold(s, thread, peer);
}

/* ---- content keys ---- */

static int key_begin(struct store *s, struct q *q, enum stmt_id stmt, const char *init,
                     const char *id)
{
    if (s->db.in_tx && !s->keys.in_tx && stmt != Q_KEY_GET) {
        int r = db_begin(&s->keys);
        if (r < 0) {
            return r;
        }
    }
    q_begin(q, &s->keys, stmt);
    q_text(q, id);
    q_text(q, init);
    return 0;
}

int store_thread_key_put(struct store *s, const char *init, const char *id,
                         const uint8_t cek[static 32])
{
    uint8_t held[32];
    int r = store_thread_key_get(s, init, id, held);
    mem_wipe(held, sizeof held);
    if (r != SANJI_E_NOT_FOUND) {
        return r;
    }
    struct q q;
    r = key_begin(s, &q, Q_KEY_PUT, init, id);
    if (r < 0) {
        return r;
    }
    q_blob(&q, cek, 32);
    return q_run(&q);
}

int store_thread_key_get(struct store *s, const char *init, const char *id, uint8_t ret[static 32])
{
    struct q q;
    int r = key_begin(s, &q, Q_KEY_GET, init, id);
    if (r < 0) {
        return r;
    }
    bool found = q_row(&q);
    if (found) {
        q_col_fixed(&q, 0, ret, 32);
    }
    r = q_end(&q);
    return r == 0 && !found ? SANJI_E_NOT_FOUND : r;
}

int store_thread_keys_copy(struct store *from, struct store *to)
{
    struct q q;
    int r = 0;
    q_begin(&q, &from->keys, Q_KEY_ALL);
    while (r == 0 && q_row(&q)) {
        uint8_t cek[32];
        char init[LIM_NODE_ID + 2], id[LIM_ID_BYTES + 2];
        q_col_str(&q, 0, init, sizeof init);
        q_col_str(&q, 1, id, sizeof id);
        q_col_fixed(&q, 2, cek, sizeof cek);
        r = q.err < 0 ? q.err : store_thread_key_put(to, init, id, cek);
        mem_wipe(cek, sizeof cek);
    }
    int e = q_end(&q);
    return r < 0 ? r : e;
}

int store_thread_key_del(struct store *s, const char *init, const char *id)
{
    struct q q;
    int r = key_begin(s, &q, Q_KEY_DEL, init, id);
    return r < 0 ? r : q_run(&q);
}
