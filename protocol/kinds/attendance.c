/* SPDX-License-Identifier: Apache-2.0 */
/* Who came to an event: kept where it took place and nowhere else. The platform that signed up sees
 * that its seat was used, not by whom. The id is made of the number a certificate shows. */
#include "protocol/kinds/internal.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_REF("event", KFF_REQ | KFF_FILTER),
    F_REF("booking", KFF_REQ),
    F_NODE("node", KFF_REQ | KFF_LIST | KFF_FILTER),
    F_TEXT("org", 1, 120, KFF_REQ | KFF_TITLE | KFF_SEARCH | KFF_LIST),
    F_TEXT("name", 1, 40, KFF_REQ | KFF_P1),
    F_TIME("at", KFF_REQ | KFF_LIST),
    F_DATE("date", KFF_REQ),
    F_TEXT("number", 19, 19, KFF_REQ),
    F_BOOL("rated", KFF_LIST),
    F_DATE("since", KFF_SINCE),
};
/* clang-format on */

/* As long as anybody may ask about the certificate. */
static const struct kind_keep keep = {.days = 1095};

const struct kind kind_attendance = {
    .name = "attendance",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_MACHINE,
    .audience = "own",
    .audiences = "own",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_roll,
    .in_export = true,
    .keep = &keep,
};
