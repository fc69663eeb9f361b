/* SPDX-License-Identifier: Apache-2.0 */
/* The second factor: set up from the account page, asked for at the log-in (session.c). The secret
 * is made here and comes back with the first code, so that one that was never scanned leaves
 * nothing. */
#include "node/api/route.h"
#include "node/qr.h"
#include "node/totp.h"

#include <stdio.h>
#include <string.h>

bool api_lacks_second(const struct api_call *c)
{
    const char *who = c->app->cfg.staff_second;
    return !c->me.second && (strcmp(who, "all") == 0 ||
                             (strcmp(who, "admins") == 0 && strcmp(c->me.role, "admin") == 0));
}

int h_second_new(struct api_call *c)
{
    const struct roster_node *n = app_self_node(c->app);
    uint8_t secret[TOTP_SECRET];
    char text[TOTP_BASE32 + 1];
    struct buf uri, path;
    int side = 0;
    int r = app_random(secret, sizeof secret);
    if (r < 0) {
        return r;
    }
    totp_base32(secret, text);
    mem_wipe(secret, sizeof secret);
    buf_init(&uri, 4096);
    buf_init(&path, 65536);
    r = totp_uri(text, n == NULL ? "Sanji" : n->name, c->me.login, &uri);
    if (r == 0) {
        r = qr_path(buf_str(&uri), &side, &path);
    }
    jw_obj(&c->w, NULL);
    jw_str(&c->w, "secret", text);
    jw_str(&c->w, "uri", buf_str(&uri));
    jw_int(&c->w, "side", side);
    jw_str(&c->w, "path", buf_str(&path));
    jw_end_obj(&c->w);
    mem_wipe(text, sizeof text);
    buf_wipe_done(&uri);
    buf_wipe_done(&path);
    return r;
}

struct change {
    struct api_call *c;
    struct span secret;
    int64_t step;
};

static int on_change(const struct staff_user *u, void *arg)
{
    const struct change *x = arg;
    struct staff_user n = *u;
    n.totp = x->secret;
    n.totp_last = x->step;
    n.changed = x->c->now;
    return staff_user_set(x->c->app->store, &n);
}

/* Other browsers of this person log in again, with what holds from now on. */
static int change(struct api_call *c, const struct change *x)
{
    int r = staff_user_get(c->app->store, c->me.login, on_change, (void *)(uintptr_t)x);
    c->me.second = x->secret.n > 0;
    if (r == 0) {
        r = api_session_anew(c);
    }
    return r == 0 ? h_me(c) : r;
}

int h_second_set(struct api_call *c)
{
    uint8_t secret[TOTP_SECRET];
    struct change x = {.c = c, .secret = span_of(secret, sizeof secret)};
    if (c->me.second) { /* another telephone: off with this one first */
        c->code = "has_second";
        return SANJI_E_EXISTS;
    }
    if (totp_from_base32(c->in.second.secret, secret) < 0) {
        return fault_set(&c->f, SANJI_E_SPEC, "secret", "A-Z 2-7");
    }
    int r = api_password_is(c, "password", c->in.second.password);
    if (r == 0 && !totp_check(x.secret, c->in.second.code, c->now, 0, &x.step)) {
        c->code = "wrong_code";
        r = fault_set(&c->f, SANJI_E_SPEC, "code", NULL);
    }
    if (r == 0) {
        r = change(c, &x);
    }
    mem_wipe(secret, sizeof secret);
    return r;
}

struct present {
    const struct api_call *c;
    int64_t step; /* 0: the code is not right */
};

static int on_present(const struct staff_user *u, void *arg)
{
    struct present *x = arg;
    (void)totp_check(u->totp, x->c->in.second_off.code, x->c->now, u->totp_last, &x->step);
    return 0;
}

/* With password and code: a session that was stolen does not take the second factor along. */
int h_second_off(struct api_call *c)
{
    struct change x = {.c = c, .secret = span_of(NULL, 0)};
    struct present p = {.c = c};
    int r = api_password_is(c, "password", c->in.second_off.password);
    r = r < 0 ? r : staff_user_get(c->app->store, c->me.login, on_present, &p);
    if (r == 0 && p.step == 0) {
        api_login_result(c->api, c->rq->peer, c->me.login, c->mono, false);
        c->code = "wrong_code";
        return fault_set(&c->f, SANJI_E_SPEC, "code", NULL);
    }
    return r == 0 ? change(c, &x) : r;
}
