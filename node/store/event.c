/* SPDX-License-Identifier: Apache-2.0 */
/* The event view. A name (owner, id, r) belongs to the text that stands lowest, whatever arrived
 * first, so every text that claims a name is kept: a later arrival can take the name, and a text
 * rolled back gives it up again. */
#include "node/store/internal.h"
#include "protocol/base/err.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct place {
    int64_t n, no, ep, seq, idx, vis, key;
    uint8_t leaf[HASH_LEN];
};

struct name {
    const char *owner, *id;
    int64_t r;
};

static int place_cmp(const struct place *a, const struct place *b)
{
    const int64_t x[] = {a->ep, a->seq, a->idx};
    const int64_t y[] = {b->ep, b->seq, b->idx};
    for (size_t i = 0; i < sizeof x / sizeof x[0]; i++) {
        if (x[i] != y[i]) { /* NOLINT(clang-analyzer-core.*): all three are set */
            return x[i] > y[i] ? 1 : -1;
        }
    }
    return memcmp(a->leaf, b->leaf, HASH_LEN);
}

static void bind_name(struct q *q, struct store *s, enum stmt_id id, const struct name *nm)
{
    q_begin(q, &s->db, id);
    q_text(q, nm->owner);
    q_text(q, nm->id);
    q_int(q, nm->r);
}

/* ---- parked while another text holds the name ---- */

static int park_lost(struct store *s, enum stmt_id id, int64_t no, int64_t seq, int64_t idx)
{
    struct q q;
    q_begin(&q, &s->db, id);
    q_int(&q, store__pos(no, seq));
    q_int(&q, idx);
    q_int(&q, SANJI_E_EXISTS);
    return q_run(&q);
}

/* Gives the name to `leaf`: every row of it counts, no other does. */
static int name_give(struct store *s, const struct name *nm, const uint8_t leaf[static HASH_LEN])
{
    struct place *v = NULL;
    size_t n = 0, cap = 0;
    struct q q;
    bind_name(&q, s, Q_EV_ALL_OF, nm);
    while (q_row(&q)) {
        struct place p = {.n = q_col_int(&q, 0),
                          .no = q_col_int(&q, 1),
                          .seq = q_col_int(&q, 2),
                          .idx = q_col_int(&q, 3),
                          .vis = q_col_int(&q, 4)};
        q_col_fixed(&q, 5, p.leaf, HASH_LEN);
        bool is_winner = memcmp(p.leaf, leaf, HASH_LEN) == 0;
        if (is_winner == (p.vis != 0)) {
            continue;
        }
        if (n == cap) {
            cap = cap == 0 ? 8 : cap * 2;
            struct place *x = realloc(v, cap * sizeof *v);
            if (x == NULL) {
                q.err = SANJI_E_NOMEM;
                break;
            }
            v = x;
        }
        v[n++] = p;
    }
    int r = q_end(&q);
    for (size_t i = 0; r == 0 && i < n; i++) {
        q_begin(&q, &s->db, Q_EV_VIS);
        q_int(&q, v[i].n);
        q_int(&q, v[i].vis == 0);
        r = q_run(&q);
        if (r == 0) {
            r = park_lost(s, v[i].vis == 0 ? Q_PARK_FOUND : Q_PARK_LOST, v[i].no, v[i].seq,
                          v[i].idx);
        }
    }
    free(v);
    return r;
}

/* Lowest place of the name; vis 1: of the text that holds it; leaf NULL: of any text. */
static int name_best(struct store *s, const struct name *nm, int vis, const uint8_t *leaf,
                     struct place *ret)
{
    struct q q;
    bind_name(&q, s, Q_EV_BEST, nm);
    q_int(&q, vis);
    if (leaf == NULL) {
        q_null(&q);
    } else {
        q_blob(&q, leaf, HASH_LEN);
    }
    bool found = q_row(&q);
    if (found) {
        ret->ep = q_col_int(&q, 0);
        ret->seq = q_col_int(&q, 1);
        ret->idx = q_col_int(&q, 2);
        q_col_fixed(&q, 3, ret->leaf, HASH_LEN);
    }
    int r = q_end(&q);
    return r == 0 && !found ? SANJI_E_NOT_FOUND : r;
}

/* ---- adding ---- */

static int event_insert(struct store *s, const struct sync_record *rec, int64_t vis)
{
    const struct item *it = rec->item;
    int64_t major = 0;
    struct span kind = store__kind_split(it->k, &major);
    struct q q;
    q_begin(&q, &s->db, Q_EV_ADD);
    q_text(&q, rec->owner);
    q_text(&q, it->id);
    q_int(&q, it->r);
    q_int(&q, vis);
    q_int(&q, s->lane.no);
    q_span(&q, kind);
    q_int(&q, major);
    q_int(&q, rec->stream->ep);
    q_int(&q, rec->no);
    q_int(&q, rec->seq);
    q_int(&q, rec->idx);
    q_int(&q, rec->ts);
    q_int(&q, rec->got);
    q_blob(&q, rec->leaf, HASH_LEN);
    q_int(&q, rec->key);
    q_span(&q, it->d);
    return q_run(&q);
}

static int event_move(struct store *s, const struct place *old, const struct sync_record *rec)
{
    struct q q;
    q_begin(&q, &s->db, Q_EV_POS);
    q_int(&q, old->n);
    q_int(&q, rec->stream->ep);
    q_int(&q, rec->no);
    q_int(&q, rec->seq);
    q_int(&q, rec->idx);
    if (rec->key) { /* said again: when it was first said is known */
        q_null(&q);
        q_null(&q);
    } else {
        q_int(&q, rec->ts);
        q_int(&q, rec->got);
    }
    q_int(&q, rec->key);
    int r = q_run(&q);
    return r < 0 || old->vis != 0 ? r : park_lost(s, Q_PARK_FOUND, old->no, old->seq, old->idx);
}

/* The row of this text in this lane. */
static int same_find(struct store *s, const struct name *nm, const uint8_t leaf[static HASH_LEN],
                     struct place *ret)
{
    struct q q;
    *ret = (struct place){0};
    bind_name(&q, s, Q_EV_SAME, nm);
    q_int(&q, s->lane.no);
    q_blob(&q, leaf, HASH_LEN);
    bool found = q_row(&q);
    if (found) {
        *ret = (struct place){.n = q_col_int(&q, 0),
                              .no = q_col_int(&q, 1),
                              .ep = q_col_int(&q, 2),
                              .seq = q_col_int(&q, 3),
                              .idx = q_col_int(&q, 4),
                              .vis = q_col_int(&q, 5),
                              .key = q_col_int(&q, 6)};
        memcpy(ret->leaf, leaf, HASH_LEN);
    }
    int r = q_end(&q);
    return r == 0 && !found ? SANJI_E_NOT_FOUND : r;
}

/* Of two places of one text, which counts: the last one in a keyframe, else the lowest. */
static bool place_better(const struct place *a, const struct place *b)
{
    return a->key != b->key ? a->key != 0 : a->key != 0 ? place_cmp(a, b) > 0 : place_cmp(a, b) < 0;
}

/* Gives the name to whoever stands lowest now. */
static int name_settle(struct store *s, const struct name *nm)
{
    struct place best;
    int r = name_best(s, nm, 0, NULL, &best);
    return r == SANJI_E_NOT_FOUND ? 0 : r < 0 ? r : name_give(s, nm, best.leaf);
}

int store__event_settle(struct store *s, const char *owner, const char *id, int64_t r)
{
    const struct name nm = {owner, id, r};
    return name_settle(s, &nm);
}

/* A text moved up to its place in a keyframe: another may stand lower now. */
static int moved_up(struct store *s, const struct name *nm, const struct place *old,
                    const struct sync_record *rec)
{
    int r = event_move(s, old, rec);
    if (r == 0 && old->vis == 0) {
        r = park_lost(s, Q_PARK_LOST, rec->no, rec->seq, rec->idx);
    }
    return r < 0 ? r : name_settle(s, nm);
}

int store__event_put(void *ctx, const struct sync_record *rec)
{
    struct store *s = ctx;
    assert(s != NULL && s->magic == STORE_MAGIC);
    const struct name nm = {rec->owner, rec->item->id, rec->item->r};
    struct place p = {.ep = rec->stream->ep, .seq = rec->seq, .idx = rec->idx, .key = rec->key};
    struct place old, best;
    memcpy(p.leaf, rec->leaf, HASH_LEN);
    int r = store__lane_use(s, rec->stream->by.s, rec->stream->aud);
    if (r < 0) {
        return r;
    }
    r = same_find(s, &nm, p.leaf, &old);
    bool is_new = r == SANJI_E_NOT_FOUND;
    if (r == 0 || is_new) {
        store__lane_count(s, rec);
    }
    if ((r < 0 && !is_new) || (!is_new && !place_better(&p, &old))) {
        return r; /* at the right place already */
    }
    if (!is_new && p.key != 0) {
        return moved_up(s, &nm, &old, rec);
    }
    r = name_best(s, &nm, 1, NULL, &best);
    bool is_free = r == SANJI_E_NOT_FOUND;
    if (r < 0 && !is_free) {
        return r;
    }
    bool holds = is_free || memcmp(best.leaf, p.leaf, HASH_LEN) == 0;
    r = is_new ? event_insert(s, rec, holds) : event_move(s, &old, rec);
    if (r == 0 && is_new) {
        live_add(&s->lane.t.live, rec->leaf);
        s->lane.is_dirty = true;
    }
    if (r < 0 || holds) {
        return r;
    }
    if (place_cmp(&p, &best) < 0) {
        return name_give(s, &nm, p.leaf);
    }
    return park_lost(s, Q_PARK_LOST, rec->no, rec->seq, rec->idx);
}

/* ---- after rows were taken away ---- */

struct claimed {
    char owner[LIM_NODE_ID + 2], id[LIM_ID_BYTES + 1];
    int64_t r;
};

int store__events_settle(struct store *s)
{
    struct claimed *v = NULL;
    size_t n = 0, cap = 0;
    struct q q;
    q_begin(&q, &s->db, Q_EV_CLAIMED);
    while (q_row(&q)) {
        if (n == cap) {
            cap = cap == 0 ? 16 : cap * 2;
            struct claimed *x = realloc(v, cap * sizeof *v);
            if (x == NULL) {
                q.err = SANJI_E_NOMEM;
                break;
            }
            v = x;
        }
        q_col_str(&q, 0, v[n].owner, sizeof v[n].owner);
        q_col_str(&q, 1, v[n].id, sizeof v[n].id);
        v[n++].r = q_col_int(&q, 2);
    }
    int r = q_end(&q);
    for (size_t i = 0; r == 0 && i < n; i++) {
        const struct name nm = {v[i].owner, v[i].id, v[i].r};
        r = name_settle(s, &nm);
    }
    free(v);
    return r;
}
