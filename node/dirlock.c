/* SPDX-License-Identifier: Apache-2.0
 * Why: two daemons on one data folder would sign two different bundles with one number, which no
 * peer can forgive. The lock is on an open file description, not on the process: a library that
 * opens and closes the same file cannot lose it. The file is never removed, because whoever waits
 * for a removed file holds a lock nobody else sees. */
#include "node/dirlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/err.h"
#include "protocol/base/text.h"

static long holder_of(int fd)
{
    char text[24];
    ssize_t n = pread(fd, text, sizeof text, 0);
    int64_t pid = 0;
    if (n <= 0) {
        return 0;
    }
    size_t len = 0;
    while (len < (size_t)n && text[len] != '\n') {
        len++;
    }
    return text_i64(text, len, 1, INT32_MAX, &pid) == 0 ? (long)pid : 0;
}

int dirlock_take(const char *dir, int *ret_fd, long *ret_holder)
{
    int dfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dfd < 0) {
        return errno == ENOENT || errno == ENOTDIR ? SANJI_E_NOT_FOUND : SANJI_E_IO;
    }
    int fd = openat(dfd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int why = errno;
    close(dfd);
    if (fd < 0) {
        return why == ENOSPC || why == EDQUOT ? SANJI_E_FULL : SANJI_E_IO;
    }
    struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &fl) < 0) {
        int r = SANJI_E_IO;
        if (errno == EAGAIN || errno == EACCES) {
            r = SANJI_E_LOCKED;
            *ret_holder = holder_of(fd);
        }
        close(fd);
        return r;
    }
    char text[24];
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    /* The pid is for people; a full disk must not keep the daemon from starting. */
    if (ftruncate(fd, 0) == 0) {
        ssize_t w = pwrite(fd, text, (size_t)n, 0);
        (void)w;
    }
    *ret_fd = fd;
    return 0;
}

void dirlock_drop(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}
