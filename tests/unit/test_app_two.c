/* SPDX-License-Identifier: Apache-2.0 */
/* Do two nodes that exchange their bundles hold the same, agree about a referral and about numbers?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/app_erase.h"
#include "node/app_keep.h"
#include "protocol/base/text.h"
#include "tests/support/nodes.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const referral = "{\"subject_kind\":\"org\",\"reason\":\"venue\",\"title\":"
                                    "\"需要场地\",\"detail\":\"周末活动\"}";

struct seen_state {
    char state[32];
    struct ref_fold fold;
};
static int on_state(const struct store_thread *t, void *arg)
{
    struct seen_state *s = arg;
    snprintf(s->state, sizeof s->state, "%s", ref_state_name(t->fold.state));
    s->fold = t->fold;
    return 0;
}
static void state_is(struct app *a, const char *id, enum ref_state want)
{
    struct seen_state s = {0};
    assert_int_equal(store_thread_by_id(a->store, id, on_state, &s), 0);
    assert_string_equal(s.state, ref_state_name(want));
}

static void they_hold_the_same(struct app *city, struct app *street)
{
    char id[LIM_ID_BYTES + 1];
    struct fault f = {0};
    struct buf e1, e2;
    assert_non_null(app_self_node(street));
    assert_int_equal(node_put(street, "listing",
                              "{\"kind\":\"venue\",\"title\":\"议事厅\",\"capacity\":40}", id, &f),
                     0);
    assert_int_equal(node_put(city, "need", "{\"kind\":\"venue\",\"title\":\"活动场地\"}", id, &f),
                     0);
    nodes_settle(city, street);
    node_export(city, "fed", &e1);
    node_export(street, "fed", &e2);
    assert_string_equal(buf_str(&e1), buf_str(&e2));
    assert_non_null(strstr(buf_str(&e1), "议事厅"));
    buf_done(&e1);
    buf_done(&e2);
}

static void a_referral_is_carried_out(struct app *city, struct app *street)
{
    char id[LIM_ID_BYTES + 1];
    struct fault f = {0};
    /* A person without consent is not sent. */
    static const char person[] =
        "{\"subject_kind\":\"person\",\"reason\":\"relief\",\"title\":\"求助\"}";
    assert_int_equal(
        app_referral_send(street, app_id(city), span_of(person, strlen(person)), id, &f),
        SANJI_E_CONSENT);
    assert_int_equal(
        app_referral_send(street, app_id(street), span_of(referral, strlen(referral)), id, &f),
        SANJI_E_REFERENCE);
    assert_int_equal(
        app_referral_send(street, app_id(city), span_of(referral, strlen(referral)), id, &f), 0);
    state_is(street, id, RS_SENT);
    nodes_settle(city, street); /* the receiver's daemon confirms by itself */
    state_is(street, id, RS_DELIVERED);
    state_is(city, id, RS_DELIVERED);
    assert_int_equal(app_referral_event(street, id, RE_OPEN, span_of(NULL, 0), &f), SANJI_E_STATE);
    assert_int_equal(app_referral_event(city, id, RE_OPEN, span_of(NULL, 0), &f), 0);
    assert_int_equal(app_referral_event(city, id, RE_ACCEPT, lit("{\"desk\":\"一窗\"}"), &f), 0);
    assert_int_equal(app_referral_event(city, id, RE_OUTCOME, lit("{\"result\":\"maybe\"}"), &f),
                     SANJI_E_SPEC);
    assert_string_equal(f.member, "result");
    assert_int_equal(app_referral_event(city, id, RE_OUTCOME, lit("{\"result\":\"success\"}"), &f),
                     0);
    nodes_settle(city, street);
    state_is(street, id, RS_COMPLETED);
    assert_int_equal(app_referral_event(street, id, RE_CLOSE, lit("{\"told\":true}"), &f), 0);
    nodes_settle(city, street);
    state_is(city, id, RS_CLOSED);
}

/* Before anybody has accepted. */
static void a_cancellation_is_confirmed_by_itself(struct app *city, struct app *street)
{
    char id[LIM_ID_BYTES + 1];
    struct fault f = {0};
    assert_int_equal(
        app_referral_send(city, app_id(street), span_of(referral, strlen(referral)), id, &f), 0);
    nodes_settle(city, street);
    static const char why[] = "{\"reason\":\"mistake\"}";
    assert_int_equal(app_referral_event(city, id, RE_CANCEL_REQUEST, span_of(why, strlen(why)), &f),
                     0);
    nodes_settle(city, street);
    state_is(city, id, RS_CANCELLED);
    state_is(street, id, RS_CANCELLED);
}

/* Both parties' cells meet at the city, and a recount gives the same. */
static void numbers_agree(struct app *city)
{
    bool wrong = true;
    struct buf rep;
    char day[11];
    date_write(date_of_ms(app_now_ms()), day);
    day[7] = '\0';
    buf_init(&rep, 1 << 20);
    assert_int_equal(app_stats_report(city, NULL, day, true, &rep, &wrong), 0);
    assert_non_null(strstr(buf_str(&rep), "\"ind\":\"ref.completed\""));
    assert_non_null(strstr(buf_str(&rep), "\"mismatch\":[]"));
    if (wrong) {
        fail_msg("%s", buf_str(&rep));
    }
    buf_reset(&rep);
    assert_int_equal(app_stats_report(city, NULL, "yesterday", false, &rep, NULL), SANJI_E_SPEC);
    buf_done(&rep);
}

static void two_nodes_agree(void **state)
{
    (void)state;
    struct app *city = node_born(0, "city"), *street = node_child(city, 1, "street");
    nodes_settle(city, street);
    they_hold_the_same(city, street);
    a_referral_is_carried_out(city, street);
    a_cancellation_is_confirmed_by_itself(city, street);
    numbers_agree(city);
    node_sound(city);
    node_sound(street);
    app_close(street);
    assert_int_equal(app_open(home_dirs[1], &street, NULL), 0);
    node_sound(street);
    app_close(city);
    app_close(street);
}

/* The receiver has done its part and the sender has not heard of it: each number stands under the
 * name of the party that says it. */
static void a_mismatch_names_who_says_what(void **state)
{
    (void)state;
    struct app *city = node_born(0, "city2"), *street = node_child(city, 1, "street2");
    char id[LIM_ID_BYTES + 1], want[256], day[11];
    struct fault f = {0};
    struct buf rep;
    nodes_settle(city, street);
    assert_int_equal(app_referral_send(street, app_id(city), lit(referral), id, &f), 0);
    nodes_settle(city, street);
    assert_int_equal(app_referral_event(city, id, RE_OPEN, lit("{}"), &f), 0);
    assert_int_equal(app_referral_event(city, id, RE_ACCEPT, lit("{}"), &f), 0);
    assert_int_equal(app_stats_publish(city, NULL), 0);
    date_write(date_of_ms(app_now_ms()), day);
    day[7] = '\0';
    buf_init(&rep, 1 << 20);
    assert_int_equal(app_stats_report(city, NULL, day, false, &rep, NULL), 0);
    snprintf(want, sizeof want,
             "\"ind\":\"ref.accepted\",\"sender\":\"%s\",\"sender_says\":0,\"receiver\":\"%s\","
             "\"receiver_says\":1",
             app_id(street), app_id(city));
    if (strstr(buf_str(&rep), want) == NULL) {
        fail_msg("%s", buf_str(&rep));
    }
    buf_done(&rep);
    app_close(city);
    app_close(street);
}

/* What it would write from then on counts for nobody: it is told, and nothing is lost unsaid. */
static void a_revoked_node_writes_no_referral(void **state)
{
    (void)state;
    struct app *city = node_born(0, "city5"), *street = node_child(city, 1, "street5");
    char id[LIM_ID_BYTES + 1], in[LIM_ID_BYTES + 1], other[LIM_ID_BYTES + 1];
    struct fault f = {0};
    struct store_totals before, after;
    nodes_settle(city, street);
    assert_int_equal(app_referral_send(street, app_id(city), lit(referral), id, &f), 0);
    assert_int_equal(app_referral_send(city, app_id(street), lit(referral), in, &f), 0);
    nodes_settle(city, street);
    assert_int_equal(app_node_revoke(city, app_id(street), NULL, "left"), 0);
    nodes_settle(city, street);
    assert_int_equal(store_totals(street->store, &before), 0);
    assert_int_equal(app_referral_send(street, app_id(city), lit(referral), other, &f),
                     SANJI_E_REVOKED);
    assert_int_equal(app_referral_event(street, in, RE_OPEN, lit("{}"), &f), SANJI_E_REVOKED);
    assert_int_equal(
        app_referral_event(street, id, RE_CANCEL_REQUEST, lit("{\"reason\":\"mistake\"}"), &f),
        SANJI_E_REVOKED);
    assert_int_equal(app_referral_auto(street), 0);
    assert_int_equal(store_totals(street->store, &after), 0);
    assert_int_equal(after.bundles, before.bundles);
    assert_int_equal(app_referral_send(city, app_id(street), lit(referral), other, &f),
                     SANJI_E_CLOSED); /* nobody is there to answer */
    app_close(city);
    app_close(street);
}

static void write_at(struct app *a, int64_t now_ms, const char *id)
{
    struct sync_tick t;
    struct buf text;
    struct item it = {.op = OP_PUT, .r = 1, .d = lit("{\"kind\":\"venue\",\"title\":\"x\"}")};
    snprintf(it.id, sizeof it.id, "%s", id);
    snprintf(it.k, sizeof it.k, "listing/1");
    assert_int_equal(app_tick_make(&t), 0);
    memcpy(it.z, t.rnd, sizeof it.z);
    t.now_ms = now_ms;
    buf_init(&text, 4096);
    assert_int_equal(item_write(&it, &text), 0);
    struct span s = span_of(text.data, text.len);
    assert_int_equal(sync_write(a->sync, &t, "fed", &s, 1, false, NULL), 0);
    app_changed(a);
    buf_done(&text);
}

struct page {
    struct buf ids;
    int64_t ts, n;
};

static int on_listed(const struct store_rec *rec, void *arg)
{
    struct page *p = arg;
    p->ts = rec->ts;
    p->n = rec->n;
    return buf_printf(&p->ids, "%s ", rec->id);
}

/* The list, and the same list page by page. */
static void list_is(struct app *a, const char *owner, const char *want)
{
    struct store_filter f = {.kind = "listing", .owner = owner, .now_ms = app_now_ms()};
    struct page whole = {0}, paged = {0};
    buf_init(&whole.ids, 4096);
    buf_init(&paged.ids, 4096);
    assert_int_equal(store_record_list(a->store, &f, on_listed, &whole), 0);
    assert_string_equal(buf_str(&whole.ids), want);
    f.limit = 1;
    for (size_t last = 1; last != paged.ids.len;) {
        last = paged.ids.len;
        assert_int_equal(store_record_list(a->store, &f, on_listed, &paged), 0);
        f.before_ts = paged.ts;
        f.before_n = paged.n;
    }
    assert_string_equal(buf_str(&paged.ids), want);
    buf_done(&whole.ids);
    buf_done(&paged.ids);
}

/* Where a clock is wrong by years, nothing stays on top of the lists, and nothing new is hidden
 * below: neighbours show the time of receipt, the writer itself puts last what it dated ahead. */
static void a_wrong_clock_does_not_rule_the_lists(void **state)
{
    (void)state;
    static const int64_t hour = 3600000, years = INT64_C(9) * 365 * 86400000;
    struct app *city = node_born(0, "city4"), *street = node_child(city, 1, "street4");
    struct app_clock c;
    int64_t now = app_now_ms();
    nodes_settle(city, street);
    write_at(city, now - 2 * hour, "older");
    write_at(street, now - hour, "right");
    write_at(street, INT64_C(631152000000), "behind"); /* 1990: the battery of the clock is empty */
    write_at(street, now + years, "ahead");
    write_at(street, now + years + hour, "ahead2");
    list_is(street, NULL, "right behind ahead2 ahead ");
    list_is(street, app_id(street), "right behind ahead2 ahead ");
    nodes_settle(city, street);
    write_at(city, app_now_ms() + 1000, "newest");
    list_is(city, NULL, "newest ahead2 ahead behind right older ");
    nodes_settle(city, street);
    list_is(street, NULL, "newest right older behind ahead2 ahead ");
    app_clock(city, &c); /* one alone is no witness against this clock, two are */
    assert_string_equal(c.word, "ok");
    write_at(city, now + years, "ours");
    app_clock(city, &c);
    assert_string_equal(c.word, "back");
    assert_true(c.wrong && c.off_ms > years / 2 && c.off_ms <= years);
    node_sound(city);
    node_sound(street);
    list_is(street, NULL, "newest right older behind ahead2 ahead ");
    app_close(city);
    app_close(street);
}

static void name_is(struct app *a, const char *code, const char *want)
{
    struct buf b;
    buf_init(&b, 1024);
    assert_int_equal(app_areas_load(a), 0);
    assert_int_equal(app_area_name(a, code, &b), 0);
    assert_string_equal(buf_str(&b), want);
    buf_done(&b);
}

static void add_child(const char *code, const char *name, void *arg)
{
    (void)buf_printf(arg, "%s=%s ", code, name);
}

static void children_are(struct app *a, const char *code, const char *want)
{
    struct buf b;
    buf_init(&b, 65536);
    assert_int_equal(app_areas_load(a), 0);
    assert_int_equal(app_area_children(a, code, add_child, &b), 0);
    assert_string_equal(buf_str(&b), want);
    buf_done(&b);
}

/* Codes that no table has, so that the test says the same with and without the built-in one. */
static void the_tops_areas_overrule_the_table(void **state)
{
    (void)state;
    struct app *city = node_born(0, "city3"), *street = node_child(city, 1, "street3");
    char id[LIM_ID_BYTES + 1];
    struct fault f = {0};
    struct buf was, now;
    static const char *const list[] = {
        "{\"id\":\"a1\",\"code\":\"99\",\"name\":\"某省\",\"level\":10}",
        "{\"id\":\"a2\",\"code\":\"9901\",\"name\":\"某市\",\"level\":20}",
        "{\"id\":\"a3\",\"code\":\"990102\",\"name\":\"旧区\",\"level\":30,\"valid_to\":\"2001-01-"
        "01\"}",
        "{\"id\":\"a4\",\"code\":\"990103\",\"name\":\"新区\",\"level\":30}",
        "{\"id\":\"a5\",\"code\":\"990104\",\"name\":\"将来区\",\"level\":30,\"valid_from\":\"2999-"
        "01-01\"}",
        "{\"id\":\"a6\",\"code\":\"980001\",\"name\":\"飞地\",\"level\":30,\"parent\":\"9901\"}",
        "{\"id\":\"a7\",\"code\":\"3701\",\"name\":\"泉城\",\"level\":20}"};
    nodes_settle(city, street);
    name_is(street, "990103", "");
    buf_init(&was, 1024);
    buf_init(&now, 1024);
    assert_int_equal(app_area_name(street, "370102", &was),
                     0); /* "" in a build without the table */
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        assert_int_equal(node_put(city, "area", list[i], id, &f), 0);
    }
    nodes_settle(city, street);
    for (int i = 0; i < 2; i++) {
        struct app *a = i == 0 ? city : street;
        name_is(a, "990103", "某省某市新区");
        name_is(a, "990102", "某省某市旧区"); /* ended, but what is old still has a name */
        name_is(a, "990104", "某省某市");
        name_is(a, "990103001", "某省某市新区"); /* not listed: as far as it is known */
        children_are(a, "9901", "980001=飞地 990103=新区 ");
        children_are(a, "9905", "");
    }
    assert_int_equal(app_area_name(street, "370102", &now), 0);
    assert_non_null(strstr(buf_str(&now), "泉城"));
    assert_null(strstr(buf_str(&now), "济南市"));
    /* Taken back: what was built in is valid again. */
    assert_int_equal(app_withdraw(city, NULL, "a7", NULL), 0);
    nodes_settle(city, street);
    name_is(street, "370102", buf_str(&was));
    buf_done(&was);
    buf_done(&now);
    app_close(city);
    app_close(street);
}

/* ---- erasing ---- */

static void plant(const char *dir, const char *name, char ret[static 400])
{
    (void)snprintf(ret, 400, "%s/%s", dir, name);
    FILE *f = fopen(ret, "w");
    assert_non_null(f);
    assert_true(fputs("old", f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* Confirmed where the other party was quicker (or a crash came between the step and its note), the
 * request is done, not open for ever; and copies of before lie nowhere. */
static void both_parties_may_ask_to_erase(void **state)
{
    (void)state;
    struct app *city = node_born(0, "erasing"), *street = node_child(city, 1, "erasing-too");
    char id[LIM_ID_BYTES + 1], copy[400], half[400];
    struct fault f = {0};
    struct app_erase e;
    int64_t n[2];
    nodes_settle(city, street);
    assert_int_equal(
        app_referral_send(street, app_id(city), span_of(referral, strlen(referral)), id, &f), 0);
    assert_int_equal(app_referral_event(street, id, RE_VOID, lit("{\"reason\":\"mistake\"}"), &f),
                     0);
    nodes_settle(city, street);
    state_is(city, id, RS_ERROR);
    plant(city->dir, "before-upgrade.db", copy);
    plant(city->dir, "backup.tmp", half);
    assert_int_equal(app_erase_request(street, "li", id, "mistake", &n[0], &f), 0);
    assert_int_equal(app_erase_request(city, "wang", id, "mistake", &n[1], &f), 0);
    assert_int_equal(app_erase_confirm(street, "zhao", n[0], &e, &f), 0);
    assert_string_equal(e.state, "done");
    nodes_settle(city, street);
    state_is(city, id, RS_ERASED);
    assert_int_equal(app_erase_confirm(city, "zhao", n[1], &e, &f), 0);
    assert_string_equal(e.state, "done");
    assert_int_equal(app_erase_confirm(city, "zhao", n[1], &e, &f), SANJI_E_STATE);
    for (int i = 0; i < 3; i++) {
        assert_true(app_tick(city, app_mono_ms() + 10000000) >= 0);
    }
    assert_int_not_equal(access(copy, F_OK), 0);
    assert_int_not_equal(access(half, F_OK), 0);
    app_close(city);
    app_close(street);
}

static int put_for(struct app *a, const char *owner, const char *kind, const char *json,
                   struct fault *f)
{
    char id[LIM_ID_BYTES + 1];
    struct app_put *p = NULL;
    *f = (struct fault){0};
    assert_int_equal(app_put_begin(a, kind_find(kind), NULL, false, &p), 0);
    assert_int_equal(app_put_for(p, owner), 0);
    int r = app_put_line(p, lit(json), id, f);
    r = r < 0 ? r : app_put_flush(p);
    app_put_free(p);
    return r;
}

#define FORM(state, label)                                                                         \
    "{\"code\":\"visit\",\"version\":1,\"title\":\"走访表\",\"about\":\"none\",\"each\":"       \
    "\"once\",\"state\":\"" state "\",\"questions\":[{\"name\":\"q\",\"label\":\"" label           \
    "\",\"type\":\"text\"}]}"
#define REPORT(state, done)                                                                        \
    "{\"report\":\"annual\",\"period\":\"2025\",\"title\":\"年报\",\"state\":\"" state             \
    "\",\"done\":\"" done "\"}"
#define HALL(fields, id) "{" id "\"kind\":\"venue\",\"title\":\"议事厅\",\"field\":[" fields "]}"

/* What its owner may not do with a record, who stands in for the owner may not either. */
static void a_steward_is_held_to_the_owners_rules(void **state)
{
    (void)state;
    struct app *city = node_born(0, "city6"), *street = node_child(city, 1, "street6");
    char form[LIM_ID_BYTES + 1], report[LIM_ID_BYTES + 1], hall[LIM_ID_BYTES + 1], json[512];
    char answer[LIM_ID_BYTES + 1], more[LIM_ID_BYTES + 1];
    struct fault f = {0};
    nodes_settle(city, street);
    assert_int_equal(node_put(street, "form_template", FORM("published", "几次"), form, &f), 0);
    assert_int_equal(node_put(street, "work_report", REPORT("submitted", "走访"), report, &f), 0);
    assert_int_equal(node_put(street, "work_report",
                              "{\"report\":\"annual\",\"period\":\"2024\",\"title\":\"年报\","
                              "\"state\":\"submitted\"}",
                              more, &f),
                     0);
    assert_int_equal(node_put(street, "listing", HALL("\"youth\"", ""), hall, &f), 0);
    nodes_settle(city, street);
    (void)snprintf(json, sizeof json, "{\"about\":\"%s/%s\",\"state\":\"accepted\",\"seen\":1}",
                   app_id(street), report);
    assert_int_equal(node_put(city, "report_answer", json, answer, &f), 0);
    assert_int_equal(app_node_revoke(city, app_id(street), NULL, "lost"), 0);
    assert_int_equal(app_node_steward(city, app_id(street), app_id(city)), 0);
    nodes_settle(city, street);
    /* a step that is none, a fixed member, a report that was accepted, a word of no list */
    assert_int_equal(put_for(city, app_id(street), "form_template", FORM("draft", "几次"), &f),
                     SANJI_E_STATE);
    assert_string_equal(f.member, "state");
    assert_int_equal(put_for(city, app_id(street), "form_template", FORM("published", "别的"), &f),
                     SANJI_E_STATE);
    assert_string_equal(f.member, "questions");
    assert_int_equal(put_for(city, app_id(street), "work_report", REPORT("submitted", "改了"), &f),
                     SANJI_E_STATE);
    (void)snprintf(json, sizeof json, HALL("\"youth\",\"nothing_such\"", "\"id\":\"%s\","), hall);
    assert_int_equal(put_for(city, app_id(street), "listing", json, &f), SANJI_E_SPEC);
    assert_string_equal(f.member, "field");
    /* nor is what others build on taken away */
    assert_int_equal(app_withdraw(city, app_id(street), form, &f), SANJI_E_STATE);
    assert_int_equal(app_withdraw(city, app_id(street), more, &f), SANJI_E_STATE);
    node_sound(city);
    /* what the owner may do, it may */
    assert_int_equal(put_for(city, app_id(street), "form_template", FORM("ended", "几次"), &f), 0);
    (void)snprintf(json, sizeof json, HALL("\"women\"", "\"id\":\"%s\","), hall);
    assert_int_equal(put_for(city, app_id(street), "listing", json, &f), 0);
    assert_int_equal(app_withdraw(city, app_id(street), hall, &f), 0);
    app_close(city);
    app_close(street);
}

struct said {
    char all[256];
};

static int on_hit(const char *what, const char *owner, const char *id, void *arg)
{
    struct said *x = arg;
    size_t n = strlen(x->all);
    (void)snprintf(x->all + n, sizeof x->all - n, "%s %s%s%s\n", what, owner,
                   owner[0] == '\0' ? "" : "/", id);
    return 0;
}

static void finds(struct app *a, const char *want)
{
    struct said x = {.all = ""};
    assert_int_equal(app_erase_find(a, lit("王小明"), on_hit, &x), 0);
    assert_string_equal(x.all, want);
}

static int nothing(const struct store_rec *rec, void *arg)
{
    (void)rec;
    (void)arg;
    return 0;
}

/* A person in the records of a node that speaks no more is erased by whoever speaks for it. */
static void a_steward_erases(void **state)
{
    (void)state;
    static const char person[] = "{\"id\":\"hall\",\"kind\":\"venue\",\"title\":\"王小明之家\"}";
    struct app *city = node_born(0, "city9"), *street = node_child(city, 1, "street9");
    char id[LIM_ID_BYTES + 1], both[128];
    struct fault f = {0};
    struct app_erase e;
    int64_t n = 0, again = 0;
    nodes_settle(city, street);
    assert_int_equal(node_put(street, "listing", person, id, &f), 0);
    assert_int_equal(node_put(city, "listing", person, id, &f), 0);
    nodes_settle(city, street);
    const char *of = app_id(street);
    finds(city, "record hall\n");
    assert_int_equal(app_erase_request_for(city, "wang", of, "hall", "person", &n, &f),
                     SANJI_E_AUTHORITY);
    assert_string_equal(f.member, "for");
    assert_int_equal(app_node_revoke(city, of, NULL, "lost"), 0);
    assert_int_equal(app_node_steward(city, of, app_id(city)), 0);
    nodes_settle(city, street);
    assert_int_equal(put_for(city, of, "listing",
                             "{\"id\":\"hall\",\"kind\":\"venue\",\"title\":\"王小明书屋\"}", &f),
                     0);
    (void)snprintf(both, sizeof both, "record hall\nrecord %s/hall\n", of);
    finds(city, both);
    f = (struct fault){0};
    assert_int_equal(app_erase_request_for(city, "wang", of, "none", "person", &n, &f),
                     SANJI_E_NOT_FOUND);
    assert_string_equal(f.member, "");
    /* The one of this id that is the city's own is another one. */
    assert_int_equal(app_erase_request(city, "wang", "hall", "person", &n, &f), 0);
    assert_int_equal(app_erase_request_for(city, "wang", of, "hall", "person", &again, &f), 0);
    assert_int_not_equal(n, again);
    assert_int_equal(app_erase_confirm(city, "zhao", again, &e, &f), 0);
    assert_string_equal(e.owner, of);
    assert_int_equal(e.items, 2);
    finds(city, "record hall\n");
    assert_int_equal(store_record_get(city->store, of, NULL, "hall", nothing, NULL),
                     SANJI_E_NOT_FOUND);
    assert_int_equal(store_record_get(city->store, app_id(city), NULL, "hall", nothing, NULL), 0);
    node_sound(city);
    assert_int_equal(app_erase_confirm(city, "zhao", n, &e, &f), 0);
    assert_string_equal(e.owner, "");
    assert_int_equal(e.items, 1);
    finds(city, "");
    node_sound(city);
    app_close(city);
    app_close(street);
}

static int64_t found_n(struct app *a, struct store_filter f)
{
    struct page all = {0};
    int64_t n = 0, seen = 0;
    buf_init(&all.ids, 4096);
    f.now_ms = app_now_ms();
    f.limit = 1;
    for (size_t last = 1; last != all.ids.len; seen++) { /* page by page */
        last = all.ids.len;
        assert_int_equal(store_record_list(a->store, &f, on_listed, &all), 0);
        if (f.text != NULL) {
            f.offset = seen + 1;
        } else {
            f.before_ts = all.ts;
            f.before_n = all.n;
        }
    }
    assert_int_equal(store_record_count(a->store, &f, &n), 0);
    assert_int_equal(n, seen - 1);
    buf_done(&all.ids);
    return n;
}

/* Who does not say it is in the first state: wherever one looks for it. */
static void a_state_that_is_not_said_is_found(void **state)
{
    (void)state;
    struct app *a = node_born(0, "city7");
    char id[LIM_ID_BYTES + 1];
    struct fault f = {0};
    static const char *const rec[] = {
        "{\"kind\":\"venue\",\"title\":\"会议室甲\",\"area\":\"370102\"}",
        "{\"kind\":\"venue\",\"title\":\"会议室乙\",\"area\":\"370102\",\"state\":\"published\"}",
        "{\"kind\":\"venue\",\"title\":\"会议室丙\",\"area\":\"370102\",\"state\":\"paused\"}",
        "{\"kind\":\"venue\",\"title\":\"会议室丁\",\"area\":\"370103\"}",
    };
    for (size_t i = 0; i < sizeof rec / sizeof rec[0]; i++) {
        assert_int_equal(node_put(a, "listing", rec[i], id, &f), 0);
    }
    struct store_filter x = {.kind = "listing", .state = "published"};
    assert_int_equal(found_n(a, x), 3);
    x.owner = app_id(a);
    assert_int_equal(found_n(a, x), 3);
    x.area = "370102";
    assert_int_equal(found_n(a, x), 2);
    x.owner = NULL;
    assert_int_equal(found_n(a, x), 2);
    x.text = "会议室";
    assert_int_equal(found_n(a, x), 2);
    x = (struct store_filter){.kind = "listing", .state = "paused"};
    assert_int_equal(found_n(a, x), 1);
    app_close(a);
}

static int on_kept(const struct app_keep *k, void *arg)
{
    return buf_printf(arg, "%s %s %d;", k->kind, k->id, k->until - k->since);
}

/* What is due to be erased so many days from now. */
static void kept_is(struct app *a, int days, const char *want)
{
    struct buf b;
    bool more = true;
    buf_init(&b, 4096);
    assert_int_equal(
        app_keep_due(a, app_now_ms() + days * INT64_C(86400000), 10, on_kept, &b, &more), 0);
    assert_false(more);
    assert_string_equal(buf_str(&b), want);
    buf_done(&b);
}

/* Kinds say how long people are kept; then they are named, and go when two people have said so. */
static void what_was_kept_long_enough_is_named(void **state)
{
    (void)state;
    struct app *city = node_born(0, "city8"), *street = node_child(city, 1, "street8");
    char id[LIM_ID_BYTES + 1], open[LIM_ID_BYTES + 1], o[LIM_ID_BYTES + 1], want[200];
    struct fault f = {0};
    int64_t n = 0;
    nodes_settle(city, street);
    assert_int_equal(app_referral_send(street, app_id(city), lit(referral), id, &f), 0);
    assert_int_equal(app_referral_send(street, app_id(city), lit(referral), open, &f), 0);
    assert_int_equal(node_put(street, "org", "{\"id\":\"gone\",\"name\":\"甲社\"}", o, &f), 0);
    assert_int_equal(node_put(street, "org",
                              "{\"id\":\"gone\",\"name\":\"甲社\",\"state\":\"incubating\"}", o,
                              &f),
                     0);
    assert_int_equal(
        node_put(street, "org", "{\"id\":\"gone\",\"name\":\"甲社\",\"state\":\"left\"}", o, &f),
        0);
    assert_int_equal(node_put(street, "org", "{\"id\":\"here\",\"name\":\"乙社\"}", o, &f), 0);
    assert_int_equal(app_outbox_flush(street), 0);
    nodes_settle(city, street);
    assert_int_equal(app_referral_event(city, id, RE_OPEN, span_of(NULL, 0), &f), 0);
    assert_int_equal(app_referral_event(city, id, RE_DECLINE, lit("{\"reason\":\"other\"}"), &f),
                     0);
    nodes_settle(city, street);
    assert_int_equal(app_referral_event(street, id, RE_CLOSE, lit("{\"told\":true}"), &f), 0);
    nodes_settle(city, street);
    kept_is(street, 89, "");
    (void)snprintf(want, sizeof want, "referral %s 90;", id);
    kept_is(street, 91, want); /* not the one that is still open */
    kept_is(city, 91, want);   /* both parties hold it */
    (void)snprintf(want, sizeof want, "referral %s 90;org gone 1095;", id);
    kept_is(street, 1096, want);
    assert_int_equal(app_erase_request(street, "wang", id, "law", &n, &f), 0);
    kept_is(street, 1096, want); /* asked for is not done */
    assert_int_equal(app_erase_confirm(street, "li", n, NULL, &f), 0);
    kept_is(street, 91, "");
    kept_is(street, 1096, "org gone 1095;");
    app_close(city);
    app_close(street);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_nodes_agree),
        cmocka_unit_test(a_mismatch_names_who_says_what),
        cmocka_unit_test(a_revoked_node_writes_no_referral),
        cmocka_unit_test(a_steward_is_held_to_the_owners_rules),
        cmocka_unit_test(a_steward_erases),
        cmocka_unit_test(a_state_that_is_not_said_is_found),
        cmocka_unit_test(what_was_kept_long_enough_is_named),
        cmocka_unit_test(a_wrong_clock_does_not_rule_the_lists),
        cmocka_unit_test(the_tops_areas_overrule_the_table),
        cmocka_unit_test(both_parties_may_ask_to_erase),
    };
    return cmocka_run_group_tests(tests, home_make, home_drop);
}
