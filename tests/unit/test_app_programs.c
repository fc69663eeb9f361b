/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens, calendars and who is told what waits live in the database alone. One that is put back
 * from a backup must not let in whom it let in before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/app_hook.h"
#include "node/app_internal.h"
#include "node/store/hook.h"
#include "node/store/staff.h"
#include "tests/support/nodes.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char token[APP_TOKEN_TEXT];

static int64_t token_add(struct app *a, const char *name)
{
    const struct app_token t = {
        .name = name, .role = "clerk", .about = "", .maker = "wang", .days = 30};
    struct fault f = {0};
    int64_t n = 0;
    assert_int_equal(app_token_add(a, &t, token, &n, &f), 0);
    return n;
}

static int64_t hook_new(struct app *a)
{
    const struct app_hook h = {.name = "group",
                               .form = "plain",
                               .url = "https://example.com/x",
                               .secret = "",
                               .events = "",
                               .maker = "wang"};
    char secret[HOOK_SECRET];
    struct fault f = {0};
    int64_t n = 0;
    assert_int_equal(app_hook_add(a, &h, secret, &n, &f), 0);
    return n;
}

static int one_token(const struct staff_token *t, void *arg)
{
    (void)t;
    ++*(int *)arg;
    return 0;
}

static int one_hook(const struct hook_row *h, void *arg)
{
    *(int *)arg += 100 + (int)h->queued;
    return 0;
}

/* Tokens, and a hundred for each hook and one for each message on its way. */
static int let_in(struct app *a)
{
    int n = 0;
    assert_int_equal(staff_token_list(a->store, one_token, &n), 0);
    assert_int_equal(hook_list(a->store, one_hook, &n), 0);
    return n;
}

static bool opens(struct app *a)
{
    uint8_t hash[HASH_LEN];
    int n = 0;
    assert_true(app_token_hash(token, strlen(token), hash));
    return staff_token_get(a->store, hash, one_token, &n) == 0;
}

static void copy(const char *from, const char *to)
{
    static char v[8 << 20];
    char path[600];
    snprintf(path, sizeof path, "%s/%s", home_dirs[0], from);
    FILE *fp = fopen(path, "rb");
    assert_non_null(fp);
    size_t n = fread(v, 1, sizeof v, fp);
    assert_true(n > 0 && n < sizeof v);
    fclose(fp);
    snprintf(path, sizeof path, "%s/%s", home_dirs[0], to);
    fp = fopen(path, "wb");
    assert_non_null(fp);
    assert_int_equal(fwrite(v, 1, n, fp), n);
    assert_int_equal(fclose(fp), 0);
}

static struct app *reopen(struct app *a)
{
    if (a != NULL) {
        app_close(a);
    }
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    return a;
}

static void close_settled(struct app *a)
{
    assert_int_equal(app__programs_tick(a), 0);
    app_close(a);
}

/* Nothing was signed between the backup and the revocation: the guard sees no difference. */
static void what_was_revoked_stays_so(void **state)
{
    (void)state;
    struct app *a = node_born(0, "revoked");
    int64_t n = token_add(a, "hall"), h = hook_new(a);
    (void)token_add(a, "website");
    assert_int_equal(store_begin(a->store), 0);
    assert_int_equal(hook_push(a->store, h, "{}", 1), 0);
    assert_int_equal(store_commit(a->store), 0);
    assert_int_equal(let_in(a), 103);
    app__guard_save(a, true);
    close_settled(a);
    copy("sanji.db", "old.db");
    a = reopen(NULL); /* a start changes nothing */
    assert_int_equal(let_in(a), 103);
    assert_int_equal(app_token_revoke(a, n), 0);
    assert_int_equal(app__programs_tick(a), 0);
    a = reopen(a);
    assert_int_equal(let_in(a), 102);
    assert_true(opens(a));
    close_settled(a);
    copy("old.db", "sanji.db");
    a = reopen(NULL);
    assert_int_equal(let_in(a), 0);
    assert_false(opens(a));
    /* And whoever is let in anew stays so. */
    (void)token_add(a, "website");
    assert_int_equal(app__programs_tick(a), 0);
    a = reopen(a);
    assert_true(opens(a));
    assert_int_equal(let_in(a), 1);
    close_settled(a);
}

/* The file lies beside the database that is carried elsewhere: what stays behind says it too. */
static void without_the_count(void **state)
{
    (void)state;
    char path[600];
    struct app *a = node_born(0, "uncounted");
    int64_t n = hook_new(a);
    (void)token_add(a, "website");
    assert_int_equal(app_hook_drop(a, n), 0);
    close_settled(a);
    a = reopen(NULL);
    assert_int_equal(let_in(a), 1);
    close_settled(a);
    snprintf(path, sizeof path, "%s/keys/programs", home_dirs[0]);
    assert_int_equal(unlink(path), 0);
    a = reopen(NULL);
    assert_int_equal(let_in(a), 0);
    app_close(a);
}

/* The command line alone, where no daemon ever runs: who was let in stays so. */
static void without_a_daemon(void **state)
{
    (void)state;
    struct app *a = node_born(0, "cli");
    int64_t n = token_add(a, "hall");
    (void)token_add(a, "website");
    a = reopen(a);
    assert_int_equal(app_token_revoke(a, n), 0);
    a = reopen(a);
    assert_true(opens(a));
    assert_int_equal(let_in(a), 1);
    a = reopen(a);
    assert_int_equal(app_programs_end(a), 0); /* as a restore does */
    a = reopen(a);
    (void)token_add(a, "website");
    a = reopen(a);
    assert_true(opens(a));
    app_close(a);
}

/* A number that was given since the backup stands for another token now. */
static void what_was_added_since_counts(void **state)
{
    (void)state;
    struct app *a = node_born(0, "added");
    (void)token_add(a, "hall");
    app__guard_save(a, true);
    close_settled(a);
    copy("sanji.db", "old.db");
    a = reopen(NULL);
    (void)token_add(a, "website");
    close_settled(a);
    copy("old.db", "sanji.db");
    a = reopen(NULL);
    assert_int_equal(let_in(a), 0);
    close_settled(a);
}

/* A neighbour states more of an own stream than there is: its word ends nothing, nor does a start
 * while that is in doubt. */
static void a_neighbour_ends_nothing(void **state)
{
    (void)state;
    struct app *a = node_born(0, "lied");
    char id[LIM_ID_BYTES + 1];
    struct fault f = {0};
    (void)token_add(a, "website");
    assert_int_equal(
        node_put(a, "listing", "{\"id\":\"v1\",\"kind\":\"venue\",\"title\":\"a\"}", id, &f), 0);
    assert_int_equal(sync_suspect(a->sync), 0);
    assert_int_equal(sync_self_state(a->sync), SYNC_SELF_UNCONFIRMED);
    assert_int_equal(app__programs_tick(a), 0);
    assert_true(opens(a));
    a = reopen(a);
    assert_int_equal(sync_self_state(a->sync), SYNC_SELF_UNCONFIRMED);
    assert_true(opens(a));
    assert_int_equal(let_in(a), 1);
    close_settled(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_revoked_stays_so), cmocka_unit_test(without_the_count),
        cmocka_unit_test(without_a_daemon),          cmocka_unit_test(what_was_added_since_counts),
        cmocka_unit_test(a_neighbour_ends_nothing),
    };
    return cmocka_run_group_tests(tests, home_make, home_drop);
}
