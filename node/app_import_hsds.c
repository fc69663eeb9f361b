/* SPDX-License-Identifier: Apache-2.0 */
/* HSDS 3.0 (Open Referral), JSON or CSV, as a table of ours: services become listings,
 * organizations archives. From there on it is a table like any other, so preview, partial accept
 * and undo are the import's own. Older forms of the standard have other names for some columns;
 * those that are in use are known, too. */
#include "node/app_codes.h"
#include "node/app_import.h"
#include "node/tidy.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum column {
    C_ID,
    C_KIND,
    C_NAME,
    C_SHORT,
    C_DETAIL,
    C_ORG,
    C_MODE,
    C_FIELD,
    C_WHO,
    C_STAGE,
    C_USCI,
    C_ADDRESS,
    C_LAT,
    C_LNG,
    C_FEE,
    C_PRICE,
    C_PRICE_NOTE,
    C_HOURS,
    C_DESK,
    C_PHONE,
    C_EMAIL,
    C_URL,
    C_STATE,
    C_CAPACITY,
    C_ASSURED,
    C_COUNT
};
/* Members of the two kinds; NULL: it has none. */
static const char *const member_of[2][C_COUNT] = {
    {"id",         "kind",  "title", NULL,      "detail", "org", "mode",  "field",
     "who",        NULL,    NULL,    "address", "lat",    "lng", "fee",   "price",
     "price_note", "hours", "desk",  "phone",   NULL,     "url", "state", "capacity_state",
     "assured"},
    {"id",    "kind",  "name",  "short_name", "purpose", NULL, NULL, "field", NULL,
     "stage", "usci",  NULL,    NULL,         NULL,      NULL, NULL, NULL,    NULL,
     "desk",  "phone", "email", "url",        NULL,      NULL, NULL}};
enum { LISTING, ORG };

enum how { AS_IS, PARAGRAPH, BEHIND, STATUS, DEGREES, LINK, FOR_WHOM };
/* Where a column's text stands: in JSON ("a.0.b": of the first element of a, b), and under which
 * headings of CSV. */
static const struct rule {
    int kind;
    enum column to;
    enum how how;
    const char *path, *heads;
} rules[] = {
    {LISTING, C_ID, AS_IS, "id", "id service_uuid location_uuid"},
    {LISTING, C_NAME, AS_IS, "name", "name service_name location_name"},
    {LISTING, C_DETAIL, PARAGRAPH, "description", "description service_description"},
    {LISTING, C_DETAIL, FOR_WHOM, "eligibility_description", "eligibility_description eligibility"},
    {LISTING, C_DETAIL, PARAGRAPH, "application_process", "application_process"},
    {LISTING, C_ORG, AS_IS, "organization.name", "organization_name"},
    {LISTING, C_ADDRESS, BEHIND, "service_at_locations.0.location.addresses.0.address_1",
     "address_1 location_address"},
    {LISTING, C_ADDRESS, BEHIND, "service_at_locations.0.location.addresses.0.address_2",
     "address_2"},
    {LISTING, C_LAT, DEGREES, "service_at_locations.0.location.latitude", "latitude"},
    {LISTING, C_LNG, DEGREES, "service_at_locations.0.location.longitude", "longitude"},
    {LISTING, C_PRICE_NOTE, AS_IS, "fees_description", "fees_description fees"},
    {LISTING, C_HOURS, AS_IS, "schedules.0.description", ""},
    {LISTING, C_DESK, AS_IS, "contacts.0.department", ""},
    {LISTING, C_PHONE, AS_IS, "phones.0.number", "phones"},
    {LISTING, C_URL, LINK, "url", "url website service_url location_url"},
    {LISTING, C_STATE, STATUS, "status", "status"},
    {LISTING, C_ASSURED, AS_IS, "assured_date", "assured_date"},
    {ORG, C_ID, AS_IS, "id", "id organization_uuid"},
    {ORG, C_NAME, AS_IS, "name", "name organization_name"},
    {ORG, C_SHORT, AS_IS, "alternate_name", "alternate_name organization_alternate_name"},
    {ORG, C_DETAIL, PARAGRAPH, "description", "description organization_description"},
    {ORG, C_DESK, AS_IS, "contacts.0.department", ""},
    {ORG, C_PHONE, AS_IS, "phones.0.number", ""},
    {ORG, C_EMAIL, AS_IS, "email", "email organization_email"},
    {ORG, C_URL, LINK, "website", "website organization_url"},
};
enum { RULES = sizeof rules / sizeof rules[0] };

/* Terms of this program's own lists come back as what they were. */
static const struct {
    const char *taxonomy;
    enum column to[2]; /* C_COUNT: not of that kind */
} terms[] = {
    {"resource", {C_KIND, C_COUNT}},
    {"organization_kind", {C_COUNT, C_KIND}},
    {"organization_stage", {C_COUNT, C_STAGE}},
    {"field", {C_FIELD, C_FIELD}},
    {"mode", {C_MODE, C_COUNT}},
    {"audience", {C_WHO, C_COUNT}},
    {"fee", {C_FEE, C_COUNT}},
    {"availability", {C_CAPACITY, C_COUNT}},
};

struct made {
    const struct app *a; /* whose word lists count */
    const struct kind *k;
    int kind;
    struct buf cell[C_COUNT];
    struct buf *out;
    long rows;
    /* CSV: which rule a column serves; -1: none */
    int rule[CSV_CELLS];
    size_t n;
    long head; /* row of the heading */
    bool is;
};

/* ---- one row ---- */

static void put(struct made *m, enum column to, enum how how, struct span s)
{
    struct buf *b = &m->cell[to];
    if (s.n == 0 || member_of[m->kind][to] == NULL ||
        (how == FOR_WHOM && m->cell[C_WHO].len > 0)) { /* said in terms of ours already */
        return;
    }
    if (how == STATUS) {
        buf_puts(b, span_eqs(s, "active") ? "published" : "paused");
        return;
    }
    if (how == DEGREES) { /* a centimetre is enough */
        const uint8_t *dot = memchr(s.p, '.', s.n);
        bool plain = memchr(s.p, 'e', s.n) == NULL && memchr(s.p, 'E', s.n) == NULL;
        size_t most = dot == NULL ? s.n : (size_t)(dot - s.p) + 8;
        s.n = plain && s.n > most ? most : s.n;
    } else if ((how == AS_IS || how == LINK) && b->len > 0) {
        return; /* the first of several names for it */
    }
    if (how == LINK && s.n > 4 && memcmp(s.p, "www.", 4) == 0) {
        buf_puts(b, "http://");
    }
    buf_puts(b, b->len == 0                           ? ""
                : how == PARAGRAPH || how == FOR_WHOM ? "\n\n"
                : how == BEHIND                       ? " "
                                                      : "");
    buf_put(b, s.p, s.n);
}

/* An id like "1" says too little: that of a service and that of an organization are not the same.
 */
static void settle_id(struct made *m)
{
    struct buf *b = &m->cell[C_ID];
    struct buf whole;
    if (b->len == 0 || b->len == 36) {
        return;
    }
    buf_init(&whole, 4096);
    buf_puts(&whole, m->kind == ORG ? "hsds.organization." : "hsds.service.");
    buf_put(&whole, b->data, b->len);
    buf_reset(b);
    if (record_id_valid(buf_str(&whole), whole.len)) {
        buf_put(b, whole.data, whole.len);
    }
    buf_done(&whole);
}

static int end_row(struct made *m)
{
    bool any = false, first = true;
    for (int i = 0; i < C_COUNT; i++) {
        any = any || m->cell[i].len > 0;
    }
    settle_id(m);
    if (m->kind == LISTING && m->cell[C_KIND].len == 0) {
        buf_puts(&m->cell[C_KIND], "service"); /* the standard knows nothing else */
    }
    int r = 0;
    for (int i = 0; any && r == 0 && i < C_COUNT; i++) {
        if (member_of[m->kind][i] != NULL) {
            r = csv_text(m->out, first, span_of(m->cell[i].data, m->cell[i].len));
            first = false;
        }
        r = r < 0 ? r : m->cell[i].err;
    }
    for (int i = 0; i < C_COUNT; i++) {
        buf_reset(&m->cell[i]);
    }
    m->rows += any;
    return any && r == 0 ? csv_end(m->out) : r;
}

static int put_heading(struct made *m)
{
    bool first = true;
    for (int i = 0; i < C_COUNT; i++) {
        const char *name = member_of[m->kind][i];
        if (name != NULL) {
            (void)csv_raw(m->out, first, span_of(name, strlen(name)));
            first = false;
        }
    }
    return csv_end(m->out);
}

/* ---- JSON ---- */

static bool element(struct span v, size_t i, struct span *ret)
{
    struct jcur c;
    bool ok = jcur_array(&c, v);
    for (size_t at = 0; ok && at <= i; at++) {
        ok = jcur_element(&c, ret);
    }
    return ok;
}

static bool at_path(struct span v, const char *path, struct span *ret)
{
    char name[40];
    for (const char *p = path; *p != '\0';) {
        size_t n = strcspn(p, ".");
        memcpy(name, p, n);
        name[n] = '\0';
        bool ok = name[0] == '0' ? element(v, 0, &v) : jcur_get(v, name, &v);
        if (!ok) {
            return false;
        }
        p += n + (p[n] == '.');
    }
    *ret = v;
    return true;
}

/* A string's text, or a number as it stands. */
static int text_of(struct span v, struct buf *out)
{
    buf_reset(out);
    if (v.n > 0 && v.p[0] == '"') {
        return jcur_text(v, out);
    }
    return v.n > 0 && (v.p[0] == '-' || (v.p[0] >= '0' && v.p[0] <= '9')) ? buf_put(out, v.p, v.n)
                                                                          : 0;
}

/* Is that a word of the member's list, or one that was added to it and is in use? */
static bool is_choice(const struct made *m, enum column to, struct span word)
{
    const struct kind_field *f = kind_field_find(m->k, member_of[m->kind][to]);
    const struct app_code *c = NULL;
    if (f == NULL || f->choices == NULL) {
        return false;
    }
    c = app_code_find(m->a, kind_open_list(f), word);
    return c != NULL ? !c->off : kind_word_known(f, word);
}

static void put_term(struct made *m, struct span term)
{
    struct span v, tax, code;
    if (!jcur_get(term, "taxonomy", &v) || !jcur_plain(v, &tax) || !jcur_get(term, "code", &v) ||
        !jcur_plain(v, &code)) {
        return;
    }
    for (size_t i = 0; i < sizeof terms / sizeof terms[0]; i++) {
        enum column to = terms[i].to[m->kind];
        if (to != C_COUNT && span_eqs(tax, terms[i].taxonomy) && is_choice(m, to, code)) {
            buf_puts(&m->cell[to], m->cell[to].len == 0 ? "" : TABLE_BETWEEN);
            buf_put(&m->cell[to], code.p, code.n);
        }
    }
}

static void put_lists(struct made *m, struct span o)
{
    struct jcur c;
    struct span v, e, x;
    if (jcur_get(o, "attributes", &v) && jcur_array(&c, v)) {
        while (jcur_element(&c, &e)) {
            if (jcur_get(e, "taxonomy_term", &x)) {
                put_term(m, x);
            }
        }
    }
    if (jcur_get(o, "organization_identifiers", &v) && jcur_array(&c, v)) {
        while (jcur_element(&c, &e)) {
            struct span id, plain;
            if (jcur_get(e, "identifier_scheme", &x) && span_eqs(x, "\"CN-USCI\"") &&
                jcur_get(e, "identifier", &id) && jcur_plain(id, &plain)) {
                put(m, C_USCI, AS_IS, plain);
            }
        }
    }
}

/* Other money than ours stays in its own words (fees_description). */
static void put_cost(struct made *m, struct span o)
{
    struct span v, amount;
    if (at_path(o, "cost_options.0.currency", &v) &&
        (span_eqs(v, "\"CNY\"") || span_eqs(v, "\"cny\"")) &&
        at_path(o, "cost_options.0.amount", &amount) && amount.n > 0 && amount.p[0] != '"') {
        bool free = span_eqs(amount, "0");
        if (m->cell[C_FEE].len == 0) {
            put(m, C_FEE, AS_IS, free ? span_of("free", 4) : span_of("paid", 4));
        }
        put(m, C_PRICE, AS_IS, free ? span_of(NULL, 0) : amount);
    }
}

static int put_object(struct made *m, struct span o)
{
    struct span v;
    struct buf text;
    int r = 0;
    buf_init(&text, IMPORT_ROW_BYTES);
    put_lists(m, o);
    for (size_t i = 0; r == 0 && i < RULES; i++) {
        if (rules[i].kind == m->kind && at_path(o, rules[i].path, &v)) {
            r = text_of(v, &text);
            put(m, rules[i].to, rules[i].how, span_of(text.data, text.len));
        }
    }
    put_cost(m, o);
    buf_done(&text);
    return r < 0 ? r : end_row(m);
}

/* A page of the interface, a list, the tables of one file, or one thing alone. */
static int from_json(struct made *m, struct span text, struct fault *f)
{
    struct buf tidy;
    struct span all, v;
    struct jcur c;
    buf_init(&tidy, 2 * IMPORT_BYTES);
    int r = tidy_json_loose(text, &tidy, f);
    all = v = span_of(tidy.data, tidy.len);
    if (r == 0 && (jcur_get(all, "contents", &v) ||
                   jcur_get(all, m->kind == ORG ? "organizations.csv" : "services.csv", &v) ||
                   all.p[0] == '[')) {
        bool ok = jcur_array(&c, v);
        r = ok ? 0 : SANJI_E_SPEC;
        for (struct span e; r == 0 && ok && jcur_element(&c, &e);) {
            r = put_object(m, e);
        }
    } else if (r == 0) {
        r = jcur_get(all, "name", &v) ? put_object(m, all) : SANJI_E_SPEC;
    }
    buf_done(&tidy);
    return r == SANJI_E_SPEC || (r == 0 && m->rows == 0)
               ? fault_set(f, SANJI_E_SPEC, "file", "services or organizations of HSDS")
               : r;
}

/* ---- CSV ---- */

static bool in_list(const char *list, struct span word)
{
    for (const char *p = list; *p != '\0';) {
        size_t n = strcspn(p, " ");
        if (n == word.n && memcmp(p, word.p, n) == 0) {
            return true;
        }
        p += n + (p[n] == ' ');
    }
    return false;
}

/* Its heading has a name and what no table of ours calls so. */
static int on_heading(const struct span *cell, size_t n, long row, void *arg)
{
    static const char marks[] = "description service_description organization_description "
                                "alternate_name organization_uuid location_uuid";
    struct made *m = arg;
    bool named = false, marked = false;
    m->head = row;
    for (m->n = 0; m->n < n; m->n++) {
        m->rule[m->n] = -1;
        marked = marked || in_list(marks, cell[m->n]);
        for (int i = 0; i < RULES; i++) {
            if (rules[i].kind == m->kind && in_list(rules[i].heads, cell[m->n])) {
                m->rule[m->n] = i;
                named = named || rules[i].to == C_NAME;
            }
        }
    }
    m->is = named && marked;
    return 1;
}

static int on_row(const struct span *cell, size_t n, long row, void *arg)
{
    struct made *m = arg;
    if (row <= m->head) {
        return 0;
    }
    for (int i = 0; i < RULES; i++) { /* in the order of the rules: paragraphs have one */
        for (size_t k = 0; k < n && k < m->n; k++) {
            if (m->rule[k] == i) {
                put(m, rules[i].to, rules[i].how, csv_unguard(cell[k]));
            }
        }
    }
    return end_row(m);
}

static int from_csv(struct made *m, struct span text, struct fault *f)
{
    char sep = csv_separator(&text);
    int r = csv_read(text, sep, LONG_MAX, on_heading, m, f);
    r = r > 0 ? 0 : r;
    if (r == 0 && m->is) {
        r = csv_read(text, sep, LONG_MAX, on_row, m, f);
    }
    return r;
}

int app__import_hsds(const struct app *a, const struct kind *k, struct span text, struct buf *out,
                     bool *ret, struct fault *f)
{
    struct made *m = calloc(1, sizeof *m);
    size_t mark = sizeof CSV_BOM - 1;
    size_t skip = text.n >= mark && memcmp(text.p, CSV_BOM, mark) == 0 ? mark : 0;
    if (m == NULL) {
        return SANJI_E_NOMEM;
    }
    while (skip < text.n && strchr(" \t\r\n", text.p[skip]) != NULL && text.p[skip] != '\0') {
        skip++;
    }
    bool json = skip < text.n && (text.p[skip] == '{' || text.p[skip] == '[');
    bool org = strcmp(k->name, "org") == 0, ours = org || strcmp(k->name, "listing") == 0;
    *m = (struct made){.a = a, .k = k, .kind = org ? ORG : LISTING, .out = out, .is = json};
    for (int i = 0; i < C_COUNT; i++) {
        buf_init(&m->cell[i], IMPORT_ROW_BYTES);
    }
    int r = json && !ours
                ? fault_set(f, SANJI_E_SPEC, "file", "a table; HSDS makes listings or archives")
                : 0;
    r = r < 0 || !ours ? r : put_heading(m);
    r = r < 0 || !ours ? r
        : json         ? from_json(m, span_of(text.p + skip, text.n - skip), f)
                       : from_csv(m, text, f);
    *ret = r == 0 && m->is && ours;
    for (int i = 0; i < C_COUNT; i++) {
        buf_done(&m->cell[i]);
    }
    free(m);
    return r;
}
