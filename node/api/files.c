/* SPDX-License-Identifier: Apache-2.0 */
/* Attachments: bringing them piece by piece, and reading them. What is unfinished belongs to who
 * brings it; what a record names is open to whoever may see that member of the record, and to
 * nobody by its hash alone. */
#include "node/api/route.h"

#include "node/app_blob.h"
#include "node/app_fetch.h"
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
    char by[LIM_NODE_ID + 2]; /* who wrote it, and has the bytes */
};

/* Does the record name files, and may they be seen? That there is one he need not learn. */
static bool sees_files(const struct wanted *w, const struct store_rec *rec)
{
    struct api_call *c = w->c;
    const struct kind_field *fld = kind_files_field(w->k);
    bool cut = fld != NULL && (fld->flags & KFF_P1) != 0 && api_is_cut(c, w->k);
    return fld != NULL && !cut && !rec->withdrawn && api_is_ours(c, rec) &&
           api_sees_record(c, w->k, rec->id, rec->d);
}

static int on_rec(const struct store_rec *rec, void *arg)
{
    struct wanted *w = arg;
    struct kind_file x;
    if (!sees_files(w, rec) || !kind_files_has(w->k, rec->d, w->c->param[3], &x)) {
        return SANJI_E_NOT_FOUND;
    }
    (void)snprintf(w->by, sizeof w->by, "%s", rec->by);
    return jcur_text(x.name, &w->name);
}

/* The record that the path names, given to fn. */
static int look(struct api_call *c, struct wanted *w, int (*fn)(const struct store_rec *, void *))
{
    w->c = c;
    w->k = kind_find(c->param[1]);
    if (w->k == NULL) {
        return SANJI_E_NOT_FOUND;
    }
    if (!api_may(c, w->k, KACT_READ)) {
        return SANJI_E_FORBIDDEN;
    }
    if (strcmp(c->param[0], "me") == 0) {
        snprintf(c->param[0], sizeof c->param[0], "%s", app_id(c->app));
    }
    return store_record_get(c->app->store, c->param[0], c->param[1], c->param[2], fn, w);
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
    struct wanted w = {.c = c};
    char type[8];
    buf_init(&w.name, 4096);
    int r = look(c, &w, on_rec);
    if (r == 0) {
        r = app_file_read(c->app, w.by, c->param[3], &c->rep->body, type);
        bool own = strcmp(w.by, app_id(c->app)) == 0;
        c->code = r == SANJI_E_NOT_FOUND ? own ? "file_lost" : "file_away"
                  : r == SANJI_E_CORRUPT ? "file_broken"
                  : r == SANJI_E_REFUSED ? "file_other"
                                         : NULL;
    }
    r = r < 0 ? r : put_headers(c, span_of(w.name.data, w.name.len), type);
    buf_done(&w.name);
    return r;
}

/* ---- those that lie with other nodes ---- */

static void put_state(struct jw *w, const char *sha, int64_t len, const struct app_file_state *x)
{
    static const char *const words[] = {[FILE_HERE] = "here",
                                        [FILE_AWAY] = "away",
                                        [FILE_COMING] = "coming",
                                        [FILE_GIVEN_UP] = "given_up",
                                        [FILE_LOST] = "lost"};
    jw_obj(w, NULL);
    jw_str(w, "sha256", sha);
    jw_str(w, "state", words[x->word]);
    if (x->word == FILE_COMING) {
        jw_int(w, "here", x->here);
        jw_int(w, "len", len);
    }
    if (x->from[0] != '\0') {
        jw_str(w, "from", x->from);
    }
    if (x->err != 0) {
        jw_str(w, "why", err_name(x->err));
    }
    jw_end_obj(w);
}

static int on_files(const struct store_rec *rec, void *arg)
{
    struct wanted *w = arg;
    struct jcur at;
    struct kind_file x;
    int r = 0;
    if (!sees_files(w, rec)) {
        return SANJI_E_NOT_FOUND;
    }
    jw_obj(&w->c->w, NULL);
    jw_arr(&w->c->w, "files");
    for (bool more = kind_files_begin(w->k, rec->d, &at);
         r == 0 && more && kind_files_next(&at, &x);) {
        struct app_file_state st;
        r = app_file_state(w->c->app, rec->by, x.sha, &st);
        if (r == 0) {
            put_state(&w->c->w, x.sha, x.len, &st);
        }
    }
    jw_end_arr(&w->c->w);
    jw_end_obj(&w->c->w);
    return r;
}

int h_files(struct api_call *c)
{
    struct wanted w = {.c = c};
    return look(c, &w, on_files);
}

int h_file_fetch(struct api_call *c)
{
    struct wanted w = {.c = c};
    buf_init(&w.name, 4096);
    int r = look(c, &w, on_rec);
    if (r == 0) {
        r = app_file_want(c->app, w.by, c->param[3]);
        c->code = r == SANJI_E_QUOTA ? "file_wants" : r == SANJI_E_NOT_FOUND ? "file_lost" : NULL;
    }
    buf_done(&w.name);
    (void)snprintf(c->target, sizeof c->target, "%.64s", c->param[2]);
    jw_obj(&c->w, NULL);
    jw_end_obj(&c->w);
    return r;
}
