/* SPDX-License-Identifier: Apache-2.0 */
/* Reports and their answers: every state with every word of either side against a table written
 * here, races in any order, and periods. */
#include "protocol/base/text.h"
#include "protocol/flow_pair.h"
#include "protocol/kinds/report.h"
#include "protocol/period.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct pair_flow *flow(void)
{
    enum pair_side side = PAIR_OTHER;
    const struct pair_flow *f = pair_flow_of(kind_find("work_report"), &side);
    assert_non_null(f);
    assert_int_equal(side, PAIR_OWNER);
    assert_ptr_equal(pair_flow_of(kind_find("report_answer"), &side), f);
    assert_int_equal(side, PAIR_OTHER);
    assert_null(pair_flow_of(kind_find("listing"), &side));
    return f;
}

/* What is allowed, by state: words of the station, words of a node above. */
static const struct {
    const char *state, *owner, *other;
} allowed[] = {
    {"none", "draft submitted", ""},
    {"draft", "draft submitted", ""},
    {"submitted", "submitted", "returned accepted"},
    {"returned", "submitted", "returned accepted"},
    {"accepted", "", "locked reopened"},
    {"locked", "", "reopened"},
    {"reopened", "submitted", "accepted locked"},
};

static bool among(const char *list, const char *word)
{
    char a[128], b[48];
    snprintf(a, sizeof a, " %s ", list);
    snprintf(b, sizeof b, " %s ", word);
    return strstr(a, b) != NULL;
}

static size_t each_word(const char *list, char out[][32])
{
    size_t n = 0;
    for (const char *p = list; *p != '\0';) {
        size_t len = strcspn(p, " ");
        snprintf(out[n++], 32, "%.*s", (int)len, p);
        p += len + (p[len] == ' ');
    }
    return n;
}

static void every_state_and_word(void **state)
{
    (void)state;
    const struct pair_flow *f = flow();
    const struct kind *kind[PAIR_SIDES] = {f->owner, f->answer};
    char states[16][32], words[16][32];
    size_t n = each_word(f->states, states), tried = 0;
    assert_int_equal(n, sizeof allowed / sizeof allowed[0]);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(states[i], allowed[i].state);
        for (int side = 0; side < PAIR_SIDES; side++) {
            size_t m = each_word(kind_field_with(kind[side], KFF_STATE)->choices, words);
            for (size_t w = 0; w < m; w++, tried++) {
                const char *want = side == PAIR_OWNER ? allowed[i].owner : allowed[i].other;
                int r = pair_may(f, states[i], (enum pair_side)side, words[w]);
                if ((r == 0) != among(want, words[w])) {
                    fail_msg("%s: %s by %d", states[i], words[w], side);
                }
            }
        }
    }
    assert_int_equal(tried, 7 * (2 + 4));
    assert_int_equal(pair_may(f, "submitted", PAIR_OTHER, "draft"), SANJI_E_STATE);
}

static struct pair_answer said(const char *by, int64_t lv, int64_t seen, const char *word)
{
    struct pair_answer a = {.lv = lv, .seen = seen, .state = word};
    snprintf(a.by.s, sizeof a.by.s, "%s", by);
    return a;
}

/* Every answer to every sending: what the table says, and nothing else. */
static void every_answer(void **state)
{
    (void)state;
    static const char *const words[] = {"returned", "accepted", "locked", "reopened"};
    static const char *const older[] = {"submitted", "submitted", "locked", "submitted"};
    struct pair_now now;
    const struct pair_flow *f = flow();
    for (size_t i = 0; i < 4; i++) {
        for (int64_t no = 1; no <= 3; no++) {
            for (int64_t seen = 1; seen <= 3; seen++) {
                struct pair_answer a = said("nb", 30, seen, words[i]);
                pair_fold(f, "submitted", no, &a, 1, &now);
                assert_string_equal(now.state, seen >= no ? words[i] : older[i]);
                assert_int_equal(now.again, seen < no);
                assert_int_equal(now.which, 0);
                pair_fold(f, "draft", no, &a, 1, &now);
                assert_string_equal(now.state, "draft");
                pair_fold(f, NULL, 0, &a, 1, &now);
                assert_string_equal(now.state, "none");
            }
        }
    }
    pair_fold(f, "submitted", 1, NULL, 0, &now);
    assert_string_equal(now.state, "submitted");
    assert_int_equal(now.which, 0);
}

/* Several nodes above: the same whatever order they are held in. */
static void several_answers(void **state)
{
    (void)state;
    static const struct {
        int64_t no;
        struct {
            const char *by;
            int64_t lv, seen;
            const char *word;
        } a[3];
        const char *want, *by;
    } t[] = {
        /* the higher node's word stands among those about the same sending */
        {1, {{"nd", 30, 1, "accepted"}, {"nc", 20, 1, "reopened"}}, "reopened", "nc"},
        {1, {{"nd", 30, 1, "locked"}, {"nc", 20, 1, "returned"}}, "returned", "nc"},
        /* the district answers what came after */
        {2, {{"nd", 30, 2, "accepted"}, {"nc", 20, 1, "reopened"}}, "accepted", "nd"},
        {2, {{"nd", 30, 1, "accepted"}, {"nc", 20, 1, "reopened"}}, "submitted", "nc"},
        /* a district of before a move, and the present one */
        {1, {{"na", 30, 1, "accepted"}, {"nb", 30, 1, "returned"}}, "accepted", "na"},
        {3,
         {{"na", 30, 2, "accepted"}, {"nb", 30, 3, "returned"}, {"nc", 20, 1, "locked"}},
         "returned",
         "nb"},
    };
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        for (size_t o = 0; o < 6; o++) {
            struct pair_answer a[3];
            struct pair_now now;
            size_t n = 0;
            for (size_t k = 0; k < 3; k++) {
                int at = orders[o][k];
                if (t[i].a[at].by != NULL) {
                    a[n++] = said(t[i].a[at].by, t[i].a[at].lv, t[i].a[at].seen, t[i].a[at].word);
                }
            }
            pair_fold(flow(), "submitted", t[i].no, a, n, &now);
            assert_string_equal(now.state, t[i].want);
            assert_string_equal(a[now.which].by.s, t[i].by);
        }
    }
}

/* Content changed under the number that was answered: as if it had been sent once more. */
static void changed_under_an_answer(void **state)
{
    (void)state;
    static const char *const words[] = {"returned", "accepted", "locked", "reopened"};
    static const char *const older[] = {"submitted", "submitted", "locked", "submitted"};
    struct pair_now now;
    for (size_t i = 0; i < 4; i++) {
        struct pair_answer a[2] = {said("nc", 20, 1, words[i]), said("nd", 30, 1, "accepted")};
        a[0].other = true;
        pair_fold(flow(), "submitted", 1, a, 1, &now);
        assert_string_equal(now.state, older[i]);
        assert_true(now.again);
        /* an answer to what is there now goes before, whoever gives it and in either order */
        for (int turn = 0; turn < 2; turn++) {
            pair_fold(flow(), "submitted", 1, a, 2, &now);
            assert_string_equal(now.state, "accepted");
            assert_false(now.again);
            struct pair_answer first = a[0];
            a[0] = a[1];
            a[1] = first;
        }
    }
}

static void ids_from_content(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1], again[LIM_ID_BYTES + 1];
    const char *d = "{\"report\":\"monthly\",\"period\":\"2026-11\"}";
    assert_int_equal(kind_key_id(kind_find("work_report"), span_of(d, strlen(d)), id), 0);
    assert_string_equal(id, "work_report.monthly.2026-11");
    d = "{\"about\":\"naaaaaaaaaaaaa/work_report.monthly.2026-11\"}";
    assert_int_equal(kind_key_id(kind_find("report_answer"), span_of(d, strlen(d)), id), 0);
    assert_string_equal(id, "report_answer.naaaaaaaaaaaaa:work_report.monthly.2026-11");
    d = "{\"about\":\"naaaaaaaaaaaaa/"
        "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff1234\"}";
    assert_int_equal(kind_key_id(kind_find("report_answer"), span_of(d, strlen(d)), id), 0);
    assert_true(strlen(id) <= LIM_ID_BYTES);
    d = "{\"about\":\"naaaaaaaaaaaaa/"
        "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff1235\"}";
    assert_int_equal(kind_key_id(kind_find("report_answer"), span_of(d, strlen(d)), again), 0);
    assert_string_not_equal(id, again);
    assert_int_equal(kind_key_id(kind_find("work_report"), span_of("{}", 2), id), SANJI_E_SPEC);
}

static void periods(void **state)
{
    (void)state;
    static const struct {
        const char *text, *first, *last;
        enum period_type type;
    } good[] = {
        {"2026", "2026-01-01", "2026-12-31", PERIOD_YEAR},
        {"2026-Q1", "2026-01-01", "2026-03-31", PERIOD_QUARTER},
        {"2026-Q4", "2026-10-01", "2026-12-31", PERIOD_QUARTER},
        {"2024-02", "2024-02-01", "2024-02-29", PERIOD_MONTH},
        {"2026-12", "2026-12-01", "2026-12-31", PERIOD_MONTH},
        {"2026-W01", "2025-12-29", "2026-01-04", PERIOD_WEEK},
        {"2026-W48", "2026-11-23", "2026-11-29", PERIOD_WEEK},
        {"2026-W53", "2026-12-28", "2027-01-03", PERIOD_WEEK},
        {"2027-W01", "2027-01-04", "2027-01-10", PERIOD_WEEK},
        {"2020-W53", "2020-12-28", "2021-01-03", PERIOD_WEEK},
        {"2021-W01", "2021-01-04", "2021-01-10", PERIOD_WEEK},
    };
    static const char *const bad[] = {"",        "202",      "2026-",    "2026-1",   "2026-13",
                                      "2026-00", "2026-Q0",  "2026-Q5",  "2026-W54", "2027-W53",
                                      "2026-W0", "2026-W00", "2026-11-", "2026-H1",  "2026-11-30",
                                      "2026-Q",  "2026-W",   "x026",     "2026_11",  "0000"};
    char text[PERIOD_BYTES], day[11];
    int first = 0, last = 0, a = 0, b = 0;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        enum period_type t = PERIOD_TYPES;
        struct span s = span_of(good[i].text, strlen(good[i].text));
        assert_int_equal(period_read(s, &t, &first, &last), 0);
        assert_int_equal(t, good[i].type);
        date_write(first, day);
        assert_string_equal(day, good[i].first);
        date_write(last, day);
        assert_string_equal(day, good[i].last);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        enum period_type t;
        assert_int_equal(period_read(span_of(bad[i], strlen(bad[i])), &t, &first, &last),
                         SANJI_E_SPEC);
    }
    /* Every day of forty years lies in its period, and the text is read as the same days. */
    assert_int_equal(date_parse("2000-01-01", 10, &a), 0);
    for (int t = 0; t < PERIOD_TYPES; t++) {
        int before = -1;
        for (int d = a; d < a + 14610; d++) {
            enum period_type again;
            period_of((enum period_type)t, d, text, &first, &last);
            assert_true(first <= d && d <= last);
            assert_int_equal(period_read(span_of(text, strlen(text)), &again, &b, &last), 0);
            assert_int_equal(b, first);
            assert_true(before == -1 || first == before || first == d);
            before = first;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_and_word), cmocka_unit_test(every_answer),
        cmocka_unit_test(several_answers),      cmocka_unit_test(changed_under_an_answer),
        cmocka_unit_test(ids_from_content),     cmocka_unit_test(periods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
