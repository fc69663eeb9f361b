/* SPDX-License-Identifier: Apache-2.0 */
/* The engine in small federations: each story is a table of steps, told in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/story.h"

#include <stdio.h>
#include <string.h>

static void a_venue_travels(void **state)
{
    (void)state;
    static const struct step story[] = {
        THREE_TIERS,
        {"s1 lists a venue", PUT, "s1", "fed", "v1", 0},
        {"its district sees it at once", SEES, "d1", "s1/v1", 0, 1000},
        {"the city too", SEES, "city", "s1/v1", 0, 1000},
        {"so does a street elsewhere", SEES, "s3", "s1/v1", 0, 1000},
        {"with the words written", TITLE, "s3", "s1/v1", "first words", 0},
        {"s1 changes it", EDIT, "s1", "fed", "v1", 2},
        {"everybody agrees", AGREE, 0, 0, 0, 5000},
        {"s2 has the new words", TITLE, "s2", "s1/v1", "second words", 0},
        {"s1 withdraws it", WD, "s1", "fed", "v1", 3},
        {"gone at the other end", GONE, "s3", "s1/v1", 0, 1000},
        {"everybody agrees again", AGREE, 0, 0, 0, 5000},
        {0},
    };
    story_tell(story);
}

static void offline_and_back(void **state)
{
    (void)state;
    static const struct step story[] = {
        THREE_TIERS,
        {"the cable of s1 is pulled", CUT, "s1"},
        {"s1 lists a venue", PUT, "s1", "fed", "v1", 0},
        {"d2 lists one", PUT, "d2", "fed", "w1", 0},
        {"a day passes", RUN, 0, 0, 0, 86400000},
        {"the city does not see it", ABSENT, "city", "s1/v1"},
        {"s1 does not see the other", ABSENT, "s1", "d2/w1"},
        {"cable back", MEND, "s1"},
        {"the city sees it after at most the longest wait", SEES, "city", "s1/v1", 0, 901000},
        {"all agree", AGREE, 0, 0, 0, 901000},
        {"the district is off for a week", STOP, "d1"},
        {"s1 and s2 write on", PUT, "s1", "fed", "v2", 0},
        {"s2 too", PUT, "s2", "fed", "v2", 0},
        {"the city too", PUT, "city", "fed", "v2", 0},
        {"a week", RUN, 0, 0, 0, 7 * 86400000},
        {"on again", START, "d1"},
        {"all agree", AGREE, 0, 0, 0, 1800000},
        {0},
    };
    story_tell(story);
}

static void audiences(void **state)
{
    (void)state;
    static const struct step story[] = {
        THREE_TIERS,
        {"d1 to its subtree", PUT, "d1", "sub:@d1", "a", 0},
        {"s1 to its district's subtree", PUT, "s1", "sub:@d1", "b", 0},
        {"s1 up to the district", PUT, "s1", "up:@d1", "c", 0},
        {"s1 up to the city", PUT, "s1", "up:@city", "e", 0},
        {"city to the subtree of d2", PUT, "city", "sub:@d2", "f", 0},
        {"all agree", AGREE, 0, 0, 0, 10000},
        {"s2 sees a", SEES, "s2", "d1/a", 0, 0},
        {"city sees a", SEES, "city", "d1/a", 0, 0},
        {"d2 does not", ABSENT, "d2", "d1/a"},
        {"s3 does not", ABSENT, "s3", "d1/a"},
        {"s2 sees b", SEES, "s2", "s1/b", 0, 0},
        {"d2 not b", ABSENT, "d2", "s1/b"},
        {"d1 sees c", SEES, "d1", "s1/c", 0, 0},
        {"city not c", ABSENT, "city", "s1/c"},
        {"s2 not c", ABSENT, "s2", "s1/c"},
        {"d1 sees e", SEES, "d1", "s1/e", 0, 0},
        {"city sees e", SEES, "city", "s1/e", 0, 0},
        {"s2 not e", ABSENT, "s2", "s1/e"},
        {"d2 not e", ABSENT, "d2", "s1/e"},
        {"s3 sees f", SEES, "s3", "city/f", 0, 0},
        {"d1 not f", ABSENT, "d1", "city/f"},
        {0},
    };
    story_tell(story);
}

static void quiet(void **state)
{
    (void)state;
    static const struct step story[] = {
        THREE_TIERS,
        {"a quarter of an hour passes", RUN, 0, 0, 0, 900000},
        /* 25 s each, and half an hour holds two log-ins of two requests and one first exchange a
           lane */
        {"only the long-polls are left", STILL, "s1", 0, "3", 60000},
        {"in half an hour too", STILL, "s1", 0, "94", 1800000},
        {"at a district likewise", STILL, "d1", 0, "94", 1800000},
        {"sessions are renewed, not more", STILLS, "s1", 0, "20", 3600000},
        {"and all still works", PUT, "s1", "fed", "v1", 0},
        {"at once", SEES, "s3", "s1/v1", 0, 1000},
        {"the parent dies", STOP, "d1"},
        {"a child tries, ever more seldom", RUN, 0, 0, 0, 3600000},
        {"at most a few each hour", STILL, "s1", 0, "40", 3600000},
        {0},
    };
    story_tell(story);
}

static void crash_and_restart(void **state)
{
    (void)state;
    static const struct step story[] = {
        THREE_TIERS,
        {"s1 lists a venue", PUT, "s1", "fed", "v1", 0},
        {"and dies at once", CRASH, "s1"},
        {"the district too", CRASH, "d1"},
        {"a minute", RUN, 0, 0, 0, 60000},
        {"d1 is back", START, "d1"},
        {"s1 is back", START, "s1"},
        {"what it had is still there", SEES, "s1", "s1/v1", 0, 0},
        {"and arrives", SEES, "s3", "s1/v1", 0, 300000},
        {"all agree", AGREE, 0, 0, 0, 900000},
        {0},
    };
    story_tell(story);
}

static void exchange_now(void **state)
{
    (void)state;
    static const struct step story[] = {
        THREE_TIERS,
        {"nothing to do: the same", NOW, "s1", 0, 0, 0},
        {"s1 writes", PUT, "s1", "fed", "v1", 0},
        {"and asks", NOW, "s1", 0, 0, 0},
        {"so d1 has it", SEES, "d1", "s1/v1", 0, 0},
        {"city writes", PUT, "city", "fed", "w1", 0},
        {"a second", RUN, 0, 0, 0, 1000},
        {"both hold the same", NOW, "d1", 0, 0, 0},
        {"parent stopped", STOP, "d1"},
        {"not reachable", NOW, "s1", 0, 0, SANJI_E_UNREACHABLE},
        {"the top has nobody to ask", NOW, "city", 0, 0, SANJI_E_NOT_FOUND},
        {"parent back", START, "d1"},
        {"d1 a write", PUT, "d1", "sub:@d1", "x", 0},
        {"works at once, without waiting for the back-off", NOW, "s1", 0, 0, 0},
        {"and brings what is there", SEES, "s1", "d1/x", 0, 0},
        {0},
    };
    story_tell(story);
}
/* clang-format on */

static const struct step three_tiers[] = {THREE_TIERS, {0}};

static void referral_between_two(void **state)
{
    (void)state;
    struct teller t;
    struct ref_fold f;
    uint8_t cek[32], got[32];
    char aud[LIM_AUD_BYTES + 1];
    world_init(&t.w, 11);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), s3 = world_find(w, "s3"), s2 = world_find(w, "s2");
    const char *init = w->node[s1].id.s;
    world_bytes(w, cek, sizeof(cek));
    assert_int_equal(
        world_referral(w, s1, s3, "ref-1", 1, 0, "i", "send",
                       "{\"subject_kind\":\"org\",\"reason\":\"policy\",\"title\":\"x\"}", cek),
        0);
    story_agree(&t, 10000);
    assert_int_equal(mem_store_thread(w->node[s3].mem, init, "ref-1", &f), 0);
    assert_int_equal(f.state, RS_SENT);
    assert_int_equal(mem_store_cek(w->node[s3].mem, init, "ref-1", got), 0);
    assert_memory_equal(cek, got, 32);
    static const char leaf[] = "{\"leaf\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}";
    assert_int_equal(world_referral(w, s3, s1, "ref-1", 1, 1, "r", "delivered", leaf, cek), 0);
    assert_int_equal(world_referral(w, s3, s1, "ref-1", 2, 1, "r", "open", "{}", cek), 0);
    assert_int_equal(world_referral(w, s3, s1, "ref-1", 3, 1, "r", "accept", "{}", cek), 0);
    story_agree(&t, 10000);
    assert_int_equal(mem_store_thread(w->node[s1].mem, init, "ref-1", &f), 0);
    assert_int_equal(f.state, RS_ACCEPTED);
    (void)snprintf(aud, sizeof(aud), "to:%s", w->node[s3].id.s);
    static const char *const path[] = {"s1", "d1", "city", "d2", "s3"};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(world_head(w, world_find(w, path[i]), init, aud), 1);
    }
    assert_int_equal(world_head(w, s2, init, aud), 0);
    for (int i = 0; i < w->n; i++) { /* those between hold it and cannot read it */
        bool party = i == s1 || i == s3;
        assert_int_equal(mem_store_thread(w->node[i].mem, init, "ref-1", &f),
                         party ? 0 : SANJI_E_NOT_FOUND);
    }
    world_done(w);
}

static void unknown_kinds_travel(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 12);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), s3 = world_find(w, "s3");
    struct wnode *n = &w->node[s1];
    /* A newer writer: its bundle is made by hand, this version's own checks would not let it out.
     */
    struct sync_tick tick;
    struct bundle_header h;
    struct buf line, frame;
    uint8_t id[HASH_LEN];
    struct frame_ctx *fc = frame_ctx_new();
    static const char new_kind[] = "{\"id\":\"x1\",\"k\":\"parade/3\",\"op\":\"put\",\"r\":1,"
                                   "\"z\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"d\":{\"a\":1}}";
    static const char bad[] = "{\"id\":\"x2\",\"k\":\"listing/1\",\"op\":\"put\",\"r\":1,"
                              "\"z\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"d\":{\"no\":1}}";
    static const char good[] = "{\"id\":\"x3\",\"k\":\"listing/1\",\"op\":\"put\",\"r\":1,\"z\":"
                               "\"AAAAAAAAAAAAAAAAAAAAAA\",\"d\":{\"kind\":\"venue\",\"title\":"
                               "\"y\"}}";
    struct span it[3] = {span_of(new_kind, sizeof(new_kind) - 1), span_of(bad, sizeof(bad) - 1),
                         span_of(good, sizeof(good) - 1)};
    memset(&h, 0, sizeof(h));
    h.v = 1;
    h.t = BUNDLE_DATA;
    memcpy(h.g, w->g, HASH_LEN);
    h.by = n->id;
    memcpy(h.aud, "fed", 4);
    h.ep = h.seq = 1;
    h.en[0] = 9;
    buf_init(&line, LIM_BUNDLE_BYTES);
    buf_init(&frame, LIM_BUNDLE_BYTES);
    assert_int_equal(bundle_write(&h, it, 3, sync_key(n->s), &line, id), 0);
    assert_int_equal(frame_pack(fc, span_of(line.data, line.len), &frame), 0);
    const struct sync_store *st = mem_store_port(n->mem);
    struct sync_accept acc;
    world_tick(w, s1, &tick);
    assert_int_equal(st->begin(st->ctx), 0);
    sync_accept_frame(n->s, &tick, span_of(frame.data, frame.len), &acc);
    assert_int_equal(acc.err, 0);
    assert_int_equal(st->commit(st->ctx), 0);
    world_event(w, s1, SEV_LOCAL);
    story_agree(&t, 10000);
    for (int i = 0; i < w->n; i++) {
        struct mem_seen m;
        assert_int_equal(mem_store_parked(w->node[i].mem), 2);
        assert_int_equal(mem_store_record(w->node[i].mem, n->id.s, "x3", &m), 0);
        assert_int_equal(mem_store_record(w->node[i].mem, n->id.s, "x1", &m), SANJI_E_NOT_FOUND);
    }
    struct buf far;
    buf_init(&far, LIM_BUNDLE_BYTES + 64);
    assert_true(world_line(w, s3, n->id.s, "fed", 1, &far));
    assert_int_equal(far.len, line.len);
    assert_memory_equal(far.data, line.data, line.len);
    buf_done(&far);
    buf_done(&line);
    buf_done(&frame);
    frame_ctx_free(fc);
    world_done(w);
}

struct traffic {
    int64_t in, out;
};

static void count_traffic(const struct sync_peer_status *p, void *arg)
{
    struct traffic *io = arg;
    io->in += p->in_bundles;
    io->out += p->out_bundles;
}

/* What a child brought is not sent back to it, nor what a parent brought to the parent. */
static void nothing_comes_back(void **state)
{
    (void)state;
    struct teller t;
    struct traffic was = {0, 0}, is = {0, 0};
    world_init(&t.w, 18);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    world_run(w, 60000);
    struct wnode *s1 = &w->node[world_find(w, "s1")], *d1 = &w->node[world_find(w, "d1")];
    int64_t held = (int64_t)mem_store_bundles(s1->mem);
    sync_each_peer(s1->s, count_traffic, &was);
    for (int k = 0; k < 20; k++) {
        char id[8];
        (void)snprintf(id, sizeof(id), "n%d", k);
        assert_int_equal(world_put(w, world_find(w, "s1"), "fed", id, 1, "x", NULL), 0);
        world_run(w, 2000);
        assert_int_equal(world_put(w, world_find(w, "s3"), "fed", id, 1, "x", NULL), 0);
        world_run(w, 2000);
    }
    story_agree(&t, 5000);
    sync_each_peer(s1->s, count_traffic, &is);
    assert_int_equal(is.out - was.out, 20);
    assert_int_equal(is.in - was.in, 20);
    assert_int_equal((int64_t)mem_store_bundles(s1->mem) - held, 40);
    is = (struct traffic){0, 0};
    sync_each_peer(d1->s, count_traffic, &is);
    assert_true(is.in + is.out <=
                40 + 60 + 60); /* two ends and a neighbour, and what enrolment took */
    world_done(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_venue_travels),
        cmocka_unit_test(offline_and_back),
        cmocka_unit_test(audiences),
        cmocka_unit_test(quiet),
        cmocka_unit_test(crash_and_restart),
        cmocka_unit_test(exchange_now),
        cmocka_unit_test(referral_between_two),
        cmocka_unit_test(unknown_kinds_travel),
        cmocka_unit_test(nothing_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
