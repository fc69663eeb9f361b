/* SPDX-License-Identifier: Apache-2.0 */
/* What a keyframe leaves of a lane, and giving back the space of what it replaced. The cost follows
 * the records of the writer, not those of the whole federation: a lane is walked through its
 * writer's names, and through everybody's only where somebody writes for others. */
#include "node/store/internal.h"
#include "protocol/base/err.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct store *of(void *ctx)
{
    struct store *s = ctx;
    assert(s != NULL && s->magic == STORE_MAGIC);
    return s;
}

int store__tally(void *ctx, const char *by, const char *aud, struct sync_tally *ret)
{
    struct store *s = of(ctx);
    struct lane l = s->lane;
    *ret = (struct sync_tally){0};
    if (l.no == 0 || strcmp(l.by, by) != 0 || strcmp(l.aud, aud) != 0) {
        int r = store__lane_find(s, by, aud, &l);
        if (r < 0) {
            return r == SANJI_E_NOT_FOUND ? 0 : r;
        }
    }
    *ret = l.t;
    return 0;
}

/* ---- every owner a lane may hold names of ---- */

typedef int owner_fn(struct store *s, const char *owner, void *arg);

static int each_owner(struct store *s, owner_fn *fn, void *arg)
{
    char owner[LIM_NODE_ID + 2] = "";
    if (!s->lane.is_steward) {
        memcpy(owner, s->lane.by, sizeof owner);
        return fn(s, owner, arg);
    }
    for (bool found = true; found;) {
        struct q q;
        q_begin(&q, &s->db, Q_OWNER_NEXT);
        q_text(&q, owner);
        found = q_row(&q);
        if (found) {
            q_col_str(&q, 0, owner, sizeof owner);
        }
        int r = q_end(&q);
        r = r == 0 && found ? fn(s, owner, arg) : r;
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* ---- the exact digest ---- */

struct leaves {
    uint8_t (*v)[HASH_LEN];
    size_t n, cap;
};

static int take_leaves(struct store *s, const char *owner, void *arg)
{
    struct leaves *l = arg;
    struct q q;
    q_begin(&q, &s->db, Q_LEAVES);
    q_text(&q, owner);
    q_int(&q, s->lane.no);
    while (q_row(&q)) {
        if (l->n == l->cap) {
            size_t cap = l->cap == 0 ? 1024 : l->cap * 2;
            void *v = realloc(l->v, cap * sizeof *l->v);
            if (v == NULL) {
                q.err = SANJI_E_NOMEM;
                break;
            }
            l->v = v;
            l->cap = cap;
        }
        q_col_fixed(&q, 0, l->v[l->n++], HASH_LEN);
    }
    return q_end(&q);
}

static int leaf_order(const void *a, const void *b)
{
    return memcmp(a, b, HASH_LEN);
}

int store__live_sha(void *ctx, const char *by, const char *aud, uint8_t ret[static HASH_LEN])
{
    struct store *s = of(ctx);
    struct leaves l = {0};
    struct hash_ctx h;
    int r = store__lane_use(s, by, aud);
    if (r == 0) {
        r = each_owner(s, take_leaves, &l);
    }
    if (r == 0) {
        r = hash_init(&h);
    }
    if (r == 0) {
        static const uint8_t two = 2;
        if (l.n > 1) {
            qsort(l.v, l.n, sizeof *l.v, leaf_order);
        }
        r = hash_update(&h, &two, 1);
        if (r == 0 && l.n > 0) {
            r = hash_update(&h, l.v, l.n * sizeof *l.v);
        }
        if (r == 0) {
            r = hash_final(&h, ret);
        } else {
            hash_abort(&h);
        }
    }
    free(l.v);
    return r;
}

/* ---- what must be said again ---- */

static int one_row(struct q *q, bool *ret)
{
    *ret = q_row(q);
    return q_end(q);
}

static int is_parked(struct store *s, const struct sync_record *rec, bool *ret)
{
    struct q q;
    q_begin(&q, &s->db, Q_PARK_AT);
    q_int(&q, store__pos(rec->no, rec->seq));
    q_int(&q, rec->idx);
    q_int(&q, SANJI_E_EXISTS);
    return one_row(&q, ret);
}

int store__stands(void *ctx, const struct sync_record *rec, bool *ret)
{
    struct store *s = of(ctx);
    struct q q;
    *ret = false;
    int r = store__lane_use(s, rec->stream->by.s, rec->stream->aud);
    if (r == 0) {
        bool is_event = rec->item->op == OP_EVENT;
        q_begin(&q, &s->db,
                is_event                       ? Q_EV_STANDS
                : rec->item->op == OP_WITHDRAW ? Q_REC_HIDES
                                               : Q_REC_STANDS);
        q_text(&q, rec->owner);
        q_text(&q, rec->item->id);
        q_int(&q, s->lane.no);
        q_blob(&q, rec->leaf, HASH_LEN);
        q_int(&q, rec->no);
        q_int(&q, rec->seq);
        q_int(&q, rec->idx);
        q_int(&q, rec->item->r);
        r = one_row(&q, ret);
    }
    return r < 0 || *ret ? r : is_parked(s, rec, ret);
}

int store__has_parked(void *ctx, int64_t no, bool *ret)
{
    struct store *s = of(ctx);
    struct q q;
    q_begin(&q, &s->db, Q_PARK_HAS);
    q_int(&q, store__pos(no, 0));
    q_int(&q, store__pos(no, LIM_SEQ));
    q_int(&q, SANJI_E_EXISTS);
    return one_row(&q, ret);
}

/* ---- taking a keyframe ---- */

struct gone { /* a row that stands before the keyframe */
    int64_t n, r;
    int vis;
    bool wd;
    char id[LIM_ID_BYTES + 1];
    uint8_t leaf[HASH_LEN];
};

struct goner {
    const struct sync_tally *k;
    struct gone *v;
    size_t n, cap;
};

static int collect(struct store *s, enum stmt_id id, const char *owner, struct goner *g)
{
    struct q q;
    g->n = 0;
    q_begin(&q, &s->db, id);
    q_text(&q, owner);
    q_int(&q, s->lane.no);
    q_int(&q, g->k->ep);
    q_int(&q, g->k->no);
    q_int(&q, g->k->from);
    while (q_row(&q)) {
        if (g->n == g->cap) {
            size_t cap = g->cap == 0 ? 64 : g->cap * 2;
            struct gone *v = realloc(g->v, cap * sizeof *v);
            if (v == NULL) {
                q.err = SANJI_E_NOMEM;
                break;
            }
            g->v = v;
            g->cap = cap;
        }
        struct gone *x = &g->v[g->n++];
        *x = (struct gone){.n = q_col_int(&q, 0),
                           .r = q_col_int(&q, 2),
                           .vis = (int)q_col_int(&q, 3),
                           .wd = q_col_int(&q, 4) != 0};
        q_col_str(&q, 1, x->id, sizeof x->id);
        q_col_fixed(&q, 5, x->leaf, HASH_LEN);
    }
    return q_end(&q);
}

static int run_n(struct store *s, enum stmt_id id, int64_t n)
{
    struct q q;
    q_begin(&q, &s->db, id);
    q_int(&q, n);
    return q_run(&q);
}

static int records_gone(struct store *s, const char *owner, void *arg)
{
    struct goner *g = arg;
    int r = collect(s, Q_REC_BELOW, owner, g);
    for (size_t i = 0; r == 0 && i < g->n; i++) {
        r = store__count_row(s, owner, g->v[i].n, -1);
        if (r == 0) {
            r = run_n(s, Q_REC_DEL, g->v[i].n);
        }
        if (!g->v[i].wd) {
            live_sub(&s->lane.t.live, g->v[i].leaf);
        }
        if (r == 0 && g->v[i].vis != 0) {
            r = store__record_settle(s, owner, g->v[i].id);
        }
    }
    return r;
}

static int events_gone(struct store *s, const char *owner, void *arg)
{
    struct goner *g = arg;
    int r = collect(s, Q_EV_BELOW, owner, g);
    for (size_t i = 0; r == 0 && i < g->n; i++) {
        r = run_n(s, Q_EV_DEL, g->v[i].n);
        live_sub(&s->lane.t.live, g->v[i].leaf);
        if (r == 0) {
            r = store__event_settle(s, owner, g->v[i].id, g->v[i].r);
        }
    }
    return r;
}

/* Referral steps stand in streams to one node, which nobody's keyframe need shorten. */
static int threads_gone(struct store *s, const struct sync_tally *k)
{
    int64_t v[64];
    for (size_t n = 64; n == 64;) {
        struct q q;
        n = 0;
        q_begin(&q, &s->db, Q_REF_BELOW);
        q_text(&q, s->lane.by);
        q_text(&q, s->lane.aud);
        q_int(&q, k->ep);
        q_int(&q, k->no);
        q_int(&q, k->from);
        while (n < 64 && q_row(&q)) {
            v[n++] = q_col_int(&q, 0);
        }
        int r = q_end(&q);
        for (size_t i = 0; r == 0 && i < n; i++) {
            r = store__count_thread(s, v[i], -1);
            if (r < 0) {
                break;
            }
            q_begin(&q, &s->db, Q_REF_BELOW_DEL);
            q_int(&q, v[i]);
            q_text(&q, s->lane.by);
            q_text(&q, s->lane.aud);
            q_int(&q, k->ep);
            q_int(&q, k->no);
            q_int(&q, k->from);
            r = q_run(&q);
            if (r == 0) {
                r = store__thread_settle(s, v[i]);
            }
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int store__keyframe(void *ctx, const char *by, const char *aud, const struct sync_tally *k)
{
    struct store *s = of(ctx);
    struct goner g = {.k = k};
    struct q q;
    int r = store__lane_use(s, by, aud);
    if (r == 0) {
        q_begin(&q, &s->db, Q_PARK_BELOW);
        q_text(&q, by);
        q_text(&q, aud);
        q_int(&q, k->ep);
        q_int(&q, k->no);
        q_int(&q, k->from);
        r = q_run(&q);
    }
    if (r == 0) {
        r = each_owner(s, records_gone, &g);
    }
    if (r == 0) {
        r = each_owner(s, events_gone, &g);
    }
    if (r == 0 && strncmp(aud, "to:", 3) == 0) {
        r = threads_gone(s, k);
    }
    free(g.v);
    if (r == 0) {
        struct live_digest live = s->lane.t.live;
        s->lane.t = *k;
        s->lane.t.live = live;
        s->lane.t.items = live.c;
        s->lane.is_dirty = true;
    }
    return r;
}

/* ---- bundles ---- */

int store__stream_from(void *ctx, int64_t no, int64_t from)
{
    struct q q;
    q_begin(&q, &of(ctx)->db, Q_STREAM_FIRST);
    q_int(&q, no);
    q_int(&q, from);
    return q_run(&q);
}

int store__drop_below(void *ctx, int64_t no, int64_t max, int64_t *ret_n)
{
    struct store *s = of(ctx);
    struct sync_stream_row st;
    struct q q;
    *ret_n = 0;
    int r = store_stream_get(s, no, &st);
    if (r < 0 || st.first <= 1) {
        return r;
    }
    q_begin(&q, &s->db, Q_BUNDLE_DROP_SOME);
    q_int(&q, store__pos(no, 0));
    q_int(&q, store__pos(no, st.first));
    q_int(&q, max);
    r = q_run(&q);
    *ret_n = r == 0 ? q_changes(&s->db) : 0;
    return r;
}

/* Pages are given back when a good part of the file is empty: what was used once will be again. */
int store_shrink(struct store *s, int64_t *ret_left)
{
    enum { FREE_PAGES = 2048, PIECE = 512 };
    int64_t pages = 0, free_pages = 0;
    *ret_left = 0;
    int r = db_scalar(&s->db, "PRAGMA page_count", &pages);
    if (r == 0) {
        r = db_scalar(&s->db, "PRAGMA freelist_count", &free_pages);
    }
    if (r < 0 || free_pages < FREE_PAGES || free_pages < pages / 4) {
        return r;
    }
    r = db_exec(&s->db, "PRAGMA incremental_vacuum(512)");
    int64_t now = free_pages;
    if (r == 0) {
        r = db_scalar(&s->db, "PRAGMA freelist_count", &now);
    }
    *ret_left = r == 0 && now < free_pages ? now : 0; /* an old file cannot shrink: it is reused */
    return r;
}
