/* SPDX-License-Identifier: Apache-2.0 */
/* Does a file carry exactly what was put in, and is every damaged, cut, padded or foreign one
 * noticed without losing what was whole? */
#include "protocol/ferry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the headers above first */
#include <cmocka.h>

struct file { /* a ferry_read_fn over memory, in pieces of an odd size */
    const uint8_t *p;
    size_t n, at, step;
};

static int file_read(void *p, size_t n, size_t *ret_n, void *arg)
{
    struct file *f = arg;
    size_t left = f->n - f->at;
    n = n < f->step ? n : f->step;
    n = n < left ? n : left;
    memcpy(p, f->p + f->at, n);
    f->at += n;
    *ret_n = n;
    return 0;
}

static int file_fails(void *p, size_t n, size_t *ret_n, void *arg)
{
    (void)p;
    (void)n;
    (void)ret_n;
    (void)arg;
    return SANJI_E_IO;
}

struct world {
    struct sign_key *key;
    struct sign_pub *pub;
    struct frame_ctx *c;
    struct arena *a;
    struct buf file;
};

static int setup(void **state)
{
    static const uint8_t seed[SIGN_SEED_LEN] = {5};
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->key = sign_key_new(seed);
    assert_non_null(w->key);
    assert_int_equal(sign_pub_new(sign_key_pub(w->key), &w->pub), 0);
    w->c = frame_ctx_new();
    w->a = arena_new((size_t)1 << 20);
    buf_init(&w->file, (size_t)16 << 20);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    sign_key_free(w->key);
    sign_pub_free(w->pub);
    frame_ctx_free(w->c);
    arena_free(w->a);
    buf_done(&w->file);
    free(w);
    return 0;
}

static struct ferry_manifest manifest(void)
{
    return (struct ferry_manifest){.v = 1,
                                   .by = "naaaaaaaaaaaaa",
                                   .to = "nbbbbbbbbbbbbb",
                                   .no = 3,
                                   .ts = 17,
                                   .part = 1,
                                   .parts = 2};
}

static void line_of(size_t i, size_t n, struct buf *out)
{
    uint32_t x = (uint32_t)i + 1;
    buf_reset(out);
    (void)buf_printf(out, "{\"i\":%zu,\"x\":\"", i);
    while (out->len < n) {
        x = x * 1664525 + 1013904223;
        (void)buf_putc(out, (char)('a' + (x >> 24) % 26));
    }
    (void)buf_puts(out, "\"}");
}

/* A whole part in w->file. */
static void make_part(struct world *w, size_t lines, size_t bundles, size_t size)
{
    struct ferry_writer fw;
    struct ferry_manifest m = manifest();
    struct buf body, line, frame;
    buf_init(&body, (size_t)16 << 20);
    buf_init(&line, LIM_BUNDLE_BYTES);
    buf_init(&frame, LIM_MESSAGE_BYTES);
    assert_int_equal(ferry_begin(&fw, w->c), 0);
    for (size_t i = 0; i < lines + bundles; i++) {
        line_of(i, size, &line);
        if (i < lines) {
            assert_int_equal(ferry_add_have(&fw, span_of(line.data, line.len), &body), 0);
            continue;
        }
        buf_reset(&frame);
        assert_int_equal(frame_pack(w->c, span_of(line.data, line.len), &frame), 0);
        assert_int_equal(ferry_add_bundle(&fw, span_of(frame.data, frame.len), &body), 0);
    }
    if (bundles > 0) {
        assert_int_equal(ferry_add_have(&fw, span_of("{}", 2), &body), SANJI_E_STATE);
    }
    buf_reset(&w->file);
    assert_int_equal(ferry_finish(&fw, &m, w->key, &body, &w->file), 0);
    assert_int_equal(m.lines, lines);
    assert_int_equal(m.count, bundles);
    assert_int_equal(buf_put(&w->file, body.data, body.len), 0);
    buf_done(&body);
    buf_done(&line);
    buf_done(&frame);
}

struct result {
    size_t have, bundles;
    bool receipt;
    int err;
};

/* Reads to the end or the first error; every line must be the one that was written. */
static struct result read_all(ferry_read_fn *fn, void *arg, size_t size)
{
    struct result res = {0};
    struct ferry_reader *r = ferry_reader_new(fn, arg);
    struct buf want;
    struct fault f;
    enum ferry_kind kind = FERRY_MANIFEST;
    struct span line, frame;
    assert_non_null(r);
    buf_init(&want, LIM_BUNDLE_BYTES);
    while ((res.err = ferry_next(r, &kind, &line, &frame, &f)) == 0 && kind != FERRY_END) {
        if (kind == FERRY_HAVE || kind == FERRY_BUNDLE) {
            line_of(res.have + res.bundles, size, &want);
            assert_int_equal(line.n, want.len);
            assert_memory_equal(line.p, want.data, line.n);
            assert_true(frame.n > 0);
        }
        res.receipt |= kind == FERRY_RECEIPT;
        res.have += kind == FERRY_HAVE;
        res.bundles += kind == FERRY_BUNDLE;
    }
    assert_true(ferry_next(r, &kind, &line, &frame, &f) < 0); /* never goes on */
    buf_done(&want);
    ferry_reader_free(r);
    return res;
}

static struct result read_bytes(const void *p, size_t n, size_t size)
{
    struct file f = {.p = p, .n = n, .step = 4099};
    return read_all(file_read, &f, size);
}

static void test_round_trip(void **state)
{
    struct world *w = *state;
    static const size_t sizes[] = {30, 1000, 300000};
    for (size_t i = 0; i < 3; i++) {
        make_part(w, 3, 12, sizes[i]);
        struct result r = read_bytes(w->file.data, w->file.len, sizes[i]);
        assert_int_equal(r.err, 0);
        assert_int_equal(r.have, 3);
        assert_int_equal(r.bundles, 12);
    }
    make_part(w, 0, 0, 30);
    struct result r = read_bytes(w->file.data, w->file.len, 30);
    assert_int_equal(r.err, 0);
    assert_int_equal(r.have + r.bundles, 0);
}

static void test_signatures(void **state)
{
    struct world *w = *state;
    struct ferry_manifest m = manifest(), back;
    struct ferry_receipt rc = {.v = 1,
                               .by = "nbbbbbbbbbbbbb",
                               .to = "naaaaaaaaaaaaa",
                               .no = 3,
                               .ts = 9,
                               .lines = 4},
                         rback;
    struct ferry_signed s;
    struct fault f;
    struct key_id kid;
    key_id_of(sign_key_pub(w->key), &kid);
    memset(m.sha, 7, sizeof(m.sha));
    assert_int_equal(ferry_manifest_write(&m, w->key, &w->file), 0);
    assert_int_equal(ferry_manifest_read(span_of(w->file.data, w->file.len), w->a, &back, &s, &f),
                     0);
    assert_string_equal(s.kid, kid.s);
    assert_string_equal(back.by, m.by);
    assert_string_equal(back.to, m.to);
    assert_memory_equal(back.sha, m.sha, HASH_LEN);
    assert_int_equal(ferry_verify(&s, w->pub), 0);
    s.receipt = true; /* one purpose cannot stand for the other */
    assert_int_equal(ferry_verify(&s, w->pub), SANJI_E_SIGNATURE);
    char *no = strstr((char *)w->file.data, "\\\"no\\\":3");
    assert_non_null(no);
    no[7] = '4';
    assert_int_equal(ferry_manifest_read(span_of(w->file.data, w->file.len), w->a, &back, &s, &f),
                     0);
    assert_int_equal(ferry_verify(&s, w->pub), SANJI_E_SIGNATURE);
    buf_reset(&w->file);
    assert_int_equal(ferry_receipt_write(&rc, w->key, &w->file), 0);
    assert_int_equal(ferry_receipt_read(span_of(w->file.data, w->file.len), w->a, &rback, &s, &f),
                     0);
    assert_int_equal(ferry_verify(&s, w->pub), 0);
    assert_int_equal(rback.lines, 4);
    m.part = 3;
    assert_int_equal(ferry_manifest_write(&m, w->key, &w->file), SANJI_E_SPEC);
    m = manifest();
    m.by = "x";
    assert_int_equal(ferry_manifest_write(&m, w->key, &w->file), SANJI_E_SPEC);
    m = manifest();
    m.to = NULL;
    buf_reset(&w->file);
    assert_int_equal(ferry_manifest_write(&m, w->key, &w->file), 0);
    assert_int_equal(ferry_manifest_read(span_of(w->file.data, w->file.len), w->a, &back, &s, &f),
                     0);
    assert_null(back.to);
}

static void test_receipt_file(void **state)
{
    struct world *w = *state;
    struct ferry_receipt rc = {
        .v = 1, .by = "nbbbbbbbbbbbbb", .to = "naaaaaaaaaaaaa", .no = 3, .lines = 2};
    struct buf line;
    buf_init(&line, 4096);
    assert_int_equal(ferry_receipt_write(&rc, w->key, &line), 0);
    assert_int_equal(frame_pack(w->c, span_of(line.data, line.len), &w->file), 0);
    for (size_t i = 0; i < 2; i++) {
        line_of(i, 50, &line);
        assert_int_equal(frame_pack(w->c, span_of(line.data, line.len), &w->file), 0);
    }
    struct result r = read_bytes(w->file.data, w->file.len, 50);
    assert_int_equal(r.err, 0);
    assert_true(r.receipt);
    assert_int_equal(r.have, 2);
    assert_int_equal(frame_pack(w->c, span_of("{}", 2), &w->file), 0);
    assert_int_equal(read_bytes(w->file.data, w->file.len, 50).err, SANJI_E_SYNTAX);
    buf_done(&line);
}

static void test_every_truncation(void **state)
{
    struct world *w = *state;
    make_part(w, 1, 3, 60);
    for (size_t n = 0; n < w->file.len; n++) {
        struct result r = read_bytes(w->file.data, n, 60);
        assert_true(r.err < 0);
    }
    (void)buf_putc(&w->file, 0);
    struct result r = read_bytes(w->file.data, w->file.len, 60);
    assert_int_equal(r.err, SANJI_E_SYNTAX);
    assert_int_equal(r.bundles, 3); /* what was whole has been delivered */
}

/* Bundles taken out, doubled or from elsewhere: each frame is fine, the file is not. */
static void test_moved_frames(void **state)
{
    struct world *w = *state;
    struct buf changed;
    size_t at[8] = {0};
    struct buf out;
    buf_init(&out, LIM_BUNDLE_BYTES + 1);
    buf_init(&changed, 1 << 20);
    make_part(w, 1, 3, 60); /* manifest, have, 3 bundles, end */
    for (size_t i = 0; i < 6; i++) {
        size_t used = 0;
        assert_int_equal(
            frame_unpack(w->c, span_of(w->file.data + at[i], w->file.len - at[i]), &out, &used), 0);
        at[i + 1] = at[i] + used;
    }
    assert_int_equal(at[6], w->file.len);
    (void)buf_put(&changed, w->file.data, at[4]); /* the last bundle left out */
    (void)buf_put(&changed, w->file.data + at[5], at[6] - at[5]);
    struct file f = {.p = changed.data, .n = changed.len, .step = 100};
    struct ferry_reader *r = ferry_reader_new(file_read, &f);
    enum ferry_kind kind;
    struct span line, frame;
    struct fault fault;
    int err = 0;
    for (int i = 0; i < 10 && err == 0; i++) {
        err = ferry_next(r, &kind, &line, &frame, &fault);
    }
    assert_true(err < 0);
    ferry_reader_free(r);
    buf_reset(&changed); /* two bundles change places: counts are right, the sum is not */
    (void)buf_put(&changed, w->file.data, at[2]);
    (void)buf_put(&changed, w->file.data + at[3], at[4] - at[3]);
    (void)buf_put(&changed, w->file.data + at[2], at[3] - at[2]);
    (void)buf_put(&changed, w->file.data + at[4], at[6] - at[4]);
    f = (struct file){.p = changed.data, .n = changed.len, .step = 100};
    r = ferry_reader_new(file_read, &f);
    err = 0;
    for (int i = 0; i < 10 && err == 0; i++) {
        err = ferry_next(r, &kind, &line, &frame, &fault);
    }
    assert_int_equal(err, SANJI_E_HASH);
    ferry_reader_free(r);
    buf_done(&changed);
    buf_done(&out);
}

/* Each byte of one bundle in turn: the others still come, and the file never passes for whole. */
static void test_damage_costs_one_bundle(void **state)
{
    struct world *w = *state;
    size_t at[8] = {0};
    struct buf out;
    buf_init(&out, LIM_BUNDLE_BYTES + 1);
    make_part(w, 1, 4, 200); /* manifest, have, 4 bundles, end */
    for (size_t i = 0; i < 7; i++) {
        size_t used = 0;
        assert_int_equal(
            frame_unpack(w->c, span_of(w->file.data + at[i], w->file.len - at[i]), &out, &used), 0);
        at[i + 1] = at[i] + used;
    }
    size_t whole = 0, skipped = 0;
    for (size_t i = at[3]; i < at[4]; i++) {
        w->file.data[i] ^= 0x10;
        struct file file = {.p = w->file.data, .n = w->file.len, .step = 97};
        struct ferry_reader *r = ferry_reader_new(file_read, &file);
        enum ferry_kind kind = FERRY_MANIFEST;
        struct span line, frame;
        struct fault f;
        size_t good = 0, damaged = 0;
        int err = 0;
        while ((err = ferry_next(r, &kind, &line, &frame, &f)) == 0 && kind != FERRY_END) {
            damaged += kind == FERRY_DAMAGED;
            for (size_t k = 0; kind == FERRY_BUNDLE && k < 4; k++) {
                line_of(k + 1, 200, &out);
                good += line.n == out.len && memcmp(line.p, out.data, out.len) == 0;
            }
        }
        assert_true(err < 0);
        whole += good == 3;
        skipped += damaged > 0;
        ferry_reader_free(r);
        w->file.data[i] ^= 0x10;
    }
    size_t n = at[4] - at[3];
    assert_true(skipped > 0);
    assert_true(whole * 10 >= n * 9); /* a flip can hide the beginning of the next frame */
    buf_done(&out);
}

/* Bytes come when they come: the reader waits without forgetting where it was. */
struct drip {
    struct file f;
    size_t calls;
};

static int drip_read(void *p, size_t n, size_t *ret_n, void *arg)
{
    struct drip *d = arg;
    *ret_n = 0;
    return d->calls++ % 3 != 0 ? SANJI_E_PENDING : file_read(p, n, ret_n, &d->f);
}

static void test_waiting_for_bytes(void **state)
{
    struct world *w = *state;
    make_part(w, 2, 5, 60);
    struct drip d = {.f = {.p = w->file.data, .n = w->file.len, .step = 11}};
    struct ferry_reader *r = ferry_reader_new(drip_read, &d);
    enum ferry_kind kind = FERRY_MANIFEST;
    struct span line, frame;
    struct fault f;
    size_t seen = 0, waited = 0;
    int err;
    do {
        err = ferry_next(r, &kind, &line, &frame, &f);
        waited += err == SANJI_E_PENDING;
        seen += err == 0;
    } while (err == SANJI_E_PENDING || (err == 0 && kind != FERRY_END));
    assert_int_equal(err, 0);
    assert_int_equal(seen, 1 + 2 + 5 + 1);
    assert_true(waited > 10);
    ferry_reader_free(r);
}

static void test_receipt_sum(void **state)
{
    struct world *w = *state;
    struct ferry_receipt rc = {
        .v = 1, .by = "nbbbbbbbbbbbbb", .to = "naaaaaaaaaaaaa", .no = 3, .lines = 1};
    struct buf line, body;
    buf_init(&line, 4096);
    buf_init(&body, 4096);
    line_of(0, 50, &line);
    assert_int_equal(frame_pack(w->c, span_of(line.data, line.len), &body), 0);
    rc.has_sha = true;
    hash_bytes(body.data, body.len, rc.sha);
    for (int i = 0; i < 2; i++) {
        buf_reset(&line);
        buf_reset(&w->file);
        assert_int_equal(ferry_receipt_write(&rc, w->key, &line), 0);
        assert_int_equal(frame_pack(w->c, span_of(line.data, line.len), &w->file), 0);
        (void)buf_put(&w->file, body.data, body.len);
        assert_int_equal(read_bytes(w->file.data, w->file.len, 50).err, i == 0 ? 0 : SANJI_E_HASH);
        rc.sha[0] ^= 1;
    }
    buf_done(&line);
    buf_done(&body);
}

static void test_read_error_is_passed_on(void **state)
{
    (void)state;
    assert_int_equal(read_all(file_fails, NULL, 1).err, SANJI_E_IO);
}

/* ---- sealed --------------------------------------------------------------------------------- */

static const uint8_t my_seed[1][SEAL_SEED_LEN] = {{77}};

static void seal_file(struct world *w, const uint8_t *p, size_t n, size_t step, struct buf *out)
{
    struct ferry_sealer s;
    struct node_id to = {"nbbbbbbbbbbbbb"};
    uint8_t pub[SEAL_PUB_LEN], rnd[96];
    memset(rnd, 0x5a, sizeof(rnd));
    assert_int_equal(seal_pub_of(my_seed[0], pub), 0);
    buf_reset(out);
    assert_int_equal(ferry_seal_begin(&s, w->c, &to, pub, rnd, out), 0);
    for (size_t at = 0; at < n; at += step) {
        assert_int_equal(ferry_seal_put(&s, span_of(p + at, n - at < step ? n - at : step), out),
                         0);
    }
    assert_int_equal(ferry_seal_end(&s, out), 0);
}

/* Opens everything; returns the error or 0, with the bytes in out. */
static int unseal(const uint8_t *p, size_t n, const char *me, const uint8_t (*seeds)[SEAL_SEED_LEN],
                  struct buf *out)
{
    struct file f = {.p = p, .n = n, .step = 5000};
    struct ferry_unsealer *u = NULL;
    struct node_id id;
    struct fault fault;
    uint8_t piece[3001];
    size_t got = 1;
    assert_int_equal(node_id_parse(me, strlen(me), &id), 0);
    buf_reset(out);
    int r = ferry_unseal_new(file_read, &f, &id, seeds, 1, &u, &fault);
    while (r == 0 && got > 0) {
        r = ferry_unseal_read(piece, sizeof(piece), &got, u);
        if (r == 0) {
            (void)buf_put(out, piece, got);
        }
    }
    ferry_unseal_free(u);
    return r;
}

static void test_sealed_sizes(void **state)
{
    struct world *w = *state;
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 131072, 200000};
    uint8_t *plain = malloc(200000);
    struct buf sealed, back;
    buf_init(&sealed, 1 << 20);
    buf_init(&back, 1 << 20);
    for (size_t i = 0; i < 200000; i++) {
        plain[i] = (uint8_t)(i * 7 + i / 256);
    }
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        seal_file(w, plain, sizes[i], 777, &sealed);
        assert_true(ferry_is_sealed(w->c, span_of(sealed.data, sealed.len)));
        assert_int_equal(unseal(sealed.data, sealed.len, "nbbbbbbbbbbbbb", my_seed, &back), 0);
        assert_int_equal(back.len, sizes[i]);
        assert_true(sizes[i] == 0 || memcmp(back.data, plain, sizes[i]) == 0);
        /* cut off: at the end, in a chunk, exactly between chunks */
        assert_int_equal(unseal(sealed.data, sealed.len - 1, "nbbbbbbbbbbbbb", my_seed, &back),
                         SANJI_E_OPEN);
        assert_int_equal(unseal(sealed.data, sealed.len - 16, "nbbbbbbbbbbbbb", my_seed, &back),
                         SANJI_E_OPEN);
        size_t last = sizes[i] == 0 ? 0 : (sizes[i] - 1) % 65536 + 1;
        assert_int_equal(
            unseal(sealed.data, sealed.len - last - 16, "nbbbbbbbbbbbbb", my_seed, &back),
            SANJI_E_OPEN);
        (void)buf_putc(&sealed, 0);
        assert_int_equal(unseal(sealed.data, sealed.len, "nbbbbbbbbbbbbb", my_seed, &back),
                         SANJI_E_OPEN);
    }
    free(plain);
    buf_done(&sealed);
    buf_done(&back);
}

static void test_sealed_for_somebody_else(void **state)
{
    struct world *w = *state;
    static const uint8_t other[1][SEAL_SEED_LEN] = {{99}};
    struct buf sealed, back;
    buf_init(&sealed, 1 << 20);
    buf_init(&back, 1 << 20);
    seal_file(w, (const uint8_t *)"hello", 5, 5, &sealed);
    assert_int_equal(unseal(sealed.data, sealed.len, "naaaaaaaaaaaaa", my_seed, &back),
                     SANJI_E_OPEN);
    assert_int_equal(unseal(sealed.data, sealed.len, "nbbbbbbbbbbbbb", other, &back), SANJI_E_OPEN);
    for (size_t i = 0; i < sealed.len; i++) {
        sealed.data[i] ^= 4;
        assert_true(unseal(sealed.data, sealed.len, "nbbbbbbbbbbbbb", my_seed, &back) < 0);
        sealed.data[i] ^= 4;
    }
    assert_int_equal(unseal(sealed.data, sealed.len, "nbbbbbbbbbbbbb", my_seed, &back), 0);
    make_part(w, 0, 0, 1);
    assert_false(ferry_is_sealed(w->c, span_of(w->file.data, w->file.len)));
    assert_false(ferry_is_sealed(w->c, span_of("", 0)));
    buf_done(&sealed);
    buf_done(&back);
}

static void test_sealed_part(void **state)
{
    struct world *w = *state;
    struct buf sealed;
    struct ferry_unsealer *u = NULL;
    struct node_id me = {"nbbbbbbbbbbbbb"};
    struct fault f;
    buf_init(&sealed, (size_t)16 << 20);
    make_part(w, 2, 5, 100000);
    seal_file(w, w->file.data, w->file.len, 10000, &sealed);
    struct file file = {.p = sealed.data, .n = sealed.len, .step = 9999};
    assert_int_equal(ferry_unseal_new(file_read, &file, &me, my_seed, 1, &u, &f), 0);
    struct result r = read_all(ferry_unseal_read, u, 100000);
    assert_int_equal(r.err, 0);
    assert_int_equal(r.have, 2);
    assert_int_equal(r.bundles, 5);
    ferry_unseal_free(u);
    buf_done(&sealed);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_round_trip),
        T(test_signatures),
        T(test_receipt_file),
        T(test_every_truncation),
        T(test_moved_frames),
        T(test_read_error_is_passed_on),
        T(test_damage_costs_one_bundle),
        T(test_waiting_for_bytes),
        T(test_receipt_sum),
        T(test_sealed_sizes),
        T(test_sealed_for_somebody_else),
        T(test_sealed_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
