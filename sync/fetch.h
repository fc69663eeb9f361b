/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_SYNC_FETCH_H
#define SANJI_SYNC_FETCH_H

#include "sync/sync.h"

/* Attachments between neighbours (PROTOCOL.md 24.1): which file is wanted, on which neighbour's
 * side it lies, who may be given it, and what has come of it. The bytes are the caller's. A file is
 * always named by (by, sha): whose record names it, and its SHA-256 as 43 characters of base64url.
 * A hash by itself opens nothing, also when somebody else's record names the same bytes: what is
 * here for one writer's records is not here for another's. */

/* What the engine needs for it. Functions return 0 or a negative SANJI_E_*; names are checked. */
struct sync_files {
    void *ctx;
    /* Each audience in which a current record of `by` that is held here names it; len as in `bl`. A
     * callback returning > 0 stops the walk without error. */
    int (*named)(void *ctx, const char *by, const char *sha,
                 int (*fn)(const char *aud, int64_t len, void *arg), void *arg);
    /* Is all of it here? SANJI_E_NOT_FOUND. */
    int (*held)(void *ctx, const char *by, const char *sha, int64_t *ret_len);
    /* At most max bytes from `at` of one that is. At 0 all of them are looked at first:
     * SANJI_E_CORRUPT, they are not what their name says any more. */
    int (*read)(void *ctx, const char *by, const char *sha, int64_t at, int64_t max,
                struct buf *ret);
    /* How much of one that is on its way is here. */
    int (*here)(void *ctx, const char *by, const char *sha, int64_t *ret_n);
    /* Appends at `at`; 0 begins. Durable when it returns 0. SANJI_E_QUOTA: there is no room for a
     * file of len bytes, SANJI_E_FULL: nor on the disk. */
    int (*put)(void *ctx, const char *by, const char *sha, int64_t len, int64_t at,
               struct span bytes);
    /* All has come. SANJI_E_HASH: it is something else; then nothing is kept. */
    int (*whole)(void *ctx, const char *by, const char *sha);
    int (*drop)(void *ctx, const char *by, const char *sha); /* what is on its way, is not */
};
/* Once, before the first step; without it this node takes and gives no files. Reads what was wanted
 * before a restart. The port must outlive the engine. */
int sync_files_use(struct sync *s, const struct sync_files *port);

/* Somebody here wants it. 0 also when it is here or was wanted already; what was given up begins
 * again. SANJI_E_NOT_FOUND: no record here names it, or it is this node's own; SANJI_E_QUOTA: too
 * many at once. Begins its own transaction; the caller feeds SEV_LOCAL afterwards. */
int sync_fetch(struct sync *s, int64_t now_ms, const char *by, const char *sha);
struct sync_fetch_state {
    struct node_id from; /* the neighbour it comes from; empty: there is none */
    int64_t len, here, since;
    /* What stands in the way; 0: nothing. SANJI_E_UNREACHABLE: no line to it; SANJI_E_VERSION: it
     * is too old; SANJI_E_NOT_FOUND: it has it not, or not yet; SANJI_E_PENDING: it is fetching it
     * itself; SANJI_E_HASH: it sent something else; SANJI_E_QUOTA, SANJI_E_FULL. */
    int err;
    bool over; /* given up */
};
/* SANJI_E_NOT_FOUND: nobody here wants it. */
int sync_fetch_get(const struct sync *s, const char *by, const char *sha,
                   struct sync_fetch_state *ret);
/* Is it on its way, for whomever? */
bool sync_fetch_runs(const struct sync *s, const char *by, const char *sha);

#endif
