/* SPDX-License-Identifier: Apache-2.0 */
/* Reports that are owed: what this node has to send and when, what the nodes below have sent, and
 * what became of one report (the answers of the nodes above). */
#include "node/api/route.h"
#include "node/app_duty.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <string.h>

static void put_sum(struct jw *w, const struct app_duty_sum *s)
{
    jw_obj(w, "sum");
    jw_int(w, "expected", s->expected);
    jw_int(w, "actual", s->actual);
    jw_int(w, "on_time", s->on_time);
    jw_int(w, "late", s->late);
    jw_int(w, "revised", s->revised);
    jw_end_obj(w);
}

static int on_mine(const struct app_duty_cell *x, void *arg)
{
    struct api_call *c = arg;
    jw_obj(&c->w, NULL);
    jw_str(&c->w, "obligation", x->duty->id);
    jw_str(&c->w, "owner", x->duty->owner);
    jw_str(&c->w, "owner_name", api_node_name(c, x->duty->owner));
    jw_str(&c->w, "title", x->duty->title);
    jw_str(&c->w, "report", x->duty->report);
    app_duty_write(&c->w, x);
    jw_end_obj(&c->w);
    return 0;
}

struct grid {
    struct api_call *c;
    const struct app_duty *duty;
    char node[LIM_NODE_ID + 1];
    int today;
    struct app_duty_sum sum;
};

static void end_row(struct grid *g)
{
    if (g->node[0] != '\0') {
        jw_end_arr(&g->c->w);
        jw_end_obj(&g->c->w);
        g->node[0] = '\0';
    }
}

static void end_grid(struct grid *g)
{
    end_row(g);
    if (g->duty != NULL) {
        jw_end_arr(&g->c->w);
        put_sum(&g->c->w, &g->sum);
        jw_end_obj(&g->c->w);
        g->sum = (struct app_duty_sum){0};
        g->duty = NULL;
    }
}

static int on_grid(const struct app_duty_cell *x, void *arg)
{
    struct grid *g = arg;
    struct jw *w = &g->c->w;
    if (g->duty != x->duty) {
        end_grid(g);
        g->duty = x->duty;
        jw_obj(w, NULL);
        jw_str(w, "id", x->duty->id);
        jw_str(w, "title", x->duty->title);
        jw_str(w, "report", x->duty->report);
        jw_arr(w, "rows");
    }
    if (strcmp(g->node, x->node) != 0) {
        end_row(g);
        (void)snprintf(g->node, sizeof g->node, "%s", x->node);
        jw_obj(w, NULL);
        jw_str(w, "node", x->node);
        jw_str(w, "name", api_node_name(g->c, x->node));
        jw_arr(w, "cells");
    }
    jw_obj(w, NULL);
    app_duty_write(&g->c->w, x);
    jw_end_obj(w);
    app_duty_add(&g->sum, x, g->today);
    return 0;
}

int h_duties(struct api_call *c)
{
    char day[11];
    int64_t periods = DUTY_PERIODS;
    struct grid g = {.c = c, .today = date_of_ms(c->now)};
    if (!api_may_named(c, "work_report", KACT_READ)) {
        return SANJI_E_FORBIDDEN;
    }
    int r = api_query_int(c, "periods", 1, DUTY_PERIODS_MAX, &periods);
    if (r < 0) {
        return r;
    }
    date_write(g.today, day);
    jw_obj(&c->w, NULL);
    jw_str(&c->w, "today", day);
    jw_arr(&c->w, "mine");
    r = app_duty_of(c->app, app_id(c->app), (int)periods, on_mine, c);
    jw_end_arr(&c->w);
    jw_arr(&c->w, "grids");
    r = r < 0 ? r : app_duty_grid(c->app, (int)periods, on_grid, &g);
    end_grid(&g);
    jw_end_arr(&c->w);
    jw_end_obj(&c->w);
    return r;
}

/* ---- one pair ---- */

static void put_text(struct jw *w, struct span d, const char *name)
{
    struct span v;
    if (jcur_get(d, name, &v)) {
        jw_raw(w, name, v.p, v.n);
    }
}

struct answer {
    struct api_call *c;
    const char *by;
};

static int on_answer(const struct store_rec *rec, void *arg)
{
    struct answer *x = arg;
    struct jw *w = &x->c->w;
    jw_obj(w, NULL);
    jw_str(w, "by", x->by);
    jw_str(w, "by_name", api_node_name(x->c, x->by));
    jw_int(w, "ts", rec->ts);
    jw_str(w, "state", rec->state);
    put_text(w, rec->d, "seen");
    put_text(w, rec->d, "reason");
    put_text(w, rec->d, "note");
    jw_end_obj(w);
    return 0;
}

static int on_revision(const struct store_rec *rec, void *arg)
{
    *(int64_t *)arg = rec->r;
    return 0;
}

static void put_may(struct api_call *c, const struct pair_flow *f, enum pair_side side,
                    const char *now)
{
    const struct kind *k = side == PAIR_OWNER ? f->owner : f->answer;
    const char *p = kind_field_with(k, KFF_STATE)->choices;
    jw_arr(&c->w, "may");
    while (*p != '\0' && api_may(c, k, KACT_WRITE)) {
        char word[32];
        size_t n = strcspn(p, " ");
        (void)snprintf(word, sizeof word, "%.*s", (int)n, p);
        if (pair_may(f, now, side, word) == 0) {
            jw_str(&c->w, NULL, word);
        }
        p += n + (p[n] == ' ');
    }
    jw_end_arr(&c->w);
}

int api_put_pair(struct api_call *c, const struct kind *k, const char *owner, const char *id,
                 struct span d)
{
    enum pair_side side = PAIR_OTHER;
    const struct pair_flow *f = pair_flow_of(k, &side);
    struct app_pair pair;
    char key[LIM_ID_BYTES + 1];
    struct answer x = {.c = c};
    if (f == NULL || side != PAIR_OWNER) {
        return 0;
    }
    int r = app_pair_now(c->app, f, owner, id, d, &pair);
    r = r < 0 ? r : app_pair_answer_id(f, owner, id, key);
    if (r < 0) {
        return r;
    }
    jw_obj(&c->w, "pair");
    jw_str(&c->w, "state", pair.state);
    jw_int(&c->w, "no", pair.no);
    jw_bool(&c->w, "again", pair.again);
    jw_arr(&c->w, "answers");
    for (size_t i = 0; r == 0 && i < pair.n; i++) {
        x.by = pair.answer[i].by.s;
        r = store_record_get(c->app->store, x.by, f->answer->name, key, on_answer, &x);
    }
    jw_end_arr(&c->w);
    bool mine = strcmp(owner, app_id(c->app)) == 0;
    bool above = roster_was_ancestor(app_roster(c->app), app_id(c->app), owner);
    if (mine || above) {
        put_may(c, f, mine ? PAIR_OWNER : PAIR_OTHER, pair.state);
    }
    if (above && r == 0) { /* what this node's own answer goes on from */
        int64_t rev = 0;
        for (size_t i = 0; i < pair.n; i++) {
            if (strcmp(pair.answer[i].by.s, app_id(c->app)) == 0) {
                r = store_record_get(c->app->store, app_id(c->app), NULL, key, on_revision, &rev);
            }
        }
        jw_str(&c->w, "answer_kind", f->answer->name);
        jw_str(&c->w, "answer_id", key);
        jw_int(&c->w, "answer_r", rev);
    }
    jw_end_obj(&c->w);
    return r;
}

int api_put_pair_state(struct api_call *c, const struct kind *k, const struct store_rec *rec)
{
    enum pair_side side = PAIR_OTHER;
    const struct pair_flow *f = pair_flow_of(k, &side);
    struct app_pair pair;
    if (f == NULL || side != PAIR_OWNER || rec->withdrawn) {
        return 0;
    }
    int r = app_pair_now(c->app, f, rec->owner, rec->id, rec->d, &pair);
    if (r == 0) {
        jw_str(&c->w, "pair_state", pair.state);
    }
    return r;
}
