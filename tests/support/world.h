/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_TESTS_WORLD_H
#define SANJI_TESTS_WORLD_H

#include "sync/enrol.h"
#include "sync/sync.h"
#include "tests/support/mem_store.h"

/* A whole federation in one process: every node is an engine on a store in memory, the wires
 * between them are a queue ordered by virtual time. Nothing in here reads a clock or a real random
 * source: the same seed gives the same run, byte for byte, and the same trace hash. */

enum { WORLD_MAX = 40, WORLD_ERRS = 64, WORLD_GUARD = 64 };

struct world_guard { /* a head of an own stream, remembered outside the store */
    struct stream_key key;
    int64_t seq;
    uint8_t id8[8];
};

/* What the wires do, in thousandths of messages. */
struct world_faults {
    int loss;       /* request or answer never arrives */
    int dup;        /* the request arrives twice, the second time up to 30 s later */
    int truncate;   /* the body ends early */
    int corrupt;    /* 1 to 8 bytes changed (exchange messages only: the session is inside TLS) */
    int lost_reply; /* the parent has done its work, the answer is lost */
    int64_t lat_min, lat_max;
};

/* Which fault struck, and what the node struck was doing. A run that is meant to prove something
 * must have met every pair: a fault that never hits a log-in says nothing about log-ins. */
enum world_fault {
    WF_LOSS,
    WF_DUP,
    WF_TRUNCATE,
    WF_CORRUPT,
    WF_LOST_REPLY,
    WF_CUT,
    WF_STOP,
    WF_CRASH,       /* between two calls of its store */
    WF_CRASH_WRITE, /* at a call of its store */
    WF_STORE,       /* a call of its store failed */
    WF_CLOCK,
    WF_COUNT
};
enum world_stage {
    WS_LOGIN, /* a log-in is under way */
    WS_UP,    /* its bundles are under way to the parent */
    WS_HELD,  /* nothing but the long poll is under way */
    WS_QUIET, /* nothing is: between two attempts, or the top */
    WS_COUNT
};

/* What the node `relay.node` does with bundles that pass through it. */
enum relay_kind { RELAY_HONEST, RELAY_WITHHOLD, RELAY_FREEZE, RELAY_REORDER };
struct relay {
    enum relay_kind kind;
    int node, victim; /* WITHHOLD: whose */
    int64_t kept_back;
};

struct wnode {
    char name[16];
    struct node_id id;
    int up; /* index of the parent, -1: the top */
    int64_t lv;
    bool exists, running, joined, hostile;
    bool torn;         /* an act of erasure is void or lost: some hold stubs, some the items */
    bool revoked;      /* its key was cut: it cannot log in any more and knows nothing of it */
    bool cut;          /* the cable to the parent is out */
    int64_t clock_off; /* wall clock error */
    int64_t mono_off;  /* monotonic clocks begin anywhere at each start */
    uint8_t old_seed[SIGN_SEED_LEN]; /* has_old: it signed with this one before */
    bool has_old;
    uint8_t sign_seed[SIGN_SEED_LEN], seal_seed[1][SEAL_SEED_LEN], tls[HASH_LEN], inst[16];
    uint8_t g[HASH_LEN];
    struct mem_store *mem;
    struct sync *s;
    uint64_t gen; /* counts starts: what was under way for an earlier one is lost */
    uint64_t conn[LANE_COUNT], post[LANE_COUNT];
    bool login[LANE_COUNT]; /* what post[] is */
    bool fresh[LANE_COUNT];
    int64_t wake_at;
    int64_t posts, exchanges, sessions, alarms[WORLD_ERRS];
    int64_t in_bundles;                    /* bundles' bytes in answers and requests taken */
    struct world_guard guard[WORLD_GUARD]; /* told to the engine at its next start */
    size_t n_guard;
    bool crash_armed; /* a failing store call is a crash: none after it does anything */
};

struct world;
/* Sees every POST before it leaves; may change the body. */
typedef void world_tap(struct world *w, int node, struct sync_wish *wish, void *arg);

/* Sees what a step of node i came to, before its wishes are carried out; ev NULL: a person agreed
 * to something. */
typedef void world_after(struct world *w, int node, const struct sync_event *ev, int r,
                         const struct sync_out *out, void *arg);

struct wev;
struct wreq;
struct world {
    uint64_t rng;
    int64_t now; /* virtual ms */
    int64_t wall;
    struct wnode node[WORLD_MAX];
    int n;
    struct world_faults faults;
    bool garbled; /* bits of some message were turned */
    struct sync_tuning tune;
    bool has_tune;
    uint8_t g[HASH_LEN], root_seed[SIGN_SEED_LEN];
    struct wev **heap;
    size_t n_heap, cap_heap;
    struct wreq *req;
    size_t n_req, cap_req;
    uint64_t next_no, next_req, next_conn, next_post;
    uint64_t trace; /* hash of everything that happened */
    bool print;
    int64_t events, same_time;
    int64_t met[WF_COUNT][WS_COUNT];
    world_tap *tap;
    void *tap_arg;
    world_after *after;
    void *after_arg;
    void (*inside)(struct world *w, int node, bool in); /* a node's engine is entered, left */
    struct relay relay;
    uint8_t leaf[HASH_LEN]; /* of the item written last */
    bool by_file;           /* whoever is enrolled asks by file */
    struct buf *ask_body;   /* an answer that a person waits for, not a node */
    int ask_status;
    /* Set: every exchange message is read on its way, and the first bundle or stream named to a
     * node that may not hold it is remembered here, as is a trust act behind other bundles. */
    bool inspect;
    char leak[160];
    struct frame_ctx *inspect_fc;
    struct arena *inspect_arena;
};

void world_init(struct world *w, uint64_t seed);
void world_done(struct world *w);
/* One draw a statement (or behind && || ?:): C leaves the order of arguments and operands open, and
 * compilers differ in it, so that a seed would be another run with each of them. */
uint64_t world_rand(struct world *w);
int64_t world_range(struct world *w, int64_t lo, int64_t hi); /* both included */
bool world_chance(struct world *w, int per_mille);
void world_bytes(struct world *w, void *out, size_t n);
/* Counts that a fault struck node i. */
void world_met(struct world *w, enum world_fault f, int i);
void world_note(struct world *w, const char *what, int node, const void *p, size_t n);

/* First node. Index. */
int world_genesis(struct world *w, const char *name, int64_t lv);
/* Invite, enrolment in two or three requests, start. Index, or the error. */
int world_enrol(struct world *w, int up, const char *name, int64_t lv, bool auto_ok);
/* The request for that invite as a file (PROTOCOL.md 13.3). ts 0: of now. */
void world_letter(struct world *w, const struct msg_invite *in, struct msg_enrol *e, int64_t ts,
                  const struct sign_key *k, struct buf *ret_file);
/* The machine of node i is gone with its keys: another comes back under its id. Its parent agrees,
 * and where `above` the node above that one, or the root. 0; SANJI_E_PENDING: a signature is
 * missing; another refusal. ret's texts lie in a. */
int world_recover(struct world *w, int i, bool above, struct msg_invite *ret, struct arena *a);
/* Somebody with other keys uses an invite of node i. */
int world_enrol_with(struct world *w, int i, const struct msg_invite *in, char ret_state[16]);
int world_find(const struct world *w, const char *name); /* -1 */
int world_of(const struct world *w, const char *id);     /* by node id, -1 */

/* Another engine on the store of node i. */
int world_engine(struct world *w, int i, struct sync **ret);
void world_start(struct world *w, int i);
void world_stop(struct world *w, int i);  /* in order */
void world_crash(struct world *w, int i); /* what was not committed is gone */
/* After whatever called its engine: was that to die there? Then it has. */
bool world_died(struct world *w, int i);
/* A second machine with the keys of node i, whose disk is `copy` (it becomes the machine's). Index;
 * it is not started. */
int world_twin(struct world *w, int i, struct mem_store *copy);
void world_tick(struct world *w, int i, struct sync_tick *ret);
/* One event into one engine; wishes are carried out. */
void world_step(struct world *w, int i, const struct sync_event *ev);
void world_event(struct world *w, int i, enum sync_event_type type);

/* To be put around calls of the engine of node i: r = world_out(w, i, (world_in(w, i), call)). */
void world_in(struct world *w, int i);
int world_out(struct world *w, int i, int r);

/* Until virtual time has advanced by ms. */
void world_run(struct world *w, int64_t ms);
/* Until cond, at most ms; true when it came. */
bool world_until(struct world *w, int64_t ms, bool (*cond)(struct world *w, void *arg), void *arg);
/* Nothing moves for ms, at any node: clocks alone advance. */
void world_skip(struct world *w, int64_t ms);

/* Writes one item of text `item` at node i and lets the engine know. ret_id may be NULL. */
int world_write(struct world *w, int i, const char *aud, const char *item, uint8_t *ret_id);
/* A listing or its withdrawal (title NULL). */
int world_put(struct world *w, int i, const char *aud, const char *id, int64_t r, const char *title,
              uint8_t *ret_id);
/* Erases what the engine of node i is told to, in a transaction of its own, and lets it know. */
int world_erase(struct world *w, int i, const struct sync_erase *what, int64_t *ret_n);
/* One bundle from outside, as a stick brings it; what came of it. */
int world_show(struct world *w, int i, struct span frame);
/* One step of a referral to another node. cek: the thread's key. */
int world_referral(struct world *w, int i, int to, const char *id, int64_t step, int64_t seen,
                   const char *who, const char *ev, const char *d, const uint8_t cek[32]);
/* An audience's text: "sub:@city" -> "sub:nabc..."; names after @ are nodes of this world; the
 * nodes of to: are sorted. */
const char *world_aud(const struct world *w, const char *pattern,
                      char out[static LIM_AUD_BYTES + 1]);
/* Independent of the roster: may node p hold what `by` writes to `aud`? From the model's own tree.
 */
bool world_may_hold(const struct world *w, int by, const char *aud, int p);

/* world_say.c: reads one exchange message from one node to another (see inspect). */
void world__inspect(struct world *w, int from, int to, const struct buf *body);

/* world_relay.c: a message of node `from` on its way. */
void world__relay(struct world *w, int from, struct buf *body);

/* world_join.c: brings the request to node `up`; the state it came to, or "" for a refusal. */
void world__ask_by_file(struct world *w, int up, const struct msg_invite *in, struct msg_enrol *e,
                        const struct sign_key *k, char ret_state[16]);

/* world_net.c */
void world__wishes(struct world *w, int i, struct sync_out *out);
void world__hang_up(struct world *w, int i); /* everything to and from node i breaks */
void world__net_done(struct world *w);
/* Handles the next event if it is due by `until`; false when there is none. */
bool world__next(struct world *w, int64_t until);

#endif
