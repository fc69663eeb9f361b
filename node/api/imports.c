/* SPDX-License-Identifier: Apache-2.0 */
/* Tables people bring. A job belongs to who brought it; who answers for the platform's work sees
 * all of them. Nothing here decides what a row becomes: that is node/app_import*.c. */
#include "node/api/route.h"
#include "node/app_import.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <string.h>

enum { SAMPLE_ROWS = 20, BAD_ROWS = 50, REPORT_ROWS = IMPORT_ROWS };

static bool may_see(const struct api_call *c, const char *login)
{
    return strcmp(login, c->me.login) == 0 || strcmp(c->me.role, "admin") == 0 ||
           strcmp(c->me.role, "manager") == 0;
}

/* Whoever writes records of a kind, and sees all of them that he changes. */
static bool may_bring(const struct api_call *c, const struct kind *k)
{
    return api_may(c, k, KACT_WRITE) && !api_is_cut(c, k);
}

/* The job of the path. x is to be ended in every case. */
static int load(struct api_call *c, struct app_import *x)
{
    int64_t n = 0;
    memset(x, 0, sizeof *x);
    int r = api_number(c, &n);
    r = r < 0 ? r : app_import_get(c->app, n, x);
    if (r == 0 && (!may_see(c, x->login) || !may_bring(c, x->k))) {
        r = SANJI_E_NOT_FOUND;
    }
    if (r == 0) {
        (void)snprintf(c->target, sizeof c->target, "%lld", (long long)n);
    }
    return r;
}

/* ---- what it is ---- */

struct counts {
    struct api_call *c;
    int64_t rows, act[6], st[5];
};
static const char *const acts[] = {"", "new", "update", "same", "skip", "bad"};
static const char *const sts[] = {"", "stored", "refused", "undone", "kept"};

static int on_count(const struct import_count *n, void *arg)
{
    struct counts *x = arg;
    x->rows += n->n;
    for (size_t i = 0; i < 6; i++) {
        x->act[i] += strcmp(n->act, acts[i]) == 0 ? n->n : 0;
    }
    for (size_t i = 0; i < 5; i++) {
        x->st[i] += strcmp(n->st, sts[i]) == 0 ? n->n : 0;
    }
    return 0;
}

static int put_counts(struct api_call *c, int64_t n)
{
    struct counts x = {.c = c};
    int r = import_counts(c->app->store, n, on_count, &x);
    jw_int(&c->w, "rows", x.rows);
    jw_obj(&c->w, "counts");
    for (size_t i = 1; i < 6; i++) {
        jw_int(&c->w, acts[i], x.act[i]);
    }
    for (size_t i = 1; i < 5; i++) {
        jw_int(&c->w, sts[i], x.st[i]);
    }
    jw_end_obj(&c->w);
    return r;
}

static int on_line(const struct import_job *j, void *arg)
{
    struct api_call *c = arg;
    if (!may_see(c, j->login)) {
        return 0;
    }
    jw_obj(&c->w, NULL);
    jw_int(&c->w, "n", j->n);
    jw_str(&c->w, "kind", j->kind);
    jw_str(&c->w, "name", j->name);
    jw_str(&c->w, "state", j->state);
    jw_str(&c->w, "login", j->login);
    jw_int(&c->w, "created", j->created);
    jw_int(&c->w, "changed", j->changed);
    int r = put_counts(c, j->n);
    jw_end_obj(&c->w);
    return r;
}

int h_imports(struct api_call *c)
{
    jw_obj(&c->w, NULL);
    jw_arr(&c->w, "imports");
    int r = import_job_get(c->app->store, 0, on_line, c);
    jw_end_arr(&c->w);
    jw_end_obj(&c->w);
    return r;
}

struct shown {
    struct api_call *c;
    const struct app_import *x;
    const struct import_plan *plan;
    int64_t n, last;
    bool more;
};

static int on_old(const struct store_rec *rec, void *arg)
{
    return rec->withdrawn ? 0 : buf_put(arg, rec->d.p, rec->d.n);
}

/* What the row becomes, as content for the page to show. */
static void put_content(struct shown *s, const struct import_row *row)
{
    struct buf d, old;
    struct fault f = {0};
    char id[LIM_ID_BYTES + 1], aud[8];
    buf_init(&d, IMPORT_ROW_BYTES * 2);
    buf_init(&old, LIM_ITEM_BYTES * 2);
    if (strcmp(row->act, "update") == 0 || strcmp(row->act, "same") == 0) {
        (void)store_record_get(s->c->app->store, app_id(s->c->app), NULL, row->rec, on_old, &old);
    }
    if (row->cells.n > 0 && app_import_content(s->c->app, s->x->k, s->plan, row->cells,
                                               span_of(old.data, old.len), &d, id, aud, &f) == 0) {
        jw_raw(&s->c->w, "d", d.data, d.len);
    }
    buf_done(&d);
    buf_done(&old);
}

static int put_row(struct shown *s, const struct import_row *row, bool content)
{
    struct jw *w = &s->c->w;
    struct buf say;
    buf_init(&say, 8192);
    jw_obj(w, NULL);
    jw_int(w, "no", row->no);
    jw_str(w, "act", row->act);
    jw_str(w, "st", row->st);
    jw_str(w, "rec", row->rec);
    jw_str(w, "twin", row->twin);
    if (row->cells.n > 0) {
        jw_raw(w, "cells", row->cells.p, row->cells.n);
    }
    if (content) {
        put_content(s, row);
    }
    app_import_say(s->x->k, row, s->c->lang, &say);
    if (say.len > 0) {
        jw_str(w, "member", row->member);
        jw_strn(w, "message", (const char *)say.data, say.len);
    }
    jw_end_obj(w);
    buf_done(&say);
    return say.err;
}

static int on_sample(const struct import_row *row, void *arg)
{
    return put_row(arg, row, true);
}

static int on_bad(const struct import_row *row, void *arg)
{
    struct shown *s = arg;
    if (s->n == BAD_ROWS) {
        s->more = true;
        return 1;
    }
    s->n++;
    s->last = row->no;
    return put_row(s, row, false);
}

static int put_rows(struct shown *s, int64_t after)
{
    struct store *st = s->c->app->store;
    int r = 0;
    if (after == 0) {
        jw_arr(&s->c->w, "sample");
        r = import_row_list(st, s->x->n, 0, SAMPLE_ROWS, on_sample, s);
        jw_end_arr(&s->c->w);
    }
    jw_arr(&s->c->w, "bad");
    r = r < 0 ? r : import_row_bad(st, s->x->n, after, BAD_ROWS + 1, on_bad, s);
    jw_end_arr(&s->c->w);
    if (s->more) {
        jw_int(&s->c->w, "next", s->last);
    }
    return r;
}

int h_import(struct api_call *c)
{
    struct app_import x;
    static struct import_plan plan; /* one thread; large */
    struct shown s = {.c = c, .x = &x, .plan = &plan};
    int64_t from = 0;
    int r = load(c, &x);
    memset(&plan, 0, sizeof plan);
    r = r < 0 ? r : api_query_int(c, "after", 0, INT64_MAX / 2, &from);
    if (r == 0) {
        jw_obj(&c->w, NULL);
        jw_int(&c->w, "n", x.n);
        jw_str(&c->w, "kind", x.kind);
        jw_str(&c->w, "name", x.name);
        jw_str(&c->w, "state", x.state);
        jw_int(&c->w, "created", x.created);
        jw_int(&c->w, "at", x.at == INT64_MAX ? 0 : x.at);
        r = put_counts(c, x.n);
        if (x.head.len > 0) {
            jw_raw(&c->w, "head", x.head.data, x.head.len);
        }
        if (r == 0 && x.plan.len > 0) {
            jw_raw(&c->w, "plan", x.plan.data, x.plan.len);
            r = app_import_plan_read(x.k, span_of(x.plan.data, x.plan.len), &plan, &c->f);
        }
        r = r < 0 ? r : put_rows(&s, from);
        jw_end_obj(&c->w);
    }
    app_import_done(&x);
    return r;
}

/* ---- rows that did not go in, as a file ---- */

struct report {
    struct buf *out;
    const struct app_import *x;
    enum text_lang lang;
};

static int on_report(const struct import_row *row, void *arg)
{
    struct report *t = arg;
    return app_import_report_row(t->x, row, t->lang, t->out);
}

int h_import_bad(struct api_call *c)
{
    struct app_import x;
    int r = load(c, &x);
    if (r == 0) {
        struct report t = {.out = &c->rep->body, .x = &x, .lang = c->lang};
        r = app_import_report_head(&x, c->lang, t.out);
        r = r < 0 ? r : import_row_bad(c->app->store, x.n, 0, REPORT_ROWS, on_report, &t);
        (void)snprintf(c->rep->text, sizeof c->rep->text,
                       "attachment; filename=\"import-%lld.csv\"", (long long)x.n);
        r = r < 0 ? r : api_audit(c, "ok");
    }
    if (r == 0) {
        api_header(c->rep, "Content-Disposition", c->rep->text);
        api_header(c->rep, "Content-Type", "text/csv; charset=utf-8");
        c->raw = true;
    }
    app_import_done(&x);
    return r;
}

/* ---- steps ---- */

int h_import_new(struct api_call *c)
{
    const struct kind *k = kind_find(c->in.import_new.kind);
    int64_t n = 0;
    if (k == NULL) {
        c->code = "unknown_kind";
        return fault_set(&c->f, SANJI_E_SPEC, "kind", NULL);
    }
    if (!may_bring(c, k)) {
        return SANJI_E_FORBIDDEN;
    }
    int r = app_import_new(c->app, c->me.login, c->me.role, k, c->in.import_new.name, &n, &c->f);
    if (r == 0) {
        (void)snprintf(c->target, sizeof c->target, "%lld", (long long)n);
    }
    jw_obj(&c->w, NULL);
    jw_int(&c->w, "n", n);
    jw_end_obj(&c->w);
    return r;
}

enum step { STEP_PART, STEP_READ, STEP_PLAN, STEP_START, STEP_UNDO, STEP_DROP };

static int take(struct api_call *c, enum step s, int64_t n)
{
    struct app *a = c->app;
    switch (s) {
    case STEP_PART:
        return app_import_part(a, n, c->in.import_part.i, c->in.import_part.data, &c->f);
    case STEP_READ:
        return app_import_read(a, n, &c->f);
    case STEP_PLAN:
        return app_import_plan(a, n, c->in.import_plan.plan, &c->f);
    case STEP_START:
        return app_import_start(a, n);
    case STEP_UNDO:
        return app_import_undo(a, n);
    case STEP_DROP:
        break;
    }
    return app_import_drop(a, n);
}

static int step(struct api_call *c, enum step s)
{
    struct app_import x;
    int r = load(c, &x);
    /* The steps are taken in the rights of who takes them. */
    if (r == 0 && s == STEP_START && strcmp(x.login, c->me.login) != 0) {
        r = SANJI_E_FORBIDDEN;
    }
    r = r < 0 ? r : take(c, s, x.n);
    if (r == 0 && (s == STEP_READ || s == STEP_PLAN || s == STEP_START || s == STEP_UNDO)) {
        (void)app_import_tick(
            c->app); /* the first slice at once; what fails there is tried again */
    }
    if (r == SANJI_E_SYNTAX && c->f.line > 0) {
        char want[64];
        (void)snprintf(want, sizeof want, "%ld", c->f.line);
        c->code = "import_quote";
        (void)fault_set(&c->f, r, "file", want);
    }
    jw_obj(&c->w, NULL);
    jw_end_obj(&c->w);
    app_import_done(&x);
    return r;
}

int h_import_part(struct api_call *c)
{
    return step(c, STEP_PART);
}
int h_import_read(struct api_call *c)
{
    return step(c, STEP_READ);
}
int h_import_plan(struct api_call *c)
{
    return step(c, STEP_PLAN);
}
int h_import_start(struct api_call *c)
{
    return step(c, STEP_START);
}
int h_import_undo(struct api_call *c)
{
    return step(c, STEP_UNDO);
}
int h_import_drop(struct api_call *c)
{
    return step(c, STEP_DROP);
}
