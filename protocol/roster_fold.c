/* SPDX-License-Identifier: Apache-2.0 */
/* The fold (P10): from a set of acts to one roster, whatever the order of arrival. An act waits on
 * exactly one thing: its predecessor (index by subject and `after`), a node it names, or any change
 * of keys or tree. So no step searches, and folding n acts costs n log n. The fold starts from
 * nothing each time: signatures are remembered, everything else is cheap, and nothing can be
 * forgotten. */
#include "protocol/roster_internal.h"

#include <stdlib.h>
#include <string.h>

enum { PASSES = 16, ROUNDS = 4 };

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
    c = c != 0 ? c : cmp_i64(a->at.ep, b->at.ep);
    c = c != 0 ? c : cmp_i64(a->at.seq, b->at.seq);
    c = c != 0 ? c : cmp_i64(a->at.idx, b->at.idx);
    c = c != 0 ? c : memcmp(a->at.en, b->at.en, sizeof(a->at.en));
    c = c != 0 ? c : memcmp(a->a->hash, b->a->hash, HASH_LEN);
    c = c != 0 ? c : strcmp(r->subj[a->stream].id.s, r->subj[b->stream].id.s);
    return c != 0 ? c : memcmp(a->at.id, b->at.id, HASH_LEN);
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
    if (e->applied || e->stale || e->out) {
        return;
    }
    e->seen = true;
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
        if (e != done && e->subj == done->subj && !e->applied && !e->out &&
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
        if (e->subj == subj && !e->seen && memcmp(e->a->after, r->subj[subj].last, HASH_LEN) == 0) {
            consider(r, i);
        }
    }
}

static bool moves_others(enum act_type t)
{
    return t == ACT_ROOT || t == ACT_KEY || t == ACT_CUT || t == ACT_MOVE || t == ACT_CLOSE ||
           t == ACT_HANDOVER || t == ACT_ADOPT;
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
    }
    return hash_update(&r->order, e->a->hash, HASH_LEN);
}

/* ---- acts that follow nothing that holds ---- */

static const uint8_t zero[HASH_LEN];

/* What they follow was refused or lost, is not understood here or is still on its way. Whether
 * their author may say them does not hang on that, or a thief's act would shield itself from the
 * cut that follows it. Only a first act about a node follows nothing. */
static bool strays_enter(struct roster *r)
{
    bool any = false;
    r->strays_in = true;
    for (uint32_t i = 0; i < r->n_entry; i++) {
        const struct rentry *e = r->entry[i];
        if (!e->seen && !e->stale && !e->out && e->a->type != ACT_NODE) {
            consider(r, i);
            any = true;
        }
    }
    return any;
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
    r->key_tab = arena_alloc(r->pass, r->key_cap * sizeof(struct rkey *));
    if (r->ready.v == NULL || r->key_tab == NULL) {
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
        e->applied = e->seen = e->stale = e->twin = false;
        e->err = e->out ? SANJI_E_REVOKED : SANJI_E_GAP;
        e->old_up = RNONE;
    }
    r->waiting = RNONE;
    r->strays_in = false;
    r->n_node = 0;
    r->node = NULL;
    r->fed[0] = (struct rfed){.top = RNONE};
    memcpy(r->fed[0].g, r->g, HASH_LEN);
    r->n_fed = 1;
    r->cur = 0;
    return hash_init(&r->order);
}

/* Looks at the next act; *ret_more: there may be another. */
static int step(struct roster *r, bool *ret_more)
{
    *ret_more = true;
    if (r->ready.n == 0 && roster__find_lineage(r)) {
        wake(r, &r->waiting);
        return 0;
    }
    if (r->ready.n == 0) {
        *ret_more = !r->strays_in && strays_enter(r);
        return 0;
    }
    uint32_t i = heap_pop(r, &r->ready);
    struct rentry *e = r->entry[i];
    if (e->stale) {
        return 0;
    }
    struct rverdict v = roster__judge(r, e);
    if (v.err == 0 && v.beyond) { /* until a later cut adds heads */
        v = (struct rverdict){.err = SANJI_E_REVOKED, .wait = RNONE};
    }
    if (v.err < 0) {
        e->err = v.err;
        wait_on(v.wait == RNONE ? &r->waiting : &r->subj[v.wait].wait, r, i);
        return 0;
    }
    return take(r, e);
}

static int pass(struct roster *r)
{
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
        } else if (e->banned && e->err == SANJI_E_REVOKED && roster__still_holds(r, e)) {
            e->banned = false;
            e->pardoned = changed = true;
        }
    }
    return changed;
}

/* Passes until no applied act is refused by the end state, from nothing. */
static int fold_passes(struct roster *r, uint8_t digest[static HASH_LEN])
{
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
            return 0;
        }
    }
}

/* Which bundles does the roster just made refuse? From the second half of the rounds on none comes
 * back, so that it ends. */
static bool find_out(struct roster *r, bool only_more)
{
    bool changed = false;
    for (size_t i = 0; i < r->n_entry; i++) {
        struct rentry *e = r->entry[i];
        bool out = roster__is_out(r, e) || (only_more && e->out);
        changed = changed || out != e->out;
        e->out = out;
    }
    return changed;
}

/* A node that came later was never given what lies beyond the end of a key. Its fold knows nothing
 * of it, so neither may this one: with the same acts left out, the same computation is made. */
int roster_fold(struct roster *r, bool *ret_changed)
{
    uint8_t digest[HASH_LEN];
    *ret_changed = false;
    if (!r->dirty) {
        return 0;
    }
    r->no_memory = false;
    for (size_t i = 0; i < r->n_entry; i++) {
        r->entry[i]->out = false;
    }
    int err = fold_passes(r, digest);
    for (int n = 1; err == 0 && n < 2 * ROUNDS && find_out(r, n >= ROUNDS); n++) {
        err = fold_passes(r, digest);
    }
    err = err == 0 && r->no_memory ? SANJI_E_NOMEM : err;
    if (err == 0) {
        err = roster__publish(r);
    }
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
            fn(e->a, r->subj[e->stream].id.s, e->at.seq, e->err, arg);
        }
    }
}
