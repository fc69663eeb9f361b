/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_TESTS_SIM_H
#define SANJI_TESTS_SIM_H

#include "tests/support/world_check.h"

/* One run of a federation drawn from a seed: which faults, how many nodes, what people do. */

enum { SIM_CASES = 64, SIM_STEPS = 32 };
enum { SIM_WRITES = 2048, SIM_GONE = 1024, SIM_DRAWER = 12, SIM_STICK_PARTS = 24 };

enum sim_count {
    SC_WRITES,
    SC_REFUSED, /* writes refused because the store failed */
    SC_CRASHES, /* at a store call */
    SC_STOPS,
    SC_CUTS,
    SC_JOINS,
    SC_JOIN_FAILED,
    SC_REFERRALS,
    SC_STORE_ERRORS,
    SC_WINTERS, /* months during which a node is off */
    SC_CLOCKS,
    SC_HOSTILE,
    SC_REVOKED,      /* keys cut */
    SC_COMPACTED,    /* streams at a node that begin with a keyframe */
    SC_JUMPS,        /* keyframes taken instead of what was missed */
    SC_RESTORED_DB,  /* put back, what is remembered beside it is not */
    SC_RESTORED_ALL, /* put back as a whole */
    SC_RESTORED_PARENT,
    SC_LOST,        /* writes that died with the disk before anybody else held them */
    SC_EPOCHS,      /* streams of a second or later epoch */
    SC_HEALED,      /* streams of which one branch was given up */
    SC_TWICE,       /* records changed in two histories */
    SC_KEPT_BACK,   /* bundles that a district did not pass on, or in another order */
    SC_FROZEN,      /* streams that stay frozen at a node: their writer signed two things */
    SC_PROOFS,      /* proofs of that published */
    SC_ERASED,      /* forms of records */
    SC_ERASED_BACK, /* of them unknown to a store that was put back, and known elsewhere */
    SC_ERASED_LATE, /* of them not known to their writer when it erased the record */
    SC_ERASED_CUT,  /* of them by a writer whose key was cut since */
    SC_STOLEN,      /* streams frozen over what somebody else signed with their writer's key */
    SC_BACK,        /* of them brought back: a new key, the old one ended, a new epoch */
    SC_REBUILT,     /* views derived anew in the middle of a run */
    SC_STEPS,       /* of referrals, behind the first */
    SC_MOVED,       /* referrals that are not where they began */
    SC_IGNORED,     /* steps that were not allowed where they stand */
    SC_EVENTS,
    SC_COUNT
};

struct sim_write { /* acknowledged to the user */
    int owner;
    char id[20];
    char aud[LIM_AUD_BYTES + 1];
    int64_t r;
    bool withdrawn, erased;
    int back;   /* how often its owner had been put back: of the past it goes on from, or another */
    int64_t no; /* counts */
    uint8_t leaf[HASH_LEN]; /* put back, it may write another form under this number */
};

struct sim_gone { /* erased, as the writer's list says */
    int owner;
    char id[20];
    uint8_t leaf[HASH_LEN];
};

/* What a stick holds, and what becomes of it on its way. */
enum sim_stick_kind {
    SK_NEW,
    SK_FULL,
    SK_SEALED,
    SK_PARTS,
    SK_TRUST,
    SK_RECEIPT,
    SK_ALL,
    SK_COUNT
};
enum sim_stick_fault {
    SF_GOOD,
    SF_OLD,    /* a newer one has been there before */
    SF_AGAIN,  /* given, and kept to be given again */
    SF_TORN,   /* the end is missing */
    SF_TURNED, /* bytes changed */
    SF_LOST,
    SF_WRONG,  /* given to a node it is not meant for */
    SF_BROKEN, /* the node died, or its disk failed, while it took it */
    SF_COUNT
};
struct sim_stick {
    int from, to;
    enum sim_stick_kind kind;
    int64_t made; /* which comes after which */
    struct buf part[SIM_STICK_PARTS];
    size_t n; /* 0: none */
};

struct sim_case { /* a referral, as far as it was acknowledged */
    int node[REF_PARTIES];
    char id[20];
    uint8_t cek[32];
    int64_t step[REF_PARTIES];
    struct ref_ev ev[SIM_STEPS];
    size_t n;
};

struct sim {
    struct world w;
    struct world_faults faults; /* as drawn; off while healing */
    int actions;
    bool crashes, store_errors, cuts, stops, joins, clocks, winter, hostile, referrals, bursts,
        revokes, restores, withholds, erases, steals, rare,
        churn; /* churn: the same few records are written again and again */
    struct mem_store *backup[WORLD_MAX]; /* NULL: none */
    int64_t backup_no[WORLD_MAX];        /* writes up to this one are in it, */
    int backup_back[WORLD_MAX];          /* those of the past of that time */
    int was_back[WORLD_MAX];             /* how often */
    bool
        unsure[WORLD_MAX]; /* what a node says again, or has let go of: the model does not follow */
    int bad;               /* index of the hostile node, -1 */
    int robbed;            /* whose key somebody else has, -1 */
    struct sim_write write[SIM_WRITES];
    size_t n_writes;
    struct sim_gone gone[SIM_GONE];
    size_t n_gone;
    int64_t count[SC_COUNT];
    struct sim_case cases[SIM_CASES];
    size_t n_cases;
    int stuck; /* district without a network, -1 */
    struct sim_stick drawer[SIM_DRAWER];
    int64_t stick_no, stick_newest[WORLD_MAX][WORLD_MAX], stick[SF_COUNT][SK_COUNT];
    struct buf evil; /* frames for the hostile node's next message */
    int next_id;
    int64_t next_write;
};

/* plan.c */
void sim_draw(struct sim *m, uint64_t seed); /* draws the plan and builds the first nodes */
void sim_faults(struct sim *m);              /* first phase */
void sim_heal(struct sim *m);                /* second phase: until all agree, or too long */
void sim_put(struct sim *m, int i, const char *id, const char *aud, int64_t r);

extern bool sim_restores; /* data folders are put back in some of the runs */
extern bool sim_erases;   /* and records erased in those, and where keys are cut */

/* restore.c */
void sim_backup(struct sim *m, int i);
void sim_restore(struct sim *m, int i);
void sim_forget_backups(struct sim *m);
/* What should be seen of this record cannot be told any more. */
void sim_forget_record(struct sim *m, int owner, const char *id);
/* Its key was cut: what only it held, after others were put back, is out of reach for good. */
void sim_shut_out(struct sim *m, int i);

/* Which writes node `at` holds, in its streams or (`beside`) kept beside them; to be freed. */
bool *sim_held(struct sim *m, int at, bool beside);
/* Which are in any store that can still be reached; what was compacted away is not, and is not
 * lost.
 */
bool *sim_somewhere(struct sim *m);
/* Of what node i wrote only what node `at` holds is left, and of records whose newest form that
 * does not hold nobody can tell what becomes: the key that signed it ends there. */
void sim_keep_held(struct sim *m, int i, int at);

/* rare.c */
extern bool sim_rare; /* what seldom happens is made to happen */
void sim_rare_draw(struct sim *m, uint64_t seed);
void sim_rare_act(struct sim *m);

/* sticks.c */
extern bool sim_sticks; /* a district has no network */
bool sim_by_stick(const struct sim *m, int i);
void sim_sticks_draw(struct sim *m);
void sim_sticks_cut(struct sim *m); /* whoever joined there has none either */
void sim_stick_act(struct sim *m);
void sim_stick_round(struct sim *m); /* careful people carry everything once, up and down */
void sim_stick_drop(struct sim_stick *s);
void sim_sticks_done(struct sim *m);
bool sim_sticks_met(int64_t met[SF_COUNT][SK_COUNT]); /* prints; false: some never */

/* steps.c */
void sim_case_note(struct sim *m, int i, int to, const char *id, const uint8_t cek[static 32]);
void sim_case_step(struct sim *m);
int sim_check_cases(struct sim *m, struct world_verdict *v);

/* thief.c */
void sim_steal(struct sim *m, int i);
void sim_way_back(struct sim *m);

/* erase.c */
void sim_erase(struct sim *m, int i);
/* Put back, it erases a record of which it has forgotten a form. */
void sim_erase_past(struct sim *m, int i);
/* gone.c */
void sim_gone_note(struct sim *m, int i,
                   const char *id);       /* node i has erased it; NULL: whatever it has */
void sim_gone_back(struct sim *m, int i); /* its store was put back */
bool sim_older_waits(struct sim *m);      /* an older form of what is erased has to go still */
int sim_check_gone(struct sim *m, struct world_verdict *v);
/* The list of what is erased lies beside the store: n is put back with it. */
void sim_list_keep(struct sim *m, int i);
void sim_list_load(struct sim *m, int i);
/* What no act says that is held anywhere, nor its writer knows: that is lost, and may be seen. */
void sim_forget_gone(struct sim *m);
/* The revision a record is erased up to, as its writer says, or r if that is higher. */
int64_t sim_floor(const struct sim *m, int owner, const char *id, int64_t r);
/* Forms of other pasts are erased with the record they are of. */
void sim_marks_settle(struct sim *m);
int sim_check_erased(const struct sim *m, struct world_verdict *v);

/* hostile.c: a child with a valid key and bad intentions */
void hostile_act(struct sim *m);
world_tap hostile_tap;

/* main.c: somebody has frozen a stream and not published the proof yet */
bool sim_proofs_wait(const struct sim *m);
/* Somebody who was put back does not know yet how far it had got. */
bool sim_in_doubt(const struct sim *m);

/* memo.c: each signature is verified once a run. Between runs, when nobody holds a key. */
void memo_forget(void);

#endif
