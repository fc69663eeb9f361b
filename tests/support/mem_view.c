/* SPDX-License-Identifier: Apache-2.0 */
/* Views in memory, computed the plain way: the newest form per (by, aud) is kept, everything else
 * (what is visible, what is live, the state of a thread) is worked out when somebody asks. */
#include "tests/support/mem_internal.h"

#include "protocol/base/enc.h"
#include "protocol/base/err.h"
#include "protocol/jcur.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static bool beats(const struct form_r *a, const struct form_r *b)
{
    if (a->r != b->r) {
        return a->r > b->r;
    }
    if (a->is_wd != b->is_wd) {
        return !a->is_wd;
    }
    if (a->ep != b->ep) {
        return a->ep > b->ep;
    }
    if (a->seq != b->seq) {
        return a->seq > b->seq;
    }
    if (a->idx != b->idx) {
        return a->idx > b->idx;
    }
    int c = memcmp(a->leaf, b->leaf, HASH_LEN);
    c = c != 0 ? c : strcmp(a->aud, b->aud);
    return (c != 0 ? c : strcmp(a->by, b->by)) > 0;
}

static int order(const int64_t *x, const int64_t *y, size_t n, const uint8_t *leaf_x,
                 const uint8_t *leaf_y)
{
    for (size_t i = 0; i < n; i++) {
        if (x[i] != y[i]) {
            return x[i] > y[i] ? 1 : -1;
        }
    }
    return memcmp(leaf_x, leaf_y, HASH_LEN);
}

/* Events: the lowest place counts. */
static bool stands_before(const struct form_r *a, const struct form_r *b)
{
    const int64_t x[] = {a->ep, a->seq, a->idx}, y[] = {b->ep, b->seq, b->idx};
    return order(x, y, 3, a->leaf, b->leaf) < 0;
}

static struct form_r form_of(struct mem_store *m, const struct sync_record *rec)
{
    struct form_r f = {.owner = mem__text(m, rec->owner),
                       .id = mem__text(m, rec->item->id),
                       .kind = mem__text(m, rec->item->k),
                       .by = mem__text(m, rec->stream->by.s),
                       .aud = mem__text(m, rec->stream->aud),
                       .r = rec->item->r,
                       .no = rec->no,
                       .ep = rec->stream->ep,
                       .seq = rec->seq,
                       .idx = rec->idx,
                       .is_wd = rec->item->op == OP_WITHDRAW,
                       .key = rec->key};
    memcpy(f.leaf, rec->leaf, HASH_LEN);
    f.d = mem__bytes(m, f.is_wd ? span_of("", 0) : rec->item->d);
    return f;
}

static bool same_lane(const struct form_r *a, const char *by, const char *aud)
{
    return strcmp(a->by, by) == 0 && strcmp(a->aud, aud) == 0;
}

static bool same_name(const struct form_r *a, const char *owner, const char *id)
{
    return strcmp(a->owner, owner) == 0 && strcmp(a->id, id) == 0;
}

static void replace(struct mem_store *m, enum tab_id t, size_t i, const struct form_r *f)
{
    struct form_r *old = mem__edit(m, t, i);
    struct row keep = old->row;
    *old = *f;
    old->row = keep;
}

/* ---- lanes ---- */

static struct lane_r *lane_at(struct mem_store *m, const char *by, const char *aud, size_t *ret_i)
{
    void *p = NULL;
    *ret_i = 0;
    while (mem__next(m, TAB_LANE, mem__hash2(by, aud), ret_i, &p)) {
        if (strcmp(((struct lane_r *)p)->by, by) == 0 &&
            strcmp(((struct lane_r *)p)->aud, aud) == 0) {
            return p;
        }
    }
    return NULL;
}

static struct lane_r *lane_edit(struct mem_store *m, const char *by, const char *aud)
{
    size_t i;
    if (lane_at(m, by, aud, &i) == NULL) {
        struct lane_r x = {.by = mem__text(m, by), .aud = mem__text(m, aud)};
        mem__add(m, TAB_LANE, &x, mem__hash2(by, aud));
        (void)lane_at(m, by, aud, &i);
    }
    return mem__edit(m, TAB_LANE, i - 1);
}

static void count(struct mem_store *m, const struct form_r *f)
{
    lane_edit(m, f->by, f->aud)->t.items++;
}

static void form_put(struct mem_store *m, const struct form_r *f)
{
    uint32_t h = mem__hash2(f->owner, f->id);
    size_t i = 0;
    void *p = NULL;
    count(m, f);
    while (mem__next(m, TAB_FORM, h, &i, &p)) {
        struct form_r *old = p;
        if (same_name(old, f->owner, f->id) && same_lane(old, f->by, f->aud)) {
            if (beats(f, old)) {
                replace(m, TAB_FORM, i - 1, f);
            }
            return;
        }
    }
    mem__add(m, TAB_FORM, f, h);
}

int mem__record_put(void *ctx, const struct sync_record *rec)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    if (r < 0) {
        return r;
    }
    struct form_r f = form_of(m, rec);
    form_put(m, &f);
    return 0;
}

int mem__spare(void *ctx, const char *by)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    for (size_t i = 0; r == 0 && i < m->tab[TAB_FORM].n; i++) {
        const struct form_r *f = mem__at(m, TAB_FORM, i);
        if (!f->row.is_dead && strcmp(f->by, by) == 0 && strcmp(f->owner, by) == 0) {
            struct form_r copy = *f;
            mem__add(m, TAB_SPARE, &copy, 0);
        }
    }
    return r;
}

int mem__unspare(void *ctx, sync_spare_fn *fn, void *arg, int64_t *ret_n)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    *ret_n = 0;
    for (size_t i = 0; r >= 0 && i < m->tab[TAB_SPARE].n; i++) {
        struct form_r f = *(const struct form_r *)mem__at(m, TAB_SPARE, i);
        r = f.row.is_dead ? 0 : fn(f.no, f.seq, f.leaf, arg);
        if (r > 0) {
            f.key = false;
            form_put(m, &f);
            ++*ret_n;
        }
    }
    if (r >= 0) {
        mem__clear(m, TAB_SPARE);
    }
    return r < 0 ? r : 0;
}

int mem__event_put(void *ctx, const struct sync_record *rec)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    if (r < 0) {
        return r;
    }
    struct form_r f = form_of(m, rec);
    count(m, &f);
    uint32_t h = mem__hash2(f.owner, f.id);
    size_t i = 0;
    void *p = NULL;
    while (mem__next(m, TAB_EVENT, h, &i, &p)) {
        struct form_r *old = p;
        if (same_name(old, f.owner, f.id) && old->r == f.r && same_lane(old, f.by, f.aud) &&
            memcmp(old->leaf, f.leaf, HASH_LEN) == 0) {
            if (f.key != old->key ? f.key
                : f.key           ? stands_before(old, &f)
                                  : stands_before(&f, old)) {
                replace(m, TAB_EVENT, i - 1, &f);
            }
            return 0;
        }
    }
    mem__add(m, TAB_EVENT, &f, h);
    return 0;
}

/* Does this text hold its name? */
static bool event_counts(const struct mem_store *m, const struct form_r *f)
{
    const struct form_r *best = f;
    size_t i = 0;
    void *p = NULL;
    while (mem__next(m, TAB_EVENT, mem__hash2(f->owner, f->id), &i, &p)) {
        const struct form_r *x = p;
        if (same_name(x, f->owner, f->id) && x->r == f->r && stands_before(x, best)) {
            best = x;
        }
    }
    return memcmp(best->leaf, f->leaf, HASH_LEN) == 0;
}

size_t mem__events_lost(const struct mem_store *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->tab[TAB_EVENT].n; i++) {
        const struct form_r *f = mem__at(m, TAB_EVENT, i);
        n += !f->row.is_dead && !event_counts(m, f) && !mem__is_parked(m, f->no, f->seq, f->idx);
    }
    return n;
}

int mem__sealed_put(void *ctx, const struct sync_sealed *ev)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    if (r < 0) {
        return r;
    }
    uint32_t h = mem__hash2(ev->initiator, ev->id);
    size_t i = 0;
    void *p = NULL;
    bool has_key = ev->cek == NULL;
    while (!has_key && mem__next(m, TAB_KEY, h, &i, &p)) {
        struct key_r *k = p;
        has_key = strcmp(k->init, ev->initiator) == 0 && strcmp(k->id, ev->id) == 0;
    }
    if (!has_key) {
        struct key_r k = {.init = mem__text(m, ev->initiator), .id = mem__text(m, ev->id)};
        memcpy(k.cek, ev->cek, 32);
        mem__add(m, TAB_KEY, &k, h);
    }
    struct span v;
    struct ref_r x = {.init = mem__text(m, ev->initiator),
                      .id = mem__text(m, ev->id),
                      .peer = mem__text(m, ev->peer),
                      .by = mem__text(m, ev->by),
                      .ts = ev->ts,
                      .no = ev->no,
                      .key = ev->key,
                      .ep = ev->ep,
                      .seq = ev->seq,
                      .idx = ev->idx,
                      .d = mem__bytes(m, ev->d)};
    memcpy(x.leaf, ev->leaf, HASH_LEN);
    x.ev = (struct ref_ev){.who = ev->who, .step = ev->step, .seen = ev->seen, .ev = ev->ev};
    x.ev.success =
        ev->ev == RE_OUTCOME && !(jcur_get(ev->d, "result", &v) && span_eqs(v, "\"not\""));
    for (i = 0; mem__next(m, TAB_REF, h, &i, &p);) {
        const struct ref_r *o = p;
        const int64_t new_at[] = {x.ep, x.seq, x.idx}, old_at[] = {o->ep, o->seq, o->idx};
        if (memcmp(o->leaf, x.leaf, HASH_LEN) != 0 || strcmp(o->by, x.by) != 0 ||
            o->ev.who != x.ev.who || o->ev.step != x.ev.step) {
            continue;
        }
        int c = order(new_at, old_at, 3, x.leaf, o->leaf);
        if (x.key != o->key ? x.key : x.key ? c > 0 : c < 0) {
            struct ref_r *e = mem__edit(m, TAB_REF, i - 1);
            x.row = e->row;
            *e = x;
        }
        return 0;
    }
    mem__add(m, TAB_REF, &x, h);
    return 0;
}

void mem__forget(struct mem_store *m, const char *by)
{
    static const enum tab_id tabs[] = {TAB_FORM, TAB_EVENT};
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; i < m->tab[tabs[t]].n; i++) {
            const struct form_r *f = mem__at(m, tabs[t], i);
            if (!f->row.is_dead && strcmp(f->by, by) == 0) {
                ((struct row *)mem__edit(m, tabs[t], i))->is_dead = true;
            }
        }
    }
    for (size_t i = 0; i < m->tab[TAB_REF].n; i++) {
        const struct ref_r *x = mem__at(m, TAB_REF, i);
        if (!x->row.is_dead && strcmp(x->by, by) == 0) {
            ((struct row *)mem__edit(m, TAB_REF, i))->is_dead = true;
        }
    }
    for (size_t i = 0; i < m->tab[TAB_LANE].n; i++) {
        const struct lane_r *l = mem__at(m, TAB_LANE, i);
        if (!l->row.is_dead && strcmp(l->by, by) == 0) {
            ((struct lane_r *)mem__edit(m, TAB_LANE, i))->t = (struct sync_tally){0};
        }
    }
}

bool mem__gone(struct mem_store *m, const struct sync_record *rec)
{
    static const enum tab_id tabs[] = {TAB_FORM, TAB_EVENT};
    bool form = false;
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; i < m->tab[tabs[t]].n; i++) {
            const struct form_r *f = mem__at(m, tabs[t], i);
            if (!f->row.is_dead && same_lane(f, rec->stream->by.s, rec->stream->aud) &&
                memcmp(f->leaf, rec->leaf, HASH_LEN) == 0) {
                ((struct row *)mem__edit(m, tabs[t], i))->is_dead = true;
                form = form || tabs[t] == TAB_FORM;
            }
        }
    }
    for (size_t i = 0; i < m->tab[TAB_REF].n; i++) {
        const struct ref_r *x = mem__at(m, TAB_REF, i);
        if (!x->row.is_dead && strcmp(x->by, rec->stream->by.s) == 0 &&
            memcmp(x->leaf, rec->leaf, HASH_LEN) == 0) {
            ((struct row *)mem__edit(m, TAB_REF, i))->is_dead = true;
        }
    }
    return form;
}

int mem__brought(void *ctx, const struct stream_key *lane,
                 int (*fn)(const struct sync_record *rec, void *arg), void *arg)
{
    static const enum tab_id tabs[] = {TAB_FORM, TAB_EVENT};
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; r == 0 && i < m->tab[tabs[t]].n; i++) {
            const struct form_r *f = mem__at(m, tabs[t], i);
            struct item it = {.r = f->r};
            if (f->row.is_dead || !same_lane(f, lane->by.s, lane->aud)) {
                continue;
            }
            it.op = tabs[t] == TAB_EVENT ? OP_EVENT : f->is_wd ? OP_WITHDRAW : OP_PUT;
            memcpy(it.id, f->id, strlen(f->id) + 1);
            memcpy(it.k, f->kind, strlen(f->kind) + 1);
            struct sync_record rec = {.no = f->no,
                                      .seq = f->seq,
                                      .idx = f->idx,
                                      .stream = lane,
                                      .owner = f->owner,
                                      .item = &it,
                                      .leaf = f->leaf};
            r = fn(&rec, arg);
        }
    }
    return r;
}

static bool is_below(const struct sync_tally *k, int64_t ep, int64_t no, int64_t seq)
{
    return ep < k->ep || (no == k->no && seq < k->from);
}

void mem__below(struct mem_store *m, const char *by, const char *aud, const struct sync_tally *k)
{
    static const enum tab_id tabs[] = {TAB_FORM, TAB_EVENT};
    int64_t left = 0;
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; i < m->tab[tabs[t]].n; i++) {
            const struct form_r *f = mem__at(m, tabs[t], i);
            if (f->row.is_dead || !same_lane(f, by, aud)) {
                continue;
            }
            if (is_below(k, f->ep, f->no, f->seq)) {
                ((struct row *)mem__edit(m, tabs[t], i))->is_dead = true;
            } else {
                left += !f->is_wd;
            }
        }
    }
    for (size_t i = 0; i < m->tab[TAB_REF].n; i++) {
        const struct ref_r *x = mem__at(m, TAB_REF, i);
        if (x->row.is_dead || x->no < 1 || (uint64_t)x->no > m->tab[TAB_STREAM].n) {
            continue;
        }
        const struct stream_r *st = mem__at(m, TAB_STREAM, (size_t)x->no - 1);
        if (strcmp(x->by, by) == 0 && strcmp(st->s.key.aud, aud) == 0 &&
            is_below(k, x->ep, x->no, x->seq)) {
            ((struct row *)mem__edit(m, TAB_REF, i))->is_dead = true;
        }
    }
    struct lane_r *l = lane_edit(m, by, aud);
    l->t = *k;
    l->t.items = left;
}

static const struct form_r *winner(const struct mem_store *m, const char *owner, const char *id)
{
    const struct form_r *best = NULL;
    size_t i = 0;
    void *p = NULL;
    while (mem__next(m, TAB_FORM, mem__hash2(owner, id), &i, &p)) {
        const struct form_r *f = p;
        if (same_name(f, owner, id) && (best == NULL || beats(f, best))) {
            best = f;
        }
    }
    return best;
}

static void live_of(const struct mem_store *m, const char *by, const char *aud,
                    struct live_digest *ret)
{
    static const enum tab_id tabs[] = {TAB_FORM, TAB_EVENT};
    *ret = (struct live_digest){0};
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; i < m->tab[tabs[t]].n; i++) {
            const struct form_r *f = mem__at(m, tabs[t], i);
            if (!f->row.is_dead && !f->is_wd && same_lane(f, by, aud)) {
                live_add(ret, f->leaf);
            }
        }
    }
}

int mem__tally(void *ctx, const char *by, const char *aud, struct sync_tally *ret)
{
    struct mem_store *m;
    size_t i;
    int r = mem__call(ctx, &m);
    if (r < 0) {
        return r;
    }
    const struct lane_r *l = lane_at(m, by, aud, &i);
    *ret = l == NULL ? (struct sync_tally){0} : l->t;
    live_of(m, by, aud, &ret->live);
    return 0;
}

static bool hides_another(const struct mem_store *m, const struct form_r *wd)
{
    size_t i = 0;
    void *p = NULL;
    while (mem__next(m, TAB_FORM, mem__hash2(wd->owner, wd->id), &i, &p)) {
        const struct form_r *f = p;
        if (same_name(f, wd->owner, wd->id) && !same_lane(f, wd->by, wd->aud) && !f->is_wd &&
            f->r < wd->r) {
            return true;
        }
    }
    return false;
}

int mem__stands(void *ctx, const struct sync_record *rec, bool *ret)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    int reason = mem__parked_as(m, rec->no, rec->seq, rec->idx);
    enum tab_id t = rec->item->op == OP_EVENT ? TAB_EVENT : TAB_FORM;
    size_t i = 0;
    void *p = NULL;
    *ret = reason != 0 && reason != SANJI_E_EXISTS;
    while (r == 0 && mem__next(m, t, mem__hash2(rec->owner, rec->item->id), &i, &p)) {
        const struct form_r *f = p;
        if (same_name(f, rec->owner, rec->item->id) && f->r == rec->item->r && f->no == rec->no &&
            f->seq == rec->seq && f->idx == rec->idx) {
            *ret = *ret || !f->is_wd || hides_another(m, f);
        }
    }
    return r;
}

static int leaf_order(const void *a, const void *b)
{
    return memcmp(a, b, HASH_LEN);
}

int mem__live_sha(void *ctx, const char *by, const char *aud, uint8_t ret[static HASH_LEN])
{
    static const enum tab_id tabs[] = {TAB_FORM, TAB_EVENT};
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    size_t n = 0;
    uint8_t *v = calloc(m->tab[TAB_FORM].n + m->tab[TAB_EVENT].n + 1, HASH_LEN);
    if (r < 0 || v == NULL) {
        free(v);
        return r < 0 ? r : SANJI_E_NOMEM;
    }
    v[0] = 2;
    uint8_t *leaf = v + 1; /* not a whole number of leaves, but there is room */
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; i < m->tab[tabs[t]].n; i++) {
            const struct form_r *f = mem__at(m, tabs[t], i);
            if (!f->row.is_dead && !f->is_wd && same_lane(f, by, aud)) {
                memcpy(leaf + HASH_LEN * n++, f->leaf, HASH_LEN);
            }
        }
    }
    if (n > 1) {
        qsort(leaf, n, HASH_LEN, leaf_order);
    }
    hash_bytes(v, 1 + n * HASH_LEN, ret);
    free(v);
    return 0;
}

int mem_store_record(const struct mem_store *m, const char *owner, const char *id,
                     struct mem_seen *ret)
{
    const struct form_r *f = winner(m, owner, id);
    if (f == NULL) {
        return SANJI_E_NOT_FOUND;
    }
    *ret = (struct mem_seen){.r = f->r, .withdrawn = f->is_wd, .d = f->d};
    memcpy(ret->leaf, f->leaf, HASH_LEN);
    strncpy(ret->kind, f->kind, sizeof ret->kind - 1);
    strncpy(ret->by, f->by, sizeof ret->by - 1);
    strncpy(ret->aud, f->aud, sizeof ret->aud - 1);
    return 0;
}

size_t mem_store_records(const struct mem_store *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->tab[TAB_FORM].n; i++) {
        const struct form_r *f = mem__at(m, TAB_FORM, i);
        n += !f->row.is_dead && !f->is_wd && winner(m, f->owner, f->id) == f;
    }
    return n;
}

size_t mem_store_events(const struct mem_store *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->tab[TAB_EVENT].n; i++) {
        const struct form_r *f = mem__at(m, TAB_EVENT, i);
        n += !f->row.is_dead && event_counts(m, f);
    }
    return n;
}

static int ref_cmp(const void *a, const void *b)
{
    const struct ref_r *f = *(const struct ref_r *const *)a, *g = *(const struct ref_r *const *)b;
    const int64_t x[] = {f->ev.who, f->ev.step, f->ep, f->seq, f->idx};
    const int64_t y[] = {g->ev.who, g->ev.step, g->ep, g->seq, g->idx};
    int c = order(x, y, 5, f->leaf, g->leaf);
    return c != 0 ? c : strcmp(f->by, g->by);
}

/* The events of a thread that count; the first row names the other party. */
static size_t thread_events(const struct mem_store *m, const char *init, const char *id,
                            const struct ref_r ***ret)
{
    size_t n = 0, k = 0, i = 0;
    void *p = NULL;
    const struct ref_r **v = calloc(m->tab[TAB_REF].n + 1, sizeof(const struct ref_r *));
    while (v != NULL && mem__next(m, TAB_REF, mem__hash2(init, id), &i, &p)) {
        const struct ref_r *x = p;
        if (strcmp(x->init, init) == 0 && strcmp(x->id, id) == 0) {
            v[n++] = x;
        }
    }
    if (n > 1) {
        qsort(v, n, sizeof *v, ref_cmp);
    }
    for (i = 0; i < n; i++) {
        bool is_party = strcmp(v[i]->peer, v[0]->peer) == 0;
        bool is_taken =
            k > 0 && v[k - 1]->ev.who == v[i]->ev.who && v[k - 1]->ev.step == v[i]->ev.step;
        if (is_party && !is_taken) {
            v[k++] = v[i];
        }
    }
    *ret = v;
    return k;
}

int mem_store_thread(const struct mem_store *m, const char *init, const char *id,
                     struct ref_fold *ret)
{
    const struct ref_r **v;
    size_t n = thread_events(m, init, id, &v);
    struct ref_ev *all = calloc(n + 1, sizeof *all);
    for (size_t i = 0; all != NULL && i < n; i++) {
        all[i] = v[i]->ev;
    }
    if (all != NULL && n > 0) {
        ref_fold(all, n, ret);
    }
    free(all);
    free(v);
    return n == 0 ? SANJI_E_NOT_FOUND : 0;
}

void mem_store_steps(const struct mem_store *m, const char *init, const char *id,
                     int64_t ret[static REF_PARTIES])
{
    const struct ref_r **v;
    size_t n = thread_events(m, init, id, &v);
    ret[REF_I] = ret[REF_R] = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t *at = &ret[v[i]->ev.who];
        *at = v[i]->ev.step > *at ? v[i]->ev.step : *at;
    }
    free(v);
}

int mem_store_cek(const struct mem_store *m, const char *init, const char *id, uint8_t ret[32])
{
    size_t i = 0;
    void *p = NULL;
    while (mem__next(m, TAB_KEY, mem__hash2(init, id), &i, &p)) {
        const struct key_r *k = p;
        if (strcmp(k->init, init) == 0 && strcmp(k->id, id) == 0) {
            memcpy(ret, k->cek, 32);
            return 0;
        }
    }
    return SANJI_E_NOT_FOUND;
}

/* ---- dump ---- */

struct lines {
    char **s;
    size_t n, cap;
};

static void line_add(struct lines *l, struct buf *b)
{
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 64 : l->cap * 2;
        l->s = realloc(l->s, l->cap * sizeof *l->s);
        if (l->s == NULL) {
            abort();
        }
    }
    l->s[l->n++] = buf_take(b, NULL);
    buf_init(b, 1 << 20);
}

static int line_cmp(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void hex(struct buf *b, const uint8_t h[HASH_LEN])
{
    char s[HASH_LEN * 2];
    hex_put(h, HASH_LEN, s);
    buf_put(b, s, sizeof s);
}

static void dump_forms(const struct mem_store *m, enum tab_id t, struct lines *l, struct buf *b)
{
    for (size_t i = 0; i < m->tab[t].n; i++) {
        const struct form_r *f = mem__at(m, t, i);
        bool is_shown = t == TAB_FORM ? !f->is_wd && winner(m, f->owner, f->id) == f
                                      : !f->row.is_dead && event_counts(m, f);
        if (f->row.is_dead || !is_shown) {
            continue;
        }
        buf_printf(b, "%s %s %s %s %lld %s %s ", t == TAB_FORM ? "rec" : "ev", f->owner, f->kind,
                   f->id, (long long)f->r, f->by, f->aud);
        hex(b, f->leaf);
        line_add(l, b);
    }
}

static bool lane_seen(const struct mem_store *m, enum tab_id t, size_t i)
{
    const struct form_r *f = mem__at(m, t, i);
    for (size_t j = i; j > 0; j--) {
        const struct form_r *g = mem__at(m, t, j - 1);
        if (!g->row.is_dead && same_lane(g, f->by, f->aud)) {
            return true;
        }
    }
    return false;
}

static void dump_live(const struct mem_store *m, enum tab_id t, struct lines *l, struct buf *b)
{
    for (size_t i = 0; i < m->tab[t].n; i++) {
        const struct form_r *f = mem__at(m, t, i);
        struct live_digest d;
        if (f->row.is_dead || lane_seen(m, t, i)) {
            continue;
        }
        live_of(m, f->by, f->aud, &d);
        if (d.c > 0) {
            buf_printf(b, "live %s %s %lld ", f->by, f->aud, (long long)d.c);
            hex(b, d.s);
            line_add(l, b);
        }
    }
}

static void dump_threads(const struct mem_store *m, struct lines *l, struct buf *b)
{
    for (size_t i = 0; i < m->tab[TAB_REF].n; i++) {
        const struct ref_r *x = mem__at(m, TAB_REF, i);
        struct ref_fold f;
        const struct ref_r **v;
        if (!x->row.is_dead && mem_store_thread(m, x->init, x->id, &f) == 0) {
            const char *peer = thread_events(m, x->init, x->id, &v) == 0 ? "" : v[0]->peer;
            buf_printf(b, "ref %s %s %s %s %d %d %d", x->init, x->id, peer, ref_state_name(f.state),
                       f.cancel_pending, f.success, f.ignored);
            line_add(l, b);
            free(v);
        }
    }
}

void mem_store_dump(const struct mem_store *m, struct buf *out)
{
    struct lines l = {0};
    struct buf b;
    buf_init(&b, 1 << 20);
    dump_forms(m, TAB_FORM, &l, &b);
    dump_forms(m, TAB_EVENT, &l, &b);
    dump_live(m, TAB_FORM, &l, &b);
    dump_live(m, TAB_EVENT, &l, &b);
    dump_threads(m, &l, &b);
    if (l.n > 0) {
        qsort(l.s, l.n, sizeof *l.s, line_cmp);
    }
    for (size_t i = 0; i < l.n; i++) {
        /* One line per lane and per thread, however many rows led to it. */
        if (i == 0 || strcmp(l.s[i], l.s[i - 1]) != 0) {
            buf_puts(out, l.s[i]);
            buf_putc(out, '\n');
        }
    }
    for (size_t i = 0; i < l.n; i++) {
        free(l.s[i]);
    }
    free(l.s);
    buf_done(&b);
}
