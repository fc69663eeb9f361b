/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_SEATS_H
#define SANJI_PROTOCOL_SEATS_H

#include "protocol/booking.h"

/* The seats of an event (PROTOCOL.md 17.6). One ask is one seat. Pure, like booking.h: what is
 * taken and what time it is come in as arguments. */

enum seats_tier {
    SEATS_CITY,
    SEATS_DISTRICT,
    SEATS_STREET,
    SEATS_COMMUNITY,
    SEATS_OTHER, /* a platform of a level without a name */
    SEATS_TIERS
};
extern const char *const seats_tier_name[SEATS_TIERS]; /* members of seats/1 */
enum seats_tier seats_tier_of(int64_t lv);

enum { SEATS_MAX = 1000, SEATS_EVENT_ID = 58 /* a longer id leaves no room for ".seats" */ };

struct seats_rules {
    struct bk_span at;
    int64_t total, tier[SEATS_TIERS]; /* of a tier: -1: it has none of its own */
    int64_t per_node;                 /* 0: no limit */
    int64_t opens, closes;            /* of signing up; 0: always */
    bool open, cancelled;
};
/* Content of an event/1 that has passed its check. */
void seats_read(struct span d, struct seats_rules *ret);

struct seats_use {                   /* what is given away */
    int64_t tier[SEATS_TIERS], node; /* node: of them to whoever asks */
};
/* What does not depend on what others have: PAST, LISTING, NOTICE (signing up is over), AHEAD (has
 * not begun), CLOSED (the ask says another time), or NONE. */
enum bk_reason seats_judge_rules(const struct seats_rules *r, struct bk_span want, int64_t now);
/* TAKEN, or NONE: may whoever is of tier t have one more? A tier with seats of its own has these
 * and no others; the rest is for all other tiers. */
enum bk_reason seats_judge_room(const struct seats_rules *r, const struct seats_use *u,
                                enum seats_tier t);
/* QUOTA, TAKEN or NONE. */
enum bk_reason seats_judge(const struct seats_rules *r, const struct seats_use *u,
                           enum seats_tier t);

#endif
