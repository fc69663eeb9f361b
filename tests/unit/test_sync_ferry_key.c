/* SPDX-License-Identifier: Apache-2.0 */
/* Keys where files are all there is: does a new key get its parent's signature by stick, and a lost
 * one the consent of the node above, with nothing else of what is carried being believed?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/act.h"
#include "protocol/ferry.h"
#include "sync/enrol.h"
#include "tests/support/mem_store.h"
#include "tests/support/stick.h"
#include "tests/support/story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t new_sign[SIGN_SEED_LEN] = {9, 1}, new_seal[SEAL_SEED_LEN] = {9, 2};

static void begin(struct teller *t, uint64_t seed)
{
    static const struct step three_tiers[] = {THREE_TIERS, {0}};
    world_init(&t->w, seed);
    story_go(t, three_tiers);
    cut_all(&t->w);
}

/* ---- what lies beside a file ---- */

struct letters {
    int n;
    char name[48];
    struct buf file; /* the last one */
};

static int keep(const char *name, struct span file, void *arg)
{
    struct letters *l = arg;
    l->n++;
    (void)snprintf(l->name, sizeof(l->name), "%s", name);
    buf_reset(&l->file);
    return buf_put(&l->file, file.p, file.n);
}

static int write_letters(struct world *w, const char *from, const char *to, struct letters *l)
{
    struct sync_tick t;
    int i = world_find(w, from);
    l->n = 0;
    l->name[0] = '\0';
    world_tick(w, i, &t);
    assert_int_equal(
        sync_ferry_requests(w->node[i].s, &t, w->node[world_find(w, to)].id.s, keep, l), 0);
    return l->n;
}

static struct sync_ferry_report give(struct world *w, const char *to, const struct letters *l)
{
    return take_part(w, to, &l->file);
}

static const struct roster_key *key_at(struct world *w, const char *at, const char *of)
{
    return roster_current_key(sync_roster(w->node[world_find(w, at)].s),
                              w->node[world_find(w, of)].id.s);
}

static void rotate(struct world *w, const char *who)
{
    struct sync_tick t;
    int i = world_find(w, who);
    world_tick(w, i, &t);
    struct sync_new_key k = {.sign_seed = new_sign, .seal_seed = new_seal, .tls = w->node[i].tls};
    assert_int_equal(sync_rekey(w->node[i].s, &t, &k), 0);
    world_event(w, i, SEV_LOCAL);
}

/* ---- a new key ---- */

static void one_stick_there_and_one_back(void **state)
{
    (void)state;
    struct teller t;
    struct letters l = {0};
    struct parcel p;
    begin(&t, 71);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1");
    buf_init(&l.file, 1 << 20);
    assert_int_equal(write_letters(w, "s1", "d1", &l), 0);
    rotate(w, "s1");
    assert_int_equal(world_put(w, s1, "fed", "new", 1, "under the new key", NULL), 0);
    assert_int_equal(write_letters(w, "s1", "city", &l), 0);
    assert_int_equal(write_letters(w, "s1", "d1", &l), 1);
    assert_int_equal(strncmp(l.name, "key-n", 5), 0);
    pack(w, "s1", "d1", &p);
    struct sync_ferry_report rep = take_part(w, "d1", &p.part[0]);
    assert_int_equal(rep.err, 0);
    assert_true(rep.vouched); /* by the old key */
    assert_true(rep.waiting > 0);
    struct key_id old = key_at(w, "d1", "s1")->kid;
    static const char *const others[] = {"city", "d2", "s2"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(give(w, others[i], &l).err, SANJI_E_AUDIENCE);
    }
    rep = give(w, "s1", &l); /* its own */
    assert_int_equal(rep.err, 0);
    for (int i = 0; i < 2; i++) { /* and once more */
        rep = give(w, "d1", &l);
        assert_int_equal(rep.err, 0);
        assert_int_equal(rep.request, FERRY_ASKS_KEY);
        assert_true(rep.done && rep.vouched);
        assert_string_not_equal(key_at(w, "d1", "s1")->kid.s, old.s);
    }
    rep = take_part(w, "d1", &p.part[0]);
    assert_int_equal(rep.waiting + rep.refused, 0);
    assert_int_equal(sync_rekey_state(w->node[s1].s), SANJI_E_PENDING);
    (void)carry(w, "d1", "s1");
    assert_int_equal(sync_rekey_state(w->node[s1].s), 0);
    assert_int_equal(write_letters(w, "s1", "d1", &l), 0);
    assert_int_equal(world_put(w, s1, "fed", "later", 1, "later", NULL), 0);
    assert_int_equal(carry(w, "s1", "d1"), 1);
    parcel_done(&p);
    buf_done(&l.file);
    world_done(w);
}

/* The parent has said something else about it meanwhile. */
static void overtaken(void **state)
{
    (void)state;
    struct teller t;
    struct letters l = {0};
    begin(&t, 72);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), d1 = world_find(w, "d1");
    buf_init(&l.file, 1 << 20);
    rotate(w, "s1");
    assert_int_equal(write_letters(w, "s1", "d1", &l), 1);
    struct act a = {.type = ACT_QUOTA, .has_g = true, .items = 7000};
    struct sync_tick tick;
    memcpy(a.g, w->g, HASH_LEN);
    a.by = w->node[d1].id;
    a.n = w->node[s1].id;
    memcpy(a.after, roster_node(sync_roster(w->node[d1].s), a.n.s)->last, HASH_LEN);
    world_tick(w, d1, &tick);
    a.ts = tick.now_ms;
    assert_int_equal(sync_act(w->node[d1].s, &tick, &a, NULL, 0, false), 0);
    assert_int_equal(give(w, "d1", &l).err, SANJI_E_CONFLICT);
    (void)carry(w, "d1", "s1");
    assert_int_equal(write_letters(w, "s1", "d1", &l),
                     1); /* the same keys and heads, written anew */
    struct sync_ferry_report rep = give(w, "d1", &l);
    assert_int_equal(rep.err, 0);
    assert_true(rep.done);
    (void)carry(w, "d1", "s1");
    assert_int_equal(sync_rekey_state(w->node[s1].s), 0);
    buf_done(&l.file);
    world_done(w);
}

/* An act about s1 by d1 that is not what s1 has signed. */
static void forge(struct world *w, struct act *a, const uint8_t seeds[][SIGN_SEED_LEN], size_t n,
                  struct buf *file)
{
    struct buf text, body;
    struct act_co co[4];
    struct frame_ctx *c = frame_ctx_new();
    buf_init(&text, LIM_ITEM_BYTES);
    buf_init(&body, LIM_ITEM_BYTES);
    a->ts = w->wall;
    assert_int_equal(act_write(a, &text), 0);
    for (size_t i = 0; i < n; i++) {
        struct sign_key *k = sign_key_new(seeds[i]);
        assert_int_equal(act_sign(span_of(text.data, text.len), k, &co[i]), 0);
        sign_key_free(k);
    }
    assert_int_equal(act_body_write(span_of(text.data, text.len), co, n, &body), 0);
    buf_reset(file);
    assert_int_equal(ferry_request_write(c, span_of(body.data, body.len), file), 0);
    frame_ctx_free(c);
    buf_done(&text);
    buf_done(&body);
}

/* What s1 would have to sign for a new key. */
static void good_act(struct world *w, struct act_head head[16], struct act *a)
{
    int s1 = world_find(w, "s1"), d1 = world_find(w, "d1");
    const struct roster_node *n = roster_node(sync_roster(w->node[d1].s), w->node[s1].id.s);
    struct sign_key *k = sign_key_new(new_sign);
    *a = (struct act){.type = ACT_KEY, .has_g = true, .has_sig = true, .has_seal = true};
    a->has_tls = true;
    memcpy(a->g, w->g, HASH_LEN);
    a->by = w->node[d1].id;
    a->n = n->id;
    memcpy(a->after, n->last, HASH_LEN);
    memcpy(a->sig, sign_key_pub(k), SIGN_PUB_LEN);
    assert_int_equal(seal_pub_of(new_seal, a->seal), 0);
    memcpy(a->tls, w->node[s1].tls, HASH_LEN);
    a->heads = head;
    assert_int_equal(sync_heads_of(w->node[s1].s, n->id.s, false, head, 16, &a->n_heads), 0);
    sign_key_free(k);
}

enum forgery {
    OLD_KEY_ALONE, /* a thief of the old key without a new one, */
    NEW_KEY_ALONE, /* and the other way round */
    OTHER_FEDERATION,
    OTHER_PARENT,
    OTHER_CHILD,
    HEADS_LEFT_OUT, /* what d1 holds of it would become void */
    OTHER_ACT,
    SAID_TO_BE_LOST, /* nobody here has approved that */
};

static void spoil(struct world *w, enum forgery what, struct act *a)
{
    struct act was = *a;
    switch (what) {
    case OLD_KEY_ALONE:
    case NEW_KEY_ALONE:
        break;
    case OTHER_FEDERATION:
        a->g[0] ^= 1;
        break;
    case OTHER_PARENT:
        a->by = w->node[world_find(w, "d2")].id;
        break;
    case OTHER_CHILD:
        a->n = w->node[world_find(w, "s3")].id;
        break;
    case HEADS_LEFT_OUT:
        a->n_heads = 0;
        break;
    case OTHER_ACT:
        *a = (struct act){.type = ACT_QUOTA, .has_g = true, .items = 1, .by = was.by, .n = was.n};
        memcpy(a->g, was.g, HASH_LEN);
        memcpy(a->after, was.after, HASH_LEN);
        break;
    case SAID_TO_BE_LOST:
        a->lost = true;
        break;
    }
}

static void forgeries(void **state)
{
    (void)state;
    static const int want[] = {[OLD_KEY_ALONE] = SANJI_E_SIGNATURE,
                               [NEW_KEY_ALONE] = SANJI_E_SIGNATURE,
                               [OTHER_FEDERATION] = SANJI_E_FEDERATION,
                               [OTHER_PARENT] = SANJI_E_AUDIENCE,
                               [OTHER_CHILD] = SANJI_E_AUTHORITY,
                               [HEADS_LEFT_OUT] = SANJI_E_CHAIN,
                               [OTHER_ACT] = SANJI_E_SPEC,
                               [SAID_TO_BE_LOST] = SANJI_E_NOT_FOUND};
    struct teller t;
    struct letters l = {0};
    struct act_head head[16];
    struct act good;
    uint8_t seeds[2][SIGN_SEED_LEN];
    begin(&t, 73);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1");
    assert_int_equal(world_put(w, s1, "fed", "v", 1, "held by d1", NULL), 0);
    (void)carry(w, "s1", "d1");
    buf_init(&l.file, 1 << 20);
    memcpy(seeds[0], w->node[s1].sign_seed, SIGN_SEED_LEN);
    memcpy(seeds[1], new_sign, SIGN_SEED_LEN);
    good_act(w, head, &good);
    struct key_id before = key_at(w, "d1", "s1")->kid;
    for (int i = OLD_KEY_ALONE; i <= SAID_TO_BE_LOST; i++) {
        struct act a = good;
        spoil(w, (enum forgery)i, &a);
        forge(w, &a, (const uint8_t(*)[SIGN_SEED_LEN])(seeds + (i == NEW_KEY_ALONE)),
              i <= NEW_KEY_ALONE ? 1 : 2, &l.file);
        struct sync_ferry_report rep = give(w, "d1", &l);
        if (rep.err != want[i]) {
            fail_msg("%d: %s, not %s", i, err_name(rep.err), err_name(want[i]));
        }
        assert_false(rep.done || rep.vouched);
        assert_string_equal(key_at(w, "d1", "s1")->kid.s, before.s);
    }
    buf_done(&l.file);
    world_done(w);
}

static void every_bit_and_every_length(void **state)
{
    (void)state;
    struct teller t;
    struct letters l = {0};
    begin(&t, 76);
    struct world *w = &t.w;
    buf_init(&l.file, 1 << 20);
    rotate(w, "s1");
    assert_int_equal(write_letters(w, "s1", "d1", &l), 1);
    struct buf whole = l.file;
    for (size_t i = 0; i < whole.len; i += 2) {
        buf_init(&l.file, 1 << 20);
        assert_int_equal(buf_put(&l.file, whole.data, whole.len), 0);
        if (i % 3 == 0) {
            l.file.len = i;
        } else {
            l.file.data[i] ^= (uint8_t)(1u << i % 8);
        }
        struct sync_ferry_report rep = give(w, "d1", &l);
        assert_true(rep.err < 0 || rep.done);
        buf_done(&l.file);
    }
    l.file = whole;
    assert_int_equal(give(w, "d1", &l).err, 0);
    buf_done(&l.file);
    world_done(w);
}

/* ---- a lost key ---- */

static int kid_of(const struct enrol_row *r, void *arg)
{
    *(struct key_id *)arg = r->kid;
    return 0;
}

/* Somebody has compared the key that waits there. */
static int agree(struct world *w, const char *at, const char *of)
{
    struct sync_tick t;
    struct key_id kid = {0};
    int i = world_find(w, at);
    world_tick(w, i, &t);
    assert_int_equal(enrol_each(w->node[i].s, kid_of, &kid), 0);
    return enrol_agree(w->node[i].s, &t, w->node[world_find(w, of)].id.s, kid.s);
}

static void the_node_above_agrees_by_stick(void **state)
{
    (void)state;
    struct teller t;
    struct letters ask = {0}, answer = {0};
    struct msg_invite in;
    begin(&t, 74);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1");
    struct arena *ar = arena_new(1 << 20);
    buf_init(&ask.file, 1 << 20);
    buf_init(&answer.file, 1 << 20);
    w->node[s1].cut = false; /* it has a line to its district, which has none */
    struct key_id old = key_at(w, "d1", "s1")->kid;
    assert_int_equal(world_recover(w, s1, false, &in, ar), SANJI_E_PENDING);
    assert_int_equal(write_letters(w, "d1", "city", &ask), 1);
    assert_int_equal(give(w, "d2", &ask).err, SANJI_E_AUDIENCE);
    assert_int_equal(agree(w, "city", "s1"), SANJI_E_NOT_FOUND);
    struct sync_ferry_report rep = give(w, "city", &ask);
    assert_int_equal(rep.err, 0);
    assert_int_equal(rep.request, FERRY_ASKS_AGREE);
    assert_false(rep.done);
    assert_string_equal(rep.by, w->node[s1].id.s);
    assert_string_equal(rep.asks, w->node[world_find(w, "d1")].id.s);
    assert_int_equal(write_letters(w, "city", "d1", &answer), 0);
    assert_int_equal(agree(w, "city", "s1"), 0);
    rep = give(w, "city", &ask);
    assert_true(rep.err == 0 && rep.done);
    assert_int_equal(write_letters(w, "city", "d2", &answer), 0);
    assert_int_equal(write_letters(w, "city", "d1", &answer), 1);
    assert_int_equal(strncmp(answer.name, "agreed-n", 8), 0);
    assert_int_equal(give(w, "d2", &answer).err, SANJI_E_AUDIENCE);
    /* The question carried back is no consent. */
    assert_int_equal(give(w, "d1", &ask).err, SANJI_E_SIGNATURE);
    assert_string_equal(key_at(w, "d1", "s1")->kid.s, old.s);
    for (int i = 0; i < 2; i++) {
        rep = give(w, "d1", &answer);
        assert_int_equal(rep.err, 0);
        assert_true(rep.done);
        assert_string_not_equal(key_at(w, "d1", "s1")->kid.s, old.s);
    }
    assert_int_equal(write_letters(w, "d1", "city", &ask), 0);
    (void)carry(w, "d1", "city");
    assert_string_equal(key_at(w, "city", "s1")->kid.s, key_at(w, "d1", "s1")->kid.s);
    assert_int_equal(write_letters(w, "city", "d1", &answer), 0);
    arena_free(ar);
    buf_done(&ask.file);
    buf_done(&answer.file);
    world_done(w);
}

/* ---- failures ---- */

static void every_failure_of_the_store(void **state)
{
    (void)state;
    struct teller t;
    struct letters l = {0};
    begin(&t, 75);
    struct world *w = &t.w;
    int d1 = world_find(w, "d1");
    buf_init(&l.file, 1 << 20);
    rotate(w, "s1");
    assert_int_equal(write_letters(w, "s1", "d1", &l), 1);
    struct mem_store *fresh = mem_store_snapshot(w->node[d1].mem);
    int64_t failed = 0;
    bool hit = true;
    for (int64_t at = 1; hit; at++) {
        struct sync_ferry_report rep;
        world_crash(w, d1);
        mem_store_restore(w->node[d1].mem, fresh);
        world_start(w, d1);
        mem_store_fail_at(w->node[d1].mem, at, SANJI_E_FULL);
        int r = take_bytes(w, d1, span_of(l.file.data, l.file.len), 70000, &rep, NULL);
        hit = mem_store_failed(w->node[d1].mem);
        mem_store_fail_at(w->node[d1].mem, 0, 0);
        failed += r < 0;
        if (at % 2 == 0) {
            world_crash(w, d1);
            world_start(w, d1);
        }
        rep = give(w, "d1", &l);
        assert_int_equal(rep.err, 0);
        assert_true(rep.done);
    }
    assert_true(failed > 4);
    mem_store_free(fresh);
    buf_done(&l.file);
    world_done(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_stick_there_and_one_back),
        cmocka_unit_test(overtaken),
        cmocka_unit_test(forgeries),
        cmocka_unit_test(every_bit_and_every_length),
        cmocka_unit_test(the_node_above_agrees_by_stick),
        cmocka_unit_test(every_failure_of_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
