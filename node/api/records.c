/* SPDX-License-Identifier: Apache-2.0 */
/* Records: list, one, write, withdraw. Whoever changes a record says which revision he saw; when
 * another is the newest he gets that one instead, and decides. Rights to single records are simple
 * here: everything a node may hold, its staff may read; only its own can it write. */
#include "node/api/route.h"
#include "protocol/base/enc.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LIST_DEFAULT = 50,
    LIST_MAX = 200,
    SCAN_MAX = 5000, /* rows looked at by one request when the list is narrowed by content */
    TOTAL_MAX = 1000,
    OWN_FILTERS = 4,
    QUERY_BYTES = 400
};

/* ---- one record as JSON ---- */

static const char *state_of(const struct store_rec *rec)
{
    return rec->withdrawn ? "withdrawn" : rec->state;
}

static void put_members(struct api_call *c, const struct store_rec *rec)
{
    struct jw *w = &c->w;
    jw_str(w, "owner", rec->owner);
    jw_str(w, "owner_name", api_node_name(c, rec->owner));
    if (strcmp(rec->by, rec->owner) != 0) {
        jw_str(w, "steward", rec->by);
        jw_str(w, "steward_name", api_node_name(c, rec->by));
    }
    jw_str(w, "kind", rec->kind);
    jw_str(w, "id", rec->id);
    jw_int(w, "r", rec->r);
    jw_int(w, "ts", rec->ts);
    jw_str(w, "title", rec->title);
    jw_str(w, "state", state_of(rec));
    api_put_area(c, rec->area);
    jw_bool(w, "mine", strcmp(rec->owner, app_id(c->app)) == 0);
    jw_str(w, "aud", rec->aud);
    api_put_refs(c, rec);
    if (rec->d.n > 0) {
        jw_raw(w, "d", rec->d.p, rec->d.n);
    } else {
        jw_raw(w, "d", "{}", 2);
    }
}

/* ---- list ---- */

struct own_filter {
    char name[LIM_NAME_BYTES + 1], value[256];
    const struct kind_field *field;
};
struct list {
    struct api_call *c;
    const struct kind *k;
    char kind[40], owner[32], area[16], state[64], q[QUERY_BYTES + 1];
    struct own_filter f[OWN_FILTERS];
    size_t n_f;
    int64_t limit, shown, seen, skip;
    int64_t last_ts, last_n;
    bool more;
    struct buf value;
};

/* "f.venue=..." members of the query that name a filter field of the kind. */
static int read_own_filters(struct list *l)
{
    for (size_t i = 0; i < l->k->n_fields; i++) {
        const struct kind_field *fl = &l->k->fields[i];
        char name[LIM_NAME_BYTES + 4];
        struct own_filter *f = &l->f[l->n_f < OWN_FILTERS ? l->n_f : 0];
        char value[256];
        snprintf(name, sizeof name, "f.%s", fl->name);
        int r = (fl->flags & KFF_FILTER) == 0 ? 0 : api_query(l->c, name, value, sizeof value);
        if (r < 0 || (r == 0 && (fl->flags & KFF_FILTER) != 0 && value[0] != '\0' &&
                      l->n_f == OWN_FILTERS)) {
            return fault_set(&l->c->f, SANJI_E_SPEC, name, "at most 4 filters");
        }
        if ((fl->flags & KFF_FILTER) != 0 && value[0] != '\0') {
            snprintf(f->name, sizeof f->name, "%s", fl->name);
            memcpy(f->value, value, sizeof value);
            f->field = fl;
            l->n_f++;
        }
    }
    return 0;
}

/* A member of an array matches too: a value's text has one element a line. */
static bool has_line(const char *text, const char *want)
{
    size_t n = strlen(want);
    for (const char *p = text; p != NULL; p = strchr(p, '\n')) {
        p += *p == '\n';
        if (strncmp(p, want, n) == 0 && (p[n] == '\0' || p[n] == '\n')) {
            return true;
        }
    }
    return false;
}

static int fits(struct list *l, const struct store_rec *rec, bool *ret)
{
    *ret = true;
    for (size_t i = 0; *ret && i < l->n_f; i++) {
        buf_reset(&l->value);
        int r = kind_value_text(l->f[i].field, rec->d, &l->value);
        if (r < 0) {
            return r;
        }
        const char *v = buf_str(&l->value);
        bool prefix = l->f[i].field->type == KF_AREA;
        *ret = prefix ? strncmp(v, l->f[i].value, strlen(l->f[i].value)) == 0
                      : has_line(v, l->f[i].value);
    }
    return 0;
}

static int on_list(const struct store_rec *rec, void *arg)
{
    struct list *l = arg;
    bool show = false;
    if (l->shown == l->limit || l->seen == SCAN_MAX) {
        l->more = true;
        return 1;
    }
    l->seen++;
    l->last_ts = rec->ts;
    l->last_n = rec->n;
    int r = fits(l, rec, &show);
    if (r < 0 || !show) {
        return r;
    }
    jw_obj(&l->c->w, NULL);
    put_members(l->c, rec);
    jw_end_obj(&l->c->w);
    l->shown++;
    return 0;
}

static int read_text(struct api_call *c, const char *name, char *out, size_t max)
{
    int r = api_query(c, name, out, max);
    return r < 0 ? fault_set(&c->f, SANJI_E_SPEC, name, NULL) : 0;
}

/* Cursor: "TS.N" of the last row looked at, "oN" of a search. */
static int read_after(struct list *l, struct store_filter *f)
{
    char s[48];
    int r = read_text(l->c, "after", s, sizeof s);
    if (r < 0 || s[0] == '\0') {
        return r;
    }
    char *dot = strchr(s, '.');
    if (s[0] == 'o' && l->q[0] != '\0') {
        r = text_i64(s + 1, strlen(s + 1), 0, 100000, &l->skip);
        f->offset = l->skip;
    } else if (dot != NULL && l->q[0] == '\0') {
        r = text_i64(s, (size_t)(dot - s), INT64_MIN / 2, INT64_MAX / 2, &f->before_ts);
        if (r == 0) {
            r = text_i64(dot + 1, strlen(dot + 1), 0, INT64_MAX / 2, &f->before_n);
        }
    } else {
        r = SANJI_E_SPEC;
    }
    return r < 0 ? fault_set(&l->c->f, SANJI_E_SPEC, "after", NULL) : 0;
}

static int read_list(struct list *l, struct store_filter *f)
{
    struct api_call *c = l->c;
    char limit[16];
    int r = read_text(c, "kind", l->kind, sizeof l->kind);
    l->k = r == 0 ? kind_find(l->kind) : NULL;
    if (l->k == NULL) {
        c->code = "unknown_kind";
        return fault_set(&c->f, SANJI_E_SPEC, "kind", NULL);
    }
    if (!api_sees(c, l->k)) {
        return SANJI_E_FORBIDDEN;
    }
    r = read_text(c, "q", l->q, sizeof l->q);
    if (r == 0) {
        r = read_text(c, "owner", l->owner, sizeof l->owner);
    }
    if (r == 0 && strcmp(l->owner, "me") == 0) {
        snprintf(l->owner, sizeof l->owner, "%s", app_id(c->app));
    }
    if (r == 0) {
        r = read_text(c, "state", l->state, sizeof l->state);
    }
    if (r == 0) {
        r = read_text(c, "area", l->area, sizeof l->area);
    }
    if (r == 0 && l->area[0] != '\0' && strspn(l->area, "0123456789") != strlen(l->area)) {
        r = fault_set(&c->f, SANJI_E_SPEC, "area", "2 .. 12 digits");
    }
    if (r == 0) {
        r = read_text(c, "limit", limit, sizeof limit);
    }
    l->limit = LIST_DEFAULT;
    if (r == 0 && limit[0] != '\0' && text_i64(limit, strlen(limit), 1, LIST_MAX, &l->limit) < 0) {
        r = fault_set(&c->f, SANJI_E_SPEC, "limit", "1 .. 200");
    }
    if (r == 0) {
        r = read_after(l, f);
    }
    if (r == 0) {
        r = read_own_filters(l);
    }
    f->kind = l->k->name;
    f->owner = l->owner[0] == '\0' ? NULL : l->owner;
    f->state = l->state[0] == '\0' ? NULL : l->state;
    f->area = l->area[0] == '\0' ? NULL : l->area;
    f->text = l->q[0] == '\0' ? NULL : l->q;
    f->limit = l->n_f > 0 ? SCAN_MAX + 1 : l->limit + 1;
    f->now_ms = c->now;
    return r;
}

static int count_some(const struct store_rec *rec, void *arg)
{
    int64_t *n = arg;
    (void)rec;
    return ++*n >= TOTAL_MAX ? 1 : 0;
}

/* Left out where it would take a walk over everything. */
static int put_total(struct list *l, struct store_filter *f)
{
    int64_t n = 0;
    int r = 0;
    if (l->n_f > 0) {
        if (!l->more && l->skip == 0 && f->before_ts == 0) {
            jw_int(&l->c->w, "total", l->shown);
        }
        return 0;
    }
    f->offset = f->before_ts = f->before_n = 0;
    if (f->text != NULL) {
        f->limit = TOTAL_MAX;
        r = store_record_list(l->c->app->store, f, count_some, &n);
    } else {
        r = store_record_count(l->c->app->store, f, &n);
    }
    if (r == 0) {
        jw_int(&l->c->w, "total", n);
    }
    return r;
}

static void put_next(struct list *l)
{
    char next[48];
    if (!l->more) {
        jw_raw(&l->c->w, "next", "null", 4);
        return;
    }
    if (l->q[0] != '\0') {
        /* NOLINTNEXTLINE(bugprone-misplaced-widening-cast): for the format */
        snprintf(next, sizeof next, "o%lld", (long long)(l->skip + l->seen));
    } else {
        snprintf(next, sizeof next, "%lld.%lld", (long long)l->last_ts, (long long)l->last_n);
    }
    jw_str(&l->c->w, "next", next);
}

int h_records(struct api_call *c)
{
    struct store_filter f = {0};
    struct list *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return SANJI_E_NOMEM;
    }
    l->c = c;
    buf_init(&l->value, LIM_ITEM_BYTES);
    int r = read_list(l, &f);
    if (r == 0) {
        jw_obj(&c->w, NULL);
        jw_arr(&c->w, "items");
        r = store_record_list(c->app->store, &f, on_list, l);
        jw_end_arr(&c->w);
        put_next(l);
    }
    if (r == 0) {
        r = put_total(l, &f);
        jw_end_obj(&c->w);
    }
    buf_done(&l->value);
    free(l);
    return r;
}

/* ---- one ---- */

struct one {
    struct api_call *c;
    const char *member; /* NULL: no object around it */
    int64_t r;
    bool withdrawn;
    char aud[8], kind[40];
    bool write, doubted;
    bool free; /* its kind has no steps, or it is at the first of them */
    struct fault doubt;
};

static int on_one(const struct store_rec *rec, void *arg)
{
    struct one *o = arg;
    o->r = rec->r;
    o->withdrawn = rec->withdrawn;
    size_t n = strcspn(rec->aud, ":");
    snprintf(o->aud, sizeof o->aud, "%.*s", (int)(n < 7 ? n : 7), rec->aud);
    snprintf(o->kind, sizeof o->kind, "%s", rec->kind);
    const struct kind *k = kind_find(rec->kind);
    o->free = k == NULL || k->n_steps == 0 || kind_is_fresh(k, rec->d);
    o->doubted = k != NULL && k->doubt != NULL && k->doubt(rec->d, &o->doubt);
    if (o->write) {
        if (o->member != NULL) {
            jw_obj(&o->c->w, o->member);
        }
        put_members(o->c, rec);
        if (o->member != NULL) {
            jw_end_obj(&o->c->w);
        }
    }
    return 0;
}

static void put_raw(struct jw *w, const char *as, struct span form, const char *member)
{
    struct span v;
    if (jcur_get(form, member, &v)) {
        jw_raw(w, as, v.p, v.n);
    }
}

static void put_form(struct api_call *c, struct span form)
{
    struct span by, aud, pby, paud;
    int64_t ep = 0;
    put_raw(&c->w, "signed_by", form, "kid");
    put_raw(&c->w, "bundle", form, "bundle");
    if (jcur_get(form, "by", &by) && jcur_plain(by, &pby) && jcur_get(form, "aud", &aud) &&
        jcur_plain(aud, &paud) && jcur_get(form, "ep", &by) && jcur_int(by, &ep)) {
        char stream[LIM_AUD_BYTES + 64];
        snprintf(stream, sizeof stream, "%.*s/%.*s/%lld", (int)pby.n, (const char *)pby.p,
                 (int)paud.n, (const char *)paud.p, (long long)ep);
        jw_str(&c->w, "stream", stream);
    }
    put_raw(&c->w, "seq", form, "seq");
    put_raw(&c->w, "index", form, "index");
    put_raw(&c->w, "leaf", form, "leaf");
    put_raw(&c->w, "key", form, "key");
    put_raw(&c->w, "received", form, "received_ms");
    put_raw(&c->w, "path", form, "path");
    put_raw(&c->w, "rv", form, "rv");
}

/* Who signed it, in which bundle, and which way it came. */
int api_put_explain(struct api_call *c, const char *owner, const char *id)
{
    struct buf b;
    struct jcur forms;
    struct span list, form, cur;
    buf_init(&b, 4 << 20);
    int r = app_explain(c->app, owner, id, &b);
    if (r == 0 && jcur_get(span_of(b.data, b.len), "forms", &list) && jcur_array(&forms, list)) {
        while (jcur_element(&forms, &form)) {
            bool current = false;
            if (jcur_get(form, "current", &cur) && jcur_bool(cur, &current) && current) {
                jw_obj(&c->w, "explain");
                put_form(c, form);
                jw_end_obj(&c->w);
                break;
            }
        }
    }
    buf_done(&b);
    return r;
}

/* Taken, and yet it looks wrong: which member, and why (a word the pages have a sentence for). */
static void put_doubt(struct api_call *c, const struct one *o)
{
    if (o->doubted) {
        jw_obj(&c->w, "doubt");
        jw_str(&c->w, "member", o->doubt.member);
        jw_str(&c->w, "why", o->doubt.want);
        jw_end_obj(&c->w);
    }
}

int h_record(struct api_call *c)
{
    struct one o = {.c = c, .write = true};
    const struct kind *k = kind_find(c->param[1]);
    if (k != NULL && !api_sees(c, k)) {
        return SANJI_E_FORBIDDEN;
    }
    if (strcmp(c->param[0], "me") == 0) { /* who names a record need not know this node's id */
        snprintf(c->param[0], sizeof c->param[0], "%s", app_id(c->app));
    }
    jw_obj(&c->w, NULL);
    int r = store_record_get(c->app->store, c->param[0], c->param[1], c->param[2], on_one, &o);
    if (r == 0) {
        put_doubt(c, &o);
        r = api_put_explain(c, c->param[0], c->param[2]);
        r = r == SANJI_E_NOT_FOUND ? 0 : r;
    }
    jw_end_obj(&c->w);
    return r;
}

/* ---- writing ---- */

static int conflict(struct api_call *c, const char *id)
{
    struct one o = {.c = c, .member = "current", .write = true};
    c->f = (struct fault){0};
    api_error_begin(c, SANJI_E_CONFLICT);
    int r = store_record_get(c->app->store, app_id(c->app), NULL, id, on_one, &o);
    jw_end_obj(&c->w);
    return r;
}

/* The content with id and audience put in front, as app_put_one() takes them. */
static int compose(struct api_call *c, const char *audience, struct buf *out)
{
    const struct body_record *in = &c->in.record;
    struct span v;
    if (in->d.n < 2 || in->d.p[0] != '{') {
        return fault_set(&c->f, SANJI_E_SPEC, "d", "an object");
    }
    const struct kind *k = kind_find(c->param[0]);
    static const char *const outer[] = {"id", "audience"};
    for (size_t i = 0; i < 2; i++) { /* inside the content they would pass the revision check by */
        if (kind_field_find(k, outer[i]) == NULL && jcur_get(in->d, outer[i], &v)) {
            return fault_set(&c->f, SANJI_E_SPEC, outer[i], "beside d, not in it");
        }
    }
    buf_putc(out, '{');
    if (in->id != NULL) {
        buf_printf(out, "\"id\":\"%s\",", in->id);
    }
    if (audience[0] != '\0') {
        buf_printf(out, "\"audience\":\"%s\",", audience);
    }
    if (in->d.n == 2 && out->len > 1) {
        out->len--;
    }
    return buf_put(out, in->d.p + 1, in->d.n - 1);
}

static int read_old(struct api_call *c, const char *id, struct one *o)
{
    o->c = c;
    int r = store_record_get(c->app->store, app_id(c->app), NULL, id, on_one, o);
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

static const struct kind *kind_of_path(struct api_call *c)
{
    const struct kind *k = kind_find(c->param[0]);
    if (k == NULL || strcmp(k->name, c->param[0]) != 0) {
        c->code = "unknown_kind";
        return NULL;
    }
    return k;
}

int h_record_put(struct api_call *c)
{
    const struct body_record *in = &c->in.record;
    const struct kind *k = kind_of_path(c);
    struct one o = {0};
    struct buf json;
    char id[LIM_ID_BYTES + 1] = "";
    if (k == NULL) {
        return SANJI_E_NOT_FOUND;
    }
    if (in->id != NULL && !record_id_valid(in->id, strlen(in->id))) {
        return fault_set(&c->f, SANJI_E_SPEC, "id", "[A-Za-z0-9][A-Za-z0-9._:-]{0,63}");
    }
    int r = in->id == NULL ? 0 : read_old(c, in->id, &o);
    if (r < 0) {
        return r;
    }
    if (in->id != NULL) {
        snprintf(c->target, sizeof c->target, "%s", in->id);
    }
    if (o.r != in->seen_r) { /* 0: nothing seen, nothing there */
        return o.r == 0 ? SANJI_E_NOT_FOUND : conflict(c, in->id);
    }
    buf_init(&json, LIM_ITEM_BYTES * 4);
    /* A change does not move a record to another audience unless it says so. */
    r = compose(c, in->audience != NULL ? in->audience : o.aud, &json);
    if (r == 0) {
        r = app_put_one(c->app, k, NULL, c->me.role, span_of(json.data, json.len), id, &c->f);
    }
    buf_done(&json);
    if (r < 0) {
        return r;
    }
    snprintf(c->target, sizeof c->target, "%s", id);
    struct one now = {0};
    r = read_old(c, id, &now);
    jw_obj(&c->w, NULL);
    jw_str(&c->w, "id", id);
    jw_int(&c->w, "r", now.r);
    put_doubt(c, &now);
    jw_end_obj(&c->w);
    return r;
}

int h_record_withdraw(struct api_call *c)
{
    const struct kind *k = kind_of_path(c);
    struct one o = {0};
    if (k == NULL) {
        return SANJI_E_NOT_FOUND;
    }
    int r = read_old(c, c->param[1], &o);
    if (r < 0) {
        return r;
    }
    snprintf(c->target, sizeof c->target, "%.64s", c->param[1]);
    if (o.r == 0 || strcmp(o.kind, k->name) != 0) {
        c->target[0] = '\0'; /* not an id of ours: not worth keeping */
        return SANJI_E_NOT_FOUND;
    }
    if (k->owner == KO_MACHINE) {
        return SANJI_E_FORBIDDEN;
    }
    if (o.r != c->in.seen.seen_r) {
        return conflict(c, c->param[1]);
    }
    if (o.withdrawn) {
        return SANJI_E_STATE;
    }
    if (!o.free && strcmp(c->me.role, "admin") != 0 && strcmp(c->me.role, "manager") != 0) {
        return SANJI_E_FORBIDDEN; /* it would be a way round the steps */
    }
    r = app_withdraw(c->app, NULL, c->param[1]);
    if (r < 0) {
        return r;
    }
    struct one now = {0};
    r = read_old(c, c->param[1], &now);
    jw_obj(&c->w, NULL);
    jw_str(&c->w, "id", c->param[1]);
    jw_int(&c->w, "r", now.r);
    jw_end_obj(&c->w);
    return r;
}
