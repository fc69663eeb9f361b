/* SPDX-License-Identifier: Apache-2.0 */
/* Keyframes of others, and one's own come back (PROTOCOL.md 15.2): a run is taken as it comes, and
 * with its last bundle, when the whole of it is held, everything before is let go. */
#include "sync/keyframe.h"

#include <string.h>

static int load_jump(struct sync *s, struct stream *st, const void *value)
{
    struct key_jump x;
    (void)s;
    memcpy(&x, value, sizeof(x));
    st->jump = x.at;
    return 0;
}

struct base {
    int64_t from, to;
};

static int load_base(struct sync *s, struct stream *st, const void *value)
{
    struct base x;
    (void)s;
    memcpy(&x, value, sizeof(x));
    st->base = x.from;
    st->base_to = x.to;
    return 0;
}

/* A version before kept it with the views alone. */
static int base_of_lane(struct sync *s, struct stream *st)
{
    struct sync_tally l;
    int r = sync__key_tally(s, &st->row.key, &l);
    if (r == 0 && l.no == st->row.no) {
        st->base = l.from;
        st->base_to = l.to;
    }
    return r;
}

int sync__key_take_load(struct sync *s)
{
    for (size_t i = 0; i < s->n_streams; i++) {
        s->streams[i].jump = s->streams[i].base = s->streams[i].base_to = 0;
    }
    int r = sync__kept_each(s, "jump", sizeof(struct key_jump), load_jump);
    if (r == 0) {
        r = sync__kept_each(s, "base", sizeof(struct base), load_base);
    }
    for (size_t i = 0; r == 0 && i < s->n_streams; i++) {
        struct stream *st = &s->streams[i];
        if (st->row.no != 0 && st->row.first > 1 && st->base == 0) {
            r = base_of_lane(s, st);
        }
    }
    return r;
}

bool sync__key_starts(const struct stream *st, const struct bundle *b)
{
    int64_t head = st->row.no == 0 ? 0 : st->row.seq;
    return b->hdr.t == BUNDLE_KEY && st->aud.type != AUD_TRUST && b->hdr.seq > head + 1 &&
           (!b->hdr.has_kf || b->hdr.kf.from == b->hdr.seq);
}

int sync__key_jump(struct sync *s, struct stream *st, const struct bundle *b)
{
    struct key_jump j = {.at = b->hdr.seq, .seq = st->row.seq};
    memcpy(j.id, st->row.id, HASH_LEN);
    int r = 0;
    if (st->jump != 0) { /* a newer run goes on from where the first one began */
        r = sync__kept_get(s, "jump", st->row.no, &j, sizeof(j));
        j.at = b->hdr.seq;
    }
    if (r == 0) {
        r = sync__kept_set(s, "jump", st->row.no, &j, sizeof(j));
    }
    st->jump = j.at;
    return r;
}

/* Back to the head from before the run; the views follow. */
static int jump_back(struct sync *s, size_t idx)
{
    struct stream *st = &s->streams[idx];
    struct key_jump j = {0};
    int r = sync__kept_get(s, "jump", st->row.no, &j, sizeof(j));
    if (r == 0) {
        r = s->st->stream_cut(s->st->ctx, st->row.no, j.seq, j.id);
    }
    if (r == 0) {
        r = sync__kept_set(s, "jump", st->row.no, NULL, 0);
    }
    if (r < 0) {
        return r;
    }
    st->jump = 0;
    st->row.seq = st->kept = j.seq;
    st->row.first = st->row.first < j.seq ? st->row.first : j.seq;
    memcpy(st->row.id, j.id, HASH_LEN);
    sync__stream_retreated(s, idx);
    return sync__want_trim(s, st);
}

static int keep_one(const struct sync_bundle_row *row, void *arg)
{
    return row->items > 0 ? sync__custody_keep(arg, row) : 0;
}

int sync__key_give_up(struct sync *s, size_t idx)
{
    const struct stream *st = &s->streams[idx];
    int r = s->st->bundles(s->st->ctx, st->row.no, st->jump - 1, SIZE_MAX, keep_one, s);
    r = r < 0 ? r : jump_back(s, idx);
    return r < 0 ? r : sync__redo_add(s, &s->streams[idx].row.key.by);
}

int sync__key_closing(struct sync *s, size_t idx, const struct bundle *b)
{
    const struct stream *st = &s->streams[idx];
    if (b->hdr.t != BUNDLE_KEY || !b->hdr.has_kf || st->jump == 0 || b->hdr.kf.from >= st->jump) {
        return 0;
    }
    struct node_id by = st->row.key.by;
    int r = jump_back(s, idx);
    if (r == 0) {
        r = sync__redo_add(s, &by);
    }
    if (r == 0) {
        r = sync__redo(s);
    }
    return r < 0 ? r : SANJI_E_GAP;
}

/* Is the whole run held that this bundle closes? */
static bool run_held(const struct stream *st, const struct bundle *b)
{
    int64_t low = st->jump != 0 && b->hdr.seq >= st->jump ? st->jump : st->row.first;
    return b->hdr.t == BUNDLE_KEY && b->hdr.has_kf && st->aud.type != AUD_TRUST &&
           b->hdr.kf.from >= low;
}

static int base_set(struct sync *s, struct stream *st, int64_t from, int64_t to)
{
    struct base x = {from, to};
    if (st->base == from && st->base_to == to) {
        return 0;
    }
    st->base = from;
    st->base_to = to;
    return sync__kept_set(s, "base", st->row.no, from == 0 ? NULL : &x, sizeof(x));
}

int sync__key_apply(struct sync *s, const struct bundle *b, const struct sync_bundle_row *row,
                    const struct stream_key *key)
{
    int idx = sync__stream_find(s, key);
    if (idx < 0 || !run_held(&s->streams[idx], b)) {
        return 0;
    }
    struct sync_tally k = {
        .ep = key->ep, .no = row->no, .from = b->hdr.kf.from, .to = b->hdr.kf.to};
    int r = base_set(s, &s->streams[idx], b->hdr.kf.from, b->hdr.seq);
    return r < 0 ? r : s->st->keyframe(s->st->ctx, key->by.s, key->aud, &k);
}

/* How far a stream counts. */
static int64_t end_of(const struct stream *st)
{
    return st->doubt != 0 ? st->kept : st->row.seq;
}

bool sync__key_under(const struct stream *base, const struct stream_key *key, int64_t no,
                     int64_t seq)
{
    return base->row.no != 0 && base->base != 0 && base->base_to <= end_of(base) &&
           (base->row.key.ep > key->ep || (base->row.no == no && seq < base->base));
}

/* What stands before any keyframe of the lane, not only before the one taken last: else views would
 * depend on which of two epochs of one number came first. */
int sync__key_below(struct sync *s, const struct stream_key *key, int64_t no, int64_t seq,
                    bool *ret)
{
    struct sync_tally l;
    *ret = true;
    for (int i = sync__stream_first(s, key->by.s, key->aud); i >= 0; i = s->streams[i].next) {
        if (sync__key_under(&s->streams[i], key, no, seq)) {
            return 0;
        }
    }
    int r = sync__key_tally(s, key, &l);
    *ret = r == 0 && l.no != 0 && ((int64_t)key->ep < l.ep || (no == l.no && seq < l.from));
    return r;
}

static int says_the_same(struct sync *s, const struct stream *st, const struct keyframe *kf,
                         bool with_sha, bool *ret)
{
    struct sync_tally l;
    uint8_t sha[HASH_LEN];
    int r = sync__key_tally(s, &st->row.key, &l);
    *ret = r == 0 && l.live.c == kf->live.c && memcmp(l.live.s, kf->live.s, HASH_LEN) == 0;
    if (*ret && with_sha) {
        r = s->st->live_sha(s->st->ctx, st->row.key.by.s, st->row.key.aud, sha);
        *ret = r == 0 && memcmp(sha, kf->sha, HASH_LEN) == 0;
    }
    return r;
}

/* The accepted head of the epoch before, as the first bundle of an epoch names it. */
struct before {
    struct sync *s;
    bool is_here;
};

static int look_before(const struct sync_bundle_row *row, void *arg)
{
    struct before *x = arg;
    struct arena *a = arena_new((size_t)64 * 1024);
    struct stream_key k;
    struct bundle b;
    struct buf line;
    if (row->seq != 1 || row->type != BUNDLE_EPOCH) {
        arena_free(a);
        return 1;
    }
    buf_init(&line, LIM_BUNDLE_BYTES + 64); /* the engine's own is in use */
    int r = a == NULL ? SANJI_E_NOMEM : sync__stored(x->s, row, READ_HEAD, &line, a, &b);
    x->is_here = r == 0;
    if (r == 0 && b.hdr.pe.seq > 0) {
        r = sync__key_of(&k, b.hdr.by.s, b.hdr.aud, b.hdr.pe.ep, b.hdr.pe.en);
        int i = r < 0 ? -1 : sync__stream_find(x->s, &k);
        x->is_here = i >= 0 && x->s->streams[i].row.seq == b.hdr.pe.seq;
    }
    buf_done(&line);
    arena_free(a);
    return r < 0 ? r : 1;
}

/* Is as much held of an earlier epoch as the neighbour on the way to the writer holds? */
static bool is_level(const struct sync *s, const struct peer *there, int idx)
{
    if (there == NULL) {
        return true;
    }
    const struct peer_stream *ps = (size_t)idx < there->n_ps ? &there->ps[idx] : NULL;
    int64_t has = ps == NULL ? 0 : ps->their > ps->shown ? ps->their : ps->shown;
    return there->their_known && has == s->streams[idx].row.seq;
}

/* Of two earlier epochs of one number the writer of this one may have known one only: it knew those
 * that its `epoch` bundles name. All are read at once, and not without end: each beat asks for
 * them.
 */
struct named {
    int64_t ep, seq;
    uint8_t en[8];
};

struct naming {
    struct sync *s;
    struct buf named;
    bool is_read;
    uint32_t top; /* epochs below it are below a keyframe */
};

static int look_named(const struct sync_bundle_row *row, void *arg)
{
    struct naming *n = arg;
    struct arena *a = row->type == BUNDLE_EPOCH ? arena_new((size_t)64 * 1024) : NULL;
    struct bundle b;
    struct buf line;
    if (row->type != BUNDLE_EPOCH) {
        return 0;
    }
    buf_init(&line, LIM_BUNDLE_BYTES + 64); /* the engine's own is in use */
    int r = a == NULL ? SANJI_E_NOMEM : sync__stored(n->s, row, READ_HEAD, &line, a, &b);
    if (r == 0) {
        struct named v = {.ep = b.hdr.pe.ep, .seq = b.hdr.pe.seq};
        memcpy(v.en, b.hdr.pe.en, sizeof(v.en));
        r = buf_put(&n->named, &v, sizeof(v));
    }
    buf_done(&line);
    arena_free(a);
    return r < 0 ? r : n->named.len >= LIM_JUDGED_EPOCHS * 4 * sizeof(struct named);
}

static bool is_named(const struct naming *n, const struct stream *x)
{
    for (size_t at = 0; at < n->named.len; at += sizeof(struct named)) {
        struct named v;
        memcpy(&v, n->named.data + at, sizeof(v));
        if (v.ep == (int64_t)x->row.key.ep && v.seq == x->row.seq &&
            memcmp(v.en, x->row.key.en, sizeof(v.en)) == 0) {
            return true;
        }
    }
    return false;
}

static int is_known(struct sync *s, const struct stream *st, const struct stream *x,
                    struct naming *n, bool *ret)
{
    bool paired = false, under = false;
    int r = 0;
    for (int i = sync__stream_first(s, x->row.key.by.s, x->row.key.aud); i >= 0;
         i = s->streams[i].next) {
        const struct stream *o = &s->streams[i];
        paired = paired || (o != x && o->row.no != 0 && o->row.key.ep == x->row.key.ep);
        under = under || sync__key_under(o, &x->row.key, x->row.no, x->row.seq);
    }
    *ret = !paired || under;
    if (!*ret && !n->is_read) {
        n->is_read = true;
        r = s->st->bundles(s->st->ctx, st->row.no, 0, SIZE_MAX, look_named, n);
    }
    *ret = *ret || is_named(n, x);
    return r < 0 ? r : 0;
}

static bool too_many(const struct sync *s, const struct stream *st, uint32_t *ret_top)
{
    int open = 0;
    uint32_t top = 0;
    for (int i = sync__stream_first(s, st->row.key.by.s, st->row.key.aud); i >= 0;
         i = s->streams[i].next) {
        const struct stream *x = &s->streams[i];
        bool has_base = x->row.no != 0 && x->base != 0 && x->base_to <= end_of(x);
        top = has_base && x->row.key.ep > top ? x->row.key.ep : top;
    }
    for (int i = sync__stream_first(s, st->row.key.by.s, st->row.key.aud); i >= 0;
         i = s->streams[i].next) {
        open += s->streams[i].row.no != 0 && s->streams[i].row.key.ep >= top;
    }
    *ret_top = top;
    return open > LIM_JUDGED_EPOCHS;
}

/* Is every other epoch of the lane an earlier one, held as far as its writer knew it? */
static int lane_known(struct sync *s, const struct stream *st, const struct peer *there,
                      struct naming *n, bool *ret)
{
    bool own = node_id_cmp(&st->row.key.by, &s->self.id) == 0;
    int r = 0;
    for (int i = sync__stream_first(s, st->row.key.by.s, st->row.key.aud); r == 0 && i >= 0 && *ret;
         i = s->streams[i].next) {
        const struct stream *x = &s->streams[i];
        bool parked = false;
        if (x->row.no == 0) {
            continue;
        }
        r = s->st->has_parked(s->st->ctx, x->row.no, &parked);
        *ret = r == 0 && !parked &&
               (x == st || (x->row.key.ep < st->row.key.ep && (own || is_level(s, there, i))));
        r = *ret && x != st && !own && x->row.key.ep >= n->top ? is_known(s, st, x, n, ret) : r;
    }
    return r < 0 ? r : 0;
}

/* What this version cannot read, or may not apply, is in the writer's digest and not in ours, nor
 * is what is erased here by an act still to come; epochs come at different times, and what a writer
 * that was put back lacks of an earlier one it has not counted. From another side than the writer's
 * comes what was said long ago. */
int sync__key_may_judge(struct sync *s, const struct stream *st, bool *ret)
{
    const struct peer *there = sync__peer_towards(s, &st->row.key.by);
    struct before before = {s, true};
    bool own = node_id_cmp(&st->row.key.by, &s->self.id) == 0; /* from outside: another past */
    *ret = !sync__is_blocked(s, st->row.key.by.s) && !sync__erase_ahead(s, &st->row.key) &&
           (!own || s->writing) && (s->from == NULL || there == NULL || s->from == there);
    int r = *ret && st->row.key.ep > 1 && !own
                ? s->st->bundles(s->st->ctx, st->row.no, 0, 1, look_before, &before)
                : 0;
    if (r < 0) {
        return r;
    }
    struct naming n = {.s = s};
    buf_init(&n.named, (size_t)1 << 30);
    *ret = *ret && before.is_here && !too_many(s, st, &n.top);
    r = lane_known(s, st, there, &n, ret);
    buf_done(&n.named);
    return r;
}

int sync__key_before(struct sync *s, size_t idx, const struct bundle *b, struct key_check *ret)
{
    const struct stream *st = &s->streams[idx];
    *ret = (struct key_check){.due = run_held(st, b)};
    int r = ret->due ? sync__custody_passed(s, idx, b) : 0;
    if (r < 0 || !ret->due || st->jump != 0) {
        return r;
    }
    /* An epoch that its writer did not know counts here, and will not when it is let go of. */
    bool may = false;
    r = sync__key_may_judge(s, st, &may);
    ret->was_equal = !may;
    return r < 0 || !may ? r : says_the_same(s, st, &b->hdr.kf, false, &ret->was_equal);
}

static int begin_at(struct sync *s, size_t idx, int64_t from)
{
    struct stream *st = &s->streams[idx];
    int r = sync__late_let_go(s, idx, from);
    if (r == 0) {
        r = s->st->stream_from(s->st->ctx, st->row.no, from);
    }
    if (r == 0 && st->jump != 0) {
        r = sync__kept_set(s, "jump", st->row.no, NULL, 0);
    }
    if (r == 0) {
        st->jump = 0;
        st->row.first = from;
        sync__key_drop_later(s, idx);
        r = sync__want_trim(s, st);
    }
    return r;
}

/* Is another epoch of the lane held, and one that this keyframe does not let go of? */
static void others(const struct sync *s, size_t idx, bool *ret_any, bool *ret_beside)
{
    const struct stream *st = &s->streams[idx];
    *ret_any = *ret_beside = false;
    for (int i = sync__stream_first(s, st->row.key.by.s, st->row.key.aud); i >= 0;
         i = s->streams[i].next) {
        const struct stream *x = &s->streams[i];
        bool other = x != st && x->row.no != 0 && x->kept > 0;
        *ret_any = *ret_any || other;
        *ret_beside = *ret_beside || (other && x->row.key.ep >= st->row.key.ep);
    }
}

/* The views were brought to what the keyframe says. When they said something else before, though
 * every bundle was held, or do now, somebody should know; then the history stays where it is. */
int sync__key_taken(struct sync *s, size_t idx, const struct bundle *b, const struct key_check *c)
{
    struct stream *st = &s->streams[idx];
    bool same = false, judge = false;
    if (!c->due) {
        return 0;
    }
    int r = says_the_same(s, st, &b->hdr.kf, true, &same);
    if (r == 0 && !sync__erase_waits(s)) {
        r = sync__erase_may_judge(s, idx, b, &judge);
    }
    bool jumped = st->jump != 0, mixed, beside;
    others(s, idx, &mixed, &beside);
    /* Rows were damaged, or what a jump passes over is of another past of its writer, as another
     * epoch may be, and hid what stands: derived again from what is stored. */
    int64_t at;
    bool need = r == 0 && (beside || (!same && (judge || jumped || mixed)));
    bool is_word = !beside && !jumped && !mixed; /* nothing but what it says: once an hour */
    bool now = need && is_word && sync__heal_may(s, st, &at);
    if (now) {
        sync__heal_done(s, idx);
    } else if (need && !is_word) { /* it may have to be: not for each, but for the last */
        r = sync__heal_keyed(s, idx, &now);
    }
    if (r == 0 && now) {
        r = jumped && judge && !same ? begin_at(s, idx, b->hdr.kf.from) : 0;
        if (r == 0) {
            r = sync__redo_add(s, &b->hdr.by);
        }
        if (r == 0) {
            r = sync__redo(s);
        }
        if (r == 0) {
            r = says_the_same(s, &s->streams[idx], &b->hdr.kf, true, &same);
        }
    }
    st = &s->streams[idx];
    bool waits = sync__heal_waits(s, &s->streams[idx]); /* nobody knows yet what the views say */
    if (r == 0 && judge && !waits && !(same && (jumped || c->was_equal))) {
        sync__alarm(s, SANJI_E_HASH, &b->hdr.by,
                    audience_is_private(st->aud.type) ? "keyframe" : st->row.key.aud);
    }
    if (r < 0 || !(jumped || !judge || (same && c->was_equal))) {
        return r;
    }
    r = begin_at(s, idx, b->hdr.kf.from);
    return r < 0 ? r : sync__epoch_passed(s, idx);
}

/* ---- which keyframe stands ---- */

struct find_last {
    struct sync *s;
    const struct stream *st;
    struct base base;
    bool torn;
};

static int find_last(const struct sync_bundle_row *row, void *arg)
{
    struct find_last *x = arg;
    struct bundle b;
    if (row->type != BUNDLE_KEY || row->seq > end_of(x->st)) {
        return 0;
    }
    int r = sync__stored(x->s, row, READ_HEAD, &x->s->line, x->s->arena, &b);
    if (r != 0) {
        x->torn = true;
        return r < 0 ? r : 0;
    }
    if (run_held(x->st, &b)) {
        x->base = (struct base){b.hdr.kf.from, b.hdr.seq};
    }
    return 0;
}

int sync__key_base(struct sync *s, size_t idx)
{
    struct stream *st = &s->streams[idx];
    struct find_last x = {.s = s, .st = st};
    if (st->base == 0) {
        return 0;
    }
    int r = s->st->bundles(s->st->ctx, st->row.no, 0, SIZE_MAX, find_last, &x);
    return r < 0 || x.torn ? r : base_set(s, st, x.base.from, x.base.to);
}

/* ---- a key that ended inside a keyframe ---- */

struct find_first {
    struct sync *s;
    int64_t from, to;
    bool torn; /* it may be one that cannot be read */
};

static int find_first(const struct sync_bundle_row *row, void *arg)
{
    struct find_first *x = arg;
    struct bundle b;
    if (row->type != BUNDLE_KEY) {
        return 0;
    }
    int r = sync__stored(x->s, row, READ_HEAD, &x->s->line, x->s->arena, &b);
    if (r != 0) {
        x->torn = true;
        return r < 0 ? r : 0;
    }
    x->to = b.hdr.has_kf && b.hdr.kf.from == x->from ? row->seq : 0;
    return x->to != 0 ? 1 : 0;
}

int sync__key_voids(struct sync *s, size_t idx, int64_t *io_at)
{
    struct stream *st = &s->streams[idx];
    struct find_first x = {.s = s, .from = st->row.first};
    if (st->jump != 0) {
        int r = jump_back(s, idx);
        *io_at = *io_at > st->row.seq ? 0 : *io_at;
        return r;
    }
    if (st->row.first <= 1) {
        return 0;
    }
    int r = s->st->bundles(s->st->ctx, st->row.no, 0, SIZE_MAX, find_first, &x);
    if (r >= 0 && ((x.to == 0 && !x.torn) || *io_at <= x.to)) {
        *io_at = 1; /* what is left rests on nothing */
    }
    return r < 0 ? r : 0;
}
