/* SPDX-License-Identifier: Apache-2.0
 * Does a command run in the daemon as if it ran here: arguments, streams of any size at any speed,
 * exit code, and an end for both sides whatever the other one does? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "node/control.h"
#include "node/log.h"
#include "protocol/base/err.h"
#include "tests/support/net.h"

enum { FLOOD = 20 << 20 };

static struct fixture {
    struct bg bg;
    struct control *ct;
    _Atomic int started, gone, drains, inputs;
    size_t in_bytes, max_chunk;
    uint32_t in_sum;
    struct control_conn *last;
    struct buf line;
} fx;

struct job {
    size_t left;
    int count;
};

static char base[] = "/tmp/sanji-control-XXXXXX";
static char dir[600];

static void say(struct control_conn *c, const char *s)
{
    assert_int_equal(control_out(c, s, strlen(s)), 0);
}

static void flood(struct control_conn *c)
{
    static char block[50000];
    struct job *j = control_data(c);
    memset(block, 'z', sizeof block);
    while (j->left > 0) {
        size_t n = j->left < sizeof block ? j->left : sizeof block;
        int r = control_out(c, block, n);
        if (r == SANJI_E_BUSY) {
            return; /* on_drained continues */
        }
        assert_int_equal(r, 0);
        j->left -= n;
    }
    free(j);
    control_set_data(c, NULL);
    control_exit(c, 0);
}

static void on_start(struct control_conn *c, int argc, const char *const *argv, const char *lang,
                     void *arg)
{
    assert_ptr_equal(arg, &fx);
    fx.started++;
    fx.last = c;
    assert_null(argv[argc]);
    if (strcmp(argv[0], "echo") == 0) {
        say(c, lang);
        for (int i = 0; i < argc; i++) {
            say(c, "|");
            say(c, argv[i]);
        }
        control_err(c, "oops", 4);
        control_exit(c, -7);
    } else if (strcmp(argv[0], "sum") == 0) {
        assert_int_equal(control_want_input(c), 0);
        assert_int_equal(control_want_input(c), 0); /* asked twice is asked once */
    } else if (strcmp(argv[0], "flood") == 0) {
        struct job *j = calloc(1, sizeof *j);
        j->left = FLOOD;
        control_set_data(c, j);
        flood(c);
    } else if (strcmp(argv[0], "ignore") == 0) {
        control_exit(c, 3);
    } /* "hang": never answered */
}

static void on_input(struct control_conn *c, struct span chunk, void *arg)
{
    (void)arg;
    fx.inputs++;
    if (chunk.n == 0) {
        char b[64];
        int n = snprintf(b, sizeof b, "%zu %u", fx.in_bytes, fx.in_sum);
        control_out(c, b, (size_t)n);
        control_exit(c, 0);
        return;
    }
    fx.in_bytes += chunk.n;
    fx.max_chunk = chunk.n > fx.max_chunk ? chunk.n : fx.max_chunk;
    for (size_t i = 0; i < chunk.n; i++) {
        fx.in_sum = fx.in_sum * 31 + chunk.p[i];
    }
    assert_int_equal(control_want_input(c), 0);
}

static void on_drained(struct control_conn *c, void *arg)
{
    (void)arg;
    fx.drains++;
    flood(c);
}

static void on_gone(struct control_conn *c, void *arg)
{
    (void)arg;
    fx.gone++;
    free(control_data(c));
    control_exit(c, 1); /* harmless here */
}

static const struct control_ops ops = {on_start, on_input, on_drained, on_gone};

static void serve(void)
{
    fx = (struct fixture){.bg.l = loop_new()};
    assert_int_equal(control_new(fx.bg.l, dir, &ops, &fx, &fx.ct), 0);
    bg_start(&fx.bg);
}

static void unserve(void)
{
    bg_stop(&fx.bg);
    control_free(fx.ct);
    loop_free(fx.bg.l);
}

static int memfd(void)
{
    int fd = memfd_create("t", MFD_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static const char *text_of(int fd)
{
    static char b[4096];
    ssize_t n = pread(fd, b, sizeof b - 1, 0);
    b[n > 0 ? n : 0] = '\0';
    return b;
}

static int call(const char *verb, int in_fd, int out_fd, int err_fd, int *ret_exit)
{
    const char *const argv[] = {verb, "a b", "", "\xe4\xb8\x89"};
    return control_call(dir, 4, argv, "zh-CN", in_fd, out_fd, err_fd, ret_exit);
}

static void arguments_streams_and_code_arrive(void **state)
{
    (void)state;
    int code = 0, out = memfd(), err = memfd();
    assert_int_equal(call("echo", -1, out, err, &code), SANJI_E_NOT_FOUND);
    assert_int_equal(
        control_call("/nonexistent", 1, (const char *const[]){"x"}, NULL, -1, out, err, &code),
        SANJI_E_NOT_FOUND);
    serve();
    assert_true(strlen(dir) > 200); /* longer than a socket address */
    char path[700];
    struct stat st;
    snprintf(path, sizeof path, "%s/control.sock", dir);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(call("echo", -1, out, err, &code), 0);
    assert_int_equal(code, -7);
    assert_string_equal(text_of(out), "zh-CN|echo|a b||\xe4\xb8\x89");
    assert_string_equal(text_of(err), "oops");
    unserve();
    assert_int_equal(stat(path, &st), -1);
    close(out);
    close(err);
}

static void leftover_socket_is_replaced(void **state)
{
    (void)state;
    char path[700];
    struct stat st;
    int code = 0, out = memfd();
    serve();
    unserve();
    snprintf(path, sizeof path, "%s/control.sock", dir);
    int fd = open(path, O_CREAT | O_WRONLY, 0644); /* what a killed daemon could leave */
    close(fd);
    assert_int_equal(call("echo", -1, out, out, &code), SANJI_E_NOT_FOUND);
    serve();
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(call("ignore", -1, out, out, &code), 0);
    assert_int_equal(code, 3);
    unserve();
    close(out);
}

static void large_input_is_read_in_chunks(void **state)
{
    (void)state;
    enum { BYTES = 30 << 20 };
    int code = 1, out = memfd(), in = memfd();
    static char block[1 << 20];
    uint32_t sum = 0;
    for (size_t i = 0; i < sizeof block; i++) {
        block[i] = (char)(i * 7 + i / 251);
    }
    for (int k = 0; k < BYTES / (1 << 20); k++) {
        assert_int_equal(write(in, block, sizeof block), sizeof block);
        for (size_t i = 0; i < sizeof block; i++) {
            sum = sum * 31 + (uint8_t)block[i];
        }
    }
    lseek(in, 0, SEEK_SET);
    serve();
    assert_int_equal(call("sum", in, out, out, &code), 0);
    assert_int_equal(code, 0);
    char want[64];
    snprintf(want, sizeof want, "%d %u", (int)BYTES, sum);
    assert_string_equal(text_of(out), want);
    assert_true(fx.max_chunk <= CONTROL_CHUNK);
    close(in);
    in = memfd(); /* empty input, and none at all */
    fx.in_bytes = 0;
    fx.in_sum = 0;
    assert_int_equal(ftruncate(out, 0), 0);
    lseek(out, 0, SEEK_SET);
    assert_int_equal(call("sum", in, out, out, &code), 0);
    assert_int_equal(call("sum", -1, out, out, &code), 0);
    assert_string_equal(text_of(out), "0 00 0");
    /* a command that does not read leaves the input alone */
    assert_int_equal(write(in, "rest", 4), 4);
    lseek(in, 0, SEEK_SET);
    assert_int_equal(call("ignore", in, out, out, &code), 0);
    assert_int_equal(lseek(in, 0, SEEK_CUR), 0);
    unserve();
    close(in);
    close(out);
}

static void *slow_reader(void *arg)
{
    static char block[65536];
    size_t total = 0;
    ssize_t n;
    while ((n = read(*(int *)arg, block, sizeof block)) > 0) {
        if (total < 1000000) {
            nap_ms(5);
        }
        total += (size_t)n;
    }
    *(int *)arg = (int)total;
    return NULL;
}

static void large_output_waits_for_its_reader(void **state)
{
    (void)state;
    int p[2], code = 1;
    assert_int_equal(pipe(p), 0);
    int r = p[0];
    pthread_t th;
    pthread_create(&th, NULL, slow_reader, &r);
    serve();
    assert_int_equal(call("flood", -1, p[1], p[1], &code), 0);
    close(p[1]);
    pthread_join(th, NULL);
    assert_int_equal(r, FLOOD);
    assert_int_equal(code, 0);
    assert_true(fx.drains > 5); /* it was never all in the queue */
    unserve();
    close(p[0]);
    /* `| head`: the reader goes, the command ends, the daemon hears of it */
    assert_int_equal(pipe(p), 0);
    close(p[0]);
    serve();
    assert_int_equal(call("flood", -1, p[1], p[1], &code), SANJI_E_CLOSED);
    for (int i = 0; i < 300 && fx.gone == 0; i++) {
        nap_ms(10);
    }
    assert_int_equal(fx.gone, 1);
    unserve();
    close(p[1]);
}

static int raw_connect(void)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int dfd = open(dir, O_PATH | O_DIRECTORY);
    snprintf(un.sun_path, sizeof un.sun_path, "/proc/self/fd/%d/control.sock", dfd);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof un), 0);
    close(dfd);
    struct timeval tv = {.tv_sec = 5};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    return fd;
}

static void bad_frames_are_cut(void **state)
{
    (void)state;
    /* clang-format off */
    static const struct {
        size_t n;
        const char *bytes;
        int started;
    } bad[] = {
        {5, "\0\0\0\0\1", 0},                               /* no arguments, no language */
        {7, "\0\0\0\2\1en", 0},                             /* not terminated */
        {6, "\0\0\0\1\2x", 0},                              /* input before a command */
        {5, "\0\0\0\0\3", 0},
        {5, "\0\0\0\0\4", 0},                               /* types of the other side */
        {5, "\0\0\0\0\7", 0},
        {5, "\0\0\0\0\xff", 0},
        {5, "\xff\xff\xff\xff\1", 0},                       /* 4 GiB of arguments */
        {5, "\0\1\0\1\2", 0},                               /* a chunk too large */
        {11 + 6, "\0\0\0\6\1\0hang\0" "\0\0\0\1\2x", 1},    /* input nobody asked for */
        {11 + 11, "\0\0\0\6\1\0hang\0" "\0\0\0\6\1\0hang\0", 1},
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        serve();
        int fd = raw_connect();
        char b[16];
        assert_int_equal(send(fd, bad[i].bytes, bad[i].n, MSG_NOSIGNAL), bad[i].n);
        assert_true(recv(fd, b, sizeof b, 0) <= 0);
        close(fd);
        assert_int_equal(fx.started, bad[i].started);
        unserve();
        assert_int_equal(fx.gone, bad[i].started);
    }
    /* too many arguments: 257 times one letter */
    serve();
    static char many[5 + 1 + 257 * 2];
    many[2] = (char)((sizeof many - 5) >> 8);
    many[3] = (char)((sizeof many - 5) & 0xff);
    many[4] = 1;
    for (size_t i = 0; i < 257; i++) {
        many[6 + 2 * i] = 'x';
    }
    int fd = raw_connect();
    char b[16];
    send(fd, many, sizeof many, MSG_NOSIGNAL);
    assert_true(recv(fd, b, sizeof b, 0) <= 0);
    close(fd);
    assert_int_equal(fx.started, 0);
    const char *argv[300];
    for (size_t i = 0; i < 300; i++) {
        argv[i] = "x";
    }
    int code = 0;
    assert_int_equal(control_call(dir, 300, argv, "", -1, 1, 2, &code), SANJI_E_SIZE);
    static const char echo_frame[] = "\0\0\0\6\1\0echo"; /* in single bytes: still a command */
    fd = raw_connect();
    for (size_t i = 0; i < 11; i++) {
        assert_int_equal(send(fd, &echo_frame[i], 1, 0), 1);
    }
    assert_true(recv(fd, b, sizeof b, 0) > 0);
    close(fd);
    unserve();
}

static void *caller(void *arg)
{
    int out = memfd(), code = 0;
    *(int *)arg = call("hang", -1, out, out, &code);
    close(out);
    return NULL;
}

static void both_ends_notice_the_other_ending(void **state)
{
    (void)state;
    serve();
    int fd = raw_connect();
    send(fd, "\0\0\0\6\1\0hang", 11, 0);
    for (int i = 0; i < 300 && fx.started == 0; i++) {
        nap_ms(10);
    }
    close(fd); /* Ctrl-C */
    for (int i = 0; i < 300 && fx.gone == 0; i++) {
        nap_ms(10);
    }
    assert_int_equal(fx.gone, 1);
    int r = 0;
    pthread_t th;
    pthread_create(&th, NULL, caller, &r);
    for (int i = 0; i < 300 && fx.started < 2; i++) {
        nap_ms(10);
    }
    unserve(); /* the daemon stops */
    pthread_join(th, NULL);
    assert_int_equal(r, SANJI_E_UNREACHABLE);
    assert_int_equal(fx.gone, 2);
}

static void strangers_are_not_let_in(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("1 check skipped: changing the user needs root\n");
        skip();
    }
    serve();
    chmod(base, 0755);
    int out = memfd(), code = 0, status = -1;
    char path[700];
    snprintf(path, sizeof path, "%s/control.sock", dir);
    chmod(path, 0666); /* even if somebody loosened the file */
    pid_t child = fork();
    if (child == 0) {
        if (setuid(65534) != 0) {
            _exit(2);
        }
        int r = call("echo", -1, out, out, &code);
        _exit(r < 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(fx.started, 0);
    unserve();
    close(out);
}

static int setup(void **state)
{
    (void)state;
    log_set_fd(-1);
    signal(SIGPIPE, SIG_IGN);
    if (mkdtemp(base) == NULL) {
        return -1;
    }
    size_t n = (size_t)snprintf(dir, sizeof dir, "%s", base);
    for (int i = 0; i < 4; i++) {
        n += (size_t)snprintf(dir + n, sizeof dir - n, "/%050d", i);
        if (mkdir(dir, 0755) != 0) {
            return -1;
        }
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    while (strlen(dir) >= strlen(base)) {
        if (rmdir(dir) != 0) {
            return -1;
        }
        *strrchr(dir, '/') = '\0';
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_streams_and_code_arrive),
        cmocka_unit_test(leftover_socket_is_replaced),
        cmocka_unit_test(large_input_is_read_in_chunks),
        cmocka_unit_test(large_output_waits_for_its_reader),
        cmocka_unit_test(bad_frames_are_cut),
        cmocka_unit_test(both_ends_notice_the_other_ending),
        cmocka_unit_test(strangers_are_not_let_in),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
