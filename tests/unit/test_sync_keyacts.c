/* SPDX-License-Identifier: Apache-2.0 */
/* Acts about keys that a child brings (PROTOCOL.md 10.1, 13.2): the right one is published, and of
 * the same act with one thing changed, signed anew as its sender would, each is refused for what is
 * wrong with it. A child that gets one of these through takes a key that is not its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/suite.h"
#include "sync/internal.h"
#include "tests/support/mem_internal.h"
#include "tests/support/world.h"
#include "tests/support/world_check.h"

#include <stdio.h>
#include <string.h>

enum { CITY, DISTRICT, STREET, SECOND };
enum { HEADS = 64 };

struct town {
    struct world w;
    struct arena *ar;
    struct act_head heads[HEADS];
    uint8_t seed[SIGN_SEED_LEN]; /* of the key that is to come */
};

static int begin(void **state)
{
    struct town *t = test_calloc(1, sizeof(*t));
    world_init(&t->w, 11);
    t->ar = arena_new(8 << 20);
    assert_int_equal(world_genesis(&t->w, "city", 20), CITY);
    assert_int_equal(world_enrol(&t->w, CITY, "district", 30, true), DISTRICT);
    world_run(&t->w, 60000);
    assert_int_equal(world_enrol(&t->w, DISTRICT, "street", 40, true), STREET);
    assert_int_equal(world_enrol(&t->w, DISTRICT, "second", 40, true), SECOND);
    world_run(&t->w, 60000);
    assert_int_equal(world_put(&t->w, STREET, "fed", "v1", 1, "a room", NULL), 0);
    assert_int_equal(world_put(&t->w, STREET, "fed", "v2", 1, "a room", NULL), 0);
    world_run(&t->w, 60000);
    world_bytes(&t->w, t->seed, sizeof(t->seed));
    *state = t;
    return 0;
}

static int end(void **state)
{
    struct town *t = *state;
    arena_free(t->ar);
    world_done(&t->w);
    test_free(t);
    return 0;
}

static const uint8_t *last_of(struct town *t, int at, int of)
{
    return roster_node(sync_roster(t->w.node[at].s), t->w.node[of].id.s)->last;
}

static void the_act(struct town *t, int by, bool lost, struct act *a)
{
    struct world *w = &t->w;
    const struct roster_key *now =
        roster_current_key(sync_roster(w->node[by].s), w->node[STREET].id.s);
    struct sign_key *k = sign_key_new(t->seed);
    memset(a, 0, sizeof(*a));
    a->type = ACT_KEY;
    a->has_g = true;
    memcpy(a->g, w->g, HASH_LEN);
    a->by = w->node[by].id;
    a->n = w->node[STREET].id;
    memcpy(a->after, last_of(t, by, STREET), HASH_LEN);
    a->ts = w->wall + w->now;
    a->has_sig = a->has_seal = a->has_tls = true;
    memcpy(a->sig, sign_key_pub(k), SIGN_PUB_LEN);
    memcpy(a->seal, now->seal, SEAL_PUB_LEN);
    memcpy(a->tls, now->tls, HASH_LEN);
    a->lost = lost;
    assert_int_equal(sync_heads_of(w->node[by].s, a->n.s, false, t->heads, HEADS, &a->n_heads), 0);
    a->heads = t->heads;
    sign_key_free(k);
}

/* Reads what its sender wrote, as the wire brings it: signed with the keys of these seeds. */
static void sent(struct town *t, const struct act *a, const uint8_t *const *seed, size_t n,
                 struct act *ret)
{
    struct act_co co[4];
    struct buf text, body;
    buf_init(&text, LIM_ITEM_BYTES);
    buf_init(&body, LIM_ITEM_BYTES);
    assert_int_equal(act_write(a, &text), 0);
    for (size_t i = 0; i < n; i++) {
        struct sign_key *k = sign_key_new(seed[i]);
        assert_int_equal(act_sign(span_of(text.data, text.len), k, &co[i]), 0);
        sign_key_free(k);
    }
    assert_int_equal(act_body_write(span_of(text.data, text.len), co, n, &body), 0);
    struct span kept = span_of(arena_dup(t->ar, body.data, body.len), body.len);
    assert_int_equal(act_body_parse(kept, t->ar, ret, NULL), 0);
    buf_done(&text);
    buf_done(&body);
}

static const char *kid_at(struct town *t, int at)
{
    return roster_current_key(sync_roster(t->w.node[at].s), t->w.node[STREET].id.s)->kid.s;
}

static int brought(struct town *t, int to, int from, const struct act *a)
{
    struct world *w = &t->w;
    struct msg_key_reply rep = {0};
    struct act_co co;
    world_in(w, to);
    int r = a->lost ? sync__cosign_request(w->node[to].s, &w->node[from].id, a, &rep, &co)
                    : sync__rekey_take(w->node[to].s, &w->node[from].id, a);
    r = world_out(w, to, r);
    assert_true(r != 0 || !a->lost || strcmp(rep.state, "pending") == 0);
    return r;
}

/* ---- what may be wrong ---- */

typedef void twist(struct town *t, struct act *a);

static void other_type(struct town *t, struct act *a)
{
    (void)t;
    a->type = ACT_CLOSE;
    a->has_sig = a->has_seal = a->has_tls = a->lost = false;
    a->why = "left";
}
static void other_federation(struct town *t, struct act *a)
{
    (void)t;
    a->g[0] ^= 1;
}
static void of_the_other(struct town *t, struct act *a)
{
    a->n = t->w.node[SECOND].id;
    memcpy(a->after, last_of(t, DISTRICT, SECOND), HASH_LEN);
}
static void of_nobody(struct town *t, struct act *a)
{
    (void)t;
    memcpy(a->n.s, "nabcdefghijklm", sizeof("nabcdefghijklm"));
}
static void by_itself(struct town *t, struct act *a)
{
    a->by = t->w.node[STREET].id;
}
static void by_the_other(struct town *t, struct act *a)
{
    a->by = t->w.node[SECOND].id;
}
static void after_nothing(struct town *t, struct act *a)
{
    (void)t;
    memset(a->after, 0, HASH_LEN);
}
static void other_door(struct town *t, struct act *a)
{
    (void)t;
    a->tls[0] ^= 1;
}
static void of_the_city(struct town *t, struct act *a)
{
    a->n = t->w.node[CITY].id;
    memcpy(a->after, last_of(t, CITY, CITY), HASH_LEN);
}
static void no_heads(struct town *t, struct act *a)
{
    (void)t;
    a->n_heads = 0;
}
/* The stream of what goes to all: its head is what the twists below change. */
static struct act_head *public_head(struct act *a)
{
    for (size_t i = 0; i < a->n_heads; i++) {
        if (a->heads[i].aud != NULL && strcmp(a->heads[i].aud, "fed") == 0) {
            return &a->heads[i];
        }
    }
    fail();
    return NULL;
}
static void one_short(struct town *t, struct act *a)
{
    (void)t;
    public_head(a)->seq--;
}
static void other_branch(struct town *t, struct act *a)
{
    (void)t;
    public_head(a)->id[0] ^= 1;
}
static void other_epoch(struct town *t, struct act *a)
{
    (void)t;
    public_head(a)->ep++;
}
static void other_nonce(struct town *t, struct act *a)
{
    (void)t;
    public_head(a)->en[0] ^= 1;
}

enum { OLD = 1, NEW = 2, PARENT = 4 };

static const struct {
    const char *say;
    twist *fn;
    int signs, err;
} of_rekey[] =
    {
        {"another type", other_type, OLD | NEW, SANJI_E_SPEC},
        {"another federation", other_federation, OLD | NEW, SANJI_E_FEDERATION},
        {"of the one beside it", of_the_other, OLD | NEW, SANJI_E_AUTHORITY},
        {"by itself", by_itself, OLD | NEW, SANJI_E_AUTHORITY},
        {"by the one beside it", by_the_other, OLD | NEW, SANJI_E_AUTHORITY},
        {"after another act", after_nothing, OLD | NEW, SANJI_E_CONFLICT},
        {"without the old key", NULL, NEW, SANJI_E_SIGNATURE},
        {"without the new key", NULL, OLD, SANJI_E_SIGNATURE},
        {"no heads", no_heads, OLD | NEW, SANJI_E_CHAIN},
        {"a head before the last", one_short, OLD | NEW, SANJI_E_CHAIN},
        {"another last bundle", other_branch, OLD | NEW, SANJI_E_CHAIN},
        {"another epoch", other_epoch, OLD | NEW, SANJI_E_CHAIN},
        {"another epoch's name", other_nonce, OLD | NEW, SANJI_E_CHAIN},
},
  of_lost[] = {
      {"another federation", other_federation, NEW | PARENT, SANJI_E_FEDERATION},
      {"of nobody", of_nobody, NEW | PARENT, SANJI_E_SPEC},
      {"of the city itself", of_the_city, NEW | PARENT, SANJI_E_AUTHORITY},
      {"by another", by_the_other, NEW | PARENT, SANJI_E_AUTHORITY},
      {"after another act", after_nothing, NEW | PARENT, SANJI_E_CONFLICT},
      {"another certificate", other_door, NEW | PARENT, SANJI_E_SPEC},
      {"without the new key", NULL, PARENT, SANJI_E_SIGNATURE},
      {"without its parent", NULL, NEW, SANJI_E_SIGNATURE},
};

static void make(struct town *t, bool lost, twist *fn, int signs, struct act *ret)
{
    struct world *w = &t->w;
    const uint8_t *seed[3];
    size_t n = 0;
    struct act a;
    the_act(t, DISTRICT, lost, &a);
    if (fn != NULL) {
        fn(t, &a);
    }
    if (signs & OLD) {
        seed[n++] = w->node[STREET].sign_seed;
    }
    if (signs & NEW) {
        seed[n++] = t->seed;
    }
    if (signs & PARENT) {
        seed[n++] = w->node[DISTRICT].sign_seed;
    }
    arena_reset(t->ar);
    sent(t, &a, seed, n, ret);
}

static void a_new_key(void **state)
{
    struct town *t = *state;
    struct act a;
    struct key_id was;
    memcpy(was.s, kid_at(t, DISTRICT), sizeof(was.s));
    for (size_t i = 0; i < sizeof(of_rekey) / sizeof(of_rekey[0]); i++) {
        print_message("%s\n", of_rekey[i].say);
        make(t, false, of_rekey[i].fn, of_rekey[i].signs, &a);
        assert_int_equal(brought(t, DISTRICT, STREET, &a), of_rekey[i].err);
        assert_string_equal(kid_at(t, DISTRICT), was.s);
    }
    make(t, false, NULL, OLD | NEW, &a);
    assert_int_equal(brought(t, DISTRICT, SECOND, &a), SANJI_E_AUTHORITY);
    assert_int_equal(brought(t, CITY, STREET, &a), SANJI_E_AUTHORITY);
    assert_int_equal(brought(t, DISTRICT, STREET, &a), 0);
    assert_string_not_equal(kid_at(t, DISTRICT), was.s);
    assert_int_equal(brought(t, DISTRICT, STREET, &a), 0); /* the answer was lost */
    world_run(&t->w, 60000);
    assert_string_equal(kid_at(t, CITY), kid_at(t, DISTRICT));
}

static void a_lost_key(void **state)
{
    struct town *t = *state;
    struct world *w = &t->w;
    struct sync *city = w->node[CITY].s;
    struct act a;
    const char *street = w->node[STREET].id.s;
    for (size_t i = 0; i < sizeof(of_lost) / sizeof(of_lost[0]); i++) {
        print_message("%s\n", of_lost[i].say);
        make(t, true, of_lost[i].fn, of_lost[i].signs, &a);
        assert_int_equal(brought(t, CITY, DISTRICT, &a), of_lost[i].err);
        assert_int_equal(sync__cosign_waits(city, street), SANJI_E_NOT_FOUND);
    }
    make(t, true, NULL, NEW | PARENT, &a);
    assert_int_equal(brought(t, CITY, STREET, &a), SANJI_E_AUTHORITY); /* not its parent's letter */
    assert_int_equal(sync__cosign_waits(city, street), SANJI_E_NOT_FOUND);
    assert_int_equal(brought(t, CITY, DISTRICT, &a), 0);
    assert_int_equal(sync__cosign_waits(city, street), 0);
    assert_int_equal(brought(t, CITY, DISTRICT, &a), 0); /* again changes nothing */
    assert_int_equal(sync__cosign_waits(city, street), 0);
}

static void close_street(struct town *t)
{
    struct world *w = &t->w;
    struct sync_tick tick;
    struct act a = {.type = ACT_CLOSE, .has_g = true, .why = "left", .heads = t->heads};
    memcpy(a.g, w->g, HASH_LEN);
    a.by = w->node[DISTRICT].id;
    a.n = w->node[STREET].id;
    memcpy(a.after, last_of(t, DISTRICT, STREET), HASH_LEN);
    assert_int_equal(sync_heads_of(w->node[DISTRICT].s, a.n.s, false, t->heads, HEADS, &a.n_heads),
                     0);
    world_tick(w, DISTRICT, &tick);
    a.ts = tick.now_ms;
    int r = (world_in(w, DISTRICT), sync_act(w->node[DISTRICT].s, &tick, &a, NULL, 0, false));
    assert_int_equal(world_out(w, DISTRICT, r), 0);
    w->node[STREET].revoked = true;
    world_event(w, DISTRICT, SEV_LOCAL);
    world_run(w, 60000);
}

/* A node that is closed gets no new key, and what waited for an agreement waits no more. */
static void of_one_closed(void **state)
{
    struct town *t = *state;
    struct world *w = &t->w;
    const char *street = w->node[STREET].id.s;
    struct act a;
    make(t, true, NULL, NEW | PARENT, &a);
    assert_int_equal(brought(t, CITY, DISTRICT, &a), 0);
    assert_int_equal(sync__cosign_waits(w->node[CITY].s, street), 0);
    close_street(t);
    assert_int_equal(sync__cosign_waits(w->node[CITY].s, street), SANJI_E_NOT_FOUND);
    make(t, true, NULL, NEW | PARENT, &a);
    assert_int_equal(brought(t, CITY, DISTRICT, &a), SANJI_E_CLOSED);
    assert_int_equal(sync__recover_may(w->node[DISTRICT].s, street), SANJI_E_CLOSED);
}

static int answered(struct town *t, int err, const struct msg_key_reply *rep)
{
    struct wnode *d = &t->w.node[DISTRICT];
    struct buf body;
    struct jw w;
    buf_init(&body, 1024);
    if (rep != NULL) {
        jw_init(&w, &body);
        jspec_write(&w, NULL, msg_key_reply_spec, rep);
        assert_int_equal(jw_done(&w), 0);
    }
    world_in(&t->w, DISTRICT);
    sync__cosign_answer(d->s, err, span_of(body.data, body.len));
    buf_done(&body);
    return world_out(&t->w, DISTRICT, d->s->cosign_err);
}

/* The node above answers what it likes: nothing but its own signature, under the act it was asked
 * about, makes the key another. */
static void what_the_city_answers(void **state)
{
    struct town *t = *state;
    struct world *w = &t->w;
    struct sync *d = w->node[DISTRICT].s;
    struct msg_invite inv;
    struct key_id was;
    struct act_co co, other;
    struct buf asked;
    memcpy(was.s, kid_at(t, CITY), sizeof(was.s));
    assert_int_equal(world_recover(w, STREET, false, &inv, t->ar), SANJI_E_PENDING);
    buf_init(&asked, LIM_ITEM_BYTES);
    assert_int_equal(sync__cosign_body(d, &asked), 0);
    struct act a;
    assert_int_equal(act_body_parse(span_of(asked.data, asked.len), t->ar, &a, NULL), 0);
    struct sign_key *city = sign_key_new(w->node[CITY].sign_seed);
    struct sign_key *second = sign_key_new(w->node[SECOND].sign_seed);
    assert_int_equal(act_sign(a.text, city, &co), 0);
    assert_int_equal(act_sign(a.text, second, &other), 0);

    struct msg_key_reply rep = {.state = "pending"};
    assert_int_equal(answered(t, 0, &rep), SANJI_E_PENDING);
    rep.state = "done";
    assert_int_equal(answered(t, 0, &rep), SANJI_E_PENDING);
    rep.state = "signed";
    assert_int_equal(answered(t, 0, &rep), SANJI_E_SPEC); /* and says by whom, with what */
    rep.kid = co.kid.s;
    assert_int_equal(answered(t, 0, &rep), SANJI_E_SPEC);
    rep.has_s = true;
    memcpy(rep.s, other.s, sizeof(rep.s));
    assert_int_equal(answered(t, 0, &rep), SANJI_E_SIGNATURE); /* another's, under its name */
    rep.kid = other.kid.s;
    assert_int_equal(answered(t, 0, &rep), SANJI_E_SIGNATURE); /* another's */
    assert_int_equal(answered(t, SANJI_E_AUTHORITY, NULL), SANJI_E_AUTHORITY);
    assert_true(answered(t, 0, NULL) < 0);
    world_run(w, 60000);
    assert_string_equal(kid_at(t, CITY), was.s);
    assert_string_equal(kid_at(t, DISTRICT), was.s);

    assert_int_equal(sync__cosign_body(d, (buf_reset(&asked), &asked)), 0);
    rep.kid = co.kid.s;
    memcpy(rep.s, co.s, sizeof(rep.s));
    assert_int_equal(answered(t, 0, &rep), 0);
    assert_string_not_equal(kid_at(t, DISTRICT), was.s);
    world_run(w, 60000);
    assert_string_equal(kid_at(t, CITY), kid_at(t, DISTRICT));
    sign_key_free(city);
    sign_key_free(second);
    buf_done(&asked);
}

static void cut_at_the_city(struct town *t, const char *kid)
{
    struct world *w = &t->w;
    struct sync *city = w->node[CITY].s;
    struct sync_tick tick;
    struct act a = {.type = ACT_CUT, .has_g = true, .why = "stolen", .heads = t->heads};
    memcpy(a.g, w->g, HASH_LEN);
    a.by = w->node[CITY].id;
    a.n = w->node[DISTRICT].id;
    memcpy(a.after, last_of(t, CITY, DISTRICT), HASH_LEN);
    (void)snprintf(a.kid.s, sizeof(a.kid.s), "%s", kid);
    assert_int_equal(sync_heads_of(city, a.n.s, false, t->heads, HEADS, &a.n_heads), 0);
    world_tick(w, CITY, &tick);
    a.ts = tick.now_ms;
    int r = (world_in(w, CITY), sync_act(city, &tick, &a, NULL, 0, false));
    assert_int_equal(world_out(w, CITY, r), 0);
    world_event(w, CITY, SEV_LOCAL);
}

/* The district changes its key with no line to the city, which has the act all the same, ahead of
 * all the rest, as by a stick; the district does not know. */
static void rotates(struct town *t)
{
    struct world *w = &t->w;
    struct wnode *d = &w->node[DISTRICT];
    const struct sync_new_key nk = {
        .sign_seed = t->seed, .seal_seed = d->seal_seed[0], .tls = d->tls};
    struct sync_tick tick;
    world_tick(w, DISTRICT, &tick);
    int r = (world_in(w, DISTRICT), sync_rekey(d->s, &tick, &nk));
    assert_int_equal(world_out(w, DISTRICT, r), 0);
    memcpy(d->sign_seed, t->seed, SIGN_SEED_LEN);
}

static void changes_its_key(struct town *t)
{
    struct wnode *d = &t->w.node[DISTRICT];
    const struct sync_store *st = mem_store_port(d->mem);
    struct buf body;
    struct act a;
    rotates(t);
    buf_init(&body, LIM_ITEM_BYTES);
    assert_int_equal(st->kv_get(st->ctx, "rekey/body", &body), 0);
    assert_int_equal(act_body_parse(span_of(body.data, body.len), t->ar, &a, NULL), 0);
    assert_int_equal(brought(t, CITY, DISTRICT, &a), 0);
    buf_done(&body);
}

/* The answer to a new key is lost and the line is down for a while: the old one is refused by then,
 * and the node goes on with the new one. */
static void the_answer_is_lost(void **state)
{
    struct town *t = *state;
    struct world *w = &t->w;
    struct wnode *d = &w->node[DISTRICT];
    d->cut = true;
    world_run(w, 60000);
    changes_its_key(t);
    world_run(w, 600000); /* it has tried many times */
    d->cut = false;
    world_run(w, 600000);
    assert_int_equal(sync_rekey_state(d->s), 0);
    assert_int_equal(world_put(w, DISTRICT, "fed", "v3", 1, "a hall", NULL), 0);
    world_run(w, 60000);
    struct mem_seen seen;
    assert_int_equal(mem_store_record(w->node[CITY].mem, d->id.s, "v3", &seen), 0);
}

/* Everything `of` has said in its trust stream, as by a stick. */
static void hand_over_trust(struct town *t, int of, int to)
{
    struct world *w = &t->w;
    const char *by = w->node[of].id.s;
    struct frame_ctx *fc = frame_ctx_new();
    struct buf line, frame;
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    buf_init(&frame, LIM_BUNDLE_BYTES + LIM_FRAME_OVERHEAD);
    for (int64_t seq = 1; seq <= world_head(w, of, by, "trust"); seq++) {
        buf_reset(&line);
        buf_reset(&frame);
        assert_true(world_line(w, of, by, "trust", seq, &line));
        assert_int_equal(frame_pack(fc, span_of(line.data, line.len), &frame), 0);
        int r = world_show(w, to, span_of(frame.data, frame.len));
        assert_true(r == 0 || r == SANJI_E_OLD);
    }
    buf_done(&line);
    buf_done(&frame);
    frame_ctx_free(fc);
}

/* Its key is ended before what it wrote last was heard of: it may say nothing any more, keeps what
 * it has, and does not try for ever. */
static void one_that_may_not_speak(void **state)
{
    struct town *t = *state;
    struct world *w = &t->w;
    struct wnode *n = &w->node[STREET];
    n->cut = true;
    assert_int_equal(world_put(w, STREET, "fed", "v3", 1, "a hall", NULL), 0);
    close_street(t);
    hand_over_trust(t, DISTRICT, STREET);
    assert_int_equal(roster_node(sync_roster(n->s), n->id.s)->state, NODE_CLOSED);
    int64_t before = w->events, calls = mem_store_calls(n->mem);
    world_run(w, 600000);
    assert_true(w->events - before < 2000);
    assert_true(mem_store_calls(n->mem) - calls < 5000);
}

static const char evil[] = "{\"id\":\"evil\",\"k\":\"listing/"
                           "1\",\"op\":\"put\",\"r\":1,\"d\":{\"kind\":\"venue\",\"title\":\"x\"}}";

/* Somebody who has the district's key signs what follows in its stream. */
static void forge(struct town *t, struct buf *frame)
{
    struct wnode *d = &t->w.node[DISTRICT];
    struct bundle_header h;
    struct buf line;
    uint8_t id[HASH_LEN];
    struct span item = span_of(evil, sizeof(evil) - 1);
    struct sign_key *k = sign_key_new(d->sign_seed);
    struct frame_ctx *fc = frame_ctx_new();
    buf_init(&line, LIM_BUNDLE_BYTES);
    assert_int_equal(sync__next_header(d->s, BUNDLE_DATA, "fed", &h), 0);
    assert_int_equal(bundle_write(&h, &item, 1, k, &line, id), 0);
    assert_int_equal(frame_pack(fc, span_of(line.data, line.len), frame), 0);
    frame_ctx_free(fc);
    sign_key_free(k);
    buf_done(&line);
}

/* A thief made the new key himself and says that the old one has signed very much: ended, the old
 * one covers what is held and nothing of that. */
static void a_rotation_says_too_much(void **state)
{
    struct town *t = *state;
    struct world *w = &t->w;
    struct act a;
    struct key_id old =
        roster_current_key(sync_roster(w->node[CITY].s), w->node[DISTRICT].id.s)->kid;
    struct buf frame;
    buf_init(&frame, LIM_BUNDLE_BYTES);
    assert_int_equal(world_put(w, DISTRICT, "fed", "v3", 1, "a hall", NULL), 0);
    world_run(w, 60000);
    w->node[DISTRICT].cut = true;
    forge(t, &frame);
    the_act(t, CITY, false, &a);
    a.n = w->node[DISTRICT].id;
    memcpy(a.after, last_of(t, CITY, DISTRICT), HASH_LEN);
    memcpy(a.tls, w->node[DISTRICT].tls, HASH_LEN);
    a.n_heads = 0;
    assert_int_equal(sync_heads_of(w->node[CITY].s, a.n.s, false, t->heads, HEADS, &a.n_heads), 0);
    public_head(&a)->seq += 1000;
    const uint8_t *seed[] = {w->node[DISTRICT].sign_seed, t->seed};
    struct act signed_act;
    sent(t, &a, seed, 2, &signed_act);
    assert_int_equal(brought(t, CITY, DISTRICT, &signed_act), 0);
    cut_at_the_city(t, old.s);
    struct mem_seen seen;
    assert_int_equal(world_show(w, CITY, span_of(frame.data, frame.len)), SANJI_E_REVOKED);
    assert_int_equal(mem_store_record(w->node[CITY].mem, w->node[DISTRICT].id.s, "evil", &seen),
                     SANJI_E_NOT_FOUND);
    buf_done(&frame);
}

/* A child or a stick brings it to the district. */
static int shown_to(struct town *t, const struct buf *frame)
{
    return world_show(&t->w, DISTRICT, span_of(frame->data, frame->len));
}

static int count_unsent(const struct sync_aside *x, void *arg)
{
    (void)x;
    ++*(int *)arg;
    return 0;
}

/* What a thief signed with the old key and gave to its owner is not said again by him under the new
 * one: not what comes after his act, and what he had taken before waits for a person. */
static void what_a_thief_signed(void **state)
{
    for (int late = 0; late < 2; late++) {
        struct town *t = *state;
        struct world *w = &t->w;
        struct wnode *d = &w->node[DISTRICT];
        struct key_id old = roster_current_key(sync_roster(w->node[CITY].s), d->id.s)->kid;
        struct mem_seen seen;
        struct buf frame;
        int unsent = 0;
        buf_init(&frame, LIM_BUNDLE_BYTES);
        assert_int_equal(world_put(w, DISTRICT, "fed", "v3", 1, "a hall", NULL), 0);
        world_run(w, 60000);
        d->cut = true;
        forge(t, &frame);
        if (!late) {
            assert_int_equal(shown_to(t, &frame), 0); /* it may have been put back, and lost it */
        }
        changes_its_key(t);
        if (late) {
            assert_int_equal(shown_to(t, &frame), SANJI_E_REVOKED);
        }
        cut_at_the_city(t, old.s);
        d->cut = false;
        world_run(w, 1200000);
        assert_int_equal(world_put(w, DISTRICT, "fed", "v4", 1, "a hall", NULL), 0);
        world_run(w, 60000);
        for (int i = 0; i < w->n; i++) {
            assert_int_equal(mem_store_record(w->node[i].mem, d->id.s, "evil", &seen),
                             SANJI_E_NOT_FOUND);
        }
        for (int i = 0; i < w->n; i++) {
            assert_int_equal(mem_store_record(w->node[i].mem, d->id.s, "v3", &seen), 0);
            assert_int_equal(mem_store_record(w->node[i].mem, d->id.s, "v4", &seen), 0);
        }
        assert_int_equal(sync_unsent_each(d->s, count_unsent, &unsent), 0);
        assert_int_equal(unsent, late ? 0 : 1);
        buf_done(&frame);
        (void)end(state);
        (void)begin(state);
    }
}

/* Its folder was put back, it does not know, has no line, changes its key and goes on: what its
 * parent holds comes back, and then the new key is said. */
static void put_back_and_rotated(void **state)
{
    struct town *t = *state;
    struct world *w = &t->w;
    struct wnode *d = &w->node[DISTRICT];
    static const char *const all[] = {"v3", "v4", "v5"};
    struct mem_seen seen;
    struct mem_store *snap = mem_store_snapshot(d->mem);
    assert_int_equal(world_put(w, DISTRICT, "fed", "v3", 1, "a hall", NULL), 0);
    world_run(w, 60000);
    world_crash(w, DISTRICT);
    mem_store_restore(d->mem, snap);
    d->n_guard = 0; /* the file beside the store as well */
    d->cut = w->node[STREET].cut = w->node[SECOND].cut = true;
    world_start(w, DISTRICT);
    world_run(w, 600000);
    rotates(t);
    assert_int_equal(world_put(w, DISTRICT, "fed", "v4", 1, "a hall", NULL), 0);
    world_run(w, 60000);
    d->cut = w->node[STREET].cut = w->node[SECOND].cut = false;
    world_run(w, 1200000);
    assert_int_equal(sync_rekey_state(d->s), 0);
    assert_int_equal(sync_self_state(d->s), SYNC_SELF_OK);
    assert_int_equal(world_put(w, DISTRICT, "fed", "v5", 1, "a hall", NULL), 0);
    world_run(w, 60000);
    for (int i = 0; i < w->n; i++) {
        for (size_t k = 0; k < 3; k++) {
            assert_int_equal(mem_store_record(w->node[i].mem, d->id.s, all[k], &seen), 0);
        }
    }
    mem_store_free(snap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_key, begin, end),
        cmocka_unit_test_setup_teardown(a_lost_key, begin, end),
        cmocka_unit_test_setup_teardown(of_one_closed, begin, end),
        cmocka_unit_test_setup_teardown(what_the_city_answers, begin, end),
        cmocka_unit_test_setup_teardown(one_that_may_not_speak, begin, end),
        cmocka_unit_test_setup_teardown(what_a_thief_signed, begin, end),
        cmocka_unit_test_setup_teardown(put_back_and_rotated, begin, end),
        cmocka_unit_test_setup_teardown(the_answer_is_lost, begin, end),
        cmocka_unit_test_setup_teardown(a_rotation_says_too_much, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
