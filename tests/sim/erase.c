/* SPDX-License-Identifier: Apache-2.0 */
/* A record is erased by its writer while everything else goes on. In the end nobody holds a form of
 * it that was written before, whatever he missed, whoever brought it. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void erase_one(struct sim *m, int i, const struct sim_write *x)
{
    struct world *w = &m->w;
    struct wnode *n = &w->node[i];
    struct sync_tick t;
    int64_t found = 0;
    /* What comes back of another past is not named by this act, but at or below what is erased here
     * it is by another one (gone.c); what nobody holds any more cannot come back. */
    bool *held = sim_held(m, i, true), *there = sim_somewhere(m);
    const struct sync_erase what = {.id = x->id, .why = "mistake"};
    const struct sync_store *st = mem_store_port(n->mem);
    world_tick(w, i, &t);
    int r = st->begin(st->ctx);
    if (r == 0) {
        r = sync_erase(n->s, &t, &what, &found);
        r = r == 0 ? st->commit(st->ctx) : r;
        if (r < 0) {
            st->rollback(st->ctx);
            (void)sync_reload(n->s);
        }
    }
    for (size_t k = 0; r == 0 && k < m->n_writes; k++) {
        struct sim_write *y = &m->write[k];
        y->erased = y->erased || (y->owner == i && !y->withdrawn && strcmp(y->id, x->id) == 0 &&
                                  (held[k] || !there[k] || y->back == m->was_back[i]));
    }
    free(held);
    free(there);
    if (!world_died(w, i) && r == 0) {
        m->count[SC_ERASED] += found;
        world_note(w, "erase", i, what.id, strlen(what.id));
        sim_gone_note(m, i, what.id);
        world_event(w, i, SEV_LOCAL);
    }
}

void sim_erase(struct sim *m, int i)
{
    const struct wnode *n = &m->w.node[i];
    if (m->n_writes == 0 || !n->running || n->revoked) {
        return;
    }
    const struct sim_write *x = &m->write[world_range(&m->w, 0, (int64_t)m->n_writes - 1)];
    if (x->owner == i) {
        erase_one(m, i, x);
    }
}

void sim_erase_past(struct sim *m, int i)
{
    const struct wnode *n = &m->w.node[i];
    const struct sim_write *x = NULL;
    struct mem_seen seen;
    for (size_t k = m->n_writes; k-- > 0 && x == NULL && n->running && !n->revoked;) {
        const struct sim_write *y = &m->write[k];
        bool other = y->owner == i && y->back != m->was_back[i] && !y->withdrawn && !y->erased;
        x = other && mem_store_record(n->mem, n->id.s, y->id, &seen) == 0 ? y : NULL;
    }
    if (x == NULL) {
        return;
    }
    const struct sim_write was = *x;
    for (int64_t r = sim_floor(m, i, was.id, seen.r) + 1; r <= was.r && n->running; r++) {
        sim_put(m, i, was.id, was.aud, r);
    }
    if (n->running) {
        erase_one(m, i, &was);
    }
}

/* ---- in the end ---- */

struct look {
    const struct sim *m;
    int at, owner;
    struct frame_ctx *fc;
    struct arena *a;
    struct buf line;
    struct world_verdict *v;
};

static bool is_erased(const struct sim *m, int owner, const struct item *it)
{
    bool gone = false;
    for (size_t k = 0; k < m->n_writes; k++) {
        const struct sim_write *x = &m->write[k];
        if (x->owner == owner && !x->withdrawn && x->r == it->r && strcmp(x->id, it->id) == 0) {
            if (!x->erased) {
                return false; /* written once more under this number */
            }
            gone = true;
        }
    }
    return gone;
}

static int one_bundle(const struct sync_bundle_row *row, void *arg)
{
    struct look *l = arg;
    struct bundle b;
    size_t used;
    arena_reset(l->a);
    if (frame_unpack(l->fc, row->frame, &l->line, &used) < 0 ||
        bundle_parse(span_of(l->line.data, l->line.len), l->a, &b, NULL) < 0) {
        return SANJI_E_CORRUPT;
    }
    for (size_t i = 0; b.item != NULL && i < (size_t)b.hdr.n; i++) {
        struct item it;
        if (!b.item[i].stub && item_parse(b.item[i].text, &it, NULL) == 0 && it.op == OP_PUT &&
            is_erased(l->m, l->owner, &it)) {
            (void)snprintf(
                l->v->text, sizeof(l->v->text), "%s holds revision %lld of %s, erased by %s (I12)",
                l->m->w.node[l->at].name, (long long)it.r, it.id, l->m->w.node[l->owner].name);
            return SANJI_E_EXISTS;
        }
    }
    return 0;
}

struct numbers {
    const struct look *l;
    int64_t no[256];
    size_t n;
};

static void one_stream(const struct sync_stream_row *r, void *arg)
{
    struct numbers *x = arg;
    if (strcmp(r->key.by.s, x->l->m->w.node[x->l->owner].id.s) == 0 && x->n < 256) {
        x->no[x->n++] = r->no;
    }
}

int sim_check_erased(const struct sim *m, struct world_verdict *v)
{
    if (m->restores || m->revokes) {
        return 0; /* what was written and erased is not known by number there: gone.c */
    }
    struct look l = {.m = m, .fc = frame_ctx_new(), .a = arena_new((size_t)24 << 20), .v = v};
    int r = 0;
    buf_init(&l.line, 4 << 20);
    for (l.at = 0; r == 0 && l.at < m->w.n; l.at++) {
        const struct wnode *n = &m->w.node[l.at];
        for (l.owner = 0; n->joined && !n->hostile && r == 0 && l.owner < m->w.n; l.owner++) {
            struct numbers x = {.l = &l};
            sync_each_stream(n->s, one_stream, &x);
            const struct sync_store *st = mem_store_port(n->mem);
            for (size_t i = 0; r == 0 && i < x.n; i++) {
                r = st->bundles(st->ctx, x.no[i], 0, SIZE_MAX, one_bundle, &l);
            }
        }
    }
    frame_ctx_free(l.fc);
    arena_free(l.a);
    buf_done(&l.line);
    return r < 0 ? -1 : 0;
}
