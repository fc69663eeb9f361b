/* SPDX-License-Identifier: Apache-2.0 */
/* What a node lets go of that its writer may not know (PROTOCOL.md 15.1, Custody). A writer put
 * back from a backup may have several pasts, each of them held by another neighbour, and nobody but
 * the writer can tell which of their bundles it has said in another place. So whoever gives up a
 * branch, or is taken past one by a keyframe, keeps those bundles aside and hands them on towards
 * the writer, and so does each node on the way. The writer compares them with what it has signed,
 * and publishes again what it does not know.
 *
 * "custody/NO/SEQ/ID" in the store is such a bundle of stream NO. It is kept until the next node
 * has taken it, which that node shows by speaking again. */
#include "sync/internal.h"

#include "protocol/base/enc.h"
#include "protocol/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 96 };
static const char prefix[] = "custody/";

struct custody {
    int64_t no, seq, bytes;
    uint8_t id[HASH_LEN];
    const struct peer *with; /* in a message to this neighbour that is not known to have come */
};

static const char *name_of(const struct custody *c, char out[static NAME_BYTES])
{
    char id[B64U_LEN(HASH_LEN) + 1] = {0};
    b64u_put(c->id, HASH_LEN, id);
    (void)snprintf(out, NAME_BYTES, "%s%lld/%lld/%s", prefix, (long long)c->no, (long long)c->seq,
                   id);
    return out;
}

static bool is_own(const struct sync *s, int idx)
{
    return idx >= 0 && node_id_cmp(&s->streams[idx].row.key.by, &s->self.id) == 0;
}

static int remember(struct sync *s, const struct custody *c)
{
    if (s->n_custody == s->cap_custody) {
        size_t cap = s->cap_custody == 0 ? 16 : s->cap_custody * 2;
        struct custody *v = realloc(s->custody, cap * sizeof(*v));
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        s->custody = v;
        s->cap_custody = cap;
    }
    s->custody[s->n_custody++] = *c;
    s->custody_bytes += c->bytes;
    return 0;
}

static void forget(struct sync *s, size_t i)
{
    s->custody_bytes -= s->custody[i].bytes;
    s->custody[i] = s->custody[--s->n_custody];
}

static int load_one(const char *name, struct span value, void *arg)
{
    struct custody c = {.bytes = (int64_t)value.n};
    const char *no = name + sizeof(prefix) - 1, *seq = strchr(no, '/');
    const char *id = seq == NULL ? NULL : strchr(seq + 1, '/');
    if (id == NULL || text_i64(no, (size_t)(seq - no), 1, INT64_MAX, &c.no) < 0 ||
        text_i64(seq + 1, (size_t)(id - seq) - 1, 1, LIM_SEQ, &c.seq) < 0 ||
        b64u_get(id + 1, strlen(id + 1), c.id, HASH_LEN) < 0) {
        return SANJI_E_CORRUPT;
    }
    return remember(arg, &c);
}

int sync__custody_load(struct sync *s)
{
    s->n_custody = 0;
    s->custody_bytes = 0;
    return s->st->kv_each(s->st->ctx, prefix, load_one, s);
}

void sync__custody_free(struct sync *s)
{
    free(s->custody);
    s->custody = NULL;
    s->n_custody = s->cap_custody = 0;
}

/* ---- taking ---- */

static int keep(struct sync *s, const struct custody *c, struct span frame)
{
    char name[NAME_BYTES];
    for (size_t i = 0; i < s->n_custody; i++) {
        if (s->custody[i].no == c->no && memcmp(s->custody[i].id, c->id, HASH_LEN) == 0) {
            return 0;
        }
    }
    int r = s->st->kv_put(s->st->ctx, name_of(c, name), frame);
    return r < 0 ? r : remember(s, c);
}

int sync__custody_keep(struct sync *s, const struct sync_bundle_row *row)
{
    struct custody c = {.no = row->no, .seq = row->seq, .bytes = (int64_t)row->frame.n};
    memcpy(c.id, row->id, HASH_LEN);
    return keep(s, &c, row->frame);
}

/* Is this the bundle that stands under its number? What is below the keyframe is being deleted. */
static int is_held(const struct sync *s, const struct stream *st, int64_t seq, const uint8_t *id,
                   bool *ret)
{
    uint8_t held[HASH_LEN];
    int r = seq < st->row.first ? SANJI_E_NOT_FOUND
                                : s->st->bundle_id(s->st->ctx, st->row.no, seq, held);
    *ret = r == 0 && memcmp(held, id, HASH_LEN) == 0;
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

int sync__custody_may(const struct sync *s, int idx, const struct bundle *b, bool *ret)
{
    *ret = false;
    if (idx < 0 || s->streams[idx].row.no == 0 || s->witness || s->writing) {
        return 0;
    }
    const struct peer *there = sync__peer_towards(s, &b->hdr.by);
    if (!is_own(s, idx) && (s->from == NULL || there == NULL || there == s->from)) {
        return 0;
    }
    bool held;
    int r = is_held(s, &s->streams[idx], b->hdr.seq, b->id, &held);
    *ret = r == 0 && !held && s->custody_bytes < LIM_CUSTODY_BYTES;
    return r;
}

int sync__custody_take(struct sync *s, size_t idx, const struct bundle *b, struct span frame)
{
    const struct stream *st = &s->streams[idx];
    struct custody c = {.no = st->row.no, .seq = b->hdr.seq};
    struct bundle kept = *b;
    struct buf line, packed;
    memcpy(c.id, b->id, HASH_LEN);
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    buf_init(&packed, LIM_BUNDLE_BYTES + LIM_FRAME_OVERHEAD + 64);
    int r = sync__erase_incoming(s, &st->row.key, &kept, &frame, &line, &packed);
    if (r == 0) {
        c.bytes = (int64_t)frame.n;
        r = keep(s, &c, frame);
    }
    buf_done(&line);
    buf_done(&packed);
    return r;
}

/* ---- what a keyframe passes over ---- */

struct name { /* of an item that the last bundle of the run says again */
    const char *owner;
    struct item it;
    const uint8_t *leaf;
};
struct passing {
    struct sync *s;
    const struct stream *st;
    struct arena *a;
    struct buf line;
    int64_t jump; /* where the run begins */
    const struct name *said;
    size_t n_said;
};

static const char *owner_of(const struct stream *st, const struct item *it)
{
    return node_id_none(&it->on_behalf) ? st->row.key.by.s : it->on_behalf.s;
}

static bool is_said(const struct passing *p, const struct item *it, const uint8_t *leaf)
{
    for (size_t i = 0; i < p->n_said; i++) {
        const struct name *x = &p->said[i];
        if (memcmp(x->leaf, leaf, HASH_LEN) == 0 ||
            (it->op != OP_EVENT && x->it.op != OP_EVENT && x->it.r >= it->r &&
             strcmp(x->it.id, it->id) == 0 &&
             strcmp(owner_of(p->st, &x->it), owner_of(p->st, it)) == 0)) {
            return true;
        }
    }
    return false;
}

static int one_passed(const struct sync_bundle_row *row, void *arg)
{
    struct passing *p = arg;
    struct bundle b;
    if (row->seq >= p->jump) {
        return 1;
    }
    int r = sync__stored(p->s, row, READ_ALL, &p->line, p->a, &b);
    if (r != 0) {
        return r < 0 ? r : 0; /* damaged */
    }
    bool stands = false;
    for (int i = 0; r == 0 && !stands && b.item != NULL && i < (int)b.hdr.n; i++) {
        struct item it;
        if (b.item[i].stub || item_parse(b.item[i].text, &it, NULL) < 0 ||
            is_said(p, &it, b.item[i].leaf)) {
            continue;
        }
        struct sync_record rec = {.no = row->no,
                                  .seq = row->seq,
                                  .idx = i,
                                  .stream = &p->st->row.key,
                                  .owner = owner_of(p->st, &it),
                                  .item = &it,
                                  .leaf = b.item[i].leaf};
        r = p->s->st->stands(p->s->st->ctx, &rec, &stands);
    }
    return r < 0 || !stands ? r : sync__custody_keep(p->s, row);
}

int sync__custody_passed(struct sync *s, size_t idx, const struct bundle *b)
{
    struct passing p = {.s = s, .st = &s->streams[idx]};
    p.jump = p.st->jump == 0 && sync__key_starts(p.st, b) ? b->hdr.seq : p.st->jump;
    if (p.jump == 0 || s->witness || is_own(s, (int)idx)) {
        return 0;
    }
    struct name *said = calloc((size_t)b->hdr.n + 1, sizeof(*said));
    p.a = arena_new(ARENA_MAX);
    buf_init(&p.line, LIM_BUNDLE_BYTES + 64);
    int r = said == NULL || p.a == NULL ? SANJI_E_NOMEM : 0;
    for (size_t i = 0; r == 0 && b->item != NULL && i < (size_t)b->hdr.n; i++) {
        if (!b->item[i].stub && item_parse(b->item[i].text, &said[p.n_said].it, NULL) == 0) {
            said[p.n_said++].leaf = b->item[i].leaf;
        }
    }
    p.said = said;
    if (r == 0) {
        r = s->st->bundles(s->st->ctx, p.st->row.no, 0, SIZE_MAX, one_passed, &p);
    }
    buf_done(&p.line);
    arena_free(p.a);
    free(said);
    return r < 0 ? r : 0;
}

/* ---- handing on ---- */

/* Where it goes from here; -1: nowhere now, or to the writer's own work. */
static int way_of(const struct sync *s, const struct custody *c, const struct peer *p)
{
    int idx = sync__by_no(s, c->no);
    return idx >= 0 && c->with == NULL && !is_own(s, idx) &&
                   sync__peer_towards(s, &s->streams[idx].row.key.by) == p &&
                   sync__entitled(s, (size_t)idx, p)
               ? idx
               : -1;
}

bool sync__custody_due(const struct sync *s, const struct peer *p)
{
    for (size_t i = 0; i < s->n_custody; i++) {
        if (way_of(s, &s->custody[i], p) >= 0) {
            return true;
        }
    }
    return false;
}

int sync__custody_send(struct sync *s, struct peer *p, bool trust, int64_t *io_left,
                       struct buf *out)
{
    char name[NAME_BYTES];
    struct buf frame;
    int r = 0;
    buf_init(&frame, LIM_BUNDLE_BYTES + LIM_FRAME_OVERHEAD + 64);
    for (size_t i = 0; r == 0 && i < s->n_custody; i++) {
        struct custody *c = &s->custody[i];
        int idx = way_of(s, c, p);
        bool held = false;
        if (idx < 0 || (s->streams[idx].aud.type == AUD_TRUST) != trust) {
            continue;
        }
        r = is_held(s, &s->streams[idx], c->seq, c->id, &held); /* then it goes as all others do */
        buf_reset(&frame);
        if (r == 0 && !held) {
            r = s->st->kv_get(s->st->ctx, name_of(c, name), &frame);
        }
        size_t used;
        buf_reset(&s->line);
        if (r == 0 && !held &&
            frame_unpack(s->fc, span_of(frame.data, frame.len), &s->line, &used) < 0) {
            c->with = p; /* damaged: nobody can use it, and what comes after it has to go */
            continue;
        }
        if (r == 0 && (int64_t)s->line.len > *io_left) {
            break;
        }
        if (r == 0) {
            r = buf_put(out, frame.data, frame.len);
            *io_left -= (int64_t)s->line.len;
            c->with = p;
        }
    }
    buf_done(&frame);
    return r;
}

void sync__custody_again(struct sync *s, const struct peer *p)
{
    for (size_t i = 0; i < s->n_custody; i++) {
        s->custody[i].with = s->custody[i].with == p ? NULL : s->custody[i].with;
    }
}

int sync__custody_taken(struct sync *s, const struct peer *p)
{
    char name[NAME_BYTES];
    bool any = false;
    for (size_t i = 0; i < s->n_custody && !any; i++) {
        any = s->custody[i].with == p;
    }
    int r = any ? sync__tx_begin(s) : 0;
    if (r < 0 || !any) {
        return r;
    }
    for (size_t i = 0; r == 0 && i < s->n_custody;) {
        if (s->custody[i].with != p) {
            i++;
            continue;
        }
        r = s->st->kv_del(s->st->ctx, name_of(&s->custody[i], name));
        forget(s, i);
    }
    return sync__tx_end(s, r);
}

/* ---- the writer ---- */

/* Has this node signed it in the past it goes on from, or said again what it holds? */
static int is_known(struct sync *s, const struct stream *st, const struct custody *c, bool *ret)
{
    int r = sync__branch_given_up(s, st->row.no, c->id, ret);
    if (r == 0 && !*ret) {
        r = is_held(s, st, c->seq, c->id, ret);
    }
    if (r == 0 && !*ret && c->seq < st->row.first) {
        r = sync__late_said(s, st, c->seq, c->id, ret);
    }
    return r;
}

static int say_again(struct sync *s, const struct stream *st, const struct custody *c)
{
    char name[NAME_BYTES];
    struct buf frame;
    buf_init(&frame, LIM_BUNDLE_BYTES + LIM_FRAME_OVERHEAD + 64);
    int r = s->st->kv_get(s->st->ctx, name_of(c, name), &frame);
    if (r == 0) {
        r = sync__branch_say_again(s, st, c->seq, c->id, span_of(frame.data, frame.len));
    }
    if (r == 0) {
        r = sync__branch_merge_note(s, st->row.no, c->id);
    }
    if (r == 0) {
        r = sync__self_doubt(s, &st->row.key);
    }
    buf_done(&frame);
    return r;
}

static int own_one(struct sync *s, size_t i, const struct stream *st)
{
    struct custody c = s->custody[i];
    char name[NAME_BYTES];
    bool known = false;
    int r = sync__tx_begin(s);
    if (r < 0) {
        return r;
    }
    r = is_known(s, st, &c, &known);
    if (r == 0 && !known) {
        r = say_again(s, st, &c);
        sync__alarm(s, SANJI_E_FORK, &s->self.id, "self");
    }
    if (r == 0) {
        r = s->st->kv_del(s->st->ctx, name_of(&c, name));
        forget(s, i);
    }
    return sync__tx_end(s, r);
}

int sync__custody_own(struct sync *s)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < s->n_custody;) {
        int idx = sync__by_no(s, s->custody[i].no);
        if (!is_own(s, idx) || s->streams[idx].jump != 0) {
            i++;
        } else {
            r = own_one(s, i, &s->streams[idx]);
        }
    }
    return r;
}
