/* SPDX-License-Identifier: Apache-2.0 */
/* The program: decides where a verb runs. A daemon that owns the data folder runs it (its socket is
 * asked first), else this process opens the folder itself, under its lock. The words are checked
 * here in both cases, so that misuse needs no daemon. */
#include "node/cli/verb.h"

#include "node/cli/put.h"
#include "node/control.h"
#include "node/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- output ---- */

static int write_all(int fd, const void *p, size_t n)
{
    const uint8_t *at = p;
    while (n > 0) {
        ssize_t k = write(fd, at, n);
        if (k < 0 && errno == EINTR) {
            continue;
        }
        if (k <= 0) {
            return SANJI_E_IO;
        }
        at += k;
        n -= (size_t)k;
    }
    return 0;
}

/* Standard output is gathered: one system call per page, not per line. */
struct local_io {
    struct buf out;
    bool gone; /* nobody reads (`sanji list | head`): nothing to complain about to anybody */
};

static int local_flush(struct local_io *io)
{
    errno = 0;
    int r = io->out.len > 0 ? write_all(STDOUT_FILENO, io->out.data, io->out.len) : 0;
    io->gone = io->gone || (r < 0 && errno == EPIPE);
    buf_reset(&io->out);
    return r;
}

static int local_out(void *io, const void *p, size_t n)
{
    struct local_io *l = io;
    int r = buf_put(&l->out, p, n);
    return r == 0 && l->out.len > 65536 ? local_flush(l) : r;
}

static int local_err(void *io, const void *p, size_t n)
{
    struct local_io *l = io;
    (void)local_flush(l);
    return l->gone ? 0 : write_all(STDERR_FILENO, p, n);
}

int verb_put(struct verb *v, const void *p, size_t n)
{
    return n == 0 ? 0 : v->out(v->io, p, n);
}

int verb_out(struct verb *v, const char *fmt, ...)
{
    struct buf b;
    va_list ap;
    buf_init(&b, 1 << 20);
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    int r = b.err < 0 ? b.err : verb_put(v, b.data, b.len);
    buf_done(&b);
    return r;
}

int verb_say(struct verb *v, const struct buf *b)
{
    int r = b->len > 0 ? v->err(v->io, b->data, b->len) : 0;
    return r == 0 ? v->err(v->io, "\n", 1) : r;
}

int verb_text(struct verb *v, const struct buf *b)
{
    int r = verb_put(v, b->data, b->len);
    return r == 0 ? verb_put(v, "\n", 1) : r;
}

int verb_exit_of(int err)
{
    switch (err) {
    case 0:
        return EXIT_OK;
    case SANJI_E_USAGE:
        return EXIT_USAGE;
    case SANJI_E_UNREACHABLE:
    case SANJI_E_NOT_SANJI: /* a captive portal: not reachable now */
    case SANJI_E_RATE:
    case SANJI_E_PENDING:
        return EXIT_LATER;
    default:
        return EXIT_NO;
    }
}

int verb_fail_fault(struct verb *v, int err, const struct fault *f, const char *what)
{
    struct buf b;
    buf_init(&b, 65536);
    buf_puts(&b, "sanji: ");
    if (what != NULL && what[0] != '\0') {
        buf_printf(&b, "%s: ", what);
    }
    bool self = v->app != NULL && err < 0 && (f == NULL || f->err == 0) &&
                (sync_self_error(v->app->sync) == err ||
                 (err == SANJI_E_FORK && sync_self_state(v->app->sync) == SYNC_SELF_FORKED));
    if (self) {
        char key[32];
        snprintf(key, sizeof key, "self.%s", app_self_word(v->app));
        text_put(&b, v->lang, key, NULL);
    } else {
        text_fault(&b, v->lang, err, f);
    }
    buf_printf(&b, " [%s]", err_name(err));
    (void)verb_say(v, &b);
    buf_done(&b);
    return verb_exit_of(err);
}

int verb_fail(struct verb *v, int err, const char *what)
{
    return verb_fail_fault(v, err, NULL, what);
}

int verb_place_failed(struct verb *v, int r, const struct fault *f, const char *path)
{
    char key[32];
    const char *why = r == SANJI_E_IO ? app_why_not(path) : NULL;
    if (why == NULL) {
        return verb_fail_fault(v, r, f, path);
    }
    snprintf(key, sizeof key, "place.%s", why);
    VERB_SAY(v, EXIT_NO, key, "path", path);
    return EXIT_NO;
}

/* ---- settings with mistakes ---- */

void verb_config_problem(const struct config_problem *p, void *arg)
{
    struct verb *v = arg;
    struct buf b;
    char key[64], line[32], first[32];
    buf_init(&b, 4096);
    snprintf(key, sizeof key, "config.%s", config_wrong_name(p->wrong));
    snprintf(line, sizeof line, "%ld", p->line);
    snprintf(first, sizeof first, "%ld", p->first_line);
    text_put(&b, v->lang, "config.line", "line", line, NULL);
    text_put(&b, v->lang, key, "name", p->name, "want", p->want, "first", first, NULL);
    if (p->near != NULL) {
        text_put(&b, v->lang, "config.near", "near", p->near, NULL);
    }
    (void)verb_say(v, &b);
    buf_done(&b);
}

int verb_open_failed(struct verb *v, int r, const struct app_fault *f)
{
    char pid[32];
    snprintf(pid, sizeof pid, "%ld", f->holder);
    switch (r) {
    case SANJI_E_NOT_FOUND:
        VERB_SAY(v, EXIT_NO, f->denied == APP_GONE ? "open.key_gone" : "open.not_found", "dir",
                 v->dir, "file", f->path);
        break;
    case SANJI_E_LOCKED:
        VERB_SAY(v, EXIT_NO, f->holder > 0 ? "open.locked_by" : "open.locked", "dir", v->dir, "pid",
                 pid);
        break;
    case SANJI_E_CORRUPT:
        return verb_damaged(v);
    case SANJI_E_CONFIG:
        VERB_SAY(v, EXIT_NO, "open.config", "file", f->path);
        break;
    case SANJI_E_IO:
        if (f->denied != 0) {
            VERB_SAY(v, EXIT_NO, f->denied == APP_READ_ONLY ? "open.read_only" : "open.denied",
                     "file", f->path);
        }
        break;
    default:
        break;
    }
    return verb_fail(v, r, v->dir);
}

/* ---- running ---- */

enum { LOCK_PATIENCE_MS = 10000 };

static void pause_ms(int64_t ms)
{
    struct timespec ts = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&ts, NULL);
}

static int feed_input(struct verb *v, int fd)
{
    static uint8_t chunk[CONTROL_CHUNK];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return verb_fail(v, SANJI_E_IO, v->n_args > 1 ? v->arg[1] : "-");
        }
        if (n == 0) {
            return EXIT_OK;
        }
        int code = v->def->input(v, span_of(chunk, (size_t)n));
        if (v->out == local_out) { /* whoever feeds it may wait for the answer to this piece */
            (void)local_flush(v->io);
        }
        if (code != EXIT_OK) {
            return code;
        }
    }
}

static int run_to_end(struct verb *v)
{
    for (;;) {
        int code = v->def->run(v);
        if (code != VERB_WAIT) {
            return code;
        }
        pause_ms(v->wait_ms > 0 ? v->wait_ms : 50);
    }
}

/* Commands hold the folder for a moment each: one that meets another waits for it. A daemon holds
 * it for good; then SANJI_E_LOCKED comes at once. */
int verb_open(struct verb *v, struct app **ret, struct app_fault *f)
{
    int64_t until = app_mono_ms() + LOCK_PATIENCE_MS;
    for (;;) {
        int r = app_open(v->dir, ret, f);
        if (r != SANJI_E_LOCKED || control_listens(v->dir) || app_mono_ms() >= until) {
            return r;
        }
        pause_ms(20);
    }
}

int verb_run_on(struct verb *v, struct app *a, int in_fd)
{
    v->app = a;
    int code = (v->def->bits & VERB_INPUT) != 0 && in_fd >= 0 ? feed_input(v, in_fd) : EXIT_OK;
    if (code == EXIT_OK) {
        code = run_to_end(v);
    }
    v->app = NULL;
    return code;
}

/* *ret_daemon: one has come up meanwhile, it should be asked. */
static int run_here(struct verb *v, int in_fd, bool *ret_daemon)
{
    struct app_fault f = {.report = verb_config_problem, .arg = v};
    f.heal = v->def->run == v_verify && verb_has(v, "heal");
    struct app *a = NULL;
    int r = verb_open(v, &a, &f);
    *ret_daemon = r == SANJI_E_LOCKED && control_listens(v->dir);
    if (r < 0) {
        return *ret_daemon ? EXIT_NO : verb_open_failed(v, r, &f);
    }
    (void)app_outbox_flush(a); /* a daemon that was killed may have left some */
    int code = verb_run_on(v, a, in_fd);
    /* What follows from the change belongs to it, as the daemon would do in a moment. */
    if (code == EXIT_OK && (v->def->bits & VERB_READS) == 0) {
        (void)app_tick(a, app_mono_ms() + INT64_C(1000000000));
    }
    app_close(a);
    return code;
}

/* *ret_handled: a daemon took it (or should have). */
static int run_there(struct verb *v, int argc, const char *const *argv, int in_fd,
                     bool *ret_handled)
{
    int code = EXIT_NO;
    const char *lang = text_lang_name(v->lang);
    int r;
    if (v->out == local_out) { /* line by line, as it comes */
        (void)local_flush(v->io);
        r = control_call(v->dir, argc, argv, lang, in_fd, STDOUT_FILENO, STDERR_FILENO, &code);
    } else {
        r = control_call_to(v->dir, argc, argv, lang, in_fd, v->out, v->err, v->io, &code);
    }
    *ret_handled = r != SANJI_E_NOT_FOUND;
    if (r == 0 || r == SANJI_E_NOT_FOUND) {
        return code;
    }
    if (r == SANJI_E_CLOSED) {
        return EXIT_NO; /* whoever read the output has gone */
    }
    if (r == SANJI_E_UNREACHABLE) {
        VERB_SAY(v, EXIT_NO, "control.broken");
    }
    if (r == SANJI_E_FORBIDDEN) { /* the socket belongs to another user, as does the folder */
        VERB_SAY(v, EXIT_NO, "open.denied", "file", v->dir);
    }
    return verb_fail(v, r, v->dir);
}

int verb_dispatch(struct verb *v, int argc, const char *const *argv, int in_fd)
{
    bool handled = false, again = true;
    int code = EXIT_NO;
    for (int tries = 0; again && !handled && tries < 3; tries++) {
        code = run_there(v, argc, argv, in_fd, &handled);
        if (!handled) {
            code = run_here(v, in_fd, &again);
        }
    }
    return code;
}

static int run_verb(struct verb *v, int argc, const char *const *argv)
{
    if (v->def->where != VERB_NODE) {
        return v->def->run(v);
    }
    if ((v->def->bits & VERB_INPUT) != 0) {
        return put_client(v, argc, argv);
    }
    return verb_dispatch(v, argc, argv, -1);
}

int cli_main(int argc, char **argv)
{
    struct local_io io = {0};
    struct buf say;
    bool help = false;
    const char *const *words = (const char *const *)(argv + 1);
    struct verb v = {
        .lang = (enum text_lang)text_pick_env(NULL), .io = &io, .out = local_out, .err = local_err};
    (void)signal(SIGPIPE, SIG_IGN);
    buf_init(&io.out, 16 << 20);
    buf_init(&say, 1 << 20);
    int code = verb_parse(&v, argc - 1, words, &say, &help);
    if (argc >= 2 && strcmp(argv[1], "help") == 0) {
        int n = 0;
        buf_reset(&say);
        v.def = argc > 2 ? verb_find(argv[2], argc > 3 ? argv[3] : NULL, &n) : NULL;
        v.group = v.def == NULL && argc > 2 && verb_is_group(argv[2]) ? argv[2] : NULL;
        help = true;
        code = EXIT_OK;
    }
    if (argc >= 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0)) {
        (void)verb_out(&v, "sanji %s\n", SANJI_VERSION);
        code = EXIT_OK;
    } else if (help && code == EXIT_OK) {
        if (v.group != NULL) {
            verb_help_group(v.lang, v.group, &say);
        } else {
            verb_help(v.lang, v.def, &say);
        }
        (void)verb_put(&v, say.data, say.len);
    } else if (code != EXIT_OK) {
        (void)verb_say(&v, &say);
    } else {
        code = run_verb(&v, argc - 1, words);
    }
    verb_done(&v);
    if (local_flush(&io) < 0 && code == EXIT_OK) {
        code = EXIT_NO; /* nobody read the answer, or the disk behind it is full */
    }
    buf_done(&io.out);
    buf_done(&say);
    return code;
}
