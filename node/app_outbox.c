/* SPDX-License-Identifier: Apache-2.0 */
/* Records that follow each other closely share one signature. What came within SIGN_EVERY_MS of the
 * last one is written down durably, acknowledged, and signed together a moment later: the cost of a
 * bundle (a signature here, its verification and a commit at every node that holds it) is paid once
 * for all of them. They lie in kv as outbox/<number> = audience, newline, item. Nothing but putting
 * further records happens at this node before they are signed, so nobody sees them missing. */
#include "node/app_internal.h"
#include "node/app_refused.h"
#include "node/log.h"
#include "protocol/base/err.h"
#include "protocol/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIGN_EVERY_MS = 20, AGAIN_MS = 1000, FEW = 16, FULL = LIM_WRITE_ITEMS };

static const char prefix[] = "outbox/";
/* Numbers of one length sort as text. */
#define NO_FIRST INT64_C(1000000000000000)

bool app__outbox_takes(const struct app *a, size_t n)
{
    return a->may_defer && n <= FEW && a->outbox_n + n <= FULL &&
           app_mono_ms() - a->signed_at < SIGN_EVERY_MS;
}

int app__outbox_add(struct app *a, const char *aud, struct span item)
{
    const struct sync_store *st = store_port(a->store);
    char key[40];
    struct buf b;
    buf_init(&b, LIM_ITEM_BYTES + LIM_AUD_BYTES + 2);
    buf_printf(&b, "%s\n", aud);
    int r = buf_put(&b, item.p, item.n);
    (void)snprintf(key, sizeof key, "%s%lld", prefix, (long long)(NO_FIRST + a->outbox_next));
    if (r == 0) {
        r = st->kv_put(st->ctx, key, span_of(b.data, b.len));
    }
    buf_done(&b);
    if (r == 0) {
        a->outbox_next++;
    }
    return r;
}

void app__outbox_added(struct app *a, size_t n)
{
    a->outbox_due = a->outbox_n == 0 ? a->signed_at + SIGN_EVERY_MS : a->outbox_due;
    a->outbox_n += n;
}

/* ---- signing what waits ---- */

struct waiting {
    struct buf text; /* of each: key, audience, item; the first two end with NUL */
    struct {
        size_t key, aud, item, end;
    } at[FULL];
    size_t n;
};

/* Collected first: signing writes to the table that is walked. */
static int on_waiting(const char *key, struct span value, void *arg)
{
    struct waiting *w = arg;
    const uint8_t *nl = value.n > 0 ? memchr(value.p, '\n', value.n) : NULL;
    size_t n = nl == NULL ? 0 : (size_t)(nl - value.p);
    if (nl == NULL || n > LIM_AUD_BYTES) {
        return SANJI_E_CORRUPT;
    }
    if (w->n == FULL) {
        return 1;
    }
    w->at[w->n].key = w->text.len;
    int r = buf_put(&w->text, key, strlen(key) + 1);
    w->at[w->n].aud = w->text.len;
    if (r == 0) {
        r = buf_put(&w->text, value.p, n);
    }
    if (r == 0) {
        r = buf_put(&w->text, "", 1);
    }
    w->at[w->n].item = w->text.len;
    if (r == 0) {
        r = buf_put(&w->text, nl + 1, value.n - n - 1);
    }
    w->at[w->n++].end = w->text.len;
    return r;
}

static const char *text_at(const struct waiting *w, size_t off)
{
    return (const char *)w->text.data + off;
}

static int on_rev(const struct store_rec *rec, void *arg)
{
    *(int64_t *)arg = rec->r;
    return 0;
}

/* In a folder that was put back a record may wait which was signed since, and has come back from
 * the parent. */
static int is_signed(struct app *a, struct span item, bool *ret)
{
    struct item it;
    int64_t held = 0;
    int r = item_parse(item, &it, NULL);
    if (r == 0) {
        r = store_record_get(a->store, app_id(a), NULL, it.id, on_rev, &held);
        *ret = r == 0 && held >= it.r;
    }
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

/* In the order they came: those for one audience that follow each other are one bundle. */
static int sign_all(struct app *a, const struct waiting *w)
{
    const struct sync_store *st = store_port(a->store);
    struct span items[FULL];
    int r = 0;
    for (size_t i = 0; r == 0 && i < w->n;) {
        const char *aud = text_at(w, w->at[i].aud);
        struct sync_tick t;
        size_t n = 0;
        for (; r == 0 && i < w->n && strcmp(text_at(w, w->at[i].aud), aud) == 0; i++) {
            struct span item = span_of(w->text.data + w->at[i].item, w->at[i].end - w->at[i].item);
            bool known = false;
            r = is_signed(a, item, &known);
            items[n] = item;
            n += !known;
        }
        r = r < 0 ? r : app_tick_make(&t);
        if (r == 0 && n > 0) {
            r = sync_write(a->sync, &t, aud, items, n, true, NULL);
        }
    }
    for (size_t i = 0; r == 0 && i < w->n; i++) {
        r = st->kv_del(st->ctx, text_at(w, w->at[i].key));
    }
    return r;
}

static int sign_in_tx(struct app *a, struct waiting *w)
{
    const struct sync_store *st = store_port(a->store);
    int r = store_begin(a->store);
    if (r < 0) {
        return r;
    }
    r = st->kv_each(st->ctx, prefix, on_waiting, w); /* 1: there are more than fit */
    if (r >= 0) {
        r = sign_all(a, w);
    }
    if (r == 0) {
        r = store_commit(a->store);
    } else {
        store_rollback(a->store);
    }
    if (r < 0) { /* a commit that failed may have reached the disk: what waits is counted anew */
        (void)sync_reload(a->sync);
        a->outbox_n = 0;
        (void)app__outbox_load(a);
    }
    return r;
}

bool app__is_content(int r)
{
    return r == SANJI_E_SPEC || r == SANJI_E_SYNTAX || r == SANJI_E_SIZE || r == SANJI_E_VERSION ||
           r == SANJI_E_AUDIENCE || r == SANJI_E_AUTHORITY;
}

static int sign_one(struct app *a, const struct waiting *w, size_t i)
{
    const struct sync_store *st = store_port(a->store);
    struct span item = span_of(w->text.data + w->at[i].item, w->at[i].end - w->at[i].item);
    struct sync_tick t;
    bool known = false;
    int r = store_begin(a->store);
    if (r < 0) {
        return r;
    }
    r = is_signed(a, item, &known);
    r = r < 0 ? r : app_tick_make(&t);
    if (r == 0 && !known) {
        r = sync_write(a->sync, &t, text_at(w, w->at[i].aud), &item, 1, true, NULL);
    }
    r = r < 0 ? r : st->kv_del(st->ctx, text_at(w, w->at[i].key));
    if (r == 0) {
        return store_commit(a->store);
    }
    store_rollback(a->store);
    (void)sync_reload(a->sync);
    return r;
}

/* Kept as it was written, under another name: staff decide (app_refused.c). */
static int set_aside(struct app *a, const struct waiting *w, size_t i)
{
    const struct sync_store *st = store_port(a->store);
    char key[64];
    struct buf b;
    buf_init(&b, LIM_ITEM_BYTES + LIM_AUD_BYTES + 2);
    buf_printf(&b, "%s\n", text_at(w, w->at[i].aud));
    int r = buf_put(&b, w->text.data + w->at[i].item, w->at[i].end - w->at[i].item);
    (void)snprintf(key, sizeof key, APP_REFUSED "%lld.%.24s", (long long)app_now_ms(),
                   text_at(w, w->at[i].key) + sizeof prefix - 1); /* numbers begin anew */
    r = r < 0 ? r : store_begin(a->store);
    if (r == 0) {
        r = st->kv_put(st->ctx, key, span_of(b.data, b.len));
        r = r < 0 ? r : st->kv_del(st->ctx, text_at(w, w->at[i].key));
        if (r == 0) {
            r = store_commit(a->store);
        } else {
            store_rollback(a->store);
        }
    }
    buf_done(&b);
    return r;
}

/* One of them cannot be signed: the others must not wait for it. */
static int sign_each(struct app *a, const struct waiting *w)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < w->n; i++) {
        r = sign_one(a, w, i);
        if (app__is_content(r)) {
            log_event(LOG_ERR, "outbox.refused", "err=%s", err_name(r));
            r = set_aside(a, w, i);
        }
    }
    a->outbox_n = 0;
    (void)app__outbox_load(a);
    return r;
}

int app_outbox_flush(struct app *a)
{
    if (a->outbox_n == 0) {
        return 0;
    }
    int r = sync_self_error(a->sync);
    a->outbox_due = app_mono_ms() + AGAIN_MS;
    if (r < 0) {
        return r; /* it stays written down until this node may sign again */
    }
    struct waiting *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return SANJI_E_NOMEM;
    }
    buf_init(&w->text, (size_t)FULL * (LIM_ITEM_BYTES + LIM_AUD_BYTES + 64));
    r = sign_in_tx(a, w);
    a->outbox_n -= r == 0 ? w->n : 0;
    r = app__is_content(r) ? sign_each(a, w) : r;
    if (r == 0) {
        a->signed_at = app_mono_ms();
        app__wrote(a);
    }
    buf_done(&w->text);
    free(w);
    return r;
}

int64_t app_outbox_wait(const struct app *a)
{
    int64_t left = a->outbox_due - app_mono_ms();
    return a->outbox_n == 0 ? 0 : left < 1 ? 1 : left;
}

static int on_left(const char *key, struct span value, void *arg)
{
    struct app *a = arg;
    const char *digits = key + sizeof prefix - 1;
    int64_t no = 0;
    (void)value;
    if (text_i64(digits, strlen(digits), NO_FIRST, INT64_MAX, &no) < 0) {
        return SANJI_E_CORRUPT;
    }
    no -= NO_FIRST;
    a->outbox_n++;
    a->outbox_next = no >= a->outbox_next ? no + 1 : a->outbox_next;
    return 0;
}

int app__outbox_load(struct app *a)
{
    const struct sync_store *st = store_port(a->store);
    return st->kv_each(st->ctx, prefix, on_left, a);
}
