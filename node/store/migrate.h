/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_STORE_MIGRATE_H
#define SANJI_NODE_STORE_MIGRATE_H

#include "node/store/db.h"

/* Schemas lie in schema/NNNN_name.sql, are compiled in and only ever go forward. */
struct migration {
    const unsigned char *sql; /* NUL-terminated */
};

enum {
    APP_ID_MAIN = 0x534a6462, /* "SJdb" */
    APP_ID_KEYS = 0x534a6b79, /* "SJky" */
};

/* Brings db to the newest version; each step is one transaction. With `backup`, an existing
 * database is copied there before its first step. Expected: SANJI_E_SCHEMA_NEWER; SANJI_E_CORRUPT
 * when the file is another program's; SANJI_E_STATE for a reader of a database that needs a
 * migration. */
int migrate(struct db *db, int32_t app_id, const struct migration *step, size_t n,
            const char *backup);
extern const struct migration migrations_main[], migrations_keys[];
extern const size_t migrations_main_n, migrations_keys_n;
/* Text that drops and creates the views, and its fingerprint (16 hex digits). */
const char *spare_sql(void);
const char *views_sql(void);
void views_fingerprint(char out[static 17]);

#endif
