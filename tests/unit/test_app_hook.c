/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told what comes to wait: where messages may go, what makes one, what stands in it, how it
 * is signed, and what becomes of those nobody takes. */
#include "node/app_hook.h"

#include "node/app_internal.h"
#include "node/peer/address.h"
#include "protocol/base/enc.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "tests/support/desk.h"

#include <arpa/inet.h>
#include <sys/socket.h>

/* ---- where to ---- */

static void addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum address_class is;
    } all[] = {
        {"8.8.8.8", ADDRESS_PUBLIC},
        {"127.0.0.1", ADDRESS_LOOPBACK},
        {"127.9.9.9", ADDRESS_LOOPBACK},
        {"127.1", ADDRESS_LOOPBACK},
        {"2130706433", ADDRESS_LOOPBACK},
        {"0x7f.1", ADDRESS_LOOPBACK},
        {"10.1.2.3", ADDRESS_PRIVATE},
        {"172.15.0.1", ADDRESS_PUBLIC},
        {"172.16.0.1", ADDRESS_PRIVATE},
        {"172.31.255.255", ADDRESS_PRIVATE},
        {"172.32.0.1", ADDRESS_PUBLIC},
        {"192.168.0.1", ADDRESS_PRIVATE},
        {"100.64.0.1", ADDRESS_PRIVATE},
        {"100.100.100.200", ADDRESS_PRIVATE},
        {"169.254.169.254", ADDRESS_OTHER},
        {"0.0.0.0", ADDRESS_OTHER},
        {"224.0.0.1", ADDRESS_OTHER},
        {"255.255.255.255", ADDRESS_OTHER},
        {"::1", ADDRESS_LOOPBACK},
        {"::", ADDRESS_OTHER},
        {"::ffff:127.0.0.1", ADDRESS_LOOPBACK},
        {"::ffff:10.0.0.1", ADDRESS_PRIVATE},
        {"64:ff9b::a00:1", ADDRESS_PRIVATE},
        {"2002:7f00:1::", ADDRESS_LOOPBACK},
        {"fe80::1", ADDRESS_OTHER},
        {"fd00::1", ADDRESS_PRIVATE},
        {"ff02::1", ADDRESS_OTHER},
        {"2400:3200::1", ADDRESS_PUBLIC},
        {"qyapi.weixin.qq.com", ADDRESS_NONE},
        {"", ADDRESS_NONE},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (address_of_text(all[i].text) != all[i].is) {
            fail_msg("%s is taken for %d", all[i].text, address_of_text(all[i].text));
        }
    }
}

static void urls(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool ok, private_ok;
    } all[] = {
        {"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=a-b", true, true},
        {"https://oa.example.cn:8443", true, true},
        {"http://127.0.0.1:9000/x", true, true},
        {"http://localhost/x", true, true},
        {"http://[::1]:9/x", true, true},
        {"https://127.0.0.1/x", true, true},
        {"http://oa.example.cn/x", false, false},
        {"http://10.0.0.1/x", false, false},
        {"https://10.0.0.1/x", false, true},
        {"https://[fd00::1]/x", false, true},
        {"https://169.254.169.254/latest", false, false},
        {"https://[fe80::1]/", false, false},
        {"https://0.0.0.0/", false, false},
        {"https://0x0a000001/", false, true},
        {"https://user@oa.example.cn/", false, false},
        {"https://oa.example.cn\\@10.0.0.1/", false, false},
        {"https://oa.example.cn/#x", false, false},
        {"https://oa.example.cn/ x", false, false},
        {"https:///x", false, false},
        {"https://[", false, false},
        {"https://[::1", false, false},
        {"https://[/]", false, false},
        {"https://[::1]oa.example.cn/", false, false},
        {"https://", false, false},
        {"ftp://oa.example.cn/", false, false},
        {"file:///etc/passwd", false, false},
        {"", false, false},
    };
    struct config c;
    struct fault f;
    config_defaults(&c);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        for (int p = 0; p < 2; p++) {
            c.hook_private = p != 0;
            bool ok = app_hook_url(&c, all[i].url, &f) == 0;
            if (ok != (p != 0 ? all[i].private_ok : all[i].ok)) {
                fail_msg("\"%s\" is %s", all[i].url, ok ? "taken" : "refused");
            }
        }
    }
}

/* A bracket that nothing closes makes no host of all that follows. */
static void long_urls(void **state)
{
    (void)state;
    static const char *const begin[] = {"https://[/", "https://[?", "https://[", "https://"};
    char url[HOOK_URL + 1];
    struct config c;
    struct fault f;
    config_defaults(&c);
    for (size_t i = 0; i < sizeof begin / sizeof begin[0]; i++) {
        memset(url, 'a', sizeof url - 1);
        url[sizeof url - 1] = '\0';
        memcpy(url, begin[i], strlen(begin[i]));
        assert_int_equal(app_hook_url(&c, url, &f), SANJI_E_SPEC);
        assert_string_equal(f.member, "url");
    }
}

/* ---- messages ---- */

static char secret[HOOK_SECRET];

static int64_t hook(const char *form, const char *url, const char *with, const char *events)
{
    struct app_hook h = {
        .name = "OA", .form = form, .url = url, .secret = with, .events = events, .maker = "cli"};
    struct fault f = {0};
    int64_t n = 0;
    int r = app_hook_add(d.app, &h, secret, &n, &f);
    if (r < 0) {
        fail_msg("%s %s %s", err_name(r), f.member, f.want);
    }
    return n;
}

static void applies(const char *id)
{
    char json[200], ret[LIM_ID_BYTES + 1];
    struct fault f = {0};
    snprintf(
        json, sizeof json,
        "{\"id\":\"%s\",\"name\":\"王小红的组织\",\"state\":\"applying\",\"contact\":\"王小红\"}",
        id);
    assert_int_equal(
        app_put_one(d.app, kind_find("org"), NULL, NULL, span_of(json, strlen(json)), ret, &f), 0);
}

static struct app_hook_job *jobs[8];
static size_t n_jobs;
static void on_job(struct app_hook_job *j, void *arg)
{
    (void)arg;
    assert_true(n_jobs < 8);
    jobs[n_jobs++] = j;
}
static size_t due(void)
{
    for (size_t i = 0; i < n_jobs; i++) {
        app_hook_job_free(jobs[i]);
    }
    n_jobs = 0;
    assert_int_equal(app_hook_due(d.app, NULL, 0, on_job, NULL), 0);
    return n_jobs;
}

static struct hook_row row;
static char why[64];
static int on_row(const struct hook_row *h, void *arg)
{
    if (h->n == *(int64_t *)arg) {
        row = *h;
        snprintf(why, sizeof why, "%s", h->why);
    }
    return 0;
}
static void look_at(int64_t n)
{
    row = (struct hook_row){0};
    assert_int_equal(hook_list(d.app->store, on_row, &n), 0);
}

static bool nothing(const uint8_t k[static HASH_LEN], void *arg)
{
    (void)k;
    (void)arg;
    return false;
}

/* The whole list of what waits is worked out when something has changed, not every two seconds. */
static void looks_when_something_changed(void **state)
{
    (void)state;
    int64_t n = hook("plain", "http://127.0.0.1:1/in", "", "");
    assert_int_equal(app_hook_look(d.app), 0);
    applies("a");
    assert_int_equal(app_hook_look(d.app), 0);
    look_at(n);
    assert_int_equal(row.queued, 1);
    /* What it remembers is gone: a look would find it anew. */
    assert_int_equal(hook_forget(d.app->store, nothing, NULL), 0);
    assert_int_equal(app_hook_look(d.app), 0);
    look_at(n);
    assert_int_equal(row.queued, 1);
    app_changed(d.app);
    assert_int_equal(app_hook_look(d.app), 0);
    look_at(n);
    assert_int_equal(row.queued, 2);
}

static void told_once_of_what_is_new(void **state)
{
    (void)state;
    struct span v;
    int64_t x = 0;
    applies("old"); /* waits already */
    int64_t n = hook("plain", "http://127.0.0.1:1/in?x=1", "", "");
    assert_int_equal(strncmp(secret, "whsec_", 6), 0);
    assert_int_equal(app_hook_look(d.app), 0);
    assert_int_equal(due(), 0);
    applies("a");
    applies("b");
    assert_int_equal(app_hook_look(d.app), 0);
    assert_int_equal(app_hook_look(d.app), 0);
    assert_int_equal(due(), 1);
    struct span body = span_of(jobs[0]->body.data, jobs[0]->body.len);
    assert_true(jcur_get(body, "event", &v) && span_eqs(v, "\"todo\""));
    assert_true(jcur_get(body, "source", &v) && span_eqs(v, "\"decide\""));
    assert_true(jcur_get(body, "kind", &v) && span_eqs(v, "\"org\""));
    assert_true(jcur_get(body, "count", &v) && jcur_int(v, &x) && x == 2);
    assert_null(strstr(buf_str(&jobs[0]->body), "王小红"));
    assert_string_equal(buf_str(&jobs[0]->base), "http://127.0.0.1:1");
    assert_string_equal(buf_str(&jobs[0]->path), "/in?x=1");
    assert_int_equal(app_hook_done(d.app, jobs[0]->n, n, NULL), 0);
    assert_int_equal(due(), 0);
    look_at(n);
    assert_true(row.ok_at > 0 && row.fails == 0);
    assert_int_equal(app_hook_drop(d.app, n), 0);
    assert_int_equal(app_hook_drop(d.app, n), SANJI_E_NOT_FOUND);
    due();
}

static int64_t number_of(const char *text_)
{
    int64_t n = 0;
    assert_int_equal(text_i64(text_, strlen(text_), 0, INT64_MAX, &n), 0);
    return n;
}

static void signed_over_time_and_body(void **state)
{
    (void)state;
    uint8_t mac[HASH_LEN];
    char text[2048], want[80] = "v1=";
    int64_t n = hook("plain", "http://localhost/in", "", "");
    assert_int_equal(app_hook_test(d.app, n), 0);
    assert_int_equal(due(), 1);
    int len = snprintf(text, sizeof text, "%s.%s", jobs[0]->time, buf_str(&jobs[0]->body));
    hmac_bytes(secret, strlen(secret), text, (size_t)len, mac);
    want[3 + hex_put(mac, sizeof mac, want + 3)] = '\0';
    assert_string_equal(jobs[0]->sign, want);
    int64_t age = app_now_ms() / 1000 - number_of(jobs[0]->time);
    assert_true(age >= 0 && age < 60);
    assert_int_equal(app_hook_test(d.app, 99), SANJI_E_NOT_FOUND);
    assert_int_equal(app_hook_done(d.app, jobs[0]->n, n, NULL), 0);
    due();
}

static void robots(void **state)
{
    (void)state;
    int64_t w = hook("wecom", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k", "", "");
    assert_string_equal(secret, "");
    int64_t t =
        hook("dingtalk", "https://oapi.dingtalk.com/robot/send?access_token=x", "SECabc", "");
    assert_int_equal(app_hook_test(d.app, w), 0);
    assert_int_equal(app_hook_test(d.app, t), 0);
    assert_int_equal(due(), 2);
    assert_string_equal(buf_str(&jobs[0]->path), "/cgi-bin/webhook/send?key=k");
    assert_ptr_equal(
        strstr(buf_str(&jobs[0]->body), "{\"msgtype\":\"text\",\"text\":{\"content\":\""),
        buf_str(&jobs[0]->body));
    assert_string_equal(jobs[0]->sign, "");
    const char *p = buf_str(&jobs[1]->path);
    assert_int_equal(strncmp(p, "/robot/send?access_token=x&timestamp=", 37), 0);
    assert_non_null(strstr(p, "&sign="));
    assert_null(strpbrk(strstr(p, "&sign=") + 6, "+/=")); /* all of it escaped */
    /* They say in the body whether they took it. */
    static const struct {
        const char *body;
        int status;
        bool taken;
    } said[] = {
        {"{\"errcode\":0,\"errmsg\":\"ok\"}", 200, true},
        {"{ \"errcode\" : 0 }", 200, true},
        {"{\"errcode\":45009,\"errmsg\":\"api freq out of limit\"}", 200, false},
        {"{\"errcode\":310000,\"errmsg\":\"sign not match\"}", 200, false},
        {"<html>", 200, false},
        {"", 200, false},
        {"{\"errcode\":0}", 500, false},
    };
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        assert_int_equal(
            app_hook_taken("wecom", said[i].status, span_of(said[i].body, strlen(said[i].body))),
            said[i].taken);
    }
    assert_true(app_hook_taken("plain", 204, span_of("", 0)));
    assert_false(app_hook_taken("plain", 302, span_of("", 0)));
    int64_t busy[] = {w};
    for (size_t i = 0; i < n_jobs; i++) {
        app_hook_job_free(jobs[i]);
    }
    n_jobs = 0;
    assert_int_equal(app_hook_due(d.app, busy, 1, on_job, NULL), 0); /* one at a time of each */
    assert_int_equal(n_jobs, 1);
    assert_int_equal(jobs[0]->hook, t);
    app_hook_job_free(jobs[0]);
    n_jobs = 0;
}

/* What nobody takes comes later and later, and not for ever; the queue keeps the newest. */
static void failures(void **state)
{
    (void)state;
    int64_t n = hook("plain", "http://localhost/in", "", "");
    assert_int_equal(app_hook_test(d.app, n), 0);
    assert_int_equal(due(), 1);
    int64_t first = jobs[0]->n;
    for (int i = 1; i < HOOK_TRIES; i++) {
        assert_int_equal(app_hook_done(d.app, first, n, "no_connection"), 0);
        look_at(n);
        assert_int_equal(row.fails, i);
        assert_int_equal(row.queued, 1);
        assert_true(row.failed > 0);
        assert_string_equal(why, "no_connection");
        assert_int_equal(due(), 0); /* not yet */
    }
    assert_int_equal(app_hook_done(d.app, first, n, "HTTP 500"), 0);
    look_at(n);
    assert_int_equal(row.queued, 0);
    assert_int_equal(row.fails, HOOK_TRIES);
    for (int i = 0; i < HOOK_QUEUE + 7; i++) {
        assert_int_equal(app_hook_test(d.app, n), 0);
    }
    look_at(n);
    assert_int_equal(row.queued, HOOK_QUEUE);
    assert_int_equal(due(), 1);
    assert_true(jobs[0]->n > first + 7);
    assert_int_equal(app_hook_done(d.app, jobs[0]->n, n, NULL), 0);
    look_at(n);
    assert_int_equal(row.fails, 0);
    assert_int_equal(row.failed, 0);
    assert_int_equal(app_hook_drop(d.app, n), 0); /* and its messages */
    assert_int_equal(due(), 0);
}

static void chosen_sources(void **state)
{
    (void)state;
    struct app_hook h = {
        .name = "x", .form = "plain", .url = "http://localhost/", .secret = "", .maker = "cli"};
    struct fault f = {0};
    int64_t n = 0;
    int64_t none = hook("plain", "http://localhost/a", "", "ack erase");
    int64_t one = hook("plain", "http://localhost/b", "", "decide");
    applies("a");
    assert_int_equal(app_hook_look(d.app), 0);
    look_at(none);
    assert_int_equal(row.queued, 0);
    look_at(one);
    assert_int_equal(row.queued, 1);
    static const char *const wrong[] = {"nothing", "decide,ack", "decide  ack", " decide"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        h.events = wrong[i];
        assert_int_equal(app_hook_add(d.app, &h, secret, &n, &f), SANJI_E_SPEC);
        assert_string_equal(f.member, "events");
    }
    h.events = "";
    h.form = "smoke";
    assert_int_equal(app_hook_add(d.app, &h, secret, &n, &f), SANJI_E_SPEC);
    h.form = "plain";
    for (int i = 2; i < HOOKS_MAX; i++) {
        assert_int_equal(app_hook_add(d.app, &h, secret, &n, &f), 0);
    }
    assert_int_equal(app_hook_add(d.app, &h, secret, &n, &f), SANJI_E_QUOTA);
}

static bool none_waits(const uint8_t k[static HASH_LEN], void *arg)
{
    (void)k;
    (void)arg;
    return false;
}

/* What was told and waits no more is forgotten, however much of it has come together. */
static void forgets_very_many(void **state)
{
    (void)state;
    enum { MANY = 40000 };
    uint8_t k[HASH_LEN] = {0};
    bool is_new = false;
    assert_int_equal(store_begin(d.app->store), 0);
    for (uint32_t i = 0; i < MANY; i++) {
        memcpy(k, &i, sizeof i);
        assert_int_equal(hook_see(d.app->store, k, &is_new), 0);
        assert_true(is_new);
    }
    for (int i = 0; i < 100; i++) {
        assert_int_equal(hook_forget(d.app->store, none_waits, NULL), 0);
    }
    for (uint32_t i = 0; i < MANY; i += 999) {
        memcpy(k, &i, sizeof i);
        assert_int_equal(hook_see(d.app->store, k, &is_new), 0);
        assert_true(is_new);
    }
    assert_int_equal(store_commit(d.app->store), 0);
}

/* ---- the administrator's interface ---- */

static void arranged_by_the_administrator(void **state)
{
    (void)state;
    char body[512], made[80], path[64];
    user_in("root", "admin");
    snprintf(
        body, sizeof body,
        "{\"name\":\"值班群\",\"form\":\"plain\",\"url\":\"https://oa.example.cn/in?key=GEHEIM\","
        "\"password\":\"%s\"}",
        right);
    assert_status(ask("POST", "/api/hooks", body), 200);
    member("secret", made, sizeof made);
    int64_t n = member_int("n");
    assert_status(ask("GET", "/api/hooks", NULL), 200);
    assert_said("\"to\":\"https://oa.example.cn\"");
    assert_said("\"signed\":true");
    assert_false(said("GEHEIM") || said(made));
    snprintf(path, sizeof path, "/api/hooks/%lld/test", (long long)n);
    assert_status(ask("POST", path, "{}"), 200);
    look_at(n);
    assert_int_equal(row.queued, 1);
    static const char *const wrong[] = {
        "{\"name\":\"x\",\"form\":\"plain\",\"url\":\"http://oa.example.cn/\",\"password\":\"%s\"}",
        "{\"name\":\"x\",\"form\":\"plain\",\"url\":\"https://10.0.0.1/\",\"password\":\"%s\"}",
        "{\"name\":\"x\",\"form\":\"tube\",\"url\":\"https://a.cn/\",\"password\":\"%s\"}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char *at = strstr(strcpy(body, wrong[i]), "%s");
        snprintf(at, sizeof body - (size_t)(at - body), "%s\"}", right);
        assert_status(ask("POST", "/api/hooks", body), 422);
    }
    assert_status(ask("POST", "/api/hooks",
                      "{\"name\":\"x\",\"form\":\"plain\",\"url\":\"https://a.cn/\","
                      "\"password\":\"wrong\"}"),
                  403);
    snprintf(path, sizeof path, "/api/hooks/%lld/drop", (long long)n);
    assert_status(ask("POST", path, "{}"), 200);
    assert_status(ask("POST", path, "{}"), 404);
    assert_status(ask("GET", "/api/hooks", NULL), 200);
    assert_said("\"hooks\":[]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(urls),
        cmocka_unit_test(long_urls),
        ON_A_NODE(looks_when_something_changed),
        ON_A_NODE(told_once_of_what_is_new),
        ON_A_NODE(signed_over_time_and_body),
        ON_A_NODE(robots),
        ON_A_NODE(failures),
        ON_A_NODE(forgets_very_many),
        ON_A_NODE(chosen_sources),
        ON_A_NODE(arranged_by_the_administrator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
