/* SPDX-License-Identifier: Apache-2.0 */
/* Does a reader of frames ever inflate, allocate or accept what a frame header should have told it
 * not to? */
#include "protocol/bundle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <zstd.h>

struct world {
    struct frame_ctx *c;
    struct buf frame, out;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->c = frame_ctx_new();
    assert_non_null(w->c);
    buf_init(&w->frame, LIM_MESSAGE_BYTES);
    buf_init(&w->out, LIM_BUNDLE_BYTES + 1);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    frame_ctx_free(w->c);
    buf_done(&w->frame);
    buf_done(&w->out);
    free(w);
    return 0;
}

static int unpack(struct world *w, const void *p, size_t n, size_t *used)
{
    *used = 12345;
    return frame_unpack(w->c, span_of(p, n), &w->out, used);
}

/* Compresses text as it is, newline included, with options a foreign writer may choose. */
static size_t foreign(const void *p, size_t n, bool size, bool sum, uint8_t *out, size_t cap)
{
    ZSTD_CCtx *c = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, size);
    ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, sum);
    size_t len = ZSTD_compress2(c, out, cap, p, n);
    assert_false(ZSTD_isError(len));
    ZSTD_freeCCtx(c);
    return len;
}

static void test_round_trip_of_sizes(void **state)
{
    struct world *w = *state;
    static const size_t sizes[] = {
        0, 1, 2, 254, 255, 256, 65535, 65536, 131072, 300000, LIM_BUNDLE_BYTES};
    uint8_t *text = malloc(LIM_BUNDLE_BYTES);
    uint32_t x = 1;
    for (size_t i = 0; i < LIM_BUNDLE_BYTES; i++) {
        x = x * 1664525 + 1013904223;
        text[i] = (uint8_t)('!' + (x >> 24) % 90);
    }
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t used;
        buf_reset(&w->frame);
        assert_int_equal(frame_pack(w->c, span_of(text, sizes[i]), &w->frame), 0);
        assert_int_equal(unpack(w, w->frame.data, w->frame.len, &used), 0);
        assert_int_equal(used, w->frame.len);
        assert_int_equal(w->out.len, sizes[i]);
        assert_memory_equal(w->out.data, text, sizes[i]);
        assert_int_equal(w->out.data[w->out.len], 0);
    }
    assert_int_equal(frame_pack(w->c, span_of(text, LIM_BUNDLE_BYTES), &w->frame), 0);
    free(text);
}

static void test_line_too_long_is_not_packed(void **state)
{
    struct world *w = *state;
    uint8_t *text = calloc(1, LIM_BUNDLE_BYTES + 1);
    memset(text, 'a', LIM_BUNDLE_BYTES + 1);
    assert_int_equal(frame_pack(w->c, span_of(text, LIM_BUNDLE_BYTES + 1), &w->frame),
                     SANJI_E_SIZE);
    assert_int_equal(w->frame.len, 0);
    free(text);
}

static void test_line_with_newline_is_not_packed(void **state)
{
    struct world *w = *state;
    assert_int_equal(frame_pack(w->c, span_of("a\nb", 3), &w->frame), SANJI_E_SYNTAX);
    assert_int_equal(w->frame.len, 0);
}

/* What compresses beyond the ratio is our own doing as well: it must still reach the reader. */
static void test_uniform_text_survives_the_ratio(void **state)
{
    struct world *w = *state;
    static const size_t sizes[] = {60000,  65535,  65536,   131071,          131072,
                                   262143, 262144, 1000000, LIM_BUNDLE_BYTES};
    uint8_t *text = malloc(LIM_BUNDLE_BYTES);
    memset(text, 'a', LIM_BUNDLE_BYTES);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t used;
        buf_reset(&w->frame);
        assert_int_equal(frame_pack(w->c, span_of(text, sizes[i]), &w->frame), 0);
        assert_int_equal(unpack(w, w->frame.data, w->frame.len, &used), 0);
        assert_int_equal(used, w->frame.len);
        assert_int_equal(w->out.len, sizes[i]);
        assert_memory_equal(w->out.data, text, sizes[i]);
    }
    free(text);
}

static void test_bombs(void **state)
{
    struct world *w = *state;
    size_t used;
    size_t n = 20 << 20;
    uint8_t *text = malloc(n);
    uint8_t *z = malloc(ZSTD_compressBound(n));
    memset(text, 'a', n);
    text[n - 1] = '\n';
    size_t len = foreign(text, n, true, false, z, ZSTD_compressBound(n));
    assert_int_equal(unpack(w, z, len, &used), SANJI_E_SIZE); /* claims 20 MiB */
    assert_int_equal(used, 12345);
    len = foreign(text + n - 1000000, 1000000, true, false, z, n);
    assert_int_equal(unpack(w, z, len, &used), SANJI_E_SIZE); /* within the size, not the ratio */
    len = foreign(text + n - LIM_BUNDLE_BYTES - 2, LIM_BUNDLE_BYTES + 2, true, false, z, n);
    assert_int_equal(unpack(w, z, len, &used), SANJI_E_SIZE); /* one byte too many */
    len = foreign(text + n - 65536, 65536, true, false, z, n);
    assert_int_equal(unpack(w, z, len, &used), 0); /* up to 64 KiB any ratio will do */
    len = foreign(text + n - 65537, 65537, true, false, z, n);
    assert_int_equal(unpack(w, z, len, &used), SANJI_E_SIZE);
    free(text);
    free(z);
}

/* A header that lies in either direction: says little and inflates to much, or the reverse. */
static void test_lying_content_size(void **state)
{
    struct world *w = *state;
    size_t used;
    uint8_t text[300], z[1024];
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (uint8_t)('a' + i * i % 23);
    }
    text[299] = '\n';
    size_t len = foreign(text, sizeof(text), true, false, z, sizeof(z));
    assert_int_equal(z[4] >> 6, 1); /* two bytes, biased by 256 */
    assert_int_equal(z[5] | z[6] << 8, 300 - 256);
    assert_int_equal(unpack(w, z, len, &used), 0);
    z[5]++;
    assert_int_equal(unpack(w, z, len, &used), SANJI_E_SYNTAX);
    assert_int_equal(w->out.len, 0);
    z[5] -= 2;
    assert_int_equal(unpack(w, z, len, &used), SANJI_E_SYNTAX);
    assert_int_equal(w->out.len, 0);
    z[6] = 0xff; /* 65 KiB, still within the limit */
    assert_true(unpack(w, z, len, &used) < 0);
}

static void test_every_truncation_is_refused(void **state)
{
    struct world *w = *state;
    size_t used;
    uint8_t text[5000];
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (uint8_t)('a' + i * i % 23);
    }
    assert_int_equal(frame_pack(w->c, span_of(text, sizeof(text)), &w->frame), 0);
    for (size_t n = 0; n < w->frame.len; n++) {
        uint8_t *exact = malloc(n + 1); /* so that the sanitizer sees a read beyond */
        memcpy(exact, w->frame.data, n);
        exact = realloc(exact, n > 0 ? n : 1);
        assert_int_equal(unpack(w, exact, n, &used), SANJI_E_SYNTAX);
        free(exact);
    }
}

static void test_concatenated_frames_come_one_by_one(void **state)
{
    struct world *w = *state;
    size_t used;
    assert_int_equal(frame_pack(w->c, span_of("first", 5), &w->frame), 0);
    size_t first = w->frame.len;
    assert_int_equal(frame_pack(w->c, span_of("second", 6), &w->frame), 0);
    size_t second = w->frame.len;
    assert_int_equal(buf_puts(&w->frame, "garbage"), 0);
    assert_int_equal(unpack(w, w->frame.data, w->frame.len, &used), 0);
    assert_int_equal(used, first);
    assert_string_equal(buf_str(&w->out), "first");
    assert_int_equal(unpack(w, w->frame.data + first, w->frame.len - first, &used), 0);
    assert_int_equal(used, second - first);
    assert_string_equal(buf_str(&w->out), "second");
    assert_int_equal(unpack(w, w->frame.data + second, w->frame.len - second, &used),
                     SANJI_E_SYNTAX);
}

static void test_newlines(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *text;
        int want;
    } cases[] = {
        {"a\n", 0},
        {"\n", 0},
        {"a", SANJI_E_SYNTAX},
        {"a\nb\n", SANJI_E_SYNTAX},
        {"a\n\n", SANJI_E_SYNTAX},
        {"\na", SANJI_E_SYNTAX},
        {"", SANJI_E_SYNTAX},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t z[256];
        size_t used;
        size_t len = foreign(cases[i].text, strlen(cases[i].text), true, false, z, sizeof(z));
        assert_int_equal(unpack(w, z, len, &used), cases[i].want);
        if (cases[i].want < 0) {
            assert_int_equal(used, 12345);
            assert_int_equal(w->out.len, 0);
        }
    }
}

static void test_frames_of_other_shapes(void **state)
{
    struct world *w = *state;
    uint8_t z[1024];
    size_t used;
    size_t len = foreign("abc\n", 4, false, false, z, sizeof(z));
    assert_int_equal(unpack(w, z, len, &used), SANJI_E_SYNTAX); /* no content size */
    len = foreign("abc\n", 4, true, true, z, sizeof(z));
    assert_int_equal(unpack(w, z, len, &used), 0); /* a checksum is fine */
    assert_int_equal(used, len);
    z[len - 1] ^= 1;
    assert_int_equal(unpack(w, z, len, &used), SANJI_E_SYNTAX); /* a wrong one is not */
    static const uint8_t skippable[] = {0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 'a', 'b', 'c', '\n'};
    assert_int_equal(unpack(w, skippable, sizeof(skippable), &used), SANJI_E_SYNTAX);
    static const uint8_t legacy[] = {0x27, 0xb5, 0x2f, 0xfd, 4, 0, 0, 0, 'a', 'b', 'c', '\n'};
    assert_int_equal(unpack(w, legacy, sizeof(legacy), &used), SANJI_E_SYNTAX);
    len = foreign("abc\n", 4, true, false, z, sizeof(z));
    z[4] |= 0x08; /* the reserved bit */
    assert_int_equal(unpack(w, z, len, &used), SANJI_E_SYNTAX);
}

/* A stored frame is relayed as it is: filling it with empty blocks must not pay. */
static void test_padding_blocks(void **state)
{
    struct world *w = *state;
    size_t used;
    static const uint8_t head[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 2};
    for (size_t blocks = 1000; blocks <= 2000; blocks += 1000) {
        buf_reset(&w->frame);
        (void)buf_put(&w->frame, head, sizeof(head));
        for (size_t i = 0; i < blocks; i++) {
            (void)buf_put(&w->frame, "\0\0\0", 3);
        }
        (void)buf_put(&w->frame, "\x11\0\0a\n", 5);
        assert_int_equal(unpack(w, w->frame.data, w->frame.len, &used),
                         blocks == 1000 ? 0 : SANJI_E_SIZE);
    }
}

static void test_window_beyond_the_content(void **state)
{
    struct world *w = *state;
    size_t used;
    /* Window descriptor 8 MiB for two bytes of content. */
    static const uint8_t big[] = {0x28, 0xb5, 0x2f, 0xfd, 0x40, 13 << 3, 2,
                                  0,    0x11, 0,    0,    'a',  '\n'};
    assert_int_equal(unpack(w, big, sizeof(big), &used), SANJI_E_SIZE);
    /* A dictionary id. */
    static const uint8_t dict[] = {0x28, 0xb5, 0x2f, 0xfd, 0x21, 7, 2, 0x11, 0, 0, 'a', '\n'};
    assert_int_equal(unpack(w, dict, sizeof(dict), &used), SANJI_E_SYNTAX);
}

static void test_small_output_limit(void **state)
{
    struct world *w = *state;
    size_t used = 0;
    struct buf small;
    buf_init(&small, 4);
    assert_int_equal(frame_pack(w->c, span_of("12345", 5), &w->frame), 0);
    assert_int_equal(frame_unpack(w->c, span_of(w->frame.data, w->frame.len), &small, &used),
                     SANJI_E_SIZE);
    buf_done(&small);
    buf_init(&small, 8);
    assert_int_equal(frame_pack(w->c, span_of("1234567890", 10), &small), SANJI_E_SIZE);
    assert_int_equal(small.len, 0);
    buf_done(&small);
}

/* No flipped bit may crash, and what still opens holds one line. */
static void test_flipped_bits(void **state)
{
    struct world *w = *state;
    uint8_t text[400];
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (uint8_t)('a' + i * i % 23);
    }
    assert_int_equal(frame_pack(w->c, span_of(text, sizeof(text)), &w->frame), 0);
    for (size_t bit = 0; bit < w->frame.len * 8; bit++) {
        size_t used;
        w->frame.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (unpack(w, w->frame.data, w->frame.len, &used) == 0) {
            assert_true(used <= w->frame.len);
            assert_null(memchr(w->out.data, '\n', w->out.len));
        }
        w->frame.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_round_trip_of_sizes),
        T(test_line_too_long_is_not_packed),
        T(test_line_with_newline_is_not_packed),
        T(test_uniform_text_survives_the_ratio),
        T(test_bombs),
        T(test_lying_content_size),
        T(test_every_truncation_is_refused),
        T(test_concatenated_frames_come_one_by_one),
        T(test_newlines),
        T(test_frames_of_other_shapes),
        T(test_padding_blocks),
        T(test_window_beyond_the_content),
        T(test_small_output_limit),
        T(test_flipped_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
