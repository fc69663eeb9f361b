/* SPDX-License-Identifier: Apache-2.0 */
/* One visit or session a platform served: what the numbers of the year are added up from. Names of
 * the people served do not belong here. */
#include "protocol/kinds/internal.h"

#include "protocol/kinds/choices.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_TEXT("title", 1, 120, KFF_REQ | KFF_TITLE | KFF_SEARCH | KFF_LIST),
    F_DATE("date", KFF_REQ | KFF_LIST),
    F_ENUM("method", CH_METHOD, KFF_REQ | KFF_LIST | KFF_FILTER),
    F_ENUMS("content", 0, 11, CH_CONTENT, KFF_FILTER),
    F_ENUMS("field", 0, 18, CH_FIELD, KFF_FILTER),
    F_REF_TO("org", "org", KFF_LIST | KFF_FILTER),
    F_TEXT("place", 0, 120, KFF_SEARCH),
    F_AREA("area", KFF_AREA | KFF_FILTER),
    F_ENUM("channel", "onsite phone online", KFF_FILTER),
    F_ENUM("fee", "free paid", KFF_FILTER),
    F_INT("sessions", 0, 100000, 0),
    F_INT("persons", 0, 10000000, KFF_LIST),
    F_INT("person_times", 0, 10000000, KFF_LIST),
    F_INT("minutes", 0, 100000000, 0),
    F_INT("volunteers", 0, 1000000, 0),
    F_INT("volunteer_minutes", 0, 100000000, 0),
    F_INT("materials", 0, 100000000000, KFF_CENTI),
    F_LONG("detail", 0, 4000, KFF_SEARCH),
    F_INT("score", 0, 100, 0),
    F_DATE("since", KFF_SINCE),
};
/* clang-format on */

static bool doubt(struct span d, struct fault *f)
{
    enum { PERSONS, TIMES, SESSIONS, COUNT };
    static const char *const name[COUNT] = {"persons", "person_times", "sessions"};
    struct span v[COUNT];
    int64_t persons = 0, times = 0, sessions = 1;
    kind__pick(d, name, COUNT, v);
    bool both = jcur_int(v[TIMES], &times) && jcur_int(v[PERSONS], &persons);
    if (both && times < persons) {
        (void)fault_set(f, SANJI_E_SPEC, "person_times", "times.few");
        return true;
    }
    if (jcur_int(v[SESSIONS], &sessions) && sessions == 0 && times > 0) {
        (void)fault_set(f, SANJI_E_SPEC, "sessions", "sessions.none");
        return true;
    }
    return false;
}

const struct kind kind_service = {
    .name = "service",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_ANY,
    .audience = "own",
    .audiences = "own",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_of_org,
    .in_export = true,
    .doubt = doubt,
};
