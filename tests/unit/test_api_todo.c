/* SPDX-License-Identifier: Apache-2.0 */
/* What waits for whom: records by their states and erasures, for the roles that can do something
 * about them and for no other; order, places in the queue, and acknowledgements. What comes from
 * other platforms is in test_app_own and in the browser tests of reports and the to-do list. */
#include "node/app_ack.h"
#include "node/app_erase.h"
#include "node/app_todo.h"
#include "protocol/base/text.h"
#include "protocol/kinds/kind.h"
#include "tests/support/desk.h"

static const char *const roles[] = {"admin",    "manager",    "clerk",
                                    "reviewer", "supervisor", "member"};

static void put_record(const char *kind, const char *json)
{
    struct fault f = {0};
    char id[LIM_ID_BYTES + 1];
    int r = app_put_one(d.app, kind_find(kind), NULL, NULL, span_of(json, strlen(json)), id, &f);
    if (r < 0) {
        fail_msg("%s: %s %s %s", kind, err_name(r), f.member, f.want);
    }
}

static int64_t count_of(const char *role, const char *source)
{
    struct app_todo_list *l = NULL;
    int64_t n = 0;
    assert_int_equal(app_todo(d.app, &(struct app_person){.login = "", .role = role}, &l), 0);
    for (size_t i = 0; i < l->n; i++) {
        n += strcmp(app_todo_source_name(l->v[i].source), source) == 0;
    }
    free(l);
    return n;
}

/* For whom a source counts: one letter a role, in the order above. */
static void expect(const char *source, const char *who)
{
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        int64_t n = count_of(roles[i], source);
        if ((n > 0) != (who[i] != '-')) {
            fail_msg("%s for %s: %lld", source, roles[i], (long long)n);
        }
    }
}

static void every_state_for_every_role(void **state)
{
    (void)state;
    expect("decide", "------");
    put_record("org", "{\"id\":\"o1\",\"name\":\"青禾社\",\"state\":\"applying\"}");
    expect("decide", "am-r--");
    put_record("org", "{\"id\":\"o1\",\"name\":\"青禾社\",\"state\":\"incubating\"}");
    expect("decide", "------");
    static const struct {
        const char *state, *decide, *redo;
    } t[] = {
        {"draft", "------", "amcr--"},    {"submitted", "am-r--", "------"},
        {"returned", "------", "amcr--"}, {"submitted", "am-r--", "------"},
        {"accepted", "------", "------"},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        char json[256];
        snprintf(json, sizeof json,
                 "{\"id\":\"m1\",\"org\":\"o1\",\"title\":\"月报\",\"period\":\"2026-11\","
                 "\"state\":\"%s\",\"reason\":\"r\"}",
                 t[i].state);
        put_record("activity", json);
        expect("decide", t[i].decide);
        expect("redo", t[i].redo);
    }
}

/* Who may confirm an erasure, and did not ask for it himself. */
static void an_erasure_to_confirm(void **state)
{
    (void)state;
    int64_t n = 0;
    struct fault f = {0};
    add_user("asks", "admin", false);
    put_record("listing", "{\"id\":\"l1\",\"kind\":\"venue\",\"title\":\"厅\"}");
    expect("erase", "------");
    assert_int_equal(app_erase_request(d.app, "asks", "l1", "person", &n, &f), 0);
    struct app_todo_list *l = NULL;
    assert_int_equal(app_todo(d.app, &(struct app_person){.login = "asks", .role = "admin"}, &l),
                     0);
    assert_int_equal(l->n, 0);
    free(l);
    assert_true(count_of("admin", "erase") == 1);
    assert_true(count_of("clerk", "erase") == 0);
}

/* More than are listed: said, never dropped in silence. */
static void more_than_are_listed(void **state)
{
    (void)state;
    struct app_todo_list *l = NULL;
    char json[160];
    put_record("org", "{\"id\":\"o1\",\"name\":\"青禾社\",\"state\":\"incubating\"}");
    for (int i = 0; i < 200; i++) {
        snprintf(json, sizeof json,
                 "{\"id\":\"m%d\",\"org\":\"o1\",\"title\":\"月报\",\"period\":\"2026-01\","
                 "\"state\":\"submitted\"}",
                 i);
        if (i == 199) {
            assert_int_equal(
                app_todo(d.app, &(struct app_person){.login = "", .role = "manager"}, &l), 0);
            assert_false(l->more);
            free(l);
        }
        put_record("activity", json);
    }
    assert_int_equal(app_todo(d.app, &(struct app_person){.login = "", .role = "manager"}, &l), 0);
    assert_true(l->more);
    assert_int_equal(l->n, 200);
    free(l);
}

static void order_and_dates(void **state)
{
    (void)state;
    struct app_todo_list *l = NULL;
    char json[256];
    put_record("org", "{\"id\":\"o1\",\"name\":\"青禾社\",\"state\":\"incubating\"}");
    for (int i = 0; i < 3; i++) {
        snprintf(json, sizeof json,
                 "{\"id\":\"m%d\",\"org\":\"o1\",\"title\":\"月报 %d\",\"period\":\"2026-0%d\","
                 "\"state\":\"%s\"}",
                 i, i, i + 1, i == 1 ? "draft" : "submitted");
        put_record("activity", json);
    }
    assert_int_equal(app_todo(d.app, &(struct app_person){.login = "", .role = "manager"}, &l), 0);
    assert_int_equal(l->n, 3);
    assert_int_equal(l->v[2].source, TODO_REDO); /* what has no day comes last */
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(l->v[i].source, TODO_DECIDE);
        assert_true(l->v[i].due > date_of_ms(app_now_ms()));
        assert_false(l->v[i].overdue);
    }
    free(l);
    user_in("chen", "manager");
    assert_status(ask("GET", "/api/todo", NULL), 200);
    assert_int_equal(member_int("count"), 3);
    assert_said("\"title\":\"月报 0\"");
    assert_status(ask("GET", "/api/todo?count=1", NULL), 200);
    assert_int_equal(member_int("count"), 3);
    assert_false(said("items"));
    /* A form he has begun is his alone. */
    assert_status(ask("POST", "/api/drafts/listing.new", "{\"seen\":0,\"draft\":{}}"), 200);
    assert_status(ask("GET", "/api/todo", NULL), 200);
    assert_int_equal(member_int("count"), 4);
    assert_said("\"source\":\"draft\",\"kind\":\"listing\"");
    user_in("wang", "manager");
    assert_status(ask("GET", "/api/todo?count=1", NULL), 200);
    assert_int_equal(member_int("count"), 3);
    /* The applicant sees his place and a day; a decided matter has none. */
    assert_status(ask("GET", "/api/records/me/activity/m2", NULL), 200);
    assert_said("\"queue\":{\"place\":2,\"of\":2,\"expected\":\"2");
    assert_status(ask("GET", "/api/records/me/activity/m1", NULL), 200);
    assert_false(said("\"queue\""));
}

static int on_any(const struct app_ack_notice *n, void *arg)
{
    (void)n;
    ++*(int *)arg;
    return 0;
}

/* The only node there is asks nobody, and owes itself nothing. */
static void notices(void **state)
{
    (void)state;
    int n = 0;
    bool more = false;
    put_record("notice", "{\"id\":\"n1\",\"kind\":\"notice\",\"title\":\"通知\",\"ack\":true}");
    assert_int_equal(app_ack_wanted(d.app, on_any, &n, &more), 0);
    assert_int_equal(n, 0);
    user_in("chen", "manager");
    assert_status(ask("GET", "/api/records/me/notice/n1", NULL), 200);
    assert_said("\"acks\":[]");
    char body[160];
    snprintf(body, sizeof body, "{\"d\":{\"about\":\"%s/n1\"}}", app_id(d.app));
    assert_status(ask("POST", "/api/records/ack", body), 403); /* to oneself */
    assert_status(ask("POST", "/api/records/ack", "{\"d\":{\"about\":\"naaaaaaaaaaaaa/n9\"}}"),
                  404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_NODE(every_state_for_every_role),
        ON_A_NODE(an_erasure_to_confirm),
        ON_A_NODE(more_than_are_listed),
        ON_A_NODE(order_and_dates),
        ON_A_NODE(notices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
