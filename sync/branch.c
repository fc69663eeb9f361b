/* SPDX-License-Identifier: Apache-2.0 */
/* A stream with two histories, because a data folder was put back and written to before anybody
 * could tell. Its writer takes the branch that came from outside, since its own is the one it holds
 * in full; what only its own branch said is published again in the next epoch, byte for byte. Then
 * an `epoch` bundle names the accepted head and the one given up (`merges`), and whoever holds the
 * other branch takes the accepted one from the side the writer is on.
 *
 * While a branch is awaited ("branch/NO" in the store) the stream states less than it holds;
 * bundles that come are compared with those held until the first one differs, and nothing is given
 * up before that one is here, verified. */
#include "sync/internal.h"

#include "protocol/base/enc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stored {
    int64_t at;
    char from[16];
};

static const char *name_of(const char *what, int64_t no, char out[static 48])
{
    (void)snprintf(out, 48, "%s/%lld", what, (long long)no);
    return out;
}

static bool is_own(const struct sync *s, const struct stream *st)
{
    return node_id_cmp(&st->row.key.by, &s->self.id) == 0;
}

static int place(struct sync *s, struct stream *st, int64_t seq)
{
    memset(st->row.id, 0, HASH_LEN);
    st->row.seq = seq;
    return seq == 0 ? 0 : s->st->bundle_id(s->st->ctx, st->row.no, seq, st->row.id);
}

/* ---- memory ---- */

static int load_one(const char *name, struct span value, void *arg)
{
    struct sync *s = arg;
    struct stored v;
    if (value.n != sizeof(v)) {
        return SANJI_E_CORRUPT;
    }
    memcpy(&v, value.p, sizeof(v));
    for (size_t i = 0; i < s->n_streams; i++) {
        struct stream *st = &s->streams[i];
        char own[48];
        if (st->row.no == 0 || strcmp(name_of("branch", st->row.no, own), name) != 0) {
            continue;
        }
        st->doubt = v.at;
        memset(&st->doubt_from, 0, sizeof(st->doubt_from));
        memcpy(st->doubt_from.s, v.from, LIM_NODE_ID);
        return place(s, st, v.at - 1);
    }
    return 0;
}

int sync__branch_load(struct sync *s)
{
    int r = s->st->kv_each(s->st->ctx, "branch/", load_one, s);
    return r < 0 ? r : sync__again_load(s);
}

bool sync__branch_any(const struct sync *s)
{
    for (size_t i = 0; i < s->n_streams; i++) {
        if (s->streams[i].doubt != 0 && is_own(s, &s->streams[i])) {
            return true;
        }
    }
    return false;
}

/* The epoch bundle that said last which branch stands; zeros: none did, it was found out otherwise.
 */
struct decision {
    int64_t ep, seq;
    uint8_t en[8];
};

int sync__branch_healed(const struct sync *s, int64_t no, bool *ret)
{
    char name[48];
    struct buf v;
    buf_init(&v, 64);
    int r = s->st->kv_get(s->st->ctx, name_of("healed", no, name), &v);
    buf_done(&v);
    *ret = r == 0;
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

static struct decision made_by(const struct bundle *b)
{
    struct decision d = {.ep = b->hdr.ep, .seq = b->hdr.seq};
    memcpy(d.en, b->hdr.en, sizeof(d.en));
    return d;
}

int sync__branch_heal_note(struct sync *s, int64_t no, const struct bundle *b)
{
    struct decision d = made_by(b);
    return sync__kept_set(s, "healed", no, &d, sizeof(d));
}

/* Found out otherwise than by its writer's word, which may be here already. */
static int heal_note(struct sync *s, int64_t no)
{
    struct decision none = {0};
    bool healed;
    int r = sync__branch_healed(s, no, &healed);
    return r < 0 || healed ? r : sync__kept_set(s, "healed", no, &none, sizeof(none));
}

int sync__branch_decided(const struct sync *s, int64_t no, const struct bundle *b, bool *ret)
{
    struct decision have = {0}, d = made_by(b);
    int r = sync__kept_get(s, "healed", no, &have, sizeof(have));
    int by_en = memcmp(have.en, d.en, sizeof(d.en));
    *ret = have.ep != d.ep ? have.ep > d.ep : by_en != 0 ? by_en > 0 : have.seq >= d.seq;
    return r == SANJI_E_NOT_FOUND || r == SANJI_E_CORRUPT ? 0 : r;
}

int sync__branch_merged_ids(const struct sync *s, int64_t no, struct buf *ret)
{
    char name[48];
    int r = s->st->kv_get(s->st->ctx, name_of("merged", no, name), ret);
    if (ret->len % HASH_LEN != 0) {
        buf_reset(ret);
    }
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

int sync__branch_merged(const struct sync *s, int64_t no, uint8_t ret[static HASH_LEN],
                        bool *ret_is)
{
    struct buf v;
    buf_init(&v, (size_t)64 << 20);
    int r = sync__branch_merged_ids(s, no, &v);
    *ret_is = r == 0 && v.len > 0;
    if (*ret_is) {
        memcpy(ret, v.data + v.len - HASH_LEN, HASH_LEN);
    }
    buf_done(&v);
    return r;
}

int sync__branch_given_up(const struct sync *s, int64_t no, const uint8_t id8[static 8], bool *ret)
{
    struct buf v;
    buf_init(&v, (size_t)64 << 20);
    int r = sync__branch_merged_ids(s, no, &v);
    *ret = false;
    for (size_t at = 0; r == 0 && at < v.len && !*ret; at += HASH_LEN) {
        *ret = memcmp(v.data + at, id8, 8) == 0;
    }
    buf_done(&v);
    return r;
}

int sync__branch_merge_note(struct sync *s, int64_t no, struct span ids)
{
    struct buf v;
    char name[48];
    buf_init(&v, (size_t)64 << 20);
    int r = sync__branch_merged_ids(s, no, &v);
    if (r == 0) {
        r = buf_put(&v, ids.p, ids.n);
    }
    if (r == 0) {
        r = s->st->kv_put(s->st->ctx, name_of("merged", no, name), span_of(v.data, v.len));
    }
    buf_done(&v);
    return r;
}

/* ---- waiting for the other branch ---- */

static int begin(struct sync *s, struct stream *st, int64_t at, const struct node_id *from)
{
    struct stored v = {.at = at};
    char name[48];
    memcpy(v.from, from->s, LIM_NODE_ID);
    int r = s->st->kv_put(s->st->ctx, name_of("branch", st->row.no, name), span_of(&v, sizeof(v)));
    if (r == 0) {
        r = place(s, st, at - 1);
    }
    if (r == 0 && is_own(s, st)) {
        r = sync__self_doubt(s, &st->row.key);
    }
    return r;
}

int sync__branch_begin(struct sync *s, size_t idx, int64_t at, const struct node_id *from)
{
    struct stream *st = &s->streams[idx];
    if (st->row.no == 0 || st->kept == 0 || st->jump != 0 ||
        (st->doubt == 0 && st->kept > st->row.seq)) {
        return 0; /* void from somewhere on: that is decided already */
    }
    at = at <= st->row.first ? 1 : at > st->kept ? st->kept : at;
    if (st->doubt != 0 && st->row.seq < at) {
        return 0; /* it waits for that already */
    }
    bool told = st->doubt != 0, own_tx = !s->in_tx;
    int r = own_tx ? sync__tx_begin(s) : 0;
    if (r < 0) {
        return r;
    }
    st->doubt = at;
    st->doubt_from = *from;
    r = begin(s, st, at, from);
    if (own_tx) {
        r = sync__tx_end(s, r);
    }
    if (r < 0) {
        return r;
    }
    sync__stream_retreated(s, idx);
    struct peer *p = sync__peer_find(s, from->s);
    for (size_t i = 0; i < s->n_peers; i++) {
        if (p == NULL || s->peers[i] == p) {
            sync__peer_reset_stated(s, s->peers[i]);
        }
    }
    if (is_own(s, st)) {
        s->relog = true;
        if (!told) {
            sync__alarm(s, SANJI_E_FORK, &s->self.id, "self");
        }
    }
    return 0;
}

/* The stream stands as it is held. */
static int end(struct sync *s, size_t idx)
{
    struct stream *st = &s->streams[idx];
    char name[48];
    int r = s->st->kv_del(s->st->ctx, name_of("branch", st->row.no, name));
    st->doubt = 0;
    return r < 0 ? r : place(s, st, st->kept);
}

int sync__branch_drop(struct sync *s, size_t idx)
{
    return s->streams[idx].doubt == 0 ? 0 : end(s, idx);
}

static int want_other(struct sync *s, size_t idx, const struct bundle *b)
{
    static const struct node_id anybody;
    const struct stream *st = &s->streams[idx];
    uint8_t before[HASH_LEN] = {0};
    int r = b->hdr.seq > 1 ? s->st->bundle_id(s->st->ctx, st->row.no, b->hdr.seq - 1, before) : 0;
    if (r < 0 && r != SANJI_E_NOT_FOUND) {
        return r;
    }
    bool parts_here = r == 0 && memcmp(before, b->hdr.prev, HASH_LEN) == 0;
    r = sync__branch_begin(s, idx, parts_here ? b->hdr.seq : 1,
                           s->from == NULL ? &anybody : &s->from->id);
    return r < 0 ? r : SANJI_E_GAP; /* offered again, from where the branches part */
}

/* What it says of its own head is of a branch that comes by custody, or has come: nothing of it is
 * to be waited for. */
static void astray(struct sync *s, size_t idx, bool handed_on)
{
    if (s->from != NULL && !handed_on && idx < s->from->n_ps) {
        s->from->ps[idx].flags |= PF_ASTRAY;
    }
}

int sync__branch_own(struct sync *s, size_t idx, const struct bundle *b)
{
    int64_t no = s->streams[idx].row.no;
    if (s->witness) {
        return SANJI_E_FORK;
    }
    bool given_up, healed = false, handed_on = false;
    int r = sync__branch_given_up(s, no, b->id, &given_up);
    if (r == 0) {
        r = sync__branch_healed(s, no, &healed);
    }
    if (r == 0 && s->from != NULL) {
        r = sync__diverge_agrees(s, s->from, idx, &handed_on);
    }
    if (r < 0 || (!given_up && !healed && !handed_on)) {
        return r < 0 ? r : want_other(s, idx, b);
    }
    astray(s, idx, handed_on);
    return given_up ? SANJI_E_OLD : SANJI_E_GAP;
}

/* From the side away from its writer comes a branch that the writer may have lost: it has to pass
 * here, or its writer never sees it again. What is given up for it came from the writer's side. */
int sync__branch_relay(struct sync *s, size_t idx, const struct bundle *b)
{
    const struct stream *st = &s->streams[idx];
    const struct peer *there = sync__peer_towards(s, &b->hdr.by);
    if (s->witness || s->from == NULL || there == NULL || st->row.frozen) {
        return SANJI_E_FORK;
    }
    if (s->from == there) { /* behind a keyframe nothing is left to say which one stands */
        return sync__epoch_is_passed(s, st) && st->doubt == 0 ? want_other(s, idx, b)
                                                              : SANJI_E_FORK;
    }
    bool healed, handed_on = false;
    int r = sync__branch_healed(s, st->row.no, &healed);
    if (r == 0) {
        r = sync__diverge_agrees(s, s->from, idx, &handed_on);
    }
    if (r < 0 || healed || handed_on) { /* it has not heard yet which branch stands, or has, and
                                           gives its own up */
        return r < 0 ? r : SANJI_E_GAP;
    }
    r = want_other(s, idx, b);
    if (r == SANJI_E_GAP) {
        sync__alarm(s, SANJI_E_FORK, &b->hdr.by, "branch");
    }
    return r;
}

/* Is it awaited from another neighbour? One that is none any more (it is lost, or this node was
 * moved) shows nothing: then whoever speaks does. */
static bool awaits_another(const struct sync *s, const struct stream *st, const struct peer *p)
{
    return (p == NULL || node_id_cmp(&st->doubt_from, &p->id) != 0) &&
           sync__peer_find(s, st->doubt_from.s) != NULL;
}

/* It holds a part of the same history, or none: there is no other to wait for. */
static int no_other(struct sync *s, const struct peer *p, size_t idx)
{
    const struct stream *st = &s->streams[idx];
    if (st->doubt == 0 || node_id_none(&st->doubt_from) || awaits_another(s, st, p)) {
        return 0;
    }
    bool own_tx = !s->in_tx;
    int r = own_tx ? sync__tx_begin(s) : 0;
    if (r == 0) {
        r = end(s, idx);
        r = own_tx ? sync__tx_end(s, r) : r;
    }
    if (r == 0) {
        sync__stream_retreated(s, idx);
    }
    return r;
}

int sync__branch_heard(struct sync *s, const struct peer *p, size_t idx, const struct have_epoch *e,
                       bool differs)
{
    struct stream *st = &s->streams[idx];
    bool healed;
    int r = sync__branch_healed(s, st->row.no, &healed);
    if (r < 0 || healed) {
        return r < 0 || !differs ? r : sync__epoch_said(s, idx); /* it will hear which stands */
    }
    if (differs) {
        int64_t at = st->doubt != 0 ? 1 : e->seq;
        return p->is_parent && (st->doubt == 0 || e->seq <= st->row.seq)
                   ? sync__branch_begin(s, idx, at, &p->id)
                   : 0;
    }
    return no_other(s, p, idx);
}

/* A neighbour that has none of it to show gives its own up, or has lost it since: nobody waits for
 * what waits for him. */
int sync__branch_listed(struct sync *s, const struct peer *p)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < s->n_streams; i++) {
        if (s->streams[i].doubt != 0 && is_own(s, &s->streams[i]) &&
            (i >= p->n_ps || p->ps[i].their < 1)) {
            r = no_other(s, p, i);
        }
    }
    return r;
}

int sync__branch_take(struct sync *s, size_t idx, const struct bundle *b)
{
    struct stream *st = &s->streams[idx];
    uint8_t id[HASH_LEN];
    if (st->doubt == 0) {
        return 0;
    }
    if (!node_id_none(&st->doubt_from) && awaits_another(s, st, s->from)) {
        return SANJI_E_GAP; /* others may hold the branch that is given up */
    }
    bool begins = st->row.seq == 0 && b->hdr.t == BUNDLE_KEY;
    if ((b->hdr.seq != st->row.seq + 1 && !begins) || b->hdr.seq > st->kept) {
        return 0; /* compacted streams begin behind 1, perhaps each at another place */
    }
    int r = s->st->bundle_id(s->st->ctx, st->row.no, b->hdr.seq, id);
    if (r < 0 || memcmp(id, b->id, HASH_LEN) != 0) {
        return r == SANJI_E_NOT_FOUND ? 0 : r;
    }
    st->row.seq = b->hdr.seq;
    memcpy(st->row.id, id, HASH_LEN);
    if (st->row.seq == st->kept) {
        r = end(s, idx);
    }
    sync__stream_advanced(s, idx);
    return r < 0 ? r : 1;
}

/* ---- giving a branch up ---- */

struct giving {
    struct sync *s;
    const struct stream *st;
    struct buf *ids;
    const struct bundle *b;
};

static int keep_proof(struct giving *g, const struct sync_bundle_row *row)
{
    struct buf line;
    struct bundle b;
    struct arena *a = arena_new(ARENA_MAX);
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    int r = a == NULL ? SANJI_E_NOMEM : sync__stored(g->s, row, READ_ALL, &line, a, &b);
    if (r == 0) {
        r = sync__erase_proof(g->s, &b, row->no, g->b->id);
    }
    if (r >= 0) {
        r = g->s->st->thaw(g->s->st->ctx, row->no);
    }
    arena_free(a);
    buf_done(&line);
    return r;
}

static int give_up(const struct sync_bundle_row *row, void *arg)
{
    struct giving *g = arg;
    int r = row->seq == g->b->hdr.seq ? keep_proof(g, row) : 0;
    if (r == 0 && !is_own(g->s, g->st)) {
        return row->items > 0 ? sync__custody_keep(g->s, row) : 0;
    }
    if (r < 0) {
        return r;
    }
    r = buf_put(g->ids, row->id, HASH_LEN);
    if (r == 0) { /* an empty one, too: it makes the epoch begin in which this branch is named */
        r = sync__again_put(g->s, g->st, row->seq, row->id, row->frame);
    }
    return r;
}

int sync__branch_replace(struct sync *s, size_t idx, const struct bundle *b)
{
    struct stream *st = &s->streams[idx];
    struct buf ids;
    char name[48];
    struct giving g = {.s = s, .st = st, .ids = &ids, .b = b};
    buf_init(&ids, (size_t)64 << 20);
    int r = sync__branch_merged_ids(s, st->row.no, &ids);
    if (r == 0) {
        r = s->st->bundles(s->st->ctx, st->row.no, st->row.seq, SIZE_MAX, give_up, &g);
    }
    if (r == 0 && ids.len > 0) {
        r = s->st->kv_put(s->st->ctx, name_of("merged", st->row.no, name),
                          span_of(ids.data, ids.len));
    }
    if (r == 0 && is_own(s, st)) {
        r = sync__epoch_mark(s, &st->row.key, st->row.seq, true);
    }
    if (r == 0) {
        r = sync__stream_shorter(s, st);
    }
    if (r == 0) {
        r = s->st->kv_del(s->st->ctx, name_of("branch", st->row.no, name));
    }
    if (r == 0) {
        r = heal_note(s, st->row.no);
    }
    if (r == 0) {
        r = sync__redo_add(s, &st->row.key.by);
    }
    r = r < 0 ? r : sync__want_trim(s, st);
    st->doubt = 0;
    st->row.frozen = false;
    s->roster_again = s->roster_again || st->aud.type == AUD_TRUST;
    buf_done(&ids);
    return r;
}
