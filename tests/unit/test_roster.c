/* SPDX-License-Identifier: Apache-2.0 */
/* Does one set of acts give one roster, and does nobody get to say more than he may? */
#include "tests/support/acts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct roster_node *get(const struct roster *r, const char *name)
{
    return roster_node(r, tnode(name).s);
}

struct void_seen {
    const uint8_t *hash;
    int err;
    size_t n;
};

static void on_void(const struct act *a, const char *by, int64_t seq, int err, void *arg)
{
    struct void_seen *s = arg;
    (void)by;
    (void)seq;
    s->n++;
    if (s->hash != NULL && memcmp(a->hash, s->hash, HASH_LEN) == 0) {
        s->err = err;
    }
}

/* 0 when the act holds, else why not. */
static int why_void(const struct roster *r, const struct act *a)
{
    struct void_seen s = {.hash = a->hash};
    roster_each_void(r, on_void, &s);
    return s.err;
}

static size_t void_count(const struct roster *r)
{
    struct void_seen s = {0};
    roster_each_void(r, on_void, &s);
    return s.n;
}

static void test_genesis(void **state)
{
    (void)state;
    struct hist h;
    hist_init(&h);
    hist_basic(&h);
    struct roster *r = hist_fold(&h, NULL);
    assert_int_equal(void_count(r), 0);
    assert_int_equal(roster_count(r), 6);
    assert_memory_equal(roster_g(r), h.g, HASH_LEN);
    assert_true(roster_knows_g(r, h.g));
    assert_string_equal(roster_top(r)->id.s, tnode("city").s);
    assert_string_equal(roster_top(r)->up.s, "");
    assert_string_equal(get(r, "s3")->up.s, tnode("d2").s);
    assert_string_equal(get(r, "s3")->enrolled_by.s, tnode("d2").s);
    assert_string_equal(get(r, "city")->enrolled_by.s, "");
    assert_int_equal(get(r, "d1")->reg, 1);
    assert_int_equal(get(r, "s1")->reg, 0);
    assert_null(roster_node(r, tnode("nobody").s));
    assert_null(roster_node(r, ""));
    for (size_t i = 1; i < roster_count(r); i++) {
        assert_true(node_id_cmp(&roster_at(r, i - 1)->id, &roster_at(r, i)->id) < 0);
    }
    const struct roster_key *k = roster_current_key(r, tnode("s1").s);
    assert_non_null(k);
    assert_true(k->current && !k->ended && !k->cut);
    assert_memory_equal(k->sig, tkey("s1")->pub, SIGN_PUB_LEN);
    assert_ptr_equal(roster_key(r, tnode("s1").s, tkey("s1")->kid.s), k);
    assert_null(roster_key(r, tnode("s1").s, tkey("s2")->kid.s));
    const uint8_t(*rk)[SIGN_PUB_LEN];
    int64_t quorum = 0;
    assert_int_equal(roster_root_keys(r, &rk, &quorum), 1);
    assert_int_equal(quorum, 1);
    assert_memory_equal(rk[0], tkey("root")->pub, SIGN_PUB_LEN);
    assert_int_equal(roster_root_version(r), 1);
    bool changed = true;
    assert_int_equal(roster_fold(r, &changed), 0);
    assert_false(changed);
    /* the same place again is a no-op */
    assert_int_equal(roster_add(r, &h.v[3].a, &h.v[3].at), 0);
    assert_int_equal(roster_fold(r, &changed), 0);
    assert_false(changed);
    roster_free(r);
    roster_free(NULL);
    hist_done(&h);
}

static void test_empty(void **state)
{
    (void)state;
    uint8_t g[HASH_LEN] = {1};
    struct roster *r = roster_new(g);
    struct audience fed = {.type = AUD_FED};
    bool changed = false;
    assert_null(roster_top(r));
    assert_int_equal(roster_count(r), 0);
    assert_false(roster_entitled(r, tnode("a").s, &fed, tnode("b").s));
    assert_int_equal(roster_fold(r, &changed), 0);
    assert_null(roster_top(r));
    assert_null(roster_at(r, 0));
    assert_null(roster_current_key(r, tnode("a").s));
    assert_int_equal(roster_root_version(r), 0);
    assert_int_equal(roster_may_write(r, tnode("a").s, &fed), SANJI_E_UNKNOWN_KEY);
    roster_free(r);
}

/* Says one act on top of the basic history and tells why it is void (0: it holds). */
static int verdict(struct hist *h, struct act a, const char *stream, bool by_root,
                   const char *signers)
{
    struct hact *x = hist_say(h, &a, stream, by_root, signers);
    struct roster *r = hist_fold(h, NULL);
    int err = why_void(r, &x->a);
    roster_free(r);
    if (err != 0) {
        h->n--; /* only what holds stays */
    }
    return err;
}

static void test_authority(void **state)
{
    (void)state;
    struct hist h;
    hist_init(&h);
    hist_basic(&h);
    /* a registrar acts in its own subtree only */
    assert_int_equal(verdict(&h, t_node("x", "d2", 40, false, "x"), "d1", false, "d1 x"),
                     SANJI_E_AUTHORITY);
    assert_int_equal(verdict(&h, t_node("x", "city", 30, false, "x"), "d1", false, "d1 x"),
                     SANJI_E_AUTHORITY);
    assert_int_equal(verdict(&h, t_cut("s3", "s3"), "d1", false, "d1"), SANJI_E_AUTHORITY);
    assert_int_equal(verdict(&h, t_close("city"), "d1", false, "d1"), SANJI_E_AUTHORITY);
    assert_int_equal(verdict(&h, t_cut("d1", "d1"), "d1", false, "d1"), SANJI_E_AUTHORITY);
    assert_int_equal(verdict(&h, t_info("s3", "x"), "d1", false, "d1"), SANJI_E_AUTHORITY);
    /* a street enrols nobody, not even below itself */
    assert_int_equal(verdict(&h, t_node("x", "s1", 50, false, "x"), "s1", false, "s1 x"),
                     SANJI_E_AUTHORITY);
    /* the root speaks of the top alone */
    assert_int_equal(verdict(&h, t_cut("d1", "d1"), "city", true, "root"), SANJI_E_AUTHORITY);
    /* the right author, the wrong hand */
    assert_int_equal(verdict(&h, t_node("x", "d1", 40, false, "x"), "d1", false, "d2 x"),
                     SANJI_E_SIGNATURE);
    assert_int_equal(verdict(&h, t_node("x", "d1", 40, false, "x"), "d1", false, "d1"),
                     SANJI_E_SIGNATURE); /* no proof of possession */
    /* levels, place, key and id */
    assert_int_equal(verdict(&h, t_node("x", "d1", 30, false, "x"), "d1", false, "d1 x"),
                     SANJI_E_SPEC);
    assert_int_equal(verdict(&h, t_node("x", "nowhere", 40, false, "x"), "d1", false, "d1 x"),
                     SANJI_E_UNKNOWN_KEY);
    assert_int_equal(verdict(&h, t_node("x", "d1", 40, false, "s3"), "d1", false, "d1 s3"),
                     SANJI_E_EXISTS);
    assert_int_equal(verdict(&h, t_node("s1", "d1", 40, false, "x"), "d1", false, "d1 x"),
                     SANJI_E_EXISTS);
    assert_int_equal(verdict(&h, t_node("x", NULL, 10, true, "x"), "city", true, "root x"),
                     SANJI_E_AUTHORITY);
    /* and what is allowed */
    assert_int_equal(verdict(&h, t_node("x", "s1", 50, false, "x"), "city", false, "city x"), 0);
    assert_int_equal(verdict(&h, t_info("x", "new name"), "x", false, "x"), 0);
    assert_int_equal(verdict(&h, t_info("x", "newer name"), "d1", false, "d1"), 0);
    struct roster *r = hist_fold(&h, NULL);
    assert_string_equal(get(r, "x")->name, "newer name");
    assert_int_equal(get(r, "x")->acts, 3);
    roster_free(r);
    hist_done(&h);
}

static void test_wrong_stream(void **state)
{
    (void)state;
    struct hist h;
    hist_init(&h);
    hist_basic(&h);
    struct roster *r = hist_fold(&h, NULL);
    struct roster_place at = h.v[2].at;
    at.by = tnode("s1");
    at.seq = 9;
    assert_int_equal(roster_add(r, &h.v[2].a, &at), SANJI_E_SPEC);
    roster_free(r);
    hist_done(&h);
}

static void test_key_rotation(void **state)
{
    (void)state;
    struct hist h;
    hist_init(&h);
    hist_basic(&h);
    assert_int_equal(verdict(&h, t_key("s1", "s1b", false), "d1", false, "d1 s1b"),
                     SANJI_E_SIGNATURE); /* without the old key's consent */
    assert_int_equal(verdict(&h, t_key("s1", "s1b", false), "d1", false, "d1 s1"),
                     SANJI_E_SIGNATURE); /* without the new key */
    assert_int_equal(verdict(&h, t_key("s1", "s3", false), "d1", false, "d1 s1 s3"),
                     SANJI_E_EXISTS);
    assert_int_equal(verdict(&h, t_key("s1", "s1", false), "d1", false, "d1 s1"), SANJI_E_EXISTS);
    assert_int_equal(verdict(&h, t_key("s1", "s1b", true), "d1", false, "d1 s1b"),
                     SANJI_E_SIGNATURE); /* lost, and the next tier has not agreed */
    assert_int_equal(verdict(&h, t_key("s1", "s1b", true), "d1", false, "d1 s1b d2"),
                     SANJI_E_SIGNATURE);
    assert_int_equal(verdict(&h, t_key("s1", "s1b", true), "d1", false, "d1 s1b city"), 0);
    assert_int_equal(verdict(&h, t_key("s2", "s2b", false), "d1", false, "d1 s2b s2"), 0);
    assert_int_equal(verdict(&h, t_key("d1", "d1b", true), "city", false, "city d1b"),
                     SANJI_E_SIGNATURE); /* above the city is the root */
    struct act a = t_key("d1", "d1b", true);
    hist_head(&h, &a, "d1", 0, false);
    assert_int_equal(verdict(&h, a, "city", false, "city d1b root"), 0);
    a = t_key("city", "cityb", false);
    hist_head(&h, &a, "city", 0, false);
    assert_int_equal(verdict(&h, a, "city", true, "root cityb city"), 0);
    struct roster *r = hist_fold(&h, NULL);
    /* everything said under the old keys still stands */
    assert_int_equal(void_count(r), 0);
    assert_int_equal(roster_count(r), 6);
    assert_int_equal(get(r, "d1")->n_keys, 2);
    assert_true(get(r, "d1")->keys[0].ended && !get(r, "d1")->keys[0].cut);
    assert_memory_equal(roster_current_key(r, tnode("d1").s)->sig, tkey("d1b")->pub, 32);
    roster_free(r);
    /* the old key says nothing more, the new one does */
    assert_int_equal(verdict(&h, t_node("x", "d1", 40, false, "x"), "d1", false, "d1 x"),
                     SANJI_E_REVOKED);
    assert_int_equal(verdict(&h, t_node("x", "d1", 40, false, "x"), "d1", false, "d1b x"), 0);
    hist_done(&h);
}

static void test_cut(void **state)
{
    (void)state;
    struct hist h;
    hist_init(&h);
    hist_basic(&h); /* d1's stream: 1 = s1, 2 = s2 */
    struct act a = t_node("thief", "d1", 40, false, "thief");
    struct hact *bad = hist_say(&h, &a, "d1", false, "d1 thief");
    a = t_info("s1", "defaced");
    struct hact *defaced = hist_say(&h, &a, "d1", false, "d1");
    uint8_t bad_hash[HASH_LEN], defaced_hash[HASH_LEN];
    memcpy(bad_hash, h.v[h.n - 2].a.hash, HASH_LEN);
    memcpy(defaced_hash, defaced->a.hash, HASH_LEN);
    (void)bad;
    struct roster *r = hist_fold(&h, NULL);
    assert_non_null(get(r, "thief"));
    roster_free(r);
    a = t_cut("d1", "d1");
    hist_head(&h, &a, "d1", 2, false);
    (void)hist_say(&h, &a, "city", false, "city");
    /* written after the defaced act, and so behind it in s1's chain */
    a = t_info("s1", "repaired");
    (void)hist_say(&h, &a, "city", false, "city");
    r = hist_fold(&h, NULL);
    assert_null(get(r, "thief"));
    assert_non_null(get(r, "s1"));
    assert_non_null(get(r, "s2"));
    assert_string_equal(get(r, "s1")->name, "repaired");
    assert_int_equal(get(r, "d1")->state, NODE_CUT);
    assert_true(roster_current_key(r, tnode("d1").s)->cut);
    struct void_seen s = {.hash = bad_hash};
    roster_each_void(r, on_void, &s);
    assert_int_equal(s.err, SANJI_E_REVOKED);
    s = (struct void_seen){.hash = defaced_hash};
    roster_each_void(r, on_void, &s);
    assert_int_equal(s.err, SANJI_E_REVOKED);
    roster_free(r);
    /* a district cannot widen the city's cut; the city can, and the thief's node comes back */
    struct act wide = t_cut("d1", "d1");
    hist_head(&h, &wide, "d1", 3, false);
    assert_int_equal(verdict(&h, wide, "city", false, "city"), 0);
    r = hist_fold(&h, NULL);
    assert_non_null(get(r, "thief"));
    assert_string_equal(get(r, "s1")->name, "repaired");
    assert_int_equal(roster_current_key(r, tnode("d1").s)->n_heads, 1);
    roster_free(r);
    /* a cut node gets a new key only as lost, then speaks again in its next epoch */
    assert_int_equal(verdict(&h, t_key("d1", "d1b", false), "city", false, "city d1b d1"),
                     SANJI_E_SIGNATURE);
    assert_int_equal(verdict(&h, t_key("d1", "d1b", true), "city", false, "city d1b root"), 0);
    h.ep = 2;
    assert_int_equal(verdict(&h, t_node("x", "d1", 40, false, "x"), "d1", false, "d1b x"), 0);
    r = hist_fold(&h, NULL);
    assert_int_equal(get(r, "d1")->state, NODE_ACTIVE);
    assert_true(get(r, "d1")->keys[0].cut);
    roster_free(r);
    hist_done(&h);
}

/* A registrar's key that was stolen and cut agrees to nothing any more, the one it rotated to does.
 */
static void test_cut_key_does_not_consent(void **state)
{
    (void)state;
    struct hist h;
    hist_init(&h);
    hist_basic(&h);
    struct act a = t_key("city", "cityb", false);
    hist_head(&h, &a, "city", 0, false);
    (void)hist_say(&h, &a, "city", true, "root cityb city");
    assert_int_equal(verdict(&h, t_key("s1", "s1b", true), "d1", false, "d1 s1b city"), 0);
    a = t_cut("city", "city");
    hist_head(&h, &a, "city", 0, false);
    (void)hist_say(&h, &a, "city", true, "root");
    assert_int_equal(verdict(&h, t_key("s2", "s2b", true), "d1", false, "d1 s2b city"),
                     SANJI_E_SIGNATURE);
    assert_int_equal(verdict(&h, t_key("s2", "s2c", true), "d1", false, "d1 s2c cityb"), 0);
    hist_done(&h);
}

/* The cut is known first or last, names the newest act about its subject or not: one outcome. */
static void test_cut_needs_void_act(void **state)
{
    (void)state;
    struct hist h;
    hist_init(&h);
    hist_basic(&h);
    struct act a = t_info("d1", "stolen name"); /* the thief's, in d1's stream at 3 */
    (void)hist_say(&h, &a, "d1", false, "d1");
    a = t_cut("d1", "d1"); /* its `after` is the thief's act, which it voids */
    hist_head(&h, &a, "d1", 2, false);
    (void)hist_say(&h, &a, "city", false, "city");
    struct roster *r = hist_fold(&h, NULL);
    assert_int_equal(get(r, "d1")->state, NODE_CUT);
    assert_string_not_equal(get(r, "d1")->name, "stolen name");
    roster_free(r);
    hist_done(&h);
}

static void test_competing(void **state)
{
    (void)state;
    struct hist h;
    hist_init(&h);
    hist_basic(&h);
    uint8_t after[HASH_LEN];
    memcpy(after, h.v[4].a.hash, HASH_LEN); /* node s1 */
    struct act a = t_info("s1", "by the street");
    (void)hist_say_after(&h, &a, "s1", false, "s1", after);
    a = t_info("s1", "by the district");
    (void)hist_say_after(&h, &a, "d1", false, "d1", after);
    struct roster *r = hist_fold(&h, NULL);
    assert_string_equal(get(r, "s1")->name, "by the district");
    roster_free(r);
    a = t_info("s1", "by the city");
    (void)hist_say_after(&h, &a, "city", false, "city", after);
    r = hist_fold(&h, NULL);
    assert_string_equal(get(r, "s1")->name, "by the city");
    assert_int_equal(void_count(r), 2);
    assert_int_equal(why_void(r, &h.v[h.n - 2].a), SANJI_E_CONFLICT);
    roster_free(r);
    /* of one author the first in its stream */
    a = t_info("s2", "second");
    a.n = tnode("s2");
    memcpy(after, h.v[5].a.hash, HASH_LEN);
    (void)hist_say_after(&h, &a, "d1", false, "d1", after);
    a = t_info("s2", "third");
    (void)hist_say_after(&h, &a, "d1", false, "d1", after);
    r = hist_fold(&h, NULL);
    assert_string_equal(get(r, "s2")->name, "second");
    roster_free(r);
    /* what follows the loser stands for itself */
    memcpy(after, h.v[h.n - 1].a.hash, HASH_LEN);
    a = t_info("s2", "behind the loser");
    struct hact *x = hist_say_after(&h, &a, "city", false, "city", after);
    r = hist_fold(&h, NULL);
    assert_string_equal(get(r, "s2")->name, "behind the loser");
    assert_int_equal(why_void(r, &h.v[h.n - 2].a), SANJI_E_CONFLICT);
    roster_free(r);
    /* a predecessor that is not here keeps nobody from speaking; a first act has none */
    memset(after, 9, sizeof(after));
    a = t_info("s2", "later");
    (void)hist_say_after(&h, &a, "d1", false, "d1", after);
    a = t_node("x", "d1", 40, false, "x");
    x = hist_say_after(&h, &a, "d1", false, "d1 x", after);
    r = hist_fold(&h, NULL);
    assert_string_equal(get(r, "s2")->name, "later");
    assert_int_equal(why_void(r, &x->a), SANJI_E_GAP);
    roster_free(r);
    /* of two such acts the nearer to the root, once */
    a = t_info("s2", "later still");
    (void)hist_say_after(&h, &a, "city", false, "city", after);
    r = hist_fold(&h, NULL);
    assert_string_equal(get(r, "s2")->name, "later still");
    roster_free(r);
    hist_done(&h);
}

static void test_move(void **state)
{
    (void)state;
    struct hist h;
    hist_init(&h);
    hist_basic(&h);
    assert_int_equal(verdict(&h, t_move("s1", "d2"), "d1", false, "d1"), SANJI_E_AUTHORITY);
    assert_int_equal(verdict(&h, t_move("s1", "d2"), "d2", false, "d2"), SANJI_E_AUTHORITY);
    assert_int_equal(verdict(&h, t_move("s1", "d1"), "city", false, "city"), SANJI_E_STATE);
    assert_int_equal(verdict(&h, t_move("s1", "s2"), "city", false, "city"), SANJI_E_SPEC);
    assert_int_equal(verdict(&h, t_move("d1", "s1"), "city", false, "city"), SANJI_E_SPEC);
    struct act a = t_move("s1", "d2");
    hist_head(&h, &a, "d1", 0, true);
    assert_int_equal(verdict(&h, a, "city", false, "city"), 0);
    struct roster *r = hist_fold(&h, NULL);
    assert_int_equal(void_count(r), 0);
    assert_string_equal(get(r, "s1")->up.s, tnode("d2").s);
    assert_int_equal(get(r, "s1")->n_former, 1);
    assert_string_equal(get(r, "s1")->former_up[0].s, tnode("d1").s);
    assert_true(roster_is_ancestor(r, tnode("d2").s, tnode("s1").s));
    assert_false(roster_is_ancestor(r, tnode("d1").s, tnode("s1").s));
    assert_true(roster_was_ancestor(r, tnode("d1").s, tnode("s1").s));
    assert_true(roster_was_ancestor(r, tnode("city").s, tnode("s1").s));
    assert_false(roster_was_ancestor(r, tnode("d1").s, tnode("s3").s));
    assert_false(roster_was_ancestor(r, tnode("s1").s, tnode("s1").s));
    assert_int_equal(roster_distance(r, tnode("s1").s, tnode("s2").s), 4);
    assert_int_equal(roster_distance(r, tnode("s1").s, tnode("s1").s), 0);
    assert_int_equal(roster_distance(r, tnode("s1").s, tnode("x").s), -1);
    roster_free(r);
    /* the former parent says nothing more, the new one does */
    assert_int_equal(verdict(&h, t_close("s1"), "d1", false, "d1"), SANJI_E_REVOKED);
    assert_int_equal(verdict(&h, t_info("s1", "new"), "d2", false, "d2"), 0);
    hist_done(&h);
}

/* A whole subtree moves: what its former registrar said before stands, what it says later does not.
 */
static void test_move_subtree(void **state)
{
    (void)state;
    struct hist h;
    hist_init(&h);
    hist_basic(&h);
    struct act a = t_node("u", "d1", 40, true, "u");
    (void)hist_say(&h, &a, "d1", false, "d1 u");
    a = t_node("x", "u", 50, false, "x");
    (void)hist_say(&h, &a, "d1", false, "d1 x");
    a = t_info("x", "before");
    (void)hist_say(&h, &a, "d1", false, "d1");
    struct act mv = t_move("u", "d2");
    hist_head(&h, &mv, "d1", 0, true);
    a = t_info("x", "after the move");
    struct hact *late = hist_say(&h, &a, "d1", false, "d1");
    uint8_t late_hash[HASH_LEN];
    memcpy(late_hash, late->a.hash, HASH_LEN);
    (void)hist_say(&h, &mv, "city", false, "city");
    struct roster *r = hist_fold(&h, NULL);
    assert_non_null(get(r, "x"));
    assert_string_equal(get(r, "x")->name, "before");
    assert_string_equal(get(r, "u")->up.s, tnode("d2").s);
    struct void_seen s = {.hash = late_hash};
    roster_each_void(r, on_void, &s);
    assert_int_equal(s.err, SANJI_E_REVOKED);
    assert_true(roster_was_ancestor(r, tnode("d1").s, tnode("x").s));
    assert_true(roster_was_ancestor(r, tnode("d2").s, tnode("x").s));
    roster_free(r);
    a = t_info("x", "by the new registrar");
    (void)hist_say(&h, &a, "d2", false, "d2");
    r = hist_fold(&h, NULL);
    assert_string_equal(get(r, "x")->name, "by the new registrar");
    roster_free(r);
    hist_done(&h);
}

static void test_close_and_rest(void **state)
{
    (void)state;
    struct hist h;
    hist_init(&h);
    hist_basic(&h);
    struct act a = {.type = ACT_STEWARD, .n = tnode("s1"), .st = tnode("d1")};
    assert_int_equal(verdict(&h, a, "city", false, "city"), 0);
    a.st = tnode("s1");
    assert_int_equal(verdict(&h, a, "city", false, "city"), SANJI_E_SPEC);
    a.st = tnode("nowhere");
    assert_int_equal(verdict(&h, a, "city", false, "city"), SANJI_E_UNKNOWN_KEY);
    a = (struct act){.type = ACT_QUOTA, .n = tnode("s1"), .items = 5, .bytes = 6};
    assert_int_equal(verdict(&h, a, "s1", false, "s1"), SANJI_E_AUTHORITY);
    assert_int_equal(verdict(&h, a, "d1", false, "d1"), 0);
    a = (struct act){.type = ACT_FLOOR, .n = tnode("d1"), .minv = "0.2.0", .date = "2026-12-01"};
    assert_int_equal(verdict(&h, a, "d1", false, "d1"), 0);
    a = (struct act){.type = ACT_INFO, .n = tnode("s1"), .url = "https://h:1", .has_tls = true};
    assert_int_equal(verdict(&h, a, "s1", false, "s1"), 0);
    a = t_close("s1");
    hist_head(&h, &a, "s1", 0, false);
    struct act_head priv[2] = {{.id = {1, 2, 3}}};
    priv[1] = a.heads[0];
    a.heads = priv;
    a.n_heads = 2;
    assert_int_equal(verdict(&h, a, "d1", false, "d1"), 0);
    assert_int_equal(verdict(&h, t_close("s1"), "d1", false, "d1"), SANJI_E_STATE);
    assert_int_equal(verdict(&h, t_key("s1", "s1b", true), "d1", false, "d1 s1b city"),
                     SANJI_E_CLOSED);
    assert_int_equal(verdict(&h, t_info("s1", "ghost"), "s1", false, "s1"), SANJI_E_REVOKED);
    assert_int_equal(verdict(&h, t_cut("s1", "s2"), "d1", false, "d1"), SANJI_E_NOT_FOUND);
    struct roster *r = hist_fold(&h, NULL);
    const struct roster_node *n = get(r, "s1");
    assert_int_equal(n->state, NODE_CLOSED);
    assert_string_equal(n->steward.s, tnode("d1").s);
    assert_int_equal(n->quota_items, 5);
    assert_int_equal(n->quota_bytes, 6);
    assert_string_equal(n->url, "https://h:1");
    assert_int_equal(n->keys[0].tls[0], 0);
    /* key positions: private streams are listed by id alone */
    struct bundle b = {0};
    const struct roster_key *k;
    const struct act_head *lim;
    b.hdr.by = tnode("s1");
    b.hdr.kid = tkey("s1")->kid;
    (void)snprintf(b.hdr.aud, sizeof(b.hdr.aud), "to:%s", tnode("s2").s);
    assert_int_equal(roster_key_covers(r, &b, &k, &lim), SANJI_E_UNKNOWN_KEY);
    assert_non_null(lim);
    memcpy(b.id, priv[0].id, HASH_LEN);
    assert_int_equal(roster_key_covers(r, &b, &k, &lim), 0);
    memset(b.id, 1, HASH_LEN);
    memcpy(b.hdr.prev, priv[0].id, HASH_LEN);
    assert_int_equal(roster_key_covers(r, &b, &k, &lim), SANJI_E_REVOKED);
    (void)snprintf(b.hdr.aud, sizeof(b.hdr.aud), "fed");
    assert_int_equal(roster_key_covers(r, &b, &k, &lim), SANJI_E_REVOKED);
    b.hdr.by = tnode("s2");
    assert_int_equal(roster_key_covers(r, &b, &k, &lim), SANJI_E_UNKNOWN_KEY);
    assert_null(k);
    b.hdr.kid = tkey("s2")->kid;
    assert_int_equal(roster_key_covers(r, &b, &k, &lim), 0);
    assert_null(lim);
    roster_free(r);
    hist_done(&h);
}

static void test_covers_public(void **state)
{
    (void)state;
    struct hist h;
    hist_init(&h);
    hist_basic(&h);
    struct act_head head = {.aud = "fed", .ep = 1, .seq = 5, .has_en = true, .id = {9}};
    struct act a = t_cut("s1", "s1");
    a.heads = &head;
    a.n_heads = 1;
    assert_int_equal(verdict(&h, a, "d1", false, "d1"), 0);
    struct roster *r = hist_fold(&h, NULL);
    struct bundle b = {0};
    const struct roster_key *k;
    const struct act_head *lim;
    b.hdr.by = tnode("s1");
    b.hdr.kid = tkey("s1")->kid;
    b.hdr.ep = 1;
    b.hdr.seq = 4;
    (void)snprintf(b.hdr.aud, sizeof(b.hdr.aud), "fed");
    assert_int_equal(roster_key_covers(r, &b, &k, &lim), 0);
    assert_int_equal(lim->seq, 5);
    b.hdr.seq = 5;
    assert_int_equal(roster_key_covers(r, &b, &k, &lim), SANJI_E_REVOKED); /* a fork at the head */
    b.id[0] = 9;
    assert_int_equal(roster_key_covers(r, &b, &k, &lim), 0);
    b.hdr.seq = 6;
    assert_int_equal(roster_key_covers(r, &b, &k, &lim), SANJI_E_REVOKED);
    b.hdr.seq = 1;
    b.hdr.en[0] = 1; /* a sibling epoch is another stream */
    assert_int_equal(roster_key_covers(r, &b, &k, &lim), SANJI_E_REVOKED);
    roster_free(r);
    hist_done(&h);
}

static void test_root_versions(void **state)
{
    (void)state;
    struct hist h;
    hist_init(&h);
    hist_basic(&h);
    const uint8_t *v1 = h.v[0].a.hash;
    struct act a = t_root("city", 2, 2, "r2a r2b r2c");
    memcpy(a.prev, v1, HASH_LEN);
    assert_int_equal(verdict(&h, a, "city", true, "r2a r2b"), SANJI_E_SIGNATURE);
    assert_int_equal(verdict(&h, a, "city", true, "root r2a"), SANJI_E_SIGNATURE);
    assert_int_equal(verdict(&h, a, "city", true, "root r2a r2a"), SANJI_E_SIGNATURE);
    struct act skip = t_root("city", 3, 1, "r2a");
    memcpy(skip.prev, v1, HASH_LEN);
    assert_int_equal(verdict(&h, skip, "city", true, "root r2a"), SANJI_E_OLD);
    assert_int_equal(verdict(&h, a, "city", true, "root r2a r2c"), 0);
    uint8_t v2[HASH_LEN];
    memcpy(v2, h.v[h.n - 1].a.hash, HASH_LEN);
    struct roster *r = hist_fold(&h, NULL);
    const uint8_t(*keys)[SIGN_PUB_LEN];
    int64_t k = 0;
    assert_int_equal(roster_root_version(r), 2);
    assert_int_equal(roster_root_keys(r, &keys, &k), 3);
    assert_int_equal(k, 2);
    assert_memory_equal(roster_g(r), h.g, HASH_LEN);
    roster_free(r);
    /* rollback: version 2 again from 1, or the old root speaking */
    struct act old = t_root("city", 2, 1, "root");
    memcpy(old.prev, h.v[0].a.hash, HASH_LEN);
    assert_int_equal(verdict(&h, old, "city", true, "root"), SANJI_E_SIGNATURE);
    assert_int_equal(verdict(&h, old, "city", true, "root r2a r2b"), SANJI_E_OLD);
    assert_int_equal(verdict(&h, t_info("city", "x"), "city", true, "root"), SANJI_E_SIGNATURE);
    assert_int_equal(verdict(&h, t_info("city", "x"), "city", true, "r2b r2c"), 0);
    hist_done(&h);
}

/* 60 acts of every type, some of them void. */
static void long_history(struct hist *h)
{
    char name[16];
    hist_basic(h);
    for (int i = 0; i < 16; i++) {
        (void)snprintf(name, sizeof(name), "t%d", i);
        const char *up = i % 3 == 0 ? "d1" : i % 3 == 1 ? "d2" : "city";
        char signers[32];
        (void)snprintf(signers, sizeof(signers), "%s %s", up, name);
        struct act a = t_node(name, up, 40 + i % 2, i % 5 == 0, name);
        (void)hist_say(h, &a, up, false, signers);
        a = t_info(name, i % 2 == 0 ? "even" : "odd");
        (void)hist_say(h, &a, i % 4 == 0 ? name : up, false, i % 4 == 0 ? name : up);
    }
    struct act a = t_node("below", "t0", 50, false, "below");
    (void)hist_say(h, &a, "d1", false, "d1 below");
    a = t_node("by-t0", "t0", 50, false, "by-t0");
    (void)hist_say(h, &a, "t0", false, "t0 by-t0");
    struct act mv = t_move("t0", "d2");
    hist_head(h, &mv, "d1", 0, true);
    a = t_info("below", "too late");
    (void)hist_say(h, &a, "d1", false, "d1");
    (void)hist_say(h, &mv, "city", false, "city");
    a = t_key("d2", "d2b", false);
    hist_head(h, &a, "d2", 0, false);
    (void)hist_say(h, &a, "city", false, "city d2 d2b");
    a = t_info("t1", "by the new key");
    (void)hist_say(h, &a, "d2", false, "d2b");
    a = t_info("t4", "by the old key");
    (void)hist_say(h, &a, "d2", false, "d2");
    struct act cut = t_cut("d1", "d1");
    hist_head(h, &cut, "d1", 0, false);
    a = t_node("late", "d1", 40, false, "late");
    (void)hist_say(h, &a, "d1", false, "d1 late");
    (void)hist_say(h, &cut, "city", false, "city");
    a = t_close("t2");
    (void)hist_say(h, &a, "city", false, "city");
    a = (struct act){.type = ACT_STEWARD, .n = tnode("t3"), .st = tnode("d2")};
    (void)hist_say(h, &a, "city", false, "city");
    a = (struct act){.type = ACT_QUOTA, .n = tnode("t4"), .items = 1, .bytes = 2};
    (void)hist_say(h, &a, "city", false, "city");
    a = t_key("d1", "d1b", true);
    (void)hist_say(h, &a, "city", false, "city d1b root");
    a = t_root("city", 2, 1, "root2");
    memcpy(a.prev, h->v[0].a.hash, HASH_LEN);
    (void)hist_say(h, &a, "city", true, "root root2");
    a = t_key("city", "cityb", false);
    hist_head(h, &a, "city", 0, false);
    (void)hist_say(h, &a, "city", true, "root2 city cityb");
    for (int i = 0; h->n < 60; i++) {
        (void)snprintf(name, sizeof(name), "e%d", i);
        a = t_node(name, "d1", 45, false, name);
        char signers[32];
        (void)snprintf(signers, sizeof(signers), "cityb %s", name);
        (void)hist_say(h, &a, "city", false, signers);
    }
}

static uint32_t lcg(uint32_t *s)
{
    *s = *s * 1664525U + 1013904223U;
    return *s >> 8;
}

static void test_any_order(void **state)
{
    (void)state;
    struct hist h;
    struct buf want, got;
    size_t perm[64];
    uint32_t seed = 1;
    hist_init(&h);
    long_history(&h);
    assert_int_equal(h.n, 60);
    buf_init(&want, 1 << 20);
    buf_init(&got, 1 << 20);
    struct roster *r = hist_fold(&h, NULL);
    roster_dump(r, &want);
    assert_non_null(get(r, "below"));
    assert_non_null(get(r, "by-t0"));
    assert_string_not_equal(get(r, "below")->name, "too late");
    assert_string_equal(get(r, "t1")->name, "by the new key");
    assert_string_not_equal(get(r, "t4")->name, "by the old key");
    assert_null(get(r, "late"));
    assert_int_equal(get(r, "t2")->state, NODE_CLOSED);
    struct audience fed = {.type = AUD_FED}, trust = {.type = AUD_TRUST};
    assert_false(roster_entitled(r, tnode("t1").s, &fed, tnode("t2").s));
    assert_true(roster_entitled(r, tnode("t1").s, &trust, tnode("t2").s)); /* it hears of it */
    assert_int_equal(roster_root_version(r), 2);
    roster_free(r);
    for (size_t i = 0; i < h.n; i++) {
        perm[i] = i;
    }
    for (int round = 0; round < 200; round++) {
        for (size_t i = h.n - 1; i > 0; i--) {
            size_t j = lcg(&seed) % (i + 1), t = perm[i];
            perm[i] = perm[j];
            perm[j] = t;
        }
        r = roster_new(h.g);
        bool changed;
        for (size_t i = 0; i < h.n; i++) {
            const struct hact *x = &h.v[perm[i]];
            assert_int_equal(roster_add(r, &x->a, &x->at), 0);
            if (i % 7 == (size_t)round % 7) { /* folds in between must leave no trace */
                assert_int_equal(roster_fold(r, &changed), 0);
            }
        }
        assert_int_equal(roster_fold(r, &changed), 0);
        buf_reset(&got);
        roster_dump(r, &got);
        assert_string_equal(buf_str(&got), buf_str(&want));
        roster_free(r);
    }
    buf_done(&want);
    buf_done(&got);
    hist_done(&h);
}

static void test_floor(void **state)
{
    (void)state;
    struct hist h;
    const char *minv = NULL, *date = NULL;
    hist_init(&h);
    hist_basic(&h);
    struct act a = {.type = ACT_FLOOR, .n = tnode("d1"), .minv = "1.10", .date = "2027-01-01"};
    (void)hist_say(&h, &a, "d1", false, "d1");
    a = (struct act){.type = ACT_FLOOR, .n = tnode("city"), .minv = "1.9", .date = "2026-12-01"};
    (void)hist_say(&h, &a, "city", false, "city");
    struct roster *r = hist_fold(&h, NULL);
    assert_true(roster_floor(r, tnode("s1").s, &minv, &date)); /* the stricter one */
    assert_string_equal(minv, "1.10");
    assert_string_equal(date, "2027-01-01");
    assert_true(roster_floor(r, tnode("s3").s, &minv, &date));
    assert_string_equal(minv, "1.9");
    assert_false(roster_floor(r, tnode("nobody").s, &minv, &date));
    roster_free(r);
    a = (struct act){.type = ACT_FLOOR, .n = tnode("d1"), .minv = "1.0", .date = "2027-01-01"};
    (void)hist_say(&h, &a, "d1", false, "d1"); /* taken back */
    r = hist_fold(&h, NULL);
    assert_true(roster_floor(r, tnode("s1").s, &minv, &date));
    assert_string_equal(minv, "1.9");
    roster_free(r);
    hist_done(&h);
}

/* Figures are added up where a node stood: by the dates of the moves, upwards from each. */
static void test_where_it_stood(void **state)
{
    (void)state;
    struct hist h;
    int64_t at[3];
    static const char *const to[] = {"d2", "d1", "d2"};
    hist_init(&h);
    hist_basic(&h);
    for (int i = 0; i < 3; i++) {
        struct act a = t_move("s1", to[i]);
        hist_head(&h, &a, "d1", 0, true);
        hist_head(&h, &a, "d2", 0, true);
        at[i] = 1700000000000 + (int64_t)h.n;
        assert_int_equal(verdict(&h, a, "city", false, "city"), 0);
    }
    struct roster *r = hist_fold(&h, NULL);
    const struct node_id nd1 = tnode("d1"), nd2 = tnode("d2"), top = tnode("city");
    const struct node_id ns1 = tnode("s1");
    const char *d1 = nd1.s, *d2 = nd2.s, *city = top.s, *s1 = ns1.s;
    assert_int_equal(get(r, "s1")->n_former, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(get(r, "s1")->former_until[i], at[i]);
    }
    for (int i = 0; i < 4; i++) { /* before each move, and after the last */
        int64_t ms = i < 3 ? at[i] - 1 : at[2];
        assert_int_equal(roster_stood_below(r, d1, s1, ms), i % 2 == 0);
        assert_int_equal(roster_stood_below(r, d2, s1, ms), i % 2 == 1);
        assert_true(roster_stood_below(r, city, s1, ms));
        assert_true(roster_stood_below(r, s1, s1, ms));
        assert_false(roster_stood_below(r, s1, city, ms));
    }
    assert_true(roster_stood_below(r, d1, s1, 0)); /* since ever, and for ever */
    assert_true(roster_stood_below(r, d2, s1, INT64_MAX));
    assert_false(roster_stood_below(r, city, tnode("x").s, 0));
    assert_false(roster_stood_below(r, tnode("x").s, s1, 0));
    roster_free(r);
    hist_done(&h);
}

/* ---- audiences over four levels, with a move ---- */

struct tree {
    struct hist h;
    struct roster *r;
    const char *const *names;
    size_t n;
};
static const char *const tree_names[] = {"city", "d1", "d2", "s1", "s2", "s3", "c1", "c3"};
enum { TREE_N = sizeof(tree_names) / sizeof(tree_names[0]) };

static void tree_make(struct tree *t, bool moved)
{
    hist_init(&t->h);
    hist_basic(&t->h);
    struct act a = t_node("c1", "s1", 50, false, "c1");
    (void)hist_say(&t->h, &a, "d1", false, "d1 c1");
    a = t_node("c3", "s3", 50, false, "c3");
    (void)hist_say(&t->h, &a, "d2", false, "d2 c3");
    if (moved) {
        a = t_move("s1", "d2");
        hist_head(&t->h, &a, "d1", 0, true);
        (void)hist_say(&t->h, &a, "city", false, "city");
    }
    t->r = hist_fold(&t->h, NULL);
    assert_int_equal(void_count(t->r), 0);
}

static void tree_done(struct tree *t)
{
    roster_free(t->r);
    hist_done(&t->h);
}

/* Parent in the test's own words, by name. */
static const char *parent(const char *n, bool moved)
{
    static const char *const up[][3] = {
        {"d1", "city", "city"}, {"d2", "city", "city"}, {"s1", "d1", "d2"}, {"s2", "d1", "d1"},
        {"s3", "d2", "d2"},     {"c1", "s1", "s1"},     {"c3", "s3", "s3"}};
    for (size_t i = 0; i < sizeof(up) / sizeof(up[0]); i++) {
        if (strcmp(up[i][0], n) == 0) {
            return up[i][moved ? 2 : 1];
        }
    }
    return NULL;
}

static bool above(const char *a, const char *n, bool moved)
{
    for (n = parent(n, moved); n != NULL; n = parent(n, moved)) {
        if (strcmp(a, n) == 0) {
            return true;
        }
    }
    return false;
}

static bool eq_or_above(const char *a, const char *n, bool moved)
{
    return strcmp(a, n) == 0 || above(a, n, moved);
}

static bool between(const char *a, const char *b, const char *x, bool moved)
{
    const char *m = a;
    while (!eq_or_above(m, b, moved)) {
        m = parent(m, moved);
    }
    return eq_or_above(m, x, moved) && (eq_or_above(x, a, moved) || eq_or_above(x, b, moved));
}

static bool want_entitled(enum aud_type t, const char *w, const char *x, const char *p, bool moved)
{
    if (strcmp(w, p) == 0) {
        return true;
    }
    switch (t) {
    case AUD_FED:
    case AUD_TRUST:
        return true;
    case AUD_SELF:
        return parent(w, moved) != NULL && strcmp(parent(w, moved), p) == 0;
    case AUD_SUB:
        return eq_or_above(x, p, moved) || above(p, x, moved);
    case AUD_UP:
        return above(p, w, moved) && above(x, w, moved) && eq_or_above(x, p, moved);
    case AUD_TO:
        return between(w, x, p, moved);
    case AUD_OWN:
    case AUD_COUNT:
        break;
    }
    return false;
}

static int want_write(enum aud_type t, const char *w, const char *x, bool moved)
{
    bool ok = true;
    bool down = above(x, w, moved) || above(x, w, false);
    bool up = above(w, x, moved) || above(w, x, false);
    if (t == AUD_SUB) {
        ok = strcmp(w, x) == 0 || down || up;
    } else if (t == AUD_UP) {
        ok = strcmp(w, x) == 0 || down;
    } else if (t == AUD_TO) {
        ok = strcmp(w, x) != 0;
    }
    return ok ? 0 : SANJI_E_AUDIENCE;
}

static void check_entitlement(bool moved)
{
    struct tree t;
    size_t yes = 0, all = 0;
    tree_make(&t, moved);
    for (int type = 0; type < AUD_COUNT; type++) {
        for (size_t w = 0; w < TREE_N; w++) {
            for (size_t x = 0; x < TREE_N; x++) {
                struct audience aud = {.type = (enum aud_type)type};
                if (aud.type == AUD_SUB || aud.type == AUD_UP || aud.type == AUD_TO) {
                    aud.n = 1;
                    aud.node[0] = tnode(tree_names[x]);
                }
                const char *by = tnode(tree_names[w]).s;
                char wid[20];
                (void)snprintf(wid, sizeof(wid), "%s", by);
                assert_int_equal(roster_may_write(t.r, wid, &aud),
                                 want_write(aud.type, tree_names[w], tree_names[x], moved));
                for (size_t p = 0; p < TREE_N; p++) {
                    struct node_id pid = tnode(tree_names[p]);
                    bool got = roster_entitled(t.r, wid, &aud, pid.s);
                    bool want =
                        want_entitled(aud.type, tree_names[w], tree_names[x], tree_names[p], moved);
                    if (got != want) {
                        fail_msg("type %d writer %s named %s peer %s moved %d: got %d", type,
                                 tree_names[w], tree_names[x], tree_names[p], moved, got);
                    }
                    all++;
                    yes += got ? 1 : 0;
                }
            }
        }
    }
    assert_int_equal(all, (size_t)AUD_COUNT * TREE_N * TREE_N * TREE_N);
    assert_true(yes > all / 4 && yes < all);
    tree_done(&t);
}

static void test_entitlement(void **state)
{
    (void)state;
    check_entitlement(false);
    check_entitlement(true);
}

/* A street that talks without end is heard up to its share; everybody else as before. */
static void test_share_of_acts(void **state)
{
    (void)state;
    struct hist h;
    hist_init(&h);
    hist_basic(&h);
    struct roster *r = hist_fold(&h, NULL);
    struct act a = t_info("s1", "x");
    struct node_id by = tnode("s1"), other = tnode("s2");
    struct roster_place at = {.by = by, .ep = 1, .en = {9}};
    bool changed;
    memcpy(a.g, h.g, HASH_LEN);
    a.has_g = true;
    a.by = by;
    for (int i = 0; i <= LIM_ACTS; i++) {
        char name[16];
        struct buf text;
        struct arena *ar = arena_new(1 << 16);
        struct act back;
        snprintf(name, sizeof name, "x%d", i);
        a.name = name;
        buf_init(&text, LIM_ITEM_BYTES);
        assert_int_equal(act_write(&a, &text), 0);
        assert_int_equal(act_parse(span_of(text.data, text.len), ar, &back, NULL), 0);
        int want = i < LIM_ACTS ? 0 : SANJI_E_SIZE;
        at.seq = i + 1;
        assert_int_equal(roster_add(r, &back, &at), want);
        buf_done(&text);
        arena_free(ar);
    }
    a = t_info("s2", "still heard");
    a.by = other;
    const struct hact *ok = hist_say(&h, &a, "s2", false, "s2");
    assert_int_equal(roster_add(r, &ok->a, &ok->at), 0);
    assert_int_equal(roster_fold(r, &changed), 0);
    assert_string_equal(get(r, "s2")->name, "still heard");
    roster_free(r);
    hist_done(&h);
}

static void test_entitlement_to_many(void **state)
{
    (void)state;
    struct tree t;
    tree_make(&t, false);
    struct audience aud = {.type = AUD_TO, .n = 2};
    aud.node[0] = tnode("s2");
    aud.node[1] = tnode("c3");
    struct node_id w = tnode("s1"), nobody = tnode("nobody");
    static const char *const in[] = {"s1", "s2", "d1", "city", "d2", "s3", "c3"};
    for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
        assert_true(roster_entitled(t.r, w.s, &aud, tnode(in[i]).s));
    }
    assert_false(roster_entitled(t.r, w.s, &aud, tnode("c1").s));
    assert_false(roster_entitled(t.r, w.s, &aud, nobody.s));
    assert_int_equal(roster_may_write(t.r, nobody.s, &aud), SANJI_E_UNKNOWN_KEY);
    aud.node[1] = nobody;
    assert_int_equal(roster_may_write(t.r, w.s, &aud), SANJI_E_UNKNOWN_KEY);
    /* trust of a writer nobody knows yet */
    aud = (struct audience){.type = AUD_TRUST};
    assert_true(roster_entitled(t.r, nobody.s, &aud, w.s));
    tree_done(&t);
}

/* ---- succession ---- */

/* The district federation A (root "ra", top "d9", street "s9") is placed under the city's root. */
static void succession(struct hist *h, struct roster **ret_b, struct roster **ret_a, bool handed)
{
    struct hist a;
    bool changed;
    hist_init(&a);
    hist_init(h);
    struct act x = t_root("d9", 1, 1, "ra");
    (void)hist_say(&a, &x, "d9", true, "ra");
    x = t_node("d9", NULL, 30, true, "d9");
    (void)hist_say(&a, &x, "d9", true, "ra d9");
    x = t_node("s9", "d9", 40, false, "s9");
    (void)hist_say(&a, &x, "d9", false, "d9 s9");
    hist_basic(h);
    struct act ho = {.type = ACT_HANDOVER, .n = tnode("d9")};
    memcpy(ho.to, h->g, HASH_LEN);
    hist_head(&a, &ho, "d9", 0, true);
    (void)hist_say(&a, &ho, "d9", true, handed ? "ra" : "s9");
    uint8_t hand[HASH_LEN];
    memcpy(hand, a.v[a.n - 1].a.hash, HASH_LEN);
    x = t_node("late9", "d9", 40, false, "late9"); /* beyond the handover, still under A */
    (void)hist_say(&a, &x, "d9", false, "d9 late9");
    struct act ad = {.type = ACT_ADOPT, .n = tnode("d9"), .up = tnode("city"), .lv = 31};
    memcpy(ad.to, a.g, HASH_LEN);
    memcpy(ad.prev, hand, HASH_LEN);
    (void)hist_say_after(h, &ad, "city", true, "root", hand);
    h->ep = 2; /* a new epoch with the new g */
    x = t_node("new9", "d9", 40, false, "new9");
    (void)hist_say(h, &x, "d9", false, "d9 new9");
    *ret_b = roster_new(h->g);
    *ret_a = roster_new(a.g);
    for (size_t i = 0; i < a.n + h->n; i++) { /* B hears of A last, A of B first */
        const struct hact *p = i < h->n ? &h->v[i] : &a.v[i - h->n];
        const struct hact *q = i < a.n ? &a.v[a.n - 1 - i] : &h->v[i - a.n];
        assert_int_equal(roster_add(*ret_b, &p->a, &p->at), 0);
        assert_int_equal(roster_add(*ret_a, &q->a, &q->at), 0);
    }
    assert_int_equal(roster_fold(*ret_b, &changed), 0);
    assert_int_equal(roster_fold(*ret_a, &changed), 0);
    hist_done(&a);
}

static void test_succession(void **state)
{
    (void)state;
    struct hist h;
    struct roster *b, *a;
    struct buf tb, ta;
    succession(&h, &b, &a, true);
    buf_init(&tb, 1 << 20);
    buf_init(&ta, 1 << 20);
    roster_dump(b, &tb);
    roster_dump(a, &ta);
    assert_string_equal(buf_str(&tb), buf_str(&ta));
    assert_memory_equal(roster_g(a), h.g, HASH_LEN);
    assert_string_equal(roster_top(a)->id.s, tnode("city").s);
    assert_string_equal(get(b, "d9")->up.s, tnode("city").s);
    assert_int_equal(get(b, "d9")->lv, 31);
    assert_true(roster_is_ancestor(b, tnode("city").s, tnode("s9").s));
    assert_non_null(get(b, "new9"));
    assert_null(get(b, "late9"));
    assert_true(roster_knows_g(a, h.g) && roster_knows_g(b, h.g));
    struct audience fed = {.type = AUD_FED};
    assert_true(roster_entitled(b, tnode("s9").s, &fed, tnode("s1").s));
    assert_true(roster_entitled(a, tnode("s1").s, &fed, tnode("s9").s));
    buf_done(&ta);
    buf_done(&tb);
    roster_free(a);
    roster_free(b);
    hist_done(&h);
}

/* Without the old quorum nothing is taken over: A's nodes are strangers to B. */
static void test_succession_refused(void **state)
{
    (void)state;
    struct hist h;
    struct roster *b, *a;
    struct audience fed = {.type = AUD_FED};
    succession(&h, &b, &a, false);
    assert_string_equal(roster_top(a)->id.s, tnode("d9").s);
    assert_non_null(get(a, "late9"));
    assert_false(roster_entitled(b, tnode("s9").s, &fed, tnode("s1").s));
    assert_int_equal(roster_may_write(b, tnode("s9").s, &fed), SANJI_E_UNKNOWN_KEY);
    assert_string_equal(roster_top(b)->id.s, tnode("city").s);
    roster_free(a);
    roster_free(b);
    hist_done(&h);
}

/* ---- size ---- */

static double now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void test_large(void **state)
{
    (void)state;
    struct hist h;
    char name[16], up[16], signers[40];
    int n = getenv("SANJI_TEST_NODES") == NULL ? 400 : 4000;
    hist_init(&h);
    struct act a = t_root("city", 1, 1, "root");
    (void)hist_say(&h, &a, "city", true, "root");
    a = t_node("city", NULL, 20, true, "city");
    (void)hist_say(&h, &a, "city", true, "root city");
    for (int i = 0; i < n; i++) {
        bool district = i < 20;
        (void)snprintf(name, sizeof(name), "n%d", i);
        (void)snprintf(up, sizeof(up), "n%d", i % 20);
        (void)snprintf(signers, sizeof(signers), "%s %s", district ? "city" : up, name);
        a = t_node(name, district ? "city" : up, district ? 30 : 40, district, name);
        (void)hist_say(&h, &a, district ? "city" : up, false, signers);
    }
    /* worst order: children before parents */
    struct roster *r = roster_new(h.g);
    for (size_t i = h.n; i > 0; i--) {
        const struct hact *x = &h.v[i - 1];
        assert_int_equal(roster_add(r, &x->a, &x->at), 0);
    }
    bool changed;
    double t0 = now_ms();
    assert_int_equal(roster_fold(r, &changed), 0);
    double t1 = now_ms();
    assert_int_equal(roster_count(r), (size_t)n + 1);
    a = t_info("n1", "again");
    struct hact *x = hist_say(&h, &a, "n1", false, "n1");
    assert_int_equal(roster_add(r, &x->a, &x->at), 0);
    double t2 = now_ms();
    assert_int_equal(roster_fold(r, &changed), 0);
    double t3 = now_ms();
    assert_true(changed);
    print_message("%d nodes: first fold %.1f ms, again %.2f ms\n", n, t1 - t0, t3 - t2);
    assert_true(t3 - t2 < 1000);
    roster_free(r);
    hist_done(&h);
}

static int done(void **state)
{
    (void)state;
    tkey_done();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_genesis),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_authority),
        cmocka_unit_test(test_wrong_stream),
        cmocka_unit_test(test_key_rotation),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_cut_key_does_not_consent),
        cmocka_unit_test(test_cut_needs_void_act),
        cmocka_unit_test(test_competing),
        cmocka_unit_test(test_move),
        cmocka_unit_test(test_where_it_stood),
        cmocka_unit_test(test_move_subtree),
        cmocka_unit_test(test_close_and_rest),
        cmocka_unit_test(test_covers_public),
        cmocka_unit_test(test_root_versions),
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_floor),
        cmocka_unit_test(test_entitlement),
        cmocka_unit_test(test_share_of_acts),
        cmocka_unit_test(test_entitlement_to_many),
        cmocka_unit_test(test_succession),
        cmocka_unit_test(test_succession_refused),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, done);
}
