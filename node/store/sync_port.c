/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's port on SQLite: streams, bundles and small values. Views are in view.c. */
#include "node/store/internal.h"
#include "protocol/base/err.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static struct store *of(void *ctx)
{
    struct store *s = ctx;
    assert(s != NULL && s->magic == STORE_MAGIC);
    return s;
}

static int port_begin(void *ctx)
{
    return store_begin(of(ctx));
}

static int port_commit(void *ctx)
{
    return store_commit(of(ctx));
}

static void port_rollback(void *ctx)
{
    store_rollback(of(ctx));
}

/* Columns: no,by_node,aud,ep,en,seq,id,first,frozen */
void store__stream_bind(struct q *q, const struct sync_stream_row *row)
{
    q_int(q, row->no);
    q_text(q, row->key.by.s);
    q_text(q, row->key.aud);
    q_int(q, row->key.ep);
    q_blob(q, row->key.en, sizeof row->key.en);
    q_int(q, row->seq);
    q_blob(q, row->id, HASH_LEN);
    q_int(q, row->first);
    q_int(q, row->frozen);
}

void store__stream_read(struct q *q, struct sync_stream_row *ret)
{
    *ret = (struct sync_stream_row){0};
    ret->no = q_col_int(q, 0);
    q_col_str(q, 1, ret->key.by.s, sizeof ret->key.by.s);
    q_col_str(q, 2, ret->key.aud, sizeof ret->key.aud);
    ret->key.ep = (uint32_t)q_col_int(q, 3);
    q_col_fixed(q, 4, ret->key.en, sizeof ret->key.en);
    ret->seq = q_col_int(q, 5);
    q_col_fixed(q, 6, ret->id, sizeof ret->id);
    ret->first = q_col_int(q, 7);
    ret->frozen = q_col_int(q, 8) != 0;
}

static int port_streams(void *ctx, int (*fn)(const struct sync_stream_row *row, void *arg),
                        void *arg)
{
    struct q q;
    int r = 0;
    q_begin(&q, &of(ctx)->db, Q_STREAM_ALL);
    while (r == 0 && q_row(&q)) {
        struct sync_stream_row row;
        store__stream_read(&q, &row);
        if (q.err == 0) {
            r = fn(&row, arg);
        }
    }
    int e = q_end(&q);
    return r < 0 ? r : e;
}

static int port_stream_add(void *ctx, const struct stream_key *key, int64_t *ret_no)
{
    struct q q;
    int64_t no = 0;
    q_begin(&q, &of(ctx)->db, Q_STREAM_ADD);
    q_text(&q, key->by.s);
    q_text(&q, key->aud);
    q_int(&q, key->ep);
    q_blob(&q, key->en, sizeof key->en);
    if (q_row(&q)) {
        no = q_col_int(&q, 0);
    }
    while (q_row(&q)) {
    }
    int r = q_end(&q);
    if (r == 0) {
        *ret_no = no;
    }
    return r;
}

static int insert_bundle(struct store *s, enum stmt_id id, const struct sync_bundle_row *row)
{
    struct q q;
    q_begin(&q, &s->db, id);
    q_int(&q, store__pos(row->no, row->seq));
    q_blob(&q, row->id, HASH_LEN);
    q_int(&q, row->ts);
    q_int(&q, row->got);
    q_int(&q, row->items);
    q_int(&q, row->raw_bytes);
    q_int(&q, row->type);
    q_blob(&q, row->frame.p, row->frame.n);
    return q_run(&q);
}

static int move_first(struct store *s, int64_t no, int64_t first)
{
    struct q q;
    q_begin(&q, &s->db, Q_STREAM_FIRST);
    q_int(&q, no);
    q_int(&q, first);
    return q_run(&q);
}

/* A bundle below `first` joins the unbroken run when it touches it, and then so does what lies
 * directly before it. */
static int extend_down(struct store *s, int64_t no, int64_t first)
{
    struct q q;
    int64_t low = first;
    q_begin(&q, &s->db, Q_BUNDLE_BELOW);
    q_int(&q, store__pos(no, 0));
    q_int(&q, store__pos(no, first) - 1);
    while (q_row(&q) && store__pos_seq(q_col_int(&q, 0)) == low - 1) {
        low--;
    }
    int r = q_end(&q);
    return r < 0 || low == first ? r : move_first(s, no, low);
}

static int port_bundle_put(void *ctx, const struct sync_bundle_row *row)
{
    struct store *s = of(ctx);
    struct q q;
    int64_t head = 0, first = 0;
    if (row->no <= 0 || row->no > INT32_MAX || row->seq <= 0 || row->seq > LIM_SEQ) {
        return SANJI_E_BUG;
    }
    q_begin(&q, &s->db, Q_STREAM_HEAD);
    q_int(&q, row->no);
    bool is_known = q_row(&q);
    if (is_known) {
        head = q_col_int(&q, 0);
        first = q_col_int(&q, 1);
    }
    int r = q_end(&q);
    if (r == 0 && !is_known) {
        r = SANJI_E_NOT_FOUND;
    }
    if (r == 0) {
        r = insert_bundle(s, Q_BUNDLE_ADD, row);
    }
    if (r < 0) {
        return r;
    }
    if (row->seq <= head) {
        return row->seq == first - 1 ? extend_down(s, row->no, first) : 0;
    }
    q_begin(&q, &s->db, Q_STREAM_MOVE);
    q_int(&q, row->no);
    q_int(&q, row->seq);
    q_blob(&q, row->id, HASH_LEN);
    q_int(&q, head > 0 ? first : row->seq);
    return q_run(&q);
}

static int port_bundle_again(void *ctx, const struct sync_bundle_row *row)
{
    return insert_bundle(of(ctx), Q_BUNDLE_AGAIN, row);
}

static int port_bundle_id(void *ctx, int64_t no, int64_t seq, uint8_t ret_id[static HASH_LEN])
{
    struct q q;
    q_begin(&q, &of(ctx)->db, Q_BUNDLE_ID);
    q_int(&q, store__pos(no, seq));
    bool found = q_row(&q);
    if (found) {
        q_col_fixed(&q, 0, ret_id, HASH_LEN);
    }
    int r = q_end(&q);
    return r == 0 && !found ? SANJI_E_NOT_FOUND : r;
}

/* Columns: pos,id,ts,got,items,raw_bytes,type,frame */
static void bundle_read(struct q *q, struct sync_bundle_row *ret)
{
    int64_t pos = q_col_int(q, 0);
    *ret = (struct sync_bundle_row){.no = store__pos_no(pos), .seq = store__pos_seq(pos)};
    q_col_fixed(q, 1, ret->id, HASH_LEN);
    ret->ts = q_col_int(q, 2);
    ret->got = q_col_int(q, 3);
    ret->items = q_col_int(q, 4);
    ret->raw_bytes = q_col_int(q, 5);
    ret->type = (int)q_col_int(q, 6);
    ret->frame = q_col_span(q, 7);
}

static int port_bundles(void *ctx, int64_t no, int64_t after, size_t max_bytes,
                        int (*fn)(const struct sync_bundle_row *row, void *arg), void *arg)
{
    struct q q;
    int r = 0;
    size_t given = 0;
    q_begin(&q, &of(ctx)->db, Q_BUNDLE_WALK);
    q_int(&q, store__pos(no, after < 0 ? 0 : after));
    q_int(&q, store__pos(no, LIM_SEQ));
    q_int(&q, no);
    while (r == 0 && q_row(&q)) {
        struct sync_bundle_row row;
        bundle_read(&q, &row);
        if (given > 0 && row.frame.n > max_bytes - given) {
            break;
        }
        if (q.err == 0) {
            size_t n = row.frame.n;
            r = fn(&row, arg);
            given += n;
            if (given >= max_bytes) {
                break;
            }
        }
    }
    int e = q_end(&q);
    return r < 0 ? r : e;
}

static int port_stream_cut(void *ctx, int64_t no, int64_t seq, const uint8_t id[static HASH_LEN])
{
    struct store *s = of(ctx);
    struct q q;
    q_begin(&q, &s->db, Q_BUNDLE_DROP);
    q_int(&q, store__pos(no, seq));
    q_int(&q, store__pos(no, LIM_SEQ));
    int r = q_run(&q);
    if (r < 0) {
        return r;
    }
    q_begin(&q, &s->db, Q_STREAM_BACK);
    q_int(&q, no);
    q_int(&q, seq);
    q_blob(&q, id, HASH_LEN);
    return q_run(&q);
}

static int port_freeze(void *ctx, int64_t no, const uint8_t held[static HASH_LEN],
                       struct span other_line)
{
    struct store *s = of(ctx);
    struct q q;
    q_begin(&q, &s->db, Q_STREAM_FREEZE);
    q_int(&q, no);
    int r = q_run(&q);
    if (r < 0) {
        return r;
    }
    q_begin(&q, &s->db, Q_FORK_ADD);
    q_int(&q, no);
    q_blob(&q, held, HASH_LEN);
    q_blob(&q, other_line.p, other_line.n);
    return q_run(&q);
}

static int port_thaw(void *ctx, int64_t no)
{
    struct q q;
    q_begin(&q, &of(ctx)->db, Q_STREAM_THAW);
    q_int(&q, no);
    return q_run(&q);
}

static int port_kv_get(void *ctx, const char *key, struct buf *ret)
{
    struct q q;
    q_begin(&q, &of(ctx)->db, Q_KV_GET);
    q_text(&q, key);
    bool found = q_row(&q);
    if (found) {
        struct span v = q_col_span(&q, 0);
        if (q.err == 0 && v.n > 0) {
            q.err = buf_put(ret, v.p, v.n);
        }
    }
    int r = q_end(&q);
    return r == 0 && !found ? SANJI_E_NOT_FOUND : r;
}

static int port_kv_put(void *ctx, const char *key, struct span value)
{
    struct q q;
    q_begin(&q, &of(ctx)->db, Q_KV_PUT);
    q_text(&q, key);
    q_blob(&q, value.p, value.n);
    return q_run(&q);
}

static int port_kv_del(void *ctx, const char *key)
{
    struct q q;
    q_begin(&q, &of(ctx)->db, Q_KV_DEL);
    q_text(&q, key);
    return q_run(&q);
}

static int port_kv_each(void *ctx, const char *prefix,
                        int (*fn)(const char *key, struct span value, void *arg), void *arg)
{
    char upper[256];
    struct q q;
    int r = 0;
    /* U+10FFFF sorts behind everything a key may hold. */
    int n = snprintf(upper, sizeof upper, "%s\xf4\x8f\xbf\xbf", prefix);
    if (n < 0 || (size_t)n >= sizeof upper) {
        return SANJI_E_SIZE;
    }
    q_begin(&q, &of(ctx)->db, Q_KV_EACH);
    q_text(&q, prefix);
    q_text(&q, upper);
    while (r == 0 && q_row(&q)) {
        r = fn(q_col_text(&q, 0), q_col_span(&q, 1), arg);
    }
    int e = q_end(&q);
    return r < 0 ? r : e;
}

static int port_sealed_key(void *ctx, const char *initiator, const char *id, uint8_t ret[static 32])
{
    return store_thread_key_get(of(ctx), initiator, id, ret);
}

static int port_park(void *ctx, int64_t no, int64_t seq, int idx, int reason, const char *member)
{
    struct q q;
    q_begin(&q, &of(ctx)->db, Q_PARK_PUT);
    q_int(&q, store__pos(no, seq));
    q_int(&q, idx);
    q_int(&q, reason);
    q_text(&q, member == NULL ? "" : member);
    return q_run(&q);
}

static int port_bundle_applied(void *ctx, int64_t no, int64_t seq)
{
    /* The search index is filled when idle (search.c): only the lane's digest is due now. */
    (void)no;
    (void)seq;
    return store__lane_flush(of(ctx));
}

static int port_roster_changed(void *ctx)
{
    /* Readers ask the engine for the roster; no view depends on it. */
    (void)of(ctx);
    return 0;
}

void store__port_init(struct store *s)
{
    s->port = (struct sync_store){
        .ctx = s,
        .begin = port_begin,
        .commit = port_commit,
        .rollback = port_rollback,
        .streams = port_streams,
        .stream_add = port_stream_add,
        .bundle_put = port_bundle_put,
        .bundle_again = port_bundle_again,
        .bundle_id = port_bundle_id,
        .bundles = port_bundles,
        .stream_cut = port_stream_cut,
        .stream_from = store__stream_from,
        .drop_below = store__drop_below,
        .bundle_restub = store__bundle_restub,
        .freeze = port_freeze,
        .thaw = port_thaw,
        .kv_get = port_kv_get,
        .kv_put = port_kv_put,
        .kv_del = port_kv_del,
        .kv_each = port_kv_each,
        .record_put = store__record_put,
        .event_put = store__event_put,
        .sealed_put = store__sealed_put,
        .park = port_park,
        .spare = store__spare,
        .forget = store__forget,
        .unspare = store__unspare,
        .unpark = store__unpark,
        .unpark_sealed = store__unpark_sealed,
        .sealed_key = port_sealed_key,
        .erase = store__erase,
        .brought = store__brought,
        .bundle_applied = port_bundle_applied,
        .roster_changed = port_roster_changed,
        .tally = store__tally,
        .stands = store__stands,
        .live_sha = store__live_sha,
        .has_parked = store__has_parked,
        .keyframe = store__keyframe,
    };
}
