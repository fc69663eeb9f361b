/* SPDX-License-Identifier: Apache-2.0 */
/* The carrier of sticks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/stick.h"

#include <string.h>

void parcel_done(struct parcel *p)
{
    for (size_t i = 0; i < p->n; i++) {
        buf_done(&p->part[i]);
    }
    p->n = 0;
}

static int sink(const void *p, size_t n, void *arg)
{
    return buf_put(arg, p, n);
}

/* 0, or why no file can be made. */
int pack_with(struct world *w, int from, int to, struct want want, struct parcel *p)
{
    struct sync_tick t;
    struct sync_ferry_out *o = NULL;
    struct sync_ferry_order order = {.to = want.any ? NULL : w->node[to].id.s,
                                     .full = want.full,
                                     .seal = want.seal,
                                     .trust = want.trust,
                                     .part_bytes = want.part_bytes > 0 ? want.part_bytes
                                                                       : LIM_FERRY_PART_BYTES};
    int64_t budget = want.budget > 0 ? want.budget : 1000;
    memset(p, 0, sizeof(*p));
    world_tick(w, from, &t);
    int r = sync_ferry_out_new(w->node[from].s, &t, &order, &o);
    if (r < 0) {
        return r;
    }
    while ((r = sync_ferry_out_plan(o, budget)) > 0) {
    }
    assert_int_equal(r, 0);
    p->about = *sync_ferry_out_about(o);
    assert_in_range(p->about.parts, 1, PARTS);
    for (int64_t i = 1; i <= p->about.parts; i++) {
        struct buf *b = &p->part[p->n++];
        buf_init(b, (size_t)64 << 20);
        do {
            world_tick(w, from, &t);
            r = sync_ferry_out_part(o, &t, i, budget, sink, b);
        } while (r > 0);
        assert_int_equal(r, 0);
        assert_true((int64_t)b->len <= order.part_bytes);
    }
    assert_int_equal(sync_ferry_out_done(o, &t), 0);
    sync_ferry_out_free(o);
    return 0;
}

void pack(struct world *w, const char *from, const char *to, struct parcel *p)
{
    assert_int_equal(pack_with(w, world_find(w, from), world_find(w, to), (struct want){0}, p), 0);
}

static void on_item(const struct sync_ferry_item *it, void *arg)
{
    struct seen *x = arg;
    assert_true(it->err < 0 && it->n > 0);
    x->n++;
    x->err[-it->err]++;
}

/* In pieces of `step` bytes; a negative return is the store's. */
int take_bytes(struct world *w, int to, struct span file, size_t step,
               struct sync_ferry_report *ret, struct seen *seen)
{
    struct sync_tick t;
    struct sync_ferry_in *in = NULL;
    struct seen none;
    seen = seen == NULL ? &none : seen;
    memset(seen, 0, sizeof(*seen));
    assert_int_equal(sync_ferry_in_new(w->node[to].s, on_item, seen, &in), 0);
    int r = 0;
    for (size_t at = 0; r == 0 && at <= file.n; at += step) {
        size_t n = file.n - at < step ? file.n - at : step;
        assert_int_equal(sync_ferry_in_give(in, span_of(file.p + at, n)), 0);
        if (n > 0 && n < step) {
            assert_int_equal(sync_ferry_in_give(in, span_of(file.p, 0)), 0);
        }
        do {
            world_tick(w, to, &t);
            r = sync_ferry_in_run(in, &t, 20000);
        } while (r > 0);
        if (n < step) {
            break;
        }
    }
    *ret = *sync_ferry_in_report(in);
    assert_true(r < 0 || ret->over);
    sync_ferry_in_free(in);
    world_event(w, to, SEV_LOCAL);
    return r;
}

struct sync_ferry_report take_part(struct world *w, const char *to, const struct buf *b)
{
    struct sync_ferry_report rep;
    assert_int_equal(take_bytes(w, world_find(w, to), span_of(b->data, b->len), 70000, &rep, NULL),
                     0);
    return rep;
}

/* Every part; nothing may be refused. Bundles stored. */
int64_t take(struct world *w, const char *to, const struct parcel *p)
{
    int64_t stored = 0;
    for (size_t i = 0; i < p->n; i++) {
        struct sync_ferry_report rep = take_part(w, to, &p->part[i]);
        if (rep.err < 0 || rep.refused > 0 || rep.waiting > 0) {
            fail_msg("part %zu: %s %s, refused %d, waiting %d", i, err_name(rep.err), rep.f.want,
                     (int)rep.refused, (int)rep.waiting);
        }
        stored += rep.stored;
    }
    return stored;
}

int64_t carry(struct world *w, const char *from, const char *to)
{
    struct parcel p;
    pack(w, from, to, &p);
    int64_t n = take(w, to, &p);
    assert_true(n <= p.about.bundles);
    parcel_done(&p);
    return n;
}

void pack_receipt(struct world *w, const char *from, const char *to, struct parcel *p)
{
    struct sync_tick t;
    int i = world_find(w, from);
    memset(p, 0, sizeof(*p));
    buf_init(&p->part[p->n++], 1 << 20);
    world_tick(w, i, &t);
    assert_int_equal(
        sync_ferry_receipt(w->node[i].s, &t, w->node[world_find(w, to)].id.s, sink, &p->part[0]),
        0);
}

void receipt(struct world *w, const char *from, const char *to)
{
    struct parcel p;
    pack_receipt(w, from, to, &p);
    struct sync_ferry_report rep = take_part(w, to, &p.part[0]);
    assert_int_equal(rep.err, 0);
    assert_true(rep.receipt && rep.vouched);
    parcel_done(&p);
}

void cut_all(struct world *w)
{
    for (int i = 0; i < w->n; i++) {
        w->node[i].cut = true;
    }
    world_run(w, 1000);
}
