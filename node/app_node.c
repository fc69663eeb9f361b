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
    int r = act_begin(a, node, ACT_MOVE, &x);
    if (r == 0) {
        x.up = up->id;
        x.hist_all = hist_all;
        r = act_write_own(a, &x);
    }
    return r;
}

/* Final heads of a node's streams as held here: what it signed until now stays valid. */
struct heads {
    const char *by;
    struct act_head v[256];
    size_t n;
    char aud[256][LIM_AUD_BYTES + 1];
    bool full;
};

static void on_stream(const struct sync_stream_row *r, void *arg)
{
    struct heads *h = arg;
    struct audience au;
    if (strcmp(r->key.by.s, h->by) != 0 || r->seq == 0) {
        return;
    }
    if (h->n == sizeof h->v / sizeof h->v[0]) {
        h->full = true;
        return;
    }
    struct act_head *x = &h->v[h->n];
    memset(x, 0, sizeof *x);
    memcpy(x->id, r->id, HASH_LEN);
    if (audience_parse(r->key.aud, strlen(r->key.aud), &au) == 0 && !audience_is_private(au.type)) {
        memcpy(h->aud[h->n], r->key.aud, sizeof r->key.aud);
        x->aud = h->aud[h->n];
        x->ep = r->key.ep;
        x->seq = r->seq;
        memcpy(x->en, r->key.en, sizeof x->en);
        x->has_en = true;
    }
    h->n++;
}

static bool key_in_force(const struct roster_key *k)
{
    return !k->cut && !k->ended;
}

int app_node_revoke(struct app *a, const char *node, const char *kid, const char *why)
{
    struct act x;
    const struct roster_node *n = roster_node(app_roster(a), node);
    if (n == NULL) {
        return SANJI_E_NOT_FOUND;
    }
    if (!roster_is_ancestor(app_roster(a), app_id(a), node)) {
        return SANJI_E_AUTHORITY; /* the top's own key: the root cuts it */
    }
    struct heads *h = calloc(1, sizeof *h);
    if (h == NULL) {
        return SANJI_E_NOMEM;
    }
    h->by = node;
    sync_each_stream(a->sync, on_stream, h);
    int r = h->full ? SANJI_E_SIZE : 0;
    bool any = false;
    struct key_id todo[16];
    size_t n_todo = 0;
    for (size_t i = 0; i < n->n_keys && n_todo < 16; i++) {
        if (key_in_force(&n->keys[i]) && (kid == NULL || strcmp(kid, n->keys[i].kid.s) == 0)) {
            todo[n_todo++] = n->keys[i].kid;
        }
    }
    for (size_t i = 0; r == 0 && i < n_todo; i++) {
        r = act_begin(a, node, ACT_CUT, &x); /* `after` moves with every act */
        if (r == 0) {
            x.kid = todo[i];
            x.heads = h->v;
            x.n_heads = h->n;
            x.why = why;
            r = act_write_own(a, &x);
            any = any || r == 0;
        }
    }
    free(h);
    return r == 0 && !any ? SANJI_E_NOT_FOUND : r;
}

int app_announce(struct app *a)
{
    struct act x;
    const struct roster_node *me = app_self_node(a);
    if (a->announced || a->cfg.url[0] == '\0' || me == NULL || me->state != NODE_ACTIVE) {
        return 0;
    }
    a->announced = true; /* once: an act that does not take effect is not repeated without end */
    if (strcmp(me->url, a->cfg.url) == 0) {
        return 0;
    }
    int r = act_begin(a, app_id(a), ACT_INFO, &x);
    if (r == 0) {
        x.url = a->cfg.url;
        r = act_write_own(a, &x);
    }
    return r;
}

int app_set_parent_url(struct app *a, const char *url)
{
    const struct sync_store *st = store_port(a->store);
    if (!config_url_ok(url) || strncmp(url, "https://", 8) != 0) {
        return SANJI_E_SPEC;
    }
    if (app_is_top(a)) {
        return SANJI_E_STATE;
    }
    return st->kv_put(st->ctx, "parent/url_override", span_of(url, strlen(url)));
}
