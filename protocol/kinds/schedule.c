/* SPDX-License-Identifier: Apache-2.0 */
/* When a resource can be booked and by which rules. Everybody sees it, so that nobody asks for what
 * cannot be; who judges by it is the owner of the resource alone. */
#include "protocol/kinds/internal.h"

#include "protocol/base/text.h"
#include "protocol/booking.h"

#include <stdint.h>

#define HOURS(n) F_TEXT(n, 0, 120, 0)

/* clang-format off */
static const struct kind_field fields[] = {
    /* Its months of `busy` are named after it: <listing>.YYYY-MM has to fit into an id. */
    {"listing", KF_REF, 1, 50, KFF_REQ | KFF_LIST | KFF_FILTER, "listing", NULL},
    F_TEXT("title", 0, 120, KFF_TITLE | KFF_SEARCH | KFF_LIST),
    F_DATE("valid_from", KFF_LIST),
    F_DATE("valid_to", KFF_LIST),
    F_INT("slot", 5, 1440, KFF_REQ | KFF_LIST),
    HOURS("mon"), HOURS("tue"), HOURS("wed"), HOURS("thu"), HOURS("fri"), HOURS("sat"), HOURS("sun"),
    F_BOOL("workdays", 0),
    F_TEXTS("closures", 0, 366, 0),
    F_INT("before", 0, 1440, 0),
    F_INT("after", 0, 1440, 0),
    F_INT("notice_hours", 0, 8760, 0),
    F_INT("ahead_days", 1, 730, 0),
    F_INT("cutoff_hours", 0, 8760, 0),
    F_ENUM("approval", "listing yes no", 0),
    F_INT("hold_hours", 1, 720, 0),
    F_ENUM("quota_per", "week month quarter", 0),
    F_INT("quota_org", 1, 10000, 0),
    F_INT("quota_node", 1, 10000, 0),
    F_DATE("since", KFF_SINCE),
};
/* clang-format on */

static int check_days(struct span d, struct fault *f)
{
    struct bk_hours h;
    struct span v;
    for (int i = 0; i < 7; i++) {
        if (jcur_get(d, bk_day_name[i], &v) &&
            bk_hours_parse(jcur_plain_of(d, bk_day_name[i]), &h)) {
            return kind__wrong(f, bk_day_name[i], "09:00-12:00 13:30-17:30");
        }
    }
    return 0;
}

static int check_closures(struct span d, struct fault *f)
{
    struct span v;
    struct span e;
    struct span s;
    struct jcur c;
    int day = 0;
    if (!jcur_get(d, "closures", &v) || !jcur_array(&c, v)) {
        return 0;
    }
    while (jcur_element(&c, &e)) {
        if (!jcur_plain(e, &s) || date_parse((const char *)s.p, s.n, &day) < 0) {
            return kind__wrong(f, "closures", "dates YYYY-MM-DD");
        }
    }
    return 0;
}

static int check(struct span d, struct fault *f)
{
    struct span from = jcur_plain_of(d, "valid_from");
    struct span to = jcur_plain_of(d, "valid_to");
    struct span v;
    int a = 0;
    int b = 0;
    if (from.n > 0 && to.n > 0 && date_parse((const char *)from.p, from.n, &a) == 0 &&
        date_parse((const char *)to.p, to.n, &b) == 0 && b < a) {
        return kind__wrong(f, "valid_to", "not before valid_from");
    }
    bool quota = jcur_get(d, "quota_org", &v) || jcur_get(d, "quota_node", &v);
    if (quota && !jcur_get(d, "quota_per", &v)) {
        return kind__wrong(f, "quota_per", "the period of the quota");
    }
    int r = check_days(d, f);
    return r < 0 ? r : check_closures(d, f);
}

const struct kind kind_schedule = {
    .name = "schedule",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_ANY,
    .audience = "fed",
    .audiences = "fed sub up",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_open,
    .check = check,
    .in_export = true,
};
