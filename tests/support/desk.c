/* SPDX-License-Identifier: Apache-2.0 */
/* Why not over HTTP: the dispatcher takes a plain struct, so that a test can send what no client
 * would, thousands of times a second. */
#include "tests/support/desk.h"

#include "node/password.h"
#include "node/tidy.h"
#include "protocol/jcur.h"

#include <ftw.h>
#include <sys/stat.h>

struct desk d;
const char right[] = "correct horse 电池";

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

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static void remove_all(const char *dir)
{
    assert_int_equal(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

int desk_setup(void **state)
{
    (void)state;
    desk_open();
    return 0;
}

int desk_down(void **state)
{
    (void)state;
    buf_done(&d.rep.body);
    api_free(d.api);
    app_close(d.app);
    unlink(d.key);
    remove_all(d.dir);
    return 0;
}

void defaults(void)
{
    d.rq = (struct api_request){.host = "127.0.0.1:8080",
                                .content_type = "application/json",
                                .accept_language = "en",
                                .peer = "127.0.0.1",
                                .cookie = d.cookie[0] == '\0' ? NULL : d.cookie,
                                .csrf = d.csrf[0] == '\0' ? NULL : d.csrf};
}

/* One request with d.rq's headers; the status. */
int send_request(const char *method, const char *target, const char *body)
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

int ask(const char *method, const char *target, const char *body)
{
    defaults();
    return send_request(method, target, body);
}

const char *header(const char *name)
{
    for (size_t i = 0; i < d.rep.n_h; i++) {
        if (strcasecmp(d.rep.h[i].name, name) == 0) {
            return d.rep.h[i].value;
        }
    }
    return NULL;
}

const char *text(void)
{
    return buf_str(&d.rep.body);
}

bool said(const char *part)
{
    return strstr(text(), part) != NULL;
}

/* Text of one member of the reply. */
void member(const char *name, char *out, size_t max)
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

int64_t member_int(const char *name)
{
    struct span v;
    int64_t n = -1;
    assert_true(jcur_get(span_of(d.rep.body.data, d.rep.body.len), name, &v));
    assert_true(jcur_int(v, &n));
    return n;
}

/* Every JSON reply is in the one spelling: a hostile text cannot break out of its string. */
void assert_json(void)
{
    struct fault f = {0};
    struct buf b;
    buf_init(&b, 32 << 20);
    if (tidy_json(span_of(d.rep.body.data, d.rep.body.len), &b, &f) < 0 && !said("null")) {
        fail_msg("not JSON: %s", text());
    }
    buf_done(&b);
}

void add_user(const char *login, const char *role, bool one_time)
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
                           .changed = 1,
                           .org = ""};
    assert_int_equal(staff_user_add(d.app->store, &u), 0);
}

void keep_cookie(void)
{
    const char *c = header("Set-Cookie");
    assert_non_null(c);
    snprintf(d.cookie, sizeof d.cookie, "%.*s", (int)strcspn(c, ";"), c);
}

void log_in(const char *login)
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

void user_in(const char *login, const char *role)
{
    add_user(login, role, false);
    log_in(login);
}
