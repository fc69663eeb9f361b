/* SPDX-License-Identifier: Apache-2.0 */
/* A file from somebody's stick. First byte 0: the rest is the file as it is, sealed or not.
 * Otherwise each line of the rest is framed, so that the layer above the frames is reached. */
#include "protocol/ferry.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct file {
    const uint8_t *p;
    size_t n, at, step;
};

static int file_read(void *p, size_t n, size_t *ret_n, void *arg)
{
    struct file *f = arg;
    size_t left = f->n - f->at;
    n = n < f->step ? n : f->step;
    n = n < left ? n : left;
    if (n > 0) {
        memcpy(p, f->p + f->at, n);
    }
    f->at += n;
    *ret_n = n;
    return 0;
}

static void read_part(ferry_read_fn *fn, void *arg)
{
    struct ferry_reader *r = ferry_reader_new(fn, arg);
    enum ferry_kind kind = FERRY_MANIFEST;
    struct span line, frame;
    struct fault f;
    while (r != NULL && ferry_next(r, &kind, &line, &frame, &f) == 0 && kind != FERRY_END) {
        if (line.n > 0 && memchr(line.p, '\n', line.n) != NULL) {
            abort();
        }
    }
    ferry_reader_free(r);
}

static void frame_lines(const uint8_t *p, size_t n, struct buf *out)
{
    struct frame_ctx *c = frame_ctx_new();
    while (c != NULL && n > 0) {
        const uint8_t *nl = memchr(p, '\n', n);
        size_t len = nl == NULL ? n : (size_t)(nl - p);
        (void)frame_pack(c, span_of(p, len), out);
        size_t skip = len < n ? len + 1 : n;
        p += skip;
        n -= skip;
    }
    frame_ctx_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static const uint8_t seeds[1][SEAL_SEED_LEN] = {{99}};
    static const struct node_id me = {"nbbbbbbbbbbbbb"};
    struct ferry_unsealer *u = NULL;
    struct buf framed;
    struct fault f;
    if (n == 0) {
        return 0;
    }
    buf_init(&framed, (size_t)1 << 20);
    struct file file = {.p = p + 1, .n = n - 1, .step = 1000};
    if (p[0] != 0) {
        frame_lines(p + 1, n - 1, &framed);
        file.p = framed.data;
        file.n = framed.len;
    }
    struct file again = file;
    read_part(file_read, &file);
    if (ferry_unseal_new(file_read, &again, &me, seeds, 1, &u, &f) == 0) {
        read_part(ferry_unseal_read, u);
    }
    ferry_unseal_free(u);
    buf_done(&framed);
    return 0;
}
