/* SPDX-License-Identifier: Apache-2.0 */
/* Neighbours: what each has stated to hold, what it was told, what it lacks. The receiver holds the
 * cursors; everything here is memory of the present session and can be thrown away at any time.
 * Costs follow streams that changed: a stream that advances is put into the queues of the
 * neighbours entitled to it, nothing is scanned. */
#include "sync/internal.h"

#include <stdlib.h>
#include <string.h>

int sync__peer_grow(struct sync *s, struct peer *p)
{
    if (p->n_ps >= s->n_streams) {
        return 0;
    }
    size_t n = s->cap_streams;
    struct peer_stream *v = realloc(p->ps, n * sizeof(*v));
    if (v == NULL) {
        return SANJI_E_NOMEM;
    }
    p->ps = v;
    for (size_t i = p->n_ps; i < n; i++) {
        memset(&v[i], 0, sizeof(v[i]));
        v[i].their = v[i].sent = v[i].shown = v[i].stated = -1;
    }
    p->n_ps = n;
    return 0;
}

static void queue_put(struct peer *p, struct idx_queue *q, size_t idx, uint8_t flag)
{
    if ((p->ps[idx].flags & flag) != 0) {
        return;
    }
    if (q->n == q->cap) {
        size_t cap = q->cap == 0 ? 32 : q->cap * 2;
        uint32_t *v = realloc(q->v, cap * sizeof(*v));
        if (v == NULL) {
            return; /* found again at the next session's full list */
        }
        q->v = v;
        q->cap = cap;
    }
    q->v[q->n++] = (uint32_t)idx;
    p->ps[idx].flags |= flag;
}

void sync__peer_due(struct peer *p, size_t idx)
{
    queue_put(p, &p->sendq, idx, PF_SENDQ);
}

/* Up to where the peer needs nothing of a stream, as far as can be known from here. */
static int64_t has_upto(const struct peer_stream *ps)
{
    int64_t n = ps->sent > ps->their ? ps->sent : ps->their;
    n = ps->shown > n ? ps->shown : n;
    return n < 0 ? 0 : n;
}

static bool lacks(const struct sync *s, const struct peer *p, size_t idx)
{
    const struct stream *st = &s->streams[idx];
    const struct peer_stream *ps = &p->ps[idx];
    if ((ps->flags & PF_PROOF) != 0) {
        return true;
    }
    return st->row.no != 0 && sync__want_limit(s, st, has_upto(ps)) > has_upto(ps) &&
           (ps->flags & (PF_DIVERGED | PF_STALLED)) == 0;
}

/* A receiver takes an epoch only when it knows the one before it (PROTOCOL.md section 7). */
static bool is_next_epoch(const struct sync *s, const struct peer *p, size_t idx)
{
    const struct stream_key *k = &s->streams[idx].row.key;
    bool none = true, begun = false;
    uint32_t below = 0;
    for (int i = sync__stream_first(s, k->by.s, k->aud); i >= 0; i = s->streams[i].next) {
        const struct sync_stream_row *row = &s->streams[i].row;
        if (row->no == 0 || row->seq == 0 || row->key.ep >= k->ep || row->key.ep < below) {
            continue;
        }
        begun = (row->key.ep == below && begun) || has_upto(&p->ps[i]) > 0;
        below = row->key.ep;
        none = false;
    }
    return none || begun;
}

static void requeue_all(struct sync *s, struct peer *p)
{
    if (sync__peer_grow(s, p) < 0) {
        return;
    }
    for (size_t i = 0; i < s->n_streams; i++) {
        if (s->streams[i].row.no == 0) {
            continue;
        }
        p->ps[i].flags &= (uint8_t)~PF_STALLED;
        if (sync__entitled(s, i, p)) {
            queue_put(p, &p->sendq, i, PF_SENDQ);
            queue_put(p, &p->stateq, i, PF_STATEQ);
        }
    }
}

struct peer *sync__peer_find(const struct sync *s, const char *id)
{
    for (size_t i = 0; i < s->n_peers; i++) {
        if (strcmp(s->peers[i]->id.s, id) == 0) {
            return s->peers[i];
        }
    }
    return NULL;
}

struct peer *sync__peer(struct sync *s, const struct node_id *id)
{
    struct peer *p = sync__peer_find(s, id->s);
    if (p != NULL) {
        return p;
    }
    if (s->n_peers == s->cap_peers) {
        size_t cap = s->cap_peers == 0 ? 8 : s->cap_peers * 2;
        struct peer **v = realloc(s->peers, cap * sizeof(struct peer *));
        if (v == NULL) {
            return NULL;
        }
        s->peers = v;
        s->cap_peers = cap;
    }
    p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return NULL;
    }
    p->id = *id;
    p->state_full = true;
    s->peers[s->n_peers++] = p;
    requeue_all(s, p);
    return p;
}

static void peer_free(struct peer *p)
{
    free(p->ps);
    free(p->sendq.v);
    free(p->stateq.v);
    free(p);
}

void sync__peers_free(struct sync *s)
{
    for (size_t i = 0; i < s->n_peers; i++) {
        peer_free(s->peers[i]);
    }
    free(s->peers);
    s->peers = NULL;
    s->n_peers = s->cap_peers = 0;
    s->parent = NULL;
}

int sync__peers_refresh(struct sync *s)
{
    struct node_id id;
    uint8_t tls[HASH_LEN];
    s->rv_ok = false;
    struct peer *old = s->parent;
    int r = sync_parent(s, &id, tls, NULL);
    if (r < 0 && r != SANJI_E_NOT_FOUND) {
        return r; /* the store failed: nothing says that there is another parent, or none */
    }
    s->parent = NULL;
    if (r == 0) {
        s->parent = sync__peer(s, &id);
        if (s->parent == NULL) {
            return SANJI_E_NOMEM;
        }
        s->parent->is_parent = true;
    }
    if (old != NULL && old != s->parent) {
        old->is_parent = false;
        sync__client_reset(s); /* another parent: new sessions */
    }
    for (size_t i = 0; i < s->n_peers; i++) {
        requeue_all(s, s->peers[i]);
    }
    return 0;
}

int sync_parent(const struct sync *s, struct node_id *ret_id, uint8_t ret_tls[static HASH_LEN],
                struct buf *ret_url)
{
    const struct roster_node *me = roster_node(s->roster, s->self.id.s);
    struct buf v;
    buf_init(&v, 4096);
    int r = SANJI_E_NOT_FOUND;
    if (me != NULL && node_id_none(&me->up)) {
        return SANJI_E_NOT_FOUND; /* the top */
    }
    const struct roster_node *up = me == NULL ? NULL : roster_node(s->roster, me->up.s);
    const struct roster_key *key = up == NULL ? NULL : roster_current_key(s->roster, up->id.s);
    if (key != NULL) {
        *ret_id = up->id;
        memcpy(ret_tls, key->tls, HASH_LEN);
        r = 0;
    } else {
        r = s->st->kv_get(s->st->ctx, "parent/id", &v);
        if (r == 0) {
            r = node_id_parse(buf_str(&v), v.len, ret_id);
        }
        buf_reset(&v);
        if (r == 0) {
            r = s->st->kv_get(s->st->ctx, "parent/tls", &v);
        }
        if (r == 0 && v.len == HASH_LEN) {
            memcpy(ret_tls, v.data, HASH_LEN);
        }
    }
    if (r == 0 && ret_url != NULL) {
        if (s->st->kv_get(s->st->ctx, "parent/url_override", ret_url) < 0) {
            buf_reset(ret_url);
            if (up != NULL && up->url[0] != '\0') {
                r = buf_puts(ret_url, up->url);
            } else {
                r = s->st->kv_get(s->st->ctx, "parent/url", ret_url);
            }
        }
    }
    buf_done(&v);
    return r;
}

struct peer *sync__peer_towards(const struct sync *s, const struct node_id *id)
{
    const struct roster_node *n = roster_node(s->roster, id->s);
    for (int i = 0; n != NULL && i <= LIM_TREE_DEPTH; i++) {
        if (node_id_cmp(&n->up, &s->self.id) == 0) {
            return sync__peer_find(s, n->id.s);
        }
        n = node_id_none(&n->up) ? NULL : roster_node(s->roster, n->up.s);
    }
    return s->parent;
}

void sync__peer_reset_their(struct sync *s, struct peer *p)
{
    sync__self_forget(s, p);
    for (size_t i = 0; i < p->n_ps; i++) {
        p->ps[i].their = p->ps[i].sent = p->ps[i].shown = -1;
        p->ps[i].flags &= (uint8_t) ~(PF_DIVERGED | PF_STALLED | PF_PROOF | PF_PROVED);
    }
    memset(p->their_sum, 0, sizeof(p->their_sum));
    p->their_known = false;
    requeue_all(s, p);
}

void sync__peer_reset_stated(struct sync *s, struct peer *p)
{
    for (size_t i = 0; i < p->n_ps; i++) {
        p->ps[i].stated = -1;
    }
    memset(p->stated_sum, 0, sizeof(p->stated_sum));
    p->state_full = true;
    requeue_all(s, p);
}

void sync__stream_advanced(struct sync *s, size_t idx)
{
    if (s->streams[idx].aud.type == AUD_TRUST) {
        s->rv_ok = false;
    }
    for (size_t i = 0; i < s->n_peers; i++) {
        struct peer *p = s->peers[i];
        if (sync__peer_grow(s, p) < 0 || !sync__entitled(s, idx, p)) {
            continue;
        }
        queue_put(p, &p->sendq, idx, PF_SENDQ);
        queue_put(p, &p->stateq, idx, PF_STATEQ);
    }
}

void sync__stream_retreated(struct sync *s, size_t idx)
{
    for (size_t i = 0; i < s->n_peers; i++) {
        struct peer *p = s->peers[i];
        if (sync__peer_grow(s, p) == 0) {
            p->ps[idx].sent = p->ps[idx].shown = -1;
            p->ps[idx].flags &= (uint8_t) ~(PF_DIVERGED | PF_STALLED | PF_PROOF);
        }
    }
    sync__stream_advanced(s, idx);
}

void sync__peer_shows(struct sync *s, struct peer *p, const struct stream_key *k, int64_t seq)
{
    int idx = sync__stream_find(s, k);
    if (idx >= 0 && sync__peer_grow(s, p) == 0 && p->ps[idx].shown < seq) {
        p->ps[idx].shown = (int32_t)seq;
    }
}

/* ---- have-lists ---- */

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
    if (ps->sent > ps->their) { /* it got more than it took: do not repeat at once */
        ps->flags |= PF_STALLED;
    }
    ps->sent = -1;
    r = sync__diverge_seen(s, p, (size_t)idx, e);
    if (r < 0) {
        return r;
    }
    if (sync__entitled(s, (size_t)idx, p)) {
        queue_put(p, &p->sendq, (size_t)idx, PF_SENDQ);
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

/* ---- sending ---- */

bool sync__has_to_send(struct sync *s, struct peer *p)
{
    if (!p->their_known || sync__peer_grow(s, p) < 0) {
        return false;
    }
    for (size_t i = 0; i < p->sendq.n; i++) {
        size_t idx = p->sendq.v[i];
        if (lacks(s, p, idx) && sync__entitled(s, idx, p)) {
            return true;
        }
    }
    for (size_t i = 0; i < p->sendq.n; i++) { /* none of them: forget the queue */
        p->ps[p->sendq.v[i]].flags &= (uint8_t)~PF_SENDQ;
    }
    p->sendq.n = 0;
    return false;
}

struct sending {
    struct sync *s;
    struct buf *out;
    int64_t left, quantum, n;
    int64_t last, limit;
};

static int send_row(const struct sync_bundle_row *row, void *arg)
{
    struct sending *d = arg;
    if ((d->n > 0 && row->raw_bytes > d->left) || row->seq > d->limit) {
        return 1;
    }
    int r = buf_put(d->out, row->frame.p, row->frame.n);
    if (r < 0) {
        return r;
    }
    d->left -= row->raw_bytes;
    d->quantum -= row->raw_bytes;
    d->last = row->seq;
    d->n++;
    return d->quantum <= 0 ? 1 : 0;
}

static int send_proof(struct sending *d, struct peer_stream *ps, const struct sync_stream_row *row)
{
    int64_t seq = ps->their < row->seq ? ps->their : row->seq; /* the newest both speak of */
    d->quantum = 1;
    d->limit = seq;
    d->last = seq - 1;
    int r = d->s->st->bundles(d->s->st->ctx, row->no, seq - 1, 512 * 1024, send_row, d);
    if (r < 0 || d->last == seq || d->left >= LIM_BUNDLE_BYTES) { /* not there: nothing to show */
        ps->flags = (uint8_t)((ps->flags & ~PF_PROOF) | PF_PROVED);
    }
    return r;
}

/* One turn for one stream; true while it has more. */
static bool send_turn(struct sending *d, struct peer *p, size_t idx, int *ret)
{
    struct sync *s = d->s;
    struct peer_stream *ps = &p->ps[idx];
    const struct sync_stream_row *row = &s->streams[idx].row;
    int64_t from = has_upto(ps);
    if ((ps->flags & PF_PROOF) != 0 && d->left > 0) {
        *ret = send_proof(d, ps, row);
        return false;
    }
    int64_t limit = sync__want_limit(s, &s->streams[idx], from);
    if (from >= limit || d->left <= 0) {
        return false;
    }
    d->limit = limit;
    int64_t before = d->n;
    d->quantum = 256 * 1024;
    d->last = from;
    *ret = s->st->bundles(s->st->ctx, row->no, from, 512 * 1024, send_row, d);
    if (d->last > from) {
        ps->sent = (int32_t)d->last;
    }
    return *ret >= 0 && d->n > before && d->last < limit && d->left > 0;
}

enum rank { RANK_TRUST, RANK_LETTER, RANK_REST };

static enum rank rank_of(enum aud_type aud)
{
    return aud == AUD_TRUST ? RANK_TRUST : aud == AUD_TO ? RANK_LETTER : RANK_REST;
}

static int send_pass(struct sending *d, struct peer *p, enum rank rank)
{
    int r = 0;
    for (bool more = true; more && r >= 0 && d->left > 0;) {
        more = false;
        for (size_t i = 0; i < p->sendq.n && r >= 0 && d->left > 0; i++) {
            size_t idx = p->sendq.v[i];
            if (rank_of(d->s->streams[idx].aud.type) != rank || !lacks(d->s, p, idx) ||
                !sync__entitled(d->s, idx, p) || !is_next_epoch(d->s, p, idx)) {
                continue;
            }
            more = send_turn(d, p, idx, &r) || more;
        }
    }
    return r;
}

/* A referral must not wait at every hop until a megabyte of records beside it has been applied: its
 * message carries nothing else. The one behind it does, so that letters hold nobody up for long. */
static int send_passes(struct sending *d, struct peer *p)
{
    int r = send_pass(d, p, RANK_TRUST);
    int64_t n = d->n;
    if (r >= 0) {
        r = send_pass(d, p, RANK_LETTER);
    }
    bool leave_rest = d->n > n && !p->rest_waited;
    p->rest_waited = leave_rest;
    return r < 0 || leave_rest ? r : send_pass(d, p, RANK_REST);
}

int sync__send_some(struct sync *s, struct peer *p, int64_t max, struct buf *out, bool *ret_more,
                    int64_t *ret_n)
{
    struct sending d = {
        .s = s, .out = out, .left = max < s->tune.max_bytes ? max : s->tune.max_bytes};
    *ret_more = false;
    *ret_n = 0;
    if (!p->their_known || sync__peer_grow(s, p) < 0 || d.left <= 0) {
        return 0;
    }
    int r = send_passes(&d, p);
    size_t kept = 0; /* keep only what still lacks something: idle streams leave the queue */
    for (size_t i = 0; i < p->sendq.n; i++) {
        size_t idx = p->sendq.v[i];
        if (lacks(s, p, idx) && sync__entitled(s, idx, p)) {
            p->sendq.v[kept++] = (uint32_t)idx;
        } else {
            p->ps[idx].flags &= (uint8_t)~PF_SENDQ;
        }
    }
    p->sendq.n = kept;
    *ret_more = kept > 0;
    *ret_n = d.n;
    p->st.out_bundles += d.n;
    return r < 0 ? r : 0;
}
