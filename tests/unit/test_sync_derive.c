/* SPDX-License-Identifier: Apache-2.0 */
/* Views follow the roster: what may not be said any more goes, what may be said now comes, in
 * whatever order acts and bundles arrive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/story.h"
#include "tests/support/world_check.h"

#include "protocol/base/enc.h"

#include <stdio.h>
#include <string.h>

static const struct step three_tiers[] = {THREE_TIERS, {0}};

static struct act act_about(struct world *w, int author, enum act_type type, int subject)
{
    struct act a;
    memset(&a, 0, sizeof(a));
    const struct roster_node *n =
        roster_node(sync_roster(w->node[author].s), w->node[subject].id.s);
    a.type = type;
    a.has_g = true;
    memcpy(a.g, w->g, HASH_LEN);
    a.by = w->node[author].id;
    a.n = w->node[subject].id;
    memcpy(a.after, n->last, HASH_LEN);
    return a;
}

static void say(struct world *w, int author, struct act *a)
{
    struct sync_tick tick;
    world_tick(w, author, &tick);
    a->ts = tick.now_ms;
    assert_int_equal(sync_act(w->node[author].s, &tick, a, NULL, 0, false), 0);
    world_event(w, author, SEV_LOCAL);
}

static void put_for(struct world *w, int i, int owner, const char *id, int64_t r)
{
    char item[400];
    (void)snprintf(item, sizeof(item),
                   "{\"id\":\"%s\",\"k\":\"listing/1\",\"op\":\"put\",\"r\":%lld,"
                   "\"z\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"for\":\"%s\",\"d\":{\"kind\":\"venue\","
                   "\"title\":\"x\"}}",
                   id, (long long)r, w->node[owner].id.s);
    assert_int_equal(world_write(w, i, "fed", item, NULL), 0);
}

static bool shows(struct world *w, int at, int owner, const char *id)
{
    struct mem_seen seen;
    return mem_store_record(w->node[at].mem, w->node[owner].id.s, id, &seen) == 0;
}

static void everywhere(struct world *w, int owner, const char *id, bool want)
{
    for (int i = 0; i < w->n; i++) {
        assert_int_equal(shows(w, i, owner, id), want);
    }
}

static void all_derived_alike(struct teller *t)
{
    struct world_verdict v = {.text = ""};
    story_agree(t, 60000);
    for (int i = 0; i < t->w.n; i++) {
        for (int k = 0; k < 3; k++) {
            if (world_check_rebuild(&t->w, i, &v) < 0 || world_check_order(&t->w, i, &v) < 0) {
                fail_msg("%s", v.text);
            }
        }
    }
}

static void a_steward_comes_and_goes(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 31);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int city = world_find(w, "city"), d1 = world_find(w, "d1"), d2 = world_find(w, "d2");
    int s1 = world_find(w, "s1");
    /* written before the act that permits it: parked everywhere */
    put_for(w, d2, s1, "a", 1);
    put_for(w, d1, s1, "b", 1);
    story_agree(&t, 60000);
    everywhere(w, s1, "a", false);
    assert_int_equal(mem_store_parked(w->node[city].mem), 2);
    struct act a = act_about(w, city, ACT_STEWARD, s1);
    a.st = w->node[d2].id;
    say(w, city, &a);
    all_derived_alike(&t);
    everywhere(w, s1, "a", true);
    everywhere(w, s1, "b", false);
    assert_int_equal(mem_store_parked(w->node[city].mem), 1);
    /* another one: what the first wrote has lost its authority */
    a = act_about(w, city, ACT_STEWARD, s1);
    a.st = w->node[d1].id;
    say(w, city, &a);
    all_derived_alike(&t);
    everywhere(w, s1, "a", false);
    everywhere(w, s1, "b", true);
    put_for(w, d1, s1, "c", 1);
    all_derived_alike(&t);
    everywhere(w, s1, "c", true);
    world_done(w);
}

struct find {
    const char *by;
    struct act_head *v;
    size_t n;
};

static void take_head(const struct sync_stream_row *r, void *arg)
{
    struct find *f = arg;
    if (strcmp(r->key.by.s, f->by) != 0 || r->key.aud[0] == 't') {
        return;
    }
    static char aud[2][LIM_AUD_BYTES + 1]; /* one stream to everybody, one upwards */
    struct act_head *h = &f->v[f->n++];
    memset(h, 0, sizeof(*h));
    char *name = aud[r->key.aud[0] == 'u'];
    memcpy(name, r->key.aud, sizeof(r->key.aud));
    h->aud = name;
    h->ep = r->key.ep;
    h->seq = r->seq;
    memcpy(h->en, r->key.en, sizeof(h->en));
    h->has_en = true;
    memcpy(h->id, r->id, HASH_LEN);
}

static size_t heads(struct world *w, int at, int of, struct act_head *v)
{
    struct find f = {.by = w->node[of].id.s, .v = v};
    sync_each_stream(w->node[at].s, take_head, &f);
    return f.n;
}

static struct act cut_of(struct world *w, int author, int subject, struct act_head *v, size_t n)
{
    struct act a = act_about(w, author, ACT_CUT, subject);
    const struct roster_node *x =
        roster_node(sync_roster(w->node[author].s), w->node[subject].id.s);
    a.kid = x->keys[x->n_keys - 1].kid;
    a.heads = v;
    a.n_heads = n;
    a.why = "stolen";
    return a;
}

/* Everybody holds three bundles; the cut names the first. */
static void beyond_a_cut(void **state)
{
    (void)state;
    struct teller t;
    struct act_head one[8], three[8];
    world_init(&t.w, 32);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int d1 = world_find(w, "d1"), s1 = world_find(w, "s1"), s3 = world_find(w, "s3");
    assert_int_equal(world_put(w, s1, "fed", "v1", 1, "x", NULL), 0);
    assert_int_equal(world_put(w, s3, "fed", "v1", 1, "x", NULL), 0);
    story_agree(&t, 60000);
    size_t n_one = heads(w, d1, s1, one);
    assert_int_equal(n_one, 1);
    assert_int_equal(world_put(w, s1, "fed", "v1", 2, "y", NULL), 0);
    assert_int_equal(world_put(w, s1, "fed", "v2", 1, "x", NULL), 0);
    char aud[LIM_AUD_BYTES + 1];
    assert_int_equal(world_put(w, s1, world_aud(w, "up:@city", aud), "v3", 1, "x", NULL), 0);
    story_agree(&t, 60000);
    size_t n_three = heads(w, d1, s1, three);
    assert_int_equal(n_three, 2);
    struct act a = cut_of(w, d1, s1, one, n_one);
    w->node[s1].revoked = true;
    say(w, d1, &a);
    all_derived_alike(&t);
    for (int i = 0; i < w->n; i++) {
        struct mem_seen seen;
        if (i == s1) {
            continue;
        }
        assert_int_equal(mem_store_record(w->node[i].mem, w->node[s1].id.s, "v1", &seen), 0);
        assert_int_equal(seen.r, 1);
        assert_false(shows(w, i, s1, "v2"));
        assert_false(shows(w, i, s1, "v3"));
        assert_true(shows(w, i, s3, "v1"));
    }
    /* What is void stays void over a start, and a new node never gets it. */
    world_stop(w, d1);
    world_start(w, d1);
    assert_true(world_enrol(w, d1, "s9", 40, true) >= 0);
    all_derived_alike(&t);
    assert_int_equal(world_head(w, world_find(w, "s9"), w->node[s1].id.s, "fed"), 1);
    assert_false(shows(w, world_find(w, "s9"), s1, "v2"));
    /* A later cut adds heads: everybody had kept what it names. */
    a = cut_of(w, d1, s1, three, n_three);
    say(w, d1, &a);
    all_derived_alike(&t);
    for (int i = 0; i < w->n; i++) {
        assert_true(i == s1 || shows(w, i, s1, "v2"));
    }
    assert_true(shows(w, world_find(w, "city"), s1, "v3"));
    world_done(w);
}

/* What nobody understood when it came is applied by the version that does. */
static void applied_after(int reason)
{
    struct teller t;
    world_init(&t.w, 33);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int d1 = world_find(w, "d1"), s1 = world_find(w, "s1");
    assert_int_equal(world_put(w, s1, "fed", "v1", 1, "x", NULL), 0);
    story_agree(&t, 60000);
    /* An older version held v1 to be something new. */
    const struct sync_store *st = mem_store_port(w->node[d1].mem);
    world_stop(w, d1);
    int64_t no = 0;
    for (no = 1; no < 100; no++) {
        uint8_t id[HASH_LEN];
        if (st->bundle_id(st->ctx, no, 1, id) < 0) {
            break;
        }
    }
    assert_int_equal(st->begin(st->ctx), 0);
    assert_int_equal(st->forget(st->ctx, w->node[s1].id.s), 0);
    for (int64_t k = 1; k < no; k++) {
        assert_int_equal(st->park(st->ctx, k, 1, 0, reason, "k"), 0);
    }
    assert_int_equal(st->commit(st->ctx), 0);
    world_start(w, d1); /* the same version: tried already */
    assert_false(shows(w, d1, s1, "v1"));
    assert_true(mem_store_parked(w->node[d1].mem) > 0);
    world_stop(w, d1);
    assert_int_equal(st->begin(st->ctx), 0);
    assert_int_equal(st->kv_put(st->ctx, "applied/version", span_of("0.0.1", 5)), 0);
    assert_int_equal(st->commit(st->ctx), 0);
    world_start(w, d1);
    assert_true(shows(w, d1, s1, "v1"));
    assert_int_equal(mem_store_parked(w->node[d1].mem), 0);
    all_derived_alike(&t);
    world_done(w);
}

static void after_an_upgrade(void **state)
{
    (void)state;
    applied_after(SANJI_E_VERSION); /* a kind of its own */
    applied_after(SANJI_E_SPEC);    /* a member more */
}

/* An act of a type made after this version, by author about subject. */
static void say_future(struct world *w, int author, int subject, bool crit)
{
    struct buf text, body, out;
    struct act_co co;
    struct item it;
    char g[44] = {0};
    uint8_t hash[HASH_LEN];
    buf_init(&text, 4096);
    buf_init(&body, 8192);
    buf_init(&out, 16384);
    memset(&it, 0, sizeof(it));
    (void)b64u_put(w->g, HASH_LEN, g);
    buf_printf(&text,
               "{\"t\":\"halt\",\"g\":\"%s\",\"by\":\"%s\",\"n\":\"%s\",\"after\":\"%s\",\"ts\":5,"
               "\"until\":\"noon\"%s}",
               g, w->node[author].id.s, w->node[subject].id.s, g, crit ? ",\"crit\":true" : "");
    assert_int_equal(act_sign(span_of(text.data, text.len), sync_key(w->node[author].s), &co), 0);
    assert_int_equal(act_body_write(span_of(text.data, text.len), &co, 1, &body), 0);
    act_hash(span_of(text.data, text.len), hash);
    it.id[0] = 'a';
    it.id[1 + b64u_put(hash, HASH_LEN, it.id + 1)] = '\0';
    memcpy(it.k, "act/1", 6);
    it.op = OP_EVENT;
    it.r = 1;
    it.d = span_of(body.data, body.len);
    assert_int_equal(item_write(&it, &out), 0);
    assert_int_equal(world_write(w, author, "trust", buf_str(&out), NULL), 0);
    buf_done(&text);
    buf_done(&body);
    buf_done(&out);
}

static void an_act_of_the_future(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 34);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int city = world_find(w, "city"), d2 = world_find(w, "d2"), s1 = world_find(w, "s1");
    int d1 = world_find(w, "d1");
    assert_int_equal(world_put(w, s1, "fed", "v1", 1, "x", NULL), 0);
    assert_int_equal(world_put(w, d1, "fed", "v1", 1, "x", NULL), 0);
    say_future(w, city, s1, false); /* not critical: nothing happens */
    say_future(w, d2, s1, true);    /* d2 is not above s1 */
    all_derived_alike(&t);
    everywhere(w, s1, "v1", true);
    say_future(w, city, s1, true);
    all_derived_alike(&t);
    everywhere(w, s1, "v1", false);
    everywhere(w, d1, "v1", true);
    assert_int_equal(world_put(w, s1, "fed", "v2", 1, "x", NULL), 0);
    all_derived_alike(&t);
    everywhere(w, s1, "v2", false);
    assert_int_equal(world_head(w, d2, w->node[s1].id.s, "fed"), 2); /* stored and relayed */
    world_stop(w, d2);
    world_start(w, d2);
    world_run(w, 1000000); /* its child comes back in its own time */
    assert_int_equal(world_put(w, s1, "fed", "v3", 1, "x", NULL), 0);
    all_derived_alike(&t);
    everywhere(w, s1, "v3", false);
    world_done(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_steward_comes_and_goes),
        cmocka_unit_test(beyond_a_cut),
        cmocka_unit_test(after_an_upgrade),
        cmocka_unit_test(an_act_of_the_future),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
