/* SPDX-License-Identifier: Apache-2.0 */
/* Why apart from bundles.c: what the status page asks must stay cheap, so it never touches frames.
 */
#include "node/store/brief.h"

#include "node/store/internal.h"
#include "protocol/base/err.h"

int store_bundle_time(struct store *s, int64_t no, int64_t seq, int64_t *ret_ts, int64_t *ret_got)
{
    struct q q;
    bool found = false;
    q_begin(&q, &s->db, Q_BUNDLE_TIME);
    q_int(&q, store__pos(no, seq));
    if (q_row(&q)) {
        *ret_ts = q_col_int(&q, 0);
        *ret_got = q_col_int(&q, 1);
        found = true;
    }
    int r = q_end(&q);
    return r < 0 ? r : found ? 0 : SANJI_E_NOT_FOUND;
}

int store_parked_count(struct store *s, int64_t *ret)
{
    struct q q;
    int64_t n = 0;
    q_begin(&q, &s->db, Q_PARK_COUNT);
    if (q_row(&q)) {
        n = q_col_int(&q, 0);
    }
    int r = q_end(&q);
    if (r == 0) {
        *ret = n;
    }
    return r;
}
