/* SPDX-License-Identifier: Apache-2.0 */
/* What was filled into a form, about an organisation or about the platform's own work. It stays at
 * its node, with everything people wrote into it. */
#include "protocol/form.h"
#include "protocol/kinds/internal.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_REF("template", KFF_REQ | KFF_FILTER),
    F_REF_TO("org", "org", KFF_LIST | KFF_FILTER),
    F_PERIOD("period", KFF_LIST | KFF_FILTER),
    F_TEXT("title", 0, 120, KFF_TITLE | KFF_SEARCH | KFF_LIST | KFF_AUTO),
    F_INT("version", 1, 9999, KFF_LIST | KFF_AUTO),
    F_ENUM("state", "draft submitted returned checked", KFF_STATE | KFF_LIST | KFF_FILTER),
    F_ENUM("fill", FORM_FILL, KFF_AUTO),
    F_ENUM("by", "staff org", KFF_AUTO | KFF_BY | KFF_LIST | KFF_FILTER),
    F_OBJ("answers", KFF_P1),
    F_TEXT("reason", 0, 200, 0),
    F_FILES("files", KFF_P1),
    F_DATE("since", KFF_SINCE),
};

static const struct kind_step steps[] = {
    {"",          "draft submitted",  NULL,                     NULL, NULL},
    {"draft",     "submitted",        NULL,                     NULL, NULL},
    {"submitted", "returned checked", "admin manager reviewer", NULL, "returned"},
    {"submitted", "returned checked", "clerk",                  "org", "returned"}, /* not what a colleague wrote */
    {"returned",  "submitted",        NULL,                     NULL, NULL},
    {"checked",   "returned",         "admin manager reviewer", NULL, "returned"},
};
/* clang-format on */

static int check(struct span d, struct fault *f)
{
    enum { STATE, REASON, ANSWERS, COUNT };
    static const char *const name[COUNT] = {"state", "reason", "answers"};
    struct span v[COUNT];
    kind__pick(d, name, COUNT, v);
    if (span_eqs(v[STATE], "\"returned\"") && v[REASON].n == 0) {
        return kind__wrong(f, "reason", "a reason when it is returned");
    }
    return v[ANSWERS].n > 0 && v[ANSWERS].p[0] != '{' ? kind__wrong(f, "answers", "an object") : 0;
}

static const struct kind_form form = {.template = "template",
                                      .answers = "answers",
                                      .partly = "draft returned",
                                      .title = "title",
                                      .version = "version",
                                      .fill = "fill"};

static const struct kind_keep keep = {.days = 1095, .states = "checked"};

const struct kind kind_form_entry = {
    .name = "form_entry",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_ANY,
    .audience = "own",
    .audiences = "own",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_filled,
    .check = check,
    .in_export = true,
    .steps = steps,
    .n_steps = F_COUNT(steps),
    .decide = "submitted",
    .redo = "draft returned",
    .decide_days = 5,
    .closed = "submitted checked",
    .form = &form,
    .keep = &keep,
};
