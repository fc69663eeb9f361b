/* SPDX-License-Identifier: Apache-2.0 */
/* What a node above says about a work report: returned with a reason, accepted, locked, opened
 * again. It goes to the station and, so that everybody who may read the report sees the same state,
 * to the top. What it does to the report is flow_pair.c's. */
#include "protocol/kinds/internal.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_REF("about", KFF_REQ | KFF_FILTER),
    F_NODE("station", KFF_LIST | KFF_FILTER | KFF_AUTO | KFF_TO),
    F_TEXT("title", 0, 120, KFF_TITLE | KFF_SEARCH | KFF_LIST | KFF_AUTO),
    F_ENUM("state", "returned accepted locked reopened", KFF_REQ | KFF_STATE | KFF_LIST | KFF_FILTER),
    F_INT("seen", 1, 1000000, KFF_REQ | KFF_LIST),
    F_TEXT("form", 43, 43, KFF_AUTO),
    F_LONG("reason", 0, 2000, 0),
    F_LONG("note", 0, 2000, 0),
    F_DATE("since", KFF_SINCE),
};
/* clang-format on */

static int check(struct span d, struct fault *f)
{
    enum { STATE, REASON, COUNT };
    static const char *const name[COUNT] = {"state", "reason"};
    struct span v[COUNT];
    kind__pick(d, name, COUNT, v);
    bool asks = span_eqs(v[STATE], "\"returned\"") || span_eqs(v[STATE], "\"reopened\"");
    return asks && v[REASON].n == 0 ? kind__wrong(f, "reason", "a reason when it is returned") : 0;
}

const struct kind kind_report_answer = {
    .name = "report_answer",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_ANY,
    .audience = "to",
    .audiences = "to",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_judge,
    .check = check,
    .in_export = true,
    .key = "about",
    .to_top = true,
};
