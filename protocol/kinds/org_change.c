/* SPDX-License-Identifier: Apache-2.0 */
/* What an organisation wants changed in its own archive. Nothing that decides over it (stage,
 * state, identifiers, rating) is among it, and nothing changes before somebody of the staff has
 * agreed: the archive is what the platform answers for. */
#include "protocol/kinds/internal.h"

#include <stdio.h>
#include <string.h>

#define MEMBERS                                                                                    \
    "purpose address contact mobile email desk phone url staff core certified volunteers members"

/* clang-format off */
static const struct kind_field fields[] = {
    F_REF_TO("org", "org", KFF_REQ | KFF_LIST | KFF_FILTER),
    F_TEXT("title", 1, 120, KFF_REQ | KFF_TITLE | KFF_SEARCH | KFF_LIST),
    F_ENUM("state", "draft submitted returned refused agreed", KFF_STATE | KFF_LIST | KFF_FILTER),
    F_ENUM("by", "staff org", KFF_AUTO | KFF_BY | KFF_LIST | KFF_FILTER),
    F_LONG("purpose", 0, 2000, KFF_SEARCH),
    F_TEXT("address", 0, 200, KFF_SEARCH),
    F_TEXT("contact", 0, 40, KFF_P1 | KFF_SEARCH),
    F_TEXT("mobile", 0, 40, KFF_P1),
    F_TEXT("email", 0, 120, KFF_P1),
    F_TEXT("desk", 0, 80, 0),
    F_TEXT("phone", 0, 60, 0),
    F_TEXT("url", 0, 300, 0),
    F_INT("staff", 0, 1000000, 0),
    F_INT("core", 0, 1000000, 0),
    F_INT("certified", 0, 1000000, 0),
    F_INT("volunteers", 0, 10000000, 0),
    F_INT("members", 0, 10000000, 0),
    F_LONG("why", 0, 1000, KFF_SEARCH),
    F_TEXT("reason", 0, 200, 0),
    F_OBJ("was", KFF_AUTO),
    F_DATE("since", KFF_SINCE),
};

static const struct kind_step steps[] = {
    {"",          "draft submitted",         NULL,                     NULL,  NULL},
    {"draft",     "submitted",               NULL,                     NULL,  NULL},
    {"submitted", "returned refused agreed", "admin manager reviewer", NULL,  "returned refused"},
    {"submitted", "returned refused agreed", "clerk",                  "org", "returned refused"},
    {"returned",  "submitted",               NULL,                     NULL,  NULL},
};
/* clang-format on */

/* A draft may still be empty. */
static bool says_nothing(struct span d)
{
    const char *at = MEMBERS;
    struct span v;
    for (; *at != '\0'; at += strspn(at, " ")) {
        char name[LIM_NAME_BYTES + 1];
        size_t n = strcspn(at, " ");
        (void)snprintf(name, sizeof name, "%.*s", (int)n, at);
        if (jcur_get(d, name, &v)) {
            return false;
        }
        at += n;
    }
    v = jcur_plain_of(d, "state");
    return v.n > 0 && !span_eqs(v, "draft");
}

static int check(struct span d, struct fault *f)
{
    enum { URL, WAS, COUNT };
    static const char *const name[COUNT] = {"url", "was"};
    struct span v[COUNT];
    kind__pick(d, name, COUNT, v);
    if (v[WAS].n > 0 && v[WAS].p[0] != '{') {
        return kind__wrong(f, "was", "an object");
    }
    if (says_nothing(d)) {
        return kind__wrong(f, "title", "a change that changes something");
    }
    return kind__url(v[URL], f);
}

static const struct kind_effect effect = {
    .state = "agreed", .ref = "org", .from = MEMBERS, .to = MEMBERS, .was = "was"};

static const struct kind_keep keep = {.days = 1095, .states = "refused agreed"};

const struct kind kind_org_change = {
    .name = "org_change",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_ANY,
    .audience = "own",
    .audiences = "own",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_filed,
    .check = check,
    .in_export = true,
    .steps = steps,
    .n_steps = F_COUNT(steps),
    .decide = "submitted",
    .redo = "draft returned",
    .decide_days = 5,
    .closed = "submitted refused agreed",
    .effect = &effect,
    .keep = &keep,
};
