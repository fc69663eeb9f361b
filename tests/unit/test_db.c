/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection does after the disk has failed. */
#include "node/store/internal.h"
#include "node/store/store.h"
#include "protocol/base/err.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The kernel may report a failed write once and forget it: nothing is written on this connection
 * any more. A full disk and a busy file pass. */
static void a_failed_write_is_the_last(void **state)
{
    static const struct {
        int code, err;
        bool ends;
    } t[] = {
        {SQLITE_FULL, SANJI_E_FULL, false},
        {SQLITE_BUSY, SANJI_E_BUSY, false},
        {SQLITE_IOERR_FSYNC, SANJI_E_IO, true},
        {SQLITE_IOERR_WRITE, SANJI_E_IO, true},
    };
    (void)state;
    char dir[] = "/tmp/sanji-db-XXXXXX";
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        struct store *s = NULL;
        assert_int_equal(store_open(dir, STORE_WRITE, &s), 0);
        const struct sync_store *st = store_port(s);
        assert_int_equal(db_fail(&s->db, t[i].code), t[i].err);
        assert_int_equal(store_is_broken(s), t[i].ends);
        assert_int_equal(st->begin(st->ctx), t[i].ends ? SANJI_E_IO : 0);
        if (!t[i].ends) {
            assert_int_equal(st->commit(st->ctx), 0);
        }
        store_close(s);
    }
    static const char *const names[] = {"sanji.db", "keys.db"};
    for (size_t i = 0; i < 2; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_failed_write_is_the_last)};
    return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
