/* SPDX-License-Identifier: Apache-2.0 */
/* What two nodes ask of each other outside the exchange (PROTOCOL.md 13), when files are all they
 * have: a new node its enrolment, a child the parent's signature on its new key (13.1), a parent
 * that of the node above it for a child whose key is lost (13.2). The bodies are those of the
 * requests on a line and go the same way; what a session would say of the sender, their signatures
 * say. */
#include "sync/ferry.h"

#include "protocol/act.h"
#include "protocol/ferry.h"
#include "protocol/jcur.h"
#include "sync/enrol.h"
#include "sync/internal.h"

#include <stdio.h>
#include <string.h>

/* ---- taking ---- */

static int for_this_node(const struct sync *s, const struct act *a, struct fault *f)
{
    const struct roster_node *by = roster_node(s->roster, a->by.s);
    if (!a->has_g || memcmp(a->g, roster_g(s->roster), HASH_LEN) != 0) {
        return fault_set(f, SANJI_E_FEDERATION, "g", "this federation");
    }
    bool own = node_id_cmp(&a->by, &s->self.id) == 0;
    bool asked = a->lost && by != NULL && node_id_cmp(&by->up, &s->self.id) == 0;
    return own || asked ? 0 : fault_set(f, SANJI_E_AUDIENCE, "by", "a file for this node");
}

static int take_key(struct sync *s, const struct act *a, struct enrol_told *ret)
{
    struct msg_key_reply rep = {0};
    struct act_co co;
    int r;
    if (!a->lost) {
        r = sync__rekey_take(s, &a->n, a);
        ret->done = r == 0;
    } else if (node_id_cmp(&a->by, &s->self.id) == 0) {
        r = sync__cosign_take(s, a);
        ret->done = r == 0;
    } else {
        r = sync__cosign_request(s, &a->by, a, &rep, &co);
        ret->asks = a->by;
        ret->approved = r == 0 && strcmp(rep.state, "signed") == 0;
        key_id_of(a->sig, &ret->kid);
    }
    return r;
}

int sync__request_by_file(struct sync *s, struct span body, struct enrol_told *ret, struct fault *f)
{
    struct span v;
    struct act a;
    memset(ret, 0, sizeof(*ret));
    if (jcur_get(body, "q", &v)) {
        return sync__enrol_by_file(s, body, ret, f);
    }
    struct arena *ar = arena_new(4 << 20);
    int r = ar == NULL ? SANJI_E_NOMEM : act_body_parse(body, ar, &a, f);
    if (r == 0 && a.type != ACT_KEY) {
        r = fault_set(f, SANJI_E_SPEC, "a", "an act about a key");
    }
    if (r == 0) {
        ret->node = a.n;
        ret->key = true;
        ret->done = node_id_cmp(&a.n, &s->self.id) == 0; /* its own, left on the stick */
    }
    if (r == 0 && !ret->done) {
        r = for_this_node(s, &a, f);
        r = r < 0 ? r : take_key(s, &a, ret);
    }
    arena_free(ar);
    return r;
}

/* ---- giving ---- */

struct giving {
    struct sync *s;
    const char *to;
    sync_ferry_request_fn *fn;
    void *arg;
};

static int give(struct giving *g, const char *what, const char *node, struct span body)
{
    char name[48];
    struct buf file;
    buf_init(&file, 2 * LIM_ITEM_BYTES);
    (void)snprintf(name, sizeof(name), "%s-%.14s", what, node);
    int r = ferry_request_write(g->s->fc, body, &file);
    r = r < 0 ? r : g->fn(name, span_of(file.data, file.len), g->arg);
    buf_done(&file);
    return r;
}

static int give_body(struct giving *g, const char *what, const char *node,
                     int (*make)(struct sync *s, struct buf *out))
{
    struct buf body;
    buf_init(&body, LIM_ITEM_BYTES);
    int r = make(g->s, &body);
    r = r < 0 ? r : give(g, what, node, span_of(body.data, body.len));
    buf_done(&body);
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

static int give_agreed(struct giving *g, const struct act *a)
{
    struct act_co co;
    struct buf body;
    buf_init(&body, LIM_ITEM_BYTES);
    int r = act_sign(a->text, g->s->key, &co);
    r = r < 0 ? r : act_body_write(a->text, &co, 1, &body);
    r = r < 0 ? r : give(g, "agreed", a->n.s, span_of(body.data, body.len));
    buf_done(&body);
    return r;
}

/* One byte, 1 when a person has agreed, and the act (recover.c). */
static int each_cosign(const char *key, struct span value, void *arg)
{
    struct giving *g = arg;
    struct act a;
    struct arena *ar = arena_new(4 << 20);
    (void)key;
    int r = ar == NULL ? SANJI_E_NOMEM : 0;
    if (r == 0 && value.n > 1 && *(const uint8_t *)value.p == 1 &&
        act_parse(span_of((const uint8_t *)value.p + 1, value.n - 1), ar, &a, NULL) == 0 &&
        !sync__cosign_over(g->s, &a) && strcmp(a.by.s, g->to) == 0) {
        r = give_agreed(g, &a);
    }
    arena_free(ar);
    return r;
}

int sync_ferry_requests(struct sync *s, const struct sync_tick *t, const char *to,
                        sync_ferry_request_fn *fn, void *arg)
{
    struct giving g = {s, to, fn, arg};
    s->tick = *t;
    s->rnd_n = 0;
    int r = sync__fresh(s);
    const struct roster_node *me = roster_node(s->roster, s->self.id.s);
    if (r == 0 && me != NULL && strcmp(me->up.s, to) == 0) {
        r = sync__rekey_open(s) ? give_body(&g, "key", s->self.id.s, sync__rekey_body) : 0;
        r = r < 0 ? r : sync__cosign_load(s);
        if (r == 0 && s->cosign_wanted) {
            r = give_body(&g, "lost", s->self.id.s, sync__cosign_body);
        }
    }
    return r < 0 ? r : s->st->kv_each(s->st->ctx, "cosign/", each_cosign, &g);
}
