/* SPDX-License-Identifier: Apache-2.0
 * Does the server refuse every request that two readers could read differently, cut what is slow,
 * notice who has gone, and otherwise serve, over plain sockets and TLS alike? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "node/http/server.h"
#include "node/http/tls.h"
#include "node/log.h"
#include "protocol/base/err.h"
#include "tests/support/net.h"

enum { BIG = 300000, HOLD_MAX = 64 };

static struct fixture {
    struct bg bg;
    struct http_server *s;
    int port;
    bool tls;
    struct http_request *held[HOLD_MAX];
    int held_n; /* loop thread */
    _Atomic int gone_n, freed_n, done_n;
} fx;
static char dir[] = "/tmp/sanji-http-XXXXXX", key_path[64], cert_path[64];
static uint8_t pin[TLS_PIN_BYTES];
static char big[BIG];
static char answer[BIG + 4096];

static const struct http_header text_plain[] = {{"Content-Type", "text/plain"}};

static void on_gone(struct http_request *rq, void *arg)
{
    (void)arg;
    fx.gone_n++;
    for (int i = 0; i < fx.held_n; i++) {
        if (fx.held[i] == rq) {
            fx.held[i] = fx.held[--fx.held_n];
        }
    }
    assert_int_equal(http_reply(rq, 200, NULL, 0, NULL, 0), SANJI_E_UNREACHABLE);
}

static void freed(void *arg)
{
    (void)arg;
    fx.freed_n++;
}

static void handle(struct http_request *rq, void *arg)
{
    (void)arg;
    if (strcmp(http_path(rq), "/hold") == 0) {
        assert_true(fx.held_n < HOLD_MAX);
        fx.held[fx.held_n++] = rq;
        http_on_close(rq, on_gone, NULL);
    } else if (strcmp(http_path(rq), "/big") == 0) {
        http_reply_ref(rq, 200, text_plain, 1, big, sizeof big, freed, NULL);
    } else if (strcmp(http_path(rq), "/two") == 0) { /* head and body in two writes */
        http_reply_ref(rq, 200, text_plain, 1, big, 10, NULL, NULL);
    } else if (strcmp(http_path(rq), "/split") == 0) {
        const struct http_header bad[] = {{"X-A", "a\r\nX-B: b"}};
        assert_int_equal(http_reply(rq, 200, bad, 1, "x", 1), SANJI_E_BUG);
    } else {
        char b[512];
        const char *h = http_get_header(rq, "x-test");
        int n = snprintf(b, sizeof b, "%s %s ?%s h=%s body=%zu conn=%llu tls=%d peer=%s",
                         http_method(rq), http_path(rq), http_query(rq), h != NULL ? h : "-",
                         http_body(rq).n, (unsigned long long)http_conn_id(rq), http_is_tls(rq),
                         http_peer(rq));
        http_reply(rq, 200, text_plain, 1, b, (size_t)n);
    }
}

static int64_t body_limit(const struct http_request *rq, void *arg)
{
    (void)arg;
    return strcmp(http_path(rq), "/never") == 0   ? -403
           : strcmp(http_path(rq), "/small") == 0 ? 10
                                                  : INT64_MAX;
}

static struct http_server_cfg config(void)
{
    return (struct http_server_cfg){.listen = "127.0.0.1:0",
                                    .fn = handle,
                                    .body_fn = body_limit,
                                    .max_body = 1 << 20,
                                    .sweep_ms = 20,
                                    .gone_ms = 60,
                                    .head_ms = 3000};
}

static void serve(struct http_server_cfg cfg, bool tls)
{
    fx = (struct fixture){.tls = tls};
    fx.bg.l = loop_new();
    if (tls) {
        cfg.tls_key_path = key_path;
        cfg.tls_cert_path = cert_path;
    }
    assert_int_equal(http_server_new(fx.bg.l, &cfg, &fx.s), 0);
    fx.port = http_server_port(fx.s);
    bg_start(&fx.bg);
}

static void unserve(void)
{
    bg_stop(&fx.bg);
    http_server_free(fx.s);
    for (int i = 0; i < fx.held_n; i++) {
        fail_msg("a held request was not told that its server ended");
    }
    loop_free(fx.bg.l);
}

static struct http_stats stats_now;

static void take_stats(void *arg)
{
    (void)arg;
    http_server_stats(fx.s, &stats_now);
}

static struct http_stats stats(void)
{
    bg_call(&fx.bg, take_stats, NULL);
    return stats_now;
}

/* Waits until expr holds, at most 5 s. */
#define SOON(expr)                                                                                 \
    do {                                                                                           \
        for (int soon_i = 0; soon_i < 500 && !(expr); soon_i++) {                                  \
            nap_ms(10);                                                                            \
        }                                                                                          \
        assert_true(expr);                                                                         \
    } while (0)

/* Sends bytes, returns the status of the one answer, 0 when it is cut, and checks that the
 * connection is closed after a refusal. */
static int status_of(const char *bytes, size_t n)
{
    struct client c = client_open(fx.port, fx.tls);
    client_send(&c, bytes, n);
    int status = client_answer(&c, answer, sizeof answer, false);
    if (status >= 400) {
        char rest[64];
        assert_int_equal(client_recv(&c, rest, sizeof rest), 0);
    }
    client_close(&c);
    return status;
}

struct edge {
    int status;
    const char *bytes;
};
#define H "Host: a\r\n"

/* clang-format off */
static const struct edge edges[] = {
    /* what must work */
    {200, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {200, "GET / HTTP/1.1\r\nhOST:a:80\r\n\r\n"},
    {200, "GET / HTTP/1.1\r\nHost: [::1]:80\r\nX:\t v \t\r\n\r\n"},
    {200, "GET / HTTP/1.1\r\nHost: a\r\nX: \xe4\xb8\x89\r\n\r\n"},
    {200, "GET / HTTP/1.0\r\n\r\n"},
    {200, "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nabcde"},
    {200, "POST / HTTP/1.1\r\n" H "\r\n"},
    {200, "GET / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n"},
    {200, "DELETE / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nx"},
    {200, "GET /a?b=c|d{} HTTP/1.1\r\n" H "\r\n"},
    /* lengths */
    {400, "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"},
    {501, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {501, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n"},
    {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {400, "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"},
    {400, "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde"},
    {400, "POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\nabcde"},
    {400, "POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nabcde"},
    {400, "POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\nabcde"},
    {400, "POST / HTTP/1.1\r\n" H "Content-Length: -0\r\n\r\n"},
    {400, "POST / HTTP/1.1\r\n" H "Content-Length: 5abc\r\n\r\nabcde"},
    {400, "POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\nabcde"},
    {400, "POST / HTTP/1.1\r\n" H "Content-Length: 5 5\r\n\r\nabcde"},
    {400, "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n"},
    {400, "POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\n"},
    {413, "POST / HTTP/1.1\r\n" H "Content-Length: 9223372036854775807\r\n\r\n"},
    {413, "POST / HTTP/1.1\r\n" H "Content-Length: 1048577\r\n\r\n"},
    {413, "POST /small HTTP/1.1\r\n" H "Content-Length: 11\r\n\r\n"},
    {200, "POST /small HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\n0123456789"},
    {403, "POST /never HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nx"},
    /* lines */
    {400, "GET / HTTP/1.1\nHost: a\n\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\r\n\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost\t: a\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "X: a\r\n\tb: c\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "no colon\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H ": empty\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "X(a): b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "X: a\x01" "b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "X: a\x7f\r\n\r\n"},
    {400, "\r\nGET / HTTP/1.1\r\n" H "\r\n"},
    {400, "\r\n\r\n"},
    /* who is meant */
    {400, "GET / HTTP/1.1\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "Cookie: a=1\r\nCookie: b=2\r\n\r\n"},
    /* request lines */
    {400, "GET  / HTTP/1.1\r\n" H "\r\n"},
    {400, "GET / HTTP/1.1 \r\n" H "\r\n"},
    {400, "GET /\tHTTP/1.1\r\n" H "\r\n"},
    {400, "GET /\r\n" H "\r\n"},
    {400, "GET HTTP/1.1\r\n" H "\r\n"},
    {400, " GET / HTTP/1.1\r\n" H "\r\n"},
    {400, "G(T / HTTP/1.1\r\n" H "\r\n"},
    {400, "GET http://a/ HTTP/1.1\r\n" H "\r\n"},
    {400, "GET a HTTP/1.1\r\n" H "\r\n"},
    {400, "GET /\xe4\xb8\x89 HTTP/1.1\r\n" H "\r\n"},
    {400, "GET /#a HTTP/1.1\r\n" H "\r\n"},
    {400, "GET / http/1.1\r\n" H "\r\n"},
    {400, "GET / HTTX/1.1\r\n" H "\r\n"},
    {505, "GET / HTTP/1.2\r\n" H "\r\n"},
    {505, "GET / HTTP/2.0\r\n" H "\r\n"},
    {501, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
    {501, "BREW / HTTP/1.1\r\n" H "\r\n"},
    {501, "get / HTTP/1.1\r\n" H "\r\n"},
    {405, "TRACE / HTTP/1.1\r\n" H "\r\n"},
    {405, "CONNECT a:443 HTTP/1.1\r\n" H "\r\n"},
    {405, "OPTIONS / HTTP/1.1\r\n" H "\r\n"},
    {417, "POST / HTTP/1.1\r\n" H "Expect: the-unexpected\r\nContent-Length: 1\r\n\r\nx"},
    {400, "\x16\x03\x01\x02\x01\x01 a TLS hello"},
};
/* clang-format on */

static void run_edges(bool tls)
{
    serve(config(), tls);
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        int got = status_of(edges[i].bytes, strlen(edges[i].bytes));
        int want = edges[i].status;
        if (got != want) {
            fail_msg("%d instead of %d to: %s", got, want, edges[i].bytes);
        }
    }
    static const char nul[] = "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n";
    assert_int_equal(status_of(nul, sizeof nul - 1), 400);
    unserve();
}

static void edge_table_plain(void **state)
{
    (void)state;
    run_edges(false);
}

static void edge_table_tls(void **state)
{
    (void)state;
    run_edges(true);
}

static void heads_have_limits(void **state)
{
    (void)state;
    serve(config(), false);
    static char rq[70000];
    for (size_t lines = 99; lines <= 101; lines++) { /* with Host: 100, 101, 102 */
        size_t n = (size_t)snprintf(rq, sizeof rq, "GET / HTTP/1.1\r\nHost: a\r\n");
        for (size_t i = 0; i < lines; i++) {
            n += (size_t)snprintf(rq + n, sizeof rq - n, "X: %zu\r\n", i);
        }
        n += (size_t)snprintf(rq + n, sizeof rq - n, "\r\n");
        assert_int_equal(status_of(rq, n), lines == 99 ? 200 : 431);
    }
    const size_t sizes[] = {8191, 8192, 8193, 65536};
    for (size_t i = 0; i < 4; i++) {
        size_t n = (size_t)snprintf(rq, sizeof rq, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
        memset(rq + n, 'x', sizes[i] - n - 4);
        memcpy(rq + sizes[i] - 4, "\r\n\r\n", 4);
        assert_int_equal(status_of(rq, sizes[i]), sizes[i] <= 8192 ? 200 : 431);
    }
    memset(rq, 'x', sizeof rq); /* no end at all */
    assert_int_equal(status_of(rq, sizeof rq), 431);
    unserve();
}

static bool say(struct client *c, const char *bytes)
{
    return client_send(c, bytes, strlen(bytes));
}

static int ask(struct client *c, const char *bytes)
{
    assert_true(client_send(c, bytes, strlen(bytes)));
    return client_answer(c, answer, sizeof answer, strncmp(bytes, "HEAD", 4) == 0);
}

static void run_serving(bool tls)
{
    serve(config(), tls);
    struct client c = client_open(fx.port, tls);
    assert_int_equal(ask(&c, "GET /a%20b?q=1 HTTP/1.1\r\nHost: a\r\nX-Test: v\r\n\r\n"), 200);
    assert_non_null(strstr(answer, "GET /a%20b ?q=1 h=v body=0 conn=1 tls="));
    assert_non_null(strstr(answer, "peer=127.0.0.1"));
    assert_null(strstr(answer, "Connection: close"));
    assert_non_null(strstr(answer, "\r\nDate: "));
    /* the same connection, byte by byte, then two requests at once with a body between */
    const char *slow = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    for (const char *p = slow; *p != '\0'; p++) {
        assert_true(client_send(&c, p, 1));
    }
    assert_int_equal(client_answer(&c, answer, sizeof answer, false), 200);
    assert_non_null(strstr(answer, "body=3 conn=1 "));
    assert_int_equal(ask(&c, "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nabGET /2 "
                             "HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n"),
                     200);
    assert_non_null(strstr(answer, "POST /1 ? h=- body=2 conn=1 "));
    assert_int_equal(client_answer(&c, answer, sizeof answer, false), 200);
    assert_non_null(strstr(answer, "GET /2 "));
    assert_int_equal(client_answer(&c, answer, sizeof answer, false), 200);
    assert_non_null(strstr(answer, "GET /3 "));
    /* HEAD says the length and sends nothing */
    assert_int_equal(ask(&c, "HEAD /big HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    assert_non_null(strstr(answer, "Content-Length: 300000\r\n"));
    assert_int_equal(ask(&c, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    assert_memory_equal(strstr(answer, "\r\n\r\n") + 4, big, BIG);
    assert_int_equal(ask(&c, "GET /split HTTP/1.1\r\nHost: a\r\n\r\n"), 500);
    assert_null(strstr(answer, "X-B"));
    /* Expect: the body is sent only when asked for */
    assert_true(say(
        &c, "POST /e HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
    assert_int_equal(client_answer(&c, answer, sizeof answer, false), 100);
    assert_int_equal(ask(&c, "hi"), 200);
    assert_int_equal(ask(&c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n"), 200);
    assert_non_null(strstr(answer, "Connection: close"));
    assert_int_equal(client_recv(&c, answer, 1), 0);
    client_close(&c);
    SOON(fx.freed_n == 2);
    assert_int_equal(stats().accepted, 1);
    /* 1.0 closes by itself; ids are not used again */
    c = client_open(fx.port, tls);
    say(&c, "GET / HTTP/1.0\r\n\r\n");
    assert_true(client_recv_all(&c, answer, sizeof answer) > 0);
    assert_non_null(strstr(answer, "conn=2 "));
    client_close(&c);
    unserve();
}

static void serves_plain(void **state)
{
    (void)state;
    run_serving(false);
}

static void serves_tls(void **state)
{
    (void)state;
    run_serving(true);
}

static void refused_upload_still_gets_its_answer(void **state)
{
    (void)state;
    static char rq[2 << 20];
    for (int tls = 0; tls < 2; tls++) {
        serve(config(), tls == 1);
        struct client c = client_open(fx.port, tls == 1);
        size_t n = (size_t)snprintf(rq, sizeof rq,
                                    "POST / HTTP/1.1\r\n" H "Content-Length: "
                                    "2000000\r\n\r\n");
        assert_true(client_send(&c, rq, n));
        client_send(&c, rq, 2000000); /* ignored by the server, no RST before the answer */
        assert_int_equal(client_answer(&c, answer, sizeof answer, false), 413);
        client_close(&c);
        unserve();
    }
}

static void slow_clients_are_cut(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct http_server_cfg cfg = config();
        cfg.head_ms = 300;
        cfg.request_ms = 300;
        cfg.idle_ms = 200;
        serve(cfg, tls == 1);
        struct client silent = {.fd = tcp_connect(fx.port)}; /* not even a handshake */
        struct client drip = client_open(fx.port, tls == 1);
        struct client body = client_open(fx.port, tls == 1);
        struct client idle = client_open(fx.port, tls == 1);
        struct client hold = client_open(fx.port, tls == 1);
        say(&hold, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_int_equal(ask(&idle, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
        say(&body, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
        int64_t t0 = loop_now_ms();
        const char *head =
            "GET / HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        for (const char *p = head; *p != '\0' && loop_now_ms() - t0 < 600; p++) {
            client_send(&drip, p, 1); /* never a pause longer than 30 ms */
            say(&body, "x");
            nap_ms(30);
        }
        assert_true(client_recv(&silent, answer, 1) <= 0);
        assert_true(client_recv(&drip, answer, 1) <= 0);
        assert_true(client_recv(&body, answer, 1) <= 0);
        assert_true(client_recv(&idle, answer, 1) <= 0);
        assert_true(loop_now_ms() - t0 < 2500);
        struct http_stats st = stats();
        assert_int_equal(st.cut_late, 3);
        assert_int_equal(st.held, 1); /* held requests have all the time */
        client_close(&silent);
        client_close(&drip);
        client_close(&body);
        client_close(&idle);
        client_close(&hold);
        SOON(stats().held == 0);
        unserve();
    }
}

static void slow_readers_are_cut(void **state)
{
    (void)state;
    struct http_server_cfg cfg = config();
    cfg.write_ms = 1;
    serve(cfg, false);
    /* deadline = 1 ms + 300000 / 4 ms is far; so many answers are asked for that buffers fill */
    struct client c = client_open(fx.port, false);
    int small = 4096;
    setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (int i = 0; i < 50; i++) {
        say(&c, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    nap_ms(200);
    /* Pipelined requests wait until the answer before is gone: memory stays bounded. */
    assert_true(stats().requests < 40);
    client_reset(&c);
    SOON(stats().conns == 0);
    unserve();
}

static void dead_held_polls_are_freed_without_spinning(void **state)
{
    (void)state;
    for (int variant = 0; variant < 4; variant++) {
        bool tls = (variant & 1) != 0, rst = (variant & 2) != 0;
        serve(config(), tls);
        struct client c[20];
        for (int i = 0; i < 20; i++) {
            c[i] = client_open(fx.port, tls);
            say(&c[i], "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
        }
        SOON(stats().held == 20);
        for (int i = 0; i < 10; i++) {
            (rst ? client_reset : client_close)(&c[i]);
        }
        int64_t t0 = loop_now_ms(), cpu0 = cpu_ms();
        SOON(stats().held == 10);
        assert_true(loop_now_ms() - t0 < 2000);
        assert_int_equal(fx.gone_n, 10);
        assert_int_equal(stats().gone_held, 10);
        nap_ms(400);
        assert_true(cpu_ms() - cpu0 < 250);
        assert_int_equal(stats().held, 10); /* the living stay */
        for (int i = 10; i < 20; i++) {
            client_close(&c[i]);
        }
        unserve();
    }
}

static void answer_all(void *arg)
{
    (void)arg;
    while (fx.held_n > 0) {
        assert_int_equal(http_reply(fx.held[--fx.held_n], 200, text_plain, 1, "late", 4), 0);
    }
}

static void held_polls_are_answered_later(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        serve(config(), tls == 1);
        struct client c = client_open(fx.port, tls == 1);
        /* the next request is already in the pipe while the first is held */
        say(&c, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\nGET /n HTTP/1.1\r\nHost: a\r\n\r\n");
        SOON(stats().held == 1);
        nap_ms(200);
        assert_int_equal(fx.gone_n, 0);
        bg_call(&fx.bg, answer_all, NULL);
        assert_int_equal(client_answer(&c, answer, sizeof answer, false), 200);
        assert_non_null(strstr(answer, "late"));
        assert_int_equal(client_answer(&c, answer, sizeof answer, false), 200);
        assert_non_null(strstr(answer, "GET /n "));
        client_close(&c);
        unserve();
    }
}

static void tls_answers_do_not_wait(void **state)
{
    (void)state;
    serve(config(), true);
    struct client c = client_open(fx.port, true);
    int64_t t0 = loop_now_ms();
    for (int i = 0; i < 50; i++) {
        assert_int_equal(ask(&c, "GET /two HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    }
    assert_true(loop_now_ms() - t0 < 1000); /* with delayed acknowledgements: over 2,000 */
    client_close(&c);
    unserve();
}

static void connections_are_counted(void **state)
{
    (void)state;
    struct http_server_cfg cfg = config();
    cfg.max_conns = 5;
    serve(cfg, false);
    struct client c[6];
    for (int i = 0; i < 5; i++) {
        c[i] = client_open(fx.port, false);
        say(&c[i], "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    SOON(stats().held == 5);
    c[5] = client_open(fx.port, false);
    assert_true(client_recv(&c[5], answer, 1) <= 0);
    assert_int_equal(stats().over_limit, 1);
    client_close(&c[5]);
    /* an idle kept-alive connection makes room for a new client */
    bg_call(&fx.bg, answer_all, NULL);
    assert_int_equal(client_answer(&c[0], answer, sizeof answer, false), 200);
    SOON(stats().held == 0);
    nap_ms(50);
    c[5] = client_open(fx.port, false);
    assert_int_equal(ask(&c[5], "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    for (int i = 0; i < 6; i++) {
        client_close(&c[i]);
    }
    unserve();
    cfg.max_conns = 100;
    cfg.max_conns_per_ip = 2;
    serve(cfg, false);
    for (int i = 0; i < 3; i++) {
        c[i] = client_open(fx.port, false);
    }
    assert_true(client_recv(&c[2], answer, 1) <= 0);
    client_close(&c[0]);
    SOON(stats().conns == 1);
    client_close(&c[2]);
    c[2] = client_open(fx.port, false);
    assert_int_equal(ask(&c[2], "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    client_close(&c[1]);
    client_close(&c[2]);
    unserve();
}

/* Whoever opens connections and says little must not shut out those who speak. */
static void the_slow_make_room_for_the_next(void **state)
{
    (void)state;
    struct http_server_cfg cfg = config();
    cfg.max_conns = 5;
    cfg.head_ms = 60000;
    serve(cfg, false);
    struct client c[6];
    c[0] = client_open(fx.port, false);
    say(&c[0], "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    SOON(stats().held == 1);
    for (int i = 1; i < 5; i++) {
        c[i] = client_open(fx.port, false);
        say(&c[i], i % 2 == 0 ? "GET / HT" : "");
        SOON((int)stats().conns == i + 1);
    }
    c[5] = client_open(fx.port, false);
    assert_int_equal(ask(&c[5], "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    assert_true(client_recv(&c[1], answer, 1) <= 0); /* the one that waited longest went */
    assert_int_equal(stats().over_limit, 0);
    assert_int_equal(stats().cut_late, 1);
    bg_call(&fx.bg, answer_all, NULL); /* who has asked already keeps his place */
    assert_int_equal(client_answer(&c[0], answer, sizeof answer, false), 200);
    for (int i = 0; i < 6; i++) {
        client_close(&c[i]);
    }
    unserve();
}

static void announced_bodies_share_a_budget(void **state)
{
    (void)state;
    struct http_server_cfg cfg = config();
    cfg.max_bodies = 1000000;
    serve(cfg, false);
    struct client c = client_open(fx.port, false);
    const char *rq = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 600000\r\n\r\n";
    client_send(&c, rq, strlen(rq));
    nap_ms(100);
    assert_int_equal(status_of(rq, strlen(rq)), 503);
    client_close(&c);
    SOON(stats().conns == 0);
    struct client d = client_open(fx.port, false);
    client_send(&d, rq, strlen(rq));
    client_send(&d, big, BIG);
    client_send(&d, big, BIG);
    assert_int_equal(client_answer(&d, answer, sizeof answer, false), 200);
    assert_non_null(strstr(answer, "body=600000"));
    client_close(&d);
    unserve();
}

static void stopped(void *arg)
{
    (void)arg;
    fx.done_n++;
}

static void stop_now(void *arg)
{
    assert_int_equal(http_server_stop(fx.s, *(int *)arg, stopped, NULL), 0);
}

static void stopping_lets_running_requests_end(void **state)
{
    (void)state;
    int long_ms = 5000, short_ms = 200;
    serve(config(), false);
    struct client idle = client_open(fx.port, false), hold = client_open(fx.port, false);
    assert_int_equal(ask(&idle, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    say(&hold, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    SOON(stats().held == 1);
    bg_call(&fx.bg, stop_now, &long_ms);
    assert_int_equal(client_recv(&idle, answer, 1), 0);
    assert_int_equal(tcp_connect(fx.port), -1);
    assert_int_equal(fx.done_n, 0);
    bg_call(&fx.bg, answer_all, NULL);
    assert_int_equal(client_answer(&hold, answer, sizeof answer, false), 200);
    assert_non_null(strstr(answer, "Connection: close"));
    assert_int_equal(client_recv(&hold, answer, 1), 0);
    client_close(&idle);
    client_close(&hold);
    SOON(fx.done_n == 1);
    unserve();
    serve(config(), false);
    hold = client_open(fx.port, false);
    say(&hold, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    SOON(stats().held == 1);
    bg_call(&fx.bg, stop_now, &short_ms);
    SOON(fx.done_n == 1);
    assert_int_equal(fx.gone_n, 1);
    client_close(&hold);
    unserve();
}

static void requests_outlive_their_server(void **state)
{
    (void)state;
    serve(config(), true);
    struct client c = client_open(fx.port, true);
    say(&c, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    SOON(stats().held == 1);
    bg_stop(&fx.bg);
    struct http_request *rq = fx.held[0];
    http_on_close(rq, NULL, NULL);
    fx.held_n = 0;
    http_server_free(fx.s);
    assert_string_equal(http_path(rq), "/hold");
    assert_int_equal(http_reply(rq, 200, NULL, 0, NULL, 0), SANJI_E_UNREACHABLE);
    loop_free(fx.bg.l);
    client_close(&c);
}

static void addresses_and_keys_are_checked(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct http_server *s = NULL, *t = NULL;
    struct http_server_cfg cfg = config();
    static const char *const bad[] = {"",          "127.0.0.1", ":80",        "1.2.3:80", "[::1:0",
                                      "a.test:80", "[x]:80",    "1.2.3.4:-1", "*:65536",  "*:080"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cfg.listen = bad[i];
        assert_int_equal(http_server_new(l, &cfg, &s), SANJI_E_CONFIG);
    }
    cfg = config();
    cfg.tls_key_path = cert_path; /* the wrong way round */
    cfg.tls_cert_path = key_path;
    assert_int_equal(http_server_new(l, &cfg, &s), SANJI_E_CONFIG);
    cfg = config();
    cfg.listen = "*:0";
    assert_int_equal(http_server_new(l, &cfg, &s), 0);
    char same[32];
    snprintf(same, sizeof same, "localhost:%d", http_server_port(s));
    cfg.listen = same;
    assert_int_equal(http_server_new(l, &cfg, &t), SANJI_E_BUSY);
    http_server_free(s);
    loop_free(l);
}

static void identity_is_private_lasting_and_pinned(void **state)
{
    (void)state;
    struct stat st;
    uint8_t got[TLS_PIN_BYTES];
    assert_int_equal(stat(key_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(tls_pin_of_file(cert_path, got), 0);
    assert_memory_equal(got, pin, sizeof pin);
    assert_int_equal(tls_identity_create(key_path, cert_path, "n", NULL, 0, got), SANJI_E_EXISTS);
    static const char *const bad[] = {"a b", "", "x,DNS:evil", "a/b"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(tls_cert_renew(key_path, cert_path, "n", &bad[i], 1, got), SANJI_E_SPEC);
    }
    static const char *const good[] = {"station.example", "192.0.2.7", "2001:db8::1"};
    assert_int_equal(tls_cert_renew(key_path, cert_path, "n-test", good, 3, got), 0);
    assert_memory_equal(got, pin, sizeof pin); /* a new certificate, the same key */
    FILE *f = fopen(cert_path, "r");
    X509 *x = PEM_read_X509(f, NULL, NULL, NULL);
    fclose(f);
    assert_int_equal(X509_check_host(x, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(x, "station.example", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(x, "192.0.2.7", 0), 1);
    assert_int_equal(X509_check_ip_asc(x, "2001:db8::1", 0), 1);
    struct tm tm;
    ASN1_TIME_to_tm(X509_get0_notBefore(x), &tm);
    assert_int_equal(tm.tm_year + 1900, 2000);
    ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm);
    assert_int_equal(tm.tm_year + 1900, 9999);
    assert_int_equal(X509_verify(x, X509_get0_pubkey(x)), 1);
    X509_free(x);
    assert_int_equal(tls_pin_of_pem("nonsense", 8, got), SANJI_E_SYNTAX);
    assert_int_equal(tls_pin_of_file("/nonexistent", got), SANJI_E_NOT_FOUND);
}

static void paths_and_queries_decode_strictly(void **state)
{
    (void)state;
    char out[64], tiny[4];
    static const struct {
        const char *raw;
        const char *want; /* NULL: refused */
    } paths[] = {
        {"/", "/"},
        {"/a/b", "/a/b"},
        {"/a/", "/a/"},
        {"/%E4%B8%89", "/\xe4\xb8\x89"},
        {"/a%20b+c", "/a b+c"},
        {"/..a/.b", "/..a/.b"},
        {"/..", NULL},
        {"/a/../b", NULL},
        {"/%2e%2e/b", NULL},
        {"/./a", NULL},
        {"/a//b", NULL},
        {"//a", NULL},
        {"/%00", NULL},
        {"/%", NULL},
        {"/%4", NULL},
        {"/%4g", NULL},
        {"/%2f", NULL},
        {"/%5C", NULL},
        {"/%ff", NULL},
        {"/%c0%af", NULL},
        {"/%0a", NULL},
        {"a", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        int r = http_path_decode(paths[i].raw, out, sizeof out);
        assert_int_equal(r, paths[i].want != NULL ? 0 : SANJI_E_ENCODING);
        if (paths[i].want != NULL) {
            assert_string_equal(out, paths[i].want);
        }
    }
    assert_int_equal(http_path_decode("/abc", tiny, sizeof tiny), SANJI_E_SIZE);
    assert_int_equal(http_path_decode("/ab", tiny, sizeof tiny), 0);
    assert_int_equal(http_query_get("a=1&bc=x+y%26&d", "bc", out, sizeof out), 0);
    assert_string_equal(out, "x y&");
    assert_int_equal(http_query_get("a=1&d", "d", out, sizeof out), 0);
    assert_string_equal(out, "");
    assert_int_equal(http_query_get("ab=1&b", "a", out, sizeof out), SANJI_E_NOT_FOUND);
    assert_int_equal(http_query_get("a=1&a=2", "a", out, sizeof out), SANJI_E_SPEC);
    assert_int_equal(http_query_get("a=%zz", "a", out, sizeof out), SANJI_E_ENCODING);
}

static int setup(void **state)
{
    (void)state;
    log_set_fd(-1);
    for (size_t i = 0; i < sizeof big; i++) {
        big[i] = (char)('a' + i % 23);
    }
    if (mkdtemp(dir) == NULL) {
        return -1;
    }
    snprintf(key_path, sizeof key_path, "%s/key.pem", dir);
    snprintf(cert_path, sizeof cert_path, "%s/cert.pem", dir);
    return tls_identity_create(key_path, cert_path, "n-test", NULL, 0, pin);
}

static int teardown(void **state)
{
    (void)state;
    unlink(key_path);
    unlink(cert_path);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edge_table_plain),
        cmocka_unit_test(edge_table_tls),
        cmocka_unit_test(heads_have_limits),
        cmocka_unit_test(serves_plain),
        cmocka_unit_test(serves_tls),
        cmocka_unit_test(refused_upload_still_gets_its_answer),
        cmocka_unit_test(slow_clients_are_cut),
        cmocka_unit_test(slow_readers_are_cut),
        cmocka_unit_test(dead_held_polls_are_freed_without_spinning),
        cmocka_unit_test(held_polls_are_answered_later),
        cmocka_unit_test(tls_answers_do_not_wait),
        cmocka_unit_test(connections_are_counted),
        cmocka_unit_test(the_slow_make_room_for_the_next),
        cmocka_unit_test(announced_bodies_share_a_budget),
        cmocka_unit_test(stopping_lets_running_requests_end),
        cmocka_unit_test(requests_outlive_their_server),
        cmocka_unit_test(addresses_and_keys_are_checked),
        cmocka_unit_test(identity_is_private_lasting_and_pinned),
        cmocka_unit_test(paths_and_queries_decode_strictly),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
