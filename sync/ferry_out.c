/* SPDX-License-Identifier: Apache-2.0 */
/* A file for a node without a line. Its first line names the number of parts and the sum of each,
 * so the streams are read twice: once to plan, once to write. Nothing of the size of the file is
 * ever in memory or on a second disk. What the recipient has stated to hold is left out. */
#include "sync/ferry.h"

#include "protocol/base/text.h"
#include "protocol/ferry.h"
#include "sync/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RESERVE = 16 * 1024, /* first line, end, seal */
    PIECE = 64 * 1024,
    QUANTUM = 512 * 1024,
};

#define WIRE INT64_C(999999999999999)
static const char number_key[] = "ferry/no";

struct range {
    size_t idx;
    int64_t after, to;
};
struct part {
    struct range *v;
    size_t n, cap;
    struct ferry_writer w;
};
struct sync_ferry_out {
    struct sync *s;
    bool has_to, seal, trust;
    struct node_id to;
    uint8_t seal_pub[SEAL_PUB_LEN];
    int64_t limit;
    struct sync_ferry_about about;
    struct range *todo; /* in the order of the file */
    size_t n_todo, at_todo;
    struct part *part;
    size_t n_part, cap_part;
    struct buf have; /* frames of the first part */
    struct buf scratch, end;
    /* the part being given */
    int64_t now; /* 0: none */
    size_t at_range;
    int64_t at_seq;
    struct hash_ctx sum;
    uint8_t want[HASH_LEN];
    struct ferry_sealer sealer;
    sync_ferry_sink *sink;
    void *sink_arg;
};

/* ---- what the recipient holds already ---- */

struct base {
    struct sync *s;
    int64_t *upto; /* by index of the stream */
};

/* What it says it holds counts where it names the same bundle; else it gets the stream from its
 * beginning, because it cannot be asked, and may find out with it that there are two histories. */
static int base_one(const char *by, const char *aud, const struct have_epoch *e, size_t n,
                    void *arg)
{
    struct base *b = arg;
    struct stream_key k;
    for (size_t i = 0; i < n; i++) {
        uint8_t id[HASH_LEN];
        int r = sync__key_of(&k, by, aud, e[i].ep, e[i].en);
        int idx = r < 0 ? -1 : sync__stream_find(b->s, &k);
        if (idx < 0 || b->s->streams[idx].row.no == 0) {
            continue;
        }
        const struct sync_stream_row *row = &b->s->streams[idx].row;
        r = e[i].seq > row->seq ? SANJI_E_NOT_FOUND
                                : b->s->st->bundle_id(b->s->st->ctx, row->no, e[i].seq, id);
        if (r == SANJI_E_NOT_FOUND) { /* ahead of this node, or older than what is kept */
            memcpy(id, e[i].id8, sizeof(e[i].id8));
            r = 0;
        }
        if (r < 0) {
            return r;
        }
        b->upto[idx] = memcmp(id, e[i].id8, sizeof(e[i].id8)) == 0 ? e[i].seq : 0;
    }
    return 0;
}

static int base_load(struct sync_ferry_out *o, int64_t *upto)
{
    struct sync *s = o->s;
    struct base b = {s, upto};
    struct sync_ferry_note note;
    struct buf v;
    char key[32];
    int r = sync_ferry_note_get(s, o->to.s, &note);
    sync__ferry_key("have", o->to.s, key);
    buf_init(&v, (size_t)2 * FERRY_HAVE_MAX);
    if (r == 0) {
        r = s->st->kv_get(s->st->ctx, key, &v);
    }
    for (size_t at = 0, used = 0; r == 0 && at < v.len; at += used) {
        r = frame_unpack(s->fc, span_of(v.data + at, v.len - at), &s->line, &used);
        if (r == 0) {
            r = have_line_read(span_of(s->line.data, s->line.len), base_one, &b, NULL);
        }
    }
    if (r == 0) {
        o->about.since_no = note.have_no;
        o->about.since_ts = note.have_ts;
    }
    buf_done(&v);
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

struct order {
    int64_t rank;
    const struct stream *st;
    struct range r;
};

/* Trust first, from the top downwards, so that a key is there before what it signed. */
static int order_cmp(const void *pa, const void *pb)
{
    const struct order *a = pa, *b = pb;
    if (a->rank != b->rank) {
        return a->rank < b->rank ? -1 : 1;
    }
    return stream_key_cmp(&a->st->row.key, &b->st->row.key);
}

static int64_t rank_of(const struct sync *s, const struct stream *st)
{
    const struct roster_node *n = roster_node(s->roster, st->row.key.by.s);
    if (st->aud.type != AUD_TRUST) {
        return 1000;
    }
    return n == NULL ? 999 : n->lv;
}

static int collect(struct sync_ferry_out *o, const int64_t *upto)
{
    struct sync *s = o->s;
    struct order *v = calloc(s->n_streams + 1, sizeof(*v));
    size_t n = 0;
    o->todo = calloc(s->n_streams + 1, sizeof(*o->todo));
    if (v == NULL || o->todo == NULL) {
        free(v);
        return SANJI_E_NOMEM;
    }
    for (size_t i = 0; i < s->n_streams; i++) {
        const struct stream *st = &s->streams[i];
        if ((!o->trust || st->aud.type == AUD_TRUST) && upto[i] < st->row.seq &&
            sync__ferry_may_have(s, st, o->has_to ? o->to.s : NULL)) {
            v[n++] = (struct order){rank_of(s, st), st, {i, upto[i], st->row.seq}};
        }
    }
    qsort(v, n, sizeof(*v), order_cmp);
    for (size_t i = 0; i < n; i++) {
        o->todo[o->n_todo++] = v[i].r;
    }
    free(v);
    return 0;
}

/* ---- planning ---- */

static int part_begin(struct sync_ferry_out *o)
{
    if (o->n_part == o->cap_part) {
        size_t cap = o->cap_part == 0 ? 4 : o->cap_part * 2;
        struct part *v = realloc(o->part, cap * sizeof(*v));
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        o->part = v;
        o->cap_part = cap;
    }
    struct part *p = &o->part[o->n_part];
    memset(p, 0, sizeof(*p));
    int r = ferry_begin(&p->w, o->s->fc);
    o->n_part += r == 0;
    return r;
}

static int range_add(struct part *p, struct range x)
{
    if (p->n == p->cap) {
        size_t cap = p->cap == 0 ? 16 : p->cap * 2;
        struct range *v = realloc(p->v, cap * sizeof(*v));
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        p->v = v;
        p->cap = cap;
    }
    p->v[p->n++] = x;
    return 0;
}

struct planning {
    struct sync_ferry_out *o;
    int64_t to, last, left;
    bool full;
};

static int plan_row(const struct sync_bundle_row *row, void *arg)
{
    struct planning *p = arg;
    struct sync_ferry_out *o = p->o;
    struct ferry_writer *w = &o->part[o->n_part - 1].w;
    if (row->seq > p->to) {
        return 1;
    }
    if (w->count > 0 && w->bytes + (int64_t)row->frame.n > o->limit) {
        p->full = true;
        return 1;
    }
    buf_reset(&o->scratch);
    int r = ferry_add_bundle(w, row->frame, &o->scratch);
    if (r < 0) {
        return r;
    }
    o->about.bundles++;
    o->about.bytes += (int64_t)row->frame.n;
    p->last = row->seq;
    p->left -= (int64_t)row->frame.n;
    return p->left <= 0 ? 1 : 0;
}

int sync_ferry_out_plan(struct sync_ferry_out *o, int64_t budget)
{
    struct sync *s = o->s;
    int r = sync__fresh(s);
    while (r == 0 && o->at_todo < o->n_todo && budget > 0) {
        struct range *x = &o->todo[o->at_todo];
        struct planning p = {.o = o, .to = x->to, .last = x->after, .left = budget};
        r = s->st->bundles(s->st->ctx, s->streams[x->idx].row.no, x->after, QUANTUM, plan_row, &p);
        r = r > 0 ? 0 : r;
        bool moved = p.last > x->after;
        if (r == 0 && moved) {
            r = range_add(&o->part[o->n_part - 1], (struct range){x->idx, x->after, p.last});
        }
        budget = p.left;
        x->after = p.last;
        if (r == 0 && p.full) {
            r = part_begin(o);
        } else if (p.last >= x->to || !moved) {
            o->at_todo++;
        }
    }
    o->about.parts = (int64_t)o->n_part;
    return r < 0 ? r : o->at_todo < o->n_todo ? 1 : 0;
}

/* ---- birth ---- */

static int number_next(struct sync *s, int64_t *ret)
{
    struct buf v;
    int64_t no = 0;
    buf_init(&v, 64);
    int r = sync__tx_begin(s);
    if (r < 0) {
        return r;
    }
    r = s->st->kv_get(s->st->ctx, number_key, &v);
    if (r == 0) {
        r = text_i64(buf_str(&v), v.len, 0, WIRE - 1, &no);
    } else if (r == SANJI_E_NOT_FOUND) {
        r = 0;
    }
    no++;
    buf_reset(&v);
    (void)buf_printf(&v, "%lld", (long long)no);
    if (r == 0) {
        r = s->st->kv_put(s->st->ctx, number_key, span_of(v.data, v.len));
    }
    buf_done(&v);
    r = sync__tx_end(s, r);
    *ret = no;
    return r;
}

static int recipient(struct sync_ferry_out *o, const struct sync_ferry_order *order)
{
    const struct sync *s = o->s;
    if (roster_node(s->roster, s->self.id.s) == NULL) {
        return SANJI_E_PENDING; /* this node does not know its federation yet */
    }
    if (order->to == NULL) {
        return order->seal ? SANJI_E_SPEC : 0;
    }
    const struct roster_node *n = roster_node(s->roster, order->to);
    const struct roster_key *k = n == NULL ? NULL : roster_current_key(s->roster, order->to);
    if (n == NULL) {
        return SANJI_E_NOT_FOUND;
    }
    if (node_id_cmp(&n->id, &s->self.id) == 0) {
        return SANJI_E_SPEC;
    }
    if (n->state != NODE_ACTIVE || k == NULL) {
        return n->state == NODE_CLOSED ? SANJI_E_CLOSED : SANJI_E_REVOKED;
    }
    o->has_to = true;
    o->to = n->id;
    o->seal = order->seal;
    memcpy(o->seal_pub, k->seal, SEAL_PUB_LEN);
    return 0;
}

static int limit_of(int64_t part_bytes, int64_t *ret)
{
    int64_t n = part_bytes < LIM_FERRY_PART_BYTES ? part_bytes : LIM_FERRY_PART_BYTES;
    n -= RESERVE + n / 2048; /* a sealed part is a 4096th larger */
    *ret = n;
    return n > 0 ? 0 : SANJI_E_SPEC;
}

static int begin(struct sync_ferry_out *o, const struct sync_ferry_order *order)
{
    struct sync *s = o->s;
    int64_t *upto = calloc(s->n_streams + 1, sizeof(*upto));
    int r = upto == NULL ? SANJI_E_NOMEM : 0;
    if (r == 0 && o->has_to && !order->full) {
        r = base_load(o, upto);
    }
    if (r == 0) {
        r = collect(o, upto);
    }
    free(upto);
    if (r == 0) {
        r = part_begin(o);
    }
    if (r < 0) {
        return r;
    }
    struct ferry_writer *w = &o->part[0].w;
    /* To a node it is a statement, and what is left out of one counts as not held. */
    r = o->has_to ? sync__ferry_have(s, o->to.s, false, &o->have, &w->lines)
                  : sync__ferry_have(s, NULL, o->trust, &o->have, &w->lines);
    if (r == 0 && o->have.len > 0) {
        w->bytes += (int64_t)o->have.len;
        r = hash_update(&w->sha, o->have.data, o->have.len);
    }
    return r < 0 ? r : number_next(s, &o->about.no);
}

int sync_ferry_out_new(struct sync *s, const struct sync_tick *t,
                       const struct sync_ferry_order *order, struct sync_ferry_out **ret)
{
    struct sync_ferry_out *o = calloc(1, sizeof(*o));
    if (o == NULL) {
        return SANJI_E_NOMEM;
    }
    s->tick = *t;
    s->rnd_n = 0;
    o->s = s;
    o->trust = order->trust;
    o->about.ts = t->now_ms;
    buf_init(&o->have, FERRY_HAVE_MAX);
    buf_init(&o->scratch, LIM_MESSAGE_BYTES);
    buf_init(&o->end, 4096);
    int r = sync__fresh(s);
    if (r == 0) {
        r = recipient(o, order);
    }
    if (r == 0) {
        r = limit_of(order->part_bytes, &o->limit);
    }
    if (r == 0 && o->has_to) {
        r = sync__ferry_ask(s, &o->to);
    }
    if (r == 0) {
        r = begin(o, order);
    }
    if (r < 0) {
        sync_ferry_out_free(o);
        return r;
    }
    *ret = o;
    return 0;
}

const struct sync_ferry_about *sync_ferry_out_about(const struct sync_ferry_out *o)
{
    return &o->about;
}

void sync_ferry_out_free(struct sync_ferry_out *o)
{
    if (o == NULL) {
        return;
    }
    for (size_t i = 0; i < o->n_part; i++) {
        ferry_abort(&o->part[i].w);
        free(o->part[i].v);
    }
    if (o->sum.p != NULL) {
        hash_abort(&o->sum);
    }
    ferry_seal_abort(&o->sealer);
    free(o->part);
    free(o->todo);
    buf_done(&o->have);
    buf_done(&o->scratch);
    buf_done(&o->end);
    free(o);
}

/* ---- giving ---- */

static int emit(struct sync_ferry_out *o, struct span bytes)
{
    int r = 0;
    while (r == 0 && bytes.n > 0) {
        struct span x = span_of(bytes.p, bytes.n < PIECE ? bytes.n : (size_t)PIECE);
        bytes = span_of(bytes.p + x.n, bytes.n - x.n);
        if (!o->seal) {
            r = o->sink(x.p, x.n, o->sink_arg);
            continue;
        }
        buf_reset(&o->scratch);
        r = ferry_seal_put(&o->sealer, x, &o->scratch);
        if (r == 0 && o->scratch.len > 0) {
            r = o->sink(o->scratch.data, o->scratch.len, o->sink_arg);
        }
    }
    return r;
}

static int emit_body(struct sync_ferry_out *o, struct span bytes)
{
    int r = bytes.n > 0 ? hash_update(&o->sum, bytes.p, bytes.n) : 0;
    return r < 0 ? r : emit(o, bytes);
}

static int open_seal(struct sync_ferry_out *o)
{
    uint8_t rnd[96];
    sync__random(o->s, rnd, sizeof(rnd));
    buf_reset(&o->scratch);
    int r = ferry_seal_begin(&o->sealer, o->s->fc, &o->to, o->seal_pub, rnd, &o->scratch);
    mem_wipe(rnd, sizeof(rnd));
    return r < 0 ? r : o->sink(o->scratch.data, o->scratch.len, o->sink_arg);
}

static int give_first(struct sync_ferry_out *o, int64_t part)
{
    struct sync *s = o->s;
    const struct key_id *kid;
    struct ferry_manifest m = {.v = 1,
                               .by = s->self.id.s,
                               .to = o->has_to ? o->to.s : NULL,
                               .no = o->about.no,
                               .ts = o->about.ts,
                               .part = part,
                               .parts = o->about.parts};
    struct buf first;
    buf_init(&first, 16384);
    memcpy(m.g, s->self.g, HASH_LEN);
    int r = sync_roster_version(s, m.rv);
    buf_reset(&o->end);
    if (r == 0) {
        r = ferry_finish(&o->part[part - 1].w, &m, sync__login_key(s, &kid), &o->end, &first);
    }
    if (r == 0) {
        memcpy(o->want, m.sha, HASH_LEN);
        r = hash_init(&o->sum);
    }
    if (r == 0 && o->seal) {
        r = open_seal(o);
    }
    if (r == 0) {
        r = emit(o, span_of(first.data, first.len));
    }
    if (r == 0 && part == 1) {
        r = emit_body(o, span_of(o->have.data, o->have.len));
    }
    buf_done(&first);
    o->now = part;
    o->at_range = 0;
    o->at_seq = -1;
    return r;
}

static int give_row(const struct sync_bundle_row *row, void *arg)
{
    struct planning *p = arg;
    if (row->seq > p->to) {
        return 1;
    }
    int r = emit_body(p->o, row->frame);
    p->last = row->seq;
    p->left -= (int64_t)row->frame.n;
    return r < 0 ? r : p->left <= 0 ? 1 : 0;
}

static int give_last(struct sync_ferry_out *o)
{
    uint8_t sum[HASH_LEN];
    int r = emit_body(o, span_of(o->end.data, o->end.len));
    if (r == 0) {
        r = hash_final(&o->sum, sum);
    }
    if (r == 0 && memcmp(sum, o->want, HASH_LEN) != 0) {
        r = SANJI_E_BUSY;
    }
    if (r == 0 && o->seal) {
        buf_reset(&o->scratch);
        r = ferry_seal_end(&o->sealer, &o->scratch);
        r = r < 0 ? r : o->sink(o->scratch.data, o->scratch.len, o->sink_arg);
    }
    o->now = 0;
    return r;
}

int sync_ferry_out_part(struct sync_ferry_out *o, const struct sync_tick *t, int64_t part,
                        int64_t budget, sync_ferry_sink *sink, void *arg)
{
    struct sync *s = o->s;
    if (part < 1 || part > o->about.parts || (o->now != 0 && o->now != part)) {
        return SANJI_E_BUG;
    }
    s->tick = *t;
    s->rnd_n = 0;
    o->sink = sink;
    o->sink_arg = arg;
    int r = sync__fresh(s);
    if (r == 0 && o->now == 0) {
        r = give_first(o, part);
    }
    const struct part *p = &o->part[part - 1];
    while (r == 0 && o->at_range < p->n && budget > 0) {
        const struct range *x = &p->v[o->at_range];
        int64_t after = o->at_seq < 0 ? x->after : o->at_seq;
        struct planning g = {.o = o, .to = x->to, .last = after, .left = budget};
        r = s->st->bundles(s->st->ctx, s->streams[x->idx].row.no, after, QUANTUM, give_row, &g);
        r = r > 0 ? 0 : r;
        budget = g.left;
        bool over = g.last >= x->to || g.last == after;
        o->at_range += over;
        o->at_seq = over ? -1 : g.last;
    }
    if (r == 0 && o->at_range < p->n) {
        return 1;
    }
    return r < 0 ? r : give_last(o);
}

int sync_ferry_out_done(struct sync_ferry_out *o, const struct sync_tick *t)
{
    struct sync *s = o->s;
    struct sync_ferry_note note;
    if (!o->has_to || o->trust) { /* what it left out still has to be carried */
        return 0;
    }
    int r = sync__tx_begin(s);
    if (r < 0) {
        return r;
    }
    r = sync_ferry_note_get(s, o->to.s, &note);
    if (r == 0 || r == SANJI_E_NOT_FOUND) {
        note.out_no = o->about.no;
        note.out_at = t->now_ms;
        r = sync__ferry_note_put(s, o->to.s, &note);
    }
    return sync__tx_end(s, r);
}
