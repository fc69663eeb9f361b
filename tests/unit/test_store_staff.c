/* SPDX-License-Identifier: Apache-2.0 */
/* The people's rows: what a login and the audit log rest on. */
#include "node/store/internal.h"
#include "node/store/staff.h"
#include "protocol/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
    struct store *s = NULL;
    assert_int_equal(store_open(NULL, STORE_SCRATCH, &s), 0);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    store_close(*state);
    return 0;
}

static int see_user(const struct staff_user *u, void *arg)
{
    assert_true(u->totp.n == 0 || u->totp.n == 20);
    strcat(arg, u->login);
    strcat(arg, u->one_time ? "! " : " ");
    return 0;
}

static int see_token(const struct staff_token *t, void *arg)
{
    (void)t;
    (void)arg;
    return 0;
}

static int see_session(const struct staff_session *x, void *arg)
{
    *(int64_t *)arg += x->seen;
    return 0;
}

static void test_staff(void **state)
{
    struct store *s = *state;
    uint8_t secret[20] = {1};
    char got[200] = "";
    int64_t n = 0;
    struct staff_user u = {
        .login = "li", .name = "Li", .role = "clerk", .pass = "$h", .one_time = true, .org = ""};
    assert_int_equal(staff_user_add(s, &u), 0);
    assert_int_equal(staff_user_add(s, &u), SANJI_E_EXISTS);
    u.role = "king";
    u.login = "x";
    assert_int_equal(staff_user_add(s, &u), SANJI_E_SPEC);
    u.role = "admin";
    u.login = "an";
    u.totp = span_of(secret, 20);
    assert_int_equal(staff_user_set(s, &u), SANJI_E_NOT_FOUND);
    assert_int_equal(staff_user_add(s, &u), 0);
    u.one_time = false;
    assert_int_equal(staff_user_set(s, &u), 0);
    assert_int_equal(staff_user_list(s, see_user, got), 0);
    assert_string_equal(got, "an li! ");
    assert_int_equal(staff_user_get(s, "nobody", see_user, got), SANJI_E_NOT_FOUND);
    assert_int_equal(staff_totp_use(s, "an", 100), 0);
    assert_int_equal(staff_totp_use(s, "an", 100), SANJI_E_USED);
    assert_int_equal(staff_totp_use(s, "an", 99), SANJI_E_USED);
    assert_int_equal(staff_totp_use(s, "an", 101), 0);
    assert_int_equal(staff_user_fails(s, "an", 3, 50), 0);
    struct staff_session x = {.token = {1}, .login = "an", .csrf = "c", .seen = 1, .expires = 10};
    assert_int_equal(staff_session_add(s, &x), 0);
    assert_int_equal(staff_session_add(s, &x), SANJI_E_EXISTS);
    x.token[0] = 2;
    x.seen = 2;
    x.expires = 20;
    assert_int_equal(staff_session_add(s, &x), 0);
    x.token[0] = 3;
    x.login = "ghost";
    assert_int_equal(staff_session_add(s, &x), SANJI_E_REFERENCE);
    x.token[0] = 1;
    assert_int_equal(staff_session_seen(s, x.token, 7, 12), 0);
    assert_int_equal(staff_session_list(s, "an", see_session, &n), 0);
    assert_int_equal(n, 9);
    assert_int_equal(staff_session_expire(s, 12), 0);
    assert_int_equal(staff_session_get(s, x.token, see_session, &n), SANJI_E_NOT_FOUND);
    x.token[0] = 2;
    assert_int_equal(staff_session_del_user(s, "an", x.token), 0);
    assert_int_equal(staff_session_get(s, x.token, see_session, &n), 0);
    /* Calendars go with the log-in, tokens that it made for others do not. */
    uint8_t hash[HASH_LEN] = {7};
    int64_t tn = 0;
    struct staff_token tk = {.name = "calendar", .role = "calendar", .about = "", .maker = "an"};
    assert_int_equal(staff_token_add(s, &tk, hash, &tn), 0);
    hash[0] = 8;
    tk.role = "clerk";
    assert_int_equal(staff_token_add(s, &tk, hash, &tn), 0);
    assert_int_equal(staff_user_del(s, "an"), 0);
    assert_int_equal(staff_token_get(s, hash, see_token, &n), 0);
    hash[0] = 7;
    assert_int_equal(staff_token_get(s, hash, see_token, &n), SANJI_E_NOT_FOUND);
    assert_int_equal(staff_session_get(s, x.token, see_session, &n), SANJI_E_NOT_FOUND);
}

static int see_audit(const struct staff_audit *a, void *arg)
{
    strcat(arg, a->target);
    strcat(arg, " ");
    return 0;
}

static void test_audit(void **state)
{
    struct store *s = *state;
    char got[200] = "";
    int64_t n = -1;
    assert_int_equal(staff_audit_verify(s, &n), 0);
    assert_int_equal(n, 0);
    static const char *const targets[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++) {
        struct staff_audit a = {.ts = i,
                                .who = i == 1 ? "li" : "an",
                                .what = "put",
                                .target = targets[i],
                                .result = "ok",
                                .detail = ""};
        assert_int_equal(staff_audit_add(s, &a), 0);
    }
    assert_int_equal(staff_audit_list(s, NULL, 0, 0, see_audit, got), 0);
    assert_int_equal(staff_audit_list(s, "an", 3, 9, see_audit, got), 0);
    assert_string_equal(got, "c b a a ");
    assert_int_equal(staff_audit_verify(s, &n), 0);
    assert_int_equal(n, 3);
    assert_int_equal(db_exec(&s->db, "UPDATE audit SET who='an' WHERE n=2"), 0);
    assert_int_equal(staff_audit_verify(s, &n), SANJI_E_CORRUPT);
    assert_int_equal(n, 2);
    assert_int_equal(db_exec(&s->db, "UPDATE audit SET who='li' WHERE n=2"), 0);
    assert_int_equal(staff_audit_verify(s, &n), 0);
    assert_int_equal(db_exec(&s->db, "DELETE FROM audit WHERE n=2"), 0);
    assert_int_equal(staff_audit_verify(s, &n), SANJI_E_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_staff, setup, teardown),
        cmocka_unit_test_setup_teardown(test_audit, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
