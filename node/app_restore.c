/* SPDX-License-Identifier: Apache-2.0 */
/* A node from a backup. Everything is made beside the place where it will stand, checked, and then
 * put there with one rename, so that a restore that fails leaves nothing. The views are derived
 * anew: that reads every bundle and brings back the content keys, which no backup holds. */
#include "node/app_backup.h"

#include "node/app_internal.h"
#include "protocol/base/text.h"
#include "protocol/ferry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

enum { PIECE = 256 * 1024, HEAD_MAX = 128, SMALL_MAX = 64 * 1024, FILES_MAX = 16 };

struct unpacker {
    int in;
    struct ferry_unsealer *u;
    ZSTD_DCtx *z;
    ZSTD_inBuffer zi;
    bool ended;
    uint8_t sealed[PIECE], plain[PIECE];
    size_t at, n; /* what of plain is not yet taken */
    bool unread;  /* the file, not the folder, is what failed */
};

static int read_fd(void *p, size_t n, size_t *ret_n, void *arg)
{
    struct unpacker *x = arg;
    for (;;) {
        ssize_t k = read(x->in, p, n);
        if (k >= 0) {
            *ret_n = (size_t)k;
            return 0;
        }
        if (errno != EINTR) {
            x->unread = true;
            return SANJI_E_IO;
        }
    }
}

/* Makes x->plain hold something. *ret_end: the stream and the file are at their ends. */
static int fill(struct unpacker *x, bool *ret_end)
{
    *ret_end = false;
    while (x->at == x->n) {
        if (x->zi.pos == x->zi.size) {
            size_t n = 0;
            int r = ferry_unseal_read(x->sealed, sizeof x->sealed, &n, x->u);
            if (r < 0) {
                return r;
            }
            if (n == 0) {
                *ret_end = true;
                return x->ended ? 0 : SANJI_E_OPEN;
            }
            x->zi = (ZSTD_inBuffer){x->sealed, n, 0};
        }
        if (x->ended) {
            return SANJI_E_SYNTAX; /* something behind the stream */
        }
        ZSTD_outBuffer zo = {x->plain, sizeof x->plain, 0};
        size_t left = ZSTD_decompressStream(x->z, &zo, &x->zi);
        if (ZSTD_isError(left)) {
            return SANJI_E_SYNTAX;
        }
        x->ended = left == 0;
        x->at = 0;
        x->n = zo.pos;
    }
    return 0;
}

static int read_line(struct unpacker *x, char out[static HEAD_MAX])
{
    size_t n = 0;
    bool end;
    for (;;) {
        int r = fill(x, &end);
        if (r < 0 || end) {
            return r < 0 ? r : SANJI_E_SYNTAX;
        }
        char c = (char)x->plain[x->at++];
        if (c == '\n') {
            out[n] = '\0';
            return 0;
        }
        if (n + 1 >= HEAD_MAX) {
            return SANJI_E_SYNTAX;
        }
        out[n++] = c;
    }
}

static int copy_out(struct unpacker *x, int fd, int64_t left)
{
    while (left > 0) {
        bool end;
        int r = fill(x, &end);
        if (r < 0 || end) {
            return r < 0 ? r : SANJI_E_SYNTAX;
        }
        size_t n = x->n - x->at;
        n = (int64_t)n > left ? (size_t)left : n;
        ssize_t k = write(fd, x->plain + x->at, n);
        if (k < 0 && errno != EINTR) {
            return errno == ENOSPC || errno == EDQUOT ? SANJI_E_FULL : SANJI_E_IO;
        }
        if (k > 0) {
            x->at += (size_t)k;
            left -= k;
        }
    }
    return fsync(fd) == 0 ? 0 : SANJI_E_IO;
}

/* Names come from the table, never from the file. */
static int take_file(struct unpacker *x, const char *dir, const char *line, unsigned *seen)
{
    char path[APP_PATH_BYTES];
    int64_t size = 0;
    const char *space = strchr(line, ' '), *name;
    size_t i = 0, n = space == NULL ? 0 : (size_t)(space - line);
    for (; (name = app__backup_files[i]) != NULL; i++) {
        if (strlen(name) == n && strncmp(name, line, n) == 0) {
            break;
        }
    }
    if (space == NULL || name == NULL || i >= FILES_MAX || (*seen & 1u << i) != 0) {
        return SANJI_E_SYNTAX;
    }
    bool big = strcmp(name, "sanji.db") == 0;
    if (text_i64(space + 1, strlen(space + 1), 0, big ? INT64_MAX : SMALL_MAX, &size) < 0) {
        return SANJI_E_SYNTAX;
    }
    *seen |= 1u << i;
    int r = app_path(dir, name, path);
    if (r < 0) {
        return r;
    }
    if (strncmp(name, "keys/next/", 10) == 0) {
        char next[APP_PATH_BYTES];
        r = app_path(dir, "keys/next", next);
        if (r == 0 && mkdir(next, 0700) != 0 && errno != EEXIST) {
            r = SANJI_E_IO;
        }
    }
    int fd = r < 0 ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return r < 0 ? r : errno == ENOSPC ? SANJI_E_FULL : SANJI_E_IO;
    }
    r = copy_out(x, fd, size);
    if (close(fd) != 0 && r == 0) {
        r = SANJI_E_IO;
    }
    return r;
}

static int take_all(struct unpacker *x, const char *dir)
{
    char line[HEAD_MAX], keys[APP_PATH_BYTES];
    unsigned seen = 0;
    bool end = false;
    int r = app_path(dir, "keys", keys);
    if (r == 0 && mkdir(keys, 0700) != 0) {
        r = errno == ENOSPC ? SANJI_E_FULL : SANJI_E_IO;
    }
    while (r == 0) {
        r = read_line(x, line);
        if (r < 0 || strcmp(line, "end") == 0) {
            break;
        }
        r = take_file(x, dir, line, &seen);
    }
    if (r == 0) {
        r = fill(x, &end);
    }
    return r < 0 ? r : end ? 0 : SANJI_E_SYNTAX;
}

/* "sanji-backup 1 NODE MS\n", byte by byte: what follows belongs to the sealed part. */
static int read_head(int fd, struct app_restored *ret)
{
    char line[HEAD_MAX] = {0}, *at = line;
    size_t n = 0;
    while (n + 1 < sizeof line && read(fd, line + n, 1) == 1 && line[n] != '\n') {
        n++;
    }
    static const char magic[] = "sanji-backup 1 ";
    if (line[n] != '\n' || strncmp(line, magic, sizeof magic - 1) != 0) {
        return SANJI_E_SYNTAX;
    }
    line[n] = '\0';
    at += sizeof magic - 1;
    char *space = strchr(at, ' ');
    if (space == NULL || node_id_parse(at, (size_t)(space - at), &ret->node) < 0 ||
        text_i64(space + 1, strlen(space + 1), 0, INT64_MAX, &ret->made_ms) < 0) {
        return SANJI_E_SYNTAX;
    }
    return 0;
}

/* *ret_file: the file is to blame. */
static int unpack_into(int fd, const char *dir, const uint8_t (*seed)[SEAL_SEED_LEN],
                       struct app_restored *ret, bool *ret_file)
{
    int r = read_head(fd, ret);
    *ret_file = r < 0;
    struct unpacker *x = r == 0 ? calloc(1, sizeof *x) : NULL;
    if (x == NULL) {
        return r < 0 ? r : SANJI_E_NOMEM;
    }
    x->in = fd;
    x->z = ZSTD_createDCtx();
    r = x->z == NULL ? SANJI_E_NOMEM
                     : ferry_unseal_new(read_fd, x, &ret->node, seed, 1, &x->u, NULL);
    if (r < 0 && r != SANJI_E_OPEN && r != SANJI_E_IO && r != SANJI_E_NOMEM) {
        r = SANJI_E_SYNTAX; /* whatever is wrong with its head: it is not a backup as it was made */
    }
    if (r == 0) {
        r = take_all(x, dir);
    }
    *ret_file = *ret_file || x->unread;
    ferry_unseal_free(x->u);
    ZSTD_freeDCtx(x->z);
    mem_wipe(x, sizeof *x);
    free(x);
    return r;
}

static int drop_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)ftw;
    return flag == FTW_DP ? rmdir(path) : unlink(path);
}

static void clear_away(const char *dir)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): restore runs in a process of its own, one thread */
    (void)nftw(dir, drop_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* What was unpacked is a node of that id, and all its bundles can be read. */
static int prove(const char *dir, struct app_restored *ret)
{
    struct app *a = NULL;
    char guard[APP_PATH_BYTES];
    bool same;
    int r = app_open(dir, &a, NULL);
    if (r < 0) {
        return r;
    }
    r = strcmp(app_id(a), ret->node.s) == 0 ? app_rebuild(a, &ret->bundles, &same)
                                            : SANJI_E_CORRUPT;
    r = r < 0 ? r : app_programs_end(a);
    app_close(a);
    /* Closing wrote down how far the backup had come; the node may have come further. */
    if (r == 0) {
        r = app_path(dir, "keys/guard", guard);
    }
    if (r == 0 && unlink(guard) != 0 && errno != ENOENT) {
        r = SANJI_E_IO;
    }
    return r;
}

/* The rename at the end takes the place of an empty folder; until then it stays as it is. */
static int check_room(const char *dir)
{
    DIR *d = opendir(dir);
    bool other = false;
    if (d == NULL) {
        return errno == ENOENT ? 0 : errno == ENOTDIR ? SANJI_E_EXISTS : SANJI_E_IO;
    }
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this DIR */
    for (const struct dirent *e; !other && (e = readdir(d)) != NULL;) {
        other = strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    }
    (void)closedir(d);
    return other ? SANJI_E_EXISTS : 0;
}

static int open_both(const char *file, const char *dir, struct app_restored *ret, int *ret_fd)
{
    struct stat st;
    ret->where = file;
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR ? SANJI_E_NOT_FOUND : SANJI_E_IO;
    }
    int r = fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ? SANJI_E_SYNTAX : 0;
    if (r == 0) {
        r = check_room(dir);
        ret->where = r < 0 ? dir : file;
    }
    if (r < 0) {
        close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

/* Whole on the disk before it has its name: above all that there is no guard. A name that cannot be
 * made sure of is taken back, or a power cut could take it later. */
static int put_there(const char *tmp, const char *dir)
{
    static const char *const folder[] = {"keys/next", "keys", "."};
    char path[APP_PATH_BYTES];
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof folder / sizeof folder[0]; i++) {
        r = app_path(tmp, folder[i], path);
        r = r < 0 || access(path, F_OK) != 0 ? r : app__sync_dir(path);
    }
    if (r == 0 && rename(tmp, dir) != 0) {
        r = errno == EEXIST || errno == ENOTEMPTY ? SANJI_E_EXISTS : SANJI_E_IO;
    }
    if (r < 0) {
        return r;
    }
    r = app__sync_folder_of(dir);
    if (r < 0) {
        (void)rename(dir, tmp);
    }
    return r;
}

int app_restore(const char *file, const char *dir, const uint8_t secret[static RECOVERY_SECRET],
                struct app_restored *ret)
{
    char tmp[APP_PATH_BYTES];
    uint8_t seed[1][SEAL_SEED_LEN];
    int fd;
    bool blame_file = false;
    memset(ret, 0, sizeof *ret);
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/') {
        n--;
    }
    ret->where = dir;
    int k = snprintf(tmp, sizeof tmp, "%.*s.restoring", (int)n, dir);
    if (k < 0 || k >= APP_DIR_BYTES) {
        return SANJI_E_SIZE;
    }
    int r = open_both(file, dir, ret, &fd);
    if (r < 0) {
        return r;
    }
    clear_away(tmp); /* of an attempt that was cut short */
    r = mkdir(tmp, 0700) == 0 ? 0 : errno == ENOSPC ? SANJI_E_FULL : SANJI_E_IO;
    recovery_seed(secret, seed[0]);
    if (r == 0) {
        r = unpack_into(fd, tmp, (const uint8_t(*)[SEAL_SEED_LEN])seed, ret, &blame_file);
    }
    close(fd);
    r = r < 0 ? r : app__restore_files(file, tmp, (const uint8_t(*)[SEAL_SEED_LEN])seed, ret);
    mem_wipe(seed, sizeof seed);
    ret->where = blame_file || r == SANJI_E_SYNTAX || r == SANJI_E_OPEN ? file : dir;
    if (r == 0) {
        r = prove(tmp, ret);
    }
    if (r == 0) {
        r = put_there(tmp, dir);
    }
    if (r < 0) {
        clear_away(tmp);
    }
    return r;
}
