/* SPDX-License-Identifier: Apache-2.0 */
/* Are the seats of an event judged as PROTOCOL.md 17.6 says: who has which, when, and how many? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/score.h"
#include "protocol/seats.h"

#include <stdio.h>
#include <string.h>

static struct span lit(const char *s)
{
    return span_of(s, strlen(s));
}

static struct seats_rules event(const char *more)
{
    static char d[600];
    struct seats_rules r;
    (void)snprintf(d, sizeof d,
                   "{\"from\":\"2026-12-05T09:00\",\"to\":\"2026-12-05T17:00\",\"seats\":10%s}",
                   more);
    seats_read(lit(d), &r);
    return r;
}

static void test_rules(void **state)
{
    (void)state;
    struct seats_rules r =
        event(",\"signup_from\":\"2026-12-01T00:00\",\"signup_to\":\"2026-12-04T12:00\"");
    struct bk_span other = {r.at.from, r.at.to + 60};
    int64_t day = 1440;
    assert_int_equal(seats_judge_rules(&r, r.at, r.at.from - 2 * day), BKR_NONE);
    assert_int_equal(seats_judge_rules(&r, r.at, r.at.from), BKR_PAST);
    assert_int_equal(seats_judge_rules(&r, r.at, r.opens - 1), BKR_AHEAD);
    assert_int_equal(seats_judge_rules(&r, r.at, r.opens), BKR_NONE);
    assert_int_equal(seats_judge_rules(&r, r.at, r.closes), BKR_NOTICE);
    assert_int_equal(seats_judge_rules(&r, other, r.at.from - 2 * day), BKR_CLOSED);
    r = event(",\"state\":\"closed\"");
    assert_int_equal(seats_judge_rules(&r, r.at, r.at.from - day), BKR_LISTING);
    assert_false(r.cancelled);
    r = event(",\"state\":\"cancelled\"");
    assert_true(r.cancelled);
}

static void test_tiers(void **state)
{
    (void)state;
    /* 10 seats: 4 for streets, 2 for districts, 4 for whoever else comes. */
    struct seats_rules r = event(",\"seats_street\":4,\"seats_district\":2");
    struct seats_use u = {.tier = {0}};
    u.tier[SEATS_STREET] = 4;
    assert_int_equal(seats_judge(&r, &u, SEATS_STREET), BKR_TAKEN);
    assert_int_equal(seats_judge(&r, &u, SEATS_DISTRICT), BKR_NONE);
    u.tier[SEATS_CITY] = 3;
    assert_int_equal(seats_judge(&r, &u, SEATS_COMMUNITY), BKR_NONE);
    u.tier[SEATS_OTHER] = 1;
    assert_int_equal(seats_judge(&r, &u, SEATS_COMMUNITY), BKR_TAKEN);
    assert_int_equal(seats_judge(&r, &u, SEATS_CITY), BKR_TAKEN);
    assert_int_equal(seats_judge(&r, &u, SEATS_DISTRICT), BKR_NONE);
    r = event(",\"seats_city\":0");
    assert_int_equal(seats_judge(&r, &u, SEATS_CITY), BKR_TAKEN); /* none, and no others */
    r = event(",\"per_node\":2");
    u.node = 1;
    assert_int_equal(seats_judge(&r, &u, SEATS_CITY), BKR_NONE);
    u.node = 2;
    assert_int_equal(seats_judge(&r, &u, SEATS_CITY), BKR_QUOTA);
    assert_int_equal(seats_judge_room(&r, &u, SEATS_CITY), BKR_NONE);
    assert_int_equal(seats_tier_of(40), SEATS_STREET);
    assert_int_equal(seats_tier_of(41), SEATS_OTHER);
}

/* Against counting by hand: whatever order seats are asked for in, no pool is ever exceeded, and
 * nobody is refused while his pool has room. */
static void test_any_order(void **state)
{
    (void)state;
    uint32_t x = 1;
    for (int round = 0; round < 2000; round++) {
        struct seats_rules r = {.total = 1 + (int64_t)(x % 12), .open = true};
        int64_t kept = 0;
        for (int i = 0; i < SEATS_TIERS; i++) {
            x = x * 1664525u + 1013904223u;
            int64_t own = (int64_t)(x >> 20) % 5 - 1;
            r.tier[i] = own > r.total - kept ? -1 : own;
            kept += r.tier[i] > 0 ? r.tier[i] : 0;
        }
        struct seats_use u = {.tier = {0}};
        int64_t common = 0, all = 0;
        for (int k = 0; k < 40; k++) {
            x = x * 1664525u + 1013904223u;
            enum seats_tier t = (enum seats_tier)((x >> 16) % SEATS_TIERS);
            bool room = r.tier[t] >= 0 ? u.tier[t] < r.tier[t] : common < r.total - kept;
            assert_int_equal(seats_judge(&r, &u, t) == BKR_NONE, room);
            if (room) {
                u.tier[t]++;
                common += r.tier[t] < 0;
                all++;
            }
        }
        assert_true(all <= r.total);
    }
}

#define FIVE "[[0,0,0,0,5],[0,0,0,0,5],[0,0,0,0,5],[0,0,0,0,5]]"
#define SIX  "[[0,0,0,0,6],[0,0,0,0,6],[0,0,0,0,6],[0,0,0,0,6]]"

static void test_score(void **state)
{
    (void)state;
    struct score s, shown;
    const int64_t good[SCORE_ITEMS] = {5, 5, 4, 1}, poor[SCORE_ITEMS] = {1, 4, 4, 1};
    assert_true(score_read(lit("{\"event\":\"e\",\"n\":1,\"counts\":[[0,0,0,0,1],[0,0,0,1,0],[1,0,"
                               "0,0,0],[0,1,0,0,0]]}"),
                           &s, &shown));
    score_add(&s, &shown, good);
    score_add(&s, &shown, poor);
    assert_int_equal(s.n, 3);
    assert_int_equal(score_mean(&s, 0), 367);
    assert_int_equal(score_mean(&s, 3), 133);
    assert_int_equal(shown.n, 0);
    for (int i = 4; i <= 11; i++) { /* what is shown moves by five */
        score_add(&s, &shown, poor);
        assert_int_equal(shown.n, i - i % 5);
    }
    assert_int_equal(score_mean(&shown, 0), 180);
    assert_int_equal(score_mean(&s, 0), 173);
    /* of a record that does not say what is shown nothing is, but at the steps */
    assert_true(score_read(lit("{\"n\":5,\"counts\":" FIVE "}"), &s, &shown));
    assert_int_equal(shown.n, 5);
    assert_true(score_read(lit("{\"n\":6,\"counts\":" SIX "}"), &s, &shown));
    assert_int_equal(shown.n, 0);
    assert_true(score_read(lit("{\"n\":6,\"counts\":" SIX ",\"shown\":" FIVE "}"), &s, &shown));
    assert_int_equal(shown.n, 5);
    static const char *const bad[] = {
        "{\"n\":6,\"counts\":" SIX ",\"shown\":" SIX "}",
        "{\"n\":5,\"counts\":" FIVE ",\"shown\":[[5,0,0,0,0],[0,0,0,0,5],[0,0,0,0,5],[0,0,0,0,5]]}",
        "{\"n\":1,\"counts\":[[0,0,0,0,1],[0,0,0,1,0],[1,0,0,0,0]]}",
        "{\"n\":1,\"counts\":[[0,0,0,0,2],[0,0,0,1,0],[1,0,0,0,0],[0,1,0,0,0]]}",
        "{\"n\":1,\"counts\":[[0,0,0,1],[0,0,0,1,0],[1,0,0,0,0],[0,1,0,0,0]]}",
        "{\"n\":1,\"counts\":[[0,0,0,-1,2],[0,0,0,1,0],[1,0,0,0,0],[0,1,0,0,0]]}",
        "{\"n\":1,\"counts\":[[0,0,0,0,1,0],[0,0,0,1,0],[1,0,0,0,0],[0,1,0,0,0]]}",
        "{\"n\":1,\"counts\":{}}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(score_read(lit(bad[i]), &s, &shown));
    }
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_tiers),
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_score),
    };
    return cmocka_run_group_tests(t, NULL, NULL);
}
