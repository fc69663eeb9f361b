/* SPDX-License-Identifier: Apache-2.0 */
/* From decisions to signed items: the answers that were set, and with them in the same transaction
 * the months of busy/1 they change, so that what everybody is told and what was decided never
 * differ. */
#include "node/app_booking_book.h"

#include "protocol/base/text.h"
#include "protocol/jwrite.h"
#include "protocol/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_BYTES = 64 << 20, MONTHS = 1200 };

struct batch_item {
    char aud[LIM_AUD_BYTES + 1];
    size_t off, len;
    bool done;
};
struct batch {
    const struct app *a;
    struct batch_item *v;
    size_t n, cap;
    struct buf text;
};

static int batch_add(struct batch *x, const char *aud, struct span item)
{
    if (x->n == x->cap) {
        size_t cap = x->cap == 0 ? 16 : x->cap * 2;
        struct batch_item *v = realloc(x->v, cap * sizeof *v);
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        x->v = v;
        x->cap = cap;
    }
    struct batch_item *i = &x->v[x->n];
    snprintf(i->aud, sizeof i->aud, "%s", aud);
    i->off = x->text.len;
    i->len = item.n;
    i->done = false;
    x->n++;
    return buf_put(&x->text, item.p, item.n);
}

/* One bundle for each audience. */
static int batch_sign(struct app *a, struct batch *x)
{
    struct span *items = calloc(x->n + 1, sizeof *items);
    int r = items == NULL ? SANJI_E_NOMEM : 0;
    for (size_t i = 0; r == 0 && i < x->n; i++) {
        struct sync_tick t;
        size_t n = 0;
        for (size_t j = i; !x->v[i].done && j < x->n; j++) {
            if (strcmp(x->v[j].aud, x->v[i].aud) == 0) {
                items[n++] = span_of(x->text.data + x->v[j].off, x->v[j].len);
                x->v[j].done = j != i;
            }
        }
        if (n > 0) {
            r = app_tick_make(&t);
            r = r < 0 ? r : sync_write(a->sync, &t, x->v[i].aud, items, n, true, NULL);
        }
    }
    free(items);
    return r;
}

static int add_record(struct batch *x, const char *kind, const char *aud, const char *id, int64_t r,
                      struct span d)
{
    const struct kind *k = kind_find(kind);
    struct fault f = {0};
    struct buf item;
    buf_init(&item, LIM_ITEM_BYTES * 2);
    int e = kind_check_content(k, d, &f);
    e = e < 0 ? e : app__item(x->a, NULL, id, k, OP_PUT, r, d, &item);
    if (e == 0 && item.len > LIM_ITEM_BYTES) {
        e = SANJI_E_SIZE;
    }
    e = e < 0 ? e : batch_add(x, aud, span_of(item.data, item.len));
    buf_done(&item);
    return e;
}

static int answer_content(const struct bk_answer *x, struct buf *out)
{
    char ask[LIM_NODE_ID + LIM_ID_BYTES + 4];
    struct jw w;
    snprintf(ask, sizeof ask, "%s/%s", x->node, x->ask);
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_str(&w, "ask", ask);
    jw_int(&w, "no", x->no);
    jw_str(&w, "listing", x->listing);
    jw_str(&w, "org", x->org);
    app__booking_minute(&w, "from", x->at.from);
    app__booking_minute(&w, "to", x->at.to);
    app__booking_put_answer(&w, x);
    jw_str(&w, "since", x->since);
    jw_end_obj(&w);
    return jw_done(&w);
}

/* To whoever asked; an own one stays at home. */
static int add_answer(struct book *b, struct batch *x, const struct bk_answer *ans)
{
    char aud[LIM_NODE_ID + 8];
    struct buf d;
    bool own = strcmp(ans->node, app_id(b->a)) == 0;
    snprintf(aud, sizeof aud, own ? "own" : "to:%s", ans->node);
    buf_init(&d, LIM_ITEM_BYTES);
    int r = answer_content(ans, &d);
    r = r < 0 ? r : add_record(x, "booking", aud, ans->id, ans->r + 1, span_of(d.data, d.len));
    buf_done(&d);
    return r;
}

/* ---- busy/1 ---- */

static int month_of(int64_t min)
{
    return stat_month((int)(min / 1440));
}

struct entry {
    struct bk_span at;
    bool held;
};

static int by_time(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;
    if (a->at.from != b->at.from) {
        return a->at.from < b->at.from ? -1 : 1;
    }
    return a->at.to < b->at.to ? -1 : a->at.to > b->at.to;
}

static bool in_month(struct bk_span at, int month)
{
    return month_of(at.from) <= month && month_of(at.to - 1) >= month;
}

bool book_month_full(const struct book *b, size_t n, struct bk_span at, size_t more)
{
    for (int m = month_of(at.from); m <= month_of(at.to - 1); m++) {
        size_t held = more;
        for (size_t i = 0; i < n; i++) {
            held += in_month(b->use[i].at, m);
        }
        if (held > BK_BUSY) {
            return true;
        }
    }
    return false;
}

static size_t entries_of(const struct book *b, const struct bk_place *p, int month,
                         struct entry *out)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n_ans; i++) {
        const struct bk_answer *x = &b->ans[i];
        if (bk_state_takes(x->state) && in_month(x->at, month) && strcmp(x->listing, p->id) == 0) {
            out[n++] = (struct entry){x->at, x->state == BKS_HELD};
        }
    }
    for (size_t i = 0; i < b->n_allot; i++) {
        const struct bk_allot *x = &b->allot[i];
        bool here = x->state != BK_ALLOT_ENDED && strcmp(x->listing, p->id) == 0;
        for (size_t j = 0; here && j < x->n_at; j++) {
            if (in_month(x->at[j], month)) {
                out[n++] = (struct entry){x->at[j], true};
            }
        }
    }
    for (size_t i = 0; i < p->n_ghost; i++) {
        if (in_month(p->ghost[i].at, month)) {
            out[n++] = (struct entry){p->ghost[i].at, false};
        }
    }
    if (n > 0) {
        qsort(out, n, sizeof *out, by_time);
    }
    return n;
}

static int busy_content(const struct bk_place *p, const char *month, const struct entry *v,
                        size_t n, struct buf *out)
{
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_str(&w, "listing", p->id);
    jw_str(&w, "month", month);
    jw_arr(&w, "at");
    for (size_t i = 0; i < n; i++) {
        jw_arr(&w, NULL);
        app__booking_minute(&w, NULL, v[i].at.from);
        app__booking_minute(&w, NULL, v[i].at.to);
        jw_str(&w, NULL, v[i].held ? "held" : "taken");
        jw_end_arr(&w);
    }
    jw_end_arr(&w);
    jw_end_obj(&w);
    return jw_done(&w);
}

struct held {
    int64_t r;
    bool same;
    struct span d;
};

static int on_held(const struct store_rec *rec, void *arg)
{
    struct held *h = arg;
    h->r = rec->r;
    h->same = !rec->withdrawn && span_eq(rec->d, h->d);
    return 0;
}

static int add_month(struct book *b, struct batch *x, const struct bk_place *p, int month)
{
    char name[8], id[LIM_ID_BYTES + 16];
    struct held h = {0};
    struct buf d;
    struct entry *v = calloc(b->n_ans + p->n_ghost + b->n_allot * BK_SERIES + 1, sizeof *v);
    if (v == NULL) {
        return SANJI_E_NOMEM;
    }
    buf_init(&d, LIM_ITEM_BYTES);
    stat_month_write(month, name);
    snprintf(id, sizeof id, "%s.%s", p->id, name);
    int r = busy_content(p, name, v, entries_of(b, p, month, v), &d);
    h.d = span_of(d.data, d.len);
    if (r == 0) {
        r = store_record_get(b->a->store, app_id(b->a), NULL, id, on_held, &h);
        r = r == SANJI_E_NOT_FOUND ? 0 : r;
    }
    if (r == 0 && !h.same) {
        r = add_record(x, "busy", p->aud, id, h.r + 1, h.d);
    }
    free(v);
    buf_done(&d);
    return r;
}

struct months {
    int v[MONTHS];
    size_t n;
};

/* Those of a span that were not written yet in this transaction. */
static int add_span(struct book *b, struct batch *x, const struct bk_place *p, struct bk_span at,
                    struct months *done)
{
    int r = 0;
    for (int m = month_of(at.from); r == 0 && m <= month_of(at.to - 1); m++) {
        size_t k = 0;
        while (k < done->n && done->v[k] != m) {
            k++;
        }
        if (k < done->n) {
            continue;
        }
        if (done->n == MONTHS) {
            return SANJI_E_SIZE;
        }
        done->v[done->n++] = m;
        r = add_month(b, x, p, m);
    }
    return r;
}

/* Months in which something of a place changed. */
static int add_busy(struct book *b, struct batch *x, const struct bk_place *p)
{
    struct months done = {.n = 0};
    int r = 0;
    for (size_t i = 0; r == 0 && i < b->n_ans; i++) {
        const struct bk_answer *ans = &b->ans[i];
        if (ans->dirty && strcmp(ans->listing, p->id) == 0) {
            r = add_span(b, x, p, ans->at, &done);
        }
    }
    for (size_t i = 0; r == 0 && i < b->n_allot; i++) {
        const struct bk_allot *a = &b->allot[i];
        bool here = a->dirty && strcmp(a->listing, p->id) == 0;
        for (size_t j = 0; r == 0 && here && j < a->n_at; j++) {
            r = add_span(b, x, p, a->at[j], &done);
        }
    }
    return r;
}

/* How many seats of an event are given away. */
static int add_seats(struct book *b, struct batch *x, const struct bk_place *p)
{
    char id[LIM_ID_BYTES + 8];
    struct held h = {0};
    struct buf d;
    buf_init(&d, LIM_ITEM_BYTES);
    int r = book_seats_content(b, p, id, &d);
    h.d = span_of(d.data, d.len);
    if (r == 0) {
        r = store_record_get(b->a->store, app_id(b->a), NULL, id, on_held, &h);
        r = r == SANJI_E_NOT_FOUND ? 0 : r;
    }
    r = r < 0 || h.same ? r : add_record(x, "seats", p->aud, id, h.r + 1, h.d);
    buf_done(&d);
    return r;
}

/* The last look, at what is to be signed and nothing else: a time is given away once. A change that
 * is held may meet what it replaces. */
static int check_once(struct book *b)
{
    for (size_t i = 0; i < b->n_ans; i++) {
        const struct bk_answer *x = &b->ans[i];
        if (!x->dirty || x->took || !bk_state_takes(x->state)) {
            continue;
        }
        const struct bk_ask *k = x->state == BKS_HELD ? book_ask(b, x->node, x->ask) : NULL;
        const struct bk_answer *old = k == NULL ? NULL : book_given_back(b, k);
        struct bk_place *p = NULL;
        int r = book_place(b, x->listing, &p);
        if (r < 0 || p->event) {
            r = r == 0 && !book_seat_left(b, p, x, old, x->node) ? SANJI_E_TAKEN : r;
            if (r < 0) {
                return r;
            }
            continue;
        }
        for (size_t j = 0; j < b->n_ans; j++) {
            const struct bk_answer *y = &b->ans[j];
            if (y != x && y != old && bk_state_takes(y->state) && bk_meet(x->at, y->at) &&
                strcmp(x->listing, y->listing) == 0) {
                return SANJI_E_TAKEN;
            }
        }
    }
    return 0;
}

int book_write(struct book *b, size_t *ret_n)
{
    struct batch x = {.a = b->a};
    int r = check_once(b);
    buf_init(&x.text, BATCH_BYTES);
    for (size_t i = 0; r == 0 && i < b->n_ans; i++) {
        if (b->ans[i].dirty) {
            r = add_answer(b, &x, &b->ans[i]);
            r = r < 0 ? r : book_keep_arrival(b, &b->ans[i]);
        }
    }
    for (size_t i = 0; r == 0 && i < b->n_allot; i++) {
        const struct bk_allot *a = &b->allot[i];
        char aud[LIM_NODE_ID + 8];
        snprintf(aud, sizeof aud, "to:%s", a->node);
        r = a->dirty ? add_record(&x, "allotment", aud, a->id, a->r + 1, a->d) : 0;
    }
    for (size_t i = 0; r == 0 && i < b->n_place; i++) {
        if (b->place[i]->dirty) {
            r = b->place[i]->event ? add_seats(b, &x, b->place[i]) : add_busy(b, &x, b->place[i]);
        }
    }
    for (size_t i = 0; r == 0 && i < b->n_extra; i++) {
        const struct bk_extra *e = &b->extra[i];
        r = add_record(&x, e->kind, "own", e->id, e->r, e->d);
    }
    r = r == 0 && x.text.err < 0 ? x.text.err : r;
    r = r < 0 ? r : batch_sign(b->a, &x);
    *ret_n = x.n;
    free(x.v);
    buf_done(&x.text);
    return r;
}
