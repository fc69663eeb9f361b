/* SPDX-License-Identifier: Apache-2.0 */
/* What is published again (PROTOCOL.md 15.1): bundles of this node's own that only a branch held
 * which was given up, that the end of a key cut off, or that a keyframe passed over without its
 * writer having known of them.
 * "again/t|d/NO/SEQ/ID" is such a bundle of stream NO: trust acts wait for the confirmation. */
#include "sync/internal.h"

#include "protocol/base/enc.h"

#include <stdio.h>
#include <string.h>

enum { AGAIN_ONCE = 64, AGAIN_BYTES = 4 << 20, CUT_AGAIN_MS = 300000 };

static int any(const char *name, struct span value, void *arg)
{
    (void)name;
    (void)value;
    *(bool *)arg = true;
    return 1;
}

int sync__again_load(struct sync *s)
{
    s->again = false;
    int r = s->st->kv_each(s->st->ctx, "again/", any, &s->again);
    return r < 0 ? r : 0;
}

static void name_of(const struct stream *st, int64_t seq, const uint8_t id[static HASH_LEN],
                    const char *before, char out[static 64])
{
    char tail[B64U_LEN(8) + 1] = {0};
    b64u_put(id, 8, tail); /* there may be several of one number */
    (void)snprintf(out, 64, "%sagain/%c/%010lld/%010lld/%s", before,
                   st->aud.type == AUD_TRUST ? 't' : 'd', (long long)st->row.no, (long long)seq,
                   tail);
}

int sync__again_put(struct sync *s, const struct stream *st, int64_t seq,
                    const uint8_t id[static HASH_LEN], struct span frame)
{
    char name[64];
    name_of(st, seq, id, "", name);
    s->again = true;
    return s->st->kv_put(s->st->ctx, name, frame);
}

struct waiting {
    char name[64];
    struct buf frame;
    bool found;
};

static int first(const char *name, struct span value, void *arg)
{
    struct waiting *w = arg;
    (void)snprintf(w->name, sizeof(w->name), "%s", name);
    w->found = true;
    int r = buf_put(&w->frame, value.p, value.n);
    return r < 0 ? r : 1;
}

static int say_again(struct sync *s, struct span frame)
{
    struct span item[LIM_ITEMS];
    struct bundle_header h;
    struct bundle b;
    struct buf line;
    size_t used, n = 0;
    struct arena *a = arena_new(ARENA_MAX);
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    int r = a == NULL ? SANJI_E_NOMEM : frame_unpack(s->fc, frame, &line, &used);
    if (r == 0) {
        r = bundle_parse(span_of(line.data, line.len), a, &b, NULL);
    }
    for (size_t i = 0; r == 0 && b.item != NULL && i < (size_t)b.hdr.n; i++) {
        if (!b.item[i].stub) {
            item[n++] = b.item[i].text;
        }
    }
    if (r == 0) {
        r = sync__epoch_open(s, b.hdr.aud);
    }
    if (r == 0 && n > 0) {
        r = sync__next_header(s, BUNDLE_DATA, b.hdr.aud, &h);
        r = r < 0 ? r : sync__write_as(s, &h, item, n, NULL);
    }
    arena_free(a);
    buf_done(&line);
    return r;
}

/* What cannot be said any more (the node was moved, say) is kept under another name. */
static int one_again(struct sync *s, const struct waiting *w)
{
    struct span frame = span_of(w->frame.data, w->frame.len);
    char name[80];
    int r = say_again(s, frame);
    if (r < 0 && !sync_is_store_failure(r) && r != SANJI_E_FORK) {
        sync__alarm(s, r, &s->self.id, "again");
        (void)snprintf(name, sizeof(name), "unsent/%s", w->name);
        r = s->st->kv_put(s->st->ctx, name, frame);
    }
    return r < 0 ? r : s->st->kv_del(s->st->ctx, w->name);
}

/* A disk is waited for once for many. */
static int some_again(struct sync *s, const char *which, size_t most, bool *ret_more)
{
    size_t bytes = 0;
    *ret_more = true;
    int r = sync__tx_begin(s);
    if (r < 0) {
        return r;
    }
    for (size_t n = 0; r >= 0 && *ret_more && n < most && bytes < AGAIN_BYTES; n++) {
        struct waiting w = {.found = false};
        buf_init(&w.frame, LIM_BUNDLE_BYTES + LIM_FRAME_OVERHEAD + 64);
        r = s->st->kv_each(s->st->ctx, which, first, &w);
        *ret_more = r >= 0 && w.found;
        bytes += w.frame.len;
        r = *ret_more ? one_again(s, &w) : r;
        buf_done(&w.frame);
    }
    return sync__tx_end(s, r);
}

int sync__again_run(struct sync *s)
{
    const char *which = s->restored ? "again/d/" : "again/"; /* trust acts are held */
    size_t most = AGAIN_ONCE;
    int r = 0;
    for (bool more = true; more && r == 0;) {
        r = some_again(s, which, most, &more);
        if (r < 0 && most > 1 && !sync_is_store_failure(r)) { /* what stands before it goes on */
            most = 1;
            more = true;
            r = 0;
        }
    }
    return r < 0 ? r : sync__again_load(s);
}

/* ---- beyond the end of an own key ---- */

/* The node itself wrote it, and its key in force says so again. Acts do not come again by
 * themselves: whom it enrolled with a key that others had as well is for people to say. */
static bool is_cut_short(const struct sync *s, size_t idx)
{
    const struct stream *st = &s->streams[idx];
    return st->row.no != 0 && st->kept > st->row.seq && st->doubt == 0 &&
           st->aud.type != AUD_TRUST && node_id_cmp(&st->row.key.by, &s->self.id) == 0;
}

struct cut {
    struct sync *s;
    const struct stream *st;
    bool puts, put, any; /* any: of what it says by itself */
    int64_t took;        /* from here on they came from outside; 0: none did */
    int64_t said;        /* up to here they were put down for it already */
};

int sync__again_took(struct sync *s, int64_t no, int64_t seq)
{
    int64_t have = 0;
    int r = sync__kept_get(s, "took", no, &have, sizeof(have));
    if (r < 0 && r != SANJI_E_NOT_FOUND && r != SANJI_E_CORRUPT) {
        return r;
    }
    return r == 0 && have <= seq ? 0 : sync__kept_set(s, "took", no, &seq, sizeof(seq));
}

static int cut_begin(struct sync *s, size_t idx, bool puts, struct cut *ret)
{
    *ret = (struct cut){.s = s, .st = &s->streams[idx], .puts = puts};
    int r = sync__kept_get(s, "took", ret->st->row.no, &ret->took, sizeof(ret->took));
    if (r == 0 || r == SANJI_E_NOT_FOUND) {
        r = sync__kept_get(s, "resaid", ret->st->row.no, &ret->said, sizeof(ret->said));
    }
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

static int cut_bundle(const struct sync_bundle_row *row, void *arg)
{
    struct cut *c = arg;
    bool own = c->took == 0 || row->seq < c->took;
    if (row->items == 0 || row->seq <= c->said || (!own && !c->puts)) {
        return 0;
    }
    c->any = c->any || own;
    if (!c->puts) {
        return 1;
    }
    char name[64];
    name_of(c->st, row->seq, row->id, own ? "" : "unsent/", name);
    c->s->again = c->s->again || own;
    c->put = true;
    return c->s->st->kv_put(c->s->st->ctx, name, row->frame);
}

int sync__again_void(struct sync *s, size_t idx)
{
    struct cut c;
    if (s->witness || !is_cut_short(s, idx)) {
        return 0;
    }
    int r = cut_begin(s, idx, true, &c);
    if (r == 0) {
        r = s->st->bundles(s->st->ctx, c.st->row.no, c.st->row.seq, SIZE_MAX, cut_bundle, &c);
    }
    if (r >= 0 && c.put) { /* they stay until other bundles take their places */
        r = sync__kept_set(s, "resaid", c.st->row.no, &c.st->kept, sizeof(c.st->kept));
    }
    return r < 0 ? r : c.any;
}

static int open_behind(struct sync *s, size_t idx)
{
    char aud[LIM_AUD_BYTES + 1];
    struct cut c;
    int r = cut_begin(s, idx, false, &c);
    if (r == 0) {
        r = s->st->bundles(s->st->ctx, c.st->row.no, c.st->row.seq, SIZE_MAX, cut_bundle, &c);
    }
    if (r < 0 || !c.any) {
        return r;
    }
    (void)snprintf(aud, sizeof(aud), "%s", c.st->row.key.aud);
    r = sync__tx_begin(s);
    return r < 0 ? r : sync__tx_end(s, sync__epoch_open(s, aud));
}

/* A node that may not speak keeps what it has; one whose new key is not said yet waits for that. */
static bool in_force(const struct sync *s)
{
    const struct roster_node *me = roster_node(s->roster, s->self.id.s);
    const struct roster_key *k = roster_key(s->roster, s->self.id.s, s->kid.s);
    return me != NULL && me->state == NODE_ACTIVE && k != NULL && !k->ended;
}

int sync__again_cut(struct sync *s)
{
    if (s->own_cut_at == 0 || s->tick.mono_ms < s->own_cut_at || s->witness) {
        return 0;
    }
    int64_t next = 0;
    for (size_t i = 0; i < s->n_streams; i++) {
        const struct stream *st = &s->streams[i];
        if (!is_cut_short(s, i) || st->row.frozen ||
            sync__stream_newest(s, st->row.key.by.s, st->row.key.aud) != (int)i) {
            continue;
        }
        int r = in_force(s) ? open_behind(s, i) : SANJI_E_REVOKED;
        if (r < 0) { /* not at once: what it read anew after the rollback would say so again */
            next = s->tick.mono_ms + CUT_AGAIN_MS;
        }
        if (sync_is_store_failure(r)) {
            s->own_cut_at = next;
            return r;
        }
    }
    s->own_cut_at = next;
    return 0;
}
