/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_STORE_INTERNAL_H
#define SANJI_NODE_STORE_INTERNAL_H

#include "node/store/db.h"
#include "node/store/stmt.h"
#include "node/store/store.h"

enum { STORE_MAGIC = 0x53544f52, SEQ_BITS = 32 };

/* The lane (by, aud) last touched: a bundle touches one, so its digest is written once a bundle. */
struct lane {
    int64_t no; /* 0: none */
    char by[LIM_NODE_ID + 2];
    char aud[LIM_AUD_BYTES + 1];
    struct sync_tally t;
    bool is_steward; /* holds items written for other nodes */
    bool is_dirty;
};

enum { SLOT_TITLE, SLOT_STATE, SLOT_AREA, SLOT_SINCE, SLOT_COUNT };
struct field_slots {
    const struct kind *kind; /* the one last used */
    const struct kind_field *field[SLOT_COUNT];
    size_t name_n[SLOT_COUNT];
};

enum { COUNT_ROWS = 32, COUNT_CELL_BYTES = 56 };
struct count_row {
    enum stat_ind ind;
    int month;
    int64_t no, n;
    struct node_id with;
    uint8_t sum[HASH_LEN];
};
struct counts {
    struct node_id self; /* empty: nothing is counted */
    size_t used;
    struct count_row row[COUNT_ROWS]; /* what the table does not hold yet, to be added to it */
};

struct store {
    uint32_t magic;
    enum store_mode mode;
    struct db db, keys; /* keys.h NULL: a reader of a folder without keys */
    struct sync_store port;
    struct lane lane;
    int64_t next_n; /* next row number of record: never reused, search rows may outlive a record */
    struct field_slots slots;
    struct counts counts;
    struct buf text[SLOT_COUNT]; /* reused for every record */
};

static inline int64_t store__pos(int64_t no, int64_t seq)
{
    return (no << SEQ_BITS) | seq;
}
static inline int64_t store__pos_no(int64_t pos)
{
    return pos >> SEQ_BITS;
}
static inline int64_t store__pos_seq(int64_t pos)
{
    return pos & (((int64_t)1 << SEQ_BITS) - 1);
}

int store__meta_get(struct store *s, const char *key, int64_t *ret); /* absent: 0 */
int store__meta_put(struct store *s, const char *key, int64_t value);
int store__load_counters(struct store *s);

/* view.c */
int store__record_put(void *ctx, const struct sync_record *rec);
/* Makes (by, aud) the lane at hand. */
int store__lane_use(struct store *s, const char *by, const char *aud);
/* "listing/1" -> name and major; the item has passed the grammar. */
struct span store__kind_split(const char *k, int64_t *ret_major);
int store__lane_find(struct store *s, const char *by, const char *aud, struct lane *ret);
void store__lane_count(struct store *s, const struct sync_record *rec);
/* Shows the best form of a name whose state was taken away. */
int store__record_settle(struct store *s, const char *owner, const char *id);
/* What is kept back until the end of a transaction: the lane's digest, the counts. */
int store__lane_flush(struct store *s);
void store__lane_forget(struct store *s);
/* stat_count.c; sign 1 after an item has come to count, -1 before it ceases to */
int store__count_item(struct store *s, const struct sync_record *rec);
int store__count_row(struct store *s, const char *owner, int64_t n, int sign); /* of record */
int store__count_thread(struct store *s, int64_t thread, int sign);
int store__count_records(struct store *s); /* all own records anew */
int store__count_flush(struct store *s);
void store__count_forget(struct store *s);
/* blob.c: each entry of an item's `bl`; empty: none. */
int store__blob_each(struct store *s, struct span bl,
                     int (*fn)(struct store *s, const char *sha, int64_t len, void *arg),
                     void *arg);
/* event.c */
int store__event_put(void *ctx, const struct sync_record *rec);
/* Settles who holds each name that several texts claim. */
int store__events_settle(struct store *s);
int store__event_settle(struct store *s, const char *owner, const char *id, int64_t r);
/* compact.c */
int store__tally(void *ctx, const char *by, const char *aud, struct sync_tally *ret);
int store__stands(void *ctx, const struct sync_record *rec, bool *ret);
int store__live_sha(void *ctx, const char *by, const char *aud, uint8_t ret[static HASH_LEN]);
int store__has_parked(void *ctx, int64_t no, bool *ret);
int store__keyframe(void *ctx, const char *by, const char *aud, const struct sync_tally *k);
int store__stream_from(void *ctx, int64_t no, int64_t from);
int store__drop_below(void *ctx, int64_t no, int64_t max, int64_t *ret_n);
/* erase.c */
int store__erase(void *ctx, const struct sync_record *rec, bool *ret_bared);
int store__brought(void *ctx, const struct stream_key *lane,
                   int (*fn)(const struct sync_record *rec, void *arg), void *arg);
int store__bundle_restub(void *ctx, int64_t no, int64_t seq, struct span frame, int64_t raw_bytes);
/* spare.c */
int store__spare_before(struct db *db); /* in a transaction, before views are made */
int store__spare(void *ctx, const char *by);
int store__unspare(void *ctx, sync_spare_fn *fn, void *arg, int64_t *ret_n);
/* forget.c */
int store__forget(void *ctx, const char *by);
int store__unpark_sealed(void *ctx, const char *owner, const char *id,
                         int (*fn)(int64_t no, int64_t seq, void *arg), void *arg);
int store__unpark(void *ctx, int reason, int (*fn)(int64_t no, int64_t seq, void *arg), void *arg);
/* referral.c */
/* An outcome counts as success unless its content says "not". */
bool store__is_success(enum ref_event ev, struct span d);
/* Works the state of a thread out again; without events it is gone. What it counted for is taken
 * away (store__count_thread) before its events are. */
int store__thread_settle(struct store *s, int64_t thread);
int store__sealed_put(void *ctx, const struct sync_sealed *ev);
/* sync_port.c */
void store__port_init(struct store *s);
void store__stream_read(struct q *q, struct sync_stream_row *ret);
void store__stream_bind(struct q *q, const struct sync_stream_row *row); /* the same columns */
/* read.c: columns in the order of REC_COLS */
void store__rec_read(struct q *q, struct store_rec *ret);
/* The state that counts like the one asked for: a record that does not say its state ("") is in the
 * first one of its kind. NULL: none. */
const char *store__or_state(const struct store_filter *f);
/* search.c */
int store__search(struct store *s, const struct store_filter *f, store_rec_fn fn, void *arg);
/* Fills the index of `into` with what that of s has seen and still counts, by s's row numbers. */
int store__search_again(struct store *s, struct store *into, int (*fn)(int64_t n, void *arg),
                        void *arg);

#endif
