/* SPDX-License-Identifier: Apache-2.0 */
/* Do both parties of a referral come to one state, whatever arrives first? The edge table is walked
 * exhaustively, two simulated parties act on what they know with messages delayed at random, and
 * the races that have a name have a test each. */
#include "protocol/calendar.h"
#include "protocol/flow_referral.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_names(void **st)
{
    (void)st;
    for (unsigned e = 0; e < RE_COUNT; e++) {
        enum ref_event back = RE_COUNT;
        const char *s = ref_event_name((enum ref_event)e);
        assert_int_equal(ref_event_by_name(s, strlen(s), &back), 0);
        assert_int_equal(back, e);
        assert_int_equal(ref_event_by_name(s, strlen(s) - 1, &back) == 0, false);
    }
    for (unsigned s = 0; s < RS_COUNT; s++) {
        assert_non_null(ref_state_name((enum ref_state)s));
        for (unsigned t = 0; t < s; t++) {
            assert_string_not_equal(ref_state_name((enum ref_state)s),
                                    ref_state_name((enum ref_state)t));
        }
    }
    assert_string_equal(ref_state_name(RS_COUNT), "unknown");
    assert_string_equal(ref_event_name(RE_COUNT), "unknown");
}

/* Every state x event x party: exactly the table, and the table has no two answers. */
static void test_exhaustive(void **st)
{
    (void)st;
    size_t legal = 0;
    for (unsigned s = 0; s < RS_COUNT; s++) {
        for (unsigned e = 0; e < RE_COUNT; e++) {
            for (unsigned p = 0; p < REF_PARTIES; p++) {
                size_t hits = 0;
                enum ref_state want = RS_COUNT;
                for (size_t i = 0; i < ref_edges_n; i++) {
                    const struct ref_edge *g = &ref_edges[i];
                    if (g->from == s && g->ev == e && g->who == p) {
                        hits++;
                        want = g->to;
                    }
                }
                assert_in_range(hits, 0, 1);
                enum ref_state got = RS_COUNT;
                int r = ref_next((enum ref_state)s, (enum ref_event)e, (enum ref_party)p, &got);
                assert_int_equal(r, hits == 1 ? 0 : SANJI_E_STATE);
                assert_int_equal(got, want);
                legal += hits;
            }
        }
    }
    assert_int_equal(legal, ref_edges_n);
}

/* Rights: the sender sends, asks, closes; whatever says something about the service is the
 * receiver's. */
static void test_rights(void **st)
{
    (void)st;
    for (size_t i = 0; i < ref_edges_n; i++) {
        const struct ref_edge *g = &ref_edges[i];
        bool of_i = g->ev == RE_SEND || g->ev == RE_GIVE_INFO || g->ev == RE_CANCEL_REQUEST ||
                    g->ev == RE_CLOSE || g->ev == RE_REOPEN || g->ev == RE_VOID;
        bool of_both = g->ev == RE_ERASE || g->ev == RE_RESEAL;
        assert_true(of_both || (g->who == REF_I) == of_i);
        assert_true(g->from != RS_ERASED);
        assert_true(g->to != RS_COMPLETED || g->who == REF_R || g->from == RS_COMPLETED);
    }
    /* Every state but draft is reached from nothing. */
    bool seen[RS_COUNT] = {[RS_NONE] = true, [RS_DRAFT] = true};
    for (int round = 0; round < RS_COUNT; round++) {
        for (size_t i = 0; i < ref_edges_n; i++) {
            seen[ref_edges[i].to] |= seen[ref_edges[i].from];
        }
    }
    for (int s = 0; s < RS_COUNT; s++) {
        assert_true(seen[s]);
    }
}

/* ---- PROTOCOL.md 18.2 ---- */

static char *slurp(const char *path)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *s = calloc(1, 1 << 20);
    assert_non_null(s);
    assert_in_range(fread(s, 1, (1 << 20) - 1, f), 1, (1 << 20) - 2);
    (void)fclose(f);
    return s;
}

/* A name in back quotes between p and end. */
static bool has_name(const char *p, const char *end, const char *name)
{
    char quoted[40];
    (void)snprintf(quoted, sizeof(quoted), "`%s`", name);
    const char *at = strstr(p, quoted);
    return at != NULL && at < end;
}

/* One row: "| `event` | who | `from`, ... | `to` or (stays) |". Returns how many edges it names. */
static size_t check_row(const char *row, bool *known)
{
    char cell[4][400];
    const char *end = strchr(row, '\n');
    const char *p = row;
    for (int i = 0; i < 4; i++) {
        const char *bar = strchr(p + 1, '|');
        assert_true(bar != NULL && bar < end);
        (void)snprintf(cell[i], sizeof(cell[i]), "%.*s", (int)(bar - p - 1), p + 1);
        p = bar;
    }
    size_t n = 0;
    for (size_t i = 0; i < ref_edges_n; i++) {
        const struct ref_edge *g = &ref_edges[i];
        bool stays = strstr(cell[3], "(stays)") != NULL;
        if (has_name(cell[0], cell[0] + sizeof(cell[0]), ref_event_name(g->ev)) &&
            strchr(cell[1], g->who == REF_I ? 'I' : 'R') != NULL &&
            has_name(cell[2], cell[2] + sizeof(cell[2]), ref_state_name(g->from)) &&
            (stays ? g->to == g->from
                   : has_name(cell[3], cell[3] + sizeof(cell[3]), ref_state_name(g->to)))) {
            assert_false(known[i]);
            known[i] = true;
            n++;
        }
    }
    size_t named = 0;
    for (const char *q = cell[2]; (q = strchr(q, '`')) != NULL; q++) {
        named++;
    }
    assert_int_equal(n, named / 2); /* no edge in the text that the table lacks */
    return n;
}

static void test_protocol_names_the_edges(void **st)
{
    (void)st;
    char *md = slurp(SANJI_SOURCE_DIR "/protocol/PROTOCOL.md");
    bool known[256] = {false};
    size_t n = 0;
    assert_in_range(ref_edges_n, 1, 256);
    const char *p = strstr(md, "\n| event | by | from | to |");
    assert_non_null(p);
    p = strstr(p, "|---|");
    for (p = strchr(p, '\n') + 1; *p == '|'; p = strchr(p, '\n') + 1) {
        n += check_row(p, known);
    }
    assert_int_equal(n, ref_edges_n);
    free(md);
}

/* ---- named races ---- */

#define I(step, seen, ev)                                                                          \
    {                                                                                              \
        REF_I, step, seen, RE_##ev, false                                                          \
    }
#define R(step, seen, ev)                                                                          \
    {                                                                                              \
        REF_R, step, seen, RE_##ev, true                                                           \
    }

static void shuffle(struct ref_ev *e, size_t n, uint64_t *rng)
{
    for (size_t i = n; i > 1; i--) {
        *rng = *rng * 6364136223846793005U + 1442695040888963407U;
        size_t j = (size_t)(*rng >> 33) % i;
        struct ref_ev t = e[i - 1];
        e[i - 1] = e[j];
        e[j] = t;
    }
}

static void race(const char *what, const struct ref_ev *evs, size_t n, enum ref_state state,
                 bool pending, int ignored)
{
    struct ref_ev e[32];
    uint64_t rng = 7;
    for (int i = 0; i < 200; i++) {
        struct ref_fold f;
        size_t m = n;
        memcpy(e, evs, n * sizeof(*e));
        e[m++] = evs[(size_t)i % n]; /* a repetition */
        shuffle(e, m, &rng);
        ref_fold(e, m, &f);
        if (f.state != state || f.cancel_pending != pending || f.ignored != ignored) {
            fail_msg("%s: %s pending %d ignored %d", what, ref_state_name(f.state),
                     f.cancel_pending, f.ignored);
        }
    }
}
#define RACE(what, state, pending, ignored, ...)                                                   \
    do {                                                                                           \
        static const struct ref_ev evs_[] = {__VA_ARGS__};                                         \
        race(what, evs_, sizeof(evs_) / sizeof(evs_[0]), state, pending, ignored);                 \
    } while (0)

#define OPENED I(1, 0, SEND), R(1, 1, DELIVERED), R(2, 1, OPEN)
#define TAKEN  OPENED, R(3, 1, ACCEPT)

static void test_races(void **st)
{
    (void)st;
    RACE("plain", RS_CLOSED, false, 0, TAKEN, R(4, 1, SERVE), R(5, 1, OUTCOME), I(2, 5, CLOSE));
    RACE("accept || cancel", RS_ACCEPTED, true, 0, TAKEN, I(2, 2, CANCEL_REQUEST));
    RACE("accept, cancel", RS_CANCEL_REQUESTED, true, 0, TAKEN, I(2, 3, CANCEL_REQUEST));
    RACE("cancel before acceptance", RS_CANCEL_REQUESTED, true, 0, OPENED, I(2, 0, CANCEL_REQUEST));
    RACE("accept || cancel, confirmed", RS_CANCELLED, false, 0, TAKEN, I(2, 2, CANCEL_REQUEST),
         R(4, 2, CANCEL_CONFIRM));
    RACE("accept || cancel, reported", RS_COMPLETED, false, 0, TAKEN, I(2, 2, CANCEL_REQUEST),
         R(4, 2, OUTCOME));
    RACE("accept || cancel, serves on knowing it", RS_ACCEPTED, true, 1, TAKEN,
         I(2, 2, CANCEL_REQUEST), R(4, 2, SERVE));
    RACE("accept || cancel, served meanwhile", RS_IN_SERVICE, true, 0, TAKEN,
         I(2, 2, CANCEL_REQUEST), R(4, 1, SERVE));
    RACE("outcome || cancel", RS_COMPLETED, false, 1, TAKEN, R(4, 1, OUTCOME),
         I(2, 3, CANCEL_REQUEST));
    RACE("decline || cancel", RS_DECLINED, false, 1, OPENED, R(3, 1, DECLINE),
         I(2, 2, CANCEL_REQUEST));
    RACE("decline after acceptance || cancel", RS_DECLINED, false, 1, TAKEN, R(4, 1, DECLINE),
         I(2, 3, CANCEL_REQUEST));
    RACE("void || delivered", RS_ERROR, false, 0, I(1, 0, SEND), I(2, 0, VOID), R(1, 1, DELIVERED));
    RACE("void || open", RS_CANCEL_REQUESTED, true, 0, OPENED, I(2, 0, VOID));
    RACE("void || accept", RS_ACCEPTED, true, 0, TAKEN, I(2, 1, VOID));
    RACE("void || outcome", RS_COMPLETED, false, 1, TAKEN, R(4, 1, OUTCOME), I(2, 1, VOID));
    RACE("void, then opened knowing it", RS_ERROR, false, 1, I(1, 0, SEND), I(2, 1, VOID),
         R(1, 1, DELIVERED), R(2, 2, OPEN));
    RACE("info asked and accepted meanwhile", RS_ACCEPTED, false, 0, OPENED, R(3, 1, ASK_INFO),
         I(2, 3, GIVE_INFO), R(4, 1, ACCEPT));
    RACE("info given", RS_RECEIVED, false, 0, OPENED, R(3, 1, ASK_INFO), I(2, 3, GIVE_INFO));
    RACE("second leg", RS_ACCEPTED, false, 0, OPENED, R(3, 1, DECLINE), I(2, 3, CLOSE),
         I(3, 3, REOPEN), R(4, 3, DELIVERED), R(5, 3, OPEN), R(6, 3, ACCEPT));
    RACE("close || erase", RS_ERASED, false, 1, TAKEN, R(4, 1, OUTCOME), I(2, 4, CLOSE),
         R(5, 1, ERASE));
    RACE("reseal changes nothing", RS_ACCEPTED, true, 0, TAKEN, I(2, 2, CANCEL_REQUEST),
         R(4, 2, RESEAL));
    RACE("the receiver cannot send", RS_NONE, false, 1, R(1, 0, SEND));
    RACE("nothing before send", RS_SENT, false, 2, R(1, 0, OPEN), R(2, 0, ACCEPT), I(1, 0, SEND));
    /* Two liars that each claim to have seen what the other has yet to write. */
    RACE("circle", RS_CANCEL_REQUESTED, true, 2, I(1, 9, SEND), R(1, 9, DELIVERED), R(2, 9, OPEN),
         I(2, 9, CANCEL_REQUEST));
    /* `seen` never falls: step 4 has forgotten what step 3 knew. */
    RACE("falling seen", RS_ERASED, false, 1, OPENED, I(2, 2, CANCEL_REQUEST),
         R(3, 2, CANCEL_CONFIRM), R(4, 0, ERASE), I(3, 9, RESEAL));
}

static void test_limits(void **st)
{
    (void)st;
    struct ref_fold f;
    ref_fold(NULL, 0, &f);
    assert_int_equal(f.state, RS_NONE);
    struct ref_ev *e = calloc(5000, sizeof(*e));
    assert_non_null(e);
    for (size_t i = 0; i < 5000; i++) { /* worst order, hostile numbers */
        e[i] = (struct ref_ev){i % 2 ? REF_I : REF_R, (int64_t)(5000 - i), INT64_MAX,
                               (enum ref_event)(i % RE_COUNT), true};
    }
    e[3].who = (enum ref_party)9;
    e[4].ev = (enum ref_event)99;
    bool applied[5000];
    ref_fold_applied(e, 5000, &f, applied);
    ref_fold(e, 4096, &f);
    free(e);
}

/* ---- two parties, delayed messages ---- */

struct party {
    enum ref_party me;
    struct ref_ev known[128]; /* own and received */
    size_t n;
    int64_t step; /* own last */
    size_t got;   /* how many of the other's events have arrived */
};

static uint32_t draw(uint64_t *rng, uint32_t n)
{
    *rng = *rng * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(*rng >> 33) % n;
}

static void act(struct party *p, uint64_t *rng)
{
    struct ref_fold f;
    enum ref_state next = RS_NONE;
    ref_fold(p->known, p->n, &f);
    for (int tries = 0; tries < 12; tries++) {
        enum ref_event e = (enum ref_event)draw(rng, RE_COUNT);
        if (ref_next(ref_now(&f), e, p->me, &next) == 0) {
            p->known[p->n++] =
                (struct ref_ev){p->me, ++p->step, (int64_t)p->got, e, draw(rng, 2) == 1};
            return;
        }
    }
}

/* The next event of `from` in its order arrives at `to`; some arrive twice. */
static void deliver(const struct party *from, struct party *to, uint64_t *rng)
{
    for (size_t i = 0; i < from->n; i++) {
        if (from->known[i].who == from->me && from->known[i].step == (int64_t)to->got + 1) {
            to->known[to->n++] = from->known[i];
            if (draw(rng, 8) == 0) {
                to->known[to->n++] = from->known[i];
            }
            to->got++;
            return;
        }
    }
}

/* Whatever the receiver was allowed to write by what it knew took effect and is never undone. */
static void nothing_of_r_lost(const struct party *r)
{
    bool applied[128];
    bool effective[128] = {false};
    struct ref_fold f;
    ref_fold_applied(r->known, r->n, &f, applied);
    for (size_t i = 0; i < r->n; i++) {
        if (r->known[i].who == REF_R) {
            effective[r->known[i].step] |= applied[i];
        }
    }
    for (int64_t step = 1; step <= r->step; step++) {
        assert_true(effective[step]);
    }
}

static void one_world(uint64_t seed)
{
    uint64_t rng = seed * 2 + 1;
    struct party i = {.me = REF_I};
    struct party r = {.me = REF_R};
    for (int t = 0; t < 60; t++) {
        switch (draw(&rng, 4)) {
        case 0:
            if (i.step < 20) {
                act(&i, &rng);
            }
            break;
        case 1:
            if (r.step < 20) {
                act(&r, &rng);
            }
            break;
        case 2:
            deliver(&i, &r, &rng);
            break;
        default:
            deliver(&r, &i, &rng);
        }
    }
    while ((int64_t)r.got < i.step) {
        deliver(&i, &r, &rng);
    }
    while ((int64_t)i.got < r.step) {
        deliver(&r, &i, &rng);
    }
    struct ref_fold a;
    struct ref_fold b;
    ref_fold(i.known, i.n, &a);
    ref_fold(r.known, r.n, &b);
    if (a.state != b.state || a.cancel_pending != b.cancel_pending || a.success != b.success ||
        a.ignored != b.ignored) {
        fail_msg("seed %llu: %s and %s", (unsigned long long)seed, ref_state_name(a.state),
                 ref_state_name(b.state));
    }
    nothing_of_r_lost(&r);
}

static void test_worlds(void **st)
{
    (void)st;
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        one_world(seed);
    }
}

/* All arrival orders of a small history, not only random ones. */
static void permute(struct ref_ev *e, size_t n, size_t k, const struct ref_fold *want, int *count)
{
    if (k == n) {
        struct ref_fold f;
        ref_fold(e, n, &f);
        assert_int_equal(f.state, want->state);
        assert_int_equal(f.cancel_pending, want->cancel_pending);
        assert_int_equal(f.ignored, want->ignored);
        (*count)++;
        return;
    }
    for (size_t i = k; i < n; i++) {
        struct ref_ev t = e[k];
        e[k] = e[i];
        e[i] = t;
        permute(e, n, k + 1, want, count);
        e[i] = e[k];
        e[k] = t;
    }
}

static void test_all_orders(void **st)
{
    (void)st;
    struct ref_ev e[] = {TAKEN, I(2, 2, CANCEL_REQUEST), R(4, 1, SERVE), R(5, 2, OUTCOME)};
    struct ref_fold want;
    int count = 0;
    ref_fold(e, 7, &want);
    assert_int_equal(want.state, RS_COMPLETED);
    assert_true(want.success);
    permute(e, 7, 0, &want, &count);
    assert_int_equal(count, 5040);
}

static void test_applied(void **st)
{
    (void)st;
    struct ref_ev e[] = {R(4, 1, OUTCOME), I(2, 3, CANCEL_REQUEST), TAKEN, TAKEN};
    bool applied[10];
    struct ref_fold f;
    ref_fold_applied(e, 10, &f, applied);
    assert_true(applied[0]);
    assert_false(applied[1]);
    int n = 0;
    for (int i = 2; i < 10; i++) {
        n += applied[i];
    }
    assert_int_equal(n, 4); /* repetitions do not count */
    assert_int_equal(f.ignored, 1);
}

static void test_overdue(void **st)
{
    (void)st;
    struct calendar cal;
    const int64_t hour = 3600000;
    calendar_init(&cal);
    int64_t mon = (int64_t)20780 * 24 * hour; /* 2026-11-23, a Monday, 08:00 in China */
    assert_int_equal(ref_overdue(RS_SENT, mon, mon + 24 * hour, calendar_workdays_cb, &cal),
                     OVERDUE_NONE);
    assert_int_equal(ref_overdue(RS_SENT, mon, mon + 24 * hour + 1, calendar_workdays_cb, &cal),
                     OVERDUE_DELIVERY);
    assert_int_equal(ref_overdue(RS_DELIVERED, mon, mon + 63 * hour, calendar_workdays_cb, &cal),
                     OVERDUE_NONE); /* Wednesday 23:00 */
    assert_int_equal(ref_overdue(RS_DELIVERED, mon, mon + 64 * hour, calendar_workdays_cb, &cal),
                     OVERDUE_OPEN); /* Thursday 00:00 */
    int64_t fri = mon + 96 * hour;
    assert_int_equal(ref_overdue(RS_DELIVERED, fri, fri + 96 * hour, calendar_workdays_cb, &cal),
                     OVERDUE_NONE); /* Tuesday: a weekend in between */
    assert_int_equal(ref_overdue(RS_RECEIVED, mon, mon + 7 * 24 * hour, calendar_workdays_cb, &cal),
                     OVERDUE_NONE);
    assert_int_equal(ref_overdue(RS_RECEIVED, mon, mon + 8 * 24 * hour, calendar_workdays_cb, &cal),
                     OVERDUE_ANSWER);
    assert_int_equal(
        ref_overdue(RS_CANCEL_REQUESTED, mon, mon + 8 * 24 * hour, calendar_workdays_cb, &cal),
        OVERDUE_ANSWER);
    assert_int_equal(
        ref_overdue(RS_ACCEPTED, mon, mon + 99 * 24 * hour, calendar_workdays_cb, &cal),
        OVERDUE_NONE);
    assert_int_equal(ref_overdue(RS_RECEIVED, mon, 0, calendar_workdays_cb, &cal), OVERDUE_NONE);
    assert_int_equal(ref_overdue(RS_RECEIVED, 0, INT64_MAX, calendar_workdays_cb, &cal),
                     OVERDUE_ANSWER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),      cmocka_unit_test(test_protocol_names_the_edges),
        cmocka_unit_test(test_exhaustive), cmocka_unit_test(test_rights),
        cmocka_unit_test(test_races),      cmocka_unit_test(test_limits),
        cmocka_unit_test(test_all_orders), cmocka_unit_test(test_worlds),
        cmocka_unit_test(test_applied),    cmocka_unit_test(test_overdue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
