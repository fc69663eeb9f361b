/* SPDX-License-Identifier: Apache-2.0 */
/* Why this file exists: records come from editors, scripts and spreadsheets, which indent and
 * escape as they like, while signed bytes have one spelling. The text has passed the generic gate
 * before the first byte is looked at here, so this is a copy with small corrections and no second
 * parser: no nesting is tracked but the depth, needed to know the top-level member to blame. */
#include "node/tidy.h"

#include "protocol/base/text.h"
#include "protocol/json_gate.h"
#include "protocol/jwrite.h"

#include <stdbool.h>
#include <string.h>

static int hex4(const uint8_t *p, uint32_t *ret)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = p[i];
        uint32_t d = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                     : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10
                     : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10
                                            : 16;
        if (d > 15) {
            return SANJI_E_SYNTAX;
        }
        v = v * 16 + d;
    }
    *ret = v;
    return 0;
}

/* One escape beginning behind the backslash; advances *i past it. */
static int unescape(struct span s, size_t *i, struct buf *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    uint8_t c = s.p[(*i)++];
    const char *at = c != '\0' ? strchr(from, c) : NULL;
    if (at != NULL) {
        return buf_putc(out, to[at - from]);
    }
    uint32_t cp = 0, low = 0;
    if (c != 'u' || s.n - *i < 4 || hex4(s.p + *i, &cp) < 0) {
        return SANJI_E_SYNTAX;
    }
    *i += 4;
    if (cp >= 0xd800 && cp < 0xdc00) {
        if (s.n - *i < 6 || s.p[*i] != '\\' || s.p[*i + 1] != 'u' || hex4(s.p + *i + 2, &low) < 0 ||
            low < 0xdc00 || low > 0xdfff) {
            return SANJI_E_ENCODING;
        }
        *i += 6;
        cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
    } else if (cp >= 0xdc00 && cp < 0xe000) {
        return SANJI_E_ENCODING;
    }
    if (cp == 0) {
        return SANJI_E_ENCODING; /* texts end at NUL in too many places */
    }
    uint8_t u[4];
    return buf_put(out, u, utf8_put(cp, u));
}

int tidy_string(struct span s, struct buf *out)
{
    if (s.n < 2 || s.p[0] != '"' || s.p[s.n - 1] != '"') {
        return SANJI_E_SYNTAX;
    }
    s = span_of(s.p + 1, s.n - 2);
    for (size_t i = 0; i < s.n;) {
        const uint8_t *bs = memchr(s.p + i, '\\', s.n - i);
        size_t run = bs != NULL ? (size_t)(bs - (s.p + i)) : s.n - i;
        buf_put(out, s.p + i, run);
        i += run;
        if (i < s.n) {
            i++;
            int r = i < s.n ? unescape(s, &i, out) : SANJI_E_SYNTAX;
            if (r < 0) {
                return r;
            }
        }
    }
    return out->err;
}

static size_t string_end(struct span in, size_t i)
{
    for (i++; i < in.n && in.p[i] != '"'; i++) {
        i += in.p[i] == '\\';
    }
    return i < in.n ? i + 1 : in.n;
}

struct tidying {
    struct span in;
    size_t i;
    int depth;
    bool loose;
    bool name_next; /* the next string at depth 1 is a member name */
    char member[64];
    struct buf text; /* of one string */
    struct buf *out;
};

/* The name to blame, should something behind it be wrong. */
static void remember_name(struct tidying *t, const uint8_t *p, size_t n)
{
    if (t->depth != 1 || !t->name_next) {
        return;
    }
    n = n < sizeof t->member - 1 ? n : sizeof t->member - 1;
    memcpy(t->member, p, n);
    t->member[n] = '\0';
    t->name_next = false;
}

static int take_string(struct tidying *t)
{
    const uint8_t *p = t->in.p + t->i;
    const uint8_t *q = memchr(p + 1, '"', t->in.n - t->i - 1);
    if (q != NULL && memchr(p, '\\', (size_t)(q - p)) == NULL) {
        /* Without escapes there is nothing to respell: the gate has refused raw controls. */
        size_t n = (size_t)(q - p) + 1;
        remember_name(t, p + 1, n - 2);
        t->i += n;
        return buf_put(t->out, p, n);
    }
    size_t end = string_end(t->in, t->i);
    buf_reset(&t->text);
    int r = tidy_string(span_of(p, end - t->i), &t->text);
    t->i = end;
    if (r < 0) {
        return r;
    }
    remember_name(t, (const uint8_t *)buf_str(&t->text), t->text.len);
    return json_quote(t->out, buf_str(&t->text), t->text.len);
}

static int take_number(struct tidying *t, const char **ret_want)
{
    size_t b = t->i;
    while (t->i < t->in.n && strchr("+-.0123456789eE", t->in.p[t->i]) != NULL &&
           t->in.p[t->i] != 0) {
        t->i++;
    }
    const char *p = (const char *)t->in.p + b;
    size_t n = t->i - b;
    int64_t v = 0;
    if (t->loose) {
        return buf_put(t->out, p, n);
    }
    *ret_want = "an integer of at most 15 digits";
    if (n == 2 && p[0] == '-' && p[1] == '0') {
        return SANJI_E_SPEC;
    }
    int r = text_i64(p, n, INT64_C(-999999999999999), INT64_C(999999999999999), &v);
    return r < 0 ? SANJI_E_SPEC : buf_put(t->out, p, n);
}

static int take_word(struct tidying *t, const char **ret_want)
{
    uint8_t c = t->in.p[t->i];
    size_t n = c == 'f' ? 5 : 4;
    if (c == 'n' && t->loose) {
        t->i += n;
        return buf_puts(t->out, "\"\"");
    }
    if (c == 'n') {
        *ret_want = "no null: leave the member out";
        return SANJI_E_SPEC;
    }
    if (t->in.n - t->i < n) {
        return SANJI_E_SYNTAX;
    }
    buf_put(t->out, t->in.p + t->i, n);
    t->i += n;
    return t->out->err;
}

static int take_token(struct tidying *t, const char **ret_want)
{
    uint8_t c = t->in.p[t->i];
    switch (c) {
    case ' ':
    case '\t':
    case '\n':
    case '\r':
        t->i++;
        return 0;
    case '"':
        return take_string(t);
    case '{':
    case '[':
        t->depth++;
        t->name_next = t->depth == 1 ? c == '{' : t->name_next;
        break;
    case '}':
    case ']':
        t->depth--;
        break;
    case ',':
        t->name_next = t->depth == 1 ? true : t->name_next;
        break;
    case ':':
        break;
    case 't':
    case 'f':
    case 'n':
        return take_word(t, ret_want);
    default:
        return take_number(t, ret_want);
    }
    t->i++;
    return buf_putc(t->out, (char)c);
}

static int tidy(struct span in, const struct json_limits *lim, bool loose, struct buf *out,
                struct fault *f)
{
    int r = json_gate_with(in.p, in.n, JSON_GENERIC, lim, f);
    if (r < 0) {
        return r;
    }
    struct tidying t = {.in = in, .loose = loose, .out = out};
    const char *want = NULL;
    buf_init(&t.text, in.n + 16);
    while (r == 0 && t.i < in.n) {
        r = take_token(&t, &want);
    }
    buf_done(&t.text);
    if (r < 0) {
        size_t n = strlen(t.member);
        if (text_has_control(t.member, n, false) || !utf8_valid(t.member, n, NULL)) {
            t.member[0] = '\0'; /* goes to a terminal or a page */
        }
        fault_set(f, r, t.member, want);
        if (f != NULL) {
            f->off = (long)t.i;
        }
    }
    return r;
}

int tidy_json_with(struct span in, const struct json_limits *lim, struct buf *out, struct fault *f)
{
    return tidy(in, lim, false, out, f);
}

int tidy_json(struct span in, struct buf *out, struct fault *f)
{
    return tidy(in, &json_limits_generic, false, out, f);
}

int tidy_json_loose(struct span in, struct buf *out, struct fault *f)
{
    return tidy(in, &json_limits_generic, true, out, f);
}
