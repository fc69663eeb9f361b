/* SPDX-License-Identifier: Apache-2.0 */
/* Erasure between neighbours: whoever comes first, act or item, whoever was away, whoever starts
 * with a keyframe, and a relay that hides items without an act. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/base/enc.h"
#include "sync/internal.h"
#include "tests/support/story.h"
#include "tests/support/world_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct step three_tiers[] = {THREE_TIERS, {0}};
#define SECRET "Wang Xiaoming 13812345678"

static void begin(struct teller *t, uint64_t seed)
{
    world_init(&t->w, seed);
    t->w.has_tune = true;
    t->w.tune = (struct sync_tuning){.wait_ms = 25000,
                                     .backoff_min_ms = 1000,
                                     .backoff_max_ms = 900000,
                                     .max_bytes = 1 << 20,
                                     .key_items = 1000};
    story_go(t, three_tiers);
}

static void all_well(struct world *w)
{
    struct world_verdict v;
    assert_true(world_until(w, 4 * 3600000, world_converged, NULL));
    world_run(w, 5000);
    if (world_check_converged(w, &v) < 0 || world_check_truth(w, &v) < 0) {
        fail_msg("%s", v.text);
    }
    for (int i = 0; i < w->n; i++) {
        if (w->node[i].joined &&
            (world_check_rebuild(w, i, &v) < 0 || world_check_order(w, i, &v) < 0)) {
            fail_msg("%s", v.text);
        }
    }
}

static int64_t erase_some(struct world *w, int i, const char *id, const uint8_t (*keep)[HASH_LEN],
                          size_t n_keep)
{
    int64_t n = 0;
    const struct sync_erase what = {.id = id, .why = "person", .keep = keep, .n_keep = n_keep};
    assert_int_equal(world_erase(w, i, &what, &n), 0);
    return n;
}

static int64_t erase(struct world *w, int i, const char *id)
{
    return erase_some(w, i, id, NULL, 0);
}

struct hunt {
    struct frame_ctx *fc;
    struct buf line;
    const char *text;
    size_t n;
};

static int hunt_bundle(const struct sync_bundle_row *row, void *arg)
{
    struct hunt *h = arg;
    size_t used;
    assert_int_equal(frame_unpack(h->fc, row->frame, &h->line, &used), 0);
    for (const char *p = buf_str(&h->line); (p = strstr(p, h->text)) != NULL; p++) {
        h->n++;
    }
    return 0;
}

static int hunt_kv(const char *key, struct span value, void *arg)
{
    struct hunt *h = arg;
    size_t used;
    (void)key;
    if (frame_unpack(h->fc, value, &h->line, &used) == 0) {
        h->n += strstr(buf_str(&h->line), h->text) != NULL;
    }
    return 0;
}

/* How often the text stands in what node i holds. */
static size_t finds(struct world *w, int i, const char *text)
{
    struct hunt h = {.fc = frame_ctx_new(), .text = text};
    const struct sync_store *st = mem_store_port(w->node[i].mem);
    struct buf dump;
    buf_init(&h.line, 4 << 20);
    buf_init(&dump, 64 << 20);
    for (size_t k = 0; k < w->node[i].s->n_streams; k++) {
        int64_t no = w->node[i].s->streams[k].row.no;
        if (no != 0) {
            assert_int_equal(st->bundles(st->ctx, no, 0, SIZE_MAX, hunt_bundle, &h), 0);
        }
    }
    assert_int_equal(st->kv_each(st->ctx, "", hunt_kv, &h), 0);
    mem_store_dump(w->node[i].mem, &dump);
    h.n += strstr(buf_str(&dump), text) != NULL;
    buf_done(&dump);
    buf_done(&h.line);
    frame_ctx_free(h.fc);
    return h.n;
}

static size_t finds_anywhere(struct world *w, const char *text)
{
    size_t n = 0;
    for (int i = 0; i < w->n; i++) {
        n += w->node[i].joined ? finds(w, i, text) : 0;
    }
    return n;
}

static bool seen(struct world *w, int at, int by, const char *id)
{
    struct mem_seen x;
    return mem_store_record(w->node[at].mem, w->node[by].id.s, id, &x) == 0 && !x.withdrawn;
}

static void write_revisions(struct world *w, int i, const char *aud, int64_t n)
{
    for (int64_t r = 1; r <= n; r++) {
        char title[80];
        (void)snprintf(title, sizeof(title), SECRET " rev %d", (int)r);
        assert_int_equal(world_put(w, i, aud, "person", r, title, NULL), 0);
        assert_int_equal(world_put(w, i, aud, "other", r, "nobody", NULL), 0);
        world_run(w, 3000);
    }
}

static void every_revision_everywhere(void **state)
{
    (void)state;
    struct teller t;
    begin(&t, 31);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1");
    write_revisions(w, s1, "fed", 4);
    all_well(w);
    for (int i = 0; i < w->n; i++) {
        assert_true(finds(w, i, SECRET) >= 4);
        assert_true(seen(w, i, s1, "person"));
    }
    assert_int_equal(erase(w, s1, "person"), 4);
    all_well(w);
    assert_int_equal(finds_anywhere(w, SECRET), 0);
    for (int i = 0; i < w->n; i++) {
        assert_false(seen(w, i, s1, "person"));
        assert_true(seen(w, i, s1, "other"));
        assert_int_equal(sync_erased_count(w->node[i].s), 4);
        assert_int_equal(mem_store_parked(w->node[i].mem), 0);
    }
    assert_int_equal(erase(w, s1, "person"), 0); /* there is nothing left to name */
    /* Whoever comes later gets stubs and the act, and nothing waits. */
    int late = world_enrol(w, world_find(w, "d2"), "late", 40, true);
    assert_true(late > 0);
    all_well(w);
    assert_int_equal(finds_anywhere(w, SECRET), 0);
    assert_int_equal(mem_store_parked(w->node[late].mem), 0);
    assert_int_equal(w->node[late].alarms[-SANJI_E_WITHHELD], 0);
    /* The name may be used again, above what is erased. */
    assert_int_equal(world_put(w, s1, "fed", "person", 4, "somebody else", NULL), SANJI_E_OLD);
    assert_int_equal(world_put(w, s1, "fed", "person", 5, "somebody else", NULL), 0);
    all_well(w);
    assert_true(seen(w, late, s1, "person"));
    world_done(w);
}

static void an_older_form_stands_again(void **state)
{
    (void)state;
    struct teller t;
    struct mem_seen x;
    uint8_t keep[1][HASH_LEN];
    begin(&t, 32);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), city = world_find(w, "city");
    assert_int_equal(world_put(w, s1, "fed", "person", 1, "nobody", NULL), 0);
    assert_int_equal(mem_store_record(w->node[s1].mem, w->node[s1].id.s, "person", &x), 0);
    memcpy(keep[0], x.leaf, HASH_LEN);
    assert_int_equal(world_put(w, s1, "fed", "person", 2, SECRET, NULL), 0);
    all_well(w);
    assert_int_equal(erase_some(w, s1, "person", (const uint8_t(*)[HASH_LEN])keep, 1), 1);
    all_well(w);
    for (int i = 0; i < 2; i++) {
        int at = i == 0 ? s1 : city;
        assert_int_equal(mem_store_record(w->node[at].mem, w->node[s1].id.s, "person", &x), 0);
        assert_int_equal(x.r, 1);
        assert_memory_equal(x.leaf, keep[0], HASH_LEN);
    }
    assert_int_equal(finds_anywhere(w, SECRET), 0);
    world_done(w);
}

/* Bundles of before the erasure come afterwards, by whatever way: they are stubbed first. */
static void items_after_their_act(void **state)
{
    (void)state;
    struct teller t;
    begin(&t, 33);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), s2 = world_find(w, "s2");
    write_revisions(w, s1, "fed", 2);
    all_well(w);
    struct buf line[4], frame;
    const char *by = w->node[s1].id.s;
    int64_t n = world_head(w, s1, by, "fed");
    assert_int_equal(n, 4);
    for (int64_t k = 0; k < n; k++) { /* a stick of before */
        buf_init(&line[k], 1 << 20);
        assert_true(world_line(w, s1, by, "fed", k + 1, &line[k]));
    }
    assert_int_equal(erase(w, s1, "person"), 2);
    all_well(w);
    struct mem_store *fresh = mem_store_snapshot(w->node[s2].mem);
    struct sync *s = w->node[s2].s;
    struct frame_ctx *fc = frame_ctx_new();
    int idx = sync__stream_newest(s, by, "fed");
    assert_true(idx >= 0);
    /* s2 knows the list and none of the bundles, as after a restore. */
    static const uint8_t zero[HASH_LEN];
    assert_int_equal(s->st->begin(s->st->ctx), 0);
    assert_int_equal(s->st->stream_cut(s->st->ctx, s->streams[idx].row.no, 0, zero), 0);
    assert_int_equal(s->st->forget(s->st->ctx, by), 0);
    assert_int_equal(s->st->commit(s->st->ctx), 0);
    assert_int_equal(sync_reload(s), 0);
    buf_init(&frame, 1 << 20);
    for (int64_t k = 0; k < n; k++) {
        struct sync_tick tick;
        struct sync_accept acc;
        world_tick(w, s2, &tick);
        buf_reset(&frame);
        assert_int_equal(frame_pack(fc, span_of(line[k].data, line[k].len), &frame), 0);
        assert_int_equal(s->st->begin(s->st->ctx), 0);
        sync_accept_frame(s, &tick, span_of(frame.data, frame.len), &acc);
        assert_int_equal(acc.err, 0);
        assert_int_equal(s->st->commit(s->st->ctx), 0);
        assert_int_equal(finds(w, s2, SECRET), 0);
        assert_false(seen(w, s2, s1, "person"));
        buf_done(&line[k]);
    }
    assert_true(seen(w, s2, s1, "other"));
    assert_int_equal(mem_store_parked(w->node[s2].mem), 0);
    buf_done(&frame);
    frame_ctx_free(fc);
    mem_store_free(fresh);
    world_event(w, s2, SEV_NOW);
    all_well(w);
    world_done(w);
}

static void keyframes(void **state)
{
    (void)state;
    struct teller t;
    begin(&t, 34);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), s2 = world_find(w, "s2");
    write_revisions(w, s1, "fed", 2);
    all_well(w);
    world_stop(w, s2); /* holds the history, misses everything that follows */
    struct sync_tuning tune = w->tune;
    tune.key_items = 1;
    sync_tune(w->node[s1].s, &tune);
    write_revisions(w, s1, "fed", 4);
    world_run(w, 60000);
    int idx = sync__stream_newest(w->node[s1].s, w->node[s1].id.s, "fed");
    assert_true(w->node[s1].s->streams[idx].row.first > 1); /* restated, in a keyframe too */
    tune.key_items = 1000;
    sync_tune(w->node[s1].s, &tune);
    assert_true(erase(w, s1, "person") >= 1);
    world_run(w, 60000);
    assert_int_equal(finds(w, s1, SECRET), 0);
    world_start(w, s2); /* starts with a run that holds stubs, whose act comes behind it */
    assert_true(finds(w, s2, SECRET) > 0);
    world_event(w, s2, SEV_NOW);
    all_well(w);
    assert_int_equal(finds_anywhere(w, SECRET), 0);
    for (int i = 0; i < w->n; i++) {
        assert_int_equal(w->node[i].alarms[-SANJI_E_HASH], 0);
        assert_int_equal(w->node[i].alarms[-SANJI_E_WITHHELD], 0);
        assert_int_equal(mem_store_parked(w->node[i].mem), 0);
    }
    /* The act is restated by the next keyframe, and newcomers learn the list from that. */
    tune.key_items = 1;
    sync_tune(w->node[s1].s, &tune);
    for (int64_t r = 100; r < 110; r++) {
        assert_int_equal(world_put(w, s1, "fed", "other", r, "nobody", NULL), 0);
        world_run(w, 3000);
    }
    int late = world_enrol(w, world_find(w, "d2"), "late", 40, true);
    assert_true(late > 0);
    all_well(w);
    assert_int_equal(sync_erased_count(w->node[late].s) > 0, 1);
    world_done(w);
}

static void only_its_own(void **state)
{
    (void)state;
    struct teller t;
    struct mem_seen x;
    char item[400], leaf[64] = "";
    begin(&t, 35);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), s2 = world_find(w, "s2"), city = world_find(w, "city");
    assert_int_equal(world_put(w, s1, "fed", "person", 1, SECRET, NULL), 0);
    all_well(w);
    assert_int_equal(mem_store_record(w->node[s1].mem, w->node[s1].id.s, "person", &x), 0);
    leaf[b64u_put(x.leaf, HASH_LEN, leaf)] = '\0';
    /* s2 names what s1 has written, and speaks for s1 without being its steward. */
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(item, sizeof(item),
                       "{\"id\":\"e%d\",\"k\":\"erase/1\",\"op\":\"ev\",\"r\":1,"
                       "\"z\":\"AAAAAAAAAAAAAAAAAAAAAA\"%s%s%s,\"d\":{\"leaves\":[\"%s\"],"
                       "\"why\":\"person\"}}",
                       (int)i, i == 0 ? "" : ",\"for\":\"", i == 0 ? "" : w->node[s1].id.s,
                       i == 0 ? "" : "\"", leaf);
        assert_int_equal(world_write(w, s2, "fed", item, NULL), 0);
    }
    all_well(w);
    for (int i = 0; i < w->n; i++) {
        assert_true(seen(w, i, s1, "person"));
    }
    assert_int_equal(mem_store_parked(w->node[city].mem), 1); /* no steward */
    world_done(w);
}

/* d1 replaces an item by a stub although nobody has erased it. */
static int stub_all(const struct sync_bundle_row *row, void *arg)
{
    struct buf *frame = ((struct buf **)arg)[0], line, out;
    struct frame_ctx *fc = frame_ctx_new();
    struct arena *a = arena_new(ARENA_MAX);
    struct bundle b;
    bool stub[LIM_ITEMS];
    size_t used;
    memset(stub, 1, sizeof(stub));
    buf_init(&line, 1 << 20);
    buf_init(&out, 1 << 20);
    assert_int_equal(frame_unpack(fc, row->frame, &line, &used), 0);
    assert_int_equal(bundle_parse(span_of(line.data, line.len), a, &b, NULL), 0);
    assert_int_equal(bundle_write_stubbed(&b, stub, &out), 0);
    assert_int_equal(frame_pack(fc, span_of(out.data, out.len), frame), 0);
    buf_done(&line);
    buf_done(&out);
    arena_free(a);
    frame_ctx_free(fc);
    return 1;
}

static void hidden_without_an_act(void **state)
{
    (void)state;
    struct teller t;
    begin(&t, 36);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), d1 = world_find(w, "d1"), city = world_find(w, "city");
    const char *by = w->node[s1].id.s;
    world_stop(w, city); /* hears of it from d1 alone */
    assert_int_equal(world_put(w, s1, "fed", "hidden", 1, "a notice", NULL), 0);
    world_run(w, 60000);
    assert_true(seen(w, d1, s1, "hidden"));
    struct buf honest, frame, *arg[] = {&frame};
    buf_init(&honest, 1 << 20);
    buf_init(&frame, 1 << 20);
    assert_true(world_line(w, d1, by, "fed", 1, &honest));
    const struct sync_store *st = mem_store_port(w->node[d1].mem);
    int idx = sync__stream_newest(w->node[d1].s, by, "fed");
    int64_t no = w->node[d1].s->streams[idx].row.no;
    assert_int_equal(st->bundles(st->ctx, no, 0, SIZE_MAX, stub_all, arg), 0);
    assert_int_equal(st->begin(st->ctx), 0);
    assert_int_equal(st->bundle_restub(st->ctx, no, 1, span_of(frame.data, frame.len), 99), 0);
    assert_int_equal(st->commit(st->ctx), 0);
    world_start(w, city);
    world_event(w, d1, SEV_NOW);
    world_run(w, 3600000);
    /* Taken, for the chain goes on; not believed, and the sender is named. */
    assert_int_equal(world_head(w, city, by, "fed"), 1);
    assert_false(seen(w, city, s1, "hidden"));
    assert_int_equal(mem_store_parked(w->node[city].mem), 1);
    assert_int_equal(w->node[city].alarms[-SANJI_E_WITHHELD], 1);
    /* From elsewhere, by a file say, the same bundle comes whole. */
    struct sync *s = w->node[city].s;
    struct sync_tick tick;
    struct sync_accept acc;
    struct frame_ctx *fc = frame_ctx_new();
    buf_reset(&frame);
    assert_int_equal(frame_pack(fc, span_of(honest.data, honest.len), &frame), 0);
    world_tick(w, city, &tick);
    assert_int_equal(s->st->begin(s->st->ctx), 0);
    sync_accept_frame(s, &tick, span_of(frame.data, frame.len), &acc);
    assert_int_equal(acc.err, SANJI_E_OLD);
    assert_int_equal(s->st->commit(s->st->ctx), 0);
    assert_true(seen(w, city, s1, "hidden"));
    assert_int_equal(mem_store_parked(w->node[city].mem), 0);
    buf_reset(&frame);
    assert_true(world_line(w, city, by, "fed", 1, &frame));
    assert_int_equal(frame.len, honest.len);
    assert_memory_equal(frame.data, honest.data, honest.len);
    frame_ctx_free(fc);
    buf_done(&honest);
    buf_done(&frame);
    world_done(w);
}

/* The list from outside: a store of before the erasure carries it out before anything is served. */
struct listed {
    struct sync *to;
};
static int add_one(const struct sync_erased *x, void *arg)
{
    struct sync_erased as_listed = *x;
    as_listed.named = false;
    return sync_erase_add(((struct listed *)arg)->to, &as_listed);
}

static void an_old_store_with_the_list(void **state)
{
    (void)state;
    struct teller t;
    begin(&t, 37);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), city = world_find(w, "city");
    write_revisions(w, s1, "fed", 3);
    all_well(w);
    struct mem_store *old = mem_store_snapshot(w->node[city].mem);
    assert_int_equal(erase(w, s1, "person"), 3);
    all_well(w);
    struct mem_store *now = mem_store_snapshot(w->node[city].mem);
    struct sync *knows = w->node[city].s;
    struct sync_self self = {.id = w->node[city].id,
                             .sign_seed = w->node[city].sign_seed,
                             .seal_seeds = (const uint8_t(*)[SEAL_SEED_LEN])w->node[city].seal_seed,
                             .n_seal_seeds = 1};
    memcpy(self.g, w->g, HASH_LEN);
    struct listed l = {NULL};
    const struct sync_store *st = mem_store_port(old);
    assert_int_equal(sync_new(&self, st, &l.to), 0);
    assert_int_equal(sync_erased_count(l.to), 0);
    assert_int_equal(st->begin(st->ctx), 0);
    assert_int_equal(sync_erased_each(knows, add_one, &l), 0);
    assert_int_equal(sync_erase_settle(l.to), 0);
    assert_int_equal(st->commit(st->ctx), 0);
    struct mem_seen x;
    assert_int_equal(mem_store_record(old, w->node[s1].id.s, "person", &x), SANJI_E_NOT_FOUND);
    assert_int_equal(mem_store_record(old, w->node[s1].id.s, "other", &x), 0);
    sync_free(l.to);
    world_crash(w, city);
    mem_store_restore(w->node[city].mem, old);
    world_start(w, city);
    assert_int_equal(finds(w, city, SECRET), 0);
    world_event(w, city, SEV_NOW);
    all_well(w);
    mem_store_free(old);
    mem_store_free(now);
    world_done(w);
}

/* The act itself is lost with the store, and nobody else has seen it: it is said again. */
static void an_act_that_was_lost(void **state)
{
    (void)state;
    struct teller t;
    begin(&t, 38);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1");
    write_revisions(w, s1, "fed", 3);
    all_well(w);
    struct mem_store *old = mem_store_snapshot(w->node[s1].mem);
    w->node[s1].cut = true; /* nobody hears of it */
    assert_int_equal(erase(w, s1, "person"), 3);
    struct mem_store *now = mem_store_snapshot(w->node[s1].mem);
    struct sync *knows = NULL;
    struct listed l = {NULL};
    struct sync_self self = {.id = w->node[s1].id,
                             .sign_seed = w->node[s1].sign_seed,
                             .seal_seeds = (const uint8_t(*)[SEAL_SEED_LEN])w->node[s1].seal_seed,
                             .n_seal_seeds = 1};
    memcpy(self.g, w->g, HASH_LEN);
    assert_int_equal(sync_new(&self, mem_store_port(now), &knows), 0);
    const struct sync_store *st = mem_store_port(old);
    assert_int_equal(sync_new(&self, st, &l.to), 0);
    assert_int_equal(st->begin(st->ctx), 0);
    assert_int_equal(sync_erased_each(knows, add_one, &l), 0);
    assert_int_equal(sync_erase_settle(l.to), 0);
    assert_int_equal(st->commit(st->ctx), 0);
    sync_free(l.to);
    sync_free(knows);
    world_crash(w, s1);
    mem_store_restore(w->node[s1].mem, old);
    w->node[s1].cut = false;
    world_start(w, s1);
    world_event(w, s1, SEV_NOW);
    all_well(w);
    assert_int_equal(finds_anywhere(w, SECRET), 0);
    for (int i = 0; i < w->n; i++) {
        assert_int_equal(sync_erased_count(w->node[i].s), 3);
        assert_int_equal(mem_store_parked(w->node[i].mem), 0);
    }
    mem_store_free(old);
    mem_store_free(now);
    world_done(w);
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(every_revision_everywhere),
        cmocka_unit_test(an_older_form_stands_again),
        cmocka_unit_test(items_after_their_act),
        cmocka_unit_test(keyframes),
        cmocka_unit_test(only_its_own),
        cmocka_unit_test(hidden_without_an_act),
        cmocka_unit_test(an_old_store_with_the_list),
        cmocka_unit_test(an_act_that_was_lost),
    };
    return cmocka_run_group_tests_name("sync_erase", t, NULL, NULL);
}
