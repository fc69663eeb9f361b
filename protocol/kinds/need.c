/* SPDX-License-Identifier: Apache-2.0 */
/* The demand side of the directory: what somebody in this platform's area looks for. Unmet needs
 * are a statistic of their own, hence the reason. */
#include "protocol/kinds/internal.h"

#include "protocol/kinds/choices.h"

#include <string.h>

/* clang-format off */
static const struct kind_field fields[] = {
    F_ENUM("kind", CH_RESOURCE " other", KFF_REQ | KFF_LIST | KFF_FILTER),
    F_TEXT("title", 1, 120, KFF_REQ | KFF_TITLE | KFF_SEARCH | KFF_LIST),
    F_LONG("detail", 0, 4000, KFF_SEARCH),
    F_TEXT("org", 0, 120, KFF_SEARCH),
    F_ENUMS("mode", 0, 8, CH_MODE, KFF_FILTER),
    F_ENUMS("field", 0, 18, CH_FIELD, KFF_FILTER),
    F_AREA("area", KFF_AREA | KFF_LIST | KFF_FILTER),
    F_ENUM("for_whom", "org residents department", KFF_LIST | KFF_FILTER),
    F_INT("amount", 0, 1000000, KFF_LIST),
    F_TEXT("unit", 0, 20, 0),
    F_INT("budget", 0, 100000000000, KFF_CENTI),
    F_DATE("by", KFF_LIST),
    F_TEXTS("tags", 0, 20, KFF_SEARCH),
    F_TEXT("desk", 0, 80, 0),
    F_TEXT("phone", 0, 60, 0),
    F_ENUM("state", "open proposals agreed fulfilled unmet closed", KFF_STATE | KFF_LIST | KFF_FILTER),
    F_ENUM("reason", "no_supply no_capacity no_funds too_far too_late not_eligible withdrawn other", 0),
    F_DATE("done", 0),
    F_DATE("since", KFF_SINCE),
};
/* clang-format on */

static int check(struct span d, struct fault *f)
{
    enum { STATE, REASON, SINCE, DONE, COUNT };
    static const char *const name[COUNT] = {"state", "reason", "since", "done"};
    struct span v[COUNT];
    kind__pick(d, name, COUNT, v);
    if (span_eqs(v[STATE], "\"unmet\"") && v[REASON].n == 0) {
        return kind__wrong(f, "reason", "a reason when the state is unmet");
    }
    if (v[SINCE].n > 0 && v[DONE].n == v[SINCE].n && memcmp(v[DONE].p, v[SINCE].p, v[DONE].n) < 0) {
        return kind__wrong(f, "done", "not before since");
    }
    return 0;
}

const struct kind kind_need = {
    .name = "need",
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
