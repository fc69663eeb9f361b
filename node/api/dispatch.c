/* SPDX-License-Identifier: Apache-2.0 */
/* One request, in one order: path and method, host, session and role, origin and CSRF token,
 * content type, length, form of the body, transaction, handler, audit row, reply. What is wrong
 * earlier hides what is wrong later, so a stranger learns nothing about what lies behind a log-in.
 */
#include "node/api/route.h"

#include "node/app_codes.h"
#include "node/app_import.h"
#include "node/log.h"
#include "node/tidy.h"
#include "node/web/assets.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 4 << 20, SWEEP_MS = 600000, CSP_N = 9 };
/* What nobody has gone on with for so long holds people's data for nothing. */
#define DRAFT_MS (INT64_C(90) * 86400000)

/* ---- roles ---- */

bool api_role_may(const char *role, enum api_who who)
{
    static const struct {
        const char *role;
        bool cases, file, write, audit, admin;
    } roles[] = {
        {"admin", true, true, true, true, true},
        {"manager", true, true, true, false, false},
        {"clerk", true, true, true, false, false},
        {"reviewer", true, true, true, false, false},
        {"supervisor", true, false, false, true, false},
        {KIND_MEMBER, false, true, false, false, false},
    };
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (strcmp(role, roles[i].role) == 0) {
            return who == WHO_CASES   ? roles[i].cases
                   : who == WHO_FILE  ? roles[i].file
                   : who == WHO_WRITE ? roles[i].write
                   : who == WHO_AUDIT ? roles[i].audit
                   : who == WHO_ADMIN ? roles[i].admin
                                      : true;
        }
    }
    return false;
}

/* ---- routes ---- */

/* One segment of the pattern against one of the path. */
static bool match(const char *pat, const char *path, char param[API_PARAMS][API_PARAM_BYTES])
{
    size_t n = 0;
    while (*pat == '/' && *path == '/') {
        pat++;
        path++;
        size_t pn = strcspn(pat, "/"), sn = strcspn(path, "/");
        if (pn == 1 && pat[0] == ':') {
            if (sn == 0 || n == API_PARAMS ||
                http_percent_decode(path, sn, false, param[n], API_PARAM_BYTES) < 0) {
                return false;
            }
            n++;
        } else if (pn != sn || memcmp(pat, path, pn) != 0) {
            return false;
        }
        pat += pn;
        path += sn;
    }
    return *pat == '\0' && *path == '\0';
}

const struct api_route *api_route_find(const char *method, const char *path,
                                       char param[API_PARAMS][API_PARAM_BYTES], int *ret_status,
                                       char allow[static 32])
{
    const struct api_route *other = NULL;
    bool fixed = false;
    for (size_t i = 0; i < api_routes_n; i++) {
        if (!match(api_routes[i].path, path, param)) {
            continue;
        }
        if (strcmp(api_routes[i].method, method) == 0) {
            return &api_routes[i];
        }
        /* "/api/stats/cell" must not make a POST look like one to a pattern it also fits. */
        if (!fixed) {
            fixed = strchr(api_routes[i].path, ':') == NULL;
            other = &api_routes[i];
        }
    }
    *ret_status = other == NULL ? 404 : 405;
    snprintf(allow, 32, "%s", other == NULL ? "" : other->method[0] == 'G' ? "GET, HEAD" : "POST");
    return NULL;
}

bool api_is_route(const char *path)
{
    return strncmp(path, "/api/", 5) == 0 || strcmp(path, "/api") == 0 ||
           strncmp(path, "/hsds/", 6) == 0 || strcmp(path, "/hsds") == 0 ||
           strncmp(path, "/calendar/", 10) == 0 || strcmp(path, "/healthz") == 0 ||
           strcmp(path, "/metrics") == 0;
}

/* ---- replies ---- */

void api_header(struct api_reply *rep, const char *name, const char *value)
{
    assert(rep->n_h < API_HEADERS);
    rep->h[rep->n_h++] = (struct http_header){name, value};
}

size_t api_security_headers(bool strict, struct http_header *h, size_t max)
{
    static const struct http_header fixed[] = {
        {"Content-Security-Policy", WEB_CSP "; object-src 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
        {"Strict-Transport-Security", "max-age=31536000"},
    };
    size_t n = sizeof fixed / sizeof fixed[0] - (strict ? 0 : 1);
    assert(n <= max);
    memcpy(h, fixed, n * sizeof *h);
    return n;
}

static void put_message(struct api_call *c, int err)
{
    char key[64];
    struct buf b;
    buf_init(&b, 2048);
    snprintf(key, sizeof key, "%s%.40s", c->code != NULL ? "api." : "error.",
             c->code != NULL ? c->code : err_name(err));
    if (c->code != NULL && text_has(c->lang, key)) {
        text_put(&b, c->lang, key, "want", text_want(c->lang, c->f.want), NULL);
    } else if (c->code == NULL && text_has(c->lang, key)) {
        text_fault(&b, c->lang, err, &c->f);
    }
    if (b.len > 0 && b.err == 0) { /* the pages have words of their own when there are none here */
        jw_strn(&c->w, "message", (const char *)b.data, b.len);
    }
    buf_done(&b);
}

void api_error_begin(struct api_call *c, int err)
{
    c->rep->status = err_http(err) < 400 ? 500 : err_http(err);
    buf_reset(&c->rep->body);
    jw_init(&c->w, &c->rep->body);
    jw_obj(&c->w, NULL);
    jw_str(&c->w, "err", c->code != NULL ? c->code : err_name(err));
    if (c->f.member[0] != '\0') {
        jw_str(&c->w, "member", c->f.member);
    }
    if (c->f.want[0] != '\0') {
        jw_str(&c->w, "want", c->f.want);
    }
    put_message(c, err);
}

static void reply_error(struct api_call *c, int err)
{
    if (err == SANJI_E_BUG || err == SANJI_E_CORRUPT || err == SANJI_E_IO) {
        c->api->bugs += err == SANJI_E_BUG;
        log_event(LOG_ERR, "api.failed", "err=%s route=%s", err_name(err),
                  c->route == NULL ? "" : c->route->path);
    }
    api_error_begin(c, err);
    jw_end_obj(&c->w);
    if (jw_done(&c->w) < 0) {
        buf_reset(&c->rep->body);
        buf_puts(&c->rep->body, "{\"err\":\"bug\"}");
    }
}

static int refuse(struct api_call *c, int err, const char *code)
{
    c->code = code;
    return err;
}

/* ---- the steps ---- */

static enum text_lang language_of(const struct api_call *c)
{
    const char *p = c->rq->accept_language;
    for (int i = 0; p != NULL && i < 16; i++) {
        p += strspn(p, " ,");
        if (strncmp(p, "zh", 2) == 0 || strncmp(p, "en", 2) == 0) {
            return p[0] == 'z' ? TEXT_ZH : TEXT_EN;
        }
        p = strchr(p, ',');
    }
    int l = text_pick_env(c->app->cfg.language);
    return l == TEXT_EN ? TEXT_EN : TEXT_ZH;
}

/* Who stands for an organisation files for one. */
static int check_role(const struct api_call *c, enum api_who who)
{
    bool nobodys = strcmp(c->me.role, KIND_MEMBER) == 0 && c->me.org[0] == '\0';
    return api_role_may(c->me.role, who) && !(who == WHO_FILE && nobodys) ? 0 : SANJI_E_FORBIDDEN;
}

static int check_caller(struct api_call *c)
{
    enum api_who who = c->route->who;
    if (who == WHO_LOCAL) {
        return api_peer_is_local(c->rq->peer) ? 0 : SANJI_E_NOT_FOUND;
    }
    if (who == WHO_ANYONE) {
        return 0;
    }
    int r = api_has_token(c->rq) ? api_token_load(c) : api_session_load(c);
    if (r < 0) {
        return r;
    }
    if (c->me.login[0] == '\0') {
        return SANJI_E_UNAUTHORISED;
    }
    if (c->me.by_token != 0) {
        return !api_token_may(c->route) ? refuse(c, SANJI_E_FORBIDDEN, "token_route")
                                        : check_role(c, who);
    }
    if (who != WHO_SELF && c->me.one_time) {
        return refuse(c, SANJI_E_FORBIDDEN, "must_change");
    }
    if (who != WHO_SELF && api_lacks_second(c)) {
        return refuse(c, SANJI_E_FORBIDDEN, "must_second");
    }
    return check_role(c, who);
}

static bool is_write(const struct api_route *r)
{
    return r->method[0] != 'G';
}

/* A browser that is logged in here may be made to send requests by any page it shows. */
static int check_origin(struct api_call *c)
{
    if (!is_write(c->route)) {
        return 0;
    }
    if (!api_origin_ok(c->rq)) {
        c->api->refused_origin++;
        return refuse(c, SANJI_E_FORBIDDEN, "origin");
    }
    if (c->me.login[0] == '\0' || c->me.by_token != 0) {
        return 0; /* the log-in itself, or a program: there is no session to abuse */
    }
    size_t n = strlen(c->me.csrf);
    bool same = c->rq->csrf != NULL && n > 0 && strlen(c->rq->csrf) == n &&
                mem_equal_ct(c->rq->csrf, c->me.csrf, n);
    return same ? 0 : refuse(c, SANJI_E_FORBIDDEN, "csrf");
}

static int check_body(struct api_call *c)
{
    if ((int64_t)c->rq->body.n > c->route->body_max) {
        return SANJI_E_SIZE;
    }
    if (c->route->spec == NULL) {
        return 0;
    }
    const char *t = c->rq->content_type;
    if (t == NULL || strncasecmp(t, "application/json", 16) != 0 ||
        (t[16] != '\0' && t[16] != ';' && t[16] != ' ')) {
        return refuse(c, SANJI_E_SYNTAX, "content_type");
    }
    struct buf tidy;
    buf_init(&tidy, (size_t)c->route->body_max + 16);
    int r = tidy_json(c->rq->body, &tidy, &c->f);
    if (r == 0) {
        c->arena = arena_new(ARENA_BYTES);
        r = c->arena == NULL ? SANJI_E_NOMEM
                             : jspec_read(tidy.data, tidy.len, c->route->spec, &c->in,
                                          c->route->spec_size, c->arena, &c->f);
    }
    buf_wipe_done(&tidy); /* passwords */
    return r;
}

int api_audit(struct api_call *c, const char *result)
{
    char what[64];
    snprintf(what, sizeof what, "%s %.50s", c->route->method, c->route->path);
    struct staff_audit row = {.ts = c->now,
                              .who = c->me.login,
                              .what = what,
                              .target = c->target,
                              .result = result,
                              .detail = ""};
    bool own = !store_in_tx(c->app->store);
    int r = own ? store_begin(c->app->store) : 0;
    if (r == 0) {
        r = staff_audit_add(c->app->store, &row);
        if (own && r == 0) {
            r = store_commit(c->app->store);
        } else if (own) {
            store_rollback(c->app->store);
        }
    }
    return r;
}

static const char *result_of(const struct api_call *c, int r)
{
    if (r < 0) {
        return c->code != NULL ? c->code : err_name(r);
    }
    return c->rep->status == 409 ? "conflict" : "ok";
}

/* The handler inside its transaction, the audit row in the same one where there is one. */
static int run(struct api_call *c)
{
    struct store *s = c->app->store;
    bool quiet = c->route->tx == TX_DRAFT, tx = quiet || c->route->tx == TX_STAFF;
    int r = tx ? store_begin(s) : 0;
    if (r < 0) {
        return r;
    }
    r = c->route->fn(c);
    if (r == 0 && !c->raw) {
        r = jw_done(&c->w);
    }
    if (tx && r == 0 && !quiet) {
        r = api_audit(c, "ok");
    }
    if (tx && r == 0) {
        return store_commit(s);
    }
    if (tx) {
        store_rollback(s);
    }
    assert(!store_in_tx(s));
    bool stranger = c->route->tx == TX_GUEST && r < 0;
    if (is_write(c->route) && !quiet && !stranger && r != SANJI_E_RATE && !store_is_broken(s)) {
        int e = api_audit(c, result_of(c, r));
        if (e < 0) { /* what was written stays written: say so, and loudly here */
            log_event(LOG_ERR, "api.audit", "err=%s", err_name(e));
        }
    }
    return r;
}

/* A page that asks every few seconds, and says so, is nobody at work: it keeps no log-in alive. */
static bool asks_by_itself(const struct api_call *c)
{
    return c->rq->by_itself != NULL && !is_write(c->route);
}

static int serve(struct api_call *c)
{
    int status = 0;
    char allow[32];
    c->route = api_route_find(c->rq->method, c->rq->path, c->param, &status, allow);
    if (c->route == NULL && status == 405) {
        char *a = c->rep->text + sizeof c->rep->text - sizeof allow;
        memcpy(a, allow, sizeof allow);
        api_header(c->rep, "Allow", a);
        return SANJI_E_METHOD;
    }
    if (c->route == NULL) {
        return SANJI_E_NOT_FOUND;
    }
    if (!c->route->any_host && !api_host_ok(&c->app->cfg, c->rq->host)) {
        c->api->refused_host++;
        return refuse(c, SANJI_E_FORBIDDEN, "host");
    }
    int r = check_caller(c);
    if (r == SANJI_E_FORBIDDEN && is_write(c->route)) {
        (void)api_audit(c, result_of(c, r));
    }
    if (r == 0) {
        r = check_origin(c);
    }
    if (r == 0) {
        r = check_body(c);
    }
    if (r == 0 && c->me.login[0] != '\0' && c->me.by_token == 0 && !asks_by_itself(c)) {
        r = api_session_touch(c);
    }
    if (r == 0) {
        (void)app_areas_load(c->app); /* handlers name areas and words while they read records */
        (void)app_codes_load(c->app);
    }
    return r == 0 ? run(c) : r;
}

static void sweep(struct api *a, int64_t now, int64_t mono)
{
    if (mono - a->sweep_mono >= SWEEP_MS) {
        a->sweep_mono = mono;
        (void)staff_session_expire(a->app->store, now);
        (void)staff_draft_expire(a->app->store, now - DRAFT_MS);
        (void)app_import_expire(a->app, now);
    }
}

void api_dispatch(struct api *a, const struct api_request *rq, struct api_reply *rep)
{
    struct api_call c = {.api = a, .app = a->app, .rq = rq, .rep = rep};
    c.now = app_now_ms();
    c.mono = app_mono_ms();
    c.lang = language_of(&c);
    rep->status = 200;
    rep->n_h = api_security_headers(rq->is_tls && a->authority.n == 0, rep->h, API_HEADERS);
    api_header(rep, "Cache-Control", "no-store");
    jw_init(&c.w, &rep->body);
    sweep(a, c.now, c.mono);
    int r = serve(&c);
    if (r < 0) {
        reply_error(&c, r);
    }
    if (!c.raw || r < 0) {
        api_header(rep, "Content-Type", "application/json; charset=utf-8");
    }
    api_count(a, c.route, rep->status);
    if (c.route != NULL && c.route->fn != h_health && c.route->fn != h_metrics) {
        /* One line a request would drown the rest; refusals and slow ones are worth one. */
        int64_t ms = app_mono_ms() - c.mono;
        log_event(ms > 500 || rep->status >= 500 ? LOG_NOTICE : LOG_DEBUG, "api.request",
                  "method=%s route=%s status=%d ms=%lld", c.route->method, c.route->path,
                  rep->status, (long long)ms);
    }
    arena_free(c.arena);
    mem_wipe(&c.in, sizeof c.in);
}

/* ---- the interface ---- */

int api_new(struct app *app, struct api **ret)
{
    struct api *a = calloc(1, sizeof *a);
    if (a == NULL) {
        return SANJI_E_NOMEM;
    }
    a->app = app;
    a->started_mono = app_mono_ms();
    a->sweep_mono = a->started_mono - SWEEP_MS; /* what ended while the node was down goes first */
    a->requests = calloc(api_routes_n + 1, 6 * sizeof *a->requests);
    int r = a->requests == NULL ? SANJI_E_NOMEM : app_random(a->salt, sizeof a->salt);
    if (r < 0) {
        api_free(a);
        return r;
    }
    *ret = a;
    return 0;
}

void api_set_authority(struct api *a, struct span der)
{
    a->authority = der;
}

void api_free(struct api *a)
{
    if (a != NULL) {
        free(a->requests);
        free(a);
    }
}

void api_alarm(struct api *a, const struct api_alarm *al)
{
    a->alarm[a->alarm_n++ % API_ALARMS] = *al;
}

bool api_take_sync_wanted(struct api *a)
{
    bool w = a->sync_wanted;
    a->sync_wanted = false;
    return w;
}
