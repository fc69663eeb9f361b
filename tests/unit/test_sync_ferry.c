/* SPDX-License-Identifier: Apache-2.0 */
/* A federation whose cables are out and which lives by files alone: does everything arrive, is only
 * the new carried, does nothing hostile get in, and does no interruption lose or double anything?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/ferry.h"
#include "sync/ferry.h"
#include "tests/support/stick.h"
#include "tests/support/story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct step three_tiers[] = {THREE_TIERS, {0}};
static const struct step district_writes[] = {
    {"s1 lists a venue", PUT, "s1", "fed", "v1", 0},
    {"s1 says something to its district", PUT, "s1", "up:@d1", "u1", 0},
    {"d1 writes downwards", PUT, "d1", "sub:@d1", "d", 0},
    {"the city lists", PUT, "city", "fed", "c1", 0},
    {"s3 lists", PUT, "s3", "fed", "w1", 0},
    {"s2 writes to its district alone", PUT, "s2", "up:@d1", "u2", 0},
    {0},
};
static const uint8_t cek[32] = {7};

static void refer(struct world *w)
{
    assert_int_equal(
        world_referral(w, world_find(w, "s1"), world_find(w, "s3"), "ref-1", 1, 0, "i", "send",
                       "{\"subject_kind\":\"org\",\"reason\":\"policy\",\"title\":\"x\"}", cek),
        0);
}

static const struct step agree[] = {{"by files alone all hold the same", AGREE, 0, 0, 0, 1}, {0}};

static void round_of_sticks(struct world *w)
{
    static const char *const way[][2] = {
        {"s1", "d1"},   {"s2", "d1"},   {"s3", "d2"}, {"d1", "city"}, {"d2", "city"},
        {"city", "d1"}, {"city", "d2"}, {"d1", "s1"}, {"d1", "s2"},   {"d2", "s3"}};
    for (size_t i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
        (void)carry(w, way[i][0], way[i][1]);
    }
}

static void months_on_sticks(void **state)
{
    (void)state;
    static const struct step again[] = {
        {"months pass", RUN, 0, 0, 0, (int64_t)90 * 86400000},
        {"s1 changes its venue", EDIT, "s1", "fed", "v1", 2},
        {"the city withdraws", WD, "city", "fed", "c1", 2},
        {"s2 lists", PUT, "s2", "fed", "x1", 0},
        {0},
    };
    struct teller t;
    world_init(&t.w, 31);
    story_go(&t, three_tiers);
    cut_all(&t.w);
    story_go(&t, district_writes);
    refer(&t.w);
    round_of_sticks(&t.w);
    story_go(&t, agree);
    struct ref_fold f;
    const struct wnode *s1 = &t.w.node[world_find(&t.w, "s1")];
    int s3 = world_find(&t.w, "s3");
    assert_int_equal(mem_store_thread(t.w.node[s3].mem, s1->id.s, "ref-1", &f), 0);
    assert_int_equal(f.state, RS_SENT);
    static const char *const steps[] = {"delivered", "open", "accept"};
    static const char leaf[] = "{\"leaf\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}";
    for (int i = 0; i < 3; i++) {
        assert_int_equal(world_referral(&t.w, s3, world_find(&t.w, "s1"), "ref-1", i + 1, 1, "r",
                                        steps[i], i == 0 ? leaf : "{}", cek),
                         0);
    }
    for (int i = 0; i < 3; i++) {
        round_of_sticks(&t.w); /* what everybody says to hold is known now: nothing twice */
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(carry(&t.w, "d1", "s1"), 0);
        assert_int_equal(carry(&t.w, "s1", "d1"), 0);
    }
    assert_int_equal(mem_store_thread(s1->mem, s1->id.s, "ref-1", &f), 0);
    assert_int_equal(f.state, RS_ACCEPTED);
    story_go(&t, again);
    int64_t n = carry(&t.w, "s1", "d1"); /* what it changed, and beats since a keyframe */
    assert_true(n > 1 && n <= LIM_KEY_BEATS + 3);
    round_of_sticks(&t.w);
    story_go(&t, agree);
    world_done(&t.w);
}

/* Enrolled, and never on the network again: not even its roster came by it. */
static void a_node_that_never_had_a_network(void **state)
{
    (void)state;
    struct teller t;
    struct parcel p;
    world_init(&t.w, 32);
    story_go(&t, three_tiers);
    cut_all(&t.w);
    story_go(&t, district_writes);
    t.w.node[world_find(&t.w, "d1")].cut = true;
    int s = world_enrol(&t.w, world_find(&t.w, "d1"), "s9", 40, true);
    assert_true(s > 0);
    t.w.node[s].cut = true;
    assert_int_equal(roster_count(sync_roster(t.w.node[s].s)), 0);
    assert_int_equal(pack_with(&t.w, s, world_find(&t.w, "d1"), (struct want){0}, &p),
                     SANJI_E_PENDING);
    (void)carry(&t.w, "d1", "s9");
    assert_non_null(roster_node(sync_roster(t.w.node[s].s), t.w.node[s].id.s));
    static const struct step first[] = {{"its first record", PUT, "s9", "fed", "n1", 0}, {0}};
    story_go(&t, first);
    assert_int_equal(carry(&t.w, "s9", "d1"), 1);
    round_of_sticks(&t.w);
    (void)carry(&t.w, "d1", "s9");
    story_go(&t, agree);
    world_done(&t.w);
}

static void receipts_make_the_next_file_small(void **state)
{
    (void)state;
    struct teller t;
    struct parcel p;
    world_init(&t.w, 33);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    cut_all(w);
    story_go(&t, district_writes);
    int64_t all = carry(w, "s1", "d1");
    assert_true(all > 0);
    pack(w, "s1", "d1", &p); /* no answer has come: everything again, and nothing of it new */
    assert_int_equal(p.about.bundles > all, true);
    assert_int_equal(take(w, "d1", &p), 0);
    parcel_done(&p);
    receipt(w, "d1", "s1");
    pack(w, "s1", "d1", &p);
    assert_int_equal(p.about.bundles, 0);
    assert_true(p.about.since_no > 0 || p.about.since_ts > 0);
    parcel_done(&p);
    struct want full = {.full = true};
    assert_int_equal(pack_with(w, world_find(w, "s1"), world_find(w, "d1"), full, &p), 0);
    assert_true(p.about.bundles > all);
    parcel_done(&p);
    world_done(w);
}

/* An answer carried late must not make the next file smaller than it may be. */
static void an_old_statement_does_not_count(void **state)
{
    (void)state;
    struct teller t;
    struct parcel late, p;
    world_init(&t.w, 34);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    cut_all(w);
    pack(w, "d1", "s1", &late);
    world_run(w, 1000);
    story_go(&t, district_writes);
    (void)carry(w, "s1", "d1");
    (void)carry(w, "d1", "s1");
    struct sync_ferry_note before, after;
    const char *d1 = w->node[world_find(w, "d1")].id.s;
    struct sync *s1 = w->node[world_find(w, "s1")].s;
    assert_int_equal(sync_ferry_note_get(s1, d1, &before), 0);
    struct sync_ferry_report rep = take_part(w, "s1", &late.part[0]);
    assert_int_equal(rep.err, 0);
    assert_int_equal(rep.stored, 0);
    assert_int_equal(sync_ferry_note_get(s1, d1, &after), 0);
    assert_memory_equal(&before, &after, sizeof(before));
    pack(w, "s1", "d1", &p);
    assert_int_equal(p.about.bundles, 0);
    parcel_done(&p);
    parcel_done(&late);
    world_done(w);
}

/* ---- parts ---- */

static void many_records(struct teller *t, const char *who, int n)
{
    for (int i = 0; i < n; i++) {
        char id[16], title[110];
        snprintf(id, sizeof id, "m%d", i);
        for (size_t k = 0; k + 1 < sizeof title; k++) {
            title[k] = (char)('a' + world_range(&t->w, 0, 25));
        }
        title[sizeof title - 1] = '\0';
        assert_int_equal(world_put(&t->w, world_find(&t->w, who), "fed", id, 1, title, NULL), 0);
    }
}

static void parts_in_any_order(void **state)
{
    (void)state;
    struct teller t;
    struct parcel p;
    world_init(&t.w, 35);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    cut_all(w);
    many_records(&t, "s1", 150);
    struct want small = {.part_bytes = 40000, .seal = true};
    assert_int_equal(pack_with(w, world_find(w, "s1"), world_find(w, "d1"), small, &p), 0);
    assert_true(p.n >= 3);
    /* backwards: what comes too early waits, is not refused, and is taken the next time round */
    int64_t stored = 0;
    for (size_t pass = 0; pass < p.n; pass++) {
        for (size_t i = p.n; i-- > 0;) {
            if (pass == 0 && i == 1) {
                continue; /* left at home */
            }
            struct sync_ferry_report rep = take_part(w, "d1", &p.part[i]);
            assert_int_equal(rep.err, 0);
            assert_int_equal(rep.refused, 0);
            assert_int_equal(rep.part, i + 1);
            assert_true(rep.sealed);
            stored += rep.stored;
            if (pass == 0) {
                assert_true(rep.missing > 0 && rep.missing_v[0] <= 2);
            }
        }
    }
    struct sync_ferry_report rep = take_part(w, "d1", &p.part[0]);
    assert_int_equal(rep.missing, 0);
    assert_int_equal(rep.stored + rep.waiting, 0);
    assert_int_equal(stored, 150);
    struct sync_ferry_note n;
    assert_int_equal(
        sync_ferry_note_get(w->node[world_find(w, "d1")].s, w->node[world_find(w, "s1")].id.s, &n),
        0);
    assert_int_equal(n.in_no, p.about.no);
    assert_true(n.in_at > 0);
    parcel_done(&p);
    round_of_sticks(w);
    story_go(&t, agree);
    world_done(w);
}

/* The store fails at every call in turn; the same file again completes what was begun. */
static void every_failure_of_the_store(void **state)
{
    (void)state;
    struct teller t;
    struct parcel p;
    world_init(&t.w, 36);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    cut_all(w);
    story_go(&t, district_writes);
    many_records(&t, "s1", 12);
    pack(w, "s1", "d1", &p);
    int d1 = world_find(w, "d1");
    struct mem_store *fresh = mem_store_snapshot(w->node[d1].mem);
    int64_t failed = 0;
    for (int64_t at = 1;; at++) {
        struct sync_ferry_report rep;
        world_crash(w, d1);
        mem_store_restore(w->node[d1].mem, fresh);
        world_start(w, d1);
        mem_store_fail_at(w->node[d1].mem, at, SANJI_E_FULL);
        int r = take_bytes(w, d1, span_of(p.part[0].data, p.part[0].len), 100000, &rep, NULL);
        bool hit = mem_store_failed(w->node[d1].mem);
        mem_store_fail_at(w->node[d1].mem, 0, 0);
        failed += r < 0;
        if (at % 3 == 0) {
            world_crash(w, d1);
            world_start(w, d1);
        }
        rep = take_part(w, "d1", &p.part[0]);
        assert_int_equal(rep.err, 0);
        assert_int_equal(rep.refused + rep.waiting, 0);
        assert_int_equal(rep.missing, 0);
        if (!hit) {
            break;
        }
    }
    assert_true(failed > 50);
    mem_store_free(fresh);
    parcel_done(&p);
    round_of_sticks(w);
    story_go(&t, agree);
    world_done(w);
}

/* ---- hostile files ---- */

static void damaged_files(void **state)
{
    (void)state;
    struct teller t;
    struct parcel p;
    world_init(&t.w, 37);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    cut_all(w);
    story_go(&t, district_writes);
    many_records(&t, "s1", 20);
    pack(w, "s1", "d1", &p);
    int d1 = world_find(w, "d1");
    struct mem_store *fresh = mem_store_snapshot(w->node[d1].mem);
    struct buf *f = &p.part[0];
    int64_t stored = 0, rounds = 0;
    for (size_t i = 0; i < f->len; i += 37, rounds++) {
        struct sync_ferry_report rep;
        struct sync_ferry_note n;
        struct seen seen;
        world_crash(w, d1);
        mem_store_restore(w->node[d1].mem, fresh);
        world_start(w, d1);
        bool cut = i % 5 == 0;
        f->data[i] ^= (uint8_t)(cut ? 0 : 1u << i % 8);
        assert_int_equal(take_bytes(w, d1, span_of(f->data, cut ? i : f->len), 3001, &rep, &seen),
                         0);
        f->data[i] ^= (uint8_t)(cut ? 0 : 1u << i % 8);
        /* never taken for whole; a bit of the first frame that changes no letter of it may pass */
        assert_true(rep.err < 0 || !rep.vouched || i < 40);
        assert_int_equal(
            sync_ferry_note_get(w->node[d1].s, w->node[world_find(w, "s1")].id.s, &n) == 0,
            rep.err == 0 && rep.vouched);
        stored += rep.stored;
    }
    assert_true(stored > rounds * 8); /* what was good in it came through */
    mem_store_free(fresh);
    (void)take(w, "d1", &p);
    parcel_done(&p);
    round_of_sticks(w);
    story_go(&t, agree);
    world_done(w);
}

static void not_for_this_node(void **state)
{
    (void)state;
    struct teller t, other;
    struct parcel p, q;
    struct seen seen;
    world_init(&t.w, 38);
    story_go(&t, three_tiers);
    world_init(&other.w, 99);
    story_go(&other, three_tiers);
    struct world *w = &t.w;
    cut_all(w);
    cut_all(&other.w);
    story_go(&t, district_writes);
    struct sync_ferry_report rep;
    pack(w, "d1", "s1", &p);
    rep = take_part(w, "s2", &p.part[0]);
    assert_int_equal(rep.err, SANJI_E_AUDIENCE);
    assert_string_equal(rep.f.member, "to");
    assert_int_equal(rep.bundles, 0);
    parcel_done(&p);
    struct want sealed = {.seal = true};
    assert_int_equal(pack_with(w, world_find(w, "d1"), world_find(w, "s1"), sealed, &p), 0);
    rep = take_part(w, "s2", &p.part[0]);
    assert_int_equal(rep.err, SANJI_E_OPEN);
    assert_true(rep.sealed && !rep.known);
    assert_true(take(w, "s1", &p) > 0);
    parcel_done(&p);
    pack(&other.w, "d1", "s1", &q);
    rep = take_part(w, "s1", &q.part[0]);
    assert_int_equal(rep.err, SANJI_E_FEDERATION);
    assert_int_equal(rep.stored, 0);
    parcel_done(&q);
    /* for anybody: what all may hold, and no statement is taken from it */
    struct want any = {.any = true};
    assert_int_equal(pack_with(w, world_find(w, "s3"), -1, any, &p), -1 + 1);
    int s2 = world_find(w, "s2");
    assert_int_equal(take_bytes(w, s2, span_of(p.part[0].data, p.part[0].len), 999, &rep, &seen),
                     0);
    assert_int_equal(rep.err, 0);
    assert_int_equal(rep.refused, 0);
    assert_true(rep.stored > 0);
    struct sync_ferry_note n;
    assert_int_equal(sync_ferry_note_get(w->node[s2].s, w->node[world_find(w, "s3")].id.s, &n), 0);
    assert_int_equal(n.have_at, 0);
    parcel_done(&p);
    /* nobody to make one for */
    assert_int_equal(pack_with(w, s2, s2, (struct want){0}, &p), SANJI_E_SPEC);
    assert_int_equal(pack_with(w, s2, -1, (struct want){.any = true, .seal = true}, &p),
                     SANJI_E_SPEC);
    world_done(&other.w);
    world_done(w);
}

/* A writer that puts into the file what its recipient may not hold, twice the same, in the wrong
 * order, another's signature, and then something good: each is judged alone. */
static void a_lying_writer(void **state)
{
    (void)state;
    struct teller t;
    struct parcel p;
    struct seen seen;
    struct sync_ferry_report rep;
    struct frame_ctx *c = frame_ctx_new();
    struct ferry_writer fw;
    struct buf body, first;
    world_init(&t.w, 39);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    cut_all(w);
    story_go(&t, district_writes);
    (void)carry(w, "s2", "d1");
    int s1 = world_find(w, "s1"), d1 = world_find(w, "d1");
    struct want full = {.full = true};
    assert_int_equal(pack_with(w, world_find(w, "s2"), d1, full, &p), 0); /* with up:d1 of s2 */
    buf_init(&body, 1 << 20);
    buf_init(&first, 1 << 20);
    assert_int_equal(ferry_begin(&fw, c), 0);
    struct buf line;
    buf_init(&line, LIM_BUNDLE_BYTES + 1);
    int64_t put = 0;
    for (size_t at = 0, used = 0; at < p.part[0].len; at += used) {
        struct span in = span_of(p.part[0].data + at, p.part[0].len - at);
        assert_int_equal(frame_unpack(c, in, &line, &used), 0);
        bool bundle = line.len > 6 && memcmp(line.data, "{\"h\":\"", 6) == 0;
        for (int twice = 0; bundle && twice < 2; twice++, put++) {
            assert_int_equal(ferry_add_bundle(&fw, span_of(in.p, used), &body), 0);
        }
        if (bundle && strstr(buf_str(&line), "up:") != NULL) { /* under another's signature */
            char *s = strstr((char *)line.data, "\"s\":\"");
            assert_non_null(s);
            s[8] = s[8] == 'A' ? 'B' : 'A';
            struct buf frame;
            buf_init(&frame, LIM_MESSAGE_BYTES);
            assert_int_equal(frame_pack(c, span_of(line.data, line.len), &frame), 0);
            assert_int_equal(ferry_add_bundle(&fw, span_of(frame.data, frame.len), &body), 0);
            put++;
            buf_done(&frame);
        }
    }
    struct ferry_manifest m = {.v = 1, .by = w->node[d1].id.s, .to = w->node[s1].id.s, .no = 77};
    m.ts = 1;
    m.part = m.parts = 1;
    memcpy(m.g, w->g, HASH_LEN);
    assert_int_equal(ferry_finish(&fw, &m, sync_key(w->node[d1].s), &body, &first), 0);
    (void)buf_put(&first, body.data, body.len);
    assert_int_equal(take_bytes(w, s1, span_of(first.data, first.len), 5000, &rep, &seen), 0);
    assert_int_equal(rep.err, 0);
    assert_int_equal(rep.bundles, put);
    assert_true(seen.err[-SANJI_E_AUDIENCE] == 2);
    assert_int_equal(rep.refused, seen.n);
    assert_true(rep.old + rep.stored + rep.refused == put);
    /* and signed by somebody who is not its writer */
    buf_reset(&body);
    buf_reset(&first);
    assert_int_equal(ferry_begin(&fw, c), 0);
    assert_int_equal(ferry_finish(&fw, &m, sync_key(w->node[world_find(w, "s2")].s), &body, &first),
                     0);
    (void)buf_put(&first, body.data, body.len);
    assert_int_equal(take_bytes(w, s1, span_of(first.data, first.len), 5000, &rep, &seen), 0);
    assert_int_equal(rep.err, 0); /* nothing in it, and nothing it says is believed */
    assert_false(rep.vouched);
    buf_done(&line);
    buf_done(&body);
    buf_done(&first);
    parcel_done(&p);
    frame_ctx_free(c);
    world_done(w);
}

/* A node put back from a backup learns from its parent's file what it has published since, and goes
 * on in new epochs. */
static void a_restored_node_learns_of_itself(void **state)
{
    (void)state;
    struct teller t;
    struct parcel delta, full;
    world_init(&t.w, 40);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    cut_all(w);
    int s1 = world_find(w, "s1"), d1 = world_find(w, "d1");
    (void)carry(w, "s1", "d1");
    struct mem_store *snap = mem_store_snapshot(w->node[s1].mem);
    story_go(&t, district_writes);
    (void)carry(w, "s1", "d1");
    pack(w, "d1", "s1", &delta); /* leaves out what s1 has said to hold */
    struct want all = {.full = true};
    assert_int_equal(pack_with(w, d1, s1, all, &full), 0);
    world_crash(w, s1);
    mem_store_restore(w->node[s1].mem, snap);
    world_start(w, s1);
    struct sync_ferry_report rep = take_part(w, "s1", &delta.part[0]);
    assert_int_equal(rep.err, 0);
    assert_int_equal(sync_self_state(w->node[s1].s), SYNC_SELF_UNCONFIRMED);
    (void)take(w, "s1", &full);
    assert_int_equal(sync_self_state(w->node[s1].s),
                     SYNC_SELF_UNCONFIRMED); /* made before the loss */
    static const struct step on[] = {{"it goes on", PUT, "s1", "fed", "v9", 0}, {0}};
    story_go(&t, on);
    round_of_sticks(w);
    assert_int_equal(sync_self_state(w->node[s1].s), SYNC_SELF_OK);
    round_of_sticks(w); /* what it has said to that */
    story_go(&t, agree);
    mem_store_free(snap);
    parcel_done(&delta);
    parcel_done(&full);
    world_done(w);
}

#define T(f) cmocka_unit_test(f)

/* ---- two histories ---- */

static void find_fed_of(const struct sync_stream_row *r, void *arg)
{
    struct sync_stream_row *x = arg;
    if (node_id_cmp(&r->key.by, &x->key.by) == 0 && strcmp(r->key.aud, "fed") == 0) {
        *x = *r;
    }
}

static void frozen_one(const struct sync_stream_row *r, void *arg)
{
    *(int *)arg += r->frozen;
}

struct outcome {
    int frozen[WORLD_MAX];
    size_t forks[WORLD_MAX], records[WORLD_MAX], events[WORLD_MAX];
};

static const struct step written[] = {
    {"s1 lists", PUT, "s1", "fed", "v1", 0},
    {"all have it", AGREE, 0, 0, 0, 60000},
    {0},
};

struct smuggled {
    int node;
    struct buf frame;
};

static int copy_frame(const struct sync_bundle_row *row, void *arg)
{
    int r = buf_put(arg, row->frame.p, row->frame.n);
    return r < 0 ? r : 1;
}

/* What the next message of the node carries beside its own. */
static void smuggle(struct world *w, int node, struct sync_wish *wish, void *arg)
{
    struct smuggled *x = arg;
    (void)w;
    if (node == x->node && wish->lane == LANE_UP && x->frame.len > 0 &&
        strcmp(wish->path, SANJI_PATH_EXCHANGE) == 0) {
        assert_int_equal(buf_put(&wish->body, x->frame.data, x->frame.len), 0);
        buf_reset(&x->frame);
    }
}

/* Two machines have s1's keys and sign a bundle each under one number; d1 hears of the second one
 * by line, or by a file. */
static struct outcome second_history(bool by_file)
{
    struct teller t;
    struct outcome o = {.frozen = {0}};
    struct parcel p;
    struct smuggled x = {.frame = {0}};
    buf_init(&x.frame, LIM_BUNDLE_BYTES);
    world_init(&t.w, 39);
    story_go(&t, three_tiers);
    story_go(&t, written);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), d1 = world_find(w, "d1"), n = w->n;
    int twin = world_twin(w, s1, mem_store_snapshot(w->node[s1].mem));
    w->node[twin].cut = true;
    world_start(w, twin);
    assert_int_equal(world_put(w, twin, "fed", "v2", 1, "one word", NULL), 0);
    assert_int_equal(world_put(w, s1, "fed", "v2", 1, "another", NULL), 0);
    world_run(w, 60000);
    if (by_file) {
        assert_int_equal(pack_with(w, twin, d1, (struct want){.full = true}, &p), 0);
        struct sync_ferry_report rep = take_part(w, "d1", &p.part[0]);
        assert_int_equal(rep.refused, 1);
        parcel_done(&p);
        assert_int_equal(w->node[d1].alarms[-SANJI_E_FORK], 1);
    } else {
        const struct sync_store *st = mem_store_port(w->node[twin].mem);
        struct sync_stream_row fed = {.key = {.by = w->node[s1].id}};
        sync_each_stream(w->node[twin].s, find_fed_of, &fed);
        assert_int_equal(st->bundles(st->ctx, fed.no, fed.seq - 1, 1, copy_frame, &x.frame), 0);
        x.node = s1;
        w->tap = smuggle;
        w->tap_arg = &x;
        world_event(w, s1, SEV_NOW);
        world_run(w, 60000);
        assert_int_equal(x.frame.len, 0);
        assert_true(w->node[d1].alarms[-SANJI_E_FORK] > 0);
    }
    world_stop(w, twin);
    w->node[s1].cut = true; /* what heals it is another test */
    world_run(w, LIM_PROOF_MS + 2 * 3600000);
    for (int i = 0; i < n; i++) {
        sync_each_stream(w->node[i].s, frozen_one, &o.frozen[i]);
        o.forks[i] = mem_store_forks(w->node[i].mem);
        o.records[i] = mem_store_records(w->node[i].mem);
        o.events[i] = mem_store_events(w->node[i].mem);
    }
    assert_int_equal(o.frozen[d1], 1);
    assert_int_equal(o.forks[d1], 1);
    assert_true(o.events[0] > 0); /* the proof */
    buf_done(&x.frame);
    world_done(w);
    return o;
}

static void a_second_history_counts_by_file_as_by_line(void **state)
{
    (void)state;
    struct outcome line = second_history(false), file = second_history(true);
    assert_memory_equal(line.frozen, file.frozen, sizeof(line.frozen));
    assert_memory_equal(line.forks, file.forks, sizeof(line.forks));
    assert_memory_equal(line.records, file.records, sizeof(line.records));
    assert_memory_equal(line.events, file.events, sizeof(line.events));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(months_on_sticks),
        T(a_node_that_never_had_a_network),
        T(receipts_make_the_next_file_small),
        T(an_old_statement_does_not_count),
        T(parts_in_any_order),
        T(every_failure_of_the_store),
        T(damaged_files),
        T(not_for_this_node),
        T(a_lying_writer),
        T(a_restored_node_learns_of_itself),
        cmocka_unit_test(a_second_history_counts_by_file_as_by_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
