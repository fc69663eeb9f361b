/* SPDX-License-Identifier: Apache-2.0 */
/* The booking as an edge table. There is one writer of the state, so nothing has to be merged: two
 * sides that act at the same moment meet at the owner's node, one after the other. */
#include "protocol/flow_booking.h"

#include <string.h>

static const char *const state_name[BKS_COUNT] = {
    [BKS_ASKED] = "asked",           [BKS_HELD] = "held",
    [BKS_CONFIRMED] = "confirmed",   [BKS_REJECTED] = "rejected",
    [BKS_WAITLISTED] = "waitlisted", [BKS_CANCELLED] = "cancelled",
    [BKS_CHECKED_IN] = "checked_in", [BKS_COMPLETED] = "completed",
    [BKS_NO_SHOW] = "no_show",
};
static const char *const event_name[BKE_COUNT] = {
    [BKE_HOLD] = "hold",         [BKE_CONFIRM] = "confirm",   [BKE_REJECT] = "reject",
    [BKE_WAITLIST] = "waitlist", [BKE_EXPIRE] = "expire",     [BKE_CANCEL] = "cancel",
    [BKE_KEEP] = "keep",         [BKE_CHECK_IN] = "check_in", [BKE_COMPLETE] = "complete",
    [BKE_NO_SHOW] = "no_show",   [BKE_WITHDRAW] = "withdraw", [BKE_ASK_CANCEL] = "ask_cancel",
};

const char *bk_state_name(enum bk_state s)
{
    return (unsigned)s < BKS_COUNT ? state_name[s] : "unknown";
}

const char *bk_event_name(enum bk_event e)
{
    return (unsigned)e < BKE_COUNT ? event_name[e] : "unknown";
}

static int by_name(const char *const *names, unsigned n_names, const char *s, size_t n)
{
    for (unsigned i = 0; i < n_names; i++) {
        if (strlen(names[i]) == n && memcmp(names[i], s, n) == 0) {
            return (int)i;
        }
    }
    return SANJI_E_SPEC;
}

int bk_state_by_name(const char *s, size_t n, enum bk_state *ret)
{
    int i = by_name(state_name, BKS_COUNT, s, n);
    *ret = i < 0 ? BKS_ASKED : (enum bk_state)i;
    return i < 0 ? i : 0;
}

int bk_event_by_name(const char *s, size_t n, enum bk_event *ret)
{
    int i = by_name(event_name, BKE_COUNT, s, n);
    *ret = i < 0 ? BKE_HOLD : (enum bk_event)i;
    return i < 0 ? i : 0;
}

/* clang-format off */
#define EDGE(from, ev, who, to) {BKS_##from, BKE_##ev, BK_##who, BKS_##to},

const struct bk_edge bk_edges[] = {
    EDGE(ASKED,      HOLD,       O, HELD)
    EDGE(ASKED,      CONFIRM,    O, CONFIRMED)
    EDGE(ASKED,      REJECT,     O, REJECTED)
    EDGE(ASKED,      WAITLIST,   O, WAITLISTED)
    EDGE(ASKED,      WITHDRAW,   A, CANCELLED)
    EDGE(HELD,       CONFIRM,    O, CONFIRMED)
    EDGE(HELD,       REJECT,     O, REJECTED)
    EDGE(HELD,       WAITLIST,   O, WAITLISTED)
    EDGE(HELD,       EXPIRE,     O, CANCELLED)
    EDGE(HELD,       WITHDRAW,   A, CANCELLED)
    EDGE(WAITLISTED, HOLD,       O, HELD)
    EDGE(WAITLISTED, CONFIRM,    O, CONFIRMED)
    EDGE(WAITLISTED, REJECT,     O, REJECTED)
    EDGE(WAITLISTED, EXPIRE,     O, REJECTED)
    EDGE(WAITLISTED, WITHDRAW,   A, CANCELLED)
    EDGE(CONFIRMED,  CANCEL,     O, CANCELLED)
    EDGE(CONFIRMED,  KEEP,       O, CONFIRMED)
    EDGE(CONFIRMED,  CHECK_IN,   O, CHECKED_IN)
    EDGE(CONFIRMED,  COMPLETE,   O, COMPLETED)
    EDGE(CONFIRMED,  NO_SHOW,    O, NO_SHOW)
    EDGE(CONFIRMED,  WITHDRAW,   A, CANCELLED)
    EDGE(CONFIRMED,  ASK_CANCEL, A, CONFIRMED)
    EDGE(CHECKED_IN, COMPLETE,   O, COMPLETED)
    EDGE(NO_SHOW,    CHECK_IN,   O, CHECKED_IN) /* they came late */
};
/* clang-format on */
const size_t bk_edges_n = sizeof(bk_edges) / sizeof(bk_edges[0]);

int bk_next(enum bk_state s, enum bk_event e, enum bk_party who, enum bk_state *ret)
{
    for (size_t i = 0; i < bk_edges_n; i++) {
        const struct bk_edge *x = &bk_edges[i];
        if (x->from == s && x->ev == e && x->who == who) {
            *ret = x->to;
            return 0;
        }
    }
    return SANJI_E_STATE;
}

bool bk_state_takes(enum bk_state s)
{
    return s == BKS_HELD || s == BKS_CONFIRMED || s == BKS_CHECKED_IN || s == BKS_COMPLETED ||
           s == BKS_NO_SHOW;
}

bool bk_state_is_end(enum bk_state s)
{
    return s == BKS_REJECTED || s == BKS_CANCELLED || s == BKS_COMPLETED;
}
