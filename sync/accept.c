/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to a bundle on arrival (PROTOCOL.md section 4): verify fully, then store, then
 * apply; the caller commits and only then acknowledges. A bundle that fails changes nothing. What
 * an item means never decides whether its bundle is stored. */
#include "sync/internal.h"

#include <string.h>

static int acts_of(struct sync *s, const struct bundle *b, struct roster *into)
{
    struct arena *a = arena_new(ARENA_MAX);
    if (a == NULL) {
        return SANJI_E_NOMEM;
    }
    struct roster_place at = {.by = b->hdr.by, .ep = b->hdr.ep, .seq = b->hdr.seq};
    at.kid = b->hdr.kid;
    memcpy(at.en, b->hdr.en, sizeof(at.en));
    memcpy(at.id, b->id, HASH_LEN);
    int r = 0;
    for (int i = 0; r == 0 && b->item != NULL && i < (int)b->hdr.n; i++) {
        struct item it;
        struct act act;
        if (b->item[i].stub || item_parse(b->item[i].text, &it, NULL) < 0 ||
            strcmp(it.k, "act/1") != 0 || it.op != OP_EVENT) {
            continue; /* apply parks what it does not understand */
        }
        arena_reset(a);
        int rp = act_body_parse(it.d, a, &act, NULL);
        if (rp == SANJI_E_VERSION && act.crit && into == s->roster) {
            r = sync__crit_add(s, &act, &b->hdr.by);
        }
        if (rp == SANJI_E_NOMEM) {
            r = rp;
        }
        if (rp < 0) {
            continue;
        }
        at.idx = i;
        int ra = roster_add(into, &act, &at);
        if (ra == SANJI_E_NOMEM) {
            r = ra;
        } else if (ra == 0) { /* an act that can never hold is void, its bundle is a bundle */
            s->roster_dirty = s->roster_dirty || into == s->roster;
        }
    }
    arena_free(a);
    return r;
}

int sync__fold(struct sync *s)
{
    if (!s->roster_dirty) {
        return s->crit_dirty ? sync__authority(s, true) : 0;
    }
    bool changed = false;
    int r = roster_fold(s->roster, &changed);
    if (r < 0) {
        return r;
    }
    s->roster_dirty = false;
    changed = changed || s->crit_dirty;
    for (size_t i = 0; changed && i < s->n_peers; i++) {
        if (s->peers[i]->waiting) { /* stating the whole list makes it offer again what waited */
            s->peers[i]->waiting = false;
            sync__peer_reset_stated(s, s->peers[i]);
        }
    }
    if (changed) {
        r = sync__authority(s, true);
    }
    if (changed && r == 0) {
        r = sync__peers_refresh(s);
        if (r == 0) {
            r = s->st->roster_changed(s->st->ctx);
        }
    }
    return r;
}

static int load_bundle(const struct sync_bundle_row *row, void *arg)
{
    struct sync *s = arg;
    size_t used;
    struct bundle b;
    if (sync__wanted(s, row->no, row->seq)) {
        return 0; /* damaged: its acts count when it has come again */
    }
    int r = frame_unpack(s->fc, row->frame, &s->line, &used);
    if (r < 0) {
        return r == SANJI_E_NOMEM ? r : SANJI_E_CORRUPT;
    }
    arena_reset(s->arena);
    r = bundle_parse(span_of(s->line.data, s->line.len), s->arena, &b, NULL);
    return r < 0 ? SANJI_E_CORRUPT : acts_of(s, &b, s->roster);
}

static int acts_load(struct sync *s)
{
    int r = 0;
    sync__crit_clear(s);
    for (size_t i = 0; r == 0 && i < s->n_streams; i++) {
        const struct sync_stream_row *row = &s->streams[i].row;
        if (row->no != 0 && s->streams[i].aud.type == AUD_TRUST) {
            r = s->st->bundles(s->st->ctx, row->no, 0, SIZE_MAX, load_bundle, s);
        }
    }
    return r;
}

int sync__roster_load(struct sync *s)
{
    int r = acts_load(s);
    if (r == 0) {
        bool changed;
        r = roster_fold(s->roster, &changed);
        s->roster_dirty = false;
    }
    s->n_redo = 0;
    return r < 0 ? r : sync__authority(s, false);
}

/* PROTOCOL.md 10.1: the signer of the first trust bundle of a federation, the own one or one of its
 * lineage, may be introduced by the bundle itself; its acts are judged by their own signatures in a
 * roster of their own. */
static int genesis_key(struct sync *s, const struct bundle *b)
{
    struct roster *r = roster_new(b->hdr.g);
    if (r == NULL) {
        return SANJI_E_NOMEM;
    }
    bool changed, dirty = s->roster_dirty;
    const struct roster_key *key;
    const struct act_head *limit;
    int e = acts_of(s, b, r);
    s->roster_dirty = dirty;
    if (e == 0) {
        e = roster_fold(r, &changed);
    }
    if (e == 0) {
        e = roster_key_covers(r, b, &key, &limit);
    }
    if (e == 0) {
        e = bundle_verify(b, key->pub);
    }
    roster_free(r);
    return e;
}

static int bundle_verify_own(const struct sync *s, const struct bundle *b)
{
    struct sign_pub *pub = NULL;
    int r = sign_pub_new(sign_key_pub(s->key), &pub);
    if (r == 0) {
        r = bundle_verify(b, pub);
    }
    sign_pub_free(pub);
    return r;
}

static int signature(struct sync *s, const struct bundle *b, enum aud_type aud)
{
    const struct roster_key *key = NULL;
    const struct act_head *limit = NULL;
    int r = roster_key_covers(s->roster, b, &key, &limit);
    if (r == SANJI_E_UNKNOWN_KEY && aud == AUD_TRUST &&
        roster_node(s->roster, b->hdr.by.s) == NULL) {
        return genesis_key(s, b);
    }
    if (r == SANJI_E_UNKNOWN_KEY && key == NULL && s->old_key != NULL &&
        node_id_cmp(&b->hdr.by, &s->self.id) == 0 && strcmp(b->hdr.kid.s, s->kid.s) == 0) {
        return bundle_verify_own(s, b); /* this node's new key: its act is on the way */
    }
    if (r == SANJI_E_UNKNOWN_KEY && key == NULL && aud == AUD_TRUST) {
        return sync__rekey_introduced(s, b);
    }
    if (r == SANJI_E_UNKNOWN_KEY && s->proven && key != NULL) {
        return bundle_verify(b, key->pub);
    }
    return r < 0 ? r : bundle_verify(b, key->pub);
}

/* A bundle at or below our head: a duplicate, or proof that the writer signed two histories. */
static int not_next(struct sync *s, struct stream *st, const struct bundle *b, enum head_cmp cmp)
{
    uint8_t held[HASH_LEN];
    int64_t seq = cmp == HEAD_CHAIN ? st->row.seq : b->hdr.seq;
    int r = s->st->bundle_id(s->st->ctx, st->row.no, seq, held);
    if (r == SANJI_E_NOT_FOUND) {
        return SANJI_E_OLD; /* before what a keyframe left us */
    }
    if (r < 0) {
        return r;
    }
    if (cmp == HEAD_OLD && memcmp(held, b->id, HASH_LEN) == 0) {
        return SANJI_E_OLD;
    }
    r = signature(s, b, st->aud.type);
    if (r < 0) {
        return r; /* only a validly signed other history is evidence */
    }
    bool own = node_id_cmp(&b->hdr.by, &s->self.id) == 0;
    r = own ? sync__branch_own(s, (size_t)(st - s->streams), b)
            : sync__branch_relay(s, (size_t)(st - s->streams), b);
    bool settled = false;
    if (r == SANJI_E_FORK) {
        r = sync__diverge_settled(s, st, b, &settled);
        r = r < 0 ? r : settled ? SANJI_E_REVOKED : SANJI_E_FORK;
    }
    if (r != SANJI_E_FORK) {
        return r;
    }
    r = sync__erase_proof(s, b, st->row.no, held);
    if (r < 0) {
        return r;
    }
    bool told = st->row.frozen;
    r = told ? 0 : sync__kept_set(s, "frozen", st->row.no, &b->hdr.kid, sizeof(b->hdr.kid));
    if (r < 0) {
        return r;
    }
    st->row.frozen = true;
    s->self_forked = s->self_forked || own;
    if (!told && own) {
        sync__alarm(s, SANJI_E_FORK, &b->hdr.by, "self");
    } else if (!told) {
        sync__diverge_prove(s, (size_t)(st - s->streams));
        sync__alarm(s, SANJI_E_FORK, &b->hdr.by,
                    audience_is_private(st->aud.type) ? "to:" : b->hdr.aud);
        r = sync__evidence_note(s, st, b);
    }
    return r < 0 ? r : SANJI_E_FORK;
}

/* Was this node above it before something on its path was moved? */
static bool was_above(const struct sync *s, const char *node)
{
    const struct roster_node *n = roster_node(s->roster, node);
    bool moved = false;
    for (int i = 0; n != NULL && !moved && i <= LIM_TREE_DEPTH; i++) {
        moved = n->n_former > 0;
        n = node_id_none(&n->up) ? NULL : roster_node(s->roster, n->up.s);
    }
    return moved && roster_was_ancestor(s->roster, s->self.id.s, node);
}

/* What a node was given before a move it may hold, and check again; nobody sends it more. */
static bool was_entitled(const struct sync *s, const struct stream *st, const struct bundle *b)
{
    bool was = was_above(s, b->hdr.by.s);
    for (size_t i = 0; i < st->aud.n && !was && st->aud.type == AUD_TO; i++) {
        was = was_above(s, st->aud.node[i].s);
    }
    return was;
}

/* Writer and receiver against the audience (P8). What a sender should not have sent is not kept
 * either: entitlement does not hang on the sender alone. */
static int audience_check(const struct sync *s, const struct stream *st, const struct bundle *b)
{
    if (st->aud.type == AUD_TRUST) {
        return 0; /* everybody may, and who the writer is its key has shown */
    }
    int r = roster_may_write(s->roster, b->hdr.by.s, &st->aud);
    if (r < 0 || st->row.no != 0 || s->witness ||
        roster_entitled(s->roster, b->hdr.by.s, &st->aud, s->self.id.s) || was_entitled(s, st, b)) {
        return r;
    }
    /* A node that has just joined learns of itself from the trust streams. */
    return roster_node(s->roster, s->self.id.s) == NULL ? SANJI_E_UNKNOWN_KEY : SANJI_E_AUDIENCE;
}

static int may_begin(const struct sync *s, const struct bundle *b)
{
    /* Epochs grow by one at most: nobody can jump to the end of the number range. */
    size_t siblings = 0;
    for (int i = sync__stream_first(s, b->hdr.by.s, b->hdr.aud); i >= 0; i = s->streams[i].next) {
        const struct sync_stream_row *r = &s->streams[i].row;
        siblings += r->no != 0 && (int64_t)r->key.ep == b->hdr.ep;
    }
    if (siblings >= LIM_SIBLINGS) {
        return SANJI_E_SIZE;
    }
    int newest = sync__stream_newest(s, b->hdr.by.s, b->hdr.aud);
    int64_t known = newest < 0 ? 0 : (int64_t)s->streams[newest].row.key.ep;
    bool is_free = b->hdr.t == BUNDLE_EPOCH && b->hdr.has_pe && b->hdr.pe.seq == 0 &&
                   b->hdr.pe.ep + 1 == b->hdr.ep; /* nothing of what came before stands */
    if (b->hdr.ep > known + 1 && !is_free) {
        return SANJI_E_GAP;
    }
    if (b->hdr.seq == 1 && b->hdr.ep > 1 && b->hdr.t != BUNDLE_EPOCH) {
        return SANJI_E_CHAIN;
    }
    return 0;
}

static int store(struct sync *s, struct stream *st, const struct bundle *b, struct span frame,
                 struct sync_bundle_row *row)
{
    int r = 0;
    bool jumps = sync__key_starts(st, b);
    if (st->row.no == 0) {
        r = s->st->stream_add(s->st->ctx, &st->row.key, &st->row.no);
        if (r == 0) {
            r = sync__origin_more(s, st);
        }
    } else if (st->kept > st->row.seq) {
        r = st->doubt != 0 ? sync__branch_replace(s, (size_t)(st - s->streams), b)
                           : sync__voids_drop(s, st);
    }
    if (r == 0 && jumps) {
        r = sync__key_jump(s, st, b);
    }
    if (r < 0) {
        return r;
    }
    st->row.first = st->row.seq == 0 ? b->hdr.seq : st->row.first;
    sync__row_of(s, st->row.no, b, frame, row);
    r = s->st->bundle_put(s->st->ctx, row);
    if (r == 0) {
        st->row.seq = st->kept = b->hdr.seq;
        memcpy(st->row.id, b->id, HASH_LEN);
    }
    return r;
}

static int position(struct sync *s, struct stream *st, const struct bundle *b)
{
    if (st->row.frozen) {
        return SANJI_E_FORK;
    }
    struct head have = {.seq = st->row.no == 0 ? 0 : st->row.seq};
    memcpy(have.id, st->row.id, HASH_LEN);
    enum head_cmp cmp = bundle_follows(&have, b);
    switch (cmp) {
    case HEAD_SAME:
        return SANJI_E_OLD;
    case HEAD_GAP:
        if (!sync__key_starts(st, b)) {
            return SANJI_E_GAP;
        }
        break;
    case HEAD_CHAIN:
        if (have.seq == 0) {
            return SANJI_E_CHAIN;
        }
        return not_next(s, st, b, cmp);
    case HEAD_OLD:
        return not_next(s, st, b, cmp);
    case HEAD_NEXT:
        break;
    }
    return st->row.no == 0 ? may_begin(s, b) : 0;
}

/* An epoch is of one federation (P4); a question only where there are several. */
static int same_g(struct sync *s, const struct stream *st, const struct bundle *b)
{
    uint8_t g[HASH_LEN];
    if (roster_lineage(s->roster, 1) == NULL || st->row.no == 0 || st->row.seq == 0) {
        return 0;
    }
    int r = sync__stream_g(s, st, g);
    return r < 0 ? r : memcmp(g, b->hdr.g, HASH_LEN) == 0 ? 0 : SANJI_E_FEDERATION;
}

/* Acts were taken away with a branch: a roster only grows, so it is made anew. */
static int roster_read_again(struct sync *s)
{
    struct roster *fresh = roster_new(s->self.g);
    struct buf line = s->line; /* the bundle at hand lives there */
    struct arena *arena = s->arena;
    if (fresh == NULL) {
        return SANJI_E_NOMEM;
    }
    roster_free(s->roster);
    s->roster = fresh;
    s->roster_again = false;
    buf_init(&s->line, LIM_BUNDLE_BYTES + 64);
    s->arena = arena_new(ARENA_MAX);
    int r = s->arena == NULL ? SANJI_E_NOMEM : acts_load(s);
    buf_done(&s->line);
    arena_free(s->arena);
    s->line = line;
    s->arena = arena;
    s->rv_ok = false;
    s->roster_dirty = true;
    return r < 0 ? r : sync__fold(s);
}

static bool is_own_from_outside(const struct sync *s, const struct node_id *by)
{
    return !s->writing && !s->witness && node_id_cmp(by, &s->self.id) == 0;
}

/* What passed every check: kept, and then everything that follows from it. */
static int keep_checked(struct sync *s, size_t idx, const struct bundle *b, struct span frame,
                        const struct stream_key *key)
{
    struct key_check check;
    int r = sync__key_closing(s, idx, b);
    if (r == 0 && b->hdr.has_kf) {
        r = sync__erase_scrub_now(s);
    }
    if (r == 0) {
        r = sync__key_before(s, idx, b, &check);
    }
    if (r < 0) {
        return r;
    }
    struct stream *st = &s->streams[idx];
    struct sync_bundle_row row;
    r = store(s, st, b, frame, &row);
    if (r < 0) {
        return r; /* of the store: the caller rolls back and reloads */
    }
    if (st->aud.type == AUD_TRUST && s->roster_again) {
        r = roster_read_again(s);
    } else if (st->aud.type == AUD_TRUST) {
        r = acts_of(s, b, s->roster);
        if (r == 0) {
            r = sync__fold(s);
        }
    }
    if (r == 0) {
        r = sync__epoch_seen(s, b);
    }
    if (r == 0) {
        r = sync__apply(s, b, &row, key, s->streams[idx].aud.type);
    }
    if (r == 0) {
        r = b->hdr.has_kf ? sync__erase_scrub_now(s) : sync__erase_scrub(s);
    }
    if (r == 0) {
        r = sync__key_taken(s, idx, b, &check);
    }
    if (r == 0) {
        sync__stream_advanced(s, idx);
        sync__news_came(s, idx);
        s->changed = true;
        r = sync__redo(s);
    }
    if (r == 0) {
        r = sync__erase_scrub(s);
    }
    return r < 0 ? r : sync__beat_taken(s, idx, b);
}

static int keep(struct sync *s, size_t idx, const struct bundle *b, struct span frame,
                const struct stream_key *key)
{
    struct bundle kept = *b;
    struct buf line, packed;
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    buf_init(&packed, LIM_BUNDLE_BYTES + LIM_FRAME_OVERHEAD + 64);
    int r = sync__erase_incoming(s, key, &kept, &frame, &line, &packed);
    if (r == 0) {
        r = sync__late_passed(s, idx, &kept);
    }
    if (r == 0) {
        r = keep_checked(s, idx, &kept, frame, key);
    }
    if (r == 0) {
        r = sync__late_kept(s, idx, &kept, frame);
    }
    if (r == 0 && is_own_from_outside(s, &key->by)) {
        r = sync__again_took(s, s->streams[idx].row.no, b->hdr.seq);
    }
    buf_done(&line);
    buf_done(&packed);
    return r;
}

/* A bundle that stood here once, in place of what became of it. */
static int wanted(struct sync *s, size_t idx, const struct bundle *b, struct span frame)
{
    const struct stream_key key = s->streams[idx].row.key;
    struct bundle kept = *b;
    struct buf line, packed;
    int r = sync__want_fits(s, &s->streams[idx], b);
    if (r == 0) {
        r = signature(s, b, s->streams[idx].aud.type);
    }
    if (r < 0) {
        return r;
    }
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    buf_init(&packed, LIM_BUNDLE_BYTES + LIM_FRAME_OVERHEAD + 64);
    r = sync__erase_incoming(s, &key, &kept, &frame, &line, &packed);
    if (r == 0) {
        r = sync__want_take(s, idx, &kept, frame);
    }
    if (r == 0 && s->roster_again) {
        r = roster_read_again(s);
    }
    buf_done(&line);
    buf_done(&packed);
    return r < 0 ? r : sync__redo(s);
}

/* Published once, and gone from here since. Where a new key is on its way its act lists what the
 * old one has signed: whoever has that one as well may know nothing of it yet. What the parent
 * holds this node may have lost. */
static int own_comes_back(struct sync *s, const struct bundle *b, const struct stream_key *key)
{
    bool ended = sync__rekey_open(s) && strcmp(b->hdr.kid.s, s->old_kid.s) == 0;
    return ended && (s->from == NULL || !s->from->is_parent) ? SANJI_E_REVOKED
                                                             : sync__self_doubt(s, key);
}

static int accept_one(struct sync *s, const struct bundle *b, struct span frame,
                      struct sync_accept *ret)
{
    if (!roster_knows_g(s->roster, b->hdr.g)) {
        /* The act that joins it may lie in another trust stream and come later. */
        return strcmp(b->hdr.aud, "trust") == 0 ? SANJI_E_UNKNOWN_KEY : SANJI_E_FEDERATION;
    }
    if (b->header_only) {
        return SANJI_E_WITHHELD;
    }
    /* A stream enters the table when its first bundle has passed: made-up names leave no trace. */
    struct stream fresh = {.row = {.key = ret->stream}};
    int idx = sync__stream_find(s, &ret->stream);
    struct stream *st = idx < 0 ? &fresh : &s->streams[idx];
    int r = audience_parse(ret->stream.aud, strlen(ret->stream.aud), &fresh.aud);
    if (r == 0 && fresh.aud.type == AUD_OWN && !s->writing && !s->witness) {
        return SANJI_E_AUDIENCE; /* it never travels: nobody can have got it honestly */
    }
    if (r == 0 && idx >= 0 && b->hdr.seq <= st->row.seq &&
        sync__wanted(s, st->row.no, b->hdr.seq)) {
        return wanted(s, (size_t)idx, b, frame);
    }
    if (r == 0 && idx >= 0 && st->doubt != 0) {
        r = sync__branch_take(s, (size_t)idx, b);
        r = r > 0 ? SANJI_E_OLD : r;
    }
    if (r == 0) {
        r = position(s, st, b);
        if (r == SANJI_E_OLD) {
            return sync__erase_fill(s, (size_t)idx, b);
        }
    }
    if (r == 0) {
        r = same_g(s, st, b);
    }
    bool apart = r == SANJI_E_GAP && s->n_chains > 0;
    if (r == 0) {
        r = signature(s, b, st->aud.type);
    }
    if ((r == SANJI_E_UNKNOWN_KEY || apart) && audience_is_private(st->aud.type)) {
        bool starts = sync__key_starts(st, b);
        int64_t head = st->row.no == 0 ? 0 : st->row.seq;
        return sync__proof_wait(s, b, frame, starts ? b->hdr.seq - 1 : head,
                                starts ? b->hdr.prev : st->row.id, ret);
    }
    if (r == 0 && st->aud.type == AUD_TRUST && sync__pin_wrong(s, b)) {
        r = SANJI_E_CHAIN;
    }
    if (r == 0) {
        r = audience_check(s, st, b);
    }
    if (r == 0 && st->row.no == 0 && st->aud.type != AUD_TRUST &&
        sync__origin_full(s, b->hdr.by.s)) {
        return SANJI_E_QUOTA;
    }
    /* What is held would be let go of, and there is no place for it. Own bundles need none: they
     * are said again. */
    if (r == 0 && st->doubt != 0 && st->kept > st->row.seq &&
        node_id_cmp(&b->hdr.by, &s->self.id) != 0 && !sync__custody_room(s, &b->hdr.by)) {
        return SANJI_E_GAP;
    }
    if (r == 0 && idx < 0) {
        r = idx = sync__stream_intern(s, &ret->stream);
    }
    if (r < 0) {
        return r;
    }
    if (is_own_from_outside(s, &b->hdr.by)) {
        r = own_comes_back(s, b, &ret->stream);
    }
    return r < 0 ? r : keep(s, (size_t)idx, b, frame, &ret->stream);
}

int sync__accept_parsed(struct sync *s, const struct bundle *b, struct span frame,
                        struct sync_accept *ret)
{
    int r = accept_one(s, b, frame, ret);
    int idx = sync__stream_find(s, &ret->stream);
    bool may = false;
    int rc = sync__custody_may(s, idx, b, r, &may);
    if (may && signature(s, b, s->streams[idx].aud.type) == 0) {
        rc = sync__custody_take(s, (size_t)idx, b, frame);
    } else if (may) {
        sync__custody_leave(s, b); /* its key may be unknown here */
    }
    return rc < 0 ? rc : r;
}

void sync__accept_next(struct sync *s, struct span in, size_t *ret_used, struct sync_accept *ret)
{
    struct bundle b;
    memset(ret, 0, sizeof(*ret));
    *ret_used = 0;
    ret->err = frame_unpack(s->fc, in, &s->line, ret_used);
    if (ret->err < 0) {
        return;
    }
    arena_reset(s->arena);
    ret->err = bundle_parse(span_of(s->line.data, s->line.len), s->arena, &b, &ret->f);
    if (ret->err < 0) {
        return;
    }
    ret->seq = b.hdr.seq;
    ret->items = b.hdr.n;
    ret->err = sync__key_of(&ret->stream, b.hdr.by.s, b.hdr.aud, b.hdr.ep, b.hdr.en);
    if (ret->err == 0) {
        ret->err = sync__accept_parsed(s, &b, span_of(in.p, *ret_used), ret);
    }
}

void sync_witness(struct sync *s)
{
    s->witness = true;
}

void sync_accept_frame(struct sync *s, const struct sync_tick *t, struct span frame,
                       struct sync_accept *ret)
{
    size_t used;
    s->tick = *t;
    s->rnd_n = 0;
    memset(ret, 0, sizeof(*ret));
    ret->err = sync__fresh(s);
    if (ret->err < 0) {
        return;
    }
    bool was = s->in_tx;
    s->in_tx = true; /* the caller's */
    s->from = NULL;
    sync__accept_next(s, frame, &used, ret);
    s->in_tx = was;
    if (ret->err == 0 && used != frame.n) {
        ret->err = fault_set(&ret->f, SANJI_E_SYNTAX, "frame", "one frame");
    }
}
