/* SPDX-License-Identifier: Apache-2.0 */
/* The outer form of sealed items: what everybody may see of them. The inner form is referral/1. */
#include "protocol/kinds/internal.h"

#include "protocol/limits.h"

#include <string.h>

/* clang-format off */
static const struct kind_field fields[] = {
    F_INT("st", 1, 1, KFF_REQ),
    F_OBJ("to", KFF_REQ),
    F_B64("salt", 32, 32, KFF_REQ),
    F_B64("ct", 1040, 45072, KFF_REQ),
};
/* clang-format on */

static const struct kind_field to_fields[] = {
    F_NODE("n", KFF_REQ),
    F_B64("key", 32, 32, KFF_REQ),
    F_B64("enc", 32, 32, KFF_REQ),
    F_B64("w", 48, 48, KFF_REQ),
};

/* Lengths of the four paddings with the tag of 16 bytes. */
static bool padded(struct span v)
{
    return kind__b64(v, 1040, 1040) || kind__b64(v, 4112, 4112) || kind__b64(v, 16400, 16400) ||
           kind__b64(v, 45072, 45072);
}

static int check(struct span d, struct fault *f)
{
    struct jcur c;
    struct span v;
    struct span e;
    struct span last = span_of(NULL, 0);
    size_t n = 0;
    if (!jcur_get(d, "ct", &v) || !padded(v)) {
        return kind__wrong(f, "ct", "a padded length");
    }
    if (!jcur_get(d, "to", &v) || !jcur_array(&c, v)) {
        return kind__wrong(f, "to", "a list");
    }
    for (; jcur_element(&c, &e); n++) {
        int r = kind__check_fields(to_fields, F_COUNT(to_fields), e, f);
        if (r < 0) {
            return r;
        }
        struct span node = jcur_plain_of(e, "n");
        if (n > 0 && memcmp(last.p, node.p, node.n) >= 0) {
            return kind__wrong(f, "to", "sorted by node id, each once");
        }
        last = node;
    }
    return n >= 1 && n <= LIM_RECIPIENTS + 1 ? 0 : kind__wrong(f, "to", "1 to 17 elements");
}

const struct kind kind_sealed = {
    .name = "sealed",
    .major = 1,
    .shape = KS_BOTH,
    .owner = KO_MACHINE,
    .audience = "to",
    .audiences = "to self",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_machine,
    .check = check,
    .in_export = true,
};
