/* SPDX-License-Identifier: Apache-2.0 */
/* Records: one, write, withdraw (list.c has the list). Whoever changes a record says which revision
 * he saw; when another is the newest he gets that one instead, and decides. The kind's
 * table says who reads and writes, sees.c what of it. */
#include "node/api/route.h"
#include "protocol/base/enc.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one record as JSON ---- */

static const char *state_of(const struct store_rec *rec)
{
    return rec->withdrawn ? "withdrawn" : rec->state;
}

int api_put_record(struct api_call *c, const struct store_rec *rec)
{
    struct jw *w = &c->w;
    const struct kind *k = kind_find(rec->kind);
    if (k == NULL) {
        return SANJI_E_BUG;
    }
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
    int r = api_put_pair_state(c, k, rec);
    return r < 0 ? r : api_put_content(c, k, rec->d);
}

/* ---- one ---- */

struct one {
    struct api_call *c;
    const char *member; /* NULL: no object around it */
    int64_t r;
    bool withdrawn;
    char aud[8], kind[40];
    bool write, pair, doubted;
    bool free;   /* its kind has no steps, or it is at the first of them */
    bool hidden; /* not for this person */
    bool fixed;  /* of an organisation's own people: nothing they may change */
    struct fault doubt;
};

static int on_one(const struct store_rec *rec, void *arg)
{
    struct one *o = arg;
    if (!api_is_ours(o->c, rec)) {
        return SANJI_E_NOT_FOUND;
    }
    o->r = rec->r;
    o->withdrawn = rec->withdrawn;
    size_t n = strcspn(rec->aud, ":");
    snprintf(o->aud, sizeof o->aud, "%.*s", (int)(n < 7 ? n : 7), rec->aud);
    snprintf(o->kind, sizeof o->kind, "%s", rec->kind);
    const struct kind *k = kind_find(rec->kind);
    o->free = k == NULL || k->n_steps == 0 || kind_is_fresh(k, rec->d);
    o->doubted = k != NULL && k->doubt != NULL && k->doubt(rec->d, &o->doubt);
    o->hidden =
        k == NULL || !api_may(o->c, k, KACT_READ) || !api_sees_record(o->c, k, rec->id, rec->d);
    o->fixed = k != NULL && api_is_bound(o->c, k) &&
               kind_org_may(k, o->c->me.org, rec->id, rec->d, rec->d, NULL) < 0;
    int r = 0;
    if (o->write && !o->hidden) {
        if (o->member != NULL) {
            jw_obj(&o->c->w, o->member);
        }
        r = api_put_record(o->c, rec);
        if (r == 0 && o->pair && !rec->withdrawn) {
            r = api_put_pair(o->c, k, rec->owner, rec->id, rec->d);
            r = r < 0 ? r : api_put_waiting(o->c, k, rec);
        }
        if (o->member != NULL) {
            jw_end_obj(&o->c->w);
        }
    }
    return r;
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
    put_raw(&c->w, "unproven", form, "unproven");
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
    struct one o = {.c = c, .write = true, .pair = true};
    const struct kind *k = kind_find(c->param[1]);
    if (k == NULL) {
        return SANJI_E_NOT_FOUND;
    }
    if (!api_may(c, k, KACT_READ)) {
        return SANJI_E_FORBIDDEN;
    }
    if (strcmp(c->param[0], "me") == 0) { /* who names a record need not know this node's id */
        snprintf(c->param[0], sizeof c->param[0], "%s", app_id(c->app));
    }
    jw_obj(&c->w, NULL);
    int r = store_record_get(c->app->store, c->param[0], c->param[1], c->param[2], on_one, &o);
    if (r == 0 && o.hidden) { /* that there is such a record he need not learn either */
        r = SANJI_E_NOT_FOUND;
    }
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

static int kind_of_path(struct api_call *c, const struct kind **ret)
{
    const struct kind *k = kind_find(c->param[0]);
    if (k == NULL || strcmp(k->name, c->param[0]) != 0) {
        c->code = "unknown_kind";
        return SANJI_E_NOT_FOUND;
    }
    *ret = k;
    return api_may(c, k, KACT_WRITE) ? 0 : SANJI_E_FORBIDDEN;
}

int h_record_put(struct api_call *c)
{
    const struct body_record *in = &c->in.record;
    const struct kind *k = NULL;
    struct one o = {0};
    struct buf json;
    char id[LIM_ID_BYTES + 1] = "";
    int r = kind_of_path(c, &k);
    if (r < 0) {
        return r;
    }
    const char *given = in->id;
    if (given == NULL && k->key != NULL && kind_key_id(k, in->d, id) == 0) {
        given = id;
    }
    if (in->id != NULL && !record_id_valid(in->id, strlen(in->id))) {
        return fault_set(&c->f, SANJI_E_SPEC, "id", "[A-Za-z0-9][A-Za-z0-9._:-]{0,63}");
    }
    r = given == NULL ? 0 : read_old(c, given, &o);
    if (r < 0) {
        return r;
    }
    if (o.r != 0 && ((!o.withdrawn && strcmp(o.kind, k->name) != 0) || o.hidden)) {
        return fault_set(&c->f, SANJI_E_EXISTS, "id", NULL); /* of which kind is not told */
    }
    if (given != NULL) {
        snprintf(c->target, sizeof c->target, "%s", given);
    }
    if (o.r != in->seen_r &&
        !(in->id == NULL && o.withdrawn)) { /* 0: nothing seen, nothing there */
        return o.r == 0 ? SANJI_E_NOT_FOUND : conflict(c, given);
    }
    buf_init(&json, LIM_ITEM_BYTES * 4);
    /* A change does not move a record to another audience unless it says so. */
    bool by_content = k->home != NULL || strcmp(k->audience, "to") == 0;
    r = compose(c, by_content ? "" : in->audience != NULL ? in->audience : o.aud, &json);
    if (r == 0) {
        struct app_person by = {.role = c->me.role, .login = c->me.login, .org = c->me.org};
        r = app_put_one(c->app, k, NULL, &by, span_of(json.data, json.len), id, &c->f);
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
    const struct kind *k = NULL;
    struct one o = {0};
    int r = kind_of_path(c, &k);
    r = r < 0 ? r : read_old(c, c->param[1], &o);
    if (r < 0) {
        return r;
    }
    snprintf(c->target, sizeof c->target, "%.64s", c->param[1]);
    if (o.r == 0 || strcmp(o.kind, k->name) != 0 || o.hidden) {
        c->target[0] = '\0'; /* not an id of ours: not worth keeping */
        return SANJI_E_NOT_FOUND;
    }
    if (k->owner == KO_MACHINE || o.fixed) {
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
    r = app_withdraw(c->app, NULL, c->param[1], &c->f);
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
