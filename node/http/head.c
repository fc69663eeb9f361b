/* SPDX-License-Identifier: Apache-2.0
 * Why: libevent's own HTTP reader normalises or lets pass what an intermediary may read otherwise
 * (bare line feeds, folded lines, `Host :`, a second Content-Length, `+5`), and after it has done
 * so nobody can tell. So the head is read here: pure functions over bytes, one pass to find the
 * end, one to cut it up, every deviation an answer 4xx and the end of the connection. Transfer
 * codings are not offered at all (501): every client of ours knows its length, and what is not
 * parsed cannot be parsed in two ways. */
#include "node/http/head.h"

#include <string.h>
#include <strings.h>

#include "protocol/base/err.h"
#include "protocol/base/text.h"

int http_head_scan(const uint8_t *p, size_t n, size_t *io_at, size_t *ret_len)
{
    size_t i = *io_at;
    for (; i < n; i++) {
        if (i >= HTTP_HEAD_BYTES) {
            return 431;
        }
        uint8_t c = p[i];
        if (c == '\n') {
            if (i == 0 || p[i - 1] != '\r') {
                return 400;
            }
            if (i >= 3 && p[i - 2] == '\n') {
                *ret_len = i + 1;
                return HTTP_SCAN_DONE;
            }
            if (i == 1) {
                return 400; /* an empty line where the request line belongs */
            }
        } else if ((i > 0 && p[i - 1] == '\r') || (c < 0x20 && c != '\t' && c != '\r') ||
                   c == 0x7f) {
            return 400;
        }
    }
    *io_at = i;
    return HTTP_SCAN_MORE;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_token(const char *s)
{
    if (*s == '\0') {
        return false;
    }
    for (; *s != '\0'; s++) {
        if (!is_alnum(*s) && strchr("!#$%&'*+-.^_`|~", *s) == NULL) {
            return false;
        }
    }
    return true;
}

/* clang-format off */
static const struct {
    const char *name;
    int refuse; /* 0: served */
} methods[] = {
    {"GET", 0}, {"HEAD", 0}, {"POST", 0}, {"PUT", 0}, {"DELETE", 0}, {"PATCH", 0},
    {"OPTIONS", 405}, {"TRACE", 405}, {"CONNECT", 405},
};
/* clang-format on */

static int method_check(const char *m)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strcmp(methods[i].name, m) == 0) {
            return methods[i].refuse;
        }
    }
    return is_token(m) ? 501 : 400;
}

/* Only the origin form: this is no proxy, and one spelling is enough. */
static bool target_ok(const char *t)
{
    if (*t != '/') {
        return false;
    }
    for (; *t != '\0'; t++) {
        unsigned char c = (unsigned char)*t;
        if (c <= 0x20 || c >= 0x7f || strchr("\"<>\\#", *t) != NULL) {
            return false;
        }
    }
    return true;
}

static int request_line(char *line, struct http_head *h)
{
    char *target = strchr(line, ' ');
    char *version = target != NULL ? strchr(target + 1, ' ') : NULL;
    if (version == NULL || strchr(version + 1, ' ') != NULL || strchr(line, '\t') != NULL) {
        return 400;
    }
    *target++ = '\0';
    *version++ = '\0';
    int refuse = method_check(line);
    if (refuse != 0) {
        return refuse;
    }
    if (!target_ok(target)) {
        return 400;
    }
    if (strcmp(version, "HTTP/1.1") == 0) {
        h->keep_alive = true;
    } else if (strcmp(version, "HTTP/1.0") != 0) {
        return strncmp(version, "HTTP/", 5) == 0 && strlen(version) <= 10 ? 505 : 400;
    }
    h->is_head = strcmp(line, "HEAD") == 0;
    h->method = h->is_head ? "GET" : line;
    char *q = strchr(target, '?');
    if (q != NULL) {
        *q++ = '\0';
    }
    h->path = target;
    h->query = q != NULL ? q : "";
    return 0;
}

static bool header_line(char *line, struct http_header *ret)
{
    char *colon = strchr(line, ':');
    if (colon == NULL) {
        return false;
    }
    *colon = '\0';
    if (!is_token(line)) { /* also refuses `Host :` and a folded line */
        return false;
    }
    char *v = colon + 1;
    v += strspn(v, " \t");
    size_t n = strlen(v);
    while (n > 0 && (v[n - 1] == ' ' || v[n - 1] == '\t')) {
        v[--n] = '\0';
    }
    *ret = (struct http_header){line, v};
    return true;
}

const char *http_head_get(const struct http_head *h, const char *name)
{
    for (size_t i = 0; i < h->header_n; i++) {
        if (strcasecmp(h->headers[i].name, name) == 0) {
            return h->headers[i].value;
        }
    }
    return NULL;
}

static size_t count(const struct http_head *h, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < h->header_n; i++) {
        n += strcasecmp(h->headers[i].name, name) == 0 ? 1 : 0;
    }
    return n;
}

static bool host_ok(const char *v)
{
    if (*v == '\0') {
        return false;
    }
    for (; *v != '\0'; v++) {
        if (!is_alnum(*v) && strchr("-._:[]", *v) == NULL) {
            return false;
        }
    }
    return true;
}

/* True when the comma-separated list holds the word. */
static bool list_has(const char *list, const char *word)
{
    size_t w = strlen(word);
    while (*list != '\0') {
        list += strspn(list, ", \t");
        size_t n = strcspn(list, ", \t");
        if (n == w && strncasecmp(list, word, w) == 0) {
            return true;
        }
        list += n;
    }
    return false;
}

/* What decides where the request ends, and what must not be said twice. */
static int framing(struct http_head *h)
{
    static const char *const once[] = {"Host",   "Content-Length", "Content-Type", "Authorization",
                                       "Cookie", "Origin",         "Expect"};
    for (size_t i = 0; i < sizeof once / sizeof once[0]; i++) {
        if (count(h, once[i]) > 1) {
            return 400;
        }
    }
    const char *host = http_head_get(h, "Host");
    bool http11 = h->keep_alive;
    if (host != NULL ? !host_ok(host) : http11) {
        return 400;
    }
    const char *length = http_head_get(h, "Content-Length");
    if (http_head_get(h, "Transfer-Encoding") != NULL) {
        return length != NULL || !http11 ? 400 : 501;
    }
    if (length != NULL) {
        if (*length == '-' ||
            text_i64(length, strlen(length), 0, INT64_MAX, &h->content_length) < 0) {
            return 400;
        }
        if (h->content_length > 0 && strcmp(h->method, "GET") == 0) {
            return 400;
        }
    }
    const char *expect = http_head_get(h, "Expect");
    if (expect != NULL && http11) {
        if (strcasecmp(expect, "100-continue") != 0) {
            return 417;
        }
        h->expect_continue = h->content_length > 0;
    }
    for (size_t i = 0; i < h->header_n; i++) {
        if (strcasecmp(h->headers[i].name, "Connection") == 0 &&
            list_has(h->headers[i].value, "close")) {
            h->keep_alive = false;
        }
    }
    return 0;
}

int http_head_parse(char *text, size_t n, struct http_head *ret)
{
    *ret = (struct http_head){.method = ""};
    if (n < 4 || memchr(text, '\0', n) != NULL) {
        return 400;
    }
    char *end = text + n - 2; /* the empty line */
    bool first = true;
    for (char *line = text; line < end;) {
        char *nl = memchr(line, '\r', (size_t)(end - line));
        if (nl == NULL || nl[1] != '\n') {
            return 400;
        }
        *nl = '\0';
        if (first) {
            int refuse = request_line(line, ret);
            if (refuse != 0) {
                return refuse;
            }
        } else if (ret->header_n >= HTTP_HEAD_LINES) {
            return 431;
        } else if (!header_line(line, &ret->headers[ret->header_n])) {
            return 400;
        } else {
            ret->header_n++;
        }
        first = false;
        line = nl + 2;
    }
    return first ? 400 : framing(ret);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int http_percent_decode(const char *s, size_t n, bool plus, char *out, size_t max)
{
    size_t o = 0;
    for (size_t i = 0; i < n; i++) {
        int c = (unsigned char)s[i];
        if (c == '%') {
            int hi = n - i > 2 ? hex_digit(s[i + 1]) : -1;
            int lo = n - i > 2 ? hex_digit(s[i + 2]) : -1;
            if (hi < 0 || lo < 0) {
                return SANJI_E_ENCODING;
            }
            c = hi * 16 + lo;
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        /* Line ends and tabs may stand in a form's text, other controls nowhere. */
        if ((c < 0x20 && !(plus && (c == '\n' || c == '\r' || c == '\t'))) || c == 0x7f) {
            return SANJI_E_ENCODING;
        }
        if (o + 1 >= max) {
            return SANJI_E_SIZE;
        }
        out[o++] = (char)(unsigned char)c;
    }
    if (max == 0) {
        return SANJI_E_SIZE;
    }
    out[o] = '\0';
    return utf8_valid(out, o, NULL) ? 0 : SANJI_E_ENCODING;
}

int http_path_decode(const char *path, char *out, size_t max)
{
    if (*path != '/') {
        return SANJI_E_ENCODING;
    }
    for (const char *p = path; *p != '\0'; p++) {
        if (*p == '%' && (strncasecmp(p, "%2f", 3) == 0 || strncasecmp(p, "%5c", 3) == 0)) {
            return SANJI_E_ENCODING;
        }
    }
    int r = http_percent_decode(path, strlen(path), false, out, max);
    if (r < 0) {
        return r;
    }
    for (const char *seg = out + 1;;) {
        size_t n = strcspn(seg, "/");
        bool last = seg[n] == '\0';
        if ((n == 0 && !last) || (n == 1 && seg[0] == '.') ||
            (n == 2 && seg[0] == '.' && seg[1] == '.')) {
            return SANJI_E_ENCODING;
        }
        if (last) {
            return 0;
        }
        seg += n + 1;
    }
}

int http_query_get(const char *query, const char *name, char *out, size_t max)
{
    size_t w = strlen(name);
    const char *found = NULL;
    size_t found_n = 0;
    for (const char *p = query; *p != '\0';) {
        size_t n = strcspn(p, "&");
        if (n >= w && strncmp(p, name, w) == 0 && (n == w || p[w] == '=')) {
            if (found != NULL) {
                return SANJI_E_SPEC;
            }
            found = n == w ? p + w : p + w + 1;
            found_n = (size_t)(p + n - found);
        }
        p += n + (p[n] == '&' ? 1 : 0);
    }
    if (found == NULL) {
        return SANJI_E_NOT_FOUND;
    }
    return http_percent_decode(found, found_n, true, out, max);
}
