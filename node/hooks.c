/* SPDX-License-Identifier: Apache-2.0 */
/* A few requests at a time, one of each hook, so that a receiver that is slow or gone keeps the
 * others' messages waiting no longer than their turn. */
#include "node/hooks.h"

#include "node/app_hook.h"
#include "node/log.h"
#include "node/loop.h"
#include "node/peer/address.h"
#include "node/peer/link_https.h"
#include "node/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_MS = 2000, FLIGHTS = 4, TIMEOUT_MS = 15000, CONNECT_MS = 8000, REPLY_MAX = 65536 };

struct flight {
    struct hooks *h;
    struct link *link; /* NULL: free */
    struct app_hook_job *job;
};
struct hooks {
    struct loop *loop;
    struct worker *worker;
    struct app *app;
    struct loop_timer *timer;
    struct flight flight[FLIGHTS];
    bool looking, over;
};

/* What the database thread is asked, and what it found. */
struct look {
    struct hooks *h;
    int64_t busy[FLIGHTS];
    size_t n_busy, room, n;
    struct app_hook_job *job[FLIGHTS];
    bool reach_private;
    char ca[CONFIG_TEXT_BYTES];
};
struct done {
    struct hooks *h;
    int64_t n, hook;
    bool taken;
    char why[48];
};

/* ---- database thread ---- */

static void note(void *arg)
{
    struct done *d = arg;
    int r = app_hook_done(d->h->app, d->n, d->hook, d->taken ? NULL : d->why);
    if (r < 0) {
        log_event(LOG_ERR, "hook.note", "err=%s", err_name(r));
    }
    free(d);
}

static void took(struct app_hook_job *j, void *arg)
{
    struct look *k = arg;
    if (k->n < k->room) {
        k->job[k->n++] = j;
    } else {
        app_hook_job_free(j);
    }
}

static void start(void *arg);

static void look(void *arg)
{
    struct look *k = arg;
    struct app *a = k->h->app;
    int r = app_hook_look(a);
    r = r < 0 ? r : app_hook_due(a, k->busy, k->n_busy, took, k);
    if (r < 0) {
        log_event(LOG_ERR, "hook.look", "err=%s", err_name(r));
    }
    k->reach_private = a->cfg.hook_private;
    memcpy(k->ca, a->cfg.hook_ca, sizeof k->ca);
    if (loop_post(k->h->loop, start, k) < 0) {
        for (size_t i = 0; i < k->n; i++) {
            app_hook_job_free(k->job[i]);
        }
        free(k); /* `looking` stays set: no memory, and messages wait for a restart */
    }
}

/* ---- loop thread ---- */

static void ended(struct flight *f, bool taken, const char *why)
{
    struct done *d = calloc(1, sizeof *d);
    if (!taken) { /* never the address: a robot's holds its key */
        log_event(LOG_NOTICE, "hook.failed", "hook=%lld why=%s", (long long)f->job->hook, why);
    }
    if (d != NULL) {
        *d = (struct done){.h = f->h, .n = f->job->n, .hook = f->job->hook, .taken = taken};
        snprintf(d->why, sizeof d->why, "%s", why);
    }
    app_hook_job_free(f->job);
    link_free(f->link);
    f->link = NULL;
    f->job = NULL;
    if (d != NULL && worker_post(f->h->worker, WORK_IDLE, note, d) < 0) {
        free(d); /* stopping: it comes again */
    }
}

static void on_result(const struct link_result *res, void *arg)
{
    struct flight *f = arg;
    char why[48];
    snprintf(why, sizeof why, "%s", link_outcome_name(res->outcome));
    bool taken = res->outcome == LINK_OK && app_hook_taken(f->job->form, res->status, res->body);
    if (res->outcome == LINK_OK) {
        snprintf(why, sizeof why, "HTTP %d", res->status);
    }
    ended(f, taken, why);
}

static int fly(struct flight *f, const struct look *k)
{
    struct app_hook_job *j = f->job;
    bool tls = strncmp(buf_str(&j->base), "https://", 8) == 0;
    const struct link_cfg cfg = {
        .url = buf_str(&j->base),
        .plain = !tls,
        .verify_ca = tls,
        .ca_file = k->ca[0] == '\0' ? NULL : k->ca,
        .reach = j->local           ? REACH_LOOPBACK
                 : k->reach_private ? REACH_PUBLIC | REACH_PRIVATE
                                    : REACH_PUBLIC,
        .connect_ms = CONNECT_MS,
        .timeout_ms = TIMEOUT_MS,
    };
    const struct http_header h[] = {{"Content-Type", "application/json; charset=utf-8"},
                                    {"X-Sanji-Time", j->time},
                                    {"X-Sanji-Signature", j->sign}};
    const struct link_call call = {
        .path = buf_str(&j->path),
        .headers = h,
        .header_n = j->sign[0] == '\0' ? 1 : 3,
        .body = j->body.data,
        .body_len = j->body.len,
        .max_reply = REPLY_MAX,
        .fn = on_result,
        .arg = f,
    };
    int r = link_new(f->h->loop, &cfg, &f->link);
    return r < 0 ? r : link_post(f->link, 0, &call);
}

static void start(void *arg)
{
    struct look *k = arg;
    struct hooks *h = k->h;
    size_t at = 0;
    for (size_t i = 0; i < k->n; i++) {
        while (at < FLIGHTS && h->flight[at].job != NULL) {
            at++;
        }
        if (h->over || at == FLIGHTS) {
            app_hook_job_free(k->job[i]);
            continue;
        }
        h->flight[at].job = k->job[i];
        int r = fly(&h->flight[at], k);
        if (r < 0) {
            ended(&h->flight[at], false, err_name(r));
        }
    }
    h->looking = false;
    free(k);
}

static void on_timer(void *arg)
{
    struct hooks *h = arg;
    struct look *k = h->looking ? NULL : calloc(1, sizeof *k);
    if (k == NULL) {
        return;
    }
    k->h = h;
    for (size_t i = 0; i < FLIGHTS; i++) {
        if (h->flight[i].job != NULL) {
            k->busy[k->n_busy++] = h->flight[i].job->hook;
        }
    }
    k->room = FLIGHTS - k->n_busy;
    h->looking = true;
    if (worker_post(h->worker, WORK_IDLE, look, k) < 0) {
        h->looking = false;
        free(k);
    }
}

int hooks_new(struct loop *l, struct worker *w, struct app *a, struct hooks **ret)
{
    struct hooks *h = calloc(1, sizeof *h);
    if (h == NULL) {
        return SANJI_E_NOMEM;
    }
    h->loop = l;
    h->worker = w;
    h->app = a;
    for (size_t i = 0; i < FLIGHTS; i++) {
        h->flight[i].h = h;
    }
    h->timer = loop_timer_new(l, on_timer, h);
    int r = h->timer == NULL ? SANJI_E_NOMEM : loop_timer_every(h->timer, LOOK_MS);
    if (r < 0) {
        hooks_free(h);
        return r;
    }
    *ret = h;
    return 0;
}

void hooks_stop(struct hooks *h)
{
    if (h != NULL) {
        h->over = true;
    }
}

void hooks_free(struct hooks *h)
{
    if (h == NULL) {
        return;
    }
    loop_timer_free(h->timer);
    for (size_t i = 0; i < FLIGHTS; i++) {
        link_free(h->flight[i].link);
        app_hook_job_free(h->flight[i].job);
    }
    free(h);
}
