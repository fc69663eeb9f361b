/* SPDX-License-Identifier: Apache-2.0 */
/* Staff of a node: made and reset on the command line (whoever may read the data folder is the
 * administrator), each time with a one-time password that has to be changed at the first log-in. */
#include "node/app_internal.h"
#include "node/password.h"
#include "node/store/staff.h"
#include "protocol/base/text.h"

#include <string.h>

static bool login_ok(const char *s)
{
    size_t n = strlen(s);
    return n >= 1 && n <= 32 &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

static int on_org(const struct store_rec *rec, void *arg)
{
    *(bool *)arg = !rec->withdrawn;
    return 0;
}

int app__org_check(struct app *a, const char *role, const char *org, struct fault *f)
{
    bool there = false;
    if (org[0] == '\0') {
        return 0;
    }
    if (strcmp(role, KIND_MEMBER) != 0) {
        return fault_set(f, SANJI_E_SPEC, "org", "user.org");
    }
    int r = app_outbox_flush(a);
    r = r < 0 ? r : store_record_get(a->store, app_id(a), "org", org, on_org, &there);
    r = r == SANJI_E_NOT_FOUND ? 0 : r;
    return r < 0 || there ? r : fault_set(f, SANJI_E_NOT_FOUND, "org", "org");
}

int app__name_check(const char *name, bool required, struct fault *f)
{
    size_t n = strlen(name);
    bool ok = utf8_valid(name, n, NULL) && !text_has_control(name, n, false) &&
              utf8_len(name, n) <= 80 && (n > 0 || !required);
    return ok ? 0 : fault_set(f, SANJI_E_SPEC, "name", required ? "1 .. 80" : "0 .. 80");
}

int app_user_add(struct app *a, const char *login, const char *name, const char *role,
                 const char *org, char ret_once[static 20], struct fault *f)
{
    char hash[PASSWORD_HASH_BYTES];
    if (!login_ok(login)) {
        return fault_set(f, SANJI_E_SPEC, "login", "[A-Za-z0-9._-]{1,32}");
    }
    int r = app__name_check(name, false, f);
    r = r < 0 ? r : app__org_check(a, role, org, f);
    if (r < 0) {
        return r;
    }
    r = password_one_time(ret_once);
    if (r == 0) {
        r = password_hash(ret_once, hash);
    }
    if (r == 0) {
        int64_t now = app_now_ms();
        struct staff_user u = {.login = login,
                               .name = name,
                               .role = role,
                               .pass = hash,
                               .one_time = true,
                               .created = now,
                               .changed = now,
                               .org = org};
        r = staff_user_add(a->store, &u);
        (void)app__audit_add(a, "cli", "user.add", login, r);
    }
    return r == SANJI_E_SPEC
               ? fault_set(f, r, "role", "admin manager clerk reviewer supervisor member")
               : r;
}

struct change {
    struct app *a;
    const char *pass; /* NULL: keep */
    int disabled;     /* -1: keep */
    const char *org;  /* NULL: keep */
    struct fault *f;
};

static int on_change(const struct staff_user *u, void *arg)
{
    const struct change *c = arg;
    struct staff_user x = *u;
    if (c->pass != NULL) {
        x.pass = c->pass;
        x.one_time = true;
        x.totp = span_of(NULL, 0); /* a lost telephone is a usual reason for a reset */
        x.totp_last = 0;
        x.fails = 0;
        x.until = 0;
        x.changed = app_now_ms();
    }
    if (c->org != NULL) {
        int r = app__org_check(c->a, u->role, c->org, c->f);
        if (r < 0) {
            return r;
        }
        x.org = c->org;
    }
    if (c->disabled >= 0) {
        x.disabled = c->disabled != 0;
    }
    return staff_user_set(c->a->store, &x);
}

static int change(struct app *a, const char *login, struct change *c, const char *what)
{
    int r = staff_user_get(a->store, login, on_change, c);
    if (r >= 0) {
        r = staff_session_del_user(a->store, login, NULL);
    }
    (void)app__audit_add(a, "cli", what, login, r < 0 ? r : 0);
    return r < 0 ? r : 0;
}

int app_user_reset(struct app *a, const char *login, char ret_once[static 20])
{
    char hash[PASSWORD_HASH_BYTES];
    struct change c = {.a = a, .pass = hash, .disabled = -1};
    int r = password_one_time(ret_once);
    if (r == 0) {
        r = password_hash(ret_once, hash);
    }
    return r == 0 ? change(a, login, &c, "user.reset") : r;
}

int app_user_disable(struct app *a, const char *login, bool disabled)
{
    struct change c = {.a = a, .disabled = disabled};
    return change(a, login, &c, disabled ? "user.disable" : "user.enable");
}

int app_user_org(struct app *a, const char *login, const char *org, struct fault *f)
{
    struct change c = {.a = a, .disabled = -1, .org = org, .f = f};
    return change(a, login, &c, "user.org");
}
