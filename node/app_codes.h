/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_CODES_H
#define SANJI_NODE_APP_CODES_H

#include "node/app.h"
#include "node/text.h"

/* The words of open lists (kind_open_list()) as this node has them: those of the tables, and what
 * the `code_list` records of this node and of the nodes above it add, rename or take out of use.
 * Where two of them speak of one word the higher node's record counts. */
struct app_code {
    const char *list; /* static */
    char code[33], zh[164], en[324];
    bool off; /* not to be chosen any more; what says it already may go on */
};

/* Reads the records anew when they have changed. Words of this node alone, until a parent's arrive.
 */
int app_codes_load(struct app *a);
/* What is known of one word beyond the tables; NULL: nothing. Of what was loaded last; a may be
 * NULL. */
const struct app_code *app_code_find(const struct app *a, const char *list, struct span word);
/* The next word, in the order of lists, nodes and records; NULL: no more. *pos begins with 0. */
const struct app_code *app_code_next(const struct app *a, size_t *pos);
/* Its label; en empty: the Chinese one. */
const char *app_code_label(const struct app_code *c, enum text_lang l);
/* May content d follow `was` (empty: there is none) as far as words of open lists go? 0, or
 * SANJI_E_SPEC with the member. Loads. */
int app_codes_check(struct app *a, const struct kind *k, struct span was, struct span d,
                    struct fault *f);

#endif
