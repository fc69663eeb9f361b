/* SPDX-License-Identifier: Apache-2.0 */
/* todo: what waits at this node, for one of its staff or for its administrator. */
#include "node/app_todo.h"
#include "node/cli/table.h"
#include "node/store/staff.h"
#include "protocol/base/text.h"
#include "protocol/jwrite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct whose {
    char role[16], org[LIM_ID_BYTES + 1];
};

static int on_user(const struct staff_user *u, void *arg)
{
    struct whose *x = arg;
    (void)snprintf(x->role, sizeof x->role, "%s", u->role);
    (void)snprintf(x->org, sizeof x->org, "%s", u->org);
    return 0;
}

static int put_json(struct verb *v, const struct app_todo *t)
{
    struct buf b;
    struct jw w;
    buf_init(&b, 8192);
    jw_init(&w, &b);
    app_todo_write(v->app, &w, t);
    int r = jw_done(&w);
    r = r == 0 ? verb_text(v, &b) : r;
    buf_done(&b);
    return r;
}

static int put_row(struct table *t, const struct app_todo *x)
{
    char due[16] = "", key[40];
    if (verb_has(t->v, "json")) {
        return put_json(t->v, x);
    }
    (void)snprintf(key, sizeof key, "todo.%s", app_todo_source_name(x->source));
    if (x->due != 0) { /* "!": overdue; "?": a year's working days are not known */
        date_write(x->due, due);
        due[10] = x->overdue ? '!' : x->marked ? '?' : '\0';
        due[11] = '\0';
    }
    const char *cell[] = {due, text_get(t->v->lang, key), x->id, x->title};
    return table_row(t, cell);
}

int v_todo(struct verb *v)
{
    static const struct column cols[] = {
        {"col.due", 11}, {"col.what", 18}, {"col.id", 42}, {"col.title", 0}};
    struct table t = {.v = v, .cols = cols, .n = sizeof cols / sizeof cols[0]};
    const char *login = verb_flag(v, "login");
    struct whose x = {.role = "admin"};
    struct app_todo_list *l = NULL;
    int r = login == NULL ? 0 : staff_user_get(v->app->store, login, on_user, &x);
    struct app_person who = {.login = login, .role = x.role, .org = x.org};
    r = r < 0 ? r : app_todo(v->app, &who, &l);
    for (size_t i = 0; r == 0 && i < l->n; i++) {
        r = put_row(&t, &l->v[i]);
    }
    free(l);
    if (r < 0) {
        return verb_fail(v, r, login);
    }
    if (!verb_has(v, "json")) {
        table_end(&t, "todo.none");
    }
    return EXIT_OK;
}
