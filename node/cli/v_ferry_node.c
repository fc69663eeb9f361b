/* SPDX-License-Identifier: Apache-2.0 */
/* The node's half of the ferry verbs: bytes of a file out, bytes of a file in. In slices, so that
 * pages and neighbours get their turns while a gigabyte is carried. */
#include "node/cli/ferry_wire.h"

#include "protocol/base/text.h"
#include "protocol/jwrite.h"
#include "sync/ferry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PLAN_SLICE = 16 << 20,
    GIVE_SLICE = 1 << 20,
    TAKE_SLICE = 4 << 20,
    BACKLOG = 4 << 20, /* beyond it a slice does not stop */
    ITEMS_SHOWN = 200,
};

/* ---- giving ---- */

struct giving {
    struct verb *v;
    struct sync_ferry_out *out;
    char to[LIM_NODE_ID + 2];
    bool planned;
    int64_t part; /* under way, 0: none */
};

static void giving_drop(void *data)
{
    struct giving *g = data;
    sync_ferry_out_free(g->out);
    free(g);
}

static int piece(struct verb *v, enum give_letter letter, const void *p, size_t n)
{
    uint8_t head[GIVE_HEAD] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
                               (uint8_t)n, (uint8_t)letter};
    int r = verb_put(v, head, sizeof head);
    return r < 0 ? r : verb_put(v, p, n);
}

static int give_data(const void *p, size_t n, void *arg)
{
    int r = 0;
    for (size_t at = 0; r == 0 && at < n; at += GIVE_PIECE) {
        r = piece(arg, GIVE_DATA, (const uint8_t *)p + at,
                  n - at < GIVE_PIECE ? n - at : (size_t)GIVE_PIECE);
    }
    return r;
}

static int give_about(struct giving *g, enum give_letter letter)
{
    const struct sync_ferry_about *b = sync_ferry_out_about(g->out);
    struct buf t;
    struct jw w;
    buf_init(&t, 4096);
    jw_init(&w, &t);
    jw_obj(&w, NULL);
    jw_str(&w, "by", app_id(g->v->app));
    jw_str(&w, "to", g->to);
    jw_int(&w, "no", b->no);
    jw_int(&w, "part", g->part);
    jw_int(&w, "parts", b->parts);
    jw_int(&w, "bundles", b->bundles);
    jw_int(&w, "bytes", b->bytes);
    jw_bool(&w, "delta", b->since_ts > 0);
    jw_bool(&w, "sealed", verb_has(g->v, "seal"));
    jw_bool(&w, "trust", verb_has(g->v, "trust"));
    jw_end_obj(&w);
    int r = jw_done(&w);
    r = r < 0 ? r : piece(g->v, letter, t.data, t.len);
    buf_done(&t);
    return r;
}

/* The node meant by --to. */
static int resolve(struct verb *v, char ret[static LIM_NODE_ID + 2])
{
    const char *to = verb_flag(v, "to");
    struct node_id id;
    uint8_t tls[HASH_LEN];
    ret[0] = '\0';
    if (to == NULL) {
        return 0;
    }
    int r = strcmp(to, "parent") == 0 ? sync_parent(v->app->sync, &id, tls, NULL)
                                      : node_id_parse(to, strlen(to), &id);
    if (r == 0) {
        memcpy(ret, id.s, strlen(id.s) + 1);
    }
    return r == SANJI_E_SPEC || r == SANJI_E_ENCODING ? SANJI_E_NOT_FOUND : r;
}

static int refuse(struct verb *v, int r)
{
    const char *to = verb_flag(v, "to");
    to = to == NULL ? "" : to;
    switch (r) {
    case SANJI_E_PENDING:
        VERB_SAY(v, EXIT_NO, "ferry.no_roster");
        break;
    case SANJI_E_NOT_FOUND:
        VERB_SAY(v, EXIT_NO, verb_has(v, "receipt") ? "ferry.no_receipt" : "ferry.no_node", "node",
                 to);
        break;
    case SANJI_E_SPEC:
        VERB_SAY(v, EXIT_NO, "ferry.self", "node", to);
        break;
    case SANJI_E_BUSY:
        VERB_SAY(v, EXIT_NO, "ferry.changed");
        break;
    default:
        break;
    }
    return verb_fail(v, r, to);
}

static int part_size(struct verb *v, int64_t *ret)
{
    const char *s = verb_flag(v, "part-size");
    *ret = v->app->cfg.ferry_part;
    if (s == NULL) {
        return 0;
    }
    int r = text_bytes(s, ret);
    return r < 0 || *ret < (2 << 20) || *ret > LIM_FERRY_PART_BYTES ? SANJI_E_SPEC : 0;
}

static int giving_new(struct verb *v, struct giving **ret)
{
    struct sync_tick t;
    struct giving *g = calloc(1, sizeof *g);
    if (g == NULL) {
        return SANJI_E_NOMEM;
    }
    v->data = g;
    v->drop = giving_drop;
    g->v = v;
    struct sync_ferry_order order = {
        .full = verb_has(v, "full"), .seal = verb_has(v, "seal"), .trust = verb_has(v, "trust")};
    int r = part_size(v, &order.part_bytes);
    r = r < 0 ? r : resolve(v, g->to);
    r = r < 0 ? r : app_tick_make(&t);
    if (r == 0) {
        order.to = g->to[0] != '\0' ? g->to : NULL;
        r = sync_ferry_out_new(v->app->sync, &t, &order, &g->out);
    }
    *ret = g;
    return r;
}

/* A file of its own beside the parts: what is asked of `to`, or answered. */
static int give_request(const char *name, struct span file, void *arg)
{
    struct giving *g = arg;
    struct buf t;
    buf_init(&t, 1024);
    int r = buf_printf(&t, "{\"by\":\"%s\",\"to\":\"%s\",\"request\":\"%s\"}", app_id(g->v->app),
                       g->to, name);
    r = r < 0 ? r : piece(g->v, GIVE_BEGIN, t.data, t.len);
    r = r < 0 ? r : give_data(file.p, file.n, g->v);
    r = r < 0 ? r : piece(g->v, GIVE_END, NULL, 0);
    buf_done(&t);
    return r;
}

/* One slice: > 0 more to do. */
static int give_slice(struct giving *g)
{
    struct sync_tick t;
    const struct sync_ferry_about *b = sync_ferry_out_about(g->out);
    int r = app_tick_make(&t);
    if (r < 0) {
        return r;
    }
    if (!g->planned) {
        r = sync_ferry_out_plan(g->out, PLAN_SLICE);
        g->planned = r == 0;
        return r < 0 ? r : 1;
    }
    if (g->part == 0 || b->parts == 0) {
        g->part = 1;
        r = give_about(g, GIVE_BEGIN);
    }
    if (r == 0) {
        r = sync_ferry_out_part(g->out, &t, g->part, GIVE_SLICE, give_data, g->v);
    }
    if (r != 0) {
        return r;
    }
    r = piece(g->v, GIVE_END, NULL, 0);
    if (r == 0 && g->part < b->parts) {
        g->part++;
        r = give_about(g, GIVE_BEGIN);
        return r < 0 ? r : 1;
    }
    if (r == 0) {
        r = sync_ferry_out_done(g->out, &t);
    }
    if (r == 0 && g->to[0] != '\0') {
        r = sync_ferry_requests(g->v->app->sync, &t, g->to, give_request, g);
    }
    return r < 0 ? r : give_about(g, GIVE_DONE);
}

static int give_receipt(struct verb *v)
{
    struct sync_tick t;
    struct buf b;
    char to[LIM_NODE_ID + 2];
    int r = resolve(v, to);
    r = r < 0 ? r : app_tick_make(&t);
    buf_init(&b, 4096);
    (void)buf_printf(&b, "{\"by\":\"%s\",\"to\":\"%s\"}", app_id(v->app), to);
    r = r < 0 ? r : piece(v, GIVE_BEGIN, b.data, b.len);
    r = r < 0 ? r : sync_ferry_receipt(v->app->sync, &t, to, give_data, v);
    r = r < 0 ? r : piece(v, GIVE_END, NULL, 0);
    r = r < 0 ? r : piece(v, GIVE_DONE, b.data, b.len);
    buf_done(&b);
    return r < 0 ? refuse(v, r) : EXIT_OK;
}

int v_ferry_give(struct verb *v)
{
    struct giving *g = v->data;
    int64_t n = 0;
    if (part_size(v, &n) < 0) {
        return verb_bad_value(v, "part-size");
    }
    if (verb_has(v, "receipt")) {
        return give_receipt(v);
    }
    int64_t began = app_mono_ms();
    int r = g == NULL ? giving_new(v, &g) : 0;
    if (r == 0) {
        r = give_slice(g);
    }
    if (r > 0) { /* a slow stick makes us wait: others have the database for as long */
        int64_t took = app_mono_ms() - began;
        v->wait_ms = took < 1 ? 1 : took > 1000 ? 1000 : took;
        return VERB_WAIT;
    }
    return r < 0 ? refuse(v, r) : EXIT_OK;
}

/* ---- taking ---- */

struct taking {
    struct verb *v;
    struct sync_ferry_in *in;
    struct buf items;
    struct jw w;
    int64_t shown;
    bool ended;
};

static void taking_drop(void *data)
{
    struct taking *x = data;
    sync_ferry_in_free(x->in);
    buf_done(&x->items);
    free(x);
}

/* What it is, and what may be done about it, in the user's language. */
static void put_why(struct verb *v, struct jw *w, int err, const struct fault *f)
{
    char key[64];
    struct buf b;
    buf_init(&b, 65536);
    snprintf(key, sizeof key, "ferry.why.%s", err_name(err));
    if (text_has(v->lang, key)) {
        text_put(&b, v->lang, key, NULL);
    } else {
        text_fault(&b, v->lang, err, f);
    }
    jw_str(w, "err", err_name(err));
    jw_str(w, "member", f != NULL ? f->member : "");
    jw_str(w, "text", buf_str(&b));
    snprintf(key, sizeof key, "ferry.fix.%s", err_name(err));
    jw_str(w, "remedy", text_get(v->lang, text_has(v->lang, key) ? key : "ferry.fix.other"));
    buf_done(&b);
}

static void on_item(const struct sync_ferry_item *it, void *arg)
{
    struct taking *x = arg;
    if (x->shown++ >= ITEMS_SHOWN) {
        return;
    }
    bool secret = strncmp(it->aud, "to:", 3) == 0; /* who writes to whom is nobody's business */
    jw_obj(&x->w, NULL);
    jw_int(&x->w, "bundle", it->n);
    if (it->seq > 0) {
        jw_str(&x->w, "by", it->by);
        jw_str(&x->w, "aud", secret ? "to:" : it->aud);
        jw_int(&x->w, "ep", it->ep);
        jw_int(&x->w, "seq", it->seq);
    }
    jw_bool(&x->w, "waits", it->waits);
    put_why(x->v, &x->w, it->err, it->f);
    jw_end_obj(&x->w);
}

static int taking_new(struct verb *v, struct taking **ret)
{
    struct taking *x = calloc(1, sizeof *x);
    if (x == NULL) {
        return SANJI_E_NOMEM;
    }
    v->data = x;
    v->drop = taking_drop;
    x->v = v;
    buf_init(&x->items, 4 << 20);
    jw_init(&x->w, &x->items);
    jw_arr(&x->w, NULL);
    *ret = x;
    if (app_disk_low(v->app)) {
        return SANJI_E_FULL;
    }
    return sync_ferry_in_new(v->app->sync, on_item, x, &x->in);
}

static int take_slice(struct taking *x)
{
    struct sync_tick t;
    int64_t before = sync_ferry_in_report(x->in)->stored;
    int r = app_tick_make(&t);
    if (r == 0) {
        r = sync_ferry_in_run(x->in, &t, TAKE_SLICE);
    }
    const struct sync_ferry_report *p = sync_ferry_in_report(x->in);
    if (p->stored > before || p->done) {
        app_ferry_taken(x->v->app);
    }
    return r;
}

int v_ferry_take_input(struct verb *v, struct span chunk)
{
    struct taking *x = v->data;
    int r = x == NULL ? taking_new(v, &x) : 0;
    if (r == 0) {
        r = sync_ferry_in_give(x->in, chunk);
    }
    do {
        r = r < 0 ? r : take_slice(x);
    } while (r > 0 && sync_ferry_in_backlog(x->in) > BACKLOG);
    return r < 0 ? verb_fail(v, r, NULL) : EXIT_OK;
}

static const char *const ask_words[] = {"", "join", "key", "agree"};
static const char *const roster_words[] = {"unknown", "same", "older", "newer"};

static int put_report(struct taking *x)
{
    const struct sync_ferry_report *p = sync_ferry_in_report(x->in);
    const struct roster_node *n = roster_node(app_roster(x->v->app), p->by);
    struct buf b;
    struct jw w;
    if (p->refused > 0) { /* it may be an alarm: a step tells it */
        app_ferry_taken(x->v->app);
    }
    jw_end_arr(&x->w);
    if (jw_done(&x->w) < 0) {
        return SANJI_E_NOMEM;
    }
    buf_init(&b, 8 << 20);
    jw_init(&w, &b);
    jw_obj(&w, NULL);
    jw_bool(&w, "known", p->known);
    jw_bool(&w, "receipt", p->receipt);
    if (p->request != FERRY_ASKS_NOTHING) {
        jw_str(&w, "request", ask_words[p->request]);
        jw_bool(&w, "done", p->done);
        jw_bool(&w, "own", strcmp(p->by, app_id(x->v->app)) == 0);
        jw_str(&w, "digits", p->digits);
        jw_str(&w, "asks", p->asks);
        jw_str(&w, "kid", p->kid);
    }
    jw_bool(&w, "sealed", p->sealed);
    jw_bool(&w, "vouched", p->vouched);
    jw_str(&w, "by", p->by);
    jw_str(&w, "name", n != NULL ? n->name : "");
    jw_str(&w, "to", p->to);
    jw_int(&w, "no", p->no);
    jw_int(&w, "written", p->ts);
    jw_int(&w, "part", p->part);
    jw_int(&w, "parts", p->parts);
    jw_int(&w, "bundles", p->bundles);
    jw_int(&w, "stored", p->stored);
    jw_int(&w, "items", p->items);
    jw_int(&w, "held", p->old);
    jw_int(&w, "waiting", p->waiting);
    jw_int(&w, "refused", p->refused);
    jw_str(&w, "roster", roster_words[p->roster]);
    jw_int(&w, "missing_n", p->missing);
    jw_arr(&w, "missing");
    for (int64_t i = 0; i < p->missing && i < FERRY_MISSING_SHOWN; i++) {
        jw_int(&w, NULL, p->missing_v[i]);
    }
    jw_end_arr(&w);
    jw_raw(&w, "list", x->items.data, x->items.len);
    if (p->err < 0) {
        jw_obj(&w, "whole");
        put_why(x->v, &w, p->err, &p->f);
        jw_end_obj(&w);
    }
    jw_end_obj(&w);
    int r = jw_done(&w);
    r = r < 0 ? r : verb_text(x->v, &b);
    buf_done(&b);
    return r;
}

int v_ferry_take(struct verb *v)
{
    struct taking *x = v->data;
    int r = x == NULL ? taking_new(v, &x) : 0;
    if (r == 0 && !x->ended) {
        x->ended = true;
        r = sync_ferry_in_give(x->in, span_of(NULL, 0));
    }
    if (r == 0) {
        r = take_slice(x);
    }
    if (r > 0) {
        v->wait_ms = 1;
        return VERB_WAIT;
    }
    if (r == 0) {
        r = put_report(x);
    }
    return r < 0 ? verb_fail(v, r, NULL) : EXIT_OK;
}

/* ---- for status and doctor ---- */

bool ferry_words(struct verb *v, const char *node, int64_t *ret_in, struct buf *out)
{
    const struct roster_node *n = roster_node(app_roster(v->app), node);
    char in_s[32], out_s[32];
    int64_t back = -1;
    app_ferry_days(v->app, node, ret_in, &back);
    snprintf(in_s, sizeof in_s, "%lld", (long long)*ret_in);
    snprintf(out_s, sizeof out_s, "%lld", (long long)back);
    text_put(out, v->lang,
             *ret_in < 0 ? "ferry.made_days"
             : back < 0  ? "ferry.none_made"
                         : "ferry.both_days",
             "name", n != NULL ? n->name : node, "in", in_s, "out", out_s, NULL);
    return *ret_in >= 0 || back >= 0;
}
