/* SPDX-License-Identifier: Apache-2.0 */
/* Data folders put back from a backup: the database alone, with what is remembered beside it, or
 * the folder as a whole. What was written after the backup and held by nobody else is gone with the
 * disk, and only that. */
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A backup that does not know of a node enrolled since, or of a key cut since, loses what only its
 * own bundles said of it, unless a neighbour has them: that is what backups are for. */
void sim_forget_backups(struct sim *m)
{
    for (int i = 0; i < WORLD_MAX; i++) {
        if (m->backup[i] != NULL) {
            mem_store_free(m->backup[i]);
            m->backup[i] = NULL;
        }
    }
}

void sim_backup(struct sim *m, int i)
{
    struct wnode *n = &m->w.node[i];
    if (!n->joined || !n->running || i == m->bad || n->crash_armed) {
        return;
    }
    if (m->backup[i] != NULL) {
        mem_store_free(m->backup[i]);
    }
    m->backup[i] = mem_store_snapshot(n->mem);
    m->backup_no[i] = m->next_write;
    m->backup_back[i] = m->was_back[i];
    world_note(&m->w, "backup", i, NULL, 0);
}

/* ---- what is still somewhere ---- */

struct seen {
    struct sim *m;
    struct frame_ctx *fc;
    struct arena *a;
    struct buf line;
    bool *there;
    int64_t no;
    const struct sync_store *st;
};

static void look(struct seen *x, struct span frame)
{
    struct bundle b;
    size_t used;
    arena_reset(x->a);
    if (frame_unpack(x->fc, frame, &x->line, &used) < 0 ||
        bundle_parse(span_of(x->line.data, x->line.len), x->a, &b, NULL) < 0 || b.item == NULL) {
        return;
    }
    int by = world_of(&x->m->w, b.hdr.by.s);
    for (size_t i = 0; i < (size_t)b.hdr.n; i++) {
        for (size_t k = 0; !b.item[i].stub && k < x->m->n_writes; k++) {
            const struct sim_write *w = &x->m->write[k];
            x->there[k] = x->there[k] || (w->owner == by && strcmp(w->aud, b.hdr.aud) == 0 &&
                                          memcmp(w->leaf, b.item[i].leaf, HASH_LEN) == 0);
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
    struct seen *x = arg;
    return x->st->bundles(x->st->ctx, row->no, 0, SIZE_MAX, look_bundle, x);
}

static int look_again(const char *name, struct span value, void *arg)
{
    (void)name;
    look(arg, value);
    return 0;
}

static void look_at(struct seen *x, int i, const char *const *names)
{
    struct mem_store *copy = mem_store_snapshot(x->m->w.node[i].mem); /* no fault is due there */
    x->st = mem_store_port(copy);
    int r = x->st->streams(x->st->ctx, look_stream, x);
    for (; r == 0 && *names != NULL; names++) {
        r = x->st->kv_each(x->st->ctx, *names, look_again, x);
    }
    assert(r == 0);
    mem_store_free(copy);
}

bool *sim_held(struct sim *m, int at, bool beside)
{
    static const char *const all[] = {"again/", "custody/", "unsent/", NULL}, *const none[] = {
                                                                                  NULL};
    struct seen x = {.m = m, .fc = frame_ctx_new(), .a = arena_new(16 << 20)};
    buf_init(&x.line, LIM_BUNDLE_BYTES + 64);
    x.there = calloc(SIM_WRITES, sizeof(*x.there));
    assert(x.there != NULL);
    look_at(&x, at, beside ? all : none);
    buf_done(&x.line);
    arena_free(x.a);
    frame_ctx_free(x.fc);
    return x.there;
}

/* Is there a later form of the same record? */
static bool is_later_held(const struct sim *m, const bool *there, size_t k)
{
    for (size_t j = 0; j < m->n_writes; j++) {
        if (there[j] && m->write[j].owner == m->write[k].owner && m->write[j].r >= m->write[k].r &&
            strcmp(m->write[j].id, m->write[k].id) == 0) {
            return true;
        }
    }
    return false;
}

/* A withdrawal that the parent does not hold, while it holds the form that is withdrawn: the end of
 * the key lets the form stand, unless a keyframe under the new key has left it out already. */
static bool is_open(const struct sim *m, const bool *there, size_t k)
{
    for (size_t j = 0; m->write[k].withdrawn && j < m->n_writes; j++) {
        if (there[j] && m->write[j].owner == m->write[k].owner && m->write[j].r < m->write[k].r &&
            strcmp(m->write[j].aud, m->write[k].aud) == 0 &&
            strcmp(m->write[j].id, m->write[k].id) == 0) {
            return true;
        }
    }
    return false;
}

void sim_keep_held(struct sim *m, int i, int at)
{
    bool *there = sim_held(m, at, false);
    static char lost[SIM_WRITES][20];
    size_t n = 0, kept = 0;
    for (size_t k = 0; k < m->n_writes; k++) {
        if (m->write[k].owner == i && !there[k] &&
            (!is_later_held(m, there, k) || is_open(m, there, k))) {
            memcpy(lost[n++], m->write[k].id, sizeof(lost[0]));
        }
    }
    for (size_t k = 0; k < m->n_writes; k++) {
        if (m->write[k].owner != i || there[k]) {
            m->write[kept++] = m->write[k];
        }
    }
    m->n_writes = kept;
    while (n > 0) {
        sim_forget_record(m, i, lost[--n]);
    }
    free(there);
}

bool *sim_somewhere(struct sim *m)
{
    static const char *const names[] = {"again/", "custody/", NULL};
    struct seen x = {.m = m, .fc = frame_ctx_new(), .a = arena_new(16 << 20)};
    buf_init(&x.line, LIM_BUNDLE_BYTES + 64);
    x.there = calloc(SIM_WRITES, sizeof(*x.there));
    assert(x.there != NULL);
    for (int i = 0; i < m->w.n; i++) {
        if (m->w.node[i].joined && !m->w.node[i].revoked) {
            look_at(&x, i, names);
        }
    }
    buf_done(&x.line);
    arena_free(x.a);
    frame_ctx_free(x.fc);
    return x.there;
}

/* Of each audience the highest form of this record decides what is seen there. Where it is nowhere
 * any more, a form below may turn up, or a withdrawal that was let go of may be missed: nobody can
 * tell from bundles what should be seen. */
static bool unsure(const struct sim *m, const bool *now, const struct sim_write *x)
{
    for (size_t k = 0; k < m->n_writes; k++) {
        const struct sim_write *w = &m->write[k];
        bool best = !now[k] && w->owner == x->owner && strcmp(w->id, x->id) == 0;
        for (size_t j = 0; j < m->n_writes && best; j++) {
            const struct sim_write *y = &m->write[j];
            best = y->owner != w->owner || strcmp(y->id, w->id) != 0 ||
                   strcmp(y->aud, w->aud) != 0 || y->r < w->r ||
                   (y->r == w->r && (y->withdrawn || !w->withdrawn));
        }
        if (best) {
            return true;
        }
    }
    return false;
}

/* Was its last copy on the disk that is gone? What a writer has said since it was put back itself
 * stays said: it knows what it compacted away. */
static bool is_gone(const struct sim *m, const bool *before, const bool *now, size_t k)
{
    const struct sim_write *x = &m->write[k];
    return before[k] && !now[k] && x->back != m->was_back[x->owner];
}

/* Is it the highest form of its record in its audience, as far as any is left? Then nobody can tell
 * what should be seen of that record. */
static bool is_last(const struct sim *m, const bool *now, size_t k)
{
    const struct sim_write *x = &m->write[k];
    for (size_t j = 0; j < m->n_writes; j++) {
        const struct sim_write *y = &m->write[j];
        if (now[j] && y->owner == x->owner && y->r > x->r && strcmp(y->id, x->id) == 0 &&
            strcmp(y->aud, x->aud) == 0) {
            return false;
        }
    }
    return true;
}

static bool is_lost(const struct sim *m, const bool *before, const bool *now, size_t k, int i)
{
    const struct sim_write *x = &m->write[k];
    if (x->owner == i) {
        return !now[k];
    }
    bool lost = is_gone(m, before, now, k);
    for (size_t j = 0; j < m->n_writes && !lost; j++) {
        const struct sim_write *y = &m->write[j];
        lost = y->owner == x->owner && strcmp(y->id, x->id) == 0 && is_gone(m, before, now, j) &&
               is_last(m, now, j);
    }
    return lost;
}

/* Takes what was lost with node i out of the model. */
static void forget_lost(struct sim *m, int i, bool *before)
{
    bool *now = sim_somewhere(m), *lost = calloc(SIM_WRITES, sizeof(*lost));
    size_t n = m->n_writes;
    assert(lost != NULL);
    for (size_t k = 0; k < n; k++) {
        lost[k] = is_lost(m, before, now, k, i) ||
                  (m->write[k].owner == i && unsure(m, now, &m->write[k]));
    }
    m->n_writes = 0;
    for (size_t k = 0; k < n; k++) {
        const struct sim_write *x = &m->write[k];
        if (!lost[k]) {
            m->write[m->n_writes++] = *x;
            continue;
        }
        m->count[SC_LOST] += before[k];
        if (m->w.print) {
            printf("%12s %-10s %s %s r %lld%s\n", "lost", m->w.node[x->owner].name, x->id, x->aud,
                   (long long)x->r, x->withdrawn ? " withdrawn" : "");
        }
    }
    free(before);
    free(now);
    free(lost);
}

void sim_forget_record(struct sim *m, int owner, const char *id)
{
    size_t kept = 0;
    for (size_t k = 0; k < m->n_writes; k++) {
        if (m->write[k].owner != owner || strcmp(m->write[k].id, id) != 0) {
            m->write[kept++] = m->write[k];
        }
    }
    m->n_writes = kept;
}

void sim_shut_out(struct sim *m, int i)
{
    bool *before = m->restores ? sim_somewhere(m) : NULL;
    if (m->restores && m->erases) {
        sim_gone_note(m, i, NULL);
    }
    sim_forget_backups(m);
    m->w.node[i].revoked = true;
    m->w.node[i].cut = m->w.node[i].cut || m->restores; /* nothing of it is on its way any more */
    if (before != NULL) {
        forget_lost(m, i, before);
    }
    for (size_t k = 0; k < m->n_gone; k++) {
        m->count[SC_ERASED_CUT] += m->gone[k].owner == i;
        m->w.node[i].torn = m->w.node[i].torn || m->gone[k].owner == i;
    }
    sim_forget_gone(m);
}

static void take_head(const struct sync_stream_row *r, void *arg)
{
    struct wnode *n = arg;
    if (strcmp(r->key.by.s, n->id.s) != 0 || r->seq < 1 || n->n_guard == WORLD_GUARD) {
        return;
    }
    struct world_guard *g = &n->guard[n->n_guard++];
    g->key = r->key;
    g->seq = r->seq;
    memcpy(g->id8, r->id, sizeof(g->id8));
}

void sim_restore(struct sim *m, int i)
{
    struct world *w = &m->w;
    struct wnode *n = &w->node[i];
    if (m->backup[i] == NULL || i == m->bad || n->revoked) {
        return;
    }
    bool with_guard = world_chance(w, 500) && n->running;
    n->n_guard = 0;
    if (with_guard) {
        sync_each_stream(n->s, take_head, n);
    }
    sim_gone_note(m, i, NULL);
    sim_list_keep(m, i);
    world_crash(w, i);
    world_run(w, 2 * w->faults.lat_max); /* what it had said by then arrives, or never will */
    world_note(w, with_guard ? "put back" : "all back", i, NULL, 0);
    mem_store_fail_at(n->mem, 0, 0);
    bool *before = sim_somewhere(m);
    mem_store_restore(n->mem, m->backup[i]);
    forget_lost(m, i, before);
    m->was_back[i]++;
    for (size_t k = 0; k < m->n_writes; k++) { /* what is in the backup is of this past, too */
        struct sim_write *x = &m->write[k];
        if (x->owner == i && x->no <= m->backup_no[i] && x->back == m->backup_back[i]) {
            x->back = m->was_back[i];
        }
    }
    m->count[with_guard ? SC_RESTORED_DB : SC_RESTORED_ALL]++;
    m->count[SC_RESTORED_PARENT] += i == 0 || w->node[i].lv == 30;
    sim_gone_back(m, i);
    if (world_chance(w, 600)) { /* and somebody works with it before a neighbour is in reach */
        n->cut = true;
    }
    world_start(w, i);
    if (with_guard && m->erases) {
        sim_list_load(m, i);
    }
    if (m->erases && world_chance(w, 500)) {
        sim_erase_past(m, i);
    }
    sim_forget_gone(m); /* acts of others may have died with the disk, too */
}
