/* SPDX-License-Identifier: Apache-2.0 */
/* A platform asks the owner of a published record something about it. The nodes on the way can read
 * it, so nothing personal belongs here: a case goes into a referral. */
#include "protocol/kinds/internal.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_REF("about", KFF_REQ | KFF_FILTER),
    F_NODE("owner", KFF_LIST | KFF_FILTER | KFF_AUTO | KFF_TO),
    F_TEXT("title", 0, 120, KFF_TITLE | KFF_SEARCH | KFF_LIST | KFF_AUTO),
    F_LONG("text", 1, 2000, KFF_REQ | KFF_SEARCH),
    F_DATE("since", KFF_SINCE | KFF_LIST),
};
/* clang-format on */

const struct kind kind_question = {
    .name = "question",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_ANY,
    .audience = "to",
    .audiences = "to",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_desk,
    .in_export = true,
};
