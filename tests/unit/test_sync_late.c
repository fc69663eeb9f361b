/* SPDX-License-Identifier: Apache-2.0 */
/* What an own keyframe passes over (PROTOCOL.md 15.2): one that comes back says how far its writer
 * knew other epochs. Where the bundle it names is not here, that says nothing about those that are;
 * and asking costs the same for each bundle, however many there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sync/internal.h"
#include "tests/support/story.h"

#include <stdio.h>
#include <string.h>

static const struct step three_tiers[] = {THREE_TIERS, {0}};

static void begin(struct teller *t, uint64_t seed, int64_t key_items)
{
    world_init(&t->w, seed);
    t->w.has_tune = true;
    t->w.tune = (struct sync_tuning){.wait_ms = LIM_WAIT_MS,
                                     .backoff_min_ms = 1000,
                                     .backoff_max_ms = 900000,
                                     .max_bytes = 1 << 20,
                                     .key_items = key_items};
    story_go(t, three_tiers);
}

static void say(struct world *w, int i, const char *prefix, int n)
{
    for (int k = 0; k < n; k++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "%s%d", prefix, k);
        assert_int_equal(world_put(w, i, "fed", id, 1, prefix, NULL), 0);
    }
}

static void all_have(struct world *w, int owner, const char *prefix, int n)
{
    for (int i = 0; i < w->n; i++) {
        for (int k = 0; k < n; k++) {
            struct mem_seen seen;
            char id[16];
            (void)snprintf(id, sizeof(id), "%s%d", prefix, k);
            assert_int_equal(mem_store_record(w->node[i].mem, w->node[owner].id.s, id, &seen), 0);
        }
    }
}

static void again(struct world *w, int i, bool in_doubt)
{
    world_crash(w, i);
    world_start(w, i);
    if (in_doubt) {
        assert_int_equal(sync_suspect(w->node[i].s), 0);
    }
    world_run(w, 60000);
}

/* Until its stream begins with a keyframe. */
static void compact(struct world *w, int i, int live)
{
    w->tune.key_items = 2;
    again(w, i, false);
    int64_t was = mem_store_compacted(w->node[i].mem);
    for (int r = 2; r <= live + 12; r++) {
        assert_int_equal(world_put(w, i, "fed", "v0", r, "again", NULL), 0);
        world_run(w, 200);
    }
    world_run(w, 60000);
    assert_true(mem_store_compacted(w->node[i].mem) > was);
}

static int into(const struct sync_bundle_row *row, void *arg)
{
    return buf_put(arg, row->frame.p, row->frame.n);
}

/* What node `from` holds of the newest epoch of `of`. */
static void take_newest(struct world *w, int of, int from, struct buf *m)
{
    const struct sync *s = w->node[from].s;
    const struct sync_store *st = mem_store_port(w->node[from].mem);
    int idx = sync__stream_newest(s, w->node[of].id.s, "fed");
    buf_init(m, LIM_MESSAGE_BYTES);
    assert_true(idx >= 0 && s->streams[idx].row.key.ep > 1);
    assert_int_equal(st->bundles(st->ctx, s->streams[idx].row.no, 0, SIZE_MAX, into, m), 0);
}

static void give(struct world *w, int to, int from, const struct buf *m)
{
    struct sync_tick t;
    int64_t stored = 0;
    struct sync *s = w->node[to].s;
    world_tick(w, to, &t);
    s->tick = t;
    assert_int_equal(sync__take_bundles(s, sync__peer_find(s, w->node[from].id.s),
                                        span_of(m->data, m->len), 0, &stored),
                     0);
    assert_true(stored > 0);
}

/* The keyframe's writer knew six more bundles of the first epoch, which nobody holds any more. The
 * store that was put back has three of these numbers, too, and they say something else. */
static void a_keyframe_that_names_another_branch(void **state)
{
    (void)state;
    struct teller t;
    struct mem_store *snap[WORLD_MAX];
    struct buf newest;
    begin(&t, 1301, 0);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), d1 = world_find(w, "d1");
    say(w, s1, "v", 1);
    story_agree(&t, 60000);
    for (int i = 0; i < w->n; i++) {
        snap[i] = mem_store_snapshot(w->node[i].mem);
    }
    say(w, s1, "a", 6);
    story_agree(&t, 60000);
    again(w, s1, true);
    compact(w, s1, 10);
    story_agree(&t, 600000);
    take_newest(w, s1, d1, &newest);

    w->tune.key_items = 0;
    w->node[s1].cut = true;
    for (int i = 0; i < w->n; i++) {
        world_crash(w, i);
        mem_store_restore(w->node[i].mem, snap[i]);
        mem_store_free(snap[i]);
        world_start(w, i);
    }
    world_run(w, 3600000);
    say(w, s1, "new", 3);
    again(w, s1, false); /* it does not remember that it wrote them itself */
    give(w, s1, d1, &newest);
    w->node[s1].cut = false;
    world_run(w, 1200000);
    story_agree(&t, 3600000);
    all_have(w, s1, "v", 1);
    all_have(w, s1, "a", 6);
    all_have(w, s1, "new", 3);
    buf_done(&newest);
    world_done(w);
}

/* Calls of d1's store while n bundles of its first epoch come back, of which a keyframe in the
 * third one says by their last id alone that it knew them. */
static int64_t calls_for(uint64_t seed, int n)
{
    struct teller t;
    begin(&t, seed, 0);
    struct world *w = &t.w;
    int d1 = world_find(w, "d1"), s2 = world_find(w, "s2");
    say(w, d1, "v", 1);
    story_agree(&t, 60000);
    struct mem_store *snap = mem_store_snapshot(w->node[d1].mem);
    say(w, d1, "t", n);
    story_agree(&t, 600000);
    w->node[s2].cut = true; /* holds all of it, and never hears of the keyframe */
    for (int k = 0; k < 2; k++) {
        again(w, d1, true);
        say(w, d1, k == 0 ? "second" : "third", 1);
        world_run(w, 60000);
    }
    compact(w, d1, n);
    world_run(w, 600000);
    w->tune.key_items = 0;
    world_crash(w, d1);
    mem_store_restore(w->node[d1].mem, snap);
    int64_t before = mem_store_calls(w->node[d1].mem);
    world_start(w, d1);
    assert_int_equal(sync_suspect(w->node[d1].s), 0);
    world_run(w, 600000);
    w->node[s2].cut = false;
    world_run(w, 1200000);
    int64_t calls = mem_store_calls(w->node[d1].mem) - before;
    story_agree(&t, 3600000);
    all_have(w, d1, "t", n);
    mem_store_free(snap);
    world_done(w);
    return calls;
}

static void many_bundles_cost_what_they_cost_one_by_one(void **state)
{
    (void)state;
    int64_t few = calls_for(1302, 100), many = calls_for(1302, 800);
    assert_true(many < 16 * few);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_keyframe_that_names_another_branch),
        cmocka_unit_test(many_bundles_cost_what_they_cost_one_by_one),
    };
    return cmocka_run_group_tests_name("sync_late", tests, NULL, NULL);
}
