/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, hashes and ids travel as text. If one value had two spellings, two nodes could disagree
 * about whether two texts are the same thing; so each decoder accepts only what the encoder writes.
 */
#include "protocol/base/enc.h"

#include "protocol/base/err.h"

static const char b64u_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char b32_digits[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char hex_digits[] = "0123456789abcdef";
static const char ord32_digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

/* Digit values plus one, so that the zeros of unnamed entries mean "not a digit". */
/* clang-format off */
static const uint8_t b64u_value[256] = {
    ['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8,
    ['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['-'] = 63, ['_'] = 64,
};
static const uint8_t b32_value[256] = {
    ['a'] = 1, ['b'] = 2, ['c'] = 3, ['d'] = 4, ['e'] = 5, ['f'] = 6, ['g'] = 7, ['h'] = 8,
    ['i'] = 9, ['j'] = 10, ['k'] = 11, ['l'] = 12, ['m'] = 13, ['n'] = 14, ['o'] = 15, ['p'] = 16,
    ['q'] = 17, ['r'] = 18, ['s'] = 19, ['t'] = 20, ['u'] = 21, ['v'] = 22, ['w'] = 23, ['x'] = 24,
    ['y'] = 25, ['z'] = 26, ['2'] = 27, ['3'] = 28, ['4'] = 29, ['5'] = 30, ['6'] = 31, ['7'] = 32,
};
static const uint8_t hex_value[256] = {
    ['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6, ['6'] = 7, ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};
/* clang-format on */

/* Most significant bits first; the last digit is filled up with zero bits. */
static size_t put_bits(const uint8_t *p, size_t n, unsigned width, const char *digits, char *out)
{
    uint32_t acc = 0;
    unsigned have = 0;
    size_t o = 0;
    for (size_t i = 0; i < n; i++) {
        acc = (acc << 8 | p[i]) & 0xffff;
        have += 8;
        while (have >= width) {
            have -= width;
            out[o++] = digits[acc >> have & ((1U << width) - 1)];
        }
    }
    if (have > 0) {
        out[o++] = digits[acc << (width - have) & ((1U << width) - 1)];
    }
    return o;
}

/* Checks everything before the first byte is written: on failure out is untouched. */
static int get_bits(const char *s, size_t n, unsigned width, const uint8_t value[static 256],
                    uint8_t *out)
{
    uint32_t last = 1;
    for (size_t i = 0; i < n; i++) {
        last = value[(uint8_t)s[i]];
        if (last == 0) {
            return SANJI_E_ENCODING;
        }
    }
    unsigned spare = (unsigned)(n % 8 * width % 8);
    if (spare >= width || ((last - 1) & ((1U << spare) - 1)) != 0) {
        return SANJI_E_ENCODING;
    }
    uint32_t acc = 0;
    unsigned have = 0;
    for (size_t i = 0; i < n; i++) {
        acc = (acc << width | (uint32_t)(value[(uint8_t)s[i]] - 1)) & 0xffff;
        have += width;
        if (have >= 8) {
            have -= 8;
            *out++ = (uint8_t)(acc >> have);
        }
    }
    return 0;
}

size_t b64u_put(const void *p, size_t n, char *out)
{
    return put_bits(p, n, 6, b64u_digits, out);
}

int b64u_get(const char *s, size_t n, void *out, size_t want)
{
    if (want > SIZE_MAX / 8 || n != B64U_LEN(want)) {
        return SANJI_E_ENCODING;
    }
    return get_bits(s, n, 6, b64u_value, out);
}

int b64u_get_any(const char *s, size_t n, void *out, size_t max, size_t *ret_len)
{
    size_t len = n / 4 * 3 + n % 4 * 3 / 4;
    if (n % 4 == 1 || len > max) {
        return SANJI_E_ENCODING;
    }
    int r = get_bits(s, n, 6, b64u_value, out);
    if (r == 0) {
        *ret_len = len;
    }
    return r;
}

size_t b32_put(const void *p, size_t n, char *out)
{
    return put_bits(p, n, 5, b32_digits, out);
}

int b32_get(const char *s, size_t n, void *out, size_t want)
{
    if (want > SIZE_MAX / 16 || n != B32_LEN(want)) {
        return SANJI_E_ENCODING;
    }
    return get_bits(s, n, 5, b32_value, out);
}

size_t hex_put(const void *p, size_t n, char *out)
{
    return put_bits(p, n, 4, hex_digits, out);
}

int hex_get(const char *s, size_t n, void *out, size_t want)
{
    if (want > SIZE_MAX / 4 || n != want * 2) {
        return SANJI_E_ENCODING;
    }
    return get_bits(s, n, 4, hex_value, out);
}

void ord32_put128(const uint8_t in[static 16], char out[static 26])
{
    /* 26 digits hold 130 bits; the two spare bits lead, as zeros, so that texts sort like bytes. */
    uint32_t acc = 0;
    unsigned have = 2;
    for (size_t i = 0; i < 16; i++) {
        acc = (acc << 8 | in[i]) & 0xffff;
        have += 8;
        while (have >= 5) {
            have -= 5;
            *out++ = ord32_digits[acc >> have & 31];
        }
    }
}
