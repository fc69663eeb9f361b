/* SPDX-License-Identifier: Apache-2.0 */
/* The promises, checked from outside: see the header. */
#include "tests/support/world_check.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct copy {
    struct stream_key key;
    int64_t no, seq;
    uint8_t id[HASH_LEN];
    struct span frame; /* lives as long as the store */
    int64_t first;     /* where the stream begins at that node */
    int node;
    bool is_void; /* kept beyond the end of its key: counts for nothing */
    bool waits; /* of a keyframe whose end nobody holds: not offered before what stands before it */
};
struct copies {
    struct copy *v;
    size_t n, cap;
    struct sync_stream_row *st;
    size_t n_st;
    int node;
    const struct stream_key *key;
    int64_t head, first; /* of the stream at hand */
    const struct sync_store *port;
};

/* The head without void bundles, as the engine keeps it beside the stream. */
static void clip(const struct sync_store *st, struct sync_stream_row *row)
{
    char name[32];
    struct buf v;
    buf_init(&v, 64);
    (void)snprintf(name, sizeof(name), "void/%lld", (long long)row->no);
    int64_t at;
    if (st->kv_get(st->ctx, name, &v) == 0 && v.len == sizeof(at)) {
        memcpy(&at, v.data, sizeof(at));
        row->seq = at - 1;
        memset(row->id, 0, HASH_LEN);
        (void)st->bundle_id(st->ctx, row->no, row->seq, row->id);
    }
    buf_done(&v);
}

static int take_stream(const struct sync_stream_row *row, void *arg)
{
    struct copies *c = arg;
    c->st = realloc(c->st, (c->n_st + 1) * sizeof(*c->st));
    assert(c->st != NULL);
    c->st[c->n_st++] = *row;
    clip(c->port, &c->st[c->n_st - 1]);
    return 0;
}

static int take_bundle(const struct sync_bundle_row *row, void *arg)
{
    struct copies *c = arg;
    if (c->n == c->cap) {
        c->cap = c->cap == 0 ? 256 : c->cap * 2;
        c->v = realloc(c->v, c->cap * sizeof(*c->v));
        assert(c->v != NULL);
    }
    struct copy *x = &c->v[c->n++];
    *x = (struct copy){
        .key = *c->key, .no = row->no, .seq = row->seq, .frame = row->frame, .node = c->node};
    x->first = c->first;
    memcpy(x->id, row->id, HASH_LEN);
    x->is_void = row->seq > c->head;
    return 0;
}

static void streams_of(struct world *w, int i, struct copies *c)
{
    const struct sync_store *st = mem_store_port(w->node[i].mem);
    c->n_st = 0;
    c->node = i;
    c->port = st;
    mem_store_look(w->node[i].mem, true); /* no fault is due here */
    int r = st->streams(st->ctx, take_stream, c);
    mem_store_look(w->node[i].mem, false);
    assert(r == 0);
}

static void bundles_of(struct world *w, int i, struct copies *c)
{
    const struct sync_store *st = mem_store_port(w->node[i].mem);
    streams_of(w, i, c);
    for (size_t k = 0; k < c->n_st; k++) {
        c->key = &c->st[k].key;
        c->head = c->st[k].seq;
        c->first = c->st[k].first;
        mem_store_look(w->node[i].mem, true);
        int r = st->bundles(st->ctx, c->st[k].no, 0, SIZE_MAX, take_bundle, c);
        mem_store_look(w->node[i].mem, false);
        assert(r == 0);
    }
}

static void done(struct copies *c)
{
    free(c->v);
    free(c->st);
}

static int wrong(struct world_verdict *v, const char *what, const struct world *w, int node,
                 const struct stream_key *k, int64_t seq)
{
    int by = world_of(w, k->by.s);
    (void)snprintf(v->text, sizeof(v->text), "%s: at %s, stream of %s to %.60s, seq %lld", what,
                   w->node[node].name, by < 0 ? "?" : w->node[by].name, k->aud, (long long)seq);
    return -1;
}

/* ---- truth ---- */

static int copy_cmp(const void *a, const void *b)
{
    const struct copy *x = a, *y = b;
    int r = stream_key_cmp(&x->key, &y->key);
    if (r == 0) {
        r = x->seq < y->seq ? -1 : x->seq > y->seq;
    }
    return r != 0 ? r : x->node - y->node;
}

/* sub: only along the own line, up: only to an ancestor: the model's tree, not the roster's. */
static bool may_write(const struct world *w, int by, const char *aud)
{
    if (strncmp(aud, "sub:", 4) != 0 && strncmp(aud, "up:", 3) != 0) {
        return true;
    }
    int x = world_of(w, strchr(aud, ':') + 1);
    for (int i = by; i >= 0; i = w->node[i].up) {
        if (i == x) {
            return true;
        }
    }
    for (int i = x; i >= 0 && aud[0] == 's'; i = w->node[i].up) {
        if (i == by) {
            return true;
        }
    }
    return false;
}

struct checker {
    struct frame_ctx *fc;
    struct arena *a;
    struct buf line;
    struct sign_pub *pub[WORLD_MAX], *old[WORLD_MAX]; /* old: NULL, or of the key before */
};

/* Does the same node hold a later epoch of this (by, aud)? */
static bool is_passed(const struct copies *c, const struct copy *x)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct copy *o = &c->v[i];
        if (o->node == x->node && o->key.ep > x->key.ep && strcmp(o->key.by.s, x->key.by.s) == 0 &&
            strcmp(o->key.aud, x->key.aud) == 0) {
            return true;
        }
    }
    return false;
}

/* Does its writer hold the bundle before it? */
static bool is_known(const struct copies *c, const struct copy *x, int by)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct copy *o = &c->v[i];
        if (o->node == by && o->seq == x->seq - 1 && stream_key_cmp(&o->key, &x->key) == 0) {
            return true;
        }
    }
    return false;
}

static int check_bundle(struct world *w, struct checker *ck, const struct copies *c,
                        const struct copy *x, const struct copy *before, struct world_verdict *v)
{
    static const uint8_t zero[HASH_LEN] = {0};
    struct bundle b;
    size_t used;
    int by = world_of(w, x->key.by.s);
    if (by < 0 || frame_unpack(ck->fc, x->frame, &ck->line, &used) < 0 || used != x->frame.n) {
        return wrong(v, "not one good frame of a known writer", w, x->node, &x->key, x->seq);
    }
    arena_reset(ck->a);
    if (bundle_parse(span_of(ck->line.data, ck->line.len), ck->a, &b, NULL) < 0 ||
        (bundle_verify(&b, ck->pub[by]) < 0 &&
         (ck->old[by] == NULL || bundle_verify(&b, ck->old[by]) < 0)) ||
        memcmp(b.id, x->id, HASH_LEN) != 0) {
        return wrong(v, "not what its writer signed (I3)", w, x->node, &x->key, x->seq);
    }
    if (strcmp(b.hdr.by.s, x->key.by.s) != 0 || strcmp(b.hdr.aud, x->key.aud) != 0 ||
        b.hdr.seq != x->seq || memcmp(b.hdr.g, w->g, HASH_LEN) != 0) {
        return wrong(v, "in another's place (I3)", w, x->node, &x->key, x->seq);
    }
    if (!may_write(w, by, x->key.aud)) {
        return wrong(v, "beyond its writer's reach (I3)", w, x->node, &x->key, x->seq);
    }
    bool begins = before == NULL && b.hdr.t == BUNDLE_KEY && strcmp(b.hdr.aud, "trust") != 0;
    if (begins && x->seq > 1) {
        return 0; /* what came before was said again from here on */
    }
    if (before != NULL && x->seq > before->seq + 1 && b.hdr.t == BUNDLE_KEY &&
        (is_passed(c, x) || !is_known(c, x, by))) {
        return 0; /* such a run whose end its writer lost with its disk: nothing will follow, or
                     what does stands behind the gap at its writer, too */
    }
    if (x->seq != (before == NULL ? 1 : before->seq + 1) ||
        memcmp(b.hdr.prev, before == NULL ? zero : before->id, HASH_LEN) != 0) {
        return wrong(v, "a break in the chain", w, x->node, &x->key, x->seq);
    }
    return 0;
}

/* A bit that was turned on the way may be one of the frame's that mean nothing. */
static bool same_line(struct checker *ck, const struct copy *a, const struct copy *b)
{
    size_t used;
    struct buf other;
    buf_init(&other, LIM_BUNDLE_BYTES + 64);
    bool same = frame_unpack(ck->fc, a->frame, &ck->line, &used) == 0 &&
                frame_unpack(ck->fc, b->frame, &other, &used) == 0 && ck->line.len == other.len &&
                memcmp(ck->line.data, other.data, other.len) == 0;
    buf_done(&other);
    return same;
}

static int check_copies(struct world *w, struct copies *c, struct checker *ck,
                        struct world_verdict *v)
{
    const struct copy *before[WORLD_MAX] = {NULL};
    const struct copy *first = NULL;
    for (size_t i = 0; i < c->n; i++) {
        struct copy *x = &c->v[i];
        int by = world_of(w, x->key.by.s);
        bool new_stream = i == 0 || stream_key_cmp(&c->v[i - 1].key, &x->key) != 0;
        if (new_stream) {
            memset(before, 0, sizeof(before));
        }
        bool same_bytes = !new_stream && first->seq == x->seq && first->frame.n == x->frame.n &&
                          memcmp(first->frame.p, x->frame.p, x->frame.n) == 0;
        bool is_first = new_stream || first->seq != x->seq;
        /* Equal bytes need one verification only; the chain is part of them. */
        const struct copy *last = before[x->node];
        bool begins = last == NULL ? x->seq > 1 : x->seq != last->seq + 1;
        if ((is_first || !same_bytes || begins) && check_bundle(w, ck, c, x, last, v) < 0) {
            return -1;
        }
        if (!is_first && !same_bytes && !w->node[by].hostile && !w->node[by].torn &&
            (!w->garbled || !same_line(ck, first, x))) {
            return wrong(v, "other bytes than elsewhere (I4)", w, x->node, &x->key, x->seq);
        }
        if (last == NULL && x->seq != x->first) {
            return wrong(v, "a gap", w, x->node, &x->key, x->seq);
        }
        if (!world_may_hold(w, by, x->key.aud, x->node)) {
            return wrong(v, "held without being entitled", w, x->node, &x->key, x->seq);
        }
        first = is_first ? x : first;
        before[x->node] = x;
    }
    return 0;
}

static struct sign_pub *pub_of(const uint8_t *seed)
{
    struct sign_pub *pub = NULL;
    struct sign_key *k = sign_key_new(seed);
    int r = sign_pub_new(sign_key_pub(k), &pub);
    assert(r == 0);
    sign_key_free(k);
    return pub;
}

int world_check_truth(struct world *w, struct world_verdict *v)
{
    struct copies c = {0};
    struct checker ck = {.fc = frame_ctx_new(), .a = arena_new(16 << 20)};
    buf_init(&ck.line, LIM_BUNDLE_BYTES + 64);
    for (int i = 0; i < w->n; i++) {
        ck.pub[i] = pub_of(w->node[i].sign_seed);
        ck.old[i] = w->node[i].has_old ? pub_of(w->node[i].old_seed) : NULL;
        bundles_of(w, i, &c);
    }
    for (size_t i = 0; i < c.n;) {
        if (c.v[i].is_void || w->node[c.v[i].node].revoked) {
            c.v[i] = c.v[--c.n];
        } else {
            i++;
        }
    }
    qsort(c.v, c.n, sizeof(*c.v), copy_cmp);
    int r = check_copies(w, &c, &ck, v);
    for (int i = 0; i < w->n; i++) {
        sign_pub_free(ck.pub[i]);
        sign_pub_free(ck.old[i]);
    }
    buf_done(&ck.line);
    arena_free(ck.a);
    frame_ctx_free(ck.fc);
    done(&c);
    return r;
}

/* ---- convergence ---- */

static const struct sync_stream_row *row_of(const struct copies *c, const struct stream_key *k)
{
    size_t lo = 0, hi = c->n_st; /* the port gives them sorted */
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int r = stream_key_cmp(&c->st[mid].key, k);
        if (r == 0) {
            return &c->st[mid];
        }
        if (r < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return NULL;
}

static int same_live(struct world *w, int a, int b, const struct stream_key *k)
{
    const struct sync_store *x = mem_store_port(w->node[a].mem);
    const struct sync_store *y = mem_store_port(w->node[b].mem);
    struct sync_tally p, q;
    int r = x->tally(x->ctx, k->by.s, k->aud, &p);
    r = r < 0 ? r : y->tally(y->ctx, k->by.s, k->aud, &q);
    return r == 0 && p.live.c == q.live.c && memcmp(p.live.s, q.live.s, HASH_LEN) == 0;
}

static int converged(struct world *w, bool deep, struct world_verdict *v)
{
    struct copies all[WORLD_MAX] = {{0}};
    int r = 0;
    for (int i = 0; i < w->n; i++) {
        if (w->node[i].joined) {
            streams_of(w, i, &all[i]);
        }
    }
    for (int i = 0; r == 0 && i < w->n; i++) {
        for (size_t k = 0; r == 0 && w->node[i].joined && k < all[i].n_st; k++) {
            const struct sync_stream_row *own = &all[i].st[k];
            int by = world_of(w, own->key.by.s);
            if (by < 0 || w->node[by].hostile || w->node[i].revoked || own->seq == 0) {
                continue; /* also what others hold: nobody may have more than the writer */
            }
            for (int p = 0; r == 0 && p < w->n; p++) {
                if (p == i || !w->node[p].joined || w->node[p].hostile || w->node[p].revoked ||
                    !world_may_hold(w, by, own->key.aud, p)) {
                    continue;
                }
                const struct sync_stream_row *x = row_of(&all[p], &own->key);
                if (x == NULL || x->seq != own->seq || memcmp(x->id, own->id, HASH_LEN) != 0) {
                    r = wrong(v, "not all of it (I9)", w, p, &own->key, x == NULL ? 0 : x->seq);
                } else if (x->frozen) {
                    r = wrong(v, "an honest stream is frozen (I14)", w, p, &own->key, x->seq);
                    v->frozen = true;
                } else if (deep && !w->node[i].hostile && !w->node[by].torn &&
                           !same_live(w, i, p, &own->key)) {
                    r = wrong(v, "views differ (I9)", w, p, &own->key, x->seq);
                }
            }
        }
    }
    for (int i = 0; i < w->n; i++) {
        done(&all[i]);
    }
    return r;
}

int world_check_converged(struct world *w, struct world_verdict *v)
{
    return converged(w, true, v);
}

bool world_converged(struct world *w, void *unused)
{
    struct world_verdict v;
    (void)unused;
    return converged(w, false, &v) == 0;
}

bool world_only_frozen(struct world *w)
{
    struct world_verdict v = {.frozen = false};
    return converged(w, false, &v) < 0 && v.frozen;
}

/* ---- the same views again ---- */

static int same_dump(const struct mem_store *a, const struct mem_store *b, struct world_verdict *v,
                     const char *what, const char *node)
{
    struct buf x, y;
    buf_init(&x, 64 << 20);
    buf_init(&y, 64 << 20);
    mem_store_dump(a, &x);
    mem_store_dump(b, &y);
    int r = x.len == y.len && (x.len == 0 || memcmp(x.data, y.data, x.len) == 0) ? 0 : -1;
    if (r < 0) {
        size_t i = 0;
        while (i < x.len && i < y.len && x.data[i] == y.data[i]) {
            i++;
        }
        while (i > 0 && x.data[i - 1] != '\n') {
            i--;
        }
        (void)snprintf(v->text, sizeof(v->text), "%s at %s: %.100s | %.100s", what, node,
                       i < x.len ? (const char *)x.data + i : "(end)",
                       i < y.len ? (const char *)y.data + i : "(end)");
    }
    buf_done(&x);
    buf_done(&y);
    if (r == 0 && mem_store_parked(a) != mem_store_parked(b)) {
        (void)snprintf(v->text, sizeof(v->text), "%s at %s: %zu items parked, now %zu", what, node,
                       mem_store_parked(a), mem_store_parked(b));
        r = -1;
    }
    return r;
}

static int engine_on(struct world *w, int i, struct mem_store *m, struct sync **ret)
{
    const struct wnode *n = &w->node[i];
    struct sync_self self = {.id = n->id,
                             .sign_seed = n->sign_seed,
                             .seal_seeds = (const uint8_t(*)[SEAL_SEED_LEN])n->seal_seed,
                             .n_seal_seeds = 1};
    memcpy(self.g, n->g, HASH_LEN);
    return sync_new(&self, mem_store_port(m), ret);
}

static void shuffle(struct world *w, size_t *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        v[i] = i;
    }
    for (size_t i = n; i > 1; i--) {
        size_t k = (size_t)world_range(w, 0, (int64_t)i - 1), x = v[i - 1];
        v[i - 1] = v[k];
        v[k] = x;
    }
}

int world_check_rebuild(struct world *w, int i, struct world_verdict *v)
{
    struct mem_store *m = mem_store_snapshot(w->node[i].mem);
    struct copies c = {0};
    struct sync *s = NULL;
    const struct sync_store *st = mem_store_port(m);
    mem_store_drop_views(m);
    bundles_of(w, i, &c);
    size_t *order = calloc(c.n + 1, sizeof(*order));
    assert(order != NULL);
    shuffle(w, order, c.n);
    int r = engine_on(w, i, m, &s);
    r = r < 0 ? r : st->begin(st->ctx);
    for (size_t k = 0; r == 0 && k < c.n; k++) {
        const struct copy *x = &c.v[order[k]];
        struct sync_bundle_row row = {.no = x->no, .seq = x->seq, .frame = x->frame};
        memcpy(row.id, x->id, HASH_LEN);
        r = sync_apply_frame(s, &row, &x->key);
    }
    r = r < 0 ? r : st->commit(st->ctx);
    if (r < 0) {
        (void)snprintf(v->text, sizeof(v->text), "rebuild at %s failed: %s (I16)", w->node[i].name,
                       err_name(r));
    } else {
        r = same_dump(w->node[i].mem, m, v, "rebuild differs (I16)", w->node[i].name);
    }
    free(order);
    sync_free(s);
    done(&c);
    mem_store_free(m);
    return r < 0 ? -1 : 0;
}

/* Without its end a run says nothing new, and who lacks what stands before it is sent that first:
 * the end that would show it is missing. */
static void runs_without_end(struct copies *c)
{
    struct frame_ctx *fc = frame_ctx_new();
    struct arena *a = arena_new(16 << 20);
    struct buf line;
    int64_t from = 0, to = 0; /* of the run that ends next; from the last one to the first */
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    for (size_t k = c->n; k > 0; k--) {
        struct copy *x = &c->v[k - 1];
        const struct copy *before = k > 1 && c->v[k - 2].no == x->no ? &c->v[k - 2] : NULL;
        struct bundle b;
        size_t used;
        if (k == c->n || c->v[k].no != x->no) {
            from = to = 0;
        }
        arena_reset(a);
        buf_reset(&line);
        assert(frame_unpack(fc, x->frame, &line, &used) == 0 &&
               bundle_parse(span_of(line.data, line.len), a, &b, NULL) == 0);
        from = b.hdr.has_kf ? b.hdr.kf.from : from;
        to = b.hdr.has_kf ? b.hdr.kf.to : to;
        x->waits = b.hdr.t == BUNDLE_KEY && before != NULL && before->seq == x->seq - 1 &&
                   (x->seq < from || x->seq > to);
    }
    buf_done(&line);
    arena_free(a);
    frame_ctx_free(fc);
}

/* Offers the bundles in random order, then again and again, as a peer would, until nothing is taken
 * any more: each stream from its beginning, because bundles of an ended key are proven by what
 * follows them and wait for that together. */
static int accept_shuffled(struct world *w, struct sync *s, const struct sync_store *st,
                           struct copies *c)
{
    size_t *order = calloc(c->n + 1, sizeof(*order)), left = c->n;
    bool *taken = calloc(c->n + 1, sizeof(*taken)), moved = true;
    struct sync_tick t = {.now_ms = 1, .mono_ms = 1};
    int rounds = 50;
    int r = order == NULL || taken == NULL ? SANJI_E_NOMEM : st->begin(st->ctx);
    shuffle(w, order, c->n);
    runs_without_end(c);
    for (size_t k = 0; k < c->n; k++) {
        left -= c->v[k].is_void;
    }
    for (bool first = true; r == 0 && left > 0 && moved; first = false) {
        moved = false;
        for (size_t k = 0; k < c->n && !first; k++) {
            order[k] = k;
        }
        for (size_t k = 0; r == 0 && k < c->n; k++) {
            struct sync_accept acc;
            size_t x = order[k];
            if (taken[x] || (c->v[x].waits && !taken[x - 1])) {
                continue; /* a void one may be taken before it is known to be void */
            }
            sync_accept_frame(s, &t, c->v[order[k]].frame, &acc);
            if (acc.err == 0 || acc.err == SANJI_E_OLD) { /* stored with one before it */
                taken[order[k]] = moved = true;
                left -= !c->v[order[k]].is_void;
            } else if (sync_is_store_failure(acc.err)) {
                r = acc.err;
            }
        }
        if (!moved && left > 0 && rounds-- > 0) { /* a run begun in the middle was given up again */
            moved = true;
            shuffle(w, order, c->n);
            for (size_t k = 0; k < c->n; k++) {
                left += taken[k] && !c->v[k].is_void;
                taken[k] = taken[k] && c->v[k].is_void;
            }
        }
    }
    r = r < 0 ? r : st->commit(st->ctx);
    free(order);
    free(taken);
    return r < 0 ? r : left > 0 ? SANJI_E_GAP : 0;
}

/* An act may be void since a key ended; what it erased stays erased. */
static int list_too(const struct sync_erased *x, void *arg)
{
    return sync_erase_add(arg, x);
}

int world_check_order(struct world *w, int i, struct world_verdict *v)
{
    struct mem_store *m = mem_store_new();
    struct copies c = {0};
    struct sync *s = NULL;
    bundles_of(w, i, &c);
    int r = engine_on(w, i, m, &s);
    if (r == 0) {
        sync_witness(s); /* what was settled long ago is not settled again */
    }
    if (r == 0 && w->node[i].s != NULL) {
        const struct sync_store *st = mem_store_port(m);
        r = st->begin(st->ctx);
        r = r < 0 ? r : sync_erased_each(w->node[i].s, list_too, s);
        r = r < 0 ? r : sync_erase_settle(s);
        r = r < 0 ? r : st->commit(st->ctx);
    }
    r = r < 0 ? r : accept_shuffled(w, s, mem_store_port(m), &c);
    if (r < 0) {
        (void)snprintf(v->text, sizeof(v->text), "another order of arrival at %s: %s (I15)",
                       w->node[i].name, err_name(r));
    } else {
        r = same_dump(w->node[i].mem, m, v, "another order of arrival differs (I15)",
                      w->node[i].name);
    }
    sync_free(s);
    done(&c);
    mem_store_free(m);
    return r < 0 ? -1 : 0;
}

/* ---- looking ---- */

static int print_state(const char *name, struct span value, void *arg)
{
    static const char *const what[] = {"branch/", "healed/",  "merged/", "again/",
                                       "epoch/",  "barrier/", "void/",   "custody/"};
    int64_t first = 0; /* where that is a number */
    memcpy(&first, value.p, value.n < sizeof(first) ? 0 : sizeof(first));
    for (size_t i = 0; i < sizeof(what) / sizeof(what[0]); i++) {
        if (strncmp(name, what[i], strlen(what[i])) == 0) {
            printf("%-6s state %s (%zu bytes, %lld)\n", (const char *)arg, name, value.n,
                   (long long)first);
        }
    }
    return 0;
}

void world_print(struct world *w, int i)
{
    struct copies c = {0};
    struct wnode *n = &w->node[i];
    if (!n->joined) {
        return;
    }
    streams_of(w, i, &c);
    for (size_t k = 0; k < c.n_st; k++) {
        const struct sync_stream_row *x = &c.st[k];
        int by = world_of(w, x->key.by.s);
        int to = strchr(x->key.aud, ':') == NULL ? -1 : world_of(w, strchr(x->key.aud, ':') + 1);
        printf("%-6s of %-6s %.4s%-6s no %lld ep %u %02x%02x  %lld-%lld %02x%02x%02x%s%s\n",
               n->name, by < 0 ? "?" : w->node[by].name, x->key.aud, to < 0 ? "" : w->node[to].name,
               (long long)x->no, (unsigned)x->key.ep, x->key.en[0], x->key.en[1],
               (long long)x->first, (long long)x->seq, x->id[0], x->id[1], x->id[2],
               x->frozen ? " frozen" : "", n->revoked ? " (revoked)" : "");
    }
    (void)c.port->kv_each(c.port->ctx, "", print_state, n->name);
    free(c.st);
}

int64_t world_head(struct world *w, int i, const char *by, const char *aud)
{
    struct copies c = {0};
    int64_t seq = 0;
    streams_of(w, i, &c);
    for (size_t k = 0; k < c.n_st; k++) {
        if (strcmp(c.st[k].key.by.s, by) == 0 && strcmp(c.st[k].key.aud, aud) == 0) {
            seq = c.st[k].seq;
        }
    }
    done(&c);
    return seq;
}

bool world_line(struct world *w, int i, const char *by, const char *aud, int64_t seq,
                struct buf *ret)
{
    struct copies c = {0};
    struct frame_ctx *fc = frame_ctx_new();
    bool found = false;
    size_t used;
    bundles_of(w, i, &c);
    for (size_t k = 0; k < c.n && !found; k++) {
        found = strcmp(c.v[k].key.by.s, by) == 0 && strcmp(c.v[k].key.aud, aud) == 0 &&
                c.v[k].seq == seq && frame_unpack(fc, c.v[k].frame, ret, &used) == 0;
    }
    frame_ctx_free(fc);
    done(&c);
    return found;
}
