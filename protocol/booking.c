/* SPDX-License-Identifier: Apache-2.0 */
/* The judgement on one asked time. What is taken is a plain list and is looked through: a resource
 * has some hundred bookings before it, and nothing derived can be out of date. */
#include "protocol/booking.h"

#include "protocol/base/err.h"
#include "protocol/base/text.h"
#include "protocol/kinds/choices.h"

#include <string.h>

enum { DAY_MIN = 1440 };

static const char *const reason_name[BKR_COUNT] = {
    [BKR_PAST] = "past",       [BKR_LISTING] = "listing", [BKR_WHO] = "who",
    [BKR_CLOSED] = "closed",   [BKR_LENGTH] = "length",   [BKR_NOTICE] = "notice",
    [BKR_AHEAD] = "ahead",     [BKR_QUOTA] = "quota",     [BKR_TAKEN] = "taken",
    [BKR_REFUSED] = "refused", [BKR_CHANGED] = "changed", [BKR_WITHDRAWN] = "withdrawn",
    [BKR_EXPIRED] = "expired", [BKR_OWNER] = "owner",     [BKR_OTHER] = "other",
};

const char *bk_reason_name(enum bk_reason r)
{
    return (unsigned)r < BKR_COUNT ? reason_name[r] : "";
}

int bk_reason_by_name(const char *s, size_t n, enum bk_reason *ret)
{
    for (unsigned i = 0; i < BKR_COUNT; i++) {
        if (strlen(reason_name[i]) == n && memcmp(reason_name[i], s, n) == 0) {
            *ret = (enum bk_reason)i;
            return 0;
        }
    }
    return SANJI_E_SPEC;
}

static int day_of(int64_t min)
{
    return (int)(min >= 0 ? min / DAY_MIN : -((-min + DAY_MIN - 1) / DAY_MIN));
}

/* ---- rules ---- */

/* The opening hours it begins in; it may go on over midnight where both days are open there. */
static bool is_open(const struct bk_rules *r, struct bk_span want, struct bk_span *ret_first)
{
    int64_t at = want.from;
    for (bool first = true; at < want.to; first = false) {
        struct bk_span v[BK_DAY_SPANS];
        size_t n = bk_open(r, day_of(at), v);
        size_t i = 0;
        while (i < n && !(v[i].from <= at && at < v[i].to)) {
            i++;
        }
        if (i == n) {
            return false;
        }
        if (first) {
            *ret_first = v[i];
        }
        at = v[i].to;
    }
    return true;
}

enum bk_reason bk_judge_rules(const struct bk_rules *r, struct bk_span want, int64_t now)
{
    const struct bk_schedule *s = bk_on(r, day_of(want.from));
    struct bk_span open = {0};
    if (want.from <= now) {
        return BKR_PAST;
    }
    if (r->n == 0) {
        return BKR_LISTING;
    }
    if (s == NULL || !is_open(r, want, &open)) {
        return BKR_CLOSED;
    }
    if ((want.from - open.from) % s->slot != 0 || (want.to - want.from) % s->slot != 0) {
        return BKR_LENGTH;
    }
    if (want.from < now + s->notice) {
        return BKR_NOTICE;
    }
    return day_of(want.from) > day_of(now) + s->ahead ? BKR_AHEAD : BKR_NONE;
}

/* ---- what others have ---- */

static void pads(const struct bk_rules *r, struct bk_span *io)
{
    const struct bk_schedule *s = bk_on(r, day_of(io->from));
    io->from -= s != NULL ? s->before : 0;
    io->to += s != NULL ? s->after : 0;
}

bool bk_clash(const struct bk_rules *r, struct bk_span a, struct bk_span b)
{
    pads(r, &a);
    pads(r, &b);
    return bk_meet(a, b);
}

/* First and last day of the period of a quota. */
static void period_of(enum bk_per per, int day, int *ret_first, int *ret_last)
{
    char s[11];
    *ret_first = day - date_weekday(day);
    *ret_last = *ret_first + 6;
    if (per == BK_PER_WEEK) {
        return;
    }
    date_write(day, s);
    if (per == BK_PER_MONTH) {
        (void)period_parse(s, 7, ret_first, ret_last);
        return;
    }
    int month = (s[5] - '0') * 10 + (s[6] - '0');
    s[5] = 'Q';
    s[6] = (char)('1' + (month - 1) / 3);
    (void)period_parse(s, 7, ret_first, ret_last);
}

static bool same(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static bool over_quota(const struct bk_rules *r, const struct bk_use *used, size_t n,
                       const struct bk_use *want)
{
    int day = day_of(want->at.from);
    const struct bk_schedule *s = bk_on(r, day);
    int64_t org = want->at.to - want->at.from;
    int64_t node = org;
    int first = 0;
    int last = 0;
    if (s == NULL || s->per == BK_PER_NONE) {
        return false;
    }
    period_of(s->per, day, &first, &last);
    for (size_t i = 0; i < n; i++) {
        int d = day_of(used[i].at.from);
        if (d < first || d > last || !same(used[i].node, want->node)) {
            continue;
        }
        int64_t minutes = used[i].at.to - used[i].at.from;
        node += minutes;
        org += same(used[i].org, want->org) ? minutes : 0;
    }
    return (s->quota_org > 0 && org > s->quota_org) || (s->quota_node > 0 && node > s->quota_node);
}

enum bk_reason bk_judge_uses(const struct bk_rules *r, const struct bk_use *used, size_t n,
                             const struct bk_use *want)
{
    struct bk_span mine = want->at;
    pads(r, &mine);
    if (over_quota(r, used, n, want)) {
        return BKR_QUOTA;
    }
    for (size_t i = 0; i < n; i++) {
        struct bk_span other = used[i].at;
        pads(r, &other);
        if (bk_meet(mine, other)) {
            return BKR_TAKEN;
        }
    }
    return BKR_NONE;
}

enum bk_reason bk_judge(const struct bk_rules *r, const struct bk_use *used, size_t n,
                        const struct bk_use *want, int64_t now)
{
    enum bk_reason why = bk_judge_rules(r, want->at, now);
    return why != BKR_NONE ? why : bk_judge_uses(r, used, n, want);
}

bool bk_in_time(const struct bk_rules *r, struct bk_span at, int64_t now)
{
    const struct bk_schedule *s = bk_on(r, day_of(at.from));
    return now <= at.from - (s != NULL ? s->cutoff : 0);
}

/* ---- alternatives ---- */

struct nearest {
    struct bk_span *v;
    size_t n, max;
    int64_t from;
};

static int64_t away(const struct nearest *x, int64_t from)
{
    return from > x->from ? from - x->from : x->from - from;
}

/* Keeps the nearest ones; of two as near the earlier one goes first. */
static void offer(struct nearest *x, struct bk_span s)
{
    size_t at = x->n;
    while (at > 0 &&
           (away(x, s.from) < away(x, x->v[at - 1].from) ||
            (away(x, s.from) == away(x, x->v[at - 1].from) && s.from < x->v[at - 1].from))) {
        at--;
    }
    if (at == x->max) {
        return;
    }
    x->n += x->n < x->max;
    for (size_t i = x->n - 1; i > at; i--) {
        x->v[i] = x->v[i - 1];
    }
    x->v[at] = s;
}

size_t bk_alternatives(const struct bk_rules *r, const struct bk_use *used, size_t n,
                       const struct bk_use *want, int64_t now, struct bk_span *out, size_t max)
{
    struct nearest x = {.v = out, .max = max, .from = want->at.from};
    int64_t len = want->at.to - want->at.from;
    int middle = day_of(want->at.from);
    for (int day = middle - BK_ALT_DAYS; max > 0 && day <= middle + BK_ALT_DAYS; day++) {
        struct bk_span open[BK_DAY_SPANS];
        size_t k = bk_open(r, day, open);
        const struct bk_schedule *s = bk_on(r, day);
        for (size_t i = 0; s != NULL && i < k; i++) {
            for (int64_t at = open[i].from; at < open[i].to; at += s->slot) {
                struct bk_use w = {{at, at + len}, want->node, want->org};
                if (at != x.from && bk_judge(r, used, n, &w, now) == BKR_NONE) {
                    offer(&x, w.at);
                }
            }
        }
    }
    return x.n;
}
