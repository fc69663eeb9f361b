/* SPDX-License-Identifier: Apache-2.0 */
/* The store fails at every place that calls it, as in test_sync_storefail.c: sticks, moves, stolen
 * keys, copied machines and lost branches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sync/ferry.h"
#include "sync/internal.h"
#include "tests/support/sweep.h"
#include "tests/support/world_check.h"

#include <stdio.h>
#include <string.h>

enum { D2 = 4 };
enum { HEADS = 64 };

static void plain(struct world *w)
{
    sweep_town(w, 411, 0, 0);
}

static void two_districts(struct world *w, int64_t key_items)
{
    sweep_town(w, 412, key_items, 0);
    assert_int_equal(world_enrol(w, CITY, "d2", 30, true), D2);
    sweep_agreed(w);
}

static int s1_writes(struct sweep *x)
{
    return sweep_put(x, S1, "fed", "w", 1);
}

static int s1_writes_more(struct sweep *x)
{
    return sweep_put(x, S1, "fed", "more", 1);
}

/* ---- sticks ---- */

enum { PARTS_MAX = 8 };
static struct buf part[PARTS_MAX];
static size_t n_parts;

static int sink(const void *p, size_t n, void *arg)
{
    return buf_put(arg, p, n);
}

static void parts_drop(void)
{
    while (n_parts > 0) {
        buf_done(&part[--n_parts]);
    }
}

static int pack(struct sweep *x, int from, int to)
{
    struct world *w = &x->w;
    const struct sync_ferry_order order = {
        .to = w->node[to].id.s, .seal = true, .part_bytes = LIM_FERRY_PART_BYTES};
    struct sync_ferry_out *o = NULL;
    struct sync_tick t;
    parts_drop();
    world_tick(w, from, &t);
    world_in(w, from);
    int r = sync_ferry_out_new(w->node[from].s, &t, &order, &o);
    while (r == 0 && (r = sync_ferry_out_plan(o, 500)) > 0) {
        r = 0;
    }
    for (int64_t i = 1; r == 0 && i <= sync_ferry_out_about(o)->parts; i++) {
        buf_init(&part[n_parts], 1 << 24);
        do {
            r = sync_ferry_out_part(o, &t, i, 500, sink, &part[n_parts]);
        } while (r > 0);
        n_parts++;
    }
    r = r < 0 ? r : sync_ferry_out_done(o, &t);
    sync_ferry_out_free(o);
    return world_out(w, from, r);
}

static void no_item(const struct sync_ferry_item *it, void *arg)
{
    (void)it;
    (void)arg;
}

static int take(struct sweep *x, int at)
{
    struct world *w = &x->w;
    int r = 0;
    for (size_t i = 0; r == 0 && i < n_parts; i++) {
        struct sync_ferry_in *in = NULL;
        struct sync_tick t;
        world_in(w, at);
        r = sync_ferry_in_new(w->node[at].s, no_item, NULL, &in);
        r = r < 0 ? r : sync_ferry_in_give(in, span_of(part[i].data, part[i].len));
        r = r < 0 ? r : sync_ferry_in_give(in, span_of(part[i].data, 0));
        do {
            world_tick(w, at, &t);
            r = r < 0 ? r : sync_ferry_in_run(in, &t, 600);
        } while (r > 0);
        (void)world_out(w, at, r);
        if (r == 0) {
            const struct sync_ferry_report *rep = sync_ferry_in_report(in);
            r = rep->err < 0 ? rep->err : rep->refused + rep->waiting > 0 ? SANJI_E_REFUSED : 0;
        }
        sync_ferry_in_free(in);
    }
    if (r == 0) {
        world_event(w, at, SEV_LOCAL);
    }
    return r;
}

static int receipt(struct sweep *x, int from, int to)
{
    struct world *w = &x->w;
    struct sync_tick t;
    parts_drop();
    buf_init(&part[n_parts++], 1 << 20);
    world_tick(w, from, &t);
    world_in(w, from);
    return world_out(w, from,
                     sync_ferry_receipt(w->node[from].s, &t, w->node[to].id.s, sink, &part[0]));
}

static int s1_packs(struct sweep *x)
{
    return pack(x, S1, D1);
}

static int d1_takes(struct sweep *x)
{
    return take(x, D1);
}

static int d1_acknowledges(struct sweep *x)
{
    return receipt(x, D1, S1);
}

static int s1_takes(struct sweep *x)
{
    return take(x, S1);
}

static int d1_packs(struct sweep *x)
{
    return pack(x, D1, S1);
}

static int keeps_note(const char *node, const struct sync_ferry_note *n, void *arg)
{
    (void)node;
    (void)n;
    ++*(int *)arg;
    return 0;
}

static int d1_looks(struct sweep *x)
{
    int n = 0;
    return sync_ferry_notes(x->w.node[D1].s, keeps_note, &n);
}

static void no_line(struct world *w)
{
    plain(w);
    w->node[S1].cut = true;
    world_run(w, 1000);
    for (int k = 0; k < 3; k++) {
        char id[8];
        (void)snprintf(id, sizeof(id), "f%d", k);
        assert_int_equal(world_put(w, S1, "fed", id, 1, "x", NULL), 0);
        assert_int_equal(world_put(w, D1, "fed", id, 1, "x", NULL), 0);
    }
    world_run(w, MINUTE);
}

static void sticks(struct sweep *x)
{
    sweep_do(x, "s1 packs", s1_packs, false);
    sweep_do(x, "d1 takes", d1_takes, false);
    sweep_do(x, "d1 acknowledges", d1_acknowledges, true);
    sweep_do(x, "s1 takes the receipt", s1_takes, false);
    sweep_do(x, "d1 packs", d1_packs, false);
    sweep_do(x, "s1 takes", s1_takes, false);
    sweep_do(x, "d1 looks", d1_looks, true);
    x->w.node[S1].cut = false;
    sweep_pass(x, 5 * MINUTE);
    parts_drop();
}

/* In doubt about itself and reached by sticks alone. */
static void doubtful(struct world *w)
{
    no_line(w);
    assert_int_equal(sync_suspect(w->node[S1].s), 0);
    assert_int_equal(sync_self_state(w->node[S1].s), SYNC_SELF_UNCONFIRMED);
}

static void asks_by_stick(struct sweep *x)
{
    sweep_do(x, "s1 asks", s1_packs, false);
    sweep_do(x, "d1 takes", d1_takes, false);
    sweep_do(x, "d1 answers", d1_packs, false);
    sweep_do(x, "s1 takes", s1_takes, false);
    if (x->bad[0] == '\0' && sync_self_state(x->w.node[S1].s) != SYNC_SELF_OK) {
        sweep_wrong(x, "s1 is still in doubt");
    }
    sweep_do(x, "s1 writes", s1_writes, true);
    x->w.node[S1].cut = false;
    sweep_pass(x, 5 * MINUTE);
    parts_drop();
}

/* ---- acts ---- */

static int say(struct sweep *x, int author, enum act_type type, int subject, struct act *a)
{
    struct world *w = &x->w;
    struct sync *s = w->node[author].s;
    struct sync_tick t;
    int r = sync__fresh(s);
    if (r < 0) {
        return r;
    }
    const struct roster_node *n = roster_node(sync_roster(s), w->node[subject].id.s);
    a->type = type;
    a->has_g = true;
    memcpy(a->g, w->g, HASH_LEN);
    a->by = w->node[author].id;
    a->n = n->id;
    memcpy(a->after, n->last, HASH_LEN);
    world_tick(w, author, &t);
    a->ts = t.now_ms;
    world_in(w, author);
    r = world_out(w, author, sync_act(s, &t, a, NULL, 0, false));
    if (r == 0) {
        world_event(w, author, SEV_LOCAL);
    }
    return r;
}

static int city_moves_s1(struct sweep *x)
{
    struct act_head head[HEADS];
    struct act a = {.up = x->w.node[D2].id, .hist_all = true, .heads = head};
    int r = sync_heads_of(x->w.node[CITY].s, x->w.node[D1].id.s, true, head, HEADS, &a.n_heads);
    return r < 0 ? r : say(x, CITY, ACT_MOVE, S1, &a);
}

static bool s1_knows_d2(struct world *w, void *arg)
{
    (void)arg;
    const struct roster_node *n = roster_node(sync_roster(w->node[S1].s), w->node[S1].id.s);
    return n != NULL && strcmp(n->up.s, w->node[D2].id.s) == 0;
}

static void with_d2(struct world *w)
{
    two_districts(w, 0);
    char aud[LIM_AUD_BYTES + 1];
    assert_int_equal(world_put(w, S1, "fed", "a", 1, "a", NULL), 0);
    assert_int_equal(world_put(w, S1, world_aud(w, "up:@city", aud), "b", 1, "b", NULL), 0);
    sweep_agreed(w);
}

static void moves(struct sweep *x)
{
    sweep_do(x, "the city moves s1", city_moves_s1, true);
    if (x->bad[0] == '\0' && !world_until(&x->w, 60 * MINUTE, s1_knows_d2, NULL)) {
        sweep_wrong(x, "s1 never hears of it");
    }
    x->w.node[S1].up = D2; /* its line goes there now */
    sweep_pass(x, 20 * MINUTE);
    sweep_do(x, "s1 writes", s1_writes, true);
    sweep_pass(x, 5 * MINUTE);
}

static int s2_for_s1(struct sweep *x)
{
    char item[400];
    (void)snprintf(item, sizeof(item),
                   "{\"id\":\"st\",\"k\":\"listing/1\",\"op\":\"put\",\"r\":1,"
                   "\"z\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"for\":\"%s\",\"d\":{\"kind\":\"venue\","
                   "\"title\":\"x\"}}",
                   x->w.node[S1].id.s);
    return world_write(&x->w, D2, "fed", item, NULL);
}

static int city_names_a_steward(struct sweep *x)
{
    struct act a = {.st = x->w.node[D2].id};
    return say(x, CITY, ACT_STEWARD, S1, &a);
}

static int city_names_another(struct sweep *x)
{
    struct act a = {.st = x->w.node[D1].id};
    return say(x, CITY, ACT_STEWARD, S1, &a);
}

static void stewards(struct sweep *x)
{
    sweep_do(x, "d2 writes for s1", s2_for_s1, true);
    sweep_pass(x, MINUTE);
    sweep_do(x, "the city names d2", city_names_a_steward, true);
    sweep_pass(x, MINUTE);
    sweep_do(x, "the city names d1", city_names_another, true);
    sweep_pass(x, 3 * MINUTE);
}

/* ---- a key that was stolen ---- */

static int d1_cuts_s1(struct sweep *x)
{
    struct world *w = &x->w;
    struct act_head head[HEADS];
    struct act a = {.why = "stolen", .heads = head};
    int r = sync_heads_of(w->node[D1].s, w->node[S1].id.s, false, head, HEADS, &a.n_heads);
    if (r == 0) {
        const struct roster_node *n = roster_node(sync_roster(w->node[D1].s), w->node[S1].id.s);
        a.kid = n->keys[n->n_keys - 1].kid;
        r = say(x, D1, ACT_CUT, S1, &a);
    }
    w->node[S1].revoked = r == 0;
    return r;
}

/* s1 has said more than its parent holds when the cut is made: that is void everywhere. */
static void behind_the_cut(struct world *w)
{
    plain(w);
    assert_int_equal(world_put(w, S1, "fed", "a", 1, "a", NULL), 0);
    sweep_agreed(w);
    w->node[S1].cut = true;
    world_run(w, 1000);
    assert_int_equal(world_put(w, S1, "fed", "b", 1, "b", NULL), 0);
    assert_int_equal(world_put(w, S1, "fed", "c", 1, "c", NULL), 0);
}

static void cuts(struct sweep *x)
{
    sweep_do(x, "d1 cuts s1's key", d1_cuts_s1, true);
    sweep_pass(x, MINUTE);
    x->w.node[S1].cut = false;
    sweep_pass(x, 20 * MINUTE);
}

/* ---- what waits for its proof: private bundles under a key that has ended ---- */

static const uint8_t new_sign[SIGN_SEED_LEN] = {7}, new_seal[SEAL_SEED_LEN] = {8}, cek[32] = {5};
static const char send_d[] = "{\"subject_kind\":\"org\",\"reason\":\"policy\",\"title\":\"a\"}";

static void old_letters(struct world *w)
{
    struct sync_tick t;
    plain(w);
    w->node[S2].cut = true;
    world_run(w, 1000);
    for (int k = 0; k < 3; k++) {
        char id[8];
        (void)snprintf(id, sizeof(id), "r%d", k);
        assert_int_equal(world_referral(w, S1, S2, id, 1, 0, "i", "send", send_d, cek), 0);
    }
    world_run(w, MINUTE);
    struct wnode *n = &w->node[S1];
    struct sync_new_key k = {.sign_seed = new_sign, .seal_seed = new_seal, .tls = n->tls};
    world_tick(w, S1, &t);
    assert_int_equal(sync_rekey(n->s, &t, &k), 0);
    memcpy(n->sign_seed, new_sign, sizeof(new_sign));
    memcpy(n->seal_seed[0], new_seal, sizeof(new_seal));
    world_event(w, S1, SEV_NOW);
    world_run(w, 5 * MINUTE);
    assert_int_equal(sync_rekey_state(n->s), 0);
    assert_int_equal(world_referral(w, S1, S2, "r9", 1, 0, "i", "send", send_d, cek), 0);
    world_run(w, MINUTE);
}

static void letters_come(struct sweep *x)
{
    x->w.node[S2].cut = false;
    world_event(&x->w, S2, SEV_NOW);
    sweep_pass(x, 5 * MINUTE);
}

/* ---- the top's key: its root says it ---- */

static struct sign_key *root_key;

static int city_drafts(struct sweep *x)
{
    struct wnode *n = &x->w.node[CITY];
    struct sync_new_key k = {.sign_seed = new_sign, .seal_seed = new_seal, .tls = n->tls, .ts = 1};
    struct sync_tick t;
    struct buf text;
    buf_init(&text, LIM_ITEM_BYTES);
    world_tick(&x->w, CITY, &t);
    world_in(&x->w, CITY);
    int r = world_out(&x->w, CITY, sync_rekey_draft(n->s, &t, &k, &text));
    buf_done(&text);
    return r;
}

static int city_rekeys(struct sweep *x)
{
    struct wnode *n = &x->w.node[CITY];
    const struct sign_key *const root[] = {root_key};
    struct sync_new_key k = {
        .sign_seed = new_sign, .seal_seed = new_seal, .tls = n->tls, .root = root, .n_root = 1};
    struct sync_tick t;
    world_tick(&x->w, CITY, &t);
    world_in(&x->w, CITY);
    int r = world_out(&x->w, CITY, sync_rekey(n->s, &t, &k));
    if (r == 0) {
        memcpy(n->sign_seed, new_sign, sizeof(new_sign));
        memcpy(n->seal_seed[0], new_seal, sizeof(new_seal));
        world_event(&x->w, CITY, SEV_LOCAL);
    }
    return r;
}

static int city_writes(struct sweep *x)
{
    return sweep_put(x, CITY, "fed", "w", 1);
}

static void root_says(struct sweep *x)
{
    root_key = sign_key_new(x->w.root_seed);
    sweep_do(x, "the city drafts", city_drafts, true);
    sweep_do(x, "the city takes a new key", city_rekeys, true);
    sweep_pass(x, MINUTE);
    sweep_do(x, "the city writes", city_writes, true);
    sweep_pass(x, 3 * MINUTE);
    sign_key_free(root_key);
}

/* ---- two machines ---- */

static void copied(struct world *w)
{
    plain(w);
    assert_int_equal(world_put(w, S1, "fed", "a", 1, "a", NULL), 0);
    sweep_agreed(w);
    world_stop(w, S1);
    w->node[S1].inst[0] ^= 1;
    w->node[S1].cut = true;
    world_start(w, S1);
    world_run(w, MINUTE);
}

static int d1_believes(struct sweep *x)
{
    world_in(&x->w, D1);
    return world_out(&x->w, D1, sync_believe(x->w.node[D1].s, &x->w.node[S1].id));
}

static void clones(struct sweep *x)
{
    x->w.node[S1].cut = false;
    world_event(&x->w, S1, SEV_NOW);
    sweep_pass(x, 3 * MINUTE);
    if (x->bad[0] == '\0' && sync_self_state(x->w.node[S1].s) != SYNC_SELF_CLONE) {
        sweep_wrong(x, "s1 does not know that there are two of it");
    }
    sweep_do(x, "d1 believes it", d1_believes, true);
    world_event(&x->w, S1, SEV_NOW);
    sweep_pass(x, 10 * MINUTE);
    sweep_do(x, "s1 writes", s1_writes_more, true);
    sweep_pass(x, 5 * MINUTE);
}

/* ---- a branch that only one child holds ---- */

static void lost_branch(struct world *w)
{
    two_districts(w, 0);
    assert_int_equal(world_put(w, CITY, "fed", "v", 1, "v", NULL), 0);
    sweep_agreed(w);
    struct mem_store *snap = mem_store_snapshot(w->node[CITY].mem);
    w->node[D2].cut = true;
    assert_int_equal(world_put(w, CITY, "fed", "a1", 1, "a", NULL), 0);
    assert_int_equal(world_put(w, CITY, "fed", "a2", 1, "a", NULL), 0);
    world_run(w, MINUTE);
    world_crash(w, CITY);
    mem_store_restore(w->node[CITY].mem, snap);
    mem_store_free(snap);
    w->node[D1].cut = true;
    w->node[D2].cut = false;
    world_start(w, CITY);
    world_run(w, 20 * MINUTE);
    assert_int_equal(world_put(w, CITY, "fed", "b1", 1, "b", NULL), 0);
    world_run(w, MINUTE);
}

static void branch_comes(struct sweep *x)
{
    x->w.node[D1].cut = false;
    sweep_pass(x, 30 * MINUTE);
}

/* ---- questions ---- */

static int no_news(const struct sync_news *n, void *arg)
{
    (void)n;
    (void)arg;
    return 0;
}

static int city_asks_for_news(struct sweep *x)
{
    struct sync_tick t;
    world_tick(&x->w, CITY, &t);
    world_in(&x->w, CITY);
    return world_out(&x->w, CITY, sync_each_news(x->w.node[CITY].s, &t, no_news, NULL));
}

static int see_row(const struct enrol_row *r, void *arg)
{
    (void)r;
    (void)arg;
    return 0;
}

static int city_asks_who_waits(struct sweep *x)
{
    world_in(&x->w, CITY);
    return world_out(&x->w, CITY, enrol_each(x->w.node[CITY].s, see_row, NULL));
}

static int no_twice(const struct sync_twice *t, void *arg)
{
    (void)t;
    (void)arg;
    return 0;
}

static int city_asks_what_is_there_twice(struct sweep *x)
{
    return sync_twice_each(x->w.node[CITY].s, no_twice, NULL);
}

static void asked(struct sweep *x)
{
    sweep_do(x, "news", city_asks_for_news, true);
    sweep_do(x, "requests", city_asks_who_waits, true);
    sweep_do(x, "twice", city_asks_what_is_there_twice, true);
}

static const struct sweep_scene scenes[] = {
    SCENE("stick", "s1 d1", no_line, sticks),
    SCENE("doubt-stick", "s1 d1", doubtful, asks_by_stick),
    UNLIKE("move", "s1 d1 d2 city", with_d2, moves),
    SCENE("steward", "city d1", with_d2, stewards),
    UNLIKE("cut", "d1 s1 s2", behind_the_cut, cuts),
    UNLIKE("letters", "s2 d1", old_letters, letters_come),
    UNLIKE("root", "city d1", plain, root_says),
    UNLIKE("clone", "d1 s1", copied, clones),
    SCENE("branch", "city d1 d2", lost_branch, branch_comes),
    SCENE("questions", "city", plain, asked),
};

int main(int argc, char **argv)
{
    return sweep_all("sync_storefail_more", scenes, sizeof(scenes) / sizeof(scenes[0]), argc, argv);
}
