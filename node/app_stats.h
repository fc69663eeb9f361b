/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_STATS_H
#define SANJI_NODE_APP_STATS_H

#include "node/app.h"
#include "protocol/jcur.h"
#include "protocol/stats.h"

/* Shared by app_stats.c (publishing) and app_report.c (reading): facts and the streams (store's
 * numbers) they were found in. */
struct facts {
    struct stat_fact *v;
    size_t n, cap;
    int64_t *nos;
    size_t n_nos, cap_nos;
};
void facts_done(struct facts *f);
int facts_of_records(struct app *a, const char *owner, const char *kind, struct facts *f);
int facts_of_threads(struct app *a, struct facts *as_i, struct facts *as_r);

#endif
