/* SPDX-License-Identifier: Apache-2.0 */
/* Does a question reach the owner of what it is about, wait there until it is answered in its
 * present form, and stay between the two, with two real nodes? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/app_internal.h"
#include "node/app_question.h"
#include "node/app_todo.h"
#include "tests/support/nodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct app *city, *d1;

static int put(struct app *a, const char *kind, const char *json, char id[LIM_ID_BYTES + 1],
               struct fault *f)
{
    *f = (struct fault){0};
    return node_put(a, kind, json, id, f);
}

/* What both see of the record l1 of the city. */
static const char *list(struct app *a)
{
    static struct buf b;
    struct jw w;
    buf_done(&b);
    buf_init(&b, 1 << 20);
    jw_init(&w, &b);
    assert_int_equal(app_question_list(a, app_id(city), "l1", NULL, &w), 0);
    assert_int_equal(jw_done(&w), 0);
    return buf_str(&b);
}

static int waiting(struct app *a, const char *role)
{
    struct app_todo_list *l = NULL;
    int n = 0;
    assert_int_equal(app_todo(a, &(struct app_person){.login = "", .role = role}, &l), 0);
    for (size_t i = 0; i < l->n; i++) {
        n += l->v[i].source == TODO_QUESTION;
        assert_true(l->v[i].source != TODO_QUESTION || l->v[i].due > 0);
    }
    free(l);
    return n;
}

static void test_asked_and_answered(void **state)
{
    (void)state;
    char d[600], id[LIM_ID_BYTES + 1], q[LIM_ID_BYTES + 1];
    struct fault f;
    city = node_born(0, "q-city");
    d1 = node_child(city, 1, "q-d1");
    nodes_settle(city, d1);
    assert_int_equal(
        put(city, "listing", "{\"id\":\"l1\",\"kind\":\"venue\",\"title\":\"议事厅\"}", id, &f), 0);
    assert_int_equal(put(city, "service",
                         "{\"id\":\"s1\",\"title\":\"走访\",\"date\":\"2026-11-01\","
                         "\"method\":\"case\"}",
                         id, &f),
                     0);
    nodes_settle(city, d1);
    (void)snprintf(d, sizeof d, "{\"about\":\"%s/l1\",\"text\":\"周末开放吗?\"}", app_id(city));
    assert_int_equal(put(city, "question", d, id, &f), SANJI_E_SPEC); /* nobody asks himself */
    assert_int_equal(put(d1, "question", d, q, &f), 0);
    (void)snprintf(d, sizeof d, "{\"about\":\"%s/nope\",\"text\":\"?\"}", app_id(city));
    assert_int_equal(put(d1, "question", d, id, &f), SANJI_E_NOT_FOUND);
    assert_string_equal(f.member, "about");
    assert_int_equal(waiting(d1, "clerk"), 0);
    nodes_settle(city, d1);
    assert_int_equal(waiting(city, "clerk"), 1);
    assert_int_equal(waiting(city, "supervisor"), 0); /* who may not answer has nothing to do */
    assert_non_null(strstr(list(city), "周末开放吗"));
    assert_non_null(strstr(list(city), "\"answered\":false"));
    (void)snprintf(d, sizeof d, "{\"about\":\"%s/%s\",\"text\":\"开放\"}", app_id(d1), q);
    assert_int_equal(put(d1, "question_answer", d, id, &f), SANJI_E_SPEC); /* not by who asked */
    assert_int_equal(put(city, "question_answer", d, id, &f), 0);
    assert_int_equal(waiting(city, "clerk"), 0);
    nodes_settle(city, d1);
    assert_non_null(strstr(list(d1), "\"answered\":true,\"answer\":{\"text\":\"开放\""));
    /* Asked differently since, it waits again; and answered again it does not. */
    char changed[900];
    (void)snprintf(changed, sizeof changed,
                   "{\"id\":\"%s\",\"about\":\"%s/l1\",\"text\":\"春节开放吗?\"}", q, app_id(city));
    assert_int_equal(put(d1, "question", changed, id, &f), 0);
    nodes_settle(city, d1);
    assert_int_equal(waiting(city, "clerk"), 1);
    assert_non_null(strstr(list(city), "\"answered\":false,\"answer\":{"));
    (void)snprintf(d, sizeof d, "{\"about\":\"%s/%s\",\"text\":\"不开放\"}", app_id(d1), q);
    assert_int_equal(put(city, "question_answer", d, id, &f), 0);
    nodes_settle(city, d1);
    assert_int_equal(waiting(city, "clerk"), 0);
    assert_non_null(strstr(list(d1), "不开放"));
    /* Nobody asks a platform that is closed: no one would ever read it. */
    assert_int_equal(
        put(d1, "listing", "{\"id\":\"l2\",\"kind\":\"venue\",\"title\":\"会议室\"}", id, &f), 0);
    nodes_settle(city, d1);
    (void)snprintf(d, sizeof d, "{\"about\":\"%s/l2\",\"text\":\"周末开放吗?\"}", app_id(d1));
    assert_int_equal(put(city, "question", d, id, &f), 0);
    /* Of what was taken back nobody is reminded. */
    assert_int_equal(app_withdraw(d1, NULL, q, NULL), 0);
    nodes_settle(city, d1);
    assert_string_equal(list(city), "[]");
    assert_int_equal(app_node_close(city, app_id(d1), "left"), 0);
    assert_int_equal(put(city, "question", d, id, &f), SANJI_E_CLOSED);
    assert_string_equal(f.member, "about");
    node_sound(city);
    node_sound(d1);
    app_close(city);
    app_close(d1);
}

int main(void)
{
    const struct CMUnitTest t[] = {cmocka_unit_test(test_asked_and_answered)};
    return cmocka_run_group_tests_name("app_question", t, home_make, home_drop);
}
