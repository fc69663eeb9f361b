/* SPDX-License-Identifier: Apache-2.0 */
/* Every synced record is read once on arrival and again on each rebuild, on old machines. Building
 * a tree for that costs a hundred allocations a record; a cursor that yields slices of the text
 * costs none. It trusts the gate for grammar and trusts nothing for bounds: each step looks at
 * `end`. */
#include "protocol/jcur.h"

#include "protocol/base/err.h"
#include "protocol/base/text.h"

#include <string.h>

/* p is at the opening quote; returns behind the closing one, NULL when there is none. A quote ends
 * the string when an even number of backslashes stands before it. */
static const uint8_t *skip_string(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *from = p + 1;
    while (from < end) {
        const uint8_t *q = memchr(from, '"', (size_t)(end - from));
        if (q == NULL) {
            return NULL;
        }
        const uint8_t *b = q;
        while (b > from && b[-1] == '\\') {
            b--;
        }
        if (((size_t)(q - b) & 1) == 0) {
            return q + 1;
        }
        from = q + 1;
    }
    return NULL;
}

/* p is at an opening bracket. Depth is counted, not recursed, so nesting costs nothing. */
static const uint8_t *skip_nested(const uint8_t *p, const uint8_t *end)
{
    size_t depth = 0;
    while (p < end) {
        uint8_t c = *p;
        if (c == '"') {
            p = skip_string(p, end);
            if (p == NULL) {
                return NULL;
            }
            continue;
        }
        p++;
        if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            return p;
        }
    }
    return NULL;
}

static const uint8_t *skip_value(const uint8_t *p, const uint8_t *end)
{
    if (p >= end) {
        return NULL;
    }
    if (*p == '"') {
        return skip_string(p, end);
    }
    if (*p == '{' || *p == '[') {
        return skip_nested(p, end);
    }
    const uint8_t *start = p;
    while (p < end && *p != ',' && *p != '}' && *p != ']' && *p != ':' && *p != '"') {
        p++;
    }
    return p == start ? NULL : p;
}

static bool open_with(struct jcur *c, struct span v, uint8_t open, uint8_t close)
{
    *c = (struct jcur){.first = true};
    if (v.n < 2 || v.p[0] != open || v.p[v.n - 1] != close) {
        return false;
    }
    c->p = v.p + 1;
    c->end = v.p + v.n - 1;
    return true;
}

bool jcur_object(struct jcur *c, struct span v)
{
    return open_with(c, v, '{', '}');
}

bool jcur_array(struct jcur *c, struct span v)
{
    return open_with(c, v, '[', ']');
}

/* Steps over the comma between two entries; false at the end, for good. */
static bool at_entry(struct jcur *c)
{
    if (c->p >= c->end) {
        return false;
    }
    if (!c->first) {
        if (*c->p != ',') {
            c->p = c->end;
            return false;
        }
        c->p++;
    }
    c->first = false;
    return c->p < c->end;
}

bool jcur_element(struct jcur *c, struct span *ret_value)
{
    if (!at_entry(c)) {
        return false;
    }
    const uint8_t *stop = skip_value(c->p, c->end);
    if (stop == NULL) {
        c->p = c->end;
        return false;
    }
    *ret_value = span_of(c->p, (size_t)(stop - c->p));
    c->p = stop;
    return true;
}

bool jcur_member(struct jcur *c, struct span *ret_name, struct span *ret_value)
{
    if (!at_entry(c) || *c->p != '"') {
        c->p = c->end;
        return false;
    }
    const uint8_t *stop = skip_string(c->p, c->end);
    if (stop == NULL || stop == c->end || *stop != ':') {
        c->p = c->end;
        return false;
    }
    struct span name = span_of(c->p + 1, (size_t)(stop - c->p) - 2);
    const uint8_t *value = stop + 1;
    stop = skip_value(value, c->end);
    if (stop == NULL) {
        c->p = c->end;
        return false;
    }
    *ret_name = name;
    *ret_value = span_of(value, (size_t)(stop - value));
    c->p = stop;
    return true;
}

enum jcur_type jcur_type(struct span v)
{
    if (v.n == 0) {
        return JCUR_BAD;
    }
    uint8_t c = v.p[0];
    if (c == '-' || (c >= '0' && c <= '9')) {
        return JCUR_INT;
    }
    switch (c) {
    case '{':
        return JCUR_OBJ;
    case '[':
        return JCUR_ARR;
    case '"':
        return JCUR_STR;
    case 't':
    case 'f':
        return JCUR_BOOL;
    default:
        return JCUR_BAD;
    }
}

bool jcur_get(struct span v, const char *name, struct span *ret_value)
{
    struct jcur c;
    struct span member, value;
    size_t n = strlen(name);
    if (!jcur_object(&c, v)) {
        return false;
    }
    while (jcur_member(&c, &member, &value)) {
        if (member.n == n && memcmp(member.p, name, n) == 0) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

bool jcur_int(struct span v, int64_t *ret)
{
    size_t i = v.n > 0 && v.p[0] == '-' ? 1 : 0;
    size_t digits = v.n - i;
    if (digits == 0 || digits > 15 || (v.p[i] == '0' && v.n > 1)) {
        return false;
    }
    int64_t x = 0;
    for (size_t k = i; k < v.n; k++) {
        if (v.p[k] < '0' || v.p[k] > '9') {
            return false;
        }
        x = x * 10 + (v.p[k] - '0');
    }
    *ret = i == 1 ? -x : x;
    return true;
}

bool jcur_bool(struct span v, bool *ret)
{
    if (span_eqs(v, "true")) {
        *ret = true;
        return true;
    }
    if (span_eqs(v, "false")) {
        *ret = false;
        return true;
    }
    return false;
}

static bool is_string(struct span v)
{
    return v.n >= 2 && v.p[0] == '"' && v.p[v.n - 1] == '"';
}

bool jcur_plain(struct span v, struct span *ret)
{
    if (!is_string(v) || memchr(v.p, '\\', v.n) != NULL) {
        return false;
    }
    *ret = span_of(v.p + 1, v.n - 2);
    return true;
}

struct span jcur_plain_of(struct span v, const char *name)
{
    struct span value, s;
    return jcur_get(v, name, &value) && jcur_plain(value, &s) ? s : span_of("", 0);
}

/* ---- escapes ------------------------------------------------------------------------------- */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte an escape stands for; p is at the backslash. Returns the escape's length, 0 when it is
 * none of the protocol's. */
static size_t escape_byte(const uint8_t *p, const uint8_t *end, uint8_t *ret)
{
    static const char from[] = "\"\\bfnrt";
    static const uint8_t to[] = {'"', '\\', '\b', '\f', '\n', '\r', '\t'};
    if (end - p < 2 || p[1] == 0) {
        return 0;
    }
    const char *k = strchr(from, p[1]);
    if (k != NULL) {
        *ret = to[k - from];
        return 2;
    }
    if (end - p < 6 || memcmp(p, "\\u00", 4) != 0) {
        return 0;
    }
    int hi = hex_digit(p[4]);
    int lo = hex_digit(p[5]);
    if (hi < 0 || hi > 1 || lo < 0 || hi + lo == 0) {
        return 0;
    }
    *ret = (uint8_t)(hi * 16 + lo);
    return 6;
}

int jcur_text(struct span v, struct buf *out)
{
    if (!is_string(v)) {
        return SANJI_E_SYNTAX;
    }
    const uint8_t *p = v.p + 1;
    const uint8_t *end = v.p + v.n - 1;
    while (p < end) {
        const uint8_t *slash = memchr(p, '\\', (size_t)(end - p));
        const uint8_t *stop = slash == NULL ? end : slash;
        int r = buf_put(out, p, (size_t)(stop - p));
        if (r == 0 && slash != NULL) {
            uint8_t c = 0;
            size_t len = escape_byte(slash, end, &c);
            r = len == 0 ? SANJI_E_SYNTAX : buf_put(out, &c, 1);
            stop = slash + len;
        }
        if (r < 0) {
            return r;
        }
        p = stop;
    }
    return buf_reserve(out, 0);
}

size_t jcur_text_len(struct span v)
{
    if (!is_string(v)) {
        return SIZE_MAX;
    }
    const uint8_t *p = v.p + 1;
    const uint8_t *end = v.p + v.n - 1;
    size_t count = 0;
    while (p < end) {
        const uint8_t *slash = memchr(p, '\\', (size_t)(end - p));
        const uint8_t *stop = slash == NULL ? end : slash;
        count += utf8_len(p, (size_t)(stop - p));
        if (slash != NULL) {
            uint8_t c = 0;
            size_t len = escape_byte(slash, end, &c);
            if (len == 0) {
                return SIZE_MAX;
            }
            count++;
            stop = slash + len;
        }
        p = stop;
    }
    return count;
}
