/* SPDX-License-Identifier: Apache-2.0 */
/* Stored bundles whose bytes are damaged or gone ("want/NO/SEQ" in the store). Nothing is dropped:
 * the stream keeps its head and goes on, but says that it ends before the first of them, so that a
 * neighbour who holds the same sends it again from there. What comes is taken only where it is
 * wanted, and only when it is the one that stood there. Own streams open no epoch for it: their
 * heads, and what was signed, are known. */
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

static int add(struct sync *s, int64_t no, int64_t seq)
{
    struct want_mark *v = realloc(s->wants, (s->n_wants + 1) * sizeof(*v));
    if (v == NULL) {
        return SANJI_E_NOMEM;
    }
    s->wants = v;
    v[s->n_wants++] = (struct want_mark){no, seq};
    return 0;
}

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
    return add(s, no, seq);
}

bool sync__wanted(const struct sync *s, int64_t no, int64_t seq)
{
    for (size_t i = 0; no != 0 && i < s->n_wants; i++) {
        if (s->wants[i].no == no && s->wants[i].seq == seq) {
            return true;
        }
    }
    return false;
}

int64_t sync__want_limit(const struct sync *s, const struct stream *st, int64_t after)
{
    int64_t limit = st->row.seq;
    for (size_t i = 0; i < s->n_wants; i++) {
        int64_t seq = s->wants[i].seq;
        if (s->wants[i].no == st->row.no && seq > after && seq <= limit) {
            limit = seq - 1;
        }
    }
    return limit;
}

/* What is said of the stream: up to the first that is wanted. */
static int shown(struct sync *s, struct stream *st)
{
    st->shown = sync__want_limit(s, st, 0);
    st->shown = st->shown < st->row.first ? 0 : st->shown; /* nothing whole to go on from */
    memcpy(st->shown_id, st->row.id, HASH_LEN);
    st->wants = st->shown != st->row.seq;
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

int sync__want_drop(struct sync *s, int64_t no, int64_t from)
{
    char name[48];
    size_t kept = 0;
    int r = 0;
    for (size_t i = 0; i < s->n_wants; i++) {
        if (r == 0 && s->wants[i].no == no && s->wants[i].seq >= from) {
            r = s->st->kv_del(s->st->ctx, name_of(no, s->wants[i].seq, name));
        } else {
            s->wants[kept++] = s->wants[i];
        }
    }
    s->n_wants = kept;
    return r;
}

void sync__want_free(struct sync *s)
{
    free(s->wants);
}

static void state_again(struct sync *s, size_t idx)
{
    sync__stream_retreated(s, idx);
    for (size_t i = 0; i < s->n_peers; i++) {
        sync__peer_reset_stated(s, s->peers[i]);
    }
}

int sync_want(struct sync *s, int64_t no, int64_t seq)
{
    char name[48];
    size_t idx = 0;
    int r = sync__fresh(s);
    if (r < 0) {
        return r;
    }
    while (idx < s->n_streams && s->streams[idx].row.no != no) {
        idx++;
    }
    if (idx == s->n_streams || seq > s->streams[idx].row.seq || s->streams[idx].doubt != 0) {
        return SANJI_E_NOT_FOUND;
    }
    if (sync__wanted(s, no, seq)) {
        return 0;
    }
    bool own_tx = !s->in_tx;
    r = own_tx ? sync__tx_begin(s) : 0;
    if (r < 0) {
        return r;
    }
    r = s->st->kv_put(s->st->ctx, name_of(no, seq, name), span_of("1", 1));
    if (r == 0) {
        r = add(s, no, seq);
    }
    if (r == 0) {
        r = shown(s, &s->streams[idx]);
    }
    if (own_tx) {
        r = sync__tx_end(s, r);
    }
    if (r == 0) {
        state_again(s, idx);
    }
    return r;
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
        for (size_t k = 0; k < s->n_streams; k++) {
            if (s->streams[k].row.no == s->wants[i].no) {
                h.key = &s->streams[k].row.key;
                h.own = node_id_cmp(&h.key->by, &s->self.id) == 0;
                h.held = sync__peer_holds(s, k, h.seq);
            }
        }
        if (h.key != NULL) {
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

/* Is this the bundle that stood there? The one behind it says so, or the head, or the row. */
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
    if (r < 0) {
        return r == SANJI_E_NOT_FOUND ? SANJI_E_GAP : r; /* when the one behind it is here */
    }
    return memcmp(p.id, b->id, HASH_LEN) == 0 ? 0 : SANJI_E_GAP;
}

int sync__want_fits(struct sync *s, const struct stream *st, const struct bundle *b)
{
    return s->witness ? SANJI_E_GAP : is_it(s, st, b);
}

static bool wants_of(const struct sync *s, const struct node_id *by)
{
    for (size_t i = 0; i < s->n_streams; i++) {
        const struct stream *st = &s->streams[i];
        if (st->row.no != 0 && st->wants && node_id_cmp(&st->row.key.by, by) == 0) {
            return true;
        }
    }
    return false;
}

int sync__want_take(struct sync *s, size_t idx, const struct bundle *b, struct span frame)
{
    struct stream *st = &s->streams[idx];
    char name[48];
    struct sync_bundle_row row = {
        .no = st->row.no,
        .seq = b->hdr.seq,
        .frame = frame,
        .ts = b->hdr.ts,
        .got = s->tick.now_ms,
        .items = b->hdr.n,
        .raw_bytes = (int64_t)b->line.n,
        .type = (int)b->hdr.t,
    };
    memcpy(row.id, b->id, HASH_LEN);
    int r = s->st->bundle_again(s->st->ctx, &row);
    if (r == 0) {
        r = s->st->kv_del(s->st->ctx, name_of(row.no, row.seq, name));
    }
    for (size_t i = 0; i < s->n_wants; i++) {
        if (s->wants[i].no == row.no && s->wants[i].seq == row.seq) {
            s->wants[i] = s->wants[--s->n_wants];
            break;
        }
    }
    if (r == 0) {
        r = shown(s, st);
    }
    if (r == 0 &&
        !wants_of(s, &st->row.key.by)) { /* not by halves: what is shown stays till then */
        r = sync__redo_add(s, &st->row.key.by);
    }
    s->roster_again = s->roster_again || st->aud.type == AUD_TRUST;
    s->changed = true;
    sync__stream_advanced(s, idx);
    return r;
}
