/* SPDX-License-Identifier: Apache-2.0 */
/* When a resource is open, from its schedules and the working-day calendar; and the small forms
 * that the records of booking share. */
#include "protocol/booking.h"

#include "protocol/base/err.h"
#include "protocol/base/text.h"
#include "protocol/ids.h"
#include "protocol/jcur.h"
#include "protocol/limits.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { DAY_MIN = 1440, SATURDAY = 5 };

const char *const bk_day_name[7] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

static int clock_read(const uint8_t *p)
{
    for (int i = 0; i < 5; i++) {
        if (i == 2 ? p[i] != ':' : p[i] < '0' || p[i] > '9') {
            return -1;
        }
    }
    int h = (p[0] - '0') * 10 + (p[1] - '0');
    int m = (p[3] - '0') * 10 + (p[4] - '0');
    return m > 59 || h * 60 + m > DAY_MIN ? -1 : h * 60 + m;
}

int bk_hours_parse(struct span s, struct bk_hours *ret)
{
    int last = 0;
    ret->n = 0;
    for (size_t i = 0; i < s.n;) {
        if (s.n - i < 11 || s.p[i + 5] != '-' || ret->n == BK_DAY_SPANS) {
            return SANJI_E_SPEC;
        }
        int from = clock_read(s.p + i);
        int to = clock_read(s.p + i + 6);
        if (from < last || to <= from) {
            return SANJI_E_SPEC;
        }
        ret->v[ret->n].from = (int16_t)from;
        ret->v[ret->n++].to = (int16_t)to;
        last = to;
        i += 11;
        if (i < s.n && (s.p[i++] != ' ' || i == s.n)) {
            return SANJI_E_SPEC;
        }
    }
    return 0;
}

/* ---- reading a schedule ---- */

static int64_t number(struct span d, const char *name, int64_t otherwise)
{
    struct span v;
    int64_t x = 0;
    return jcur_get(d, name, &v) && jcur_int(v, &x) ? x : otherwise;
}

static int day_of(struct span d, const char *name, int otherwise)
{
    struct span s = jcur_plain_of(d, name);
    int day = 0;
    return s.n > 0 && date_parse((const char *)s.p, s.n, &day) == 0 ? day : otherwise;
}

static void read_closures(struct span d, struct bk_schedule *ret)
{
    struct span v;
    struct span e;
    struct span s;
    struct jcur c;
    int day = 0;
    if (!jcur_get(d, "closures", &v) || !jcur_array(&c, v)) {
        return;
    }
    while (ret->n_closed < BK_CLOSURES && jcur_element(&c, &e)) {
        if (jcur_plain(e, &s) && date_parse((const char *)s.p, s.n, &day) == 0) {
            ret->closed[ret->n_closed++] = day;
        }
    }
}

void bk_schedule_read(struct span d, const char *id, struct bk_schedule *ret)
{
    struct span v;
    struct span per = jcur_plain_of(d, "quota_per");
    struct span ok = jcur_plain_of(d, "approval");
    memset(ret, 0, sizeof(*ret));
    (void)snprintf(ret->id, sizeof(ret->id), "%s", id);
    ret->first = day_of(d, "valid_from", INT_MIN);
    ret->last = day_of(d, "valid_to", INT_MAX);
    ret->slot = number(d, "slot", 60);
    ret->before = number(d, "before", 0);
    ret->after = number(d, "after", 0);
    ret->notice = number(d, "notice_hours", 0) * 60;
    ret->cutoff = number(d, "cutoff_hours", 0) * 60;
    ret->hold = number(d, "hold_hours", BK_HOLD_HOURS) * 60;
    ret->ahead = (int)number(d, "ahead_days", BK_AHEAD_DAYS);
    ret->per = span_eqs(per, "week")      ? BK_PER_WEEK
               : span_eqs(per, "month")   ? BK_PER_MONTH
               : span_eqs(per, "quarter") ? BK_PER_QUARTER
                                          : BK_PER_NONE;
    ret->quota_org = number(d, "quota_org", 0) * 60;
    ret->quota_node = number(d, "quota_node", 0) * 60;
    ret->approval = span_eqs(ok, "yes")  ? BK_APPROVAL_YES
                    : span_eqs(ok, "no") ? BK_APPROVAL_NO
                                         : BK_APPROVAL_LISTING;
    if (jcur_get(d, "workdays", &v)) {
        (void)jcur_bool(v, &ret->workdays);
    }
    for (int i = 0; i < 7; i++) {
        (void)bk_hours_parse(jcur_plain_of(d, bk_day_name[i]), &ret->day[i]);
    }
    read_closures(d, ret);
}

/* ---- open when ---- */

const struct bk_schedule *bk_on(const struct bk_rules *r, int day)
{
    const struct bk_schedule *best = NULL;
    for (size_t i = 0; i < r->n; i++) {
        const struct bk_schedule *s = &r->v[i];
        bool later = best == NULL || s->first > best->first ||
                     (s->first == best->first && strcmp(s->id, best->id) > 0);
        if (day >= s->first && day <= s->last && later) {
            best = s;
        }
    }
    return best;
}

size_t bk_open(const struct bk_rules *r, int day, struct bk_span out[static BK_DAY_SPANS])
{
    const struct bk_schedule *s = bk_on(r, day);
    if (s == NULL) {
        return 0;
    }
    for (size_t i = 0; i < s->n_closed; i++) {
        if (s->closed[i] == day) {
            return 0;
        }
    }
    int weekday = date_weekday(day);
    const struct bk_hours *h = &s->day[weekday];
    if (s->workdays && !calendar_is_workday(r->cal, day, NULL)) {
        return 0;
    }
    if (s->workdays && weekday >= SATURDAY && h->n == 0) {
        h = &s->day[0]; /* a weekend day that is worked instead, and no hours said for it: Monday's
                         */
    }
    for (size_t i = 0; i < h->n; i++) {
        out[i].from = (int64_t)day * DAY_MIN + h->v[i].from;
        out[i].to = (int64_t)day * DAY_MIN + h->v[i].to;
    }
    return h->n;
}

/* ---- small forms ---- */

bool bk_instead_read(struct span s, struct span *ret_ask, int64_t *ret_no)
{
    size_t dot = s.n;
    while (dot > 0 && s.p[dot - 1] != '.') {
        dot--;
    }
    if (dot < 2 || text_i64((const char *)s.p + dot, s.n - dot, 1, BK_SERIES, ret_no) < 0 ||
        dot - 1 > BK_ASK_ID || !record_id_valid((const char *)s.p, dot - 1)) {
        return false;
    }
    *ret_ask = span_of(s.p, dot - 1);
    return true;
}

bool bk_pair_read(struct span from, struct span to, int64_t *ret_from, int64_t *ret_to)
{
    struct span a;
    struct span b;
    return jcur_plain(from, &a) && jcur_plain(to, &b) &&
           minute_parse((const char *)a.p, a.n, ret_from) == 0 &&
           minute_parse((const char *)b.p, b.n, ret_to) == 0 && *ret_from < *ret_to;
}

bool bk_answer_id(const char *node, const char *ask, int64_t no, char out[static 65])
{
    if (strlen(ask) > BK_ASK_ID || no < 1 || no > BK_SERIES) {
        return false;
    }
    (void)snprintf(out, LIM_ID_BYTES + 1, "%s.%s.%d", node, ask, (int)no);
    return true;
}
