/* SPDX-License-Identifier: Apache-2.0 */
/* Lines travel, rest on disk and lie in ferry files as zstd frames, so this is where a few bytes
 * can claim to be gigabytes. The frame header is therefore read here, by hand and before anything
 * is allocated: content size stated and small, no dictionary, no window beyond the content, a
 * bounded ratio. Only then zstd sees the frame, and exactly that frame. */
#include "protocol/bundle.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum {
    FRAME_LEVEL = 3,
    FRAME_CONTENT_MAX = LIM_BUNDLE_BYTES + 1,
    FRAME_RATIO_FREE = 64 * 1024, /* below this the ratio does not matter */
    FRAME_BLOCK_MAX = 128 * 1024, /* RFC 8878 */
    FRAME_HEADER_MIN = 6,         /* magic, descriptor, content size of one byte */
};

struct frame_ctx {
    ZSTD_CCtx *c;
    ZSTD_DCtx *d;
    struct buf line; /* line and newline in one piece: the compressor wants them together */
};

struct frame_ctx *frame_ctx_new(void)
{
    struct frame_ctx *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return NULL;
    }
    c->c = ZSTD_createCCtx();
    c->d = ZSTD_createDCtx();
    buf_init(&c->line, FRAME_CONTENT_MAX);
    if (c->c == NULL || c->d == NULL ||
        ZSTD_isError(ZSTD_CCtx_setParameter(c->c, ZSTD_c_compressionLevel, FRAME_LEVEL)) != 0) {
        frame_ctx_free(c);
        return NULL;
    }
    return c;
}

void frame_ctx_free(struct frame_ctx *c)
{
    if (c == NULL) {
        return;
    }
    (void)ZSTD_freeCCtx(c->c);
    (void)ZSTD_freeDCtx(c->d);
    buf_done(&c->line);
    free(c);
}

static bool ratio_too_high(uint64_t content, size_t frame)
{
    return content > FRAME_RATIO_FREE && content > (uint64_t)frame * LIM_INFLATE_RATIO;
}

/* The same frame format without compression: text so uniform that readers would take the compressed
 * frame for a bomb travels as it is. */
static int frame_store(const uint8_t *p, size_t n, struct buf *out)
{
    /* Single segment, content size in four bytes. */
    static const uint8_t head[5] = {0x28, 0xb5, 0x2f, 0xfd, 0xa0};
    size_t at = 0;
    (void)buf_put(out, head, sizeof(head));
    for (size_t i = 0; i < 4; i++) {
        (void)buf_putc(out, (char)(n >> 8 * i & 0xff));
    }
    do {
        size_t len = n - at < FRAME_BLOCK_MAX ? n - at : (size_t)FRAME_BLOCK_MAX;
        size_t block = len << 3 | (at + len == n ? 1 : 0);
        for (size_t i = 0; i < 3; i++) {
            (void)buf_putc(out, (char)(block >> 8 * i & 0xff));
        }
        (void)buf_put(out, p + at, len);
        at += len;
    } while (at < n);
    return out->err;
}

int frame_pack(struct frame_ctx *c, struct span line, struct buf *out)
{
    if (line.n > 0 && memchr(line.p, '\n', line.n) != NULL) {
        return SANJI_E_SYNTAX;
    }
    buf_reset(&c->line);
    (void)buf_put(&c->line, line.p, line.n);
    int r = buf_putc(&c->line, '\n');
    if (r < 0) {
        return r;
    }
    size_t bound = ZSTD_compressBound(c->line.len);
    /* A relayed limit may leave less room than the worst case: try with what there is. */
    size_t room = out->max - out->len < bound ? out->max - out->len : bound;
    r = buf_reserve(out, room);
    if (r < 0) {
        return r;
    }
    size_t n = ZSTD_compress2(c->c, out->data + out->len, room, c->line.data, c->line.len);
    if (ZSTD_isError(n) != 0) {
        out->data[out->len] = 0;
        return room < bound ? SANJI_E_SIZE : SANJI_E_NOMEM;
    }
    if (ratio_too_high(c->line.len, n)) {
        return frame_store(c->line.data, c->line.len, out);
    }
    out->len += n;
    out->data[out->len] = 0;
    return 0;
}

/* ---- reading ------------------------------------------------------------------------------- */

struct frame_head {
    uint64_t content;
    uint64_t window;
};

static uint64_t little(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    while (n > 0) {
        v = v << 8 | p[--n];
    }
    return v;
}

/* RFC 8878 section 3.1.1.1. Skippable and legacy frames fail at the magic number. */
static int frame_head_read(struct span in, struct frame_head *ret)
{
    static const uint8_t magic[4] = {0x28, 0xb5, 0x2f, 0xfd};
    static const size_t content_bytes[4] = {0, 2, 4, 8};
    if (in.n < FRAME_HEADER_MIN || memcmp(in.p, magic, sizeof(magic)) != 0) {
        return SANJI_E_SYNTAX;
    }
    uint8_t desc = in.p[4];
    bool single = (desc & 0x20) != 0;
    size_t size_n = content_bytes[desc >> 6];
    if (single && size_n == 0) {
        size_n = 1;
    }
    bool dictionary = (desc & 0x03) != 0;
    bool reserved = (desc & 0x08) != 0;
    size_t at = single ? 5 : 6;
    if (dictionary || reserved || size_n == 0 || in.n < at + size_n) {
        return SANJI_E_SYNTAX;
    }
    ret->content = little(in.p + at, size_n) + (size_n == 2 ? 256 : 0);
    ret->window = ret->content;
    if (!single) {
        uint64_t base = UINT64_C(1) << (10 + (in.p[5] >> 3));
        ret->window = base + base / 8 * (in.p[5] & 7);
    }
    return 0;
}

/* Size of the frame in bytes, after every rule that can be checked without inflating. */
static int frame_measure(struct span in, size_t *ret_used, size_t *ret_content)
{
    struct frame_head h;
    int r = frame_head_read(in, &h);
    if (r < 0) {
        return r;
    }
    if (h.content > FRAME_CONTENT_MAX || h.window > h.content) {
        return SANJI_E_SIZE;
    }
    size_t used = ZSTD_findFrameCompressedSize(in.p, in.n);
    if (ZSTD_isError(used) != 0) {
        return SANJI_E_SYNTAX;
    }
    if (ratio_too_high(h.content, used)) {
        return SANJI_E_SIZE;
    }
    /* Frames are stored and relayed as they came: empty blocks must not make a small line big. */
    if (used > h.content + LIM_FRAME_OVERHEAD) {
        return SANJI_E_SIZE;
    }
    *ret_used = used;
    *ret_content = (size_t)h.content;
    return 0;
}

int frame_unpack(struct frame_ctx *c, struct span in, struct buf *out, size_t *ret_used)
{
    size_t used = 0;
    size_t content = 0;
    buf_reset(out);
    int r = frame_measure(in, &used, &content);
    if (r < 0) {
        return r;
    }
    r = buf_reserve(out, content);
    if (r < 0) {
        return r;
    }
    size_t n = ZSTD_decompressDCtx(c->d, out->data, content, in.p, used);
    if (ZSTD_isError(n) != 0 || n != content || n == 0 ||
        memchr(out->data, '\n', n) != out->data + n - 1) {
        out->data[0] = 0;
        return SANJI_E_SYNTAX;
    }
    out->len = n - 1;
    out->data[out->len] = 0;
    *ret_used = used;
    return 0;
}

size_t frame_search(struct span in)
{
    size_t at = 1;
    while (at + FRAME_HEADER_MIN <= in.n) {
        const uint8_t *p = memchr(in.p + at, 0x28, in.n - at);
        struct frame_head h;
        if (p == NULL) {
            break;
        }
        at = (size_t)(p - in.p);
        if (frame_head_read(span_of(p, in.n - at), &h) == 0) {
            return at;
        }
        at++;
    }
    return in.n;
}
