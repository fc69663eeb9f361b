/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs that make records of tables: what each state allows, and whose turn it is. */
#include "node/app_import.h"

#include "node/app_internal.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one job ---- */

static int on_job(const struct import_job *j, void *arg)
{
    struct app_import *x = arg;
    x->n = j->n;
    x->created = j->created;
    x->at = j->at;
    x->bytes = j->bytes;
    (void)snprintf(x->login, sizeof x->login, "%s", j->login);
    (void)snprintf(x->role, sizeof x->role, "%s", j->role);
    (void)snprintf(x->kind, sizeof x->kind, "%s", j->kind);
    (void)snprintf(x->state, sizeof x->state, "%s", j->state);
    (void)snprintf(x->name, sizeof x->name, "%s", j->name);
    buf_put(&x->head, j->head.p, j->head.n);
    return buf_put(&x->plan, j->plan.p, j->plan.n);
}

int app_import_get(struct app *a, int64_t n, struct app_import *x)
{
    memset(x, 0, sizeof *x);
    buf_init(&x->head, IMPORT_ROW_BYTES + 16);
    buf_init(&x->plan, 65536);
    int r = n > 0 ? import_job_get(a->store, n, on_job, x) : SANJI_E_NOT_FOUND;
    x->k = r == 0 ? kind_find(x->kind) : NULL;
    return r == 0 && x->k == NULL ? SANJI_E_VERSION : r;
}

void app_import_done(struct app_import *x)
{
    buf_done(&x->head);
    buf_done(&x->plan);
}

int app__import_save(struct app *a, const struct app_import *x)
{
    struct import_job j = {.n = x->n,
                           .state = x->state,
                           .changed = app_now_ms(),
                           .head = span_of(x->head.data, x->head.len),
                           .plan = span_of(x->plan.data, x->plan.len),
                           .at = x->at,
                           .bytes = x->bytes};
    return import_job_save(a->store, &j);
}

int app__import_end_tx(struct app *a, int r)
{
    if (r == 0) {
        return store_commit(a->store);
    }
    store_rollback(a->store);
    return r;
}

static int to_state(struct app *a, struct app_import *x, const char *state, int64_t at)
{
    (void)snprintf(x->state, sizeof x->state, "%s", state);
    x->at = at;
    int r = store_begin(a->store);
    return r < 0 ? r : app__import_end_tx(a, app__import_save(a, x));
}

static bool is_in(const struct app_import *x, const char *states)
{
    return app__word_in(states, x->state);
}

/* ---- steps ---- */

struct quota {
    const char *login;
    int64_t mine, all;
};

static int count_open(const struct import_job *j, void *arg)
{
    struct quota *q = arg;
    bool ended = strcmp(j->state, "done") == 0 || strcmp(j->state, "undone") == 0;
    q->all++;
    q->mine += !ended && strcmp(j->login, q->login) == 0;
    return 0;
}

int app_import_new(struct app *a, const char *login, const char *role, const struct kind *k,
                   const char *name, int64_t *ret_n, struct fault *f)
{
    struct quota q = {.login = login};
    struct import_job j = {.login = login,
                           .role = role != NULL ? role : "",
                           .kind = k->name,
                           .name = name,
                           .state = "loading",
                           .created = app_now_ms()};
    if (k->owner == KO_MACHINE || !k->in_export || (k->shape != KS_STATE && k->shape != KS_BOTH)) {
        return SANJI_E_FORBIDDEN;
    }
    if (k->owner == KO_TOP && !app_is_top(a)) {
        return SANJI_E_AUTHORITY;
    }
    int r = app_disk_low(a) ? SANJI_E_FULL : app_import_expire(a, j.created);
    r = r < 0 ? r : import_job_get(a->store, 0, count_open, &q);
    if (r == 0 && (q.mine >= IMPORT_OPEN || q.all >= IMPORT_ALL)) {
        return fault_set(f, SANJI_E_QUOTA, "import", "5 imports that are not ended");
    }
    r = r < 0 ? r : store_begin(a->store);
    return r < 0 ? r : app__import_end_tx(a, import_job_add(a->store, &j, ret_n));
}

int app_import_part(struct app *a, int64_t n, int64_t i, struct span data, struct fault *f)
{
    struct app_import x;
    int r = app_import_get(a, n, &x);
    if (r == 0 && !is_in(&x, "loading")) {
        r = SANJI_E_STATE;
    }
    if (r == 0 && (data.n > IMPORT_PART || i * IMPORT_PART > IMPORT_BYTES ||
                   x.bytes + (int64_t)data.n > IMPORT_BYTES)) {
        r = fault_set(f, SANJI_E_SIZE, "file", "8 MiB");
    }
    x.bytes += (int64_t)data.n;
    r = r < 0 ? r : store_begin(a->store);
    if (r == 0) {
        r = import_part_add(a->store, n, i, data);
        r = app__import_end_tx(a, r < 0 ? r : app__import_save(a, &x));
    }
    app_import_done(&x);
    return r;
}

int app_import_plan(struct app *a, int64_t n, struct span plan, struct fault *f)
{
    struct app_import x;
    struct import_plan *p = calloc(1, sizeof *p);
    uint8_t h[HASH_LEN];
    struct span map;
    int r = app_import_get(a, n, &x);
    r = p == NULL ? SANJI_E_NOMEM : r;
    if (r == 0 && !is_in(&x, "checking checked")) {
        r = SANJI_E_STATE;
    }
    r = r < 0 ? r : app_import_plan_read(x.k, plan, p, f);
    buf_reset(&x.plan);
    r = r < 0 ? r : buf_put(&x.plan, plan.p, plan.n);
    (void)snprintf(x.state, sizeof x.state, "checking");
    x.at = 0;
    r = r < 0 ? r : store_begin(a->store);
    if (r == 0) {
        hash_bytes(x.head.data, x.head.len, h);
        r = jcur_get(plan, "map", &map) ? import_head_put(a->store, x.k->name, h, map, app_now_ms())
                                        : 0;
        r = app__import_end_tx(a, r < 0 ? r : app__import_save(a, &x));
    }
    app_import_done(&x);
    free(p);
    return r;
}

static int turn(struct app *a, int64_t n, const char *from, const char *to, int64_t at)
{
    struct app_import x;
    int r = app_import_get(a, n, &x);
    if (r == 0 && !is_in(&x, from)) {
        r = SANJI_E_STATE;
    }
    r = r < 0 ? r : app__may_write(a);
    r = r < 0 ? r : to_state(a, &x, to, at);
    app_import_done(&x);
    return r;
}

int app_import_start(struct app *a, int64_t n)
{
    return app_disk_low(a) ? SANJI_E_FULL : turn(a, n, "checked", "running", 0);
}

int app_import_undo(struct app *a, int64_t n)
{
    return turn(a, n, "done", "undoing", INT64_MAX);
}

int app_import_drop(struct app *a, int64_t n)
{
    struct app_import x;
    int r = app_import_get(a, n, &x);
    if (r == 0 && is_in(&x, "running undoing")) {
        r = SANJI_E_STATE;
    }
    app_import_done(&x);
    r = r == SANJI_E_VERSION ? 0 : r; /* of a kind that is no more */
    r = r < 0 ? r : store_begin(a->store);
    return r < 0 ? r : app__import_end_tx(a, import_job_drop(a->store, n));
}

int app_import_expire(struct app *a, int64_t now_ms)
{
    int r = store_begin(a->store);
    return r < 0 ? r
                 : app__import_end_tx(a, import_job_expire(a->store, now_ms - IMPORT_KEPT_MS,
                                                           now_ms - IMPORT_OPEN_MS));
}

/* ---- slices ---- */

int app_import_tick(struct app *a)
{
    struct app_import x;
    int64_t n = 0;
    bool more = false;
    int r = import_job_next(a->store, &n);
    if (r < 0 || n == 0 || sync_self_error(a->sync) < 0) {
        return r;
    }
    r = app_import_get(a, n, &x);
    if (r == SANJI_E_VERSION) {
        r = import_job_drop(a->store, n);
    } else if (r == 0 && strcmp(x.state, "checking") == 0) {
        r = app__import_check(a, &x, &more);
    } else if (r == 0 && strcmp(x.state, "running") == 0) {
        r = app__import_run(a, &x, &more);
    } else if (r == 0) {
        r = app__import_undo(a, &x, &more);
    }
    app_import_done(&x);
    return r < 0 ? r : 1;
}

int app__slice_add(const struct import_row *r, void *arg)
{
    struct import_slice *s = arg;
    if (s->n == s->cap) {
        size_t cap = s->cap == 0 ? 64 : s->cap * 2;
        struct slice_row *v = realloc(s->v, cap * sizeof *v);
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        s->v = v;
        s->cap = cap;
    }
    struct slice_row *x = &s->v[s->n++];
    memset(x, 0, sizeof *x);
    x->no = r->no;
    x->r = r->r;
    x->err = r->err;
    (void)snprintf(x->act, sizeof x->act, "%s", r->act);
    (void)snprintf(x->st, sizeof x->st, "%s", r->st);
    (void)snprintf(x->member, sizeof x->member, "%s", r->member);
    (void)snprintf(x->want, sizeof x->want, "%s", r->want);
    (void)snprintf(x->rec, sizeof x->rec, "%s", r->rec);
    (void)snprintf(x->twin, sizeof x->twin, "%s", r->twin);
    x->cells = s->pool.len;
    x->n_cells = r->cells.n;
    buf_put(&s->pool, r->cells.p, r->cells.n);
    x->old = s->pool.len;
    x->n_old = r->old.n;
    return buf_put(&s->pool, r->old.p, r->old.n);
}

void app__slice_done(struct import_slice *s)
{
    buf_done(&s->pool);
    free(s->v);
}

int app__slice_save(struct app *a, int64_t job, struct import_slice *s, size_t i, bool with_cells)
{
    const struct slice_row *x = &s->v[i];
    struct import_row row = {.no = x->no,
                             .r = x->r,
                             .err = x->err,
                             .act = x->act,
                             .st = x->st,
                             .member = x->member,
                             .want = x->want,
                             .rec = x->rec,
                             .twin = x->twin,
                             .cells = span_of(s->pool.data + x->cells, with_cells ? x->n_cells : 0),
                             .old = span_of(s->pool.data + x->old, x->n_old)};
    return import_row_save(a->store, job, &row);
}

void app__slice_fault(struct slice_row *row, int err, const struct fault *f)
{
    row->err = err;
    (void)snprintf(row->member, sizeof row->member, "%s", f->member);
    (void)snprintf(row->want, sizeof row->want, "%s", f->want);
}
