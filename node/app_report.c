/* SPDX-License-Identifier: Apache-2.0 */
/* Reading statistics: what each node says about itself for a period, the totals, the bundles every
 * number rests on, where two parties of a referral disagree, and, on wish, a recount of what can be
 * read here. Nothing is stored: a report is always computed from the signed cells. */
#include "node/app_internal.h"
#include "node/app_stats.h"
#include "protocol/base/enc.h"
#include "protocol/base/text.h"
#include "protocol/jwrite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cell_row {
    char node[LIM_NODE_ID + 2];
    enum stat_ind ind;
    int month; /* index in the period */
    bool away; /* it stood elsewhere then: its number belongs there */
    int64_t v, no, seq;
    char *d;
    size_t dn;
};
struct report {
    struct app *a;
    const char *of;
    char months[12][8];
    int64_t month_end[12]; /* ms, the last of each */
    size_t n_months;
    struct cell_row *v;
    size_t n, cap;
    struct jw w;
    struct stat_cell *x, *y; /* two cells being compared */
    bool wrong;
    int64_t checked, unreadable;
};

static int row_cmp(const void *pa, const void *pb)
{
    const struct cell_row *a = pa, *b = pb;
    int c = strcmp(a->node, b->node);
    c = c != 0 ? c : (a->ind > b->ind) - (a->ind < b->ind);
    return c != 0 ? c : (a->month > b->month) - (a->month < b->month);
}

static int on_cell(const struct store_rec *rec, void *arg)
{
    struct report *x = arg;
    enum stat_ind ind;
    if (stat_cell_read(rec->d, x->x, NULL) < 0 ||
        stat_by_code(x->x->ind, strlen(x->x->ind), &ind) < 0) {
        return 0; /* an indicator of a newer version */
    }
    for (size_t m = 0; m < x->n_months; m++) {
        if (strcmp(x->months[m], x->x->period) != 0) {
            continue;
        }
        if (x->n == x->cap) {
            size_t cap = x->cap != 0 ? x->cap * 2 : 256;
            struct cell_row *v = realloc(x->v, cap * sizeof *v);
            if (v == NULL) {
                return SANJI_E_NOMEM;
            }
            x->v = v;
            x->cap = cap;
        }
        struct cell_row *c = &x->v[x->n];
        memset(c, 0, sizeof *c);
        snprintf(c->node, sizeof c->node, "%s", rec->owner);
        c->ind = ind;
        c->month = (int)m;
        c->away = !roster_stood_below(app_roster(x->a), x->of, c->node, x->month_end[m]);
        c->v = x->x->v;
        c->no = rec->no;
        c->seq = rec->seq;
        c->dn = rec->d.n;
        c->d = malloc(rec->d.n + 1);
        if (c->d == NULL) {
            return SANJI_E_NOMEM;
        }
        memcpy(c->d, rec->d.p, rec->d.n);
        x->n++;
    }
    return 0;
}

/* The last millisecond of a month, in the calendar of section 19 (UTC+8). */
static int64_t end_of(const char *month)
{
    const int64_t day_ms = 86400000, shift_ms = INT64_C(8) * 3600000;
    char next[11] = "";
    int m = 0, day = 0;
    (void)stat_month_parse(month, &m);
    stat_month_write(m + 1, next);
    memcpy(next + 7, "-01", 4);
    (void)date_parse(next, 10, &day);
    return (int64_t)day * day_ms - shift_ms - 1;
}

static int report_of(struct report *x, struct app *a, const char *of)
{
    const struct roster *ro = app_roster(a);
    memset(x, 0, sizeof *x);
    x->a = a;
    x->of = of != NULL ? of : app_id(a);
    if (of == NULL || strcmp(of, app_id(a)) == 0) {
        return 0;
    }
    if (roster_node(ro, of) == NULL) {
        return SANJI_E_NOT_FOUND;
    }
    return roster_was_ancestor(ro, app_id(a), of) ? 0 : SANJI_E_AUDIENCE;
}

static int report_load(struct report *x, struct app *a, const char *of, const char *period)
{
    struct store_filter fl = {.kind = "stat", .limit = INT64_C(1) << 40};
    int r = report_of(x, a, of);
    if (r == 0) {
        r = stat_months(period, x->months, &x->n_months);
    }
    if (r < 0) {
        return r;
    }
    for (size_t m = 0; m < x->n_months; m++) {
        x->month_end[m] = end_of(x->months[m]);
    }
    x->x = calloc(2, sizeof *x->x);
    if (x->x == NULL) {
        return SANJI_E_NOMEM;
    }
    x->y = x->x + 1;
    r = store_record_list(a->store, &fl, on_cell, x);
    if (r == 0 && x->n > 0) {
        qsort(x->v, x->n, sizeof *x->v, row_cmp);
    }
    return r;
}

static void report_done(struct report *x)
{
    for (size_t i = 0; i < x->n; i++) {
        free(x->v[i].d);
    }
    free(x->v);
    free(x->x);
}

/* End of the run of rows of one node and indicator beginning at i; value over the months, of which
 * there may be none. */
static size_t group(const struct report *x, size_t i, int64_t *ret_v, bool *ret_any)
{
    int64_t v[12] = {0};
    bool has[12] = {false};
    size_t j = i;
    while (j < x->n && strcmp(x->v[j].node, x->v[i].node) == 0 && x->v[j].ind == x->v[i].ind) {
        if (!x->v[j].away) {
            v[x->v[j].month] = x->v[j].v;
            has[x->v[j].month] = *ret_any = true;
        }
        j++;
    }
    *ret_v = stat_total(x->v[i].ind, v, has, x->n_months);
    return j;
}

static const char *name_of(const struct report *x, const char *node)
{
    const struct roster_node *n = roster_node(app_roster(x->a), node);
    return n != NULL ? n->name : "";
}

/* Ids of the bundles the cells rest on: what they name, and the bundle that carries the cell. */
static void put_bundles(struct report *x, size_t from, size_t to)
{
    uint8_t id[HASH_LEN];
    const struct sync_store *st = store_port(x->a->store);
    jw_arr(&x->w, "bundles");
    for (size_t i = from; i < to; i++) {
        struct span cov, e, s;
        if (x->v[i].away) {
            continue;
        }
        struct jcur c;
        if (jcur_get(span_of(x->v[i].d, x->v[i].dn), "cov", &cov) && jcur_array(&c, cov)) {
            while (jcur_element(&c, &e)) {
                if (jcur_get(e, "id", &s)) {
                    jw_raw(&x->w, NULL, s.p, s.n);
                }
            }
        }
        if (st->bundle_id(st->ctx, x->v[i].no, x->v[i].seq, id) == 0) {
            jw_b64(&x->w, NULL, id, HASH_LEN);
        }
    }
    jw_end_arr(&x->w);
}

static void put_cells(struct report *x, int64_t total[static STAT_COUNT],
                      bool has[static STAT_COUNT])
{
    jw_arr(&x->w, "cells");
    for (size_t i = 0; i < x->n;) {
        int64_t v = 0;
        bool any = false;
        size_t end = group(x, i, &v, &any);
        if (!any) {
            i = end;
            continue;
        }
        const struct stat_indicator *in = &stat_indicators[x->v[i].ind];
        jw_obj(&x->w, NULL);
        jw_str(&x->w, "node", x->v[i].node);
        jw_str(&x->w, "name", name_of(x, x->v[i].node));
        jw_str(&x->w, "ind", in->code);
        jw_str(&x->w, "unit", in->unit);
        jw_int(&x->w, "v", v);
        put_bundles(x, i, end);
        jw_end_obj(&x->w);
        total[x->v[i].ind] += v;
        has[x->v[i].ind] = true;
        i = end;
    }
    jw_end_arr(&x->w);
    jw_arr(&x->w, "total");
    for (int i = 0; i < STAT_COUNT; i++) {
        if (has[i]) {
            jw_obj(&x->w, NULL);
            jw_str(&x->w, "ind", stat_indicators[i].code);
            jw_str(&x->w, "unit", stat_indicators[i].unit);
            jw_int(&x->w, "v", total[i]);
            jw_end_obj(&x->w);
        }
    }
    jw_end_arr(&x->w);
}

/* ---- reconciliation ---- */

static bool can_read(const struct report *x, const char *node)
{
    char aud[LIM_AUD_BYTES + 1];
    struct audience au;
    const struct roster *ro = app_roster(x->a);
    return roster_node(ro, node) != NULL && app_audience(x->a, "up", aud) == 0 &&
           audience_parse(aud, strlen(aud), &au) == 0 &&
           roster_entitled(ro, node, &au, app_id(x->a));
}

static const struct cell_row *row_find(const struct report *x, const char *node, enum stat_ind ind,
                                       int month)
{
    struct cell_row k = {.ind = ind, .month = month};
    snprintf(k.node, sizeof k.node, "%s", node);
    return x->n == 0 ? NULL : bsearch(&k, x->v, x->n, sizeof *x->v, row_cmp);
}

static void put_mismatch(struct report *x, const struct cell_row *a, const struct stat_by *with)
{
    const struct stat_indicator *in = &stat_indicators[a->ind];
    const struct cell_row *b = row_find(x, with->n.s, in->mirror, a->month);
    struct node_id an, bn = with->n;
    struct stat_diff diff; /* .i: the node of row a, .r: the other */
    if (in->source == STAT_SRC_REF_R && b != NULL) {
        /* Both exist: the sender's row reports it, unless it does not name this node. */
        if (stat_cell_read(span_of(b->d, b->dn), x->y, NULL) == 0) {
            for (size_t i = 0; i < x->y->n_by; i++) {
                if (strcmp(x->y->by[i].n.s, a->node) == 0) {
                    return;
                }
            }
        }
    }
    if (!can_read(x, with->n.s) || node_id_parse(a->node, strlen(a->node), &an) < 0 ||
        (b != NULL && stat_cell_read(span_of(b->d, b->dn), x->y, NULL) < 0) ||
        !stat_reconcile(x->x, &an, b != NULL ? x->y : NULL, &bn, &diff)) {
        return;
    }
    bool sender_first = in->source == STAT_SRC_REF_I;
    jw_obj(&x->w, NULL);
    jw_str(&x->w, "period", x->months[a->month]);
    jw_str(&x->w, "ind", sender_first ? in->code : stat_indicators[in->mirror].code);
    jw_str(&x->w, "sender", sender_first ? diff.i.s : diff.r.s);
    jw_int(&x->w, "sender_says", sender_first ? diff.i_says : diff.r_says);
    jw_str(&x->w, "receiver", sender_first ? diff.r.s : diff.i.s);
    jw_int(&x->w, "receiver_says", sender_first ? diff.r_says : diff.i_says);
    jw_end_obj(&x->w);
}

static void put_mismatches(struct report *x)
{
    jw_arr(&x->w, "mismatch");
    for (size_t i = 0; i < x->n; i++) {
        enum stat_source s = stat_indicators[x->v[i].ind].source;
        if ((s != STAT_SRC_REF_I && s != STAT_SRC_REF_R) ||
            stat_cell_read(span_of(x->v[i].d, x->v[i].dn), x->x, NULL) < 0) {
            continue;
        }
        for (size_t j = 0; j < x->x->n_by; j++) {
            put_mismatch(x, &x->v[i], &x->x->by[j]);
        }
    }
    jw_end_arr(&x->w);
}

/* ---- recount ---- */

struct seen_stream {
    const char *by;
    struct span aud, en;
    int64_t ep, seq;
    int64_t have; /* -1: not held */
};

static void on_stream(const struct sync_stream_row *r, void *arg)
{
    struct seen_stream *s = arg;
    char en[B64U_LEN(8)];
    b64u_put(r->key.en, 8, en);
    if (strcmp(r->key.by.s, s->by) == 0 && span_eqs(s->aud, r->key.aud) && r->key.ep == s->ep &&
        span_eq(s->en, span_of(en, sizeof en))) {
        s->have = r->seq;
    }
}

/* 0: everything the cell names is held here exactly; 1: more is held (the cell is older than what
 * is here); -1: something is not readable here. */
static int coverage(struct report *x, const struct cell_row *c)
{
    struct span cov, e, v;
    struct jcur cur;
    int more = 0;
    if (!jcur_get(span_of(c->d, c->dn), "cov", &cov) || !jcur_array(&cur, cov)) {
        return -1;
    }
    while (jcur_element(&cur, &e)) {
        struct seen_stream s = {.by = c->node, .have = -1};
        if (!jcur_get(e, "aud", &v) || !jcur_plain(v, &s.aud) || !jcur_get(e, "en", &v) ||
            !jcur_plain(v, &s.en) || !jcur_get(e, "ep", &v) || !jcur_int(v, &s.ep) ||
            !jcur_get(e, "seq", &v) || !jcur_int(v, &s.seq)) {
            return -1; /* private: named by its id alone */
        }
        sync_each_stream(x->a->sync, on_stream, &s);
        if (s.have < s.seq) {
            return -1;
        }
        more = more || s.have > s.seq;
    }
    return more;
}

static int recount_row(struct report *x, const struct cell_row *c, struct facts *f)
{
    bool mine = strcmp(c->node, app_id(x->a)) == 0;
    enum stat_source src = stat_indicators[c->ind].source;
    int cov = coverage(x, c);
    const struct roster_node *n = roster_node(app_roster(x->a), c->node);
    bool stood_in = n != NULL && !node_id_none(&n->steward); /* its records go on, its cells not */
    if (!mine && (stood_in || cov < 0 || src == STAT_SRC_REF_I || src == STAT_SRC_REF_R)) {
        x->unreadable++;
        return 0;
    }
    int r = stat_cell_read(span_of(c->d, c->dn), x->x, NULL);
    if (r == 0) {
        r = stat_cell_make(x->months[c->month], c->ind, f->v, f->n, x->y);
    }
    if (r < 0) {
        return r;
    }
    x->checked++;
    if (stat_cell_eq(x->x, x->y) || (cov > 0 && !mine)) {
        return 0;
    }
    x->wrong = true;
    jw_obj(&x->w, NULL);
    jw_str(&x->w, "node", c->node);
    jw_str(&x->w, "period", x->months[c->month]);
    jw_str(&x->w, "ind", stat_indicators[c->ind].code);
    jw_int(&x->w, "says", c->v);
    jw_int(&x->w, "recount", x->y->v);
    jw_end_obj(&x->w);
    return 0;
}

static int recount_facts(struct report *x, const struct cell_row *c, struct facts *f)
{
    struct facts other = {0};
    int r = 0;
    enum stat_source src = stat_indicators[c->ind].source;
    if (stat_source_kind(src) != NULL) {
        return facts_of_records(x->a, c->node, stat_source_kind(src), f);
    }
    bool sends = src == STAT_SRC_REF_I;
    r = facts_of_threads(x->a, sends ? f : &other, sends ? &other : f);
    facts_done(&other);
    return r;
}

static int put_recount(struct report *x)
{
    int r = 0;
    struct facts f = {0};
    jw_obj(&x->w, "recount");
    jw_arr(&x->w, "wrong");
    for (size_t i = 0; r == 0 && i < x->n; i++) {
        bool new_src =
            i == 0 || strcmp(x->v[i].node, x->v[i - 1].node) != 0 ||
            stat_indicators[x->v[i].ind].source != stat_indicators[x->v[i - 1].ind].source;
        if (new_src) {
            facts_done(&f);
            r = recount_facts(x, &x->v[i], &f);
        }
        if (r == 0) {
            r = recount_row(x, &x->v[i], &f);
        }
    }
    facts_done(&f);
    jw_end_arr(&x->w);
    jw_int(&x->w, "checked", x->checked);
    jw_int(&x->w, "unreadable", x->unreadable);
    jw_end_obj(&x->w);
    return r;
}

int app_stats_report(struct app *a, const char *of, const char *period, bool recount,
                     struct buf *out, bool *ret_wrong)
{
    struct report x;
    int64_t total[STAT_COUNT] = {0};
    bool has[STAT_COUNT] = {false};
    int r = report_load(&x, a, of, period);
    if (r == 0) {
        jw_init(&x.w, out);
        jw_obj(&x.w, NULL);
        jw_str(&x.w, "period", period);
        jw_str(&x.w, "of", x.of);
        put_cells(&x, total, has);
        put_mismatches(&x);
        if (recount) {
            r = put_recount(&x);
        }
        jw_end_obj(&x.w);
        r = r < 0 ? r : jw_done(&x.w);
    }
    if (ret_wrong != NULL) {
        *ret_wrong = x.wrong;
    }
    report_done(&x);
    return r;
}

/* RFC 4180; a value that a spreadsheet could take for a formula begins with an apostrophe. */
static void csv_text(struct buf *out, const char *s)
{
    bool formula = s[0] != '\0' && strchr("=+-@\t", s[0]) != NULL;
    buf_puts(out, formula ? "\"'" : "\"");
    for (; *s != '\0'; s++) {
        if (*s == '"') {
            buf_putc(out, '"');
        }
        buf_putc(out, *s);
    }
    buf_putc(out, '"');
}

int app_stats_csv(struct app *a, const char *of, const char *period, struct buf *out)
{
    struct report x;
    int64_t total[STAT_COUNT] = {0};
    bool has[STAT_COUNT] = {false};
    int r = report_load(&x, a, of, period);
    buf_puts(out, "node,name,indicator,value\r\n");
    for (size_t i = 0; r == 0 && i < x.n;) {
        int64_t v = 0;
        bool any = false;
        size_t end = group(&x, i, &v, &any);
        if (!any) {
            i = end;
            continue;
        }
        buf_printf(out, "%s,", x.v[i].node);
        csv_text(out, name_of(&x, x.v[i].node));
        buf_printf(out, ",%s,%lld\r\n", stat_indicators[x.v[i].ind].code, (long long)v);
        total[x.v[i].ind] += v;
        has[x.v[i].ind] = true;
        i = end;
    }
    for (int i = 0; r == 0 && i < STAT_COUNT; i++) {
        if (has[i]) {
            buf_printf(out, "total,,%s,%lld\r\n", stat_indicators[i].code, (long long)total[i]);
        }
    }
    report_done(&x);
    return r < 0 ? r : out->err;
}
