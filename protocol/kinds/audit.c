/* SPDX-License-Identifier: Apache-2.0 */
/* How far a node's audit log had come at the end of a day, and the hash chain's value there: who
 * may change the log on one machine cannot change what the nodes above hold of it. No row travels.
 */
#include "protocol/kinds/internal.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_DATE("day", KFF_REQ | KFF_LIST),
    F_INT("line", 1, 1000000, KFF_REQ | KFF_LIST),
    F_INT("rows", 0, 1000000000000, KFF_REQ | KFF_LIST),
    F_B64("chain", 32, 32, KFF_REQ),
};
/* clang-format on */

const struct kind kind_audit = {
    .name = "audit",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_MACHINE,
    .audience = "up",
    .audiences = "up",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_figures,
    .in_export = true,
};
