/* SPDX-License-Identifier: Apache-2.0 */
/* What the table of routes does not say because nothing runs by it: names of the path's places,
 * what may stand behind the "?", and what comes back where it is not JSON. The description of the
 * interface (openapi.c) is made of both. api_query() accepts no name that is not here, and a test
 * wants a line for every route, so the two cannot drift apart. "*" stands for f.MEMBER of every
 * member by which the kind asked for may be filtered. What a route is for stands in node/text/
 * under "doc.METHOD PATH". */
#include "node/api/route.h"

#include <string.h>

#define LISTS "kind q owner state area * "

/* clang-format off */
const struct api_doc api_docs[] = {
    {"GET",  "/healthz",                   "", "", NULL},
    {"GET",  "/metrics",                   "", "", "text/plain"},
    {"GET",  "/api/certificate",           "", "", NULL},
    {"GET",  "/api/certificate/sanji.crt", "", "", "application/x-x509-ca-cert"},
    {"GET",  "/api/openapi.json",          "", "", NULL},
    {"GET",  "/api/me",                    "", "", NULL},
    {"POST", "/api/login",                 "", "", NULL},
    {"POST", "/api/logout",                "", "", NULL},
    {"POST", "/api/password",              "", "", NULL},
    {"GET",  "/api/second/new",            "", "", NULL},
    {"POST", "/api/second",                "", "", NULL},
    {"POST", "/api/second/off",            "", "", NULL},
    {"GET",  "/api/status",                "", "", NULL},
    {"GET",  "/api/kinds",                 "", "", NULL},
    {"GET",  "/api/records",               "", LISTS "limit after", NULL},
    {"GET",  "/api/records/export",        "", LISTS "limit after format head", "text/csv"},
    {"GET",  "/api/records/:/:/:",         "owner kind id", "", NULL},
    {"POST", "/api/records/:",             "kind", "", NULL},
    {"POST", "/api/records/:/:/withdraw",  "kind id", "", NULL},
    {"GET",  "/api/drafts",                "", "", NULL},
    {"GET",  "/api/drafts/:",              "name", "", NULL},
    {"POST", "/api/drafts/:",              "name", "", NULL},
    {"POST", "/api/drafts/:/drop",         "name", "", NULL},
    {"GET",  "/api/referrals",             "", "box state limit after", NULL},
    {"GET",  "/api/referrals/:",           "id", "", NULL},
    {"POST", "/api/referrals",             "", "", NULL},
    {"POST", "/api/referrals/:/:",         "id event", "", NULL},
    {"GET",  "/api/imports",               "", "", NULL},
    {"GET",  "/api/imports/:",             "number", "after", NULL},
    {"GET",  "/api/imports/:/bad",         "number", "", "text/csv"},
    {"POST", "/api/imports",               "", "", NULL},
    {"POST", "/api/imports/:/part",        "number", "", NULL},
    {"POST", "/api/imports/:/read",        "number", "", NULL},
    {"POST", "/api/imports/:/plan",        "number", "", NULL},
    {"POST", "/api/imports/:/start",       "number", "", NULL},
    {"POST", "/api/imports/:/undo",        "number", "", NULL},
    {"POST", "/api/imports/:/drop",        "number", "", NULL},
    {"GET",  "/api/uploads",               "", "", NULL},
    {"GET",  "/api/uploads/:",             "id", "", NULL},
    {"POST", "/api/uploads",               "", "", NULL},
    {"POST", "/api/uploads/:/part",        "id", "", NULL},
    {"POST", "/api/uploads/:/finish",      "id", "", NULL},
    {"POST", "/api/uploads/:/drop",        "id", "", NULL},
    {"GET",  "/api/files/:/:/:",           "owner kind id", "", NULL},
    {"GET",  "/api/files/:/:/:/:",         "owner kind id sha256", "", "application/octet-stream"},
    {"POST", "/api/files/:/:/:/:/fetch",   "owner kind id sha256", "", NULL},
    {"GET",  "/api/todo",                  "", "count", NULL},
    {"GET",  "/api/bookings",              "", "box open limit", NULL},
    {"GET",  "/api/bookings/calendar/:/:", "owner listing", "from days", NULL},
    {"POST", "/api/bookings",              "", "", NULL},
    {"POST", "/api/bookings/allotments/:/:/return", "owner allotment", "", NULL},
    {"POST", "/api/bookings/answer",       "", "", NULL},
    {"POST", "/api/bookings/:/withdraw",   "ask", "", NULL},
    {"GET",  "/api/bookings/allotments",   "", "", NULL},
    {"POST", "/api/bookings/allotments",   "", "", NULL},
    {"POST", "/api/bookings/allotments/:/recall", "allotment", "", NULL},
    {"GET",  "/api/events/:/:",            "owner event", "", NULL},
    {"POST", "/api/events/:/:/sign",       "owner event", "", NULL},
    {"GET",  "/api/door/:",                "event", "", NULL},
    {"POST", "/api/events/:/attend",       "event", "", NULL},
    {"GET",  "/api/door/:/:",              "event code", "", NULL},
    {"POST", "/api/door/:/:",              "event code", "", NULL},
    {"POST", "/api/attended",              "", "", NULL},
    {"POST", "/api/attended/rate",         "", "", NULL},
    {"GET",  "/api/certificates/:",        "number", "", NULL},
    {"GET",  "/api/consulting/:",          "org", "", NULL},
    {"GET",  "/api/questions/:/:",         "owner id", "", NULL},
    {"GET",  "/api/nodes",                 "", "", NULL},
    {"GET",  "/api/stats",                 "", "period", NULL},
    {"GET",  "/api/stats/cell",            "", "owner id", NULL},
    {"GET",  "/api/areas",                 "", "parent", NULL},
    {"GET",  "/api/duties",                "", "periods", NULL},
    {"GET",  "/hsds/",                        "", "", NULL},
    {"GET",  "/hsds/services",                "", "search page per_page format taxonomy_term_id organization_id modified_after minimal full", NULL},
    {"GET",  "/hsds/services/:",              "id", "", NULL},
    {"GET",  "/hsds/organizations",           "", "search page per_page format taxonomy_term_id full", NULL},
    {"GET",  "/hsds/organizations/:",         "id", "", NULL},
    {"GET",  "/hsds/service_at_locations",    "", "search page per_page format taxonomy_term_id organization_id modified_after full", NULL},
    {"GET",  "/hsds/service_at_locations/:",  "id", "", NULL},
    {"GET",  "/hsds/taxonomies",              "", "page per_page format", NULL},
    {"GET",  "/hsds/taxonomies/:",            "id", "", NULL},
    {"GET",  "/hsds/taxonomy_terms",          "", "page per_page format taxonomy_id", NULL},
    {"GET",  "/hsds/taxonomy_terms/:",        "id", "", NULL},
    {"GET",  "/api/audit",                 "", "who before limit", NULL},
    {"GET",  "/api/tokens",                "", "", NULL},
    {"POST", "/api/tokens",                "", "", NULL},
    {"POST", "/api/tokens/:/revoke",       "number", "", NULL},
    {"GET",  "/api/feeds",                 "", "", NULL},
    {"POST", "/api/feeds",                 "", "", NULL},
    {"POST", "/api/feeds/:/revoke",        "number", "", NULL},
    {"GET",  "/calendar/:",                "token", "", "text/calendar"},
    {"GET",  "/api/hooks",                 "", "", NULL},
    {"POST", "/api/hooks",                 "", "", NULL},
    {"POST", "/api/hooks/:/test",          "number", "", NULL},
    {"POST", "/api/hooks/:/drop",          "number", "", NULL},
    {"POST", "/api/sync",                  "", "", NULL},
};
/* clang-format on */
const size_t api_docs_n = sizeof(api_docs) / sizeof(api_docs[0]);

const struct api_doc *api_doc_of(const struct api_route *r)
{
    for (size_t i = 0; i < api_docs_n; i++) {
        if (strcmp(api_docs[i].method, r->method) == 0 && strcmp(api_docs[i].path, r->path) == 0) {
            return &api_docs[i];
        }
    }
    return NULL;
}

bool api_doc_word(const char **io, struct span *ret)
{
    const char *p = *io + strspn(*io, " ");
    size_t n = strcspn(p, " ");
    *ret = span_of(p, n);
    *io = p + n;
    return n > 0;
}

/* "f." and a member some kind offers as a filter? */
static bool is_filter(const char *name)
{
    for (size_t i = 0; i < kinds_n && strncmp(name, "f.", 2) == 0; i++) {
        const struct kind_field *f = kind_field_find(kinds[i], name + 2);
        if (f != NULL && (f->flags & KFF_FILTER) != 0) {
            return true;
        }
    }
    return false;
}

bool api_doc_asks(const struct api_route *r, const char *name)
{
    const struct api_doc *d = api_doc_of(r);
    struct span w;
    for (const char *p = d == NULL ? "" : d->query; api_doc_word(&p, &w);) {
        if (span_eqs(w, name) || (span_eqs(w, "*") && is_filter(name))) {
            return true;
        }
    }
    return false;
}
