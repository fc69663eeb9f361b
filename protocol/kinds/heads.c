/* SPDX-License-Identifier: Apache-2.0 */
/* The top node's daily picture of who published up to where; each origin looks for its own line and
 * so finds out when somebody shows others an older or another history. */
#include "protocol/kinds/internal.h"

#include "protocol/ids.h"
#include "protocol/limits.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_DATE("day", KFF_REQ | KFF_LIST),
    F_OBJ("h", KFF_REQ),
    F_INT("page", 1, LIM_HEADS_PAGES, KFF_REQ),
    F_INT("pages", 1, LIM_HEADS_PAGES, KFF_REQ),
};
/* clang-format on */

static int64_t int_of(struct span v)
{
    int64_t x = -1;
    (void)jcur_int(v, &x);
    return x;
}

/* ["<by>","<aud>",ep,seq,"<id8>"] of a stream that everybody may know of. */
static bool is_line(struct span line)
{
    struct jcur c;
    struct span by;
    struct span aud;
    struct span v[5];
    struct audience a;
    size_t n = 0;
    if (!jcur_array(&c, line)) {
        return false;
    }
    while (n < 5 && jcur_element(&c, &v[n])) {
        n++;
    }
    if (n < 5 || jcur_element(&c, &by) || !jcur_plain(v[0], &by) || !jcur_plain(v[1], &aud)) {
        return false;
    }
    int64_t ep = int_of(v[2]);
    int64_t seq = int_of(v[3]);
    return node_id_valid((const char *)by.p, by.n) &&
           audience_parse((const char *)aud.p, aud.n, &a) == 0 &&
           (a.type == AUD_FED || a.type == AUD_SUB) && ep >= 1 && ep <= LIM_EPOCH && seq >= 1 &&
           seq <= LIM_SEQ && kind__b64(v[4], 8, 8);
}

static int check(struct span d, struct fault *f)
{
    struct jcur c;
    struct span v;
    struct span page;
    size_t n = 0;
    if (!jcur_get(d, "page", &page) || !jcur_get(d, "pages", &v) || int_of(page) > int_of(v)) {
        return kind__wrong(f, "page", "at most pages");
    }
    if (!jcur_get(d, "h", &v) || !jcur_array(&c, v)) {
        return kind__wrong(f, "h", "a list");
    }
    for (; jcur_element(&c, &v); n++) {
        if (!is_line(v)) {
            return kind__wrong(f, "h", "by, aud, ep, seq, id");
        }
    }
    return n <= LIM_HEADS_LINES ? 0 : kind__wrong(f, "h", "at most 600 lines a page");
}

const struct kind kind_heads = {
    .name = "heads",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_TOP,
    .audience = "fed",
    .audiences = "fed",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_figures,
    .check = check,
    .in_export = false,
};
