/* SPDX-License-Identifier: Apache-2.0 */
/* Attachments: bringing them piece by piece, and reading them. What is unfinished belongs to who
 * brings it; what a record names is open to whoever may see that member of the record, and to
 * nobody by its hash alone. */
#include "node/api/route.h"

#include "node/app_blob.h"
#include "node/blob.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <string.h>

static void put_upload(struct api_call *c, const struct app_upload *u)
{
    jw_obj(&c->w, NULL);
    jw_str(&c->w, "id", u->id);
    jw_str(&c->w, "name", u->name);
    jw_int(&c->w, "len", u->len);
    jw_int(&c->w, "at", u->at);
    jw_bool(&c->w, "whole", u->whole);
    if (u->whole) {
        jw_str(&c->w, "type", u->type);
        jw_str(&c->w, "sha256", u->sha);
    }
    jw_end_obj(&c->w);
}

/* The interface has a sentence of its own for what goes wrong with files. */
static int said(struct api_call *c, int r)
{
    static const struct {
        int err;
        const char *code;
    } codes[] = {
        {SANJI_E_REFUSED, "file_type"}, {SANJI_E_HASH, "file_hash"},
        {SANJI_E_STATE, "file_part"},   {SANJI_E_SIZE, "file_size"},
        {SANJI_E_FULL, "file_disk"},    {SANJI_E_CORRUPT, "file_broken"},
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (r == codes[i].err) {
            c->code = codes[i].code;
        }
    }
    if (r == SANJI_E_QUOTA) {
        c->code = strcmp(c->f.member, "upload") == 0 ? "file_open" : "file_quota";
    }
    return r;
}

static int ended(struct api_call *c, int r, const struct app_upload *u)
{
    if (r == 0) {
        snprintf(c->target, sizeof c->target, "%s", u->id);
        put_upload(c, u);
    }
    return said(c, r);
}

int h_uploads(struct api_call *c)
{
    int64_t used = 0, quota = 0;
    int r = app_blob_room(c->app, &used, &quota);
    jw_obj(&c->w, NULL);
    jw_int(&c->w, "used", used);
    jw_int(&c->w, "quota", quota);
    jw_int(&c->w, "most", LIM_BLOB_BYTES);
    jw_int(&c->w, "part", LIM_BLOB_PART);
    jw_end_obj(&c->w);
    return r;
}

int h_upload(struct api_call *c)
{
    struct app_upload u;
    return ended(c, app_upload_get(c->app, c->me.login, c->param[0], &u), &u);
}

int h_upload_new(struct api_call *c)
{
    const struct body_upload_new *in = &c->in.upload_new;
    struct app_upload u;
    int r = app_upload_begin(c->app, c->me.login, span_of(in->name, strlen(in->name)), in->len,
                             in->sha256 == NULL ? "" : in->sha256, &u, &c->f);
    return ended(c, r, &u);
}

int h_upload_part(struct api_call *c)
{
    const struct body_upload_part *in = &c->in.upload_part;
    struct app_upload u;
    int r = app_upload_part(c->app, c->me.login, c->param[0], in->at, in->data, &u, &c->f);
    if (r == SANJI_E_CONFLICT) { /* where to go on */
        api_error_begin(c, r);
        jw_int(&c->w, "at", u.at);
        jw_end_obj(&c->w);
        return 0;
    }
    return ended(c, r, &u);
}

int h_upload_finish(struct api_call *c)
{
    struct app_upload u;
    return ended(c, app_upload_finish(c->app, c->me.login, c->param[0], &u, &c->f), &u);
}

int h_upload_drop(struct api_call *c)
{
    int r = app_upload_drop(c->app, c->me.login, c->param[0]);
    jw_obj(&c->w, NULL);
    jw_end_obj(&c->w);
    return r;
}

/* ---- reading ---- */

struct wanted {
    struct api_call *c;
    const struct kind *k;
    struct buf name;
    bool own; /* written by this node: others keep the bytes of theirs */
};

static int on_rec(const struct store_rec *rec, void *arg)
{
    struct wanted *w = arg;
    struct api_call *c = w->c;
    struct kind_file x;
    const struct kind_field *fld = kind_files_field(w->k);
    bool cut = fld != NULL && (fld->flags & KFF_P1) != 0 && api_is_cut(c, w->k);
    if (fld == NULL || cut || rec->withdrawn || !api_is_ours(c, rec) ||
        !api_sees_record(c, w->k, rec->id, rec->d) ||
        !kind_files_has(w->k, rec->d, c->param[3], &x)) {
        return SANJI_E_NOT_FOUND; /* that there is something he need not learn */
    }
    w->own = strcmp(rec->by, app_id(c->app)) == 0;
    return jcur_text(x.name, &w->name);
}

static void put_name(struct buf *out, struct span name)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] != 0 && strchr(plain, name.p[i]) != NULL) {
            buf_putc(out, (char)name.p[i]);
        } else {
            buf_printf(out, "%%%02X", name.p[i]);
        }
    }
}

/* Saved and never shown: a document that runs script here would do so as this person. */
static int put_headers(struct api_call *c, struct span given, const char *type)
{
    struct buf name, line;
    buf_init(&name, 4096);
    buf_init(&line, sizeof c->rep->text - 1);
    blob_name(given, type, &name);
    buf_puts(&line, "attachment; filename=\"attachment\"; filename*=UTF-8''");
    put_name(&line, span_of(name.data, name.len));
    int r = name.err < 0 ? name.err : line.err;
    (void)snprintf(c->rep->text, sizeof c->rep->text, "%s", buf_str(&line));
    buf_done(&name);
    buf_done(&line);
    for (size_t i = 0; i < c->rep->n_h; i++) {
        if (strcmp(c->rep->h[i].name, "Content-Security-Policy") == 0) {
            c->rep->h[i].value = "default-src 'none'; sandbox";
        }
    }
    api_header(c->rep, "Content-Disposition", c->rep->text);
    api_header(c->rep, "Content-Type", blob_mime(type));
    c->raw = true;
    return r;
}

int h_file(struct api_call *c)
{
    struct wanted w = {.c = c, .k = kind_find(c->param[1])};
    int64_t len = 0;
    char type[8];
    if (w.k == NULL) {
        return SANJI_E_NOT_FOUND;
    }
    if (!api_may(c, w.k, KACT_READ)) {
        return SANJI_E_FORBIDDEN;
    }
    if (strcmp(c->param[0], "me") == 0) {
        snprintf(c->param[0], sizeof c->param[0], "%s", app_id(c->app));
    }
    buf_init(&w.name, 4096);
    int r = store_record_get(c->app->store, c->param[0], c->param[1], c->param[2], on_rec, &w);
    if (r == 0) {
        r = w.own ? app_blob_has(c->app, c->param[3], &len, type) : SANJI_E_NOT_FOUND;
        r = r < 0 ? r : app_blob_read(c->app, c->param[3], &c->rep->body);
        c->code = r == SANJI_E_NOT_FOUND ? "file_away"
                  : r == SANJI_E_CORRUPT ? "file_broken"
                                         : NULL;
    }
    r = r < 0 ? r : put_headers(c, span_of(w.name.data, w.name.len), type);
    buf_done(&w.name);
    return r;
}
