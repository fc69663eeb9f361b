/* SPDX-License-Identifier: Apache-2.0 */
/* The passes that store: the records of a slice and the note that they are stored are one
 * transaction, so nothing is stored twice, whenever the program ends. */
#include "node/app_import.h"
#include "node/app_put.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUN_ROWS = 100 };

struct running {
    struct app *a;
    struct app_import *x;
    struct app_put *p;
    struct import_slice s;
    struct import_plan plan;
    size_t done, saved; /* rows worked on, and noted */
    bool forget;        /* the cells: they are a record now */
    const char *then;   /* the state after the last row */
};

/* In the transaction that stores the records. */
static int note(void *arg)
{
    struct running *x = arg;
    int r = 0;
    for (size_t i = x->saved; r == 0 && i < x->done; i++) {
        bool stored = strcmp(x->s.v[i].st, "stored") == 0;
        r = app__slice_save(x->a, x->x->n, &x->s, i, !(x->forget && stored));
    }
    if (x->done > 0) {
        x->x->at = x->s.v[x->done - 1].no;
    }
    if (x->done == x->s.n && x->s.n < RUN_ROWS) {
        (void)snprintf(x->x->state, sizeof x->x->state, "%s", x->then);
    }
    return r < 0 ? r : app__import_save(x->a, x->x);
}

static int noted(struct running *x)
{
    int r = app_put_pending(x->p) > 0 ? app_put_flush(x->p) : store_begin(x->a->store);
    if (r == 0 && store_in_tx(x->a->store)) {
        r = app__import_end_tx(x->a, note(x));
    }
    x->saved = r == 0 ? x->done : x->saved;
    return r;
}

static int begin(struct running *x, struct app *a, struct app_import *job)
{
    x->a = a;
    x->x = job;
    buf_init(&x->s.pool, (size_t)RUN_ROWS * (IMPORT_ROW_BYTES + 2 * LIM_ITEM_BYTES));
    int r = app_put_begin(a, job->k, NULL, false, &x->p);
    if (r == 0) {
        x->p->role = job->role[0] != '\0' ? job->role : NULL;
        x->p->also = note;
        x->p->also_arg = x;
        r = app_outbox_flush(a);
    }
    return r < 0 ? r
                 : app_import_plan_read(job->k, span_of(job->plan.data, job->plan.len), &x->plan,
                                        NULL);
}

static void end(struct running *x)
{
    app_put_free(x->p);
    app__slice_done(&x->s);
}

/* ---- storing ---- */

static int keep_old(struct running *x, struct slice_row *row, const struct old_rec *o)
{
    row->old = x->s.pool.len;
    row->n_old = o->d.len;
    return buf_put(&x->s.pool, o->d.data, o->d.len);
}

static int put_row(struct running *x, struct slice_row *row, const struct old_rec *o,
                   struct fault *f)
{
    char id[LIM_ID_BYTES + 1], aud[8], was[8];
    struct buf json, line;
    bool update = strcmp(row->act, "update") == 0;
    bool stands = o->found && !o->withdrawn;
    if (update ? !stands || o->r != row->r : stands) {
        return fault_set(f, SANJI_E_CONFLICT, "id", NULL); /* somebody was faster */
    }
    buf_init(&json, IMPORT_ROW_BYTES * 2);
    buf_init(&line, IMPORT_ROW_BYTES * 2);
    (void)snprintf(was, sizeof was, "%.*s", (int)strcspn(o->aud, ":"), o->aud);
    int r = app_import_content(x->a, x->x->k, &x->plan,
                               span_of(x->s.pool.data + row->cells, row->n_cells),
                               span_of(o->d.data, update ? o->d.len : 0), &json, id, aud, f);
    const char *word = update ? was : aud;
    buf_printf(&line, "{\"id\":\"%s\"", row->rec);
    if (word[0] != '\0') {
        buf_printf(&line, ",\"audience\":\"%s\"", word);
    }
    buf_puts(&line, json.len > 2 ? "," : "");
    r = r < 0 ? r : buf_put(&line, json.data + 1, json.len - 1);
    r = r < 0 ? r : app_put_line(x->p, span_of(line.data, line.len), id, f);
    r = r < 0 || !update ? r : keep_old(x, row, o);
    row->r = o->r + 1;
    buf_done(&json);
    buf_done(&line);
    return r;
}

static int store_row(struct running *x, struct slice_row *row)
{
    struct old_rec o = {0};
    struct fault f = {0};
    if (row->st[0] != '\0' || (strcmp(row->act, "new") != 0 && strcmp(row->act, "update") != 0)) {
        return 0;
    }
    int r = app__put_old(x->a, app_id(x->a), row->rec, &o);
    r = r < 0 ? r : put_row(x, row, &o, &f);
    buf_done(&o.d);
    if (r < 0 && app__import_of_row(r)) {
        (void)snprintf(row->st, sizeof row->st, "refused");
        app__slice_fault(row, r, &f);
        return 0;
    }
    (void)snprintf(row->st, sizeof row->st, r == 0 ? "stored" : "");
    return r;
}

int app__import_run(struct app *a, struct app_import *job, bool *ret_more)
{
    struct running x = {.forget = true, .then = "done"};
    int r = begin(&x, a, job);
    r = r < 0 ? r : import_row_list(a->store, job->n, job->at, RUN_ROWS, app__slice_add, &x.s);
    for (size_t i = 0; r == 0 && i < x.s.n; i++) {
        r = store_row(&x, &x.s.v[i]);
        x.done += r == 0 ? 1 : 0;
    }
    *ret_more = x.s.n == RUN_ROWS;
    r = r < 0 ? r : noted(&x);
    end(&x);
    return r;
}

/* ---- taking back ---- */

/* Others may have built on it: whoever it was sent to or answers, the record it changed. */
static int relied_on(const struct kind *k, const struct old_rec *o, struct span was)
{
    struct span ref, none = span_of(NULL, 0);
    bool effect = kind_effect_due(k, none, span_of(o->d.data, o->d.len), &ref) ||
                  (was.n > 0 && kind_effect_due(k, none, was, &ref));
    return effect ? SANJI_E_STATE : app__put_may_go(k, o, NULL);
}

/* The older form goes through what any form goes through: the steps, whom it names, its audience.
 */
static int may_return(struct running *x, const char *id, const struct old_rec *o, struct span was)
{
    struct fault f = {0};
    char word[8], aud[LIM_AUD_BYTES + 1];
    (void)snprintf(word, sizeof word, "%.*s", (int)strcspn(o->aud, ":"), o->aud);
    buf_reset(&x->p->d);
    int r = buf_put(&x->p->d, was.p, was.n);
    r = r < 0 ? r : app__put_may(x->p, id, o, &f);
    r = r < 0 ? r : app__put_audience(x->p, word, aud);
    return r < 0 || strcmp(aud, o->aud) == 0 ? r : SANJI_E_AUDIENCE;
}

static int give_back(struct running *x, struct slice_row *row, const struct old_rec *o)
{
    const struct kind *k = x->x->k;
    struct span was = span_of(x->s.pool.data + row->old, row->n_old);
    int r = relied_on(k, o, was);
    r = r < 0 || row->n_old == 0 ? r : may_return(x, row->rec, o, was);
    if (r < 0) {
        return r;
    }
    x->p->has_given = true;
    if (row->n_old == 0) {
        return app__put_withdraw(x->p, row->rec, o);
    }
    r = app__put_lane(x->p, k, o->aud, row->rec, OP_PUT, o->r + 1, was);
    return r < 0 ? r : app__put_card(x->p, k, row->rec, was);
}

static int take_back(struct running *x, struct slice_row *row)
{
    struct old_rec o = {0};
    struct fault f = {0};
    int r = app__put_old(x->a, app_id(x->a), row->rec, &o);
    if (r == 0 && (!o.found || o.withdrawn || o.r != row->r)) {
        (void)snprintf(row->st, sizeof row->st, "kept"); /* somebody has worked on it since */
    } else if (r == 0) {
        r = give_back(x, row, &o);
        if (r < 0 && app__import_of_row(r)) {
            (void)snprintf(row->st, sizeof row->st, "kept");
            app__slice_fault(row, r, &f);
            r = 0;
        } else if (r == 0) {
            (void)snprintf(row->st, sizeof row->st, "undone");
            row->n_old = 0;
        }
    }
    buf_done(&o.d);
    return r;
}

int app__import_undo(struct app *a, struct app_import *job, bool *ret_more)
{
    struct running x = {.then = "undone"};
    int r = begin(&x, a, job);
    r = r < 0 ? r : import_row_back(a->store, job->n, job->at, RUN_ROWS, app__slice_add, &x.s);
    for (size_t i = 0; r == 0 && i < x.s.n; i++) {
        if (strcmp(x.s.v[i].st, "stored") == 0) {
            r = take_back(&x, &x.s.v[i]);
        }
        x.done += r == 0 ? 1 : 0;
    }
    *ret_more = x.s.n == RUN_ROWS;
    r = r < 0 ? r : noted(&x);
    end(&x);
    return r;
}
