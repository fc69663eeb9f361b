/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_TESTS_SIM_H
#define SANJI_TESTS_SIM_H

#include "tests/support/world_check.h"

/* One run of a federation drawn from a seed: which faults, how many nodes, what people do. */

enum { SIM_WRITES = 2048 };

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
    SC_REVOKED,   /* keys cut */
    SC_COMPACTED, /* streams at a node that begin with a keyframe */
    SC_JUMPS,     /* keyframes taken instead of what was missed */
    SC_EVENTS,
    SC_COUNT
};

struct sim_write { /* acknowledged to the user */
    int owner;
    char id[20];
    char aud[LIM_AUD_BYTES + 1];
    int64_t r;
    bool withdrawn;
    uint8_t bundle[HASH_LEN];
};

struct sim {
    struct world w;
    struct world_faults faults; /* as drawn; off while healing */
    int actions;
    bool crashes, store_errors, cuts, stops, joins, clocks, winter, hostile, referrals, bursts,
        revokes, churn; /* churn: the same few records are written again and again */
    int bad;            /* index of the hostile node, -1 */
    struct sim_write write[SIM_WRITES];
    size_t n_writes;
    int64_t count[SC_COUNT];
    struct buf evil; /* frames for the hostile node's next message */
    int next_id;
};

/* plan.c */
void sim_draw(struct sim *m, uint64_t seed); /* draws the plan and builds the first nodes */
void sim_faults(struct sim *m);              /* first phase */
void sim_heal(struct sim *m);                /* second phase: until all agree, or too long */

/* hostile.c: a child with a valid key and bad intentions */
void hostile_act(struct sim *m);
world_tap hostile_tap;

/* memo.c: each signature is verified once a run. Between runs, when nobody holds a key. */
void memo_forget(void);

#endif
