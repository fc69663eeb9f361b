/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at everything a node holds: export, bundles, check, rebuild. The check does not trust the
 * database it looks at: it feeds every stored frame to a second, empty node and lets the receiver's
 * own rules judge, then compares what that node derived with what stands here. */
#include "node/app_internal.h"
#include "protocol/base/enc.h"
#include "protocol/jwrite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- export-state ---- */

struct line {
    char owner[LIM_NODE_ID + 2], kind[40], id[LIM_ID_BYTES + 1];
    int64_t r;
    char *text;
    size_t n;
};
struct export
{
    struct app *a;
    const char *aud, *kind;
    app_sink *sink;
    void *arg;
    struct line *v; /* nodes and events: few, merged into the walk of records */
    size_t n, cap, at;
    struct buf b;
    int err;
};

static int line_cmp(const char *ao, const char *ak, const char *ai, int64_t ar, const struct line *b)
{
    int c = strcmp(ao, b->owner);
    c = c != 0 ? c : strcmp(ak, b->kind);
    c = c != 0 ? c : strcmp(ai, b->id);
    return c != 0 ? c : ar < b->r ? -1 : ar > b->r;
}

static int lines_cmp(const void *pa, const void *pb)
{
    const struct line *a = pa;
    return line_cmp(a->owner, a->kind, a->id, a->r, pb);
}

static bool wanted(const struct export *x, const char *kind, const char *aud)
{
    const struct kind *k = kind_find(kind);
    if (k == NULL || !k->in_export || (x->kind != NULL && strcmp(x->kind, kind) != 0)) {
        return false;
    }
    return x->aud == NULL || strcmp(x->aud, aud) == 0;
}

static void export_head(struct export *x, struct jw *w, const char *owner, const char *kind, const char *id,
                        int64_t r, const char *aud)
{
    buf_reset(&x->b);
    jw_init(w, &x->b);
    jw_obj(w, NULL);
    jw_str(w, "owner", owner);
    jw_str(w, "kind", kind);
    jw_str(w, "id", id);
    jw_int(w, "r", r);
    if (aud != NULL) {
        jw_str(w, "aud", aud);
    }
}

static int export_keep(struct export *x, const char *owner, const char *kind, const char *id, int64_t r)
{
    if (x->n == x->cap) {
        size_t cap = x->cap != 0 ? x->cap * 2 : 64;
        struct line *v = realloc(x->v, cap * sizeof *v);
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        x->v = v;
        x->cap = cap;
    }
    struct line *l = &x->v[x->n];
    memset(l, 0, sizeof *l);
    snprintf(l->owner, sizeof l->owner, "%s", owner);
    snprintf(l->kind, sizeof l->kind, "%s", kind);
    snprintf(l->id, sizeof l->id, "%s", id);
    l->r = r;
    l->n = x->b.len;
    l->text = malloc(x->b.len + 1);
    if (l->text == NULL) {
        return SANJI_E_NOMEM;
    }
    memcpy(l->text, x->b.data, x->b.len);
    x->n++;
    return 0;
}

static void node_members(struct jw *w, const struct roster_node *n)
{
    static const char *const states[] = {"active", "cut", "closed"};
    jw_str(w, "node", n->id.s);
    jw_str(w, "name", n->name);
    if (!node_id_none(&n->up)) {
        jw_str(w, "up", n->up.s);
    }
    jw_int(w, "lv", n->lv);
    if (n->area[0] != '\0') {
        jw_str(w, "area", n->area);
    }
    jw_bool(w, "reg", n->reg);
    if (n->url[0] != '\0') {
        jw_str(w, "url", n->url);
    }
    if (!node_id_none(&n->steward)) {
        jw_str(w, "steward", n->steward.s);
    }
    jw_str(w, "state", states[n->state]);
}

static int export_nodes(struct export *x)
{
    int r = 0;
    const struct roster *ro = app_roster(x->a);
    for (size_t i = 0; r == 0 && i < roster_count(ro) && wanted(x, "node", "fed"); i++) {
        const struct roster_node *n = roster_at(ro, i);
        struct jw w;
        if (x->aud != NULL && strcmp(x->aud, "fed") != 0) {
            continue;
        }
        export_head(x, &w, n->id.s, "node", n->id.s, n->acts, NULL);
        jw_obj(&w, "d");
        node_members(&w, n);
        jw_end_obj(&w);
        jw_end_obj(&w);
        r = jw_done(&w);
        buf_putc(&x->b, '\n');
        if (r == 0) {
            r = export_keep(x, n->id.s, "node", n->id.s, n->acts);
        }
    }
    return r;
}

static int on_export_event(const struct store_event *e, void *arg)
{
    struct export *x = arg;
    struct jw w;
    if (!wanted(x, e->kind, e->aud) || (x->aud == NULL ? false : strcmp(x->aud, e->aud) != 0)) {
        return 0;
    }
    export_head(x, &w, e->owner, e->kind, e->id, e->r, e->aud);
    if (strcmp(e->kind, "sealed") == 0) {
        jw_b64(&w, "leaf", e->leaf, HASH_LEN);
    } else {
        jw_raw(&w, "d", e->d.p, e->d.n);
    }
    jw_end_obj(&w);
    int r = jw_done(&w);
    buf_putc(&x->b, '\n');
    return r == 0 ? export_keep(x, e->owner, e->kind, e->id, e->r) : r;
}

static int flush_before(struct export *x, const struct store_rec *rec)
{
    int r = 0;
    while (r == 0 && x->at < x->n &&
           (rec == NULL || line_cmp(rec->owner, rec->kind, rec->id, rec->r, &x->v[x->at]) > 0)) {
        r = x->sink(x->v[x->at].text, x->v[x->at].n, x->arg);
        x->at++;
    }
    return r;
}

static int on_export_rec(const struct store_rec *rec, void *arg)
{
    struct export *x = arg;
    struct jw w;
    if (!wanted(x, rec->kind, rec->aud)) {
        return 0;
    }
    int r = flush_before(x, rec);
    if (r < 0) {
        return r;
    }
    export_head(x, &w, rec->owner, rec->kind, rec->id, rec->r, rec->aud);
    if (strcmp(rec->kind, "sealed") == 0) {
        jw_b64(&w, "leaf", rec->leaf, HASH_LEN);
    } else {
        jw_raw(&w, "d", rec->d.p, rec->d.n);
    }
    jw_end_obj(&w);
    r = jw_done(&w);
    buf_putc(&x->b, '\n');
    return r == 0 ? x->sink(x->b.data, x->b.len, x->arg) : r;
}

int app_export(struct app *a, const char *aud, const char *kind, app_sink *sink, void *arg)
{
    struct export x = {.a = a, .aud = aud, .kind = kind, .sink = sink, .arg = arg};
    buf_init(&x.b, LIM_ITEM_BYTES * 4);
    int r = export_nodes(&x);
    if (r == 0) {
        r = store_event_list(a->store, NULL, NULL, NULL, on_export_event, &x);
    }
    if (r == 0) {
        if (x.n > 0) {
            qsort(x.v, x.n, sizeof *x.v, lines_cmp);
        }
        r = store_export(a->store, on_export_rec, &x);
    }
    if (r == 0) {
        r = flush_before(&x, NULL);
    }
    for (size_t i = 0; i < x.n; i++) {
        free(x.v[i].text);
    }
    free(x.v);
    buf_done(&x.b);
    return r;
}

/* ---- bundles ---- */

struct out_bundles {
    const char *by, *aud;
    int64_t ep;
    app_sink *sink;
    void *arg;
    struct frame_ctx *fc;
    struct buf line;
};

static int on_bundle(const struct sync_stream_row *st, const struct sync_bundle_row *row, void *arg)
{
    struct out_bundles *o = arg;
    size_t used = 0;
    if ((o->by != NULL && strcmp(o->by, st->key.by.s) != 0) ||
        (o->aud != NULL && strcmp(o->aud, st->key.aud) != 0) || (o->ep != 0 && o->ep != st->key.ep)) {
        return 0;
    }
    int r = frame_unpack(o->fc, row->frame, &o->line, &used);
    if (r == 0) {
        r = buf_putc(&o->line, '\n');
    }
    return r == 0 ? o->sink(o->line.data, o->line.len, o->arg) : r;
}

int app_bundles(struct app *a, const char *by, const char *aud, int64_t ep, app_sink *sink, void *arg)
{
    struct out_bundles o = {.by = by, .aud = aud, .ep = ep, .sink = sink, .arg = arg, .fc = frame_ctx_new()};
    buf_init(&o.line, LIM_BUNDLE_BYTES + 16);
    int r = o.fc == NULL ? SANJI_E_NOMEM : store_bundle_walk(a->store, 0, on_bundle, &o);
    frame_ctx_free(o.fc);
    buf_done(&o.line);
    return r;
}

/* ---- verify ---- */

struct check {
    struct app *a;
    struct store *s2;
    struct sync *y2;
    struct sync_tick t;
    struct app_verdict *v;
    app_wrong_fn *fn;
    void *arg;
    int64_t waiting, progress;
    struct place {
        int64_t no, seq;
    } * bad; /* reported already: every pass meets them again */
    size_t n_bad;
    int pass;
    bool last; /* this pass reports what still waits */
};

static void where_of(const struct sync_stream_row *st, int64_t seq, char out[LIM_AUD_BYTES + 64])
{
    snprintf(out, LIM_AUD_BYTES + 64, "%s/%s/%u/%lld", st->key.by.s, st->key.aud, (unsigned)st->key.ep,
             (long long)seq);
}

static void wrong(struct check *c, const struct sync_stream_row *st, int64_t seq, int err, const char *member)
{
    char where[LIM_AUD_BYTES + 64];
    where_of(st, seq, where);
    c->v->wrong++;
    if (c->fn != NULL) {
        c->fn("bundle", where, err, member, c->arg);
    }
}

static int refused(struct check *c, const struct sync_stream_row *st, const struct sync_bundle_row *row,
                   const struct sync_accept *acc)
{
    for (size_t i = 0; i < c->n_bad; i++) {
        if (c->bad[i].no == row->no && c->bad[i].seq == row->seq) {
            return 0;
        }
    }
    struct place *v = realloc(c->bad, (c->n_bad + 1) * sizeof *v);
    if (v == NULL) {
        return SANJI_E_NOMEM;
    }
    c->bad = v;
    c->bad[c->n_bad++] = (struct place){row->no, row->seq};
    wrong(c, st, row->seq, acc->err, acc->f.member);
    return 0;
}

static int on_check(const struct sync_stream_row *st, const struct sync_bundle_row *row, void *arg)
{
    struct check *c = arg;
    struct sync_accept acc;
    memset(&acc, 0, sizeof acc);
    c->t.now_ms = row->got;
    sync_accept_frame(c->y2, &c->t, row->frame, &acc);
    if (acc.err == SANJI_E_OLD) {
        return 0; /* taken in an earlier pass */
    }
    if (acc.err == SANJI_E_UNKNOWN_KEY || acc.err == SANJI_E_GAP) {
        c->waiting++;
        if (c->last) {
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
    c->v->bundles++;
    c->v->items += row->items;
    bool same_place = stream_key_cmp(&acc.stream, &st->key) == 0 && acc.seq == row->seq;
    uint8_t id[HASH_LEN];
    if (!same_place) {
        wrong(c, st, row->seq, SANJI_E_CORRUPT, "stream");
    } else {
        /* The stored id must be the one the bytes have. */
        struct sync_stream_row got;
        if (store_stream_get(c->a->store, row->no, &got) == 0 &&
            store_port(c->a->store)->bundle_id(store_port(c->a->store)->ctx, row->no, row->seq, id) == 0 &&
            memcmp(id, row->id, HASH_LEN) != 0) {
            wrong(c, st, row->seq, SANJI_E_HASH, "id");
        }
    }
    return 0;
}

/* Heads of both must be the same set: a stored head that its bundles do not reach is damage too. */
struct head_cmp_arg {
    struct check *c;
    int64_t n;
};
static void on_head(const struct sync_stream_row *st, void *arg)
{
    struct head_cmp_arg *h = arg;
    h->n += st->seq > 0;
}

static int check_passes(struct check *c)
{
    int r = 0;
    for (c->pass = 0; r == 0 && c->pass < LIM_TREE_DEPTH * 4; c->pass++) {
        c->waiting = 0;
        c->progress = 0;
        r = store_begin(c->s2);
        if (r == 0) {
            r = store_bundle_walk(c->a->store, 0, on_check, c);
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

int app_verify(struct app *a, struct app_verdict *ret, app_wrong_fn *fn, void *arg)
{
    struct check c = {.a = a, .v = ret, .fn = fn, .arg = arg};
    uint8_t d1[HASH_LEN], d2[HASH_LEN];
    struct sync_self self = *sync_self_of(a->sync);
    memset(ret, 0, sizeof *ret);
    app__self(a, &self);
    int r = app_tick_make(&c.t);
    if (r == 0) {
        r = store_open(a->dir, STORE_SCRATCH, &c.s2);
    }
    if (r == 0) {
        r = sync_new(&self, store_port(c.s2), &c.y2);
    }
    if (r == 0) {
        r = check_passes(&c);
    }
    struct head_cmp_arg h1 = {&c, 0}, h2 = {&c, 0};
    if (r == 0) {
        sync_each_stream(a->sync, on_head, &h1);
        sync_each_stream(c.y2, on_head, &h2);
        r = store_views_digest(a->store, d1);
    }
    if (r == 0) {
        r = store_views_digest(c.s2, d2);
    }
    if (r == 0 && (memcmp(d1, d2, HASH_LEN) != 0 || h1.n != h2.n)) {
        ret->views_differ = true;
        ret->wrong++;
        if (fn != NULL) {
            fn("views", "", SANJI_E_CORRUPT, h1.n != h2.n ? "heads" : "", arg);
        }
    }
    free(c.bad);
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
    r = store_views_recreate(a->store);
    if (r == 0) {
        r = store_bundle_walk(a->store, 0, on_again, &x);
    }
    if (r == 0) {
        r = store_views_done(a->store);
    }
    if (r == 0) {
        r = store_commit(a->store);
    } else {
        store_rollback(a->store);
    }
    if (r == 0 && ret_same != NULL) {
        r = store_views_digest(a->store, d2);
        *ret_same = memcmp(d1, d2, HASH_LEN) == 0;
    }
    *ret_bundles = x.n;
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
        if (r == 0) {
            r = store_commit(a->store);
        } else {
            store_rollback(a->store);
        }
    }
    if (r == 0) {
        r = store_totals(a->store, &t);
    }
    *ret_tried = (int64_t)l.n;
    *ret_left = t.parked;
    free(l.v);
    app_changed(a);
    return r;
}

/* ---- explain ---- */

struct explain {
    struct app *a;
    struct jw w;
    int64_t n;
    struct frame_ctx *fc;
    struct arena *ar;
};

struct header_of {
    struct explain *x;
};

static int on_header(const struct sync_stream_row *st, const struct sync_bundle_row *row, void *arg)
{
    struct explain *x = ((struct header_of *)arg)->x;
    struct buf line;
    struct bundle b;
    size_t used;
    (void)st;
    buf_init(&line, LIM_BUNDLE_BYTES + 16);
    arena_reset(x->ar);
    int r = frame_unpack(x->fc, row->frame, &line, &used);
    if (r == 0) {
        r = bundle_peek(span_of(line.data, line.len), x->ar, &b, NULL);
    }
    if (r == 0) {
        const struct roster_key *k = roster_key(app_roster(x->a), b.hdr.by.s, b.hdr.kid.s);
        jw_b64(&x->w, "bundle", row->id, HASH_LEN);
        jw_str(&x->w, "kid", b.hdr.kid.s);
        jw_str(&x->w, "key", k == NULL ? "unknown" : k->cut ? "cut" : k->ended ? "ended" : "current");
        jw_b64(&x->w, "rv", b.hdr.rv, sizeof b.hdr.rv);
        jw_int(&x->w, "signed_ms", b.hdr.ts);
        jw_int(&x->w, "received_ms", row->got);
    }
    buf_done(&line);
    return r;
}

/* Tree path of a bundle from its writer to this node: up to the common ancestor and down again. */
static void put_path(struct explain *x, const char *from)
{
    const struct roster *ro = app_roster(x->a);
    const char *down[LIM_TREE_DEPTH + 2];
    size_t n = 0;
    jw_arr(&x->w, "path");
    const struct roster_node *at = roster_node(ro, from);
    for (int i = 0; at != NULL && i <= LIM_TREE_DEPTH; i++) {
        jw_str(&x->w, NULL, at->id.s);
        if (strcmp(at->id.s, app_id(x->a)) == 0 || roster_is_ancestor(ro, at->id.s, app_id(x->a))) {
            break;
        }
        at = node_id_none(&at->up) ? NULL : roster_node(ro, at->up.s);
    }
    const struct roster_node *me = app_self_node(x->a);
    for (int i = 0; at != NULL && me != NULL && me != at && i <= LIM_TREE_DEPTH; i++) {
        down[n++] = me->id.s;
        me = node_id_none(&me->up) ? NULL : roster_node(ro, me->up.s);
    }
    while (n > 0) {
        jw_str(&x->w, NULL, down[--n]);
    }
    jw_end_arr(&x->w);
}

static void put_place(struct explain *x, const char *owner, const char *by, const char *aud, int64_t ep, int64_t no,
                      int64_t seq, int64_t idx, const uint8_t *leaf)
{
    struct header_of h = {x};
    jw_str(&x->w, "owner", owner);
    jw_str(&x->w, "by", by);
    jw_str(&x->w, "aud", aud);
    jw_int(&x->w, "ep", ep);
    jw_int(&x->w, "seq", seq);
    jw_int(&x->w, "index", idx);
    jw_b64(&x->w, "leaf", leaf, HASH_LEN);
    (void)store_bundle_get(x->a->store, no, seq, on_header, &h);
    put_path(x, by);
    x->n++;
}

static int on_explain(const struct store_rec *rec, void *arg)
{
    struct explain *x = arg;
    jw_obj(&x->w, NULL);
    jw_str(&x->w, "kind", rec->kind);
    jw_str(&x->w, "id", rec->id);
    jw_int(&x->w, "r", rec->r);
    jw_str(&x->w, "op", rec->withdrawn ? "wd" : "put");
    jw_bool(&x->w, "current", rec->visible || rec->withdrawn);
    put_place(x, rec->owner, rec->by, rec->aud, rec->ep, rec->no, rec->seq, rec->idx, rec->leaf);
    jw_end_obj(&x->w);
    return 0;
}

static int on_explain_event(const struct store_event *e, void *arg)
{
    struct explain *x = arg;
    jw_obj(&x->w, NULL);
    jw_str(&x->w, "kind", e->kind);
    jw_str(&x->w, "id", e->id);
    jw_int(&x->w, "r", e->r);
    jw_str(&x->w, "op", "ev");
    jw_bool(&x->w, "current", true);
    put_place(x, e->owner, e->by, e->aud, e->ep, e->no, e->seq, e->idx, e->leaf);
    jw_end_obj(&x->w);
    return 0;
}

int app_explain(struct app *a, const char *owner, const char *id, struct buf *out)
{
    struct explain x = {.a = a, .fc = frame_ctx_new(), .ar = arena_new(8 << 20)};
    uint8_t rv[8];
    if (x.fc == NULL || x.ar == NULL) {
        frame_ctx_free(x.fc);
        arena_free(x.ar);
        return SANJI_E_NOMEM;
    }
    jw_init(&x.w, out);
    jw_obj(&x.w, NULL);
    sync_roster_version(a->sync, rv);
    jw_b64(&x.w, "roster", rv, sizeof rv);
    jw_arr(&x.w, "forms");
    int r = store_explain(a->store, owner, id, on_explain, &x);
    r = r == SANJI_E_NOT_FOUND ? 0 : r;
    if (r == 0) {
        r = store_event_list(a->store, NULL, owner, id, on_explain_event, &x);
        r = r == SANJI_E_NOT_FOUND ? 0 : r;
    }
    jw_end_arr(&x.w);
    jw_end_obj(&x.w);
    int r2 = jw_done(&x.w);
    frame_ctx_free(x.fc);
    arena_free(x.ar);
    return r < 0 ? r : r2 < 0 ? r2 : x.n == 0 ? SANJI_E_NOT_FOUND : 0;
}

/* ---- status ---- */

struct status_arg {
    struct jw *w;
};

static void on_peer(const struct sync_peer_status *p, void *arg)
{
    struct jw *w = ((struct status_arg *)arg)->w;
    jw_obj(w, NULL);
    jw_str(w, "node", p->id.s);
    jw_bool(w, "parent", p->is_parent);
    jw_bool(w, "connected", p->connected);
    jw_bool(w, "in_step", p->in_step);
    jw_int(w, "last_ok_ms", p->last_ok_ms);
    jw_str(w, "last_err", p->last_err == 0 ? "" : err_name(p->last_err));
    jw_int(w, "behind", p->behind);
    jw_int(w, "in_bundles", p->in_bundles);
    jw_int(w, "in_bytes", p->in_bytes);
    jw_int(w, "out_bundles", p->out_bundles);
    jw_int(w, "out_bytes", p->out_bytes);
    jw_int(w, "refused", p->refused);
    jw_str(w, "ver", p->ver);
    jw_int(w, "skew_ms", p->skew_ms);
    jw_end_obj(w);
}

static int on_count(const char *kind, int64_t n, void *arg)
{
    jw_int(arg, kind, n);
    return 0;
}

int app_node_json(struct app *a, const struct roster_node *n, struct buf *out)
{
    struct jw w;
    (void)a;
    jw_init(&w, out);
    jw_obj(&w, NULL);
    node_members(&w, n);
    jw_str(&w, "tier", app_tier_name(n->lv));
    jw_int(&w, "acts", n->acts);
    if (!node_id_none(&n->enrolled_by)) {
        jw_str(&w, "enrolled_by", n->enrolled_by.s);
    }
    jw_arr(&w, "keys");
    for (size_t i = 0; i < n->n_keys; i++) {
        jw_obj(&w, NULL);
        jw_str(&w, "kid", n->keys[i].kid.s);
        jw_str(&w, "state", n->keys[i].cut ? "cut" : n->keys[i].ended ? "ended" : "current");
        jw_b64(&w, "tls", n->keys[i].tls, HASH_LEN);
        jw_end_obj(&w);
    }
    jw_end_arr(&w);
    jw_end_obj(&w);
    return jw_done(&w);
}

static void put_parent(struct app *a, struct jw *w)
{
    struct node_id up;
    uint8_t tls[HASH_LEN];
    struct buf url;
    buf_init(&url, 4096);
    if (sync_parent(a->sync, &up, tls, &url) == 0) {
        jw_obj(w, "parent");
        jw_str(w, "node", up.s);
        jw_str(w, "url", buf_str(&url));
        jw_end_obj(w);
    }
    buf_done(&url);
}

int app_status(struct app *a, struct buf *out)
{
    struct jw w;
    struct status_arg sa = {&w};
    struct store_totals t = {0};
    const struct roster_node *me = app_self_node(a);
    uint8_t rv[8];
    int r = store_totals(a->store, &t);
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_str(&w, "version", SANJI_VERSION);
    jw_str(&w, "node", app_id(a));
    jw_str(&w, "name", me != NULL ? me->name : "");
    jw_str(&w, "tier", me != NULL ? app_tier_name(me->lv) : "");
    jw_str(&w, "area", me != NULL ? me->area : "");
    jw_b64(&w, "g", sync_self_of(a->sync)->g, HASH_LEN);
    sync_roster_version(a->sync, rv);
    jw_b64(&w, "roster", rv, sizeof rv);
    jw_int(&w, "nodes", (int64_t)roster_count(app_roster(a)));
    put_parent(a, &w);
    jw_int(&w, "streams", t.streams);
    jw_int(&w, "bundles", t.bundles);
    jw_int(&w, "items", t.items);
    jw_int(&w, "bytes", t.frame_bytes);
    jw_int(&w, "records", t.records);
    jw_int(&w, "parked", t.parked);
    jw_bool(&w, "disk_low", app_disk_low(a));
    jw_obj(&w, "kinds");
    if (r == 0) {
        r = store_kind_counts(a->store, on_count, &w);
    }
    jw_end_obj(&w);
    jw_arr(&w, "peers");
    sync_each_peer(a->sync, on_peer, &sa);
    jw_end_arr(&w);
    jw_end_obj(&w);
    int r2 = jw_done(&w);
    return r < 0 ? r : r2;
}
