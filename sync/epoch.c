/* SPDX-License-Identifier: Apache-2.0 */
/* Own epochs (PROTOCOL.md 15.1). What is not sure about an own epoch is remembered in the store
 * under "epoch/EP/EN/AUDIENCE" until it is settled: first that the next bundle for this audience
 * must open a new one, then that the old one's accepted head is to be named. An epoch is opened
 * when there is something to write, so that a thousand quiet streams cost nothing. */
#include "sync/internal.h"

#include "protocol/base/enc.h"
#include "protocol/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = LIM_AUD_BYTES + 48 };
static const char prefix[] = "epoch/";

struct stored { /* the value; padding is written as zero */
    int64_t seq0, must_open;
};

static void name_of(const struct stream_key *k, char out[static NAME_BYTES])
{
    char en[B64U_LEN(8) + 1] = {0};
    b64u_put(k->en, sizeof(k->en), en);
    (void)snprintf(out, NAME_BYTES, "%s%lu/%s/%s", prefix, (unsigned long)k->ep, en, k->aud);
}

static struct own_epoch *find(const struct sync *s, const struct stream_key *k)
{
    for (size_t i = 0; i < s->n_epochs; i++) {
        if (stream_key_cmp(&s->epochs[i].key, k) == 0) {
            return &s->epochs[i];
        }
    }
    return NULL;
}

static int remember(struct sync *s, const struct own_epoch *e)
{
    struct own_epoch *o = find(s, &e->key);
    if (o != NULL) {
        *o = *e;
        return 0;
    }
    if (s->epochs == NULL || s->n_epochs == s->cap_epochs) {
        size_t cap = s->cap_epochs == 0 ? 16 : s->cap_epochs * 2;
        struct own_epoch *v = realloc(s->epochs, cap * sizeof(*v));
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        s->epochs = v;
        s->cap_epochs = cap;
    }
    s->epochs[s->n_epochs++] = *e;
    return 0;
}

static int load_one(const char *name, struct span value, void *arg)
{
    struct sync *s = arg;
    struct own_epoch e;
    struct stored v;
    int64_t ep = 0;
    const char *en = strchr(name + sizeof(prefix) - 1, '/');
    const char *aud = en == NULL ? NULL : strchr(en + 1, '/');
    uint8_t raw[8];
    memset(&e, 0, sizeof(e));
    if (aud == NULL || value.n != sizeof(v) ||
        text_i64(name + sizeof(prefix) - 1, (size_t)(en - name) - (sizeof(prefix) - 1), 1,
                 LIM_EPOCH, &ep) < 0 ||
        b64u_get(en + 1, (size_t)(aud - en) - 1, raw, sizeof(raw)) < 0 ||
        sync__key_of(&e.key, s->self.id.s, aud + 1, ep, raw) < 0) {
        return SANJI_E_CORRUPT;
    }
    memcpy(&v, value.p, sizeof(v));
    e.seq0 = v.seq0;
    e.must_open = v.must_open != 0;
    return remember(s, &e);
}

int sync__epochs_load(struct sync *s)
{
    s->n_epochs = 0;
    return s->st->kv_each(s->st->ctx, prefix, load_one, s);
}

static int put(struct sync *s, const struct own_epoch *e)
{
    char name[NAME_BYTES];
    struct stored v = {e->seq0, e->must_open};
    name_of(&e->key, name);
    int r = s->st->kv_put(s->st->ctx, name, span_of(&v, sizeof(v)));
    return r < 0 ? r : remember(s, e);
}

static int drop(struct sync *s, size_t i)
{
    char name[NAME_BYTES];
    name_of(&s->epochs[i].key, name);
    int r = s->st->kv_del(s->st->ctx, name);
    if (r == 0) {
        s->epochs[i] = s->epochs[--s->n_epochs];
    }
    return r;
}

int sync__epoch_mark(struct sync *s, const struct stream_key *k, int64_t seq0, bool must_open)
{
    struct own_epoch e = {.key = *k, .seq0 = seq0, .must_open = must_open};
    const struct own_epoch *o = find(s, k);
    int at = sync__stream_find(s, k);
    if (o != NULL) {
        e.seq0 = seq0 < 0 || o->seq0 < seq0 ? o->seq0 : seq0;
        e.must_open = must_open || o->must_open;
    } else if (seq0 < 0) {
        e.seq0 = at >= 0 && s->streams[at].row.no != 0 ? s->streams[at].kept : 0;
    }
    if (o != NULL && o->seq0 == e.seq0 && o->must_open == e.must_open) {
        return 0;
    }
    return put(s, &e);
}

/* ---- opening ---- */

static int head_of(const struct sync *s, const struct stream *st, struct bundle_header *h)
{
    h->has_pe = true;
    h->pe.ep = st->row.key.ep;
    memcpy(h->pe.en, st->row.key.en, sizeof(h->pe.en));
    h->pe.seq = st->doubt != 0 ? st->kept : st->row.seq;
    memset(h->pe.id, 0, HASH_LEN);
    if (h->pe.seq == st->row.seq || h->pe.seq == 0) {
        memcpy(h->pe.id, h->pe.seq == 0 ? h->pe.id : st->row.id, HASH_LEN);
        return 0;
    }
    return s->st->bundle_id(s->st->ctx, st->row.no, h->pe.seq, h->pe.id);
}

/* Of several branches or siblings this one was taken over, too. */
static int merge(const struct sync *s, const struct stream *st, struct bundle_header *h)
{
    const size_t max = sizeof(h->merges) / sizeof(h->merges[0]);
    bool was = false;
    int r =
        h->n_merges < max ? sync__branch_merged(s, st->row.no, h->merges[h->n_merges], &was) : 0;
    h->n_merges += was;
    return r;
}

static bool must_open(const struct sync *s, const struct stream *newest)
{
    if (newest->kept > newest->row.seq && newest->doubt == 0) {
        return true; /* its key was cut: what others hold of it ends there */
    }
    for (size_t i = 0; i < s->n_epochs; i++) {
        if (s->epochs[i].must_open && strcmp(s->epochs[i].key.aud, newest->row.key.aud) == 0) {
            return true;
        }
    }
    return false;
}

bool sync__epoch_due(const struct sync *s, const char *aud)
{
    int idx = sync__stream_newest(s, s->self.id.s, aud);
    return idx >= 0 && must_open(s, &s->streams[idx]);
}

static int confirm_one(struct sync *s, const struct own_epoch *e)
{
    struct bundle_header h;
    int old = sync__stream_find(s, &e->key);
    int newest = sync__stream_newest(s, s->self.id.s, e->key.aud);
    if (old < 0 || s->streams[old].row.no == 0 || newest == old || newest < 0 ||
        s->streams[newest].row.key.ep <= e->key.ep || s->streams[newest].row.frozen) {
        return 0; /* nothing of it came, or nothing follows it */
    }
    int r = sync__next_header(s, BUNDLE_EPOCH, e->key.aud, &h);
    if (r == 0) {
        r = head_of(s, &s->streams[old], &h);
    }
    if (r == 0) {
        r = merge(s, &s->streams[old], &h);
    }
    h.pe.ok = true;
    return r < 0 ? r : sync__write_as(s, &h, NULL, 0, NULL);
}

/* The doubt about what came before `aud` went on in a new epoch: settled with the bundle that names
 * `last`, with one more for each epoch before that, or to be confirmed. */
static int opened(struct sync *s, const char *aud, const struct stream_key *last)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < s->n_epochs; i++) {
        struct own_epoch e = s->epochs[i];
        if (!e.must_open || strcmp(e.key.aud, aud) != 0) {
            continue;
        }
        e.must_open = false;
        if (s->restored) {
            r = put(s, &e);
            continue;
        }
        r = stream_key_cmp(&e.key, last) == 0 ? 0 : confirm_one(s, &e);
        r = r < 0 ? r : drop(s, i--);
    }
    return r;
}

int sync__epoch_open_saying(struct sync *s, const char *aud, const struct span *items, size_t n,
                            uint8_t *ret_id)
{
    struct bundle_header h;
    int idx = sync__stream_newest(s, s->self.id.s, aud);
    bool ended = false;
    int r = idx < 0 ? 0 : sync__g_ended(s, &s->streams[idx], &ended);
    if (r < 0 || idx < 0 || (!ended && !must_open(s, &s->streams[idx]))) {
        return r;
    }
    r = sync__next_header(s, BUNDLE_EPOCH, aud, &h);
    if (r == 0) {
        r = head_of(s, &s->streams[idx], &h);
    }
    if (r == 0) {
        r = merge(s, &s->streams[idx], &h);
    }
    if (r < 0) {
        return r;
    }
    const struct stream_key last = s->streams[idx].row.key;
    h.pe.ok = !s->restored;
    memcpy(h.g, roster_g(s->roster), HASH_LEN);
    h.ep = s->streams[idx].row.key.ep + 1;
    sync__random(s, h.en, sizeof(h.en));
    h.seq = 1;
    memset(h.prev, 0, sizeof(h.prev));
    r = sync__write_as(s, &h, items, n, ret_id);
    if (r == 0 && s->restored) {
        r = sync__since_add(s, h.en);
    }
    r = r < 0 ? r : sync__again_void(s, (size_t)idx);
    r = r < 0 ? r : opened(s, aud, &last);
    return r < 0 ? r : 1;
}

int sync__epoch_open(struct sync *s, const char *aud)
{
    int r = sync__epoch_open_saying(s, aud, NULL, 0, NULL);
    return r < 0 ? r : 0;
}

/* ---- confirming ---- */

int sync__epoch_confirm(struct sync *s)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < s->n_epochs;) {
        struct own_epoch e = s->epochs[i];
        if (e.must_open) { /* is opened, with the accepted head, when there is something to write */
            i++;
            continue;
        }
        r = confirm_one(s, &e);
        r = r < 0 ? r : drop(s, i);
    }
    return r;
}

struct saying {
    struct sync *s;
    const struct stream_key *key;
    bool is;
};

static int look_saying(const struct sync_bundle_row *row, void *arg)
{
    struct saying *x = arg;
    struct bundle b;
    struct buf line;
    if (row->type != BUNDLE_EPOCH) {
        return 0;
    }
    struct arena *a = arena_new((size_t)64 * 1024); /* the engine's own is in use */
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    int r = a == NULL ? SANJI_E_NOMEM : sync__stored(x->s, row, READ_HEAD, &line, a, &b);
    x->is = r == 0 && b.hdr.pe.ok && b.hdr.n_merges > 0 && b.hdr.pe.ep == (int64_t)x->key->ep &&
            memcmp(b.hdr.pe.en, x->key->en, sizeof(x->key->en)) == 0;
    buf_done(&line);
    arena_free(a);
    return r < 0 ? r : x->is;
}

/* In a transaction. */
static int say_branch(struct sync *s, const struct stream_key *key)
{
    struct saying x = {.s = s, .key = key};
    bool later = false;
    int r = 0;
    for (int i = sync__stream_first(s, key->by.s, key->aud); r >= 0 && i >= 0 && !x.is;
         i = s->streams[i].next) {
        const struct stream *o = &s->streams[i];
        if (o->row.no != 0 && o->row.key.ep > key->ep) {
            later = true;
            r = s->st->bundles(s->st->ctx, o->row.no, 0, SIZE_MAX, look_saying, &x);
        }
    }
    return r < 0 ? r : x.is || !later ? 0 : sync__self_doubt(s, key);
}

int sync__epoch_said(struct sync *s, size_t idx)
{
    const struct stream_key key = s->streams[idx].row.key;
    bool own_tx = !s->in_tx;
    if (s->restored) {
        return 0; /* it will be, with the confirmation */
    }
    int r = own_tx ? sync__tx_begin(s) : 0;
    if (r == 0) {
        r = say_branch(s, &key);
        r = own_tx ? sync__tx_end(s, r) : r;
    }
    return r;
}

/* ---- others' epochs ---- */

/* Does this node hold the accepted head, so that what it has is the accepted branch? */
static int on_branch(const struct sync *s, const struct stream *st, const struct bundle *b,
                     bool *ret)
{
    uint8_t id[HASH_LEN];
    *ret = b->hdr.pe.seq == 0;
    if (*ret || b->hdr.pe.seq > st->kept) {
        return 0;
    }
    int r = s->st->bundle_id(s->st->ctx, st->row.no, b->hdr.pe.seq, id);
    *ret = r == 0 && memcmp(id, b->hdr.pe.id, HASH_LEN) == 0;
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

/* A confirmed epoch ends a fork by itself; of several that name different branches the latest
 * decides, everywhere. A branch is given up only for a writer that says by `merges` that it knows
 * of one: put back once more it may have forgotten both, and hears of ours first. */
int sync__epoch_seen(struct sync *s, const struct bundle *b)
{
    struct stream_key k;
    if (b->hdr.t != BUNDLE_EPOCH || !b->hdr.has_pe || !b->hdr.pe.ok ||
        node_id_cmp(&b->hdr.by, &s->self.id) == 0 || s->witness ||
        sync__key_of(&k, b->hdr.by.s, b->hdr.aud, b->hdr.pe.ep, b->hdr.pe.en) < 0) {
        return 0;
    }
    int idx = sync__stream_find(s, &k);
    if (idx < 0 || s->streams[idx].row.no == 0 ||
        (s->streams[idx].row.seq == 0 && s->streams[idx].doubt == 0)) {
        return 0;
    }
    struct stream *st = &s->streams[idx];
    bool right, decided = false;
    int r = on_branch(s, st, b, &right);
    /* Frozen with less of it than that: what comes next tells whether it is the same branch. Or
     * with a keyframe from behind it alone: the writer lacks that, and can take it. */
    right = right || (st->row.frozen && b->hdr.n_merges == 0 &&
                      (b->hdr.pe.seq > st->kept || b->hdr.pe.seq < st->row.first));
    bool unsure = st->row.frozen || st->doubt != 0;
    if (r == 0 && (right ? unsure : b->hdr.n_merges > 0)) {
        r = sync__branch_decided(s, st->row.no, b, &decided);
    }
    if (r < 0 || (right ? !unsure : b->hdr.n_merges == 0 || decided)) {
        return r;
    }
    if (!right && st->jump != 0) { /* a keyframe that is not whole yet is of the branch that goes */
        if (!sync__custody_room(s, &k.by)) {
            return 0; /* not noted: it is decided when there is room */
        }
        r = sync__key_give_up(s, (size_t)idx);
        if (r < 0) {
            return r;
        }
    }
    r = s->st->thaw(s->st->ctx, st->row.no);
    st->row.frozen = false;
    if (r == 0 && !decided) { /* whoever was to show the other branch waits for this one now */
        r = sync__branch_drop(s, (size_t)idx);
    }
    if (r == 0 && !decided) {
        r = sync__branch_heal_note(s, st->row.no, b);
    }
    if (r < 0 || right) {
        sync__stream_retreated(s, (size_t)idx);
        return r;
    }
    const struct peer *p = sync__peer_towards(s, &k.by);
    static const struct node_id anybody;
    return sync__branch_begin(s, (size_t)idx, 1, s->from == NULL || p == NULL ? &anybody : &p->id);
}

/* A keyframe lets go of the bundles that said which branch of an earlier epoch stands, too. Whoever
 * froze one, and was away meanwhile, would wait for them for ever: what stands is what the others
 * hold, and they are on the way to the writer. */
int sync__epoch_passed(struct sync *s, size_t idx)
{
    static const struct node_id anybody;
    const struct stream_key key = s->streams[idx].row.key;
    int r = 0;
    for (int i = sync__stream_first(s, key.by.s, key.aud); r == 0 && i >= 0;
         i = s->streams[i].next) {
        struct stream *st = &s->streams[i];
        if (st->row.no == 0 || st->row.key.ep >= key.ep || !st->row.frozen ||
            node_id_cmp(&key.by, &s->self.id) == 0 || s->witness) {
            continue;
        }
        const struct peer *p = sync__peer_towards(s, &key.by);
        r = s->st->thaw(s->st->ctx, st->row.no);
        st->row.frozen = false;
        r = r < 0 ? r : sync__branch_begin(s, (size_t)i, 1, p == NULL ? &anybody : &p->id);
    }
    return r;
}

bool sync__epoch_is_passed(const struct sync *s, const struct stream *st)
{
    const struct stream_key *key = &st->row.key;
    for (int i = sync__stream_first(s, key->by.s, key->aud); i >= 0; i = s->streams[i].next) {
        const struct stream *o = &s->streams[i];
        if (o->row.no != 0 && o->row.key.ep > key->ep && o->base != 0 && o->jump == 0) {
            return true;
        }
    }
    return false;
}
