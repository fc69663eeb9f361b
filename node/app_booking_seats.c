/* SPDX-License-Identifier: Apache-2.0 */
/* Places that have seats instead of hours (PROTOCOL.md 17.6): an event of this node. Everything
 * else of booking, from the line of those who wait to the last look before signing, is the same. */
#include "node/app_booking_book.h"

#include "protocol/base/text.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <string.h>

static enum seats_tier tier_of(const struct book *b, const char *node)
{
    const struct roster_node *n = roster_node(app_roster(b->a), node);
    return n == NULL ? SEATS_OTHER : seats_tier_of(n->lv);
}

/* ---- reading ---- */

static int on_event(const struct store_rec *rec, void *arg)
{
    struct bk_place *p = arg;
    struct span v;
    bool yes = false;
    seats_read(rec->d, &p->seats);
    p->event = true;
    p->found = !rec->withdrawn;
    p->seats.cancelled = p->seats.cancelled || rec->withdrawn;
    p->bookable = !rec->withdrawn && p->seats.open && strlen(rec->id) <= SEATS_EVENT_ID;
    p->approval = jcur_get(rec->d, "approval", &v) && jcur_bool(v, &yes) && yes;
    return 0;
}

struct copying {
    struct arena *ar;
    struct bk_place *p;
};

static int on_words(const struct store_rec *rec, void *arg)
{
    struct copying *x = arg;
    struct span v;
    x->p->aud = arena_strdup(x->ar, rec->aud);
    x->p->who = jcur_get(rec->d, "who", &v) ? arena_dup(x->ar, v.p, v.n) : "";
    return x->p->aud == NULL || x->p->who == NULL ? SANJI_E_NOMEM : on_event(rec, x->p);
}

int app__booking_event_read(struct app *a, struct arena *ar, const char *owner, const char *id,
                            struct bk_place *ret)
{
    struct copying x = {ar, ret};
    int r = store_record_get(a->store, owner, "event", id, on_words, &x);
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

static void count(const struct book *b, const struct bk_place *p, const struct bk_answer *skip,
                  const struct bk_answer *skip2, const char *node, struct seats_use *ret)
{
    memset(ret, 0, sizeof *ret);
    for (size_t i = 0; i < b->n_ans; i++) {
        const struct bk_answer *x = &b->ans[i];
        if (x != skip && x != skip2 && bk_state_takes(x->state) && strcmp(x->listing, p->id) == 0) {
            ret->tier[tier_of(b, x->node)]++;
            ret->node += strcmp(x->node, node) == 0;
        }
    }
    for (int i = 0; i < SEATS_TIERS; i++) {
        ret->tier[i] += p->ghost_seats[i];
    }
}

struct told {
    struct book *b;
    struct bk_place *p;
};

/* Seats that everybody was told are taken, and that no booking here explains, stay taken: they were
 * given to an own organisation before an older database was put back. */
static int on_told(const struct store_rec *rec, void *arg)
{
    struct told *t = arg;
    struct seats_use u;
    int64_t more = 0;
    count(t->b, t->p, NULL, NULL, "", &u);
    for (int i = 0; i < SEATS_TIERS; i++) {
        struct span v;
        int64_t n = 0;
        (void)(jcur_get(rec->d, seats_tier_name[i], &v) && jcur_int(v, &n));
        more += n - u.tier[i];
        t->p->ghost_seats[i] = n > u.tier[i] ? n - u.tier[i] : 0;
    }
    /* A platform that has moved to another tier since takes none away. */
    for (int i = 0; i < SEATS_TIERS; i++) {
        int64_t most = more > 0 ? more : 0;
        t->p->ghost_seats[i] = t->p->ghost_seats[i] < most ? t->p->ghost_seats[i] : most;
        more -= t->p->ghost_seats[i];
    }
    return 0;
}

static void name_of(const struct bk_place *p, char out[static LIM_ID_BYTES + 8])
{
    (void)snprintf(out, LIM_ID_BYTES + 8, "%.58s.seats", p->id);
}

int book_event_load(struct book *b, struct bk_place *p)
{
    char id[LIM_ID_BYTES + 8];
    struct told t = {b, p};
    name_of(p, id);
    int r = store_record_get(b->a->store, app_id(b->a), "seats", id, on_told, &t);
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

/* ---- judging ---- */

enum bk_reason book_judge_rules(const struct book *b, const struct bk_place *p, struct bk_span at)
{
    return p->event ? seats_judge_rules(&p->seats, at, b->now)
                    : bk_judge_rules(&p->rules, at, b->now);
}

int book_judge_uses(struct book *b, const struct bk_place *p, const struct book_want *w,
                    enum bk_reason *ret)
{
    size_t n = 0;
    if (p->event) {
        struct seats_use u;
        count(b, p, w->mine, w->old, w->use.node, &u);
        *ret = seats_judge(&p->seats, &u, tier_of(b, w->use.node));
        return 0;
    }
    int r = book_uses(b, p, w->mine, w->old, &n);
    if (r == 0) {
        *ret = bk_judge_uses(&p->rules, b->use, n, &w->use);
    }
    if (r == 0 && *ret == BKR_NONE && book_month_full(b, n, w->use.at, 1)) {
        *ret = BKR_QUOTA;
    }
    return r;
}

bool book_seat_left(const struct book *b, const struct bk_place *p, const struct bk_answer *mine,
                    const struct bk_answer *old, const char *node)
{
    struct seats_use u;
    count(b, p, mine, old, node, &u);
    return seats_judge_room(&p->seats, &u, tier_of(b, node)) == BKR_NONE;
}

/* ---- what an event that was changed does to its seats ---- */

int book_event_changes(struct book *b)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < b->n_ans; i++) {
        struct bk_answer *x = &b->ans[i];
        struct bk_place *p = NULL;
        if (bk_state_is_end(x->state)) {
            continue;
        }
        r = book_place(b, x->listing, &p);
        if (r < 0 || !p->event) {
            continue;
        }
        bool ahead = x->state != BKS_CHECKED_IN && x->state != BKS_NO_SHOW;
        if (p->seats.cancelled && ahead) {
            r = book_cancel(b, x, BKR_OWNER);
        } else if (p->found && (x->at.from != p->seats.at.from || x->at.to != p->seats.at.to)) {
            x->at = p->seats.at; /* it takes place at another time: who signed up is told */
            x->dirty = true;
        }
        p->freed = p->freed || x->state == BKS_WAITLISTED; /* there may be more seats by now */
    }
    return r;
}

/* ---- writing ---- */

int book_seats_content(const struct book *b, const struct bk_place *p,
                       char ret_id[static LIM_ID_BYTES + 8], struct buf *out)
{
    struct seats_use u;
    struct jw w;
    int64_t waiting = 0;
    count(b, p, NULL, NULL, "", &u);
    for (size_t i = 0; i < b->n_ans; i++) {
        const struct bk_answer *x = &b->ans[i];
        waiting += x->state == BKS_WAITLISTED && strcmp(x->listing, p->id) == 0;
    }
    name_of(p, ret_id);
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_str(&w, "event", p->id);
    jw_int(&w, "seats", p->seats.total);
    for (int i = 0; i < SEATS_TIERS; i++) {
        jw_int(&w, seats_tier_name[i], u.tier[i]);
    }
    jw_int(&w, "waiting", waiting);
    jw_end_obj(&w);
    return jw_done(&w);
}
