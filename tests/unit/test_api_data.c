/* SPDX-License-Identifier: Apache-2.0 */
/* The staff interface: records, referrals, figures; what people write comes back as they wrote it.
 */
#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "tests/support/desk.h"

/* ---- records ---- */

/* A notice that the kind's table accepts, made from its description so that the table may grow. */
static void make_d(const char *kind, const char *title, char *out, size_t max)
{
    const struct kind *k = kind_find(kind);
    struct buf b;
    struct jw w;
    buf_init(&b, 65536);
    jw_init(&w, &b);
    jw_obj(&w, NULL);
    for (size_t i = 0; i < k->n_fields; i++) {
        const struct kind_field *f = &k->fields[i];
        char first[64];
        if ((f->flags & KFF_TITLE) != 0) {
            jw_str(&w, f->name, title);
        } else if ((f->flags & KFF_REQ) != 0 && f->type == KF_ENUM) {
            snprintf(first, sizeof first, "%.*s", (int)strcspn(f->choices, " "), f->choices);
            jw_str(&w, f->name, first);
        } else if ((f->flags & KFF_REQ) != 0 && (f->type == KF_TEXT || f->type == KF_LONG)) {
            jw_str(&w, f->name, title);
        }
    }
    jw_end_obj(&w);
    assert_int_equal(jw_done(&w), 0);
    snprintf(out, max, "%s", buf_str(&b));
    buf_done(&b);
}

static void put(const char *kind, const char *title, char id[LIM_ID_BYTES + 1])
{
    char c[8192], body[9000];
    make_d(kind, title, c, sizeof c);
    snprintf(body, sizeof body, "{\"d\":%s}", c);
    char path[64];
    snprintf(path, sizeof path, "/api/records/%s", kind);
    assert_status(ask("POST", path, body), 200);
    member("id", id, LIM_ID_BYTES + 1);
    assert_int_equal(member_int("r"), 1);
}

static void a_record_lives(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1], path[256], c[4096], body[8192];
    user_in("wang", "clerk");
    put("listing", "会议室", id);
    snprintf(path, sizeof path, "/api/records/%s/listing/%s", app_id(d.app), id);
    assert_status(ask("GET", path, NULL), 200);
    assert_said("\"title\":\"会议室\"");
    assert_said("\"mine\":true");
    assert_said("\"aud\":\"fed\"");
    assert_said("\"explain\":{\"signed_by\":\"k");
    assert_said("\"path\":[\"");

    /* A second person changes it from the same revision: he gets the newest and decides. */
    make_d("listing", "会议室二", c, sizeof c);
    snprintf(body, sizeof body, "{\"id\":\"%s\",\"seen_r\":1,\"d\":%s}", id, c);
    assert_status(ask("POST", "/api/records/listing", body), 200);
    assert_int_equal(member_int("r"), 2);
    assert_status(ask("POST", "/api/records/listing", body), 409);
    assert_said("\"err\":\"conflict\"");
    assert_said("\"current\":{\"owner\":");
    assert_said("会议室二");
    snprintf(body, sizeof body, "{\"id\":\"%s\",\"d\":%s}", id, c); /* no revision: a blind write */
    assert_status(ask("POST", "/api/records/listing", body), 409);
    snprintf(body, sizeof body, "{\"id\":\"nowhere\",\"seen_r\":3,\"d\":%s}", c);
    assert_status(ask("POST", "/api/records/listing", body), 404);
    /* An id inside the content would go round the revision. */
    snprintf(body, sizeof body, "{\"d\":{\"id\":\"%s\",%s}", id, c + 1);
    assert_status(ask("POST", "/api/records/listing", body), 422);
    snprintf(body, sizeof body, "{\"d\":{\"audience\":\"sub\",%s}", c + 1);
    assert_status(ask("POST", "/api/records/listing", body), 422);

    snprintf(path, sizeof path, "/api/records/need/%s/withdraw", id);
    assert_status(ask("POST", path, "{\"seen_r\":2}"), 404);
    snprintf(path, sizeof path, "/api/records/listing/%s/withdraw", id);
    assert_status(ask("POST", path, "{\"seen_r\":1}"), 409);
    assert_said("\"current\":{");
    assert_status(ask("POST", path, "{\"seen_r\":2}"), 200);
    assert_status(ask("POST", path, "{\"seen_r\":3}"), 409);
    assert_said("wrong_state");
    snprintf(path, sizeof path, "/api/records/%s/listing/%s", app_id(d.app), id);
    assert_status(ask("GET", path, NULL), 200);
    assert_said("\"state\":\"withdrawn\"");
    assert_status(ask("GET", "/api/records?kind=listing", NULL), 200);
    assert_int_equal(member_int("total"), 0);
    snprintf(path, sizeof path, "/api/records/%s/need/%s", app_id(d.app), id);
    assert_status(ask("GET", path, NULL), 404);
    assert_status(ask("POST", "/api/records/stat", "{\"d\":{}}"), 403);
    assert_status(ask("POST", "/api/records/nosuch", "{\"d\":{}}"), 404);
    assert_said("unknown_kind");
}

static void a_change_keeps_the_audience(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1], c[4096], body[8192], path[256];
    user_in("wang", "clerk");
    make_d("listing", "内部", c, sizeof c);
    snprintf(body, sizeof body, "{\"audience\":\"sub\",\"d\":%s}", c);
    assert_status(ask("POST", "/api/records/listing", body), 200);
    member("id", id, sizeof id);
    make_d("listing", "内部二", c, sizeof c);
    snprintf(body, sizeof body, "{\"id\":\"%s\",\"seen_r\":1,\"d\":%s}", id, c);
    assert_status(ask("POST", "/api/records/listing", body), 200);
    snprintf(path, sizeof path, "/api/records/%s/listing/%s", app_id(d.app), id);
    assert_status(ask("GET", path, NULL), 200);
    assert_said("\"aud\":\"sub:");
}

static void lists_and_pages(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1], title[64], next[64], path[256];
    user_in("wang", "clerk");
    for (int i = 0; i < 7; i++) {
        snprintf(title, sizeof title, "场地 %d", i);
        put("listing", title, id);
    }
    int seen = 0;
    snprintf(path, sizeof path, "/api/records?kind=listing&limit=3");
    for (int page = 0; page < 3; page++) {
        assert_status(ask("GET", path, NULL), 200);
        assert_int_equal(member_int("total"), 7);
        for (int i = 0; i < 7; i++) {
            snprintf(title, sizeof title, "\"title\":\"场地 %d\",\"state\"", i);
            seen += said(title) ? 1 << (4 * i) : 0;
        }
        if (page < 2) {
            member("next", next, sizeof next);
            snprintf(path, sizeof path, "/api/records?kind=listing&limit=3&after=%s", next);
        } else {
            assert_said("\"next\":null");
        }
    }
    assert_int_equal(seen, 0x1111111); /* each exactly once */
    assert_status(ask("GET", "/api/records?kind=listing&q=%E5%9C%BA%E5%9C%B0&limit=2", NULL), 200);
    assert_said("\"next\":\"o0.2\"");
    assert_int_equal(member_int("total"), 7);
    assert_status(
        ask("GET", "/api/records?kind=listing&q=%E5%9C%BA%E5%9C%B0&limit=5&after=o0.5", NULL), 200);
    assert_said("\"next\":null");
    assert_status(ask("GET", "/api/records?kind=listing&f.kind=venue", NULL), 200);
    int64_t venues = member_int("total");
    assert_true(venues == 0 || venues == 7);
    assert_status(ask("GET", "/api/records?kind=listing&area=37", NULL), 200);
    assert_int_equal(member_int("total"), 7);
    assert_status(ask("GET", "/api/records?kind=listing&area=44", NULL), 200);
    assert_int_equal(member_int("total"), 0);
    static const char *const bad[] = {"",
                                      "?kind=nosuch",
                                      "?kind=listing&limit=0",
                                      "?kind=listing&limit=201",
                                      "?kind=listing&after=x",
                                      "?kind=listing&after=o0.1",
                                      "?kind=listing&q=x&after=o1",
                                      "?kind=listing&area=3%27",
                                      "?kind=listing&kind=need",
                                      "?kind=listing&q=%ff",
                                      "?kind=listing&after=1.2.3"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(path, sizeof path, "/api/records%s", bad[i]);
        assert_status(ask("GET", path, NULL), 422);
    }
}

/* What people type is given back exactly, whatever it looks like. */
static void hostile_text(void **state)
{
    (void)state;
    static const char *const texts[] = {"<script>alert(1)</script>",
                                        "\"},\"err\":\"x",
                                        "\\u0022\\",
                                        "'; DROP TABLE record;--",
                                        "</textarea><img src=x onerror=alert(1)>",
                                        "=cmd|'/C calc'!A0",
                                        "${7*7}{{7*7}}",
                                        "%00%0d%0aSet-Cookie: a=b",
                                        "😀𠀀é ﷽",
                                        "{\"a\":[1]}"};
    const struct kind *k = kind_find("listing");
    char base[4096], body[16384], path[256], id[LIM_ID_BYTES + 1];
    user_in("wang", "clerk");
    make_d("listing", "x", base, sizeof base);
    for (size_t i = 0; i < k->n_fields; i++) {
        const struct kind_field *f = &k->fields[i];
        if ((f->type != KF_TEXT && f->type != KF_LONG) || strcmp(f->name, "url") == 0) {
            continue;
        }
        for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
            struct buf q, line;
            struct span v;
            buf_init(&q, 4096);
            buf_init(&line, 16384);
            assert_int_equal(json_quote(&q, texts[t], strlen(texts[t])), 0);
            if (jcur_get(span_of(base, strlen(base)), f->name, &v)) {
                buf_printf(&line, "{\"d\":%.*s%s%s}", (int)(v.p - (const uint8_t *)base), base,
                           buf_str(&q), (const char *)v.p + v.n);
            } else {
                buf_printf(&line, "{\"d\":{\"%s\":%s,%s}", f->name, buf_str(&q), base + 1);
            }
            snprintf(body, sizeof body, "%s", buf_str(&line));
            assert_status(ask("POST", "/api/records/listing", body), 200);
            member("id", id, sizeof id);
            snprintf(path, sizeof path, "/api/records/%s/listing/%s", app_id(d.app), id);
            assert_status(ask("GET", path, NULL), 200);
            assert_json();
            struct span all = span_of(d.rep.body.data, d.rep.body.len), content, got;
            struct buf plain;
            buf_init(&plain, 65536);
            assert_true(jcur_get(all, "d", &content));
            assert_true(jcur_get(content, f->name, &got));
            assert_int_equal(jcur_text(got, &plain), 0);
            assert_string_equal(buf_str(&plain), texts[t]);
            buf_done(&plain);
            buf_done(&q);
            buf_done(&line);
        }
    }
    assert_status(ask("GET", "/api/records?kind=listing&limit=200", NULL), 200);
    assert_json();
    assert_status(ask("GET", "/api/records?kind=listing&q=%22OR%201--%27*", NULL), 200);
    assert_status(ask("GET", "/api/me", NULL), 200); /* a person's own name */
    assert_json();
    char name[128];
    member("name", name, sizeof name);
    assert_string_equal(name, "王<b>\"小\\明");
}

/* ---- referrals ---- */

static void put_event(const char *init, const char *peer, enum ref_party who, enum ref_event ev,
                      int64_t step, int64_t seen, const char *content)
{
    static const uint8_t leaf[HASH_LEN], cek[32] = {1};
    const struct sync_store *st = store_port(d.app->store);
    struct sync_sealed x = {.no = 1,
                            .seq = 1,
                            .by = who == REF_I ? init : peer,
                            .id = "case-1",
                            .initiator = init,
                            .step = step,
                            .seen = seen,
                            .peer = peer,
                            .who = who,
                            .ev = ev,
                            .d = span_of(content, strlen(content)),
                            .on = "2026-11-22",
                            .leaf = leaf,
                            .cek = cek,
                            .ts = app_now_ms(),
                            .got = app_now_ms()};
    assert_int_equal(st->begin(st->ctx), 0);
    assert_int_equal(st->sealed_put(st->ctx, &x), 0);
    assert_int_equal(st->commit(st->ctx), 0);
}

static void referrals_of_both_boxes(void **state)
{
    (void)state;
    struct node_id peer;
    static const uint8_t rnd[9] = {7};
    node_id_make(rnd, &peer);
    user_in("wang", "clerk");
    put_event(app_id(d.app), peer.s, REF_I, RE_SEND, 1, 0,
              "{\"subject_kind\":\"org\",\"reason\":\"space\",\"title\":\"要\\\"房\",\"urgency\":"
              "\"soon\"}");
    assert_status(ask("GET", "/api/referrals?box=out", NULL), 200);
    assert_said("\"id\":\"case-1\"");
    assert_said("\"who\":\"I\"");
    assert_said("\"title\":\"要\\\"房\"");
    assert_said("\"urgency\":\"soon\"");
    assert_said("\"overdue\":false");
    assert_status(ask("GET", "/api/referrals?box=in", NULL), 200);
    assert_said("\"items\":[]");
    assert_status(ask("GET", "/api/referrals?state=sent", NULL), 200);
    assert_said("case-1");
    assert_status(ask("GET", "/api/referrals?state=closed", NULL), 200);
    assert_said("\"items\":[]");
    assert_status(ask("GET", "/api/referrals?box=both", NULL), 422);
    assert_status(ask("GET", "/api/referrals/case-1", NULL), 200);
    assert_said("\"events\":[{\"who\":\"I\",\"step\":1,\"ev\":\"send\"");
    assert_said("\"next\":[{\"ev\":");
    assert_said("\"fields\":[");
    assert_false(said("\"ev\":\"accept\"")); /* the other party's step */
    assert_false(said("\"ev\":\"delivered\""));
    assert_status(ask("GET", "/api/referrals/case-2", NULL), 404);
    assert_status(ask("POST", "/api/referrals/case-1/accept", "{}"), 409);
    assert_said("wrong_state");
    assert_status(ask("POST", "/api/referrals/case-1/delivered", "{}"), 409);
    assert_status(ask("POST", "/api/referrals/case-1/nosuch", "{}"), 404);
    assert_status(ask("POST", "/api/referrals/case-9/open", "{}"), 404);
    char body[128];
    snprintf(body, sizeof body, "{\"to\":\"%s\",\"d\":{}}", peer.s);
    assert_status(ask("POST", "/api/referrals", body), 422); /* not in the roster */
    assert_said("\"member\":\"to\"");
    assert_status(ask("GET", "/api/status", NULL), 200);
    assert_said("\"referral_out\":1");
    assert_said("\"referral_in\":0");
    assert_said("\"referral_todo\":0");
    /* Whose turn it is: the receiver's first, then, once it asks something, this node's. */
    assert_status(ask("GET", "/api/referrals?box=todo", NULL), 200);
    assert_said("\"items\":[]");
    put_event(app_id(d.app), peer.s, REF_R, RE_DELIVERED, 1, 1, "{}");
    put_event(app_id(d.app), peer.s, REF_R, RE_OPEN, 2, 1, "{}");
    assert_status(ask("GET", "/api/referrals/case-1", NULL), 200);
    assert_said("\"todo\":false");
    put_event(app_id(d.app), peer.s, REF_R, RE_ASK_INFO, 3, 1, "{\"question\":\"几人\"}");
    assert_status(ask("GET", "/api/referrals?box=todo", NULL), 200);
    assert_said("\"state\":\"info_needed\"");
    assert_said("\"todo\":true");
    assert_status(ask("GET", "/api/status", NULL), 200);
    assert_said("\"referral_todo\":1");
}

/* The same thread as the other party sees it. */
static void the_receiver_is_told_that_it_is_his_turn(void **state)
{
    (void)state;
    struct node_id peer;
    static const uint8_t rnd[9] = {7};
    static const enum ref_event by_us[] = {RE_DELIVERED, RE_OPEN, RE_ACCEPT, RE_OUTCOME};
    static const char *const content[] = {"{}", "{}", "{}", "{\"result\":\"success\"}"};
    node_id_make(rnd, &peer);
    user_in("wang", "clerk");
    put_event(peer.s, peer.s, REF_I, RE_SEND, 1, 0,
              "{\"subject_kind\":\"org\",\"reason\":\"space\",\"title\":\"x\"}");
    for (int i = 0; i < 4; i++) {
        put_event(peer.s, peer.s, REF_R, by_us[i], i + 1, 1, content[i]);
        assert_status(ask("GET", "/api/referrals?box=todo", NULL), 200);
        if (i < 3) {
            assert_said("\"todo\":true");
        } else {
            assert_said("\"items\":[]"); /* completed: the sender closes it */
        }
    }
}

/* ---- looking ---- */

static void status_and_lists(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1];
    user_in("wang", "member");
    struct api_alarm al = {.ts = 5, .err = SANJI_E_FORK, .text = "n/fed"};
    for (int i = 0; i < API_ALARMS + 3; i++) {
        al.ts = 1000 + i;
        api_alarm(d.api, &al);
    }
    assert_status(ask("GET", "/api/status", NULL), 200);
    assert_said("\"alarms\":[{\"ts\":1066,\"code\":\"fork\"");
    assert_said("\"parent\":null");
    assert_said("\"children\":[]");
    assert_said("\"aud\":\"trust\"");
    assert_said("\"parked\":[]");
    assert_said("\"nodes\":1");
    assert_false(said("\"roster_ts\":0"));
    assert_said("\"listing\":0");
    assert_status(ask("GET", "/api/kinds", NULL), 200);
    assert_said("\"name\":\"listing\"");
    assert_said("\"edges\":[{\"from\":");
    assert_said("\"send\":[{\"name\":\"subject_kind\"");
    assert_said("\"consent\":[{\"name\":\"by\"");
    assert_status(ask("GET", "/api/nodes", NULL), 200);
    assert_said("\"state\":\"active\"");
    assert_said("\"tier\":\"city\"");
    assert_status(ask("GET", "/api/areas?parent=3701", NULL), 200);
    assert_said("{\"areas\":[");
    assert_status(ask("GET", "/api/areas?parent=x", NULL), 422);
    assert_status(ask("GET", "/api/areas", NULL), 200);

    log_in("wang");
    assert_int_equal(app_user_disable(d.app, "wang", false), 0);
    user_in("li", "clerk");
    assert_status(ask("GET", "/api/stats", NULL), 422);
    assert_status(ask("GET", "/api/stats?period=2026-13", NULL), 422);
    put("listing", "统计", id);
    int n = 0;
    assert_int_equal(app_stats_publish(d.app, &n), 0);
    assert_true(n > 0);
    char period[8], day[11], path[160];
    date_write(date_of_ms(app_now_ms()), day);
    snprintf(period, sizeof period, "%.7s", day);
    snprintf(path, sizeof path, "/api/stats?period=%s", period);
    assert_status(ask("GET", path, NULL), 200);
    assert_said("\"rows\":[{\"node\":\"");
    assert_said("\"mismatches\":[]");
    assert_json();
    struct span v;
    const char *at = strstr(text(), "\"cell_id\":\"");
    assert_non_null(at);
    char cell[80];
    snprintf(cell, sizeof cell, "%.*s", (int)strcspn(at + 11, "\""), at + 11);
    snprintf(path, sizeof path, "/api/stats/cell?owner=%s&id=%s", app_id(d.app), cell);
    assert_status(ask("GET", path, NULL), 200);
    assert_said("\"explain\":{");
    assert_said("\"cov\":[");
    assert_true(jcur_get(span_of(d.rep.body.data, d.rep.body.len), "ind", &v));
    assert_status(ask("GET", "/api/stats/cell?owner=x&id=y", NULL), 404);
}

static void health_and_metrics(void **state)
{
    (void)state;
    assert_status(ask("GET", "/healthz", NULL), 200);
    assert_said("{\"ok\":true,\"version\":");
    int64_t reserve = d.app->cfg.disk_reserve;
    d.app->cfg.disk_reserve = INT64_MAX / 2;
    assert_status(ask("GET", "/healthz", NULL), 503);
    assert_said("disk_full");
    d.app->cfg.disk_reserve = reserve;
    assert_status(ask("GET", "/metrics", NULL), 200);
    assert_said("# TYPE sanji_bundles gauge\nsanji_bundles 1\n");
    assert_said("sanji_requests_total{method=\"GET\",route=\"/healthz\",status=\"5xx\"} 1\n");
    assert_said("sanji_bug_total 0\n");
    assert_said("sanji_lanes{state=\"silent\"} 0\n");
    assert_non_null(strstr(header("Content-Type"), "text/plain"));
    static const char *const far[] = {"10.0.0.1", "::2", "128.0.0.1", "::ffff:10.0.0.1", NULL};
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
        defaults();
        d.rq.peer = far[i];
        assert_status(send_request("GET", "/metrics", NULL), 404);
    }
    defaults();
    d.rq.peer = "::1";
    assert_status(send_request("GET", "/metrics", NULL), 200);
}

/* ---- who did what ---- */

struct trail {
    int n;
    bool leak, write, login, refused;
};

static int on_audit(const struct staff_audit *a, void *arg)
{
    struct trail *t = arg;
    t->n++;
    t->leak = t->leak || strstr(a->who, "secret") != NULL || strstr(a->target, "secret") != NULL ||
              strstr(a->detail, "secret") != NULL || a->detail[0] != '\0';
    t->write =
        t->write || (strcmp(a->what, "POST /api/records/:") == 0 && strcmp(a->who, "wang") == 0 &&
                     strcmp(a->result, "ok") == 0 && a->target[0] != '\0');
    t->login =
        t->login || (strcmp(a->what, "POST /api/login") == 0 && strcmp(a->result, "ok") == 0);
    t->refused = t->refused || strcmp(a->result, "wrong_password") == 0;
    return 0;
}

static void audit_rows(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1];
    struct trail t = {0};
    int64_t n = 0;
    assert_status(
        ask("POST", "/api/login", "{\"login\":\"secret-password\",\"password\":\"secret\"}"), 401);
    user_in("wang", "clerk");
    put("listing", "secret title", id);
    assert_status(ask("POST", "/api/records/listing/secret%20x/withdraw", "{\"seen_r\":1}"), 404);
    assert_int_equal(staff_audit_list(d.app->store, NULL, 0, 100, on_audit, &t), 0);
    assert_int_equal(t.n, 4);
    assert_true(t.write && t.login && t.refused);
    assert_false(t.leak);
    assert_int_equal(staff_audit_verify(d.app->store, &n), 0);
}

/* ---- what is typed and not sent ---- */

static int64_t keep(const char *name, int64_t seen, const char *draft, int want)
{
    char path[160], body[200];
    snprintf(path, sizeof path, "/api/drafts/%s", name);
    /* NOLINTNEXTLINE(bugprone-misplaced-widening-cast): for the format */
    snprintf(body, sizeof body, "{\"seen\":%lld,\"draft\":%s}", (long long)seen, draft);
    assert_status(ask("POST", path, body), want);
    return want == 200 ? member_int("at") : 0;
}

static void drafts(void **state)
{
    (void)state;
    user_in("wang", "clerk");
    int64_t audited = 0;
    assert_int_equal(staff_audit_verify(d.app->store, &audited), 0);
    assert_status(ask("GET", "/api/drafts/listing.new", NULL), 200);
    assert_said("{\"at\":0}");
    int64_t one = keep("listing.new", 0, "{\"values\":{\"title\":\"一\"}}", 200);
    int64_t two = keep("listing.new", one, "{\"values\":{\"title\":\"二\"}}", 200);
    assert_true(two > one); /* also within one millisecond */
    keep("listing.new", one, "{\"values\":{\"title\":\"三\"}}", 409);
    assert_said("\"err\":\"conflict\"");
    assert_said("\"title\":\"二\"");
    assert_status(ask("GET", "/api/drafts/listing.new", NULL), 200);
    assert_said("\"title\":\"二\"");
    keep("listing.new", two, "[1]", 422);
    keep("a%2Fb", 0, "{}", 422);
    keep("a%20b", 0, "{}", 422);
    assert_status(ask("GET", "/api/drafts", NULL), 200);
    assert_said("\"name\":\"listing.new\"");
    /* Nobody else's affair, and typing is no event of the audit log. */
    int64_t after = 0;
    assert_int_equal(staff_audit_verify(d.app->store, &after), 0);
    assert_int_equal(after, audited);
    user_in("chen", "admin");
    assert_status(ask("GET", "/api/drafts", NULL), 200);
    assert_said("{\"drafts\":[]}");
    assert_status(ask("POST", "/api/drafts/listing.new/drop", "{}"), 200);
    log_in("wang");
    assert_status(ask("GET", "/api/drafts/listing.new", NULL), 200);
    assert_said("\"title\":\"二\"");
    assert_status(ask("POST", "/api/drafts/listing.new/drop", "{}"), 200);
    assert_status(ask("GET", "/api/drafts", NULL), 200);
    assert_said("{\"drafts\":[]}");
    for (int i = 0; i < 200; i++) {
        char name[16];
        snprintf(name, sizeof name, "d.%d", i);
        keep(name, 0, "{}", 200);
    }
    keep("d.one-more", 0, "{}", 429);
    keep("d.7", INT64_C(999999999999999), "{\"a\":1}", 200); /* what is there may change */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_NODE(a_record_lives),
        ON_A_NODE(a_change_keeps_the_audience),
        ON_A_NODE(lists_and_pages),
        ON_A_NODE(hostile_text),
        ON_A_NODE(referrals_of_both_boxes),
        ON_A_NODE(the_receiver_is_told_that_it_is_his_turn),
        ON_A_NODE(status_and_lists),
        ON_A_NODE(health_and_metrics),
        ON_A_NODE(audit_rows),
        ON_A_NODE(drafts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
