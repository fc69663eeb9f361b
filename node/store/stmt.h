/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_STORE_STMT_H
#define SANJI_NODE_STORE_STMT_H

#include "protocol/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every SQL text of the program stands in stmt.def and is compiled at open, so that misspelt SQL
 * stops the start and not a request at night. */
enum stmt_set { STMT_MAIN, STMT_KEYS, STMT_BOTH };
enum { STMT_COLD = 0, STMT_HOT = 1 /* never scans a table: a test reads the query plans */ };

enum stmt_id {
#define STMT(name, set, flags, sql) Q_##name,
#include "node/store/stmt.def"
#undef STMT
    STMT_COUNT
};

struct stmt_row {
    const char *name, *sql;
    enum stmt_set set;
    int flags;
};
extern const struct stmt_row stmt_rows[STMT_COUNT];

struct db;
struct sqlite3_stmt;

int stmt_prepare(struct db *db, enum stmt_id id); /* one alone: of a database that may be damaged */
int stmt_prepare_all(struct db *db, enum stmt_set set);
void stmt_finalize_all(struct db *db);

/* One use of a statement: q_begin, bind in order, q_row until false (or q_run), q_end. The first
 * error sticks, everything after it does nothing, q_end returns it. Bound memory must live until
 * q_end; columns until the next q_row or q_end. A statement that is in use may be used again inside
 * its own loop: the inner use gets a copy. */
struct q {
    struct db *db;
    struct sqlite3_stmt *st;
    int err;
    int n;
    bool is_copy;
};

void q_begin(struct q *q, struct db *db, enum stmt_id id);
void q_int(struct q *q, int64_t v);
void q_text(struct q *q, const char *s); /* NULL: NULL */
void q_span(struct q *q, struct span s); /* as text */
void q_blob(struct q *q, const void *p, size_t n);
void q_null(struct q *q);
bool q_row(struct q *q);
int q_end(struct q *q);
int q_run(struct q *q); /* steps to the end, ignoring rows, and ends */

int64_t q_col_int(struct q *q, int col);
const char *q_col_text(struct q *q, int col); /* never NULL */
struct span q_col_span(struct q *q, int col);
bool q_col_null(struct q *q, int col);
/* Copies exactly n bytes; anything else makes the use fail with SANJI_E_CORRUPT. */
void q_col_fixed(struct q *q, int col, void *out, size_t n);
/* Copies text into out[cap], the same way. */
void q_col_str(struct q *q, int col, char *out, size_t cap);
int64_t q_changes(const struct db *db);

#endif
