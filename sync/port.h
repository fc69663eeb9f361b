/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_SYNC_PORT_H
#define SANJI_SYNC_PORT_H

#include "protocol/bundle.h"
#include "protocol/flow_referral.h"
#include "protocol/ids.h"
#include "protocol/kinds/kind.h"

/* What the engine needs from outside: a store. Time and random bytes come with every step,
 * transport is what the caller does with the engine's wishes (sync.h). node/store implements this
 * on SQLite, tests/support/mem_store.c in memory; tests/support/store_suite.c is run against both.
 *
 * Every function returns 0 or a negative SANJI_E_*. Pointers handed to callbacks are valid during
 * the call. A callback returning > 0 stops the walk without error, < 0 stops it with that error. */

struct sync_stream_row {
    int64_t no; /* the store's number of the stream, > 0, never reused */
    struct stream_key key;
    int64_t seq;          /* head; 0: nothing yet */
    uint8_t id[HASH_LEN]; /* id of the head */
    int64_t first;        /* lowest seq that counts: what stands below is being deleted */
    bool frozen;          /* equivocation seen */
    int64_t skipped;      /* the engine's: bundles left out for a keyframe that is not whole yet */
};

/* 2025-01-01: earlier than anything this program can have signed. */
#define SYNC_TS_EARLIEST INT64_C(1735689600000)

struct sync_bundle_row {
    int64_t no, seq;
    uint8_t id[HASH_LEN];
    struct span frame; /* zstd frame as received or written */
    int64_t ts;        /* writer's clock */
    int64_t got;       /* receipt: this node's clock */
    int64_t items, raw_bytes;
    int type; /* enum bundle_type */
};

/* What one (by, aud) says, over all its epochs (PROTOCOL.md 15.2 and 15.3). */
struct sync_tally {
    struct live_digest live;
    int64_t items; /* taken since the newest keyframe, the live ones included */
    /* That keyframe: its run is `from` to `to` of stream `no`, epoch `ep`; 0: none. Whatever stands
     * before it in the lane is not in the views. */
    int64_t ep, no, from, to;
};

/* One item that passed every check, to be projected into the views. */
struct sync_record {
    int64_t no, seq;
    int idx;
    bool key; /* said again by a keyframe: this place goes before any that is not */
    const struct stream_key *stream;
    enum aud_type aud;
    const char *owner; /* by, or for */
    const struct item *item;
    const struct kind *kind;
    const uint8_t *leaf;
    int64_t ts, got; /* ts: what is shown as its time, never after got */
};

/* One referral event this node could open. */
struct sync_sealed {
    int64_t no, ep, seq;
    int idx;
    bool key;              /* as in sync_record */
    const char *by, *id;   /* writer, thread */
    const char *initiator; /* a thread is named by (initiator, id): nobody can enter another's */
    int64_t step, seen;
    const char *peer;   /* the other party, seen from here */
    enum ref_party who; /* which party wrote it; I is the writer of `send` */
    enum ref_event ev;
    struct span d;  /* opened content, gated JSON object */
    const char *on; /* business date YYYY-MM-DD */
    const uint8_t *leaf;
    const uint8_t *cek; /* 32 bytes: the thread's content key */
    int64_t ts, got;
};

typedef int sync_spare_fn(int64_t no, int64_t seq, const uint8_t *leaf, void *arg);

struct sync_store {
    void *ctx;
    int (*begin)(void *ctx);
    int (*commit)(void *ctx); /* durable when it returns 0; after an error nothing of it holds */
    void (*rollback)(void *ctx);

    /* --- truth --- */
    int (*streams)(void *ctx, int (*fn)(const struct sync_stream_row *row, void *arg), void *arg);
    int (*stream_add)(void *ctx, const struct stream_key *key, int64_t *ret_no);
    /* Inserts at head+1 (or anywhere, for a keyframe start) and moves the head. The first bundle of
     * all is where the stream begins to count. */
    int (*bundle_put)(void *ctx, const struct sync_bundle_row *row);
    /* In the place of one that is damaged or gone, at or below the head, which does not move. */
    int (*bundle_again)(void *ctx, const struct sync_bundle_row *row);
    int (*bundle_id)(void *ctx, int64_t no, int64_t seq, uint8_t ret_id[static HASH_LEN]);
    /* Ascending from seq > after, until about max_bytes of frames (at least one); never below
     * `first`. */
    int (*bundles)(void *ctx, int64_t no, int64_t after, size_t max_bytes,
                   int (*fn)(const struct sync_bundle_row *row, void *arg), void *arg);
    /* Drops the bundles above seq; the head is (seq, id) then. */
    int (*stream_cut)(void *ctx, int64_t no, int64_t seq, const uint8_t id[static HASH_LEN]);
    /* What counts begins at seq `from`. The bundles below stay until drop_below() has taken them.
     */
    int (*stream_from)(void *ctx, int64_t no, int64_t from);
    /* Deletes up to max bundles below `first`, the lowest first; ret_n: how many. */
    int (*drop_below)(void *ctx, int64_t no, int64_t max, int64_t *ret_n);
    /* The same bundle with items replaced by stubs (erasure). SANJI_E_NOT_FOUND. */
    int (*bundle_restub)(void *ctx, int64_t no, int64_t seq, struct span frame, int64_t raw_bytes);
    int (*freeze)(void *ctx, int64_t no, const uint8_t held[static HASH_LEN],
                  struct span other_line);
    /* The stream goes on; the proof stays. */
    int (*thaw)(void *ctx, int64_t no);
    /* Small persistent values by name: tickets, invites, counters. get: SANJI_E_NOT_FOUND. */
    int (*kv_get)(void *ctx, const char *key, struct buf *ret);
    int (*kv_put)(void *ctx, const char *key, struct span value);
    int (*kv_del)(void *ctx, const char *key);
    int (*kv_each)(void *ctx, const char *prefix,
                   int (*fn)(const char *key, struct span value, void *arg), void *arg);

    /* --- views --- */
    /* put / wd of a KS_STATE kind, by the rule of PROTOCOL.md section 5 (highest r; at equal r put
     * beats withdraw, then the later (ep, seq, idx), the greater leaf, audience, writer); keeps the
     * live digest of (by, aud). */
    int (*record_put)(void *ctx, const struct sync_record *rec);
    /* ev items: named (owner, id, r). Of several leaves with one name the one with the lowest (ep,
     * seq, idx) counts, then the smallest; the store parks the others at their lowest places as
     * SANJI_E_EXISTS (a reason given by park() goes before it) and takes that back when they count
     * after all. All of them are live. Of several places of one leaf in one (by, aud) the lowest
     * counts, but the last one said by a keyframe (rec->key) goes before those that are not. */
    int (*event_put)(void *ctx, const struct sync_record *rec);
    /* By the same rule one event counts for each (thread, party, step); a thread is between its
     * initiator and whom the initiator's first event went to. */
    int (*sealed_put)(void *ctx, const struct sync_sealed *ev);
    int (*park)(void *ctx, int64_t no, int64_t seq, int idx, int reason, const char *member);
    /* Copies the records of `by` that its own streams brought in, before they leave the views. */
    int (*spare)(void *ctx, const char *by);
    /* Takes out of the views what the streams of `by` brought in, its parked items too: what it hid
     * shows again. Truth and content keys stay. */
    int (*forget)(void *ctx, const char *by);
    /* Asks of each copy whether it is to stand in the views again (fn > 0), and keeps none. *ret_n:
     * those that do. */
    int (*unspare)(void *ctx, sync_spare_fn *fn, void *arg, int64_t *ret_n);
    /* The content key kept of a thread. SANJI_E_NOT_FOUND. */
    int (*sealed_key)(void *ctx, const char *initiator, const char *id, uint8_t ret[static 32]);
    /* Takes back what is parked as SANJI_E_OPEN of the sealed events (owner, id), and calls fn once
     * for each bundle concerned; it may be called for others that wait for the same reason. */
    int (*unpark_sealed)(void *ctx, const char *owner, const char *id,
                         int (*fn)(int64_t no, int64_t seq, void *arg), void *arg);
    /* Takes back what is parked for this reason, and calls fn once for each bundle concerned. */
    int (*unpark)(void *ctx, int reason, int (*fn)(int64_t no, int64_t seq, void *arg), void *arg);
    /* The item at this place is erased: what its leaf brought into the views of the lane goes, what
     * it hid in other lanes shows again, and nothing is parked at the place any more. rec->item and
     * rec->owner are NULL for a stub. *ret_bared: the lane's form of the record went; an older one
     * may stand in bundles. */
    int (*erase)(void *ctx, const struct sync_record *rec, bool *ret_bared);
    /* Each record and event that the lane (by, aud) brought into the views: its place, leaf and
     * owner; of rec->item id, k, op and r. Nothing may be changed meanwhile. */
    int (*brought)(void *ctx, const struct stream_key *lane,
                   int (*fn)(const struct sync_record *rec, void *arg), void *arg);
    /* Called once after the items of one bundle: search index, statistics, anything per bundle. */
    int (*bundle_applied)(void *ctx, int64_t no, int64_t seq);
    /* The roster changed: the store may refresh its node view. */
    int (*roster_changed)(void *ctx);
    int (*tally)(void *ctx, const char *by, const char *aud, struct sync_tally *ret);
    /* Must a keyframe restate this item? True when its place is the one that counts of a live leaf;
     * of a withdrawal, when it hides a form in another lane; and when it is parked for a reason of
     * its own, so that nobody here can tell. */
    int (*stands)(void *ctx, const struct sync_record *rec, bool *ret);
    /* SHA-256(0x02, live leaves sorted ascending). */
    int (*live_sha)(void *ctx, const char *by, const char *aud, uint8_t ret[static HASH_LEN]);
    /* Is anything of stream `no` parked for a reason of its own (not SANJI_E_EXISTS)? */
    int (*has_parked)(void *ctx, int64_t no, bool *ret);
    /* A keyframe (k: ep, no, from, to) was taken: rows and parked items that stand before it in the
     * lane leave the views, what they hid shows again. */
    int (*keyframe)(void *ctx, const char *by, const char *aud, const struct sync_tally *k);
};

#endif
