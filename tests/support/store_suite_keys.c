/* SPDX-License-Identifier: Apache-2.0 */
/* Keyframes, as every store must take them: with or without the history, the views are the same. */
#include "protocol/base/err.h"
#include "tests/support/store_suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ITEMS = 160, IDS = 12 };

struct story {
    struct stream_key key[3]; /* A to fed, A to up:C, and B to fed, who writes for A as well */
    int64_t no[3];
    struct suite_item it[ITEMS];
    char id[IDS][8];
};

static void begin(struct suite *s)
{
    assert_int_equal(s->st->begin(s->st->ctx), 0);
}

static void commit(struct suite *s)
{
    assert_int_equal(s->st->commit(s->st->ctx), 0);
}

static void open_streams(struct suite *s, struct story *y)
{
    y->key[0] = suite_stream(SUITE_A, "fed", 1, 7);
    y->key[1] = suite_stream(SUITE_A, "up:" SUITE_C, 1, 7);
    y->key[2] = suite_stream(SUITE_B, "fed", 1, 7);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(s->st->stream_add(s->st->ctx, &y->key[i], &y->no[i]), 0);
    }
}

static uint32_t draw(uint32_t *x, uint32_t n)
{
    *x = *x * 1664525u + 1013904223u;
    return (*x >> 8) % n;
}

static void tell(struct story *y, uint32_t seed)
{
    for (size_t i = 0; i < IDS; i++) {
        snprintf(y->id[i], sizeof y->id[i], "x%zu", i);
    }
    for (size_t i = 0; i < ITEMS; i++) {
        size_t lane = draw(&seed, 4) % 3;
        bool ev = draw(&seed, 4) == 0;
        y->it[i] = (struct suite_item){
            .stream = &y->key[lane],
            .no = y->no[lane],
            .seq = 1 + (int64_t)i / 2,
            .idx = (int)(i % 2),
            .owner = lane == 2 && draw(&seed, 2) == 0 ? SUITE_B : SUITE_A,
            .id = y->id[draw(&seed, IDS)],
            .kind = ev ? "sealed/1" : "listing/1",
            .d = "{\"kind\":\"space\",\"title\":\"b\"}",
            .r = 1 + (int64_t)draw(&seed, 6),
            .op = ev                    ? OP_EVENT
                  : draw(&seed, 4) == 0 ? OP_WITHDRAW
                                        : OP_PUT,
            .leaf_seed = (uint8_t)draw(&seed, 3),
        };
    }
}

static void apply(struct suite *s, const struct suite_item *it)
{
    assert_int_equal(suite_apply(s->st, it), 0);
}

/* The run of one lane, behind everything. Number of items. */
static size_t restate(struct suite *s, const struct story *y, size_t lane, struct suite_item *run)
{
    size_t n = 0;
    for (size_t i = 0; i < ITEMS; i++) {
        bool stands = false;
        if (y->it[i].stream == &y->key[lane]) {
            assert_int_equal(suite_stands(s->st, &y->it[i], &stands), 0);
        }
        if (stands) {
            run[n] = y->it[i];
            run[n].key = true;
            run[n].seq = 1000 + (int64_t)n / 3;
            run[n].idx = (int)(n % 3);
            n++;
        }
    }
    return n;
}

static void take(struct suite *s, const struct story *y, size_t lane)
{
    struct sync_tally k = {.ep = 1, .no = y->no[lane], .from = 1000, .to = 1200};
    assert_int_equal(s->st->keyframe(s->st->ctx, y->key[lane].by.s, y->key[lane].aud, &k), 0);
}

static void lane_says(struct suite *s, const struct story *y, size_t lane, struct sync_tally *ret,
                      uint8_t sha[static HASH_LEN])
{
    const struct stream_key *k = &y->key[lane];
    assert_int_equal(s->st->tally(s->st->ctx, k->by.s, k->aud, ret), 0);
    assert_int_equal(s->st->live_sha(s->st->ctx, k->by.s, k->aud, sha), 0);
}

static void both_ways(struct suite *s, struct story *y, size_t lane)
{
    struct suite_item run[ITEMS];
    struct sync_tally was, is;
    uint8_t sha[2][HASH_LEN];
    struct buf with, without;
    begin(s);
    s->drop_views(s);
    for (size_t i = 0; i < ITEMS; i++) {
        apply(s, &y->it[i]);
    }
    lane_says(s, y, lane, &was, sha[0]);
    size_t n = restate(s, y, lane, run);
    assert_true((int64_t)n >= was.live.c); /* and withdrawals that hide something */
    for (size_t i = 0; i < n; i++) {
        apply(s, &run[i]);
    }
    lane_says(s, y, lane, &is, sha[1]);
    assert_int_equal(is.live.c, was.live.c); /* said again, not said more */
    assert_memory_equal(is.live.s, was.live.s, HASH_LEN);
    assert_int_equal(is.items, was.items + (int64_t)n);
    take(s, y, lane);
    lane_says(s, y, lane, &is, sha[1]);
    assert_int_equal(is.live.c, was.live.c);
    assert_memory_equal(is.live.s, was.live.s, HASH_LEN);
    assert_memory_equal(sha[0], sha[1], HASH_LEN);
    assert_int_equal(is.items, is.live.c);
    assert_int_equal(is.from, 1000);
    assert_int_equal(is.no, y->no[lane]);
    buf_init(&with, 64 << 20);
    buf_init(&without, 64 << 20);
    s->dump(s, &with);
    size_t parked = s->parked(s);

    s->drop_views(s);
    take(s, y, lane); /* the order of the two does not matter */
    for (size_t i = 0; i < n; i++) {
        apply(s, &run[n - 1 - i]);
    }
    for (size_t i = 0; i < ITEMS; i++) {
        if (y->it[i].stream != &y->key[lane]) {
            apply(s, &y->it[i]);
        }
    }
    s->dump(s, &without);
    assert_string_equal(buf_str(&with), buf_str(&without));
    assert_int_equal(s->parked(s), parked);
    lane_says(s, y, lane, &is, sha[1]);
    assert_memory_equal(sha[0], sha[1], HASH_LEN);
    buf_done(&with);
    buf_done(&without);
    commit(s);
}

void suite_test_keyframe(void **state)
{
    struct suite *s = *state;
    struct story y;
    memset(&y, 0, sizeof y);
    begin(s);
    open_streams(s, &y);
    commit(s);
    for (uint32_t seed = 1; seed <= 30; seed++) {
        tell(&y, seed);
        both_ways(s, &y, seed % 3);
    }
}

/* A record moved from one audience to another and withdrawn there: the withdrawal is what keeps the
 * older form from coming back, so it is said again; one that hides nothing is not. */
void suite_test_keyframe_withdrawn(void **state)
{
    struct suite *s = *state;
    struct story y;
    bool stands;
    begin(s);
    open_streams(s, &y);
    struct suite_item old = {.stream = &y.key[1],
                             .no = y.no[1],
                             .seq = 1,
                             .owner = SUITE_A,
                             .id = "v",
                             .r = 1,
                             .op = OP_PUT,
                             .d = "{\"title\":\"t\"}"};
    struct suite_item now = old, gone, other;
    now.stream = &y.key[0];
    now.no = y.no[0];
    now.r = 2;
    gone = now;
    gone.r = 3;
    gone.seq = 2;
    gone.op = OP_WITHDRAW;
    other = gone;
    other.id = "w";
    apply(s, &old);
    apply(s, &now);
    assert_int_equal(suite_stands(s->st, &now, &stands), 0);
    assert_true(stands);
    apply(s, &gone);
    apply(s, &other);
    assert_int_equal(suite_stands(s->st, &now, &stands), 0);
    assert_false(stands);
    assert_int_equal(suite_stands(s->st, &gone, &stands), 0);
    assert_true(stands);
    assert_int_equal(suite_stands(s->st, &other, &stands), 0);
    assert_false(stands);
    struct suite_item elsewhere = now;
    elsewhere.seq = 77; /* the same text at a place that does not count */
    assert_int_equal(suite_stands(s->st, &elsewhere, &stands), 0);
    assert_false(stands);
    /* A keyframe that leaves it out: the older form is what the streams say then. */
    take(s, &y, 0);
    struct buf b;
    buf_init(&b, 1 << 20);
    s->dump(s, &b);
    assert_non_null(strstr(buf_str(&b), " v 1 "));
    buf_done(&b);
    commit(s);
}

/* What cannot be judged here is said again: it may mean something to a newer version. */
void suite_test_keyframe_parked(void **state)
{
    struct suite *s = *state;
    struct story y;
    bool stands, any;
    begin(s);
    open_streams(s, &y);
    struct suite_item it = {.stream = &y.key[0],
                            .no = y.no[0],
                            .seq = 1,
                            .idx = 1,
                            .owner = SUITE_A,
                            .id = "v",
                            .r = 1,
                            .op = OP_PUT};
    assert_int_equal(suite_stands(s->st, &it, &stands), 0);
    assert_false(stands);
    assert_int_equal(s->st->has_parked(s->st->ctx, y.no[0], &any), 0);
    assert_false(any);
    assert_int_equal(s->st->park(s->st->ctx, y.no[0], 1, 1, SANJI_E_SPEC, "k"), 0);
    assert_int_equal(s->st->park(s->st->ctx, y.no[1], 1, 1, SANJI_E_EXISTS, "r"), 0);
    assert_int_equal(suite_stands(s->st, &it, &stands), 0);
    assert_true(stands);
    assert_int_equal(s->st->has_parked(s->st->ctx, y.no[0], &any), 0);
    assert_true(any);
    assert_int_equal(s->st->has_parked(s->st->ctx, y.no[1], &any), 0);
    assert_false(any);
    assert_int_equal(s->parked(s), 2);
    take(s, &y, 0);
    assert_int_equal(s->parked(s), 1);
    take(s, &y, 1);
    assert_int_equal(s->parked(s), 0);
    commit(s);
}
