/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_BOOKING_H
#define SANJI_PROTOCOL_BOOKING_H

#include "protocol/base/buf.h"
#include "protocol/calendar.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Can this time of a resource be given to whoever asks (PROTOCOL.md 17.5)? Pure: what is taken and
 * what time it is come in as arguments. Times are minutes since 1970-01-01T00:00 in UTC+8, spans
 * hold their beginning and not their end. */

enum {
    BK_SERIES = 60,     /* occurrences of one ask */
    BK_ALTS = 5,        /* alternatives in an answer */
    BK_BUSY = 1000,     /* entries of one month of busy/1 */
    BK_LONGEST = 44640, /* 31 days */
    BK_DAY_SPANS = 8,   /* opening hours of one day */
    BK_CLOSURES = 366,
    BK_ASK_ID = 40,      /* a longer id of an ask leaves no room for those of its answers */
    BK_AHEAD_DAYS = 180, /* where the schedule does not say */
    BK_HOLD_HOURS = 48,
    BK_ALT_DAYS = 14, /* alternatives are looked for so far around */
};

struct bk_span {
    int64_t from, to;
};
static inline bool bk_meet(struct bk_span a, struct bk_span b)
{
    return a.from < b.to && b.from < a.to;
}

/* ---- opening hours ---- */
struct bk_hours { /* of one day, minutes since midnight, ascending, none over another */
    size_t n;
    struct {
        int16_t from, to;
    } v[BK_DAY_SPANS];
};
extern const char *const bk_day_name[7]; /* "mon" .. */
/* "09:00-12:00 13:30-24:00"; empty: closed. 0 or SANJI_E_SPEC. */
int bk_hours_parse(struct span s, struct bk_hours *ret);

enum bk_per { BK_PER_NONE, BK_PER_WEEK, BK_PER_MONTH, BK_PER_QUARTER };
struct bk_schedule {
    char id[65];
    int first, last; /* days it is in force */
    int64_t slot, before, after, notice, cutoff, hold;
    int ahead; /* days */
    enum bk_per per;
    int64_t quota_org, quota_node; /* minutes; 0: none */
    bool workdays;
    enum { BK_APPROVAL_LISTING, BK_APPROVAL_YES, BK_APPROVAL_NO } approval;
    struct bk_hours day[7];
    size_t n_closed;
    int closed[BK_CLOSURES];
};
/* Content of a schedule/1 that has passed its check. */
void bk_schedule_read(struct span d, const char *id, struct bk_schedule *ret);

struct bk_rules {
    const struct bk_schedule *v;
    size_t n;
    const struct calendar *cal;
};
/* The schedule of a day: of those in force the one that began last, then the greater id. NULL:
 * none.
 */
const struct bk_schedule *bk_on(const struct bk_rules *r, int day);
/* Opening hours of a day; how many. */
size_t bk_open(const struct bk_rules *r, int day, struct bk_span out[static BK_DAY_SPANS]);

/* ---- judging ---- */
struct bk_use { /* a time that is given away, or asked for */
    struct bk_span at;
    const char *node, *org; /* for quotas; NULL: counts for nobody */
};
/* Why not, in the order in which it is looked at. The words of CH_WHY_NOT. */
enum bk_reason {
    BKR_PAST,
    BKR_LISTING,
    BKR_WHO,
    BKR_CLOSED,
    BKR_LENGTH,
    BKR_NOTICE,
    BKR_AHEAD,
    BKR_QUOTA,
    BKR_TAKEN,
    BKR_REFUSED,
    BKR_CHANGED,
    BKR_WITHDRAWN,
    BKR_EXPIRED,
    BKR_OWNER,
    BKR_OTHER,
    BKR_COUNT,
    BKR_NONE = BKR_COUNT
};
const char *bk_reason_name(enum bk_reason r); /* "" for NONE */
int bk_reason_by_name(const char *s, size_t n, enum bk_reason *ret);

/* Everything that does not depend on what others have: PAST .. AHEAD, or NONE. */
enum bk_reason bk_judge_rules(const struct bk_rules *r, struct bk_span want, int64_t now);
/* QUOTA, TAKEN or NONE. The time between two uses is at least what the earlier one needs after
 * itself and the later one before. */
enum bk_reason bk_judge_uses(const struct bk_rules *r, const struct bk_use *used, size_t n,
                             const struct bk_use *want);
/* Both. */
enum bk_reason bk_judge(const struct bk_rules *r, const struct bk_use *used, size_t n,
                        const struct bk_use *want, int64_t now);
/* Do these two get in each other's way? */
bool bk_clash(const struct bk_rules *r, struct bk_span a, struct bk_span b);
/* Other times as long as `want` that could be had, the nearest first; how many, at most max. */
size_t bk_alternatives(const struct bk_rules *r, const struct bk_use *used, size_t n,
                       const struct bk_use *want, int64_t now, struct bk_span *out, size_t max);
/* May who was given this time still give it back without asking? */
bool bk_in_time(const struct bk_rules *r, struct bk_span at, int64_t now);

/* ---- small forms ---- */
/* "<ask>.<no>" */
bool bk_instead_read(struct span s, struct span *ret_ask, int64_t *ret_no);
/* Two JSON values, a time each, the later one last. */
bool bk_pair_read(struct span from, struct span to, int64_t *ret_from, int64_t *ret_to);
/* Name of the answer to an occurrence. false: the ask's id is too long. */
bool bk_answer_id(const char *node, const char *ask, int64_t no, char out[static 65]);

#endif
