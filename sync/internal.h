/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_SYNC_INTERNAL_H
#define SANJI_SYNC_INTERNAL_H

#include "protocol/base/enc.h"
#include "protocol/limits.h"
#include "sync/fetch.h"
#include "sync/sync.h"

#include <assert.h>

/* Shared inside sync/ only. The pieces: stream.c (table of streams), accept.c (checks on arrival),
 * apply.c (items into views), write.c (own bundles), peer.c (who has what), diverge.c (two
 * histories), client.c (towards the
 * parent), server.c (towards the children), session.c (log-in of children), engine.c (steps). */

#define ARENA_MAX (24u << 20)

struct stream {
    struct sync_stream_row row; /* no == 0: stated by a peer, not held here */
    struct audience aud;
    int64_t kept; /* head in the store; above row.seq: void bundles, kept for a later cut to name */
    int64_t jump; /* a keyframe's run begins here whose end is not held yet; 0: none */
    int64_t run;  /* own stream: the keyframe being written began here; 0: none */
    int64_t base, base_to; /* first and last of its newest keyframe that is whole; 0: none */
    int64_t hollow; /* own: these damaged bundles of it are missed by nobody, see sync_hollow() */
    uint8_t work;   /* KW_* queued, see keyframe.c */
    int64_t beat_at, beats; /* own stream: last said what is live, beats since its keyframe */
    uint8_t differs;        /* enum differ */
    int64_t differs_at;     /* wall: since when */
    bool key_waits;         /* it is to be once more, see sync__heal_keyed(); kept in the store */
    int64_t news;           /* wall: receipt of the newest bundle; 0: not known */
    /* What a neighbour states beyond what is held here, and since when nothing of it came (mono).
     */
    int64_t told, told_at;
    struct node_id told_by;
    int64_t parent_had; /* own stream: what the parent stated last */
    struct acks *acks;  /* and when what, see heads.c; NULL: nothing yet */
    /* Another branch of this stream is wanted, see branch.c: bundles from this seq up to kept count
     * until it is seen where the branches part, but neighbours are not told of them. 0: none. */
    int64_t doubt;
    struct node_id doubt_from; /* who brings the other branch; empty: anybody */
    int64_t shown;             /* with wants: what is said instead of row.seq, see want.c */
    uint8_t shown_id[HASH_LEN];
    bool wants;
    uint32_t origin; /* its writer: place among s->origins + 1; 0: not held */
    uint32_t hash;
    int32_t next; /* further epochs of the same (by, aud): index, -1 at the end */
};
/* A beat says something else than is counted here, see heal.c. Kept in the store. */
enum differ {
    DIFFER_NONE,
    DIFFER_ONCE, /* what is on its way may explain it: the next beat tells */
    DIFFER_NEW,  /* to be mended */
    DIFFER_LOST, /* bundles are damaged, and wanted again */
    DIFFER_WORD, /* every bundle is whole: it is the writer who counts wrongly */
};
struct origin {
    char by[LIM_NODE_ID + 2];
    size_t n;                /* streams held */
    size_t wants, key_waits; /* of these: with that mark */
    /* mono: when its part of the views was last derived for what a beat said, and for a keyframe;
     * 0: never. Kept over a rollback. */
    int64_t mended_at, keyed_at;
};

enum {
    PF_SENDQ = 1,
    PF_STATEQ = 2,
    PF_DIVERGED = 4,
    PF_STALLED = 8,
    PF_PROOF = 16,  /* of two histories, writer and neighbour: one bundle of ours is due to it */
    PF_PROVED = 32, /* was sent in this session */
    PF_ASTRAY = 64, /* own stream: it has shown a branch in this session that does not stand */
    PF_BACK = 128,  /* it went back in this session, and was given the rest at once */
};

/* What is known about a neighbour, by index of the stream table. -1: not stated. */
struct peer_stream {
    int32_t their;  /* head it stated */
    int32_t sent;   /* highest seq put into the message under way */
    int32_t shown;  /* highest seq it sent here: it needs no copy back */
    int32_t stated; /* head this node told it in the present session */
    uint8_t their_id8[8], stated_id8[8];
    uint8_t flags;
};
struct idx_queue {
    uint32_t *v;
    size_t n, cap;
};

struct held { /* a child's request waiting for something to say */
    uint64_t req;
    int64_t deadline, max;
};

struct peer {
    struct node_id id;
    bool is_parent;
    struct peer_stream *ps;
    size_t n_ps;
    struct idx_queue sendq, stateq;
    bool state_full;              /* next statement is the whole list */
    bool their_known;             /* it has stated its list in this session */
    uint8_t their_sum[HASH_LEN];  /* digest of what it stated, as accumulated here */
    uint8_t stated_sum[HASH_LEN]; /* digest of what this node stated */
    bool need_full;               /* its digest differed: ask for the whole list */
    bool waiting;                 /* a bundle of it waits for a key this roster lacks */
    int64_t self_until;           /* mono; its word about own streams of this node counts so long */
    bool rest_waited;             /* the last message left the rest out for the sake of letters */
    bool has_held;
    struct held held;
    int64_t asked_ts; /* its clock at the newest `down` request of this session */
    /* Bundles of its last message that cannot stand here and were not kept either, by the first
     * bytes of their ids: said in the next hello. */
    char left[LIM_LEFT][B64U_LEN(8) + 1];
    const char *left_said[LIM_LEFT];
    size_t n_left;
    bool parting;    /* out of force since it logged in: it is given trust streams alone */
    bool kept_alone; /* what is kept for writers beyond it goes by itself in the next message */
    /* Attachments, see fetch.c: it takes part; something it has not heard is wanted of it (a
     * child); bytes given and taken today. */
    bool can_files, fetch_due;
    char fetch[LIM_FETCH_SAID][MSG_FETCH_TEXT];
    const char *fetch_said[LIM_FETCH_SAID];
    int64_t fetch_day, fetch_bytes;
    int64_t quota_day, quota_items, quota_bytes;
    bool quota_told, quota_loaded; /* loaded: from the store, where the day's count is kept */
    struct sync_peer_status st;
};

struct own_mark { /* an own head that a neighbour names, see self.c */
    struct stream_key key;
    int64_t seq;
    uint8_t id8[8];
    int64_t until; /* mono: writing waits for it so long */
    struct node_id peer;
    bool is_parent;
};
struct own_epoch { /* of an own epoch that may have been written further, see epoch.c */
    struct stream_key key;
    int64_t seq0;   /* held when the doubt arose */
    bool must_open; /* the next bundle for this audience opens an epoch */
};

struct table_line { /* of the table of heads, see heads.c */
    struct node_id by;
    char aud[LIM_NODE_ID + 8]; /* fed, or sub: and a node */
    int64_t ep, seq;
    uint8_t id8[8];
};

struct chain { /* bundles that wait for proof, see proof.c */
    struct stream_key key;
    struct buf frames;
    int64_t seq; /* of the last */
    uint8_t id[HASH_LEN];
};

enum lane_state { LS_IDLE, LS_OPENING, LS_PROVING, LS_READY, LS_BUSY };
struct lane {
    enum lane_state state;
    int64_t retry_at; /* mono; 0: at once */
    int attempt;
    char token[48];
    struct msg_session_open open;
    char open_text[3][24]; /* node, kid, lane: what open's pointers point to */
    struct msg_session_challenge ch;
    char parent_text[LIM_NODE_ID + 2];
    bool first;   /* first exchange of the session: ask for / state the whole list */
    bool waiting; /* the request under way may be held by the parent */
    /* The request under way asks for a new key's act, or for a signature on one. */
    bool keying, cosigning;
    bool filing;    /* or is about an attachment */
    bool file_turn; /* the one before was not */
    int64_t renew_at;
    bool exhausted; /* answer said there is no more */
};

struct challenge {
    bool used;
    uint64_t conn;
    int64_t until;
    char node[LIM_NODE_ID + 2], kid[LIM_KID + 2], lane[8], ver[24];
    struct msg_session_open open;
    struct msg_session_challenge ch;
};
struct fetch_key {
    struct node_id by;
    char sha[MSG_SHA + 1];
};
struct fetch { /* an attachment that is wanted, see fetch.c */
    struct fetch_key key;
    int64_t len, here;
    bool mine;            /* by somebody at this node: kept in the store */
    struct node_id asker; /* by this neighbour; empty: by none */
    int64_t asked_at;     /* mono: by which last */
    int64_t since;        /* wall */
    int err;              /* what stood in the way last */
    bool over;            /* given up */
    bool whole_run;       /* every byte of it came since this process began */
    int64_t retry_at;     /* mono; 0: at once */
    int attempt;
};
struct fetch_asked {
    struct fetch_key key;
    int64_t at, retry_at;
    int attempt;
};
struct server_session {
    uint64_t conn; /* 0: free */
    uint8_t token[32];
    struct node_id node;
    enum sync_lane lane;
    int64_t until;
    bool old; /* a machine with an older ticket has logged in since */
};
enum { CHALLENGES = 256 };

struct late_known {    /* how far a keyframe's writer knew another epoch, see late.c */
    int64_t o, to, st; /* the keyframe's stream and end, and the other; 0: none */
    int64_t upto, seq; /* looked at up to here, and what was found; -1: nothing */
    int64_t said;      /* what was found of what was let go of */
    bool has_said;
    uint8_t id[HASH_LEN]; /* at upto */
};
struct want_mark {
    int64_t no, seq;
};
/* What is kept for writers that may not know it: an index, see custody.h. */
struct custody {
    struct custody_stream *st; /* sorted by no */
    size_t n, cap;
    struct custody_by *by; /* sorted */
    size_t n_by, cap_by;
    int64_t look_at; /* mono: when to look for what nobody waits for any more */
    int64_t sent;    /* counts what is handed on */
};

struct sync {
    struct sync_self self;
    uint8_t sign_seed[SIGN_SEED_LEN];
    uint8_t (*seal_seeds)[SEAL_SEED_LEN];
    struct sign_key *key;
    struct key_id kid;
    /* A rotation under way: `key` writes already, this one logs in until the roster has the act. */
    struct sign_key *old_key;
    struct key_id old_kid;
    bool login_new; /* the parent knows the new key */
    int rekey_err;  /* its last refusal, 0 none */
    int64_t rekey_at;
    bool cosign_wanted; /* a child's lost key waits for the signature of the registrar above */
    int cosign_err;
    int64_t cosign_at;
    struct node_id cosign_node; /* asked for by the request under way */
    struct own_mark *marks;
    size_t n_marks;
    bool self_forked; /* an own stream is frozen */
    int64_t asked;    /* mono: neighbours are asked for own heads since; 0: not any more */
    bool catching;    /* put back: what they hold beyond it is on its way, */
    bool caught;      /* is here, or did not come in time */
    struct own_epoch *epochs;
    size_t n_epochs, cap_epochs;
    bool restored;      /* the store is, or was, older than what was published: not confirmed yet */
    bool clone;         /* the parent has met two machines with this node's keys */
    bool again;         /* items of an own branch that was given up wait to be published again */
    int64_t own_cut_at; /* mono: when to look for own streams that a key's end has cut; 0: none */
    bool writing;       /* the bundle being stored was made here */
    bool relog;         /* neighbours must hear the whole list anew */
    struct peer *from;  /* whose message is being taken; NULL: none of a neighbour */
    struct wrote *wrote; /* where in own streams this process began to write, see late.c */
    size_t n_wrote;
    struct late_known late[16];
    size_t late_next;
    struct want_mark *wants; /* stored bundles that are damaged or gone, sorted */
    size_t n_wants, cap_wants;
    bool want_said; /* neighbours were told, or will be without it */
    struct {
        struct node_id by;
        int64_t ep, seq; /* seq 0: none */
        uint8_t id[HASH_LEN];
    } pin; /* the trust head that this node's invite names */
    struct custody custody;
    struct chain *chains;
    size_t n_chains, chain_bytes;
    bool witness;   /* judges what another engine holds, not what may be taken today */
    bool reopening; /* what could not be opened is being tried again */
    bool proven;    /* what is accepted now has been proved by what follows it */
    const struct sync_store *st;
    struct roster *roster;
    bool roster_dirty;      /* acts added since the last fold */
    bool roster_again;      /* acts were taken away: it is read anew */
    struct authority *auth; /* what the views were derived under, sorted by node */
    size_t n_auth;
    struct node_id *redo; /* writers whose part of the views is to be derived again */
    size_t n_redo;
    struct crit_act *crit; /* trust acts of the future that say what this version must not ignore */
    size_t n_crit;
    bool crit_dirty;
    struct sync_tuning tune;

    struct stream *streams;
    size_t n_streams, cap_streams;
    size_t n_held;   /* of them held, not only heard of */
    uint32_t *index; /* open addressing: position + 1 */
    uint32_t *pairs; /* the same for (by, aud): its epoch first heard of */
    struct origin *origins;
    size_t n_origins, last_origin;
    size_t index_cap;

    struct erasing *erase;        /* the list of erased leaves, see erase.c */
    struct idx_queue keyq, dropq; /* streams to compact, streams with bundles to delete */
    int64_t key_at;               /* mono: the next slice of that work; 0: none */

    const struct sync_files *files; /* NULL: this node takes and gives no attachments */
    struct fetch *fetch;            /* wanted, here or by a neighbour, see fetch.c */
    size_t n_fetch, cap_fetch;
    int64_t fetch_look; /* mono: when old ones are to be looked for */
    /* What the parent wants of this node, and the request under way to it. */
    struct fetch_asked gives[LIM_FETCH_SAID];
    size_t n_gives;
    struct fetch_key fetch_sent;
    bool fetch_gives;

    int64_t proof_look; /* mono: when waiting proofs are to be looked at; 0: there are none */
    int64_t beat_look, beat_due; /* mono, wall: when the next beat is to be looked at; 0: none */
    int64_t heads_at, heads_r;   /* the top: when it made its table last, and its revision */
    struct table_line *table;    /* the newest one, sorted */
    size_t n_table;
    char table_day[16];
    int64_t table_made, table_mono; /* wall, by whichever clock is lower; mono: known here since */
    bool table_new, ack_dirty;
    size_t heal_next; /* stream to be looked at next */
    int64_t heal_at;  /* mono: something waits to be mended; 0: nothing */

    struct frame_ctx *fc;
    struct arena *arena;
    struct buf line;    /* inflated frame */
    struct buf scratch; /* short-lived text */

    struct peer **peers;
    size_t n_peers, cap_peers;
    struct peer *parent; /* borrowed from peers; NULL at the top */
    struct lane lane[LANE_COUNT];
    bool started, stopping;
    bool now_wanted, now_asked;
    int64_t now_deadline;
    int now_state;

    struct challenge ch[CHALLENGES];
    size_t next_ch;
    struct server_session *sess;
    size_t n_sess;

    /* the step under way */
    struct sync_tick tick;
    uint64_t rnd_n;
    struct sync_out *out, later; /* later: alarms raised between steps */
    size_t n_alarms;             /* in this step */
    bool changed;
    bool in_tx;
    bool stale; /* the last reload failed: memory says less than the store, nothing may be done */
    uint8_t rv[8]; /* roster version, valid while rv_ok */
    bool rv_ok;
};

/* engine.c */
void sync__random(struct sync *s, void *out, size_t n);
struct sync_wish *sync__wish(struct sync *s, enum sync_wish_type type); /* NULL: no memory */
void sync__alarm(struct sync *s, int err, const struct node_id *peer, const char *text);
int sync__tx_begin(struct sync *s);
/* Memory equals the store, or an error. */
int sync__fresh(struct sync *s);
/* Commits, or rolls back and reloads when r < 0 or the commit fails; returns the error. */
int sync__tx_end(struct sync *s, int r);

/* stream.c */
int sync__stream_find(const struct sync *s, const struct stream_key *k); /* index or -1 */
/* Finds or adds (as not held); index or negative error. */
int sync__stream_intern(struct sync *s, const struct stream_key *k);
int sync__streams_load(struct sync *s);
void sync__streams_clear(struct sync *s);
int sync__key_of(struct stream_key *k, const char *by, const char *aud, int64_t ep,
                 const uint8_t en[static 8]);
/* First of the epochs of (by, aud), held or heard of; the others by `next`. -1: none. */
int sync__stream_first(const struct sync *s, const char *by, const char *aud);
/* One more stream of this writer is held. */
int sync__origin_more(struct sync *s, struct stream *st); /* this one is held now */
/* NULL: nothing of this writer is held. */
struct origin *sync__origin(const struct sync *s, const struct stream *st);
bool sync__origin_full(const struct sync *s, const char *by);
/* Highest epoch held of (by, aud); -1 index when none. */
int sync__stream_newest(const struct sync *s, const char *by, const char *aud);
/* The row of a bundle that passed every check. */
void sync__row_of(const struct sync *s, int64_t no, const struct bundle *b, struct span frame,
                  struct sync_bundle_row *ret);
/* The federation id in the headers of a stream that is held. */
int sync__stream_g(struct sync *s, const struct stream *st, uint8_t ret[static HASH_LEN]);
bool sync__entitled(const struct sync *s, size_t idx, const struct peer *p);

/* accept.c */
int sync__roster_load(struct sync *s);
int sync__fold(struct sync *s);
/* Takes the first frame of `in`. */
void sync__accept_next(struct sync *s, struct span in, size_t *ret_used, struct sync_accept *ret);
/* Everything after parsing; ret->stream names the stream. Stores and applies in the open
 * transaction. */
int sync__accept_parsed(struct sync *s, const struct bundle *b, struct span frame,
                        struct sync_accept *ret);

/* proof.c: a private bundle under an ended key, at or beyond the head (head, head_id). */
int sync__proof_wait(struct sync *s, const struct bundle *b, struct span frame, int64_t head,
                     const uint8_t head_id[static HASH_LEN], struct sync_accept *ret);
void sync__proof_clear(struct sync *s);
void sync__proof_free(struct sync *s);

/* rekey.c */
/* The top's own new key, introduced by the bundle itself (PROTOCOL.md 10.1). */
int sync__rekey_introduced(struct sync *s, const struct bundle *b);
/* Is there something to tell the parent? The body of the request. */
bool sync__rekey_due(struct sync *s);
int sync__rekey_body(struct sync *s, struct buf *out);
void sync__rekey_answer(struct sync *s, int err); /* 0: it has said so */
bool sync__rekey_open(const struct sync *s);      /* this node writes with a key its roster lacks */
void sync__rekey_request(struct sync *s, const struct sync_event *ev);
/* A child's new key: 0 when this node has published it, now or before. */
int sync__rekey_take(struct sync *s, const struct node_id *child, const struct act *a);
const struct sign_key *sync__login_key(const struct sync *s, const struct key_id **ret_kid);

/* recover.c: lost keys (PROTOCOL.md 13.2) */
struct enrol_row;
/* May a child of this id be invited back? */
int sync__recover_may(const struct sync *s, const char *node);
/* The key that the newest item of its `self` stream is sealed to; false: nothing is held. */
bool sync__recover_code(struct sync *s, const char *node, uint8_t ret[static SEAL_PUB_LEN]);
/* A person has agreed: writes the act's text, signed by the root's keys where this node is the top
 * (else SANJI_E_SIGNATURE). */
int sync__recover_approve(struct sync *s, const struct msg_enrol *e,
                          const struct sign_key *const *root, size_t n_root);
bool sync__recover_done(const struct sync *s, const struct msg_enrol *e);
/* What to answer; with e->pop the act is published, or the registrar above is asked. act must
 * outlive rep. SANJI_E_CONFLICT: something else was said about the child since, a person has to
 * agree anew. */
int sync__recover_advance(struct sync *s, const struct msg_enrol *e, struct msg_enrol_reply *rep,
                          struct buf *act);
int sync__recover_drop(struct sync *s, const char *node); /* in a transaction */
int sync__cosign_load(struct sync *s);
bool sync__cosign_due(const struct sync *s);
int sync__cosign_body(struct sync *s, struct buf *out);
void sync__cosign_answer(struct sync *s, int err, struct span body);
/* A child asks for this node's signature on an act about one of its own children. */
int sync__cosign_request(struct sync *s, const struct node_id *child, const struct act *a,
                         struct msg_key_reply *rep, struct act_co *co);
/* By file: the signature of the node above on an act of this one, which is published with it. */
int sync__cosign_take(struct sync *s, const struct act *a);
bool sync__cosign_over(const struct sync *s, const struct act *a);
int sync__cosign_approve(struct sync *s, const char *node, const char *kid);
/* 0: a person is to agree to a key for it; SANJI_E_NOT_FOUND. */
int sync__cosign_waits(struct sync *s, const char *node);
int sync__cosign_each(struct sync *s, int (*fn)(const struct enrol_row *r, void *arg), void *arg);

/* derive.c */
int sync__redo_add(struct sync *s, const struct node_id *id);
/* Takes note of what the roster says about each writer; with `redo` remembers whom it says
 * something else about. */
int sync__authority(struct sync *s, bool redo);
/* Derives their part of the views again. */
/* Up to where bundles count in the views: while a branch is looked for, all that are kept do. */
int64_t sync__derived_upto(const struct stream *st);
int sync__redo(struct sync *s);
/* True when an act about this writer is in force that this version does not understand. */
bool sync__is_blocked(const struct sync *s, const char *by);
int sync__crit_add(struct sync *s, const struct act *a, const struct node_id *stream);
void sync__crit_clear(struct sync *s);
int sync__voids_load(struct sync *s);
int sync__voids_drop(struct sync *s, struct stream *st);
int sync__upgraded(struct sync *s);
/* Applies again what could not be opened of the sealed events (owner, id). */
int sync__reopen(struct sync *s, const char *owner, const char *id);
void sync__derive_free(struct sync *s);

/* keyframe.c: compaction (PROTOCOL.md 15.2) */
int sync__key_load(struct sync *s); /* what was under way when the store was closed */
void sync__key_free(struct sync *s);
/* May a run begin with this bundle, which does not follow the head? */
bool sync__key_starts(const struct stream *st, const struct bundle *b);
/* It does: remembers the head before it, to come back to if the run proves incomplete. */
int sync__key_jump(struct sync *s, struct stream *st, const struct bundle *b);
/* The last bundle of a run is about to be stored. SANJI_E_GAP: the run is not all here, and the
 * stream stands again where it stood before. */
int sync__key_closing(struct sync *s, size_t idx, const struct bundle *b);
/* Back to the head from before a keyframe that is not whole; what it said is kept for its writer.
 */
int sync__key_give_up(struct sync *s, size_t idx);
/* Views: takes the keyframe that this bundle closes, if its run is held. */
int sync__key_apply(struct sync *s, const struct bundle *b, const struct sync_bundle_row *row,
                    const struct stream_key *key);
/* Does this place stand before the newest keyframe of stream `base`, of the same lane? */
bool sync__key_under(const struct stream *base, const struct stream_key *key, int64_t no,
                     int64_t seq);
/* True for places before any keyframe of the lane. */
int sync__key_below(struct sync *s, const struct stream_key *key, int64_t no, int64_t seq,
                    bool *ret);
/* May this node's count of the lane be compared with the writer's? */
int sync__key_may_judge(struct sync *s, const struct stream *st, bool *ret);
struct key_check {
    bool due, was_equal; /* a run is being closed; the views said the same before */
};
int sync__key_before(struct sync *s, size_t idx, const struct bundle *b, struct key_check *ret);
int sync__key_taken(struct sync *s, size_t idx, const struct bundle *b, const struct key_check *c);
/* The stream may end earlier than its newest keyframe: looks which one stands. */
int sync__key_base(struct sync *s, size_t idx);
/* Of a stream that ends before `at` now: may be moved to 1, when the keyframe it rests on is gone.
 */
int sync__key_voids(struct sync *s, size_t idx, int64_t *io_at);
int sync__key_wrote(struct sync *s, size_t idx); /* own stream */
int sync__key_step(struct sync *s);              /* one slice of what is to be done */
int64_t sync__key_wake(const struct sync *s);

/* evidence.c: proofs that are published (PROTOCOL.md 15.5) */
/* In a transaction: the stream was frozen over this other bundle. */
int sync__evidence_note(struct sync *s, const struct stream *st, const struct bundle *other);
int sync__evidence_step(struct sync *s); /* publishes those whose day has come */

/* beat.c: what is live, said once a day (PROTOCOL.md 15.3) */
int sync__beats_load(struct sync *s);
/* Must `by` be heard of in this audience every day? */
bool sync__owes_beat(const struct sync *s, const char *by, const struct audience *aud);
bool sync__beats_many(const struct sync *s, const struct stream *st, int64_t live);
int sync__beat_wrote(struct sync *s, size_t idx, const struct bundle_header *h); /* own stream */
void sync__beat_plan(struct sync *s);
int sync__beat_step(struct sync *s); /* writes those that are due */
int64_t sync__beat_wake(const struct sync *s);

/* heads.c: the top's daily table (PROTOCOL.md 15.6) */
int sync__heads_load(struct sync *s);
void sync__heads_free(struct sync *s);
int64_t sync__heads_due(const struct sync *s, int64_t period); /* wall; INT64_MAX: never */
/* In a transaction, at the top. */
int sync__heads_write(struct sync *s);
/* In a transaction: a page was applied. */
int sync__heads_seen(struct sync *s, const struct sync_record *rec);
int sync__heads_step(struct sync *s); /* looks for its own in a new table */
void sync__heads_acked(struct sync *s, const struct peer *p, size_t idx, int64_t seq);
int64_t sync__heads_kept_back(const struct stream *st); /* wall: since when; 0: it is not */
/* The lines of (by, aud); NULL: none. */
const struct table_line *sync__table_find(const struct sync *s, const char *by, const char *aud,
                                          size_t *ret_n);

/* news.c */
/* A neighbour states this stream. */
void sync__told(struct sync *s, const struct peer *p, size_t idx, int64_t seq);
void sync__told_all(struct sync *s, const struct peer *p); /* its whole list is known now */
void sync__news_came(struct sync *s, size_t idx);          /* a bundle was stored */

/* heal.c */
int sync__heal_load(struct sync *s);
/* A beat was stored, and everything before it is applied. */
int sync__beat_taken(struct sync *s, size_t idx, const struct bundle *b);
int sync__heal_step(struct sync *s); /* mends one lane */
int64_t sync__heal_wake(const struct sync *s);
void sync__heal_soon(struct sync *s); /* what was wanted is here, or wanted no more */
/* May the part of the views that streams of this writer brought in be derived again for its word?
 * Once an hour: the work is ours, and the word costs it nothing. *ret_at: when, if not now. */
bool sync__heal_may(const struct sync *s, const struct stream *st, int64_t *ret_at);
void sync__heal_done(struct sync *s, size_t idx); /* it is, for the sake of this stream */
/* A keyframe of this stream asks for it, because other epochs are held. *ret_now: the caller does
 * it; else it is done in a while, once for all that a neighbour brings until then. */
int sync__heal_keyed(struct sync *s, size_t idx, bool *ret_now);
bool sync__heal_waits(const struct sync *s, const struct stream *st); /* is it still to be done? */

/* self.c */
/* A neighbour holds k up to e; only own streams matter. */
int sync__self_heard(struct sync *s, struct peer *p, const struct stream_key *k,
                     const struct have_epoch *e);
void sync__self_forget(struct sync *s, const struct peer *p); /* it states its list anew */
/* Is the bundle of an own stream that these bytes begin the id of not held, nor was given up? */
int sync__self_lacks(const struct sync *s, const struct stream_key *k, int64_t seq,
                     const uint8_t id8[static 8], bool *ret);
/* Something of an own stream was not in this store though it should be: k, or all (NULL). */
int sync__self_doubt(struct sync *s, const struct stream_key *k);
int sync__self_clone(struct sync *s, bool is_clone);
/* Forgets what is reached, confirms what can be. A failure leaves everything as it was. */
int sync__self_settle(struct sync *s);
/* Who is to be believed has named nothing that is not here, and knew of the doubt when it did. */
int sync__self_answered(struct sync *s);
int sync__self_load(struct sync *s);
int64_t sync__self_wake(const struct sync *s);
void sync__self_free(struct sync *s);

/* ferry_self.c */
/* In a transaction: own epochs opened while in doubt, for whoever answers by file to name. */
int sync__since_add(struct sync *s, const uint8_t en[static 8]);
int sync__since_drop(struct sync *s);

/* epoch.c */
int sync__epochs_load(struct sync *s);
/* Remembers that an own epoch may go on elsewhere; seq0 < 0: keep what is remembered. */
int sync__epoch_mark(struct sync *s, const struct stream_key *k, int64_t seq0, bool must_open);
/* In a transaction: opens the next epoch of this audience, if it must be. */
int sync__epoch_open(struct sync *s, const char *aud);
/* The same; 1: one was opened, and the items stand in its first bundle. */
int sync__epoch_open_saying(struct sync *s, const char *aud, const struct span *items, size_t n,
                            uint8_t *ret_id);
bool sync__epoch_due(const struct sync *s, const char *aud);
/* In a transaction: names the accepted heads of all epochs that were in doubt. */
int sync__epoch_confirm(struct sync *s);
/* Somebody is on another branch of this own stream: the epoch bundle that says which one stands may
 * have been let go of for a keyframe, and is said again then. */
int sync__epoch_said(struct sync *s, size_t idx);
/* In a transaction: after an epoch bundle of another node was stored. */
int sync__epoch_seen(struct sync *s, const struct bundle *b);
/* A keyframe of this stream was taken: what is frozen of earlier epochs goes on. */
int sync__epoch_passed(struct sync *s, size_t idx);
/* Is there a keyframe of a later epoch? */
bool sync__epoch_is_passed(const struct sync *s, const struct stream *st);

/* branch.c */
int sync__branch_load(struct sync *s);
bool sync__branch_any(const struct sync *s); /* an own stream's other branch is awaited */
/* The branches part at `at` or before. */
int sync__branch_begin(struct sync *s, size_t idx, int64_t at, const struct node_id *from);
/* Own stream: two bundles of one number, both signed here. 0: it is being healed. */
int sync__branch_own(struct sync *s, size_t idx, const struct bundle *b);
/* Another's stream. 0 or SANJI_E_GAP: it is being taken over; SANJI_E_FORK: it is to be frozen. */
int sync__branch_relay(struct sync *s, size_t idx, const struct bundle *b);
/* A neighbour's word that it holds another bundle of an own stream at e->seq, or the same. */
int sync__branch_heard(struct sync *s, const struct peer *p, size_t idx, const struct have_epoch *e,
                       bool differs);
/* Its whole list is known. */
int sync__branch_listed(struct sync *s, const struct peer *p);
int sync__branch_healed(const struct sync *s, int64_t no, bool *ret);
/* This epoch bundle says which branch stands. */
int sync__branch_heal_note(struct sync *s, int64_t no, const struct bundle *b);
/* Was that said by it, or a later one, before? */
int sync__branch_decided(const struct sync *s, int64_t no, const struct bundle *b, bool *ret);
/* A bundle of a stream in doubt: 1 held already and common to both, 0 to be judged. */
int sync__branch_take(struct sync *s, size_t idx, const struct bundle *b);
/* The first bundle of the other branch takes the place of what is held from there on. */
int sync__branch_replace(struct sync *s, size_t idx, const struct bundle *b);
int sync__branch_drop(struct sync *s, size_t idx); /* what was in doubt is decided otherwise */
/* These are of a branch that was given up. */
int sync__branch_merge_note(struct sync *s, int64_t no, struct span ids);
/* Ids of what was, the head of the last branch given up last. */
int sync__branch_merged_ids(const struct sync *s, int64_t no, struct buf *ret);
/* The last bundle of the branch that was given up; false: none was. */
int sync__branch_merged(const struct sync *s, int64_t no, uint8_t ret[static HASH_LEN],
                        bool *ret_is);
/* Is this bundle of an own stream one of them? By the first bytes of its id. */
int sync__branch_given_up(const struct sync *s, int64_t no, const uint8_t id8[static 8], bool *ret);

/* again.c: what is published again */
int sync__again_load(struct sync *s);
/* This bundle of an own stream is to be. */
int sync__again_put(struct sync *s, const struct stream *st, int64_t seq,
                    const uint8_t id[static HASH_LEN], struct span frame);
int sync__again_run(struct sync *s); /* as far as it may be now */
/* In the transaction that opens the epoch behind own stream idx, or lets go of what is void of it:
 * what the end of a key has cut off it is published again. 1: there is such. */
int sync__again_void(struct sync *s, size_t idx);
/* A bundle of an own stream came from outside, because a store was put back or a key is known to
 * somebody else. From there on a person says what is published again. */
int sync__again_took(struct sync *s, int64_t no, int64_t seq);
/* Opens that epoch, also when nobody writes anything. */
int sync__again_cut(struct sync *s);

/* late.c: what an own keyframe passes over without its writer having known of it */
void sync__late_forget(struct sync *s); /* what was found out may be true no longer */
int sync__late_passed(struct sync *s, size_t idx, const struct bundle *b); /* before it is kept */
/* The last bundle of a keyframe says how far the other epochs of its lane are held. */
void sync__late_name(const struct sync *s, struct bundle_header *h);
int sync__late_kept(struct sync *s, size_t idx, const struct bundle *b, struct span frame);
/* An own stream begins at `from` now: what stood below was said once. */
int sync__late_let_go(struct sync *s, size_t idx, int64_t from);
/* What of below where an own stream begins is known: ranges of seqs, and the first 8 bytes of the
 * ids of everything in them that this node has said in the past it goes on from. */
struct late_range {
    int64_t from, to;
};
int sync__late_said(struct sync *s, int64_t no, struct buf *ids, struct buf *ranges);

/* pin.c: the trust head an invite names */
int sync__pin_load(struct sync *s);
/* Is this trust bundle another one than the invite says stands there? */
bool sync__pin_wrong(const struct sync *s, const struct bundle *b);

/* custody.c: what is let go of is handed on towards its writer (PROTOCOL.md 15.1) */
int sync__custody_load(struct sync *s);
void sync__custody_free(struct sync *s);
/* In a transaction: a bundle held here is given up. */
int sync__custody_keep(struct sync *s, const struct sync_bundle_row *row);
/* Is the writer's share not used up? If it is, people are told once. */
bool sync__custody_room(struct sync *s, const struct node_id *by);
/* A bundle was refused with err: does it come from where its writer may not see it, and is there
 * room? Where it is not kept, and not held either, the neighbour will hear so. */
int sync__custody_may(struct sync *s, int idx, const struct bundle *b, int err, bool *ret);
/* It does, and it verifies. */
int sync__custody_take(struct sync *s, size_t idx, const struct bundle *b, struct span frame);
int sync__custody_tidy(struct sync *s); /* once a day: what can be handed to nobody */
/* custody_pass.c: b closes a run behind a gap: what stands before the gap, and is not said again,
 * is kept. SANJI_E_GAP: there is no room for more of this writer. */
int sync__custody_passed(struct sync *s, size_t idx, const struct bundle *b);
/* custody_send.c */
void sync__custody_leave(struct sync *s, const struct bundle *b); /* not kept: s->from hears */
void sync__custody_stop(struct peer *p); /* the rest of its message cannot be read */
void sync__custody_say(struct peer *p, struct msg_hello *h);
void sync__custody_hear(struct sync *s, struct peer *p, const struct msg_hello *h);
bool sync__custody_due(const struct sync *s, const struct peer *p);
/* One writer's trust streams, or others, as far as *io_left bytes go. */
int sync__custody_send(struct sync *s, struct peer *p, bool trust, int64_t *io_left,
                       struct buf *out);
void sync__custody_again(struct sync *s, const struct peer *p); /* a new session with it */
int sync__custody_taken(struct sync *s, const struct peer *p);  /* what was sent has come */
int sync__custody_own(struct sync *s); /* the writer publishes again what it does not know */

/* twice.c: records changed in two epochs without knowledge of each other. */
int sync__twice_find(struct sync *s);

/* erase.c */
int sync__erase_load(struct sync *s);
void sync__erase_free(struct sync *s);
/* Is this item of a stream of (key->by, key->aud) erased? */
bool sync__erased(const struct sync *s, const struct stream_key *key, const struct item_ref *ref);
/* Is something of (key->by, key->aud) erased whose act has not come? */
bool sync__erase_ahead(const struct sync *s, const struct stream_key *key);
/* An erase item that may do what it says. */
int sync__erase_act(struct sync *s, const struct item *it, const char *owner,
                    const struct stream_key *key);
/* Before a bundle is stored: with stubs for what is erased already; line and frame are the new
 * bytes. */
int sync__erase_incoming(struct sync *s, const struct stream_key *key, struct bundle *io_b,
                         struct span *io_frame, struct buf *line, struct buf *frame);
/* A second history is proved by headers: the items of the proof are not kept. */
int sync__erase_proof(struct sync *s, const struct bundle *b, int64_t no,
                      const uint8_t held[static HASH_LEN]);
/* Carries out what was added to the list: stubs in everything held, views without it. While many
 * bundles are taken in one transaction, once for all of them: what comes meanwhile gets its stubs
 * by the list, and whoever writes acts one by one costs others one walk over his lane for a
 * message. */
int sync__erase_scrub(struct sync *s);
void sync__erase_gather(struct sync *s);
int sync__erase_gathered(struct sync *s,
                         int r);              /* r: what it came to so far; the same or its own */
void sync__erase_gather_stop(struct sync *s); /* nothing was taken */
bool sync__erase_waits(const struct sync *s); /* something is still to be taken out */
/* Before a keyframe is compared, a few times in one transaction. */
int sync__erase_scrub_now(struct sync *s);
/* Something own is erased, perhaps, that no act in force here names. */
bool sync__erase_unsaid(const struct sync *s);
void sync__erase_said(struct sync *s);
/* Before the acts of this writer are judged again. */
int sync__erase_unname(struct sync *s, const struct node_id *by);
/* A stub no act names came from s->from; named when its sender's head is reached. */
void sync__withheld_note(struct sync *s, int64_t no, int64_t seq, int idx);
void sync__withheld_check(struct sync *s, const struct peer *p);
/* erase_own.c: names again what no act names any more */
int sync__erase_again(struct sync *s);
/* erase_fill.c */
/* A bundle held already: items it brings where a stub waits for its act take the stub's place. */
int sync__erase_fill(struct sync *s, size_t idx, const struct bundle *b);
/* Can what is live here be compared with what the keyframe ending in `end` says? */
int sync__erase_may_judge(struct sync *s, size_t idx, const struct bundle *end, bool *ret);

/* kept.c: values of one size that are kept by stream: "WHAT/NO" in the store */
int sync__kept_get(const struct sync *s, const char *what, int64_t no, void *ret, size_t n);
int sync__kept_set(struct sync *s, const char *what, int64_t no, const void *v,
                   size_t n); /* v NULL: forgets it */
typedef int sync__kept_fn(struct sync *s, struct stream *st, const void *value);
int sync__kept_each(struct sync *s, const char *what, size_t n, sync__kept_fn *fn);
int sync__by_no(const struct sync *s, int64_t no); /* index of a stream that is held, or -1 */

/* want.c: bundles that are damaged here and held elsewhere */
int sync__want_load(struct sync *s);
/* What is below the stream's first or above its head is wanted no more. */
int sync__want_trim(struct sync *s, struct stream *st);
void sync__want_free(struct sync *s);
/* In a transaction: 1, or 0 when it is wanted already. Neighbours hear of it with the step. */
int sync__want_add(struct sync *s, size_t idx, int64_t seq);
void sync__want_say(struct sync *s);
bool sync__wanted(const struct sync *s, int64_t no, int64_t seq);
int64_t sync__want_sum(const struct sync *s, int64_t no);           /* says which, of this stream */
bool sync__wants_of(const struct sync *s, const struct stream *st); /* of its writer, any */
/* Up to where the stream can be sent to who holds it up to `after`. */
int64_t sync__want_limit(const struct sync *s, const struct stream *st, int64_t after);
/* 0: this is what stood there. SANJI_E_GAP: it is not, or nobody can tell yet. */
int sync__want_fits(struct sync *s, const struct stream *st, const struct bundle *b);
/* Verified; in a transaction. */
int sync__want_take(struct sync *s, size_t idx, const struct bundle *b, struct span frame);

/* damage.c */
/* Reads a stored bundle. 1: it is damaged; in a transaction it is wanted from now on, and the
 * caller goes on without it. Outside of one: SANJI_E_CORRUPT. */
enum read_what { READ_HEAD, READ_ALL }; /* the header alone: much quicker where there are many */
int sync__stored(struct sync *s, const struct sync_bundle_row *row, enum read_what what,
                 struct buf *line, struct arena *a, struct bundle *ret);
/* By the key it names, wherever that stands; true where the key is not known. */
bool sync__is_signed(const struct sync *s, const struct bundle *b);
/* In a transaction: wants every stored bundle of the writer that is not what was signed. */
int sync__damage_find(struct sync *s, const struct node_id *by);

/* apply.c */
int sync__apply(struct sync *s, const struct bundle *b, const struct sync_bundle_row *row,
                const struct stream_key *key, enum aud_type aud);
/* Only those items of a bundle applied before. */
int sync__apply_some(struct sync *s, const struct bundle *b, const struct sync_bundle_row *row,
                     const struct stream_key *key, enum aud_type aud,
                     bool (*wants)(const struct bundle *b, int i, void *arg), void *arg);

/* write.c */
/* One own bundle in the open transaction; kf: it closes a keyframe. */
int sync__write_one(struct sync *s, enum bundle_type type, const char *aud,
                    const struct span *items, size_t n, const struct keyframe *kf, uint8_t *ret_id);
/* Header of the next bundle of (self, aud): of the newest epoch, or the first one. */
int sync__next_header(struct sync *s, enum bundle_type type, const char *aud,
                      struct bundle_header *h);
int sync__g_ended(struct sync *s, const struct stream *st,
                  bool *ret); /* of another federation now */
int sync__write_as(struct sync *s, struct bundle_header *h, const struct span *items, size_t n,
                   uint8_t *ret_id);
int sync__act_publish(struct sync *s, struct span text, bool sign, const struct act_co *co,
                      size_t n_co, bool in_tx);

/* peer.c */
struct peer *sync__peer(struct sync *s,
                        const struct node_id *id); /* find or add; NULL: no memory */
struct peer *sync__peer_find(const struct sync *s, const char *id);
void sync__peers_free(struct sync *s);
/* After the roster changed: parent and children anew, queues anew. */
int sync__peers_refresh(struct sync *s);
void sync__peer_reset_their(struct sync *s, struct peer *p);
void sync__peer_reset_stated(struct sync *s, struct peer *p);
void sync__stream_advanced(struct sync *s, size_t idx);
int sync__peer_grow(struct sync *s, struct peer *p); /* p->ps has a place for every stream */
void sync__peer_due(struct peer *p, size_t idx);     /* something of this stream is to be sent */
/* In the store it ends at st->row.seq from now on. It begins with what is held up to there: the
 * keyframe that had let go of it may be among what goes. */
int sync__stream_shorter(struct sync *s, struct stream *st);
/* Its head is another than neighbours were told. */
void sync__stream_retreated(struct sync *s, size_t idx);
/* Has a neighbour said that it holds the stream up to seq? */
bool sync__peer_holds(const struct sync *s, size_t idx, int64_t seq);
/* The peer sent this bundle: it holds the stream up to here. */
void sync__peer_shows(struct sync *s, struct peer *p, const struct stream_key *k, int64_t seq);
/* Takes one have frame of this peer. */
int sync__have_take(struct sync *s, struct peer *p, struct span line);
/* Writes have frames (delta or all) as frames into out; number of lines. */
int sync__have_state(struct sync *s, struct peer *p, struct buf *out, int64_t *ret_lines);
/* Appends frames the peer lacks, up to max inflated bytes. */
int sync__send_some(struct sync *s, struct peer *p, int64_t max, struct buf *out, bool *ret_more,
                    int64_t *ret_n);
bool sync__has_to_send(struct sync *s, struct peer *p);
/* The neighbour on the way to this node; NULL: none, or not known yet. */
struct peer *sync__peer_towards(const struct sync *s, const struct node_id *id);
/* Digest of everything held that the peer is entitled to, from scratch. */
void sync__own_digest(struct sync *s, const struct peer *p, uint8_t out[static HASH_LEN]);

/* diverge.c */
/* Has a cut decided between what is held and this other bundle, for what is held? */
int sync__diverge_settled(struct sync *s, const struct stream *st, const struct bundle *b,
                          bool *ret);
/* Two histories of this stream are known here: the neighbour on the way to its writer is shown. */
void sync__diverge_prove(struct sync *s, size_t idx);
/* What a neighbour holds of an own stream, against what is held here, also where that is in doubt.
 */
int sync__diverge_own(struct sync *s, struct peer *p, int idx, const struct have_epoch *e);
/* Does it state a bundle that is held here, too? */
int sync__diverge_agrees(const struct sync *s, const struct peer *p, size_t idx, bool *ret);
/* Does it hold another bundle than this node under the number it states? */
int sync__diverge_seen(struct sync *s, struct peer *p, size_t idx, const struct have_epoch *e);

/* message.c */
int sync__hello_write(struct sync *s, const struct msg_hello *h, struct buf *out);
/* Reads hello and have frames at the front of a message; *ret_rest: the bundles. */
int sync__hello_read(struct sync *s, struct peer *p, struct span body, struct msg_hello *ret,
                     struct span *ret_rest, size_t *ret_inflated);
/* Accepts every bundle frame of rest in one transaction. */
int sync__take_bundles(struct sync *s, struct peer *p, struct span rest, size_t inflated,
                       int64_t *ret_stored);

/* client.c */
void sync__client_answer(struct sync *s, const struct sync_event *ev);
void sync__client_run(struct sync *s); /* starts whatever may start now */
int64_t sync__client_wake(const struct sync *s);
void sync__client_reset(struct sync *s);

/* server.c, session.c */
void sync__server_request(struct sync *s, const struct sync_event *ev);
void sync__server_gone(struct sync *s, const struct sync_event *ev);
void sync__server_answer_held(struct sync *s, bool all);
int64_t sync__server_wake(const struct sync *s);
void sync__session_request(struct sync *s, const struct sync_event *ev);
struct server_session *sync__session_find(struct sync *s, uint64_t conn, struct span token);
void sync__session_drop(struct sync *s, uint64_t conn);
int sync__session_clone(struct sync *s, const char *node); /* SANJI_E_CLONE, or a failure */
/* In a transaction: its sessions end, whatever machine logs in next is taken for it. */
int sync__session_believe(struct sync *s, const struct node_id *child);
void sync__reply_error(struct sync *s, uint64_t req, int err, int64_t retry, const struct fault *f);
void sync__reply(struct sync *s, uint64_t req, int status, const char *type, struct buf *body);

/* fetch.c: attachments that are wanted, here and by neighbours (PROTOCOL.md 24.1) */
void sync__fetch_free(struct sync *s);
struct fetch *sync__fetch_find(const struct sync *s, const struct fetch_key *k);
/* May `to` be given it, as far as the records held here say? to NULL: is it named at all. 0;
 * SANJI_E_NOT_FOUND. */
int sync__fetch_allowed(const struct sync *s, const struct fetch_key *k, const struct peer *to,
                        int64_t *ret_len);
/* The neighbour on whose side it lies; NULL: none. */
struct peer *sync__fetch_via(const struct sync *s, const struct fetch_key *k);
/* A neighbour wants what is not here: it is fetched for it. 0 when it is here now;
 * SANJI_E_PENDING: it is on its way; else what stands in the way. */
int sync__fetch_for(struct sync *s, const struct fetch_key *k, const struct peer *asker);
/* A part of it, or what its neighbour said instead of one. */
int sync__fetch_take(struct sync *s, struct fetch *f, struct peer *from, const struct msg_blob *m,
                     struct span bytes);
void sync__fetch_put_off(struct sync *s, struct fetch *f, int err, int64_t retry_ms);
int sync__fetch_quota(struct sync *s, struct peer *p, size_t bytes); /* 0, or SANJI_E_QUOTA */
int sync__fetch_step(struct sync *s);
int64_t sync__fetch_wake(const struct sync *s);
void sync__fetch_hear(struct peer *p, const struct msg_hello *h);
void sync__fetch_can(const struct sync *s, struct msg_hello *h);
/* fetch_talk.c: the requests */
void sync__fetch_say(struct sync *s, struct peer *p, struct msg_hello *h); /* to a child */
void sync__fetch_asked(struct sync *s, const struct msg_hello *h);         /* the parent wants */
void sync__fetch_came(struct sync *s, const struct fetch_key *k); /* so that it can be handed on */
bool sync__fetch_due(const struct sync *s);
int sync__fetch_ask(struct sync *s, struct buf *out); /* out empty: there is nothing to say */
int sync__fetch_answer(struct sync *s, struct span body);
void sync__fetch_refused(struct sync *s, int err, int64_t retry_ms);
void sync__fetch_request(struct sync *s, const struct sync_event *ev);

/* backoff.c */
int64_t sync__backoff(int attempt, int64_t min_ms, int64_t max_ms, uint32_t rnd);

#endif
