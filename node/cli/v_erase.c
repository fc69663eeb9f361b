/* SPDX-License-Identifier: Apache-2.0 */
/* erase find, request, confirm, drop, list. The name or number looked for, and passwords, come from
 * the terminal (not shown) or standard input: a command line stays in the shell's history and in
 * the list of processes. */
#include "node/app_erase.h"
#include "node/app_keep.h"
#include "node/cli/put.h"
#include "node/cli/table.h"

#include "protocol/base/text.h"
#include "protocol/jwrite.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* ---- the command's own half: one line, given on through a pipe ---- */

static int copy_line(int to)
{
    char c;
    size_t n = 0;
    for (;;) {
        ssize_t k = read(STDIN_FILENO, &c, 1);
        if (k < 0 && errno == EINTR) {
            continue;
        }
        if (k <= 0 || c == '\n') {
            return 0;
        }
        if (++n > 1000 || write(to, &c, 1) != 1) {
            return SANJI_E_SIZE;
        }
    }
}

/* Who ends the question with Ctrl-C gets the terminal back as it was. */
static struct termios before;
static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
enum { ENDS = sizeof ends / sizeof ends[0] };

static void on_end(int sig)
{
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    (void)raise(sig); /* the handler is gone: it ends as it would have */
}

static int ask_quietly(int to)
{
    struct sigaction was[ENDS],
        now = {.sa_handler = on_end, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
    struct termios quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    for (int i = 0; i < ENDS; i++) {
        (void)sigaction(ends[i], &now, &was[i]);
    }
    int r = tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0 ? copy_line(to) : SANJI_E_IO;
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    for (int i = 0; i < ENDS; i++) {
        (void)sigaction(ends[i], &was[i], NULL);
    }
    return r;
}

static int ask(struct verb *v, bool shown, int to)
{
    VERB_SAY(v, 0, shown ? "erase.ask_text" : "erase.ask_password");
    return shown || tcgetattr(STDIN_FILENO, &before) != 0 ? copy_line(to) : ask_quietly(to);
}

int erase_client(struct verb *v, int argc, const char *const *argv)
{
    int pipe_fd[2];
    if (!isatty(STDIN_FILENO)) {
        return verb_dispatch(v, argc, argv, STDIN_FILENO);
    }
    if (pipe(pipe_fd) != 0) {
        return verb_fail(v, SANJI_E_IO, NULL);
    }
    int r = ask(v, strcmp(v->def->name, "erase find") == 0, pipe_fd[1]);
    close(pipe_fd[1]);
    int code = r < 0 ? verb_fail(v, r, NULL) : verb_dispatch(v, argc, argv, pipe_fd[0]);
    close(pipe_fd[0]);
    return code;
}

/* ---- where the node is ---- */

/* As the next command takes it. */
static void name_it(const char *id, const char *owner, char *out, size_t n)
{
    snprintf(out, n, "%s%s%s", id, owner[0] != '\0' ? " --for " : "", owner);
}
enum { NAME_BYTES = LIM_ID_BYTES + LIM_NODE_ID + 16 };

static int who(struct verb *v, enum app_erase_right what)
{
    const char *login = verb_flag(v, "as");
    int r = app_erase_who(v->app, login, put_input_text(v), what);
    if (r == SANJI_E_UNAUTHORISED) {
        VERB_SAY(v, EXIT_NO, "erase.login", "login", login);
    }
    if (r == SANJI_E_FORBIDDEN) {
        VERB_SAY(v, EXIT_NO, what == APP_MAY_CONFIRM ? "erase.role_confirm" : "erase.role_request",
                 "login", login);
    }
    return r < 0 ? verb_fail(v, r, NULL) : EXIT_OK;
}

int v_erase_request(struct verb *v)
{
    int64_t n = 0;
    char number[24];
    struct fault f = {0};
    int code = who(v, APP_MAY_REQUEST);
    if (code != EXIT_OK) {
        return code;
    }
    const char *owner = verb_has(v, "for") ? verb_flag(v, "for") : "";
    int r = app_erase_request_for(v->app, verb_flag(v, "as"), owner, v->arg[0], verb_flag(v, "why"),
                                  &n, &f);
    if (r < 0 && strcmp(f.member, "for") == 0) {
        return verb_for_failed(v, r, owner);
    }
    if (r == SANJI_E_STATE) {
        char state[sizeof f.want + 8];
        snprintf(state, sizeof state, "ref.%s", f.want);
        VERB_SAY(v, EXIT_NO, "erase.not_ended", "id", v->arg[0], "state", text_get(v->lang, state));
    }
    if (r == SANJI_E_NOT_FOUND) {
        VERB_SAY(v, EXIT_NO, "erase.not_found", "id", v->arg[0]);
    }
    if (r < 0) {
        return verb_fail_fault(v, r, &f, v->arg[0]);
    }
    if (verb_has(v, "json")) {
        (void)verb_out(v, "{\"n\":%lld}\n", (long long)n);
        return EXIT_OK;
    }
    snprintf(number, sizeof number, "%lld", (long long)n);
    VERB_TELL(v, "erase.requested", "n", number, "id", v->arg[0]);
    return EXIT_OK;
}

static void put_json(struct verb *v, const struct app_erase *e)
{
    struct buf b;
    struct jw w;
    buf_init(&b, 4096);
    jw_init(&w, &b);
    jw_obj(&w, NULL);
    jw_int(&w, "n", e->n);
    jw_str(&w, "what", e->referral ? "referral" : "record");
    jw_str(&w, "id", e->id);
    if (e->owner[0] != '\0') {
        jw_str(&w, "for", e->owner);
    }
    jw_str(&w, "why", e->why);
    jw_str(&w, "state", e->state);
    jw_str(&w, "by", e->by);
    jw_str(&w, "with", e->with);
    jw_int(&w, "asked_ms", e->asked_ms);
    jw_int(&w, "ended_ms", e->ended_ms);
    jw_int(&w, "items", e->items);
    jw_end_obj(&w);
    if (jw_done(&w) == 0) {
        (void)verb_text(v, &b);
    }
    buf_done(&b);
}

typedef int decide_fn(struct app *a, const char *login, int64_t n, struct app_erase *ret,
                      struct fault *f);

static int decide(struct verb *v, enum app_erase_right right, decide_fn *fn, const char *say)
{
    int64_t n = 0;
    char items[24];
    struct app_erase e = {0};
    struct fault f = {0};
    if (text_i64(v->arg[0], strlen(v->arg[0]), 1, INT64_MAX, &n) < 0) {
        VERB_SAY(v, EXIT_USAGE, "usage.bad_arg", "what", v->def->args);
    }
    int code = who(v, right);
    if (code != EXIT_OK) {
        return code;
    }
    int r = fn(v->app, verb_flag(v, "as"), n, &e, &f);
    if (r < 0 && strcmp(f.member, "for") == 0) {
        return verb_for_failed(v, r, e.owner);
    }
    if (r == SANJI_E_FORBIDDEN) {
        VERB_SAY(v, EXIT_NO, "erase.same_person", "n", v->arg[0], "login", e.by);
    }
    if (r == SANJI_E_NOT_FOUND) {
        VERB_SAY(v, EXIT_NO, e.n == 0 ? "erase.no_request" : "erase.not_found", "n", v->arg[0],
                 "id", e.id);
    }
    if (r == SANJI_E_STATE && strcmp(e.state, "open") != 0) {
        VERB_SAY(v, EXIT_NO, "erase.ended", "n", v->arg[0]);
    }
    if (r < 0) {
        return verb_fail_fault(v, r, &f, v->arg[0]);
    }
    if (verb_has(v, "json")) {
        put_json(v, &e);
        return EXIT_OK;
    }
    snprintf(items, sizeof items, "%lld", (long long)e.items);
    VERB_TELL(v, say, "n", v->arg[0], "id", e.id, "items", items);
    return EXIT_OK;
}

int v_erase_confirm(struct verb *v)
{
    return decide(v, APP_MAY_CONFIRM, app_erase_confirm, "erase.done");
}

int v_erase_drop(struct verb *v)
{
    return decide(v, APP_MAY_REQUEST, app_erase_drop, "erase.dropped");
}

static int on_request(const struct app_erase *e, void *arg)
{
    struct table *t = arg;
    char n[24], day[11], state[32], why[32], name[NAME_BYTES];
    if (verb_has(t->v, "json")) {
        put_json(t->v, e);
        return 0;
    }
    snprintf(n, sizeof n, "%lld", (long long)e->n);
    snprintf(state, sizeof state, "erase.state.%s", e->state);
    snprintf(why, sizeof why, "erase.why.%s", e->why);
    date_write(date_of_ms(e->asked_ms), day);
    name_it(e->id, e->owner, name, sizeof name);
    const char *cell[] = {
        n, day, text_get(t->v->lang, state), text_get(t->v->lang, why), e->by, e->with, name};
    return table_row(t, cell);
}

int v_erase_list(struct verb *v)
{
    static const struct column cols[] = {{"col.number", 6}, {"col.day", 10},   {"col.state", 12},
                                         {"col.why", 14},   {"col.asked", 14}, {"col.decided", 14},
                                         {"col.id", 0}};
    struct table t = {.v = v, .cols = cols, .n = sizeof cols / sizeof cols[0]};
    int r = app_erase_list(v->app, on_request, &t);
    if (r < 0) {
        return verb_fail(v, r, NULL);
    }
    if (!verb_has(v, "json")) {
        table_end(&t, "erase.none");
    }
    return EXIT_OK;
}

struct hits {
    struct table t;
    int64_t unread; /* own bundles */
};

static int on_hit(const char *what, const char *owner, const char *id, void *arg)
{
    struct hits *h = arg;
    struct table *t = &h->t;
    char word[32], name[NAME_BYTES + LIM_AUD_BYTES];
    h->unread += strcmp(what, "unread") == 0;
    if (verb_has(t->v, "json")) {
        bool own = owner[0] == '\0';
        return verb_out(t->v, "{\"what\":\"%s\",\"id\":\"%s\"%s%s%s}\n", what, id,
                        own ? "" : ",\"for\":\"", owner, own ? "" : "\"");
    }
    name_it(id, owner, name, sizeof name);
    snprintf(word, sizeof word, "erase.what.%s", what);
    const char *cell[] = {text_get(t->v->lang, word), name};
    return table_row(t, cell);
}

int v_erase_find(struct verb *v)
{
    static const struct column cols[] = {{"col.what", 10}, {"col.id", 0}};
    struct hits h = {.t = {.v = v, .cols = cols, .n = sizeof cols / sizeof cols[0]}};
    int r = app_erase_find(v->app, put_input_text(v), on_hit, &h);
    if (r == SANJI_E_SPEC) {
        VERB_SAY(v, EXIT_USAGE, "erase.find_text");
    }
    if (r < 0) {
        return verb_fail(v, r, NULL);
    }
    if (!verb_has(v, "json")) {
        table_end(&h.t, "erase.nothing");
    }
    if (h.unread > 0) { /* what stands there was not searched: not all of it is found */
        VERB_SAY(v, EXIT_NO, "erase.unread", "n", h.unread);
    }
    return EXIT_OK;
}

static int on_due(const struct app_keep *k, void *arg)
{
    struct table *t = arg;
    char since[11], until[11], key[64];
    date_write(k->since, since);
    date_write(k->until, until);
    if (verb_has(t->v, "json")) {
        return verb_out(t->v,
                        "{\"kind\":\"%s\",\"id\":\"%s\",\"changed\":\"%s\",\"until\":\"%s\"}\n",
                        k->kind, k->id, since, until);
    }
    snprintf(key, sizeof key, "kind.%.40s", k->kind);
    const char *label = text_label(t->v->lang, key);
    const char *cell[] = {since, until, label == NULL ? k->kind : label, k->id};
    return table_row(t, cell);
}

int v_erase_due(struct verb *v)
{
    static const struct column cols[] = {
        {"col.changed", 10}, {"col.until", 10}, {"col.kind", 16}, {"col.id", 0}};
    struct table t = {.v = v, .cols = cols, .n = sizeof cols / sizeof cols[0]};
    bool more = false;
    int r = app_keep_due(v->app, app_now_ms(), INT64_MAX / 2 - 1, on_due, &t, &more);
    if (r < 0) {
        return verb_fail(v, r, NULL);
    }
    if (!verb_has(v, "json")) {
        table_end(&t, "erase.none_due");
    }
    return EXIT_OK;
}
