/* SPDX-License-Identifier: Apache-2.0 */
/* Opens SQLite so that a damaged or hostile file can do little and a power cut nothing. */
#include "node/store/db.h"

#include "protocol/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BUSY_MS = 5000 };

/* clang-format off */
static const struct { int code, err; } err_map[] = {
    {SQLITE_BUSY, SANJI_E_BUSY},       {SQLITE_LOCKED, SANJI_E_BUSY},   {SQLITE_INTERRUPT, SANJI_E_BUSY},
    {SQLITE_FULL, SANJI_E_FULL},       {SQLITE_IOERR, SANJI_E_IO},      {SQLITE_CANTOPEN, SANJI_E_IO},
    {SQLITE_READONLY, SANJI_E_IO},     {SQLITE_PERM, SANJI_E_IO},       {SQLITE_PROTOCOL, SANJI_E_BUSY},
    {SQLITE_CORRUPT, SANJI_E_CORRUPT}, {SQLITE_NOTADB, SANJI_E_CORRUPT}, {SQLITE_NOMEM, SANJI_E_NOMEM},
    {SQLITE_TOOBIG, SANJI_E_SIZE},
};
static const struct { int id, value; } limits[] = {
    {SQLITE_LIMIT_LENGTH, 16 << 20},     {SQLITE_LIMIT_SQL_LENGTH, 32768}, {SQLITE_LIMIT_COLUMN, 64},
    {SQLITE_LIMIT_EXPR_DEPTH, 64},       {SQLITE_LIMIT_COMPOUND_SELECT, 8}, {SQLITE_LIMIT_FUNCTION_ARG, 16},
    {SQLITE_LIMIT_ATTACHED, 1},          {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 64},
    {SQLITE_LIMIT_VARIABLE_NUMBER, 48},  {SQLITE_LIMIT_TRIGGER_DEPTH, 1},  {SQLITE_LIMIT_WORKER_THREADS, 0},
};
/* clang-format on */

int db_err(int code)
{
    switch (code) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return SANJI_E_EXISTS;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
        return SANJI_E_REFERENCE;
    case SQLITE_CONSTRAINT_CHECK:
        return SANJI_E_SPEC;
    default:
        break;
    }
    for (size_t i = 0; i < sizeof err_map / sizeof err_map[0]; i++) {
        if (err_map[i].code == (code & 0xff)) {
            return err_map[i].err;
        }
    }
    return SANJI_E_BUG;
}

int db_fail(struct db *db, int code)
{
    int r = db_err(code);
    if (r == SANJI_E_IO && db->h != NULL) { /* a side file that could not grow is not SQLITE_FULL */
        int os = sqlite3_system_errno(db->h);
        r = os == ENOSPC || os == EDQUOT ? SANJI_E_FULL : r;
    }
    if (db->h != NULL) {
        snprintf(db->msg, sizeof db->msg, "%s", sqlite3_errmsg(db->h));
    }
    /* A failed write may be reported once and forgotten by the kernel: trust nothing after it. */
    if (db->mode == DB_WRITER && (code & 0xff) == SQLITE_IOERR) {
        db->broken = true;
    }
    return r;
}

int db_exec(struct db *db, const char *sql)
{
    int rc = sqlite3_exec(db->h, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : db_fail(db, rc);
}

int db_scalar(struct db *db, const char *sql, int64_t *ret)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db->h, sql, -1, &st, NULL);
    int r = rc == SQLITE_OK ? 0 : db_fail(db, rc);
    if (r == 0) {
        rc = sqlite3_step(st);
        if (rc == SQLITE_ROW) {
            *ret = sqlite3_column_int64(st, 0);
        } else {
            r = rc == SQLITE_DONE ? SANJI_E_NOT_FOUND : db_fail(db, rc);
        }
    }
    sqlite3_finalize(st);
    return r;
}

static int harden(struct db *db)
{
    int on = 0;
    sqlite3_extended_result_codes(db->h, 1);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        sqlite3_limit(db->h, limits[i].id, limits[i].value);
    }
    if (sqlite3_db_config(db->h, SQLITE_DBCONFIG_DEFENSIVE, 1, &on) != SQLITE_OK || on != 1 ||
        sqlite3_db_config(db->h, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, &on) != SQLITE_OK || on != 0 ||
        sqlite3_db_config(db->h, SQLITE_DBCONFIG_DQS_DML, 0, &on) != SQLITE_OK || on != 0 ||
        sqlite3_db_config(db->h, SQLITE_DBCONFIG_DQS_DDL, 0, &on) != SQLITE_OK || on != 0 ||
        sqlite3_db_config(db->h, SQLITE_DBCONFIG_ENABLE_FKEY, 1, &on) != SQLITE_OK || on != 1) {
        return SANJI_E_BUG;
    }
    if (db->mode == DB_READER &&
        sqlite3_db_config(db->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &on) != SQLITE_OK) {
        return SANJI_E_BUG;
    }
    sqlite3_busy_timeout(db->h, BUSY_MS);
    return 0;
}

static int settle(struct db *db)
{
    int64_t dummy = 0;
    int r = harden(db);
    if (r == 0) {
        r = db_exec(db, "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA cache_size=-24576");
    }
    if (r == 0) {
        /* The first read: tells whether this is a database at all. */
        r = db_scalar(db, "PRAGMA schema_version", &dummy);
    }
    if (r < 0) {
        return r;
    }
    switch (db->mode) {
    case DB_WRITER:
        /* The first takes effect in a new file alone; an old one reuses its pages. */
        return db_exec(db, "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA secure_delete=ON;"
                           "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                           "PRAGMA wal_autocheckpoint=4000; PRAGMA journal_size_limit=33554432");
    case DB_READER:
        return db_exec(db, "PRAGMA query_only=ON; PRAGMA wal_autocheckpoint=0");
    case DB_SCRATCH:
        return db_exec(db, "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF");
    }
    return SANJI_E_BUG;
}

/* Counting every allocation takes a mutex each time; nobody reads the counts. Must come before the
 * library is first used, else it refuses and works as before. */
static void config_once(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/* SQLite gives its side files the mode of the database: so that one is made first, for this user
 * only. */
static int make_private(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno == ENOSPC || errno == EDQUOT ? SANJI_E_FULL : SANJI_E_IO;
    }
    close(fd);
    return 0;
}

int db_open(struct db *db, const char *path, enum db_mode mode)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    *db = (struct db){.mode = mode};
    pthread_once(&once, config_once);
    int made = mode == DB_WRITER ? make_private(path) : 0;
    if (made < 0) {
        return made;
    }
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_PRIVATECACHE;
    flags |= mode == DB_READER ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    int rc = sqlite3_open_v2(mode == DB_SCRATCH ? "" : path, &db->h, flags, NULL);
    int r = 0;
    if (rc != SQLITE_OK) {
        r = db_fail(db, rc);
        if (r == SANJI_E_IO && mode == DB_READER && access(path, F_OK) != 0) {
            r = SANJI_E_NOT_FOUND;
        }
    } else {
        r = settle(db);
    }
    if (r < 0) {
        db_close(db);
    }
    return r;
}

void db_close(struct db *db)
{
    stmt_finalize_all(db);
    if (db->h != NULL) {
        if (db->in_tx) {
            sqlite3_exec(db->h, "ROLLBACK", NULL, NULL, NULL);
        }
        sqlite3_close(db->h);
        db->h = NULL;
    }
    db->in_tx = false;
}

int db_begin_at(struct db *db, const char *file, int line)
{
    if (db->in_tx) {
        snprintf(db->msg, sizeof db->msg, "transaction open since %s:%d", db->tx_file, db->tx_line);
        return SANJI_E_BUG;
    }
    if (db->broken) {
        return SANJI_E_IO;
    }
    struct q q;
    q_begin(&q, db, db->mode == DB_READER ? Q_TX_BEGIN_READ : Q_TX_BEGIN);
    int r = q_run(&q);
    if (r == 0) {
        db->in_tx = true;
        db->tx_file = file;
        db->tx_line = line;
    }
    return r;
}

int db_commit(struct db *db)
{
    if (!db->in_tx) {
        return SANJI_E_BUG;
    }
    struct q q;
    q_begin(&q, db, Q_TX_COMMIT);
    int r = q_run(&q);
    if (r < 0) {
        db_rollback(db);
    }
    db->in_tx = false;
    return r;
}

void db_rollback(struct db *db)
{
    /* After some errors (disk full) SQLite has rolled back by itself. */
    if (db->h != NULL && sqlite3_get_autocommit(db->h) == 0) {
        struct q q;
        q_begin(&q, db, Q_TX_ROLLBACK);
        (void)q_run(&q);
    }
    db->in_tx = false;
}

static int sync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0) {
        return SANJI_E_IO;
    }
    int r = fsync(fd) == 0 ? 0 : SANJI_E_IO;
    close(fd);
    return r;
}

static int sync_file_and_folder(const char *path)
{
    char dir[PATH_MAX];
    int r = sync_path(path, O_RDONLY);
    if (r < 0) {
        return r;
    }
    const char *slash = strrchr(path, '/');
    int n = slash == NULL ? snprintf(dir, sizeof dir, ".")
                          : snprintf(dir, sizeof dir, "%.*s", (int)(slash - path) + 1, path);
    return n < 0 || (size_t)n >= sizeof dir ? SANJI_E_IO : sync_path(dir, O_RDONLY | O_DIRECTORY);
}

int db_copy_to(struct db *db, const char *path)
{
    if (access(path, F_OK) == 0) {
        return SANJI_E_EXISTS;
    }
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db->h, "VACUUM INTO ?1", -1, &st, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_text(st, 1, path, -1, SQLITE_STATIC);
        rc = sqlite3_step(st);
    }
    int r = rc == SQLITE_DONE ? 0 : db_fail(db, rc);
    sqlite3_finalize(st);
    if (r == 0) {
        /* VACUUM INTO itself never waits for the disk. */
        r = sync_file_and_folder(path);
    } else {
        unlink(path);
    }
    return r;
}
