/* SPDX-License-Identifier: Apache-2.0 */
/* How many seats of an event are given away, without saying to whom: what everybody sees, and what
 * its own node is reminded of when an older database was put back (node/app_booking_seats.c). */
#include "protocol/kinds/internal.h"

#include "protocol/seats.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_REF("event", KFF_REQ | KFF_TITLE | KFF_LIST | KFF_FILTER),
    F_INT("seats", 0, SEATS_MAX, KFF_REQ | KFF_LIST),
    F_INT("city", 0, 1000000, KFF_LIST),
    F_INT("district", 0, 1000000, KFF_LIST),
    F_INT("street", 0, 1000000, KFF_LIST),
    F_INT("community", 0, 1000000, KFF_LIST),
    F_INT("other", 0, 1000000, 0),
    F_INT("waiting", 0, 1000000, KFF_LIST),
};
/* clang-format on */

const struct kind kind_seats = {
    .name = "seats",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_MACHINE,
    .audience = "fed",
    .audiences = "fed sub up",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_shown,
    .in_export = true,
};
