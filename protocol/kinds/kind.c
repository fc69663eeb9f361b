/* SPDX-License-Identifier: Apache-2.0 */
/* The list of record kinds and everything that follows from a kind's table without knowing the
 * kind: the check of an item, its title, its search text, its description for pages. */
#include "protocol/kinds/internal.h"

#include "protocol/base/text.h"
#include "protocol/ids.h"
#include "protocol/jwrite.h"

#include <string.h>

#define KIND(sym) extern const struct kind kind_##sym;
#include "protocol/kinds/kinds.def"
#undef KIND

#define KIND(sym) &kind_##sym,
const struct kind *const kinds[] = {
#include "protocol/kinds/kinds.def"
};
#undef KIND
const size_t kinds_n = F_COUNT(kinds);

static const struct kind *find_name(const char *s, size_t n)
{
    for (size_t i = 0; i < kinds_n; i++) {
        if (strncmp(kinds[i]->name, s, n) == 0 && kinds[i]->name[n] == '\0') {
            return kinds[i];
        }
    }
    return NULL;
}

const struct kind *kind_find(const char *name)
{
    const char *slash = strchr(name, '/');
    size_t n = slash == NULL ? strlen(name) : (size_t)(slash - name);
    const struct kind *k = find_name(name, n);
    if (k == NULL || slash == NULL) {
        return k;
    }
    int64_t major = 0;
    if (text_i64(slash + 1, strlen(slash + 1), 1, 999, &major) < 0 || major != k->major) {
        return NULL;
    }
    return k;
}

static bool op_fits(enum kind_shape shape, enum item_op op)
{
    switch (shape) {
    case KS_STATE:
        return op == OP_PUT || op == OP_WITHDRAW;
    case KS_EVENT:
        return op == OP_EVENT;
    case KS_BOTH:
        return true;
    case KS_SEALED:
    case KS_VIEW:
        break;
    }
    return false;
}

bool kind__word_in(const char *list, struct span word)
{
    for (const char *p = list; *p != '\0';) {
        size_t n = strcspn(p, " ");
        if (n == word.n && memcmp(p, word.p, n) == 0) {
            return true;
        }
        p += n;
        p += *p == ' ';
    }
    return false;
}

static bool audience_fits(const struct kind *k, enum aud_type aud)
{
    static const char *const name[AUD_COUNT] = {
        [AUD_FED] = "fed", [AUD_TRUST] = "trust", [AUD_SELF] = "self", [AUD_SUB] = "sub",
        [AUD_UP] = "up",   [AUD_TO] = "to",       [AUD_OWN] = "own",
    };
    return aud < AUD_COUNT && kind__word_in(k->audiences, span_of(name[aud], strlen(name[aud])));
}

int kind_check_content(const struct kind *k, struct span d, struct fault *f)
{
    int r = kind__check_fields(k->fields, k->n_fields, d, f);
    if (r < 0 || k->check == NULL) {
        return r;
    }
    return k->check(d, f);
}

int kind_check_item(const struct item *it, enum aud_type aud, bool top, struct fault *f)
{
    const struct kind *k = kind_find(it->k);
    if (k == NULL) {
        return fault_set(f, SANJI_E_VERSION, "k", "a kind this version knows");
    }
    if (it->unknown_crit) {
        return fault_set(f, SANJI_E_VERSION, "crit", "entries this version knows");
    }
    if (!op_fits(k->shape, it->op)) {
        return kind__wrong(f, "op", "the operation this kind allows");
    }
    if (!audience_fits(k, aud)) {
        return fault_set(f, SANJI_E_AUDIENCE, "aud", k->audiences);
    }
    if (k->owner == KO_TOP && !top) {
        return fault_set(f, SANJI_E_AUTHORITY, "k", "only the top node writes this kind");
    }
    int r = it->op == OP_WITHDRAW ? 0 : kind_check_content(k, it->d, f);
    return r == 0 && !kind__files_agree(k, it)
               ? kind__wrong(f, "bl", "the attachments its content names")
               : r;
}

/* ---- values as text ---- */

const struct kind_field *kind_field_find(const struct kind *k, const char *name)
{
    for (size_t i = 0; i < k->n_fields; i++) {
        if (strcmp(k->fields[i].name, name) == 0) {
            return &k->fields[i];
        }
    }
    return NULL;
}

static int put_value(struct span v, struct buf *out)
{
    if (v.n > 0 && v.p[0] == '"') {
        return jcur_text(v, out);
    }
    return buf_put(out, v.p, v.n);
}

size_t kind_field_index(const struct kind *k, struct span name, size_t from)
{
    for (size_t i = 0; i < k->n_fields; i++) {
        size_t at = from + i < k->n_fields ? from + i : from + i - k->n_fields;
        if (span_eqs(name, k->fields[at].name)) {
            return at;
        }
    }
    return k->n_fields;
}

static int field_text(const struct kind_field *fld, struct span v, struct buf *out)
{
    struct jcur c;
    struct span e;
    if ((fld->type != KF_ENUMS && fld->type != KF_TEXTS) || !jcur_array(&c, v)) {
        return put_value(v, out);
    }
    for (bool first = true; jcur_element(&c, &e); first = false) {
        int r = first ? 0 : buf_putc(out, '\n');
        r = r < 0 ? r : put_value(e, out);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int kind_value_text(const struct kind_field *fld, struct span d, struct buf *out)
{
    struct span v;
    return jcur_get(d, fld->name, &v) ? field_text(fld, v, out) : 0;
}

int kind_field_text(const struct kind *k, struct span d, unsigned flag, struct buf *out)
{
    for (size_t i = 0; i < k->n_fields; i++) {
        if ((k->fields[i].flags & flag) != 0) {
            return kind_value_text(&k->fields[i], d, out);
        }
    }
    return 0;
}

int kind_title(const struct kind *k, struct span d, struct buf *out)
{
    return kind_field_text(k, d, KFF_TITLE, out);
}

int kind_field_digits(const struct kind_field *fld)
{
    return (fld->flags & KFF_CENTI) != 0 ? 2 : (fld->flags & KFF_E7) != 0 ? 7 : 0;
}

/* One walk over the content, in its order: the index is filled for every record there is. */
int kind_search_text(const struct kind *k, struct span d, struct buf *out)
{
    size_t start = out->len, at = 0;
    struct jcur c;
    struct span name, v;
    int r = 0;
    for (bool ok = jcur_object(&c, d); ok && r == 0 && jcur_member(&c, &name, &v);) {
        size_t i = kind_field_index(k, name, at);
        if (i == k->n_fields) {
            continue;
        }
        at = i + 1;
        if ((k->fields[i].flags & (KFF_TITLE | KFF_SEARCH)) != 0) {
            r = out->len > start ? buf_putc(out, '\n') : 0;
            r = r < 0 ? r : field_text(&k->fields[i], v, out);
        }
    }
    return r;
}

/* ---- workflow and card ---- */

const struct kind_field *kind_field_with(const struct kind *k, unsigned flag)
{
    for (size_t i = 0; i < k->n_fields; i++) {
        if ((k->fields[i].flags & flag) != 0) {
            return &k->fields[i];
        }
    }
    return NULL;
}

/* A record that does not say its state is in the first one. */
struct span kind__state(const struct kind_field *fld, struct span d)
{
    struct span v, s;
    if (jcur_get(d, fld->name, &v) && jcur_plain(v, &s)) {
        return s;
    }
    return span_of(fld->choices, strcspn(fld->choices, " "));
}

static bool same_fixed(const struct kind *k, struct span was, struct span d, struct fault *f)
{
    for (size_t i = 0; k->fixed != NULL && i < k->n_fields; i++) {
        const char *name = k->fields[i].name;
        struct span a, b;
        if (kind__word_in(k->fixed, span_of(name, strlen(name)))) {
            bool had = jcur_get(was, name, &a), has = jcur_get(d, name, &b);
            if (had != has || (had && !span_eq(a, b))) {
                (void)fault_set(f, SANJI_E_STATE, name, "as it was: others build on it");
                return false;
            }
        }
    }
    return true;
}

/* Who wrote it: the first word of the BY member unless it says otherwise. Who could change it on
 * the way would decide on his own words. */
static bool step_open(const struct kind *k, const struct kind_step *e, struct span was,
                      struct span d, const char *role)
{
    const struct kind_field *by = e->by == NULL ? NULL : kind_field_with(k, KFF_BY);
    return (e->by == NULL ||
            (by != NULL && span_eqs(kind__state(by, was), e->by) && kind_same_words(k, was, d))) &&
           (e->roles == NULL || kind__word_in(e->roles, span_of(role, strlen(role))));
}

int kind_why_check(struct span d, struct fault *f)
{
    struct span v;
    return jcur_get(d, KIND_WHY, &v) && kind__says(v)
               ? 0
               : kind__wrong(f, KIND_WHY, "the reason in words: who gets it back has to know why");
}

int kind_step_check(const struct kind *k, struct span was, struct span d, const char *role,
                    struct fault *f)
{
    const struct kind_field *fld = k->n_steps == 0 ? NULL : kind_field_with(k, KFF_STATE);
    if (fld == NULL) {
        return 0;
    }
    if (was.n > 0 && !kind_is_fresh(k, was) && !same_fixed(k, was, d, f)) {
        return SANJI_E_STATE;
    }
    struct span from = was.n == 0 ? span_of("", 0) : kind__state(fld, was),
                to = kind__state(fld, d);
    const char *want = NULL;
    bool known = false, stays = span_eq(from, to);
    if (stays && (k->closed == NULL || !kind__word_in(k->closed, from) || span_eq(was, d))) {
        return 0;
    }
    for (size_t i = 0; i < k->n_steps; i++) {
        const struct kind_step *e = &k->steps[i];
        if (!span_eqs(from, e->from)) {
            continue;
        }
        want = want == NULL ? e->to : want;
        if (!stays && !kind__word_in(e->to, to)) {
            continue;
        }
        known = true;
        if (role == NULL || step_open(k, e, was, d, role)) {
            return !stays && e->why != NULL && kind__word_in(e->why, to) ? kind_why_check(d, f) : 0;
        }
    }
    return known ? fault_set(f, SANJI_E_FORBIDDEN, fld->name, NULL)
                 : fault_set(f, SANJI_E_STATE, fld->name, want == NULL ? "no other state" : want);
}

bool kind_takes_step(const struct kind *k, struct span d, const char *role)
{
    const struct kind_field *fld = k->n_steps == 0 ? NULL : kind_field_with(k, KFF_STATE);
    for (size_t i = 0; fld != NULL && i < k->n_steps; i++) {
        if (span_eqs(kind__state(fld, d), k->steps[i].from) &&
            step_open(k, &k->steps[i], d, d, role)) {
            return true;
        }
    }
    return false;
}

bool kind_at_home(const struct kind *k, struct span d)
{
    const struct kind_field *fld = k->home == NULL ? NULL : kind_field_with(k, KFF_STATE);
    return fld != NULL && kind__word_in(k->home, kind__state(fld, d));
}

bool kind_is_fresh(const struct kind *k, struct span d)
{
    const struct kind_field *fld = kind_field_with(k, KFF_STATE);
    return fld == NULL ||
           span_eq(kind__state(fld, d), span_of(fld->choices, strcspn(fld->choices, " ")));
}

int kind_member_set(const struct kind *k, struct span d, const char *name, struct span value,
                    struct buf *out)
{
    struct jw w;
    struct span v;
    jw_init(&w, out);
    jw_obj(&w, NULL);
    for (size_t i = 0; i < k->n_fields; i++) {
        const char *n = k->fields[i].name;
        if (strcmp(n, name) == 0) {
            jw_raw(&w, n, value.p, value.n);
        } else if (jcur_get(d, n, &v)) {
            jw_raw(&w, n, v.p, v.n);
        }
    }
    jw_end_obj(&w);
    return jw_done(&w);
}

bool kind_wants_card(const struct kind *k, struct span d)
{
    struct span v;
    bool yes = false;
    return k->card != NULL && jcur_get(d, "public", &v) && jcur_bool(v, &yes) && yes;
}

int kind_card_write(const struct kind *k, struct span d, struct buf *out)
{
    struct jw w;
    struct span v;
    jw_init(&w, out);
    jw_obj(&w, NULL);
    for (size_t i = 0; i < k->card->n_fields; i++) {
        const struct kind_field *fld = kind_field_find(k, k->card->fields[i].name);
        if (fld != NULL && (fld->flags & KFF_CARD) != 0 && jcur_get(d, fld->name, &v)) {
            jw_raw(&w, fld->name, v.p, v.n);
        }
    }
    jw_end_obj(&w);
    return jw_done(&w);
}

/* ---- description ---- */

static const char *const type_name[] = {
    [KF_TEXT] = "text",   [KF_LONG] = "long", [KF_INT] = "int",       [KF_BOOL] = "bool",
    [KF_ENUM] = "enum",   [KF_DATE] = "date", [KF_PERIOD] = "period", [KF_NODE] = "node",
    [KF_AREA] = "area",   [KF_REF] = "ref",   [KF_ENUMS] = "enums",   [KF_TEXTS] = "texts",
    [KF_OBJ] = "object",  [KF_B64] = "b64u",  [KF_TIME] = "time",     [KF_ROWS] = "rows",
    [KF_FILES] = "files",
};
static const char *const shape_name[] = {
    [KS_STATE] = "state",   [KS_EVENT] = "event", [KS_BOTH] = "both",
    [KS_SEALED] = "sealed", [KS_VIEW] = "view",
};
static const char *const owner_name[] = {
    [KO_ANY] = "any",
    [KO_TOP] = "top",
    [KO_MACHINE] = "machine",
};
static const struct {
    unsigned flag;
    const char *name;
} flag_name[] = {
    {KFF_REQ, "required"},  {KFF_TITLE, "title"}, {KFF_SEARCH, "search"}, {KFF_LIST, "list"},
    {KFF_FILTER, "filter"}, {KFF_STATE, "state"}, {KFF_SINCE, "since"},   {KFF_AREA, "own_area"},
    {KFF_P1, "personal"},   {KFF_CARD, "card"},   {KFF_AUTO, "auto"},     {KFF_KEY, "key"},
    {KFF_BY, "by"},
};

static void describe_words(struct jw *w, const char *name, const char *list)
{
    jw_arr(w, name);
    for (const char *p = list; p != NULL && *p != '\0';) {
        const char *e = strchr(p, ' ');
        jw_strn(w, NULL, p, e == NULL ? strlen(p) : (size_t)(e - p));
        p = e == NULL ? NULL : e + 1;
    }
    jw_end_arr(w);
}

static void describe_field(struct jw *w, const struct kind_field *fld);

static void describe_fields(struct jw *w, const char *name, const struct kind_field *v, size_t n)
{
    jw_arr(w, name);
    for (size_t i = 0; i < n; i++) {
        describe_field(w, &v[i]);
    }
    jw_end_arr(w);
}

static void describe_field(struct jw *w, const struct kind_field *fld)
{
    jw_obj(w, NULL);
    jw_str(w, "name", fld->name);
    jw_str(w, "type", type_name[fld->type]);
    jw_int(w, "min", fld->min);
    jw_int(w, "max", fld->max);
    for (size_t i = 0; i < F_COUNT(flag_name); i++) {
        if ((fld->flags & flag_name[i].flag) != 0) {
            jw_bool(w, flag_name[i].name, true);
        }
    }
    if (kind_field_digits(fld) > 0) {
        jw_int(w, "digits", kind_field_digits(fld));
    }
    if (kind_open_list(fld) != NULL) {
        jw_str(w, "open", kind_open_list(fld));
    }
    if (fld->choices != NULL) {
        describe_words(w, fld->type == KF_REF ? "refers" : "choices", fld->choices);
    }
    if (fld->rows != NULL) {
        describe_fields(w, "rows", fld->rows->fields, fld->rows->n);
    }
    jw_end_obj(w);
}

static void describe_steps(struct jw *w, const struct kind *k)
{
    jw_arr(w, "steps");
    for (size_t i = 0; i < k->n_steps; i++) {
        jw_obj(w, NULL);
        jw_str(w, "from", k->steps[i].from);
        describe_words(w, "to", k->steps[i].to);
        if (k->steps[i].roles != NULL) {
            describe_words(w, "roles", k->steps[i].roles);
        }
        if (k->steps[i].by != NULL) {
            jw_str(w, "by", k->steps[i].by);
        }
        if (k->steps[i].why != NULL) {
            describe_words(w, "why", k->steps[i].why);
        }
        jw_end_obj(w);
    }
    jw_end_arr(w);
}

static void describe_kind(struct jw *w, const struct kind *k)
{
    jw_obj(w, NULL);
    jw_str(w, "name", k->name);
    jw_int(w, "major", k->major);
    jw_str(w, "shape", shape_name[k->shape]);
    jw_str(w, "owner", owner_name[k->owner]);
    jw_str(w, "audience", k->audience);
    describe_words(w, "audiences", k->audiences);
    jw_bool(w, "export", k->in_export);
    if (k->n_steps > 0) {
        describe_steps(w, k);
    }
    if (k->card != NULL) {
        jw_str(w, "card", k->card->name);
    }
    if (k->key != NULL) {
        describe_words(w, "key", k->key);
    }
    if (k->filing != NULL) {
        jw_str(w, "sent", k->filing->sent);
    }
    if (k->home != NULL) {
        describe_words(w, "home", k->home);
    }
    if (k->fixed != NULL) {
        describe_words(w, "fixed", k->fixed);
    }
    if (k->keep != NULL) {
        jw_obj(w, "keep");
        jw_int(w, "days", k->keep->days);
        if (k->keep->states != NULL) {
            describe_words(w, "states", k->keep->states);
        }
        jw_end_obj(w);
    }
    if (kind_may(k, KIND_MEMBER, KACT_WRITE) && k->access->org != NULL) {
        jw_obj(w, "filed");
        jw_str(w, "org", k->access->org);
        describe_words(w, "desk", k->access->desk);
        jw_end_obj(w);
    }
    if (k->effect != NULL) {
        jw_obj(w, "effect");
        jw_str(w, "state", k->effect->state);
        jw_str(w, "ref", k->effect->ref);
        describe_words(w, "from", k->effect->from);
        describe_words(w, "to", k->effect->to);
        if (k->effect->was != NULL) {
            jw_str(w, "was", k->effect->was);
        }
        jw_end_obj(w);
    }
    if (k->form != NULL) {
        jw_obj(w, "form");
        jw_str(w, "template", k->form->template);
        jw_str(w, "answers", k->form->answers);
        describe_words(w, "partly", k->form->partly);
        jw_end_obj(w);
    }
    describe_fields(w, "fields", k->fields, k->n_fields);
    jw_end_obj(w);
}

int kind_describe(const struct kind *k, struct buf *out)
{
    struct jw w;
    jw_init(&w, out);
    if (k != NULL) {
        describe_kind(&w, k);
        return jw_done(&w);
    }
    jw_arr(&w, NULL);
    for (size_t i = 0; i < kinds_n; i++) {
        describe_kind(&w, kinds[i]);
    }
    jw_end_arr(&w);
    return jw_done(&w);
}
