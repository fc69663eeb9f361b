/* SPDX-License-Identifier: Apache-2.0 */
/* A node put back from an old copy on a new machine: what was erased since is known to its
 * neighbours alone. It must not be on the first page, while a neighbour is in reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/story.h"

#include <stdio.h>
#include <string.h>

static const struct step three_tiers[] = {THREE_TIERS, {0}};
enum { MANY = 300, SOON_MS = 1 };

static void erase(struct world *w, int i, const char *id)
{
    struct sync_tick t;
    int64_t n = 0;
    const struct sync_erase what = {.id = id, .why = "person"};
    world_tick(w, i, &t);
    const struct sync_store *st = mem_store_port(w->node[i].mem);
    assert_int_equal(st->begin(st->ctx), 0);
    assert_int_equal(sync_erase(w->node[i].s, &t, &what, &n), 0);
    assert_int_equal(st->commit(st->ctx), 0);
    assert_true(n > 0);
    world_event(w, i, SEV_LOCAL);
}

/* So much that it takes several messages. */
static void begin(struct teller *t, uint64_t seed)
{
    world_init(&t->w, seed);
    t->w.has_tune = true;
    t->w.tune = (struct sync_tuning){.wait_ms = 25000,
                                     .backoff_min_ms = 1000,
                                     .backoff_max_ms = 900000,
                                     .max_bytes = 1 << 13,
                                     .key_items = 1000};
    story_go(t, three_tiers);
}

static void much(struct world *w, int i)
{
    char id[16];
    for (int k = 0; k < MANY; k++) {
        (void)snprintf(id, sizeof id, "much%d", k);
        assert_int_equal(world_put(w, i, "fed", id, 1, "one of many", NULL), 0);
    }
}

static bool shows(struct world *w, int i, int owner, const char *id)
{
    struct mem_seen seen;
    return mem_store_record(w->node[i].mem, w->node[owner].id.s, id, &seen) == 0;
}

static bool staff_wait(const struct sync *s)
{
    return sync_asking(s) || sync_catching_up(s);
}

/* As when a database is opened whose guard is missing. */
static void in_doubt(struct world *w, int i)
{
    static const uint8_t one = 1;
    const struct sync_store *st = mem_store_port(w->node[i].mem);
    assert_int_equal(st->begin(st->ctx), 0);
    assert_int_equal(st->kv_put(st->ctx, "barrier/raised", span_of(&one, 1)), 0);
    assert_int_equal(st->commit(st->ctx), 0);
}

struct case_of {
    const char *owner; /* whose record it is */
    const char *back;  /* who is put back */
    const char *up;    /* who can tell */
};

static void not_on_the_first_page(const struct case_of *c, uint64_t seed)
{
    struct teller t;
    begin(&t, seed);
    struct world *w = &t.w;
    int back = world_find(w, c->back), owner = world_find(w, c->owner), up = world_find(w, c->up);
    assert_int_equal(world_put(w, owner, "fed", "person", 1, "name", NULL), 0);
    story_agree(&t, 60000);
    struct mem_store *snap = mem_store_snapshot(w->node[back].mem);
    much(w, owner);
    erase(w, owner, "person");
    story_agree(&t, 600000);
    assert_false(shows(w, up, owner, "person"));

    world_crash(w, back);
    mem_store_restore(w->node[back].mem, snap);
    in_doubt(w, back);
    world_start(w, back);
    assert_true(shows(w, back, owner, "person"));
    int waited = 0;
    for (int64_t ms = 0; ms < 120000; ms += SOON_MS) {
        world_run(w, SOON_MS);
        if (!staff_wait(w->node[back].s)) {
            break;
        }
        waited += shows(w, back, owner, "person");
    }
    assert_true(waited > 0);
    assert_false(shows(w, back, owner, "person"));
    assert_false(staff_wait(w->node[back].s));
    mem_store_free(snap);
    world_done(w);
}

static void erased_by_itself(void **state)
{
    (void)state;
    static const struct case_of c = {"s1", "s1", "d1"};
    not_on_the_first_page(&c, 61);
}

static void erased_by_another(void **state)
{
    (void)state;
    static const struct case_of c = {"s2", "s1", "d1"};
    not_on_the_first_page(&c, 62);
}

static void the_top_hears_it_from_below(void **state)
{
    (void)state;
    static const struct case_of c = {"d1", "city", "d1"};
    not_on_the_first_page(&c, 63);
}

/* Out of reach it goes on: nobody there can know. */
static void out_of_reach_nobody_waits(void **state)
{
    (void)state;
    struct teller t;
    begin(&t, 64);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), d1 = world_find(w, "d1");
    assert_int_equal(world_put(w, s1, "fed", "person", 1, "name", NULL), 0);
    story_agree(&t, 60000);
    world_stop(w, d1);
    world_crash(w, s1);
    in_doubt(w, s1);
    world_start(w, s1);
    world_run(w, 10000);
    assert_false(staff_wait(w->node[s1].s));
    world_start(w, d1); /* hours later: people are at work */
    for (int i = 0; i < 60000; i++) {
        world_run(w, SOON_MS);
        assert_false(sync_catching_up(w->node[s1].s));
    }
    world_done(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(erased_by_itself),
        cmocka_unit_test(erased_by_another),
        cmocka_unit_test(the_top_hears_it_from_below),
        cmocka_unit_test(out_of_reach_nobody_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
