/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_SYNC_CUSTODY_H
#define SANJI_SYNC_CUSTODY_H

#include "sync/internal.h"

/* What is kept for writers that may not know it (PROTOCOL.md 15.1, Custody): an index of what
 * stands in the store under "custody/NO/SEQ/ID". Shared by custody.c (taking, limits, end),
 * custody_pass.c (what a keyframe passes over) and custody_send.c (handing on, the writer). */

struct custody_bundle {
    int64_t seq, bytes;
    uint8_t id[HASH_LEN];
    const struct peer *with; /* in a message to this neighbour that is not known to have come */
    int64_t order;           /* in which it was put there */
    bool left;               /* it has come, and was not kept there: in the next session again */
    bool told;               /* it is damaged, and people have heard of that */
};
struct custody_stream {
    int64_t no;
    int idx; /* in the table of streams */
    struct custody_bundle *v;
    size_t n, cap;  /* sorted by seq and id */
    size_t waiting; /* of them with no neighbour */
};
struct custody_by { /* of one writer, all its streams */
    struct node_id by;
    int64_t bytes;
    bool told; /* that there is no room left, until there is again */
};
/* 1: it is of no use here any more; 0: it is; or an error. */
typedef int custody_fn(struct sync *s, const struct custody_stream *g,
                       const struct custody_bundle *c, void *arg);
/* In a transaction: of the first `max` those go for which fn says so. */
int sync__custody_sift(struct sync *s, struct custody_stream *g, size_t max, custody_fn *fn,
                       void *arg);
/* Frame and bundle as they were signed; b lives in line and a. SANJI_E_HASH and others: damaged. */
int sync__custody_read(struct sync *s, const struct custody_stream *g,
                       const struct custody_bundle *c, struct buf *frame, struct buf *line,
                       struct arena *a, struct bundle *ret);
/* Is this the bundle that stands under its number? What is below the keyframe is being deleted. */
int sync__custody_held(const struct sync *s, const struct stream *st, int64_t seq,
                       const uint8_t id[static HASH_LEN], bool *ret);

#endif
