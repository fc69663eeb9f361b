/* SPDX-License-Identifier: Apache-2.0 */
/* Checks on what comes from outside that stand in one line each: every case here was a line that
 * could be taken out of the product without any other test noticing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sync/keyframe.h"
#include "tests/support/acts.h"
#include "tests/support/story.h"

#include <stdio.h>
#include <string.h>

enum { HEADS = 32 };
static const struct step three_tiers[] = {THREE_TIERS, {0}};
static const char listing[] = "{\"id\":\"e\",\"k\":\"listing/1\",\"op\":\"put\",\"r\":1,\"z\":"
                              "\"AAAAAAAAAAAAAAAAAAAAAA\",\"d\":{\"kind\":\"venue\",\"title\":"
                              "\"x\"}}";

static bool shows(struct world *w, int at, int owner, const char *id)
{
    struct mem_seen seen;
    return mem_store_record(w->node[at].mem, w->node[owner].id.s, id, &seen) == 0;
}

/* One bundle of s1 with its own good key, as it would come from the wire. */
static void bundle_of(struct world *w, int by, struct bundle_header *h, const char *aud,
                      struct buf *frame)
{
    struct span it = span_of(listing, sizeof(listing) - 1);
    struct frame_ctx *fc = frame_ctx_new();
    struct buf line;
    uint8_t id[HASH_LEN];
    h->v = 1;
    h->t = BUNDLE_DATA;
    h->by = w->node[by].id;
    (void)snprintf(h->aud, sizeof(h->aud), "%s", aud);
    h->ep = 1;
    h->en[0] = 9;
    h->seq = 1;
    h->ts = w->wall + w->now;
    buf_init(&line, LIM_BUNDLE_BYTES);
    buf_init(frame, LIM_BUNDLE_BYTES);
    assert_int_equal(bundle_write(h, &it, 1, sync_key(w->node[by].s), &line, id), 0);
    assert_int_equal(frame_pack(fc, span_of(line.data, line.len), frame), 0);
    buf_done(&line);
    frame_ctx_free(fc);
}

static int accept(struct world *w, int at, const struct buf *frame)
{
    const struct sync_store *st = mem_store_port(w->node[at].mem);
    struct sync_accept acc;
    struct sync_tick t;
    world_tick(w, at, &t);
    assert_int_equal(st->begin(st->ctx), 0);
    sync_accept_frame(w->node[at].s, &t, span_of(frame->data, frame->len), &acc);
    assert_int_equal(st->commit(st->ctx), 0);
    return acc.err;
}

static void a_bundle_for_another_federation(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 501);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), d1 = world_find(w, "d1");
    struct bundle_header h = {.g = {1}};
    struct buf frame;
    size_t had = mem_store_bundles(w->node[d1].mem);
    bundle_of(w, s1, &h, "fed", &frame);
    assert_int_equal(accept(w, d1, &frame), SANJI_E_FEDERATION);
    buf_done(&frame);
    bundle_of(w, s1, &h, "trust", &frame); /* the act that joins the two may be on its way */
    assert_int_equal(accept(w, d1, &frame), SANJI_E_UNKNOWN_KEY);
    buf_done(&frame);
    assert_int_equal(mem_store_bundles(w->node[d1].mem), had);
    memset(&h, 0, sizeof(h));
    memcpy(h.g, w->g, HASH_LEN); /* the same in its own */
    bundle_of(w, s1, &h, "fed", &frame);
    assert_int_equal(accept(w, d1, &frame), 0);
    buf_done(&frame);
    assert_true(shows(w, d1, s1, "e"));
    world_done(w);
}

/* ---- keys that have ended ---- */

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

/* Its session was opened before: it hears of its end there, and nothing more. */
static void a_child_that_was_cut_is_served_no_more(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 502);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), s2 = world_find(w, "s2"), d1 = world_find(w, "d1");
    world_run(w, 60000);
    revoke(w, d1, s1);
    world_run(w, 60000);
    assert_int_equal(roster_node(sync_roster(w->node[s1].s), w->node[s1].id.s)->state, NODE_CUT);
    assert_int_equal(world_put(w, d1, "fed", "after", 1, "x", NULL), 0);
    world_run(w, 1200000);
    assert_true(shows(w, s2, d1, "after"));
    assert_false(shows(w, s1, d1, "after"));
    struct bundle_header h = {.v = 1}; /* nor is a stream taken that the cut does not list */
    struct buf frame;
    memcpy(h.g, w->g, HASH_LEN);
    bundle_of(w, s1, &h, "fed", &frame);
    assert_int_equal(accept(w, d1, &frame), SANJI_E_REVOKED);
    buf_done(&frame);
    world_done(w);
}

/* A thief's text under an old key, said by its owner under the new one: beyond the old key's end.
 */
static void an_act_signed_with_a_key_that_was_cut(void **state)
{
    (void)state;
    struct hist h;
    hist_init(&h);
    hist_basic(&h);
    struct act a = t_cut("d1", "d1");
    hist_head(&h, &a, "d1", 2, false);
    (void)hist_say(&h, &a, "city", false, "city");
    a = t_key("d1", "d1b", true);
    (void)hist_say(&h, &a, "city", false, "city d1b root");
    h.ep = 2;
    for (int old = 0; old < 2; old++) {
        a = t_info("s1", old ? "stolen" : "good");
        struct hact *x = hist_say(&h, &a, "d1", false, old ? "d1" : "d1b");
        x->at.kid = tkey("d1b")->kid; /* of the bundle it stands in */
        struct roster *r = hist_fold(&h, NULL);
        assert_string_equal(roster_node(r, tnode("s1").s)->name, "good");
        roster_free(r);
    }
    hist_done(&h);
}

/* The registrar is in the middle of a keyframe when it ends a key. What it lists is the head
 * before: for whoever has the stream from that keyframe on, nothing would stand up to a place
 * inside it. */
static void a_head_inside_a_keyframe_is_not_listed(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 507);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), d1 = world_find(w, "d1");
    assert_int_equal(world_put(w, s1, "fed", "a", 1, "x", NULL), 0);
    assert_int_equal(world_put(w, s1, "fed", "b", 1, "x", NULL), 0);
    story_agree(&t, 60000);
    struct sync *s = w->node[d1].s;
    int idx = sync__stream_newest(s, w->node[s1].id.s, "fed");
    assert_true(idx >= 0 && s->streams[idx].row.seq == 2);
    for (int64_t before = 2; before >= 0; before--) { /* 2: whole; 0: it began with the keyframe */
        struct key_jump j = {.at = before + 1, .seq = before};
        struct act_head heads[HEADS];
        size_t n = 0, found = 0;
        s->streams[idx].jump = before == 2 ? 0 : j.at;
        assert_int_equal(sync__kept_set(s, "jump", s->streams[idx].row.no, &j, sizeof(j)), 0);
        assert_int_equal(sync_heads_of(s, w->node[s1].id.s, false, heads, HEADS, &n), 0);
        for (size_t i = 0; i < n; i++) {
            if (heads[i].aud != NULL && strcmp(heads[i].aud, "fed") == 0) {
                assert_int_equal(heads[i].seq, before);
                found++;
            }
        }
        assert_int_equal(found, before > 0);
    }
    world_done(w);
}

/* ---- messages ---- */

struct first_frame {
    struct buf *out;
};

static int copy_frame(const struct sync_bundle_row *row, void *arg)
{
    struct first_frame *f = arg;
    assert_int_equal(buf_put(f->out, row->frame.p, row->frame.n), 0);
    return 1;
}

/* What a neighbour sends it holds, also what it sends for the second time: it needs no copy. */
static void a_duplicate_tells_what_its_sender_holds(void **state)
{
    (void)state;
    struct teller t;
    struct buf frame;
    int64_t stored = 0;
    world_init(&t.w, 503);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), d1 = world_find(w, "d1");
    assert_int_equal(world_put(w, s1, "fed", "a", 1, "x", NULL), 0);
    story_agree(&t, 60000);
    struct sync *s = w->node[d1].s;
    struct peer *p = sync__peer_find(s, w->node[s1].id.s);
    int idx = sync__stream_newest(s, w->node[s1].id.s, "fed");
    const struct sync_store *st = mem_store_port(w->node[d1].mem);
    buf_init(&frame, LIM_BUNDLE_BYTES);
    struct first_frame f = {&frame};
    assert_true(p != NULL && idx >= 0);
    assert_int_equal(st->bundles(st->ctx, s->streams[idx].row.no, 0, 1, copy_frame, &f), 0);
    p->ps[idx].shown = -1;
    assert_int_equal(sync__take_bundles(s, p, span_of(frame.data, frame.len), 0, &stored), 0);
    assert_int_equal(stored, 0);
    assert_int_equal(p->ps[idx].shown, 1);
    buf_done(&frame);
    world_done(w);
}

/* A message may inflate so far and no further: what is behind that is not looked at. */
static void a_message_ends_where_it_has_inflated_enough(void **state)
{
    (void)state;
    for (int beyond = 0; beyond < 2; beyond++) {
        struct teller t;
        struct bundle_header h = {.v = 1};
        struct buf frame;
        int64_t stored = -1;
        world_init(&t.w, 504);
        story_go(&t, three_tiers);
        struct world *w = &t.w;
        int s1 = world_find(w, "s1"), d1 = world_find(w, "d1");
        struct sync *s = w->node[d1].s;
        memcpy(h.g, w->g, HASH_LEN);
        bundle_of(w, s1, &h, "fed", &frame);
        size_t before = (size_t)LIM_INFLATE_BYTES + (size_t)beyond;
        assert_int_equal(sync__take_bundles(s, sync__peer_find(s, w->node[s1].id.s),
                                            span_of(frame.data, frame.len), before, &stored),
                         0);
        assert_int_equal(stored, 1 - beyond);
        buf_done(&frame);
        world_done(w);
    }
}

/* ---- two machines ---- */

/* It has the newest ticket, and is another installation: a copy that was set up elsewhere. */
static void the_same_tickets_in_another_installation(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 505);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), d1 = world_find(w, "d1");
    world_run(w, 60000);
    world_stop(w, s1);
    w->node[s1].inst[0] ^= 1;
    world_start(w, s1);
    world_run(w, 60000);
    assert_true(w->node[d1].alarms[-SANJI_E_CLONE] > 0);
    assert_int_equal(sync_self_state(w->node[s1].s), SYNC_SELF_CLONE);
    world_done(w);
}

static int session_ask(struct world *w, int at, uint64_t conn, const struct buf *body,
                       struct buf *ret)
{
    struct sync_event ev = {.type = SEV_REQUEST, .req = conn, .conn = conn};
    struct sync_out out = {0};
    struct sync_tick t;
    int status = 0;
    ev.path = SANJI_PATH_SESSION;
    ev.body = span_of(body->data, body->len);
    buf_reset(ret);
    world_tick(w, at, &t);
    assert_int_equal(sync_step(w->node[at].s, &t, &ev, &out), 0);
    for (size_t i = 0; i < out.n; i++) {
        if (out.w[i].type == SW_ALARM) {
            w->node[at].alarms[-out.w[i].err]++;
        } else if (out.w[i].type == SW_REPLY && out.w[i].req == conn) {
            status = out.w[i].status;
            assert_int_equal(buf_put(ret, out.w[i].body.data, out.w[i].body.len), 0);
        }
    }
    sync_out_done(&out);
    return status;
}

struct login { /* of s1 at d1, by hand */
    struct world *w;
    uint64_t conn;
    struct msg_session_open open;
    struct msg_session_challenge ch;
    struct key_id kid;
};

static void login_open(struct login *l, struct world *w, uint64_t conn, struct arena *a)
{
    int s1 = world_find(w, "s1"), d1 = world_find(w, "d1");
    struct buf body, reply;
    struct jw j;
    memset(l, 0, sizeof(*l));
    l->w = w;
    l->conn = conn;
    key_id_of(sign_key_pub(sync_key(w->node[s1].s)), &l->kid);
    l->open.v = 1;
    memcpy(l->open.g, w->g, HASH_LEN);
    l->open.node = w->node[s1].id.s;
    l->open.kid = l->kid.s;
    l->open.lane = "up";
    l->open.ver = "test";
    memcpy(l->open.inst, w->node[s1].inst, sizeof(l->open.inst));
    buf_init(&body, 4096);
    buf_init(&reply, 4096);
    jw_init(&j, &body);
    jspec_write(&j, NULL, msg_session_open_spec, &l->open);
    assert_int_equal(jw_done(&j), 0);
    assert_int_equal(session_ask(w, d1, conn, &body, &reply), 200);
    assert_int_equal(jspec_read(reply.data, reply.len, msg_session_challenge_spec, &l->ch,
                                sizeof(l->ch), a, NULL),
                     0);
    buf_done(&body);
    buf_done(&reply);
}

/* The status; `ticket` becomes the one granted. */
static int login_prove(const struct login *l, uint8_t ticket[static 16], struct arena *a)
{
    struct world *w = l->w;
    int s1 = world_find(w, "s1"), d1 = world_find(w, "d1");
    struct msg_session_proof pr = {.has_ticket = true};
    struct msg_session_grant g;
    struct buf body, reply, pre;
    struct jw j;
    memcpy(pr.cid, l->ch.cid, sizeof(pr.cid));
    memcpy(pr.ticket, ticket, sizeof(pr.ticket));
    buf_init(&body, 4096);
    buf_init(&reply, 4096);
    buf_init(&pre, 4096);
    assert_int_equal(session_preimage(&l->open, &l->ch, w->node[d1].tls, pr.ticket, &pre), 0);
    assert_int_equal(sign_raw(sync_key(w->node[s1].s), pre.data, pre.len, pr.s), 0);
    jw_init(&j, &body);
    jspec_write(&j, NULL, msg_session_proof_spec, &pr);
    assert_int_equal(jw_done(&j), 0);
    int status = session_ask(w, d1, l->conn, &body, &reply);
    if (status == 200) {
        assert_int_equal(
            jspec_read(reply.data, reply.len, msg_session_grant_spec, &g, sizeof(g), a, NULL), 0);
        memcpy(ticket, g.ticket, 16);
    }
    buf_done(&body);
    buf_done(&reply);
    buf_done(&pre);
    return status;
}

/* A log-in that was given up, because no answer came, arrives behind the one begun after it: its
 * ticket would go to nobody, and the one that was received would be an old one from then on. */
static void a_login_given_up_arrives_late(void **state)
{
    (void)state;
    struct teller t;
    struct login early, late;
    uint8_t ticket[16];
    struct buf v;
    char key[64];
    world_init(&t.w, 506);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), d1 = world_find(w, "d1");
    w->node[s1].cut = true;
    world_run(w, 60000);
    struct arena *a = arena_new(1 << 20);
    const struct sync_store *st = mem_store_port(w->node[s1].mem);
    buf_init(&v, 64);
    (void)snprintf(key, sizeof(key), "ticket/%s/up", w->node[d1].id.s);
    assert_int_equal(st->kv_get(st->ctx, key, &v), 0);
    assert_int_equal(v.len, sizeof(ticket));
    memcpy(ticket, v.data, sizeof(ticket));
    login_open(&early, w, 9001, a);
    world_run(w, 1000);
    login_open(&late, w, 9002, a);
    assert_int_equal(login_prove(&late, ticket, a), 200);
    uint8_t old[16];
    memcpy(old, v.data, sizeof(old)); /* what was shown in both */
    assert_int_equal(login_prove(&early, old, a), 401);
    login_open(&late, w, 9003, a);
    assert_int_equal(login_prove(&late, ticket, a), 200);
    assert_int_equal(w->node[d1].alarms[-SANJI_E_OLD], 0);
    arena_free(a);
    buf_done(&v);
    world_done(w);
}

/* ---- sealed ---- */

/* A thread is between two parties: an event to several is nobody's. */
static void a_referral_to_two(void **state)
{
    (void)state;
    static const char plain[] = "{\"k\":\"referral/1\",\"who\":\"i\",\"ev\":\"send\",\"seen\":0,"
                                "\"on\":\"2026-11-22\",\"d\":{\"subject_kind\":\"org\","
                                "\"reason\":\"policy\",\"title\":\"a case\"}}";
    static const uint8_t cek[32] = {3};
    struct teller t;
    world_init(&t.w, 506);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), s2 = world_find(w, "s2"), s3 = world_find(w, "s3");
    for (size_t n = 1; n <= 2; n++) {
        const struct node_id to[2] = {w->node[s2].id, w->node[s3].id};
        struct sync_tick tick;
        struct ref_fold fold;
        struct buf item;
        char aud[LIM_AUD_BYTES + 1];
        const char *id = n == 1 ? "one" : "two";
        buf_init(&item, LIM_ITEM_BYTES);
        world_tick(w, s1, &tick);
        assert_int_equal(sync_seal_item(w->node[s1].s, &tick, id, 1, to, n, cek,
                                        span_of(plain, sizeof(plain) - 1), &item),
                         0);
        (void)world_aud(w, n == 1 ? "to:@s2" : "to:@s2,@s3", aud);
        assert_int_equal(world_write(w, s1, aud, buf_str(&item), NULL), 0);
        world_run(w, 120000);
        for (int i = 0; i < w->n; i++) {
            int r = mem_store_thread(w->node[i].mem, w->node[s1].id.s, id, &fold);
            assert_int_equal(r, n == 1 && (i == s1 || i == s2) ? 0 : SANJI_E_NOT_FOUND);
        }
        buf_done(&item);
    }
    world_done(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bundle_for_another_federation),
        cmocka_unit_test(a_child_that_was_cut_is_served_no_more),
        cmocka_unit_test(an_act_signed_with_a_key_that_was_cut),
        cmocka_unit_test(a_head_inside_a_keyframe_is_not_listed),
        cmocka_unit_test(a_duplicate_tells_what_its_sender_holds),
        cmocka_unit_test(a_message_ends_where_it_has_inflated_enough),
        cmocka_unit_test(the_same_tickets_in_another_installation),
        cmocka_unit_test(a_login_given_up_arrives_late),
        cmocka_unit_test(a_referral_to_two),
    };
    int r = cmocka_run_group_tests_name("sync_checks", tests, NULL, NULL);
    tkey_done();
    return r;
}
