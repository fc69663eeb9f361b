/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_KEEP_H
#define SANJI_NODE_APP_KEEP_H

#include "node/app.h"

/* Own records and ended referrals that have been kept for as long as their kind says (struct
 * kind_keep, PROTOCOL.md 17.2): they are due to be erased. Nothing goes by itself: one person asks
 * for it and another confirms (app_erase.h). */
struct app_keep {
    const char *kind, *id;
    int since, until; /* days: changed last, was to be kept up to */
};
typedef int app_keep_fn(const struct app_keep *k, void *arg);
/* As it is at now_ms; at most `limit` of each kind and state, *ret_more: there are others. > 0 of
 * fn ends it. */
int app_keep_due(struct app *a, int64_t now_ms, int64_t limit, app_keep_fn *fn, void *arg,
                 bool *ret_more);

#endif
