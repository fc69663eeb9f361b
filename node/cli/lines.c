/* SPDX-License-Identifier: Apache-2.0 */
/* `put` takes one JSON object as an editor writes it, or NDJSON. The first line decides: an object
 * that is begun but not ended on it is one object over many lines, everything else is NDJSON (also
 * when that line is wrong: then each wrong line is named). Empty lines and a byte order mark at the
 * beginning are passed over. */
#include "node/cli/put.h"

#include <string.h>

enum { LINE_MAX = LIM_ITEM_BYTES * 4, ENDLESS = 8 << 20 };

void put_lines_init(struct put_lines *l)
{
    memset(l, 0, sizeof *l);
    buf_init(&l->acc, LINE_MAX + 16);
    l->line = 1;
    l->start = 1;
}

void put_lines_done(struct put_lines *l)
{
    buf_done(&l->acc);
}

static bool blank(const struct buf *b)
{
    for (size_t i = 0; i < b->len; i++) {
        if (strchr(" \t\r\n", (char)b->data[i]) == NULL || b->data[i] == 0) {
            return false;
        }
    }
    return true;
}

/* Begins with '{' and does not end with '}'. */
static bool unfinished(const struct buf *b)
{
    size_t i = 0, n = b->len;
    while (i < n && (b->data[i] == ' ' || b->data[i] == '\t')) {
        i++;
    }
    while (n > i && (b->data[n - 1] == ' ' || b->data[n - 1] == '\t' || b->data[n - 1] == '\r')) {
        n--;
    }
    return i < n && b->data[i] == '{' && b->data[n - 1] != '}';
}

static void strip_bom(struct put_lines *l)
{
    if (l->line == 1 && l->acc.len >= 3 && memcmp(l->acc.data, "\xef\xbb\xbf", 3) == 0) {
        memmove(l->acc.data, l->acc.data + 3, l->acc.len - 3);
        l->acc.len -= 3;
    }
}

static int emit(struct put_lines *l, put_line_fn *fn, void *arg)
{
    static const char too_long[] = "";
    struct span s =
        l->too_long ? span_of(too_long, LINE_MAX + 1) : span_of(l->acc.data, l->acc.len);
    int r = fn(s, l->start, arg);
    buf_reset(&l->acc);
    l->too_long = false;
    l->run = 0;
    return r;
}

/* The end of a line has been reached. */
static int line_end(struct put_lines *l, put_line_fn *fn, void *arg)
{
    strip_bom(l);
    int r = 0;
    if (l->whole) {
        (void)buf_putc(&l->acc, '\n');
    } else if (!l->too_long && blank(&l->acc)) {
        buf_reset(&l->acc);
        l->run = 0;
    } else if (!l->first_seen && !l->too_long && unfinished(&l->acc)) {
        l->whole = true;
        l->first_seen = true;
        (void)buf_putc(&l->acc, '\n');
    } else {
        l->first_seen = true;
        r = emit(l, fn, arg);
    }
    l->line++;
    if (!l->whole) {
        l->start = l->line;
    }
    return r;
}

int put_lines_feed(struct put_lines *l, struct span c, put_line_fn *fn, void *arg)
{
    int r = 0;
    while (r == 0 && c.n > 0 && !l->endless) {
        const uint8_t *nl = memchr(c.p, '\n', c.n);
        size_t n = nl != NULL ? (size_t)(nl - c.p) : c.n;
        if (l->acc.len + n > LINE_MAX) {
            l->too_long = true;
        } else if (!l->too_long) {
            (void)buf_put(&l->acc, c.p, n);
        }
        l->run += n;
        if (l->run > ENDLESS) {
            l->endless = true;
            return emit(l, fn, arg);
        }
        size_t used = n + (nl != NULL ? 1 : 0);
        c = span_of(c.p + used, c.n - used);
        if (nl != NULL) {
            r = line_end(l, fn, arg);
        }
    }
    return r;
}

int put_lines_end(struct put_lines *l, put_line_fn *fn, void *arg)
{
    strip_bom(l);
    return l->endless ? 0 : l->too_long || !blank(&l->acc) ? emit(l, fn, arg) : 0;
}
