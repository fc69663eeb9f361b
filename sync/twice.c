/* SPDX-License-Identifier: Apache-2.0 */
/* Records that a node changed in two histories: in the old epoch, by bundles that were not here
 * when the new one was opened, and in the new one. The record rule picks one of them at every node;
 * which one was meant only a person knows, so both places are remembered until one has looked. */
#include "sync/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TWICE_MAX = 100000 }; /* changes looked at on one side; beyond it the list is not complete */
static const char prefix[] = "twice/";

struct change {
    char id[LIM_ID_BYTES + 1];
    int64_t no, seq, idx, r;
    uint8_t leaf[HASH_LEN];
};
struct changes {
    struct sync *s;
    struct change *v;
    size_t n, cap;
    struct arena *a;
    struct buf line;
    int64_t upto;
};
struct stored {
    int64_t at[2][4];
};

static int add(struct changes *c, const struct change *x)
{
    if (c->n == TWICE_MAX) {
        return 1;
    }
    if (c->n == c->cap) {
        size_t cap = c->cap == 0 ? 64 : c->cap * 2;
        struct change *v = realloc(c->v, cap * sizeof(*v));
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        c->v = v;
        c->cap = cap;
    }
    c->v[c->n++] = *x;
    return 0;
}

/* Figures and the like are derived anew by themselves: nobody has to look at them. */
static bool is_own_doing(const char *k)
{
    const struct kind *kind = kind_find(k);
    return kind != NULL && kind->owner == KO_MACHINE;
}

static int take_bundle(const struct sync_bundle_row *row, void *arg)
{
    struct changes *c = arg;
    struct bundle b;
    if (row->seq > c->upto) {
        return 1;
    }
    if (row->items == 0) {
        return 0;
    }
    int r = sync__stored(c->s, row, READ_ALL, &c->line, c->a, &b);
    if (r != 0) {
        return r < 0 ? r : 0; /* damaged: nobody can say what was changed in it */
    }
    for (int i = 0; r == 0 && b.item != NULL && b.hdr.t != BUNDLE_KEY && i < (int)b.hdr.n; i++) {
        struct item it;
        if (b.item[i].stub || item_parse(b.item[i].text, &it, NULL) < 0 || it.op == OP_EVENT ||
            !node_id_none(&it.on_behalf) || is_own_doing(it.k)) {
            continue;
        }
        struct change x = {.no = row->no, .seq = row->seq, .idx = i, .r = it.r};
        memcpy(x.id, it.id, sizeof(x.id));
        memcpy(x.leaf, b.item[i].leaf, HASH_LEN);
        r = add(c, &x);
    }
    return r;
}

static int collect(struct changes *c, const struct stream *st, int64_t after)
{
    c->upto = st->row.seq;
    int r = c->s->st->bundles(c->s->st->ctx, st->row.no, after, SIZE_MAX, take_bundle, c);
    return r < 0 ? r : 0;
}

static int order(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    int c = strcmp(x->id, y->id);
    return c != 0 ? c : x->r != y->r ? (x->r < y->r ? -1 : 1) : x->no < y->no ? -1 : x->no > y->no;
}

static int note(struct sync *s, const struct change *was, const struct change *now)
{
    char name[LIM_ID_BYTES + sizeof(prefix)];
    struct stored v = {
        {{was->no, was->seq, was->idx, was->r}, {now->no, now->seq, now->idx, now->r}}};
    (void)snprintf(name, sizeof(name), "%s%s", prefix, was->id);
    return s->st->kv_put(s->st->ctx, name, span_of(&v, sizeof(v)));
}

/* Is this text among those of [from,to] too? Then it was said again there, and not changed. */
static bool says(const struct changes *c, size_t from, size_t to, const uint8_t *leaf)
{
    for (size_t i = from; i <= to; i++) {
        if (memcmp(c->v[i].leaf, leaf, HASH_LEN) == 0) {
            return true;
        }
    }
    return false;
}

static size_t last_of(const struct changes *c, size_t i)
{
    while (i + 1 < c->n && strcmp(c->v[i].id, c->v[i + 1].id) == 0) {
        i++;
    }
    return i;
}

/* Both sorted; of each record the newest change of either side counts. */
static int compare(struct sync *s, const struct changes *was, const struct changes *now)
{
    size_t i = 0, k = 0;
    int r = 0;
    while (r == 0 && i < was->n && k < now->n) {
        size_t i1 = last_of(was, i), k1 = last_of(now, k);
        int c = strcmp(was->v[i].id, now->v[k].id);
        if (c == 0 && !says(was, i, i1, now->v[k1].leaf) && !says(now, k, k1, was->v[i1].leaf)) {
            r = note(s, &was->v[i1], &now->v[k1]);
        }
        i = c <= 0 ? i1 + 1 : i;
        k = c >= 0 ? k1 + 1 : k;
    }
    return r;
}

static bool follows(const struct sync *s, const struct stream *st)
{
    for (size_t i = 0; i < s->n_epochs; i++) {
        const struct own_epoch *e = &s->epochs[i];
        if (!e->must_open && e->key.ep < st->row.key.ep &&
            strcmp(e->key.aud, st->row.key.aud) == 0) {
            return true;
        }
    }
    return false;
}

static int sides(struct sync *s, struct changes *was, struct changes *now)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < s->n_epochs; i++) {
        int at = sync__stream_find(s, &s->epochs[i].key);
        if (at >= 0 && s->streams[at].row.no != 0) {
            r = collect(was, &s->streams[at], s->epochs[i].seq0);
        }
    }
    for (size_t i = 0; r == 0 && was->n > 0 && i < s->n_streams; i++) {
        const struct stream *st = &s->streams[i];
        if (st->row.no != 0 && node_id_cmp(&st->row.key.by, &s->self.id) == 0 && follows(s, st)) {
            r = collect(now, st, 0);
        }
    }
    return r;
}

int sync__twice_find(struct sync *s)
{
    struct changes was = {.s = s, .a = arena_new(ARENA_MAX)}, now = {.s = s};
    now.a = was.a;
    buf_init(&was.line, LIM_BUNDLE_BYTES + 64);
    buf_init(&now.line, LIM_BUNDLE_BYTES + 64);
    int r = was.a == NULL ? SANJI_E_NOMEM : sides(s, &was, &now);
    if (r == 0 && was.n > 0 && now.n > 0) {
        qsort(was.v, was.n, sizeof(*was.v), order);
        qsort(now.v, now.n, sizeof(*now.v), order);
        r = compare(s, &was, &now);
    }
    arena_free(was.a);
    buf_done(&was.line);
    buf_done(&now.line);
    free(was.v);
    free(now.v);
    return r;
}

struct each {
    int (*fn)(const struct sync_twice *t, void *arg);
    void *arg;
};

static int each_one(const char *name, struct span value, void *arg)
{
    const struct each *e = arg;
    struct stored v;
    struct sync_twice t = {.id = name + sizeof(prefix) - 1};
    if (value.n != sizeof(v)) {
        return SANJI_E_CORRUPT;
    }
    memcpy(&v, value.p, sizeof(v));
    for (int i = 0; i < 2; i++) {
        t.at[i].no = v.at[i][0];
        t.at[i].seq = v.at[i][1];
        t.at[i].idx = v.at[i][2];
        t.at[i].r = v.at[i][3];
    }
    return e->fn(&t, e->arg);
}

int sync_twice_each(struct sync *s, int (*fn)(const struct sync_twice *t, void *arg), void *arg)
{
    struct each e = {fn, arg};
    int r = s->st->kv_each(s->st->ctx, prefix, each_one, &e);
    return r < 0 ? r : 0;
}

int sync_twice_done(struct sync *s, const char *id)
{
    char name[LIM_ID_BYTES + sizeof(prefix)];
    struct buf v;
    if (!record_id_valid(id, strlen(id))) {
        return SANJI_E_SPEC;
    }
    (void)snprintf(name, sizeof(name), "%s%s", prefix, id);
    buf_init(&v, 256);
    int r = s->st->kv_get(s->st->ctx, name, &v);
    buf_done(&v);
    if (r == 0) {
        r = sync__tx_begin(s);
    }
    return r < 0 ? r : sync__tx_end(s, s->st->kv_del(s->st->ctx, name));
}
