/* SPDX-License-Identifier: Apache-2.0 */
/* sql FILE STATEMENT: runs one statement on a closed database and prints its rows, tab between
 * columns; turned(blob, n) is the blob with one bit of byte n turned. Damage is made with it. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void turned(sqlite3_context *c, int n, sqlite3_value **v)
{
    (void)n;
    const unsigned char *p = sqlite3_value_blob(v[0]);
    int len = sqlite3_value_bytes(v[0]), at = sqlite3_value_int(v[1]);
    unsigned char *copy = p != NULL && at >= 0 && at < len ? malloc((size_t)len) : NULL;
    if (copy == NULL) {
        sqlite3_result_error(c, "no such byte", -1);
        return;
    }
    memcpy(copy, p, (size_t)len);
    copy[at] ^= 4;
    sqlite3_result_blob(c, copy, len, free);
}

static int row(void *arg, int n, char **v, char **name)
{
    (void)arg;
    (void)name;
    for (int i = 0; i < n; i++) {
        printf("%s%s", i > 0 ? "\t" : "", v[i] != NULL ? v[i] : "");
    }
    printf("\n");
    return 0;
}

int main(int argc, char **argv)
{
    sqlite3 *db = NULL;
    char *err = NULL;
    if (argc != 3 || sqlite3_open(argv[1], &db) != SQLITE_OK) {
        (void)fprintf(stderr, "sql FILE STATEMENT\n");
        return 2;
    }
    sqlite3_create_function(db, "turned", 2, SQLITE_UTF8, NULL, turned, NULL, NULL);
    int rc = sqlite3_exec(db, argv[2], row, NULL, &err);
    if (rc != SQLITE_OK) {
        (void)fprintf(stderr, "%s\n", err != NULL ? err : "failed");
    }
    sqlite3_free(err);
    sqlite3_close(db);
    return rc == SQLITE_OK ? 0 : 1;
}
