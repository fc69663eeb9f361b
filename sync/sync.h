/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_SYNC_SYNC_H
#define SANJI_SYNC_SYNC_H

#include "protocol/bundle.h"
#include "protocol/msg.h"
#include "protocol/roster.h"
#include "sync/port.h"

/* The engine: one node's replication, without I/O. The caller feeds events and carries out wishes.
 * Not thread safe: one thread owns it together with the store. Nothing in here knows a clock:
 * `now_ms` (wall, for display and dates) and `mono_ms` (for waiting) come with each step, random
 * bytes too. */

struct sync;

struct sync_self {
    uint8_t g[HASH_LEN];
    struct node_id id;
    uint8_t inst[16];
    const uint8_t *sign_seed;                   /* 32 bytes, copied */
    const uint8_t (*seal_seeds)[SEAL_SEED_LEN]; /* newest last, copied */
    size_t n_seal_seeds;
    const uint8_t *old_sign_seed; /* a rotation is under way: the key before; else NULL */
    uint8_t tls_spki[HASH_LEN];   /* own server key: part of the session signature */
};

struct sync_tick {
    int64_t now_ms, mono_ms;
    uint8_t rnd[32]; /* fresh for every step */
};

enum sync_lane { LANE_UP, LANE_DOWN, LANE_COUNT };

enum sync_event_type {
    SEV_START,   /* after loading: begin working; also sets whether a parent link exists */
    SEV_TICK,    /* a wake time has come */
    SEV_LOCAL,   /* this node wrote something (sync_write has committed) */
    SEV_ANSWER,  /* answer to a POST wish: lane, status, body; status 0 and err when it failed */
    SEV_REQUEST, /* a child's request: req handle, conn, path, token, body */
    SEV_GONE,    /* the client of req has gone, or (req 0) connection conn was closed */
    SEV_NOW,     /* the user wants an exchange now: forget back-off, no holding */
    SEV_STOP,    /* finish: answer held requests, start nothing new */
};

struct sync_event {
    enum sync_event_type type;
    enum sync_lane lane;
    int status;         /* HTTP */
    int err;            /* transport failure, negative SANJI_E_*; 0: answered */
    bool fresh_conn;    /* ANSWER: a new connection carried it (the old session is void) */
    bool is_ours;       /* ANSWER: the content type is one of ours */
    int64_t retry_ms;   /* ANSWER: Retry-After */
    uint64_t req, conn; /* REQUEST, GONE */
    const char *path;
    struct span token; /* REQUEST: text after "Authorization: Sanji ", empty if none */
    struct span body;
};

enum sync_wish_type {
    SW_POST,    /* lane, path, token, body: POST to the parent, answer comes as SEV_ANSWER */
    SW_REPLY,   /* req: answer with status, content type, body */
    SW_WAKE,    /* call with SEV_TICK at mono_ms at (the newest such wish counts) */
    SW_CHANGED, /* bundles were stored: views may have changed */
    SW_DROP,    /* lane: close its connection, the next POST opens another */
    SW_ALARM,   /* err, peer, text: something a person should see */
};

struct sync_wish {
    enum sync_wish_type type;
    enum sync_lane lane;
    uint64_t req;
    int status;
    const char *path, *content_type; /* static storage */
    char token[48];                  /* "" none */
    struct buf body;
    int64_t at;
    int64_t timeout_ms;
    int err;
    struct node_id peer;
    char text[96]; /* names streams, never persons */
};

struct sync_out {
    struct sync_wish *w;
    size_t n, cap;
};
void sync_out_done(struct sync_out *o); /* frees every wish */

/* Waiting times; the defaults are what production uses, tests shorten them. */
struct sync_tuning {
    int64_t wait_ms;        /* long-poll, at most LIM_WAIT_MS */
    int64_t backoff_min_ms; /* first retry */
    int64_t backoff_max_ms;
    int64_t max_bytes;     /* of bundles per message, inflated */
    int64_t max_streams;   /* of one writer; 0: LIM_STREAMS_EACH */
    int64_t key_items;     /* superseded items before a keyframe is written; 0: LIM_KEY_ITEMS */
    int64_t key_slice;     /* items of a keyframe written at once; 0: LIM_WRITE_ITEMS */
    int64_t beat_ms;       /* between two beats; 0: LIM_BEAT_MS */
    int64_t custody_bytes; /* kept for one writer that may not know it; 0: LIM_CUSTODY_BYTES */
    int64_t proof_ms;      /* a stream stays frozen so long before the proof is published; 0:
                              LIM_PROOF_MS */
};
void sync_tune(struct sync *s, const struct sync_tuning *t);

/* The parent, from the roster or, before the roster has arrived, from what the invite said (stored
 * by join under the kv names "parent/id", "parent/tls", "parent/url"). SANJI_E_NOT_FOUND at the
 * top. A url set by hand ("parent/url_override") goes before the roster's. */
int sync_parent(const struct sync *s, struct node_id *ret_id, uint8_t ret_tls[static HASH_LEN],
                struct buf *ret_url);

/* Reads streams and trust bundles from the store. The store must outlive the engine. */
int sync_new(const struct sync_self *self, const struct sync_store *store, struct sync **ret);
void sync_free(struct sync *s);
/* One step. Wishes are appended to out. Returns 0, or a negative error when the store failed (the
 * transaction is rolled back, the engine's memory reloaded; the caller logs and carries on). */
int sync_step(struct sync *s, const struct sync_tick *t, const struct sync_event *ev,
              struct sync_out *out);

/* A person has found out why a child was taken for two machines (restored from a backup, or a copy
 * that is switched off now): whoever logs in next is believed. */
int sync_believe(struct sync *s, const struct node_id *child);

const struct roster *sync_roster(const struct sync *s);
const struct sync_self *sync_self_of(const struct sync *s);
const struct sign_key *sync_key(const struct sync *s);

/* ---- writing (PROTOCOL.md sections 4 and 5) ----
 * Builds, checks and stores bundles of own items in the stream of `aud`, applying them in the same
 * transaction. Without `in_tx` the call begins and commits by itself; with it the caller does, and
 * must call sync_reload() after a rollback. Items are exact gated texts. ret_id (may be NULL): id
 * of the last bundle. After commit the caller feeds SEV_LOCAL. */
int sync_write(struct sync *s, const struct sync_tick *t, const char *aud, const struct span *items,
               size_t n, bool in_tx, uint8_t *ret_id);
int sync_write_type(struct sync *s, const struct sync_tick *t, enum bundle_type type,
                    const char *aud, const struct span *items, size_t n, bool in_tx,
                    uint8_t *ret_id);
/* Signs an act as this node (unless a->by is empty: root), adds the given co-signatures, writes it.
 */
int sync_act(struct sync *s, const struct sync_tick *t, struct act *a, const struct act_co *co,
             size_t n_co, bool in_tx);
/* Writes an act that others have signed, byte for byte: the root's. */
int sync_act_said(struct sync *s, const struct sync_tick *t, struct span text,
                  const struct act_co *co, size_t n_co);
/* First bundle of a new federation: root act and the top's node act, both fully signed. */
int sync_genesis(struct sync *s, const struct sync_tick *t, struct span root_body,
                 struct span node_body);
/* Seals plain (gated JSON) as step `step` of thread `id` to the given nodes, ready as an item text.
 */
int sync_seal_item(struct sync *s, const struct sync_tick *t, const char *id, int64_t step,
                   const struct node_id *to, size_t n_to, const uint8_t cek[static 32],
                   struct span plain, struct buf *ret_item);
/* ---- a store older than what this node has published (put back from a backup) ----
 * BEHIND: a neighbour is bringing own bundles that are missing here; nothing is signed meanwhile,
 * and it ends by itself. UNCONFIRMED: this node writes, in new epochs, but no neighbour has said
 * yet how far the old ones went; trust acts are held (SANJI_E_HELD). FORKED: an own stream has two
 * histories that only a registrar can end; every other stream goes on. CLONE: the parent has met
 * two machines with the keys of this node; nothing is signed until it believes one of them.
 * sync_self_error(): why nothing at all may be signed now: SANJI_E_GAP, SANJI_E_CLONE, or 0. */
enum sync_self_state {
    SYNC_SELF_OK,
    SYNC_SELF_UNCONFIRMED,
    SYNC_SELF_BEHIND,
    SYNC_SELF_FORKED,
    SYNC_SELF_CLONE
};
enum sync_self_state sync_self_state(const struct sync *s);
int sync_self_error(const struct sync *s);
/* A head of an own stream that the caller remembers from outside the store; before SEV_START. */
int sync_expect(struct sync *s, const struct stream_key *key, int64_t seq,
                const uint8_t id8[static 8]);
/* What should be remembered outside the store is gone, or of another installation. */
int sync_suspect(struct sync *s);
/* Just started, and a neighbour may know more of this node's heads than its store does: what can
 * wait a few seconds should. Ends by itself. */
bool sync_asking(const struct sync *s);
/* Started as a node that was put back, and what neighbours in reach hold beyond it is on its way:
 * something it shows may have been erased since. Ends by itself within a minute. */
bool sync_catching_up(const struct sync *s);
/* Records changed in two histories of this node: where the two items stand. */
struct sync_twice {
    const char *id;
    struct {
        int64_t no, seq, idx, r;
    } at[2]; /* the old epoch, the new one */
};
int sync_twice_each(struct sync *s, int (*fn)(const struct sync_twice *t, void *arg), void *arg);
int sync_twice_done(struct sync *s, const char *id); /* a person has looked */
/* After a rollback by the caller: memory equals the store again. */
int sync_reload(struct sync *s);

/* ---- a new key (PROTOCOL.md 13.1) ---- */
struct sync_new_key {
    const uint8_t *sign_seed, *seal_seed; /* 32 bytes each, copied */
    const uint8_t *tls;                   /* what the act says of the server key */
    /* The top alone: its quorum, or what that has signed elsewhere: the text that
     * sync_rekey_draft() wrote with this ts. */
    const struct sign_key *const *root;
    size_t n_root;
    const struct act_co *said;
    size_t n_said;
    int64_t ts; /* of the act; 0: now */
};
/* The act as it would be said now, for signatures made elsewhere; changes nothing. */
int sync_rekey_draft(struct sync *s, const struct sync_tick *t, const struct sync_new_key *k,
                     struct buf *ret_text);
/* Ends writing with the present key and begins with the new one, in one transaction: the statement
 * for the parent is stored under the kv name "rekey/body" and brought to it by the exchange; until
 * the roster shows the new key the old one logs in. The top says it by itself. */
int sync_rekey(struct sync *s, const struct sync_tick *t, const struct sync_new_key *k);
/* 0: none under way, or the roster has the key this node writes with. SANJI_E_PENDING: the parent
 * has not answered yet. Else its last refusal (asked again from time to time). */
int sync_rekey_state(const struct sync *s);
/* Heads of what `by` has written, as held here; trust streams alone, with `by`, when asked.
 * Pointers are valid until the engine changes. SANJI_E_SIZE beyond max. */
int sync_heads_of(struct sync *s, const char *by, bool trust_only, struct act_head *v, size_t max,
                  size_t *io_n);

/* Would an own item be signed in the stream of aud, as far as it is a matter of what it says? */
int sync_write_check(struct sync *s, const char *aud, struct span item, struct fault *f);

/* ---- receiving from elsewhere than an exchange (ferry, rebuild, tests) ---- */
struct sync_accept {
    int err; /* 0 stored; SANJI_E_OLD held already; SANJI_E_UNKNOWN_KEY, _GAP: wait; else refused */
    struct fault f;
    struct stream_key stream;
    int64_t seq, items;
    int64_t before, before_items; /* stored together with it: what waited for it as its proof */
};
/* One frame, in the caller's transaction (rolled back by the caller when err is a failure of the
 * store; then sync_reload). */
void sync_accept_frame(struct sync *s, const struct sync_tick *t, struct span frame,
                       struct sync_accept *ret);
/* Judging again what was rightfully stored long ago: whether this node may receive it today (it may
 * have moved, or its child has) is not asked. For the check of a store by a second engine alone. */
void sync_witness(struct sync *s);
/* True for errors that say the store failed, not that the bundle is bad. */
bool sync_is_store_failure(int err);
/* True for a stored bundle beyond the end of its key: kept, but it counts for nothing. */
bool sync_is_void(const struct sync *s, const struct stream_key *key, int64_t seq);
/* Applies a stored bundle to the views again (rebuild, retry of parked items); void ones not. */
int sync_apply_frame(struct sync *s, const struct sync_bundle_row *row,
                     const struct stream_key *key);

/* What the views of this node showed and no bundle here says any more is put back, see
 * sync_store.spare(). In the caller's transaction, when everything has been applied again. */
int sync_spares_back(struct sync *s, int64_t *ret_n);

/* ---- erasure (PROTOCOL.md 15.4) ---- */
struct sync_erase {
    const char *id;                  /* of the record or thread */
    const char *owner;               /* whose: NULL, or the node this one is steward of */
    const char *aud;                 /* NULL: every audience but trust */
    const char *why;                 /* "person", "mistake", "law" */
    const uint8_t (*keep)[HASH_LEN]; /* leaves that stay */
    size_t n_keep;
};
/* Publishes what erases every form and event of that name still held, of this owner: what it has
 * written, and as its steward this node.
 * *ret_n: leaves named; with 0 nothing is written. In the caller's transaction, see sync_write().
 * Where an own bundle cannot be read, what the views show of a record counts, and the rest goes
 * when it comes again; of a thread it is SANJI_E_CORRUPT.
 */
int sync_erase(struct sync *s, const struct sync_tick *t, const struct sync_erase *what,
               int64_t *ret_n);
/* The list of erased leaves, by writer and audience. It is truth of its own, and should be kept
 * outside the store as well: a store put back from a backup knows less of it. */
int64_t sync_erased_count(const struct sync *s);
struct sync_erased {
    const char *by, *aud; /* of the streams it stands in */
    const uint8_t *leaf;
    char why;   /* first letter of the reason */
    bool named; /* an act in force here names it; what is own is said again when none does */
};
int sync_erased_each(const struct sync *s, int (*fn)(const struct sync_erased *x, void *arg),
                     void *arg);
/* Is this leaf of what (key->by, key->aud) says on the list? */
bool sync_is_erased(const struct sync *s, const struct stream_key *key,
                    const uint8_t leaf[static HASH_LEN]);
/* Adds to the list; in the caller's transaction, followed by sync_erase_settle() in the same. */
int sync_erase_add(struct sync *s, const struct sync_erased *x);
/* How far records of this node's own are erased, each by its name, hashed: what turns up at or
 * below that revision is erased as well. Truth like the list, and kept with it outside the store.
 */
enum { SYNC_MARK_LEN = 16 };
struct sync_mark {
    const char *owner;
    uint8_t hash[SYNC_MARK_LEN];
    int64_t r;
    char why; /* first letter of the reason */
};
typedef int sync_mark_fn(const struct sync_mark *m, void *arg);
int sync_mark_each(const struct sync *s, sync_mark_fn *fn, void *arg);
int sync_mark_add(struct sync *s, const struct sync_mark *m); /* like sync_erase_add() */
/* Of this record; 0: nothing. What is written under its name begins above. owner NULL: this node.
 */
int sync_erased_upto(const struct sync *s, const char *owner, const char *id, int64_t *ret_r);
/* Carries out what was added to the list, also by sync_apply_frame(). */
int sync_erase_settle(struct sync *s);

/* ---- bundles kept beside the streams ----
 * Own ones of another past that wait to be published again, or could not be; others' on their way
 * to their writers. */
struct sync_aside {
    const char *name;       /* under which it is kept */
    int err;                /* what is wrong with it; 0: nothing */
    const struct bundle *b; /* NULL: it cannot be believed */
};
typedef int sync_aside_fn(const struct sync_aside *x, void *arg);
int sync_aside_each(struct sync *s, sync_aside_fn *fn, void *arg);
/* Those of them that could not be published: staff try again when what stood in the way is gone, or
 * take them off the list. SANJI_E_NOT_FOUND. */
int sync_unsent_each(struct sync *s, sync_aside_fn *fn, void *arg);
int sync_unsent_again(struct sync *s, const char *name); /* with the next step */
int sync_unsent_drop(struct sync *s, const char *name);

/* ---- stored bundles that are damaged or gone ----
 * Asked for again from whoever holds the same; own streams, too, without a new epoch. Nothing of
 * what is stored is dropped, and views are best not made anew before they are back.
 * SANJI_E_NOT_FOUND: nothing like it stands here. */
int sync_want(struct sync *s, int64_t no, int64_t seq);
/* The same in a store without an engine: one that a damaged trust bundle keeps from loading. */
int sync_want_note(const struct sync_store *st, int64_t no, int64_t seq);
struct sync_wanted {
    const struct stream_key *key;
    int64_t seq;
    bool own;  /* this node wrote it */
    bool held; /* a neighbour has said that it holds it */
};
/* Of a stream that stays at home nobody else can have it. When the caller has written again what is
 * still known of what was live in the damaged bundles, this makes the stream begin anew without
 * them, with a keyframe. SANJI_E_NOT_FOUND: not such a stream. */
int sync_hollow(struct sync *s, const struct sync_tick *t, const struct stream_key *key);
void sync_wanted_each(const struct sync *s, void (*fn)(const struct sync_wanted *h, void *arg),
                      void *arg);

/* ---- looking ---- */
struct sync_peer_status {
    struct node_id id;
    bool is_parent, connected, held; /* held: a long-poll is waiting */
    int64_t last_ok_ms;              /* wall; 0: never since start */
    int last_err;
    int64_t behind; /* bundles the peer lacks, as far as stated or shown */
    int64_t in_bundles, in_bytes, out_bundles, out_bytes;
    int64_t refused;
    bool in_step; /* both digests were equal at the last exchange */
    char ver[24];
    int64_t skew_ms;
};
void sync_each_peer(const struct sync *s, void (*fn)(const struct sync_peer_status *p, void *arg),
                    void *arg);
void sync_each_stream(const struct sync *s, void (*fn)(const struct sync_stream_row *r, void *arg),
                      void *arg);
/* How fresh each lane (by, aud) of `fed`, `sub:` and `up:` is (PROTOCOL.md 15.8). SILENT: its
 * writer owes a beat and nothing has come for a day. MISSING: a neighbour or the top's table of
 * heads names more than came within an hour. DIVERGED: a beat counts other records than this node.
 * KEPT_BACK (own lanes): the parent has it, and the top does not. `via`: the neighbour on the way
 * to whoever would have to send; empty: none. Reads the store. A callback returning other than 0
 * ends it. */
enum sync_news_state {
    SYNC_NEWS_FRESH,
    SYNC_NEWS_SILENT,
    SYNC_NEWS_MISSING,
    SYNC_NEWS_DIVERGED,
    SYNC_NEWS_KEPT_BACK,
};
struct sync_news {
    struct stream_key key; /* newest epoch held */
    enum sync_news_state state;
    int64_t seq, missing;
    int64_t since; /* wall: last news; DIVERGED, KEPT_BACK: since when */
    bool word;     /* DIVERGED, and every bundle is whole: it is the writer who counts wrongly */
    struct node_id via;
};
int sync_each_news(struct sync *s, const struct sync_tick *t,
                   int (*fn)(const struct sync_news *n, void *arg), void *arg);
/* State of the exchange asked for by SEV_NOW: 0 done and both hold the same; SANJI_E_PENDING still
 * running; SANJI_E_UNREACHABLE; another refusal. */
int sync_now_state(const struct sync *s);
/* SANJI_E_NOMEM: ret is zero. */
int sync_roster_version(const struct sync *s, uint8_t ret[static 8]);

#endif
