/* SPDX-License-Identifier: Apache-2.0 */
/* Names what differs between a store and one that derived everything again from its bundles: heads,
 * facts beside a bundle, parked items, rows of the views. Row and stream numbers are each store's
 * own and are not compared. */
#include "node/store/internal.h"
#include "protocol/base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHERE_BYTES = LIM_AUD_BYTES + LIM_ID_BYTES + 128 };

struct heads {
    struct sync_stream_row *v;
    size_t n, cap;
    int err;
};

struct put_by { /* a parked item, by the stream's key and not its number */
    const struct stream_key *key;
    int64_t seq, idx;
    int reason;
    bool discarded;
    char member[64];
};

struct parked_list {
    const struct heads *h;
    struct put_by *v;
    size_t n, cap;
    int64_t lost; /* of a stream that is not there */
};

struct compare {
    struct store *held, *again;
    struct heads h, g;
    const struct store_compare *c;
    int64_t n, listed; /* differences in all; told of the part at hand */
};

static int tell(struct compare *c, const char *what, const char *where, int err, const char *member)
{
    c->n++;
    if (c->c->differs != NULL && c->listed++ < c->c->limit) {
        c->c->differs(what, where, err, member, c->c->arg);
    }
    return 0;
}

static void stream_name(const struct stream_key *k, int64_t seq, char out[static WHERE_BYTES])
{
    int n = snprintf(out, WHERE_BYTES, "%s/%s/%u", k->by.s, k->aud, (unsigned)k->ep);
    if (seq > 0 && n > 0 && n < WHERE_BYTES) {
        (void)snprintf(out + n, WHERE_BYTES - (size_t)n, "/%lld", (long long)seq);
    }
}

static int tell_bundle(struct compare *c, const char *what, const struct sync_stream_row *st,
                       int64_t seq, int err, const char *member)
{
    char where[WHERE_BYTES];
    stream_name(&st->key, seq, where);
    return tell(c, what, where, err, member);
}

/* ---- streams and bundles ---- */

static int head_add(const struct sync_stream_row *row, void *arg)
{
    struct heads *h = arg;
    if (h->n == h->cap) {
        size_t cap = h->cap == 0 ? 64 : h->cap * 2;
        struct sync_stream_row *v = realloc(h->v, cap * sizeof *v);
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        h->v = v;
        h->cap = cap;
    }
    h->v[h->n++] = *row;
    return 0;
}

static int head_order(const void *a, const void *b)
{
    const struct sync_stream_row *x = a, *y = b;
    return stream_key_cmp(&x->key, &y->key);
}

static int heads_of(struct store *s, struct heads *h)
{
    int r = s->port.streams(s, head_add, h);
    if (r == 0 && h->n > 0) {
        qsort(h->v, h->n, sizeof *h->v, head_order);
    }
    return r;
}

/* Both stores' bundles of one stream. The head is what the bundles say: the row is compared with
 * them, they with what was derived again. */
struct pair {
    struct compare *c;
    const struct sync_stream_row *st; /* held */
    struct store_bundle_fact *v;      /* again */
    size_t n, cap, at;
    int64_t first, last;  /* of the run held; 0: nothing yet */
    bool is_key;          /* the first is of a keyframe */
    uint8_t id[HASH_LEN]; /* of the last, by its bytes as far as they were taken */
};

struct store_bundle_fact {
    int64_t seq, ts, items, raw_bytes;
    int type;
    uint8_t id[HASH_LEN];
};

static int fact_add(const struct sync_bundle_row *row, void *arg)
{
    struct pair *p = arg;
    if (p->n == p->cap) {
        size_t cap = p->cap == 0 ? 256 : p->cap * 2;
        struct store_bundle_fact *v = realloc(p->v, cap * sizeof *v);
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        p->v = v;
        p->cap = cap;
    }
    struct store_bundle_fact *f = &p->v[p->n++];
    *f = (struct store_bundle_fact){row->seq,       row->ts,        row->items,
                                    row->raw_bytes, (int)row->type, {0}};
    memcpy(f->id, row->id, HASH_LEN);
    return 0;
}

static int missing(struct pair *p, int64_t from, int64_t to)
{
    for (int64_t seq = from; seq <= to; seq++) {
        if (p->c->listed >= p->c->c->limit ||
            p->c->c->differs == NULL) { /* a head gone wild: counted, not listed */
            p->c->n += to - seq + 1;
            break;
        }
        (void)tell_bundle(p->c, "missing", p->st, seq, SANJI_E_NOT_FOUND, "");
    }
    return 0;
}

/* A run was begun on both sides after the same bundle: what lies between is not asked for. */
static bool jumped(const struct pair *p, int64_t seq)
{
    for (size_t i = p->at; i < p->n && p->v[i].seq <= seq; i++) {
        if (p->v[i].seq == seq) {
            return p->v[i].type == BUNDLE_KEY && (i == 0 || p->v[i - 1].seq == p->last);
        }
    }
    return false;
}

static int on_fact(const struct sync_bundle_row *row, void *arg)
{
    struct pair *p = arg;
    if (p->last == 0) {
        p->first = row->seq;
        p->is_key = row->type == BUNDLE_KEY;
    } else if (row->seq != p->last + 1 && !jumped(p, row->seq)) {
        (void)missing(p, p->last + 1, row->seq - 1);
    }
    p->last = row->seq;
    memcpy(p->id, row->id, HASH_LEN);
    while (p->at < p->n && p->v[p->at].seq < row->seq) {
        p->at++;
    }
    if (p->at == p->n || p->v[p->at].seq != row->seq) {
        return 0; /* refused, and told so, or void */
    }
    const struct store_bundle_fact *f = &p->v[p->at];
    const char *bad = memcmp(f->id, row->id, HASH_LEN) != 0 ? "id"
                      : f->items != row->items              ? "items"
                      : f->raw_bytes != row->raw_bytes      ? "raw_bytes"
                      : f->ts != row->ts                    ? "ts"
                      : f->type != row->type                ? "type"
                                                            : NULL;
    memcpy(p->id, f->id, HASH_LEN);
    return bad == NULL ? 0 : tell_bundle(p->c, "stored", p->st, row->seq, SANJI_E_CORRUPT, bad);
}

/* `again` NULL: nothing of the stream was taken. */
static int pair_one(struct compare *c, const struct sync_stream_row *st,
                    const struct sync_stream_row *again)
{
    struct pair p = {.c = c, .st = st};
    int r =
        again == NULL ? 0 : c->again->port.bundles(c->again, again->no, 0, SIZE_MAX, fact_add, &p);
    if (r == 0) {
        r = c->held->port.bundles(c->held, st->no, 0, SIZE_MAX, on_fact, &p);
    }
    if (r == SANJI_E_CORRUPT) {
        r = tell_bundle(c, "unreadable", st, p.last + 1, SANJI_E_CORRUPT, "");
    }
    if (r == 0) {
        r = missing(&p, p.last + 1, st->seq);
    }
    bool no_front = again == NULL && p.first > 1; /* a stream begins at 1, or is not taken */
    if (r == 0 && no_front) {
        r = missing(&p, 1, p.first - 1);
    }
    bool frozen = again != NULL && again->frozen;
    const char *bad = st->seq < p.last                                           ? "seq"
                      : st->seq == p.last && memcmp(st->id, p.id, HASH_LEN) != 0 ? "id"
                      : !no_front && p.last > 0 && st->first != p.first          ? "first"
                      : p.last > 0 && st->first > 1 && !p.is_key                 ? "first"
                      : st->frozen != frozen                                     ? "frozen"
                                                                                 : NULL;
    if (r == 0 && bad != NULL && (p.last > 0 || st->seq > 0 || st->frozen)) {
        r = tell_bundle(c, "stream", st, 0, SANJI_E_CORRUPT, bad);
    }
    /* What was derived again may not know more than is held. */
    if (r == 0 && p.n > 0 && p.v[p.n - 1].seq > p.last) {
        r = tell_bundle(c, "stream", st, 0, SANJI_E_CORRUPT, "seq");
    }
    free(p.v);
    return r;
}

static int compare_streams(struct compare *c)
{
    int r = 0;
    for (size_t i = 0, k = 0; r == 0 && i < c->h.n; i++) {
        int x = 1;
        while (k < c->g.n && (x = stream_key_cmp(&c->g.v[k].key, &c->h.v[i].key)) < 0) {
            k++;
        }
        r = pair_one(c, &c->h.v[i], k < c->g.n && x == 0 ? &c->g.v[k] : NULL);
    }
    return r;
}

/* ---- parked items ---- */

static int parked_add(const struct store_parked *p, void *arg)
{
    struct parked_list *l = arg;
    if (l->n == l->cap) {
        size_t cap = l->cap == 0 ? 16 : l->cap * 2;
        struct put_by *v = realloc(l->v, cap * sizeof *v);
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        l->v = v;
        l->cap = cap;
    }
    struct put_by *x = &l->v[l->n];
    *x = (struct put_by){
        .seq = p->seq, .idx = p->idx, .reason = p->reason, .discarded = p->discarded};
    (void)snprintf(x->member, sizeof x->member, "%s", p->member);
    for (size_t i = 0; i < l->h->n && x->key == NULL; i++) {
        x->key = l->h->v[i].no == p->no ? &l->h->v[i].key : NULL;
    }
    if (x->key == NULL) {
        l->lost++;
        return 0;
    }
    l->n++;
    return 0;
}

static int parked_order(const void *a, const void *b)
{
    const struct put_by *x = a, *y = b;
    int c = stream_key_cmp(x->key, y->key);
    if (c == 0 && x->seq != y->seq) {
        c = x->seq < y->seq ? -1 : 1;
    }
    return c != 0 ? c : x->idx < y->idx ? -1 : x->idx > y->idx;
}

static int tell_parked(struct compare *c, const struct put_by *p, int err)
{
    char where[WHERE_BYTES], full[WHERE_BYTES + 24];
    stream_name(p->key, p->seq, where);
    (void)snprintf(full, sizeof full, "%s/%lld", where, (long long)p->idx);
    return tell(c, "parked", full, err, p->member);
}

static int compare_parked(struct compare *c)
{
    struct parked_list a = {.h = &c->h}, b = {.h = &c->g};
    int r = store_parked_list(c->held, parked_add, &a);
    if (r == SANJI_E_CORRUPT) {
        r = tell(c, "page", "parked", SANJI_E_CORRUPT, "");
    }
    if (r == 0) {
        r = store_parked_list(c->again, parked_add, &b);
    }
    if (r == 0 && a.n > 0) {
        qsort(a.v, a.n, sizeof *a.v, parked_order);
    }
    if (r == 0 && b.n > 0) {
        qsort(b.v, b.n, sizeof *b.v, parked_order);
    }
    for (size_t i = 0, k = 0; r == 0 && (i < a.n || k < b.n);) {
        int x = i == a.n ? 1 : k == b.n ? -1 : parked_order(&a.v[i], &b.v[k]);
        if (x > 0) {
            r = tell_parked(c, &b.v[k], SANJI_E_NOT_FOUND);
        } else if (x < 0) { /* put away by staff: it may stand for what is not parked any more */
            r = a.v[i].discarded ? 0 : tell_parked(c, &a.v[i], SANJI_E_EXISTS);
        } else if (a.v[i].reason != b.v[k].reason || strcmp(a.v[i].member, b.v[k].member) != 0) {
            r = tell_parked(c, &a.v[i], SANJI_E_CORRUPT);
        }
        i += x <= 0;
        k += x >= 0;
    }
    for (int64_t i = 0; r == 0 && i < a.lost; i++) {
        r = tell(c, "parked", "-", SANJI_E_EXISTS, "");
    }
    free(a.v);
    free(b.v);
    return r;
}

/* ---- views ---- */

struct col {
    int at;
    const char *name;
};
enum { COLS_MAX = 20, KEYS_MAX = 7 };
struct part {
    enum stmt_id id;
    const char *name;
    int key[KEYS_MAX]; /* columns that order the rows, -1 after the last */
    unsigned ints;     /* bit per column that is a number */
    int show[3];       /* what names a row for people, -1 none */
    int ts, no, seq;   /* writer's clock and the place it may come from, -1 none; ts + 1: receipt */
    struct col col[COLS_MAX];
};

/* clang-format off */
static const struct part parts[] = {
    {Q_REC_WALK, "record", {1, 2, 4, 5, -1}, 0, {1, 3, 2}, 15, 18, 19,
     {{3, "kind"}, {6, "major"}, {7, "r"}, {8, "wd"}, {9, "title"}, {10, "state"}, {11, "area"},
      {12, "since"}, {13, "d"}, {14, "leaf"}, {17, "ep"}, {19, "seq"}, {20, "idx"}, {21, "vis"}, {22, "no"}}},
    {Q_BLOB_REF_WALK, "file", {0, 1, 2, 3, 4, -1}, 0, {0, 1, 4}, -1, -1, -1, {{5, "len"}}},
    {Q_EV_WALK, "event", {0, 2, 1, 6, 3, 4, 14}, 1u << 6, {0, 2, 1}, 7, 10, 11,
     {{5, "major"}, {9, "ep"}, {11, "seq"}, {12, "idx"}, {13, "d"}, {15, "vis"}, {16, "key"},
      {17, "no"}}},
    {Q_REF_WALK, "referral", {0, 1, 8, 9, 12, 14, -1}, 1u << 8 | 1u << 9, {0, 1, -1}, -1, -1, -1,
     {{2, "peer"}, {3, "state"}, {4, "cancel"}, {5, "success"}, {6, "ignored"}, {7, "events"},
      {10, "seen"}, {11, "ev"}, {13, "day"}, {15, "d"}, {16, "peer"}, {17, "vis"}, {18, "ep"},
      {19, "seq"}, {20, "idx"}, {21, "key"}, {22, "no"}}},
    {Q_COUNT_WALK, "count", {0, 1, 2, 3, 4, 5, -1}, 1u << 4, {0, 1, -1}, -1, -1, -1,
     {{6, "n"}, {7, "sum"}}},
    {Q_LANE_ALL, "digest", {0, 1, -1}, 0, {0, 1, -1}, -1, -1, -1,
     {{2, "c"}, {3, "s"}}},
};
/* clang-format on */

static int span_order(struct span a, struct span b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n == 0 ? 0 : memcmp(a.p, b.p, n);
    return c != 0 ? c : a.n < b.n ? -1 : a.n > b.n;
}

static int row_order(const struct part *p, struct q *a, struct q *b)
{
    int c = 0;
    for (int i = 0; c == 0 && i < KEYS_MAX && p->key[i] >= 0; i++) {
        if ((p->ints >> p->key[i] & 1u) != 0) {
            int64_t x = q_col_int(a, p->key[i]), y = q_col_int(b, p->key[i]);
            c = x < y ? -1 : x > y;
        } else {
            c = span_order(q_col_span(a, p->key[i]), q_col_span(b, p->key[i]));
        }
    }
    return c;
}

static int tell_row(struct compare *c, const struct part *p, struct q *q, const char *what, int err,
                    const char *member)
{
    char where[WHERE_BYTES] = "";
    size_t n = 0;
    for (int i = 0; i < 3 && p->show[i] >= 0 && n < sizeof where; i++) {
        int k = snprintf(where + n, sizeof where - n, "%s%s", i > 0 ? "/" : "",
                         q_col_text(q, p->show[i]));
        n += k > 0 ? (size_t)k : 0;
    }
    char full[WHERE_BYTES + 16];
    (void)snprintf(full, sizeof full, "%s %s", p->name, where);
    return tell(c, what, full, err, member);
}

/* A keyframe says an old form again: whoever knew it keeps the clocks it was first said and taken
 * at, which nothing stored shows any more; others have those of the bundle the row stands in. */
static const char *wrong_clock(struct compare *c, const struct part *p, struct q *a, struct q *b)
{
    static const char *const name[] = {"ts", "got"};
    const char *wrong = NULL;
    for (int i = 0; i < 2 && wrong == NULL; i++) {
        int64_t ms = q_col_int(a, p->ts + i);
        struct q q;
        if (ms == q_col_int(b, p->ts + i)) {
            continue;
        }
        q_begin(&q, &c->held->db, Q_BUNDLE_TIME);
        q_int(&q, store__pos(q_col_int(a, p->no), q_col_int(a, p->seq)));
        bool same = q_row(&q) && (q_col_int(&q, i) == ms || q_col_int(&q, 2) == BUNDLE_KEY);
        wrong = q_end(&q) == 0 && same ? NULL : name[i];
    }
    return wrong;
}

/* Is the row known to come from a bundle that is damaged? Then that is what has to be mended. */
static const char *word(const struct compare *c, const struct part *p, struct q *a,
                        const char *other)
{
    bool damaged = c->c->damaged != NULL && p->no >= 0 &&
                   c->c->damaged(q_col_int(a, p->no), q_col_int(a, p->seq), c->c->damaged_arg);
    return damaged ? "unproven" : other;
}

static int compare_row(struct compare *c, const struct part *p, struct q *a, struct q *b)
{
    for (size_t i = 0; i < COLS_MAX && p->col[i].name != NULL; i++) {
        int at = p->col[i].at;
        if (span_order(q_col_span(a, at), q_col_span(b, at)) != 0) {
            return tell_row(c, p, a, word(c, p, a, "altered"), SANJI_E_CORRUPT, p->col[i].name);
        }
    }
    const char *wrong = p->ts >= 0 ? wrong_clock(c, p, a, b) : NULL;
    return wrong == NULL ? 0 : tell_row(c, p, a, "altered", SANJI_E_CORRUPT, wrong);
}

static int compare_part(struct compare *c, const struct part *p)
{
    struct q a, b;
    int r = 0;
    q_begin(&a, &c->held->db, p->id);
    q_begin(&b, &c->again->db, p->id);
    bool has_a = q_row(&a), has_b = q_row(&b);
    while (r == 0 && a.err == 0 && b.err == 0 && (has_a || has_b)) {
        int x = !has_a ? 1 : !has_b ? -1 : row_order(p, &a, &b);
        r = x < 0   ? tell_row(c, p, &a, word(c, p, &a, "extra"), SANJI_E_EXISTS, "")
            : x > 0 ? tell_row(c, p, &b, "absent", SANJI_E_NOT_FOUND, "")
                    : compare_row(c, p, &a, &b);
        has_a = x <= 0 ? q_row(&a) : has_a;
        has_b = x >= 0 ? q_row(&b) : has_b;
    }
    int ea = q_end(&a), eb = q_end(&b);
    if (r == 0 && ea == SANJI_E_CORRUPT) { /* its pages: the rest of this part cannot be read */
        ea = tell(c, "page", p->name, SANJI_E_CORRUPT, "");
    }
    return r < 0 ? r : ea < 0 ? ea : eb;
}

int store_compare(struct store *held, struct store *again, const struct store_compare *with,
                  int64_t *ret_n)
{
    struct compare c = {.held = held, .again = again, .c = with};
    int r = store__lane_flush(held);
    if (r == 0) {
        r = store__lane_flush(again);
    }
    if (r == 0) {
        r = heads_of(held, &c.h);
    }
    if (r == 0) {
        r = heads_of(again, &c.g);
    }
    if (r == 0) {
        r = compare_streams(&c);
    }
    if (r == 0) {
        c.listed = 0;
        r = compare_parked(&c);
    }
    c.listed = 0;
    for (size_t i = 0; r == 0 && i < sizeof parts / sizeof parts[0]; i++) {
        r = compare_part(&c, &parts[i]);
    }
    free(c.h.v);
    free(c.g.v);
    *ret_n = c.n;
    return r;
}
