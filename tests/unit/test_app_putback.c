/* SPDX-License-Identifier: Apache-2.0 */
/* What lies beside the database knows how far this node had come: a database put back is not
 * written to as if nothing had happened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/nodes.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void copy(const char *from, const char *to)
{
    uint8_t block[65536];
    FILE *a = fopen(from, "rb"), *b = fopen(to, "wb");
    size_t n;
    assert_true(a != NULL && b != NULL);
    while ((n = fread(block, 1, sizeof block, a)) > 0) {
        assert_int_equal(fwrite(block, 1, n, b), n);
    }
    assert_int_equal(fclose(a) + fclose(b), 0);
}

static void put(struct app *a)
{
    char id[LIM_ID_BYTES + 1];
    struct fault f = {0};
    assert_int_equal(node_put(a, "listing", "{\"kind\":\"venue\",\"title\":\"x\"}", id, &f), 0);
}

/* how: 0 nothing happened; 1 the database alone was put back; 2 and the guard is gone as well. */
static const char *word_after(const char *name, int how)
{
    static char word[32];
    char db[400], old[400], guard[400];
    struct app *a = node_born(0, name);
    snprintf(db, sizeof db, "%s/sanji.db", home_dirs[0]);
    snprintf(old, sizeof old, "%s/old.db", home_dirs[0]);
    snprintf(guard, sizeof guard, "%s/keys/guard", home_dirs[0]);
    put(a);
    app_close(a);
    copy(db, old);
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    put(a);
    app_close(a);
    if (how > 0) {
        copy(old, db);
    }
    if (how == 2) {
        assert_int_equal(unlink(guard), 0);
    }
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    snprintf(word, sizeof word, "%s", app_self_word(a));
    app_close(a);
    return word;
}

static void a_database_put_back(void **state)
{
    (void)state;
    assert_string_equal(word_after("same", 0), "ok");
    assert_string_equal(word_after("old", 1), "unconfirmed");
    assert_string_equal(word_after("bare", 2), "unconfirmed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_database_put_back)};
    return cmocka_run_group_tests_name("app_putback", tests, home_make, home_drop);
}
