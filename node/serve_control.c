/* SPDX-License-Identifier: Apache-2.0 */
#include "node/serve_control.h"

#include "node/cli/verb.h"
#include "node/control.h"
#include "node/log.h"
#include "node/loop.h"
#include "node/replicate.h"
#include "node/worker.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    QUEUE_BYTES = 4 << 20, /* output a verb may be ahead of its reader */
    SLOW_S = 20,           /* a reader that takes nothing for so long is given up */
    PIECE = 32768,
};

struct serve_control {
    struct loop *loop;
    struct worker *worker;
    struct app *app;
    struct replicate *rep;
    struct control *control;
};

enum { STREAM_OUT, STREAM_ERR, STREAMS };

/* One command. Lives while the connection or a job needs it; the lock guards what both threads see.
 */
struct command {
    struct serve_control *sc;
    struct control_conn *conn; /* loop thread; NULL once gone or exited */
    struct loop_timer *again;
    struct verb v;
    struct arena *words;
    struct buf chunk;              /* input the database thread is working on */
    struct buf ahead;              /* loop thread: the piece behind it, fetched meanwhile */
    bool working, has_ahead, over; /* loop thread; over: takes no more input */
    pthread_mutex_t lock;
    pthread_cond_t room;
    int refs;
    bool gone, finished, flushing;
    int code;
    struct buf q[STREAMS];
    size_t sent[STREAMS];
};

static void unref(struct command *c)
{
    pthread_mutex_lock(&c->lock);
    bool last = --c->refs == 0;
    pthread_mutex_unlock(&c->lock);
    if (!last) {
        return;
    }
    verb_done(&c->v);
    arena_free(c->words);
    buf_done(&c->chunk);
    buf_done(&c->ahead);
    buf_done(&c->q[STREAM_OUT]);
    buf_done(&c->q[STREAM_ERR]);
    pthread_cond_destroy(&c->room);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static void ref(struct command *c)
{
    pthread_mutex_lock(&c->lock);
    c->refs++;
    pthread_mutex_unlock(&c->lock);
}

/* ---- output ---- */

/* True when this stream is empty now. Called with the lock held. */
static bool flush_one(struct command *c, int which)
{
    struct buf *b = &c->q[which];
    while (c->sent[which] < b->len) {
        size_t n = b->len - c->sent[which];
        n = n < PIECE ? n : PIECE;
        const uint8_t *p = b->data + c->sent[which];
        int r = which == STREAM_OUT ? control_out(c->conn, p, n) : control_err(c->conn, p, n);
        if (r < 0) {
            return false; /* full: drained() calls again */
        }
        c->sent[which] += n;
    }
    buf_reset(b);
    c->sent[which] = 0;
    return true;
}

static void flush(struct command *c)
{
    bool end = false;
    int code = 0;
    pthread_mutex_lock(&c->lock);
    if (c->conn != NULL) {
        bool empty = flush_one(c, STREAM_OUT) && flush_one(c, STREAM_ERR);
        end = empty && c->finished;
        code = c->code;
    }
    pthread_cond_signal(&c->room);
    pthread_mutex_unlock(&c->lock);
    if (end) {
        struct control_conn *conn = c->conn;
        c->conn = NULL;
        loop_timer_free(c->again);
        c->again = NULL;
        control_exit(conn, code);
        unref(c); /* the connection's */
    }
}

static void flush_posted(void *arg)
{
    struct command *c = arg;
    pthread_mutex_lock(&c->lock);
    c->flushing = false;
    pthread_mutex_unlock(&c->lock);
    flush(c);
    unref(c);
}

static void flush_soon(struct command *c)
{
    pthread_mutex_lock(&c->lock);
    bool post = !c->flushing;
    c->flushing = true;
    if (post) {
        c->refs++;
    }
    pthread_mutex_unlock(&c->lock);
    if (post && loop_post(c->sc->loop, flush_posted, c) < 0) {
        unref(c);
    }
}

/* Database thread. Waits for a reader that is far behind, but not for ever: nobody may hold the
 * database by not reading. */
static int emit(struct command *c, int which, const void *p, size_t n)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += SLOW_S;
    int r = 0;
    pthread_mutex_lock(&c->lock);
    while (!c->gone && c->q[which].len - c->sent[which] > QUEUE_BYTES && r == 0) {
        r = pthread_cond_timedwait(&c->room, &c->lock, &until);
    }
    if (c->gone || r != 0) {
        r = SANJI_E_UNREACHABLE;
    } else if (c->sent[which] > QUEUE_BYTES) { /* keep the buffer from growing without end */
        struct buf *b = &c->q[which];
        memmove(b->data, b->data + c->sent[which], b->len - c->sent[which]);
        b->len -= c->sent[which];
        c->sent[which] = 0;
    }
    if (r == 0) {
        r = buf_put(&c->q[which], p, n);
    }
    pthread_mutex_unlock(&c->lock);
    flush_soon(c);
    return r;
}

static int emit_out(void *io, const void *p, size_t n)
{
    return emit(io, STREAM_OUT, p, n);
}

static int emit_err(void *io, const void *p, size_t n)
{
    return emit(io, STREAM_ERR, p, n);
}

/* ---- running ---- */

static void finish(struct command *c, int code)
{
    pthread_mutex_lock(&c->lock);
    c->finished = true;
    c->code = code;
    pthread_mutex_unlock(&c->lock);
    flush_soon(c);
}

static void run_job(void *arg);

static void run_again(void *arg)
{
    struct command *c = arg;
    ref(c);
    if (worker_post(c->sc->worker, WORK_STAFF, run_job, c) < 0) {
        finish(c, EXIT_NO);
        unref(c);
    }
}

static void wait_posted(void *arg)
{
    struct command *c = arg;
    if (c->conn != NULL && c->again != NULL) {
        (void)loop_timer_once(c->again, c->v.wait_ms > 0 ? c->v.wait_ms : 50);
    }
    unref(c);
}

static void run_job(void *arg)
{
    struct command *c = arg;
    pthread_mutex_lock(&c->lock);
    bool gone = c->gone;
    pthread_mutex_unlock(&c->lock);
    if ((c->v.def->bits & VERB_ADDS) == 0) {
        (void)app_outbox_flush(c->v.app);
    }
    int code = gone ? EXIT_NO : c->v.def->run(&c->v);
    replicate_after_app(c->sc->rep);
    if (code == VERB_WAIT) {
        ref(c);
        if (loop_post(c->sc->loop, wait_posted, c) < 0) {
            unref(c);
        }
    } else {
        finish(c, code);
    }
    unref(c);
}

/* ---- input: one piece is being worked on, the next one is on its way ---- */

static void input_next(struct command *c);

static void input_done(void *arg)
{
    struct command *c = arg;
    c->working = false;
    if (c->conn != NULL) {
        input_next(c);
    }
    unref(c);
}

static void input_job(void *arg)
{
    struct command *c = arg;
    int code = c->v.def->input(&c->v, span_of(c->chunk.data, c->chunk.len));
    replicate_after_app(c->sc->rep);
    if (code != EXIT_OK) {
        finish(c, code);
        unref(c);
    } else if (loop_post(c->sc->loop, input_done, c) < 0) {
        unref(c);
    }
}

/* Gives the piece that has come to the database thread, if that is free, and asks for another. */
static void input_next(struct command *c)
{
    if (c->working || !c->has_ahead || c->over) {
        return;
    }
    struct buf full = c->ahead;
    c->ahead = c->chunk;
    c->chunk = full;
    buf_reset(&c->ahead);
    c->has_ahead = false;
    c->working = true;
    c->over = c->chunk.len == 0; /* the end: now the verb itself */
    ref(c);
    if (worker_post(c->sc->worker, WORK_STAFF, c->over ? run_job : input_job, c) < 0) {
        c->over = true;
        finish(c, EXIT_NO);
        unref(c);
    } else if (!c->over) {
        (void)control_want_input(c->conn);
    }
}

/* ---- events of the socket, on the loop ---- */

static void on_input(struct control_conn *conn, struct span chunk, void *arg)
{
    (void)arg;
    struct command *c = control_data(conn);
    if (c == NULL || c->over || c->has_ahead) {
        return;
    }
    buf_reset(&c->ahead);
    c->has_ahead = true;
    if (buf_put(&c->ahead, chunk.p, chunk.n) < 0) {
        c->over = true;
        finish(c, EXIT_NO);
        return;
    }
    input_next(c);
}

static int copy_words(struct command *c, int argc, const char *const *argv, const char ***ret)
{
    const char **w = arena_alloc(c->words, ((size_t)argc + 1) * sizeof(*w));
    if (w == NULL) {
        return SANJI_E_NOMEM;
    }
    for (int i = 0; i < argc; i++) {
        w[i] = arena_strdup(c->words, argv[i]);
        if (w[i] == NULL) {
            return SANJI_E_NOMEM;
        }
    }
    *ret = w;
    return 0;
}

static struct command *command_new(struct serve_control *sc, struct control_conn *conn)
{
    struct command *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return NULL;
    }
    c->sc = sc;
    c->conn = conn;
    c->refs = 1;
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_t attr; /* a clock set back must not lengthen the wait */
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&c->room, &attr);
    pthread_condattr_destroy(&attr);
    buf_init(&c->chunk, CONTROL_CHUNK + 16);
    buf_init(&c->ahead, CONTROL_CHUNK + 16);
    buf_init(&c->q[STREAM_OUT], (size_t)64 << 20);
    buf_init(&c->q[STREAM_ERR], (size_t)64 << 20);
    c->words = arena_new((size_t)CONTROL_ARGV_BYTES * 4);
    c->again = loop_timer_new(sc->loop, run_again, c);
    return c;
}

static void on_start(struct control_conn *conn, int argc, const char *const *argv, const char *lang,
                     void *arg)
{
    struct serve_control *sc = arg;
    struct command *c = command_new(sc, conn);
    control_set_data(conn, c);
    if (c == NULL) {
        control_exit(conn, EXIT_NO);
        return;
    }
    const char **words;
    struct buf say;
    bool help = false;
    buf_init(&say, 65536);
    c->v.io = c;
    c->v.out = emit_out;
    c->v.err = emit_err;
    int l = lang == NULL ? -1 : text_pick_env(lang);
    c->v.lang = l < 0 ? TEXT_EN : (enum text_lang)l;
    int code = EXIT_NO;
    if (c->words != NULL && c->again != NULL && copy_words(c, argc, argv, &words) == 0) {
        code = verb_parse(&c->v, argc, words, &say, &help);
    }
    if (code == EXIT_OK && (help || c->v.def->where != VERB_NODE)) {
        code = EXIT_USAGE; /* the command line handles these by itself */
    }
    if (code != EXIT_OK) {
        (void)emit_err(c, say.data, say.len);
        finish(c, code);
    } else {
        c->v.app = sc->app;
        c->v.in_daemon = true;
        if ((c->v.def->bits & VERB_INPUT) != 0) {
            (void)control_want_input(conn);
        } else {
            run_again(c);
        }
    }
    buf_done(&say);
}

static void on_drained(struct control_conn *conn, void *arg)
{
    (void)arg;
    struct command *c = control_data(conn);
    if (c != NULL) {
        flush(c);
    }
}

static void on_gone(struct control_conn *conn, void *arg)
{
    (void)arg;
    struct command *c = control_data(conn);
    if (c == NULL) {
        return;
    }
    loop_timer_free(c->again);
    c->again = NULL;
    pthread_mutex_lock(&c->lock);
    c->gone = true;
    c->conn = NULL;
    pthread_cond_signal(&c->room);
    pthread_mutex_unlock(&c->lock);
    unref(c);
}

/* ---- life ---- */

int serve_control_new(struct loop *l, struct worker *w, struct app *app, struct replicate *rep,
                      struct serve_control **ret)
{
    static const struct control_ops ops = {
        .start = on_start, .input = on_input, .drained = on_drained, .gone = on_gone};
    struct serve_control *sc = calloc(1, sizeof(*sc));
    if (sc == NULL) {
        return SANJI_E_NOMEM;
    }
    sc->loop = l;
    sc->worker = w;
    sc->app = app;
    sc->rep = rep;
    int r = control_new(l, app->dir, &ops, sc, &sc->control);
    if (r < 0) {
        free(sc);
        return r;
    }
    *ret = sc;
    return 0;
}

void serve_control_stop(struct serve_control *c)
{
    if (c != NULL && c->control != NULL) {
        control_free(c->control);
        c->control = NULL;
    }
}

void serve_control_free(struct serve_control *c)
{
    serve_control_stop(c);
    free(c);
}

static void reload_problem(const struct config_problem *p, void *arg)
{
    (void)arg;
    log_event(LOG_ERR, "config.wrong", "line=%ld name=%s what=%s want=\"%s\"", p->line, p->name,
              config_wrong_name(p->wrong), p->want);
}

static void reload_job(void *arg)
{
    struct serve_control *sc = arg;
    struct app_fault f = {.report = reload_problem};
    bool restart = false;
    int r = app_reload_config(sc->app, &f, &restart);
    log_set_json(sc->app->cfg.log_json);
    log_set_level(log_level_by_name(sc->app->cfg.log_level));
    log_event(r < 0 ? LOG_ERR : LOG_INFO, "config.reload", "result=%s restart_needed=%s",
              err_name(r), restart ? "yes" : "no");
}

void serve_control_reload(struct serve_control *c)
{
    (void)worker_post(c->worker, WORK_STAFF, reload_job, c);
}
