/* SPDX-License-Identifier: Apache-2.0
 * Does the loop run timers, watchers, signals and posts in the right thread and order, and do the
 * log, the folder lock and the service manager's protocol say what they should? */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "node/dirlock.h"
#include "node/log.h"
#include "node/sdnotify.h"
#include "protocol/base/err.h"
#include "tests/support/net.h"

struct order {
    struct loop *l;
    char text[32];
    size_t n;
    struct loop_timer *t;
    struct loop_timer *self;
    int ticks;
};

static void put(struct order *o, char c)
{
    assert_true(o->n + 1 < sizeof o->text);
    o->text[o->n++] = c;
}

static void put_a(void *arg)
{
    put(arg, 'a');
}

static void put_b(void *arg)
{
    put(arg, 'b');
}

static void put_c_and_stop(void *arg)
{
    struct order *o = arg;
    put(o, 'c');
    loop_stop(o->l);
}

static void tick(void *arg)
{
    struct order *o = arg;
    if (++o->ticks == 3) {
        loop_timer_free(o->t); /* inside its own callback */
        o->t = NULL;
    }
}

static void timers_fire_in_order_and_may_free_themselves(void **state)
{
    (void)state;
    struct order o = {.l = loop_new()};
    struct loop_timer *a = loop_timer_new(o.l, put_a, &o);
    struct loop_timer *b = loop_timer_new(o.l, put_b, &o);
    struct loop_timer *c = loop_timer_new(o.l, put_c_and_stop, &o);
    struct loop_timer *never = loop_timer_new(o.l, put_b, &o);
    o.t = loop_timer_new(o.l, tick, &o);
    loop_timer_once(c, 120);
    loop_timer_once(b, 5000);
    loop_timer_once(b, 40); /* re-armed, earlier */
    loop_timer_once(a, 10);
    loop_timer_once(never, 20);
    loop_timer_stop(never);
    loop_timer_every(o.t, 5);
    int64_t t0 = loop_now_ms();
    assert_int_equal(loop_run(o.l), 0);
    assert_true(loop_now_ms() - t0 >= 110); /* the coarse clock may be some ms early */
    assert_string_equal(o.text, "abc");
    assert_int_equal(o.ticks, 3);
    assert_null(o.t);
    loop_timer_free(a);
    loop_timer_free(b);
    loop_timer_free(c);
    loop_timer_free(never);
    loop_free(o.l);
}

static void post_again(void *arg)
{
    struct order *o = arg;
    put(o, 'p');
    if (o->n < 5) {
        assert_int_equal(loop_post(o->l, post_again, o), 0);
    } else {
        loop_stop(o->l);
    }
}

static void posting_from_the_loop_runs_later_and_does_not_starve(void **state)
{
    (void)state;
    struct order o = {.l = loop_new()};
    loop_post(o.l, post_again, &o);
    assert_int_equal(o.n, 0);
    loop_run(o.l);
    assert_string_equal(o.text, "ppppp");
    /* Posted while nothing runs: drained on request. */
    loop_post(o.l, put_a, &o);
    loop_drain(o.l);
    assert_string_equal(o.text, "pppppa");
    loop_post(o.l, put_a, &o); /* dropped by loop_free, without a leak */
    loop_free(o.l);
}

enum { THREADS = 4, POSTS = 5000 };

struct many {
    struct loop *l;
    pthread_t loop_thread;
    unsigned count; /* loop thread only: a race would lose some */
    unsigned next[THREADS];
    bool order_broken, wrong_thread;
};

struct one {
    struct many *m;
    unsigned thread, seq;
};

static void count_one(void *arg)
{
    struct one *o = arg;
    struct many *m = o->m;
    m->wrong_thread |= !pthread_equal(pthread_self(), m->loop_thread);
    m->order_broken |= m->next[o->thread]++ != o->seq;
    if (++m->count == THREADS * POSTS) {
        loop_stop(m->l);
    }
    free(o);
}

static struct many shared;
static unsigned thread_no[THREADS] = {0, 1, 2, 3};

static void *poster(void *arg)
{
    unsigned t = *(unsigned *)arg;
    for (unsigned i = 0; i < POSTS; i++) {
        struct one *o = malloc(sizeof *o);
        *o = (struct one){&shared, t, i};
        while (loop_post(shared.l, count_one, o) < 0) {
        }
    }
    return NULL;
}

static void posts_of_many_threads_all_arrive_in_order(void **state)
{
    (void)state;
    shared = (struct many){.l = loop_new(), .loop_thread = pthread_self()};
    pthread_t th[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        pthread_create(&th[i], NULL, poster, &thread_no[i]);
    }
    loop_run(shared.l);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(th[i], NULL);
    }
    assert_int_equal(shared.count, THREADS * POSTS);
    assert_false(shared.order_broken);
    assert_false(shared.wrong_thread);
    loop_free(shared.l);
}

struct pipe_state {
    struct loop *l;
    struct loop_fd *r, *w;
    int pipe[2];
    int reads, writes;
};

static void on_pipe(int fd, unsigned what, void *arg)
{
    struct pipe_state *p = arg;
    char c = 'x';
    if ((what & LOOP_WRITE) != 0) {
        p->writes++;
        assert_int_equal(write(fd, &c, 1), 1);
        loop_fd_set(p->w, 0); /* paused: a level-triggered watch would fire for ever */
    }
    if ((what & LOOP_READ) != 0) {
        p->reads++;
        assert_int_equal(read(fd, &c, 1), 1);
        if (p->reads == 3) {
            loop_fd_free(p->r);
            p->r = NULL;
            loop_stop(p->l);
        } else {
            loop_fd_set(p->w, LOOP_WRITE);
        }
    }
}

static void watchers_pause_and_resume(void **state)
{
    (void)state;
    struct pipe_state p = {.l = loop_new()};
    assert_int_equal(pipe(p.pipe), 0);
    p.r = loop_fd_new(p.l, p.pipe[0], LOOP_READ, on_pipe, &p);
    p.w = loop_fd_new(p.l, p.pipe[1], LOOP_WRITE, on_pipe, &p);
    loop_run(p.l);
    assert_int_equal(p.reads, 3);
    assert_int_equal(p.writes, 3);
    loop_fd_free(p.w);
    close(p.pipe[0]);
    close(p.pipe[1]);
    loop_free(p.l);
}

static void on_signal(int signo, void *arg)
{
    struct order *o = arg;
    o->ticks = signo;
    loop_stop(o->l);
}

static void signals_arrive_on_the_loop_and_sigpipe_is_harmless(void **state)
{
    (void)state;
    struct order o = {.l = loop_new()};
    struct loop_signal *s = loop_signal_new(o.l, SIGUSR1, on_signal, &o);
    raise(SIGPIPE);
    kill(getpid(), SIGUSR1);
    loop_run(o.l);
    assert_int_equal(o.ticks, SIGUSR1);
    loop_signal_free(s);
    loop_free(o.l);
}

/* ---- log ---- */

static int log_pipe[2];

static void log_open(void)
{
    assert_int_equal(pipe2(log_pipe, O_NONBLOCK), 0);
    log_set_fd(log_pipe[1]);
}

static char *log_take(void)
{
    static char text[32768];
    ssize_t n = read(log_pipe[0], text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void log_close(void)
{
    log_set_fd(STDERR_FILENO);
    log_set_json(false);
    log_set_level(LOG_INFO);
    close(log_pipe[0]);
    close(log_pipe[1]);
}

static void log_lines_cannot_be_forged(void **state)
{
    (void)state;
    char q[LOG_QUOTE_BYTES];
    log_open();
    log_event(LOG_INFO, "sync.pull", "peer=%s n=%d", "n-1", 7);
    assert_string_equal(log_take(), "<6>info event=sync.pull peer=n-1 n=7\n");
    log_event(LOG_DEBUG, "x", "a=%d", 1);
    assert_string_equal(log_take(), "");
    log_event(LOG_ERR, "x", "a=%s", "b\n<3>error event=forged\x7f\xff");
    assert_string_equal(log_take(), "<3>error event=x a=b?<3>error event=forged??\n");
    log_event(LOG_INFO, "x", "t=%s", log_quote(q, "a \"b\" \\ \xe4\xb8\x89"));
    assert_string_equal(log_take(), "<6>info event=x t=\"a \\\"b\\\" \\\\ \xe4\xb8\x89\"\n");
    char longer[8000];
    memset(longer, 'y', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    log_event(LOG_INFO, "x", "t=%s", longer);
    size_t n = strlen(log_take());
    assert_true(n > 4000 && n <= LOG_LINE_BYTES);
    assert_int_equal(strlen(log_quote(q, longer)), LOG_QUOTE_BYTES - 1 - 1);
    log_close();
}

static void log_json_is_one_object_per_line(void **state)
{
    (void)state;
    char q[LOG_QUOTE_BYTES];
    log_open();
    log_set_json(true);
    log_event(LOG_WARNING, "sync.pull", "peer=%s n=%d id=%s t=%s loose", "n-1", -7, "007",
              log_quote(q, "a \"b\\"));
    char *t = log_take();
    const char *want = "\"level\":\"warning\",\"event\":\"sync.pull\",\"peer\":\"n-1\",\"n\":-7,"
                       "\"id\":\"007\",\"t\":\"a \\\"b\\\\\",\"text\":\"loose\"}\n";
    assert_non_null(strstr(t, want));
    assert_memory_equal(t, "{\"time\":\"", 9);
    char longer[8000];
    memset(longer, '"', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    log_event(LOG_INFO, "x", "t=%s", longer);
    t = log_take();
    assert_string_equal(t + strlen(t) - 2, "}\n");
    log_close();
}

static void limited_log_counts_what_it_left_out(void **state)
{
    (void)state;
    struct log_limit lim = {0};
    log_open();
    for (int i = 0; i < 5; i++) {
        log_event_limited(&lim, 100, LOG_INFO, "x", "i=%d", i);
    }
    assert_string_equal(log_take(), "<6>info event=x i=0\n");
    nap_ms(130);
    log_event_limited(&lim, 100, LOG_INFO, "x", "i=%d", 9);
    assert_string_equal(log_take(), "<6>info event=x i=9 dropped=4\n");
    assert_int_equal(log_level_by_name("debug"), LOG_DEBUG);
    assert_int_equal(log_level_by_name("loud"), -1);
    log_close();
}

/* ---- folder lock, service manager ---- */

static void folder_lock_names_its_holder(void **state)
{
    (void)state;
    char dir[] = "/tmp/sanji-lock-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    int fd = -1, again = -1;
    long holder = -1;
    assert_int_equal(dirlock_take("/tmp/sanji-no-such-folder/x", &fd, &holder), SANJI_E_NOT_FOUND);
    assert_int_equal(dirlock_take(dir, &fd, &holder), 0);
    /* The same process is refused too, and asking does not loosen the lock. */
    assert_int_equal(dirlock_take(dir, &again, &holder), SANJI_E_LOCKED);
    assert_int_equal(holder, getpid());
    pid_t child = fork();
    if (child == 0) {
        close(fd);
        long h = 0;
        int r = dirlock_take(dir, &again, &h);
        _exit(r == SANJI_E_LOCKED && h == getppid() ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    dirlock_drop(fd);
    assert_int_equal(dirlock_take(dir, &fd, &holder), 0);
    dirlock_drop(fd);
    snprintf(path, sizeof path, "%s/lock", dir);
    unlink(path);
    rmdir(dir);
}

static void service_manager_hears_us(void **state)
{
    (void)state;
    sdnotify_send("READY=1"); /* without the variable: nothing */
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int n = snprintf(un.sun_path + 1, sizeof un.sun_path - 1, "sanji-test-%d", (int)getpid());
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    assert_int_equal(bind(fd, (struct sockaddr *)&un, len), 0);
    char name[160], got[64] = "";
    snprintf(name, sizeof name, "@%s", un.sun_path + 1);
    setenv("NOTIFY_SOCKET", name, 1);
    sdnotify_send("READY=1\nSTATUS=serving");
    assert_true(recv(fd, got, sizeof got - 1, MSG_DONTWAIT) > 0);
    assert_string_equal(got, "READY=1\nSTATUS=serving");
    setenv("NOTIFY_SOCKET", "relative", 1);
    sdnotify_send("READY=1");
    assert_true(recv(fd, got, sizeof got - 1, MSG_DONTWAIT) < 0);
    unsetenv("NOTIFY_SOCKET");
    close(fd);
    assert_int_equal(sdnotify_watchdog_ms(), 0);
    setenv("WATCHDOG_USEC", "30000000", 1);
    assert_int_equal(sdnotify_watchdog_ms(), 15000);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(sdnotify_watchdog_ms(), 0);
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_PID", "1", 1);
    assert_int_equal(sdnotify_listen_fds(), 0);
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_PID");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_order_and_may_free_themselves),
        cmocka_unit_test(posting_from_the_loop_runs_later_and_does_not_starve),
        cmocka_unit_test(posts_of_many_threads_all_arrive_in_order),
        cmocka_unit_test(watchers_pause_and_resume),
        cmocka_unit_test(signals_arrive_on_the_loop_and_sigpipe_is_harmless),
        cmocka_unit_test(log_lines_cannot_be_forged),
        cmocka_unit_test(log_json_is_one_object_per_line),
        cmocka_unit_test(limited_log_counts_what_it_left_out),
        cmocka_unit_test(folder_lock_names_its_holder),
        cmocka_unit_test(service_manager_hears_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
