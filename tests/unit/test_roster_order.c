/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes hear of trust acts in any order, and one that joins after a theft is never given what the
 * thief wrote. All of them must come to the same roster: random histories with stolen registrars,
 * rotations, widened cuts and moves, each delivered to many nodes through the rule that refuses
 * bundles on arrival. */
#include "protocol/base/text.h"
#include "tests/support/acts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ACTS_MAX = 128, HISTORIES = 60, NODES = 6 };

static uint32_t rnd_state;

static uint32_t rnd(uint32_t n)
{
    rnd_state = rnd_state * 1664525U + 1013904223U;
    return (rnd_state >> 8) % n;
}

/* ---- a history ---- */

static const char *const streets[] = {"s1", "s2", "s3", "c1"};

struct story {
    struct hist h;
    const char *key[3]; /* present keys of city, d1, d2 */
    int64_t ep[3];
    int n_named;
};
static const char *const who[3] = {"city", "d1", "d2"};

/* One act of a registrar about something below it or itself. Its `after` is what somebody saw who
 * holds everything, now and then something older: two speak at the same time. */
static void say_something(struct story *x, int by)
{
    struct hist *h = &x->h;
    char name[24], signers[48];
    const char *about = by == 0   ? (rnd(2) == 0 ? who[1 + rnd(2)] : streets[rnd(4)])
                        : by == 1 ? (rnd(4) == 0 ? "d1" : streets[rnd(2)])
                                  : (rnd(4) == 0 ? "d2" : streets[2 + rnd(2)]);
    struct act a;
    h->ep = x->ep[by];
    (void)snprintf(name, sizeof(name), "x%d", x->n_named++);
    (void)snprintf(signers, sizeof(signers), "%s", x->key[by]);
    switch (rnd(7)) {
    case 0:
        a = t_node(name, by == 0 ? who[1 + rnd(2)] : who[by], 40, rnd(3) == 0, name);
        (void)snprintf(signers, sizeof(signers), "%s %s", x->key[by], name);
        break;
    case 1:
        a = (struct act){.type = ACT_QUOTA, .n = tnode(about), .items = 1 + rnd(9), .bytes = 7};
        break;
    case 2:
        a = t_close(streets[by == 2 ? 2 + rnd(2) : rnd(2)]);
        break;
    case 3:
        a = (struct act){.type = ACT_STEWARD, .n = tnode(about), .st = tnode(who[rnd(3)])};
        break;
    default:
        a = t_info(about, arena_strdup(h->ar, name));
        break;
    }
    if (rnd(5) == 0 && h->n > 8) {
        const struct hact *old = &h->v[7 + rnd((uint32_t)h->n - 7)];
        a.n = old->a.n;
        (void)hist_say_after(h, &a, who[by], false, signers, old->a.after);
    } else {
        (void)hist_say(h, &a, who[by], false, signers);
    }
}

static int64_t written(const struct story *x, int by)
{
    int64_t n = 0;
    struct node_id id = tnode(who[by]);
    for (size_t i = 0; i < x->h.n; i++) {
        const struct roster_place *at = &x->h.v[i].at;
        n += node_id_cmp(&at->by, &id) == 0 && at->ep == x->ep[by];
    }
    return n;
}

/* The city ends a registrar's key somewhere in what it wrote; what lies behind was a thief's. */
static void cut(struct story *x, int who_by)
{
    struct act a = t_cut(who[who_by], x->key[who_by]);
    int64_t n = written(x, who_by);
    x->h.ep = x->ep[who_by];
    if (n > 0) {
        hist_head(&x->h, &a, who[who_by], 1 + rnd((uint32_t)n), false);
    }
    x->h.ep = 1;
    (void)hist_say(&x->h, &a, "city", false, "city");
}

static void new_key(struct story *x, int by, bool lost)
{
    static const char *const keys[3][4] = {
        {"city"}, {"d1", "d1b", "d1c", "d1d"}, {"d2", "d2b", "d2c", "d2d"}};
    int next = 0;
    char signers[64];
    while (next < 4 && strcmp(keys[by][next], x->key[by]) != 0) {
        next++;
    }
    if (next >= 3) {
        return;
    }
    struct act a = t_key(who[by], keys[by][next + 1], lost);
    x->h.ep = x->ep[by];
    int64_t n = written(x, by);
    if (n > 0) {
        int64_t end = n - (rnd(3) == 0 ? rnd((uint32_t)n) : 0);
        hist_head(&x->h, &a, who[by], end, false);
    }
    x->h.ep = 1;
    (void)snprintf(signers, sizeof(signers), "city %s %s", keys[by][next + 1],
                   lost ? "root" : x->key[by]);
    (void)hist_say(&x->h, &a, "city", false, signers);
    x->key[by] = keys[by][next + 1];
    x->ep[by]++; /* it goes on in a new epoch */
}

static void story_make(struct story *x)
{
    *x = (struct story){.key = {"city", "d1", "d2"}, .ep = {1, 1, 1}};
    hist_init(&x->h);
    hist_basic(&x->h);
    struct act a = t_node("c1", "s3", 50, false, "c1");
    (void)hist_say(&x->h, &a, "d2", false, "d2 c1");
    int n = 12 + (int)rnd(16);
    for (int i = 0; i < n; i++) {
        int by = (int)rnd(3);
        uint32_t what = rnd(14);
        if (what == 0) {
            cut(x, 1 + (int)rnd(2));
        } else if (what == 1) {
            int k = 1 + (int)rnd(2);
            cut(x, k);
            new_key(x, k, true);
        } else if (what == 2) {
            new_key(x, 1 + (int)rnd(2), false);
        } else if (what == 3) {
            struct act mv = t_move(streets[rnd(3)], who[1 + rnd(2)]);
            x->h.ep = x->ep[1];
            if (written(x, 1) > 0) {
                hist_head(&x->h, &mv, "d1", 0, true);
            }
            x->h.ep = 1;
            (void)hist_say(&x->h, &mv, "city", false, "city");
        } else {
            say_something(x, by);
        }
    }
    /* every theft is found out in the end */
    cut(x, 1);
    assert_true(x->h.n < ACTS_MAX);
}

/* ---- what went wrong ---- */

static void show_void(const struct act *a, const char *by, int64_t seq, int err, void *arg)
{
    (void)arg;
    print_message("  void %s %s by %.5s/%lld: %s\n", act_type_name(a->type), a->n.s, by,
                  (long long)seq, err_name(err));
}

static void show(const struct hist *h, const struct roster *a, const struct roster *b)
{
    for (size_t i = 0; i < h->n; i++) {
        const struct hact *x = &h->v[i];
        print_message("%2zu %.5s ep %lld seq %lld: %s %s %02x after %02x\n", i, x->at.by.s,
                      (long long)x->at.ep, (long long)x->at.seq, act_type_name(x->a.type), x->a.n.s,
                      x->a.hash[0], x->a.after[0]);
        for (size_t k = 0; k < x->a.n_heads; k++) {
            print_message("      head ep %lld seq %lld\n", (long long)x->a.heads[k].ep,
                          (long long)x->a.heads[k].seq);
        }
    }
    print_message("the node that holds all:\n");
    roster_each_void(a, show_void, NULL);
    print_message("the other:\n");
    roster_each_void(b, show_void, NULL);
}

/* ---- a node that hears of it ---- */

/* May this bundle be stored now? */
static int verdict(const struct roster *r, const struct hact *x)
{
    struct bundle b = {.hdr = {.by = x->at.by, .aud = "trust", .ep = x->at.ep, .seq = x->at.seq}};
    const struct roster_key *key = NULL;
    const struct act_head *limit = NULL;
    memcpy(b.hdr.en, x->at.en, sizeof(b.hdr.en));
    memcpy(b.id, x->at.id, HASH_LEN);
    b.hdr.kid = x->at.kid;
    return b.hdr.kid.s[0] == '\0' ? 0 : roster_key_covers(r, &b, &key, &limit);
}

static bool is_next(const struct hist *h, const bool *held, size_t i)
{
    for (size_t k = 0; k < h->n; k++) {
        const struct roster_place *a = &h->v[k].at, *b = &h->v[i].at;
        if (!held[k] && a->seq < b->seq && a->ep == b->ep && node_id_cmp(&a->by, &b->by) == 0) {
            return false;
        }
    }
    return true;
}

/* Delivers stream by stream in the order of `first`, or at random, until nothing more is taken. */
static struct roster *deliver(const struct hist *h, int first, size_t *ret_refused)
{
    struct roster *r = roster_new(h->g);
    bool held[ACTS_MAX] = {false}, changed, any = true;
    struct node_id lead = tnode(who[first < 3 ? first : 0]);
    for (int round = 0; any; round++) {
        any = false;
        size_t start = rnd((uint32_t)h->n);
        for (size_t k = 0; k < h->n; k++) {
            size_t i = (start + k) % h->n;
            const struct hact *x = &h->v[i];
            bool skip = first < 3 && round == 0 && node_id_cmp(&x->at.by, &lead) != 0;
            if (held[i] || !is_next(h, held, i) || (first == 3 && rnd(2) == 0)) {
                any = any || (!held[i] && first == 3 && round < 64);
                continue;
            }
            if (skip || verdict(r, x) < 0) {
                any = any || skip;
                continue;
            }
            assert_int_equal(roster_add(r, &x->a, &x->at), 0);
            assert_int_equal(roster_fold(r, &changed), 0);
            held[i] = any = true;
        }
    }
    *ret_refused = 0;
    for (size_t i = 0; i < h->n; i++) {
        *ret_refused += !held[i];
    }
    return r;
}

static void test_late_joiner(void **state)
{
    (void)state;
    size_t refused_any = 0, held_all = 0;
    struct buf want, got;
    buf_init(&want, 1 << 20);
    buf_init(&got, 1 << 20);
    const char *more = getenv("SANJI_TEST_HISTORIES");
    int64_t histories = HISTORIES;
    assert_true(more == NULL || text_i64(more, strlen(more), 1, INT32_MAX, &histories) == 0);
    for (int i = 0; i < (int)histories; i++) {
        struct story x;
        rnd_state = (uint32_t)i + 1;
        story_make(&x);
        struct roster *all = hist_fold(&x.h, NULL); /* whoever was there all the time */
        buf_reset(&want);
        roster_dump(all, &want);
        for (int k = 0; k < NODES; k++) {
            size_t refused = 0;
            struct roster *r = deliver(&x.h, k % 4, &refused);
            refused_any += refused > 0;
            held_all += refused == 0;
            buf_reset(&got);
            roster_dump(r, &got);
            if (strcmp(buf_str(&got), buf_str(&want)) != 0) {
                print_message("history %d, node %d, %zu refused\n", i, k, refused);
                show(&x.h, all, r);
            }
            assert_string_equal(buf_str(&got), buf_str(&want));
            roster_free(r);
        }
        roster_free(all);
        hist_done(&x.h);
    }
    assert_true(refused_any > 0 && held_all > 0); /* both kinds of node were there */
    buf_done(&want);
    buf_done(&got);
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
        cmocka_unit_test(test_late_joiner),
    };
    return cmocka_run_group_tests(tests, NULL, done);
}
