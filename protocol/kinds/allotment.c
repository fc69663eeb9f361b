/* SPDX-License-Identifier: Apache-2.0 */
/* Times of a resource that its owner hands to one platform beforehand: that one confirms inside
 * them by itself, with nobody in reach. The times never change; they come back when the other says
 * so (allotment_back/1), and not before. */
#include "protocol/kinds/internal.h"

#include "protocol/booking.h"

#include <string.h>

/* clang-format off */
static const struct kind_field fields[] = {
    {"listing", KF_REF, 1, 50, KFF_REQ | KFF_LIST | KFF_FILTER, NULL, NULL},
    F_NODE("to", KFF_REQ | KFF_LIST),
    F_TEXT("title", 0, 120, KFF_TITLE | KFF_LIST),
    F_OBJ("at", KFF_REQ),
    F_INT("gap", 0, 2880, 0),
    F_TIME("until", KFF_REQ | KFF_LIST),
    F_ENUM("state", "open recalled ended", KFF_STATE | KFF_LIST | KFF_FILTER),
    F_DATE("since", KFF_SINCE),
};
static const struct kind_field back_fields[] = {
    F_REF("allotment", KFF_REQ | KFF_TITLE | KFF_LIST),
    F_DATE("since", KFF_SINCE),
};
/* clang-format on */

static int check(struct span d, struct fault *f)
{
    struct span v;
    int64_t n = 0;
    return jcur_get(d, "at", &v) ? kind__occurrences(v, &n, f) : kind__wrong(f, "at", "required");
}

static int check_back(struct span d, struct fault *f)
{
    struct span s = jcur_plain_of(d, "allotment");
    return memchr(s.p, '/', s.n) != NULL ? 0 : kind__wrong(f, "allotment", "owner/id");
}

const struct kind kind_allotment = {
    .name = "allotment",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_MACHINE,
    .audience = "to",
    .audiences = "to",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_figures,
    .check = check,
    .in_export = true,
};

const struct kind kind_allotment_back = {
    .name = "allotment_back",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_MACHINE,
    .audience = "to",
    .audiences = "to",
    .fields = back_fields,
    .n_fields = F_COUNT(back_fields),
    .access = &access_figures,
    .check = check_back,
    .in_export = true,
};
