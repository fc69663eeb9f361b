/* SPDX-License-Identifier: Apache-2.0 */
/* A stick is put into a district: first byte 0, the rest is the file; else the rest changes good
 * files, one as it is and one sealed, byte by byte or by cutting and doubling stretches. Whatever
 * comes of it, the district holds nothing its writers did not sign, no file counts as whole that
 * was changed, and the good file afterwards brings everything. */
#include "sync/ferry.h"
#include "tests/support/world_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { CITY, D1, S1, RECORDS = 6, FILE_BYTES = 1 << 20 };

static struct world w;
static struct mem_store *clean;
static struct buf good[2]; /* plain, sealed */
static struct buf whole;   /* views of the district when it has taken it all */

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static int sink(const void *p, size_t n, void *arg)
{
    return buf_put(arg, p, n);
}

static void pack(bool seal, struct buf *out)
{
    const struct sync_ferry_order order = {
        .to = w.node[D1].id.s, .full = true, .seal = seal, .part_bytes = LIM_FERRY_PART_BYTES};
    struct sync_ferry_out *o = NULL;
    struct sync_tick t;
    int r;
    world_tick(&w, S1, &t);
    must(sync_ferry_out_new(w.node[S1].s, &t, &order, &o) == 0);
    while ((r = sync_ferry_out_plan(o, 1 << 20)) > 0) {
    }
    must(r == 0 && sync_ferry_out_about(o)->parts == 1);
    buf_init(out, FILE_BYTES);
    while ((r = sync_ferry_out_part(o, &t, 1, 1 << 20, sink, out)) > 0) {
    }
    must(r == 0 && sync_ferry_out_done(o, &t) == 0);
    sync_ferry_out_free(o);
}

static void on_item(const struct sync_ferry_item *it, void *arg)
{
    (void)arg;
    must(it->err < 0 && it->n > 0);
}

static struct sync_ferry_report take(struct span file)
{
    struct sync_ferry_in *in = NULL;
    struct sync_tick t;
    int r;
    must(sync_ferry_in_new(w.node[D1].s, on_item, NULL, &in) == 0);
    must(sync_ferry_in_give(in, file) == 0);
    must(sync_ferry_in_give(in, span_of(file.p, 0)) == 0);
    do {
        world_tick(&w, D1, &t);
        r = sync_ferry_in_run(in, &t, 1 << 20);
    } while (r > 0);
    struct sync_ferry_report rep = *sync_ferry_in_report(in);
    must(r == 0 && rep.over);
    sync_ferry_in_free(in);
    return rep;
}

static void begin_again(void)
{
    mem_store_restore(w.node[D1].mem, clean);
    must(sync_reload(w.node[D1].s) == 0);
}

static void make_world(void)
{
    world_init(&w, 3);
    must(world_genesis(&w, "city", 20) == CITY && world_enrol(&w, CITY, "d1", 30, true) == D1);
    world_run(&w, 60000);
    must(world_enrol(&w, D1, "s1", 40, true) == S1);
    world_run(&w, 60000);
    w.node[S1].cut = true;
    world_run(&w, 1000);
    for (int k = 0; k < RECORDS; k++) {
        char id[8];
        (void)snprintf(id, sizeof(id), "f%d", k);
        must(world_put(&w, S1, "fed", id, 1, "words", NULL) == 0);
    }
    w.garbled = true; /* a turned bit of a frame may mean nothing: the lines are compared */
    clean = mem_store_snapshot(w.node[D1].mem);
    pack(false, &good[0]);
    pack(true, &good[1]);
    struct sync_ferry_report rep = take(span_of(good[1].data, good[1].len));
    must(rep.err == 0 && rep.stored >= RECORDS && rep.refused == 0);
    buf_init(&whole, FILE_BYTES);
    mem_store_dump(w.node[D1].mem, &whole);
}

/* Two bytes say where, one what, one how much. */
static void change(struct buf *f, const uint8_t *c)
{
    size_t at = ((size_t)c[0] << 8 | c[1]) % f->len, n = c[3] % (f->len - at) + 1;
    if (c[2] % 4 == 3 && f->len + n < FILE_BYTES) { /* once more */
        struct buf rest;
        buf_init(&rest, FILE_BYTES);
        must(buf_put(&rest, f->data + at, f->len - at) == 0);
        f->len = at + n;
        must(buf_put(f, rest.data, rest.len) == 0);
        buf_done(&rest);
    } else if (c[2] % 4 == 2 && n < f->len - at) { /* away */
        memmove(f->data + at, f->data + at + n, f->len - at - n);
        f->len -= n;
    } else if (c[2] % 4 == 1) {
        f->data[at] ^= (uint8_t)(1u << c[3] % 8);
    } else {
        f->data[at] = c[3];
    }
}

/* All behind the first frame is what its writer put there; that one may be packed otherwise. */
static bool is_whole(struct span file, const struct buf *from)
{
    struct frame_ctx *fc = frame_ctx_new();
    struct buf line;
    size_t used = 0;
    buf_init(&line, LIM_BUNDLE_BYTES);
    must(fc != NULL && frame_unpack(fc, span_of(from->data, from->len), &line, &used) == 0);
    frame_ctx_free(fc);
    buf_done(&line);
    size_t rest = from->len - used;
    return file.n >= rest && memcmp(file.p + file.n - rest, from->data + used, rest) == 0;
}

static void check(const struct sync_ferry_report *rep, struct span file, const struct buf *from)
{
    struct world_verdict v;
    struct buf views;
    if (from != NULL && rep->err == 0 && rep->vouched) {
        must(rep->missing == 0 && is_whole(file, from));
    }
    must(world_check_truth(&w, &v) == 0);
    struct sync_ferry_report again = take(span_of(good[0].data, good[0].len));
    must(again.err == 0 && again.refused == 0 && again.waiting == 0);
    buf_init(&views, FILE_BYTES);
    mem_store_dump(w.node[D1].mem, &views);
    must(views.len == whole.len && memcmp(views.data, whole.data, whole.len) == 0);
    buf_done(&views);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    if (clean == NULL) {
        make_world();
    }
    if (n == 0) {
        return 0;
    }
    begin_again();
    if (p[0] == 0) {
        struct sync_ferry_report rep = take(span_of(p + 1, n - 1));
        check(&rep, span_of(p + 1, n - 1), NULL);
        return 0;
    }
    struct buf f;
    const struct buf *from = &good[p[0] % 2];
    buf_init(&f, 2 * FILE_BYTES);
    must(buf_put(&f, from->data, from->len) == 0);
    for (size_t i = 1; i + 4 <= n && f.len > 1; i += 4) {
        change(&f, p + i);
    }
    struct sync_ferry_report rep = take(span_of(f.data, f.len));
    check(&rep, span_of(f.data, f.len), from);
    buf_done(&f);
    return 0;
}
