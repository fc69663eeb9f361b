/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_STORE_BRIEF_H
#define SANJI_NODE_STORE_BRIEF_H

#include "node/store/store.h"

/* Small questions of the status page, which asks every few seconds: none of them reads content. */
/* Writer's and receiver's clock of one bundle. SANJI_E_NOT_FOUND. */
int store_bundle_time(struct store *s, int64_t no, int64_t seq, int64_t *ret_ts, int64_t *ret_got);
/* Parked items that nobody has put away. */
int store_parked_count(struct store *s, int64_t *ret);

#endif
