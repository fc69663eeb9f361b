/* SPDX-License-Identifier: Apache-2.0
 * Why: the outer half of our HTTP server: listening, who may connect, and every deadline. The
 * event library has timers per read only, so a client that sends one byte now and then would hold
 * its place for ever; here one sweep looks at absolute deadlines. It also asks poll(2) for the dead
 * among held requests: reading is off while a request is held (what comes next would be the next
 * request), and the library's own "closed" event spins after an RST. */
#include "node/http/server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/http/internal.h"
#include "node/http/tls.h"
#include "node/log.h"
#include "protocol/base/err.h"
#include "protocol/base/text.h"

enum { ACCEPT_PER_TURN = 64, POLL_SLICE = 256, LISTEN_BACKLOG = 256 };

static struct log_limit limit_log, accept_log;

static void sweep_start(struct http_server *s)
{
    if (!s->sweeping) {
        s->sweeping = loop_timer_every(s->sweep, s->cfg.sweep_ms) == 0;
    }
}

static void client_of(const struct sockaddr_storage *ss, uint8_t addr[static 9],
                      char peer[static INET6_ADDRSTRLEN])
{
    memset(addr, 0, 9);
    peer[0] = '\0';
    addr[0] = (uint8_t)ss->ss_family;
    if (ss->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, ss, sizeof in);
        memcpy(addr + 1, &in.sin_addr, 4);
        inet_ntop(AF_INET, &in.sin_addr, peer, INET6_ADDRSTRLEN);
    } else if (ss->ss_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, ss, sizeof in);
        if (IN6_IS_ADDR_V4MAPPED(&in.sin6_addr)) { /* one client, one name, on any listener */
            addr[0] = AF_INET;
            memcpy(addr + 1, in.sin6_addr.s6_addr + 12, 4);
            inet_ntop(AF_INET, in.sin6_addr.s6_addr + 12, peer, INET6_ADDRSTRLEN);
        } else {
            memcpy(addr + 1, &in.sin6_addr, 8);
            inet_ntop(AF_INET6, &in.sin6_addr, peer, INET6_ADDRSTRLEN);
        }
    }
}

/* True when one more is allowed. At the limit an idle kept-alive connection gives way, else the
 * oldest that has not said yet what it wants: a client that opens connections and waits must not
 * shut out the others until its deadlines pass. Who has a request running keeps his place. */
static bool make_room(struct http_server *s, const uint8_t addr[static 9])
{
    unsigned same = 0;
    struct conn *idle = NULL, *slow = NULL;
    for (struct conn *c = s->conns; c != NULL; c = c->next) { /* the last one is the oldest */
        same += memcmp(c->addr, addr, 9) == 0 ? 1 : 0;
        if (c->state == CONN_HEAD) {
            *(!c->started && c->requests > 0 ? &idle : &slow) = c;
        }
    }
    if (s->cfg.max_conns_per_ip > 0 && same >= s->cfg.max_conns_per_ip) {
        return false;
    }
    if (s->stats.conns < s->cfg.max_conns) {
        return true;
    }
    if (idle == NULL && slow == NULL) {
        return false;
    }
    s->stats.cut_late += idle == NULL ? 1 : 0;
    http__conn_free(idle != NULL ? idle : slow);
    return true;
}

static void on_accept(int lfd, unsigned what, void *arg)
{
    (void)what;
    struct http_server *s = arg;
    for (int i = 0; i < ACCEPT_PER_TURN; i++) {
        struct sockaddr_storage ss = {0};
        socklen_t n = sizeof ss;
        int fd = accept4(lfd, (struct sockaddr *)&ss, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                /* The listener stays readable: pause, or the loop spins until a slot is free. */
                log_event_limited(&accept_log, 60000, LOG_ERR, "http.accept", "errno=%d", errno);
                s->paused = true;
                loop_fd_set(s->watch, 0);
                sweep_start(s);
            }
            return;
        }
        uint8_t addr[9];
        char peer[INET6_ADDRSTRLEN];
        client_of(&ss, addr, peer);
        if (!make_room(s, addr)) {
            close(fd);
            s->stats.over_limit++;
            log_event_limited(&limit_log, 60000, LOG_WARNING, "http.limit", "conns=%u",
                              s->stats.conns);
            continue;
        }
        if (http__conn_new(s, fd, addr, peer) == 0) {
            s->stats.accepted++;
            sweep_start(s);
        }
    }
}

static void poll_slice(struct http_server *s, struct pollfd *pf, struct conn **who, nfds_t n)
{
    if (poll(pf, n, 0) <= 0) {
        return;
    }
    for (nfds_t i = 0; i < n; i++) {
        if ((pf[i].revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0) {
            s->stats.gone_held++;
            who[i]->broken = true;
            http__conn_free(who[i]);
        }
    }
}

static void free_gone(struct http_server *s)
{
    struct pollfd pf[POLL_SLICE];
    struct conn *who[POLL_SLICE];
    nfds_t n = 0;
    for (struct conn *c = s->conns, *next; c != NULL; c = next) {
        next = c->next; /* freeing c later touches no other connection */
        if (c->state == CONN_PENDING) {
            pf[n] = (struct pollfd){.fd = c->fd, .events = POLLRDHUP};
            who[n++] = c;
        }
        if (n == POLL_SLICE || (next == NULL && n > 0)) {
            poll_slice(s, pf, who, n);
            n = 0;
        }
    }
}

static void cut_late(struct http_server *s, int64_t now)
{
    for (struct conn *c = s->conns, *next; c != NULL; c = next) {
        next = c->next;
        if (c->deadline_ms != 0 && now >= c->deadline_ms) {
            bool idle = c->state == CONN_HEAD && !c->started && c->requests > 0;
            s->stats.cut_late += idle || c->state == CONN_LINGER ? 0 : 1;
            http__conn_free(c);
        }
    }
}

static void on_sweep(void *arg)
{
    struct http_server *s = arg;
    int64_t now = loop_now_ms();
    cut_late(s, now);
    if (now >= s->gone_at_ms) {
        s->gone_at_ms = now + s->cfg.gone_ms;
        free_gone(s);
    }
    if (s->paused && s->watch != NULL) {
        s->paused = loop_fd_set(s->watch, LOOP_READ) < 0;
    }
    if (s->stopping && (s->conns == NULL || now >= s->stop_at_ms)) {
        while (s->conns != NULL) {
            http__conn_free(s->conns);
        }
        void (*done)(void *) = s->done;
        s->done = NULL;
        s->stopping = false;
        s->sweeping = false;
        loop_timer_stop(s->sweep);
        if (done != NULL) {
            done(s->done_arg); /* may free the server */
        }
        return;
    }
    if (s->conns == NULL && !s->paused && !s->stopping) {
        loop_timer_stop(s->sweep);
        s->sweeping = false;
    }
}

/* "host:port" with a numeric host, "*" or "localhost"; brackets around IPv6. */
static int address_parse(const char *text, struct sockaddr_storage *ret, socklen_t *ret_n)
{
    char host[64];
    const char *colon = text != NULL ? strrchr(text, ':') : NULL;
    int64_t port = 0;
    if (colon == NULL || (size_t)(colon - text) >= sizeof host ||
        text_i64(colon + 1, strlen(colon + 1), 0, 65535, &port) < 0) {
        return SANJI_E_CONFIG;
    }
    size_t n = (size_t)(colon - text);
    bool v6 = n >= 2 && text[0] == '[' && text[n - 1] == ']';
    memcpy(host, text + (v6 ? 1 : 0), n - (v6 ? 2 : 0));
    host[n - (v6 ? 2 : 0)] = '\0';
    memset(ret, 0, sizeof *ret);
    if (v6 || strcmp(host, "*") == 0) {
        struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
        if (v6 && inet_pton(AF_INET6, host, &in.sin6_addr) != 1) {
            return SANJI_E_CONFIG;
        }
        memcpy(ret, &in, sizeof in);
        *ret_n = sizeof in;
        return 0;
    }
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const char *num = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    if (inet_pton(AF_INET, num, &in.sin_addr) != 1) {
        return SANJI_E_CONFIG;
    }
    memcpy(ret, &in, sizeof in);
    *ret_n = sizeof in;
    return 0;
}

static int bind_to(int family, const struct sockaddr_storage *ss, socklen_t n, int *ret_fd)
{
    int one = 1, zero = 0;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return SANJI_E_IO;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    }
    if (bind(fd, (const struct sockaddr *)ss, n) < 0 || listen(fd, LISTEN_BACKLOG) < 0) {
        close(fd);
        return SANJI_E_BUSY;
    }
    *ret_fd = fd;
    return 0;
}

static int open_listener(struct http_server *s)
{
    struct sockaddr_storage ss = {0};
    socklen_t n = 0;
    if (s->cfg.fd > 0) {
        s->fd = s->cfg.fd;
        int fl = fcntl(s->fd, F_GETFL); /* systemd hands on sockets that block */
        if (fl < 0 || fcntl(s->fd, F_SETFL, fl | O_NONBLOCK) < 0) {
            return SANJI_E_CONFIG;
        }
    } else {
        int r = address_parse(s->cfg.listen, &ss, &n);
        if (r < 0) {
            return r;
        }
        r = bind_to(ss.ss_family, &ss, n, &s->fd);
        if (r == SANJI_E_IO && strncmp(s->cfg.listen, "*:", 2) == 0) {
            /* A kernel without IPv6: "*" is then every IPv4 address. */
            struct sockaddr_in in = {.sin_family = AF_INET};
            in.sin_port = ((const struct sockaddr_in6 *)&ss)->sin6_port;
            memcpy(&ss, &in, sizeof in);
            r = bind_to(AF_INET, &ss, sizeof in, &s->fd);
        }
        if (r < 0) {
            return r;
        }
    }
    int one = 1; /* inherited by accepted sockets; without it TLS answers wait 40 ms */
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(s->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    n = sizeof ss;
    if (getsockname(s->fd, (struct sockaddr *)&ss, &n) < 0) {
        return SANJI_E_IO;
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): getsockname() filled it */
    s->port = ntohs(ss.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&ss)->sin6_port
                                             : ((const struct sockaddr_in *)&ss)->sin_port);
    return 0;
}

static void defaults(struct http_server_cfg *c)
{
    c->max_body = c->max_body > 0 ? c->max_body : (size_t)4 << 20;
    c->max_bodies = c->max_bodies > 0 ? c->max_bodies : (size_t)64 << 20;
    c->max_conns = c->max_conns > 0 ? c->max_conns : 1024;
    c->head_ms = c->head_ms > 0 ? c->head_ms : 10000;
    c->request_ms = c->request_ms > 0 ? c->request_ms : 60000;
    c->idle_ms = c->idle_ms > 0 ? c->idle_ms : 60000;
    c->write_ms = c->write_ms > 0 ? c->write_ms : 30000;
    c->gone_ms = c->gone_ms > 0 ? c->gone_ms : 3000;
    c->sweep_ms = c->sweep_ms > 0 ? c->sweep_ms : 500;
}

int http_server_new(struct loop *l, const struct http_server_cfg *cfg, struct http_server **ret)
{
    assert(cfg->fn != NULL);
    struct http_server *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return SANJI_E_NOMEM;
    }
    s->l = l;
    s->cfg = *cfg;
    s->fd = -1;
    s->next_id = 1;
    defaults(&s->cfg);
    int r = 0;
    if (cfg->tls != NULL) {
        http_server_set_tls(s, cfg->tls);
    } else if (cfg->tls_key_path != NULL) {
        r = tls_ctx_from_files(cfg->tls_key_path, cfg->tls_cert_path, &s->tls);
    }
    r = r < 0 ? r : open_listener(s);
    if (r == 0) {
        s->sweep = loop_timer_new(l, on_sweep, s);
        s->watch = loop_fd_new(l, s->fd, LOOP_READ, on_accept, s);
        r = s->sweep == NULL || s->watch == NULL ? SANJI_E_NOMEM : 0;
    }
    if (r < 0) {
        http_server_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

int http_server_port(const struct http_server *s)
{
    return s->port;
}

void http_server_stats(const struct http_server *s, struct http_stats *ret)
{
    *ret = s->stats;
}

void http_server_set_tls(struct http_server *s, struct ssl_ctx_st *tls)
{
    SSL_CTX_up_ref(tls);
    SSL_CTX_free(s->tls);
    s->tls = tls;
}

static void close_listener(struct http_server *s)
{
    loop_fd_free(s->watch);
    s->watch = NULL;
    if (s->fd >= 0) {
        close(s->fd);
        s->fd = -1;
    }
}

int http_server_stop(struct http_server *s, int64_t ms, void (*done)(void *arg), void *arg)
{
    close_listener(s);
    s->paused = false;
    s->stopping = true;
    s->stop_at_ms = loop_now_ms() + ms;
    s->done = done;
    s->done_arg = arg;
    for (struct conn *c = s->conns, *next; c != NULL; c = next) {
        next = c->next;
        if (c->state == CONN_HEAD && !c->started) {
            http__conn_free(c);
        }
    }
    s->sweeping = loop_timer_every(s->sweep, s->conns == NULL ? 1 : s->cfg.sweep_ms) == 0;
    return s->sweeping ? 0 : SANJI_E_NOMEM;
}

void http_server_free(struct http_server *s)
{
    if (s == NULL) {
        return;
    }
    close_listener(s);
    while (s->conns != NULL) {
        http__conn_free(s->conns);
    }
    loop_timer_free(s->sweep);
    SSL_CTX_free(s->tls);
    free(s);
}
