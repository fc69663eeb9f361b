/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in and staying so. The browser holds a random token, the database only its hash. Over TLS
 * the cookie's name begins with __Host-, which a browser accepts from this very origin alone; plain
 * HTTP exists on loopback and behind a proxy. A password change gives a new token and ends every
 * other session. */
#include "node/api/route.h"
#include "node/password.h"
#include "node/totp.h"
#include "protocol/base/enc.h"

#include <stdio.h>
#include <string.h>

enum { TOUCH_MS = 60000 };
static const char cookie_tls[] = "__Host-sanji", cookie_plain[] = "sanji";

/* Behind a proxy that speaks TLS the browser's own words tell. */
static bool secure(const struct api_request *rq)
{
    return rq->is_tls || (rq->origin != NULL && strncmp(rq->origin, "https://", 8) == 0);
}

/* Value of one cookie; false when absent, twice, or no token of ours. */
static bool cookie_get(const char *header, const char *name, uint8_t token[static API_TOKEN_LEN])
{
    size_t n = strlen(name);
    int found = 0;
    for (const char *p = header; p != NULL && *p != '\0';) {
        p += strspn(p, " ;");
        size_t len = strcspn(p, ";");
        if (len > n && memcmp(p, name, n) == 0 && p[n] == '=') {
            size_t v = len - n - 1;
            while (v > 0 && p[n + v] == ' ') {
                v--;
            }
            found += b64u_get(p + n + 1, v, token, API_TOKEN_LEN) == 0 ? 1 : 2;
        }
        p += len;
    }
    return found == 1;
}

static void hash_token(const uint8_t token[static API_TOKEN_LEN], uint8_t ret[static HASH_LEN])
{
    hash_bytes(token, API_TOKEN_LEN, ret);
}

static int on_session(const struct staff_session *x, void *arg)
{
    struct api_person *p = arg;
    snprintf(p->login, sizeof p->login, "%s", x->login);
    snprintf(p->csrf, sizeof p->csrf, "%s", x->csrf);
    p->created = x->created;
    p->seen = x->seen;
    p->expires = x->expires;
    return 0;
}

struct one_user {
    struct api_person *p;
    char pass[PASSWORD_HASH_BYTES];
    uint8_t totp[STAFF_TOTP_BYTES];
    size_t totp_n;
    int64_t totp_last;
    bool found, disabled;
};

static void wipe(struct one_user *x)
{
    mem_wipe(x->pass, sizeof x->pass);
    mem_wipe(x->totp, sizeof x->totp);
}

static int on_user(const struct staff_user *u, void *arg)
{
    struct one_user *x = arg;
    x->found = true;
    x->disabled = u->disabled;
    snprintf(x->pass, sizeof x->pass, "%s", u->pass);
    x->totp_n = u->totp.n <= sizeof x->totp ? u->totp.n : 0;
    if (x->totp_n > 0) {
        memcpy(x->totp, u->totp.p, x->totp_n);
    }
    x->totp_last = u->totp_last;
    snprintf(x->p->login, sizeof x->p->login, "%s", u->login);
    snprintf(x->p->name, sizeof x->p->name, "%s", u->name);
    snprintf(x->p->role, sizeof x->p->role, "%s", u->role);
    snprintf(x->p->org, sizeof x->p->org, "%s", u->org);
    x->p->one_time = u->one_time;
    x->p->second = u->totp.n > 0;
    return 0;
}

static int user_get(struct api_call *c, const char *login, struct one_user *x)
{
    int r = staff_user_get(c->app->store, login, on_user, x);
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

int api_session_load(struct api_call *c)
{
    uint8_t token[API_TOKEN_LEN];
    struct api_person p = {0};
    struct one_user u = {.p = &p};
    /* The unprefixed name counts only where there is no TLS: another port could set it. */
    bool have = c->rq->cookie != NULL &&
                (cookie_get(c->rq->cookie, cookie_tls, token) ||
                 (!c->rq->is_tls && cookie_get(c->rq->cookie, cookie_plain, token)));
    if (!have) {
        return 0;
    }
    hash_token(token, p.token);
    mem_wipe(token, sizeof token);
    int r = staff_session_get(c->app->store, p.token, on_session, &p);
    if (r < 0) {
        return r == SANJI_E_NOT_FOUND ? 0 : r;
    }
    bool over = c->now >= p.expires || c->now - p.seen > c->app->cfg.session_idle ||
                c->now - p.created > c->app->cfg.session_max;
    if (over) {
        return staff_session_del(c->app->store, p.token);
    }
    char login[sizeof p.login];
    memcpy(login, p.login, sizeof login);
    r = user_get(c, login, &u);
    if (r == 0 && u.found && !u.disabled) {
        c->me = p;
    }
    wipe(&u);
    return r;
}

/* Written seldom: each write of the session is a write to the disk. */
int api_session_touch(struct api_call *c)
{
    int64_t step = c->app->cfg.session_idle / 10;
    step = step < TOUCH_MS ? step : TOUCH_MS;
    if (c->now - c->me.seen < step && c->now >= c->me.seen) {
        return 0;
    }
    int r = staff_session_seen(c->app->store, c->me.token, c->now, c->me.expires);
    return r == SANJI_E_FULL || r == SANJI_E_NOT_FOUND ? 0
                                                       : r; /* a full disk still lets people read */
}

static void set_cookie(struct api_call *c, const char *value, const char *more)
{
    bool tls = secure(c->rq);
    snprintf(c->rep->text, 256, "%s=%s; Path=/; HttpOnly; SameSite=Strict%s%s",
             tls ? cookie_tls : cookie_plain, value, tls ? "; Secure" : "", more);
    api_header(c->rep, "Set-Cookie", c->rep->text);
}

/* At most so many browsers a person: the oldest log-ins end. */
struct oldest {
    int n;
    int64_t created;
    uint8_t token[HASH_LEN];
};
enum { SESSIONS_MAX = 16 };

static int on_listed(const struct staff_session *x, void *arg)
{
    struct oldest *o = arg;
    if (o->n++ == 0 || x->created < o->created) {
        o->created = x->created;
        memcpy(o->token, x->token, HASH_LEN);
    }
    return 0;
}

static int trim_sessions(struct api_call *c)
{
    struct oldest o = {0};
    int r = staff_session_list(c->app->store, c->me.login, on_listed, &o);
    return r == 0 && o.n >= SESSIONS_MAX ? staff_session_del(c->app->store, o.token) : r;
}

/* A new token for c->me, inside the route's transaction. A page that is open keeps its CSRF token
 * when the password changes. */
static int session_begin(struct api_call *c)
{
    uint8_t rnd[2 * API_TOKEN_LEN];
    char text[B64U_LEN(API_TOKEN_LEN) + 1] = {0};
    struct staff_session s = {.login = c->me.login, .csrf = c->me.csrf};
    int r = app_random(rnd, sizeof rnd);
    if (r == 0) {
        r = trim_sessions(c);
    }
    if (r < 0) {
        return r;
    }
    if (c->me.csrf[0] == '\0') {
        memset(c->me.csrf, 0, sizeof c->me.csrf);
        b64u_put(rnd + API_TOKEN_LEN, API_TOKEN_LEN, c->me.csrf);
    }
    b64u_put(rnd, API_TOKEN_LEN, text);
    hash_token(rnd, s.token);
    s.created = s.seen = c->now;
    s.expires = c->now + c->app->cfg.session_max;
    r = staff_session_add(c->app->store, &s);
    if (r == 0) {
        memcpy(c->me.token, s.token, HASH_LEN);
        set_cookie(c, text, "");
    }
    mem_wipe(rnd, sizeof rnd);
    mem_wipe(text, sizeof text);
    return r;
}

/* Kinds that are open to this person: "r" reads, "w" writes, "p" sees personal members. */
static void put_may(struct api_call *c)
{
    if (c->me.org[0] != '\0') {
        jw_str(&c->w, "org", c->me.org);
    }
    jw_obj(&c->w, "may");
    for (size_t i = 0; i < kinds_n; i++) {
        const struct kind *k = kinds[i];
        char may[4] = "";
        size_t n = 0;
        if (!api_may(c, k, KACT_READ)) {
            continue;
        }
        may[n++] = 'r';
        if (api_may(c, k, KACT_WRITE)) {
            may[n++] = 'w';
        }
        if (kind_has_personal(k) && api_may(c, k, KACT_PERSONAL)) {
            may[n++] = 'p';
        }
        jw_strn(&c->w, k->name, may, n);
    }
    jw_end_obj(&c->w);
}

int h_me(struct api_call *c)
{
    const struct roster_node *n = app_self_node(c->app);
    const char *lang = c->app->cfg.language;
    jw_obj(&c->w, NULL);
    jw_str(&c->w, "login", c->me.login);
    jw_str(&c->w, "name", c->me.name);
    jw_str(&c->w, "role", c->me.role);
    jw_str(&c->w, "csrf", c->me.csrf);
    jw_bool(&c->w, "must_change", c->me.one_time);
    jw_bool(&c->w, "second", c->me.second);
    jw_bool(&c->w, "must_second", api_lacks_second(c));
    put_may(c);
    jw_str(&c->w, "lang", strcmp(lang, "auto") == 0 ? text_lang_name(c->lang) : lang);
    jw_obj(&c->w, "node");
    jw_str(&c->w, "id", app_id(c->app));
    jw_str(&c->w, "name", n == NULL ? "" : n->name);
    jw_int(&c->w, "lv", n == NULL ? 0 : n->lv);
    jw_str(&c->w, "tier", n == NULL ? "" : app_tier_name(n->lv));
    api_put_area(c, n == NULL ? "" : n->area);
    jw_end_obj(&c->w);
    jw_end_obj(&c->w);
    return 0;
}

int api_too_many(struct api_call *c, int64_t wait_ms)
{
    char *s = c->rep->text + 256;
    snprintf(s, 32, "%lld", (long long)((wait_ms + 999) / 1000));
    api_header(c->rep, "Retry-After", s);
    snprintf(c->f.want, sizeof c->f.want, "%.20s s", s);
    c->code = "too_many_tries";
    return SANJI_E_RATE;
}

int h_login(struct api_call *c)
{
    const char *login = c->in.login.login;
    struct api_person p = {0};
    struct one_user u = {.p = &p};
    int64_t wait = api_login_gate(c->api, c->rq->peer, login, c->mono);
    if (wait > 0) {
        return api_too_many(c, wait);
    }
    int r = strlen(login) <= STAFF_LOGIN_BYTES ? user_get(c, login, &u) : 0;
    if (r < 0) {
        return r;
    }
    bool right = password_check(c->in.login.password, u.found ? u.pass : NULL);
    bool second = right && !u.disabled && u.totp_n > 0, lacks = second && c->in.login.code == NULL;
    int64_t step = 0;
    c->code = lacks ? "need_code" : second ? "wrong_code" : "wrong_password";
    if (second && !lacks) {
        right = totp_check(span_of(u.totp, u.totp_n), c->in.login.code, c->now, u.totp_last, &step);
    }
    wipe(&u);
    /* A name that is nobody's is not written down: people type passwords into the wrong field. */
    c->me = u.found ? p : (struct api_person){0};
    if (lacks) { /* half of a log-in: neither a failure nor a reason to forget earlier ones */
        return SANJI_E_UNAUTHORISED;
    }
    right = right && !u.disabled;
    api_login_result(c->api, c->rq->peer, login, c->mono, right);
    if (!right) {
        return SANJI_E_UNAUTHORISED;
    }
    c->code = NULL;
    r = step > 0 ? staff_totp_use(c->app->store, c->me.login, step) : 0;
    if (r == 0) {
        r = session_begin(c);
    }
    return r == 0 ? h_me(c) : r;
}

int h_logout(struct api_call *c)
{
    int r = staff_session_del(c->app->store, c->me.token);
    if (r == 0) {
        set_cookie(c, "", "; Max-Age=0");
    }
    jw_obj(&c->w, NULL);
    jw_bool(&c->w, "ok", true);
    jw_end_obj(&c->w);
    return r;
}

struct new_pass {
    struct api_call *c;
    const char *hash;
    int r;
};

static int on_change(const struct staff_user *u, void *arg)
{
    struct new_pass *x = arg;
    struct staff_user n = *u;
    n.pass = x->hash;
    n.one_time = false;
    n.fails = n.until = 0;
    n.changed = x->c->now;
    return staff_user_set(x->c->app->store, &n);
}

int api_password_is(struct api_call *c, const char *member, const char *password)
{
    struct api_person p = {0};
    struct one_user u = {.p = &p};
    int64_t wait = api_login_gate(c->api, c->rq->peer, c->me.login, c->mono);
    if (wait > 0) {
        return api_too_many(c, wait);
    }
    int r = user_get(c, c->me.login, &u);
    if (r < 0) {
        return r;
    }
    bool right = u.found && password_check(password, u.pass);
    wipe(&u);
    api_login_result(c->api, c->rq->peer, c->me.login, c->mono, right);
    if (!right) {
        c->code = "wrong_password";
        return fault_set(&c->f, SANJI_E_FORBIDDEN, member, NULL); /* 401 would look signed out */
    }
    return 0;
}

int api_session_anew(struct api_call *c)
{
    int r = staff_session_del_user(c->app->store, c->me.login, NULL);
    return r == 0 ? session_begin(c) : r;
}

int h_password(struct api_call *c)
{
    char hash[PASSWORD_HASH_BYTES];
    const char *want = NULL;
    if (password_policy(c->in.password.new, c->me.login, &want) < 0) {
        c->code = "weak_password";
        return fault_set(&c->f, SANJI_E_SPEC, "new", want);
    }
    if (strcmp(c->in.password.new, c->in.password.old) == 0) {
        c->code = "same_password";
        return fault_set(&c->f, SANJI_E_SPEC, "new", NULL);
    }
    int r = api_password_is(c, "old", c->in.password.old);
    if (r < 0) {
        return r;
    }
    r = password_hash(c->in.password.new, hash);
    struct new_pass x = {c, hash, 0};
    if (r == 0) {
        r = staff_user_get(c->app->store, c->me.login, on_change, &x);
    }
    mem_wipe(hash, sizeof hash);
    c->me.one_time = false;
    if (r == 0) {
        r = api_session_anew(c);
    }
    return r == 0 ? h_me(c) : r;
}
