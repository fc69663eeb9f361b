/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_PAIR_H
#define SANJI_NODE_APP_PAIR_H

#include "node/app.h"
#include "protocol/flow_pair.h"

/* Records with answers (protocol/flow_pair.h) as this node holds them. */
enum { PAIR_ANSWERS = 16 };
struct app_pair {
    const char *state; /* of the pair; static */
    int64_t no;        /* how often the record was sent */
    bool again;        /* sent again, or changed, since the answer that counts */
    size_t n, which;   /* n: none */
    struct pair_answer answer[PAIR_ANSWERS];
};
/* The pair of the record owner/id with content d (empty: there is none). */
int app_pair_now(struct app *a, const struct pair_flow *f, const char *owner, const char *id,
                 struct span d, struct app_pair *ret);
/* Id of the answer to owner/id, whoever writes it. */
int app_pair_answer_id(const struct pair_flow *f, const char *owner, const char *id,
                       char ret[static LIM_ID_BYTES + 1]);

#endif
