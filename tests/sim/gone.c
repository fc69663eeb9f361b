/* SPDX-License-Identifier: Apache-2.0 */
/* Erasures where stores are put back and keys are cut. What is erased is known by its hash: to
 * whoever holds an act that says so, and to the list beside its writer's store. As long as one of
 * them is left nobody may hold the item in the end, whatever an old copy of a store brings back. */
#include "tests/sim/sim.h"

#include "protocol/base/enc.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEAF_TEXT = 43 };

/* ---- what the writer's list says ---- */

struct noting {
    struct sim *m;
    int owner;
    const char *id;
};

static bool noted(const struct sim *m, const uint8_t *leaf)
{
    for (size_t i = 0; i < m->n_gone; i++) {
        if (memcmp(m->gone[i].leaf, leaf, HASH_LEN) == 0) {
            return true;
        }
    }
    return false;
}

/* Of what the writer met and erased by itself it said no name. */
static const char *name_of(const struct sim *m, const uint8_t *leaf)
{
    for (size_t k = 0; k < m->n_writes; k++) {
        if (memcmp(m->write[k].leaf, leaf, HASH_LEN) == 0) {
            return m->write[k].id;
        }
    }
    return "";
}

static int note_one(const struct sync_erased *x, void *arg)
{
    struct noting *n = arg;
    struct sim *m = n->m;
    if (strcmp(x->by, m->w.node[n->owner].id.s) == 0 && !noted(m, x->leaf) &&
        m->n_gone < SIM_GONE) {
        struct sim_gone *g = &m->gone[m->n_gone++];
        g->owner = n->owner;
        (void)snprintf(g->id, sizeof(g->id), "%s", n->id == NULL ? name_of(m, x->leaf) : n->id);
        memcpy(g->leaf, x->leaf, HASH_LEN);
    }
    return 0;
}

void sim_gone_note(struct sim *m, int i, const char *id)
{
    if (!m->w.node[i].running) {
        return;
    }
    struct noting n = {m, i, id};
    (void)sync_erased_each(m->w.node[i].s, note_one, &n);
}

/* ---- the list beside the store ---- */

struct listed {
    char by[LIM_NODE_ID + 2], aud[LIM_AUD_BYTES + 1];
    uint8_t leaf[HASH_LEN];
    char why;
};
static struct listed list[SIM_GONE];
static size_t n_list;

struct marked {
    char owner[LIM_NODE_ID + 2];
    struct sync_mark m;
};
static struct marked marks[SIM_GONE];
static size_t n_marks;

static int mark_one(const struct sync_mark *x, void *arg)
{
    (void)arg;
    if (n_marks < SIM_GONE) {
        struct marked *k = &marks[n_marks++];
        (void)snprintf(k->owner, sizeof(k->owner), "%s", x->owner);
        k->m = *x;
        k->m.owner = k->owner;
    }
    return 0;
}

static int list_one(const struct sync_erased *x, void *arg)
{
    (void)arg;
    if (n_list < SIM_GONE) {
        struct listed *l = &list[n_list++];
        (void)snprintf(l->by, sizeof(l->by), "%s", x->by);
        (void)snprintf(l->aud, sizeof(l->aud), "%s", x->aud);
        memcpy(l->leaf, x->leaf, HASH_LEN);
        l->why = x->why;
    }
    return 0;
}

void sim_list_keep(struct sim *m, int i)
{
    n_list = n_marks = 0;
    if (m->w.node[i].running) {
        (void)sync_mark_each(m->w.node[i].s, mark_one, NULL);
        (void)sync_erased_each(m->w.node[i].s, list_one, NULL);
    }
}

void sim_list_load(struct sim *m, int i)
{
    struct wnode *n = &m->w.node[i];
    const struct sync_store *st = mem_store_port(n->mem);
    int r = st->begin(st->ctx);
    for (size_t k = 0; r == 0 && k < n_list; k++) {
        const struct sync_erased x = {.by = list[k].by,
                                      .aud = list[k].aud,
                                      .leaf = list[k].leaf,
                                      .why = list[k].why,
                                      .named = false}; /* until an act says so again */
        r = sync_erase_add(n->s, &x);
    }
    for (size_t k = 0; r == 0 && k < n_marks; k++) {
        r = sync_mark_add(n->s, &marks[k].m);
    }
    r = r < 0 ? r : sync_erase_settle(n->s);
    r = r < 0 ? r : st->commit(st->ctx);
    assert(r == 0);
    world_event(&m->w, i, SEV_LOCAL);
}

/* ---- how far records are erased ---- */

/* What its writer says now; 0: nothing, or nobody can ask it. */
static int64_t upto(const struct sim *m, int owner, const char *id)
{
    const struct wnode *n = owner < 0 ? NULL : &m->w.node[owner];
    int64_t r = 0;
    if (n == NULL || !n->joined || !n->running || n->revoked || n->hostile) {
        return 0;
    }
    return sync_erased_upto(n->s, NULL, id, &r) < 0 ? 0 : r;
}

int64_t sim_floor(const struct sim *m, int owner, const char *id, int64_t r)
{
    int64_t floor = upto(m, owner, id);
    return floor > r ? floor : r;
}

void sim_marks_settle(struct sim *m)
{
    for (size_t k = 0; k < m->n_writes; k++) {
        struct sim_write *x = &m->write[k];
        if (!x->erased && !x->withdrawn && x->r <= upto(m, x->owner, x->id)) {
            x->erased = true; /* of another past than the one it was erased in */
            m->count[SC_ERASED_LATE]++;
        }
    }
}

/* ---- what is still known ---- */

struct search {
    struct sim *m;
    struct frame_ctx *fc;
    struct arena *a;
    struct buf line;
    const struct sync_store *st;
    int at;
    bool *known;     /* of the leaves: somewhere */
    bool holds;      /* looks for items instead: one that should be gone is held */
    int64_t found;   /* which */
    bool waits;      /* what is looked at lies beside the streams of a node without a line */
    char older[200]; /* one that should be gone with a later form of its record */
};

static void act(struct search *x, int owner, struct span text)
{
    char leaf[LEAF_TEXT + 1] = "";
    for (size_t k = 0; k < x->m->n_gone; k++) {
        b64u_put(x->m->gone[k].leaf, HASH_LEN, leaf);
        x->known[k] = x->known[k] || (x->m->gone[k].owner == owner &&
                                      memmem(text.p, text.n, leaf, LEAF_TEXT) != NULL);
    }
}

static void look(struct search *x, struct span frame)
{
    struct bundle b;
    size_t used;
    arena_reset(x->a);
    if (frame_unpack(x->fc, frame, &x->line, &used) < 0 ||
        bundle_parse(span_of(x->line.data, x->line.len), x->a, &b, NULL) < 0) {
        return;
    }
    int by = world_of(&x->m->w, b.hdr.by.s);
    for (size_t i = 0; b.item != NULL && i < (size_t)b.hdr.n; i++) {
        struct item it;
        if (b.item[i].stub || item_parse(b.item[i].text, &it, NULL) < 0) {
            continue;
        }
        if (!x->holds && strcmp(it.k, "erase/1") == 0) {
            act(x, by, b.item[i].text);
        }
        for (size_t k = 0; x->holds && k < x->m->n_gone; k++) {
            if (memcmp(x->m->gone[k].leaf, b.item[i].leaf, HASH_LEN) == 0) {
                x->found = (int64_t)k;
            }
        }
        if (x->holds && !x->waits && it.op == OP_PUT && it.r <= upto(x->m, by, it.id)) {
            (void)snprintf(x->older, sizeof(x->older),
                           "%s holds revision %lld of %s, of which %s erased up to %lld (I12)",
                           x->m->w.node[x->at].name, (long long)it.r, it.id, x->m->w.node[by].name,
                           (long long)upto(x->m, by, it.id));
        }
    }
}

static int look_bundle(const struct sync_bundle_row *row, void *arg)
{
    look(arg, row->frame);
    return 0;
}

static int look_stream(const struct sync_stream_row *row, void *arg)
{
    struct search *x = arg;
    return x->st->bundles(x->st->ctx, row->no, 0, SIZE_MAX, look_bundle, x);
}

static int look_kept(const char *name, struct span value, void *arg)
{
    struct search *x = arg;
    x->waits = x->m->stuck >= 0 && strncmp(name, "custody/", 8) == 0; /* sticks carry none of it */
    look(x, value);
    x->waits = false;
    return 0;
}

/* The writer's own list: "erased/BY/LEAF/..." in its store. */
static int look_list(const char *name, struct span value, void *arg)
{
    struct search *x = arg;
    char leaf[LEAF_TEXT + 1] = "";
    const char *by = name + strlen("erased/");
    (void)value;
    for (size_t k = 0; k < x->m->n_gone; k++) {
        b64u_put(x->m->gone[k].leaf, HASH_LEN, leaf);
        x->known[k] = x->known[k] || (x->m->gone[k].owner == x->at &&
                                      strncmp(by, x->m->w.node[x->at].id.s, LIM_NODE_ID) == 0 &&
                                      strncmp(by + LIM_NODE_ID + 1, leaf, LEAF_TEXT) == 0);
    }
    return 0;
}

static void look_at(struct search *x, int i)
{
    static const char *const names[] = {"again/", "custody/", "unsent/"};
    struct mem_store *copy = mem_store_snapshot(x->m->w.node[i].mem); /* no fault is due there */
    x->st = mem_store_port(copy);
    x->at = i;
    int r = x->st->streams(x->st->ctx, look_stream, x);
    for (size_t k = 0; r == 0 && k < sizeof(names) / sizeof(names[0]); k++) {
        r = x->st->kv_each(x->st->ctx, names[k], look_kept, x);
    }
    if (r == 0 && !x->holds) {
        r = x->st->kv_each(x->st->ctx, "erased/", look_list, x);
    }
    assert(r == 0);
    mem_store_free(copy);
}

static void search_begin(struct search *x)
{
    x->fc = frame_ctx_new();
    x->a = arena_new((size_t)24 << 20);
    x->known = calloc(SIM_GONE, sizeof(*x->known));
    assert(x->known != NULL);
    buf_init(&x->line, LIM_BUNDLE_BYTES + 64);
}

static void search_end(struct search *x)
{
    free(x->known);
    buf_done(&x->line);
    arena_free(x->a);
    frame_ctx_free(x->fc);
}

void sim_forget_gone(struct sim *m)
{
    struct search x = {.m = m};
    size_t kept = 0;
    if (m->n_gone == 0) {
        return;
    }
    search_begin(&x);
    for (int i = 0; i < m->w.n; i++) {
        if (m->w.node[i].joined && !m->w.node[i].revoked) {
            look_at(&x, i);
        }
    }
    for (size_t k = 0; k < m->n_gone; k++) {
        if (x.known[k] && !m->w.node[m->gone[k].owner].revoked) {
            m->gone[kept++] = m->gone[k];
        } else {
            m->w.node[m->gone[k].owner].torn = true; /* a stub here, the item there */
            sim_forget_record(m, m->gone[k].owner, m->gone[k].id);
        }
    }
    m->n_gone = kept;
    search_end(&x);
}

static int count_one(const char *name, struct span value, void *arg)
{
    (void)name;
    (void)value;
    ++*(int64_t *)arg;
    return 0;
}

void sim_gone_back(struct sim *m, int i)
{
    const struct sync_store *st = mem_store_port(m->w.node[i].mem);
    int64_t n = 0;
    int r = st->kv_each(st->ctx, "erased/", count_one, &n);
    assert(r == 0);
    m->count[SC_ERASED_BACK] += n < (int64_t)m->n_gone;
}

static void search_held(struct search *x, bool only_older)
{
    struct sim *m = x->m;
    search_begin(x);
    for (int i = 0; (only_older || x->found < 0) && x->older[0] == '\0' && i < m->w.n; i++) {
        if (m->w.node[i].joined && !m->w.node[i].revoked && !m->w.node[i].hostile) {
            look_at(x, i);
        }
    }
    search_end(x);
}

bool sim_older_waits(struct sim *m)
{
    struct search x = {.m = m, .holds = true, .found = -1};
    if (m->n_gone == 0) {
        return false;
    }
    search_held(&x, true);
    return x.older[0] != '\0';
}

int sim_check_gone(struct sim *m, struct world_verdict *v)
{
    struct search x = {.m = m, .holds = true, .found = -1};
    if (m->n_gone == 0) {
        return 0;
    }
    search_held(&x, false);
    if (x.found >= 0) {
        const struct sim_gone *g = &m->gone[x.found];
        (void)snprintf(v->text, sizeof(v->text), "%s holds what %s erased of %s (I12)",
                       m->w.node[x.at].name, m->w.node[g->owner].name, g->id);
    }
    if (x.found < 0 && x.older[0] != '\0') {
        (void)snprintf(v->text, sizeof(v->text), "%s", x.older);
    }
    return x.found >= 0 || x.older[0] != '\0' ? -1 : 0;
}
