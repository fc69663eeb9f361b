/* SPDX-License-Identifier: Apache-2.0 */
/* Who may say what (P9.2), asked of one act in the present state of a fold. Every answer looks at
 * the act's place in its author's stream and never at when it arrived: what a key, a parent or a
 * federation said before its listed final heads holds for ever, what lies beyond is void, whichever
 * of the two a node hears of first. */
#include "protocol/act_table.h"
#include "protocol/roster_internal.h"

#include <string.h>

enum { PATH_BUDGET = 256 }; /* steps through former parents, for one question */

struct rfed *roster__fed(struct roster *r, const uint8_t g[static HASH_LEN])
{
    for (size_t i = 0; i < r->n_fed; i++) {
        if (memcmp(r->fed[i].g, g, HASH_LEN) == 0) {
            return &r->fed[i];
        }
    }
    return NULL;
}

struct rkey *roster__find_key(const struct roster *r, const uint8_t pub[static SIGN_PUB_LEN])
{
    struct rkey *k = r->key_tab[roster__mix(pub, SIGN_PUB_LEN, 0) & (r->key_cap - 1)];
    while (k != NULL && memcmp(k->pub.sig, pub, SIGN_PUB_LEN) != 0) {
        k = k->hash_next;
    }
    return k;
}

/* ---- signatures, each checked once per key ---- */

static bool signed_by(struct roster *r, struct rentry *e, const struct key_id *kid,
                      const uint8_t pub[static SIGN_PUB_LEN])
{
    for (size_t i = 0; i < e->a->n_co; i++) {
        struct rproof *p = &e->proof[i];
        if (strcmp(e->a->co[i].kid.s, kid->s) != 0) {
            continue;
        }
        if (!p->known || memcmp(p->pub, pub, SIGN_PUB_LEN) != 0) {
            const struct sign_pub *k = roster__pub(r, pub);
            p->good = k != NULL && act__verify(e->a->text, k, e->a->co[i].s);
            p->known = k != NULL || !r->no_memory;
            memcpy(p->pub, pub, SIGN_PUB_LEN);
        }
        if (p->good) {
            return true;
        }
    }
    return false;
}

/* At least k of the keys of this root act; its keys are all different. */
static bool quorum(struct roster *r, struct rentry *e, const struct act *root)
{
    int64_t n = 0;
    for (size_t i = 0; i < root->n_keys && n < root->k; i++) {
        struct key_id kid;
        key_id_of(root->keys[i], &kid);
        n += signed_by(r, e, &kid, root->keys[i]) ? 1 : 0;
    }
    return n >= root->k;
}

/* ---- places ---- */

/* Is the act's place at or before a listed head of its stream? `by` NULL: heads of its author. */
static bool covered(const struct act_head *h, size_t n, const char *by, const struct rentry *e)
{
    for (size_t i = 0; i < n; i++) {
        if (h[i].aud != NULL && strcmp(h[i].aud, "trust") == 0 && h[i].ep == e->at.ep &&
            memcmp(h[i].en, e->at.en, sizeof(e->at.en)) == 0 && e->at.seq <= h[i].seq &&
            (by == NULL || (h[i].by != NULL && strcmp(h[i].by, by) == 0))) {
            return true;
        }
    }
    return false;
}

bool roster__is_out(const struct roster *r, const struct rentry *e)
{
    const struct rkey *k = r->subj[e->stream].keys;
    while (k != NULL && strcmp(k->pub.kid.s, e->at.kid.s) != 0) {
        k = k->older;
    }
    if (k == NULL || !k->pub.ended) {
        return false;
    }
    struct stream_key s = {.by = e->at.by, .aud = "trust", .ep = (uint32_t)e->at.ep};
    memcpy(s.en, e->at.en, sizeof(s.en));
    return !act_heads_cover(k->pub.heads, k->pub.n_heads, &s, e->at.seq, e->at.id, NULL);
}

enum say { SAY_NO, SAY_UNSIGNED, SAY_BEYOND, SAY_YES };

/* The author's own signature, by a key that covers this place. */
static enum say author_says(struct roster *r, struct rentry *e)
{
    enum say best = SAY_UNSIGNED;
    for (struct rkey *k = r->subj[e->author].keys; k != NULL; k = k->older) {
        if (!signed_by(r, e, &k->pub.kid, k->pub.sig)) {
            continue;
        }
        if (!k->pub.ended || covered(k->pub.heads, k->pub.n_heads, NULL, e)) {
            return SAY_YES;
        }
        best = SAY_BEYOND;
    }
    return best;
}

struct walk {
    const struct rentry *e;
    uint32_t who;
    int budget;
};

static enum say above(const struct roster *r, struct walk *w, uint32_t from, int depth);

/* Through parents before a move: up to the heads that the move lists for the author. */
static enum say above_former(const struct roster *r, struct walk *w, const struct rsubj *s,
                             int depth)
{
    enum say best = SAY_NO;
    for (const struct rformer *f = s->former; f != NULL && best != SAY_YES; f = f->older) {
        enum say x = f->up == w->who ? SAY_YES : above(r, w, f->up, depth + 1);
        if (x == SAY_YES &&
            !covered(f->move->heads, f->move->n_heads, r->subj[w->who].id.s, w->e)) {
            x = SAY_BEYOND;
        }
        best = x > best ? x : best;
    }
    return best;
}

/* Is w->who an ancestor of `from`, now or, for an act at this place, before a move? */
static enum say above(const struct roster *r, struct walk *w, uint32_t from, int depth)
{
    enum say best = SAY_NO;
    if (depth > LIM_TREE_DEPTH) {
        return SAY_NO;
    }
    for (uint32_t i = from; i != RNONE && w->budget > 0; i = r->subj[i].up) {
        w->budget--;
        if (r->subj[i].up == w->who) {
            return SAY_YES;
        }
        enum say x = above_former(r, w, &r->subj[i], depth);
        best = x > best ? x : best;
        if (best == SAY_YES) {
            break;
        }
    }
    return best;
}

static enum say is_above(const struct roster *r, const struct rentry *e, uint32_t node,
                         bool or_equal)
{
    struct walk w = {.e = e, .who = e->author, .budget = PATH_BUDGET};
    if (or_equal && node == e->author) {
        return SAY_YES;
    }
    return above(r, &w, node, 0);
}

/* ---- authority: P9.2 ---- */

enum authority {
    MAY_ROOT,       /* only the root */
    MAY_UP,         /* node: the parent or what is above it; the root for the top */
    MAY_ABOVE,      /* what is above the subject; the root for the top */
    MAY_BOTH,       /* move: at or above the old and the new parent */
    MAY_SELF,       /* the subject */
    MAY_SELF_ABOVE, /* the subject or what is above it */
};
static const enum authority may[ACT_TYPE_COUNT] = {
    [ACT_ROOT] = MAY_ROOT,       [ACT_NODE] = MAY_UP,       [ACT_KEY] = MAY_ABOVE,
    [ACT_CUT] = MAY_ABOVE,       [ACT_MOVE] = MAY_BOTH,     [ACT_STEWARD] = MAY_ABOVE,
    [ACT_QUOTA] = MAY_ABOVE,     [ACT_FLOOR] = MAY_SELF,    [ACT_CLOSE] = MAY_ABOVE,
    [ACT_INFO] = MAY_SELF_ABOVE, [ACT_HANDOVER] = MAY_ROOT, [ACT_ADOPT] = MAY_ROOT,
};

static enum say node_authority(const struct roster *r, const struct rentry *e, uint32_t old_up)
{
    enum authority m = may[e->a->type];
    bool self = e->author == e->subj;
    if (!r->subj[e->author].reg && !(self && (m == MAY_SELF || m == MAY_SELF_ABOVE))) {
        return SAY_NO;
    }
    switch (m) {
    case MAY_ROOT:
        return SAY_NO;
    case MAY_UP:
        return is_above(r, e, e->up, true);
    case MAY_ABOVE:
        return is_above(r, e, e->subj, false);
    case MAY_BOTH: {
        enum say a = old_up == RNONE ? SAY_NO : is_above(r, e, old_up, true);
        enum say b = is_above(r, e, e->up, true);
        return a < b ? a : b;
    }
    case MAY_SELF:
        return self ? SAY_YES : SAY_NO;
    case MAY_SELF_ABOVE:
        return self ? SAY_YES : is_above(r, e, e->subj, false);
    }
    return SAY_NO;
}

/* Beyond the trust heads that a handover lists nothing of the old federation holds. */
static bool beyond_handover(const struct roster *r, const struct rfed *f, const struct rentry *e)
{
    return f->handover != NULL && e->author != RNONE &&
           !covered(f->handover->heads, f->handover->n_heads, r->subj[e->author].id.s, e);
}

bool roster__still_holds(struct roster *r, struct rentry *e)
{
    struct rfed *f = e->author == RNONE || !e->a->has_g ? NULL : roster__fed(r, e->a->g);
    if (f == NULL) {
        return true; /* the root's acts are ordered by their subject's chain alone */
    }
    uint32_t old_up = e->a->type == ACT_MOVE ? e->old_up : RNONE;
    return !beyond_handover(r, f, e) && author_says(r, e) == SAY_YES &&
           node_authority(r, e, old_up) == SAY_YES;
}

/* ---- consent of others ---- */

static bool registrar_consents(struct roster *r, struct rentry *e, uint32_t node)
{
    while (node != RNONE && !r->subj[node].reg) {
        node = r->subj[node].up;
    }
    if (node == RNONE) {
        return false;
    }
    for (struct rkey *k = r->subj[node].keys; k != NULL; k = k->older) {
        /* A rotated key's old consent stays; a revoked one consents to nothing. */
        if (!k->pub.cut && signed_by(r, e, &k->pub.kid, k->pub.sig)) {
            return true;
        }
    }
    return false;
}

/* A lost key: the next registrar above the author, now or before a move, or the root for its top.
 */
static bool next_tier_consents(struct roster *r, struct rentry *e)
{
    struct rfed *f = roster__fed(r, e->a->g);
    const struct rsubj *s = &r->subj[e->author];
    if (registrar_consents(r, e, s->up)) {
        return true;
    }
    for (const struct rformer *p = s->former; p != NULL; p = p->older) {
        if (registrar_consents(r, e, p->up)) {
            return true;
        }
    }
    for (size_t i = 0; f != NULL && f->top == e->author && i < f->n_root; i++) {
        if (quorum(r, e, f->root[i])) {
            return true;
        }
    }
    return false;
}

/* ---- what each type needs besides its author ---- */

static struct rverdict no(int err, uint32_t wait)
{
    return (struct rverdict){.err = err, .wait = wait};
}

static const struct rverdict yes = {.err = 0, .wait = RNONE};

static int depth_of(const struct roster *r, uint32_t i)
{
    int d = 0;
    while (r->subj[i].up != RNONE) {
        i = r->subj[i].up;
        d++;
    }
    return d;
}

/* Levels of the subtree below a node, 0 for a leaf. */
static int height_of(const struct roster *r, uint32_t top)
{
    int max = 0;
    if (r->subj[top].children == 0) {
        return 0;
    }
    for (uint32_t i = 0; i < r->n_subj; i++) {
        int d = 0;
        uint32_t p = i;
        while (p != RNONE && p != top) {
            p = r->subj[p].up;
            d++;
        }
        max = p == top && d > max ? d : max;
    }
    return max;
}

static bool above_children(const struct roster *r, uint32_t node, int64_t lv)
{
    for (uint32_t i = 0; i < r->n_subj; i++) {
        if (r->subj[i].exists && r->subj[i].up == node && r->subj[i].lv <= lv) {
            return false;
        }
    }
    return true;
}

static struct rverdict new_key(struct roster *r, struct rentry *e)
{
    if (!signed_by(r, e, &e->sig_kid, e->a->sig)) {
        return no(SANJI_E_SIGNATURE, RNONE); /* P9: proof of possession */
    }
    return roster__find_key(r, e->a->sig) == NULL ? yes : no(SANJI_E_EXISTS, RNONE); /* P9.3 */
}

static struct rverdict judge_place(const struct roster *r, uint32_t up, int64_t lv, int height)
{
    if (!r->subj[up].exists) {
        return no(SANJI_E_UNKNOWN_KEY, up);
    }
    bool fits = r->subj[up].lv < lv && depth_of(r, up) + 1 + height < LIM_TREE_DEPTH;
    return fits ? yes : no(SANJI_E_SPEC, RNONE);
}

static struct rverdict judge_node(struct roster *r, struct rentry *e)
{
    if (r->subj[e->subj].exists || r->n_node >= LIM_NODES) {
        return no(r->n_node >= LIM_NODES ? SANJI_E_SIZE : SANJI_E_EXISTS, RNONE);
    }
    if (e->up != RNONE) {
        struct rverdict v = judge_place(r, e->up, e->a->lv, 0);
        if (v.err < 0) {
            return v;
        }
    }
    return new_key(r, e);
}

static struct rverdict judge_key(struct roster *r, struct rentry *e)
{
    const struct rsubj *x = &r->subj[e->subj];
    if (x->state == NODE_CLOSED) {
        return no(SANJI_E_CLOSED, RNONE);
    }
    if (!e->a->lost &&
        (x->state != NODE_ACTIVE || !signed_by(r, e, &x->keys->pub.kid, x->keys->pub.sig))) {
        return no(SANJI_E_SIGNATURE, RNONE);
    }
    if (e->a->lost && e->author != RNONE && !next_tier_consents(r, e)) {
        return no(SANJI_E_SIGNATURE, RNONE);
    }
    return new_key(r, e);
}

static struct rverdict judge_cut(struct roster *r, struct rentry *e)
{
    for (struct rkey *k = r->subj[e->subj].keys; k != NULL; k = k->older) {
        if (strcmp(k->pub.kid.s, e->a->kid.s) == 0) {
            /* A cut may be widened by its author or somebody nearer the root alone. */
            return k->pub.cut && e->rank > k->cut_rank ? no(SANJI_E_AUTHORITY, RNONE) : yes;
        }
    }
    return no(SANJI_E_NOT_FOUND, RNONE);
}

static struct rverdict judge_root(struct roster *r, struct rentry *e)
{
    const struct act *a = e->a;
    if (!a->has_g) {
        struct rfed *f = roster__fed(r, a->hash);
        if (f == NULL || f->n_root > 0) {
            return no(SANJI_E_FEDERATION, RNONE);
        }
        return quorum(r, e, a) ? yes : no(SANJI_E_SIGNATURE, RNONE);
    }
    struct rfed *f = roster__fed(r, a->g);
    const struct act *now = f->root[f->n_root - 1];
    if (a->ver != now->ver + 1 || memcmp(a->prev, now->hash, HASH_LEN) != 0 || e->subj != f->top ||
        f->n_root == sizeof(f->root) / sizeof(f->root[0])) {
        return no(SANJI_E_OLD, RNONE);
    }
    return quorum(r, e, a) ? yes : no(SANJI_E_SIGNATURE, RNONE);
}

static struct rverdict judge_adopt(struct roster *r, struct rentry *e)
{
    const struct act *a = e->a;
    struct rfed *old = roster__fed(r, a->to);
    if (old == NULL || old->handover == NULL || old->joined || old->top != e->subj ||
        memcmp(old->handover->hash, a->prev, HASH_LEN) != 0 ||
        memcmp(old->handover->to, a->g, HASH_LEN) != 0) {
        return no(SANJI_E_FEDERATION, RNONE);
    }
    if (!r->subj[e->subj].exists) {
        return no(SANJI_E_UNKNOWN_KEY, e->subj);
    }
    if (!above_children(r, e->subj, a->lv)) {
        return no(SANJI_E_SPEC, RNONE);
    }
    for (uint32_t i = e->up; i != RNONE; i = r->subj[i].up) {
        if (i == e->subj) {
            return no(SANJI_E_SPEC, RNONE);
        }
    }
    return judge_place(r, e->up, a->lv, height_of(r, e->subj));
}

static struct rverdict judge_type(struct roster *r, struct rentry *e)
{
    const struct rsubj *x = &r->subj[e->subj];
    switch (e->a->type) {
    case ACT_ROOT:
        return judge_root(r, e);
    case ACT_NODE:
        return judge_node(r, e);
    case ACT_KEY:
        return judge_key(r, e);
    case ACT_CUT:
        return judge_cut(r, e);
    case ACT_MOVE:
        return e->up == x->up ? no(SANJI_E_STATE, RNONE)
                              : judge_place(r, e->up, x->lv, height_of(r, e->subj));
    case ACT_STEWARD:
        if (e->st == e->subj) {
            return no(SANJI_E_SPEC, RNONE);
        }
        return r->subj[e->st].exists ? yes : no(SANJI_E_UNKNOWN_KEY, e->st);
    case ACT_CLOSE:
        return x->state == NODE_CLOSED ? no(SANJI_E_STATE, RNONE) : yes;
    case ACT_ADOPT:
        return judge_adopt(r, e);
    case ACT_QUOTA:
    case ACT_FLOOR:
    case ACT_INFO:
    case ACT_HANDOVER:
        return yes;
    case ACT_TYPE_COUNT:
        break;
    }
    return no(SANJI_E_BUG, RNONE);
}

/* ---- the whole question ---- */

/* Root acts: by the quorum in force, about the federation's own top (adopt: about the one it
 * takes). */
static struct rverdict judge_by_root(struct roster *r, struct rentry *e, const struct rfed *f)
{
    const struct act *a = e->a;
    enum authority m = may[a->type];
    if (f->handover != NULL || m == MAY_SELF || m == MAY_BOTH) {
        return no(SANJI_E_AUTHORITY, RNONE);
    }
    if (a->type != ACT_ADOPT && (e->subj != f->top || e->up != RNONE)) {
        return no(SANJI_E_AUTHORITY, RNONE);
    }
    return quorum(r, e, f->root[f->n_root - 1]) ? yes : no(SANJI_E_SIGNATURE, RNONE);
}

static struct rverdict judge_by_node(struct roster *r, struct rentry *e, const struct rfed *f)
{
    struct rverdict v = yes;
    uint32_t old_up = r->subj[e->subj].up;
    if (e->up != RNONE && !r->subj[e->up].exists) {
        return no(SANJI_E_UNKNOWN_KEY, e->up);
    }
    enum say own = author_says(r, e);
    if (own == SAY_UNSIGNED) {
        return no(SANJI_E_SIGNATURE, e->author);
    }
    enum say right = node_authority(r, e, old_up);
    if (right == SAY_NO) {
        return no(SANJI_E_AUTHORITY, RNONE);
    }
    v.beyond = own == SAY_BEYOND || right == SAY_BEYOND || beyond_handover(r, f, e);
    return v;
}

struct rverdict roster__judge(struct roster *r, struct rentry *e)
{
    const struct act *a = e->a;
    if (!a->has_g) {
        return judge_root(r, e);
    }
    const struct rfed *f = roster__fed(r, a->g);
    if (f == NULL || f->n_root == 0) {
        return no(SANJI_E_FEDERATION, RNONE);
    }
    if (a->type != ACT_NODE && a->type != ACT_ROOT && a->type != ACT_HANDOVER &&
        !r->subj[e->subj].exists) {
        return no(SANJI_E_UNKNOWN_KEY, e->subj);
    }
    struct rverdict v = e->author == RNONE ? judge_by_root(r, e, f) : judge_by_node(r, e, f);
    if (v.err < 0) {
        return v;
    }
    bool beyond = v.beyond || e->banned;
    v = judge_type(r, e);
    v.beyond = beyond;
    return v;
}

bool roster__find_lineage(struct roster *r)
{
    bool found = false;
    for (size_t i = 0; i < r->n_entry && r->n_fed < ROSTER_LINEAGE; i++) {
        struct rentry *e = r->entry[i];
        if (e->out || e->a->type != ACT_ADOPT || roster__fed(r, e->a->to) != NULL) {
            continue;
        }
        const struct rfed *f = roster__fed(r, e->a->g);
        if (f != NULL && f->n_root > 0 && quorum(r, e, f->root[f->n_root - 1])) {
            struct rfed *old = &r->fed[r->n_fed++];
            *old = (struct rfed){.top = RNONE};
            memcpy(old->g, e->a->to, HASH_LEN);
            found = true;
        }
    }
    return found;
}
