/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_EVENT_INTERNAL_H
#define SANJI_NODE_APP_EVENT_INTERNAL_H

#include "node/app_booking_book.h"
#include "node/app_event.h"

/* Shared by node/app_event*.c. */

struct event_of { /* an event record; strings lie in the arena */
    const char *id, *title, *place;
    struct seats_rules rules;
    struct span d;
    int64_t ts, minutes;
    bool certificate, withdrawn;
};
struct came { /* one attendance record */
    char id[LIM_ID_BYTES + 1], node[LIM_NODE_ID + 2], number[EVENT_NUMBER_BYTES];
    const char *event, *org, *name, *at;
    struct span d;
    int64_t r;
    bool rated;
};
/* SANJI_E_NOT_FOUND; withdrawn ones are found. */
int app__event_get(struct app *a, struct arena *ar, const char *owner, const char *id,
                   struct event_of *ret);
int app__came_read(struct arena *ar, const struct store_rec *rec, struct came *ret);
/* By what it is called in its record's id: the number without hyphens. SANJI_E_NOT_FOUND. */
int app__came_get(struct app *a, struct arena *ar, const char *number, struct came *ret);
/* Number and id that belong to a code. */
void app__came_number(const char *code, char number[static EVENT_NUMBER_BYTES]);
void app__came_id(const char *number, char id[static LIM_ID_BYTES + 1]);
/* Is it over, and are there certificates? */
bool app__event_certified(const struct event_of *e, int64_t now);
void app__score_id(const char *event, char id[static LIM_ID_BYTES + 1]);
/* *ret_r 0: there is none. ret_shown: what means are shown of. */
int app__score_get(struct app *a, const char *event, struct score *ret, struct score *ret_shown,
                   int64_t *ret_r);

#endif
