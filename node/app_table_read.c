/* SPDX-License-Identifier: Apache-2.0 */
/* What people type into tables, read as what the kind's table wants. It is wide where nothing can
 * be misunderstood (2026/11/1, 1,200.50, 是) and refuses the rest by name. */
#include "node/app_codes.h"
#include "node/app_table.h"

#include "protocol/base/text.h"
#include "protocol/ids.h"
#include "protocol/jwrite.h"

#include <stdio.h>
#include <string.h>

enum { DATE_TEXT = 32, NUMBER_TEXT = 40 };

static struct span trim(struct span s)
{
    static const char wide[] = "\xe3\x80\x80"; /* ideographic space */
    static const char hard[] = "\xc2\xa0";
    for (bool more = true; more;) {
        more = false;
        if (s.n > 0 && strchr(" \t\r\n", s.p[0]) != NULL && s.p[0] != '\0') {
            s = span_of(s.p + 1, s.n - 1);
            more = true;
        } else if (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]) != NULL && s.p[s.n - 1] != '\0') {
            s = span_of(s.p, s.n - 1);
            more = true;
        } else if (s.n >= 3 && memcmp(s.p, wide, 3) == 0) {
            s = span_of(s.p + 3, s.n - 3);
            more = true;
        } else if (s.n >= 3 && memcmp(s.p + s.n - 3, wide, 3) == 0) {
            s = span_of(s.p, s.n - 3);
            more = true;
        } else if (s.n >= 2 && memcmp(s.p, hard, 2) == 0) {
            s = span_of(s.p + 2, s.n - 2);
            more = true;
        }
    }
    return s;
}

void app_table_plain(struct span t, struct buf *out)
{
    for (size_t at = 0; at < t.n;) {
        uint32_t cp = 0;
        size_t n = utf8_next(t.p + at, t.n - at, &cp);
        if (n == 0) {
            break;
        }
        at += n;
        cp = cp == 0x3000 ? ' ' : cp >= 0xff01 && cp <= 0xff5e ? cp - 0xfee0 : cp;
        cp = cp >= 'a' && cp <= 'z' ? cp - 32 : cp;
        if (cp > ' ' && cp != 0xa0 && cp != 0xfeff) {
            uint8_t u[4];
            buf_put(out, u, utf8_put(cp, u));
        }
    }
}

static bool same_plain(struct span a, struct span b)
{
    struct buf x, y;
    buf_init(&x, LIM_ITEM_BYTES * 2);
    buf_init(&y, LIM_ITEM_BYTES * 2);
    app_table_plain(a, &x);
    app_table_plain(b, &y);
    bool same = x.err == 0 && y.err == 0 && x.len > 0 &&
                span_eq(span_of(x.data, x.len), span_of(y.data, y.len));
    buf_done(&x);
    buf_done(&y);
    return same;
}

static bool same_text(struct span a, const char *b)
{
    return b != NULL && same_plain(a, span_of(b, strlen(b)));
}

bool app_table_find(const struct kind *k, struct span head, struct table_col *ret)
{
    struct table_form all = {.k = k, .personal = true};
    struct table_col col[TABLE_COLS];
    size_t n = app_table_cols(&all, col);
    for (size_t i = 0; i < n; i++) {
        bool hit = same_text(head, app_table_name(&col[i])) ||
                   same_text(head, app_table_label(k, &col[i], TEXT_ZH)) ||
                   same_text(head, app_table_label(k, &col[i], TEXT_EN));
        if (hit &&
            (col[i].what == TAB_FIELD || col[i].what == TAB_ID || col[i].what == TAB_AUDIENCE)) {
            *ret = col[i];
            return true;
        }
    }
    return false;
}

static int wrong(struct fault *f, const struct table_col *c, const char *want)
{
    return fault_set(f, SANJI_E_SPEC, app_table_name(c), want);
}

static void put_string(struct buf *out, struct span s)
{
    (void)json_quote(out, (const char *)s.p, s.n);
}

/* ---- numbers ---- */

static int put_int(const struct table_col *c, struct span s, struct buf *out, struct fault *f)
{
    static const char *const dress[] = {"\xef\xbf\xa5", "\xc2\xa5", "\xe5\x85\x83", ",",
                                        "\xef\xbc\x8c", " "}; /* ￥ ¥ 元 , ， */
    int digits = kind_field_digits(c->field), seen = -1;
    char text[NUMBER_TEXT];
    size_t n = 0;
    bool ok = true;
    for (size_t i = 0; i < s.n && ok;) {
        size_t skip = 0;
        for (size_t k = 0; k < sizeof dress / sizeof dress[0] && skip == 0; k++) {
            size_t len = strlen(dress[k]);
            skip = s.n - i >= len && memcmp(s.p + i, dress[k], len) == 0 ? len : 0;
        }
        uint8_t ch = s.p[i];
        if (skip > 0) {
            i += skip;
            continue;
        }
        i++;
        if (ch == '.' && seen < 0) {
            seen = 0;
        } else if (ch >= '0' && ch <= '9' && seen >= digits) {
            ok = ch == '0'; /* 12.0 is twelve */
        } else if ((ch >= '0' && ch <= '9') || (ch == '-' && n == 0)) {
            ok = n < sizeof text - 10;
            text[n] = (char)ch;
            n += ok ? 1 : 0;
            seen += seen >= 0 ? 1 : 0;
        } else {
            ok = false;
        }
    }
    for (int i = seen < 0 ? 0 : seen; ok && i < digits; i++) {
        text[n++] = '0';
    }
    size_t sign = n > 0 && text[0] == '-' ? 1 : 0, zeros = 0;
    while (sign + zeros + 1 < n && text[sign + zeros] == '0') {
        zeros++;
    }
    memmove(text + sign, text + sign + zeros, n - sign - zeros);
    n -= zeros;
    if (n == 2 && text[0] == '-' && text[1] == '0') {
        text[0] = '0';
        n = 1;
    }
    int64_t v = 0;
    if (!ok || n == sign ||
        text_i64(text, n, INT64_C(-999999999999999), INT64_C(999999999999999), &v) < 0) {
        return wrong(f, c,
                     digits == 2   ? "a number with at most 2 decimals"
                     : digits == 7 ? "a number with at most 7 decimals"
                                   : "a whole number");
    }
    return buf_put(out, text, n);
}

static int put_bool(const struct table_col *c, struct span s, struct buf *out, struct fault *f)
{
    static const struct {
        const char *word;
        bool yes;
    } words[] = {{"true", true},
                 {"yes", true},
                 {"y", true},
                 {"1", true},
                 {"x", true},
                 {"\xe6\x98\xaf", true},
                 {"\xe6\x9c\x89", true},
                 {"\xe2\x88\x9a", true},
                 {"\xe2\x9c\x93", true},
                 {"false", false},
                 {"no", false},
                 {"n", false},
                 {"0", false},
                 {"\xe5\x90\xa6", false},
                 {"\xe6\x97\xa0", false}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (same_text(s, words[i].word)) {
            return buf_puts(out, words[i].yes ? "true" : "false");
        }
    }
    return wrong(f, c, "yes or no");
}

/* ---- days and periods ---- */

/* Numbers of a date in whatever dress (2026-11-1, 2026/11/01, 2026.11.1, 2026年11月1日, 20261101,
 * with a time behind it): how many there were, at most 3. 0: something else. */
static int day_numbers(struct span s, int v[static 3])
{
    static const char *const apart[] = {
        "-", "/", ".", "\xe5\xb9\xb4", "\xe6\x9c\x88", "\xe6\x97\xa5", "\xe5\x8f\xb7"};
    int n = 0;
    bool in = false;
    if (s.n == 8 && strspn((const char *)s.p, "0123456789") >= 8) {
        for (int i = 0; i < 8; i++) {
            int k = i < 4 ? 0 : i < 6 ? 1 : 2;
            v[k] = v[k] * 10 + (s.p[i] - '0');
        }
        return 3;
    }
    for (size_t i = 0; i < s.n;) {
        size_t skip = 0;
        if (s.p[i] >= '0' && s.p[i] <= '9') {
            n += in ? 0 : 1;
            if (n > 3 || v[n - 1] > 9999) {
                return 0;
            }
            v[n - 1] = v[n - 1] * 10 + (s.p[i] - '0');
            in = true;
            i++;
            continue;
        }
        if ((s.p[i] == ' ' || s.p[i] == 'T') && n == 3) {
            break; /* the time of day */
        }
        for (size_t k = 0; k < sizeof apart / sizeof apart[0] && skip == 0; k++) {
            size_t len = strlen(apart[k]);
            skip = s.n - i >= len && memcmp(s.p + i, apart[k], len) == 0 ? len : 0;
        }
        if (skip == 0 || !in) {
            return 0;
        }
        in = false;
        i += skip;
    }
    return n;
}

static int put_day(const struct table_col *c, struct span s, struct buf *out, struct fault *f)
{
    int v[3] = {0}, day = 0, n = 0;
    char text[DATE_TEXT + 1];
    (void)snprintf(text, sizeof text, "%.*s", (int)(s.n < DATE_TEXT ? s.n : DATE_TEXT),
                   (const char *)s.p);
    n = day_numbers(span_of(text, strlen(text)), v);
    if (c->field->type == KF_PERIOD && (n == 1 || n == 2 || n == 3) && v[0] >= 1000) {
        (void)snprintf(text, sizeof text,
                       n == 1   ? "%04d"
                       : n == 2 ? "%04d-%02d"
                                : "%04d-%02d-%02d",
                       v[0], v[1], v[2]);
    } else if (n == 3) {
        (void)snprintf(text, sizeof text, "%04d-%02d-%02d", v[0], v[1], v[2]);
    }
    if (c->field->type == KF_DATE && date_parse(text, strlen(text), &day) < 0) {
        return wrong(f, c, "a date YYYY-MM-DD");
    }
    put_string(out, span_of(text, strlen(text)));
    return out->err;
}

/* ---- words ---- */

/* The label, or what stands in front of its brackets, or in them: "民办非企业单位". */
static bool same_label(struct span s, struct span label)
{
    struct buf t;
    buf_init(&t, 2048);
    app_table_plain(label, &t); /* makes wide brackets narrow */
    const uint8_t *open = t.len > 0 ? memchr(t.data, '(', t.len) : NULL;
    size_t n = open != NULL ? (size_t)(open - t.data) : t.len;
    bool closed = open != NULL && t.data[t.len - 1] == ')';
    bool same = same_plain(s, label) || same_plain(s, span_of(t.data, n)) ||
                (closed && same_plain(s, span_of(open + 1, t.len - n - 2)));
    buf_done(&t);
    return same;
}

/* The word of the field's list that the text means, by itself or by its label; n 0: none. */
static struct span choice(const struct app *a, const struct kind *k, const struct kind_field *fld,
                          struct span s)
{
    for (const char *p = fld->choices; *p != '\0';) {
        struct span word = span_of(p, strcspn(p, " "));
        bool hit = same_plain(s, word);
        for (int l = 0; l < TEXT_LANGS && !hit; l++) {
            struct buf label;
            buf_init(&label, 1024);
            app_table_choice(a, k, fld, word, (enum text_lang)l, &label);
            hit = same_label(s, span_of(label.data, label.len));
            buf_done(&label);
        }
        if (hit) {
            return word;
        }
        p += word.n;
        p += *p == ' ';
    }
    const struct app_code *code = NULL;
    const char *list = kind_open_list(fld);
    for (size_t pos = 0; list != NULL && (code = app_code_next(a, &pos)) != NULL;) {
        struct span word = span_of(code->code, strlen(code->code));
        if (strcmp(code->list, list) == 0 &&
            (same_plain(s, word) || same_label(s, span_of(code->zh, strlen(code->zh))) ||
             same_label(s, span_of(code->en, strlen(code->en))))) {
            return word;
        }
    }
    return span_of(NULL, 0);
}

static int put_enum(const struct app *a, const struct kind *k, const struct table_col *c,
                    struct span s, struct buf *out, struct fault *f)
{
    struct span word = choice(a, k, c->field, s);
    if (word.n == 0) {
        return wrong(f, c, "choice");
    }
    put_string(out, word);
    return out->err;
}

/* Length of what parts elements at p; 0: nothing does. */
static size_t parts_at(struct span s, size_t i, bool lines)
{
    static const char *const parts[] = {";",           ",", "|", "\xef\xbc\x9b", "\xef\xbc\x8c",
                                        "\xe3\x80\x81"};
    if (lines) {
        return s.p[i] == '\n' ? 1 : 0;
    }
    for (size_t k = 0; k < sizeof parts / sizeof parts[0]; k++) {
        size_t len = strlen(parts[k]);
        if (s.n - i >= len && memcmp(s.p + i, parts[k], len) == 0) {
            return len;
        }
    }
    return 0;
}

static int put_list(const struct app *a, const struct kind *k, const struct table_col *c,
                    struct span s, bool lines, struct buf *out, struct fault *f)
{
    size_t from = 0;
    bool first = true;
    int r = 0;
    buf_putc(out, '[');
    for (size_t i = 0; r == 0 && i <= s.n;) {
        size_t part = i < s.n ? parts_at(s, i, lines) : 1;
        if (part == 0) {
            i++;
            continue;
        }
        struct span e = trim(span_of(s.p + from, i - from));
        i += part;
        from = i;
        if (e.n == 0) {
            continue;
        }
        buf_puts(out, first ? "" : ",");
        first = false;
        if (c->field->type == KF_ENUMS) {
            r = put_enum(a, k, c, e, out, f);
        } else {
            put_string(out, e);
        }
    }
    buf_putc(out, ']');
    return r < 0 ? r : out->err;
}

/* ---- references ---- */

struct named {
    struct span title;
    char id[LIM_ID_BYTES + 1];
    int64_t n;
};

static int on_named(const struct store_rec *rec, void *arg)
{
    struct named *x = arg;
    if (same_text(x->title, rec->title)) {
        x->n++;
        (void)snprintf(x->id, sizeof x->id, "%s", rec->id);
    }
    return x->n > 1 ? 1 : 0;
}

/* "Name (id)" as the export writes it, an id, or the name alone when only one has it. */
static int put_ref(struct app *a, const struct table_col *c, struct span s, struct buf *out,
                   struct fault *f)
{
    struct span id = s;
    if (s.n > 2 && s.p[s.n - 1] == ')') {
        size_t at = s.n - 1;
        while (at > 0 && s.p[at - 1] != '(') {
            at--;
        }
        id = at > 0 ? span_of(s.p + at, s.n - 1 - at) : s;
    }
    struct named x = {.title = s};
    char name[512];
    (void)snprintf(name, sizeof name, "%.*s", (int)(s.n < 511 ? s.n : 511), (const char *)s.p);
    struct store_filter q = {
        .kind = c->field->choices, .owner = app_id(a), .text = name, .limit = 10000};
    if (c->field->choices != NULL && !record_id_valid((const char *)id.p, id.n)) {
        int r = store_record_list(a->store, &q, on_named, &x);
        if (r < 0 || x.n != 1) {
            return r < 0 ? r
                         : wrong(f, c,
                                 x.n == 0 ? "the name or id of a record that is here"
                                          : "an id: several have this name");
        }
        id = span_of(x.id, strlen(x.id));
    }
    put_string(out, id);
    return out->err;
}

static int put_node(struct app *a, const struct table_col *c, struct span s, struct buf *out,
                    struct fault *f)
{
    const struct roster *ro = app_roster(a);
    struct span id = s;
    for (size_t i = 0; i < roster_count(ro); i++) {
        const struct roster_node *n = roster_at(ro, i);
        if (same_text(s, n->name)) {
            id = span_of(n->id.s, strlen(n->id.s));
        }
    }
    if (!node_id_valid((const char *)id.p, id.n)) {
        return wrong(f, c, "the name or id of a platform");
    }
    put_string(out, id);
    return out->err;
}

static int put_audience(const struct kind *k, const struct table_col *c, struct span s,
                        struct buf *out, struct fault *f)
{
    for (const char *p = k->audiences; *p != '\0';) {
        struct span word = span_of(p, strcspn(p, " "));
        char key[32];
        (void)snprintf(key, sizeof key, "audience.%.*s", (int)word.n, p);
        if (same_plain(s, word) || same_text(s, text_label(TEXT_ZH, key)) ||
            same_text(s, text_label(TEXT_EN, key))) {
            put_string(out, word);
            return out->err;
        }
        p += word.n;
        p += *p == ' ';
    }
    return fault_set(f, SANJI_E_AUDIENCE, app_table_name(c), k->audiences);
}

int app_table_value(struct app *a, const struct kind *k, const struct table_col *c,
                    struct span cell, struct buf *out, struct fault *f)
{
    struct span s = trim(cell);
    if (s.n == 0) {
        return 0;
    }
    if (c->what == TAB_AUDIENCE) {
        return put_audience(k, c, s, out, f);
    }
    enum kf_type type = c->what == TAB_FIELD ? c->field->type : KF_TEXT;
    switch (type) {
    case KF_INT:
        return put_int(c, s, out, f);
    case KF_BOOL:
        return put_bool(c, s, out, f);
    case KF_DATE:
    case KF_PERIOD:
        return put_day(c, s, out, f);
    case KF_ENUM:
        return put_enum(a, k, c, s, out, f);
    case KF_ENUMS:
    case KF_TEXTS:
        return put_list(a, k, c, s, memchr(cell.p, '\n', cell.n) != NULL, out, f);
    case KF_REF:
        return put_ref(a, c, s, out, f);
    case KF_NODE:
        return put_node(a, c, s, out, f);
    case KF_FILES: /* their bytes are in no table: what a record has it keeps */
        return 0;
    case KF_ROWS:
    case KF_OBJ: /* gated with the rest of the record */
        return s.p[0] == '{' || s.p[0] == '[' ? buf_put(out, s.p, s.n)
                                              : wrong(f, c, "an object or a list");
    case KF_TEXT:
    case KF_LONG:
    case KF_AREA:
    case KF_B64:
    case KF_TIME: /* kinds with times are written by the node alone: no table brings them in */
        break;
    }
    put_string(out, s);
    return out->err;
}
