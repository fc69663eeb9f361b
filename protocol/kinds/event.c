/* SPDX-License-Identifier: Apache-2.0 */
/* A course, lecture, salon or workshop that others may sign up for. Written for whoever may come,
 * so it names an office and its telephone, never a person's own. */
#include "protocol/kinds/internal.h"

#include "protocol/kinds/choices.h"
#include "protocol/seats.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_ENUM("kind", "course lecture salon workshop meeting visit other", KFF_REQ | KFF_LIST | KFF_FILTER),
    F_TEXT("title", 1, 120, KFF_REQ | KFF_KEY | KFF_TITLE | KFF_SEARCH | KFF_LIST),
    F_TIME("from", KFF_REQ | KFF_KEY | KFF_LIST),
    F_TIME("to", KFF_REQ),
    F_INT("seats", 1, SEATS_MAX, KFF_REQ | KFF_LIST),
    F_INT("seats_city", 0, SEATS_MAX, 0),
    F_INT("seats_district", 0, SEATS_MAX, 0),
    F_INT("seats_street", 0, SEATS_MAX, 0),
    F_INT("seats_community", 0, SEATS_MAX, 0),
    F_INT("per_node", 1, SEATS_MAX, 0),
    F_TIME("signup_from", 0),
    F_TIME("signup_to", 0),
    F_BOOL("approval", 0),
    F_ENUMS("who", 0, 7, "all city district street community org resident", 0),
    F_LONG("detail", 0, 4000, KFF_SEARCH),
    F_TEXT("org", 0, 120, KFF_SEARCH),
    F_ENUMS("field", 0, 18, CH_FIELD, KFF_FILTER),
    F_AREA("area", KFF_AREA | KFF_LIST | KFF_FILTER),
    F_ENUM("channel", "onsite online mixed", KFF_FILTER),
    F_TEXT("place", 0, 200, KFF_SEARCH),
    F_ENUM("fee", "free paid", KFF_FILTER),
    F_TEXT("price_note", 0, 200, 0),
    F_BOOL("certificate", 0),
    F_INT("minutes", 0, 100000, 0),
    F_TEXT("desk", 0, 80, 0),
    F_TEXT("phone", 0, 60, 0),
    F_TEXT("url", 0, 300, 0),
    F_ENUM("state", "open closed cancelled", KFF_STATE | KFF_LIST | KFF_FILTER),
    F_DATE("since", KFF_SINCE),
};
/* clang-format on */

static int check(struct span d, struct fault *f)
{
    enum { FROM, TO, URL, OPENS, CLOSES, COUNT };
    static const char *const name[COUNT] = {"from", "to", "url", "signup_from", "signup_to"};
    struct span v[COUNT];
    struct seats_rules r;
    int64_t kept = 0;
    int64_t from = 0;
    int64_t to = 0;
    kind__pick(d, name, COUNT, v);
    if (!bk_pair_read(v[FROM], v[TO], &from, &to) || to - from > BK_LONGEST) {
        return kind__wrong(f, "to", "later than from, at most 31 days");
    }
    seats_read(d, &r);
    for (int i = 0; i < SEATS_TIERS; i++) {
        kept += r.tier[i] > 0 ? r.tier[i] : 0;
    }
    if (kept > r.total) {
        return kind__wrong(f, "seats", "at least the sum of those of the tiers");
    }
    if (v[CLOSES].n > 0 && (r.closes > to || (v[OPENS].n > 0 && r.closes <= r.opens))) {
        return kind__wrong(f, "signup_to", "later than signup_from, not after the end");
    }
    return kind__url(v[URL], f);
}

const struct kind kind_event = {
    .name = "event",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_ANY,
    .audience = "fed",
    .audiences = "fed sub up",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_open,
    .check = check,
    .in_export = true,
};
