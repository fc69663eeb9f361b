/* SPDX-License-Identifier: Apache-2.0 */
/* Tables that become records: what is found wrong and said how, what goes in, what happens when the
 * program ends in between, and the way back. */
#include "node/app_import.h"
#include "protocol/base/enc.h"
#include "protocol/jcur.h"
#include "tests/support/desk.h"

static int64_t job;

static int post(const char *step, const char *body)
{
    char path[96];
    (void)snprintf(path, sizeof path, "/api/imports/%lld/%s", (long long)job, step);
    return ask("POST", path, body);
}

static int look(const char *rest)
{
    char path[96];
    (void)snprintf(path, sizeof path, "/api/imports/%lld%s", (long long)job, rest);
    return ask("GET", path, NULL);
}

static int bring(const char *kind, const void *p, size_t n)
{
    static char body[IMPORT_PART * 2];
    (void)snprintf(body, sizeof body, "{\"kind\":\"%s\",\"name\":\"名册.csv\"}", kind);
    assert_status(ask("POST", "/api/imports", body), 200);
    job = member_int("n");
    for (size_t i = 0, at = 0; at < n; i++) {
        size_t k = n - at < IMPORT_PART ? n - at : IMPORT_PART;
        int m = snprintf(body, sizeof body, "{\"i\":%zu,\"data\":\"", i);
        size_t len = (size_t)m + b64u_put((const uint8_t *)p + at, k, body + m);
        memcpy(body + len, "\"}", 3);
        assert_status(post("part", body), 200);
        at += k;
    }
    return post("read", "{}");
}

/* The state after all slices are made. */
static void settle(const char *state)
{
    char is[16];
    for (int i = 0; i < 1000 && app_import_tick(d.app) == 1; i++) {
    }
    assert_status(look(""), 200);
    member("state", is, sizeof is);
    assert_string_equal(is, state);
}

static int64_t count(const char *what)
{
    struct span v, n;
    int64_t x = -1;
    assert_status(look(""), 200);
    assert_true(jcur_get(span_of(d.rep.body.data, d.rep.body.len), "counts", &v));
    assert_true(jcur_get(v, what, &n) && jcur_int(n, &x));
    return x;
}

static int on_one(const struct store_rec *rec, void *arg)
{
    ++*(int64_t *)arg;
    assert_int_equal(rec->r, 1);
    return 0;
}

static int64_t records(const char *kind)
{
    struct store_filter f = {.kind = kind, .limit = 1000000};
    int64_t n = 0;
    assert_int_equal(store_record_list(d.app->store, &f, on_one, &n), 0);
    return n;
}

static const char orgs[] = "\xef\xbb\xbf名称,统一社会信用代码,类别,状态,成立时间,专职人员数,"
                           "服务领域,公开名片,内部备注,老板\r\n"
                           "晨光社会工作服务中心,52370100MJD123456A,民办非企业单位,"
                           "在孵,2019年3月1日,\"1,200\","
                           "为老服务、青少年,是,'=好,王\r\n"
                           "阳光社区基金会,,foundation,incubating,2020/1/5,7.0,elderly,否,,\r\n"
                           ",,,,,,,,,\r\n"
                           "彩虹志愿者协会,,不认识,在孵,,,,,,\r\n"
                           "绿叶服务社,,社会服务机构,在孵,2020-02-30,,,,,\r\n"
                           "  ,91350211M0000XUF46,,,,,,,,\r\n"
                           "红豆服务社,,,,,很多,,,,\r\n"
                           "晨光社会工作服务中心 ,,,,,,,,,\r\n";

static void a_table_of_organisations(void **state)
{
    (void)state;
    user_in("wang", "clerk");
    assert_status(bring("org", orgs, sizeof orgs - 1), 200);
    settle("checked");
    assert_said("\"map\":[\"name\",\"usci\",\"kind\",\"state\",\"founded\",\"staff\",\"field\","
                "\"public\",\"note\",\"\"]");
    assert_int_equal(count("new"), 2);
    assert_int_equal(count("bad"), 4);
    assert_int_equal(count("skip"), 1);
    assert_int_equal(records("org"), 0);
    assert_said("\"no\":5,\"act\":\"bad\"");
    assert_said(
        "\\\"Kind\\\": none of the choices; write one of: Association, Social service body,");
    assert_said("\"no\":6,\"act\":\"bad\"");
    assert_said("\\\"Founded\\\": ");
    assert_said("\"no\":7,\"act\":\"bad\"");
    assert_said("\\\"Name\\\": ");
    assert_said("the same as row 2");
    defaults();
    d.rq.accept_language = "zh-CN";
    char path[64];
    (void)snprintf(path, sizeof path, "/api/imports/%lld", (long long)job);
    assert_status(send_request("GET", path, NULL), 200);
    assert_said("不在可选范围内");
    assert_said("整数");
    assert_said("日期，如 2026-11-05");
    assert_said("“名称”：");
    assert_status(post("start", "{}"), 200);
    settle("done");
    assert_int_equal(count("stored"), 2);
    assert_int_equal(records("org"), 2);
    assert_int_equal(records("card"), 1);
    assert_status(ask("GET", "/api/records?kind=org&q=晨光", NULL), 200);
    assert_said(
        "\"d\":{\"name\":\"晨光社会工作服务中心\",\"kind\":\"service_unit\",\"state\":"
        "\"incubating\",\"usci\":\"52370100MJD123456A\",\"founded\":\"2019-03-01\","
        "\"field\":[\"elderly\",\"youth\"],\"area\":\"3701\",\"staff\":1200,\"public\":true,"
        "\"note\":\"=好\",");
    /* What did not go in comes as a table with what is wrong, and goes in when put right. */
    assert_status(look("/bad"), 200);
    assert_said("\r\n彩虹志愿者协会,,不认识,在孵,,,,,,,\"\"\"Kind\"\": none of the choices");
    assert_status(post("undo", "{}"), 200);
    settle("undone");
    assert_int_equal(records("org"), 0);
    assert_int_equal(records("card"), 0);
    assert_int_equal(count("undone"), 2);
}

/* What people's programs save: GBK, semicolons, names of fields. */
static void other_encodings(void **state)
{
    (void)state;
    static const char gbk[] =
        "title;kind;price\r\n\xc0\xee\xc0\xcf\xca\xa6;\xb5\xbc\xca\xa6;12.5\r\n";
    static const char wide[] = "\xff\xfe"
                               "t\0i\0t\0l\0e\0\t\0k\0i\0n\0d\0\r\0\n\0"
                               "a\0\t\0v\0e\0n\0u\0e\0";
    static const char junk[] = "title,kind\r\n\xff\xff\xff\xff,venue\r\n";
    user_in("wang", "clerk");
    assert_status(bring("listing", gbk, sizeof gbk - 1), 200);
    settle("checked");
    assert_said("\"d\":{\"kind\":\"mentor\",\"title\":\"李老师\",\"price\":1250}");
    assert_status(bring("listing", wide, sizeof wide - 1), 200);
    settle("checked");
    assert_said("\"d\":{\"kind\":\"venue\",\"title\":\"a\"}");
    assert_status(bring("listing", junk, sizeof junk - 1), 400);
    assert_said("GB18030");
    assert_status(bring("listing", "title\r\n\"a", 9), 400);
    assert_said("In row 2 a quotation mark");
    assert_status(ask("POST", "/api/imports", "{\"kind\":\"listing\",\"name\":\"x\"}"), 200);
    assert_status(ask("POST", "/api/imports", "{\"kind\":\"listing\",\"name\":\"x\"}"), 429);
    assert_said("finish or delete one first");
}

static void what_is_here_already(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1];
    static const char table[] =
        "name,usci,mobile,desk\n新名称,52370100MJD123456A,,前台\n(甲)中心,,139,\n乙,,,\n乙,,,\n";
    user_in("chen", "manager");
    assert_status(ask("POST", "/api/records/org",
                      "{\"d\":{\"name\":\"旧名称\",\"usci\":\"52370100mjd123456a\",\"mobile\":"
                      "\"130\",\"public\":true}}"),
                  200);
    member("id", id, sizeof id);
    assert_status(ask("POST", "/api/records/org", "{\"d\":{\"name\":\"（甲） 中心\"}}"), 200);
    assert_status(bring("org", table, sizeof table - 1), 200);
    settle("checked");
    assert_int_equal(count("skip"), 3);
    assert_int_equal(count("new"), 1);
    assert_said("is here already");
    assert_status(post("plan", "{\"plan\":{\"map\":[\"name\",\"usci\",\"mobile\",\"desk\"],"
                               "\"doubles\":\"update\"}}"),
                  200);
    settle("checked");
    assert_int_equal(count("update"), 2);
    assert_int_equal(count("skip"), 1);
    assert_status(post("start", "{}"), 200);
    settle("done");
    assert_status(ask("GET", "/api/records?kind=org&q=新名称", NULL), 200);
    assert_said(id);
    assert_said("\"mobile\":\"130\",\"desk\":\"前台\",\"public\":true"); /* empty cells keep */
    assert_said("\"r\":2");
    /* Somebody works on one of them: it stays, the others go back. */
    char body[512];
    (void)snprintf(body, sizeof body,
                   "{\"id\":\"%s\",\"seen_r\":2,\"d\":{\"name\":\"新名称\",\"note\":\"x\"}}", id);
    assert_status(ask("POST", "/api/records/org", body), 200);
    assert_status(post("undo", "{}"), 200);
    settle("undone");
    assert_int_equal(count("undone"), 2);
    assert_int_equal(count("kept"), 1);
    assert_said("was changed after the import and stays");
    assert_status(ask("GET", "/api/records?kind=org", NULL), 200);
    assert_said("\"note\":\"x\"");
    assert_said("（甲） 中心");
    assert_false(said("\"mobile\":\"139\""));
    assert_false(said("乙"));
    /* A second form of one id: an update of what is the same changes nothing. */
    (void)snprintf(body, sizeof body, "id,name\n%s,新名称\n", id);
    assert_status(bring("org", body, strlen(body)), 200);
    assert_status(post("plan", "{\"plan\":{\"map\":[\"id\",\"name\"],\"doubles\":\"update\"}}"),
                  200);
    settle("checked");
    assert_int_equal(count("same"), 1);
    /* The heading is known: its columns come as they were chosen. */
    assert_status(post("plan", "{\"plan\":{\"map\":[\"\",\"short_name\"]}}"), 200);
    assert_status(bring("org", "id,name\nx,y\n", 12), 200);
    settle("checked");
    assert_said("\"map\":[\"\",\"short_name\"]");
    assert_status(post("plan", "{\"plan\":{\"map\":[\"name\",\"name\"]}}"), 422);
    assert_status(post("plan", "{\"plan\":{\"map\":[\"nothing\"]}}"), 422);
}

/* Steps, references, cards: what a dry run used to let through. */
static void the_same_check_as_put(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1], table[512];
    user_in("wang", "clerk");
    assert_status(ask("POST", "/api/records/org", "{\"d\":{\"name\":\"晨光\"}}"), 200);
    member("id", id, sizeof id);
    assert_status(ask("POST", "/api/records/org", "{\"d\":{\"name\":\"双名\"}}"), 200);
    assert_status(ask("POST", "/api/records/org", "{\"d\":{\"name\":\"双名\"}}"), 200);
    (void)snprintf(
        table, sizeof table,
        "社会组织,类型,标题,日期\n晨光,honour,一,2026-01-01\n晨光 (%s),荣誉,二,2026-01-02\n"
        "%s,honour,三,2026-01-03\n没有,honour,四,2026-01-04\n双名,honour,五,2026-01-05\n"
        "nothere,honour,六,2026-01-06\n",
        id, id);
    assert_status(bring("org_event", table, strlen(table)), 200);
    assert_status(post("plan", "{\"plan\":{\"map\":[\"org\",\"kind\",\"title\",\"date\"]}}"), 200);
    settle("checked");
    assert_int_equal(count("new"), 3);
    assert_int_equal(count("bad"), 3);
    assert_said("several records have this name");
    (void)snprintf(table, sizeof table, "id,state\n%s,incubating\n%s,left\n", id, id);
    assert_status(bring("org", table, strlen(table)), 200);
    assert_status(post("plan", "{\"plan\":{\"map\":[\"id\",\"state\"],\"doubles\":\"update\"}}"),
                  200);
    settle("checked");
    assert_int_equal(count("bad"), 2); /* a clerk may not admit, nor let go */
    struct app_put *p = NULL;
    struct fault f = {0};
    const struct kind *org = kind_find("org"), *act = kind_find("org_event");
    char got[LIM_ID_BYTES + 1];
    static const struct {
        const char *json;
        int want;
    } lines[] = {
        {"{\"id\":\"a\",\"name\":\"x\",\"state\":\"applying\"}", 0},
        {"{\"id\":\"a\",\"name\":\"x\",\"state\":\"graduated\"}", SANJI_E_STATE},
        {"{\"id\":\"a\",\"name\":\"x\",\"state\":\"incubating\"}", 0},
        {"{\"id\":\"a\",\"name\":\"x\",\"state\":\"graduated\"}", 0},
        {"{\"id\":\"12345678901234567890123456789012345678901234567890123456789012\",\"name\":"
         "\"x\"}",
         SANJI_E_SPEC},
    };
    assert_int_equal(app_put_begin(d.app, org, NULL, true, &p), 0);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_int_equal(app_put_line(p, span_of(lines[i].json, strlen(lines[i].json)), got, &f),
                         lines[i].want);
    }
    app_put_free(p);
    assert_int_equal(app_put_begin(d.app, act, NULL, true, &p), 0);
    const char *bad =
        "{\"org\":\"nothere\",\"kind\":\"honour\",\"title\":\"x\",\"date\":\"2026-01-01\"}";
    assert_int_equal(app_put_line(p, span_of(bad, strlen(bad)), got, &f), SANJI_E_NOT_FOUND);
    app_put_free(p);
    assert_int_equal(records("org"), 3);
}

/* What may have gone to others meanwhile is not taken back behind their backs. */
static void what_others_rely_on_stays(void **state)
{
    (void)state;
    struct fault f = {0};
    char id[LIM_ID_BYTES + 1], table[256];
    static const char draft[] = "{\"report\":\"annual\",\"period\":\"2025\",\"title\":\"年报\","
                                "\"done\":\"草稿里的话\"}";
    static const char sent[] =
        "id,report,period,title,state\nwork_report.annual.2025,annual,2025,年报,submitted\n";
    user_in("chen", "manager");
    assert_int_equal(app_put_one(d.app, kind_find("work_report"), NULL, NULL,
                                 span_of(draft, sizeof draft - 1), table, &f),
                     0);
    assert_status(bring("work_report", sent, sizeof sent - 1), 200);
    settle("checked");
    assert_status(post("plan",
                       "{\"plan\":{\"map\":[\"id\",\"report\",\"period\",\"title\",\"state\"],"
                       "\"doubles\":\"update\"}}"),
                  200);
    settle("checked");
    assert_int_equal(count("update"), 1);
    assert_status(post("start", "{}"), 200);
    settle("done");
    assert_int_equal(count("stored"), 1);
    assert_status(ask("GET", "/api/records/me/work_report/work_report.annual.2025", NULL), 200);
    assert_said("\"r\":2");
    assert_said("\"aud\":\"up:");
    assert_status(post("undo", "{}"), 200);
    settle("undone");
    assert_int_equal(count("kept"), 1);
    assert_said("others may rely on it");
    assert_status(ask("GET", "/api/records/me/work_report/work_report.annual.2025", NULL), 200);
    assert_said("\"r\":2");
    assert_said("\"state\":\"submitted\"");
    /* A step is no way back where there is none in that direction. */
    assert_status(
        ask("POST", "/api/records/org", "{\"d\":{\"name\":\"晚霞\",\"state\":\"applying\"}}"), 200);
    member("id", id, sizeof id);
    (void)snprintf(table, sizeof table, "id,state\n%s,incubating\n", id);
    assert_status(bring("org", table, strlen(table)), 200);
    assert_status(post("plan", "{\"plan\":{\"map\":[\"id\",\"state\"],\"doubles\":\"update\"}}"),
                  200);
    settle("checked");
    assert_status(post("start", "{}"), 200);
    settle("done");
    assert_int_equal(count("stored"), 1);
    assert_status(post("undo", "{}"), 200);
    settle("undone");
    assert_int_equal(count("kept"), 1);
    assert_int_equal(count("undone"), 0);
}

/* The program ends between two slices: no row twice, none lost. */
static void the_program_ends(void **state)
{
    (void)state;
    struct buf b;
    char dir[sizeof d.dir];
    buf_init(&b, 1 << 20);
    buf_puts(&b, "title,kind\n");
    for (int i = 0; i < 350; i++) {
        buf_printf(&b, "venue %d,venue\n", i);
    }
    user_in("wang", "clerk");
    assert_status(bring("listing", b.data, b.len), 200);
    for (int turn = 0; turn < 6; turn++) {
        memcpy(dir, d.dir, sizeof dir);
        api_free(d.api);
        app_close(d.app);
        assert_int_equal(app_open(dir, &d.app, NULL), 0);
        assert_int_equal(api_new(d.app, &d.api), 0);
        if (turn == 2) {
            settle("checked");
            assert_int_equal(count("new"), 350);
            assert_status(post("start", "{}"), 200);
            assert_int_equal(records("listing"), 100);
        } else {
            assert_int_equal(app_import_tick(d.app), 1);
        }
    }
    settle("done");
    assert_int_equal(records("listing"), 350);
    assert_int_equal(count("stored"), 350);
    assert_status(post("undo", "{}"), 200);
    assert_status(post("drop", "{}"), 409);
    settle("undone");
    assert_int_equal(records("listing"), 0);
    assert_status(post("drop", "{}"), 200);
    assert_status(look(""), 404);
    buf_done(&b);
}

static void whose_it_is(void **state)
{
    (void)state;
    static char big[IMPORT_PART];
    user_in("wang", "clerk");
    assert_status(bring("listing", "title,kind\na,venue\n", 19), 200);
    settle("checked");
    assert_status(post("undo", "{}"), 409);
    user_in("li", "clerk");
    assert_status(look(""), 404);
    assert_status(post("start", "{}"), 404);
    assert_status(post("drop", "{}"), 404);
    assert_status(ask("GET", "/api/imports", NULL), 200);
    assert_false(said("名册"));
    user_in("chen", "manager");
    assert_status(look(""), 200);
    assert_status(post("start", "{}"), 403);
    assert_status(ask("POST", "/api/imports", "{\"kind\":\"card\",\"name\":\"x\"}"), 403);
    assert_status(ask("POST", "/api/imports", "{\"kind\":\"nothing\",\"name\":\"x\"}"), 422);
    assert_status(ask("POST", "/api/imports", "{\"kind\":\"listing\",\"name\":\"x\"}"), 200);
    job = member_int("n");
    memset(big, 'x', sizeof big);
    struct fault f = {0};
    for (int i = 0; i < IMPORT_BYTES / IMPORT_PART; i++) {
        assert_int_equal(app_import_part(d.app, job, i, span_of(big, sizeof big), &f), 0);
    }
    assert_int_equal(app_import_part(d.app, job, IMPORT_BYTES / IMPORT_PART, span_of(big, 1), &f),
                     SANJI_E_SIZE);
    assert_int_equal(app_import_expire(d.app, app_now_ms() + IMPORT_OPEN_MS + 1000), 0);
    assert_status(look(""), 404);
}

/* ---- HSDS ---- */

static const char services[] =
    "{\"contents\":[{\"id\":\"ac148810-d857-441c-9679-408f346de14b\",\"name\":\"心理咨询\","
    "\"description\":\"=说明\",\"eligibility_description\":\"十二岁以上\",\"status\":\"inactive\","
    "\"assured_date\":\"2026-01-05\",\"minimum_age\":12.5,\"alert\":null,"
    "\"organization\":{\"name\":\"示例机构\"},\"phones\":[{\"number\":\"0531-1\"}],"
    "\"cost_options\":[{\"currency\":\"CNY\",\"amount\":35.5}],"
    "\"attributes\":[{\"taxonomy_term\":{\"taxonomy\":\"field\",\"code\":\"elderly\"}},"
    "{\"taxonomy_term\":{\"taxonomy\":\"field\",\"code\":\"of another list\"}},"
    "{\"taxonomy_term\":{\"taxonomy\":\"resource\",\"code\":\"mentor\"}},"
    "{\"taxonomy_term\":{\"taxonomy\":\"mode\",\"code\":\"consult\"}}],"
    "\"service_at_locations\":[{\"location\":{\"latitude\":36.65123456789,\"longitude\":117,"
    "\"addresses\":[{\"address_1\":\"泉城路 1 号\",\"address_2\":\"二楼\"}]}}]},"
    "{\"id\":\"7\",\"name\":\"没有说明\"},{\"id\":\"8\",\"description\":\"没有名称\"}]}";

static int on_content(const struct store_rec *rec, void *arg)
{
    return buf_put(arg, rec->d.p, rec->d.n);
}

static void holds(const char *kind, const char *id, const char *const *want, size_t n)
{
    struct buf b;
    buf_init(&b, LIM_ITEM_BYTES);
    assert_int_equal(store_record_get(d.app->store, app_id(d.app), kind, id, on_content, &b), 0);
    for (size_t i = 0; i < n; i++) {
        if (strstr(buf_str(&b), want[i]) == NULL) {
            fail_msg("%s not in %s", want[i], buf_str(&b));
        }
    }
    buf_done(&b);
}

static void services_of_another_directory(void **state)
{
    (void)state;
    static const char *const want[] = {"\"kind\":\"mentor\"",
                                       "\"title\":\"心理咨询\"",
                                       "\"detail\":\"=说明\\n\\n十二岁以上\"",
                                       "\"org\":\"示例机构\"",
                                       "\"mode\":[\"consult\"]",
                                       "\"field\":[\"elderly\"]",
                                       "\"address\":\"泉城路 1 号 二楼\"",
                                       "\"lat\":366512345",
                                       "\"lng\":1170000000",
                                       "\"fee\":\"paid\"",
                                       "\"price\":3550",
                                       "\"phone\":\"0531-1\"",
                                       "\"state\":\"paused\"",
                                       "\"assured\":\"2026-01-05\""};
    static const char *const plain[] = {"\"kind\":\"service\""};
    user_in("wang", "clerk");
    assert_status(bring("listing", services, sizeof services - 1), 200);
    settle("checked");
    assert_int_equal(count("new"), 2);
    assert_int_equal(count("bad"), 1);
    assert_status(look(""), 200);
    assert_said("\"no\":4,\"act\":\"bad\"");
    assert_int_equal(records("listing"), 0);
    assert_status(post("start", "{}"), 200);
    settle("done");
    holds("listing", "ac148810-d857-441c-9679-408f346de14b", want, sizeof want / sizeof want[0]);
    holds("listing", "hsds.service.7", plain, 1);
    assert_status(post("undo", "{}"), 200);
    settle("undone");
    assert_int_equal(records("listing"), 0);
}

static const char organizations[] =
    "\xef\xbb\xbfid,name,alternate_name,description,email,website,tax_status,year_incorporated\r\n"
    "1,\"示例, 机构\",示例,\"做\"\"好事\"\"\",a@example.cn,https://example.cn,x,2011\r\n"
    ",,,,,,,\r\n"
    "2,坏网址,,,,example.cn,,\r\n";

static void organizations_as_csv(void **state)
{
    (void)state;
    static const char *const want[] = {
        "\"name\":\"示例, 机构\"", "\"short_name\":\"示例\"", "\"purpose\":\"做\\\"好事\\\"\"",
        "\"email\":\"a@example.cn\"", "\"url\":\"https://example.cn\""};
    user_in("wang", "clerk");
    assert_status(bring("org", organizations, sizeof organizations - 1), 200);
    settle("checked");
    assert_int_equal(count("new"), 1);
    assert_int_equal(count("bad"), 1);
    assert_status(post("start", "{}"), 200);
    settle("done");
    holds("org", "hsds.organization.1", want, sizeof want / sizeof want[0]);
}

/* What is JSON and not that, or belongs to no kind it could be, is refused by name. */
static void json_that_is_something_else(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *text;
        int status;
    } wrong[] = {
        {"listing", "{\"hello\":1}", 422},
        {"listing", "[]", 422},
        {"listing", "[1,\"x\",[],null,{}]", 422},
        {"listing", "{\"contents\":{}}", 422},
        {"listing", "{\"contents\":[{]}", 400},
        {"listing", "{\"name\":\"\\u0000\"}", 400},
        {"need", "{\"contents\":[{\"name\":\"x\"}]}", 422},
    };
    user_in("wang", "clerk");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_status(bring(wrong[i].kind, wrong[i].text, strlen(wrong[i].text)), wrong[i].status);
        assert_status(post("drop", "{}"), 200);
    }
    for (size_t i = 1; i + 1 < sizeof services; i += 7) { /* cut off anywhere */
        assert_true(bring("listing", services, i) >= 400);
        assert_status(post("drop", "{}"), 200);
    }
    assert_int_equal(records("listing"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {ON_A_NODE(a_table_of_organisations),
                                       ON_A_NODE(other_encodings),
                                       ON_A_NODE(what_is_here_already),
                                       ON_A_NODE(the_same_check_as_put),
                                       ON_A_NODE(what_others_rely_on_stays),
                                       ON_A_NODE(the_program_ends),
                                       ON_A_NODE(whose_it_is),
                                       ON_A_NODE(services_of_another_directory),
                                       ON_A_NODE(organizations_as_csv),
                                       ON_A_NODE(json_that_is_something_else)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
