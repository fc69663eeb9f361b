/* SPDX-License-Identifier: Apache-2.0 */
/* One year of the working calendar: the days off that fall on weekdays or weekends, and the weekend
 * days that are worked instead. Deadlines of the field are in working days, and the government
 * announces next year's days late in the year before, so the top node publishes them as records. */
#include "protocol/kinds/internal.h"

#include "protocol/base/text.h"

#include <string.h>

/* clang-format off */
static const struct kind_field fields[] = {
    F_INT("year", 1990, 2100, KFF_REQ | KFF_LIST | KFF_FILTER),
    F_TEXT("name", 0, 80, KFF_TITLE | KFF_SEARCH | KFF_LIST),
    F_TEXTS("holidays", 0, 366, 0),
    F_TEXTS("makeup", 0, 366, 0),
};
/* clang-format on */

/* Dates of that year, ascending, each once. */
static int check_dates(struct span d, const char *name, int64_t year, struct fault *f)
{
    struct jcur c;
    struct span v;
    struct span e;
    struct span s;
    int last = INT32_MIN;
    if (!jcur_get(d, name, &v) || !jcur_array(&c, v)) {
        return 0;
    }
    while (jcur_element(&c, &e)) {
        int day = 0;
        int64_t y = 0;
        if (!jcur_plain(e, &s) || date_parse((const char *)s.p, s.n, &day) < 0 ||
            text_i64((const char *)s.p, 4, 1990, 2100, &y) < 0 || y != year) {
            return kind__wrong(f, name, "dates of the year");
        }
        if (day <= last) {
            return kind__wrong(f, name, "ascending dates, each once");
        }
        last = day;
    }
    return 0;
}

/* Both lists are sorted by now. */
static bool share_a_date(struct span d)
{
    struct jcur a;
    struct jcur b;
    struct span va;
    struct span vb;
    struct span ea;
    struct span eb;
    if (!jcur_get(d, "holidays", &va) || !jcur_get(d, "makeup", &vb) || !jcur_array(&a, va) ||
        !jcur_array(&b, vb)) {
        return false;
    }
    bool more = jcur_element(&a, &ea) && jcur_element(&b, &eb);
    while (more) {
        int cmp = memcmp(ea.p, eb.p, ea.n < eb.n ? ea.n : eb.n);
        if (cmp == 0) {
            return true;
        }
        more = cmp < 0 ? jcur_element(&a, &ea) : jcur_element(&b, &eb);
    }
    return false;
}

static int check(struct span d, struct fault *f)
{
    struct span v;
    int64_t year = 0;
    if (jcur_get(d, "year", &v)) {
        (void)jcur_int(v, &year);
    }
    int r = check_dates(d, "holidays", year, f);
    r = r < 0 ? r : check_dates(d, "makeup", year, f);
    if (r == 0 && share_a_date(d)) {
        return kind__wrong(f, "makeup", "no day that is also a holiday");
    }
    return r;
}

const struct kind kind_workday = {
    .name = "workday",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_TOP,
    .audience = "fed",
    .audiences = "fed",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_top,
    .check = check,
    .in_export = true,
};
