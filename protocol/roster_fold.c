/* SPDX-License-Identifier: Apache-2.0 */
/* The fold (P10): from a set of acts to one roster, whatever the order of arrival. An act waits on
 * exactly one thing: its predecessor (index by subject and `after`), a node it names, or any change
 * of keys or tree. So no step searches, and folding n acts costs n log n. The fold starts from
 * nothing each time: signatures are remembered, everything else is cheap, and nothing can be
 * forgotten. */
#include "protocol/roster_internal.h"

#include <stdlib.h>
#include <string.h>

enum { PASSES = 16 };

/* ---- the ready acts, best first ---- */

static int cmp_i64(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

static const char *author_id(const struct roster *r, const struct rentry *e)
{
    return e->author == RNONE ? "" : r->subj[e->author].id.s;
}

/* Nearest the root first; then a total order, so that no two places are equal. */
static int better(const struct roster *r, const struct rentry *a, const struct rentry *b)
{
    int c = cmp_i64(a->rank, b->rank);
    c = c != 0 ? c : strcmp(author_id(r, a), author_id(r, b));
    c = c != 0 ? c : cmp_i64(a->ep, b->ep);
    c = c != 0 ? c : cmp_i64(a->seq, b->seq);
    c = c != 0 ? c : cmp_i64(a->idx, b->idx);
    c = c != 0 ? c : memcmp(a->en, b->en, sizeof(a->en));
    c = c != 0 ? c : memcmp(a->a->hash, b->a->hash, HASH_LEN);
    return c != 0 ? c : strcmp(r->subj[a->stream].id.s, r->subj[b->stream].id.s);
}

static void heap_push(struct roster *r, struct rheap *h, uint32_t i)
{
    size_t at = h->n++;
    while (at > 0) {
        size_t up = (at - 1) / 2;
        if (better(r, r->entry[h->v[up]], r->entry[i]) <= 0) {
            break;
        }
        h->v[at] = h->v[up];
        at = up;
    }
    h->v[at] = i;
}

static void heap_sink(struct roster *r, struct rheap *h, size_t at, uint32_t i)
{
    for (;;) {
        size_t kid = at * 2 + 1;
        if (kid >= h->n) {
            break;
        }
        if (kid + 1 < h->n && better(r, r->entry[h->v[kid + 1]], r->entry[h->v[kid]]) < 0) {
            kid++;
        }
        if (better(r, r->entry[i], r->entry[h->v[kid]]) <= 0) {
            break;
        }
        h->v[at] = h->v[kid];
        at = kid;
    }
    h->v[at] = i;
}

static uint32_t heap_pop(struct roster *r, struct rheap *h)
{
    uint32_t top = h->v[0];
    uint32_t last = h->v[--h->n];
    if (h->n > 0) {
        heap_sink(r, h, 0, last);
    }
    return top;
}

/* A level changed (adopt): every rank is taken again. */
static void heap_rebuild(struct roster *r, struct rheap *h)
{
    size_t n = h->n;
    h->n = 0;
    for (size_t i = 0; i < n; i++) {
        struct rentry *e = r->entry[h->v[i]];
        e->rank = e->author == RNONE ? 0 : r->subj[e->author].lv;
        heap_push(r, h, h->v[i]);
    }
}

/* ---- waiting and waking ---- */

static void wait_on(uint32_t *list, struct roster *r, uint32_t i)
{
    r->entry[i]->wait_next = *list;
    *list = i;
}

/* Its predecessor is in place: look at it when its turn comes. */
static void consider(struct roster *r, uint32_t i)
{
    struct rentry *e = r->entry[i];
    if (e->applied || e->linked || e->stale) {
        return;
    }
    if (e->author != RNONE && !r->subj[e->author].exists) {
        e->err = SANJI_E_UNKNOWN_KEY;
        wait_on(&r->subj[e->author].wait, r, i);
        return;
    }
    e->rank = e->author == RNONE ? 0 : r->subj[e->author].lv;
    heap_push(r, &r->ready, i);
}

static void wake(struct roster *r, uint32_t *list)
{
    uint32_t i = *list;
    *list = RNONE;
    while (i != RNONE) {
        uint32_t next = r->entry[i]->wait_next;
        consider(r, i);
        i = next;
    }
}

/* Acts with the same predecessor as one that took its place can no longer follow. */
static void supersede(struct roster *r, const struct rentry *done)
{
    uint32_t i = r->after.head[done->after_hash & (r->after.cap - 1)];
    for (; i != RNONE; i = r->entry[i]->after_next) {
        struct rentry *e = r->entry[i];
        if (e != done && e->subj == done->subj && !e->applied && !e->linked &&
            memcmp(e->a->after, done->a->after, HASH_LEN) == 0) {
            e->stale = true;
            e->twin = memcmp(e->a->hash, done->a->hash, HASH_LEN) == 0;
            e->err = e->twin ? SANJI_E_OLD : SANJI_E_CONFLICT;
        }
    }
}

static void follow(struct roster *r, uint32_t subj)
{
    uint32_t hash = roster__mix(r->subj[subj].last, HASH_LEN, subj);
    uint32_t i = r->after.head[hash & (r->after.cap - 1)];
    for (; i != RNONE; i = r->entry[i]->after_next) {
        const struct rentry *e = r->entry[i];
        if (e->subj == subj && memcmp(e->a->after, r->subj[subj].last, HASH_LEN) == 0) {
            consider(r, i);
        }
    }
}

static bool moves_others(enum act_type t)
{
    return t == ACT_ROOT || t == ACT_KEY || t == ACT_CUT || t == ACT_MOVE || t == ACT_CLOSE ||
           t == ACT_HANDOVER || t == ACT_ADOPT;
}

static int note_order(struct roster *r, const struct rentry *e)
{
    uint8_t flag = e->linked ? 1 : 0;
    int err = hash_update(&r->order, e->a->hash, HASH_LEN);
    return err < 0 ? err : hash_update(&r->order, &flag, 1);
}

static int take(struct roster *r, struct rentry *e)
{
    e->applied = true;
    e->err = 0;
    int err = roster__apply(r, e);
    if (err < 0) {
        return err;
    }
    supersede(r, e);
    follow(r, e->subj);
    wake(r, &r->subj[e->subj].wait);
    if (moves_others(e->a->type)) {
        wake(r, &r->waiting);
    }
    if (e->a->type == ACT_ADOPT) {
        heap_rebuild(r, &r->ready);
        heap_rebuild(r, &r->links);
    }
    return note_order(r, e);
}

/* Void, but what was written after it may stand: it keeps its place in its subject's chain. */
static int take_link(struct roster *r, struct rentry *e)
{
    struct rsubj *x = &r->subj[e->subj];
    e->linked = true;
    e->err = SANJI_E_REVOKED;
    if (!x->exists) {
        return 0;
    }
    memcpy(x->last, e->a->hash, HASH_LEN);
    supersede(r, e);
    follow(r, e->subj);
    return note_order(r, e);
}

/* ---- one pass ---- */

static int pass_begin(struct roster *r)
{
    size_t n = r->n_entry == 0 ? 1 : r->n_entry;
    arena_reset(r->pass);
    for (r->key_cap = 64; r->key_cap < n; r->key_cap *= 2) {
    }
    /* Waking may push an act again that a stale place of the heap still holds: room for every
     * entry once, because an entry is in one list or heap at a time. */
    r->ready = (struct rheap){.v = arena_alloc(r->pass, n * sizeof(uint32_t)), .cap = n};
    r->links = (struct rheap){.v = arena_alloc(r->pass, n * sizeof(uint32_t)), .cap = n};
    r->key_tab = arena_alloc(r->pass, r->key_cap * sizeof(struct rkey *));
    if (r->ready.v == NULL || r->links.v == NULL || r->key_tab == NULL) {
        return SANJI_E_NOMEM;
    }
    for (size_t i = 0; i < r->n_subj; i++) {
        struct rsubj *s = &r->subj[i];
        *s = (struct rsubj){.id = s->id,
                            .hash = s->hash,
                            .hash_next = s->hash_next,
                            .up = RNONE,
                            .wait = RNONE,
                            .pub = RNONE};
    }
    for (size_t i = 0; i < r->n_entry; i++) {
        struct rentry *e = r->entry[i];
        e->applied = e->linked = e->stale = e->twin = false;
        e->err = SANJI_E_GAP;
        e->old_up = RNONE;
    }
    r->waiting = RNONE;
    r->n_node = 0;
    r->node = NULL;
    r->fed[0] = (struct rfed){.top = RNONE};
    memcpy(r->fed[0].g, r->g, HASH_LEN);
    r->n_fed = 1;
    r->cur = 0;
    return hash_init(&r->order);
}

/* The next act to decide on, or RNONE. Links come only when nothing better is left. */
static int step(struct roster *r, bool *ret_more)
{
    bool from_links = r->ready.n == 0;
    *ret_more = true;
    if (from_links && roster__find_lineage(r)) {
        wake(r, &r->waiting);
        return 0;
    }
    if (from_links && r->links.n == 0) {
        *ret_more = false;
        return 0;
    }
    uint32_t i = heap_pop(r, from_links ? &r->links : &r->ready);
    struct rentry *e = r->entry[i];
    if (e->stale) {
        return 0;
    }
    struct rverdict v = roster__judge(r, e);
    if (v.err < 0) {
        e->err = v.err;
        wait_on(v.wait == RNONE ? &r->waiting : &r->subj[v.wait].wait, r, i);
        return 0;
    }
    if (!v.beyond) {
        return take(r, e);
    }
    if (from_links) {
        return take_link(r, e);
    }
    e->err = SANJI_E_REVOKED;
    heap_push(r, &r->links, i);
    return 0;
}

static int pass(struct roster *r)
{
    static const uint8_t zero[HASH_LEN];
    bool more = true;
    int err = pass_begin(r);
    if (err < 0) {
        return err;
    }
    for (uint32_t i = 0; i < r->n_entry; i++) {
        if (memcmp(r->entry[i]->a->after, zero, HASH_LEN) == 0) {
            consider(r, i);
        }
    }
    while (err == 0 && more) {
        err = step(r, &more);
    }
    return err;
}

/* Acts applied before the act that ends their author's say: the end state decides, in another pass.
 */
static bool revise(struct roster *r)
{
    bool changed = false;
    for (size_t i = 0; i < r->n_entry; i++) {
        struct rentry *e = r->entry[i];
        if (e->applied && !e->banned && !e->pardoned && !roster__still_holds(r, e)) {
            e->banned = changed = true;
        } else if (e->banned && e->linked && roster__still_holds(r, e)) {
            e->banned = false;
            e->pardoned = changed = true;
        }
    }
    return changed;
}

int roster_fold(struct roster *r, bool *ret_changed)
{
    uint8_t digest[HASH_LEN];
    *ret_changed = false;
    if (!r->dirty) {
        return 0;
    }
    for (size_t i = 0; i < r->n_entry; i++) {
        r->entry[i]->banned = r->entry[i]->pardoned = false;
    }
    for (int n = 0;; n++) {
        int err = pass(r);
        if (err < 0) {
            hash_abort(&r->order);
            return err;
        }
        if (hash_final(&r->order, digest) < 0) {
            return SANJI_E_NOMEM;
        }
        if (n == PASSES || !revise(r)) {
            break;
        }
    }
    int err = roster__publish(r);
    if (err == 0) {
        *ret_changed = memcmp(digest, r->digest, HASH_LEN) != 0;
        memcpy(r->digest, digest, HASH_LEN);
        r->dirty = false;
    }
    return err;
}

void roster_each_void(const struct roster *r, roster_void_fn *fn, void *arg)
{
    for (size_t i = 0; i < r->n_entry; i++) {
        const struct rentry *e = r->entry[i];
        if (!e->applied && !e->twin) {
            fn(e->a, r->subj[e->stream].id.s, e->seq, e->err, arg);
        }
    }
}
