/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_FLOW_PAIR_H
#define SANJI_PROTOCOL_FLOW_PAIR_H

#include "protocol/kinds/kind.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A record of one node and the answers of others to it (PROTOCOL.md 18.7): a report and what the
 * node above says about it. Each node writes its own record only and says in it what it had seen of
 * the other's; the state all see is a function of these records, so that order of arrival and
 * clocks play no part. Referrals are not folded here: their parties write lists of events, because
 * each step carries sealed content of its own. */

enum pair_side { PAIR_OWNER, PAIR_OTHER, PAIR_SIDES };

/* Who may write which state of his own record while the pair is in a state. */
struct pair_edge {
    const char *from;
    enum pair_side who;
    const char *to;  /* states of that side's record, space separated */
    const char *why; /* those of them that need words in KIND_WHY; NULL: none */
};
/* What an answer makes of the pair; `latest`: it is about the newest form of the record. */
struct pair_rule {
    const char *answer;
    bool latest;
    const char *state;
};
struct pair_flow {
    const struct kind *owner, *answer;
    /* Members: of the record, how often it was sent; of the answer, which record, which of its
     * sendings and which content it is about (a hash; may be absent). */
    const char *no, *about, *seen, *form;
    const char *sent;   /* the record's state in which others have it */
    const char *states; /* of the pair, space separated; the first two: none, kept at home */
    const struct pair_edge *edges;
    size_t n_edges;
    const struct pair_rule *rules;
    size_t n_rules;
};
extern const struct pair_flow *const pair_flows[];
extern const size_t pair_flows_n;
/* The flow a kind is one side of; NULL: none. */
const struct pair_flow *pair_flow_of(const struct kind *k, enum pair_side *ret_side);

struct pair_answer {
    int64_t lv; /* of who wrote it: smaller is higher in the tree */
    struct node_id by;
    int64_t seen;
    bool other;        /* it is about other content than there is now */
    const char *state; /* a word of the answer's table */
};
struct pair_now {
    const char *state;
    size_t which; /* the answer that counts; n: none */
    bool again;   /* sent again, or changed, since that answer */
};
/* own: the record's state, NULL: there is none (or it was withdrawn); no: how often it was sent.
 * Content that was changed under the same number counts as sent once more. Of several answers the
 * one about the latest sending counts, among these the highest node's. */
void pair_fold(const struct pair_flow *f, const char *own, int64_t no, const struct pair_answer *a,
               size_t n, struct pair_now *ret);
/* May this side write its record with state `to` now? 0 or SANJI_E_STATE. */
int pair_may(const struct pair_flow *f, const char *now, enum pair_side who, const char *to);
/* Does that step need a reason (kind_why_check())? */
bool pair_asks_why(const struct pair_flow *f, const char *now, enum pair_side who, const char *to);

#endif
