/* SPDX-License-Identifier: Apache-2.0 */
/* What the owner says to a question, to whoever asked alone, once for each question. `seen` is the
 * form of the question it was given to: one that was changed since waits again. */
#include "protocol/kinds/internal.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_REF("about", KFF_REQ | KFF_FILTER),
    F_NODE("asker", KFF_LIST | KFF_FILTER | KFF_AUTO | KFF_TO),
    F_TEXT("title", 0, 120, KFF_TITLE | KFF_SEARCH | KFF_LIST | KFF_AUTO),
    F_LONG("text", 1, 4000, KFF_REQ | KFF_SEARCH),
    F_INT("seen", 1, 1000000, KFF_AUTO),
    F_DATE("asked", KFF_AUTO),
    F_DATE("since", KFF_SINCE | KFF_LIST),
};
/* clang-format on */

const struct kind kind_question_answer = {
    .name = "question_answer",
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
