/* SPDX-License-Identifier: Apache-2.0 */
/* What people bring is made by many programs, so the reader is wide: any line end, quotes inside a
 * cell that has none at its beginning, text behind a closing quote. What is written has one
 * spelling. */
#include "protocol/base/csv.h"

#include <string.h>

static bool begins(struct span s, const char *with)
{
    size_t n = strlen(with);
    return s.n >= n && memcmp(s.p, with, n) == 0;
}

static bool is_trigger(struct span s)
{
    static const char *const wide[] = {"\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d",
                                       "\xef\xbc\xa0"};
    if (s.n > 0 && memchr("=+-@\t\r\n", s.p[0], 7) != NULL) {
        return true;
    }
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
        if (begins(s, wide[i])) {
            return true;
        }
    }
    return false;
}

/* Apostrophes in front, then what would be calculated. */
static size_t guards(struct span s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] == '\'') {
        n++;
    }
    return n < s.n && is_trigger(span_of(s.p + n, s.n - n)) ? n + 1 : 0;
}

bool csv_is_formula(struct span text)
{
    return is_trigger(text);
}

struct span csv_unguard(struct span cell)
{
    return guards(cell) > 1 ? span_of(cell.p + 1, cell.n - 1) : cell;
}

int csv_raw(struct buf *out, bool first, struct span text)
{
    if (!first) {
        buf_putc(out, ',');
    }
    return buf_put(out, text.p, text.n);
}

int csv_text(struct buf *out, bool first, struct span t)
{
    bool guard = guards(t) > 0;
    bool quote = t.n > 0 && (t.p[0] == ' ' || t.p[t.n - 1] == ' ');
    for (size_t i = 0; i < t.n && !quote; i++) {
        quote = strchr(",;\t\"\r\n", t.p[i]) != NULL && t.p[i] != '\0';
    }
    csv_raw(out, first, span_of(NULL, 0));
    if (quote) {
        buf_putc(out, '"');
    }
    if (guard) {
        buf_putc(out, '\'');
    }
    for (size_t i = 0; i < t.n; i++) {
        const uint8_t *q = memchr(t.p + i, '"', t.n - i);
        size_t run = q == NULL ? t.n - i : (size_t)(q - t.p) - i + 1;
        buf_put(out, t.p + i, run);
        i += run - 1;
        if (q != NULL) {
            buf_putc(out, '"');
        }
    }
    if (quote) {
        buf_putc(out, '"');
    }
    return out->err;
}

int csv_end(struct buf *out)
{
    return buf_put(out, "\r\n", 2);
}

/* ---- reading ---- */

char csv_separator(struct span *text)
{
    static const char known[] = ",;\t";
    size_t count[3] = {0}, best = 0;
    bool quoted = false;
    if (begins(*text, CSV_BOM)) {
        *text = span_of(text->p + 3, text->n - 3);
    }
    if (begins(*text, "sep=") && text->n > 5 && strchr(known, text->p[4]) != NULL &&
        (text->p[5] == '\n' || text->p[5] == '\r')) {
        char sep = (char)text->p[4];
        size_t n = begins(span_of(text->p + 5, text->n - 5), "\r\n") ? 7 : 6;
        *text = span_of(text->p + n, text->n - n);
        return sep;
    }
    for (size_t i = 0; i < text->n; i++) {
        uint8_t c = text->p[i];
        quoted = quoted != (c == '"');
        if (!quoted && (c == '\n' || c == '\r')) {
            break;
        }
        const char *at = quoted || c == '\0' ? NULL : strchr(known, c);
        if (at != NULL) {
            count[at - known]++;
        }
    }
    for (size_t i = 1; i < 3; i++) {
        best = count[i] > count[best] ? i : best;
    }
    return known[best];
}

struct row {
    struct buf text; /* of all cells, one after the other */
    size_t end[CSV_CELLS];
    size_t n;
    bool any; /* a cell that is not empty */
};

/* From p to the end of the cell; the position of what ended it. SIZE_MAX: the quote does not end.
 */
static size_t take_cell(struct span t, size_t at, char sep, struct row *row)
{
    bool quoted = at < t.n && t.p[at] == '"';
    at += quoted ? 1 : 0;
    while (at < t.n) {
        uint8_t c = t.p[at];
        if (quoted && c == '"') {
            bool twice = at + 1 < t.n && t.p[at + 1] == '"';
            quoted = twice;
            if (twice) {
                buf_putc(&row->text, '"');
            }
            at += twice ? 2 : 1;
        } else if (!quoted && (c == (uint8_t)sep || c == '\n' || c == '\r')) {
            return at;
        } else {
            buf_putc(&row->text, (char)c);
            at++;
        }
    }
    return quoted ? SIZE_MAX : at;
}

static int tell(const struct row *row, long no, csv_row_fn *fn, void *arg)
{
    struct span cell[CSV_CELLS];
    for (size_t i = 0; i < row->n; i++) {
        size_t from = i == 0 ? 0 : row->end[i - 1];
        cell[i] = span_of(row->text.data + from, row->end[i] - from);
    }
    return row->any ? fn(cell, row->n, no, arg) : 0;
}

static int bad(struct fault *f, int err, const char *want, long no)
{
    (void)fault_set(f, err, "", want);
    if (f != NULL) {
        f->line = no;
    }
    return err;
}

int csv_read(struct span t, char sep, long max, csv_row_fn *fn, void *arg, struct fault *f)
{
    struct row row = {0};
    int r = 0;
    long no = 1;
    buf_init(&row.text, t.n + 1);
    (void)buf_reserve(&row.text, 1); /* a row of empty cells has an address too */
    for (size_t at = 0; r == 0 && at < t.n;) {
        size_t before = row.text.len;
        if (row.n == CSV_CELLS) {
            r = bad(f, SANJI_E_SIZE, "at most 128 columns", no);
            break;
        }
        at = take_cell(t, at, sep, &row);
        if (at == SIZE_MAX || row.text.err < 0) {
            r = row.text.err < 0 ? row.text.err
                                 : bad(f, SANJI_E_SYNTAX, "a closing quotation mark", no);
            break;
        }
        row.end[row.n++] = row.text.len;
        row.any = row.any || row.text.len > before;
        if (at < t.n && t.p[at] == (uint8_t)sep) {
            at++;
            if (at < t.n) {
                continue;
            }
        }
        r = row.any && no > max ? bad(f, SANJI_E_SIZE, "fewer rows", no) : tell(&row, no, fn, arg);
        at += at + 1 < t.n && t.p[at] == '\r' && t.p[at + 1] == '\n' ? 2 : 1;
        no++;
        row.n = 0;
        row.any = false;
        buf_reset(&row.text);
    }
    buf_done(&row.text);
    return r > 0 ? 0 : r;
}
