/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/seats.h"

#include "protocol/base/text.h"
#include "protocol/jcur.h"

#include <stdio.h>

const char *const seats_tier_name[SEATS_TIERS] = {"city", "district", "street", "community",
                                                  "other"};

enum seats_tier seats_tier_of(int64_t lv)
{
    static const int64_t level[] = {20, 30, 40, 50};
    for (int i = 0; i < SEATS_OTHER; i++) {
        if (level[i] == lv) {
            return (enum seats_tier)i;
        }
    }
    return SEATS_OTHER;
}

static int64_t number(struct span d, const char *name, int64_t without)
{
    struct span v;
    int64_t x = without;
    return jcur_get(d, name, &v) && jcur_int(v, &x) ? x : without;
}

static int64_t moment(struct span d, const char *name)
{
    struct span s = jcur_plain_of(d, name);
    int64_t m = 0;
    return s.n > 0 && minute_parse((const char *)s.p, s.n, &m) == 0 ? m : 0;
}

void seats_read(struct span d, struct seats_rules *ret)
{
    struct span state = jcur_plain_of(d, "state");
    *ret = (struct seats_rules){.at = {moment(d, "from"), moment(d, "to")},
                                .total = number(d, "seats", 0),
                                .per_node = number(d, "per_node", 0),
                                .opens = moment(d, "signup_from"),
                                .closes = moment(d, "signup_to")};
    ret->cancelled = span_eqs(state, "cancelled");
    ret->open = state.n == 0 || span_eqs(state, "open");
    for (int i = 0; i < SEATS_TIERS; i++) {
        char name[24];
        (void)snprintf(name, sizeof name, "seats_%s", seats_tier_name[i]);
        ret->tier[i] = number(d, name, -1);
    }
}

enum bk_reason seats_judge_rules(const struct seats_rules *r, struct bk_span want, int64_t now)
{
    if (r->at.from <= now) {
        return BKR_PAST;
    }
    if (!r->open) {
        return BKR_LISTING;
    }
    if (want.from != r->at.from || want.to != r->at.to) {
        return BKR_CLOSED;
    }
    if (r->closes > 0 && now >= r->closes) {
        return BKR_NOTICE;
    }
    return r->opens > 0 && now < r->opens ? BKR_AHEAD : BKR_NONE;
}

enum bk_reason seats_judge_room(const struct seats_rules *r, const struct seats_use *u,
                                enum seats_tier t)
{
    int64_t all = 0;
    int64_t common = 0;
    int64_t kept = 0;
    for (int i = 0; i < SEATS_TIERS; i++) {
        all += u->tier[i];
        common += r->tier[i] < 0 ? u->tier[i] : 0;
        kept += r->tier[i] > 0 ? r->tier[i] : 0;
    }
    bool own = r->tier[t] >= 0;
    bool room = own ? u->tier[t] < r->tier[t] : common < r->total - kept;
    return room && all < r->total ? BKR_NONE : BKR_TAKEN;
}

enum bk_reason seats_judge(const struct seats_rules *r, const struct seats_use *u,
                           enum seats_tier t)
{
    return r->per_node > 0 && u->node >= r->per_node ? BKR_QUOTA : seats_judge_room(r, u, t);
}
