/* SPDX-License-Identifier: Apache-2.0 */
/* Has this node published more than its store knows? A data folder put back from a backup would
 * sign numbers it has signed already, and a stream with two histories is hard to mend. So whatever
 * says that the store went back opens the barrier: from then on each audience is written in a new
 * epoch, which nobody can have written to (PROTOCOL.md 15.1). While a neighbour is bringing what is
 * missing, writing waits for it a moment; out of reach it goes on. The barrier is closed when a
 * neighbour has stated its list and everything it named is here; by files: ferry_self.c.
 *
 * Whom to believe: the parent. A child may make numbers up, so its word holds writing for a minute
 * and once only, enough for it to bring what it speaks of; two histories are believed of it when it
 * shows a bundle signed with the key of this node. */
#include "sync/internal.h"

#include <stdlib.h>
#include <string.h>

enum {
    MARKS_MAX = 4096,
    CHILD_MARKS_MAX = 256,
    HOLD_MS = 60000,
    ASK_MS = 5000,
    ASK_CHILDREN_MS = 2000
};
static const char raised_name[] = "barrier/raised", clone_name[] = "barrier/clone";

static bool is_own(const struct sync *s, const char *by)
{
    return strcmp(by, s->self.id.s) == 0;
}

/* ---- the barrier ---- */

static int flag_put(struct sync *s, const char *name, bool on, bool *ret)
{
    static const uint8_t one = 1;
    if (*ret == on) {
        return 0;
    }
    int r =
        on ? s->st->kv_put(s->st->ctx, name, span_of(&one, 1)) : s->st->kv_del(s->st->ctx, name);
    *ret = r == 0 ? on : *ret;
    return r;
}

static int flag_get(struct sync *s, const char *name, bool *ret)
{
    struct buf v;
    buf_init(&v, 64);
    int r = s->st->kv_get(s->st->ctx, name, &v);
    *ret = r == 0;
    buf_done(&v);
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

/* Every audience this node writes to, as far as the store knows. */
static int mark_all(struct sync *s)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < s->n_streams; i++) {
        const struct stream *st = &s->streams[i];
        if (st->row.no != 0 && is_own(s, st->row.key.by.s) &&
            sync__stream_newest(s, s->self.id.s, st->row.key.aud) == (int)i) {
            r = sync__epoch_mark(s, &st->row.key, -1, true);
        }
    }
    return r;
}

/* Names may be made up: so many are remembered beside those that are held, and the doubt is there.
 */
static bool has_place(const struct sync *s, const struct stream_key *k)
{
    int i = sync__stream_find(s, k);
    return (i >= 0 && s->streams[i].row.no != 0) || s->n_epochs < s->n_held + MARKS_MAX;
}

/* An epoch that a newer one follows only needs its head confirmed again; doubt about the one being
 * written, or about one nobody here has heard of, is doubt about the whole store. */
static int doubt(struct sync *s, const struct stream_key *k)
{
    int newest = k == NULL ? -1 : sync__stream_newest(s, s->self.id.s, k->aud);
    bool old = newest >= 0 && s->streams[newest].row.key.ep > k->ep;
    int r = old ? 0 : mark_all(s);
    if (r == 0 && k != NULL && has_place(s, k)) {
        r = sync__epoch_mark(s, k, -1, !old);
    }
    return r < 0 ? r : flag_put(s, raised_name, true, &s->restored);
}

int sync__self_doubt(struct sync *s, const struct stream_key *k)
{
    if (s->restored && k != NULL && !has_place(s, k)) {
        return 0;
    }
    if (s->in_tx) {
        return doubt(s, k);
    }
    int r = sync__tx_begin(s);
    return r < 0 ? r : sync__tx_end(s, doubt(s, k));
}

static int clone_set(struct sync *s, bool is_clone)
{
    int r = flag_put(s, clone_name, is_clone, &s->clone);
    if (r == 0 && !is_clone) {
        r = sync__since_drop(s);
    }
    return r < 0 || is_clone ? r : doubt(s, NULL); /* the other machine may have written, too */
}

int sync__self_clone(struct sync *s, bool is_clone)
{
    if (s->clone == is_clone) {
        return 0;
    }
    int r = sync__tx_begin(s);
    return r < 0 ? r : sync__tx_end(s, clone_set(s, is_clone));
}

int sync__self_load(struct sync *s)
{
    s->self_forked = false;
    for (size_t i = 0; i < s->n_streams; i++) {
        const struct sync_stream_row *row = &s->streams[i].row;
        s->self_forked = s->self_forked || (row->frozen && is_own(s, row->key.by.s));
    }
    int r = flag_get(s, raised_name, &s->restored);
    if (r == 0) {
        r = flag_get(s, clone_name, &s->clone);
    }
    if (r == 0) {
        r = sync__epochs_load(s);
    }
    if (r == 0) {
        r = sync__custody_load(s);
    }
    if (r == 0) {
        r = sync__pin_load(s);
    }
    return r < 0 ? r : sync__branch_load(s);
}

/* ---- heads that neighbours name ---- */

static bool reached(const struct sync *s, const struct stream_key *k, int64_t seq)
{
    int i = sync__stream_find(s, k);
    return i >= 0 && s->streams[i].row.no != 0 && s->streams[i].kept >= seq;
}

/* What the neighbour named is here, or was and is being published again; or it is of a branch that
 * does not stand, and comes by custody. */
static int is_here(const struct sync *s, const struct own_mark *m, bool *ret)
{
    int i = sync__stream_find(s, &m->key);
    const struct peer *p = sync__peer_find(s, m->peer.s);
    bool held = i >= 0 && s->streams[i].row.no != 0;
    bool astray = held && p != NULL && (size_t)i < p->n_ps && (p->ps[i].flags & PF_ASTRAY) != 0;
    *ret = held && (s->streams[i].kept >= m->seq || astray);
    return held && !*ret ? sync__branch_given_up(s, s->streams[i].row.no, m->id8, ret) : 0;
}

static bool holds(const struct sync *s, const struct own_mark *m)
{
    bool there = !m->is_parent || (s->parent != NULL && s->parent->st.connected), is = false;
    return there && s->tick.mono_ms < m->until && (is_here(s, m, &is) < 0 || !is);
}

static int mark_add(struct sync *s, const struct own_mark *m)
{
    for (size_t i = 0; i < s->n_marks; i++) {
        struct own_mark *o = &s->marks[i];
        if (stream_key_cmp(&o->key, &m->key) == 0 && node_id_cmp(&o->peer, &m->peer) == 0) {
            *o = *m;
            return 0;
        }
    }
    struct own_mark *v = realloc(s->marks, (s->n_marks + 1) * sizeof(*v));
    if (v == NULL) {
        return SANJI_E_NOMEM;
    }
    s->marks = v;
    v[s->n_marks++] = *m;
    return 0;
}

/* What is marked already holds writing just as well. */
static bool said_enough(const struct sync *s, const struct peer *p)
{
    size_t n = 0, most = p->is_parent ? MARKS_MAX : CHILD_MARKS_MAX;
    for (size_t i = 0; i < s->n_marks && n < most; i++) {
        n += node_id_cmp(&s->marks[i].peer, &p->id) == 0;
    }
    return n >= most || s->n_marks >= MARKS_MAX;
}

int sync__self_heard(struct sync *s, struct peer *p, const struct stream_key *k,
                     const struct have_epoch *e)
{
    struct own_mark m = {.key = *k, .seq = e->seq, .peer = p->id, .is_parent = p->is_parent};
    memcpy(m.id8, e->id8, sizeof(m.id8));
    bool is = false;
    int r = !is_own(s, k->by.s) || e->seq < 1 ? 0 : is_here(s, &m, &is);
    if (r < 0 || is || !is_own(s, k->by.s) || e->seq < 1) {
        return r;
    }
    m.until = s->tick.mono_ms + HOLD_MS;
    if (!p->is_parent) {
        if (p->self_until == 0) {
            p->self_until = m.until;
        }
        m.until = p->self_until;
        if (s->tick.mono_ms >= m.until) {
            return 0;
        }
    }
    if (said_enough(s, p)) {
        return 0;
    }
    r = sync__self_doubt(s, k);
    return r < 0 ? r : mark_add(s, &m);
}

void sync__self_forget(struct sync *s, const struct peer *p)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n_marks; i++) {
        if (node_id_cmp(&s->marks[i].peer, &p->id) != 0) {
            s->marks[kept++] = s->marks[i];
        }
    }
    s->n_marks = kept;
}

int sync__self_lacks(const struct sync *s, const struct stream_key *k, int64_t seq,
                     const uint8_t id8[static 8], bool *ret)
{
    uint8_t id[HASH_LEN];
    int i = sync__stream_find(s, k);
    bool given_up = false;
    int r = i >= 0 && s->streams[i].row.no != 0
                ? sync__branch_given_up(s, s->streams[i].row.no, id8, &given_up)
                : 0;
    *ret = r == 0 && !given_up && !reached(s, k, seq);
    if (r < 0 || given_up || *ret) {
        return r;
    }
    r = s->st->bundle_id(s->st->ctx, s->streams[i].row.no, seq, id);
    *ret = r == 0 && memcmp(id, id8, 8) != 0;
    return r == SANJI_E_NOT_FOUND ? 0 : r; /* older than what is kept: nothing to compare with */
}

int sync_expect(struct sync *s, const struct stream_key *key, int64_t seq,
                const uint8_t id8[static 8])
{
    bool lacks = false;
    if (!is_own(s, key->by.s) || seq < 1) {
        return 0;
    }
    int r = sync__self_lacks(s, key, seq, id8, &lacks);
    return r < 0 || !lacks ? r : sync__self_doubt(s, key);
}

int sync_suspect(struct sync *s)
{
    for (size_t i = 0; i < s->n_streams; i++) {
        if (s->streams[i].row.no != 0 && is_own(s, s->streams[i].row.key.by.s)) {
            return sync__self_doubt(s, NULL);
        }
    }
    return 0; /* nothing was written here: nothing can have been lost */
}

/* ---- asking ---- */

static size_t children(const struct sync *s, size_t *ret_said)
{
    size_t n = 0;
    *ret_said = 0;
    for (size_t i = 0; i < roster_count(s->roster); i++) {
        const struct roster_node *c = roster_at(s->roster, i);
        if (c->state != NODE_ACTIVE || strcmp(c->up.s, s->self.id.s) != 0) {
            continue;
        }
        const struct peer *p = sync__peer_find(s, c->id.s);
        *ret_said += p != NULL && p->their_known;
        n++;
    }
    return n;
}

/* A neighbour who would know has stated its list. */
static bool somebody_said(const struct sync *s)
{
    size_t said, n = children(s, &said);
    if (s->parent != NULL) {
        return s->parent->their_known && s->parent->st.connected;
    }
    return n == 0 || said > 0;
}

bool sync_asking(const struct sync *s)
{
    size_t said;
    if (!s->started || s->stopping) {
        return false;
    }
    if (s->parent == NULL) {
        return children(s, &said) > said && s->tick.mono_ms < s->asked + ASK_CHILDREN_MS;
    }
    return !s->parent->their_known && s->parent->st.last_err == 0 &&
           s->tick.mono_ms < s->asked + ASK_MS;
}

bool sync_catching_up(const struct sync *s)
{
    return s->catching && s->started && !s->stopping;
}

int64_t sync__self_wake(const struct sync *s)
{
    int64_t ask = s->asked + (s->parent == NULL ? ASK_CHILDREN_MS : ASK_MS);
    int64_t at = sync_asking(s) ? ask : s->catching ? s->asked + HOLD_MS : 0;
    int64_t soon = s->tick.mono_ms + 1000; /* what could not be done is not tried at once */
    int64_t cut = sync_self_error(s) != 0 || s->own_cut_at == 0 ? 0
                  : s->own_cut_at < soon                        ? soon
                                                                : s->own_cut_at;
    return at == 0 || (cut != 0 && cut < at) ? cut : at;
}

/* A neighbour in reach states something that is not here yet. */
static bool more_to_come(const struct sync *s)
{
    for (size_t i = 0; i < s->n_streams; i++) {
        const struct stream *st = &s->streams[i];
        int64_t held = st->row.no == 0 ? 0 : st->kept > st->row.seq ? st->kept : st->row.seq;
        const struct peer *p = st->told > held ? sync__peer_find(s, st->told_by.s) : NULL;
        if (p != NULL && p->st.connected && !st->row.frozen && st->doubt == 0) {
            return true;
        }
    }
    return false;
}

/* Once a start: later people are at work, and have seen what there is. */
static void catch_up(struct sync *s)
{
    bool late = s->tick.mono_ms >= s->asked + HOLD_MS;
    if (!s->started || s->caught) {
        return;
    }
    s->catching = s->catching || (s->restored && !late);
    if (!sync_asking(s) && (late || !more_to_come(s))) {
        s->catching = false;
        s->caught = true;
    }
}

/* ---- closing the barrier ---- */

static bool may_confirm(const struct sync *s)
{
    return s->restored && !s->clone && s->n_marks == 0 && !sync__branch_any(s);
}

static int confirm(struct sync *s)
{
    int r = sync__tx_begin(s);
    if (r < 0) {
        return r;
    }
    r = sync__twice_find(s);
    if (r == 0) {
        r = sync__epoch_confirm(s);
    }
    if (r == 0) {
        r = sync__since_drop(s);
    }
    if (r == 0) {
        r = flag_put(s, raised_name, false, &s->restored);
    }
    return sync__tx_end(s, r);
}

static int forget_reached(struct sync *s)
{
    size_t kept = 0;
    int r = 0;
    for (size_t i = 0; i < s->n_marks; i++) {
        const struct own_mark *m = &s->marks[i];
        bool over = false;
        int e = is_here(s, m, &over);
        r = r < 0 ? r : e;
        over = over || (!m->is_parent && s->tick.mono_ms >= m->until);
        if (!over) {
            s->marks[kept++] = *m;
        }
    }
    s->n_marks = kept;
    return r;
}

/* First what a given-up branch said: the epoch that opens is one of those to be confirmed. */
static int settle(struct sync *s, bool said)
{
    int r = forget_reached(s);
    if (s->clone || r < 0) {
        return r;
    }
    if (s->n_marks == 0 && !sync__branch_any(s)) {
        r = sync__custody_own(s);
    }
    if (r == 0 && sync_self_error(s) == 0) {
        r = sync__again_cut(s);
    }
    if (r == 0 && s->again && sync_self_error(s) == 0) {
        r = sync__again_run(s);
    }
    return said && may_confirm(s) && !sync_is_store_failure(r) ? confirm(s) : r;
}

int sync__self_settle(struct sync *s)
{
    catch_up(s);
    int r = sync__custody_tidy(s);
    return r < 0 ? r : settle(s, somebody_said(s));
}

int sync__self_answered(struct sync *s)
{
    return settle(s, true);
}

void sync__self_free(struct sync *s)
{
    free(s->marks);
    free(s->epochs);
    s->marks = NULL;
    s->epochs = NULL;
    s->n_marks = s->n_epochs = s->cap_epochs = 0;
}

enum sync_self_state sync_self_state(const struct sync *s)
{
    if (s->clone) {
        return SYNC_SELF_CLONE;
    }
    if (s->self_forked) {
        return SYNC_SELF_FORKED;
    }
    for (size_t i = 0; i < s->n_marks; i++) {
        if (holds(s, &s->marks[i])) {
            return SYNC_SELF_BEHIND;
        }
    }
    return s->restored ? SYNC_SELF_UNCONFIRMED : SYNC_SELF_OK;
}

int sync_self_error(const struct sync *s)
{
    if (s->clone) {
        return SANJI_E_CLONE;
    }
    for (size_t i = 0; i < s->n_marks; i++) {
        if (holds(s, &s->marks[i])) {
            return SANJI_E_GAP;
        }
    }
    return 0;
}
