/* SPDX-License-Identifier: Apache-2.0 */
/* The referral as an edge table and a fold. Two nodes that may be apart for weeks write one history
 * without asking each other, so races are settled by rights and never by clocks: the receiver's
 * list goes first wherever neither side had seen the other, which makes its word about the service
 * final. The result is a function of the set of events: any order of arrival, any repetition, same
 * state. */
#include "protocol/flow_referral.h"

#include "protocol/base/text.h"
#include "protocol/kinds/referral.h"

#include <string.h>

static const char *const state_name[RS_COUNT] = {
    [RS_NONE] = "none",
    [RS_DRAFT] = "draft",
    [RS_SENT] = "sent",
    [RS_DELIVERED] = "delivered",
    [RS_RECEIVED] = "received",
    [RS_INFO_NEEDED] = "info_needed",
    [RS_ACCEPTED] = "accepted",
    [RS_SCHEDULED] = "scheduled",
    [RS_NO_SHOW] = "no_show",
    [RS_APPT_CANCELLED] = "appt_cancelled",
    [RS_IN_SERVICE] = "in_service",
    [RS_CANCEL_REQUESTED] = "cancel_requested",
    [RS_COMPLETED] = "completed",
    [RS_DECLINED] = "declined",
    [RS_CANCELLED] = "cancelled",
    [RS_CLOSED] = "closed",
    [RS_ERROR] = "entered_in_error",
    [RS_ERASED] = "erased",
};
static const char *const event_name[RE_COUNT] = {
    [RE_SEND] = "send",
    [RE_DELIVERED] = "delivered",
    [RE_OPEN] = "open",
    [RE_ASK_INFO] = "ask_info",
    [RE_GIVE_INFO] = "give_info",
    [RE_ACCEPT] = "accept",
    [RE_DECLINE] = "decline",
    [RE_SCHEDULE] = "schedule",
    [RE_RESCHEDULE] = "reschedule",
    [RE_NO_SHOW] = "no_show",
    [RE_APPT_CANCEL] = "appt_cancel",
    [RE_SERVE] = "serve",
    [RE_OUTCOME] = "outcome",
    [RE_CANCEL_REQUEST] = "cancel_request",
    [RE_CANCEL_CONFIRM] = "cancel_confirm",
    [RE_CLOSE] = "close",
    [RE_REOPEN] = "reopen",
    [RE_VOID] = "void",
    [RE_ERASE] = "erase",
    [RE_RESEAL] = "reseal",
};

const char *ref_state_name(enum ref_state s)
{
    return (unsigned)s < RS_COUNT ? state_name[s] : "unknown";
}

const char *ref_event_name(enum ref_event e)
{
    return (unsigned)e < RE_COUNT ? event_name[e] : "unknown";
}

int ref_event_by_name(const char *s, size_t n, enum ref_event *ret)
{
    for (unsigned i = 0; i < RE_COUNT; i++) {
        if (strlen(event_name[i]) == n && memcmp(event_name[i], s, n) == 0) {
            *ret = (enum ref_event)i;
            return 0;
        }
    }
    return SANJI_E_SPEC;
}

/* clang-format off */
#define EDGE(from, ev, who, to) {RS_##from, RE_##ev, REF_##who, RS_##to},
#define FROM_SERVICE(X, ...) /* the states in which the receiver has the case in hand */           \
    X(ACCEPTED, __VA_ARGS__) X(SCHEDULED, __VA_ARGS__) X(NO_SHOW, __VA_ARGS__)                     \
    X(APPT_CANCELLED, __VA_ARGS__) X(IN_SERVICE, __VA_ARGS__)
#define STAY(s, ev, who) EDGE(s, ev, who, s)

const struct ref_edge ref_edges[] = {
    EDGE(NONE, SEND, I, SENT)
    EDGE(DRAFT, SEND, I, SENT)
    EDGE(SENT, DELIVERED, R, DELIVERED)
    EDGE(DELIVERED, OPEN, R, RECEIVED)
    EDGE(RECEIVED, ASK_INFO, R, INFO_NEEDED)
    STAY(INFO_NEEDED, ASK_INFO, R)
    EDGE(INFO_NEEDED, GIVE_INFO, I, RECEIVED)
    STAY(SENT, GIVE_INFO, I)
    STAY(DELIVERED, GIVE_INFO, I)
    STAY(RECEIVED, GIVE_INFO, I)
    FROM_SERVICE(STAY, GIVE_INFO, I)
    EDGE(RECEIVED, ACCEPT, R, ACCEPTED)
    EDGE(INFO_NEEDED, ACCEPT, R, ACCEPTED)
    EDGE(RECEIVED, DECLINE, R, DECLINED)
    EDGE(INFO_NEEDED, DECLINE, R, DECLINED)
    FROM_SERVICE(EDGE, DECLINE, R, DECLINED)
    EDGE(ACCEPTED, SCHEDULE, R, SCHEDULED)
    EDGE(NO_SHOW, SCHEDULE, R, SCHEDULED)
    EDGE(APPT_CANCELLED, SCHEDULE, R, SCHEDULED)
    EDGE(IN_SERVICE, SCHEDULE, R, SCHEDULED)
    EDGE(SCHEDULED, RESCHEDULE, R, SCHEDULED)
    EDGE(NO_SHOW, RESCHEDULE, R, SCHEDULED)
    EDGE(APPT_CANCELLED, RESCHEDULE, R, SCHEDULED)
    EDGE(SCHEDULED, NO_SHOW, R, NO_SHOW)
    EDGE(SCHEDULED, APPT_CANCEL, R, APPT_CANCELLED)
    EDGE(ACCEPTED, SERVE, R, IN_SERVICE)
    EDGE(SCHEDULED, SERVE, R, IN_SERVICE)
    EDGE(IN_SERVICE, SERVE, R, IN_SERVICE)
    FROM_SERVICE(EDGE, OUTCOME, R, COMPLETED)
    EDGE(CANCEL_REQUESTED, OUTCOME, R, COMPLETED)
    EDGE(SENT, CANCEL_REQUEST, I, CANCEL_REQUESTED)
    EDGE(DELIVERED, CANCEL_REQUEST, I, CANCEL_REQUESTED)
    EDGE(RECEIVED, CANCEL_REQUEST, I, CANCEL_REQUESTED)
    EDGE(INFO_NEEDED, CANCEL_REQUEST, I, CANCEL_REQUESTED)
    FROM_SERVICE(EDGE, CANCEL_REQUEST, I, CANCEL_REQUESTED)
    EDGE(CANCEL_REQUESTED, CANCEL_CONFIRM, R, CANCELLED)
    EDGE(COMPLETED, CLOSE, I, CLOSED)
    EDGE(DECLINED, CLOSE, I, CLOSED)
    EDGE(CANCELLED, CLOSE, I, CLOSED)
    EDGE(CLOSED, REOPEN, I, SENT)
    EDGE(DRAFT, VOID, I, ERROR)
    EDGE(SENT, VOID, I, ERROR)
    EDGE(DELIVERED, VOID, I, ERROR)
    EDGE(NONE, ERASE, I, ERASED) /* what came before it is erased already */
    EDGE(NONE, ERASE, R, ERASED)
    EDGE(COMPLETED, ERASE, I, ERASED)
    EDGE(COMPLETED, ERASE, R, ERASED)
    EDGE(DECLINED, ERASE, I, ERASED)
    EDGE(DECLINED, ERASE, R, ERASED)
    EDGE(CANCELLED, ERASE, I, ERASED)
    EDGE(CANCELLED, ERASE, R, ERASED)
    EDGE(CLOSED, ERASE, I, ERASED)
    EDGE(CLOSED, ERASE, R, ERASED)
    EDGE(ERROR, ERASE, I, ERASED)
    EDGE(ERROR, ERASE, R, ERASED)
    STAY(SENT, RESEAL, R)
    STAY(DELIVERED, RESEAL, R)
    STAY(RECEIVED, RESEAL, R)
    STAY(INFO_NEEDED, RESEAL, R)
    FROM_SERVICE(STAY, RESEAL, R)
    STAY(CANCEL_REQUESTED, RESEAL, R)
    STAY(DELIVERED, RESEAL, I)
    STAY(RECEIVED, RESEAL, I)
    STAY(INFO_NEEDED, RESEAL, I)
    FROM_SERVICE(STAY, RESEAL, I)
    STAY(CANCEL_REQUESTED, RESEAL, I)
    STAY(COMPLETED, RESEAL, I)
    STAY(DECLINED, RESEAL, I)
    STAY(CANCELLED, RESEAL, I)
};
/* clang-format on */
const size_t ref_edges_n = sizeof(ref_edges) / sizeof(ref_edges[0]);

int ref_next(enum ref_state s, enum ref_event e, enum ref_party who, enum ref_state *ret)
{
    for (size_t i = 0; i < ref_edges_n; i++) {
        const struct ref_edge *g = &ref_edges[i];
        if (g->from == s && g->ev == e && g->who == who) {
            *ret = g->to;
            return 0;
        }
    }
    return SANJI_E_STATE;
}

enum ref_state ref_now(const struct ref_fold *f)
{
    return f->cancel_pending ? RS_CANCEL_REQUESTED : f->state;
}

/* ---- the fold ---- */

enum { EVENTS_MAX = 4096 };

/* Total order of events that are different at all: equal ones may stand in either order. */
static int cmp_ev(const struct ref_ev *a, const struct ref_ev *b)
{
    if (a->who != b->who) {
        return a->who < b->who ? -1 : 1;
    }
    if (a->step != b->step) {
        return a->step < b->step ? -1 : 1;
    }
    if (a->seen != b->seen) {
        return a->seen < b->seen ? -1 : 1;
    }
    if (a->ev != b->ev) {
        return a->ev < b->ev ? -1 : 1;
    }
    return (int)a->success - (int)b->success;
}

/* Shell sort of indices: no memory, no worst case that a hostile list could reach. */
static void sort_events(const struct ref_ev *evs, uint16_t *idx, size_t n)
{
    static const size_t gap[] = {1750, 701, 301, 132, 57, 23, 10, 4, 1};
    for (size_t i = 0; i < n; i++) {
        idx[i] = (uint16_t)i;
    }
    for (size_t g = 0; g < sizeof(gap) / sizeof(gap[0]); g++) {
        for (size_t i = gap[g]; i < n; i++) {
            uint16_t x = idx[i];
            size_t j = i;
            while (j >= gap[g] && cmp_ev(&evs[idx[j - gap[g]]], &evs[x]) > 0) {
                idx[j] = idx[j - gap[g]];
                j -= gap[g];
            }
            idx[j] = x;
        }
    }
}

/* One party's list, read in its own order. */
struct side {
    size_t at, end; /* into the sorted indices */
    int64_t seen;   /* highest `seen` so far: a writer does not forget */
};

struct folding {
    const struct ref_ev *evs;
    uint16_t idx[EVENTS_MAX];
    struct side side[REF_PARTIES];
    struct ref_fold out;
    int64_t r_changed; /* R's step that made the present state */
    bool *applied;
};

static const struct ref_ev *head_of(const struct folding *x, enum ref_party p)
{
    const struct side *s = &x->side[p];
    return s->at < s->end ? &x->evs[x->idx[s->at]] : NULL;
}

/* What the head of p's list has seen of the other side has been folded already. */
static bool is_ready(const struct folding *x, enum ref_party p)
{
    const struct ref_ev *e = head_of(x, p);
    const struct ref_ev *other = head_of(x, p == REF_I ? REF_R : REF_I);
    if (e == NULL || other == NULL) {
        return e != NULL;
    }
    int64_t seen = e->seen > x->side[p].seen ? e->seen : x->side[p].seen;
    return other->step > seen;
}

/* I asked to cancel: it becomes the state when I knew what R had decided, and stands beside the
 * state when R had gone on in the meantime. */
static bool fold_cancel(struct folding *x, int64_t seen)
{
    enum ref_state next = RS_NONE;
    if (x->out.cancel_pending || ref_next(x->out.state, RE_CANCEL_REQUEST, REF_I, &next) < 0) {
        return false;
    }
    x->out.cancel_pending = true;
    bool in_hand = x->out.state >= RS_ACCEPTED && x->out.state <= RS_IN_SERVICE;
    if (!in_hand || seen >= x->r_changed) {
        x->out.state = next;
    }
    return true;
}

static bool fold_i(struct folding *x, const struct ref_ev *e, int64_t seen)
{
    enum ref_state next = RS_NONE;
    if (e->ev == RE_CANCEL_REQUEST) {
        return fold_cancel(x, seen);
    }
    if (ref_next(ref_now(&x->out), e->ev, REF_I, &next) == 0) {
        if (e->ev == RE_SEND || e->ev == RE_REOPEN) {
            x->out.success = false;
        }
        if (e->ev != RE_RESEAL) {
            x->out.state = next;
        }
        return true;
    }
    /* A void that meets a person's work at the receiver is a wish to cancel. */
    return e->ev == RE_VOID && fold_cancel(x, seen);
}

static bool fold_r(struct folding *x, const struct ref_ev *e)
{
    enum ref_state now = ref_now(&x->out);
    enum ref_state next = RS_NONE;
    if (ref_next(now, e->ev, REF_R, &next) < 0) {
        return false;
    }
    if (e->ev == RE_RESEAL) {
        return true;
    }
    x->out.state = next;
    x->out.cancel_pending = false;
    x->r_changed = e->step;
    if (e->ev == RE_OUTCOME) {
        x->out.success = e->success;
    }
    return true;
}

static void fold_one(struct folding *x, enum ref_party p)
{
    struct side *s = &x->side[p];
    size_t i = x->idx[s->at++];
    const struct ref_ev *e = &x->evs[i];
    if (e->seen > s->seen) {
        s->seen = e->seen;
    }
    bool done = p == REF_I ? fold_i(x, e, s->seen) : fold_r(x, e);
    x->out.ignored += !done;
    if (x->applied != NULL) {
        x->applied[i] = done;
    }
}

/* Sorted, each (who, step) once. */
static void prepare(struct folding *x, size_t n)
{
    size_t kept = 0;
    sort_events(x->evs, x->idx, n);
    for (size_t i = 0; i < n; i++) {
        const struct ref_ev *e = &x->evs[x->idx[i]];
        const struct ref_ev *last = kept == 0 ? NULL : &x->evs[x->idx[kept - 1]];
        if ((unsigned)e->who >= REF_PARTIES || (unsigned)e->ev >= RE_COUNT ||
            (last != NULL && last->who == e->who && last->step == e->step)) {
            continue;
        }
        x->idx[kept++] = x->idx[i];
        x->side[e->who].end = kept;
        if (e->who == REF_I) {
            x->side[REF_R].at = kept;
        }
    }
    if (x->side[REF_R].end < x->side[REF_R].at) {
        x->side[REF_R].end = x->side[REF_R].at;
    }
}

void ref_fold_applied(const struct ref_ev *evs, size_t n, struct ref_fold *ret, bool *applied)
{
    struct folding x = {.evs = evs, .applied = applied};
    if (n > EVENTS_MAX) {
        n = EVENTS_MAX;
    }
    if (applied != NULL) {
        memset(applied, 0, n * sizeof(*applied));
    }
    prepare(&x, n);
    while (head_of(&x, REF_I) != NULL || head_of(&x, REF_R) != NULL) {
        /* Neither ready: each claims to have seen what the other has not written. R goes first. */
        bool r_turn = is_ready(&x, REF_R) || (!is_ready(&x, REF_I) && head_of(&x, REF_R) != NULL);
        fold_one(&x, r_turn ? REF_R : REF_I);
    }
    *ret = x.out;
}

void ref_fold(const struct ref_ev *evs, size_t n, struct ref_fold *ret)
{
    ref_fold_applied(evs, n, ret, NULL);
}

int ref_check_content(enum ref_event e, struct span d, struct fault *f)
{
    if ((unsigned)e >= RE_COUNT) {
        return fault_set(f, SANJI_E_VERSION, "ev", "an event this version knows");
    }
    return kind_check_content(&referral_content[e], d, f);
}

/* ---- derived: who is waited for ---- */

enum { DAY_MS = 86400000, OPEN_WORKDAYS = 2, ANSWER_WORKDAYS = 5 };

int ref_workdays(enum ref_state s)
{
    return s == RS_DELIVERED                              ? OPEN_WORKDAYS
           : s == RS_RECEIVED || s == RS_CANCEL_REQUESTED ? ANSWER_WORKDAYS
                                                          : 0;
}

enum ref_overdue ref_overdue(enum ref_state s, int64_t state_since_ms, int64_t now_ms,
                             int (*workdays)(int from_day, int to_day, void *arg), void *arg)
{
    if (s == RS_SENT) {
        return now_ms - state_since_ms > DAY_MS ? OVERDUE_DELIVERY : OVERDUE_NONE;
    }
    if (ref_workdays(s) == 0 || now_ms <= state_since_ms ||
        workdays(date_of_ms(state_since_ms), date_of_ms(now_ms), arg) <= ref_workdays(s)) {
        return OVERDUE_NONE;
    }
    return s == RS_DELIVERED ? OVERDUE_OPEN : OVERDUE_ANSWER;
}
