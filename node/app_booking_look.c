/* SPDX-License-Identifier: Apache-2.0 */
/* What pages and commands show of booking. Of a resource of another platform there is only what its
 * owner told everybody, and since when that stands; a free time shown here is no promise. */
#include "node/app_booking_book.h"

#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/jwrite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVERY = 1 << 30, DAYS_MAX = 62 };

static void put_node(struct app *a, struct jw *w, const char *id)
{
    const struct roster_node *n = roster_node(app_roster(a), id);
    jw_str(w, "node", id);
    jw_str(w, "node_name", n != NULL ? n->name : id);
}

/* ---- one answer ---- */

void app__booking_put_answer(struct jw *w, const struct bk_answer *x)
{
    jw_str(w, "state", bk_state_name(x->state));
    if (x->state == BKS_HELD) {
        app__booking_minute(w, "until", x->until);
    }
    if (x->state == BKS_WAITLISTED) {
        jw_int(w, "place", x->place);
    }
    if (x->reason != BKR_NONE) {
        jw_str(w, "reason", bk_reason_name(x->reason));
    }
    if (x->note[0] != '\0') {
        jw_str(w, "note", x->note);
    }
    if (x->alt.n > 0) {
        jw_raw(w, "alt", x->alt.p, x->alt.n);
    }
    if (x->cancel != BK_CANCEL_NONE) {
        jw_str(w, "cancel", x->cancel == BK_CANCEL_ASKED ? "asked" : "kept");
    }
}

/* What its owner, or this node as the owner, may do to it now. */
static void put_next(struct jw *w, enum bk_state now, bool gone, bool event)
{
    jw_arr(w, "next");
    for (size_t i = 0; i < bk_edges_n; i++) {
        const struct bk_edge *e = &bk_edges[i];
        bool by_name = event && (e->ev == BKE_CHECK_IN || e->ev == BKE_COMPLETE);
        if (e->from == now && e->who == BK_O && e->ev != BKE_EXPIRE && !gone && !by_name) {
            jw_str(w, NULL, bk_event_name(e->ev));
        }
    }
    jw_end_arr(w);
}

/* ---- calendar of a resource ---- */

struct told {
    struct jw *w;
    const char *listing;
    struct bk_span in;
    int64_t as_of;
};

static int on_busy(const struct store_rec *rec, void *arg)
{
    struct told *t = arg;
    struct jcur c, p;
    struct span v, e, x, y, s;
    struct bk_span at;
    if (!span_eqs(jcur_plain_of(rec->d, "listing"), t->listing) || !jcur_get(rec->d, "at", &v) ||
        !jcur_array(&c, v)) {
        return 0;
    }
    t->as_of = rec->ts > t->as_of ? rec->ts : t->as_of;
    while (jcur_element(&c, &e)) {
        if (jcur_array(&p, e) && jcur_element(&p, &x) && jcur_element(&p, &y) &&
            jcur_element(&p, &s) && bk_pair_read(x, y, &at.from, &at.to) && bk_meet(at, t->in)) {
            jw_arr(t->w, NULL);
            jw_raw(t->w, NULL, x.p, x.n);
            jw_raw(t->w, NULL, y.p, y.n);
            jw_raw(t->w, NULL, s.p, s.n);
            jw_end_arr(t->w);
        }
    }
    return 0;
}

static void put_open(struct jw *w, const struct bk_rules *rules, int first, int last)
{
    jw_arr(w, "open");
    for (int day = first; day <= last; day++) {
        struct bk_span v[BK_DAY_SPANS];
        size_t n = bk_open(rules, day, v);
        const struct bk_schedule *s = bk_on(rules, day);
        for (size_t i = 0; i < n; i++) {
            jw_arr(w, NULL);
            app__booking_minute(w, NULL, v[i].from);
            app__booking_minute(w, NULL, v[i].to);
            jw_int(w, NULL, s->slot);
            jw_end_arr(w);
        }
    }
    jw_end_arr(w);
}

static void put_rules(struct jw *w, const struct bk_place *p, int day)
{
    const struct bk_schedule *s = bk_on(&p->rules, day);
    jw_bool(w, "bookable", p->bookable && p->rules.n > 0);
    jw_bool(w, "approval", book_needs_approval(p, (struct bk_span){.from = (int64_t)day * 1440}));
    if (s != NULL) {
        jw_int(w, "slot", s->slot);
        jw_int(w, "notice_hours", s->notice / 60);
        jw_int(w, "ahead_days", s->ahead);
        jw_int(w, "cutoff_hours", s->cutoff / 60);
        jw_int(w, "before", s->before);
        jw_int(w, "after", s->after);
    }
}

struct shown {
    const char *node, *ask, *org;
    int64_t no;
    struct bk_span at;
};

static void put_entry(struct book *b, struct jw *w, const struct shown *s,
                      const struct bk_answer *x, bool clash)
{
    jw_obj(w, NULL);
    put_node(b->a, w, s->node);
    jw_str(w, "ask", s->ask);
    jw_int(w, "no", s->no);
    jw_str(w, "org", s->org);
    app__booking_minute(w, "from", s->at.from);
    app__booking_minute(w, "to", s->at.to);
    if (x != NULL) {
        app__booking_put_answer(w, x);
    } else {
        jw_str(w, "state", "asked");
        jw_bool(w, "clash", clash);
    }
    put_next(w, x == NULL ? BKS_ASKED : x->state, false, false);
    jw_end_obj(w);
}

/* Answers of an own resource within the days shown, whatever became of their asks, and asks without
 * one with what they collide with. */
static int put_entries(struct book *b, struct jw *w, const struct bk_place *p, struct bk_span in)
{
    size_t used = 0;
    int r = book_uses(b, p, NULL, NULL, &used);
    jw_arr(w, "entries");
    for (size_t i = 0; r == 0 && i < b->n_ans; i++) {
        const struct bk_answer *x = &b->ans[i];
        if (strcmp(x->listing, p->id) == 0 && bk_meet(x->at, in)) {
            struct shown s = {x->node, x->ask, x->org, x->no, x->at};
            put_entry(b, w, &s, x, false);
        }
    }
    for (size_t i = 0; r == 0 && i < b->n_ask; i++) {
        const struct bk_ask *k = &b->ask[i];
        for (int64_t no = 1; no <= (int64_t)k->n_at && strcmp(k->listing, p->id) == 0; no++) {
            struct shown s = {k->node, k->id, k->org, no, k->at[no - 1]};
            bool gone = (k->off >> (no - 1) & 1) != 0, clash = false;
            if (gone || !bk_meet(s.at, in) || book_answer(b, k->node, k->id, no) != NULL) {
                continue;
            }
            for (size_t j = 0; j < used; j++) {
                clash = clash || bk_clash(&p->rules, s.at, b->use[j].at);
            }
            put_entry(b, w, &s, NULL, clash);
        }
    }
    jw_end_arr(w);
    return r;
}

static int own_entries(struct app *a, struct jw *w, const char *listing, struct bk_span in)
{
    struct book b;
    struct bk_place *p = NULL;
    int r = book_load(a, minute_of_ms(app_now_ms()), &b);
    r = r < 0 ? r : book_place(&b, listing, &p);
    r = r < 0 ? r : put_entries(&b, w, p, in);
    book_free(&b);
    return r;
}

static int calendar(struct app *a, struct arena *ar, struct calendar *cal, const char *owner,
                    const char *listing, int first, int last, bool names, struct jw *w)
{
    struct told t = {.w = w, .listing = listing};
    struct store_filter fl = {.kind = "busy", .owner = owner, .limit = EVERY};
    struct bk_place p;
    t.in = (struct bk_span){(int64_t)first * 1440, ((int64_t)last + 1) * 1440};
    int r = app_calendar(a, cal);
    r = r < 0 ? r : app__booking_place_read(a, ar, cal, owner, listing, &p);
    if (r < 0 || !p.found || p.event) {
        return r < 0 ? r : SANJI_E_NOT_FOUND;
    }
    bool own = strcmp(owner, app_id(a)) == 0;
    jw_obj(w, NULL);
    put_node(a, w, owner);
    jw_str(w, "listing", listing);
    jw_bool(w, "mine", own);
    put_rules(w, &p, date_of_ms(app_now_ms()));
    app__booking_minute(w, "now", minute_of_ms(app_now_ms()));
    put_open(w, &p.rules, first, last);
    jw_arr(w, "busy");
    r = store_record_list(a->store, &fl, on_busy, &t);
    jw_end_arr(w);
    jw_int(w, "as_of", t.as_of);
    r = r < 0 || !names ? r : app__booking_put_handed(a, ar, w, "allotments", own, owner, listing);
    r = r < 0 || !own || !names ? r : own_entries(a, w, listing, t.in);
    jw_end_obj(w);
    return r;
}

int app_booking_calendar(struct app *a, const char *owner, const char *listing, int first, int last,
                         bool names, struct jw *w)
{
    struct arena *ar = arena_new(16 << 20);
    struct calendar *cal = malloc(sizeof *cal);
    int r = ar == NULL || cal == NULL ? SANJI_E_NOMEM : 0;
    if (r == 0 && (last < first || last - first >= DAYS_MAX)) {
        r = SANJI_E_SPEC;
    }
    r = r < 0 ? r : calendar(a, ar, cal, owner, listing, first, last, names, w);
    arena_free(ar);
    free(cal);
    return r;
}

/* ---- lists ---- */

struct listing_of {
    struct app *a;
    struct jw *w;
    struct arena *ar;
    struct bk_answer x;
    bool mine, open, found, event;
    const char *only; /* owner/id; NULL: all */
    app_booking_wait_fn *fn;
    void *arg;
    int64_t limit, shown, now, waiting;
};

static int on_answer(const struct store_rec *rec, void *arg)
{
    struct listing_of *l = arg;
    char to[LIM_NODE_ID + 8];
    snprintf(to, sizeof to, "to:%s", app_id(l->a));
    bool ours = strcmp(rec->owner, app_id(l->a)) == 0 || strcmp(rec->aud, to) == 0;
    l->found = ours && !rec->withdrawn && strcmp(rec->kind, "booking") == 0;
    return l->found ? app__booking_answer_read(l->ar, rec, &l->x) : 0;
}

static int answer_to(struct listing_of *l, const char *owner, const struct bk_ask *k, int64_t no)
{
    char id[LIM_ID_BYTES + 1];
    l->found = false;
    if (!bk_answer_id(k->node, k->id, no, id)) {
        return 0;
    }
    int r = store_record_get(l->a->store, owner, "booking", id, on_answer, l);
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

static int on_title(const struct store_rec *rec, void *arg)
{
    return buf_puts(arg, rec->title);
}

/* Title of a resource or event into an empty buffer, its id when there is none; is it an event? */
static bool title_of(struct listing_of *l, const char *owner, const char *id, struct buf *t)
{
    int r = store_record_get(l->a->store, owner, "listing", id, on_title, t);
    bool event = r == SANJI_E_NOT_FOUND &&
                 store_record_get(l->a->store, owner, "event", id, on_title, t) == 0;
    if (t->len == 0) {
        (void)buf_puts(t, id);
    }
    return event;
}

static void put_title(struct listing_of *l, const char *owner, const char *id)
{
    struct buf t;
    buf_init(&t, 4096);
    l->event = title_of(l, owner, id, &t);
    jw_bool(l->w, "event", l->event);
    jw_str(l->w, "listing_title", buf_str(&t));
    buf_done(&t);
}

static int tell_waiting(struct listing_of *l, const struct bk_ask *k, int64_t ts)
{
    struct app_booking_wait x = {
        .node = k->node, .ask = k->id, .listing = k->listing, .since_ms = ts};
    struct buf t;
    buf_init(&t, 4096);
    x.event = title_of(l, app_id(l->a), k->listing, &t);
    x.title = buf_str(&t);
    x.org = k->org;
    int r = l->fn(&x, l->arg);
    buf_done(&t);
    return r;
}

static int put_occurrences(struct listing_of *l, const char *owner, const struct bk_ask *k)
{
    int r = 0;
    jw_arr(l->w, "at");
    for (int64_t no = 1; r == 0 && no <= (int64_t)k->n_at; no++) {
        bool gone = (k->off >> (no - 1) & 1) != 0;
        r = answer_to(l, owner, k, no);
        jw_obj(l->w, NULL);
        jw_int(l->w, "no", no);
        const struct bk_span *at = l->found ? &l->x.at : &k->at[no - 1];
        app__booking_minute(l->w, "from", at->from);
        app__booking_minute(l->w, "to", at->to);
        jw_bool(l->w, "given_back", gone);
        if (l->found) {
            app__booking_put_answer(l->w, &l->x);
        } else {
            bool settled = k->allot[0] != '\0' && !gone; /* by this node, inside its times */
            jw_str(l->w, "state", gone ? "withdrawn" : settled ? "confirmed" : "asked");
        }
        if (!l->mine) {
            put_next(l->w, l->found ? l->x.state : BKS_ASKED, !l->found && gone, l->event);
        }
        jw_end_obj(l->w);
    }
    jw_end_arr(l->w);
    return r;
}

/* Is anything of it still to come, or waits for somebody? */
static int is_open(struct listing_of *l, const char *owner, const struct bk_ask *k, bool *ret,
                   bool *ret_waits)
{
    int r = 0;
    *ret = *ret_waits = false;
    for (int64_t no = 1; r == 0 && no <= (int64_t)k->n_at; no++) {
        bool gone = (k->off >> (no - 1) & 1) != 0, ahead = k->at[no - 1].to > l->now;
        if (!ahead) { /* most of them, after some years: nothing is looked up for those */
            continue;
        }
        r = answer_to(l, owner, k, no);
        *ret = *ret || !(l->found ? bk_state_is_end(l->x.state) : gone);
        *ret_waits = *ret_waits ||
                     (l->found ? l->x.cancel == BK_CANCEL_ASKED || l->x.state == BKS_HELD : !gone);
    }
    return r;
}

static int on_ask(const struct store_rec *rec, void *arg)
{
    struct listing_of *l = arg;
    char owner[LIM_NODE_ID + 2];
    struct bk_ask k;
    bool is = false, open = false, waits = false;
    bool own = strcmp(rec->owner, app_id(l->a)) == 0;
    struct span ref = jcur_plain_of(rec->d, "listing");
    if (l->shown == l->limit) {
        return 1;
    }
    if ((l->mine && !own) || ref.n < LIM_NODE_ID || (l->only != NULL && !span_eqs(ref, l->only))) {
        return 0;
    }
    arena_reset(l->ar);
    snprintf(owner, sizeof owner, "%.*s", LIM_NODE_ID, (const char *)ref.p);
    if (!l->mine && strcmp(owner, app_id(l->a)) != 0) {
        return 0;
    }
    int r = app__booking_ask_read(l->ar, rec, owner, &k, &is);
    r = r < 0 || !is ? r : is_open(l, owner, &k, &open, &waits);
    l->waiting += r == 0 && is && waits;
    if (r == 0 && is && waits && l->fn != NULL) {
        r = tell_waiting(l, &k, rec->ts);
    }
    if (r < 0 || !is || (l->open && !open) || l->w == NULL) {
        return r;
    }
    l->shown++;
    jw_obj(l->w, NULL);
    jw_str(l->w, "id", k.id);
    put_node(l->a, l->w, k.node);
    jw_str(l->w, "owner", owner);
    const struct roster_node *n = roster_node(app_roster(l->a), owner);
    jw_str(l->w, "owner_name", n != NULL ? n->name : owner);
    jw_str(l->w, "listing", k.listing);
    put_title(l, owner, k.listing);
    jw_bool(l->w, "waits", waits);
    jw_int(l->w, "ts", rec->ts);
    jw_raw(l->w, "d", k.d.p, k.d.n);
    r = put_occurrences(l, owner, &k);
    jw_end_obj(l->w);
    return r;
}

static int each_ask(struct listing_of *l)
{
    struct store_filter fl = {.kind = "booking_ask", .limit = EVERY, .now_ms = app_now_ms()};
    l->ar = arena_new(4 << 20);
    l->now = minute_of_ms(app_now_ms());
    int r = l->ar == NULL ? SANJI_E_NOMEM : store_record_list(l->a->store, &fl, on_ask, l);
    arena_free(l->ar);
    return r;
}

int app_booking_list(struct app *a, const char *name, bool mine, bool open, int64_t limit,
                     const char *only, struct jw *w)
{
    struct listing_of l = {
        .a = a, .w = w, .mine = mine, .open = open, .limit = limit, .only = only};
    jw_arr(w, name);
    int r = each_ask(&l);
    jw_end_arr(w);
    return r;
}

int app_booking_waiting(struct app *a, int64_t *ret)
{
    struct listing_of l = {.a = a, .limit = EVERY};
    int r = each_ask(&l);
    *ret = l.waiting;
    return r;
}

int app_booking_waits(struct app *a, app_booking_wait_fn *fn, void *arg)
{
    struct listing_of l = {.a = a, .limit = EVERY, .fn = fn, .arg = arg};
    int r = each_ask(&l);
    return r > 0 ? 0 : r;
}
