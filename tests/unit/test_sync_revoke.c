/* SPDX-License-Identifier: Apache-2.0 */
/* A stolen key: how soon does everybody know? Whoever is on line with the exchange that is under
 * way, whoever was away before he is given anything else. (What lies beyond the cut leaves the
 * views: test_sync_derive.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/stick.h"
#include "tests/support/story.h"
#include "tests/support/world_check.h"

#include <stdio.h>
#include <string.h>

enum { HEADS = 16 };

static const struct step three_tiers[] = {THREE_TIERS, {0}};

static bool knows(struct world *w, int i, int of)
{
    const struct roster_node *n = roster_node(sync_roster(w->node[i].s), w->node[of].id.s);
    return n != NULL && n->state == NODE_CUT;
}

/* Every key of `subject` ends with what `author` holds of it. */
static void revoke(struct world *w, int author, int subject)
{
    struct sync_tick tick;
    struct act_head head[HEADS];
    struct act a = {.type = ACT_CUT, .has_g = true, .why = "stolen", .heads = head};
    const struct roster_node *n =
        roster_node(sync_roster(w->node[author].s), w->node[subject].id.s);
    memcpy(a.g, w->g, HASH_LEN);
    a.by = w->node[author].id;
    a.n = n->id;
    a.kid = n->keys[n->n_keys - 1].kid;
    memcpy(a.after, n->last, HASH_LEN);
    assert_int_equal(sync_heads_of(w->node[author].s, n->id.s, false, head, HEADS, &a.n_heads), 0);
    world_tick(w, author, &tick);
    a.ts = tick.now_ms;
    assert_int_equal(sync_act(w->node[author].s, &tick, &a, NULL, 0, false), 0);
    w->node[subject].revoked = true;
    world_event(w, author, SEV_LOCAL);
}

struct spread {
    int of;
    int64_t before[WORLD_MAX], after[WORLD_MAX]; /* exchanges of each node; after: -1 not yet */
};

/* Looked at after every event: with which exchange did it come? */
static bool all_know(struct world *w, void *arg)
{
    struct spread *x = arg;
    bool all = true;
    for (int i = 0; i < w->n; i++) {
        if (x->after[i] < 0 && knows(w, i, x->of)) {
            /* The city opens none: the one that told it was a child's. */
            int who = w->node[i].up >= 0 ? i : w->node[x->of].up;
            x->after[i] = w->node[who].exchanges;
            x->before[i] = i == who ? x->before[i] : x->before[who];
        }
        all = all && x->after[i] >= 0;
    }
    return all;
}

static void who_is_on_line_knows_within_one_exchange(void **state)
{
    (void)state;
    struct teller t;
    struct spread x;
    world_init(&t.w, 61);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int d1 = world_find(w, "d1");
    x.of = world_find(w, "s1");
    w->inspect = true;
    assert_int_equal(world_put(w, x.of, "fed", "v1", 1, "x", NULL), 0);
    story_agree(&t, 60000);
    world_run(w, 120000); /* nothing but long polls */
    for (int i = 0; i < w->n; i++) {
        x.before[i] = w->node[i].exchanges;
        x.after[i] = -1;
        assert_false(knows(w, i, x.of));
    }
    revoke(w, d1, x.of);
    assert_true(world_until(w, 60000, all_know, &x));
    for (int i = 0; i < w->n; i++) {
        if (x.after[i] - x.before[i] > 1) {
            fail_msg("%s took %lld exchanges", w->node[i].name,
                     (long long)(x.after[i] - x.before[i]));
        }
    }
    /* The thief's next record goes nowhere, whatever it is written to. */
    assert_int_not_equal(world_put(w, x.of, "fed", "v2", 1, "x", NULL), 0);
    assert_string_equal(w->leak, "");
    world_done(w);
}

/* The moment between one answer and the next question is no reason not to be told. */
static void who_is_between_two_questions_knows_as_well(void **state)
{
    (void)state;
    static const char *const what[] = {"v1", "v2", "v3"};
    for (int64_t ms = 0; ms < 120; ms += 3) {
        struct teller t;
        struct spread x;
        world_init(&t.w, 6300 + (uint64_t)ms);
        story_go(&t, three_tiers);
        struct world *w = &t.w;
        int d1 = world_find(w, "d1");
        x.of = world_find(w, "s1");
        w->inspect = true;
        world_run(w, 60000);
        for (size_t i = 0; i < sizeof(what) / sizeof(what[0]); i++) { /* answers are on their way */
            assert_int_equal(world_put(w, world_find(w, "s3"), "fed", what[i], 1, "x", NULL), 0);
            world_run(w, 20);
        }
        world_run(w, ms);
        for (int i = 0; i < w->n; i++) {
            x.before[i] = 0;
            x.after[i] = -1;
        }
        revoke(w, d1, x.of);
        /* A record from elsewhere, behind the cut: it is not for whoever is out. */
        assert_int_equal(world_put(w, world_find(w, "s3"), "fed", "late", 1, "x", NULL), 0);
        if (!world_until(w, 120000, all_know, &x)) {
            fail_msg("asked %lld ms too early, and never told", (long long)ms);
        }
        world_run(w, 60000);
        struct mem_seen seen;
        assert_int_not_equal(
            mem_store_record(w->node[x.of].mem, w->node[world_find(w, "s3")].id.s, "late", &seen),
            0);
        assert_string_equal(w->leak, "");
        world_done(w);
    }
}

struct first {
    int at, by;
    const char *id;
};

static bool shows(struct world *w, void *arg)
{
    const struct first *x = arg;
    struct mem_seen seen;
    return mem_store_record(w->node[x->at].mem, w->node[x->by].id.s, x->id, &seen) == 0;
}

static void who_was_away_knows_before_anything_else(void **state)
{
    (void)state;
    struct teller t;
    char id[16];
    world_init(&t.w, 62);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int d1 = world_find(w, "d1"), s1 = world_find(w, "s1"), s2 = world_find(w, "s2");
    int away = world_find(w, "s3");
    struct first before = {away, s2, "b0"}, behind = {away, s1, "late"};
    w->inspect = true; /* every message on its way: trust before all other bundles */
    assert_int_equal(world_put(w, s1, "fed", "early", 1, "x", NULL), 0);
    story_agree(&t, 60000);
    w->node[away].cut = true;
    world_run(w, 60000);
    for (int i = 0; i < 60; i++) { /* much lies before the cut, and behind it */
        (void)snprintf(id, sizeof(id), "b%d", i);
        assert_int_equal(world_put(w, s2, "fed", id, 1, "x", NULL), 0);
        (void)snprintf(id, sizeof(id), "s%d", i);
        assert_int_equal(world_put(w, s1, "fed", id, 1, "x", NULL), 0);
    }
    world_run(w, 60000);
    /* The last one is the thief's: nobody above has it when the cut is made. */
    w->node[s1].cut = true;
    assert_int_equal(world_put(w, s1, "fed", "late", 1, "x", NULL), 0);
    revoke(w, d1, s1);
    for (int i = 0; i < 60; i++) {
        (void)snprintf(id, sizeof(id), "c%d", i);
        assert_int_equal(world_put(w, s2, "fed", id, 1, "x", NULL), 0);
    }
    w->node[s1].cut = false;
    world_event(w, s1, SEV_NOW);
    world_run(w, 60000);
    assert_false(knows(w, away, s1));
    w->node[away].cut = false;
    world_event(w, away, SEV_NOW);
    assert_true(world_until(w, 60000, shows, &before));
    assert_true(knows(w, away, s1));
    world_run(w, 120000);
    assert_string_equal(w->leak, "");
    for (int i = 0; i < w->n; i++) {
        struct first x = {i, s1, "s59"};
        behind.at = i;
        assert_true(shows(w, &x));
        assert_int_equal(shows(w, &behind), i == s1 && !knows(w, s1, s1));
    }
    world_done(w);
}

struct count {
    const struct world *w;
    int64_t trust, other;
};

static void count_heads(const struct sync_stream_row *r, void *arg)
{
    struct count *c = arg;
    *(strcmp(r->key.aud, "trust") == 0 ? &c->trust : &c->other) += r->seq;
}

static struct count heads_of(struct world *w, int i)
{
    struct count c = {.w = w};
    sync_each_stream(w->node[i].s, count_heads, &c);
    return c;
}

/* By file: one that holds nothing else, made for whoever it may reach. */
static void a_stick_with_nothing_else_on_it(void **state)
{
    (void)state;
    struct teller t;
    struct parcel small, thief, rest;
    struct sync_ferry_note note;
    world_init(&t.w, 63);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int d1 = world_find(w, "d1"), s1 = world_find(w, "s1"), s2 = world_find(w, "s2"),
        s3 = world_find(w, "s3");
    cut_all(w);
    for (int i = 0; i < 20; i++) {
        char id[8];
        (void)snprintf(id, sizeof(id), "r%d", i);
        assert_int_equal(world_put(w, d1, "fed", id, 1, "of the district", NULL), 0);
    }
    (void)carry(w, "s1", "d1");
    revoke(w, d1, s1);
    assert_int_equal(world_put(w, s1, "fed", "stolen", 1, "by the thief", NULL), 0);
    struct count at = heads_of(w, d1);
    assert_int_equal(pack_with(w, d1, s3, (struct want){.any = true, .trust = true}, &small), 0);
    assert_int_equal(small.about.bundles, at.trust);
    assert_int_equal(small.n, 1);
    struct count before = heads_of(w, s3);
    assert_false(knows(w, s3, s1));
    assert_true(take(w, "s3", &small) > 0);
    assert_true(knows(w, s3, s1));
    struct count after = heads_of(w, s3);
    assert_int_equal(after.trust, at.trust);
    assert_int_equal(after.other, before.other);
    assert_int_equal(pack_with(w, s1, s3, (struct want){.any = true}, &thief), 0);
    struct sync_ferry_report rep = take_part(w, "s3", &thief.part[0]);
    assert_false(rep.vouched);
    assert_int_equal(rep.stored, 0);
    assert_true(rep.refused > 0);
    /* To one node: it says what its writer holds, all of it, and counts as no file of the rest. */
    parcel_done(&small);
    assert_int_equal(pack_with(w, d1, s2, (struct want){.trust = true}, &small), 0);
    assert_true(take(w, "s2", &small) > 0);
    assert_int_equal(sync_ferry_note_get(w->node[d1].s, w->node[s2].id.s, &note),
                     SANJI_E_NOT_FOUND);
    assert_int_equal(sync_ferry_note_get(w->node[s2].s, w->node[d1].id.s, &note), 0);
    assert_true(note.have_no > 0);
    pack(w, "s2", "d1", &rest); /* knows what d1 holds: nothing of what it has is carried back */
    assert_true(rest.about.since_no > 0);
    assert_true(carry(w, "d1", "s2") >= 20);
    parcel_done(&small);
    parcel_done(&thief);
    parcel_done(&rest);
    world_done(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_on_line_knows_within_one_exchange),
        cmocka_unit_test(who_is_between_two_questions_knows_as_well),
        cmocka_unit_test(who_was_away_knows_before_anything_else),
        cmocka_unit_test(a_stick_with_nothing_else_on_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
