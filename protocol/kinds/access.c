/* SPDX-License-Identifier: Apache-2.0 */
/* Who may read and write which kind at a node, as tables that each kind points to (PROTOCOL.md
 * 17.2). A kind without one is nobody's. What a node may hold of others the protocol decides; this
 * is about the people in front of it. */
#include "protocol/kinds/internal.h"

#include "protocol/jwrite.h"

#include <string.h>

#define WRITERS "admin manager clerk reviewer"
#define STAFF   WRITERS " supervisor"
#define ALL     STAFF " " KIND_MEMBER

/* clang-format off */
const struct kind_access
    access_open    = {.read = ALL,     .write = WRITERS,         .personal = ""},      /* for the federation */
    access_top     = {.read = ALL,     .write = "admin manager", .personal = ""},      /* the top's lists */
    access_shown   = {.read = ALL,     .write = "",              .personal = ""},      /* made by the node, for all */
    access_figures = {.read = STAFF,   .write = "",              .personal = ""},      /* made by the node, for staff */
    access_rule    = {.read = STAFF,   .write = "admin manager", .personal = ""},      /* what others have to do */
    access_desk    = {.read = STAFF,   .write = WRITERS,         .personal = ""},      /* between platforms */
    access_hidden  = {.read = "",      .write = "",              .personal = ""},      /* shown by a page of its own alone */
    access_judge   = {.read = STAFF,   .write = "admin manager reviewer", .personal = ""}, /* decisions on them */
    access_roll    = {.read = STAFF,   .write = "",              .personal = WRITERS}, /* made by the node, names in it */
    access_machine = {.read = "admin", .write = "",              .personal = ""},      /* between nodes */
    access_case    = {.read = STAFF,   .write = WRITERS,         .personal = WRITERS}, /* one person's case */
    access_org     = {.read = ALL,     .write = WRITERS,         .personal = WRITERS, .org = "id"},
    access_of_org  = {.read = ALL,     .write = WRITERS,         .personal = WRITERS, .org = "org"},
    access_told    = {.read = ALL,     .write = WRITERS,         .personal = WRITERS, .org = "org", .org_states = "agreed told"};
/* clang-format on */

bool kind_may(const struct kind *k, const char *role, enum kind_act act)
{
    const struct kind_access *a = k->access;
    if (a == NULL || role[0] == '\0') {
        return false;
    }
    const char *roles = act == KACT_READ ? a->read : act == KACT_WRITE ? a->write : a->personal;
    return kind__word_in(roles, span_of(role, strlen(role)));
}

bool kind_has_personal(const struct kind *k)
{
    return kind_field_with(k, KFF_P1) != NULL;
}

bool kind_is_about(const struct kind *k, const char *org, const char *id, struct span d)
{
    const struct kind_access *a = k->access;
    if (a == NULL || a->org == NULL || org[0] == '\0') {
        return false;
    }
    bool about =
        strcmp(a->org, "id") == 0 ? strcmp(id, org) == 0 : span_eqs(jcur_plain_of(d, a->org), org);
    if (!about || a->org_states == NULL) {
        return about;
    }
    const struct kind_field *fld = kind_field_with(k, KFF_STATE);
    return fld != NULL && kind__word_in(a->org_states, kind__state(fld, d));
}

int kind_impersonal_write(const struct kind *k, struct span d, struct buf *out)
{
    struct jcur c;
    struct jw w;
    struct span name, value;
    jw_init(&w, out);
    jw_obj(&w, NULL);
    /* Only what the table knows and does not mark. */
    for (bool ok = jcur_object(&c, d); ok && jcur_member(&c, &name, &value);) {
        size_t i = kind_field_index(k, name, 0);
        if (i < k->n_fields && (k->fields[i].flags & KFF_P1) == 0) {
            jw_raw(&w, k->fields[i].name, value.p, value.n);
        }
    }
    jw_end_obj(&w);
    return jw_done(&w);
}
