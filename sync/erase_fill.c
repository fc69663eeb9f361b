/* SPDX-License-Identifier: Apache-2.0 */
/* Stubs whose act is not here, or came later than what they stood in: a bundle that is brought once
 * more with its items makes them whole, and a keyframe that holds stubs is not compared. */
#include "sync/erase.h"

#include <stdlib.h>
#include <string.h>

/* ---- a bundle held already comes again ---- */

struct fill {
    struct sync *s;
    size_t idx;
    const struct bundle *b; /* as it came */
    struct bundle whole;
    struct arena *a;
    struct buf in, line, frame;
    bool *is_new; /* items that were stubs */
    size_t n;
    struct sync_bundle_row row;
};

static bool filled(const struct bundle *b, int i, void *arg)
{
    const struct fill *f = arg;
    (void)b;
    return f->is_new[i];
}

/* Equal ids mean equal headers, so equal roots: every item is the one that was signed. */
static int merge(const struct sync_bundle_row *row, void *arg)
{
    struct fill *f = arg;
    struct bundle held;
    size_t n = (size_t)f->b->hdr.n;
    if (row->seq != f->b->hdr.seq || memcmp(row->id, f->b->id, HASH_LEN) != 0) {
        return 1;
    }
    const struct stream_key *key = &f->s->streams[f->idx].row.key;
    int r = sync__stored(f->s, row, READ_ALL, &f->in, f->a, &held);
    r = r != 0 ? r : sync__mark_meet(f->s, key, f->b);
    if (r != 0) {
        return r;
    }
    struct item_ref *ref = arena_alloc(f->a, (n + 1) * sizeof(*ref));
    bool *stub = arena_alloc(f->a, n + 1);
    f->is_new = arena_alloc(f->a, n + 1);
    if (ref == NULL || stub == NULL || f->is_new == NULL) {
        return SANJI_E_NOMEM;
    }
    for (size_t i = 0; held.item != NULL && i < n; i++) {
        f->is_new[i] =
            held.item[i].stub && !f->b->item[i].stub && !sync__erased(f->s, key, &held.item[i]);
        ref[i] = f->is_new[i] ? f->b->item[i] : held.item[i];
        stub[i] = false;
        f->n += f->is_new[i];
    }
    f->whole = held;
    f->whole.item = ref;
    f->row = *row;
    r = f->n == 0 ? 0 : bundle_write_stubbed(&f->whole, stub, &f->line);
    return r < 0 ? r : 1;
}

static int put_back(struct fill *f)
{
    struct sync *s = f->s;
    const struct stream *st = &s->streams[f->idx];
    int r = frame_pack(s->fc, span_of(f->line.data, f->line.len), &f->frame);
    if (r == 0) {
        r = s->st->bundle_restub(s->st->ctx, f->row.no, f->row.seq,
                                 span_of(f->frame.data, f->frame.len), (int64_t)f->line.len);
    }
    for (int i = 0; r == 0 && i < (int)f->b->hdr.n; i++) {
        struct sync_record rec = {.no = f->row.no,
                                  .seq = f->row.seq,
                                  .idx = i,
                                  .stream = &st->row.key,
                                  .leaf = f->whole.item[i].leaf};
        bool bared;
        r = f->is_new[i] ? s->st->erase(s->st->ctx, &rec, &bared) : 0; /* it is parked no more */
    }
    if (r == 0 && !sync_is_void(s, &st->row.key, f->row.seq)) {
        r = sync__apply_some(s, &f->whole, &f->row, &st->row.key, st->aud.type, filled, f);
    }
    if (r == 0) {
        r = s->st->bundle_applied(s->st->ctx, f->row.no, f->row.seq);
    }
    s->changed = true;
    return r < 0 ? r : sync__erase_scrub(s); /* it may have held an act itself */
}

int sync__erase_fill(struct sync *s, size_t idx, const struct bundle *b)
{
    bool parked = false;
    int64_t no = s->streams[idx].row.no;
    int r = no == 0 || b->item == NULL ? 0 : s->st->has_parked(s->st->ctx, no, &parked);
    if (r < 0 || !parked) {
        return r < 0 ? r : SANJI_E_OLD;
    }
    struct fill f = {.s = s, .idx = idx, .b = b, .a = arena_new(ARENA_MAX)};
    buf_init(&f.in, LIM_BUNDLE_BYTES + 64);
    buf_init(&f.line, LIM_BUNDLE_BYTES + 64);
    buf_init(&f.frame, LIM_BUNDLE_BYTES + LIM_FRAME_OVERHEAD + 64);
    r = f.a == NULL ? SANJI_E_NOMEM : s->st->bundles(s->st->ctx, no, b->hdr.seq - 1, 1, merge, &f);
    if (r == 0 && f.n > 0) {
        r = put_back(&f);
    }
    r = r < 0 ? r : sync__erase_scrub(s); /* what it has met is remembered */
    buf_done(&f.in);
    buf_done(&f.line);
    buf_done(&f.frame);
    arena_free(f.a);
    return r < 0 ? r : SANJI_E_OLD;
}

/* ---- keyframes ---- */

struct run {
    struct sync *s;
    struct arena *a;
    struct buf in;
    int64_t to;
    bool stubs;
};

static int look(const struct sync_bundle_row *row, void *arg)
{
    struct run *c = arg;
    struct bundle b;
    if (row->seq > c->to) {
        return 1;
    }
    int r = sync__stored(c->s, row, READ_ALL, &c->in, c->a, &b);
    if (r != 0) {
        c->stubs = true; /* damaged: what it holds is not counted here either */
        return r;
    }
    for (size_t i = 0; b.item != NULL && i < (size_t)b.hdr.n; i++) {
        c->stubs = c->stubs || b.item[i].stub;
    }
    return c->stubs ? 1 : 0;
}

/* Its digest was made when what is a stub now was live, or was not: nobody can tell any more. */
static int stub_in_run(struct sync *s, size_t idx, const struct bundle *end, bool *ret)
{
    struct run c = {.s = s, .to = end->hdr.seq};
    int r = 0;
    if (sync_erased_count(s) > 0) {
        c.a = arena_new(ARENA_MAX);
        buf_init(&c.in, LIM_BUNDLE_BYTES + 64);
        r = c.a == NULL ? SANJI_E_NOMEM
                        : s->st->bundles(s->st->ctx, s->streams[idx].row.no, end->hdr.kf.from - 1,
                                         SIZE_MAX, look, &c);
        buf_done(&c.in);
        arena_free(c.a);
    }
    *ret = c.stubs;
    return r < 0 ? r : 0;
}

int sync__erase_may_judge(struct sync *s, size_t idx, const struct bundle *end, bool *ret)
{
    bool stubs = false;
    int r = stub_in_run(s, idx, end, &stubs);
    *ret = false;
    return r < 0 || stubs ? r : sync__key_may_judge(s, &s->streams[idx], ret);
}
