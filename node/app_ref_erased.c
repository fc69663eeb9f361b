/* SPDX-License-Identifier: Apache-2.0 */
/* What the state `erased` of a referral asks of both its parties (PROTOCOL.md 18.3): the content
 * key and every step with content go, the other party's here at once, without waiting for its act.
 * What stays is the step that says so. */
#include "node/app_erase.h"
#include "node/app_internal.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEEP_MAX = 8 };
struct erased {
    char id[LIM_ID_BYTES + 1], init[LIM_NODE_ID + 2], peer[LIM_NODE_ID + 2];
    int64_t n;
    bool out, rest; /* rest: own steps with content are held still */
    const char *why;
    uint8_t keep[KEEP_MAX][HASH_LEN];
    size_t n_keep;
    uint8_t (*theirs)[HASH_LEN]; /* the other party's steps with content */
    size_t n_theirs, cap;
};
struct erased_list {
    struct erased *v;
    size_t n, cap;
};

static int on_erased(const struct store_thread *t, void *arg)
{
    struct erased_list *l = arg;
    if (t->fold.state != RS_ERASED) {
        return 0;
    }
    if (l->n == l->cap) {
        size_t cap = l->cap != 0 ? l->cap * 2 : 16;
        struct erased *v = realloc(l->v, cap * sizeof *v);
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        l->v = v;
        l->cap = cap;
    }
    struct erased *x = &l->v[l->n++];
    *x = (struct erased){.n = t->n, .out = strcmp(t->init, t->peer) != 0, .why = "person"};
    snprintf(x->id, sizeof x->id, "%s", t->id);
    snprintf(x->init, sizeof x->init, "%s", t->init);
    snprintf(x->peer, sizeof x->peer, "%s", t->peer);
    return 0;
}

static int theirs(struct erased *x, const uint8_t leaf[static HASH_LEN])
{
    if (x->n_theirs == x->cap) {
        size_t cap = x->cap != 0 ? x->cap * 2 : 16;
        void *v = realloc(x->theirs, cap * sizeof *x->theirs);
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        x->theirs = v;
        x->cap = cap;
    }
    memcpy(x->theirs[x->n_theirs++], leaf, HASH_LEN);
    return 0;
}

static int on_rest(const struct store_thread_event *e, void *arg)
{
    struct erased *x = arg;
    struct span v;
    bool own = e->who == (x->out ? REF_I : REF_R);
    if (e->ev == RE_ERASE && jcur_get(e->d, "why", &v)) {
        x->why = span_eqs(v, "\"mistake\"")                               ? "mistake"
                 : span_eqs(v, "\"law\"") || span_eqs(v, "\"retention\"") ? "law"
                                                                          : "person";
    }
    if (own && e->ev == RE_ERASE && x->n_keep < KEEP_MAX) {
        memcpy(x->keep[x->n_keep++], e->leaf, HASH_LEN);
    } else if (own) {
        x->rest = true;
    }
    return own || e->ev == RE_ERASE ? 0 : theirs(x, e->leaf);
}

/* The key and the own sealed steps of one thread, as one effect. */
static int erase_rest(struct app *a, const struct erased *x, int64_t *io_n)
{
    struct sync_tick t;
    char aud[LIM_AUD_BYTES + 1];
    int64_t n = 0;
    snprintf(aud, sizeof aud, "to:%s", x->peer);
    const struct sync_erase what = {
        .id = x->id,
        .aud = aud,
        .why = x->why,
        .keep = (const uint8_t(*)[HASH_LEN])x->keep,
        .n_keep = x->n_keep,
    };
    int r = app_tick_make(&t);
    r = r < 0 ? r : store_begin(a->store);
    if (r < 0) {
        return r;
    }
    r = store_thread_key_del(a->store, x->init, x->id);
    r = r < 0 || !x->rest ? r : sync_erase(a->sync, &t, &what, &n);
    snprintf(aud, sizeof aud, "to:%s", app_id(a));
    for (size_t i = 0; r == 0 && i < x->n_theirs; i++) {
        const struct sync_erased e = {
            .by = x->peer, .aud = aud, .leaf = x->theirs[i], .why = x->why[0]};
        r = sync_erase_add(a->sync, &e);
    }
    r = r < 0 ? r : sync_erase_settle(a->sync);
    if (r == 0) {
        r = store_commit(a->store);
    } else {
        store_rollback(a->store);
    }
    if (r < 0) {
        int again = sync_reload(a->sync);
        return again < 0 ? again : r;
    }
    if (n > 0) {
        app__wrote(a);
    }
    *io_n += n;
    return 0;
}

/* Whichever party erased it: the other has no reason left to keep it. */
int app__referral_erase_rest(struct app *a, int64_t *ret_n)
{
    struct erased_list l = {0};
    *ret_n = 0;
    int r = store_thread_list(a->store, 0, 0, on_erased, &l);
    for (size_t i = 0; r == 0 && i < l.n; i++) { /* what is left after an error is done again */
        uint8_t cek[32];
        r = store_thread_events(a->store, l.v[i].n, on_rest, &l.v[i]);
        int k = r < 0 ? r : store_thread_key_get(a->store, l.v[i].init, l.v[i].id, cek);
        mem_wipe(cek, sizeof cek);
        if (r == 0 && (l.v[i].rest || l.v[i].n_theirs > 0 || k == 0)) {
            r = erase_rest(a, &l.v[i], ret_n);
        }
        free(l.v[i].theirs);
        r = r == 0 && k < 0 && k != SANJI_E_NOT_FOUND ? k : r;
    }
    free(l.v);
    return r;
}

int app__referral_erase_auto(struct app *a)
{
    int64_t n = 0;
    bool may = app_self_node(a) != NULL && !app_disk_low(a) && app__may_write(a) == 0;
    return may ? app__referral_erase_rest(a, &n) : 0;
}
