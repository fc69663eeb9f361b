/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_EVENT_H
#define SANJI_NODE_APP_EVENT_H

#include "node/app_booking.h"
#include "protocol/score.h"

/* Events and training (PROTOCOL.md 17.6). Signing up is booking: one ask is one seat, and the
 * event's own node alone gives seats away. Who came, and what they thought of it, stays at that
 * node. */

enum {
    EVENT_SIGN_MAX = BOOKING_ASKS,
    EVENT_CODE_BYTES = 27,
    EVENT_NUMBER_BYTES = 20 /* with NUL */
};

struct app_event_sign {
    const char *owner, *event; /* whose event */
    const char *org, *note;    /* for which organisation; note may be NULL */
    int64_t seats;             /* 1 to EVENT_SIGN_MAX, an ask each */
    bool wait;                 /* on the list when there is none */
};
/* SANJI_E_NOT_FOUND (event), and what app_booking_ask() says; then none of them is asked for. */
int app_event_sign(struct app *a, const struct app_event_sign *s, struct fault *f);

struct app_event_attend {
    const char *event; /* of this node */
    const char *node, *org, *name;
};
struct app_event_seat {
    char
        code[EVENT_CODE_BYTES]; /* known to who came alone: for the questions and the certificate */
    char number[EVENT_NUMBER_BYTES]; /* of the certificate */
};
/* Uses a seat that this organisation of this platform was given. SANJI_E_NOT_FOUND: event, or org
 * (none is left); SANJI_E_STATE: too early or late; SANJI_E_SPEC: the name. */
int app_event_attend(struct app *a, const struct app_event_attend *s, struct app_event_seat *ret,
                     struct fault *f);
/* Answers of one who came, 1 to 5 each, once: SANJI_E_STATE (answered; not begun). */
int app_event_rate(struct app *a, const char *code, const int64_t mark[static SCORE_ITEMS],
                   struct fault *f);

/* ---- looking: each writes one JSON value ---- */
struct app_event_eyes {
    bool cases; /* who signed up, what they thought */
    bool names; /* of those who came */
};
/* The event with its seats and our own asks; of an own one, who signed up, who came, what they
 * thought of it. SANJI_E_NOT_FOUND. */
int app_event_view(struct app *a, const char *owner, const char *id,
                   const struct app_event_eyes *eyes, struct jw *w);
/* Of an own event: whose seats are not used yet. SANJI_E_NOT_FOUND. ticket: what to sign in with,
 * NULL: nothing. */
int app_event_open(struct app *a, const char *id, const char *ticket, struct jw *w);
/* What who came sees of it. SANJI_E_NOT_FOUND. */
int app_event_mine(struct app *a, const char *code, struct jw *w);
/* What anybody may know who holds the number of a certificate. SANJI_E_NOT_FOUND: none of this
 * node, or not yet. */
int app_event_certificate(struct app *a, const char *number, struct jw *w);

#endif
