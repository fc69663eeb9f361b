/* SPDX-License-Identifier: Apache-2.0 */
/* How nodes come into being on the command line: init, invite, join, approve. */
#include "node/cli/put.h"

#include "node/cli/qr.h"
#include "node/http/tls.h"
#include "node/loop.h"
#include "node/peer/link_https.h"
#include "protocol/base/enc.h"
#include "protocol/base/text.h"
#include "protocol/jwrite.h"
#include "sync/enrol.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int v_init(struct verb *v)
{
    struct app_birth b = {.dir = v->dir,
                          .name = verb_flag(v, "name"),
                          .area = verb_flag(v, "area"),
                          .root_key = verb_flag(v, "root-key"),
                          .staff = verb_flag(v, "staff"),
                          .sync = verb_flag(v, "sync"),
                          .url = verb_flag(v, "url"),
                          .lv = app_tier_level(verb_flag(v, "tier")),
                          .zh = v->lang == TEXT_ZH};
    struct app_born x;
    struct fault f = {0};
    char g[B64U_LEN(HASH_LEN) + 1] = {0};
    if (b.lv == 0) {
        VERB_SAY(v, EXIT_USAGE, "usage.tier", "what", verb_flag(v, "tier"));
    }
    int r = app_init(&b, &x, &f);
    if (r < 0) {
        bool key = strcmp(f.member, "root-key") == 0 && r == SANJI_E_IO;
        int code = verb_place_failed(v, r, &f, key ? x.root_key : v->dir);
        return r == SANJI_E_SPEC ? EXIT_USAGE : code;
    }
    b64u_put(x.g, HASH_LEN, g);
    if (verb_has(v, "json")) {
        struct buf o;
        struct jw w;
        buf_init(&o, 16384);
        jw_init(&w, &o);
        jw_obj(&w, NULL);
        jw_str(&w, "node", x.id.s);
        jw_str(&w, "g", g);
        jw_str(&w, "root_key", x.root_key);
        jw_str(&w, "recovery", x.recovery);
        jw_end_obj(&w);
        (void)jw_done(&w);
        (void)verb_text(v, &o);
        buf_done(&o);
    } else {
        VERB_TELL(v, "init.done", "name", b.name, "node", x.id.s, "g", g);
    }
    VERB_SAY(v, 0, "init.root_key", "file", x.root_key);
    VERB_SAY(v, 0, "init.next", "dir", v->dir);
    if (!verb_has(v, "json")) {
        verb_recovery(v, x.recovery);
    }
    mem_wipe(x.recovery, sizeof x.recovery);
    return EXIT_OK;
}

int v_invite(struct verb *v)
{
    const char *ttl = verb_flag(v, "ttl"), *name = verb_flag(v, "name"),
               *area = verb_flag(v, "area");
    const struct roster_node *me = app_self_node(v->app);
    int64_t ms = INT64_C(7) * 86400000, lv = app_tier_level(verb_flag(v, "tier"));
    struct sync_tick t;
    struct node_id id;
    struct buf line;
    if (lv == 0) {
        VERB_SAY(v, EXIT_USAGE, "usage.tier", "what", verb_flag(v, "tier"));
    }
    if (ttl != NULL &&
        (text_duration_ms(ttl, &ms) < 0 || ms < 60000 || ms > INT64_C(90) * 86400000)) {
        VERB_SAY(v, EXIT_USAGE, "usage.bad_value", "what", "--ttl");
    }
    if (!app_area_ok(area)) {
        VERB_SAY(v, EXIT_USAGE, "usage.bad_value", "what", "--area");
    }
    if (utf8_len(name, strlen(name)) > 80 || !utf8_valid(name, strlen(name), NULL) ||
        text_has_control(name, strlen(name), false)) {
        VERB_SAY(v, EXIT_USAGE, "usage.bad_value", "what", "--name");
    }
    if (me == NULL) {
        VERB_SAY(v, EXIT_NO, "invite.no_roster");
    }
    if (lv <= me->lv) {
        VERB_SAY(v, EXIT_NO, "invite.tier", "tier", verb_flag(v, "tier"), "own",
                 app_tier_name(me->lv));
    }
    if (v->app->cfg.url[0] == '\0') {
        VERB_SAY(v, EXIT_NO, "invite.no_url");
    }
    buf_init(&line, 16384);
    int r = app_tick_make(&t);
    if (r == 0) {
        r = enrol_invite(v->app->sync, &t, name, lv, area, v->app->cfg.url, ms,
                         verb_has(v, "auto-approve"), &line, &id);
    }
    if (r == 0 && verb_has(v, "json")) {
        (void)verb_out(v, "{\"node\":\"%s\",\"invite\":\"%s\"}\n", id.s, buf_str(&line));
    } else if (r == 0) {
        (void)verb_text(v, &line);
        if (!verb_has(v, "auto-approve")) {
            VERB_SAY(v, 0, "invite.next", "node", id.s);
        }
        if (verb_has(v, "qr")) {
            struct buf q;
            buf_init(&q, 1 << 20);
            r = qr_terminal(buf_str(&line), &q);
            if (r == 0) {
                (void)verb_put(v, q.data, q.len);
            }
            buf_done(&q);
        }
    }
    buf_done(&line);
    return r < 0 ? verb_fail(v, r, name) : EXIT_OK;
}

int v_approve(struct verb *v)
{
    struct sync_tick t;
    int r = app_tick_make(&t);
    if (r == 0) {
        r = enrol_approve(v->app->sync, &t, v->arg[0]);
    }
    if (r == SANJI_E_STATE) {
        VERB_SAY(v, EXIT_NO, "approve.nobody", "node", v->arg[0]);
    }
    if (r < 0) {
        return verb_fail(v, r, v->arg[0]);
    }
    v->app->wrote = true; /* the node act may have been written: neighbours want it */
    if (verb_has(v, "json")) {
        (void)verb_out(v, "{\"node\":\"%s\",\"approved\":true}\n", v->arg[0]);
    } else {
        VERB_TELL(v, "approve.done", "node", v->arg[0]);
    }
    return EXIT_OK;
}

/* ---- join ---- */

struct joining {
    struct verb *v;
    struct loop *l;
    struct link *k;
    struct app_join j;
    struct msg_invite inv;
    struct arena *ar;
    const char *url;
    char act[16384]; /* text to be signed in the second step */
    char digits[7];
    struct buf body;
    int err;       /* of the last request */
    char said[64]; /* the parent's own error name */
    int state;     /* 0 pending, 1 act, 2 done */
    int64_t retry;
    char recovery[RECOVERY_TEXT];
};

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
    x->retry = m.retry;
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

static int read_invite(struct joining *x)
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

static int join_talk(struct joining *x, int64_t wait)
{
    struct link_cfg cfg = {.url = x->inv.url, .pin = x->inv.tls, .connect_ms = 10000};
    x->l = loop_new();
    int r = x->l == NULL ? SANJI_E_NOMEM : link_new(x->l, &cfg, &x->k);
    if (r == 0) {
        r = converse(x, wait);
    }
    link_free(x->k);
    loop_free(x->l);
    return r;
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
    int64_t wait = 600000;
    const char *w = verb_flag(v, "wait");
    if (w != NULL && text_duration_ms(w, &wait) < 0) {
        VERB_SAY(v, EXIT_USAGE, "usage.bad_value", "what", "--wait");
    }
    wait = verb_has(v, "no-wait") ? 0 : wait;
    int code = read_invite(x);
    if (code != EXIT_OK) {
        return code;
    }
    int r = app_join_prepare(&b, &x->inv, &x->j, &f);
    if (r < 0) {
        return verb_place_failed(v, r, &f, v->dir);
    }
    r = x->j.done ? 0 : join_talk(x, wait);
    if (r == SANJI_E_PENDING) {
        VERB_SAY(v, EXIT_LATER, "join.later", "node", x->inv.node);
    }
    if (r == SANJI_E_UNREACHABLE || r == SANJI_E_NOT_SANJI) {
        return verb_fail(v, r, x->inv.url);
    }
    if (r == 0 && !x->j.done) {
        r = app_join_finish(v->dir, &x->j, x->recovery);
    }
    if (r < 0) {
        return verb_fail(v, r, x->said[0] != '\0' && r == SANJI_E_REFUSED ? x->said : "INVITE");
    }
    if (verb_has(v, "json")) {
        (void)verb_out(v, "{\"node\":\"%s\",\"parent\":\"%s\",\"recovery\":\"%s\"}\n", x->inv.node,
                       x->inv.up, x->recovery);
    } else {
        VERB_TELL(v, "join.done", "name", x->inv.name, "node", x->inv.node, "dir", v->dir);
        if (!x->j.done) { /* the code in force is the one shown then */
            verb_recovery(v, x->recovery);
        }
    }
    return EXIT_OK;
}

int v_join(struct verb *v)
{
    struct joining *x = calloc(1, sizeof *x);
    if (x == NULL) {
        return verb_fail(v, SANJI_E_NOMEM, NULL);
    }
    x->v = v;
    x->url = verb_flag(v, "url");
    x->ar = arena_new(4 << 20);
    buf_init(&x->body, 1 << 20);
    int code = x->ar == NULL ? verb_fail(v, SANJI_E_NOMEM, NULL) : join_run(x);
    arena_free(x->ar);
    buf_done(&x->body);
    mem_wipe(x, sizeof *x);
    free(x);
    return code;
}
