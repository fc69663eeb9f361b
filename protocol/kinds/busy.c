/* SPDX-License-Identifier: Apache-2.0 */
/* When a resource is taken in a month, without saying by whom: what everybody sees of bookings, and
 * what its own owner is reminded of when an older database was put back (node/app_booking_book.c).
 */
#include "protocol/kinds/internal.h"

#include "protocol/booking.h"

#include <string.h>

/* clang-format off */
static const struct kind_field fields[] = {
    F_REF("listing", KFF_REQ | KFF_LIST | KFF_FILTER),
    F_PERIOD("month", KFF_REQ | KFF_TITLE | KFF_LIST | KFF_FILTER),
    F_OBJ("at", KFF_REQ),
};
static const char states[] = "taken held";
/* clang-format on */

static int check(struct span d, struct fault *f)
{
    struct span v;
    struct span s;
    struct jcur c;
    struct jcur p;
    struct span e;
    struct span x[4];
    int n = 0;
    int64_t from = 0;
    int64_t to = 0;
    if (!jcur_get(d, "month", &v) || !jcur_plain(v, &s) || s.n != 7 || s.p[5] > '9') {
        return kind__wrong(f, "month", "a month, YYYY-MM");
    }
    if (!jcur_get(d, "at", &v) || !jcur_array(&c, v)) {
        return kind__wrong(f, "at", "a list");
    }
    for (; jcur_element(&c, &e); n++) {
        bool ok = n < BK_BUSY && jcur_array(&p, e) && jcur_element(&p, &x[0]) &&
                  jcur_element(&p, &x[1]) && jcur_element(&p, &x[2]) && !jcur_element(&p, &x[3]) &&
                  kind__choice(x[2], states) && bk_pair_read(x[0], x[1], &from, &to);
        if (!ok) {
            return kind__wrong(f, "at", "at most 1,000 of [from, to, state]");
        }
    }
    return 0;
}

const struct kind kind_busy = {
    .name = "busy",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_MACHINE,
    .audience = "fed",
    .audiences = "fed sub up",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_shown,
    .check = check,
    .in_export = true,
};
