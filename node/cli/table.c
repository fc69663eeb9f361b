/* SPDX-License-Identifier: Apache-2.0 */
/* Why this file exists: printf() counts bytes, a terminal counts places, and a Chinese character is
 * three of the one and two of the other. Everything a person reads in columns goes through here. */
#include "node/cli/table.h"

#include "protocol/base/text.h"

#include <stdio.h>
#include <string.h>

enum { LABEL_PLACES = 12, GAP = 2 };

/* The blocks a Chinese terminal draws double; what is missing here only leaves a column uneven. */
static const struct {
    uint32_t from, to;
    size_t places;
} blocks[] = {{0x0300, 0x036f, 0},  {0x1100, 0x115f, 2}, {0x200b, 0x200f, 0}, {0x2e80, 0x303e, 2},
              {0x3041, 0xa4cf, 2},  {0xac00, 0xd7a3, 2}, {0xf900, 0xfaff, 2}, {0xfe00, 0xfe0f, 0},
              {0xfe30, 0xfe6f, 2},  {0xff00, 0xff60, 2}, {0xffe0, 0xffe6, 2}, {0x1f300, 0x1faff, 2},
              {0x20000, 0x3fffd, 2}};

/* s is UTF-8 as stored here: checked when it came in. */
static uint32_t next_char(const unsigned char **s)
{
    const unsigned char *p = *s;
    uint32_t c = *p++;
    int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
    c &= more == 3 ? 0x07u : more == 2 ? 0x0fu : more == 1 ? 0x1fu : 0xffu;
    for (; more > 0 && (*p & 0xc0) == 0x80; more--) {
        c = c << 6 | (*p++ & 0x3fu);
    }
    *s = p;
    return c;
}

size_t text_places(const char *s)
{
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)s; *p != '\0';) {
        uint32_t c = next_char(&p);
        size_t one = 1;
        for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
            one = c >= blocks[i].from && c <= blocks[i].to ? blocks[i].places : one;
        }
        n += one;
    }
    return n;
}

static void pad(struct buf *b, const char *s, int width)
{
    size_t n = text_places(s), want = width > 0 ? (size_t)width : 0;
    buf_puts(b, s);
    for (size_t i = n < want ? n : want; i < want + GAP; i++) {
        buf_putc(b, ' ');
    }
}

static int print_row(struct table *t, const char *const *cell, bool head)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < t->n; i++) {
        const char *s = head ? text_get(t->v->lang, t->cols[i].key) : cell[i];
        s = s[0] != '\0' ? s : "-";
        if (i + 1 == t->n) {
            buf_puts(&b, s);
        } else {
            pad(&b, s, t->cols[i].width);
        }
    }
    int r = b.err < 0 ? b.err : verb_text(t->v, &b);
    buf_done(&b);
    return r;
}

int table_row(struct table *t, const char *const *cell)
{
    int r = t->rows == 0 ? print_row(t, cell, true) : 0;
    t->rows++;
    return r == 0 ? print_row(t, cell, false) : r;
}

void table_end(struct table *t, const char *none)
{
    if (t->rows == 0) { /* to err: a program that reads the list reads an empty one */
        struct buf b;
        buf_init(&b, 4096);
        buf_puts(&b, text_get(t->v->lang, none));
        (void)verb_say(t->v, &b);
        buf_done(&b);
    }
}

int page_line(struct verb *v, const char *label, const char *text)
{
    struct buf b;
    buf_init(&b, 1 << 16);
    buf_puts(&b, "  ");
    pad(&b, text_get(v->lang, label), LABEL_PLACES);
    buf_puts(&b, text);
    int r = b.err < 0 ? b.err : verb_text(v, &b);
    buf_done(&b);
    return r;
}

void span_words(enum text_lang l, int64_t ms, char out[static 48])
{
    static const struct {
        const char *key;
        int64_t ms;
    } unit[] = {{"span.years", INT64_C(31557600000)},
                {"span.days", 86400000},
                {"span.hours", 3600000},
                {"span.minutes", 60000},
                {"span.seconds", 1000}};
    enum { UNITS = sizeof unit / sizeof unit[0] };
    int i = 0;
    ms = ms < 0 ? -ms : ms;
    while (i + 1 < UNITS && ms < unit[i].ms * 2) { /* "18 months" are 547 days, not "1 year" */
        i++;
    }
    char n[32];
    struct buf b;
    snprintf(n, sizeof n, "%lld", (long long)(ms / unit[i].ms));
    buf_init(&b, 256);
    text_put(&b, l, unit[i].key, "n", n, NULL);
    snprintf(out, 48, "%s", buf_str(&b));
    buf_done(&b);
}
