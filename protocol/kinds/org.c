/* SPDX-License-Identifier: Apache-2.0 */
/* The archive of an organisation a platform supports: collected once, used by every form. It stays
 * at its node (`own`); what the federation may see of it is its card. */
#include "protocol/kinds/internal.h"

#include "protocol/kinds/choices.h"
#include "protocol/usci.h"

#include <string.h>

extern const struct kind kind_card;

/* clang-format off */
static const struct kind_field fields[] = {
    F_TEXT("name", 1, 120, KFF_REQ | KFF_KEY | KFF_TITLE | KFF_SEARCH | KFF_LIST | KFF_CARD),
    F_TEXT("short_name", 0, 40, KFF_SEARCH),
    F_ENUM("kind", CH_ORG, KFF_LIST | KFF_FILTER | KFF_CARD),
    F_ENUM("state", "applying incubating dormant graduated left removed outside", KFF_STATE | KFF_LIST | KFF_FILTER),
    F_ENUM("stage", CH_STAGE, KFF_LIST | KFF_FILTER | KFF_CARD),
    F_TEXT("usci", 0, 18, KFF_KEY | KFF_SEARCH | KFF_CARD),
    F_TEXT("filing_no", 0, 40, KFF_KEY | KFF_SEARCH),
    F_TEXT("reg_no", 0, 40, KFF_KEY | KFF_SEARCH),
    F_DATE("founded", KFF_CARD),
    F_TEXT("authority", 0, 80, 0),
    F_TEXT("supervisor", 0, 80, 0),
    F_LONG("purpose", 0, 2000, KFF_SEARCH | KFF_CARD),
    F_ENUMS("field", 0, 18, CH_FIELD, KFF_FILTER | KFF_CARD),
    F_AREA("area", KFF_AREA | KFF_FILTER | KFF_CARD),
    F_TEXT("address", 0, 200, KFF_SEARCH),
    F_TEXT("legal_rep", 0, 40, KFF_P1),
    F_TEXT("contact", 0, 40, KFF_P1 | KFF_SEARCH),
    F_TEXT("mobile", 0, 40, KFF_P1),
    F_TEXT("email", 0, 120, KFF_P1),
    F_TEXT("desk", 0, 80, KFF_CARD),
    F_TEXT("phone", 0, 60, KFF_CARD),
    F_TEXT("url", 0, 300, KFF_CARD),
    F_ENUM("party", "none joint branch committee", KFF_FILTER),
    F_INT("staff", 0, 1000000, 0),
    F_INT("core", 0, 1000000, 0),
    F_INT("certified", 0, 1000000, 0),
    F_INT("volunteers", 0, 10000000, 0),
    F_INT("members", 0, 10000000, 0),
    F_ENUM("rating", "5a 4a 3a 2a 1a none", KFF_FILTER | KFF_CARD),
    F_DATE("rated_to", 0),
    F_TEXT("cohort", 0, 40, KFF_FILTER),
    F_TEXT("room", 0, 80, 0),
    F_DATE("entered", KFF_LIST),
    F_DATE("left_on", 0),
    F_TEXT("reason", 0, 200, 0),
    F_BOOL("public", KFF_FILTER),
    F_LONG("note", 0, 4000, KFF_P1),
    F_DATE("since", KFF_SINCE | KFF_CARD),
};

static const struct kind_step steps[] = {
    {"",           "applying incubating dormant graduated left removed outside", NULL, NULL, "removed"},
    {"applying",   "incubating left outside",         "admin manager reviewer", NULL, "left outside"},
    {"incubating", "dormant graduated left removed",  "admin manager reviewer", NULL, "removed"},
    {"dormant",    "incubating left removed",         "admin manager reviewer", NULL, "removed"},
    {"graduated",  "incubating",                      "admin manager", NULL, NULL},
    {"left",       "applying incubating",             "admin manager", NULL, NULL},
    {"removed",    "applying",                        "admin manager", NULL, NULL},
    {"outside",    "applying incubating",             NULL, NULL, NULL},
};
/* clang-format on */

static int check(struct span d, struct fault *f)
{
    enum { URL, STATE, REASON, ENTERED, LEFT, COUNT };
    static const char *const name[COUNT] = {"url", "state", "reason", "entered", "left_on"};
    struct span v[COUNT];
    kind__pick(d, name, COUNT, v);
    if (span_eqs(v[STATE], "\"removed\"") && v[REASON].n == 0) {
        return kind__wrong(f, "reason", "a reason when an organisation is removed");
    }
    if (v[ENTERED].n > 0 && v[LEFT].n == v[ENTERED].n &&
        memcmp(v[LEFT].p, v[ENTERED].p, v[LEFT].n) < 0) {
        return kind__wrong(f, "left_on", "not before entered");
    }
    return kind__url(v[URL], f);
}

static bool doubt(struct span d, struct fault *f)
{
    struct span s = jcur_plain_of(d, "usci");
    if (s.n == 0 || (usci_form(s) && usci_sum_ok(s))) {
        return false;
    }
    (void)fault_set(f, SANJI_E_SPEC, "usci", usci_form(s) ? "usci.sum" : "usci.form");
    return true;
}

static const struct kind_keep keep = {.days = 1095, .states = "graduated left removed"};

const struct kind kind_org = {
    .name = "org",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_ANY,
    .audience = "own",
    .audiences = "own",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_org,
    .check = check,
    .in_export = true,
    .steps = steps,
    .n_steps = F_COUNT(steps),
    .decide = "applying",
    .decide_days = 5,
    .doubt = doubt,
    .card = &kind_card,
    .keep = &keep,
};
