/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of other programs: made, used, limited, ended; what they open and what they never do. */
#include "protocol/base/text.h"
#include "tests/support/desk.h"

static char token[APP_TOKEN_TEXT], bearer[APP_TOKEN_TEXT + 16];

static int64_t make(const char *role, const char *org, int64_t days)
{
    struct app_token t = {
        .name = "市民政局 OA", .role = role, .about = org, .maker = "cli", .days = days};
    struct fault f = {0};
    int64_t n = 0;
    int r = app_token_add(d.app, &t, token, &n, &f);
    if (r < 0) {
        fail_msg("%s %s %s", err_name(r), f.member, f.want);
    }
    snprintf(bearer, sizeof bearer, "Bearer %s", token);
    return n;
}

/* As a program does: no cookie, no CSRF token, none of a browser's headers. */
static int program(const char *method, const char *path, const char *body)
{
    defaults();
    d.rq.cookie = d.rq.csrf = NULL;
    d.rq.authorization = bearer;
    return send_request(method, path, body);
}

static int64_t rows;
static char newest[256];
static int on_row(const struct staff_audit *a, void *arg)
{
    (void)arg;
    if (rows++ == 0) {
        snprintf(newest, sizeof newest, "%s|%s|%s|%s", a->who, a->what, a->target, a->result);
    }
    return 0;
}
/* Rows of the audit log; newest: the last one. */
static int64_t log_rows(void)
{
    rows = 0;
    assert_int_equal(staff_audit_list(d.app->store, NULL, 0, 1000, on_row, NULL), 0);
    return rows;
}

static void reads_and_writes_as_its_role(void **state)
{
    (void)state;
    static const char body[] = "{\"d\":{\"kind\":\"venue\",\"title\":\"议事厅\"}}";
    int64_t n = make("clerk", "", 1);
    log_rows();
    char said_[256];
    snprintf(said_, sizeof said_, "cli|token.add|%lld|ok", (long long)n);
    assert_string_equal(newest, said_);
    assert_status(program("GET", "/api/records?kind=listing", NULL), 200);
    assert_null(header("Set-Cookie"));
    int64_t before = log_rows(); /* who only reads leaves no rows */
    assert_status(program("POST", "/api/records/listing", body), 200);
    assert_int_equal(log_rows(), before + 1); /* every use of a changing route does */
    snprintf(said_, sizeof said_, "token:%lld|POST /api/records/:|", (long long)n);
    assert_int_equal(strncmp(newest, said_, strlen(said_)), 0);
    assert_status(program("GET", "/api/me", NULL), 200);
    assert_said("\"csrf\":\"\"");
    assert_said("\"role\":\"clerk\"");

    make("supervisor", "", 1);
    before = log_rows();
    assert_status(program("GET", "/api/audit", NULL), 200);
    assert_status(program("POST", "/api/records/listing", body), 403);
    assert_int_equal(log_rows(), before + 1); /* and so does every attempt */
    assert_non_null(strstr(newest, "|forbidden"));
}

/* It has neither password nor drafts, lets no other program in, and a cookie beside it counts for
 * nothing. */
static void is_nobody_who_logs_in(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *body;
    } closed[] = {
        {"POST", "/api/logout", "{}"},
        {"POST", "/api/password", "{\"old\":\"a\",\"new\":\"b\"}"},
        {"GET", "/api/second/new", NULL},
        {"POST", "/api/drafts/listing.new", "{\"seen\":0,\"draft\":{}}"},
        {"GET", "/api/tokens", NULL},
        {"POST", "/api/tokens",
         "{\"name\":\"x\",\"role\":\"admin\",\"days\":9,\"password\":\"x\"}"},
        {"POST", "/api/tokens/1/revoke", "{}"},
    };
    user_in("root", "admin");
    make("admin", "", 1);
    for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++) {
        assert_status(program(closed[i].method, closed[i].path, closed[i].body), 403);
        assert_said("\"err\":\"token_route\"");
    }
    d.app->cfg.staff_second[0] = '\0';
    snprintf(d.app->cfg.staff_second, sizeof d.app->cfg.staff_second, "all");
    assert_status(program("GET", "/api/status", NULL), 200); /* no telephone is asked of it */
    make("supervisor", "", 1);
    defaults(); /* the administrator's cookie, and a supervisor's token */
    d.rq.authorization = bearer;
    assert_status(send_request("POST", "/api/sync", "{}"), 403);
    defaults(); /* another scheme is a proxy's business: the cookie holds */
    d.rq.authorization = "Basic cm9vdDpyb290";
    assert_status(send_request("GET", "/api/me", NULL), 200);
    assert_said("\"login\":\"root\"");
}

static void what_is_none_opens_nothing(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "Bearer ", "Bearer sanji_", "Bearer x",
        "bearer sanji_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "Bearer  sanji_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    d.app->cfg.login_per_minute = 1000;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        defaults();
        d.rq.authorization = wrong[i];
        assert_status(send_request("GET", "/api/status", NULL), 401);
        assert_said("\"err\":\"bad_token\"");
        assert_string_equal(header("WWW-Authenticate"), "Bearer");
    }
    make("clerk", "", 1);
    bearer[strlen(bearer) - 10] ^= 1;
    assert_status(program("GET", "/api/status", NULL), 401);
    int64_t n = make("clerk", "", 1);
    assert_status(program("GET", "/api/status", NULL), 200);
    assert_int_equal(app_token_revoke(d.app, n), 0);
    log_rows();
    assert_non_null(strstr(newest, "cli|token.revoke|"));
    assert_status(program("GET", "/api/status", NULL), 401);
    assert_said("\"err\":\"bad_token\"");
    assert_int_equal(app_token_revoke(d.app, n), SANJI_E_NOT_FOUND);
}

static void ends_by_itself(void **state)
{
    (void)state;
    struct staff_token t = {
        .name = "x", .role = "clerk", .about = "", .maker = "cli", .created = 1};
    uint8_t hash[HASH_LEN];
    int64_t n = 0;
    make("clerk", "", 1); /* for a token's text */
    const char *text_ = token;
    assert_true(app_token_hash(text_, strlen(text_), hash));
    assert_int_equal(app_token_revoke(d.app, 1), 0);
    t.expires = app_now_ms() - 1;
    assert_int_equal(staff_token_add(d.app->store, &t, hash, &n), 0);
    assert_int_not_equal(n, 1); /* a number is never given twice: the log names tokens by it */
    assert_status(program("GET", "/api/status", NULL), 401);
    assert_said("\"err\":\"token_expired\"");
}

/* Everybody's calendars together leave the administrator's tokens where they are. */
static void calendars_take_no_place(void **state)
{
    (void)state;
    char login[16], text_[APP_TOKEN_TEXT];
    struct fault f = {0};
    int64_t n = 0;
    assert_int_equal(store_begin(d.app->store), 0);
    for (int i = 0; i < APP_TOKENS; i++) {
        snprintf(login, sizeof login, "m%d", i / APP_FEEDS);
        assert_int_equal(app_feed_add(d.app, login, "", text_, &n, &f), 0);
    }
    assert_int_equal(app_feed_add(d.app, "m0", "", text_, &n, &f), SANJI_E_QUOTA);
    assert_int_equal(store_commit(d.app->store), 0);
    make("clerk", "", 1);
    assert_status(program("GET", "/api/status", NULL), 200);
}

/* As the pages: what nobody may overhear travels encrypted, or does not leave the machine. */
static void not_in_the_clear(void **state)
{
    (void)state;
    make("clerk", "", 1);
    defaults();
    d.rq.cookie = NULL;
    d.rq.authorization = bearer;
    d.rq.peer = "192.168.1.9";
    assert_status(send_request("GET", "/api/status", NULL), 403);
    assert_said("\"err\":\"token_plain\"");
    d.rq.is_tls = true;
    assert_status(send_request("GET", "/api/status", NULL), 200);
}

static void has_its_pace(void **state)
{
    (void)state;
    char other[sizeof bearer], first[sizeof bearer];
    make("clerk", "", 1);
    memcpy(first, bearer, sizeof first);
    make("clerk", "", 1);
    memcpy(other, bearer, sizeof other);
    d.app->cfg.token_per_minute = 3;
    memcpy(bearer, first, sizeof bearer);
    for (int i = 0; i < 3; i++) {
        assert_status(program("GET", "/api/status", NULL), 200);
    }
    assert_status(program("GET", "/api/status", NULL), 429);
    assert_non_null(header("Retry-After"));
    memcpy(bearer, other, sizeof bearer);
    assert_status(program("GET", "/api/status", NULL), 200); /* each has its own */
    d.app->cfg.login_per_minute = 2;
    snprintf(bearer, sizeof bearer, "Bearer nonsense");
    assert_status(program("GET", "/api/status", NULL), 401);
    assert_status(program("GET", "/api/status", NULL), 401);
    assert_status(program("GET", "/api/status", NULL), 429);
    memcpy(bearer, other, sizeof bearer); /* whoever guesses keeps nobody from working */
    assert_status(program("GET", "/api/status", NULL), 200);
    user_in("wang", "clerk");
}

static void an_administrator_makes_them(void **state)
{
    (void)state;
    char body[256], text_[64], path[64], today[11];
    user_in("root", "admin");
    snprintf(body, sizeof body,
             "{\"name\":\"办公系统\",\"role\":\"supervisor\",\"days\":30,\"password\":\"%s\"}",
             right);
    assert_status(ask("POST", "/api/tokens", body), 200);
    member("token", text_, sizeof text_);
    int64_t n = member_int("n");
    assert_int_equal(strncmp(text_, "sanji_", 6), 0);
    log_rows();
    snprintf(path, sizeof path, "root|POST /api/tokens|%lld|ok", (long long)n);
    assert_string_equal(newest, path);
    assert_status(ask("GET", "/api/tokens", NULL), 200);
    assert_said("\"name\":\"办公系统\"");
    assert_said("\"maker\":\"root\"");
    assert_false(said(text_) || said(text_ + 6)); /* shown once */
    assert_false(said("\"used\""));
    snprintf(bearer, sizeof bearer, "Bearer %s", text_);
    assert_status(program("GET", "/api/status", NULL), 200);
    date_write(date_of_ms(app_now_ms()), today);
    snprintf(path, sizeof path, "\"used\":\"%s\"", today);
    assert_status(ask("GET", "/api/tokens", NULL), 200);
    assert_said(path);
    static const struct {
        const char *body, *said;
        int status;
    } wrong[] = {
        {"{\"name\":\"x\",\"role\":\"king\",\"days\":30,\"password\":\"R\"}", "\"role\"", 422},
        {"{\"name\":\"x\",\"role\":\"clerk\",\"days\":0,\"password\":\"R\"}", "\"days\"", 422},
        {"{\"name\":\"x\",\"role\":\"clerk\",\"days\":30,\"org\":\"zu1\",\"password\":\"R\"}",
         "\"org\"", 422},
        {"{\"name\":\"x\",\"role\":\"member\",\"days\":30,\"org\":\"zu1\",\"password\":\"R\"}",
         "\"org\"", 404},
        {"{\"name\":\"x\",\"role\":\"clerk\",\"days\":30,\"password\":\"wrong\"}", "wrong_password",
         403},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *r = strchr(wrong[i].body, 'R');
        snprintf(body, sizeof body, "%.*s%s%s", r == NULL ? 255 : (int)(r - wrong[i].body),
                 wrong[i].body, r == NULL ? "" : right, r == NULL ? "" : r + 1);
        assert_status(ask("POST", "/api/tokens", body), wrong[i].status);
        assert_said(wrong[i].said);
    }
    snprintf(path, sizeof path, "/api/tokens/%lld/revoke", (long long)n);
    assert_status(ask("POST", path, "{}"), 200);
    assert_status(program("GET", "/api/status", NULL), 401);
    assert_status(ask("POST", path, "{}"), 404);
    assert_status(ask("POST", "/api/tokens/x/revoke", "{}"), 404);
    assert_status(ask("GET", "/api/tokens", NULL), 200);
    assert_said("\"tokens\":[]");
}

static void not_without_end(void **state)
{
    (void)state;
    struct app_token t = {.name = "x", .role = "clerk", .about = "", .maker = "cli", .days = 1};
    struct fault f = {0};
    int64_t n = 0;
    for (int i = 0; i < APP_TOKENS; i++) {
        make("clerk", "", 1);
    }
    assert_int_equal(app_token_add(d.app, &t, token, &n, &f), SANJI_E_QUOTA);
    t.name = "";
    assert_int_equal(app_token_add(d.app, &t, token, &n, &f), SANJI_E_SPEC);
    t.name = "a\nb";
    assert_int_equal(app_token_add(d.app, &t, token, &n, &f), SANJI_E_SPEC);
}

/* A program of an organisation sees what its people see. */
static void of_an_organisation(void **state)
{
    (void)state;
    static const char *const orgs[] = {"{\"id\":\"zu1\",\"name\":\"青禾社\"}",
                                       "{\"id\":\"zu2\",\"name\":\"红旗社\"}"};
    for (size_t i = 0; i < 2; i++) {
        struct fault f = {0};
        char id[LIM_ID_BYTES + 1];
        assert_int_equal(app_put_one(d.app, kind_find("org"), NULL, NULL,
                                     span_of(orgs[i], strlen(orgs[i])), id, &f),
                         0);
    }
    make("member", "zu1", 1);
    assert_status(program("GET", "/api/records?kind=org", NULL), 200);
    assert_said("青禾社");
    assert_false(said("红旗社"));
    make("member", "", 1);
    assert_status(program("GET", "/api/records?kind=org", NULL), 403);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_NODE(reads_and_writes_as_its_role),
        ON_A_NODE(is_nobody_who_logs_in),
        ON_A_NODE(what_is_none_opens_nothing),
        ON_A_NODE(ends_by_itself),
        ON_A_NODE(calendars_take_no_place),
        ON_A_NODE(not_in_the_clear),
        ON_A_NODE(has_its_pace),
        ON_A_NODE(an_administrator_makes_them),
        ON_A_NODE(not_without_end),
        ON_A_NODE(of_an_organisation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
