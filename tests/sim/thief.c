/* SPDX-License-Identifier: Apache-2.0 */
/* Somebody signs with the key of an honest node: its parent is shown a second bundle under a number
 * it holds, and freezes the stream. The way back is a new key, an end to the old one at what the
 * parent holds, and a new epoch: then the stream goes on, and everybody agrees again. */
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static bool can_tell(const struct sim *m, int i)
{
    const struct wnode *n = &m->w.node[i];
    const struct wnode *up = n->up < 0 ? NULL : &m->w.node[n->up];
    return up != NULL && i != m->bad && n->up != m->bad && n->joined && n->running && !n->revoked &&
           up->running && !n->crash_armed && !up->crash_armed;
}

/* The newest bundle of node i that its parent holds in `fed`, said with another time. */
static bool second(struct sim *m, int i, struct buf *frame)
{
    struct world *w = &m->w;
    const struct wnode *n = &w->node[i];
    int64_t head = world_head(w, n->up, n->id.s, "fed");
    struct span it[LIM_WRITE_ITEMS];
    struct bundle b;
    struct buf line, made;
    uint8_t id[HASH_LEN];
    struct arena *a = arena_new(16 << 20);
    struct frame_ctx *fc = frame_ctx_new();
    struct sign_key *k = sign_key_new(n->sign_seed);
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    buf_init(&made, LIM_BUNDLE_BYTES + 64);
    bool is = head > 0 && world_line(w, n->up, n->id.s, "fed", head, &line) &&
              bundle_parse(span_of(line.data, line.len), a, &b, NULL) == 0 &&
              b.hdr.t == BUNDLE_DATA;
    if (is) {
        struct bundle_header h = b.hdr;
        h.ts++;
        for (int64_t j = 0; j < h.n && j < LIM_WRITE_ITEMS; j++) {
            it[j] = b.item[j].text;
        }
        is = bundle_write(&h, it, (size_t)h.n, k, &made, id) == 0 &&
             frame_pack(fc, span_of(made.data, made.len), frame) == 0;
    }
    sign_key_free(k);
    frame_ctx_free(fc);
    arena_free(a);
    buf_done(&line);
    buf_done(&made);
    return is;
}

void sim_steal(struct sim *m, int i)
{
    struct world *w = &m->w;
    const struct wnode *n = &w->node[i];
    struct sync_accept acc;
    struct sync_tick t;
    struct buf frame;
    buf_init(&frame, LIM_BUNDLE_BYTES + LIM_FRAME_OVERHEAD);
    if (m->robbed < 0 && can_tell(m, i) && second(m, i, &frame)) {
        struct wnode *up = &w->node[n->up];
        const struct sync_store *st = mem_store_port(up->mem);
        world_tick(w, n->up, &t);
        int r = st->begin(st->ctx);
        if (r == 0) {
            sync_accept_frame(up->s, &t, span_of(frame.data, frame.len), &acc);
            r = sync_is_store_failure(acc.err) ? acc.err : st->commit(st->ctx);
        }
        if (r < 0) { /* a fault of the store was due: nothing of it has come */
            st->rollback(st->ctx);
            (void)sync_reload(up->s);
        } else if (acc.err == SANJI_E_FORK) {
            m->robbed = i;
            m->count[SC_STOLEN]++;
            world_note(w, "stolen", i, NULL, 0);
        }
        world_event(w, n->up, SEV_LOCAL);
    }
    buf_done(&frame);
}

static bool rekeyed(struct world *w, void *arg)
{
    const struct wnode *n = &w->node[*(int *)arg];
    return n->running && sync_rekey_state(n->s) == 0;
}

/* The parent ends the key before the newest at what it holds. */
static int end_old_key(struct sim *m, int i)
{
    struct world *w = &m->w;
    struct wnode *up = &w->node[w->node[i].up];
    static struct act_head heads[256];
    struct sync_tick t;
    struct act a;
    size_t n = 0;
    const struct roster_node *x = roster_node(sync_roster(up->s), w->node[i].id.s);
    if (x == NULL || x->n_keys < 2) {
        return SANJI_E_NOT_FOUND;
    }
    int r = sync_heads_of(up->s, x->id.s, false, heads, 256, &n);
    memset(&a, 0, sizeof(a));
    a.type = ACT_CUT;
    a.has_g = true;
    memcpy(a.g, w->g, HASH_LEN);
    a.by = up->id;
    a.n = x->id;
    memcpy(a.after, x->last, HASH_LEN);
    a.kid = x->keys[x->n_keys - 2].kid;
    a.why = "fork";
    a.heads = heads;
    a.n_heads = n;
    world_tick(w, w->node[i].up, &t);
    a.ts = t.now_ms;
    r = r < 0 ? r : sync_act(up->s, &t, &a, NULL, 0, false);
    world_event(w, w->node[i].up, SEV_LOCAL);
    return r;
}

struct first {
    const char *by;
    int64_t seq;
};

static void on_own(const struct sync_stream_row *row, void *arg)
{
    struct first *f = arg;
    if (strcmp(row->key.by.s, f->by) == 0 && strcmp(row->key.aud, "fed") == 0) {
        f->seq = row->first;
    }
}

/* It has let go of what its parent was not given any more: what that was, a withdrawal perhaps,
 * nobody can say again. */
static int one_took(const char *name, struct span value, void *arg)
{
    (void)name;
    (void)value;
    *(bool *)arg = true;
    return 1;
}

/* Some of what it has came from outside: a person says what of it is published again. */
static bool is_mixed(struct world *w, int i)
{
    const struct sync_store *st = mem_store_port(w->node[i].mem);
    bool any = false;
    (void)st->kv_each(st->ctx, "took/", one_took, &any);
    return any;
}

static bool is_compacted(struct world *w, int i)
{
    struct first f = {.by = w->node[i].id.s};
    sync_each_stream(w->node[i].s, on_own, &f);
    return f.seq > world_head(w, w->node[i].up, f.by, "fed") + 1;
}

void sim_way_back(struct sim *m)
{
    struct world *w = &m->w;
    int i = m->robbed;
    if (i < 0 || !can_tell(m, i)) {
        return;
    }
    struct wnode *n = &w->node[i];
    uint8_t seed[SIGN_SEED_LEN];
    struct sync_tick t;
    char id[20];
    world_run(w, 60000);
    world_bytes(w, seed, sizeof(seed));
    const struct sync_new_key nk = {.sign_seed = seed, .seal_seed = n->seal_seed[0], .tls = n->tls};
    world_tick(w, i, &t);
    int r = sync_rekey(n->s, &t, &nk);
    assert(r == 0);
    memcpy(n->old_seed, n->sign_seed, SIGN_SEED_LEN);
    memcpy(n->sign_seed, seed, SIGN_SEED_LEN);
    n->has_old = true;
    world_event(w, i, SEV_NOW);
    bool compacted = is_compacted(w, i) || is_mixed(w, i);
    bool said = world_until(w, 3600000, rekeyed, &i);
    world_run(w, 60000); /* the registrar waits for what is on its way */
    if (!said || end_old_key(m, i) < 0) {
        return; /* what follows from that is seen by the checks */
    }
    if (compacted) {
        sim_keep_held(m, i, n->up);
        m->unsure[i] = true;
    }
    m->count[SC_BACK]++;
    world_note(w, "way back", i, NULL, 0);
    world_run(w, 60000);
    (void)snprintf(id, sizeof(id), "v%d", ++m->next_id);
    sim_put(m, i, id, "fed", 1);
}
