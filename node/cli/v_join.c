/* SPDX-License-Identifier: Apache-2.0 */
/* join: the new node's side of an enrolment (PROTOCOL.md section 13), shared with recover. */
#include "node/cli/join.h"

#include "node/http/tls.h"
#include "node/peer/link_https.h"
#include "protocol/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void read_error(struct joining *x, const struct link_result *res)
{
    struct msg_error e;
    x->err = SANJI_E_REFUSED;
    if (jspec_read(res->body.p, res->body.n, msg_error_spec, &e, sizeof e, x->ar, NULL) == 0) {
        x->err = err_by_name(e.err);
        snprintf(x->said, sizeof x->said, "%s", e.err);
    }
}

static int read_reply(struct joining *x, const struct link_result *res)
{
    struct msg_enrol_reply m;
    int r = jspec_read(res->body.p, res->body.n, msg_enrol_reply_spec, &m, sizeof m, x->ar, NULL);
    if (r < 0) {
        return r;
    }
    x->heard = true;
    x->retry = m.retry;
    if (m.need != NULL && x->need[0] == '\0') {
        snprintf(x->need, sizeof x->need, "%s", m.need);
        VERB_SAY(x->v, 0, "recover.need", "need", x->need, "node", x->inv.node, "kid", x->kid.s);
    }
    x->state = strcmp(m.state, "done") == 0 ? 2 : strcmp(m.state, "act") == 0 ? 1 : 0;
    if (x->state == 1) {
        if (m.act == NULL || strlen(m.act) >= sizeof x->act) {
            return SANJI_E_SPEC;
        }
        snprintf(x->act, sizeof x->act, "%s", m.act);
    }
    return 0;
}

static void on_reply(const struct link_result *res, void *arg)
{
    struct joining *x = arg;
    bool ours =
        res->outcome == LINK_OK && strncmp(res->content_type, "application/vnd.sanji", 21) == 0;
    x->err = 0;
    if (res->outcome == LINK_PIN) {
        x->err = SANJI_E_NOT_SANJI;
    } else if (res->outcome != LINK_OK) {
        x->err = SANJI_E_UNREACHABLE;
    } else if (!ours) {
        x->err = SANJI_E_NOT_SANJI; /* a captive portal */
    } else if (res->status != 200 && res->status != 202) {
        read_error(x, res);
    } else {
        x->err = read_reply(x, res);
    }
    loop_stop(x->l);
}

static int ask(struct joining *x)
{
    static const struct http_header type[] = {{"Content-Type", SANJI_TYPE_JSON}};
    struct link_call c = {.path = SANJI_PATH_ENROL,
                          .headers = type,
                          .header_n = 1,
                          .max_reply = 1 << 20,
                          .timeout_ms = 30000,
                          .fn = on_reply,
                          .arg = x};
    buf_reset(&x->body);
    int r = app_join_request(&x->j, x->url, span_of(x->act, strlen(x->act)), &x->body, x->digits);
    if (r == 0) {
        c.body = x->body.data;
        c.body_len = x->body.len;
        r = link_post(x->k, 0, &c);
    }
    if (r == 0) {
        r = loop_run(x->l);
    }
    return r < 0 ? r : x->err;
}

static void rest(int64_t ms)
{
    struct timespec ts = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&ts, NULL);
}

/* 0 done; SANJI_E_PENDING: not approved within the time. */
static int converse(struct joining *x, int64_t wait_ms)
{
    int64_t until = app_mono_ms() + wait_ms;
    bool shown = false;
    for (;;) {
        int r = ask(x);
        if (r < 0 && r != SANJI_E_PENDING) {
            return r;
        }
        if (x->state == 2) {
            return 0;
        }
        if (x->state == 1) {
            struct fault f = {0};
            r = app_join_check_act(&x->j, span_of(x->act, strlen(x->act)), &f);
            if (r < 0) {
                return r;
            }
            continue;
        }
        if (!shown) {
            struct buf b;
            buf_init(&b, 4096);
            text_put(&b, x->v->lang, "join.digits", "digits", x->digits, "node", x->inv.node, NULL);
            (void)verb_say(x->v, &b);
            buf_done(&b);
            shown = true;
        }
        int64_t left = until - app_mono_ms();
        if (left <= 0) {
            return SANJI_E_PENDING;
        }
        int64_t pause = x->retry > 0 ? x->retry : 1000;
        pause = pause > 2000 ? 2000 : pause;
        rest(pause < left ? pause : left);
    }
}

/* An invite holds a secret, and what stands in the arguments of a process is seen by everybody on
 * the machine. Ends with the line that completes the invite: a person need not know the end-of-file
 * key, and a terminal may have broken the line. */
static int invite_from_input(struct joining *x, struct buf *b, struct fault *f)
{
    if (isatty(STDIN_FILENO) == 1) {
        VERB_SAY(x->v, 0, "join.paste");
    }
    for (;;) {
        char c = 0;
        ssize_t n = read(STDIN_FILENO, &c, 1);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return SANJI_E_IO;
        }
        if (n > 0 && buf_putc(b, c) < 0) {
            return fault_set(f, SANJI_E_SIZE, "invite", "a shorter line");
        }
        if (n == 0 || c == '\n') {
            *f = (struct fault){0};
            int r = invite_read(buf_str(b), b->len, x->ar, &x->inv, f);
            bool done = n == 0 || (b->len >= 2 && b->data[b->len - 2] == '\n'); /* an empty line */
            if (done || r == 0) {
                return r;
            }
        }
    }
}

int join_read_invite(struct joining *x)
{
    struct buf b;
    struct fault f = {0};
    int r = 0;
    buf_init(&b, 65536);
    if (x->v->n_args == 1 && strcmp(x->v->arg[0], "-") == 0) {
        r = invite_from_input(x, &b, &f);
    } else {
        for (int i = 0; i < x->v->n_args; i++) { /* a pasted invite may arrive in pieces */
            buf_puts(&b, x->v->arg[i]);
        }
        r = invite_read(buf_str(&b), b.len, x->ar, &x->inv, &f);
    }
    buf_wipe_done(&b);
    if (r == SANJI_E_SYNTAX || r == SANJI_E_HASH || r == SANJI_E_ENCODING) {
        VERB_SAY(x->v, EXIT_NO, "join.damaged", "err", err_name(r));
    }
    return r < 0 ? verb_fail_fault(x->v, r, &f, "INVITE") : EXIT_OK;
}

/* The same invite will not be taken another day either. */
static bool is_refusal(int r)
{
    return r == SANJI_E_USED || r == SANJI_E_EXPIRED || r == SANJI_E_SIGNATURE ||
           r == SANJI_E_FEDERATION || r == SANJI_E_NOT_FOUND || r == SANJI_E_CLOSED ||
           r == SANJI_E_AUTHORITY;
}

int join_talk(struct joining *x, int64_t wait)
{
    struct link_cfg cfg = {.url = x->inv.url, .pin = x->inv.tls, .connect_ms = 10000};
    x->l = loop_new();
    int r = x->l == NULL ? SANJI_E_NOMEM : link_new(x->l, &cfg, &x->k);
    if (r == 0) {
        r = converse(x, wait);
    }
    link_free(x->k);
    loop_free(x->l);
    if (is_refusal(r) && x->j.fresh && !x->heard) {
        app_join_drop(x->v->dir);
    }
    return r;
}

int join_wait(struct verb *v, int64_t *ret)
{
    const char *w = verb_flag(v, "wait");
    *ret = 600000;
    if (w != NULL && text_duration_ms(w, ret) < 0) {
        return verb_bad_value(v, "wait");
    }
    *ret = verb_has(v, "no-wait") ? 0 : *ret;
    return EXIT_OK;
}

int join_told(struct joining *x)
{
    struct verb *v = x->v;
    if (verb_has(v, "json")) {
        (void)verb_out(v, "{\"node\":\"%s\",\"parent\":\"%s\",\"recovery\":\"%s\"}\n", x->inv.node,
                       x->inv.up, x->recovery);
    } else {
        VERB_TELL(v, "join.done", "name", x->inv.name, "node", x->inv.node, "dir", v->dir);
        if (!x->j.done) { /* the code in force is the one shown then */
            verb_recovery(v, x->recovery);
        }
    }
    return x->j.done ? EXIT_OK : verb_sheet(v, x->inv.node, x->recovery);
}

static int join_run(struct joining *x)
{
    struct verb *v = x->v;
    struct fault f = {0};
    struct app_birth b = {.dir = v->dir,
                          .staff = verb_flag(v, "staff"),
                          .sync = verb_flag(v, "sync"),
                          .url = verb_flag(v, "url"),
                          .zh = v->lang == TEXT_ZH};
    int64_t wait = 0;
    int code = join_wait(v, &wait);
    code = code != EXIT_OK ? code : join_read_invite(x);
    if (code != EXIT_OK) {
        return code;
    }
    if (x->inv.lost) {
        VERB_SAY(v, EXIT_NO, "join.recover", "node", x->inv.node);
    }
    if (!verb_has(v, "ferry") && strcmp(x->inv.url, INVITE_NO_URL) == 0) {
        VERB_SAY(v, EXIT_NO, "join.no_url");
    }
    int r = app_join_prepare(&b, &x->inv, &x->j, &f);
    if (r < 0) {
        return verb_place_failed(v, r, &f, v->dir);
    }
    if (verb_has(v, "ferry")) {
        return join_by_ferry(x, verb_flag(v, "ferry"));
    }
    r = x->j.done ? 0 : join_talk(x, wait);
    if (r == SANJI_E_PENDING) {
        VERB_SAY(v, EXIT_LATER, "join.later", "node", x->inv.node);
    }
    if (r == SANJI_E_UNREACHABLE || r == SANJI_E_NOT_SANJI) {
        return verb_fail(v, r, x->inv.url);
    }
    if (r == 0 && !x->j.done) {
        r = app_join_finish(v->dir, &x->j, NULL, x->recovery);
    }
    if (r < 0) {
        return verb_fail(v, r, x->said[0] != '\0' && r == SANJI_E_REFUSED ? x->said : "INVITE");
    }
    return join_told(x);
}

int join_with(struct verb *v, int (*run)(struct joining *x))
{
    struct joining *x = calloc(1, sizeof *x);
    if (x == NULL) {
        return verb_fail(v, SANJI_E_NOMEM, NULL);
    }
    x->v = v;
    x->url = verb_flag(v, "url");
    x->ar = arena_new(4 << 20);
    buf_init(&x->body, 1 << 20);
    int code = x->ar == NULL ? verb_fail(v, SANJI_E_NOMEM, NULL) : run(x);
    arena_free(x->ar);
    buf_done(&x->body);
    mem_wipe(x, sizeof *x);
    free(x);
    return code;
}

int v_join(struct verb *v)
{
    return join_with(v, join_run);
}
