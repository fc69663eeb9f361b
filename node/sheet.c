/* SPDX-License-Identifier: Apache-2.0 */
/* Two ways out for one table. libxlsxwriter wants a file by name: it gets one that has none in any
 * folder. Its constant-memory mode keeps one row at a time and writes texts into their cells. */
#include "node/sheet.h"

#include "protocol/base/csv.h"
#include "protocol/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xlsxwriter.h>

enum {
    CELL_MAX = 32000, /* of 32,767 units a cell may hold, some for what the library escapes */
    CSV_PIECE = 65536,
    DATE_FIRST = -25508, /* 1900-03-01: before it the programs count a day that never was */
    DATE_ZERO = -25569,  /* 1899-12-30 */
};

struct sheet {
    enum sheet_format as;
    app_sink *sink;
    void *arg;
    struct buf csv;
    bool first; /* cell of its row */
    int err;
    int64_t row;
    int col;
    /* XLSX */
    int fd;
    lxw_workbook *book;
    lxw_worksheet *page;
    lxw_format *bold, *wrap, *day, *dec[3]; /* dec: 0, 2 and 7 digits */
    struct buf cell;
};

static int flush(struct sheet *s, size_t at_least)
{
    if (s->err == 0 && s->csv.err < 0) {
        s->err = s->csv.err;
    }
    if (s->err == 0 && s->csv.len > 0 && s->csv.len >= at_least) {
        s->err = s->sink(s->csv.data, s->csv.len, s->arg);
        buf_reset(&s->csv);
    }
    return s->err;
}

static int begin_xlsx(struct sheet *s, const char *name)
{
    char path[64];
    lxw_workbook_options opt = {.constant_memory = LXW_TRUE};
    s->fd = memfd_create("sanji-table", MFD_CLOEXEC);
    if (s->fd < 0) {
        return SANJI_E_IO;
    }
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", s->fd);
    s->book = workbook_new_opt(path, &opt);
    s->page = s->book == NULL ? NULL : workbook_add_worksheet(s->book, name);
    if (s->page == NULL) {
        return SANJI_E_NOMEM;
    }
    s->bold = workbook_add_format(s->book);
    s->wrap = workbook_add_format(s->book);
    s->day = workbook_add_format(s->book);
    s->dec[1] = workbook_add_format(s->book);
    s->dec[2] = workbook_add_format(s->book);
    if (s->dec[2] == NULL || s->dec[1] == NULL || s->day == NULL || s->wrap == NULL ||
        s->bold == NULL) {
        return SANJI_E_NOMEM;
    }
    format_set_bold(s->bold);
    format_set_text_wrap(s->wrap);
    format_set_num_format(s->day, "yyyy-mm-dd");
    format_set_num_format(s->dec[1], "0.00");
    format_set_num_format(s->dec[2], "0.0000000");
    worksheet_freeze_panes(s->page, 1, 0);
    return 0;
}

int sheet_new(enum sheet_format as, const char *name, app_sink *sink, void *arg, struct sheet **ret)
{
    struct sheet *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return SANJI_E_NOMEM;
    }
    *s = (struct sheet){.as = as, .sink = sink, .arg = arg, .first = true, .fd = -1};
    buf_init(&s->csv, 8 << 20);
    buf_init(&s->cell, 1 << 20);
    int r = as == SHEET_XLSX ? begin_xlsx(s, name) : buf_puts(&s->csv, CSV_BOM);
    if (r < 0) {
        sheet_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

void sheet_free(struct sheet *s)
{
    if (s == NULL) {
        return;
    }
    if (s->book != NULL) {
        lxw_workbook_free(s->book);
    }
    if (s->fd >= 0) {
        close(s->fd);
    }
    buf_done(&s->csv);
    buf_wipe_done(&s->cell);
    free(s);
}

static void keep(struct sheet *s, lxw_error e)
{
    if (s->err == 0 && e != LXW_NO_ERROR) {
        s->err = e == LXW_ERROR_MEMORY_MALLOC_FAILED ? SANJI_E_NOMEM : SANJI_E_BUG;
    }
}

/* As many letters as a cell takes; of texts of people's forms that is all of them. */
static struct span fitting(struct span t)
{
    size_t at = 0, units = 0;
    while (at < t.n) {
        uint32_t cp = 0;
        size_t n = utf8_next(t.p + at, t.n - at, &cp);
        units += cp > 0xffff ? 2 : 1;
        if (n == 0 || units > CELL_MAX) {
            break;
        }
        at += n;
    }
    return span_of(t.p, at);
}

/* "_x0041_" is how the format spells what XML cannot hold: a text that looks so is spelled out. */
static int spell(struct buf *out, struct span t)
{
    for (size_t i = 0; i < t.n; i++) {
        bool looks = t.n - i >= 7 && memcmp(t.p + i, "_x", 2) == 0 && t.p[i + 6] == '_';
        for (size_t k = 2; looks && k < 6; k++) {
            looks = t.p[i + k] != '\0' && strchr("0123456789abcdefABCDEF", t.p[i + k]) != NULL;
        }
        buf_puts(out, looks ? "_x005F" : "");
        buf_putc(out, (char)t.p[i]);
    }
    return out->err;
}

static void put_string(struct sheet *s, struct span t, lxw_format *form)
{
    t = fitting(t);
    buf_reset(&s->cell);
    if (spell(&s->cell, t) < 0) {
        s->err = s->err == 0 ? s->cell.err : s->err;
    } else if (t.n > 0) {
        keep(s, worksheet_write_string(s->page, (lxw_row_t)s->row, (lxw_col_t)s->col,
                                       buf_str(&s->cell), form));
    }
}

void sheet_head(struct sheet *s, const char *label, int width)
{
    if (s->as == SHEET_CSV) {
        csv_text(&s->csv, s->first, span_of(label, strlen(label)));
    } else {
        put_string(s, span_of(label, strlen(label)), s->bold);
        keep(s, worksheet_set_column(s->page, (lxw_col_t)s->col, (lxw_col_t)s->col, width, NULL));
    }
    s->first = false;
    s->col++;
}

void sheet_text(struct sheet *s, struct span text)
{
    if (s->as == SHEET_CSV) {
        csv_text(&s->csv, s->first, text);
    } else {
        put_string(s, text, memchr(text.p, '\n', text.n) != NULL ? s->wrap : NULL);
    }
    s->first = false;
    s->col++;
}

static void put_number(struct sheet *s, double v, lxw_format *form)
{
    keep(s, worksheet_write_number(s->page, (lxw_row_t)s->row, (lxw_col_t)s->col, v, form));
    s->col++;
}

void sheet_number(struct sheet *s, int64_t v, int digits)
{
    static const struct {
        int digits;
        int64_t one;
    } form[] = {{0, 1}, {2, 100}, {7, 10000000}};
    size_t i = 0;
    while (i < 2 && form[i].digits != digits) {
        i++;
    }
    if (s->as == SHEET_XLSX) {
        put_number(s, (double)v / (double)form[i].one, s->dec[i]);
        return;
    }
    char text[48];
    int64_t a = v < 0 ? -v : v;
    (void)snprintf(text, sizeof text, i == 0 ? "%s%lld" : "%s%lld.%0*lld", v < 0 ? "-" : "",
                   (long long)(a / form[i].one), form[i].digits, (long long)(a % form[i].one));
    csv_raw(&s->csv, s->first, span_of(text, strlen(text)));
    s->first = false;
}

void sheet_date(struct sheet *s, struct span ymd)
{
    int day = 0;
    if (s->as == SHEET_XLSX && date_parse((const char *)ymd.p, ymd.n, &day) == 0 &&
        day >= DATE_FIRST) {
        put_number(s, (double)(day - DATE_ZERO), s->day);
    } else if (s->as == SHEET_CSV) {
        csv_raw(&s->csv, s->first, ymd);
        s->first = false;
    } else {
        sheet_text(s, ymd);
    }
}

int sheet_row(struct sheet *s)
{
    if (s->as == SHEET_CSV) {
        csv_end(&s->csv);
    }
    s->first = true;
    s->col = 0;
    if (++s->row > SHEET_ROWS && s->as == SHEET_XLSX) {
        s->err = s->err == 0 ? SANJI_E_SIZE : s->err;
    }
    return flush(s, CSV_PIECE);
}

static int hand_over(struct sheet *s)
{
    static uint8_t piece[65536];
    int r = lseek(s->fd, 0, SEEK_SET) == 0 ? 0 : SANJI_E_IO;
    for (ssize_t n = 1; r == 0 && n > 0;) {
        n = read(s->fd, piece, sizeof piece);
        r = n < 0 ? SANJI_E_IO : n > 0 ? s->sink(piece, (size_t)n, s->arg) : 0;
    }
    return r;
}

int sheet_end(struct sheet *s)
{
    if (s->as == SHEET_CSV || s->err < 0) {
        return flush(s, 0);
    }
    lxw_error e = workbook_close(s->book);
    s->book = NULL; /* closing frees it */
    keep(s, e);
    return s->err < 0 ? s->err : hand_over(s);
}
