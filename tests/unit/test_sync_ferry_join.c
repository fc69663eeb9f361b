/* SPDX-License-Identifier: Apache-2.0 */
/* A machine that has no line to its parent asks to be enrolled by file: does one stick there and
 * one back make it a node, is every request that is not the invited one's refused without a trace,
 * and does no interruption leave a parent that cannot be asked again?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/ferry.h"
#include "sync/enrol.h"
#include "tests/support/mem_store.h"
#include "tests/support/stick.h"
#include "tests/support/story.h"

#include <stdlib.h>
#include <string.h>

/* An invite of d1 and a machine that has it. */
struct asker {
    struct arena *a;
    struct msg_invite in;
    struct msg_enrol e;
    struct sign_key *k;
    struct buf file;
};

static void asker_keys(struct asker *x, uint8_t which)
{
    const uint8_t seed[SIGN_SEED_LEN] = {which, 77};
    sign_key_free(x->k);
    x->k = sign_key_new(seed);
    assert_non_null(x->k);
    memset(&x->e, 0, sizeof(x->e));
    x->e.v = 1;
    x->e.node = x->in.node;
    x->e.ver = "test";
    memcpy(x->e.g, x->in.g, HASH_LEN);
    memcpy(x->e.sig, sign_key_pub(x->k), SIGN_PUB_LEN);
    assert_int_equal(seal_pub_of(seed, x->e.seal), 0);
    memset(x->e.tls, which, HASH_LEN);
    memset(x->e.inst, which, sizeof(x->e.inst));
}

static void asker_new(struct world *w, const char *up, bool auto_ok, struct asker *x)
{
    struct sync_tick t;
    struct buf line;
    struct node_id id;
    int p = world_find(w, up);
    memset(x, 0, sizeof(*x));
    x->a = arena_new(1 << 20);
    buf_init(&line, 8192);
    buf_init(&x->file, LIM_ITEM_BYTES);
    world_tick(w, p, &t);
    assert_int_equal(enrol_invite(w->node[p].s, &t, "s9", 40, "370102", INVITE_NO_URL, 86400000,
                                  auto_ok, &line, &id),
                     0);
    assert_int_equal(invite_read(buf_str(&line), line.len, x->a, &x->in, NULL), 0);
    buf_done(&line);
    asker_keys(x, 1);
}

static void asker_done(struct asker *x)
{
    sign_key_free(x->k);
    arena_free(x->a);
    buf_done(&x->file);
}

static void write_letter(struct world *w, struct asker *x)
{
    buf_reset(&x->file);
    world_letter(w, &x->in, &x->e, 0, x->k, &x->file);
}

static struct sync_ferry_report give(struct world *w, const char *to, struct asker *x)
{
    return take_part(w, to, &x->file);
}

static int approve(struct world *w, const char *up, const char *node)
{
    struct sync_tick t;
    int p = world_find(w, up);
    world_tick(w, p, &t);
    int r = enrol_approve(w->node[p].s, &t, node, NULL, 0);
    world_event(w, p, SEV_LOCAL);
    return r;
}

static bool knows(struct world *w, const char *who, const char *node)
{
    return roster_node(sync_roster(w->node[world_find(w, who)].s), node) != NULL;
}

static void begin(struct teller *t, uint64_t seed)
{
    static const struct step three_tiers[] = {THREE_TIERS, {0}};
    world_init(&t->w, seed);
    story_go(t, three_tiers);
    cut_all(&t->w);
}

/* ---- the way it is meant ---- */

static void one_stick_there_and_one_back(void **state)
{
    (void)state;
    struct teller t;
    begin(&t, 61);
    struct world *w = &t.w;
    int d1 = world_find(w, "d1");
    w->by_file = true;
    int auto_s = world_enrol(w, d1, "s8", 40, true), asked = world_enrol(w, d1, "s9", 40, false);
    assert_true(auto_s > 0 && asked > 0);
    for (int i = auto_s; i <= asked; i++) {
        w->node[i].cut = true;
        assert_int_equal(roster_count(sync_roster(w->node[i].s)), 0);
        const char *name = w->node[i].name;
        assert_true(carry(w, "d1", name) > 0);
        const struct roster_node *n = roster_node(sync_roster(w->node[i].s), w->node[i].id.s);
        assert_non_null(n);
        assert_string_equal(n->up.s, w->node[d1].id.s);
        assert_int_equal(n->lv, 40);
        assert_int_equal(world_put(w, i, "fed", "first", 1, "its first record", NULL), 0);
        assert_int_equal(carry(w, name, "d1"), 1);
    }
    (void)carry(w, "d1", "city");
    assert_true(knows(w, "city", w->node[asked].id.s)); /* two tiers up, by stick as well */
    world_done(w);
}

/* On a line the request comes without the time; the two ways may be mixed. */
static void begun_on_a_line_and_ended_by_file(void **state)
{
    (void)state;
    struct teller t;
    struct asker x;
    struct buf body, reply;
    struct sync_tick tick;
    int status = 0;
    begin(&t, 62);
    struct world *w = &t.w;
    struct sync *d1 = w->node[world_find(w, "d1")].s;
    buf_init(&body, LIM_ITEM_BYTES);
    buf_init(&reply, LIM_ITEM_BYTES);
    for (int approved = 0; approved < 2; approved++) {
        asker_new(w, "d1", false, &x);
        asker_keys(&x, (uint8_t)(3 + approved)); /* one key, one node */
        buf_reset(&body);
        buf_reset(&reply);
        assert_int_equal(enrol_write(&x.e, x.in.secret, x.k, &body), 0);
        world_tick(w, world_find(w, "d1"), &tick);
        assert_int_equal(enrol_handle(d1, &tick, span_of(body.data, body.len), &reply, &status), 0);
        assert_int_equal(status, 202);
        if (approved) { /* the act was written, for a request that never came again */
            assert_int_equal(approve(w, "d1", x.in.node), 0);
            assert_int_equal(enrol_handle(d1, &tick, span_of(body.data, body.len), &reply, &status),
                             0);
            assert_int_equal(status, 200);
        }
        write_letter(w, &x);
        struct sync_ferry_report rep = give(w, "d1", &x);
        assert_int_equal(rep.err, 0);
        assert_int_equal(rep.done, approved);
        if (!approved) {
            assert_int_equal(approve(w, "d1", x.in.node), 0);
        }
        assert_true(knows(w, "d1", x.in.node));
        /* and the other way: whoever asks again on a line hears that it is done */
        buf_reset(&reply);
        assert_int_equal(enrol_handle(d1, &tick, span_of(body.data, body.len), &reply, &status), 0);
        assert_non_null(strstr(buf_str(&reply), "done"));
        asker_done(&x);
    }
    buf_done(&body);
    buf_done(&reply);
    world_done(w);
}

static void the_same_again_changes_nothing(void **state)
{
    (void)state;
    struct teller t;
    struct asker x;
    begin(&t, 63);
    struct world *w = &t.w;
    struct sync *d1 = w->node[world_find(w, "d1")].s;
    asker_new(w, "d1", false, &x);
    assert_int_equal(approve(w, "d1", x.in.node), SANJI_E_STATE);
    char digits[7] = "";
    for (int i = 0; i < 3; i++) { /* written anew each time, as the command does */
        world_run(w, 60000);
        write_letter(w, &x);
        struct sync_ferry_report rep = give(w, "d1", &x);
        assert_int_equal(rep.err, 0);
        assert_true(rep.request && rep.known && rep.vouched && !rep.done);
        assert_string_equal(rep.by, x.in.node);
        assert_int_equal(strlen(rep.digits), 6);
        assert_true(i == 0 || strcmp(digits, rep.digits) == 0);
        memcpy(digits, rep.digits, sizeof(digits));
    }
    char want[7];
    enrol_digits(&x.e, x.in.secret, want);
    assert_string_equal(digits, want);
    assert_false(knows(w, "d1", x.in.node));
    assert_int_equal(approve(w, "d1", x.in.node), 0);
    assert_true(knows(w, "d1", x.in.node));
    size_t n = roster_count(sync_roster(d1));
    uint8_t rv[8], after[8];
    sync_roster_version(d1, rv);
    assert_int_equal(approve(w, "d1", x.in.node), 0);
    struct sync_ferry_report rep = give(w, "d1", &x);
    assert_int_equal(rep.err, 0);
    assert_true(rep.done);
    sync_roster_version(d1, after);
    assert_memory_equal(rv, after, sizeof(rv));
    assert_int_equal(roster_count(sync_roster(d1)), n);
    asker_done(&x);
    world_done(w);
}

/* Its own request, left on the stick that came back. */
static void what_one_wrote_oneself(void **state)
{
    (void)state;
    struct teller t;
    struct asker x;
    begin(&t, 64);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1");
    asker_new(w, "d1", false, &x);
    x.in.node = x.e.node = w->node[s1].id.s;
    write_letter(w, &x);
    struct sync_ferry_report rep = give(w, "s1", &x);
    assert_int_equal(rep.err, 0);
    assert_string_equal(rep.digits, "");
    asker_done(&x);
    world_done(w);
}

/* ---- refusals ---- */

static struct sync_ferry_report refused(struct world *w, const char *to, struct asker *x, int err)
{
    int i = world_find(w, to);
    uint8_t rv[8], after[8];
    sync_roster_version(w->node[i].s, rv);
    struct sync_ferry_report rep = give(w, to, x);
    if (rep.err != err) {
        fail_msg("%s, not %s (%s)", err_name(rep.err), err_name(err), rep.f.want);
    }
    assert_false(rep.vouched || rep.done);
    assert_string_equal(rep.digits, "");
    sync_roster_version(w->node[i].s, after);
    assert_memory_equal(rv, after, sizeof(rv));
    assert_int_equal(approve(w, to, x->in.node) < 0, true);
    assert_false(knows(w, to, x->in.node));
    return rep;
}

static void what_is_not_the_invited_one(void **state)
{
    (void)state;
    struct teller t;
    struct asker x;
    begin(&t, 65);
    struct world *w = &t.w;
    struct sync_ferry_report rep;
    asker_new(w, "d1", false, &x);
    write_letter(w, &x);
    (void)refused(w, "d2", &x, SANJI_E_AUDIENCE); /* carried to the wrong parent */
    const char *node = x.in.node;
    x.in.node = x.e.node = w->node[world_find(w, "s3")].id.s;
    write_letter(w, &x);
    rep = give(w, "d1", &x); /* no invite for this one */
    assert_int_equal(rep.err, SANJI_E_NOT_FOUND);
    x.in.node = x.e.node = node;
    x.in.secret[0] ^= 1;
    write_letter(w, &x);
    (void)refused(w, "d1", &x, SANJI_E_SIGNATURE);
    x.in.secret[0] ^= 1;
    x.in.g[0] ^= 1;
    x.e.g[0] ^= 1;
    write_letter(w, &x);
    (void)refused(w, "d1", &x, SANJI_E_FEDERATION);
    x.in.g[0] ^= 1;
    x.e.g[0] ^= 1;
    static const char *const more[] = {"another name", "37"};
    const char *name = x.in.name, *area = x.in.area;
    for (int i = 0; i < 3; i++) { /* it signs itself more than it was invited to */
        x.in.name = i == 0 ? more[0] : name;
        x.in.area = i == 1 ? more[1] : area;
        x.in.lv = i == 2 ? 30 : 40;
        write_letter(w, &x);
        (void)refused(w, "d1", &x, SANJI_E_SIGNATURE);
    }
    x.in.lv = 40;
    memset(x.e.sig, 0, sizeof(x.e.sig)); /* a key of small order */
    struct buf body;
    buf_init(&body, LIM_ITEM_BYTES);
    assert_int_equal(enrol_write(&x.e, x.in.secret, x.k, &body), SANJI_E_SPEC);
    buf_done(&body);
    asker_keys(&x, 1);
    write_letter(w, &x);
    assert_int_equal(give(w, "d1", &x).err, 0); /* the invite is as good as before */
    asker_done(&x);
    world_done(w);
}

static void used_and_expired(void **state)
{
    (void)state;
    struct teller t;
    struct asker x;
    begin(&t, 66);
    struct world *w = &t.w;
    asker_new(w, "d1", false, &x);
    write_letter(w, &x);
    assert_int_equal(give(w, "d1", &x).err, 0);
    asker_keys(&x, 2); /* somebody else copied the invite */
    write_letter(w, &x);
    struct sync_ferry_report rep = give(w, "d1", &x);
    assert_int_equal(rep.err, SANJI_E_USED);
    world_run(w, (int64_t)3 * 86400000); /* who was first may still be carried about */
    asker_keys(&x, 1);
    write_letter(w, &x);
    assert_int_equal(give(w, "d1", &x).err, 0);
    assert_int_equal(approve(w, "d1", x.in.node), 0);
    assert_true(knows(w, "d1", x.in.node));
    asker_done(&x);
    asker_new(w, "d1", true, &x);
    world_run(w, (int64_t)3 * 86400000);
    write_letter(w, &x);
    (void)refused(w, "d1", &x, SANJI_E_EXPIRED);
    asker_done(&x);
    world_done(w);
}

/* A request that could not be published when a person agrees. */
static void half_a_request(void **state)
{
    (void)state;
    struct teller t;
    struct asker x;
    struct frame_ctx *c = frame_ctx_new();
    begin(&t, 67);
    struct world *w = &t.w;
    asker_new(w, "d1", true, &x);
    for (int i = 0; i < 4; i++) {
        struct buf body;
        buf_init(&body, LIM_ITEM_BYTES);
        write_letter(w, &x); /* fills up, ts and pop */
        x.e.up = i == 0 ? NULL : x.e.up;
        x.e.ts = i == 1 ? 0 : x.e.ts;
        x.e.has_pop = i != 2;
        x.e.pop[0] ^= (uint8_t)(i == 3);
        if (i == 2) {
            memset(x.e.pop, 0, sizeof(x.e.pop)); /* all zero: left out */
        }
        assert_int_equal(enrol_write(&x.e, x.in.secret, x.k, &body), 0);
        buf_reset(&x.file);
        assert_int_equal(ferry_request_write(c, span_of(body.data, body.len), &x.file), 0);
        (void)refused(w, "d1", &x, i == 3 ? SANJI_E_SIGNATURE : SANJI_E_SPEC);
        buf_done(&body);
    }
    frame_ctx_free(c);
    asker_done(&x);
    world_done(w);
}

static void every_bit_and_every_length(void **state)
{
    (void)state;
    struct teller t;
    struct asker x;
    begin(&t, 68);
    struct world *w = &t.w;
    asker_new(w, "d1", true, &x);
    write_letter(w, &x);
    struct buf good = x.file;
    int64_t refusals = 0;
    for (size_t i = 0; i < good.len; i++) {
        buf_init(&x.file, LIM_ITEM_BYTES);
        assert_int_equal(buf_put(&x.file, good.data, good.len), 0);
        if (i % 3 == 0) {
            x.file.len = i;
        } else {
            x.file.data[i] ^= (uint8_t)(1u << i % 8);
        }
        struct sync_ferry_report rep = give(w, "d1", &x);
        /* Some bits of a frame change nothing of what is in it. */
        assert_true(rep.err < 0 || rep.vouched);
        refusals += rep.err < 0;
        assert_true(knows(w, "d1", x.in.node) == (refusals <= (int64_t)i));
        buf_done(&x.file);
    }
    assert_true(refusals > (int64_t)good.len - 24);
    static const char *const tail[] = {"x", "{}", "\x28\xb5\x2f\xfd"};
    for (size_t i = 0; i < 4; i++) { /* something behind it, at last the request itself */
        buf_init(&x.file, LIM_ITEM_BYTES);
        assert_int_equal(buf_put(&x.file, good.data, good.len), 0);
        if (i < 3) {
            assert_int_equal(buf_puts(&x.file, tail[i]), 0);
        } else {
            assert_int_equal(buf_put(&x.file, good.data, good.len), 0);
        }
        assert_int_equal(give(w, "d1", &x).err, SANJI_E_SYNTAX);
        buf_done(&x.file);
    }
    x.file = good;
    assert_int_equal(give(w, "d1", &x).err, 0);
    asker_done(&x);
    world_done(w);
}

/* The store fails, or the machine, at every call in turn: the same is said again and goes on. */
static void every_failure_of_the_store(void **state)
{
    (void)state;
    struct teller t;
    struct asker x;
    begin(&t, 69);
    struct world *w = &t.w;
    int d1 = world_find(w, "d1");
    asker_new(w, "d1", false, &x);
    write_letter(w, &x);
    struct mem_store *fresh = mem_store_snapshot(w->node[d1].mem);
    int64_t failed = 0;
    bool hit = true;
    for (int64_t at = 1; hit; at++) {
        struct sync_ferry_report rep;
        world_crash(w, d1);
        mem_store_restore(w->node[d1].mem, fresh);
        world_start(w, d1);
        mem_store_fail_at(w->node[d1].mem, at, SANJI_E_FULL);
        int r = take_bytes(w, d1, span_of(x.file.data, x.file.len), 70000, &rep, NULL);
        r = r < 0 ? r : approve(w, "d1", x.in.node);
        hit = mem_store_failed(w->node[d1].mem);
        mem_store_fail_at(w->node[d1].mem, 0, 0);
        failed += r < 0;
        assert_true(r < 0 || !hit || knows(w, "d1", x.in.node));
        if (at % 2 == 0) {
            world_crash(w, d1);
            world_start(w, d1);
        }
        rep = give(w, "d1", &x);
        assert_int_equal(rep.err, 0);
        assert_int_equal(approve(w, "d1", x.in.node), 0);
        assert_true(knows(w, "d1", x.in.node));
    }
    assert_true(failed > 8);
    mem_store_free(fresh);
    asker_done(&x);
    world_done(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_stick_there_and_one_back),
        cmocka_unit_test(begun_on_a_line_and_ended_by_file),
        cmocka_unit_test(the_same_again_changes_nothing),
        cmocka_unit_test(what_one_wrote_oneself),
        cmocka_unit_test(what_is_not_the_invited_one),
        cmocka_unit_test(used_and_expired),
        cmocka_unit_test(half_a_request),
        cmocka_unit_test(every_bit_and_every_length),
        cmocka_unit_test(every_failure_of_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
