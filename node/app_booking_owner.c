/* SPDX-License-Identifier: Apache-2.0 */
/* The owner's side of booking. Every decision is one transaction: read what is given away, judge,
 * sign. Asks are answered in the order in which they arrived here; who asked on which day by whose
 * clock plays no part, because stations that were cut off from each other cannot agree on that. */
#include "node/app_booking_book.h"

#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/jwrite.h"

#include <stdio.h>
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

static bool needs_approval(const struct bk_place *p, struct bk_span at)
{
    const struct bk_schedule *s = bk_on(&p->rules, (int)(at.from / 1440));
    if (s == NULL || s->approval == BK_APPROVAL_LISTING) {
        return p->approval;
    }
    return s->approval == BK_APPROVAL_YES;
}

/* May this platform ask for it at all? Its own always. */
static bool may_ask(const struct book *b, const struct bk_place *p, const char *node)
{
    static const struct {
        const char *word;
        int64_t lv;
    } tier[] = {{"city", 20}, {"district", 30}, {"street", 40}, {"community", 50}};
    const struct roster_node *n = roster_node(app_roster(b->a), node);
    struct jcur c;
    struct span e;
    if (strcmp(node, app_id(b->a)) == 0 || p->who[0] == '\0') {
        return true;
    }
    bool any = false, ok = jcur_array(&c, span_of(p->who, strlen(p->who)));
    while (ok && jcur_element(&c, &e)) {
        any = true;
        if (span_eqs(e, "\"all\"") || span_eqs(e, "\"org\"") || span_eqs(e, "\"resident\"")) {
            return true;
        }
        for (size_t i = 0; n != NULL && i < sizeof tier / sizeof tier[0]; i++) {
            char quoted[16];
            snprintf(quoted, sizeof quoted, "\"%s\"", tier[i].word);
            if (n->lv == tier[i].lv && span_eqs(e, quoted)) {
                return true;
            }
        }
    }
    return !any;
}

/* ---- what follows a decision ---- */

static int put_alternatives(struct book *b, struct bk_answer *x, const struct bk_span *v, size_t n)
{
    struct buf out;
    struct jw w;
    buf_init(&out, 4096);
    jw_init(&w, &out);
    jw_arr(&w, NULL);
    for (size_t i = 0; i < n; i++) {
        char from[17], to[17];
        minute_write(v[i].from, from);
        minute_write(v[i].to, to);
        jw_obj(&w, NULL);
        jw_str(&w, "from", from);
        jw_str(&w, "to", to);
        jw_end_obj(&w);
    }
    jw_end_arr(&w);
    int r = jw_done(&w);
    const char *held = r < 0 ? NULL : arena_dup(b->arena, out.data, out.len);
    x->alt = span_of(held, held == NULL || n == 0 ? 0 : out.len);
    buf_done(&out);
    return r < 0 ? r : held == NULL ? SANJI_E_NOMEM : 0;
}

int book_alternatives(struct book *b, struct bk_place *p, struct bk_answer *x)
{
    struct bk_span found[3];
    size_t n = 0;
    if (!p->bookable || x->at.from <= b->now) {
        return 0;
    }
    int r = book_uses(b, p, x, NULL, &n);
    const struct bk_use want = {x->at, x->node, x->org};
    return r < 0 ? r
                 : put_alternatives(b, x, found,
                                    bk_alternatives(&p->rules, b->use, n, &want, b->now, found, 3));
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
    int r = book_set(b, k, no, BKS_WAITLISTED, BKR_NONE, &x);
    return r < 0 ? r : book_promote(b, k->listing);
}

/* Of those who wait, is y before x? */
static bool is_before(const struct bk_answer *y, const struct bk_answer *x)
{
    return y->order != x->order ? y->order < x->order : y < x;
}

static struct bk_answer *next_waiting(struct book *b, const char *listing,
                                      const struct bk_answer *after)
{
    struct bk_answer *best = NULL;
    for (size_t i = 0; i < b->n_ans; i++) {
        struct bk_answer *x = &b->ans[i];
        if (x->state == BKS_WAITLISTED && strcmp(x->listing, listing) == 0 &&
            (after == NULL || is_before(after, x)) && (best == NULL || is_before(x, best))) {
            best = x;
        }
    }
    return best;
}

static int promote_one(struct book *b, struct bk_place *p, struct bk_answer *x, bool *ret)
{
    size_t n = 0;
    *ret = false;
    if (x->at.from <= b->now || !p->bookable) {
        return 0;
    }
    int r = book_uses(b, p, x, NULL, &n);
    const struct bk_use want = {x->at, x->node, x->org};
    if (r < 0 || bk_judge_uses(&p->rules, b->use, n, &want) != BKR_NONE) {
        return r;
    }
    x->state = BKS_CONFIRMED;
    x->place = 0;
    x->dirty = p->dirty = *ret = true;
    return 0;
}

int book_promote(struct book *b, const char *listing)
{
    struct bk_place *p = NULL;
    struct bk_answer *x = NULL;
    int r = book_place(b, listing, &p);
    while (r == 0 && (x = next_waiting(b, listing, x)) != NULL) {
        bool up = false;
        r = promote_one(b, p, x, &up);
        if (r == 0 && up) {
            x = NULL; /* from the beginning: the list is another one now */
        }
    }
    /* Each sees how many wait before him for a time that meets his own. */
    for (size_t i = 0; r == 0 && i < b->n_ans; i++) {
        x = &b->ans[i];
        int64_t place = 1;
        for (size_t j = 0; j < b->n_ans && x->state == BKS_WAITLISTED; j++) {
            const struct bk_answer *y = &b->ans[j];
            place += y != x && y->state == BKS_WAITLISTED && strcmp(y->listing, x->listing) == 0 &&
                     is_before(y, x) && bk_meet(y->at, x->at);
        }
        if (x->state == BKS_WAITLISTED && strcmp(x->listing, listing) == 0 && x->place != place) {
            x->place = place;
            x->dirty = true;
        }
    }
    return r;
}

/* The booking that a change gives back, while it can still be given back; NULL: none. */
static struct bk_answer *given_back(struct book *b, const struct bk_ask *k)
{
    struct bk_answer *old =
        k->instead[0] == '\0' ? NULL : book_answer(b, k->node, k->instead, k->instead_no);
    bool stands = old != NULL && (old->state == BKS_CONFIRMED || old->state == BKS_HELD ||
                                  old->state == BKS_WAITLISTED);
    return stands ? old : NULL;
}

/* A change after the cut-off is no way round it. */
static bool too_late(struct book *b, const struct bk_answer *x)
{
    struct bk_place *p = NULL;
    return x->state == BKS_CONFIRMED && book_place(b, x->listing, &p) == 0 &&
           !bk_in_time(&p->rules, x->at, b->now);
}

static int cancel(struct book *b, struct bk_answer *x, enum bk_reason why)
{
    struct bk_place *p = NULL;
    int r = book_place(b, x->listing, &p);
    if (r == 0) {
        p->dirty = p->dirty || bk_state_takes(x->state);
        x->state = BKS_CANCELLED;
        x->reason = why;
        x->until = x->place = 0;
        x->cancel = BK_CANCEL_NONE;
        x->dirty = true;
        r = book_promote(b, x->listing);
    }
    return r;
}

/* Given away: what it replaces is free again, before anybody else looks. */
static int give(struct book *b, const struct bk_ask *k, int64_t no, enum bk_state state)
{
    struct bk_answer *x = NULL, *old = state == BKS_CONFIRMED ? given_back(b, k) : NULL;
    struct bk_place *p = NULL;
    char listing[LIM_ID_BYTES + 1] = "";
    int r = 0;
    if (old != NULL) { /* as cancel(), but nobody moves up before the new time is taken */
        r = book_place(b, old->listing, &p);
        if (r == 0) {
            snprintf(listing, sizeof listing, "%s", old->listing);
            p->dirty = true;
            old->state = BKS_CANCELLED;
            old->reason = BKR_CHANGED;
            old->until = old->place = 0;
            old->cancel = BK_CANCEL_NONE;
            old->dirty = true;
        }
    }
    r = r < 0 ? r : book_set(b, k, no, state, BKR_NONE, &x);
    if (r == 0 && state == BKS_HELD) {
        r = book_place(b, k->listing, &p);
        const struct bk_schedule *s =
            r < 0 ? NULL : bk_on(&p->rules, (int)(k->at[no - 1].from / 1440));
        x->until = b->now + (s != NULL ? s->hold : (int64_t)BK_HOLD_HOURS * 60);
        x->until = x->until < x->at.from ? x->until : x->at.from;
    }
    return r < 0 || listing[0] == '\0' ? r : book_promote(b, listing);
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
    *ret = true;
    return r < 0 ? r : give(b, k, no, BKS_CONFIRMED);
}

static int answer_new(struct book *b, const struct bk_ask *k, int64_t no)
{
    struct bk_place *p = NULL;
    struct bk_span at = k->at[no - 1];
    size_t n = 0;
    bool used = false;
    int r = book_place(b, k->listing, &p);
    r = r < 0 || k->allot[0] == '\0' ? r : answer_use(b, k, no, p, &used);
    if (r < 0 || used) {
        return r;
    }
    enum bk_reason why = !p->bookable              ? BKR_LISTING
                         : !may_ask(b, p, k->node) ? BKR_WHO
                                                   : bk_judge_rules(&p->rules, at, b->now);
    if (why != BKR_NONE) {
        return refuse(b, k, no, why);
    }
    const struct bk_answer *old = given_back(b, k);
    if (needs_approval(p, at) || (old != NULL && too_late(b, old))) {
        return 0; /* a person's decision */
    }
    r = book_uses(b, p, NULL, old, &n);
    const struct bk_use want = {at, k->node, k->org};
    why = r < 0 ? BKR_NONE : bk_judge_uses(&p->rules, b->use, n, &want);
    if (r < 0) {
        return r;
    }
    if (why == BKR_NONE) {
        return give(b, k, no, BKS_CONFIRMED);
    }
    return why == BKR_TAKEN && k->wait ? put_on_list(b, k, no) : refuse(b, k, no, why);
}

/* The asker has given it back. */
static int give_back(struct book *b, const struct bk_ask *k, struct bk_answer *x)
{
    struct bk_place *p = NULL;
    enum bk_state next;
    int r = book_place(b, x->listing, &p);
    if (r < 0 || bk_next(x->state, BKE_WITHDRAW, BK_A, &next) < 0) {
        return r;
    }
    bool own_time = k->allot[0] != '\0'; /* the holder has counted it free since */
    if (x->state == BKS_CONFIRMED && !own_time && !bk_in_time(&p->rules, x->at, b->now)) {
        x->cancel = BK_CANCEL_ASKED;
        x->dirty = true;
        return 0;
    }
    return cancel(b, x, BKR_WITHDRAWN);
}

static int by_time(struct book *b, struct bk_answer *x)
{
    if (x->state == BKS_HELD && x->until <= b->now) {
        return cancel(b, x, BKR_EXPIRED);
    }
    if (x->state == BKS_WAITLISTED && x->at.from <= b->now) {
        x->state = BKS_REJECTED;
        x->reason = BKR_TAKEN;
        x->place = 0;
        x->dirty = true;
        return book_promote(b, x->listing);
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

static int decide_all(struct book *b)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < b->n_ans; i++) {
        r = by_time(b, &b->ans[i]);
    }
    for (size_t i = 0; r == 0 && i < b->n_ask; i++) { /* what became free goes first */
        const struct bk_ask *k = &b->ask[i];
        for (int64_t no = 1; r == 0 && no <= (int64_t)k->n_at; no++) {
            struct bk_answer *x = book_answer(b, k->node, k->id, no);
            if (x != NULL && (k->off >> (no - 1) & 1) != 0 && x->cancel == BK_CANCEL_NONE) {
                r = give_back(b, k, x);
            }
        }
    }
    for (size_t i = 0; r == 0 && i < b->n_ask; i++) {
        const struct bk_ask *k = &b->ask[i];
        for (int64_t no = 1; r == 0 && no <= (int64_t)k->n_at; no++) {
            r = is_open(b, k, no) ? answer_new(b, k, no) : 0;
        }
    }
    return r < 0 ? r : book_take_back(b);
}

int book_finish(struct book *b, int r)
{
    size_t n = 0;
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

int app_booking_auto(struct app *a, int64_t now, int64_t *ret_next)
{
    struct book b;
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
    r = r < 0 ? r : store_begin(a->store);
    if (r < 0) {
        return r;
    }
    r = book_load(a, now, &b);
    r = book_finish(&b, r < 0 ? r : decide_all(&b));
    next_due(&b, &next);
    next = next == 0 && holds ? 1 : next;
    book_free(&b);
    if (ret_next != NULL) {
        *ret_next = next;
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
        static const char *const kind[] = {"booking_ask", "allotment", "allotment_back"};
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
    a->booking_seen = held ? -1 : last != 0 ? last : a->booking_seen;
    a->booking_due = held ? app_mono_ms() + HELD_MS : next > 0 ? app_mono_ms() + LOOK_MS : 0;
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

static int confirm(struct book *b, const struct app_booking_step *s, const struct bk_ask *k,
                   enum bk_state next, struct buf *ret_hit, struct fault *f)
{
    struct bk_place *p = NULL;
    struct bk_answer *mine = book_answer(b, k->node, k->id, s->no);
    const struct bk_span at = k->at[s->no - 1];
    size_t n = 0, n_hit = 0;
    int r = book_place(b, k->listing, &p);
    r = r < 0 ? r : book_uses(b, p, mine, given_back(b, k), &n);
    for (size_t i = 0; r == 0 && i < n; i++) { /* quotas and hours are the owner's to overlook */
        if (bk_clash(&p->rules, at, b->use[i].at)) {
            return fault_set(f, SANJI_E_TAKEN, "from", NULL);
        }
    }
    if (r == 0 && at.from <= b->now) {
        return fault_set(f, SANJI_E_STATE, bk_event_name(s->ev), bk_reason_name(BKR_PAST));
    }
    r = r < 0 ? r : hits(b, p, k, s->no, false, ret_hit, &n_hit);
    if (r == 0 && n_hit > 0 && !s->yes) {
        return fault_set(f, SANJI_E_CONFLICT, "yes", NULL);
    }
    r = r < 0 ? r : give(b, k, s->no, next);
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
    return r < 0 ? r : book_promote(b, k->listing);
}

static int step(struct book *b, const struct app_booking_step *s, struct buf *ret_hit,
                struct fault *f)
{
    const struct bk_ask *k = book_ask(b, s->node, s->ask);
    if (k == NULL || s->no < 1 || s->no > (int64_t)k->n_at) {
        return fault_set(f, SANJI_E_NOT_FOUND, "ask", NULL);
    }
    struct bk_answer *x = book_answer(b, k->node, k->id, s->no);
    enum bk_state now = x == NULL ? BKS_ASKED : x->state, next = now;
    bool gone = x == NULL && (k->off >> (s->no - 1) & 1) != 0;
    int r = gone ? SANJI_E_STATE : bk_next(now, s->ev, BK_O, &next);
    if (r < 0 || s->ev == BKE_EXPIRE) { /* that one is the clock's */
        return fault_set(f, SANJI_E_STATE, bk_event_name(s->ev),
                         gone ? "withdrawn" : bk_state_name(now));
    }
    if (s->ev == BKE_CONFIRM || s->ev == BKE_HOLD) {
        r = confirm(b, s, k, next, ret_hit, f);
        x = r < 0 ? NULL : book_answer(b, k->node, k->id, s->no);
        return x == NULL ? r : note(b, s, x);
    }
    return set_state(b, s, k, next);
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
