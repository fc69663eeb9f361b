/* SPDX-License-Identifier: Apache-2.0 */
/* The interpreter of field tables. It runs for every item a node receives, so it walks the gated
 * text once, allocates nothing and decodes no string: lengths and forbidden characters are found in
 * the escaped form. It must never trust the text beyond what the gate has proven: a value of the
 * wrong type is the writer's fault, not ours. */
#include "protocol/kinds/internal.h"

#include "protocol/base/text.h"
#include "protocol/ids.h"
#include "protocol/kinds/choices.h"

#include <stdio.h>
#include <string.h>

enum { TEXTS_ELEMENT_MAX = 80 };

static bool is_blank(uint32_t c)
{
    return c <= ' ' || c == 0xa0 || c == 0xad || c == 0x1680 || (c >= 0x2000 && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202f) || (c >= 0x205f && c <= 0x2064) || c == 0x2800 ||
           c == 0x3000 || c == 0x3164 || c == 0xfeff || c == 0xffa0;
}

bool kind__says(struct span v)
{
    uint32_t c = 0;
    for (size_t i = 1, n = 0; v.n >= 2 && v.p[0] == '"' && i < v.n - 1; i += n) {
        n = utf8_next(v.p + i, v.n - 1 - i, &c);
        if (c == '\\') { /* only control characters, quotes and it are written with one */
            n = 2;
            c = v.p[i + 1] == 'n' || v.p[i + 1] == 't' || v.p[i + 1] == 'r' ? ' ' : '"';
        }
        if (n == 0 || !is_blank(c)) {
            return n > 0;
        }
    }
    return false;
}

int kind__wrong(struct fault *f, const char *member, const char *want)
{
    return fault_set(f, SANJI_E_SPEC, member, want);
}

int kind__wrong_row(struct fault *f, const char *list, int row, const char *member,
                    const char *want)
{
    char place[sizeof(f->member) * 2];
    (void)snprintf(place, sizeof(place), "%s.%d.%s", list, row, member);
    place[sizeof(f->member) - 1] = '\0';
    return fault_set(f, SANJI_E_SPEC, place, want);
}

void kind__pick(struct span d, const char *const *names, size_t n, struct span *out)
{
    struct jcur c;
    struct span name;
    struct span value;
    memset(out, 0, n * sizeof(*out));
    if (!jcur_object(&c, d)) {
        return;
    }
    while (jcur_member(&c, &name, &value)) {
        for (size_t i = 0; i < n; i++) {
            if (names[i][0] == (char)name.p[0] && span_eqs(name, names[i])) {
                out[i] = value;
            }
        }
    }
}

/* ---- strings ---- */

struct text_scan {
    size_t points; /* code points after unescaping */
    bool control;  /* a character that may not be stored */
    bool visible;  /* something else than white space */
};

/* Spaces of East Asian typing that are not ASCII: no-break, ideographic, zero width. */
static bool is_wide_space(const uint8_t *p, size_t n)
{
    return (n == 2 && p[0] == 0xc2 && p[1] == 0xa0) ||
           (n == 3 && p[0] == 0xe3 && p[1] == 0x80 && p[2] == 0x80) ||
           (n == 3 && p[0] == 0xe2 && p[1] == 0x80 && p[2] >= 0x80 && p[2] <= 0x8f) ||
           (n == 3 && p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf);
}

static size_t sequence_len(uint8_t lead)
{
    return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* A backslash at p: in protocol form \" \\ \b \f \n \r \t or \u00xx (always a control). */
static size_t scan_escape(const uint8_t *p, size_t n, bool multi_line, struct text_scan *t)
{
    uint8_t c = n > 1 ? p[1] : 'u';
    if (c == '"' || c == '\\') {
        t->visible = true;
        return 2;
    }
    if (!(multi_line && (c == 'n' || c == 't'))) {
        t->control = true;
    }
    return c == 'u' ? 6 : 2;
}

/* One pass over the literal without its quotes. Only leads that can begin a forbidden character
 * (DEL, C1, bidirectional controls) are handed to the exact test. */
static struct text_scan scan_text(struct span s, bool multi_line)
{
    struct text_scan t = {0};
    size_t i = 0;
    while (i < s.n) {
        uint8_t c = s.p[i];
        t.points++;
        /* Nearly all there is: printable ASCII, and CJK ideographs of three bytes. */
        bool ideograph = c >= 0xe4 && c <= 0xe9;
        if (ideograph || (c > 0x20 && c < 0x7f && c != '\\')) {
            t.visible = true;
            i += ideograph ? 3 : 1;
            continue;
        }
        if (c == '\\') {
            i += scan_escape(s.p + i, s.n - i, multi_line, &t);
            continue;
        }
        size_t len = sequence_len(c);
        if (len > s.n - i) {
            len = s.n - i;
        }
        if ((c < 0x20 || c == 0x7f || c == 0xc2 || c == 0xe2) &&
            text_has_control((const char *)s.p + i, len, multi_line)) {
            t.control = true;
        }
        t.visible |= c > 0x20 && !is_wide_space(s.p + i, len);
        i += len;
    }
    return t;
}

/* The literal without quotes; false when the value is no string. */
static bool unquote(struct span v, struct span *ret)
{
    if (v.n < 2 || v.p[0] != '"') {
        return false;
    }
    *ret = span_of(v.p + 1, v.n - 2);
    return true;
}

static const char *check_string(struct span v, int64_t lo, int64_t hi, bool multi_line)
{
    struct span s;
    if (!unquote(v, &s)) {
        return "a text";
    }
    struct text_scan t = scan_text(s, multi_line);
    if (t.control) {
        return multi_line ? "no control characters" : "one line without control characters";
    }
    if (t.points < (size_t)lo || (lo > 0 && !t.visible)) {
        return "not empty";
    }
    return t.points > (size_t)hi ? "a shorter text" : NULL;
}

/* Index of the word in the list, -1 when it is none of them. */
static int choice_index(struct span s, const char *choices)
{
    int i = 0;
    const char *p = choices;
    for (;;) {
        const char *e = strchr(p, ' ');
        size_t n = e == NULL ? strlen(p) : (size_t)(e - p);
        if (n == s.n && memcmp(p, s.p, n) == 0) {
            return i;
        }
        if (e == NULL) {
            return -1;
        }
        p = e + 1;
        i++;
    }
}

bool kind__choice(struct span value, const char *choices)
{
    struct span s;
    return unquote(value, &s) && s.n > 0 && choice_index(s, choices) >= 0;
}

/* ---- open lists ---- */

static const struct {
    const char *name, *words;
} open_list[] = {
    {"field", CH_FIELD}, {"mode", CH_MODE},     {"org", CH_ORG},
    {"stage", CH_STAGE}, {"method", CH_METHOD}, {"content", CH_CONTENT},
};

const char *kind_list_named(struct span name)
{
    for (size_t i = 0; i < F_COUNT(open_list); i++) {
        if (span_eqs(name, open_list[i].name)) {
            return open_list[i].name;
        }
    }
    return NULL;
}

const char *kind_open_list(const struct kind_field *fld)
{
    bool chooses = fld->type == KF_ENUM || fld->type == KF_ENUMS;
    for (size_t i = 0; chooses && i < F_COUNT(open_list); i++) {
        if (strcmp(fld->choices, open_list[i].words) == 0) {
            return open_list[i].name;
        }
    }
    return NULL;
}

bool kind_word_valid(struct span s)
{
    bool ok = s.n > 0 && s.n <= 32 && s.p[0] >= 'a' && s.p[0] <= 'z';
    for (size_t i = 1; ok && i < s.n; i++) {
        uint8_t c = s.p[i];
        ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    }
    return ok;
}

bool kind_word_known(const struct kind_field *fld, struct span word)
{
    return word.n > 0 && choice_index(word, fld->choices) >= 0;
}

/* The words of the field, or, where its list is open, one of the right form. */
static bool is_word(const struct kind_field *fld, struct span value, int *ret_index)
{
    struct span s;
    if (!unquote(value, &s) || s.n == 0) {
        return false;
    }
    *ret_index = choice_index(s, fld->choices);
    return *ret_index >= 0 || (kind_word_valid(s) && kind_open_list(fld) != NULL);
}

/* ---- forms ---- */

static int b64_digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool kind__b64(struct span value, int64_t lo, int64_t hi)
{
    struct span s;
    if (!unquote(value, &s) || s.n % 4 == 1) {
        return false;
    }
    int64_t bytes = (int64_t)(s.n / 4 * 3 + (s.n % 4 == 0 ? 0 : s.n % 4 - 1));
    if (bytes < lo || bytes > hi) {
        return false;
    }
    int d = 0;
    for (size_t i = 0; i < s.n; i++) {
        d = b64_digit(s.p[i]);
        if (d < 0) {
            return false;
        }
    }
    /* Unused bits are zero, so that every value has one spelling. */
    int unused = s.n % 4 == 2 ? 0x0f : s.n % 4 == 3 ? 0x03 : 0;
    return (d & unused) == 0;
}

bool kind__area(struct span s)
{
    if (s.n < 2 || s.n > 12) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            return false;
        }
    }
    return true;
}

int kind__url(struct span value, struct fault *f)
{
    struct span s;
    if (value.n == 0) {
        return 0;
    }
    bool ok = jcur_plain(value, &s) && ((s.n > 7 && memcmp(s.p, "http://", 7) == 0) ||
                                        (s.n > 8 && memcmp(s.p, "https://", 8) == 0));
    return ok ? 0 : kind__wrong(f, "url", "http:// or https://");
}

static bool time_of(struct span v, int64_t *ret)
{
    struct span s;
    return unquote(v, &s) && minute_parse((const char *)s.p, s.n, ret) == 0;
}

bool kind__times(struct span value, int64_t *ret_from, int64_t *ret_to)
{
    struct jcur c;
    struct span a;
    struct span b;
    struct span more;
    return jcur_array(&c, value) && jcur_element(&c, &a) && jcur_element(&c, &b) &&
           !jcur_element(&c, &more) && time_of(a, ret_from) && time_of(b, ret_to) &&
           *ret_from < *ret_to;
}

static const char *check_form(const struct kind_field *fld, struct span v)
{
    struct record_ref ref;
    struct span s;
    int a = 0;
    int b = 0;
    if (!unquote(v, &s)) {
        return "a text";
    }
    const char *p = (const char *)s.p;
    if (fld->type == KF_DATE) {
        return date_parse(p, s.n, &a) == 0 ? NULL : "a date YYYY-MM-DD";
    }
    if (fld->type == KF_TIME) {
        int64_t min = 0;
        return minute_parse(p, s.n, &min) == 0 ? NULL : "a time YYYY-MM-DDTHH:MM";
    }
    if (fld->type == KF_PERIOD) {
        return period_parse(p, s.n, &a, &b) == 0 ? NULL : "a period such as 2026-11";
    }
    if (fld->type == KF_NODE) {
        return node_id_valid(p, s.n) ? NULL : "a node id";
    }
    if (fld->type == KF_AREA) {
        return kind__area(s) ? NULL : "2 to 12 digits";
    }
    return s.n <= (size_t)fld->max && record_ref_parse(s, &ref) ? NULL : "a record id";
}

static const char *check_int(const struct kind_field *fld, struct span v)
{
    int64_t x = 0;
    if (!jcur_int(v, &x)) {
        return "a whole number";
    }
    return x < fld->min ? "a larger number" : x > fld->max ? "a smaller number" : NULL;
}

/* Does the list hold the element before position n? Only for words that have no index. */
static bool word_before(struct span list, struct span word, int64_t n)
{
    struct jcur c;
    struct span e;
    bool found = false;
    (void)jcur_array(&c, list);
    for (int64_t i = 0; i < n && !found && jcur_element(&c, &e); i++) {
        found = span_eq(e, word);
    }
    return found;
}

static const char *check_enums(const struct kind_field *fld, struct span v)
{
    struct jcur c;
    struct span e;
    uint64_t seen = 0;
    int64_t n = 0;
    if (!jcur_array(&c, v)) {
        return "a list";
    }
    for (; jcur_element(&c, &e); n++) {
        int i = -1;
        if (!is_word(fld, e, &i) || i > 63) {
            return fld->choices;
        }
        if (i >= 0 ? (seen >> i & 1) != 0 : word_before(v, e, n)) {
            return "each choice once";
        }
        seen |= i >= 0 ? UINT64_C(1) << i : 0;
    }
    return n < fld->min ? "more elements" : n > fld->max ? "fewer elements" : NULL;
}

static const char *check_texts(const struct kind_field *fld, struct span v)
{
    struct jcur c;
    struct span e;
    int64_t n = 0;
    if (!jcur_array(&c, v)) {
        return "a list";
    }
    for (; jcur_element(&c, &e); n++) {
        const char *want = check_string(e, 1, TEXTS_ELEMENT_MAX, false);
        if (want != NULL) {
            return want;
        }
    }
    return n < fld->min ? "more elements" : n > fld->max ? "fewer elements" : NULL;
}

const char *kind__check_value(const struct kind_field *fld, struct span v)
{
    bool b = false;
    switch (fld->type) {
    case KF_TEXT:
        return check_string(v, fld->min, fld->max, false);
    case KF_LONG:
        return check_string(v, fld->min, fld->max, true);
    case KF_INT:
        return check_int(fld, v);
    case KF_BOOL:
        return jcur_bool(v, &b) ? NULL : "true or false";
    case KF_ENUM: {
        int i = -1;
        return is_word(fld, v, &i) ? NULL : fld->choices;
    }
    case KF_DATE:
    case KF_TIME:
    case KF_PERIOD:
    case KF_NODE:
    case KF_AREA:
    case KF_REF:
        return check_form(fld, v);
    case KF_ENUMS:
        return check_enums(fld, v);
    case KF_TEXTS:
        return check_texts(fld, v);
    case KF_ROWS:
    case KF_FILES: /* looked at row by row */
        break;
    case KF_OBJ:
        return v.n > 0 && (v.p[0] == '{' || v.p[0] == '[') ? NULL : "an object or a list";
    case KF_B64:
        return kind__b64(v, fld->min, fld->max) ? NULL : "base64url of the right length";
    }
    return "another type";
}

/* Writers keep the order of the table, so the search begins behind the last hit. */
static size_t find_field(const struct kind_field *fields, size_t n, struct span name, size_t hint)
{
    for (size_t k = 0; k < n; k++) {
        size_t i = hint + k < n ? hint + k : hint + k - n;
        const char *s = fields[i].name;
        if (strncmp(s, (const char *)name.p, name.n) == 0 && s[name.n] == '\0') {
            return i;
        }
    }
    return n;
}

static int unknown_member(struct fault *f, struct span name)
{
    char buf[33];
    size_t n = name.n < sizeof(buf) ? name.n : sizeof(buf) - 1;
    memcpy(buf, name.p, n);
    buf[n] = '\0';
    return kind__wrong(f, buf, "no such member");
}

/* Is the text another row's, before this one? */
static bool row_key_taken(struct span list, const char *member, struct span key, int64_t row)
{
    struct jcur c;
    struct span e;
    bool taken = false;
    (void)jcur_array(&c, list);
    for (int64_t i = 0; i < row && !taken && jcur_element(&c, &e); i++) {
        taken = span_eq(jcur_plain_of(e, member), key);
    }
    return taken;
}

/* The fault names list, row and member: questions.3.label. */
static int check_rows(const struct kind_field *fld, struct span v, struct fault *f)
{
    const struct kind_field *key = NULL;
    struct fault in = {0};
    struct jcur c;
    struct span e;
    int64_t n = 0;
    for (size_t i = 0; i < fld->rows->n && key == NULL; i++) {
        key = (fld->rows->fields[i].flags & KFF_KEY) != 0 ? &fld->rows->fields[i] : NULL;
    }
    if (!jcur_array(&c, v)) {
        return kind__wrong(f, fld->name, "a list");
    }
    for (; jcur_element(&c, &e); n++) {
        if (n == fld->max) {
            return kind__wrong(f, fld->name, "fewer elements");
        }
        int r = kind__check_fields(fld->rows->fields, fld->rows->n, e, &in);
        if (r == 0 && key != NULL && row_key_taken(v, key->name, jcur_plain_of(e, key->name), n)) {
            r = kind__wrong(&in, key->name, "another name than the rows before");
        }
        if (r < 0) {
            return kind__wrong_row(f, fld->name, (int)n + 1, in.member, in.want);
        }
    }
    return n < fld->min ? kind__wrong(f, fld->name, "more elements") : 0;
}

int kind__check_fields(const struct kind_field *fields, size_t n, struct span d, struct fault *f)
{
    struct jcur c;
    struct span name;
    struct span value;
    uint64_t seen = 0;
    size_t hint = 0;
    if (!jcur_object(&c, d)) {
        return kind__wrong(f, "d", "an object");
    }
    while (jcur_member(&c, &name, &value)) {
        size_t i = find_field(fields, n, name, hint);
        if (i == n) {
            return unknown_member(f, name);
        }
        bool rows = fields[i].type == KF_ROWS || fields[i].type == KF_FILES;
        int r = rows ? check_rows(&fields[i], value, f) : 0;
        const char *want = rows ? NULL : kind__check_value(&fields[i], value);
        if (r < 0) {
            return r;
        }
        if (want != NULL) {
            return kind__wrong(f, fields[i].name, want);
        }
        seen |= UINT64_C(1) << i;
        hint = i + 1;
    }
    for (size_t i = 0; i < n; i++) {
        if ((fields[i].flags & KFF_REQ) != 0 && (seen >> i & 1) == 0) {
            return kind__wrong(f, fields[i].name, "required");
        }
    }
    return 0;
}
