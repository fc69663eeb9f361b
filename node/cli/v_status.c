/* SPDX-License-Identifier: Apache-2.0 */
/* status: one page for the person in front of the machine. What is wrong stands there as a sentence
 * with its remedy, what is right takes one word; --json has every number. */
#include "node/cli/ferry_wire.h"
#include "node/cli/table.h"

#include "node/http/tls_ca.h"
#include "node/store/store.h"
#include "protocol/base/text.h"
#include "sync/ferry.h"

#include <stdio.h>
#include <string.h>

enum { LINE = 1024 };

static void line(struct verb *v, const char *label, const char *key, const char *n1, const char *v1,
                 const char *n2, const char *v2)
{
    struct buf b;
    buf_init(&b, 16384);
    text_put(&b, v->lang, key, n1, v1, n2, v2, NULL);
    (void)page_line(v, label, buf_str(&b));
    buf_done(&b);
}

static void bytes_words(int64_t n, char out[static 32])
{
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t i = 0;
    while (n >= 10240 && i + 1 < sizeof unit / sizeof unit[0]) {
        n /= 1024;
        i++;
    }
    snprintf(out, 32, "%lld %s", (long long)n, unit[i]);
}

static void put_head(struct verb *v)
{
    const struct roster_node *me = app_self_node(v->app);
    char tier[32], place[256];
    struct buf area;
    buf_init(&area, 1024);
    if (me == NULL) {
        VERB_TELL(v, "status.unnamed", "node", app_id(v->app));
    } else {
        snprintf(tier, sizeof tier, "tier.%s", app_tier_name(me->lv));
        (void)app_areas_load(v->app);
        (void)app_area_name(v->app, me->area, &area);
        snprintf(place, sizeof place, "%s%s%.200s", me->area, area.len > 0 ? " " : "",
                 buf_str(&area));
        VERB_TELL(v, "status.head", "name", me->name, "tier", text_get(v->lang, tier), "area",
                  place);
    }
    buf_done(&area);
}

/* What staff compare before a telephone trusts the pages. */
static void put_print(struct verb *v)
{
    const struct config *c = &v->app->cfg;
    char path[APP_PATH_BYTES], print[TLS_CA_PRINT_BYTES];
    if (app_staff_speaks_tls(c) && c->staff_cert[0] == '\0' &&
        app_path(v->app->dir, "keys/staff-ca.crt", path) == 0 &&
        tls_ca_print_file(path, print) == 0) {
        line(v, "status.l.certificate", "status.certificate", "print", print, NULL, NULL);
    }
}

static void put_daemon(struct verb *v)
{
    const struct config *c = &v->app->cfg;
    const char *a = c->staff_listen;
    if (!v->in_daemon) {
        line(v, "status.l.daemon", "status.stopped", "dir", v->dir, NULL, NULL);
    } else if (a[0] == '\0' || (strlen(a) > 2 && strcmp(a + strlen(a) - 2, ":0") == 0)) {
        line(v, "status.l.daemon", "status.running", NULL, NULL, NULL, NULL);
    } else {
        char url[LINE];
        snprintf(url, sizeof url, "%s://%.900s/", app_staff_speaks_tls(c) ? "https" : "http", a);
        line(v, "status.l.daemon", "status.pages", "url", url, NULL, NULL);
        put_print(v);
    }
}

static void put_parent(struct verb *v)
{
    struct sync_peer_status p = {0};
    struct node_id id;
    uint8_t tls[HASH_LEN];
    struct buf url;
    char ago[48];
    if (app_is_top(v->app)) {
        line(v, "status.l.parent", "status.top", NULL, NULL, NULL, NULL);
        return;
    }
    if (app_by_files(v->app)) {
        line(v, "status.l.parent", "status.parent.files", NULL, NULL, NULL, NULL);
        return;
    }
    buf_init(&url, 4096);
    (void)sync_parent(v->app->sync, &id, tls, &url);
    app_parent_status(v->app, &p);
    span_words(v->lang, app_now_ms() - p.last_ok_ms, ago);
    if (!v->in_daemon) {
        line(v, "status.l.parent", "status.parent.alone", "url", buf_str(&url), NULL, NULL);
    } else if (p.last_err < 0) {
        line(v, "status.l.parent", "status.parent.wrong", "url", buf_str(&url), "why",
             text_error(v->lang, p.last_err));
    } else if (p.last_ok_ms == 0) {
        line(v, "status.l.parent", "status.parent.never", "url", buf_str(&url), NULL, NULL);
    } else {
        line(v, "status.l.parent", p.in_step ? "status.parent.same" : "status.parent.up", "url",
             buf_str(&url), "ago", ago);
    }
    buf_done(&url);
}

static int on_ferry(const char *node, const struct sync_ferry_note *n, void *arg)
{
    struct verb *v = arg;
    struct buf b;
    int64_t in = 0;
    (void)n;
    buf_init(&b, 4096);
    if (ferry_words(v, node, &in, &b)) {
        (void)page_line(v, "status.l.ferry", buf_str(&b));
    }
    buf_done(&b);
    return 0;
}

static void put_clock(struct verb *v)
{
    struct app_clock c;
    char key[32], off[48];
    app_clock(v->app, &c);
    if (strcmp(c.word, "ok") != 0) {
        snprintf(key, sizeof key, "clock.%s", c.word);
        span_words(v->lang, c.off_ms, off);
        line(v, "status.l.clock", key, "off", off, NULL, NULL);
    }
}

struct kinds_list {
    struct verb *v;
    struct buf b;
};

static int on_kind(const char *kind, int64_t n, void *arg)
{
    struct kinds_list *k = arg;
    buf_printf(&k->b, "%s%s %lld", k->b.len > 0 ? ", " : "", kind, (long long)n);
    return 0;
}

static void put_stored(struct verb *v)
{
    struct store_totals t = {0};
    struct kinds_list k = {.v = v};
    char n[32], size[32];
    int r = store_totals(v->app->store, &t);
    if (r < 0) {
        (void)page_line(v, "status.l.stored", text_error(v->lang, r));
        return;
    }
    buf_init(&k.b, 16384);
    (void)store_kind_counts(v->app->store, on_kind, &k);
    (void)page_line(v, "status.l.records",
                    k.b.len > 0 ? buf_str(&k.b) : text_get(v->lang, "status.none"));
    buf_done(&k.b);
    snprintf(n, sizeof n, "%lld", (long long)t.bundles);
    bytes_words(t.frame_bytes, size);
    line(v, "status.l.stored", "status.stored", "n", n, "size", size);
    if (t.parked > 0) {
        snprintf(n, sizeof n, "%lld", (long long)t.parked);
        line(v, "status.l.parked", "status.parked", "n", n, NULL, NULL);
    }
    snprintf(n, sizeof n, "%lld", (long long)app_unsent_count(v->app));
    if (strcmp(n, "0") != 0) {
        line(v, "status.l.unsent", "status.unsent", "n", n, NULL, NULL);
    }
    if (app_disk_low(v->app)) {
        line(v, "status.l.disk", "status.disk_low", "dir", v->dir, NULL, NULL);
    }
}

static void on_child(const struct sync_peer_status *p, void *arg)
{
    struct table *t = arg;
    const struct roster_node *n = roster_node(app_roster(t->v->app), p->id.s);
    char ago[48] = "", behind[32];
    if (p->is_parent) {
        return;
    }
    if (p->last_ok_ms != 0) {
        span_words(t->v->lang, app_now_ms() - p->last_ok_ms, ago);
    }
    snprintf(behind, sizeof behind, "%lld", (long long)p->behind);
    const char *cell[] = {p->id.s, n != NULL ? n->name : "",
                          text_get(t->v->lang, p->connected ? "status.connected" : "status.away"),
                          ago, behind};
    if (t->rows == 0) {
        (void)verb_out(t->v, "\n");
    }
    (void)table_row(t, cell);
}

void v_status_page(struct verb *v)
{
    static const struct column cols[] = {
        {"col.node", 14}, {"col.name", 28}, {"col.state", 10}, {"col.last", 12}, {"col.behind", 8}};
    struct table t = {.v = v, .cols = cols, .n = sizeof cols / sizeof cols[0]};
    char n[32];
    put_head(v);
    line(v, "status.l.node", "status.node", "node", app_id(v->app), "version", SANJI_VERSION);
    put_daemon(v);
    put_parent(v);
    (void)sync_ferry_notes(v->app->sync, on_ferry, v);
    put_clock(v);
    put_stored(v);
    put_news(v);
    snprintf(n, sizeof n, "%zu", roster_count(app_roster(v->app)));
    line(v, "status.l.roster", "status.roster", "n", n, NULL, NULL);
    if (v->in_daemon) {
        sync_each_peer(v->app->sync, on_child, &t);
    }
}
