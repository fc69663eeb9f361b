/* SPDX-License-Identifier: Apache-2.0
 * Can whatever answers at a parent's address make the link take more than it was allowed, go
 * elsewhere, wait for ever, or speak to anybody but the holder of the pinned key? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netdb.h>

#include "node/http/server.h"
#include "node/http/tls.h"
#include "node/log.h"
#include "node/peer/link_https.h"
#include "protocol/base/err.h"
#include "tests/support/net.h"

static char dir[] = "/tmp/sanji-link-XXXXXX", key_path[64], cert_path[64];
static uint8_t pin[TLS_PIN_BYTES];
static SSL_CTX *server_ctx;

static struct got {
    int n;
    enum link_outcome outcome;
    int status;
    char type[64];
    char body[256];
    size_t body_n;
    int64_t retry_ms;
    bool fresh;
    int64_t ms;
} got;

static struct loop *l;
static int64_t t0;

static void on_result(const struct link_result *res, void *arg)
{
    (void)arg;
    got.n++;
    got.outcome = res->outcome;
    got.status = res->status;
    snprintf(got.type, sizeof got.type, "%s", res->content_type);
    got.body_n = res->body.n;
    size_t n = res->body.n < sizeof got.body - 1 ? res->body.n : sizeof got.body - 1;
    if (n > 0) {
        memcpy(got.body, res->body.p, n);
    }
    got.body[n] = '\0';
    got.retry_ms = res->retry_after_ms;
    got.fresh = res->new_connection;
    got.ms = loop_now_ms() - t0;
    loop_stop(l);
}

static struct link_call call_of(const char *path)
{
    return (struct link_call){
        .path = path, .body = "hello", .body_len = 5, .max_reply = 1000, .fn = on_result};
}

static void run_call(struct link *k, unsigned lane, const struct link_call *call)
{
    got = (struct got){.n = 0};
    t0 = loop_now_ms();
    assert_int_equal(link_post(k, lane, call), 0);
    assert_int_equal(got.n, 0); /* never from within */
    assert_int_equal(link_post(k, lane, call), SANJI_E_BUSY);
    loop_run(l);
    assert_int_equal(got.n, 1);
    assert_false(link_busy(k, lane));
}

static struct link *link_to(int port, const uint8_t *with_pin)
{
    char url[64];
    struct link *k = NULL;
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", port);
    struct link_cfg cfg = {
        .url = url, .pin = with_pin, .connect_ms = 2000, .timeout_ms = 4000, .low_speed_s = 1};
    assert_int_equal(link_new(l, &cfg, &k), 0);
    return k;
}

/* ---- against our own server, on the same loop ---- */

static struct http_request *held;

static void handle(struct http_request *rq, void *arg)
{
    (void)arg;
    char b[256];
    const char *type = http_get_header(rq, "Content-Type"), *x = http_get_header(rq, "X-A");
    if (strcmp(http_path(rq), "/hold") == 0) {
        held = rq;
        return;
    }
    if (strcmp(http_path(rq), "/later") == 0) {
        const struct http_header later[] = {{"Retry-After", "86400"}};
        http_reply(rq, 429, later, 1, NULL, 0);
        return;
    }
    int n = snprintf(b, sizeof b, "%s %s conn=%llu type=%s x=%s n=%zu ae=%s", http_method(rq),
                     http_path(rq), (unsigned long long)http_conn_id(rq), type != NULL ? type : "-",
                     x != NULL ? x : "-", http_body(rq).n,
                     http_get_header(rq, "Accept-Encoding") != NULL ? "yes" : "no");
    const struct http_header h[] = {{"Content-Type", "application/x-test"}};
    http_reply(rq, 200, h, 1, b, (size_t)n);
}

static struct http_server *own_server(void)
{
    struct http_server *s = NULL;
    struct http_server_cfg cfg = {.listen = "127.0.0.1:0",
                                  .tls_key_path = key_path,
                                  .tls_cert_path = cert_path,
                                  .sweep_ms = 20,
                                  .gone_ms = 50,
                                  .fn = handle};
    assert_int_equal(http_server_new(l, &cfg, &s), 0);
    return s;
}

static void each_lane_keeps_its_connection(void **state)
{
    (void)state;
    l = loop_new();
    struct http_server *s = own_server();
    struct link *k = link_to(http_server_port(s), pin);
    const struct http_header h[] = {{"Content-Type", "application/x-q"}, {"X-A", "b"}};
    struct link_call call = call_of("/p");
    call.headers = h;
    call.header_n = 2;
    setenv("https_proxy", "http://127.0.0.1:9", 1); /* must not matter */
    run_call(k, 0, &call);
    unsetenv("https_proxy");
    assert_int_equal(got.outcome, LINK_OK);
    assert_int_equal(got.status, 200);
    assert_string_equal(got.type, "application/x-test");
    assert_string_equal(got.body, "POST /p conn=1 type=application/x-q x=b n=5 ae=no");
    assert_true(got.fresh);
    run_call(k, 0, &call);
    assert_non_null(strstr(got.body, "conn=1 "));
    assert_false(got.fresh);
    run_call(k, 1, &call);
    assert_non_null(strstr(got.body, "conn=2 "));
    assert_true(got.fresh);
    for (int i = 0; i < 6; i++) { /* neither lane takes the other's connection */
        run_call(k, i % 2 == 0 ? 0 : 1, &call);
        assert_non_null(strstr(got.body, i % 2 == 0 ? "conn=1 " : "conn=2 "));
        assert_false(got.fresh);
    }
    link_disconnect(k, 0);
    run_call(k, 0, &call);
    assert_non_null(strstr(got.body, "conn=3 "));
    assert_true(got.fresh);
    call.get = true;
    run_call(k, 0, &call);
    assert_non_null(strstr(got.body, "GET /p conn=3 "));
    /* a long wait is capped */
    call = call_of("/later");
    run_call(k, 0, &call);
    assert_int_equal(got.status, 429);
    assert_int_equal(got.retry_ms, LINK_RETRY_AFTER_MAX_MS);
    /* a megabyte up */
    static char big[1 << 20];
    call = call_of("/big");
    call.body = big;
    call.body_len = sizeof big;
    run_call(k, 1, &call);
    assert_non_null(strstr(got.body, "n=1048576"));
    link_free(k);
    http_server_free(s);
    loop_free(l);
}

static void stop_later(void *arg)
{
    loop_stop(arg);
}

static void cancelled_calls_stay_silent(void **state)
{
    (void)state;
    l = loop_new();
    struct http_server *s = own_server();
    struct link *k = link_to(http_server_port(s), pin);
    struct loop_timer *t = loop_timer_new(l, stop_later, l);
    struct link_call call = call_of("/hold");
    got.n = 0;
    assert_int_equal(link_post(k, 0, &call), 0);
    loop_timer_once(t, 200);
    loop_run(l);
    assert_non_null(held);
    link_cancel(k, 0);
    loop_timer_once(t, 300);
    loop_run(l);
    struct http_stats st;
    http_server_stats(s, &st);
    assert_int_equal(st.held, 0); /* the server noticed */
    assert_int_equal(http_reply(held, 200, NULL, 0, NULL, 0), SANJI_E_UNREACHABLE);
    assert_int_equal(got.n, 0);
    call = call_of("/after");
    run_call(k, 0, &call);
    assert_int_equal(got.status, 200);
    assert_true(got.fresh);
    /* freed in the middle of a request */
    call = call_of("/hold");
    held = NULL;
    assert_int_equal(link_post(k, 1, &call), 0);
    loop_timer_once(t, 200);
    loop_run(l);
    link_free(k);
    http_server_free(s);
    http_reply(held, 200, NULL, 0, NULL, 0);
    loop_timer_free(t);
    loop_free(l);
}

static struct link *freed_inside;

static void free_inside(const struct link_result *res, void *arg)
{
    link_free(freed_inside);
    on_result(res, arg);
}

static void wrong_key_hears_nothing(void **state)
{
    (void)state;
    l = loop_new();
    struct http_server *s = own_server();
    uint8_t other[TLS_PIN_BYTES];
    memcpy(other, pin, sizeof other);
    other[31] ^= 1;
    freed_inside = link_to(http_server_port(s), other);
    struct link_call call = call_of("/p");
    call.fn = free_inside;
    assert_int_equal(link_post(freed_inside, 0, &call), 0);
    loop_run(l);
    assert_int_equal(got.outcome, LINK_PIN);
    assert_int_equal(got.status, 0);
    struct http_stats st;
    http_server_stats(s, &st);
    assert_int_equal(st.requests, 0);
    /* the right key, but a chain is wanted too */
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%d", http_server_port(s));
    struct link_cfg cfg = {.url = url, .pin = pin, .verify_ca = true};
    struct link *k = NULL;
    assert_int_equal(link_new(l, &cfg, &k), 0);
    call = call_of("/p");
    run_call(k, 0, &call);
    assert_int_equal(got.outcome, LINK_TLS);
    link_free(k);
    cfg.ca_file = cert_path; /* its own certificate as the authority: chain and name are right */
    assert_int_equal(link_new(l, &cfg, &k), 0);
    run_call(k, 0, &call);
    assert_int_equal(got.outcome, LINK_OK);
    link_free(k);
    http_server_free(s);
    loop_free(l);
}

/* ---- against hostile servers ---- */

struct hostile {
    int lfd, port;
    bool plain; /* no TLS at all */
    const char *reply;
    const char *forever; /* repeated until the client goes */
    long drip_ms;        /* pause between single bytes of reply */
    bool abrupt;         /* no close_notify: the connection is cut */
    size_t sent;
    pthread_t thread;
};

static void play(struct hostile *h, struct client *c)
{
    char rq[8192];
    if (client_recv(c, rq, sizeof rq) <= 0) {
        return;
    }
    size_t n = strlen(h->reply);
    if (h->drip_ms > 0) {
        for (size_t i = 0; i < n && client_send(c, h->reply + i, 1); i++) {
            h->sent++;
            nap_ms(h->drip_ms);
        }
    } else {
        client_send(c, h->reply, n);
    }
    n = h->forever != NULL ? strlen(h->forever) : 0;
    while (n > 0 && client_send(c, h->forever, n)) {
        h->sent += n;
    }
    if (!h->abrupt && c->ssl != NULL) {
        SSL_shutdown(c->ssl);
    }
}

static void *hostile_main(void *arg)
{
    struct hostile *h = arg;
    struct client c = {.fd = accept(h->lfd, NULL, NULL)};
    if (!h->plain) {
        c.ssl = SSL_new(server_ctx);
        SSL_set_fd(c.ssl, c.fd);
        if (SSL_accept(c.ssl) != 1) {
            client_close(&c);
            return NULL;
        }
    }
    play(h, &c);
    client_close(&c);
    return NULL;
}

static void hostile_start(struct hostile *h)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t n = sizeof in;
    h->lfd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(h->lfd, (struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(listen(h->lfd, 8), 0);
    getsockname(h->lfd, (struct sockaddr *)&in, &n);
    h->port = ntohs(in.sin_port);
    pthread_create(&h->thread, NULL, hostile_main, h);
}

static void meet(struct hostile *h)
{
    l = loop_new();
    hostile_start(h);
    struct link *k = link_to(h->port, pin);
    struct link_call call = call_of("/p");
    run_call(k, 0, &call);
    link_free(k);
    pthread_join(h->thread, NULL);
    close(h->lfd);
    loop_free(l);
}

static void answers_are_delivered_as_they_are(void **state)
{
    (void)state;
    struct hostile portal = {.reply = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
                                      "Content-Length: 13\r\n\r\n<html>login</"};
    meet(&portal);
    assert_int_equal(got.outcome, LINK_OK);
    assert_int_equal(got.status, 200);
    assert_string_equal(got.type, "text/html");
    assert_string_equal(got.body, "<html>login</");
    struct hostile moved = {.reply = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\n"
                                     "Content-Length: 0\r\nSet-Cookie: a=b\r\n\r\n"};
    meet(&moved);
    assert_int_equal(got.outcome, LINK_OK);
    assert_int_equal(got.status, 302); /* and not followed */
    struct hostile bomb = {.reply = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
                                    "Content-Length: 4\r\n\r\n\x1f\x8b\x08x"};
    meet(&bomb);
    assert_int_equal(got.outcome, LINK_OK);
    assert_int_equal(got.body_n, 4); /* not inflated */
    struct hostile later = {.reply =
                                "HTTP/1.1 503 No\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"};
    meet(&later);
    assert_int_equal(got.retry_ms, 7000);
}

static void endless_answers_are_cut(void **state)
{
    (void)state;
    static char chunk[1200], plain[1200];
    memset(plain, 'x', sizeof plain - 1);
    snprintf(chunk, sizeof chunk, "400\r\n%.1024s\r\n", plain);
    struct hostile chunked = {.reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                              .forever = chunk};
    meet(&chunked);
    assert_int_equal(got.outcome, LINK_TOO_LARGE);
    assert_int_equal(got.body_n, 0);
    struct hostile endless = {.reply = "HTTP/1.1 200 OK\r\n\r\n", .forever = plain};
    meet(&endless);
    assert_int_equal(got.outcome, LINK_TOO_LARGE);
    struct hostile headers = {.reply = "HTTP/1.1 200 OK\r\n", .forever = "X-A: bbbbbbbbbbbbbb\r\n"};
    meet(&headers);
    assert_int_equal(got.outcome, LINK_TOO_LARGE);
    struct hostile informs = {.reply = "", .forever = "HTTP/1.1 100 Continue\r\n\r\n"};
    meet(&informs);
    assert_int_equal(got.outcome, LINK_TOO_LARGE);
    assert_true(got.ms < 3500);
}

static void slow_and_broken_answers_end(void **state)
{
    (void)state;
    struct hostile drip = {.reply =
                               "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
                               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                           .drip_ms = 50};
    meet(&drip);
    assert_int_equal(got.outcome, LINK_TIMEOUT);
    assert_true(got.ms >= 900 && got.ms < 3900); /* by the low speed, not by the total */
    struct hostile cut = {.reply = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nabc"};
    meet(&cut);
    assert_int_equal(got.outcome, LINK_BROKEN);
    assert_int_equal(got.body_n, 0); /* half an answer is none */
    struct hostile early = {.reply = "HTTP/1.1 200 OK\r\nContent-Le", .abrupt = true};
    meet(&early);
    assert_int_equal(got.outcome, LINK_BROKEN);
    /* without a length only the TLS end tells that all is here */
    struct hostile torn = {.reply = "HTTP/1.1 200 OK\r\n\r\nabc", .abrupt = true};
    meet(&torn);
    assert_int_equal(got.outcome, LINK_BROKEN);
    struct hostile dumb = {.reply = ""};
    meet(&dumb);
    assert_int_equal(got.outcome, LINK_BROKEN);
    struct hostile old = {.reply = "just text, as HTTP/0.9 had it\n"};
    meet(&old);
    assert_int_equal(got.outcome, LINK_BROKEN);
    struct hostile no_tls = {.plain = true,
                             .reply = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};
    meet(&no_tls);
    assert_int_equal(got.outcome, LINK_TLS);
}

static void nobody_there(void **state)
{
    (void)state;
    l = loop_new();
    struct hostile h = {.reply = ""};
    struct sockaddr_in in = {.sin_family = AF_INET};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t n = sizeof in;
    h.lfd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(h.lfd, (struct sockaddr *)&in, sizeof in), 0);
    getsockname(h.lfd, (struct sockaddr *)&in, &n);
    struct link *k = link_to(ntohs(in.sin_port), pin); /* bound, not listening: refused */
    struct link_call call = call_of("/p");
    run_call(k, 0, &call);
    assert_int_equal(got.outcome, LINK_CONNECT);
    assert_true(got.ms < 1500);
    /* connects, but never shakes hands */
    assert_int_equal(listen(h.lfd, 1), 0);
    run_call(k, 0, &call);
    assert_int_equal(got.outcome, LINK_CONNECT);
    assert_true(got.ms >= 900 && got.ms < 3500);
    link_free(k);
    close(h.lfd);
    loop_free(l);
}

/* libcurl asks here instead of the C library. A name server that is silent keeps the question for
 * longer than any connection may take; it gives up by itself only so that the test ends. */
static sem_t answer, left;
static bool gave_up;

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **res)
{
    (void)node;
    (void)service;
    (void)hints;
    *res = NULL;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += 10;
    gave_up = sem_timedwait(&answer, &t) < 0;
    sem_post(&left);
    return EAI_AGAIN;
}

static void a_silent_name_server_stops_nobody(void **state)
{
    (void)state;
    l = loop_new();
    sem_init(&answer, 0, 0);
    sem_init(&left, 0, 0);
    struct link_cfg cfg = {.url = "https://parent.example", .pin = pin, .connect_ms = 100};
    struct link *k = NULL;
    assert_int_equal(link_new(l, &cfg, &k), 0);
    struct link_call call = call_of("/p");
    run_call(k, 0, &call); /* the loop goes on although the question is still open */
    assert_int_equal(got.outcome, LINK_CONNECT);
    assert_int_equal(link_post(k, 1, &call), 0);
    struct loop_timer *t = loop_timer_new(l, stop_later, l);
    loop_timer_once(t, 50);
    loop_run(l);
    link_free(k); /* and so does who ends it */
    for (int i = 0; i < 2; i++) {
        sem_post(&answer);
    }
    for (int i = 0; i < 2; i++) {
        sem_wait(&left);
        assert_false(gave_up);
    }
    nap_ms(50); /* libcurl's threads clean up after themselves */
    loop_timer_free(t);
    loop_free(l);
}

static void addresses_are_checked(void **state)
{
    (void)state;
    l = loop_new();
    static const char *const bad[] = {"http://a",      "ftp://a", "https://",
                                      "https://u:p@a", "a",       "https://a/?q",
                                      "https://a b",   "HTTPS:a", "https://a#b"};
    struct link *k = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct link_cfg cfg = {.url = bad[i], .pin = pin};
        assert_int_equal(link_new(l, &cfg, &k), SANJI_E_CONFIG);
    }
    struct link_cfg cfg = {.url = "https://a.example"};
    assert_int_equal(link_new(l, &cfg, &k), SANJI_E_CONFIG); /* never without a pin */
    assert_string_equal(link_outcome_name(LINK_PIN), "wrong_key");
    loop_free(l);
}

static int setup(void **state)
{
    (void)state;
    log_set_fd(-1);
    if (mkdtemp(dir) == NULL) {
        return -1;
    }
    snprintf(key_path, sizeof key_path, "%s/key.pem", dir);
    snprintf(cert_path, sizeof cert_path, "%s/cert.pem", dir);
    if (tls_identity_create(key_path, cert_path, "n-test", NULL, 0, pin) < 0) {
        return -1;
    }
    return tls_ctx_from_files(key_path, cert_path, &server_ctx);
}

static int teardown(void **state)
{
    (void)state;
    tls_ctx_free(server_ctx);
    unlink(key_path);
    unlink(cert_path);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_lane_keeps_its_connection),
        cmocka_unit_test(cancelled_calls_stay_silent),
        cmocka_unit_test(wrong_key_hears_nothing),
        cmocka_unit_test(answers_are_delivered_as_they_are),
        cmocka_unit_test(endless_answers_are_cut),
        cmocka_unit_test(slow_and_broken_answers_end),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test(a_silent_name_server_stops_nobody),
        cmocka_unit_test(addresses_are_checked),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
