/* SPDX-License-Identifier: Apache-2.0 */
/* The answer to one occurrence of an ask, written by the owner of the resource alone: how it stands
 * now. Its id is made of who asked, the ask and the number, so that one ask has one answer. */
#include "protocol/kinds/internal.h"

#include "protocol/base/text.h"
#include "protocol/booking.h"
#include "protocol/kinds/choices.h"

#include <string.h>

/* clang-format off */
static const struct kind_field fields[] = {
    F_REF("ask", KFF_REQ),
    F_INT("no", 1, BK_SERIES, KFF_REQ),
    F_REF("listing", KFF_REQ | KFF_LIST | KFF_FILTER),
    F_TEXT("org", 1, 120, KFF_REQ | KFF_TITLE | KFF_SEARCH | KFF_LIST),
    F_TIME("from", KFF_REQ | KFF_LIST),
    F_TIME("to", KFF_REQ | KFF_LIST),
    F_ENUM("state", CH_BOOKING, KFF_REQ | KFF_STATE | KFF_LIST | KFF_FILTER),
    F_TIME("until", 0),
    F_INT("place", 1, 100000, 0),
    F_ENUM("reason", CH_WHY_NOT, KFF_FILTER),
    F_TEXT("note", 0, 200, 0),
    F_OBJ("alt", 0),
    F_ENUM("cancel", "asked kept", 0),
    F_DATE("since", KFF_SINCE),
};
static const struct kind_field alt_fields[] = {
    F_TIME("from", KFF_REQ),
    F_TIME("to", KFF_REQ),
    F_REF("listing", 0),
};
/* clang-format on */

static int check_alt(struct span v, struct fault *f)
{
    struct jcur c;
    struct span e;
    int n = 0;
    if (v.n == 0) {
        return 0;
    }
    if (!jcur_array(&c, v)) {
        return kind__wrong(f, "alt", "a list");
    }
    for (; jcur_element(&c, &e); n++) {
        if (n == BK_ALTS || kind__check_fields(alt_fields, F_COUNT(alt_fields), e, NULL) < 0) {
            return kind__wrong(f, "alt", "at most 5 of from, to, listing");
        }
    }
    return 0;
}

static int check(struct span d, struct fault *f)
{
    enum { ASK, FROM, TO, STATE, UNTIL, PLACE, REASON, ALT, COUNT };
    static const char *const name[COUNT] = {"ask",   "from",  "to",     "state",
                                            "until", "place", "reason", "alt"};
    struct span v[COUNT];
    struct span s;
    int64_t from = 0;
    int64_t to = 0;
    kind__pick(d, name, COUNT, v);
    if (!jcur_plain(v[ASK], &s) || memchr(s.p, '/', s.n) == NULL) {
        return kind__wrong(f, "ask", "owner/id");
    }
    if (!bk_pair_read(v[FROM], v[TO], &from, &to) || to - from > BK_LONGEST) {
        return kind__wrong(f, "to", "later than from, at most 31 days");
    }
    bool waits = span_eqs(v[STATE], "\"waitlisted\"");
    bool held = span_eqs(v[STATE], "\"held\"");
    bool no = span_eqs(v[STATE], "\"rejected\"") || span_eqs(v[STATE], "\"cancelled\"");
    if (held != (v[UNTIL].n > 0)) {
        return kind__wrong(f, "until", "with held, and only then");
    }
    if (waits != (v[PLACE].n > 0)) {
        return kind__wrong(f, "place", "with waitlisted, and only then");
    }
    if (no && v[REASON].n == 0) {
        return kind__wrong(f, "reason", "required when rejected or cancelled");
    }
    return check_alt(v[ALT], f);
}

const struct kind kind_booking = {
    .name = "booking",
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
