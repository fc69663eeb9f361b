/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_BASE_CSV_H
#define SANJI_PROTOCOL_BASE_CSV_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"

#include <stdbool.h>

/* Tables as text (RFC 4180): what spreadsheet programs write and read. Pure. */
enum { CSV_CELLS = 128 };      /* in a row */
#define CSV_BOM "\xef\xbb\xbf" /* without it Excel takes the text for the system's own encoding */

/* Spreadsheet programs calculate a cell that begins with = + - @ (the wide forms too), tab or a
 * line's end: would this text be one? Then csv_text() puts an apostrophe in front of it, and in
 * front of a text that looks as if it had got one, so that csv_unguard() gives every text back. */
bool csv_is_formula(struct span text);
struct span csv_unguard(struct span cell);

/* Appends a cell; `first` of its row. csv_raw(): numbers and dates of ours, never guarded. */
int csv_text(struct buf *out, bool first, struct span text);
int csv_raw(struct buf *out, bool first, struct span text);
int csv_end(struct buf *out);

/* Comma, semicolon or tab, whichever the first line has most of outside quotes; takes a byte order
 * mark and Excel's line "sep=;" off the text. */
char csv_separator(struct span *text);

/* Cells as they are written, quotes taken off, guards left on. Rows are counted from 1, empty ones
 * too, which are not told. n is at most CSV_CELLS. > 0 from fn ends the walk, < 0 with that error.
 */
typedef int csv_row_fn(const struct span *cell, size_t n, long row, void *arg);
/* SANJI_E_SYNTAX: a quote that does not end; SANJI_E_SIZE: more than CSV_CELLS cells or `max` rows;
 * f->line is the row. */
int csv_read(struct span text, char sep, long max, csv_row_fn *fn, void *arg, struct fault *f);

#endif
