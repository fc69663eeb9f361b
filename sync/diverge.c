/* SPDX-License-Identifier: Apache-2.0 */
/* A neighbour that holds another history of a stream than is held here (PROTOCOL.md sections 7 and
 * 15.1): it is found by comparing what it states, and the one on the way to the writer is shown a
 * bundle, because a have-list is a word and a signed bundle is proof. */
#include "sync/internal.h"

#include <string.h>

static bool is_own(const struct sync *s, size_t idx)
{
    return node_id_cmp(&s->streams[idx].row.key.by, &s->self.id) == 0;
}

/* What is held under this number, against what a neighbour says it holds. SANJI_E_NOT_FOUND: older
 * than the own keyframe, or beyond the head: nothing to compare with. */
static int compare(const struct sync *s, size_t idx, int64_t seq, const uint8_t id8[static 8],
                   bool *ret_differs)
{
    uint8_t id[HASH_LEN];
    const struct sync_stream_row *row = &s->streams[idx].row;
    int r = seq < 1 ? SANJI_E_NOT_FOUND : 0;
    if (r == 0 && seq == row->seq) {
        memcpy(id, row->id, sizeof(id));
    } else if (r == 0) {
        r = s->st->bundle_id(s->st->ctx, row->no, seq, id);
    }
    *ret_differs = r == 0 && memcmp(id, id8, 8) != 0;
    return r;
}

/* The peer holds another bundle under a number of ours. It is shown one: signed by the writer, that
 * is proof, while a have-list is a word. */
static int diverged(struct sync *s, struct peer *p, size_t idx)
{
    struct peer_stream *ps = &p->ps[idx];
    const struct stream *st = &s->streams[idx];
    if (!is_own(s, idx) && !s->witness && st->doubt == 0 && !st->row.frozen &&
        sync__epoch_is_passed(s, st) && sync__peer_towards(s, &st->row.key.by) == p) {
        /* Behind a keyframe nothing says any more which one stands: what the writer's side has. */
        return sync__branch_begin(s, idx, 1, &p->id);
    }
    ps->flags |= PF_DIVERGED;
    bool own = is_own(s, idx), healed = own && p->is_parent;
    int r = own && !healed ? sync__branch_healed(s, s->streams[idx].row.no, &healed) : 0;
    if (r < 0 || healed) {
        return r; /* see sync__diverge_own(), or settled: it will hear which branch stands */
    }
    if ((ps->flags & PF_PROVED) == 0) {
        ps->flags |= PF_PROOF;
    }
    if (!own) {
        sync__alarm(s, SANJI_E_FORK, &p->id, "stream");
    }
    return 0;
}

/* A registrar has ended this bundle's key at a head that is held here: what is held up to there
 * stands, and whatever else is signed with that key says nothing against it any more. */
int sync__diverge_settled(struct sync *s, const struct stream *st, const struct bundle *b,
                          bool *ret)
{
    const struct roster_key *key = NULL;
    const struct act_head *limit = NULL;
    uint8_t id[HASH_LEN];
    *ret = false;
    if (roster_key_covers(s->roster, b, &key, &limit) < 0 || !key->cut || limit == NULL ||
        limit->aud == NULL) {
        return 0;
    }
    int r = s->st->bundle_id(s->st->ctx, st->row.no, limit->seq, id);
    *ret = r == 0 && memcmp(id, limit->id, HASH_LEN) == 0;
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

void sync__diverge_prove(struct sync *s, size_t idx)
{
    bool differs = false;
    const struct stream *st = &s->streams[idx];
    struct peer *p = sync__peer_towards(s, &st->row.key.by);
    if (p == NULL || sync__peer_grow(s, p) < 0 || p->ps[idx].their < 1 ||
        (p->ps[idx].flags & PF_PROVED) != 0) {
        return;
    }
    struct peer_stream *ps = &p->ps[idx];
    int r = ps->their <= st->row.seq ? compare(s, idx, ps->their, ps->their_id8, &differs)
                                     : SANJI_E_FORK;
    if ((r == 0 && !differs) || (r == SANJI_E_NOT_FOUND && ps->their < st->row.first)) {
        return; /* it is on this branch, or may be, and gets the rest of it: that is proof, too */
    }
    ps->flags |= PF_DIVERGED | PF_PROOF;
    sync__peer_due(p, idx);
}

/* It holds less than the own keyframe begins with, and nobody can tell of which branch. */
static int behind(struct sync *s, size_t idx)
{
    uint8_t id[HASH_LEN];
    bool merged = false;
    int r = sync__branch_merged(s, s->streams[idx].row.no, id, &merged);
    return r < 0 || !merged ? r : sync__epoch_said(s, idx);
}

int sync__diverge_own(struct sync *s, struct peer *p, int idx, const struct have_epoch *e)
{
    bool differs;
    const struct stream *st = &s->streams[idx];
    if (!is_own(s, (size_t)idx) || st->row.no == 0 || e->seq > st->kept ||
        (st->doubt == 0 && st->kept > st->row.seq)) {
        return 0;
    }
    int r = compare(s, (size_t)idx, e->seq, e->id8, &differs);
    if (r == SANJI_E_NOT_FOUND) {
        return e->seq < st->row.first ? behind(s, (size_t)idx) : 0;
    }
    if (r < 0) {
        return r;
    }
    return sync__branch_heard(s, p, (size_t)idx, e, differs);
}

int sync__diverge_agrees(const struct sync *s, const struct peer *p, size_t idx, bool *ret)
{
    bool differs;
    const struct peer_stream *ps = idx < p->n_ps ? &p->ps[idx] : NULL;
    *ret = false;
    if (ps == NULL || ps->their > s->streams[idx].kept) {
        return 0;
    }
    int r = compare(s, idx, ps->their, ps->their_id8, &differs);
    *ret = r == 0 && !differs;
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

int sync__diverge_seen(struct sync *s, struct peer *p, size_t idx, const struct have_epoch *e)
{
    bool differs = false;
    int r = e->seq > s->streams[idx].row.seq ? 0 : compare(s, idx, e->seq, e->id8, &differs);
    if (differs) {
        r = diverged(s, p, idx);
    }
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}
