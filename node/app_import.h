/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_IMPORT_H
#define SANJI_NODE_APP_IMPORT_H

#include "node/app.h"
#include "node/app_table.h"
#include "node/store/import.h"
#include "protocol/base/csv.h"

/* Tables somebody brought become records, in one job:
 *
 *   loading    the file comes in parts
 *   checking   every row is tried as `put` would try it, and nothing stored
 *   checked    a person looks; other columns, or another wish for doubles, check again
 *   running    good rows are stored, so many in a transaction with the note that they are
 *   done       undoing takes them back, as long as nobody has changed them since
 *   undoing, undone
 *
 * The passes (checking, running, undoing) are made in slices by app_import_tick() and go on where
 * they stood, whoever killed the program; a check begins anew. */
enum {
    IMPORT_BYTES = 8 << 20,
    IMPORT_PART = 512 << 10,
    IMPORT_ROWS = 20000,
    IMPORT_ROW_BYTES = 256 << 10,
    IMPORT_OPEN = 5, /* of one person at a time, begun and not ended */
    IMPORT_ALL = 200,
};
#define IMPORT_KEPT_MS (INT64_C(30) * 86400000) /* what has ended: so long it can be undone */
#define IMPORT_OPEN_MS (INT64_C(7) * 86400000)  /* what nobody went on with */

struct app_import {
    int64_t n, created, at, bytes;
    char login[65], role[17], kind[40], state[12], name[820];
    struct buf head, plan; /* JSON */
    const struct kind *k;
};
/* Of a job that is there. ret is to be ended in every case. */
int app_import_get(struct app *a, int64_t n, struct app_import *ret);
void app_import_done(struct app_import *x);

/* role NULL: all steps. SANJI_E_FORBIDDEN, _AUTHORITY: that kind is not for people here, _QUOTA. */
int app_import_new(struct app *a, const char *login, const char *role, const struct kind *k,
                   const char *name, int64_t *ret_n, struct fault *f);
int app_import_part(struct app *a, int64_t n, int64_t i, struct span data, struct fault *f);
/* All parts are there: reads them as CSV of whatever encoding and separator, matches the heading
 * and begins to check. SANJI_E_ENCODING, _SYNTAX, _SIZE; f->line is the row. */
int app_import_read(struct app *a, int64_t n, struct fault *f);
/* Other columns or another wish for doubles; plan as in the table, checks again. */
int app_import_plan(struct app *a, int64_t n, struct span plan, struct fault *f);
int app_import_start(struct app *a, int64_t n);
int app_import_undo(struct app *a, int64_t n);
int app_import_drop(struct app *a, int64_t n); /* SANJI_E_STATE: at work */
int app_import_expire(struct app *a, int64_t now_ms);
/* One slice of the oldest job that is at work; 1: there is more to do. */
int app_import_tick(struct app *a);
void app_import_free(struct app *a);

/* {"map":["name","usci",""],"doubles":"skip","audience":"fed"}: one entry a column, "" leaves it.
 */
enum import_doubles { IMPORT_SKIP, IMPORT_UPDATE, IMPORT_NEW };
struct import_plan {
    size_t n;
    struct table_col col[CSV_CELLS];
    bool used[CSV_CELLS];
    enum import_doubles doubles;
    char aud[8];
};
int app_import_plan_read(const struct kind *k, struct span json, struct import_plan *ret,
                         struct fault *f);
/* A row as content: what its cells say, over what the record says already (old, may be empty).
 * ret_id: of its id column, empty when it has none; ret_aud likewise. */
int app_import_content(struct app *a, const struct kind *k, const struct import_plan *p,
                       struct span cells, struct span old, struct buf *ret,
                       char ret_id[static LIM_ID_BYTES + 1], char ret_aud[static 8],
                       struct fault *f);

/* What is wrong with a row, or what it is a double of; nothing for one that is well. */
void app_import_say(const struct kind *k, const struct import_row *row, enum text_lang l,
                    struct buf *out);
/* Such rows as CSV, with a last column that says it. */
int app_import_report_head(const struct app_import *x, enum text_lang l, struct buf *out);
int app_import_report_row(const struct app_import *x, const struct import_row *row,
                          enum text_lang l, struct buf *out);

/* app_import_hsds.c: a file in the form of HSDS 3.0, JSON or CSV, as a table of ours; *ret: it is
 * one. After app_codes_load(). */
int app__import_hsds(const struct app *a, const struct kind *k, struct span text, struct buf *out,
                     bool *ret, struct fault *f);

/* app_import_check.c, app_import_run.c: one slice; *ret_more. */
int app__import_check(struct app *a, struct app_import *x, bool *ret_more);
int app__import_run(struct app *a, struct app_import *x, bool *ret_more);
int app__import_undo(struct app *a, struct app_import *x, bool *ret_more);
int app__import_end_tx(struct app *a, int r); /* commits, or rolls back and gives r back */
int app__import_save(struct app *a, const struct app_import *x); /* in a transaction */
bool app__import_of_row(int err); /* an error of the row, not of the node */

/* Rows of one slice, copied out of their table. */
struct import_slice {
    struct buf pool;
    struct slice_row {
        int64_t no, r;
        int err;
        size_t cells, n_cells, old, n_old; /* in the pool */
        char act[8], st[8], member[64], want[96], rec[LIM_ID_BYTES + 1], twin[LIM_ID_BYTES + 1];
    } * v;
    size_t n, cap;
};
int app__slice_add(const struct import_row *r, void *slice);
void app__slice_done(struct import_slice *s);
/* with_cells false: they are forgotten. */
int app__slice_save(struct app *a, int64_t job, struct import_slice *s, size_t i, bool with_cells);
void app__slice_fault(struct slice_row *row, int err, const struct fault *f);

#endif
