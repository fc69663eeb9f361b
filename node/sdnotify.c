/* SPDX-License-Identifier: Apache-2.0
 * Why: a service manager must know when the daemon can serve, and restart it when the loop hangs.
 * The protocol is one datagram; a library for it would be the larger risk. */
#include "node/sdnotify.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "protocol/base/text.h"

void sdnotify_send(const char *state)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment */
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t n = path != NULL ? strlen(path) : 0;
    if (n < 2 || n >= sizeof un.sun_path || (path[0] != '/' && path[0] != '@')) {
        return;
    }
    memcpy(un.sun_path, path, n);
    if (path[0] == '@') {
        un.sun_path[0] = '\0'; /* abstract name */
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
        ssize_t r = sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
                           (const struct sockaddr *)&un, len);
        (void)r;
        close(fd);
    }
}

static int64_t env_number(const char *name)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
    const char *s = getenv(name);
    int64_t v = 0;
    return s != NULL && text_i64(s, strlen(s), 0, INT64_MAX, &v) == 0 ? v : -1;
}

int64_t sdnotify_watchdog_ms(void)
{
    int64_t pid = env_number("WATCHDOG_PID");
    int64_t usec = env_number("WATCHDOG_USEC");
    if (usec <= 0 || (pid >= 0 && pid != getpid())) {
        return 0;
    }
    return usec / 2000 > 0 ? usec / 2000 : 1;
}

int sdnotify_listen_fds(void)
{
    int64_t n = env_number("LISTEN_FDS");
    if (env_number("LISTEN_PID") != getpid() || n <= 0 || n > 16) {
        return 0;
    }
    for (int fd = 3; fd < 3 + (int)n; fd++) {
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
            return 0;
        }
    }
    return (int)n;
}
