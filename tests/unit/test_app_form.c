/* SPDX-License-Identifier: Apache-2.0 */
/* Forms that are records: what is asked above is answered below, held against
 * its questions, and stays with the version it answered. And words that
 * platforms add to open lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/app_codes.h"
#include "node/app_erase.h"
#include "node/app_internal.h"
#include "protocol/form.h"
#include "protocol/json_gate.h"
#include "tests/support/nodes.h"

#include <stdio.h>
#include <string.h>

#define QUESTIONS                                                                                  \
    "[{\"name\":\"done\",\"label\":\"本月做了什么\",\"type\":\"long\","                      \
    "\"required\":true},"                                                                          \
    "{\"name\":\"n\",\"label\":\"场次\",\"type\":\"int\"},"                                      \
    "{\"name\":\"place\",\"label\":\"场地\",\"type\":\"choice\",\"choices\":["                   \
    "\"室内\",\"室外\"]},"                                                                     \
    "{\"name\":\"who\",\"label\":\"对象\",\"type\":\"choices\",\"choices\":["                    \
    "\"老人\",\"儿童\"]},"                                                                     \
    "{\"name\":\"ok\",\"label\":\"已公示\",\"type\":\"bool\"},"                                 \
    "{\"name\":\"on\",\"label\":\"日期\",\"type\":\"date\"},"                                    \
    "{\"name\":\"t\",\"label\":\"一句话\",\"type\":\"text\"}]"

/* As a member of something that passed the gate. */
static struct span text(const char *s)
{
    char whole[4096];
    int n = snprintf(whole, sizeof whole, "{\"x\":%s}", s);
    assert_int_equal(json_gate(whole, (size_t)n, JSON_PROTOCOL, NULL), 0);
    return span_of(s, strlen(s));
}

/* Every type of question, with what answers it and what does not. at NULL: it
 * does. */
static void test_answers(void **state)
{
    (void)state;
    static const struct {
        const char *answers, *at;
        bool whole;
    } t[] = {
        {"{}", NULL, false},
        {"{}", "answers.done", true},
        {"{\"done\":\"走访\\n座谈\"}", NULL, true},
        {"{\"done\":\"\"}", "answers.done", true},
        {"{\"done\":3}", "answers.done", false},
        {"{\"n\":-5}", NULL, false},
        {"{\"n\":1000000000000}", "answers.n", false},
        {"{\"n\":\"5\"}", "answers.n", false},
        {"{\"place\":\"室内\"}", NULL, false},
        {"{\"place\":\"室\"}", "answers.place", false},
        {"{\"place\":[\"室内\"]}", "answers.place", false},
        {"{\"who\":[\"儿童\",\"老人\"]}", NULL, false},
        {"{\"who\":[\"儿童\",\"儿童\"]}", "answers.who", false},
        {"{\"who\":[\"青年\"]}", "answers.who", false},
        {"{\"who\":[]}", "answers.who", false},
        {"{\"who\":\"老人\"}", "answers.who", false},
        {"{\"ok\":false}", NULL, false},
        {"{\"ok\":\"是\"}", "answers.ok", false},
        {"{\"on\":\"2026-02-28\"}", NULL, false},
        {"{\"on\":\"2026-02-30\"}", "answers.on", false},
        {"{\"t\":\"一\\n二\"}", "answers.t", false},
        {"{\"t\":\"\xe2\x80\xae\"}", "answers.t", false},
        {"{\"q9\":1}", "answers.q9", false},
        {"{\"done\":{\"x\":1}}", "answers.done", false},
        {"[]", "answers", false},
    };
    struct span q = text(QUESTIONS);
    assert_int_equal(form_check_questions(q, NULL), 0);
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct fault f = {0};
        int r = form_check_answers(q, text(t[i].answers), t[i].whole, &f);
        if (r != (t[i].at == NULL ? 0 : SANJI_E_SPEC) ||
            (t[i].at != NULL && strcmp(f.member, t[i].at) != 0)) {
            fail_msg("%s: %d %s %s", t[i].answers, r, f.member, f.want);
        }
    }
}

static void test_questions(void **state)
{
    (void)state;
    static const struct {
        const char *q, *at;
    } t[] = {
        {"[{\"name\":\"a\",\"type\":\"text\"}]", NULL},
        {"[{\"name\":\"9\",\"type\":\"text\"}]", "questions.1.name"},
        {"[{\"name\":\"a.b\",\"type\":\"text\"}]", "questions.1.name"},
        {"[{\"name\":\"A\",\"type\":\"text\"}]", "questions.1.name"},
        {"[{\"name\":\"a\",\"type\":\"text\"},{\"name\":\"b\",\"type\":"
         "\"choice\"}]",
         "questions.2.choices"},
        {"[{\"name\":\"a\",\"type\":\"int\",\"choices\":[\"x\"]}]", "questions.1.choices"},
        {"[{\"name\":\"a\",\"type\":\"choices\",\"choices\":[\"x\",\"y\",\"x\"]}"
         "]",
         "questions.1.choices"},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct fault f = {0};
        int r = form_check_questions(text(t[i].q), &f);
        if (r != (t[i].at == NULL ? 0 : SANJI_E_SPEC) ||
            (t[i].at != NULL && strcmp(f.member, t[i].at) != 0)) {
            fail_msg("%s: %d %s %s", t[i].q, r, f.member, f.want);
        }
    }
}

struct seen {
    bool found;
    char d[4096], aud[96];
};

static int on_seen(const struct store_rec *rec, void *arg)
{
    struct seen *s = arg;
    s->found = !rec->withdrawn;
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

/* 0, or the error with the member's name in *f. */
static int put(struct app *a, const char *kind, struct fault *f, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static int put(struct app *a, const char *kind, struct fault *f, const char *fmt, ...)
{
    char json[8192], id[LIM_ID_BYTES + 1];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(json, sizeof json, fmt, ap);
    va_end(ap);
    *f = (struct fault){0};
    return node_put(a, kind, json, id, f);
}

static int make_form(struct app *a, struct fault *f, int version, const char *state,
                     const char *questions)
{
    return put(a, "form_template", f,
               "{\"title\":\"月度工作表\",\"code\":\"monthly\",\"version\":%d,"
               "\"state\":\"%s\","
               "\"about\":\"org\",\"each\":\"month\",\"questions\":%s}",
               version, state, questions);
}

static int fill(struct app *a, struct app *of, struct fault *f, const char *id, int version,
                const char *state, const char *rest)
{
    return put(a, "form_entry", f,
               "{\"id\":\"%s\",\"template\":\"%s/"
               "form_template.monthly.%d\",\"org\":\"o1\","
               "\"period\":\"2026-11\",\"state\":\"%s\"%s}",
               id, app_id(of), version, state, rest);
}

#define refused(call, err, name)                                                                   \
    do {                                                                                           \
        assert_int_equal((call), (err));                                                           \
        assert_string_equal(f.member, (name));                                                     \
    } while (0)

static void test_from_above(void **state)
{
    (void)state;
    struct fault f;
    struct app *city = node_born(0, "form-city"), *d1 = node_child(city, 1, "form-district");
    nodes_settle(city, d1);
    assert_int_equal(put(d1, "org", &f, "{\"id\":\"o1\",\"name\":\"晨光社工\"}"), 0);
    assert_int_equal(make_form(city, &f, 1, "draft", QUESTIONS), 0);
    assert_int_equal(app_outbox_flush(city), 0);
    nodes_settle(city, d1);
    assert_string_equal(look(city, city, "form_template.monthly.1").aud, "own");
    assert_false(look(d1, city, "form_template.monthly.1").found); /* a draft stays at home */
    refused(fill(city, city, &f, "e0", 1, "draft", ""), SANJI_E_STATE, "template");
    assert_int_equal(make_form(city, &f, 1, "published", QUESTIONS), 0);
    assert_int_equal(app_outbox_flush(city), 0);
    nodes_settle(city, d1);
    assert_true(look(d1, city, "form_template.monthly.1").found);

    /* What is asked does not change under those who answer it; that it is not
     * used any more may. */
    refused(
        make_form(city, &f, 1, "published", "[{\"name\":\"x\",\"label\":\"x\",\"type\":\"int\"}]"),
        SANJI_E_STATE, "questions");
    refused(make_form(city, &f, 1, "draft", QUESTIONS), SANJI_E_STATE, "state");
    assert_int_equal(app_withdraw(city, NULL, "form_template.monthly.1", &f), SANJI_E_STATE);

    assert_int_equal(fill(d1, city, &f, "e1", 1, "draft", ",\"answers\":{\"n\":3}"), 0);
    refused(fill(d1, city, &f, "e1", 1, "submitted", ",\"answers\":{\"n\":3}"), SANJI_E_SPEC,
            "answers.done");
    refused(fill(d1, city, &f, "e1", 1, "draft", ",\"answers\":{\"n\":\"三\"}"), SANJI_E_SPEC,
            "answers.n");
    refused(fill(d1, city, &f, "e2", 7, "draft", ""), SANJI_E_NOT_FOUND, "template");
    refused(put(d1, "form_entry", &f,
                "{\"template\":\"%s/"
                "form_template.monthly.1\",\"period\":\"2026-11\"}",
                app_id(city)),
            SANJI_E_SPEC, "org");
    refused(put(d1, "form_entry", &f,
                "{\"template\":\"%s/"
                "form_template.monthly.1\",\"org\":\"o1\",\"period\":\"2026\"}",
                app_id(city)),
            SANJI_E_SPEC, "period");
    assert_int_equal(fill(d1, city, &f, "e1", 1, "submitted", ",\"answers\":{\"done\":\"走访\"}"),
                     0);
    assert_int_equal(app_outbox_flush(d1), 0);
    struct seen e = look(d1, d1, "e1");
    assert_non_null(strstr(e.d, "\"title\":\"月度工作表 · 晨光社工 · 2026-11\",\"version\":1"));
    assert_string_equal(e.aud, "own");

    /* The next version beside it; the first ends, and what was filled into it can
     * be put right. */
    assert_int_equal(make_form(city, &f, 2, "published",
                               "[{\"name\":\"new\",\"label\":\"新问题\",\"type\":\"text\"}]"),
                     0);
    assert_int_equal(make_form(city, &f, 1, "ended", QUESTIONS), 0);
    assert_int_equal(app_outbox_flush(city), 0);
    nodes_settle(city, d1);
    refused(fill(d1, city, &f, "e3", 1, "draft", ""), SANJI_E_STATE, "template");
    assert_int_equal(fill(d1, city, &f, "e3", 2, "submitted", ",\"answers\":{\"new\":\"有\"}"), 0);
    assert_int_equal(fill(d1, city, &f, "e1", 1, "returned",
                          ",\"answers\":{\"done\":\"走访\"},\"reason\":\"写具体些\""),
                     0);
    assert_int_equal(
        fill(d1, city, &f, "e1", 1, "submitted", ",\"answers\":{\"done\":\"走访 12 户\"}"), 0);
    /* Nothing of it is above. */
    assert_int_equal(app_outbox_flush(d1), 0);
    nodes_settle(city, d1);
    assert_false(look(city, d1, "e1").found);
    node_sound(d1);
    app_close(d1);
    app_close(city);
}

/* What was filled into the erased form: e4, in a state, with these answers. */
static int judge(struct app *a, struct fault *f, const char *state, const char *rest)
{
    return put(a, "form_entry", f,
               "{\"id\":\"e4\",\"template\":\"form_template.own.1\",\"state\":\"%s\"%s}", state,
               rest);
}

/* A form that is erased takes no entry along: what stands goes every way it
 * might have gone, and is not changed on it. */
static void test_erased(void **state)
{
    (void)state;
    static const char said[] = ",\"answers\":{\"done\":\"走访\"}",
                      back[] = ",\"answers\":{\"done\":\"走访\"},\"reason\":\"再看\"",
                      other[] = ",\"answers\":{\"done\":\"另写\"},\"reason\":\"再看\"";
    static const struct {
        const char *to, *rest;
    } ways[] = {{"submitted", said}, {"returned", back},  {"submitted", said}, {"checked", said},
                {"returned", back},  {"submitted", said}, {"checked", said}};
    struct fault f;
    int64_t n = 0;
    struct app *a = node_born(0, "form-erased");
    assert_int_equal(put(a, "form_template", &f,
                         "{\"title\":\"本区表\",\"code\":\"own\",\"version\":1,"
                         "\"state\":\"published\","
                         "\"about\":\"none\",\"each\":\"once\",\"questions\":%s}",
                         QUESTIONS),
                     0);
    assert_int_equal(judge(a, &f, "draft", said), 0);
    assert_int_equal(app_outbox_flush(a), 0);
    assert_int_equal(app_erase_request(a, "wang", "form_template.own.1", "mistake", &n, &f), 0);
    assert_int_equal(app_erase_confirm(a, "chen", n, NULL, &f), 0);
    assert_false(look(a, a, "form_template.own.1").found);
    refused(judge(a, &f, "checked", said), SANJI_E_STATE, "state"); /* the steps hold */
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        refused(judge(a, &f, ways[i].to, other), SANJI_E_NOT_FOUND, "template");
        assert_int_equal(judge(a, &f, ways[i].to, ways[i].rest), 0);
        assert_int_equal(app_outbox_flush(a), 0);
        assert_non_null(strstr(look(a, a, "e4").d, "\"title\":\"本区表\",\"version\":1"));
    }
    node_sound(a);
    app_close(a);
}

/* Words of the city count below it; a district adds its own, for itself alone.
 */
static void test_words(void **state)
{
    (void)state;
    struct fault f;
    struct app *city = node_born(2, "word-city"), *d1 = node_child(city, 3, "word-district");
    nodes_settle(city, d1);
#define VENUE(id, words)                                                                           \
    "{\"id\":\"" id "\",\"kind\":\"venue\",\"title\":\"厅\",\"field\":[" words "]}"
    refused(put(d1, "listing", &f, VENUE("v0", "\"migrants\"")), SANJI_E_SPEC, "field");
    assert_int_equal(put(city, "code_list", &f,
                         "{\"list\":\"field\",\"title\":\"领域\",\"items\":["
                         "{\"code\":\"migrants\",\"zh\":\"流动人口\",\"en\":\"Migrants\"},"
                         "{\"code\":\"crisis\",\"zh\":\"应急\",\"off\":true}]}"),
                     0);
    assert_int_equal(put(city, "listing", &f, VENUE("c0", "\"migrants\",\"elderly\"")), 0);
    assert_int_equal(app_outbox_flush(city), 0);
    assert_int_equal(put(d1, "listing", &f, VENUE("v2", "\"crisis\"")), 0); /* not there yet */
    nodes_settle(city, d1);
    assert_int_equal(put(d1, "listing", &f, VENUE("v1", "\"migrants\"")), 0);
    refused(put(d1, "listing", &f, VENUE("v3", "\"crisis\"")), SANJI_E_SPEC, "field");
    assert_string_equal(f.want, "a word that is in use");
    assert_int_equal(put(d1, "listing", &f, VENUE("v2", "\"crisis\",\"elderly\"")),
                     0); /* as it was */

    /* Its own words, and one of the city's that it would call otherwise. */
    assert_int_equal(put(d1, "code_list", &f,
                         "{\"list\":\"field\",\"title\":\"本区\",\"items\":["
                         "{\"code\":\"veterans\",\"zh\":\"退役军人\"},"
                         "{\"code\":\"migrants\",\"zh\":\"外来\",\"off\":true}]}"),
                     0);
    assert_int_equal(put(d1, "listing", &f, VENUE("v4", "\"veterans\",\"migrants\"")), 0);
    assert_int_equal(app_codes_load(d1), 0);
    assert_string_equal(app_code_label(app_code_find(d1, "field", lit("migrants")), TEXT_EN),
                        "Migrants");
    assert_string_equal(app_code_label(app_code_find(d1, "field", lit("veterans")), TEXT_EN),
                        "退役军人");
    assert_null(app_code_find(d1, "mode", lit("veterans")));
    assert_int_equal(app_outbox_flush(d1), 0);
    nodes_settle(city, d1);
    assert_int_equal(app_codes_load(city), 0);
    assert_null(
        app_code_find(city, "field", lit("veterans"))); /* it is held there, and not in force */
    assert_true(look(city, d1, "v4").found);            /* but read like everything else */
    refused(put(city, "listing", &f, VENUE("c1", "\"veterans\"")), SANJI_E_SPEC, "field");

    /* A later form of the city's list that arrives after a newer record of the
     * district's. */
    assert_int_equal(put(city, "code_list", &f,
                         "{\"list\":\"field\",\"title\":\"领域\",\"items\":["
                         "{\"code\":\"migrants\",\"zh\":\"新市民\"}]}"),
                     0);
    assert_int_equal(app_outbox_flush(city), 0);
    for (int64_t t = app_now_ms(); app_now_ms() <= t + 1;) { /* by the clock it is the newer one */
    }
    assert_int_equal(put(d1, "code_list", &f,
                         "{\"list\":\"field\",\"title\":\"本区\",\"items\":["
                         "{\"code\":\"veterans\",\"zh\":\"老兵\"}]}"),
                     0);
    assert_int_equal(app_outbox_flush(d1), 0);
    assert_int_equal(app_codes_load(d1), 0);
    nodes_settle(city, d1);
    assert_int_equal(app_codes_load(d1), 0);
    assert_string_equal(app_code_label(app_code_find(d1, "field", lit("migrants")), TEXT_ZH),
                        "新市民");
    assert_null(app_code_find(d1, "field", lit("crisis")));

    /* Taken back, it is a word like none. */
    assert_int_equal(app_withdraw(d1, NULL, "code_list.field", &f), 0);
    refused(put(d1, "listing", &f, VENUE("v5", "\"veterans\"")), SANJI_E_SPEC, "field");
    refused(put(d1, "code_list", &f,
                "{\"list\":\"mode\",\"title\":\"x\",\"items\":[{\"code\":\"a\","
                "\"zh\":\"甲\"},"
                "{\"code\":\"a\",\"zh\":\"乙\"}]}"),
            SANJI_E_SPEC, "items.2.code");
    app_close(d1);
    app_close(city);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),    cmocka_unit_test(test_questions),
        cmocka_unit_test(test_from_above), cmocka_unit_test(test_erased),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, home_make, home_drop);
}
