/* SPDX-License-Identifier: Apache-2.0 */
/* Who may read and write which kind at a node, as tables that each kind points to (PROTOCOL.md
 * 17.2). A kind without one is nobody's. What a node may hold of others the protocol decides; this
 * is about the people in front of it. */
#include "protocol/kinds/internal.h"

#include "protocol/jwrite.h"

#include <string.h>

#define WRITERS KIND_WRITERS
#define STAFF   WRITERS " supervisor"
#define FILERS  WRITERS " " KIND_MEMBER
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
    access_told    = {.read = ALL,     .write = WRITERS,         .personal = WRITERS, .org = "org", .org_states = "agreed told"},
    access_form    = {.read = ALL,     .write = "admin manager", .personal = "",     .org = "",    .org_states = "published ended", .org_if = "fill org"},
    access_filled  = {.read = ALL,     .write = FILERS,          .personal = FILERS, .org = "org", .org_if = "fill org", .desk = "reason"},
    access_filed   = {.read = ALL,     .write = FILERS,          .personal = FILERS, .org = "org", .desk = "reason feedback"};
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

/* "fill org": does member `fill` say `org`? One that says nothing says its first word. */
static bool says_so(const struct kind *k, const char *if_, struct span d)
{
    char name[LIM_NAME_BYTES + 1] = "";
    size_t n = strcspn(if_, " ");
    memcpy(name, if_, n < sizeof name ? n : 0);
    const struct kind_field *fld = kind_field_find(k, name);
    return fld != NULL && span_eqs(kind__state(fld, d), if_ + n + 1);
}

bool kind_is_about(const struct kind *k, const char *org, const char *id, struct span d)
{
    const struct kind_access *a = k->access;
    if (a == NULL || a->org == NULL || org[0] == '\0') {
        return false;
    }
    bool about = a->org[0] == '\0'           ? true
                 : strcmp(a->org, "id") == 0 ? strcmp(id, org) == 0
                                             : span_eqs(jcur_plain_of(d, a->org), org);
    const struct kind_field *fld = kind_field_with(k, KFF_STATE);
    return about &&
           (a->org_states == NULL ||
            (fld != NULL && kind__word_in(a->org_states, kind__state(fld, d)))) &&
           (a->org_if == NULL || says_so(k, a->org_if, d));
}

/* The staff's own words on it: these, and its state. */
static bool is_desk(const struct kind *k, const struct kind_field *fld)
{
    const char *desk = k->access == NULL ? NULL : k->access->desk;
    return (fld->flags & KFF_STATE) != 0 ||
           (desk != NULL && kind__word_in(desk, span_of(fld->name, strlen(fld->name))));
}

static bool same_member(const struct kind_field *fld, struct span was, struct span d)
{
    struct span a = {0}, b = {0};
    bool had = was.n > 0 && jcur_get(was, fld->name, &a), has = jcur_get(d, fld->name, &b);
    return had == has && (!had || span_eq(a, b));
}

int kind_org_may(const struct kind *k, const char *org, const char *id, struct span was,
                 struct span d, struct fault *f)
{
    const char *member = k->access == NULL || k->access->org == NULL ? "" : k->access->org;
    if (!kind_may(k, KIND_MEMBER, KACT_WRITE) || !kind_is_about(k, org, id, d) ||
        (was.n > 0 && !kind_is_about(k, org, id, was))) {
        return fault_set(f, SANJI_E_FORBIDDEN, member, "about the organisation of who writes");
    }
    if (was.n > 0 && !kind_by_org(k, was)) {
        return fault_set(f, SANJI_E_FORBIDDEN, "", "written by an organisation, not by the staff");
    }
    for (size_t i = 0; i < k->n_fields; i++) {
        const struct kind_field *fld = &k->fields[i];
        if ((fld->flags & KFF_STATE) == 0 && is_desk(k, fld) && !same_member(fld, was, d)) {
            return fault_set(f, SANJI_E_FORBIDDEN, fld->name, "as it was: the staff say it");
        }
    }
    return 0;
}

bool kind_same_words(const struct kind *k, struct span was, struct span d)
{
    for (size_t i = 0; i < k->n_fields; i++) {
        const struct kind_field *fld = &k->fields[i];
        if ((fld->flags & (KFF_AUTO | KFF_SINCE)) == 0 && !is_desk(k, fld) &&
            !same_member(fld, was, d)) {
            return false;
        }
    }
    return true;
}

bool kind_by_org(const struct kind *k, struct span d)
{
    const struct kind_field *by = kind_field_with(k, KFF_BY);
    return by != NULL && span_eqs(kind__state(by, d), KIND_BY_ORG);
}

/* Where it is the organisation's turn it stays its own, whoever lends a hand, since it is the one
 * to send it. What it has sent is its own as long as nobody changes a word. */
bool kind_org_keeps(const struct kind *k, struct span was, struct span d)
{
    const struct kind_field *fld = kind_field_with(k, KFF_STATE);
    if (was.n == 0 || fld == NULL || k->redo == NULL || !kind_by_org(k, was)) {
        return false;
    }
    bool turn = kind__word_in(k->redo, kind__state(fld, d)),
         before = kind__word_in(k->redo, kind__state(fld, was));
    return turn || (!before && kind_same_words(k, was, d));
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
