/* SPDX-License-Identifier: Apache-2.0 */
/* Statements about nodes that a registrar makes: move, revoke. An act is written only after its
 * author may make it (PROTOCOL.md 9.2), because a void act stays in the stream for ever; the roster
 * is asked afterwards whether it took effect. */
#include "node/app_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool above_or_self(const struct app *a, const char *node)
{
    return strcmp(node, app_id(a)) == 0 || roster_is_ancestor(app_roster(a), app_id(a), node);
}

static int act_begin(struct app *a, const char *node, enum act_type type, struct act *ret)
{
    const struct roster_node *n = roster_node(app_roster(a), node), *me = app_self_node(a);
    if (n == NULL) {
        return SANJI_E_NOT_FOUND;
    }
    if (me == NULL || (!me->reg && n != me)) {
        return SANJI_E_AUTHORITY;
    }
    memset(ret, 0, sizeof *ret);
    ret->type = type;
    ret->has_g = true;
    memcpy(ret->g, roster_g(app_roster(a)), HASH_LEN);
    ret->by = me->id;
    ret->n = n->id;
    memcpy(ret->after, n->last, HASH_LEN);
    ret->ts = app_now_ms();
    return 0;
}

static int act_write_own(struct app *a, struct act *x)
{
    struct sync_tick t;
    char node[LIM_NODE_ID + 2];
    int64_t acts = 0;
    const struct roster_node *n = roster_node(app_roster(a), x->n.s);
    acts = n != NULL ? n->acts : 0;
    snprintf(node, sizeof node, "%s", x->n.s);
    int r = app_tick_make(&t);
    if (r == 0) {
        r = sync_act(a->sync, &t, x, NULL, 0, false);
    }
    if (r == 0) {
        app__wrote(a);
        n = roster_node(app_roster(a), node);
        if (n == NULL || n->acts <= acts) {
            r = SANJI_E_AUTHORITY; /* written, but void where it stands */
        }
    }
    return r;
}

/* An act has room for so many heads; a later cut adds to the one before. */
enum { HEADS_EACH = 400, HEADS_ALL = 65536 };

/* Trust heads of those who are above the node now and will not be: what they have said about it
 * and what is below it stands, up to here. */
static int former_heads(const struct app *a, const struct roster_node *n, const char *to,
                        struct act_head *v, size_t *ret_n)
{
    const struct roster *ro = app_roster(a);
    const struct roster_node *up = roster_node(ro, n->up.s);
    int r = 0;
    *ret_n = 0;
    for (int i = 0; r == 0 && up != NULL && i <= LIM_TREE_DEPTH; i++) {
        if (strcmp(up->id.s, to) == 0 || roster_is_ancestor(ro, up->id.s, to)) {
            break;
        }
        r = sync_heads_of(a->sync, up->id.s, true, v, HEADS_EACH, ret_n);
        up = node_id_none(&up->up) ? NULL : roster_node(ro, up->up.s);
    }
    return r;
}

int app_node_move(struct app *a, const char *node, const char *to, bool hist_all)
{
    struct act x;
    const struct roster *ro = app_roster(a);
    const struct roster_node *n = roster_node(ro, node), *up = roster_node(ro, to);
    if (n == NULL || up == NULL) {
        return SANJI_E_NOT_FOUND;
    }
    if (node_id_none(&n->up) || !above_or_self(a, n->up.s) || !above_or_self(a, to)) {
        return SANJI_E_AUTHORITY;
    }
    if (strcmp(n->up.s, to) == 0 || up->lv >= n->lv || strcmp(node, to) == 0 ||
        up->state != NODE_ACTIVE || roster_is_ancestor(ro, node, to)) {
        return SANJI_E_STATE;
    }
    struct act_head *v = calloc(HEADS_EACH, sizeof *v);
    size_t n_heads = 0;
    int r = v == NULL ? SANJI_E_NOMEM : former_heads(a, n, to, v, &n_heads);
    if (r == 0) {
        r = act_begin(a, node, ACT_MOVE, &x);
    }
    if (r == 0) {
        x.up = up->id;
        x.hist_all = hist_all;
        x.heads = v;
        x.n_heads = n_heads;
        r = act_write_own(a, &x);
    }
    free(v);
    return r;
}

static bool key_in_force(const struct roster_key *k)
{
    return !k->cut && !k->ended;
}

/* With names of their own: writing an act may move what the heads point to. */
static int heads_copy(struct act_head *v, size_t n, char (**ret)[LIM_AUD_BYTES + 1])
{
    char(*aud)[LIM_AUD_BYTES + 1] = calloc(n + 1, sizeof *aud);
    if (aud == NULL) {
        return SANJI_E_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        if (v[i].aud != NULL) {
            memcpy(aud[i], v[i].aud, strlen(v[i].aud) + 1);
            v[i].aud = aud[i];
        }
    }
    *ret = aud;
    return 0;
}

/* The heads are read before the first act: it makes void what it does not list, until the next. */
static int cut_key(struct app *a, const char *node, const struct key_id *kid, const char *why,
                   struct act_head *v)
{
    size_t at = 0, n = 0;
    char(*aud)[LIM_AUD_BYTES + 1] = NULL;
    int r = sync_heads_of(a->sync, node, false, v, HEADS_ALL, &n);
    if (r == 0) {
        r = heads_copy(v, n, &aud);
    }
    if (r < 0) {
        return r;
    }
    do {
        struct act x;
        size_t k = n - at < HEADS_EACH ? n - at : HEADS_EACH;
        r = act_begin(a, node, ACT_CUT, &x); /* `after` moves with every act */
        if (r == 0) {
            x.kid = *kid;
            x.heads = v + at;
            x.n_heads = k;
            x.why = why;
            r = act_write_own(a, &x);
        }
        at += k;
    } while (r == 0 && at < n);
    free(aud);
    return r;
}

int app_node_revoke(struct app *a, const char *node, const char *kid, const char *why)
{
    const struct roster_node *n = roster_node(app_roster(a), node);
    struct key_id todo[16];
    size_t n_todo = 0;
    if (n == NULL) {
        return SANJI_E_NOT_FOUND;
    }
    if (!roster_is_ancestor(app_roster(a), app_id(a), node)) {
        return SANJI_E_AUTHORITY; /* the top's own key: the root cuts it */
    }
    for (size_t i = 0; i < n->n_keys && n_todo < 16; i++) {
        /* Named, also a key that was replaced: its streams end at what is held here then. */
        const struct roster_key *k = &n->keys[i];
        if (kid == NULL ? key_in_force(k) : !k->cut && strcmp(kid, k->kid.s) == 0) {
            todo[n_todo++] = n->keys[i].kid;
        }
    }
    if (n_todo == 0) {
        return SANJI_E_NOT_FOUND;
    }
    struct act_head *v = calloc(HEADS_ALL, sizeof *v);
    if (v == NULL) {
        return SANJI_E_NOMEM;
    }
    int r = 0;
    for (size_t i = 0; r == 0 && i < n_todo; i++) {
        r = cut_key(a, node, &todo[i], why, v);
    }
    free(v);
    return r;
}

static bool has_children(const struct roster *ro, const char *node)
{
    for (size_t i = 0; i < roster_count(ro); i++) {
        const struct roster_node *n = roster_at(ro, i);
        if (strcmp(n->up.s, node) == 0 && n->state != NODE_CLOSED) {
            return true;
        }
    }
    return false;
}

static int close_with(struct app *a, const char *node, const char *why, struct act_head *v)
{
    struct act x;
    size_t n = 0;
    int r = sync_heads_of(a->sync, node, false, v, HEADS_ALL, &n);
    if (r == 0 && n > HEADS_EACH) { /* more than an act holds: the cuts list them */
        r = app_node_revoke(a, node, NULL, why);
        r = r == SANJI_E_NOT_FOUND ? 0 : r; /* revoked before */
        n = 0;
    }
    if (r == 0) {
        r = act_begin(a, node, ACT_CLOSE, &x);
    }
    if (r == 0) {
        x.heads = v;
        x.n_heads = n;
        x.why = why;
        r = act_write_own(a, &x);
    }
    return r;
}

int app_node_close(struct app *a, const char *node, const char *why)
{
    const struct roster *ro = app_roster(a);
    const struct roster_node *n = roster_node(ro, node);
    if (n == NULL) {
        return SANJI_E_NOT_FOUND;
    }
    if (!roster_is_ancestor(ro, app_id(a), node)) {
        return SANJI_E_AUTHORITY;
    }
    if (n->state == NODE_CLOSED) {
        return 0;
    }
    if (has_children(ro, node)) {
        return SANJI_E_STATE;
    }
    struct act_head *v = calloc(HEADS_ALL, sizeof *v);
    int r = v == NULL ? SANJI_E_NOMEM : close_with(a, node, why, v);
    free(v);
    return r;
}

int app_node_steward(struct app *a, const char *node, const char *st)
{
    struct act x;
    const struct roster *ro = app_roster(a);
    const struct roster_node *n = roster_node(ro, node), *s = roster_node(ro, st);
    if (n == NULL || s == NULL) {
        return SANJI_E_NOT_FOUND;
    }
    if (!roster_is_ancestor(ro, app_id(a), node)) {
        return SANJI_E_AUTHORITY;
    }
    if (n->state == NODE_ACTIVE || s->state != NODE_ACTIVE) {
        return SANJI_E_STATE;
    }
    if (node_id_cmp(&n->steward, &s->id) == 0) {
        return 0;
    }
    int r = act_begin(a, node, ACT_STEWARD, &x);
    if (r == 0) {
        x.st = s->id;
        r = act_write_own(a, &x);
    }
    return r;
}

int app_node_believe(struct app *a, const char *node)
{
    const struct roster_node *n = roster_node(app_roster(a), node);
    if (n == NULL) {
        return SANJI_E_NOT_FOUND;
    }
    if (strcmp(n->up.s, app_id(a)) != 0) {
        return SANJI_E_AUTHORITY; /* its own parent decides */
    }
    return sync_believe(a->sync, &n->id);
}

int app_announce(struct app *a)
{
    struct act x;
    const struct roster_node *me = app_self_node(a);
    if (a->announced || a->cfg.url[0] == '\0' || me == NULL || me->state != NODE_ACTIVE) {
        return 0;
    }
    a->announced = true; /* once: an act that does not take effect is not repeated without end */
    const struct roster_key *k = roster_current_key(app_roster(a), app_id(a));
    bool url = strcmp(me->url, a->cfg.url) != 0;
    bool tls = k != NULL && memcmp(k->tls, a->tls_pin, HASH_LEN) != 0;
    if (!url && !tls) {
        return 0;
    }
    int r = act_begin(a, app_id(a), ACT_INFO, &x);
    if (r == 0) {
        x.url = url ? a->cfg.url : NULL;
        x.has_tls = tls;
        memcpy(x.tls, a->tls_pin, HASH_LEN);
        r = act_write_own(a, &x);
        if (r == SANJI_E_HELD) {
            a->announced = false;
            r = 0;
        }
    }
    return r;
}

int app_set_parent_url(struct app *a, const char *url)
{
    const struct sync_store *st = store_port(a->store);
    if (!config_url_ok(url)) {
        return SANJI_E_SPEC;
    }
    if (app_is_top(a)) {
        return SANJI_E_STATE;
    }
    return st->kv_put(st->ctx, "parent/url_override", span_of(url, strlen(url)));
}
