/* SPDX-License-Identifier: Apache-2.0 */
/* Does the reader of request heads say the same whether the bytes come at once or one by one, and
 * does whatever it accepts have exactly one length and one meaning? */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "node/http/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void check_accepted(const struct http_head *h, size_t n)
{
    char *out = malloc(n + 1);
    must(out != NULL && h->path[0] == '/' && h->header_n <= HTTP_HEAD_LINES);
    must(h->content_length >= 0 && http_head_get(h, "transfer-encoding") == NULL);
    const char *length = http_head_get(h, "content-length");
    must(length == NULL || (*length != '\0' && strspn(length, "0123456789") == strlen(length)));
    if (http_path_decode(h->path, out, n + 1) == 0) {
        must(strstr(out, "/../") == NULL && strstr(out, "//") == NULL);
    }
    http_query_get(h->query, "a", out, n + 1);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    size_t at = 0, len = 0, slow_at = 0, slow_len = 0;
    uint8_t *copy = calloc(n + 1, 1); /* of its own, for the sanitizer */
    must(copy != NULL);
    if (n > 0) {
        memcpy(copy, p, n);
    }
    int r = http_head_scan(copy, n, &at, &len), slow = HTTP_SCAN_MORE;
    for (size_t k = 1; k <= n && slow == HTTP_SCAN_MORE; k++) {
        slow = http_head_scan(copy, k, &slow_at, &slow_len);
    }
    must(r == slow && len == slow_len);
    must(r == HTTP_SCAN_MORE || r == HTTP_SCAN_DONE || r == 400 || r == 431);
    if (r == HTTP_SCAN_DONE) {
        char *text = malloc(len + 1);
        struct http_head h;
        must(text != NULL);
        memcpy(text, copy, len);
        text[len] = '\0';
        int status = http_head_parse(text, len, &h);
        must(status == 0 || (status >= 400 && status <= 505));
        if (status == 0) {
            check_accepted(&h, len);
        }
        free(text);
    }
    free(copy);
    return 0;
}
