/* SPDX-License-Identifier: Apache-2.0 */
/* What follows a decision: times that become free, those who wait for them, and what a change gives
 * back. Only an answer says which time it is about: its ask may say something else by now. */
#include "node/app_booking_book.h"

#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/jwrite.h"

#include <stdio.h>
#include <string.h>

/* ---- what was answered ---- */

bool book_gone(struct book *b, const struct bk_answer *x)
{
    const struct bk_ask *k = book_ask(b, x->node, x->ask);
    if (k == NULL || x->no < 1 || x->no > (int64_t)k->n_at || (k->off >> (x->no - 1) & 1) != 0) {
        return true;
    }
    const struct bk_span *at = &k->at[x->no - 1];
    struct bk_place *p = NULL;
    if (strcmp(k->listing, x->listing) == 0 && book_place(b, x->listing, &p) == 0 && p->event) {
        return false; /* the seat stays his, whenever the event takes place */
    }
    return at->from != x->at.from || at->to != x->at.to || strcmp(k->listing, x->listing) != 0;
}

int book_answered(struct book *b, const struct bk_answer *x, struct bk_ask *ret)
{
    const struct bk_ask *k = book_ask(b, x->node, x->ask);
    struct bk_ask own = {0};
    *ret = k != NULL ? *k : own;
    snprintf(ret->node, sizeof ret->node, "%s", x->node);
    snprintf(ret->id, sizeof ret->id, "%s", x->ask);
    ret->listing = x->listing;
    ret->org = x->org;
    ret->n_at = (size_t)x->no;
    ret->at = arena_alloc(b->arena, ret->n_at * sizeof *ret->at);
    for (size_t i = 0; ret->at != NULL && i < ret->n_at; i++) {
        ret->at[i] = x->at;
    }
    return ret->at != NULL ? 0 : SANJI_E_NOMEM;
}

bool book_needs_approval(const struct bk_place *p, struct bk_span at)
{
    const struct bk_schedule *s = bk_on(&p->rules, (int)(at.from / 1440));
    if (s == NULL || s->approval == BK_APPROVAL_LISTING) {
        return p->approval;
    }
    return s->approval == BK_APPROVAL_YES;
}

/* May this platform ask for it at all? Its own always. */
bool book_may_ask(const struct book *b, const struct bk_place *p, const char *node)
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
    if (!p->bookable || p->event || x->at.from <= b->now) {
        return 0;
    }
    int r = book_uses(b, p, x, NULL, &n);
    const struct bk_use want = {x->at, x->node, x->org};
    return r < 0 ? r
                 : put_alternatives(b, x, found,
                                    bk_alternatives(&p->rules, b->use, n, &want, b->now, found, 3));
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

static int promote_one(struct book *b, struct bk_place *p, const struct bk_answer *x)
{
    struct bk_ask k;
    enum bk_reason why = BKR_NONE;
    if (!p->bookable || x->stays || book_gone(b, x) || !book_may_ask(b, p, x->node)) {
        return 0;
    }
    why = book_judge_rules(b, p, x->at);
    if (why != BKR_NONE && !(p->event && why == BKR_NOTICE)) { /* he signed up in time */
        return 0;
    }
    int r = book_answered(b, x, &k);
    const struct bk_answer *old = r < 0 ? NULL : book_given_back(b, &k);
    const struct book_want want = {{x->at, x->node, x->org}, x, old};
    r = r < 0 ? r : book_judge_uses(b, p, &want, &why);
    if (r < 0 || why == BKR_QUOTA || why == BKR_TAKEN) {
        return r;
    }
    bool person = book_needs_approval(p, x->at) || (old != NULL && book_too_late(b, old));
    return book_give(b, &k, x->no, person ? BKS_HELD : BKS_CONFIRMED);
}

/* Again from the beginning only where one that moved up gave another time back. */
static int promote(struct book *b, struct bk_place *p)
{
    int r = 0;
    while (r == 0 && p->freed) {
        p->freed = false;
        struct bk_answer *x = NULL;
        while (r == 0 && !p->freed && (x = next_waiting(b, p->id, x)) != NULL) {
            r = promote_one(b, p, x);
        }
    }
    return r;
}

/* Each sees how many wait before him for a time that meets his own. */
static void number(struct book *b, const struct bk_place *p)
{
    for (size_t i = 0; i < b->n_ans; i++) {
        struct bk_answer *x = &b->ans[i];
        int64_t place = 1;
        if (x->state != BKS_WAITLISTED || strcmp(x->listing, p->id) != 0) {
            continue;
        }
        for (size_t j = 0; j < b->n_ans; j++) {
            const struct bk_answer *y = &b->ans[j];
            place += y != x && y->state == BKS_WAITLISTED && is_before(y, x) &&
                     bk_meet(y->at, x->at) && strcmp(y->listing, x->listing) == 0;
        }
        x->dirty = x->dirty || x->place != place;
        x->place = place;
    }
}

int book_promote(struct book *b, const char *listing)
{
    struct bk_place *p = NULL;
    int r = book_place(b, listing, &p);
    return r < 0 || !p->freed ? r : promote(b, p);
}

int book_settle(struct book *b)
{
    int r = 0;
    for (bool again = true; r == 0 && again;) {
        again = false;
        for (size_t i = 0; r == 0 && i < b->n_place; i++) {
            again = again || b->place[i]->freed;
            r = promote(b, b->place[i]);
        }
    }
    for (size_t i = 0; r == 0 && i < b->n_place; i++) {
        if (b->place[i]->line) {
            number(b, b->place[i]);
        }
    }
    return r;
}

/* The booking that a change gives back, while it can still be given back; NULL: none. */
struct bk_answer *book_given_back(struct book *b, const struct bk_ask *k)
{
    struct bk_answer *old =
        k->instead[0] == '\0' ? NULL : book_answer(b, k->node, k->instead, k->instead_no);
    bool stands = old != NULL && (old->state == BKS_CONFIRMED || old->state == BKS_HELD ||
                                  old->state == BKS_WAITLISTED);
    return stands ? old : NULL;
}

/* A change after the cut-off is no way round it. */
bool book_too_late(struct book *b, const struct bk_answer *x)
{
    struct bk_place *p = NULL;
    return x->state == BKS_CONFIRMED && book_place(b, x->listing, &p) == 0 &&
           !bk_in_time(&p->rules, x->at, b->now);
}

int book_cancel(struct book *b, struct bk_answer *x, enum bk_reason why)
{
    struct bk_place *p = NULL;
    int r = book_place(b, x->listing, &p);
    if (r == 0) {
        p->dirty = p->dirty || p->event || bk_state_takes(x->state);
        p->freed = p->freed || bk_state_takes(x->state);
        p->line = true;
        x->state = BKS_CANCELLED;
        x->reason = why;
        x->until = x->place = 0;
        x->cancel = BK_CANCEL_NONE;
        x->dirty = true;
    }
    return r;
}

/* Given away: what it replaces is free again, and nobody moves up before the new time is taken. */
int book_give(struct book *b, const struct bk_ask *k, int64_t no, enum bk_state state)
{
    struct bk_answer *x = NULL, *old = state == BKS_CONFIRMED ? book_given_back(b, k) : NULL;
    struct bk_place *p = NULL;
    int r = old == NULL ? 0 : book_cancel(b, old, BKR_CHANGED);
    r = r < 0 ? r : book_set(b, k, no, state, BKR_NONE, &x);
    if (r == 0 && state == BKS_HELD) {
        r = book_place(b, k->listing, &p);
        const struct bk_schedule *s =
            r < 0 ? NULL : bk_on(&p->rules, (int)(k->at[no - 1].from / 1440));
        x->until = b->now + (s != NULL ? s->hold : (int64_t)BK_HOLD_HOURS * 60);
        x->until = x->until < x->at.from ? x->until : x->at.from;
    }
    return r;
}
