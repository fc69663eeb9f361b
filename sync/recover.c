/* SPDX-License-Identifier: Apache-2.0 */
/* A child whose disk and keys are gone comes back under its own node id (PROTOCOL.md 13.2). Its
 * parent says the new key in a `key` act with `lost`; because nobody is left who could consent for
 * the old key, the next registrar above signs too, or the root where the parent is the top. So a
 * registrar alone cannot put itself into the place of a node below it.
 *
 * What is under way lies in the store: "lost/NODE" is the act's body with the signatures gathered
 * so far (the author's comes last, when it is published), "cosign/NODE" at the registrar above is
 * one byte, 1 when a person has agreed, and the act's text. */
#include "sync/enrol.h"

#include "sync/internal.h"

#include "protocol/base/enc.h"
#include "protocol/json_gate.h"
#include "protocol/seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADS_MAX = 1024, AGAIN_MS = 30000, AGAIN_SOON_MS = 2000, KEY_BYTES = 32, BACK = 16 };
enum { BODY_BYTES = LIM_ITEM_BYTES * 2 };
static const char lost_prefix[] = "lost/", cosign_prefix[] = "cosign/";

static const char *row_key(const char *prefix, const char *node, char out[static KEY_BYTES])
{
    (void)snprintf(out, KEY_BYTES, "%s%.14s", prefix, node);
    return out;
}

/* ---- the code that opens the child's `self` stream ---- */

struct newest {
    struct sync *s;
    struct seal_to to;
    bool found;
};

static int on_self(const struct sync_bundle_row *row, void *arg)
{
    struct newest *x = arg;
    struct sync *s = x->s;
    struct bundle b;
    struct item it;
    struct seal_ctx c;
    size_t used;
    arena_reset(s->arena);
    if (frame_unpack(s->fc, row->frame, &s->line, &used) < 0 ||
        bundle_parse(span_of(s->line.data, s->line.len), s->arena, &b, NULL) < 0) {
        return 0; /* damage is somebody else's to name */
    }
    for (int64_t i = 0; b.item != NULL && i < b.hdr.n; i++) {
        memset(&c, 0, sizeof(c));
        if (!b.item[i].stub && item_parse(b.item[i].text, &it, NULL) == 0 && it.op == OP_PUT &&
            strcmp(it.k, "sealed/1") == 0 && seal_peek(it.d, &c, s->arena, NULL) == 0 &&
            c.n_to == 1) {
            x->to = c.to[0];
            x->found = true;
        }
    }
    return 0;
}

bool sync__recover_code(struct sync *s, const char *node, uint8_t ret[static SEAL_PUB_LEN])
{
    struct newest x = {.s = s};
    int idx = sync__stream_newest(s, node, "self");
    if (idx < 0 || s->streams[idx].row.no == 0) {
        return false;
    }
    const struct sync_stream_row *row = &s->streams[idx].row;
    int64_t after = row->seq > BACK ? row->seq - BACK : 0;
    if (s->st->bundles(s->st->ctx, row->no, after, SIZE_MAX, on_self, &x) < 0 || !x.found) {
        return false;
    }
    memcpy(ret, x.to.pub, SEAL_PUB_LEN);
    return true;
}

/* ---- the act at the parent ---- */

static bool is_top(const struct sync *s)
{
    const struct roster_node *me = roster_node(s->roster, s->self.id.s);
    return me != NULL && node_id_none(&me->up);
}

int sync__recover_may(const struct sync *s, const char *node)
{
    const struct roster_node *n = roster_node(s->roster, node);
    const struct roster_node *me = roster_node(s->roster, s->self.id.s);
    if (n == NULL) {
        return SANJI_E_NOT_FOUND;
    }
    if (me == NULL || !me->reg || me->state != NODE_ACTIVE ||
        node_id_cmp(&n->up, &s->self.id) != 0) {
        return SANJI_E_AUTHORITY;
    }
    return n->state == NODE_CLOSED ? SANJI_E_CLOSED : 0;
}

static const uint8_t *tls_in_force(const struct sync *s, const char *node)
{
    const struct roster_key *k = roster_current_key(s->roster, node);
    return k == NULL ? NULL : k->tls;
}

static int act_text(struct sync *s, const struct msg_enrol *e, struct act_head *heads,
                    struct buf *out)
{
    struct act a;
    memset(&a, 0, sizeof(a));
    int r = sync__recover_may(s, e->node);
    const uint8_t *tls = tls_in_force(s, e->node);
    if (r == 0 && tls == NULL) {
        r = SANJI_E_NOT_FOUND;
    }
    if (r == 0) {
        r = sync_heads_of(s, e->node, false, heads, HEADS_MAX, &a.n_heads);
    }
    if (r < 0) {
        return r;
    }
    const struct roster_node *n = roster_node(s->roster, e->node);
    a.type = ACT_KEY;
    a.has_g = true;
    memcpy(a.g, roster_g(s->roster), HASH_LEN);
    a.by = s->self.id;
    a.n = n->id;
    memcpy(a.after, n->last, HASH_LEN);
    a.ts = s->tick.now_ms;
    a.has_sig = a.has_seal = a.has_tls = a.lost = true;
    memcpy(a.sig, e->sig, sizeof(a.sig));
    memcpy(a.seal, e->seal, sizeof(a.seal));
    /* Not the one of the request: children know the node by its server key, which its self backup
     * brings back. An act with another would part it from those who heard the act at once. */
    memcpy(a.tls, tls, sizeof(a.tls));
    a.heads = heads;
    return act_write(&a, out);
}

struct pending { /* a body as it lies in the store */
    struct arena *ar;
    struct buf body;
    struct act a;
};

static void pending_done(struct pending *p)
{
    buf_done(&p->body);
    arena_free(p->ar);
}

static int pending_parse(struct pending *p)
{
    return act_body_parse(span_of(p->body.data, p->body.len), p->ar, &p->a, NULL);
}

/* SANJI_E_NOT_FOUND: nothing under way. To be ended by pending_done() in every case. */
static int pending_get(struct sync *s, const char *node, struct pending *p)
{
    char key[KEY_BYTES];
    memset(p, 0, sizeof(*p));
    buf_init(&p->body, BODY_BYTES);
    p->ar = arena_new(4 << 20);
    int r = p->ar == NULL ? SANJI_E_NOMEM
                          : s->st->kv_get(s->st->ctx, row_key(lost_prefix, node, key), &p->body);
    return r < 0 ? r : pending_parse(p);
}

static int pending_put(struct sync *s, const char *node, struct span text, const struct act_co *co,
                       size_t n)
{
    char key[KEY_BYTES];
    struct buf body;
    buf_init(&body, BODY_BYTES);
    int r = act_body_write(text, co, n, &body);
    if (r == 0) {
        r = sync__tx_begin(s);
    }
    if (r == 0) {
        r = sync__tx_end(s, s->st->kv_put(s->st->ctx, row_key(lost_prefix, node, key),
                                          span_of(body.data, body.len)));
    }
    buf_done(&body);
    return r;
}

/* Adds a signature that was checked, once. */
static int pending_add(struct sync *s, struct pending *p, const struct act_co *co)
{
    for (size_t i = 0; i < p->a.n_co; i++) {
        if (strcmp(p->a.co[i].kid.s, co->kid.s) == 0) {
            return 0;
        }
    }
    if (p->a.n_co + 1 >= LIM_CO_SIGNATURES) {
        return SANJI_E_SIZE;
    }
    p->a.co[p->a.n_co++] = *co;
    return pending_put(s, p->a.n.s, p->a.text, p->a.co, p->a.n_co);
}

int sync__recover_approve(struct sync *s, const struct msg_enrol *e,
                          const struct sign_key *const *root, size_t n_root)
{
    struct act_co co[LIM_CO_SIGNATURES];
    struct act_head *heads = calloc(HEADS_MAX, sizeof(*heads));
    struct buf text;
    size_t n = 0;
    buf_init(&text, LIM_ITEM_BYTES);
    int r = heads == NULL ? SANJI_E_NOMEM : is_top(s) != (n_root > 0) ? SANJI_E_SIGNATURE : 0;
    if (r == 0 && n_root + 2 > LIM_CO_SIGNATURES) {
        r = SANJI_E_SIZE;
    }
    if (r == 0) {
        r = act_text(s, e, heads, &text);
    }
    struct span t = span_of(text.data, text.len);
    for (size_t i = 0; r == 0 && i < n_root; i++) {
        r = act_sign(t, root[i], &co[n++]);
    }
    if (r == 0) { /* the author's own, so that the registrar above sees who asks */
        r = act_sign(t, s->key, &co[n++]);
    }
    if (r == 0) {
        r = pending_put(s, e->node, t, co, n);
    }
    free(heads);
    buf_done(&text);
    return r;
}

bool sync__recover_done(const struct sync *s, const struct msg_enrol *e)
{
    const struct roster_key *k = roster_current_key(s->roster, e->node);
    return k != NULL && !k->ended && memcmp(k->sig, e->sig, sizeof(e->sig)) == 0;
}

/* Everything in one transaction: the act, and that its machine is believed from now on. */
static int publish(struct sync *s, const struct act *a)
{
    char key[KEY_BYTES];
    int r = sync__tx_begin(s);
    if (r < 0) {
        return r;
    }
    r = sync__act_publish(s, a->text, false, a->co, a->n_co, true);
    if (r == 0) {
        const struct roster_key *k = roster_current_key(s->roster, a->n.s);
        r = k == NULL || memcmp(k->sig, a->sig, sizeof(a->sig)) != 0 ? SANJI_E_AUTHORITY : 0;
    }
    if (r == 0) {
        r = sync__session_believe(s, &a->n);
    }
    if (r == 0) {
        r = s->st->kv_del(s->st->ctx, row_key(lost_prefix, a->n.s, key));
    }
    return sync__tx_end(s, r);
}

static bool signed_by_node(const struct sync *s, const struct act *a, const char *node)
{
    const struct roster_node *n = roster_node(s->roster, node);
    for (size_t i = 0; n != NULL && i < n->n_keys; i++) {
        if (!n->keys[i].cut && act_signed_by(a, n->keys[i].sig)) {
            return true;
        }
    }
    return false;
}

static bool agreed(const struct sync *s, const struct act *a)
{
    const struct roster_node *me = roster_node(s->roster, s->self.id.s);
    return me != NULL && (node_id_none(&me->up) || signed_by_node(s, a, me->up.s));
}

int sync__recover_advance(struct sync *s, const struct msg_enrol *e, struct msg_enrol_reply *rep,
                          struct buf *act)
{
    struct pending p;
    struct act_co co;
    int r = pending_get(s, e->node, &p);
    if (r == 0 && memcmp(p.a.sig, e->sig, sizeof(e->sig)) != 0) {
        r = SANJI_E_NOT_FOUND; /* of an invite before this one */
    }
    const struct roster_node *n = roster_node(s->roster, e->node);
    if (r == 0 && (n == NULL || memcmp(p.a.after, n->last, HASH_LEN) != 0)) {
        r = SANJI_E_CONFLICT;
    }
    if (r == 0 && !e->has_pop) {
        r = buf_put(act, p.a.text.p, p.a.text.n);
        rep->act = buf_str(act);
        rep->state = "act";
    } else if (r == 0) {
        key_id_of(e->sig, &co.kid);
        memcpy(co.s, e->pop, sizeof(co.s));
        struct act with = p.a;
        with.co[0] = co;
        with.n_co = 1;
        if (!act_signed_by(&with, e->sig)) { /* it signed a text before this one: here is the new */
            r = buf_put(act, p.a.text.p, p.a.text.n);
            rep->act = buf_str(act);
            rep->state = "act";
            pending_done(&p);
            return r;
        }
        r = pending_add(s, &p, &co);
        if (r == 0 && agreed(s, &p.a)) {
            r = publish(s, &p.a);
            rep->state = "done";
        } else if (r == 0) {
            s->cosign_wanted = true;
            rep->need = roster_node(s->roster, s->self.id.s)->up.s;
        }
    }
    pending_done(&p);
    return r == SANJI_E_NOT_FOUND ? 0 : r; /* nobody has agreed yet */
}

int sync__recover_drop(struct sync *s, const char *node)
{
    char key[KEY_BYTES];
    int r = s->st->kv_del(s->st->ctx, row_key(lost_prefix, node, key));
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

/* ---- asking the registrar above ---- */

struct open_acts { /* one after the other: an act nobody agrees to holds up no other */
    struct node_id after, first, next;
};

static int find_open(const char *key, struct span value, void *arg)
{
    struct open_acts *o = arg;
    struct node_id is;
    const char *node = key + sizeof(lost_prefix) - 1;
    struct arena *ar = arena_new(4 << 20);
    struct act a;
    int r = ar == NULL ? SANJI_E_NOMEM : 0;
    if (r == 0 && act_body_parse(value, ar, &a, NULL) == 0 && act_signed_by(&a, a.sig)) {
        if (node_id_parse(node, strlen(node), &is) == 0) {
            bool later = node_id_cmp(&is, &o->after) > 0;
            o->first = node_id_none(&o->first) ? is : o->first;
            o->next = later && node_id_none(&o->next) ? is : o->next;
        }
    }
    arena_free(ar);
    return r;
}

int sync__cosign_load(struct sync *s)
{
    struct open_acts any = {0};
    int r = s->st->kv_each(s->st->ctx, lost_prefix, find_open, &any);
    s->cosign_wanted = !node_id_none(&any.first) && !is_top(s);
    return r < 0 ? r : 0;
}

bool sync__cosign_due(const struct sync *s)
{
    return s->cosign_wanted && s->tick.mono_ms >= s->cosign_at;
}

int sync__cosign_body(struct sync *s, struct buf *out)
{
    char key[KEY_BYTES];
    struct open_acts o = {.after = s->cosign_node};
    int r = s->st->kv_each(s->st->ctx, lost_prefix, find_open, &o);
    s->cosign_node = node_id_none(&o.next) ? o.first : o.next;
    if (r >= 0 && node_id_none(&s->cosign_node)) {
        s->cosign_wanted = false;
        return SANJI_E_NOT_FOUND;
    }
    return r < 0 ? r : s->st->kv_get(s->st->ctx, row_key(lost_prefix, s->cosign_node.s, key), out);
}

/* What the node above has signed completes the act. */
static int take_agreed(struct sync *s, struct pending *p, const struct act_co *co, size_t n)
{
    struct act with = p->a;
    int r = SANJI_E_SIGNATURE;
    for (size_t i = 0; r == SANJI_E_SIGNATURE && i < n; i++) {
        with.co[0] = co[i];
        with.n_co = 1;
        r = agreed(s, &with) ? pending_add(s, p, &co[i]) : SANJI_E_SIGNATURE;
    }
    return r < 0 ? r : publish(s, &p->a);
}

static int take_signature(struct sync *s, struct span body)
{
    struct msg_key_reply rep;
    struct pending p;
    struct act_co co;
    int r = pending_get(s, s->cosign_node.s, &p);
    if (r == 0) {
        r = jspec_read(body.p, body.n, msg_key_reply_spec, &rep, sizeof(rep), p.ar, NULL);
    }
    if (r == 0 && strcmp(rep.state, "signed") != 0) {
        r = SANJI_E_PENDING;
    }
    if (r == 0 && (!rep.has_s || rep.kid == NULL || strlen(rep.kid) != LIM_KID)) {
        r = SANJI_E_SPEC;
    }
    if (r == 0) {
        memcpy(co.kid.s, rep.kid, LIM_KID + 1);
        memcpy(co.s, rep.s, sizeof(co.s));
        r = take_agreed(s, &p, &co, 1);
    }
    pending_done(&p);
    return r;
}

int sync__cosign_take(struct sync *s, const struct act *a)
{
    struct pending p;
    int r = pending_get(s, a->n.s, &p);
    if (r == 0 && !span_eq(p.a.text, a->text)) {
        r = SANJI_E_CONFLICT;
    }
    if (r == 0) {
        r = take_agreed(s, &p, a->co, a->n_co);
    }
    pending_done(&p);
    const struct roster_key *k = roster_current_key(s->roster, a->n.s);
    bool said = k != NULL && memcmp(k->sig, a->sig, sizeof(a->sig)) == 0;
    return said ? 0 : r; /* once more: it is published already */
}

void sync__cosign_answer(struct sync *s, int err, struct span body)
{
    int r = err < 0 ? err : take_signature(s, body);
    s->cosign_at = s->tick.mono_ms + (r == SANJI_E_PENDING ? AGAIN_SOON_MS : AGAIN_MS);
    if (r == 0 || r == SANJI_E_NOT_FOUND) {
        s->cosign_at = 0; /* the next one, if there is any */
    } else if (r != SANJI_E_PENDING && r != s->cosign_err) {
        sync__alarm(s, r, &s->cosign_node, "lost key");
    }
    s->cosign_err = r;
}

/* ---- the registrar above ---- */

static int cosign_check(const struct sync *s, const struct node_id *child, const struct act *a)
{
    const struct roster_node *n = roster_node(s->roster, a->n.s);
    const struct roster_node *me = roster_node(s->roster, s->self.id.s);
    const uint8_t *tls = tls_in_force(s, a->n.s);
    if (a->type != ACT_KEY || !a->lost || !a->has_g || n == NULL || tls == NULL) {
        return SANJI_E_SPEC;
    }
    if (memcmp(a->g, roster_g(s->roster), HASH_LEN) != 0) {
        return SANJI_E_FEDERATION;
    }
    if (me == NULL || !me->reg || node_id_cmp(&a->by, child) != 0 ||
        node_id_cmp(&n->up, child) != 0) {
        return SANJI_E_AUTHORITY;
    }
    if (n->state == NODE_CLOSED) {
        return SANJI_E_CLOSED;
    }
    if (memcmp(a->after, n->last, HASH_LEN) != 0) {
        return SANJI_E_CONFLICT;
    }
    if (memcmp(a->tls, tls, HASH_LEN) != 0) {
        return SANJI_E_SPEC;
    }
    int r = sign_pub_check(a->sig);
    return r < 0                                                        ? r
           : act_signed_by(a, a->sig) && signed_by_node(s, a, child->s) ? 0
                                                                        : SANJI_E_SIGNATURE;
}

static int cosign_put(struct sync *s, const char *node, uint8_t yes, struct span text)
{
    char key[KEY_BYTES];
    struct buf v;
    buf_init(&v, BODY_BYTES);
    int r = buf_put(&v, &yes, 1);
    r = r < 0 ? r : buf_put(&v, text.p, text.n);
    r = r < 0 ? r : sync__tx_begin(s);
    if (r == 0) {
        r = sync__tx_end(s, s->st->kv_put(s->st->ctx, row_key(cosign_prefix, node, key),
                                          span_of(v.data, v.len)));
    }
    buf_done(&v);
    return r;
}

static int cosign_get(struct sync *s, const char *node, struct buf *v)
{
    char key[KEY_BYTES];
    int r = s->st->kv_get(s->st->ctx, row_key(cosign_prefix, node, key), v);
    return r == 0 && v->len < 2 ? SANJI_E_CORRUPT : r;
}

int sync__cosign_request(struct sync *s, const struct node_id *child, const struct act *a,
                         struct msg_key_reply *rep, struct act_co *co)
{
    struct buf v;
    int r = cosign_check(s, child, a);
    if (r < 0) {
        return r;
    }
    buf_init(&v, BODY_BYTES);
    r = cosign_get(s, a->n.s, &v);
    bool same = r == 0 && v.len == a->text.n + 1 && memcmp(v.data + 1, a->text.p, a->text.n) == 0;
    rep->state = "pending";
    if (same && v.data[0] == 1) {
        r = act_sign(a->text, s->key, co);
        rep->state = "signed";
        rep->kid = co->kid.s;
        rep->has_s = true;
        memcpy(rep->s, co->s, sizeof(rep->s));
    } else if (!same && (r == 0 || r == SANJI_E_NOT_FOUND)) {
        r = cosign_put(s, a->n.s, 0, a->text);
        if (r == 0) {
            sync__alarm(s, SANJI_E_PENDING, &a->n, "lost key");
        }
    }
    buf_done(&v);
    return r;
}

/* Said meanwhile, or overtaken by another act. */
bool sync__cosign_over(const struct sync *s, const struct act *a)
{
    const struct roster_node *n = roster_node(s->roster, a->n.s);
    return n == NULL || memcmp(a->after, n->last, HASH_LEN) != 0;
}

/* kid NULL: only whether one waits. Else agreed to is what was compared, and nothing that the child
 * has put in its place since. */
static int cosign_agree(struct sync *s, const char *node, const char *kid)
{
    struct arena *ar = arena_new(4 << 20);
    struct act a;
    struct key_id now;
    struct buf v;
    buf_init(&v, BODY_BYTES);
    int r = ar == NULL ? SANJI_E_NOMEM : cosign_get(s, node, &v);
    if (r == 0) {
        r = act_parse(span_of(v.data + 1, v.len - 1), ar, &a, NULL);
    }
    if (r == 0 && sync__cosign_over(s, &a)) {
        r = SANJI_E_NOT_FOUND;
    }
    if (r == 0 && kid == NULL) {
        r = v.data[0] == 1 ? SANJI_E_NOT_FOUND : 0; /* agreed already */
    } else if (r == 0) {
        key_id_of(a.sig, &now);
        r = strcmp(now.s, kid) != 0 ? SANJI_E_CONFLICT
                                    : cosign_put(s, node, 1, span_of(v.data + 1, v.len - 1));
    }
    buf_done(&v);
    arena_free(ar);
    return r;
}

int sync__cosign_approve(struct sync *s, const char *node, const char *kid)
{
    return cosign_agree(s, node, kid);
}

int sync__cosign_waits(struct sync *s, const char *node)
{
    return cosign_agree(s, node, NULL);
}

struct each {
    struct sync *s;
    int (*fn)(const struct enrol_row *r, void *arg);
    void *arg;
};

static int each_cosign(const char *key, struct span value, void *arg)
{
    struct each *e = arg;
    struct enrol_row out;
    struct act a;
    struct arena *ar = arena_new(4 << 20);
    (void)key;
    int r = ar == NULL ? SANJI_E_NOMEM : 0;
    if (r == 0 && value.n > 1 &&
        act_parse(span_of((const uint8_t *)value.p + 1, value.n - 1), ar, &a, NULL) == 0 &&
        !sync__cosign_over(e->s, &a)) {
        const struct roster_node *n = roster_node(e->s->roster, a.n.s);
        memset(&out, 0, sizeof(out));
        out.node = a.n;
        out.asks = a.by;
        out.name = n->name;
        out.area = n->area;
        out.lv = n->lv;
        out.lost = out.requested = true;
        out.approved = *(const uint8_t *)value.p == 1;
        key_id_of(a.sig, &out.kid);
        r = e->fn(&out, e->arg);
    }
    arena_free(ar);
    return r;
}

int sync__cosign_each(struct sync *s, int (*fn)(const struct enrol_row *r, void *arg), void *arg)
{
    struct each e = {s, fn, arg};
    return s->st->kv_each(s->st->ctx, cosign_prefix, each_cosign, &e);
}
