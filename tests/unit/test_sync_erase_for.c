/* SPDX-License-Identifier: Apache-2.0 */
/* Erasing where a steward writes for another node: an id says nothing about whose record it is, and
 * what concerns a person in the records of a node that speaks no more is erased by whoever speaks
 * for it (PROTOCOL.md 15.4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/story.h"
#include "tests/support/world_check.h"

#include <stdio.h>
#include <string.h>

static const struct step three_tiers[] = {THREE_TIERS, {0}};

struct tale {
    struct teller t;
    struct world *w;
    int city, d1, s1;
};

/* d1 is steward of s1. */
static void begin(struct tale *x, uint64_t seed)
{
    struct world *w = x->w = &x->t.w;
    world_init(w, seed);
    story_go(&x->t, three_tiers);
    x->city = world_find(w, "city");
    x->d1 = world_find(w, "d1");
    x->s1 = world_find(w, "s1");
    struct act a;
    struct sync_tick tick;
    memset(&a, 0, sizeof(a));
    a.type = ACT_STEWARD;
    a.has_g = true;
    memcpy(a.g, w->g, HASH_LEN);
    a.by = w->node[x->city].id;
    a.n = w->node[x->s1].id;
    a.st = w->node[x->d1].id;
    memcpy(a.after, roster_node(sync_roster(w->node[x->city].s), a.n.s)->last, HASH_LEN);
    world_tick(w, x->city, &tick);
    a.ts = tick.now_ms;
    assert_int_equal(sync_act(w->node[x->city].s, &tick, &a, NULL, 0, false), 0);
    world_event(w, x->city, SEV_LOCAL);
    story_agree(&x->t, 60000);
}

static void put_for(struct tale *x, const char *id, int64_t r)
{
    char item[400];
    (void)snprintf(item, sizeof(item),
                   "{\"id\":\"%s\",\"k\":\"listing/1\",\"op\":\"put\",\"r\":%lld,"
                   "\"z\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"for\":\"%s\",\"d\":{\"kind\":\"venue\","
                   "\"title\":\"changed\"}}",
                   id, (long long)r, x->w->node[x->s1].id.s);
    assert_int_equal(world_write(x->w, x->d1, "fed", item, NULL), 0);
}

/* owner -1: its own. */
static int64_t erase(struct tale *x, int owner, const char *id)
{
    int64_t n = 0;
    const struct sync_erase what = {
        .id = id, .owner = owner < 0 ? NULL : x->w->node[owner].id.s, .why = "person"};
    assert_int_equal(world_erase(x->w, x->d1, &what, &n), 0);
    return n;
}

/* Revision that everybody shows; 0: nobody has it. */
static void shows(struct tale *x, int owner, const char *id, int64_t r)
{
    for (int i = 0; i < x->w->n; i++) {
        struct mem_seen seen = {.r = 0};
        int e = mem_store_record(x->w->node[i].mem, x->w->node[owner].id.s, id, &seen);
        assert_int_equal(e == 0 ? seen.r : 0, r);
    }
}

static void held_nowhere(struct tale *x, const char *words)
{
    struct buf line;
    buf_init(&line, 1 << 20);
    const int by[] = {x->s1, x->d1};
    for (int i = 0; i < x->w->n; i++) {
        for (int k = 0; k < 2; k++) {
            const char *writer = x->w->node[by[k]].id.s;
            int64_t head = world_head(x->w, i, writer, "fed");
            for (int64_t seq = 1; seq <= head; seq++) {
                buf_reset(&line);
                if (world_line(x->w, i, writer, "fed", seq, &line)) {
                    assert_null(memmem(line.data, line.len, words, strlen(words)));
                }
            }
        }
    }
    buf_done(&line);
}

static void all_well(struct tale *x)
{
    struct world_verdict v = {.text = ""};
    story_agree(&x->t, 600000);
    for (int i = 0; i < x->w->n; i++) {
        if (world_check_rebuild(x->w, i, &v) < 0 || world_check_order(x->w, i, &v) < 0) {
            fail_msg("%s", v.text);
        }
    }
}

static void one_id_two_owners(void **state)
{
    (void)state;
    struct tale x;
    begin(&x, 1401);
    assert_int_equal(world_put(x.w, x.s1, "fed", "hall", 1, "of the street", NULL), 0);
    assert_int_equal(world_put(x.w, x.d1, "fed", "hall", 1, "of the district", NULL), 0);
    story_agree(&x.t, 60000);
    put_for(&x, "hall", 2);
    all_well(&x);
    assert_int_equal(erase(&x, -1, "hall"), 1);
    all_well(&x);
    shows(&x, x.d1, "hall", 0);
    shows(&x, x.s1, "hall", 2);
    held_nowhere(&x, "of the district");
    world_done(x.w);
}

/* Both what the owner said and what its steward has said for it; the steward's own stays. */
static void for_the_owner(void **state)
{
    (void)state;
    struct tale x;
    int64_t upto = 0;
    begin(&x, 1402);
    assert_int_equal(world_put(x.w, x.s1, "fed", "hall", 1, "of the street", NULL), 0);
    assert_int_equal(world_put(x.w, x.d1, "fed", "hall", 1, "of the district", NULL), 0);
    story_agree(&x.t, 60000);
    put_for(&x, "hall", 2);
    put_for(&x, "hall", 3);
    all_well(&x);
    assert_int_equal(erase(&x, x.s1, "hall"), 3);
    all_well(&x);
    shows(&x, x.s1, "hall", 0);
    shows(&x, x.d1, "hall", 1);
    held_nowhere(&x, "of the street");
    held_nowhere(&x, "changed");
    const struct sync *s = x.w->node[x.d1].s;
    assert_int_equal(sync_erased_upto(s, x.w->node[x.s1].id.s, "hall", &upto), 0);
    assert_int_equal(upto, 3);
    assert_int_equal(sync_erased_upto(s, NULL, "hall", &upto), 0);
    assert_int_equal(upto, 0);
    world_done(x.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_id_two_owners),
        cmocka_unit_test(for_the_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
