/* SPDX-License-Identifier: Apache-2.0 */
/* A node's own filing: it is kept, signed and checked like everything else, and stays at home; the
 * public card follows it, an assessment changes a stage, and what is wrong is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/app_erase.h"
#include "node/app_internal.h"
#include "node/app_pair.h"
#include "node/app_todo.h"
#include "protocol/jcur.h"
#include "tests/support/nodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET "张某某的手机"

struct seen {
    bool found, withdrawn;
    int64_t r;
    char d[2048], aud[96];
};

static int on_seen(const struct store_rec *rec, void *arg)
{
    struct seen *s = arg;
    s->found = true;
    s->withdrawn = rec->withdrawn;
    s->r = rec->r;
    snprintf(s->aud, sizeof s->aud, "%s", rec->aud);
    snprintf(s->d, sizeof s->d, "%.*s", (int)rec->d.n, rec->d.n > 0 ? (const char *)rec->d.p : "");
    return 0;
}

static struct seen look(struct app *at, struct app *of, const char *id)
{
    struct seen s = {0};
    int r = store_record_get(at->store, app_id(of), NULL, id, on_seen, &s);
    assert_true(r == 0 || r == SANJI_E_NOT_FOUND);
    return s;
}

static bool shows(struct app *at, struct app *of, const char *id)
{
    struct seen s = look(at, of, id);
    return s.found && !s.withdrawn;
}

static int put(struct app *a, const char *kind, const char *json, struct fault *f)
{
    char id[LIM_ID_BYTES + 1];
    *f = (struct fault){0};
    return node_put(a, kind, json, id, f);
}

static void test_stays_at_home(void **state)
{
    (void)state;
    struct fault f;
    struct app *city = node_born(0, "own-city"), *d1 = node_child(city, 1, "own-district");
    nodes_settle(city, d1);
    assert_int_equal(put(d1, "org",
                         "{\"id\":\"o1\",\"name\":\"晨光社工\",\"kind\":\"community\",\"state\":"
                         "\"incubating\",\"mobile\":\"" SECRET "\",\"note\":\"" SECRET
                         "\",\"public\":true}",
                         &f),
                     0);
    assert_int_equal(put(d1, "service",
                         "{\"id\":\"v1\",\"title\":\"入户\",\"date\":\"2026-11-01\",\"method\":"
                         "\"case\",\"org\":\"o1\"}",
                         &f),
                     0);
    nodes_settle(city, d1);
    assert_true(shows(d1, d1, "o1") && shows(d1, d1, "v1"));
    assert_string_equal(look(d1, d1, "o1").aud, "own");
    assert_true(shows(city, d1, "o1.card"));
    assert_string_equal(look(city, d1, "o1.card").aud, "fed");
    assert_non_null(strstr(look(city, d1, "o1.card").d, "晨光社工"));
    assert_false(look(city, d1, "o1").found || look(city, d1, "v1").found);
    struct buf all;
    node_export(city, NULL, &all);
    assert_null(strstr(buf_str(&all), SECRET));
    buf_done(&all);
    /* Changed and closed again: the card goes with it. */
    assert_int_equal(
        put(d1, "org", "{\"id\":\"o1\",\"name\":\"晨光\",\"state\":\"incubating\",\"public\":true}",
            &f),
        0);
    nodes_settle(city, d1);
    assert_non_null(strstr(look(city, d1, "o1.card").d, "\"晨光\""));
    assert_int_equal(
        put(d1, "org", "{\"id\":\"o1\",\"name\":\"晨光\",\"state\":\"incubating\"}", &f), 0);
    nodes_settle(city, d1);
    assert_true(look(city, d1, "o1.card").withdrawn);
    assert_int_equal(
        put(d1, "org", "{\"id\":\"o1\",\"name\":\"晨光\",\"state\":\"incubating\",\"public\":true}",
            &f),
        0);
    nodes_settle(city, d1);
    assert_true(shows(city, d1, "o1.card"));
    assert_int_equal(app_withdraw(d1, NULL, "o1", NULL), 0);
    nodes_settle(city, d1);
    assert_true(look(d1, d1, "o1").withdrawn && look(city, d1, "o1.card").withdrawn);
    node_sound(city);
    node_sound(d1);
    app_close(d1);
    app_close(city);
}

#define REPORT "work_report.annual.2025"

static struct app_pair pair_at(struct app *at, struct app *of)
{
    struct app_pair now;
    enum pair_side side;
    struct seen s = look(at, of, REPORT);
    assert_int_equal(app_pair_now(at, pair_flow_of(kind_find("work_report"), &side), app_id(of),
                                  REPORT, span_of(s.d, strlen(s.d)), &now),
                     0);
    return now;
}

static int answered(struct app *a, struct app *of, const char *word, struct fault *f)
{
    char d[256];
    snprintf(d, sizeof d,
             "{\"about\":\"%s/" REPORT "\",\"state\":\"%s\",\"seen\":1,\"reason\":\"r\"}",
             app_id(of), word);
    return put(a, "report_answer", d, f);
}

/* A program of its own at the station writes other content under the number that was locked. */
static void forge(struct app *a)
{
    struct seen s = look(a, a, REPORT);
    struct sync_tick t;
    struct buf item;
    char *word = strstr(s.d, "12 户");
    assert_non_null(word);
    word[0] = '9';
    buf_init(&item, LIM_ITEM_BYTES * 2);
    assert_int_equal(app__item(a, NULL, REPORT, kind_find("work_report"), OP_PUT, s.r + 1,
                               span_of(s.d, strlen(s.d)), &item),
                     0);
    struct span text = span_of(item.data, item.len);
    assert_int_equal(app_tick_make(&t), 0);
    assert_int_equal(store_begin(a->store), 0);
    assert_int_equal(sync_write(a->sync, &t, s.aud, &text, 1, true, NULL), 0);
    assert_int_equal(store_commit(a->store), 0);
    buf_done(&item);
}

static void test_an_answer_is_about_what_was_read(void **state)
{
    (void)state;
    struct fault f;
    char id[LIM_ID_BYTES + 1];
    enum pair_side side;
    struct app *city = node_born(0, "pair-city"), *d1 = node_child(city, 1, "pair-district");
    nodes_settle(city, d1);
    assert_int_equal(put(d1, "work_report",
                         "{\"report\":\"annual\",\"period\":\"2025\",\"title\":\"年报\",\"done\":"
                         "\"走访 12 户\",\"state\":\"submitted\"}",
                         &f),
                     0);
    nodes_settle(city, d1);
    /* back with blanks for a reason: nobody would know what to put right */
    char blank[256];
    snprintf(blank, sizeof blank,
             "{\"about\":\"%s/" REPORT "\",\"state\":\"returned\",\"seen\":1,\"reason\":\" \"}",
             app_id(d1));
    assert_int_equal(put(city, "report_answer", blank, &f), SANJI_E_SPEC);
    assert_string_equal(f.member, "reason");
    assert_string_equal(pair_at(city, d1).state, "submitted");
    assert_int_equal(answered(city, d1, "accepted", &f), 0);
    assert_int_equal(answered(city, d1, "locked", &f), 0);
    nodes_settle(city, d1);
    assert_string_equal(pair_at(city, d1).state, "locked");
    assert_false(pair_at(city, d1).again);
    assert_int_equal(
        app_pair_answer_id(pair_flow_of(kind_find("work_report"), &side), app_id(d1), REPORT, id),
        0);
    assert_int_equal(app_withdraw(city, NULL, id, &f), SANJI_E_STATE);
    assert_true(f.want[0] != '\0');
    assert_true(shows(city, city, id));
    forge(d1);
    nodes_settle(city, d1);
    assert_non_null(strstr(look(city, d1, REPORT).d, "92 户"));
    for (int i = 0; i < 2; i++) {
        struct app_pair now = pair_at(i == 0 ? city : d1, d1);
        assert_string_equal(now.state, "locked");
        assert_int_equal(now.no, 1);
        assert_true(now.again);
    }
    assert_int_equal(answered(city, d1, "reopened", &f), 0);
    nodes_settle(city, d1);
    assert_string_equal(pair_at(d1, d1).state, "reopened");
    assert_false(pair_at(d1, d1).again);
    app_close(d1);
    app_close(city);
}

/* One child that sends much does not hide what another one has been waiting for. */
static void test_what_waits_is_found_behind_others(void **state)
{
    (void)state;
    struct fault f;
    struct app_todo_list *l = NULL;
    struct app *city = node_born(0, "todo-city"), *quiet = node_child(city, 1, "todo-quiet"),
               *busy = node_child(city, 2, "todo-busy");
    char json[256];
    size_t n = 0;
    nodes_settle(city, quiet);
    nodes_settle(city, busy);
    assert_int_equal(put(quiet, "work_report",
                         "{\"report\":\"annual\",\"period\":\"2025\",\"title\":\"年报\","
                         "\"state\":\"submitted\"}",
                         &f),
                     0);
    nodes_settle(city, quiet);
    for (int i = 0; i < 402; i++) {
        snprintf(json, sizeof json,
                 "{\"report\":\"weekly\",\"period\":\"%d-W%02d\",\"title\":\"周报\",\"state\":"
                 "\"submitted\"}",
                 2010 + i / 52, i % 52 + 1);
        assert_int_equal(put(busy, "work_report", json, &f), 0);
    }
    nodes_settle(city, busy);
    assert_int_equal(app_todo(city, &(struct app_person){.login = "", .role = "manager"}, &l), 0);
    for (size_t i = 0; i < l->n; i++) {
        n += l->v[i].source == TODO_ANSWER && strcmp(l->v[i].owner, app_id(quiet)) == 0;
    }
    assert_int_equal(n, 1);
    assert_true(l->more); /* of the busy one not all were looked at, and it is said */
    free(l);
    app_close(busy);
    app_close(quiet);
    app_close(city);
}

static int assess(struct app *a, const char *state, struct fault *f)
{
    char d[300];
    snprintf(d, sizeof d,
             "{\"id\":\"a1\",\"org\":\"o1\",\"title\":\"评估\",\"year\":2026,\"state\":\"%s\","
             "\"to_stage\":\"project\",\"effective\":\"2026-12-01\"}",
             state);
    return put(a, "assessment", d, f);
}

static void test_steps_names_and_effects(void **state)
{
    (void)state;
    struct fault f;
    struct app *a = node_born(2, "own-steps");
    assert_int_equal(put(a, "org",
                         "{\"id\":\"o1\",\"name\":\"甲\",\"state\":\"incubating\",\"stage\":"
                         "\"activity\",\"public\":true}",
                         &f),
                     0);
    assert_int_equal(put(a, "service",
                         "{\"title\":\"x\",\"date\":\"2026-11-01\",\"method\":\"case\",\"org\":"
                         "\"nobody\"}",
                         &f),
                     SANJI_E_NOT_FOUND);
    assert_string_equal(f.member, "org");
    assert_int_equal(put(a, "org", "{\"id\":\"o1\",\"name\":\"甲\",\"state\":\"applying\"}", &f),
                     SANJI_E_STATE);
    assert_string_equal(f.member, "state");
    assert_non_null(strstr(f.want, "graduated"));
    assert_true(look(a, a, "o1").r == 1);
    static const char *const way[] = {"draft", "submitted", "agreed", "told"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(assess(a, way[i], &f), 0);
        bool past = i >= 2;
        assert_true((strstr(look(a, a, "o1").d, "\"stage\":\"project\"") != NULL) == past);
        assert_true((strstr(look(a, a, "o1.card").d, "\"stage\":\"project\"") != NULL) == past);
        assert_int_equal(look(a, a, "o1").r, past ? 2 : 1);
    }
    /* Whoever changes it by hand later is not overruled by what was agreed before. */
    assert_int_equal(
        put(a, "org", "{\"id\":\"o1\",\"name\":\"甲\",\"state\":\"incubating\",\"stage\":\"hub\"}",
            &f),
        0);
    assert_int_equal(assess(a, "told", &f), 0);
    assert_non_null(strstr(look(a, a, "o1").d, "\"stage\":\"hub\""));
    node_sound(a);
    app_close(a);
}

/* Names that meet, orders that are full, and what a restored database has forgotten. */
static void test_corners(void **state)
{
    (void)state;
    struct fault f;
    struct app *a = node_born(3, "own-corners");
    char d[400];
    assert_int_equal(put(a, "org", "{\"id\":\"o1\",\"name\":\"甲\",\"state\":\"incubating\"}", &f),
                     0);
    /* Nobody's own name ends like a card's. */
    assert_int_equal(
        put(a, "listing", "{\"id\":\"o1.card\",\"kind\":\"venue\",\"title\":\"x\"}", &f),
        SANJI_E_SPEC);
    assert_string_equal(f.member, "id");
    assert_int_equal(put(a, "card", "{\"id\":\"o9.card\",\"name\":\"x\"}", &f), SANJI_E_FORBIDDEN);
    /* One import, three assessments: the last one's stage stands. */
    struct app_put *p = NULL;
    char id[LIM_ID_BYTES + 1];
    static const char *const stage[] = {"activity", "project", "activity"};
    assert_int_equal(app_put_begin(a, kind_find("assessment"), NULL, false, &p), 0);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3; i++) {
            snprintf(
                d, sizeof d,
                "{\"id\":\"a%d\",\"org\":\"o1\",\"title\":\"评估\",\"year\":2026,\"state\":\"%s\","
                "\"to_stage\":\"%s\",\"effective\":\"2026-12-01\"}",
                i, round == 0 ? "submitted" : "agreed", stage[i]);
            assert_int_equal(app_put_line(p, lit(d), id, &f), 0);
        }
        assert_int_equal(app_put_flush(p), 0);
    }
    app_put_free(p);
    assert_non_null(strstr(look(a, a, "o1").d, "\"stage\":\"activity\""));
    assert_int_equal(look(a, a, "o1").r, 4);
    /* A card whose record is gone may be taken back, and only then. */
    assert_int_equal(put(a, "org",
                         "{\"id\":\"o1\",\"name\":\"甲\",\"state\":\"incubating\",\"public\":true}",
                         &f),
                     0);
    assert_int_equal(app_withdraw(a, NULL, "o1.card", NULL), SANJI_E_FORBIDDEN);
    int64_t n = 0;
    struct app_erase e;
    assert_int_equal(app_erase_request(a, "wang", "o1", "person", &n, &f), 0);
    assert_int_equal(app_erase_confirm(a, "chen", n, &e, &f), 0);
    assert_false(shows(a, a, "o1") || shows(a, a, "o1.card")); /* and the card with it */
    node_sound(a);
    app_close(a);
}

static int given;

static int give(const struct sync_stream_row *st, const struct sync_bundle_row *row, void *arg)
{
    struct app *to = arg;
    struct sync_tick t;
    struct sync_accept acc;
    if (strcmp(st->key.aud, "own") != 0) {
        return 0;
    }
    memset(&acc, 0, sizeof acc);
    assert_int_equal(app_tick_make(&t), 0);
    sync_accept_frame(to->sync, &t, row->frame, &acc);
    assert_int_equal(acc.err, SANJI_E_AUDIENCE);
    given++;
    return 0;
}

/* Not even its writer takes such a bundle from outside: a thief with an old key could make one. */
static void test_taken_from_nobody(void **state)
{
    (void)state;
    struct fault f;
    struct app *city = node_born(0, "own-given"), *d1 = node_child(city, 1, "own-giver");
    nodes_settle(city, d1);
    assert_int_equal(put(d1, "org", "{\"id\":\"o1\",\"name\":\"甲\"}", &f), 0);
    assert_int_equal(app_outbox_flush(d1), 0);
    for (int i = 0; i < 2; i++) { /* not even its writer */
        struct app *to = i == 0 ? city : d1;
        assert_int_equal(store_begin(to->store), 0);
        assert_int_equal(store_bundle_walk(d1->store, 0, give, to), 0);
        assert_int_equal(given, i + 1);
        store_rollback(to->store);
    }
    assert_false(look(city, d1, "o1").found);
    app_close(d1);
    app_close(city);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stays_at_home),
        cmocka_unit_test(test_an_answer_is_about_what_was_read),
        cmocka_unit_test(test_what_waits_is_found_behind_others),
        cmocka_unit_test(test_steps_names_and_effects),
        cmocka_unit_test(test_corners),
        cmocka_unit_test(test_taken_from_nobody),
    };
    return cmocka_run_group_tests(tests, home_make, home_drop);
}
