/* SPDX-License-Identifier: Apache-2.0 */
/* Files of attachments. They are not in the database: a backup of it would carry them again every
 * day, and SQLite would write each of them twice. */
#include "node/blob.h"

#include "node/app_internal.h"
#include "node/store/blob.h"
#include "protocol/base/enc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEX_BYTES = HASH_LEN * 2 + 1, NAME_BYTES = 96 };

static int part_path(const char *dir, const char *part, char out[static APP_PATH_BYTES])
{
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "blobs/part/%.64s", part);
    return app_path(dir, name, out);
}

static int hex_of(const char *sha, char out[static HEX_BYTES])
{
    uint8_t h[HASH_LEN];
    if (strnlen(sha, BLOB_SHA + 1) != BLOB_SHA || b64u_get(sha, BLOB_SHA, h, HASH_LEN) < 0) {
        return SANJI_E_NOT_FOUND;
    }
    out[hex_put(h, HASH_LEN, out)] = '\0';
    return 0;
}

static int blob_path(const char *dir, const char *sha, char out[static APP_PATH_BYTES])
{
    char hex[HEX_BYTES], name[NAME_BYTES];
    int r = hex_of(sha, hex);
    if (r == 0) {
        (void)snprintf(name, sizeof name, "blobs/%.2s/%s", hex, hex);
        r = app_path(dir, name, out);
    }
    return r;
}

static int error_of(int e)
{
    return e == ENOSPC || e == EDQUOT ? SANJI_E_FULL : e == ENOENT ? SANJI_E_NOT_FOUND : SANJI_E_IO;
}

/* The folder, and that its name will be there after a power cut. */
static int folder(const char *dir, const char *name)
{
    char path[APP_PATH_BYTES];
    int r = app_path(dir, name, path);
    if (r < 0 || mkdir(path, 0700) != 0) {
        return r < 0 ? r : errno == EEXIST ? 0 : error_of(errno);
    }
    return app__sync_folder_of(path);
}

static int write_all(int fd, struct span b)
{
    while (b.n > 0) {
        ssize_t k = write(fd, b.p, b.n);
        if (k < 0 && errno != EINTR) {
            return error_of(errno);
        }
        if (k > 0) {
            b = span_of(b.p + k, b.n - (size_t)k);
        }
    }
    return 0;
}

int blob_part_write(const char *dir, const char *part, int64_t at, struct span bytes)
{
    char path[APP_PATH_BYTES];
    struct stat st;
    int r = at > 0 ? 0 : folder(dir, "blobs");
    r = r < 0 || at > 0 ? r : folder(dir, "blobs/part");
    r = r < 0 ? r : part_path(dir, part, path);
    if (r < 0) {
        return r;
    }
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | (at > 0 ? 0 : O_CREAT), 0600);
    if (fd < 0) {
        return error_of(errno);
    }
    if (fstat(fd, &st) != 0 || st.st_size < at) {
        r = SANJI_E_CORRUPT; /* what was acknowledged is not there any more */
    } else if (ftruncate(fd, at) != 0 || lseek(fd, at, SEEK_SET) != at) {
        r = error_of(errno);
    }
    r = r < 0 ? r : write_all(fd, bytes);
    if (r == 0 && fsync(fd) != 0) {
        r = error_of(errno);
    }
    if (close(fd) != 0 && r == 0) {
        r = error_of(errno);
    }
    return r < 0 || at > 0 ? r : app__sync_folder_of(path);
}

int blob_part_read(const char *dir, const char *part, struct buf *out)
{
    char path[APP_PATH_BYTES];
    int r = part_path(dir, part, path);
    return r < 0 ? r : app__read_file(path, LIM_BLOB_BYTES, out);
}

void blob_part_drop(const char *dir, const char *part)
{
    char path[APP_PATH_BYTES];
    if (part_path(dir, part, path) == 0) {
        (void)unlink(path);
    }
}

/* A second name, so that the part stays itself; where the file system has none it moves. */
static int name_it(const char *dir, const char *from, const char *hex, const char *to)
{
    char via[APP_PATH_BYTES], name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "blobs/%.2s/%s.new", hex, hex);
    int r = app_path(dir, name, via);
    if (r < 0) {
        return r;
    }
    (void)unlink(via);
    if (link(from, via) != 0) {
        return rename(from, to) == 0 ? 0 : error_of(errno);
    }
    r = rename(via, to) == 0 ? 0 : error_of(errno);
    (void)unlink(via); /* to was that file already: then nothing was renamed */
    return r;
}

int blob_part_done(const char *dir, const char *part, const char *sha)
{
    char from[APP_PATH_BYTES], to[APP_PATH_BYTES], hex[HEX_BYTES], name[NAME_BYTES];
    int r = part_path(dir, part, from);
    r = r < 0 ? r : blob_path(dir, sha, to);
    r = r < 0 ? r : hex_of(sha, hex);
    if (r == 0) {
        (void)snprintf(name, sizeof name, "blobs/%.2s", hex);
        r = folder(dir, name);
    }
    r = r < 0 ? r : name_it(dir, from, hex, to);
    return r < 0 ? r : app__sync_folder_of(to);
}

int blob_read(const char *dir, const char *sha, struct buf *out)
{
    char path[APP_PATH_BYTES];
    int r = blob_path(dir, sha, path);
    return r < 0 ? r : app__read_file(path, LIM_BLOB_BYTES, out);
}

static int len_of(const char *path, int64_t *ret)
{
    struct stat st;
    if (lstat(path, &st) != 0) {
        return error_of(errno);
    }
    *ret = st.st_size;
    return 0;
}

int blob_len(const char *dir, const char *sha, int64_t *ret)
{
    char path[APP_PATH_BYTES];
    int r = blob_path(dir, sha, path);
    return r < 0 ? r : len_of(path, ret);
}

int blob_part_len(const char *dir, const char *part, int64_t *ret)
{
    char path[APP_PATH_BYTES];
    int r = part_path(dir, part, path);
    return r < 0 ? r : len_of(path, ret);
}

int blob_read_at(const char *dir, const char *sha, int64_t at, int64_t max, struct buf *out)
{
    char path[APP_PATH_BYTES];
    uint8_t piece[16384];
    int r = blob_path(dir, sha, path);
    int fd = r < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return r < 0 ? r : error_of(errno);
    }
    while (r == 0 && max > 0) {
        size_t n = max < (int64_t)sizeof piece ? (size_t)max : sizeof piece;
        ssize_t k = pread(fd, piece, n, at);
        if (k <= 0) {
            r = k == 0 || errno == EINTR ? 0 : SANJI_E_IO;
            if (k == 0) {
                break;
            }
            continue;
        }
        r = buf_put(out, piece, (size_t)k);
        at += k;
        max -= k;
    }
    (void)close(fd);
    return r;
}

void blob_touch(const char *dir, const char *sha)
{
    char path[APP_PATH_BYTES];
    if (blob_path(dir, sha, path) == 0) {
        (void)utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
    }
}

int blob_drop(const char *dir, const char *sha)
{
    char path[APP_PATH_BYTES];
    int r = blob_path(dir, sha, path);
    if (r == 0 && unlink(path) != 0) {
        return errno == ENOENT ? 0 : SANJI_E_IO;
    }
    return r < 0 ? r : app__sync_folder_of(path);
}
