/* SPDX-License-Identifier: Apache-2.0 */
/* Records that were changed both before and after a backup was put back. The record rule has chosen
 * one version at every node alike; whether it is the one that was meant, a person has to see. */
#include "node/app_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct both {
    struct app *a;
    struct frame_ctx *fc;
    app_twice_fn *fn;
    void *arg;
    int64_t n;
    int idx;                      /* wanted item of the bundle at hand */
    struct app_version v[2], *to; /* kind and d point into text */
    struct buf text[2];
    struct arena *arena;
    bool found;
    int64_t r_now;
    char done[64][LIM_ID_BYTES + 1]; /* changed again since; the rest another time */
    size_t n_done;
};

static int on_bundle(const struct sync_stream_row *st, const struct sync_bundle_row *row, void *arg)
{
    struct both *x = arg;
    struct buf *text = &x->text[x->to - x->v], line;
    struct bundle b;
    struct item it;
    size_t used;
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    arena_reset(x->arena);
    int r = frame_unpack(x->fc, row->frame, &line, &used);
    if (r == 0) {
        r = bundle_parse(span_of(line.data, line.len), x->arena, &b, NULL);
    }
    buf_reset(text);
    if (r == 0 && b.item != NULL && x->idx < (int)b.hdr.n && !b.item[x->idx].stub &&
        item_parse(b.item[x->idx].text, &it, NULL) == 0) {
        x->to->ep = st->key.ep;
        x->to->seq = row->seq;
        x->to->r = it.r;
        x->to->withdrawn = it.op == OP_WITHDRAW;
        snprintf(x->to->aud, sizeof x->to->aud, "%s", st->key.aud);
        size_t kn = strlen(it.k), dn = x->to->withdrawn ? 0 : it.d.n;
        r = buf_put(text, it.k, kn);
        r = r == 0 && dn > 0 ? buf_put(text, it.d.p, dn) : r;
        x->to->kind = span_of(text->data, kn);
        x->to->d = span_of(text->data + kn, dn);
        x->found = r == 0;
    }
    buf_done(&line);
    return r;
}

static int on_now(const struct store_rec *rec, void *arg)
{
    struct both *x = arg;
    x->r_now = rec->r;
    return 0;
}

static int on_twice(const struct sync_twice *t, void *arg)
{
    struct both *x = arg;
    memset(x->v, 0, sizeof x->v);
    for (int i = 0; i < 2; i++) {
        x->to = &x->v[i];
        x->idx = (int)t->at[i].idx;
        x->found = false;
        int r = store_bundle_get(x->a->store, t->at[i].no, t->at[i].seq, on_bundle, x);
        if (r < 0 || !x->found) {
            return r == SANJI_E_NOT_FOUND || r >= 0 ? 0 : r; /* compacted since */
        }
    }
    x->r_now = 0;
    int r = store_record_get(x->a->store, app_id(x->a), NULL, t->id, on_now, x);
    if (r < 0 && r != SANJI_E_NOT_FOUND) {
        return r;
    }
    if (x->r_now > x->v[0].r && x->r_now > x->v[1].r) {
        if (x->n_done < 64) {
            snprintf(x->done[x->n_done++], sizeof x->done[0], "%s", t->id);
        }
        return 0;
    }
    bool old = x->v[0].r > x->v[1].r ||
               (x->v[0].r == x->v[1].r && x->v[1].withdrawn && !x->v[0].withdrawn);
    x->v[0].counts = old;
    x->v[1].counts = !old;
    x->n++;
    return x->fn == NULL ? 0 : x->fn(t->id, x->v, x->arg);
}

static int each(struct app *a, app_twice_fn *fn, void *arg, int64_t *ret_n)
{
    struct both *x = calloc(1, sizeof *x);
    if (x == NULL) {
        return SANJI_E_NOMEM;
    }
    x->a = a;
    x->fn = fn;
    x->arg = arg;
    x->fc = frame_ctx_new();
    x->arena = arena_new((size_t)24 << 20);
    buf_init(&x->text[0], LIM_ITEM_BYTES * 2);
    buf_init(&x->text[1], LIM_ITEM_BYTES * 2);
    int r =
        x->fc == NULL || x->arena == NULL ? SANJI_E_NOMEM : sync_twice_each(a->sync, on_twice, x);
    for (size_t i = 0; r == 0 && i < x->n_done; i++) {
        r = sync_twice_done(a->sync, x->done[i]);
    }
    *ret_n = x->n;
    frame_ctx_free(x->fc);
    arena_free(x->arena);
    buf_done(&x->text[0]);
    buf_done(&x->text[1]);
    free(x);
    return r;
}

int app_twice_each(struct app *a, app_twice_fn *fn, void *arg)
{
    int64_t n;
    return each(a, fn, arg, &n);
}

static int count_one(const struct sync_aside *x, void *arg)
{
    (void)x;
    ++*(int64_t *)arg;
    return 0;
}

int64_t app_unsent_count(struct app *a)
{
    int64_t n = 0;
    (void)sync_unsent_each(a->sync, count_one, &n);
    return n;
}

int64_t app_twice_count(struct app *a)
{
    int64_t n = 0;
    (void)each(a, NULL, NULL, &n);
    return n;
}
