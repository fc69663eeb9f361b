/* SPDX-License-Identifier: Apache-2.0 */
/* An organisation asks for advice: in which line, free or paid, and what came of it. One that was
 * given leads to the service record that is counted. */
#include "protocol/kinds/internal.h"

#include "protocol/kinds/choices.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_REF_TO("org", "org", KFF_REQ | KFF_LIST | KFF_FILTER),
    F_TEXT("title", 1, 120, KFF_REQ | KFF_TITLE | KFF_SEARCH | KFF_LIST),
    F_ENUM("line", CH_LINE, KFF_REQ | KFF_LIST | KFF_FILTER),
    F_ENUM("fee", "free paid", KFF_REQ | KFF_LIST | KFF_FILTER),
    F_ENUM("state", "asked accepted done no_show refused cancelled", KFF_STATE | KFF_LIST | KFF_FILTER),
    F_LONG("detail", 0, 4000, KFF_SEARCH),
    F_DATE("wanted", 0),
    F_DATE("date", KFF_LIST),
    F_TEXT("time", 0, 40, 0),
    F_ENUM("channel", "onsite phone online", KFF_FILTER),
    F_TEXT("expert", 0, 80, KFF_SEARCH),
    F_INT("price", 0, 100000000000, KFF_CENTI),
    F_LONG("advice", 0, 4000, KFF_SEARCH),
    F_REF_TO("service", "service", 0),
    F_DATE("follow_up", 0),
    F_TEXT("reason", 0, 200, 0),
    F_DATE("since", KFF_SINCE),
};

static const struct kind_step steps[] = {
    {"",         "asked",                      NULL, NULL, NULL},
    {"asked",    "accepted refused cancelled", NULL, NULL, "refused cancelled"},
    {"accepted", "done no_show cancelled",     NULL, NULL, "cancelled"},
    {"no_show",  "accepted cancelled",         NULL, NULL, "cancelled"},
    {"done",     "accepted",                   "admin manager", NULL, NULL},
};
/* clang-format on */

static int check(struct span d, struct fault *f)
{
    enum { STATE, REASON, DATE, SERVICE, FEE, PRICE, COUNT };
    static const char *const name[COUNT] = {"state", "reason", "date", "service", "fee", "price"};
    struct span v[COUNT];
    int64_t price = 0;
    kind__pick(d, name, COUNT, v);
    bool no = span_eqs(v[STATE], "\"refused\"") || span_eqs(v[STATE], "\"cancelled\"");
    bool done = span_eqs(v[STATE], "\"done\"");
    bool given = done || span_eqs(v[STATE], "\"accepted\"") || span_eqs(v[STATE], "\"no_show\"");
    if (no && v[REASON].n == 0) {
        return kind__wrong(f, "reason", "a reason when it is refused or cancelled");
    }
    if (given && v[DATE].n == 0) {
        return kind__wrong(f, "date", "the day of it once it is accepted");
    }
    if (done && v[SERVICE].n == 0) {
        return kind__wrong(f, "service", "its service record once it is done");
    }
    if (jcur_int(v[PRICE], &price) && price > 0 && span_eqs(v[FEE], "\"free\"")) {
        return kind__wrong(f, "price", "no price when fee is free");
    }
    return 0;
}

const struct kind kind_consultation = {
    .name = "consultation",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_ANY,
    .audience = "own",
    .audiences = "own",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_of_org,
    .check = check,
    .in_export = true,
    .steps = steps,
    .n_steps = F_COUNT(steps),
    .decide = "asked",
    .decide_days = 3,
    .closed = "done",
};
