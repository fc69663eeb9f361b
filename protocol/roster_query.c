/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to a folded roster. The exchange asks several of them for every stream it names, so
 * each costs a hash look-up and a walk to the top of the tree (LIM_TREE_DEPTH steps). */
#include "protocol/base/text.h"
#include "protocol/roster_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- made once per fold ---- */

static int by_id(const void *a, const void *b)
{
    return node_id_cmp(&((const struct roster_node *)a)->id, &((const struct roster_node *)b)->id);
}

static int publish_node(struct roster *r, const struct rsubj *s, struct roster_node *n)
{
    struct roster_key *keys = arena_alloc(r->pass, s->n_keys * sizeof(*keys));
    struct node_id *former = arena_alloc(r->pass, s->n_former * sizeof(*former));
    int64_t *until = arena_alloc(r->pass, s->n_former * sizeof(*until));
    if (keys == NULL || former == NULL || until == NULL) {
        return SANJI_E_NOMEM;
    }
    size_t i = s->n_keys;
    for (const struct rkey *k = s->keys; k != NULL; k = k->older) {
        keys[--i] = k->pub;
    }
    i = s->n_former;
    for (const struct rformer *f = s->former; f != NULL; f = f->older) {
        former[--i] = r->subj[f->up].id;
        until[i] = f->move->ts;
    }
    *n = (struct roster_node){
        .id = s->id,
        .lv = s->lv,
        .name = s->name,
        .area = s->area,
        .url = s->url,
        .reg = s->reg,
        .state = s->state,
        .steward = s->steward,
        .quota_items = s->quota_items,
        .quota_bytes = s->quota_bytes,
        .n_keys = s->n_keys,
        .keys = keys,
        .n_former = s->n_former,
        .former_up = former,
        .former_until = until,
        .acts = s->acts,
        .enrolled_by = s->enrolled_by,
    };
    if (s->up != RNONE) {
        n->up = r->subj[s->up].id;
    }
    memcpy(n->last, s->last, HASH_LEN);
    return 0;
}

static int publish_nodes(struct roster *r)
{
    size_t n = 0;
    r->node = arena_alloc(r->pass, r->n_node * sizeof(*r->node));
    if (r->node == NULL) {
        return SANJI_E_NOMEM;
    }
    for (size_t i = 0; i < r->n_subj; i++) {
        if (r->subj[i].exists) {
            int err = publish_node(r, &r->subj[i], &r->node[n++]);
            if (err < 0) {
                return err;
            }
        }
    }
    if (n > 1) {
        qsort(r->node, n, sizeof(*r->node), by_id);
    }
    for (uint32_t i = 0; i < n; i++) {
        r->subj[roster__subj(r, r->node[i].id.s)].pub = i;
    }
    return 0;
}

/* The federation in force: follow the handovers that were answered. */
static void find_current(struct roster *r)
{
    for (size_t n = 0; n < r->n_fed && r->fed[r->cur].joined; n++) {
        const struct rfed *next = roster__fed(r, r->fed[r->cur].to);
        if (next == NULL) {
            break;
        }
        r->cur = (size_t)(next - r->fed);
    }
}

static void find_depths(struct roster *r)
{
    for (size_t i = 0; i < r->n_subj; i++) {
        struct rsubj *s = &r->subj[i];
        uint32_t p = (uint32_t)i;
        for (s->depth = 0; r->subj[p].up != RNONE; s->depth++) {
            p = r->subj[p].up;
        }
        s->linked = s->exists && p == r->fed[r->cur].top;
    }
}

static int by_level(const void *a, const void *b)
{
    const struct rsubj *const *x = a, *const *y = b;
    return (*x)->lv < (*y)->lv ? -1 : (*x)->lv > (*y)->lv;
}

static bool in_set(const uint32_t *v, size_t n, uint32_t x)
{
    for (size_t i = 0; i < n; i++) {
        if (v[i] == x) {
            return true;
        }
    }
    return false;
}

/* Adds a parent and everything above it. */
static size_t add_above(const struct roster *r, uint32_t *v, size_t n, uint32_t parent)
{
    uint32_t p = parent;
    while (p != RNONE) {
        const struct rsubj *s = &r->subj[p];
        if (!in_set(v, n, p)) {
            v[n++] = p;
        }
        if (s->anc != NULL) {
            for (size_t i = 0; i < s->n_anc; i++) {
                if (!in_set(v, n, s->anc[i])) {
                    v[n++] = s->anc[i];
                }
            }
            break;
        }
        p = s->up;
    }
    return n;
}

static size_t bound_above(const struct roster *r, uint32_t parent)
{
    size_t n = LIM_TREE_DEPTH + 1;
    for (uint32_t p = parent; p != RNONE && r->subj[p].anc == NULL; p = r->subj[p].up) {
        if (r->subj[p].up != RNONE && r->subj[r->subj[p].up].anc != NULL) {
            return n + r->subj[r->subj[p].up].n_anc;
        }
    }
    return n + (parent == RNONE ? 0 : r->subj[parent].n_anc);
}

static int set_ancestors(struct roster *r, struct rsubj *s)
{
    bool plain = s->former == NULL && (s->up == RNONE || r->subj[s->up].anc == NULL);
    if (plain) {
        return 0; /* the walk up is the whole answer */
    }
    size_t max = bound_above(r, s->up);
    for (const struct rformer *f = s->former; f != NULL; f = f->older) {
        max += bound_above(r, f->up);
    }
    uint32_t *v = arena_alloc(r->pass, max * sizeof(*v));
    if (v == NULL) {
        return SANJI_E_NOMEM;
    }
    size_t n = add_above(r, v, 0, s->up);
    for (const struct rformer *f = s->former; f != NULL; f = f->older) {
        n = add_above(r, v, n, f->up);
    }
    s->anc = v;
    s->n_anc = n;
    return 0;
}

/* Levels grow downwards, so parents, present and former, are done before their children. */
static int find_ancestors(struct roster *r)
{
    struct rsubj **order = arena_alloc(r->pass, r->n_node * sizeof(struct rsubj *));
    size_t n = 0;
    if (order == NULL) {
        return SANJI_E_NOMEM;
    }
    for (size_t i = 0; i < r->n_subj; i++) {
        if (r->subj[i].exists) {
            order[n++] = &r->subj[i];
        }
    }
    if (n > 1) {
        qsort(order, n, sizeof(struct rsubj *), by_level);
    }
    for (size_t i = 0; i < n; i++) {
        int err = set_ancestors(r, order[i]);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

int roster__publish(struct roster *r)
{
    find_current(r);
    find_depths(r);
    int err = publish_nodes(r);
    return err < 0 ? err : find_ancestors(r);
}

/* ---- look-ups ---- */

/* A node of the roster, or RNONE. */
static uint32_t known(const struct roster *r, const char *id)
{
    uint32_t i = id == NULL ? RNONE : roster__subj(r, id);
    return i != RNONE && r->subj[i].exists && r->node != NULL ? i : RNONE;
}

/* The same, of the federation in force. */
static uint32_t member(const struct roster *r, const char *id)
{
    uint32_t i = known(r, id);
    return i != RNONE && r->subj[i].linked ? i : RNONE;
}

const struct roster_node *roster_node(const struct roster *r, const char *id)
{
    uint32_t i = known(r, id);
    return i == RNONE || r->subj[i].pub == RNONE ? NULL : &r->node[r->subj[i].pub];
}

const struct roster_node *roster_top(const struct roster *r)
{
    uint32_t top = r->n_fed == 0 ? RNONE : r->fed[r->cur].top;
    return top == RNONE ? NULL : roster_node(r, r->subj[top].id.s);
}

size_t roster_count(const struct roster *r)
{
    return r->node == NULL ? 0 : r->n_node;
}

const struct roster_node *roster_at(const struct roster *r, size_t i)
{
    return i < roster_count(r) ? &r->node[i] : NULL;
}

const struct roster_key *roster_key(const struct roster *r, const char *node, const char *kid)
{
    const struct roster_node *n = roster_node(r, node);
    for (size_t i = n == NULL ? 0 : n->n_keys; i > 0; i--) {
        if (strcmp(n->keys[i - 1].kid.s, kid) == 0) {
            return &n->keys[i - 1];
        }
    }
    return NULL;
}

const struct roster_key *roster_current_key(const struct roster *r, const char *node)
{
    const struct roster_node *n = roster_node(r, node);
    return n == NULL || n->n_keys == 0 ? NULL : &n->keys[n->n_keys - 1];
}

const uint8_t *roster_g(const struct roster *r)
{
    return r->n_fed == 0 ? r->g : r->fed[r->cur].g;
}

bool roster_knows_g(const struct roster *r, const uint8_t g[static HASH_LEN])
{
    for (size_t i = 0; i < r->n_fed; i++) {
        if (memcmp(r->fed[i].g, g, HASH_LEN) == 0) {
            return true;
        }
    }
    return memcmp(r->g, g, HASH_LEN) == 0;
}

const uint8_t *roster_lineage(const struct roster *r, size_t i)
{
    return i < r->n_fed ? r->fed[i].g : i == 0 ? r->g : NULL;
}

static const struct act *root_in_force(const struct roster *r)
{
    const struct rfed *f = &r->fed[r->cur];
    return r->n_fed == 0 || f->n_root == 0 ? NULL : f->root[f->n_root - 1];
}

size_t roster_root_keys(const struct roster *r, const uint8_t (**ret_keys)[SIGN_PUB_LEN],
                        int64_t *ret_k)
{
    const struct act *a = root_in_force(r);
    if (a == NULL) {
        return 0;
    }
    *ret_keys = a->keys;
    *ret_k = a->k;
    return a->n_keys;
}

int64_t roster_root_version(const struct roster *r)
{
    const struct act *a = root_in_force(r);
    return a == NULL ? 0 : a->ver;
}

const uint8_t *roster_root_hash(const struct roster *r)
{
    const struct act *a = root_in_force(r);
    return a == NULL ? NULL : a->hash;
}

const uint8_t *roster_handed_to(const struct roster *r)
{
    const struct rfed *f = &r->fed[r->cur];
    return r->n_fed == 0 || f->handover == NULL || f->joined ? NULL : f->to;
}

bool roster_act_held(const struct roster *r, const uint8_t hash[static HASH_LEN], bool *ret_holds)
{
    bool held = false;
    *ret_holds = false;
    for (size_t i = 0; i < r->n_entry; i++) {
        if (memcmp(r->entry[i]->a->hash, hash, HASH_LEN) == 0) {
            held = true;
            *ret_holds = *ret_holds || r->entry[i]->applied;
        }
    }
    return held;
}

/* ---- the tree ---- */

static bool is_above(const struct roster *r, uint32_t anc, uint32_t node)
{
    for (uint32_t i = r->subj[node].up; i != RNONE; i = r->subj[i].up) {
        if (i == anc) {
            return true;
        }
    }
    return false;
}

static bool was_above(const struct roster *r, uint32_t anc, uint32_t node)
{
    const struct rsubj *s = &r->subj[node];
    return s->anc != NULL ? in_set(s->anc, s->n_anc, anc) : is_above(r, anc, node);
}

bool roster_floor(const struct roster *r, const char *node, const char **ret_minv,
                  const char **ret_date)
{
    const struct act *best = NULL;
    for (uint32_t i = known(r, node); i != RNONE; i = r->subj[i].up) {
        const struct act *a = r->subj[i].floor;
        if (a != NULL && (best == NULL || version_cmp(a->minv, best->minv) > 0)) {
            best = a;
        }
    }
    if (best != NULL) {
        *ret_minv = best->minv;
        *ret_date = best->date;
    }
    return best != NULL;
}

bool roster_is_ancestor(const struct roster *r, const char *anc, const char *node)
{
    uint32_t a = known(r, anc), n = known(r, node);
    return a != RNONE && n != RNONE && is_above(r, a, n);
}

bool roster_was_ancestor(const struct roster *r, const char *anc, const char *node)
{
    uint32_t a = known(r, anc), n = known(r, node);
    return a != RNONE && n != RNONE && was_above(r, a, n);
}

/* The parent at a moment: that before the first move which is later. */
static uint32_t up_at(const struct rsubj *s, int64_t ms)
{
    uint32_t up = s->up;
    for (const struct rformer *f = s->former; f != NULL; f = f->older) { /* newest first */
        up = ms < f->move->ts ? f->up : up;
    }
    return up;
}

bool roster_stood_below(const struct roster *r, const char *anc, const char *node, int64_t ms)
{
    uint32_t a = known(r, anc), i = known(r, node);
    for (int n = 0; a != RNONE && i != RNONE && n <= LIM_TREE_DEPTH; n++) {
        if (i == a) {
            return true;
        }
        i = up_at(&r->subj[i], ms);
    }
    return false;
}

/* The lowest node above or equal to both; RNONE when they are in different trees. */
static uint32_t meet(const struct roster *r, uint32_t a, uint32_t b)
{
    while (a != b) {
        bool a_lower = r->subj[a].depth >= r->subj[b].depth;
        uint32_t *lower = a_lower ? &a : &b;
        *lower = r->subj[*lower].up;
        if (*lower == RNONE) {
            return RNONE;
        }
    }
    return a;
}

int roster_distance(const struct roster *r, const char *a, const char *b)
{
    uint32_t x = known(r, a), y = known(r, b);
    uint32_t m = x == RNONE || y == RNONE ? RNONE : meet(r, x, y);
    return m == RNONE ? -1 : r->subj[x].depth + r->subj[y].depth - 2 * r->subj[m].depth;
}

/* Does the tree path between a and b pass through x (ends included)? */
static bool on_path(const struct roster *r, uint32_t a, uint32_t b, uint32_t x)
{
    uint32_t m = meet(r, a, b);
    if (m == RNONE || (x != m && !is_above(r, m, x))) {
        return false;
    }
    return x == a || x == b || is_above(r, x, a) || is_above(r, x, b);
}

/* ---- audiences: P8 ---- */

int roster_may_write(const struct roster *r, const char *by, const struct audience *aud)
{
    uint32_t w = known(r, by);
    uint32_t x[LIM_RECIPIENTS] = {0};
    if (w == RNONE || (aud->type != AUD_TRUST && !r->subj[w].linked)) {
        return SANJI_E_UNKNOWN_KEY;
    }
    for (size_t i = 0; i < aud->n && i < LIM_RECIPIENTS; i++) {
        x[i] = member(r, aud->node[i].s);
        if (x[i] == RNONE) {
            return SANJI_E_UNKNOWN_KEY;
        }
        if (aud->type == AUD_TO && x[i] == w) {
            return SANJI_E_AUDIENCE; /* the writer is never named */
        }
    }
    switch (aud->type) {
    case AUD_FED:
    case AUD_TRUST:
    case AUD_SELF:
    case AUD_TO:
    case AUD_OWN:
        return 0;
    case AUD_SUB:
        return w == x[0] || was_above(r, w, x[0]) || was_above(r, x[0], w) ? 0 : SANJI_E_AUDIENCE;
    case AUD_UP:
        return w == x[0] || was_above(r, x[0], w) ? 0 : SANJI_E_AUDIENCE;
    case AUD_COUNT:
        break;
    }
    return SANJI_E_AUDIENCE;
}

static bool entitled_to(const struct roster *r, uint32_t w, const struct audience *aud, uint32_t p)
{
    for (size_t i = 0; i < aud->n && i < LIM_RECIPIENTS; i++) {
        uint32_t x = member(r, aud->node[i].s);
        if (x != RNONE && on_path(r, w, x, p)) {
            return true;
        }
    }
    return false;
}

bool roster_entitled(const struct roster *r, const char *by, const struct audience *aud,
                     const char *peer)
{
    uint32_t w = member(r, by), p = member(r, peer), x = RNONE;
    if (p != RNONE && aud->type == AUD_TRUST) {
        return true; /* also of a writer that only its own acts will make known, and to a closed
                        node, which learns there that it is one */
    }
    if (p == RNONE || r->subj[p].state == NODE_CLOSED || w == RNONE) {
        return false;
    }
    if (w == p) {
        return true;
    }
    if (aud->n > 0) {
        x = member(r, aud->node[0].s);
    }
    switch (aud->type) {
    case AUD_FED:
        return true;
    case AUD_SUB:
        return x != RNONE && (p == x || is_above(r, x, p) || is_above(r, p, x));
    case AUD_UP:
        return x != RNONE && is_above(r, p, w) && is_above(r, x, w) &&
               (p == x || is_above(r, x, p));
    case AUD_TO:
        return entitled_to(r, w, aud, p);
    case AUD_SELF:
        return r->subj[w].up == p;
    case AUD_OWN: /* the writer alone */
    case AUD_TRUST:
    case AUD_COUNT:
        break;
    }
    return false;
}

/* ---- keys and positions: P10 ---- */

/* Private streams are listed by bundle ids: 0, beyond one of them, or not to be told from here. */
static int private_limit(const struct roster_key *k, const struct bundle *b,
                         const struct act_head **ret)
{
    for (size_t i = 0; i < k->n_heads; i++) {
        const struct act_head *h = &k->heads[i];
        if (h->aud != NULL) {
            continue;
        }
        if (memcmp(h->id, b->hdr.prev, HASH_LEN) == 0) {
            return SANJI_E_REVOKED;
        }
        if (*ret == NULL || memcmp(h->id, b->id, HASH_LEN) == 0) {
            *ret = h;
        }
    }
    if (*ret == NULL) {
        return SANJI_E_REVOKED;
    }
    return memcmp((*ret)->id, b->id, HASH_LEN) == 0 ? 0 : SANJI_E_UNKNOWN_KEY;
}

static int public_limit(const struct roster_key *k, const struct bundle *b,
                        const struct act_head **ret)
{
    struct stream_key s = {.by = b->hdr.by, .ep = (uint32_t)b->hdr.ep};
    memcpy(s.aud, b->hdr.aud, sizeof(s.aud));
    memcpy(s.en, b->hdr.en, sizeof(s.en));
    return act_heads_cover(k->heads, k->n_heads, &s, b->hdr.seq, b->id, ret) ? 0 : SANJI_E_REVOKED;
}

int roster_key_covers(const struct roster *r, const struct bundle *b,
                      const struct roster_key **ret_key, const struct act_head **ret_limit)
{
    struct audience aud;
    *ret_key = NULL;
    *ret_limit = NULL;
    const struct roster_key *k = roster_key(r, b->hdr.by.s, b->hdr.kid.s);
    if (k == NULL) {
        return SANJI_E_UNKNOWN_KEY;
    }
    *ret_key = k;
    if (!k->ended) {
        return 0;
    }
    if (audience_parse(b->hdr.aud, strlen(b->hdr.aud), &aud) < 0) {
        return SANJI_E_AUDIENCE;
    }
    if (aud.type == AUD_OWN) {
        return 0; /* no act lists it, because no other node has ever seen it */
    }
    return audience_is_private(aud.type) ? private_limit(k, b, ret_limit)
                                         : public_limit(k, b, ret_limit);
}
