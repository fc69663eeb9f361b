/* SPDX-License-Identifier: Apache-2.0 */
/* A platform says that it has read a notice that asks for it: to the notice's author alone, once
 * for each notice. Who of its staff read it is its own affair. */
#include "protocol/kinds/internal.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_REF("about", KFF_REQ | KFF_FILTER),
    F_NODE("author", KFF_LIST | KFF_FILTER | KFF_AUTO | KFF_TO),
    F_TEXT("title", 0, 120, KFF_TITLE | KFF_SEARCH | KFF_LIST | KFF_AUTO),
    F_TEXT("note", 0, 200, KFF_LIST),
    F_DATE("since", KFF_SINCE | KFF_LIST),
};
/* clang-format on */

const struct kind kind_ack = {
    .name = "ack",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_ANY,
    .audience = "to",
    .audiences = "to",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_desk,
    .in_export = true,
    .key = "about",
};
