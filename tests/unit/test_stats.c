/* SPDX-License-Identifier: Apache-2.0 */
/* Does a recount give the same cell whatever the order, and do months add up to years as section 19
 * says? */
#include "protocol/base/text.h"
#include "protocol/json_gate.h"
#include "protocol/kinds/kind.h"
#include "protocol/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct node_id A = {"naaaaaaaaaaaaa"};
static const struct node_id B = {"nbbbbbbbbbbbba"};
static const struct node_id C = {"nccccccccccccc"};

static int day(const char *s)
{
    int d = 0;
    assert_int_equal(date_parse(s, strlen(s), &d), 0);
    return d;
}

static void leaf(uint8_t out[HASH_LEN], int i)
{
    hash_bytes(&i, sizeof(i), out);
}

static struct stat_fact fact(enum stat_ind ind, const char *date, const struct node_id *with, int i)
{
    struct stat_fact f = {.ind = ind, .day = day(date)};
    if (with != NULL) {
        f.with = *with;
    }
    leaf(f.leaf, i);
    return f;
}

static void test_table(void **st)
{
    (void)st;
    char *md = calloc(1, 1 << 20);
    FILE *f = fopen(SANJI_SOURCE_DIR "/protocol/PROTOCOL.md", "rb");
    assert_non_null(md);
    assert_non_null(f);
    assert_in_range(fread(md, 1, (1 << 20) - 1, f), 1, (1 << 20) - 2);
    (void)fclose(f);
    for (unsigned i = 0; i < STAT_COUNT; i++) {
        const struct stat_indicator *x = &stat_indicators[i];
        enum stat_ind back = STAT_COUNT;
        assert_int_equal(stat_by_code(x->code, strlen(x->code), &back), 0);
        assert_int_equal(back, i);
        assert_int_equal(stat_indicators[x->mirror].mirror, i);
        assert_int_equal(stat_indicators[x->mirror].rule, x->rule);
        bool two = x->source == STAT_SRC_REF_I || x->source == STAT_SRC_REF_R;
        assert_int_equal(x->mirror == i, !two);
        char row[100];
        (void)snprintf(row, sizeof(row), "\n| `%s` | %s | %s |", x->code, x->unit,
                       x->rule == STAT_RULE_FLOW ? "flow" : "stock");
        if (strstr(md, row) == NULL) {
            fail_msg("PROTOCOL.md 19.1 has no row %s", row + 1);
        }
    }
    enum stat_ind none;
    assert_int_equal(stat_by_code("ref.sen", 7, &none), SANJI_E_NOT_FOUND);
    free(md);
}

static size_t facts(const char *kind, const char *d, struct stat_fact *out)
{
    uint8_t l[HASH_LEN];
    leaf(l, 1);
    assert_int_equal(json_gate(d, strlen(d), JSON_PROTOCOL, NULL), 0);
    return stat_facts_record(kind, span_of(d, strlen(d)), l, out);
}

static void test_record_facts(void **st)
{
    (void)st;
    struct stat_fact f[STAT_FACTS_MAX];
    assert_int_equal(facts("listing", "{\"kind\":\"venue\",\"title\":\"x\"}", f), 0); /* no since */
    assert_int_equal(facts("listing", "{\"since\":\"2026-11-03\"}", f), 2);
    assert_int_equal(f[0].ind, STAT_LISTING_NEW);
    assert_int_equal(f[1].ind, STAT_LISTING_LIVE);
    assert_int_equal(f[0].day, day("2026-11-03"));
    assert_int_equal(facts("listing", "{\"state\":\"paused\",\"since\":\"2026-11-03\"}", f), 1);
    assert_int_equal(facts("notice", "{\"since\":\"2026-11-03\"}", f), 0);
    assert_int_equal(facts("need", "{\"since\":\"2026-11-03\"}", f), 2);
    assert_int_equal(f[1].ind, STAT_NEED_OPEN);
    assert_int_equal(facts("need", "{\"state\":\"agreed\",\"since\":\"2026-11-03\"}", f), 2);
    assert_int_equal(f[1].ind, STAT_NEED_OPEN);
    assert_int_equal(facts("need", "{\"state\":\"closed\",\"since\":\"2026-11-03\"}", f), 1);
    assert_int_equal(
        facts("need", "{\"state\":\"fulfilled\",\"done\":\"2026-12-24\",\"since\":\"2026-11-03\"}",
              f),
        2);
    assert_int_equal(f[1].ind, STAT_NEED_MET);
    assert_int_equal(f[1].day, day("2026-12-24"));
    assert_int_equal(facts("need", "{\"state\":\"unmet\",\"since\":\"2026-11-03\"}", f), 2);
    assert_int_equal(f[1].ind, STAT_NEED_UNMET);
    assert_int_equal(f[1].day, day("2026-11-03"));
}

static void test_own_facts(void **st)
{
    (void)st;
    struct stat_fact f[STAT_FACTS_MAX];
    assert_int_equal(facts("org", "{\"name\":\"x\"}", f), 0);
    assert_int_equal(facts("org", "{\"name\":\"x\",\"since\":\"2026-11-03\"}", f), 1);
    assert_int_equal(f[0].ind, STAT_ORG_FILED);
    assert_int_equal(facts("org",
                           "{\"state\":\"incubating\",\"entered\":\"2026-10-01\",\"since\":"
                           "\"2026-11-03\"}",
                           f),
                     3);
    assert_int_equal(f[0].ind, STAT_ORG_ENTERED);
    assert_int_equal(f[1].day, day("2026-11-03"));
    assert_int_equal(f[2].ind, STAT_ORG_INCUBATING);
    assert_int_equal(f[2].day, day("2026-10-01"));
    assert_int_equal(facts("org", "{\"state\":\"left\",\"since\":\"2026-11-03\"}", f), 0);
    assert_int_equal(facts("org_event", "{\"kind\":\"honour\",\"date\":\"2026-11-03\"}", f), 1);
    assert_int_equal(f[0].ind, STAT_ORG_HONOUR);
    assert_int_equal(facts("org_event", "{\"kind\":\"donation\",\"date\":\"2026-11-03\"}", f), 1);
    assert_int_equal(f[0].ind, STAT_ORG_DONATION);
    assert_int_equal(facts("org_event", "{\"kind\":\"media\",\"date\":\"2026-11-03\"}", f), 0);
    assert_int_equal(facts("service", "{\"date\":\"2026-11-03\",\"since\":\"2026-12-01\"}", f), 1);
    assert_int_equal(f[0].ind, STAT_SERVICE_DONE);
    assert_int_equal(f[0].day, day("2026-11-03"));
    /* An answer to a booking counts by the day it is about. */
    static const struct {
        const char *state;
        size_t n;
        enum stat_ind also;
    } bookings[] = {{"held", 1, STAT_BOOKING_ASKED},       {"waitlisted", 1, STAT_BOOKING_ASKED},
                    {"cancelled", 1, STAT_BOOKING_ASKED},  {"confirmed", 2, STAT_BOOKING_GIVEN},
                    {"checked_in", 2, STAT_BOOKING_GIVEN}, {"completed", 2, STAT_BOOKING_GIVEN},
                    {"rejected", 2, STAT_BOOKING_REFUSED}, {"no_show", 3, STAT_BOOKING_GIVEN}};
    for (size_t i = 0; i < sizeof bookings / sizeof bookings[0]; i++) {
        char d[160];
        snprintf(d, sizeof d,
                 "{\"from\":\"2026-11-30T23:30\",\"to\":\"2026-12-01T01:00\",\"state\":\"%s\","
                 "\"since\":\"2026-10-01\"}",
                 bookings[i].state);
        assert_int_equal(facts("booking", d, f), bookings[i].n);
        assert_int_equal(f[0].ind, STAT_BOOKING_ASKED);
        assert_int_equal(f[0].day, day("2026-11-30"));
        assert_int_equal(f[bookings[i].n > 1].ind, bookings[i].also);
    }
    assert_int_equal(facts("activity", "{\"since\":\"2026-11-03\"}", f), 0);
}

static void test_event_facts(void **st)
{
    (void)st;
    struct stat_fact f[STAT_FACTS_MAX];
    uint8_t l[HASH_LEN];
    leaf(l, 1);
    for (unsigned e = 0; e < RE_COUNT; e++) {
        struct ref_ev ev = {REF_I, 1, 0, (enum ref_event)e, true};
        size_t n = stat_facts_event(REF_I, &ev, 5, &B, l, f);
        size_t want = e == RE_OUTCOME ? 2
                      : e == RE_SEND || e == RE_REOPEN || e == RE_DELIVERED || e == RE_ACCEPT ||
                              e == RE_DECLINE || e == RE_CANCEL_CONFIRM
                          ? 1
                          : 0;
        assert_int_equal(n, want);
        struct stat_fact g[STAT_FACTS_MAX];
        assert_int_equal(stat_facts_event(REF_R, &ev, 5, &A, l, g), n);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(stat_indicators[f[i].ind].mirror, g[i].ind);
            assert_string_equal(f[i].with.s, B.s);
        }
    }
    struct ref_ev not = {REF_R, 1, 0, RE_OUTCOME, false};
    assert_int_equal(stat_facts_event(REF_I, &not, 5, &B, l, f), 1);
    assert_int_equal(f[0].ind, STAT_REF_COMPLETED);
}

static size_t sample(struct stat_fact *f)
{
    size_t n = 0;
    f[n++] = fact(STAT_REF_SENT, "2026-11-01", &A, 1);
    f[n++] = fact(STAT_REF_SENT, "2026-11-30", &B, 2);
    f[n++] = fact(STAT_REF_SENT, "2026-11-15", &B, 3);
    f[n++] = fact(STAT_REF_SENT, "2026-11-15", &B, 3); /* the same item again */
    f[n++] = fact(STAT_REF_SENT, "2026-10-31", &A, 4);
    f[n++] = fact(STAT_REF_SENT, "2026-12-01", &A, 5);
    f[n++] = fact(STAT_REF_ACCEPTED, "2026-11-15", &A, 6);
    f[n++] = fact(STAT_LISTING_LIVE, "2020-01-01", NULL, 7);
    f[n++] = fact(STAT_LISTING_LIVE, "2026-11-30", NULL, 8);
    f[n++] = fact(STAT_LISTING_LIVE, "2026-12-01", NULL, 9);
    return n;
}

static void test_cells(void **st)
{
    (void)st;
    struct stat_fact f[16];
    struct stat_cell c;
    struct stat_cell again;
    size_t n = sample(f);
    assert_int_equal(stat_cell_make("2026-11", STAT_REF_SENT, f, n, &c), 0);
    assert_int_equal(c.v, 3);
    assert_int_equal(c.n, 3);
    assert_int_equal(c.n_by, 2);
    assert_string_equal(c.by[0].n.s, A.s);
    assert_int_equal(c.by[0].v, 1);
    assert_int_equal(c.by[1].v, 2);
    uint64_t rng = 3;
    for (int round = 0; round < 200; round++) {
        for (size_t i = n; i > 1; i--) {
            rng = rng * 6364136223846793005U + 1442695040888963407U;
            size_t j = (size_t)(rng >> 33) % i;
            struct stat_fact t = f[i - 1];
            f[i - 1] = f[j];
            f[j] = t;
        }
        struct stat_fact copy[16];
        memcpy(copy, f, sizeof(f));
        assert_int_equal(stat_cell_make("2026-11", STAT_REF_SENT, copy, n, &again), 0);
        assert_true(stat_cell_eq(&c, &again));
    }
    n = sample(f);
    assert_int_equal(stat_cell_make("2026-11", STAT_LISTING_LIVE, f, n, &c), 0);
    assert_int_equal(c.v, 2);
    assert_int_equal(c.n_by, 0);
    assert_false(stat_cell_eq(&c, &again));
    n = sample(f);
    f[0].leaf[0] ^= 1; /* another input, the same number */
    assert_int_equal(stat_cell_make("2026-11", STAT_REF_SENT, f, n, &c), 0);
    assert_int_equal(c.v, again.v);
    assert_false(stat_cell_eq(&c, &again));
    assert_int_equal(stat_cell_make("2026-11", STAT_NEED_NEW, NULL, 0, &c), 0);
    assert_int_equal(c.v, 0);
    static const char *const wrong[] = {"2026",       "2026-Q4", "2026-H1", "2026-13",
                                        "2026-11-01", "2026-W1", ""};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(stat_cell_make(wrong[i], STAT_NEED_NEW, NULL, 0, &c), SANJI_E_SPEC);
    }
}

static void test_content(void **st)
{
    (void)st;
    struct stat_fact f[16];
    struct stat_cell c;
    struct stat_cell back;
    struct fault flt;
    struct buf b;
    buf_init(&b, 1 << 16);
    size_t n = sample(f);
    assert_int_equal(stat_cell_make("2026-11", STAT_REF_SENT, f, n, &c), 0);
    c.locked = true;
    struct stat_head cov[2] = {{.aud = "up:naaaaaaaaaaaaa", .ep = 1, .seq = 9}, {.aud = NULL}};
    assert_int_equal(stat_cell_write(&c, cov, 2, &b), 0);
    assert_int_equal(json_gate(b.data, b.len, JSON_PROTOCOL, NULL), 0);
    struct span d = span_of(b.data, b.len);
    assert_int_equal(kind_check_content(kind_find("stat/1"), d, &flt), 0);
    assert_int_equal(stat_cell_read(d, &back, &flt), 0);
    assert_true(stat_cell_eq(&c, &back));
    assert_true(back.locked);
    const char *bad = "{\"period\":\"2026-11\",\"v\":1}";
    assert_int_equal(stat_cell_read(span_of(bad, strlen(bad)), &back, &flt), SANJI_E_SPEC);
    buf_done(&b);
}

/* The largest cell a writer makes passes the gate and fits an item. */
static void test_largest(void **st)
{
    (void)st;
    enum { N = STAT_BY_MAX };
    static struct stat_fact f[N + 1];
    static struct stat_head cov[STAT_COV_MAX];
    static struct stat_cell c;
    struct fault flt;
    struct buf b;
    buf_init(&b, 1 << 20);
    for (int i = 0; i <= N; i++) {
        uint8_t h[HASH_LEN];
        leaf(h, i);
        f[i] = fact(STAT_REF_SENT, "2026-11-01", NULL, i);
        node_id_make(h, &f[i].with);
    }
    assert_int_equal(stat_cell_make("2026-11", STAT_REF_SENT, f, N, &c), 0);
    assert_int_equal(c.n_by, N);
    assert_int_equal(stat_cell_write(&c, cov, STAT_COV_MAX, &b), 0);
    assert_int_equal(json_gate(b.data, b.len, JSON_PROTOCOL, NULL), 0);
    assert_int_equal(kind_check_content(kind_find("stat"), span_of(b.data, b.len), &flt), 0);
    assert_in_range(b.len, 1, LIM_ITEM_BYTES - 300);
    assert_int_equal(stat_cell_make("2026-11", STAT_REF_SENT, f, N + 1, &c), SANJI_E_SIZE);
    buf_done(&b);
}

static void test_periods(void **st)
{
    (void)st;
    char m[12][8];
    size_t n = 0;
    assert_int_equal(stat_months("2026", m, &n), 0);
    assert_int_equal(n, 12);
    assert_string_equal(m[0], "2026-01");
    assert_string_equal(m[11], "2026-12");
    assert_int_equal(stat_months("2026-Q4", m, &n), 0);
    assert_int_equal(n, 3);
    assert_string_equal(m[0], "2026-10");
    assert_int_equal(stat_months("2026-H1", m, &n), 0);
    assert_int_equal(n, 6);
    assert_string_equal(m[5], "2026-06");
    assert_int_equal(stat_months("2026-02", m, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(stat_months("2026-W07", m, &n), SANJI_E_SPEC);
    assert_int_equal(stat_months("2026-02-01", m, &n), SANJI_E_SPEC);
    assert_int_equal(stat_months("2026-00", m, &n), SANJI_E_SPEC);
    assert_int_equal(stat_months("x", m, &n), SANJI_E_SPEC);
    const int64_t v[3] = {5, 7, 6};
    const bool all[3] = {true, true, true};
    const bool gap[3] = {true, true, false};
    const bool none[3] = {false, false, false};
    assert_int_equal(stat_total(STAT_NEED_NEW, v, all, 3), 18);
    assert_int_equal(stat_total(STAT_NEED_NEW, v, gap, 3), 12);
    assert_int_equal(stat_total(STAT_NEED_OPEN, v, all, 3), 6);
    assert_int_equal(stat_total(STAT_NEED_OPEN, v, gap, 3), 7);
    assert_int_equal(stat_total(STAT_NEED_OPEN, v, none, 3), 0);
}

static void test_reconcile(void **st)
{
    (void)st;
    struct stat_fact f[4];
    static struct stat_cell i;
    static struct stat_cell r;
    struct stat_diff d;
    f[0] = fact(STAT_REF_SENT, "2026-11-01", &B, 1);
    f[1] = fact(STAT_REF_SENT, "2026-11-02", &B, 2);
    assert_int_equal(stat_cell_make("2026-11", STAT_REF_SENT, f, 2, &i), 0);
    f[0] = fact(STAT_REF_IN_SENT, "2026-11-01", &A, 1);
    f[1] = fact(STAT_REF_IN_SENT, "2026-11-02", &A, 2);
    assert_int_equal(stat_cell_make("2026-11", STAT_REF_IN_SENT, f, 2, &r), 0);
    assert_false(stat_reconcile(&i, &A, &r, &B, &d));
    assert_int_equal(d.i_says, 2);
    assert_memory_equal(i.sum, r.sum, HASH_LEN); /* both rest on the same items */
    assert_int_equal(stat_cell_make("2026-11", STAT_REF_IN_SENT, f, 1, &r), 0);
    assert_true(stat_reconcile(&i, &A, &r, &B, &d));
    assert_int_equal(d.i_says, 2);
    assert_int_equal(d.r_says, 1);
    assert_true(stat_reconcile(&i, &A, NULL, &B, &d));
    assert_int_equal(d.r_says, 0);
    assert_false(stat_reconcile(NULL, &A, NULL, &B, &d));
    assert_false(stat_reconcile(&i, &A, NULL, &C, &d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),     cmocka_unit_test(test_record_facts),
        cmocka_unit_test(test_own_facts), cmocka_unit_test(test_event_facts),
        cmocka_unit_test(test_cells),     cmocka_unit_test(test_content),
        cmocka_unit_test(test_largest),   cmocka_unit_test(test_periods),
        cmocka_unit_test(test_reconcile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
