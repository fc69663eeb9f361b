/* SPDX-License-Identifier: Apache-2.0 */
/* duties: which reports this node owes, or with --below what the nodes below have sent. */
#include "node/app_duty.h"
#include "node/cli/table.h"
#include "protocol/base/text.h"
#include "protocol/jwrite.h"

#include <stdio.h>
#include <string.h>

static int put_json(struct verb *v, const struct app_duty_cell *c)
{
    struct buf b;
    struct jw w;
    buf_init(&b, 4096);
    jw_init(&w, &b);
    jw_obj(&w, NULL);
    jw_str(&w, "node", c->node);
    jw_str(&w, "obligation", c->duty->id);
    jw_str(&w, "owner", c->duty->owner);
    jw_str(&w, "report", c->duty->report);
    app_duty_write(&w, c);
    jw_end_obj(&w);
    int r = jw_done(&w);
    r = r == 0 ? verb_text(v, &b) : r;
    buf_done(&b);
    return r;
}

/* It says one thing, and came at another time: both. */
static void put_both(struct verb *v, const struct app_duty_cell *c, char *state, size_t size)
{
    char seen[11], said[11];
    struct buf b;
    size_t n = strlen(state);
    date_write(c->seen, seen);
    date_write(c->said, said);
    buf_init(&b, 4096);
    text_put(&b, v->lang, "duty.both", "seen", seen, "said", said, NULL);
    (void)snprintf(state + n, size - n, " %s", buf_str(&b));
    buf_done(&b);
}

static int on_cell(const struct app_duty_cell *c, void *arg)
{
    struct table *t = arg;
    struct verb *v = t->v;
    char due[12], state[160], key[40];
    const struct roster_node *n = roster_node(app_roster(v->app), c->node);
    date_write(c->due, due);
    if (verb_has(v, "json")) {
        return put_json(v, c);
    }
    due[10] = c->marked ? '?' : '\0';
    due[11] = '\0';
    (void)snprintf(key, sizeof key, "duty.%s",
                   c->draft && strcmp(c->state, "not_due") != 0 ? "draft" : c->state);
    (void)snprintf(state, sizeof state, "%s%s", text_get(v->lang, key),
                   c->late     ? text_get(v->lang, "duty.late")
                   : c->unsure ? text_get(v->lang, "duty.unsure")
                               : "");
    if (c->late != c->said_late && c->seen != 0 && c->said != 0) {
        put_both(v, c, state, sizeof state);
    }
    const char *cell[] = {due, c->period, state, n == NULL ? c->node : n->name, c->duty->title};
    return table_row(t, cell);
}

int v_duties(struct verb *v)
{
    static const struct column cols[] = {{"col.due", 11},
                                         {"col.period", 10},
                                         {"col.state", 20},
                                         {"col.platform", 24},
                                         {"col.title", 0}};
    int64_t periods = DUTY_PERIODS;
    const char *n = verb_flag(v, "periods");
    struct table t = {.v = v, .cols = cols, .n = sizeof cols / sizeof cols[0]};
    if (n != NULL && text_i64(n, strlen(n), 1, DUTY_PERIODS_MAX, &periods) < 0) {
        return verb_bad_value(v, "periods");
    }
    int r = verb_has(v, "below") ? app_duty_grid(v->app, (int)periods, on_cell, &t)
                                 : app_duty_of(v->app, app_id(v->app), (int)periods, on_cell, &t);
    if (r < 0) {
        return verb_fail(v, r, NULL);
    }
    if (!verb_has(v, "json")) {
        table_end(&t, "duty.none");
    }
    return EXIT_OK;
}
