/* SPDX-License-Identifier: Apache-2.0 */
/* Names leaves whose items every holder replaces by stubs. Never compacted away. */
#include "protocol/kinds/internal.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_OBJ("leaves", KFF_REQ),
    F_ENUM("why", "person mistake law", KFF_REQ),
};
/* clang-format on */

enum { LEAVES_MAX = 1000 };

static int check(struct span d, struct fault *f)
{
    struct jcur c;
    struct span v;
    struct span e;
    size_t n = 0;
    if (!jcur_get(d, "leaves", &v) || !jcur_array(&c, v)) {
        return kind__wrong(f, "leaves", "a list");
    }
    for (; jcur_element(&c, &e); n++) {
        if (!kind__b64(e, 32, 32)) {
            return kind__wrong(f, "leaves", "hashes");
        }
    }
    return n >= 1 && n <= LEAVES_MAX ? 0 : kind__wrong(f, "leaves", "1 to 1000 elements");
}

const struct kind kind_erase = {
    .name = "erase",
    .major = 1,
    .shape = KS_EVENT,
    .owner = KO_MACHINE,
    .audience = "fed",
    .audiences = "fed sub up to self own",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_machine,
    .check = check,
    .in_export = false,
};
