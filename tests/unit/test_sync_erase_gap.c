/* SPDX-License-Identifier: Apache-2.0 */
/* Erasing where not everything stands in a row: what a keyframe passed over is no damage, and a
 * stub that is filled later is held to what was erased as everything else is (PROTOCOL.md 15.4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sync/internal.h"
#include "tests/support/story.h"
#include "tests/support/world_check.h"

#include <stdio.h>
#include <string.h>

static const struct step three_tiers[] = {THREE_TIERS, {0}};
enum { IDS = 6 };

static int erase_in(struct world *w, int i, const char *id, const char *aud, int64_t *ret_n)
{
    struct sync_tick t;
    const struct sync_erase what = {.id = id, .aud = aud, .why = "person"};
    world_tick(w, i, &t);
    const struct sync_store *st = mem_store_port(w->node[i].mem);
    assert_int_equal(st->begin(st->ctx), 0);
    int r = sync_erase(w->node[i].s, &t, &what, ret_n);
    assert_int_equal(st->commit(st->ctx), 0);
    return r;
}

static void put_back(struct world *w, int i, const struct mem_store *old)
{
    world_crash(w, i);
    mem_store_restore(w->node[i].mem, old);
    world_start(w, i);
}

static const struct stream *fed_of(struct world *w, int at, int by)
{
    const struct sync *s = w->node[at].s;
    for (size_t i = 0; i < s->n_streams; i++) {
        const struct stream *st = &s->streams[i];
        if (st->row.no != 0 && st->row.key.ep == 1 && strcmp(st->row.key.aud, "fed") == 0 &&
            strcmp(st->row.key.by.s, w->node[by].id.s) == 0) {
            return st;
        }
    }
    fail();
    return NULL;
}

/* By a file, from what node `at` holds; *ret: what became of it. */
static void bring(struct world *w, int to, struct span line, struct sync_accept *ret)
{
    struct frame_ctx *fc = frame_ctx_new();
    struct sync *s = w->node[to].s;
    struct sync_tick tick;
    struct buf frame;
    buf_init(&frame, 1 << 20);
    assert_int_equal(frame_pack(fc, line, &frame), 0);
    world_tick(w, to, &tick);
    assert_int_equal(s->st->begin(s->st->ctx), 0);
    sync_accept_frame(s, &tick, span_of(frame.data, frame.len), ret);
    assert_int_equal(s->st->commit(s->st->ctx), 0);
    buf_done(&frame);
    frame_ctx_free(fc);
}

static void restub(struct world *w, int i, int64_t no, int64_t seq, struct span frame)
{
    const struct sync_store *st = mem_store_port(w->node[i].mem);
    assert_int_equal(st->begin(st->ctx), 0);
    assert_int_equal(st->bundle_restub(st->ctx, no, seq, frame, 99), 0);
    assert_int_equal(st->commit(st->ctx), 0);
}

/* ---- a keyframe behind a gap ---- */

struct tale {
    struct teller t;
    struct world *w;
    int s1, d1;
    struct mem_store *old;
    int64_t from, had; /* of the run that d1 holds; where s1 ends */
};

/* Put back to before its keyframe, and out of reach. */
static void begin(struct tale *x, uint64_t seed)
{
    struct world *w = x->w = &x->t.w;
    world_init(w, seed);
    w->has_tune = true;
    w->tune = (struct sync_tuning){.wait_ms = 25000,
                                   .backoff_min_ms = 1000,
                                   .backoff_max_ms = 900000,
                                   .max_bytes = 1 << 20,
                                   .key_items = 8,
                                   .key_slice = 2};
    story_go(&x->t, three_tiers);
    x->s1 = world_find(w, "s1");
    x->d1 = world_find(w, "d1");
    assert_int_equal(world_put(w, x->s1, "fed", "person", 1, "a name", NULL), 0);
    story_agree(&x->t, 60000);
    x->old = mem_store_snapshot(w->node[x->s1].mem);
    x->had = fed_of(w, x->s1, x->s1)->row.seq;
    for (int r = 1; r <= 4; r++) {
        for (int id = 0; id < IDS; id++) {
            char name[8];
            (void)snprintf(name, sizeof(name), "k%d", id);
            assert_int_equal(world_put(w, x->s1, "fed", name, r, "words", NULL), 0);
        }
        world_run(w, 2000);
    }
    story_agree(&x->t, 60000);
    x->from = fed_of(w, x->d1, x->s1)->row.first;
    assert_true(x->from > x->had + 1);
    w->node[x->s1].cut = true;
    put_back(w, x->s1, x->old);
    world_run(w, 120000);
}

/* Bundles of the run, as many as there are up to `n`. */
static void bring_run(struct tale *x, int64_t n)
{
    struct buf line;
    struct sync_accept acc;
    buf_init(&line, 1 << 20);
    for (int64_t seq = x->from; seq < x->from + n; seq++) {
        buf_reset(&line);
        assert_true(world_line(x->w, x->d1, x->w->node[x->s1].id.s, "fed", seq, &line));
        bring(x->w, x->s1, span_of(line.data, line.len), &acc);
        assert_int_equal(acc.err, 0);
    }
    buf_done(&line);
}

static void a_gap_is_no_damage(struct tale *x)
{
    int64_t n = 0;
    /* One record of which an audience is named, as for steps of a thread. */
    assert_int_equal(erase_in(x->w, x->s1, "k0", "fed", &n), 0);
    assert_int_equal(erase_in(x->w, x->s1, "person", NULL, &n), 0);
    assert_true(n > 0);
    assert_int_equal(x->w->node[x->s1].s->n_wants, 0);
    mem_store_free(x->old);
    world_done(x->w);
}

static void before_a_run_that_is_not_whole(void **state)
{
    (void)state;
    struct tale x;
    begin(&x, 1301);
    bring_run(&x, 1);
    assert_int_equal(fed_of(x.w, x.s1, x.s1)->jump, x.from);
    a_gap_is_no_damage(&x);
}

/* What stands before it is dropped in the background, a little later. */
static void before_a_run_just_taken(void **state)
{
    (void)state;
    struct tale x;
    begin(&x, 1302);
    bring_run(&x, fed_of(x.w, x.d1, x.s1)->row.seq - x.from + 1);
    const struct stream *st = fed_of(x.w, x.s1, x.s1);
    uint8_t id[HASH_LEN];
    const struct sync_store *port = mem_store_port(x.w->node[x.s1].mem);
    assert_int_equal(st->row.first, x.from);
    assert_int_equal(port->bundle_id(port->ctx, st->row.no, x.had, id), 0);
    a_gap_is_no_damage(&x);
}

/* What is missing on either side of the gap is damage still. */
static void what_is_gone_is_wanted(void **state)
{
    (void)state;
    struct tale x;
    int64_t n = 0;
    begin(&x, 1303);
    bring_run(&x, 2);
    const struct stream *st = fed_of(x.w, x.s1, x.s1);
    assert_int_equal(st->jump, x.from);
    restub(x.w, x.s1, st->row.no, x.had, span_of("", 1));
    restub(x.w, x.s1, st->row.no, x.from, span_of("", 1));
    assert_int_equal(erase_in(x.w, x.s1, "k0", "fed", &n), SANJI_E_CORRUPT);
    assert_int_equal(x.w->node[x.s1].s->n_wants, 2);
    mem_store_free(x.old);
    world_done(x.w);
}

/* ---- a stub that is filled ---- */

struct stubbing {
    int64_t seq;
    struct buf *frame;
};

static int stub_all(const struct sync_bundle_row *row, void *arg)
{
    const struct stubbing *x = arg;
    struct frame_ctx *fc = frame_ctx_new();
    struct arena *a = arena_new(ARENA_MAX);
    struct buf line, out;
    struct bundle b;
    bool stub[LIM_ITEMS];
    size_t used;
    if (row->seq == x->seq) {
        memset(stub, 1, sizeof(stub));
        buf_init(&line, 1 << 20);
        buf_init(&out, 1 << 20);
        assert_int_equal(frame_unpack(fc, row->frame, &line, &used), 0);
        assert_int_equal(bundle_parse(span_of(line.data, line.len), a, &b, NULL), 0);
        assert_int_equal(bundle_write_stubbed(&b, stub, &out), 0);
        assert_int_equal(frame_pack(fc, span_of(out.data, out.len), x->frame), 0);
        buf_done(&line);
        buf_done(&out);
    }
    arena_free(a);
    frame_ctx_free(fc);
    return 0;
}

static int64_t shown(struct world *w, int i, const char *id)
{
    struct mem_seen seen;
    const char *owner = w->node[world_find(w, "s1")].id.s;
    return mem_store_record(w->node[i].mem, owner, id, &seen) == 0 ? seen.r : 0;
}

/* Its parent brings an older form of an erased record as a stub that no act names, and somebody
 * else the same bundle whole. */
static void a_stub_is_not_filled_with_what_is_erased(void **state)
{
    (void)state;
    struct teller t;
    struct world *w = &t.w;
    struct sync_accept acc;
    struct buf honest, frame;
    int64_t n = 0;
    buf_init(&honest, 1 << 20);
    buf_init(&frame, 1 << 20);
    world_init(w, 1304);
    story_go(&t, three_tiers);
    int s1 = world_find(w, "s1"), d1 = world_find(w, "d1");
    const char *by = w->node[s1].id.s;
    assert_int_equal(world_put(w, s1, "fed", "person", 1, "a name", NULL), 0);
    story_agree(&t, 60000);
    struct mem_store *old = mem_store_snapshot(w->node[s1].mem);
    assert_int_equal(world_put(w, s1, "fed", "person", 2, "a name, later", NULL), 0);
    story_agree(&t, 60000);
    w->node[s1].cut = true;
    put_back(w, s1, old);
    world_run(w, 120000);
    assert_int_equal(world_put(w, s1, "fed", "person", 2, "another name", NULL), 0);
    assert_int_equal(erase_in(w, s1, "person", NULL, &n), 0);
    assert_int_equal(n, 2);
    world_event(w, s1, SEV_LOCAL);
    const struct stream *st = fed_of(w, d1, s1);
    struct stubbing x = {st->row.seq, &frame};
    assert_true(world_line(w, d1, by, "fed", x.seq, &honest));
    const struct sync_store *port = mem_store_port(w->node[d1].mem);
    assert_int_equal(port->bundles(port->ctx, st->row.no, 0, SIZE_MAX, stub_all, &x), 0);
    restub(w, d1, st->row.no, x.seq, span_of(frame.data, frame.len));
    w->node[s1].cut = false;
    world_run(w, 360000);
    assert_int_equal(shown(w, s1, "person"), 0);
    bring(w, s1, span_of(honest.data, honest.len), &acc);
    assert_int_equal(acc.err, SANJI_E_OLD);
    assert_int_equal(shown(w, s1, "person"), 0);
    buf_reset(&frame);
    assert_true(world_line(w, s1, by, "fed", x.seq, &frame));
    assert_null(memmem(frame.data, frame.len, "a name, later", 13));
    world_event(w, s1, SEV_NOW);
    world_run(w, 600000); /* and is said to everybody */
    assert_int_equal(shown(w, world_find(w, "city"), "person"), 0);
    buf_done(&honest);
    buf_done(&frame);
    mem_store_free(old);
    world_done(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_a_run_that_is_not_whole),
        cmocka_unit_test(before_a_run_just_taken),
        cmocka_unit_test(what_is_gone_is_wanted),
        cmocka_unit_test(a_stub_is_not_filled_with_what_is_erased),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
