/* SPDX-License-Identifier: Apache-2.0
 * Why: handlers, jobs and the sync link must not know which event library runs them, and other
 * threads need exactly one door into the loop. libevent itself stays single-threaded here (no
 * evthread locks): the door is a queue under a mutex of ours plus an eventfd that wakes the loop.
 */
#include "node/loop.h"

#include <assert.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "protocol/base/err.h"

struct post {
    struct post *next;
    loop_fn fn;
    void *arg;
};

struct loop {
    struct event_base *base;
    struct event *wake;
    int wake_fd;
    bool stopping; /* loop thread only */
    pthread_mutex_t lock;
    struct post *head; /* under lock, like the three below */
    struct post *tail;
    bool stop_asked;
};

struct loop_timer {
    struct event *ev;
    loop_fn fn;
    void *arg;
    int64_t every_ms; /* 0: once */
};

struct loop_fd {
    struct loop *l;
    struct event *ev;
    int fd;
    unsigned what;
    loop_fd_fn fn;
    void *arg;
};

struct loop_signal {
    struct event *ev;
    loop_signal_fn fn;
    void *arg;
};

int64_t loop_now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static struct timeval tv_of(int64_t ms)
{
    if (ms < 0) {
        ms = 0;
    }
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
}

/* Takes the whole queue at once: a function that posts itself again waits for the next turn. */
static bool run_posts(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    struct post *p = l->head;
    l->head = l->tail = NULL;
    bool stop = l->stop_asked;
    pthread_mutex_unlock(&l->lock);
    bool any = p != NULL;
    while (p != NULL) {
        struct post *next = p->next;
        p->fn(p->arg);
        free(p);
        p = next;
    }
    if (stop) {
        l->stopping = true;
        event_base_loopbreak(l->base);
    }
    return any;
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    uint64_t n = 0;
    ssize_t r = read(fd, &n, sizeof n);
    (void)r; /* nothing to read only means that an earlier turn took it */
    run_posts(arg);
}

struct loop *loop_new(void)
{
    struct loop *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return NULL;
    }
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    pthread_mutex_init(&l->lock, NULL);
    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct event_config *cfg = event_config_new();
    if (cfg != NULL) {
        /* The changelist: interest that is dropped and taken again in one turn costs no call. */
        event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK);
        event_config_set_flag(cfg, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
        l->base = event_base_new_with_config(cfg);
        event_config_free(cfg);
    }
    if (l->wake_fd >= 0 && l->base != NULL) {
        l->wake = event_new(l->base, l->wake_fd, EV_READ | EV_PERSIST, on_wake, l);
    }
    if (l->wake == NULL || event_add(l->wake, NULL) < 0) {
        loop_free(l);
        return NULL;
    }
    return l;
}

void loop_free(struct loop *l)
{
    if (l == NULL) {
        return;
    }
    while (l->head != NULL) {
        struct post *p = l->head;
        l->head = p->next;
        free(p);
    }
    if (l->wake != NULL) {
        event_free(l->wake);
    }
    if (l->base != NULL) {
        /* Freed bufferevents end in a turn of the loop; event_base_free() would leak them. */
        for (int i = 0; i < 3; i++) {
            event_base_loop(l->base, EVLOOP_NONBLOCK);
        }
        event_base_free(l->base);
    }
    if (l->wake_fd >= 0) {
        close(l->wake_fd);
    }
    pthread_mutex_destroy(&l->lock);
    free(l);
}

struct event_base *loop_base(struct loop *l)
{
    return l->base;
}

int loop_run(struct loop *l)
{
    int r = 0;
    while (!l->stopping && r >= 0) {
        r = event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
    }
    l->stopping = false;
    pthread_mutex_lock(&l->lock);
    l->stop_asked = false;
    pthread_mutex_unlock(&l->lock);
    return r < 0 ? SANJI_E_IO : 0;
}

static void wake(struct loop *l)
{
    uint64_t one = 1;
    ssize_t r = write(l->wake_fd, &one, sizeof one);
    (void)r; /* EAGAIN: the counter is full, so the loop wakes anyway */
}

void loop_stop(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    l->stop_asked = true;
    pthread_mutex_unlock(&l->lock);
    wake(l);
}

void loop_drain(struct loop *l)
{
    while (run_posts(l)) {
    }
}

int loop_post(struct loop *l, loop_fn fn, void *arg)
{
    struct post *p = malloc(sizeof *p);
    if (p == NULL) {
        return SANJI_E_NOMEM;
    }
    *p = (struct post){.fn = fn, .arg = arg};
    pthread_mutex_lock(&l->lock);
    bool first = l->head == NULL;
    if (first) {
        l->head = p;
    } else {
        l->tail->next = p;
    }
    l->tail = p;
    pthread_mutex_unlock(&l->lock);
    if (first) {
        wake(l);
    }
    return 0;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct loop_timer *t = arg;
    if (t->every_ms > 0) {
        struct timeval tv = tv_of(t->every_ms);
        event_add(t->ev, &tv);
    }
    t->fn(t->arg); /* may free t: nothing after this line */
}

struct loop_timer *loop_timer_new(struct loop *l, loop_fn fn, void *arg)
{
    struct loop_timer *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return NULL;
    }
    t->fn = fn;
    t->arg = arg;
    t->ev = event_new(l->base, -1, 0, on_timer, t);
    if (t->ev == NULL) {
        free(t);
        return NULL;
    }
    return t;
}

static int timer_set(struct loop_timer *t, int64_t ms, int64_t every_ms)
{
    t->every_ms = every_ms;
    struct timeval tv = tv_of(ms);
    return event_add(t->ev, &tv) < 0 ? SANJI_E_NOMEM : 0;
}

int loop_timer_once(struct loop_timer *t, int64_t ms)
{
    return timer_set(t, ms, 0);
}

int loop_timer_every(struct loop_timer *t, int64_t ms)
{
    assert(ms > 0);
    return timer_set(t, ms, ms);
}

void loop_timer_stop(struct loop_timer *t)
{
    event_del(t->ev);
}

void loop_timer_free(struct loop_timer *t)
{
    if (t != NULL) {
        event_free(t->ev);
        free(t);
    }
}

static void on_fd(evutil_socket_t fd, short what, void *arg)
{
    struct loop_fd *f = arg;
    unsigned w =
        ((what & EV_READ) != 0 ? LOOP_READ : 0U) | ((what & EV_WRITE) != 0 ? LOOP_WRITE : 0U);
    f->fn(fd, w, f->arg);
}

int loop_fd_set(struct loop_fd *f, unsigned what)
{
    if (what == f->what) {
        return 0;
    }
    event_del(f->ev);
    f->what = what;
    if (what == 0) {
        return 0;
    }
    short ev = (short)(((what & LOOP_READ) != 0 ? EV_READ : 0) |
                       ((what & LOOP_WRITE) != 0 ? EV_WRITE : 0) | EV_PERSIST);
    if (event_assign(f->ev, f->l->base, f->fd, ev, on_fd, f) < 0 || event_add(f->ev, NULL) < 0) {
        f->what = 0;
        return SANJI_E_NOMEM;
    }
    return 0;
}

struct loop_fd *loop_fd_new(struct loop *l, int fd, unsigned what, loop_fd_fn fn, void *arg)
{
    struct loop_fd *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return NULL;
    }
    *f = (struct loop_fd){.l = l, .fd = fd, .fn = fn, .arg = arg};
    f->ev = event_new(l->base, fd, EV_READ, on_fd, f);
    if (f->ev == NULL || loop_fd_set(f, what) < 0) {
        loop_fd_free(f);
        return NULL;
    }
    return f;
}

void loop_fd_free(struct loop_fd *f)
{
    if (f == NULL) {
        return;
    }
    if (f->ev != NULL) {
        event_free(f->ev);
    }
    free(f);
}

static void on_signal(evutil_socket_t signo, short what, void *arg)
{
    (void)what;
    struct loop_signal *s = arg;
    s->fn(signo, s->arg);
}

struct loop_signal *loop_signal_new(struct loop *l, int signo, loop_signal_fn fn, void *arg)
{
    struct loop_signal *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    s->fn = fn;
    s->arg = arg;
    s->ev = event_new(l->base, signo, EV_SIGNAL | EV_PERSIST, on_signal, s);
    if (s->ev == NULL || event_add(s->ev, NULL) < 0) {
        loop_signal_free(s);
        return NULL;
    }
    return s;
}

void loop_signal_free(struct loop_signal *s)
{
    if (s == NULL) {
        return;
    }
    if (s->ev != NULL) {
        event_free(s->ev);
    }
    free(s);
}
