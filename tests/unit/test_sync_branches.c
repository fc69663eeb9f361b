/* SPDX-License-Identifier: Apache-2.0 */
/* Streams with two histories when several neighbours hold them: each case is one that a simulated
 * federation with several nodes put back has met. */
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

static void cut(struct world *w, const char *name, bool is_out)
{
    w->node[world_find(w, name)].cut = is_out;
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

/* The top is put back and hears from one child only, which never saw what is gone; it goes on. The
 * other child, which holds the first history, meets the second one from the top's side and freezes
 * the stream. Its branch has to reach the top all the same. */
static void one_child_holds_the_lost_branch(uint64_t seed, int before, int after)
{
    struct teller t;
    world_init(&t.w, seed);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    say(w, 0, "v", 2);
    story_agree(&t, 60000);
    struct mem_store *snap = mem_store_snapshot(w->node[0].mem);
    cut(w, "d2", true);
    say(w, 0, "a", before);
    world_run(w, 60000);
    world_crash(w, 0);
    mem_store_restore(w->node[0].mem, snap);
    cut(w, "d1", true);
    cut(w, "d2", false);
    world_start(w, 0);
    world_run(w, 1200000);
    say(w, 0, "b", after);
    world_run(w, 60000);
    cut(w, "d1", false);
    world_run(w, 1200000);
    story_agree(&t, 3600000);
    assert_int_equal(sync_self_state(w->node[0].s), SYNC_SELF_OK);
    all_have(w, 0, "a", before);
    all_have(w, 0, "b", after);
    mem_store_free(snap);
    world_done(w);
}

static void a_frozen_neighbour_brings_the_lost_branch(void **state)
{
    (void)state;
    uint64_t seed = 55;
    for (int before = 1; before <= 3; before++) {
        for (int after = 1; after <= 3; after++) {
            one_child_holds_the_lost_branch(seed++, before, after);
        }
    }
}

/* A district put back takes the short branch that its child shows it, while its parent, out of
 * reach, holds the long one it had written meanwhile. What the parent names then is not missing. */
static void the_parent_holds_what_was_given_up(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 71);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int d1 = world_find(w, "d1");
    say(w, d1, "v", 1);
    story_agree(&t, 60000);
    struct mem_store *snap = mem_store_snapshot(w->node[d1].mem);
    cut(w, "d1", true);
    cut(w, "s1", true);
    say(w, d1, "b", 1);
    world_run(w, 60000);
    cut(w, "s2", true);
    world_crash(w, d1);
    mem_store_restore(w->node[d1].mem, snap);
    cut(w, "d1", false);
    cut(w, "s1", false);
    world_start(w, d1);
    world_run(w, 1200000);
    say(w, d1, "a", 4);
    world_run(w, 1200000);
    cut(w, "d1", true);
    cut(w, "s2", false);
    world_run(w, 1200000);
    assert_true(w->node[d1].alarms[-SANJI_E_FORK] > 0);
    world_crash(w, d1);
    world_start(w, d1);
    cut(w, "d1", false);
    story_agree(&t, 3600000);
    assert_int_equal(sync_self_state(w->node[d1].s), SYNC_SELF_OK);
    all_have(w, d1, "a", 4);
    all_have(w, d1, "b", 1);
    mem_store_free(snap);
    world_done(w);
}

static void put_back(struct world *w, int i, struct mem_store *snap)
{
    world_crash(w, i);
    mem_store_restore(w->node[i].mem, snap);
    world_start(w, i);
}

/* A district put back twice: its parent holds the first past, which is the longest, a child the
 * second. It takes the second over from the child; what the parent names then is of the first, and
 * comes only when the parent hears that it is given up. */
static void the_parent_holds_a_third_branch(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 73);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int d1 = world_find(w, "d1");
    say(w, d1, "v", 1);
    story_agree(&t, 60000);
    struct mem_store *snap = mem_store_snapshot(w->node[d1].mem);
    cut(w, "s1", true);
    cut(w, "s2", true);
    say(w, d1, "a", 4);
    world_run(w, 60000);
    cut(w, "d1", true);
    put_back(w, d1, snap);
    say(w, d1, "b", 1);
    cut(w, "s1", false);
    world_run(w, 1200000);
    cut(w, "s1", true);
    put_back(w, d1, snap);
    say(w, d1, "c", 1);
    cut(w, "s1", false);
    world_run(w, 1200000);
    assert_true(w->node[d1].alarms[-SANJI_E_FORK] > 0);
    cut(w, "d1", false);
    cut(w, "s2", false);
    story_agree(&t, 3600000);
    assert_int_equal(sync_self_state(w->node[d1].s), SYNC_SELF_OK);
    all_have(w, d1, "a", 4);
    all_have(w, d1, "b", 1);
    all_have(w, d1, "c", 1);
    mem_store_free(snap);
    world_done(w);
}

/* Two histories that say nothing: the top confirmed its new epoch towards one child, was put back,
 * and did the same towards the other. Nobody writes anything afterwards. */
static void two_confirmations_of_one_epoch(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 81);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    say(w, 0, "v", 1);
    story_agree(&t, 60000);
    cut(w, "d1", true);
    cut(w, "d2", true);
    world_crash(w, 0);
    world_start(w, 0);
    assert_int_equal(sync_suspect(w->node[0].s), 0);
    say(w, 0, "a", 1);
    struct mem_store *snap = mem_store_snapshot(w->node[0].mem);
    cut(w, "d1", false);
    world_run(w, 1200000);
    assert_int_equal(sync_self_state(w->node[0].s), SYNC_SELF_OK);
    world_crash(w, 0);
    mem_store_restore(w->node[0].mem, snap);
    cut(w, "d1", true);
    cut(w, "d2", false);
    world_start(w, 0);
    world_run(w, 1200000);
    assert_int_equal(sync_self_state(w->node[0].s), SYNC_SELF_OK);
    cut(w, "d1", false);
    story_agree(&t, 3600000);
    assert_true(w->node[0].alarms[-SANJI_E_FORK] > 0);
    mem_store_free(snap);
    world_done(w);
}

static void count_frozen(const struct sync_stream_row *r, void *arg)
{
    *(int *)arg += r->frozen;
}

static bool is_frozen(struct world *w, void *arg)
{
    int n = 0;
    sync_each_stream(w->node[*(int *)arg].s, count_frozen, &n);
    return n > 0;
}

/* A child froze a stream over the top's second history, and the top was put back once more before
 * it heard of that: it knows of one history only, and says so in its next epoch. */
static void the_second_history_is_forgotten(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 91);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int d1 = world_find(w, "d1");
    say(w, 0, "v", 1);
    story_agree(&t, 60000);
    struct mem_store *snap = mem_store_snapshot(w->node[0].mem);
    say(w, 0, "a", 1);
    story_agree(&t, 60000);
    cut(w, "d1", true);
    cut(w, "d2", true);
    for (int k = 0; k < 2; k++) {
        world_crash(w, 0);
        mem_store_restore(w->node[0].mem, snap);
        world_start(w, 0);
        if (k == 0) {
            say(w, 0, "b", 2);
            cut(w, "d1", false);
            assert_true(world_until(w, 1200000, is_frozen, &d1));
            cut(w, "d1", true);
        }
    }
    cut(w, "d2", false);
    world_run(w, 1200000);
    say(w, 0, "c", 1);
    cut(w, "d1", false);
    story_agree(&t, 3600000);
    assert_int_equal(sync_self_state(w->node[0].s), SYNC_SELF_OK);
    all_have(w, 0, "a", 1);
    all_have(w, 0, "c", 1);
    assert_true(mem_store_forks(w->node[d1].mem) > 0); /* the proof is kept */
    mem_store_free(snap);
    world_done(w);
}

/* A leaf that was away holds the branch given up long ago, and shows it to a relay on the accepted
 * one: that is no reason to freeze the stream there. */
static void a_latecomer_with_the_branch_given_up(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 101);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int d2 = world_find(w, "d2");
    say(w, 0, "v", 1);
    story_agree(&t, 60000);
    struct mem_store *snap = mem_store_snapshot(w->node[0].mem);
    cut(w, "d2", true);
    say(w, 0, "a", 1);
    world_run(w, 60000);
    world_crash(w, 0);
    mem_store_restore(w->node[0].mem, snap);
    cut(w, "d1", true);
    cut(w, "d2", false);
    world_start(w, 0);
    world_run(w, 1200000);
    say(w, 0, "b", 2);
    world_run(w, 60000);
    cut(w, "s3", true);
    cut(w, "d1", false);
    world_run(w, 1200000);
    world_crash(w, d2);
    world_start(w, d2);
    world_run(w, 60000);
    cut(w, "s3", false);
    story_agree(&t, 3600000);
    assert_int_equal(is_frozen(w, &d2), 0);
    all_have(w, 0, "a", 1);
    all_have(w, 0, "b", 2);
    mem_store_free(snap);
    world_done(w);
}

/* ---- with keyframes ---- */

static void compacting(struct teller *t, uint64_t seed)
{
    world_init(&t->w, seed);
    t->w.has_tune = true;
    t->w.tune = (struct sync_tuning){.wait_ms = LIM_WAIT_MS,
                                     .backoff_min_ms = 1000,
                                     .backoff_max_ms = 900000,
                                     .max_bytes = 1 << 20,
                                     .key_items = 2};
    story_go(t, three_tiers);
}

static void revise(struct world *w, int i, const char *id, int from, int to)
{
    for (int r = from; r <= to; r++) {
        assert_int_equal(world_put(w, i, "fed", id, r, "again", NULL), 0);
        world_run(w, 2000);
    }
}

/* It wrote a keyframe, was put back to before that, and wrote on under a number that nobody holds
 * any more: there is no second bundle to compare with, and the keyframe passes over what it wrote.
 */
static void written_before_its_own_keyframe_comes_back(void **state)
{
    (void)state;
    struct teller t;
    compacting(&t, 111);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1");
    say(w, s1, "v", 1);
    story_agree(&t, 60000);
    struct mem_store *snap = mem_store_snapshot(w->node[s1].mem);
    revise(w, s1, "v0", 2, 12);
    story_agree(&t, 600000);
    assert_true(mem_store_compacted(w->node[s1].mem) > 0);
    world_crash(w, s1);
    mem_store_restore(w->node[s1].mem, snap);
    cut(w, "s1", true);
    world_start(w, s1);
    say(w, s1, "new", 1);
    world_run(w, 60000);
    cut(w, "s1", false);
    world_run(w, 1200000);
    story_agree(&t, 3600000);
    all_have(w, s1, "v", 1);
    all_have(w, s1, "new", 1);
    mem_store_free(snap);
    world_done(w);
}

/* Put back, it went on in a new epoch and compacted that. Then a child comes with what it had said
 * in the old one. Put back `times` times, it has its own keyframe from outside, and forgot how far
 * it had come when it wrote that. */
static void late_tail(uint64_t seed, int times)
{
    struct teller t;
    compacting(&t, seed);
    struct world *w = &t.w;
    int d1 = world_find(w, "d1");
    say(w, d1, "v", 1);
    story_agree(&t, 60000);
    struct mem_store *snap = mem_store_snapshot(w->node[d1].mem);
    cut(w, "d1", true);
    cut(w, "s2", true);
    say(w, d1, "tail", 1);
    world_run(w, 60000);
    cut(w, "s1", true);
    world_crash(w, d1);
    mem_store_restore(w->node[d1].mem, snap);
    cut(w, "d1", false);
    cut(w, "s2", false);
    world_start(w, d1);
    assert_int_equal(sync_suspect(w->node[d1].s), 0);
    world_run(w, 60000);
    revise(w, d1, "v0", 2, 12);
    world_run(w, 600000);
    assert_true(mem_store_compacted(w->node[d1].mem) > 0);
    for (; times > 1; times--) {
        world_crash(w, d1);
        mem_store_restore(w->node[d1].mem, snap);
        w->tune.key_items = times > 2 ? 2 : 0; /* the last time it compacts nothing any more */
        world_start(w, d1);
        assert_int_equal(sync_suspect(w->node[d1].s), 0);
        world_run(w, 600000);
        say(w, d1, "x", 1);
        if (times > 2) {
            revise(w, d1, "x0", 2, 12);
        }
        world_run(w, 600000);
    }
    cut(w, "s1", false);
    world_run(w, 1200000);
    story_agree(&t, 3600000);
    all_have(w, d1, "tail", 1);
    mem_store_free(snap);
    world_done(w);
}

static void a_late_tail_of_the_old_epoch(void **state)
{
    (void)state;
    late_tail(121, 1);
}

static void a_late_tail_after_further_times(void **state)
{
    (void)state;
    late_tail(122, 2);
    late_tail(123, 3);
}

/* The keyframe of another past: its writer was put back and compacted before anybody could tell,
 * and what others hold stands before it with a higher revision. It goes, as what is stored says,
 * until its writer has got it back and says it again. */
static void a_keyframe_of_another_past(void **state)
{
    (void)state;
    struct teller t;
    compacting(&t, 131);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1");
    struct mem_seen seen;
    say(w, s1, "v", 1);
    story_agree(&t, 60000);
    struct mem_store *snap = mem_store_snapshot(w->node[s1].mem);
    assert_int_equal(world_put(w, s1, "fed", "v0", 20, "first past", NULL), 0);
    story_agree(&t, 60000);
    world_crash(w, s1);
    mem_store_restore(w->node[s1].mem, snap);
    cut(w, "s1", true);
    world_start(w, s1);
    revise(w, s1, "v0", 2, 9);
    world_run(w, 60000);
    assert_true(mem_store_compacted(w->node[s1].mem) > 0);
    cut(w, "s1", false);
    world_run(w, 1200000);
    story_agree(&t, 3600000);
    for (int i = 0; i < w->n; i++) {
        assert_int_equal(mem_store_record(w->node[i].mem, w->node[s1].id.s, "v0", &seen), 0);
        assert_int_equal(seen.r, 20);
    }
    mem_store_free(snap);
    world_done(w);
}

/* ---- custody ---- */

static int one_kept(const char *name, struct span value, void *arg)
{
    (void)name;
    (void)value;
    ++*(int *)arg;
    return 0;
}

static int in_custody(const struct world *w)
{
    int n = 0;
    for (int i = 0; i < w->n; i++) {
        const struct sync_store *st = mem_store_port(w->node[i].mem);
        assert_int_equal(st->kv_each(st->ctx, "custody/", one_kept, &n), 0);
    }
    return n;
}

/* A street is put back as a whole and goes on under numbers it has used, out of reach; then it
 * compacts. What it had said before is held by `last` alone, to whom relays that were put back as
 * well bring nothing but the keyframe. */
static void a_keyframe_over_a_lost_past(uint64_t seed, const char *last, bool restart)
{
    struct teller t;
    compacting(&t, seed);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1");
    struct mem_store *snap[WORLD_MAX];
    say(w, s1, "v", 1);
    story_agree(&t, 60000);
    for (int i = 0; i < w->n; i++) {
        snap[i] = mem_store_snapshot(w->node[i].mem);
    }
    say(w, s1, "lost", 2);
    story_agree(&t, 60000);
    cut(w, last, true);
    cut(w, "s1", true);
    for (int i = 0; i < w->n; i++) {
        if (i != world_find(w, last)) {
            world_crash(w, i);
            mem_store_restore(w->node[i].mem, snap[i]);
            world_start(w, i);
        }
        mem_store_free(snap[i]);
    }
    revise(w, s1, "v0", 2, 9);
    assert_true(mem_store_compacted(w->node[s1].mem) > 0);
    cut(w, "s1", false);
    world_run(w, 1200000);
    cut(w, last, false);
    for (int i = 0; restart && i < w->n; i++) { /* nothing of it is memory alone */
        world_run(w, 15);
        world_crash(w, i);
        world_start(w, i);
    }
    world_run(w, 1200000);
    story_agree(&t, 3600000);
    assert_int_equal(sync_self_state(w->node[s1].s), SYNC_SELF_OK);
    all_have(w, s1, "v", 1);
    all_have(w, s1, "lost", 2);
    assert_int_equal(in_custody(w), 0);
    world_done(w);
}

static void a_past_that_a_keyframe_passed_over(void **state)
{
    (void)state;
    a_keyframe_over_a_lost_past(141, "s2", false); /* beside it, below the same district */
    a_keyframe_over_a_lost_past(142, "s2", true);
    a_keyframe_over_a_lost_past(143, "s3", false); /* three relays away */
    a_keyframe_over_a_lost_past(144, "s3", true);
}

/* Who was away while a record was withdrawn, and its withdrawal let go of, brings nothing back: its
 * writer knows what it has said. */
static void what_was_withdrawn_stays_so(void **state)
{
    (void)state;
    struct teller t;
    compacting(&t, 151);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1");
    struct mem_seen seen;
    say(w, s1, "v", 1);
    say(w, s1, "gone", 1);
    story_agree(&t, 60000);
    cut(w, "d2", true);
    assert_int_equal(world_put(w, s1, "fed", "gone0", 2, NULL, NULL), 0);
    revise(w, s1, "v0", 2, 20);
    world_run(w, 60000);
    assert_true(mem_store_compacted(w->node[s1].mem) > 0);
    cut(w, "d2", false);
    world_run(w, 1200000);
    story_agree(&t, 3600000);
    for (int i = 0; i < w->n; i++) {
        assert_int_equal(mem_store_record(w->node[i].mem, w->node[s1].id.s, "gone0", &seen),
                         SANJI_E_NOT_FOUND);
    }
    assert_int_equal(w->node[s1].alarms[-SANJI_E_FORK], 0);
    assert_int_equal(in_custody(w), 0);
    world_done(w);
}

/* Another branch was stated by a neighbour that is none any more when it should show it: the node
 * was moved, or that one's disk is lost. The stream goes on, at its writer and at a relay. */
static void nobody_is_left_to_show_it(void **state)
{
    (void)state;
    static const char *const at[] = {"s1", "d1"};
    for (int k = 0; k < 2; k++) {
        struct teller t;
        struct node_id gone;
        world_init(&t.w, 71);
        story_go(&t, three_tiers);
        struct world *w = &t.w;
        int s1 = world_find(w, "s1"), i = world_find(w, at[k]);
        struct sync *s = w->node[i].s;
        say(w, s1, "v", 3);
        story_agree(&t, 60000);
        assert_int_equal(node_id_parse("nabcdefghijklm", 14, &gone), 0);
        int idx = sync__stream_newest(s, w->node[s1].id.s, "fed");
        assert_int_equal(sync__branch_begin(s, (size_t)idx, 2, &gone), 0);
        assert_true(s->streams[idx].doubt != 0);
        world_event(w, i, SEV_LOCAL);
        say(w, s1, "after", 2);
        world_run(w, 3600000);
        assert_int_equal(s->streams[idx].doubt, 0);
        assert_int_equal(sync_self_state(s), SYNC_SELF_OK);
        all_have(w, s1, "v", 3);
        all_have(w, s1, "after", 2);
        world_done(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frozen_neighbour_brings_the_lost_branch),
        cmocka_unit_test(the_parent_holds_what_was_given_up),
        cmocka_unit_test(the_parent_holds_a_third_branch),
        cmocka_unit_test(two_confirmations_of_one_epoch),
        cmocka_unit_test(the_second_history_is_forgotten),
        cmocka_unit_test(a_latecomer_with_the_branch_given_up),
        cmocka_unit_test(written_before_its_own_keyframe_comes_back),
        cmocka_unit_test(a_late_tail_of_the_old_epoch),
        cmocka_unit_test(a_late_tail_after_further_times),
        cmocka_unit_test(a_keyframe_of_another_past),
        cmocka_unit_test(a_past_that_a_keyframe_passed_over),
        cmocka_unit_test(what_was_withdrawn_stays_so),
        cmocka_unit_test(nobody_is_left_to_show_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
