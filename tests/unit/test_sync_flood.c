/* SPDX-License-Identifier: Apache-2.0 */
/* A neighbour with a good key says very much: what one message can make this node remember, write
 * and tell has an end, and who states less is believed as much as when it stated more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sync/internal.h"
#include "tests/support/story.h"

#include <stdio.h>
#include <string.h>

static const struct step three_tiers[] = {THREE_TIERS, {0}};

enum { CITY, D1, D2, S1, EPOCHS = 1000, LINES = 20 };

/* One have frame after another: `by` has written a thousand epochs to each of so many audiences. */
static void state_much(struct sync *s, struct peer *p, const char *by, int lines)
{
    struct have_epoch *e = test_calloc(EPOCHS, sizeof(*e));
    struct have_writer h;
    struct buf line;
    buf_init(&line, 1 << 20);
    for (int k = 0; k < lines; k++) {
        for (uint32_t i = 0; i < EPOCHS; i++) {
            e[i] = (struct have_epoch){.ep = 2, .seq = 7};
            memcpy(e[i].en, &i, sizeof(i));
            e[i].en[7] = (uint8_t)k;
        }
        buf_reset(&line);
        have_begin(&h, &line);
        have_add(&h, by, "fed", e, EPOCHS);
        assert_int_equal(have_end(&h), 0);
        assert_int_equal(sync__have_take(s, p, span_of(line.data, line.len)), 0);
    }
    test_free(e);
    buf_done(&line);
}

/* The child names epochs of its parent that nobody has heard of, more than anybody can have. */
static void made_up_epochs(void **state)
{
    (void)state;
    static const int from[] = {S1, CITY};
    for (int i = 0; i < 2; i++) {
        struct teller t;
        world_init(&t.w, 81);
        story_go(&t, three_tiers);
        struct world *w = &t.w;
        assert_int_equal(world_put(w, D1, "fed", "a", 1, "words", NULL), 0);
        world_run(w, 60000);
        struct sync *s = w->node[D1].s;
        int64_t calls = mem_store_calls(w->node[D1].mem);
        state_much(s, sync__peer_find(s, w->node[from[i]].id.s), w->node[D1].id.s, LINES);
        assert_true(s->restored); /* it is heard */
        assert_true(s->n_epochs < 5000);
        assert_true(mem_store_calls(w->node[D1].mem) - calls < 5 * EPOCHS * LINES);
        assert_true(s->n_marks <= 4096);
        world_run(w, 3600000); /* and it ends */
        world_done(w);
    }
}

struct noise {
    int node, frames;
    int64_t sent;
};

/* Frames that are no bundles, as many as one message takes. */
static void make_noise(struct world *w, int node, struct sync_wish *wish, void *arg)
{
    struct noise *x = arg;
    (void)w;
    if (node != x->node || wish->lane != LANE_UP || x->sent > 0 ||
        strcmp(wish->path, SANJI_PATH_EXCHANGE) != 0) {
        return;
    }
    struct frame_ctx *fc = frame_ctx_new();
    for (int i = 0; i < x->frames; i++) {
        assert_int_equal(frame_pack(fc, span_of("{}", 2), &wish->body), 0);
    }
    frame_ctx_free(fc);
    x->sent = x->frames;
}

static void noise_is_told_in_measure(void **state)
{
    (void)state;
    struct teller t;
    struct noise x = {.node = S1, .frames = 20000};
    world_init(&t.w, 82);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    w->tap = make_noise;
    w->tap_arg = &x;
    struct peer *p = sync__peer_find(w->node[D1].s, w->node[S1].id.s);
    int64_t refused = p->st.refused, told = 0;
    world_event(w, S1, SEV_NOW);
    world_run(w, 60000);
    assert_int_equal(x.sent, x.frames);
    assert_int_equal(p->st.refused - refused, x.frames);
    for (int i = 0; i < WORLD_ERRS; i++) {
        told += w->node[D1].alarms[i];
    }
    assert_true(told > 0 && told <= 1000);
    w->tap = NULL;
    assert_int_equal(world_put(w, S1, "fed", "b", 1, "words", NULL), 0);
    assert_true(world_until(w, 600000, world_converged, NULL));
    world_done(w);
}

static int missing_one(const struct sync_news *n, void *arg)
{
    *(int64_t *)arg += n->state == SYNC_NEWS_MISSING;
    return 0;
}

static int64_t missing(struct world *w, int at)
{
    int64_t n = 0;
    struct sync_tick t;
    world_tick(w, at, &t);
    assert_int_equal(sync_each_news(w->node[at].s, &t, missing_one, &n), 0);
    return n;
}

/* A neighbour has stated more than it can give now: put back, or what it held was cut. It is not
 * named for ever for what it said once. */
static void who_states_less_is_believed(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 83);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    assert_int_equal(world_put(w, D1, "fed", "a", 1, "words", NULL), 0);
    world_run(w, 60000);
    struct mem_store *old = mem_store_snapshot(w->node[D1].mem);
    w->relay = (struct relay){.kind = RELAY_WITHHOLD, .node = D1, .victim = CITY};
    assert_int_equal(world_put(w, CITY, "fed", "a", 1, "words", NULL), 0);
    world_run(w, 2 * 3600000);
    assert_int_equal(missing(w, S1), 1);
    world_crash(w, D1);
    mem_store_restore(w->node[D1].mem, old);
    mem_store_free(old);
    w->node[D1].cut = true;
    w->relay.kind = RELAY_HONEST;
    world_start(w, D1);
    world_run(w, 2 * 3600000);
    assert_int_equal(missing(w, S1), 0);
    w->node[D1].cut = false;
    world_event(w, D1, SEV_NOW);
    assert_true(world_until(w, 3600000, world_converged, NULL));
    assert_int_equal(missing(w, S1), 0);
    world_done(w);
}

/* A page of the table of heads is damaged in the store: there is another tomorrow. */
static void a_damaged_table(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 84);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    assert_int_equal(world_put(w, S1, "fed", "a", 1, "words", NULL), 0);
    world_run(w, (int64_t)23 * 3600000);
    size_t n = 0;
    assert_non_null(sync__table_find(w->node[S1].s, w->node[S1].id.s, "fed", &n));
    const struct sync_store *st = mem_store_port(w->node[S1].mem);
    uint8_t junk[64] = {1};
    world_crash(w, S1);
    assert_int_equal(st->begin(st->ctx), 0);
    assert_int_equal(st->kv_put(st->ctx, "heads/p1", span_of(junk, sizeof(junk))), 0);
    assert_int_equal(st->commit(st->ctx), 0);
    world_start(w, S1);
    assert_int_equal(world_put(w, S1, "fed", "b", 1, "words", NULL), 0);
    assert_true(world_until(w, 600000, world_converged, NULL));
    world_run(w, (int64_t)23 * 3600000);
    assert_non_null(sync__table_find(w->node[S1].s, w->node[S1].id.s, "fed", &n));
    world_done(w);
}

/* ---- signed by a writer that counts wrongly ---- */

/* What the engine asks of its store. */
static struct {
    const struct sync_store *real;
    struct sync_store port;
    int scans, forgets;
} counted;

static int count_bundles(void *ctx, int64_t no, int64_t after, size_t max,
                         int (*fn)(const struct sync_bundle_row *row, void *arg), void *arg)
{
    counted.scans++;
    return counted.real->bundles(ctx, no, after, max, fn, arg);
}

static int count_forget(void *ctx, const char *by)
{
    counted.forgets++;
    return counted.real->forget(ctx, by);
}

static void count_calls(struct sync *s)
{
    counted.real = s->st;
    counted.port = *s->st;
    counted.scans = counted.forgets = 0;
    counted.port.bundles = count_bundles;
    counted.port.forget = count_forget;
    s->st = &counted.port;
}

/* One more bundle without items, signed by node i. */
static void forge(struct world *w, int i, struct bundle_header *h, struct buf *out)
{
    struct sync *s = w->node[i].s;
    struct arena *a = arena_new(ARENA_MAX);
    struct buf line;
    struct bundle b;
    buf_init(&line, LIM_BUNDLE_BYTES);
    assert_int_equal(bundle_make(h, NULL, 0, s->key, &line), 0);
    assert_int_equal(frame_pack(s->fc, span_of(line.data, line.len), out), 0);
    assert_int_equal(bundle_parse(span_of(line.data, line.len), a, &b, NULL), 0);
    memcpy(h->prev, b.id, HASH_LEN);
    h->seq++;
    arena_free(a);
    buf_done(&line);
}

static void take(struct world *w, int at, int from, const struct buf *message)
{
    struct sync *s = w->node[at].s;
    struct sync_tick t;
    int64_t stored = 0;
    world_tick(w, at, &t);
    s->tick = t;
    assert_int_equal(sync__take_bundles(s, sync__peer_find(s, w->node[from].id.s),
                                        span_of(message->data, message->len), 0, &stored),
                     0);
}

static void begin_up(struct teller *t, uint64_t seed, char up[static 64])
{
    world_init(&t->w, seed);
    story_go(t, three_tiers);
    (void)snprintf(up, 64, "up:%s", t->w.node[CITY].id.s);
    assert_int_equal(world_put(&t->w, S1, up, "u0", 1, "v", NULL), 0);
    world_run(&t->w, 600000);
}

/* Keyframes without end that say what is not so, in a lane with two epochs: whatever they say, the
 * writer's part is derived again now and, for all that came meanwhile, once a while later. */
static void false_keyframes(void **state)
{
    (void)state;
    struct teller t;
    char up[64];
    begin_up(&t, 85, up);
    struct world *w = &t.w;
    struct sync *s1 = w->node[S1].s, *d1 = w->node[D1].s;
    struct bundle_header h;
    struct buf m;
    int i = sync__stream_first(s1, w->node[S1].id.s, up);
    assert_int_equal(sync__self_doubt(s1, &s1->streams[i].row.key), 0);
    assert_int_equal(world_put(w, S1, up, "u1", 1, "v", NULL), 0);
    world_run(w, 600000);
    i = sync__stream_first(d1, w->node[S1].id.s, up);
    assert_true(i >= 0 && d1->streams[i].next >= 0); /* two epochs */
    assert_int_equal(sync__next_header(s1, BUNDLE_KEY, up, &h), 0);
    w->node[S1].cut = true;
    buf_init(&m, LIM_MESSAGE_BYTES);
    h.has_kf = true;
    h.kf.live.c = 7;
    for (int k = 0; k < 40; k++) {
        h.kf.from = h.kf.to = h.seq;
        h.kf.covers = h.seq - 1;
        memset(h.kf.live.s, k + 1, HASH_LEN);
        forge(w, S1, &h, &m);
        if (k % 10 == 9) {
            if (k == 9) {
                count_calls(d1);
            }
            take(w, D1, S1, &m);
            buf_reset(&m);
        }
    }
    int at = sync__stream_newest(d1, w->node[S1].id.s, up);
    assert_int_equal(d1->streams[at].row.seq, h.seq - 1); /* all of them were taken */
    assert_int_equal(counted.forgets, 1);
    world_run(w, 300000);
    assert_int_equal(counted.forgets, 2); /* later, and not lost */
    world_run(w, 300000);
    assert_int_equal(counted.forgets, 2);
    d1->st = counted.real;
    buf_done(&m);
    world_done(w);
}

enum { PAIRS = 40 };

/* Two epochs of every number: what one beat makes us read does not grow with them. */
static void beats_beside_pairs(void **state)
{
    (void)state;
    struct teller t;
    char up[64];
    begin_up(&t, 86, up);
    struct world *w = &t.w;
    struct sync *s1 = w->node[S1].s, *d1 = w->node[D1].s;
    static uint8_t id[PAIRS * 2 + 1][HASH_LEN], en[PAIRS * 2 + 1][8];
    struct bundle_header h;
    struct buf m;
    buf_init(&m, LIM_MESSAGE_BYTES);
    assert_int_equal(sync__next_header(s1, BUNDLE_EPOCH, up, &h), 0);
    int i = sync__stream_first(s1, w->node[S1].id.s, up);
    memcpy(id[0], h.prev, HASH_LEN);
    memcpy(en[0], s1->streams[i].row.key.en, 8);
    h.has_pe = h.pe.ok = true;
    for (int k = 1; k <= PAIRS * 2; k++) {
        int pair = (k + 1) / 2, before = pair == 1 ? 0 : (pair - 1) * 2;
        h.pe.ep = pair;
        h.pe.seq = before == 0 ? s1->streams[i].row.seq : 1;
        memcpy(h.pe.en, en[before], 8);
        memcpy(h.pe.id, id[before], HASH_LEN);
        h.ep = pair + 1;
        en[k][0] = (uint8_t)k;
        memcpy(h.en, en[k], 8);
        h.seq = 1;
        memset(h.prev, 0, HASH_LEN);
        forge(w, S1, &h, &m);
        memcpy(id[k], h.prev, HASH_LEN);
    }
    h.ep = PAIRS + 2;
    memset(h.en, 255, 8);
    h.seq = 1;
    memset(h.prev, 0, HASH_LEN);
    for (int k = PAIRS * 2; k >= 1; k--) {
        h.pe.ep = (k + 1) / 2 + 1;
        h.pe.seq = 1;
        memcpy(h.pe.en, en[k], 8);
        memcpy(h.pe.id, id[k], HASH_LEN);
        forge(w, S1, &h, &m);
    }
    w->node[S1].cut = true;
    take(w, D1, S1, &m);
    buf_reset(&m);
    h.t = BUNDLE_BEAT;
    h.has_pe = false;
    h.has_live = true;
    h.live.c = 1;
    forge(w, S1, &h, &m);
    count_calls(d1);
    take(w, D1, S1, &m);
    d1->st = counted.real;
    int at = sync__stream_newest(d1, w->node[S1].id.s, up);
    assert_int_equal(d1->streams[at].row.key.ep, PAIRS + 2);
    assert_int_equal(d1->streams[at].row.seq, h.seq - 1);
    assert_true(counted.scans < 8);
    buf_done(&m);
    world_done(w);
}

static void erase_one(struct world *w, int i, const char *id)
{
    const struct sync_erase what = {.id = id, .why = "person"};
    int64_t n = 0;
    assert_int_equal(world_erase(w, i, &what, &n), 0);
    assert_int_equal(n, 1);
}

enum { ERASED = 60 };

/* As many acts of erasure as records, each on its own: everything the writer has said is searched
 * once for a message of his, not once for an act. */
static void one_act_after_another(void **state)
{
    (void)state;
    struct teller t;
    char id[16];
    world_init(&t.w, 86);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    struct sync *d1 = w->node[D1].s;
    world_run(w, 60000);
    w->node[S1].cut = true;
    for (int k = 0; k < ERASED; k++) {
        (void)snprintf(id, sizeof(id), "v%d", k);
        assert_int_equal(world_put(w, S1, "fed", id, 1, "words", NULL), 0);
    }
    for (int k = 0; k < ERASED; k++) {
        (void)snprintf(id, sizeof(id), "v%d", k);
        erase_one(w, S1, id);
    }
    world_run(w, 60000);
    count_calls(d1);
    w->node[S1].cut = false;
    world_event(w, S1, SEV_NOW);
    world_run(w, 60000);
    d1->st = counted.real;
    struct mem_seen seen;
    for (int k = 0; k < ERASED; k++) {
        (void)snprintf(id, sizeof(id), "v%d", k);
        assert_int_equal(mem_store_record(w->node[D1].mem, w->node[S1].id.s, id, &seen),
                         SANJI_E_NOT_FOUND);
    }
    assert_int_equal(sync_erased_count(d1), ERASED);
    print_message("%d walks\n", counted.scans);
    assert_true(counted.scans < ERASED / 2);
    world_done(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_up_epochs),
        cmocka_unit_test(noise_is_told_in_measure),
        cmocka_unit_test(who_states_less_is_believed),
        cmocka_unit_test(a_damaged_table),
        cmocka_unit_test(false_keyframes),
        cmocka_unit_test(beats_beside_pairs),
        cmocka_unit_test(one_act_after_another),
    };
    return cmocka_run_group_tests_name("sync_flood", tests, NULL, NULL);
}
