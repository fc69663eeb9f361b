/* SPDX-License-Identifier: Apache-2.0 */
/* Obligations against reports. Nothing of this is stored: each node works it out from the
 * obligations, the working days and the reports it holds, so that a station with no network knows
 * what it owes, and the node above sees the same once it has heard of it. */
#include "node/app_duty.h"
#include "node/app_internal.h"

#include "protocol/base/text.h"
#include "protocol/calendar.h"
#include "protocol/jcur.h"
#include "protocol/kinds/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DUTIES_MAX = 128, FAR = 1 << 28 };

struct duties {
    struct app *a;
    const struct pair_flow *flow;
    struct calendar cal;
    int today;
    size_t n;
    struct app_duty v[DUTIES_MAX];
};

static int day_of(struct span d, const char *name, int otherwise)
{
    struct span s = jcur_plain_of(d, name);
    int day = otherwise;
    return s.n > 0 && date_parse((const char *)s.p, s.n, &day) == 0 ? day : otherwise;
}

static int on_obligation(const struct store_rec *rec, void *arg)
{
    struct duties *x = arg;
    struct span v;
    if (rec->withdrawn || x->n == DUTIES_MAX) {
        return 0;
    }
    struct app_duty *d = &x->v[x->n];
    memset(d, 0, sizeof *d);
    (void)snprintf(d->owner, sizeof d->owner, "%s", rec->owner);
    (void)snprintf(d->id, sizeof d->id, "%s", rec->id);
    (void)snprintf(d->title, sizeof d->title, "%s", rec->title);
    struct span report = jcur_plain_of(rec->d, "report");
    (void)snprintf(d->report, sizeof d->report, "%.*s", (int)report.n, (const char *)report.p);
    d->type = report_period(report);
    d->below = span_eqs(jcur_plain_of(rec->d, "who"), "below");
    d->begin = span_eqs(jcur_plain_of(rec->d, "count_from"), "begin");
    (void)(jcur_get(rec->d, "days", &v) && jcur_int(v, &d->days));
    d->from = day_of(rec->d, "valid_from", FAR);
    d->to = day_of(rec->d, "valid_to", FAR);
    x->n += d->type != PERIOD_TYPES;
    return 0;
}

static int load(struct app *a, struct duties **ret)
{
    struct store_filter f = {.kind = "obligation", .limit = DUTIES_MAX * 4};
    enum pair_side side;
    struct duties *x = calloc(1, sizeof *x);
    if (x == NULL) {
        return SANJI_E_NOMEM;
    }
    x->a = a;
    x->flow = pair_flow_of(kind_find("work_report"), &side);
    x->today = date_of_ms(app_now_ms());
    int r = app_calendar(a, &x->cal);
    r = r < 0 ? r : store_record_list(a->store, &f, on_obligation, x);
    if (r < 0) {
        free(x);
        return r;
    }
    *ret = x;
    return 0;
}

/* Did the node stand where the obligation reaches when the period ended? */
static bool concerns(const struct duties *x, const struct app_duty *d, const char *node, int last)
{
    const struct roster *ro = app_roster(x->a);
    const struct roster_node *n = roster_node(ro, node);
    int64_t ms = ((int64_t)(last < x->today ? last : x->today) + 1) * 86400000 - 8 * 3600000 - 1;
    if (n == NULL || n->state == NODE_CLOSED || strcmp(node, d->owner) == 0) {
        return false;
    }
    return d->below ? roster_stood_below(ro, d->owner, node, ms) : strcmp(n->up.s, d->owner) == 0;
}

static int due_day(const struct duties *x, const struct app_duty *d, int first, int last,
                   bool *ret_marked)
{
    return calendar_add_workdays(&x->cal, d->begin ? first - 1 : last, (int)d->days, ret_marked);
}

struct content {
    struct buf d;
    int64_t got;
    bool there;
};

static int on_report(const struct store_rec *rec, void *arg)
{
    struct content *c = arg;
    c->there = !rec->withdrawn;
    c->got = rec->got;
    return rec->withdrawn ? 0 : buf_put(&c->d, rec->d.p, rec->d.n);
}

/* Of its own reports a node knows when they were sent. Of others' it knows what it asked for, and
 * when they came. Where the first form was never seen here their word counts against them alone:
 * that they were in time nobody can say. */
static int judge(struct duties *x, struct app_duty_cell *c, int64_t no, int64_t got)
{
    if (!c->filed || strcmp(c->node, app_id(x->a)) == 0) {
        c->late = c->said_late;
        return 0;
    }
    int r = app__duty_seen(x->a, c->node, c->record, no, got, &c->seen);
    c->late = c->seen != 0 ? c->seen > c->due : c->said_late || c->said > c->due;
    c->unsure = c->seen == 0 && !c->late;
    return r;
}

static int read_report(struct duties *x, struct app_duty_cell *c)
{
    struct content at = {0};
    struct app_pair pair;
    buf_init(&at.d, LIM_ITEM_BYTES * 2);
    int r = store_record_get(x->a->store, c->node, "work_report", c->record, on_report, &at);
    struct span d = span_of(at.d.data, at.there ? at.d.len : 0);
    r = r == SANJI_E_NOT_FOUND ? 0 : r;
    r = r < 0 ? r : app_pair_now(x->a, x->flow, c->node, c->record, d, &pair);
    if (r == 0) {
        c->filed = strcmp(pair.state, "none") != 0 && strcmp(pair.state, "draft") != 0;
        c->draft = strcmp(pair.state, "draft") == 0;
        c->state = pair.state;
        c->again = pair.again;
        c->revised = pair.no > 1;
        /* By the day of the first sending, whatever came after, and the day it was owed then. */
        c->said = c->filed ? day_of(d, "first", 0) : 0;
        c->said_late = c->filed && day_of(d, "first", c->due) > day_of(d, "due", c->due);
    }
    buf_done(&at.d);
    return r < 0 ? r : judge(x, c, pair.no, at.got);
}

static int one_cell(struct duties *x, const struct app_duty *d, const char *node,
                    const char *period, int first, int last, app_duty_fn *fn, void *arg)
{
    struct app_duty_cell c = {.duty = d, .node = node};
    (void)snprintf(c.period, sizeof c.period, "%s", period);
    (void)snprintf(c.record, sizeof c.record, "work_report.%s.%s", d->report, period);
    c.due = due_day(x, d, first, last, &c.marked);
    int r = read_report(x, &c);
    if (r < 0) {
        return r;
    }
    if (!c.filed) {
        bool begun = d->begin ? first <= x->today : last < x->today;
        c.state = c.due < x->today ? "missing" : begun ? "open" : "not_due";
    }
    return fn(&c, arg);
}

/* The periods of an obligation up to the present one, the last `periods` of them. */
static int walk(struct duties *x, const struct app_duty *d, const char *node, int periods,
                app_duty_fn *fn, void *arg)
{
    char text[PERIOD_BYTES];
    int first = 0, last = 0, day = x->today, r = 0;
    for (int i = 1; i < periods; i++) {
        period_of(d->type, day, text, &first, &last);
        day = first - 1;
    }
    for (; r == 0 && day <= x->today; day = last + 1) {
        period_of(d->type, day, text, &first, &last);
        if (first >= d->from && last <= d->to && concerns(x, d, node, last)) {
            r = one_cell(x, d, node, text, first, last, fn, arg);
        }
    }
    return r;
}

int app_duty_of(struct app *a, const char *node, int periods, app_duty_fn *fn, void *arg)
{
    struct duties *x = NULL;
    int r = load(a, &x);
    for (size_t i = 0; r == 0 && i < x->n; i++) {
        r = walk(x, &x->v[i], node, periods, fn, arg);
    }
    free(x);
    return r;
}

int app_duty_grid(struct app *a, int periods, app_duty_fn *fn, void *arg)
{
    const struct roster *ro = app_roster(a);
    struct duties *x = NULL;
    int r = load(a, &x);
    for (size_t i = 0; r == 0 && i < x->n; i++) {
        const struct app_duty *d = &x->v[i];
        bool own = strcmp(d->owner, app_id(a)) == 0;
        for (size_t k = 0; own && r == 0 && k < roster_count(ro); k++) {
            r = walk(x, d, roster_at(ro, k)->id.s, periods, fn, arg);
        }
    }
    free(x);
    return r;
}

int app_duty_due(struct app *a, struct span report, struct span period, int *ret_day,
                 bool *ret_marked)
{
    enum period_type t;
    int first, last;
    bool found = false;
    struct duties *x = NULL;
    if (period_read(period, &t, &first, &last) < 0) {
        return SANJI_E_SPEC;
    }
    int r = load(a, &x);
    for (size_t i = 0; r == 0 && i < x->n; i++) {
        const struct app_duty *d = &x->v[i];
        bool marked = false;
        if (!span_eqs(report, d->report) || first < d->from || last > d->to ||
            !concerns(x, d, app_id(a), last)) {
            continue;
        }
        int due = due_day(x, d, first, last, &marked);
        if (!found || due < *ret_day) {
            *ret_day = due;
            *ret_marked = marked;
        }
        found = true;
    }
    free(x);
    return r < 0 || found ? r : SANJI_E_NOT_FOUND;
}

void app_duty_write(struct jw *w, const struct app_duty_cell *c)
{
    char day[11];
    date_write(c->due, day);
    jw_str(w, "period", c->period);
    jw_str(w, "due", day);
    jw_bool(w, "due_uncertain", c->marked);
    jw_str(w, "state", c->state);
    jw_str(w, "record", c->record);
    jw_bool(w, "filed", c->filed);
    jw_bool(w, "draft", c->draft);
    jw_bool(w, "late", c->late);
    jw_bool(w, "late_unknown", c->unsure);
    jw_bool(w, "said_late", c->said_late);
    if (c->said != 0) {
        date_write(c->said, day);
        jw_str(w, "said", day);
    }
    if (c->seen != 0) {
        date_write(c->seen, day);
        jw_str(w, "seen", day);
    }
    jw_bool(w, "revised", c->revised);
    jw_bool(w, "again", c->again);
}

void app_duty_add(struct app_duty_sum *s, const struct app_duty_cell *c, int today)
{
    s->expected += c->filed || c->due < today;
    s->actual += c->filed;
    s->on_time += c->filed && !c->late && !c->unsure;
    s->late += c->late;
    s->revised += c->filed && c->revised;
}
