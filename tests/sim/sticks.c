/* SPDX-License-Identifier: Apache-2.0 */
/* A district without a network (--sticks): no cable leads to it, nor from it to its streets, from
 * the first day to the last. What its nodes write and hear is carried by files, and whoever carries
 * them brings old ones, the same twice, half of one, one whose bits were turned, one that is not
 * meant for that node, or none. Afterwards careful people carry, and by their files alone all must
 * agree. */
#include "tests/sim/sim.h"

#include "sync/ferry.h"

#include <stdio.h>
#include <string.h>

bool sim_sticks;

enum { PART_BYTES = 20000, ROUNDS = 30 };

/* Is the line between this node and its parent a pocket with a stick in it? */
bool sim_by_stick(const struct sim *m, int i)
{
    const struct world *w = &m->w;
    return m->stuck >= 0 && i > 0 && (i == m->stuck || w->node[i].up == m->stuck);
}

void sim_sticks_cut(struct sim *m)
{
    for (int i = 0; i < m->w.n; i++) {
        m->w.node[i].cut = m->w.node[i].cut || sim_by_stick(m, i);
    }
}

void sim_sticks_draw(struct sim *m)
{
    struct world *w = &m->w;
    m->stuck = -1;
    if (!sim_sticks) {
        return;
    }
    m->hostile = m->withholds = m->steals = m->restores = false; /* they speak by line */
    for (int i = 1; i < w->n; i++) {
        if (w->node[i].lv == 30 && w->node[i].joined && (m->stuck < 0 || world_chance(w, 400))) {
            m->stuck = i;
        }
    }
    sim_sticks_cut(m);
}

static void broken(struct sim *m, const struct sim_stick *s, const char *what, int err)
{
    if (m->w.leak[0] == '\0') {
        (void)snprintf(m->w.leak, sizeof(m->w.leak), "stick %s to %s, kind %d: %s (%s)",
                       m->w.node[s->from].name, m->w.node[s->to].name, (int)s->kind, what,
                       err_name(err));
    }
}

/* A call of the engine of node i has ended: it may have been its last. */
static int after(struct sim *m, int i, int r)
{
    struct wnode *n = &m->w.node[i];
    r = world_out(&m->w, i, r);
    if (n->crash_armed && mem_store_failed(n->mem)) {
        return SANJI_E_IO;
    }
    return r;
}

void sim_stick_drop(struct sim_stick *s)
{
    for (size_t i = 0; i < s->n; i++) {
        buf_done(&s->part[i]);
    }
    *s = (struct sim_stick){.n = 0};
}

static int sink(const void *p, size_t n, void *arg)
{
    return buf_put(arg, p, n);
}

/* ---- making one ---- */

static int fill(struct sim *m, struct sim_stick *s)
{
    struct world *w = &m->w;
    struct wnode *n = &w->node[s->from];
    struct sync_ferry_out *o = NULL;
    struct sync_tick t;
    struct sync_ferry_order order = {.to = s->kind == SK_ALL ? NULL : w->node[s->to].id.s,
                                     .full = s->kind == SK_FULL,
                                     .seal = s->kind == SK_SEALED,
                                     .trust = s->kind == SK_TRUST,
                                     .part_bytes =
                                         s->kind == SK_PARTS ? PART_BYTES : LIM_FERRY_PART_BYTES};
    world_tick(w, s->from, &t);
    int r = after(m, s->from, (world_in(w, s->from), sync_ferry_out_new(n->s, &t, &order, &o)));
    while (r >= 0 &&
           (r = after(m, s->from, (world_in(w, s->from), sync_ferry_out_plan(o, 20000)))) > 0) {
    }
    int64_t parts = r < 0 ? 0 : sync_ferry_out_about(o)->parts;
    r = parts > SIM_STICK_PARTS ? SANJI_E_SIZE : r;
    for (int64_t i = 1; r >= 0 && i <= parts; i++) {
        struct buf *b = &s->part[s->n++];
        buf_init(b, (size_t)16 << 20);
        do {
            world_tick(w, s->from, &t);
            r = after(m, s->from,
                      (world_in(w, s->from), sync_ferry_out_part(o, &t, i, 20000, sink, b)));
        } while (r > 0);
    }
    world_tick(w, s->from, &t);
    r = r < 0 ? r : after(m, s->from, (world_in(w, s->from), sync_ferry_out_done(o, &t)));
    sync_ferry_out_free(o);
    return r;
}

static int make(struct sim *m, int from, int to, enum sim_stick_kind kind, struct sim_stick *s)
{
    struct world *w = &m->w;
    struct sync_tick t;
    int r;
    *s = (struct sim_stick){.from = from, .to = to, .kind = kind, .made = ++m->stick_no};
    if (!w->node[from].running || w->node[from].revoked) {
        return SANJI_E_CLOSED;
    }
    if (kind == SK_RECEIPT) {
        buf_init(&s->part[s->n++], (size_t)16 << 20);
        world_tick(w, from, &t);
        r = after(m, from,
                  (world_in(w, from),
                   sync_ferry_receipt(w->node[from].s, &t, w->node[to].id.s, sink, &s->part[0])));
    } else {
        r = fill(m, s);
    }
    (void)world_died(&m->w, from);
    if (r < 0) {
        sim_stick_drop(s);
        return r;
    }
    world_event(w, from, SEV_LOCAL); /* an epoch may have been opened for it */
    return 0;
}

/* ---- taking one ---- */

static int take_part(struct sim *m, int to, struct span file, struct sync_ferry_report *ret)
{
    struct world *w = &m->w;
    struct sync_ferry_in *in = NULL;
    struct sync_tick t;
    size_t step = (size_t)world_range(w, 500, 70000);
    int r = sync_ferry_in_new(w->node[to].s, NULL, NULL, &in);
    for (size_t at = 0; r == 0 && at < file.n; at += step) {
        size_t n = file.n - at < step ? file.n - at : step;
        r = sync_ferry_in_give(in, span_of(file.p + at, n));
        r = r == 0 && at + n == file.n ? sync_ferry_in_give(in, span_of(file.p, 0)) : r;
        do {
            world_tick(w, to, &t);
            r = r < 0 ? r : after(m, to, (world_in(w, to), sync_ferry_in_run(in, &t, 20000)));
        } while (r > 0);
    }
    *ret = r < 0 ? (struct sync_ferry_report){.err = r} : *sync_ferry_in_report(in);
    sync_ferry_in_free(in);
    (void)world_died(&m->w, to);
    world_event(w, to, SEV_LOCAL);
    return r;
}

/* What was carried unchanged to whom it is meant for is taken, unless a key of it was cut. */
static void judge(struct sim *m, const struct sim_stick *s, enum sim_stick_fault f,
                  const struct sync_ferry_report *rep)
{
    bool is_whole = f == SF_GOOD || f == SF_AGAIN || f == SF_OLD;
    if (is_whole && rep->err < 0 && !m->revokes) {
        broken(m, s, "a whole file was refused", rep->err);
    }
    if (is_whole && rep->refused > 0 && !m->revokes) {
        broken(m, s, "something in a whole file was refused", rep->err);
    }
    /* Under a key that is not known nothing counts but what proves itself (PROTOCOL.md 16.2). */
    if (!is_whole && rep->err >= 0 && (rep->vouched || f == SF_TORN)) {
        broken(m, s, "a file counted as whole that is not, or is another's", rep->err);
    }
    if (f == SF_WRONG && rep->stored > 0) {
        broken(m, s, "another node took of it", rep->err);
    }
}

static void hurt(struct sim *m, enum sim_stick_fault f, struct buf *b)
{
    struct world *w = &m->w;
    if (f == SF_TORN) {
        b->len = (size_t)world_range(w, 1, (int64_t)b->len - 1);
    }
    w->garbled = w->garbled || f == SF_TURNED;
    for (int64_t k = f == SF_TURNED ? world_range(w, 1, 8) : 0; k > 0; k--) {
        size_t at = (size_t)world_range(w, 0, (int64_t)b->len - 1);
        b->data[at] = (uint8_t)(b->data[at] ^ (uint8_t)world_range(w, 1, 255));
    }
}

/* The first frame is vouched for by what it says, everything behind it byte by byte: bits that its
 * compression does not use may turn. */
static bool says_the_same(struct span was, struct span is)
{
    struct frame_ctx *fc = frame_ctx_new();
    struct buf a, b;
    size_t n = 0, k = 0;
    buf_init(&a, LIM_BUNDLE_BYTES);
    buf_init(&b, LIM_BUNDLE_BYTES);
    bool same = fc != NULL && was.n == is.n && frame_unpack(fc, was, &a, &n) == 0 &&
                frame_unpack(fc, is, &b, &k) == 0 && n == k && a.len == b.len &&
                memcmp(a.data, b.data, a.len) == 0 && memcmp(was.p + n, is.p + n, was.n - n) == 0;
    buf_done(&a);
    buf_done(&b);
    frame_ctx_free(fc);
    return same;
}

/* Every part of it; one of them meets the fault. */
static void give(struct sim *m, const struct sim_stick *s, int to, enum sim_stick_fault f)
{
    struct world *w = &m->w;
    struct sync_ferry_report rep;
    size_t hit = s->n > 1 ? (size_t)world_range(w, 0, (int64_t)s->n - 1) : 0;
    for (size_t i = 0; i < s->n && w->node[to].running; i++) {
        struct buf b;
        buf_init(&b, (size_t)16 << 20);
        int r = buf_put(&b, s->part[i].data, s->part[i].len);
        bool is_hurt = i == hit && (f == SF_TORN || f == SF_TURNED);
        if (is_hurt) {
            hurt(m, f, &b);
        }
        bool changed = is_hurt && !says_the_same(span_of(s->part[i].data, s->part[i].len),
                                                 span_of(b.data, b.len));
        r = r < 0 ? r : take_part(m, to, span_of(b.data, b.len), &rep);
        buf_done(&b);
        if (r < 0) { /* its store failed, or it died: the file is given again some day */
            m->stick[SF_BROKEN][s->kind]++;
            return;
        }
        judge(m, s, f == SF_WRONG || changed ? f : SF_GOOD, &rep);
    }
    if (f == SF_GOOD || f == SF_AGAIN || f == SF_OLD) {
        int64_t *newest = &m->stick_newest[s->from][s->to];
        *newest = s->made > *newest ? s->made : *newest;
    }
    m->stick[f][s->kind]++;
}

/* ---- in the middle of everything ---- */

static bool draw_edge(struct sim *m, int *ret_from, int *ret_to)
{
    struct world *w = &m->w;
    int at = (int)world_range(w, 0, w->n - 1);
    for (int k = 0; k < w->n; k++) {
        int i = (at + k) % w->n;
        if (sim_by_stick(m, i)) {
            bool up = world_chance(w, 500);
            *ret_from = up ? i : w->node[i].up;
            *ret_to = up ? w->node[i].up : i;
            return true;
        }
    }
    return false;
}

static void carry_away(struct sim *m)
{
    struct world *w = &m->w;
    int from, to;
    struct sim_stick *free_one = NULL;
    for (size_t i = 0; i < SIM_DRAWER; i++) {
        free_one = m->drawer[i].n == 0 ? &m->drawer[i] : free_one;
    }
    if (free_one == NULL || !draw_edge(m, &from, &to)) {
        return;
    }
    /* Most are what people make: what is new. */
    int64_t k = world_range(w, 0, SK_COUNT + 3);
    (void)make(m, from, to, k < SK_COUNT ? (enum sim_stick_kind)k : SK_NEW, free_one);
}

static void arrive(struct sim *m)
{
    struct world *w = &m->w;
    size_t at = (size_t)world_range(w, 0, SIM_DRAWER - 1);
    struct sim_stick *s = &m->drawer[at];
    for (size_t k = 0; s->n == 0 && k < SIM_DRAWER; k++) {
        s = &m->drawer[(at + k) % SIM_DRAWER];
    }
    if (s->n == 0) {
        return;
    }
    enum sim_stick_fault f =
        world_chance(w, 400) ? (enum sim_stick_fault)world_range(w, 1, SF_WRONG) : SF_GOOD;
    f = f == SF_GOOD && s->made < m->stick_newest[s->from][s->to] ? SF_OLD : f;
    int to = s->to;
    if (f == SF_WRONG) {
        to = (int)world_range(w, 0, w->n - 1);
        if (to == s->to || s->kind == SK_ALL || !w->node[to].joined) {
            return;
        }
    }
    if (f == SF_OLD && s->made >= m->stick_newest[s->from][s->to]) {
        f = SF_GOOD;
    }
    if (f == SF_LOST) {
        m->stick[f][s->kind]++;
    } else if (w->node[to].running) {
        give(m, s, to, f);
    } else {
        return;
    }
    if (f != SF_AGAIN && !(f == SF_WRONG || f == SF_TORN || f == SF_TURNED)) {
        sim_stick_drop(s);
    }
}

void sim_stick_act(struct sim *m)
{
    if (m->stuck < 0) {
        return;
    }
    for (int k = 0; k < 3; k++) {
        if (world_chance(&m->w, 500)) {
            carry_away(m);
        } else {
            arrive(m);
        }
    }
}

/* ---- careful people ---- */

static void bring(struct sim *m, int from, int to)
{
    struct sim_stick s;
    if (m->w.node[to].running && make(m, from, to, SK_NEW, &s) == 0) {
        give(m, &s, to, SF_GOOD);
        sim_stick_drop(&s);
    }
}

/* Upwards from the streets, then down again. */
void sim_stick_round(struct sim *m)
{
    const struct world *w = &m->w;
    if (m->stuck < 0) {
        return;
    }
    for (int i = 1; i < w->n; i++) {
        if (sim_by_stick(m, i) && i != m->stuck) {
            bring(m, i, m->stuck);
        }
    }
    bring(m, m->stuck, w->node[m->stuck].up);
    world_run(&m->w, 1000);
    bring(m, w->node[m->stuck].up, m->stuck);
    for (int i = 1; i < w->n; i++) {
        if (sim_by_stick(m, i) && i != m->stuck) {
            bring(m, m->stuck, i);
        }
    }
}

void sim_sticks_done(struct sim *m)
{
    for (size_t i = 0; i < SIM_DRAWER; i++) {
        sim_stick_drop(&m->drawer[i]);
    }
}

bool sim_sticks_met(int64_t met[SF_COUNT][SK_COUNT])
{
    static const char *const fault[SF_COUNT] = {"whole",  "old",  "again",     "torn",
                                                "turned", "lost", "another's", "broken off"};
    static const char *const kind[SK_COUNT] = {"new",   "full",    "sealed", "in parts",
                                               "trust", "receipt", "to all"};
    bool all = true;
    for (int f = 0; f < SF_COUNT; f++) {
        printf("  %-12s", fault[f]);
        for (int k = 0; k < SK_COUNT; k++) {
            bool can = f == SF_BROKEN ? k == SK_NEW : f != SF_WRONG || k != SK_ALL;
            printf(" %s %lld%s", kind[k], (long long)met[f][k],
                   can && met[f][k] == 0 ? " NEVER" : "");
            all = all && (!can || met[f][k] > 0);
        }
        printf("\n");
    }
    return all;
}
