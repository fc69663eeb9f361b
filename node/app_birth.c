/* SPDX-License-Identifier: Apache-2.0 */
/* A birth takes a second, and machines are switched off in any second. As long as DIR/birth lies
 * there, the folder is not a node yet, whatever else is in it: the next attempt clears it away and
 * begins anew. Its one line says what was being made:
 *
 *   node KEY-ID FILE   everything; the root key too, which has that id and goes to that file
 *   keys               what a join brings to its parent
 *   database           the last part of a join; the parent has approved the keys, they stay */
#include "node/app_internal.h"
#include "node/dirlock.h"
#include "node/root_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOT_KEY_BYTES = 256 };

static const char *const database_files[] = {
    "sanji.db",       "sanji.db-wal", "sanji.db-shm",      "keys.db",
    "keys.db-wal",    "keys.db-shm",  "keys/recovery.pub", "keys/guard",
    "keys/guard.new", "keys/erased",  "keys/erased.new"};
static const char *const other_files[] = {
    "keys/sign.seed",   "keys/seal.seed",   "keys/inst",         "keys/tls.key", "keys/tls.crt",
    "keys/tls.key.new", "keys/tls.crt.new", "keys/recovery.new", "sanji.conf",   "lock",
    "birth.new",        "birth.done"};

static void drop(const char *dir, const char *const name[], size_t n)
{
    char path[APP_PATH_BYTES];
    for (size_t i = 0; i < n; i++) {
        if (app_path(dir, name[i], path) == 0) {
            (void)unlink(path);
        }
    }
}

static void drop_database(const char *dir)
{
    drop(dir, database_files, sizeof database_files / sizeof database_files[0]);
}

void app__birth_undo(const char *dir)
{
    static const char *const mark[] = {"birth"};
    char keys[APP_PATH_BYTES];
    drop_database(dir);
    drop(dir, other_files, sizeof other_files / sizeof other_files[0]);
    if (app_path(dir, "keys", keys) == 0) {
        (void)rmdir(keys);
    }
    (void)app__sync_dir(dir);
    drop(dir, mark, 1); /* last: a clearing that is cut short is repeated */
    (void)rmdir(dir);
}

/* What a write that was cut short leaves: nothing, zeros, or the beginning of the line. */
static bool is_half(const struct buf *b)
{
    size_t n = 0;
    while (n < b->len && b->data[n] == 0) {
        n++;
    }
    return n == b->len || (b->data[0] == 's' && memchr(b->data, '\n', b->len) == NULL);
}

/* There was no such file when the birth began. By now another stick may be in the place of that
 * one, with another root's key in a file of this name: only what was being made here goes. */
static void drop_root_key(const char *kid, const char *path)
{
    struct sign_key *k = NULL;
    struct key_id is = {{0}};
    struct buf b;
    size_t n = 0;
    buf_init(&b, ROOT_KEY_BYTES);
    if (app__read_file(path, ROOT_KEY_BYTES, &b) == 0) {
        if (root_keys_read(span_of(b.data, b.len), &k, 1, &n) == 0 && n == 1) {
            key_id_of(sign_key_pub(k), &is);
        }
        if (strcmp(is.s, kid) == 0 || is_half(&b)) {
            (void)unlink(path);
        }
    }
    sign_key_free(k);
    buf_wipe_done(&b);
}

bool app__birth_unfinished(const char *dir)
{
    char path[APP_PATH_BYTES];
    return app_path(dir, "birth", path) == 0 && access(path, F_OK) == 0;
}

int app__birth_clear(const char *dir)
{
    char path[APP_PATH_BYTES];
    struct buf b;
    int lock = -1;
    long holder = 0;
    if (!app__birth_unfinished(dir)) {
        return 0;
    }
    int r = dirlock_take(dir, &lock, &holder);
    if (r < 0) {
        return r; /* somebody is at it this moment */
    }
    buf_init(&b, APP_PATH_BYTES + 32);
    r = app_path(dir, "birth", path);
    if (r == 0) {
        r = app__read_file(path, APP_PATH_BYTES + 32, &b);
    }
    if (r == 0) {
        char *line = buf_take(&b, NULL);
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "database") == 0) {
            drop_database(dir);
            (void)unlink(path);
        } else {
            char *space = strncmp(line, "node ", 5) == 0 ? strchr(line + 5, ' ') : NULL;
            if (space != NULL) {
                *space = '\0';
                drop_root_key(line + 5, space + 1);
            }
            app__birth_undo(dir);
        }
        free(line);
    }
    buf_done(&b);
    dirlock_drop(lock);
    return r;
}

int app__birth_begin(const char *dir, const char *what, int *ret_lock)
{
    char path[APP_PATH_BYTES], next[APP_PATH_BYTES], line[APP_PATH_BYTES + 32];
    long holder = 0;
    int r = app_path(dir, "birth", path);
    if (r == 0) {
        r = app_path(dir, "birth.new", next);
    }
    if (r == 0) {
        r = dirlock_take(dir, ret_lock, &holder);
    }
    if (r == 0 && access(path, F_OK) == 0) {
        r = SANJI_E_EXISTS;
    }
    if (r == 0) {
        int n = snprintf(line, sizeof line, "%s\n", what);
        (void)unlink(next); /* of an attempt that was cut short */
        r = n > 0 && n < (int)sizeof line ? app__write_file(next, line, (size_t)n, true)
                                          : SANJI_E_SIZE;
    }
    /* Its name and its line at once: a mark that does not say what it marks costs the keys. */
    if (r == 0 && rename(next, path) != 0) {
        r = SANJI_E_IO;
    }
    return r == 0 ? app__sync_dir(dir) : r;
}

void app_join_drop(const char *dir)
{
    int lock = -1;
    if (app__birth_begin(dir, "keys", &lock) == 0) { /* one that is cut short is cleared away */
        app__birth_undo(dir);
    }
    dirlock_drop(lock);
}

int app__sync_folder_of(const char *path)
{
    char dir[APP_PATH_BYTES];
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    while (n > 0 && path[n - 1] != '/') {
        n--;
    }
    int k =
        n == 0 ? snprintf(dir, sizeof dir, ".") : snprintf(dir, sizeof dir, "%.*s", (int)n, path);
    return k > 0 && k < (int)sizeof dir ? app__sync_dir(dir) : SANJI_E_SIZE;
}

int app__birth_end(const char *dir, const char *root_key)
{
    char keys[APP_PATH_BYTES], path[APP_PATH_BYTES], done[APP_PATH_BYTES];
    int r = app_path(dir, "keys", keys);
    if (r == 0) {
        r = app_path(dir, "birth", path);
    }
    if (r == 0) {
        r = app_path(dir, "birth.done", done);
    }
    /* All names must be there before the mark is gone. */
    r = r < 0 ? r : app__sync_dir(keys);
    r = r < 0 ? r : app__sync_dir(dir);
    r = r < 0 ? r : app__sync_folder_of(dir);
    if (r == 0 && root_key != NULL) {
        r = app__sync_folder_of(root_key);
    }
    if (r == 0 && rename(path, done) != 0) {
        r = SANJI_E_IO;
    }
    if (r < 0) {
        return r;
    }
    r = app__sync_dir(dir);
    if (r < 0) { /* it may be there again after a power cut: then the birth has failed */
        (void)rename(done, path);
    } else {
        (void)unlink(done);
    }
    return r;
}
