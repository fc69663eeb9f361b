/* SPDX-License-Identifier: Apache-2.0 */
/* Reading text strictly: the C library's converters skip spaces, accept signs, stop silently at the
 * first wrong byte and depend on the locale. Dates are computed here for the same reason, and
 * because this layer may know no clock and no time zone. */
#include "protocol/base/text.h"

#include "protocol/base/err.h"

#include <limits.h>
#include <string.h>

/* Length of the well-formed sequence at p, 0 if there is none. RFC 3629 section 4. */
static size_t utf8_seq(const uint8_t *p, size_t n)
{
    uint8_t c = p[0];
    uint8_t lo = 0x80;
    uint8_t hi = 0xbf;
    size_t len;
    if (c < 0x80) {
        return 1;
    }
    if (c >= 0xc2 && c <= 0xdf) {
        len = 2;
    } else if (c >= 0xe0 && c <= 0xef) {
        len = 3;
        lo = c == 0xe0 ? 0xa0 : 0x80;
        hi = c == 0xed ? 0x9f : 0xbf;
    } else if (c >= 0xf0 && c <= 0xf4) {
        len = 4;
        lo = c == 0xf0 ? 0x90 : 0x80;
        hi = c == 0xf4 ? 0x8f : 0xbf;
    } else {
        return 0;
    }
    if (len > n || p[1] < lo || p[1] > hi) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return len;
}

bool utf8_valid(const void *p, size_t n, size_t *ret_off)
{
    const uint8_t *s = p;
    size_t i = 0;
    while (i < n) {
        uint64_t eight;
        if (n - i >= sizeof(eight)) {
            memcpy(&eight, s + i, sizeof(eight));
            if ((eight & 0x8080808080808080ULL) == 0) {
                i += sizeof(eight);
                continue;
            }
        }
        size_t len = utf8_seq(s + i, n - i);
        if (len == 0) {
            if (ret_off != NULL) {
                *ret_off = i;
            }
            return false;
        }
        i += len;
    }
    return true;
}

size_t utf8_len(const void *p, size_t n)
{
    const uint8_t *s = p;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        count += (s[i] & 0xc0) != 0x80;
    }
    return count;
}

size_t utf8_next(const void *p, size_t n, uint32_t *ret_cp)
{
    const uint8_t *s = p;
    if (n == 0) {
        return 0;
    }
    size_t len = utf8_seq(s, n);
    if (len <= 1) {
        /* A wrong byte counts as one replacement character: never endless, never out of bounds. */
        *ret_cp = len == 1 ? s[0] : 0xfffd;
        return 1;
    }
    uint32_t cp = s[0] & (0xffU >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        cp = cp << 6 | (s[i] & 0x3fU);
    }
    *ret_cp = cp;
    return len;
}

size_t utf8_put(uint32_t cp, uint8_t out[static 4])
{
    if (cp < 0x80) {
        out[0] = (uint8_t)cp;
        return 1;
    }
    if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff)) {
        cp = 0xfffd;
    }
    size_t len = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (cp & 0x3f));
        cp >>= 6;
    }
    out[0] = (uint8_t)((0xf00U >> len) | cp);
    return len;
}

bool text_has_control(const char *s, size_t n, bool multi_line)
{
    for (size_t i = 0; i < n;) {
        uint32_t cp = 0;
        i += utf8_next(s + i, n - i, &cp);
        if (cp < 0x20 && !(multi_line && (cp == '\n' || cp == '\t'))) {
            return true;
        }
        /* Embeddings, overrides and isolates reorder what a reader sees of the text around them. */
        if ((cp >= 0x7f && cp <= 0x9f) || (cp >= 0x202a && cp <= 0x202e) ||
            (cp >= 0x2066 && cp <= 0x2069)) {
            return true;
        }
    }
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int text_i64(const char *s, size_t n, int64_t min, int64_t max, int64_t *ret)
{
    bool neg = n > 0 && s[0] == '-';
    size_t i = neg ? 1 : 0;
    if (i == n || (s[i] == '0' && (neg || n > i + 1))) {
        return SANJI_E_SYNTAX;
    }
    /* Counted downwards: the negative half is one larger. */
    int64_t v = 0;
    bool over = false;
    for (; i < n; i++) {
        if (!is_digit(s[i])) {
            return SANJI_E_SYNTAX;
        }
        over = over || __builtin_mul_overflow(v, (int64_t)10, &v) ||
               __builtin_sub_overflow(v, (int64_t)(s[i] - '0'), &v);
    }
    if (over || (!neg && v == INT64_MIN)) {
        return SANJI_E_SPEC;
    }
    v = neg ? v : -v;
    if (v < min || v > max) {
        return SANJI_E_SPEC;
    }
    *ret = v;
    return 0;
}

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit duration_units[] = {
    {"", 1000},         {"ms", 1},           {"s", 1000}, {"m", 60 * 1000},
    {"h", 3600 * 1000}, {"d", 86400 * 1000}, {NULL, 0},
};
static const struct unit byte_units[] = {
    {"", 1}, {"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1024 * 1024 * 1024}, {NULL, 0},
};

static int number_with_unit(const char *s, const struct unit *units, int64_t *ret)
{
    size_t n = 0;
    while (is_digit(s[n])) {
        n++;
    }
    int64_t v = 0;
    int r = text_i64(s, n, 0, INT64_MAX, &v);
    if (r < 0) {
        return r;
    }
    for (; units->name != NULL; units++) {
        if (strcmp(units->name, s + n) == 0) {
            return __builtin_mul_overflow(v, units->factor, ret) ? SANJI_E_SPEC : 0;
        }
    }
    return SANJI_E_SYNTAX;
}

int text_duration_ms(const char *s, int64_t *ret_ms)
{
    int64_t v = 0;
    int r = number_with_unit(s, duration_units, &v);
    if (r == 0) {
        *ret_ms = v;
    }
    return r;
}

int text_bytes(const char *s, int64_t *ret_bytes)
{
    int64_t v = 0;
    int r = number_with_unit(s, byte_units, &v);
    if (r == 0) {
        *ret_bytes = v;
    }
    return r;
}

static uint64_t version_part(const char **p)
{
    uint64_t v = 0;
    while (is_digit(**p)) {
        v = v > UINT32_MAX ? v : v * 10 + (uint64_t)(**p - '0');
        (*p)++;
    }
    return v;
}

int version_cmp(const char *a, const char *b)
{
    for (;;) {
        uint64_t x = version_part(&a);
        uint64_t y = version_part(&b);
        if (x != y) {
            return x < y ? -1 : 1;
        }
        bool more_a = *a == '.', more_b = *b == '.';
        if (!more_a && !more_b) {
            return 0;
        }
        a += more_a; /* the one that has ended counts as .0 from here on */
        b += more_b;
    }
}
