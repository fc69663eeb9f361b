/* SPDX-License-Identifier: Apache-2.0 */
/* Keyframes between neighbours: who was away for a year, who joins late, views that were damaged, a
 * writer whose keyframe leaves something out, and a run that was given up in the middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sync/internal.h"
#include "tests/support/story.h"
#include "tests/support/world_check.h"

#include <stdio.h>
#include <string.h>

static const struct step three_tiers[] = {THREE_TIERS, {0}};
enum { IDS = 6 };

static void begin(struct teller *t, uint64_t seed)
{
    world_init(&t->w, seed);
    t->w.has_tune = true;
    t->w.tune = (struct sync_tuning){.wait_ms = 25000,
                                     .backoff_min_ms = 1000,
                                     .backoff_max_ms = 900000,
                                     .max_bytes = 1 << 20,
                                     .key_items = 8};
    story_go(t, three_tiers);
}

/* Every record once in each round. */
static void rounds(struct world *w, int i, int64_t *io_r, int n)
{
    for (int k = 0; k < n; k++) {
        ++*io_r;
        for (int id = 0; id < IDS; id++) {
            char name[8];
            (void)snprintf(name, sizeof(name), "k%d", id);
            assert_int_equal(world_put(w, i, "fed", name, *io_r, "words", NULL), 0);
        }
        world_run(w, 2000);
    }
}

static struct sync_stream_row fed_of(struct world *w, int at, int by)
{
    struct sync_stream_row found = {0};
    const struct sync *s = w->node[at].s;
    for (size_t i = 0; i < s->n_streams; i++) {
        const struct sync_stream_row *r = &s->streams[i].row;
        if (r->no != 0 && strcmp(r->key.by.s, w->node[by].id.s) == 0 &&
            strcmp(r->key.aud, "fed") == 0) {
            found = *r;
        }
    }
    return found;
}

static size_t bundles_of(struct world *w, int at, int by)
{
    size_t n = 0;
    struct sync_stream_row r = fed_of(w, at, by);
    const struct sync_store *st = mem_store_port(w->node[at].mem);
    for (int64_t seq = 1; seq <= r.seq; seq++) {
        uint8_t id[HASH_LEN];
        n += st->bundle_id(st->ctx, r.no, seq, id) == 0;
    }
    return n;
}

static void all_well(struct world *w)
{
    struct world_verdict v;
    assert_true(world_until(w, 4 * 3600000, world_converged, NULL));
    world_run(w, 5000); /* what is to be dropped is dropped */
    if (world_check_converged(w, &v) < 0 || world_check_truth(w, &v) < 0) {
        fail_msg("%s", v.text);
    }
    for (int i = 0; i < w->n; i++) {
        if (w->node[i].joined && world_check_rebuild(w, i, &v) < 0) {
            fail_msg("%s", v.text);
        }
    }
}

static void a_year_away(void **state)
{
    (void)state;
    struct teller t;
    begin(&t, 21);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), s2 = world_find(w, "s2");
    int64_t r = 0;
    rounds(w, s1, &r, 2);
    all_well(w);
    int64_t had = fed_of(w, s2, s1).seq;
    world_stop(w, s2);
    for (int month = 0; month < 12; month++) {
        rounds(w, s1, &r, 3);
        world_skip(w, INT64_C(30) * 86400000);
    }
    int64_t jumps = mem_store_jumps(w->node[s2].mem);
    world_start(w, s2);
    world_event(w, s2, SEV_NOW);
    all_well(w);
    struct sync_stream_row row = fed_of(w, s2, s1);
    assert_true(row.first > had + 1); /* it did not get what it missed */
    assert_true(mem_store_jumps(w->node[s2].mem) > jumps);
    assert_int_equal(row.first, fed_of(w, s1, s1).first);
    /* 6 records in a bundle each, 6 superseded or 8, and a run of one bundle: not 12 months. */
    assert_true(bundles_of(w, s2, s1) <= 30);
    assert_true(bundles_of(w, s1, s1) <= 30);
    int late = world_enrol(w, world_find(w, "d1"), "late", 40, true);
    assert_true(late > 0);
    all_well(w);
    assert_true(bundles_of(w, late, s1) <= 30);
    for (int i = 0; i < w->n; i++) {
        assert_int_equal(w->node[i].alarms[-SANJI_E_HASH], 0);
    }
    world_done(w);
}

static void damaged_views_are_named_and_healed(void **state)
{
    (void)state;
    struct teller t;
    struct sync_tally a, b;
    begin(&t, 22);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), city = world_find(w, "city");
    const char *by = w->node[s1].id.s;
    int64_t r = 0;
    w->tune.key_items = 1000;
    sync_tune(w->node[s1].s, &w->tune);
    rounds(w, s1, &r, 3);
    all_well(w);
    const struct sync_store *st = mem_store_port(w->node[city].mem);
    assert_int_equal(st->begin(st->ctx), 0);
    assert_int_equal(st->forget(st->ctx, by), 0);
    assert_int_equal(st->commit(st->ctx), 0);
    struct sync_tuning tune = w->tune;
    tune.key_items = 1; /* now, and nothing else in between */
    sync_tune(w->node[s1].s, &tune);
    assert_int_equal(sync_reload(w->node[s1].s), 0);
    world_event(w, s1, SEV_LOCAL);
    world_run(w, 60000);
    assert_true(world_until(w, 3600000, world_converged, NULL));
    assert_true(fed_of(w, s1, s1).first > 1);
    assert_true(w->node[city].alarms[-SANJI_E_HASH] > 0);
    const struct sync_store *own = mem_store_port(w->node[s1].mem);
    assert_int_equal(st->tally(st->ctx, by, "fed", &a), 0);
    assert_int_equal(own->tally(own->ctx, by, "fed", &b), 0);
    assert_int_equal(a.live.c, IDS);
    assert_memory_equal(a.live.s, b.live.s, HASH_LEN);
    world_done(w);
}

/* A keyframe that does not restate everything: it is what the writer says, so it counts, but it is
 * named, and nobody who knew better drops the history. */
static void a_keyframe_with_a_hole(void **state)
{
    (void)state;
    struct teller t;
    begin(&t, 23);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), d1 = world_find(w, "d1"), city = world_find(w, "city");
    int64_t r = 0;
    rounds(w, s1, &r, 1);
    all_well(w);
    struct sync *s = w->node[s1].s;
    struct sync_stream_row row = fed_of(w, s1, s1);
    struct keyframe kf = {.from = row.seq + 1, .to = row.seq + 1, .covers = row.seq};
    uint8_t two = 2;
    hash_bytes(&two, 1, kf.sha); /* of nothing: everything is let go */
    world_tick(w, s1, &s->tick);
    assert_int_equal(sync__tx_begin(s), 0);
    assert_int_equal(sync__write_one(s, BUNDLE_KEY, "fed", NULL, 0, &kf, NULL), 0);
    assert_int_equal(sync__tx_end(s, 0), 0);
    world_event(w, s1, SEV_LOCAL);
    assert_true(world_until(w, 3600000, world_converged, NULL));
    struct mem_seen seen;
    for (int i = 0; i < 2; i++) {
        int at = i == 0 ? d1 : city;
        assert_true(w->node[at].alarms[-SANJI_E_HASH] > 0);
        assert_int_equal(fed_of(w, at, s1).first, 1);
        assert_int_equal(mem_store_record(w->node[at].mem, w->node[s1].id.s, "k0", &seen),
                         SANJI_E_NOT_FOUND);
    }
    all_well(w);
    world_done(w);
}

/* A store that begins in the middle of a run goes back when the end shows it. */
static void a_run_without_its_beginning(void **state)
{
    (void)state;
    struct teller t;
    begin(&t, 24);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), d1 = world_find(w, "d1");
    int64_t r = 0;
    rounds(w, s1, &r, 1);
    all_well(w);
    struct sync *s = w->node[s1].s;
    struct keyframe kf = {0};
    struct sync_tally l;
    struct stream_key key = fed_of(w, s1, s1).key;
    int64_t from = fed_of(w, s1, s1).seq + 1, head = fed_of(w, d1, s1).seq;
    world_stop(w, d1);
    world_tick(w, s1, &s->tick);
    assert_int_equal(sync__tx_begin(s), 0);
    struct buf text[3];
    for (int i = 0; i < 3; i++) { /* three bundles of type key, the last one closes */
        struct item it = {
            .op = OP_PUT, .r = 10 + i, .d = span_of("{\"kind\":\"venue\",\"title\":\"t\"}", 28)};
        (void)snprintf(it.id, sizeof(it.id), "n%d", i);
        memcpy(it.k, "listing/1", 10);
        buf_init(&text[i], 4096);
        assert_int_equal(item_write(&it, &text[i]), 0);
        struct span one = span_of(text[i].data, text[i].len);
        kf = (struct keyframe){.from = from, .to = from + 2, .covers = from - 1};
        assert_int_equal(s->st->tally(s->st->ctx, key.by.s, key.aud, &l), 0);
        kf.live = l.live;
        assert_int_equal(sync__write_one(s, BUNDLE_KEY, "fed", &one, 1, i == 2 ? &kf : NULL, NULL),
                         0);
        buf_done(&text[i]);
    }
    assert_int_equal(sync__tx_end(s, 0), 0);

    world_start(w, d1);
    struct sync *d = w->node[d1].s;
    struct sync_tick tick;
    struct sync_accept acc;
    world_tick(w, d1, &tick);
    struct buf line, frame;
    struct frame_ctx *fc = frame_ctx_new();
    for (int64_t seq = from + 1; seq <= from + 2; seq++) { /* the first one is left out */
        buf_init(&line, 1 << 20);
        buf_init(&frame, 1 << 20);
        assert_true(world_line(w, s1, key.by.s, "fed", seq, &line));
        assert_int_equal(frame_pack(fc, span_of(line.data, line.len), &frame), 0);
        assert_int_equal(d->st->begin(d->st->ctx), 0);
        sync_accept_frame(d, &tick, span_of(frame.data, frame.len), &acc);
        assert_int_equal(d->st->commit(d->st->ctx), 0);
        assert_int_equal(acc.err, seq == from + 1 ? 0 : SANJI_E_GAP);
        assert_int_equal(fed_of(w, d1, s1).seq, seq == from + 1 ? from + 1 : head);
        struct mem_seen seen;
        assert_int_equal(mem_store_record(w->node[d1].mem, key.by.s, "n1", &seen),
                         seq == from + 1 ? 0 : SANJI_E_NOT_FOUND);
        assert_int_equal(mem_store_record(w->node[d1].mem, key.by.s, "k0", &seen), 0);
        buf_done(&line);
        buf_done(&frame);
    }
    frame_ctx_free(fc);
    world_event(w, s1, SEV_LOCAL);
    world_event(w, d1, SEV_NOW);
    all_well(w);
    world_done(w);
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(a_year_away),
        cmocka_unit_test(damaged_views_are_named_and_healed),
        cmocka_unit_test(a_keyframe_with_a_hole),
        cmocka_unit_test(a_run_without_its_beginning),
    };
    return cmocka_run_group_tests_name("sync_keyframe", t, NULL, NULL);
}
