/* SPDX-License-Identifier: Apache-2.0 */
/* Views are made anew from bundles, and a damaged bundle of this node may be held by nobody else:
 * then the view was the last copy of what it said. So own records are copied before views are
 * emptied, and those come back whose bundle cannot be read. */
#include "node/store/internal.h"
#include "node/store/migrate.h"
#include "protocol/base/err.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define SPARE_COLS "by_node,aud,owner,id,wd,r,kind,major,ep,no,seq,idx,ts,got,leaf,d"

/* Before the views change their form. Not statements of stmt.def: those are compiled for what the
 * views will be. Who this node is, is not known yet: what stays at home is by nobody else. */
int store__spare_before(struct db *db)
{
    int64_t one = 0;
    int r = db_exec(db, spare_sql());
    if (r == 0) {
        r = db_scalar(db, "SELECT 1 FROM sqlite_schema WHERE name='record'", &one);
    }
    if (r < 0) {
        return r == SANJI_E_NOT_FOUND ? 0 : r;
    }
    return db_exec(db, "INSERT INTO spare(" SPARE_COLS ") SELECT l.by_node,l.aud,r.owner,r.id,r.wd,"
                       "r.r,r.kind,r.major,r.ep,r.no,r.seq,r.idx,r.ts,r.got,r.leaf,r.d FROM record "
                       "r JOIN lane l ON l.no=r.lane WHERE l.aud='own'");
}

int store__spare(void *ctx, const char *by)
{
    struct store *s = ctx;
    struct q q;
    assert(s != NULL && s->magic == STORE_MAGIC);
    q_begin(&q, &s->db, Q_SPARE_KEEP);
    q_text(&q, by);
    return q_run(&q);
}

static int put_back(struct store *s, struct q *q)
{
    struct stream_key key = {.ep = (uint32_t)q_col_int(q, 8)};
    struct item it = {.op = q_col_int(q, 4) != 0 ? OP_WITHDRAW : OP_PUT, .r = q_col_int(q, 5)};
    char owner[LIM_NODE_ID + 2] = "";
    uint8_t leaf[HASH_LEN];
    struct sync_record rec = {.no = q_col_int(q, 9),
                              .seq = q_col_int(q, 10),
                              .idx = (int)q_col_int(q, 11),
                              .stream = &key,
                              .owner = owner,
                              .item = &it,
                              .leaf = leaf,
                              .ts = q_col_int(q, 12),
                              .got = q_col_int(q, 13)};
    q_col_str(q, 0, key.by.s, sizeof key.by.s);
    q_col_str(q, 1, key.aud, sizeof key.aud);
    q_col_str(q, 2, owner, sizeof owner);
    q_col_str(q, 3, it.id, sizeof it.id);
    (void)snprintf(it.k, sizeof it.k, "%s/%lld", q_col_text(q, 6), (long long)q_col_int(q, 7));
    q_col_fixed(q, 14, leaf, HASH_LEN);
    it.d = q_col_span(q, 15);
    rec.kind = kind_find(it.k);
    return q->err < 0 ? q->err : store__record_put(s, &rec);
}

int store__unspare(void *ctx, sync_spare_fn *fn, void *arg, int64_t *ret_n)
{
    struct store *s = ctx;
    struct q q;
    int r = 0;
    assert(s != NULL && s->magic == STORE_MAGIC);
    *ret_n = 0;
    q_begin(&q, &s->db, Q_SPARE_EACH);
    while (r >= 0 && q_row(&q)) {
        struct span leaf = q_col_span(&q, 14);
        r = leaf.n == HASH_LEN ? fn(q_col_int(&q, 9), q_col_int(&q, 10), leaf.p, arg)
                               : SANJI_E_CORRUPT;
        if (r > 0) {
            r = put_back(s, &q);
            ++*ret_n;
        }
    }
    int e = q_end(&q);
    r = r < 0 ? r : e;
    if (r >= 0) {
        q_begin(&q, &s->db, Q_SPARE_CLEAR);
        r = q_run(&q);
    }
    return r < 0 ? r : store__lane_flush(s);
}
