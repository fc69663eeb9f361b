/* SPDX-License-Identifier: Apache-2.0 */
/* Growth from the middle: a district's federation comes under a city's root, and another one after
 * it. Nodes keep ids, keys, streams and records; from then on each side sees the other's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/world.h"

#include "protocol/bundle.h"

#include <string.h>

struct fed {
    int top;
    uint8_t g[HASH_LEN], root_seed[SIGN_SEED_LEN];
};

static void found(struct world *w, struct fed *f, const char *name, int64_t lv)
{
    f->top = world_genesis(w, name, lv);
    memcpy(f->g, w->g, HASH_LEN);
    memcpy(f->root_seed, w->root_seed, SIGN_SEED_LEN);
}

/* The root key lies in a safe: it signs a text, the top carries it. */
static void root_says(struct world *w, const struct fed *f, struct act *a, uint8_t *ret_hash)
{
    struct sign_key *k = sign_key_new(f->root_seed);
    struct sync_tick tick;
    struct act_co co;
    struct buf text;
    world_tick(w, f->top, &tick);
    a->has_g = true;
    memcpy(a->g, f->g, HASH_LEN);
    a->ts = tick.now_ms;
    buf_init(&text, LIM_ITEM_BYTES);
    assert_int_equal(act_write(a, &text), 0);
    assert_int_equal(act_sign(span_of(text.data, text.len), k, &co), 0);
    act_hash(span_of(text.data, text.len), ret_hash);
    assert_int_equal(sync_act(w->node[f->top].s, &tick, a, &co, 1, false), 0);
    world_event(w, f->top, SEV_LOCAL);
    buf_done(&text);
    sign_key_free(k);
}

/* ---- what a stick carries: every trust bundle that one node holds ---- */

struct stick {
    struct world *w;
    int to;
    size_t taken, later;
};

static int carry_one(const struct sync_bundle_row *row, void *arg)
{
    struct stick *x = arg;
    struct sync_accept acc;
    struct sync_tick tick;
    world_tick(x->w, x->to, &tick);
    sync_accept_frame(x->w->node[x->to].s, &tick, row->frame, &acc);
    x->taken += acc.err == 0;
    x->later += acc.err == SANJI_E_UNKNOWN_KEY || acc.err == SANJI_E_GAP;
    if (acc.err != 0 && acc.err != SANJI_E_UNKNOWN_KEY && acc.err != SANJI_E_GAP) {
        assert_int_equal(acc.err, SANJI_E_OLD);
    }
    return 0;
}

struct trust_of {
    int64_t no[64];
    size_t n;
};

static int trust_stream(const struct sync_stream_row *row, void *arg)
{
    struct trust_of *x = arg;
    if (strcmp(row->key.aud, "trust") == 0) {
        assert_true(x->n < 64);
        x->no[x->n++] = row->no;
    }
    return 0;
}

/* Until nothing more is taken: what waits for a key comes with the next turn. */
static size_t carry(struct world *w, int from, int to)
{
    const struct sync_store *src = mem_store_port(w->node[from].mem);
    const struct sync_store *dst = mem_store_port(w->node[to].mem);
    struct stick x = {.w = w, .to = to};
    struct trust_of t = {.n = 0};
    size_t before;
    assert_int_equal(src->streams(src->ctx, trust_stream, &t), 0);
    do {
        before = x.taken;
        x.later = 0;
        assert_int_equal(dst->begin(dst->ctx), 0);
        for (size_t i = 0; i < t.n; i++) {
            assert_true(src->bundles(src->ctx, t.no[i], 0, SIZE_MAX, carry_one, &x) >= 0);
        }
        assert_int_equal(dst->commit(dst->ctx), 0);
    } while (x.taken > before);
    world_event(w, to, SEV_LOCAL);
    return x.later;
}

/* ---- the ceremony ---- */

static void join(struct world *w, const struct fed *old, const struct fed *new, int64_t lv)
{
    uint8_t handed[HASH_LEN], adopted[HASH_LEN];
    struct act_head head = {.aud = "trust"};
    const struct roster *r = sync_roster(w->node[old->top].s);
    size_t n = 0;
    struct act a = {.type = ACT_HANDOVER, .n = w->node[old->top].id, .heads = &head};
    memcpy(a.after, roster_node(r, a.n.s)->last, HASH_LEN);
    memcpy(a.to, new->g, HASH_LEN);
    assert_int_equal(sync_heads_of(w->node[old->top].s, a.n.s, true, &head, 1, &n), 0);
    a.n_heads = n;
    root_says(w, old, &a, handed);
    /* the new root's signature alone joins nothing yet */
    struct act b = {.type = ACT_ADOPT, .n = w->node[old->top].id, .up = w->node[new->top].id};
    b.lv = lv;
    memcpy(b.after, handed, HASH_LEN);
    memcpy(b.prev, handed, HASH_LEN);
    memcpy(b.to, old->g, HASH_LEN);
    root_says(w, new, &b, adopted);
    const struct roster *rn = sync_roster(w->node[new->top].s);
    assert_null(roster_node(rn, w->node[old->top].id.s));
    /* sticks, both ways, and a line between the two */
    w->node[old->top].up = new->top;
    assert_int_equal(carry(w, old->top, new->top), 0);
    assert_non_null(roster_node(rn, w->node[old->top].id.s));
    assert_string_equal(roster_node(rn, w->node[old->top].id.s)->up.s, w->node[new->top].id.s);
    assert_int_equal(carry(w, new->top, old->top), 0);
    assert_memory_equal(roster_g(r), new->g, HASH_LEN);
    assert_string_equal(roster_top(r)->id.s, w->node[new->top].id.s);
}

static bool shows(struct world *w, int at, int owner, const char *id)
{
    struct mem_seen seen;
    return mem_store_record(w->node[at].mem, w->node[owner].id.s, id, &seen) == 0;
}

struct everywhere {
    int owner;
    const char *id;
};

static bool all_show(struct world *w, void *arg)
{
    const struct everywhere *x = arg;
    for (int i = 0; i < w->n; i++) {
        if (!shows(w, i, x->owner, x->id)) {
            return false;
        }
    }
    return true;
}

static void reaches_all(struct world *w, int owner, const char *id)
{
    struct everywhere x = {owner, id};
    if (!world_until(w, 120000, all_show, &x)) {
        for (int i = 0; i < w->n; i++) {
            print_message("%s of %d at %d: %d\n", id, owner, i, shows(w, i, owner, id));
        }
        fail_msg("%s does not reach everybody", id);
    }
}

static void same_roster(struct world *w)
{
    for (int i = 1; i < w->n; i++) {
        const struct roster *a = sync_roster(w->node[0].s), *b = sync_roster(w->node[i].s);
        assert_memory_equal(roster_g(a), roster_g(b), HASH_LEN);
        assert_int_equal(roster_count(a), roster_count(b));
        for (size_t k = 0; k < roster_count(a); k++) {
            assert_string_equal(roster_at(a, k)->id.s, roster_at(b, k)->id.s);
            assert_string_equal(roster_at(a, k)->up.s, roster_at(b, k)->up.s);
            assert_int_equal(roster_at(a, k)->lv, roster_at(b, k)->lv);
        }
    }
}

/* How many epochs of (by, fed) does this node hold, and of which federation is the newest? */
struct epochs {
    const char *by;
    int64_t no, seq;
    uint32_t ep;
};

static int fed_epoch(const struct sync_stream_row *row, void *arg)
{
    struct epochs *x = arg;
    if (strcmp(row->key.aud, "fed") == 0 && strcmp(row->key.by.s, x->by) == 0 &&
        row->key.ep > x->ep) {
        x->ep = row->key.ep;
        x->no = row->no;
        x->seq = row->seq;
    }
    return 0;
}

static uint32_t newest_epoch(struct world *w, int at, int by)
{
    const struct sync_store *st = mem_store_port(w->node[at].mem);
    struct epochs x = {.by = w->node[by].id.s};
    assert_int_equal(st->streams(st->ctx, fed_epoch, &x), 0);
    return x.ep;
}

static void a_district_comes_under_a_city(void **state)
{
    (void)state;
    struct world w;
    struct fed city, d9, d8;
    world_init(&w, 71);
    found(&w, &d9, "d9", 30);
    int s9 = world_enrol(&w, d9.top, "s9", 40, true);
    assert_true(s9 >= 0);
    world_run(&w, 20000);
    assert_int_equal(world_put(&w, s9, "fed", "before", 1, "x", NULL), 0);
    found(&w, &city, "city", 20);
    int d1 = world_enrol(&w, city.top, "d1", 30, true);
    assert_true(d1 >= 0);
    world_run(&w, 20000);
    int s1 = world_enrol(&w, d1, "s1", 40, true);
    assert_true(s1 >= 0);
    world_run(&w, 20000);
    assert_int_equal(world_put(&w, s1, "fed", "city-before", 1, "x", NULL), 0);
    world_run(&w, 20000);
    assert_true(shows(&w, d9.top, s9, "before") && !shows(&w, city.top, s9, "before"));
    join(&w, &d9, &city, 30);
    /* what was there before reaches the others, in its old epochs */
    reaches_all(&w, s9, "before");
    reaches_all(&w, s1, "city-before");
    same_roster(&w);
    /* the next record opens an epoch of the new federation, once */
    assert_int_equal(newest_epoch(&w, city.top, s9), 1);
    assert_int_equal(world_put(&w, s9, "fed", "after", 1, "x", NULL), 0);
    assert_int_equal(world_put(&w, s9, "fed", "before", 2, "y", NULL), 0);
    assert_int_equal(world_put(&w, s1, "fed", "city-after", 1, "x", NULL), 0);
    reaches_all(&w, s9, "after");
    reaches_all(&w, s1, "city-after");
    assert_int_equal(newest_epoch(&w, city.top, s9), 2);
    assert_int_equal(newest_epoch(&w, d9.top, s1), 1);
    /* a referral across, and one that began before */
    static const uint8_t cek[32] = {9};
    const char *d = "{\"subject_kind\":\"org\",\"reason\":\"policy\",\"title\":\"x\"}";
    assert_int_equal(world_referral(&w, s9, s1, "t1", 1, 0, "i", "send", d, cek), 0);
    world_run(&w, 60000);
    struct ref_fold f;
    assert_int_equal(mem_store_thread(w.node[s1].mem, w.node[s9].id.s, "t1", &f), 0);
    assert_int_equal(f.state, RS_SENT);
    /* the old root says nothing more, its registrar goes on under the new one */
    int s90 = world_enrol(&w, d9.top, "s90", 40, true);
    assert_true(s90 >= 0);
    reaches_all(&w, s9, "after"); /* also at the newcomer */
    /* a second federation joins, and meets the first there */
    found(&w, &d8, "d8", 30);
    int s8 = world_enrol(&w, d8.top, "s8", 40, true);
    assert_true(s8 >= 0);
    world_run(&w, 20000);
    assert_int_equal(world_put(&w, s8, "fed", "eight", 1, "x", NULL), 0);
    join(&w, &d8, &city, 30);
    reaches_all(&w, s8, "eight");
    reaches_all(&w, s9, "before");
    same_roster(&w);
    /* and all of it is found again after a restart */
    for (int i = 0; i < w.n; i++) {
        world_stop(&w, i);
        world_start(&w, i);
    }
    assert_int_equal(world_put(&w, s8, "fed", "eight-after", 1, "x", NULL), 0);
    reaches_all(&w, s8, "eight-after");
    assert_int_equal(newest_epoch(&w, s9, s8), 2);
    same_roster(&w);
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_district_comes_under_a_city),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
