/* SPDX-License-Identifier: Apache-2.0 */
#include "node/serve.h"

#include "node/api/api.h"
#include "node/cli/verb.h"
#include "node/control.h"
#include "node/hooks.h"
#include "node/http/server.h"
#include "node/http/tls.h"
#include "node/log.h"
#include "node/loop.h"
#include "node/replicate.h"
#include "node/sdnotify.h"
#include "node/serve_control.h"
#include "node/staff_tls.h"
#include "node/worker.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STOP_MS = 5000, LOOK_MS = 60000 };

struct serve {
    struct loop *loop;
    struct worker *worker;
    struct app *app;
    struct api *api;
    struct replicate *rep;
    struct http_server *staff, *sync;
    struct serve_control *control;
    struct hooks *hooks;
    struct loop_signal *sig[3];
    struct loop_timer *watchdog, *look;
    struct staff_tls *staff_tls; /* NULL: plain, on loopback */
    bool strict;                 /* the certificate is one of the administrator's */
    int stopping; /* listeners still closing, plus one while the engine answers held requests */
    bool stop_begun;
};

static struct replicate *the_replicate; /* for the verb `sync`; database thread only */

void serve_ask_now(void)
{
    if (the_replicate != NULL) {
        replicate_step(the_replicate, SEV_NOW);
    }
}

/* ---- staff requests ---- */

struct staff_job {
    struct serve *s;
    struct http_request *rq;
    struct api_reply rep;
};

static void free_body(void *arg)
{
    free(arg);
}

static void staff_reply(void *arg)
{
    struct staff_job *j = arg;
    size_t n = 0;
    char *body = buf_take(&j->rep.body, &n);
    (void)http_reply_ref(j->rq, j->rep.status, j->rep.h, j->rep.n_h, body == NULL ? "" : body, n,
                         free_body, body);
    buf_done(&j->rep.body);
    free(j);
}

static void staff_run(void *arg)
{
    struct staff_job *j = arg;
    (void)app_outbox_flush(j->s->app);
    api_handle(j->s->api, j->rq, &j->rep);
    if (api_take_sync_wanted(j->s->api)) {
        replicate_step(j->s->rep, SEV_NOW);
    }
    replicate_after_app(j->s->rep);
    if (loop_post(j->s->loop, staff_reply, j) < 0) {
        buf_done(&j->rep.body); /* the request is answered when the server is freed */
        free(j);
    }
}

static void on_staff(struct http_request *rq, void *arg)
{
    struct serve *s = arg;
    if (!api_is_route(http_path(rq))) {
        api_static(rq, s->strict);
        return;
    }
    struct staff_job *j = calloc(1, sizeof(*j));
    if (j != NULL) {
        j->s = s;
        j->rq = rq;
        buf_init(&j->rep.body, (size_t)32 << 20);
    }
    if (j == NULL || worker_post(s->worker, WORK_STAFF, staff_run, j) < 0) {
        free(j);
        (void)http_reply(rq, 503, NULL, 0, "", 0);
    }
}

static int64_t staff_body(const struct http_request *rq, void *arg)
{
    (void)arg;
    return api_body_max(rq);
}

static void on_sync(struct http_request *rq, void *arg)
{
    struct serve *s = arg;
    replicate_request(rq, s->rep);
}

/* ---- alarms ---- */

static void on_alarm(const struct sync_wish *w, void *arg)
{
    static struct log_limit lim;
    struct serve *s = arg;
    struct api_alarm al = {.ts = app_now_ms(), .err = w->err, .peer = w->peer};
    memcpy(al.text, w->text, sizeof(al.text));
    api_alarm(s->api, &al);
    log_event_limited(&lim, 1000, LOG_WARNING, "sync.alarm", "err=%s peer=%s what=%s",
                      err_name(w->err), w->peer.s, w->text);
}

/* ---- start and stop ---- */

static void stopped(void *arg)
{
    struct serve *s = arg;
    if (--s->stopping == 0) {
        loop_stop(s->loop);
    }
}

static void engine_stop(void *arg)
{
    struct serve *s = arg;
    (void)app_outbox_flush(s->app);
    replicate_step(s->rep, SEV_STOP);
    if (loop_post(s->loop, stopped, s) < 0) {
        loop_stop(s->loop);
    }
}

/* ---- the certificate of the staff pages ---- */

struct new_certificate {
    struct serve *s;
    struct ssl_ctx_st *ctx;
};

static void certificate_set(void *arg)
{
    struct new_certificate *n = arg;
    if (!n->s->stop_begun) {
        http_server_set_tls(n->s->staff, n->ctx);
    }
    tls_ctx_free(n->ctx);
    free(n);
}

/* On the database thread, which the settings and the roster belong to. */
static void certificate_look(void *arg)
{
    struct serve *s = arg;
    if (!staff_tls_look(s->staff_tls)) {
        return;
    }
    api_set_authority(s->api, staff_tls_ca(s->staff_tls));
    struct new_certificate *n = malloc(sizeof *n);
    if (n == NULL) {
        return; /* the one in use stays good for months */
    }
    *n = (struct new_certificate){s, staff_tls_ctx(s->staff_tls)};
    if (loop_post(s->loop, certificate_set, n) < 0) {
        tls_ctx_free(n->ctx);
        free(n);
    }
}

static void on_look(void *arg)
{
    struct serve *s = arg;
    (void)worker_post(s->worker, WORK_IDLE, certificate_look, s);
}

/* ---- signals ---- */

static void on_signal(int signo, void *arg)
{
    struct serve *s = arg;
    if (signo == SIGHUP) {
        serve_control_reload(s->control);
        if (s->staff_tls != NULL) {
            on_look(s);
        }
        return;
    }
    if (s->stop_begun) {
        loop_stop(s->loop); /* a second signal: now */
        return;
    }
    s->stop_begun = true;
    sdnotify_send("STOPPING=1");
    log_event(LOG_INFO, "serve.stopping", "signal=%d", signo);
    s->stopping = 1;
    struct http_server *const all[] = {s->staff, s->sync};
    for (size_t i = 0; i < 2; i++) {
        if (all[i] != NULL) {
            s->stopping++;
            if (http_server_stop(all[i], STOP_MS, stopped, s) < 0) {
                s->stopping--;
            }
        }
    }
    if (worker_post(s->worker, WORK_SYNC, engine_stop, s) < 0) { /* staff may be held */
        stopped(s);
    }
}

static void on_watchdog(void *arg)
{
    struct serve *s = arg;
    long long since = worker_busy_since(s->worker);
    if (since == 0 || loop_now_ms() - since < 120000) {
        sdnotify_send("WATCHDOG=1");
    }
}

/* ---- listening ---- */

/* A socket that was handed over says itself where it listens, whatever the settings say. */
static bool speaks_tls(const struct config *c, int fd)
{
    struct sockaddr_storage ss = {0};
    socklen_t n = sizeof ss;
    if (fd <= 0) {
        return app_staff_speaks_tls(c);
    }
    if (c->staff_tls || getsockname(fd, (struct sockaddr *)&ss, &n) < 0) {
        return true;
    }
    const struct sockaddr_in *a4 = (const void *)&ss;
    const struct sockaddr_in6 *a6 = (const void *)&ss;
    return ss.ss_family == AF_INET    ? (ntohl(a4->sin_addr.s_addr) >> 24) != 127
           : ss.ss_family == AF_INET6 ? !IN6_IS_ADDR_LOOPBACK(&a6->sin6_addr)
                                      : true;
}

static int listen_staff(struct serve *s, int fd, struct fault *f)
{
    const struct config *c = &s->app->cfg;
    struct http_server_cfg cfg = {.listen = c->staff_listen, .fd = fd};
    cfg.fn = on_staff;
    cfg.body_fn = staff_body;
    cfg.arg = s;
    cfg.max_conns = (unsigned)c->staff_connections;
    cfg.max_body = LIM_MESSAGE_BYTES;
    if (c->staff_listen[0] == '\0' && fd <= 0) {
        return 0;
    }
    /* Passwords never travel in clear: off loopback the staff pages speak TLS whatever is set. */
    if (speaks_tls(c, fd)) {
        int r = staff_tls_new(s->app, &s->staff_tls, f);
        if (r < 0) {
            return r;
        }
        api_set_authority(s->api, staff_tls_ca(s->staff_tls));
        s->strict = staff_tls_ca(s->staff_tls).n == 0;
        cfg.tls = staff_tls_ctx(s->staff_tls);
        s->look = loop_timer_new(s->loop, on_look, s);
    }
    int r = s->staff_tls != NULL && s->look == NULL ? SANJI_E_NOMEM
                                                    : http_server_new(s->loop, &cfg, &s->staff);
    tls_ctx_free(cfg.tls);
    if (r < 0) {
        return fault_set(f, r, "staff_listen", "an address and a free port of this machine");
    }
    return s->look == NULL ? 0 : loop_timer_every(s->look, LOOK_MS);
}

static int listen_sync(struct serve *s, int fd, struct fault *f)
{
    char key[APP_PATH_BYTES], cert[APP_PATH_BYTES];
    const struct config *c = &s->app->cfg;
    struct http_server_cfg cfg = {.listen = c->sync_listen, .fd = fd, .fn = on_sync, .arg = s};
    cfg.max_conns = (unsigned)c->sync_connections;
    cfg.max_body = LIM_MESSAGE_BYTES;
    cfg.tls_key_path = key;
    cfg.tls_cert_path = cert;
    if (c->sync_listen[0] == '\0' && fd <= 0) {
        return 0;
    }
    int r = app_path(s->app->dir, "keys/tls.key", key);
    r = r < 0 ? r : app_path(s->app->dir, "keys/tls.crt", cert);
    r = r < 0 ? r : http_server_new(s->loop, &cfg, &s->sync);
    return r < 0 ? fault_set(f, r, "sync_listen", "an address and a free port of this machine") : 0;
}

static int start_listeners(struct serve *s, struct fault *f)
{
    int fds = sdnotify_listen_fds(); /* 3: staff, 4: sync */
    int r = listen_staff(s, fds >= 1 ? 3 : 0, f);
    return r < 0 ? r : listen_sync(s, fds >= 2 ? 4 : 0, f);
}

static void engine_start(void *arg)
{
    struct serve *s = arg;
    the_replicate = s->rep;
    replicate_step(s->rep, SEV_START);
}

static int build(struct serve *s, struct fault *f)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    const struct replicate_ops ops = {.alarm = on_alarm, .arg = s};
    s->loop = loop_new();
    int r = s->loop == NULL ? SANJI_E_NOMEM : 0;
    if (r == 0) {
        r = api_new(s->app, &s->api);
    }
    if (r == 0) {
        r = worker_new(&s->worker);
    }
    if (r == 0) {
        r = replicate_new(s->loop, s->worker, s->app, &ops, &s->rep);
    }
    if (r == 0) {
        r = start_listeners(s, f);
    }
    if (r == 0) {
        r = serve_control_new(s->loop, s->worker, s->app, s->rep, &s->control);
    }
    if (r == 0) {
        r = hooks_new(s->loop, s->worker, s->app, &s->hooks);
    }
    for (size_t i = 0; r == 0 && i < 3; i++) {
        s->sig[i] = loop_signal_new(s->loop, signals[i], on_signal, s);
        r = s->sig[i] == NULL ? SANJI_E_NOMEM : 0;
    }
    int64_t beat = sdnotify_watchdog_ms();
    if (r == 0 && beat > 0) {
        s->watchdog = loop_timer_new(s->loop, on_watchdog, s);
        r = s->watchdog == NULL ? SANJI_E_NOMEM : loop_timer_every(s->watchdog, beat);
    }
    return r == 0 ? worker_post(s->worker, WORK_STAFF, engine_start, s) : r;
}

static void tear_down(struct serve *s)
{
    serve_control_stop(s->control);
    hooks_stop(s->hooks);
    worker_stop(s->worker); /* finishes what was accepted */
    the_replicate = NULL;
    if (s->loop != NULL) {
        loop_drain(s->loop);
    }
    serve_control_free(s->control);
    hooks_free(s->hooks);
    replicate_free(s->rep);
    http_server_free(s->staff);
    http_server_free(s->sync);
    loop_timer_free(s->watchdog);
    loop_timer_free(s->look);
    for (size_t i = 0; i < 3; i++) {
        loop_signal_free(s->sig[i]);
    }
    if (s->loop != NULL) {
        loop_drain(s->loop);
        loop_free(s->loop);
    }
    api_free(s->api);
    staff_tls_free(s->staff_tls);
    app_close(s->app);
}

int serve_run(struct app *app, void (*ready)(const struct serve_ready *r, void *arg), void *arg,
              struct fault *f)
{
    struct serve s = {.app = app};
    app->may_defer = true; /* a moment later this process is still here */
    log_set_json(app->cfg.log_json);
    log_set_level(log_level_by_name(app->cfg.log_level));
    int r = build(&s, f);
    if (r == 0) {
        struct serve_ready info = {
            .staff_port = s.staff == NULL ? 0 : http_server_port(s.staff),
            .sync_port = s.sync == NULL ? 0 : http_server_port(s.sync),
        };
        log_event(LOG_INFO, "serve.ready", "node=%s staff_port=%d sync_port=%d version=%s",
                  app_id(app), info.staff_port, info.sync_port, SANJI_VERSION);
        if (ready != NULL) {
            ready(&info, arg);
        }
        sdnotify_send("READY=1");
        r = loop_run(s.loop);
        log_event(LOG_INFO, "serve.stopped", "node=%s", app_id(app));
    }
    tear_down(&s);
    return r;
}

/* ---- one exchange without listening ---- */

struct once {
    struct loop *loop;
    struct worker *worker;
    struct replicate *rep;
    struct app *app;
    struct loop_timer *poll;
    int64_t until;
    int state;
};

static void once_start(void *arg)
{
    struct once *o = arg;
    replicate_step(o->rep, SEV_START);
    replicate_step(o->rep, SEV_NOW);
    o->state = sync_now_state(o->app->sync);
}

static void once_look(void *arg)
{
    struct once *o = arg;
    o->state = sync_now_state(o->app->sync);
    if (o->state == 0) {
        /* What arrived may ask for automatic steps and new statistics: these belong to "the same".
         */
        (void)app_tick(o->app, app_mono_ms() + 3600000);
        if (app_take_wrote(o->app)) {
            replicate_step(o->rep, SEV_LOCAL);
            replicate_step(o->rep, SEV_NOW);
            o->state = SANJI_E_PENDING;
        }
    }
    if (o->state != SANJI_E_PENDING || app_mono_ms() >= o->until) {
        loop_stop(o->loop);
    }
}

static void once_poll(void *arg)
{
    struct once *o = arg;
    (void)worker_post(o->worker, WORK_IDLE, once_look, o);
}

int serve_sync_once(struct app *app, int64_t wait_ms)
{
    const struct replicate_ops ops = {0};
    struct once o = {.app = app, .until = app_mono_ms() + wait_ms, .state = SANJI_E_PENDING};
    o.loop = loop_new();
    int r = o.loop == NULL ? SANJI_E_NOMEM : worker_new(&o.worker);
    if (r == 0) {
        r = replicate_new(o.loop, o.worker, app, &ops, &o.rep);
    }
    if (r == 0) {
        o.poll = loop_timer_new(o.loop, once_poll, &o);
        r = o.poll == NULL ? SANJI_E_NOMEM : loop_timer_every(o.poll, 20);
    }
    if (r == 0) {
        r = worker_post(o.worker, WORK_SYNC, once_start, &o);
    }
    if (r == 0) {
        r = loop_run(o.loop);
    }
    worker_stop(o.worker);
    if (o.loop != NULL) {
        loop_drain(o.loop);
    }
    replicate_free(o.rep);
    loop_timer_free(o.poll);
    if (o.loop != NULL) {
        loop_drain(o.loop);
        loop_free(o.loop);
    }
    if (r < 0) {
        return r;
    }
    return o.state == SANJI_E_PENDING ? SANJI_E_UNREACHABLE : o.state;
}
