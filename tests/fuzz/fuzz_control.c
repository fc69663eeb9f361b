/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes into the daemon's control socket, through a real socket and loop: whatever comes, the
 * connection ends, a command is started at most once and its words are whole strings. */
#include "node/cli/verb.h"
#include "node/control.h"
#include "node/control_frame.h"
#include "node/log.h"
#include "node/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct loop *loop;
static struct control *control;
static char dir[] = "/tmp/sanji-fuzz-control.XXXXXX";
static int started;

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void on_start(struct control_conn *c, int argc, const char *const *argv, const char *lang,
                     void *arg)
{
    (void)arg;
    started++;
    must(argc >= 0 && argc <= CONTROL_ARGS && argv[argc] == NULL && lang != NULL);
    struct verb v;
    struct buf say;
    bool help = false;
    memset(&v, 0, sizeof(v));
    buf_init(&say, 65536);
    /* The daemon's next step with foreign words. */
    int code = verb_parse(&v, argc, argv, &say, &help);
    must(code == EXIT_OK || code == EXIT_USAGE);
    buf_done(&say);
    if (argc % 2 == 0 || control_want_input(c) < 0) {
        control_exit(c, code);
    }
}

static void on_input(struct control_conn *c, struct span chunk, void *arg)
{
    (void)arg;
    must(chunk.n <= CONTROL_CHUNK);
    if (chunk.n == 0 || control_want_input(c) < 0) {
        control_exit(c, 0);
    }
}

static void on_client(int fd, unsigned what, void *arg)
{
    (void)what;
    (void)arg;
    char sink[4096];
    ssize_t k = read(fd, sink, sizeof(sink));
    if (k == 0 || (k < 0 && errno != EAGAIN && errno != EINTR)) {
        loop_stop(loop);
    }
}

static void clean_up(void)
{
    control_free(control);
    loop_free(loop);
    (void)rmdir(dir);
}

static void set_up(void)
{
    static const struct control_ops ops = {.start = on_start, .input = on_input};
    log_set_fd(-1);
    must(mkdtemp(dir) != NULL);
    loop = loop_new();
    must(loop != NULL && control_new(loop, dir, &ops, NULL, &control) == 0);
    (void)atexit(clean_up);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct sockaddr_un addr;
    if (loop == NULL) {
        set_up();
    }
    if (n > 100000) {
        return 0; /* must fit the socket's buffer: nobody reads while we write */
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int dfd = control__address(dir, &addr);
    must(fd >= 0 && dfd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0);
    close(dfd);
    started = 0;
    must(send(fd, p, n, MSG_NOSIGNAL) == (ssize_t)n);
    (void)shutdown(fd, SHUT_WR);
    struct loop_fd *w = loop_fd_new(loop, fd, LOOP_READ, on_client, NULL);
    must(w != NULL && loop_run(loop) == 0);
    must(started <= 1);
    loop_fd_free(w);
    close(fd);
    return 0;
}
