/* SPDX-License-Identifier: Apache-2.0 */
/* A trust act as an item. What the act says is checked where rosters are folded; here only its
 * outer form. */
#include "protocol/kinds/internal.h"

#include "protocol/ids.h"
#include "protocol/limits.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_LONG("a", 2, LIM_ITEM_BYTES - 4096, KFF_REQ),
    F_OBJ("co", KFF_REQ),
};
/* clang-format on */

static int check(struct span d, struct fault *f)
{
    struct jcur c;
    struct span v;
    struct span e;
    size_t n = 0;
    if (!jcur_get(d, "co", &v) || !jcur_array(&c, v)) {
        return kind__wrong(f, "co", "a list");
    }
    for (; jcur_element(&c, &e); n++) {
        struct span kid = jcur_plain_of(e, "kid");
        struct span s;
        if (!key_id_valid((const char *)kid.p, kid.n) || !jcur_get(e, "s", &s) ||
            !kind__b64(s, SIG_LEN, SIG_LEN)) {
            return kind__wrong(f, "co", "kid and s");
        }
    }
    return n >= 1 && n <= LIM_CO_SIGNATURES ? 0 : kind__wrong(f, "co", "1 to 16 elements");
}

const struct kind kind_act = {
    .name = "act",
    .major = 1,
    .shape = KS_EVENT,
    .owner = KO_MACHINE,
    .audience = "trust",
    .audiences = "trust",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_machine,
    .check = check,
    .in_export = false,
};
