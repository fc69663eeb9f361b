/* SPDX-License-Identifier: Apache-2.0 */
/* The truth half of the suite: streams, bundles, values, transactions. */
#include "tests/support/store_suite.h"

#include "protocol/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void (*suite_open)(struct suite *s);

static int setup(void **state)
{
    struct suite *s = calloc(1, sizeof *s);
    assert_non_null(s);
    suite_open(s);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct suite *s = *state;
    s->close(s);
    free(s);
    return 0;
}

struct stream_key suite_stream(const char *by, const char *aud, uint32_t ep, uint8_t en)
{
    struct stream_key k = {.ep = ep};
    assert_true(strlen(by) < sizeof k.by.s && strlen(aud) < sizeof k.aud);
    strcpy(k.by.s, by);
    strcpy(k.aud, aud);
    memset(k.en, en, sizeof k.en);
    return k;
}

/* rec points into it and leaf. */
static void record_of(const struct suite_item *x, struct item *it, uint8_t leaf[static HASH_LEN],
                      struct sync_record *rec)
{
    *it = (struct item){.op = x->op, .r = x->r};
    assert_true(strlen(x->id) < sizeof it->id);
    strcpy(it->id, x->id);
    strcpy(it->k, x->kind == NULL ? "listing/1" : x->kind);
    it->d = span_of(x->d == NULL ? "{}" : x->d, x->d == NULL ? 2 : strlen(x->d));
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_putc(&b, (char)x->leaf_seed);
    if (!x->is_leaf_plain) {
        buf_printf(&b, "%s %s %lld %d", x->owner, x->id, (long long)x->r, (int)x->op);
    }
    leaf_of(span_of(b.data, b.len), leaf);
    buf_done(&b);
    *rec = (struct sync_record){.no = x->no,
                                .seq = x->seq,
                                .idx = x->idx,
                                .key = x->key,
                                .stream = x->stream,
                                .aud = AUD_FED,
                                .owner = x->owner,
                                .item = it,
                                .kind = kind_find(it->k),
                                .leaf = leaf,
                                .ts = 1000 + x->seq,
                                .got = 2000 + x->seq};
}

int suite_apply(const struct sync_store *st, const struct suite_item *x)
{
    uint8_t leaf[HASH_LEN];
    struct item it;
    struct sync_record rec;
    record_of(x, &it, leaf, &rec);
    return x->op == OP_EVENT ? st->event_put(st->ctx, &rec) : st->record_put(st->ctx, &rec);
}

int suite_erase(const struct sync_store *st, const struct suite_item *x, bool *ret_bared)
{
    uint8_t leaf[HASH_LEN];
    struct item it;
    struct sync_record rec;
    record_of(x, &it, leaf, &rec);
    return st->erase(st->ctx, &rec, ret_bared);
}

int suite_stands(const struct sync_store *st, const struct suite_item *x, bool *ret)
{
    uint8_t leaf[HASH_LEN];
    struct item it;
    struct sync_record rec;
    record_of(x, &it, leaf, &rec);
    return st->stands(st->ctx, &rec, ret);
}

static int64_t add_stream(struct suite *s, const char *by, const char *aud, uint32_t ep)
{
    struct stream_key k = suite_stream(by, aud, ep, 7);
    int64_t no = 0;
    assert_int_equal(s->st->stream_add(s->st->ctx, &k, &no), 0);
    assert_true(no > 0);
    return no;
}

static int put_as(struct suite *s, int (*how)(void *ctx, const struct sync_bundle_row *row),
                  int64_t no, int64_t seq, size_t bytes)
{
    static uint8_t fill[5000];
    assert_true(bytes <= sizeof fill);
    struct sync_bundle_row b = {.no = no,
                                .seq = seq,
                                .frame = span_of(fill, bytes),
                                .ts = seq,
                                .got = seq + 1,
                                .items = 3,
                                .raw_bytes = (int64_t)bytes * 4,
                                .type = BUNDLE_DATA};
    memset(fill, (int)(seq & 0xff), bytes);
    memset(b.id, (int)(seq & 0xff), HASH_LEN);
    return how(s->st->ctx, &b);
}

static int put(struct suite *s, int64_t no, int64_t seq, size_t bytes)
{
    return put_as(s, s->st->bundle_put, no, seq, bytes);
}

static void begin(struct suite *s)
{
    assert_int_equal(s->st->begin(s->st->ctx), 0);
}

static void commit(struct suite *s)
{
    assert_int_equal(s->st->commit(s->st->ctx), 0);
}

struct seen {
    size_t n, stop_at;
    int stop;
    struct sync_stream_row row[8];
    int64_t seq[64];
    size_t bytes[64];
    char keys[512];
    struct span last;
};

static int see_stream(const struct sync_stream_row *row, void *arg)
{
    struct seen *x = arg;
    assert_true(x->n < 8);
    x->row[x->n++] = *row;
    return x->stop != 0 && x->n == x->stop_at ? x->stop : 0;
}

static struct sync_stream_row stream_row(struct suite *s, int64_t no)
{
    struct seen x = {0};
    assert_int_equal(s->st->streams(s->st->ctx, see_stream, &x), 0);
    for (size_t i = 0; i < x.n; i++) {
        if (x.row[i].no == no) {
            return x.row[i];
        }
    }
    fail_msg("stream is not listed");
    return x.row[0];
}

static void test_streams(void **state)
{
    struct suite *s = *state;
    struct seen x = {0};
    begin(s);
    int64_t b = add_stream(s, SUITE_B, "fed", 1);
    int64_t a2 = add_stream(s, SUITE_A, "fed", 2);
    int64_t a1 = add_stream(s, SUITE_A, "fed", 1);
    int64_t up = add_stream(s, SUITE_A, "up:" SUITE_C, 1);
    struct stream_key again = suite_stream(SUITE_A, "fed", 1, 7),
                      other = suite_stream(SUITE_A, "fed", 1, 8);
    int64_t no = -5;
    assert_int_equal(s->st->stream_add(s->st->ctx, &again, &no), SANJI_E_EXISTS);
    assert_int_equal(no, -5);
    assert_int_equal(s->st->stream_add(s->st->ctx, &other, &no), 0);
    commit(s);
    assert_int_equal(s->st->streams(s->st->ctx, see_stream, &x), 0);
    assert_int_equal(x.n, 5);
    const int64_t want[] = {a1, no, a2, up, b};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(x.row[i].no, want[i]);
        assert_int_equal(x.row[i].seq, 0);
        assert_int_equal(x.row[i].first, 0);
        assert_false(x.row[i].frozen);
    }
    assert_int_equal(stream_key_cmp(&x.row[0].key, &again), 0);
    x = (struct seen){.stop = 1, .stop_at = 2};
    assert_int_equal(s->st->streams(s->st->ctx, see_stream, &x), 0);
    assert_int_equal(x.n, 2);
    x = (struct seen){.stop = SANJI_E_STATE, .stop_at = 3};
    assert_int_equal(s->st->streams(s->st->ctx, see_stream, &x), SANJI_E_STATE);
    assert_int_equal(x.n, 3);
}

static int see_bundle(const struct sync_bundle_row *row, void *arg)
{
    struct seen *x = arg;
    assert_true(x->n < 64);
    for (size_t i = 0; i < row->frame.n; i++) {
        assert_int_equal(row->frame.p[i], row->seq & 0xff);
    }
    assert_int_equal(row->ts, row->seq);
    assert_int_equal(row->got, row->seq + 1);
    assert_int_equal(row->items, 3);
    assert_int_equal(row->raw_bytes, (int64_t)row->frame.n * 4);
    assert_int_equal(row->id[31], row->seq & 0xff);
    x->bytes[x->n] = row->frame.n;
    x->seq[x->n++] = row->seq;
    return x->stop != 0 && x->n == x->stop_at ? x->stop : 0;
}

static size_t walk(struct suite *s, int64_t no, int64_t after, size_t max, struct seen *x)
{
    *x = (struct seen){0};
    assert_int_equal(s->st->bundles(s->st->ctx, no, after, max, see_bundle, x), 0);
    return x->n;
}

static void test_bundles(void **state)
{
    struct suite *s = *state;
    struct seen x;
    uint8_t id[HASH_LEN];
    begin(s);
    int64_t no = add_stream(s, SUITE_A, "fed", 1), next = add_stream(s, SUITE_B, "fed", 1);
    for (int64_t i = 1; i <= 5; i++) {
        assert_int_equal(put(s, no, i, 1000), 0);
    }
    assert_int_equal(put(s, next, 1, 10), 0);
    assert_int_equal(put(s, no + next + 100, 1, 10), SANJI_E_NOT_FOUND);
    assert_int_equal(put(s, no, 3, 10), SANJI_E_EXISTS);
    assert_true(put(s, no, 0, 10) < 0);
    commit(s);
    struct sync_stream_row row = stream_row(s, no);
    assert_int_equal(row.seq, 5);
    assert_int_equal(row.first, 1);
    assert_int_equal(row.id[0], 5);
    assert_int_equal(s->st->bundle_id(s->st->ctx, no, 3, id), 0);
    assert_int_equal(id[7], 3);
    assert_int_equal(s->st->bundle_id(s->st->ctx, no, 6, id), SANJI_E_NOT_FOUND);
    begin(s);
    assert_int_equal(put_as(s, s->st->bundle_again, no, 3, 5), 0);
    commit(s);
    assert_int_equal(walk(s, no, 2, 1, &x), 1);
    assert_int_equal(x.bytes[0], 5);
    begin(s);
    assert_int_equal(put_as(s, s->st->bundle_again, no, 3, 1000), 0);
    commit(s);
    assert_int_equal(stream_row(s, no).seq, 5);
    assert_int_equal(walk(s, no, 0, SIZE_MAX, &x), 5);
    assert_int_equal(walk(s, no, 3, SIZE_MAX, &x), 2);
    assert_int_equal(x.seq[0], 4);
    assert_int_equal(walk(s, no, 5, SIZE_MAX, &x), 0);
    assert_int_equal(walk(s, no, 0, 2500, &x), 2);
    assert_int_equal(walk(s, no, 0, 3000, &x), 3);
    assert_int_equal(walk(s, no, 0, 1, &x), 1); /* at least one */
    assert_int_equal(walk(s, next, 0, SIZE_MAX, &x), 1);
    x = (struct seen){.stop = 7, .stop_at = 2};
    assert_int_equal(s->st->bundles(s->st->ctx, no, 0, SIZE_MAX, see_bundle, &x), 0);
    assert_int_equal(x.n, 2);
    x = (struct seen){.stop = SANJI_E_IO, .stop_at = 1};
    assert_int_equal(s->st->bundles(s->st->ctx, no, 0, SIZE_MAX, see_bundle, &x), SANJI_E_IO);
}

static void test_keyframe_start(void **state)
{
    struct suite *s = *state;
    struct seen x;
    begin(s);
    int64_t no = add_stream(s, SUITE_A, "fed", 1);
    assert_int_equal(put(s, no, 100, 10), 0);
    assert_int_equal(put(s, no, 101, 10), 0);
    assert_int_equal(stream_row(s, no).first, 100);
    assert_int_equal(stream_row(s, no).seq, 101);
    assert_int_equal(put(s, no, 97, 10), 0); /* below a hole */
    assert_int_equal(put(s, no, 98, 10), 0);
    assert_int_equal(stream_row(s, no).first, 100);
    assert_int_equal(stream_row(s, no).seq, 101);
    assert_int_equal(put(s, no, 99, 10), 0); /* closes it */
    assert_int_equal(stream_row(s, no).first, 97);
    assert_int_equal(put(s, no, 200, 10), 0); /* a newer keyframe: what was there still counts */
    assert_int_equal(stream_row(s, no).first, 97);
    assert_int_equal(stream_row(s, no).id[0], 200);
    commit(s);
    assert_int_equal(walk(s, no, 0, SIZE_MAX, &x), 6);
    assert_int_equal(walk(s, no, 101, SIZE_MAX, &x), 1);
    begin(s);
    int64_t n = 0;
    assert_int_equal(s->st->drop_below(s->st->ctx, no, 10, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(s->st->stream_from(s->st->ctx, no, 200), 0);
    assert_int_equal(walk(s, no, 0, SIZE_MAX, &x), 1); /* what is being deleted is not shown */
    assert_int_equal(s->st->drop_below(s->st->ctx, no, 2, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(s->st->drop_below(s->st->ctx, no, 2, &n), 0);
    assert_int_equal(n, 2);
    s->st->rollback(s->st->ctx);
    assert_int_equal(walk(s, no, 0, SIZE_MAX, &x), 6);
    begin(s);
    assert_int_equal(s->st->stream_from(s->st->ctx, no, 200), 0);
    assert_int_equal(s->st->drop_below(s->st->ctx, no, 99, &n), 0);
    assert_int_equal(n, 5);
    assert_int_equal(s->st->drop_below(s->st->ctx, no, 99, &n), 0);
    assert_int_equal(n, 0);
    commit(s);
    assert_int_equal(walk(s, no, 0, SIZE_MAX, &x), 1);
    assert_int_equal(stream_row(s, no).first, 200);
}

static void test_transactions(void **state)
{
    struct suite *s = *state;
    struct seen x;
    assert_int_equal(s->st->commit(s->st->ctx), SANJI_E_BUG);
    begin(s);
    assert_int_equal(s->st->begin(s->st->ctx), SANJI_E_BUG);
    int64_t no = add_stream(s, SUITE_A, "fed", 1);
    assert_int_equal(put(s, no, 1, 10), 0);
    commit(s);

    begin(s);
    assert_int_equal(put(s, no, 2, 10), 0);
    (void)add_stream(s, SUITE_B, "fed", 1);
    assert_int_equal(s->st->kv_put(s->st->ctx, "k", span_of("v", 1)), 0);
    s->st->rollback(s->st->ctx);
    assert_int_equal(stream_row(s, no).seq, 1);
    assert_int_equal(walk(s, no, 0, SIZE_MAX, &x), 1);
    struct buf b;
    buf_init(&b, 100);
    assert_int_equal(s->st->kv_get(s->st->ctx, "k", &b), SANJI_E_NOT_FOUND);
    buf_done(&b);
    s->st->rollback(s->st->ctx); /* without a transaction: nothing happens */

    begin(s);
    assert_int_equal(put(s, no, 2, 10), 0);
    commit(s);
    begin(s);
    assert_int_equal(put(s, no, 3, 10), 0);
    s->reopen(s); /* in the middle */
    assert_int_equal(stream_row(s, no).seq, 2);
    assert_int_equal(walk(s, no, 0, SIZE_MAX, &x), 2);
    begin(s);
    assert_int_equal(put(s, no, 3, 10), 0);
    commit(s);
    s->reopen(s);
    assert_int_equal(stream_row(s, no).seq, 3);
}

static int see_kv(const char *key, struct span value, void *arg)
{
    struct seen *x = arg;
    strcat(x->keys, key);
    strcat(x->keys, " ");
    x->last = span_of(NULL, value.n);
    x->n++;
    return x->stop != 0 && x->n == x->stop_at ? x->stop : 0;
}

static void test_kv(void **state)
{
    struct suite *s = *state;
    void *c = s->st->ctx;
    static const uint8_t binary[] = {0, 255, 0, '"', 10};
    struct buf b;
    buf_init(&b, 1000);
    begin(s);
    assert_int_equal(s->st->kv_get(c, "none", &b), SANJI_E_NOT_FOUND);
    assert_int_equal(s->st->kv_put(c, "t/b", span_of(binary, sizeof binary)), 0);
    assert_int_equal(s->st->kv_put(c, "t/a", span_of("1", 1)), 0);
    assert_int_equal(s->st->kv_put(c, "t/", span_of("", 0)), 0);
    assert_int_equal(s->st->kv_put(c, "t", span_of("x", 1)), 0);
    assert_int_equal(s->st->kv_put(c, "t0", span_of("x", 1)), 0);
    assert_int_equal(s->st->kv_put(c, "s/z", span_of("x", 1)), 0);
    assert_int_equal(s->st->kv_put(c, "t/a", span_of("22", 2)), 0); /* replaces */
    commit(s);
    assert_int_equal(s->st->kv_get(c, "t/b", &b), 0);
    assert_int_equal(b.len, sizeof binary);
    assert_memory_equal(b.data, binary, sizeof binary);
    buf_reset(&b);
    assert_int_equal(s->st->kv_get(c, "t/a", &b), 0);
    assert_string_equal(buf_str(&b), "22");
    buf_reset(&b);
    assert_int_equal(s->st->kv_get(c, "t/", &b), 0);
    assert_int_equal(b.len, 0);
    struct seen x = {0};
    assert_int_equal(s->st->kv_each(c, "t/", see_kv, &x), 0);
    assert_string_equal(x.keys, "t/ t/a t/b ");
    x = (struct seen){0};
    assert_int_equal(s->st->kv_each(c, "", see_kv, &x), 0);
    assert_int_equal(x.n, 6);
    x = (struct seen){.stop = 1, .stop_at = 1};
    assert_int_equal(s->st->kv_each(c, "t", see_kv, &x), 0);
    assert_string_equal(x.keys, "t ");
    begin(s);
    assert_int_equal(s->st->kv_del(c, "t/a"), 0);
    assert_int_equal(s->st->kv_del(c, "t/a"), 0); /* again: no error */
    commit(s);
    assert_int_equal(s->st->kv_get(c, "t/a", &b), SANJI_E_NOT_FOUND);
    buf_done(&b);
}

static void test_stream_cut(void **state)
{
    struct suite *s = *state;
    uint8_t id[HASH_LEN] = {2}, got[HASH_LEN];
    begin(s);
    int64_t no = add_stream(s, SUITE_A, "fed", 1);
    for (int64_t i = 1; i <= 5; i++) {
        assert_int_equal(put(s, no, i, 10), 0);
    }
    assert_int_equal(s->st->bundle_id(s->st->ctx, no, 2, id), 0);
    assert_int_equal(s->st->stream_cut(s->st->ctx, no, 2, id), 0);
    commit(s);
    assert_int_equal(stream_row(s, no).seq, 2);
    assert_int_equal(stream_row(s, no).first, 1);
    assert_memory_equal(stream_row(s, no).id, id, HASH_LEN);
    assert_int_equal(s->st->bundle_id(s->st->ctx, no, 3, got), SANJI_E_NOT_FOUND);
    begin(s);
    assert_int_equal(put(s, no, 3, 20), 0);
    assert_int_equal(s->st->stream_cut(s->st->ctx, no, 0, (uint8_t[HASH_LEN]){0}), 0);
    assert_int_equal(put(s, no, 1, 20), 0);
    assert_int_equal(put(s, no, 2, 20), 0);
    commit(s);
    assert_int_equal(stream_row(s, no).seq, 2);
    assert_int_equal(stream_row(s, no).first, 1);
}

static void test_freeze_and_park(void **state)
{
    struct suite *s = *state;
    uint8_t held[HASH_LEN] = {1};
    begin(s);
    int64_t no = add_stream(s, SUITE_A, "fed", 1);
    assert_int_equal(put(s, no, 1, 10), 0);
    assert_int_equal(s->st->freeze(s->st->ctx, no, held, span_of("line", 4)), 0);
    assert_int_equal(s->st->freeze(s->st->ctx, no, held, span_of("line", 4)), 0);
    assert_int_equal(s->st->park(s->st->ctx, no, 1, 0, SANJI_E_VERSION, "k"), 0);
    assert_int_equal(s->st->park(s->st->ctx, no, 1, 2, SANJI_E_SPEC, NULL), 0);
    assert_int_equal(s->st->park(s->st->ctx, no, 1, 0, SANJI_E_SPEC, "d"), 0);
    commit(s);
    assert_true(stream_row(s, no).frozen);
    begin(s);
    assert_int_equal(s->st->thaw(s->st->ctx, no), 0);
    commit(s);
    assert_false(stream_row(s, no).frozen);
    assert_int_equal(s->parked(s), 2);
    assert_int_equal(s->st->bundle_applied(s->st->ctx, no, 1), 0);
    assert_int_equal(s->st->roster_changed(s->st->ctx), 0);
}

int store_suite_run(const char *name, void (*open)(struct suite *s))
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_streams),
        T(test_bundles),
        T(test_keyframe_start),
        T(test_transactions),
        T(test_kv),
        T(test_freeze_and_park),
        T(suite_test_permutations),
        T(suite_test_withdraw_and_move),
        T(suite_test_keyframe),
        T(suite_test_keyframe_withdrawn),
        T(suite_test_keyframe_parked),
        T(suite_test_erase),
        T(suite_test_brought),
        T(suite_test_erase_stub),
        T(suite_test_restub),
        T(suite_test_restated),
        T(suite_test_steward),
        T(suite_test_events),
        T(suite_test_event_names),
        T(suite_test_record_tie),
        T(suite_test_sealed),
        T(suite_test_random),
        T(suite_test_rebuild),
        T(suite_test_forget),
        T(test_stream_cut),
    };
#undef T
    suite_open = open;
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}
