/* SPDX-License-Identifier: Apache-2.0 */
/* Records that were acknowledged and then could not be signed (app_outbox.c). They lie in kv as
 * refused/<when>.<number> = audience, newline, item, until staff have entered them anew, a program
 * that understands them signs them after all, or somebody puts them away. */
#include "node/app_refused.h"

#include "node/app_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The text behind the audience; what has no audience is no item either. */
static struct span item_of(struct span value, struct span *ret_aud)
{
    const uint8_t *nl = value.n > 0 ? memchr(value.p, '\n', value.n) : NULL;
    size_t n = nl == NULL ? 0 : (size_t)(nl - value.p);
    *ret_aud = span_of(value.p, n);
    return nl == NULL ? value : span_of(nl + 1, value.n - n - 1);
}

/* ---- looking ---- */

static int one_more(const char *key, struct span value, void *arg)
{
    (void)key;
    (void)value;
    ++*(int64_t *)arg;
    return 0;
}

int64_t app_refused_count(struct app *a)
{
    const struct sync_store *st = store_port(a->store);
    int64_t n = 0;
    (void)st->kv_each(st->ctx, APP_REFUSED, one_more, &n);
    return n;
}

static int on_rev(const struct store_rec *rec, void *arg)
{
    *(int64_t *)arg = rec->r;
    return 0;
}

/* Why it cannot be signed today. SANJI_E_OLD: the record has been changed since. */
static int judge(struct app *a, const char *aud, struct span text, struct item *ret_it,
                 struct fault *f)
{
    int64_t held = 0;
    int r = sync_write_check(a->sync, aud, text, f);
    if (item_parse(text, ret_it, NULL) < 0) {
        memset(ret_it, 0, sizeof *ret_it);
        return r < 0 ? r : SANJI_E_SYNTAX;
    }
    const char *owner = node_id_none(&ret_it->on_behalf) ? app_id(a) : ret_it->on_behalf.s;
    if (r == 0 && store_record_get(a->store, owner, NULL, ret_it->id, on_rev, &held) == 0 &&
        held >= ret_it->r) {
        return SANJI_E_OLD;
    }
    return r;
}

struct each {
    struct app *a;
    app_refused_fn *fn;
    void *arg;
};

static int on_each(const char *key, struct span value, void *arg)
{
    struct each *x = arg;
    char aud[LIM_AUD_BYTES + 1] = "";
    struct span a;
    struct item it;
    struct fault f = {0};
    struct span text = item_of(value, &a);
    (void)snprintf(aud, sizeof aud, "%.*s", (int)a.n, a.n > 0 ? (const char *)a.p : "");
    struct app_refused r = {.name = key, .aud = aud, .err = judge(x->a, aud, text, &it, &f)};
    r.kind = it.k;
    r.id = it.id;
    r.member = f.member;
    r.text = text;
    return x->fn(&r, x->arg);
}

int app_refused_each(struct app *a, app_refused_fn *fn, void *arg)
{
    const struct sync_store *st = store_port(a->store);
    struct each x = {.a = a, .fn = fn, .arg = arg};
    return st->kv_each(st->ctx, APP_REFUSED, on_each, &x);
}

/* ---- the two ways out ---- */

bool app_is_refused(const char *name)
{
    return strncmp(name, APP_REFUSED, sizeof APP_REFUSED - 1) == 0;
}

static int end(struct app *a, int r)
{
    if (r == 0) {
        r = store_commit(a->store);
    } else {
        store_rollback(a->store);
    }
    if (r < 0) {
        (void)sync_reload(a->sync);
    }
    return r;
}

static int sign(struct app *a, const char *name, const char *aud, struct span text)
{
    const struct sync_store *st = store_port(a->store);
    struct sync_tick t;
    int r = app_tick_make(&t);
    r = r < 0 ? r : store_begin(a->store);
    if (r < 0) {
        return r;
    }
    r = sync_write(a->sync, &t, aud, &text, 1, true, NULL);
    r = r < 0 ? r : st->kv_del(st->ctx, name);
    return end(a, r);
}

int app_refused_again(struct app *a, const char *name, struct fault *f)
{
    const struct sync_store *st = store_port(a->store);
    char aud[LIM_AUD_BYTES + 1] = "";
    struct span as;
    struct item it;
    struct buf b;
    buf_init(&b, LIM_ITEM_BYTES + LIM_AUD_BYTES + 2);
    int r = app_is_refused(name) ? app__may_write(a) : SANJI_E_NOT_FOUND;
    r = r < 0 ? r : st->kv_get(st->ctx, name, &b);
    if (r == 0) {
        struct span text = item_of(span_of(b.data, b.len), &as);
        (void)snprintf(aud, sizeof aud, "%.*s", (int)as.n, as.n > 0 ? (const char *)as.p : "");
        r = judge(a, aud, text, &it, f); /* of an audience cut short, too: there is none like it */
        r = r < 0 ? r : sign(a, name, aud, text);
    }
    buf_done(&b);
    if (r == 0) {
        app__wrote(a);
    }
    return r;
}

int app_refused_drop(struct app *a, const char *name)
{
    const struct sync_store *st = store_port(a->store);
    struct buf b;
    buf_init(&b, LIM_ITEM_BYTES + LIM_AUD_BYTES + 2);
    int r = app_is_refused(name) ? st->kv_get(st->ctx, name, &b) : SANJI_E_NOT_FOUND;
    buf_done(&b);
    r = r < 0 ? r : store_begin(a->store);
    return r < 0 ? r : end(a, st->kv_del(st->ctx, name));
}

/* ---- an erasure ---- */

struct about {
    const char *id;
    struct buf keys; /* of those about it, each with its NUL */
};

/* What is no item says by its text alone whom it is about. */
static int on_about(const char *key, struct span value, void *arg)
{
    struct about *k = arg;
    struct span aud, text = item_of(value, &aud);
    struct item it;
    bool is = item_parse(text, &it, NULL) == 0
                  ? strcmp(it.id, k->id) == 0
                  : text.n > 0 && memmem(text.p, text.n, k->id, strlen(k->id)) != NULL;
    return is ? buf_put(&k->keys, key, strlen(key) + 1) : 0;
}

int app__refused_about(struct app *a, const char *id)
{
    const struct sync_store *st = store_port(a->store);
    struct about k = {.id = id};
    buf_init(&k.keys, (size_t)16 << 20);
    int r = st->kv_each(st->ctx, APP_REFUSED, on_about, &k);
    for (size_t at = 0; r == 0 && at < k.keys.len; at += strlen(buf_str(&k.keys) + at) + 1) {
        r = st->kv_del(st->ctx, buf_str(&k.keys) + at);
    }
    buf_done(&k.keys);
    return r;
}
