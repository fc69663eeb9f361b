/* SPDX-License-Identifier: Apache-2.0 */
/* What the nodes below have to report, and by when: written by the node above, read by those whom
 * it concerns. Due dates are worked out by each reader from the working days. */
#include "protocol/kinds/internal.h"

#include "protocol/kinds/choices.h"

#include <string.h>

/* clang-format off */
static const struct kind_field fields[] = {
    F_TEXT("title", 1, 120, KFF_REQ | KFF_TITLE | KFF_SEARCH | KFF_LIST),
    F_ENUM("report", CH_REPORT, KFF_REQ | KFF_LIST | KFF_FILTER),
    F_ENUM("who", "children below", KFF_LIST),
    F_INT("days", 0, 120, KFF_REQ | KFF_LIST),
    F_ENUM("count_from", "end begin", 0),
    F_DATE("valid_from", KFF_REQ | KFF_LIST),
    F_DATE("valid_to", KFF_LIST),
    F_LONG("guide", 0, 4000, KFF_SEARCH),
    F_DATE("since", KFF_SINCE),
};
/* clang-format on */

static int check(struct span d, struct fault *f)
{
    enum { FROM, TO, COUNT };
    static const char *const name[COUNT] = {"valid_from", "valid_to"};
    struct span v[COUNT];
    kind__pick(d, name, COUNT, v);
    if (v[FROM].n > 0 && v[TO].n == v[FROM].n && memcmp(v[TO].p, v[FROM].p, v[TO].n) < 0) {
        return kind__wrong(f, "valid_to", "not before valid_from");
    }
    return 0;
}

const struct kind kind_obligation = {
    .name = "obligation",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_ANY,
    .audience = "sub",
    .audiences = "sub",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_rule,
    .check = check,
    .in_export = true,
};
