/* SPDX-License-Identifier: Apache-2.0 */
/* What stays at home is held by nobody else, so a damaged bundle of it comes from nowhere. But the
 * views still show what it said: that is written once more, one revision on, and the stream begins
 * anew without the damaged bundle. What cannot be read there either is lost, and named. */
#include "node/app_check.h"
#include "node/app_internal.h"

#include "protocol/json_gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct place {
    struct stream_key key;
    int64_t seq;
};
struct own {
    struct app *a;
    struct app_healed *did;
    struct sync_tick t;
    struct place *v;
    const struct stream_key *key; /* the one looked at */
    size_t n, cap;
    struct buf texts;
    size_t *end;
    size_t n_text, cap_text;
    int err;
};

static int grow(void **io_v, size_t n, size_t *io_cap, size_t size)
{
    if (*io_v != NULL && n < *io_cap) {
        return 0;
    }
    size_t cap = *io_cap == 0 ? 16 : *io_cap * 2;
    void *v = realloc(*io_v, cap * size);
    if (v == NULL) {
        return SANJI_E_NOMEM;
    }
    *io_v = v;
    *io_cap = cap;
    return 0;
}

static void on_wanted(const struct sync_wanted *w, void *arg)
{
    struct own *o = arg;
    void *v = o->v;
    if (!w->own || strcmp(w->key->aud, "own") != 0 || o->err < 0) {
        return;
    }
    o->err = grow(&v, o->n, &o->cap, sizeof *o->v);
    o->v = v;
    if (o->err == 0) {
        o->v[o->n++] = (struct place){*w->key, w->seq};
    }
}

static void lost(struct own *o, const char *kind, const char *id)
{
    if (o->did->lost < APP_LOST_NAMED) {
        (void)snprintf(o->did->name[o->did->lost], sizeof o->did->name[0], "%.38s/%s", kind, id);
    }
    o->did->lost++;
}

static int on_rec(const struct store_rec *rec, void *arg)
{
    struct own *o = arg;
    struct item it = {.op = rec->withdrawn ? OP_WITHDRAW : OP_PUT, .r = rec->r + 1, .d = rec->d};
    struct sync_tick fresh;
    size_t was = o->texts.len;
    void *v = o->end;
    if (!rec->visible || sync_is_erased(o->a->sync, o->key, rec->leaf)) {
        return 0; /* hidden by another form, which stands elsewhere */
    }
    (void)snprintf(it.id, sizeof it.id, "%s", rec->id);
    int n = snprintf(it.k, sizeof it.k, "%s/%lld", rec->kind, (long long)rec->major);
    int r = app_tick_make(&fresh);
    if (r == 0) {
        r = grow(&v, o->n_text, &o->cap_text, sizeof *o->end);
        o->end = v;
    }
    if (r < 0) {
        return r;
    }
    memcpy(it.z, fresh.rnd, sizeof it.z);
    struct buf bl;
    const struct kind *k = kind_find(rec->kind);
    buf_init(&bl, LIM_ITEM_BYTES);
    if (k != NULL && !rec->withdrawn && kind_files_bl(k, rec->d, &bl) == 0) {
        it.bl = span_of(bl.data, bl.len);
    }
    bool whole = n > 0 && (size_t)n < sizeof it.k && strcmp(rec->owner, app_id(o->a)) == 0 &&
                 (rec->withdrawn || json_gate(rec->d.p, rec->d.n, JSON_PROTOCOL, NULL) == 0);
    bool written = whole && item_write(&it, &o->texts) == 0;
    buf_done(&bl);
    if (written) {
        o->end[o->n_text++] = o->texts.len;
        return 0;
    }
    o->texts.len = was;
    lost(o, rec->kind, rec->id);
    return 0;
}

/* A bit in its text has made it what no rule allows: it can be written by nobody. */
static void say_lost(struct own *o, struct span item)
{
    struct item it;
    bool is = item_parse(item, &it, NULL) == 0;
    if (is) {
        it.k[strcspn(it.k, "/")] = '\0';
    }
    lost(o, is ? it.k : "own", is ? it.id : "?");
}

/* Each in a bundle of its own: what one of them is refused for is nothing to the others. */
static int say(struct own *o)
{
    int r = 0;
    for (size_t i = 0, at = 0; r == 0 && i < o->n_text; at = o->end[i++]) {
        struct span item = span_of(o->texts.data + at, o->end[i] - at);
        r = sync_write(o->a->sync, &o->t, "own", &item, 1, false, NULL);
        o->did->said += r == 0;
        if (app__is_content(r)) {
            say_lost(o, item);
            r = 0;
        }
    }
    return r;
}

static int one_more(const struct store_rec *rec, void *arg)
{
    *(int64_t *)arg += rec->visible;
    return 0;
}

struct unproven {
    struct app *a;
    int64_t n;
};

static void on_unproven(const struct sync_wanted *w, void *arg)
{
    struct unproven *u = arg;
    if (w->own) {
        (void)store_record_at(u->a->store, w->key, w->seq, one_more, &u->n);
    }
}

int64_t app_unproven(struct app *a)
{
    struct unproven u = {.a = a};
    sync_wanted_each(a->sync, on_unproven, &u);
    return u.n;
}

int app__heal_own(struct app *a, struct app_healed *ret)
{
    struct own o = {.a = a, .did = ret};
    buf_init(&o.texts, (size_t)256 << 20);
    sync_wanted_each(a->sync, on_wanted, &o);
    int r = o.err;
    for (size_t i = 0; r == 0 && i < o.n; i++) {
        o.key = &o.v[i].key;
        r = store_record_at(a->store, &o.v[i].key, o.v[i].seq, on_rec, &o);
    }
    r = r < 0 || o.n == 0 ? r : app_tick_make(&o.t);
    r = r < 0 ? r : say(&o);
    for (size_t i = 0; r == 0 && i < o.n; i++) {
        r = sync_hollow(a->sync, &o.t, &o.v[i].key);
    }
    buf_done(&o.texts);
    free(o.end);
    free(o.v);
    return r;
}
