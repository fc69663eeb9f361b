/* SPDX-License-Identifier: Apache-2.0 */
/* Beats: every writer says once a day what is live, for years without growing; a reader that counts
 * something else says so and mends it, from its own bundles or from a neighbour's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sync/internal.h"
#include "tests/support/mem_internal.h"
#include "tests/support/story.h"
#include "tests/support/world_check.h"

#include <stdio.h>
#include <string.h>

static const struct step three_tiers[] = {THREE_TIERS, {0}};
#define HOURS(n) ((int64_t)(n)*3600000)

static const struct stream *lane(struct world *w, int at, int by, const char *aud)
{
    const struct sync *s = w->node[at].s;
    int i = sync__stream_newest(s, w->node[by].id.s, aud);
    return i < 0 ? NULL : &s->streams[i];
}

static int64_t head(struct world *w, int at, int by)
{
    const struct stream *st = lane(w, at, by, "fed");
    return st == NULL ? 0 : st->row.seq;
}

static size_t bundles(struct world *w, int at, int by)
{
    size_t n = 0;
    const struct stream *st = lane(w, at, by, "fed");
    const struct sync_store *p = mem_store_port(w->node[at].mem);
    for (int64_t seq = 1; st != NULL && seq <= st->row.seq; seq++) {
        uint8_t id[HASH_LEN];
        n += p->bundle_id(p->ctx, st->row.no, seq, id) == 0;
    }
    return n;
}

static int64_t alarms(struct world *w)
{
    int64_t n = 0;
    for (int i = 0; i < w->n; i++) {
        n += w->node[i].alarms[-SANJI_E_DIVERGED];
    }
    return n;
}

static void all_well(struct world *w)
{
    struct world_verdict v;
    assert_true(world_until(w, HOURS(1), world_converged, NULL));
    if (world_check_converged(w, &v) < 0 || world_check_truth(w, &v) < 0) {
        fail_msg("%s", v.text);
    }
    for (int i = 0; i < w->n; i++) {
        if (world_check_rebuild(w, i, &v) < 0) {
            fail_msg("%s", v.text);
        }
    }
}

static void listings(struct world *w, int i, int n)
{
    for (int k = 0; k < n; k++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "b%d", k);
        assert_int_equal(world_put(w, i, "fed", id, 1, "words", NULL), 0);
    }
}

/* A station writes three records and then nothing for more than a year; every evening it is
 * switched off, and so is everybody else. */
static void a_quiet_year(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 51);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), s2 = world_find(w, "s2"), city = world_find(w, "city");
    listings(w, s1, 3);
    all_well(w);
    assert_int_equal(head(w, s1, s1), 3); /* a day has not passed yet */
    int64_t last = 3, n = 0;
    for (int day = 0; day < 400; day++) {
        world_skip(w, HOURS(23));
        world_run(w, HOURS(1));
        n += head(w, city, s1) > last;
        last = head(w, city, s1);
    }
    assert_true(n >= 399); /* every day */
    all_well(w);
    assert_true(bundles(w, city, s1) <= LIM_KEY_BEATS + 4);
    assert_true(bundles(w, s1, s1) <= LIM_KEY_BEATS + 4);
    assert_true(bundles(w, s2, s1) <= LIM_KEY_BEATS + 4);
    assert_int_equal(head(w, s1, s2), 0); /* who has never written owes nothing */
    assert_int_equal(alarms(w), 0);
    world_done(w);
}

/* The store of `at` forgets what it derived from the writer. */
static void lose_views(struct world *w, int at, int by)
{
    const struct sync_store *st = mem_store_port(w->node[at].mem);
    assert_int_equal(st->begin(st->ctx), 0);
    assert_int_equal(st->forget(st->ctx, w->node[by].id.s), 0);
    assert_int_equal(st->commit(st->ctx), 0);
}

/* A byte of a stored frame flips. */
static void flip(struct world *w, int at, int by, int64_t seq)
{
    struct mem_store *m = w->node[at].mem;
    int64_t no = lane(w, at, by, "fed")->row.no;
    for (size_t i = 0; i < m->tab[TAB_BUNDLE].n; i++) {
        const struct bundle_r *b = mem__at(m, TAB_BUNDLE, i);
        if (!b->row.is_dead && b->b.no == no && b->b.seq == seq) {
            uint8_t copy[4096];
            assert_true(b->b.frame.n <= sizeof(copy));
            memcpy(copy, b->b.frame.p, b->b.frame.n);
            copy[b->b.frame.n / 2] ^= 0x10;
            struct span s = mem__bytes(m, span_of(copy, b->b.frame.n));
            ((struct bundle_r *)mem__edit(m, TAB_BUNDLE, i))->b.frame = s;
            mem__undo_forget(m);
            return;
        }
    }
    fail_msg("no such bundle");
}

static void same_tally(struct world *w, int at, int by)
{
    struct sync_tally a, b;
    const struct sync_store *x = mem_store_port(w->node[at].mem);
    const struct sync_store *y = mem_store_port(w->node[by].mem);
    assert_int_equal(x->tally(x->ctx, w->node[by].id.s, "fed", &a), 0);
    assert_int_equal(y->tally(y->ctx, w->node[by].id.s, "fed", &b), 0);
    assert_int_equal(a.live.c, b.live.c);
    assert_memory_equal(a.live.s, b.live.s, HASH_LEN);
}

static void damaged_views(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 52);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), city = world_find(w, "city");
    listings(w, s1, 5);
    all_well(w);
    lose_views(w, city, s1);
    world_run(w, HOURS(22));
    assert_int_equal(w->node[city].alarms[-SANJI_E_DIVERGED], 1); /* named within a day */
    assert_int_equal(alarms(w), 1);                               /* and by nobody else */
    assert_int_equal(lane(w, city, s1, "fed")->differs, DIFFER_NONE);
    same_tally(w, city, s1);
    all_well(w);
    world_run(w, HOURS(24));
    assert_int_equal(alarms(w), 1);
    world_done(w);
}

/* Damaged bundles come again from whoever holds them: a parent, or a child. */
static void damaged_bundles(void **state)
{
    (void)state;
    static const char *const where[] = {"s2", "city"};
    for (int k = 0; k < 2; k++) {
        struct teller t;
        world_init(&t.w, 53);
        story_go(&t, three_tiers);
        struct world *w = &t.w;
        int s1 = world_find(w, "s1"), at = world_find(w, where[k]);
        listings(w, s1, 6);
        all_well(w);
        lose_views(w, at, s1);
        flip(w, at, s1, 3);
        world_run(w, HOURS(22));
        assert_int_equal(w->node[at].alarms[-SANJI_E_DIVERGED], 1);
        assert_int_equal(lane(w, at, s1, "fed")->differs, DIFFER_NONE);
        same_tally(w, at, s1);
        all_well(w);
        assert_int_equal(alarms(w), 1);
        world_done(w);
    }
}

struct await {
    int at, by;
    int64_t seq;
};

static bool has(struct world *w, void *arg)
{
    const struct await *x = arg;
    return head(w, x->at, x->by) >= x->seq;
}

/* Nobody has them: what is left is kept, and the lane stays named, over a restart too. */
static void damaged_and_alone(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 54);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), s2 = world_find(w, "s2");
    listings(w, s1, 6);
    all_well(w);
    lose_views(w, s2, s1);
    flip(w, s2, s1, 3);
    struct await x = {s2, s1, 7};
    assert_true(world_until(w, HOURS(22), has, &x)); /* the beat, and before anything is mended */
    world_crash(w, s2);
    w->node[s2].cut = true;
    world_start(w, s2);
    world_run(w, HOURS(3));
    assert_int_equal(lane(w, s2, s1, "fed")->differs, DIFFER_LOST);
    assert_int_equal(bundles(w, s2, s1), 7);
    w->node[s2].cut = false;
    world_event(w, s2, SEV_NOW);
    world_run(w, HOURS(26));
    assert_int_equal(lane(w, s2, s1, "fed")->differs, DIFFER_NONE);
    same_tally(w, s2, s1);
    all_well(w);
    world_done(w);
}

/* The writer counts wrongly. Its bundles are whole everywhere: nothing is thrown away for its word,
 * and once is enough to say so. */
static void a_wrong_word(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 55);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), city = world_find(w, "city");
    listings(w, s1, 5);
    all_well(w);
    lose_views(w, s1, s1);
    world_run(w, HOURS(50));
    assert_int_equal(alarms(w), w->n - 1); /* everybody who reads it, once */
    assert_int_equal(lane(w, city, s1, "fed")->differs, DIFFER_WORD);
    assert_int_equal(bundles(w, city, s1), (size_t)head(w, city, s1));
    struct mem_seen seen;
    assert_int_equal(mem_store_record(w->node[city].mem, w->node[s1].id.s, "b0", &seen), 0);
    world_crash(w, city); /* remembered */
    world_start(w, city);
    assert_int_equal(lane(w, city, s1, "fed")->differs, DIFFER_WORD);
    world_done(w);
}

/* ---- a writer whose word is work for others ---- */

static struct {
    struct sync_store liar, reader; /* their stores, seen through these */
    const struct sync_store *liar_was, *reader_was;
    const char *by;
    bool lies;
    int derived;
} rain;

static int lying_tally(void *ctx, const char *by, const char *aud, struct sync_tally *ret)
{
    int r = rain.liar_was->tally(ctx, by, aud, ret);
    ret->live.c += rain.lies && strcmp(by, rain.by) == 0;
    return r;
}

static int counted_forget(void *ctx, const char *by)
{
    rain.derived += strcmp(by, rain.by) == 0;
    return rain.reader_was->forget(ctx, by);
}

static void say_beat(struct world *w, int i)
{
    struct sync *s = w->node[i].s;
    world_tick(w, i, &s->tick);
    assert_int_equal(sync__tx_begin(s), 0);
    assert_int_equal(sync__tx_end(s, sync__write_one(s, BUNDLE_BEAT, "fed", NULL, 0, NULL, NULL)),
                     0);
    world_event(w, i, SEV_LOCAL);
    world_run(w, 30000);
}

/* A wrong word, a right one, a wrong one: each would be work for everybody who reads it. */
static void a_word_is_work_once_an_hour(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 57);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), city = world_find(w, "city");
    listings(w, s1, 5);
    all_well(w);
    rain.liar_was = w->node[s1].s->st;
    rain.reader_was = w->node[city].s->st;
    rain.liar = *rain.liar_was;
    rain.reader = *rain.reader_was;
    rain.liar.tally = lying_tally;
    rain.reader.forget = counted_forget;
    rain.by = w->node[s1].id.s;
    w->node[s1].s->st = &rain.liar;
    w->node[city].s->st = &rain.reader;
    for (int k = 0; k < 40; k++) { /* of a minute each */
        rain.lies = k % 2 == 0;
        say_beat(w, s1);
        say_beat(w, s1);
    }
    assert_int_equal(rain.derived, 1);
    assert_true(lane(w, city, s1, "fed")->differs == DIFFER_NEW);
    world_run(w, HOURS(2)); /* and what waits for its turn gets it */
    assert_int_equal(rain.derived, 2);
    assert_int_equal(lane(w, city, s1, "fed")->differs, DIFFER_NONE);
    w->node[s1].s->st = rain.liar_was;
    w->node[city].s->st = rain.reader_was;
    all_well(w);
    world_done(w);
}

/* A clock that jumps makes no rain of beats, and none is signed while it is in doubt what was. */
static void clocks_and_doubts(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 56);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1");
    listings(w, s1, 1);
    all_well(w);
    for (int k = 0; k < 6; k++) {
        int64_t was = head(w, s1, s1);
        w->node[s1].clock_off = (k % 2 == 0 ? 1 : -1) * INT64_C(31557600000);
        world_run(w, HOURS(2));
        assert_true(head(w, s1, s1) - was <= 1);
    }
    int64_t was = head(w, s1, s1);
    w->node[s1].cut = true;
    assert_int_equal(sync_suspect(w->node[s1].s), 0);
    world_run(w, HOURS(72));
    assert_int_equal(head(w, s1, s1), was);
    w->node[s1].cut = false;
    world_event(w, s1, SEV_NOW);
    world_run(w, HOURS(1));
    all_well(w);
    assert_int_equal(lane(w, s1, s1, "fed")->row.key.ep, 2); /* the beat opened the next epoch */
    assert_int_equal(alarms(w), 0);
    world_done(w);
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(a_quiet_year),      cmocka_unit_test(damaged_views),
        cmocka_unit_test(damaged_bundles),   cmocka_unit_test(damaged_and_alone),
        cmocka_unit_test(a_wrong_word),      cmocka_unit_test(a_word_is_work_once_an_hour),
        cmocka_unit_test(clocks_and_doubts),
    };
    return cmocka_run_group_tests_name("sync_beat", t, NULL, NULL);
}
