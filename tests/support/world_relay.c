/* SPDX-License-Identifier: Apache-2.0 */
/* A district that does its work by half: it takes part in every exchange, states what it holds, and
 * keeps bundles back, or sends them in another order than they were written. */
#include "tests/support/world.h"

#include <assert.h>
#include <string.h>

enum { FRAMES_MAX = 4096 };

struct cut_up {
    struct span head[FRAMES_MAX], bundle[FRAMES_MAX];
    size_t n_head, n_bundle;
};

static bool is_kept_back(struct world *w, struct span line, struct arena *a)
{
    struct bundle b;
    arena_reset(a);
    if (w->relay.kind == RELAY_FREEZE) {
        return true;
    }
    return w->relay.kind == RELAY_WITHHOLD && bundle_peek(line, a, &b, NULL) == 0 &&
           node_id_cmp(&b.hdr.by, &w->node[w->relay.victim].id) == 0;
}

static void sort_out(struct world *w, struct span body, struct frame_ctx *fc, struct arena *a,
                     struct cut_up *c)
{
    struct buf line;
    size_t used;
    buf_init(&line, LIM_INFLATE_BYTES);
    while (body.n > 0 && frame_unpack(fc, body, &line, &used) == 0 && used > 0) {
        struct span frame = span_of(body.p, used);
        bool is_bundle = line.len > 5 && memcmp(line.data, "{\"h\":", 5) == 0;
        assert(c->n_head < FRAMES_MAX && c->n_bundle < FRAMES_MAX);
        if (!is_bundle) {
            c->head[c->n_head++] = frame;
        } else if (is_kept_back(w, span_of(line.data, line.len), a)) {
            w->relay.kept_back++;
        } else {
            c->bundle[c->n_bundle++] = frame;
        }
        body = span_of(body.p + used, body.n - used);
    }
    buf_done(&line);
}

void world__relay(struct world *w, int from, struct buf *body)
{
    static struct cut_up c;
    struct buf out;
    if (w->relay.kind == RELAY_HONEST || from != w->relay.node) {
        return;
    }
    struct frame_ctx *fc = frame_ctx_new();
    struct arena *a = arena_new(16 << 20);
    memset(&c, 0, sizeof(c));
    buf_init(&out, LIM_MESSAGE_BYTES * 2);
    sort_out(w, span_of(body->data, body->len), fc, a, &c);
    w->relay.kept_back += w->relay.kind == RELAY_REORDER && c.n_bundle > 1;
    for (size_t i = 0; i < c.n_head; i++) {
        (void)buf_put(&out, c.head[i].p, c.head[i].n);
    }
    for (size_t i = 0; i < c.n_bundle; i++) {
        size_t k = w->relay.kind == RELAY_REORDER ? c.n_bundle - 1 - i : i;
        (void)buf_put(&out, c.bundle[k].p, c.bundle[k].n);
    }
    buf_done(body);
    *body = out;
    arena_free(a);
    frame_ctx_free(fc);
}
