/* SPDX-License-Identifier: Apache-2.0 */
/* Notices, announcements and documents for the platforms below or beside; `ack` asks each reader's
 * platform to say that it was read. */
#include "protocol/kinds/internal.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_ENUM("kind", "notice document announcement", KFF_REQ | KFF_LIST | KFF_FILTER),
    F_TEXT("title", 1, 120, KFF_REQ | KFF_TITLE | KFF_SEARCH | KFF_LIST),
    F_LONG("body", 0, 16000, KFF_SEARCH),
    F_TEXT("org", 0, 120, KFF_SEARCH),
    F_AREA("area", KFF_AREA | KFF_FILTER),
    F_BOOL("ack", KFF_LIST),
    F_DATE("valid_to", KFF_LIST),
    F_TEXTS("tags", 0, 20, KFF_SEARCH),
    F_TEXT("url", 0, 300, 0),
    F_FILES("files", 0),
    F_DATE("since", KFF_SINCE),
};
/* clang-format on */

static int check(struct span d, struct fault *f)
{
    struct span v = {0};
    (void)jcur_get(d, "url", &v);
    return kind__url(v, f);
}

const struct kind kind_notice = {
    .name = "notice",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_ANY,
    .audience = "fed",
    .audiences = "fed sub up",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_open,
    .check = check,
    .in_export = true,
};
