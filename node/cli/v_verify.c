/* SPDX-License-Identifier: Apache-2.0 */
/* verify: says what is wrong in a node's database, and with --heal repairs it: by itself what the
 * bundles show, from its neighbours what only they hold. */
#include "node/cli/verb.h"

#include "node/serve.h"
#include "protocol/base/text.h"
#include "protocol/jwrite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void number(int64_t n, char out[static 32])
{
    snprintf(out, 32, "%lld", (long long)n);
}

/* A folder that does not open is looked at by every command, and not every one has the option. */
static bool in_json(const struct verb *v)
{
    const struct verb_flag *f = v->def->flags;
    for (size_t i = 0; i < sizeof v->def->flags / sizeof *f && f[i].name != NULL; i++) {
        if (strcmp(f[i].name, "json") == 0) {
            return verb_has(v, "json");
        }
    }
    return false;
}

static void on_wrong(const char *what, const char *where, int err, const char *member, void *arg)
{
    struct verb *v = arg;
    struct buf b;
    struct jw w;
    buf_init(&b, 8192);
    if (in_json(v)) {
        jw_init(&w, &b);
        jw_obj(&w, NULL);
        jw_str(&w, "what", what);
        jw_str(&w, "where", where);
        jw_str(&w, "err", err_name(err));
        jw_str(&w, "member", member != NULL ? member : "");
        jw_end_obj(&w);
        (void)jw_done(&w);
        (void)verb_text(v, &b);
    } else {
        char key[64];
        snprintf(key, sizeof key, "verify.%s", what);
        text_put(&b, v->lang, key, "where", where, "member", member != NULL ? member : "", "err",
                 text_error(v->lang, err), NULL);
        buf_printf(&b, " [%s]", err_name(err));
        (void)verb_say(v, &b);
    }
    buf_done(&b);
}

static int verdict(struct verb *v, app_wrong_fn *fn, struct app_verdict *d)
{
    char n[32], items[32], bad[32];
    int r = app_verify(v->app, d, fn, v);
    if (r < 0) {
        return verb_fail(v, r, NULL);
    }
    number(d->bundles, n);
    number(d->items, items);
    number(d->wrong, bad);
    if (in_json(v)) {
        (void)verb_out(v, "{\"bundles\":%s,\"items\":%s,\"wrong\":%s}\n", n, items, bad);
        return d->wrong == 0 ? EXIT_OK : EXIT_NO;
    }
    if (d->wrong > 0) {
        VERB_SAY(v, EXIT_NO, "verify.bad", "n", n, "wrong", bad);
    }
    VERB_TELL(v, "verify.good", "n", n, "items", items);
    return EXIT_OK;
}

/* ---- --heal ---- */

enum { ROUNDS = 3 }; /* what a bundle said shows only when it is back */

struct healing {
    int64_t until, wait;
    int round;
};

static void count(const struct sync_wanted *h, void *arg)
{
    (void)h;
    ++*(int64_t *)arg;
}

static void tell_left(const struct sync_wanted *h, void *arg)
{
    struct sync_stream_row st = {.key = *h->key};
    char where[LIM_AUD_BYTES + 64];
    (void)snprintf(where, sizeof where, "%s/%s/%u/%lld", st.key.by.s, st.key.aud,
                   (unsigned)st.key.ep, (long long)h->seq);
    on_wrong(h->held  ? "on_the_way"
             : h->own ? "alone"
                      : "nowhere",
             where, SANJI_E_PENDING, "", arg);
}

static int64_t left(const struct verb *v)
{
    int64_t n = 0;
    sync_wanted_each(v->app->sync, count, &n);
    return n;
}

static int repair(struct verb *v)
{
    struct app_healed h;
    char rows[32], asked[32], bundles[32];
    int r = app_heal(v->app, &h);
    if (r < 0) {
        return verb_fail(v, r, NULL);
    }
    number(h.rows, rows);
    number(h.asked, asked);
    number(h.bundles, bundles);
    if (in_json(v)) {
        (void)verb_out(v, "{\"rows\":%s,\"asked\":%s,\"bundles\":%s,\"said\":%lld,\"lost\":%lld}\n",
                       rows, asked, bundles, (long long)h.said, (long long)h.lost);
    } else {
        VERB_TELL(v, "verify.healed", "rows", rows, "asked", asked, "n", bundles);
        if (h.said > 0) {
            number(h.said, rows);
            VERB_TELL(v, "verify.said", "n", rows);
        }
        for (int64_t i = 0; i < h.lost && i < APP_LOST_NAMED; i++) {
            VERB_TELL(v, "verify.lost", "what", h.name[i]);
        }
    }
    return EXIT_OK;
}

static int end(struct verb *v)
{
    struct app_verdict d;
    sync_wanted_each(v->app->sync, tell_left, v);
    int code = verdict(v, on_wrong, &d);
    return code == EXIT_NO && left(v) > 0 ? EXIT_LATER : code;
}

/* Another round, unless nothing more can be done. */
static int go_on(struct verb *v, struct healing *x)
{
    struct app_verdict d;
    int r = app_verify(v->app, &d, NULL, NULL);
    if (r < 0) {
        return verb_fail(v, r, NULL);
    }
    if (d.wrong == 0 || x->round++ >= ROUNDS) {
        return end(v);
    }
    int code = repair(v);
    if (code != EXIT_OK) {
        return code;
    }
    if (left(v) == 0) {
        return end(v);
    }
    if (!v->in_daemon) {
        (void)serve_sync_once(v->app, x->wait);
        return left(v) == 0 ? go_on(v, x) : end(v);
    }
    serve_ask_now();
    x->until = app_mono_ms() + x->wait;
    v->wait_ms = 100;
    return VERB_WAIT;
}

static int heal(struct verb *v)
{
    int64_t wait = 60000;
    const char *w = verb_flag(v, "wait");
    struct app_verdict d;
    struct healing *x = v->data;
    if (w != NULL && (text_duration_ms(w, &wait) < 0 || wait < 100 || wait > 3600000)) {
        return verb_bad_value(v, "wait");
    }
    if (x != NULL) {
        return left(v) > 0 && app_mono_ms() < x->until ? VERB_WAIT
               : left(v) > 0                           ? end(v)
                                                       : go_on(v, x);
    }
    int code = verdict(v, on_wrong, &d);
    if (code != EXIT_NO || d.wrong == 0) {
        return code;
    }
    x = calloc(1, sizeof *x);
    if (x == NULL) {
        return verb_fail(v, SANJI_E_NOMEM, NULL);
    }
    x->wait = wait;
    v->data = x;
    v->drop = free;
    return go_on(v, x);
}

int v_verify(struct verb *v)
{
    struct app_verdict d;
    return verb_has(v, "heal") ? heal(v) : verdict(v, on_wrong, &d);
}

int verb_damaged(struct verb *v)
{
    int64_t n = 0;
    int r = app_damage(v->dir, on_wrong, v, &n);
    if (r < 0) {
        return verb_fail(v, r, v->dir);
    }
    VERB_SAY(v, EXIT_NO, "verify.shut", "dir", v->dir);
}
