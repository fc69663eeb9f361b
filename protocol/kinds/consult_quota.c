/* SPDX-License-Identifier: Apache-2.0 */
/* How many free consultations of a line an organisation may have in a period; one that names an
 * organisation is that one's own account. */
#include "protocol/kinds/internal.h"

#include "protocol/kinds/choices.h"

#include <string.h>

/* clang-format off */
static const struct kind_field fields[] = {
    F_TEXT("title", 1, 120, KFF_REQ | KFF_TITLE | KFF_SEARCH | KFF_LIST),
    F_ENUM("line", CH_LINE, KFF_REQ | KFF_LIST | KFF_FILTER),
    F_REF_TO("org", "org", KFF_LIST | KFF_FILTER),
    F_ENUM("per", "month quarter year", KFF_REQ | KFF_LIST),
    F_INT("free", 0, 1000, KFF_REQ | KFF_LIST),
    F_DATE("valid_from", 0),
    F_DATE("valid_to", 0),
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

const struct kind kind_consult_quota = {
    .name = "consult_quota",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_ANY,
    .audience = "own",
    .audiences = "own",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_rule,
    .check = check,
    .in_export = true,
};
