/* SPDX-License-Identifier: Apache-2.0 */
/* Stored bundles whose bytes are damaged or gone ("want/NO/SEQ" in the store), whoever found them:
 * a beat that counts something else (heal.c), somebody who read them (damage.c), `verify --heal`.
 * Nothing is dropped: the stream keeps its head and goes on, but says that it ends before the first
 * of them, so that a neighbour who holds the same sends it again from there. What comes is taken
 * only where it is wanted, and only when it is the one that stood there. Own streams open no epoch
 * for it: their heads, and what was signed, are known. */
#include "sync/internal.h"

#include "protocol/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *name_of(int64_t no, int64_t seq, char out[static 48])
{
    (void)snprintf(out, 48, "want/%lld/%lld", (long long)no, (long long)seq);
    return out;
}

/* ---- the list, sorted by stream and number ---- */

/* Where (no, seq) stands, or would. */
static size_t at_of(const struct sync *s, int64_t no, int64_t seq)
{
    size_t lo = 0, hi = s->n_wants;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        const struct want_mark *m = &s->wants[mid];
        if (m->no < no || (m->no == no && m->seq < seq)) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static int insert(struct sync *s, int64_t no, int64_t seq)
{
    size_t at = at_of(s, no, seq);
    if (s->n_wants == s->cap_wants) {
        size_t cap = s->cap_wants == 0 ? 16 : s->cap_wants * 2;
        struct want_mark *v = realloc(s->wants, cap * sizeof(*v));
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        s->wants = v;
        s->cap_wants = cap;
    }
    memmove(&s->wants[at + 1], &s->wants[at], (s->n_wants - at) * sizeof(*s->wants));
    s->wants[at] = (struct want_mark){no, seq};
    s->n_wants++;
    return 0;
}

static int take_out(struct sync *s, size_t at)
{
    char name[48];
    int r = s->st->kv_del(s->st->ctx, name_of(s->wants[at].no, s->wants[at].seq, name));
    s->n_wants--;
    memmove(&s->wants[at], &s->wants[at + 1], (s->n_wants - at) * sizeof(*s->wants));
    return r;
}

static bool counts(const struct stream *st, int64_t seq)
{
    return seq >= st->row.first && seq <= st->kept;
}

/* What was let go since is wanted no more. */
static int load_one(const char *name, struct span value, void *arg)
{
    struct sync *s = arg;
    const char *no_at = name + strlen("want/"), *slash = strchr(no_at, '/');
    int64_t no = 0, seq = 0;
    (void)value;
    if (slash == NULL || text_i64(no_at, (size_t)(slash - no_at), 1, INT64_MAX, &no) < 0 ||
        text_i64(slash + 1, strlen(slash + 1), 1, LIM_SEQ, &seq) < 0) {
        return SANJI_E_CORRUPT;
    }
    int idx = sync__by_no(s, no);
    return idx < 0 || !counts(&s->streams[idx], seq) ? 0 : insert(s, no, seq);
}

bool sync__wanted(const struct sync *s, int64_t no, int64_t seq)
{
    size_t at = no == 0 ? s->n_wants : at_of(s, no, seq);
    return at < s->n_wants && s->wants[at].no == no && s->wants[at].seq == seq;
}

int64_t sync__want_sum(const struct sync *s, int64_t no)
{
    int64_t sum = 0;
    for (size_t at = s->n_wants == 0 ? 0 : at_of(s, no, 0);
         at < s->n_wants && s->wants[at].no == no; at++) {
        sum += (s->wants[at].seq << 16) + 1;
    }
    return sum;
}

int64_t sync__want_limit(const struct sync *s, const struct stream *st, int64_t after)
{
    size_t at = s->n_wants == 0 ? 0 : at_of(s, st->row.no, after + 1);
    bool any = at < s->n_wants && s->wants[at].no == st->row.no && s->wants[at].seq <= st->row.seq;
    return any ? s->wants[at].seq - 1 : st->row.seq;
}

bool sync__wants_of(const struct sync *s, const struct stream *st)
{
    const struct origin *o = sync__origin(s, st);
    return o != NULL && o->wants > 0;
}

/* What is said of the stream: up to the first that is wanted. */
static int shown(struct sync *s, struct stream *st)
{
    st->shown = sync__want_limit(s, st, 0);
    st->shown = st->shown < st->row.first ? 0 : st->shown; /* nothing whole to go on from */
    memcpy(st->shown_id, st->row.id, HASH_LEN);
    struct origin *o = sync__origin(s, st);
    bool wants = st->shown != st->row.seq;
    if (o != NULL) {
        o->wants = o->wants + wants - st->wants;
    }
    st->wants = wants;
    return !st->wants || st->shown == 0
               ? 0
               : s->st->bundle_id(s->st->ctx, st->row.no, st->shown, st->shown_id);
}

int sync__want_load(struct sync *s)
{
    s->n_wants = 0;
    int r = s->st->kv_each(s->st->ctx, "want/", load_one, s);
    for (size_t i = 0; r >= 0 && s->n_wants > 0 && i < s->n_streams; i++) {
        r = s->streams[i].row.no != 0 ? shown(s, &s->streams[i]) : 0;
        r = r == SANJI_E_NOT_FOUND ? 0 : r;
    }
    return r < 0 ? r : 0;
}

void sync__want_free(struct sync *s)
{
    free(s->wants);
}

int sync__want_trim(struct sync *s, struct stream *st)
{
    int r = 0;
    if (!st->wants) {
        return 0;
    }
    for (size_t i = at_of(s, st->row.no, 0); r == 0 && i < s->n_wants;) {
        if (s->wants[i].no != st->row.no) {
            break;
        }
        if (counts(st, s->wants[i].seq)) {
            i++;
        } else {
            r = take_out(s, i);
        }
    }
    sync__heal_soon(s);
    return r < 0 ? r : shown(s, st);
}

/* ---- marking ---- */

int sync__want_add(struct sync *s, size_t idx, int64_t seq)
{
    char name[48];
    struct stream *st = &s->streams[idx];
    if (sync__wanted(s, st->row.no, seq)) {
        return 0;
    }
    int r = s->st->kv_put(s->st->ctx, name_of(st->row.no, seq, name), span_of("1", 1));
    if (r == 0) {
        r = insert(s, st->row.no, seq);
    }
    if (r == 0 && (!st->wants || seq <= st->shown)) {
        r = shown(s, st);
        r = r == SANJI_E_NOT_FOUND ? 0 : r; /* the one before it is found to be gone, too */
        sync__stream_retreated(s, idx);
    }
    s->want_said = false;
    return r < 0 ? r : 1;
}

/* Neighbours hear what this node holds anew, and by that what it lacks. */
void sync__want_say(struct sync *s)
{
    if (s->want_said) {
        return;
    }
    s->want_said = true;
    for (size_t i = 0; i < s->n_peers; i++) {
        sync__peer_reset_stated(s, s->peers[i]);
    }
    for (size_t i = 0; i < s->n_sess; i++) {
        s->sess[i].conn = 0; /* a child logs in again, and asks */
    }
    s->relog = true;
}

int sync_want(struct sync *s, int64_t no, int64_t seq)
{
    int idx, r = sync__fresh(s);
    if (r < 0) {
        return r;
    }
    idx = sync__by_no(s, no);
    if (idx < 0 || seq > s->streams[idx].row.seq || s->streams[idx].doubt != 0) {
        return SANJI_E_NOT_FOUND;
    }
    bool own_tx = !s->in_tx;
    r = own_tx ? sync__tx_begin(s) : 0;
    if (r < 0) {
        return r;
    }
    r = sync__want_add(s, (size_t)idx, seq);
    r = own_tx ? sync__tx_end(s, r) : r;
    return r < 0 ? r : 0;
}

int sync_want_note(const struct sync_store *st, int64_t no, int64_t seq)
{
    char name[48];
    return st->kv_put(st->ctx, name_of(no, seq, name), span_of("1", 1));
}

void sync_wanted_each(const struct sync *s, void (*fn)(const struct sync_wanted *h, void *arg),
                      void *arg)
{
    for (size_t i = 0; i < s->n_wants; i++) {
        struct sync_wanted h = {.seq = s->wants[i].seq};
        int idx = sync__by_no(s, s->wants[i].no);
        if (idx >= 0) {
            h.key = &s->streams[idx].row.key;
            h.own = node_id_cmp(&h.key->by, &s->self.id) == 0;
            h.held = sync__peer_holds(s, (size_t)idx, h.seq);
            fn(&h, arg);
        }
    }
}

/* ---- taking what comes ---- */

struct place { /* what is known of the bundle that stood there */
    struct sync *s;
    int64_t seq;
    uint8_t id[HASH_LEN];
    bool known;
};

/* The bundle behind it names it. */
static int read_next(const struct sync_bundle_row *row, void *arg)
{
    struct place *p = arg;
    struct bundle b;
    struct buf line;
    size_t used;
    struct arena *a = arena_new(ARENA_MAX);
    if (a == NULL) {
        return SANJI_E_NOMEM;
    }
    buf_init(&line, LIM_BUNDLE_BYTES + 64); /* the bundle at hand lives in the engine's */
    if (row->seq == p->seq + 1 && frame_unpack(p->s->fc, row->frame, &line, &used) == 0 &&
        bundle_peek(span_of(line.data, line.len), a, &b, NULL) == 0) {
        memcpy(p->id, b.hdr.prev, HASH_LEN);
        p->known = true;
    }
    buf_done(&line);
    arena_free(a);
    return 1;
}

/* Is this the bundle that stood there? The one behind it says so, or the head, or the row; where
 * all of these are gone, too, it is the one that goes on from the one before it. */
static int is_it(struct sync *s, const struct stream *st, const struct bundle *b)
{
    struct place p = {.s = s, .seq = b->hdr.seq};
    int r = 0;
    if (p.seq == st->row.seq) {
        memcpy(p.id, st->row.id, HASH_LEN);
        p.known = true;
    } else if (!sync__wanted(s, st->row.no, p.seq + 1)) {
        r = s->st->bundles(s->st->ctx, st->row.no, p.seq, 1, read_next, &p);
    }
    if (r >= 0 && !p.known) {
        r = s->st->bundle_id(s->st->ctx, st->row.no, p.seq, p.id);
    }
    if (r == SANJI_E_NOT_FOUND && p.seq > 1 && !sync__wanted(s, st->row.no, p.seq - 1)) {
        r = s->st->bundle_id(s->st->ctx, st->row.no, p.seq - 1, p.id);
        return r == 0 && memcmp(p.id, b->hdr.prev, HASH_LEN) == 0 ? 0
               : r == 0 || r == SANJI_E_NOT_FOUND                 ? SANJI_E_GAP
                                                                  : r;
    }
    if (r < 0) {
        return r == SANJI_E_NOT_FOUND ? SANJI_E_GAP : r; /* when the one behind it is here */
    }
    return memcmp(p.id, b->id, HASH_LEN) == 0 ? 0 : SANJI_E_GAP;
}

int sync__want_fits(struct sync *s, const struct stream *st, const struct bundle *b)
{
    return s->witness ? SANJI_E_GAP : is_it(s, st, b);
}

/* What was taken before it, by the link to the one before that, has to be what this one names. */
static int before_it(struct sync *s, size_t idx, const struct bundle *b)
{
    uint8_t id[HASH_LEN];
    int64_t no = s->streams[idx].row.no, seq = b->hdr.seq - 1;
    if (seq < 1 || sync__wanted(s, no, seq)) {
        return 0;
    }
    int r = s->st->bundle_id(s->st->ctx, no, seq, id);
    if (r == 0 && memcmp(id, b->hdr.prev, HASH_LEN) != 0) {
        r = sync__want_add(s, idx, seq);
    }
    return r == SANJI_E_NOT_FOUND || r > 0 ? 0 : r;
}

int sync__want_take(struct sync *s, size_t idx, const struct bundle *b, struct span frame)
{
    sync__late_forget(s); /* it may be the one that a keyframe names */
    struct sync_bundle_row row;
    int64_t no = s->streams[idx].row.no;
    struct node_id by = s->streams[idx].row.key.by;
    sync__row_of(s, no, b, frame, &row);
    int r = s->st->bundle_again(s->st->ctx, &row);
    if (r == 0) {
        r = take_out(s, at_of(s, no, row.seq));
    }
    if (r == 0) {
        r = before_it(s, idx, b);
    }
    if (r == 0) {
        r = shown(s, &s->streams[idx]);
        r = r == SANJI_E_NOT_FOUND ? 0 : r;
    }
    if (r == 0 &&
        !sync__wants_of(s, &s->streams[idx])) { /* not by halves: what is shown stays till then */
        r = sync__redo_add(s, &by);
        sync__heal_soon(s);
    }
    s->roster_again = s->roster_again || s->streams[idx].aud.type == AUD_TRUST;
    s->changed = true;
    sync__stream_advanced(s, idx);
    if (r == 0 && node_id_cmp(&by, &s->self.id) == 0) { /* a keyframe may have waited for it */
        r = sync__key_wrote(s, (size_t)sync__stream_newest(s, by.s, s->streams[idx].row.key.aud));
    }
    return r;
}
