/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics, derived and published: every number comes from this node's own signed records and
 * from the referrals it takes part in, and names the heads of the streams it rests on. Only cells
 * that changed are written, so a quiet node publishes nothing; and a cell is compared without the
 * heads it names, because publishing moves one of them. */
#include "node/app_stats.h"

#include "node/app_internal.h"
#include "protocol/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATS_MONTHS = 36 };

void facts_done(struct facts *f)
{
    free(f->v);
    free(f->nos);
    memset(f, 0, sizeof *f);
}

static int facts_add(struct facts *f, const struct stat_fact *v, size_t n, int64_t no)
{
    if (f->n + n > f->cap) {
        size_t cap = f->cap != 0 ? f->cap * 2 : 256;
        struct stat_fact *x = realloc(f->v, cap * sizeof *x);
        if (x == NULL) {
            return SANJI_E_NOMEM;
        }
        f->v = x;
        f->cap = cap;
    }
    if (n > 0) {
        memcpy(f->v + f->n, v, n * sizeof *v);
        f->n += n;
    }
    for (size_t i = f->n_nos; i-- > 0;) { /* newest first: records of one stream come together */
        if (f->nos[i] == no) {
            return 0;
        }
    }
    if (f->n_nos == f->cap_nos) {
        size_t cap = f->cap_nos != 0 ? f->cap_nos * 2 : 16;
        int64_t *x = realloc(f->nos, cap * sizeof *x);
        if (x == NULL) {
            return SANJI_E_NOMEM;
        }
        f->nos = x;
        f->cap_nos = cap;
    }
    f->nos[f->n_nos++] = no;
    return 0;
}

static int on_fact_rec(const struct store_rec *rec, void *arg)
{
    struct stat_fact out[STAT_FACTS_MAX];
    size_t n = stat_facts_record(rec->kind, rec->d, rec->leaf, out);
    return facts_add(arg, out, n, rec->no);
}

int facts_of_records(struct app *a, const char *owner, const char *kind, struct facts *f)
{
    struct store_filter fl = {.kind = kind, .owner = owner, .limit = INT64_C(1) << 40};
    return store_record_list(a->store, &fl, on_fact_rec, f);
}

struct thread_facts {
    struct app *a;
    struct facts *f[2]; /* as I, as R */
    struct facts *at;   /* of the thread at hand */
};

static int on_thread_fact(const struct stat_fact *f, size_t n, int64_t no, void *arg)
{
    return facts_add(((struct thread_facts *)arg)->at, f, n, no);
}

static int on_fact_thread(const struct store_thread *th, void *arg)
{
    struct thread_facts *t = arg;
    t->at = t->f[strcmp(th->init, th->peer) != 0 ? 0 : 1];
    return store_thread_facts(t->a->store, th, on_thread_fact, t);
}

int facts_of_threads(struct app *a, struct facts *as_i, struct facts *as_r)
{
    struct thread_facts t = {.a = a, .f = {as_i, as_r}};
    return store_thread_list(a->store, 0, 0, on_fact_thread, &t);
}

/* ---- publishing ---- */

struct publish {
    struct app *a;
    struct store_stat_count *count; /* by indicator's code, month, counterpart */
    size_t n_count, cap_count;
    struct stat_head cov[STAT_SRC_COUNT][STAT_COV_MAX]; /* by enum stat_source */
    int64_t cov_no[STAT_SRC_COUNT][STAT_COV_MAX];
    size_t n_cov[STAT_SRC_COUNT];
    char aud[STAT_SRC_COUNT][STAT_COV_MAX][LIM_AUD_BYTES + 1];
    struct stat_cell cell, old;
    struct buf d;
    struct cells { /* to be written to one audience */
        char aud[LIM_AUD_BYTES + 1];
        struct buf items;
        size_t off[STAT_COUNT * STATS_MONTHS], len[STAT_COUNT * STATS_MONTHS];
        size_t n;
    } out, gone; /* now, and where cells stand that were written for another top */
    int oldest;  /* first month of which a cell was published: what it counted may be gone since */
};

static int add_cov(struct publish *p, int src, int64_t no)
{
    struct sync_stream_row row;
    struct audience au;
    size_t n = p->n_cov[src];
    for (size_t i = n; i-- > 0;) { /* newest first: counts of one stream come together */
        if (p->cov_no[src][i] == no) {
            return 0;
        }
    }
    if (n == STAT_COV_MAX || store_stream_get(p->a->store, no, &row) < 0) {
        return 0;
    }
    struct stat_head *h = &p->cov[src][n];
    memset(h, 0, sizeof *h);
    memcpy(h->id, row.id, HASH_LEN);
    if (audience_parse(row.key.aud, strlen(row.key.aud), &au) == 0 &&
        !audience_is_private(au.type)) {
        memcpy(p->aud[src][n], row.key.aud, sizeof row.key.aud);
        h->aud = p->aud[src][n];
        h->ep = row.key.ep;
        h->seq = row.seq;
        memcpy(h->en, row.key.en, sizeof h->en);
    }
    p->cov_no[src][n] = no;
    p->n_cov[src]++;
    return 0;
}

static int on_count(const struct store_stat_count *c, void *arg)
{
    struct publish *p = arg;
    if (p->n_count == p->cap_count) {
        size_t cap = p->cap_count != 0 ? p->cap_count * 2 : 256;
        struct store_stat_count *v = realloc(p->count, cap * sizeof *v);
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        p->count = v;
        p->cap_count = cap;
    }
    p->count[p->n_count++] = *c;
    return add_cov(p, (int)stat_indicators[c->ind].source, c->no);
}

struct old_cell {
    struct publish *p;
    char aud[LIM_AUD_BYTES + 1];
    bool found;
    int64_t r;
};

static int on_old_cell(const struct store_rec *rec, void *arg)
{
    struct old_cell *o = arg;
    o->found = !rec->withdrawn && stat_cell_read(rec->d, &o->p->old, NULL) == 0;
    o->r = rec->r;
    (void)snprintf(o->aud, sizeof o->aud, "%s", rec->aud);
    buf_reset(&o->p->d);
    return buf_put(&o->p->d, rec->d.p, rec->d.n);
}

static int add_cell(const struct app *a, struct cells *c, const char *id, enum item_op op,
                    int64_t r, struct span d)
{
    c->off[c->n] = c->items.len;
    int e = app__item(a, NULL, id, kind_find("stat"), op, r, d, &c->items);
    c->len[c->n] = c->items.len - c->off[c->n];
    c->n += e == 0;
    return e;
}

/* The top is another one since a succession: what it says, it says to that one, and takes it back
 * from where it said it before. 1: from another old audience than the others, next time. */
static int move_cell(struct publish *p, const char *id, const struct old_cell *o)
{
    if (p->gone.n == 0) {
        memcpy(p->gone.aud, o->aud, sizeof o->aud);
    }
    if (strcmp(p->gone.aud, o->aud) != 0) {
        return 1;
    }
    return add_cell(p->a, &p->gone, id, OP_WITHDRAW, o->r + 1, span_of(NULL, 0));
}

/* Puts p->cell among what is to be written, if it says something else than the one published. */
static int publish_cell(struct publish *p, enum stat_ind ind)
{
    char id[LIM_ID_BYTES + 1];
    struct old_cell o = {.p = p};
    int src = (int)stat_indicators[ind].source;
    snprintf(id, sizeof id, "%s:%s", stat_indicators[ind].code, p->cell.period);
    int r = store_record_get(p->a->store, app_id(p->a), "stat", id, on_old_cell, &o);
    r = r == SANJI_E_NOT_FOUND ? 0 : r;
    bool moved = o.found && strcmp(o.aud, p->out.aud) != 0;
    bool same = o.found ? p->old.locked || stat_cell_eq(&p->cell, &p->old) : p->cell.v == 0;
    if (r < 0 || (same && !moved) || p->out.n == sizeof p->out.off / sizeof p->out.off[0]) {
        return r;
    }
    if (moved) {
        r = move_cell(p, id, &o);
    }
    if (r == 0 && !same) {
        buf_reset(&p->d);
        r = stat_cell_write(&p->cell, p->cov[src], p->n_cov[src], &p->d);
    }
    if (r > 0) {
        return 0;
    }
    return r == 0 ? add_cell(p->a, &p->out, id, OP_PUT, o.r + 1, span_of(p->d.data, p->d.len)) : r;
}

static int on_published(const struct store_rec *rec, void *arg)
{
    struct publish *p = arg;
    int month = 0;
    if (stat_cell_read(rec->d, &p->old, NULL) == 0 && stat_month_parse(p->old.period, &month) &&
        month < p->oldest) {
        p->oldest = month;
    }
    return 0;
}

/* The counts of one indicator: they follow each other, months ascending. A stock is what the months
 * up to this one come to, so its cell is carried on. */
static int publish_indicator(struct publish *p, enum stat_ind ind, int this_month)
{
    size_t at = 0;
    while (at < p->n_count && p->count[at].ind != ind) {
        at++;
    }
    bool stock = stat_indicators[ind].rule == STAT_RULE_STOCK;
    int first = this_month - STATS_MONTHS + 1, since = p->oldest;
    if (at < p->n_count && p->count[at].month < since) {
        since = p->count[at].month;
    }
    first = since > first ? since : first;
    int r = 0;
    for (int m = first; r == 0 && m <= this_month; m++) {
        char period[8];
        stat_month_write(m, period);
        if (!stock || m == first) {
            r = stat_cell_begin(period, ind, &p->cell);
        }
        memcpy(p->cell.period, period, sizeof period);
        for (; r == 0 && at < p->n_count && p->count[at].ind == ind && p->count[at].month <= m;
             at++) {
            const struct store_stat_count *c = &p->count[at];
            r = stock || c->month == m ? stat_cell_add(&p->cell, &c->with, c->n, c->sum) : 0;
        }
        r = r < 0 ? r : publish_cell(p, ind);
    }
    return r;
}

static int write_cells(struct publish *p, struct cells *c, const struct sync_tick *t)
{
    struct span items[STAT_COUNT * STATS_MONTHS];
    for (size_t i = 0; i < c->n; i++) {
        items[i] = span_of(c->items.data + c->off[i], c->len[i]);
    }
    return c->n > 0 ? sync_write(p->a->sync, t, c->aud, items, c->n, true, NULL) : 0;
}

static int publish_write(struct publish *p)
{
    struct sync_tick t;
    int r = app_tick_make(&t);
    if (r == 0) {
        r = store_begin(p->a->store);
    }
    if (r < 0) {
        return r;
    }
    r = write_cells(p, &p->out, &t);
    if (r == 0) {
        r = app_random(t.rnd, sizeof t.rnd);
    }
    if (r == 0) {
        r = write_cells(p, &p->gone, &t);
    }
    if (r == 0) {
        r = store_commit(p->a->store);
    } else {
        store_rollback(p->a->store);
    }
    if (r < 0) {
        (void)sync_reload(p->a->sync);
    } else {
        app__wrote(p->a);
    }
    return r;
}

static int publish_all(struct publish *p)
{
    const struct store_filter own = {
        .kind = "stat", .owner = app_id(p->a), .limit = INT64_C(1) << 40};
    int this_month = stat_month(date_of_ms(app_now_ms()));
    p->oldest = this_month;
    int r = store_record_list(p->a->store, &own, on_published, p);
    if (r == 0) {
        r = app_audience(p->a, "up", p->out.aud);
    }
    if (r == 0) {
        r = store_stat_counts(p->a->store, on_count, p);
    }
    for (int i = 0; r == 0 && i < STAT_COUNT; i++) {
        r = publish_indicator(p, (enum stat_ind)i, this_month);
    }
    return r == 0 && p->out.n > 0 ? publish_write(p) : r;
}

/* ---- is there anything to count again? ---- */

struct mark {
    struct app *a;
    const struct roster_node *me;
    struct hash_ctx h;
    int err;
};

/* What the numbers rest on: own records, those a steward writes, and letters to and from here.
 * Whatever else arrives, and be it a hundred thousand records, changes none of them. */
static bool counts(const struct mark *m, const struct sync_stream_row *st)
{
    struct audience au;
    if (strcmp(st->key.by.s, app_id(m->a)) == 0 ||
        (m->me != NULL && node_id_cmp(&m->me->steward, &st->key.by) == 0)) {
        return true;
    }
    if (strncmp(st->key.aud, "to:", 3) != 0 ||
        audience_parse(st->key.aud, strlen(st->key.aud), &au) < 0) {
        return false;
    }
    bool named = false;
    for (size_t i = 0; i < au.n; i++) {
        named = named || strcmp(au.node[i].s, app_id(m->a)) == 0;
    }
    return named;
}

static void mark_stream(const struct sync_stream_row *st, void *arg)
{
    struct mark *m = arg;
    if (m->err == 0 && counts(m, st)) {
        m->err = hash_update(&m->h, &st->no, sizeof st->no);
        if (m->err == 0) {
            m->err = hash_update(&m->h, st->id, sizeof st->id);
        }
    }
}

static int mark_of(struct app *a, uint8_t ret[static HASH_LEN])
{
    struct mark m = {.a = a, .me = app_self_node(a)};
    int month = stat_month(date_of_ms(app_now_ms()));
    m.err = hash_init(&m.h);
    if (m.err < 0) {
        return m.err;
    }
    m.err = hash_update(&m.h, &month, sizeof month);
    if (m.err == 0) { /* whom they are for */
        m.err = hash_update(&m.h, roster_top(app_roster(a))->id.s, LIM_NODE_ID);
    }
    sync_each_stream(a->sync, mark_stream, &m);
    if (m.err < 0) {
        hash_abort(&m.h);
        return m.err;
    }
    return hash_final(&m.h, ret);
}

int app_stats_publish(struct app *a, int *ret_n)
{
    if (ret_n != NULL) {
        *ret_n = 0;
    }
    if (app_self_node(a) == NULL || roster_top(app_roster(a)) == NULL || app_disk_low(a)) {
        return 0;
    }
    uint8_t mark[HASH_LEN];
    int r = mark_of(a, mark);
    if (r < 0 || (a->stats_known && memcmp(mark, a->stats_mark, HASH_LEN) == 0)) {
        return r;
    }
    a->stats_known = false;
    struct publish *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return SANJI_E_NOMEM;
    }
    p->a = a;
    buf_init(&p->d, LIM_ITEM_BYTES * 2);
    buf_init(&p->out.items, 64 << 20);
    buf_init(&p->gone.items, 64 << 20);
    r = publish_all(p);
    if (r == 0 && p->gone.n == 0) { /* own cells moved a head: as it stands now nothing is due */
        a->stats_known = mark_of(a, a->stats_mark) == 0;
    }
    if (r == 0 && ret_n != NULL) {
        *ret_n = (int)p->out.n;
    }
    free(p->count);
    buf_done(&p->d);
    buf_done(&p->out.items);
    buf_done(&p->gone.items);
    free(p);
    return r;
}
