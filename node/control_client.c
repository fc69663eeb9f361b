/* SPDX-License-Identifier: Apache-2.0
 * Why: the command line's half of the control socket. It runs in a process of its own, may block,
 * and copies bytes between its descriptors and the daemon, so that `sanji import < file` and
 * `sanji export | less` behave as if the command ran here. Input is read only when the daemon asks,
 * which keeps a terminal usable and a large file on disk. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "node/control.h"
#include "node/control_frame.h"
#include "protocol/base/err.h"

struct call {
    int fd;
    int in_fd;
    control_sink *out, *err;
    void *io;
    bool want; /* the daemon waits for input */
    uint8_t chunk[CONTROL_HEAD + CONTROL_CHUNK];
};

static int connect_to(const char *dir, int *ret_fd)
{
    struct sockaddr_un un;
    int dfd = control__address(dir, &un);
    if (dfd < 0) {
        return SANJI_E_NOT_FOUND;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = fd < 0 ? SANJI_E_IO : 0;
    if (r == 0 && connect(fd, (const struct sockaddr *)&un, sizeof un) < 0) {
        r = errno == ENOENT || errno == ECONNREFUSED ? SANJI_E_NOT_FOUND
            : errno == EACCES || errno == EPERM      ? SANJI_E_FORBIDDEN
                                                     : SANJI_E_IO;
    }
    close(dfd);
    /* Root may have come first and put a socket of its own there; that is allowed, others not. */
    if (r == 0 && !control__peer_ok(fd) && geteuid() != 0) {
        r = SANJI_E_FORBIDDEN;
    }
    if (r < 0 && fd >= 0) {
        close(fd);
    }
    if (r == 0) {
        *ret_fd = fd;
    }
    return r;
}

static int send_full(int fd, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t w = send(fd, p, n, MSG_NOSIGNAL);
        if (w < 0 && errno == EINTR) {
            continue;
        }
        if (w <= 0) {
            return SANJI_E_UNREACHABLE;
        }
        p += w;
        n -= (size_t)w;
    }
    return 0;
}

static int recv_full(int fd, uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t r = recv(fd, p, n, 0);
        if (r < 0 && errno == EINTR) {
            continue;
        }
        if (r <= 0) {
            return SANJI_E_UNREACHABLE;
        }
        p += r;
        n -= (size_t)r;
    }
    return 0;
}

static int write_full(int fd, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t w = write(fd, p, n);
        if (w < 0 && (errno == EINTR || errno == EAGAIN)) {
            struct pollfd pf = {.fd = fd, .events = POLLOUT};
            poll(&pf, 1, -1);
            continue;
        }
        if (w <= 0) { /* the command ends, as it would without a daemon */
            return w < 0 && errno == EPIPE ? SANJI_E_CLOSED : SANJI_E_IO;
        }
        p += w;
        n -= (size_t)w;
    }
    return 0;
}

static int send_argv(int fd, int argc, const char *const *argv, const char *lang)
{
    struct buf b;
    buf_init(&b, CONTROL_HEAD + CONTROL_ARGV_BYTES);
    uint8_t head[CONTROL_HEAD] = {0};
    buf_put(&b, head, sizeof head);
    lang = lang != NULL ? lang : "";
    buf_put(&b, lang, strlen(lang) + 1);
    for (int i = 0; i < argc; i++) {
        buf_put(&b, argv[i], strlen(argv[i]) + 1);
    }
    int r = b.err != 0 || argc < 1 || argc > CONTROL_ARGS ? SANJI_E_SIZE : 0;
    if (r == 0) {
        control__put_head(b.data, CONTROL_ARGV, b.len - CONTROL_HEAD);
        r = send_full(fd, b.data, b.len);
    }
    buf_done(&b);
    return r;
}

static int give_input(struct call *c)
{
    ssize_t n = 0;
    if (c->in_fd >= 0) {
        do {
            n = read(c->in_fd, c->chunk + CONTROL_HEAD, CONTROL_CHUNK);
        } while (n < 0 && errno == EINTR);
        if (n < 0 && errno == EAGAIN) {
            return 0;
        }
        if (n < 0) {
            return SANJI_E_IO;
        }
    }
    c->want = false;
    control__put_head(c->chunk, n > 0 ? CONTROL_STDIN : CONTROL_STDIN_END, (size_t)n);
    /* When this fails the daemon has ended the command meanwhile (input is asked for ahead): its
     * last words are still there to be read, and if there are none, reading finds that out. */
    (void)send_full(c->fd, c->chunk, CONTROL_HEAD + (size_t)n);
    return 0;
}

/* One frame from the daemon; 1 when it was the exit code. */
static int take_frame(struct call *c, int *ret_exit)
{
    int r = recv_full(c->fd, c->chunk, CONTROL_HEAD);
    size_t n = r == 0 ? control__head_len(c->chunk) : 0;
    uint8_t type = c->chunk[4];
    const uint8_t *p = c->chunk + CONTROL_HEAD;
    if (r < 0 || n > CONTROL_CHUNK) {
        return r < 0 ? r : SANJI_E_SYNTAX;
    }
    r = recv_full(c->fd, c->chunk + CONTROL_HEAD, n);
    if (r < 0) {
        return r;
    }
    switch (type) {
    case CONTROL_STDOUT:
        return c->out(c->io, p, n);
    case CONTROL_STDERR:
        return c->err(c->io, p, n);
    case CONTROL_WANT:
        c->want = true;
        return 0;
    case CONTROL_EXIT:
        if (n != 4) {
            return SANJI_E_SYNTAX;
        }
        *ret_exit = (int)(int32_t)((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
                                   (uint32_t)p[2] << 8 | p[3]);
        return 1;
    default:
        return SANJI_E_SYNTAX;
    }
}

static int converse(struct call *c, int *ret_exit)
{
    for (;;) {
        struct pollfd pf[2] = {
            {.fd = c->fd, .events = POLLIN},
            {.fd = c->want ? c->in_fd : -1, .events = POLLIN},
        };
        if (c->want && c->in_fd < 0) {
            int r = give_input(c);
            if (r < 0) {
                return r;
            }
        } else if (poll(pf, 2, -1) < 0) {
            if (errno == EINTR) {
                continue;
            }
            return SANJI_E_IO;
        }
        int r = 0;
        if (pf[0].revents != 0) { /* the daemon first: it may have ended already */
            r = take_frame(c, ret_exit);
        } else if (pf[1].revents != 0) {
            r = give_input(c);
        }
        if (r != 0) {
            return r < 0 ? r : 0;
        }
    }
}

bool control_listens(const char *dir)
{
    int fd;
    if (connect_to(dir, &fd) < 0) {
        return false;
    }
    close(fd);
    return true;
}

int control_call_to(const char *dir, int argc, const char *const *argv, const char *lang, int in_fd,
                    control_sink *out, control_sink *err, void *io, int *ret_exit)
{
    struct call c = {.in_fd = in_fd, .out = out, .err = err, .io = io};
    int r = connect_to(dir, &c.fd);
    if (r < 0) {
        return r;
    }
    r = send_argv(c.fd, argc, argv, lang);
    r = r < 0 ? r : converse(&c, ret_exit);
    close(c.fd);
    return r;
}

struct fds {
    int out, err;
};

static int fd_out(void *io, const void *p, size_t n)
{
    return write_full(((struct fds *)io)->out, p, n);
}

static int fd_err(void *io, const void *p, size_t n)
{
    return write_full(((struct fds *)io)->err, p, n);
}

int control_call(const char *dir, int argc, const char *const *argv, const char *lang, int in_fd,
                 int out_fd, int err_fd, int *ret_exit)
{
    struct fds f = {out_fd, err_fd};
    return control_call_to(dir, argc, argv, lang, in_fd, fd_out, fd_err, &f, ret_exit);
}
