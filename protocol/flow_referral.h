/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_FLOW_REFERRAL_H
#define SANJI_PROTOCOL_FLOW_REFERRAL_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* The two-party referral (PROTOCOL.md section 18). I = the sending node, R = the receiving node.
 * Each writes its own numbered events; the state is a fold over both lists that needs no clock and
 * gives the same answer whatever the order of arrival. Local events (draft) never leave the sender.
 */

enum ref_party { REF_I, REF_R, REF_PARTIES };

enum ref_state {
    RS_NONE,
    RS_DRAFT,
    RS_SENT,
    RS_DELIVERED,
    RS_RECEIVED,
    RS_INFO_NEEDED,
    RS_ACCEPTED,
    RS_SCHEDULED,
    RS_NO_SHOW,
    RS_APPT_CANCELLED,
    RS_IN_SERVICE,
    RS_CANCEL_REQUESTED,
    RS_COMPLETED,
    RS_DECLINED,
    RS_CANCELLED,
    RS_CLOSED,
    RS_ERROR /* entered in error */,
    RS_ERASED,
    RS_COUNT
};
enum ref_event {
    RE_SEND,
    RE_DELIVERED,
    RE_OPEN,
    RE_ASK_INFO,
    RE_GIVE_INFO,
    RE_ACCEPT,
    RE_DECLINE,
    RE_SCHEDULE,
    RE_RESCHEDULE,
    RE_NO_SHOW,
    RE_APPT_CANCEL,
    RE_SERVE,
    RE_OUTCOME,
    RE_CANCEL_REQUEST,
    RE_CANCEL_CONFIRM,
    RE_CLOSE,
    RE_REOPEN,
    RE_VOID,
    RE_ERASE,
    RE_RESEAL,
    RE_COUNT
};
const char *ref_state_name(enum ref_state s);
const char *ref_event_name(enum ref_event e);
int ref_event_by_name(const char *s, size_t n, enum ref_event *ret);

struct ref_edge {
    enum ref_state from;
    enum ref_event ev;
    enum ref_party who;
    enum ref_state to;
};
extern const struct ref_edge ref_edges[];
extern const size_t ref_edges_n;
/* Local rule when writing: may this party write this event now? Next state or SANJI_E_STATE. */
int ref_next(enum ref_state s, enum ref_event e, enum ref_party who, enum ref_state *ret);

/* One event as folded. */
struct ref_ev {
    enum ref_party who;
    int64_t step; /* writer's own number, 1.. */
    int64_t seen; /* highest step of the other party known to the writer */
    enum ref_event ev;
    bool success; /* outcome: anything but "not" */
};
struct ref_fold {
    enum ref_state state;
    bool cancel_pending; /* I asked, R has neither confirmed nor reported */
    bool success;
    int ignored; /* events that were illegal where they stand */
};
/* evs in any order; duplicates (same who, step) count once. At most 4,096 events, later ones of the
 * array are not looked at. */
void ref_fold(const struct ref_ev *evs, size_t n, struct ref_fold *ret);
/* The same, and applied[i] tells whether evs[i] took effect: statistics count those. */
void ref_fold_applied(const struct ref_ev *evs, size_t n, struct ref_fold *ret, bool *applied);
/* The state to ask ref_next() about: cancel_requested while a cancellation is pending. */
enum ref_state ref_now(const struct ref_fold *f);

/* Content of one event: field table per event, as for kinds (kinds/referral.h). A referral of a
 * person
 * (`subject_kind`) needs its consent. 0, SANJI_E_SPEC, SANJI_E_CONSENT. */
int ref_check_content(enum ref_event e, struct span d, struct fault *f);

/* Derived, never written. state_since_ms is the moment of the last event that changed the state;
 * workdays counts the working days after from_day up to and including to_day. */
/* Working days R has in a state until somebody is overdue; 0: nobody is waited for by days. */
int ref_workdays(enum ref_state s);
enum ref_overdue { OVERDUE_NONE, OVERDUE_DELIVERY, OVERDUE_OPEN, OVERDUE_ANSWER };
enum ref_overdue ref_overdue(enum ref_state s, int64_t state_since_ms, int64_t now_ms,
                             int (*workdays)(int from_day, int to_day, void *arg), void *arg);

#endif
