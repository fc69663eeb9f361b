/* SPDX-License-Identifier: Apache-2.0
 * Why: while the daemon runs, it alone may open the database; commands are carried out by it and
 * the command line only carries bytes. The daemon's side must not block on a slow or stopped
 * terminal and must not hold a 60 MB import in memory: input is asked for chunk by chunk, output
 * waits in a bounded queue, and a client that sends unasked is cut off. */
#include "node/control.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "node/control_frame.h"
#include "node/log.h"
#include "node/loop.h"
#include "protocol/base/err.h"

enum { ARGV_PATIENCE_MS = 10000 };

struct control_conn {
    struct control *ct;
    struct control_conn *prev, *next;
    int fd;
    struct loop_fd *watch;
    struct loop_timer *timer; /* until ARGV is complete */
    struct buf in;
    struct buf out;
    size_t sent; /* of out */
    char *args;  /* bytes that argv points into */
    const char **argv;
    void *data;
    bool started, exited, want, was_full;
    bool busy; /* a callback of the owner is running: freeing waits */
    bool dead;
};

struct control {
    struct loop *l;
    int dir_fd;
    int fd;
    struct loop_fd *watch;
    struct control_ops ops;
    void *arg;
    struct control_conn *conns;
    unsigned n;
};

static void conn_free(struct control_conn *c)
{
    if (c->busy) {
        c->dead = true;
        return;
    }
    struct control *ct = c->ct;
    if (c->started && !c->exited && ct->ops.gone != NULL) {
        c->exited = true;
        c->busy = true; /* the owner may still call control_exit() out of habit */
        ct->ops.gone(c, ct->arg);
    }
    *(c->prev != NULL ? &c->prev->next : &ct->conns) = c->next;
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    ct->n--;
    loop_fd_free(c->watch);
    loop_timer_free(c->timer);
    close(c->fd);
    buf_done(&c->in);
    buf_done(&c->out);
    free(c->args);
    free(c->argv);
    free(c);
}

static size_t queued(const struct control_conn *c)
{
    return c->out.len - c->sent;
}

static void watch_set(struct control_conn *c)
{
    /* Somebody waits for room, or for the last byte: told when the socket takes bytes again. */
    bool write = queued(c) > 0 || c->was_full || c->exited;
    unsigned what = LOOP_READ | (write ? LOOP_WRITE : 0U);
    if (loop_fd_set(c->watch, what) < 0) {
        log_event(LOG_ERR, "control.memory", "%s", "err=no_memory");
    }
}

/* Sends what the socket takes. False: the client is gone. */
static bool send_some(struct control_conn *c)
{
    while (queued(c) > 0) {
        ssize_t n = send(c->fd, c->out.data + c->sent, queued(c), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno == EAGAIN;
        }
        c->sent += (size_t)n;
    }
    buf_reset(&c->out);
    c->sent = 0;
    return true;
}

/* False: the client is gone, or all is said after the exit code. */
static bool flush(struct control_conn *c)
{
    return send_some(c) && (queued(c) > 0 || !c->exited);
}

static int push(struct control_conn *c, uint8_t type, const void *p, size_t n)
{
    const uint8_t *at = p;
    if (c->sent > 0) { /* move the rest down before growing */
        memmove(c->out.data, c->out.data + c->sent, queued(c));
        c->out.len = queued(c);
        c->sent = 0;
    }
    size_t frames = n / CONTROL_CHUNK + 1;
    if (buf_reserve(&c->out, n + frames * CONTROL_HEAD) < 0) {
        int r = c->out.err;
        c->out.err = 0; /* what is queued already is whole frames */
        return r;
    }
    do {
        size_t part = n < CONTROL_CHUNK ? n : CONTROL_CHUNK;
        uint8_t head[CONTROL_HEAD];
        control__put_head(head, type, part);
        buf_put(&c->out, head, sizeof head);
        buf_put(&c->out, at, part);
        at += part;
        n -= part;
    } while (n > 0);
    (void)send_some(c); /* at once; what does not go, or goes wrong, is for the loop to see */
    watch_set(c);
    return c->out.err;
}

static int output(struct control_conn *c, uint8_t type, const void *p, size_t n)
{
    assert(!c->exited || c->dead || c->busy);
    if (n == 0 || c->exited) {
        return 0;
    }
    if (queued(c) > 0 && queued(c) + n > CONTROL_QUEUE_BYTES) {
        c->was_full = true;
        return SANJI_E_BUSY;
    }
    return push(c, type, p, n);
}

int control_out(struct control_conn *c, const void *p, size_t n)
{
    return output(c, CONTROL_STDOUT, p, n);
}

int control_err(struct control_conn *c, const void *p, size_t n)
{
    return output(c, CONTROL_STDERR, p, n);
}

int control_want_input(struct control_conn *c)
{
    if (c->want || c->exited) {
        return 0;
    }
    int r = push(c, CONTROL_WANT, "", 0);
    c->want = r == 0;
    return r;
}

void control_exit(struct control_conn *c, int code)
{
    if (c->exited) {
        return; /* called from within gone() */
    }
    uint32_t v = (uint32_t)code;
    uint8_t b[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    int r = push(c, CONTROL_EXIT, b, sizeof b);
    c->exited = true;
    watch_set(c);
    if (r < 0) {
        conn_free(c); /* the client sees the end of the stream and reports it */
    }
}

void control_set_data(struct control_conn *c, void *data)
{
    c->data = data;
}

void *control_data(const struct control_conn *c)
{
    return c->data;
}

/* Calls of the owner are bracketed: it may end the connection from within. */
static bool leave(struct control_conn *c)
{
    c->busy = false;
    if (c->dead) {
        conn_free(c);
        return false;
    }
    return true;
}

static bool start(struct control_conn *c, const uint8_t *p, size_t n)
{
    if (c->started || n < 2 || p[n - 1] != 0) {
        return false;
    }
    c->args = malloc(n);
    c->argv = calloc(CONTROL_ARGS + 1, sizeof *c->argv);
    if (c->args == NULL || c->argv == NULL) {
        return false;
    }
    memcpy(c->args, p, n);
    const char *lang = c->args;
    int argc = 0;
    for (const char *s = lang + strlen(lang) + 1; s < c->args + n; s += strlen(s) + 1) {
        if (argc == CONTROL_ARGS) {
            return false;
        }
        c->argv[argc++] = s;
    }
    c->started = true;
    loop_timer_free(c->timer);
    c->timer = NULL;
    c->ct->ops.start(c, argc, c->argv, lang, c->ct->arg);
    return true;
}

static bool input(struct control_conn *c, const uint8_t *p, size_t n, bool end)
{
    if (!c->want || n > CONTROL_CHUNK || (n == 0) != end) {
        return false; /* unasked */
    }
    c->want = false;
    if (!c->exited && c->ct->ops.input != NULL) {
        c->ct->ops.input(c, span_of(p, n), c->ct->arg);
    }
    return true;
}

/* One complete frame, if there is one. False: the connection is freed. */
static bool take_frame(struct control_conn *c, bool *ret_more)
{
    *ret_more = false;
    if (c->in.len < CONTROL_HEAD) {
        return true;
    }
    size_t n = control__head_len(c->in.data);
    uint8_t type = c->in.data[4];
    bool ok = n <= (type == CONTROL_ARGV ? (size_t)CONTROL_ARGV_BYTES : (size_t)CONTROL_CHUNK);
    if (ok && c->in.len < CONTROL_HEAD + n) {
        return true;
    }
    c->busy = true;
    if (ok && type == CONTROL_ARGV) {
        ok = start(c, c->in.data + CONTROL_HEAD, n);
    } else if (ok) {
        ok = (type == CONTROL_STDIN || type == CONTROL_STDIN_END) && c->started &&
             input(c, c->in.data + CONTROL_HEAD, n, type == CONTROL_STDIN_END);
    }
    c->dead = c->dead || !ok;
    if (!leave(c)) {
        return false;
    }
    size_t used = CONTROL_HEAD + n;
    memmove(c->in.data, c->in.data + used, c->in.len - used);
    c->in.len -= used;
    *ret_more = true;
    return true;
}

static bool receive(struct control_conn *c)
{
    uint8_t chunk[16384];
    ssize_t n = recv(c->fd, chunk, sizeof chunk, MSG_DONTWAIT);
    if (n < 0) {
        return errno == EINTR || errno == EAGAIN;
    }
    return n > 0 && buf_put(&c->in, chunk, (size_t)n) == 0;
}

static void on_fd(int fd, unsigned what, void *arg)
{
    (void)fd;
    struct control_conn *c = arg;
    if ((what & LOOP_WRITE) != 0 && !flush(c)) {
        conn_free(c);
        return;
    }
    if ((what & LOOP_READ) != 0) {
        if (!receive(c)) {
            conn_free(c);
            return;
        }
        for (bool more = true; more;) {
            if (!take_frame(c, &more)) {
                return;
            }
        }
    }
    if (c->was_full && queued(c) < CONTROL_QUEUE_BYTES / 2) {
        c->was_full = false;
        c->busy = true;
        if (!c->exited && c->ct->ops.drained != NULL) {
            c->ct->ops.drained(c, c->ct->arg);
        }
        if (!leave(c)) {
            return;
        }
    }
    watch_set(c);
}

static void on_patience(void *arg)
{
    conn_free(arg);
}

static void on_accept(int lfd, unsigned what, void *arg)
{
    (void)what;
    struct control *ct = arg;
    int fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    struct control_conn *c = NULL;
    if (ct->n < CONTROL_CONNS && control__peer_ok(fd)) {
        c = calloc(1, sizeof *c);
    }
    if (c == NULL) {
        close(fd);
        return;
    }
    c->ct = ct;
    c->fd = fd;
    buf_init(&c->in, (size_t)CONTROL_ARGV_BYTES + CONTROL_CHUNK);
    buf_init(&c->out, SIZE_MAX / 4); /* bounded by output(), see control.h */
    c->next = ct->conns;
    if (c->next != NULL) {
        c->next->prev = c;
    }
    ct->conns = c;
    ct->n++;
    c->timer = loop_timer_new(ct->l, on_patience, c);
    c->watch = loop_fd_new(ct->l, fd, LOOP_READ, on_fd, c);
    if (c->timer == NULL || c->watch == NULL || loop_timer_once(c->timer, ARGV_PATIENCE_MS) < 0) {
        conn_free(c);
    }
}

static int listen_at(struct control *ct, const char *dir)
{
    struct sockaddr_un un;
    ct->dir_fd = control__address(dir, &un);
    if (ct->dir_fd < 0) {
        return SANJI_E_IO;
    }
    ct->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    unlinkat(ct->dir_fd, "control.sock", 0);
    /* The mode is set before bind() makes the file: there is no moment at which others may enter.
     */
    if (ct->fd < 0 || fchmod(ct->fd, 0600) < 0 ||
        bind(ct->fd, (const struct sockaddr *)&un, sizeof un) < 0 ||
        fchmodat(ct->dir_fd, "control.sock", 0600, 0) < 0 || listen(ct->fd, CONTROL_CONNS) < 0) {
        return SANJI_E_IO;
    }
    return 0;
}

int control_new(struct loop *l, const char *dir, const struct control_ops *ops, void *arg,
                struct control **ret)
{
    assert(ops->start != NULL);
    struct control *ct = calloc(1, sizeof *ct);
    if (ct == NULL) {
        return SANJI_E_NOMEM;
    }
    *ct = (struct control){.l = l, .dir_fd = -1, .fd = -1, .ops = *ops, .arg = arg};
    int r = listen_at(ct, dir);
    if (r == 0) {
        ct->watch = loop_fd_new(l, ct->fd, LOOP_READ, on_accept, ct);
        r = ct->watch == NULL ? SANJI_E_NOMEM : 0;
    }
    if (r < 0) {
        control_free(ct);
        return r;
    }
    *ret = ct;
    return 0;
}

void control_free(struct control *ct)
{
    if (ct == NULL) {
        return;
    }
    for (struct control_conn *c = ct->conns, *next; c != NULL; c = next) {
        next = c->next;
        assert(!c->busy);
        if (c->started) {
            flush(c); /* the last words, as far as the socket takes them */
        }
        conn_free(c);
    }
    loop_fd_free(ct->watch);
    if (ct->fd >= 0) {
        close(ct->fd);
        unlinkat(ct->dir_fd, "control.sock", 0);
    }
    if (ct->dir_fd >= 0) {
        close(ct->dir_fd);
    }
    free(ct);
}
