/* SPDX-License-Identifier: Apache-2.0 */
/* The table of streams: every stream held, and those only heard of (row.no == 0), because a
 * neighbour's statement must be remembered before the stream itself arrives. An index number never
 * changes while the engine lives, so neighbours are kept as plain arrays over it. */
#include "sync/internal.h"

#include <stdlib.h>
#include <string.h>

enum { STREAMS_MAX = 1 << 18 }; /* held and heard of: a hostile neighbour cannot fill the memory */

static uint32_t key_hash(const struct stream_key *k)
{
    uint32_t h = 2166136261u;
    for (const char *p = k->by.s; *p != '\0'; p++) {
        h = (h ^ (uint8_t)*p) * 16777619u;
    }
    for (const char *p = k->aud; *p != '\0'; p++) {
        h = (h ^ (uint8_t)*p) * 16777619u;
    }
    h = (h ^ k->ep) * 16777619u;
    for (size_t i = 0; i < sizeof(k->en); i++) {
        h = (h ^ k->en[i]) * 16777619u;
    }
    return h;
}

static uint32_t pair_hash(const char *by, const char *aud)
{
    uint32_t h = 2166136261u;
    for (const char *p = by; *p != '\0'; p++) {
        h = (h ^ (uint8_t)*p) * 16777619u;
    }
    for (const char *p = aud; *p != '\0'; p++) {
        h = (h ^ (uint8_t)*p) * 16777619u;
    }
    return h;
}

/* Where (by, aud) stands in the table of pairs, or would. */
static size_t pair_at(const struct sync *s, const char *by, const char *aud)
{
    size_t i = pair_hash(by, aud) & (s->index_cap - 1);
    for (; s->pairs[i] != 0; i = (i + 1) & (s->index_cap - 1)) {
        const struct stream_key *k = &s->streams[s->pairs[i] - 1].row.key;
        if (strcmp(k->by.s, by) == 0 && strcmp(k->aud, aud) == 0) {
            break;
        }
    }
    return i;
}

int sync__stream_first(const struct sync *s, const char *by, const char *aud)
{
    return s->index_cap == 0 ? -1 : (int)s->pairs[pair_at(s, by, aud)] - 1;
}

static void pair_add(struct sync *s, size_t idx)
{
    struct stream *st = &s->streams[idx];
    size_t at = pair_at(s, st->row.key.by.s, st->row.key.aud);
    st->next = -1;
    if (s->pairs[at] == 0) {
        s->pairs[at] = (uint32_t)idx + 1;
        return;
    }
    struct stream *first = &s->streams[s->pairs[at] - 1];
    st->next = first->next;
    first->next = (int32_t)idx;
}

/* ---- how many streams each writer has ---- */

static size_t origin_at(const struct sync *s, const char *by)
{
    size_t i = s->last_origin;
    if (i < s->n_origins && strcmp(s->origins[i].by, by) == 0) {
        return i; /* they come in runs */
    }
    for (i = 0; i < s->n_origins && strcmp(s->origins[i].by, by) != 0; i++) {
    }
    return i;
}

struct origin *sync__origin(const struct sync *s, const struct stream *st)
{
    return st->origin == 0 ? NULL : &s->origins[st->origin - 1];
}

int sync__origin_more(struct sync *s, struct stream *st)
{
    const char *by = st->row.key.by.s;
    size_t i = origin_at(s, by), n = strlen(by);
    if (i == s->n_origins) {
        struct origin *v = realloc(s->origins, (i + 1) * sizeof(*v));
        if (v == NULL || n >= sizeof(v->by)) {
            s->origins = v == NULL ? s->origins : v;
            return v == NULL ? SANJI_E_NOMEM : SANJI_E_SPEC;
        }
        s->origins = v;
        memset(&v[i], 0, sizeof(v[i]));
        memcpy(v[i].by, by, n);
        s->n_origins++;
    }
    s->last_origin = i;
    st->origin = (uint32_t)i + 1;
    s->origins[i].n++;
    s->n_held++;
    return 0;
}

bool sync__origin_full(const struct sync *s, const char *by)
{
    size_t i = origin_at(s, by);
    int64_t max = s->tune.max_streams > 0 ? s->tune.max_streams : LIM_STREAMS_EACH;
    return i < s->n_origins && (int64_t)s->origins[i].n >= max;
}

int sync__key_of(struct stream_key *k, const char *by, const char *aud, int64_t ep,
                 const uint8_t en[static 8])
{
    memset(k, 0, sizeof(*k));
    size_t n = strlen(by), an = strlen(aud);
    if (n > LIM_NODE_ID || an > LIM_AUD_BYTES || ep < 1 || ep > LIM_EPOCH) {
        return SANJI_E_SPEC;
    }
    memcpy(k->by.s, by, n);
    memcpy(k->aud, aud, an);
    k->ep = (uint32_t)ep;
    memcpy(k->en, en, sizeof(k->en));
    return 0;
}

int sync__stream_find(const struct sync *s, const struct stream_key *k)
{
    if (s->index_cap == 0) {
        return -1;
    }
    uint32_t h = key_hash(k);
    for (size_t i = h & (s->index_cap - 1);; i = (i + 1) & (s->index_cap - 1)) {
        uint32_t at = s->index[i];
        if (at == 0) {
            return -1;
        }
        const struct stream *st = &s->streams[at - 1];
        if (st->hash == h && stream_key_cmp(&st->row.key, k) == 0) {
            return (int)(at - 1);
        }
    }
}

static int index_grow(struct sync *s)
{
    size_t cap = s->index_cap == 0 ? 256 : s->index_cap * 2;
    uint32_t *v = calloc(cap, sizeof(*v)), *pairs = calloc(cap, sizeof(*pairs));
    if (v == NULL || pairs == NULL) {
        free(v);
        free(pairs);
        return SANJI_E_NOMEM;
    }
    for (size_t i = 0; i < s->n_streams; i++) {
        size_t at = s->streams[i].hash & (cap - 1);
        while (v[at] != 0) {
            at = (at + 1) & (cap - 1);
        }
        v[at] = (uint32_t)i + 1;
    }
    free(s->index);
    s->index = v;
    s->index_cap = cap;
    free(s->pairs);
    s->pairs = pairs;
    for (size_t i = 0; i < s->n_streams; i++) {
        pair_add(s, i);
    }
    return 0;
}

int sync__stream_intern(struct sync *s, const struct stream_key *k)
{
    int found = sync__stream_find(s, k);
    if (found >= 0) {
        return found;
    }
    struct audience aud;
    int r = audience_parse(k->aud, strlen(k->aud), &aud);
    if (r < 0) {
        return r;
    }
    if (s->n_streams >= STREAMS_MAX) {
        return SANJI_E_SIZE;
    }
    if ((s->n_streams + 1) * 4 > s->index_cap * 3 && (r = index_grow(s)) < 0) {
        return r;
    }
    if (s->n_streams == s->cap_streams) {
        size_t cap = s->cap_streams == 0 ? 64 : s->cap_streams * 2;
        struct stream *v = realloc(s->streams, cap * sizeof(*v));
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        s->streams = v;
        s->cap_streams = cap;
    }
    struct stream *st = &s->streams[s->n_streams];
    memset(st, 0, sizeof(*st));
    st->row.key = *k;
    st->aud = aud;
    st->hash = key_hash(k);
    size_t at = st->hash & (s->index_cap - 1);
    while (s->index[at] != 0) {
        at = (at + 1) & (s->index_cap - 1);
    }
    s->index[at] = (uint32_t)++s->n_streams;
    pair_add(s, s->n_streams - 1);
    return (int)(s->n_streams - 1);
}

static int load_one(const struct sync_stream_row *row, void *arg)
{
    struct sync *s = arg;
    int idx = sync__stream_intern(s, &row->key);
    if (idx < 0) {
        return idx;
    }
    s->streams[idx].row = *row;
    s->streams[idx].kept = row->seq;
    return sync__origin_more(s, &s->streams[idx]);
}

int sync__streams_load(struct sync *s)
{
    sync__late_forget(s);
    /* After a rollback the store may hold less than memory does. */
    s->n_held = 0;
    for (size_t i = 0; i < s->n_origins; i++) {
        s->origins[i].n = s->origins[i].wants = s->origins[i].key_waits = 0;
    }
    for (size_t i = 0; i < s->n_streams; i++) {
        struct stream_key k = s->streams[i].row.key;
        memset(&s->streams[i].row, 0, sizeof(s->streams[i].row));
        s->streams[i].row.key = k;
        s->streams[i].kept = s->streams[i].doubt = 0;
        s->streams[i].wants = false;
        s->streams[i].origin = 0;
        s->streams[i].news = 0;
    }
    int r = s->st->streams(s->st->ctx, load_one, s);
    if (r == 0) {
        r = sync__voids_load(s);
    }
    if (r == 0) {
        r = sync__key_load(s);
    }
    if (r == 0) {
        r = sync__beats_load(s);
        s->proof_look = 1; /* at the next step */
    }
    if (r == 0) {
        r = sync__heal_load(s);
    }
    if (r == 0) {
        r = sync__erase_load(s);
    }
    if (r == 0) {
        r = sync__want_load(s);
    }
    if (r == 0) {
        r = sync__heads_load(s);
    }
    return r < 0 ? r : sync__self_load(s);
}

void sync__streams_clear(struct sync *s)
{
    free(s->streams);
    free(s->index);
    free(s->pairs);
    free(s->origins);
    s->pairs = NULL;
    s->origins = NULL;
    s->n_origins = 0;
    s->streams = NULL;
    s->index = NULL;
    s->n_streams = s->cap_streams = s->index_cap = 0;
}

int sync__stream_newest(const struct sync *s, const char *by, const char *aud)
{
    int best = -1;
    for (int i = sync__stream_first(s, by, aud); i >= 0; i = s->streams[i].next) {
        const struct sync_stream_row *r = &s->streams[i].row;
        uint32_t ep = best < 0 ? 0 : s->streams[best].row.key.ep;
        if (r->no != 0 && (r->key.ep > ep || (r->key.ep == ep && i < best))) {
            best = i;
        }
    }
    return best;
}

bool sync__entitled(const struct sync *s, size_t idx, const struct peer *p)
{
    const struct stream *st = &s->streams[idx];
    return roster_entitled(s->roster, st->row.key.by.s, &st->aud, p->id.s);
}

void sync__row_of(const struct sync *s, int64_t no, const struct bundle *b, struct span frame,
                  struct sync_bundle_row *ret)
{
    *ret = (struct sync_bundle_row){
        .no = no,
        .seq = b->hdr.seq,
        .frame = frame,
        .ts = b->hdr.ts,
        .got = s->tick.now_ms,
        .items = b->hdr.n,
        .raw_bytes = (int64_t)b->line.n,
        .type = (int)b->hdr.t,
    };
    memcpy(ret->id, b->id, HASH_LEN);
}

/* ---- the federation an epoch belongs to ---- */

struct g_read {
    struct sync *s;
    uint8_t *out;
};

static int read_g(const struct sync_bundle_row *row, void *arg)
{
    struct g_read *x = arg;
    struct arena *a = arena_new(ARENA_MAX);
    struct bundle b;
    struct buf line;
    buf_init(&line, LIM_BUNDLE_BYTES + 64); /* the caller's line is in use */
    int r = a == NULL ? SANJI_E_NOMEM : sync__stored(x->s, row, READ_HEAD, &line, a, &b);
    if (r == 0) {
        memcpy(x->out, b.hdr.g, HASH_LEN);
    }
    buf_done(&line);
    arena_free(a);
    return r < 0 ? r : 1;
}

int sync__stream_g(struct sync *s, const struct stream *st, uint8_t ret[static HASH_LEN])
{
    struct g_read x = {s, ret};
    memcpy(ret, roster_g(s->roster), HASH_LEN);
    return s->st->bundles(s->st->ctx, st->row.no, st->row.seq - 1, 1, read_g, &x);
}

struct unbroken { /* what is held up to a number, from where nothing is missing */
    int64_t from, last, upto;
};

static int one_held(const struct sync_bundle_row *row, void *arg)
{
    struct unbroken *u = arg;
    if (row->seq > u->upto) {
        return 1;
    }
    u->from = row->seq == u->last + 1 ? u->from : row->seq;
    u->last = row->seq;
    return 0;
}

int sync__stream_shorter(struct sync *s, struct stream *st)
{
    struct unbroken u = {.upto = st->row.seq, .last = -1};
    int r = s->st->stream_cut(s->st->ctx, st->row.no, st->row.seq, st->row.id);
    st->kept = st->row.seq;
    if (r < 0 || st->row.seq == 0 || st->row.first <= st->row.seq) {
        return r;
    }
    r = s->st->stream_from(s->st->ctx, st->row.no, 1); /* or what lies below is not shown */
    r = r < 0 ? r : s->st->bundles(s->st->ctx, st->row.no, 0, SIZE_MAX, one_held, &u);
    if (r < 0) {
        return r;
    }
    st->row.first = u.last == u.upto ? u.from : u.upto;
    return s->st->stream_from(s->st->ctx, st->row.no, st->row.first);
}
