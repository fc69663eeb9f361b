/* SPDX-License-Identifier: Apache-2.0 */
/* What a node lets go of that its writer may not know (PROTOCOL.md 15.1, Custody). A writer put
 * back from a backup may have several pasts, each of them held by another neighbour, and nobody but
 * the writer can tell which of their bundles it has said in another place. So whoever gives up a
 * branch, or is taken past one by a keyframe, keeps those bundles aside and hands them on towards
 * the writer, and so does each node on the way. The writer compares them with what it has signed,
 * and publishes again what it does not know.
 *
 * "custody/NO/SEQ/ID" in the store is such a bundle of stream NO. It is kept until the next node
 * has said that it has it. Each writer has a share of its own, so that nobody can take another's
 * place: when it is used up, the node takes no more of that writer from neighbours, who keep what
 * they have, and lets go of none of its branches until there is room again. */
#include "sync/custody.h"

#include "protocol/base/enc.h"
#include "protocol/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 96, DAY_MS = 24 * 3600 * 1000, DAY_LEAST_MS = 20 * 3600 * 1000 };
static const char prefix[] = "custody/", gone_name[] = "gone";

static const char *name_of(const struct custody_stream *g, const struct custody_bundle *c,
                           char out[static NAME_BYTES])
{
    char id[B64U_LEN(HASH_LEN) + 1] = {0};
    b64u_put(c->id, HASH_LEN, id);
    (void)snprintf(out, NAME_BYTES, "%s%lld/%lld/%s", prefix, (long long)g->no, (long long)c->seq,
                   id);
    return out;
}

static bool is_own(const struct sync *s, int idx)
{
    return idx >= 0 && node_id_cmp(&s->streams[idx].row.key.by, &s->self.id) == 0;
}

/* ---- the index ---- */

static int room_for_one(void **io_v, size_t n, size_t *io_cap, size_t size)
{
    if (*io_v != NULL && n < *io_cap) {
        return 0;
    }
    size_t cap = *io_cap == 0 ? 16 : *io_cap * 2;
    void *v = realloc(*io_v, cap * size);
    if (v == NULL) {
        return SANJI_E_NOMEM;
    }
    *io_v = v;
    *io_cap = cap;
    return 0;
}

static int bundle_cmp(const struct custody_bundle *a, const struct custody_bundle *b)
{
    return a->seq != b->seq ? (a->seq < b->seq ? -1 : 1) : memcmp(a->id, b->id, HASH_LEN);
}

/* Where it stands, or would. */
static size_t bundle_at(const struct custody_stream *g, const struct custody_bundle *c,
                        bool *ret_is)
{
    size_t lo = 0, hi = g->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (bundle_cmp(&g->v[mid], c) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    *ret_is = lo < g->n && bundle_cmp(&g->v[lo], c) == 0;
    return lo;
}

static int stream_of(struct sync *s, int64_t no, struct custody_stream **ret)
{
    struct custody *x = &s->custody;
    size_t lo = 0, hi = x->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (x->st[mid].no < no) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    *ret = lo < x->n ? &x->st[lo] : NULL;
    if (*ret != NULL && (*ret)->no == no) {
        return 0;
    }
    void *v = x->st;
    int idx = sync__by_no(s, no), r = room_for_one(&v, x->n, &x->cap, sizeof(*x->st));
    x->st = v;
    if (r < 0 || idx < 0) {
        return r < 0 ? r : SANJI_E_NOT_FOUND;
    }
    if (lo < x->n) {
        memmove(&x->st[lo + 1], &x->st[lo], (x->n - lo) * sizeof(*x->st));
    }
    x->st[lo] = (struct custody_stream){.no = no, .idx = idx};
    x->n++;
    *ret = &x->st[lo];
    return 0;
}

static int writer_of(struct sync *s, const struct node_id *by, struct custody_by **ret)
{
    struct custody *x = &s->custody;
    size_t lo = 0, hi = x->n_by;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (node_id_cmp(&x->by[mid].by, by) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    *ret = lo < x->n_by ? &x->by[lo] : NULL;
    if (*ret != NULL && node_id_cmp(&(*ret)->by, by) == 0) {
        return 0;
    }
    void *v = x->by;
    int r = room_for_one(&v, x->n_by, &x->cap_by, sizeof(*x->by));
    x->by = v;
    if (r < 0) {
        return r;
    }
    if (lo < x->n_by) {
        memmove(&x->by[lo + 1], &x->by[lo], (x->n_by - lo) * sizeof(*x->by));
    }
    x->by[lo] = (struct custody_by){.by = *by};
    x->n_by++;
    *ret = &x->by[lo];
    return 0;
}

static int64_t share(const struct sync *s)
{
    return s->tune.custody_bytes > 0 ? s->tune.custody_bytes : LIM_CUSTODY_BYTES;
}

static void weigh(const struct sync *s, struct custody_by *w, int64_t bytes)
{
    w->bytes += bytes;
    w->told = w->told && w->bytes > share(s) / 2;
}

/* 1: it is there already. */
static int remember(struct sync *s, int64_t no, const struct custody_bundle *c)
{
    struct custody_stream *g;
    struct custody_by *w = NULL;
    bool is = false;
    int r = stream_of(s, no, &g);
    size_t at = r < 0 ? 0 : bundle_at(g, c, &is);
    if (r == 0 && is) {
        struct custody_bundle *have = &g->v[at];
        if (have->told) { /* that one was damaged, and counts as sent: this one has yet to go */
            g->waiting += have->with != NULL;
            have->with = NULL;
            have->told = have->left = false;
        }
        return 1;
    }
    if (r < 0) {
        return r;
    }
    r = writer_of(s, &s->streams[g->idx].row.key.by, &w);
    void *v = g->v;
    r = r < 0 ? r : room_for_one(&v, g->n, &g->cap, sizeof(*g->v));
    g->v = v;
    if (r < 0) {
        return r;
    }
    if (at < g->n) {
        memmove(&g->v[at + 1], &g->v[at], (g->n - at) * sizeof(*g->v));
    }
    g->v[at] = *c;
    g->n++;
    g->waiting++;
    weigh(s, w, c->bytes);
    return 0;
}

int sync__custody_sift(struct sync *s, struct custody_stream *g, size_t max, custody_fn *fn,
                       void *arg)
{
    char name[NAME_BYTES];
    struct custody_by *w;
    size_t kept = 0, i = 0;
    int r = writer_of(s, &s->streams[g->idx].row.key.by, &w);
    for (; r >= 0 && i < g->n && i < max; i++) {
        struct custody_bundle c = g->v[i];
        r = fn(s, g, &c, arg);
        if (r <= 0) {
            g->v[kept++] = c;
            continue;
        }
        r = s->st->kv_del(s->st->ctx, name_of(g, &c, name));
        g->waiting -= c.with == NULL;
        weigh(s, w, -c.bytes);
    }
    if (kept < i && i < g->n) {
        memmove(&g->v[kept], &g->v[i], (g->n - i) * sizeof(*g->v));
    }
    g->n -= i - kept;
    return r < 0 ? r : 0;
}

/* A name that cannot be read is damage, which `verify` looks for: nothing else waits for it. */
static int load_one(const char *name, struct span value, void *arg)
{
    struct custody_bundle c = {.bytes = (int64_t)value.n};
    int64_t stream;
    const char *no = name + sizeof(prefix) - 1, *seq = strchr(no, '/');
    const char *id = seq == NULL ? NULL : strchr(seq + 1, '/');
    if (id == NULL || text_i64(no, (size_t)(seq - no), 1, INT64_MAX, &stream) < 0 ||
        text_i64(seq + 1, (size_t)(id - seq) - 1, 1, LIM_SEQ, &c.seq) < 0 ||
        b64u_get(id + 1, strlen(id + 1), c.id, HASH_LEN) < 0) {
        return 0;
    }
    int r = remember(arg, stream, &c);
    return r == SANJI_E_NOMEM ? r : 0;
}

int sync__custody_load(struct sync *s)
{
    sync__custody_free(s);
    return s->st->kv_each(s->st->ctx, prefix, load_one, s);
}

void sync__custody_free(struct sync *s)
{
    for (size_t i = 0; i < s->custody.n; i++) {
        free(s->custody.st[i].v);
    }
    free(s->custody.st);
    free(s->custody.by);
    memset(&s->custody, 0, sizeof(s->custody));
}

int sync__custody_read(struct sync *s, const struct custody_stream *g,
                       const struct custody_bundle *c, struct buf *frame, struct buf *line,
                       struct arena *a, struct bundle *ret)
{
    char name[NAME_BYTES];
    size_t used;
    buf_reset(frame);
    buf_reset(line);
    arena_reset(a);
    int r = s->st->kv_get(s->st->ctx, name_of(g, c, name), frame);
    if (r == 0) {
        r = frame_unpack(s->fc, span_of(frame->data, frame->len), line, &used);
    }
    if (r == 0) {
        r = bundle_parse(span_of(line->data, line->len), a, ret, NULL);
    }
    if (r == 0 && (ret->hdr.seq != c->seq || memcmp(ret->id, c->id, HASH_LEN) != 0)) {
        r = SANJI_E_HASH;
    }
    return r < 0 || sync__is_signed(s, ret) ? r : SANJI_E_SIGNATURE;
}

/* ---- taking ---- */

static int keep(struct sync *s, int64_t no, const struct custody_bundle *c, struct span frame)
{
    char name[NAME_BYTES];
    const struct custody_stream g = {.no = no};
    int r = remember(s, no, c);
    /* Also where one lies already: that one may be damaged, and this one was just checked. */
    return r < 0 ? r : s->st->kv_put(s->st->ctx, name_of(&g, c, name), frame);
}

int sync__custody_keep(struct sync *s, const struct sync_bundle_row *row)
{
    struct custody_bundle c = {.seq = row->seq, .bytes = (int64_t)row->frame.n};
    memcpy(c.id, row->id, HASH_LEN);
    return keep(s, row->no, &c, row->frame);
}

int sync__custody_held(const struct sync *s, const struct stream *st, int64_t seq,
                       const uint8_t id[static HASH_LEN], bool *ret)
{
    uint8_t held[HASH_LEN];
    int r = seq < st->row.first ? SANJI_E_NOT_FOUND
                                : s->st->bundle_id(s->st->ctx, st->row.no, seq, held);
    *ret = r == 0 && memcmp(held, id, HASH_LEN) == 0;
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

bool sync__custody_room(struct sync *s, const struct node_id *by)
{
    struct custody_by *w;
    if (writer_of(s, by, &w) < 0 || w->bytes < share(s)) {
        return true; /* without memory for a count nothing will be kept either */
    }
    if (!w->told) {
        w->told = true;
        sync__alarm(s, SANJI_E_KEPT_FULL, by, "custody");
    }
    return false;
}

/* Where the writer may not see it: not from itself, nor from the side it is on. */
static bool comes_from_aside(const struct sync *s, int idx, const struct bundle *b)
{
    const struct peer *there = sync__peer_towards(s, &b->hdr.by);
    return is_own(s, idx) || (there != NULL && there != s->from);
}

int sync__custody_may(struct sync *s, int idx, const struct bundle *b, int err, bool *ret)
{
    *ret = false;
    bool own = is_own(s, idx),
         apart = err == SANJI_E_OLD || err == SANJI_E_GAP || err == SANJI_E_FORK;
    if (s->witness || s->writing || (s->from == NULL && !own) ||
        (!apart && err != SANJI_E_UNKNOWN_KEY)) {
        return 0;
    }
    bool held = false, here = idx >= 0 && s->streams[idx].row.no != 0;
    int r = here ? sync__custody_held(s, &s->streams[idx], b->hdr.seq, b->id, &held) : 0;
    if (r < 0 || held) {
        return r;
    }
    *ret = apart && here && comes_from_aside(s, idx, b) && sync__custody_room(s, &b->hdr.by);
    if (!*ret) {
        sync__custody_leave(s, b);
    }
    return 0;
}

int sync__custody_take(struct sync *s, size_t idx, const struct bundle *b, struct span frame)
{
    const struct stream *st = &s->streams[idx];
    struct custody_bundle c = {.seq = b->hdr.seq};
    struct bundle kept = *b;
    struct buf line, packed;
    memcpy(c.id, b->id, HASH_LEN);
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    buf_init(&packed, LIM_BUNDLE_BYTES + LIM_FRAME_OVERHEAD + 64);
    int r = sync__erase_incoming(s, &st->row.key, &kept, &frame, &line, &packed);
    if (r == 0) {
        c.bytes = (int64_t)frame.n;
        r = keep(s, st->row.no, &c, frame);
    }
    buf_done(&line);
    buf_done(&packed);
    return r;
}

/* ---- what nobody waits for any more ---- */

/* Days on which it could not be handed to its writer. Days are counted one by one: a clock that is
 * wrong for once ends nothing. */
struct gone {
    int64_t days, at;
};

struct looking {
    const struct roster_node *node;
    struct buf frame, line;
};

static int is_void(struct sync *s, const struct custody_stream *g, const struct custody_bundle *c,
                   void *arg)
{
    struct looking *k = arg;
    const struct roster_key *key;
    const struct act_head *limit;
    struct bundle b;
    if (k->node == NULL || k->node->state != NODE_ACTIVE) {
        return 1;
    }
    int r = sync__custody_read(s, g, c, &k->frame, &k->line, s->arena, &b);
    if (r < 0) {
        return sync_is_store_failure(r) ? r : 1;
    }
    return roster_key_covers(s->roster, &b, &key, &limit) != 0;
}

static bool may_be_gone(const struct roster_node *n)
{
    bool any = n == NULL || n->state != NODE_ACTIVE;
    for (size_t i = 0; !any && i < n->n_keys; i++) {
        any = n->keys[i].ended;
    }
    return any;
}

static int look_at(struct sync *s, struct custody_stream *g, struct looking *k)
{
    struct gone was = {0};
    k->node = roster_node(s->roster, s->streams[g->idx].row.key.by.s);
    int r = sync__kept_get(s, gone_name, g->no, &was, sizeof(was));
    bool marked = r == 0;
    if (r < 0 && r != SANJI_E_NOT_FOUND && r != SANJI_E_CORRUPT) {
        return r;
    }
    if (g->n == 0 || !may_be_gone(k->node)) {
        return marked ? sync__kept_set(s, gone_name, g->no, NULL, 0) : 0;
    }
    if (marked && s->tick.now_ms >= was.at && s->tick.now_ms < was.at + DAY_LEAST_MS) {
        return 0;
    }
    was.days++;
    was.at = s->tick.now_ms;
    if (was.days > LIM_GONE_DAYS) {
        was.days = 0;
        r = sync__custody_sift(s, g, g->n, is_void, k);
    } else {
        r = 0;
    }
    return r < 0 ? r : sync__kept_set(s, gone_name, g->no, &was, sizeof(was));
}

int sync__custody_tidy(struct sync *s)
{
    struct looking k = {0};
    if (s->custody.n == 0 || s->tick.mono_ms < s->custody.look_at) {
        return 0;
    }
    int r = sync__tx_begin(s);
    if (r < 0) {
        return r;
    }
    buf_init(&k.frame, LIM_BUNDLE_BYTES + LIM_FRAME_OVERHEAD + 64);
    buf_init(&k.line, LIM_BUNDLE_BYTES + 64);
    for (size_t i = 0; r == 0 && i < s->custody.n; i++) {
        r = look_at(s, &s->custody.st[i], &k);
    }
    s->custody.look_at = s->tick.mono_ms + DAY_MS;
    buf_done(&k.frame);
    buf_done(&k.line);
    return sync__tx_end(s, r);
}
