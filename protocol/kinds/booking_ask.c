/* SPDX-License-Identifier: Apache-2.0 */
/* A platform asks for a resource of its own or of another one, for one of the organisations it
 * supports. Only the asking node writes it and only the owner of the resource answers (booking/1).
 * It is read by both and by the nodes on the way between them, so nothing personal is in it. */
#include "protocol/kinds/internal.h"

#include "protocol/booking.h"
#include "protocol/kinds/choices.h"

#include <string.h>

/* clang-format off */
static const struct kind_field fields[] = {
    F_REF("listing", KFF_REQ | KFF_LIST | KFF_FILTER),
    F_TEXT("org", 1, 120, KFF_REQ | KFF_TITLE | KFF_SEARCH | KFF_LIST),
    F_ENUM("purpose", CH_PURPOSE, KFF_REQ | KFF_LIST | KFF_FILTER),
    F_TEXT("note", 0, 200, KFF_SEARCH),
    F_INT("heads", 0, 1000000, KFF_LIST),
    F_TEXTS("equipment", 0, 10, 0),
    F_OBJ("at", KFF_REQ),
    F_OBJ("off", 0),
    F_BOOL("wait", 0),
    F_TEXT("instead", 3, 48, 0),
    F_TEXT("allot", 1, 59, 0),
    F_ENUM("state", "asked withdrawn", KFF_STATE | KFF_LIST | KFF_FILTER),
    F_DATE("since", KFF_SINCE),
};
/* clang-format on */

int kind__occurrences(struct span v, int64_t *ret_n, struct fault *f)
{
    struct jcur c;
    struct span e;
    int64_t from = 0;
    int64_t to = 0;
    int64_t last = INT64_MIN;
    int64_t n = 0;
    if (!jcur_array(&c, v)) {
        return kind__wrong(f, "at", "a list of [from, to]");
    }
    for (; jcur_element(&c, &e); n++) {
        if (!kind__times(e, &from, &to) || n == BK_SERIES || to - from > BK_LONGEST) {
            return kind__wrong(f, "at", "1 to 60 of [from, to], each at most 31 days");
        }
        if (from < last) {
            return kind__wrong(f, "at", "ascending, none over another");
        }
        last = to;
    }
    *ret_n = n;
    return n > 0 ? 0 : kind__wrong(f, "at", "1 to 60 of [from, to]");
}

static int check_off(struct span v, int64_t n, struct fault *f)
{
    struct jcur c;
    struct span e;
    int64_t no = 0;
    int64_t last = 0;
    if (v.n == 0) {
        return 0;
    }
    bool ok = jcur_array(&c, v);
    while (ok && jcur_element(&c, &e)) {
        ok = jcur_int(e, &no) && no > last && no <= n;
        last = no;
    }
    return ok ? 0 : kind__wrong(f, "off", "numbers of occurrences, ascending");
}

static int check(struct span d, struct fault *f)
{
    enum { AT, OFF, INSTEAD, LISTING, COUNT };
    static const char *const name[COUNT] = {"at", "off", "instead", "listing"};
    struct span v[COUNT];
    struct span s;
    int64_t n = 0;
    int64_t no = 0;
    kind__pick(d, name, COUNT, v);
    int r = kind__occurrences(v[AT], &n, f);
    r = r < 0 ? r : check_off(v[OFF], n, f);
    if (r < 0) {
        return r;
    }
    if (v[INSTEAD].n > 0 && (!jcur_plain(v[INSTEAD], &s) || !bk_instead_read(s, &s, &no))) {
        return kind__wrong(f, "instead", "ID.NUMBER of an own ask");
    }
    if (!jcur_plain(v[LISTING], &s) || memchr(s.p, '/', s.n) == NULL) {
        return kind__wrong(f, "listing", "owner/id");
    }
    return 0;
}

const struct kind kind_booking_ask = {
    .name = "booking_ask",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_MACHINE,
    .audience = "own",
    .audiences = "own to",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_figures,
    .check = check,
    .in_export = true,
};
