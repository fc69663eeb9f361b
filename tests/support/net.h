/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_TESTS_SUPPORT_NET_H
#define SANJI_TESTS_SUPPORT_NET_H

/* For tests with real sockets on loopback: a loop on its own thread, and a blocking client that
 * sends exactly the bytes it is given, plain or over TLS. Include after cmocka.h. */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "node/loop.h"

struct bg {
    struct loop *l;
    pthread_t thread;
};

static inline void *bg__main(void *arg)
{
    loop_run(arg);
    return NULL;
}

static inline void bg_start(struct bg *b)
{
    assert_int_equal(pthread_create(&b->thread, NULL, bg__main, b->l), 0);
}

static inline void bg_stop(struct bg *b)
{
    loop_stop(b->l);
    pthread_join(b->thread, NULL);
}

struct bg__call {
    loop_fn fn;
    void *arg;
    sem_t done;
};

static inline void bg__run(void *arg)
{
    struct bg__call *c = arg;
    c->fn(c->arg);
    sem_post(&c->done);
}

/* Runs fn on the loop thread and waits for it. */
static inline void bg_call(struct bg *b, loop_fn fn, void *arg)
{
    struct bg__call c = {.fn = fn, .arg = arg};
    sem_init(&c.done, 0, 0);
    assert_int_equal(loop_post(b->l, bg__run, &c), 0);
    while (sem_wait(&c.done) != 0) {
    }
    sem_destroy(&c.done);
}

static inline void nap_ms(long ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&ts, NULL);
}

/* CPU time of the whole process. */
static inline int64_t cpu_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct client {
    int fd;
    SSL *ssl;
};

static inline int tcp_connect(int port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval tv = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    if (connect(fd, (const struct sockaddr *)&in, sizeof in) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static inline struct client client_open(int port, bool tls)
{
    static SSL_CTX *ctx;
    struct client c = {.fd = tcp_connect(port)};
    assert_true(c.fd >= 0);
    if (tls) {
        if (ctx == NULL) {
            ctx = SSL_CTX_new(TLS_client_method());
            SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
        }
        c.ssl = SSL_new(ctx);
        SSL_set_fd(c.ssl, c.fd);
        assert_int_equal(SSL_connect(c.ssl), 1);
    }
    return c;
}

static inline void client_close(struct client *c)
{
    SSL_free(c->ssl);
    close(c->fd);
    c->fd = -1;
    ERR_clear_error();
}

/* Ends the connection with an RST instead of a FIN. */
static inline void client_reset(struct client *c)
{
    struct linger lg = {.l_onoff = 1, .l_linger = 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &lg, sizeof lg);
    client_close(c);
}

static inline bool client_send(struct client *c, const void *p, size_t n)
{
    const char *at = p;
    while (n > 0) {
        ssize_t w =
            c->ssl != NULL ? SSL_write(c->ssl, at, (int)n) : send(c->fd, at, n, MSG_NOSIGNAL);
        if (w <= 0) {
            return false;
        }
        at += w;
        n -= (size_t)w;
    }
    return true;
}

static inline ssize_t client_recv(struct client *c, void *p, size_t n)
{
    return c->ssl != NULL ? SSL_read(c->ssl, p, (int)n) : recv(c->fd, p, n, 0);
}

/* Everything until the other side closes; -1 when it reset the connection or fell silent. */
static inline ssize_t client_recv_all(struct client *c, char *out, size_t max)
{
    size_t n = 0;
    for (;;) {
        ssize_t r = client_recv(c, out + n, max - 1 - n);
        if (r < 0) {
            return -1;
        }
        if (r == 0 || n + (size_t)r >= max - 1) {
            n += (size_t)r;
            out[n] = '\0';
            return (ssize_t)n;
        }
        n += (size_t)r;
    }
}

/* One answer with Content-Length (head and body, NUL-terminated); its status, 0 at end of stream.
 * no_body: the answer to HEAD. */
static inline int client_answer(struct client *c, char *out, size_t max, bool no_body)
{
    size_t n = 0, want = 0;
    char *end = NULL;
    while (end == NULL || n < want) {
        /* byte by byte in the head, so that nothing of the next answer is taken */
        ssize_t r = client_recv(c, out + n, end == NULL ? 1 : want - n);
        if (r <= 0 || n + (size_t)r >= max) {
            return 0;
        }
        n += (size_t)r;
        out[n] = '\0';
        if (end == NULL && (end = strstr(out, "\r\n\r\n")) != NULL) {
            const char *len = strstr(out, "Content-Length: ");
            want = (size_t)(end + 4 - out);
            want += len != NULL && !no_body ? (size_t)strtoul(len + 16, NULL, 10) : 0;
        }
    }
    int status = 0;
    return sscanf(out, "HTTP/1.1 %d", &status) == 1 ? status : -1;
}

#endif
