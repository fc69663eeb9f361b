/* SPDX-License-Identifier: Apache-2.0 */
/* What organisations file themselves: every state, step and party of a monthly record written by an
 * organisation or by the staff, against a table written by hand; then what of another
 * organisation's an organisation may touch: nothing. */
#include "node/app_internal.h"
#include "node/app_todo.h"
#include "protocol/base/text.h"
#include "protocol/calendar.h"
#include "protocol/kinds/kind.h"
#include "protocol/period.h"
#include "tests/support/desk.h"

/* Letters of the table below. z files for o1, f for o2, x stands for no organisation. */
static const struct {
    char letter;
    const char *login, *role, *org;
} party[] = {
    {'a', "admin", "admin", ""},    {'m', "manager", "manager", ""},
    {'c', "clerk", "clerk", ""},    {'r', "reviewer", "reviewer", ""},
    {'s', "sup", "supervisor", ""}, {'z', "zu1", "member", "o1"},
    {'f', "zu2", "member", "o2"},   {'x', "nobody", "member", ""},
};
enum { PARTIES = sizeof party / sizeof party[0] };

static int put_as(const char *kind, const char *role, const char *org, const char *json)
{
    struct fault f = {0};
    char id[LIM_ID_BYTES + 1];
    struct app_person by = {.role = role, .org = org};
    return app_put_one(d.app, kind_find(kind), NULL, &by, span_of(json, strlen(json)), id, &f);
}

static void everybody(void)
{
    struct fault f = {0};
    assert_int_equal(put_as("org", NULL, NULL,
                            "{\"id\":\"o1\",\"name\":\"青禾社\",\"state\":"
                            "\"incubating\",\"stage\":\"activity\"}"),
                     0);
    assert_int_equal(put_as("org", NULL, NULL, "{\"id\":\"o2\",\"name\":\"红旗社\"}"), 0);
    for (size_t i = 0; i < PARTIES; i++) {
        add_user(party[i].login, party[i].role, false);
        if (party[i].org[0] != '\0') {
            assert_int_equal(app_user_org(d.app, party[i].login, party[i].org, &f), 0);
        }
    }
}

struct row {
    bool found;
    int64_t r, seq;
    char d[2048];
};

static int on_row(const struct store_rec *rec, void *arg)
{
    struct row *x = arg;
    x->found = !rec->withdrawn;
    x->r = rec->r;
    x->seq = rec->seq;
    snprintf(x->d, sizeof x->d, "%.*s", (int)rec->d.n, rec->d.n == 0 ? "" : (const char *)rec->d.p);
    return 0;
}

static struct row row_of(const char *id)
{
    struct row x = {0};
    assert_int_equal(app_outbox_flush(d.app), 0);
    int r = store_record_get(d.app->store, app_id(d.app), NULL, id, on_row, &x);
    assert_true(r == 0 || r == SANJI_E_NOT_FOUND);
    return x;
}

/* ---- state x step x party ---- */

enum { DRAFT, SENT, BACK, DONE, STATES };
static const char *const state_name[STATES] = {"draft", "submitted", "returned", "accepted"};

/* Who may bring a record from one state into another; first where no word of it changes, then where
 * one does. What stands in no row nobody may. z is let in where the organisation wrote it, and the
 * clerk in the places in brackets there alone, too. */
static const struct {
    int from, to;
    const char *same, *changed;
} may[] = {
    {DRAFT, DRAFT, "amcrz", "amcrz"}, {DRAFT, SENT, "amcrz", "amcrz"},
    {SENT, SENT, "amcrz", "amr"},     {SENT, BACK, "amr(c)", "amr"},
    {SENT, DONE, "amr(c)", "amr"},    {BACK, BACK, "amcrz", "amcrz"},
    {BACK, SENT, "amcrz", "amcrz"},   {DONE, DONE, "amcrz", "am"},
    {DONE, BACK, "am", "am"},
};

static bool expected(int from, int to, bool changed, bool by_org, char who)
{
    for (size_t i = 0; i < sizeof may / sizeof may[0]; i++) {
        if (may[i].from == from && may[i].to == to) {
            const char *list = changed ? may[i].changed : may[i].same;
            const char *at = strchr(list, who), *bracket = strchr(list, '(');
            bool org_only = who == 'z' || (bracket != NULL && at > bracket);
            return at != NULL && (by_org || !org_only);
        }
    }
    return false;
}

static void content(char *out, size_t max, const char *id, int state, bool reason, bool changed)
{
    snprintf(out, max,
             "{%s%s%s\"org\":\"o1\",\"title\":\"%s\",\"period\":\"2026-11\",\"state\":"
             "\"%s\"%s}",
             id == NULL ? "" : "\"id\":\"", id == NULL ? "" : id, id == NULL ? "" : "\",",
             changed ? "改过" : "月报", state_name[state],
             reason ? ",\"reason\":\"补签到表\"" : "");
}

/* A record in a state, as an organisation or the staff have brought it there. */
static void bring(const char *id, int state, bool by_org)
{
    char json[400];
    const char *role = by_org ? KIND_MEMBER : NULL;
    content(json, sizeof json, id, state == DRAFT ? DRAFT : SENT, false, false);
    assert_int_equal(put_as("activity", role, by_org ? "o1" : NULL, json), 0);
    if (state == BACK || state == DONE) {
        content(json, sizeof json, id, state, state == BACK, false);
        assert_int_equal(put_as("activity", NULL, NULL, json), 0);
    }
}

static void try_step(char who, int n, int from, int to, bool changed, bool by_org)
{
    char id[24], json[400], body[600];
    snprintf(id, sizeof id, "m%c%d", who, n);
    bring(id, from, by_org);
    struct row was = row_of(id);
    assert_int_equal(strstr(was.d, "\"by\":\"org\"") != NULL, by_org);
    content(json, sizeof json, NULL, to, from == BACK || to == BACK, changed);
    snprintf(body, sizeof body, "{\"id\":\"%s\",\"seen_r\":%lld,\"d\":%s}", id, (long long)was.r,
             json);
    int s = ask("POST", "/api/records/activity", body);
    struct row now = row_of(id);
    bool want = expected(from, to, changed, by_org, who);
    if ((s == 200) != want || s >= 500 ||
        (!want && (now.r != was.r || strcmp(now.d, was.d) != 0))) {
        fail_msg("%c, %s's, %s to %s%s: %d %s", who, by_org ? "organisation" : "staff",
                 state_name[from], state_name[to], changed ? ", changed" : "", s, text());
    }
    if (!want) {
        return;
    }
    /* Whose it is then. */
    bool turn = to == DRAFT || to == BACK, turned = from == DRAFT || from == BACK;
    bool org = who == 'z' || (by_org && (turn || (!turned && !changed)));
    if ((strstr(now.d, "\"by\":\"org\"") != NULL) != org) {
        fail_msg("%c, %s to %s%s: %s", who, state_name[from], state_name[to],
                 changed ? ", changed" : "", now.d);
    }
}

static void every_state_step_and_party(void **state)
{
    (void)state;
    everybody();
    for (size_t p = 0; p < PARTIES; p++) {
        int n = 0;
        log_in(party[p].login);
        for (int i = 0; i < STATES * STATES * 4; i++) {
            try_step(party[p].letter, n++, i / 16, i / 4 % 4, (i & 1) != 0, (i & 2) != 0);
        }
    }
}

/* ---- row by row ---- */

static void refused(const char *path, const char *body, int status, const char *member)
{
    char part[80];
    assert_status(ask("POST", path, body), status);
    snprintf(part, sizeof part, "\"member\":\"%s\"", member);
    if (member[0] != '\0') {
        assert_said(part);
    }
}

static void another_organisation(void **state)
{
    (void)state;
    static const char *const hidden[] = {"/api/records/me/activity/m1",
                                         "/api/records?kind=activity",
                                         "/api/records?kind=activity&q=%E6%9C%88%E6%8A%A5",
                                         "/api/records?kind=activity&f.org=o1",
                                         "/api/records?kind=activity&f.by=org",
                                         "/api/records/export?kind=activity",
                                         "/api/todo",
                                         "/api/drafts"};
    everybody();
    bring("m1", DRAFT, true);
    bring("m2", DRAFT, false);
    log_in("zu1");
    assert_status(ask("POST", "/api/drafts/activity.new.o1",
                      "{\"seen\":0,\"draft\":{\"values\":{\"title\":\"月报\"}}}"),
                  200);
    log_in("zu2");
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        int s = ask("GET", hidden[i], NULL);
        if (s != (i == 0 ? 404 : 200) || said("m1") || said("月报") || said("activity.new")) {
            fail_msg("%s: %d %s", hidden[i], s, text());
        }
    }
    const char *path = "/api/records/activity";
    static const char own[] = "\"d\":{\"org\":\"o2\",\"title\":\"月报\",\"period\":\"2026-11\"}}";
    char body[256];
    snprintf(body, sizeof body, "{\"id\":\"m1\",\"seen_r\":1,%s", own);
    refused(path, body, 409, "id"); /* whose it is, and what, is not told */
    assert_false(said("月报") || said("activity"));
    snprintf(body, sizeof body, "{\"id\":\"m1\",%s", own);
    refused(path, body, 409, "id");
    refused(path, "{\"d\":{\"org\":\"o1\",\"title\":\"x\",\"period\":\"2026-11\"}}", 403, "org");
    refused(path, "{\"d\":{\"title\":\"x\",\"period\":\"2026-11\"}}", 422, "org");
    refused("/api/records/activity/m1/withdraw", "{\"seen_r\":1}", 404, "");
    refused("/api/records/org/o2/withdraw", "{\"seen_r\":1}", 403, "");
    refused("/api/records/org", "{\"id\":\"o2\",\"seen_r\":1,\"d\":{\"name\":\"x\"}}", 403, "");
    refused("/api/records/assessment", "{\"d\":{\"org\":\"o2\",\"title\":\"x\",\"year\":2026}}",
            403, "");
    assert_int_equal(row_of("m1").r, 1);

    /* His own: neither given away nor judged, and not what the staff wrote about it. */
    log_in("zu1");
    refused(path,
            "{\"id\":\"m1\",\"seen_r\":1,\"d\":{\"org\":\"o2\",\"title\":\"x\",\"period\":"
            "\"2026-11\"}}",
            403, "org");
    refused(path,
            "{\"id\":\"m1\",\"seen_r\":1,\"d\":{\"org\":\"o1\",\"title\":\"x\",\"period\":"
            "\"2026-11\",\"feedback\":\"好\"}}",
            403, "feedback");
    refused(path,
            "{\"d\":{\"org\":\"o1\",\"title\":\"x\",\"period\":\"2026-11\",\"reason\":\"r\"}}", 403,
            "reason");
    /* The node says who wrote it, whatever he gives for it. */
    assert_status(ask("POST", path,
                      "{\"id\":\"m9\",\"d\":{\"org\":\"o1\",\"title\":\"x\",\"period\":"
                      "\"2026-10\",\"by\":\"staff\"}}"),
                  200);
    assert_non_null(strstr(row_of("m9").d, "\"by\":\"org\""));
    refused("/api/records/activity/m2/withdraw", "{\"seen_r\":1}", 403, "");
    assert_true(row_of("m2").found);
    assert_status(ask("POST", "/api/records/activity/m1/withdraw", "{\"seen_r\":1}"), 200);
    assert_false(row_of("m1").found);
    bring("m3", SENT, true);
    refused("/api/records/activity/m3/withdraw", "{\"seen_r\":1}", 403, "");
    assert_true(row_of("m3").found);

    /* Taken off his organisation he is nobody here. */
    struct fault f = {0};
    assert_int_equal(app_user_org(d.app, "zu1", "", &f), 0);
    log_in("zu1");
    assert_status(ask("GET", "/api/records/me/activity/m3", NULL), 403);
    refused(path, "{\"d\":{\"org\":\"o1\",\"title\":\"x\",\"period\":\"2026-11\"}}", 403, "");
    assert_status(ask("GET", "/api/drafts", NULL), 403);
    refused("/api/uploads", "{\"name\":\"a.pdf\",\"len\":9}", 403, "");
}

/* ---- forms ---- */

#define FORM(code, fill)                                                                           \
    "{\"title\":\"表" code "\",\"code\":\"" code "\",\"version\":1,\"state\":\"published\","       \
    "\"about\":\"org\"," fill                                                                      \
    "\"each\":\"month\",\"questions\":[{\"name\":\"q1\",\"label\":\"人数\","                     \
    "\"type\":\"int\",\"required\":true}]}"

static void forms_for_organisations(void **state)
{
    (void)state;
    char body[400];
    everybody();
    assert_int_equal(put_as("form_template", NULL, NULL, FORM("theirs", "\"fill\":\"org\",")), 0);
    assert_int_equal(put_as("form_template", NULL, NULL, FORM("ours", "")), 0);
    assert_int_equal(put_as("form_template", NULL, NULL, /* about none, filled in by one: no */
                            "{\"title\":\"x\",\"code\":\"no\",\"version\":1,\"about\":\"none\","
                            "\"fill\":\"org\",\"each\":\"once\",\"questions\":[{\"name\":\"a\","
                            "\"label\":\"b\",\"type\":\"int\"}]}"),
                     SANJI_E_SPEC);
    assert_int_equal(app_outbox_flush(d.app), 0);
    log_in("zu1");
    assert_status(ask("GET", "/api/records?kind=form_template", NULL), 200);
    assert_said("form_template.theirs.1");
    assert_false(said("form_template.ours.1"));
    static const char entry[] =
        "{\"id\":\"%s\",\"seen_r\":%d,\"d\":{\"template\":\"form_template.%s.1\","
        "\"org\":\"%s\",\"period\":\"2026-11\",\"state\":\"%s\",\"answers\":%s}}";
    const char *path = "/api/records/form_entry";
    snprintf(body, sizeof body, entry, "e1", 0, "theirs", "o1", "draft", "{}");
    assert_status(ask("POST", path, body), 200);
    assert_non_null(strstr(row_of("e1").d, "\"fill\":\"org\",\"by\":\"org\""));
    snprintf(body, sizeof body, entry, "e1", 1, "theirs", "o1", "submitted", "{}");
    refused(path, body, 422, "answers.q1");
    snprintf(body, sizeof body, entry, "e1", 1, "theirs", "o1", "submitted", "{\"q1\":5}");
    assert_status(ask("POST", path, body), 200);
    snprintf(body, sizeof body, entry, "e1", 2, "theirs", "o1", "submitted", "{\"q1\":6}");
    refused(path, body, 403, "state");
    snprintf(body, sizeof body, entry, "e2", 0, "theirs", "o2", "draft", "{}");
    refused(path, body, 403, "org");
    snprintf(body, sizeof body, entry, "e2", 0, "ours", "o1", "draft", "{}");
    refused(path, body, 403, "org");
    log_in("zu2");
    assert_status(ask("GET", "/api/records/me/form_entry/e1", NULL), 404);
    /* The clerk checks what the organisation sent, and not what he has written into it himself. */
    log_in("clerk");
    snprintf(body, sizeof body, entry, "e1", 2, "theirs", "o1", "checked", "{\"q1\":7}");
    refused(path, body, 403, "state");
    snprintf(body, sizeof body, entry, "e1", 2, "theirs", "o1", "checked", "{\"q1\":5}");
    assert_status(ask("POST", path, body), 200);
    log_in("zu1");
    assert_status(ask("GET", "/api/records/me/form_entry/e1", NULL), 200);
    assert_said("\"answers\":{\"q1\":5}");
}

/* ---- files ---- */

static void attach(char file[static 300])
{
    char path[128], id[64], sha[64];
    assert_status(ask("POST", "/api/uploads", "{\"name\":\"签到.txt\",\"len\":9}"), 200);
    member("id", id, sizeof id);
    snprintf(path, sizeof path, "/api/uploads/%s/part", id);
    assert_status(ask("POST", path, "{\"at\":0,\"data\":\"562-5Yiw6KGo\"}"), 200);
    snprintf(path, sizeof path, "/api/uploads/%s/finish", id);
    assert_status(ask("POST", path, "{}"), 200);
    member("sha256", sha, sizeof sha);
    snprintf(file, 300, "{\"name\":\"签到.txt\",\"type\":\"text\",\"len\":9,\"sha256\":\"%s\"}",
             sha);
}

static void files_by_record(void **state)
{
    (void)state;
    char file[300], body[800], path[200], sha[64];
    static const char act[] =
        "{\"id\":\"%s\",\"d\":{\"org\":\"%s\",\"title\":\"x\",\"period\":\"2026-11\","
        "\"files\":[%s]}}";
    everybody();
    log_in("zu1");
    attach(file);
    snprintf(body, sizeof body, act, "m1", "o1", file);
    assert_status(ask("POST", "/api/records/activity", body), 200);
    snprintf(sha, sizeof sha, "%.43s", strstr(file, "\"sha256\":\"") + 10);
    snprintf(path, sizeof path, "/api/files/%s/activity/m1/%s", app_id(d.app), sha);
    static const char who[] = "amcrszfx";
    for (size_t i = 0; i < PARTIES; i++) {
        log_in(party[i].login);
        int want = who[i] == 'f' ? 404 : who[i] == 'x' ? 403 : 200;
        assert_status(ask("GET", path, NULL), want);
    }
    /* A hash is no key: another organisation cannot name what it has not brought. */
    log_in("zu2");
    snprintf(body, sizeof body, act, "m2", "o2", file);
    assert_status(ask("POST", "/api/records/activity", body), 422);
    assert_false(row_of("m2").found);
}

/* ---- what waits for whom ---- */

static int64_t waits(size_t p, enum app_todo_source source, const char *id)
{
    struct app_todo_list *l = NULL;
    struct app_person who = {.role = party[p].role, .org = party[p].org};
    int64_t n = 0;
    assert_int_equal(app_outbox_flush(d.app), 0);
    assert_int_equal(app_todo(d.app, &who, &l), 0);
    for (size_t i = 0; i < l->n; i++) {
        n += l->v[i].source == source && strcmp(l->v[i].id, id) == 0;
    }
    free(l);
    return n;
}

static void todo_of_each_party(void **state)
{
    (void)state;
    /* By state: who is to go on with it, where an organisation wrote it and where the staff did. */
    static const struct {
        enum app_todo_source source;
        const char *org, *staff;
    } t[STATES] = {
        [DRAFT] = {TODO_REDO, "z", "amcr"},
        [SENT] = {TODO_DECIDE, "amcr", "amr"},
        [BACK] = {TODO_REDO, "z", "amcr"},
        [DONE] = {TODO_REDO, "", ""},
    };
    everybody();
    for (int i = 0; i < STATES * 2; i++) {
        char id[8];
        snprintf(id, sizeof id, "m%d", i);
        bring(id, i / 2, i % 2 == 0);
        const char *list = i % 2 == 0 ? t[i / 2].org : t[i / 2].staff;
        for (size_t p = 0; p < PARTIES; p++) {
            for (int s = TODO_DECIDE; s <= TODO_REDO; s++) {
                bool want = s == (int)t[i / 2].source && strchr(list, party[p].letter) != NULL;
                if (waits(p, (enum app_todo_source)s, id) != want) {
                    fail_msg("%s, %s's, for %c: %d", state_name[i / 2],
                             i % 2 == 0 ? "organisation" : "staff", party[p].letter, s);
                }
            }
        }
    }
}

/* ---- what is owed ---- */

/* "activity 2026-11 2026-12-14;form_entry self.1 2026 ...;", in the order of the list. */
static void owed(const char *org, char out[static 1024])
{
    struct app_todo_list *l = NULL;
    struct app_person who = {.role = KIND_MEMBER, .org = org};
    size_t n = 0;
    out[0] = '\0';
    assert_int_equal(app_outbox_flush(d.app), 0);
    assert_int_equal(app_todo(d.app, &who, &l), 0);
    for (size_t i = 0; i < l->n; i++) {
        const struct app_todo *t = &l->v[i];
        char due[11] = "-";
        if (t->source == TODO_FILE) {
            const char *form = strstr(t->id, "form_template.");
            if (t->due != 0) {
                date_write(t->due, due);
            }
            n += (size_t)snprintf(out + n, 1024 - n, "%s%s%s %s %s%s;", t->kind,
                                  form == NULL ? "" : " ", form == NULL ? "" : form + 14,
                                  t->extra[0] == '\0' ? "once" : t->extra, due,
                                  t->overdue ? "!" : "");
        }
    }
    free(l);
}

static int today(void)
{
    return date_of_ms(app_now_ms());
}

/* The period before the one of `day`, and the working day its record is due by. */
static int before(enum period_type t, int day, int days, char period[static PERIOD_BYTES],
                  char due[static 16])
{
    struct calendar *cal = calloc(1, sizeof *cal);
    int first = 0, last = 0;
    assert_true(cal != NULL && app_calendar(d.app, cal) >= 0);
    period_of(t, day, period, &first, &last);
    period_of(t, first - 1, period, &first, &last);
    int by = calendar_add_workdays(cal, last, days, NULL);
    free(cal);
    date_write(by, due);
    snprintf(due + 10, 2, "%s", by < today() ? "!" : "");
    return first;
}

static void put_org(const char *more)
{
    char json[200];
    snprintf(json, sizeof json, "{\"id\":\"o1\",\"name\":\"青禾社\",\"stage\":\"activity\"%s}",
             more);
    assert_int_equal(put_as("org", NULL, NULL, json), 0);
}

static void months_owed(void **state)
{
    (void)state;
    char got[1024], want[1024], period[3][PERIOD_BYTES], due[3][16], json[300];
    everybody();
    int day = today();
    for (int i = 0; i < 3; i++) {
        day = before(PERIOD_MONTH, day, 10, period[i], due[i]);
    }
    owed("o1", got);
    snprintf(want, sizeof want, "activity %s %s;", period[0], due[0]);
    assert_string_equal(got, want);
    owed("o2", got); /* applies to be taken in */
    assert_string_equal(got, "");
    put_org(",\"state\":\"incubating\",\"entered\":\"2020-01-01\"");
    owed("o1", got); /* the oldest is due first */
    snprintf(want, sizeof want, "activity %s %s;activity %s %s;activity %s %s;", period[2], due[2],
             period[1], due[1], period[0], due[0]);
    assert_string_equal(got, want);
    /* Begun by whomever it is owed no more; another organisation's changes nothing. */
    snprintf(json, sizeof json, "{\"org\":\"o1\",\"title\":\"x\",\"period\":\"%s\"}", period[1]);
    assert_int_equal(put_as("activity", KIND_MEMBER, "o1", json), 0);
    snprintf(json, sizeof json, "{\"org\":\"o2\",\"title\":\"x\",\"period\":\"%s\"}", period[0]);
    assert_int_equal(put_as("activity", KIND_MEMBER, "o2", json), 0);
    owed("o1", got);
    snprintf(want, sizeof want, "activity %s %s;activity %s %s;", period[2], due[2], period[0],
             due[0]);
    assert_string_equal(got, want);
    put_org(",\"state\":\"graduated\",\"entered\":\"2020-01-01\"");
    owed("o1", got);
    assert_string_equal(got, "");
}

#define ASKS(code, version, each, more)                                                             \
    "{\"title\":\"表\",\"code\":\"" code "\",\"version\":" version ",\"state\":\"published\","      \
    "\"about\":\"org\",\"each\":\"" each "\",\"questions\":[{\"name\":\"q1\",\"label\":\"人数\"," \
    "\"type\":\"int\"}]" more "}"
#define LONG_AGO ",\"fill\":\"org\",\"since\":\"2020-01-03\""

static void forms_owed(void **state)
{
    (void)state;
    char got[1024], want[1024], period[PERIOD_BYTES], due[16], json[300];
    static const char *const none[] = {
        ASKS("new", "1", "month", ",\"fill\":\"org\""), /* later than the month */
        ASKS("ours", "1", "month", ",\"since\":\"2020-01-03\""),
        ASKS("hub", "1", "month", LONG_AGO ",\"stages\":[\"hub\"]"),
    };
    everybody();
    assert_int_equal(
        put_as("org", NULL, NULL, "{\"id\":\"o2\",\"name\":\"红旗社\",\"stage\":\"activity\"}"), 0);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(put_as("form_template", NULL, NULL, none[i]), 0);
    }
    owed("o2", got);
    assert_string_equal(got, "");
    assert_int_equal(
        put_as("form_template", NULL, NULL, ASKS("q", "1", "quarter", LONG_AGO ",\"due_days\":3")),
        0);
    assert_int_equal(put_as("form_template", NULL, NULL,
                            ASKS("q", "2", "quarter", LONG_AGO ",\"stages\":[\"activity\"]")),
                     0);
    assert_int_equal(put_as("form_template", NULL, NULL, ASKS("once", "1", "once", LONG_AGO)), 0);
    (void)before(PERIOD_QUARTER, today(), 10, period, due);
    owed("o2", got); /* the newest version; ten working days after that Friday */
    snprintf(want, sizeof want, "form_entry once.1 once 2020-01-17!;form_entry q.2 %s %s;", period,
             due);
    assert_string_equal(got, want);
    snprintf(json, sizeof json,
             "{\"template\":\"form_template.q.1\",\"org\":\"o2\",\"period\":\"%s\"}", period);
    assert_int_equal(put_as("form_entry", KIND_MEMBER, "o2", json), 0); /* of the one before */
    assert_int_equal(put_as("form_entry", KIND_MEMBER, "o2",
                            "{\"template\":\"form_template.once.1\",\"org\":\"o2\"}"),
                     0);
    owed("o2", got);
    assert_string_equal(got, "");
}

/* ---- changes of the archive ---- */

static void change(char *out, size_t max, const char *id, const char *state, const char *more)
{
    bool no = strcmp(state, "returned") == 0 || strcmp(state, "refused") == 0;
    snprintf(out, max, "{\"id\":\"%s\",\"org\":\"o1\",\"title\":\"换电话\",\"state\":\"%s\"%s%s}",
             id, state, no ? ",\"reason\":\"请附证明\"" : "", more);
}

static int ask_change(const char *id, int64_t seen, const char *state, const char *more)
{
    char json[500], body[600];
    change(json, sizeof json, id, state, more);
    /* the id stands beside the content */
    snprintf(body, sizeof body, "{\"id\":\"%s\",\"seen_r\":%lld,\"d\":{%s}", id, (long long)seen,
             strchr(json, ',') + 1);
    return ask("POST", "/api/records/org_change", body);
}

static const char *const change_state[] = {"draft", "submitted", "returned", "refused", "agreed"};
enum { CHANGE_STATES = sizeof change_state / sizeof change_state[0] };
static const struct {
    const char *from, *to, *who;
} change_may[] = {
    {"draft", "submitted", "amcrz"},    {"submitted", "returned", "amcr"},
    {"submitted", "refused", "amcr"},   {"submitted", "agreed", "amcr"},
    {"returned", "submitted", "amcrz"},
};

/* Steps without a change of words; what stays as it is may be sent again. */
static bool may_change(const char *from, const char *to, char who)
{
    if (strcmp(from, to) == 0) {
        return strchr("amcrz", who) != NULL;
    }
    for (size_t i = 0; i < sizeof change_may / sizeof change_may[0]; i++) {
        if (strcmp(change_may[i].from, from) == 0 && strcmp(change_may[i].to, to) == 0) {
            return strchr(change_may[i].who, who) != NULL;
        }
    }
    return false;
}

static void try_change(char who, int from, int to)
{
    char id[16], json[500];
    const char *phone = ",\"phone\":\"0531-2\"";
    struct row org;
    snprintf(id, sizeof id, "c%c%d%d", who, from, to);
    assert_int_equal(put_as("org", NULL, NULL,
                            "{\"id\":\"o1\",\"name\":\"青禾社\",\"state\":"
                            "\"incubating\",\"phone\":\"0531-1\"}"),
                     0);
    change(json, sizeof json, id, from == 0 ? "draft" : "submitted", phone);
    assert_int_equal(put_as("org_change", KIND_MEMBER, "o1", json), 0);
    if (from > 1) {
        change(json, sizeof json, id, change_state[from], phone);
        assert_int_equal(put_as("org_change", NULL, NULL, json), 0);
    }
    struct row was = row_of(id);
    org = row_of("o1");
    char more[64];
    bool stays = strstr(was.d, "reason") != NULL && strcmp(change_state[to], "submitted") == 0;
    snprintf(more, sizeof more, "%s%s", phone, stays ? ",\"reason\":\"请附证明\"" : "");
    int s = ask_change(id, was.r, change_state[to], more);
    struct row now = row_of("o1");
    bool want = may_change(change_state[from], change_state[to], who);
    bool takes = want && from != to && strcmp(change_state[to], "agreed") == 0;
    if ((s == 200) != want || s >= 500 || (!want && row_of(id).r != was.r)) {
        fail_msg("%c, %s to %s: %d %s", who, change_state[from], change_state[to], s, text());
    }
    if ((now.r != org.r) != takes || (takes && strstr(now.d, "0531-2") == NULL)) {
        fail_msg("%c, %s to %s: %s", who, change_state[from], change_state[to], now.d);
    }
}

/* Nothing to agree to: said where it is sent, and kept as a draft. */
static void a_change_of_nothing(void **state)
{
    (void)state;
    everybody();
    assert_int_equal(
        put_as("org", NULL, NULL, "{\"id\":\"o1\",\"name\":\"青禾社\",\"state\":\"incubating\"}"),
        0);
    log_in(party[0].login);
    assert_int_equal(ask_change("c1", 0, "draft", ""), 200);
    assert_int_equal(ask_change("c1", 1, "submitted", ""), 422);
    assert_said("\"member\":\"title\"");
    assert_int_equal(ask_change("c1", 1, "submitted", ",\"phone\":\"0531-2\""), 200);
}

static void every_step_of_a_change(void **state)
{
    (void)state;
    everybody();
    for (size_t p = 0; p < PARTIES; p++) {
        log_in(party[p].login);
        for (int i = 0; i < CHANGE_STATES * CHANGE_STATES; i++) {
            try_change(party[p].letter, i / CHANGE_STATES, i % CHANGE_STATES);
        }
    }
}

static void the_archive_changes(void **state)
{
    (void)state;
    const char *more = ",\"phone\":\"0531-2\",\"mobile\":\"139\"";
    everybody();
    assert_int_equal(
        put_as("org", NULL, NULL,
               "{\"id\":\"o1\",\"name\":\"青禾社\",\"state\":\"incubating\",\"public\":"
               "true,\"phone\":\"0531-1\",\"mobile\":\"138\",\"staff\":3}"),
        0);
    log_in("zu2");
    assert_status(ask_change("c1", 0, "submitted", more), 403);
    log_in("zu1");
    assert_status(ask_change("c1", 0, "agreed", more), 409);
    assert_status(ask_change("c1", 0, "submitted", ",\"stage\":\"hub\""), 422);
    assert_status(ask_change("c1", 0, "submitted", ",\"url\":\"javascript:x\""), 422);
    int64_t before = row_of("o1").r;
    assert_status(ask_change("c1", 0, "submitted", more), 200);
    /* What stands there is said, and nobody's telephone. */
    assert_non_null(strstr(row_of("c1").d, "\"was\":{\"phone\":\"0531-1\"}"));
    assert_int_equal(row_of("o1").r, before);
    assert_int_equal(waits(2, TODO_DECIDE, "c1"), 1);
    log_in("clerk");
    assert_status(ask_change("c1", 1, "agreed", ",\"phone\":\"0531-3\",\"mobile\":\"139\""), 403);
    assert_status(ask_change("c1", 1, "refused", ",\"phone\":\"0531-2\",\"mobile\":\"1\""), 403);
    assert_int_equal(row_of("o1").r, before);
    /* A colleague has changed the archive meanwhile: what the change does not name stays. */
    assert_int_equal(
        put_as("org", NULL, NULL,
               "{\"id\":\"o1\",\"name\":\"青禾社\",\"state\":\"incubating\",\"public\":"
               "true,\"phone\":\"0531-9\",\"mobile\":\"138\",\"staff\":5}"),
        0);
    assert_status(ask_change("c1", 1, "agreed", more), 200);
    struct row c = row_of("c1"), o = row_of("o1");
    assert_int_equal(o.r, before + 2);
    assert_non_null(strstr(o.d, "\"mobile\":\"139\""));
    assert_non_null(strstr(o.d, "\"phone\":\"0531-2\""));
    assert_non_null(strstr(o.d, "\"staff\":5"));
    assert_non_null(strstr(c.d, "\"was\":{\"phone\":\"0531-9\"}"));
    assert_int_equal(c.seq, o.seq); /* one bundle */
    assert_non_null(strstr(row_of("o1.card").d, "0531-2"));
    /* It is decided: nobody writes it over, and the archive does not change again. */
    assert_status(ask_change("c1", 2, "agreed", ",\"phone\":\"0531-4\""), 409);
    log_in("zu1");
    assert_status(ask_change("c1", 2, "submitted", more), 409);
    assert_int_equal(row_of("o1").r, before + 2);
    assert_status(ask("GET", "/api/records/me/org_change/c1", NULL), 200);
    assert_false(said("138"));
    log_in("zu2");
    assert_status(ask("GET", "/api/records/me/org_change/c1", NULL), 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_NODE(every_state_step_and_party),
        ON_A_NODE(another_organisation),
        ON_A_NODE(forms_for_organisations),
        ON_A_NODE(files_by_record),
        ON_A_NODE(todo_of_each_party),
        ON_A_NODE(months_owed),
        ON_A_NODE(forms_owed),
        ON_A_NODE(a_change_of_nothing),
        ON_A_NODE(every_step_of_a_change),
        ON_A_NODE(the_archive_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
