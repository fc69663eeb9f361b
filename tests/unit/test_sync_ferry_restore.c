/* SPDX-License-Identifier: Apache-2.0 */
/* A node put back from a backup that lives by files alone: does it get back what it has published,
 * does its doubt end when its parent's word is newer than the loss, and only then? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/ferry.h"
#include "tests/support/stick.h"
#include "tests/support/story.h"

#include <string.h>

static const struct step three_tiers[] = {THREE_TIERS, {0}};
static const struct step lost[] = {
    {"s1 lists a venue", PUT, "s1", "fed", "v1", 0},
    {"and another", PUT, "s1", "fed", "v2", 0},
    {"and tells its district", PUT, "s1", "up:@d1", "u1", 0},
    {0},
};
static const struct step agree[] = {{"by files alone all hold the same", AGREE, 0, 0, 0, 1}, {0}};

struct put_back {
    struct teller t;
    struct world *w;
    int s1, d1;
    struct parcel before; /* what the district made before it took what was lost */
};

static enum sync_self_state state_of(const struct put_back *p)
{
    return sync_self_state(p->w->node[p->s1].s);
}

static void find_fed(const struct sync_stream_row *r, void *arg)
{
    struct sync_stream_row *h = arg;
    if (node_id_cmp(&r->key.by, &h->key.by) == 0 && strcmp(r->key.aud, "fed") == 0) {
        *h = *r;
    }
}

/* s1 publishes, carries it to d1 and loses it: its store is as it was before. `knows`: it remembers
 * outside its store that there was more. */
static void begin(struct put_back *p, uint64_t seed, bool knows)
{
    memset(p, 0, sizeof(*p));
    p->w = &p->t.w;
    world_init(p->w, seed);
    story_go(&p->t, three_tiers);
    cut_all(p->w);
    static const struct step first[] = {{"s1 lists its first", PUT, "s1", "fed", "v0", 0}, {0}};
    story_go(&p->t, first);
    p->s1 = world_find(p->w, "s1");
    p->d1 = world_find(p->w, "d1");
    struct wnode *n = &p->w->node[p->s1];
    (void)carry(p->w, "s1", "d1");
    (void)carry(p->w, "d1", "s1");
    struct mem_store *snap = mem_store_snapshot(n->mem);
    pack(p->w, "d1", "s1", &p->before);
    world_run(p->w, 1000);
    story_go(&p->t, lost);
    (void)carry(p->w, "s1", "d1");
    (void)carry(p->w, "d1", "s1");
    struct sync_stream_row head = {.key.by = n->id};
    sync_each_stream(n->s, find_fed, &head);
    assert_int_equal(head.seq, 3);
    world_crash(p->w, p->s1);
    mem_store_restore(n->mem, snap);
    mem_store_free(snap);
    world_start(p->w, p->s1);
    world_run(p->w, 60000);
    assert_int_equal(state_of(p), SYNC_SELF_OK);
    if (knows) {
        assert_int_equal(sync_expect(n->s, &head.key, head.seq, head.id), 0);
        assert_int_equal(state_of(p), SYNC_SELF_UNCONFIRMED);
    }
}

static void done(struct put_back *p)
{
    parcel_done(&p->before);
    world_done(p->w);
}

/* A trust act about itself. */
static int act(struct put_back *p)
{
    struct sync_tick tick;
    struct act a;
    struct sync *s = p->w->node[p->s1].s;
    memset(&a, 0, sizeof(a));
    a.type = ACT_INFO;
    a.has_g = true;
    memcpy(a.g, p->w->g, HASH_LEN);
    a.by = a.n = p->w->node[p->s1].id;
    memcpy(a.after, roster_node(sync_roster(s), a.n.s)->last, HASH_LEN);
    a.ts = 1;
    a.name = "elsewhere";
    world_tick(p->w, p->s1, &tick);
    int r = sync_act(s, &tick, &a, NULL, 0, false);
    world_event(p->w, p->s1, SEV_LOCAL);
    return r;
}

static bool holds(struct put_back *p, int node, const char *id)
{
    struct mem_seen seen;
    return mem_store_record(p->w->node[node].mem, p->w->node[p->s1].id.s, id, &seen) == 0;
}

static void everybody(struct world *w)
{
    static const char *const way[][2] = {
        {"s1", "d1"},   {"s2", "d1"},   {"s3", "d2"}, {"d1", "city"}, {"d2", "city"},
        {"city", "d1"}, {"city", "d2"}, {"d1", "s1"}, {"d1", "s2"},   {"d2", "s3"}};
    for (size_t i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
        (void)carry(w, way[i][0], way[i][1]);
    }
}

/* Confirmed, all back, its acts are good again, and nobody is left behind. forks: how often its
 * district was told of two histories. */
static void is_whole_but(struct put_back *p, int64_t forks)
{
    assert_int_equal(state_of(p), SYNC_SELF_OK);
    for (int i = 0; i < 3; i++) {
        static const char *const id[] = {"v1", "v2", "u1"};
        assert_true(holds(p, p->s1, id[i]) && holds(p, p->d1, id[i]));
    }
    static const struct step on[] = {{"it writes on", PUT, "s1", "fed", "v9", 0}, {0}};
    story_go(&p->t, on);
    assert_int_equal(act(p), 0);
    everybody(p->w);
    everybody(p->w);
    story_go(&p->t, agree);
    assert_string_equal(roster_node(sync_roster(p->w->node[p->d1].s), p->w->node[p->s1].id.s)->name,
                        "elsewhere");
    assert_int_equal(p->w->node[p->d1].alarms[-SANJI_E_FORK], forks);
    assert_int_equal(state_of(p), SYNC_SELF_OK);
}

static void is_whole(struct put_back *p)
{
    is_whole_but(p, 0);
}

/* It knows by itself: one way there and one back, though it has nothing of its own to say. */
static void there_and_back(void **state)
{
    (void)state;
    struct put_back p;
    begin(&p, 71, true);
    assert_int_equal(act(&p), SANJI_E_HELD);
    (void)carry(p.w, "s1", "d1");
    assert_int_equal(state_of(&p), SYNC_SELF_UNCONFIRMED);
    world_crash(p.w, p.s1); /* remembered over a restart, at which all is in doubt again */
    world_start(p.w, p.s1);
    assert_int_equal(sync_suspect(p.w->node[p.s1].s), 0);
    assert_true(carry(p.w, "d1", "s1") > 0);
    is_whole(&p);
    done(&p);
}

/* Nothing but its parent's word says that it went back. */
static void the_parent_says_so(void **state)
{
    (void)state;
    struct put_back p;
    begin(&p, 72, false);
    (void)carry(p.w, "d1", "s1"); /* without what it has said to hold */
    assert_int_equal(state_of(&p), SYNC_SELF_UNCONFIRMED);
    assert_false(holds(&p, p.s1, "v2"));
    assert_int_equal(act(&p), SANJI_E_HELD);
    (void)carry(p.w, "s1", "d1");
    (void)carry(p.w, "d1", "s1");
    is_whole(&p);
    done(&p);
}

/* It has gone on writing: the epoch it has opened for that is the one that is confirmed. */
static void written_meanwhile(void **state)
{
    (void)state;
    static const struct step on[] = {
        {"s1 goes on", PUT, "s1", "fed", "w1", 0},
        {"and tells its district", PUT, "s1", "up:@d1", "w2", 0},
        {0},
    };
    struct put_back p;
    begin(&p, 73, true);
    story_go(&p.t, on);
    (void)carry(p.w, "s1", "d1");
    (void)carry(p.w, "d1", "s1");
    assert_true(holds(&p, p.s1, "w1") && holds(&p, p.d1, "w2"));
    is_whole(&p);
    done(&p);
}

/* Bundles refused. */
static int64_t carry_any(struct world *w, const char *from, const char *to)
{
    struct parcel f;
    pack(w, from, to, &f);
    struct sync_ferry_report rep = take_part(w, to, &f.part[0]);
    assert_int_equal(rep.err, 0);
    parcel_done(&f);
    return rep.refused;
}

/* It wrote under numbers it had used, before anybody told it. The district freezes the stream; the
 * files that come next bring the branch that was lost, and its end for the other one. */
static void two_histories(void **state)
{
    (void)state;
    static const struct step on[] = {{"s1 goes on", PUT, "s1", "fed", "w1", 0}, {0}};
    struct put_back p;
    begin(&p, 78, false);
    story_go(&p.t, on);
    assert_int_equal(carry_any(p.w, "s1", "d1"), 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(carry_any(p.w, "d1", "s1"), 0);
        assert_int_equal(state_of(&p), i == 0 ? SYNC_SELF_UNCONFIRMED : SYNC_SELF_OK);
        assert_int_equal(carry_any(p.w, "s1", "d1"), 0);
    }
    assert_true(holds(&p, p.s1, "w1") && holds(&p, p.d1, "w1"));
    is_whole_but(&p, 1);
    done(&p);
}

/* A receipt brings no bundles: the doubt stays until they are here, and then is over. */
static void a_receipt_alone(void **state)
{
    (void)state;
    struct put_back p;
    struct parcel file;
    begin(&p, 74, false);
    receipt(p.w, "d1", "s1");
    assert_int_equal(state_of(&p), SYNC_SELF_UNCONFIRMED);
    (void)carry(p.w, "s1", "d1"); /* its new epoch */
    pack(p.w, "d1", "s1", &file);
    world_run(p.w, 1000);
    receipt(p.w, "d1", "s1"); /* comes first, names all, and is the newer statement */
    assert_int_equal(state_of(&p), SYNC_SELF_UNCONFIRMED);
    assert_int_equal(act(&p), SANJI_E_HELD);
    assert_true(take(p.w, "s1", &file) > 0); /* now what it named is here */
    is_whole(&p);
    parcel_done(&file);
    done(&p);
}

/* Files made before the loss may lie about for months: everything they name is held, and yet they
 * say nothing about what came after them. */
static void an_older_word_ends_nothing(void **state)
{
    (void)state;
    struct put_back p;
    begin(&p, 75, true);
    (void)take(p.w, "s1", &p.before);
    assert_int_equal(state_of(&p), SYNC_SELF_UNCONFIRMED);
    assert_int_equal(act(&p), SANJI_E_HELD);
    (void)carry(p.w, "s1", "d1");
    struct parcel now;
    pack(p.w, "d1", "s1", &now);
    (void)take(p.w, "s1", &p.before); /* again, late */
    assert_int_equal(state_of(&p), SYNC_SELF_UNCONFIRMED);
    (void)take(p.w, "s1", &now);
    assert_int_equal(state_of(&p), SYNC_SELF_OK);
    (void)take(p.w, "s1", &p.before);
    is_whole(&p);
    parcel_done(&now);
    done(&p);
}

/* A file without bundles, as `by` would sign it: what it names of s1's fed stream. */
static void say(struct put_back *p, const char *by, const char *signer, int64_t no, int64_t ts,
                const struct sync_stream_row *head, int64_t seq, struct parcel *ret)
{
    struct frame_ctx *c = frame_ctx_new();
    struct ferry_writer fw;
    struct have_writer hw;
    struct buf body, line;
    struct have_epoch e = {.ep = head->key.ep, .seq = seq};
    struct ferry_manifest m = {.v = 1, .by = p->w->node[world_find(p->w, by)].id.s};
    memset(ret, 0, sizeof(*ret));
    buf_init(&ret->part[ret->n++], 1 << 20);
    buf_init(&body, 1 << 20);
    buf_init(&line, 1 << 20);
    m.to = p->w->node[p->s1].id.s;
    m.no = no;
    m.ts = ts;
    m.part = m.parts = 1;
    memcpy(m.g, p->w->g, HASH_LEN);
    memcpy(e.en, head->key.en, sizeof(e.en));
    memcpy(e.id8, head->id, sizeof(e.id8));
    have_begin(&hw, &line);
    have_add(&hw, m.to, "fed", &e, 1);
    assert_int_equal(have_end(&hw), 0);
    assert_int_equal(ferry_begin(&fw, c), 0);
    assert_int_equal(ferry_add_have(&fw, span_of(line.data, line.len), &body), 0);
    assert_int_equal(ferry_finish(&fw, &m, sync_key(p->w->node[world_find(p->w, signer)].s), &body,
                                  &ret->part[0]),
                     0);
    assert_int_equal(buf_put(&ret->part[0], body.data, body.len), 0);
    buf_done(&body);
    buf_done(&line);
    frame_ctx_free(c);
}

/* Under another's key, by somebody else, or older than what is known: no doubt by it, no end to
 * one. */
static void words_that_do_not_count(void **state)
{
    (void)state;
    static const struct {
        const char *by, *signer;
        int64_t no, ts;
        bool counts;
    } word[] = {
        {"d1", "s2", INT64_C(1) << 40, INT64_C(1) << 42, false}, /* forged */
        {"s2", "s2", INT64_C(1) << 40, INT64_C(1) << 42, false},
        {"city", "city", INT64_C(1) << 40, INT64_C(1) << 42, false}, /* above, but not the parent */
        {"d1", "d1", 1, 1, false},                                   /* old */
        {"d1", "d1", INT64_C(1) << 40, INT64_C(1) << 42, true},
    };
    struct put_back p;
    struct parcel file;
    begin(&p, 76, false);
    struct sync_stream_row head = {.key.by = p.w->node[p.s1].id};
    sync_each_stream(p.w->node[p.s1].s, find_fed, &head);
    for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
        say(&p, word[i].by, word[i].signer, word[i].no, word[i].ts, &head, head.seq + 7, &file);
        (void)take_part(p.w, "s1", &file.part[0]);
        assert_int_equal(state_of(&p), word[i].counts ? SYNC_SELF_UNCONFIRMED : SYNC_SELF_OK);
        parcel_done(&file);
    }
    /* The new epoch is on its way; those who are not asked say that all is well. */
    static const struct step on[] = {{"s1 goes on", PUT, "s1", "fed", "w1", 0}, {0}};
    story_go(&p.t, on);
    head = (struct sync_stream_row){.key.by = p.w->node[p.s1].id};
    sync_each_stream(p.w->node[p.s1].s, find_fed, &head);
    assert_int_equal(head.key.ep, 2);
    for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
        int64_t later = word[i].counts ? 1 : 0;
        say(&p, word[i].by, word[i].signer, word[i].no + later, word[i].ts + later, &head, head.seq,
            &file);
        (void)take_part(p.w, "s1", &file.part[0]);
        assert_int_equal(state_of(&p), word[i].counts ? SYNC_SELF_OK : SYNC_SELF_UNCONFIRMED);
        parcel_done(&file);
    }
    done(&p);
}

/* The top has nobody above: a child's files tell it. */
static void the_top(void **state)
{
    (void)state;
    static const struct step writes[] = {{"the city lists", PUT, "city", "fed", "c1", 0}, {0}};
    struct teller t;
    world_init(&t.w, 77);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int city = world_find(w, "city");
    cut_all(w);
    (void)carry(w, "city", "d1");
    (void)carry(w, "d1", "city");
    struct mem_store *snap = mem_store_snapshot(w->node[city].mem);
    story_go(&t, writes);
    (void)carry(w, "city", "d1");
    world_crash(w, city);
    mem_store_restore(w->node[city].mem, snap);
    mem_store_free(snap);
    world_start(w, city);
    world_run(w, 60000);
    assert_int_equal(sync_suspect(w->node[city].s), 0);
    assert_int_equal(sync_self_state(w->node[city].s), SYNC_SELF_UNCONFIRMED);
    (void)carry(w, "city", "d1");
    (void)carry(w, "s3", "city"); /* no child of it */
    assert_int_equal(sync_self_state(w->node[city].s), SYNC_SELF_UNCONFIRMED);
    (void)carry(w, "d1", "city");
    assert_int_equal(sync_self_state(w->node[city].s), SYNC_SELF_OK);
    everybody(w);
    everybody(w);
    story_go(&t, agree);
    struct mem_seen seen;
    assert_int_equal(mem_store_record(w->node[city].mem, w->node[city].id.s, "c1", &seen), 0);
    world_done(w);
}

/* The store fails at every call of asking and of being answered in turn; the same again ends it. */
static void every_failure_of_the_store(void **state)
{
    (void)state;
    struct put_back p;
    struct parcel ask, answer;
    struct sync_ferry_report rep;
    begin(&p, 79, true);
    struct wnode *n = &p.w->node[p.s1];
    struct mem_store *fresh = mem_store_snapshot(n->mem);
    int64_t failed = 0;
    bool hit = true;
    for (int64_t at = 1; hit; at++) {
        world_crash(p.w, p.s1);
        mem_store_restore(n->mem, fresh);
        world_start(p.w, p.s1);
        mem_store_fail_at(n->mem, at, SANJI_E_FULL);
        struct sync_tick t;
        struct sync_ferry_out *o = NULL;
        struct sync_ferry_order order = {.to = p.w->node[p.d1].id.s,
                                         .part_bytes = LIM_FERRY_PART_BYTES};
        world_tick(p.w, p.s1, &t);
        failed += sync_ferry_out_new(n->s, &t, &order, &o) < 0;
        hit = mem_store_failed(n->mem);
        mem_store_fail_at(n->mem, 0, 0);
        sync_ferry_out_free(o);
        if (at % 3 == 0) {
            world_crash(p.w, p.s1);
            world_start(p.w, p.s1);
        }
        pack(p.w, "s1", "d1", &ask);
        assert_int_equal(state_of(&p), SYNC_SELF_UNCONFIRMED);
        if (hit) {
            parcel_done(&ask);
        }
    }
    (void)take(p.w, "d1", &ask);
    parcel_done(&ask);
    pack(p.w, "d1", "s1", &answer);
    mem_store_free(fresh);
    fresh = mem_store_snapshot(n->mem);
    hit = true;
    for (int64_t at = 1; hit; at++) {
        world_crash(p.w, p.s1);
        mem_store_restore(n->mem, fresh);
        world_start(p.w, p.s1);
        mem_store_fail_at(n->mem, at, SANJI_E_FULL);
        const struct buf *b = &answer.part[0];
        failed += take_bytes(p.w, p.s1, span_of(b->data, b->len), 100000, &rep, NULL) < 0;
        hit = mem_store_failed(n->mem);
        mem_store_fail_at(n->mem, 0, 0);
        if (at % 3 == 0) {
            world_crash(p.w, p.s1);
            world_start(p.w, p.s1);
        }
        (void)take(p.w, "s1", &answer);
        assert_int_equal(state_of(&p), SYNC_SELF_OK);
    }
    assert_true(failed > 50);
    mem_store_free(fresh);
    parcel_done(&answer);
    is_whole(&p);
    done(&p);
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(there_and_back),
        T(the_parent_says_so),
        T(written_meanwhile),
        T(two_histories),
        T(a_receipt_alone),
        T(an_older_word_ends_nothing),
        T(words_that_do_not_count),
        T(the_top),
        T(every_failure_of_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
