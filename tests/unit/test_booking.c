/* SPDX-License-Identifier: Apache-2.0 */
/* Is a time given away only when it is open, in time, within the quota and nobody else's? The
 * engine is compared with a model that paints minutes, over thousands of random cases; the steps
 * are enumerated, state by state, event by event, for both parties. */
#include "protocol/base/text.h"
#include "protocol/booking.h"
#include "protocol/flow_booking.h"
#include "protocol/json_gate.h"
#include "protocol/kinds/choices.h"
#include "protocol/kinds/kind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DAY = 1440, DAYS = 70, MINUTES = DAYS * DAY, DAY0 = 20788 /* 2026-12-01 */ };

static uint32_t seed = 1;
static int rnd(int n)
{
    seed = seed * 1664525u + 1013904223u;
    return (int)((seed >> 8) % (uint32_t)n);
}

static int64_t minute(const char *s)
{
    int64_t m = 0;
    assert_int_equal(minute_parse(s, strlen(s), &m), 0);
    return m;
}

static struct bk_schedule schedule(const char *d, const char *id)
{
    struct bk_schedule s;
    struct fault f = {0};
    const struct kind *k = kind_find("schedule");
    assert_int_equal(json_gate(d, strlen(d), JSON_PROTOCOL, NULL), 0);
    if (kind_check_content(k, span_of(d, strlen(d)), &f) != 0) {
        fail_msg("%s: %s wants %s", d, f.member, f.want);
    }
    bk_schedule_read(span_of(d, strlen(d)), id, &s);
    return s;
}

/* ---- small forms ---- */

static void test_minutes(void **st)
{
    (void)st;
    char out[17];
    int64_t m = 0;
    assert_int_equal(minute("1970-01-01T00:00"), 0);
    assert_int_equal(minute("2026-12-01T09:30"), (int64_t)DAY0 * DAY + 570);
    minute_write(minute("2026-12-31T23:59"), out);
    assert_string_equal(out, "2026-12-31T23:59");
    static const char *const bad[] = {
        "2026-12-01 09:30", "2026-12-01T24:00", "2026-12-01T09:60",  "2026-13-01T09:00",
        "2026-12-01T9:300", "2026-12-01T09:3",  "2026-12-01T09:300", ""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_true(minute_parse(bad[i], strlen(bad[i]), &m) < 0);
    }
    assert_int_equal(minute_of_ms(minute("2026-12-01T08:00") * 60000 - 8 * 3600000),
                     minute("2026-12-01T08:00"));
}

static void test_hours(void **st)
{
    (void)st;
    struct bk_hours h;
    static const char *const good[] = {"", "09:00-12:00", "00:00-24:00", "09:00-12:00 12:00-18:00"};
    static const char *const bad[] = {"9:00-12:00",
                                      "09:00-25:00",
                                      "09:00-09:00",
                                      "12:00-09:00",
                                      "09:00-12:00 ",
                                      "09:00-12:00  13:00-14:00",
                                      "09:00-12:00 11:00-14:00",
                                      "09:00-24:01",
                                      "09:60-12:00",
                                      "x"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(bk_hours_parse(span_of(good[i], strlen(good[i])), &h), 0);
        assert_int_equal(h.n, i < 3 ? i > 0 : 2);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(bk_hours_parse(span_of(bad[i], strlen(bad[i])), &h), SANJI_E_SPEC);
    }
}

static void test_names(void **st)
{
    (void)st;
    char out[65];
    struct span ask;
    int64_t no = 0;
    enum bk_reason r;
    enum bk_state s;
    enum bk_event e;
    const char *p = CH_WHY_NOT;
    for (unsigned i = 0; i < BKR_COUNT; i++) { /* the words of the table, in its order */
        size_t n = strcspn(p, " ");
        assert_int_equal(bk_reason_by_name(p, n, &r), 0);
        assert_int_equal(r, i);
        assert_int_equal(strncmp(bk_reason_name(r), p, n), 0);
        p += n + (p[n] == ' ');
    }
    assert_int_equal(*p, '\0');
    p = CH_BOOKING;
    for (unsigned i = BKS_HELD; i < BKS_COUNT; i++) {
        size_t n = strcspn(p, " ");
        assert_int_equal(bk_state_by_name(p, n, &s), 0);
        assert_int_equal(s, i);
        p += n + (p[n] == ' ');
    }
    assert_int_equal(*p, '\0');
    for (unsigned i = 0; i < BKE_COUNT; i++) {
        const char *name = bk_event_name((enum bk_event)i);
        assert_int_equal(bk_event_by_name(name, strlen(name), &e), 0);
        assert_int_equal(e, i);
    }
    assert_int_equal(bk_event_by_name("x", 1, &e), SANJI_E_SPEC);
    assert_true(bk_answer_id("naaaaaaaaaaaaa", "a1", 60, out));
    assert_string_equal(out, "naaaaaaaaaaaaa.a1.60");
    assert_false(
        bk_answer_id("naaaaaaaaaaaaa", "12345678901234567890123456789012345678901", 1, out));
    assert_false(bk_answer_id("naaaaaaaaaaaaa", "a1", 61, out));
    assert_true(bk_instead_read(span_of("a.b.3", 5), &ask, &no) && ask.n == 3 && no == 3);
    static const char *const bad[] = {"a", "a.", ".1", "a.0", "a.61", "a.x", "../x.1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(bk_instead_read(span_of(bad[i], strlen(bad[i])), &ask, &no));
    }
}

/* ---- single rules, said by hand ---- */

static enum bk_reason judged(const struct bk_rules *r, const struct bk_use *u, size_t n,
                             const char *from, const char *to, const char *now)
{
    struct bk_use w = {{minute(from), minute(to)}, "n1", "o1"};
    return bk_judge(r, u, n, &w, minute(now));
}

static void test_rules(void **st)
{
    (void)st;
    static struct calendar cal;
    calendar_init(&cal);
    const char *y = "{\"year\":2026,\"holidays\":[\"2026-12-03\"],\"makeup\":[\"2026-12-05\"]}";
    assert_int_equal(calendar_add(&cal, span_of(y, strlen(y)), NULL), 0);
    struct bk_schedule s = schedule(
        "{\"listing\":\"v\",\"slot\":60,\"mon\":\"09:00-12:00 13:00-18:00\",\"tue\":\"09:00-12:00 "
        "13:00-18:00\",\"wed\":\"09:00-18:00\",\"thu\":\"09:00-18:00\",\"fri\":\"09:00-18:00\","
        "\"workdays\":true,\"closures\":[\"2026-12-11\"],\"before\":15,\"after\":15,"
        "\"notice_hours\":24,\"ahead_days\":30,\"cutoff_hours\":48,\"quota_per\":\"week\","
        "\"quota_org\":4,\"quota_node\":6}",
        "s1");
    struct bk_rules r = {&s, 1, &cal};
    struct bk_use u[2] = {{{minute("2026-12-08T10:00"), minute("2026-12-08T12:00")}, "n2", "o9"}};
    const char *now = "2026-12-01T08:00";
    /* clang-format off */
    const struct { const char *from, *to; enum bk_reason why; } t[] = {
        {"2026-12-01T08:00", "2026-12-01T09:00", BKR_PAST},
        {"2026-12-01T09:00", "2026-12-01T10:00", BKR_NOTICE},
        {"2026-12-02T08:00", "2026-12-02T09:00", BKR_CLOSED},
        {"2026-12-02T09:00", "2026-12-02T10:00", BKR_NONE},
        {"2026-12-02T09:30", "2026-12-02T10:30", BKR_LENGTH},
        {"2026-12-02T09:00", "2026-12-02T09:30", BKR_LENGTH},
        {"2026-12-02T17:00", "2026-12-02T19:00", BKR_CLOSED},
        {"2026-12-03T09:00", "2026-12-03T10:00", BKR_CLOSED}, /* holiday */
        {"2026-12-05T09:00", "2026-12-05T10:00", BKR_NONE},   /* a Saturday that is worked */
        {"2026-12-06T09:00", "2026-12-06T10:00", BKR_CLOSED},
        {"2026-12-07T11:00", "2026-12-07T14:00", BKR_CLOSED}, /* over noon */
        {"2026-12-11T09:00", "2026-12-11T10:00", BKR_CLOSED}, /* closed that day */
        {"2026-12-31T09:00", "2026-12-31T10:00", BKR_NONE},
        {"2027-01-01T09:00", "2027-01-01T10:00", BKR_AHEAD},
        {"2026-12-08T09:00", "2026-12-08T10:00", BKR_TAKEN},  /* no time between them */
        {"2026-12-08T11:00", "2026-12-08T12:00", BKR_TAKEN},
        {"2026-12-08T13:00", "2026-12-08T14:00", BKR_NONE},
        {"2026-12-09T13:00", "2026-12-09T18:00", BKR_QUOTA},  /* 5 h of 4 */
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        enum bk_reason why = judged(&r, u, 1, t[i].from, t[i].to, now);
        if (why != t[i].why) {
            fail_msg("%s: %s, not %s", t[i].from, bk_reason_name(why), bk_reason_name(t[i].why));
        }
    }
    u[1] = (struct bk_use){{minute("2026-12-09T09:00"), minute("2026-12-09T12:00")}, "n1", "o2"};
    assert_int_equal(judged(&r, u, 2, "2026-12-10T09:00", "2026-12-10T12:00", now), BKR_NONE);
    assert_int_equal(judged(&r, u, 2, "2026-12-10T09:00", "2026-12-10T13:00", now), BKR_QUOTA);
    assert_int_equal(judged(&r, u, 2, "2026-12-14T09:00", "2026-12-14T12:00", now), BKR_NONE);
    assert_true(bk_in_time(&r, u[1].at, minute("2026-12-07T09:00")));
    assert_false(bk_in_time(&r, u[1].at, minute("2026-12-07T09:01")));
    struct bk_rules none = {NULL, 0, &cal};
    assert_int_equal(judged(&none, NULL, 0, "2026-12-02T09:00", "2026-12-02T10:00", now),
                     BKR_LISTING);
}

static void test_over_midnight(void **st)
{
    (void)st;
    static struct calendar cal;
    calendar_init(&cal);
    struct bk_schedule s =
        schedule("{\"listing\":\"v\",\"slot\":1440,\"mon\":\"00:00-24:00\",\"tue\":"
                 "\"00:00-24:00\",\"wed\":\"00:00-24:00\"}",
                 "s");
    struct bk_rules r = {&s, 1, &cal};
    const char *now = "2026-12-01T08:00";
    assert_int_equal(judged(&r, NULL, 0, "2026-12-07T00:00", "2026-12-10T00:00", now), BKR_NONE);
    assert_int_equal(judged(&r, NULL, 0, "2026-12-07T00:00", "2026-12-11T00:00", now), BKR_CLOSED);
}

/* The schedule in force: the one that began last. */
static void test_schedules(void **st)
{
    (void)st;
    static struct calendar cal;
    calendar_init(&cal);
    struct bk_schedule s[3] = {
        schedule("{\"listing\":\"v\",\"slot\":30,\"wed\":\"09:00-10:00\"}", "a"),
        schedule(
            "{\"listing\":\"v\",\"slot\":30,\"wed\":\"14:00-15:00\",\"valid_from\":\"2026-12-09\","
            "\"valid_to\":\"2026-12-16\"}",
            "b"),
        schedule("{\"listing\":\"v\",\"slot\":30,\"valid_from\":\"2026-12-09\",\"valid_to\":\"2026-"
                 "12-16\","
                 "\"wed\":\"20:00-21:00\"}",
                 "c"),
    };
    struct bk_rules r = {s, 2, &cal};
    struct bk_span v[BK_DAY_SPANS];
    assert_int_equal(bk_open(&r, DAY0 + 1, v), 1);
    assert_int_equal(v[0].from % DAY, 9 * 60);
    assert_int_equal(bk_open(&r, DAY0 + 8, v), 1);
    assert_int_equal(v[0].from % DAY, 14 * 60);
    r.n = 3;
    assert_string_equal(bk_on(&r, DAY0 + 15)->id, "c");
    assert_string_equal(bk_on(&r, DAY0 + 22)->id, "a");
}

/* ---- the model: minutes painted one by one ---- */

struct plan { /* a schedule as the model sees it */
    int first, last, slot, before, after, notice, ahead, per, q_org, q_node;
    int open[7][4]; /* up to two spans in half hours */
    char id[8];
};
static struct plan plans[3];
static size_t n_plans;
static struct bk_schedule parsed[3];

static void plan_make(struct plan *p, int i)
{
    static const int slots[] = {30, 60, 90};
    static const char *const per[] = {"", "week", "month", "quarter"};
    static char d[2000];
    char day[11];
    memset(p, 0, sizeof *p);
    p->first = i == 0 ? -100000 : rnd(40);
    p->last = i == 0 ? 100000 : p->first + rnd(20);
    p->slot = slots[rnd(3)];
    p->before = rnd(3) * 15;
    p->after = rnd(3) * 10;
    p->notice = rnd(4) * 12;
    p->ahead = 1 + rnd(60);
    p->per = rnd(4);
    p->q_org = p->per != 0 ? rnd(8) : 0;
    p->q_node = p->per != 0 ? rnd(12) : 0;
    (void)snprintf(p->id, sizeof p->id, "s%d", rnd(90));
    size_t n = (size_t)snprintf(d, sizeof d, "{\"listing\":\"v\",\"slot\":%d", p->slot);
    if (i > 0) {
        date_write(DAY0 + p->first, day);
        n += (size_t)snprintf(d + n, sizeof d - n, ",\"valid_from\":\"%s\"", day);
        date_write(DAY0 + p->last, day);
        n += (size_t)snprintf(d + n, sizeof d - n, ",\"valid_to\":\"%s\"", day);
    }
    for (int w = 0; w < 7; w++) {
        int *o = p->open[w];
        if (rnd(6) == 0) {
            continue;
        }
        o[0] = rnd(20);
        o[1] = o[0] + 1 + rnd(12);
        o[2] = o[1] + rnd(4);
        o[3] = rnd(2) == 0 ? o[2] : o[2] + 1 + rnd(48 - o[2] > 1 ? 48 - o[2] - 1 : 1);
        n += (size_t)snprintf(d + n, sizeof d - n, ",\"%s\":\"%02d:%02d-%02d:%02d", bk_day_name[w],
                              o[0] / 2, o[0] % 2 * 30, o[1] / 2, o[1] % 2 * 30);
        if (o[3] > o[2]) {
            n += (size_t)snprintf(d + n, sizeof d - n, " %02d:%02d-%02d:%02d", o[2] / 2,
                                  o[2] % 2 * 30, o[3] / 2, o[3] % 2 * 30);
        }
        n += (size_t)snprintf(d + n, sizeof d - n, "\"");
    }
    n += (size_t)snprintf(d + n, sizeof d - n,
                          ",\"before\":%d,\"after\":%d,\"notice_hours\":%d,\"ahead_days\":%d",
                          p->before, p->after, p->notice, p->ahead);
    if (p->per != 0) {
        n += (size_t)snprintf(d + n, sizeof d - n, ",\"quota_per\":\"%s\"", per[p->per]);
    }
    if (p->q_org > 0) {
        n += (size_t)snprintf(d + n, sizeof d - n, ",\"quota_org\":%d", p->q_org);
    }
    if (p->q_node > 0) {
        n += (size_t)snprintf(d + n, sizeof d - n, ",\"quota_node\":%d", p->q_node);
    }
    (void)snprintf(d + n, sizeof d - n, "}");
    parsed[i] = schedule(d, p->id);
}

static const struct plan *plan_on(int day) /* days from DAY0 */
{
    const struct plan *best = NULL;
    for (size_t i = 0; i < n_plans; i++) {
        const struct plan *p = &plans[i];
        if (day < p->first || day > p->last) {
            continue;
        }
        if (best == NULL || p->first > best->first ||
            (p->first == best->first && strcmp(p->id, best->id) > 0)) {
            best = p;
        }
    }
    return best;
}

/* The span in which a minute is open, as its first minute; -1: closed. */
static int span_start(int m)
{
    const struct plan *p = plan_on(m / DAY);
    const int *o = p == NULL ? NULL : p->open[(m / DAY + 1) % 7]; /* DAY0 is a Tuesday */
    int half = m % DAY / 30;
    if (o == NULL) {
        return -1;
    }
    if (half >= o[0] && half < o[1]) {
        return m / DAY * DAY + o[0] * 30;
    }
    return half >= o[2] && half < o[3] ? m / DAY * DAY + o[2] * 30 : -1;
}

struct booked {
    int from, to, node, org;
};
static struct booked booked[200];
static size_t n_booked;

static int period_of(int per, int day)
{
    char s[11];
    int64_t month = 0, year = 0;
    date_write(DAY0 + day, s);
    assert_int_equal(text_i64(s, 4, 1, 9999, &year), 0);
    assert_int_equal(text_i64(s + (s[5] == '0' ? 6 : 5), s[5] == '0' ? 1 : 2, 1, 12, &month), 0);
    return (int)(per == 1   ? (day + 1) / 7
                 : per == 2 ? year * 12 + month
                            : year * 4 + (month - 1) / 3);
}

static enum bk_reason model(const struct booked *w, int now)
{
    static char blocked[MINUTES];
    const struct plan *p = plan_on(w->from / DAY);
    int org = w->to - w->from, node = org;
    if (w->from <= now) {
        return BKR_PAST;
    }
    for (int m = w->from; m < w->to; m++) {
        if (span_start(m) < 0) {
            return BKR_CLOSED;
        }
    }
    if ((w->from - span_start(w->from)) % p->slot != 0 || (w->to - w->from) % p->slot != 0) {
        return BKR_LENGTH;
    }
    if (w->from - now < p->notice * 60) {
        return BKR_NOTICE;
    }
    if (w->from / DAY - now / DAY > p->ahead) {
        return BKR_AHEAD;
    }
    memset(blocked, 0, sizeof blocked);
    for (size_t i = 0; i < n_booked; i++) {
        const struct booked *b = &booked[i];
        const struct plan *q = plan_on(b->from / DAY);
        for (int m = b->from - q->before; m < b->to + q->after; m++) {
            blocked[m] = 1;
        }
        if (p->per != 0 && period_of(p->per, b->from / DAY) == period_of(p->per, w->from / DAY) &&
            b->node == w->node) {
            node += b->to - b->from;
            org += b->org == w->org ? b->to - b->from : 0;
        }
    }
    if ((p->q_org > 0 && org > p->q_org * 60) || (p->q_node > 0 && node > p->q_node * 60)) {
        return BKR_QUOTA;
    }
    for (int m = w->from - p->before; m < w->to + p->after; m++) {
        if (blocked[m]) {
            return BKR_TAKEN;
        }
    }
    return BKR_NONE;
}

static const char *const node_name[] = {"n1", "n2", "n3"}, *const org_name[] = {"o1", "o2"};

static struct bk_use use_of(const struct booked *b)
{
    return (struct bk_use){{(int64_t)DAY0 * DAY + b->from, (int64_t)DAY0 * DAY + b->to},
                           node_name[b->node],
                           org_name[b->org]};
}

static size_t all_uses(struct bk_use *u)
{
    for (size_t i = 0; i < n_booked; i++) {
        u[i] = use_of(&booked[i]);
    }
    return n_booked;
}

static struct booked random_ask(void)
{
    struct booked w = {.node = rnd(3), .org = rnd(2)};
    w.from = (5 + rnd(50)) * DAY + rnd(48) * 30;
    w.to = w.from + (1 + rnd(8)) * 30;
    if (rnd(2) == 0) { /* on the grid of its day, so that enough are agreed to */
        for (int m = w.from; m < w.from + DAY; m += 30) {
            int s = span_start(m);
            const struct plan *p = plan_on(m / DAY);
            if (s >= 0 && (m - s) % p->slot == 0) {
                w.from = m;
                w.to = m + p->slot * (1 + rnd(2));
                break;
            }
        }
    }
    return w;
}

static void test_random(void **st)
{
    (void)st;
    static struct calendar cal;
    static struct bk_use u[200];
    int seen[BKR_COUNT + 1] = {0}, given = 0;
    calendar_init(&cal);
    for (int world = 0; world < 150; world++) {
        seed = (uint32_t)world * 77u + 5u;
        n_booked = 0;
        n_plans = 1 + (size_t)rnd(3);
        for (size_t i = 0; i < n_plans; i++) {
            plan_make(&plans[i], (int)i);
        }
        struct bk_rules r = {parsed, n_plans, &cal};
        int now = 4 * DAY + rnd(DAY);
        for (int step = 0; step < 60; step++) {
            struct booked w = random_ask();
            struct bk_use want = use_of(&w);
            size_t n = all_uses(u);
            enum bk_reason why = bk_judge(&r, u, n, &want, (int64_t)DAY0 * DAY + now),
                           naive = model(&w, now);
            if (why != naive) {
                fail_msg("world %d step %d: %s, the model says %s", world, step,
                         bk_reason_name(why), bk_reason_name(naive));
            }
            seen[why]++;
            if (why == BKR_NONE) {
                given++;
                booked[n_booked++] = w;
            } else if (n_booked > 0 && rnd(4) == 0) { /* one is given back */
                booked[(size_t)rnd((int)n_booked)] = booked[n_booked - 1];
                n_booked--;
            }
            now += rnd(120);
        }
        for (size_t i = 0; i < n_booked; i++) {
            for (size_t j = i + 1; j < n_booked; j++) {
                assert_true(booked[i].to <= booked[j].from || booked[j].to <= booked[i].from);
            }
        }
    }
    assert_true(given > 500);
    static const enum bk_reason all[] = {BKR_PAST,  BKR_CLOSED, BKR_LENGTH, BKR_NOTICE,
                                         BKR_AHEAD, BKR_QUOTA,  BKR_TAKEN,  BKR_NONE};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assert_true(seen[all[i]] > 20);
    }
}

/* Alternatives: all minutes of the weeks around are tried by the model. */
static void test_alternatives(void **st)
{
    (void)st;
    static struct calendar cal;
    static struct bk_use u[200];
    int found = 0;
    calendar_init(&cal);
    for (int world = 0; world < 40; world++) {
        seed = (uint32_t)world * 91u + 3u;
        n_booked = 0;
        n_plans = 1 + (size_t)rnd(2);
        for (size_t i = 0; i < n_plans; i++) {
            plan_make(&plans[i], (int)i);
        }
        struct bk_rules r = {parsed, n_plans, &cal};
        int now = 18 * DAY;
        for (int i = 0; i < 200 && n_booked < 30; i++) {
            struct booked w = random_ask();
            if (w.from > 20 * DAY && model(&w, 4 * DAY) == BKR_NONE) {
                booked[n_booked++] = w;
            }
        }
        struct booked w = random_ask();
        w.from = 30 * DAY + w.from % DAY;
        w.to = w.from + plans[0].slot;
        struct bk_use want = use_of(&w);
        struct bk_span got[3];
        size_t n = bk_alternatives(&r, u, all_uses(u), &want, (int64_t)DAY0 * DAY + now, got, 3),
               k = 0;
        int best[3] = {0};
        for (int away = 1; away < 16 * DAY && k < 3; away++) { /* outwards, the earlier one first */
            for (int side = -1; side <= 1 && k < 3; side += 2) {
                int from = w.from + side * away, day = from / DAY - w.from / DAY;
                struct booked x = {from, from + plans[0].slot, w.node, w.org};
                if (day >= -BK_ALT_DAYS && day <= BK_ALT_DAYS && model(&x, now) == BKR_NONE) {
                    best[k++] = from;
                }
            }
        }
        assert_int_equal(n, k);
        for (size_t i = 0; i < n; i++, found++) {
            assert_int_equal(got[i].from - (int64_t)DAY0 * DAY, best[i]);
            assert_int_equal(got[i].to - got[i].from, w.to - w.from);
        }
    }
    assert_true(found > 60);
}

/* ---- steps ---- */

/* Every state, event and party; '.' is refused. Columns: asked held confirmed rejected waitlisted
 * cancelled checked_in completed no_show, by the first letter of the next state (i: checked_in, p:
 * completed). */
static const struct {
    enum bk_event ev;
    enum bk_party who;
    const char *next;
} steps[] = {
    {BKE_HOLD, BK_O, "h...h...."},       {BKE_HOLD, BK_A, "........."},
    {BKE_CONFIRM, BK_O, "cc..c...."},    {BKE_CONFIRM, BK_A, "........."},
    {BKE_REJECT, BK_O, "rr..r...."},     {BKE_REJECT, BK_A, "........."},
    {BKE_WAITLIST, BK_O, "ww......."},   {BKE_WAITLIST, BK_A, "........."},
    {BKE_EXPIRE, BK_O, ".x..r...."},     {BKE_EXPIRE, BK_A, "........."},
    {BKE_CANCEL, BK_O, "..x......"},     {BKE_CANCEL, BK_A, "........."},
    {BKE_KEEP, BK_O, "..c......"},       {BKE_KEEP, BK_A, "........."},
    {BKE_CHECK_IN, BK_O, "..i.....i"},   {BKE_CHECK_IN, BK_A, "........."},
    {BKE_COMPLETE, BK_O, "..p...p.."},   {BKE_COMPLETE, BK_A, "........."},
    {BKE_NO_SHOW, BK_O, "..n......"},    {BKE_NO_SHOW, BK_A, "........."},
    {BKE_WITHDRAW, BK_A, "xxx.x...."},   {BKE_WITHDRAW, BK_O, "........."},
    {BKE_ASK_CANCEL, BK_A, "..c......"}, {BKE_ASK_CANCEL, BK_O, "........."},
};

static void test_steps(void **st)
{
    (void)st;
    static const char letter[] = "ahcrwxipn";
    int allowed = 0;
    assert_int_equal(sizeof steps / sizeof steps[0], BKE_COUNT * BK_PARTIES);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        for (unsigned s = 0; s < BKS_COUNT; s++) {
            enum bk_state next = BKS_COUNT;
            int r = bk_next((enum bk_state)s, steps[i].ev, steps[i].who, &next);
            char got = '.';
            if (r == 0) {
                got = letter[next];
            }
            if (got != steps[i].next[s] || (r != 0 && r != SANJI_E_STATE)) {
                fail_msg("%s in %s by %d: %c, not %c", bk_event_name(steps[i].ev),
                         bk_state_name((enum bk_state)s), steps[i].who, got, steps[i].next[s]);
            }
            allowed += r == 0;
            assert_true(r != 0 || !bk_state_is_end((enum bk_state)s));
        }
    }
    assert_int_equal(allowed, bk_edges_n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minutes),       cmocka_unit_test(test_hours),
        cmocka_unit_test(test_names),         cmocka_unit_test(test_rules),
        cmocka_unit_test(test_over_midnight), cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_random),        cmocka_unit_test(test_alternatives),
        cmocka_unit_test(test_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
