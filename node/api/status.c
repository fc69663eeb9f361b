/* SPDX-License-Identifier: Apache-2.0 */
/* The first page: is this node well, does it hold what its neighbours hold, as of when. Asked for
 * every few seconds by every open page, so it reads no content. */
#include "node/api/route.h"
#include "node/http/tls_ca.h"
#include "node/store/brief.h"
#include "protocol/base/enc.h"

#include <string.h>
#include <sys/statvfs.h>

enum { STREAMS_MAX = 500, PARKED_MAX = 200, THREADS_MAX = 5000, DEAR_MS = 10 };

struct walk {
    struct api_call *c;
    int64_t n;
    bool parent; /* which peers are wanted */
    bool any;
    int64_t roster_ts, in, out, todo;
};

static void put_peer(struct api_call *c, const struct sync_peer_status *p)
{
    jw_str(&c->w, "id", p->id.s);
    jw_str(&c->w, "name", api_node_name(c, p->id.s));
    jw_bool(&c->w, "connected", p->connected);
    jw_int(&c->w, "last_ok", p->last_ok_ms);
    jw_str(&c->w, "last_err", p->last_err == 0 ? "" : err_name(p->last_err));
    jw_int(&c->w, "behind", p->behind);
    jw_bool(&c->w, "in_step", p->in_step);
    jw_int(&c->w, "skew_ms", p->skew_ms);
    jw_str(&c->w, "ver", p->ver);
}

static void on_peer(const struct sync_peer_status *p, void *arg)
{
    struct walk *x = arg;
    if (p->is_parent != x->parent || (x->parent && x->any)) {
        return;
    }
    x->any = true;
    jw_obj(&x->c->w, x->parent ? "parent" : NULL);
    put_peer(x->c, p);
    jw_end_obj(&x->c->w);
}

/* Before the first contact the engine knows no peer, but there is a parent to wait for. */
static void put_parent(struct api_call *c)
{
    struct walk x = {.c = c, .parent = true};
    struct sync_peer_status none = {.is_parent = true};
    uint8_t tls[HASH_LEN];
    struct buf url;
    sync_each_peer(c->app->sync, on_peer, &x);
    if (x.any) {
        return;
    }
    buf_init(&url, 4096);
    if (sync_parent(c->app->sync, &none.id, tls, &url) == 0) {
        jw_obj(&c->w, "parent");
        put_peer(c, &none);
        jw_end_obj(&c->w);
    } else {
        jw_raw(&c->w, "parent", "null", 4);
    }
    buf_done(&url);
}

static void on_stream(const struct sync_stream_row *s, void *arg)
{
    struct walk *x = arg;
    struct jw *w = &x->c->w;
    int64_t ts = 0, got = 0;
    if (s->seq == 0 || x->n++ >= STREAMS_MAX) {
        return;
    }
    (void)store_bundle_time(x->c->app->store, s->no, s->seq, &ts, &got);
    if (strcmp(s->key.aud, "trust") == 0 && ts > x->roster_ts) {
        x->roster_ts = ts;
    }
    jw_obj(w, NULL);
    jw_str(w, "by", s->key.by.s);
    jw_str(w, "by_name", api_node_name(x->c, s->key.by.s));
    jw_str(w, "aud", s->key.aud);
    jw_int(w, "ep", s->key.ep);
    jw_int(w, "seq", s->seq);
    jw_int(w, "last_ts", ts);
    /* What is missing below the head; what is missing above it only a neighbour knows. */
    jw_int(w, "lag", s->skipped);
    jw_bool(w, "frozen", s->frozen);
    jw_end_obj(w);
}

/* Lanes that are not fresh, and who would have to send. */
static int on_news(const struct sync_news *n, void *arg)
{
    struct walk *x = arg;
    struct jw *w = &x->c->w;
    if (x->n++ >= STREAMS_MAX) {
        return 1;
    }
    jw_obj(w, NULL);
    jw_str(w, "by", n->key.by.s);
    jw_str(w, "by_name", api_node_name(x->c, n->key.by.s));
    jw_str(w, "aud", n->key.aud);
    jw_str(w, "state", app_news_word(n->state));
    jw_int(w, "since", n->since);
    jw_int(w, "missing", n->missing);
    jw_str(w, "via", n->via.s);
    jw_str(w, "via_name", n->via.s[0] == '\0' ? "" : api_node_name(x->c, n->via.s));
    jw_end_obj(w);
    return 0;
}

static int on_parked(const struct store_parked *p, void *arg)
{
    struct walk *x = arg;
    struct jw *w = &x->c->w;
    struct sync_stream_row st;
    int64_t ts = 0, got = 0;
    if (p->discarded) {
        return 0;
    }
    if (x->n++ >= PARKED_MAX) {
        return 1;
    }
    bool known = store_stream_get(x->c->app->store, p->no, &st) == 0;
    (void)store_bundle_time(x->c->app->store, p->no, p->seq, &ts, &got);
    jw_obj(w, NULL);
    jw_str(w, "by", known ? st.key.by.s : "");
    jw_str(w, "by_name", known ? api_node_name(x->c, st.key.by.s) : "");
    jw_int(w, "seq", p->seq);
    jw_int(w, "idx", p->idx);
    jw_str(w, "reason", err_name(p->reason));
    jw_str(w, "member", p->member);
    jw_int(w, "since", got);
    jw_end_obj(w);
    return 0;
}

static int on_thread(const struct store_thread *t, void *arg)
{
    struct walk *x = arg;
    *(strcmp(t->init, t->peer) == 0 ? &x->in : &x->out) += 1;
    x->todo += app_referral_awaits(t);
    return 0;
}

static const char *const counted[API_COUNTED] = {"listing", "need", "notice"};

/* Counting a million records takes long enough that not every page may ask for it every time: a
 * dear count is kept for twenty times what it took. */
static int count(struct api_call *c, struct api_counts *k)
{
    struct walk x = {.c = c};
    int64_t began = app_mono_ms();
    int r = 0;
    if (k->cost >= DEAR_MS && began - k->mono < k->cost * 20) {
        return 0;
    }
    for (size_t i = 0; r == 0 && i < API_COUNTED; i++) {
        struct store_filter f = {.kind = counted[i]};
        r = store_record_count(c->app->store, &f, &k->kind[i]);
    }
    if (r == 0) {
        r = store_thread_list(c->app->store, THREADS_MAX, 0, on_thread, &x);
    }
    if (r == 0) {
        r = store_parked_count(c->app->store, &k->parked);
    }
    k->in = x.in;
    k->out = x.out;
    k->todo = x.todo;
    k->mono = app_mono_ms();
    k->cost = r == 0 ? k->mono - began : 0;
    return r;
}

static int put_counts(struct api_call *c)
{
    struct api_counts *k = &c->api->counts;
    int r = count(c, k);
    jw_obj(&c->w, "counts");
    for (size_t i = 0; i < API_COUNTED; i++) {
        if (api_may_named(c, counted[i], KACT_READ)) {
            jw_int(&c->w, counted[i], k->kind[i]);
        }
    }
    if (api_may_named(c, "referral", KACT_READ)) {
        jw_int(&c->w, "referral_in", k->in);
        jw_int(&c->w, "referral_out", k->out);
        jw_int(&c->w, "referral_todo", k->todo);
    }
    jw_int(&c->w, "parked", k->parked);
    jw_end_obj(&c->w);
    return r;
}

static void put_alarms(struct api_call *c)
{
    const struct api *a = c->api;
    size_t n = a->alarm_n < API_ALARMS ? a->alarm_n : API_ALARMS;
    jw_arr(&c->w, "alarms");
    for (size_t i = 0; i < n; i++) {
        const struct api_alarm *al = &a->alarm[(a->alarm_n - 1 - i) % API_ALARMS];
        struct buf b;
        buf_init(&b, 2048);
        if (al->peer.s[0] != '\0') {
            const char *name = api_node_name(c, al->peer.s);
            buf_printf(&b, "%s: ", name[0] == '\0' ? al->peer.s : name);
        }
        buf_puts(&b, text_error(c->lang, al->err));
        if (al->text[0] != '\0') {
            buf_printf(&b, " (%.95s)", al->text);
        }
        jw_obj(&c->w, NULL);
        jw_int(&c->w, "ts", al->ts);
        jw_str(&c->w, "code", err_name(al->err));
        jw_str(&c->w, "peer", al->peer.s);
        jw_strn(&c->w, "text", buf_str(&b), b.len);
        jw_end_obj(&c->w);
        buf_done(&b);
    }
    jw_end_arr(&c->w);
}

static void put_node(struct api_call *c)
{
    const struct roster_node *n = app_self_node(c->app);
    struct statvfs v;
    jw_obj(&c->w, "node");
    jw_str(&c->w, "id", app_id(c->app));
    jw_str(&c->w, "name", n == NULL ? "" : n->name);
    jw_str(&c->w, "tier", n == NULL ? "" : app_tier_name(n->lv));
    jw_int(&c->w, "lv", n == NULL ? 0 : n->lv);
    api_put_area(c, n == NULL ? "" : n->area);
    jw_str(&c->w, "url", n == NULL ? c->app->cfg.url : n->url);
    jw_str(&c->w, "version", SANJI_VERSION);
    jw_int(&c->w, "uptime_s", (c->mono - c->api->started_mono) / 1000);
    if (statvfs(c->app->dir, &v) == 0) {
        double free_bytes = (double)v.f_bavail * (double)v.f_frsize;
        jw_int(&c->w, "disk_free",
               free_bytes > 9e14 ? INT64_C(900000000000000) : (int64_t)free_bytes);
    }
    jw_end_obj(&c->w);
}

static void put_federation(struct api_call *c, int64_t roster_ts)
{
    const struct roster *ro = app_roster(c->app);
    const struct roster_node *top = roster_top(ro);
    uint8_t rv[8];
    sync_roster_version(c->app->sync, rv);
    jw_obj(&c->w, "federation");
    jw_b64(&c->w, "g", sync_self_of(c->app->sync)->g, HASH_LEN);
    jw_str(&c->w, "top", top == NULL ? "" : top->id.s);
    jw_int(&c->w, "nodes", (int64_t)roster_count(ro));
    jw_b64(&c->w, "rv", rv, sizeof rv);
    jw_int(&c->w, "roster_ts", roster_ts);
    jw_end_obj(&c->w);
}

int h_status(struct api_call *c)
{
    struct walk x = {.c = c};
    jw_obj(&c->w, NULL);
    put_node(c);
    put_parent(c);
    jw_arr(&c->w, "children");
    sync_each_peer(c->app->sync, on_peer, &x);
    jw_end_arr(&c->w);
    jw_arr(&c->w, "streams");
    x.n = 0;
    sync_each_stream(c->app->sync, on_stream, &x);
    jw_end_arr(&c->w);
    put_federation(c, x.roster_ts);
    struct app_news news;
    jw_arr(&c->w, "news");
    x.n = 0;
    int r = app_news(c->app, &news, on_news, &x);
    jw_end_arr(&c->w);
    /* How the exchange went that somebody asked for: "pending", "ok", or why not. */
    jw_str(&c->w, "exchange",
           err_name(c->api->sync_wanted ? SANJI_E_PENDING : sync_now_state(c->app->sync)));
    jw_arr(&c->w, "parked");
    x.n = 0;
    r = r < 0 ? r : store_parked_list(c->app->store, on_parked, &x);
    jw_end_arr(&c->w);
    put_alarms(c);
    if (r == 0) {
        r = put_counts(c);
    }
    jw_int(&c->w, "as_of", c->now);
    jw_end_obj(&c->w);
    return r;
}

/* Before the log-in: a browser that does not trust the pages yet is exactly who asks. */
int h_certificate(struct api_call *c)
{
    char print[TLS_CA_PRINT_BYTES];
    bool own = c->api->authority.n > 0;
    jw_obj(&c->w, NULL);
    jw_bool(&c->w, "own", own);
    if (own) {
        tls_ca_print(c->api->authority, print);
        jw_str(&c->w, "fingerprint", print);
    }
    jw_end_obj(&c->w);
    return 0;
}

int h_certificate_file(struct api_call *c)
{
    if (c->api->authority.n == 0) {
        return SANJI_E_NOT_FOUND;
    }
    c->raw = true;
    api_header(c->rep, "Content-Type", "application/x-x509-ca-cert");
    api_header(c->rep, "Content-Disposition", "attachment; filename=\"sanji.crt\"");
    return buf_put(&c->rep->body, c->api->authority.p, c->api->authority.n);
}
