/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_HTTP_HEAD_H
#define SANJI_NODE_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reading the head of an HTTP/1.1 request, strictly and without I/O, so that it can be fuzzed.
 * Where two readers of one request could disagree (two lengths, folded lines, a bare line feed, a
 * space before the colon) the request is refused: that is where smuggling begins. */
enum {
    HTTP_HEAD_BYTES = 8192, /* request line and all header lines; more is 431 */
    HTTP_HEAD_LINES = 100,  /* header lines; more is 431 */
    HTTP_SCAN_MORE = 0,     /* http_head_scan: no complete head yet */
    HTTP_SCAN_DONE = 1,
};

/* One header of an answer or a request; both strings NUL-terminated. */
struct http_header {
    const char *name;
    const char *value;
};

struct http_head {
    const char *method; /* "GET" also for HEAD */
    const char *path;   /* raw, begins with '/' */
    const char *query;  /* raw, without '?', "" when absent */
    struct http_header headers[HTTP_HEAD_LINES];
    size_t header_n;
    int64_t content_length; /* 0 when absent */
    bool is_head;
    bool keep_alive;
    bool expect_continue;
};

/* Looks at the n bytes received so far, continuing at *io_at (0 at first). HTTP_SCAN_MORE,
 * HTTP_SCAN_DONE with *ret_len = length of the head including the empty line, or the HTTP status to
 * refuse with: 400 for a bare CR or LF or a control character, 431 for a head that is too large. */
int http_head_scan(const uint8_t *p, size_t n, size_t *io_at, size_t *ret_len);

/* Cuts the head `text` (as found by http_head_scan, followed by a NUL byte) into pieces that point
 * into it. 0, or the HTTP status to refuse with: 400, 405, 417, 431, 501, 505. */
int http_head_parse(char *text, size_t n, struct http_head *ret);

/* Value of a header, name compared without case; NULL when absent. */
const char *http_head_get(const struct http_head *h, const char *name);

/* Decodes %XX of n bytes (and '+' as a space when plus is set) into out, with a NUL byte.
 * SANJI_E_ENCODING: bad escape, NUL or control character, not UTF-8. SANJI_E_SIZE: out is full. */
int http_percent_decode(const char *s, size_t n, bool plus, char *out, size_t max);
/* The same for a path: additionally SANJI_E_ENCODING for dot segments, empty segments inside, and
 * escaped '/' or '\\', which other readers may take for separators. */
int http_path_decode(const char *path, char *out, size_t max);
/* Finds name=value in a raw query (or form body) and decodes the value. SANJI_E_NOT_FOUND when
 * absent, SANJI_E_SPEC when given twice, SANJI_E_ENCODING and SANJI_E_SIZE as above. */
int http_query_get(const char *query, const char *name, char *out, size_t max);

#endif
