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
    struct ref_ev *ev;
    struct {
        int on;
        int64_t no;
        uint8_t leaf[HASH_LEN];
    } * at;
    size_t n, cap;
};

static int on_thread_event(const struct store_thread_event *e, void *arg)
{
    struct thread_facts *t = arg;
    int day = 0;
    if (t->n == t->cap) {
        size_t cap = t->cap != 0 ? t->cap * 2 : 64;
        void *ev = realloc(t->ev, cap * sizeof *t->ev);
        t->ev = ev != NULL ? ev : t->ev;
        void *at = realloc(t->at, cap * sizeof *t->at);
        t->at = at != NULL ? at : t->at;
        if (ev == NULL || at == NULL) {
            return SANJI_E_NOMEM;
        }
        t->cap = cap;
    }
    (void)date_parse(e->day, strlen(e->day), &day);
    struct ref_ev *x = &t->ev[t->n];
    memset(x, 0, sizeof *x);
    x->who = e->who;
    x->step = e->step;
    x->seen = e->seen;
    x->ev = e->ev;
    struct span v, s;
    x->success = e->ev == RE_OUTCOME && jcur_get(e->d, "result", &v) && jcur_plain(v, &s) &&
                 !span_eqs(s, "not");
    t->at[t->n].on = day;
    t->at[t->n].no = e->no;
    memcpy(t->at[t->n].leaf, e->leaf, HASH_LEN);
    t->n++;
    return 0;
}

static int on_fact_thread(const struct store_thread *th, void *arg)
{
    struct thread_facts *t = arg;
    struct ref_fold fold;
    struct node_id peer;
    bool mine = strcmp(th->init, th->peer) != 0;
    struct facts *f = t->f[mine ? 0 : 1];
    t->n = 0;
    int r = store_thread_events(t->a->store, th->n, on_thread_event, t);
    if (r < 0 || t->n == 0 || node_id_parse(th->peer, strlen(th->peer), &peer) < 0) {
        return r;
    }
    bool *applied = calloc(t->n, sizeof *applied);
    if (applied == NULL) {
        return SANJI_E_NOMEM;
    }
    ref_fold_applied(t->ev, t->n, &fold, applied);
    for (size_t i = 0; r == 0 && i < t->n; i++) {
        struct stat_fact out[STAT_FACTS_MAX];
        size_t n = applied[i] ? stat_facts_event(mine ? REF_I : REF_R, &t->ev[i], t->at[i].on,
                                                 &peer, t->at[i].leaf, out)
                              : 0;
        r = facts_add(f, out, n, t->at[i].no);
    }
    free(applied);
    return r;
}

int facts_of_threads(struct app *a, struct facts *as_i, struct facts *as_r)
{
    struct thread_facts t = {.a = a, .f = {as_i, as_r}};
    int r = store_thread_list(a->store, 0, 0, on_fact_thread, &t);
    free(t.ev);
    free(t.at);
    return r;
}

/* ---- months ---- */

int month_of_day(int day)
{
    char s[11];
    int64_t y = 0, m = 0;
    date_write(day, s);
    (void)text_i64(s, 4, 0, 9999, &y);
    m = (s[5] - '0') * 10 + (s[6] - '0');
    return (int)(y * 12 + m - 1);
}

void month_write(int month, char out[static 8])
{
    unsigned m = (unsigned)(month < 0 ? 0 : month);
    snprintf(out, 8, "%04u-%02u", m / 12 % 10000, m % 12 + 1);
}

/* ---- publishing ---- */

struct publish {
    struct app *a;
    struct facts f[4]; /* by enum stat_source */
    struct stat_head cov[4][STAT_COV_MAX];
    size_t n_cov[4];
    char aud[4][STAT_COV_MAX][LIM_AUD_BYTES + 1];
    struct stat_cell cell, old;
    struct buf d, items;
    size_t off[STAT_COUNT * STATS_MONTHS], len[STAT_COUNT * STATS_MONTHS];
    size_t n;
    struct stat_fact *scratch;
    int oldest; /* first month of which a cell was published: what it counted may be gone since */
};

static int fill_cov(struct publish *p, int src)
{
    const struct facts *f = &p->f[src];
    for (size_t i = 0; i < f->n_nos && p->n_cov[src] < STAT_COV_MAX; i++) {
        struct sync_stream_row row;
        struct audience au;
        if (store_stream_get(p->a->store, f->nos[i], &row) < 0) {
            continue;
        }
        struct stat_head *h = &p->cov[src][p->n_cov[src]];
        memset(h, 0, sizeof *h);
        memcpy(h->id, row.id, HASH_LEN);
        if (audience_parse(row.key.aud, strlen(row.key.aud), &au) == 0 &&
            !audience_is_private(au.type)) {
            memcpy(p->aud[src][p->n_cov[src]], row.key.aud, sizeof row.key.aud);
            h->aud = p->aud[src][p->n_cov[src]];
            h->ep = row.key.ep;
            h->seq = row.seq;
            memcpy(h->en, row.key.en, sizeof h->en);
        }
        p->n_cov[src]++;
    }
    return 0;
}

struct old_cell {
    struct stat_cell *cell;
    bool found;
    int64_t r;
};

static int on_old_cell(const struct store_rec *rec, void *arg)
{
    struct old_cell *o = arg;
    o->found = !rec->withdrawn && stat_cell_read(rec->d, o->cell, NULL) == 0;
    o->r = rec->r;
    return 0;
}

static int publish_cell(struct publish *p, enum stat_ind ind, const char *period, size_t n_facts)
{
    char id[LIM_ID_BYTES + 1];
    struct old_cell o = {.cell = &p->old};
    int src = (int)stat_indicators[ind].source;
    int r = stat_cell_make(period, ind, p->scratch, n_facts, &p->cell);
    if (r < 0) {
        return r;
    }
    snprintf(id, sizeof id, "%s:%s", stat_indicators[ind].code, period);
    r = store_record_get(p->a->store, app_id(p->a), "stat", id, on_old_cell, &o);
    r = r == SANJI_E_NOT_FOUND ? 0 : r;
    if (r < 0 || (o.found ? p->old.locked || stat_cell_eq(&p->cell, &p->old) : p->cell.v == 0) ||
        p->n == sizeof p->off / sizeof p->off[0]) {
        return r;
    }
    buf_reset(&p->d);
    r = stat_cell_write(&p->cell, p->cov[src], p->n_cov[src], &p->d);
    if (r == 0) {
        p->off[p->n] = p->items.len;
        r = app__item(id, kind_find("stat"), OP_PUT, o.r + 1, span_of(p->d.data, p->d.len),
                      &p->items);
        p->len[p->n] = p->items.len - p->off[p->n];
        p->n += r == 0;
    }
    return r;
}

static int on_published(const struct store_rec *rec, void *arg)
{
    struct publish *p = arg;
    int64_t y = 0, m = 0;
    if (stat_cell_read(rec->d, &p->old, NULL) == 0 && strlen(p->old.period) == 7 &&
        text_i64(p->old.period, 4, 0, 9999, &y) == 0 &&
        text_i64(p->old.period + 5, 2, 1, 12, &m) == 0 && (int)(y * 12 + m - 1) < p->oldest) {
        p->oldest = (int)(y * 12 + m - 1);
    }
    return 0;
}

static int publish_indicator(struct publish *p, enum stat_ind ind, int this_month)
{
    const struct facts *f = &p->f[stat_indicators[ind].source];
    size_t n = 0;
    int first = p->oldest;
    for (size_t i = 0; i < f->n; i++) {
        if (f->v[i].ind == ind) {
            int m = month_of_day(f->v[i].day);
            first = m < first ? m : first;
            p->scratch[n++] = f->v[i];
        }
    }
    first = first < this_month - STATS_MONTHS + 1 ? this_month - STATS_MONTHS + 1 : first;
    int r = 0;
    for (int m = first; r == 0 && m <= this_month; m++) {
        char period[8];
        month_write(m, period);
        r = publish_cell(p, ind, period, n);
    }
    return r;
}

static int publish_write(struct publish *p)
{
    struct sync_tick t;
    char aud[LIM_AUD_BYTES + 1];
    struct span items[STAT_COUNT * STATS_MONTHS];
    for (size_t i = 0; i < p->n; i++) {
        items[i] = span_of(p->items.data + p->off[i], p->len[i]);
    }
    int r = app_audience(p->a, "up", aud);
    if (r == 0) {
        r = app_tick_make(&t);
    }
    if (r == 0) {
        r = sync_write(p->a->sync, &t, aud, items, p->n, false, NULL);
    }
    if (r == 0) {
        app__wrote(p->a);
    }
    return r;
}

static int publish_all(struct publish *p)
{
    static const char *const kind_of[] = {[STAT_SRC_LISTING] = "listing", [STAT_SRC_NEED] = "need"};
    const struct store_filter own = {
        .kind = "stat", .owner = app_id(p->a), .limit = INT64_C(1) << 40};
    int this_month = month_of_day(date_of_ms(app_now_ms()));
    size_t most = 1;
    p->oldest = this_month;
    int r = store_record_list(p->a->store, &own, on_published, p);
    for (int s = STAT_SRC_LISTING; r == 0 && s <= STAT_SRC_NEED; s++) {
        r = facts_of_records(p->a, app_id(p->a), kind_of[s], &p->f[s]);
    }
    if (r == 0) {
        r = facts_of_threads(p->a, &p->f[STAT_SRC_REF_I], &p->f[STAT_SRC_REF_R]);
    }
    for (int s = 0; r == 0 && s < 4; s++) {
        most = p->f[s].n > most ? p->f[s].n : most;
        r = fill_cov(p, s);
    }
    if (r == 0) {
        p->scratch = calloc(most, sizeof *p->scratch);
        r = p->scratch == NULL ? SANJI_E_NOMEM : 0;
    }
    for (int i = 0; r == 0 && i < STAT_COUNT; i++) {
        r = publish_indicator(p, (enum stat_ind)i, this_month);
    }
    return r == 0 && p->n > 0 ? publish_write(p) : r;
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
    int month = month_of_day(date_of_ms(app_now_ms()));
    m.err = hash_init(&m.h);
    if (m.err < 0) {
        return m.err;
    }
    m.err = hash_update(&m.h, &month, sizeof month);
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
    buf_init(&p->items, 64 << 20);
    r = publish_all(p);
    if (r == 0) { /* own cells moved a head: as it stands now nothing is due */
        a->stats_known = mark_of(a, a->stats_mark) == 0;
    }
    if (r == 0 && ret_n != NULL) {
        *ret_n = (int)p->n;
    }
    for (int s = 0; s < 4; s++) {
        facts_done(&p->f[s]);
    }
    free(p->scratch);
    buf_done(&p->d);
    buf_done(&p->items);
    free(p);
    return r;
}
