/* SPDX-License-Identifier: Apache-2.0 */
/* Does every field of every kind refuse what its table does not allow, and does PROTOCOL.md name
 * exactly the fields the tables have? The mutations are derived from the tables, so that a new
 * field is tested by being there; only one valid example per kind is written by hand. */
#include "protocol/jcur.h"
#include "protocol/json_gate.h"
#include "protocol/kinds/kind.h"
#include "protocol/kinds/referral.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define B32    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define B64    B32 B32
#define NODE_A "naaaaaaaaaaaaa"
#define NODE_B "nbbbbbbbbbbbba"
#define CONSENT                                                                                    \
    "{\"by\":\"self\",\"how\":\"written\",\"on\":\"2026-11-02\",\"text_version\":\"v1\","          \
    "\"scope\":[\"name\",\"situation\"],\"purpose\":\"心理支持\"}"

static const struct {
    const char *kind;
    const char *d;
} valid[] = {
    {"listing", "{\"kind\":\"venue\",\"title\":\"社区议事厅\",\"capacity\":40}"},
    {"listing",
     "{\"kind\":\"mentor\",\"title\":\"李老师\",\"detail\":\"一\\n二\",\"org\":\"x\",\"mode\":"
     "[\"consult\",\"training\"],\"field\":[\"elderly\"],\"area\":\"370102\",\"address\":"
     "\"解放路1号\",\"lat\":366512345,\"lng\":1170123456,\"fee\":\"paid\",\"price\":10000,"
     "\"price_note\":\"每次\",\"who\":[\"all\"],\"approval\":true,\"notice_days\":3,\"hours\":"
     "\"9-17\",\"equipment\":[\"投影\"],\"tags\":[\"党建\"],\"desk\":\"前台\",\"phone\":"
     "\"0531-8000\",\"url\":\"https://example.org/\",\"state\":\"paused\","
     "\"capacity_state\":\"limited\",\"as_of\":\"2026-11-01\",\"assured\":\"2026-11-01\","
     "\"since\":\"2026-10-01\",\"size_dm2\":12000}"},
    {"need", "{\"kind\":\"venue\",\"title\":\"找场地\"}"},
    {"need", "{\"kind\":\"other\",\"title\":\"找\\\"引号\\\"\",\"state\":\"unmet\",\"reason\":"
             "\"no_supply\",\"since\":\"2026-01-01\",\"done\":\"2026-01-01\"}"},
    {"notice", "{\"kind\":\"notice\",\"title\":\"开会\",\"body\":\"周五\\t上午\",\"ack\":true}"},
    {"area", "{\"code\":\"370102\",\"name\":\"历下区\",\"level\":30,\"parent\":\"3701\","
             "\"successor\":[\"370116\"]}"},
    {"workday", "{\"year\":2026,\"name\":\"2026年\",\"holidays\":[\"2026-01-01\",\"2026-01-02\"],"
                "\"makeup\":[\"2026-01-04\"]}"},
    {"stat",
     "{\"period\":\"2026-11\",\"ind\":\"ref.sent\",\"v\":3,\"by\":[[\"" NODE_A "\",1],[\"" NODE_B
     "\",2]],\"n\":3,\"sum\":\"" B32 "\",\"cov\":[{\"aud\":\"fed\",\"ep\":1,"
     "\"en\":\"AAAAAAAAAAA\",\"seq\":4,\"id\":\"" B32 "\"},{\"id\":\"" B32 "\"}]}"},
    {"act", "{\"a\":\"{}\",\"co\":[{\"kid\":\"kaaaaaaaaaaaaa\",\"s\":\"" B64 "\"}]}"},
    {"erase", "{\"leaves\":[\"" B32 "\"],\"why\":\"law\"}"},
    {"proof", "{\"a\":{\"h\":\"{}\",\"s\":\"" B64 "\"},\"b\":{\"h\":\"{ }\",\"s\":\"" B64 "\"}}"},
    {"heads",
     "{\"day\":\"2026-11-22\",\"h\":[[\"" NODE_A "\",\"fed\",1,7,\"AAAAAAAAAAA\"]],\"page\":1,"
     "\"pages\":1}"},
    {"node", "{\"node\":\"" NODE_A "\",\"name\":\"x\",\"lv\":20,\"state\":\"active\"}"},
    {"referral", "{\"subject_kind\":\"org\",\"reason\":\"funding\",\"title\":\"找资金\"}"},
    {"referral.send", "{\"subject_kind\":\"person\",\"reason\":\"emotional\",\"title\":\"转介\","
                      "\"birth_year\":1950,\"consent\":" CONSENT "}"},
    {"referral.reopen", "{\"subject_kind\":\"org\",\"reason\":\"venue\",\"title\":\"再来\"}"},
    {"referral.delivered", "{\"leaf\":\"" B32 "\"}"},
    {"referral.open", "{}"},
    {"referral.ask_info", "{\"question\":\"几点?\"}"},
    {"referral.give_info", "{\"answer\":\"九点\"}"},
    {"referral.accept", "{}"},
    {"referral.decline", "{\"reason\":\"capacity\",\"suggest\":\"" NODE_B "\"}"},
    {"referral.schedule", "{\"date\":\"2026-12-01\"}"},
    {"referral.reschedule", "{\"date\":\"2026-12-01\"}"},
    {"referral.no_show", "{}"},
    {"referral.appt_cancel", "{}"},
    {"referral.serve", "{\"note\":\"谈话\"}"},
    {"referral.outcome", "{\"result\":\"not\",\"reason\":\"client_refused\"}"},
    {"referral.cancel_request", "{\"reason\":\"consent_withdrawn\"}"},
    {"referral.cancel_confirm", "{}"},
    {"referral.close", "{\"told\":true,\"satisfaction\":5}"},
    {"referral.void", "{\"reason\":\"duplicate\"}"},
    {"referral.erase", "{\"why\":\"retention\"}"},
    {"referral.reseal", "{\"step\":1}"},
    {"org", "{\"name\":\"晨光社工服务中心\",\"state\":\"incubating\",\"stage\":\"activity\"}"},
    {"card", "{\"name\":\"晨光社工服务中心\"}"},
    {"org_event",
     "{\"org\":\"o1\",\"kind\":\"honour\",\"title\":\"先进\",\"date\":\"2026-11-01\"}"},
    {"assessment", "{\"org\":\"o1\",\"title\":\"2026 年度\",\"year\":2026}"},
    {"activity", "{\"org\":\"o1\",\"title\":\"十一月\",\"period\":\"2026-11\"}"},
    {"org_change", "{\"org\":\"o1\",\"title\":\"换联系人\",\"contact\":\"李小青\"}"},
    {"code_list", "{\"list\":\"field\",\"title\":\"领域\",\"items\":[{\"code\":\"migrants\",\"zh\":"
                  "\"流动人口\"},"
                  "{\"code\":\"crisis\",\"zh\":\"应急\",\"en\":\"Emergency\",\"off\":true}]}"},
    {"form_template",
     "{\"title\":\"月报\",\"code\":\"monthly-a\",\"version\":1,\"about\":\"org\",\"each\":"
     "\"month\","
     "\"questions\":[{\"name\":\"q1\",\"label\":\"做了什么\",\"type\":\"long\",\"required\":true},"
     "{\"name\":\"q2\",\"label\":\"场地\",\"type\":\"choice\",\"choices\":[\"室内\",\"室外\"]}]}"},
    {"form_entry", "{\"template\":\"" NODE_A "/form_template.monthly-a.1\",\"org\":\"o1\","
                   "\"period\":\"2026-11\",\"answers\":{\"q1\":\"走访\"}}"},
    {"obligation", "{\"title\":\"月报\",\"report\":\"monthly\",\"days\":5,\"valid_from\":"
                   "\"2026-01-01\"}"},
    {"work_report", "{\"report\":\"weekly\",\"period\":\"2026-W48\",\"title\":\"第 48 周\","
                    "\"services\":3,\"why\":\"漏登\",\"counted\":{\"services\":2}}"},
    {"report_answer", "{\"about\":\"" NODE_A "/work_report.weekly.2026-W48\",\"state\":"
                      "\"accepted\",\"seen\":1}"},
    {"ack", "{\"about\":\"" NODE_A "/n1\"}"},
    {"service", "{\"title\":\"入户\",\"date\":\"2026-11-01\",\"method\":\"case\"}"},
    {"audit", "{\"day\":\"2026-11-29\",\"line\":1,\"rows\":120,\"chain\":\"" B32 "\"}"},
    {"schedule", "{\"listing\":\"v1\",\"slot\":60,\"mon\":\"09:00-12:00 13:00-17:30\"}"},
    {"booking_ask", "{\"listing\":\"" NODE_A "/v1\",\"org\":\"晨光社工\",\"purpose\":\"meeting\","
                    "\"at\":[[\"2026-12-01T09:00\",\"2026-12-01T11:00\"]]}"},
    {"booking",
     "{\"ask\":\"" NODE_A "/a1\",\"no\":1,\"listing\":\"v1\",\"org\":\"晨光社工\",\"from\":"
     "\"2026-12-01T09:00\",\"to\":\"2026-12-01T11:00\",\"state\":\"confirmed\"}"},
    {"allotment", "{\"listing\":\"v1\",\"to\":\"" NODE_A "\",\"at\":[[\"2026-12-01T09:00\","
                  "\"2026-12-01T11:00\"]],\"until\":\"2026-11-30T18:00\"}"},
    {"allotment_back", "{\"allotment\":\"" NODE_A "/a1\"}"},
    {"busy", "{\"listing\":\"v1\",\"month\":\"2026-12\",\"at\":[[\"2026-12-01T09:00\","
             "\"2026-12-01T11:00\",\"taken\"]]}"},
    {"consultation",
     "{\"org\":\"o1\",\"title\":\"免税资格\",\"line\":\"finance\",\"fee\":\"free\"}"},
    {"consult_quota", "{\"title\":\"财务\",\"line\":\"finance\",\"per\":\"quarter\",\"free\":2}"},
    {"question", "{\"about\":\"" NODE_A "/l1\",\"text\":\"周末开放吗?\"}"},
    {"question_answer", "{\"about\":\"" NODE_A "/q1\",\"text\":\"开放\",\"seen\":1}"},
    {"event", "{\"kind\":\"course\",\"title\":\"能力建设课\",\"from\":\"2026-12-05T09:00\",\"to\":"
              "\"2026-12-05T17:00\",\"seats\":30,\"seats_street\":20,\"certificate\":true}"},
    {"seats", "{\"event\":\"e1\",\"seats\":30,\"street\":12}"},
    {"attendance",
     "{\"event\":\"e1\",\"booking\":\"b1\",\"node\":\"" NODE_A "\",\"org\":\"晨光社工\","
     "\"name\":\"王某\",\"at\":\"2026-12-05T08:50\",\"date\":\"2026-12-05\",\"number\":"
     "\"ABCD-EFGH-2345-WXYZ\"}"},
    {"event_score", "{\"event\":\"e1\",\"n\":2,\"counts\":[[0,0,0,1,1],[0,0,0,0,2],[0,0,2,0,0],"
                    "[2,0,0,0,0]]}"},
    {"notice", "{\"kind\":\"document\",\"title\":\"附件\",\"files\":[{\"name\":\"办法.pdf\","
               "\"type\":\"pdf\",\"len\":20971520,\"sha256\":"
               "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}"},
};
enum { N_VALID = sizeof(valid) / sizeof(valid[0]) };

static const struct kind *find(const char *name)
{
    for (unsigned e = 0; e < RE_COUNT; e++) {
        if (strcmp(referral_content[e].name, name) == 0) {
            return &referral_content[e];
        }
    }
    return kind_find(name);
}

static struct span text(const char *s)
{
    return span_of(s, strlen(s));
}

static int content(const struct kind *k, const char *d, struct fault *f)
{
    *f = (struct fault){0};
    assert_int_equal(json_gate(d, strlen(d), JSON_PROTOCOL, NULL), 0);
    return kind_check_content(k, text(d), f);
}

static void refused(const char *kind, const char *d, int err, const char *member)
{
    struct fault f;
    int r = content(find(kind), d, &f);
    if (r != err || strcmp(f.member, member) != 0) {
        fail_msg("%s %s: %d %s (%s)", kind, d, r, f.member, f.want);
    }
}

static void accepted(const char *kind, const char *d)
{
    struct fault f;
    if (content(find(kind), d, &f) != 0) {
        fail_msg("%s %s: %s wants %s", kind, d, f.member, f.want);
    }
}

/* The object d with member name set to value; NULL leaves it out. */
static char *with(const char *d, const char *name, const char *value)
{
    static char out[200000];
    struct jcur c;
    struct span m;
    struct span v;
    size_t n = 1;
    out[0] = '{';
    assert_true(jcur_object(&c, text(d)));
    while (jcur_member(&c, &m, &v)) {
        if (!span_eqs(m, name)) {
            n += (size_t)snprintf(out + n, sizeof(out) - n, "%s\"%.*s\":%.*s", n > 1 ? "," : "",
                                  (int)m.n, (const char *)m.p, (int)v.n, (const char *)v.p);
        }
    }
    if (value != NULL) {
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s\"%s\":%s", n > 1 ? "," : "", name,
                              value);
    }
    (void)snprintf(out + n, sizeof(out) - n, "}");
    return out;
}

/* What no field of any type but the listed ones may hold. */
static const struct {
    const char *value;
    unsigned ok; /* bit per type that may accept it */
} hostile[] = {
    {"true", 1U << KF_BOOL},
    {"-1", 1U << KF_INT},
    {"{}", 1U << KF_OBJ},
    {"[]", 1U << KF_OBJ | 1U << KF_ENUMS | 1U << KF_TEXTS | 1U << KF_FILES},
    {"[1]", 1U << KF_OBJ},
    {"[{}]", 1U << KF_OBJ},
    {"[\"x\",\"x\"]", 1U << KF_OBJ | 1U << KF_TEXTS},
    {"[\"No\"]", 1U << KF_OBJ | 1U << KF_TEXTS},
    {"[\"no_such_choice\"]", 1U << KF_OBJ | 1U << KF_TEXTS},
    {"\"no such choice\"", 1U << KF_TEXT | 1U << KF_LONG},
    {"\"\"", 1U << KF_TEXT | 1U << KF_LONG | 1U << KF_B64},
    {"\"\\u0007\"", 0},
    {"\"a\\rb\"", 0},
    {"\"a\\nb\"", 1U << KF_LONG},
    {"\"a\\tb\"", 1U << KF_LONG},
    {"\"\x7f\"", 0},
    {"\"\xc2\x85\"", 0},
    {"\"a\xe2\x80\xae txt.exe\"", 0},
    {"\"\xe2\x81\xa6x\"", 0},
    {"\"2026-02-30\"", 1U << KF_TEXT | 1U << KF_LONG | 1U << KF_REF},
    {"\"2026-13\"", 1U << KF_TEXT | 1U << KF_LONG | 1U << KF_REF},
    {"\"3701x2\"", 1U << KF_TEXT | 1U << KF_LONG | 1U << KF_REF},
    {"\"../etc/passwd\"", 1U << KF_TEXT | 1U << KF_LONG},
    {"\"nAAAA\"", 1U << KF_TEXT | 1U << KF_LONG | 1U << KF_REF | 1U << KF_B64},
};

static void one_field(const struct kind *k, const char *d, const struct kind_field *fld)
{
    struct fault f;
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        int r = content(k, with(d, fld->name, hostile[i].value), &f);
        bool open = kind_open_list(fld) != NULL && fld->type == KF_ENUMS;
        bool may = (hostile[i].ok >> fld->type & 1) != 0 ||
                   (open && strcmp(hostile[i].value, "[\"no_such_choice\"]") == 0);
        size_t n = strlen(fld->name); /* of rows the place is told: questions.1.label */
        bool named = strncmp(f.member, fld->name, n) == 0 &&
                     (f.member[n] == '\0' ||
                      ((fld->type == KF_ROWS || fld->type == KF_FILES) && f.member[n] == '.'));
        if (!may && (r != SANJI_E_SPEC || !named)) {
            fail_msg("%s.%s took %s: %d %s", k->name, fld->name, hostile[i].value, r, f.member);
        }
    }
    if ((fld->flags & KFF_REQ) != 0) {
        assert_int_equal(content(k, with(d, fld->name, NULL), &f), SANJI_E_SPEC);
        assert_string_equal(f.member, fld->name);
    }
}

static char *quoted(const char *unit, int64_t n)
{
    static char s[200000];
    size_t len = 1;
    s[0] = '"';
    for (int64_t i = 0; i < n; i++) {
        len += (size_t)snprintf(s + len, sizeof(s) - len, "%s", unit);
    }
    (void)snprintf(s + len, sizeof(s) - len, "\"");
    return s;
}

/* The ends of the range are inside, the next value is outside. */
static void one_range(const struct kind *k, const char *d, const struct kind_field *fld)
{
    struct fault f;
    char num[32];
    if (fld->type == KF_INT) {
        (void)snprintf(num, sizeof(num), "%lld", (long long)fld->max + 1);
        assert_int_equal(content(k, with(d, fld->name, num), &f), SANJI_E_SPEC);
        assert_string_equal(f.member, fld->name);
        (void)snprintf(num, sizeof(num), "%lld", (long long)fld->min - 1);
        assert_int_equal(content(k, with(d, fld->name, num), &f), SANJI_E_SPEC);
        assert_string_equal(f.member, fld->name);
        (void)snprintf(num, sizeof(num), "%lld", (long long)fld->max);
        int r = kind_check_content(k, text(with(d, fld->name, num)), &f);
        assert_true(r == 0 || k->check != NULL);
    }
    if (fld->type == KF_TEXT || fld->type == KF_LONG) {
        /* Code points, not bytes; an escape is one. */
        assert_int_equal(content(k, with(d, fld->name, quoted("社", fld->max + 1)), &f),
                         SANJI_E_SPEC);
        assert_string_equal(f.member, fld->name);
        assert_int_equal(content(k, with(d, fld->name, quoted("\\\"", fld->max + 1)), &f),
                         SANJI_E_SPEC);
        if (k->check == NULL || strcmp(fld->name, "title") == 0) {
            assert_int_equal(content(k, with(d, fld->name, quoted("社", fld->max)), &f), 0);
            assert_int_equal(content(k, with(d, fld->name, quoted("\\\\", fld->max)), &f), 0);
        }
    }
    if (fld->type == KF_TEXT && fld->min > 0) {
        assert_int_equal(
            content(k, with(d, fld->name, "\" \xe3\x80\x80\xc2\xa0\xe2\x80\x8b\""), &f),
            SANJI_E_SPEC);
        assert_string_equal(f.member, fld->name);
    }
}

static void test_valid_and_each_field(void **st)
{
    (void)st;
    for (size_t i = 0; i < N_VALID; i++) {
        const struct kind *k = find(valid[i].kind);
        assert_non_null(k);
        accepted(valid[i].kind, valid[i].d);
        refused(valid[i].kind, with(valid[i].d, "zz_unknown", "1"), SANJI_E_SPEC, "zz_unknown");
        for (size_t j = 0; j < k->n_fields; j++) {
            one_field(k, valid[i].d, &k->fields[j]);
            one_range(k, valid[i].d, &k->fields[j]);
        }
    }
}

static void test_every_kind_has_an_example(void **st)
{
    (void)st;
    for (size_t i = 0; i < kinds_n; i++) {
        bool found = strcmp(kinds[i]->name, "sealed") == 0; /* has a test of its own */
        for (size_t j = 0; j < N_VALID; j++) {
            found = found || kind_find(valid[j].kind) == kinds[i];
        }
        assert_true(found);
        assert_in_range(kinds[i]->n_fields, 1, 64);
        size_t titles = 0;
        for (size_t j = 0; j < kinds[i]->n_fields; j++) {
            const struct kind_field *x = &kinds[i]->fields[j];
            titles += (x->flags & KFF_TITLE) != 0;
            assert_ptr_equal(kind_field_find(kinds[i], x->name), x);
            bool words = x->type == KF_ENUM || x->type == KF_ENUMS;
            assert_true(words == (x->choices != NULL) || x->type == KF_REF);
            assert_true(x->type != KF_REF || x->choices == NULL || kind_find(x->choices) != NULL);
            assert_true(x->min <= x->max);
            /* Personal data stands in sealed content and at home, and never on a card. */
            assert_true((x->flags & KFF_P1) == 0 || kinds[i]->shape == KS_SEALED ||
                        strcmp(kinds[i]->audiences, "own") == 0);
            assert_true((x->flags & KFF_P1) == 0 || (x->flags & KFF_CARD) == 0);
        }
        assert_true(titles <= 1);
    }
}

static void test_meaning(void **st)
{
    (void)st;
    const char *l = valid[0].d;
    refused("listing", with(l, "lat", "1"), SANJI_E_SPEC, "lng");
    refused("listing", with(l, "lng", "1"), SANJI_E_SPEC, "lat");
    refused("listing", "{\"kind\":\"venue\",\"title\":\"x\",\"fee\":\"free\",\"price\":1}",
            SANJI_E_SPEC, "price");
    accepted("listing", "{\"kind\":\"venue\",\"title\":\"x\",\"fee\":\"free\",\"price\":0}");
    refused("listing", with(l, "url", "\"javascript:alert(1)\""), SANJI_E_SPEC, "url");
    refused("listing", with(l, "mode", "[\"consult\",\"consult\"]"), SANJI_E_SPEC, "mode");
    refused("listing", with(l, "tags", "[\"\"]"), SANJI_E_SPEC, "tags");
    refused("listing", with(l, "tags", "[\"a\\nb\"]"), SANJI_E_SPEC, "tags");
    refused("listing", with(l, "kind", "\"venue mentor\""), SANJI_E_SPEC, "kind");
    refused("listing", with(l, "kind", "\"ven\""), SANJI_E_SPEC, "kind");
    refused("listing", with(l, "capacity", "\"40\""), SANJI_E_SPEC, "capacity");
    refused("org", "{\"name\":\"x\",\"state\":\"removed\"}", SANJI_E_SPEC, "reason");
    refused("org", "{\"name\":\"x\",\"entered\":\"2026-02-01\",\"left_on\":\"2026-01-01\"}",
            SANJI_E_SPEC, "left_on");
    refused("org", "{\"name\":\"x\",\"url\":\"javascript:1\"}", SANJI_E_SPEC, "url");
    refused("org_event",
            "{\"org\":\"o\",\"kind\":\"donation\",\"title\":\"x\",\"date\":\"2026-01-01\"}",
            SANJI_E_SPEC, "money");
    refused("activity", "{\"org\":\"o\",\"title\":\"x\",\"period\":\"2026-Q4\"}", SANJI_E_SPEC,
            "period");
    refused("activity",
            "{\"org\":\"o\",\"title\":\"x\",\"period\":\"2026-11\",\"state\":\"returned\"}",
            SANJI_E_SPEC, "reason");
    refused(
        "assessment",
        "{\"org\":\"o\",\"title\":\"x\",\"year\":2026,\"state\":\"agreed\",\"to_stage\":\"hub\"}",
        SANJI_E_SPEC, "effective");
    refused("need", with(valid[2].d, "state", "\"unmet\""), SANJI_E_SPEC, "reason");
    refused("need", with(valid[3].d, "done", "\"2025-12-31\""), SANJI_E_SPEC, "done");
    refused("area", with(valid[5].d, "parent", "\"370102\""), SANJI_E_SPEC, "parent");
    refused("area", with(valid[5].d, "successor", "[\"x1\"]"), SANJI_E_SPEC, "successor");
    refused("workday", with(valid[6].d, "holidays", "[\"2025-01-01\"]"), SANJI_E_SPEC, "holidays");
    refused("workday", with(valid[6].d, "holidays", "[\"2026-01-02\",\"2026-01-01\"]"),
            SANJI_E_SPEC, "holidays");
    refused("workday", with(valid[6].d, "holidays", "[\"2026-01-02\",\"2026-01-02\"]"),
            SANJI_E_SPEC, "holidays");
    refused("workday", with(valid[6].d, "makeup", "[\"2026-01-02\"]"), SANJI_E_SPEC, "makeup");
    refused("stat", with(valid[7].d, "v", "4"), SANJI_E_SPEC, "by");
    refused("stat", with(valid[7].d, "by", "[[\"" NODE_B "\",1],[\"" NODE_A "\",2]]"), SANJI_E_SPEC,
            "by");
    refused("stat", with(valid[7].d, "by", "[[\"" NODE_A "\",3,1]]"), SANJI_E_SPEC, "by");
    refused("stat", with(valid[7].d, "by", "[[\"" NODE_A "\",-3]]"), SANJI_E_SPEC, "by");
    refused("stat", with(valid[7].d, "ind", "\"Ref sent\""), SANJI_E_SPEC, "ind");
    refused("stat", with(valid[7].d, "cov", "[{\"aud\":\"fed\",\"id\":\"" B32 "\"}]"), SANJI_E_SPEC,
            "cov");
    refused("stat",
            with(valid[7].d, "cov",
                 "[{\"aud\":\"self\",\"ep\":1,\"en\":\"AAAAAAAAAAA\",\"seq\":1,\"id\":\"" B32
                 "\"}]"),
            SANJI_E_SPEC, "cov");
    refused("stat", with(valid[7].d, "sum", "\"" B32 "A\""), SANJI_E_SPEC, "sum");
    /* 43 characters whose last one holds unused bits */
    refused("stat", with(valid[7].d, "sum", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB\""),
            SANJI_E_SPEC, "sum");
    refused("proof",
            "{\"a\":{\"h\":\"xx\",\"s\":\"" B64 "\"},\"b\":{\"h\":\"xx\",\"s\":\"" B64 "\"}}",
            SANJI_E_SPEC, "b");
    refused("erase", "{\"leaves\":[\"" B32 "\",1],\"why\":\"law\"}", SANJI_E_SPEC, "leaves");
    refused("heads", with("{\"day\":\"2026-11-22\",\"h\":[],\"page\":2,\"pages\":1}", "x", NULL),
            SANJI_E_SPEC, "page");
    refused("heads",
            "{\"day\":\"2026-11-22\",\"h\":[[\"" NODE_A
            "\",\"self\",1,7,\"AAAAAAAAAAA\"]],\"page\":1,"
            "\"pages\":1}",
            SANJI_E_SPEC, "h");
}

static void test_consent(void **st)
{
    (void)st;
    char d[2000];
    const char *person = "{\"subject_kind\":\"person\",\"reason\":\"crisis\",\"title\":\"x\"}";
    struct fault f;
    refused("referral", person, SANJI_E_CONSENT, "consent");
    accepted("referral", with(person, "consent", CONSENT));
    static const char *const needed[] = {"by", "how", "on", "text_version", "scope", "purpose"};
    for (size_t i = 0; i < 6; i++) {
        char c[1000];
        (void)snprintf(c, sizeof(c), "%s", with(CONSENT, needed[i], NULL));
        refused("referral", with(person, "consent", c), SANJI_E_CONSENT, needed[i]);
    }
    refused("referral", with(person, "consent", "{}"), SANJI_E_CONSENT, "by");
    refused("referral", with(person, "consent", "[]"), SANJI_E_CONSENT, "d");
    (void)snprintf(d, sizeof(d), "%s", with(person, "consent", CONSENT));
    accepted("referral", with(d, "birth_year", "2011"));
    for (int y = 2012; y <= 2026; y++) { /* may be under 14 on 2026-11-02 */
        char year[8];
        (void)snprintf(year, sizeof(year), "%d", y);
        refused("referral", with(d, "birth_year", year), SANJI_E_CONSENT, "by");
    }
    refused("referral", with(d, "birth_year", "2027"), SANJI_E_SPEC, "birth_year");
    refused("referral", with(d, "sensitive", "[\"health\"]"), SANJI_E_CONSENT, "sensitive");
    accepted("referral", with(d, "sensitive", "[]"));
    char g[1000];
    (void)snprintf(g, sizeof(g), "%s", with(CONSENT, "by", "\"guardian\""));
    (void)snprintf(d, sizeof(d), "%s", with(person, "consent", g));
    accepted("referral", with(d, "birth_year", "2020"));
    (void)snprintf(g, sizeof(g), "%s", with(CONSENT, "sensitive", "true"));
    (void)snprintf(d, sizeof(d), "%s", with(person, "consent", g));
    accepted("referral", with(d, "sensitive", "[\"health\",\"finance\"]"));
    /* An organisation has no consent, no age, no sex. */
    refused("referral", with(valid[13].d, "sex", "\"1\""), SANJI_E_SPEC, "sex");
    refused("referral", with(valid[13].d, "consent", CONSENT), SANJI_E_SPEC, "consent");
    refused("referral.outcome", "{\"result\":\"not\"}", SANJI_E_SPEC, "reason");
    refused("referral.outcome", "{\"result\":\"success\",\"reason\":\"other\"}", SANJI_E_SPEC,
            "reason");
    accepted("referral.outcome", "{\"result\":\"partial\",\"reason\":\"other\"}");
    refused("referral.give_info", "{\"answer\":\"x\",\"consent\":{}}", SANJI_E_CONSENT, "by");
    assert_int_equal(ref_check_content(RE_COUNT, text("{}"), &f), SANJI_E_VERSION);
    assert_int_equal(ref_check_content(RE_OPEN, text("{}"), &f), 0);
}

static void test_sealed(void **st)
{
    (void)st;
    static const size_t bytes[] = {1040, 4112, 16400, 45072, 1039, 1041, 2000};
    static char d[80000];
    const char *to = "[{\"n\":\"" NODE_A "\",\"key\":\"" B32 "\",\"enc\":\"" B32 "\",\"w\":\"" B32
                     "AAAAAAAAAAAAAAAAAAAAA\"}]";
    struct fault f;
    for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        size_t chars = (bytes[i] * 4 + 2) / 3;
        (void)snprintf(d, sizeof(d), "{\"st\":1,\"to\":%s,\"salt\":\"%s\",\"ct\":%s}", to, B32,
                       quoted("A", (int64_t)chars));
        assert_int_equal(content(find("sealed"), d, &f), i < 4 ? 0 : SANJI_E_SPEC);
    }
    (void)snprintf(d, sizeof(d), "{\"st\":1,\"to\":[],\"salt\":\"%s\",\"ct\":%s}", B32,
                   quoted("A", 1387));
    refused("sealed", d, SANJI_E_SPEC, "to");
    (void)snprintf(d, sizeof(d), "{\"st\":2,\"to\":[],\"salt\":\"%s\",\"ct\":%s}", B32,
                   quoted("A", 1387));
    refused("sealed", d, SANJI_E_SPEC, "st");
}

static struct item item(const char *k, enum item_op op, const char *d)
{
    struct item it = {.op = op, .r = 1, .id = "x1"};
    (void)snprintf(it.k, sizeof(it.k), "%s", k);
    it.d = op == OP_WITHDRAW ? span_of(NULL, 0) : text(d);
    return it;
}

static void check_item(const char *k, enum item_op op, const char *d, enum aud_type aud, bool top,
                       int err)
{
    struct fault f = {0};
    struct item it = item(k, op, d);
    int r = kind_check_item(&it, aud, top, &f);
    if (r != err) {
        fail_msg("%s op %d aud %d: %d, want %d (%s)", k, (int)op, (int)aud, r, err, f.member);
    }
}

static void test_items(void **st)
{
    (void)st;
    const char *l = valid[0].d;
    check_item("listing/1", OP_PUT, l, AUD_FED, false, 0);
    check_item("listing/1", OP_WITHDRAW, l, AUD_SUB, false, 0);
    check_item("listing/1", OP_EVENT, l, AUD_FED, false, SANJI_E_SPEC);
    check_item("listing/2", OP_PUT, l, AUD_FED, false, SANJI_E_VERSION);
    check_item("listing/10", OP_PUT, l, AUD_FED, false, SANJI_E_VERSION);
    check_item("listin/1", OP_PUT, l, AUD_FED, false, SANJI_E_VERSION);
    check_item("listings/1", OP_PUT, l, AUD_FED, false, SANJI_E_VERSION);
    check_item("listing/1", OP_PUT, l, AUD_TO, false, SANJI_E_AUDIENCE);
    check_item("listing/1", OP_PUT, l, AUD_TRUST, false, SANJI_E_AUDIENCE);
    check_item("listing/1", OP_WITHDRAW, l, AUD_SELF, false, SANJI_E_AUDIENCE);
    check_item("workday/1", OP_PUT, valid[6].d, AUD_FED, true, 0);
    check_item("workday/1", OP_PUT, valid[6].d, AUD_FED, false, SANJI_E_AUTHORITY);
    check_item("stat/1", OP_PUT, valid[7].d, AUD_UP, false, 0);
    check_item("stat/1", OP_PUT, valid[7].d, AUD_FED, false, SANJI_E_AUDIENCE);
    check_item("erase/1", OP_EVENT, valid[9].d, AUD_TO, false, 0);
    check_item("erase/1", OP_EVENT, valid[9].d, AUD_TRUST, false, SANJI_E_AUDIENCE);
    check_item("referral/1", OP_EVENT, valid[13].d, AUD_TO, false, SANJI_E_SPEC);
    check_item("node/1", OP_PUT, valid[12].d, AUD_FED, true, SANJI_E_SPEC);
    struct item it = item("listing/1", OP_PUT, l);
    it.unknown_crit = true;
    assert_int_equal(kind_check_item(&it, AUD_FED, false, NULL), SANJI_E_VERSION);
    assert_null(kind_find("listing/01"));
    assert_null(kind_find(""));
    assert_null(kind_find("/1"));
    assert_non_null(kind_find("listing/1"));
}

static void test_texts(void **st)
{
    (void)st;
    struct buf b;
    buf_init(&b, 1 << 20);
    const struct kind *k = kind_find("listing");
    struct span d = text(valid[1].d);
    assert_int_equal(kind_title(k, d, &b), 0);
    assert_string_equal(buf_str(&b), "李老师");
    buf_reset(&b);
    assert_int_equal(kind_search_text(k, d, &b), 0);
    assert_string_equal(buf_str(&b), "李老师\n一\n二\nx\n解放路1号\n投影\n党建");
    buf_reset(&b);
    assert_int_equal(kind_field_text(k, d, KFF_STATE, &b), 0);
    assert_string_equal(buf_str(&b), "paused");
    buf_reset(&b);
    assert_int_equal(kind_field_text(k, text(valid[0].d), KFF_SINCE, &b), 0);
    assert_string_equal(buf_str(&b), "");
    assert_int_equal(kind_value_text(kind_field_find(k, "mode"), d, &b), 0);
    assert_string_equal(buf_str(&b), "consult\ntraining");
    buf_reset(&b);
    assert_int_equal(kind_value_text(kind_field_find(k, "price"), d, &b), 0);
    assert_string_equal(buf_str(&b), "10000");
    buf_reset(&b);
    assert_int_equal(kind_title(kind_find("need"), text(valid[3].d), &b), 0);
    assert_string_equal(buf_str(&b), "找\"引号\"");
    buf_reset(&b);
    assert_int_equal(kind_describe(k, &b), 0);
    assert_int_equal(json_gate(b.data, b.len, JSON_PROTOCOL, NULL), 0);
    assert_non_null(strstr(buf_str(&b), "\"name\":\"capacity\""));
    buf_reset(&b);
    assert_int_equal(kind_describe(NULL, &b), 0);
    assert_int_equal(json_gate(b.data, b.len, JSON_GENERIC, NULL), 0);
    buf_done(&b);
}

/* ---- workflow, doubts, cards ---- */

static int step(const char *kind, const char *was, const char *d, const char *role, struct fault *f)
{
    *f = (struct fault){0};
    return kind_step_check(kind_find(kind), text(was), text(d), role, f);
}

/* Every state of every kind with a workflow can be reached, and each row names states of the table.
 */
static void test_workflows(void **st)
{
    (void)st;
    struct fault f;
    size_t flows = 0;
    for (size_t i = 0; i < kinds_n; i++) {
        const struct kind *k = kinds[i];
        const struct kind_field *state = NULL;
        for (size_t j = 0; j < k->n_fields; j++) {
            state = (k->fields[j].flags & KFF_STATE) != 0 ? &k->fields[j] : state;
        }
        if (k->n_steps == 0) {
            continue;
        }
        flows++;
        assert_non_null(state);
        for (const char *w = state->choices; w != NULL; w = strchr(w, ' ')) {
            w += *w == ' ';
            char word[40], d[80];
            bool reached = false, known = false;
            (void)snprintf(word, sizeof(word), "%.*s", (int)strcspn(w, " "), w);
            (void)snprintf(d, sizeof(d), "{\"%s\":\"%s\",\"reason\":\"x\"}", state->name, word);
            for (size_t s = 0; s < k->n_steps; s++) {
                char from[80];
                (void)snprintf(from, sizeof(from), "{\"%s\":\"%s\"}", state->name,
                               k->steps[s].from);
                known = known || k->steps[s].from[0] == '\0' ||
                        kind_check_content(k, text(from), NULL) != 0;
                reached =
                    reached || kind_step_check(k, text(k->steps[s].from[0] == '\0' ? "" : from),
                                               text(d), NULL, &f) == 0;
            }
            if (!reached || !known) {
                fail_msg("%s: nothing leads to %s", k->name, word);
            }
        }
    }
    assert_true(flows >= 3);
}

static void test_steps(void **st)
{
    (void)st;
    struct fault f;
    const char *draft = "{\"state\":\"draft\"}", *none = "{}";
    const char *sent = "{\"state\":\"submitted\"}", *ok = "{\"state\":\"accepted\"}";
    assert_int_equal(step("activity", "", draft, "clerk", &f), 0);
    assert_int_equal(step("activity", "", ok, "admin", &f), SANJI_E_STATE);
    assert_string_equal(f.member, "state");
    assert_string_equal(f.want, "draft submitted");
    assert_int_equal(step("activity", none, sent, "clerk", &f), 0); /* none said: the first one */
    assert_int_equal(step("activity", sent, ok, "clerk", &f), SANJI_E_FORBIDDEN);
    assert_int_equal(step("activity", sent, ok, "reviewer", &f), 0);
    assert_int_equal(step("activity", sent, ok, NULL, &f), 0);
    assert_int_equal(step("activity", sent, draft, NULL, &f), SANJI_E_STATE);
    assert_int_equal(step("activity", ok, ok, "clerk", &f), 0); /* not a step, and no change */
    /* What was sent or accepted is changed by those who may take it from there. */
    const char *more = "{\"state\":\"accepted\",\"persons\":5000}";
    assert_int_equal(step("activity", ok, more, "clerk", &f), SANJI_E_FORBIDDEN);
    assert_int_equal(step("activity", ok, more, "manager", &f), 0);
    assert_int_equal(step("activity", draft, "{\"state\":\"draft\",\"persons\":1}", "clerk", &f),
                     0);
    assert_int_equal(step("assessment", "{\"state\":\"told\"}",
                          "{\"state\":\"told\",\"year\":2026}", "admin", &f),
                     SANJI_E_STATE);
    assert_int_equal(step("listing", "", "{\"state\":\"paused\"}", "clerk", &f), 0);
}

static const char *doubt_of(const char *kind, const char *d, struct fault *f)
{
    const struct kind *k = kind_find(kind);
    *f = (struct fault){0};
    assert_int_equal(kind_check_content(k, text(d), NULL), 0);
    return k->doubt(text(d), f) ? f->want : "";
}

static void test_doubts(void **st)
{
    (void)st;
    struct fault f;
    assert_string_equal(doubt_of("org", "{\"name\":\"x\"}", &f), "");
    /* Codes that are published with the rule, and early ones that break it. */
    static const char *const good[] = {"91110000600037341L", "91350200MA2YJ1XR9G",
                                       "913502115628130384"};
    static const char *const early[] = {"91350211M0000XUF46", "91350100M0001TGQXM"};
    char d[80];
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(d, sizeof(d), "{\"name\":\"x\",\"usci\":\"%s\"}", good[i]);
        assert_string_equal(doubt_of("org", d, &f), "");
    }
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(d, sizeof(d), "{\"name\":\"x\",\"usci\":\"%s\"}", early[i]);
        assert_string_equal(doubt_of("org", d, &f), "usci.sum");
        assert_string_equal(f.member, "usci");
    }
    assert_string_equal(doubt_of("org", "{\"name\":\"x\",\"usci\":\"9111000060003734IL\"}", &f),
                        "usci.form");
    const char *s = "{\"title\":\"x\",\"date\":\"2026-11-01\",\"method\":\"case\"}";
    assert_string_equal(doubt_of("service", s, &f), "");
    s = "{\"title\":\"x\",\"date\":\"2026-11-01\",\"method\":\"case\",\"persons\":9,"
        "\"person_times\":8}";
    assert_string_equal(doubt_of("service", s, &f), "times.few");
}

static void test_card(void **st)
{
    (void)st;
    struct buf b;
    const struct kind *k = kind_find("org");
    const char *d =
        "{\"name\":\"晨光\",\"kind\":\"community\",\"usci\":\"\",\"legal_rep\":\"某人\","
        "\"mobile\":\"1\",\"public\":true,\"note\":\"秘密\"}";
    buf_init(&b, 4096);
    assert_true(kind_wants_card(k, text(d)));
    assert_false(kind_wants_card(k, text("{\"name\":\"x\",\"public\":false}")));
    assert_false(kind_wants_card(k, text("{\"name\":\"x\"}")));
    assert_int_equal(kind_card_write(k, text(d), &b), 0);
    assert_string_equal(buf_str(&b), "{\"name\":\"晨光\",\"kind\":\"community\",\"usci\":\"\"}");
    assert_int_equal(kind_check_content(k->card, span_of(b.data, b.len), NULL), 0);
    /* Each member of the card is one of the archive, of the same type and range. */
    for (size_t i = 0; i < k->card->n_fields; i++) {
        const struct kind_field *c = &k->card->fields[i];
        const struct kind_field *x = kind_field_find(k, c->name);
        assert_non_null(x);
        assert_true((x->flags & KFF_CARD) != 0);
        assert_int_equal(x->type, c->type);
        assert_int_equal(x->max, c->max);
    }
    buf_done(&b);
}

static void test_effect(void **st)
{
    (void)st;
    struct buf b;
    struct span ref;
    const struct kind *k = kind_find("assessment");
    const char *was = "{\"state\":\"submitted\"}";
    const char *d = "{\"org\":\"o1\",\"state\":\"agreed\",\"to_stage\":\"hub\"}";
    buf_init(&b, 4096);
    assert_true(kind_effect_due(k, text(was), text(d), &ref));
    assert_true(span_eqs(ref, "o1"));
    assert_false(kind_effect_due(k, text(d), text(d), &ref)); /* it is agreed already */
    assert_false(kind_effect_due(k, text(""), text(was), &ref));
    assert_int_equal(kind_effect_write(k, text(d), kind_find("org"),
                                       text("{\"name\":\"x\",\"usci\":\"1\"}"), &b),
                     0);
    assert_string_equal(buf_str(&b), "{\"name\":\"x\",\"stage\":\"hub\",\"usci\":\"1\"}");
    buf_done(&b);
}

/* ---- PROTOCOL.md ---- */

static char *slurp(const char *path)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *s = calloc(1, 1 << 20);
    assert_non_null(s);
    assert_in_range(fread(s, 1, (1 << 20) - 1, f), 1, (1 << 20) - 2);
    (void)fclose(f);
    return s;
}

static void range_text(const struct kind_field *x, char *out, size_t size)
{
    if (x->type == KF_REF && x->choices != NULL) {
        (void)snprintf(out, size, "%s/1", x->choices);
    } else if (x->choices != NULL) {
        (void)snprintf(out, size, "%s", x->choices);
        if (x->type == KF_ENUMS) {
            (void)snprintf(out, size, "%lld..%lld of %s", (long long)x->min, (long long)x->max,
                           x->choices);
        }
    } else if (x->type == KF_INT || x->type == KF_TEXT || x->type == KF_LONG ||
               x->type == KF_TEXTS || x->type == KF_B64 || x->type == KF_ROWS ||
               x->type == KF_FILES) {
        (void)snprintf(out, size, "%lld..%lld", (long long)x->min, (long long)x->max);
    } else {
        (void)snprintf(out, size, "-");
    }
}

/* One line of a table begins like this; the meaning behind it is prose. */
static void row_text(const char *list, const struct kind_field *x, char *out, size_t size)
{
    static const char *const type[] = {
        [KF_TEXT] = "text",   [KF_LONG] = "long", [KF_INT] = "int",       [KF_BOOL] = "bool",
        [KF_ENUM] = "enum",   [KF_DATE] = "date", [KF_PERIOD] = "period", [KF_NODE] = "node",
        [KF_AREA] = "area",   [KF_REF] = "ref",   [KF_ENUMS] = "enums",   [KF_TEXTS] = "texts",
        [KF_OBJ] = "object",  [KF_B64] = "b64u",  [KF_TIME] = "time",     [KF_ROWS] = "rows",
        [KF_FILES] = "files",
    };
    char range[600];
    range_text(x, range, sizeof(range));
    (void)snprintf(out, size, "| `%s%s%s` | %s | %s | %s |", list, list[0] == '\0' ? "" : ".",
                   x->name, type[x->type], range, (x->flags & KFF_REQ) != 0 ? "yes" : "no");
}

static const char *check_row_table(const char *p, const char *name, const struct kind_field *list)
{
    char row[800];
    for (size_t i = 0; i < list->rows->n; i++) {
        row_text(list->name, &list->rows->fields[i], row, sizeof(row));
        if (strncmp(p, row, strlen(row)) != 0) {
            fail_msg("PROTOCOL.md, table %s: want %s, found %.60s", name, row, p);
        }
        p = strchr(p, '\n') + 1;
    }
    return p;
}

/* The table under "**`name`**": every field in order and nothing else. */
static void check_table(const char *md, const char *name, const struct kind *k)
{
    char head[80];
    char row[800];
    (void)snprintf(head, sizeof(head), "\n**`%s`**", name);
    const char *p = strstr(md, head);
    if (p == NULL) {
        fail_msg("PROTOCOL.md has no table %s", head + 1);
        return;
    }
    p = strstr(p, "\n|---|");
    assert_non_null(p);
    p = strchr(p + 1, '\n') + 1;
    for (size_t i = 0; i < k->n_fields; i++) {
        const struct kind_field *x = &k->fields[i];
        row_text("", x, row, sizeof(row));
        if (strncmp(p, row, strlen(row)) != 0) {
            fail_msg("PROTOCOL.md, table %s: want %s, found %.60s", name, row, p);
        }
        p = strchr(p, '\n') + 1;
        if (x->type == KF_ROWS) { /* "questions.name" under it */
            p = check_row_table(p, name, x);
        }
    }
    if (*p == '|') {
        fail_msg("PROTOCOL.md, table %s has a row too many: %.60s", name, p);
    }
}

static void test_protocol_names_the_fields(void **st)
{
    (void)st;
    char *md = slurp(SANJI_SOURCE_DIR "/protocol/PROTOCOL.md");
    char name[64];
    for (size_t i = 0; i < kinds_n; i++) {
        if (kinds[i]->shape != KS_SEALED) {
            (void)snprintf(name, sizeof(name), "%s/%d", kinds[i]->name, kinds[i]->major);
            check_table(md, name, kinds[i]);
        }
    }
    for (unsigned e = 0; e < RE_COUNT; e++) {
        if (e != RE_REOPEN) { /* the content of send */
            check_table(md, ref_event_name((enum ref_event)e), &referral_content[e]);
        }
    }
    check_table(md, "consent", &kind_consent);
    free(md);
}

/* `test_kinds --tables` prints the tables to be pasted, with empty meanings. */
static void print_table(const char *name, const struct kind *k)
{
    char row[800];
    print_message(
        "\n**`%s`**\n\n| field | type | range | required | meaning |\n|---|---|---|---|---|\n",
        name);
    for (size_t i = 0; i < k->n_fields; i++) {
        const struct kind_field *x = &k->fields[i];
        row_text("", x, row, sizeof(row));
        print_message("%s  |\n", row);
        for (size_t c = 0; x->rows != NULL && c < x->rows->n; c++) {
            row_text(x->name, &x->rows->fields[c], row, sizeof(row));
            print_message("%s  |\n", row);
        }
    }
}

/* What is counted in a small unit says so in its table: pages, exports and imports show yuan. */
static void test_small_units(void **state)
{
    (void)state;
    static const char *const names[] = {"price",    "budget",    "money",   "income",
                                        "spending", "materials", "size_dm2"};
    for (size_t i = 0; i < kinds_n; i++) {
        for (size_t j = 0; j < kinds[i]->n_fields; j++) {
            const struct kind_field *f = &kinds[i]->fields[j];
            bool small = strcmp(f->name, "lat") == 0 || strcmp(f->name, "lng") == 0;
            for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
                small = small || strcmp(f->name, names[k]) == 0;
            }
            if (f->type == KF_INT && small != (kind_field_digits(f) > 0)) {
                fail_msg("%s.%s: KFF_CENTI or KFF_E7", kinds[i]->name, f->name);
            }
        }
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--tables") == 0) {
        for (size_t i = 0; i < kinds_n; i++) {
            print_table(kinds[i]->name, kinds[i]);
        }
        for (unsigned e = 0; e < RE_COUNT; e++) {
            print_table(ref_event_name((enum ref_event)e), &referral_content[e]);
        }
        print_table("consent", &kind_consent);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid_and_each_field),
        cmocka_unit_test(test_every_kind_has_an_example),
        cmocka_unit_test(test_meaning),
        cmocka_unit_test(test_workflows),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_doubts),
        cmocka_unit_test(test_card),
        cmocka_unit_test(test_small_units),
        cmocka_unit_test(test_effect),
        cmocka_unit_test(test_consent),
        cmocka_unit_test(test_sealed),
        cmocka_unit_test(test_items),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_protocol_names_the_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
