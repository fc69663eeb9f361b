/* SPDX-License-Identifier: Apache-2.0 */
/* A district that withholds, freezes, goes back or changes the order is named above and below it
 * within a day, and what its children wrote passes it on a stick. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sync/ferry.h"
#include "sync/internal.h"
#include "tests/support/story.h"
#include "tests/support/world_check.h"

#include <stdio.h>
#include <string.h>

static const struct step three_tiers[] = {THREE_TIERS, {0}};
#define HOURS(n) ((int64_t)(n)*3600000)

enum { CITY, D1, D2, S1, S2, S3 };

/* Everybody has written something for everybody. */
static void begin(struct teller *t, uint64_t seed)
{
    world_init(&t->w, seed);
    story_go(t, three_tiers);
    struct world *w = &t->w;
    static const char *const name[] = {"city", "d1", "d2", "s1", "s2", "s3"};
    for (int i = 0; i < 6; i++) {
        assert_int_equal(world_find(w, name[i]), i);
        assert_int_equal(world_put(w, i, "fed", "a", 1, "words", NULL), 0);
    }
    assert_true(world_until(w, HOURS(1), world_converged, NULL));
}

struct asked {
    struct world *w;
    int by;
    const char *aud;
    struct sync_news found;
    bool any;
    int64_t bad; /* lanes that are not fresh */
};

static int take_news(const struct sync_news *n, void *arg)
{
    struct asked *a = arg;
    a->bad += n->state != SYNC_NEWS_FRESH;
    if (a->by >= 0 && strcmp(n->key.by.s, a->w->node[a->by].id.s) == 0 &&
        strcmp(n->key.aud, a->aud) == 0) {
        a->found = *n;
        a->any = true;
    }
    return 0;
}

static struct asked ask(struct world *w, int at, int by, const char *aud)
{
    struct asked a = {.w = w, .by = by, .aud = aud};
    struct sync_tick t;
    world_tick(w, at, &t);
    assert_int_equal(sync_each_news(w->node[at].s, &t, take_news, &a), 0);
    return a;
}

/* What node `at` knows of the lane, and whom it names. */
static enum sync_news_state state(struct world *w, int at, int by, int via)
{
    struct asked a = ask(w, at, by, "fed");
    assert_true(a.any);
    if (a.found.state != SYNC_NEWS_FRESH) {
        assert_string_equal(a.found.via.s, w->node[via].id.s);
    }
    return a.found.state;
}

static void all_fresh(struct world *w)
{
    for (int i = 0; i < w->n; i++) {
        struct asked a = ask(w, i, -1, "");
        assert_int_equal(a.bad, 0);
    }
}

static void all_well(struct world *w)
{
    struct world_verdict v;
    assert_true(world_until(w, HOURS(2), world_converged, NULL));
    if (world_check_converged(w, &v) < 0 || world_check_truth(w, &v) < 0) {
        fail_msg("%s", v.text);
    }
}

static bool sees(struct world *w, int at, int by, const char *id, int64_t r)
{
    struct mem_seen seen;
    return mem_store_record(w->node[at].mem, w->node[by].id.s, id, &seen) == 0 && seen.r == r;
}

static int sink(const void *p, size_t n, void *arg)
{
    return buf_put(arg, p, n);
}

/* A file from one node to another, past everybody between them. */
static void stick(struct world *w, int from, int to)
{
    struct sync_tick t;
    struct sync_ferry_out *o = NULL;
    struct sync_ferry_in *in = NULL;
    struct sync_ferry_order order = {.to = w->node[to].id.s, .part_bytes = LIM_FERRY_PART_BYTES};
    struct buf b;
    int r;
    buf_init(&b, (size_t)16 << 20);
    world_tick(w, from, &t);
    assert_int_equal(sync_ferry_out_new(w->node[from].s, &t, &order, &o), 0);
    while ((r = sync_ferry_out_plan(o, 1000)) > 0) {
    }
    do {
        world_tick(w, from, &t);
        r = r < 0 ? r : sync_ferry_out_part(o, &t, 1, 1000, sink, &b);
    } while (r > 0);
    assert_int_equal(r, 0);
    assert_int_equal(sync_ferry_out_done(o, &t), 0);
    sync_ferry_out_free(o);
    assert_int_equal(sync_ferry_in_new(w->node[to].s, NULL, NULL, &in), 0);
    assert_int_equal(sync_ferry_in_give(in, span_of(b.data, b.len)), 0);
    assert_int_equal(sync_ferry_in_give(in, span_of(b.data, 0)), 0);
    do {
        world_tick(w, to, &t);
    } while ((r = sync_ferry_in_run(in, &t, 20000)) > 0);
    assert_int_equal(r, 0);
    assert_true(sync_ferry_in_report(in)->over && sync_ferry_in_report(in)->refused == 0);
    sync_ferry_in_free(in);
    buf_done(&b);
    world_event(w, to, SEV_LOCAL);
}

/* Days go by, stations are switched off in the evening: nobody is named. */
static void honest_days(void **state)
{
    (void)state;
    struct teller t;
    begin(&t, 61);
    struct world *w = &t.w;
    for (int day = 0; day < 4; day++) {
        world_run(w, HOURS(9));
        assert_int_equal(world_put(w, S1, "fed", "a", day + 2, "words", NULL), 0);
        world_run(w, 5000);
        all_fresh(w);
        world_stop(w, S1);
        world_stop(w, S3);
        world_run(w, HOURS(14));
        world_start(w, S1);
        world_start(w, S3);
        world_run(w, HOURS(1));
        all_fresh(w);
    }
    size_t n;
    for (int i = 0; i < w->n; i++) { /* the table reached everybody, and names every stream */
        for (int by = 0; by < w->n; by++) {
            assert_non_null(sync__table_find(w->node[i].s, w->node[by].id.s, "fed", &n));
        }
        assert_int_equal(w->node[i].alarms[-SANJI_E_KEPT_BACK], 0);
        assert_int_equal(w->node[i].alarms[-SANJI_E_DIVERGED], 0);
        assert_int_equal(w->node[i].alarms[-SANJI_E_ORDER], 0);
    }
    assert_int_equal(sync_self_state(w->node[S1].s), SYNC_SELF_OK);
    world_done(w);
}

static void one_child_is_withheld(void **arg)
{
    (void)arg;
    struct teller t;
    begin(&t, 62);
    struct world *w = &t.w;
    world_run(w, HOURS(22)); /* a first table is out */
    w->relay = (struct relay){.kind = RELAY_WITHHOLD, .node = D1, .victim = S1};
    assert_int_equal(world_put(w, S1, "fed", "a", 2, "words", NULL), 0);
    world_run(w, HOURS(24));
    assert_true(w->relay.kept_back > 0);
    assert_false(sees(w, CITY, S1, "a", 2));
    /* Above: something is missing, and who should send it. Below: it was given, and did not arrive.
     */
    assert_int_equal(state(w, CITY, S1, D1), SYNC_NEWS_MISSING);
    assert_int_equal(state(w, S1, S1, D1), SYNC_NEWS_KEPT_BACK);
    assert_int_equal(w->node[S1].alarms[-SANJI_E_KEPT_BACK], 1);
    assert_int_equal(state(w, S2, S1, D1), SYNC_NEWS_MISSING); /* its neighbour in the same boat */
    assert_int_equal(state(w, CITY, S2, D1), SYNC_NEWS_FRESH); /* and only what is kept back */
    assert_int_equal(state(w, S2, S2, D1), SYNC_NEWS_FRESH);
    assert_int_equal(state(w, S3, S1, D2), SYNC_NEWS_SILENT); /* far away: no news, that is all */
    /* The child's data passes by a stick, and goes on from there. */
    stick(w, S1, CITY);
    world_run(w, 60000);
    assert_true(sees(w, CITY, S1, "a", 2));
    assert_true(sees(w, S3, S1, "a", 2));
    assert_int_equal(state(w, S3, S1, D2), SYNC_NEWS_FRESH);
    /* It sees reason: nothing needs a hand, and the next table says so. */
    w->relay.kind = RELAY_HONEST;
    world_run(w, HOURS(46));
    all_well(w);
    all_fresh(w);
    assert_int_equal(w->node[S1].alarms[-SANJI_E_KEPT_BACK], 1);
    assert_int_equal(sync_self_state(w->node[S1].s), SYNC_SELF_OK);
    world_done(w);
}

/* It answers, and nothing of anybody passes: each side names it for everything beyond. */
static void a_frozen_district(void **arg)
{
    (void)arg;
    struct teller t;
    begin(&t, 63);
    struct world *w = &t.w;
    world_run(w, HOURS(22));
    w->relay = (struct relay){.kind = RELAY_FREEZE, .node = D1};
    world_run(w, HOURS(24));
    static const int below[] = {S1, S2, D1};
    static const int above[] = {CITY, D2, S3};
    for (int i = 0; i < 3; i++) {
        assert_int_not_equal(state(w, CITY, below[i], D1), SYNC_NEWS_FRESH);
        assert_int_not_equal(state(w, S1, above[i], D1), SYNC_NEWS_FRESH);
        assert_int_not_equal(state(w, S2, above[i], D1), SYNC_NEWS_FRESH);
    }
    assert_int_equal(state(w, CITY, S3, D2), SYNC_NEWS_FRESH);
    assert_int_equal(world_put(w, S1, "fed", "a", 2, "words", NULL), 0);
    stick(w, S1, CITY);
    stick(w, CITY, S1);
    assert_true(sees(w, CITY, S1, "a", 2));
    assert_int_equal(state(w, S1, S3, D1), SYNC_NEWS_FRESH);
    w->relay.kind = RELAY_HONEST;
    world_run(w, HOURS(24));
    all_well(w);
    all_fresh(w);
    world_done(w);
}

/* A district put back from an old copy says so by what it states; it is given everything again. */
static void a_district_goes_back(void **arg)
{
    (void)arg;
    struct teller t;
    begin(&t, 64);
    struct world *w = &t.w;
    struct mem_store *old = mem_store_snapshot(w->node[D1].mem);
    world_run(w, HOURS(22));
    for (int64_t r = 2; r < 5; r++) {
        assert_int_equal(world_put(w, S1, "fed", "a", r, "words", NULL), 0);
        assert_int_equal(world_put(w, CITY, "fed", "a", r, "words", NULL), 0);
        world_run(w, 5000);
    }
    world_crash(w, D1);
    mem_store_restore(w->node[D1].mem, old);
    mem_store_free(old);
    w->node[D1].cut = w->node[S2].cut = true; /* else it is whole again before S1 asks */
    world_start(w, D1);
    world_run(w, 60000);
    w->node[D1].cut = w->node[S2].cut = false;
    world_run(w, HOURS(2));
    assert_true(w->node[CITY].alarms[-SANJI_E_OLD] > 0);
    assert_true(w->node[S1].alarms[-SANJI_E_WENT_BACK] > 0);
    all_well(w);
    all_fresh(w);
    assert_true(sees(w, D1, S1, "a", 4) && sees(w, D1, CITY, "a", 4));
    world_done(w);
}

static void another_order(void **arg)
{
    (void)arg;
    struct teller t;
    begin(&t, 65);
    struct world *w = &t.w;
    w->relay = (struct relay){.kind = RELAY_REORDER, .node = D1};
    w->node[D1].cut = w->node[S2].cut = true;
    for (int64_t r = 2; r < 8; r++) {
        assert_int_equal(world_put(w, S1, "fed", "a", r, "words", NULL), 0);
        world_run(w, 30000);
    }
    w->node[D1].cut = w->node[S2].cut = false;
    world_event(w, D1, SEV_NOW);
    world_event(w, S2, SEV_NOW);
    world_run(w, HOURS(3));
    assert_true(w->node[CITY].alarms[-SANJI_E_ORDER] > 0);
    assert_true(w->node[S2].alarms[-SANJI_E_ORDER] > 0);
    assert_true(sees(w, CITY, S1, "a", 7)); /* one by one, but it comes */
    assert_true(sees(w, S2, S1, "a", 7));
    world_done(w);
}

/* The table names more of an own stream than the store holds: put back, and nobody else knew. */
static void a_writer_learns_of_itself(void **arg)
{
    (void)arg;
    struct teller t;
    begin(&t, 66);
    struct world *w = &t.w;
    struct mem_store *old = mem_store_snapshot(w->node[S1].mem);
    assert_int_equal(world_put(w, S1, "fed", "a", 2, "words", NULL), 0);
    world_run(w, HOURS(22));
    /* The whole folder goes back, and so does the district: only the table remembers. */
    world_crash(w, S1);
    mem_store_restore(w->node[S1].mem, old);
    mem_store_free(old);
    w->node[S1].cut = true;
    world_start(w, S1);
    world_run(w, 60000);
    assert_int_equal(sync_self_state(w->node[S1].s), SYNC_SELF_OK);
    stick(w, S2, S1); /* it carries the city's `fed`, and its own streams, too */
    assert_int_equal(sync_self_state(w->node[S1].s), SYNC_SELF_UNCONFIRMED);
    w->node[S1].cut = false;
    world_event(w, S1, SEV_NOW);
    world_run(w, HOURS(2));
    all_well(w);
    assert_int_equal(sync_self_state(w->node[S1].s), SYNC_SELF_OK);
    world_done(w);
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(honest_days),       cmocka_unit_test(one_child_is_withheld),
        cmocka_unit_test(a_frozen_district), cmocka_unit_test(a_district_goes_back),
        cmocka_unit_test(another_order),     cmocka_unit_test(a_writer_learns_of_itself),
    };
    return cmocka_run_group_tests_name("sync_relay", t, NULL, NULL);
}
