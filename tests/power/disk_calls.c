/* SPDX-License-Identifier: Apache-2.0 */
/* The C library's names for changing files: the linker takes these for the whole process, SQLite
 * included. What they do to the real disk they do by system call. */
#include "tests/power/disk_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int open64(const char *path, int flags, ...);
ssize_t pwrite64(int fd, const void *p, size_t n, off_t at);
int ftruncate64(int fd, off_t n);

static int failed(int err)
{
    errno = err;
    return -1;
}

static int do_open(const char *given, int flags, mode_t mode)
{
    char path[DISK_PATH];
    int len = snprintf(path, sizeof(path), "%s", given);
    if (len >= (int)sizeof(path)) {
        return (int)syscall(SYS_openat, AT_FDCWD, given, flags, mode);
    }
    if (len > 1 && path[len - 1] == '/') {
        path[len - 1] = '\0';
    }
    bool watched = disk__watches(path) || disk__is_root(path);
    struct disk_file *f = watched ? disk__named(path) : NULL;
    bool makes = watched && (flags & O_CREAT) != 0 && f == NULL;
    bool cuts = watched && (flags & O_TRUNC) != 0 && f != NULL;
    int err = makes || cuts ? disk__enter(makes) : 0;
    if (err == 0 && watched && (flags & O_ACCMODE) != O_RDONLY && disk__refuses_writers()) {
        err = EROFS;
    }
    if (err != 0) {
        return failed(err);
    }
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (fd < 0 || !watched) {
        return fd;
    }
    if (makes) {
        disk__made(path, false, mode);
        f = disk__named(path);
    }
    disk__opened(fd, f);
    if (cuts) {
        disk__changed(f, NULL, 0, 0);
    }
    if (makes || cuts) {
        disk__leave();
    }
    return fd;
}

int open(const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    return do_open(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    return do_open(path, flags, mode);
}

int close(int fd)
{
    disk__closed(fd);
    return (int)syscall(SYS_close, fd);
}

static ssize_t do_write(int fd, const void *p, size_t n, off_t at, bool is_at)
{
    struct disk_file *f = disk__of(fd);
    at = f == NULL || is_at ? at : (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR);
    int err = f == NULL ? 0 : disk__enter((size_t)at + n > disk__length(f));
    if (err != 0) {
        return failed(err);
    }
    ssize_t k = is_at ? syscall(SYS_pwrite64, fd, p, n, at) : syscall(SYS_write, fd, p, n);
    if (f != NULL && k > 0) {
        disk__changed(f, p, (size_t)at, (size_t)k);
    }
    if (f != NULL) {
        disk__leave();
    }
    return k;
}

ssize_t pwrite64(int fd, const void *p, size_t n, off_t at)
{
    return do_write(fd, p, n, at, true);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    return do_write(fd, p, n, at, true);
}

ssize_t write(int fd, const void *p, size_t n)
{
    return do_write(fd, p, n, 0, false);
}

int ftruncate64(int fd, off_t n)
{
    struct disk_file *f = disk__of(fd);
    int err = f == NULL ? 0 : disk__enter(false);
    if (err != 0) {
        return failed(err);
    }
    int r = (int)syscall(SYS_ftruncate, fd, n);
    if (f != NULL && r == 0) {
        disk__changed(f, NULL, 0, (size_t)n);
    }
    if (f != NULL) {
        disk__leave();
    }
    return r;
}

int ftruncate(int fd, off_t n)
{
    return ftruncate64(fd, n);
}

/* Nothing here needs the real disk. */
static int do_sync(int fd)
{
    struct disk_file *f = disk__of(fd);
    int err = f == NULL ? 0 : disk__sync(f);
    return err == 0 ? 0 : failed(err);
}

int fsync(int fd)
{
    return do_sync(fd);
}

int fdatasync(int fd)
{
    return do_sync(fd);
}

int rename(const char *from, const char *to)
{
    bool ours = disk__watches(from) && disk__named(from) != NULL;
    int err = ours ? disk__enter(false) : 0;
    if (err != 0) {
        return failed(err);
    }
    int r = (int)syscall(SYS_rename, from, to);
    if (ours && r == 0) {
        disk__renamed(from, to);
    }
    if (ours) {
        disk__leave();
    }
    return r;
}

static int do_remove(const char *path, int flags)
{
    bool ours = disk__watches(path) && disk__named(path) != NULL;
    int err = ours ? disk__enter(false) : 0;
    if (err != 0) {
        return failed(err);
    }
    int r = (int)syscall(SYS_unlinkat, AT_FDCWD, path, flags);
    if (ours && r == 0) {
        disk__removed(path);
    }
    if (ours) {
        disk__leave();
    }
    return r;
}

int unlink(const char *path)
{
    return do_remove(path, 0);
}

int rmdir(const char *path)
{
    return do_remove(path, AT_REMOVEDIR);
}

int mkdir(const char *path, mode_t mode)
{
    bool ours = disk__watches(path);
    int err = ours ? disk__enter(true) : 0;
    if (err != 0) {
        return failed(err);
    }
    int r = (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    if (ours && r == 0) {
        disk__made(path, true, mode);
    }
    if (ours) {
        disk__leave();
    }
    return r;
}
