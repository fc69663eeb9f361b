/* SPDX-License-Identifier: Apache-2.0 */
/* Stored bundles for verify, rebuild and ferry; parked items and fork proofs. */
#include "node/store/internal.h"
#include "protocol/base/err.h"

#include <stdlib.h>
#include <string.h>

int store_stream_get(struct store *s, int64_t no, struct sync_stream_row *ret)
{
    struct q q;
    struct sync_stream_row row = {0};
    q_begin(&q, &s->db, Q_STREAM_GET);
    q_int(&q, no);
    bool found = q_row(&q);
    if (found) {
        store__stream_read(&q, &row);
    }
    int r = q_end(&q);
    if (r == 0 && found) {
        *ret = row;
    }
    return r == 0 && !found ? SANJI_E_NOT_FOUND : r;
}

int store_bundle_facts(struct store *s, const struct sync_bundle_row *row)
{
    struct q q;
    q_begin(&q, &s->db, Q_BUNDLE_FACTS);
    q_int(&q, store__pos(row->no, row->seq));
    q_blob(&q, row->id, HASH_LEN);
    q_int(&q, row->ts);
    q_int(&q, row->items);
    q_int(&q, row->raw_bytes);
    q_int(&q, row->type);
    return q_run(&q);
}

int store_stream_fix(struct store *s, const struct sync_stream_row *row)
{
    struct q q;
    q_begin(&q, &s->db, Q_STREAM_FIX);
    store__stream_bind(&q, row);
    return q_run(&q);
}

int store_settle(struct store *s)
{
    struct q q;
    q_begin(&q, &s->db, Q_REINDEX);
    int r = q_run(&q);
    if (r == 0) { /* which of clock and sum has turned nobody can tell: the clock is as it is */
        q_begin(&q, &s->db, Q_GOT_AGAIN);
        r = q_run(&q);
    }
    if (r == 0) {
        q_begin(&q, &s->db, Q_PARK_AGAIN);
        r = q_run(&q);
    }
    return r;
}

struct walk {
    struct store *s;
    const struct sync_stream_row *st;
    struct sync_stream_row *all;
    size_t n, cap;
    store_bundle_fn fn;
    void *arg;
    bool is_stopped;
};

static int walk_bundle(const struct sync_bundle_row *row, void *arg)
{
    struct walk *w = arg;
    int r = w->fn(w->st, row, w->arg);
    w->is_stopped = r > 0;
    return r;
}

static int walk_stream(struct walk *w, const struct sync_stream_row *st)
{
    w->st = st;
    /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): st comes from the walk */
    return w->s->port.bundles(w->s, st->no, 0, SIZE_MAX, walk_bundle, w);
}

static int collect(const struct sync_stream_row *row, void *arg)
{
    struct walk *w = arg;
    if (w->n == w->cap) {
        size_t cap = w->cap == 0 ? 64 : w->cap * 2;
        struct sync_stream_row *p = realloc(w->all, cap * sizeof *p);
        if (p == NULL) {
            return SANJI_E_NOMEM;
        }
        w->all = p;
        w->cap = cap;
    }
    w->all[w->n++] = *row;
    return 0;
}

int store_bundle_walk(struct store *s, int64_t no, store_bundle_fn fn, void *arg)
{
    struct walk w = {.s = s, .fn = fn, .arg = arg};
    if (no != 0) {
        struct sync_stream_row st;
        int r = store_stream_get(s, no, &st);
        return r < 0 ? r : walk_stream(&w, &st);
    }
    int r = s->port.streams(s, collect, &w);
    for (int rest = 0; rest < 2; rest++) {
        for (size_t i = 0; r == 0 && !w.is_stopped && i < w.n; i++) {
            if ((strcmp(w.all[i].key.aud, "trust") != 0) == (rest != 0)) {
                r = walk_stream(&w, &w.all[i]);
            }
        }
    }
    free(w.all);
    return r;
}

struct one {
    const struct sync_stream_row *st;
    int64_t seq;
    store_bundle_fn fn;
    void *arg;
    bool found;
};

static int give_one(const struct sync_bundle_row *row, void *arg)
{
    struct one *o = arg;
    if (row->seq != o->seq) {
        return 1;
    }
    o->found = true;
    int r = o->fn(o->st, row, o->arg);
    return r < 0 ? r : 1;
}

int store_bundle_get(struct store *s, int64_t no, int64_t seq, store_bundle_fn fn, void *arg)
{
    struct sync_stream_row st;
    int r = store_stream_get(s, no, &st);
    if (r < 0) {
        return r;
    }
    struct one o = {.st = &st, .seq = seq, .fn = fn, .arg = arg};
    r = s->port.bundles(s, no, seq - 1, 1, give_one, &o);
    return r < 0 ? r : o.found ? 0 : SANJI_E_NOT_FOUND;
}

int store_totals(struct store *s, struct store_totals *ret)
{
    struct q q;
    struct store_totals t = {0};
    q_begin(&q, &s->db, Q_BUNDLE_SUM);
    if (q_row(&q)) {
        t.bundles = q_col_int(&q, 0);
        t.items = q_col_int(&q, 1);
        t.raw_bytes = q_col_int(&q, 2);
        t.frame_bytes = q_col_int(&q, 3);
    }
    int r = q_end(&q);
    struct {
        enum stmt_id id;
        int64_t *to;
    } counts[] = {
        {Q_STREAM_COUNT, &t.streams}, {Q_PARK_COUNT, &t.parked}, {Q_REC_COUNT, &t.records}};
    for (size_t i = 0; r == 0 && i < sizeof counts / sizeof counts[0]; i++) {
        q_begin(&q, &s->db, counts[i].id);
        if (q_row(&q)) {
            *counts[i].to = q_col_int(&q, 0);
        }
        r = q_end(&q);
    }
    if (r == 0) {
        *ret = t;
    }
    return r;
}

int store_parked_list(struct store *s, int (*fn)(const struct store_parked *p, void *arg),
                      void *arg)
{
    struct q q;
    int r = 0;
    q_begin(&q, &s->db, Q_PARK_ALL);
    while (r == 0 && q_row(&q)) {
        int64_t pos = q_col_int(&q, 0);
        struct store_parked p = {.no = store__pos_no(pos),
                                 .seq = store__pos_seq(pos),
                                 .idx = (int)q_col_int(&q, 1),
                                 .reason = (int)q_col_int(&q, 2),
                                 .member = q_col_text(&q, 3),
                                 .discarded = q_col_int(&q, 4) != 0};
        r = fn(&p, arg);
    }
    int e = q_end(&q);
    return r < 0 ? r : e;
}

int store_parked_discard(struct store *s, int64_t no, int64_t seq, int idx)
{
    struct q q;
    q_begin(&q, &s->db, Q_PARK_DISCARD);
    q_int(&q, store__pos(no, seq));
    q_int(&q, idx);
    int r = q_run(&q);
    return r == 0 && q_changes(&s->db) == 0 ? SANJI_E_NOT_FOUND : r;
}

int store_parked_drop(struct store *s, int64_t no, int64_t seq)
{
    struct q q;
    q_begin(&q, &s->db, Q_PARK_DROP);
    q_int(&q, store__pos(no, seq));
    return q_run(&q);
}

int store_fork_list(struct store *s,
                    int (*fn)(int64_t no, const uint8_t *held, struct span other, void *arg),
                    void *arg)
{
    struct q q;
    int r = 0;
    q_begin(&q, &s->db, Q_FORK_ALL);
    while (r == 0 && q_row(&q)) {
        uint8_t held[HASH_LEN];
        q_col_fixed(&q, 1, held, HASH_LEN);
        struct span other = q_col_span(&q, 2);
        if (q.err == 0) {
            r = fn(q_col_int(&q, 0), held, other, arg);
        }
    }
    int e = q_end(&q);
    return r < 0 ? r : e;
}
