/* SPDX-License-Identifier: Apache-2.0 */
/* Checking and deriving anew: verify, rebuild, parked items. The check does not trust the database
 * it looks at: it feeds every stored frame to a second, empty node and lets the receiver's own
 * rules judge, then compares what that node derived with what stands here. */
#include "node/app_check.h"
#include "node/app_blob.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- verify ---- */

enum { LISTED = 20 }; /* differences named of each part */

struct check {
    struct app *a;
    struct store *s2;
    struct sync *y2;
    struct frame_ctx *fc;
    struct sync_tick t;
    struct app_verdict *v;
    app_wrong_fn *fn;
    void *arg;
    int64_t waiting, progress;
    struct arena *arena;
    struct buf line;
    struct app_found *found; /* faults: reported already, every pass meets them again */
    int64_t at;              /* seq last read */
    int pass;
    bool last;      /* this pass reports what still waits */
    int64_t gap_no; /* stream whose first waiting bundle was named */
};

void app__where(const struct sync_stream_row *st, int64_t seq, char out[static LIM_AUD_BYTES + 64])
{
    snprintf(out, LIM_AUD_BYTES + 64, "%s/%s/%u/%lld", st->key.by.s, st->key.aud,
             (unsigned)st->key.ep, (long long)seq);
}

static void wrong(struct check *c, const struct sync_stream_row *st, int64_t seq, int err,
                  const char *member)
{
    char where[LIM_AUD_BYTES + 64];
    app__where(st, seq, where);
    c->v->wrong++;
    if (c->fn != NULL) {
        c->fn("bundle", where, err, member, c->arg);
    }
}

static int refused(struct check *c, const struct sync_stream_row *st,
                   const struct sync_bundle_row *row, const struct sync_accept *acc)
{
    if (app_faults_has(&c->found->faults, row->no, row->seq)) {
        return 0;
    }
    wrong(c, st, row->seq, acc->err, acc->f.member);
    return app_faults_add(&c->found->faults, row->no, row->seq);
}

/* Beyond the end of its key: counts for nothing, but a later act may name it. */
static int check_void(struct check *c, const struct sync_stream_row *st,
                      const struct sync_bundle_row *row)
{
    struct sync_accept acc = {0};
    struct bundle b;
    acc.err = app__frame_read(c->fc, c->arena, row->frame, &c->line, &b);
    if (acc.err == 0 && memcmp(b.id, row->id, HASH_LEN) != 0) {
        acc.err = SANJI_E_HASH;
    }
    return acc.err == SANJI_E_NOMEM ? acc.err : acc.err < 0 ? refused(c, st, row, &acc) : 0;
}

static int on_check(const struct sync_stream_row *st, const struct sync_bundle_row *row, void *arg)
{
    struct check *c = arg;
    struct sync_accept acc;
    c->at = row->seq;
    if (sync_is_void(c->a->sync, &st->key, row->seq)) {
        return check_void(c, st, row);
    }
    memset(&acc, 0, sizeof acc);
    c->t.now_ms = row->got;
    sync_accept_frame(c->y2, &c->t, row->frame, &acc);
    if (acc.err == SANJI_E_OLD) {
        return 0; /* taken in an earlier pass */
    }
    /* Streams come in the order in which they were met, which need not be that of the trust acts:
     * the act that joins another federation may come after what that federation says. */
    if (acc.err == SANJI_E_UNKNOWN_KEY || acc.err == SANJI_E_GAP || acc.err == SANJI_E_FEDERATION) {
        c->waiting++;
        if (c->last && acc.err == SANJI_E_GAP && c->gap_no == row->no) {
            c->v->wrong++; /* follows from the one before, which was named */
        } else if (c->last) {
            c->gap_no = row->no;
            wrong(c, st, row->seq, acc.err, acc.f.member);
        }
        return 0;
    }
    if (sync_is_store_failure(acc.err)) {
        return acc.err;
    }
    if (acc.err < 0) {
        return refused(c, st, row, &acc);
    }
    c->progress++;
    c->v->bundles += 1 + acc.before;
    c->v->items += row->items + acc.before_items;
    if (stream_key_cmp(&acc.stream, &st->key) != 0 || acc.seq != row->seq) {
        wrong(c, st, row->seq, SANJI_E_CORRUPT, "stream");
    }
    return 0;
}

static int on_aside(const struct sync_aside *x, void *arg)
{
    struct check *c = arg;
    if (x->err < 0) {
        c->v->wrong++;
        if (c->fn != NULL) {
            c->fn("kept", x->name, x->err, "", c->arg);
        }
    }
    return 0;
}

/* ---- streams frozen for a second history: the stored proof is judged again ---- */

static void find_no(const struct sync_stream_row *row, void *arg)
{
    struct sync_stream_row *want = arg;
    if (stream_key_cmp(&row->key, &want->key) == 0) {
        want->no = row->no;
    }
}

static int on_proof(int64_t no, const uint8_t *held, struct span other, void *arg)
{
    struct check *c = arg;
    struct sync_stream_row st;
    struct sync_accept acc;
    struct buf frame;
    int r = store_stream_get(c->a->store, no, &st);
    if (r < 0) {
        return r == SANJI_E_NOT_FOUND ? 0 : r;
    }
    memset(&acc, 0, sizeof acc);
    buf_init(&frame, LIM_MESSAGE_BYTES);
    r = frame_pack(c->fc, other, &frame);
    if (r == 0) {
        sync_accept_frame(c->y2, &c->t, span_of(frame.data, frame.len), &acc);
    }
    buf_done(&frame);
    if (r < 0 || sync_is_store_failure(acc.err)) {
        return r < 0 ? r : acc.err;
    }
    if (acc.err == SANJI_E_REVOKED) { /* it was evidence when the key stood */
        struct sync_stream_row there = {.key = st.key};
        sync_each_stream(c->y2, find_no, &there);
        const struct sync_store *to = store_port(c->s2);
        r = there.no == 0 ? 0 : to->freeze(to->ctx, there.no, held, other);
        return r == 0 && there.no != 0 && !st.frozen ? to->thaw(to->ctx, there.no) : r;
    }
    if (acc.err == SANJI_E_FORK && !st.frozen) { /* healed, or ended by a registrar */
        struct sync_stream_row there = {.key = st.key};
        sync_each_stream(c->y2, find_no, &there);
        const struct sync_store *to = store_port(c->s2);
        r = there.no == 0 ? 0 : to->thaw(to->ctx, there.no);
    }
    if (acc.err != SANJI_E_FORK || stream_key_cmp(&acc.stream, &st.key) != 0) {
        wrong(c, &st, acc.seq, acc.err < 0 ? acc.err : SANJI_E_CORRUPT, "fork");
    }
    return r;
}

static int check_proofs(struct check *c)
{
    int r = store_begin(c->s2);
    if (r < 0) {
        return r;
    }
    r = store_fork_list(c->a->store, on_proof, c);
    if (r == 0) {
        return store_commit(c->s2);
    }
    store_rollback(c->s2);
    return r;
}

/* The list of what is erased is truth of its own: an act may have been lost since. */
static int on_erased(const struct sync_erased *x, void *arg)
{
    return sync_erase_add(((struct check *)arg)->y2, x);
}

static int check_list(struct check *c)
{
    int r = store_begin(c->s2);
    if (r < 0) {
        return r;
    }
    r = sync_erased_each(c->a->sync, on_erased, c);
    r = r < 0 ? r : sync_erase_settle(c->y2);
    if (r == 0) {
        return store_commit(c->s2);
    }
    store_rollback(c->s2);
    return r;
}

/* A row that cannot be read ends its stream for this check, not the check. */
static int check_stream(struct check *c, const struct sync_stream_row *st)
{
    c->at = 0;
    int r = store_bundle_walk(c->a->store, st->no, on_check, c);
    if (r != SANJI_E_CORRUPT) {
        return r;
    }
    if (app_faults_has(&c->found->faults, st->no, c->at + 1)) {
        return 0;
    }
    wrong(c, st, c->at + 1, SANJI_E_CORRUPT, "row");
    return app_faults_add(&c->found->faults, st->no, c->at + 1);
}

static int collect(const struct sync_stream_row *row, void *arg)
{
    struct app_streams *l = arg;
    if (l->n == l->cap) {
        size_t cap = l->cap == 0 ? 64 : l->cap * 2;
        struct sync_stream_row *v = realloc(l->v, cap * sizeof *v);
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = *row;
    return 0;
}

static int check_passes(struct check *c)
{
    const struct sync_store *st = store_port(c->a->store);
    int r = st->streams(st->ctx, collect, &c->found->streams);
    for (c->pass = 0; r == 0 && c->pass < LIM_TREE_DEPTH * 4; c->pass++) {
        c->waiting = 0;
        c->progress = 0;
        r = store_begin(c->s2);
        const struct app_streams *all = &c->found->streams;
        for (int rest = 0; r == 0 && rest < 2; rest++) {
            for (size_t i = 0; r == 0 && i < all->n; i++) {
                bool is_rest = strcmp(all->v[i].key.aud, "trust") != 0;
                r = is_rest == (rest != 0) ? check_stream(c, &all->v[i]) : 0;
            }
        }
        if (r == 0) {
            r = store_commit(c->s2);
        } else {
            store_rollback(c->s2);
        }
        if (r == 0 && (c->waiting == 0 || c->last)) {
            break;
        }
        c->last = c->progress == 0;
    }
    return r;
}

static void find_frozen(const struct sync_stream_row *row, void *arg)
{
    struct app_found *f = arg;
    for (size_t i = 0; i < f->streams.n; i++) {
        if (stream_key_cmp(&f->streams.v[i].key, &row->key) == 0 &&
            f->streams.v[i].frozen != row->frozen) {
            f->frozen.v[f->frozen.n].no = f->streams.v[i].no;
            f->frozen.v[f->frozen.n++].frozen = row->frozen;
        }
    }
}

/* Of which streams the proofs say something else than the row. */
static int frozen_of(struct check *c)
{
    struct app_frozen *f = &c->found->frozen;
    f->v = calloc(c->found->streams.n + 1, sizeof *f->v);
    if (f->v == NULL) {
        return SANJI_E_NOMEM;
    }
    sync_each_stream(c->y2, find_frozen, c->found);
    return 0;
}

void app_found_done(struct app_found *f)
{
    free(f->faults.v);
    free(f->streams.v);
    free(f->frozen.v);
    memset(f, 0, sizeof *f);
}

int app_verify(struct app *a, struct app_verdict *ret, app_wrong_fn *fn, void *arg)
{
    struct app_found found = {0};
    int r = app__check(a, ret, fn, arg, &found);
    app_found_done(&found);
    return r;
}

static bool is_damaged(int64_t no, int64_t seq, void *arg)
{
    struct check *c = arg;
    const struct sync_store *st = store_port(c->a->store);
    uint8_t id[HASH_LEN];
    return app_faults_has(&c->found->faults, no, seq) ||
           st->bundle_id(st->ctx, no, seq, id) == SANJI_E_NOT_FOUND;
}

int app__check(struct app *a, struct app_verdict *ret, app_wrong_fn *fn, void *arg,
               struct app_found *ret_found)
{
    struct check c = {.a = a, .v = ret, .fn = fn, .arg = arg, .found = ret_found};
    struct sync_self self = *sync_self_of(a->sync);
    memset(ret, 0, sizeof *ret);
    buf_init(&c.line, LIM_BUNDLE_BYTES + 64);
    app__self(a, &self);
    int r = app_tick_make(&c.t);
    if (r == 0) {
        r = store_open(a->dir, STORE_SCRATCH, &c.s2);
    }
    if (r == 0) {
        r = store_self(c.s2, app_id(a));
    }
    if (r == 0) { /* what was sealed to lost keys opens by the key of its thread alone */
        r = store_thread_keys_copy(a->store, c.s2);
    }
    if (r == 0) {
        r = sync_new(&self, store_port(c.s2), &c.y2);
    }
    if (r == 0) {
        sync_witness(c.y2);
        c.fc = frame_ctx_new();
        c.arena = arena_new(24u << 20);
        r = c.fc == NULL || c.arena == NULL ? SANJI_E_NOMEM : 0;
    }
    if (r == 0) {
        r = check_list(&c);
    }
    if (r == 0) {
        r = check_passes(&c);
    }
    if (r == 0) {
        r = check_proofs(&c);
    }
    if (r == 0) {
        r = frozen_of(&c);
    }
    if (r == 0) {
        r = sync_aside_each(a->sync, on_aside, &c);
    }
    if (r == 0) {
        const struct store_compare with = {
            .differs = fn, .arg = arg, .limit = LISTED, .damaged = is_damaged, .damaged_arg = &c};
        int64_t n = 0;
        r = store_compare(a->store, c.s2, &with, &n);
        ret->views_differ = n > 0;
        ret->wrong += n;
        if (r == 0) {
            r = app__audit_check(a, fn, arg, &n);
            ret->wrong += n;
        }
        if (r == 0) {
            r = app_blob_check(a, fn, arg, &ret->files, &n);
            ret->wrong += n;
        }
        if (r == 0) {
            r = store_integrity(a->store, c.s2, &with, &n);
            ret->wrong += n;
        }
    }
    frame_ctx_free(c.fc);
    arena_free(c.arena);
    buf_done(&c.line);
    sync_free(c.y2);
    store_close(c.s2);
    return r;
}

/* ---- rebuild ---- */

struct again {
    struct app *a;
    int64_t n;
};

static int on_again(const struct sync_stream_row *st, const struct sync_bundle_row *row, void *arg)
{
    struct again *x = arg;
    x->n++;
    return sync_apply_frame(x->a->sync, row, &st->key);
}

int app_rebuild(struct app *a, int64_t *ret_bundles, bool *ret_same)
{
    struct again x = {.a = a};
    uint8_t d1[HASH_LEN] = {0}, d2[HASH_LEN] = {0};
    int r = ret_same != NULL ? store_views_digest(a->store, d1) : 0;
    if (r == 0) {
        r = store_begin(a->store);
    }
    if (r < 0) {
        return r;
    }
    const struct sync_store *st = store_port(a->store);
    int64_t kept = 0;
    r = st->spare(st->ctx, app_id(a));
    if (r == 0) {
        r = store_views_recreate(a->store);
    }
    if (r == 0) {
        r = store_bundle_walk(a->store, 0, on_again, &x);
    }
    if (r == 0) {
        r = sync_spares_back(a->sync, &kept);
    }
    if (r == 0) {
        r = sync_erase_settle(a->sync);
    }
    if (r == 0) {
        r = store_views_done(a->store);
    }
    if (r == 0) {
        r = store_commit(a->store);
    } else {
        store_rollback(a->store);
        (void)sync_reload(a->sync); /* it may have marked what it could not read */
    }
    if (r == 0 && ret_same != NULL) {
        r = store_views_digest(a->store, d2);
        *ret_same = memcmp(d1, d2, HASH_LEN) == 0;
    }
    *ret_bundles = x.n;
    a->stats_known = false;
    app_changed(a);
    return r;
}

/* ---- parked ---- */

struct park_list {
    struct {
        int64_t no, seq;
    } * v;
    size_t n, cap;
};

static int on_parked(const struct store_parked *p, void *arg)
{
    struct park_list *l = arg;
    if (p->discarded || (l->n > 0 && l->v[l->n - 1].no == p->no && l->v[l->n - 1].seq == p->seq)) {
        return 0;
    }
    if (l->n == l->cap) {
        size_t cap = l->cap != 0 ? l->cap * 2 : 16;
        void *v = realloc(l->v, cap * sizeof *l->v);
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n].no = p->no;
    l->v[l->n].seq = p->seq;
    l->n++;
    return 0;
}

int app_parked_retry(struct app *a, int64_t *ret_tried, int64_t *ret_left)
{
    struct park_list l = {0};
    struct store_totals t = {0};
    struct again x = {.a = a};
    int r = store_parked_list(a->store, on_parked, &l);
    if (r == 0) {
        r = store_begin(a->store);
    }
    if (r == 0) {
        for (size_t i = 0; r == 0 && i < l.n; i++) {
            r = store_parked_drop(a->store, l.v[i].no, l.v[i].seq);
            if (r == 0) {
                r = store_bundle_get(a->store, l.v[i].no, l.v[i].seq, on_again, &x);
            }
        }
        if (r == 0) { /* an act may be in force now */
            r = sync_erase_settle(a->sync);
        }
        if (r == 0) {
            r = store_commit(a->store);
        } else {
            store_rollback(a->store);
            (void)sync_reload(a->sync);
        }
    }
    if (r == 0) {
        r = store_totals(a->store, &t);
    }
    *ret_tried = (int64_t)l.n;
    *ret_left = t.parked;
    free(l.v);
    a->stats_known = false;
    app_changed(a);
    return r;
}
