/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_STORE_DB_H
#define SANJI_NODE_STORE_DB_H

#include "node/store/stmt.h"

#include <stdbool.h>
#include <stdint.h>

/* One SQLite connection with the settings everything else relies on. Debian 12's SQLite can corrupt
 * a WAL file when two connections checkpoint at once: so exactly one connection of the machine
 * opens a file for writing, and only that one checkpoints. */
struct sqlite3;
struct sqlite3_stmt;

enum db_mode { DB_WRITER, DB_READER, DB_SCRATCH /* private temporary file, gone at close */ };

struct db {
    struct sqlite3 *h;
    struct sqlite3_stmt *st[STMT_COUNT];
    enum db_mode mode;
    bool in_tx;
    bool broken; /* a write to disk failed: what the disk holds is unknown until the next start */
    const char *tx_file; /* where the open transaction began */
    int tx_line;
    char msg[160]; /* SQLite's words about the last error, for the log */
};

/* Opens and applies settings; the schema and the statements come after (migrate.h, stmt.h). */
int db_open(struct db *db, const char *path, enum db_mode mode);
void db_close(struct db *db);
/* Several statements without parameters or rows: schema texts and settings. */
int db_exec(struct db *db, const char *sql);
/* First column of the first row of a constant text; SANJI_E_NOT_FOUND without a row. */
int db_scalar(struct db *db, const char *sql, int64_t *ret);
/* SANJI_E_* of an SQLite result code; 0 for OK, ROW and DONE. */
int db_err(int sqlite_code);
/* Records the error of the connection and returns it mapped. */
int db_fail(struct db *db, int sqlite_code);

int db_begin_at(struct db *db, const char *file, int line);
#define db_begin(db) db_begin_at((db), __FILE__, __LINE__)
int db_commit(struct db *db); /* on error nothing of it holds and no transaction is open */
void db_rollback(struct db *db);
/* A consistent copy into a new file, durable on return. SANJI_E_EXISTS when the file is there. */
int db_copy_to(struct db *db, const char *path);

#endif
