/* SPDX-License-Identifier: Apache-2.0 */
/* Small lists the pages read once: kinds, nodes, areas. And what every handler needs. */
#include "node/api/route.h"

#include "node/app_codes.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/kinds/referral.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

int api_query(const struct api_call *c, const char *name, char *out, size_t max)
{
    assert(api_doc_asks(c->route, name)); /* a name nobody can find in the description */
    int r = http_query_get(c->rq->query, name, out, max);
    if (r == SANJI_E_NOT_FOUND) {
        out[0] = '\0';
        return 0;
    }
    return r;
}

int api_query_int(struct api_call *c, const char *name, int64_t lo, int64_t hi, int64_t *io)
{
    char s[24], want[48];
    int r = api_query(c, name, s, sizeof s);
    if (r == 0 && s[0] != '\0') {
        r = text_i64(s, strlen(s), lo, hi, io);
    }
    snprintf(want, sizeof want, hi > INT64_C(1000000000000) ? "%lld .." : "%lld .. %lld",
             (long long)lo, (long long)hi);
    return r < 0 ? fault_set(&c->f, SANJI_E_SPEC, name, want) : 0;
}

const char *api_node_name(const struct api_call *c, const char *id)
{
    const struct roster_node *n = roster_node(app_roster(c->app), id);
    return n == NULL ? "" : n->name;
}

void api_put_area(struct api_call *c, const char *area)
{
    struct buf b;
    buf_init(&b, 1024);
    jw_str(&c->w, "area", area);
    bool named = area[0] != '\0' && app_area_name(c->app, area, &b) == 0;
    jw_str(&c->w, "area_name", named ? buf_str(&b) : "");
    buf_done(&b);
}

/* The "fields" of a kind's description, as a member. */
static int put_fields(struct api_call *c, const char *name, const struct kind *k)
{
    struct buf b;
    struct span fields;
    buf_init(&b, 1 << 20);
    int r = kind_describe(k, &b);
    if (r == 0 && jcur_get(span_of(b.data, b.len), "fields", &fields)) {
        jw_raw(&c->w, name, fields.p, fields.n);
    }
    buf_done(&b);
    return r;
}

static void put_edges(struct api_call *c)
{
    jw_arr(&c->w, "edges");
    for (size_t i = 0; i < ref_edges_n; i++) {
        jw_obj(&c->w, NULL);
        jw_str(&c->w, "from", ref_state_name(ref_edges[i].from));
        jw_str(&c->w, "ev", ref_event_name(ref_edges[i].ev));
        jw_str(&c->w, "who", ref_edges[i].who == REF_I ? "I" : "R");
        jw_str(&c->w, "to", ref_state_name(ref_edges[i].to));
        jw_end_obj(&c->w);
    }
    jw_end_arr(&c->w);
}

/* What platforms have added to the words of the tables, by list. */
static void put_codes(struct api_call *c)
{
    const struct app_code *x = NULL;
    jw_arr(&c->w, "codes");
    for (size_t pos = 0; (x = app_code_next(c->app, &pos)) != NULL;) {
        jw_obj(&c->w, NULL);
        jw_str(&c->w, "list", x->list);
        jw_str(&c->w, "code", x->code);
        jw_str(&c->w, "label", app_code_label(x, c->lang));
        if (x->off) {
            jw_bool(&c->w, "off", true);
        }
        jw_end_obj(&c->w);
    }
    jw_end_arr(&c->w);
}

int h_kinds(struct api_call *c)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    int r = kind_describe(NULL, &b);
    jw_obj(&c->w, NULL);
    if (r == 0) {
        jw_raw(&c->w, "kinds", b.data, b.len);
    }
    buf_done(&b);
    put_codes(c);
    jw_obj(&c->w, "referral");
    put_edges(c);
    jw_obj(&c->w, "events");
    for (int e = 0; r == 0 && e < RE_COUNT; e++) {
        if (referral_content[e].name != NULL) {
            r = put_fields(c, ref_event_name((enum ref_event)e), &referral_content[e]);
        }
    }
    if (r == 0) {
        r = put_fields(c, "consent", &kind_consent);
    }
    jw_end_obj(&c->w);
    jw_end_obj(&c->w);
    jw_end_obj(&c->w);
    return r;
}

int h_nodes(struct api_call *c)
{
    static const char *const states[] = {
        [NODE_ACTIVE] = "active", [NODE_CUT] = "cut", [NODE_CLOSED] = "closed"};
    const struct roster *ro = app_roster(c->app);
    jw_obj(&c->w, NULL);
    jw_arr(&c->w, "nodes");
    for (size_t i = 0; i < roster_count(ro); i++) {
        const struct roster_node *n = roster_at(ro, i);
        jw_obj(&c->w, NULL);
        jw_str(&c->w, "id", n->id.s);
        jw_str(&c->w, "name", n->name);
        jw_int(&c->w, "lv", n->lv);
        jw_str(&c->w, "tier", app_tier_name(n->lv));
        api_put_area(c, n->area);
        jw_str(&c->w, "up", n->up.s);
        jw_str(&c->w, "state", states[n->state]);
        jw_str(&c->w, "url", n->url);
        jw_end_obj(&c->w);
    }
    jw_end_arr(&c->w);
    jw_end_obj(&c->w);
    return 0;
}

static void on_area(const char *code, const char *name, void *arg)
{
    struct api_call *c = arg;
    jw_obj(&c->w, NULL);
    jw_str(&c->w, "code", code);
    jw_str(&c->w, "name", name);
    jw_end_obj(&c->w);
}

int h_areas(struct api_call *c)
{
    char parent[16];
    int r = api_query(c, "parent", parent, sizeof parent);
    if (r < 0 || (parent[0] != '\0' && !app_area_ok(parent))) {
        return fault_set(&c->f, SANJI_E_SPEC, "parent", "2 .. 12 digits");
    }
    jw_obj(&c->w, NULL);
    jw_arr(&c->w, "areas");
    r = app_area_children(c->app, parent, on_area, c);
    jw_end_arr(&c->w);
    jw_end_obj(&c->w);
    return r;
}

int api_number(const struct api_call *c, int64_t *ret)
{
    const char *s = c->param[0];
    return text_i64(s, strlen(s), 1, INT64_MAX / 2, ret) < 0 ? SANJI_E_NOT_FOUND : 0;
}

int api_done(struct api_call *c, int64_t n, int r)
{
    if (r == 0) {
        (void)snprintf(c->target, sizeof c->target, "%lld", (long long)n);
    }
    jw_obj(&c->w, NULL);
    jw_bool(&c->w, "ok", r == 0);
    jw_end_obj(&c->w);
    return r;
}

/* The exchange itself begins after this answer. Nobody to ask at the top: said, not refused. */
int h_sync(struct api_call *c)
{
    c->api->sync_wanted = true;
    jw_obj(&c->w, NULL);
    jw_bool(&c->w, "ok", true);
    jw_end_obj(&c->w);
    return 0;
}
