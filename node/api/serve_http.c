/* SPDX-License-Identifier: Apache-2.0 */
/* Where this directory meets the HTTP server: requests in, and the embedded pages out. Nothing else
 * here knows a socket, so that tests need none. */
#include "node/api/route.h"
#include "node/http/server.h"
#include "node/web/assets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { OTHER_BODY = 4096, STATIC_HEADERS = 14, GZIP_BITS = 15 + 16, INFLATE_MAX = 8 << 20 };

static void fill(const struct http_request *rq, struct api_request *ret)
{
    *ret = (struct api_request){
        .method = http_method(rq),
        .path = http_path(rq),
        .query = http_query(rq),
        .host = http_get_header(rq, "Host"),
        .origin = http_get_header(rq, "Origin"),
        .fetch_site = http_get_header(rq, "Sec-Fetch-Site"),
        .cookie = http_get_header(rq, "Cookie"),
        .authorization = http_get_header(rq, "Authorization"),
        .csrf = http_get_header(rq, "X-CSRF-Token"),
        .content_type = http_get_header(rq, "Content-Type"),
        .accept_language = http_get_header(rq, "Accept-Language"),
        .by_itself = http_get_header(rq, "X-By-Itself"),
        .peer = http_peer(rq),
        .is_tls = http_is_tls(rq),
        .body = http_body(rq),
    };
}

void api_handle(struct api *a, const struct http_request *rq, struct api_reply *rep)
{
    struct api_request r;
    fill(rq, &r);
    api_dispatch(a, &r, rep);
}

int64_t api_body_max(const struct http_request *rq)
{
    char param[API_PARAMS][API_PARAM_BYTES], allow[32];
    int status = 0;
    if (!api_is_route(http_path(rq))) {
        return 0;
    }
    const struct api_route *r =
        api_route_find(http_method(rq), http_path(rq), param, &status, allow);
    return r != NULL ? r->body_max : OTHER_BODY; /* small: the dispatcher answers 404 or 405 */
}

/* ---- pages ---- */

/* Value list of a header holds the word, and not with q=0. */
static bool accepts(const char *header, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = header; p != NULL && *p != '\0';) {
        p += strspn(p, " \t,");
        size_t len = strcspn(p, ",");
        if (len >= n && strncasecmp(p, word, n) == 0 && (len == n || strchr(" ;", p[n]) != NULL)) {
            const char *q = memchr(p, 'q', len);
            size_t left = q == NULL ? 0 : len - (size_t)(q - p);
            return !(left >= 3 && q[1] == '=' && q[2] == '0' &&
                     strspn(q + 2, "0.") == strcspn(q + 2, ", ;"));
        }
        p += len;
    }
    return false;
}

static bool etag_matches(const char *header, const char *etag)
{
    const char *at = header == NULL ? NULL : strstr(header, etag);
    return header != NULL &&
           (strcmp(header, "*") == 0 || (at != NULL && at > header && at[-1] == '"'));
}

static void *unzip(const struct web_asset *as, size_t *ret_n)
{
    z_stream z = {0};
    struct buf b;
    uint8_t chunk[16384];
    int r = Z_OK;
    buf_init(&b, INFLATE_MAX);
    if (inflateInit2(&z, GZIP_BITS) != Z_OK) {
        return NULL;
    }
    z.next_in = (Bytef *)(uintptr_t)as->data; /* zlib's type lacks const */
    z.avail_in = (uInt)as->size;
    while (r == Z_OK && b.err == 0) {
        z.next_out = chunk;
        z.avail_out = sizeof chunk;
        r = inflate(&z, Z_NO_FLUSH);
        buf_put(&b, chunk, sizeof chunk - z.avail_out);
    }
    (void)inflateEnd(&z);
    void *p = r == Z_STREAM_END ? buf_take(&b, ret_n) : NULL;
    buf_done(&b);
    return p;
}

static const struct web_asset *find(struct http_request *rq)
{
    const char *path = http_path(rq);
    const struct web_asset *as = web_asset_find(path);
    /* The pages' own addresses lead to the index; a missing script or picture does not. */
    if (as == NULL && accepts(http_get_header(rq, "Accept"), "text/html") &&
        strchr(strrchr(path, '/'), '.') == NULL) {
        as = web_asset_find("/");
    }
    return as;
}

static void send_asset(struct http_request *rq, const struct web_asset *as, struct http_header *h,
                       size_t n)
{
    char etag[80];
    bool plain = as->gz && !accepts(http_get_header(rq, "Accept-Encoding"), "gzip");
    size_t len = as->size;
    void *copy = NULL;
    /* Two encodings are two representations: they must not share a tag. */
    snprintf(etag, sizeof etag, "\"%.64s%s\"", as->etag, plain ? "-p" : "");
    h[n++] = (struct http_header){"ETag", etag};
    h[n++] = (struct http_header){"Vary", "Accept-Encoding"};
    h[n++] = (struct http_header){
        "Cache-Control", as->immutable ? "public, max-age=31536000, immutable" : "no-cache"};
    char bare[72];
    snprintf(bare, sizeof bare, "%.64s%s\"", as->etag, plain ? "-p" : "");
    if (etag_matches(http_get_header(rq, "If-None-Match"), bare)) {
        (void)http_reply(rq, 304, h, n, "", 0);
        return;
    }
    h[n++] = (struct http_header){"Content-Type", as->content_type};
    if (as->gz && !plain) {
        h[n++] = (struct http_header){"Content-Encoding", "gzip"};
    }
    if (!plain) {
        (void)http_reply_ref(rq, 200, h, n, as->data, len, NULL, NULL);
        return;
    }
    copy = unzip(as, &len);
    if (copy == NULL) {
        (void)http_reply(rq, 503, h, n, "", 0);
        return;
    }
    (void)http_reply_ref(rq, 200, h, n, copy, len, free, copy);
}

void api_static(struct http_request *rq, bool strict)
{
    struct http_header h[STATIC_HEADERS];
    size_t n = api_security_headers(http_is_tls(rq) && strict, h, STATIC_HEADERS);
    if (strcmp(http_method(rq), "GET") != 0) {
        h[n++] = (struct http_header){"Allow", "GET, HEAD"};
        (void)http_reply(rq, 405, h, n, "", 0);
        return;
    }
    const struct web_asset *as = find(rq);
    if (as == NULL) {
        h[n++] = (struct http_header){"Cache-Control", "no-store"};
        h[n++] = (struct http_header){"Content-Type", "text/plain; charset=utf-8"};
        (void)http_reply(rq, 404, h, n, "404\n", 4);
        return;
    }
    send_asset(rq, as, h, n);
}
