/* SPDX-License-Identifier: Apache-2.0 */
/* An organisation's monthly record of what it did, read by the platform's staff. */
#include "protocol/kinds/internal.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_REF_TO("org", "org", KFF_REQ | KFF_LIST | KFF_FILTER),
    F_TEXT("title", 1, 120, KFF_REQ | KFF_TITLE | KFF_SEARCH | KFF_LIST),
    F_PERIOD("period", KFF_REQ | KFF_LIST),
    F_ENUM("state", "draft submitted returned accepted", KFF_STATE | KFF_LIST | KFF_FILTER),
    F_ENUM("by", "staff org", KFF_AUTO | KFF_BY | KFF_LIST | KFF_FILTER),
    F_INT("sessions", 0, 1000000, KFF_LIST),
    F_INT("persons", 0, 100000000, 0),
    F_INT("person_times", 0, 100000000, KFF_LIST),
    F_INT("volunteers", 0, 10000000, 0),
    F_INT("income", 0, 100000000000000, KFF_CENTI),
    F_INT("spending", 0, 100000000000000, KFF_CENTI),
    F_LONG("done", 0, 16000, KFF_SEARCH),
    F_LONG("next", 0, 4000, KFF_SEARCH),
    F_LONG("problems", 0, 4000, KFF_SEARCH),
    F_TEXT("reason", 0, 200, 0),
    F_LONG("feedback", 0, 4000, 0),
    F_FILES("files", 0),
    F_DATE("since", KFF_SINCE),
};

static const struct kind_step steps[] = {
    {"",          "draft submitted",    NULL,                     NULL, NULL},
    {"draft",     "submitted",          NULL,                     NULL, NULL},
    {"submitted", "returned accepted",  "admin manager reviewer", NULL, "returned"},
    {"submitted", "returned accepted",  "clerk",                  "org", "returned"}, /* not what a colleague wrote */
    {"returned",  "submitted",          NULL,                     NULL, NULL},
    {"accepted",  "returned",           "admin manager",          NULL, "returned"},
};
/* clang-format on */

static int check(struct span d, struct fault *f)
{
    enum { STATE, REASON, PERIOD, COUNT };
    static const char *const name[COUNT] = {"state", "reason", "period"};
    struct span v[COUNT];
    kind__pick(d, name, COUNT, v);
    if (span_eqs(v[STATE], "\"returned\"") && v[REASON].n == 0) {
        return kind__wrong(f, "reason", "a reason when it is returned");
    }
    bool month = v[PERIOD].n == sizeof("\"2026-11\"") - 1 && v[PERIOD].p[6] <= '9';
    return month ? 0 : kind__wrong(f, "period", "a month, YYYY-MM");
}

const struct kind kind_activity = {
    .name = "activity",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_ANY,
    .audience = "own",
    .audiences = "own",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_filed,
    .check = check,
    .in_export = true,
    .steps = steps,
    .n_steps = F_COUNT(steps),
    .decide = "submitted",
    .redo = "draft returned",
    .decide_days = 5,
    .file_days = 10,
    .closed = "submitted accepted",
};
