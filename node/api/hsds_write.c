/* SPDX-License-Identifier: Apache-2.0 */
/* Records as objects of HSDS 3.0, member by member. What a record does not say is left out; what
 * the specification requires and no record says (a postal code) is empty. Text is copied as it
 * stands in the record, where it is in the one spelling already. */
#include "node/api/hsds.h"
#include "node/app_table.h"
#include "node/data/area.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <string.h>

enum { LABEL_BYTES = 4096, TIME_BYTES = 32 };

void hsds_id(const char *what, const char *owner, const char *id, char ret[static HSDS_ID + 1])
{
    uint8_t h[HASH_LEN];
    char text[256];
    int n = snprintf(text, sizeof text, "sanji hsds|%s|%s|%s", what, owner, id);
    hash_bytes(text, n > 0 && n < (int)sizeof text ? (size_t)n : sizeof text - 1, h);
    h[6] = (uint8_t)(0x80 | (h[6] & 0x0f)); /* RFC 9562: of one's own making */
    h[8] = (uint8_t)(0x80 | (h[8] & 0x3f));
    (void)snprintf(ret, HSDS_ID + 1,
                   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", h[0],
                   h[1], h[2], h[3], h[4], h[5], h[6], h[7], h[8], h[9], h[10], h[11], h[12], h[13],
                   h[14], h[15]);
}

static void put_id(struct jw *w, const char *what, const char *owner, const char *id)
{
    char u[HSDS_ID + 1];
    hsds_id(what, owner, id, u);
    jw_str(w, "id", u);
}

/* A text of the record under the specification's name for it; false: it says nothing there. */
static bool copy(struct jw *w, struct span d, const char *from, const char *to)
{
    struct span v;
    if (!jcur_get(d, from, &v) || v.n <= 2) {
        return false;
    }
    jw_raw(w, to, v.p, v.n);
    return true;
}

static bool has(struct span d, const char *name)
{
    struct span v;
    return jcur_get(d, name, &v) && v.n > 2;
}

/* An integer in units of 10^-digits as the decimal number it means. */
static void put_decimal(struct jw *w, const char *name, int64_t v, int digits)
{
    char text[48];
    int64_t one = 1;
    for (int i = 0; i < digits; i++) {
        one *= 10;
    }
    int64_t whole = (v < 0 ? -v : v) / one, rest = (v < 0 ? -v : v) % one;
    int n = snprintf(text, sizeof text, "%s%lld.%0*lld", v < 0 ? "-" : "", (long long)whole, digits,
                     (long long)rest);
    while (n > 0 && text[n - 1] == '0') {
        n--;
    }
    n -= n > 0 && text[n - 1] == '.';
    jw_raw(w, name, text, (size_t)n);
}

/* ---- taxonomies ---- */

const struct hsds_tax hsds_taxes[HSDS_TAXES] = {
    {"resource", "listing", "kind", false},
    {"field", "listing", "field", true},
    {"mode", "listing", "mode", false},
    {"audience", "listing", "who", false},
    {"fee", "listing", "fee", false},
    {"availability", "listing", "capacity_state", false},
    {"organization_kind", "card", "kind", true},
    {"organization_stage", "card", "stage", true},
};

const struct kind_field *hsds_tax_field(const struct hsds_tax *t, const struct kind **ret_k)
{
    *ret_k = kind_find(t->kind);
    return kind_field_find(*ret_k, t->field);
}

static const char *tax_label(const struct api_call *c, const struct hsds_tax *t)
{
    char key[96];
    snprintf(key, sizeof key, "kind.%s.%s", t->kind, t->field);
    const char *s = text_label(c->lang, key);
    return s != NULL ? s : t->name;
}

void hsds_put_tax(struct api_call *c, struct jw *w, const char *name, const struct hsds_tax *t)
{
    jw_obj(w, name);
    put_id(w, "taxonomy", "", t->name);
    jw_str(w, "name", t->name);
    jw_str(w, "description", tax_label(c, t));
    jw_str(w, "version", SANJI_VERSION);
    jw_end_obj(w);
}

void hsds_term_id(const struct hsds_tax *t, struct span word, char ret[static HSDS_ID + 1])
{
    char text[96];
    snprintf(text, sizeof text, "%.*s", (int)word.n, (const char *)word.p);
    hsds_id("term", t->name, text, ret);
}

static void put_label(struct api_call *c, struct jw *w, const char *name, const struct hsds_tax *t,
                      struct span word)
{
    const struct kind *k;
    const struct kind_field *f = hsds_tax_field(t, &k);
    struct buf b;
    buf_init(&b, LABEL_BYTES);
    app_table_choice(c->app, k, f, word, c->lang, &b);
    jw_strn(w, name, buf_str(&b), b.len);
    buf_done(&b);
}

void hsds_put_term(struct api_call *c, struct jw *w, const char *name, const struct hsds_tax *t,
                   struct span word)
{
    char id[HSDS_ID + 1];
    hsds_term_id(t, word, id);
    jw_obj(w, name);
    jw_str(w, "id", id);
    jw_strn(w, "code", (const char *)word.p, word.n);
    put_label(c, w, "name", t, word);
    jw_str(w, "description", tax_label(c, t));
    jw_str(w, "taxonomy", t->name);
    hsds_put_tax(c, w, "taxonomy_detail", t);
    jw_str(w, "language", c->lang == TEXT_ZH ? "zh" : "en");
    jw_end_obj(w);
}

/* Walks the choices a record has made in one list: fn until it says stop. */
typedef bool word_fn(const struct hsds_tax *t, struct span word, void *arg);
static bool each_word(const struct hsds_tax *t, struct span d, word_fn *fn, void *arg)
{
    struct span v, e, word;
    struct jcur c;
    if (!jcur_get(d, t->field, &v)) {
        return false;
    }
    if (!jcur_array(&c, v)) {
        return jcur_plain(v, &word) && fn(t, word, arg);
    }
    while (jcur_element(&c, &e)) {
        if (jcur_plain(e, &word) && fn(t, word, arg)) {
            return true;
        }
    }
    return false;
}

static bool concerns(const struct hsds_tax *t, const char *kind)
{
    return strcmp(kind, t->kind) == 0 || (t->card && strcmp(kind, "card") == 0);
}

static bool same_term(const struct hsds_tax *t, struct span word, void *arg)
{
    char id[HSDS_ID + 1];
    hsds_term_id(t, word, id);
    return strcmp(id, arg) == 0;
}

bool hsds_has_term(const char *kind, struct span d, const char *term)
{
    for (size_t i = 0; i < HSDS_TAXES; i++) {
        if (concerns(&hsds_taxes[i], kind) &&
            each_word(&hsds_taxes[i], d, same_term, (void *)(uintptr_t)term)) {
            return true;
        }
    }
    return false;
}

struct attributes {
    struct api_call *c;
    struct jw *w;
    const struct store_rec *rec;
    const char *entity;
};

static bool put_attribute(const struct hsds_tax *t, struct span word, void *arg)
{
    const struct attributes *x = arg;
    char id[2 * LIM_ID_BYTES + 96];
    snprintf(id, sizeof id, "%s|%s|%.*s", x->rec->id, t->name, (int)word.n, (const char *)word.p);
    jw_obj(x->w, NULL);
    put_id(x->w, "attribute", x->rec->owner, id);
    jw_str(x->w, "link_entity", x->entity);
    hsds_put_term(x->c, x->w, "taxonomy_term", t, word);
    put_label(x->c, x->w, "label", t, word);
    jw_end_obj(x->w);
    return false;
}

static void put_attributes(struct api_call *c, struct jw *w, const struct store_rec *rec,
                           const char *entity)
{
    struct attributes x = {c, w, rec, entity};
    jw_arr(w, "attributes");
    for (size_t i = 0; i < HSDS_TAXES; i++) {
        if (concerns(&hsds_taxes[i], rec->kind)) {
            (void)each_word(&hsds_taxes[i], rec->d, put_attribute, &x);
        }
    }
    jw_end_arr(w);
}

/* ---- what several things have ---- */

static void put_phones(struct jw *w, const char *what, const struct store_rec *rec)
{
    if (has(rec->d, "phone")) {
        jw_arr(w, "phones");
        jw_obj(w, NULL);
        put_id(w, what, rec->owner, rec->id);
        (void)copy(w, rec->d, "phone", "number");
        jw_str(w, "type", "voice");
        jw_end_obj(w);
        jw_end_arr(w);
    }
}

/* The office that answers: no person stands in a listing or a card. */
static void put_contacts(struct jw *w, const struct store_rec *rec)
{
    if (has(rec->d, "desk") || has(rec->d, "org")) {
        jw_arr(w, "contacts");
        jw_obj(w, NULL);
        put_id(w, "contact", rec->owner, rec->id);
        (void)copy(w, rec->d, "org", "name");
        (void)copy(w, rec->d, "desk", "department");
        jw_end_obj(w);
        jw_end_arr(w);
    }
}

/* ---- organizations ---- */

void hsds_put_platform(struct api_call *c, struct jw *w, const char *name,
                       const struct roster_node *n)
{
    char up[HSDS_ID + 1];
    struct buf b;
    jw_obj(w, name);
    put_id(w, "organization", n->id.s, "");
    jw_str(w, "name", n->name);
    buf_init(&b, LABEL_BYTES);
    bool named = app_area_name(c->app, n->area, &b) == 0 && b.len > 0;
    jw_str(w, "description", named ? buf_str(&b) : n->name); /* required: where it is */
    buf_done(&b);
    if (n->up.s[0] != '\0') {
        hsds_id("organization", n->up.s, "", up);
        jw_str(w, "parent_organization_id", up);
    }
    jw_end_obj(w);
}

static void put_identifier(struct api_call *c, struct jw *w, const struct store_rec *rec)
{
    if (has(rec->d, "usci")) {
        const char *label = text_label(c->lang, "kind.card.usci");
        jw_arr(w, "organization_identifiers");
        jw_obj(w, NULL);
        put_id(w, "identifier", rec->owner, rec->id);
        jw_str(w, "identifier_scheme", "CN-USCI");
        jw_str(w, "identifier_type", label != NULL ? label : "USCI");
        (void)copy(w, rec->d, "usci", "identifier");
        jw_end_obj(w);
        jw_end_arr(w);
    }
}

static void put_legal_status(struct api_call *c, struct jw *w, struct span d)
{
    struct span v, word;
    for (size_t i = 0; i < HSDS_TAXES; i++) {
        if (strcmp(hsds_taxes[i].name, "organization_kind") == 0 && jcur_get(d, "kind", &v) &&
            jcur_plain(v, &word)) {
            put_label(c, w, "legal_status", &hsds_taxes[i], word);
        }
    }
}

void hsds_put_card(struct api_call *c, struct jw *w, const struct store_rec *rec,
                   enum hsds_form form)
{
    struct span v, day;
    int64_t year = 0;
    jw_obj(w, NULL);
    put_id(w, "organization", rec->owner, rec->id);
    (void)copy(w, rec->d, "name", "name");
    if (!copy(w, rec->d, "purpose", "description")) {
        (void)copy(w, rec->d, "name", "description"); /* required */
    }
    (void)copy(w, rec->d, "url", "website");
    if (jcur_get(rec->d, "founded", &v) && jcur_plain(v, &day) && day.n > 4 &&
        text_i64((const char *)day.p, 4, 1, 9999, &year) == 0) {
        jw_int(w, "year_incorporated", year);
    }
    put_legal_status(c, w, rec->d);
    if (form >= HSDS_INNER) {
        put_contacts(w, rec);
        put_phones(w, "phone", rec);
        put_identifier(c, w, rec);
        put_attributes(c, w, rec, "organization");
    }
    jw_end_obj(w);
}

/* ---- services ---- */

static void put_times(struct jw *w, const struct store_rec *rec)
{
    if (has(rec->d, "hours")) {
        jw_arr(w, "schedules");
        jw_obj(w, NULL);
        put_id(w, "schedule", rec->owner, rec->id);
        (void)copy(w, rec->d, "hours", "description");
        jw_end_obj(w);
        jw_end_arr(w);
    }
}

static void put_area(struct api_call *c, struct jw *w, const struct store_rec *rec)
{
    struct span v, code;
    struct buf b;
    char area[16];
    if (!jcur_get(rec->d, "area", &v) || !jcur_plain(v, &code) || code.n >= sizeof area) {
        return;
    }
    memcpy(area, code.p, code.n);
    area[code.n] = '\0';
    buf_init(&b, LABEL_BYTES);
    bool named = app_area_name(c->app, area, &b) == 0 && b.len > 0;
    jw_arr(w, "service_areas");
    jw_obj(w, NULL);
    put_id(w, "area", "", area);
    jw_str(w, "name", named ? buf_str(&b) : area);
    jw_str(w, "extent", area);
    jw_str(w, "extent_type", "text");
    jw_end_obj(w);
    jw_end_arr(w);
    buf_done(&b);
}

static void put_cost(struct api_call *c, struct jw *w, const struct store_rec *rec)
{
    struct span v, fee;
    int64_t price = 0;
    if (!jcur_get(rec->d, "fee", &v) || !jcur_plain(v, &fee)) {
        return;
    }
    jw_arr(w, "cost_options");
    jw_obj(w, NULL);
    put_id(w, "cost", rec->owner, rec->id);
    for (size_t i = 0; i < HSDS_TAXES; i++) {
        if (strcmp(hsds_taxes[i].name, "fee") == 0) {
            put_label(c, w, "option", &hsds_taxes[i], fee);
        }
    }
    if (span_eqs(fee, "free") || (jcur_get(rec->d, "price", &v) && jcur_int(v, &price))) {
        jw_str(w, "currency", "CNY");
        put_decimal(w, "amount", price, 2);
    }
    (void)copy(w, rec->d, "price_note", "amount_description");
    jw_end_obj(w);
    jw_end_arr(w);
}

/* "All platforms, residents": whom it is for, in words. */
struct words {
    const struct app *app;
    struct buf *b;
    enum text_lang lang;
};
static bool add_word(const struct hsds_tax *t, struct span word, void *arg)
{
    const struct words *x = arg;
    const struct kind *k;
    const struct kind_field *f = hsds_tax_field(t, &k);
    buf_puts(x->b, x->b->len == 0 ? "" : x->lang == TEXT_ZH ? "\xe3\x80\x81" : ", ");
    app_table_choice(x->app, k, f, word, x->lang, x->b);
    return false;
}

static void put_eligible(struct api_call *c, struct jw *w, struct span d)
{
    struct buf b;
    buf_init(&b, LABEL_BYTES);
    struct words x = {c->app, &b, c->lang};
    for (size_t i = 0; i < HSDS_TAXES; i++) {
        if (strcmp(hsds_taxes[i].name, "audience") == 0) {
            (void)each_word(&hsds_taxes[i], d, add_word, &x);
        }
    }
    if (b.len > 0) {
        jw_strn(w, "eligibility_description", buf_str(&b), b.len);
    }
    buf_done(&b);
}

static void put_once(struct api_call *c, struct jw *w, const struct store_rec *rec)
{
    (void)copy(w, rec->d, "title", "name");
    (void)copy(w, rec->d, "detail", "description");
    (void)copy(w, rec->d, "url", "url");
    jw_str(w, "status", strcmp(rec->state, "paused") == 0 ? "inactive" : "active");
    (void)copy(w, rec->d, "price_note", "fees_description");
    put_eligible(c, w, rec->d);
    (void)copy(w, rec->d, "assured", "assured_date");
}

void hsds_put_service(struct api_call *c, struct jw *w, const char *name,
                      const struct store_rec *rec, enum hsds_form form)
{
    const struct roster_node *n = roster_node(app_roster(c->app), rec->owner);
    char changed[TIME_BYTES];
    jw_obj(w, name);
    put_id(w, "service", rec->owner, rec->id);
    if (form > HSDS_MINIMAL) {
        put_once(c, w, rec);
    }
    time_write(rec->got, changed); /* what modified_after compares */
    jw_str(w, "last_modified", changed);
    if (form >= HSDS_INNER) {
        put_phones(w, "phone", rec);
        put_times(w, rec);
        put_area(c, w, rec);
        put_cost(c, w, rec);
        put_contacts(w, rec);
        put_attributes(c, w, rec, "service");
    }
    if (form == HSDS_FULL && hsds_has_place(rec->d)) {
        jw_arr(w, "service_at_locations");
        hsds_put_place(c, w, rec, HSDS_INNER);
        jw_end_arr(w);
    }
    if (form > HSDS_MINIMAL && n != NULL) {
        hsds_put_platform(c, w, "organization", n);
    }
    jw_end_obj(w);
}

/* ---- locations ---- */

bool hsds_has_place(struct span d)
{
    struct span v;
    return has(d, "address") || jcur_get(d, "lat", &v);
}

/* Names of one level of the record's area; a city that is a province ("北京市") is both. */
static void put_level(struct jw *w, const char *name, struct span code, size_t digits,
                      size_t or_digits)
{
    struct buf b;
    char part[16];
    buf_init(&b, LABEL_BYTES);
    for (int i = 0; i < 2 && b.len == 0; i++) {
        size_t n = i == 0 ? digits : or_digits;
        if (n > 0 && code.n >= n && n < sizeof part) {
            memcpy(part, code.p, n);
            part[n] = '\0';
            (void)area_part_name(part, &b);
        }
    }
    jw_strn(w, name, buf_str(&b), b.len);
    buf_done(&b);
}

static void put_address(struct jw *w, const struct store_rec *rec)
{
    struct span v, code = {0};
    if (jcur_get(rec->d, "area", &v)) {
        (void)jcur_plain(v, &code);
    }
    jw_arr(w, "addresses");
    jw_obj(w, NULL);
    put_id(w, "address", rec->owner, rec->id);
    if (!copy(w, rec->d, "address", "address_1")) {
        jw_str(w, "address_1", "");
    }
    put_level(w, "city", code, 4, 2);
    if (code.n >= 6) {
        put_level(w, "region", code, 6, 0);
    }
    put_level(w, "state_province", code, 2, 0);
    jw_str(w, "postal_code", ""); /* required, and no record says it */
    jw_str(w, "country", "CN");
    jw_str(w, "address_type", "physical");
    jw_end_obj(w);
    jw_end_arr(w);
}

static void put_location(struct jw *w, const struct store_rec *rec, enum hsds_form form)
{
    struct span v;
    int64_t lat = 0, lng = 0;
    jw_obj(w, "location");
    put_id(w, "location", rec->owner, rec->id);
    jw_str(w, "location_type", "physical");
    (void)copy(w, rec->d, "title", "name");
    if (jcur_get(rec->d, "lat", &v) && jcur_int(v, &lat) && jcur_get(rec->d, "lng", &v) &&
        jcur_int(v, &lng)) {
        put_decimal(w, "latitude", lat, 7);
        put_decimal(w, "longitude", lng, 7);
    }
    if (form >= HSDS_INNER) {
        put_address(w, rec);
    }
    jw_end_obj(w);
}

void hsds_put_place(struct api_call *c, struct jw *w, const struct store_rec *rec,
                    enum hsds_form form)
{
    jw_obj(w, NULL);
    put_id(w, "service_at_location", rec->owner, rec->id);
    (void)copy(w, rec->d, "title", "description");
    put_location(w, rec, form);
    if (form == HSDS_LIST) {
        hsds_put_service(c, w, "service", rec, HSDS_LIST);
    } else if (form == HSDS_FULL) {
        hsds_put_service(c, w, "service", rec, HSDS_INNER);
    }
    jw_end_obj(w);
}
