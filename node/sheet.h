/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_SHEET_H
#define SANJI_NODE_SHEET_H

#include "node/app.h"

/* A table on its way out, as CSV (UTF-8 with byte order mark, CRLF, formulas guarded) or XLSX (text
 * cells are text and never calculated). Cells are told row by row; bytes leave through the sink.
 * XLSX is made in memory and leaves at the end, so nothing of it lies on a disk under a name. */
enum sheet_format { SHEET_CSV, SHEET_XLSX };
enum { SHEET_ROWS = 1048576 }; /* what a spreadsheet program opens */

struct sheet;
/* name: of the XLSX sheet, [a-z_]. */
int sheet_new(enum sheet_format as, const char *name, app_sink *sink, void *arg,
              struct sheet **ret);
void sheet_free(struct sheet *s);
/* A cell of the first row: what the column is called, and how wide it shows, in letters. */
void sheet_head(struct sheet *s, const char *label, int width);
void sheet_text(struct sheet *s, struct span text);
void sheet_number(struct sheet *s, int64_t v, int digits); /* v / 10^digits */
void sheet_date(struct sheet *s, struct span ymd);
/* Ends a row; the first error of its cells, or of the sink. SANJI_E_SIZE: too many rows. */
int sheet_row(struct sheet *s);
int sheet_end(struct sheet *s);

#endif
