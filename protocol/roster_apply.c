/* SPDX-License-Identifier: Apache-2.0 */
/* What an act that holds does to the roster (P9, P10). Runs after the rules have said yes. */
#include "protocol/roster_internal.h"

#include <string.h>

typedef int apply_fn(struct roster *r, struct rentry *e, struct rsubj *x);

static int put_key(struct roster *r, struct rentry *e, struct rsubj *x)
{
    struct rkey *k = arena_alloc(r->pass, sizeof(*k));
    struct sign_pub *pub = roster__pub(r, e->a->sig);
    if (k == NULL || pub == NULL) {
        return SANJI_E_NOMEM;
    }
    k->pub.kid = e->sig_kid;
    memcpy(k->pub.sig, e->a->sig, SIGN_PUB_LEN);
    memcpy(k->pub.seal, e->a->seal, SEAL_PUB_LEN);
    memcpy(k->pub.tls, e->a->tls, HASH_LEN);
    k->pub.current = true;
    k->pub.pub = pub;
    k->older = x->keys;
    x->keys = k;
    x->n_keys++;
    struct rkey **head = &r->key_tab[roster__mix(k->pub.sig, SIGN_PUB_LEN, 0) & (r->key_cap - 1)];
    k->hash_next = *head;
    *head = k;
    return 0;
}

static void end_key(struct rkey *k, const struct act *a)
{
    if (!k->pub.ended) {
        k->pub.ended = true;
        k->pub.heads = a->heads;
        k->pub.n_heads = a->n_heads;
    }
}

static int apply_root(struct roster *r, struct rentry *e, struct rsubj *x)
{
    struct rfed *f = roster__fed(r, e->a->has_g ? e->a->g : e->a->hash);
    (void)x;
    f->root[f->n_root++] = e->a;
    f->top = e->subj;
    return 0;
}

static int apply_node(struct roster *r, struct rentry *e, struct rsubj *x)
{
    const struct act *a = e->a;
    x->exists = true;
    x->reg = a->reg;
    x->state = NODE_ACTIVE;
    x->up = e->up;
    x->lv = a->lv;
    x->name = a->name;
    x->area = a->area;
    x->url = a->url != NULL ? a->url : "";
    x->enrolled_by = a->by;
    if (e->up != RNONE) {
        r->subj[e->up].children++;
    }
    r->n_node++;
    return put_key(r, e, x);
}

static int apply_key(struct roster *r, struct rentry *e, struct rsubj *x)
{
    end_key(x->keys, e->a);
    x->keys->pub.current = false;
    x->state = NODE_ACTIVE;
    return put_key(r, e, x);
}

static bool same_stream(const struct act_head *a, const struct act_head *b)
{
    if (a->aud == NULL || b->aud == NULL) {
        return a->aud == b->aud && memcmp(a->id, b->id, HASH_LEN) == 0;
    }
    return strcmp(a->aud, b->aud) == 0 && a->ep == b->ep && memcmp(a->en, b->en, 8) == 0;
}

/* A later cut adds heads: per stream the higher one counts. */
static int widen(struct roster *r, struct rkey *k, const struct act *a)
{
    struct act_head *h = arena_alloc(r->pass, (k->pub.n_heads + a->n_heads) * sizeof(*h));
    size_t n = k->pub.n_heads;
    if (h == NULL) {
        return SANJI_E_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        h[i] = k->pub.heads[i];
    }
    for (size_t i = 0; i < a->n_heads; i++) {
        size_t j = 0;
        while (j < n && !same_stream(&h[j], &a->heads[i])) {
            j++;
        }
        if (j == n) {
            h[n++] = a->heads[i];
        } else if (a->heads[i].seq > h[j].seq) {
            h[j] = a->heads[i];
        }
    }
    k->pub.heads = h;
    k->pub.n_heads = n;
    return 0;
}

static int apply_cut(struct roster *r, struct rentry *e, struct rsubj *x)
{
    struct rkey *k = x->keys;
    while (k != NULL && strcmp(k->pub.kid.s, e->a->kid.s) != 0) {
        k = k->older;
    }
    if (k == NULL) {
        return SANJI_E_BUG;
    }
    if (k->pub.cut) {
        return widen(r, k, e->a);
    }
    /* A first cut of a rotated key replaces what the rotation granted. */
    k->pub.ended = k->pub.cut = true;
    k->pub.heads = e->a->heads;
    k->pub.n_heads = e->a->n_heads;
    k->cut_rank = e->rank;
    if (k == x->keys && x->state == NODE_ACTIVE) {
        x->state = NODE_CUT;
    }
    return 0;
}

static int leave_parent(struct roster *r, struct rentry *e, struct rsubj *x)
{
    if (x->up == RNONE) {
        return 0;
    }
    struct rformer *f = arena_alloc(r->pass, sizeof(*f));
    if (f == NULL) {
        return SANJI_E_NOMEM;
    }
    *f = (struct rformer){.up = x->up, .move = e->a, .older = x->former};
    x->former = f;
    x->n_former++;
    r->subj[x->up].children--;
    return 0;
}

static int apply_move(struct roster *r, struct rentry *e, struct rsubj *x)
{
    e->old_up = x->up;
    int err = leave_parent(r, e, x);
    x->up = e->up;
    r->subj[e->up].children++;
    return err;
}

static int apply_steward(struct roster *r, struct rentry *e, struct rsubj *x)
{
    (void)r;
    x->steward = e->a->st;
    return 0;
}

static int apply_quota(struct roster *r, struct rentry *e, struct rsubj *x)
{
    (void)r;
    x->quota_items = e->a->items;
    x->quota_bytes = e->a->bytes;
    return 0;
}

static int apply_floor(struct roster *r, struct rentry *e, struct rsubj *x)
{
    (void)r;
    x->floor = e->a;
    return 0;
}

static int apply_close(struct roster *r, struct rentry *e, struct rsubj *x)
{
    (void)r;
    end_key(x->keys, e->a);
    x->state = NODE_CLOSED;
    return 0;
}

static int apply_info(struct roster *r, struct rentry *e, struct rsubj *x)
{
    const struct act *a = e->a;
    (void)r;
    x->name = a->name != NULL ? a->name : x->name;
    x->area = a->area != NULL ? a->area : x->area;
    x->url = a->url != NULL ? a->url : x->url;
    if (a->has_tls) {
        memcpy(x->keys->pub.tls, a->tls, HASH_LEN);
    }
    return 0;
}

static int apply_handover(struct roster *r, struct rentry *e, struct rsubj *x)
{
    struct rfed *f = roster__fed(r, e->a->g);
    (void)x;
    f->handover = e->a;
    memcpy(f->to, e->a->to, HASH_LEN);
    if (roster__fed(r, f->to) == NULL && r->n_fed < ROSTER_LINEAGE) {
        struct rfed *next = &r->fed[r->n_fed++];
        *next = (struct rfed){.top = RNONE};
        memcpy(next->g, f->to, HASH_LEN);
    }
    return 0;
}

static int apply_adopt(struct roster *r, struct rentry *e, struct rsubj *x)
{
    roster__fed(r, e->a->to)->joined = true;
    x->up = e->up;
    x->lv = e->a->lv;
    r->subj[e->up].children++;
    return 0;
}

static apply_fn *const apply_table[ACT_TYPE_COUNT] = {
    [ACT_ROOT] = apply_root,   [ACT_NODE] = apply_node,         [ACT_KEY] = apply_key,
    [ACT_CUT] = apply_cut,     [ACT_MOVE] = apply_move,         [ACT_STEWARD] = apply_steward,
    [ACT_QUOTA] = apply_quota, [ACT_FLOOR] = apply_floor,       [ACT_CLOSE] = apply_close,
    [ACT_INFO] = apply_info,   [ACT_HANDOVER] = apply_handover, [ACT_ADOPT] = apply_adopt,
};

int roster__apply(struct roster *r, struct rentry *e)
{
    struct rsubj *x = &r->subj[e->subj];
    int err = apply_table[e->a->type](r, e, x);
    if (err == 0) {
        x->acts++;
        memcpy(x->last, e->a->hash, HASH_LEN);
    }
    return err;
}
