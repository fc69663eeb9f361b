/* SPDX-License-Identifier: Apache-2.0 */
/* The staff interface: who may call what, what is refused and why. */
#include "node/password.h"
#include "tests/support/desk.h"

#include <crypt.h>

/* ---- the table ---- */

static void table_is_sound(void **state)
{
    (void)state;
    char param[API_PARAMS][API_PARAM_BYTES], allow[32];
    for (size_t i = 0; i < api_routes_n; i++) {
        const struct api_route *r = &api_routes[i];
        int status = 0;
        assert_non_null(r->fn);
        assert_true(r->who < WHO_COUNT);
        assert_true(api_is_route(r->path));
        /* Nobody stands in front of it. */
        assert_ptr_equal(api_route_find(r->method, r->path, param, &status, allow), r);
        if (strcmp(r->method, "GET") == 0) {
            assert_int_equal(r->tx, TX_NONE);
            assert_int_equal(r->body_max, 0);
            assert_null(r->spec);
            continue;
        }
        assert_string_equal(r->method, "POST");
        assert_non_null(r->spec);
        assert_true(r->body_max > 0 && r->body_max <= 1 << 20);
        assert_true(r->spec_size > 0 && r->spec_size <= sizeof(union api_body));
        assert_true(r->tx == TX_STAFF || r->tx == TX_APP || r->tx == TX_DRAFT || r->tx == TX_GUEST);
        assert_false(r->any_host);
        /* Who brings a key of his own in the body needs no log-in. */
        bool own_key = r->tx == TX_GUEST || strcmp(r->path, "/api/login") == 0 ||
                       strcmp(r->path, "/api/attended") == 0;
        assert_int_equal(own_key, r->who == WHO_ANYONE);
        /* Whoever may read a record may have its files fetched: that writes none. */
        bool fetch = strcmp(r->path, "/api/files/:/:/:/:/fetch") == 0;
        if (r->tx == TX_APP) {
            assert_true(fetch ? r->who == WHO_READ : r->who == WHO_FILE || r->who == WHO_WRITE);
        }
    }
}

/* The description names every route, every place of its path, and has words for it. */
static void routes_are_described(void **state)
{
    (void)state;
    char key[200];
    assert_int_equal(api_docs_n, api_routes_n);
    for (size_t i = 0; i < api_routes_n; i++) {
        const struct api_route *r = &api_routes[i];
        const struct api_doc *doc = api_doc_of(r);
        struct span w;
        int places = 0, names = 0;
        if (doc == NULL) {
            fail_msg("%s %s is not in node/api/docs.c", r->method, r->path);
        }
        for (const char *p = r->path; *p != '\0'; p++) {
            places += *p == ':';
        }
        for (const char *p = doc->params; api_doc_word(&p, &w);) {
            names++;
        }
        assert_int_equal(places, names);
        snprintf(key, sizeof key, "doc.%s %s", r->method, r->path);
        if (!text_has(TEXT_EN, key) || !text_has(TEXT_ZH, key)) {
            fail_msg("no text \"%s\"", key);
        }
    }
}

static void finding_a_route(void **state)
{
    (void)state;
    char param[API_PARAMS][API_PARAM_BYTES], allow[32];
    int s = 0;
    const struct api_route *r = api_route_find("GET", "/api/records/a/b%3Ac/d", param, &s, allow);
    assert_non_null(r);
    assert_string_equal(param[0], "a");
    assert_string_equal(param[1], "b:c");
    assert_string_equal(param[2], "d");
    static const char *const unknown[] = {
        "/api",     "/api/",     "/api/records/", "/api/records/a/b",     "/api/records//b/c",
        "/api/me/", "/api/nope", "/healthz/x",    "/api/records/%00/b/c", "/api/records/%ff/b/c"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_null(api_route_find("GET", unknown[i], param, &s, allow));
        assert_int_not_equal(s, 200);
    }
    assert_null(api_route_find("DELETE", "/api/me", param, &s, allow));
    assert_int_equal(s, 405);
    assert_string_equal(allow, "GET, HEAD");
    assert_null(api_route_find("GET", "/api/login", param, &s, allow));
    assert_int_equal(s, 405);
    assert_string_equal(allow, "POST");
    assert_true(api_is_route("/metrics") && !api_is_route("/apiary") && !api_is_route("/"));
}

/* ---- logging in ---- */

static void cookies_and_tokens(void **state)
{
    (void)state;
    char first[256], csrf[64];
    add_user("wang", "clerk", false);
    log_in("wang");
    const char *c = header("Set-Cookie");
    assert_int_equal(strncmp(c, "sanji=", 6), 0);
    assert_non_null(strstr(c, "HttpOnly"));
    assert_non_null(strstr(c, "SameSite=Strict"));
    assert_non_null(strstr(c, "Path=/"));
    assert_null(strstr(c, "Secure"));
    assert_null(strstr(c, "Domain"));
    memcpy(first, d.cookie, sizeof first);
    memcpy(csrf, d.csrf, sizeof csrf);
    log_in("wang");
    assert_string_not_equal(first, d.cookie);
    assert_string_not_equal(csrf, d.csrf);

    defaults();
    d.rq.is_tls = true;
    d.rq.cookie = NULL;
    char body[128];
    snprintf(body, sizeof body, "{\"login\":\"wang\",\"password\":\"%s\"}", right);
    assert_status(send_request("POST", "/api/login", body), 200);
    c = header("Set-Cookie");
    assert_int_equal(strncmp(c, "__Host-sanji=", 13), 0);
    assert_non_null(strstr(c, "; Secure"));
    assert_non_null(strstr(c, "Path=/"));
    assert_non_null(header("Strict-Transport-Security"));
    char tls[256];
    snprintf(tls, sizeof tls, "%.*s", (int)strcspn(c, ";"), c);

    /* Over TLS the unprefixed name is not looked at. */
    defaults();
    d.rq.is_tls = true;
    d.rq.cookie = first;
    assert_status(send_request("GET", "/api/me", NULL), 401);
    d.rq.cookie = tls;
    assert_status(send_request("GET", "/api/me", NULL), 200);
    assert_said("\"must_change\":false");
    assert_said("济南市");
    assert_null(header("Set-Cookie"));

    /* A token twice, half a token, somebody's guess: nobody. */
    static const char *const bad[] = {"sanji=", "sanji=AAAA", "sanji=a b", "sanji",
                                      "sanji=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        defaults();
        d.rq.cookie = bad[i];
        assert_status(send_request("GET", "/api/me", NULL), 401);
    }
    char twice[600];
    snprintf(twice, sizeof twice, "%s; %s", d.cookie, first);
    defaults();
    d.rq.cookie = twice;
    assert_status(send_request("GET", "/api/me", NULL), 401);
    snprintf(twice, sizeof twice, "a=b; %s; sanjix=1", d.cookie);
    defaults();
    d.rq.cookie = twice;
    assert_status(send_request("GET", "/api/me", NULL), 200);
}

static void logging_out(void **state)
{
    (void)state;
    user_in("wang", "clerk");
    assert_status(ask("POST", "/api/logout", "{}"), 200);
    assert_non_null(strstr(header("Set-Cookie"), "Max-Age=0"));
    assert_status(ask("GET", "/api/me", NULL), 401);
}

struct seen_of {
    uint8_t token[HASH_LEN];
    int64_t seen, expires;
};

static int on_seen(const struct staff_session *x, void *arg)
{
    struct seen_of *o = arg;
    memcpy(o->token, x->token, HASH_LEN);
    o->seen = x->seen;
    o->expires = x->expires;
    return 0;
}

/* Is this the use of a log-in that nothing was asked of for a while? */
static bool is_use(const char *method, const char *target, const char *body, const char *by_itself)
{
    struct seen_of o;
    assert_int_equal(staff_session_list(d.app->store, "wang", on_seen, &o), 0);
    int64_t long_ago = app_now_ms() - d.app->cfg.session_idle / 2;
    assert_int_equal(staff_session_seen(d.app->store, o.token, long_ago, o.expires), 0);
    defaults();
    d.rq.by_itself = by_itself;
    int status = send_request(method, target, body);
    assert_in_range(status, 200, 299);
    assert_int_equal(staff_session_list(d.app->store, "wang", on_seen, &o), 0);
    return o.seen != long_ago;
}

/* A page that is open and asks by itself keeps nobody in. What is written, somebody has written. */
static void who_is_at_work(void **state)
{
    (void)state;
    user_in("wang", "clerk");
    assert_true(is_use("GET", "/api/todo?count=1", NULL, NULL));
    assert_false(is_use("GET", "/api/todo?count=1", NULL, "1"));
    assert_false(is_use("GET", "/api/duties", NULL, "1"));
    assert_false(is_use("GET", "/api/me", NULL, "1"));
    assert_true(is_use("GET", "/api/me", NULL, NULL));
    assert_true(is_use("POST", "/api/drafts/need.new", "{\"seen\":0,\"draft\":{}}", "1"));
}

static void sessions_end(void **state)
{
    (void)state;
    user_in("wang", "clerk");
    assert_status(ask("GET", "/api/me", NULL), 200);
    int64_t idle = d.app->cfg.session_idle, max = d.app->cfg.session_max;
    usleep(3000);
    d.app->cfg.session_idle = 1;
    assert_status(ask("GET", "/api/me", NULL), 401);
    d.app->cfg.session_idle = idle;
    assert_status(ask("GET", "/api/me", NULL), 401); /* gone, not only hidden */
    log_in("wang");
    usleep(3000);
    d.app->cfg.session_max = 1;
    assert_status(ask("GET", "/api/me", NULL), 401);
    d.app->cfg.session_max = max;
    log_in("wang");
    d.app->cfg.session_idle = idle;
    log_in("wang");
    assert_int_equal(app_user_disable(d.app, "wang", true), 0);
    assert_status(ask("GET", "/api/me", NULL), 401);
    defaults();
    char body[128];
    snprintf(body, sizeof body, "{\"login\":\"wang\",\"password\":\"%s\"}", right);
    assert_status(send_request("POST", "/api/login", body), 401);
}

static void one_time_password(void **state)
{
    (void)state;
    char old[256], body[256];
    add_user("wang", "admin", true);
    log_in("wang");
    assert_said("\"must_change\":true");
    assert_status(ask("GET", "/api/status", NULL), 403);
    assert_said("\"err\":\"must_change\"");
    assert_status(ask("POST", "/api/sync", "{}"), 403);
    assert_status(ask("GET", "/api/me", NULL), 200);

    static const char *const weak[] = {"short", "12345678", "Password1", "aaaaaaaaaa",
                                       "王王王王王王王王"};
    for (size_t i = 0; i < sizeof weak / sizeof weak[0]; i++) {
        memset(d.api->by_peer, 0, sizeof d.api->by_peer);
        snprintf(body, sizeof body, "{\"old\":\"%s\",\"new\":\"%s\"}", right, weak[i]);
        assert_status(ask("POST", "/api/password", body), 422);
        assert_said("\"err\":\"weak_password\"");
        assert_said("\"member\":\"new\"");
        assert_said(i == 0 ? "another password: 8 to 128 characters\"}"
                           : "another password: not a common one, not the user name, ");
    }
    snprintf(body, sizeof body, "{\"old\":\"%s\",\"new\":\"%s\"}", right, right);
    assert_status(ask("POST", "/api/password", body), 422);
    assert_status(
        ask("POST", "/api/password", "{\"old\":\"wrong one\",\"new\":\"天天向上好好学习吧\"}"),
        403);
    assert_said("\"member\":\"old\"");

    memcpy(old, d.cookie, sizeof old);
    log_in("wang"); /* a second browser */
    snprintf(body, sizeof body, "{\"old\":\"%s\",\"new\":\"天天向上好好学习吧\"}", right);
    assert_status(ask("POST", "/api/password", body), 200);
    assert_said("\"must_change\":false");
    char before[256];
    memcpy(before, d.cookie, sizeof before);
    keep_cookie();
    assert_string_not_equal(before, d.cookie);
    member("csrf", d.csrf, sizeof d.csrf);
    assert_status(ask("GET", "/api/status", NULL), 200);
    assert_said("\"news\":[]");
    static char *gone[2];
    gone[0] = old;
    gone[1] = before;
    for (size_t i = 0; i < 2; i++) {
        defaults();
        d.rq.cookie = gone[i];
        assert_status(send_request("GET", "/api/me", NULL), 401);
    }
    memset(d.api->by_peer, 0, sizeof d.api->by_peer);
    snprintf(body, sizeof body, "{\"login\":\"wang\",\"password\":\"%s\"}", right);
    assert_status(ask("POST", "/api/login", body), 401);
}

static void log_in_limits(void **state)
{
    (void)state;
    char body[128];
    add_user("wang", "clerk", false);
    snprintf(body, sizeof body, "{\"login\":\"wang\",\"password\":\"%s\"}", right);
    d.app->cfg.login_per_minute = 3;
    for (int i = 0; i < 3; i++) {
        assert_status(ask("POST", "/api/login", "{\"login\":\"nobody\",\"password\":\"x\"}"), 401);
        assert_said("\"err\":\"wrong_password\"");
    }
    assert_status(ask("POST", "/api/login", body), 429);
    assert_non_null(header("Retry-After"));
    assert_true(header("Retry-After")[0] >= '1' && header("Retry-After")[0] <= '9');
    defaults();
    d.rq.peer = "10.0.0.7"; /* somebody else is not kept waiting */
    assert_status(send_request("POST", "/api/login", body), 200);

    /* Wrong passwords in a row make that pair of address and login wait, and no other. */
    d.app->cfg.login_per_minute = 1000;
    for (int i = 0; i < 4; i++) {
        defaults();
        d.rq.peer = "10.0.0.8";
        assert_status(send_request("POST", "/api/login", "{\"login\":\"wang\",\"password\":\"x\"}"),
                      401);
    }
    defaults();
    d.rq.peer = "10.0.0.8";
    assert_status(send_request("POST", "/api/login", body), 429);
    assert_string_equal(header("Retry-After"), "1");
    assert_said("\"err\":\"too_many_tries\"");
    assert_said("Too many attempts; please try again in 1 s");
    defaults();
    d.rq.peer = "10.0.0.9";
    assert_status(send_request("POST", "/api/login", body), 200);
    /* An IPv6 network is one address, and all together have a limit too. */
    d.app->cfg.login_per_minute = 2;
    memset(&d.api->everybody, 0, sizeof d.api->everybody);
    assert_int_equal(api_login_gate(d.api, "2001:db8::1", "a", 5), 0);
    assert_int_equal(api_login_gate(d.api, "2001:db8::2", "b", 5), 0);
    assert_int_equal(api_login_gate(d.api, "2001:db8:0:0:5::9", "c", 1005), 59000);
    assert_int_equal(api_login_gate(d.api, "2001:db8:0:1::1", "d", 1005), 0);
    for (int i = 0; i < 21; i++) {
        char peer[32];
        snprintf(peer, sizeof peer, "10.9.0.%d", i);
        assert_int_equal(api_login_gate(d.api, peer, "e", 1005), 0);
    }
    assert_true(api_login_gate(d.api, "10.9.1.1", "e", 1005) > 0);
    assert_int_equal(api_login_gate(d.api, "10.9.1.2", "e", 70000), 0);
    for (int i = 0; i < API_LOGIN_SLOTS * 4; i++) { /* more strangers than slots: nothing breaks */
        char peer[32];
        snprintf(peer, sizeof peer, "10.1.%d.%d", i / 250, i % 250);
        (void)api_login_gate(d.api, peer, "x", 1);
        api_login_result(d.api, peer, "x", 1, false);
    }
}

/* The library's hash, counted: the linker puts this in its place. */
static int hashes;
static char cost[8];
char *__real_crypt_r(const char *phrase, const char *setting, struct crypt_data *data);
char *__wrap_crypt_r(const char *phrase, const char *setting, struct crypt_data *data);
char *__wrap_crypt_r(const char *phrase, const char *setting, struct crypt_data *data)
{
    hashes++;
    snprintf(cost, sizeof cost, "%.7s", setting); /* $y$j9T$ */
    return __real_crypt_r(phrase, setting, data);
}

static void unknown_logins_cost_the_same(void **state)
{
    (void)state;
    add_user("wang", "clerk", false);
    char known[8];
    hashes = 0;
    assert_status(ask("POST", "/api/login", "{\"login\":\"wang\",\"password\":\"wrong\"}"), 401);
    assert_int_equal(hashes, 1);
    memcpy(known, cost, sizeof known);
    assert_int_equal(strncmp(known, "$y$", 3), 0);
    assert_status(ask("POST", "/api/login", "{\"login\":\"li\",\"password\":\"wrong\"}"), 401);
    assert_int_equal(hashes, 2);
    assert_string_equal(cost, known);
}

/* ---- other sites ---- */

static void names_that_are_not_ours(void **state)
{
    (void)state;
    user_in("wang", "clerk");
    snprintf(d.app->cfg.url, sizeof d.app->cfg.url, "https://sync.example.cn:8443/x");
    /* behind a reverse proxy: as listed, whatever the port */
    snprintf(d.app->cfg.staff_names, sizeof d.app->cfg.staff_names,
             "seiten.example, B.gov.cn:8443");
    static const char *const good[] = {"localhost",      "localhost:8080",    "127.0.0.1",
                                       "[::1]:8080",     "Sync.Example.CN:1", "127.0.0.1:1",
                                       "Seiten.Example", "b.gov.cn",          "b.gov.cn:443"};
    static const char *const bad[] = {"evil.example",
                                      "127.0.0.1.evil.example",
                                      "localhost.evil.example",
                                      "sync.example.cn.evil",
                                      "seiten.example.evil",
                                      "gov.cn",
                                      "192.0.2.77",
                                      "0.0.0.0",
                                      "",
                                      "a/b",
                                      "localhost:8080x",
                                      "[::1",
                                      "localhost/"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        defaults();
        d.rq.host = good[i];
        assert_status(send_request("GET", "/api/me", NULL), 200);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        defaults();
        d.rq.host = bad[i];
        assert_status(send_request("GET", "/api/me", NULL), 403);
        assert_said("\"err\":\"host\"");
        assert_status(send_request("GET", "/healthz", NULL), 200);
    }
    defaults();
    d.rq.host = NULL;
    assert_status(send_request("GET", "/api/me", NULL), 403);
}

static void pages_of_other_sites(void **state)
{
    (void)state;
    user_in("wang", "clerk");
    static const struct {
        const char *origin, *site;
        bool tls, ok;
    } t[] = {
        {NULL, NULL, false, true},
        {"http://127.0.0.1:8080", "same-origin", false, true},
        {"https://127.0.0.1:8080", NULL, false, true}, /* a proxy speaks TLS for us */
        {"http://127.0.0.1:8080", NULL, true, false},
        {"http://127.0.0.1:8081", NULL, false, false},
        {"http://127.0.0.1", NULL, false, false},
        {"http://evil.example", NULL, false, false},
        {"http://127.0.0.1:8080.evil.example", NULL, false, false},
        {"http://127.0.0.1:8080", "cross-site", false, false},
        {"http://127.0.0.1:8080", "same-site", false, false},
        {"null", NULL, false, false},
        {"", NULL, false, false},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct api_request rq = {.host = "127.0.0.1:8080",
                                 .origin = t[i].origin,
                                 .fetch_site = t[i].site,
                                 .is_tls = t[i].tls};
        assert_int_equal(api_origin_ok(&rq), t[i].ok);
    }
    defaults();
    d.rq.origin = "http://evil.example";
    assert_status(send_request("POST", "/api/sync", "{}"), 403);
    assert_said("\"err\":\"origin\"");
    assert_false(api_take_sync_wanted(d.api));
    defaults();
    d.rq.origin = "http://evil.example"; /* the log-in too: nobody is logged in by another page */
    d.rq.cookie = NULL;
    assert_status(send_request("POST", "/api/login", "{\"login\":\"a\",\"password\":\"b\"}"), 403);
    assert_status(ask("GET", "/api/status", NULL), 200);
    assert_said("\"exchange\":\"ok\"");
    assert_status(ask("POST", "/api/sync", "{}"), 200);
    assert_status(ask("GET", "/api/status", NULL), 200);
    assert_said("\"exchange\":\"pending\"");
    assert_true(api_take_sync_wanted(d.api));
    assert_false(api_take_sync_wanted(d.api));
}

static void headers_on_everything(void **state)
{
    (void)state;
    static const char *const must[] = {"Content-Security-Policy",
                                       "X-Content-Type-Options",
                                       "Referrer-Policy",
                                       "Cross-Origin-Opener-Policy",
                                       "Cross-Origin-Resource-Policy",
                                       "Permissions-Policy",
                                       "Cache-Control",
                                       "Content-Type"};
    static const char *const paths[] = {"/api/me", "/healthz", "/metrics", "/api/nope",
                                        "/api/login"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        (void)ask("GET", paths[i], NULL);
        for (size_t k = 0; k < sizeof must / sizeof must[0]; k++) {
            if (header(must[k]) == NULL) {
                fail_msg("%s: no %s", paths[i], must[k]);
            }
        }
        assert_string_equal(header("Cache-Control"), "no-store");
        assert_non_null(strstr(header("Content-Security-Policy"), "frame-ancestors 'none'"));
        assert_null(strstr(header("Content-Security-Policy"), "unsafe"));
        assert_null(header("Strict-Transport-Security"));
    }
    assert_status(ask("GET", "/api/login", NULL), 405);
    assert_string_equal(header("Allow"), "POST");
}

/* ---- bodies ---- */

static void bodies_that_are_wrong(void **state)
{
    (void)state;
    user_in("wang", "clerk");
    static const struct {
        const char *type, *body;
        int status;
    } t[] = {
        {"text/plain", "{\"d\":{}}", 400},
        {"application/x-www-form-urlencoded", "d=1", 400},
        {"application/jsonx", "{\"d\":{}}", 400},
        {NULL, "{\"d\":{}}", 400},
        {"application/json; charset=utf-8", "{\"d\":{}}", 422},
        {"application/json", "", 400},
        {"application/json", "[]", 400},
        {"application/json", "{\"d\":{}", 400},
        {"application/json", "{\"d\":{},\"d\":{}}", 400},
        {"application/json", "{\"d\":null}", 422},
        {"application/json", "{\"d\":{},\"x\":1}", 422},
        {"application/json", "{\"d\":\"text\"}", 422},
        {"application/json", "{\"d\":[]}", 422},
        {"application/json", "{}", 422},
        {"application/json", "{\"d\":{\"title\":1.5}}", 422},
        {"application/json", "{\"d\":{},\"seen_r\":-1}", 422},
        {"application/json", "{\"d\":{},\"audience\":\"to\"}", 403},
        {"application/json", "{\"id\":\"../x\",\"d\":{}}", 422},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        defaults();
        d.rq.content_type = t[i].type;
        int s = send_request("POST", "/api/records/notice", t[i].body);
        if (s != t[i].status) {
            fail_msg("%s: %d instead of %d %s", t[i].body, s, t[i].status, text());
        }
        assert_json();
    }
    char *big = malloc(600000);
    assert_non_null(big);
    memset(big, 'a', 599999);
    big[599999] = '\0';
    assert_status(ask("POST", "/api/records/notice", big), 413);
    assert_status(ask("GET", "/api/me", "x"), 413);
    free(big);
}

static void languages(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        bool zh;
    } t[] = {{"zh-CN", true}, {"en", false}, {"fr, zh;q=0.5", true}, {"de,en;q=0.5,zh", false}};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        defaults();
        d.rq.accept_language = t[i].header;
        assert_status(send_request("GET", "/api/me", NULL), 401);
        char m[512];
        member("message", m, sizeof m);
        assert_int_equal((m[0] & 0x80) != 0, t[i].zh);
    }
}

static void passwords(void **state)
{
    (void)state;
    char h[PASSWORD_HASH_BYTES], g[PASSWORD_HASH_BYTES], once[PASSWORD_ONE_TIME];
    assert_int_equal(password_hash("", h), 0);
    assert_true(password_check("", h));
    assert_int_equal(password_hash(right, h), 0);
    assert_int_equal(password_hash(right, g), 0);
    assert_string_not_equal(h, g);
    assert_int_equal(strncmp(h, "$y$", 3), 0);
    assert_true(password_check(right, h));
    assert_false(password_check("correct horse 电油", h));
    assert_false(password_check(right, NULL));
    assert_false(password_check(right, ""));
    assert_false(password_check(right, "plain"));
    assert_false(password_check("*0", "*0"));
    assert_int_equal(password_one_time(once), 0);
    assert_int_equal(strlen(once), 14);
    assert_int_equal(password_policy(once, "x", NULL), 0);
    const char *want = NULL;
    assert_int_equal(password_policy("七个字不够用啊", "x", &want), SANJI_E_SPEC);
    assert_non_null(want);
    assert_int_equal(password_policy("八个字就够用了啊", "x", &want), 0);
    assert_int_equal(password_policy("PASSWORD", "x", NULL), SANJI_E_SPEC);
    assert_int_equal(password_policy("wangxiaoming", "wangxiaoming", NULL), SANJI_E_SPEC);
    char longest[200];
    memset(longest, 'a', sizeof longest);
    longest[0] = 'b';
    longest[128] = '\0';
    assert_int_equal(password_policy(longest, "x", NULL), 0);
    longest[128] = 'a';
    longest[129] = '\0';
    assert_int_equal(password_policy(longest, "x", NULL), SANJI_E_SPEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_sound),
        cmocka_unit_test(routes_are_described),
        cmocka_unit_test(finding_a_route),
        cmocka_unit_test(passwords),
        ON_A_NODE(cookies_and_tokens),
        ON_A_NODE(logging_out),
        ON_A_NODE(who_is_at_work),
        ON_A_NODE(sessions_end),
        ON_A_NODE(one_time_password),
        ON_A_NODE(log_in_limits),
        ON_A_NODE(unknown_logins_cost_the_same),
        ON_A_NODE(names_that_are_not_ours),
        ON_A_NODE(pages_of_other_sites),
        ON_A_NODE(headers_on_everything),
        ON_A_NODE(bodies_that_are_wrong),
        ON_A_NODE(languages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
