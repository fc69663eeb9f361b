/* SPDX-License-Identifier: Apache-2.0 */
/* One hash of everything in a store that is no view: equal before and after what changed nothing.
 */
#include "tests/support/mem_internal.h"

#include "protocol/base/buf.h"
#include "protocol/suite.h"

#include <string.h>

static void put_text(struct buf *b, const char *s)
{
    (void)buf_put(b, s, strlen(s) + 1);
}

static void put_number(struct buf *b, int64_t n)
{
    (void)buf_put(b, &n, sizeof(n));
}

static void put_row(struct buf *b, enum tab_id t, const void *row)
{
    if (t == TAB_STREAM) {
        const struct sync_stream_row *s = &((const struct stream_r *)row)->s;
        put_text(b, s->key.by.s);
        put_text(b, s->key.aud);
        put_number(b, s->key.ep);
        (void)buf_put(b, s->key.en, sizeof(s->key.en));
        put_number(b, s->seq);
        put_number(b, s->first);
        put_number(b, s->frozen);
    } else if (t == TAB_BUNDLE) {
        const struct sync_bundle_row *x = &((const struct bundle_r *)row)->b;
        put_number(b, x->no);
        put_number(b, x->seq);
        (void)buf_put(b, x->id, HASH_LEN);
        (void)buf_put(b, x->frame.p, x->frame.n);
    } else if (t == TAB_FORK) {
        const struct fork_r *x = row;
        put_number(b, x->no);
        (void)buf_put(b, x->held, HASH_LEN);
    } else {
        const struct kv_r *x = row;
        put_text(b, x->key);
        put_number(b, (int64_t)x->value.n);
        (void)buf_put(b, x->value.p, x->value.n);
    }
}

void mem_store_truth(const struct mem_store *m, uint8_t ret[static HASH_LEN])
{
    static const enum tab_id truth[] = {TAB_STREAM, TAB_BUNDLE, TAB_FORK, TAB_KV};
    uint8_t sum[HASH_LEN] = {0};
    struct buf b;
    buf_init(&b, (size_t)64 << 20);
    for (size_t t = 0; t < sizeof(truth) / sizeof(truth[0]); t++) {
        for (size_t i = 0; i < m->tab[truth[t]].n; i++) {
            const struct row *r = mem__at(m, truth[t], i);
            uint8_t h[HASH_LEN];
            if (r->is_dead) {
                continue;
            }
            b.len = 0;
            put_number(&b, (int64_t)t);
            put_row(&b, truth[t], r);
            hash_bytes(b.data, b.len, h);
            for (size_t k = 0; k < HASH_LEN; k++) { /* rows have no order */
                sum[k] = (uint8_t)(sum[k] + h[k]);
            }
        }
    }
    buf_done(&b);
    memcpy(ret, sum, HASH_LEN);
}
