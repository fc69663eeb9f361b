/* SPDX-License-Identifier: Apache-2.0 */
/* The pass that stores nothing: each row goes through the same check as `put`, with what stands
 * here and the rows before it, and what is here already is found by what the kind's table calls
 * the same (a credit code, a filing number, a name). */
#include "node/app_import.h"
#include "node/app_put.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHECK_ROWS = 200 };

struct twin {
    uint64_t key; /* hash of a field's name and a value; 0: free */
    int64_t row;  /* of this table; 0: a record */
    char id[LIM_ID_BYTES + 1];
};
struct import_check {
    int64_t job, at;
    struct app_put *p;
    struct import_plan plan;
    struct twin *v; /* open addressing */
    size_t cap, n;
};

void app_import_free(struct app *a)
{
    if (a->import_check != NULL) {
        app_put_free(a->import_check->p);
        free(a->import_check->v);
        free(a->import_check);
        a->import_check = NULL;
    }
}

/* ---- doubles ---- */

static uint64_t mix(uint64_t h, struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        h = (h ^ s.p[i]) * 1099511628211u;
    }
    return (h ^ 256) * 1099511628211u;
}

static struct twin *slot_of(const struct import_check *c, uint64_t key)
{
    size_t at = (size_t)(key >> 20) & (c->cap - 1);
    while (c->v[at].key != 0 && c->v[at].key != key) {
        at = (at + 1) & (c->cap - 1);
    }
    return &c->v[at];
}

static int grow(struct import_check *c)
{
    struct import_check next = *c;
    next.cap = c->cap == 0 ? 1024 : c->cap * 2;
    next.v = calloc(next.cap, sizeof *next.v);
    if (next.v == NULL) {
        return SANJI_E_NOMEM;
    }
    for (size_t i = 0; i < c->cap; i++) {
        if (c->v[i].key != 0) {
            *slot_of(&next, c->v[i].key) = c->v[i];
        }
    }
    free(c->v);
    c->v = next.v;
    c->cap = next.cap;
    return 0;
}

/* What a record says in one of the fields that tell it; 0: nothing. */
static int key_of(const struct kind_field *fld, struct span d, uint64_t *ret)
{
    struct buf text, plain;
    *ret = 0;
    if ((fld->flags & KFF_KEY) == 0) {
        return 0;
    }
    buf_init(&text, LIM_ITEM_BYTES);
    buf_init(&plain, LIM_ITEM_BYTES);
    int r = kind_value_text(fld, d, &text);
    app_table_plain(span_of(text.data, text.len), &plain);
    if (r == 0 && plain.len > 0) {
        *ret = mix(mix(14695981039346656037u, span_of(fld->name, strlen(fld->name))),
                   span_of(plain.data, plain.len)) |
               1;
    }
    r = r < 0 ? r : plain.err;
    buf_done(&text);
    buf_done(&plain);
    return r;
}

/* Remembers what d says; who came first stays. */
static int learn(struct import_check *c, struct span d, const char *id, int64_t row)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < c->p->k->n_fields; i++) {
        uint64_t key = 0;
        r = key_of(&c->p->k->fields[i], d, &key);
        r = r < 0 || c->n * 2 < c->cap ? r : grow(c);
        if (r == 0 && key != 0 && slot_of(c, key)->key == 0) {
            struct twin *t = slot_of(c, key);
            t->key = key;
            t->row = row;
            (void)snprintf(t->id, sizeof t->id, "%s", id);
            c->n++;
        }
    }
    return r;
}

static int find_twin(struct import_check *c, struct span d, struct slice_row *row, bool *ret_here)
{
    *ret_here = false;
    for (size_t i = 0; c->cap > 0 && i < c->p->k->n_fields; i++) {
        uint64_t key = 0;
        int r = key_of(&c->p->k->fields[i], d, &key);
        const struct twin *t = key == 0 ? NULL : slot_of(c, key);
        if (r < 0) {
            return r;
        }
        if (t != NULL && t->key != 0) {
            *ret_here = t->row == 0;
            if (*ret_here) {
                (void)snprintf(row->twin, sizeof row->twin, "%s", t->id);
            } else {
                (void)snprintf(row->twin, sizeof row->twin, "#%lld", (long long)t->row);
            }
            return 0;
        }
    }
    return 0;
}

static int on_known(const struct store_rec *rec, void *arg)
{
    return learn(arg, rec->d, rec->id, 0);
}

static int begin(struct app *a, struct app_import *x)
{
    struct store_filter f = {.kind = x->k->name, .owner = app_id(a), .limit = INT64_MAX / 2};
    bool keys = kind_field_with(x->k, KFF_KEY) != NULL;
    app_import_free(a);
    struct import_check *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return SANJI_E_NOMEM;
    }
    a->import_check = c;
    c->job = x->n;
    int r = app_import_plan_read(x->k, span_of(x->plan.data, x->plan.len), &c->plan, NULL);
    r = r < 0 ? r : app_put_begin(a, x->k, NULL, true, &c->p);
    r = r < 0 || !keys ? r : app_outbox_flush(a);
    return r < 0 || !keys ? r : store_record_list(a->store, &f, on_known, c);
}

/* ---- one row ---- */

struct trying {
    struct app *a;
    struct app_import *x;
    struct import_check *c;
    struct buf json, line;
    struct old_rec old; /* of the record it is a double of */
    struct fault f;
};

/* The record with the id its own column says, or the one that says the same. */
static int look(struct trying *t, struct slice_row *row, const char *id, bool *ret_here)
{
    struct old_rec *o = &t->old;
    int r = 0;
    *ret_here = false;
    if (id[0] != '\0') {
        r = app__put_old(t->a, app_id(t->a), id, o);
        *ret_here = r == 0 && o->found && !o->withdrawn;
        if (*ret_here && strcmp(o->kind, t->x->k->name) != 0) {
            return fault_set(&t->f, SANJI_E_EXISTS, "id", o->kind);
        }
        (void)snprintf(row->twin, sizeof row->twin, "%s", *ret_here ? id : "");
    }
    if (r == 0 && !*ret_here) {
        r = find_twin(t->c, span_of(t->json.data, t->json.len), row, ret_here);
        if (r == 0 && *ret_here) {
            buf_done(&o->d);
            r = app__put_old(t->a, app_id(t->a), row->twin, o);
        }
    }
    return r;
}

/* {"id":...,"audience":...,members} as put takes it. */
static int compose(struct trying *t, const char *id, const char *aud)
{
    bool empty = t->json.len == 2;
    buf_reset(&t->line);
    buf_printf(&t->line, "{\"id\":\"%s\"", id);
    if (aud[0] != '\0') {
        buf_printf(&t->line, ",\"audience\":\"%s\"", aud);
    }
    buf_puts(&t->line, empty ? "" : ",");
    return buf_put(&t->line, t->json.data + 1, t->json.len - 1);
}

static int try_row(struct trying *t, struct slice_row *row, struct span cells)
{
    char id[LIM_ID_BYTES + 1], aud[8], made[LIM_ID_BYTES + 1], fresh[28];
    struct span none = span_of(NULL, 0);
    bool here = false;
    int r = app_import_content(t->a, t->x->k, &t->c->plan, cells, none, &t->json, id, aud, &t->f);
    r = r < 0 ? r : look(t, row, id, &here);
    enum import_doubles wish = t->c->plan.doubles;
    if (r < 0 ||
        (row->twin[0] != '\0' && (wish == IMPORT_SKIP || (wish == IMPORT_UPDATE && !here)))) {
        (void)snprintf(row->act, sizeof row->act, "skip");
        return r;
    }
    bool update = here && wish == IMPORT_UPDATE;
    app__record_id(t->a, app_now_ms(), fresh);
    (void)snprintf(row->rec, sizeof row->rec, "%s",
                   update                   ? row->twin
                   : id[0] != '\0' && !here ? id
                                            : fresh);
    (void)snprintf(row->act, sizeof row->act, update ? "update" : "new");
    row->r = update ? t->old.r : 0;
    if (update) { /* stays in its audience */
        struct span was = span_of(t->old.d.data, t->old.d.len);
        (void)snprintf(aud, sizeof aud, "%.*s", (int)strcspn(t->old.aud, ":"), t->old.aud);
        buf_reset(&t->json);
        r = app_import_content(t->a, t->x->k, &t->c->plan, cells, was, &t->json, id, made, &t->f);
    }
    r = r < 0 ? r : compose(t, row->rec, aud);
    r = r < 0 ? r : app_put_line(t->c->p, span_of(t->line.data, t->line.len), made, &t->f);
    struct span d = span_of(t->c->p->d.data, t->c->p->d.len);
    if (r == 0 && update && span_eq(d, span_of(t->old.d.data, t->old.d.len))) {
        (void)snprintf(row->act, sizeof row->act, "same");
    }
    return r < 0 ? r : learn(t->c, d, row->rec, row->no);
}

/* Of the row, not of the node. */
bool app__import_of_row(int err)
{
    return err == SANJI_E_SPEC || err == SANJI_E_STATE || err == SANJI_E_FORBIDDEN ||
           err == SANJI_E_NOT_FOUND || err == SANJI_E_EXISTS || err == SANJI_E_AUDIENCE ||
           err == SANJI_E_SYNTAX || err == SANJI_E_ENCODING || err == SANJI_E_SIZE ||
           err == SANJI_E_CONFLICT || err == SANJI_E_REFERENCE;
}

static int check_row(struct trying *t, struct slice_row *row, struct span cells)
{
    row->twin[0] = row->rec[0] = '\0';
    row->r = 0;
    t->f = (struct fault){0};
    app__slice_fault(row, 0, &t->f);
    memset(&t->old, 0, sizeof t->old);
    buf_reset(&t->json);
    int r = try_row(t, row, cells);
    buf_done(&t->old.d);
    if (app__import_of_row(r)) {
        (void)snprintf(row->act, sizeof row->act, "bad");
        app__slice_fault(row, r, &t->f);
        return 0;
    }
    return r;
}

static int save(struct app *a, struct app_import *x, struct import_slice *s)
{
    int r = store_begin(a->store);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; r == 0 && i < s->n; i++) {
        r = app__slice_save(a, x->n, s, i, true);
    }
    if (s->n > 0) {
        x->at = s->v[s->n - 1].no;
    }
    if (s->n < CHECK_ROWS) {
        (void)snprintf(x->state, sizeof x->state, "checked");
    }
    r = r < 0 ? r : app__import_save(a, x);
    return app__import_end_tx(a, r);
}

int app__import_check(struct app *a, struct app_import *x, bool *ret_more)
{
    struct import_slice s = {0};
    struct trying t = {.a = a, .x = x};
    const struct import_check *c = a->import_check;
    int r = 0;
    if (x->at == 0 || c == NULL || c->job != x->n || c->at != x->at) {
        x->at = 0;
        r = begin(a, x);
    }
    t.c = a->import_check;
    buf_init(&s.pool, (size_t)CHECK_ROWS * (IMPORT_ROW_BYTES + 16));
    buf_init(&t.json, IMPORT_ROW_BYTES * 2);
    buf_init(&t.line, IMPORT_ROW_BYTES * 2);
    r = r < 0 ? r : import_row_list(a->store, x->n, x->at, CHECK_ROWS, app__slice_add, &s);
    if (r == 0) {
        t.c->p->role = x->role[0] != '\0' ? x->role : NULL;
    }
    for (size_t i = 0; r == 0 && i < s.n; i++) {
        r = check_row(&t, &s.v[i], span_of(s.pool.data + s.v[i].cells, s.v[i].n_cells));
    }
    r = r < 0 ? r : save(a, x, &s);
    *ret_more = r == 0 && s.n == CHECK_ROWS;
    if (*ret_more) {
        t.c->at = x->at;
    } else {
        app_import_free(a);
    }
    buf_done(&t.json);
    buf_done(&t.line);
    app__slice_done(&s);
    return r;
}
