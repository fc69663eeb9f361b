/* SPDX-License-Identifier: Apache-2.0 */
/* The store in memory must pass what the real one passes, or simulations prove nothing. */
#include "protocol/base/err.h"
#include "tests/support/mem_store.h"
#include "tests/support/store_suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void do_close(struct suite *s)
{
    mem_store_free(s->h);
}

static void do_reopen(struct suite *s)
{
    mem_store_crash(s->h);
}

static void do_dump(struct suite *s, struct buf *out)
{
    mem_store_dump(s->h, out);
}

static void do_drop(struct suite *s)
{
    mem_store_drop_views(s->h);
}

static size_t do_parked(struct suite *s)
{
    return mem_store_parked(s->h);
}

static int do_cek(struct suite *s, const char *init, const char *id, uint8_t ret[32])
{
    return mem_store_cek(s->h, init, id, ret);
}

static void do_open(struct suite *s)
{
    s->h = mem_store_new();
    s->st = mem_store_port(s->h);
    s->close = do_close;
    s->reopen = do_reopen;
    s->dump = do_dump;
    s->drop_views = do_drop;
    s->parked = do_parked;
    s->cek = do_cek;
}

static void put(struct mem_store *m, const char *id, int64_t r, int want)
{
    struct stream_key k = suite_stream(SUITE_A, "fed", 1, 1);
    struct suite_item it = {
        .stream = &k, .no = 1, .seq = r, .owner = SUITE_A, .id = id, .r = r, .op = OP_PUT};
    assert_int_equal(suite_apply(mem_store_port(m), &it), want);
}

static void test_snapshot(void **state)
{
    (void)state;
    struct mem_store *m = mem_store_new();
    struct mem_seen seen;
    put(m, "a", 1, 0);
    struct mem_store *snap = mem_store_snapshot(m);
    put(m, "a", 2, 0);
    put(m, "b", 1, 0);
    assert_int_equal(mem_store_records(m), 2);
    assert_int_equal(mem_store_records(snap), 1);
    mem_store_restore(m, snap);
    mem_store_free(snap);
    assert_int_equal(mem_store_record(m, SUITE_A, "a", &seen), 0);
    assert_int_equal(seen.r, 1);
    assert_int_equal(mem_store_record(m, SUITE_A, "b", &seen), SANJI_E_NOT_FOUND);
    mem_store_free(m);
}

static void test_injected_failure(void **state)
{
    (void)state;
    struct mem_store *m = mem_store_new();
    const struct sync_store *st = mem_store_port(m);
    mem_store_fail_at(m, 2, SANJI_E_FULL);
    assert_int_equal(st->begin(st->ctx), 0);
    put(m, "a", 1, SANJI_E_FULL);
    assert_true(mem_store_failed(m));
    put(m, "a", 1, 0);
    mem_store_fail_at(m, 1, SANJI_E_IO);
    assert_int_equal(st->commit(st->ctx), SANJI_E_IO);
    assert_int_equal(mem_store_records(m), 0); /* a failed commit keeps nothing */
    assert_int_equal(st->begin(st->ctx), 0);
    put(m, "a", 1, 0);
    mem_store_crash(m);
    assert_int_equal(mem_store_records(m), 0);
    mem_store_free(m);
}

int main(void)
{
    const struct CMUnitTest own[] = {cmocka_unit_test(test_snapshot),
                                     cmocka_unit_test(test_injected_failure)};
    return store_suite_run("store_mem", do_open) + cmocka_run_group_tests(own, NULL, NULL);
}
