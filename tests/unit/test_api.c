/* SPDX-License-Identifier: Apache-2.0 */
/* The staff interface on a real node in a temporary folder, without sockets: who may call what,
 * what is refused and why, and that what people write comes back as they wrote it. */
#include "node/api/route.h"
#include "node/password.h"
#include "node/tidy.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- a node and a browser ---- */

struct desk {
    char dir[64], key[96];
    struct app *app;
    struct api *api;
    struct api_reply rep;
    char cookie[256], csrf[64]; /* of whoever logged in last */
    struct api_request rq;      /* defaults of the next request */
};
static struct desk d;
static const char right[] = "correct horse 电池";

static void desk_open(void)
{
    struct fault f = {0};
    struct app_born born;
    memset(&d, 0, sizeof d);
    strcpy(d.dir, "/tmp/sanji-api-XXXXXX");
    assert_non_null(mkdtemp(d.dir));
    snprintf(d.key, sizeof d.key, "%s-root.key", d.dir);
    struct app_birth b = {
        .dir = d.dir, .name = "济南市", .area = "3701", .lv = 20, .root_key = d.key};
    int r = app_init(&b, &born, &f);
    if (r < 0) {
        fail_msg("init: %s %s %s", err_name(r), f.member, f.want);
    }
    assert_int_equal(app_open(d.dir, &d.app, NULL), 0);
    assert_int_equal(api_new(d.app, &d.api), 0);
    buf_init(&d.rep.body, 32 << 20);
}

static void remove_all(const char *dir)
{
    static const char *const names[] = {
        "keys/sign.seed", "keys/seal.seed", "keys/inst",   "keys/tls.key", "keys/tls.crt",
        "keys",           "sanji.conf",     "sanji.db",    "sanji.db-wal", "sanji.db-shm",
        "keys.db",        "keys.db-wal",    "keys.db-shm", "lock"};
    char path[160];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        remove(path);
    }
    assert_int_equal(rmdir(dir), 0);
}

static int desk_setup(void **state)
{
    (void)state;
    desk_open();
    return 0;
}

static int desk_down(void **state)
{
    (void)state;
    buf_done(&d.rep.body);
    api_free(d.api);
    app_close(d.app);
    unlink(d.key);
    remove_all(d.dir);
    return 0;
}

static void defaults(void)
{
    d.rq = (struct api_request){.host = "127.0.0.1:8080",
                                .content_type = "application/json",
                                .accept_language = "en",
                                .peer = "127.0.0.1",
                                .cookie = d.cookie[0] == '\0' ? NULL : d.cookie,
                                .csrf = d.csrf[0] == '\0' ? NULL : d.csrf};
}

/* One request with d.rq's headers; the status. */
static int send_request(const char *method, const char *target, const char *body)
{
    char path[512];
    size_t n = strcspn(target, "?");
    snprintf(path, sizeof path, "%.*s", (int)n, target);
    d.rq.method = method;
    d.rq.path = path;
    d.rq.query = target[n] == '?' ? target + n + 1 : "";
    d.rq.body = span_of(body, body == NULL ? 0 : strlen(body));
    buf_reset(&d.rep.body);
    d.rep.n_h = 0;
    api_dispatch(d.api, &d.rq, &d.rep);
    d.rq.path = NULL;
    return d.rep.status;
}

static int ask(const char *method, const char *target, const char *body)
{
    defaults();
    return send_request(method, target, body);
}

static const char *header(const char *name)
{
    for (size_t i = 0; i < d.rep.n_h; i++) {
        if (strcasecmp(d.rep.h[i].name, name) == 0) {
            return d.rep.h[i].value;
        }
    }
    return NULL;
}

static const char *text(void)
{
    return buf_str(&d.rep.body);
}

static bool said(const char *part)
{
    return strstr(text(), part) != NULL;
}

#define assert_said(part)                                                                          \
    do {                                                                                           \
        if (!said(part)) {                                                                         \
            fail_msg("\"%s\" not in %s", (part), text());                                          \
        }                                                                                          \
    } while (0)
#define assert_status(got, want)                                                                   \
    do {                                                                                           \
        int got_ = (got);                                                                          \
        if (got_ != (want)) {                                                                      \
            fail_msg("%d instead of %d: %s", got_, (want), text());                                \
        }                                                                                          \
    } while (0)

/* Text of one member of the reply. */
static void member(const char *name, char *out, size_t max)
{
    struct span v, s = {0};
    struct buf b;
    buf_init(&b, 1 << 20);
    assert_true(jcur_get(span_of(d.rep.body.data, d.rep.body.len), name, &v));
    assert_int_equal(jcur_text(v, &b), 0);
    (void)s;
    snprintf(out, max, "%s", buf_str(&b));
    buf_done(&b);
}

static int64_t member_int(const char *name)
{
    struct span v;
    int64_t n = -1;
    assert_true(jcur_get(span_of(d.rep.body.data, d.rep.body.len), name, &v));
    assert_true(jcur_int(v, &n));
    return n;
}

/* Every JSON reply is in the one spelling: a hostile text cannot break out of its string. */
static void assert_json(void)
{
    struct fault f = {0};
    struct buf b;
    buf_init(&b, 32 << 20);
    if (tidy_json(span_of(d.rep.body.data, d.rep.body.len), &b, &f) < 0 && !said("null")) {
        fail_msg("not JSON: %s", text());
    }
    buf_done(&b);
}

static void add_user(const char *login, const char *role, bool one_time)
{
    static char hash[PASSWORD_HASH_BYTES];
    if (hash[0] == '\0') {
        assert_int_equal(password_hash(right, hash), 0);
    }
    struct staff_user u = {.login = login,
                           .name = "王<b>\"小\\明",
                           .role = role,
                           .pass = hash,
                           .one_time = one_time,
                           .created = 1,
                           .changed = 1};
    assert_int_equal(staff_user_add(d.app->store, &u), 0);
}

static void keep_cookie(void)
{
    const char *c = header("Set-Cookie");
    assert_non_null(c);
    snprintf(d.cookie, sizeof d.cookie, "%.*s", (int)strcspn(c, ";"), c);
}

static void log_in(const char *login)
{
    char body[256];
    d.cookie[0] = d.csrf[0] = '\0';
    memset(d.api->by_peer, 0, sizeof d.api->by_peer);
    memset(&d.api->everybody, 0, sizeof d.api->everybody);
    snprintf(body, sizeof body, "{\"login\":\"%s\",\"password\":\"%s\"}", login, right);
    assert_status(ask("POST", "/api/login", body), 200);
    keep_cookie();
    member("csrf", d.csrf, sizeof d.csrf);
}

static void user_in(const char *login, const char *role)
{
    add_user(login, role, false);
    log_in(login);
}

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
        assert_true(r->tx == TX_STAFF || r->tx == TX_APP);
        assert_false(r->any_host);
        bool login = strcmp(r->path, "/api/login") == 0;
        assert_true(login || r->who >= WHO_SELF);
        if (r->tx == TX_APP) {
            assert_int_equal(r->who, WHO_WRITE);
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

/* The path of a route with something in place of each ":". */
static void concrete(const struct api_route *r, char *out, size_t max)
{
    size_t n = 0;
    for (const char *p = r->path; *p != '\0' && n + 8 < max; p++) {
        if (*p == ':') {
            memcpy(out + n, "listing", 7);
            n += 7;
        } else {
            out[n++] = *p;
        }
    }
    out[n] = '\0';
}

static const char *const roles[] = {"admin",    "manager",    "clerk",
                                    "reviewer", "supervisor", "member"};

static bool expected(const char *role, enum api_who who)
{
    bool member_role = strcmp(role, "member") == 0, sees = strcmp(role, "supervisor") == 0;
    return who == WHO_WRITE ? !member_role && !sees : who == WHO_CASES ? !member_role : true;
}

static void every_route_for_everybody(void **state)
{
    (void)state;
    char path[128];
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        add_user(roles[i], roles[i], false);
    }
    for (size_t i = 0; i < api_routes_n; i++) { /* nobody */
        const struct api_route *r = &api_routes[i];
        concrete(r, path, sizeof path);
        int s = ask(r->method, path, r->spec == NULL ? NULL : "{}");
        if (r->who >= WHO_SELF) {
            assert_status(s, 401);
            assert_said("\"err\":\"unauthorised\"");
        } else {
            assert_true(s != 401 && s != 403);
        }
    }
    for (size_t k = 0; k < sizeof roles / sizeof roles[0]; k++) {
        for (size_t i = 0; i < api_routes_n; i++) {
            const struct api_route *r = &api_routes[i];
            if (r->who < WHO_SELF) {
                continue;
            }
            log_in(roles[k]); /* each time: log-out is among the routes */
            concrete(r, path, sizeof path);
            if (r->spec != NULL) {
                defaults();
                d.rq.csrf = NULL;
                assert_status(send_request(r->method, path, "{}"), 403);
                if (expected(roles[k], r->who)) {
                    assert_said("\"err\":\"csrf\"");
                }
                d.rq.csrf = "0000000000000000000000000000000000000000000";
                assert_status(send_request(r->method, path, "{}"), 403);
            }
            int s = ask(r->method, path, r->spec == NULL ? NULL : "{}");
            if (!expected(roles[k], r->who)) {
                assert_status(s, 403);
                assert_said("\"err\":\"forbidden\"");
            } else if (s == 401 || s == 403 || s >= 500) {
                fail_msg("%s %s as %s: %d %s", r->method, path, roles[k], s, text());
            }
            assert_json();
        }
    }
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

static int64_t best_of(const char *body)
{
    int64_t best = INT64_MAX;
    for (int i = 0; i < 3; i++) {
        memset(d.api->by_peer, 0, sizeof d.api->by_peer);
        memset(d.api->by_login, 0, sizeof d.api->by_login);
        int64_t began = app_mono_ms();
        assert_status(ask("POST", "/api/login", body), 401);
        int64_t ms = app_mono_ms() - began;
        best = ms < best ? ms : best;
    }
    return best;
}

static void unknown_logins_cost_the_same(void **state)
{
    (void)state;
    add_user("wang", "clerk", false);
    int64_t known = best_of("{\"login\":\"wang\",\"password\":\"wrong\"}");
    int64_t unknown = best_of("{\"login\":\"li\",\"password\":\"wrong\"}");
    assert_true(known > 2);
    assert_true(unknown * 2 > known && unknown < known * 2 + 5);
}

/* ---- other sites ---- */

static void names_that_are_not_ours(void **state)
{
    (void)state;
    user_in("wang", "clerk");
    snprintf(d.app->cfg.url, sizeof d.app->cfg.url, "https://sync.example.cn:8443/x");
    static const char *const good[] = {"localhost",  "localhost:8080",    "127.0.0.1",
                                       "[::1]:8080", "Sync.Example.CN:1", "127.0.0.1:1"};
    static const char *const bad[] = {"evil.example",
                                      "127.0.0.1.evil.example",
                                      "localhost.evil.example",
                                      "sync.example.cn.evil",
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
    assert_status(ask("POST", "/api/sync", "{}"), 200);
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
    assert_said("\"next\":\"o2\"");
    assert_int_equal(member_int("total"), 7);
    assert_status(
        ask("GET", "/api/records?kind=listing&q=%E5%9C%BA%E5%9C%B0&limit=5&after=o5", NULL), 200);
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
                                      "?kind=listing&after=o1",
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
    assert_status(ask("GET", "/api/stats", NULL), 422);
    assert_status(ask("GET", "/api/stats?period=2026-13", NULL), 422);

    log_in("wang");
    assert_int_equal(app_user_disable(d.app, "wang", false), 0);
    user_in("li", "clerk");
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

#define ON_A_NODE(fn) cmocka_unit_test_setup_teardown(fn, desk_setup, desk_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_sound),
        cmocka_unit_test(finding_a_route),
        cmocka_unit_test(passwords),
        ON_A_NODE(every_route_for_everybody),
        ON_A_NODE(cookies_and_tokens),
        ON_A_NODE(logging_out),
        ON_A_NODE(sessions_end),
        ON_A_NODE(one_time_password),
        ON_A_NODE(log_in_limits),
        ON_A_NODE(unknown_logins_cost_the_same),
        ON_A_NODE(names_that_are_not_ours),
        ON_A_NODE(pages_of_other_sites),
        ON_A_NODE(headers_on_everything),
        ON_A_NODE(bodies_that_are_wrong),
        ON_A_NODE(a_record_lives),
        ON_A_NODE(a_change_keeps_the_audience),
        ON_A_NODE(lists_and_pages),
        ON_A_NODE(hostile_text),
        ON_A_NODE(referrals_of_both_boxes),
        ON_A_NODE(status_and_lists),
        ON_A_NODE(health_and_metrics),
        ON_A_NODE(audit_rows),
        ON_A_NODE(languages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
