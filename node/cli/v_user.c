/* SPDX-License-Identifier: Apache-2.0 */
/* user add, reset, disable, list. */
#include "node/cli/verb.h"

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
    const char *name = verb_flag(v, "name"), *role = verb_flag(v, "role");
    char once[20] = "";
    struct fault f = {0};
    int r = app_user_add(v->app, v->arg[0], name != NULL ? name : "", role != NULL ? role : "clerk",
                         once, &f);
    return r < 0 ? verb_fail_fault(v, r, &f, v->arg[0]) : say_once(v, once);
}

int v_user_reset(struct verb *v)
{
    char once[20] = "";
    int r = app_user_reset(v->app, v->arg[0], once);
    return r < 0 ? verb_fail(v, r, v->arg[0]) : say_once(v, once);
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
    struct verb *v = arg;
    struct buf b;
    struct jw w;
    if (!verb_has(v, "json")) {
        return verb_out(v, "%s\t%s\t%s%s%s\n", u->login, u->role, u->name,
                        u->disabled ? "\tdisabled" : "", u->one_time ? "\tone-time" : "");
    }
    buf_init(&b, 4096);
    jw_init(&w, &b);
    jw_obj(&w, NULL);
    jw_str(&w, "login", u->login);
    jw_str(&w, "role", u->role);
    jw_str(&w, "name", u->name);
    jw_bool(&w, "disabled", u->disabled);
    jw_bool(&w, "one_time", u->one_time);
    jw_int(&w, "created_ms", u->created);
    jw_end_obj(&w);
    int r = jw_done(&w);
    r = r == 0 ? verb_text(v, &b) : r;
    buf_done(&b);
    return r;
}

int v_user_list(struct verb *v)
{
    int r = staff_user_list(v->app->store, on_user, v);
    return r < 0 ? verb_fail(v, r, NULL) : EXIT_OK;
}
