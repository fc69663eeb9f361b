/* SPDX-License-Identifier: Apache-2.0 */
/* Compaction (PROTOCOL.md 15.2): a writer says what is live once more, and everything before is let
 * go by everybody. Without it a node's disk and the way of a newcomer would follow the number of
 * changes instead of the number of records. The run is written in slices between other work, other
 * bundles may stand inside it, and what is half written when a process dies is gone on with. */
#include "sync/internal.h"

#include <stdio.h>
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

static bool due(const struct sync *s, size_t idx, const struct sync_tally *l)
{
    const struct stream *st = &s->streams[idx];
    int64_t least = s->tune.key_items > 0 ? s->tune.key_items : LIM_KEY_ITEMS, live = l->live.c;
    return l->items + st->beats - live > (least > live ? least : live) ||
           sync__beats_many(s, st, live);
}

static int lane_of(const struct sync *s, const struct stream_key *k, struct sync_tally *ret)
{
    return s->st->tally(s->st->ctx, k->by.s, k->aud, ret);
}

int sync__key_wrote(struct sync *s, size_t idx)
{
    struct sync_tally l;
    if (!compactable(s, idx)) {
        return 0;
    }
    int r = lane_of(s, &s->streams[idx].row.key, &l);
    if (r == 0 && (s->streams[idx].run != 0 || due(s, idx, &l))) {
        work_put(s, &s->keyq, idx, KW_KEY);
    }
    return r;
}

/* ---- remembered across starts ---- */

enum { NAME_BYTES = 32 };

struct run {       /* "key/<no>": the writer's own run */
    int64_t from;  /* 0: nothing written yet */
    int64_t no;    /* stream being read: an earlier epoch, or the stream itself */
    int64_t after; /* read up to this seq */
    int64_t idx;   /* and, of the bundle behind it, up to this item */
};

struct jump { /* "jump/<no>": the head before a run whose end is not held */
    int64_t at, seq;
    uint8_t id[HASH_LEN];
};

static const char *name_of(const char *what, int64_t no, char out[static NAME_BYTES])
{
    (void)snprintf(out, NAME_BYTES, "%s/%lld", what, (long long)no);
    return out;
}

static int get(struct sync *s, const char *what, int64_t no, void *ret, size_t n)
{
    char name[NAME_BYTES];
    struct buf v;
    buf_init(&v, 256);
    int r = s->st->kv_get(s->st->ctx, name_of(what, no, name), &v);
    if (r == 0) {
        r = v.len == n ? 0 : SANJI_E_CORRUPT;
    }
    if (r == 0) {
        memcpy(ret, v.data, n);
    }
    buf_done(&v);
    return r;
}

static int set(struct sync *s, const char *what, int64_t no, const void *v, size_t n)
{
    char name[NAME_BYTES];
    name_of(what, no, name);
    return v == NULL ? s->st->kv_del(s->st->ctx, name)
                     : s->st->kv_put(s->st->ctx, name, span_of(v, n));
}

static int load_one(const char *key, struct span value, void *arg)
{
    struct sync *s = arg;
    bool is_run = value.n == sizeof(struct run);
    char name[NAME_BYTES];
    for (size_t i = 0; i < s->n_streams; i++) {
        struct stream *st = &s->streams[i];
        if (st->row.no == 0 ||
            strcmp(name_of(is_run ? "key" : "jump", st->row.no, name), key) != 0) {
            continue;
        }
        int64_t first; /* member of both: where it began */
        memcpy(&first, value.p, sizeof(first));
        *(is_run ? &st->run : &st->jump) = is_run && first == 0 ? -1 : first;
    }
    return 0;
}

int sync__key_load(struct sync *s)
{
    s->keyq.n = s->dropq.n = 0;
    s->key_at = 0;
    for (size_t i = 0; i < s->n_streams; i++) {
        s->streams[i].work = 0;
        s->streams[i].jump = s->streams[i].run = 0;
    }
    int r = s->st->kv_each(s->st->ctx, "key/", load_one, s);
    if (r == 0) {
        r = s->st->kv_each(s->st->ctx, "jump/", load_one, s);
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
    size_t used;
    if (row->seq > p->last) {
        return 1;
    }
    if (p->bundles++ >= SCAN_BUNDLES || p->bytes >= SCAN_BYTES) {
        p->full = true;
        return 1;
    }
    int r = frame_unpack(s->fc, row->frame, &s->line, &used);
    if (r < 0) {
        return r;
    }
    p->bytes += s->line.len;
    arena_reset(s->arena);
    if (bundle_parse(span_of(s->line.data, s->line.len), s->arena, &b, NULL) < 0) {
        return SANJI_E_CORRUPT;
    }
    for (int i = (int)p->run->idx; r == 0 && i < (int)b.hdr.n; i++) {
        bool stands;
        r = pick_item(p, &b, row, i, &stands);
        if (r < 0 || !stands) {
            continue;
        }
        struct span t = b.item[i].text;
        if (p->n == LIM_WRITE_ITEMS || (p->n > 0 && p->text.len + t.n > LIM_WRITE_BYTES)) {
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
        r = lane_of(s, &st->row.key, &l);
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
    if (!compactable(s, idx)) {
        s->streams[idx].run = 0;
        return no == 0 ? 0 : set(s, "key", no, NULL, 0);
    }
    int r = s->streams[idx].run == 0 ? SANJI_E_NOT_FOUND : get(s, "key", no, &run, sizeof(run));
    if (r == SANJI_E_NOT_FOUND) {
        r = lane_of(s, &s->streams[idx].row.key, &l);
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
        r = set(s, "key", no, is_end ? NULL : &run, sizeof(run));
    }
    s->streams[idx].run = is_end ? 0 : run.from == 0 ? -1 : run.from;
    *ret_done = is_end;
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

/* ---- receiving ---- */

bool sync__key_starts(const struct stream *st, const struct bundle *b)
{
    int64_t head = st->row.no == 0 ? 0 : st->row.seq;
    return b->hdr.t == BUNDLE_KEY && st->aud.type != AUD_TRUST && b->hdr.seq > head + 1 &&
           (!b->hdr.has_kf || b->hdr.kf.from == b->hdr.seq);
}

int sync__key_jump(struct sync *s, struct stream *st, const struct bundle *b)
{
    struct jump j = {.at = b->hdr.seq, .seq = st->row.seq};
    memcpy(j.id, st->row.id, HASH_LEN);
    int r = 0;
    if (st->jump != 0) { /* a newer run goes on from where the first one began */
        r = get(s, "jump", st->row.no, &j, sizeof(j));
        j.at = b->hdr.seq;
    }
    if (r == 0) {
        r = set(s, "jump", st->row.no, &j, sizeof(j));
    }
    st->jump = j.at;
    return r;
}

/* Back to the head from before the run; the views follow. */
static int jump_back(struct sync *s, size_t idx)
{
    struct stream *st = &s->streams[idx];
    struct jump j = {0};
    int r = get(s, "jump", st->row.no, &j, sizeof(j));
    if (r == 0) {
        r = s->st->stream_cut(s->st->ctx, st->row.no, j.seq, j.id);
    }
    if (r == 0) {
        r = set(s, "jump", st->row.no, NULL, 0);
    }
    if (r < 0) {
        return r;
    }
    st->jump = 0;
    st->row.seq = st->kept = j.seq;
    st->row.first = st->row.first < j.seq ? st->row.first : j.seq;
    memcpy(st->row.id, j.id, HASH_LEN);
    sync__stream_retreated(s, idx);
    return 0;
}

int sync__key_closing(struct sync *s, size_t idx, const struct bundle *b)
{
    const struct stream *st = &s->streams[idx];
    if (b->hdr.t != BUNDLE_KEY || !b->hdr.has_kf || st->jump == 0 || b->hdr.kf.from >= st->jump) {
        return 0;
    }
    struct node_id by = st->row.key.by;
    int r = jump_back(s, idx);
    if (r == 0) {
        r = sync__redo_add(s, &by);
    }
    if (r == 0) {
        r = sync__redo(s);
    }
    return r < 0 ? r : SANJI_E_GAP;
}

/* Is the whole run held that this bundle closes? */
static bool run_held(const struct stream *st, const struct bundle *b)
{
    int64_t low = st->jump != 0 && b->hdr.seq >= st->jump ? st->jump : st->row.first;
    return b->hdr.t == BUNDLE_KEY && b->hdr.has_kf && st->aud.type != AUD_TRUST &&
           b->hdr.kf.from >= low;
}

int sync__key_apply(struct sync *s, const struct bundle *b, const struct sync_bundle_row *row,
                    const struct stream_key *key)
{
    int idx = sync__stream_find(s, key);
    if (idx < 0 || !run_held(&s->streams[idx], b)) {
        return 0;
    }
    struct sync_tally k = {
        .ep = key->ep, .no = row->no, .from = b->hdr.kf.from, .to = b->hdr.kf.to};
    return s->st->keyframe(s->st->ctx, key->by.s, key->aud, &k);
}

int sync__key_below(struct sync *s, const struct stream_key *key, int64_t no, int64_t seq,
                    bool *ret)
{
    struct sync_tally l;
    int r = lane_of(s, key, &l);
    *ret = r == 0 && l.no != 0 && ((int64_t)key->ep < l.ep || (no == l.no && seq < l.from));
    return r;
}

static int says_the_same(struct sync *s, const struct stream *st, const struct keyframe *kf,
                         bool with_sha, bool *ret)
{
    struct sync_tally l;
    uint8_t sha[HASH_LEN];
    int r = lane_of(s, &st->row.key, &l);
    *ret = r == 0 && l.live.c == kf->live.c && memcmp(l.live.s, kf->live.s, HASH_LEN) == 0;
    if (*ret && with_sha) {
        r = s->st->live_sha(s->st->ctx, st->row.key.by.s, st->row.key.aud, sha);
        *ret = r == 0 && memcmp(sha, kf->sha, HASH_LEN) == 0;
    }
    return r;
}

/* What this version cannot read, or may not apply, is in the writer's digest and not in ours, nor
 * is what is erased here by an act still to come; and epochs side by side come at different times.
 */
int sync__key_may_judge(struct sync *s, const struct stream *st, bool *ret)
{
    *ret = !sync__is_blocked(s, st->row.key.by.s) && !sync__erase_ahead(s, &st->row.key);
    for (int i = sync__stream_first(s, st->row.key.by.s, st->row.key.aud); i >= 0 && *ret;
         i = s->streams[i].next) {
        const struct stream *x = &s->streams[i];
        bool parked = false;
        if (x->row.no == 0) {
            continue;
        }
        int r = s->st->has_parked(s->st->ctx, x->row.no, &parked);
        if (r < 0) {
            return r;
        }
        *ret = !parked && (x == st || x->row.key.ep < st->row.key.ep);
    }
    return 0;
}

int sync__key_before(struct sync *s, size_t idx, const struct bundle *b, struct key_check *ret)
{
    const struct stream *st = &s->streams[idx];
    *ret = (struct key_check){.due = run_held(st, b)};
    return !ret->due || st->jump != 0 ? 0
                                      : says_the_same(s, st, &b->hdr.kf, false, &ret->was_equal);
}

static int begin_at(struct sync *s, size_t idx, int64_t from)
{
    struct stream *st = &s->streams[idx];
    int r = s->st->stream_from(s->st->ctx, st->row.no, from);
    if (r == 0 && st->jump != 0) {
        r = set(s, "jump", st->row.no, NULL, 0);
    }
    if (r == 0) {
        st->jump = 0;
        st->row.first = from;
        work_put(s, &s->dropq, idx, KW_DROP);
    }
    return r;
}

/* The views were brought to what the keyframe says. When they said something else before, though
 * every bundle was held, or do now, somebody should know; then the history stays where it is. */
int sync__key_taken(struct sync *s, size_t idx, const struct bundle *b, const struct key_check *c)
{
    struct stream *st = &s->streams[idx];
    bool same = false, judge = false;
    if (!c->due) {
        return 0;
    }
    int r = says_the_same(s, st, &b->hdr.kf, true, &same);
    if (r == 0) {
        r = sync__erase_may_judge(s, idx, b, &judge);
    }
    bool jumped = st->jump != 0;
    /* Rows were damaged, or what a jump passes over is of another past of its writer: derived again
     * from what is stored, and stands. */
    if (r == 0 && !same && judge) {
        r = jumped ? begin_at(s, idx, b->hdr.kf.from) : 0;
        if (r == 0) {
            r = sync__redo_add(s, &b->hdr.by);
        }
        if (r == 0) {
            r = sync__redo(s);
        }
        if (r == 0) {
            r = says_the_same(s, &s->streams[idx], &b->hdr.kf, true, &same);
        }
    }
    st = &s->streams[idx];
    if (r == 0 && judge && !(same && (jumped || c->was_equal))) {
        sync__alarm(s, SANJI_E_HASH, &b->hdr.by,
                    audience_is_private(st->aud.type) ? "keyframe" : st->row.key.aud);
    }
    if (r < 0 || !(jumped || !judge || (same && c->was_equal))) {
        return r;
    }
    return begin_at(s, idx, b->hdr.kf.from);
}

/* ---- a key that ended inside a keyframe ---- */

struct base {
    struct sync *s;
    int64_t from, to;
};

static int find_base(const struct sync_bundle_row *row, void *arg)
{
    struct base *x = arg;
    struct bundle b;
    size_t used;
    if (row->type != BUNDLE_KEY) {
        return 0;
    }
    int r = frame_unpack(x->s->fc, row->frame, &x->s->line, &used);
    if (r < 0) {
        return r;
    }
    arena_reset(x->s->arena);
    if (bundle_peek(span_of(x->s->line.data, x->s->line.len), x->s->arena, &b, NULL) < 0) {
        return SANJI_E_CORRUPT;
    }
    x->to = b.hdr.has_kf && b.hdr.kf.from == x->from ? row->seq : 0;
    return x->to != 0 ? 1 : 0;
}

int sync__key_voids(struct sync *s, size_t idx, int64_t *io_at)
{
    struct stream *st = &s->streams[idx];
    struct base x = {.s = s, .from = st->row.first};
    if (st->jump != 0) {
        int r = jump_back(s, idx);
        *io_at = *io_at > st->row.seq ? 0 : *io_at;
        return r;
    }
    if (st->row.first <= 1) {
        return 0;
    }
    int r = s->st->bundles(s->st->ctx, st->row.no, 0, SIZE_MAX, find_base, &x);
    if (r >= 0 && (x.to == 0 || *io_at <= x.to)) {
        *io_at = 1; /* what is left rests on nothing */
    }
    return r < 0 ? r : 0;
}
