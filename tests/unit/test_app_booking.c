/* SPDX-License-Identifier: Apache-2.0 */
/* Does the owner of a resource give a time away once, whatever arrives in whatever order, with two
 * real nodes: answers by itself, by staff, waiting lists, changes, cut-offs, and after an older
 * database was put back? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/app_booking.h"
#include "node/app_internal.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/jwrite.h"
#include "tests/support/nodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVERY_DAY                                                                                  \
    "\"mon\":\"08:00-20:00\",\"tue\":\"08:00-20:00\",\"wed\":\"08:00-20:00\",\"thu\":\"08:00-20:"  \
    "00\","                                                                                        \
    "\"fri\":\"08:00-20:00\",\"sat\":\"08:00-20:00\",\"sun\":\"08:00-20:00\""

static struct app *city, *d1;

static void put(struct app *a, const char *kind, const char *json)
{
    char id[LIM_ID_BYTES + 1];
    struct fault f = {0};
    if (node_put(a, kind, json, id, &f) != 0) {
        fail_msg("%s %s: %s wants %s", kind, json, f.member, f.want);
    }
}

/* A venue v1 of the city with these further rules. */
static void venue(const char *id, const char *more, bool approval)
{
    char d[1200];
    snprintf(d, sizeof d, "{\"id\":\"%s\",\"kind\":\"venue\",\"title\":\"议事厅\",\"approval\":%s}",
             id, approval ? "true" : "false");
    put(city, "listing", d);
    snprintf(d, sizeof d, "{\"listing\":\"%s\",\"slot\":60,\"id\":\"s-%s\"," EVERY_DAY "%s}", id,
             id, more);
    put(city, "schedule", d);
}

static void two(const char *name)
{
    char s[64];
    snprintf(s, sizeof s, "%s-city", name);
    city = node_born(0, s);
    snprintf(s, sizeof s, "%s-d1", name);
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

/* Day n from today, hour h. */
static const char *at(int n, int h)
{
    static char s[8][17];
    static int i;
    i = (i + 1) % 8;
    minute_write((int64_t)(date_of_ms(app_now_ms()) + n) * 1440 + h * 60, s[i]);
    return s[i];
}

struct asked {
    char id[LIM_ID_BYTES + 1];
};

static int try_ask(struct app *a, const char *listing, int day, int from, int to, const char *more,
                   char id[LIM_ID_BYTES + 1], struct fault *f)
{
    char d[600];
    snprintf(d, sizeof d,
             "{\"listing\":\"%s/"
             "%s\",\"org\":\"晨光社工\",\"purpose\":\"meeting\",\"at\":[[\"%s\",\"%s\"]]%s}",
             app_id(city), listing, at(day, from), at(day, to), more);
    *f = (struct fault){0};
    return app_booking_ask(a, lit(d), id, f);
}

static struct asked ask(struct app *a, const char *listing, int day, int from, int to,
                        const char *more)
{
    struct asked x;
    struct fault f;
    int r = try_ask(a, listing, day, from, to, more, x.id, &f);
    if (r != 0) {
        fail_msg("%s: %s wants %s", err_name(r), f.member, f.want);
    }
    return x;
}

struct got {
    char state[20], reason[20], d[3000];
    int64_t place;
    bool found;
};

static int on_got(const struct store_rec *rec, void *arg)
{
    struct got *g = arg;
    struct span v, s;
    g->found = !rec->withdrawn;
    snprintf(g->state, sizeof g->state, "%s", rec->state);
    snprintf(g->d, sizeof g->d, "%.*s", (int)rec->d.n, (const char *)rec->d.p);
    if (jcur_get(rec->d, "reason", &v) && jcur_plain(v, &s)) {
        snprintf(g->reason, sizeof g->reason, "%.*s", (int)s.n, (const char *)s.p);
    }
    if (jcur_get(rec->d, "place", &v)) {
        (void)jcur_int(v, &g->place);
    }
    return 0;
}

/* How it stands, as node `at_` sees it. */
static struct got how(struct app *at_, struct app *by, const struct asked *x, int no)
{
    struct got g = {0};
    char id[LIM_ID_BYTES + 1];
    assert_true(bk_answer_id(app_id(by), x->id, no, id));
    int r = store_record_get(at_->store, app_id(city), "booking", id, on_got, &g);
    assert_true(r == 0 || r == SANJI_E_NOT_FOUND);
    return g;
}

static void is(struct app *at_, struct app *by, const struct asked *x, const char *state,
               const char *reason)
{
    struct got g = how(at_, by, x, 1);
    if (strcmp(g.state, state) != 0 || strcmp(g.reason, reason) != 0) {
        fail_msg("%s (%s), not %s (%s): %s", g.state, g.reason, state, reason, g.d);
    }
}

static int step(struct app *by, const struct asked *x, enum bk_event ev, bool yes, struct buf *hit)
{
    struct fault f = {0};
    struct app_booking_step s = {app_id(by), x->id, 1, ev, BKR_NONE, NULL, yes};
    return app_booking_step(city, &s, hit, &f);
}

static void give_back(struct app *a, const struct asked *x, int64_t no)
{
    struct fault f = {0};
    assert_int_equal(app_booking_withdraw(a, x->id, no, &f), 0);
}

static struct got busy(struct app *at_, const char *listing, int day)
{
    struct got g = {0};
    char id[LIM_ID_BYTES + 16];
    snprintf(id, sizeof id, "%s.%.7s", listing, at(day, 0));
    (void)store_record_get(at_->store, app_id(city), "busy", id, on_got, &g);
    return g;
}

/* ---- by itself ---- */

static void test_first_come(void **state)
{
    (void)state;
    struct fault f;
    char id[LIM_ID_BYTES + 1];
    two("first");
    venue("v1", "", false);
    nodes_settle(city, d1);
    struct asked a = ask(d1, "v1", 3, 9, 11, ""), b = ask(d1, "v1", 3, 10, 12, ""),
                 c = ask(d1, "v1", 3, 10, 12, ",\"wait\":true"),
                 e = ask(d1, "v1", 3, 11, 12, ",\"wait\":true"),
                 own = ask(city, "v1", 3, 14, 15, "");
    assert_false(how(d1, d1, &a, 1).found); /* nothing has arrived */
    is(city, city, &own, "confirmed", "");
    nodes_settle(city, d1);
    is(d1, d1, &a, "confirmed", "");
    is(d1, d1, &b, "rejected", "taken");
    assert_non_null(strstr(how(d1, d1, &b, 1).d, "\"alt\":[{\"from\":"));
    is(d1, d1, &c, "waitlisted", "");
    is(d1, d1, &e, "confirmed", ""); /* beside the first one there is room */
    assert_int_equal(how(d1, d1, &c, 1).place, 1);
    assert_non_null(strstr(busy(d1, "v1", 3).d, at(3, 9)));
    assert_null(strstr(busy(d1, "v1", 3).d, "晨光"));
    give_back(d1, &a, 0);
    nodes_settle(city, d1);
    is(d1, d1, &a, "cancelled", "withdrawn");
    is(d1, d1, &c, "waitlisted", "");
    give_back(d1, &e, 0);
    nodes_settle(city, d1);
    is(d1, d1, &c, "confirmed", ""); /* by itself */
    assert_null(strstr(busy(d1, "v1", 3).d, at(3, 9)));
    assert_int_equal(app_booking_withdraw(d1, a.id, 0, &f), SANJI_E_STATE);
    assert_int_equal(app_booking_withdraw(d1, "none", 0, &f), SANJI_E_NOT_FOUND);
    assert_int_equal(try_ask(d1, "v9", 3, 9, 10, "", id, &f), SANJI_E_NOT_FOUND);
    assert_int_equal(try_ask(d1, "v1", -1, 9, 10, "", id, &f), SANJI_E_SPEC);
    assert_int_equal(try_ask(d1, "v1", 3, 9, 10, ",\"instead\":\"x.1\"", id, &f),
                     SANJI_E_NOT_FOUND);
    /* Nobody writes these by hand. */
    assert_int_equal(node_put(city, "booking", how(city, d1, &c, 1).d, id, &f), SANJI_E_FORBIDDEN);
    assert_int_equal(node_put(city, "busy", busy(city, "v1", 3).d, id, &f), SANJI_E_FORBIDDEN);
    snprintf(id, sizeof id, "v1.%.7s", at(3, 0));
    assert_int_equal(app_withdraw(city, NULL, id, NULL), SANJI_E_FORBIDDEN);
    end();
}

static void test_rules(void **state)
{
    (void)state;
    two("rules");
    venue("v1", ",\"notice_hours\":48,\"ahead_days\":30,\"quota_per\":\"quarter\",\"quota_org\":3",
          false);
    venue("v2", "", false);
    put(city, "listing",
        "{\"id\":\"v2\",\"kind\":\"venue\",\"title\":\"会议室\",\"who\":[\"street\"]}");
    put(city, "listing", "{\"id\":\"m1\",\"kind\":\"mentor\",\"title\":\"李老师\"}");
    put(city, "listing", "{\"id\":\"c1\",\"kind\":\"course\",\"title\":\"课\"}");
    nodes_settle(city, d1);
    const struct {
        const char *listing;
        int day, from, to;
        const char *state, *reason;
    } t[] = {
        {"v1", 1, 9, 10, "rejected", "notice"},  {"v1", 40, 9, 10, "rejected", "ahead"},
        {"v1", 4, 6, 9, "rejected", "closed"},   {"v1", 4, 9, 13, "rejected", "quota"},
        {"v1", 4, 9, 12, "confirmed", ""},       {"v2", 4, 9, 10, "rejected", "who"},
        {"m1", 4, 9, 10, "rejected", "listing"}, /* it has no hours yet */
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct asked a = ask(d1, t[i].listing, t[i].day, t[i].from, t[i].to, "");
        nodes_settle(city, d1);
        is(d1, d1, &a, t[i].state, t[i].reason);
    }
    struct fault f;
    char id[LIM_ID_BYTES + 1];
    assert_int_equal(try_ask(d1, "c1", 4, 9, 10, "", id, &f),
                     SANJI_E_NOT_FOUND); /* not of a kind */
    end();
}

/* ---- with approval ---- */

static void test_approval(void **state)
{
    (void)state;
    struct buf hit;
    two("approval");
    venue("v1", ",\"cutoff_hours\":48", true);
    nodes_settle(city, d1);
    struct asked a = ask(d1, "v1", 3, 9, 11, ""), b = ask(city, "v1", 3, 10, 12, ""),
                 c = ask(d1, "v1", 3, 10, 11, ",\"wait\":true"),
                 other = ask(d1, "v1", 3, 15, 16, "");
    nodes_settle(city, d1);
    assert_false(how(city, d1, &a, 1).found);
    int64_t n = 0;
    assert_int_equal(app_booking_waiting(city, &n), 0);
    assert_int_equal(n, 4);
    buf_init(&hit, 4096);
    assert_int_equal(step(d1, &a, BKE_CONFIRM, false, &hit), SANJI_E_CONFLICT);
    assert_non_null(strstr(buf_str(&hit), b.id));
    assert_non_null(strstr(buf_str(&hit), c.id));
    assert_null(strstr(buf_str(&hit), other.id));
    assert_false(how(city, d1, &a, 1).found); /* nothing was done */
    assert_int_equal(step(d1, &a, BKE_CONFIRM, true, &hit), 0);
    assert_int_equal(step(city, &b, BKE_CONFIRM, true, &hit), SANJI_E_STATE);
    nodes_settle(city, d1);
    is(d1, d1, &a, "confirmed", "");
    is(city, city, &b, "rejected", "taken");
    is(d1, d1, &c, "waitlisted", "");
    assert_int_equal(step(d1, &c, BKE_CONFIRM, true, &hit), SANJI_E_TAKEN);
    assert_int_equal(step(d1, &other, BKE_HOLD, false, &hit), 0);
    struct asked late = ask(city, "v1", 3, 15, 16, "");
    assert_int_equal(step(city, &late, BKE_CONFIRM, true, &hit), SANJI_E_TAKEN);
    /* The hold runs out. */
    assert_int_equal(app_booking_auto(city, minute_of_ms(app_now_ms()) + 2 * 1440 + 1, NULL), 0);
    is(city, d1, &other, "cancelled", "expired");
    assert_int_equal(step(city, &late, BKE_CONFIRM, false, &hit), 0);
    /* The owner cancels: who waits moves up. */
    assert_int_equal(step(d1, &a, BKE_CANCEL, false, &hit), 0);
    nodes_settle(city, d1);
    is(d1, d1, &a, "cancelled", "owner");
    is(d1, d1, &c, "held", ""); /* a person says yes here */
    assert_int_equal(step(d1, &c, BKE_CONFIRM, false, &hit), 0);
    assert_int_equal(step(d1, &c, BKE_CHECK_IN, false, &hit), 0);
    is(city, d1, &c, "checked_in", "");
    assert_int_equal(step(d1, &c, BKE_NO_SHOW, false, &hit), SANJI_E_STATE);
    assert_int_equal(app_booking_auto(city, minute_of_ms(app_now_ms()) + 4 * 1440, NULL), 0);
    is(city, d1, &c, "completed", "");
    assert_int_equal(step(d1, &c, BKE_EXPIRE, false, &hit), SANJI_E_STATE);
    buf_done(&hit);
    end();
}

/* After the cut-off a cancellation is a wish. */
static void test_cut_off(void **state)
{
    (void)state;
    two("cutoff");
    venue("v1", ",\"cutoff_hours\":72", false);
    nodes_settle(city, d1);
    struct asked soon = ask(d1, "v1", 2, 9, 10, ""), far = ask(d1, "v1", 9, 9, 10, "");
    nodes_settle(city, d1);
    give_back(d1, &soon, 0);
    give_back(d1, &far, 0);
    nodes_settle(city, d1);
    is(d1, d1, &far, "cancelled", "withdrawn");
    is(d1, d1, &soon, "confirmed", "");
    assert_non_null(strstr(how(d1, d1, &soon, 1).d, "\"cancel\":\"asked\""));
    assert_int_equal(step(d1, &soon, BKE_KEEP, false, NULL), 0);
    nodes_settle(city, d1);
    assert_non_null(strstr(how(d1, d1, &soon, 1).d, "\"cancel\":\"kept\""));
    is(d1, d1, &soon, "confirmed", "");
    assert_int_equal(step(d1, &soon, BKE_CANCEL, false, NULL), 0);
    is(city, d1, &soon, "cancelled", "owner");
    end();
}

static void test_change_and_series(void **state)
{
    (void)state;
    char d[900], more[120];
    struct fault f = {0};
    two("series");
    venue("v1", "", false);
    nodes_settle(city, d1);
    struct asked a = ask(d1, "v1", 3, 9, 11, ""), s;
    nodes_settle(city, d1);
    /* To a time that meets the old one: it stands in nobody's way but its own. */
    snprintf(more, sizeof more, ",\"instead\":\"%s.1\"", a.id);
    struct asked b = ask(d1, "v1", 3, 10, 12, more);
    nodes_settle(city, d1);
    is(d1, d1, &a, "cancelled", "changed");
    is(d1, d1, &b, "confirmed", "");
    /* A change that cannot be: the old one stands. */
    struct asked in_the_way = ask(city, "v1", 5, 9, 12, "");
    snprintf(more, sizeof more, ",\"instead\":\"%s.1\"", b.id);
    struct asked c = ask(d1, "v1", 5, 10, 12, more);
    nodes_settle(city, d1);
    is(d1, d1, &c, "rejected", "taken");
    is(d1, d1, &b, "confirmed", "");
    is(city, city, &in_the_way, "confirmed", "");
    /* Four weeks; the second one is taken, the third is given back. */
    struct asked taken = ask(city, "v1", 14, 9, 10, "");
    is(city, city, &taken, "confirmed", "");
    snprintf(d, sizeof d,
             "{\"listing\":\"%s/"
             "v1\",\"org\":\"晨光社工\",\"purpose\":\"training\",\"at\":[[\"%s\",\"%s\"],"
             "[\"%s\",\"%s\"],[\"%s\",\"%s\"]]}",
             app_id(city), at(7, 9), at(7, 10), at(14, 9), at(14, 10), at(21, 9), at(21, 10));
    assert_int_equal(app_booking_ask(d1, lit(d), s.id, &f), 0);
    nodes_settle(city, d1);
    assert_string_equal(how(d1, d1, &s, 1).state, "confirmed");
    assert_string_equal(how(d1, d1, &s, 2).state, "rejected");
    assert_string_equal(how(d1, d1, &s, 3).state, "confirmed");
    give_back(d1, &s, 3);
    assert_int_equal(app_booking_withdraw(d1, s.id, 3, &f), SANJI_E_STATE);
    assert_int_equal(app_booking_withdraw(d1, s.id, 9, &f), SANJI_E_SPEC);
    nodes_settle(city, d1);
    assert_string_equal(how(d1, d1, &s, 1).state, "confirmed");
    assert_string_equal(how(d1, d1, &s, 3).state, "cancelled");
    end();
}

/* Who gives one day of a series back keeps his place in the line for the others. */
static void test_keeps_its_place(void **state)
{
    (void)state;
    char d[900];
    struct fault f = {0};
    struct asked s;
    two("place");
    venue("v1", "", false);
    nodes_settle(city, d1);
    struct asked taken = ask(city, "v1", 14, 9, 10, ""), first = ask(city, "v1", 7, 9, 10, "");
    snprintf(d, sizeof d,
             "{\"listing\":\"%s/v1\",\"org\":\"晨光社工\",\"purpose\":\"training\",\"wait\":true,"
             "\"at\":[[\"%s\",\"%s\"],[\"%s\",\"%s\"]]}",
             app_id(city), at(7, 9), at(7, 10), at(14, 9), at(14, 10));
    assert_int_equal(app_booking_ask(d1, lit(d), s.id, &f), 0);
    nodes_settle(city, d1);
    struct asked later = ask(city, "v1", 14, 9, 10, ",\"wait\":true");
    is(city, city, &later, "waitlisted", "");
    assert_int_equal(how(city, d1, &s, 2).place, 1);
    assert_int_equal(how(city, city, &later, 1).place, 2);
    give_back(d1, &s, 1);
    nodes_settle(city, d1);
    assert_string_equal(how(city, d1, &s, 1).state, "cancelled");
    assert_int_equal(how(city, d1, &s, 2).place, 1);
    assert_int_equal(how(city, city, &later, 1).place, 2);
    give_back(city, &taken, 0);
    nodes_settle(city, d1);
    assert_string_equal(how(d1, d1, &s, 2).state, "confirmed");
    is(city, city, &later, "waitlisted", "");
    is(city, city, &first, "confirmed", "");
    end();
}

/* ---- its writer says something else, or nothing any more ---- */

static int on_aud(const struct store_rec *rec, void *arg)
{
    struct got *g = arg;
    (void)on_got(rec, arg);
    g->place = rec->r;
    snprintf(g->reason, sizeof g->reason, "%.19s", rec->aud);
    return 0;
}

/* As a node that keeps to no rules may: the next form of an own ask, or its end (day < 0). */
static void say_again(struct app *a, const struct asked *x, int day, int from, int to)
{
    struct got g = {0};
    struct buf d, item;
    struct sync_tick t;
    char at_[80];
    const struct kind *k = kind_find("booking_ask");
    assert_int_equal(store_record_get(a->store, app_id(a), "booking_ask", x->id, on_aud, &g), 0);
    buf_init(&d, LIM_ITEM_BYTES);
    buf_init(&item, LIM_ITEM_BYTES);
    snprintf(at_, sizeof at_, "[[\"%s\",\"%s\"]]", at(day, from), at(day, to));
    assert_int_equal(kind_member_set(k, lit(g.d), "at", lit(at_), &d), 0);
    assert_int_equal(app__item(a, NULL, x->id, k, day < 0 ? OP_WITHDRAW : OP_PUT, g.place + 1,
                               day < 0 ? span_of(NULL, 0) : span_of(d.data, d.len), &item),
                     0);
    assert_int_equal(app_tick_make(&t), 0);
    struct span it = span_of(item.data, item.len);
    assert_int_equal(sync_write(a->sync, &t, g.reason, &it, 1, false, NULL), 0);
    buf_done(&d);
    buf_done(&item);
}

static void test_said_again(void **state)
{
    (void)state;
    two("again");
    venue("v1", "", true);
    nodes_settle(city, d1);
    struct asked a = ask(d1, "v1", 3, 9, 11, ""), b = ask(d1, "v1", 3, 9, 11, ",\"wait\":true"),
                 c = ask(city, "v1", 3, 9, 11, ",\"wait\":true");
    nodes_settle(city, d1);
    assert_int_equal(step(d1, &a, BKE_CONFIRM, true, NULL), 0);
    is(city, d1, &b, "waitlisted", "");
    is(city, city, &c, "waitlisted", "");
    /* Before the node has seen to it, and after. */
    say_again(city, &c, 3, 14, 15);
    assert_int_equal(step(city, &c, BKE_CONFIRM, true, NULL), SANJI_E_STATE);
    say_again(d1, &b, 3, 14, 15);
    nodes_settle(city, d1);
    assert_int_equal(step(d1, &b, BKE_CONFIRM, true, NULL), SANJI_E_STATE);
    is(city, d1, &a, "confirmed", "");
    is(city, d1, &b, "cancelled", "withdrawn");
    is(city, city, &c, "cancelled", "withdrawn");
    end();
}

/* The owner's booking stands without the ask, and can be ended. */
static void test_said_no_more(void **state)
{
    (void)state;
    struct span v;
    struct buf out;
    struct jw w;
    two("no-more");
    venue("v1", ",\"cutoff_hours\":240", false);
    nodes_settle(city, d1);
    struct asked a = ask(d1, "v1", 3, 9, 11, ""), far = ask(d1, "v1", 20, 9, 11, "");
    nodes_settle(city, d1);
    is(city, d1, &a, "confirmed", "");
    say_again(d1, &a, -1, 0, 0);
    say_again(d1, &far, -1, 0, 0);
    nodes_settle(city, d1);
    is(city, d1, &far, "cancelled", "withdrawn");
    is(city, d1, &a, "confirmed", ""); /* after the cut-off: a wish */
    assert_non_null(strstr(how(city, d1, &a, 1).d, "\"cancel\":\"asked\""));
    buf_init(&out, 1 << 20);
    jw_init(&w, &out);
    int day = date_of_ms(app_now_ms());
    assert_int_equal(app_booking_calendar(city, app_id(city), "v1", day, day + 6, true, &w), 0);
    assert_int_equal(jw_done(&w), 0);
    assert_true(jcur_get(span_of(out.data, out.len), "entries", &v));
    assert_non_null(memmem(v.p, v.n, a.id, strlen(a.id)));
    buf_done(&out);
    assert_int_equal(step(d1, &a, BKE_CANCEL, false, NULL), 0);
    is(city, d1, &a, "cancelled", "owner");
    end();
}

/* An allotment whose resource is not here: what booking cannot write stops no other duty. */
static void test_no_such_place(void **state)
{
    (void)state;
    struct sync_tick t;
    struct buf d, item;
    char aud[LIM_AUD_BYTES + 1], on[11], over[11];
    two("no-place");
    date_write(date_of_ms(app_now_ms()) + 3, on);
    date_write(date_of_ms(app_now_ms()) - 1, over);
    buf_init(&d, 4096);
    buf_init(&item, LIM_ITEM_BYTES);
    buf_printf(&d,
               "{\"listing\":\"nowhere\",\"to\":\"%s\",\"at\":[[\"%sT09:00\",\"%sT11:00\"]],"
               "\"until\":\"%sT08:00\"}",
               app_id(d1), on, on, over);
    snprintf(aud, sizeof aud, "to:%s", app_id(d1));
    assert_int_equal(app__item(city, NULL, "al1", kind_find("allotment"), OP_PUT, 1,
                               span_of(d.data, d.len), &item),
                     0);
    assert_int_equal(app_tick_make(&t), 0);
    struct span it = span_of(item.data, item.len);
    assert_int_equal(sync_write(city->sync, &t, aud, &it, 1, false, NULL), 0);
    app__wrote(city);
    nodes_settle(city, d1); /* asserts that every tick succeeds */
    venue("v1", "", false);
    nodes_settle(city, d1);
    struct asked a = ask(d1, "v1", 3, 9, 11, "");
    nodes_settle(city, d1);
    is(city, d1, &a, "confirmed", "");
    buf_done(&d);
    buf_done(&item);
    end();
}

/* ---- the list of those who wait ---- */

static void test_list_is_judged(void **state)
{
    (void)state;
    char more[120];
    two("list");
    venue("v1", "", true);
    venue("v2", "", false);
    nodes_settle(city, d1);
    struct asked a = ask(d1, "v1", 3, 9, 11, ""), b = ask(d1, "v1", 3, 9, 11, ",\"wait\":true");
    nodes_settle(city, d1);
    assert_int_equal(step(d1, &a, BKE_CONFIRM, true, NULL), 0);
    is(city, d1, &b, "waitlisted", "");
    give_back(d1, &a, 0);
    nodes_settle(city, d1);
    is(city, d1, &b, "held", ""); /* a person has the last word */
    int64_t n = 0;
    assert_int_equal(app_booking_waiting(city, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(step(d1, &b, BKE_WAITLIST, true, NULL), 0);
    is(city, d1, &b, "waitlisted", ""); /* and it stands */
    /* Who may not ask any more does not move up. */
    struct asked c = ask(city, "v2", 3, 9, 11, ""), e = ask(d1, "v2", 3, 9, 11, ",\"wait\":true");
    nodes_settle(city, d1);
    put(city, "listing",
        "{\"id\":\"v2\",\"kind\":\"venue\",\"title\":\"会议室\",\"who\":[\"street\"]}");
    give_back(city, &c, 0);
    nodes_settle(city, d1);
    is(city, d1, &e, "waitlisted", "");
    /* A change that moves up gives the old time back. */
    venue("v3", "", false);
    nodes_settle(city, d1);
    struct asked old = ask(d1, "v3", 3, 9, 10, ""), other = ask(city, "v3", 3, 14, 15, "");
    nodes_settle(city, d1);
    snprintf(more, sizeof more, ",\"wait\":true,\"instead\":\"%s.1\"", old.id);
    struct asked moved = ask(d1, "v3", 3, 14, 15, more);
    nodes_settle(city, d1);
    is(city, d1, &moved, "waitlisted", "");
    is(city, d1, &old, "confirmed", "");
    give_back(city, &other, 0);
    nodes_settle(city, d1);
    is(city, d1, &moved, "confirmed", "");
    is(city, d1, &old, "cancelled", "changed");
    end();
}

/* ---- limits ---- */

static int allot(const char *listing, int day, int from, int to, char id[LIM_ID_BYTES + 1]);

/* n occurrences of m minutes one after the other, within the opening hours of days from `day` on;
 * *io counts them. */
static struct asked many(struct app *a, const char *listing, int day, int n, int m, int *io,
                         const char *more)
{
    static char d[6000];
    struct asked x;
    struct fault f = {0};
    size_t len = (size_t)snprintf(
        d, sizeof d,
        "{\"listing\":\"%s/%s\",\"org\":\"晨光社工\",\"purpose\":\"meeting\"%s,\"at\":[",
        app_id(city), listing, more);
    for (int i = 0; i < n; i++, ++*io) {
        char from[17], to[17];
        int a_day = 720 / m;
        int64_t t = (int64_t)(date_of_ms(app_now_ms()) + day + *io / a_day) * 1440 + 480 +
                    (int64_t)(*io % a_day) * m;
        minute_write(t, from);
        minute_write(t + m, to);
        len += (size_t)snprintf(d + len, sizeof d - len, "%s[\"%s\",\"%s\"]", i > 0 ? "," : "",
                                from, to);
    }
    snprintf(d + len, sizeof d - len, "]}");
    int r = app_booking_ask(a, lit(d), x.id, &f);
    if (r != 0) {
        fail_msg("%s: %s wants %s", err_name(r), f.member, f.want);
    }
    return x;
}

static void test_full_month(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1];
    int day = 32, used = 0;
    two("full");
    venue("v1", "", false);
    venue("v2", "", false);
    put(city, "schedule", "{\"listing\":\"v1\",\"slot\":5,\"id\":\"s-v1\"," EVERY_DAY "}");
    while (strncmp(at(day, 0) + 8, "01", 2) != 0) {
        day++;
    }
    nodes_settle(city, d1);
    for (int i = 0; i < 16; i++) {
        struct asked x = many(city, "v1", day, 60, 5, &used, "");
        assert_string_equal(how(city, city, &x, 60).state, "confirmed");
    }
    (void)many(city, "v1", day, 39, 5, &used, "");
    struct asked last = many(d1, "v1", day, 2, 5, &used, ""), next = ask(d1, "v1", 3, 9, 10, ""),
                 else_ = ask(d1, "v2", 3, 9, 10, "");
    nodes_settle(city, d1);
    assert_string_equal(how(d1, d1, &last, 1).state, "confirmed"); /* 1,000 */
    assert_string_equal(how(d1, d1, &last, 2).state, "rejected");
    assert_string_equal(how(d1, d1, &last, 2).reason, "quota");
    is(d1, d1, &next, "confirmed", "");
    is(d1, d1, &else_, "confirmed", "");
    assert_int_equal(allot("v1", day + 10, 9, 10, id), SANJI_E_STATE);
    end();
}

static void test_many_wait(void **state)
{
    (void)state;
    struct got g[2] = {{.found = false}};
    two("many");
    venue("v1", "", false);
    nodes_settle(city, d1);
    struct asked a = ask(city, "v1", 3, 8, 20, ""), last = a;
    for (int i = 0; i < 9; i++) {
        int n = 0;
        last = many(d1, "v1", 3, 12, 60, &n, ",\"wait\":true");
        for (int j = 0; i < 8 && j < 4; j++) {
            n = 0;
            last = many(d1, "v1", 3, 12, 60, &n, ",\"wait\":true");
        }
    }
    for (int i = 0; i < 2; i++) {
        int n = 0;
        last = many(d1, "v1", 3, 12, 60, &n, ",\"wait\":true");
    }
    /* 43 times 12 */
    nodes_settle(city, d1);
    g[0] = how(d1, d1, &last, 1);
    assert_string_equal(g[0].state, "rejected");
    assert_string_equal(g[0].reason, "quota");
    give_back(city, &a, 0);
    nodes_settle(city, d1);
    struct asked more = ask(d1, "v1", 3, 9, 10, ",\"wait\":true");
    nodes_settle(city, d1);
    is(d1, d1, &more, "waitlisted", ""); /* twelve moved up */
    end();
}

/* ---- an older database is put back ---- */

static void copy(const char *from, const char *to)
{
    uint8_t block[65536];
    FILE *a = fopen(from, "rb"), *b = fopen(to, "wb");
    size_t n;
    assert_true(a != NULL && b != NULL);
    while ((n = fread(block, 1, sizeof block, a)) > 0) {
        assert_int_equal(fwrite(block, 1, n, b), n);
    }
    assert_int_equal(fclose(a) + fclose(b), 0);
}

static void reopen_city(const char *from, const char *to)
{
    app_close(city);
    copy(from, to);
    assert_int_equal(app_open(home_dirs[0], &city, NULL), 0);
}

static void test_put_back(void **state)
{
    (void)state;
    char db[400], old[400];
    struct fault f;
    char id[LIM_ID_BYTES + 1];
    two("back");
    snprintf(db, sizeof db, "%s/sanji.db", home_dirs[0]);
    snprintf(old, sizeof old, "%s/old.db", home_dirs[0]);
    venue("v1", "", false);
    nodes_settle(city, d1);
    reopen_city(db, old); /* the backup */
    nodes_settle(city, d1);
    struct asked a = ask(d1, "v1", 3, 9, 10, ""), own = ask(city, "v1", 3, 12, 13, "");
    nodes_settle(city, d1);
    is(d1, d1, &a, "confirmed", "");
    is(city, city, &own, "confirmed", "");
    reopen_city(old, db);
    /* It knows of neither, and says so instead of giving the time away again. */
    assert_string_equal(app_self_word(city), "unconfirmed");
    assert_false(how(city, d1, &a, 1).found || how(city, city, &own, 1).found);
    assert_int_equal(try_ask(city, "v1", 3, 9, 10, "", id, &f), 0);
    struct asked again;
    memcpy(again.id, id, sizeof again.id);
    assert_false(how(city, city, &again, 1).found);
    assert_int_equal(step(city, &again, BKE_CONFIRM, true, NULL), SANJI_E_HELD);
    node_sound(d1);
    app_close(city);
    app_close(d1);
}

/* What was given to an own organisation is on no other node; that it is taken is. */
static void test_told_and_forgotten(void **state)
{
    (void)state;
    struct span v;
    struct buf out;
    struct jw w;
    two("told");
    venue("v1", "", false);
    /* As the city's own streams came back to it: busy/1 is there, the booking is not. */
    struct asked own = ask(city, "v1", 3, 12, 13, "");
    is(city, city, &own, "confirmed", "");
    char name[LIM_ID_BYTES + 1];
    assert_true(bk_answer_id(app_id(city), own.id, 1, name));
    struct sync_tick t;
    int64_t n = 0;
    struct sync_erase e = {.id = name, .why = "mistake"};
    assert_int_equal(app_tick_make(&t), 0);
    assert_int_equal(store_begin(city->store), 0);
    assert_int_equal(sync_erase(city->sync, &t, &e, &n), 0);
    assert_int_equal(store_commit(city->store), 0);
    assert_true(n > 0);
    assert_false(how(city, city, &own, 1).found);
    give_back(city, &own, 0);
    nodes_settle(city, d1);
    struct asked a = ask(d1, "v1", 3, 12, 13, ""), b = ask(d1, "v1", 3, 13, 14, "");
    nodes_settle(city, d1);
    is(d1, d1, &a, "rejected", "taken");
    is(d1, d1, &b, "confirmed", "");
    assert_non_null(strstr(busy(d1, "v1", 3).d, at(3, 12))); /* still said, after a change */
    buf_init(&out, 1 << 20);
    jw_init(&w, &out);
    int day = date_of_ms(app_now_ms());
    assert_int_equal(app_booking_calendar(city, app_id(city), "v1", day, day + 6, true, &w), 0);
    assert_int_equal(jw_done(&w), 0);
    assert_true(jcur_get(span_of(out.data, out.len), "entries", &v));
    assert_non_null(memmem(v.p, v.n, b.id, strlen(b.id)));
    buf_done(&out);
    app_close(city);
    app_close(d1);
}

/* ---- whatever comes in whatever order ---- */

static uint32_t seed = 7;
static int rnd(int n)
{
    seed = seed * 1664525u + 1013904223u;
    return (int)((seed >> 8) % (uint32_t)n);
}

struct span_list {
    struct bk_span v[400];
    size_t n;
};

static int on_taken(const struct store_rec *rec, void *arg)
{
    struct span_list *l = arg;
    struct span a, b;
    enum bk_state st = BKS_ASKED;
    if (strcmp(rec->owner, app_id(city)) != 0) {
        return 0;
    }
    (void)bk_state_by_name(rec->state, strlen(rec->state), &st);
    if (bk_state_takes(st) && jcur_get(rec->d, "from", &a) && jcur_get(rec->d, "to", &b)) {
        assert_true(bk_pair_read(a, b, &l->v[l->n].from, &l->v[l->n].to));
        l->n++;
    }
    return 0;
}

static int on_told(const struct store_rec *rec, void *arg)
{
    struct span_list *l = arg;
    struct jcur c, p;
    struct span v, e, x, y;
    assert_true(jcur_get(rec->d, "at", &v) && jcur_array(&c, v));
    while (jcur_element(&c, &e)) {
        assert_true(jcur_array(&p, e) && jcur_element(&p, &x) && jcur_element(&p, &y));
        struct bk_span s;
        assert_true(bk_pair_read(x, y, &s.from, &s.to));
        l->v[l->n++] = s;
    }
    return 0;
}

static void test_any_order(void **state)
{
    (void)state;
    static struct span_list taken, told;
    static struct asked mine[2][100];
    int n[2] = {0}, given = 0;
    two("order");
    venue("v1", ",\"before\":30,\"after\":30", false);
    venue("v2", "", true);
    nodes_settle(city, d1);
    for (int i = 0; i < 250; i++) {
        struct app *who[2] = {city, d1};
        int w = rnd(2), what = rnd(10);
        if (what < 4 && n[w] < 100) {
            int from = 8 + rnd(10);
            mine[w][n[w]++] = ask(who[w], rnd(5) > 1 ? "v2" : "v1", 2 + rnd(3), from,
                                  from + 1 + rnd(2), rnd(2) == 0 ? "" : ",\"wait\":true");
        } else if (what < 5 && n[w] > 0) {
            struct fault f = {0};
            int r = app_booking_withdraw(who[w], mine[w][rnd(n[w])].id, 0, &f);
            assert_true(r == 0 || r == SANJI_E_STATE);
        } else if (what < 9 && n[w] > 0) {
            static const enum bk_event ev[] = {BKE_CONFIRM, BKE_HOLD, BKE_REJECT, BKE_CANCEL,
                                               BKE_WAITLIST};
            struct asked *x = &mine[w][rnd(n[w])];
            struct app_booking_step s = {app_id(who[w]), x->id, 1,          ev[rnd(5)],
                                         BKR_NONE,       NULL,  rnd(2) == 0};
            struct fault f = {0};
            int r = app_booking_step(city, &s, NULL, &f);
            assert_true(r == 0 || r == SANJI_E_STATE || r == SANJI_E_TAKEN ||
                        r == SANJI_E_CONFLICT || r == SANJI_E_NOT_FOUND);
            given += r == 0;
        } else {
            nodes_settle(city, d1);
        }
        taken.n = told.n = 0;
        struct store_filter all = {.kind = "booking", .limit = 100000},
                            busy_ = {.kind = "busy", .limit = 100000};
        assert_int_equal(store_record_list(city->store, &all, on_taken, &taken), 0);
        assert_int_equal(store_record_list(city->store, &busy_, on_told, &told), 0);
        assert_int_equal(taken.n, told.n);
    }
    nodes_settle(city, d1);
    assert_true(given > 8);
    assert_true(taken.n > 5);
    static const char *const place[] = {"v1", "v2"};
    for (size_t p = 0; p < 2; p++) {
        int64_t pad = p == 0 ? 60 : 0;
        told.n = 0;
        char id[LIM_ID_BYTES + 16];
        for (int m = 0; m < 2; m++) { /* this month and perhaps the next */
            if (m == 1 && strncmp(at(2, 0), at(4, 0), 7) == 0) {
                continue;
            }
            snprintf(id, sizeof id, "%s.%.7s", place[p], at(m == 0 ? 2 : 4, 0));
            (void)store_record_get(d1->store, app_id(city), "busy", id, on_told, &told);
        }
        for (size_t i = 0; i < told.n; i++) {
            for (size_t j = i + 1; j < told.n; j++) {
                struct bk_span a = told.v[i], b = told.v[j];
                assert_true(a.to + pad <= b.from || b.to + pad <= a.from);
            }
        }
    }
    end();
}

/* ---- allotments ---- */

static int allot(const char *listing, int day, int from, int to, char id[LIM_ID_BYTES + 1])
{
    char d[400];
    struct fault f = {0};
    snprintf(d, sizeof d,
             "{\"listing\":\"%s\",\"to\":\"%s\",\"at\":[[\"%s\",\"%s\"]],\"until\":\"%s\"}",
             listing, app_id(d1), at(day, from), at(day, to), at(day, from));
    return app_booking_allot(city, lit(d), id, &f);
}

static int use(const char *allotment, const char *listing, int day, int from, int to,
               struct asked *x)
{
    char more[100];
    struct fault f;
    snprintf(more, sizeof more, ",\"allot\":\"%s\"", allotment);
    return try_ask(d1, listing, day, from, to, more, x->id, &f);
}

static void test_allotment(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1], no[LIM_ID_BYTES + 1];
    struct fault f = {0};
    struct asked a, b, c, own;
    two("allot");
    venue("v1", ",\"before\":15,\"after\":15", true);
    nodes_settle(city, d1);
    assert_int_equal(allot("v1", 5, 9, 14, id), 0);
    assert_int_equal(allot("v1", 5, 13, 15, no), SANJI_E_TAKEN);
    assert_int_equal(allot("v9", 5, 9, 10, no), SANJI_E_NOT_FOUND);
    assert_int_equal(allot("v1", -1, 9, 10, no), SANJI_E_SPEC);
    /* Nobody else has these times. */
    own = ask(city, "v1", 5, 10, 11, "");
    assert_int_equal(step(city, &own, BKE_CONFIRM, true, NULL), SANJI_E_TAKEN);
    assert_int_equal(use(id, "v1", 5, 9, 10, &a), SANJI_E_NOT_FOUND); /* not heard of yet */
    nodes_settle(city, d1);
    assert_non_null(strstr(busy(d1, "v1", 5).d, "\"held\""));
    /* From here on the two do not meet. */
    assert_int_equal(use(id, "v1", 5, 9, 10, &a), 0);
    assert_int_equal(use(id, "v1", 5, 9, 11, &b), SANJI_E_TAKEN);
    assert_int_equal(use(id, "v1", 5, 10, 11, &b), SANJI_E_TAKEN); /* no time to put chairs away */
    assert_int_equal(use(id, "v1", 5, 13, 15, &b), SANJI_E_SPEC);
    assert_int_equal(use(id, "v1", 5, 11, 12, &b), 0);
    give_back(d1, &b, 0);
    assert_int_equal(use(id, "v1", 5, 11, 12, &c), 0); /* the same time once more, offline */
    assert_int_equal(app_booking_recall(city, id, &f), 0);
    assert_int_equal(app_booking_recall(city, id, &f), SANJI_E_STATE);
    assert_int_equal(step(city, &own, BKE_CONFIRM, true, NULL), SANJI_E_TAKEN); /* not back yet */
    assert_int_equal(use(id, "v1", 5, 13, 14, &b), 0); /* it has not heard of that */
    nodes_settle(city, d1);
    is(d1, d1, &a, "confirmed", "");
    is(d1, d1, &c, "confirmed", "");
    is(d1, d1, &b, "confirmed", "");
    assert_int_equal(use(id, "v1", 5, 12, 13, &b), SANJI_E_NOT_FOUND);
    assert_int_equal(app_booking_recall(city, id, &f), SANJI_E_STATE);
    struct asked late = ask(city, "v1", 5, 16, 17, "");
    assert_int_equal(step(city, &late, BKE_CONFIRM, true, NULL), 0);
    assert_int_equal(step(city, &own, BKE_CONFIRM, true, NULL),
                     SANJI_E_TAKEN); /* 9 to 10 and pads */
    assert_null(strstr(busy(d1, "v1", 5).d, "\"held\""));
    /* Its end by the holder's clock: it gives back by itself. */
    assert_int_equal(allot("v1", 8, 9, 12, id), 0);
    nodes_settle(city, d1);
    assert_int_equal(app_booking_auto(d1, minute_of_ms(app_now_ms()) + 9 * 1440, NULL), 0);
    assert_int_equal(use(id, "v1", 8, 9, 10, &a), SANJI_E_NOT_FOUND);
    nodes_settle(city, d1);
    struct asked after = ask(city, "v1", 8, 9, 10, "");
    assert_int_equal(step(city, &after, BKE_CONFIRM, true, NULL), 0);
    end();
}

/* The holder gives back what it needs no more: what it confirmed before stands, and the owner has
 * the rest again once it has heard of it, not before. */
static void test_allotment_returned(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1];
    struct fault f = {0};
    struct asked a, b;
    two("allot-return");
    venue("v1", "", true);
    nodes_settle(city, d1);
    assert_int_equal(allot("v1", 5, 9, 12, id), 0);
    assert_int_equal(app_booking_return(d1, app_id(city), id, &f), SANJI_E_NOT_FOUND);
    nodes_settle(city, d1);
    assert_int_equal(app_booking_return(city, app_id(city), id, &f), SANJI_E_NOT_FOUND);
    assert_int_equal(use(id, "v1", 5, 9, 10, &a), 0);
    assert_int_equal(app_booking_return(d1, app_id(city), id, &f), 0);
    assert_int_equal(app_booking_return(d1, app_id(city), id, &f), SANJI_E_STATE);
    assert_int_equal(use(id, "v1", 5, 11, 12, &b), SANJI_E_NOT_FOUND);
    struct asked own = ask(city, "v1", 5, 11, 12, "");
    assert_int_equal(step(city, &own, BKE_CONFIRM, true, NULL), SANJI_E_TAKEN);
    nodes_settle(city, d1);
    is(d1, d1, &a, "confirmed", "");
    assert_int_equal(step(city, &own, BKE_CONFIRM, true, NULL), 0);
    struct asked over = ask(city, "v1", 5, 9, 10, "");
    assert_int_equal(step(city, &over, BKE_CONFIRM, true, NULL), SANJI_E_TAKEN);
    end();
}

/* Two that confirm without asking each other, in any order of talking: what the holder said stands,
 * and nothing is given twice. */
static void test_allotted_in_any_order(void **state)
{
    (void)state;
    static struct asked used[200];
    static bool gone[200];
    static char id[40][LIM_ID_BYTES + 1];
    static struct {
        int day, from, to;
    } slot[40];
    static struct span_list taken;
    int n_used = 0, n_id = 0, own = 0;
    two("allot-order");
    venue("v1", "", false);
    nodes_settle(city, d1);
    for (int i = 0; i < 300; i++) {
        int what = rnd(12), day = 2 + rnd(4), from = 8 + rnd(10), to = from + 1 + rnd(3);
        if (what < 2 && n_id < 40 && to <= 20 && allot("v1", day, from, to, id[n_id]) == 0) {
            slot[n_id].day = day;
            slot[n_id].from = from;
            slot[n_id++].to = to;
        } else if (what < 6 && n_id > 0 && n_used < 200) {
            int k = rnd(n_id), h = slot[k].from + rnd(slot[k].to - slot[k].from);
            n_used += use(id[k], "v1", slot[k].day, h, h + 1, &used[n_used]) == 0;
        } else if (what < 7 && n_used > 0) {
            int k = rnd(n_used);
            struct fault f = {0};
            gone[k] = app_booking_withdraw(d1, used[k].id, 0, &f) == 0 || gone[k];
        } else if (what < 8 && n_id > 0) {
            struct fault f = {0};
            (void)app_booking_recall(city, id[rnd(n_id)], &f);
        } else if (what < 10 && to <= 20) {
            struct asked x = ask(city, "v1", day, from, to, "");
            own += strcmp(how(city, city, &x, 1).state, "confirmed") == 0;
        } else if (what == 10) {
            nodes_settle(city, d1);
        }
        taken.n = 0;
        struct store_filter all = {.kind = "booking", .limit = 100000};
        assert_int_equal(store_record_list(city->store, &all, on_taken, &taken), 0);
        for (size_t x = 0; x < taken.n; x++) {
            for (size_t y = x + 1; y < taken.n; y++) {
                assert_false(bk_meet(taken.v[x], taken.v[y]));
            }
        }
    }
    nodes_settle(city, d1);
    for (int i = 0; i < n_used; i++) {
        if (gone[i]) { /* before it was answered there is no answer */
            assert_true(!how(d1, d1, &used[i], 1).found ||
                        strcmp(how(d1, d1, &used[i], 1).state, "cancelled") == 0);
        } else {
            is(d1, d1, &used[i], "confirmed", "");
        }
    }
    assert_true(n_used > 10 && own > 10 && n_id > 5);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_come),         cmocka_unit_test(test_rules),
        cmocka_unit_test(test_approval),           cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_change_and_series),  cmocka_unit_test(test_keeps_its_place),
        cmocka_unit_test(test_put_back),           cmocka_unit_test(test_told_and_forgotten),
        cmocka_unit_test(test_any_order),          cmocka_unit_test(test_allotment),
        cmocka_unit_test(test_allotment_returned), cmocka_unit_test(test_allotted_in_any_order),
        cmocka_unit_test(test_said_again),         cmocka_unit_test(test_said_no_more),
        cmocka_unit_test(test_no_such_place),      cmocka_unit_test(test_list_is_judged),
        cmocka_unit_test(test_full_month),         cmocka_unit_test(test_many_wait),
    };
    return cmocka_run_group_tests_name("app_booking", tests, home_make, home_drop);
}
