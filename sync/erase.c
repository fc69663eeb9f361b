/* SPDX-License-Identifier: Apache-2.0 */
/* Erasure (PROTOCOL.md 15.4): what an `erase` item names is replaced by its hash wherever it is
 * held. The list of erased leaves is truth of its own ("erased/..." in the store): an item is
 * erased whether the act or the item came first, by whatever way it comes, and stays so when what
 * the roster says about the act's writer changes later: bytes that are gone cannot come back. */
#include "sync/erase.h"

#include "protocol/base/enc.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEAF_TEXT = 43,
    LANE_TEXT = 12, /* of 9 bytes */
};

/* ---- the list in memory ---- */

/* An act may name any 32 bytes: with numbers nobody else knows it cannot make them collide. */
static size_t slot_of(const struct erasing *e, const uint8_t leaf[static HASH_LEN])
{
    uint64_t h = 0;
    for (size_t i = 0; i < 4; i++) {
        uint64_t w;
        memcpy(&w, leaf + 8 * i, sizeof(w));
        h += (w ^ e->mix[i]) * (e->mix[(i + 1) & 3] | 1);
        h ^= h >> 29;
    }
    return (size_t)h & (e->index_cap - 1);
}

int sync__erase_part(const struct erasing *e, const char *by, const char *aud)
{
    for (size_t i = 0; i < e->n_lanes; i++) {
        if (strcmp(e->lane[i].by.s, by) == 0 && strcmp(e->lane[i].aud, aud) == 0) {
            return (int)i;
        }
    }
    return -1;
}

struct erase_entry *sync__erase_find(const struct erasing *e, int lane,
                                     const uint8_t leaf[static HASH_LEN])
{
    if (lane < 0 || e->index_cap == 0) {
        return NULL;
    }
    for (size_t at = slot_of(e, leaf); e->index[at] != 0; at = (at + 1) & (e->index_cap - 1)) {
        struct erase_entry *x = &e->v[e->index[at] - 1];
        if (x->lane == (uint32_t)lane && memcmp(x->leaf, leaf, HASH_LEN) == 0) {
            return x;
        }
    }
    return NULL;
}

static void index_put(struct erasing *e, size_t i)
{
    size_t at = slot_of(e, e->v[i].leaf);
    while (e->index[at] != 0) {
        at = (at + 1) & (e->index_cap - 1);
    }
    e->index[at] = (uint32_t)i + 1;
}

static int grow(struct erasing *e)
{
    if (e->n == e->cap) {
        size_t cap = e->cap == 0 ? 64 : e->cap * 2;
        struct erase_entry *v = realloc(e->v, cap * sizeof(*v));
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        e->v = v;
        e->cap = cap;
    }
    if ((e->n + 1) * 2 > e->index_cap) {
        size_t cap = e->index_cap == 0 ? 128 : e->index_cap * 2;
        uint32_t *index = calloc(cap, sizeof(*index));
        if (index == NULL) {
            return SANJI_E_NOMEM;
        }
        free(e->index);
        e->index = index;
        e->index_cap = cap;
        for (size_t i = 0; i < e->n; i++) {
            index_put(e, i);
        }
    }
    return 0;
}

static int lane_intern(struct erasing *e, const char *by, const char *aud)
{
    int at = sync__erase_part(e, by, aud);
    size_t n_by = strlen(by), n_aud = strlen(aud);
    if (at >= 0) {
        return at;
    }
    if (n_by > LIM_NODE_ID || n_aud > LIM_AUD_BYTES) {
        return SANJI_E_SPEC;
    }
    struct erase_part *v = realloc(e->lane, (e->n_lanes + 1) * sizeof(*v));
    if (v == NULL) {
        return SANJI_E_NOMEM;
    }
    e->lane = v;
    v += e->n_lanes;
    memset(v, 0, sizeof(*v));
    memcpy(v->by.s, by, n_by);
    memcpy(v->aud, aud, n_aud);
    return (int)e->n_lanes++;
}

/* 1: it is new; 0: *x is what is remembered of it. */
static int remember(struct erasing *e, const char *by, const char *aud,
                    const struct erase_entry *what, struct erase_entry **ret)
{
    int lane = lane_intern(e, by, aud);
    *ret = sync__erase_find(e, lane, what->leaf);
    if (lane < 0 || *ret != NULL) {
        return lane < 0 ? lane : 0;
    }
    int r = grow(e);
    if (r < 0) {
        return r;
    }
    *ret = &e->v[e->n];
    **ret = *what;
    (*ret)->lane = (uint32_t)lane;
    index_put(e, e->n++);
    e->lane[lane].pending = e->lane[lane].pending || what->pending;
    e->pending = e->pending || what->pending;
    e->unsaid = e->unsaid || !what->named;
    return 1;
}

/* ---- and in the store: "erased/<by>/<leaf>/<audience, hashed>" = state, reason, audience ---- */

static void name_of(const char *by, const char *aud, const uint8_t leaf[static HASH_LEN],
                    char out[static ERASE_NAME_BYTES])
{
    char x[LEAF_TEXT + 1] = "", l[LANE_TEXT + 1] = "";
    uint8_t h[HASH_LEN];
    hash_bytes(aud, strlen(aud), h);
    x[b64u_put(leaf, HASH_LEN, x)] = '\0';
    l[b64u_put(h, 9, l)] = '\0';
    (void)snprintf(out, ERASE_NAME_BYTES, "erased/%s/%s/%s", by, x, l);
}

int sync__erase_save(struct sync *s, const struct erase_part *l, const struct erase_entry *x)
{
    char name[ERASE_NAME_BYTES], value[LIM_AUD_BYTES + 4];
    name_of(l->by.s, l->aud, x->leaf, name);
    int n = snprintf(value, sizeof(value), "%c%c%c%s", x->pending ? 'p' : 'd', x->named ? 'n' : 'u',
                     x->why, l->aud);
    return s->st->kv_put(s->st->ctx, name, span_of(value, (size_t)n));
}

static int load_one(const char *key, struct span value, void *arg)
{
    struct sync *s = arg;
    char by[LIM_NODE_ID + 1], aud[LIM_AUD_BYTES + 1];
    struct erase_entry x = {0}, *was;
    const char *at = key + strlen("erased/");
    if (strlen(at) < LIM_NODE_ID + 1 + LEAF_TEXT || value.n < 4 || value.n > LIM_AUD_BYTES + 3 ||
        b64u_get(at + LIM_NODE_ID + 1, LEAF_TEXT, x.leaf, HASH_LEN) < 0) {
        return SANJI_E_CORRUPT;
    }
    x.pending = value.p[0] == 'p';
    x.named = value.p[1] == 'n';
    x.why = (char)value.p[2];
    memcpy(by, at, LIM_NODE_ID);
    by[LIM_NODE_ID] = '\0';
    memcpy(aud, value.p + 3, value.n - 3);
    aud[value.n - 3] = '\0';
    int r = remember(s->erase, by, aud, &x, &was);
    return r < 0 ? r : 0;
}

void sync__erase_free(struct sync *s)
{
    if (s->erase != NULL) {
        free(s->erase->v);
        free(s->erase->index);
        free(s->erase->lane);
    }
    free(s->erase);
    s->erase = NULL;
}

int sync__erase_load(struct sync *s)
{
    sync__erase_free(s);
    s->erase = calloc(1, sizeof(*s->erase));
    if (s->erase == NULL) {
        return SANJI_E_NOMEM;
    }
    hash_bytes(s->sign_seed, sizeof(s->sign_seed), (uint8_t *)s->erase->mix);
    int r = s->st->kv_each(s->st->ctx, "erased/", load_one, s);
    return r < 0 ? r : sync__mark_load(s);
}

int64_t sync_erased_count(const struct sync *s)
{
    return (int64_t)s->erase->n;
}

int sync_erased_each(const struct sync *s, int (*fn)(const struct sync_erased *x, void *arg),
                     void *arg)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < s->erase->n; i++) {
        const struct erase_entry *x = &s->erase->v[i];
        const struct sync_erased e = {.by = s->erase->lane[x->lane].by.s,
                                      .aud = s->erase->lane[x->lane].aud,
                                      .leaf = x->leaf,
                                      .why = x->why,
                                      .named = x->named};
        r = fn(&e, arg);
    }
    return r < 0 ? r : 0;
}

int sync_erase_add(struct sync *s, const struct sync_erased *e)
{
    struct erase_entry x = {.pending = true, .named = e->named, .why = e->why}, *at;
    memcpy(x.leaf, e->leaf, HASH_LEN);
    int r = remember(s->erase, e->by, e->aud, &x, &at);
    if (r < 0 || (r == 0 && (at->named || !e->named))) {
        return r < 0 ? r : 0;
    }
    at->named = e->named;
    return sync__erase_save(s, &s->erase->lane[at->lane], at);
}

bool sync__erase_ahead(const struct sync *s, const struct stream_key *key)
{
    const struct erasing *e = s->erase;
    int lane = e->n == 0 ? -1 : sync__erase_part(e, key->by.s, key->aud);
    for (size_t i = 0; lane >= 0 && i < e->n; i++) {
        if (e->v[i].lane == (uint32_t)lane && !e->v[i].named) {
            return true;
        }
    }
    return false;
}

/* ---- own erasures whose act was lost with a restored store, or is void since a key ended ---- */

bool sync__erase_unsaid(const struct sync *s)
{
    return s->erase->unsaid;
}

void sync__erase_said(struct sync *s)
{
    s->erase->unsaid = false;
}

int sync__erase_unname(struct sync *s, const struct node_id *by)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < s->erase->n; i++) {
        struct erase_entry *x = &s->erase->v[i];
        const struct erase_part *l = &s->erase->lane[x->lane];
        if (x->named && node_id_cmp(&l->by, by) == 0) {
            x->named = false;
            s->erase->unsaid = true;
            r = sync__erase_save(s, l, x);
        }
    }
    return r;
}

/* ---- what an act names ---- */

/* Acts themselves are not erased: who erased what stays known, and the roster never shrinks. */
bool sync__erasable_kind(const char *k)
{
    return strcmp(k, "erase/1") != 0 && strcmp(k, "act/1") != 0;
}

bool sync__erasable(struct span text)
{
    struct item it;
    return item_parse(text, &it, NULL) < 0 || sync__erasable_kind(it.k);
}

bool sync__erased(const struct sync *s, const struct stream_key *key, const struct item_ref *ref)
{
    const struct erasing *e = s->erase;
    return e->n > 0 &&
           sync__erase_find(e, sync__erase_part(e, key->by.s, key->aud), ref->leaf) != NULL &&
           (ref->stub || sync__erasable(ref->text));
}

bool sync_is_erased(const struct sync *s, const struct stream_key *key,
                    const uint8_t leaf[static HASH_LEN])
{
    struct item_ref ref = {.stub = true};
    memcpy(ref.leaf, leaf, HASH_LEN);
    return sync__erased(s, key, &ref);
}

int sync__erase_act(struct sync *s, const struct item *it, const char *owner,
                    const struct stream_key *key)
{
    struct jcur c;
    struct span list, e, text, why;
    uint8_t leaf[HASH_LEN];
    struct sync_erased x = {.by = key->by.s, .aud = key->aud, .leaf = leaf, .named = true};
    int r = 0;
    if (!jcur_get(it->d, "leaves", &list) || !jcur_array(&c, list) ||
        !jcur_get(it->d, "why", &why) || !jcur_plain(why, &text)) {
        return SANJI_E_SPEC;
    }
    x.why = (char)text.p[0];
    while (r == 0 && jcur_element(&c, &e)) {
        if (!jcur_plain(e, &text) || b64u_get((const char *)text.p, text.n, leaf, HASH_LEN) < 0) {
            return SANJI_E_SPEC;
        }
        x.by = key->by.s;
        r = sync_erase_add(s, &x);
        if (r == 0 && strcmp(owner, key->by.s) != 0) {
            x.by = owner;
            r = sync_erase_add(s, &x);
        }
    }
    return r;
}

/* ---- one bundle ---- */

int sync__erase_stub(struct sync *s, const struct stream_key *key, struct arena *a,
                     struct bundle *io_b, struct buf *line, struct buf *frame, size_t *ret_n)
{
    size_t n = (size_t)io_b->hdr.n;
    *ret_n = 0;
    if (io_b->item == NULL || s->erase->n == 0 ||
        sync__erase_part(s->erase, key->by.s, key->aud) < 0) {
        return 0;
    }
    bool *stub = arena_alloc(a, n + 1);
    struct item_ref *ref = arena_alloc(a, (n + 1) * sizeof(*ref));
    if (stub == NULL || ref == NULL) {
        return SANJI_E_NOMEM;
    }
    memcpy(ref, io_b->item, n * sizeof(*ref));
    for (size_t i = 0; i < n; i++) {
        stub[i] = !ref[i].stub && sync__erased(s, key, &ref[i]);
        if (stub[i]) {
            ref[i].stub = true;
            ref[i].text = span_of(NULL, 0);
            ++*ret_n;
        }
    }
    if (*ret_n == 0) {
        return 0;
    }
    buf_reset(line);
    buf_reset(frame);
    int r = bundle_write_stubbed(io_b, stub, line);
    if (r == 0) {
        r = frame_pack(s->fc, span_of(line->data, line->len), frame);
    }
    io_b->item = ref;
    io_b->line = span_of(line->data, line->len);
    return r;
}

int sync__erase_incoming(struct sync *s, const struct stream_key *key, struct bundle *io_b,
                         struct span *io_frame, struct buf *line, struct buf *frame)
{
    size_t n = 0;
    int r = sync__mark_meet(s, key, io_b);
    r = r < 0 ? r : sync__erase_scrub(s); /* what it has met is remembered with it */
    r = r < 0 ? r : sync__erase_stub(s, key, s->arena, io_b, line, frame, &n);
    if (r == 0 && n > 0) {
        *io_frame = span_of(frame->data, frame->len);
    }
    return r;
}

int sync__erase_proof(struct sync *s, const struct bundle *b, int64_t no,
                      const uint8_t held[static HASH_LEN])
{
    struct buf line;
    bool *stub = malloc((size_t)b->hdr.n + 1);
    if (stub == NULL) {
        return SANJI_E_NOMEM;
    }
    memset(stub, 1, (size_t)b->hdr.n + 1);
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    int r = bundle_write_stubbed(b, stub, &line);
    if (r == 0) {
        r = s->st->freeze(s->st->ctx, no, held, span_of(line.data, line.len));
    }
    buf_done(&line);
    free(stub);
    return r;
}

/* ---- stubs that wait for their act ---- */

void sync__withheld_note(struct sync *s, int64_t no, int64_t seq, int idx)
{
    struct erasing *e = s->erase;
    if (s->from != NULL && !s->witness && e->n_notes < ERASE_NOTES_MAX) {
        e->note[e->n_notes++] =
            (struct erase_note){.no = no, .seq = seq, .idx = idx, .from = s->from->id};
    }
}

void sync__withheld_drop(struct erasing *e, int64_t no, int64_t seq, int idx)
{
    for (size_t i = 0; i < e->n_notes; i++) {
        if (e->note[i].no == no && e->note[i].seq == seq && e->note[i].idx == idx) {
            e->note[i--] = e->note[--e->n_notes];
        }
    }
}

void sync__withheld_check(struct sync *s, const struct peer *p)
{
    struct erasing *e = s->erase;
    for (size_t i = 0; i < e->n_notes; i++) {
        const struct erase_note n = e->note[i];
        for (size_t k = 0; k < s->n_streams && node_id_cmp(&n.from, &p->id) == 0; k++) {
            const struct stream *st = &s->streams[k];
            if (st->row.no != n.no || (k < p->n_ps && p->ps[k].their > st->row.seq)) {
                continue;
            }
            sync__alarm(s, SANJI_E_WITHHELD, &p->id,
                        audience_is_private(st->aud.type) ? "to:" : st->row.key.aud);
            sync__withheld_drop(e, n.no, n.seq, n.idx);
            i--;
            break;
        }
    }
}
