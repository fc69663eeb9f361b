/* SPDX-License-Identifier: Apache-2.0 */
/* A sealed item in the hands of its recipient. First byte 0: the rest is what somebody wrote as its
 * body. Otherwise the rest is sealed, and opens again as it was, for the recipient alone; then the
 * second and third byte say where one bit of the body turns over: it must not open as another. */
#include "protocol/json_gate.h"
#include "protocol/seal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const struct node_id me = {"nbbbbbbbbbbbbb"}, writer = {"naaaaaaaaaaaaa"};
static const uint8_t mine[1][SEAL_SEED_LEN] = {{7}}, theirs[1][SEAL_SEED_LEN] = {{8}},
                     strange[1][SEAL_SEED_LEN] = {{9}};

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void context(struct seal_ctx *c)
{
    memset(c, 0, sizeof(*c));
    c->by = writer;
    memcpy(c->id, "t1", 3);
    c->step = 1;
}

static int open_with(struct span d, const uint8_t (*seed)[SEAL_SEED_LEN], struct buf *plain)
{
    struct seal_ctx c;
    struct fault f = {0};
    uint8_t cek[32];
    struct arena *a = arena_new((size_t)4 << 20);
    must(a != NULL);
    context(&c);
    int r = seal_read(d, &c, &me, seed, 1, a, cek, plain, &f);
    if (r == 0) { /* with the key of its wrap it opens too, and shows its recipients */
        struct buf same;
        struct seal_ctx k;
        buf_init(&same, 1 << 20);
        context(&k);
        must(seal_read_with(d, &k, cek, a, &same) == 0 && same.len == plain->len);
        context(&k);
        must(seal_peek(d, &k, a, &f) == 0 && k.n_to == c.n_to);
        buf_done(&same);
    }
    arena_free(a);
    return r;
}

static void turn_one_bit(struct buf *d, const uint8_t *at, struct span was)
{
    struct buf plain;
    size_t k = ((size_t)at[0] << 8 | at[1]) % d->len;
    buf_init(&plain, 1 << 20);
    d->data[k] ^= (uint8_t)(1U << at[1] % 8);
    if (json_gate(d->data, d->len, JSON_PROTOCOL, NULL) == 0 &&
        open_with(span_of(d->data, d->len), mine, &plain) == 0) { /* of another's wrap alone */
        must(plain.len == was.n && memcmp(plain.data, was.p, was.n) == 0);
    }
    buf_done(&plain);
}

static void there_and_back(const uint8_t *p, size_t n)
{
    static const uint8_t cek[32] = {3}, rnd[3 * 32] = {1, [32] = 2, [64] = 3};
    struct seal_ctx c;
    struct buf d, plain;
    struct span in = span_of(p + 2, n - 2);
    context(&c);
    c.n_to = 2;
    c.to[0].n = writer;
    c.to[1].n = me;
    must(seal_pub_of(theirs[0], c.to[0].pub) == 0 && seal_pub_of(mine[0], c.to[1].pub) == 0);
    buf_init(&d, 1 << 20);
    buf_init(&plain, 1 << 20);
    if (seal_write(&c, cek, in, rnd, &d) == 0) {
        must(json_gate(d.data, d.len, JSON_PROTOCOL, NULL) == 0);
        int r = open_with(span_of(d.data, d.len), mine, &plain);
        if (r == 0) {
            must(plain.len == in.n && (in.n == 0 || memcmp(plain.data, in.p, in.n) == 0));
        } else {
            must(json_gate(in.p, in.n, JSON_PROTOCOL, NULL) < 0);
        }
        buf_reset(&plain);
        must(open_with(span_of(d.data, d.len), strange, &plain) < 0);
        turn_one_bit(&d, p, in);
    }
    buf_done(&d);
    buf_done(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct buf plain;
    if (n < 4) {
        return 0;
    }
    if (p[0] != 0) {
        there_and_back(p + 1, n - 1);
        return 0;
    }
    buf_init(&plain, 1 << 20);
    if (json_gate(p + 1, n - 1, JSON_PROTOCOL, NULL) == 0) { /* as every item has passed */
        (void)open_with(span_of(p + 1, n - 1), mine, &plain);
    }
    buf_done(&plain);
    return 0;
}
