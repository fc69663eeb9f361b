/* SPDX-License-Identifier: Apache-2.0 */
/* Referrals that this node cannot open, and those its partners cannot (PROTOCOL.md 18.6). A node
 * that came back with new keys holds every sealed item of its referrals and reads none: it asks the
 * other party of each, once, and the other says its first event anew. That carries the thread's
 * content key, sealed to the new key, and with it everything of the thread opens again. */
#include "node/app_internal.h"
#include "node/app_self.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/jwrite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 64 }; /* of each sort in one turn: staff and neighbours get theirs between */

/* ---- what this node cannot open ---- */

struct closed {
    char id[LIM_ID_BYTES + 1], peer[LIM_NODE_ID + 2];
    int64_t step;         /* lowest of the other party that does not open; 0: none */
    int64_t mine, theirs; /* clock of the earliest item of each; 0: none */
    int64_t newest;       /* clock of the newest */
};
struct closed_list {
    struct app *a;
    struct closed *v;
    size_t n, cap;
};

static struct closed *closed_of(struct closed_list *l, const char *peer, const char *id)
{
    for (size_t i = l->n; i > 0; i--) {
        if (strcmp(l->v[i - 1].id, id) == 0 && strcmp(l->v[i - 1].peer, peer) == 0) {
            return &l->v[i - 1];
        }
    }
    if (l->n == l->cap) {
        size_t cap = l->cap != 0 ? l->cap * 2 : 64;
        struct closed *v = realloc(l->v, cap * sizeof *v);
        if (v == NULL) {
            return NULL;
        }
        l->v = v;
        l->cap = cap;
    }
    struct closed *x = &l->v[l->n++];
    memset(x, 0, sizeof *x);
    snprintf(x->id, sizeof x->id, "%s", id);
    snprintf(x->peer, sizeof x->peer, "%s", peer);
    return x;
}

static int on_closed(const struct store_event *e, void *arg)
{
    struct closed_list *l = arg;
    bool mine = strcmp(e->owner, app_id(l->a)) == 0;
    if (mine && (strncmp(e->aud, "to:", 3) != 0 || strlen(e->aud) != 3 + LIM_NODE_ID)) {
        return 0;
    }
    struct closed *x = closed_of(l, mine ? e->aud + 3 : e->owner, e->id);
    if (x == NULL) {
        return SANJI_E_NOMEM;
    }
    int64_t *first = mine ? &x->mine : &x->theirs;
    *first = *first == 0 || e->ts < *first ? e->ts : *first;
    x->newest = e->ts > x->newest ? e->ts : x->newest;
    if (!mine && (x->step == 0 || e->r < x->step)) {
        x->step = e->r;
    }
    return 0;
}

struct asked {
    const char *me;
    int64_t step;
    bool yes, found;
};

static int on_own_event(const struct store_thread_event *e, void *arg)
{
    struct asked *x = arg;
    struct span v;
    int64_t step = 0;
    if (e->ev == RE_RESEAL && strcmp(e->by, x->me) == 0 && jcur_get(e->d, "step", &v) &&
        jcur_int(v, &step)) {
        x->yes = x->yes || step == x->step;
    }
    return 0;
}

static int on_thread_n(const struct store_thread *t, void *arg)
{
    *(int64_t *)arg = t->n;
    return 0;
}

/* Has this node asked for that step already, as the side it then took itself for? */
static int was_asked(struct app *a, const struct closed *c, const char *init, struct asked *ret)
{
    int64_t n = 0;
    int r = store_thread_get(a->store, init, c->id, on_thread_n, &n);
    if (r == SANJI_E_NOT_FOUND || (r == 0 && n == 0)) {
        return 0;
    }
    ret->found = true;
    return r < 0 ? r : store_thread_events(a->store, n, on_own_event, ret);
}

static int on_step(const struct store_event *e, void *arg)
{
    int64_t *max = arg;
    *max = e->r > *max ? e->r : *max;
    return 0;
}

static int highest(struct app *a, const char *owner, const char *id, int64_t *ret)
{
    *ret = 0;
    return store_event_list(a->store, "sealed", owner, id, on_step, ret);
}

/* Which side is this node? What the backup said; else whoever wrote first began it. 0: it was over
 * when the backup was made. */
static char side_of(struct app *a, const struct closed *c)
{
    int64_t backup = 0;
    char side = app_recover_side(a, c->peer, c->id, &backup);
    if (side != 0) {
        return side;
    }
    if (backup != 0 && c->newest < backup) {
        return 0;
    }
    return c->mine != 0 && c->mine < c->theirs ? 'i' : 'r';
}

static int ask(struct app *a, const struct closed *c)
{
    struct asked was = {.me = app_id(a), .step = c->step};
    int64_t step = 0, seen = 0;
    uint8_t cek[32];
    char d[48];
    int r = was_asked(a, c, app_id(a), &was);
    r = r < 0 ? r : was_asked(a, c, c->peer, &was);
    char side = r < 0 || was.yes ? 0 : side_of(a, c);
    if (side == 0) {
        return r;
    }
    r = highest(a, app_id(a), c->id, &step);
    r = r < 0 ? r : highest(a, c->peer, c->id, &seen);
    r = r < 0 ? r : app_random(cek, sizeof cek); /* of this one item: the thread's key is unknown */
    int n = snprintf(d, sizeof d, "{\"step\":%lld}", (long long)c->step);
    struct app_step x = {.id = c->id,
                         .peer = c->peer,
                         .as_i = side == 'i',
                         .ev = RE_RESEAL,
                         .step = step + 1,
                         .seen = seen,
                         .cek = cek,
                         .d = span_of(d, (size_t)n)};
    r = r < 0 ? r : app__referral_write(a, &x);
    mem_wipe(cek, sizeof cek);
    return r < 0 ? r : 1;
}

/* Not this time: the other node's key is not known here, or it may not be written to any more. */
static bool is_later(int r)
{
    return r == SANJI_E_UNKNOWN_KEY || r == SANJI_E_AUDIENCE || r == SANJI_E_NOT_FOUND;
}

static int ask_all(struct app *a)
{
    struct closed_list l = {.a = a};
    int asked = 0, r = store_sealed_closed(a->store, on_closed, &l);
    for (size_t i = 0; r >= 0 && i < l.n && asked < AT_ONCE; i++) {
        if (l.v[i].step == 0) {
            continue; /* the other party has written nothing yet: its first word will open it */
        }
        r = ask(a, &l.v[i]);
        asked += r > 0;
        r = is_later(r) ? 0 : r;
    }
    free(l.v);
    return r < 0 ? r : asked == AT_ONCE;
}

/* ---- what a partner cannot open ---- */

struct answer {
    struct app *a;
    int64_t n;
    char id[LIM_ID_BYTES + 1], init[LIM_NODE_ID + 2], peer[LIM_NODE_ID + 2];
    enum ref_state state;
    bool as_i;
    int64_t wanted, seen; /* its newest wish; what this node has seen of it when writing last */
    int64_t first;        /* own lowest step */
    enum ref_event ev;
    struct buf d;
};
struct answers {
    struct answer *v;
    size_t n;
};

static int on_wish(const struct store_thread *t, void *arg)
{
    struct answers *l = arg;
    struct answer *v = realloc(l->v, (l->n + 1) * sizeof *v);
    if (v == NULL) {
        return SANJI_E_NOMEM;
    }
    l->v = v;
    struct answer *x = &v[l->n++];
    memset(x, 0, sizeof *x);
    x->n = t->n;
    x->state = t->fold.state;
    x->as_i = strcmp(t->init, t->peer) != 0;
    snprintf(x->id, sizeof x->id, "%s", t->id);
    snprintf(x->init, sizeof x->init, "%s", t->init);
    snprintf(x->peer, sizeof x->peer, "%s", t->peer);
    return 0;
}

static int on_event(const struct store_thread_event *e, void *arg)
{
    struct answer *x = arg;
    if (strcmp(e->by, x->peer) == 0) {
        x->wanted = e->ev == RE_RESEAL && e->step > x->wanted ? e->step : x->wanted;
        return 0;
    }
    x->seen = e->seen > x->seen ? e->seen : x->seen;
    if (e->ev == RE_RESEAL || (x->first != 0 && e->step >= x->first)) {
        return 0;
    }
    x->first = e->step;
    x->ev = e->ev;
    buf_reset(&x->d);
    return buf_put(&x->d, e->d.p, e->d.n);
}

/* Any later item of this node would do, being sealed to the new key; there was none yet. */
static int answer(struct app *a, struct answer *x)
{
    enum ref_state next;
    int64_t step = 0, seen = 0;
    uint8_t cek[32];
    buf_init(&x->d, LIM_ITEM_BYTES);
    int r = store_thread_events(a->store, x->n, on_event, x);
    bool due = r == 0 && x->wanted > x->seen && x->first != 0 &&
               ref_next(x->state, RE_RESEAL, x->as_i ? REF_R : REF_I, &next) == 0;
    if (due) {
        r = store_thread_key_get(a->store, x->init, x->id, cek);
        r = r < 0 ? r : highest(a, app_id(a), x->id, &step);
        r = r < 0 ? r : highest(a, x->peer, x->id, &seen);
        struct app_step s = {.id = x->id,
                             .peer = x->peer,
                             .as_i = x->as_i,
                             .ev = x->ev,
                             .step = step + 1,
                             .seen = seen,
                             .cek = cek,
                             .d = span_of(x->d.data, x->d.len)};
        r = r < 0 ? r : app__referral_write(a, &s);
        mem_wipe(cek, sizeof cek);
    }
    buf_wipe_done(&x->d);
    return is_later(r) ? 0 : r < 0 ? r : due;
}

static int answer_all(struct app *a)
{
    struct answers l = {0};
    int done = 0, r = store_thread_having(a->store, RE_RESEAL, app_id(a), on_wish, &l);
    for (size_t i = 0; r >= 0 && i < l.n && done < AT_ONCE; i++) {
        r = answer(a, &l.v[i]);
        done += r > 0;
    }
    free(l.v);
    return r < 0 ? r : done == AT_ONCE;
}

int app__reseal_auto(struct app *a)
{
    int r = app_recovering(a) ? 0 : ask_all(a);
    int more = r > 0;
    r = r < 0 ? r : answer_all(a);
    if (r >= 0 && (more || r > 0)) {
        a->views_changed = true; /* there is more of it */
    }
    return r < 0 ? r : 0;
}
