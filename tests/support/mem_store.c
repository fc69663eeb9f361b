/* SPDX-License-Identifier: Apache-2.0 */
/* Truth in memory: streams, bundles, small values; transactions, crashes and injected failures. */
#include "tests/support/mem_store.h"

#include "protocol/base/err.h"
#include "tests/support/mem_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { MEM_MAGIC = 0x4d454d53 };

static struct mem_store *of(void *ctx)
{
    struct mem_store *m = ctx;
    assert(m != NULL && m->magic == MEM_MAGIC);
    return m;
}

int mem__call(void *ctx, struct mem_store **ret)
{
    struct mem_store *m = of(ctx);
    *ret = m;
    if (m->looking) {
        return 0;
    }
    m->calls++;
    if (m->on_call != NULL) {
        m->on_call(m->calls, m->on_call_arg);
    }
    if (m->fail_at > 0 && --m->fail_at == 0) {
        m->fail_at = --m->fail_times > 0 ? 1 : 0;
        m->has_failed = true;
        m->failures++;
        return m->fail_err;
    }
    return 0;
}

static void undo(struct mem_store *m)
{
    mem__undo_all(m);
    m->in_tx = false;
}

static int port_begin(void *ctx)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    if (r < 0) {
        return r;
    }
    if (m->in_tx) {
        return SANJI_E_BUG;
    }
    m->in_tx = true;
    return 0;
}

static int port_commit(void *ctx)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    if (!m->in_tx) {
        return SANJI_E_BUG;
    }
    if (r < 0) {
        undo(m);
        return r;
    }
    mem__undo_forget(m);
    m->in_tx = false;
    return 0;
}

static void port_rollback(void *ctx)
{
    undo(of(ctx));
}

static struct stream_r *stream_of(struct mem_store *m, int64_t no)
{
    if (no < 1 || (uint64_t)no > m->tab[TAB_STREAM].n) {
        return NULL;
    }
    return mem__at(m, TAB_STREAM, (size_t)no - 1);
}

static int by_key(const void *a, const void *b)
{
    const struct sync_stream_row *x = a, *y = b;
    return stream_key_cmp(&x->key, &y->key);
}

static int port_streams(void *ctx, int (*fn)(const struct sync_stream_row *row, void *arg),
                        void *arg)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    size_t n = m->tab[TAB_STREAM].n;
    struct sync_stream_row *all = calloc(n + 1, sizeof *all);
    if (all == NULL) {
        return SANJI_E_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        all[i] = ((struct stream_r *)mem__at(m, TAB_STREAM, i))->s;
    }
    qsort(all, n, sizeof *all, by_key);
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = fn(&all[i], arg);
    }
    free(all);
    return r < 0 ? r : 0;
}

static int port_stream_add(void *ctx, const struct stream_key *key, int64_t *ret_no)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    for (size_t i = 0; r == 0 && i < m->tab[TAB_STREAM].n; i++) {
        if (stream_key_cmp(&((struct stream_r *)mem__at(m, TAB_STREAM, i))->s.key, key) == 0) {
            r = SANJI_E_EXISTS;
        }
    }
    if (r < 0) {
        return r;
    }
    struct stream_r x = {.s = {.no = (int64_t)m->tab[TAB_STREAM].n + 1, .key = *key}};
    mem__add(m, TAB_STREAM, &x, 0);
    *ret_no = x.s.no;
    return 0;
}

static uint32_t pos_hash(int64_t no, int64_t seq)
{
    return (uint32_t)no * 2654435761u ^ (uint32_t)seq * 40503u;
}

static struct bundle_r *bundle_at(struct mem_store *m, int64_t no, int64_t seq)
{
    size_t i = 0;
    void *p = NULL;
    while (mem__next(m, TAB_BUNDLE, pos_hash(no, seq), &i, &p)) {
        struct bundle_r *b = p;
        if (b->b.no == no && b->b.seq == seq) {
            return b;
        }
    }
    return NULL;
}

static int port_bundle_put(void *ctx, const struct sync_bundle_row *row)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    if (r < 0) {
        return r;
    }
    struct stream_r *st = stream_of(m, row->no);
    if (st == NULL) {
        return SANJI_E_NOT_FOUND;
    }
    if (row->seq <= 0 || row->seq > LIM_SEQ) {
        return SANJI_E_BUG;
    }
    if (bundle_at(m, row->no, row->seq) != NULL) {
        return SANJI_E_EXISTS;
    }
    struct bundle_r x = {.b = *row};
    x.b.frame = mem__bytes(m, row->frame);
    mem__add(m, TAB_BUNDLE, &x, pos_hash(row->no, row->seq));
    st = mem__edit(m, TAB_STREAM, (size_t)row->no - 1);
    if (row->seq > st->s.seq) {
        m->jumps += row->seq > st->s.seq + 1;
        if (st->s.seq == 0) {
            st->s.first = row->seq;
        }
        st->s.seq = row->seq;
        memcpy(st->s.id, row->id, HASH_LEN);
    }
    bool is_below = row->seq < st->s.first;
    while (is_below && st->s.first > 1 && bundle_at(m, row->no, st->s.first - 1) != NULL) {
        st->s.first--;
    }
    return 0;
}

static int port_bundle_again(void *ctx, const struct sync_bundle_row *row)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < m->tab[TAB_BUNDLE].n; i++) {
        const struct bundle_r *b = mem__at(m, TAB_BUNDLE, i);
        if (!b->row.is_dead && b->b.no == row->no && b->b.seq == row->seq) {
            ((struct row *)mem__edit(m, TAB_BUNDLE, i))->is_dead = true;
        }
    }
    struct bundle_r x = {.b = *row};
    x.b.frame = mem__bytes(m, row->frame);
    mem__add(m, TAB_BUNDLE, &x, pos_hash(row->no, row->seq));
    return 0;
}

static int port_bundle_id(void *ctx, int64_t no, int64_t seq, uint8_t ret_id[static HASH_LEN])
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    if (r < 0) {
        return r;
    }
    struct bundle_r *b = bundle_at(m, no, seq);
    if (b == NULL) {
        return SANJI_E_NOT_FOUND;
    }
    memcpy(ret_id, b->b.id, HASH_LEN);
    return 0;
}

static int port_bundles(void *ctx, int64_t no, int64_t after, size_t max_bytes,
                        int (*fn)(const struct sync_bundle_row *row, void *arg), void *arg)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    struct stream_r *st = stream_of(m, no);
    size_t given = 0;
    after = st != NULL && after < st->s.first - 1 ? st->s.first - 1 : after;
    for (int64_t seq = after < 0 ? 1 : after + 1; r == 0 && st != NULL && seq <= st->s.seq; seq++) {
        struct bundle_r *b = bundle_at(m, no, seq);
        if (b == NULL) {
            continue;
        }
        struct sync_bundle_row row = b->b;
        if (given > 0 && given + row.frame.n > max_bytes) {
            break;
        }
        given += row.frame.n;
        r = fn(&row, arg);
        if (given >= max_bytes) {
            break;
        }
        st = stream_of(m, no);
    }
    return r < 0 ? r : 0;
}

static int port_stream_cut(void *ctx, int64_t no, int64_t seq, const uint8_t id[static HASH_LEN])
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < m->tab[TAB_BUNDLE].n; i++) {
        const struct bundle_r *b = mem__at(m, TAB_BUNDLE, i);
        if (!b->row.is_dead && b->b.no == no && b->b.seq > seq) {
            ((struct row *)mem__edit(m, TAB_BUNDLE, i))->is_dead = true;
        }
    }
    struct stream_r *st = mem__edit(m, TAB_STREAM, (size_t)no - 1);
    st->s.seq = seq;
    st->s.first = st->s.first < seq ? st->s.first : seq;
    memcpy(st->s.id, id, HASH_LEN);
    return 0;
}

static int port_stream_from(void *ctx, int64_t no, int64_t from)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    if (r == 0) {
        ((struct stream_r *)mem__edit(m, TAB_STREAM, (size_t)no - 1))->s.first = from;
    }
    return r;
}

static int port_drop_below(void *ctx, int64_t no, int64_t max, int64_t *ret_n)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    *ret_n = 0;
    const struct stream_r *st = stream_of(m, no);
    for (int64_t seq = 1; r == 0 && st != NULL && seq < st->s.first && *ret_n < max; seq++) {
        for (size_t i = 0; i < m->tab[TAB_BUNDLE].n; i++) {
            const struct bundle_r *b = mem__at(m, TAB_BUNDLE, i);
            if (!b->row.is_dead && b->b.no == no && b->b.seq == seq) {
                ((struct row *)mem__edit(m, TAB_BUNDLE, i))->is_dead = true;
                ++*ret_n;
            }
        }
    }
    return r;
}

static int port_has_parked(void *ctx, int64_t no, bool *ret)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    *ret = false;
    for (size_t i = 0; r == 0 && i < m->tab[TAB_PARK].n; i++) {
        const struct park_r *x = mem__at(m, TAB_PARK, i);
        *ret = *ret || (!x->row.is_dead && x->no == no && x->reason != SANJI_E_EXISTS);
    }
    return r;
}

static int port_keyframe(void *ctx, const char *by, const char *aud, const struct sync_tally *k)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    for (size_t i = 0; r == 0 && i < m->tab[TAB_PARK].n; i++) {
        const struct park_r *x = mem__at(m, TAB_PARK, i);
        const struct stream_key *key = &stream_of(m, x->no)->s.key;
        if (!x->row.is_dead && strcmp(key->by.s, by) == 0 && strcmp(key->aud, aud) == 0 &&
            ((int64_t)key->ep < k->ep || (x->no == k->no && x->seq < k->from))) {
            ((struct row *)mem__edit(m, TAB_PARK, i))->is_dead = true;
        }
    }
    if (r == 0) {
        mem__below(m, by, aud, k);
    }
    return r;
}

static int port_forget(void *ctx, const char *by)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    for (size_t i = 0; r == 0 && i < m->tab[TAB_PARK].n; i++) {
        const struct park_r *x = mem__at(m, TAB_PARK, i);
        if (!x->row.is_dead && strcmp(stream_of(m, x->no)->s.key.by.s, by) == 0) {
            ((struct row *)mem__edit(m, TAB_PARK, i))->is_dead = true;
        }
    }
    if (r == 0) {
        mem__forget(m, by);
    }
    return r;
}

static int port_unpark(void *ctx, int reason, int (*fn)(int64_t no, int64_t seq, void *arg),
                       void *arg)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    size_t n = m->tab[TAB_PARK].n;
    bool *taken = calloc(n + 1, sizeof *taken);
    if (taken == NULL) {
        return SANJI_E_NOMEM;
    }
    for (size_t i = 0; r == 0 && i < n; i++) {
        const struct park_r *x = mem__at(m, TAB_PARK, i);
        taken[i] = !x->row.is_dead && x->reason == reason;
        if (taken[i]) {
            ((struct row *)mem__edit(m, TAB_PARK, i))->is_dead = true;
        }
    }
    for (size_t i = 0; r == 0 && i < n; i++) {
        const struct park_r *x = mem__at(m, TAB_PARK, i);
        r = taken[i] ? fn(x->no, x->seq, arg) : 0;
    }
    free(taken);
    return r < 0 ? r : 0;
}

static int port_unpark_sealed(void *ctx, const char *owner, const char *id,
                              int (*fn)(int64_t no, int64_t seq, void *arg), void *arg)
{
    (void)owner;
    (void)id; /* every one that does not open is looked at again */
    return port_unpark(ctx, SANJI_E_OPEN, fn, arg);
}

static int port_sealed_key(void *ctx, const char *initiator, const char *id, uint8_t ret[static 32])
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    return r < 0 ? r : mem_store_cek(m, initiator, id, ret);
}

static int port_bundle_restub(void *ctx, int64_t no, int64_t seq, struct span frame,
                              int64_t raw_bytes)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    size_t i = 0;
    void *p = NULL;
    while (r == 0 && mem__next(m, TAB_BUNDLE, pos_hash(no, seq), &i, &p)) {
        if (((struct bundle_r *)p)->b.no == no && ((struct bundle_r *)p)->b.seq == seq) {
            struct bundle_r *b = mem__edit(m, TAB_BUNDLE, i - 1);
            b->b.frame = mem__bytes(m, frame);
            b->b.raw_bytes = raw_bytes;
            return 0;
        }
    }
    return r < 0 ? r : SANJI_E_NOT_FOUND;
}

static int port_erase(void *ctx, const struct sync_record *rec, bool *ret_bared)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    size_t i = 0;
    void *p = NULL;
    *ret_bared = false;
    while (r == 0 && mem__next(m, TAB_PARK, pos_hash(rec->no, rec->seq), &i, &p)) {
        const struct park_r *x = p;
        if (x->no == rec->no && x->seq == rec->seq && x->idx == rec->idx) {
            ((struct row *)mem__edit(m, TAB_PARK, i - 1))->is_dead = true;
        }
    }
    if (r == 0 && rec->item != NULL) {
        *ret_bared = mem__gone(m, rec);
    }
    return r;
}

static int port_freeze(void *ctx, int64_t no, const uint8_t held[static HASH_LEN],
                       struct span other_line)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    if (r < 0) {
        return r;
    }
    if (stream_of(m, no) == NULL) {
        return SANJI_E_REFERENCE;
    }
    ((struct stream_r *)mem__edit(m, TAB_STREAM, (size_t)no - 1))->s.frozen = true;
    size_t i = 0;
    void *p = NULL;
    while (mem__next(m, TAB_FORK, (uint32_t)no, &i, &p)) {
        if (memcmp(((struct fork_r *)p)->held, held, HASH_LEN) == 0) {
            return 0;
        }
    }
    struct fork_r x = {.no = no, .other = mem__bytes(m, other_line)};
    memcpy(x.held, held, HASH_LEN);
    mem__add(m, TAB_FORK, &x, (uint32_t)no);
    return 0;
}

static int port_thaw(void *ctx, int64_t no)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    if (r < 0) {
        return r;
    }
    if (stream_of(m, no) == NULL) {
        return SANJI_E_REFERENCE;
    }
    ((struct stream_r *)mem__edit(m, TAB_STREAM, (size_t)no - 1))->s.frozen = false;
    return 0;
}

static struct kv_r *kv_at(struct mem_store *m, const char *key, size_t *ret_i)
{
    void *p = NULL;
    *ret_i = 0;
    while (mem__next(m, TAB_KV, mem__hash2(key, ""), ret_i, &p)) {
        if (strcmp(((struct kv_r *)p)->key, key) == 0) {
            return p;
        }
    }
    return NULL;
}

static int port_kv_get(void *ctx, const char *key, struct buf *ret)
{
    struct mem_store *m;
    size_t i;
    int r = mem__call(ctx, &m);
    if (r < 0) {
        return r;
    }
    struct kv_r *kv = kv_at(m, key, &i);
    if (kv == NULL) {
        return SANJI_E_NOT_FOUND;
    }
    return kv->value.n == 0 ? 0 : buf_put(ret, kv->value.p, kv->value.n);
}

static int port_kv_put(void *ctx, const char *key, struct span value)
{
    struct mem_store *m;
    size_t i;
    int r = mem__call(ctx, &m);
    if (r < 0) {
        return r;
    }
    if (key[0] == '\0' || strlen(key) > 200) {
        return SANJI_E_SPEC;
    }
    struct span copy = mem__bytes(m, value);
    if (kv_at(m, key, &i) != NULL) {
        ((struct kv_r *)mem__edit(m, TAB_KV, i - 1))->value = copy;
    } else {
        struct kv_r x = {.key = mem__text(m, key), .value = copy};
        mem__add(m, TAB_KV, &x, mem__hash2(key, ""));
    }
    return 0;
}

static int port_kv_del(void *ctx, const char *key)
{
    struct mem_store *m;
    size_t i;
    int r = mem__call(ctx, &m);
    if (r == 0 && kv_at(m, key, &i) != NULL) {
        ((struct row *)mem__edit(m, TAB_KV, i - 1))->is_dead = true;
    }
    return r;
}

static int kv_cmp(const void *a, const void *b)
{
    return strcmp(((const struct kv_r *)a)->key, ((const struct kv_r *)b)->key);
}

static int port_kv_each(void *ctx, const char *prefix,
                        int (*fn)(const char *key, struct span value, void *arg), void *arg)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    size_t n = 0, all = m->tab[TAB_KV].n;
    struct kv_r *hit = calloc(all + 1, sizeof *hit);
    if (hit == NULL) {
        return SANJI_E_NOMEM;
    }
    for (size_t i = 0; i < all; i++) {
        struct kv_r *kv = mem__at(m, TAB_KV, i);
        if (!kv->row.is_dead && strncmp(kv->key, prefix, strlen(prefix)) == 0) {
            hit[n++] = *kv;
        }
    }
    qsort(hit, n, sizeof *hit, kv_cmp);
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = fn(hit[i].key, hit[i].value, arg);
    }
    free(hit);
    return r < 0 ? r : 0;
}

int mem__parked_as(const struct mem_store *m, int64_t no, int64_t seq, int idx)
{
    size_t i = 0;
    void *p = NULL;
    while (mem__next(m, TAB_PARK, pos_hash(no, seq), &i, &p)) {
        const struct park_r *x = p;
        if (x->no == no && x->seq == seq && x->idx == idx) {
            return x->reason;
        }
    }
    return 0;
}

bool mem__is_parked(const struct mem_store *m, int64_t no, int64_t seq, int idx)
{
    return mem__parked_as(m, no, seq, idx) != 0;
}

static int port_park(void *ctx, int64_t no, int64_t seq, int idx, int reason, const char *member)
{
    struct mem_store *m;
    int r = mem__call(ctx, &m);
    (void)member;
    if (r < 0) {
        return r;
    }
    size_t i = 0;
    void *p = NULL;
    while (mem__next(m, TAB_PARK, pos_hash(no, seq), &i, &p)) {
        struct park_r *x = p;
        if (x->no == no && x->seq == seq && x->idx == idx) {
            ((struct park_r *)mem__edit(m, TAB_PARK, i - 1))->reason = reason;
            return 0;
        }
    }
    struct park_r x = {.no = no, .seq = seq, .idx = idx, .reason = reason};
    mem__add(m, TAB_PARK, &x, pos_hash(no, seq));
    return 0;
}

static int port_bundle_applied(void *ctx, int64_t no, int64_t seq)
{
    struct mem_store *m;
    (void)no;
    (void)seq;
    return mem__call(ctx, &m);
}

static int port_roster_changed(void *ctx)
{
    struct mem_store *m;
    return mem__call(ctx, &m);
}

struct mem_store *mem_store_new(void)
{
    /* clang-format off */
    static const size_t esize[TAB_COUNT] = {
        [TAB_STREAM] = sizeof(struct stream_r), [TAB_BUNDLE] = sizeof(struct bundle_r),
        [TAB_FORK] = sizeof(struct fork_r),     [TAB_KV] = sizeof(struct kv_r),
        [TAB_PARK] = sizeof(struct park_r),     [TAB_FORM] = sizeof(struct form_r),
        [TAB_EVENT] = sizeof(struct form_r),    [TAB_REF] = sizeof(struct ref_r),
        [TAB_KEY] = sizeof(struct key_r),       [TAB_LANE] = sizeof(struct lane_r),
        [TAB_SPARE] = sizeof(struct form_r),
    };
    /* clang-format on */
    struct mem_store *m = calloc(1, sizeof *m);
    if (m == NULL) {
        abort();
    }
    m->magic = MEM_MAGIC;
    m->pool = mem__pool_new(NULL);
    for (size_t i = 0; i < TAB_COUNT; i++) {
        m->tab[i].esize = esize[i];
    }
    m->port = (struct sync_store){
        .ctx = m,
        .begin = port_begin,
        .commit = port_commit,
        .rollback = port_rollback,
        .streams = port_streams,
        .stream_add = port_stream_add,
        .bundle_put = port_bundle_put,
        .bundle_again = port_bundle_again,
        .bundle_id = port_bundle_id,
        .bundles = port_bundles,
        .stream_cut = port_stream_cut,
        .stream_from = port_stream_from,
        .drop_below = port_drop_below,
        .bundle_restub = port_bundle_restub,
        .freeze = port_freeze,
        .thaw = port_thaw,
        .kv_get = port_kv_get,
        .kv_put = port_kv_put,
        .kv_del = port_kv_del,
        .kv_each = port_kv_each,
        .record_put = mem__record_put,
        .event_put = mem__event_put,
        .sealed_put = mem__sealed_put,
        .park = port_park,
        .spare = mem__spare,
        .forget = port_forget,
        .unspare = mem__unspare,
        .unpark = port_unpark,
        .unpark_sealed = port_unpark_sealed,
        .sealed_key = port_sealed_key,
        .erase = port_erase,
        .brought = mem__brought,
        .bundle_applied = port_bundle_applied,
        .roster_changed = port_roster_changed,
        .tally = mem__tally,
        .stands = mem__stands,
        .live_sha = mem__live_sha,
        .has_parked = port_has_parked,
        .keyframe = port_keyframe,
    };
    return m;
}

static void drop_tables(struct mem_store *m)
{
    mem__undo_forget(m);
    for (size_t i = 0; i < TAB_COUNT; i++) {
        struct tab *t = &m->tab[i];
        free(t->rows);
        free(t->bucket);
        *t = (struct tab){.esize = t->esize};
    }
}

void mem_store_free(struct mem_store *m)
{
    if (m == NULL) {
        return;
    }
    drop_tables(m);
    free(m->undo);
    mem__pool_unref(m->pool);
    m->magic = 0;
    free(m);
}

const struct sync_store *mem_store_port(struct mem_store *m)
{
    return &m->port;
}

void mem_store_crash(struct mem_store *m)
{
    undo(m);
}

void mem_store_restore(struct mem_store *m, const struct mem_store *snap)
{
    assert(!m->in_tx && !snap->in_tx);
    struct pool *p = mem__pool_new(snap->pool); /* what it writes from now on is its own */
    drop_tables(m);
    mem__pool_unref(m->pool);
    m->pool = p;
    for (size_t t = 0; t < TAB_COUNT; t++) {
        for (size_t i = 0; i < snap->tab[t].n; i++) {
            const struct row *r = mem__at(snap, (enum tab_id)t, i);
            mem__add(m, (enum tab_id)t, r, r->hash);
        }
    }
}

struct mem_store *mem_store_snapshot(const struct mem_store *m)
{
    struct mem_store *s = mem_store_new();
    mem_store_restore(s, m);
    return s;
}

void mem_store_fail_run(struct mem_store *m, int64_t n, int64_t times, int err)
{
    m->fail_at = n;
    m->fail_times = times;
    m->fail_err = err;
    m->has_failed = false;
}

void mem_store_fail_at(struct mem_store *m, int64_t n, int err)
{
    mem_store_fail_run(m, n, 1, err);
}

int64_t mem_store_failures(const struct mem_store *m)
{
    return m->failures;
}

void mem_store_look(struct mem_store *m, bool on)
{
    m->looking = on;
}

void mem_store_on_call(struct mem_store *m, void (*fn)(int64_t n, void *arg), void *arg)
{
    m->on_call = fn;
    m->on_call_arg = arg;
}

bool mem_store_failed(const struct mem_store *m)
{
    return m->has_failed;
}

int64_t mem_store_compacted(const struct mem_store *m)
{
    int64_t n = 0;
    for (size_t i = 0; i < m->tab[TAB_STREAM].n; i++) {
        n += ((struct stream_r *)mem__at(m, TAB_STREAM, i))->s.first > 1;
    }
    return n;
}

int64_t mem_store_jumps(const struct mem_store *m)
{
    return m->jumps;
}

int64_t mem_store_calls(const struct mem_store *m)
{
    return m->calls;
}

void mem_store_drop_views(struct mem_store *m)
{
    static const enum tab_id views[] = {TAB_FORM, TAB_EVENT, TAB_REF, TAB_PARK};
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        mem__clear(m, views[i]);
    }
}

size_t mem_store_bundles(const struct mem_store *m)
{
    return mem__count(m, TAB_BUNDLE);
}

size_t mem_store_parked(const struct mem_store *m)
{
    return mem__count(m, TAB_PARK) + mem__events_lost(m);
}

int64_t mem_store_head(const struct mem_store *m, const struct stream_key *key)
{
    for (size_t i = 0; i < m->tab[TAB_STREAM].n; i++) {
        const struct sync_stream_row *s = &((const struct stream_r *)mem__at(m, TAB_STREAM, i))->s;
        if (stream_key_cmp(&s->key, key) == 0) {
            return s->seq;
        }
    }
    return 0;
}

size_t mem_store_forks(const struct mem_store *m)
{
    return mem__count(m, TAB_FORK);
}
