/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept for writers that may not know it (PROTOCOL.md 15.1, Custody): how much, for whom,
 * how long, and what becomes of it when it is damaged, erased, or more than anybody thought.
 * `test_sync_custody NUMBER` prints how long so many bundles take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/base/text.h"
#include "sync/internal.h"
#include "tests/support/mem_internal.h"
#include "tests/support/story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct step three_tiers[] = {THREE_TIERS, {0}};

enum { CITY, D1, D2, S1, S2, S3 };

/* ---- a past that its writer has lost ---- */

struct past {
    struct mem_store *before;
    struct buf *frame; /* in order; without the first one none of the others can stand */
    size_t n, cap;
};

static void frame_add(struct past *p, struct span f)
{
    if (p->n == p->cap) {
        p->cap = p->cap == 0 ? 64 : p->cap * 2;
        p->frame = realloc(p->frame, p->cap * sizeof(*p->frame));
        assert_non_null(p->frame);
    }
    buf_init(&p->frame[p->n], f.n);
    assert_int_equal(buf_put(&p->frame[p->n++], f.p, f.n), 0);
}

static int64_t fed_of(const struct sync *s, int i, const struct world *w)
{
    int idx = sync__stream_first(s, w->node[i].id.s, "fed");
    return idx < 0 ? 0 : s->streams[idx].row.no;
}

static int gather(const struct sync_bundle_row *row, void *arg)
{
    frame_add(arg, row->frame);
    return 0;
}

/* Node i, out of reach, writes n listings; then it is put back to before them and stands still. */
static void lose(struct world *w, int i, const char *prefix, int n, struct past *p)
{
    memset(p, 0, sizeof(*p));
    if (fed_of(w->node[i].s, i, w) == 0) {
        assert_int_equal(world_put(w, i, "fed", "begin", 1, prefix, NULL), 0);
        world_run(w, 60000);
    }
    w->node[i].cut = true;
    p->before = mem_store_snapshot(w->node[i].mem);
    int64_t no = fed_of(w->node[i].s, i, w), after = 0;
    const struct stream *st = &w->node[i].s->streams[sync__by_no(w->node[i].s, no)];
    after = st->row.seq;
    for (int k = 0; k < n; k++) {
        char id[24];
        (void)snprintf(id, sizeof(id), "%s%d", prefix, k);
        assert_int_equal(world_put(w, i, "fed", id, 1, prefix, NULL), 0);
    }
    const struct sync_store *store = mem_store_port(w->node[i].mem);
    assert_int_equal(store->bundles(store->ctx, no, after, SIZE_MAX, gather, p), 0);
    world_crash(w, i);
    mem_store_restore(w->node[i].mem, p->before);
}

static void past_done(struct past *p)
{
    for (size_t i = 0; i < p->n; i++) {
        buf_done(&p->frame[i]);
    }
    free(p->frame);
    mem_store_free(p->before);
}

/* Node `at` is given frames [from, to) by its neighbour `by`. */
static void give(struct world *w, int at, int by, const struct past *p, size_t from, size_t to)
{
    struct sync *s = w->node[at].s;
    struct peer *peer = sync__peer_find(s, w->node[by].id.s);
    struct sync_tick t;
    int64_t stored;
    assert_non_null(peer);
    while (from < to) {
        struct buf m;
        buf_init(&m, LIM_MESSAGE_BYTES);
        for (int k = 0; k < 500 && from < to; k++, from++) {
            assert_int_equal(buf_put(&m, p->frame[from].data, p->frame[from].len), 0);
        }
        world_tick(w, at, &t);
        s->tick = t;
        assert_int_equal(sync__take_bundles(s, peer, span_of(m.data, m.len), 0, &stored), 0);
        buf_done(&m);
    }
}

struct count {
    const char *prefix;
    int64_t n, bytes;
};

static int one_kept(const char *name, struct span value, void *arg)
{
    struct count *c = arg;
    (void)name;
    c->n++;
    c->bytes += (int64_t)value.n;
    return 0;
}

static struct count kept(const struct world *w, int i, const char *prefix)
{
    struct count c = {.prefix = prefix};
    const struct sync_store *st = mem_store_port(w->node[i].mem);
    assert_int_equal(st->kv_each(st->ctx, prefix, one_kept, &c), 0);
    return c;
}

static bool none_kept(struct world *w, void *arg)
{
    int64_t n = 0;
    (void)arg;
    for (int i = 0; i < w->n; i++) {
        n += kept(w, i, "custody/").n + kept(w, i, "again/").n;
    }
    return n == 0;
}

static void has_all(struct world *w, int at, int owner, const char *prefix, int from, int to)
{
    for (int k = from; k < to; k++) {
        struct mem_seen seen;
        char id[24];
        (void)snprintf(id, sizeof(id), "%s%d", prefix, k);
        assert_int_equal(mem_store_record(w->node[at].mem, w->node[owner].id.s, id, &seen), 0);
    }
}

/* ---- how long it takes ---- */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void hand_on(struct world *w, int from, int to)
{
    struct sync *s = w->node[from].s;
    struct peer *p = sync__peer_find(s, w->node[to].id.s);
    while (sync__custody_due(s, p)) {
        struct buf out;
        int64_t left = 1 << 20;
        buf_init(&out, LIM_MESSAGE_BYTES);
        assert_int_equal(sync__custody_send(s, p, false, &left, &out), 0);
        assert_true(out.len > 0);
        assert_int_equal(sync__custody_taken(s, p), 0);
        buf_done(&out);
    }
}

static int measure(int n)
{
    struct teller t;
    struct past p;
    world_init(&t.w, 11);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    lose(w, S1, "v", n + 1, &p);
    world_start(w, S1);
    double at[5] = {seconds()};
    give(w, D1, CITY, &p, 1, p.n);
    at[1] = seconds();
    hand_on(w, D1, S1);
    at[2] = seconds();
    give(w, S1, D1, &p, 1, p.n);
    at[3] = seconds();
    assert_int_equal(sync__custody_own(w->node[S1].s), 0);
    at[4] = seconds();
    printf("%d bundles: taken by a relay %.2f s, handed on %.2f s, taken by the writer %.2f s, "
           "looked at by it %.2f s\n",
           n, at[1] - at[0], at[2] - at[1], at[3] - at[2], at[4] - at[3]);
    past_done(&p);
    world_done(w);
    return 0;
}

/* ---- how much, and for whom ---- */

enum { SHARE = 4096 };

static void begin(struct teller *t, uint64_t seed, int64_t share, int64_t key_items)
{
    world_init(&t->w, seed);
    t->w.has_tune = true;
    t->w.tune = (struct sync_tuning){.wait_ms = LIM_WAIT_MS,
                                     .backoff_min_ms = 1000,
                                     .backoff_max_ms = 900000,
                                     .max_bytes = 1 << 20,
                                     .key_items = key_items,
                                     .custody_bytes = share};
    story_go(t, three_tiers);
}

/* Whoever signs much, and comes back for none of it, fills its own share and nobody else's. */
static void a_dishonest_writer_takes_nobodys_place(void **state)
{
    struct teller t;
    struct past bad, good;
    (void)state;
    begin(&t, 21, SHARE, 0);
    struct world *w = &t.w;
    lose(w, S1, "bad", 100, &bad);
    lose(w, S2, "good", 6, &good);
    const struct peer *city = sync__peer_find(w->node[D1].s, w->node[CITY].id.s);
    int64_t told = w->node[D1].alarms[-SANJI_E_KEPT_FULL];
    give(w, D1, CITY, &bad, 1, bad.n);
    give(w, D1, CITY, &bad, 1, bad.n);
    assert_true(city->n_left > 0);
    int64_t full = kept(w, D1, "custody/").bytes;
    assert_true(full >= SHARE && full < SHARE + LIM_BUNDLE_BYTES && full < 100 * 200);
    give(w, D1, CITY, &good, 1, good.n);
    assert_int_equal(city->n_left, 0);
    assert_true(kept(w, D1, "custody/").n >= (int64_t)good.n);
    world_run(w, 60000); /* alarms leave with a step */
    assert_int_equal(w->node[D1].alarms[-SANJI_E_KEPT_FULL], told + 1);
    w->node[S2].cut = false;
    world_start(w, S2);
    world_run(w, 3600000);
    for (int i = 0; i < w->n; i++) {
        if (i != S1) {
            has_all(w, i, S2, "good", 1, 6);
        }
    }
    assert_int_equal(kept(w, D1, "custody/").bytes, full); /* of the one who never came back */
    past_done(&bad);
    past_done(&good);
    world_done(w);
}

/* One node has given some of what it keeps to another, and has kept the rest. */
static bool two_have_some(struct world *w, void *arg)
{
    int n = 0;
    (void)arg;
    for (int i = 0; i < w->n; i++) {
        n += kept(w, i, "custody/").n > 0;
    }
    return n >= 2;
}

/* With room for one bundle at a time, at the writer as well: who is told that something was left
 * keeps it, and nothing is lost. */
static void what_finds_no_room_stays_where_it_is(void **state)
{
    struct teller t;
    (void)state;
    begin(&t, 31, 1, 2);
    struct world *w = &t.w;
    struct mem_store *snap[WORLD_MAX];
    assert_int_equal(world_put(w, S1, "fed", "v0", 1, "v", NULL), 0);
    story_agree(&t, 60000);
    for (int i = 0; i < w->n; i++) {
        snap[i] = mem_store_snapshot(w->node[i].mem);
    }
    for (int k = 0; k < 5; k++) {
        char id[24];
        (void)snprintf(id, sizeof(id), "lost%d", k);
        assert_int_equal(world_put(w, S1, "fed", id, 1, "lost", NULL), 0);
    }
    story_agree(&t, 60000);
    w->node[S3].cut = w->node[S1].cut = true;
    for (int i = 0; i < w->n; i++) {
        if (i != S3) {
            world_crash(w, i);
            mem_store_restore(w->node[i].mem, snap[i]);
            world_start(w, i);
        }
        mem_store_free(snap[i]);
    }
    for (int r = 2; r <= 24; r++) {
        assert_int_equal(world_put(w, S1, "fed", "v0", r, "again", NULL), 0);
        world_run(w, 2000);
    }
    assert_true(mem_store_compacted(w->node[S1].mem) > 0);
    w->node[S1].cut = false;
    world_run(w, 1200000);
    w->node[S3].cut = false;
    assert_true(world_until(w, 3600000, two_have_some, NULL));
    assert_true(world_until(w, 36000000, none_kept, NULL));
    story_agree(&t, 3600000);
    for (int i = 0; i < w->n; i++) {
        has_all(w, i, S1, "lost", 0, 5);
    }
    world_done(w);
}

/* ---- what the next message says of the last ---- */

/* The newest bundle of `by` that `at` holds is no frame any more. */
static void spoil(struct world *w, int at, int by)
{
    struct mem_store *m = w->node[at].mem;
    struct sync *s = w->node[at].s;
    const struct stream *x = &s->streams[sync__stream_first(s, w->node[by].id.s, "fed")];
    for (size_t i = 0; i < m->tab[TAB_BUNDLE].n; i++) {
        const struct bundle_r *b = mem__at(m, TAB_BUNDLE, i);
        if (b->row.is_dead || b->b.no != x->row.no || b->b.seq != x->row.seq) {
            continue;
        }
        struct buf copy;
        size_t used;
        buf_init(&copy, b->b.frame.n);
        assert_int_equal(buf_put(&copy, b->b.frame.p, b->b.frame.n), 0);
        copy.data[0] ^= 0x10;
        assert_true(frame_unpack(s->fc, span_of(copy.data, copy.len), &s->line, &used) < 0);
        struct span bad = mem__bytes(m, span_of(copy.data, copy.len));
        ((struct bundle_r *)mem__edit(m, TAB_BUNDLE, i))->b.frame = bad;
        mem__undo_forget(m);
        buf_done(&copy);
        return;
    }
    fail_msg("no such bundle");
}

/* Whoever stops reading at a frame says so: nothing behind it counts as taken, and it comes. */
static void what_stands_behind_a_damaged_frame(void **state)
{
    struct teller t;
    struct past p;
    (void)state;
    begin(&t, 51, 0, 0);
    struct world *w = &t.w;
    lose(w, S1, "v", 6, &p);
    give(w, D1, CITY, &p, 1, p.n);
    assert_int_equal(kept(w, D1, "custody/").n, 5);
    assert_int_equal(world_put(w, CITY, "fed", "c0", 1, "v", NULL), 0);
    world_run(w, 60000);
    spoil(w, D1, CITY);
    w->node[S1].cut = false;
    world_start(w, S1);
    world_run(w, 2 * 3600000);
    has_all(w, CITY, S1, "v", 1, 6);
    assert_int_equal(kept(w, D1, "custody/").n, 0);
    past_done(&p);
    world_done(w);
}

/* Many others are refused day after day: that says nothing of what stands behind them. */
static void a_list_that_is_full_of_others(void **state)
{
    struct teller t;
    struct past p;
    (void)state;
    begin(&t, 51, 0, 0);
    struct world *w = &t.w;
    lose(w, S3, "v", 6, &p);
    assert_int_equal(world_put(w, S1, "fed", "f", 1, "v", NULL), 0);
    world_run(w, 60000);
    struct sync *city = w->node[CITY].s;
    int idx = sync__stream_first(city, w->node[S1].id.s, "fed");
    city->streams[idx].row.frozen = true; /* as when it was shown something else there */
    w->node[D1].cut = true;
    for (int k = 0; k < LIM_LEFT + 6; k++) {
        char id[24];
        (void)snprintf(id, sizeof(id), "x%d", k);
        assert_int_equal(world_put(w, S1, "fed", id, 1, "v", NULL), 0);
    }
    world_run(w, 600000);
    give(w, D1, S2, &p, 1, p.n);
    assert_int_equal(kept(w, D1, "custody/").n, 5);
    w->node[D1].cut = false;
    world_run(w, (int64_t)48 * 3600000);
    assert_true(city->streams[idx].row.frozen);
    assert_int_equal(sync__peer_find(city, w->node[D1].id.s)->n_left, LIM_LEFT);
    assert_int_equal(kept(w, D1, "custody/").n, 0);
    past_done(&p);
    world_done(w);
}

/* The branch that a relay would let go of stays while there is no place for it. */
static void no_branch_is_given_up_without_room(void **state)
{
    struct teller t;
    struct past bad, one, other;
    (void)state;
    begin(&t, 41, SHARE, 0);
    struct world *w = &t.w;
    struct sync *d1 = w->node[D1].s;
    lose(w, S1, "bad", 100, &bad);
    world_start(w, S1);
    lose(w, S1, "one", 3, &one);
    world_start(w, S1);
    lose(w, S1, "other", 3, &other);
    give(w, D1, CITY, &bad, 1, bad.n);
    give(w, D1, S1, &one, 0, one.n);
    has_all(w, D1, S1, "one", 0, 3);
    int64_t n = kept(w, D1, "custody/").n;
    int idx = sync__stream_first(d1, w->node[S1].id.s, "fed");
    assert_int_equal(sync__branch_begin(d1, (size_t)idx, 2, &w->node[CITY].id), 0);
    give(w, D1, CITY, &other, 0, other.n);
    has_all(w, D1, S1, "one", 0, 3);
    assert_int_equal(kept(w, D1, "custody/").n, n);
    d1->tune.custody_bytes = 0; /* as much as anybody has */
    give(w, D1, CITY, &other, 0, other.n);
    has_all(w, D1, S1, "other", 0, 3);
    assert_int_equal(kept(w, D1, "custody/").n, n + 3);
    past_done(&bad);
    past_done(&one);
    past_done(&other);
    world_done(w);
}

/* ---- what is of no use to anybody ---- */

static int turn_one(const char *name, struct span value, void *arg)
{
    char *to = arg;
    (void)value;
    (void)snprintf(to, 128, "%s", name);
    return 1;
}

/* One bit of the first bundle kept at node i: of its signature, or of the last bytes. */
static void turn_a_bit(struct world *w, int i, bool last)
{
    char name[128] = "";
    struct buf v;
    const struct sync_store *st = mem_store_port(w->node[i].mem);
    buf_init(&v, LIM_BUNDLE_BYTES);
    assert_int_equal(st->kv_each(st->ctx, "custody/", turn_one, name), 0);
    assert_int_equal(st->kv_get(st->ctx, name, &v), 0);
    v.data[last ? v.len - 8 : v.len / 2] ^= 4;
    assert_int_equal(st->begin(st->ctx), 0);
    assert_int_equal(st->kv_put(st->ctx, name, span_of(v.data, v.len)), 0);
    assert_int_equal(st->commit(st->ctx), 0);
    buf_done(&v);
}

static void a_damaged_one_is_told_and_holds_nothing_up(void **state)
{
    struct teller t;
    struct past p;
    (void)state;
    begin(&t, 51, 0, 0);
    struct world *w = &t.w;
    lose(w, S1, "v", 6, &p);
    give(w, D1, CITY, &p, 1, p.n);
    assert_int_equal(kept(w, D1, "custody/").n, 5);
    turn_a_bit(w, D1, false);
    w->node[S1].cut = false;
    world_start(w, S1);
    world_run(w, 3600000);
    assert_true(none_kept(w, NULL));
    assert_int_equal(w->node[D1].alarms[-SANJI_E_CORRUPT], 1);
    has_all(w, CITY, S1, "v", 2, 6); /* v0 was never given, v1 is damaged */
    past_done(&p);
    world_done(w);
}

/* At the writer, too: nothing else that it lost waits for it. */
static void a_damaged_one_at_its_writer(void **state)
{
    struct teller t;
    struct past p;
    (void)state;
    begin(&t, 61, 0, 0);
    struct world *w = &t.w;
    lose(w, S1, "v", 6, &p);
    world_start(w, S1);
    give(w, S1, D1, &p, 1, p.n);
    assert_int_equal(kept(w, S1, "custody/").n, 5);
    turn_a_bit(w, S1, false);
    w->node[S1].cut = false;
    world_run(w, 3600000);
    assert_true(none_kept(w, NULL));
    assert_int_equal(w->node[S1].alarms[-SANJI_E_CORRUPT], 1);
    has_all(w, CITY, S1, "v", 2, 6);
    past_done(&p);
    world_done(w);
}

/* ---- erased while it is kept ---- */

static int read_kept(const char *name, struct span value, void *arg)
{
    int *n = arg; /* [0] bundles, [1] of them with a stub */
    struct frame_ctx *fc = frame_ctx_new();
    struct arena *a = arena_new(ARENA_MAX);
    struct buf line;
    struct bundle b;
    size_t used;
    (void)name;
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    assert_int_equal(frame_unpack(fc, value, &line, &used), 0);
    assert_int_equal(bundle_parse(span_of(line.data, line.len), a, &b, NULL), 0);
    n[0]++;
    n[1] += b.item[0].stub;
    buf_done(&line);
    arena_free(a);
    frame_ctx_free(fc);
    return 0;
}

static void first_leaf(const struct buf *frame, uint8_t ret[static HASH_LEN])
{
    struct frame_ctx *fc = frame_ctx_new();
    struct arena *a = arena_new(ARENA_MAX);
    struct buf line;
    struct bundle b;
    size_t used;
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    assert_int_equal(frame_unpack(fc, span_of(frame->data, frame->len), &line, &used), 0);
    assert_int_equal(bundle_parse(span_of(line.data, line.len), a, &b, NULL), 0);
    memcpy(ret, b.item[0].leaf, HASH_LEN);
    buf_done(&line);
    arena_free(a);
    frame_ctx_free(fc);
}

/* Every second one of many, and one that cannot be read among them. */
static void erased_while_it_is_kept(void **state)
{
    enum { MANY = 301 };
    struct teller t;
    struct past p;
    int n[2] = {0};
    (void)state;
    begin(&t, 71, 0, 0);
    struct world *w = &t.w;
    lose(w, S1, "v", MANY, &p);
    give(w, D1, CITY, &p, 1, p.n);
    turn_a_bit(w, D1, true);
    struct sync *d1 = w->node[D1].s;
    const struct sync_store *st = mem_store_port(w->node[D1].mem);
    assert_int_equal(st->begin(st->ctx), 0);
    for (size_t i = 1; i < p.n; i += 2) {
        uint8_t leaf[HASH_LEN];
        first_leaf(&p.frame[i], leaf);
        struct sync_erased x = {
            .by = w->node[S1].id.s, .aud = "fed", .leaf = leaf, .why = 'p', .named = true};
        assert_int_equal(sync_erase_add(d1, &x), 0);
    }
    assert_int_equal(sync_erase_settle(d1), 0);
    assert_int_equal(st->commit(st->ctx), 0);
    assert_int_equal(st->kv_each(st->ctx, "custody/", read_kept, n), 0);
    assert_int_equal(n[0], MANY - 2); /* the first was not given, the damaged one is gone */
    assert_int_equal(n[1], (MANY - 1) / 2);
    past_done(&p);
    world_done(w);
}

/* ---- how long ---- */

static void say_of(struct world *w, int author, int subject, enum act_type type)
{
    struct sync_tick tick;
    struct act_head head[16];
    struct act a = {.type = type, .has_g = true, .why = "left", .heads = head};
    const struct roster_node *n =
        roster_node(sync_roster(w->node[author].s), w->node[subject].id.s);
    memcpy(a.g, w->g, HASH_LEN);
    a.by = w->node[author].id;
    a.n = n->id;
    memcpy(a.after, n->last, HASH_LEN);
    assert_int_equal(sync_heads_of(w->node[author].s, n->id.s, false, head, 16, &a.n_heads), 0);
    world_tick(w, author, &tick);
    a.ts = tick.now_ms;
    assert_int_equal(sync_act(w->node[author].s, &tick, &a, NULL, 0, false), 0);
    w->node[subject].revoked = true;
    world_event(w, author, SEV_LOCAL);
}

/* What is kept for a node that was closed ends, but not before somebody can have changed his mind;
 * and what is kept for one that is only away does not. */
static void a_closed_writers_share_ends(void **state)
{
    struct teller t;
    struct past closed, away;
    (void)state;
    begin(&t, 81, 0, 0);
    struct world *w = &t.w;
    lose(w, S1, "closed", 6, &closed);
    lose(w, S2, "away", 6, &away);
    give(w, D1, CITY, &closed, 1, closed.n);
    give(w, D1, CITY, &away, 1, away.n);
    assert_int_equal(kept(w, D1, "custody/").n, 10);
    say_of(w, D1, S1, ACT_CLOSE);
    for (int day = 0; day <= LIM_GONE_DAYS + 2; day++) {
        assert_true(kept(w, D1, "custody/").n == 10 || day >= LIM_GONE_DAYS);
        world_skip(w, 25 * 3600000);
        world_run(w, 60000);
    }
    assert_int_equal(kept(w, D1, "custody/").n, 5);
    assert_int_equal(kept(w, D1, "gone/").n, 1);
    past_done(&closed);
    past_done(&away);
    world_done(w);
}

/* A clock that is wrong for a while ends nothing. */
static void a_wrong_clock_ends_nothing(void **state)
{
    struct teller t;
    struct past p;
    (void)state;
    begin(&t, 91, 0, 0);
    struct world *w = &t.w;
    lose(w, S1, "closed", 6, &p);
    give(w, D1, CITY, &p, 1, p.n);
    say_of(w, D1, S1, ACT_CLOSE);
    for (int day = 0; day < 5; day++) {
        world_skip(w, 25 * 3600000);
        world_run(w, 60000);
        w->node[D1].clock_off += (int64_t)400 * 86400000;
    }
    assert_int_equal(kept(w, D1, "custody/").n, 5);
    past_done(&p);
    world_done(w);
}

/* Twelve revisions of one listing, every one a compaction or nearly so. */
static void revise(struct world *w, const char *id, int *io_r)
{
    for (int i = 0; i < 12; i++) {
        assert_int_equal(world_put(w, S1, "fed", id, (*io_r)++, "v", NULL), 0);
        world_run(w, 2000);
    }
}

/* As if so many days with a keyframe had gone by. */
static void days_go_by(struct world *w, int i, int64_t days)
{
    struct sync *s = w->node[i].s;
    struct {
        int64_t n, at;
    } d;
    int64_t no = fed_of(s, i, w);
    assert_int_equal(sync__kept_get(s, "saiddays", no, &d, sizeof(d)), 0);
    assert_true(d.n >= 1);
    d.n += days;
    assert_int_equal(sync__tx_begin(s), 0);
    assert_int_equal(sync__tx_end(s, sync__kept_set(s, "saiddays", no, &d, sizeof(d))), 0);
}

/* The list of what an own keyframe let go of ends, too. */
static void what_was_said_once_is_forgotten(void **state)
{
    struct teller t;
    (void)state;
    begin(&t, 101, 0, 2);
    struct world *w = &t.w;
    int64_t n[3];
    int r = 1;
    for (int k = 0; k < 3; k++) {
        revise(w, "v0", &r);
        n[k] = kept(w, S1, "said/").n;
        world_run(w, 60000);
        if (k > 0) { /* nothing is forgotten early */
            days_go_by(w, S1, LIM_SAID_DAYS + 1);
        }
    }
    assert_true(n[0] >= 1 && n[1] > n[0]);
    assert_true(n[2] >= 1 && n[2] <= n[1] - n[0]);
    world_done(w);
}

/* A keyframe is written while the clock is three years ahead: what was let go of before is still
 * remembered, and a past that comes afterwards is known to be another one. */
static void a_wrong_clock_forgets_nothing(void **state)
{
    static const int64_t ahead = (int64_t)3 * 366 * 86400000;
    struct teller t;
    struct past p;
    int r = 2;
    (void)state;
    begin(&t, 51, 0, 2);
    struct world *w = &t.w;
    lose(w, S1, "v", 6, &p);
    world_start(w, S1);
    revise(w, "begin", &r);
    int64_t before = kept(w, S1, "said/").n;
    w->node[S1].clock_off += ahead;
    revise(w, "begin", &r);
    w->node[S1].clock_off -= ahead;
    revise(w, "begin", &r);
    assert_true(before >= 1 && kept(w, S1, "said/").n > before);
    w->node[S1].cut = false;
    world_run(w, 600000);
    give(w, S1, D1, &p, 1, p.n);
    world_run(w, 3600000);
    has_all(w, CITY, S1, "v", 1, 6);
    past_done(&p);
    world_done(w);
}

/* ---- what could not be published again ---- */

static void set_aside(struct world *w, int i, const char *prefix, const struct buf *frame,
                      char ret[static 128])
{
    const struct sync_store *st = mem_store_port(w->node[i].mem);
    struct sync *s = w->node[i].s;
    struct buf line;
    struct bundle b;
    struct arena *a = arena_new(ARENA_MAX);
    char id[B64U_LEN(8) + 1] = {0};
    size_t used;
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    assert_int_equal(frame_unpack(s->fc, span_of(frame->data, frame->len), &line, &used), 0);
    assert_int_equal(bundle_parse(span_of(line.data, line.len), a, &b, NULL), 0);
    b64u_put(b.id, 8, id);
    (void)snprintf(ret, 128, "%sd/%010lld/%010lld/%s", prefix, (long long)fed_of(s, i, w),
                   (long long)b.hdr.seq, id);
    assert_int_equal(st->begin(st->ctx), 0);
    assert_int_equal(st->kv_put(st->ctx, ret, span_of(frame->data, frame->len)), 0);
    assert_int_equal(st->commit(st->ctx), 0);
    buf_done(&line);
    arena_free(a);
}

struct listed {
    int n, bad;
    char name[8][128];
};

static int one_listed(const struct sync_aside *x, void *arg)
{
    struct listed *l = arg;
    l->bad += x->err < 0;
    assert_true((x->err < 0) == (x->b == NULL));
    assert_true(l->n < 8);
    (void)snprintf(l->name[l->n++], sizeof(l->name[0]), "%s", x->name);
    return 0;
}

/* Staff see it, try it again, or put it away. */
static void what_could_not_be_sent(void **state)
{
    struct teller t;
    struct past p;
    struct listed l = {0};
    char name[128];
    (void)state;
    begin(&t, 111, 0, 0);
    struct world *w = &t.w;
    lose(w, S1, "v", 3, &p);
    world_start(w, S1);
    struct sync *s1 = w->node[S1].s;
    for (size_t i = 0; i < p.n; i++) {
        set_aside(w, S1, "unsent/again/", &p.frame[i], name);
    }
    assert_int_equal(sync_unsent_each(s1, one_listed, &l), 0);
    assert_int_equal(l.n, 3);
    assert_int_equal(l.bad, 0);
    assert_int_equal(sync_unsent_drop(s1, "d/1/1/no"), SANJI_E_NOT_FOUND);
    assert_int_equal(sync_unsent_again(s1, "../../no"), SANJI_E_NOT_FOUND);
    assert_int_equal(sync_unsent_drop(s1, l.name[0]), 0);
    assert_int_equal(sync_unsent_again(s1, l.name[1]), 0);
    w->node[S1].cut = false;
    world_run(w, 3600000);
    has_all(w, CITY, S1, "v", 1, 2);
    l.n = 0;
    assert_int_equal(sync_unsent_each(s1, one_listed, &l), 0);
    assert_int_equal(l.n, 1);
    assert_int_equal(kept(w, S1, "again/").n, 0);
    past_done(&p);
    world_done(w);
}

/* What is listed when this stands there in the place of `was`; the node opens. */
static struct listed listed_with(struct world *w, int i, const char *was, const char *name,
                                 struct span value)
{
    const struct sync_store *st = mem_store_port(w->node[i].mem);
    struct listed l = {0};
    assert_int_equal(st->begin(st->ctx), 0);
    assert_int_equal(st->kv_del(st->ctx, was), 0);
    assert_int_equal(st->kv_put(st->ctx, name, value), 0);
    assert_int_equal(sync_reload(w->node[i].s), 0);
    assert_int_equal(sync_aside_each(w->node[i].s, one_listed, &l), 0);
    st->rollback(st->ctx);
    return l;
}

static bool same_line(struct sync *s, struct span a, struct span b)
{
    struct buf x, y;
    size_t used;
    buf_init(&x, LIM_BUNDLE_BYTES);
    buf_init(&y, LIM_BUNDLE_BYTES);
    bool same = frame_unpack(s->fc, a, &x, &used) == 0 && frame_unpack(s->fc, b, &y, &used) == 0 &&
                x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
    buf_done(&x);
    buf_done(&y);
    return same;
}

/* Every few bits of the name, and of the bundle. */
static int turn_bits(struct world *w, int i, const char *name)
{
    const struct sync_store *st = mem_store_port(w->node[i].mem);
    struct buf v;
    char turned[128];
    size_t len = strlen(name);
    int n = 0;
    buf_init(&v, LIM_BUNDLE_BYTES);
    assert_int_equal(st->kv_get(st->ctx, name, &v), 0);
    for (size_t bit = 0; bit < 8 * len; bit += 3) {
        memcpy(turned, name, len + 1);
        turned[bit / 8] ^= (char)(1 << bit % 8);
        if (turned[bit / 8] == '\0') {
            continue;
        }
        struct listed l = listed_with(w, i, name, turned, span_of(v.data, v.len));
        assert_int_equal(l.n, 3);
        assert_int_equal(l.bad, 1);
        n++;
    }
    uint8_t *copy = test_malloc(v.len);
    for (size_t bit = 0; bit < 8 * v.len; bit += 37) {
        memcpy(copy, v.data, v.len);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        struct listed l = listed_with(w, i, name, name, span_of(copy, v.len));
        assert_int_equal(l.n, 3);
        bool same = same_line(w->node[i].s, span_of(v.data, v.len), span_of(copy, v.len));
        assert_int_equal(l.bad, same ? 0 : 1);
        n++;
    }
    test_free(copy);
    buf_done(&v);
    return n;
}

/* A bit that turned in a bundle that is kept, or in its name: it is named, and the node opens. */
static void a_bit_in_what_is_kept(void **state)
{
    static const char *const prefix[] = {"again/", "unsent/again/"};
    struct teller t;
    struct past p;
    char name[3][128];
    int n = 0;
    (void)state;
    begin(&t, 121, 0, 0);
    struct world *w = &t.w;
    const struct sync_store *st = mem_store_port(w->node[S1].mem);
    lose(w, S1, "v", 4, &p);
    world_start(w, S1);
    give(w, S1, D1, &p, 3, 4);
    assert_int_equal(st->kv_each(st->ctx, "custody/", turn_one, name[2]), 0);
    for (int i = 0; i < 2; i++) {
        set_aside(w, S1, prefix[i], &p.frame[i], name[i]);
    }
    for (int i = 0; i < 3; i++) {
        n += turn_bits(w, S1, name[i]);
    }
    assert_true(n > 500);
    assert_int_equal(sync_reload(w->node[S1].s), 0);
    past_done(&p);
    world_done(w);
}

/* What waits beside the streams is held, too: erased by its writer it does not come back. */
static void erased_while_it_could_not_be_sent(void **state)
{
    struct teller t;
    struct past p;
    struct mem_seen seen;
    struct listed l = {0};
    char name[128];
    int64_t found = 0;
    int n[2] = {0};
    (void)state;
    begin(&t, 111, 0, 0);
    struct world *w = &t.w;
    lose(w, S1, "v", 4, &p);
    world_start(w, S1);
    assert_int_equal(world_put(w, S1, "fed", "v1", 1, "other", NULL), 0);
    set_aside(w, S1, "unsent/again/", &p.frame[1], name);
    set_aside(w, S1, "unsent/again/", &p.frame[2], name);
    struct sync *s = w->node[S1].s;
    const struct sync_erase what = {.id = "v1", .why = "person"};
    const struct sync_store *st = mem_store_port(w->node[S1].mem);
    struct sync_tick tick;
    world_tick(w, S1, &tick);
    assert_int_equal(st->begin(st->ctx), 0);
    assert_int_equal(sync_erase(s, &tick, &what, &found), 0);
    assert_int_equal(st->commit(st->ctx), 0);
    assert_int_equal(found, 2); /* both pasts' forms */
    assert_int_equal(st->kv_each(st->ctx, "unsent/", read_kept, n), 0);
    assert_int_equal(n[0], 2);
    assert_int_equal(n[1], 1);
    assert_int_equal(sync_unsent_each(s, one_listed, &l), 0);
    assert_int_equal(l.n, 2);
    assert_int_equal(l.bad, 0);
    for (int i = 0; i < l.n; i++) {
        assert_int_equal(sync_unsent_again(s, l.name[i]), 0);
    }
    w->node[S1].cut = false;
    world_run(w, 3600000);
    has_all(w, CITY, S1, "v", 2, 3); /* the other one does */
    assert_int_equal(mem_store_record(w->node[CITY].mem, w->node[S1].id.s, "v1", &seen),
                     SANJI_E_NOT_FOUND);
    assert_int_equal(kept(w, S1, "unsent/").n + kept(w, S1, "again/").n, 0);
    past_done(&p);
    world_done(w);
}

static void a_damaged_one_that_waits_to_be_said_again(void **state)
{
    struct teller t;
    struct past p;
    struct listed l = {0};
    char name[128];
    (void)state;
    begin(&t, 131, 0, 0);
    struct world *w = &t.w;
    lose(w, S1, "v", 3, &p);
    world_start(w, S1);
    p.frame[0].data[p.frame[0].len - 8] ^= 1;
    set_aside(w, S1, "again/", &p.frame[1], name);
    const struct sync_store *st = mem_store_port(w->node[S1].mem);
    assert_int_equal(st->begin(st->ctx), 0);
    assert_int_equal(st->kv_put(st->ctx, "again/d/0000000001/0000000001/AAAAAAAAAAA",
                                span_of(p.frame[0].data, p.frame[0].len)),
                     0);
    assert_int_equal(st->commit(st->ctx), 0);
    assert_int_equal(sync_reload(w->node[S1].s), 0);
    w->node[S1].cut = false;
    world_run(w, 3600000);
    has_all(w, CITY, S1, "v", 1, 2);
    assert_int_equal(sync_unsent_each(w->node[S1].s, one_listed, &l), 0);
    assert_int_equal(l.n, 1);
    assert_int_equal(l.bad, 1);
    past_done(&p);
    world_done(w);
}

/* What lies there already may be damaged: a whole copy takes its place. */
static void a_whole_copy_counts(void **state)
{
    struct teller t;
    struct past p;
    (void)state;
    begin(&t, 51, 0, 0);
    struct world *w = &t.w;
    lose(w, S1, "v", 6, &p);
    give(w, D1, CITY, &p, 1, p.n);
    turn_a_bit(w, D1, false);
    give(w, D1, CITY, &p, 1, p.n);
    assert_int_equal((int)sync__peer_find(w->node[D1].s, w->node[CITY].id.s)->n_left, 0);
    w->node[S1].cut = false;
    world_start(w, S1);
    world_run(w, 3600000);
    has_all(w, CITY, S1, "v", 1, 6);
    past_done(&p);
    world_done(w);
}

/* A copy that comes whole while the damaged one is on its way is not let go of with it. */
static void a_whole_copy_comes_later(void **state)
{
    struct teller t;
    struct past p;
    struct buf out;
    int64_t left = LIM_BUNDLE_BYTES;
    (void)state;
    begin(&t, 51, 0, 0);
    struct world *w = &t.w;
    struct sync *s = w->node[D1].s;
    buf_init(&out, 4 * LIM_BUNDLE_BYTES);
    lose(w, S1, "v", 6, &p);
    give(w, D1, CITY, &p, 1, p.n);
    turn_a_bit(w, D1, false);
    struct peer *to = sync__peer_find(s, w->node[S1].id.s);
    assert_non_null(to);
    assert_int_equal(sync__custody_send(s, to, false, &left, &out), 0);
    assert_true(out.len > 0);
    give(w, D1, CITY, &p, 1, p.n);
    assert_int_equal(sync__custody_taken(s, to), 0);
    assert_int_equal((int)kept(w, D1, "custody/").n, 1); /* the rest has arrived */
    buf_done(&out);
    past_done(&p);
    world_done(w);
}

/* A store that cannot answer now says nothing about what it holds. */
static void a_busy_store_damages_nothing(void **state)
{
    static const int err[] = {SANJI_E_BUSY, SANJI_E_FULL, SANJI_E_IO, SANJI_E_NOMEM, SANJI_E_BUG};
    (void)state;
    for (size_t i = 0; i < sizeof(err) / sizeof(err[0]); i++) {
        struct teller t;
        struct past p;
        struct buf out;
        int64_t left = LIM_BUNDLE_BYTES;
        begin(&t, 51, 0, 0);
        struct world *w = &t.w;
        struct sync *s = w->node[D1].s;
        buf_init(&out, 4 * LIM_BUNDLE_BYTES);
        lose(w, S1, "v", 6, &p);
        give(w, D1, CITY, &p, 1, p.n);
        int n = (int)kept(w, D1, "custody/").n;
        struct peer *to = sync__peer_find(s, w->node[S1].id.s);
        mem_store_fail_at(w->node[D1].mem, 2, err[i]); /* 1: is it held as well? */
        assert_int_equal(sync__custody_send(s, to, false, &left, &out), err[i]);
        assert_true(mem_store_failed(w->node[D1].mem));
        mem_store_fail_at(w->node[D1].mem, 0, 0);
        assert_int_equal(sync__custody_taken(s, to), 0);
        assert_int_equal((int)kept(w, D1, "custody/").n, n);
        buf_done(&out);
        past_done(&p);
        world_done(w);
    }
}

/* What a writer gives up of its own is said again and needs no room: a full share holds it up
 * nowhere. */
static void own_bundles_need_no_room(void **state)
{
    struct teller t;
    struct past a, b;
    (void)state;
    begin(&t, 51, SHARE, 0);
    struct world *w = &t.w;
    assert_int_equal(world_put(w, D1, "fed", "begin", 1, "x", NULL), 0);
    world_run(w, 60000);
    for (int i = 0; i < w->n; i++) {
        w->node[i].cut = i != D1;
    }
    world_stop(w, S1);
    world_stop(w, S2);
    lose(w, D1, "a", 60, &a);
    world_start(w, D1);
    lose(w, D1, "b", 3, &b);
    world_start(w, D1);
    world_start(w, S1);
    give(w, S1, D1, &a, 0, a.n);
    give(w, CITY, D1, &b, 0, b.n);
    for (int k = 0; k < 3; k++) {
        char id[24];
        (void)snprintf(id, sizeof(id), "c%d", k);
        assert_int_equal(world_put(w, D1, "fed", id, 1, "c", NULL), 0);
    }
    for (int i = 0; i < w->n; i++) {
        w->node[i].cut = false;
    }
    world_run(w, 1000);
    world_start(w, S2);
    world_run(w, 20 * 3600000);
    has_all(w, S3, D1, "a", 0, 60);
    has_all(w, S3, D1, "b", 0, 3);
    has_all(w, S3, D1, "c", 0, 3);
    past_done(&a);
    past_done(&b);
    world_done(w);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dishonest_writer_takes_nobodys_place),
        cmocka_unit_test(what_finds_no_room_stays_where_it_is),
        cmocka_unit_test(what_stands_behind_a_damaged_frame),
        cmocka_unit_test(a_list_that_is_full_of_others),
        cmocka_unit_test(no_branch_is_given_up_without_room),
        cmocka_unit_test(a_damaged_one_is_told_and_holds_nothing_up),
        cmocka_unit_test(a_damaged_one_at_its_writer),
        cmocka_unit_test(a_whole_copy_counts),
        cmocka_unit_test(a_whole_copy_comes_later),
        cmocka_unit_test(a_busy_store_damages_nothing),
        cmocka_unit_test(own_bundles_need_no_room),
        cmocka_unit_test(erased_while_it_is_kept),
        cmocka_unit_test(a_closed_writers_share_ends),
        cmocka_unit_test(a_wrong_clock_ends_nothing),
        cmocka_unit_test(what_was_said_once_is_forgotten),
        cmocka_unit_test(a_wrong_clock_forgets_nothing),
        cmocka_unit_test(what_could_not_be_sent),
        cmocka_unit_test(erased_while_it_could_not_be_sent),
        cmocka_unit_test(a_bit_in_what_is_kept),
        cmocka_unit_test(a_damaged_one_that_waits_to_be_said_again),
    };
    int64_t n = 0;
    if (argc > 1 && text_i64(argv[1], strlen(argv[1]), 1, 1000000, &n) == 0) {
        return measure((int)n);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
