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
    sync__custody_again(s, p);
    for (size_t i = 0; i < p->n_ps; i++) {
        p->ps[i].their = p->ps[i].sent = p->ps[i].shown = -1;
        p->ps[i].flags &= PF_SENDQ | PF_STATEQ;
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
            if (s->streams[idx].row.seq == 0 && p->ps[idx].stated > 0) {
                sync__peer_reset_stated(s, p); /* what is not held is left out of a whole list */
            }
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

/* ---- sending ---- */

/* Whoever has been put out of force while it was talking is told that, and nothing else. */
static bool is_for(const struct sync *s, const struct peer *p, size_t idx)
{
    return (!p->parting || s->streams[idx].aud.type == AUD_TRUST) && lacks(s, p, idx) &&
           sync__entitled(s, idx, p);
}

bool sync__has_to_send(struct sync *s, struct peer *p)
{
    if (!p->their_known || sync__peer_grow(s, p) < 0) {
        return false;
    }
    if (!p->parting && sync__custody_due(s, p)) {
        return true;
    }
    for (size_t i = 0; i < p->sendq.n; i++) {
        if (is_for(s, p, p->sendq.v[i])) {
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
            if (rank_of(d->s->streams[idx].aud.type) != rank || !is_for(d->s, p, idx) ||
                !is_next_epoch(d->s, p, idx)) {
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
    int64_t room = d->left;
    if (p->parting) {
        return r;
    }
    if (r >= 0) {
        r = sync__custody_send(d->s, p, true, &d->left, d->out);
    }
    bool kept_some = d->left < room; /* of one writer in one message */
    int64_t n = d->n;
    if (r >= 0) {
        r = send_pass(d, p, RANK_LETTER);
    }
    bool leave_rest = d->n > n && !p->rest_waited;
    p->rest_waited = leave_rest;
    if (r >= 0 && !leave_rest) {
        r = send_pass(d, p, RANK_REST);
    }
    return r < 0 || leave_rest || kept_some ? r
                                            : sync__custody_send(d->s, p, false, &d->left, d->out);
}

/* The last message of this kind came back with a list that was full before it spoke of these. */
static int send_kept(struct sending *d, struct peer *p)
{
    int64_t room = d->left;
    p->kept_alone = false;
    int r = sync__custody_send(d->s, p, true, &d->left, d->out);
    return r < 0 || d->left < room ? r : sync__custody_send(d->s, p, false, &d->left, d->out);
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
    bool due = !p->parting && sync__custody_due(s, p);
    int r = p->kept_alone && due ? send_kept(&d, p) : send_passes(&d, p);
    size_t kept = 0; /* keep only what still lacks something: idle streams leave the queue */
    for (size_t i = 0; i < p->sendq.n; i++) {
        size_t idx = p->sendq.v[i];
        if (is_for(s, p, idx)) {
            p->sendq.v[kept++] = (uint32_t)idx;
        } else {
            p->ps[idx].flags &= (uint8_t)~PF_SENDQ;
        }
    }
    p->sendq.n = kept;
    *ret_more = kept > 0 || (!p->parting && sync__custody_due(s, p));
    *ret_n = d.n;
    p->st.out_bundles += d.n;
    return r < 0 ? r : 0;
}
