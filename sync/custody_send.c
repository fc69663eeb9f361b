/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles kept for their writers are handed on (custody.c). A neighbour that is given some says in
 * its next hello which it did not keep (`left`); everything else in the message has come when it
 * speaks again, and goes from here. What was left stays, and is offered in the next session. A
 * message holds bundles of one writer only: what is refused of one says nothing of another. */
#include "sync/custody.h"

#include <stdlib.h>
#include <string.h>

enum { OWN_BATCH = 256 }; /* of one transaction */

/* ---- the receiver's word ---- */

void sync__custody_leave(struct sync *s, const struct bundle *b)
{
    struct peer *p = s->from;
    if (p != NULL && p->n_left < LIM_LEFT) { /* a full list speaks of all that came behind it */
        char *at = p->left[p->n_left++];
        at[b64u_put(b->id, 8, at)] = '\0';
    }
}

/* A full list, with names that are nobody's: whatever stood behind the last one it names. */
void sync__custody_stop(struct peer *p)
{
    static const uint8_t nobody[8];
    while (p->n_left < LIM_LEFT) {
        char *at = p->left[p->n_left++];
        at[b64u_put(nobody, sizeof(nobody), at)] = '\0';
    }
}

void sync__custody_say(struct peer *p, struct msg_hello *h)
{
    for (size_t i = 0; i < p->n_left; i++) {
        p->left_said[i] = p->left[i];
    }
    h->left = (struct jarr){p->left_said, p->n_left};
}

struct named {
    const struct peer *p;
    uint8_t id8[LIM_LEFT][8];
    size_t n;
    int64_t last; /* order of the last one named; -1: none of them was given to it */
};

static bool is_named(const struct named *k, const struct custody_bundle *c)
{
    for (size_t i = 0; i < k->n; i++) {
        if (memcmp(k->id8[i], c->id, 8) == 0) {
            return true;
        }
    }
    return false;
}

static void mark_left(struct custody_stream *g, struct named *k, bool behind)
{
    for (size_t i = 0; g->waiting < g->n && i < g->n; i++) {
        struct custody_bundle *c = &g->v[i];
        if (c->with == k->p && behind) {
            c->left = c->left || c->order > k->last;
        } else if (c->with == k->p && is_named(k, c)) {
            c->left = true;
            k->last = c->order > k->last ? c->order : k->last;
        }
    }
}

/* With what it has said so far. */
static bool was_taken(const struct custody_bundle *c, const struct peer *p)
{
    return c->with == p && !c->left;
}

static bool any_taken(const struct custody_stream *g, const struct peer *p)
{
    for (size_t k = 0; g->waiting < g->n && k < g->n; k++) {
        if (was_taken(&g->v[k], p)) {
            return true;
        }
    }
    return false;
}

void sync__custody_hear(struct sync *s, struct peer *p, const struct msg_hello *h)
{
    const char *const *name = h->left.v;
    struct named k = {.p = p, .last = -1};
    for (size_t i = 0; i < h->left.n && i < LIM_LEFT; i++) {
        k.n += b64u_get(name[i], strlen(name[i]), k.id8[k.n], 8) == 0;
    }
    for (size_t i = 0; k.n > 0 && i < s->custody.n; i++) {
        mark_left(&s->custody.st[i], &k, false);
    }
    for (size_t i = 0; h->left.n == LIM_LEFT && i < s->custody.n; i++) {
        /* Full of others, it says nothing of these. Nor would it the next time, behind the same
         * others: so they go alone. */
        p->kept_alone = p->kept_alone || (k.last < 0 && any_taken(&s->custody.st[i], p));
        mark_left(&s->custody.st[i], &k, true);
    }
}

/* ---- handing on ---- */

/* Does something wait that goes to this neighbour from here? */
static bool goes_to(const struct sync *s, const struct custody_stream *g, const struct peer *p)
{
    const struct node_id *by = &s->streams[g->idx].row.key.by;
    return g->waiting > 0 && node_id_cmp(by, &s->self.id) != 0 && sync__peer_towards(s, by) == p &&
           sync__entitled(s, (size_t)g->idx, p);
}

bool sync__custody_due(const struct sync *s, const struct peer *p)
{
    for (size_t i = 0; i < s->custody.n; i++) {
        if (goes_to(s, &s->custody.st[i], p)) {
            return true;
        }
    }
    return false;
}

struct handing {
    const struct peer *p;
    struct buf frame;
    struct arena *a;
    int64_t *io_left;
    struct buf *out;
};

/* The store could not answer just now; what cannot be read for good is damage. */
static bool not_now(int r)
{
    return sync_is_store_failure(r) && r != SANJI_E_CORRUPT;
}

/* 1: the message is full. A damaged one is of use to nobody: it is told, and goes with the rest. */
static int hand_one(struct sync *s, const struct custody_stream *g, struct custody_bundle *c,
                    struct handing *h)
{
    const struct stream *st = &s->streams[g->idx];
    struct bundle b;
    bool held = false;
    int r = sync__custody_held(s, st, c->seq, c->id, &held);
    if (r < 0 || held) { /* then it goes as all others do */
        c->with = r < 0 ? NULL : h->p;
        return r;
    }
    r = sync__custody_read(s, g, c, &h->frame, &s->line, h->a, &b);
    if (not_now(r)) {
        return r;
    }
    if (r < 0) {
        if (!c->told) {
            sync__alarm(s, SANJI_E_CORRUPT, &st->row.key.by, "custody");
        }
        c->told = true;
        c->with = h->p;
        return 0;
    }
    if ((int64_t)s->line.len > *h->io_left) {
        return 1;
    }
    r = buf_put(h->out, h->frame.data, h->frame.len);
    *h->io_left -= (int64_t)s->line.len;
    c->with = r < 0 ? NULL : h->p;
    c->order = ++s->custody.sent;
    return r;
}

static int hand_stream(struct sync *s, struct custody_stream *g, struct handing *h)
{
    int r = 0;
    for (size_t i = 0; r == 0 && g->waiting > 0 && i < g->n; i++) {
        if (g->v[i].with == NULL) {
            r = hand_one(s, g, &g->v[i], h);
            g->waiting -= g->v[i].with != NULL;
        }
    }
    return r;
}

int sync__custody_send(struct sync *s, struct peer *p, bool trust, int64_t *io_left,
                       struct buf *out)
{
    struct handing h = {.p = p, .io_left = io_left, .out = out};
    const struct node_id *by = NULL;
    int r = 0;
    for (size_t i = 0; r == 0 && i < s->custody.n; i++) {
        struct custody_stream *g = &s->custody.st[i];
        const struct stream *st = &s->streams[g->idx];
        if ((st->aud.type == AUD_TRUST) != trust || !goes_to(s, g, p) ||
            (by != NULL && node_id_cmp(by, &st->row.key.by) != 0)) {
            continue;
        }
        if (by == NULL) {
            by = &st->row.key.by;
            h.a = arena_new(ARENA_MAX);
            buf_init(&h.frame, LIM_BUNDLE_BYTES + LIM_FRAME_OVERHEAD + 64);
        }
        r = h.a == NULL ? SANJI_E_NOMEM : hand_stream(s, g, &h);
    }
    arena_free(h.a);
    buf_done(&h.frame);
    return r < 0 ? r : 0;
}

void sync__custody_again(struct sync *s, const struct peer *p)
{
    for (size_t i = 0; i < s->custody.n; i++) {
        struct custody_stream *g = &s->custody.st[i];
        for (size_t k = 0; g->waiting < g->n && k < g->n; k++) {
            if (g->v[k].with == p) {
                g->v[k].with = NULL;
                g->v[k].left = false;
                g->waiting++;
            }
        }
    }
}

static int one_taken(struct sync *s, const struct custody_stream *g, const struct custody_bundle *c,
                     void *arg)
{
    const struct peer *const *p = arg;
    (void)s;
    (void)g;
    return was_taken(c, *p) ? 1 : 0;
}

int sync__custody_taken(struct sync *s, const struct peer *p)
{
    bool any = false;
    for (size_t i = 0; !any && i < s->custody.n; i++) {
        any = any_taken(&s->custody.st[i], p);
    }
    int r = any ? sync__tx_begin(s) : 0; /* may read everything anew */
    if (r < 0 || !any) {
        return r;
    }
    for (size_t i = 0; r == 0 && i < s->custody.n; i++) {
        struct custody_stream *g = &s->custody.st[i];
        r = sync__custody_sift(s, g, g->n, one_taken, &p);
    }
    return sync__tx_end(s, r);
}

/* ---- the writer ---- */

struct own_look {
    const struct stream *st;
    struct buf known;  /* first 8 bytes of ids: signed in this past, or said again; sorted */
    struct buf ranges; /* what of before the stream's beginning was looked at for that */
    struct buf said;   /* ids that are said again now */
    struct buf frame, line;
    struct arena *a;
};

static int id8_cmp(const void *a, const void *b)
{
    return memcmp(a, b, 8);
}

static int known_load(struct sync *s, int64_t no, struct own_look *k)
{
    struct buf merged;
    buf_init(&merged, (size_t)64 << 20);
    int r = sync__branch_merged_ids(s, no, &merged);
    for (size_t at = 0; r == 0 && at < merged.len; at += HASH_LEN) {
        r = buf_put(&k->known, merged.data + at, 8);
    }
    buf_done(&merged);
    if (r == 0) {
        r = sync__late_said(s, no, &k->known, &k->ranges);
    }
    if (r == 0 && k->known.len > 0) {
        qsort(k->known.data, k->known.len / 8, 8, id8_cmp);
    }
    return r;
}

/* Has this node signed it in the past it goes on from, or said again what it holds? */
static int is_known(struct sync *s, const struct own_look *k, const struct custody_bundle *c,
                    bool *ret)
{
    *ret = k->known.len > 0 && bsearch(c->id, k->known.data, k->known.len / 8, 8, id8_cmp) != NULL;
    int r = *ret ? 0 : sync__custody_held(s, k->st, c->seq, c->id, ret);
    if (r < 0 || *ret || c->seq >= k->st->row.first) {
        return r;
    }
    *ret = true;
    for (size_t at = 0; *ret && at < k->ranges.len; at += sizeof(struct late_range)) {
        struct late_range x;
        memcpy(&x, k->ranges.data + at, sizeof(x));
        *ret = c->seq < x.from || c->seq >= x.to;
    }
    return 0;
}

/* What it does not know is published again; a damaged one cannot be. */
static int own_one(struct sync *s, const struct custody_stream *g, const struct custody_bundle *c,
                   void *arg)
{
    struct own_look *k = arg;
    struct bundle b;
    bool known = false;
    int r = is_known(s, k, c, &known);
    if (r < 0 || known) {
        return r < 0 ? r : 1;
    }
    r = sync__custody_read(s, g, c, &k->frame, &k->line, k->a, &b);
    if (not_now(r)) {
        return r;
    }
    if (r < 0) {
        sync__alarm(s, SANJI_E_CORRUPT, &s->self.id, "custody");
        return 1;
    }
    r = sync__again_put(s, k->st, c->seq, c->id, span_of(k->frame.data, k->frame.len));
    if (r == 0) {
        r = buf_put(&k->said, c->id, HASH_LEN);
    }
    return r < 0 ? r : 1;
}

static int own_batch(struct sync *s, struct custody_stream *g, struct own_look *k)
{
    const struct stream_key key = k->st->row.key;
    int r = known_load(s, g->no, k);
    if (r == 0) {
        r = sync__custody_sift(s, g, OWN_BATCH, own_one, k);
    }
    if (r == 0 && k->said.len > 0) {
        r = sync__branch_merge_note(s, g->no, span_of(k->said.data, k->said.len));
        if (r == 0) {
            r = sync__self_doubt(s, &key);
        }
        sync__alarm(s, SANJI_E_FORK, &s->self.id, "self");
    }
    return r;
}

/* What is kept of one own stream; NULL: nothing. */
static struct custody_stream *own_stream(struct sync *s, size_t i)
{
    struct custody_stream *g = i < s->custody.n ? &s->custody.st[i] : NULL;
    const struct stream *st = g == NULL || g->n == 0 ? NULL : &s->streams[g->idx];
    return st == NULL || node_id_cmp(&st->row.key.by, &s->self.id) != 0 || st->jump != 0 ? NULL : g;
}

static int own_some(struct sync *s, size_t at)
{
    struct own_look k = {.a = arena_new(ARENA_MAX)};
    struct buf *const bufs[] = {&k.known, &k.ranges, &k.said, &k.frame, &k.line};
    for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++) {
        buf_init(bufs[i], (size_t)1 << 30);
    }
    int r = k.a == NULL ? SANJI_E_NOMEM : sync__tx_begin(s);
    if (r == 0) { /* a transaction may begin with everything read anew */
        struct custody_stream *g = own_stream(s, at);
        k.st = g == NULL ? NULL : &s->streams[g->idx];
        r = sync__tx_end(s, g == NULL ? 0 : own_batch(s, g, &k));
    }
    for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++) {
        buf_done(bufs[i]);
    }
    arena_free(k.a);
    return r;
}

int sync__custody_own(struct sync *s)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < s->custody.n;) {
        if (own_stream(s, i) == NULL) {
            i++;
        } else {
            r = own_some(s, i);
        }
    }
    return r;
}
