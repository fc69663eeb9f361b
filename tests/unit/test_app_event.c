/* SPDX-License-Identifier: Apache-2.0 */
/* Does an event's node give each seat once, by tier and in the order of arrival, with two real
 * nodes; and is a seat used, answered for and certified once? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/app_booking.h"
#include "node/app_event.h"
#include "node/app_internal.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/jwrite.h"
#include "tests/support/nodes.h"

#include <stdio.h>
#include <string.h>

static struct app *city, *d1;
static bool member_sees; /* view(): with the eyes of a member */

static void two(const char *name)
{
    char s[64];
    (void)snprintf(s, sizeof s, "%s-city", name);
    city = node_born(0, s);
    (void)snprintf(s, sizeof s, "%s-d1", name);
    d1 = node_child(city, 1, s);
    nodes_settle(city, d1);
}

static void end(void)
{
    node_sound(city);
    node_sound(d1);
    app_close(city);
    app_close(d1);
}

/* The event e1 of the city, so many minutes from now and an hour long. */
static void event_at(int in, const char *more)
{
    char d[600], from[17], to[17], id[LIM_ID_BYTES + 1];
    struct fault f = {0};
    int64_t now = minute_of_ms(app_now_ms());
    minute_write(now + in, from);
    minute_write(now + in + 60, to);
    (void)snprintf(d, sizeof d,
                   "{\"id\":\"e1\",\"kind\":\"course\",\"title\":\"能力建设课\",\"from\":\"%s\","
                   "\"to\":\"%s\",\"certificate\":true%s}",
                   from, to, more);
    if (node_put(city, "event", d, id, &f) != 0) {
        fail_msg("%s wants %s", f.member, f.want);
    }
    assert_int_equal(app_booking_auto(city, now, NULL), 0);
}

static int sign(struct app *a, const char *org, int64_t seats, bool wait)
{
    struct fault f = {0};
    struct app_event_sign s = {
        .owner = app_id(city), .event = "e1", .org = org, .seats = seats, .wait = wait};
    return app_event_sign(a, &s, &f);
}

/* What a node shows of the event, as JSON. */
static const char *view(struct app *a)
{
    static struct buf b;
    struct jw w;
    const struct app_event_eyes eyes = {.cases = !member_sees, .names = !member_sees};
    buf_done(&b);
    buf_init(&b, 4 << 20);
    jw_init(&w, &b);
    assert_int_equal(app_event_view(a, app_id(city), "e1", &eyes, &w), 0);
    assert_int_equal(jw_done(&w), 0);
    return buf_str(&b);
}

/* How many of the node's own sign-ups for this organisation are in a state. */
static int how_many(struct app *a, const char *org, const char *state)
{
    struct span v, d, at, e, s;
    struct jcur c, k;
    int n = 0;
    const char *json = view(a);
    assert_true(jcur_get(span_of(json, strlen(json)), "my", &v) && jcur_array(&c, v));
    while (jcur_element(&c, &e)) {
        bool mine =
            jcur_get(e, "d", &d) && jcur_get(d, "org", &s) && jcur_plain(s, &s) && span_eqs(s, org);
        assert_true(jcur_get(e, "at", &at) && jcur_array(&k, at) && jcur_element(&k, &e));
        n += mine && jcur_get(e, "state", &s) && jcur_plain(s, &s) && span_eqs(s, state);
    }
    return n;
}

static int first_of(struct app *a, const char *org, char id[static LIM_ID_BYTES + 1])
{
    struct span v, d, e, s;
    struct jcur c;
    const char *json = view(a);
    assert_true(jcur_get(span_of(json, strlen(json)), "my", &v) && jcur_array(&c, v));
    while (jcur_element(&c, &e)) {
        if (jcur_get(e, "d", &d) && jcur_get(d, "org", &s) && jcur_plain(s, &s) &&
            span_eqs(s, org) && jcur_get(e, "id", &s) && jcur_plain(s, &s)) {
            (void)snprintf(id, LIM_ID_BYTES + 1, "%.*s", (int)s.n, (const char *)s.p);
            return 0;
        }
    }
    return -1;
}

static void test_seats(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1];
    struct fault f = {0};
    two("seats");
    event_at(300, ",\"seats\":5,\"seats_district\":2");
    nodes_settle(city, d1);
    assert_int_equal(sign(d1, "晨光", 3, true), 0);
    assert_int_equal(sign(d1, "夕阳", 1, false), 0);
    assert_int_equal(sign(city, "市志协", 4, false), 0);
    nodes_settle(city, d1);
    assert_int_equal(how_many(d1, "晨光", "confirmed"), 2); /* those of its tier */
    assert_int_equal(how_many(d1, "晨光", "waitlisted"), 1);
    assert_int_equal(how_many(d1, "夕阳", "rejected"), 1);
    assert_int_equal(how_many(city, "市志协", "confirmed"), 3);
    assert_int_equal(how_many(city, "市志协", "rejected"), 1);
    assert_non_null(strstr(view(d1), "\"city\":3,\"district\":2,\"street\":0"));
    assert_non_null(strstr(view(d1), "\"waiting\":1"));
    assert_null(strstr(view(d1), "市志协")); /* how many, not who */
    /* A seat is given back: the first of the line has it, by itself. */
    assert_int_equal(first_of(d1, "夕阳", id), 0);
    assert_int_equal(app_booking_withdraw(d1, id, 0, &f), 0); /* the refused one frees nothing */
    nodes_settle(city, d1);
    assert_int_equal(how_many(d1, "晨光", "waitlisted"), 1);
    event_at(300, ",\"seats\":6,\"seats_district\":3"); /* or there are more of them */
    nodes_settle(city, d1);
    assert_int_equal(how_many(d1, "晨光", "confirmed"), 3);
    assert_int_equal(sign(d1, "夕阳", 1, true), 0);
    nodes_settle(city, d1);
    assert_int_equal(how_many(d1, "夕阳", "waitlisted"), 1);
    assert_int_equal(first_of(d1, "晨光", id), 0);
    assert_int_equal(app_booking_withdraw(d1, id, 0, &f), 0);
    nodes_settle(city, d1);
    assert_int_equal(how_many(d1, "夕阳", "confirmed"), 1);
    assert_int_equal(how_many(d1, "晨光", "confirmed"), 2);
    /* Fewer seats take none away and give none; moving it moves whoever stands. */
    event_at(400, ",\"seats\":2");
    nodes_settle(city, d1);
    assert_int_equal(how_many(d1, "晨光", "confirmed"), 2);
    assert_int_equal(sign(d1, "第三家", 1, false), 0);
    nodes_settle(city, d1);
    assert_int_equal(how_many(d1, "第三家", "rejected"), 1);
    event_at(400, ",\"seats\":50,\"state\":\"cancelled\"");
    nodes_settle(city, d1);
    assert_int_equal(how_many(d1, "晨光", "confirmed"), 0);
    assert_int_equal(how_many(city, "市志协", "cancelled"), 3);
    assert_non_null(strstr(view(d1), "\"city\":0,\"district\":0"));
    end();
}

static void test_refused(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1];
    struct fault f = {0};
    two("refused");
    assert_int_equal(sign(city, "晨光", 1, false), SANJI_E_NOT_FOUND);
    event_at(300, ",\"seats\":5,\"who\":[\"street\"],\"per_node\":1");
    nodes_settle(city, d1);
    assert_int_equal(sign(d1, "晨光", 1, false), 0);
    assert_int_equal(sign(city, "自己", 2, false), 0); /* its own always may, up to its limit */
    nodes_settle(city, d1);
    assert_int_equal(how_many(d1, "晨光", "rejected"), 1);
    assert_non_null(strstr(view(d1), "\"reason\":\"who\""));
    assert_int_equal(how_many(city, "自己", "confirmed"), 1);
    assert_int_equal(how_many(city, "自己", "rejected"), 1);
    /* Nobody is signed in without a name, nor puts an event's time anywhere but where it is. */
    assert_int_equal(first_of(city, "自己", id), 0);
    struct app_booking_step s = {app_id(city), id, 1, BKE_CHECK_IN, BKR_NONE, NULL, true};
    assert_true(app_booking_step(city, &s, NULL, &f) < 0);
    char d[400], from[17], to[17];
    minute_write(minute_of_ms(app_now_ms()) + 500, from);
    minute_write(minute_of_ms(app_now_ms()) + 560, to);
    (void)snprintf(
        d, sizeof d,
        "{\"listing\":\"%s/e1\",\"org\":\"别的时间\",\"purpose\":\"event\",\"at\":[[\"%s\","
        "\"%s\"]]}",
        app_id(city), from, to);
    assert_int_equal(app_booking_ask(city, lit(d), id, &f), 0);
    assert_non_null(strstr(view(city), "\"reason\":\"closed\""));
    end();
}

static void test_approval(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1];
    struct fault f = {0};
    int64_t waiting = 0;
    two("approval");
    event_at(300, ",\"seats\":1,\"approval\":true");
    nodes_settle(city, d1);
    assert_int_equal(sign(d1, "晨光", 1, false), 0);
    assert_int_equal(sign(d1, "夕阳", 1, true), 0);
    nodes_settle(city, d1);
    assert_int_equal(how_many(d1, "晨光", "asked"), 1);
    assert_int_equal(app_booking_waiting(city, &waiting), 0);
    assert_int_equal(waiting, 2);
    assert_int_equal(first_of(d1, "晨光", id), 0);
    struct app_booking_step s = {app_id(d1), id, 1, BKE_CONFIRM, BKR_NONE, NULL, false};
    assert_int_equal(app_booking_step(city, &s, NULL, &f), 0); /* refuses nobody: no second yes */
    char other[LIM_ID_BYTES + 1];
    assert_int_equal(first_of(d1, "夕阳", other), 0);
    s.ask = other;
    assert_int_equal(app_booking_step(city, &s, NULL, &f),
                     SANJI_E_TAKEN); /* not even by a person */
    s.ev = BKE_WAITLIST;
    assert_int_equal(app_booking_step(city, &s, NULL, &f), 0);
    assert_int_equal(app_booking_withdraw(d1, id, 0, &f), 0);
    nodes_settle(city, d1);
    assert_int_equal(how_many(d1, "夕阳", "held"), 1); /* a person says the last word */
    end();
}

/* Another organisation in place of the one that signed up: its seat is held for the new one beside
 * the old, though there is only one. */
static void test_instead(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1], next[LIM_ID_BYTES + 1], d[500], from[17], to[17];
    struct fault f = {0};
    two("instead");
    event_at(300, ",\"seats\":1,\"approval\":true");
    nodes_settle(city, d1);
    assert_int_equal(sign(d1, "晨光", 1, false), 0);
    nodes_settle(city, d1);
    assert_int_equal(first_of(d1, "晨光", id), 0);
    struct app_booking_step s = {app_id(d1), id, 1, BKE_CONFIRM, BKR_NONE, NULL, false};
    assert_int_equal(app_booking_step(city, &s, NULL, &f), 0);
    struct span v, e;
    const char *json = view(d1);
    assert_true(jcur_get(span_of(json, strlen(json)), "d", &v) && jcur_get(v, "from", &e));
    (void)snprintf(from, sizeof from, "%.16s", (const char *)e.p + 1);
    assert_true(jcur_get(v, "to", &e));
    (void)snprintf(to, sizeof to, "%.16s", (const char *)e.p + 1);
    (void)snprintf(
        d, sizeof d,
        "{\"listing\":\"%s/e1\",\"org\":\"夕阳\",\"purpose\":\"event\",\"at\":[[\"%s\",\"%s\"]],"
        "\"instead\":\"%s.1\"}",
        app_id(city), from, to, id);
    assert_int_equal(app_booking_ask(d1, lit(d), next, &f), 0);
    nodes_settle(city, d1);
    s.ask = next;
    s.ev = BKE_HOLD;
    assert_int_equal(app_booking_step(city, &s, NULL, &f), 0);
    s.ev = BKE_CONFIRM;
    assert_int_equal(app_booking_step(city, &s, NULL, &f), 0);
    nodes_settle(city, d1);
    assert_int_equal(how_many(d1, "晨光", "cancelled"), 1);
    assert_int_equal(how_many(d1, "夕阳", "confirmed"), 1);
    end();
}

static int attend(const struct app *by, const char *org, const char *name,
                  struct app_event_seat *ret)
{
    struct fault f = {0};
    struct app_event_attend s = {"e1", app_id(by), org, name};
    return app_event_attend(city, &s, ret, &f);
}

/* The event's record is taken back when it is under way or over: who came and who did not stays as
 * it was, who still had a seat is told, and everything else of this node goes on. */
static void test_withdrawn(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1];
    struct app_event_seat seat;
    struct fault f = {0};
    struct store_totals before, after;
    int64_t now = minute_of_ms(app_now_ms());
    two("withdrawn");
    event_at(30, ",\"seats\":9");
    nodes_settle(city, d1);
    assert_int_equal(sign(city, "晨光", 1, false), 0);
    assert_int_equal(sign(city, "没来", 1, false), 0);
    assert_int_equal(store_totals(d1->store, &before), 0);
    assert_int_equal(sign(d1, "夕阳", 3, false), 0);
    assert_int_equal(store_totals(d1->store, &after), 0);
    assert_int_equal(after.items - before.items, 3); /* all of them or none: */
    assert_int_equal(after.bundles - before.bundles, 1);
    nodes_settle(city, d1);
    assert_int_equal(how_many(d1, "夕阳", "confirmed"), 3);
    assert_int_equal(attend(city, "晨光", "李四", &seat), 0);
    assert_int_equal(first_of(city, "没来", id), 0);
    struct app_booking_step s = {app_id(city), id, 1, BKE_NO_SHOW, BKR_NONE, NULL, true};
    assert_int_equal(app_booking_step(city, &s, NULL, &f), 0);
    assert_int_equal(app_withdraw(city, NULL, "e1", &f), 0);
    assert_int_equal(app_booking_auto(city, now, NULL), 0);
    nodes_settle(city, d1);
    assert_int_equal(how_many(city, "没来", "no_show"), 1);
    assert_int_equal(how_many(city, "晨光", "checked_in"), 1);
    assert_int_equal(how_many(d1, "夕阳", "cancelled"), 3);
    assert_null(strstr(view(city), "1970-"));
    end();
}

static const char *mine(const char *code, int want)
{
    static struct buf b;
    struct jw w;
    buf_done(&b);
    buf_init(&b, 1 << 20);
    jw_init(&w, &b);
    assert_int_equal(app_event_mine(city, code, &w), want);
    return buf_str(&b);
}

static const char *certificate(const char *number, int want)
{
    static struct buf b;
    struct jw w;
    buf_done(&b);
    buf_init(&b, 1 << 20);
    jw_init(&w, &b);
    assert_int_equal(app_event_certificate(city, number, &w), want);
    return buf_str(&b);
}

static void test_door(void **state)
{
    (void)state;
    struct app_event_seat seat[6], more;
    struct fault f = {0};
    const int64_t mark[SCORE_ITEMS] = {5, 4, 3, 2}, wrong[SCORE_ITEMS] = {5, 4, 6, 2},
                  poor[SCORE_ITEMS] = {1, 1, 1, 1};
    two("door");
    event_at(2000, ",\"seats\":8,\"minutes\":60");
    assert_int_equal(sign(city, "晨光", 5, false), 0);
    assert_int_equal(attend(city, "晨光", "早到", &more), SANJI_E_STATE);
    event_at(30, ",\"seats\":8,\"minutes\":60");
    nodes_settle(city, d1);
    assert_int_equal(sign(d1, "夕阳", 1, false), 0);
    nodes_settle(city, d1);
    assert_int_equal(attend(d1, "没有报名", "谁", &more), SANJI_E_NOT_FOUND);
    assert_int_equal(attend(city, "夕阳", "冒名", &more),
                     SANJI_E_NOT_FOUND); /* not that platform's */
    assert_int_equal(attend(d1, "夕阳", "  ", &more), SANJI_E_SPEC);
    assert_int_equal(attend(d1, "夕阳", "王小明", &seat[5]), 0);
    assert_int_equal(attend(d1, "夕阳", "王小明", &more),
                     SANJI_E_NOT_FOUND); /* one seat, one person */
    for (int i = 0; i < 5; i++) {
        assert_int_equal(attend(city, "晨光", "李四", &seat[i]), 0);
        assert_true(i == 0 || strcmp(seat[i].code, seat[i - 1].code) != 0);
    }
    nodes_settle(city, d1);
    assert_int_equal(how_many(d1, "夕阳", "checked_in"), 1);
    assert_null(strstr(view(d1), "王小明")); /* the name stays here */
    assert_non_null(strstr(view(city), "王小明"));
    assert_non_null(strstr(mine(seat[5].code, 0), "王小明"));
    mine("aaaaaaaaaaaaaaaaaaaaaaaaaa", SANJI_E_NOT_FOUND);
    assert_int_equal(app_event_rate(city, seat[5].code, mark, &f), SANJI_E_STATE); /* not begun */
    certificate(seat[5].number, SANJI_E_NOT_FOUND);
    event_at(-90, ",\"seats\":8,\"minutes\":60"); /* it is over */
    assert_non_null(strstr(certificate(seat[5].number, 0), "\"name\":\"王**\""));
    assert_null(strstr(certificate(seat[5].number, 0), "王小明"));
    certificate("AAAA-AAAA-AAAA-AAAA", SANJI_E_NOT_FOUND);
    assert_int_equal(app_event_rate(city, seat[0].code, wrong, &f), SANJI_E_SPEC);
    for (int i = 0; i < 5; i++) {
        assert_null(strstr(view(city), "\"content\":500")); /* too few to show */
        assert_int_equal(app_event_rate(city, seat[i].code, mark, &f), 0);
        assert_int_equal(app_event_rate(city, seat[i].code, mark, &f), SANJI_E_STATE); /* once */
    }
    assert_non_null(strstr(view(city),
                           "\"score\":{\"n\":5,\"of\":5,\"shown_from\":5,\"content\":500,"
                           "\"teacher\":400,\"service\":300,\"use\":200}"));
    /* the sixth changes nothing anybody sees: the difference would be that answer */
    assert_int_equal(app_event_rate(city, seat[5].code, poor, &f), 0);
    assert_non_null(strstr(view(city),
                           "\"score\":{\"n\":6,\"of\":5,\"shown_from\":5,\"content\":500,"
                           "\"teacher\":400,\"service\":300,\"use\":200}"));
    member_sees = true; /* not even means are for people of organisations */
    assert_null(strstr(view(city), "\"score\""));
    member_sees = false;
    nodes_settle(city, d1);
    assert_null(strstr(view(d1), "\"score\"")); /* figures, too, are its own */
    end();
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(test_seats),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_approval),  cmocka_unit_test(test_instead),
        cmocka_unit_test(test_withdrawn), cmocka_unit_test(test_door),
    };
    return cmocka_run_group_tests_name("app_event", t, home_make, home_drop);
}
