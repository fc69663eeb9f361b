/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_STORE_STORE_H
#define SANJI_NODE_STORE_STORE_H

#include "protocol/flow_referral.h"
#include "protocol/stats.h"
#include "sync/port.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A node's database: DIR/sanji.db (bundles, views, staff) and DIR/keys.db (content keys, never in a
 * backup). One `struct store` is one connection and belongs to one thread. Exactly one of a data
 * folder may be a writer; other threads and processes open readers. Functions return 0 or a
 * negative SANJI_E_*; callbacks as in sync/port.h (> 0 ends the walk, < 0 ends it with that error).
 */
struct store;
struct frame_ctx;

enum store_mode {
    STORE_WRITE,
    STORE_READ,
    STORE_SCRATCH, /* private temporary database: comparing views, tests; `dir` is not used */
};
/* Expected: SANJI_E_SCHEMA_NEWER, SANJI_E_STATE (a reader of a database that must be opened for
 * writing once), SANJI_E_CORRUPT (not ours, or damaged), SANJI_E_NOT_FOUND (reader, no database).
 */
int store_open(const char *dir, enum store_mode mode, struct store **ret);
void store_close(struct store *s);
/* The engine's port (sync/port.h); valid as long as the store. */
const struct sync_store *store_port(struct store *s);

int store_begin_at(struct store *s, const char *file, int line);
#define store_begin(s) store_begin_at((s), __FILE__, __LINE__)
int store_commit(struct store *s);
void store_rollback(struct store *s);
bool store_in_tx(const struct store *s);
/* Where the open transaction began, for the assertion that none is left open. */
const char *store_tx_where(const struct store *s, int *ret_line);
bool store_is_broken(const struct store *s); /* a write to disk failed: stop the process */
const char *store_error_text(const struct store *s);

/* ---- views as a whole ---- */
/* True when the views do not match the bundles (new version of the views, interrupted rebuild): the
 * caller runs store_views_recreate, applies every bundle, then store_views_done. */
bool store_views_stale(struct store *s);
int store_views_recreate(struct store *s); /* inside a transaction or not; marks them stale */
int store_views_done(struct store *s);
/* SHA-256 over all views in canonical order, without arrival times and row numbers. */
int store_views_digest(struct store *s, uint8_t ret[static HASH_LEN]);
/* Names what differs between a store and another that took and applied the same bundles anew. Tells
 * "missing" (bundle gone), "stored" and "stream" (a column of a bundle's or stream's row),
 * "parked", and of view rows "altered" (member: the column), "absent", "extra". Told are the first
 * `limit` of streams, of parked items and of view rows; *ret_n counts all. */
struct store_compare {
    void (*differs)(const char *what, const char *where, int err, const char *member,
                    void *arg); /* may be NULL */
    void *arg;
    int64_t limit;
    /* Is the bundle at this place known to be damaged or gone? NULL: none is. */
    bool (*damaged)(int64_t no, int64_t seq, void *arg);
    void *damaged_arg;
};
int store_compare(struct store *held, struct store *again, const struct store_compare *with,
                  int64_t *ret_n);
/* Tells "page" (what SQLite's own check says of a file, tree or index), and what no bundle shows
 * again: "altered" clocks and counters, and words of the search index. again: a scratch store, its
 * search index is used up. */
int store_integrity(struct store *s, struct store *again, const struct store_compare *with,
                    int64_t *ret_n);
/* The same of the pages alone, of a database that does not open. */
int store_damage(const char *dir, const struct store_compare *with, int64_t *ret_n);
/* A scratch store holding the same streams and bundles and empty views: apply them again and
 * compare digests to find damage in the views. */
int store_shadow(struct store *s, struct store **ret);
/* Copies the main database (never the keys) into a new file. */
int store_backup(struct store *s, const char *path);

/* ---- records ---- */
struct store_rec {
    int64_t n; /* row number; paging */
    const char *owner, *id, *kind, *by, *aud;
    int64_t major, r;
    bool withdrawn;
    const char *title, *state, *area, *since;
    struct span d; /* exact bytes, empty when withdrawn */
    const uint8_t *leaf;
    int64_t ts, got;
    int64_t ep, no, seq, idx; /* where it stands */
    bool visible;             /* false: superseded, shown only by store_explain */
};
typedef int (*store_rec_fn)(const struct store_rec *rec, void *arg);

struct store_filter {
    const char *kind;  /* name without major; NULL: all */
    const char *owner; /* NULL: all */
    const char *area;  /* prefix; NULL: all */
    const char *state; /* NULL: all; the first one of a kind: those too that do not say theirs */
    const char *text;  /* words that must all occur in title or search text; NULL: no search */
    int64_t limit;     /* 0: 50 */
    int64_t offset;
    int64_t before_ts,
        before_n;   /* keyset paging: only rows older than this pair; 0: from the start */
    int64_t now_ms; /* 0: strictly by time. Else records dated more than a day after it come last:
                       they were made while this machine's clock was ahead */
};
/* The state of one record. owner NULL: any owner (SANJI_E_CONFLICT when several have that id); kind
 * NULL: any. Withdrawn records are found, with withdrawn set. SANJI_E_NOT_FOUND. */
int store_record_get(struct store *s, const char *owner, const char *kind, const char *id,
                     store_rec_fn fn, void *arg);
/* Visible records, newest first (writer's clock, or receipt where that cannot be; without a kind by
 * arrival). Withdrawn ones left
 * out. */
/* Forms that stand in one bundle, withdrawn and superseded ones, too. */
int store_record_at(struct store *s, const struct stream_key *key, int64_t seq, store_rec_fn fn,
                    void *arg);
int store_record_list(struct store *s, const struct store_filter *f, store_rec_fn fn, void *arg);
/* Ignores limit, offset and before. */
int store_record_count(struct store *s, const struct store_filter *f, int64_t *ret);
/* Number of the row of a kind that changed last; 0: none. */
int store_kind_last(struct store *s, const char *kind, int64_t *ret);
int store_kind_counts(struct store *s, int (*fn)(const char *kind, int64_t n, void *arg),
                      void *arg);
/* Every form held of an id, superseded ones included: why a record looks as it does. */
int store_explain(struct store *s, const char *owner, const char *id, store_rec_fn fn, void *arg);

struct store_event {
    const char *owner, *id, *kind, *by, *aud;
    int64_t major, r, ts, got, ep, no, seq, idx;
    struct span d;
    const uint8_t *leaf;
};
typedef int (*store_event_fn)(const struct store_event *ev, void *arg);
/* kind, owner, id NULL: all. By (owner, kind, id, r). */
int store_event_list(struct store *s, const char *kind, const char *owner, const char *id,
                     store_event_fn fn, void *arg);
/* Sealed items this node is a party of and cannot open. */
int store_sealed_closed(struct store *s, store_event_fn fn, void *arg);
/* All visible records sorted by (owner, kind, id): what export-state prints. */
int store_export(struct store *s, store_rec_fn fn, void *arg);

/* ---- search ---- */
/* Indexes up to max records the index has not seen, in a transaction of its own unless one is open.
 * ret_left (may be NULL): how many are left, counted up to 1000. store_record_list with text also
 * finds what is not indexed yet; call this when idle. */
int store_search_flush(struct store *s, int64_t max, int64_t *ret_left);

/* Do all words of a question occur in this text, as store_record_list() compares them? */
int store_text_has(const char *words, struct span text, bool *ret);

/* ---- bundles ---- */
typedef int (*store_bundle_fn)(const struct sync_stream_row *st, const struct sync_bundle_row *row,
                               void *arg);
/* Ascending; no 0: every stream, trust streams first. */
int store_bundle_walk(struct store *s, int64_t no, store_bundle_fn fn, void *arg);
int store_bundle_get(struct store *s, int64_t no, int64_t seq, store_bundle_fn fn, void *arg);
/* Gives some empty pages of the file back, outside a transaction; ret_left: how many more may. */
int store_shrink(struct store *s, int64_t *ret_left);
/* After an erasure: writes both files anew, so that no page keeps what was erased, and begins the
 * search index again. Outside a transaction; takes as long as copying the database. SANJI_E_BUSY: a
 * reader is at work, again later. */
int store_clean(struct store *s);
/* Writes again what stands beside a bundle, or a stream's row, from what its bundles say. */
int store_bundle_facts(struct store *s, const struct sync_bundle_row *row);
int store_stream_fix(struct store *s, const struct sync_stream_row *row);
/* Indexes made again, sums beside clocks of receipt too; outside a transaction. */
int store_settle(struct store *s);
int store_stream_get(struct store *s, int64_t no, struct sync_stream_row *ret);
struct store_totals {
    int64_t streams, bundles, items, raw_bytes, frame_bytes, records, parked;
};
int store_totals(struct store *s, struct store_totals *ret);

struct store_parked {
    int64_t no, seq;
    int idx, reason;
    const char *member;
    bool discarded;
};
int store_parked_list(struct store *s, int (*fn)(const struct store_parked *p, void *arg),
                      void *arg);
int store_parked_discard(struct store *s, int64_t no, int64_t seq, int idx);
/* Before applying the bundle again. */
int store_parked_drop(struct store *s, int64_t no, int64_t seq);
int store_fork_list(struct store *s,
                    int (*fn)(int64_t no, const uint8_t *held, struct span other, void *arg),
                    void *arg);

/* ---- referrals ---- */
struct store_thread {
    int64_t n;
    const char *init, *id; /* its name: the node that began it, and that node's id for it */
    const char *peer;      /* the other party; equal to init when this node received it */
    struct ref_fold fold;
    int64_t events, opened, changed, since;
};
struct store_thread_event {
    enum ref_party who;
    enum ref_event ev;
    int64_t step, seen, ts, got, no, seq, idx;
    const char *by, *day;
    struct span d;
    const uint8_t *leaf;
};
typedef int (*store_thread_fn)(const struct store_thread *t, void *arg);
/* ---- what statistics count (PROTOCOL.md section 19) ---- */
/* Whose own records are counted; before anything is applied. */
int store_self(struct store *s, const char *node);
struct store_stat_count { /* what one month, counterpart (empty: none) and stream come to */
    enum stat_ind ind;
    int month; /* stat_month() */
    struct node_id with;
    int64_t no, n;
    uint8_t sum[HASH_LEN];
};
/* Kept up to date with every item; ordered by indicator, month, counterpart. */
int store_stat_counts(struct store *s, int (*fn)(const struct store_stat_count *c, void *arg),
                      void *arg);
/* Counted anew from the events of a thread: the facts of one event at a time, and its stream. */
typedef int (*store_stat_fact_fn)(const struct stat_fact *f, size_t n, int64_t no, void *arg);
int store_thread_facts(struct store *s, const struct store_thread *th, store_stat_fact_fn fn,
                       void *arg);

typedef int (*store_thread_event_fn)(const struct store_thread_event *ev, void *arg);
/* Newest change first. limit 0: all. */
int store_thread_list(struct store *s, int64_t limit, int64_t offset, store_thread_fn fn,
                      void *arg);
/* Those that were not changed after that, likewise. */
int store_thread_older(struct store *s, int64_t changed, store_thread_fn fn, void *arg);
int store_thread_get(struct store *s, const char *init, const char *id, store_thread_fn fn,
                     void *arg);
/* Those in which somebody else than `than` has written such an event. */
int store_thread_having(struct store *s, enum ref_event ev, const char *than, store_thread_fn fn,
                        void *arg);
/* All threads with that id (normally one). */
int store_thread_by_id(struct store *s, const char *id, store_thread_fn fn, void *arg);
int store_thread_events(struct store *s, int64_t n, store_thread_event_fn fn, void *arg);
int store_thread_key_put(struct store *s, const char *init, const char *id,
                         const uint8_t cek[static 32]);
int store_thread_key_get(struct store *s, const char *init, const char *id, uint8_t ret[static 32]);
/* Gives `to` every content key of `from`: what opens is a matter of them, too. */
int store_thread_keys_copy(struct store *from, struct store *to);
/* Erasure: without the key the sealed copies everywhere are noise to this node. */
int store_thread_key_del(struct store *s, const char *init, const char *id);

#endif
