/* SPDX-License-Identifier: Apache-2.0 */
/* How a node of the roster looks in lists and exports. Never on the wire: the roster is folded from
 * trust acts at every node, and this is its picture. */
#include "protocol/kinds/internal.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_NODE("node", KFF_REQ | KFF_FILTER),
    F_TEXT("name", 1, 80, KFF_REQ | KFF_TITLE | KFF_SEARCH | KFF_LIST),
    F_NODE("up", KFF_LIST | KFF_FILTER),
    F_INT("lv", 1, 99, KFF_REQ | KFF_LIST | KFF_FILTER),
    F_AREA("area", KFF_LIST | KFF_FILTER),
    F_BOOL("reg", KFF_LIST),
    F_TEXT("url", 0, 300, 0),
    F_NODE("steward", 0),
    F_ENUM("state", "active cut closed", KFF_REQ | KFF_STATE | KFF_LIST | KFF_FILTER),
};
/* clang-format on */

const struct kind kind_node = {
    .name = "node",
    .major = 1,
    .shape = KS_VIEW,
    .owner = KO_MACHINE,
    .audience = "",
    .audiences = "",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_shown,
    .check = NULL,
    .in_export = true,
};
