/* SPDX-License-Identifier: Apache-2.0 */
/* Signed bytes are made here and nowhere else: a general printer may turn an integer into 1.7e+15
 * or escape differently in the next version. What this writer emits passes json_gate's protocol
 * mode. */
#include "protocol/jwrite.h"

#include "protocol/base/enc.h"
#include "protocol/base/err.h"
#include "protocol/base/text.h"

#include <string.h>

enum { JW_DEPTH_MAX = 30 };

static const int64_t int_end = 1000000000000000; /* 10^15 */

static void fail(struct jw *w, int err)
{
    if (w->err == 0) {
        w->err = err;
    }
}

static void put(struct jw *w, const void *p, size_t n)
{
    if (w->err == 0) {
        w->err = buf_put(w->b, p, n);
    }
}

void jw_init(struct jw *w, struct buf *b)
{
    *w = (struct jw){.b = b, .err = b->err};
}

/* ---- strings ------------------------------------------------------------------------------- */

/* The letter after the backslash, 'u' for the long form, 0 for "stands raw". */
static char escape_of(uint8_t c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return c < 0x20 ? 'u' : 0;
    }
}

static int quote_body(struct buf *b, const uint8_t *s, size_t n)
{
    size_t run = 0;
    for (size_t i = 0; i < n; i++) {
        char e = escape_of(s[i]);
        if (e == 0) {
            continue;
        }
        (void)buf_put(b, s + run, i - run);
        run = i + 1;
        if (e == 'u') {
            char hex[2];
            (void)hex_put(s + i, 1, hex);
            (void)buf_put(b, "\\u00", 4);
            (void)buf_put(b, hex, 2);
        } else {
            char two[2] = {'\\', e};
            (void)buf_put(b, two, 2);
        }
    }
    return buf_put(b, s + run, n - run);
}

int json_quote(struct buf *b, const char *s, size_t n)
{
    if (n > 0 && (memchr(s, 0, n) != NULL || !utf8_valid(s, n, NULL))) {
        return SANJI_E_ENCODING;
    }
    (void)buf_putc(b, '"');
    if (n > 0) {
        (void)quote_body(b, (const uint8_t *)s, n);
    }
    return buf_putc(b, '"');
}

int json_unquote_simple(const void *p, size_t n, struct buf *out)
{
    const uint8_t *s = p;
    size_t run = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '"' || s[i] < 0x20) {
            return SANJI_E_SYNTAX;
        }
        if (s[i] != '\\') {
            continue;
        }
        if (i + 1 == n || (s[i + 1] != '"' && s[i + 1] != '\\')) {
            return SANJI_E_SYNTAX;
        }
        int r = buf_put(out, s + run, i - run);
        if (r < 0) {
            return r;
        }
        run = ++i; /* the escaped byte begins the next run */
    }
    return buf_put(out, n > run ? s + run : s, n - run);
}

/* ---- structure ----------------------------------------------------------------------------- */

/* Objects are marked by a bit too, so that a name where none may stand is caught as our mistake. */
static bool in_object(const struct jw *w)
{
    return w->depth > 0 && (w->is_obj >> w->depth & 1) != 0;
}

static void begin_value(struct jw *w, const char *name)
{
    if (w->err < 0) {
        return;
    }
    uint32_t bit = UINT32_C(1) << w->depth;
    if ((name != NULL) != in_object(w) || (w->depth == 0 && (w->has_member & bit) != 0)) {
        fail(w, SANJI_E_BUG);
        return;
    }
    if ((w->has_member & bit) != 0) {
        put(w, ",", 1);
    }
    w->has_member |= bit;
    if (name != NULL) {
        if (w->err == 0) {
            w->err = json_quote(w->b, name, strlen(name));
        }
        put(w, ":", 1);
    }
}

static void open_level(struct jw *w, const char *name, bool object)
{
    begin_value(w, name);
    if (w->err == 0 && w->depth >= JW_DEPTH_MAX) {
        fail(w, SANJI_E_BUG);
    }
    if (w->err < 0) {
        return;
    }
    put(w, object ? "{" : "[", 1);
    w->depth++;
    uint32_t bit = UINT32_C(1) << w->depth;
    w->has_member &= ~bit;
    w->is_obj = object ? w->is_obj | bit : w->is_obj & ~bit;
}

static void close_level(struct jw *w, bool object)
{
    if (w->err == 0 && (w->depth == 0 || in_object(w) != object)) {
        fail(w, SANJI_E_BUG);
    }
    if (w->err == 0) {
        put(w, object ? "}" : "]", 1);
        w->depth--;
    }
}

void jw_obj(struct jw *w, const char *name)
{
    open_level(w, name, true);
}

void jw_arr(struct jw *w, const char *name)
{
    open_level(w, name, false);
}

void jw_end_obj(struct jw *w)
{
    close_level(w, true);
}

void jw_end_arr(struct jw *w)
{
    close_level(w, false);
}

/* ---- values -------------------------------------------------------------------------------- */

void jw_str(struct jw *w, const char *name, const char *s)
{
    if (s == NULL) {
        fail(w, SANJI_E_BUG);
        return;
    }
    jw_strn(w, name, s, strlen(s));
}

void jw_strn(struct jw *w, const char *name, const char *s, size_t n)
{
    begin_value(w, name);
    if (w->err == 0) {
        w->err = json_quote(w->b, s, n);
    }
}

void jw_int(struct jw *w, const char *name, int64_t v)
{
    if (v <= -int_end || v >= int_end) {
        fail(w, SANJI_E_SPEC);
        return;
    }
    begin_value(w, name);
    char digits[20];
    size_t at = sizeof(digits);
    int64_t rest = v < 0 ? -v : v;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (v < 0) {
        digits[--at] = '-';
    }
    put(w, digits + at, sizeof(digits) - at);
}

void jw_bool(struct jw *w, const char *name, bool v)
{
    begin_value(w, name);
    put(w, v ? "true" : "false", v ? 4 : 5);
}

void jw_b64(struct jw *w, const char *name, const void *p, size_t n)
{
    begin_value(w, name);
    put(w, "\"", 1);
    if (w->err == 0 && n > SIZE_MAX / 8) {
        fail(w, SANJI_E_SIZE);
    }
    if (w->err == 0) {
        w->err = buf_reserve(w->b, B64U_LEN(n));
    }
    if (w->err == 0) {
        w->b->len += b64u_put(p, n, (char *)w->b->data + w->b->len);
    }
    put(w, "\"", 1);
}

void jw_raw(struct jw *w, const char *name, const void *p, size_t n)
{
    begin_value(w, name);
    put(w, p, n);
}

int jw_done(struct jw *w)
{
    if (w->err == 0 && (w->depth != 0 || (w->has_member & 1) == 0)) {
        fail(w, SANJI_E_BUG);
    }
    return w->err;
}
