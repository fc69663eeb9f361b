/* SPDX-License-Identifier: Apache-2.0 */
/* The parser behind this gate (cJSON) accepts bytes after the value, duplicate names, leading
 * zeros, broken UTF-8 and cuts strings at \u0000, so two readers could see different things in one
 * signed text. Whatever passes here has one meaning only. It is the first code that touches foreign
 * bytes: one pass, no memory, no recursion, every limit counted before anything is built. */
#include "protocol/json_gate.h"

#include "protocol/base/text.h"
#include "protocol/limits.h"

#include <stdbool.h>
#include <string.h>

enum {
    DEPTH_CAP = 64,     /* size of the stack of open arrays and objects */
    OPEN_NAMES = 4096,  /* names of all objects open at one moment; 16 * 64 in protocol mode */
    NUMBER_DIGITS = 15, /* every such integer is exact in a double, and in every language */
    NAME_ESCAPED = 1 << 30
};

const struct json_limits json_limits_protocol = {LIM_DEPTH, LIM_TOKENS, LIM_MEMBERS};
const struct json_limits json_limits_generic = {64, 1000000, 1000};

struct frame {
    bool object;
    uint32_t members;
    uint32_t first; /* index of its first name in the table */
    uint64_t seen;  /* one bit per hash class: most names need no comparison at all */
};

/* About 50 KiB, on the caller's stack and deliberately not cleared: only what is written is read.
 */
struct gate {
    const uint8_t *s;
    size_t n;
    size_t i;
    bool generic;
    uint32_t depth_max, tokens_max, members_max;
    uint32_t tokens;
    uint32_t depth;
    uint32_t names;
    const char *want;
    struct frame stack[DEPTH_CAP];
    uint32_t hash[OPEN_NAMES];
    uint32_t off[OPEN_NAMES];
    uint32_t len[OPEN_NAMES]; /* with NAME_ESCAPED */
};

static int refuse(struct gate *g, int err, size_t off, const char *want)
{
    g->i = off;
    g->want = want;
    return err;
}

/* ---- strings ------------------------------------------------------------------------------- */

/* True when one of the eight bytes ends a run of plain ASCII: control, quote, backslash, non-ASCII.
 * A borrow can only reach bytes above one that is a hit itself, so the answer is exact. */
static bool eight_special(uint64_t w)
{
    const uint64_t ones = 0x0101010101010101ULL;
    const uint64_t high = 0x8080808080808080ULL;
    uint64_t quote = w ^ (ones * '"');
    uint64_t slash = w ^ (ones * '\\');
    uint64_t hit =
        w | ((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash);
    return (hit & high) != 0;
}

/* Index of the first byte that is neither plain ASCII nor part of a well-formed character. */
static size_t skip_plain(const uint8_t *s, size_t i, size_t n)
{
    while (i < n) {
        uint8_t c = s[i];
        if (c < 0x80) {
            uint64_t w;
            while (n - i >= sizeof(w)) {
                memcpy(&w, s + i, sizeof(w));
                if (eight_special(w)) {
                    break;
                }
                i += sizeof(w);
            }
            while (i < n && s[i] < 0x80) {
                c = s[i];
                if (c < 0x20 || c == '"' || c == '\\') {
                    return i;
                }
                i++;
            }
            continue;
        }
        /* Nearly all Chinese text: three bytes without special cases. */
        if (c >= 0xe1 && c <= 0xec && n - i >= 3 && (s[i + 1] & 0xc0) == 0x80 &&
            (s[i + 2] & 0xc0) == 0x80) {
            i += 3;
            continue;
        }
        size_t left = n - i < 4 ? n - i : 4;
        size_t bad = 0;
        if (!utf8_valid(s + i, left, &bad) && bad == 0) {
            return i;
        }
        i += c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    }
    return i;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four hex digits at s[i..]; -1 when they are not there. */
static int32_t hex4(const uint8_t *s, size_t i, size_t n)
{
    int32_t v = 0;
    if (n - i < 4 || i > n) {
        return -1;
    }
    for (size_t k = i; k < i + 4; k++) {
        int d = hex_digit(s[k]);
        if (d < 0) {
            return -1;
        }
        v = v << 4 | d;
    }
    return v;
}

/* At a backslash. Protocol mode: the only spelling of what cannot stand raw. */
static int escape_protocol(struct gate *g)
{
    size_t i = g->i;
    uint8_t c = i + 1 < g->n ? g->s[i + 1] : 0;
    if (c == '"' || c == '\\' || c == 'n' || c == 'r' || c == 't' || c == 'b' || c == 'f') {
        g->i += 2;
        return 0;
    }
    if (c != 'u') {
        return refuse(g, SANJI_E_SYNTAX, i, "a known escape in its shortest spelling");
    }
    int32_t v = hex4(g->s, i + 2, g->n);
    if (v <= 0) {
        return refuse(g, SANJI_E_SYNTAX, i, v < 0 ? "four hexadecimal digits" : "no \\u0000");
    }
    bool short_one = v == '\b' || v == '\f' || v == '\n' || v == '\r' || v == '\t';
    bool upper = g->s[i + 5] >= 'A' && g->s[i + 5] <= 'F';
    if (v >= 0x20 || short_one || upper) {
        return refuse(g, SANJI_E_SYNTAX, i,
                      "an escape only where needed, in its shortest spelling");
    }
    g->i += 6;
    return 0;
}

static int escape_generic(struct gate *g)
{
    size_t i = g->i;
    uint8_t c = i + 1 < g->n ? g->s[i + 1] : 0;
    if (c != 'u') {
        if (c == 0 || strchr("\"\\/bfnrt", c) == NULL) {
            return refuse(g, SANJI_E_SYNTAX, i, "a known escape");
        }
        g->i += 2;
        return 0;
    }
    int32_t v = hex4(g->s, i + 2, g->n);
    if (v < 0) {
        return refuse(g, SANJI_E_SYNTAX, i, "four hexadecimal digits");
    }
    g->i += 6;
    if (v < 0xd800 || v > 0xdfff) {
        return 0;
    }
    int32_t low = -1;
    if (v < 0xdc00 && g->i + 6 <= g->n && g->s[g->i] == '\\' && g->s[g->i + 1] == 'u') {
        low = hex4(g->s, g->i + 2, g->n);
    }
    if (low < 0xdc00 || low > 0xdfff) {
        return refuse(g, SANJI_E_ENCODING, i, "no lone surrogate");
    }
    g->i += 6;
    return 0;
}

/* At the opening quote; leaves g->i behind the closing one. */
static int scan_string(struct gate *g, bool *ret_escaped)
{
    size_t start = g->i++;
    for (;;) {
        g->i = skip_plain(g->s, g->i, g->n);
        if (g->i >= g->n) {
            return refuse(g, SANJI_E_SYNTAX, start, "a closed string");
        }
        uint8_t c = g->s[g->i];
        if (c == '"') {
            g->i++;
            return 0;
        }
        if (c >= 0x80) {
            return refuse(g, SANJI_E_ENCODING, g->i, "well-formed UTF-8");
        }
        if (c != '\\') {
            return refuse(g, SANJI_E_SYNTAX, g->i, "no raw control character");
        }
        *ret_escaped = true;
        int r = g->generic ? escape_generic(g) : escape_protocol(g);
        if (r < 0) {
            return r;
        }
    }
}

/* ---- names --------------------------------------------------------------------------------- */

/* Walks over the meaning of a name, byte by byte: "\u0061" and "a" are one name. Checked text only.
 */
struct reader {
    const uint8_t *p;
    const uint8_t *end;
    uint8_t part[4];
    size_t at, have;
};

static void reader_escape(struct reader *r)
{
    static const char from[] = "bfnrt";
    static const uint8_t to[] = {'\b', '\f', '\n', '\r', '\t'};
    uint8_t c = r->p[1];
    r->at = 0;
    r->have = 1;
    if (c != 'u') {
        const char *k = strchr(from, c);
        r->part[0] = k != NULL ? to[k - from] : c;
        r->p += 2;
        return;
    }
    uint32_t cp = (uint32_t)hex4(r->p, 2, 6);
    r->p += 6;
    if (cp >= 0xd800 && cp <= 0xdbff) {
        cp = 0x10000 + ((cp - 0xd800) << 10) + ((uint32_t)hex4(r->p, 2, 6) - 0xdc00);
        r->p += 6;
    }
    r->have = utf8_put(cp, r->part);
}

static int reader_next(struct reader *r)
{
    if (r->at < r->have) {
        return r->part[r->at++];
    }
    if (r->p >= r->end) {
        return -1;
    }
    if (*r->p != '\\') {
        return *r->p++;
    }
    reader_escape(r);
    return r->part[r->at++];
}

static struct reader reader_of(const struct gate *g, uint32_t off, uint32_t len)
{
    const uint8_t *p = g->s + off;
    return (struct reader){.p = p, .end = p + (len & (NAME_ESCAPED - 1U))};
}

static bool name_equal(const struct gate *g, uint32_t k, uint32_t off, uint32_t len)
{
    if (((g->len[k] | len) & NAME_ESCAPED) == 0) {
        return g->len[k] == len && memcmp(g->s + g->off[k], g->s + off, len) == 0;
    }
    struct reader a = reader_of(g, g->off[k], g->len[k]);
    struct reader b = reader_of(g, off, len);
    int c;
    do {
        c = reader_next(&a);
        if (c != reader_next(&b)) {
            return false;
        }
    } while (c >= 0);
    return true;
}

/* The name's entry joins the table of its object unless it is there already. */
static int name_add(struct gate *g, size_t off, uint32_t len, uint32_t hash)
{
    struct frame *fr = &g->stack[g->depth - 1];
    if (fr->members >= g->members_max) {
        return refuse(g, SANJI_E_SIZE, off, "fewer members");
    }
    if (g->names >= OPEN_NAMES) {
        return refuse(g, SANJI_E_SIZE, off, "fewer names in nested objects");
    }
    uint64_t bit = 1ULL << (hash >> 26);
    if ((fr->seen & bit) != 0) {
        for (uint32_t k = fr->first; k < g->names; k++) {
            if (g->hash[k] == hash && name_equal(g, k, (uint32_t)off, len)) {
                return refuse(g, SANJI_E_SYNTAX, off, "every name only once");
            }
        }
    }
    fr->seen |= bit;
    fr->members++;
    g->hash[g->names] = hash;
    g->off[g->names] = (uint32_t)off;
    g->len[g->names] = len;
    g->names++;
    return 0;
}

static uint32_t hash_step(uint32_t h, uint32_t c)
{
    return (h ^ c) * 16777619U; /* FNV-1a */
}

/* The multiplication leaves the low bits of short names weak, and the filter uses the high ones. */
static uint32_t hash_end(uint32_t h)
{
    h ^= h >> 15;
    return h * 0x2c1b3c6dU;
}

static bool name_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static int name_protocol(struct gate *g)
{
    size_t start = g->i + 1;
    size_t end = g->n - start > LIM_NAME_BYTES ? start + LIM_NAME_BYTES : g->n;
    size_t i = start;
    uint32_t h = 2166136261U;
    for (; i < end && name_byte(g->s[i]); i++) {
        h = hash_step(h, g->s[i]);
    }
    if (i == start || i >= g->n || g->s[i] != '"') {
        return refuse(g, SANJI_E_SYNTAX, i, "a name of a-z, 0-9, _ with at most 32 characters");
    }
    g->i = i + 1;
    return name_add(g, start, (uint32_t)(i - start), hash_end(h));
}

static int name_generic(struct gate *g)
{
    size_t start = g->i + 1;
    bool escaped = false;
    int r = scan_string(g, &escaped);
    if (r < 0) {
        return r;
    }
    size_t n = g->i - 1 - start;
    if (n >= NAME_ESCAPED) {
        return refuse(g, SANJI_E_SIZE, start, "a shorter name");
    }
    uint32_t len = (uint32_t)n | (escaped ? NAME_ESCAPED : 0U);
    struct reader rd = reader_of(g, (uint32_t)start, len);
    uint32_t h = 2166136261U;
    for (int c = reader_next(&rd); c >= 0; c = reader_next(&rd)) {
        h = hash_step(h, (uint32_t)c);
    }
    return name_add(g, start, len, hash_end(h));
}

/* ---- other values -------------------------------------------------------------------------- */

static size_t skip_digits(const struct gate *g, size_t i)
{
    while (i < g->n && g->s[i] >= '0' && g->s[i] <= '9') {
        i++;
    }
    return i;
}

static int scan_number(struct gate *g)
{
    size_t start = g->i;
    size_t first = g->s[start] == '-' ? start + 1 : start;
    size_t i = skip_digits(g, first);
    if (i == first || (g->s[first] == '0' && i - first > 1)) {
        return refuse(g, SANJI_E_SYNTAX, start, "a number without leading zeros");
    }
    if (!g->generic) {
        if (i - first > NUMBER_DIGITS) {
            return refuse(g, SANJI_E_SYNTAX, start, "an integer of at most 15 digits");
        }
        if (first != start && g->s[first] == '0') {
            return refuse(g, SANJI_E_SYNTAX, start, "0 instead of -0");
        }
        g->i = i; /* a dot or an exponent is refused as the byte after the value */
        return 0;
    }
    if (i < g->n && g->s[i] == '.') {
        size_t frac = i + 1;
        i = skip_digits(g, frac);
        if (i == frac) {
            return refuse(g, SANJI_E_SYNTAX, start, "digits after the point");
        }
    }
    if (i < g->n && (g->s[i] == 'e' || g->s[i] == 'E')) {
        i++;
        i += i < g->n && (g->s[i] == '+' || g->s[i] == '-');
        size_t exp = i;
        i = skip_digits(g, exp);
        if (i == exp) {
            return refuse(g, SANJI_E_SYNTAX, start, "digits in the exponent");
        }
    }
    g->i = i;
    return 0;
}

/* true, false and, outside the protocol, null; everything else is no value at all. */
static int scan_literal(struct gate *g, uint8_t c)
{
    const char *word = c == 't' ? "true" : c == 'f' ? "false" : "null";
    size_t len = strlen(word);
    if (c == 'n' && !g->generic) {
        return refuse(g, SANJI_E_SYNTAX, g->i, "no null: leave the member out");
    }
    if (g->n - g->i < len || memcmp(g->s + g->i, word, len) != 0) {
        return refuse(g, SANJI_E_SYNTAX, g->i, "a value");
    }
    g->i += len;
    return 0;
}

/* ---- structure ----------------------------------------------------------------------------- */

enum state { VALUE, FIRST_ELEMENT, FIRST_NAME, NAME, AFTER, DONE };

static void skip_space(struct gate *g)
{
    while (g->generic && g->i < g->n && memchr(" \n\r\t", g->s[g->i], 4) != NULL) {
        g->i++;
    }
}

static int count_token(struct gate *g)
{
    if (g->tokens >= g->tokens_max) {
        return refuse(g, SANJI_E_SIZE, g->i, "fewer values");
    }
    g->tokens++;
    return 0;
}

static int push(struct gate *g, bool object, enum state *st)
{
    if (g->depth >= g->depth_max) {
        return refuse(g, SANJI_E_SIZE, g->i, "less nesting");
    }
    g->stack[g->depth++] = (struct frame){.object = object, .first = g->names};
    g->i++;
    *st = object ? FIRST_NAME : FIRST_ELEMENT;
    return 0;
}

static void pop(struct gate *g, enum state *st)
{
    g->depth--;
    g->names = g->stack[g->depth].first;
    g->i++;
    *st = g->depth == 0 ? DONE : AFTER;
}

static int step_value(struct gate *g, enum state *st)
{
    uint8_t c = g->i < g->n ? g->s[g->i] : 0;
    bool escaped = false;
    int r = count_token(g);
    if (r < 0) {
        return r;
    }
    *st = g->depth == 0 ? DONE : AFTER;
    if (c == '"') {
        return scan_string(g, &escaped);
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        return scan_number(g);
    }
    if (c == '{' || c == '[') {
        return push(g, c == '{', st);
    }
    return scan_literal(g, c);
}

static int step_name(struct gate *g, enum state *st)
{
    if (g->i >= g->n || g->s[g->i] != '"') {
        return refuse(g, SANJI_E_SYNTAX, g->i, "a member name");
    }
    int r = count_token(g);
    if (r < 0) {
        return r;
    }
    r = g->generic ? name_generic(g) : name_protocol(g);
    if (r < 0) {
        return r;
    }
    skip_space(g);
    if (g->i >= g->n || g->s[g->i] != ':') {
        return refuse(g, SANJI_E_SYNTAX, g->i, "a colon");
    }
    g->i++;
    *st = VALUE;
    return 0;
}

static int step_after(struct gate *g, enum state *st)
{
    bool object = g->stack[g->depth - 1].object;
    uint8_t c = g->i < g->n ? g->s[g->i] : 0;
    if (c == ',') {
        g->i++;
        *st = object ? NAME : VALUE;
        return 0;
    }
    if (c == (object ? '}' : ']')) {
        pop(g, st);
        return 0;
    }
    return refuse(g, SANJI_E_SYNTAX, g->i, object ? "a comma or }" : "a comma or ]");
}

static int run(struct gate *g)
{
    enum state st = VALUE;
    int r = 0;
    while (r == 0 && st != DONE) {
        skip_space(g);
        if ((st == FIRST_NAME || st == FIRST_ELEMENT) && g->i < g->n &&
            g->s[g->i] == (st == FIRST_NAME ? '}' : ']')) {
            pop(g, &st);
        } else if (st == FIRST_NAME || st == NAME) {
            r = step_name(g, &st);
        } else if (st == AFTER) {
            r = step_after(g, &st);
        } else {
            r = step_value(g, &st);
        }
    }
    if (r < 0) {
        return r;
    }
    skip_space(g);
    return g->i == g->n ? 0 : refuse(g, SANJI_E_SYNTAX, g->i, "nothing after the value");
}

int json_gate_with(const void *p, size_t n, enum json_mode mode, const struct json_limits *lim,
                   struct fault *f)
{
    struct gate g;
    g.s = p;
    g.n = n;
    g.i = 0;
    g.generic = mode == JSON_GENERIC;
    g.depth_max = lim->depth < DEPTH_CAP ? lim->depth : DEPTH_CAP;
    g.tokens_max = lim->tokens;
    g.members_max = lim->members;
    g.tokens = 0;
    g.depth = 0;
    g.names = 0;
    g.want = "";
    int r;
    if (n > UINT32_MAX) {
        r = refuse(&g, SANJI_E_SIZE, 0, "a shorter text");
    } else if (!g.generic && (n == 0 || g.s[0] != '{')) {
        r = refuse(&g, SANJI_E_SYNTAX, 0, "an object");
    } else {
        r = run(&g);
    }
    if (r < 0 && f != NULL) {
        (void)fault_set(f, r, "", g.want);
        f->off = (long)g.i;
        f->line = 1;
        for (size_t i = 0; i < g.i && i < n; i++) {
            f->line += g.s[i] == '\n';
        }
    }
    return r;
}

int json_gate(const void *p, size_t n, enum json_mode mode, struct fault *f)
{
    const struct json_limits *lim =
        mode == JSON_GENERIC ? &json_limits_generic : &json_limits_protocol;
    return json_gate_with(p, n, mode, lim, f);
}
