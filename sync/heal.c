/* SPDX-License-Identifier: Apache-2.0 */
/* A beat says what is live, and this node counts something else (PROTOCOL.md 15.3). Either what is
 * derived here was damaged: then deriving it again mends it. Or stored bundles were: then they are
 * let go from the first damaged one on, and a neighbour that holds them sends them again. Or every
 * bundle here is whole, and it is the writer who counts wrongly: then nothing is thrown away for
 * its word, but people are told. Mending waits for a turn of its own, because what is damaged may
 * not stand in the way of what is being received. */
#include "sync/internal.h"

#include "protocol/base/text.h"

#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 32, SOON_MS = 5, AGAIN_MS = 3600000 };

struct kept_differ {
    int64_t state, at, seq; /* seq: of the beat */
    struct live_digest live;
};

static const char *name_of(int64_t no, char out[static NAME_BYTES])
{
    (void)snprintf(out, NAME_BYTES, "differ/%lld", (long long)no);
    return out;
}

static int get(struct sync *s, int64_t no, struct kept_differ *ret)
{
    char name[NAME_BYTES];
    struct buf v;
    buf_init(&v, 256);
    int r = s->st->kv_get(s->st->ctx, name_of(no, name), &v);
    if (r == 0) {
        r = v.len == sizeof(*ret) ? 0 : SANJI_E_CORRUPT;
    }
    if (r == 0) {
        memcpy(ret, v.data, sizeof(*ret));
    }
    buf_done(&v);
    return r;
}

static int set(struct sync *s, struct stream *st, const struct kept_differ *k)
{
    char name[NAME_BYTES];
    name_of(st->row.no, name);
    if (k->state == st->differs && k->state == DIFFER_NONE) {
        return 0;
    }
    int r = k->state == DIFFER_NONE ? s->st->kv_del(s->st->ctx, name)
                                    : s->st->kv_put(s->st->ctx, name, span_of(k, sizeof(*k)));
    if (r == 0) {
        st->differs = (uint8_t)k->state;
        st->differs_at = k->at;
    }
    return r;
}

static int load_one(const char *key, struct span value, void *arg)
{
    struct sync *s = arg;
    struct kept_differ k;
    int64_t no;
    const char *digits = strchr(key, '/');
    if (value.n != sizeof(k) || digits == NULL ||
        text_i64(digits + 1, strlen(digits + 1), 1, INT64_MAX, &no) < 0) {
        return SANJI_E_CORRUPT;
    }
    memcpy(&k, value.p, sizeof(k));
    for (size_t i = 0; i < s->n_streams; i++) {
        if (s->streams[i].row.no == no) {
            s->streams[i].differs = (uint8_t)k.state;
            s->streams[i].differs_at = k.at;
            s->heal_at = k.state == DIFFER_NEW ? 1 : s->heal_at;
        }
    }
    return 0;
}

int sync__heal_load(struct sync *s)
{
    s->heal_at = 0;
    for (size_t i = 0; i < s->n_streams; i++) {
        s->streams[i].differs = DIFFER_NONE;
    }
    return s->st->kv_each(s->st->ctx, "differ/", load_one, s);
}

int64_t sync__heal_wake(const struct sync *s)
{
    return s->heal_at;
}

/* ---- comparing ---- */

/* Is nothing of the lane missing here that the writer counted? *ret_sure: and does a difference
 * prove damage? With another roster than the writer's an item may count here and not there, and
 * parts of an earlier epoch may still be on their way: then it does when the next beat says so. */
static int may_compare(struct sync *s, size_t idx, const struct bundle *b, bool *ret,
                       bool *ret_sure)
{
    const struct stream *st = &s->streams[idx];
    struct sync_tally l = {0};
    uint8_t rv[8];
    *ret = false;
    if (st->jump != 0 || st->row.frozen || st->doubt != 0 || st->kept != st->row.seq) {
        return 0;
    }
    int r = sync__key_may_judge(s, st, ret);
    if (r == 0) {
        r = s->st->tally(s->st->ctx, st->row.key.by.s, st->row.key.aud, &l);
    }
    if (r < 0 || !*ret) {
        return r;
    }
    bool from_key = l.no == st->row.no;
    *ret = from_key || st->row.first <= 1;
    *ret_sure = from_key || st->row.key.ep == 1;
    sync_roster_version(s, rv);
    *ret_sure = *ret_sure && memcmp(rv, b->hdr.rv, sizeof(rv)) == 0;
    return 0;
}

static int same(struct sync *s, const struct stream *st, const struct live_digest *live, bool *ret)
{
    struct sync_tally l = {0};
    int r = s->st->tally(s->st->ctx, st->row.key.by.s, st->row.key.aud, &l);
    *ret = r == 0 && l.live.c == live->c && memcmp(l.live.s, live->s, HASH_LEN) == 0;
    return r;
}

static void alarm_of(struct sync *s, const struct stream *st)
{
    sync__alarm(s, SANJI_E_DIVERGED, &st->row.key.by, st->row.key.aud);
}

int sync__beat_taken(struct sync *s, size_t idx, const struct bundle *b)
{
    struct stream *st = &s->streams[idx];
    bool can = false, sure = false, is_same = false;
    if (b->hdr.t != BUNDLE_BEAT || st->aud.type == AUD_TRUST || s->witness ||
        strcmp(b->hdr.by.s, s->self.id.s) == 0) {
        return 0; /* an own one that comes from outside counted another branch */
    }
    int r = may_compare(s, idx, b, &can, &sure);
    if (r == 0 && can) {
        r = same(s, st, &b->hdr.live, &is_same);
    }
    if (r < 0 || !can) {
        return r;
    }
    struct kept_differ k = {.at = s->tick.now_ms, .seq = b->hdr.seq, .live = b->hdr.live};
    if (is_same) {
        /* What waits to be mended is looked at all the same: damage that nobody in reach could mend
         * may count right. */
        k.state = st->differs == DIFFER_NEW ? DIFFER_NEW : DIFFER_NONE;
        return set(s, st, &k);
    }
    if (st->differs == DIFFER_WORD || st->differs == DIFFER_NEW) {
        return 0; /* known, or waiting for its turn */
    }
    k.state = sure || st->differs != DIFFER_NONE ? DIFFER_NEW : DIFFER_ONCE;
    if (k.state == DIFFER_NEW) {
        s->heal_at = s->tick.mono_ms + SOON_MS;
        if (st->differs != DIFFER_LOST) {
            alarm_of(s, st);
        }
    }
    return set(s, st, &k);
}

/* ---- which bundles are whole ---- */

struct walk {
    struct sync *s;
    struct arena *arena;
    struct buf line;
    uint8_t prev[HASH_LEN];
    int64_t next, from; /* seq that should come; the first one has nothing before it here */
    int64_t bad;        /* 0: none */
};

static bool is_signed(const struct sync *s, const struct bundle *b)
{
    const struct roster_key *key = NULL;
    const struct act_head *limit;
    (void)roster_key_covers(s->roster, b, &key, &limit); /* whether it stands was asked before */
    return key == NULL || bundle_verify(b, key->pub) == 0;
}

static int walk_one(const struct sync_bundle_row *row, void *arg)
{
    struct walk *w = arg;
    struct bundle b;
    size_t used;
    int r =
        row->seq == w->next ? frame_unpack(w->s->fc, row->frame, &w->line, &used) : SANJI_E_CORRUPT;
    if (r == 0) {
        arena_reset(w->arena);
        r = bundle_parse(span_of(w->line.data, w->line.len), w->arena, &b, NULL);
    }
    if (r == SANJI_E_NOMEM) {
        return r;
    }
    if (r != 0 || memcmp(b.id, row->id, HASH_LEN) != 0 || b.hdr.seq != row->seq ||
        (row->seq > w->from && memcmp(b.hdr.prev, w->prev, HASH_LEN) != 0) ||
        !is_signed(w->s, &b)) {
        w->bad = w->next;
        return 1;
    }
    memcpy(w->prev, b.id, HASH_LEN);
    w->next++;
    return 0;
}

/* The first bundle of a stream that is not what its writer signed; 0: all are whole. */
static int find_damage(struct sync *s, const struct stream *st, int64_t *ret)
{
    struct walk w = {.s = s, .arena = arena_new(ARENA_MAX), .next = st->row.first};
    w.next = w.from = w.next > 1 ? w.next : 1;
    buf_init(&w.line, LIM_BUNDLE_BYTES + 64);
    int r = w.arena == NULL ? SANJI_E_NOMEM
                            : s->st->bundles(s->st->ctx, st->row.no, 0, SIZE_MAX, walk_one, &w);
    if (r >= 0 && w.bad == 0 && w.next <= st->row.seq) {
        w.bad = w.next;
    }
    *ret = w.bad;
    arena_free(w.arena);
    buf_done(&w.line);
    return r < 0 ? r : 0;
}

/* ---- fetching again ---- */

/* A neighbour in reach that has said, or shown, that it holds all of it. */
static struct peer *holder(const struct sync *s, size_t idx)
{
    for (size_t i = 0; i < s->n_peers; i++) {
        struct peer *p = s->peers[i];
        const struct peer_stream *ps = idx < p->n_ps ? &p->ps[idx] : NULL;
        int64_t has = ps == NULL ? 0 : ps->their > ps->shown ? ps->their : ps->shown;
        if (p->st.connected && has >= s->streams[idx].row.seq) {
            return p;
        }
    }
    return NULL;
}

/* It hears everything this node holds anew, and by that what it lacks. */
static void ask_again(struct sync *s, struct peer *p)
{
    sync__peer_reset_stated(s, p);
    for (size_t i = 0; i < s->n_sess; i++) {
        if (s->sess[i].conn != 0 && node_id_cmp(&s->sess[i].node, &p->id) == 0) {
            s->sess[i].conn = 0; /* a child logs in again, and asks */
        }
    }
    s->relog = s->relog || p->is_parent;
}

/* In a transaction: what stands from `bad` on is let go here. */
static int let_go(struct sync *s, size_t idx, int64_t bad)
{
    struct stream *st = &s->streams[idx];
    struct sync_tally l = {0};
    uint8_t id[HASH_LEN] = {0};
    int64_t seq = bad - 1;
    int r = s->st->tally(s->st->ctx, st->row.key.by.s, st->row.key.aud, &l);
    if (st->row.first > 1 && (l.no != st->row.no || bad <= l.to)) {
        seq = 0; /* half of the keyframe that it begins with is nothing to go on from */
    }
    if (r == 0 && seq > 0) {
        r = s->st->bundle_id(s->st->ctx, st->row.no, seq, id);
    }
    if (r == 0) {
        r = s->st->stream_cut(s->st->ctx, st->row.no, seq, id);
    }
    if (r == 0) {
        r = sync__want_drop(s, st->row.no, seq + 1);
    }
    if (r < 0) {
        return r;
    }
    st->wants = false;
    st->row.seq = st->kept = seq;
    st->row.first = st->row.first < seq ? st->row.first : seq;
    memcpy(st->row.id, id, HASH_LEN);
    sync__stream_retreated(s, idx);
    return 0;
}

/* ---- one lane a turn ---- */

static int derive(struct sync *s, const struct node_id *by)
{
    int r = sync__redo_add(s, by);
    return r < 0 ? r : sync__redo(s);
}

/* In a transaction. All lanes of the writer, because they are derived together. */
static int let_go_all(struct sync *s, const struct node_id *by, int64_t *ret_n, bool *ret_wait)
{
    int r = 0;
    *ret_n = 0;
    *ret_wait = false;
    for (size_t i = 0; r == 0 && i < s->n_streams; i++) {
        const struct stream *st = &s->streams[i];
        int64_t bad = 0;
        if (st->row.no == 0 || st->aud.type == AUD_TRUST || st->jump != 0 || st->doubt != 0 ||
            node_id_cmp(&st->row.key.by, by) != 0) {
            continue;
        }
        r = find_damage(s, st, &bad);
        if (r < 0 || bad == 0) {
            continue;
        }
        ++*ret_n;
        struct peer *p = holder(s, i);
        if (p == NULL) {
            *ret_wait = true; /* what is left is better than nothing */
            continue;
        }
        r = let_go(s, i, bad);
        ask_again(s, p);
    }
    return r;
}

/* In a transaction. *ret_wait: there is damage that nobody in reach can mend. */
static int mend(struct sync *s, size_t idx, bool *ret_wait)
{
    struct node_id by = s->streams[idx].row.key.by;
    struct kept_differ k;
    bool is_same = false;
    int64_t n = 0;
    int r = get(s, s->streams[idx].row.no, &k);
    if (r == 0) {
        r = let_go_all(s, &by, &n, ret_wait);
    }
    if (r == 0) {
        r = derive(s, &by);
    }
    if (r == 0 && s->streams[idx].row.seq == k.seq) {
        r = same(s, &s->streams[idx], &k.live, &is_same);
    }
    if (r < 0 || *ret_wait) {
        return r;
    }
    k.state = n > 0 ? DIFFER_LOST : is_same ? DIFFER_NONE : DIFFER_WORD;
    return set(s, &s->streams[idx], &k);
}

int sync__heal_step(struct sync *s)
{
    if (s->heal_at == 0 || s->tick.mono_ms < s->heal_at) {
        return 0;
    }
    s->heal_at = 0;
    for (size_t i = 0; i < s->n_streams; i++) {
        if (s->streams[i].row.no != 0 && s->streams[i].differs == DIFFER_NEW) {
            bool wait = false;
            int r = sync__tx_begin(s);
            if (r == 0) {
                r = sync__tx_end(s, mend(s, i, &wait));
            }
            s->heal_at = s->tick.mono_ms + (r < 0 || wait ? AGAIN_MS : SOON_MS);
            return r == SANJI_E_CORRUPT ? 0 : r; /* that is known */
        }
    }
    return 0;
}
