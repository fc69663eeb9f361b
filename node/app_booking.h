/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_BOOKING_H
#define SANJI_NODE_APP_BOOKING_H

#include "node/app.h"
#include "protocol/booking.h"
#include "protocol/flow_booking.h"

/* Booking (PROTOCOL.md 17.5). A platform writes what it asks for (booking_ask/1); the owner of the
 * resource alone writes how each occurrence stands (booking/1) and which times are taken (busy/1).
 * So there is one place where a time can be given away: a transaction of the owner's store. */

/* An ask as people write it. `listing` is owner/id. SANJI_E_SPEC, SANJI_E_NOT_FOUND (f->member
 * listing: not a resource that is known here and can be booked; instead: no such booking of ours),
 * SANJI_E_CLOSED (its platform), SANJI_E_EXISTS. */
int app_booking_ask(struct app *a, struct span json, char ret_id[static LIM_ID_BYTES + 1],
                    struct fault *f);
/* The same n times over, all of them or none: so many seats. ret_id: of the first. */
enum { BOOKING_ASKS = 20 };
int app_booking_asks(struct app *a, struct span json, size_t n,
                     char ret_id[static LIM_ID_BYTES + 1], struct fault *f);
/* Gives an own ask back, whole (no 0) or one occurrence: before the answer, in time, or as a wish
 * that the owner decides about. SANJI_E_NOT_FOUND, SANJI_E_STATE (given back already). */
int app_booking_withdraw(struct app *a, const char *id, int64_t no, struct fault *f);

/* The holder needs what is left of the times handed to it no more: what it confirmed stands, and it
 * confirms nothing in them after this. SANJI_E_NOT_FOUND; SANJI_E_STATE: given back already;
 * SANJI_E_HELD. */
int app_booking_return(struct app *a, const char *owner, const char *id, struct fault *f);
/* Times of an own resource for one other node, which confirms inside them by itself: content of an
 * allotment/1 without `gap` and `state`. SANJI_E_TAKEN, SANJI_E_NOT_FOUND (listing), _REFERENCE
 * (to), _HELD. They are blocked for everybody else until they are over or the other gave them back.
 */
int app_booking_allot(struct app *a, struct span json, char ret_id[static LIM_ID_BYTES + 1],
                      struct fault *f);
/* Asks for them back. SANJI_E_STATE: asked already, or ended. */
int app_booking_recall(struct app *a, const char *id, struct fault *f);
/* {"given":[…],"held":[…]}: times of own resources that are with others, and of others here. */
int app_booking_handed(struct app *a, struct jw *w);

/* What the staff of the owner say to one occurrence. */
struct app_booking_step {
    const char *node, *ask; /* who asked, and the id of the ask */
    int64_t no;
    enum bk_event ev;
    enum bk_reason reason; /* BKR_NONE: the usual one */
    const char *note;      /* NULL: none */
    bool yes; /* confirm, hold: also when that refuses others that wait for an answer */
};
/* SANJI_E_NOT_FOUND; SANJI_E_STATE with the event and the state in f; SANJI_E_TAKEN: the time is
 * given away; SANJI_E_CONFLICT: others asked for the same time and would be refused (`yes` says it
 * is meant): their "node/ask.no", one a line, in ret_hit (may be NULL); SANJI_E_HELD: this node was
 * put back from a backup and has not heard yet what it had given away. */
int app_booking_step(struct app *a, const struct app_booking_step *s, struct buf *ret_hit,
                     struct fault *f);
/* What the node does by itself: answers where no approval is needed, carries out what was given
 * back, ends holds, lets those who wait move up. *ret_next (may be NULL): minutes until time alone
 * makes something due; 0: nothing. `now`: minutes, as minute_of_ms(). */
int app_booking_auto(struct app *a, int64_t now, int64_t *ret_next);

/* ---- looking: each writes one JSON value ---- */
/* A resource from day to day (not more than 62 days): its rules, what is open, what is taken and as
 * of when; for an own one the bookings and asks too, for those who may see who it is (`names`).
 * SANJI_E_NOT_FOUND. */
int app_booking_calendar(struct app *a, const char *owner, const char *listing, int first, int last,
                         bool names, struct jw *w);
/* Asks of this node with their answers (mine), or asks for its resources. Newest first; `open`:
 * those alone in which something is still to come; `only`: those for this owner/id, NULL: all. */
int app_booking_list(struct app *a, const char *name, bool mine, bool open, int64_t limit,
                     const char *only, struct jw *w);
/* Asks for own resources that wait for a person. */
int app_booking_waiting(struct app *a, int64_t *ret);
struct app_booking_wait {
    const char *node, *ask, *listing, *org, *title;
    bool event;
    int64_t since_ms;
};
typedef int app_booking_wait_fn(const struct app_booking_wait *x, void *arg); /* 1: enough */
/* The same ones, each. */
int app_booking_waits(struct app *a, app_booking_wait_fn *fn, void *arg);

#endif
