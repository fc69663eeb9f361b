/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_CLI_TABLE_H
#define SANJI_NODE_CLI_TABLE_H

#include "node/cli/verb.h"

/* Lists for people: a head line in the user's language, columns that stand below each other also
 * with Chinese in them. Rows are printed as they come; machines take --json. */
struct column {
    const char *key; /* of the head's sentence */
    int width;       /* places on the terminal; what is wider pushes the rest of its row */
};
struct table {
    struct verb *v;
    const struct column *cols;
    size_t n;
    long rows;
};

/* Places a terminal needs: two for a Chinese character, none for what combines. */
size_t text_places(const char *s);
/* n cells of table.n columns. Prints the head before the first row. 0, or nobody listens. */
int table_row(struct table *t, const char *const *cell);
/* After the last row: when there was none, says the sentence `none` to err. */
void table_end(struct table *t, const char *none);
/* One line "label  text" of a page, the label by key. */
/* v_news.c: lanes that are not fresh, on the page of status and for doctor. */
void put_news(struct verb *v);
int look_news(struct verb *v);
/* v_doctor.c: one finding, by the sentences doctor.NAME and doctor.NAME.fix. EXIT_OK or EXIT_NO. */
enum check_level { CHECK_FINE, CHECK_NOTE, CHECK_WRONG };
int say_check(struct verb *v, enum check_level l, const char *name, const char *what);
int page_line(struct verb *v, const char *label, const char *text);

/* "3 days", "9 years": the two languages' words for a span, for sentences. */
void span_words(enum text_lang l, int64_t ms, char out[static 48]);

#endif
