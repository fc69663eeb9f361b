/* SPDX-License-Identifier: Apache-2.0 */
/* A beat says what is live, and this node counts something else (PROTOCOL.md 15.3). Either what is
 * derived here was damaged: then deriving it again mends it. Or stored bundles were: then they are
 * wanted again (want.c), and derived from when all are back. Or every bundle here is whole, and it
 * is the writer who counts wrongly: then people are told. Nothing that is stored is thrown away for
 * anybody's word. Mending waits for a turn of its own, because what is damaged may not stand in the
 * way of what is being received. */
#include "sync/internal.h"

#include <string.h>

enum { SOON_MS = 5, KEYED_MS = 60000, AGAIN_MS = 3600000 };
static const char kept_name[] = "differ", keyed_name[] = "keywaits";

struct kept_differ {
    int64_t state, at, seq; /* seq: of the beat */
    struct live_digest live;
};

static int set(struct sync *s, struct stream *st, const struct kept_differ *k)
{
    if (k->state == st->differs && k->state == DIFFER_NONE) {
        return 0;
    }
    int r =
        sync__kept_set(s, kept_name, st->row.no, k->state == DIFFER_NONE ? NULL : k, sizeof(*k));
    if (r == 0) {
        st->differs = (uint8_t)k->state;
        st->differs_at = k->at;
    }
    return r;
}

static int load_one(struct sync *s, struct stream *st, const void *value)
{
    struct kept_differ k = {0};
    memcpy(&k, value, sizeof(k));
    st->differs = (uint8_t)k.state;
    st->differs_at = k.at;
    s->heal_at = k.state == DIFFER_NEW || k.state == DIFFER_LOST ? 1 : s->heal_at;
    return 0;
}

static void keyed_mark(struct sync *s, struct stream *st)
{
    struct origin *o = sync__origin(s, st);
    st->key_waits = true;
    if (o != NULL) {
        o->key_waits++;
    }
}

static int load_keyed(struct sync *s, struct stream *st, const void *value)
{
    (void)value;
    keyed_mark(s, st);
    s->heal_at = 1;
    return 0;
}

int sync__heal_load(struct sync *s)
{
    s->heal_at = 0;
    for (size_t i = 0; i < s->n_streams; i++) {
        s->streams[i].differs = DIFFER_NONE;
        s->streams[i].key_waits = false;
    }
    int r = sync__kept_each(s, kept_name, sizeof(struct kept_differ), load_one);
    return r < 0 ? r : sync__kept_each(s, keyed_name, sizeof(int64_t), load_keyed);
}

int64_t sync__heal_wake(const struct sync *s)
{
    return s->heal_at;
}

void sync__heal_soon(struct sync *s)
{
    s->heal_at = s->tick.mono_ms + SOON_MS;
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
    if (st->jump != 0 || st->row.frozen || st->doubt != 0 || st->kept != st->row.seq ||
        sync__heal_waits(s, st)) {
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
    r = sync_roster_version(s, rv);
    *ret_sure = *ret_sure && memcmp(rv, b->hdr.rv, sizeof(rv)) == 0;
    return r;
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
        strcmp(b->hdr.by.s, s->self.id.s) == 0 || sync__erase_waits(s)) {
        return 0; /* an own one that comes from outside counted another branch; what is erased is
                     still counted here where it was not taken out yet, and the next beat is */
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
        /* What waits to be mended is looked at all the same: what is damaged may count right. */
        k.state = st->differs == DIFFER_NEW ? DIFFER_NEW : DIFFER_NONE;
        return set(s, st, &k);
    }
    if (st->differs == DIFFER_WORD || st->differs == DIFFER_NEW) {
        return 0; /* known, or waiting for its turn */
    }
    k.state = sure || st->differs != DIFFER_NONE ? DIFFER_NEW : DIFFER_ONCE;
    if (k.state == DIFFER_NEW) {
        sync__heal_soon(s);
        if (st->differs != DIFFER_LOST) {
            alarm_of(s, st);
        }
    }
    return set(s, st, &k);
}

/* ---- how often ---- */

bool sync__heal_may(const struct sync *s, const struct stream *st, int64_t *ret_at)
{
    const struct origin *o = sync__origin(s, st);
    *ret_at = o == NULL || o->mended_at == 0 ? 0 : o->mended_at + AGAIN_MS;
    return s->tick.mono_ms >= *ret_at;
}

void sync__heal_done(struct sync *s, size_t idx)
{
    struct origin *o = sync__origin(s, &s->streams[idx]);
    if (o != NULL) {
        o->mended_at = s->tick.mono_ms > 0 ? s->tick.mono_ms : 1;
    }
}

/* ---- for a keyframe ---- */

bool sync__heal_waits(const struct sync *s, const struct stream *st)
{
    const struct origin *o = sync__origin(s, st);
    return o != NULL && o->key_waits > 0;
}

/* When the next one of this writer is due. */
static int64_t keyed_next(const struct sync *s, const struct stream *st)
{
    const struct origin *o = sync__origin(s, st);
    return o == NULL || o->keyed_at == 0 ? 0 : o->keyed_at + KEYED_MS;
}

/* It is done now: for all streams of the writer, because they are derived together. */
static int keyed_done(struct sync *s, size_t idx)
{
    struct origin *o = sync__origin(s, &s->streams[idx]);
    int r = 0;
    for (size_t i = 0; r == 0 && o != NULL && o->key_waits > 0 && i < s->n_streams; i++) {
        struct stream *st = &s->streams[i];
        if (st->key_waits && st->origin == s->streams[idx].origin) {
            r = sync__kept_set(s, keyed_name, st->row.no, NULL, 0);
            st->key_waits = false;
            o->key_waits--;
        }
    }
    if (o != NULL) {
        o->keyed_at = s->tick.mono_ms > 0 ? s->tick.mono_ms : 1;
    }
    return r;
}

int sync__heal_keyed(struct sync *s, size_t idx, bool *ret_now)
{
    struct stream *st = &s->streams[idx];
    int64_t at = keyed_next(s, st);
    *ret_now = s->from == NULL || s->tick.mono_ms >= at;
    if (*ret_now) {
        return keyed_done(s, idx);
    }
    s->heal_at = s->heal_at == 0 || at < s->heal_at ? at : s->heal_at;
    if (st->key_waits) {
        return 0;
    }
    keyed_mark(s, st);
    return sync__kept_set(s, keyed_name, st->row.no, &at, sizeof(at));
}

/* ---- one lane a turn ---- */

static int derive(struct sync *s, const struct node_id *by)
{
    int r = sync__redo_add(s, by);
    return r < 0 ? r : sync__redo(s);
}

/* In a transaction. */
static int derive_keyed(struct sync *s, size_t idx)
{
    struct node_id by = s->streams[idx].row.key.by;
    int r = keyed_done(s, idx);
    return r < 0 ? r : derive(s, &by);
}

/* In a transaction. Every bundle is whole and the views are made of them. When more has come since
 * the beat, nobody can tell what it would say now: the next one does. */
static int judge(struct sync *s, size_t idx)
{
    struct kept_differ k = {0};
    struct stream *st = &s->streams[idx];
    bool is_same = false, at_beat = false;
    int r = sync__kept_get(s, kept_name, st->row.no, &k, sizeof(k));
    if (r == 0) {
        at_beat = st->row.seq == k.seq;
        r = at_beat ? same(s, st, &k.live, &is_same) : 0;
    }
    k.state = !at_beat ? DIFFER_ONCE : is_same ? DIFFER_NONE : DIFFER_WORD;
    return r < 0 ? r : set(s, st, &k);
}

/* In a transaction. All lanes of the writer, because they are derived together. */
static int mend(struct sync *s, size_t idx)
{
    struct kept_differ k = {0};
    struct node_id by = s->streams[idx].row.key.by;
    int r = sync__damage_find(s, &by);
    sync__heal_done(s, idx);
    if (r == 0 && !sync__wants_of(s, &s->streams[idx])) {
        r = derive(s, &by);
        if (r == 0 && !sync__wants_of(s, &s->streams[idx])) {
            return judge(s, idx);
        }
    }
    if (r == 0) {
        r = sync__kept_get(s, kept_name, s->streams[idx].row.no, &k, sizeof(k));
    }
    k.state = DIFFER_LOST;
    return r < 0 ? r : set(s, &s->streams[idx], &k);
}

/* Or when it has, in io_later where that is sooner. */
static bool has_turn(const struct sync *s, const struct stream *st, int64_t *io_later)
{
    int64_t at = 0;
    if (st->key_waits) {
        at = keyed_next(s, st);
        *io_later = *io_later == 0 || at < *io_later ? at : *io_later;
        return s->tick.mono_ms >= at; /* then, what a beat says */
    }
    if (st->row.no == 0 || (st->differs != DIFFER_NEW && st->differs != DIFFER_LOST)) {
        return false;
    }
    if (st->differs == DIFFER_LOST) {
        return !sync__wants_of(s, st);
    }
    if (sync__heal_may(s, st, &at)) {
        return true;
    }
    *io_later = *io_later == 0 || at < *io_later ? at : *io_later;
    return false;
}

/* In a transaction of its own. */
static int take_turn(struct sync *s, size_t idx)
{
    bool is_new = s->streams[idx].differs == DIFFER_NEW, is_keyed = s->streams[idx].key_waits;
    int r = sync__tx_begin(s);
    if (r == 0) {
        r = sync__tx_end(s, is_keyed ? derive_keyed(s, idx)
                            : is_new ? mend(s, idx)
                                     : judge(s, idx));
    }
    return r;
}

/* The next one goes on behind the last, so that a round of them looks at each stream twice at most.
 */
int sync__heal_step(struct sync *s)
{
    if (s->heal_at == 0 || s->tick.mono_ms < s->heal_at) {
        return 0;
    }
    int64_t later = 0;
    s->heal_at = 0;
    for (size_t n = 0; n < s->n_streams; n++) {
        size_t i = s->heal_next < s->n_streams ? s->heal_next : 0;
        s->heal_next = i + 1;
        if (has_turn(s, &s->streams[i], &later)) {
            int r = take_turn(s, i);
            s->heal_at = s->tick.mono_ms + (r < 0 ? AGAIN_MS : SOON_MS);
            return r == SANJI_E_CORRUPT ? 0 : r; /* that is known */
        }
    }
    s->heal_at = later;
    return 0;
}
