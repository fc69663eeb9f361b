/* SPDX-License-Identifier: Apache-2.0 */
/* The federation's own list of areas: names repeat and codes change (a county becomes a district of
 * another city), so the top node keeps the list with its dates, and everything else names codes. */
#include "protocol/kinds/internal.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_AREA("code", KFF_REQ | KFF_SEARCH | KFF_LIST | KFF_FILTER),
    F_TEXT("name", 1, 80, KFF_REQ | KFF_TITLE | KFF_SEARCH | KFF_LIST),
    F_INT("level", 1, 99, KFF_LIST),
    F_AREA("parent", KFF_LIST | KFF_FILTER),
    F_DATE("valid_from", 0),
    F_DATE("valid_to", KFF_LIST),
    F_TEXTS("successor", 0, 16, 0),
};
/* clang-format on */

static int check(struct span d, struct fault *f)
{
    struct span v;
    struct span e;
    struct span s;
    struct jcur c;
    if (span_eq(jcur_plain_of(d, "code"), jcur_plain_of(d, "parent"))) {
        return kind__wrong(f, "parent", "another area than code");
    }
    if (!jcur_get(d, "successor", &v) || !jcur_array(&c, v)) {
        return 0;
    }
    while (jcur_element(&c, &e)) {
        if (!jcur_plain(e, &s) || !kind__area(s)) {
            return kind__wrong(f, "successor", "area codes");
        }
    }
    return 0;
}

const struct kind kind_area = {
    .name = "area",
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
