/* SPDX-License-Identifier: Apache-2.0 */
/* /hsds/: the read-only interface of HSDS 3.0. Lists come in pages that know how many there are, so
 * each walks over all listings or cards; what only part of the federation may see is left out. */
#include "node/api/hsds.h"

#include "node/app_codes.h"
#include "protocol/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PER_PAGE = 25, PER_PAGE_MAX = 100, CONTENTS_BYTES = 24 << 20 };

struct list {
    struct api_call *c;
    struct buf out;
    struct jw w;
    int64_t page, per, total, size;
    int64_t after_ms;
    char search[256], term[64], org[64];
    bool full, minimal;
    bool places;    /* listings as services at locations */
    const char *id; /* the one thing looked for; NULL: a list */
};

/* ---- what is asked ---- */

static int flag(struct api_call *c, const char *name, bool *ret)
{
    char s[8];
    int r = api_query(c, name, s, sizeof s);
    *ret = r == 0 && strcmp(s, "true") == 0;
    return r == 0 && (*ret || s[0] == '\0' || strcmp(s, "false") == 0)
               ? 0
               : fault_set(&c->f, SANJI_E_SPEC, name, "true false");
}

static int word(struct api_call *c, const char *name, char *out, size_t max)
{
    return api_query(c, name, out, max) < 0 ? fault_set(&c->f, SANJI_E_SPEC, name, NULL) : 0;
}

static bool digits(const char *s, size_t n, int64_t max, int64_t *ret)
{
    int64_t v = 0;
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        ok = ok && s[i] >= '0' && s[i] <= '9';
        v = v * 10 + (s[i] - '0');
    }
    *ret = v;
    return ok && v <= max;
}

/* "Z", "+08:00", or " 08:00" where a plus sign was not escaped; nothing: UTC+8. */
static bool zone(const char *s, int64_t *ret_min)
{
    int64_t h = 0, m = 0;
    *ret_min = 480;
    if (s[0] == '\0' || strcmp(s, "Z") == 0 || strcmp(s, "z") == 0) {
        *ret_min = s[0] == '\0' ? 480 : 0;
        return true;
    }
    bool ok = strchr("+- ", s[0]) != NULL && strlen(s) == 6 && s[3] == ':' &&
              digits(s + 1, 2, 23, &h) && digits(s + 4, 2, 59, &m);
    *ret_min = (h * 60 + m) * (s[0] == '-' ? -1 : 1);
    return ok;
}

/* A day, or a moment as RFC 3339 has it. */
static bool moment(const char *s, int64_t *ret_ms)
{
    int64_t h = 0, m = 0, sec = 0, off = 480;
    int day = 0;
    size_t n = strlen(s);
    if (n < 10 || date_parse(s, 10, &day) < 0) {
        return false;
    }
    bool ok = n == 10;
    if (n >= 16 && (s[10] == 'T' || s[10] == 't') && s[13] == ':') {
        const char *p = s + 16;
        ok = digits(s + 11, 2, 23, &h) && digits(s + 14, 2, 59, &m);
        if (ok && p[0] == ':') {
            ok = strlen(p) >= 3 && digits(p + 1, 2, 60, &sec);
            p += ok ? 3 : 0;
            p += ok && p[0] == '.' ? 1 + strspn(p + 1, "0123456789") : 0;
        }
        ok = ok && zone(p, &off);
    }
    *ret_ms = ((((int64_t)day * 24 + h) * 60 + m - off) * 60 + sec) * 1000;
    return ok;
}

static int read_moment(struct list *l)
{
    char s[48];
    int r = word(l->c, "modified_after", s, sizeof s);
    l->after_ms = INT64_MIN;
    return r < 0 || s[0] == '\0' || moment(s, &l->after_ms)
               ? r
               : fault_set(&l->c->f, SANJI_E_SPEC, "modified_after", "a date YYYY-MM-DD");
}

static int read_page(struct list *l)
{
    char s[16];
    l->page = 1;
    l->per = PER_PAGE;
    int r = api_query_int(l->c, "page", 1, 1000000, &l->page);
    r = r < 0 ? r : api_query_int(l->c, "per_page", 1, PER_PAGE_MAX, &l->per);
    r = r < 0 ? r : word(l->c, "format", s, sizeof s);
    return r < 0 || s[0] == '\0' || strcmp(s, "json") == 0
               ? r
               : fault_set(&l->c->f, SANJI_E_SPEC, "format", "json");
}

static int begin(struct api_call *c, struct list *l)
{
    *l = (struct list){.c = c, .after_ms = INT64_MIN};
    buf_init(&l->out, CONTENTS_BYTES);
    jw_init(&l->w, &l->out);
    jw_arr(&l->w, NULL);
    return read_page(l);
}

static int end(struct list *l, int r)
{
    struct jw *w = &l->c->w;
    int64_t pages = (l->total + l->per - 1) / l->per;
    jw_end_arr(&l->w);
    r = r < 0 ? r : jw_done(&l->w);
    if (r == 0) {
        jw_obj(w, NULL);
        jw_int(w, "total_items", l->total);
        jw_int(w, "total_pages", pages);
        jw_int(w, "page_number", l->page);
        jw_int(w, "size", l->size);
        jw_bool(w, "first_page", l->page == 1);
        jw_bool(w, "last_page", l->page >= pages);
        jw_bool(w, "empty", l->size == 0);
        jw_raw(w, "contents", l->out.data, l->out.len);
        jw_end_obj(w);
    }
    buf_done(&l->out);
    return r;
}

/* One more that fits; is it on the page asked for? */
static bool on_page(struct list *l)
{
    int64_t at = l->total++;
    bool on = at >= (l->page - 1) * l->per && at < l->page * l->per;
    l->size += on;
    return on;
}

/* ---- walking over records ---- */

static int walk(struct list *l, const char *kind, store_rec_fn fn)
{
    struct store_filter f = {.kind = kind,
                             .text = l->search[0] == '\0' ? NULL : l->search,
                             .limit = INT64_MAX / 2,
                             .now_ms = l->c->now};
    int r = store_record_list(l->c->app->store, &f, fn, l);
    return r > 0 ? 0 : r;
}

/* Who harvests goes by this node's clock: what a writer's clock says may lie before the last visit
 * though it has come since. */
static bool fits(const struct list *l, const struct store_rec *rec)
{
    char org[HSDS_ID + 1];
    if (strcmp(rec->aud, "fed") != 0 || rec->got < l->after_ms ||
        (l->places && !hsds_has_place(rec->d)) ||
        (l->term[0] != '\0' && !hsds_has_term(rec->kind, rec->d, l->term))) {
        return false;
    }
    hsds_id("organization", rec->owner, "", org);
    return l->org[0] == '\0' || strcmp(org, l->org) == 0;
}

static void put_listing(struct list *l, struct jw *w, const struct store_rec *rec, bool all)
{
    enum hsds_form form = l->minimal ? HSDS_MINIMAL : all ? HSDS_FULL : HSDS_LIST;
    if (l->places) {
        hsds_put_place(l->c, w, rec, form);
    } else {
        hsds_put_service(l->c, w, NULL, rec, form);
    }
}

static int on_listing(const struct store_rec *rec, void *arg)
{
    struct list *l = arg;
    if (fits(l, rec) && on_page(l)) {
        put_listing(l, &l->w, rec, l->full);
    }
    return l->w.err;
}

static int on_wanted(const struct store_rec *rec, void *arg)
{
    struct list *l = arg;
    char id[HSDS_ID + 1];
    if (!fits(l, rec)) {
        return 0;
    }
    hsds_id(l->places ? "service_at_location" : "service", rec->owner, rec->id, id);
    if (strcmp(id, l->id) != 0) {
        return 0;
    }
    l->total = 1;
    put_listing(l, &l->c->w, rec, true);
    return 1;
}

static int listings(struct api_call *c, bool places)
{
    struct list *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return SANJI_E_NOMEM;
    }
    int r = begin(c, l);
    l->places = places;
    r = r < 0 ? r : word(c, "search", l->search, sizeof l->search);
    r = r < 0 ? r : word(c, "taxonomy_term_id", l->term, sizeof l->term);
    r = r < 0 ? r : word(c, "organization_id", l->org, sizeof l->org);
    r = r < 0 ? r : read_moment(l);
    r = r < 0 ? r : flag(c, "full", &l->full);
    r = r < 0 || places ? r : flag(c, "minimal", &l->minimal);
    r = r < 0 ? r : walk(l, "listing", on_listing);
    r = end(l, r);
    free(l);
    return r;
}

static int listing(struct api_call *c, bool places)
{
    struct list l = {.c = c, .after_ms = INT64_MIN, .places = places, .id = c->param[0]};
    int r = walk(&l, "listing", on_wanted);
    return r == 0 && l.total == 0 ? SANJI_E_NOT_FOUND : r;
}

int h_hsds_services(struct api_call *c)
{
    return listings(c, false);
}

int h_hsds_service(struct api_call *c)
{
    return listing(c, false);
}

int h_hsds_places(struct api_call *c)
{
    return listings(c, true);
}

int h_hsds_place(struct api_call *c)
{
    return listing(c, true);
}

/* ---- organizations ---- */

static int on_card(const struct store_rec *rec, void *arg)
{
    struct list *l = arg;
    if (fits(l, rec) && on_page(l)) {
        hsds_put_card(l->c, &l->w, rec, l->full ? HSDS_FULL : HSDS_LIST);
    }
    return l->w.err;
}

static int on_wanted_card(const struct store_rec *rec, void *arg)
{
    struct list *l = arg;
    char id[HSDS_ID + 1];
    hsds_id("organization", rec->owner, rec->id, id);
    if (!fits(l, rec) || strcmp(id, l->id) != 0) {
        return 0;
    }
    l->total = 1;
    hsds_put_card(l->c, &l->c->w, rec, HSDS_FULL);
    return 1;
}

/* Platforms come first: they are what services name. */
static int platforms(struct list *l)
{
    const struct roster *ros = app_roster(l->c->app);
    for (size_t i = 0; i < roster_count(ros) && l->term[0] == '\0'; i++) {
        const struct roster_node *n = roster_at(ros, i);
        bool show = n->state == NODE_ACTIVE;
        int r = show && l->search[0] != '\0'
                    ? store_text_has(l->search, span_of(n->name, strlen(n->name)), &show)
                    : 0;
        if (r < 0) {
            return r;
        }
        if (show && on_page(l)) {
            hsds_put_platform(l->c, &l->w, NULL, n);
        }
    }
    return 0;
}

int h_hsds_organizations(struct api_call *c)
{
    struct list *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return SANJI_E_NOMEM;
    }
    int r = begin(c, l);
    r = r < 0 ? r : word(c, "search", l->search, sizeof l->search);
    r = r < 0 ? r : word(c, "taxonomy_term_id", l->term, sizeof l->term);
    r = r < 0 ? r : flag(c, "full", &l->full);
    r = r < 0 ? r : platforms(l);
    r = r < 0 ? r : walk(l, "card", on_card);
    r = end(l, r);
    free(l);
    return r;
}

int h_hsds_organization(struct api_call *c)
{
    const struct roster *ros = app_roster(c->app);
    char id[HSDS_ID + 1];
    for (size_t i = 0; i < roster_count(ros); i++) {
        const struct roster_node *n = roster_at(ros, i);
        hsds_id("organization", n->id.s, "", id);
        if (n->state == NODE_ACTIVE && strcmp(id, c->param[0]) == 0) {
            hsds_put_platform(c, &c->w, NULL, n);
            return 0;
        }
    }
    struct list l = {.c = c, .after_ms = INT64_MIN, .id = c->param[0]};
    int r = walk(&l, "card", on_wanted_card);
    return r == 0 && l.total == 0 ? SANJI_E_NOT_FOUND : r;
}

/* ---- taxonomies ---- */

int h_hsds_taxonomies(struct api_call *c)
{
    struct list l;
    int r = begin(c, &l);
    for (size_t i = 0; r == 0 && i < HSDS_TAXES; i++) {
        if (on_page(&l)) {
            hsds_put_tax(c, &l.w, NULL, &hsds_taxes[i]);
        }
    }
    return end(&l, r);
}

int h_hsds_taxonomy(struct api_call *c)
{
    char id[HSDS_ID + 1];
    for (size_t i = 0; i < HSDS_TAXES; i++) {
        hsds_id("taxonomy", "", hsds_taxes[i].name, id);
        if (strcmp(id, c->param[0]) == 0) {
            hsds_put_tax(c, &c->w, NULL, &hsds_taxes[i]);
            return 0;
        }
    }
    return SANJI_E_NOT_FOUND;
}

/* One more; false: it was the one looked for. */
static bool put_term(struct list *l, const struct hsds_tax *t, struct span word)
{
    char id[HSDS_ID + 1];
    if (l->id == NULL) {
        if (on_page(l)) {
            hsds_put_term(l->c, &l->w, NULL, t, word);
        }
        return true;
    }
    hsds_term_id(t, word, id);
    if (strcmp(id, l->id) != 0) {
        return true;
    }
    hsds_put_term(l->c, &l->c->w, NULL, t, word);
    return false;
}

/* Words of the table, then those that platforms added to an open list. */
static bool put_terms(struct list *l, const struct hsds_tax *t)
{
    const struct kind *k;
    const struct kind_field *f = hsds_tax_field(t, &k);
    const char *open = kind_open_list(f);
    const struct app_code *c = NULL;
    struct span w;
    for (const char *p = f->choices; api_doc_word(&p, &w);) {
        if (!put_term(l, t, w)) {
            return false;
        }
    }
    for (size_t pos = 0; open != NULL && (c = app_code_next(l->c->app, &pos)) != NULL;) {
        w = span_of(c->code, strlen(c->code));
        if (strcmp(c->list, open) == 0 && !kind_word_known(f, w) && !put_term(l, t, w)) {
            return false;
        }
    }
    return true;
}

/* Terms, of one taxonomy or (tax empty) all; id not NULL: that one alone, into the reply. */
static int terms(struct list *l, const char *tax)
{
    char id[HSDS_ID + 1];
    for (size_t i = 0; i < HSDS_TAXES; i++) {
        hsds_id("taxonomy", "", hsds_taxes[i].name, id);
        if ((tax[0] == '\0' || strcmp(id, tax) == 0) && !put_terms(l, &hsds_taxes[i])) {
            return 0;
        }
    }
    return l->id != NULL ? SANJI_E_NOT_FOUND : 0;
}

int h_hsds_terms(struct api_call *c)
{
    struct list l;
    char tax[64];
    int r = begin(c, &l);
    r = r < 0 ? r : word(c, "taxonomy_id", tax, sizeof tax);
    return end(&l, r < 0 ? r : terms(&l, tax));
}

int h_hsds_term(struct api_call *c)
{
    struct list l = {.c = c, .id = c->param[0]};
    return terms(&l, "");
}

/* ---- what this is ---- */

int h_hsds(struct api_call *c)
{
    char url[320];
    snprintf(url, sizeof url, "%s://%.250s/api/openapi.json", c->rq->is_tls ? "https" : "http",
             c->rq->host); /* one of this node's names, else dispatch.c would not be here */
    jw_obj(&c->w, NULL);
    jw_str(&c->w, "version", "3.0");
    jw_str(&c->w, "profile", "https://docs.openreferral.org/");
    jw_str(&c->w, "openapi_url", url);
    jw_end_obj(&c->w);
    return 0;
}
