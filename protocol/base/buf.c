/* SPDX-License-Identifier: Apache-2.0 */
/* The one growable byte string. Every preimage, message and page is built in it, so its maximum is
 * the place where "too large" is decided, and the sticky error lets writers check once at the end.
 */
#include "protocol/base/buf.h"

#include "protocol/base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST = 64 };

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_done(struct buf *b)
{
    free(b->data);
    *b = (struct buf){.max = b->max};
}

void buf_wipe_done(struct buf *b)
{
    if (b->data != NULL) {
        explicit_bzero(b->data, b->cap);
    }
    buf_done(b);
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->err = 0;
    if (b->data != NULL) {
        b->data[0] = 0;
    }
}

static int buf_fail(struct buf *b, int err)
{
    if (b->err == 0) {
        b->err = err;
    }
    return b->err;
}

int buf_reserve(struct buf *b, size_t more)
{
    if (b->err < 0) {
        return b->err;
    }
    if (b->len > b->max || more > b->max - b->len || b->max == SIZE_MAX) {
        return buf_fail(b, SANJI_E_SIZE);
    }
    size_t need = b->len + more + 1;
    if (need <= b->cap) {
        return 0;
    }
    size_t cap = b->cap < BUF_FIRST ? BUF_FIRST : b->cap;
    while (cap < need) {
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    }
    if (cap > b->max + 1) {
        cap = b->max + 1;
    }
    uint8_t *p = realloc(b->data, cap);
    if (p == NULL) {
        return buf_fail(b, SANJI_E_NOMEM);
    }
    p[b->len] = 0;
    b->data = p;
    b->cap = cap;
    return 0;
}

int buf_put(struct buf *b, const void *p, size_t n)
{
    int r = buf_reserve(b, n);
    if (r < 0) {
        return r;
    }
    if (n > 0) {
        memcpy(b->data + b->len, p, n);
        b->len += n;
    }
    b->data[b->len] = 0;
    return 0;
}

int buf_puts(struct buf *b, const char *s)
{
    return buf_put(b, s, strlen(s));
}

int buf_putc(struct buf *b, char c)
{
    return buf_put(b, &c, 1);
}

int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    int r = n < 0 ? buf_fail(b, SANJI_E_BUG) : buf_reserve(b, (size_t)n);
    if (r == 0) {
        (void)vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
    return r;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int r = buf_vprintf(b, fmt, ap);
    va_end(ap);
    return r;
}

int buf_put_u32be(struct buf *b, uint32_t v)
{
    uint8_t x[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    return buf_put(b, x, sizeof(x));
}

int buf_put_u64be(struct buf *b, uint64_t v)
{
    uint8_t x[8];
    for (int i = 0; i < 8; i++) {
        x[i] = (uint8_t)(v >> (56 - 8 * i));
    }
    return buf_put(b, x, sizeof(x));
}

int buf_put_lp(struct buf *b, const void *p, size_t n)
{
    if (n > UINT32_MAX) {
        return buf_fail(b, SANJI_E_SIZE);
    }
    /* Reserve both parts first: a length without its bytes must never remain. */
    int r = buf_reserve(b, n + 4);
    if (r < 0) {
        return r;
    }
    (void)buf_put_u32be(b, (uint32_t)n);
    return buf_put(b, p, n);
}

int buf_put_lps(struct buf *b, const char *s)
{
    return buf_put_lp(b, s, strlen(s));
}

const char *buf_str(const struct buf *b)
{
    return b->data == NULL ? "" : (const char *)b->data;
}

char *buf_take(struct buf *b, size_t *ret_len)
{
    if (buf_reserve(b, 0) < 0) {
        buf_reset(b);
        return NULL;
    }
    char *s = (char *)b->data;
    if (ret_len != NULL) {
        *ret_len = b->len;
    }
    *b = (struct buf){.max = b->max};
    return s;
}

bool span_eq(struct span a, struct span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool span_eqs(struct span a, const char *s)
{
    return span_eq(a, span_of(s, strlen(s)));
}
