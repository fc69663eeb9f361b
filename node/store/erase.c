/* SPDX-License-Identifier: Apache-2.0 */
/* Erasure in the views and in the files. Taking rows away is not enough: pages that were split or
 * freed still hold what stood there, and the search index keeps the words of superseded forms. So
 * after an erasure the files are written anew. */
#include "node/store/blob.h"
#include "node/store/internal.h"
#include "protocol/base/err.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static int run_n(struct store *s, enum stmt_id id, int64_t n)
{
    struct q q;
    q_begin(&q, &s->db, id);
    q_int(&q, n);
    return q_run(&q);
}

static int unpark(struct store *s, const struct sync_record *rec)
{
    struct q q;
    q_begin(&q, &s->db, Q_PARK_GONE);
    q_int(&q, store__pos(rec->no, rec->seq));
    q_int(&q, rec->idx);
    return q_run(&q);
}

/* Its attachments go with it, unless another record refers to them (app_blob.c). Those that a
 * neighbour's record names are not here. */
static bool has_files(const struct store *s, const struct sync_record *rec)
{
    return strcmp(rec->stream->by.s, s->counts.self.s) == 0;
}

/* The views say which, also where the item cannot be read any more. */
static int own_files_gone(struct store *s, const struct sync_record *rec, int64_t n)
{
    int r = has_files(s, rec) ? run_n(s, Q_BLOB_ERASED_OF, n) : 0;
    return r < 0 || !has_files(s, rec) ? r : run_n(s, Q_UPLOAD_FORGET_OF, n);
}

static int record_gone(struct store *s, const struct sync_record *rec, bool *ret_bared)
{
    struct q q;
    int64_t n = 0, vis = 0, wd = 0;
    q_begin(&q, &s->db, Q_REC_LEAF);
    q_text(&q, rec->owner);
    q_text(&q, rec->item->id);
    q_int(&q, s->lane.no);
    q_blob(&q, rec->leaf, HASH_LEN);
    if (q_row(&q)) {
        n = q_col_int(&q, 0);
        vis = q_col_int(&q, 1);
        wd = q_col_int(&q, 2);
    }
    int r = q_end(&q);
    if (r < 0 || n == 0) {
        return r;
    }
    r = own_files_gone(s, rec, n);
    r = r < 0 ? r : store__count_row(s, rec->owner, n, -1);
    if (r == 0) {
        r = run_n(s, Q_REC_DEL, n);
    }
    if (r == 0 && wd == 0) {
        live_sub(&s->lane.t.live, rec->leaf);
        s->lane.is_dirty = true;
    }
    if (r == 0 && vis != 0) {
        r = store__record_settle(s, rec->owner, rec->item->id);
    }
    *ret_bared = true;
    return r;
}

static int event_gone(struct store *s, const struct sync_record *rec)
{
    struct q q;
    int64_t n = 0;
    q_begin(&q, &s->db, Q_EV_SAME);
    q_text(&q, rec->owner);
    q_text(&q, rec->item->id);
    q_int(&q, rec->item->r);
    q_int(&q, s->lane.no);
    q_blob(&q, rec->leaf, HASH_LEN);
    if (q_row(&q)) {
        n = q_col_int(&q, 0);
    }
    int r = q_end(&q);
    if (r < 0 || n == 0) {
        return r;
    }
    r = run_n(s, Q_EV_DEL, n);
    live_sub(&s->lane.t.live, rec->leaf);
    s->lane.is_dirty = true;
    return r < 0 ? r : store__event_settle(s, rec->owner, rec->item->id, rec->item->r);
}

/* A thread is named by (initiator, id): two of one id are possible, the leaf says which. */
static int sealed_gone(struct store *s, const struct sync_record *rec)
{
    struct q q;
    int64_t thread = 0;
    q_begin(&q, &s->db, Q_REF_LEAF);
    q_text(&q, rec->stream->by.s);
    q_blob(&q, rec->leaf, HASH_LEN);
    q_text(&q, rec->item->id);
    if (q_row(&q)) {
        thread = q_col_int(&q, 0);
    }
    int r = q_end(&q);
    if (r < 0 || thread == 0) {
        return r;
    }
    if ((r = store__count_thread(s, thread, -1)) < 0) {
        return r;
    }
    q_begin(&q, &s->db, Q_REF_LEAF_DEL);
    q_int(&q, thread);
    q_text(&q, rec->stream->by.s);
    q_blob(&q, rec->leaf, HASH_LEN);
    r = q_run(&q);
    return r < 0 ? r : store__thread_settle(s, thread);
}

static int file_gone(struct store *s, const char *sha, int64_t len, void *arg)
{
    (void)len;
    (void)arg;
    return blob_row_erased(s, sha);
}

int store__erase(void *ctx, const struct sync_record *rec, bool *ret_bared)
{
    struct store *s = ctx;
    assert(s != NULL && s->magic == STORE_MAGIC);
    *ret_bared = false;
    int r = store__lane_use(s, rec->stream->by.s, rec->stream->aud);
    if (r == 0) {
        r = unpark(s, rec);
    }
    if (r < 0 || rec->item == NULL) {
        return r;
    }
    if (has_files(s, rec) && (r = store__blob_each(s, rec->item->bl, file_gone, NULL)) < 0) {
        return r;
    }
    if (rec->item->op != OP_EVENT) {
        return record_gone(s, rec, ret_bared);
    }
    r = event_gone(s, rec);
    return r == 0 && strcmp(rec->item->k, "sealed/1") == 0 ? sealed_gone(s, rec) : r;
}

int store__brought(void *ctx, const struct stream_key *lane,
                   int (*fn)(const struct sync_record *rec, void *arg), void *arg)
{
    struct store *s = ctx;
    struct q q;
    int r = 0;
    assert(s != NULL && s->magic == STORE_MAGIC);
    q_begin(&q, &s->db, Q_LANE_BROUGHT);
    q_text(&q, lane->by.s);
    q_text(&q, lane->aud);
    while (r == 0 && q_row(&q)) {
        struct item it = {.op = (enum item_op)q_col_int(&q, 4), .r = q_col_int(&q, 5)};
        char owner[LIM_NODE_ID + 1] = "";
        uint8_t leaf[HASH_LEN];
        struct sync_record rec = {.no = q_col_int(&q, 6),
                                  .seq = q_col_int(&q, 7),
                                  .idx = (int)q_col_int(&q, 8),
                                  .stream = lane,
                                  .owner = owner,
                                  .item = &it,
                                  .leaf = leaf};
        q_col_str(&q, 0, owner, sizeof owner);
        q_col_str(&q, 1, it.id, sizeof it.id);
        (void)snprintf(it.k, sizeof it.k, "%s/%lld", q_col_text(&q, 2),
                       (long long)q_col_int(&q, 3));
        q_col_fixed(&q, 9, leaf, HASH_LEN);
        r = q.err < 0 ? q.err : fn(&rec, arg);
    }
    int e = q_end(&q);
    return r < 0 ? r : e;
}

int store__bundle_restub(void *ctx, int64_t no, int64_t seq, struct span frame, int64_t raw_bytes)
{
    struct store *s = ctx;
    assert(s != NULL && s->magic == STORE_MAGIC);
    struct q q;
    q_begin(&q, &s->db, Q_BUNDLE_FRAME);
    q_int(&q, store__pos(no, seq));
    q_blob(&q, frame.p, frame.n);
    q_int(&q, raw_bytes);
    int r = q_run(&q);
    return r == 0 && q_changes(&s->db) == 0 ? SANJI_E_NOT_FOUND : r;
}

/* ---- the files ---- */

/* A reader may hold the log open: what could not be cut is SANJI_E_BUSY, to be done again. */
static int fresh_file(struct db *db)
{
    int64_t busy = 0;
    if (db->h == NULL) {
        return 0;
    }
    int r = db_exec(db, "VACUUM");
    if (r == 0) {
        r = db_scalar(db, "PRAGMA wal_checkpoint(TRUNCATE)", &busy);
    }
    return r == 0 && busy != 0 ? SANJI_E_BUSY : r;
}

int store_clean(struct store *s)
{
    struct q q;
    if (store_in_tx(s)) {
        return SANJI_E_STATE;
    }
    int r = store_begin(s);
    if (r < 0) {
        return r;
    }
    q_begin(&q, &s->db, Q_SEARCH_CLEAR);
    r = q_run(&q);
    if (r == 0) {
        r = store__meta_put(s, "search_upto", 0);
    }
    if (r == 0) {
        r = store_commit(s);
    } else {
        store_rollback(s);
    }
    if (r == 0) {
        r = fresh_file(&s->keys);
    }
    return r < 0 ? r : fresh_file(&s->db);
}
