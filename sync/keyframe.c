/* SPDX-License-Identifier: Apache-2.0 */
/* Compaction (PROTOCOL.md 15.2): a writer says what is live once more, and everything before is let
 * go by everybody. Without it a node's disk and the way of a newcomer would follow the number of
 * changes instead of the number of records. The run is written in slices between other work, other
 * bundles may stand inside it, and what is half written when a process dies is gone on with. */
#include "sync/keyframe.h"

#include <stdlib.h>
#include <string.h>

enum {
    KW_KEY = 1,
    KW_DROP = 2,
    SCAN_BYTES = 2 << 20, /* of old bundles read in one slice */
    SCAN_BUNDLES = 512,
    DROP_BUNDLES = 64, /* deleted in one slice */
    PAUSE_MS = 5,      /* between slices: others get their turn */
    AGAIN_MS = 60000,  /* this node may not sign now */
};

/* ---- what is to be done ---- */

static void work_put(struct sync *s, struct idx_queue *q, size_t idx, uint8_t flag)
{
    if ((s->streams[idx].work & flag) != 0) {
        return;
    }
    if (q->n == q->cap) {
        size_t cap = q->cap == 0 ? 16 : q->cap * 2;
        uint32_t *v = realloc(q->v, cap * sizeof(*v));
        if (v == NULL) {
            return; /* found again at the next write or start */
        }
        q->v = v;
        q->cap = cap;
    }
    q->v[q->n++] = (uint32_t)idx;
    s->streams[idx].work |= flag;
    if (s->key_at == 0) {
        s->key_at = s->tick.mono_ms + PAUSE_MS;
    }
}

void sync__key_drop_later(struct sync *s, size_t idx)
{
    work_put(s, &s->dropq, idx, KW_DROP);
}

static void work_done(struct sync *s, struct idx_queue *q, uint8_t flag)
{
    s->streams[q->v[0]].work &= (uint8_t)~flag;
    q->v[0] = q->v[--q->n];
}

int64_t sync__key_wake(const struct sync *s)
{
    return s->keyq.n + s->dropq.n > 0 ? s->key_at : 0;
}

void sync__key_free(struct sync *s)
{
    free(s->keyq.v);
    free(s->dropq.v);
}

/* Own, open, and not of the streams that never shrink: trust acts are never superseded, nor are the
 * steps of a referral. Two epochs of one number are brought together first, and a node that was put
 * back first hears what it had published: a keyframe would let go what has not come back yet. */
static bool compactable(const struct sync *s, size_t idx)
{
    const struct stream *st = &s->streams[idx];
    if (st->row.no == 0 || s->restored || strcmp(st->row.key.by.s, s->self.id.s) != 0 ||
        st->aud.type == AUD_TRUST || st->aud.type == AUD_TO || st->row.frozen ||
        st->kept != st->row.seq || st->jump != 0 || sync__epoch_due(s, st->row.key.aud)) {
        return false;
    }
    for (int i = sync__stream_first(s, st->row.key.by.s, st->row.key.aud); i >= 0;
         i = s->streams[i].next) {
        if ((size_t)i != idx && s->streams[i].row.no != 0 &&
            s->streams[i].row.key.ep >= st->row.key.ep) {
            return false;
        }
    }
    return true;
}

/* Something of the lane is damaged here: it is said once more when it has come again. */
static bool is_torn(const struct sync *s, size_t idx)
{
    const struct stream_key *k = &s->streams[idx].row.key;
    for (int i = sync__stream_first(s, k->by.s, k->aud); i >= 0; i = s->streams[i].next) {
        if (s->streams[i].row.no != 0 && s->streams[i].wants &&
            s->streams[i].hollow != sync__want_sum(s, s->streams[i].row.no)) {
            return true;
        }
    }
    return false;
}

static bool due(const struct sync *s, size_t idx, const struct sync_tally *l)
{
    const struct stream *st = &s->streams[idx];
    int64_t least = s->tune.key_items > 0 ? s->tune.key_items : LIM_KEY_ITEMS, live = l->live.c;
    return l->items + st->beats - live > (least > live ? least : live) ||
           sync__beats_many(s, st, live);
}

int sync__key_tally(const struct sync *s, const struct stream_key *k, struct sync_tally *ret)
{
    return s->st->tally(s->st->ctx, k->by.s, k->aud, ret);
}

int sync__key_wrote(struct sync *s, size_t idx)
{
    struct sync_tally l;
    if (!compactable(s, idx) || is_torn(s, idx)) {
        return 0;
    }
    int r = sync__key_tally(s, &s->streams[idx].row.key, &l);
    if (r == 0 && (s->streams[idx].run != 0 || due(s, idx, &l))) {
        work_put(s, &s->keyq, idx, KW_KEY);
    }
    return r;
}

/* ---- remembered across starts ---- */

struct run {       /* "key/<no>": the writer's own run */
    int64_t from;  /* 0: nothing written yet */
    int64_t no;    /* stream being read: an earlier epoch, or the stream itself */
    int64_t after; /* read up to this seq */
    int64_t idx;   /* and, of the bundle behind it, up to this item */
};

static int load_run(struct sync *s, struct stream *st, const void *value)
{
    struct run x;
    (void)s;
    memcpy(&x, value, sizeof(x));
    st->run = x.from == 0 ? -1 : x.from;
    return 0;
}

static int load_hollow(struct sync *s, struct stream *st, const void *value)
{
    (void)s;
    memcpy(&st->hollow, value, sizeof(st->hollow));
    return 0;
}

int sync__key_load(struct sync *s)
{
    s->keyq.n = s->dropq.n = 0;
    s->key_at = 0;
    for (size_t i = 0; i < s->n_streams; i++) {
        s->streams[i].work = 0;
        s->streams[i].run = 0;
        s->streams[i].hollow = 0;
    }
    int r = sync__kept_each(s, "key", sizeof(struct run), load_run);
    if (r == 0) {
        r = sync__kept_each(s, "hollow", sizeof(int64_t), load_hollow);
    }
    if (r == 0) {
        r = sync__key_take_load(s);
    }
    for (size_t i = 0; r == 0 && i < s->n_streams; i++) {
        if (compactable(s, i)) {
            work_put(s, &s->keyq, i, KW_KEY);
        }
        if (s->streams[i].row.no != 0 && s->streams[i].row.first > 1) {
            work_put(s, &s->dropq, i, KW_DROP);
        }
    }
    return r;
}

int sync_hollow(struct sync *s, const struct sync_tick *t, const struct stream_key *key)
{
    struct run none = {0};
    int idx = sync__stream_find(s, key);
    if (idx < 0 || s->streams[idx].row.no == 0 || s->streams[idx].aud.type != AUD_OWN) {
        return SANJI_E_NOT_FOUND; /* others may hold it */
    }
    s->tick = *t;
    int r = sync__tx_begin(s);
    if (r < 0) {
        return r;
    }
    idx = sync__stream_find(s, key); /* a transaction may begin with everything read anew */
    struct stream *st = idx < 0 ? NULL : &s->streams[idx];
    const int64_t sum = st == NULL ? 0 : sync__want_sum(s, st->row.no);
    if (sum == 0 || st->hollow == sum || !compactable(s, (size_t)idx)) {
        return sync__tx_end(s, 0);
    }
    r = sync__kept_set(s, "hollow", st->row.no, &sum, sizeof(sum));
    if (r == 0 && st->run == 0) {
        r = sync__kept_set(s, "key", st->row.no, &none, sizeof(none));
    }
    r = sync__tx_end(s, r);
    if (r == 0) {
        st = &s->streams[idx];
        st->hollow = sum;
        st->run = st->run == 0 ? -1 : st->run;
        work_put(s, &s->keyq, (size_t)idx, KW_KEY);
    }
    return r;
}

/* ---- writing ---- */

struct pick {
    struct sync *s;
    size_t idx;                /* the stream that is compacted */
    const struct stream *from; /* the one that is read */
    struct run *run;
    struct buf text; /* of the items picked */
    size_t end[LIM_WRITE_ITEMS];
    size_t n, bytes, bundles;
    int64_t last; /* nothing above it is read */
    bool full;
};

static int pick_item(struct pick *p, const struct bundle *b, const struct sync_bundle_row *row,
                     int i, bool *ret)
{
    struct item it;
    *ret = false;
    if (b->item[i].stub || item_parse(b->item[i].text, &it, NULL) < 0) {
        return 0;
    }
    const struct stream_key *k = &p->from->row.key;
    struct sync_record rec = {
        .no = row->no,
        .seq = row->seq,
        .idx = i,
        .stream = k,
        .owner = node_id_none(&it.on_behalf) ? k->by.s : it.on_behalf.s,
        .item = &it,
        .leaf = b->item[i].leaf,
    };
    return p->s->st->stands(p->s->st->ctx, &rec, ret);
}

static int pick_bundle(const struct sync_bundle_row *row, void *arg)
{
    struct pick *p = arg;
    struct sync *s = p->s;
    struct bundle b;
    size_t most = s->tune.key_slice > 0 && s->tune.key_slice < LIM_WRITE_ITEMS
                      ? (size_t)s->tune.key_slice
                      : LIM_WRITE_ITEMS;
    if (row->seq > p->last) {
        return 1;
    }
    if (p->bundles++ >= SCAN_BUNDLES || p->bytes >= SCAN_BYTES) {
        p->full = true;
        return 1;
    }
    int r = sync__stored(s, row, READ_ALL, &s->line, s->arena, &b);
    if (r > 0 && p->from->hollow == sync__want_sum(s, row->no)) {
        p->run->after = row->seq; /* what was live in it has been said again */
        return 0;
    }
    if (r != 0) {
        return r < 0 ? r : SANJI_E_PENDING; /* what is live in it must not be left out */
    }
    p->bytes += s->line.len;
    for (int i = (int)p->run->idx; r == 0 && i < (int)b.hdr.n; i++) {
        bool stands;
        r = pick_item(p, &b, row, i, &stands);
        if (r < 0 || !stands) {
            continue;
        }
        struct span t = b.item[i].text;
        if (p->n == most || (p->n > 0 && p->text.len + t.n > LIM_WRITE_BYTES)) {
            p->run->idx = i;
            p->full = true;
            return 1;
        }
        r = buf_put(&p->text, t.p, t.n);
        p->end[p->n++] = p->text.len;
    }
    p->run->after = row->seq;
    p->run->idx = 0;
    return r;
}

/* What is read after stream `no`: the earlier epochs in their order, then the stream itself. */
static const struct stream *next_source(const struct sync *s, size_t idx, int64_t no)
{
    const struct stream *own = &s->streams[idx], *was = NULL, *best = NULL;
    int first = sync__stream_first(s, own->row.key.by.s, own->row.key.aud);
    for (int i = first; i >= 0; i = s->streams[i].next) {
        was = no != 0 && s->streams[i].row.no == no ? &s->streams[i] : was;
    }
    for (int i = first; i >= 0; i = s->streams[i].next) {
        const struct stream *x = &s->streams[i];
        if (x->row.no != 0 && x->row.seq > 0 && (x == own || x->row.key.ep < own->row.key.ep) &&
            (was == NULL || stream_key_cmp(&x->row.key, &was->row.key) > 0) &&
            (best == NULL || stream_key_cmp(&x->row.key, &best->row.key) < 0)) {
            best = x;
        }
    }
    return best;
}

static const struct stream *source_of(const struct sync *s, size_t idx, int64_t no)
{
    const struct stream *own = &s->streams[idx];
    for (int i = sync__stream_first(s, own->row.key.by.s, own->row.key.aud); i >= 0;
         i = s->streams[i].next) {
        if (no != 0 && s->streams[i].row.no == no) {
            return &s->streams[i];
        }
    }
    return NULL;
}

/* Picks what goes into the next bundle; *ret_end: there is nothing left to read. */
static int pick(struct pick *p, bool *ret_end)
{
    struct sync *s = p->s;
    const struct stream *own = &s->streams[p->idx];
    int r = 0;
    *ret_end = false;
    while (r == 0 && !p->full && !*ret_end) {
        p->from = source_of(s, p->idx, p->run->no);
        if (p->from == NULL) {
            p->from = next_source(s, p->idx, 0);
        }
        if (p->from == NULL) {
            return SANJI_E_BUG;
        }
        p->run->no = p->from->row.no;
        p->last = p->from != own      ? p->from->row.seq
                  : p->run->from == 0 ? own->row.seq
                                      : p->run->from - 1;
        r = s->st->bundles(s->st->ctx, p->run->no, p->run->after, SIZE_MAX, pick_bundle, p);
        if (r < 0 || p->full) {
            break;
        }
        const struct stream *next = p->from == own ? NULL : next_source(s, p->idx, p->run->no);
        *ret_end = next == NULL;
        if (next != NULL) {
            *p->run = (struct run){.from = p->run->from, .no = next->row.no};
        }
    }
    return r;
}

static int write_picked(struct pick *p, bool is_end)
{
    struct sync *s = p->s;
    struct stream *st = &s->streams[p->idx];
    struct span item[LIM_WRITE_ITEMS];
    struct keyframe kf = {0};
    struct sync_tally l;
    if (p->n == 0 && !is_end) {
        return 0;
    }
    for (size_t i = 0, at = 0; i < p->n; at = p->end[i++]) {
        item[i] = span_of(p->text.data + at, p->end[i] - at);
    }
    if (p->run->from == 0) {
        p->run->from = st->row.seq + 1;
    }
    int r = 0;
    if (is_end) {
        kf.from = p->run->from;
        kf.to = st->row.seq + 1;
        kf.covers = kf.from - 1;
        r = sync__key_tally(s, &st->row.key, &l);
        kf.live = l.live;
        if (r == 0) {
            r = s->st->live_sha(s->st->ctx, st->row.key.by.s, st->row.key.aud, kf.sha);
        }
    }
    return r < 0 ? r
                 : sync__write_one(s, BUNDLE_KEY, st->row.key.aud, item, p->n, is_end ? &kf : NULL,
                                   NULL);
}

/* In the open transaction. *ret_done: no more of this stream. */
static int key_slice(struct sync *s, size_t idx, bool *ret_done)
{
    struct run run = {0};
    struct sync_tally l;
    int64_t no = s->streams[idx].row.no;
    *ret_done = true;
    if (is_torn(s, idx)) {
        return 0; /* goes on from where it is */
    }
    if (!compactable(s, idx)) {
        s->streams[idx].run = 0;
        return no == 0 ? 0 : sync__kept_set(s, "key", no, NULL, 0);
    }
    int r = s->streams[idx].run == 0 ? SANJI_E_NOT_FOUND
                                     : sync__kept_get(s, "key", no, &run, sizeof(run));
    if (r == SANJI_E_NOT_FOUND) {
        r = sync__key_tally(s, &s->streams[idx].row.key, &l);
        if (r < 0 || !due(s, idx, &l)) {
            return r;
        }
    }
    bool is_end = false;
    struct pick *p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return SANJI_E_NOMEM;
    }
    *p = (struct pick){.s = s, .idx = idx, .run = &run};
    buf_init(&p->text, LIM_WRITE_BYTES + LIM_ITEM_BYTES);
    r = r < 0 ? r : pick(p, &is_end);
    if (r == 0) {
        r = write_picked(p, is_end);
    }
    if (r == 0) {
        r = sync__kept_set(s, "key", no, is_end ? NULL : &run, sizeof(run));
        s->streams[idx].run = is_end ? 0 : run.from == 0 ? -1 : run.from;
        if (r == 0 && is_end && s->streams[idx].hollow != 0) {
            s->streams[idx].hollow = 0;
            r = sync__kept_set(s, "hollow", no, NULL, 0);
        }
        *ret_done = is_end;
    }
    r = r == SANJI_E_PENDING ? 0 : r;
    buf_done(&p->text);
    free(p);
    return r;
}

static int drop_slice(struct sync *s)
{
    int64_t left = DROP_BUNDLES, n = 0;
    int r = 0;
    for (int tries = DROP_BUNDLES; r == 0 && left > 0 && s->dropq.n > 0 && tries > 0; tries--) {
        const struct stream *st = &s->streams[s->dropq.v[0]];
        r = s->st->drop_below(s->st->ctx, st->row.no, left, &n);
        if (r == 0 && n < left) {
            work_done(s, &s->dropq, KW_DROP);
        }
        left -= n;
    }
    return r;
}

int sync__key_step(struct sync *s)
{
    bool done = false;
    if (s->keyq.n + s->dropq.n == 0 || s->tick.mono_ms < s->key_at) {
        return 0;
    }
    s->key_at = s->tick.mono_ms + PAUSE_MS;
    bool may_sign = sync_self_state(s) == SYNC_SELF_OK;
    if (s->dropq.n == 0 && !may_sign) {
        s->key_at = s->tick.mono_ms + AGAIN_MS;
        return 0;
    }
    int r = sync__tx_begin(s);
    if (r < 0) {
        return r;
    }
    if (s->dropq.n > 0) {
        return sync__tx_end(s, drop_slice(s));
    }
    size_t idx = s->keyq.v[0];
    r = key_slice(s, idx, &done);
    if (r == 0 && done) {
        work_done(s, &s->keyq, KW_KEY);
    }
    return sync__tx_end(s, r); /* after a failure everything is loaded, and queued, again */
}
