/* SPDX-License-Identifier: Apache-2.0 */
/* What a keyframe passes over (custody.c): it was taken behind a gap, and what stands before the
 * gap may be of a past that its writer does not know. Kept is what the run does not say again. */
#include "sync/custody.h"

#include <stdlib.h>
#include <string.h>

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
    bool any; /* something is kept: then the rest is, too */
};

static bool is_own(const struct sync *s, size_t idx)
{
    return node_id_cmp(&s->streams[idx].row.key.by, &s->self.id) == 0;
}

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
    if (r < 0 || !stands) {
        return r;
    }
    if (!p->any && !sync__custody_room(p->s, &p->st->row.key.by)) {
        return SANJI_E_GAP;
    }
    p->any = true;
    return sync__custody_keep(p->s, row);
}

int sync__custody_passed(struct sync *s, size_t idx, const struct bundle *b)
{
    struct passing p = {.s = s, .st = &s->streams[idx]};
    p.jump = p.st->jump == 0 && sync__key_starts(p.st, b) ? b->hdr.seq : p.st->jump;
    if (p.jump == 0 || s->witness || is_own(s, idx)) {
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
