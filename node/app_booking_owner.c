/* SPDX-License-Identifier: Apache-2.0 */
/* The owner's side of booking. Every decision is one transaction: read what is given away, judge,
 * sign. Asks are answered in the order in which they arrived here; who asked on which day by whose
 * clock plays no part, because stations that were cut off from each other cannot agree on that. */
#include "node/app_booking_book.h"

#include "protocol/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A database that was put back does not know what it gave away since: neighbours tell it first. */
int app__booking_may(const struct app *a)
{
    int r = app_disk_low(a) ? SANJI_E_FULL : app__may_write(a);
    if (r < 0) {
        return r;
    }
    bool sure = sync_self_state(a->sync) == SYNC_SELF_OK && !sync_asking(a->sync) &&
                !sync_catching_up(a->sync);
    return sure ? 0 : SANJI_E_HELD;
}

static int refuse(struct book *b, const struct bk_ask *k, int64_t no, enum bk_reason why)
{
    struct bk_answer *x = NULL;
    struct bk_place *p = NULL;
    int r = book_set(b, k, no, BKS_REJECTED, why, &x);
    r = r < 0 ? r : book_place(b, k->listing, &p);
    return r < 0 ? r : book_alternatives(b, p, x);
}

static int put_on_list(struct book *b, const struct bk_ask *k, int64_t no)
{
    struct bk_answer *x = NULL;
    return book_set(b, k, no, BKS_WAITLISTED, BKR_NONE, &x);
}

/* ---- by itself ---- */

/* Inside times that were handed to the asker it is settled: the owner writes down what the other
 * has decided, also when the time is over by now. */
static int answer_use(struct book *b, const struct bk_ask *k, int64_t no, const struct bk_place *p,
                      bool *ret)
{
    const struct bk_allot *x = NULL;
    const struct bk_span at = k->at[no - 1];
    size_t n = 0;
    for (size_t i = 0; i < b->n_allot; i++) {
        const struct bk_allot *y = &b->allot[i];
        if (strcmp(y->id, k->allot) == 0 && strcmp(y->node, k->node) == 0 &&
            strcmp(y->listing, k->listing) == 0 && y->state != BK_ALLOT_ENDED) {
            x = y;
        }
    }
    if (x == NULL || !book_inside(x, at)) {
        return 0;
    }
    b->inside = x;
    int r = book_uses(b, p, NULL, NULL, &n);
    b->inside = NULL;
    for (size_t i = 0; r == 0 && i < n; i++) {
        if (bk_meet(b->use[i].at, at)) {
            return 0; /* an honest holder never says this */
        }
    }
    r = r < 0 ? r : book_uses(b, p, NULL, NULL, &n);
    if (r < 0) {
        return r;
    }
    *ret = true;
    return book_month_full(b, n, at, 1) ? refuse(b, k, no, BKR_QUOTA)
                                        : book_give(b, k, no, BKS_CONFIRMED);
}

/* May this node have one more that waits? They all are gone through whenever a time is free. */
static bool one_more(struct book *b, const char *node)
{
    struct bk_load *l = NULL;
    for (size_t i = 0; l == NULL && i < b->n_load; i++) {
        l = strcmp(b->load[i].node, node) == 0 ? &b->load[i] : NULL;
    }
    if (l == NULL) {
        struct bk_load *v = realloc(b->load, (b->n_load + 1) * sizeof *v);
        if (v == NULL) {
            return true; /* no memory is no reason to say no */
        }
        b->load = v;
        l = &v[b->n_load++];
        snprintf(l->node, sizeof l->node, "%s", node);
        l->n = 0;
        for (size_t i = 0; i < b->n_ans; i++) {
            l->n += b->ans[i].state == BKS_WAITLISTED && strcmp(b->ans[i].node, node) == 0;
        }
    }
    bool may = l->n < LIM_BOOKING_OPEN;
    l->n += may;
    return may;
}

/* Without alternatives: to look for them so often is what the limit is there against. */
static int too_many(struct book *b, const struct bk_ask *k, int64_t no)
{
    struct bk_answer *x = NULL;
    return book_set(b, k, no, BKS_REJECTED, BKR_QUOTA, &x);
}

static int answer_new(struct book *b, const struct bk_ask *k, int64_t no)
{
    struct bk_place *p = NULL;
    struct bk_span at = k->at[no - 1];
    bool used = false;
    int r = book_place(b, k->listing, &p);
    r = r < 0 || k->allot[0] == '\0' ? r : answer_use(b, k, no, p, &used);
    if (r < 0 || used) {
        return r;
    }
    enum bk_reason why = !p->bookable                   ? BKR_LISTING
                         : !book_may_ask(b, p, k->node) ? BKR_WHO
                                                        : book_judge_rules(b, p, at);
    if (why != BKR_NONE) {
        return refuse(b, k, no, why);
    }
    const struct bk_answer *old = book_given_back(b, k);
    if (book_needs_approval(p, at) || (old != NULL && book_too_late(b, old))) {
        return one_more(b, k->node) ? 0 : too_many(b, k, no); /* a person's decision */
    }
    r = book_promote(b, k->listing); /* who waits goes before */
    const struct book_want want = {{at, k->node, k->org}, NULL, book_given_back(b, k)};
    r = r < 0 ? r : book_judge_uses(b, p, &want, &why);
    if (r < 0) {
        return r;
    }
    if (why == BKR_NONE) {
        return book_give(b, k, no, BKS_CONFIRMED);
    }
    if (why == BKR_TAKEN && k->wait) {
        return one_more(b, k->node) ? put_on_list(b, k, no) : too_many(b, k, no);
    }
    return refuse(b, k, no, why);
}

/* The asker has given it back, or says something else by now. */
static int give_back(struct book *b, struct bk_answer *x)
{
    struct bk_place *p = NULL;
    enum bk_state next;
    const struct bk_ask *k = book_ask(b, x->node, x->ask);
    int r = book_place(b, x->listing, &p);
    if (r < 0 || (k == NULL && x->at.from <= b->now)) { /* what is over stays as it was */
        return r;
    }
    if (bk_next(x->state, BKE_WITHDRAW, BK_A, &next) < 0) {
        return 0;
    }
    bool own_time = k != NULL && k->allot[0] != '\0'; /* the holder has counted it free since */
    if (x->state == BKS_CONFIRMED && !own_time && !bk_in_time(&p->rules, x->at, b->now)) {
        x->cancel = BK_CANCEL_ASKED;
        x->dirty = true;
        return 0;
    }
    return book_cancel(b, x, BKR_WITHDRAWN);
}

static int by_time(struct book *b, struct bk_answer *x)
{
    if (x->state == BKS_HELD && x->until <= b->now) {
        return book_cancel(b, x, BKR_EXPIRED);
    }
    if (x->state == BKS_WAITLISTED && x->at.from <= b->now) {
        struct bk_place *p = NULL;
        int r = book_place(b, x->listing, &p);
        if (r == 0) {
            x->state = BKS_REJECTED;
            x->reason = BKR_TAKEN;
            x->place = 0;
            x->dirty = p->line = true;
            p->dirty = p->dirty || p->event;
        }
        return r;
    }
    if (x->state == BKS_CHECKED_IN && x->at.to <= b->now) {
        x->state = BKS_COMPLETED;
        x->dirty = true;
    }
    return 0;
}

/* When time alone changes something. */
static void next_due(const struct book *b, int64_t *io)
{
    for (size_t i = 0; i < b->n_ans; i++) {
        const struct bk_answer *x = &b->ans[i];
        int64_t at = x->state == BKS_HELD         ? x->until
                     : x->state == BKS_WAITLISTED ? x->at.from
                     : x->state == BKS_CHECKED_IN ? x->at.to
                                                  : 0;
        if (at > b->now && (*io == 0 || at - b->now < *io)) {
            *io = at - b->now;
        }
    }
}

/* Asked for, and without an answer. */
static bool is_open(struct book *b, const struct bk_ask *k, int64_t no)
{
    return (k->off >> (no - 1) & 1) == 0 && book_answer(b, k->node, k->id, no) == NULL;
}

static int decide_answers(struct book *b)
{
    int r = book_event_changes(b);
    for (size_t i = 0; r == 0 && i < b->n_ans; i++) {
        r = by_time(b, &b->ans[i]);
    }
    for (size_t i = 0; r == 0 && i < b->n_ans; i++) { /* what became free goes first */
        struct bk_answer *x = &b->ans[i];
        if (!bk_state_is_end(x->state) && x->cancel == BK_CANCEL_NONE && book_gone(b, x)) {
            r = give_back(b, x);
        }
    }
    return r < 0 ? r : book_settle(b);
}

/* What of an own transaction for each ask is done. */
struct part {
    const char *node, *ask; /* NULL: no single ask */
    bool answers, asks, refuse;
};

static int decide(struct book *b, const struct part *w)
{
    int r = w->answers ? decide_answers(b) : 0;
    for (size_t i = 0; r == 0 && w->asks && i < b->n_ask; i++) {
        const struct bk_ask *k = &b->ask[i];
        bool it = w->ask == NULL || (strcmp(k->id, w->ask) == 0 && strcmp(k->node, w->node) == 0);
        for (int64_t no = 1; r == 0 && it && no <= (int64_t)k->n_at; no++) {
            r = !is_open(b, k, no) ? 0
                : w->refuse        ? refuse(b, k, no, BKR_OTHER)
                                   : answer_new(b, k, no);
        }
    }
    return r < 0 || !w->answers ? r : book_take_back(b);
}

int book_finish(struct book *b, int r)
{
    size_t n = 0;
    r = r < 0 ? r : book_settle(b);
    r = r < 0 ? r : book_write(b, &n);
    if (r == 0) {
        r = store_commit(b->a->store);
    } else {
        store_rollback(b->a->store);
    }
    if (r < 0) {
        (void)sync_reload(b->a->sync);
    } else if (n > 0) {
        app__wrote(b->a);
    }
    return r;
}

static int go(struct app *a, int64_t now, const struct part *w, int64_t *ret_next)
{
    struct book b;
    int r = store_begin(a->store);
    if (r < 0) {
        return r;
    }
    r = book_load(a, now, &b);
    r = book_finish(&b, r < 0 ? r : decide(&b, w));
    if (r == 0) {
        next_due(&b, ret_next);
    }
    book_free(&b);
    return r;
}

/* It lies in what was to be written, and not in this machine. */
static bool is_content(int r)
{
    return r == SANJI_E_TAKEN || r == SANJI_E_SPEC || r == SANJI_E_SIZE;
}

/* One ask that cannot be answered stops no other: it is refused. */
static int one_by_one(struct app *a, int64_t now, int64_t *ret_next)
{
    const struct part answers = {.answers = true};
    struct book b;
    int r = go(a, now, &answers, ret_next), e = book_load(a, now, &b);
    r = e < 0 ? e : is_content(r) ? 0 : r;
    for (size_t i = 0; r == 0 && i < b.n_ask; i++) {
        const struct bk_ask *k = &b.ask[i];
        bool any = false;
        for (int64_t no = 1; no <= (int64_t)k->n_at; no++) {
            any = any || is_open(&b, k, no);
        }
        struct part one = {k->node, k->id, false, true, false};
        r = any ? go(a, now, &one, ret_next) : 0;
        if (is_content(r)) {
            one.refuse = true;
            r = go(a, now, &one, ret_next);
        }
        r = is_content(r) ? 0 : r;
    }
    book_free(&b);
    return r;
}

int app_booking_auto(struct app *a, int64_t now, int64_t *ret_next)
{
    const struct part all = {.answers = true, .asks = true};
    int64_t next = 0;
    if (app_self_node(a) == NULL || app__booking_may(a) < 0) {
        if (ret_next != NULL) {
            *ret_next = 1;
        }
        return 0;
    }
    bool holds = false;
    int r = app_outbox_flush(a);
    r = r < 0 ? r : app__booking_give_back(a, now, &holds);
    r = r < 0 ? r : go(a, now, &all, &next);
    r = is_content(r) ? one_by_one(a, now, &next) : r;
    if (ret_next != NULL) {
        *ret_next = next == 0 && holds ? 1 : next;
    }
    return r;
}

enum { LOOK_MS = 60000, HELD_MS = 2000 };

/* Asks are looked at when one came, everything when a minute has passed in which time alone may
 * have changed something. */
int app__booking_tick(struct app *a, int64_t mono_ms, bool changed)
{
    int64_t last = 0, next = 0;
    if (changed) {
        static const char *const kind[] = {"booking_ask", "allotment", "allotment_back", "event"};
        for (size_t i = 0; i < sizeof kind / sizeof kind[0]; i++) {
            int64_t n = 0;
            int r = store_kind_last(a->store, kind[i], &n);
            if (r < 0) {
                return r;
            }
            last = n > last ? n : last;
        }
        if (last == a->booking_seen) {
            return 0;
        }
    } else if (a->booking_due == 0 || mono_ms < a->booking_due) {
        return 0;
    }
    int r = app_booking_auto(a, minute_of_ms(app_now_ms()), &next);
    bool held = app__booking_may(a) < 0;
    bool done = r == 0 && !held;
    a->booking_seen = held ? -1 : done && last != 0 ? last : a->booking_seen;
    a->booking_due = held                ? app_mono_ms() + HELD_MS
                     : !done || next > 0 ? app_mono_ms() + LOOK_MS
                                         : 0;
    return r;
}

/* ---- staff ---- */

/* Others who asked for a time that meets this one and have no answer. */
static int hits(struct book *b, const struct bk_place *p, const struct bk_ask *k, int64_t no,
                bool carry_out, struct buf *ret_hit, size_t *ret_n)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < b->n_ask; i++) {
        const struct bk_ask *o = &b->ask[i];
        for (int64_t m = 1; r == 0 && m <= (int64_t)o->n_at; m++) {
            if ((o == k && m == no) || strcmp(o->listing, k->listing) != 0 || !is_open(b, o, m) ||
                !bk_clash(&p->rules, k->at[no - 1], o->at[m - 1])) {
                continue;
            }
            ++*ret_n;
            if (carry_out) {
                r = o->wait ? put_on_list(b, o, m) : refuse(b, o, m, BKR_TAKEN);
            } else if (ret_hit != NULL) {
                r = buf_printf(ret_hit, "%s/%s.%d\n", o->node, o->id, (int)m);
            }
        }
    }
    return r;
}

/* Seats are one like the other: whoever is given one takes it from nobody by name. */
static int confirm_seat(struct book *b, const struct app_booking_step *s, const struct bk_ask *k,
                        const struct bk_place *p, enum bk_state next, struct fault *f)
{
    struct bk_answer *mine = book_answer(b, k->node, k->id, s->no);
    if (p->seats.cancelled || p->seats.at.from <= b->now) {
        return fault_set(f, SANJI_E_STATE, bk_event_name(s->ev),
                         bk_reason_name(p->seats.cancelled ? BKR_LISTING : BKR_PAST));
    }
    if (!book_seat_left(b, p, mine, book_given_back(b, k), k->node)) {
        return fault_set(f, SANJI_E_TAKEN, "event", NULL);
    }
    return book_give(b, k, s->no, next);
}

static int confirm(struct book *b, const struct app_booking_step *s, const struct bk_ask *k,
                   enum bk_state next, struct buf *ret_hit, struct fault *f)
{
    struct bk_place *p = NULL;
    struct bk_answer *mine = book_answer(b, k->node, k->id, s->no);
    const struct bk_span at = k->at[s->no - 1];
    size_t n = 0, n_hit = 0;
    int r = book_place(b, k->listing, &p);
    if (r == 0 && p->event) {
        return confirm_seat(b, s, k, p, next, f);
    }
    r = r < 0 ? r : book_uses(b, p, mine, book_given_back(b, k), &n);
    for (size_t i = 0; r == 0 && i < n; i++) { /* quotas and hours are the owner's to overlook */
        if (bk_clash(&p->rules, at, b->use[i].at)) {
            return fault_set(f, SANJI_E_TAKEN, "from", NULL);
        }
    }
    if (r == 0 && at.from <= b->now) {
        return fault_set(f, SANJI_E_STATE, bk_event_name(s->ev), bk_reason_name(BKR_PAST));
    }
    if (r == 0 && book_month_full(b, n, at, 1)) {
        return fault_set(f, SANJI_E_STATE, bk_event_name(s->ev), bk_reason_name(BKR_QUOTA));
    }
    r = r < 0 ? r : hits(b, p, k, s->no, false, ret_hit, &n_hit);
    if (r == 0 && n_hit > 0 && !s->yes) {
        return fault_set(f, SANJI_E_CONFLICT, "yes", NULL);
    }
    r = r < 0 ? r : book_give(b, k, s->no, next);
    return r < 0 || n_hit == 0 ? r : hits(b, p, k, s->no, true, NULL, &n_hit);
}

static int note(struct book *b, const struct app_booking_step *s, struct bk_answer *x)
{
    x->note = s->note == NULL ? x->note : arena_strdup(b->arena, s->note);
    return x->note == NULL ? SANJI_E_NOMEM : 0;
}

static int set_state(struct book *b, const struct app_booking_step *s, const struct bk_ask *k,
                     enum bk_state next)
{
    static const enum bk_reason usual[BKE_COUNT] = {
        [BKE_REJECT] = BKR_REFUSED, [BKE_CANCEL] = BKR_OWNER};
    bool says_no = next == BKS_REJECTED || next == BKS_CANCELLED;
    struct bk_answer *x = NULL;
    struct bk_place *p = NULL;
    enum bk_reason why = !says_no ? BKR_NONE : s->reason != BKR_NONE ? s->reason : usual[s->ev];
    int r = book_set(b, k, s->no, next, why, &x);
    r = r < 0 || !says_no ? r : book_place(b, k->listing, &p);
    r = r < 0 || !says_no ? r : book_alternatives(b, p, x);
    r = r < 0 ? r : note(b, s, x);
    if (r == 0 && s->ev == BKE_KEEP) {
        x->cancel = BK_CANCEL_KEPT;
    }
    if (r == 0) {
        x->stays = next == BKS_WAITLISTED; /* who was put there just now does not come back */
    }
    return r;
}

static int step(struct book *b, const struct app_booking_step *s, struct buf *ret_hit,
                struct fault *f)
{
    const struct bk_ask *k = book_ask(b, s->node, s->ask);
    struct bk_answer *x = book_answer(b, s->node, s->ask, s->no);
    struct bk_ask own;
    if (x == NULL && (k == NULL || s->no < 1 || s->no > (int64_t)k->n_at)) {
        return fault_set(f, SANJI_E_NOT_FOUND, "ask", NULL);
    }
    enum bk_state now = x == NULL ? BKS_ASKED : x->state, next = now;
    bool gives = s->ev == BKE_CONFIRM || s->ev == BKE_HOLD || s->ev == BKE_WAITLIST;
    bool gone = x == NULL ? (k->off >> (s->no - 1) & 1) != 0 : gives && book_gone(b, x);
    int r = x == NULL ? 0 : book_answered(b, x, &own);
    if (r < 0) {
        return r;
    }
    k = x == NULL ? k : &own; /* what was answered, whatever the ask says now */
    r = gone ? SANJI_E_STATE : bk_next(now, s->ev, BK_O, &next);
    if (r < 0 || s->ev == BKE_EXPIRE) { /* that one is the clock's */
        return fault_set(f, SANJI_E_STATE, bk_event_name(s->ev),
                         gone ? "withdrawn" : bk_state_name(now));
    }
    if (s->ev == BKE_CHECK_IN || s->ev == BKE_COMPLETE) {
        struct bk_place *p = NULL;
        r = book_place(b, k->listing, &p);
        if (r == 0 && p->event) { /* by name, on its own page: node/app_event.c */
            return fault_set(f, SANJI_E_SPEC, "say", "confirm hold reject waitlist cancel no_show");
        }
    }
    if (r == 0 && (s->ev == BKE_CONFIRM || s->ev == BKE_HOLD)) {
        r = confirm(b, s, k, next, ret_hit, f);
        x = r < 0 ? NULL : book_answer(b, k->node, k->id, s->no);
        return x == NULL ? r : note(b, s, x);
    }
    return r < 0 ? r : set_state(b, s, k, next);
}

int app_booking_step(struct app *a, const struct app_booking_step *s, struct buf *ret_hit,
                     struct fault *f)
{
    struct book b;
    int r = app__booking_may(a);
    r = r < 0 ? r : app_outbox_flush(a);
    r = r < 0 ? r : store_begin(a->store);
    if (r < 0) {
        return r;
    }
    r = book_load(a, minute_of_ms(app_now_ms()), &b);
    r = book_finish(&b, r < 0 ? r : step(&b, s, ret_hit, f));
    book_free(&b);
    return r;
}
