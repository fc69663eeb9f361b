/* SPDX-License-Identifier: Apache-2.0 */
/* What waits for who is logged in, where his own matter stands in the queue, and who has read a
 * notice. */
#include "node/api/route.h"
#include "node/app_ack.h"
#include "node/app_todo.h"
#include "protocol/base/text.h"

#include <stdlib.h>
#include <string.h>

static void put_day(struct jw *w, const char *name, int day)
{
    char text[11];
    if (day != 0) {
        date_write(day, text);
        jw_str(w, name, text);
    }
}

int h_todo(struct api_call *c)
{
    char only[4];
    struct app_todo_list *l = NULL;
    if (api_query(c, "count", only, sizeof only) < 0) {
        return fault_set(&c->f, SANJI_E_SPEC, "count", NULL);
    }
    struct app_person who = {.login = c->me.login, .role = c->me.role, .org = c->me.org};
    int r = app_todo(c->app, &who, &l);
    if (r < 0) {
        return r;
    }
    int64_t overdue = 0;
    bool uncertain = false;
    jw_obj(&c->w, NULL);
    for (size_t i = 0; i < l->n; i++) {
        overdue += l->v[i].overdue;
        uncertain = uncertain || l->v[i].marked;
    }
    jw_int(&c->w, "count", (int64_t)l->n);
    jw_bool(&c->w, "more", l->more);
    jw_int(&c->w, "overdue", overdue);
    jw_bool(&c->w, "due_uncertain", uncertain);
    if (only[0] == '\0') {
        jw_arr(&c->w, "items");
        for (size_t i = 0; i < l->n; i++) {
            app_todo_write(c->app, &c->w, &l->v[i]);
        }
        jw_end_arr(&c->w);
    }
    jw_end_obj(&c->w);
    free(l);
    return 0;
}

static int on_node(const char *node, int64_t ts, void *arg)
{
    struct api_call *c = arg;
    jw_obj(&c->w, NULL);
    jw_str(&c->w, "node", node);
    jw_str(&c->w, "name", api_node_name(c, node));
    jw_int(&c->w, "ts", ts);
    jw_end_obj(&c->w);
    return 0;
}

static int put_acks(struct api_call *c, const struct store_rec *rec)
{
    bool wants = false, done = false;
    if (strcmp(rec->kind, "notice") != 0) {
        return 0;
    }
    if (strcmp(rec->owner, app_id(c->app)) == 0) {
        if (!api_may_named(c, "ack", KACT_READ)) {
            return 0;
        }
        jw_arr(&c->w, "acks");
        int r = app_ack_nodes(c->app, rec, on_node, c);
        jw_end_arr(&c->w);
        return r;
    }
    int r = app_ack_own(c->app, rec, &wants, &done);
    if (r == 0 && wants) {
        jw_bool(&c->w, "acked", done);
    }
    return r;
}

int api_put_waiting(struct api_call *c, const struct kind *k, const struct store_rec *rec)
{
    struct app_todo_place at;
    bool waits = false;
    bool mine = strcmp(rec->owner, app_id(c->app)) == 0 && !rec->withdrawn;
    int r = mine ? app_todo_place(c->app, k, rec->state, rec->ts, &at, &waits) : 0;
    if (r == 0 && waits) {
        jw_obj(&c->w, "queue");
        jw_int(&c->w, "place", at.place);
        jw_int(&c->w, "of", at.of);
        put_day(&c->w, "expected", at.due);
        jw_bool(&c->w, "due_uncertain", at.marked);
        jw_end_obj(&c->w);
    }
    return r < 0 ? r : put_acks(c, rec);
}
