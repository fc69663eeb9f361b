/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_CONTROL_FRAME_H
#define SANJI_NODE_CONTROL_FRAME_H

/* What both ends of the control socket share; private to control.c and control_client.c. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONTROL_HEAD = 5 };

static inline void control__put_head(uint8_t h[static CONTROL_HEAD], uint8_t type, size_t n)
{
    h[0] = (uint8_t)(n >> 24);
    h[1] = (uint8_t)(n >> 16);
    h[2] = (uint8_t)(n >> 8);
    h[3] = (uint8_t)n;
    h[4] = type;
}

static inline size_t control__head_len(const uint8_t h[static CONTROL_HEAD])
{
    return (size_t)h[0] << 24 | (size_t)h[1] << 16 | (size_t)h[2] << 8 | h[3];
}

/* A socket address holds 107 bytes of path and data folders may be deeper: the name goes through
 * the opened folder, which must stay open until bind() or connect() has returned. */
static inline int control__address(const char *dir, struct sockaddr_un *ret)
{
    int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (fd >= 0) {
        snprintf(ret->sun_path, sizeof ret->sun_path, "/proc/self/fd/%d/control.sock", fd);
    }
    return fd;
}

/* Only the same user and root: file modes alone depend on how the folder was made. */
static inline bool control__peer_ok(int fd)
{
    struct ucred cred;
    socklen_t n = sizeof cred;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) == 0 &&
           (cred.uid == 0 || cred.uid == geteuid());
}

#endif
