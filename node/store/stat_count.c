/* SPDX-License-Identifier: Apache-2.0 */
/* What this node's statistics rest on, kept as sums while its own records and referrals come and go
 * (PROTOCOL.md section 19): a cell costs what it has counterparts and streams, not what it counts.
 * Only items of which this node is the owner or a party are looked at. */
#include "node/store/internal.h"
#include "protocol/base/err.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/sum256.h"

#include <stdlib.h>
#include <string.h>

int store_self(struct store *s, const char *node)
{
    return node_id_parse(node, strlen(node), &s->counts.self);
}

/* ---- sums not written yet ---- */

static int cell_name(const struct count_row *c, char out[static COUNT_CELL_BYTES])
{
    const char *code = stat_indicators[c->ind].code;
    char month[8];
    size_t n = strlen(code);
    if (n + 1 + sizeof month > COUNT_CELL_BYTES) {
        return SANJI_E_BUG;
    }
    stat_month_write(c->month, month);
    memcpy(out, code, n);
    out[n] = ':';
    memcpy(out + n + 1, month, sizeof month);
    return 0;
}

static int flush_one(struct store *s, struct count_row *c)
{
    char cell[COUNT_CELL_BYTES];
    struct q q;
    int r = cell_name(c, cell);
    if (r < 0) {
        return r;
    }
    q_begin(&q, &s->db, Q_COUNT_GET);
    q_text(&q, cell);
    q_text(&q, c->with.s);
    q_int(&q, c->no);
    if (q_row(&q)) {
        uint8_t held[HASH_LEN];
        q_col_fixed(&q, 1, held, HASH_LEN);
        c->n += q_col_int(&q, 0);
        sum256_add(c->sum, held);
    }
    r = q_end(&q);
    if (r < 0) {
        return r;
    }
    q_begin(&q, &s->db, c->n == 0 ? Q_COUNT_DEL : Q_COUNT_SET);
    q_text(&q, cell);
    q_text(&q, c->with.s);
    q_int(&q, c->no);
    if (c->n != 0) {
        q_int(&q, c->n);
        q_blob(&q, c->sum, HASH_LEN);
    }
    return q_run(&q);
}

int store__count_flush(struct store *s)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < s->counts.used; i++) {
        r = flush_one(s, &s->counts.row[i]);
    }
    if (r == 0) {
        s->counts.used = 0;
    }
    return r;
}

void store__count_forget(struct store *s)
{
    s->counts.used = 0;
}

static int add_facts(struct store *s, const struct stat_fact *f, size_t n, int64_t no, int sign)
{
    struct counts *k = &s->counts;
    for (size_t i = 0; i < n; i++) {
        int month = stat_month(f[i].day);
        size_t at = 0;
        while (at < k->used &&
               !(k->row[at].ind == f[i].ind && k->row[at].month == month && k->row[at].no == no &&
                 node_id_cmp(&k->row[at].with, &f[i].with) == 0)) {
            at++;
        }
        if (at == COUNT_ROWS) {
            int r = store__count_flush(s);
            if (r < 0) {
                return r;
            }
            at = 0;
        }
        struct count_row *c = &k->row[at];
        if (at == k->used) {
            *c = (struct count_row){.ind = f[i].ind, .month = month, .no = no, .with = f[i].with};
            k->used++;
        }
        c->n += sign;
        if (sign > 0) {
            sum256_add(c->sum, f[i].leaf);
        } else {
            sum256_sub(c->sum, f[i].leaf);
        }
    }
    return 0;
}

/* ---- records ---- */

static bool is_own(const struct store *s, const char *owner)
{
    return strcmp(s->counts.self.s, owner) == 0;
}

int store__count_item(struct store *s, const struct sync_record *rec)
{
    struct stat_fact f[STAT_FACTS_MAX];
    if (rec->kind == NULL || !is_own(s, rec->owner)) {
        return 0;
    }
    size_t n = stat_facts_record(rec->kind->name, rec->item->d, rec->leaf, f);
    return add_facts(s, f, n, rec->no, 1);
}

int store__count_row(struct store *s, const char *owner, int64_t n, int sign)
{
    struct stat_fact f[STAT_FACTS_MAX];
    size_t n_facts = 0;
    int64_t no = 0;
    struct q q;
    if (!is_own(s, owner)) {
        return 0;
    }
    q_begin(&q, &s->db, Q_COUNT_ROW);
    q_int(&q, n);
    if (q_row(&q)) {
        uint8_t leaf[HASH_LEN];
        q_col_fixed(&q, 2, leaf, HASH_LEN);
        no = q_col_int(&q, 0);
        n_facts = stat_facts_record(q_col_text(&q, 1), q_col_span(&q, 3), leaf, f);
    }
    int r = q_end(&q);
    return r < 0 ? r : add_facts(s, f, n_facts, no, sign);
}

int store__count_records(struct store *s)
{
    struct q q;
    int r = store__count_flush(s);
    if (r == 0) {
        q_begin(&q, &s->db, Q_COUNT_CLEAR);
        r = q_run(&q);
    }
    if (r < 0 || node_id_none(&s->counts.self)) {
        return r;
    }
    q_begin(&q, &s->db, Q_COUNT_OWN);
    q_text(&q, s->counts.self.s);
    while (q_row(&q)) {
        struct stat_fact f[STAT_FACTS_MAX];
        uint8_t leaf[HASH_LEN];
        q_col_fixed(&q, 2, leaf, HASH_LEN);
        size_t n = stat_facts_record(q_col_text(&q, 1), q_col_span(&q, 3), leaf, f);
        q.err = q.err == 0 ? add_facts(s, f, n, q_col_int(&q, 0), 1) : q.err;
    }
    return q_end(&q);
}

/* ---- referrals ---- */

struct thread_events {
    struct ref_ev *ev;
    struct {
        int day;
        int64_t no;
        uint8_t leaf[HASH_LEN];
    } * at;
    size_t n, cap;
};

static int on_event(const struct store_thread_event *e, void *arg)
{
    struct thread_events *t = arg;
    if (t->n == t->cap) {
        size_t cap = t->cap == 0 ? 16 : t->cap * 2;
        void *ev = realloc(t->ev, cap * sizeof *t->ev);
        t->ev = ev != NULL ? ev : t->ev;
        void *at = realloc(t->at, cap * sizeof *t->at);
        t->at = at != NULL ? at : t->at;
        if (ev == NULL || at == NULL) {
            return SANJI_E_NOMEM;
        }
        t->cap = cap;
    }
    t->ev[t->n] = (struct ref_ev){.who = e->who, .step = e->step, .seen = e->seen, .ev = e->ev};
    t->ev[t->n].success = store__is_success(e->ev, e->d);
    t->at[t->n].day = 0;
    (void)date_parse(e->day, strlen(e->day), &t->at[t->n].day);
    t->at[t->n].no = e->no;
    memcpy(t->at[t->n].leaf, e->leaf, HASH_LEN);
    t->n++;
    return 0;
}

static int each_fact(struct thread_events *t, bool is_mine, const struct node_id *peer,
                     store_stat_fact_fn fn, void *arg)
{
    struct ref_fold fold;
    bool *applied = calloc(t->n + 1, sizeof *applied);
    if (applied == NULL) {
        return SANJI_E_NOMEM;
    }
    ref_fold_applied(t->ev, t->n, &fold, applied);
    int r = 0;
    for (size_t i = 0; r == 0 && i < t->n; i++) {
        struct stat_fact f[STAT_FACTS_MAX];
        size_t n = applied[i] ? stat_facts_event(is_mine ? REF_I : REF_R, &t->ev[i], t->at[i].day,
                                                 peer, t->at[i].leaf, f)
                              : 0;
        r = n > 0 ? fn(f, n, t->at[i].no, arg) : 0;
    }
    free(applied);
    return r;
}

int store_thread_facts(struct store *s, const struct store_thread *th, store_stat_fact_fn fn,
                       void *arg)
{
    struct thread_events t = {0};
    struct node_id peer;
    if (node_id_parse(th->peer, strlen(th->peer), &peer) < 0) {
        return 0;
    }
    int r = store_thread_events(s, th->n, on_event, &t);
    if (r == 0) {
        r = each_fact(&t, strcmp(th->init, th->peer) != 0, &peer, fn, arg);
    }
    free(t.ev);
    free(t.at);
    return r;
}

struct signed_facts {
    struct store *s;
    int sign;
};

static int on_fact(const struct stat_fact *f, size_t n, int64_t no, void *arg)
{
    const struct signed_facts *x = arg;
    return add_facts(x->s, f, n, no, x->sign);
}

int store__count_thread(struct store *s, int64_t thread, int sign)
{
    struct signed_facts x = {s, sign};
    char init[LIM_NODE_ID + 2] = "", peer[LIM_NODE_ID + 2] = "";
    struct q q;
    q_begin(&q, &s->db, Q_REF_PARTIES);
    q_int(&q, thread);
    if (q_row(&q)) {
        q_col_str(&q, 0, init, sizeof init);
        q_col_str(&q, 1, peer, sizeof peer);
    }
    int r = q_end(&q);
    const struct store_thread th = {.n = thread, .init = init, .peer = peer};
    return r < 0 ? r : store_thread_facts(s, &th, on_fact, &x);
}

/* ---- reading ---- */

static bool count_read(struct q *q, struct store_stat_count *ret)
{
    const char *cell = q_col_text(q, 0);
    const char *colon = strchr(cell, ':');
    const char *with = q_col_text(q, 1);
    *ret = (struct store_stat_count){.no = q_col_int(q, 2), .n = q_col_int(q, 3)};
    q_col_fixed(q, 4, ret->sum, HASH_LEN);
    return colon != NULL && stat_by_code(cell, (size_t)(colon - cell), &ret->ind) == 0 &&
           stat_month_parse(colon + 1, &ret->month) &&
           (with[0] == '\0' || node_id_parse(with, strlen(with), &ret->with) == 0);
}

int store_stat_counts(struct store *s, int (*fn)(const struct store_stat_count *c, void *arg),
                      void *arg)
{
    struct q q;
    int r = store__count_flush(s);
    if (r < 0) {
        return r;
    }
    q_begin(&q, &s->db, Q_COUNT_ALL);
    while (q.err == 0 && q_row(&q)) {
        struct store_stat_count c;
        q.err = count_read(&q, &c) ? fn(&c, arg) : SANJI_E_CORRUPT;
    }
    return q_end(&q);
}
