/* SPDX-License-Identifier: Apache-2.0 */
/* `put`: the whole input is checked before the first record is stored, and every wrong line is
 * named. Checking is pure and happens in the command's own process; only what depends on the node
 * (an id that is another kind's, a step of a workflow, a record that is named) is asked of it, in a
 * dry run. */
#include "node/cli/put.h"

#include "protocol/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BAD_SHOWN = 1000,
    WHOLE = 5000,          /* an input of so many records ... */
    WHOLE_BYTES = 8 << 20, /* ... and bytes is stored in one transaction */
    BATCH_HERE = 4096, /* what is larger goes in batches; with a daemon others want their turn */
};

static void say_bad(struct verb *v, long line, int err, const struct fault *f)
{
    struct buf b;
    char no[32];
    snprintf(no, sizeof no, "%ld", line);
    buf_init(&b, 65536);
    text_put(&b, v->lang, "put.line", "line", no, NULL);
    text_fault(&b, v->lang, err, f);
    (void)verb_say(v, &b);
    buf_done(&b);
}

/* ---- in the command's process ---- */

/* Steps, and records that are named: only the node knows whether they are right. */
static bool asks_the_node(const struct kind *k)
{
    bool asks = k->n_steps > 0;
    for (size_t i = 0; i < k->n_fields; i++) {
        asks = asks || (k->fields[i].type == KF_REF && k->fields[i].choices != NULL);
    }
    return asks;
}

struct checking {
    struct verb *v;
    const struct kind *k;
    long lines, bad;
    bool ids;
};

static int check_line(struct span json, long line, void *arg)
{
    struct checking *c = arg;
    struct fault f = {0};
    char id[LIM_ID_BYTES + 1], aud[8];
    c->lines++;
    int r = app_put_check(c->k, json, NULL, id, aud, &f);
    c->ids = c->ids || id[0] != '\0';
    if (r < 0 && ++c->bad <= BAD_SHOWN) {
        say_bad(c->v, line, r, &f);
    }
    return 0;
}

static int read_lines(int fd, struct put_lines *l, put_line_fn *fn, void *arg)
{
    static uint8_t chunk[65536];
    int r = 0;
    while (r == 0 && !l->endless) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? SANJI_E_IO : put_lines_end(l, fn, arg);
        }
        r = put_lines_feed(l, span_of(chunk, (size_t)n), fn, arg);
    }
    return r;
}

static int nothing(struct span json, long line, void *arg)
{
    (void)json, (void)line, (void)arg;
    return 0;
}

/* Standard input that cannot be read twice goes into a file without a name in DIR. What
 * never ends would fill the disk: of it, as much is kept as the check needs to name it. */
static int spool(struct verb *v, int in, int *ret_fd)
{
    static uint8_t chunk[65536];
    char path[APP_PATH_BYTES];
    int r = app_path(v->dir, ".put.XXXXXX", path);
    int fd = r == 0 ? mkostemp(path, O_CLOEXEC) : -1;
    if (fd < 0) {
        return errno == ENOENT ? SANJI_E_NOT_FOUND : SANJI_E_IO;
    }
    (void)unlink(path);
    struct put_lines l;
    put_lines_init(&l);
    while (!l.endless) {
        ssize_t n = read(in, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n == 0) {
            break;
        }
        if (n > 0) {
            (void)put_lines_feed(&l, span_of(chunk, (size_t)n), nothing, NULL);
        }
        ssize_t w = n < 0 ? -1 : 0;
        for (ssize_t at = 0; n > 0 && at < n; at += w) {
            w = write(fd, chunk + at, (size_t)(n - at));
            if (w <= 0) {
                break;
            }
        }
        if (w <= 0) {
            r = errno == ENOSPC ? SANJI_E_FULL : SANJI_E_IO;
            break;
        }
    }
    put_lines_done(&l);
    if (r < 0) {
        close(fd);
        return r;
    }
    *ret_fd = fd;
    return lseek(fd, 0, SEEK_SET) == 0 ? 0 : SANJI_E_IO;
}

static int open_input(struct verb *v, const char *name, bool twice, int *ret_fd)
{
    int fd = STDIN_FILENO;
    if (name != NULL && strcmp(name, "-") != 0) {
        fd = open(name, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            return errno == ENOENT ? SANJI_E_NOT_FOUND : SANJI_E_IO;
        }
    }
    if (!twice || lseek(fd, 0, SEEK_CUR) >= 0) {
        *ret_fd = fd;
        return 0;
    }
    return spool(v, fd, ret_fd);
}

static const struct kind *kind_of(struct verb *v, const char *name)
{
    const struct kind *k = kind_find(name);
    if (k == NULL || k->owner == KO_MACHINE || (k->shape != KS_STATE && k->shape != KS_BOTH)) {
        struct buf list;
        buf_init(&list, 4096);
        for (size_t i = 0; i < kinds_n; i++) {
            if (kinds[i]->owner != KO_MACHINE &&
                (kinds[i]->shape == KS_STATE || kinds[i]->shape == KS_BOTH)) {
                buf_printf(&list, "%s%s", list.len > 0 ? " " : "", kinds[i]->name);
            }
        }
        struct buf b;
        buf_init(&b, 4096);
        text_put(&b, v->lang, "put.kind", "kind", name, "kinds", buf_str(&list), NULL);
        (void)verb_say(v, &b);
        buf_done(&b);
        buf_done(&list);
        return NULL;
    }
    return k;
}

static int again_with(struct verb *v, int argc, const char *const *argv, const char *extra, int fd)
{
    const char *words[VERB_ARGS + 2];
    int n = 0;
    for (; n < argc && n < VERB_ARGS; n++) {
        words[n] = argv[n];
    }
    words[n++] = extra;
    words[n] = NULL;
    (void)lseek(fd, 0, SEEK_SET);
    struct verb x = {.lang = v->lang, .io = v->io, .out = v->out, .err = v->err};
    struct buf say;
    bool help = false;
    buf_init(&say, 65536);
    int code = verb_parse(&x, n, words, &say, &help);
    code = code == EXIT_OK ? verb_dispatch(&x, n, words, fd)
                           : verb_fail(v, SANJI_E_BUG, buf_str(&say));
    verb_done(&x);
    buf_done(&say);
    return code;
}

static int put_checked(struct verb *v, int argc, const char *const *argv, const struct kind *k,
                       int fd)
{
    struct checking c = {.v = v, .k = k};
    struct put_lines l;
    char bad[32], all[32];
    put_lines_init(&l);
    int r = read_lines(fd, &l, check_line, &c);
    put_lines_done(&l);
    if (r < 0) {
        return verb_fail(v, r, v->n_args > 1 ? v->arg[1] : "-");
    }
    if (c.bad > 0) {
        snprintf(bad, sizeof bad, "%ld", c.bad);
        snprintf(all, sizeof all, "%ld", c.lines);
        VERB_SAY(v, EXIT_NO, "put.refused", "bad", bad, "all", all);
    }
    if (c.lines == 0) {
        VERB_SAY(v, EXIT_OK, "put.empty");
    }
    if (verb_has(v, "dry-run") || c.ids || asks_the_node(k)) {
        int code = verb_has(v, "dry-run")
                       ? (lseek(fd, 0, SEEK_SET) == 0 ? verb_dispatch(v, argc, argv, fd) : EXIT_NO)
                       : again_with(v, argc, argv, "--dry-run", fd);
        if (code != EXIT_OK || verb_has(v, "dry-run")) {
            return code;
        }
    }
    char checked[32];
    snprintf(checked, sizeof checked, "--checked=%ld", c.lines);
    return again_with(v, argc, argv, checked, fd);
}

int put_client(struct verb *v, int argc, const char *const *argv)
{
    if (strncmp(v->def->name, "erase ", 6) == 0) {
        return erase_client(v, argc, argv);
    }
    bool is_put = strcmp(v->def->name, "put") == 0;
    bool is_key =
        strcmp(v->def->name, "node rotate-key") == 0 || strcmp(v->def->name, "approve") == 0;
    bool is_ref = strncmp(v->def->name, "referral ", 9) == 0;
    const char *name =
        is_put ? (v->n_args > 1 ? v->arg[1] : NULL) : (v->n_args > 0 ? v->arg[0] : NULL);
    name = is_key ? verb_flag(v, "root-key") : name;
    const struct kind *k = is_put ? kind_of(v, v->arg[0]) : NULL;
    int fd = -1;
    if (is_put && k == NULL) {
        return EXIT_USAGE;
    }
    if (is_key ? name == NULL : is_ref && verb_has(v, "d")) {
        return verb_dispatch(v, argc, argv, -1);
    }
    bool twice = is_put && !verb_has(v, "stream") && !verb_has(v, "checked");
    int r = open_input(v, name, twice, &fd);
    if (r < 0) {
        return verb_fail(v, r, name != NULL ? name : v->dir);
    }
    int code = twice ? put_checked(v, argc, argv, k, fd) : verb_dispatch(v, argc, argv, fd);
    if (fd != STDIN_FILENO) {
        close(fd);
    }
    return code;
}

/* ---- where the node is ---- */

struct run {
    struct verb *v;
    struct app_put *p;
    struct put_lines lines;
    struct buf ids;  /* made, not durable yet */
    struct buf text; /* referral send: the whole input */
    long stored, pending, bad;
    bool is_put;
    bool is_large; /* never stored whole: nobody waits until the first WHOLE of it are there */
};

static void run_drop(void *data)
{
    struct run *x = data;
    app_put_free(x->p);
    put_lines_done(&x->lines);
    buf_done(&x->ids);
    buf_wipe_done(&x->text);
    free(x);
}

/* What the command's own process has counted already; 0: it has not. */
static int64_t counted(const struct verb *v)
{
    const char *n = verb_flag(v, "checked");
    int64_t lines = 0;
    return n != NULL && text_i64(n, strlen(n), 0, INT64_MAX, &lines) == 0 ? lines : 0;
}

static int run_begin(struct verb *v, struct run **ret)
{
    struct run *x = v->data;
    if (x == NULL) {
        x = calloc(1, sizeof *x);
        if (x == NULL) {
            return verb_fail(v, SANJI_E_NOMEM, NULL);
        }
        x->v = v;
        x->is_put = strcmp(v->def->name, "put") == 0;
        x->is_large = x->is_put && counted(v) > WHOLE;
        put_lines_init(&x->lines);
        buf_init(&x->ids, 64 << 20);
        buf_init(&x->text, LIM_ITEM_BYTES * 2);
        v->data = x;
        v->drop = run_drop;
    }
    if (x->is_put && x->p == NULL) {
        const struct kind *k = kind_of(v, v->arg[0]);
        if (k == NULL) {
            return EXIT_USAGE;
        }
        int r = app_put_begin(v->app, k, verb_flag(v, "audience"), verb_has(v, "dry-run"), &x->p);
        if (r == 0 && verb_has(v, "for")) {
            r = app_put_for(x->p, verb_flag(v, "for"));
            if (r < 0) {
                return verb_for_failed(v, r, verb_flag(v, "for"));
            }
        }
        if (r < 0) {
            return verb_fail(v, r, v->arg[0]);
        }
    }
    *ret = x;
    return EXIT_OK;
}

/* Durable first, then named to the outside. */
static int run_flush(struct run *x)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): input() has made x */
    int r = app_put_flush(x->p);
    if (r < 0) {
        char n[32];
        snprintf(n, sizeof n, "%ld", x->stored);
        struct buf b;
        buf_init(&b, 4096);
        text_put(&b, x->v->lang, x->stored > 0 ? "put.partly" : "put.none", "stored", n, NULL);
        (void)verb_say(x->v, &b);
        buf_done(&b);
        if (r == SANJI_E_UNKNOWN_KEY) {
            VERB_SAY(x->v, EXIT_NO, "put.no_roster");
        }
        return verb_fail(x->v, r, NULL);
    }
    x->stored += x->pending;
    x->pending = 0;
    r = verb_put(x->v, x->ids.data, x->ids.len);
    buf_reset(&x->ids);
    return r < 0 ? EXIT_NO : EXIT_OK;
}

static int run_line(struct span json, long line, void *arg)
{
    struct run *x = arg;
    struct fault f = {0};
    char id[LIM_ID_BYTES + 1];
    bool stream = verb_has(x->v, "stream"), dry = verb_has(x->v, "dry-run");
    int r = app_put_line(x->p, json, id, &f);
    if (r < 0) {
        x->bad++;
        say_bad(x->v, line, r, &f);
        return stream || dry ? 0 : EXIT_NO;
    }
    if (!dry) {
        x->pending++;
        if (verb_has(x->v, "json")) {
            buf_printf(&x->ids, "{\"line\":%ld,\"id\":\"%s\"}\n", line, id);
        } else {
            buf_printf(&x->ids, "%s\n", id);
        }
    }
    size_t batch = x->v->in_daemon ? (size_t)LIM_WRITE_ITEMS : (size_t)BATCH_HERE;
    if (x->stored == 0 && !stream && !x->is_large) {
        batch = WHOLE + 1; /* one record more, and the input is not small */
    }
    bool full = app_put_pending(x->p) >= batch || app_put_pending_bytes(x->p) > WHOLE_BYTES;
    return full ? run_flush(x) : 0;
}

int v_put_input(struct verb *v, struct span chunk)
{
    struct run *x = NULL;
    int code = run_begin(v, &x);
    if (code != EXIT_OK) {
        return code;
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): input() has made x */
    if (!x->is_put) {
        return buf_put(&x->text, chunk.p, chunk.n) < 0 ? verb_fail(v, SANJI_E_SIZE, NULL) : EXIT_OK;
    }
    code = put_lines_feed(&x->lines, chunk, run_line, x);
    if (code == EXIT_OK && verb_has(v, "stream")) {
        code = run_flush(x);
    }
    return code == EXIT_OK && x->lines.endless ? EXIT_NO : code;
}

int v_put(struct verb *v)
{
    struct run *x = NULL;
    int code = run_begin(v, &x);
    if (code == EXIT_OK) {
        code = put_lines_end(&x->lines, run_line, x);
    }
    if (code == EXIT_OK) {
        code = run_flush(x);
    }
    return code == EXIT_OK && x->bad > 0 ? EXIT_NO : code;
}

struct span put_input_text(struct verb *v)
{
    struct run *x = v->data;
    return x == NULL ? span_of(NULL, 0) : span_of(x->text.data, x->text.len);
}
