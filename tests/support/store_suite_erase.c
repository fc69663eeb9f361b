/* SPDX-License-Identifier: Apache-2.0 */
/* Erasure, as every store must do it: what is left is what would stand had the erased items never
 * been there. */
#include "protocol/base/err.h"
#include "tests/support/store_suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ITEMS = 160, IDS = 10, STREAMS = 3 };

struct story {
    struct stream_key key[STREAMS]; /* A to fed, A to up:C, B to fed (for A as well) */
    int64_t no[STREAMS];
    struct suite_item it[ITEMS];
    bool gone[ITEMS];
    char id[IDS][8];
};

static uint32_t draw(uint32_t *x, uint32_t n)
{
    *x = *x * 1664525u + 1013904223u;
    return (*x >> 8) % n;
}

static void open_streams(struct suite *s, struct story *y)
{
    y->key[0] = suite_stream(SUITE_A, "fed", 1, 7);
    y->key[1] = suite_stream(SUITE_A, "up:" SUITE_C, 1, 7);
    y->key[2] = suite_stream(SUITE_B, "fed", 1, 7);
    for (size_t i = 0; i < STREAMS; i++) {
        assert_int_equal(s->st->stream_add(s->st->ctx, &y->key[i], &y->no[i]), 0);
    }
}

/* Leaves are told apart by place, so that one place can be erased without another. */
static void tell(struct story *y, uint32_t seed)
{
    for (size_t i = 0; i < IDS; i++) {
        snprintf(y->id[i], sizeof y->id[i], "x%zu", i);
    }
    for (size_t i = 0; i < ITEMS; i++) {
        size_t lane = draw(&seed, 4) % STREAMS;
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
            .leaf_seed = (uint8_t)i,
        };
        y->gone[i] = draw(&seed, 3) == 0;
    }
}

static void leftover(struct suite *s, const struct story *y)
{
    s->drop_views(s);
    for (size_t i = 0; i < ITEMS; i++) {
        if (!y->gone[i]) {
            assert_int_equal(suite_apply(s->st, &y->it[i]), 0);
        }
    }
}

/* As the engine does it: older forms of a name that was bared are applied again. */
static void erase(struct suite *s, const struct story *y)
{
    for (size_t i = 0; i < ITEMS; i++) {
        bool bared = false;
        if (y->gone[i]) {
            assert_int_equal(suite_erase(s->st, &y->it[i], &bared), 0);
        }
        for (size_t k = 0; k < ITEMS && bared; k++) {
            const struct suite_item *x = &y->it[k];
            if (!y->gone[k] && x->op != OP_EVENT && x->stream == y->it[i].stream &&
                strcmp(x->id, y->it[i].id) == 0) {
                assert_int_equal(suite_apply(s->st, x), 0);
            }
        }
    }
}

static void says(struct suite *s, const struct story *y, struct buf *dump,
                 struct sync_tally t[STREAMS], uint8_t sha[STREAMS][HASH_LEN])
{
    buf_init(dump, 64 << 20);
    s->dump(s, dump);
    for (size_t i = 0; i < STREAMS; i++) {
        const struct stream_key *k = &y->key[i];
        assert_int_equal(s->st->tally(s->st->ctx, k->by.s, k->aud, &t[i]), 0);
        assert_int_equal(s->st->live_sha(s->st->ctx, k->by.s, k->aud, sha[i]), 0);
    }
}

void suite_test_erase(void **state)
{
    struct suite *s = *state;
    struct story y;
    memset(&y, 0, sizeof y);
    assert_int_equal(s->st->begin(s->st->ctx), 0);
    open_streams(s, &y);
    for (uint32_t seed = 1; seed <= 30; seed++) {
        struct buf want, got;
        struct sync_tally t[2][STREAMS];
        uint8_t sha[2][STREAMS][HASH_LEN];
        tell(&y, seed);
        leftover(s, &y);
        says(s, &y, &want, t[0], sha[0]);
        size_t parked = s->parked(s);
        s->drop_views(s);
        for (size_t i = 0; i < ITEMS; i++) {
            assert_int_equal(suite_apply(s->st, &y.it[i]), 0);
        }
        erase(s, &y);
        says(s, &y, &got, t[1], sha[1]);
        assert_string_equal(buf_str(&want), buf_str(&got));
        assert_int_equal(s->parked(s), parked);
        for (size_t i = 0; i < STREAMS; i++) {
            assert_int_equal(t[0][i].live.c, t[1][i].live.c);
            assert_memory_equal(t[0][i].live.s, t[1][i].live.s, HASH_LEN);
            assert_memory_equal(sha[0][i], sha[1][i], HASH_LEN);
        }
        erase(s, &y); /* once more changes nothing */
        buf_done(&got);
        says(s, &y, &got, t[1], sha[1]);
        assert_string_equal(buf_str(&want), buf_str(&got));
        buf_done(&want);
        buf_done(&got);
    }
    assert_int_equal(s->st->commit(s->st->ctx), 0);
}

enum { BROUGHT_MAX = ITEMS * 2 };

struct brought {
    struct sync_record rec[BROUGHT_MAX];
    struct item item[BROUGHT_MAX];
    char owner[BROUGHT_MAX][LIM_NODE_ID + 1];
    uint8_t leaf[BROUGHT_MAX][HASH_LEN];
    size_t n;
    int64_t live;
};

static int on_brought(const struct sync_record *rec, void *arg)
{
    struct brought *x = arg;
    assert_true(x->n < BROUGHT_MAX);
    x->item[x->n] = *rec->item;
    snprintf(x->owner[x->n], sizeof x->owner[0], "%s", rec->owner);
    memcpy(x->leaf[x->n], rec->leaf, HASH_LEN);
    x->rec[x->n] = *rec;
    x->rec[x->n].item = &x->item[x->n];
    x->rec[x->n].owner = x->owner[x->n];
    x->rec[x->n].leaf = x->leaf[x->n];
    x->live += rec->item->op != OP_WITHDRAW;
    x->n++;
    return 0;
}

/* What a lane brought into the views can be taken out without the bundles that said it. */
void suite_test_brought(void **state)
{
    static struct brought x;
    struct suite *s = *state;
    struct story y;
    struct buf none, is;
    struct sync_tally t[STREAMS];
    uint8_t sha[STREAMS][HASH_LEN];
    memset(&y, 0, sizeof y);
    assert_int_equal(s->st->begin(s->st->ctx), 0);
    open_streams(s, &y);
    s->drop_views(s);
    says(s, &y, &none, t, sha);
    tell(&y, 5);
    leftover(s, &y);
    says(s, &y, &is, t, sha);
    assert_string_not_equal(buf_str(&none), buf_str(&is));
    for (size_t i = 0; i < STREAMS; i++) {
        memset(&x, 0, sizeof x);
        assert_int_equal(s->st->brought(s->st->ctx, &y.key[i], on_brought, &x), 0);
        assert_true(x.n > 0 && x.live == t[i].live.c);
        for (size_t k = 0; k < x.n; k++) {
            bool bared;
            x.rec[k].stream = &y.key[i];
            assert_int_equal(s->st->erase(s->st->ctx, &x.rec[k], &bared), 0);
        }
    }
    buf_done(&is);
    says(s, &y, &is, t, sha);
    assert_string_equal(buf_str(&none), buf_str(&is));
    for (size_t i = 0; i < STREAMS; i++) {
        assert_int_equal(t[i].live.c, 0);
    }
    buf_done(&none);
    buf_done(&is);
    s->st->rollback(s->st->ctx);
}

/* A stub has no text: it clears what is parked at its place, and nothing else. */
void suite_test_erase_stub(void **state)
{
    struct suite *s = *state;
    struct story y;
    memset(&y, 0, sizeof y);
    assert_int_equal(s->st->begin(s->st->ctx), 0);
    open_streams(s, &y);
    tell(&y, 99);
    leftover(s, &y);
    struct buf was, is;
    struct sync_tally t[STREAMS];
    uint8_t sha[STREAMS][HASH_LEN], leaf[HASH_LEN] = {9};
    says(s, &y, &was, t, sha);
    size_t parked = s->parked(s);
    assert_int_equal(s->st->park(s->st->ctx, y.no[0], 1, 3, SANJI_E_SPEC, "x"), 0);
    assert_int_equal(s->st->park(s->st->ctx, y.no[0], 1, 4, SANJI_E_SPEC, "x"), 0);
    struct sync_record rec = {.no = y.no[0], .seq = 1, .idx = 3, .stream = &y.key[0], .leaf = leaf};
    bool bared = true;
    assert_int_equal(s->st->erase(s->st->ctx, &rec, &bared), 0);
    assert_false(bared);
    assert_int_equal(s->parked(s), parked + 1);
    says(s, &y, &is, t, sha);
    assert_string_equal(buf_str(&was), buf_str(&is));
    buf_done(&was);
    buf_done(&is);
    assert_int_equal(s->st->commit(s->st->ctx), 0);
}

struct saw {
    size_t n;
    uint8_t first;
    int64_t raw;
};
static int see(const struct sync_bundle_row *row, void *arg)
{
    struct saw *w = arg;
    *w = (struct saw){row->frame.n, row->frame.p[0], row->raw_bytes};
    return 1;
}

void suite_test_restub(void **state)
{
    struct suite *s = *state;
    struct stream_key k = suite_stream(SUITE_A, "fed", 1, 7);
    int64_t no = 0;
    assert_int_equal(s->st->begin(s->st->ctx), 0);
    assert_int_equal(s->st->stream_add(s->st->ctx, &k, &no), 0);
    struct sync_bundle_row b = {
        .no = no, .seq = 1, .frame = span_of("long bytes", 10), .raw_bytes = 10, .items = 1};
    assert_int_equal(s->st->bundle_put(s->st->ctx, &b), 0);
    assert_int_equal(s->st->bundle_restub(s->st->ctx, no, 1, span_of("stub", 4), 4), 0);
    assert_int_equal(s->st->bundle_restub(s->st->ctx, no, 2, span_of("stub", 4), 4),
                     SANJI_E_NOT_FOUND);
    struct saw w = {0};
    assert_int_equal(s->st->bundles(s->st->ctx, no, 0, SIZE_MAX, see, &w), 0);
    assert_int_equal(w.n, 4);
    assert_int_equal(w.first, 's');
    assert_int_equal(w.raw, 4);
    s->st->rollback(s->st->ctx);
}
