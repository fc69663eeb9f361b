/* SPDX-License-Identifier: Apache-2.0 */
/* What neighbours say they hold, and what this node says of itself (PROTOCOL.md section 12). */
#include "sync/internal.h"

#include <stdlib.h>
#include <string.h>

enum { HEARD_MAX = 16384 }; /* streams that neighbours speak of and nobody has sent */

struct have_take {
    struct sync *s;
    struct peer *p;
};

static int take_epoch(struct sync *s, struct peer *p, const char *by, const char *aud,
                      const struct have_epoch *e)
{
    struct stream_key k;
    int r = sync__key_of(&k, by, aud, e->ep, e->en);
    if (r == 0) {
        r = sync__self_heard(s, p, &k, e);
    }
    if (r < 0) {
        return r;
    }
    int idx = sync__stream_find(s, &k);
    if (idx < 0 && s->n_streams - s->n_held >= HEARD_MAX) {
        have_digest_add(p->their_sum, by, aud, e);
        return 0; /* not remembered: it may be made up, and what is real will be sent anyway */
    }
    if (idx < 0 && (idx = sync__stream_intern(s, &k)) < 0) {
        return idx;
    }
    if (sync__peer_grow(s, p) < 0) {
        return SANJI_E_NOMEM;
    }
    struct peer_stream *ps = &p->ps[idx];
    const struct sync_stream_row *row = &s->streams[idx].row;
    sync__told(s, p, (size_t)idx, e->seq);
    if (ps->their >= 0) {
        struct have_epoch old = {.ep = k.ep, .seq = ps->their};
        memcpy(old.en, k.en, sizeof(old.en));
        memcpy(old.id8, ps->their_id8, sizeof(old.id8));
        have_digest_sub(p->their_sum, by, aud, &old);
    }
    have_digest_add(p->their_sum, by, aud, e);
    bool went_back = e->seq < ps->their;
    if (went_back) {
        ps->shown = -1; /* what it sent before it may lack by now */
    }
    ps->their = (int32_t)e->seq;
    memcpy(ps->their_id8, e->id8, sizeof(ps->their_id8));
    ps->flags &= (uint8_t) ~(PF_DIVERGED | PF_STALLED | PF_PROOF);
    if (row->no == 0) {
        return 0;
    }
    r = sync__diverge_own(s, p, idx, e);
    if (r < 0) {
        return r;
    }
    ps = &p->ps[idx];
    row = &s->streams[idx].row;
    if (row->frozen) {
        sync__diverge_prove(s, (size_t)idx);
    }
    /* It got more than it took: not at once again, but where a keyframe that it had begun in the
     * middle was given up for it. */
    if (ps->sent > ps->their) {
        ps->flags |= went_back && (ps->flags & PF_BACK) == 0 ? PF_BACK : PF_STALLED;
    }
    ps->sent = -1;
    r = sync__diverge_seen(s, p, (size_t)idx, e);
    if (r < 0) {
        return r;
    }
    if (sync__entitled(s, (size_t)idx, p)) {
        sync__peer_due(p, (size_t)idx);
    }
    return 0;
}

static int take_stream(const char *by, const char *aud, const struct have_epoch *e, size_t n,
                       void *arg)
{
    struct have_take *h = arg;
    for (size_t i = 0; i < n; i++) {
        int r = take_epoch(h->s, h->p, by, aud, &e[i]);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int sync__have_take(struct sync *s, struct peer *p, struct span line)
{
    struct have_take h = {s, p};
    return have_line_read(line, take_stream, &h, NULL);
}

/* Less than what is held, where a bundle is wanted again. */
static int64_t shown_seq(const struct stream *st)
{
    return st->wants ? st->shown : st->row.seq;
}

static const uint8_t *shown_id(const struct stream *st)
{
    return st->wants ? st->shown_id : st->row.id;
}

bool sync__peer_holds(const struct sync *s, size_t idx, int64_t seq)
{
    for (size_t i = 0; i < s->n_peers; i++) {
        if (s->peers[i]->n_ps > idx && s->peers[i]->ps[idx].their >= seq) {
            return true;
        }
    }
    return false;
}

static void state_one(struct sync *s, struct peer *p, size_t idx, struct have_writer *w)
{
    struct peer_stream *ps = &p->ps[idx];
    const struct sync_stream_row *row = &s->streams[idx].row;
    const char *by = row->key.by.s, *aud = row->key.aud;
    struct have_epoch e = {.ep = row->key.ep};
    memcpy(e.en, row->key.en, sizeof(e.en));
    if (ps->stated >= 0) {
        e.seq = ps->stated;
        memcpy(e.id8, ps->stated_id8, sizeof(e.id8));
        have_digest_sub(p->stated_sum, by, aud, &e);
    }
    e.seq = shown_seq(&s->streams[idx]);
    memcpy(e.id8, shown_id(&s->streams[idx]), sizeof(e.id8));
    have_digest_add(p->stated_sum, by, aud, &e);
    ps->stated = (int32_t)e.seq;
    memcpy(ps->stated_id8, e.id8, sizeof(ps->stated_id8));
    have_add(w, by, aud, &e, 1);
}

int sync__have_state(struct sync *s, struct peer *p, struct buf *out, int64_t *ret_lines)
{
    struct have_writer w;
    struct buf line;
    buf_init(&line, 256 * 1024);
    int r = sync__peer_grow(s, p);
    size_t at = 0;
    *ret_lines = 0;
    while (r == 0 && at < p->stateq.n) {
        buf_reset(&line);
        have_begin(&w, &line);
        while (at < p->stateq.n && w.n < LIM_HAVE_PER_LINE) {
            size_t idx = p->stateq.v[at++];
            int64_t seq = shown_seq(&s->streams[idx]);
            p->ps[idx].flags &= (uint8_t)~PF_STATEQ;
            if (s->streams[idx].row.no != 0 && seq > 0 && seq != p->ps[idx].stated &&
                sync__entitled(s, idx, p)) {
                state_one(s, p, idx, &w);
            }
        }
        size_t n = w.n;
        r = have_end(&w);
        if (r == 0 && n > 0) {
            r = frame_pack(s->fc, span_of(line.data, line.len), out);
            ++*ret_lines;
        }
    }
    p->stateq.n = 0;
    buf_done(&line);
    return r;
}

void sync__own_digest(struct sync *s, const struct peer *p, uint8_t out[static HASH_LEN])
{
    memset(out, 0, HASH_LEN);
    for (size_t i = 0; i < s->n_streams; i++) {
        const struct sync_stream_row *row = &s->streams[i].row;
        struct have_epoch e = {.ep = row->key.ep, .seq = shown_seq(&s->streams[i])};
        if (row->no == 0 || e.seq == 0 || !sync__entitled(s, i, p)) {
            continue;
        }
        memcpy(e.en, row->key.en, sizeof(e.en));
        memcpy(e.id8, shown_id(&s->streams[i]), sizeof(e.id8));
        have_digest_add(out, row->key.by.s, row->key.aud, &e);
    }
}
