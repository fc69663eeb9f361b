/* SPDX-License-Identifier: Apache-2.0 */
/* What those who came thought of an event, as counts: no single answer is kept, so nobody can ask
 * later who gave which. Nobody reads the counts as a record: of the first answers they are the
 * answers. The event's page shows means, SCORE_SHOWN answers at a time. */
#include "protocol/kinds/internal.h"

#include "protocol/score.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_REF("event", KFF_REQ | KFF_TITLE | KFF_LIST | KFF_FILTER),
    F_INT("n", 1, SCORE_N_MAX, KFF_REQ | KFF_LIST),
    F_OBJ("counts", KFF_REQ),
    F_OBJ("shown", 0),
};
/* clang-format on */

static int check(struct span d, struct fault *f)
{
    struct score s, shown;
    return score_read(d, &s, &shown)
               ? 0
               : kind__wrong(f, "counts", "4 lists of 5 counts, each adding up to n");
}

const struct kind kind_event_score = {
    .name = "event_score",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_MACHINE,
    .audience = "own",
    .audiences = "own",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_hidden,
    .check = check,
    .in_export = true,
};
