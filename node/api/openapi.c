/* SPDX-License-Identifier: Apache-2.0 */
/* The description of this interface in OpenAPI 3.1, made from the tables it runs by: routes, forms
 * of bodies, record kinds. Programs of other offices are written against it. */
#include "node/api/route.h"

#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 160, REF_BYTES = 96, LINK_BYTES = REF_BYTES + 24 };

/* ---- record kinds ---- */

static void range(struct jw *w, const char *low, const char *high, const struct kind_field *f)
{
    jw_int(w, low, f->min);
    jw_int(w, high, f->max);
}

static void words(struct jw *w, const char *name, const char *list)
{
    struct span word;
    jw_arr(w, name);
    for (const char *p = list; api_doc_word(&p, &word);) {
        jw_strn(w, NULL, (const char *)word.p, word.n);
    }
    jw_end_arr(w);
}

/* Of an open list: the form of a word, and those of the tables; GET /api/kinds says what else. */
static void open_words(struct jw *w, const char *list)
{
    jw_str(w, "pattern", "^[a-z][a-z0-9_]{0,31}$");
    words(w, "examples", list);
}

static void put_type(struct jw *w, const struct kind_field *f);

static void put_rows(struct jw *w, const struct kind_field *f)
{
    const struct kind_rows *rows = f->rows;
    jw_str(w, "type", "array");
    range(w, "minItems", "maxItems", f);
    jw_obj(w, "items");
    jw_str(w, "type", "object");
    jw_obj(w, "properties");
    for (size_t i = 0; i < rows->n; i++) {
        jw_obj(w, rows->fields[i].name);
        put_type(w, &rows->fields[i]);
        jw_end_obj(w);
    }
    jw_end_obj(w);
    jw_arr(w, "required");
    for (size_t i = 0; i < rows->n; i++) {
        if ((rows->fields[i].flags & KFF_REQ) != 0) {
            jw_str(w, NULL, rows->fields[i].name);
        }
    }
    jw_end_arr(w);
    jw_end_obj(w);
}

static void put_list(struct jw *w, const struct kind_field *f)
{
    jw_str(w, "type", "array");
    range(w, "minItems", "maxItems", f);
    jw_obj(w, "items");
    jw_str(w, "type", "string");
    if (kind_open_list(f) != NULL) {
        open_words(w, f->choices);
    } else if (f->choices != NULL) {
        words(w, "enum", f->choices);
    } else {
        jw_int(w, "maxLength", 80);
    }
    jw_end_obj(w);
}

static void put_type(struct jw *w, const struct kind_field *f)
{
    static const struct {
        const char *name, *pattern, *format;
    } of[KF_FILES + 1] = {
        [KF_TEXT] = {"string", NULL, NULL},
        [KF_LONG] = {"string", NULL, NULL},
        [KF_INT] = {"integer", NULL, NULL},
        [KF_BOOL] = {"boolean", NULL, NULL},
        [KF_ENUM] = {"string", NULL, NULL},
        [KF_DATE] = {"string", NULL, "date"},
        [KF_PERIOD] = {"string", "^[0-9]{4}(-(0[1-9]|1[0-2]|Q[1-4]|H[12]|W[0-9]{2}))?$", NULL},
        [KF_NODE] = {"string", "^n[a-z2-7]{13}$", NULL},
        [KF_AREA] = {"string", "^[0-9]{2,12}$", NULL},
        [KF_REF] = {"string", "^(n[a-z2-7]{13}/)?[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$", NULL},
        [KF_OBJ] = {NULL, NULL, NULL},
        [KF_B64] = {"string", "^[A-Za-z0-9_-]*$", NULL},
        [KF_TIME] = {"string", "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$", NULL},
    };
    if (f->type == KF_ROWS || f->type == KF_FILES) {
        put_rows(w, f);
        return;
    }
    if (f->type == KF_ENUMS || f->type == KF_TEXTS) {
        put_list(w, f);
        return;
    }
    if (of[f->type].name != NULL) {
        jw_str(w, "type", of[f->type].name);
    }
    if (of[f->type].pattern != NULL) {
        jw_str(w, "pattern", of[f->type].pattern);
    }
    if (of[f->type].format != NULL) {
        jw_str(w, "format", of[f->type].format);
    }
    if (kind_open_list(f) != NULL) {
        open_words(w, f->choices);
    } else if (f->type == KF_ENUM) {
        words(w, "enum", f->choices);
    } else if (f->type == KF_INT) {
        range(w, "minimum", "maximum", f);
    } else if (f->type == KF_TEXT || f->type == KF_LONG) {
        range(w, "minLength", "maxLength", f);
    }
}

static void put_kind(struct api_call *c, const struct kind *k)
{
    char name[REF_BYTES], key[REF_BYTES];
    snprintf(name, sizeof name, "record.%s", k->name);
    snprintf(key, sizeof key, "kind.%s", k->name);
    const char *title = text_label(c->lang, key);
    jw_obj(&c->w, name);
    jw_str(&c->w, "type", "object");
    if (title != NULL) {
        jw_str(&c->w, "title", title);
    }
    jw_obj(&c->w, "properties");
    for (size_t i = 0; i < k->n_fields; i++) {
        snprintf(key, sizeof key, "kind.%.40s.%.40s", k->name, k->fields[i].name);
        title = text_label(c->lang, key);
        jw_obj(&c->w, k->fields[i].name);
        put_type(&c->w, &k->fields[i]);
        if (title != NULL) {
            jw_str(&c->w, "title", title);
        }
        jw_end_obj(&c->w);
    }
    jw_end_obj(&c->w);
    jw_arr(&c->w, "required");
    for (size_t i = 0; i < k->n_fields; i++) {
        if ((k->fields[i].flags & KFF_REQ) != 0) {
            jw_str(&c->w, NULL, k->fields[i].name);
        }
    }
    jw_end_arr(&c->w);
    jw_bool(&c->w, "additionalProperties", false);
    jw_end_obj(&c->w);
}

/* What people may write: the content of POST /api/records/{kind}. */
static bool is_written(const struct kind *k)
{
    return (k->shape == KS_STATE || k->shape == KS_BOTH) && k->owner != KO_MACHINE;
}

static void put_error(struct jw *w)
{
    static const char *const members[] = {"err", "member", "want", "message"};
    jw_obj(w, "Error");
    jw_str(w, "type", "object");
    jw_obj(w, "properties");
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        jw_obj(w, members[i]);
        jw_str(w, "type", "string");
        jw_end_obj(w);
    }
    jw_end_obj(w);
    jw_arr(w, "required");
    jw_str(w, NULL, "err");
    jw_end_arr(w);
    jw_end_obj(w);
}

static void put_components(struct api_call *c)
{
    jw_obj(&c->w, "components");
    jw_obj(&c->w, "securitySchemes");
    jw_obj(&c->w, "session");
    jw_str(&c->w, "type", "apiKey");
    jw_str(&c->w, "in", "cookie");
    jw_str(&c->w, "name", c->rq->is_tls ? "__Host-sanji" : "sanji");
    jw_end_obj(&c->w);
    jw_obj(&c->w, "csrf");
    jw_str(&c->w, "type", "apiKey");
    jw_str(&c->w, "in", "header");
    jw_str(&c->w, "name", "X-CSRF-Token");
    jw_end_obj(&c->w);
    jw_obj(&c->w, "token");
    jw_str(&c->w, "type", "http");
    jw_str(&c->w, "scheme", "bearer");
    jw_str(&c->w, "description", text_get(c->lang, "doc.token"));
    jw_end_obj(&c->w);
    jw_end_obj(&c->w);
    jw_obj(&c->w, "schemas");
    put_error(&c->w);
    for (size_t i = 0; i < kinds_n; i++) {
        if (is_written(kinds[i])) {
            put_kind(c, kinds[i]);
        }
    }
    jw_end_obj(&c->w);
    jw_end_obj(&c->w);
}

/* ---- routes ---- */

static void put_ref(struct jw *w, const char *name)
{
    char ref[LINK_BYTES];
    snprintf(ref, sizeof ref, "#/components/schemas/%s", name);
    jw_obj(w, NULL);
    jw_str(w, "$ref", ref);
    jw_end_obj(w);
}

/* Content of records: whichever kind the path names. */
static void put_any_kind(struct jw *w)
{
    char name[REF_BYTES];
    jw_arr(w, "anyOf");
    for (size_t i = 0; i < kinds_n; i++) {
        if (is_written(kinds[i])) {
            snprintf(name, sizeof name, "record.%s", kinds[i]->name);
            put_ref(w, name);
        }
    }
    jw_end_arr(w);
}

static void put_member(struct jw *w, const struct api_route *r, const struct jspec *s)
{
    jw_obj(w, s->name);
    if (s->type == JF_T_INT) {
        jw_str(w, "type", "integer");
        jw_int(w, "minimum", s->min);
        jw_int(w, "maximum", s->max);
    } else if (s->type == JF_T_BOOL) {
        jw_str(w, "type", "boolean");
    } else if (s->type == JF_T_TEXT || s->type == JF_T_TOKEN) {
        jw_str(w, "type", "string");
        jw_int(w, "minLength", s->min);
        jw_int(w, "maxLength", s->max);
        if (s->type == JF_T_TOKEN) {
            jw_str(w, "pattern", "^[A-Za-z0-9._:/-]*$");
        }
    } else if (strcmp(r->path, "/api/records/:") == 0) {
        put_any_kind(w);
    } else if (s->type == JF_T_ARR || s->type == JF_T_TEXTS) {
        jw_str(w, "type", "array");
        jw_int(w, "minItems", s->min);
        jw_int(w, "maxItems", s->max);
    } else {
        jw_str(w, "type", "object");
    }
    jw_end_obj(w);
}

static void put_body(struct jw *w, const struct api_route *r)
{
    jw_obj(w, "requestBody");
    jw_bool(w, "required", true);
    jw_obj(w, "content");
    jw_obj(w, "application/json");
    jw_obj(w, "schema");
    jw_str(w, "type", "object");
    jw_obj(w, "properties");
    for (const struct jspec *s = r->spec; s->type != JF_T_END; s++) {
        put_member(w, r, s);
    }
    jw_end_obj(w);
    jw_arr(w, "required");
    for (const struct jspec *s = r->spec; s->type != JF_T_END; s++) {
        if (!s->optional) {
            jw_str(w, NULL, s->name);
        }
    }
    jw_end_arr(w);
    jw_bool(w, "additionalProperties", false);
    jw_end_obj(w);
    jw_end_obj(w);
    jw_end_obj(w);
    jw_end_obj(w);
}

static void put_parameter(struct jw *w, bool in_path, struct span name)
{
    jw_obj(w, NULL);
    jw_strn(w, "name", (const char *)name.p, name.n);
    jw_str(w, "in", in_path ? "path" : "query");
    jw_bool(w, "required", in_path);
    jw_obj(w, "schema");
    jw_str(w, "type", "string");
    jw_end_obj(w);
    jw_end_obj(w);
}

/* Is this member, of this kind, the first of its name that may be filtered by? */
static bool is_first_filter(size_t kind, const struct kind_field *f)
{
    for (size_t i = 0; i < kind; i++) {
        const struct kind_field *x = kind_field_find(kinds[i], f->name);
        if (x != NULL && (x->flags & KFF_FILTER) != 0) {
            return false;
        }
    }
    return (f->flags & KFF_FILTER) != 0;
}

static void put_filters(struct jw *w)
{
    char name[REF_BYTES];
    for (size_t i = 0; i < kinds_n; i++) {
        for (size_t k = 0; k < kinds[i]->n_fields; k++) {
            const struct kind_field *f = &kinds[i]->fields[k];
            if (is_first_filter(i, f)) {
                snprintf(name, sizeof name, "f.%s", f->name);
                put_parameter(w, false, span_of(name, strlen(name)));
            }
        }
    }
}

static void put_parameters(struct jw *w, const struct api_doc *d)
{
    struct span word;
    jw_arr(w, "parameters");
    for (const char *p = d->params; api_doc_word(&p, &word);) {
        put_parameter(w, true, word);
    }
    for (const char *p = d->query; api_doc_word(&p, &word);) {
        if (span_eqs(word, "*")) {
            put_filters(w);
        } else {
            put_parameter(w, false, word);
        }
    }
    jw_end_arr(w);
}

static void put_answer(struct jw *w, const char *status, const char *what, const char *type,
                       const char *schema)
{
    jw_obj(w, status);
    jw_str(w, "description", what);
    jw_obj(w, "content");
    jw_obj(w, type);
    jw_obj(w, "schema");
    if (schema != NULL) {
        jw_str(w, "$ref", schema);
    } else if (strcmp(type, "application/json") == 0) {
        jw_str(w, "type", "object");
    } else {
        jw_str(w, "type", "string");
    }
    jw_end_obj(w);
    jw_end_obj(w);
    jw_end_obj(w);
    jw_end_obj(w);
}

static void put_security(struct jw *w, const struct api_route *r)
{
    jw_arr(w, "security");
    if (r->who >= WHO_SELF) {
        jw_obj(w, NULL);
        jw_arr(w, "session");
        jw_end_arr(w);
        if (r->spec != NULL) {
            jw_arr(w, "csrf");
            jw_end_arr(w);
        }
        jw_end_obj(w);
    }
    if (r->who >= WHO_SELF && api_token_may(r)) {
        jw_obj(w, NULL);
        jw_arr(w, "token");
        jw_end_arr(w);
        jw_end_obj(w);
    }
    jw_end_arr(w);
}

/* Which roles are let in, as dispatch.c decides. */
static void put_roles(struct jw *w, const struct api_route *r)
{
    static const char *const all[] = {"admin",    "manager",    "clerk",
                                      "reviewer", "supervisor", "member"};
    jw_arr(w, "x-roles");
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (r->who >= WHO_SELF && api_role_may(all[i], r->who)) {
            jw_str(w, NULL, all[i]);
        }
    }
    jw_end_arr(w);
}

static void put_method(struct api_call *c, const struct api_route *r, const struct api_doc *d)
{
    static const char error[] = "#/components/schemas/Error";
    char key[PATH_BYTES];
    struct jw *w = &c->w;
    snprintf(key, sizeof key, "doc.%s %s", r->method, r->path);
    jw_obj(w, r->method[0] == 'G' ? "get" : "post");
    jw_str(w, "summary", text_get(c->lang, key));
    put_roles(w, r);
    put_parameters(w, d);
    if (r->spec != NULL) {
        put_body(w, r);
    }
    jw_obj(w, "responses");
    put_answer(w, "200", text_get(c->lang, "doc.done"),
               d->reply == NULL ? "application/json" : d->reply, NULL);
    put_answer(w, "4XX", text_get(c->lang, "doc.refused"), "application/json", error);
    put_answer(w, "5XX", text_get(c->lang, "doc.failed"), "application/json", error);
    jw_end_obj(w);
    put_security(w, r);
    jw_end_obj(w);
}

/* "/api/records/:/:/:" -> "/api/records/{kind}/{owner}/{id}" */
static void write_path(const struct api_doc *d, struct buf *out)
{
    const char *params = d->params;
    for (const char *p = d->path; *p != '\0'; p++) {
        struct span word;
        if (*p == ':' && api_doc_word(&params, &word)) {
            buf_printf(out, "{%.*s}", (int)word.n, (const char *)word.p);
        } else {
            buf_putc(out, *p);
        }
    }
}

static int put_path(struct api_call *c, size_t first)
{
    struct buf path;
    buf_init(&path, PATH_BYTES * 2);
    for (size_t i = 0; i < first; i++) {
        if (strcmp(api_routes[i].path, api_routes[first].path) == 0) {
            return 0; /* written with its other method */
        }
    }
    for (size_t i = first; i < api_routes_n; i++) {
        const struct api_doc *d = api_doc_of(&api_routes[i]);
        if (strcmp(api_routes[i].path, api_routes[first].path) != 0 || d == NULL) {
            continue;
        }
        if (path.len == 0) {
            write_path(d, &path);
            jw_obj(&c->w, buf_str(&path));
        }
        put_method(c, &api_routes[i], d);
    }
    if (path.len > 0) {
        jw_end_obj(&c->w);
    }
    int r = path.err;
    buf_done(&path);
    return r;
}

int h_openapi(struct api_call *c)
{
    int r = 0;
    jw_obj(&c->w, NULL);
    jw_str(&c->w, "openapi", "3.1.0");
    jw_obj(&c->w, "info");
    jw_str(&c->w, "title", "Sanji");
    jw_str(&c->w, "version", SANJI_VERSION);
    jw_str(&c->w, "description", text_get(c->lang, "doc.about"));
    jw_end_obj(&c->w);
    jw_obj(&c->w, "paths");
    for (size_t i = 0; r == 0 && i < api_routes_n; i++) {
        r = put_path(c, i);
    }
    jw_end_obj(&c->w);
    put_components(c);
    jw_end_obj(&c->w);
    return r;
}
