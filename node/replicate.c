/* SPDX-License-Identifier: Apache-2.0 */
#include "node/replicate.h"

#include "node/app_backup.h"
#include "node/http/server.h"
#include "node/log.h"
#include "node/loop.h"
#include "node/peer/link_https.h"
#include "node/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UPKEEP_SOON_MS = 100, UPKEEP_IDLE_MS = 5000, CLOCK_MS = 15000, HELD_MAX = 8192 };

struct waiting { /* a child's request that the engine has not answered yet */
    uint64_t id;
    struct http_request *rq;
};

struct replicate {
    struct loop *loop;
    struct worker *worker;
    struct app *app;
    struct replicate_ops ops;
    /* loop thread */
    struct loop_timer *wake, *upkeep, *sign;
    struct link *link;
    char link_url[512];
    uint8_t link_pin[HASH_LEN];
    struct waiting *wait;
    size_t n_wait, cap_wait;
    uint64_t next_id;
    bool upkeep_soon;
    struct event_job *flying[LANE_COUNT]; /* POST under way: the link forgets it when cancelled */
    /* database thread */
    _Atomic int64_t upkeep_in, sign_in; /* read by the loop */
    bool sign_armed;
    uint64_t steps;
    const char *self;  /* what was said last of this node's own history */
    const char *clock; /* and of this machine's clock */
    int64_t clock_at;  /* mono, next look */
};

/* ---- from the database thread to the loop ---- */

struct batch { /* the wishes of one step */
    struct replicate *r;
    struct sync_out out;
    bool has_parent;
    char url[512];
    uint8_t pin[HASH_LEN];
};

static void carry_out(void *arg);

static void hand_over(struct replicate *r, struct sync_out *out)
{
    struct batch *b = calloc(1, sizeof(*b));
    if (b == NULL) {
        sync_out_done(out);
        return;
    }
    b->r = r;
    b->out = *out;
    struct node_id id;
    struct buf url;
    buf_init(&url, sizeof(b->url) - 1);
    bool post = false;
    for (size_t i = 0; i < out->n; i++) {
        post = post || out->w[i].type == SW_POST;
        if (out->w[i].type == SW_ALARM && r->ops.alarm != NULL) {
            r->ops.alarm(&out->w[i], r->ops.arg);
        }
        if (out->w[i].type == SW_CHANGED) {
            app_changed(r->app);
        }
    }
    if (post && sync_parent(r->app->sync, &id, b->pin, &url) == 0 && url.err == 0) {
        b->has_parent = true;
        (void)snprintf(b->url, sizeof(b->url), "%s", buf_str(&url));
    }
    buf_done(&url);
    if (loop_post(r->loop, carry_out, b) < 0) {
        sync_out_done(&b->out);
        free(b);
    }
}

static void say_self(const char *self)
{
    static const char *const means[][2] = {
        {"ok", "what this node has published is all here"},
        {"unconfirmed", "the data folder was put back from a backup; new epochs are written until "
                        "another node confirms how far the old ones went"},
        {"behind", "the data folder is older than what this node has published; what is missing is "
                   "being fetched"},
        {"forked", "a stream of this node has two histories that only a registrar can end; every "
                   "other stream goes on"},
        {"clone", "two machines run with this node's data; nothing is written until the parent "
                  "believes one of them"},
    };
    for (size_t i = 0; i < sizeof means / sizeof means[0]; i++) {
        if (strcmp(means[i][0], self) == 0) {
            log_event(i == 0 ? LOG_NOTICE : LOG_ERR, "node.self", "state=%s text=\"%s\"", self,
                      means[i][1]);
        }
    }
}

/* A wrong clock stops nothing, so nobody would notice it by what fails: it is said once. */
static void look_at_clock(struct replicate *r)
{
    static const struct {
        const char *word, *text;
    } means[] = {
        {"ok", "the clock is right again"},
        {"ahead",
         "this machine's clock is ahead of the parent's; set it (timedatectl set-ntp true)"},
        {"behind",
         "this machine's clock is behind the parent's; set it (timedatectl set-ntp true)"},
        {"old", "this machine's clock stands before this program was made; set it"},
        {"back", "others have signed later than this machine's clock; set it"},
        {"silent", "nothing new for more than a year: the clock is ahead, or this node was off"},
    };
    struct app_clock c;
    if (app_mono_ms() < r->clock_at) {
        return;
    }
    r->clock_at = app_mono_ms() + CLOCK_MS;
    app_clock(r->app, &c);
    if (strcmp(c.word, r->clock) == 0) {
        return;
    }
    r->clock = c.word;
    for (size_t i = 0; i < sizeof means / sizeof means[0]; i++) {
        if (strcmp(means[i].word, c.word) == 0) {
            log_event(i == 0 ? LOG_NOTICE : LOG_WARNING, "node.clock",
                      "state=%s off_ms=%lld text=\"%s\"", c.word, (long long)c.off_ms,
                      means[i].text);
        }
    }
}

static void step(struct replicate *r, const struct sync_event *ev)
{
    struct sync_tick t;
    struct sync_out out;
    memset(&out, 0, sizeof(out));
    int e = app_tick_make(&t);
    if (e == 0) {
        e = sync_step(r->app->sync, &t, ev, &out);
    }
    r->steps++;
    /* Neighbours are asked what they hold of this node before the first signature after a start;
     * and who was put back shows nothing before it has heard what was erased since. */
    worker_hold(r->worker, WORK_STAFF, sync_asking(r->app->sync) || sync_catching_up(r->app->sync));
    if (e < 0) {
        log_event(LOG_ERR, "sync.step", "err=%s", err_name(e));
    }
    if (app_self_word(r->app) != r->self) {
        r->self = app_self_word(r->app);
        say_self(r->self);
    }
    hand_over(r, &out);
}

void replicate_step(struct replicate *r, enum sync_event_type type)
{
    struct sync_event ev;
    memset(&ev, 0, sizeof(ev));
    ev.type = type;
    step(r, &ev);
}

static void sign_later(void *arg)
{
    struct replicate *r = arg;
    (void)loop_timer_once(r->sign, r->sign_in);
}

void replicate_after_app(struct replicate *r)
{
    if (app_take_wrote(r->app)) {
        replicate_step(r, SEV_LOCAL);
    }
    int64_t wait = app_outbox_wait(r->app);
    if (wait > 0 && !r->sign_armed) {
        r->sign_in = wait;
        r->sign_armed = loop_post(r->loop, sign_later, r) == 0;
    }
}

/* Records that wait for a common signature get it. */
static void sign_run(void *arg)
{
    struct replicate *r = arg;
    r->sign_armed = false;
    int e = app_outbox_flush(r->app);
    if (e < 0) {
        static struct log_limit lim;
        log_event_limited(&lim, 60000, LOG_WARNING, "outbox", "err=%s", err_name(e));
    }
    replicate_after_app(r);
}

static void on_sign(void *arg)
{
    struct replicate *r = arg;
    (void)worker_post(r->worker, WORK_STAFF, sign_run, r);
}

uint64_t replicate_steps(const struct replicate *r)
{
    return r->steps;
}

/* ---- events from the loop to the database thread ---- */

struct event_job {
    struct replicate *r;
    struct sync_event ev;
    char token[64];
    char path[64];
    struct buf body; /* ANSWER: a copy; REQUEST: the request's own memory is used */
};

static void gone_final(void *arg);

static void event_run(void *arg)
{
    struct event_job *j = arg;
    step(j->r, &j->ev);
    /* Only now is nobody reading the request's body any more: it may be let go. */
    if (j->ev.type == SEV_GONE && loop_post(j->r->loop, gone_final, j) == 0) {
        return;
    }
    buf_done(&j->body);
    free(j);
}

static struct event_job *event_new(struct replicate *r, enum sync_event_type type)
{
    struct event_job *j = calloc(1, sizeof(*j));
    if (j != NULL) {
        j->r = r;
        j->ev.type = type;
        buf_init(&j->body, LIM_MESSAGE_BYTES);
    }
    return j;
}

static int event_post(struct event_job *j)
{
    int e = worker_post(j->r->worker, WORK_SYNC, event_run, j);
    if (e < 0) {
        buf_done(&j->body);
        free(j);
    }
    return e;
}

static void on_wake(void *arg)
{
    struct event_job *j = event_new(arg, SEV_TICK);
    if (j != NULL) {
        (void)event_post(j);
    }
}

/* ---- upkeep: statistics, automatic referral events, search index ---- */

static void upkeep_again(void *arg)
{
    struct replicate *r = arg;
    if (!r->upkeep_soon) {
        (void)loop_timer_once(r->upkeep, r->upkeep_in);
    }
}

static void upkeep_run(void *arg)
{
    struct replicate *r = arg;
    int e = app_tick(r->app, app_mono_ms());
    if (e > 0) {
        r->upkeep_in = e < UPKEEP_IDLE_MS ? e : UPKEEP_IDLE_MS;
        (void)loop_post(r->loop, upkeep_again, r);
    } else if (e < 0) {
        static struct log_limit lim;
        log_event_limited(&lim, 60000, LOG_WARNING, "app.tick", "err=%s", err_name(e));
    }
    look_at_clock(r);
    struct app_backup b;
    int k = app_backup_tick(r->app, app_mono_ms(), &b);
    if (k > 0) {
        log_event(LOG_INFO, "backup.done", "bytes=%lld ms=%lld", (long long)b.bytes,
                  (long long)b.ms);
    } else if (k < 0) {
        log_event(LOG_WARNING, "backup.failed", "err=%s", err_name(k));
    }
    replicate_after_app(r);
}

static void on_upkeep(void *arg)
{
    struct replicate *r = arg;
    r->upkeep_soon = false;
    (void)worker_post(r->worker, WORK_IDLE, upkeep_run, r);
    (void)loop_timer_once(r->upkeep, UPKEEP_IDLE_MS);
}

/* ---- the parent ---- */

static const char our_type[] = "application/vnd.sanji";

/* Ends what the lane has under way. `tell`: the engine still waits for an answer to it. */
static void lane_end(struct replicate *r, enum sync_lane lane, bool tell)
{
    struct event_job *j = r->flying[lane];
    r->flying[lane] = NULL;
    if (r->link != NULL) {
        link_cancel(r->link, lane);
    }
    if (j != NULL && tell) {
        j->ev.err = SANJI_E_UNREACHABLE;
        (void)event_post(j);
    } else if (j != NULL) {
        buf_done(&j->body);
        free(j);
    }
}

static void on_answer(const struct link_result *res, void *arg)
{
    struct event_job *j = arg;
    j->r->flying[j->ev.lane] = NULL;
    j->ev.status = res->status;
    j->ev.fresh_conn = res->new_connection;
    j->ev.retry_ms = res->retry_after_ms;
    j->ev.is_ours = strncmp(res->content_type, our_type, sizeof(our_type) - 1) == 0;
    if (res->outcome != LINK_OK) {
        static struct log_limit lim;
        log_event_limited(&lim, 10000, LOG_NOTICE, "parent.unreachable", "why=%s text=\"%s\"",
                          link_outcome_name(res->outcome), res->text);
        bool other = res->outcome == LINK_TOO_LARGE || res->outcome == LINK_PIN;
        j->ev.err = other ? SANJI_E_NOT_SANJI : SANJI_E_UNREACHABLE;
    } else if (buf_put(&j->body, res->body.p, res->body.n) < 0) {
        j->ev.err = SANJI_E_NOMEM;
    }
    j->ev.body = span_of(j->body.data, j->body.len);
    (void)event_post(j);
}

static bool link_ready(struct replicate *r, const struct batch *b, enum sync_lane lane)
{
    if (!b->has_parent || b->url[0] == '\0') { /* it has no address: files are carried */
        return false;
    }
    if (r->link != NULL && strcmp(r->link_url, b->url) == 0 &&
        memcmp(r->link_pin, b->pin, HASH_LEN) == 0) {
        return true;
    }
    for (int i = 0; i < LANE_COUNT; i++) { /* another address: the other lane has to hear of it */
        lane_end(r, (enum sync_lane)i, i != (int)lane);
    }
    link_free(r->link);
    r->link = NULL;
    struct link_cfg cfg = {.url = b->url, .pin = b->pin};
    int e = link_new(r->loop, &cfg, &r->link);
    if (e < 0) {
        static struct log_limit lim;
        log_event_limited(&lim, 60000, LOG_ERR, "parent.url", "err=%s", err_name(e));
        return false;
    }
    (void)snprintf(r->link_url, sizeof(r->link_url), "%s", b->url);
    memcpy(r->link_pin, b->pin, HASH_LEN);
    return true;
}

static void do_post(struct replicate *r, const struct batch *b, const struct sync_wish *w)
{
    struct event_job *j = event_new(r, SEV_ANSWER);
    if (j == NULL) {
        return;
    }
    j->ev.lane = w->lane;
    char auth[64];
    struct http_header h[3] = {{"Content-Type", w->content_type}};
    size_t n = 1;
    if (w->token[0] != '\0') {
        (void)snprintf(auth, sizeof(auth), "Sanji %s", w->token);
        h[n++] = (struct http_header){"Authorization", auth};
    }
    struct link_call call = {
        .path = w->path,
        .headers = h,
        .header_n = n,
        .body = w->body.data,
        .body_len = w->body.len,
        .max_reply = LIM_MESSAGE_BYTES,
        .timeout_ms = w->timeout_ms,
        .hold_ms = LIM_WAIT_MS + 5000,
        .fn = on_answer,
        .arg = j,
    };
    int e = SANJI_E_UNREACHABLE;
    if (link_ready(r, b, w->lane)) {
        lane_end(r, w->lane, false); /* the engine gave that request up */
        e = link_post(r->link, w->lane, &call);
    }
    if (e < 0) {
        j->ev.err = e;
        (void)event_post(j);
    } else {
        r->flying[w->lane] = j;
    }
}

/* ---- the children ---- */

static struct http_request *waiting_take(struct replicate *r, uint64_t id)
{
    for (size_t i = 0; i < r->n_wait; i++) {
        if (r->wait[i].id == id) {
            struct http_request *rq = r->wait[i].rq;
            r->wait[i] = r->wait[--r->n_wait];
            return rq;
        }
    }
    return NULL;
}

static void buf_free(void *arg)
{
    free(arg);
}

static void do_reply(struct replicate *r, struct sync_wish *w)
{
    struct http_request *rq = waiting_take(r, w->req);
    if (rq == NULL) {
        return;
    }
    struct http_header h[] = {{"Content-Type", w->content_type}, {"Cache-Control", "no-store"}};
    size_t n = 0;
    char *body = buf_take(&w->body, &n);
    (void)http_reply_ref(rq, w->status, h, 2, body == NULL ? "" : body, n, buf_free, body);
}

static void on_gone(struct http_request *rq, void *arg)
{
    struct replicate *r = arg;
    struct event_job *j = event_new(r, SEV_GONE);
    uint64_t id = 0;
    for (size_t i = 0; i < r->n_wait; i++) {
        if (r->wait[i].rq == rq) {
            id = r->wait[i].id;
        }
    }
    if (id == 0 || j == NULL) {
        free(j);
        return;
    }
    j->ev.req = id;
    (void)event_post(j);
}

static void refuse(struct http_request *rq, int status)
{
    struct http_header h[] = {{"Content-Type", "application/vnd.sanji+json"}};
    const char *body =
        status == 503 ? "{\"err\":\"busy\",\"retry\":5000}" : "{\"err\":\"bad_method\"}";
    (void)http_reply(rq, status, h, 1, body, strlen(body));
}

static void gone_final(void *arg)
{
    struct event_job *j = arg;
    struct http_request *rq = waiting_take(j->r, j->ev.req);
    if (rq != NULL) {
        refuse(rq, 503);
    }
    buf_done(&j->body);
    free(j);
}

void replicate_request(struct http_request *rq, struct replicate *r)
{
    if (strcmp(http_method(rq), "POST") != 0) {
        refuse(rq, 405);
        return;
    }
    if (r->n_wait == r->cap_wait) {
        size_t cap = r->cap_wait == 0 ? 64 : r->cap_wait * 2;
        struct waiting *v = cap > HELD_MAX ? NULL : realloc(r->wait, cap * sizeof(*v));
        if (v == NULL) {
            refuse(rq, 503);
            return;
        }
        r->wait = v;
        r->cap_wait = cap;
    }
    struct event_job *j = event_new(r, SEV_REQUEST);
    if (j == NULL) {
        refuse(rq, 503);
        return;
    }
    uint64_t id = ++r->next_id;
    r->wait[r->n_wait++] = (struct waiting){id, rq};
    const char *auth = http_get_header(rq, "Authorization");
    if (auth != NULL && strncmp(auth, "Sanji ", 6) == 0) {
        (void)snprintf(j->token, sizeof(j->token), "%s", auth + 6);
    }
    (void)snprintf(j->path, sizeof(j->path), "%s", http_path(rq));
    j->ev.path = j->path;
    j->ev.token = span_of(j->token, strlen(j->token));
    j->ev.req = id;
    j->ev.conn = http_conn_id(rq);
    j->ev.body = http_body(rq);
    http_on_close(rq, on_gone, r);
    if (event_post(j) < 0) {
        (void)waiting_take(r, id);
        refuse(rq, 503);
    }
}

/* ---- wishes, on the loop ---- */

static void carry_out(void *arg)
{
    struct batch *b = arg;
    struct replicate *r = b->r;
    int64_t at = 0;
    for (size_t i = 0; i < b->out.n; i++) {
        struct sync_wish *w = &b->out.w[i];
        switch (w->type) {
        case SW_POST:
            do_post(r, b, w);
            break;
        case SW_REPLY:
            do_reply(r, w);
            break;
        case SW_WAKE:
            at = w->at;
            break;
        case SW_DROP:
            lane_end(r, w->lane, false);
            if (r->link != NULL) {
                link_disconnect(r->link, w->lane);
            }
            break;
        case SW_CHANGED:
            if (!r->upkeep_soon) {
                r->upkeep_soon = true;
                (void)loop_timer_once(r->upkeep, UPKEEP_SOON_MS);
            }
            break;
        case SW_ALARM:
            break;
        }
    }
    if (at != 0) {
        int64_t ms = at - app_mono_ms();
        (void)loop_timer_once(r->wake, ms < 1 ? 1 : ms);
    }
    sync_out_done(&b->out);
    free(b);
}

/* ---- life ---- */

int replicate_new(struct loop *l, struct worker *w, struct app *app,
                  const struct replicate_ops *ops, struct replicate **ret)
{
    struct replicate *r = calloc(1, sizeof(*r));
    if (r == NULL) {
        return SANJI_E_NOMEM;
    }
    r->loop = l;
    r->worker = w;
    r->app = app;
    r->ops = *ops;
    r->self = "ok";
    r->clock = "ok";
    r->wake = loop_timer_new(l, on_wake, r);
    r->upkeep = loop_timer_new(l, on_upkeep, r);
    r->sign = loop_timer_new(l, on_sign, r);
    if (r->wake == NULL || r->upkeep == NULL || r->sign == NULL) {
        replicate_free(r);
        return SANJI_E_NOMEM;
    }
    (void)loop_timer_once(r->upkeep, UPKEEP_SOON_MS);
    *ret = r;
    return 0;
}

void replicate_free(struct replicate *r)
{
    if (r == NULL) {
        return;
    }
    while (r->n_wait > 0) {
        struct http_request *rq = r->wait[--r->n_wait].rq;
        refuse(rq, 503);
    }
    for (int i = 0; i < LANE_COUNT; i++) {
        lane_end(r, (enum sync_lane)i, false);
    }
    link_free(r->link);
    loop_timer_free(r->wake);
    loop_timer_free(r->upkeep);
    loop_timer_free(r->sign);
    free(r->wait);
    free(r);
}
