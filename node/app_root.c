/* SPDX-License-Identifier: Apache-2.0 */
/* Acts of the root: drafts for the ceremony, and their publication. A root act that turns out void
 * cannot be taken back and costs another ceremony, so everything that can be known here is asked
 * before it is written. */
#include "node/app_root.h"

#include "node/app_internal.h"
#include "protocol/base/enc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOT_HEADS = 400, DRAFT_ARENA = 4 << 20 };

static int refuse(struct app_root_no *no, int err, const char *why, const char *a, const char *b)
{
    no->why = why;
    (void)snprintf(no->a, sizeof no->a, "%s", a);
    (void)snprintf(no->b, sizeof no->b, "%s", b);
    return err;
}

static int refuse_n(struct app_root_no *no, int err, const char *why, int64_t a, int64_t b)
{
    char x[24], y[24];
    (void)snprintf(x, sizeof x, "%lld", (long long)a);
    (void)snprintf(y, sizeof y, "%lld", (long long)b);
    return refuse(no, err, why, x, y);
}

static int refuse_g(struct app_root_no *no, const uint8_t *said, const uint8_t *want)
{
    char x[B64U_LEN(HASH_LEN) + 1] = {0}, y[B64U_LEN(HASH_LEN) + 1] = {0};
    b64u_put(said, HASH_LEN, x);
    b64u_put(want, HASH_LEN, y);
    return refuse(no, SANJI_E_FEDERATION, "federation", x, y);
}

/* Is this the place where the root speaks, and does it still? */
static int may_speak(struct app *a, struct app_root_no *no)
{
    const struct roster *ro = app_roster(a);
    const struct roster_node *top = roster_top(ro);
    if (top == NULL || !app_is_top(a)) {
        return refuse(no, SANJI_E_AUTHORITY, "top", top != NULL ? top->id.s : "-", "");
    }
    return roster_handed_to(ro) != NULL ? refuse(no, SANJI_E_STATE, "handed_over", "", "") : 0;
}

/* ---- drafts ---- */

static void need_of_roster(const struct roster *ro, struct ceremony_need *ret)
{
    const uint8_t(*keys)[SIGN_PUB_LEN] = NULL;
    ret->n = roster_root_keys(ro, &keys, &ret->k);
    if (ret->n > 0) {
        memcpy(ret->key, keys, ret->n * SIGN_PUB_LEN);
    }
}

static int lowest_child(const struct roster *ro, const char *up)
{
    int64_t min = 0;
    for (size_t i = 0; i < roster_count(ro); i++) {
        const struct roster_node *n = roster_at(ro, i);
        if (strcmp(n->up.s, up) == 0 && (min == 0 || n->lv < min)) {
            min = n->lv;
        }
    }
    return (int)min;
}

static int draft_root(struct app *a, const struct app_root_ask *q, struct ceremony *c,
                      struct arena *ar, struct app_root_no *no)
{
    (void)ar;
    const struct roster *ro = app_roster(a);
    if (q->n_keys == 0 || q->k < 1 || q->k > (int64_t)q->n_keys) {
        return refuse_n(no, SANJI_E_SPEC, "k", q->k, (int64_t)q->n_keys);
    }
    for (size_t i = 0; i < q->n_keys; i++) {
        for (size_t k = 0; k < i; k++) {
            if (memcmp(q->keys[i], q->keys[k], SIGN_PUB_LEN) == 0) {
                return refuse_n(no, SANJI_E_SPEC, "twice", (int64_t)k + 1, (int64_t)i + 1);
            }
        }
    }
    if (c->need[0].k + q->k > LIM_CO_SIGNATURES) {
        return refuse_n(no, SANJI_E_SIZE, "many", c->need[0].k + q->k, LIM_CO_SIGNATURES);
    }
    c->act.ver = roster_root_version(ro) + 1;
    c->act.k = c->need[1].k = q->k;
    c->act.n_keys = c->need[1].n = q->n_keys;
    memcpy(c->act.keys, q->keys, q->n_keys * SIGN_PUB_LEN);
    memcpy(c->need[1].key, q->keys, q->n_keys * SIGN_PUB_LEN);
    memcpy(c->act.prev, roster_root_hash(ro), HASH_LEN);
    c->n_need = 2;
    return 0;
}

/* The head of every trust stream held. */
static int trust_heads(const struct app *a, struct act_head *v, size_t *ret_n)
{
    const struct roster *ro = app_roster(a);
    int r = 0;
    *ret_n = 0;
    for (size_t i = 0; r == 0 && i < roster_count(ro); i++) {
        r = sync_heads_of(a->sync, roster_at(ro, i)->id.s, true, v, ROOT_HEADS, ret_n);
    }
    return r;
}

static int draft_handover(struct app *a, const struct app_root_ask *q, struct ceremony *c,
                          struct arena *ar, struct app_root_no *no)
{
    (void)ar;
    const struct roster *ro = app_roster(a);
    if (roster_knows_g(ro, q->to)) {
        return refuse(no, SANJI_E_SPEC, "itself", "", "");
    }
    memcpy(c->act.to, q->to, HASH_LEN);
    c->below = lowest_child(ro, app_id(a));
    return trust_heads(a, c->act.heads, &c->act.n_heads);
}

static int draft_adopt(struct app *a, const struct app_root_ask *q, struct ceremony *c,
                       struct arena *ar, struct app_root_no *no)
{
    const struct roster *ro = app_roster(a);
    const struct roster_node *up = q->under != NULL ? roster_node(ro, q->under) : app_self_node(a);
    struct ceremony from;
    struct fault f = {0};
    int r = ceremony_read(q->handed, ar, &from, &f);
    if (r < 0 || from.act.type != ACT_HANDOVER) {
        return refuse(no, r < 0 ? r : SANJI_E_SPEC, "handover", "", "");
    }
    if (memcmp(from.act.to, roster_g(ro), HASH_LEN) != 0) {
        return refuse_g(no, from.act.to, roster_g(ro));
    }
    if (roster_node(ro, from.act.n.s) != NULL) {
        return refuse(no, SANJI_E_EXISTS, "adopted", from.act.n.s, "");
    }
    if (up == NULL || up->state != NODE_ACTIVE) {
        return refuse(no, SANJI_E_NOT_FOUND, "place", q->under != NULL ? q->under : "-", "");
    }
    int64_t lv = q->lv > 0 ? q->lv : from.lv;
    if (lv <= up->lv || (from.below > 0 && lv >= from.below)) {
        return refuse_n(no, SANJI_E_SPEC, "level", up->lv, from.below > 0 ? from.below : 100);
    }
    c->act.n = from.act.n;
    c->act.up = up->id;
    c->act.lv = lv;
    memcpy(c->act.to, from.act.g, HASH_LEN);
    memcpy(c->act.prev, from.act.hash, HASH_LEN);
    memcpy(c->act.after, from.act.hash, HASH_LEN);
    c->name = from.name;
    c->lv = lv;
    c->below = from.below;
    return 0;
}

static int draft_cut(struct app *a, const struct app_root_ask *q, struct ceremony *c,
                     struct arena *ar, struct app_root_no *no)
{
    (void)ar;
    const struct roster_key *k = roster_key(app_roster(a), app_id(a), q->kid);
    if (k == NULL) {
        return refuse(no, SANJI_E_NOT_FOUND, "key", q->kid, "");
    }
    if (k->current) {
        return refuse(no, SANJI_E_STATE, "newest_key", q->kid, "");
    }
    if (k->cut) {
        return refuse(no, SANJI_E_STATE, "cut_already", q->kid, "");
    }
    c->act.kid = k->kid;
    c->act.why = q->why_cut;
    return sync_heads_of(a->sync, app_id(a), false, c->act.heads, ROOT_HEADS, &c->act.n_heads);
}

/* The new keys are made here and stay here; only their public halves are in the file. */
static int draft_key(struct app *a, const struct app_root_ask *q, struct ceremony *c,
                     struct arena *ar, struct app_root_no *no)
{
    struct buf text;
    (void)q;
    (void)no;
    buf_init(&text, LIM_ITEM_BYTES);
    int r = app__rekey_draft(a, 0, &text);
    if (r == 0) {
        r = act_parse(span_of(text.data, text.len), ar, &c->act, NULL);
    }
    buf_done(&text);
    return r;
}

typedef int draft_fn(struct app *a, const struct app_root_ask *q, struct ceremony *c,
                     struct arena *ar, struct app_root_no *no);
static draft_fn *const draft_of[ACT_TYPE_COUNT] = {
    [ACT_ROOT] = draft_root,   [ACT_KEY] = draft_key, [ACT_HANDOVER] = draft_handover,
    [ACT_ADOPT] = draft_adopt, [ACT_CUT] = draft_cut,
};

int app_root_draft(struct app *a, const struct app_root_ask *ask, struct buf *out,
                   struct app_root_no *no)
{
    const struct roster_node *me = app_self_node(a);
    struct arena *ar = arena_new(DRAFT_ARENA);
    struct ceremony *c = ar == NULL ? NULL : arena_alloc(ar, sizeof *c);
    struct act_head *heads = ar == NULL ? NULL : arena_alloc(ar, ROOT_HEADS * sizeof *heads);
    struct buf text;
    memset(no, 0, sizeof *no);
    buf_init(&text, LIM_ITEM_BYTES);
    int r = c == NULL || heads == NULL ? SANJI_E_NOMEM : may_speak(a, no);
    if (r == 0) {
        c->act = (struct act){.type = ask->type, .has_g = true, .n = me->id, .heads = heads};
        c->act.ts = app_now_ms();
        memcpy(c->act.g, roster_g(app_roster(a)), HASH_LEN);
        memcpy(c->act.after, me->last, HASH_LEN);
        need_of_roster(app_roster(a), &c->need[0]);
        c->n_need = 1;
        c->name = me->name;
        c->lv = me->lv;
        r = draft_of[ask->type](a, ask, c, ar, no);
    }
    if (r == 0) {
        r = act_write(&c->act, &text);
    }
    if (r == 0) {
        c->act.text = span_of(text.data, text.len);
        r = ceremony_write(c, out);
    }
    buf_done(&text);
    arena_free(ar);
    return r;
}

/* ---- publishing ---- */

static int enough(const struct ceremony *c, const struct ceremony_need *need, const char *why,
                  struct app_root_no *no)
{
    int64_t have = ceremony_signed(c, need);
    return have >= need->k ? 0 : refuse_n(no, SANJI_E_SIGNATURE, why, have, need->k);
}

static int check_quorum(const struct app *a, const struct ceremony *c, struct app_root_no *no)
{
    struct ceremony_need need;
    need_of_roster(app_roster(a), &need);
    int r = enough(c, &need, "signatures", no);
    if (r == 0 && c->act.type == ACT_ROOT) {
        need.k = c->act.k;
        need.n = c->act.n_keys;
        memcpy(need.key, c->act.keys, sizeof need.key);
        r = enough(c, &need, "signatures_new", no);
    }
    return r;
}

/* A registrar that has spoken since would be made void without a word. */
static int check_heads(struct app *a, const struct act *x, struct app_root_no *no)
{
    struct act_head *v = calloc(ROOT_HEADS, sizeof *v);
    size_t n = 0;
    int r = v == NULL ? SANJI_E_NOMEM : trust_heads(a, v, &n);
    for (size_t i = 0; r == 0 && i < n; i++) {
        bool same = false;
        for (size_t k = 0; k < x->n_heads; k++) {
            same = same || memcmp(v[i].id, x->heads[k].id, HASH_LEN) == 0;
        }
        r = same ? 0 : refuse(no, SANJI_E_CONFLICT, "moved_on", v[i].by, "");
    }
    free(v);
    return r;
}

/* What the node has written since would be under no key. */
static int check_key(struct app *a, const struct act *x, struct app_root_no *no)
{
    struct buf text;
    buf_init(&text, LIM_ITEM_BYTES);
    int r = app__rekey_draft(a, x->ts, &text);
    if (r == 0 && !span_eq(x->text, span_of(text.data, text.len))) {
        r = refuse(no, SANJI_E_CONFLICT, "wrote_on", "", "");
    }
    buf_done(&text);
    return r;
}

static int check_subject(struct app *a, const struct act *x, struct app_root_no *no)
{
    const struct roster *ro = app_roster(a);
    const struct roster_node *me = app_self_node(a);
    if (x->type == ACT_ADOPT) {
        const struct roster_node *up = roster_node(ro, x->up.s);
        bool fits = up != NULL && up->state == NODE_ACTIVE && up->lv < x->lv;
        return fits ? 0 : refuse(no, SANJI_E_STATE, "place", x->up.s, "");
    }
    if (x->type == ACT_ROOT && x->ver != roster_root_version(ro) + 1) {
        return refuse_n(no, SANJI_E_OLD, "version", x->ver, roster_root_version(ro));
    }
    if (memcmp(x->n.s, me->id.s, sizeof me->id.s) != 0 ||
        memcmp(x->after, me->last, HASH_LEN) != 0 ||
        (x->type == ACT_ROOT && memcmp(x->prev, roster_root_hash(ro), HASH_LEN) != 0)) {
        return refuse(no, SANJI_E_CONFLICT, "stale", "", "");
    }
    if (x->type == ACT_KEY) {
        return check_key(a, x, no);
    }
    return x->type == ACT_HANDOVER ? check_heads(a, x, no) : 0;
}

/* Written already? An adoption waits for what it names. */
static bool is_there(struct app *a, const struct act *x, struct app_root_no *no)
{
    bool holds = false;
    bool held = roster_act_held(app_roster(a), x->hash, &holds);
    if (holds) {
        (void)refuse(no, 0, "already", "", "");
    } else if (held && x->type == ACT_ADOPT) {
        (void)refuse(no, 0, "waits", x->n.s, "");
    }
    return no->why != NULL;
}

static int write_said(struct app *a, const struct act *x, struct app_root_no *no)
{
    struct sync_tick t;
    int r = app_tick_make(&t);
    if (r == 0 && x->type == ACT_KEY) {
        r = app__rekey_said(a, x->ts, x->co, x->n_co);
    } else if (r == 0) {
        r = sync_act_said(a->sync, &t, x->text, x->co, x->n_co);
    }
    if (r < 0) {
        return r;
    }
    app__wrote(a);
    bool holds = false;
    (void)roster_act_held(app_roster(a), x->hash, &holds);
    if (holds || is_there(a, x, no)) {
        return 0;
    }
    return refuse(no, SANJI_E_AUTHORITY, "void", "", "");
}

int app_root_publish(struct app *a, const struct ceremony *c, struct app_root_no *no)
{
    const struct act *x = &c->act;
    memset(no, 0, sizeof *no);
    if (is_there(a, x, no)) {
        return 0;
    }
    if (!x->has_g || memcmp(x->g, roster_g(app_roster(a)), HASH_LEN) != 0) {
        return refuse_g(no, x->g, roster_g(app_roster(a)));
    }
    int r = may_speak(a, no);
    if (r == 0) {
        r = check_subject(a, x, no);
    }
    if (r == 0) {
        r = check_quorum(a, c, no);
    }
    return r == 0 ? write_said(a, x, no) : r;
}
