/* SPDX-License-Identifier: Apache-2.0 */
/* The yearly assessment of an organisation. When it takes effect the organisation's stage becomes
 * the one it says. */
#include "protocol/kinds/internal.h"

#include "protocol/kinds/choices.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_REF_TO("org", "org", KFF_REQ | KFF_LIST | KFF_FILTER),
    F_TEXT("title", 1, 120, KFF_REQ | KFF_TITLE | KFF_SEARCH | KFF_LIST),
    F_INT("year", 1990, 2100, KFF_REQ | KFF_LIST | KFF_FILTER),
    F_ENUM("state", "draft submitted returned agreed told", KFF_STATE | KFF_LIST | KFF_FILTER),
    F_INT("governance", 0, 1000, 0),
    F_INT("capacity", 0, 1000, 0),
    F_INT("work", 0, 1000, 0),
    F_INT("standing", 0, 1000, 0),
    F_ENUM("to_stage", CH_STAGE, KFF_LIST),
    F_DATE("effective", KFF_LIST),
    F_TEXT("decided_by", 0, 80, 0),
    F_LONG("advice", 0, 4000, KFF_SEARCH),
    F_TEXT("reason", 0, 200, 0),
    F_DATE("since", KFF_SINCE),
};

static const struct kind_step steps[] = {
    {"",          "draft submitted",          NULL, NULL, NULL},
    {"draft",     "submitted",                NULL, NULL, NULL},
    {"submitted", "returned agreed",          "admin manager reviewer", NULL, "returned"},
    {"returned",  "submitted",                NULL, NULL, NULL},
    {"agreed",    "told",                     "admin manager reviewer", NULL, NULL},
};
/* clang-format on */

static int check(struct span d, struct fault *f)
{
    enum { STATE, STAGE, EFFECTIVE, REASON, COUNT };
    static const char *const name[COUNT] = {"state", "to_stage", "effective", "reason"};
    struct span v[COUNT];
    kind__pick(d, name, COUNT, v);
    bool agreed = span_eqs(v[STATE], "\"agreed\"") || span_eqs(v[STATE], "\"told\"");
    if (agreed && (v[STAGE].n == 0 || v[EFFECTIVE].n == 0)) {
        return kind__wrong(f, v[STAGE].n == 0 ? "to_stage" : "effective",
                           "needed when an assessment is agreed");
    }
    if (span_eqs(v[STATE], "\"returned\"") && v[REASON].n == 0) {
        return kind__wrong(f, "reason", "a reason when it is returned");
    }
    return 0;
}

static const struct kind_effect effect = {
    .state = "agreed", .ref = "org", .from = "to_stage", .to = "stage"};

const struct kind kind_assessment = {
    .name = "assessment",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_ANY,
    .audience = "own",
    .audiences = "own",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_told,
    .check = check,
    .in_export = true,
    .steps = steps,
    .n_steps = F_COUNT(steps),
    .decide = "submitted agreed",
    .redo = "draft returned",
    .decide_days = 5,
    .closed = "submitted agreed told",
    .effect = &effect,
};
