/* SPDX-License-Identifier: Apache-2.0 */
/* The second factor at the log-in: set up, asked for, wanted by a setting, switched off. */
#include "node/totp.h"
#include "tests/support/desk.h"

#include <time.h>

static char secret[64];

/* The code of a step near now, and that many steps away from it. */
static const char *code(int away)
{
    static char c[TOTP_DIGITS + 1];
    uint8_t s[TOTP_SECRET];
    assert_int_equal(totp_from_base32(secret, s), 0);
    assert_int_equal(totp_code(span_of(s, sizeof s), app_now_ms() / 30000 + away, c), 0);
    return c;
}

/* Not at the very end of a step: the next request shall see the same one. */
static void wait_for_room(void)
{
    while (app_now_ms() % 30000 > 29000) {
        usleep(50000);
    }
}

static int log_in_with(const char *login, const char *password, const char *c)
{
    char body[256];
    defaults();
    d.rq.cookie = NULL;
    snprintf(body, sizeof body, "{\"login\":\"%s\",\"password\":\"%s\"%s%s%s}", login, password,
             c == NULL ? "" : ",\"code\":\"", c == NULL ? "" : c, c == NULL ? "" : "\"");
    memset(d.api->by_peer, 0, sizeof d.api->by_peer);
    memset(d.api->by_login, 0, sizeof d.api->by_login);
    return send_request("POST", "/api/login", body);
}

static void set_up(const char *c, int status)
{
    char body[256];
    snprintf(body, sizeof body, "{\"password\":\"%s\",\"secret\":\"%s\",\"code\":\"%s\"}", right,
             secret, c);
    assert_status(ask("POST", "/api/second", body), status);
}

static void offered(void)
{
    assert_status(ask("GET", "/api/second/new", NULL), 200);
    assert_string_equal(header("Cache-Control"), "no-store");
    assert_said("otpauth://totp/");
    member("secret", secret, sizeof secret);
}

static void from_set_up_to_off(void **state)
{
    char body[256];
    (void)state;
    user_in("wang", "clerk");
    assert_status(ask("GET", "/api/me", NULL), 200);
    assert_said("\"second\":false");
    offered();
    wait_for_room();
    snprintf(body, sizeof body, "{\"password\":\"wrong\",\"secret\":\"%s\",\"code\":\"%s\"}",
             secret, code(0));
    assert_status(ask("POST", "/api/second", body), 403);
    assert_said("\"member\":\"password\"");
    memset(d.api->by_login, 0, sizeof d.api->by_login);
    set_up(code(7), 422);
    assert_said("\"err\":\"wrong_code\"");
    assert_status(log_in_with("wang", right, NULL), 200); /* nothing was set */
    keep_cookie();
    member("csrf", d.csrf, sizeof d.csrf);

    char before[256];
    memcpy(before, d.cookie, sizeof before);
    set_up(code(-1), 200);
    assert_said("\"second\":true");
    keep_cookie();
    member("csrf", d.csrf, sizeof d.csrf);
    defaults();
    d.rq.cookie = before; /* other browsers log in again */
    assert_status(send_request("GET", "/api/me", NULL), 401);

    assert_status(log_in_with("wang", right, NULL), 401);
    assert_said("\"err\":\"need_code\"");
    assert_null(header("Set-Cookie"));
    assert_status(log_in_with("wang", "wrong", code(0)), 401);
    assert_said("\"err\":\"wrong_password\"");
    assert_status(log_in_with("wang", right, code(-1)), 401); /* used at the set-up */
    assert_said("\"err\":\"wrong_code\"");
    assert_status(log_in_with("wang", right, code(0)), 200);
    keep_cookie();
    member("csrf", d.csrf, sizeof d.csrf);
    assert_status(log_in_with("wang", right, code(0)), 401); /* once */
    assert_said("\"err\":\"wrong_code\"");

    snprintf(body, sizeof body, "{\"password\":\"wrong\",\"code\":\"%s\"}", code(1));
    assert_status(ask("POST", "/api/second/off", body), 403);
    snprintf(body, sizeof body, "{\"password\":\"%s\",\"code\":\"000000\"}", right);
    memset(d.api->by_login, 0, sizeof d.api->by_login);
    assert_status(ask("POST", "/api/second/off", body), 422); /* the password alone is not enough */
    assert_said("\"err\":\"wrong_code\"");
    memset(d.api->by_login, 0, sizeof d.api->by_login);
    set_up(code(1), 409);
    assert_said("\"err\":\"has_second\"");
    snprintf(body, sizeof body, "{\"password\":\"%s\",\"code\":\"%s\"}", right, code(1));
    assert_status(ask("POST", "/api/second/off", body), 200);
    assert_said("\"second\":false");
    assert_status(log_in_with("wang", right, NULL), 200);
}

/* Codes are guessed as little as passwords are. */
static void guesses_count(void **state)
{
    char body[128];
    (void)state;
    user_in("wang", "clerk");
    offered();
    wait_for_room();
    set_up(code(0), 200);
    memset(d.api->by_login, 0, sizeof d.api->by_login);
    d.app->cfg.login_per_minute = 1000;
    int s = 401;
    for (int i = 0; i < 8 && s == 401;
         i++) { /* a right password alone does not wash guesses away */
        snprintf(body, sizeof body, "{\"login\":\"wang\",\"password\":\"%s\"%s}", right,
                 i % 2 == 0 ? ",\"code\":\"000000\"" : "");
        defaults();
        s = send_request("POST", "/api/login", body);
    }
    assert_status(s, 429);
}

static void wanted_by_the_setting(void **state)
{
    (void)state;
    char once[20];
    user_in("li", "clerk");
    user_in("wang", "admin");
    snprintf(d.app->cfg.staff_second, sizeof d.app->cfg.staff_second, "admins");
    assert_status(ask("GET", "/api/me", NULL), 200);
    assert_said("\"must_second\":true");
    assert_status(ask("GET", "/api/status", NULL), 403);
    assert_said("\"err\":\"must_second\"");
    offered();
    wait_for_room();
    set_up(code(0), 200);
    assert_said("\"must_second\":false");
    keep_cookie();
    member("csrf", d.csrf, sizeof d.csrf);
    assert_status(ask("GET", "/api/status", NULL), 200);

    log_in("li");
    assert_said("\"must_second\":false");
    assert_status(ask("GET", "/api/status", NULL), 200);
    snprintf(d.app->cfg.staff_second, sizeof d.app->cfg.staff_second, "all");
    assert_status(ask("GET", "/api/status", NULL), 403);

    /* A lost telephone: the administrator resets, and both begin anew. */
    assert_int_equal(app_user_reset(d.app, "wang", once), 0);
    assert_status(log_in_with("wang", once, NULL), 200);
    assert_said("\"must_change\":true");
    assert_said("\"second\":false");
}

/* Somebody disabled, and somebody whose code comes without a second factor. */
static void corners(void **state)
{
    (void)state;
    user_in("wang", "clerk");
    assert_status(log_in_with("wang", right, "123456"), 200);
    keep_cookie();
    member("csrf", d.csrf, sizeof d.csrf);
    offered();
    wait_for_room();
    set_up(code(0), 200);
    assert_int_equal(app_user_disable(d.app, "wang", true), 0);
    assert_status(log_in_with("wang", right, NULL), 401);
    assert_said("\"err\":\"wrong_password\"");
    assert_status(log_in_with("wang", right, code(1)), 401);
    assert_said("\"err\":\"wrong_password\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_NODE(from_set_up_to_off),
        ON_A_NODE(guesses_count),
        ON_A_NODE(wanted_by_the_setting),
        ON_A_NODE(corners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
