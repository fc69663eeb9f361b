/* SPDX-License-Identifier: Apache-2.0 */
/* Disks turn bits. A stored bundle that cannot be read stops nothing: whoever meets it goes on
 * behind it, and it is wanted from then on (want.c). */
#include "sync/internal.h"

#include <string.h>

enum { MARKS_MAX = 65536 }; /* of one look; the next one finds the rest */

static int read_frame(struct sync *s, struct span frame, enum read_what what, struct buf *line,
                      struct arena *a, struct bundle *ret)
{
    size_t used;
    arena_reset(a);
    int r = frame_unpack(s->fc, frame, line, &used);
    struct span text = span_of(line->data, line->len);
    return r < 0               ? r
           : what == READ_HEAD ? bundle_peek(text, a, ret, NULL)
                               : bundle_parse(text, a, ret, NULL);
}

int sync__stored(struct sync *s, const struct sync_bundle_row *row, enum read_what what,
                 struct buf *line, struct arena *a, struct bundle *ret)
{
    int r = read_frame(s, row->frame, what, line, a, ret);
    if (r == 0 && (ret->hdr.seq != row->seq ||
                   (what == READ_ALL && memcmp(ret->id, row->id, HASH_LEN) != 0))) {
        r = SANJI_E_HASH;
    }
    if (r == 0 || r == SANJI_E_NOMEM) {
        return r;
    }
    int idx = sync__by_no(s, row->no);
    if (!s->in_tx || s->witness || idx < 0) {
        return SANJI_E_CORRUPT;
    }
    if (!sync__wanted(s, row->no, row->seq)) {
        const struct stream *st = &s->streams[idx];
        sync__alarm(s, SANJI_E_CORRUPT, &st->row.key.by,
                    audience_is_private(st->aud.type) ? "to:" : st->row.key.aud);
    }
    r = sync__want_add(s, (size_t)idx, row->seq);
    return r < 0 ? r : 1;
}

/* ---- what a derivation cannot read any more ---- */

/* The record of an own stream that was in the views: does its bundle say it no more, because it is
 * damaged or gone? Once it has been written again (sync_hollow()) it needs no other copy. */
static int is_lost(int64_t no, int64_t seq, const uint8_t *leaf, void *arg)
{
    struct sync *s = arg;
    uint8_t id[HASH_LEN];
    int idx = sync__by_no(s, no), r = 0;
    const struct stream *st = idx < 0 ? NULL : &s->streams[idx];
    if (st == NULL || seq < st->row.first || seq > sync__derived_upto(st) ||
        (st->aud.type != AUD_OWN && sync__is_blocked(s, s->self.id.s))) {
        return 0;
    }
    if (!sync__wanted(s, no, seq)) {
        r = s->st->bundle_id(s->st->ctx, no, seq, id);
        if (r != SANJI_E_NOT_FOUND) {
            return r;
        }
        r = sync__want_add(s, (size_t)idx, seq);
    }
    return r < 0 ? r
                 : st->hollow != sync__want_sum(s, no) && !sync_is_erased(s, &st->row.key, leaf);
}

int sync_spares_back(struct sync *s, int64_t *ret_n)
{
    return s->st->unspare(s->st->ctx, is_lost, s, ret_n);
}

/* ---- every bundle of a writer ---- */

struct walk {
    struct sync *s;
    size_t idx;
    struct arena *arena;
    struct buf line;
    uint8_t prev[HASH_LEN]; /* of the one before, where it is whole */
    bool has_prev;
    int64_t next, upto; /* seq that should come, and the last one */
    int64_t n;          /* marked */
};

static int mark(struct walk *w, int64_t seq)
{
    int r = sync__want_add(w->s, w->idx, seq);
    w->n++;
    return r < 0 ? r : w->n >= MARKS_MAX ? 1 : 0;
}

bool sync__is_signed(const struct sync *s, const struct bundle *b)
{
    const struct roster_key *key = NULL;
    const struct act_head *limit;
    (void)roster_key_covers(s->roster, b, &key, &limit); /* whether it stands was asked before */
    return key == NULL || bundle_verify(b, key->pub) == 0;
}

/* A link that does not fit says that the one it names is not what stood there: what is behind it
 * leads to the head. */
static int walk_one(const struct sync_bundle_row *row, void *arg)
{
    struct walk *w = arg;
    struct bundle b;
    int r = 0;
    if (row->seq > w->upto) {
        return 1;
    }
    for (; r == 0 && w->next < row->seq; w->next++) {
        w->has_prev = false;
        r = mark(w, w->next);
    }
    if (r != 0) {
        return r;
    }
    w->next = row->seq + 1;
    r = read_frame(w->s, row->frame, READ_ALL, &w->line, w->arena, &b);
    if (r == SANJI_E_NOMEM) {
        return r;
    }
    if (r != 0 || memcmp(b.id, row->id, HASH_LEN) != 0 || b.hdr.seq != row->seq ||
        !sync__is_signed(w->s, &b)) {
        w->has_prev = false;
        return mark(w, row->seq);
    }
    r = w->has_prev && memcmp(b.hdr.prev, w->prev, HASH_LEN) != 0 ? mark(w, row->seq - 1) : 0;
    memcpy(w->prev, b.id, HASH_LEN);
    w->has_prev = true;
    return r;
}

/* Marks what of a stream is not what its writer signed. A row that the store cannot read is one,
 * and the walk goes on behind it. */
static int walk_stream(struct walk *w)
{
    const struct stream *st = &w->s->streams[w->idx];
    int r = SANJI_E_CORRUPT;
    w->next = st->row.first > 1 ? st->row.first : 1;
    w->upto = st->row.seq;
    w->has_prev = false;
    while (r == SANJI_E_CORRUPT && w->next <= w->upto && w->n < MARKS_MAX) {
        r = w->s->st->bundles(w->s->st->ctx, st->row.no, w->next - 1, SIZE_MAX, walk_one, w);
        if (r == SANJI_E_CORRUPT) {
            w->has_prev = false;
            r = mark(w, w->next++);
            r = r == 0 ? SANJI_E_CORRUPT : r;
        }
    }
    for (; r == 0 && w->next <= w->upto; w->next++) { /* the end of it is gone */
        w->has_prev = false;
        r = mark(w, w->next);
    }
    if (r == 0 && w->has_prev && memcmp(w->prev, st->row.id, HASH_LEN) != 0) {
        r = mark(w, w->upto);
    }
    return r == SANJI_E_CORRUPT || r > 0 ? 0 : r;
}

int sync__damage_find(struct sync *s, const struct node_id *by)
{
    struct walk w = {.s = s, .arena = arena_new(ARENA_MAX)};
    int r = w.arena == NULL ? SANJI_E_NOMEM : 0;
    buf_init(&w.line, LIM_BUNDLE_BYTES + 64);
    for (size_t i = 0; r == 0 && i < s->n_streams; i++) {
        const struct stream *st = &s->streams[i];
        if (st->row.no == 0 || st->jump != 0 || st->doubt != 0 ||
            node_id_cmp(&st->row.key.by, by) != 0) {
            continue;
        }
        w.idx = i;
        r = walk_stream(&w);
    }
    arena_free(w.arena);
    buf_done(&w.line);
    return r;
}
