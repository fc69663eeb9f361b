/* SPDX-License-Identifier: Apache-2.0 */
/* The view half of the suite: which form of a record wins, live digests, events, referrals. */
#include "protocol/base/err.h"
#include "tests/support/mem_store.h"
#include "tests/support/store_suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define D1                                                                                         \
    "{\"kind\":\"space\",\"title\":\"\xe6\x9c\x9b\xe4\xba\xac\",\"area\":\"110105\",\"state\":"    \
    "\"published\"}"
#define D2 "{\"kind\":\"space\",\"title\":\"b\",\"area\":\"110105012\",\"state\":\"paused\"}"

static struct buf dump(struct suite *s)
{
    struct buf b;
    buf_init(&b, 64 << 20);
    s->dump(s, &b);
    assert_int_equal(b.err, 0);
    return b;
}

static size_t lines_with(const struct buf *b, const char *start)
{
    size_t n = 0;
    for (const char *p = buf_str(b); *p != '\0'; p = strchr(p, '\n') + 1) {
        n += strncmp(p, start, strlen(start)) == 0;
    }
    return n;
}

static void assert_same(struct buf a, struct buf b)
{
    assert_string_equal(buf_str(&a), buf_str(&b));
    buf_done(&a);
    buf_done(&b);
}

static bool next_permutation(int *p, int n)
{
    int i = n - 2;
    while (i >= 0 && p[i] > p[i + 1]) {
        i--;
    }
    if (i < 0) {
        return false;
    }
    int j = n - 1;
    while (p[j] < p[i]) {
        j--;
    }
    int t = p[i];
    p[i] = p[j];
    p[j] = t;
    for (int a = i + 1, b = n - 1; a < b; a++, b--) {
        t = p[a];
        p[a] = p[b];
        p[b] = t;
    }
    return true;
}

struct form {
    int stream; /* index into streams */
    int64_t seq;
    int idx;
    int64_t r;
    enum item_op op;
};

enum { FORMS = 5 };
struct form_case {
    struct form f[FORMS];
    int want; /* the form that wins; -1: withdrawn */
};

/* clang-format off */
/* streams: 0 fed ep 1, 1 fed ep 2, 2 up ep 1, 3 fed ep 1 of a sibling */
static const struct form_case cases[] = {
    /* highest r wins, wherever it stands */
    {{{0, 9, 9, 1, OP_PUT}, {1, 1, 0, 2, OP_PUT}, {2, 1, 0, 4, OP_PUT}, {0, 20, 0, 3, OP_PUT}, {1, 9, 9, 3, OP_WITHDRAW}}, 2},
    /* a withdrawal with the highest r hides all */
    {{{0, 1, 0, 1, OP_PUT}, {0, 2, 0, 2, OP_PUT}, {2, 3, 0, 2, OP_PUT}, {1, 1, 0, 3, OP_WITHDRAW}, {2, 9, 0, 1, OP_PUT}}, -1},
    /* equal r: put beats withdraw, also an earlier one, also across audiences */
    {{{0, 1, 0, 5, OP_PUT}, {0, 9, 0, 5, OP_WITHDRAW}, {2, 9, 0, 5, OP_WITHDRAW}, {1, 1, 0, 4, OP_PUT}, {1, 2, 0, 3, OP_WITHDRAW}}, 0},
    /* equal r: higher epoch, then seq, then position */
    {{{0, 9, 9, 5, OP_PUT}, {1, 1, 0, 5, OP_PUT}, {1, 1, 1, 5, OP_PUT}, {2, 99, 0, 5, OP_PUT}, {0, 10, 0, 5, OP_PUT}}, 2},
    {{{0, 4, 1, 5, OP_PUT}, {0, 4, 2, 5, OP_PUT}, {2, 4, 1, 5, OP_PUT}, {2, 3, 9, 5, OP_PUT}, {3, 4, 0, 5, OP_PUT}}, 1},
};
/* clang-format on */

static void name_of(char out[static 8], int case_no, int n)
{
    out[0] = 'c';
    out[1] = (char)('0' + case_no % 10);
    out[2] = '-';
    out[3] = (char)('0' + n / 100 % 10);
    out[4] = (char)('0' + n / 10 % 10);
    out[5] = (char)('0' + n % 10);
    out[6] = '\0';
}

static void run_case(struct suite *s, const struct form_case *c, int case_no,
                     const struct stream_key *keys)
{
    int p[FORMS] = {0, 1, 2, 3, 4};
    int n = 0;
    char want[400], id[32];
    do {
        name_of(id, case_no, n++);
        for (int i = 0; i < FORMS; i++) {
            const struct form *f = &c->f[p[i]];
            struct suite_item it = {.stream = &keys[f->stream],
                                    .no = f->stream + 1,
                                    .seq = f->seq,
                                    .idx = f->idx,
                                    .owner = SUITE_A,
                                    .id = id,
                                    .d = p[i] % 2 == 0 ? D1 : D2,
                                    .r = f->r,
                                    .op = f->op,
                                    .leaf_seed = (uint8_t)p[i],
                                    .is_leaf_plain = true};
            assert_int_equal(suite_apply(s->st, &it), 0);
            assert_int_equal(suite_apply(s->st, &it), 0); /* twice changes nothing */
        }
    } while (next_permutation(p, FORMS));
    assert_int_equal(n, 120);
    struct buf b = dump(s);
    for (int i = 0; i < n; i++) {
        name_of(id, case_no, i);
        if (c->want < 0) {
            snprintf(want, sizeof want, "rec " SUITE_A " listing/1 %s ", id);
            assert_int_equal(lines_with(&b, want), 0);
            continue;
        }
        const struct form *f = &c->f[c->want];
        uint8_t seed = (uint8_t)c->want, leaf[HASH_LEN];
        char hex[HASH_LEN * 2 + 1];
        leaf_of(span_of(&seed, 1), leaf);
        for (size_t k = 0; k < HASH_LEN; k++) {
            snprintf(hex + 2 * k, 3, "%02x", (unsigned)leaf[k]);
        }
        snprintf(want, sizeof want, "rec " SUITE_A " listing/1 %s %lld " SUITE_A " %s %s\n", id,
                 (long long)f->r, keys[f->stream].aud, hex);
        assert_int_equal(lines_with(&b, want), 1);
    }
    buf_done(&b);
}

void suite_test_permutations(void **state)
{
    struct suite *s = *state;
    const struct stream_key keys[] = {
        suite_stream(SUITE_A, "fed", 1, 1), suite_stream(SUITE_A, "fed", 2, 2),
        suite_stream(SUITE_A, "up:" SUITE_C, 1, 3), suite_stream(SUITE_A, "fed", 1, 4)};
    assert_int_equal(s->st->begin(s->st->ctx), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        run_case(s, &cases[i], (int)i, keys);
    }
    assert_int_equal(s->st->commit(s->st->ctx), 0);
}

static int simple(struct suite *s, const struct stream_key *k, int64_t seq, const char *id,
                  int64_t r, enum item_op op)
{
    struct suite_item it = {
        .stream = k, .no = 1, .seq = seq, .owner = SUITE_A, .id = id, .r = r, .op = op, .d = D1};
    return suite_apply(s->st, &it);
}

static int64_t live_c(struct suite *s, const struct stream_key *k)
{
    struct sync_tally t;
    assert_int_equal(s->st->tally(s->st->ctx, k->by.s, k->aud, &t), 0);
    return t.live.c;
}

void suite_test_withdraw_and_move(void **state)
{
    struct suite *s = *state;
    struct stream_key fed = suite_stream(SUITE_A, "fed", 1, 1);
    struct stream_key up = suite_stream(SUITE_A, "up:" SUITE_C, 1, 2);
    assert_int_equal(live_c(s, &fed), 0);
    assert_int_equal(s->st->begin(s->st->ctx), 0);
    assert_int_equal(simple(s, &fed, 1, "x", 1, OP_PUT), 0);
    assert_int_equal(simple(s, &fed, 2, "y", 1, OP_PUT), 0);
    assert_int_equal(live_c(s, &fed), 2);
    /* moved to another audience: put there and withdrawn here, both with the next r */
    assert_int_equal(simple(s, &fed, 3, "x", 2, OP_WITHDRAW), 0);
    struct buf b = dump(s);
    assert_int_equal(lines_with(&b, "rec "), 1); /* in between it is gone */
    buf_done(&b);
    assert_int_equal(simple(s, &up, 1, "x", 2, OP_PUT), 0);
    assert_int_equal(s->st->commit(s->st->ctx), 0);
    assert_int_equal(live_c(s, &fed), 1);
    assert_int_equal(live_c(s, &up), 1);
    b = dump(s);
    assert_int_equal(lines_with(&b, "rec " SUITE_A " listing/1 x 2 " SUITE_A " up:" SUITE_C " "),
                     1);
    assert_int_equal(lines_with(&b, "rec "), 2);
    buf_done(&b);
    /* withdrawn before ever seen */
    assert_int_equal(s->st->begin(s->st->ctx), 0);
    assert_int_equal(simple(s, &fed, 4, "z", 3, OP_WITHDRAW), 0);
    assert_int_equal(simple(s, &fed, 5, "z", 2, OP_PUT), 0);
    assert_int_equal(s->st->commit(s->st->ctx), 0);
    assert_int_equal(live_c(s, &fed), 1);
    s->reopen(s);
    assert_int_equal(live_c(s, &fed), 1);
    assert_int_equal(live_c(s, &up), 1);
    /* and what is rolled back leaves no trace in the digest */
    assert_int_equal(s->st->begin(s->st->ctx), 0);
    assert_int_equal(simple(s, &fed, 6, "q", 1, OP_PUT), 0);
    s->st->rollback(s->st->ctx);
    assert_int_equal(live_c(s, &fed), 1);
}

void suite_test_restated(void **state)
{
    struct suite *s = *state;
    struct stream_key fed = suite_stream(SUITE_A, "fed", 1, 1);
    assert_int_equal(s->st->begin(s->st->ctx), 0);
    assert_int_equal(simple(s, &fed, 1, "x", 1, OP_PUT), 0);
    struct buf before = dump(s);
    assert_int_equal(simple(s, &fed, 90, "x", 1, OP_PUT), 0); /* the same text in a keyframe */
    assert_int_equal(simple(s, &fed, 1, "x", 1, OP_PUT), 0);
    assert_same(before, dump(s));
    assert_int_equal(s->st->commit(s->st->ctx), 0);
}

void suite_test_steward(void **state)
{
    struct suite *s = *state;
    struct stream_key b = suite_stream(SUITE_B, "fed", 1, 1),
                      a = suite_stream(SUITE_A, "fed", 1, 2);
    struct suite_item it = {
        .stream = &b, .no = 1, .seq = 1, .id = "x", .d = D1, .r = 1, .op = OP_PUT};
    assert_int_equal(s->st->begin(s->st->ctx), 0);
    it.owner = SUITE_A; /* B writes for A, and its own record of the same id */
    assert_int_equal(suite_apply(s->st, &it), 0);
    it.owner = SUITE_B;
    it.idx = 1;
    assert_int_equal(suite_apply(s->st, &it), 0);
    struct buf d = dump(s);
    assert_int_equal(lines_with(&d, "rec "), 2);
    buf_done(&d);
    it.stream = &a; /* A takes over again */
    it.owner = SUITE_A;
    it.r = 2;
    it.d = D2;
    assert_int_equal(suite_apply(s->st, &it), 0);
    assert_int_equal(s->st->commit(s->st->ctx), 0);
    d = dump(s);
    assert_int_equal(lines_with(&d, "rec "), 2);
    assert_int_equal(lines_with(&d, "rec " SUITE_A " listing/1 x 2 " SUITE_A " fed "), 1);
    buf_done(&d);
    assert_int_equal(live_c(s, &b), 2);
    assert_int_equal(live_c(s, &a), 1);
}

void suite_test_events(void **state)
{
    struct suite *s = *state;
    struct stream_key fed = suite_stream(SUITE_A, "fed", 1, 1);
    struct stream_key to = suite_stream(SUITE_A, "to:" SUITE_B, 1, 1);
    struct suite_item it = {.stream = &fed,
                            .no = 1,
                            .seq = 1,
                            .owner = SUITE_A,
                            .id = "e",
                            .r = 1,
                            .op = OP_EVENT,
                            .kind = "erase/1",
                            .leaf_seed = 1};
    assert_int_equal(s->st->begin(s->st->ctx), 0);
    assert_int_equal(suite_apply(s->st, &it), 0);
    assert_int_equal(suite_apply(s->st, &it), 0);
    it.seq = 50; /* restated */
    assert_int_equal(suite_apply(s->st, &it), 0);
    assert_int_equal(live_c(s, &fed), 1);
    assert_int_equal(s->parked(s), 0);
    it.leaf_seed = 2; /* another event of the same name: kept, parked, live */
    assert_int_equal(suite_apply(s->st, &it), 0);
    it.seq = 60; /* restated: it is one and the same */
    assert_int_equal(suite_apply(s->st, &it), 0);
    assert_int_equal(s->parked(s), 1);
    it.stream = &to;
    assert_int_equal(suite_apply(s->st, &it), 0);
    assert_int_equal(s->parked(s), 2);
    assert_int_equal(live_c(s, &fed), 2);
    assert_int_equal(live_c(s, &to), 1);
    it.leaf_seed = 1; /* the one that counts in another audience */
    assert_int_equal(suite_apply(s->st, &it), 0);
    assert_int_equal(live_c(s, &to), 2);
    assert_int_equal(s->parked(s), 2);
    it.r = 2;
    assert_int_equal(suite_apply(s->st, &it), 0);
    it.owner = SUITE_B;
    assert_int_equal(suite_apply(s->st, &it), 0);
    assert_int_equal(s->st->commit(s->st->ctx), 0);
    struct buf b = dump(s);
    assert_int_equal(lines_with(&b, "ev "), 4);
    buf_done(&b);
}

/* One name in several streams: the lowest place counts in every order of arrival, and the same
 * items are parked. */
void suite_test_event_names(void **state)
{
    struct suite *s = *state;
    const struct stream_key keys[] = {
        suite_stream(SUITE_A, "fed", 1, 1), suite_stream(SUITE_A, "fed", 2, 2),
        suite_stream(SUITE_A, "to:" SUITE_C, 1, 3), suite_stream(SUITE_A, "fed", 1, 4)};
    /* clang-format off */
    static const struct {
        struct { int stream; int64_t seq; int idx; uint8_t leaf; } f[FORMS];
        int want; /* the form that counts */
        size_t parked;
    } evs[] = {
        /* the lowest epoch goes before everything, then seq, then position */
        {{{1, 1, 0, 1}, {0, 9, 3, 2}, {2, 9, 2, 3}, {0, 10, 0, 4}, {1, 1, 1, 5}}, 2, 4},
        /* one text restated, repeated elsewhere: it stands at its lowest place */
        {{{0, 5, 0, 1}, {2, 3, 0, 2}, {0, 2, 9, 2}, {0, 90, 0, 2}, {1, 1, 0, 2}}, 2, 1},
        {{{0, 5, 0, 1}, {0, 2, 9, 1}, {2, 3, 0, 2}, {0, 90, 0, 2}, {3, 1, 0, 2}}, 4, 1},
    };
    /* clang-format on */
    size_t parked = 0;
    assert_int_equal(s->st->begin(s->st->ctx), 0);
    for (size_t c = 0; c < sizeof evs / sizeof evs[0]; c++) {
        int p[FORMS] = {0, 1, 2, 3, 4}, n = 0;
        char id[32], want[200];
        do {
            name_of(id, (int)c, n++);
            for (int i = 0; i < FORMS; i++) {
                struct suite_item it = {.stream = &keys[evs[c].f[p[i]].stream],
                                        .no = evs[c].f[p[i]].stream + 1,
                                        .seq = (int64_t)c * 100000 + n * 100 + evs[c].f[p[i]].seq,
                                        .idx = evs[c].f[p[i]].idx,
                                        .owner = SUITE_A,
                                        .id = id,
                                        .r = 7,
                                        .op = OP_EVENT,
                                        .kind = "erase/1",
                                        .leaf_seed = evs[c].f[p[i]].leaf,
                                        .is_leaf_plain = true};
                assert_int_equal(suite_apply(s->st, &it), 0);
                assert_int_equal(suite_apply(s->st, &it), 0);
            }
            parked += evs[c].parked;
            assert_int_equal(s->parked(s), parked);
            struct buf b = dump(s);
            char hex[HASH_LEN * 2 + 1];
            uint8_t leaf[HASH_LEN];
            leaf_of(span_of(&evs[c].f[evs[c].want].leaf, 1), leaf);
            for (size_t k = 0; k < HASH_LEN; k++) {
                snprintf(hex + 2 * k, 3, "%02x", (unsigned)leaf[k]);
            }
            snprintf(want, sizeof want, "ev " SUITE_A " erase/1 %s 7 " SUITE_A " %s %s\n", id,
                     keys[evs[c].f[evs[c].want].stream].aud, hex);
            assert_int_equal(lines_with(&b, want), 1);
            buf_done(&b);
        } while (next_permutation(p, FORMS));
    }
    assert_int_equal(s->st->commit(s->st->ctx), 0);
    s->reopen(s);
    assert_int_equal(s->parked(s), parked);
}

/* Equal r, text and place in two audiences: which one is shown must not hang on the order. */
void suite_test_record_tie(void **state)
{
    struct suite *s = *state;
    const struct stream_key keys[] = {suite_stream(SUITE_A, "fed", 1, 1),
                                      suite_stream(SUITE_A, "up:" SUITE_C, 1, 2),
                                      suite_stream(SUITE_B, "up:" SUITE_C, 1, 3)};
    assert_int_equal(s->st->begin(s->st->ctx), 0);
    int p[3] = {0, 1, 2}, n = 0;
    do {
        char id[8];
        name_of(id, 0, n++);
        for (int i = 0; i < 3; i++) {
            struct suite_item it = {.stream = &keys[p[i]],
                                    .no = p[i] + 1,
                                    .seq = 4,
                                    .owner = SUITE_A,
                                    .id = id,
                                    .d = D1,
                                    .r = 2,
                                    .op = OP_PUT,
                                    .is_leaf_plain = true};
            assert_int_equal(suite_apply(s->st, &it), 0);
        }
        char want[200];
        struct buf b = dump(s);
        snprintf(want, sizeof want, "rec " SUITE_A " listing/1 %s 2 " SUITE_B " up:" SUITE_C " ",
                 id);
        assert_int_equal(lines_with(&b, want), 1);
        buf_done(&b);
    } while (next_permutation(p, 3));
    assert_int_equal(s->st->commit(s->st->ctx), 0);
}

static struct sync_sealed sealed(enum ref_party who, enum ref_event ev, int64_t step, int64_t seen,
                                 int64_t ts)
{
    static const uint8_t leaf[HASH_LEN] = {9}, cek[32] = {7, 7};
    bool mine = who == REF_I; /* seen from A, the sender */
    return (struct sync_sealed){.no = 1,
                                .seq = step,
                                .by = mine ? SUITE_A : SUITE_B,
                                .id = "t1",
                                .initiator = SUITE_A,
                                .step = step,
                                .seen = seen,
                                .peer = SUITE_B,
                                .who = who,
                                .ev = ev,
                                .d = span_of("{}", 2),
                                .on = "2026-11-22",
                                .leaf = leaf,
                                .cek = cek,
                                .ts = ts,
                                .got = ts};
}

void suite_test_sealed(void **state)
{
    struct suite *s = *state;
    const struct sync_sealed evs[] = {
        sealed(REF_I, RE_SEND, 1, 0, 10), sealed(REF_R, RE_OPEN, 1, 1, 20),
        sealed(REF_R, RE_ACCEPT, 2, 1, 30), sealed(REF_I, RE_CANCEL_REQUEST, 2, 1, 31)};
    int p[4] = {0, 1, 2, 3};
    char want[400];
    int n = 0;
    struct ref_ev fold_in[4];
    for (size_t i = 0; i < 4; i++) {
        fold_in[i] = (struct ref_ev){
            .who = evs[i].who, .step = evs[i].step, .seen = evs[i].seen, .ev = evs[i].ev};
    }
    struct ref_fold f;
    ref_fold(fold_in, 4, &f);
    assert_int_equal(s->st->begin(s->st->ctx), 0);
    do {
        char id[16];
        snprintf(id, sizeof id, "t%02d", n++);
        for (int i = 0; i < 4; i++) {
            static const uint8_t other[HASH_LEN] = {8}, third[HASH_LEN] = {1};
            struct sync_sealed e = evs[p[i]], x = e, y = e;
            e.id = x.id = y.id = id;
            x.ev = RE_DECLINE; /* a second one of the same number counts nothing */
            x.leaf = other;
            x.seq++;
            y.by = y.peer = SUITE_C; /* nor does one by somebody who is no party */
            y.who = REF_R;
            y.leaf = third;
            y.seq = 0;
            const struct sync_sealed *all[] = {&e, &x, &y};
            for (int k = 0; k < 3; k++) {
                assert_int_equal(s->st->sealed_put(s->st->ctx, all[(k + n + i) % 3]), 0);
            }
        }
    } while (next_permutation(p, 4));
    assert_int_equal(s->st->commit(s->st->ctx), 0);
    s->reopen(s);
    struct buf b = dump(s);
    for (int i = 0; i < n; i++) {
        snprintf(want, sizeof want, "ref " SUITE_A " t%02d " SUITE_B " %s %d %d %d\n", i,
                 ref_state_name(f.state), f.cancel_pending, f.success, f.ignored);
        assert_int_equal(lines_with(&b, want), 1);
    }
    assert_int_equal(lines_with(&b, "ref "), 24);
    buf_done(&b);
    uint8_t cek[32];
    assert_int_equal(s->cek(s, SUITE_A, "t00", cek), 0);
    assert_int_equal(cek[1], 7);
    assert_int_equal(s->cek(s, SUITE_B, "t00", cek), SANJI_E_NOT_FOUND);
    /* rolled back: neither the thread nor its key stays */
    assert_int_equal(s->st->begin(s->st->ctx), 0);
    struct sync_sealed e = evs[0];
    e.id = "gone";
    assert_int_equal(s->st->sealed_put(s->st->ctx, &e), 0);
    s->st->rollback(s->st->ctx);
    assert_int_equal(s->cek(s, SUITE_A, "gone", cek), SANJI_E_NOT_FOUND);
}

static uint32_t draw(uint32_t *x, uint32_t n)
{
    *x = *x * 1664525u + 1013904223u;
    return (*x >> 8) % n;
}

enum { RANDOM_ITEMS = 3000 };

/* A pure function of its number, so that a log can be applied again in another order. */
static struct suite_item random_item(uint32_t no, const struct stream_key *keys, char id[8])
{
    uint32_t x = no * 2654435761u + 1;
    uint32_t st = draw(&x, 4);
    uint32_t ev = draw(&x, 5) == 0;
    snprintf(id, 8, "%c%u", ev ? 'e' : 'r', draw(&x, ev ? 400 : 25));
    struct suite_item it = {.stream = &keys[st],
                            .no = (int64_t)st + 1,
                            .seq = 1 + draw(&x, 6),
                            .idx = (int)draw(&x, 4),
                            .owner = draw(&x, 6) == 0 ? SUITE_B : SUITE_A,
                            .id = id,
                            .r = 1 + draw(&x, 4),
                            .d = draw(&x, 2) == 0 ? D1 : D2};
    it.op = ev ? OP_EVENT : draw(&x, 4) == 0 ? OP_WITHDRAW : OP_PUT;
    it.kind = ev ? "erase/1" : "listing/1";
    it.leaf_seed = ev ? 0 : (uint8_t)draw(&x, 200);
    return it;
}

static void fill_keys(struct stream_key keys[4])
{
    keys[0] = suite_stream(SUITE_A, "fed", 1, 1);
    keys[1] = suite_stream(SUITE_A, "fed", 2, 1);
    keys[2] = suite_stream(SUITE_A, "sub:" SUITE_A, 1, 1);
    keys[3] = suite_stream(SUITE_B, "fed", 1, 1);
}

void suite_test_random(void **state)
{
    struct suite *s = *state;
    struct mem_store *m = mem_store_new();
    const struct sync_store *w = mem_store_port(m);
    struct stream_key keys[4];
    char id[8];
    uint32_t x = 5;
    fill_keys(keys);
    for (uint32_t i = 0; i < RANDOM_ITEMS;) {
        uint32_t n = 1 + draw(&x, 40);
        bool keep = draw(&x, 4) != 0;
        assert_int_equal(s->st->begin(s->st->ctx), 0);
        for (uint32_t k = 0; k < n; k++, i++) {
            struct suite_item it = random_item(i, keys, id);
            int r = suite_apply(s->st, &it);
            assert_int_equal(r, 0);
            if (keep) {
                assert_int_equal(suite_apply(w, &it), r);
            }
        }
        if (keep) {
            assert_int_equal(s->st->commit(s->st->ctx), 0);
        } else {
            s->st->rollback(s->st->ctx);
        }
        if (draw(&x, 20) == 0) {
            s->reopen(s);
        }
    }
    struct buf want;
    buf_init(&want, 64 << 20);
    mem_store_dump(m, &want);
    assert_true(lines_with(&want, "rec ") > 5);
    assert_true(lines_with(&want, "ev ") > 100);
    assert_same(dump(s), want);
    mem_store_free(m);
}

void suite_test_rebuild(void **state)
{
    struct suite *s = *state;
    struct stream_key keys[4];
    char id[8];
    fill_keys(keys);
    assert_int_equal(s->st->begin(s->st->ctx), 0);
    for (uint32_t i = 0; i < RANDOM_ITEMS / 3; i++) {
        struct suite_item it = random_item(i, keys, id);
        assert_int_equal(suite_apply(s->st, &it), 0);
    }
    assert_int_equal(s->st->park(s->st->ctx, 1, 1, 0, SANJI_E_SPEC, ""), 0);
    assert_int_equal(s->st->commit(s->st->ctx), 0);
    struct buf before = dump(s);
    s->drop_views(s);
    struct buf empty = dump(s);
    assert_int_equal(empty.len, 0);
    buf_done(&empty);
    assert_int_equal(s->parked(s), 0);
    assert_int_equal(s->st->begin(s->st->ctx), 0);
    for (uint32_t i = RANDOM_ITEMS / 3; i > 0; i--) {
        struct suite_item it = random_item(i - 1, keys, id);
        assert_int_equal(suite_apply(s->st, &it), 0);
    }
    assert_int_equal(s->st->commit(s->st->ctx), 0);
    assert_same(before, dump(s));
}

static struct suite_item claim_item(uint32_t no, const struct stream_key *keys, char id[8])
{
    struct suite_item it = random_item(no, keys, id);
    it.seq += (int64_t)no * 10; /* places are unique, names are not */
    if (it.op == OP_EVENT) {
        snprintf(id, 8, "e%u", no % 20);
        it.is_leaf_plain = true;
        it.leaf_seed = (uint8_t)(no % 7);
    }
    return it;
}

static int count_unparked(int64_t no, int64_t seq, void *arg)
{
    (void)no;
    (void)seq;
    ++*(int *)arg;
    return 0;
}

/* What one writer brought in is taken out: the rest is as if it had never been, and applying it
 * again gives what was there before. */
void suite_test_forget(void **state)
{
    struct suite *s = *state;
    struct mem_store *m = mem_store_new();
    const struct sync_store *w = mem_store_port(m);
    struct stream_key keys[4];
    char id[8];
    int64_t no;
    fill_keys(keys);
    assert_int_equal(s->st->begin(s->st->ctx), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(s->st->stream_add(s->st->ctx, &keys[i], &no), 0);
        assert_int_equal(w->stream_add(w->ctx, &keys[i], &no), 0);
    }
    for (uint32_t i = 0; i < RANDOM_ITEMS; i++) {
        struct suite_item it = claim_item(i, keys, id);
        assert_int_equal(suite_apply(s->st, &it), 0);
        if (strcmp(it.stream->by.s, SUITE_B) == 0) {
            assert_int_equal(suite_apply(w, &it), 0);
        }
    }
    struct sync_sealed e = sealed(REF_I, RE_SEND, 1, 0, 10), o = sealed(REF_R, RE_OPEN, 1, 1, 20);
    assert_int_equal(s->st->sealed_put(s->st->ctx, &e), 0);
    assert_int_equal(s->st->sealed_put(s->st->ctx, &o), 0);
    assert_int_equal(w->sealed_put(w->ctx, &o), 0);
    assert_int_equal(s->st->commit(s->st->ctx), 0);
    struct buf before = dump(s), want;
    size_t parked = s->parked(s);
    assert_true(parked > 20);
    assert_int_equal(s->st->begin(s->st->ctx), 0);
    assert_int_equal(s->st->park(s->st->ctx, 1, 1, 0, SANJI_E_SPEC, ""), 0);
    assert_int_equal(s->st->forget(s->st->ctx, SUITE_A), 0);
    assert_int_equal(s->st->commit(s->st->ctx), 0);
    buf_init(&want, 64 << 20);
    mem_store_dump(m, &want);
    assert_true(lines_with(&want, "rec ") > 5);
    assert_true(lines_with(&want, "ev ") > 5);
    assert_same(dump(s), want);
    assert_int_equal(s->parked(s), mem_store_parked(m));
    s->reopen(s);
    assert_int_equal(s->st->begin(s->st->ctx), 0);
    for (uint32_t i = 0; i < RANDOM_ITEMS; i++) {
        struct suite_item it = claim_item(i, keys, id);
        assert_int_equal(suite_apply(s->st, &it), 0);
    }
    assert_int_equal(s->st->sealed_put(s->st->ctx, &e), 0);
    assert_int_equal(s->st->forget(s->st->ctx, SUITE_C), 0); /* nobody's */
    assert_int_equal(s->st->commit(s->st->ctx), 0);
    assert_same(dump(s), before);
    assert_int_equal(s->parked(s), parked);
    mem_store_free(m);
    /* parked items are taken back by their reason, each bundle once */
    int n = 0;
    assert_int_equal(s->st->begin(s->st->ctx), 0);
    assert_int_equal(s->st->park(s->st->ctx, 1, 1, 0, SANJI_E_SPEC, ""), 0);
    assert_int_equal(s->st->park(s->st->ctx, 1, 1, 1, SANJI_E_SPEC, ""), 0);
    assert_int_equal(s->st->unpark(s->st->ctx, SANJI_E_VERSION, count_unparked, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(s->st->unpark(s->st->ctx, SANJI_E_SPEC, count_unparked, &n), 0);
    assert_true(n >= 1);
    assert_int_equal(s->st->commit(s->st->ctx), 0);
    assert_int_equal(s->parked(s), parked);
}
