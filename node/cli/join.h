/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_CLI_JOIN_H
#define SANJI_NODE_CLI_JOIN_H

#include "node/cli/verb.h"
#include "node/loop.h"
#include "protocol/limits.h"
#include "protocol/msg.h"

struct link;

/* One enrolment from the new machine's side, for join and recover. */
struct joining {
    struct verb *v;
    struct loop *l;
    struct link *k;
    struct app_join j;
    struct msg_invite inv;
    struct arena *ar;
    const char *url;
    char act[LIM_ITEM_BYTES]; /* text to be signed in the second step */
    char digits[7];
    char need[LIM_NODE_ID + 2]; /* whose signature is waited for; told once */
    struct key_id kid;          /* the new key */
    struct buf body;
    int err;       /* of the last request */
    char said[64]; /* the parent's own error name */
    int state;     /* 0 pending, 1 act, 2 done */
    bool heard;    /* the parent has taken a request: it may know the keys */
    int64_t retry;
    char recovery[RECOVERY_TEXT];
};

/* Runs with a fresh struct, wiped afterwards. */
int join_with(struct verb *v, int (*run)(struct joining *x));
int join_wait(struct verb *v, int64_t *ret); /* --wait, --no-wait */
int join_read_invite(struct joining *x);     /* from the arguments or standard input */
int join_told(struct joining *x); /* joined: what comes next, and the recovery code, this once */
/* By files on a stick: takes the answer if it lies there, else writes the request. v_join_ferry.c
 */
int join_by_ferry(struct joining *x, const char *where);
/* Until the parent says `done`: 0; SANJI_E_PENDING after wait_ms. */
int join_talk(struct joining *x, int64_t wait_ms);

#endif
