/* SPDX-License-Identifier: Apache-2.0 */
/* What an own keyframe passes over without its writer having known of it. Everybody drops what
 * stands before a keyframe (PROTOCOL.md 15.2), and rightly so, since what is live was said again.
 * But a node that was put back has two pasts:
 *
 * - It goes on in a new epoch and compacts that, and then a neighbour brings what it had said
 * before. With each own keyframe is remembered how far the other epochs of the lane were held:
 * "keyed/NO" is where the run of stream NO began, "keyed/NO/OTHER" the head of each other one.
 * - It goes on, and then a neighbour brings a keyframe it had written before. That one names how
 * far the other epochs were held when it was written; what lies beyond was not known. Of an epoch
 * it does not name (a version before named none) what it dated later is what it has written since.
 *
 * Both are published again. A wrong clock can only make it say again what had been superseded, or
 * leave out what it dated years back, unless this very process wrote it: that is in no backup. */
#include "sync/keyframe.h"

#include "protocol/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 64 };

static int get(const struct sync *s, const char *name, int64_t *ret)
{
    struct buf v;
    buf_init(&v, sizeof(*ret));
    int r = s->st->kv_get(s->st->ctx, name, &v);
    *ret = 0;
    if (r == 0 && v.len == sizeof(*ret)) {
        memcpy(ret, v.data, sizeof(*ret));
    }
    buf_done(&v);
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

static int put(struct sync *s, const char *name, int64_t value)
{
    return s->st->kv_put(s->st->ctx, name, span_of(&value, sizeof(value)));
}

/* The own keyframe of this stream is closed. */
static int keyed(struct sync *s, const struct stream *st, const struct bundle *b)
{
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof(name), "keyed/%lld", (long long)st->row.no);
    int r = put(s, name, b->hdr.kf.from);
    for (int i = sync__stream_first(s, st->row.key.by.s, st->row.key.aud); r == 0 && i >= 0;
         i = s->streams[i].next) {
        const struct stream *o = &s->streams[i];
        if (o->row.no != 0 && o != st) {
            (void)snprintf(name, sizeof(name), "keyed/%lld/%lld", (long long)st->row.no,
                           (long long)o->row.no);
            r = put(s, name, o->row.seq); /* not what lies beyond the end of a key */
        }
    }
    return r;
}

/* ---- what a keyframe says of other epochs ---- */

/* "said/NO/FROM": which own bundles one keyframe let go of, from seq FROM on. What lies between
 * them up to `to` was never here: a keyframe that came back began behind it. */
struct said {
    int64_t seq;    /* of the first element: `to` */
    uint8_t id8[8]; /* of the first element: on which of the days counted */
};

void sync__late_name(const struct sync *s, struct bundle_header *h)
{
    const size_t max = sizeof(h->lnk) / sizeof(h->lnk[0]);
    const struct stream *last = NULL, *best;
    do { /* the newest ones, the one before first */
        best = NULL;
        for (int i = sync__stream_first(s, h->by.s, h->aud); i >= 0; i = s->streams[i].next) {
            const struct stream *o = &s->streams[i];
            bool is_left = last == NULL || stream_key_cmp(&o->row.key, &last->row.key) < 0;
            if (o->row.no != 0 && (int64_t)o->row.key.ep < h->ep && is_left &&
                (best == NULL || stream_key_cmp(&o->row.key, &best->row.key) > 0)) {
                best = o;
            }
        }
        if (best != NULL && !h->has_pe) {
            h->has_pe = h->pe.ok = true;
            h->pe.ep = best->row.key.ep;
            memcpy(h->pe.en, best->row.key.en, sizeof(h->pe.en));
            h->pe.seq = best->row.seq;
            memcpy(h->pe.id, best->row.id, HASH_LEN);
        } else if (best != NULL && best->row.seq > 0) {
            memcpy(h->lnk[h->n_lnk++], best->row.id, HASH_LEN);
        }
        last = best;
    } while (best != NULL && h->n_lnk < max);
}

/* How far a keyframe's writer held stream `st`. */
struct knew {
    int64_t seq; /* -1: it does not say, or what it names is not here */
    const struct bundle_header *h;
};

static bool is_linked(const struct knew *k, const uint8_t *id, size_t n)
{
    for (size_t i = 0; i < k->h->n_lnk; i++) {
        if (memcmp(k->h->lnk[i], id, n) == 0) {
            return true;
        }
    }
    return false;
}

static int look_said(const char *name, struct span list, void *arg)
{
    struct knew *k = arg;
    struct said v;
    (void)name;
    for (size_t at = sizeof(v); at + sizeof(v) <= list.n; at += sizeof(v)) {
        memcpy(&v, list.p + at, sizeof(v));
        k->seq = v.seq > k->seq && is_linked(k, v.id8, sizeof(v.id8)) ? v.seq : k->seq;
    }
    return 0;
}

/* The epoch before it names by its number. Where that bundle is not here it says nothing about what
 * is: that may be of another branch. But what it knew stood before all that is held, if that number
 * did. */
static int knew_before(struct sync *s, const struct stream *st, struct knew *k)
{
    uint8_t id[HASH_LEN];
    int r = s->st->bundle_id(s->st->ctx, st->row.no, k->h->pe.seq, id);
    bool is = r == 0 ? memcmp(id, k->h->pe.id, HASH_LEN) == 0 : k->h->pe.seq < st->row.first;
    k->seq = is ? k->h->pe.seq : -1;
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

/* Looks for what is linked among the bundles that were not looked at yet. Those that were stand
 * here still when the last of them does: each names the one before. */
static int look_on(struct sync *s, const struct stream *st, const struct knew *k,
                   struct late_known *c)
{
    uint8_t id[HASH_LEN];
    int r = c->upto == 0 ? 0 : s->st->bundle_id(s->st->ctx, st->row.no, c->upto, id);
    if (r == SANJI_E_NOT_FOUND || (r == 0 && c->upto != 0 && memcmp(id, c->id, HASH_LEN) != 0)) {
        c->upto = 0;
        r = 0;
    }
    if (c->upto == 0 || c->seq < st->row.first) {
        c->seq = -1;
    }
    int64_t seq = c->upto + 1 > st->row.first ? c->upto + 1 : st->row.first;
    for (seq = seq < 1 ? 1 : seq; r == 0 && seq <= st->kept; seq++) {
        r = s->st->bundle_id(s->st->ctx, st->row.no, seq, id);
        if (r == 0) {
            c->upto = seq;
            memcpy(c->id, id, HASH_LEN);
            c->seq = is_linked(k, id, HASH_LEN) ? seq : c->seq;
        }
        r = r == SANJI_E_NOT_FOUND ? 0 : r;
    }
    return r;
}

/* Others are named by the id alone: that stands here, or was let go of and is remembered. */
static int knew(struct sync *s, const struct stream *st, struct knew *k, struct late_known *c)
{
    char name[NAME_BYTES];
    k->seq = -1;
    if (k->h->has_pe && k->h->pe.ep == (int64_t)st->row.key.ep &&
        memcmp(k->h->pe.en, st->row.key.en, sizeof(k->h->pe.en)) == 0) {
        return knew_before(s, st, k);
    }
    if (k->h->n_lnk == 0) {
        return 0;
    }
    int r = look_on(s, st, k, c);
    if (r == 0 && c->seq < 0 && !c->has_said) {
        (void)snprintf(name, sizeof(name), "said/%lld/", (long long)st->row.no);
        r = s->st->kv_each(s->st->ctx, name, look_said, k);
        c->said = k->seq;
        c->has_said = r >= 0;
    }
    k->seq = c->seq >= 0 ? c->seq : c->said;
    return r < 0 ? r : 0;
}

/* What was found out about the keyframe that ends at `to` of stream `o`, and stream `st`. A few are
 * enough: what comes back comes stream by stream. */
static struct late_known *known_of(struct sync *s, int64_t o, int64_t to, int64_t st)
{
    const size_t max = sizeof(s->late) / sizeof(s->late[0]);
    for (size_t i = 0; i < max; i++) {
        if (s->late[i].o == o && s->late[i].to == to && s->late[i].st == st) {
            return &s->late[i];
        }
    }
    struct late_known *c = &s->late[s->late_next++ % max];
    *c = (struct late_known){.o = o, .to = to, .st = st, .seq = -1, .said = -1};
    return c;
}

void sync__late_forget(struct sync *s)
{
    memset(s->late, 0, sizeof(s->late));
}

struct closing {
    struct sync *s;
    const struct stream *o, *st;
    int64_t ts, knew;
};

static int look_closing(const struct sync_bundle_row *row, void *arg)
{
    struct closing *x = arg;
    struct bundle b;
    struct buf line;
    struct arena *a = arena_new((size_t)64 * 1024); /* the engine's own is in use */
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    int r = a == NULL ? SANJI_E_NOMEM : sync__stored(x->s, row, READ_HEAD, &line, a, &b);
    if (r == 0) {
        struct knew k = {.h = &b.hdr};
        r = knew(x->s, x->st, &k, known_of(x->s, x->o->row.no, row->seq, x->st->row.no));
        x->knew = k.seq;
    }
    x->ts = row->ts;
    buf_done(&line);
    arena_free(a);
    return r < 0 ? r : 1;
}

/* A keyframe of stream o that was not written here, or before this store was put back. */
static int came_back(struct sync *s, const struct stream *o, const struct stream *st, int64_t seq,
                     int64_t ts, bool *ret_by, bool *ret_known)
{
    struct closing x = {.s = s, .o = o, .st = st, .ts = INT64_MAX, .knew = -1};
    int r = s->st->bundles(s->st->ctx, o->row.no, o->base_to - 1, 1, look_closing, &x);
    bool says = x.knew >= 0 && o != st;
    *ret_by = says || ts > x.ts;
    *ret_known = says && seq <= x.knew;
    return r < 0 ? r : 0;
}

/* Is this place before the keyframe of stream o, and did its writer know of it? */
static int passed(struct sync *s, const struct stream *o, const struct stream *st, int64_t seq,
                  int64_t ts, bool *ret_by, bool *ret_known)
{
    char name[NAME_BYTES];
    int64_t from, known = 0;
    *ret_by = *ret_known = false;
    if (!sync__key_under(o, &st->row.key, st->row.no, seq)) {
        return 0;
    }
    (void)snprintf(name, sizeof(name), "keyed/%lld", (long long)o->row.no);
    int r = get(s, name, &from);
    if (r < 0) {
        return r;
    }
    if (from != o->base) {
        return came_back(s, o, st, seq, ts, ret_by, ret_known);
    }
    (void)snprintf(name, sizeof(name), "keyed/%lld/%lld", (long long)o->row.no,
                   (long long)st->row.no);
    r = get(s, name, &known);
    *ret_by = true;
    *ret_known = seq <= known;
    return r;
}

static int taken(struct sync *s, const struct stream *st, const struct bundle *b, struct span frame)
{
    bool unknown = false, known = false;
    int r = 0;
    for (int i = sync__stream_first(s, st->row.key.by.s, st->row.key.aud);
         r == 0 && i >= 0 && !known; i = s->streams[i].next) {
        bool by;
        r = passed(s, &s->streams[i], st, b->hdr.seq, b->hdr.ts, &by, &known);
        unknown = unknown || by;
    }
    return r < 0 || known || !unknown ? r : sync__again_put(s, st, b->hdr.seq, b->id, frame);
}

/* ---- what was said once ---- */

static int said_range(struct sync *s, int64_t no, int64_t from, int64_t to, struct buf *ids)
{
    int r = 0;
    for (int64_t seq = from; r == 0 && seq < to; seq++) {
        uint8_t id[HASH_LEN];
        struct said x = {.seq = seq};
        r = s->st->bundle_id(s->st->ctx, no, seq, id);
        if (r == 0) {
            memcpy(x.id8, id, sizeof(x.id8));
            r = buf_put(ids, &x, sizeof(x));
        }
        r = r == SANJI_E_NOT_FOUND ? 0 : r;
    }
    return r;
}

/* Days on which a keyframe let go of something. They are counted one by one, by what is kept of the
 * stream: a clock that is wrong for once ends nothing. */
struct said_days {
    int64_t n, at;
};

static const char days_name[] = "saiddays";
static const int64_t day_least_ms = (int64_t)20 * 3600 * 1000;

static int today(struct sync *s, int64_t no, int64_t *ret)
{
    struct said_days d = {0};
    int r = sync__kept_get(s, days_name, no, &d, sizeof(d));
    if (r < 0 && r != SANJI_E_NOT_FOUND && r != SANJI_E_CORRUPT) {
        return r;
    }
    bool is_new = d.n == 0 || s->tick.now_ms < d.at || s->tick.now_ms >= d.at + day_least_ms;
    d.n += is_new ? 1 : 0;
    d.at = is_new ? s->tick.now_ms : d.at;
    *ret = d.n;
    return is_new ? sync__kept_set(s, days_name, no, &d, sizeof(d)) : 0;
}

struct old {
    int64_t before;
    char name[NAME_BYTES];
    bool found;
};

static int one_old(const char *name, struct span list, void *arg)
{
    struct old *o = arg;
    struct said to;
    int64_t day = 0;
    if (list.n < sizeof(to)) {
        return 0;
    }
    memcpy(&to, list.p, sizeof(to));
    memcpy(&day, to.id8, sizeof(day));
    o->found = day != 0 && day < o->before; /* a version before wrote a time: never */
    (void)snprintf(o->name, sizeof(o->name), "%s", name);
    return o->found ? 1 : 0;
}

/* Who comes back after so long with something from before brings nothing anew. */
static int said_end(struct sync *s, int64_t no, int64_t day)
{
    struct old o = {.before = day - LIM_SAID_DAYS};
    char name[NAME_BYTES];
    int r = 0;
    (void)snprintf(name, sizeof(name), "said/%lld/", (long long)no);
    do {
        o.found = false;
        r = s->st->kv_each(s->st->ctx, name, one_old, &o);
        if (r >= 0 && o.found) {
            r = s->st->kv_del(s->st->ctx, o.name);
        }
    } while (r >= 0 && o.found);
    return r < 0 ? r : 0;
}

int sync__late_let_go(struct sync *s, size_t idx, int64_t from)
{
    const struct stream *st = &s->streams[idx];
    struct said to = {.seq = from};
    struct key_jump j = {.seq = from - 1, .at = from};
    char name[NAME_BYTES];
    struct buf ids;
    if (node_id_cmp(&st->row.key.by, &s->self.id) != 0 || st->row.first >= from) {
        return 0;
    }
    sync__late_forget(s); /* more is remembered from now on */
    int64_t day = 0;
    int r = today(s, st->row.no, &day);
    if (r < 0) {
        return r;
    }
    memcpy(to.id8, &day, sizeof(to.id8));
    buf_init(&ids, (size_t)1 << 30);
    r = st->jump == 0 ? 0 : sync__kept_get(s, "jump", st->row.no, &j, sizeof(j));
    if (r == 0) {
        r = buf_put(&ids, &to, sizeof(to));
    }
    if (r == 0) {
        r = said_range(s, st->row.no, st->row.first, j.seq + 1, &ids);
    }
    if (r == 0) {
        r = said_range(s, st->row.no, j.at, from, &ids);
    }
    if (r == 0) {
        (void)snprintf(name, sizeof(name), "said/%lld/%lld", (long long)st->row.no,
                       (long long)st->row.first);
        r = s->st->kv_put(s->st->ctx, name, span_of(ids.data, ids.len));
    }
    buf_done(&ids);
    return r < 0 ? r : said_end(s, st->row.no, day);
}

struct reading {
    size_t skip; /* of the name */
    struct buf *ids, *ranges;
};

static int one_said(const char *name, struct span list, void *arg)
{
    struct reading *x = arg;
    struct said v;
    struct late_range range = {0};
    if (list.n < sizeof(v) || list.n % sizeof(v) != 0 ||
        text_i64(name + x->skip, strlen(name + x->skip), 0, INT64_MAX, &range.from) < 0) {
        return SANJI_E_CORRUPT;
    }
    memcpy(&v, list.p, sizeof(v));
    range.to = v.seq;
    int r = buf_put(x->ranges, &range, sizeof(range));
    for (size_t at = sizeof(v); r == 0 && at < list.n; at += sizeof(v)) {
        memcpy(&v, list.p + at, sizeof(v));
        r = buf_put(x->ids, v.id8, sizeof(v.id8));
    }
    return r;
}

int sync__late_said(struct sync *s, int64_t no, struct buf *ids, struct buf *ranges)
{
    char name[NAME_BYTES];
    struct reading x = {.ids = ids, .ranges = ranges};
    (void)snprintf(name, sizeof(name), "said/%lld/", (long long)no);
    x.skip = strlen(name);
    return s->st->kv_each(s->st->ctx, name, one_said, &x);
}

/* ---- a keyframe from before ---- */

struct wrote { /* what this process wrote of an own stream: from `seq` to `last` */
    int64_t no, seq, last;
    uint8_t id[HASH_LEN]; /* of the last */
};

/* Sorted by stream: where it stands, or would. */
static size_t wrote_at(const struct sync *s, int64_t no)
{
    size_t lo = 0, hi = s->n_wrote;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (s->wrote[mid].no < no) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static struct wrote *find(const struct sync *s, int64_t no)
{
    size_t i = wrote_at(s, no);
    return i < s->n_wrote && s->wrote[i].no == no ? &s->wrote[i] : NULL;
}

/* From where on it is this process' own; INT64_MAX: nowhere, or that branch was given up since. */
static int since(const struct sync *s, int64_t no, int64_t *ret)
{
    uint8_t id[HASH_LEN];
    const struct wrote *w = find(s, no);
    int r = w == NULL ? SANJI_E_NOT_FOUND : s->st->bundle_id(s->st->ctx, no, w->last, id);
    *ret = r == 0 && memcmp(id, w->id, HASH_LEN) == 0 ? w->seq : INT64_MAX;
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

static int wrote(struct sync *s, const struct stream *st, const struct bundle *b)
{
    int64_t from;
    int r = since(s, st->row.no, &from);
    if (r < 0) {
        return r;
    }
    struct wrote *w = find(s, st->row.no);
    if (w == NULL) {
        w = realloc(s->wrote, (s->n_wrote + 1) * sizeof(*w));
        if (w == NULL) {
            return SANJI_E_NOMEM;
        }
        s->wrote = w;
        w += wrote_at(s, st->row.no);
        memmove(w + 1, w, (size_t)(s->wrote + s->n_wrote - w) * sizeof(*w));
        s->n_wrote++;
    }
    *w = (struct wrote){.no = st->row.no, .last = b->hdr.seq};
    w->seq = from < b->hdr.seq ? from : b->hdr.seq;
    memcpy(w->id, b->id, HASH_LEN);
    return 0;
}

struct passing {
    struct sync *s;
    const struct stream *st;
    int64_t below, ts, since, knew;
};

static int one_passed(const struct sync_bundle_row *row, void *arg)
{
    const struct passing *p = arg;
    if (row->seq >= p->below) {
        return 1;
    }
    /* A keyframe, too: it stands for others. */
    bool is_later = p->knew >= 0 ? row->seq > p->knew : row->ts > p->ts;
    bool is_since = row->items > 0 && (is_later || row->seq >= p->since);
    return is_since ? sync__again_put(p->s, p->st, row->seq, row->id, row->frame) : 0;
}

int sync__late_passed(struct sync *s, size_t idx, const struct bundle *b)
{
    const struct stream *st = &s->streams[idx];
    int r = 0;
    if (!b->hdr.has_kf || s->writing || s->witness ||
        node_id_cmp(&st->row.key.by, &s->self.id) != 0) {
        return 0;
    }
    for (int i = sync__stream_first(s, st->row.key.by.s, st->row.key.aud); r >= 0 && i >= 0;
         i = s->streams[i].next) {
        const struct stream *o = &s->streams[i];
        struct passing p = {s, o, o == st ? b->hdr.kf.from : INT64_MAX, b->hdr.ts, 0, -1};
        if (o->row.no != 0 && (o == st || o->row.key.ep < st->row.key.ep)) {
            struct knew k = {.seq = -1, .h = &b->hdr};
            r = since(s, o->row.no, &p.since);
            struct late_known c = {.seq = -1, .said = -1};
            r = r < 0 || o == st ? r : knew(s, o, &k, &c);
            p.knew = k.seq;
            r = r < 0 ? r : s->st->bundles(s->st->ctx, o->row.no, 0, SIZE_MAX, one_passed, &p);
        }
    }
    return r < 0 ? r : 0;
}

int sync__late_kept(struct sync *s, size_t idx, const struct bundle *b, struct span frame)
{
    const struct stream *st = &s->streams[idx];
    if (s->witness || node_id_cmp(&st->row.key.by, &s->self.id) != 0) {
        return 0;
    }
    if (s->writing) {
        int r = wrote(s, st, b);
        return r < 0 || !b->hdr.has_kf ? r : keyed(s, st, b);
    }
    return b->hdr.n > 0 ? taken(s, st, b, frame) : 0;
}
