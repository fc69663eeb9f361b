/* SPDX-License-Identifier: Apache-2.0 */
/* What happened to an organisation: honours, donations, changes of its registration, reports about
 * it. Filed as it happens, counted at the end of the month. */
#include "protocol/kinds/internal.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_REF_TO("org", "org", KFF_REQ | KFF_LIST | KFF_FILTER),
    F_ENUM("kind", "honour donation change media penalty project other", KFF_REQ | KFF_LIST | KFF_FILTER),
    F_TEXT("title", 1, 120, KFF_REQ | KFF_TITLE | KFF_SEARCH | KFF_LIST),
    F_DATE("date", KFF_REQ | KFF_LIST),
    F_ENUM("level", "state province city district street other", KFF_FILTER),
    F_INT("money", 0, 100000000000000, KFF_LIST | KFF_CENTI),
    F_TEXT("by", 0, 120, KFF_SEARCH),
    F_LONG("detail", 0, 4000, KFF_SEARCH),
    F_FILES("files", 0),
    F_DATE("since", KFF_SINCE),
};
/* clang-format on */

static int check(struct span d, struct fault *f)
{
    enum { KIND, MONEY, COUNT };
    static const char *const name[COUNT] = {"kind", "money"};
    struct span v[COUNT];
    kind__pick(d, name, COUNT, v);
    if (span_eqs(v[KIND], "\"donation\"") && v[MONEY].n == 0) {
        return kind__wrong(f, "money", "an amount for a donation");
    }
    return 0;
}

const struct kind kind_org_event = {
    .name = "org_event",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_ANY,
    .audience = "own",
    .audiences = "own",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_of_org,
    .check = check,
    .in_export = true,
};
