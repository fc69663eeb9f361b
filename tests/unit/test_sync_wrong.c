/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong between neighbours: old backups, copied machines, quotas, a child that lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/story.h"

#include <stdio.h>
#include <string.h>

static const struct step three_tiers[] = {THREE_TIERS, {0}};

static void restored(const char *who)
{
    static const struct step writes[] = {
        {"s1 writes", PUT, "s1", "fed", "v1", 0},
        {"s2 writes", PUT, "s2", "up:@city", "v2", 0},
        {"d1 writes itself", PUT, "d1", "sub:@d1", "v3", 0},
        {"the city writes too", PUT, "city", "fed", "v3", 0},
        {"d1 enrols another", ENROL, "d1", "s4", 0, 40},
        {"d2 writes", PUT, "d2", "fed", "v4", 0},
        {"all agree", AGREE, 0, 0, 0, 10000},
        {"sessions are renewed many times", RUN, 0, 0, 0, 4 * 3600000},
        {0},
    };
    static const struct step after[] = {
        {"all agree", AGREE, 0, 0, 0, 3600000},
        {"its own came back as well", SEES, "d1", "d1/v3", 0, 0},
        {"the city's too", SEES, "city", "city/v3", 0, 0},
        {"and it can write on", PUT, "d1", "sub:@d1", "v5", 0},
        {"and the city", PUT, "city", "fed", "v5", 0},
        {"which arrives", AGREE, 0, 0, 0, 60000},
        {0},
    };
    struct teller t;
    world_init(&t.w, 13);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int i = world_find(w, who), city = world_find(w, "city");
    struct mem_store *snap = mem_store_snapshot(w->node[i].mem);
    story_go(&t, writes);
    world_crash(w, i);
    mem_store_restore(w->node[i].mem, snap);
    world_start(w, i);
    world_run(w, 60000);
    /* An old ticket once is a backup; a person is needed when two machines show themselves. */
    assert_int_equal(w->node[city].alarms[-SANJI_E_CLONE], 0);
    assert_true(w->node[i].alarms[-SANJI_E_OLD] > 0);
    assert_int_equal(sync_self_state(w->node[i].s), SYNC_SELF_OK);
    story_go(&t, after);
    mem_store_free(snap);
    world_done(w);
}

static void old_parent_gets_everything_back(void **state)
{
    (void)state;
    restored("city");
    restored("d1");
}

static void two_machines(void **state)
{
    (void)state;
    static const struct step rest[] = {
        {"an hour", RUN, 0, 0, 0, 3600000},
        {"the parent says so", ALARMS, "d1", 0, "two_machines", 1},
        {0},
    };
    struct teller t;
    world_init(&t.w, 14);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1");
    /* The disk of s1 is copied to a second machine and both run. */
    struct mem_store *copy = mem_store_snapshot(w->node[s1].mem);
    world_run(w, 3600000);
    assert_int_equal(w->node[world_find(w, "d1")].alarms[-SANJI_E_CLONE], 0);
    int twin = world_twin(w, s1, copy);
    world_start(w, twin);
    story_go(&t, rest);
    assert_int_equal(sync_now_state(w->node[twin].s), 0);
    world_done(w);
}

static void one_lost_answer_is_no_clone(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 15);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    w->faults.lost_reply = 300;
    world_run(w, 24 * 3600000);
    w->faults.lost_reply = 0;
    for (int i = 0; i < w->n; i++) {
        assert_int_equal(w->node[i].alarms[-SANJI_E_CLONE], 0);
    }
    world_done(w);
}

static bool d1_quota_used(struct world *w, void *arg)
{
    const int64_t *seq = arg;
    return world_head(w, world_find(w, "d1"), w->node[world_find(w, "s1")].id.s, "fed") >= *seq;
}

static void quota_defers(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 16);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int d1 = world_find(w, "d1"), s1 = world_find(w, "s1"), s2 = world_find(w, "s2");
    struct act a;
    struct sync_tick tick;
    memset(&a, 0, sizeof(a));
    a.type = ACT_QUOTA;
    a.has_g = true;
    memcpy(a.g, w->g, HASH_LEN);
    a.by = w->node[d1].id;
    a.n = w->node[s1].id;
    memcpy(a.after, roster_node(sync_roster(w->node[d1].s), w->node[s1].id.s)->last, HASH_LEN);
    a.items = 5;
    a.bytes = 100000;
    world_tick(w, d1, &tick);
    a.ts = tick.now_ms;
    assert_int_equal(sync_act(w->node[d1].s, &tick, &a, NULL, 0, false), 0);
    world_event(w, d1, SEV_LOCAL);
    story_agree(&t, 10000);
    int64_t day = 86400000 - (w->wall + w->now) % 86400000;
    world_run(w, day + 1000); /* a new day begins */
    for (int k = 0; k < 12; k++) {
        char id[8];
        (void)snprintf(id, sizeof(id), "q%d", k);
        assert_int_equal(world_put(w, s1, "fed", id, 1, "x", NULL), 0);
        world_run(w, 60000);
    }
    assert_int_equal(world_head(w, d1, w->node[s1].id.s, "fed"), 5);
    /* Others are not held up, and the child does not run in circles. */
    assert_int_equal(world_put(w, s2, "fed", "z", 1, "x", NULL), 0);
    world_run(w, 5000);
    assert_int_equal(world_head(w, world_find(w, "s3"), w->node[s2].id.s, "fed"), 1);
    assert_int_equal(world_put(w, world_find(w, "s3"), "fed", "z", 1, "x", NULL), 0);
    world_run(w, 5000);
    assert_int_equal(world_head(w, s1, w->node[world_find(w, "s3")].id.s, "fed"), 1);
    char aud[LIM_AUD_BYTES + 1];
    assert_int_equal(w->node[d1].alarms[-SANJI_E_QUOTA], 1);
    assert_int_equal(world_head(w, d1, w->node[s1].id.s, world_aud(w, "up:@d1", aud)), 0);
    /* A restart of the parent does not begin the day anew. */
    world_crash(w, d1);
    world_start(w, d1);
    assert_int_equal(world_put(w, s1, "fed", "q12", 1, "x", NULL), 0);
    world_run(w, 600000);
    assert_int_equal(world_head(w, d1, w->node[s1].id.s, "fed"), 5);
    int64_t posts = w->node[s1].posts, want = 10;
    world_run(w, 3600000);
    assert_true(w->node[s1].posts - posts < 250);
    assert_true(world_until(w, 86400000 + 1000000, d1_quota_used, &want));
    want = 13;
    assert_true(world_until(w, 86400000 + 1000000, d1_quota_used, &want));
    story_agree(&t, 60000);
    world_done(w);
}

/* ---- a child with a good key and bad intentions ---- */

struct evil {
    struct buf frames; /* put into its next upward message */
    int node;
    int sent;
};

static void evil_tap(struct world *w, int node, struct sync_wish *x, void *arg)
{
    struct evil *e = arg;
    if (node == e->node && e->frames.len > 0 && x->lane == LANE_UP &&
        strcmp(x->path, SANJI_PATH_EXCHANGE) == 0) {
        assert_int_equal(buf_put(&x->body, e->frames.data, e->frames.len), 0);
        buf_reset(&e->frames);
        e->sent++;
    }
    (void)w;
}

static void evil_header(struct world *w, struct bundle_header *h, const char *by, const char *aud,
                        int64_t seq, uint8_t en)
{
    memset(h, 0, sizeof(*h));
    h->v = 1;
    h->t = BUNDLE_DATA;
    memcpy(h->g, w->g, HASH_LEN);
    (void)snprintf(h->by.s, sizeof(h->by.s), "%s", by);
    (void)snprintf(h->aud, sizeof(h->aud), "%s", aud);
    h->ep = 1;
    h->en[0] = en;
    h->seq = seq;
}

static void evil_write(struct world *w, struct evil *e, struct bundle_header *h, uint8_t *ret_id)
{
    struct buf line;
    uint8_t id[HASH_LEN];
    struct frame_ctx *fc = frame_ctx_new();
    static const char item[] = "{\"id\":\"e\",\"k\":\"listing/1\",\"op\":\"put\",\"r\":1,\"z\":"
                               "\"AAAAAAAAAAAAAAAAAAAAAA\",\"d\":{\"kind\":\"venue\",\"title\":"
                               "\"evil\"}}";
    struct span it = span_of(item, sizeof(item) - 1);
    buf_init(&line, LIM_BUNDLE_BYTES);
    assert_int_equal(bundle_write(h, &it, 1, sync_key(w->node[e->node].s), &line, id), 0);
    assert_int_equal(frame_pack(fc, span_of(line.data, line.len), &e->frames), 0);
    if (ret_id != NULL) {
        memcpy(ret_id, id, HASH_LEN);
    }
    buf_done(&line);
    frame_ctx_free(fc);
}

static void evil_bundle(struct world *w, struct evil *e, const char *by, const char *aud,
                        int64_t seq, const uint8_t *prev, uint8_t en, uint8_t *ret_id)
{
    struct bundle_header h;
    evil_header(w, &h, by, aud, seq, en);
    if (prev != NULL) {
        memcpy(h.prev, prev, HASH_LEN);
    }
    evil_write(w, e, &h, ret_id);
}

/* An epoch far beyond any that is known, which names a head nobody holds. */
static void evil_epoch(struct world *w, struct evil *e, int64_t ep)
{
    struct bundle_header h;
    evil_header(w, &h, w->node[e->node].id.s, "fed", 1, 3);
    h.t = BUNDLE_EPOCH;
    h.ep = ep;
    h.has_pe = true;
    h.pe.ep = ep - 1;
    h.pe.seq = 5;
    h.pe.id[0] = 1;
    evil_write(w, e, &h, NULL);
}

static void evil_child(void **state)
{
    (void)state;
    struct teller t;
    struct evil e = {.sent = 0};
    char aud[LIM_AUD_BYTES + 1];
    uint8_t zero[HASH_LEN] = {1};
    world_init(&t.w, 17);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int d1 = world_find(w, "d1"), s1 = world_find(w, "s1"), s2 = world_find(w, "s2");
    buf_init(&e.frames, LIM_MESSAGE_BYTES);
    e.node = s1;
    w->tap = evil_tap;
    w->tap_arg = &e;
    assert_int_equal(world_put(w, s2, "fed", "v", 1, "x", NULL), 0);
    story_agree(&t, 10000);
    size_t before = mem_store_bundles(w->node[d1].mem);
    evil_bundle(w, &e, w->node[s2].id.s, "fed", 2, zero, 1, NULL); /* another's name */
    evil_bundle(w, &e, w->node[s1].id.s, world_aud(w, "sub:@d2", aud), 1, NULL, 1, NULL);
    evil_bundle(w, &e, w->node[s1].id.s, world_aud(w, "up:@d2", aud), 1, NULL, 1, NULL);
    evil_bundle(w, &e, w->node[s1].id.s, "fed", 999999999, zero, 1, NULL); /* far away */
    evil_epoch(w, &e, 9);
    assert_int_equal(buf_put(&e.frames, "\x28\xb5\x2f\xfd garbage", 12), 0);
    world_event(w, s1, SEV_NOW);
    world_run(w, 5000);
    assert_int_equal(e.sent, 1);
    assert_int_equal(mem_store_bundles(w->node[d1].mem), before);
    assert_true(w->node[d1].alarms[-SANJI_E_AUDIENCE] >= 2);
    /* Its next good word passes, in the same message as bad ones. */
    evil_bundle(w, &e, w->node[s1].id.s, world_aud(w, "sub:@d2", aud), 1, NULL, 1, NULL);
    assert_int_equal(world_put(w, s1, "fed", "good", 1, "x", NULL), 0);
    world_run(w, 5000);
    assert_int_equal(e.sent, 2);
    story_agree(&t, 10000);
    /* Two histories under one number: proof is kept, the stream stands still, all else goes on. */
    struct buf line;
    struct bundle b;
    struct arena *ar = arena_new(1 << 22);
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    assert_true(world_line(w, s1, w->node[s1].id.s, "fed", 1, &line));
    assert_int_equal(bundle_parse(span_of(line.data, line.len), ar, &b, NULL), 0);
    struct bundle_header h = b.hdr;
    struct buf forged;
    struct frame_ctx *fc = frame_ctx_new();
    uint8_t id[HASH_LEN];
    h.ts++;
    buf_init(&forged, LIM_BUNDLE_BYTES);
    assert_int_equal(bundle_write(&h, &b.item[0].text, 1, sync_key(w->node[s1].s), &forged, id), 0);
    assert_int_equal(frame_pack(fc, span_of(forged.data, forged.len), &e.frames), 0);
    struct bundle_header second; /* an epoch that does not say it is one */
    evil_header(w, &second, w->node[s1].id.s, "fed", 1, 4);
    second.ep = 2;
    evil_write(w, &e, &second, NULL);
    before = mem_store_bundles(w->node[d1].mem);
    world_event(w, s1, SEV_NOW);
    world_run(w, 5000);
    assert_int_equal(e.sent, 3);
    assert_int_equal(mem_store_bundles(w->node[d1].mem), before);
    assert_int_equal(mem_store_forks(w->node[d1].mem), 1);
    assert_true(w->node[d1].alarms[-SANJI_E_FORK] >= 1);
    w->node[s1].hostile = true;
    int64_t posts = w->node[s1].posts;
    assert_int_equal(world_put(w, s1, "fed", "good2", 1, "x", NULL), 0);
    world_run(w, 600000);
    assert_int_equal(world_head(w, d1, w->node[s1].id.s, "fed"), 1); /* frozen */
    assert_true(w->node[s1].posts - posts < 60); /* a refused stream is no busy loop */
    assert_int_equal(world_put(w, s1, world_aud(w, "up:@city", aud), "other", 1, "x", NULL), 0);
    world_run(w, 5000);
    assert_int_equal(world_head(w, world_find(w, "city"), w->node[s1].id.s, aud), 1);
    story_agree(&t, 60000);
    frame_ctx_free(fc);
    arena_free(ar);
    buf_done(&forged);
    buf_done(&line);
    buf_done(&e.frames);
    world_done(w);
}

/* Every stream of it is valid; there are only too many of them. */
static void too_many_streams(void **state)
{
    (void)state;
    struct teller t;
    struct evil e = {.sent = 0};
    char aud[LIM_AUD_BYTES + 1];
    world_init(&t.w, 18);
    struct world *w = &t.w;
    w->tune = (struct sync_tuning){.wait_ms = LIM_WAIT_MS,
                                   .backoff_min_ms = 1000,
                                   .backoff_max_ms = 900000,
                                   .max_bytes = 1 << 20,
                                   .max_streams = 8};
    w->has_tune = true;
    story_go(&t, three_tiers);
    int d1 = world_find(w, "d1"), s1 = world_find(w, "s1"), s2 = world_find(w, "s2");
    buf_init(&e.frames, LIM_MESSAGE_BYTES);
    e.node = s1;
    w->tap = evil_tap;
    w->tap_arg = &e;
    w->node[s1].hostile = true;
    size_t before = mem_store_bundles(w->node[d1].mem);
    const char *to[] = {"to:@s2", "to:@s3", "to:@s2,@s3"};
    for (size_t k = 0; k < 36; k++) {
        evil_bundle(w, &e, w->node[s1].id.s, world_aud(w, to[k / 12], aud), 1, NULL,
                    (uint8_t)(k % 12 + 1), NULL);
    }
    assert_int_equal(world_put(w, s2, "fed", "v", 1, "x", NULL), 0);
    world_event(w, s1, SEV_NOW);
    world_run(w, 5000);
    assert_int_equal(e.sent, 1);
    assert_int_equal(mem_store_bundles(w->node[d1].mem), before + 1 + 8);
    assert_int_equal(w->node[d1].alarms[-SANJI_E_QUOTA], 1);
    /* Others open theirs; what it has it may go on with. */
    assert_int_equal(world_put(w, s2, world_aud(w, "up:@city", aud), "v2", 1, "x", NULL), 0);
    story_agree(&t, 10000);
    assert_int_equal(world_head(w, world_find(w, "city"), w->node[s2].id.s, aud), 1);
    buf_done(&e.frames);
    world_done(w);
}

/* ---- enrolment ---- */

struct asked {
    char state[16], err[24];
    int status;
};

static void ask_enrol(struct world *w, int up, const struct msg_enrol *e, const uint8_t secret[16],
                      const struct sign_key *k, struct asked *ret)
{
    struct buf body, reply;
    struct msg_enrol_reply rep;
    struct sync_tick t;
    struct arena *a = arena_new(1 << 20);
    buf_init(&body, LIM_ITEM_BYTES);
    buf_init(&reply, LIM_ITEM_BYTES);
    memset(ret, 0, sizeof(*ret));
    assert_int_equal(enrol_write(e, secret, k, &body), 0);
    world_tick(w, up, &t);
    int r = enrol_handle(w->node[up].s, &t, span_of(body.data, body.len), &reply, &ret->status);
    (void)snprintf(ret->err, sizeof(ret->err), "%s", err_name(r));
    if (r == 0) {
        assert_int_equal(
            jspec_read(reply.data, reply.len, msg_enrol_reply_spec, &rep, sizeof(rep), a, NULL), 0);
        (void)snprintf(ret->state, sizeof(ret->state), "%s", rep.state);
    }
    buf_done(&body);
    buf_done(&reply);
    arena_free(a);
}

static int row_digits(const struct enrol_row *r, void *arg)
{
    if (r->requested && !r->done) {
        memcpy(arg, r->digits, 7);
    }
    return 0;
}

static void request(struct world *w, const struct msg_invite *in, struct msg_enrol *e,
                    const struct sign_key *k)
{
    uint8_t seed[SEAL_SEED_LEN];
    memset(e, 0, sizeof(*e));
    e->v = 1;
    memcpy(e->g, in->g, HASH_LEN);
    e->node = in->node;
    e->ver = "test";
    memcpy(e->sig, sign_key_pub(k), SIGN_PUB_LEN);
    world_bytes(w, seed, sizeof(seed));
    assert_int_equal(seal_pub_of(seed, e->seal), 0);
    world_bytes(w, e->tls, sizeof(e->tls));
}

static void an_invite_is_for_one(void **state)
{
    (void)state;
    struct teller t;
    struct asked got;
    struct msg_invite in;
    struct msg_enrol e, other;
    struct node_id id;
    struct sync_tick tick;
    struct buf line;
    char there[7] = "", here[7] = "x";
    uint8_t seed[SIGN_SEED_LEN], wrong[16] = {0};
    world_init(&t.w, 19);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int d1 = world_find(w, "d1");
    struct sync *s = w->node[d1].s;
    struct arena *a = arena_new(1 << 20);
    buf_init(&line, 8192);
    world_tick(w, d1, &tick);
    assert_int_equal(enrol_invite(s, &tick, "s9", 30, "370102", "https://127.0.0.1:1/", 60000,
                                  false, &line, &id),
                     SANJI_E_SPEC); /* not below this node */
    assert_int_equal(enrol_invite(s, &tick, "s9", 40, "370102", "https://127.0.0.1:1/", 60000,
                                  false, &line, &id),
                     0);
    assert_int_equal(invite_read(buf_str(&line), line.len, a, &in, NULL), 0);
    world_bytes(w, seed, sizeof(seed));
    struct sign_key *k = sign_key_new(seed);
    world_bytes(w, seed, sizeof(seed));
    struct sign_key *k2 = sign_key_new(seed);
    request(w, &in, &e, k);
    ask_enrol(w, d1, &e, wrong, k, &got);
    assert_string_equal(got.err, "bad_signature");
    assert_int_equal(enrol_approve(s, &tick, id.s, NULL, 0),
                     SANJI_E_STATE); /* nobody has asked yet */
    ask_enrol(w, d1, &e, in.secret, k, &got);
    assert_string_equal(got.state, "pending");
    assert_int_equal(got.status, 202);
    assert_int_equal(enrol_each(s, row_digits, there), 0);
    enrol_digits(&e, in.secret, here);
    assert_string_equal(here, there);
    request(w, &in, &other, k2); /* somebody who saw the invite */
    ask_enrol(w, d1, &other, in.secret, k2, &got);
    assert_string_equal(got.err, "already_used");
    world_run(w, 120000); /* past its end: who asked in time may go on */
    ask_enrol(w, d1, &e, in.secret, k, &got);
    assert_string_equal(got.state, "pending");
    assert_int_equal(enrol_approve(s, &tick, id.s, NULL, 0), 0);
    ask_enrol(w, d1, &e, in.secret, k, &got);
    assert_string_equal(got.state, "act");
    e.has_pop = true; /* a signature over something else */
    ask_enrol(w, d1, &e, in.secret, k, &got);
    assert_string_equal(got.err, "bad_signature");
    assert_null(roster_node(sync_roster(s), id.s));
    buf_reset(&line);
    assert_int_equal(
        enrol_invite(s, &tick, "s8", 40, "370102", "https://127.0.0.1:1/", 1000, true, &line, &id),
        0);
    assert_int_equal(invite_read(buf_str(&line), line.len, a, &in, NULL), 0);
    world_run(w, 120000);
    request(w, &in, &e, k2);
    ask_enrol(w, d1, &e, in.secret, k2, &got);
    assert_string_equal(got.err, "expired");
    sign_key_free(k);
    sign_key_free(k2);
    arena_free(a);
    buf_done(&line);
    world_done(w);
}

static void an_unknown_key_waits(void **state)
{
    (void)state;
    struct teller t;
    struct sync_accept acc;
    struct sync_tick tick = {.now_ms = 1, .mono_ms = 1};
    struct buf line, frame;
    struct sync *s = NULL;
    world_init(&t.w, 20);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1");
    assert_int_equal(world_put(w, s1, "fed", "v", 1, "x", NULL), 0);
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    buf_init(&frame, LIM_BUNDLE_BYTES + 64);
    assert_true(world_line(w, s1, w->node[s1].id.s, "fed", 1, &line));
    struct frame_ctx *fc = frame_ctx_new();
    assert_int_equal(frame_pack(fc, span_of(line.data, line.len), &frame), 0);
    /* A node that has heard nothing yet. */
    struct mem_store *m = mem_store_new();
    struct sync_self self = {.id = w->node[world_find(w, "d2")].id,
                             .sign_seed = w->node[0].sign_seed};
    memcpy(self.g, w->g, HASH_LEN);
    assert_int_equal(sync_new(&self, mem_store_port(m), &s), 0);
    sync_accept_frame(s, &tick, span_of(frame.data, frame.len), &acc);
    assert_int_equal(acc.err, SANJI_E_UNKNOWN_KEY);
    assert_int_equal(mem_store_bundles(m), 0);
    assert_int_equal(mem_store_parked(m), 0);
    sync_free(s);
    mem_store_free(m);
    frame_ctx_free(fc);
    buf_done(&line);
    buf_done(&frame);
    world_done(w);
}

/* Whoever gave the invite vouches for one history of the top's acts; a line that brings another one
 * is not followed, whatever its signatures are worth. */
static void a_false_history_is_not_followed(void **state)
{
    (void)state;
    struct teller t;
    struct sync_tick tick = {.now_ms = 1, .mono_ms = 1};
    struct buf line, frame;
    struct bundle b;
    world_init(&t.w, 21);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int city = world_find(w, "city");
    struct arena *a = arena_new(1 << 20);
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    buf_init(&frame, LIM_BUNDLE_BYTES + 64);
    assert_true(world_line(w, city, w->node[city].id.s, "trust", 1, &line));
    struct frame_ctx *fc = frame_ctx_new();
    assert_int_equal(frame_pack(fc, span_of(line.data, line.len), &frame), 0);
    assert_int_equal(bundle_parse(span_of(line.data, line.len), a, &b, NULL), 0);
    for (int wrong = 0; wrong < 2; wrong++) {
        struct mem_store *m = mem_store_new();
        const struct sync_store *st = mem_store_port(m);
        struct sync_self self = {.id = w->node[world_find(w, "d2")].id,
                                 .sign_seed = w->node[0].sign_seed};
        struct msg_invite in = {.head_by = w->node[city].id.s, .head_ep = b.hdr.ep, .head_seq = 1};
        struct sync_accept acc;
        struct sync *s = NULL;
        memcpy(self.g, w->g, HASH_LEN);
        memcpy(in.head_id, b.id, HASH_LEN);
        in.head_id[HASH_LEN - 1] ^= (uint8_t)wrong;
        assert_int_equal(st->begin(st->ctx), 0);
        assert_int_equal(enrol_pin(st, &in), 0);
        assert_int_equal(st->commit(st->ctx), 0);
        assert_int_equal(sync_new(&self, st, &s), 0);
        assert_int_equal(st->begin(st->ctx), 0);
        sync_accept_frame(s, &tick, span_of(frame.data, frame.len), &acc);
        assert_int_equal(acc.err, wrong ? SANJI_E_CHAIN : 0);
        st->rollback(st->ctx);
        sync_free(s);
        mem_store_free(m);
    }
    frame_ctx_free(fc);
    arena_free(a);
    buf_done(&line);
    buf_done(&frame);
    world_done(w);
}

/* ---- a store that cannot be read ---- */

static bool blind;
static int (*real_streams)(void *, int (*)(const struct sync_stream_row *, void *), void *);
static int (*real_commit)(void *);

static int blind_streams(void *ctx, int (*fn)(const struct sync_stream_row *, void *), void *arg)
{
    return blind ? SANJI_E_IO : real_streams(ctx, fn, arg);
}

static int blind_commit(void *ctx)
{
    return blind ? SANJI_E_IO : real_commit(ctx);
}

/* A node that lost sight of its heads must not begin its own streams anew. */
static void a_blind_node_writes_nothing(void **state)
{
    (void)state;
    struct teller t;
    struct sync *s = NULL;
    struct sync_tick tick;
    struct sync_out out = {0};
    struct sync_event ev = {.type = SEV_START};
    world_init(&t.w, 21);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int i = world_find(w, "s1");
    struct wnode *n = &w->node[i];
    assert_int_equal(world_put(w, i, "fed", "v", 1, "x", NULL), 0);
    struct mem_store *m = mem_store_snapshot(n->mem);
    struct sync_store port = *mem_store_port(m);
    real_streams = port.streams;
    real_commit = port.commit;
    port.streams = blind_streams;
    port.commit = blind_commit;
    struct sync_self self = *sync_self_of(n->s);
    assert_int_equal(sync_new(&self, &port, &s), 0);
    static const char item[] = "{\"id\":\"x3\",\"k\":\"listing/1\",\"op\":\"put\",\"r\":1,\"z\":"
                               "\"AAAAAAAAAAAAAAAAAAAAAA\",\"d\":{\"kind\":\"venue\",\"title\":"
                               "\"y\"}}";
    struct span it = span_of(item, sizeof(item) - 1);
    world_tick(w, i, &tick);
    blind = true;
    assert_int_equal(sync_write(s, &tick, "fed", &it, 1, false, NULL), SANJI_E_IO);
    assert_int_equal(sync_write(s, &tick, "fed", &it, 1, false, NULL), SANJI_E_IO);
    assert_int_equal(sync_step(s, &tick, &ev, &out), SANJI_E_IO);
    assert_true(out.n > 0 && out.w[out.n - 1].type == SW_WAKE); /* it will look again */
    blind = false;
    assert_int_equal(sync_write(s, &tick, "fed", &it, 1, false, NULL), 0);
    assert_int_equal(sync_step(s, &tick, &ev, &out), 0);
    struct mem_store *was = n->mem;
    n->mem = m;
    assert_int_equal(world_head(w, i, n->id.s, "fed"), 2); /* it went on where it was */
    n->mem = was;
    sync_out_done(&out);
    sync_free(s);
    mem_store_free(m);
    world_done(w);
}

/* One letter of each signature under a log-in is another one. */
static void spoil_proof(struct world *w, int node, struct sync_wish *wish, void *arg)
{
    (void)w;
    (void)node;
    char *at = wish->body.len == 0 ? NULL : memmem(wish->body.data, wish->body.len, "\"s\":\"", 5);
    if (strcmp(wish->path, SANJI_PATH_EXCHANGE) != 0 && at != NULL) {
        at[5] = at[5] == 'A' ? 'B' : 'A';
        ++*(int *)arg;
    }
}

static void a_log_in_without_the_key_gets_nothing(void **state)
{
    (void)state;
    static const struct step before[] = {
        {"the city begins", TOP, "city", 0, 0, 20},
        {"city enrols d1", ENROL, "city", "d1", 0, 30},
        {"both agree", AGREE, 0, 0, 0, 60000},
        {"d1 is shut down", STOP, "d1"},
        {0},
    };
    struct teller t;
    int spoiled = 0;
    world_init(&t.w, 7);
    story_go(&t, before);
    int d1 = world_find(&t.w, "d1");
    int64_t exchanges = t.w.node[d1].exchanges;
    t.w.tap = spoil_proof;
    t.w.tap_arg = &spoiled;
    world_start(&t.w, d1);
    world_run(&t.w, 600000);
    assert_true(spoiled > 0);
    assert_int_equal(t.w.node[d1].exchanges, exchanges);
    t.w.tap = NULL;
    world_run(&t.w, 3600000);
    assert_true(t.w.node[d1].exchanges > exchanges);
    world_done(&t.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_in_without_the_key_gets_nothing),
        cmocka_unit_test(old_parent_gets_everything_back),
        cmocka_unit_test(two_machines),
        cmocka_unit_test(one_lost_answer_is_no_clone),
        cmocka_unit_test(quota_defers),
        cmocka_unit_test(evil_child),
        cmocka_unit_test(too_many_streams),
        cmocka_unit_test(an_invite_is_for_one),
        cmocka_unit_test(an_unknown_key_waits),
        cmocka_unit_test(a_false_history_is_not_followed),
        cmocka_unit_test(a_blind_node_writes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
