/* SPDX-License-Identifier: Apache-2.0 */
/* The public card of an organisation: what its platform shows to the federation. Written by the
 * node from the archive while that says `public`, so the two cannot differ. */
#include "protocol/kinds/internal.h"

#include "protocol/kinds/choices.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_TEXT("name", 1, 120, KFF_REQ | KFF_TITLE | KFF_SEARCH | KFF_LIST),
    F_ENUM("kind", CH_ORG, KFF_LIST | KFF_FILTER),
    F_ENUM("stage", CH_STAGE, KFF_LIST | KFF_FILTER),
    F_TEXT("usci", 0, 18, KFF_SEARCH),
    F_DATE("founded", 0),
    F_LONG("purpose", 0, 2000, KFF_SEARCH),
    F_ENUMS("field", 0, 18, CH_FIELD, KFF_LIST | KFF_FILTER),
    F_AREA("area", KFF_AREA | KFF_LIST | KFF_FILTER),
    F_TEXT("desk", 0, 80, 0),
    F_TEXT("phone", 0, 60, 0),
    F_TEXT("url", 0, 300, 0),
    F_ENUM("rating", "5a 4a 3a 2a 1a none", KFF_LIST | KFF_FILTER),
    F_DATE("since", KFF_SINCE),
};
/* clang-format on */

static int check(struct span d, struct fault *f)
{
    static const char *const name[1] = {"url"};
    struct span v[1];
    kind__pick(d, name, 1, v);
    return kind__url(v[0], f);
}

const struct kind kind_card = {
    .name = "card",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_MACHINE,
    .audience = "fed",
    .audiences = "fed",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_shown,
    .check = check,
    .in_export = true,
};
