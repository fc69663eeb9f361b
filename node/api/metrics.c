/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers for a monitor on the same machine, in Prometheus' text form, and the health question of a
 * load balancer. No names, only counts. */
#include "node/api/route.h"
#include "node/store/brief.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum { CLASSES = 6, TOTALS_MS = 60000 };

void api_count(struct api *a, const struct api_route *route, int status)
{
    size_t i = route == NULL ? api_routes_n : (size_t)(route - api_routes);
    int cls = status / 100;
    a->requests[i * CLASSES + (size_t)(cls < 1 || cls > 5 ? 5 : cls)]++;
}

static void put_head(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# HELP sanji_%s %s\n# TYPE sanji_%s %s\n", name, help, name, type);
}

static void put_one(struct buf *b, const char *name, const char *type, const char *help, int64_t v)
{
    put_head(b, name, type, help);
    buf_printf(b, "sanji_%s %lld\n", name, (long long)v);
}

/* Counting walks over all bundles: at most once a minute, and not more than a twentieth of the
 * time. */
static int totals(struct api_call *c)
{
    struct api *a = c->api;
    int64_t wait = a->totals_cost * 20 > TOTALS_MS ? a->totals_cost * 20 : TOTALS_MS;
    if (a->totals_mono != 0 && c->mono - a->totals_mono < wait) {
        return 0;
    }
    int r = store_totals(c->app->store, &a->totals);
    a->totals_mono = app_mono_ms();
    a->totals_cost = a->totals_mono - c->mono;
    return r;
}

struct peers {
    int64_t n, connected, refused, in_step, behind, in_bundles, out_bundles, in_bytes, out_bytes;
    int64_t parent_ok;
};

static void on_peer(const struct sync_peer_status *p, void *arg)
{
    struct peers *x = arg;
    x->n++;
    x->connected += p->connected;
    x->in_step += p->in_step;
    x->refused += p->refused;
    x->behind += p->behind;
    x->in_bundles += p->in_bundles;
    x->out_bundles += p->out_bundles;
    x->in_bytes += p->in_bytes;
    x->out_bytes += p->out_bytes;
    if (p->is_parent) {
        x->parent_ok = p->last_ok_ms;
    }
}

static int64_t file_bytes(const struct app *app, const char *name)
{
    char path[APP_PATH_BYTES];
    struct stat st;
    return app_path(app->dir, name, path) == 0 && stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

static void put_store(struct api_call *c, struct buf *b)
{
    const struct store_totals *t = &c->api->totals;
    struct statvfs v;
    put_one(b, "streams", "gauge", "Streams held.", t->streams);
    put_one(b, "bundles", "gauge", "Bundles held.", t->bundles);
    put_one(b, "items", "gauge", "Items in the bundles held.", t->items);
    put_one(b, "records", "gauge", "Visible records.", t->records);
    put_one(b, "parked", "gauge", "Items that could not be applied.", t->parked);
    put_one(b, "frame_bytes", "gauge", "Bytes of the bundles held.", t->frame_bytes);
    put_one(b, "db_bytes", "gauge", "Size of the database file.", file_bytes(c->app, "sanji.db"));
    put_one(b, "db_wal_bytes", "gauge", "Size of its write-ahead log.",
            file_bytes(c->app, "sanji.db-wal"));
    put_one(b, "store_broken", "gauge", "1: a write to the disk failed.",
            store_is_broken(c->app->store));
    put_one(b, "disk_low", "gauge", "1: less disk space than the reserve.", app_disk_low(c->app));
    if (statvfs(c->app->dir, &v) == 0) {
        put_head(b, "disk_free_bytes", "gauge", "Free disk space.");
        buf_printf(b, "sanji_disk_free_bytes %.0f\n", (double)v.f_bavail * (double)v.f_frsize);
    }
}

static void put_peers(struct api_call *c, struct buf *b)
{
    struct peers x = {0};
    sync_each_peer(c->app->sync, on_peer, &x);
    put_one(b, "nodes", "gauge", "Nodes of the federation.",
            (int64_t)roster_count(app_roster(c->app)));
    put_one(b, "peers", "gauge", "Neighbours known since the start.", x.n);
    put_one(b, "peers_connected", "gauge", "Neighbours connected.", x.connected);
    put_one(b, "peers_in_step", "gauge", "Neighbours that hold the same.", x.in_step);
    put_one(b, "peers_behind_bundles", "gauge", "Bundles neighbours lack, as stated.", x.behind);
    put_one(b, "refused_total", "counter", "Bundles and messages refused.", x.refused);
    put_one(b, "in_bundles_total", "counter", "Bundles received.", x.in_bundles);
    put_one(b, "out_bundles_total", "counter", "Bundles sent.", x.out_bundles);
    put_one(b, "in_bytes_total", "counter", "Bytes of bundles received.", x.in_bytes);
    put_one(b, "out_bytes_total", "counter", "Bytes of bundles sent.", x.out_bytes);
    if (x.parent_ok > 0) {
        put_one(b, "parent_contact_age_seconds", "gauge", "Since the last good exchange upwards.",
                (c->now - x.parent_ok) / 1000);
    }
}

static int put_news(struct api_call *c, struct buf *b)
{
    struct app_news n;
    int r = app_news(c->app, &n, NULL, NULL);
    put_head(b, "lanes", "gauge", "Writers and audiences by freshness.");
    for (size_t i = 0; r == 0 && i < sizeof n.lanes / sizeof n.lanes[0]; i++) {
        buf_printf(b, "sanji_lanes{state=\"%s\"} %lld\n", app_news_word((enum sync_news_state)i),
                   (long long)n.lanes[i]);
    }
    return r;
}

static void put_requests(struct api_call *c, struct buf *b)
{
    put_head(b, "requests_total", "counter", "Requests of staff by route and class of status.");
    for (size_t i = 0; i <= api_routes_n; i++) {
        for (size_t k = 1; k < CLASSES; k++) {
            uint64_t n = c->api->requests[i * CLASSES + k];
            if (n > 0) {
                buf_printf(
                    b, "sanji_requests_total{method=\"%s\",route=\"%s\",status=\"%dxx\"} %llu\n",
                    i < api_routes_n ? api_routes[i].method : "",
                    i < api_routes_n ? api_routes[i].path : "", (int)k, (unsigned long long)n);
            }
        }
    }
}

int h_metrics(struct api_call *c)
{
    struct buf *b = &c->rep->body;
    int r = totals(c);
    if (r < 0) {
        return r;
    }
    c->raw = true;
    put_head(b, "build_info", "gauge", "Version of the program.");
    buf_puts(b, "sanji_build_info{version=\"" SANJI_VERSION "\"} 1\n");
    put_one(b, "uptime_seconds", "gauge", "Since the start.",
            (c->mono - c->api->started_mono) / 1000);
    put_store(c, b);
    put_peers(c, b);
    r = put_news(c, b);
    if (r < 0) {
        return r;
    }
    put_one(b, "bug_total", "counter", "Errors that are a fault of the program.",
            (int64_t)c->api->bugs);
    put_one(b, "login_refused_total", "counter", "Wrong passwords.",
            (int64_t)c->api->refused_login);
    put_one(b, "host_refused_total", "counter", "Requests under a name that is not ours.",
            (int64_t)c->api->refused_host);
    put_one(b, "origin_refused_total", "counter", "Writes sent by pages of other sites.",
            (int64_t)c->api->refused_origin);
    put_one(b, "alarms_total", "counter", "Alarms since the start.", (int64_t)c->api->alarm_n);
    put_requests(c, b);
    if (b->err == 0) {
        api_header(c->rep, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    }
    return b->err;
}

int h_health(struct api_call *c)
{
    bool broken = store_is_broken(c->app->store), low = app_disk_low(c->app);
    c->rep->status = broken || low ? 503 : 200;
    jw_obj(&c->w, NULL);
    jw_bool(&c->w, "ok", !broken && !low);
    jw_str(&c->w, "version", SANJI_VERSION);
    if (broken || low) {
        jw_str(&c->w, "err", broken ? "io" : "disk_full");
    }
    jw_end_obj(&c->w);
    return 0;
}
