/* SPDX-License-Identifier: Apache-2.0 */
/* What seldom happens by itself is made to happen (--rare): keyframes of which each slice is a
 * bundle, memory thrown away and read again, views derived anew in the middle
 * of everything. None of it may be seen from outside. */
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

bool sim_rare;

void sim_rare_draw(struct sim *m, uint64_t seed)
{
    static const int64_t slices[] = {1, 2, 7, 0};
    uint64_t h = (seed + 3) * UINT64_C(0x9e3779b97f4a7c15);
    m->rare = sim_rare;
    if (m->rare) {
        m->w.tune.key_slice = slices[h >> 54 & 3];
    }
}

struct again {
    struct sync *s;
    const struct sync_store *st;
    const struct sync_stream_row *stream;
};

static int one_bundle(const struct sync_bundle_row *row, void *arg)
{
    const struct again *x = arg;
    return sync_apply_frame(x->s, row, &x->stream->key);
}

static int one_stream(const struct sync_stream_row *row, void *arg)
{
    struct again *x = arg;
    x->stream = row;
    return x->st->bundles(x->st->ctx, row->no, 0, SIZE_MAX, one_bundle, x);
}

/* As `sanji rebuild` does it. */
static void rebuild(struct sim *m, int i)
{
    struct wnode *n = &m->w.node[i];
    struct again x = {.s = n->s, .st = mem_store_port(n->mem)};
    struct buf before, after;
    buf_init(&before, 64 << 20);
    buf_init(&after, 64 << 20);
    mem_store_fail_at(n->mem, 0, 0);
    n->crash_armed = false;
    if (sync_reload(n->s) < 0) { /* a failed call may have left it behind the store */
        assert(false);
    }
    mem_store_dump(n->mem, &before);
    int r = x.st->begin(x.st->ctx);
    mem_store_drop_views(n->mem);
    r = r < 0 ? r : x.st->streams(x.st->ctx, one_stream, &x);
    r = r < 0 ? r : sync_erase_settle(n->s);
    r = r < 0 ? r : x.st->commit(x.st->ctx);
    mem_store_dump(n->mem, &after);
    if (m->w.leak[0] == '\0' &&
        (r < 0 || before.len != after.len ||
         (after.len > 0 && memcmp(before.data, after.data, after.len) != 0))) {
        (void)snprintf(m->w.leak, sizeof(m->w.leak),
                       "%s: derived anew at %lld the views differ (I16)", n->name,
                       (long long)m->w.now);
    }
    buf_done(&before);
    buf_done(&after);
    m->count[SC_REBUILT]++;
}

void sim_rare_act(struct sim *m)
{
    struct world *w = &m->w;
    if (!m->rare || !world_chance(w, 250)) {
        return;
    }
    int i = (int)world_range(w, 0, w->n - 1);
    const struct wnode *n = &w->node[i];
    if (!n->joined || !n->running || i == m->bad) {
        return;
    }
    if (world_chance(w, 500)) {
        (void)sync_reload(n->s); /* a failure is one of the store: read before the next step */
        (void)world_died(w, i);
    } else {
        rebuild(m, i);
    }
}
