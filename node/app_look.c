/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at everything a node holds: export, bundles, who signed what, state. */
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

static int line_cmp(const char *ao, const char *ak, const char *ai, int64_t ar,
                    const struct line *b)
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

static void export_head(struct export *x, struct jw *w, const char *owner, const char *kind,
                        const char *id, int64_t r, const char *aud)
{
    buf_reset(&x->b);
    jw_init(w, &x->b);
    jw_obj(w, NULL);
    jw_str(w, "owner", owner);
    jw_str(w, "kind", kind);
    jw_str(w, "id", id);
    jw_int(w, "revision", r);
    if (aud != NULL) {
        jw_str(w, "audience", aud);
    }
}

static int export_keep(struct export *x, const char *owner, const char *kind, const char *id,
                       int64_t r)
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
        jw_obj(&w, "content");
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
        jw_b64(&w, "content", e->leaf, HASH_LEN);
    } else {
        jw_raw(&w, "content", e->d.p, e->d.n);
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
    if (strcmp(rec->by, rec->owner) != 0) {
        jw_str(&w, "steward", rec->by);
    }
    if (strcmp(rec->kind, "sealed") == 0) {
        jw_b64(&w, "content", rec->leaf, HASH_LEN);
    } else {
        jw_raw(&w, "content", rec->d.p, rec->d.n);
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
        (o->aud != NULL && strcmp(o->aud, st->key.aud) != 0) ||
        (o->ep != 0 && o->ep != st->key.ep)) {
        return 0;
    }
    int r = frame_unpack(o->fc, row->frame, &o->line, &used);
    if (r == 0) {
        r = buf_putc(&o->line, '\n');
    }
    return r == 0 ? o->sink(o->line.data, o->line.len, o->arg) : r;
}

int app_bundles(struct app *a, const char *by, const char *aud, int64_t ep, app_sink *sink,
                void *arg)
{
    struct out_bundles o = {
        .by = by, .aud = aud, .ep = ep, .sink = sink, .arg = arg, .fc = frame_ctx_new()};
    buf_init(&o.line, LIM_BUNDLE_BYTES + 16);
    int r = o.fc == NULL ? SANJI_E_NOMEM : store_bundle_walk(a->store, 0, on_bundle, &o);
    frame_ctx_free(o.fc);
    buf_done(&o.line);
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
    int64_t idx;
    const uint8_t *leaf;
    bool proven; /* the bundle is what was signed, and holds this */
};

static int on_header(const struct sync_stream_row *st, const struct sync_bundle_row *row, void *arg)
{
    struct header_of *h = arg;
    struct explain *x = h->x;
    struct buf line;
    struct bundle b;
    size_t used;
    (void)st;
    buf_init(&line, LIM_BUNDLE_BYTES + 16);
    arena_reset(x->ar);
    int r = frame_unpack(x->fc, row->frame, &line, &used);
    if (r == 0) {
        r = bundle_parse(span_of(line.data, line.len), x->ar, &b, NULL);
    }
    if (r == 0) {
        h->proven = memcmp(b.id, row->id, HASH_LEN) == 0 && b.item != NULL && h->idx >= 0 &&
                    h->idx < b.hdr.n && memcmp(b.item[h->idx].leaf, h->leaf, HASH_LEN) == 0;
        const struct roster_key *k = roster_key(app_roster(x->a), b.hdr.by.s, b.hdr.kid.s);
        jw_b64(&x->w, "bundle", row->id, HASH_LEN);
        jw_str(&x->w, "kid", b.hdr.kid.s);
        jw_str(&x->w, "key",
               k == NULL  ? "unknown"
               : k->cut   ? "cut"
               : k->ended ? "ended"
                          : "current");
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

static void put_place(struct explain *x, const char *owner, const char *by, const char *aud,
                      int64_t ep, int64_t no, int64_t seq, int64_t idx, const uint8_t *leaf)
{
    struct header_of h = {.x = x, .idx = idx, .leaf = leaf};
    jw_str(&x->w, "owner", owner);
    jw_str(&x->w, "by", by);
    jw_str(&x->w, "aud", aud);
    jw_int(&x->w, "ep", ep);
    jw_int(&x->w, "seq", seq);
    jw_int(&x->w, "index", idx);
    jw_b64(&x->w, "leaf", leaf, HASH_LEN);
    (void)store_bundle_get(x->a->store, no, seq, on_header, &h);
    if (!h.proven) { /* damaged or gone: what is shown may be the last copy */
        jw_bool(&x->w, "unproven", true);
    }
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
    struct explain x = {.a = a, .fc = frame_ctx_new(), .ar = arena_new(24 << 20)};
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

static void put_clock(struct app *a, struct jw *w)
{
    struct app_clock c;
    app_clock(a, &c);
    jw_str(w, "clock", c.word);
    if (c.off_ms != 0) {
        jw_int(w, "clock_off_ms", c.off_ms);
    }
}

static void find_parent(const struct sync_peer_status *p, void *arg)
{
    if (p->is_parent) {
        *(struct sync_peer_status *)arg = *p;
    }
}

void app_parent_status(const struct app *a, struct sync_peer_status *ret)
{
    memset(ret, 0, sizeof *ret);
    sync_each_peer(a->sync, find_parent, ret);
}

static int put_lane(const struct sync_news *n, void *arg)
{
    struct jw *w = arg;
    jw_obj(w, NULL);
    jw_str(w, "by", n->key.by.s);
    jw_str(w, "aud", n->key.aud);
    jw_str(w, "state", app_news_word(n->state));
    jw_int(w, "since", n->since);
    jw_int(w, "missing", n->missing);
    jw_str(w, "via", n->via.s);
    jw_bool(w, "word", n->word);
    jw_end_obj(w);
    return 0;
}

int app_status(struct app *a, struct buf *out)
{
    struct app_news news;
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
    jw_str(&w, "self", app_self_word(a));
    jw_int(&w, "twice", app_twice_count(a));
    jw_int(&w, "unsent", app_unsent_count(a));
    jw_bool(&w, "disk_low", app_disk_low(a));
    put_clock(a, &w);
    jw_obj(&w, "kinds");
    if (r == 0) {
        r = store_kind_counts(a->store, on_count, &w);
    }
    jw_end_obj(&w);
    jw_arr(&w, "peers");
    sync_each_peer(a->sync, on_peer, &sa);
    jw_end_arr(&w);
    jw_arr(&w, "news");
    r = r < 0 ? r : app_news(a, &news, put_lane, &w);
    jw_end_arr(&w);
    jw_arr(&w, "ferry");
    r = r < 0 ? r : app_ferry_json(a, &w);
    jw_end_arr(&w);
    jw_end_obj(&w);
    int r2 = jw_done(&w);
    return r < 0 ? r : r2;
}
