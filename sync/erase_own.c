/* SPDX-License-Identifier: Apache-2.0 */
/* Saying that something is erased, and saying it again when what was said is lost: finds every item
 * of a name that is still held, and publishes their hashes in the audiences they stand in. The act
 * is stored by the same function as a foreign one, so the writer erases as every other holder does.
 */
#include "sync/erase.h"
#include "sync/keyframe.h"

#include "protocol/base/enc.h"

#include <stdlib.h>
#include <string.h>

enum { LEAVES_EACH = 1000, LEAF_TEXT = 43 };

struct found {
    struct sync *s;
    const struct sync_erase *what;
    const char *owner; /* whose record */
    struct arena *a;
    struct buf in;
    uint8_t (*v)[HASH_LEN];
    size_t n, cap;
    size_t idx;          /* of the stream looked at, */
    int64_t next;        /* what should come next in it */
    struct key_jump gap; /* at 0: none. Behind gap.seq nothing is missing up to gap.at */
    bool blind;          /* some of this audience cannot be read */
    int64_t upto;        /* highest revision of the record met, withdrawn ones included */
};

/* It stays, or is named already: a keyframe has said it again. */
static bool is_known(const struct found *f, const uint8_t leaf[static HASH_LEN])
{
    for (size_t i = 0; i < f->what->n_keep; i++) {
        if (memcmp(f->what->keep[i], leaf, HASH_LEN) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < f->n; i++) {
        if (memcmp(f->v[i], leaf, HASH_LEN) == 0) {
            return true;
        }
    }
    return false;
}

/* An id says nothing about whose record it is. */
static bool concerns(struct found *f, const struct bundle *b, const struct item_ref *ref)
{
    struct item it;
    if (ref->stub || item_parse(ref->text, &it, NULL) < 0 || strcmp(it.id, f->what->id) != 0 ||
        strcmp(node_id_none(&it.on_behalf) ? b->hdr.by.s : it.on_behalf.s, f->owner) != 0) {
        return false;
    }
    f->upto = it.op != OP_EVENT && it.r > f->upto ? it.r : f->upto;
    if (it.op == OP_WITHDRAW || strcmp(it.k, "erase/1") == 0 || strcmp(it.k, "act/1") == 0) {
        return false; /* a withdrawal has no content, and goes on hiding what others may hold */
    }
    return !is_known(f, ref->leaf);
}

static int add(struct found *f, const uint8_t leaf[static HASH_LEN])
{
    if (f->n == f->cap) {
        size_t cap = f->cap == 0 ? 64 : f->cap * 2;
        void *v = realloc(f->v, cap * sizeof(*f->v));
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        f->v = v;
        f->cap = cap;
    }
    memcpy(f->v[f->n++], leaf, HASH_LEN);
    return 0;
}

static int look_into(struct found *f, const struct bundle *b)
{
    int r = 0;
    for (size_t i = 0; r == 0 && b->item != NULL && i < (size_t)b->hdr.n; i++) {
        r = concerns(f, b, &b->item[i]) ? add(f, b->item[i].leaf) : 0;
    }
    return r;
}

/* What should stand here and does not is damage like any other. */
static int gone(struct found *f, int64_t before)
{
    const struct stream *st = &f->s->streams[f->idx];
    int r = 0;
    for (; r >= 0 && f->next < before; f->next++) {
        if (f->next > f->gap.seq && f->next < f->gap.at) {
            f->next = f->gap.at - 1;
            continue;
        }
        f->blind = true;
        if (f->next <= st->row.seq) {
            r = sync__want_add(f->s, f->idx, f->next);
        }
    }
    return r < 0 ? r : 0;
}

static int look(const struct sync_bundle_row *row, void *arg)
{
    struct found *f = arg;
    struct bundle b;
    int r = gone(f, row->seq);
    f->next = row->seq + 1;
    r = r < 0 ? r : sync__stored(f->s, row, READ_ALL, &f->in, f->a, &b);
    f->blind = f->blind || r == 1;
    return r != 0 ? (r < 0 ? r : 0) : look_into(f, &b);
}

struct beside {
    struct found *f;
    const char *by, *aud;
};

/* What was put aside may be published again, or handed to its writer: it is no less held. What
 * cannot be read goes when something of its audience is erased (erase_scrub.c). */
static int look_beside(const char *name, struct span value, void *arg)
{
    const struct beside *k = arg;
    struct found *f = k->f;
    struct bundle b;
    size_t used;
    int idx = -1;
    if (sync__kept_stream(f->s, name, &idx) == 0 &&
        (strcmp(f->s->streams[idx].row.key.by.s, k->by) != 0 ||
         strcmp(f->s->streams[idx].row.key.aud, k->aud) != 0)) {
        return 0;
    }
    arena_reset(f->a);
    int r = frame_unpack(f->s->fc, value, &f->in, &used);
    r = r < 0 ? r : bundle_parse(span_of(f->in.data, f->in.len), f->a, &b, NULL);
    if (r < 0) {
        return r == SANJI_E_NOMEM ? r : 0;
    }
    bool is = strcmp(b.hdr.by.s, k->by) == 0 && strcmp(b.hdr.aud, k->aud) == 0;
    return is ? look_into(f, &b) : 0;
}

/* Its name says nothing about whose record it was. */
static int act_text(struct found *f, size_t at, size_t n, struct buf *out)
{
    struct item it;
    uint8_t rnd[16];
    char leaf[LEAF_TEXT + 1] = "";
    struct buf d;
    memset(&it, 0, sizeof(it));
    sync__random(f->s, rnd, sizeof(rnd));
    it.id[0] = 'x';
    it.id[1 + b64u_put(rnd, sizeof(rnd), it.id + 1)] = '\0';
    memcpy(it.k, "erase/1", 8);
    it.op = OP_EVENT;
    it.r = 1;
    sync__random(f->s, it.z, sizeof(it.z));
    if (strcmp(f->owner, f->s->self.id.s) != 0) {
        memcpy(it.on_behalf.s, f->owner, strlen(f->owner) + 1);
    }
    buf_init(&d, LIM_ITEM_BYTES);
    (void)buf_puts(&d, "{\"leaves\":[");
    for (size_t i = 0; i < n; i++) {
        leaf[b64u_put(f->v[at + i], HASH_LEN, leaf)] = '\0';
        (void)buf_printf(&d, "%s\"%s\"", i == 0 ? "" : ",", leaf);
    }
    int r = buf_printf(&d, "],\"why\":\"%s\"}", f->what->why);
    it.d = span_of(d.data, d.len);
    r = r < 0 ? r : item_write(&it, out);
    buf_done(&d);
    return r;
}

static int publish(struct found *f, const char *aud)
{
    struct buf item;
    int r = 0;
    for (size_t at = 0; r == 0 && at < f->n; at += LEAVES_EACH) {
        size_t n = f->n - at < LEAVES_EACH ? f->n - at : LEAVES_EACH;
        buf_init(&item, LIM_ITEM_BYTES);
        r = act_text(f, at, n, &item);
        if (r == 0) {
            struct span text = span_of(item.data, item.len);
            r = sync_write(f->s, &f->s->tick, aud, &text, 1, true, NULL);
        }
        buf_done(&item);
    }
    return r;
}

static int look_through(struct found *f, size_t idx)
{
    const struct stream *st = &f->s->streams[idx];
    if (st->row.no == 0) {
        return 0;
    }
    /* Between a run that was begun behind a gap and what stands before it nothing is missing. */
    f->gap = (struct key_jump){.at = 0};
    int r = st->jump == 0 ? 0 : sync__kept_get(f->s, "jump", st->row.no, &f->gap, sizeof(f->gap));
    f->idx = idx;
    f->next = st->row.first < 1 ? INT64_MAX : st->row.first;
    r = r < 0 ? r : f->s->st->bundles(f->s->st->ctx, st->row.no, 0, SIZE_MAX, look, f);
    r = r < 0 ? r : gone(f, st->kept + 1);
    f->blind = f->blind || st->wants;
    return r;
}

/* What cannot be read may show still: the views say its leaf, and how far the record had come. What
 * else of the record stands there is not newer than that, and is erased when it comes again, see
 * erase_mark.c. */
static int look_shown(const struct sync_record *rec, void *arg)
{
    struct found *f = arg;
    bool is = strcmp(rec->item->id, f->what->id) == 0 && strcmp(rec->owner, f->owner) == 0;
    if (is && rec->item->op != OP_EVENT && rec->item->r > f->upto) {
        f->upto = rec->item->r;
    }
    return is && rec->item->op != OP_WITHDRAW && sync__erasable_kind(rec->item->k) &&
                   !is_known(f, rec->leaf)
               ? add(f, rec->leaf)
               : 0;
}

/* Of a thread, and of what another node has written, no mark says how far it is erased. */
static int look_blind(struct found *f, const struct stream_key *key)
{
    return !f->blind ? 0
           : f->what->aud != NULL || strcmp(key->by.s, f->s->self.id.s) != 0
               ? SANJI_E_CORRUPT
               : f->s->st->brought(f->s->st->ctx, key, look_shown, f);
}

/* All epochs of one audience, and what is kept beside them. */
static int one_audience(struct found *f, size_t first, int64_t *ret_n)
{
    struct sync *s = f->s;
    char aud[LIM_AUD_BYTES + 1];
    int r = 0;
    f->n = 0;
    f->blind = false;
    memcpy(aud, s->streams[first].row.key.aud, sizeof(aud));
    for (int i = (int)first; r == 0 && i >= 0; i = s->streams[i].next) {
        r = look_through(f, (size_t)i);
    }
    const struct stream_key key = s->streams[first].row.key;
    r = r < 0 ? r : look_blind(f, &key);
    struct beside k = {f, s->streams[first].row.key.by.s, aud};
    for (size_t i = 0; r == 0 && sync__kept_beside[i] != NULL; i++) {
        r = s->st->kv_each(s->st->ctx, sync__kept_beside[i], look_beside, &k);
    }
    *ret_n += (int64_t)f->n;
    return r < 0 ? r : publish(f, aud);
}

/* What this writer has said of the record. */
static int one_writer(struct found *f, const char *by, int64_t *io_n)
{
    struct sync *s = f->s;
    int r = 0;
    int64_t before = *io_n;
    f->upto = 0;
    for (size_t i = 0, n = s->n_streams; r == 0 && i < n; i++) { /* writing may add some */
        const struct stream *st = &s->streams[i];
        if (strcmp(st->row.key.by.s, by) != 0 || st->aud.type == AUD_TRUST ||
            (f->what->aud != NULL && strcmp(st->row.key.aud, f->what->aud) != 0) ||
            sync__stream_first(s, by, st->row.key.aud) != (int)i) {
            continue;
        }
        r = one_audience(f, i, io_n);
    }
    bool own = strcmp(by, s->self.id.s) == 0;
    return r == 0 && own && *io_n > before && f->upto > 0
               ? sync__mark_raise(s, f->owner, f->what->id, f->upto, f->what->why[0])
               : r;
}

int sync_erase(struct sync *s, const struct sync_tick *t, const struct sync_erase *what,
               int64_t *ret_n)
{
    const char *self = s->self.id.s;
    struct found f = {.s = s, .what = what, .owner = what->owner == NULL ? self : what->owner};
    bool was = s->in_tx;
    *ret_n = 0;
    s->tick = *t;
    s->rnd_n = 0;
    int r = sync__fresh(s);
    if (r < 0) {
        return r;
    }
    s->in_tx = true; /* the caller's: what is met damaged is wanted from then on */
    s->erase->looking = true;
    s->erase->keeping = what->n_keep > 0;
    f.a = arena_new(ARENA_MAX);
    buf_init(&f.in, LIM_BUNDLE_BYTES + 64);
    r = f.a == NULL ? SANJI_E_NOMEM : one_writer(&f, self, ret_n);
    if (r == 0 && strcmp(f.owner, self) != 0) { /* its steward */
        r = one_writer(&f, f.owner, ret_n);
    }
    s->in_tx = was;
    s->erase->looking = s->erase->keeping = false;
    buf_done(&f.in);
    arena_free(f.a);
    free(f.v);
    return r;
}

/* ---- again ---- */

struct lost {
    struct found f;
    char aud[LIM_AUD_BYTES + 1], why;
};

static const char *reason(char why)
{
    return why == 'm' ? "mistake" : why == 'l' ? "law" : "person";
}

/* Those of one audience and reason at a time. */
static int lost_one(const struct sync_erased *x, void *arg)
{
    struct lost *l = arg;
    if (x->named || strcmp(x->by, l->f.s->self.id.s) != 0 ||
        (l->f.n > 0 && (strcmp(x->aud, l->aud) != 0 || x->why != l->why))) {
        return 0;
    }
    if (l->f.n == 0) {
        memcpy(l->aud, x->aud, strlen(x->aud) + 1);
        l->why = x->why;
    }
    int r = add(&l->f, x->leaf);
    return r < 0 ? r : l->f.n == LEAVES_EACH ? 1 : 0;
}

int sync__erase_again(struct sync *s)
{
    if (!sync__erase_unsaid(s) || s->restored || sync_asking(s) ||
        sync_self_state(s) != SYNC_SELF_OK) {
        return 0;
    }
    int r = sync__tx_begin(s);
    if (r < 0) {
        return r;
    }
    for (bool more = true; more && r == 0;) {
        struct sync_erase what = {0};
        struct lost l = {.f = {.s = s, .what = &what, .owner = s->self.id.s}};
        r = sync_erased_each(s, lost_one, &l);
        more = r == 0 && l.f.n > 0;
        what.why = reason(l.why);
        r = more ? publish(&l.f, l.aud) : r;
        free(l.f.v);
    }
    if (r < 0 && !sync_is_store_failure(r)) { /* it was moved, say: asked again at the next start */
        sync__alarm(s, r, &s->self.id, "erase");
    }
    bool again = sync_is_store_failure(r);
    r = sync__tx_end(s, r);
    if (!again && !sync_is_store_failure(r)) {
        sync__erase_said(s);
    }
    return r;
}
