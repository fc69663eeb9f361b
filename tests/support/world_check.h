/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_TESTS_WORLD_CHECK_H
#define SANJI_TESTS_WORLD_CHECK_H

#include "tests/support/world.h"

/* What must hold in every federation, computed without the engine: from stores, keys and the tree
 * the simulation made. 0, or -1 with a sentence that names the first thing wrong. */

struct world_verdict {
    char text[320];
    bool frozen; /* what is wrong is that a stream stays frozen */
};

/* Nobody holds what it may not; every bundle is signed by its writer's key, inside its writer's
 * reach, chained without a gap; no two nodes hold different bytes of one bundle. Streams of hostile
 * writers may differ between nodes; everything else about them is checked too. */
int world_check_truth(struct world *w, struct world_verdict *v);
/* Every node that may hold a stream of an honest writer holds all of it, with equal live digests.
 */
int world_check_converged(struct world *w, struct world_verdict *v);
/* Nothing is wrong but that a stream stays frozen until its writer says something. */
bool world_only_frozen(struct world *w);
/* The same as a question, cheap enough to be asked often. */
bool world_converged(struct world *w, void *unused);
/* Views of node i thrown away and derived again are what they were. */
int world_check_rebuild(struct world *w, int i, struct world_verdict *v);
/* The bundles of node i, accepted anew in another order of arrival, give the same views. */
int world_check_order(struct world *w, int i, struct world_verdict *v);
/* Which streams node i holds, up to where, and what it is in doubt about: to find out why. */
void world_print(struct world *w, int i);
/* Number of bundles node i holds of (by, aud); 0: none. */
int64_t world_head(struct world *w, int i, const char *by, const char *aud);
/* Copies the line of one bundle. False when it is not there. */
bool world_line(struct world *w, int i, const char *by, const char *aud, int64_t seq,
                struct buf *ret);

#endif
