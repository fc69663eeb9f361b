/* SPDX-License-Identifier: Apache-2.0 */
/* Stored bundles whose bytes are damaged, met by whatever reads them: nothing whole is given up for
 * them, what is being received goes on, and they come again from whoever has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sync/internal.h"
#include "tests/support/mem_internal.h"
#include "tests/support/story.h"
#include "tests/support/world_check.h"

#include <stdio.h>
#include <string.h>

static const struct step three_tiers[] = {THREE_TIERS, {0}};
#define HOURS(n) ((int64_t)(n)*3600000)

enum { CITY, D1, D2, S1, S2, S3 };

static void begin(struct teller *t, uint64_t seed, int64_t key_items)
{
    world_init(&t->w, seed);
    if (key_items > 0) {
        t->w.has_tune = true;
        t->w.tune = (struct sync_tuning){.wait_ms = 25000,
                                         .backoff_min_ms = 1000,
                                         .backoff_max_ms = 900000,
                                         .max_bytes = 1 << 20,
                                         .key_items = key_items};
    }
    story_go(t, three_tiers);
}

static void say(struct world *w, int at, int n, int64_t r)
{
    for (int k = 0; k < n; k++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "b%d", k);
        assert_int_equal(world_put(w, at, "fed", id, r, "words", NULL), 0);
    }
}

static const struct stream *lane(struct world *w, int at, int by)
{
    const struct sync *s = w->node[at].s;
    int i = sync__stream_newest(s, w->node[by].id.s, "fed");
    assert_true(i >= 0);
    return &s->streams[i];
}

static struct bundle_r *stored(struct world *w, int at, int by, int64_t seq)
{
    struct mem_store *m = w->node[at].mem;
    int64_t no = lane(w, at, by)->row.no;
    for (size_t i = 0; i < m->tab[TAB_BUNDLE].n; i++) {
        const struct bundle_r *b = mem__at(m, TAB_BUNDLE, i);
        if (!b->row.is_dead && b->b.no == no && b->b.seq == seq) {
            return mem__edit(m, TAB_BUNDLE, i);
        }
    }
    return NULL;
}

static bool is_readable(struct span frame, const uint8_t id[static HASH_LEN])
{
    struct bundle x;
    struct buf line;
    size_t used;
    struct frame_ctx *fc = frame_ctx_new();
    struct arena *a = arena_new(ARENA_MAX);
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    bool is = frame_unpack(fc, frame, &line, &used) == 0 &&
              bundle_parse(span_of(line.data, line.len), a, &x, NULL) == 0 &&
              memcmp(x.id, id, HASH_LEN) == 0;
    buf_done(&line);
    arena_free(a);
    frame_ctx_free(fc);
    return is;
}

/* A bit of a stored frame turns over, one that makes a difference. */
static void damage(struct world *w, int at, int by, int64_t seq)
{
    uint8_t copy[4096];
    struct bundle_r *b = stored(w, at, by, seq);
    assert_non_null(b);
    size_t n = b->b.frame.n, i = n - 20;
    assert_true(n <= sizeof(copy));
    memcpy(copy, b->b.frame.p, n);
    for (copy[i] ^= 0x10; is_readable(span_of(copy, n), b->b.id); copy[--i] ^= 0x10) {
        copy[i] ^= 0x10;
    }
    b->b.frame = mem__bytes(w->node[at].mem, span_of(copy, n));
    mem__undo_forget(w->node[at].mem);
}

static void lose(struct world *w, int at, int by, int64_t seq)
{
    struct bundle_r *b = stored(w, at, by, seq);
    assert_non_null(b);
    b->row.is_dead = true;
    mem__undo_forget(w->node[at].mem);
}

static void lose_views(struct world *w, int at, int by)
{
    const struct sync_store *st = mem_store_port(w->node[at].mem);
    assert_int_equal(st->begin(st->ctx), 0);
    assert_int_equal(st->forget(st->ctx, w->node[by].id.s), 0);
    assert_int_equal(st->commit(st->ctx), 0);
}

/* How many of them are held, and how many can be read. */
static size_t held(struct world *w, int at, int by, size_t *ret_whole)
{
    size_t n = 0;
    *ret_whole = 0;
    for (int64_t seq = 1; seq <= lane(w, at, by)->kept; seq++) {
        const struct bundle_r *b = stored(w, at, by, seq);
        n += b != NULL;
        *ret_whole += b != NULL && is_readable(b->b.frame, b->b.id);
    }
    return n;
}

static size_t whole(struct world *w, int at, int by)
{
    size_t n;
    (void)held(w, at, by, &n);
    return n;
}

static void all_well(struct world *w)
{
    struct world_verdict v;
    assert_true(world_until(w, HOURS(4), world_converged, NULL));
    world_run(w, 5000);
    if (world_check_converged(w, &v) < 0 || world_check_truth(w, &v) < 0) {
        fail_msg("%s", v.text);
    }
    for (int i = 0; i < w->n; i++) {
        if (world_check_rebuild(w, i, &v) < 0) {
            fail_msg("%s", v.text);
        }
        assert_int_equal(w->node[i].s->n_wants, 0);
    }
}

static bool sees(struct world *w, int at, int by, const char *id, int64_t r)
{
    struct mem_seen seen;
    return mem_store_record(w->node[at].mem, w->node[by].id.s, id, &seen) == 0 && seen.r == r;
}

/* What a beat shows to be damaged is damaged at the neighbour, too, who does not know: whatever is
 * whole here stays here. */
static void nothing_is_given_up_for_a_word(void **state)
{
    (void)state;
    struct teller t;
    size_t n;
    begin(&t, 71, 0);
    struct world *w = &t.w;
    say(w, S1, 6, 1);
    all_well(w);
    lose_views(w, S2, S1);
    damage(w, S2, S1, 3);
    damage(w, D1, S1, 3);
    world_run(w, HOURS(22));
    assert_int_equal(w->node[S2].alarms[-SANJI_E_DIVERGED], 1);
    assert_int_equal(held(w, S2, S1, &n), 7);
    assert_int_equal(n, 6);
    assert_true(lane(w, S2, S1)->differs > DIFFER_ONCE);
    /* The neighbour's copy is mended by somebody who looks; then this one mends itself. */
    assert_int_equal(sync_want(w->node[D1].s, lane(w, D1, S1)->row.no, 3), 0);
    world_event(w, D1, SEV_LOCAL);
    world_run(w, HOURS(2));
    assert_int_equal(whole(w, D1, S1), 7);
    assert_int_equal(whole(w, S2, S1), 7);
    assert_int_equal(lane(w, S2, S1)->differs, DIFFER_NONE);
    all_well(w);
    world_done(w);
}

/* Many of them, in a row and apart, damaged and gone: in minutes, without anybody's hand. */
static void many_at_once(void **state)
{
    (void)state;
    static const int64_t bad[] = {1, 3, 4, 5, 9, 10}, gone[] = {2, 6, 7, 8, 12};
    struct teller t;
    begin(&t, 72, 0);
    struct world *w = &t.w;
    say(w, S1, 14, 1);
    all_well(w);
    lose_views(w, CITY, S1);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        damage(w, CITY, S1, bad[i]);
    }
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
        lose(w, CITY, S1, gone[i]);
    }
    world_run(w, HOURS(22));
    assert_int_equal(w->node[CITY].alarms[-SANJI_E_DIVERGED], 1);
    assert_int_equal(whole(w, CITY, S1), lane(w, CITY, S1)->row.seq);
    assert_int_equal(lane(w, CITY, S1)->differs, DIFFER_NONE);
    all_well(w);
    world_done(w);
}

/* Nobody in reach has what is wanted, and then the writer's keyframe makes an end of it. */
static void a_keyframe_ends_wanting(void **state)
{
    (void)state;
    struct teller t;
    begin(&t, 73, 8);
    struct world *w = &t.w;
    say(w, S1, 6, 1);
    all_well(w);
    damage(w, S2, S1, 3);
    damage(w, D1, S1, 3); /* nobody gives it */
    assert_int_equal(sync_want(w->node[S2].s, lane(w, S2, S1)->row.no, 3), 0);
    world_event(w, S2, SEV_LOCAL);
    world_run(w, HOURS(1));
    assert_int_equal(w->node[S2].s->n_wants, 1);
    for (int64_t r = 2; r < 6; r++) {
        say(w, S1, 6, r);
        world_run(w, 5000);
    }
    assert_true(lane(w, S2, S1)->row.first > 3);
    assert_int_equal(w->node[S2].s->n_wants, 0);
    assert_false(lane(w, S2, S1)->wants);
    world_crash(w, S2);
    world_start(w, S2);
    assert_int_equal(w->node[S2].s->n_wants, 0);
    world_run(w, HOURS(1));
    all_well(w);
    world_done(w);
}

static void steward(struct world *w, int author, int subject, int st)
{
    struct act a;
    struct sync_tick tick;
    memset(&a, 0, sizeof(a));
    a.type = ACT_STEWARD;
    a.has_g = true;
    memcpy(a.g, w->g, HASH_LEN);
    a.by = w->node[author].id;
    a.n = w->node[subject].id;
    memcpy(a.after, roster_node(sync_roster(w->node[author].s), a.n.s)->last, HASH_LEN);
    a.st = w->node[st].id;
    world_tick(w, author, &tick);
    a.ts = tick.now_ms;
    assert_int_equal(sync_act(w->node[author].s, &tick, &a, NULL, 0, false), 0);
    world_event(w, author, SEV_LOCAL);
}

/* An act comes that makes a node derive a writer's part of the views again, and one of his bundles
 * cannot be read: the act counts, what comes with it is taken, and the bundle is asked for. */
static void an_act_meets_damage(void **state)
{
    (void)state;
    struct teller t;
    begin(&t, 74, 0);
    struct world *w = &t.w;
    say(w, S1, 6, 1);
    all_well(w);
    damage(w, D2, S1, 2);
    w->node[D2].cut = true;
    steward(w, CITY, S3, S1);
    say(w, CITY, 3, 1);
    say(w, S1, 3, 2);
    world_run(w, 60000);
    w->node[D2].cut = false;
    world_event(w, D2, SEV_NOW);
    world_run(w, 60000);
    assert_true(sees(w, D2, CITY, "b2", 1));
    assert_true(sees(w, D2, S1, "b2", 2));
    assert_string_equal(roster_node(sync_roster(w->node[D2].s), w->node[S3].id.s)->steward.s,
                        w->node[S1].id.s);
    world_run(w, HOURS(1));
    assert_int_equal(whole(w, D2, S1), lane(w, D2, S1)->row.seq);
    all_well(w);
    world_done(w);
}

/* The writer itself, when it wants to say what is live once more. */
static void a_writer_meets_its_own(void **state)
{
    (void)state;
    struct teller t;
    begin(&t, 75, 8);
    struct world *w = &t.w;
    say(w, S1, 6, 1);
    all_well(w);
    damage(w, S1, S1, 2);
    w->node[S1].cut = true;
    for (int64_t r = 2; r < 4; r++) {
        say(w, S1, 6, r);
    }
    int64_t events = w->events;
    world_run(w, HOURS(1));
    assert_true(w->events - events < 20000); /* it does not try without end */
    assert_int_equal(lane(w, S1, S1)->row.first, 1);
    w->node[S1].cut = false;
    world_event(w, S1, SEV_NOW);
    world_run(w, HOURS(1));
    assert_int_equal(w->node[S1].s->n_wants, 0);
    say(w, S1, 1, 4);
    world_run(w, HOURS(1));
    assert_true(lane(w, S1, S1)->row.first > 1);
    all_well(w);
    world_done(w);
}

/* ---- the last copy ---- */

static void file_org(struct world *w, int at, const char *id, int64_t r)
{
    char item[256];
    (void)snprintf(item, sizeof(item),
                   "{\"id\":\"%s\",\"k\":\"org/1\",\"op\":\"put\",\"r\":%lld,"
                   "\"z\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"d\":{\"name\":\"n\"}}",
                   id, (long long)r);
    assert_int_equal(world_write(w, at, "own", item, NULL), 0);
}

static struct bundle_r *filed(struct world *w, int at, int64_t seq)
{
    struct mem_store *m = w->node[at].mem;
    struct sync *s = w->node[at].s;
    int64_t no = s->streams[sync__stream_newest(s, w->node[at].id.s, "own")].row.no;
    for (size_t i = 0; i < m->tab[TAB_BUNDLE].n; i++) {
        const struct bundle_r *b = mem__at(m, TAB_BUNDLE, i);
        if (!b->row.is_dead && b->b.no == no && b->b.seq == seq) {
            return mem__edit(m, TAB_BUNDLE, i);
        }
    }
    return NULL;
}

struct wanted {
    const char *aud;
    int64_t n, held;
};

static void on_wanted(const struct sync_wanted *x, void *arg)
{
    struct wanted *v = arg;
    assert_true(x->own);
    v->n += strcmp(x->key->aud, v->aud) == 0;
    v->held += x->held;
}

static int64_t wanted(struct world *w, int at, const char *aud)
{
    struct wanted v = {.aud = aud};
    sync_wanted_each(w->node[at].s, on_wanted, &v);
    return v.n;
}

/* S1 derives again what it wrote, because it is steward of S3 now, and then is not. */
static void derive_again(struct world *w)
{
    for (int i = 0; i < 2; i++) {
        steward(w, CITY, S3, i == 0 ? S1 : D2);
        world_run(w, 60000);
        assert_string_equal(roster_node(sync_roster(w->node[S1].s), w->node[S3].id.s)->steward.s,
                            w->node[i == 0 ? S1 : D2].id.s);
    }
}

/* What stays at home is damaged, and gone; so is a bundle that every neighbour has. All of it stays
 * in the views; what others have comes back, the rest until it is said again. */
static void the_last_copy(void **state)
{
    (void)state;
    struct teller t;
    struct sync_tick tick;
    begin(&t, 77, 0);
    struct world *w = &t.w;
    file_org(w, S1, "o1", 1);
    file_org(w, S1, "o2", 1);
    file_org(w, S1, "o3", 1);
    file_org(w, S1, "o1", 2);
    say(w, S1, 4, 1);
    all_well(w);
    static const char turned[] = "no frame";
    filed(w, S1, 2)->b.frame = mem__bytes(w->node[S1].mem, span_of(turned, 8));
    filed(w, S1, 4)->b.frame = mem__bytes(w->node[S1].mem, span_of(turned, 8));
    filed(w, S1, 3)->row.is_dead = true;
    mem__undo_forget(w->node[S1].mem);
    damage(w, S1, S1, 2);
    derive_again(w);
    assert_true(sees(w, S1, S1, "o1", 2) && sees(w, S1, S1, "o2", 1) && sees(w, S1, S1, "o3", 1));
    assert_true(sees(w, S1, S1, "b1", 1));
    assert_int_equal(wanted(w, S1, "own"), 3);
    world_run(w, HOURS(1));
    assert_int_equal(wanted(w, S1, "fed"), 0); /* it has come back */
    assert_int_equal(wanted(w, S1, "own"), 3);
    /* A start reads them from the store, and keeps on. */
    world_stop(w, S1);
    world_start(w, S1);
    derive_again(w);
    assert_true(sees(w, S1, S1, "o1", 2) && sees(w, S1, S1, "o3", 1));
    /* Said again, one revision on, and the stream begins anew: o3 is given up with it. */
    file_org(w, S1, "o1", 3);
    file_org(w, S1, "o2", 2);
    const struct sync *s = w->node[S1].s;
    struct stream_key own = s->streams[sync__stream_newest(s, w->node[S1].id.s, "own")].row.key;
    struct stream_key fed = lane(w, S1, S1)->row.key;
    world_tick(w, S1, &tick);
    assert_int_equal(sync_hollow(w->node[S1].s, &tick, &fed), SANJI_E_NOT_FOUND);
    assert_int_equal(sync_hollow(w->node[S1].s, &tick, &own), 0);
    derive_again(w);
    world_run(w, HOURS(1));
    assert_true(sees(w, S1, S1, "o1", 3) && sees(w, S1, S1, "o2", 2));
    assert_false(sees(w, S1, S1, "o3", 1));
    assert_int_equal(wanted(w, S1, "own"), 0);
    all_well(w);
    world_done(w);
}

/* While it is looked for where two branches part, what is kept beyond that counts like the rest:
 * and so does its last copy. */
static void the_last_copy_on_a_doubtful_branch(void **state)
{
    (void)state;
    struct teller t;
    begin(&t, 81, 0);
    struct world *w = &t.w;
    say(w, S1, 4, 1);
    all_well(w);
    struct sync *s = w->node[S1].s;
    int idx = sync__stream_newest(s, w->node[S1].id.s, "fed");
    struct stream *st = &s->streams[idx];
    int64_t head = st->row.seq;
    assert_int_equal(st->kept, head);
    st->doubt = head - 1; /* as branch.c does it */
    st->row.seq = head - 2;
    damage(w, S1, S1, head);
    assert_true(sees(w, S1, S1, "b3", 1));
    assert_int_equal(sync__tx_begin(s), 0);
    assert_int_equal(sync__redo_add(s, &w->node[S1].id), 0);
    assert_int_equal(sync__redo(s), 0);
    assert_true(sees(w, S1, S1, "b2", 1));
    assert_true(sees(w, S1, S1, "b3", 1));
    assert_true(sync__wanted(s, s->streams[idx].row.no, head));
    assert_int_equal(sync__tx_end(s, SANJI_E_STATE), SANJI_E_STATE);
    world_done(w);
}

struct await {
    int at, by;
    int64_t seq;
};

static bool has(struct world *w, void *arg)
{
    const struct await *x = arg;
    return lane(w, x->at, x->by)->row.seq >= x->seq;
}

struct kept_differ { /* as heal.c keeps it */
    int64_t state, at, seq;
    struct live_digest live;
};

/* Mending comes late, and more has been written since the beat: the writer is not said to count
 * wrongly, for nobody can tell; the next beat does. */
static void a_late_turn(void **state)
{
    (void)state;
    struct teller t;
    char name[32];
    struct buf v;
    begin(&t, 76, 0);
    struct world *w = &t.w;
    say(w, S1, 4, 1);
    all_well(w);
    lose_views(w, CITY, S1);
    struct await x = {CITY, S1, 5};
    assert_true(world_until(w, HOURS(22), has, &x));
    const struct sync_store *st = mem_store_port(w->node[CITY].mem);
    (void)snprintf(name, sizeof(name), "differ/%lld", (long long)lane(w, CITY, S1)->row.no);
    world_crash(w, CITY); /* before its turn; the beat counts as one of before */
    struct kept_differ k;
    buf_init(&v, 256);
    assert_int_equal(st->begin(st->ctx), 0);
    assert_int_equal(st->kv_get(st->ctx, name, &v), 0);
    assert_int_equal(v.len, sizeof(k));
    memcpy(&k, v.data, sizeof(k));
    assert_int_equal(k.state, DIFFER_NEW);
    k.seq--;
    assert_int_equal(st->kv_put(st->ctx, name, span_of(&k, sizeof(k))), 0);
    assert_int_equal(st->commit(st->ctx), 0);
    buf_done(&v);
    world_start(w, CITY);
    world_run(w, 60000);
    assert_int_equal(lane(w, CITY, S1)->differs, DIFFER_ONCE);
    world_run(w, HOURS(24));
    assert_int_equal(lane(w, CITY, S1)->differs, DIFFER_NONE);
    all_well(w);
    world_done(w);
}

/* ---- erasure ---- */

static bool knows_erased(struct world *w, void *arg)
{
    (void)arg;
    return sync_erased_count(w->node[D2].s) > 0;
}

/* What was erased stood in a damaged bundle: it is shown no longer, whether that bundle ever comes
 * again or not, and what is left of its bytes goes. What others said there stays. */
static void erased_where_it_cannot_be_read(void **state)
{
    (void)state;
    struct teller t;
    struct sync_tick tick;
    const struct sync_erase what = {.id = "person", .why = "person"};
    int64_t n = 0;
    begin(&t, 79, 0);
    struct world *w = &t.w;
    struct sync *s = w->node[S1].s;
    say(w, S1, 2, 1);
    assert_int_equal(world_put(w, S1, "fed", "person", 1, "nobody", NULL), 0);
    assert_int_equal(world_put(w, S1, "fed", "person", 2, "Wang Xiaoming", NULL), 0);
    all_well(w);
    int64_t seq = lane(w, S1, S1)->row.seq;
    damage(w, D2, S1, seq);
    damage(w, D2, S1, 2);
    world_tick(w, S1, &tick);
    assert_int_equal(sync__tx_begin(s), 0);
    int r = sync_erase(s, &tick, &what, &n);
    assert_int_equal(sync__tx_end(s, r), 0);
    assert_int_equal(n, 2);
    world_event(w, S1, SEV_LOCAL);
    assert_true(world_until(w, HOURS(1), knows_erased, NULL));
    w->node[D2].cut = true;
    world_run(w, 1000);
    assert_false(sees(w, D2, S1, "person", 1));
    assert_false(sees(w, D2, S1, "person", 2));
    assert_true(sees(w, D2, S1, "b1", 1));
    assert_int_equal(stored(w, D2, S1, seq)->b.frame.n, 1);
    w->node[D2].cut = false;
    world_event(w, D2, SEV_NOW);
    all_well(w);
    assert_int_equal(whole(w, D2, S1), lane(w, D2, S1)->row.seq);
    assert_false(sees(w, D2, S1, "person", 2));
    world_done(w);
}

static int is_held(const struct sync_bundle_row *row, void *arg)
{
    (void)row;
    *(int *)arg += row->frame.n > 1;
    return 0;
}

/* The writer itself cannot read a form of what it erases: it names the others at once, and that one
 * when it comes again. Nobody holds it in the end. */
static void the_writer_cannot_read_it(void **state)
{
    (void)state;
    struct teller t;
    struct sync_tick tick;
    const struct sync_erase what = {.id = "person", .why = "person"};
    int64_t n = 0, upto = 0;
    int held = 0;
    begin(&t, 80, 0);
    struct world *w = &t.w;
    struct sync *s = w->node[S1].s;
    assert_int_equal(world_put(w, S1, "fed", "person", 1, "Li Xiaohong", NULL), 0);
    int64_t seq = lane(w, S1, S1)->row.seq;
    assert_int_equal(world_put(w, S1, "fed", "person", 2, "Wang Xiaoming", NULL), 0);
    say(w, S1, 2, 1);
    all_well(w);
    damage(w, S1, S1, seq);
    damage(w, S1, S1, seq + 1); /* one is shown, one is not */
    world_tick(w, S1, &tick);
    assert_int_equal(sync__tx_begin(s), 0);
    int r = sync_erase(s, &tick, &what, &n);
    assert_int_equal(sync__tx_end(s, r), 0);
    assert_int_equal(r, 0);
    assert_int_equal(n, 1); /* of the other one nothing is known */
    assert_false(sees(w, S1, S1, "person", 2));
    assert_int_equal(sync_erased_upto(s, NULL, "person", &upto), 0);
    assert_int_equal(upto, 2);
    world_event(w, S1, SEV_LOCAL);
    world_event(w, S1, SEV_NOW);
    world_run(w, HOURS(1));
    all_well(w);
    assert_int_equal(whole(w, S1, S1), lane(w, S1, S1)->row.seq);
    for (int i = 0; i < w->n; i++) {
        assert_false(sees(w, i, S1, "person", 1));
        assert_false(sees(w, i, S1, "person", 2));
        assert_true(sees(w, i, S1, "b1", 1));
        assert_int_equal(sync_erased_count(w->node[i].s), 2);
    }
    const struct sync_store *st = mem_store_port(w->node[CITY].mem);
    assert_int_equal(st->bundles(st->ctx, lane(w, CITY, S1)->row.no, 0, SIZE_MAX, is_held, &held),
                     0);
    assert_true(held > 2);
    world_done(w);
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(nothing_is_given_up_for_a_word),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(a_keyframe_ends_wanting),
        cmocka_unit_test(an_act_meets_damage),
        cmocka_unit_test(a_writer_meets_its_own),
        cmocka_unit_test(a_late_turn),
        cmocka_unit_test(the_last_copy),
        cmocka_unit_test(the_last_copy_on_a_doubtful_branch),
        cmocka_unit_test(erased_where_it_cannot_be_read),
        cmocka_unit_test(the_writer_cannot_read_it),
    };
    return cmocka_run_group_tests_name("sync_damage", t, NULL, NULL);
}
