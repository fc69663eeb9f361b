/* SPDX-License-Identifier: Apache-2.0 */
/* Why this file exists: a data folder that does not open is mostly a matter of a full disk or of
 * files that belong to somebody else, and the error that reaches the caller comes from deep inside
 * the database, which names neither. So the folder is looked at once more, only to find the words.
 */
#include "node/app_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { LEAST_FREE = 128 << 10 }; /* less does not hold the side files of a database */

static const struct {
    const char *name;
    int mode;
} needed[] = {
    {"", R_OK | W_OK | X_OK},  {"lock", R_OK | W_OK},         {"sanji.conf", R_OK},
    {"keys", R_OK | X_OK},     {"keys/sign.seed", R_OK},      {"keys/seal.seed", R_OK},
    {"keys/inst", R_OK},       {"keys/tls.key", R_OK},        {"keys/tls.crt", R_OK},
    {"sanji.db", R_OK | W_OK}, {"sanji.db-wal", R_OK | W_OK}, {"sanji.db-shm", R_OK | W_OK},
    {"keys.db", R_OK | W_OK},  {"keys.db-wal", R_OK | W_OK},  {"keys.db-shm", R_OK | W_OK}};

static bool disk_full(const char *dir)
{
    struct statvfs v;
    return statvfs(dir, &v) == 0 &&
           (v.f_bavail * v.f_frsize < LEAST_FREE || (v.f_files > 0 && v.f_favail == 0));
}

/* A node without its keys is none, but who reads "no node here" makes another one in its place. */
static void key_gone(const char *dir, struct app_fault *f)
{
    char path[APP_PATH_BYTES];
    if (f == NULL || app__birth_unfinished(dir) || app_path(dir, "sanji.db", path) < 0 ||
        access(path, F_OK) != 0) {
        return;
    }
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (strncmp(needed[i].name, "keys/", 5) == 0 && app_path(dir, needed[i].name, path) == 0 &&
            access(path, F_OK) != 0 && errno == ENOENT) {
            f->denied = APP_GONE;
            (void)snprintf(f->path, sizeof f->path, "%.255s", path);
            return;
        }
    }
}

int app__why(const char *dir, int err, struct app_fault *f)
{
    char path[APP_PATH_BYTES];
    if (err == SANJI_E_NOT_FOUND) {
        key_gone(dir, f);
    }
    if (err != SANJI_E_IO) {
        return err;
    }
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (app_path(dir, needed[i].name, path) < 0 || access(path, needed[i].mode) == 0 ||
            (errno != EACCES && errno != EPERM && errno != EROFS)) {
            continue;
        }
        if (f != NULL) {
            f->denied = errno == EROFS ? APP_READ_ONLY : APP_DENIED;
            (void)snprintf(f->path, sizeof f->path, "%.255s", i == 0 ? dir : path);
        }
        return err;
    }
    return disk_full(dir) ? SANJI_E_FULL : err;
}

static const char *of_errno(int e)
{
    return e == EROFS                  ? "read_only"
           : e == ENOENT               ? "no_parent"
           : e == ENOTDIR              ? "not_dir"
           : e == EACCES || e == EPERM ? "denied"
           : e == ENAMETOOLONG         ? "too_long"
                                       : NULL;
}

const char *app_why_not(const char *path)
{
    char up[APP_PATH_BYTES];
    struct stat st;
    size_t n = strlen(path);
    if (stat(path, &st) == 0) {
        return !S_ISDIR(st.st_mode)             ? "not_dir"
               : access(path, W_OK | X_OK) == 0 ? NULL
                                                : of_errno(errno);
    }
    if (errno != ENOENT) {
        return of_errno(errno);
    }
    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    while (n > 0 && path[n - 1] != '/') {
        n--;
    }
    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    (void)snprintf(up, sizeof up, "%.*s", n > 0 ? (int)n : 1, n > 0 ? path : ".");
    if (stat(up, &st) != 0) {
        return of_errno(errno);
    }
    return !S_ISDIR(st.st_mode) ? "not_dir" : access(up, W_OK | X_OK) == 0 ? NULL : of_errno(errno);
}
