/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_TESTS_MEM_INTERNAL_H
#define SANJI_TESTS_MEM_INTERNAL_H

#include "tests/support/mem_store.h"

/* Bytes of a store, kept until nobody made from it is left: rows only point. */
struct pool;

/* First member of every row. Rows are only appended, edited or marked dead, so that an undo log of
 * old copies is all a rollback needs. */
struct row {
    uint32_t hash;
    uint32_t next; /* index + 1 of the next row of this bucket */
    bool is_dead;
};

enum tab_id {
    TAB_STREAM,
    TAB_BUNDLE,
    TAB_FORK,
    TAB_KV,
    TAB_PARK,
    TAB_FORM,
    TAB_SPARE,
    TAB_EVENT,
    TAB_REF,
    TAB_KEY,
    TAB_LANE,
    TAB_COUNT
};

struct tab {
    size_t esize, n, cap, n_buckets;
    uint8_t *rows;
    uint32_t *bucket;
};

struct stream_r {
    struct row row;
    struct sync_stream_row s;
};
struct bundle_r {
    struct row row;
    struct sync_bundle_row b;
};
struct fork_r {
    struct row row;
    int64_t no;
    uint8_t held[HASH_LEN];
    struct span other;
};
struct kv_r {
    struct row row;
    const char *key;
    struct span value;
};
struct park_r {
    struct row row;
    int64_t no, seq;
    int idx, reason;
};
/* Newest form of a record in one (by, aud); also an event. */
struct form_r {
    struct row row;
    const char *owner, *id, *kind, *by, *aud;
    int64_t r, no, ep, seq;
    int idx;
    bool is_wd, key;
    uint8_t leaf[HASH_LEN];
    struct span d;
};
struct ref_r {
    struct row row;
    const char *init, *id, *peer, *by;
    struct ref_ev ev;
    int64_t ts, no, ep, seq;
    int idx;
    bool key;
    uint8_t leaf[HASH_LEN];
    struct span d;
};
struct key_r {
    struct row row;
    const char *init, *id;
    uint8_t cek[32];
};

struct lane_r {
    struct row row;
    const char *by, *aud;
    struct sync_tally t; /* without the digest, which is worked out when asked for */
};

struct undo {
    enum tab_id tab;
    size_t i;
    void *old; /* NULL: the row was appended */
};

struct mem_store {
    uint32_t magic;
    struct sync_store port;
    struct pool *pool;
    struct tab tab[TAB_COUNT];
    struct undo *undo;
    size_t n_undo, cap_undo;
    bool in_tx;
    int64_t calls, fail_at, fail_times, failures, jumps;
    int fail_err;
    bool has_failed, looking;
    void (*on_call)(int64_t n, void *arg);
    void *on_call_arg;
};

extern volatile bool mem__allocating; /* rows of a store are being made */
/* 0, or the injected error. */
int mem__call(void *ctx, struct mem_store **ret);
void *mem__at(const struct mem_store *m, enum tab_id t, size_t i);
/* Appends; the row's hash is set by this. */
void mem__add(struct mem_store *m, enum tab_id t, const void *row, uint32_t hash);
/* Row i, to be changed: its present content comes back on rollback. */
void *mem__edit(struct mem_store *m, enum tab_id t, size_t i);
/* Walk of the live rows with that hash: start with *i = 0, false at the end. */
bool mem__next(const struct mem_store *m, enum tab_id t, uint32_t hash, size_t *i, void **ret);
size_t mem__count(const struct mem_store *m, enum tab_id t);
void mem__clear(struct mem_store *m, enum tab_id t);
void mem__undo_all(struct mem_store *m);       /* rollback */
void mem__undo_forget(struct mem_store *m);    /* commit */
struct pool *mem__pool_new(struct pool *base); /* base: may be NULL */
void mem__pool_unref(struct pool *p);
uint32_t mem__hash2(const char *a, const char *b);
struct span mem__bytes(struct mem_store *m, struct span s);
const char *mem__text(struct mem_store *m, const char *s);

int mem__record_put(void *ctx, const struct sync_record *rec);
int mem__event_put(void *ctx, const struct sync_record *rec);
int mem__sealed_put(void *ctx, const struct sync_sealed *ev);
/* Events whose name another text holds, and which are not parked for a reason of their own. */
size_t mem__events_lost(const struct mem_store *m);
bool mem__is_parked(const struct mem_store *m, int64_t no, int64_t seq, int idx);
void mem__forget(struct mem_store *m, const char *by);
int mem__spare(void *ctx, const char *by);
int mem__unspare(void *ctx, sync_spare_fn *fn, void *arg, int64_t *ret_n);
int mem__tally(void *ctx, const char *by, const char *aud, struct sync_tally *ret);
int mem__stands(void *ctx, const struct sync_record *rec, bool *ret);
int mem__live_sha(void *ctx, const char *by, const char *aud, uint8_t ret[static HASH_LEN]);
/* An erased item leaves the views; true when a form of a record went. */
bool mem__gone(struct mem_store *m, const struct sync_record *rec);
int mem__brought(void *ctx, const struct stream_key *lane,
                 int (*fn)(const struct sync_record *rec, void *arg), void *arg);
/* Takes out what stands before it. */
void mem__below(struct mem_store *m, const char *by, const char *aud, const struct sync_tally *k);
/* 0: not parked. */
int mem__parked_as(const struct mem_store *m, int64_t no, int64_t seq, int idx);

#endif
