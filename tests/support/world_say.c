/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes of a simulated federation write, and who may hold it by the simulation's own tree. */
#include "tests/support/world.h"

#include "protocol/msg.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int world_write(struct world *w, int i, const char *aud, const char *item, uint8_t *ret_id)
{
    struct wnode *n = &w->node[i];
    struct span it = span_of(item, strlen(item));
    struct sync_tick t;
    if (!n->running) {
        return SANJI_E_UNREACHABLE;
    }
    world_tick(w, i, &t);
    leaf_of(it, w->leaf);
    int r = world_out(w, i, (world_in(w, i), sync_write(n->s, &t, aud, &it, 1, false, ret_id)));
    if (world_died(w, i)) {
        assert(r < 0);
        return r;
    }
    if (r == 0) {
        world_note(w, "write", i, item, it.n);
        world_event(w, i, SEV_LOCAL);
    }
    return r;
}

int world_erase(struct world *w, int i, const struct sync_erase *what, int64_t *ret_n)
{
    struct sync *s = w->node[i].s;
    const struct sync_store *st = mem_store_port(w->node[i].mem);
    struct sync_tick t;
    *ret_n = 0;
    world_tick(w, i, &t);
    int r = st->begin(st->ctx);
    r = r < 0 ? r : sync_erase(s, &t, what, ret_n);
    r = r < 0 ? r : st->commit(st->ctx);
    if (r < 0) {
        st->rollback(st->ctx);
        (void)sync_reload(s);
    }
    world_event(w, i, SEV_LOCAL);
    return r;
}

int world_show(struct world *w, int i, struct span frame)
{
    const struct sync_store *st = mem_store_port(w->node[i].mem);
    struct sync_accept acc;
    struct sync_tick t;
    world_tick(w, i, &t);
    int r = st->begin(st->ctx);
    if (r < 0) {
        return r;
    }
    sync_accept_frame(w->node[i].s, &t, frame, &acc);
    r = st->commit(st->ctx);
    world_event(w, i, SEV_LOCAL);
    return r < 0 ? r : acc.err;
}

int world_put(struct world *w, int i, const char *aud, const char *id, int64_t r, const char *title,
              uint8_t *ret_id)
{
    struct item it;
    struct buf out;
    char d[256];
    memset(&it, 0, sizeof(it));
    (void)snprintf(it.id, sizeof(it.id), "%s", id);
    memcpy(it.k, "listing/1", 10);
    it.op = title == NULL ? OP_WITHDRAW : OP_PUT;
    it.r = r;
    world_bytes(w, it.z, sizeof(it.z));
    (void)snprintf(d, sizeof(d), "{\"kind\":\"venue\",\"title\":\"%s\"}",
                   title == NULL ? "" : title);
    it.d = span_of(d, strlen(d));
    buf_init(&out, LIM_ITEM_BYTES);
    int e = item_write(&it, &out);
    if (e == 0) {
        e = world_write(w, i, aud, buf_str(&out), ret_id);
    }
    buf_done(&out);
    return e;
}

int world_referral(struct world *w, int i, int to, const char *id, int64_t step, int64_t seen,
                   const char *who, const char *ev, const char *d, const uint8_t cek[32])
{
    struct wnode *n = &w->node[i];
    struct buf plain, item;
    struct sync_tick t;
    char aud[LIM_AUD_BYTES + 1];
    if (!n->running) {
        return SANJI_E_UNREACHABLE;
    }
    buf_init(&plain, 8192);
    buf_init(&item, LIM_ITEM_BYTES);
    (void)snprintf(aud, sizeof(aud), "to:%s", w->node[to].id.s);
    world_tick(w, i, &t);
    int r = buf_printf(&plain,
                       "{\"k\":\"referral/1\",\"who\":\"%s\",\"ev\":\"%s\",\"seen\":%lld,"
                       "\"on\":\"2026-11-22\",\"d\":%s}",
                       who, ev, (long long)seen, d);
    if (r == 0) {
        world_in(w, i);
        r = world_out(w, i,
                      sync_seal_item(n->s, &t, id, step, &w->node[to].id, 1, cek,
                                     span_of(plain.data, plain.len), &item));
    }
    if (r == 0) {
        r = world_write(w, i, aud, buf_str(&item), NULL);
    }
    buf_done(&plain);
    buf_done(&item);
    return r;
}

static int text_cmp(const void *a, const void *b)
{
    return strcmp(a, b);
}

const char *world_aud(const struct world *w, const char *pattern,
                      char out[static LIM_AUD_BYTES + 1])
{
    char ids[LIM_RECIPIENTS][LIM_NODE_ID + 2];
    size_t n = 0;
    const char *at = strchr(pattern, '@');
    if (at == NULL) {
        (void)snprintf(out, LIM_AUD_BYTES + 1, "%s", pattern);
        return out;
    }
    int head = (int)(at - pattern);
    while (at != NULL && n < LIM_RECIPIENTS) {
        char name[16] = "";
        size_t k = strcspn(at + 1, ",");
        assert(k < sizeof(name));
        memcpy(name, at + 1, k);
        int i = world_find(w, name);
        assert(i >= 0);
        (void)snprintf(ids[n++], sizeof(ids[0]), "%s", w->node[i].id.s);
        at = strchr(at + 1, '@');
    }
    qsort(ids, n, sizeof(ids[0]), text_cmp);
    int len = snprintf(out, LIM_AUD_BYTES + 1, "%.*s", head, pattern);
    for (size_t i = 0; i < n; i++) {
        len += snprintf(out + len, (size_t)(LIM_AUD_BYTES + 1 - len), "%s%s", i > 0 ? "," : "",
                        ids[i]);
    }
    return out;
}

/* ---- who may hold what, said a second time ---- */

static bool above(const struct world *w, int anc, int node)
{
    for (int i = w->node[node].up; i >= 0; i = w->node[i].up) {
        if (i == anc) {
            return true;
        }
    }
    return false;
}

static bool between(const struct world *w, int a, int b, int x)
{
    bool in[WORLD_MAX] = {false};
    int top = a; /* climb from a to the first node above b: that is the bend */
    while (top != b && !above(w, top, b)) {
        in[top] = true;
        top = w->node[top].up;
        if (top < 0) {
            return false;
        }
    }
    for (int i = b; i != top; i = w->node[i].up) {
        in[i] = true;
    }
    in[top] = true;
    return in[x];
}

bool world_may_hold(const struct world *w, int by, const char *aud, int p)
{
    if (by == p || strcmp(aud, "fed") == 0 || strcmp(aud, "trust") == 0) {
        return true;
    }
    if (strcmp(aud, "self") == 0) {
        return w->node[by].up == p;
    }
    const char *names = strchr(aud, ':');
    if (names == NULL) {
        return false;
    }
    for (names++; names != NULL && *names != '\0'; names = strchr(names, ',')) {
        names += *names == ',' ? 1 : 0;
        char id[LIM_NODE_ID + 2] = "";
        memcpy(id, names, strnlen(names, LIM_NODE_ID));
        int x = world_of(w, id);
        if (x < 0) {
            return false;
        }
        if (aud[0] == 't' && between(w, by, x, p)) {
            return true;
        }
        if (aud[0] == 's') {
            return p == x || above(w, x, p) || above(w, p, x);
        }
        if (aud[0] == 'u') {
            return above(w, p, by) && (p == x || above(w, x, p));
        }
    }
    return false;
}

/* ---- on the wire ---- */

struct wire {
    struct world *w;
    int from, to;
    bool data; /* a bundle other than trust went by in this message */
};

/* Whoever was away hears of a revocation before he is given anything it may concern (P12). */
static void trust_first(struct wire *x, const char *aud)
{
    bool trust = strcmp(aud, "trust") == 0;
    if (trust && x->data && x->w->leak[0] == '\0' && !x->w->node[x->from].hostile) {
        (void)snprintf(x->w->leak, sizeof(x->w->leak), "%s gave %s trust acts behind other bundles",
                       x->w->node[x->from].name, x->w->node[x->to].name);
    }
    x->data = x->data || !trust;
}

static void named(const struct wire *x, const char *by, const char *aud, const char *what)
{
    struct world *w = x->w;
    int b = world_of(w, by);
    if (b < 0 || w->leak[0] != '\0' || w->node[x->from].hostile || w->node[b].hostile ||
        world_may_hold(w, b, aud, x->to)) {
        return;
    }
    (void)snprintf(w->leak, sizeof(w->leak), "%s told %s of %s's %s to %.60s",
                   w->node[x->from].name, w->node[x->to].name, w->node[b].name, what, aud);
}

/* What is stated is an acknowledgement: it stands in the store. */
static void stated(const struct wire *x, const char *by, const char *aud,
                   const struct have_epoch *e)
{
    struct world *w = x->w;
    struct stream_key k = {.ep = e->ep};
    (void)snprintf(k.by.s, sizeof(k.by.s), "%s", by);
    (void)snprintf(k.aud, sizeof(k.aud), "%s", aud);
    memcpy(k.en, e->en, sizeof(k.en));
    int64_t has = mem_store_head(w->node[x->from].mem, &k);
    if (has < e->seq && w->leak[0] == '\0' && !w->node[x->from].hostile) {
        (void)snprintf(w->leak, sizeof(w->leak),
                       "%s states %lld of a stream to %.60s, it holds %lld", w->node[x->from].name,
                       (long long)e->seq, aud, (long long)has);
    }
}

static int have_named(const char *by, const char *aud, const struct have_epoch *e, size_t n,
                      void *arg)
{
    named(arg, by, aud, "stream");
    for (size_t i = 0; i < n; i++) {
        stated(arg, by, aud, &e[i]);
    }
    return 0;
}

void world__inspect(struct world *w, int from, int to, const struct buf *body)
{
    struct wire x = {.w = w, .from = from, .to = to};
    struct buf line;
    size_t used;
    if (w->inspect_fc == NULL) {
        w->inspect_fc = frame_ctx_new();
        w->inspect_arena = arena_new(16 << 20);
    }
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    for (size_t at = 0; at < body->len; at += used) {
        struct bundle b;
        if (frame_unpack(w->inspect_fc, span_of(body->data + at, body->len - at), &line, &used) <
                0 ||
            used == 0) {
            break;
        }
        arena_reset(w->inspect_arena);
        struct span s = span_of(line.data, line.len);
        if (at > 0 && bundle_peek(s, w->inspect_arena, &b, NULL) == 0) {
            named(&x, b.hdr.by.s, b.hdr.aud, "bundle");
            trust_first(&x, b.hdr.aud);
        } else if (at > 0) {
            (void)have_line_read(s, have_named, &x, NULL);
        }
    }
    buf_done(&line);
}
