/* SPDX-License-Identifier: Apache-2.0
 * Why: a station talks to its parent through whatever network it finds, and a parent may be
 * hostile. libcurl with its usual settings would follow redirects to other protocols, inflate
 * bombs, take endless bodies and wait for ever; every such door is closed here, in one table, and
 * the byte cap sits in the write callback because libcurl's own limit does not count chunked
 * bodies. The pinned key is the only authority: a station with a wrong clock or without any
 * certificate authority still reaches its parent, and nobody else can pretend to be it. */
#include "node/peer/link_https.h"

#include <assert.h>
#include <curl/curl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "node/loop.h"
#include "node/peer/address.h"
#include "protocol/base/err.h"
#include "protocol/base/text.h"

enum {
    CONNECT_MS = 15000,
    TIMEOUT_MS = 120000,
    LOW_SPEED_BYTES = 100,
    LOW_SPEED_S = 30,
    HEADERS_MAX = 65536, /* all header lines of one answer, 1xx included */
    URL_MAX = 2048,
    PIN_TEXT = 8 + 44 + 1, /* "sha256//" and base64 of 32 bytes */
};

struct lane {
    struct link *k;
    CURLM *multi;
    CURL *easy;
    struct loop_timer *timer;
    struct watch *watches;
    struct curl_slist *headers;
    struct buf body;
    size_t head_bytes;
    bool busy, too_large, no_memory, barred;
    bool framed;        /* the answer said where it ends */
    bool head_complete; /* its empty line has come */
    bool fresh;         /* the next request may not use the connection that is there */
    link_fn fn;
    void *arg;
};

struct watch {
    struct watch *next, **at;
    struct loop_fd *fd;
};

struct link {
    struct loop *l;
    struct buf base; /* URL without the last '/' */
    struct buf ca_file;
    char pin[PIN_TEXT];
    struct link_cfg cfg;
    struct lane lanes[LINK_LANES];
};

static void global_init(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void watch_free(struct watch *w)
{
    *w->at = w->next;
    if (w->next != NULL) {
        w->next->at = w->at;
    }
    loop_fd_free(w->fd);
    free(w);
}

static enum link_outcome outcome_of(const struct lane *n, CURLcode code)
{
    curl_off_t connected = 0;
    if (n->too_large) {
        return LINK_TOO_LARGE;
    }
    if (n->no_memory) {
        return LINK_LOCAL;
    }
    if (n->barred && code == CURLE_COULDNT_CONNECT) {
        return LINK_BARRED;
    }
    /* clang-format off */
    static const struct {
        CURLcode code;
        enum link_outcome outcome;
    } table[] = {
        {CURLE_OK, LINK_OK},
        {CURLE_COULDNT_RESOLVE_HOST, LINK_CONNECT},
        {CURLE_COULDNT_CONNECT, LINK_CONNECT},
        {CURLE_SSL_PINNEDPUBKEYNOTMATCH, LINK_PIN},
        {CURLE_SSL_CONNECT_ERROR, LINK_TLS},
        {CURLE_PEER_FAILED_VERIFICATION, LINK_TLS},
        {CURLE_SSL_CACERT_BADFILE, LINK_TLS},
        {CURLE_SSL_CIPHER, LINK_TLS},
        {CURLE_SSL_CERTPROBLEM, LINK_TLS},
        {CURLE_SSL_ISSUER_ERROR, LINK_TLS},
        {CURLE_OUT_OF_MEMORY, LINK_LOCAL},
        {CURLE_FAILED_INIT, LINK_LOCAL},
        {CURLE_URL_MALFORMAT, LINK_LOCAL},
    };
    /* clang-format on */
    /* An answer that ends with its connection cannot be told from half an answer, and libcurl takes
     * even half a head for a whole one. */
    if (code == CURLE_OK && (!n->head_complete || !n->framed)) {
        long status = 0;
        curl_easy_getinfo(n->easy, CURLINFO_RESPONSE_CODE, &status);
        if (!n->head_complete || (status != 204 && status != 304)) {
            return LINK_BROKEN;
        }
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        curl_easy_getinfo(n->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
        return connected > 0 ? LINK_TIMEOUT : LINK_CONNECT;
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].code == code) {
            return table[i].outcome;
        }
    }
    return LINK_BROKEN;
}

static void lane_clear(struct lane *n)
{
    n->busy = false;
    n->fn = NULL;
    curl_multi_remove_handle(n->multi, n->easy);
    curl_easy_reset(n->easy); /* forgets options, keeps nothing of the connection: that is the
                                 multi handle's */
    curl_slist_free_all(n->headers);
    n->headers = NULL;
}

static void fill_result(struct lane *n, CURLcode code, struct buf *type, struct link_result *res)
{
    long status = 0, conns = 0;
    char *content_type = NULL;
    curl_off_t retry = 0;
    *res = (struct link_result){.outcome = outcome_of(n, code), .text = curl_easy_strerror(code)};
    curl_easy_getinfo(n->easy, CURLINFO_NUM_CONNECTS, &conns);
    res->new_connection = conns > 0;
    buf_puts(type, "");
    if (res->outcome == LINK_OK) {
        curl_easy_getinfo(n->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(n->easy, CURLINFO_CONTENT_TYPE, &content_type);
        curl_easy_getinfo(n->easy, CURLINFO_RETRY_AFTER, &retry);
        res->status = (int)status;
        buf_puts(type, content_type != NULL ? content_type : "");
        res->body = span_of(n->body.data, n->body.len);
    }
    if (retry > 0) {
        res->retry_after_ms = retry >= LINK_RETRY_AFTER_MAX_MS / 1000 ? LINK_RETRY_AFTER_MAX_MS
                                                                      : (int64_t)retry * 1000;
    }
    res->content_type = buf_str(type);
}

/* After every step of libcurl: hands the finished request over. May free the link (fn does), so
 * callers return at once. */
static void check_done(struct lane *n)
{
    int left = 0;
    CURLMsg *m = curl_multi_info_read(n->multi, &left);
    if (m == NULL || m->msg != CURLMSG_DONE || !n->busy) {
        return;
    }
    struct link_result res;
    struct buf type, body;
    buf_init(&type, HEADERS_MAX);
    fill_result(n, m->data.result, &type, &res);
    body = n->body; /* ours until fn returns: it may start the next request */
    buf_init(&n->body, 0);
    link_fn fn = n->fn;
    void *arg = n->arg;
    lane_clear(n);
    fn(&res, arg);
    buf_done(&body);
    buf_done(&type);
}

static void step(struct lane *n, curl_socket_t fd, int what)
{
    int running = 0;
    curl_multi_socket_action(n->multi, fd, what, &running);
    check_done(n);
}

static void on_fd(int fd, unsigned what, void *arg)
{
    step(arg, fd,
         ((what & LOOP_READ) != 0 ? CURL_CSELECT_IN : 0) |
             ((what & LOOP_WRITE) != 0 ? CURL_CSELECT_OUT : 0));
}

static void on_timer(void *arg)
{
    step(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int want_timer(CURLM *multi, long ms, void *arg)
{
    (void)multi;
    struct lane *n = arg;
    if (ms < 0) {
        loop_timer_stop(n->timer);
        return 0;
    }
    return loop_timer_once(n->timer, ms) < 0 ? -1 : 0;
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *sockp)
{
    (void)easy;
    struct lane *n = arg;
    struct watch *w = sockp;
    if (what == CURL_POLL_REMOVE) {
        if (w != NULL) {
            watch_free(w);
            curl_multi_assign(n->multi, fd, NULL);
        }
        return 0;
    }
    unsigned want = ((what & CURL_POLL_IN) != 0 ? LOOP_READ : 0U) |
                    ((what & CURL_POLL_OUT) != 0 ? LOOP_WRITE : 0U);
    if (w != NULL) {
        return loop_fd_set(w->fd, want) < 0 ? -1 : 0;
    }
    w = calloc(1, sizeof *w);
    if (w == NULL) {
        return -1;
    }
    w->fd = loop_fd_new(n->k->l, fd, want, on_fd, n);
    if (w->fd == NULL) {
        free(w);
        return -1;
    }
    w->at = &n->watches;
    w->next = n->watches;
    if (w->next != NULL) {
        w->next->at = &w->next;
    }
    n->watches = w;
    curl_multi_assign(n->multi, fd, w);
    return 0;
}

static size_t on_body(char *p, size_t size, size_t count, void *arg)
{
    struct lane *n = arg;
    size_t len = size * count;
    if (len > n->body.max - n->body.len) {
        n->too_large = true;
        return CURL_WRITEFUNC_ERROR;
    }
    if (buf_put(&n->body, p, len) < 0) {
        n->no_memory = true;
        return CURL_WRITEFUNC_ERROR;
    }
    return len;
}

static size_t on_header(char *p, size_t size, size_t count, void *arg)
{
    struct lane *n = arg;
    size_t len = size * count;
    if (len > 5 && strncmp(p, "HTTP/", 5) == 0) {
        n->framed = n->head_complete = false;
    } else if (len <= 2 && n->head_bytes > 0) {
        n->head_complete = true;
    } else if ((len > 15 && strncasecmp(p, "Content-Length:", 15) == 0) ||
               (len > 18 && strncasecmp(p, "Transfer-Encoding:", 18) == 0)) {
        n->framed = true;
    }
    n->head_bytes += len;
    if (n->head_bytes > HEADERS_MAX) {
        n->too_large = true;
        return CURL_WRITEFUNC_ERROR;
    }
    return len;
}

/* A name leads where its owner says: looked at when it is known where that is. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct lane *n = arg;
    (void)purpose;
    if (n->k->cfg.reach != 0 && (1U << address_class(&a->addr) & n->k->cfg.reach) == 0) {
        n->barred = true;
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static bool set_long(CURL *e, CURLoption o, long v)
{
    return curl_easy_setopt(e, o, v) == CURLE_OK;
}

static bool set_text(CURL *e, CURLoption o, const char *v)
{
    return curl_easy_setopt(e, o, v) == CURLE_OK;
}

/* Everything that does not depend on the call. Each line closes a door; false closes the link. */
static bool harden(struct link *k, CURL *e)
{
    /* clang-format off */
    const struct {
        CURLoption o;
        long v;
    } numbers[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_QUICK_EXIT, 1}, /* else the loop waits for a name server that is silent */
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
        {CURLOPT_HTTP09_ALLOWED, 0},
        {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
        {CURLOPT_SSL_VERIFYPEER, k->cfg.verify_ca ? 1 : 0},
        {CURLOPT_SSL_VERIFYHOST, k->cfg.verify_ca ? 2 : 0},
        {CURLOPT_SSL_SESSIONID_CACHE, 0},
        {CURLOPT_NETRC, CURL_NETRC_IGNORED},
        {CURLOPT_TCP_NODELAY, 1},
        {CURLOPT_TCP_KEEPALIVE, 1},
        {CURLOPT_TCP_KEEPIDLE, 30},
        {CURLOPT_TCP_KEEPINTVL, 15},
        {CURLOPT_MAXCONNECTS, 1},
        {CURLOPT_DNS_CACHE_TIMEOUT, 60},
        {CURLOPT_CONNECTTIMEOUT_MS, (long)k->cfg.connect_ms},
        {CURLOPT_LOW_SPEED_LIMIT, k->cfg.low_speed_bytes},
    };
    const struct {
        CURLoption o;
        const char *v;
    } texts[] = {
        {CURLOPT_PROTOCOLS_STR, k->cfg.plain ? "http" : "https"},
        {CURLOPT_REDIR_PROTOCOLS_STR, "https"},
        {CURLOPT_PROXY, ""}, /* not from the environment */
        {CURLOPT_PINNEDPUBLICKEY, k->pin[0] == '\0' ? NULL : k->pin},
        {CURLOPT_USERAGENT, "sanji"},
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (!set_long(e, numbers[i].o, numbers[i].v)) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!set_text(e, texts[i].o, texts[i].v)) {
            return false;
        }
    }
    return !k->cfg.verify_ca || k->ca_file.len == 0 ||
           set_text(e, CURLOPT_CAINFO, buf_str(&k->ca_file));
}

static bool slist_add(struct curl_slist **list, const char *line)
{
    struct curl_slist *more = curl_slist_append(*list, line);
    if (more != NULL) {
        *list = more;
    }
    return more != NULL;
}

static bool add_headers(struct lane *n, const struct link_call *call)
{
    bool ok = slist_add(&n->headers, "Expect:"); /* no pause for "100 Continue" */
    for (size_t i = 0; ok && i < call->header_n; i++) {
        const struct http_header *h = &call->headers[i];
        struct buf line;
        buf_init(&line, HTTP_HEAD_BYTES);
        buf_printf(&line, "%s: %s", h->name, h->value);
        ok = line.err == 0 && strpbrk(buf_str(&line), "\r\n") == NULL &&
             slist_add(&n->headers, buf_str(&line));
        buf_done(&line);
    }
    return ok && curl_easy_setopt(n->easy, CURLOPT_HTTPHEADER, n->headers) == CURLE_OK;
}

static bool set_call(struct lane *n, const struct link_call *call)
{
    struct link *k = n->k;
    CURL *e = n->easy;
    struct buf url;
    buf_init(&url, URL_MAX);
    buf_printf(&url, "%s%s", buf_str(&k->base), call->path);
    bool ok = url.err == 0 && set_text(e, CURLOPT_URL, buf_str(&url));
    buf_done(&url);
    int64_t timeout = call->timeout_ms > 0 ? call->timeout_ms : k->cfg.timeout_ms;
    ok = ok && set_long(e, CURLOPT_TIMEOUT_MS, (long)timeout) &&
         set_long(e, CURLOPT_LOW_SPEED_TIME, k->cfg.low_speed_s + (long)(call->hold_ms / 1000)) &&
         curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
         curl_easy_setopt(e, CURLOPT_WRITEDATA, n) == CURLE_OK &&
         curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
         curl_easy_setopt(e, CURLOPT_HEADERDATA, n) == CURLE_OK &&
         curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
         curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, n) == CURLE_OK && add_headers(n, call);
    if (ok && !call->get) {
        ok = set_long(e, CURLOPT_POST, 1) &&
             curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_len) ==
                 CURLE_OK &&
             curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS,
                              call->body_len > 0 ? call->body : (const void *)"") == CURLE_OK;
    }
    return ok;
}

int link_post(struct link *k, unsigned lane, const struct link_call *call)
{
    assert(lane < LINK_LANES && call->fn != NULL && call->path[0] == '/');
    struct lane *n = &k->lanes[lane];
    if (n->busy) {
        return SANJI_E_BUSY;
    }
    buf_done(&n->body);
    buf_init(&n->body, call->max_reply);
    n->head_bytes = 0;
    n->too_large = n->no_memory = n->barred = n->framed = n->head_complete = false;
    n->fn = call->fn;
    n->arg = call->arg;
    if (!harden(k, n->easy) || !set_call(n, call) ||
        !set_long(n->easy, CURLOPT_FRESH_CONNECT, n->fresh ? 1 : 0) ||
        curl_multi_add_handle(n->multi, n->easy) != CURLM_OK) {
        lane_clear(n);
        return SANJI_E_NOMEM;
    }
    n->busy = true;
    n->fresh = false;
    return 0;
}

bool link_busy(const struct link *k, unsigned lane)
{
    return k->lanes[lane].busy;
}

void link_cancel(struct link *k, unsigned lane)
{
    if (k->lanes[lane].busy) {
        lane_clear(&k->lanes[lane]);
    }
}

static void lane_done(struct lane *n)
{
    if (n->busy) {
        lane_clear(n);
    }
    if (n->multi != NULL) {
        curl_multi_cleanup(n->multi); /* closes the connection, and with it the watches */
    }
    if (n->easy != NULL) {
        curl_easy_cleanup(n->easy);
    }
    for (struct watch *w = n->watches, *next; w != NULL; w = next) {
        next = w->next;
        watch_free(w);
    }
    loop_timer_free(n->timer);
    buf_done(&n->body);
    *n = (struct lane){.k = n->k};
}

static int lane_init(struct lane *n)
{
    n->easy = curl_easy_init();
    n->multi = curl_multi_init();
    n->timer = loop_timer_new(n->k->l, on_timer, n);
    bool ok = n->easy != NULL && n->multi != NULL && n->timer != NULL &&
              curl_multi_setopt(n->multi, CURLMOPT_SOCKETFUNCTION, want_socket) == CURLM_OK &&
              curl_multi_setopt(n->multi, CURLMOPT_SOCKETDATA, n) == CURLM_OK &&
              curl_multi_setopt(n->multi, CURLMOPT_TIMERFUNCTION, want_timer) == CURLM_OK &&
              curl_multi_setopt(n->multi, CURLMOPT_TIMERDATA, n) == CURLM_OK &&
              curl_multi_setopt(n->multi, CURLMOPT_MAXCONNECTS, 1L) == CURLM_OK &&
              curl_multi_setopt(n->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK;
    return ok ? 0 : SANJI_E_NOMEM;
}

void link_disconnect(struct link *k, unsigned lane)
{
    k->lanes[lane].fresh = true;
}

/* One scheme, a host, no user name, no query: what stands before the path of a call. */
static bool url_ok(const char *url, bool plain)
{
    const char *scheme = plain ? "http://" : "https://";
    if (url == NULL || strncmp(url, scheme, strlen(scheme)) != 0 || strlen(url) > URL_MAX / 2) {
        return false;
    }
    CURLU *u = curl_url();
    char *part = NULL;
    bool ok = u != NULL && curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
              strpbrk(url, "?#@\\ ") == NULL &&
              curl_url_get(u, CURLUPART_HOST, &part, 0) == CURLUE_OK && part[0] != '\0';
    curl_free(part);
    curl_url_cleanup(u);
    return ok;
}

int link_new(struct loop *l, const struct link_cfg *cfg, struct link **ret)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, global_init);
    bool known = cfg->plain ? cfg->reach == REACH_LOOPBACK : cfg->pin != NULL || cfg->verify_ca;
    if (!url_ok(cfg->url, cfg->plain) || !known) {
        return SANJI_E_CONFIG;
    }
    struct link *k = calloc(1, sizeof *k);
    if (k == NULL) {
        return SANJI_E_NOMEM;
    }
    k->l = l;
    k->cfg = *cfg;
    k->cfg.url = k->cfg.ca_file = NULL; /* the caller's memory */
    k->cfg.pin = NULL;
    k->cfg.connect_ms = cfg->connect_ms > 0 ? cfg->connect_ms : CONNECT_MS;
    k->cfg.timeout_ms = cfg->timeout_ms > 0 ? cfg->timeout_ms : TIMEOUT_MS;
    k->cfg.low_speed_bytes = cfg->low_speed_bytes > 0 ? cfg->low_speed_bytes : LOW_SPEED_BYTES;
    k->cfg.low_speed_s = cfg->low_speed_s > 0 ? cfg->low_speed_s : LOW_SPEED_S;
    if (cfg->pin != NULL) {
        snprintf(k->pin, sizeof k->pin, "sha256//");
        EVP_EncodeBlock((unsigned char *)k->pin + 8, cfg->pin, 32);
    }
    buf_init(&k->base, URL_MAX);
    buf_init(&k->ca_file, 4096);
    size_t n = strlen(cfg->url);
    while (n > 0 && cfg->url[n - 1] == '/') {
        n--;
    }
    int r = buf_put(&k->base, cfg->url, n);
    if (cfg->ca_file != NULL && r == 0) {
        r = buf_puts(&k->ca_file, cfg->ca_file);
    }
    for (unsigned i = 0; i < LINK_LANES; i++) {
        k->lanes[i].k = k;
    }
    for (unsigned i = 0; i < LINK_LANES && r == 0; i++) {
        r = lane_init(&k->lanes[i]);
    }
    if (r < 0) {
        link_free(k);
        return r;
    }
    *ret = k;
    return 0;
}

void link_free(struct link *k)
{
    if (k == NULL) {
        return;
    }
    for (unsigned i = 0; i < LINK_LANES; i++) {
        lane_done(&k->lanes[i]);
    }
    buf_done(&k->base);
    buf_done(&k->ca_file);
    free(k);
}

const char *link_outcome_name(enum link_outcome o)
{
    static const char *const names[LINK_OUTCOME_COUNT] = {
        [LINK_OK] = "ok",          [LINK_CONNECT] = "no_connection", [LINK_TLS] = "no_tls",
        [LINK_PIN] = "wrong_key",  [LINK_TIMEOUT] = "too_slow",      [LINK_TOO_LARGE] = "too_large",
        [LINK_BROKEN] = "cut_off", [LINK_BARRED] = "address_barred", [LINK_LOCAL] = "local",
    };
    return o < LINK_OUTCOME_COUNT && names[o] != NULL ? names[o] : "unknown";
}
