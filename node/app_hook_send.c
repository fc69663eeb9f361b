/* SPDX-License-Identifier: Apache-2.0 */
/* What is new becomes messages, and messages become requests: found, signed at the moment of
 * sending, and taken from the queue when somebody has them. */
#include "node/app_hook.h"

#include "node/app_internal.h"
#include "node/app_todo.h"
#include "node/tidy.h"
#include "protocol/base/enc.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/suite.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_MS = 60000, FIRST_MS = 2000, LAST_MS = 3600000, BASE64_BYTES = 48, KEY_BYTES = 512 };

/* ---- what is new ---- */

struct group {
    enum app_todo_source source;
    char kind[40];
    int64_t count;
};
struct looking {
    struct app *a;
    struct app_todo_list *l;
    uint8_t (*key)[HASH_LEN];
    struct group *group;
    size_t n;
};

/* A matter is another one in another state: a report that came back wants something new. */
static void key_of(const struct app_todo *t, uint8_t ret[static HASH_LEN])
{
    char text[KEY_BYTES];
    int n = snprintf(text, sizeof text, "%s|%s|%s|%s|%s|%s", app_todo_source_name(t->source),
                     t->kind, t->owner, t->id, t->state,
                     t->source == TODO_PARKED || t->source == TODO_KEEP ? "" : t->extra);
    hash_bytes(text, n > 0 && n < KEY_BYTES ? (size_t)n : KEY_BYTES - 1, ret);
}

static int look_begin(struct app *a, struct looking *x)
{
    *x = (struct looking){.a = a};
    struct app_person who = {.role = "admin"};
    int r = app_todo(a, &who, &x->l);
    if (r < 0) {
        return r;
    }
    x->key = calloc(x->l->n + 1, sizeof *x->key);
    x->group = calloc(x->l->n + 1, sizeof *x->group);
    for (size_t i = 0; x->key != NULL && i < x->l->n; i++) {
        key_of(&x->l->v[i], x->key[i]);
    }
    return x->key != NULL && x->group != NULL ? 0 : SANJI_E_NOMEM;
}

static void look_end(struct looking *x)
{
    free(x->key);
    free(x->group);
    free(x->l);
}

static void count(struct looking *x, const struct app_todo *t)
{
    for (size_t i = 0; i < x->n; i++) {
        if (x->group[i].source == t->source && strcmp(x->group[i].kind, t->kind) == 0) {
            x->group[i].count++;
            return;
        }
    }
    struct group *g = &x->group[x->n++];
    g->source = t->source;
    g->count = 1;
    memcpy(g->kind, t->kind, sizeof g->kind);
}

static bool still_waits(const uint8_t k[static HASH_LEN], void *arg)
{
    const struct looking *x = arg;
    for (size_t i = 0; i < x->l->n; i++) {
        if (memcmp(x->key[i], k, HASH_LEN) == 0) {
            return true;
        }
    }
    return x->l->more; /* it may be among those that are not listed */
}

/* Counts what is new, and remembers it. */
static int see(struct looking *x)
{
    int r = hook_forget(x->a->store, still_waits, x);
    for (size_t i = 0; r == 0 && i < x->l->n; i++) {
        bool is_new = false;
        r = hook_see(x->a->store, x->key[i], &is_new);
        if (r == 0 && is_new) {
            count(x, &x->l->v[i]);
        }
    }
    return r;
}

int app__hook_seen(struct app *a)
{
    struct looking x;
    int r = look_begin(a, &x);
    r = r < 0 ? r : see(&x);
    look_end(&x);
    return r;
}

static int on_hook(const struct hook_row *h, void *arg)
{
    struct looking *x = arg;
    int r = 0;
    for (size_t i = 0; r == 0 && i < x->n; i++) {
        const char *source = app_todo_source_name(x->group[i].source);
        if (h->events[0] == '\0' || app__word_in(h->events, source)) {
            r = app__hook_push(x->a, h, source, x->group[i].kind, x->group[i].count);
        }
    }
    return r;
}

static int on_any(const struct hook_row *h, void *arg)
{
    (void)h;
    *(bool *)arg = true;
    return 1;
}

/* The whole list is worked out for it. What is no change of the views (a day that has come) may
 * wait a minute. */
static bool is_time(const struct app *a)
{
    return a->hook_mono == 0 || a->hook_views != a->views_n ||
           app_mono_ms() - a->hook_mono >= LOOK_MS;
}

int app_hook_look(struct app *a)
{
    struct looking x;
    bool any = false;
    int r = hook_list(a->store, on_any, &any);
    if (r < 0 || !any || !is_time(a)) {
        return r;
    }
    uint64_t seen = a->views_n;
    r = look_begin(a, &x);
    r = r < 0 ? r : store_begin(a->store);
    if (r == 0) {
        r = see(&x);
        r = r < 0 ? r : hook_list(a->store, on_hook, &x);
        r = r < 0 ? r : store_commit(a->store);
        if (r < 0) {
            store_rollback(a->store);
        }
    }
    look_end(&x);
    if (r == 0) {
        a->hook_views = seen;
        a->hook_mono = app_mono_ms();
    }
    return r;
}

/* ---- messages that are due ---- */

struct due {
    struct app *a;
    const int64_t *busy;
    size_t n_busy;
    app_hook_job_fn *fn;
    void *arg;
    struct app_hook_job *job;
};

/* Over time and body, so that neither can be sent again with another. */
static void sign_plain(struct app_hook_job *j, const char *secret, int64_t now)
{
    uint8_t mac[HASH_LEN];
    struct buf b;
    buf_init(&b, 1 << 16);
    snprintf(j->time, sizeof j->time, "%lld", (long long)(now / 1000));
    buf_printf(&b, "%s.%s", j->time, buf_str(&j->body));
    hmac_bytes(secret, strlen(secret), b.data, b.len, mac);
    memcpy(j->sign, "v1=", 3);
    j->sign[3 + hex_put(mac, sizeof mac, j->sign + 3)] = '\0';
    buf_done(&b);
}

/* As the robot wants it: base64 of HMAC-SHA256(secret, time "\n" secret), escaped, in the address.
 */
static void sign_dingtalk(struct app_hook_job *j, const char *secret, int64_t now)
{
    uint8_t mac[HASH_LEN];
    char text[HOOK_SECRET * 4 + 32], b64[BASE64_BYTES];
    int n = snprintf(text, sizeof text, "%lld\n%s", (long long)now, secret);
    hmac_bytes(secret, strlen(secret), text, (size_t)n, mac);
    EVP_EncodeBlock((unsigned char *)b64, mac, sizeof mac);
    buf_printf(&j->path,
               "%stimestamp=%lld&sign=", strchr(buf_str(&j->path), '?') == NULL ? "?" : "&",
               (long long)now);
    for (const char *p = b64; *p != '\0'; p++) {
        if (strchr("+/=", *p) == NULL) {
            buf_putc(&j->path, *p);
        } else {
            buf_printf(&j->path, "%%%02X", (unsigned)*p);
        }
    }
    mem_wipe(text, sizeof text);
}

static int fill(const struct hook_row *h, void *arg)
{
    struct due *x = arg;
    struct app_hook_job *j = x->job;
    if (h->n != j->hook) {
        return 0;
    }
    const char *p = strstr(h->url, "://") + 3; /* checked when it was taken */
    const char *rest = p + strcspn(p, "/?");
    int64_t now = app_now_ms();
    buf_put(&j->base, h->url, (size_t)(rest - h->url));
    buf_printf(&j->path, "%s%s", rest[0] == '/' ? "" : "/", rest);
    snprintf(j->form, sizeof j->form, "%s", h->form);
    j->local = app_hook_is_local(h->url);
    if (strcmp(h->form, "plain") == 0) {
        sign_plain(j, h->secret, now);
    } else if (strcmp(h->form, "dingtalk") == 0 && h->secret[0] != '\0') {
        sign_dingtalk(j, h->secret, now);
    }
    int r = j->base.err < 0 ? j->base.err : j->path.err;
    return r < 0 ? r : 1;
}

static int on_due(const struct hook_message *m, void *arg)
{
    struct due *x = arg;
    for (size_t i = 0; i < x->n_busy; i++) {
        if (x->busy[i] == m->hook) {
            return 0;
        }
    }
    x->job = calloc(1, sizeof *x->job);
    if (x->job == NULL) {
        return SANJI_E_NOMEM;
    }
    x->job->n = m->n;
    x->job->hook = m->hook;
    buf_init(&x->job->base, HOOK_URL + 16);
    buf_init(&x->job->path, HOOK_URL + 512);
    buf_init(&x->job->body, 1 << 16);
    buf_puts(&x->job->body, m->body);
    int r = hook_list(x->a->store, fill, x);
    if (r >= 0) {
        x->fn(x->job, x->arg);
        return 0;
    }
    app_hook_job_free(x->job);
    return r;
}

int app_hook_due(struct app *a, const int64_t *busy, size_t n_busy, app_hook_job_fn *fn, void *arg)
{
    struct due x = {.a = a, .busy = busy, .n_busy = n_busy, .fn = fn, .arg = arg};
    return hook_due(a->store, app_now_ms(), on_due, &x);
}

void app_hook_job_free(struct app_hook_job *j)
{
    if (j != NULL) {
        buf_wipe_done(&j->base);
        buf_wipe_done(&j->path);
        buf_done(&j->body);
        free(j);
    }
}

bool app_hook_taken(const char *form, int status, struct span body)
{
    struct span v;
    struct buf tidy;
    int64_t code = -1;
    if (status < 200 || status > 299 || strcmp(form, "plain") == 0) {
        return status >= 200 && status <= 299;
    }
    buf_init(&tidy, body.n + 16);
    bool taken = tidy_json_loose(body, &tidy, NULL) == 0 &&
                 jcur_get(span_of(tidy.data, tidy.len), "errcode", &v) && jcur_int(v, &code) &&
                 code == 0;
    buf_done(&tidy);
    return taken;
}

struct outcome {
    int64_t hook;
    const char *why;
    struct hook_row row;
    struct store *s;
};

static int on_said(const struct hook_row *h, void *arg)
{
    struct outcome *x = arg;
    int64_t now = app_now_ms();
    if (h->n != x->hook) {
        return 0;
    }
    x->row = (struct hook_row){.n = h->n,
                               .ok_at = x->why == NULL ? now : h->ok_at,
                               .fails = x->why == NULL ? 0 : h->fails + 1,
                               .failed = x->why == NULL   ? 0
                                         : h->failed != 0 ? h->failed
                                                          : now,
                               .why = x->why == NULL ? "" : x->why};
    return 1;
}

struct tried {
    int64_t n, tries;
};

static int on_message(const struct hook_message *m, void *arg)
{
    struct tried *x = arg;
    if (m->n == x->n) {
        x->tries = m->tries;
    }
    return 0;
}

int app_hook_done(struct app *a, int64_t n, int64_t hook, const char *why)
{
    struct outcome x = {.hook = hook, .why = why, .s = a->store};
    struct tried t = {.n = n};
    int r = store_begin(a->store);
    if (r < 0) {
        return r;
    }
    r = hook_list(a->store, on_said, &x);
    r = r < 0 ? r : hook_due(a->store, INT64_MAX, on_message, &t);
    r = r < 0 || x.row.n == 0 ? r : hook_said(a->store, &x.row);
    if (r == 0 && (why == NULL || t.tries + 1 >= HOOK_TRIES)) {
        r = hook_sent(a->store, n);
    } else if (r == 0) {
        int64_t wait = t.tries < 20 ? (int64_t)FIRST_MS << t.tries : LAST_MS;
        r = hook_later(a->store, n, t.tries + 1, app_now_ms() + (wait < LAST_MS ? wait : LAST_MS));
    }
    r = r < 0 ? r : store_commit(a->store);
    if (r < 0) {
        store_rollback(a->store);
    }
    return r;
}
