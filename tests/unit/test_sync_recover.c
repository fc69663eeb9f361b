/* SPDX-License-Identifier: Apache-2.0 */
/* Disk and keys lost (PROTOCOL.md 13.2): who has to agree, what comes back, what the old key and
 * the old invite are worth afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/world.h"

#include <stdio.h>
#include <string.h>

enum { CITY, DISTRICT, STREET };

struct town {
    struct world w;
    struct arena *a;
    struct msg_invite inv;
    struct key_id old;
};

static void write_some(struct world *w, int i, int from, int n)
{
    for (int k = from; k < from + n; k++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "v%d", k);
        assert_int_equal(world_put(w, i, "fed", id, 1, "a room", NULL), 0);
    }
}

static bool holds(struct world *w, int at, int owner, int n)
{
    struct mem_seen seen;
    for (int k = 0; k < n; k++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "v%d", k);
        if (mem_store_record(w->node[at].mem, w->node[owner].id.s, id, &seen) < 0) {
            return false;
        }
    }
    return true;
}

static const struct roster_key *newest(struct world *w, int at, int of)
{
    return roster_current_key(sync_roster(w->node[at].s), w->node[of].id.s);
}

static struct town *begin(void)
{
    struct town *t = test_calloc(1, sizeof(*t));
    world_init(&t->w, 7);
    t->a = arena_new(1 << 20);
    assert_int_equal(world_genesis(&t->w, "city", 20), CITY);
    assert_int_equal(world_enrol(&t->w, CITY, "district", 30, true), DISTRICT);
    world_run(&t->w, 60000);
    assert_int_equal(world_enrol(&t->w, DISTRICT, "street", 40, true), STREET);
    world_run(&t->w, 60000);
    return t;
}

static void end(struct town *t)
{
    arena_free(t->a);
    world_done(&t->w);
    test_free(t);
}

struct epoch {
    const char *by;
    uint32_t ep;
};
static void on_stream(const struct sync_stream_row *r, void *arg)
{
    struct epoch *e = arg;
    if (strcmp(r->key.by.s, e->by) == 0 && strcmp(r->key.aud, "fed") == 0 && r->key.ep > e->ep) {
        e->ep = r->key.ep;
    }
}

static void is_back(struct town *t, int lost)
{
    struct world *w = &t->w;
    for (int i = 0; i < w->n; i++) {
        const struct roster_key *k = newest(w, i, lost);
        assert_string_not_equal(k->kid.s, t->old.s);
        /* What its children connect to never changes, not even for the moment of the request. */
        assert_memory_equal(k->tls, w->node[lost].tls, HASH_LEN);
        assert_true(roster_key(sync_roster(w->node[i].s), w->node[lost].id.s, t->old.s)->ended);
        assert_true(holds(w, i, lost, 20));
    }
    assert_int_equal(sync_self_state(w->node[lost].s), SYNC_SELF_OK);
    write_some(w, lost, 20, 5);
    world_run(w, 60000);
    struct epoch e = {.by = w->node[lost].id.s};
    sync_each_stream(w->node[CITY].s, on_stream, &e);
    assert_int_equal(e.ep, 2);
    assert_true(holds(w, CITY, lost, 25));
    char state[16];
    assert_int_equal(world_enrol_with(w, lost, &t->inv, state), SANJI_E_REFUSED);
    assert_string_not_equal(newest(w, CITY, lost)->kid.s, t->old.s);
    assert_true(w->node[w->node[lost].up].alarms[-SANJI_E_USED] > 0);
}

static void test_street(void **state)
{
    (void)state;
    struct town *t = begin();
    struct world *w = &t->w;
    write_some(w, STREET, 0, 20);
    world_run(w, 60000);
    t->old = newest(w, CITY, STREET)->kid;
    /* One registrar alone does not do, however often it is asked. */
    assert_int_equal(world_recover(w, STREET, false, &t->inv, t->a), SANJI_E_PENDING);
    assert_string_equal(newest(w, CITY, STREET)->kid.s, t->old.s);
    assert_string_equal(newest(w, DISTRICT, STREET)->kid.s, t->old.s);
    assert_int_equal(world_recover(w, STREET, true, &t->inv, t->a), 0);
    assert_true(t->inv.lost);
    world_run(w, 120000);
    is_back(t, STREET);
    end(t);
}

static void test_district(void **state)
{
    (void)state;
    struct town *t = begin();
    struct world *w = &t->w;
    write_some(w, DISTRICT, 0, 20);
    world_run(w, 60000);
    t->old = newest(w, CITY, DISTRICT)->kid;
    /* The top agrees with the root's key or not at all. */
    assert_int_equal(world_recover(w, DISTRICT, false, &t->inv, t->a), SANJI_E_PENDING);
    assert_string_equal(newest(w, CITY, DISTRICT)->kid.s, t->old.s);
    assert_int_equal(world_recover(w, DISTRICT, true, &t->inv, t->a), 0);
    world_run(w, 120000);
    is_back(t, DISTRICT);
    end(t);
}

static int kid_of(const struct enrol_row *r, void *arg)
{
    *(struct key_id *)arg = r->kid;
    return 0;
}

/* A district that puts another key in the place of the one compared gets no signature for it. */
static void test_swapped(void **state)
{
    (void)state;
    struct town *t = begin();
    struct world *w = &t->w;
    struct sync_tick tick;
    struct key_id first = {0}, second = {0};
    write_some(w, STREET, 0, 5);
    world_run(w, 60000);
    t->old = newest(w, CITY, STREET)->kid;
    struct sync *city = w->node[CITY].s;
    assert_int_equal(world_recover(w, STREET, false, &t->inv, t->a), SANJI_E_PENDING);
    assert_int_equal(enrol_each(city, kid_of, &first), 0);
    assert_int_equal(world_recover(w, STREET, false, &t->inv, t->a), SANJI_E_PENDING);
    assert_int_equal(enrol_each(city, kid_of, &second), 0);
    assert_string_not_equal(first.s, second.s);
    world_tick(w, CITY, &tick);
    assert_int_equal(enrol_agree(city, &tick, w->node[STREET].id.s, first.s), SANJI_E_CONFLICT);
    assert_int_equal(enrol_approve(city, &tick, w->node[STREET].id.s, NULL, 0), SANJI_E_PENDING);
    world_run(w, 60000);
    assert_string_equal(newest(w, CITY, STREET)->kid.s, t->old.s);
    assert_int_equal(enrol_agree(city, &tick, w->node[STREET].id.s, second.s), 0);
    assert_int_equal(enrol_agree(city, &tick, "nabcdefghijklm", second.s), SANJI_E_NOT_FOUND);
    end(t);
}

/* Two of one district are lost, and nobody agrees to the first: the second comes back all the same,
 * whichever of the two ids is the smaller. */
static void test_two_lost(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        struct town *t = begin();
        struct world *w = &t->w;
        int two = world_enrol(w, DISTRICT, "second", 40, true);
        world_run(w, 60000);
        int silent = first == 0 ? STREET : two, back = first == 0 ? two : STREET;
        t->old = newest(w, CITY, back)->kid;
        assert_int_equal(world_recover(w, silent, false, &t->inv, t->a), SANJI_E_PENDING);
        assert_int_equal(world_recover(w, back, true, &t->inv, t->a), 0);
        world_run(w, 120000);
        assert_string_not_equal(newest(w, CITY, back)->kid.s, t->old.s);
        end(t);
    }
}

static void test_refused(void **state)
{
    (void)state;
    struct town *t = begin();
    struct world *w = &t->w;
    struct sync_tick tick;
    struct buf line;
    char st[16];
    buf_init(&line, 8192);
    world_tick(w, CITY, &tick);
    struct sync *city = w->node[CITY].s;
    assert_int_equal(enrol_recover(city, &tick, w->node[STREET].id.s, "https://x/", 1000, &line),
                     SANJI_E_AUTHORITY); /* its own parent does */
    assert_int_equal(enrol_recover(city, &tick, "nabcdefghijklm", "https://x/", 1000, &line),
                     SANJI_E_NOT_FOUND);
    assert_int_equal(enrol_recover(city, &tick, w->node[CITY].id.s, "https://x/", 1000, &line),
                     SANJI_E_AUTHORITY); /* the top has no parent */
    assert_int_equal(enrol_recover(city, &tick, w->node[DISTRICT].id.s, "https://x/", 1000, &line),
                     0);
    assert_int_equal(invite_read(buf_str(&line), line.len, t->a, &t->inv, NULL), 0);
    assert_false(t->inv.has_code); /* it has never written a backup of itself */
    world_run(w, 5000);
    assert_int_equal(world_enrol_with(w, DISTRICT, &t->inv, st), SANJI_E_REFUSED); /* too late */
    assert_int_equal(enrol_approve(city, &tick, w->node[DISTRICT].id.s, NULL, 0), SANJI_E_STATE);
    buf_done(&line);
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_street),  cmocka_unit_test(test_district),
        cmocka_unit_test(test_swapped), cmocka_unit_test(test_two_lost),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
