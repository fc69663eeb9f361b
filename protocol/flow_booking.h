/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_FLOW_BOOKING_H
#define SANJI_PROTOCOL_FLOW_BOOKING_H

#include "protocol/base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* How one occurrence of an ask may go on (PROTOCOL.md 17.5). A: the platform that asks; O: the
 * owner of the resource. The states are the owner's to write: what A does is in its ask, and O's
 * node carries it out when it arrives. */

enum bk_party { BK_A, BK_O, BK_PARTIES };
enum bk_state {
    BKS_ASKED, /* no answer yet */
    BKS_HELD,
    BKS_CONFIRMED,
    BKS_REJECTED,
    BKS_WAITLISTED,
    BKS_CANCELLED,
    BKS_CHECKED_IN,
    BKS_COMPLETED,
    BKS_NO_SHOW,
    BKS_COUNT
};
enum bk_event {
    BKE_HOLD,
    BKE_CONFIRM,
    BKE_REJECT,
    BKE_WAITLIST,
    BKE_EXPIRE, /* a hold has run out, or the time of one that waits has come */
    BKE_CANCEL,
    BKE_KEEP, /* no to a cancellation that was asked for after the cut-off */
    BKE_CHECK_IN,
    BKE_COMPLETE,
    BKE_NO_SHOW,
    BKE_WITHDRAW,   /* A: before the answer, or in time */
    BKE_ASK_CANCEL, /* A: after the cut-off */
    BKE_COUNT
};
const char *bk_state_name(enum bk_state s);                        /* "asked", "held" ... */
const char *bk_event_name(enum bk_event e);                        /* "hold", "check_in" ... */
int bk_state_by_name(const char *s, size_t n, enum bk_state *ret); /* 0 or SANJI_E_SPEC */
int bk_event_by_name(const char *s, size_t n, enum bk_event *ret);

struct bk_edge {
    enum bk_state from;
    enum bk_event ev;
    enum bk_party who;
    enum bk_state to;
};
extern const struct bk_edge bk_edges[];
extern const size_t bk_edges_n;
/* Next state, or SANJI_E_STATE. */
int bk_next(enum bk_state s, enum bk_event e, enum bk_party who, enum bk_state *ret);
/* Nobody else can have the time while it stands so. */
bool bk_state_takes(enum bk_state s);
/* Nothing more will happen to it. */
bool bk_state_is_end(enum bk_state s);

#endif
