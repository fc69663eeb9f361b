/* SPDX-License-Identifier: Apache-2.0 */
/* A kind that a later version might bring. */
#include "protocol/kinds/internal.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_TEXT("title", 1, 120, KFF_REQ | KFF_TITLE | KFF_SEARCH | KFF_LIST),
    F_TEXT("wish", 0, 300, KFF_SEARCH),
};
/* clang-format on */

const struct kind kind_future = {
    .name = "future",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_ANY,
    .audience = "fed",
    .audiences = "fed sub up",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .in_export = true,
};
