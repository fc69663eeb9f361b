/* SPDX-License-Identifier: Apache-2.0 */
/* Words that a platform adds to an open list (CH_LISTS), calls otherwise or takes out of use, for
 * itself and those below it. What was chosen before stays what it is. */
#include "protocol/kinds/choices.h"
#include "protocol/kinds/internal.h"

/* clang-format off */
static const struct kind_field item_fields[] = {
    F_TEXT("code", 1, 32, KFF_REQ | KFF_KEY),
    F_TEXT("zh", 1, 40, KFF_REQ | KFF_TITLE),
    F_TEXT("en", 0, 80, 0),
    F_BOOL("off", 0),
};
static const struct kind_rows items = {item_fields, F_COUNT(item_fields)};

static const struct kind_field fields[] = {
    F_ENUM("list", CH_LISTS, KFF_REQ | KFF_LIST | KFF_FILTER),
    F_TEXT("title", 1, 80, KFF_REQ | KFF_TITLE | KFF_SEARCH | KFF_LIST),
    F_ROWS("items", 1, 200, &items, KFF_REQ),
    F_DATE("since", KFF_SINCE),
};
/* clang-format on */

static int check(struct span d, struct fault *f)
{
    struct span list;
    struct span e;
    struct jcur c;
    int row = 1;
    for (bool ok = jcur_get(d, "items", &list) && jcur_array(&c, list); ok && jcur_element(&c, &e);
         row++) {
        if (!kind_word_valid(jcur_plain_of(e, "code"))) {
            return kind__wrong_row(f, "items", row, "code", "small letters, digits, _");
        }
    }
    return 0;
}

const struct kind kind_code_list = {
    .name = "code_list",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_ANY,
    .audience = "sub",
    .audiences = "sub own",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_top,
    .check = check,
    .in_export = true,
    .key = "list",
};
