/* SPDX-License-Identifier: Apache-2.0 */
/* What a platform offers to others: a room, a mentor, a course, a fund. Written for anybody in the
 * federation to find and ask for, so it names an office and its telephone, never a person's own. */
#include "protocol/kinds/internal.h"

#include "protocol/kinds/choices.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_ENUM("kind", CH_RESOURCE, KFF_REQ | KFF_LIST | KFF_FILTER),
    F_TEXT("title", 1, 120, KFF_REQ | KFF_KEY | KFF_TITLE | KFF_SEARCH | KFF_LIST),
    F_LONG("detail", 0, 4000, KFF_SEARCH),
    F_TEXT("org", 0, 120, KFF_SEARCH),
    F_ENUMS("mode", 0, 8, CH_MODE, KFF_FILTER),
    F_ENUMS("field", 0, 18, CH_FIELD, KFF_FILTER),
    F_AREA("area", KFF_AREA | KFF_LIST | KFF_FILTER),
    F_TEXT("address", 0, 200, KFF_SEARCH),
    F_INT("lat", -900000000, 900000000, KFF_E7),
    F_INT("lng", -1800000000, 1800000000, KFF_E7),
    F_INT("capacity", 0, 1000000, KFF_LIST),
    F_INT("size_dm2", 0, 1000000000, KFF_CENTI),
    F_ENUM("fee", "free paid mixed", KFF_LIST | KFF_FILTER),
    F_INT("price", 0, 100000000000, KFF_CENTI),
    F_TEXT("price_note", 0, 200, 0),
    F_ENUMS("who", 0, 7, "all city district street community org resident", 0),
    F_BOOL("approval", 0),
    F_INT("notice_days", 0, 365, 0),
    F_TEXT("hours", 0, 200, 0),
    F_TEXTS("equipment", 0, 40, KFF_SEARCH),
    F_TEXTS("tags", 0, 20, KFF_SEARCH),
    F_TEXT("desk", 0, 80, 0),
    F_TEXT("phone", 0, 60, 0),
    F_TEXT("url", 0, 300, 0),
    F_ENUM("state", "published paused", KFF_STATE | KFF_LIST | KFF_FILTER),
    F_ENUM("capacity_state", "available limited full_waitlist none assess_first", KFF_FILTER),
    F_DATE("as_of", 0),
    F_DATE("assured", 0),
    F_DATE("since", KFF_SINCE),
};
/* clang-format on */

/* Listings are most of what is synced: one walk for all members. */
static int check(struct span d, struct fault *f)
{
    enum { LAT, LNG, FEE, PRICE, URL, COUNT };
    static const char *const name[COUNT] = {"lat", "lng", "fee", "price", "url"};
    struct span v[COUNT];
    int64_t price = 0;
    kind__pick(d, name, COUNT, v);
    if ((v[LAT].n > 0) != (v[LNG].n > 0)) {
        return kind__wrong(f, v[LAT].n > 0 ? "lng" : "lat", "lat and lng together");
    }
    if (jcur_int(v[PRICE], &price) && price > 0 && span_eqs(v[FEE], "\"free\"")) {
        return kind__wrong(f, "price", "no price when fee is free");
    }
    return kind__url(v[URL], f);
}

const struct kind kind_listing = {
    .name = "listing",
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
