/* SPDX-License-Identifier: Apache-2.0 */
/* A record is erased by a writer that was put back and does not know of a form of it that it had
 * said in another past (PROTOCOL.md 15.4). That form comes back, and is erased by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/story.h"

#include <stdio.h>
#include <string.h>

static const struct step three_tiers[] = {THREE_TIERS, {0}};

static int64_t erase(struct world *w, int i, const char *id)
{
    int64_t n = 0;
    const struct sync_erase what = {.id = id, .why = "person"};
    assert_int_equal(world_erase(w, i, &what, &n), 0);
    return n;
}

/* Revision that node i shows of the record of s1; 0: nothing. */
static int64_t shown(struct world *w, int i, const char *id)
{
    struct mem_seen seen;
    const char *owner = w->node[world_find(w, "s1")].id.s;
    return mem_store_record(w->node[i].mem, owner, id, &seen) == 0 ? seen.r : 0;
}

static int64_t upto(struct world *w, const char *id)
{
    int64_t r = -1;
    assert_int_equal(sync_erased_upto(w->node[world_find(w, "s1")].s, NULL, id, &r), 0);
    return r;
}

static void put_back(struct world *w, int i, const struct mem_store *old)
{
    world_crash(w, i);
    mem_store_restore(w->node[i].mem, old);
    world_start(w, i);
}

struct tale {
    struct teller t;
    struct world *w;
    int s1, d1, city;
    struct mem_store *old, *before; /* with the first form; before there was any */
};

/* The street has said `forms` forms in a past that its neighbours hold, and was put back to before
 * all but the first; it is out of reach. */
static void begin(struct tale *x, uint64_t seed, int forms)
{
    world_init(&x->t.w, seed);
    story_go(&x->t, three_tiers);
    struct world *w = x->w = &x->t.w;
    x->s1 = world_find(w, "s1");
    x->d1 = world_find(w, "d1");
    x->city = world_find(w, "city");
    assert_int_equal(world_put(w, x->s1, "fed", "other", 1, "of somebody else", NULL), 0);
    story_agree(&x->t, 60000);
    x->before = mem_store_snapshot(w->node[x->s1].mem);
    assert_int_equal(world_put(w, x->s1, "fed", "person", 1, "a name", NULL), 0);
    story_agree(&x->t, 60000);
    x->old = mem_store_snapshot(w->node[x->s1].mem);
    for (int r = 2; r <= forms; r++) {
        assert_int_equal(world_put(w, x->s1, "fed", "person", r, "a name, later", NULL), 0);
    }
    story_agree(&x->t, 60000);
    w->node[x->s1].cut = true;
    put_back(w, x->s1, x->old);
    world_run(w, 120000);
    assert_int_equal(shown(w, x->s1, "person"), 1);
}

static void end(struct tale *x)
{
    mem_store_free(x->old);
    mem_store_free(x->before);
    world_done(x->w);
}

static void shows_everywhere(struct tale *x, const char *id, int64_t r)
{
    const int at[] = {x->s1, x->d1, x->city, world_find(x->w, "s2")};
    for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        assert_int_equal(shown(x->w, at[i], id), r);
    }
}

static void an_older_form_comes_back(void **state)
{
    (void)state;
    struct tale x;
    begin(&x, 1201, 2);
    assert_int_equal(world_put(x.w, x.s1, "fed", "person", 2, "another name", NULL), 0);
    assert_int_equal(erase(x.w, x.s1, "person"), 2);
    assert_int_equal(upto(x.w, "person"), 2);
    assert_int_equal(shown(x.w, x.s1, "person"), 0);
    assert_int_equal(shown(x.w, x.city, "person"), 2); /* nobody has heard of it */
    x.w->node[x.s1].cut = false;
    for (int i = 0; i < 3600; i++) { /* where it was erased it is not seen for a moment */
        world_run(x.w, 100);
        assert_int_equal(shown(x.w, x.s1, "person"), 0);
    }
    story_agree(&x.t, 600000);
    shows_everywhere(&x, "person", 0);
    shows_everywhere(&x, "other", 1);
    end(&x);
}

/* What was said later than what was erased, by its number, is no older form. */
static void a_later_form_stands(void **state)
{
    (void)state;
    struct tale x;
    begin(&x, 1202, 3);
    assert_int_equal(world_put(x.w, x.s1, "fed", "person", 2, "another name", NULL), 0);
    assert_int_equal(erase(x.w, x.s1, "person"), 2);
    x.w->node[x.s1].cut = false;
    world_run(x.w, 360000);
    story_agree(&x.t, 600000);
    shows_everywhere(&x, "person", 3);
    assert_int_equal(erase(x.w, x.s1, "person"), 1);
    story_agree(&x.t, 600000);
    shows_everywhere(&x, "person", 0);
    end(&x);
}

/* Under its name a new record begins above; below nobody would see it. */
static void a_new_record_of_that_name(void **state)
{
    (void)state;
    struct tale x;
    begin(&x, 1203, 2);
    assert_int_equal(erase(x.w, x.s1, "person"), 1);
    x.w->node[x.s1].cut = false;
    world_run(x.w, 360000);
    story_agree(&x.t, 600000);
    shows_everywhere(&x, "person", 2); /* the writer had not known of it */
    assert_int_equal(erase(x.w, x.s1, "person"), 1);
    story_agree(&x.t, 600000);
    shows_everywhere(&x, "person", 0);
    assert_int_equal(world_put(x.w, x.s1, "fed", "person", 2, "new", NULL), SANJI_E_OLD);
    assert_int_equal(world_put(x.w, x.s1, "fed", "person", 3, "new", NULL), 0);
    story_agree(&x.t, 600000);
    shows_everywhere(&x, "person", 3);
    end(&x);
}

/* ---- what lies beside the store, and what its own acts say ---- */

static int leaf_too(const struct sync_erased *x, void *arg)
{
    struct sync_erased as_listed = *x;
    as_listed.named = false;
    return sync_erase_add(arg, &as_listed);
}

static int mark_too(const struct sync_mark *m, void *arg)
{
    return sync_mark_add(arg, m);
}

struct beside {
    struct mem_store *now;
    struct sync *knows;
};

static void beside_take(struct tale *x, struct beside *b)
{
    const struct wnode *n = &x->w->node[x->s1];
    struct sync_self self = {.id = n->id,
                             .sign_seed = n->sign_seed,
                             .seal_seeds = (const uint8_t(*)[SEAL_SEED_LEN])n->seal_seed,
                             .n_seal_seeds = 1};
    memcpy(self.g, x->w->g, HASH_LEN);
    b->now = mem_store_snapshot(n->mem);
    assert_int_equal(sync_new(&self, mem_store_port(b->now), &b->knows), 0);
}

static void beside_give(struct tale *x, struct beside *b)
{
    struct wnode *n = &x->w->node[x->s1];
    const struct sync_store *st = mem_store_port(n->mem);
    assert_int_equal(st->begin(st->ctx), 0);
    assert_int_equal(sync_erased_each(b->knows, leaf_too, n->s), 0);
    assert_int_equal(sync_mark_each(b->knows, mark_too, n->s), 0);
    assert_int_equal(sync_erase_settle(n->s), 0);
    assert_int_equal(st->commit(st->ctx), 0);
    sync_free(b->knows);
    mem_store_free(b->now);
}

/* Put back to before there was any form: the list beside the store knows more than the store. */
static void an_old_store_with_the_list(void **state)
{
    (void)state;
    struct tale x;
    struct beside b;
    begin(&x, 1204, 2);
    assert_int_equal(world_put(x.w, x.s1, "fed", "person", 2, "another name", NULL), 0);
    struct mem_store *third = mem_store_snapshot(x.w->node[x.s1].mem);
    assert_int_equal(erase(x.w, x.s1, "person"), 2);
    beside_take(&x, &b);
    put_back(x.w, x.s1, x.before);
    beside_give(&x, &b);
    assert_int_equal(upto(x.w, "person"), 2);
    x.w->node[x.s1].cut = false;
    world_run(x.w, 360000);
    story_agree(&x.t, 600000);
    shows_everywhere(&x, "person", 0);
    assert_int_equal(upto(x.w, "person"), 2);
    mem_store_free(third);
    end(&x);
}

/* A store that holds a form which no list names, because it is of a third past. */
static void a_form_that_only_the_old_store_holds(void **state)
{
    (void)state;
    struct tale x;
    struct beside b;
    begin(&x, 1205, 2);
    assert_int_equal(world_put(x.w, x.s1, "fed", "person", 2, "a third name", NULL), 0);
    struct mem_store *third = mem_store_snapshot(x.w->node[x.s1].mem);
    put_back(x.w, x.s1, x.old);
    assert_int_equal(world_put(x.w, x.s1, "fed", "person", 2, "another name", NULL), 0);
    assert_int_equal(erase(x.w, x.s1, "person"), 2);
    beside_take(&x, &b);
    put_back(x.w, x.s1, third);
    assert_int_equal(shown(x.w, x.s1, "person"), 2);
    beside_give(&x, &b);
    assert_int_equal(shown(x.w, x.s1, "person"), 0);
    x.w->node[x.s1].cut = false;
    world_run(x.w, 360000);
    story_agree(&x.t, 600000);
    shows_everywhere(&x, "person", 0);
    mem_store_free(third);
    end(&x);
}

/* Without that list its own act says it, when it has come back from its neighbours. */
static void an_old_store_without_the_list(void **state)
{
    (void)state;
    struct tale x;
    begin(&x, 1206, 2);
    x.w->node[x.s1].cut = false;
    world_run(x.w, 360000);
    story_agree(&x.t, 600000);
    assert_int_equal(erase(x.w, x.s1, "person"), 2);
    story_agree(&x.t, 600000);
    shows_everywhere(&x, "person", 0);
    x.w->node[x.s1].cut = true;
    put_back(x.w, x.s1, x.old);
    assert_int_equal(world_put(x.w, x.s1, "fed", "person", 2, "another name", NULL), 0);
    assert_int_equal(upto(x.w, "person"), 0);
    x.w->node[x.s1].cut = false;
    world_run(x.w, 360000);
    story_agree(&x.t, 600000);
    assert_true(upto(x.w, "person") >= 1); /* of what it could read itself */
    assert_int_equal(shown(x.w, x.city, "person"), shown(x.w, x.s1, "person"));
    end(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_older_form_comes_back),
        cmocka_unit_test(a_later_form_stands),
        cmocka_unit_test(a_new_record_of_that_name),
        cmocka_unit_test(an_old_store_with_the_list),
        cmocka_unit_test(a_form_that_only_the_old_store_holds),
        cmocka_unit_test(an_old_store_without_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
