/* SPDX-License-Identifier: Apache-2.0 */
/* Carrying out what was added to the list of erased leaves (erase.c): stubs in every bundle held of
 * the streams concerned, views without what they stood for. One walk over what one writer says to
 * one audience; a second where an older form of a record may show again. */
#include "sync/erase.h"

#include "protocol/base/text.h"

#include <stdlib.h>
#include <string.h>

enum {
    BATCH_BYTES = 4 << 20, /* of new frames collected before they are written */
    NOW_EACH = 4           /* walks for keyframes of one transaction */
};

/* ---- everything held of a lane ---- */

struct fresh { /* a bundle to be replaced */
    int64_t seq, raw_bytes;
    size_t end; /* of its frame in `frames` */
};
struct scrub {
    struct sync *s;
    const struct stream *st;
    int lane;
    struct arena *a;
    struct buf in, line, frame, frames;
    struct fresh *v;
    size_t n, cap;
    int64_t after;
    bool more, bared;
    struct buf names; /* ids of records whose newest form went, each with its NUL */
};

static int take_out(struct scrub *c, const struct sync_record *rec, char why)
{
    struct sync *s = c->s;
    bool bared = false;
    int r = s->st->erase(s->st->ctx, rec, &bared);
    sync__withheld_drop(s->erase, rec->no, rec->seq, rec->idx);
    r = r < 0 ? r : sync__mark_item(s, rec, why);
    if (r == 0 && bared) {
        c->bared = true;
        r = buf_put(&c->names, rec->item->id, strlen(rec->item->id) + 1);
    }
    return r;
}

static int scrub_item(struct scrub *c, const struct bundle *b, const struct sync_bundle_row *row,
                      int i)
{
    struct sync *s = c->s;
    const struct erase_entry *x = sync__erase_find(s->erase, c->lane, b->item[i].leaf);
    struct item it;
    struct sync_record rec = {
        .no = row->no,
        .seq = row->seq,
        .idx = i,
        .stream = &c->st->row.key,
        .leaf = b->item[i].leaf,
    };
    if (x == NULL || !x->pending) {
        return 0;
    }
    if (!b->item[i].stub && item_parse(b->item[i].text, &it, NULL) == 0) {
        rec.item = &it;
        rec.owner = node_id_none(&it.on_behalf) ? c->st->row.key.by.s : it.on_behalf.s;
        if (!sync__erasable(b->item[i].text)) {
            return 0;
        }
    }
    return take_out(c, &rec, x->why);
}

static int replace(struct scrub *c, int64_t seq, int64_t raw_bytes, struct span frame)
{
    if (c->n == c->cap) {
        size_t cap = c->cap == 0 ? 64 : c->cap * 2;
        struct fresh *v = realloc(c->v, cap * sizeof(*v));
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        c->v = v;
        c->cap = cap;
    }
    int r = buf_put(&c->frames, frame.p, frame.n);
    c->v[c->n++] = (struct fresh){seq, raw_bytes, c->frames.len};
    return r;
}

/* The bundle with stubs in c->frame, *ret_n: how many are new. 1: it cannot be read. */
static int stub_kept(struct scrub *c, struct span value, size_t *ret_n)
{
    struct stream_key sk;
    struct bundle b;
    size_t used;
    *ret_n = 0;
    int r = frame_unpack(c->s->fc, value, &c->in, &used);
    arena_reset(c->a);
    if (r == 0) {
        r = bundle_parse(span_of(c->in.data, c->in.len), c->a, &b, NULL);
    }
    if (r == 0) {
        r = sync__key_of(&sk, b.hdr.by.s, b.hdr.aud, b.hdr.ep, b.hdr.en);
    }
    if (r < 0) {
        return r == SANJI_E_NOMEM ? r : 1;
    }
    return sync__erase_stub(c->s, &sk, c->a, &b, &c->line, &c->frame, ret_n);
}

/* A stored bundle that is damaged gets its stubs when it comes again. What is left of it can be
 * sent to nobody, and most of it can still be read by whoever opens the file: it goes. */
static int scrub_damaged(struct scrub *c, const struct sync_bundle_row *row)
{
    static const uint8_t nothing[1];
    size_t n = 0;
    c->after = row->seq;
    int r = stub_kept(c, row->frame, &n);
    if (r > 0) {
        return replace(c, row->seq, 0, span_of(nothing, sizeof(nothing)));
    }
    return r < 0 || n == 0
               ? r
               : replace(c, row->seq, (int64_t)c->line.len, span_of(c->frame.data, c->frame.len));
}

static int scrub_bundle(const struct sync_bundle_row *row, void *arg)
{
    struct scrub *c = arg;
    struct bundle b;
    size_t n = 0;
    if (c->frames.len > BATCH_BYTES) {
        c->more = true;
        return 1;
    }
    int r = sync__stored(c->s, row, READ_ALL, &c->in, c->a, &b);
    if (r != 0) {
        return r < 0 ? r : scrub_damaged(c, row);
    }
    for (int i = 0; r == 0 && b.item != NULL && i < (int)b.hdr.n; i++) {
        r = scrub_item(c, &b, row, i);
    }
    if (r == 0) {
        r = sync__erase_stub(c->s, &c->st->row.key, c->a, &b, &c->line, &c->frame, &n);
    }
    c->after = row->seq;
    return r < 0 || n == 0
               ? r
               : replace(c, row->seq, (int64_t)c->line.len, span_of(c->frame.data, c->frame.len));
}

/* Bundles are replaced when the walk over them has ended. */
static int scrub_write(struct scrub *c)
{
    int r = 0;
    for (size_t i = 0, at = 0; r == 0 && i < c->n; at = c->v[i++].end) {
        r = c->s->st->bundle_restub(c->s->st->ctx, c->st->row.no, c->v[i].seq,
                                    span_of(c->frames.data + at, c->v[i].end - at),
                                    c->v[i].raw_bytes);
    }
    c->s->changed = c->s->changed || c->n > 0;
    c->n = 0;
    buf_reset(&c->frames);
    return r;
}

/* What a keyframe replaced is not waited for: it holds what is to be erased, too. */
static int scrub_stream(struct scrub *c, const struct stream *st)
{
    int64_t n = 0;
    int r = st->row.first > 1 ? c->s->st->drop_below(c->s->st->ctx, st->row.no, INT64_MAX, &n) : 0;
    c->st = st;
    c->after = 0;
    do {
        c->more = false;
        if (r == 0) {
            r = c->s->st->bundles(c->s->st->ctx, st->row.no, c->after, SIZE_MAX, scrub_bundle, c);
        }
        if (r == 0) {
            r = scrub_write(c);
        }
    } while (r == 0 && c->more);
    return r;
}

/* ---- what damaged bundles brought into the views ---- */

struct shown {
    struct item item; /* id, k, op and r */
    char owner[LIM_NODE_ID + 1];
    uint8_t leaf[HASH_LEN];
    int64_t no, seq;
    int idx;
    char why; /* it is erased */
};
struct showing {
    const struct scrub *c;
    struct buf found;
};

static int on_shown(const struct sync_record *rec, void *arg)
{
    struct showing *x = arg;
    const struct erase_entry *e = sync__erase_find(x->c->s->erase, x->c->lane, rec->leaf);
    struct shown v = {.item = *rec->item, .no = rec->no, .seq = rec->seq, .idx = rec->idx};
    if (e == NULL || !e->pending || !sync__erasable_kind(v.item.k)) {
        return 0;
    }
    v.why = e->why;
    memcpy(v.leaf, rec->leaf, HASH_LEN);
    memcpy(v.owner, rec->owner, strlen(rec->owner) + 1);
    return buf_put(&x->found, &v, sizeof(v));
}

/* Their items cannot be read, but what was erased is shown no longer: not until they come again
 * either, which may be never. */
static int scrub_shown(struct scrub *c, int first)
{
    struct sync *s = c->s;
    struct showing x = {.c = c};
    bool wants = false;
    for (int i = first; i >= 0 && !wants; i = s->streams[i].next) {
        wants = s->streams[i].wants;
    }
    if (!wants) {
        return 0;
    }
    c->st = &s->streams[first];
    buf_init(&x.found, (size_t)256 << 20);
    int r = s->st->brought(s->st->ctx, &c->st->row.key, on_shown, &x);
    for (size_t at = 0; r == 0 && at < x.found.len; at += sizeof(struct shown)) {
        struct shown v;
        memcpy(&v, x.found.data + at, sizeof(v));
        struct sync_record rec = {.no = v.no,
                                  .seq = v.seq,
                                  .idx = v.idx,
                                  .stream = &c->st->row.key,
                                  .owner = v.owner,
                                  .item = &v.item,
                                  .leaf = v.leaf};
        r = take_out(c, &rec, v.why);
    }
    buf_done(&x.found);
    return r;
}

/* ---- an older form may stand now ---- */

static bool is_named(const struct scrub *c, const char *id)
{
    for (size_t at = 0; at < c->names.len; at += strlen(buf_str(&c->names) + at) + 1) {
        if (strcmp(buf_str(&c->names) + at, id) == 0) {
            return true;
        }
    }
    return false;
}

static bool wants(const struct bundle *b, int i, void *arg)
{
    const struct scrub *c = arg;
    struct item it;
    return !b->item[i].stub && item_parse(b->item[i].text, &it, NULL) == 0 && it.op != OP_EVENT &&
           is_named(c, it.id);
}

static int again_bundle(const struct sync_bundle_row *row, void *arg)
{
    struct scrub *c = arg;
    struct bundle b;
    if (sync_is_void(c->s, &c->st->row.key, row->seq)) {
        return 0;
    }
    int r = sync__stored(c->s, row, READ_ALL, &c->in, c->a, &b);
    return r != 0 ? (r < 0 ? r : 0)
                  : sync__apply_some(c->s, &b, row, &c->st->row.key, c->st->aud.type, wants, c);
}

/* ---- bundles kept beside the streams (branch.c, custody.c) ---- */

struct kept {
    struct scrub *c;
    struct buf names; /* of those to be changed, each with its NUL */
    struct buf value;
};

const char *const sync__kept_beside[] = {"again/", "unsent/", "custody/", NULL};

/* ".../NO/SEQ/ID". */
int sync__kept_stream(const struct sync *s, const char *name, int *ret)
{
    const char *from = name + strlen(name);
    int64_t no = 0;
    for (int parts = 0; from > name && parts < 3; from--) {
        parts += from[-1] == '/';
    }
    from += *from == '/';
    from += strspn(from, "0");
    if (text_i64(from, strcspn(from, "/"), 1, INT64_MAX, &no) < 0) {
        return SANJI_E_CORRUPT;
    }
    *ret = sync__by_no(s, no);
    return *ret < 0 ? SANJI_E_NOT_FOUND : 0;
}

/* Is it of a lane in which something is to be erased? */
static bool is_concerned(const struct sync *s, const char *name)
{
    int idx = -1;
    if (sync__kept_stream(s, name, &idx) < 0) {
        return true; /* looked into, to be sure */
    }
    for (size_t i = 0; i < s->erase->n_lanes; i++) {
        const struct erase_part *l = &s->erase->lane[i];
        if (l->pending && node_id_cmp(&l->by, &s->streams[idx].row.key.by) == 0 &&
            strcmp(l->aud, s->streams[idx].row.key.aud) == 0) {
            return true;
        }
    }
    return false;
}

static int kept_find(const char *key, struct span value, void *arg)
{
    struct kept *k = arg;
    size_t n = 0;
    int r = is_concerned(k->c->s, key) ? stub_kept(k->c, value, &n) : 0;
    return r < 0 || (r == 0 && n == 0) ? r : buf_put(&k->names, key, strlen(key) + 1);
}

/* What cannot be read can be sent to nobody, and may hold what was to be erased: it goes. */
static int kept_write(struct kept *k, const char *name)
{
    struct sync *s = k->c->s;
    size_t n;
    buf_reset(&k->value);
    int r = s->st->kv_get(s->st->ctx, name, &k->value);
    if (r == 0) {
        r = stub_kept(k->c, span_of(k->value.data, k->value.len), &n);
    }
    if (r > 0) {
        sync__alarm(s, SANJI_E_CORRUPT, NULL, "kept");
        return s->st->kv_del(s->st->ctx, name);
    }
    return r < 0 ? r : s->st->kv_put(s->st->ctx, name, span_of(k->c->frame.data, k->c->frame.len));
}

static int scrub_kept(struct scrub *c, const char *prefix)
{
    struct kept k = {.c = c};
    buf_init(&k.names, (size_t)256 << 20);
    buf_init(&k.value, LIM_BUNDLE_BYTES + LIM_FRAME_OVERHEAD + 64);
    int r = c->s->st->kv_each(c->s->st->ctx, prefix, kept_find, &k);
    for (size_t at = 0; r >= 0 && at < k.names.len;
         at += strlen((const char *)k.names.data + at) + 1) {
        r = kept_write(&k, (const char *)k.names.data + at);
    }
    buf_done(&k.names);
    buf_done(&k.value);
    return r;
}

/* ---- all of it ---- */

static int scrub_lane(struct scrub *c, int lane)
{
    struct sync *s = c->s;
    const struct erase_part *l = &s->erase->lane[lane];
    const int first = sync__stream_first(s, l->by.s, l->aud);
    int r = 0;
    c->lane = lane;
    c->bared = false;
    buf_reset(&c->names);
    for (int i = first; r == 0 && i >= 0; i = s->streams[i].next) {
        r = s->streams[i].row.no == 0 ? 0 : scrub_stream(c, &s->streams[i]);
    }
    r = r < 0 || first < 0 ? r : scrub_shown(c, first);
    for (int i = first; r == 0 && c->bared && i >= 0; i = s->streams[i].next) {
        c->st = &s->streams[i];
        r = c->st->row.no == 0
                ? 0
                : s->st->bundles(s->st->ctx, c->st->row.no, 0, SIZE_MAX, again_bundle, c);
    }
    if (r == 0 && first >= 0 && s->streams[first].row.no != 0) {
        r = s->st->bundle_applied(s->st->ctx, s->streams[first].row.no, s->streams[first].row.seq);
    }
    for (size_t i = 0; r == 0 && i < s->erase->n; i++) {
        struct erase_entry *x = &s->erase->v[i];
        if (x->lane == (uint32_t)lane && x->pending) {
            x->pending = false;
            r = sync__erase_save(s, l, x);
        }
    }
    s->erase->lane[lane].pending = r < 0;
    return r;
}

static int scrub_all(struct sync *s)
{
    if (!s->erase->pending) {
        return 0;
    }
    struct scrub c = {.s = s, .a = arena_new(ARENA_MAX)};
    struct buf *const bufs[] = {&c.in, &c.line, &c.frame, &c.frames, &c.names};
    int r = c.a == NULL ? SANJI_E_NOMEM : 0;
    for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++) {
        buf_init(bufs[i], (size_t)16 << 20);
    }
    for (size_t i = 0; r == 0 && sync__kept_beside[i] != NULL; i++) {
        r = scrub_kept(&c, sync__kept_beside[i]); /* while the lanes still know what is new */
    }
    for (size_t i = 0; r == 0 && i < s->erase->n_lanes; i++) {
        r = s->erase->lane[i].pending ? scrub_lane(&c, (int)i) : 0;
    }
    s->erase->pending = r < 0;
    for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++) {
        buf_done(bufs[i]);
    }
    arena_free(c.a);
    free(c.v);
    return r;
}

/* An erasure can show that more is erased than its act names, see erase_mark.c. */
static int scrub(struct sync *s)
{
    int r;
    do {
        r = scrub_all(s);
        r = r < 0 ? r : sync__mark_scan(s);
    } while (r == 0 && s->erase->pending);
    return r;
}

int sync__erase_scrub(struct sync *s)
{
    return s->erase->gathers ? 0 : scrub(s);
}

int sync__erase_scrub_now(struct sync *s)
{
    if (s->erase->gathers && (!s->erase->pending || s->erase->n_now >= NOW_EACH)) {
        return 0; /* it is not compared then, see sync__key_taken() */
    }
    s->erase->n_now++;
    return scrub(s);
}

void sync__erase_gather(struct sync *s)
{
    s->erase->gathers = true;
    s->erase->n_now = 0;
}

void sync__erase_gather_stop(struct sync *s)
{
    s->erase->gathers = false;
}

bool sync__erase_waits(const struct sync *s)
{
    return s->erase->pending;
}

int sync__erase_gathered(struct sync *s, int r)
{
    s->erase->gathers = false;
    return r < 0 ? r : scrub(s);
}

int sync_erase_settle(struct sync *s)
{
    bool was = s->in_tx;
    s->in_tx = true; /* the caller's: what is met damaged is wanted from then on */
    int r = sync__erase_scrub(s);
    s->in_tx = was;
    return r;
}
