/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_TABLE_H
#define SANJI_NODE_APP_TABLE_H

#include "node/app.h"
#include "node/sheet.h"
#include "node/text.h"

/* A kind as the columns of a spreadsheet: its id, its audience where it has several, every field in
 * the order of its table, then whose it is and when it changed. One list for both directions, so
 * that what goes out comes in again. */
enum table_what { TAB_ID, TAB_AUDIENCE, TAB_FIELD, TAB_OWNER, TAB_UPDATED };
struct table_col {
    enum table_what what;
    const struct kind_field *field; /* TAB_FIELD */
};
enum { TABLE_COLS = 70 };

struct table_form {
    const struct kind *k;
    enum text_lang lang;
    bool names;    /* words of the protocol instead of labels: for programs */
    bool personal; /* with the fields marked KFF_P1 */
};

/* Number of columns. */
size_t app_table_cols(const struct table_form *t, struct table_col col[static TABLE_COLS]);
/* "id", "usci", "_owner"; what begins with "_" is told and not taken back. */
const char *app_table_name(const struct table_col *c);
const char *app_table_label(const struct kind *k, const struct table_col *c, enum text_lang l);
/* The label of one of a field's words; the word itself when it has none. */
void app_table_choice(const struct app *a, const struct kind *k, const struct kind_field *fld,
                      struct span word, enum text_lang l, struct buf *out);
/* Between the elements of a list; one that holds it makes every element a line of its own. */
#define TABLE_BETWEEN "; "

int app_table_head(const struct table_form *t, struct sheet *s);
int app_table_row(struct app *a, const struct table_form *t, const struct store_rec *rec,
                  struct sheet *s);

/* ---- the way back (app_table_read.c) ---- */
/* The column a heading means: its label in either language, or its name. False: none, or one that
 * is only told. */
bool app_table_find(const struct kind *k, struct span head, struct table_col *ret);
/* What a cell says, as the value of the JSON member: words of choices in either language, dates as
 * they are written here, whole yuan. Nothing is appended for an empty cell. SANJI_E_SPEC with what
 * would have been right in f; what the field's own check finds is left to it. */
int app_table_value(struct app *a, const struct kind *k, const struct table_col *col,
                    struct span cell, struct buf *ret, struct fault *f);
/* A name as it is compared: no space, ASCII for the wide forms, capital letters. */
void app_table_plain(struct span text, struct buf *out);

#endif
