/* SPDX-License-Identifier: Apache-2.0 */
/* Two signed headers of one stream and number: evidence that a writer said two things. */
#include "protocol/kinds/internal.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_OBJ("a", KFF_REQ),
    F_OBJ("b", KFF_REQ),
};
/* clang-format on */

static const struct kind_field side[] = {
    F_TEXT("h", 2, 2048, KFF_REQ),
    F_B64("s", 64, 64, KFF_REQ),
};

static int check(struct span d, struct fault *f)
{
    struct span a;
    struct span b;
    if (!jcur_get(d, "a", &a) || !jcur_get(d, "b", &b)) {
        return kind__wrong(f, "a", "required");
    }
    int r = kind__check_fields(side, F_COUNT(side), a, f);
    r = r < 0 ? r : kind__check_fields(side, F_COUNT(side), b, f);
    if (r == 0 && span_eq(a, b)) {
        return kind__wrong(f, "b", "another header than a");
    }
    return r;
}

const struct kind kind_proof = {
    .name = "proof",
    .major = 1,
    .shape = KS_EVENT,
    .owner = KO_MACHINE,
    .audience = "fed",
    .audiences = "fed",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_machine,
    .check = check,
    .in_export = true,
};
