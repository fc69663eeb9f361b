/* SPDX-License-Identifier: Apache-2.0 */
/* The store fails at every place that calls it, in compact scenes of everything the engine does;
 * tests/support/sweep.h says what must hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sync/ferry.h"
#include "sync/internal.h"
#include "tests/support/mem_internal.h"
#include "tests/support/sweep.h"
#include "tests/support/world_check.h"

#include <stdio.h>
#include <string.h>

static void plain_town(struct world *w)
{
    sweep_town(w, 401, 0, 0);
}

/* ---- writing, exchange, relay ---- */

static int s1_for_all(struct sweep *x)
{
    return sweep_put(x, S1, "fed", "a", 1);
}

static int s1_again(struct sweep *x)
{
    return sweep_put(x, S1, "fed", "a", 2);
}

static int s1_up(struct sweep *x)
{
    return sweep_put(x, S1, "up:@city", "b", 1);
}

static int d1_below(struct sweep *x)
{
    return sweep_put(x, D1, "sub:@d1", "c", 1);
}

static int s1_takes_back(struct sweep *x)
{
    char aud[LIM_AUD_BYTES + 1];
    return world_put(&x->w, S1, world_aud(&x->w, "up:@city", aud), "b", 2, NULL, NULL);
}

static const uint8_t cek[32] = {1, 2, 3};

static int s1_refers(struct sweep *x)
{
    return world_referral(&x->w, S1, S2, "r1", 1, 0, "i", "send",
                          "{\"subject_kind\":\"org\",\"reason\":\"policy\",\"title\":\"a\"}", cek);
}

static int s2_accepts(struct sweep *x)
{
    return world_referral(&x->w, S2, S1, "r1", 1, 1, "r", "accept", "{}", cek);
}

static void exchange(struct sweep *x)
{
    sweep_do(x, "s1 writes", s1_for_all, true);
    sweep_do(x, "s1 writes for the city", s1_up, true);
    sweep_do(x, "d1 writes", d1_below, true);
    sweep_pass(x, 5000);
    sweep_do(x, "s1 refers", s1_refers, true);
    sweep_pass(x, 5000);
    sweep_do(x, "s2 accepts", s2_accepts, true);
    sweep_do(x, "s1 writes again", s1_again, true);
    sweep_do(x, "s1 withdraws", s1_takes_back, true);
    sweep_pass(x, MINUTE);
}

/* Everything at once, after a night: whole lists, log-ins. */
static void a_night(struct world *w)
{
    char aud[LIM_AUD_BYTES + 1];
    plain_town(w);
    w->node[D1].cut = w->node[S2].cut = true;
    world_run(w, MINUTE);
    assert_int_equal(world_put(w, S1, "fed", "a", 1, "a", NULL), 0);
    assert_int_equal(world_put(w, D1, world_aud(w, "sub:@d1", aud), "b", 1, "b", NULL), 0);
    assert_int_equal(world_put(w, CITY, "fed", "c", 1, "c", NULL), 0);
    world_run(w, MINUTE);
}

static void morning(struct sweep *x)
{
    x->w.node[D1].cut = x->w.node[S2].cut = false;
    world_event(&x->w, D1, SEV_NOW);
    world_event(&x->w, S2, SEV_NOW);
    sweep_pass(x, 3 * MINUTE);
}

/* ---- joining ---- */

static int invite_and_join(struct sweep *x)
{
    int have = x->w.n;
    int r = world_enrol(&x->w, D1, "s3", 40, true);
    for (int i = have; r < 0 && i < x->w.n; i++) { /* the next one is another station */
        (void)snprintf(x->w.node[i].name, sizeof(x->w.node[i].name), "gone%d", i);
        x->w.node[i].joined = x->w.node[i].exists = false;
    }
    return r < 0 ? r : 0;
}

static void join(struct sweep *x)
{
    sweep_do(x, "s3 joins", invite_and_join, false);
    sweep_pass(x, 2 * MINUTE);
}

/* ---- keyframes ---- */

static void short_memory(struct world *w)
{
    sweep_town(w, 402, 4, 0);
    assert_int_equal(world_put(w, S1, "fed", "k0", 1, "x", NULL), 0);
    assert_int_equal(world_put(w, S1, "fed", "k1", 1, "x", NULL), 0);
    sweep_agreed(w);
}

static int64_t revision;
static int s1_revises(struct sweep *x)
{
    return sweep_put(x, S1, "fed", "k0", revision);
}

static void keyframe(struct sweep *x)
{
    for (revision = 2; revision < 9; revision++) {
        sweep_do(x, "s1 revises", s1_revises, true);
        sweep_pass(x, 3000);
    }
    sweep_pass(x, 2 * MINUTE);
}

/* s2 was away meanwhile: it jumps. */
static void away_for_long(struct world *w)
{
    short_memory(w);
    world_stop(w, S2);
    w->node[D1].cut = true;
    for (int64_t r = 2; r < 12; r++) {
        assert_int_equal(world_put(w, S1, "fed", "k0", r, "x", NULL), 0);
        world_run(w, 3000);
    }
    world_run(w, MINUTE);
    assert_true(mem_store_compacted(w->node[S1].mem) > 0);
    world_start(w, S2);
    w->node[S2].cut = true;
    world_run(w, MINUTE);
}

/* ---- put back ---- */

static struct mem_store *snap; /* copied by the fork with everything else */

static void drop_snap(void)
{
    mem_store_free(snap);
    snap = NULL;
}

static void put_back(struct world *w)
{
    plain_town(w);
    assert_int_equal(world_put(w, S1, "fed", "v1", 1, "one", NULL), 0);
    snap = mem_store_snapshot(w->node[S1].mem);
    assert_int_equal(world_put(w, S1, "fed", "v2", 1, "two", NULL), 0);
    assert_int_equal(world_put(w, S1, "fed", "v1", 2, "after", NULL), 0);
    sweep_agreed(w);
    world_crash(w, S1);
    mem_store_restore(w->node[S1].mem, snap);
    drop_snap();
    w->node[S1].cut = true;
    world_start(w, S1);
}

static int suspects(struct sweep *x)
{
    world_in(&x->w, S1);
    return world_out(&x->w, S1, sync_suspect(x->w.node[S1].s));
}

static int s1_goes_on(struct sweep *x)
{
    return sweep_put(x, S1, "fed", "v3", 1);
}

static int s1_at_odds(struct sweep *x)
{
    return sweep_put(x, S1, "fed", "v1", 2);
}

static void restored(struct sweep *x)
{
    sweep_do(x, "s1 suspects", suspects, true);
    sweep_do(x, "s1 goes on", s1_goes_on, true);
    sweep_do(x, "s1 writes v1 again", s1_at_odds, true);
    x->w.node[S1].cut = false;
    sweep_pass(x, 20 * MINUTE);
}

/* Without a doubt: two histories. */
static void forked_town(struct world *w)
{
    put_back(w);
    assert_int_equal(world_put(w, S1, "fed", "b1", 1, "b", NULL), 0);
    assert_int_equal(world_put(w, S1, "fed", "b2", 1, "b", NULL), 0);
    world_run(w, MINUTE);
}

static void two_histories(struct sweep *x)
{
    x->w.node[S1].cut = false;
    sweep_pass(x, 20 * MINUTE);
    sweep_do(x, "s1 goes on", s1_goes_on, true);
    sweep_pass(x, 5 * MINUTE);
}

/* What a child alone holds of the old epoch comes late, after a keyframe of the new one. */
static void late_town(struct world *w)
{
    short_memory(w);
    assert_int_equal(world_put(w, D1, "fed", "v0", 1, "v", NULL), 0);
    sweep_agreed(w);
    snap = mem_store_snapshot(w->node[D1].mem);
    w->node[D1].cut = w->node[S2].cut = true;
    assert_int_equal(world_put(w, D1, "fed", "tail", 1, "t", NULL), 0);
    world_run(w, MINUTE);
    w->node[S1].cut = true;
    world_crash(w, D1);
    mem_store_restore(w->node[D1].mem, snap);
    drop_snap();
    w->node[D1].cut = w->node[S2].cut = false;
    world_start(w, D1);
    assert_int_equal(sync_suspect(w->node[D1].s), 0);
    world_run(w, MINUTE);
    for (int64_t r = 2; r < 12; r++) {
        assert_int_equal(world_put(w, D1, "fed", "v0", r, "v", NULL), 0);
        world_run(w, 2000);
    }
    world_run(w, 10 * MINUTE);
    assert_true(mem_store_compacted(w->node[D1].mem) > 0);
}

static void late(struct sweep *x)
{
    x->w.node[S1].cut = false;
    sweep_pass(x, 20 * MINUTE);
}

/* ---- beats, heads, healing ---- */

static void talk(struct world *w, int64_t beat_ms)
{
    sweep_town(w, 403, 0, beat_ms);
    for (int k = 0; k < 4; k++) {
        char id[8];
        (void)snprintf(id, sizeof(id), "b%d", k);
        assert_int_equal(world_put(w, S1, "fed", id, 1, "words", NULL), 0);
    }
    sweep_agreed(w);
}

static void talkative(struct world *w)
{
    talk(w, 5 * MINUTE);
}

static void beats(struct sweep *x)
{
    sweep_pass(x, 12 * MINUTE);
}

static void forget_views(struct world *w, int at, int by)
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
    const struct sync *s = w->node[at].s;
    int i = sync__stream_newest(s, w->node[by].id.s, "fed");
    assert_true(i >= 0);
    for (size_t k = 0; k < m->tab[TAB_BUNDLE].n; k++) {
        struct bundle_r *b = mem__at(m, TAB_BUNDLE, k);
        if (!b->row.is_dead && b->b.no == s->streams[i].row.no && b->b.seq == seq) {
            struct span f = mem__bytes(m, b->b.frame);
            ((uint8_t *)(uintptr_t)f.p)[f.n / 2] ^= 0x10;
            b->b.frame = f;
            return;
        }
    }
    fail_msg("no such bundle");
}

static void damaged(struct world *w, int at)
{
    talk(w, 20 * MINUTE);
    forget_views(w, at, S1);
    flip(w, at, S1, 2);
}

static void damaged_street(struct world *w)
{
    damaged(w, S2);
}

static void damaged_city(struct world *w)
{
    damaged(w, CITY);
}

/* What failed is tried again after an hour. */
static void heals(struct sweep *x)
{
    sweep_pass(x, 100 * MINUTE);
}

static int64_t wanted_no;
static int wants(struct sweep *x)
{
    world_in(&x->w, S1);
    return world_out(&x->w, S1, sync_want(x->w.node[S1].s, wanted_no, 2));
}

/* An own bundle is damaged: it comes back from whoever holds it. */
static void damaged_own(struct world *w)
{
    talkative(w);
    flip(w, S1, S1, 2);
    const struct sync *s = w->node[S1].s;
    wanted_no = s->streams[sync__stream_newest(s, w->node[S1].id.s, "fed")].row.no;
}

static void asks_for_its_own(struct sweep *x)
{
    sweep_do(x, "s1 asks for it", wants, true);
    sweep_pass(x, 5 * MINUTE);
}

/* ---- erasure ---- */

static void a_person(struct world *w)
{
    char aud[LIM_AUD_BYTES + 1];
    plain_town(w);
    for (int64_t r = 1; r < 4; r++) {
        assert_int_equal(world_put(w, S1, "fed", "person", r, "Wang", NULL), 0);
        assert_int_equal(world_put(w, S1, "fed", "other", r, "nobody", NULL), 0);
    }
    assert_int_equal(world_put(w, S1, world_aud(w, "up:@city", aud), "person", 4, "Wang", NULL), 0);
    sweep_agreed(w);
}

static int erases(struct sweep *x)
{
    struct sync *s = x->w.node[S1].s;
    const struct sync_erase what = {.id = "person", .why = "person"};
    struct sync_tick t;
    int64_t n = 0;
    world_tick(&x->w, S1, &t);
    world_in(&x->w, S1);
    int r = sync__tx_begin(s);
    if (r == 0) {
        r = sync_erase(s, &t, &what, &n);
        r = sync__tx_end(s, r);
    }
    (void)world_out(&x->w, S1, r);
    if (r == 0) {
        world_event(&x->w, S1, SEV_LOCAL);
    }
    return r;
}

static void erasure(struct sweep *x)
{
    sweep_do(x, "s1 erases", erases, true);
    sweep_pass(x, 2 * MINUTE);
}

/* ---- another key, another place ---- */

static const uint8_t new_sign[SIGN_SEED_LEN] = {7}, new_seal[SEAL_SEED_LEN] = {8};

static int rekeys(struct sweep *x)
{
    struct sync_tick t;
    struct wnode *n = &x->w.node[S1];
    struct sync_new_key k = {.sign_seed = new_sign, .seal_seed = new_seal, .tls = n->tls};
    world_tick(&x->w, S1, &t);
    world_in(&x->w, S1);
    int r = world_out(&x->w, S1, sync_rekey(n->s, &t, &k));
    if (r == 0) {
        memcpy(n->sign_seed, new_sign, sizeof(new_sign));
        memcpy(n->seal_seed[0], new_seal, sizeof(new_seal));
        world_event(&x->w, S1, SEV_NOW);
    }
    return r;
}

static void rekey(struct sweep *x)
{
    sweep_do(x, "s1 takes a new key", rekeys, true);
    sweep_pass(x, 5 * MINUTE);
    sweep_do(x, "s1 writes", s1_for_all, true);
    sweep_pass(x, MINUTE);
}

/* ---- lost ---- */

static int recovers(struct sweep *x)
{
    struct arena *a = arena_new(1 << 20);
    struct msg_invite in;
    int r = world_recover(&x->w, S1, true, &in, a);
    arena_free(a);
    return r;
}

static void written_town(struct world *w)
{
    plain_town(w);
    assert_int_equal(world_put(w, S1, "fed", "a", 1, "a", NULL), 0);
    sweep_agreed(w);
}

static void recover(struct sweep *x)
{
    sweep_do(x, "s1 comes back", recovers, false);
    sweep_pass(x, 2 * MINUTE);
}

static const struct sweep_scene scenes[] = {
    SCENE("exchange", "s1 d1 city s2", plain_town, exchange),
    SCENE("morning", "s2 d1 city", a_night, morning),
    SCENE("join", "d1 city", plain_town, join),
    SCENE("keyframe", "s1 d1", short_memory, keyframe),
    SCENE("jump", "s2 d1", away_for_long, morning),
    SCENE("restored", "s1 d1", put_back, restored),
    SCENE("fork", "s1 d1 city", forked_town, two_histories),
    SCENE("late", "d1 s1", late_town, late),
    SCENE("beats", "city d1 s1", talkative, beats),
    SCENE("heal", "s2 d1", damaged_street, heals),
    SCENE("heal-top", "city", damaged_city, heals),
    SCENE("want", "s1 d1", damaged_own, asks_for_its_own),
    SCENE("erase", "s1 d1", a_person, erasure),
    SCENE("rekey", "s1 d1", plain_town, rekey),
    UNLIKE("recover", "d1 city", written_town, recover),
};

int main(int argc, char **argv)
{
    return sweep_all("sync_storefail", scenes, sizeof(scenes) / sizeof(scenes[0]), argc, argv);
}
