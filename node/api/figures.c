/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics for the pages: the report of node/app_report.c turned into rows, and the provenance of
 * one cell. */
#include "node/api/route.h"
#include "protocol/jcur.h"
#include "protocol/stats.h"

#include <stdio.h>
#include <string.h>

static bool plain(struct span obj, const char *name, char *out, size_t max)
{
    struct span v, s;
    if (!jcur_get(obj, name, &v) || !jcur_plain(v, &s) || s.n >= max) {
        out[0] = '\0';
        return false;
    }
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return true;
}

static int64_t number(struct span obj, const char *name)
{
    struct span v;
    int64_t n = 0;
    return jcur_get(obj, name, &v) && jcur_int(v, &n) ? n : 0;
}

static int64_t elements(struct span obj, const char *name)
{
    struct span v, e;
    struct jcur c;
    int64_t n = 0;
    if (jcur_get(obj, name, &v) && jcur_array(&c, v)) {
        while (jcur_element(&c, &e)) {
            n++;
        }
    }
    return n;
}

static void put_indicators(struct api_call *c)
{
    jw_arr(&c->w, "indicators");
    for (size_t i = 0; i < STAT_COUNT; i++) {
        jw_obj(&c->w, NULL);
        jw_str(&c->w, "code", stat_indicators[i].code);
        jw_str(&c->w, "unit", stat_indicators[i].unit);
        jw_end_obj(&c->w);
    }
    jw_end_arr(&c->w);
}

/* Only a month's figure is one record; longer periods are sums over several. */
static bool is_month(const char *period)
{
    return strlen(period) == 7 && period[5] >= '0' && period[5] <= '9';
}

static void put_value(struct api_call *c, struct span cell, const char *period)
{
    char ind[48], id[LIM_ID_BYTES + 1];
    if (!plain(cell, "ind", ind, sizeof ind)) {
        return;
    }
    jw_obj(&c->w, ind);
    jw_int(&c->w, "v", number(cell, "v"));
    if (is_month(period)) {
        snprintf(id, sizeof id, "%s:%.7s", ind, period);
        jw_str(&c->w, "cell_id", id);
    }
    jw_int(&c->w, "n", elements(cell, "bundles"));
    jw_end_obj(&c->w);
}

/* Cells come sorted by node. */
static void put_rows(struct api_call *c, struct span report, const char *period)
{
    struct span cells, cell;
    struct jcur cur;
    char node[LIM_NODE_ID + 2], last[LIM_NODE_ID + 2] = "";
    jw_arr(&c->w, "rows");
    if (jcur_get(report, "cells", &cells) && jcur_array(&cur, cells)) {
        while (jcur_element(&cur, &cell)) {
            if (!plain(cell, "node", node, sizeof node)) {
                continue;
            }
            if (strcmp(node, last) != 0) {
                const struct roster_node *n = roster_node(app_roster(c->app), node);
                if (last[0] != '\0') {
                    jw_end_obj(&c->w);
                    jw_end_obj(&c->w);
                }
                jw_obj(&c->w, NULL);
                jw_str(&c->w, "node", node);
                jw_str(&c->w, "name", n == NULL ? "" : n->name);
                jw_str(&c->w, "tier", n == NULL ? "" : app_tier_name(n->lv));
                jw_obj(&c->w, "values");
                memcpy(last, node, sizeof last);
            }
            put_value(c, cell, period);
        }
    }
    if (last[0] != '\0') {
        jw_end_obj(&c->w);
        jw_end_obj(&c->w);
    }
    jw_end_arr(&c->w);
}

static void put_totals(struct api_call *c, struct span report)
{
    struct span list, t;
    struct jcur cur;
    char ind[48];
    jw_obj(&c->w, "totals");
    if (jcur_get(report, "total", &list) && jcur_array(&cur, list)) {
        while (jcur_element(&cur, &t)) {
            if (plain(t, "ind", ind, sizeof ind)) {
                jw_int(&c->w, ind, number(t, "v"));
            }
        }
    }
    jw_end_obj(&c->w);
}

static void put_mismatch(struct api_call *c, struct span m)
{
    static const char *const names[] = {"period", "ind", "sender", "receiver"};
    char v[4][48], is[24], rs[24];
    struct buf text;
    jw_obj(&c->w, NULL);
    for (size_t i = 0; i < 4; i++) {
        (void)plain(m, names[i], v[i], sizeof v[i]);
        jw_str(&c->w, names[i], v[i]);
    }
    jw_int(&c->w, "sender_says", number(m, "sender_says"));
    jw_int(&c->w, "receiver_says", number(m, "receiver_says"));
    if (text_has(c->lang, "api.mismatch")) {
        const char *from = api_node_name(c, v[2]), *to = api_node_name(c, v[3]);
        snprintf(is, sizeof is, "%lld", (long long)number(m, "sender_says"));
        snprintf(rs, sizeof rs, "%lld", (long long)number(m, "receiver_says"));
        buf_init(&text, 4096);
        text_put(&text, c->lang, "api.mismatch", "period", v[0], "ind", v[1], "sender",
                 from[0] == '\0' ? v[2] : from, "sender_says", is, "receiver",
                 to[0] == '\0' ? v[3] : to, "receiver_says", rs, NULL);
        jw_strn(&c->w, "text", buf_str(&text), text.len);
        buf_done(&text);
    }
    jw_end_obj(&c->w);
}

int h_stats(struct api_call *c)
{
    if (!api_may_named(c, "stat", KACT_READ)) {
        return SANJI_E_FORBIDDEN;
    }
    char period[16];
    struct buf b;
    struct span report, list, m;
    struct jcur cur;
    if (api_query(c, "period", period, sizeof period) < 0 || period[0] == '\0') {
        return fault_set(&c->f, SANJI_E_SPEC, "period", "2026-11 2026-Q4 2026-H2 2026");
    }
    buf_init(&b, 16 << 20);
    int r = app_stats_report(c->app, NULL, period, false, &b, NULL);
    if (r < 0) {
        buf_done(&b);
        return r == SANJI_E_SPEC ? fault_set(&c->f, r, "period", "2026-11 2026-Q4 2026-H2 2026")
                                 : r;
    }
    report = span_of(b.data, b.len);
    jw_obj(&c->w, NULL);
    jw_str(&c->w, "period", period);
    put_indicators(c);
    put_rows(c, report, period);
    put_totals(c, report);
    jw_arr(&c->w, "mismatches");
    if (jcur_get(report, "mismatch", &list) && jcur_array(&cur, list)) {
        while (jcur_element(&cur, &m)) {
            put_mismatch(c, m);
        }
    }
    jw_end_arr(&c->w);
    jw_end_obj(&c->w);
    buf_done(&b);
    return 0;
}

static int on_cell(const struct store_rec *rec, void *arg)
{
    struct api_call *c = arg;
    struct jcur cur;
    struct span name, value;
    jw_str(&c->w, "owner", rec->owner);
    jw_str(&c->w, "owner_name", api_node_name(c, rec->owner));
    jw_str(&c->w, "id", rec->id);
    jw_int(&c->w, "r", rec->r);
    jw_int(&c->w, "ts", rec->ts);
    if (!rec->withdrawn && jcur_object(&cur, rec->d)) {
        while (jcur_member(&cur, &name, &value)) {
            char n[LIM_NAME_BYTES + 1] = {0};
            if (name.n <= LIM_NAME_BYTES) {
                memcpy(n, name.p, name.n);
                jw_raw(&c->w, n, value.p, value.n);
            }
        }
    }
    return 0;
}

int h_stats_cell(struct api_call *c)
{
    char owner[32], id[LIM_ID_BYTES + 1];
    if (!api_may_named(c, "stat", KACT_READ)) {
        return SANJI_E_FORBIDDEN;
    }
    if (api_query(c, "owner", owner, sizeof owner) < 0 || owner[0] == '\0') {
        return fault_set(&c->f, SANJI_E_SPEC, "owner", NULL);
    }
    if (api_query(c, "id", id, sizeof id) < 0 || id[0] == '\0') {
        return fault_set(&c->f, SANJI_E_SPEC, "id", NULL);
    }
    jw_obj(&c->w, NULL);
    int r = store_record_get(c->app->store, owner, "stat", id, on_cell, c);
    if (r == 0) {
        r = api_put_explain(c, owner, id);
    }
    jw_end_obj(&c->w);
    return r;
}
