/* SPDX-License-Identifier: Apache-2.0
 * Why: one connection as a small state machine over a libevent bufferevent (which gives us plain
 * and TLS sockets alike): head, body, handler, answer, again. Two rules keep it safe. Callbacks of
 * the bufferevent are deferred, so nothing here is entered a second time from within itself. And a
 * request belongs to its handler until answered: losing the connection only cuts the tie, so work
 * on another thread never looks at freed memory. */
#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "node/http/internal.h"
#include "node/log.h"
#include "protocol/base/err.h"

enum {
    LINGER_MS = 2000,
    SLOWEST_BYTES_PER_MS = 4, /* what a body or answer is given beyond the fixed time */
    REPLY_HEAD_MAX = 16384,
    READ_AHEAD = 2 * HTTP_HEAD_BYTES, /* what may wait unread between requests */
};

struct http_request {
    struct conn *conn; /* NULL: the client has gone */
    char *text;        /* what head points into */
    struct http_head head;
    uint8_t *body;
    size_t body_len;
    http_fn close_fn;
    void *close_arg;
    void *data;
    uint64_t conn_id;
    bool tls, close_after;
    char peer[INET6_ADDRSTRLEN];
};

static void request_free(struct http_request *rq)
{
    if (rq != NULL) {
        free(rq->text);
        free(rq->body);
        free(rq);
    }
}

static void release_body(struct conn *c)
{
    c->s->bodies -= c->reserved;
    c->reserved = 0;
}

void http__conn_free(struct conn *c)
{
    struct http_server *s = c->s;
    *(c->prev != NULL ? &c->prev->next : &s->conns) = c->next;
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    s->stats.conns--;
    release_body(c);
    struct http_request *held = NULL;
    if (c->state == CONN_PENDING) {
        s->stats.held--;
        held = c->rq;
        held->conn = NULL;
    } else {
        request_free(c->rq);
    }
    if (c->ssl != NULL && !c->broken && SSL_is_init_finished(c->ssl)) {
        SSL_shutdown(c->ssl);
    }
    ERR_clear_error();
    bufferevent_free(c->bev);
    free(c);
    if (held != NULL && held->close_fn != NULL) {
        http_fn fn = held->close_fn;
        held->close_fn = NULL;
        fn(held, held->close_arg); /* usually answers, which frees the request */
    }
}

static void begin_linger(struct conn *c)
{
    if (c->ssl != NULL && !c->broken) {
        SSL_shutdown(c->ssl);
        ERR_clear_error();
    }
    shutdown(c->fd, SHUT_WR);
    c->state = CONN_LINGER;
    c->deadline_ms = loop_now_ms() + LINGER_MS;
    bufferevent_setwatermark(c->bev, EV_READ, 0, 65536);
    bufferevent_enable(c->bev, EV_READ);
}

static void set_write(struct conn *c, size_t len)
{
    c->state = CONN_WRITE;
    c->deadline_ms = loop_now_ms() + c->s->cfg.write_ms + (int64_t)(len / SLOWEST_BYTES_PER_MS);
    bufferevent_disable(c->bev, EV_READ);
}

/* clang-format off */
static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"}, {303, "See Other"},
    {304, "Not Modified"}, {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"},
    {404, "Not Found"}, {405, "Method Not Allowed"}, {409, "Conflict"}, {410, "Gone"},
    {413, "Content Too Large"}, {415, "Unsupported Media Type"}, {417, "Expectation Failed"},
    {422, "Unprocessable Content"}, {426, "Upgrade Required"}, {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"},
    {501, "Not Implemented"}, {502, "Bad Gateway"}, {503, "Service Unavailable"},
    {504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"}, {507, "Insufficient Storage"},
};
/* clang-format on */

static const char *reason_of(int status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Status";
}

static void put_date(struct buf *b)
{
    static const char days[] = "SunMonTueWedThuFriSat",
                      months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &tm) != NULL) {
        buf_printf(b, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
                   days + (ptrdiff_t)3 * tm.tm_wday, tm.tm_mday, months + (ptrdiff_t)3 * tm.tm_mon,
                   tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    }
}

static bool sendable(const char *s)
{
    for (; *s != '\0'; s++) {
        unsigned char ch = (unsigned char)*s;
        if ((ch < 0x20 && ch != '\t') || ch == 0x7f) {
            return false;
        }
    }
    return true;
}

static void put_head(struct buf *b, int status, const struct http_header *headers, size_t n,
                     size_t len, bool keep)
{
    buf_printf(b, "HTTP/1.1 %d %s\r\n", status, reason_of(status));
    put_date(b);
    for (size_t i = 0; i < n; i++) {
        buf_printf(b, "%s: %s\r\n", headers[i].name, headers[i].value);
    }
    if (status != 204 && status != 304) {
        buf_printf(b, "Content-Length: %zu\r\n", len);
    }
    buf_puts(b, keep ? "\r\n" : "Connection: close\r\n\r\n");
}

/* The connection's own answer: what was sent cannot be given to a handler. */
static void refuse(struct conn *c, int status)
{
    static const struct http_header plain[] = {{"Content-Type", "text/plain; charset=utf-8"},
                                               {"Allow", "GET, HEAD, POST, PUT, PATCH, DELETE"}};
    static struct log_limit lim;
    log_event_limited(&lim, 60000, LOG_NOTICE, "http.refused", "status=%d peer=%s", status,
                      c->peer);
    c->s->stats.bad_requests++;
    c->close_after = true;
    request_free(c->rq);
    c->rq = NULL;
    struct buf b;
    buf_init(&b, REPLY_HEAD_MAX);
    const char *text = reason_of(status);
    put_head(&b, status, plain, status == 405 ? 2 : 1, strlen(text) + 1, false);
    buf_printf(&b, "%s\n", text);
    set_write(c, b.len);
    if (b.err != 0 || bufferevent_write(c->bev, b.data, b.len) < 0) {
        c->deadline_ms = 1; /* no memory even for this: the sweep cuts */
    }
    buf_done(&b);
}

/* Room and permission for the body; 0 or the status to refuse with. */
static int admit_body(struct conn *c)
{
    struct http_server *s = c->s;
    int64_t len = c->rq->head.content_length;
    int64_t limit = (int64_t)s->cfg.max_body;
    if (s->cfg.body_fn != NULL) {
        int64_t own = s->cfg.body_fn(c->rq, s->cfg.arg);
        if (own < 0) {
            return (int)-own;
        }
        limit = own < limit ? own : limit;
    }
    if (len > limit) {
        return 413;
    }
    if ((size_t)len > s->cfg.max_bodies - s->bodies) {
        return 503;
    }
    c->need = c->reserved = (size_t)len;
    s->bodies += c->reserved;
    return 0;
}

static int take_head(struct conn *c, struct evbuffer *in, size_t n)
{
    struct http_request *rq = calloc(1, sizeof *rq);
    c->rq = rq;
    if (rq == NULL || (rq->text = malloc(n + 1)) == NULL) {
        return 503;
    }
    evbuffer_remove(in, rq->text, n);
    rq->text[n] = '\0';
    rq->conn = c;
    rq->conn_id = c->id;
    rq->tls = c->ssl != NULL;
    memcpy(rq->peer, c->peer, sizeof rq->peer);
    int status = http_head_parse(rq->text, n, &rq->head);
    return status != 0 ? status : admit_body(c);
}

/* True when the state has moved on and there may be more to do. */
static bool step_head(struct conn *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    size_t n = evbuffer_get_length(in), head = 0;
    if (n == 0) {
        return false;
    }
    int64_t now = loop_now_ms();
    if (!c->started) {
        c->started = true;
        if (c->requests > 0) { /* the first one's time began with the connection */
            c->deadline_ms = now + c->s->cfg.head_ms;
        }
    }
    n = n > HTTP_HEAD_BYTES + 1 ? HTTP_HEAD_BYTES + 1 : n;
    const uint8_t *p = evbuffer_pullup(in, (ssize_t)n);
    int status = p == NULL ? 503 : http_head_scan(p, n, &c->scanned, &head);
    if (status == HTTP_SCAN_MORE) {
        return false;
    }
    if (status == HTTP_SCAN_DONE) {
        status = take_head(c, in, head);
    }
    if (status != 0) {
        refuse(c, status);
        return false;
    }
    c->state = CONN_BODY;
    c->deadline_ms = now + c->s->cfg.request_ms + (int64_t)(c->need / SLOWEST_BYTES_PER_MS);
    bufferevent_setwatermark(c->bev, EV_READ, 0, c->need + HTTP_HEAD_BYTES);
    if (c->rq->head.expect_continue && evbuffer_get_length(in) < c->need) {
        static const char go[] = "HTTP/1.1 100 Continue\r\n\r\n";
        bufferevent_write(c->bev, go, sizeof go - 1);
    }
    return true;
}

static void step_body(struct conn *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    if (evbuffer_get_length(in) < c->need) {
        return;
    }
    struct http_request *rq = c->rq;
    rq->body = malloc(c->need + 1);
    if (rq->body == NULL) {
        refuse(c, 503);
        return;
    }
    evbuffer_remove(in, rq->body, c->need);
    rq->body[c->need] = 0;
    rq->body_len = c->need;
    c->state = CONN_PENDING;
    c->deadline_ms = 0;
    c->requests++;
    bufferevent_disable(c->bev, EV_READ);
    c->s->stats.held++;
    c->s->stats.requests++;
    c->s->cfg.fn(rq, c->s->cfg.arg);
}

static void process(struct conn *c)
{
    if (c->state == CONN_HEAD && !step_head(c)) {
        return;
    }
    if (c->state == CONN_BODY) {
        step_body(c);
    }
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct conn *c = arg;
    if (c->state == CONN_LINGER) {
        struct evbuffer *in = bufferevent_get_input(bev);
        evbuffer_drain(in, evbuffer_get_length(in));
        return;
    }
    process(c);
}

static void next_request(struct conn *c)
{
    c->state = CONN_HEAD;
    c->scanned = 0;
    c->need = 0;
    c->started = false;
    c->deadline_ms = loop_now_ms() + c->s->cfg.idle_ms;
    bufferevent_setwatermark(c->bev, EV_READ, 0, READ_AHEAD);
    bufferevent_enable(c->bev, EV_READ);
    process(c); /* pipelined bytes are here already and wake nobody */
}

static void on_write(struct bufferevent *bev, void *arg)
{
    struct conn *c = arg;
    if (c->state != CONN_WRITE || evbuffer_get_length(bufferevent_get_output(bev)) > 0) {
        return; /* "100 Continue", or an earlier notice that is out of date */
    }
    if (c->close_after || c->s->stopping) {
        begin_linger(c);
    } else {
        next_request(c);
    }
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    struct conn *c = arg;
    if ((what & BEV_EVENT_ERROR) != 0) {
        c->broken = true;
        http__conn_free(c);
    } else if ((what & BEV_EVENT_EOF) != 0) {
        if (c->state == CONN_PENDING || c->state == CONN_WRITE) {
            c->close_after = true; /* sent its FIN with the request; it may still want the answer */
        } else {
            http__conn_free(c);
        }
    }
}

int http__conn_new(struct http_server *s, int fd, const uint8_t addr[static 9], const char *peer)
{
    const int opts = BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS;
    struct conn *c = calloc(1, sizeof *c);
    if (c != NULL && s->tls != NULL) {
        c->ssl = SSL_new(s->tls);
        if (c->ssl != NULL) {
            c->bev = bufferevent_openssl_socket_new(loop_base(s->l), fd, c->ssl,
                                                    BUFFEREVENT_SSL_ACCEPTING, opts);
            if (c->bev == NULL) {
                SSL_free(c->ssl);
            }
        }
    } else if (c != NULL) {
        c->bev = bufferevent_socket_new(loop_base(s->l), fd, opts);
    }
    if (c == NULL || c->bev == NULL) {
        free(c);
        close(fd);
        return SANJI_E_NOMEM;
    }
    c->s = s;
    c->fd = fd;
    c->id = s->next_id++;
    memcpy(c->addr, addr, 9);
    memcpy(c->peer, peer, strlen(peer) + 1);
    c->deadline_ms = loop_now_ms() + s->cfg.head_ms;
    c->next = s->conns;
    if (c->next != NULL) {
        c->next->prev = c;
    }
    s->conns = c;
    s->stats.conns++;
    bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
    bufferevent_setwatermark(c->bev, EV_READ, 0, READ_AHEAD);
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
    return 0;
}

const char *http_method(const struct http_request *rq)
{
    return rq->head.method;
}

const char *http_path(const struct http_request *rq)
{
    return rq->head.path;
}

const char *http_query(const struct http_request *rq)
{
    return rq->head.query;
}

const char *http_get_header(const struct http_request *rq, const char *name)
{
    return http_head_get(&rq->head, name);
}

const struct http_head *http_head_of(const struct http_request *rq)
{
    return &rq->head;
}

struct span http_body(const struct http_request *rq)
{
    return span_of(rq->body, rq->body_len);
}

const char *http_peer(const struct http_request *rq)
{
    return rq->peer;
}

uint64_t http_conn_id(const struct http_request *rq)
{
    return rq->conn_id;
}

bool http_is_tls(const struct http_request *rq)
{
    return rq->tls;
}

void http_set_data(struct http_request *rq, void *data)
{
    rq->data = data;
}

void *http_data(const struct http_request *rq)
{
    return rq->data;
}

void http_on_close(struct http_request *rq, http_fn fn, void *arg)
{
    rq->close_fn = fn;
    rq->close_arg = arg;
}

void http_close_after(struct http_request *rq)
{
    rq->close_after = true;
}

struct lent {
    void (*free_fn)(void *arg);
    void *arg;
};

static void lent_done(const void *p, size_t n, void *arg)
{
    (void)p;
    (void)n;
    struct lent *l = arg;
    if (l->free_fn != NULL) {
        l->free_fn(l->arg);
    }
    free(l);
}

static bool headers_ok(const struct http_header *headers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *name = headers[i].name;
        if (*name == '\0' || strpbrk(name, " :\t") != NULL || !sendable(name) ||
            !sendable(headers[i].value)) {
            return false;
        }
    }
    return true;
}

static int add_body(struct conn *c, const void *body, size_t len, struct lent *l, bool *ret_lent)
{
    struct evbuffer *out = bufferevent_get_output(c->bev);
    if (l == NULL) {
        return evbuffer_add(out, body, len) < 0 ? SANJI_E_NOMEM : 0;
    }
    if (evbuffer_add_reference(out, body, len, lent_done, l) < 0) {
        return SANJI_E_NOMEM;
    }
    *ret_lent = true;
    return 0;
}

static int reply(struct http_request *rq, int status, const struct http_header *headers,
                 size_t header_n, const void *body, size_t len, struct lent *l)
{
    struct conn *c = rq->conn;
    bool lent = false;
    int r = SANJI_E_UNREACHABLE;
    if (c != NULL) {
        assert(c->state == CONN_PENDING && c->rq == rq);
        r = 0;
        if (status < 200 || status > 599 || !headers_ok(headers, header_n)) {
            log_event(LOG_ERR, "http.bug", "status=%d headers=%zu", status, header_n);
            r = SANJI_E_BUG;
            status = 500;
            header_n = len = 0;
        }
        bool keep = rq->head.keep_alive && !rq->close_after && !c->close_after && !c->s->stopping;
        struct buf b;
        buf_init(&b, REPLY_HEAD_MAX);
        put_head(&b, status, headers, header_n, len, keep);
        bool with_body = len > 0 && !rq->head.is_head && status != 204 && status != 304;
        c->close_after = !keep;
        c->s->stats.held--;
        c->rq = NULL;
        release_body(c);
        set_write(c, len);
        if (b.err != 0 || bufferevent_write(c->bev, b.data, b.len) < 0 ||
            (with_body && add_body(c, body, len, l, &lent) < 0)) {
            r = r < 0 ? r : SANJI_E_NOMEM;
            c->close_after = true;
            c->deadline_ms = 1; /* half an answer is none: the sweep cuts */
        }
        buf_done(&b);
    }
    if (l != NULL && !lent) {
        lent_done(NULL, 0, l);
    }
    request_free(rq);
    return r;
}

int http_reply(struct http_request *rq, int status, const struct http_header *headers,
               size_t header_n, const void *body, size_t len)
{
    return reply(rq, status, headers, header_n, body, len, NULL);
}

int http_reply_ref(struct http_request *rq, int status, const struct http_header *headers,
                   size_t header_n, const void *body, size_t len, void (*free_fn)(void *arg),
                   void *free_arg)
{
    struct lent *l = malloc(sizeof *l);
    if (l == NULL) {
        int r = reply(rq, status, headers, header_n, body, len, NULL);
        if (free_fn != NULL) {
            free_fn(free_arg);
        }
        return r;
    }
    *l = (struct lent){free_fn, free_arg};
    return reply(rq, status, headers, header_n, body, len, l);
}
