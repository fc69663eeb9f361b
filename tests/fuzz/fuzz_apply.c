/* SPDX-License-Identifier: Apache-2.0 */
/* A neighbour that holds a good key and signs anything: a city takes a bundle of its district with
 * the items of the input, a line each; the first byte says for whom it is. Refused, it changes
 * nothing and says why; stored, each item is applied or parked, and the views thrown away and
 * derived again, or from bundles in another order, are the same. */
#include "tests/support/world_check.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct world w;
static struct mem_store *clean;
static struct frame_ctx *fc;
static int city, district;

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void make_world(void)
{
    world_init(&w, 1);
    city = world_genesis(&w, "city", 20);
    district = world_enrol(&w, city, "d1", 30, true);
    must(city >= 0 && district >= 0);
    world_run(&w, 60000);
    clean = mem_store_snapshot(w.node[city].mem);
    fc = frame_ctx_new();
    must(fc != NULL);
}

static bool make_bundle(const uint8_t *p, size_t n, struct buf *frame)
{
    static const char *const aud[] = {"fed",  "sub:@d1", "up:@city", "to:@city",
                                      "self", "own",     "trust"};
    static struct span item[LIM_ITEMS];
    struct bundle_header h;
    struct buf line;
    size_t k = 0;
    memset(&h, 0, sizeof(h));
    h.v = 1;
    h.t = BUNDLE_DATA;
    memcpy(h.g, w.g, HASH_LEN);
    h.by = w.node[district].id;
    (void)world_aud(&w, aud[p[0] % (sizeof(aud) / sizeof(aud[0]))], h.aud);
    h.ep = h.seq = 1;
    h.en[0] = 9;
    for (size_t at = 1; at < n && k < LIM_ITEMS; k++) {
        const uint8_t *nl = memchr(p + at, '\n', n - at);
        size_t len = nl == NULL ? n - at : (size_t)(nl - p) - at;
        item[k] = span_of(p + at, len);
        at += len + 1;
    }
    buf_init(&line, LIM_BUNDLE_BYTES);
    bool made = k > 0 && bundle_make(&h, item, k, sync_key(w.node[district].s), &line) == 0 &&
                frame_pack(fc, span_of(line.data, line.len), frame) == 0;
    buf_done(&line);
    return made;
}

static void take(struct span frame)
{
    struct wnode *c = &w.node[city];
    const struct sync_store *st = mem_store_port(c->mem);
    struct sync_tick t;
    struct sync_accept acc;
    struct world_verdict v;
    struct buf before, after;
    buf_init(&before, (size_t)16 << 20);
    buf_init(&after, (size_t)16 << 20);
    mem_store_dump(c->mem, &before);
    size_t had = mem_store_bundles(c->mem);
    memset(&acc, 0, sizeof(acc));
    world_tick(&w, city, &t);
    must(st->begin(st->ctx) == 0);
    sync_accept_frame(c->s, &t, frame, &acc);
    must(st->commit(st->ctx) == 0);
    mem_store_dump(c->mem, &after);
    must(acc.err <= 0 && !sync_is_store_failure(acc.err));
    if (acc.err < 0) {
        must(mem_store_bundles(c->mem) == had && before.len == after.len &&
             memcmp(before.data, after.data, before.len) == 0);
    } else {
        must(mem_store_bundles(c->mem) == had + 1);
        must(world_check_rebuild(&w, city, &v) == 0);
        must(world_check_order(&w, city, &v) == 0);
    }
    buf_done(&before);
    buf_done(&after);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct buf frame;
    if (fc == NULL) {
        make_world();
    }
    if (n < 2) {
        return 0;
    }
    buf_init(&frame, LIM_BUNDLE_BYTES + 64);
    mem_store_restore(w.node[city].mem, clean);
    must(sync_reload(w.node[city].s) == 0);
    if (make_bundle(p, n, &frame)) {
        take(span_of(frame.data, frame.len));
    }
    buf_done(&frame);
    return 0;
}
