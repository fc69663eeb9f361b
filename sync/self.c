/* SPDX-License-Identifier: Apache-2.0 */
/* Has this node published more than its store knows? A data folder put back from a backup would
 * sign numbers it has signed already, and a stream with two histories cannot be mended. So what is
 * known from outside about own streams is kept as marks: heads named by neighbours, and what the
 * caller remembered outside the store. Nothing is signed while a mark is not reached.
 *
 * Whom to believe: the parent. A child may make numbers up, so its word holds writing for a minute
 * and once only, enough for it to bring what it speaks of; two histories are believed of it when it
 * shows a bundle signed with the key of this node. */
#include "sync/internal.h"

#include <stdlib.h>
#include <string.h>

enum { MARKS_MAX = 4096, CHILD_HOLD_MS = 60000 };

static bool is_own(const struct sync *s, const char *by)
{
    return strcmp(by, s->self.id.s) == 0;
}

void sync__self_fork(struct sync *s)
{
    if (!s->self_forked) {
        s->self_forked = true;
        sync__alarm(s, SANJI_E_FORK, &s->self.id, "self");
    }
}

static bool reached(const struct sync *s, const struct own_mark *m)
{
    int i = sync__stream_find(s, &m->key);
    return i >= 0 && s->streams[i].row.no != 0 && s->streams[i].kept >= m->seq;
}

static bool holds(const struct sync *s, const struct own_mark *m)
{
    return (m->until == 0 || s->tick.mono_ms < m->until) && !reached(s, m);
}

static int mark_add(struct sync *s, const struct own_mark *m)
{
    for (size_t i = 0; i < s->n_marks; i++) {
        struct own_mark *o = &s->marks[i];
        if (stream_key_cmp(&o->key, &m->key) == 0 && (o->until == 0) == (m->until == 0)) {
            if (o->seq < m->seq) {
                *o = *m;
            }
            return 0;
        }
    }
    if (s->n_marks >= MARKS_MAX) {
        return 0; /* what is marked already holds writing just as well */
    }
    struct own_mark *v = realloc(s->marks, (s->n_marks + 1) * sizeof(*v));
    if (v == NULL) {
        return SANJI_E_NOMEM;
    }
    s->marks = v;
    v[s->n_marks++] = *m;
    return 0;
}

int sync__self_heard(struct sync *s, struct peer *p, const struct stream_key *k, int64_t seq)
{
    struct own_mark m = {.key = *k, .seq = seq};
    if (!is_own(s, k->by.s) || seq < 1 || reached(s, &m)) {
        return 0;
    }
    if (!p->is_parent) {
        if (p->self_until == 0) {
            p->self_until = s->tick.mono_ms + CHILD_HOLD_MS;
        }
        m.until = p->self_until;
        if (s->tick.mono_ms >= m.until) {
            return 0;
        }
    }
    return mark_add(s, &m);
}

int sync_expect(struct sync *s, const struct stream_key *key, int64_t seq,
                const uint8_t id8[static 8])
{
    struct own_mark m = {.key = *key, .seq = seq};
    uint8_t id[HASH_LEN];
    if (!is_own(s, key->by.s) || seq < 1) {
        return 0;
    }
    if (!reached(s, &m)) {
        return mark_add(s, &m);
    }
    int i = sync__stream_find(s, key);
    int r = s->st->bundle_id(s->st->ctx, s->streams[i].row.no, seq, id);
    if (r == 0 && memcmp(id, id8, 8) != 0) {
        s->self_forked = true;
    }
    return r == SANJI_E_NOT_FOUND ? 0 : r; /* older than what is kept: nothing to compare with */
}

/* What a neighbour has stated of this stream; -1: it has not stated its list. */
static int64_t stated_by(const struct sync *s, const struct node_id *id, const struct stream_key *k)
{
    const struct peer *p = sync__peer_find(s, id->s);
    if (p == NULL || !p->their_known) {
        return -1;
    }
    int i = sync__stream_find(s, k);
    bool told = i >= 0 && (size_t)i < p->n_ps && p->ps[i].their > 0;
    return told ? p->ps[i].their : 0;
}

/* Every neighbour has stated its list, and none holds more than this node: what the mark speaks of
 * was lost with the disk before anybody had it, so its number is free. */
static bool is_nowhere(const struct sync *s, const struct own_mark *m)
{
    int at = sync__stream_find(s, &m->key);
    int64_t held = at >= 0 && s->streams[at].row.no != 0 ? s->streams[at].kept : 0;
    bool any = s->parent != NULL;
    if (any) {
        int64_t n = stated_by(s, &s->parent->id, &m->key);
        if (n < 0 || n > held) {
            return false;
        }
    }
    for (size_t i = 0; i < roster_count(s->roster); i++) {
        const struct roster_node *c = roster_at(s->roster, i);
        if (c->state != NODE_ACTIVE || strcmp(c->up.s, s->self.id.s) != 0) {
            continue;
        }
        int64_t n = stated_by(s, &c->id, &m->key);
        if (n < 0 || n > held) {
            return false;
        }
        any = true;
    }
    return any;
}

void sync__self_settle(struct sync *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n_marks; i++) {
        if (holds(s, &s->marks[i]) && !is_nowhere(s, &s->marks[i])) {
            s->marks[kept++] = s->marks[i];
        }
    }
    s->n_marks = kept;
}

void sync__self_free(struct sync *s)
{
    free(s->marks);
    s->marks = NULL;
    s->n_marks = 0;
}

enum sync_self_state sync_self_state(const struct sync *s)
{
    if (s->self_forked) {
        return SYNC_SELF_FORKED;
    }
    for (size_t i = 0; i < s->n_marks; i++) {
        if (holds(s, &s->marks[i])) {
            return SYNC_SELF_BEHIND;
        }
    }
    return SYNC_SELF_OK;
}

int sync_self_error(const struct sync *s)
{
    switch (sync_self_state(s)) {
    case SYNC_SELF_FORKED:
        return SANJI_E_FORK;
    case SYNC_SELF_BEHIND:
        return SANJI_E_GAP;
    case SYNC_SELF_OK:
        break;
    }
    return 0;
}
