/* SPDX-License-Identifier: Apache-2.0 */
/* `import`: the pages' import from the command line. The command opens the file and writes the
 * report; the job runs where the node is open, in slices between other work. */
#include "node/app_import.h"
#include "node/cli/ferry_wire.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/jwrite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SAID_ROWS = 1000 };

/* ---- where the node is ---- */

enum phase { TAKING, CHECKING, RUNNING };
struct take {
    struct app *app;
    int64_t n, part;
    struct buf data; /* of the part at hand */
    enum phase phase;
    bool kept; /* the job is to stay */
};

static void take_drop(void *data)
{
    struct take *x = data;
    if (x->n != 0 && !x->kept) {
        (void)app_import_drop(x->app, x->n);
    }
    buf_done(&x->data);
    free(x);
}

static int failed(struct verb *v, int r, const struct fault *f)
{
    if (r == SANJI_E_SYNTAX && f->line > 0) {
        char line[32];
        (void)snprintf(line, sizeof line, "%ld", f->line);
        VERB_SAY(v, EXIT_NO, "api.import_quote", "want", line);
    }
    return verb_fail_fault(v, r, f, verb_flag(v, "name"));
}

static int begin(struct verb *v, struct take **ret)
{
    struct fault f = {0};
    struct take *x = v->data;
    if (x == NULL) {
        x = calloc(1, sizeof *x);
        if (x == NULL) {
            return verb_fail(v, SANJI_E_NOMEM, NULL);
        }
        x->app = v->app;
        buf_init(&x->data, IMPORT_PART);
        v->data = x;
        v->drop = take_drop;
        const struct kind *k = kind_find(v->arg[0]);
        int r = k == NULL ? SANJI_E_NOT_FOUND
                          : app_import_new(v->app, "", NULL, k, verb_flag(v, "name"), &x->n, &f);
        if (r < 0) {
            return verb_fail_fault(v, r, &f, v->arg[0]);
        }
    }
    *ret = x;
    return EXIT_OK;
}

static int put_part(struct verb *v, struct take *x)
{
    struct fault f = {0};
    int r = app_import_part(v->app, x->n, x->part++, span_of(x->data.data, x->data.len), &f);
    buf_reset(&x->data);
    return r < 0 ? failed(v, r, &f) : EXIT_OK;
}

int v_import_take_input(struct verb *v, struct span chunk)
{
    struct take *x = NULL;
    int code = begin(v, &x);
    while (code == EXIT_OK && chunk.n > 0) {
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): begin() has made x */
        size_t room = IMPORT_PART - x->data.len, n = chunk.n < room ? chunk.n : room;
        buf_put(&x->data, chunk.p, n);
        chunk = span_of(chunk.p + n, chunk.n - n);
        code = x->data.len == IMPORT_PART ? put_part(v, x) : EXIT_OK;
    }
    return code;
}

/* The wishes of the command line over the columns that were matched. */
static int replan(struct verb *v, struct take *x, struct fault *f)
{
    struct app_import job;
    struct buf plan;
    struct span map;
    buf_init(&plan, 65536);
    int r = app_import_get(v->app, x->n, &job);
    if (r == 0 && jcur_get(span_of(job.plan.data, job.plan.len), "map", &map)) {
        buf_printf(&plan, "{\"map\":%.*s,\"doubles\":\"%.8s\"", (int)map.n, (const char *)map.p,
                   verb_has(v, "doubles") ? verb_flag(v, "doubles") : "skip");
        if (verb_has(v, "audience")) {
            buf_printf(&plan, ",\"audience\":\"%.8s\"", verb_flag(v, "audience"));
        }
        buf_putc(&plan, '}');
        r = plan.err;
    }
    r = r < 0 ? r : app_import_plan(v->app, x->n, span_of(plan.data, plan.len), f);
    app_import_done(&job);
    buf_done(&plan);
    return r;
}

struct said {
    struct verb *v;
    const struct app_import *job;
    int64_t n;
};

static int on_bad(const struct import_row *row, void *arg)
{
    struct said *s = arg;
    struct buf b;
    char no[32];
    if (s->n++ == SAID_ROWS) {
        return 1;
    }
    (void)snprintf(no, sizeof no, "%lld", (long long)row->no);
    buf_init(&b, 65536);
    text_put(&b, s->v->lang, "import.row", "row", no, NULL);
    app_import_say(s->job->k, row, s->v->lang, &b);
    (void)verb_say(s->v, &b);
    buf_done(&b);
    return 0;
}

static int on_count(const struct import_count *c, void *arg)
{
    struct jw *w = arg;
    char name[32];
    (void)snprintf(name, sizeof name, "%s%s%s", c->act[0] != '\0' ? c->act : "left",
                   c->st[0] != '\0' ? "_" : "", c->st);
    jw_int(w, name, c->n);
    return 0;
}

/* One line of JSON for the command's half; what is wrong goes to the person. */
static int sum_up(struct verb *v, struct take *x)
{
    struct app_import job;
    struct said s = {.v = v, .job = &job};
    struct buf b;
    struct jw w;
    buf_init(&b, 65536);
    jw_init(&w, &b);
    int r = app_import_get(v->app, x->n, &job);
    r = r < 0 ? r : import_row_bad(v->app->store, x->n, 0, SAID_ROWS + 1, on_bad, &s);
    jw_obj(&w, NULL);
    jw_int(&w, "import", x->n);
    r = r < 0 ? r : import_counts(v->app->store, x->n, on_count, &w);
    jw_end_obj(&w);
    r = r < 0 ? r : jw_done(&w);
    (void)(r < 0 ? 0 : verb_text(v, &b));
    app_import_done(&job);
    buf_done(&b);
    return r < 0 ? verb_fail(v, r, NULL) : s.n > 0 ? EXIT_NO : EXIT_OK;
}

static int next(struct verb *v, struct take *x)
{
    struct fault f = {0};
    int r = 0;
    if (x->phase == TAKING) {
        int code = x->data.len > 0 ? put_part(v, x) : EXIT_OK;
        if (code != EXIT_OK) {
            return code;
        }
        r = app_import_read(v->app, x->n, &f);
        r = r < 0 ? r : replan(v, x, &f);
        x->phase = CHECKING;
    } else if (x->phase == CHECKING && !verb_has(v, "dry-run")) {
        r = app_import_start(v->app, x->n);
        x->phase = RUNNING;
        x->kept = r == 0;
    } else {
        x->kept = x->kept || verb_has(v, "keep"); /* a report will be asked for */
        return sum_up(v, x);
    }
    return r < 0 ? failed(v, r, &f) : VERB_WAIT;
}

int v_import_take(struct verb *v)
{
    struct take *x = NULL;
    struct app_import job;
    int code = begin(v, &x);
    if (code != EXIT_OK) {
        return code;
    }
    v->wait_ms = 1;
    int r = app_import_tick(v->app);
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): begin() has made x */
    r = r < 0 ? r : app_import_get(v->app, x->n, &job);
    if (r < 0) {
        return verb_fail(v, r, NULL);
    }
    bool working = strcmp(job.state, "checking") == 0 || strcmp(job.state, "running") == 0;
    app_import_done(&job);
    return working ? VERB_WAIT : next(v, x);
}

static int number(struct verb *v, int64_t *ret)
{
    return text_i64(v->arg[0], strlen(v->arg[0]), 1, INT64_MAX / 2, ret) == 0
               ? EXIT_OK
               : verb_fail(v, SANJI_E_NOT_FOUND, v->arg[0]);
}

static int on_report(const struct import_row *row, void *arg)
{
    struct said *s = arg;
    struct buf b;
    buf_init(&b, IMPORT_ROW_BYTES * 3);
    int r = app_import_report_row(s->job, row, s->v->lang, &b);
    r = r < 0 ? r : verb_put(s->v, b.data, b.len);
    buf_done(&b);
    return r;
}

int v_import_report(struct verb *v)
{
    struct app_import job;
    struct said s = {.v = v, .job = &job};
    struct buf b;
    int64_t n = 0;
    int code = number(v, &n);
    if (code != EXIT_OK) {
        return code;
    }
    buf_init(&b, IMPORT_ROW_BYTES * 3);
    int r = app_import_get(v->app, n, &job);
    r = r < 0 ? r : app_import_report_head(&job, v->lang, &b);
    r = r < 0 ? r : verb_put(v, b.data, b.len);
    r = r < 0 ? r : import_row_bad(v->app->store, n, 0, IMPORT_ROWS, on_report, &s);
    if (r == 0 && strcmp(job.state, "checked") == 0) { /* of a dry run, kept for this */
        r = app_import_drop(v->app, n);
    }
    app_import_done(&job);
    buf_done(&b);
    return r < 0 ? verb_fail(v, r, v->arg[0]) : EXIT_OK;
}

int v_import_undo(struct verb *v)
{
    struct app_import job;
    struct take x = {.app = v->app};
    int code = number(v, &x.n);
    if (code != EXIT_OK) {
        return code;
    }
    int r = v->phase++ == 0 ? app_import_undo(v->app, x.n) : app_import_tick(v->app);
    r = r < 0 ? r : app_import_get(v->app, x.n, &job);
    if (r < 0) {
        return verb_fail(v, r, v->arg[0]);
    }
    bool undone = strcmp(job.state, "undone") == 0;
    app_import_done(&job);
    v->wait_ms = 1;
    return undone ? sum_up(v, &x) : VERB_WAIT;
}

/* ---- where the files are ---- */

struct line {
    struct buf text;
};

static int on_text(void *arg, const void *p, size_t n)
{
    return buf_put(&((struct line *)arg)->text, p, n);
}

static int64_t told(const struct line *l, const char *name)
{
    struct span v;
    int64_t n = 0;
    struct span all = span_of(l->text.data, l->text.len > 0 ? l->text.len - 1 : 0);
    return jcur_get(all, name, &v) && jcur_int(v, &n) ? n : 0;
}

static void say_sum(struct verb *v, const struct line *l)
{
    char in[32], up[32], same[32], skip[32], bad[32], job[32];
    bool dry = verb_has(v, "dry-run");
    (void)snprintf(in, sizeof in, "%lld", (long long)told(l, dry ? "new" : "new_stored"));
    (void)snprintf(up, sizeof up, "%lld", (long long)told(l, dry ? "update" : "update_stored"));
    (void)snprintf(same, sizeof same, "%lld", (long long)told(l, "same"));
    (void)snprintf(skip, sizeof skip, "%lld", (long long)told(l, "skip"));
    (void)snprintf(
        bad, sizeof bad, "%lld",
        (long long)(told(l, "bad") + told(l, "new_refused") + told(l, "update_refused")));
    (void)snprintf(job, sizeof job, "%lld", (long long)told(l, "import"));
    VERB_TELL(v, dry ? "import.would" : "import.done", "new", in, "update", up, "same", same,
              "skip", skip, "bad", bad, "n", job);
}

static int report(struct verb *v, const struct line *l)
{
    char n[32];
    const char *words[] = {"import", "report", n, "--data", v->dir};
    (void)snprintf(n, sizeof n, "%lld", (long long)told(l, "import"));
    return verb_into_file(v, verb_flag(v, "report"), 5, words);
}

int v_import(struct verb *v)
{
    static const char *const values[] = {"doubles", "audience"};
    static const char *const given[] = {"--doubles", "--audience"};
    const char *slash = strrchr(v->arg[1], '/');
    const char *words[16] = {"import",
                             "take",
                             v->arg[0],
                             "--data",
                             v->dir,
                             "--name",
                             slash != NULL ? slash + 1 : v->arg[1]};
    int n = 7;
    struct line l = {0};
    struct ferry_call c = {.v = v, .out = on_text, .arg = &l};
    int fd = strcmp(v->arg[1], "-") == 0 ? STDIN_FILENO : open(v->arg[1], O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return verb_fail(v, errno == ENOENT ? SANJI_E_NOT_FOUND : SANJI_E_IO, v->arg[1]);
    }
    for (size_t i = 0; i < 2; i++) {
        if (verb_has(v, values[i])) {
            words[n++] = given[i];
            words[n++] = verb_flag(v, values[i]);
        }
    }
    if (verb_has(v, "dry-run")) {
        words[n++] = "--dry-run";
    }
    if (verb_has(v, "report")) {
        words[n++] = "--keep";
    }
    buf_init(&l.text, 65536);
    int code = ferry_call(&c, n, words, fd);
    if (fd != STDIN_FILENO) {
        close(fd);
    }
    if (told(&l, "import") > 0) {
        if (verb_has(v, "json")) {
            (void)verb_put(v, l.text.data, l.text.len);
        } else {
            say_sum(v, &l);
        }
        int said = verb_has(v, "report") ? report(v, &l) : EXIT_OK;
        code = said != EXIT_OK ? said : code;
    }
    buf_done(&l.text);
    return code;
}
