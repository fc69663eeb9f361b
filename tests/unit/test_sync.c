/* SPDX-License-Identifier: Apache-2.0 */
/* The engine in small federations: each story is a table of steps, told in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/world_check.h"

#include <stdio.h>
#include <string.h>

/* Steps leave out the columns they do not use. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

enum op {
    END,
    TOP,    /* a begins the federation; n: level */
    ENROL,  /* a enrols b at level n, at once */
    ASK,    /* the same, a person compares digits */
    CUT,    /* cable of a to its parent is pulled */
    MEND,   /* and put back */
    STOP,   /* a is shut down */
    START,  /* a is started */
    CRASH,  /* power cut at a */
    RUN,    /* n ms pass */
    PUT,    /* a writes listing c to audience b */
    EDIT,   /* a writes the next revision of c to audience b; n: revision */
    WD,     /* a withdraws c from audience b; n: revision */
    SEES,   /* a sees "owner/id" of b within n ms */
    ABSENT, /* a does not hold b */
    GONE,   /* b is withdrawn at a within n ms */
    TITLE,  /* record b at a has title c */
    AGREE,  /* all hold the same within n ms, and every check passes */
    NOW,    /* a asks for an exchange now; it ends with state n within 200 s */
    STILL,  /* for n ms at most c (a number) requests leave a */
    STILLS, /* as STILL, but log-ins */
    HOLDS,  /* a holds stream "writer aud" of b, c: how many bundles */
    ALARMS, /* a has raised alarm c (name of error) n times or more */
};

struct step {
    const char *say;
    enum op op;
    const char *a, *b, *c;
    int64_t n;
};

struct teller {
    struct world w;
    const struct step *at;
};

#define CHECK(t, cond)                                                                             \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fail_msg("%s (%s)", (t)->at->say, #cond);                                              \
        }                                                                                          \
    } while (0)

static const char *split(const struct world *w, const char *ref, char owner[16])
{
    const char *slash = strchr(ref, '/');
    assert_non_null(slash);
    char name[16] = "";
    memcpy(name, ref, (size_t)(slash - ref));
    int o = world_find(w, name);
    assert_true(o >= 0);
    memcpy(owner, w->node[o].id.s, sizeof(w->node[o].id.s));
    return slash + 1;
}

static int look(struct world *w, const char *node, const char *ref, struct mem_seen *ret)
{
    char owner[LIM_NODE_ID + 2];
    const char *id = split(w, ref, owner);
    return mem_store_record(w->node[world_find(w, node)].mem, owner, id, ret);
}

static bool is_seen(struct world *w, void *arg)
{
    const struct step *st = arg;
    struct mem_seen m;
    return look(w, st->a, st->b, &m) == 0 && !m.withdrawn;
}

static bool is_gone(struct world *w, void *arg)
{
    const struct step *st = arg;
    struct mem_seen m;
    return look(w, st->a, st->b, &m) == 0 && m.withdrawn;
}

static void agree(struct teller *t, int64_t ms)
{
    struct world_verdict v = {""};
    struct world *w = &t->w;
    bool same = world_until(w, ms, world_converged, NULL);
    if (!same || world_check_converged(w, &v) < 0 || world_check_truth(w, &v) < 0) {
        (void)world_check_converged(w, &v);
        fail_msg("%s: %s", t->at->say, v.text);
    }
    for (int i = 0; i < w->n; i++) {
        if (w->node[i].joined &&
            (world_check_rebuild(w, i, &v) < 0 || world_check_order(w, i, &v) < 0)) {
            fail_msg("%s: %s", t->at->say, v.text);
        }
    }
}

static void now(struct teller *t, int i, int64_t want)
{
    struct world *w = &t->w;
    world_event(w, i, SEV_NOW);
    for (int k = 0; k < 2000 && sync_now_state(w->node[i].s) == SANJI_E_PENDING; k++) {
        world_run(w, 100);
    }
    if (sync_now_state(w->node[i].s) != want) {
        fail_msg("%s: %s", t->at->say, err_name(sync_now_state(w->node[i].s)));
    }
}

static void still(struct teller *t, int i, bool log_ins)
{
    struct wnode *n = &t->w.node[i];
    int64_t before = log_ins ? n->sessions : n->posts;
    world_run(&t->w, t->at->n);
    int64_t k = (log_ins ? n->sessions : n->posts) - before;
    int want = 0;
    (void)sscanf(t->at->c, "%d", &want);
    if (k > want) {
        fail_msg("%s: %lld", t->at->say, (long long)k);
    }
}

static void title(struct teller *t, const struct step *st)
{
    struct mem_seen m;
    char want[128];
    CHECK(t, look(&t->w, st->a, st->b, &m) == 0);
    (void)snprintf(want, sizeof(want), "\"title\":\"%s\"", st->c);
    CHECK(t, m.d.n > 0 && memmem(m.d.p, m.d.n, want, strlen(want)) != NULL);
}

static int write_step(struct teller *t, const struct step *st, int i)
{
    char aud[LIM_AUD_BYTES + 1];
    (void)world_aud(&t->w, st->b, aud);
    return world_put(&t->w, i, aud, st->c, st->n == 0 ? 1 : st->n,
                     st->op == WD     ? NULL
                     : st->op == EDIT ? "second words"
                                      : "first words",
                     NULL);
}

static void holds(struct teller *t, const struct step *st, int i)
{
    char by[16] = "", aud[LIM_AUD_BYTES + 1];
    size_t n = strcspn(st->b, " ");
    memcpy(by, st->b, n);
    (void)world_aud(&t->w, st->b + n + 1, aud);
    int64_t seq = world_head(&t->w, i, t->w.node[world_find(&t->w, by)].id.s, aud);
    if (seq != st->n) {
        fail_msg("%s: %lld", st->say, (long long)seq);
    }
}

static void look_step(struct teller *t, const struct step *st, int a)
{
    struct world *w = &t->w;
    struct step copy = *st;
    struct mem_seen m;
    switch ((int)st->op) {
    case SEES:
        CHECK(t, world_until(w, st->n, is_seen, &copy));
        break;
    case GONE:
        CHECK(t, world_until(w, st->n, is_gone, &copy));
        break;
    case ABSENT:
        CHECK(t, look(w, st->a, st->b, &m) == SANJI_E_NOT_FOUND);
        break;
    case TITLE:
        title(t, st);
        break;
    case AGREE:
        agree(t, st->n);
        break;
    case NOW:
        now(t, a, st->n);
        break;
    case STILL:
        still(t, a, false);
        break;
    case STILLS:
        still(t, a, true);
        break;
    case HOLDS:
        holds(t, st, a);
        break;
    case ALARMS:
        CHECK(t, w->node[a].alarms[-err_by_name(st->c)] >= st->n);
        break;
    default:
        fail_msg("%s: no such step", st->say);
    }
}

static void one_step(struct teller *t, const struct step *st)
{
    struct world *w = &t->w;
    t->at = st;
    int a = st->a == NULL ? -1 : world_find(w, st->a);
    switch ((int)st->op) {
    case TOP:
        CHECK(t, world_genesis(w, st->a, st->n) >= 0);
        break;
    case ENROL:
    case ASK:
        CHECK(t, world_enrol(w, a, st->b, st->n, st->op == ENROL) >= 0);
        break;
    case CUT:
    case MEND:
        w->node[a].cut = st->op == CUT;
        break;
    case STOP:
        world_stop(w, a);
        break;
    case START:
        world_start(w, a);
        break;
    case CRASH:
        world_crash(w, a);
        break;
    case RUN:
        world_run(w, st->n);
        break;
    case PUT:
    case EDIT:
    case WD:
        CHECK(t, write_step(t, st, a) == 0);
        break;
    default:
        look_step(t, st, a);
    }
}

static void tell_on(struct teller *t, const struct step *st)
{
    for (; st->op != END; st++) {
        one_step(t, st);
    }
}

static void tell(const struct step *st)
{
    struct teller t;
    world_init(&t.w, 7);
    tell_on(&t, st);
    world_done(&t.w);
}

#define THREE_TIERS                                                                                \
    {"the city begins", TOP, "city", 0, 0, 20}, {"city enrols d1", ENROL, "city", "d1", 0, 30},    \
        {"city enrols d2", ENROL, "city", "d2", 0, 30},                                            \
        {"all three agree", AGREE, 0, 0, 0, 60000}, {"d1 enrols s1", ENROL, "d1", "s1", 0, 40},    \
        {"d1 enrols s2", ENROL, "d1", "s2", 0, 40},                                                \
        {"d2 enrols s3 with a person", ASK, "d2", "s3", 0, 40},                                    \
    {                                                                                              \
        "all six agree", AGREE, 0, 0, 0, 60000                                                     \
    }

/* clang-format off */

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
    tell(story);
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
    tell(story);
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
        {"s2 sees a", SEES, "s2", "d1/a", 0, 0}, {"city sees a", SEES, "city", "d1/a", 0, 0},
        {"d2 does not", ABSENT, "d2", "d1/a"}, {"s3 does not", ABSENT, "s3", "d1/a"},
        {"s2 sees b", SEES, "s2", "s1/b", 0, 0}, {"d2 not b", ABSENT, "d2", "s1/b"},
        {"d1 sees c", SEES, "d1", "s1/c", 0, 0}, {"city not c", ABSENT, "city", "s1/c"},
        {"s2 not c", ABSENT, "s2", "s1/c"},
        {"d1 sees e", SEES, "d1", "s1/e", 0, 0}, {"city sees e", SEES, "city", "s1/e", 0, 0},
        {"s2 not e", ABSENT, "s2", "s1/e"}, {"d2 not e", ABSENT, "d2", "s1/e"},
        {"s3 sees f", SEES, "s3", "city/f", 0, 0}, {"d1 not f", ABSENT, "d1", "city/f"},
        {0},
    };
    tell(story);
}

static void quiet(void **state)
{
    (void)state;
    static const struct step story[] = {
        THREE_TIERS,
        {"a quarter of an hour passes", RUN, 0, 0, 0, 900000},
        /* 25 s each, and half an hour holds two log-ins of two requests and one first exchange a lane */
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
    tell(story);
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
    tell(story);
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
    tell(story);
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
    tell_on(&t, three_tiers);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), s3 = world_find(w, "s3"), s2 = world_find(w, "s2");
    const char *init = w->node[s1].id.s;
    world_bytes(w, cek, sizeof(cek));
    assert_int_equal(
        world_referral(w, s1, s3, "ref-1", 1, 0, "i", "send",
                       "{\"subject_kind\":\"org\",\"reason\":\"policy\",\"title\":\"x\"}", cek),
        0);
    agree(&t, 10000);
    assert_int_equal(mem_store_thread(w->node[s3].mem, init, "ref-1", &f), 0);
    assert_int_equal(f.state, RS_SENT);
    assert_int_equal(mem_store_cek(w->node[s3].mem, init, "ref-1", got), 0);
    assert_memory_equal(cek, got, 32);
    static const char leaf[] = "{\"leaf\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}";
    assert_int_equal(world_referral(w, s3, s1, "ref-1", 1, 1, "r", "delivered", leaf, cek), 0);
    assert_int_equal(world_referral(w, s3, s1, "ref-1", 2, 1, "r", "open", "{}", cek), 0);
    assert_int_equal(world_referral(w, s3, s1, "ref-1", 3, 1, "r", "accept", "{}", cek), 0);
    agree(&t, 10000);
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
    tell_on(&t, three_tiers);
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
    agree(&t, 10000);
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

static void restored(const char *who, bool needs_a_person)
{
    static const struct step writes[] = {
        {"s1 writes", PUT, "s1", "fed", "v1", 0},
        {"s2 writes", PUT, "s2", "up:@city", "v2", 0},
        {"d1 writes itself", PUT, "d1", "sub:@d1", "v3", 0},
        {"the city writes too", PUT, "city", "fed", "v3", 0},
        {"d1 enrols another", ENROL, "d1", "s4", 0, 40},
        {"d2 writes", PUT, "d2", "fed", "v4", 0},
        {"all agree", AGREE, 0, 0, 0, 10000},
        {"sessions are renewed many times", RUN, 0, 0, 0, 4 * 3600000},
        {0},
    };
    static const struct step after[] = {
        {"all agree", AGREE, 0, 0, 0, 3600000},
        {"its own came back as well", SEES, "d1", "d1/v3", 0, 0},
        {"the city's too", SEES, "city", "city/v3", 0, 0},
        {"and it can write on", PUT, "d1", "sub:@d1", "v5", 0},
        {"and the city", PUT, "city", "fed", "v5", 0},
        {"which arrives", AGREE, 0, 0, 0, 60000},
        {0},
    };
    struct teller t;
    world_init(&t.w, 13);
    tell_on(&t, three_tiers);
    struct world *w = &t.w;
    int i = world_find(w, who), city = world_find(w, "city");
    struct mem_store *snap = mem_store_snapshot(w->node[i].mem);
    tell_on(&t, writes);
    world_crash(w, i);
    mem_store_restore(w->node[i].mem, snap);
    world_start(w, i);
    world_run(w, 60000);
    /* To its parent a restored node and a copied one look the same: a person decides. */
    assert_int_equal(w->node[city].alarms[-SANJI_E_CLONE] > 0, needs_a_person);
    assert_true(w->node[i].alarms[-SANJI_E_OLD] > 0);
    if (needs_a_person) {
        assert_int_equal(sync_believe(w->node[city].s, &w->node[i].id), 0);
    }
    tell_on(&t, after);
    mem_store_free(snap);
    world_done(w);
}

static void old_parent_gets_everything_back(void **state)
{
    (void)state;
    restored("city", false);
    restored("d1", true);
}

static void two_machines(void **state)
{
    (void)state;
    static const struct step rest[] = {
        {"an hour", RUN, 0, 0, 0, 3600000},
        {"the parent says so", ALARMS, "d1", 0, "two_machines", 1},
        {0},
    };
    struct teller t;
    world_init(&t.w, 14);
    tell_on(&t, three_tiers);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1");
    /* The disk of s1 is copied to a second machine and both run. */
    struct mem_store *copy = mem_store_snapshot(w->node[s1].mem);
    world_run(w, 3600000);
    assert_int_equal(w->node[world_find(w, "d1")].alarms[-SANJI_E_CLONE], 0);
    int twin = w->n++;
    w->node[twin] = w->node[s1];
    struct wnode *n = &w->node[twin];
    (void)snprintf(n->name, sizeof(n->name), "twin");
    n->mem = copy;
    n->s = NULL;
    n->running = false;
    n->joined = false;
    n->conn[0] = n->conn[1] = n->post[0] = n->post[1] = 0;
    world_start(w, twin);
    tell_on(&t, rest);
    assert_int_equal(sync_now_state(n->s), 0);
    world_done(w);
}

static void one_lost_answer_is_no_clone(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 15);
    tell_on(&t, three_tiers);
    struct world *w = &t.w;
    w->faults.lost_reply = 300;
    world_run(w, 24 * 3600000);
    w->faults.lost_reply = 0;
    for (int i = 0; i < w->n; i++) {
        assert_int_equal(w->node[i].alarms[-SANJI_E_CLONE], 0);
    }
    world_done(w);
}

static bool d1_quota_used(struct world *w, void *arg)
{
    const int64_t *seq = arg;
    return world_head(w, world_find(w, "d1"), w->node[world_find(w, "s1")].id.s, "fed") >= *seq;
}

static void quota_defers(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 16);
    tell_on(&t, three_tiers);
    struct world *w = &t.w;
    int d1 = world_find(w, "d1"), s1 = world_find(w, "s1"), s2 = world_find(w, "s2");
    struct act a;
    struct sync_tick tick;
    memset(&a, 0, sizeof(a));
    a.type = ACT_QUOTA;
    a.has_g = true;
    memcpy(a.g, w->g, HASH_LEN);
    a.by = w->node[d1].id;
    a.n = w->node[s1].id;
    memcpy(a.after, roster_node(sync_roster(w->node[d1].s), w->node[s1].id.s)->last, HASH_LEN);
    a.items = 5;
    a.bytes = 100000;
    world_tick(w, d1, &tick);
    a.ts = tick.now_ms;
    assert_int_equal(sync_act(w->node[d1].s, &tick, &a, NULL, 0, false), 0);
    world_event(w, d1, SEV_LOCAL);
    agree(&t, 10000);
    int64_t day = 86400000 - (w->wall + w->now) % 86400000;
    world_run(w, day + 1000); /* a new day begins */
    for (int k = 0; k < 12; k++) {
        char id[8];
        (void)snprintf(id, sizeof(id), "q%d", k);
        assert_int_equal(world_put(w, s1, "fed", id, 1, "x", NULL), 0);
        world_run(w, 60000);
    }
    assert_int_equal(world_head(w, d1, w->node[s1].id.s, "fed"), 5);
    /* Others are not held up, and the child does not run in circles. */
    assert_int_equal(world_put(w, s2, "fed", "z", 1, "x", NULL), 0);
    world_run(w, 5000);
    assert_int_equal(world_head(w, world_find(w, "s3"), w->node[s2].id.s, "fed"), 1);
    assert_int_equal(world_put(w, world_find(w, "s3"), "fed", "z", 1, "x", NULL), 0);
    world_run(w, 5000);
    assert_int_equal(world_head(w, s1, w->node[world_find(w, "s3")].id.s, "fed"), 1);
    int64_t posts = w->node[s1].posts, want = 10;
    world_run(w, 3600000);
    assert_true(w->node[s1].posts - posts < 250);
    assert_true(world_until(w, 86400000 + 1000000, d1_quota_used, &want));
    want = 12;
    assert_true(world_until(w, 86400000 + 1000000, d1_quota_used, &want));
    agree(&t, 60000);
    world_done(w);
}

/* ---- a child with a good key and bad intentions ---- */

struct evil {
    struct buf frames; /* put into its next upward message */
    int node;
    int sent;
};

static void evil_tap(struct world *w, int node, struct sync_wish *x, void *arg)
{
    struct evil *e = arg;
    if (node == e->node && e->frames.len > 0 && x->lane == LANE_UP &&
        strcmp(x->path, SANJI_PATH_EXCHANGE) == 0) {
        assert_int_equal(buf_put(&x->body, e->frames.data, e->frames.len), 0);
        buf_reset(&e->frames);
        e->sent++;
    }
    (void)w;
}

static void evil_bundle(struct world *w, struct evil *e, const char *by, const char *aud,
                        int64_t seq, const uint8_t *prev, uint8_t en, uint8_t *ret_id)
{
    struct bundle_header h;
    struct buf line;
    uint8_t id[HASH_LEN];
    struct frame_ctx *fc = frame_ctx_new();
    static const char item[] = "{\"id\":\"e\",\"k\":\"listing/1\",\"op\":\"put\",\"r\":1,\"z\":"
                               "\"AAAAAAAAAAAAAAAAAAAAAA\",\"d\":{\"kind\":\"venue\",\"title\":"
                               "\"evil\"}}";
    struct span it = span_of(item, sizeof(item) - 1);
    memset(&h, 0, sizeof(h));
    h.v = 1;
    h.t = BUNDLE_DATA;
    memcpy(h.g, w->g, HASH_LEN);
    (void)snprintf(h.by.s, sizeof(h.by.s), "%s", by);
    (void)snprintf(h.aud, sizeof(h.aud), "%s", aud);
    h.ep = 1;
    h.en[0] = en;
    h.seq = seq;
    if (prev != NULL) {
        memcpy(h.prev, prev, HASH_LEN);
    }
    buf_init(&line, LIM_BUNDLE_BYTES);
    assert_int_equal(bundle_write(&h, &it, 1, sync_key(w->node[e->node].s), &line, id), 0);
    assert_int_equal(frame_pack(fc, span_of(line.data, line.len), &e->frames), 0);
    if (ret_id != NULL) {
        memcpy(ret_id, id, HASH_LEN);
    }
    buf_done(&line);
    frame_ctx_free(fc);
}

static void evil_child(void **state)
{
    (void)state;
    struct teller t;
    struct evil e = {.sent = 0};
    char aud[LIM_AUD_BYTES + 1];
    uint8_t zero[HASH_LEN] = {1};
    world_init(&t.w, 17);
    tell_on(&t, three_tiers);
    struct world *w = &t.w;
    int d1 = world_find(w, "d1"), s1 = world_find(w, "s1"), s2 = world_find(w, "s2");
    buf_init(&e.frames, LIM_MESSAGE_BYTES);
    e.node = s1;
    w->tap = evil_tap;
    w->tap_arg = &e;
    assert_int_equal(world_put(w, s2, "fed", "v", 1, "x", NULL), 0);
    agree(&t, 10000);
    size_t before = mem_store_bundles(w->node[d1].mem);
    evil_bundle(w, &e, w->node[s2].id.s, "fed", 2, zero, 1, NULL); /* another's name */
    evil_bundle(w, &e, w->node[s1].id.s, world_aud(w, "sub:@d2", aud), 1, NULL, 1, NULL);
    evil_bundle(w, &e, w->node[s1].id.s, world_aud(w, "up:@d2", aud), 1, NULL, 1, NULL);
    evil_bundle(w, &e, w->node[s1].id.s, "fed", 999999999, zero, 1, NULL); /* far away */
    assert_int_equal(buf_put(&e.frames, "\x28\xb5\x2f\xfd garbage", 12), 0);
    world_event(w, s1, SEV_NOW);
    world_run(w, 5000);
    assert_int_equal(e.sent, 1);
    assert_int_equal(mem_store_bundles(w->node[d1].mem), before);
    assert_true(w->node[d1].alarms[-SANJI_E_AUDIENCE] >= 2);
    /* Its next good word passes, in the same message as bad ones. */
    evil_bundle(w, &e, w->node[s1].id.s, world_aud(w, "sub:@d2", aud), 1, NULL, 1, NULL);
    assert_int_equal(world_put(w, s1, "fed", "good", 1, "x", NULL), 0);
    world_run(w, 5000);
    assert_int_equal(e.sent, 2);
    agree(&t, 10000);
    /* Two histories under one number: proof is kept, the stream stands still, all else goes on. */
    struct buf line;
    struct bundle b;
    struct arena *ar = arena_new(1 << 22);
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    assert_true(world_line(w, s1, w->node[s1].id.s, "fed", 1, &line));
    assert_int_equal(bundle_parse(span_of(line.data, line.len), ar, &b, NULL), 0);
    struct bundle_header h = b.hdr;
    struct buf forged;
    struct frame_ctx *fc = frame_ctx_new();
    uint8_t id[HASH_LEN];
    h.ts++;
    buf_init(&forged, LIM_BUNDLE_BYTES);
    assert_int_equal(bundle_write(&h, &b.item[0].text, 1, sync_key(w->node[s1].s), &forged, id), 0);
    assert_int_equal(frame_pack(fc, span_of(forged.data, forged.len), &e.frames), 0);
    world_event(w, s1, SEV_NOW);
    world_run(w, 5000);
    assert_int_equal(e.sent, 3);
    assert_int_equal(mem_store_forks(w->node[d1].mem), 1);
    assert_true(w->node[d1].alarms[-SANJI_E_FORK] >= 1);
    w->node[s1].hostile = true;
    int64_t posts = w->node[s1].posts;
    assert_int_equal(world_put(w, s1, "fed", "good2", 1, "x", NULL), 0);
    world_run(w, 600000);
    assert_true(w->node[s1].posts - posts < 60); /* a refused stream is no busy loop */
    assert_int_equal(world_put(w, s1, world_aud(w, "up:@city", aud), "other", 1, "x", NULL), 0);
    world_run(w, 5000);
    assert_int_equal(world_head(w, world_find(w, "city"), w->node[s1].id.s, aud), 1);
    agree(&t, 60000);
    frame_ctx_free(fc);
    arena_free(ar);
    buf_done(&forged);
    buf_done(&line);
    buf_done(&e.frames);
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
    tell_on(&t, three_tiers);
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
    agree(&t, 5000);
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
        cmocka_unit_test(old_parent_gets_everything_back),
        cmocka_unit_test(two_machines),
        cmocka_unit_test(one_lost_answer_is_no_clone),
        cmocka_unit_test(quota_defers),
        cmocka_unit_test(evil_child),
        cmocka_unit_test(nothing_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
