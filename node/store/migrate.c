/* SPDX-License-Identifier: Apache-2.0 */
/* A node in a street office is upgraded by whoever is there: so an upgrade makes its own copy
 * first, either happens or does not, and an older program refuses a newer database instead of
 * guessing. */
#include "node/store/migrate.h"

#include "protocol/base/enc.h"
#include "protocol/base/err.h"
#include "protocol/suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern const unsigned char schema_0001_truth[], schema_0002_receipt[], schema_0003_draft[],
    schema_0004_parked[], schema_0005_user_org[], schema_0006_import[], schema_0007_token[],
    schema_0008_hook[], schema_0009_blob[], schema_keys_0001[], schema_spare[], schema_views[];

const struct migration migrations_main[] = {
    {schema_0001_truth},  {schema_0002_receipt},  {schema_0003_draft},
    {schema_0004_parked}, {schema_0005_user_org}, {schema_0006_import},
    {schema_0007_token},  {schema_0008_hook},     {schema_0009_blob}};
const size_t migrations_main_n = sizeof migrations_main / sizeof migrations_main[0];
const struct migration migrations_keys[] = {{schema_keys_0001}};
const size_t migrations_keys_n = sizeof migrations_keys / sizeof migrations_keys[0];

const char *spare_sql(void)
{
    return (const char *)schema_spare;
}

const char *views_sql(void)
{
    return (const char *)schema_views;
}

void views_fingerprint(char out[static 17])
{
    uint8_t h[HASH_LEN];
    hash_bytes(schema_views, strlen((const char *)schema_views), h);
    out[hex_put(h, 8, out)] = '\0';
}

static int run_step(struct db *db, const struct migration *m, size_t version, int32_t app_id)
{
    char tail[96];
    snprintf(tail, sizeof tail, "PRAGMA user_version=%zu; PRAGMA application_id=%d; COMMIT",
             version, (int)app_id);
    int r = db_exec(db, "BEGIN IMMEDIATE");
    if (r < 0) {
        return r;
    }
    r = db_exec(db, (const char *)m->sql);
    if (r == 0) {
        r = db_exec(db, tail);
    }
    if (r < 0) {
        char first[sizeof db->msg];
        memcpy(first, db->msg, sizeof first);
        (void)db_exec(db, "ROLLBACK");
        memcpy(db->msg, first, sizeof first);
    }
    return r;
}

int migrate(struct db *db, int32_t app_id, const struct migration *step, size_t n,
            const char *backup)
{
    int64_t version = 0, app = 0, tables = 0;
    int r = db_scalar(db, "PRAGMA user_version", &version);
    if (r == 0) {
        r = db_scalar(db, "PRAGMA application_id", &app);
    }
    if (r == 0) {
        r = db_scalar(db, "SELECT count(*) FROM sqlite_schema", &tables);
    }
    if (r < 0) {
        return r;
    }
    if (tables > 0 && app != app_id) {
        return SANJI_E_CORRUPT;
    }
    if (version < 0 || (uint64_t)version > n) {
        return SANJI_E_SCHEMA_NEWER;
    }
    if ((uint64_t)version == n) {
        return 0;
    }
    if (db->mode == DB_READER) {
        return SANJI_E_STATE;
    }
    if (version > 0 && backup != NULL) {
        unlink(backup);
        r = db_copy_to(db, backup);
    }
    for (size_t i = (size_t)version; r == 0 && i < n; i++) {
        r = run_step(db, &step[i], i + 1, app_id);
    }
    return r;
}
