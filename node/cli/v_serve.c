/* SPDX-License-Identifier: Apache-2.0 */
/* serve, sync, and what helps to start them: config (prints or checks settings) and doctor. */
#include "node/cli/put.h"

#include "node/log.h"
#include "node/serve.h"
#include "protocol/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_ready(const struct serve_ready *r, void *arg)
{
    struct verb *v = arg;
    char staff[16], sync[16];
    snprintf(staff, sizeof staff, "%d", r->staff_port);
    snprintf(sync, sizeof sync, "%d", r->sync_port);
    struct buf b;
    buf_init(&b, 4096);
    text_put(&b, v->lang, "serve.ready", "staff", staff, "sync", sync, NULL);
    (void)verb_say(v, &b);
    buf_done(&b);
}

int v_serve(struct verb *v)
{
    struct app_fault f = {.report = verb_config_problem, .arg = v};
    struct fault fault = {0};
    struct app *a = NULL;
    int r = verb_open(v, &a, &f);
    if (r < 0) {
        return verb_open_failed(v, r, &f);
    }
    log_set_json(a->cfg.log_json);
    log_set_level(log_level_by_name(a->cfg.log_level));
    r = serve_run(a, on_ready, v, &fault);
    return r < 0 ? verb_fail_fault(v, r, &fault, v->dir) : EXIT_OK;
}

static int sync_said(struct verb *v, int r)
{
    if (r == SANJI_E_NOT_FOUND) {
        VERB_SAY(v, EXIT_NO, "sync.top");
    }
    if (r < 0) {
        struct node_id id;
        uint8_t tls[HASH_LEN];
        struct buf url;
        buf_init(&url, 4096);
        (void)sync_parent(v->app->sync, &id, tls, &url);
        int code = verb_fail(v, r, buf_str(&url));
        buf_done(&url);
        return code;
    }
    if (verb_has(v, "json")) {
        (void)verb_out(v, "{\"in_step\":true}\n");
    } else {
        VERB_TELL(v, "sync.done");
    }
    return EXIT_OK;
}

struct sync_wait {
    int64_t until;
};

int v_sync(struct verb *v)
{
    int64_t wait = 120000;
    const char *w = verb_flag(v, "wait");
    if (w != NULL && (text_duration_ms(w, &wait) < 0 || wait < 100 || wait > 3600000)) {
        return verb_bad_value(v, "wait");
    }
    if (app_by_files(v->app)) {
        VERB_SAY(v, EXIT_NO, "sync.by_files");
    }
    if (!v->in_daemon) {
        return sync_said(v, serve_sync_once(v->app, wait));
    }
    struct sync_wait *x = v->data;
    if (x == NULL) {
        if (app_is_top(v->app)) {
            return sync_said(v, SANJI_E_NOT_FOUND);
        }
        x = calloc(1, sizeof *x);
        if (x == NULL) {
            return verb_fail(v, SANJI_E_NOMEM, NULL);
        }
        v->data = x;
        v->drop = free;
        x->until = app_mono_ms() + wait;
        (void)app_tick(v->app,
                       app_mono_ms() + INT64_C(1000000000)); /* what is due belongs to "the same" */
        serve_ask_now();
        v->wait_ms = 20;
        return VERB_WAIT;
    }
    int r = sync_now_state(v->app->sync);
    if (r == SANJI_E_PENDING && app_mono_ms() < x->until) {
        return VERB_WAIT;
    }
    return sync_said(v, r == SANJI_E_PENDING ? SANJI_E_UNREACHABLE : r);
}

/* Without a file: a commented file with every default. With one: checks it. */
int v_config(struct verb *v)
{
    struct config c;
    struct buf b;
    const char *dir = verb_flag(v, "data");
    struct app_fault f = {.report = verb_config_problem, .arg = v};
    config_defaults(&c);
    int r = 0;
    if (v->n_args > 0) {
        struct buf text;
        char chunk[4096];
        FILE *fp = fopen(v->arg[0], "rbe");
        if (fp == NULL) {
            return verb_fail(v, SANJI_E_NOT_FOUND, v->arg[0]);
        }
        buf_init(&text, CONFIG_FILE_BYTES * 2);
        for (size_t n; (n = fread(chunk, 1, sizeof chunk, fp)) > 0;) {
            buf_put(&text, chunk, n);
        }
        fclose(fp);
        r = text.err < 0 ? SANJI_E_SIZE
                         : config_parse(buf_str(&text), text.len, &c, verb_config_problem, v);
        buf_done(&text);
    } else if (dir != NULL) {
        r = app_config_read(dir, &c, &f);
    }
    if (r < 0) {
        return verb_fail(v, r, v->n_args > 0 ? v->arg[0] : f.path);
    }
    buf_init(&b, CONFIG_FILE_BYTES * 2);
    r = config_print(&c, v->lang == TEXT_ZH, &b);
    if (r == 0) {
        (void)verb_put(v, b.data, b.len);
    }
    buf_done(&b);
    return r < 0 ? verb_fail(v, r, NULL) : EXIT_OK;
}
