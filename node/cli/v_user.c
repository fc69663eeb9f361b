/* SPDX-License-Identifier: Apache-2.0 */
/* user add, reset, disable, list. */
#include "node/cli/table.h"

#include "node/store/staff.h"
#include "protocol/jwrite.h"

#include <string.h>

static int say_once(struct verb *v, const char *once)
{
    if (verb_has(v, "json")) {
        (void)verb_out(v, "{\"login\":\"%s\",\"one_time_password\":\"%s\"}\n", v->arg[0], once);
    } else {
        VERB_TELL(v, "user.once", "login", v->arg[0], "password", once);
    }
    return EXIT_OK;
}

int v_user_add(struct verb *v)
{
    const char *name = verb_flag(v, "name"), *role = verb_flag(v, "role"),
               *org = verb_flag(v, "org");
    char once[20] = "";
    struct fault f = {0};
    int r = app_user_add(v->app, v->arg[0], name != NULL ? name : "", role != NULL ? role : "clerk",
                         org != NULL ? org : "", once, &f);
    return r < 0 ? verb_fail_fault(v, r, &f, v->arg[0]) : say_once(v, once);
}

int v_user_reset(struct verb *v)
{
    char once[20] = "";
    int r = app_user_reset(v->app, v->arg[0], once);
    return r < 0 ? verb_fail(v, r, v->arg[0]) : say_once(v, once);
}

/* Without --org the person belongs to none. */
int v_user_org(struct verb *v)
{
    const char *org = verb_flag(v, "org");
    struct fault f = {0};
    int r = app_user_org(v->app, v->arg[0], org != NULL ? org : "", &f);
    if (r < 0) {
        return verb_fail_fault(v, r, &f, v->arg[0]);
    }
    (void)verb_out(v, "%s\n", v->arg[0]);
    return EXIT_OK;
}

int v_user_disable(struct verb *v)
{
    int r = app_user_disable(v->app, v->arg[0], !verb_has(v, "undo"));
    if (r < 0) {
        return verb_fail(v, r, v->arg[0]);
    }
    (void)verb_out(v, "%s\n", v->arg[0]);
    return EXIT_OK;
}

static int on_user(const struct staff_user *u, void *arg)
{
    struct table *t = arg;
    struct verb *v = t->v;
    struct buf b;
    struct jw w;
    if (!verb_has(v, "json")) {
        const char *state = u->disabled   ? "state.disabled"
                            : u->one_time ? "state.one_time"
                                          : "state.active";
        const char *cell[] = {u->login, u->role, text_get(v->lang, state), u->name};
        return table_row(t, cell);
    }
    buf_init(&b, 4096);
    jw_init(&w, &b);
    jw_obj(&w, NULL);
    jw_str(&w, "login", u->login);
    jw_str(&w, "role", u->role);
    jw_str(&w, "name", u->name);
    if (u->org[0] != '\0') {
        jw_str(&w, "org", u->org);
    }
    jw_bool(&w, "disabled", u->disabled);
    jw_bool(&w, "one_time", u->one_time);
    jw_bool(&w, "second_factor", u->totp.n > 0);
    jw_int(&w, "created_ms", u->created);
    jw_end_obj(&w);
    int r = jw_done(&w);
    r = r == 0 ? verb_text(v, &b) : r;
    buf_done(&b);
    return r;
}

int v_user_list(struct verb *v)
{
    static const struct column cols[] = {
        {"col.login", 16}, {"col.role", 12}, {"col.state", 18}, {"col.name", 0}};
    struct table t = {.v = v, .cols = cols, .n = sizeof cols / sizeof cols[0]};
    int r = staff_user_list(v->app->store, on_user, &t);
    if (r < 0) {
        return verb_fail(v, r, NULL);
    }
    if (!verb_has(v, "json")) {
        table_end(&t, "user.none");
    }
    return EXIT_OK;
}
