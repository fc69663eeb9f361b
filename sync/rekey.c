/* SPDX-License-Identifier: Apache-2.0 */
/* A node's new keys (PROTOCOL.md 13.1). The child writes the act itself, with the final heads of
 * everything it signed under the old key, and signs it with both keys; from that moment it writes
 * with the new one. The parent adds its signature and publishes. So there is one request, it can be
 * repeated for ever, and at no moment can anything be signed that others would refuse. */
#include "sync/keyframe.h"

#include "protocol/act.h"
#include "protocol/json_gate.h"

#include <stdlib.h>
#include <string.h>

enum { HEADS_MAX = 1024, AGAIN_MS = 30000, AGAIN_SOON_MS = 2000 };
static const char body_name[] = "rekey/body";

bool sync__rekey_open(const struct sync *s)
{
    return s->old_key != NULL && roster_key(s->roster, s->self.id.s, s->kid.s) == NULL;
}

int sync_rekey_state(const struct sync *s)
{
    if (!sync__rekey_open(s)) {
        return 0;
    }
    return s->rekey_err < 0 ? s->rekey_err : SANJI_E_PENDING;
}

const struct sign_key *sync__login_key(const struct sync *s, const struct key_id **ret_kid)
{
    bool old = sync__rekey_open(s) && !s->login_new;
    *ret_kid = old ? &s->old_kid : &s->kid;
    return old ? s->old_key : s->key;
}

int sync_heads_of(struct sync *s, const char *by, bool trust_only, struct act_head *v, size_t max,
                  size_t *io_n)
{
    int r = sync__fresh(s); /* an act that names too few heads makes void what it leaves out */
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < s->n_streams; i++) {
        const struct stream *st = &s->streams[i];
        if (st->row.no == 0 || st->row.seq == 0 || strcmp(st->row.key.by.s, by) != 0 ||
            st->aud.type == AUD_OWN || (trust_only && st->aud.type != AUD_TRUST)) {
            continue;
        }
        /* Inside a keyframe whose end is not here nothing of the stream would stand for whoever
         * holds it from that keyframe on: it ends before. */
        struct key_jump whole = {.seq = st->row.seq};
        memcpy(whole.id, st->row.id, HASH_LEN);
        r = st->jump == 0 ? 0 : sync__kept_get(s, "jump", st->row.no, &whole, sizeof(whole));
        if (r < 0) {
            return r;
        }
        if (whole.seq == 0) {
            continue;
        }
        if (*io_n == max) {
            return SANJI_E_SIZE;
        }
        struct act_head *h = &v[(*io_n)++];
        memset(h, 0, sizeof(*h));
        memcpy(h->id, whole.id, HASH_LEN);
        if (!audience_is_private(st->aud.type)) {
            h->by = trust_only ? st->row.key.by.s : NULL;
            h->aud = st->row.key.aud;
            h->ep = st->row.key.ep;
            h->seq = whole.seq;
            memcpy(h->en, st->row.key.en, sizeof(h->en));
            h->has_en = true;
        }
    }
    return 0;
}

/* ---- the node that changes its key ---- */

/* Text and signatures: root quorum (the top), old key, new key. */
static int act_of(struct sync *s, const struct act *like, const struct act_head *heads,
                  size_t n_heads, struct act *a)
{
    const struct roster_node *me = roster_node(s->roster, s->self.id.s);
    if (me == NULL || me->state != NODE_ACTIVE) {
        return me == NULL ? SANJI_E_UNKNOWN_KEY
                          : (me->state == NODE_CUT ? SANJI_E_REVOKED : SANJI_E_CLOSED);
    }
    memset(a, 0, sizeof(*a));
    a->type = ACT_KEY;
    a->has_g = true;
    memcpy(a->g, roster_g(s->roster), HASH_LEN);
    a->by = me->up; /* empty: the root */
    a->n = me->id;
    memcpy(a->after, me->last, HASH_LEN);
    a->ts = s->tick.now_ms;
    a->has_sig = a->has_seal = a->has_tls = true;
    memcpy(a->sig, like->sig, sizeof(a->sig));
    memcpy(a->seal, like->seal, sizeof(a->seal));
    memcpy(a->tls, like->tls, sizeof(a->tls));
    a->heads = (struct act_head *)(uintptr_t)heads;
    a->n_heads = n_heads;
    return 0;
}

static int body_of(const struct act *a, const struct sync_new_key *k,
                   const struct sign_key *const own[2], struct buf *out)
{
    struct act_co co[LIM_CO_SIGNATURES];
    struct buf text;
    size_t n = 0;
    buf_init(&text, LIM_ITEM_BYTES);
    int r = k->n_root + k->n_said > LIM_CO_SIGNATURES - 2 ? SANJI_E_SIZE : act_write(a, &text);
    struct span t = span_of(text.data, text.len);
    for (size_t i = 0; r == 0 && i < k->n_said; i++) {
        co[n++] = k->said[i];
    }
    for (size_t i = 0; r == 0 && i < k->n_root; i++) {
        r = act_sign(t, k->root[i], &co[n++]);
    }
    for (size_t i = 0; r == 0 && i < 2; i++) {
        r = act_sign(t, own[i], &co[n++]);
    }
    if (r == 0) {
        r = act_body_write(t, co, n, out);
    }
    buf_done(&text);
    return r;
}

/* From now on the new key writes. */
static void switch_keys(struct sync *s, const struct sync_new_key *k, struct sign_key *key,
                        uint8_t (*seeds)[SEAL_SEED_LEN])
{
    size_t n = s->self.n_seal_seeds;
    memcpy(seeds, s->seal_seeds, n * sizeof(*seeds));
    memcpy(seeds[n], k->seal_seed, SEAL_SEED_LEN);
    mem_wipe(s->seal_seeds, (n + 1) * sizeof(*s->seal_seeds));
    free(s->seal_seeds);
    s->seal_seeds = seeds;
    s->self.seal_seeds = (const uint8_t(*)[SEAL_SEED_LEN])seeds;
    s->self.n_seal_seeds = n + 1;
    sign_key_free(s->old_key);
    s->old_key = s->key;
    s->old_kid = s->kid;
    s->key = key;
    memcpy(s->sign_seed, k->sign_seed, sizeof(s->sign_seed));
    key_id_of(sign_key_pub(key), &s->kid);
    s->login_new = false;
    s->rekey_err = 0;
    s->rekey_at = 0;
}

/* The top says it by itself, in the first bundle under the new key. */
static int say_as_root(struct sync *s, struct span body)
{
    struct arena *ar = arena_new(4 << 20);
    struct act a;
    int r = ar == NULL ? SANJI_E_NOMEM : act_body_parse(body, ar, &a, NULL);
    if (r == 0) {
        r = sync__act_publish(s, a.text, false, a.co, a.n_co, false);
    }
    if (r == 0 && sync__rekey_open(s)) {
        r = SANJI_E_AUTHORITY;
    }
    arena_free(ar);
    return r;
}

static int body_store(struct sync *s, struct span body)
{
    int r = sync__tx_begin(s);
    return r < 0 ? r : sync__tx_end(s, s->st->kv_put(s->st->ctx, body_name, body));
}

/* The present keys come back: nothing was said under the new one. */
static void switch_back(struct sync *s, const uint8_t seed[static SIGN_SEED_LEN])
{
    sign_key_free(s->key);
    s->key = s->old_key;
    s->kid = s->old_kid;
    s->old_key = NULL;
    memcpy(s->sign_seed, seed, SIGN_SEED_LEN);
    s->self.n_seal_seeds--;
}

static int compose(struct sync *s, const struct sync_new_key *k, const struct sign_key *key,
                   struct act_head *heads, struct act *a)
{
    struct act like = {0};
    size_t n_heads = 0;
    memcpy(like.sig, sign_key_pub(key), sizeof(like.sig));
    memcpy(like.tls, k->tls, sizeof(like.tls));
    int r = seal_pub_of(k->seal_seed, like.seal);
    if (r == 0) {
        r = sync_heads_of(s, s->self.id.s, false, heads, HEADS_MAX, &n_heads);
    }
    if (r == 0) {
        r = act_of(s, &like, heads, n_heads, a);
    }
    a->ts = k->ts != 0 ? k->ts : s->tick.now_ms;
    return r;
}

static int rekey_with(struct sync *s, const struct sync_new_key *k, struct sign_key *key,
                      struct act_head *heads, struct buf *body)
{
    struct act a;
    const struct sign_key *const own[2] = {s->key, key};
    uint8_t old_seed[SIGN_SEED_LEN];
    int r = compose(s, k, key, heads, &a);
    bool top = r == 0 && node_id_none(&a.by);
    if (r == 0 && (k->n_root + k->n_said > 0) != top) {
        r = SANJI_E_AUTHORITY;
    }
    uint8_t(*seeds)[SEAL_SEED_LEN] = calloc(s->self.n_seal_seeds + 2, sizeof(*seeds));
    if (r == 0) { /* nothing may fail once it is stored */
        r = seeds == NULL ? SANJI_E_NOMEM : body_of(&a, k, own, body);
    }
    if (r == 0 && !top) {
        r = body_store(s, span_of(body->data, body->len));
    }
    if (r < 0) {
        free(seeds);
        sign_key_free(key);
        return r;
    }
    memcpy(old_seed, s->sign_seed, sizeof(old_seed));
    switch_keys(s, k, key, seeds);
    if (top && (r = say_as_root(s, span_of(body->data, body->len))) < 0) {
        switch_back(s, old_seed);
    }
    mem_wipe(old_seed, sizeof(old_seed));
    return r;
}

int sync_rekey_draft(struct sync *s, const struct sync_tick *t, const struct sync_new_key *k,
                     struct buf *ret_text)
{
    struct act a;
    s->tick = *t;
    s->rnd_n = 0;
    int r = sync__rekey_open(s) ? SANJI_E_BUSY : sync__fresh(s);
    struct act_head *heads = calloc(HEADS_MAX, sizeof(*heads));
    struct sign_key *key = sign_key_new(k->sign_seed);
    if (r == 0) {
        r = heads == NULL || key == NULL ? SANJI_E_NOMEM : compose(s, k, key, heads, &a);
    }
    if (r == 0) {
        r = act_write(&a, ret_text);
    }
    sign_key_free(key);
    free(heads);
    return r;
}

int sync_rekey(struct sync *s, const struct sync_tick *t, const struct sync_new_key *k)
{
    s->tick = *t;
    s->rnd_n = 0;
    int r = sync__fresh(s);
    if (r == 0 && sync__rekey_open(s)) {
        r = SANJI_E_BUSY; /* one after the other */
    }
    if (r < 0) {
        return r;
    }
    struct act_head *heads = calloc(HEADS_MAX, sizeof(*heads));
    struct sign_key *key = sign_key_new(k->sign_seed);
    struct buf body;
    buf_init(&body, LIM_ITEM_BYTES * 2);
    if (heads == NULL || key == NULL) {
        sign_key_free(key);
        r = SANJI_E_NOMEM;
    } else {
        r = rekey_with(s, k, key, heads, &body);
    }
    free(heads);
    buf_done(&body);
    return r;
}

bool sync__rekey_due(struct sync *s)
{
    return sync__rekey_open(s) && !s->login_new && s->tick.mono_ms >= s->rekey_at;
}

/* The stored body; written anew, with the same heads, when another act about this node came between
 * or it has another parent now. */
int sync__rekey_body(struct sync *s, struct buf *out)
{
    const struct roster_node *me = roster_node(s->roster, s->self.id.s);
    const struct sign_key *const both[2] = {s->old_key, s->key};
    struct arena *ar = arena_new(4 << 20);
    struct act was, a;
    int r = ar == NULL ? SANJI_E_NOMEM : s->st->kv_get(s->st->ctx, body_name, out);
    if (r == 0) {
        r = act_body_parse(span_of(out->data, out->len), ar, &was, NULL);
    }
    /* It was put back without knowing, and its parent holds more than the act lists: once that has
     * come, the act says so. */
    bool more = s->rekey_err == SANJI_E_CHAIN && sync_self_error(s) == 0;
    if (r == 0 && me != NULL &&
        (more || memcmp(was.after, me->last, HASH_LEN) != 0 ||
         node_id_cmp(&was.by, &me->up) != 0)) {
        const struct sync_new_key none = {.ts = 0};
        struct act_head *heads = calloc(HEADS_MAX, sizeof(*heads));
        size_t n = 0;
        r = heads == NULL ? SANJI_E_NOMEM
            : more        ? sync_heads_of(s, s->self.id.s, false, heads, HEADS_MAX, &n)
                          : 0;
        r = r < 0 ? r : act_of(s, &was, more ? heads : was.heads, more ? n : was.n_heads, &a);
        buf_reset(out);
        if (r == 0) {
            r = body_of(&a, &none, both, out);
        }
        if (r == 0) {
            r = body_store(s, span_of(out->data, out->len));
        }
        free(heads);
    }
    arena_free(ar);
    return r;
}

void sync__rekey_answer(struct sync *s, int err)
{
    bool soon = err == SANJI_E_CONFLICT || err == SANJI_E_BUSY;
    if (err < 0 && !soon && err != s->rekey_err) {
        sync__alarm(s, err, s->parent == NULL ? NULL : &s->parent->id, "key");
    }
    s->rekey_err = err;
    s->rekey_at = err == 0 ? 0 : s->tick.mono_ms + (soon ? AGAIN_SOON_MS : AGAIN_MS);
    s->login_new = err == 0;
}

/* ---- the parent ---- */

/* Nothing this node holds of the child may become void. */
static int heads_cover(const struct sync *s, const struct act *a)
{
    for (size_t i = 0; i < s->n_streams; i++) {
        const struct stream *st = &s->streams[i];
        if (st->row.no == 0 || st->row.seq == 0 || node_id_cmp(&st->row.key.by, &a->n) != 0 ||
            audience_is_private(st->aud.type)) {
            continue;
        }
        bool ok = false;
        for (size_t j = 0; j < a->n_heads && !ok; j++) {
            const struct act_head *h = &a->heads[j];
            ok = h->aud != NULL && strcmp(h->aud, st->row.key.aud) == 0 &&
                 h->ep == st->row.key.ep && memcmp(h->en, st->row.key.en, sizeof(h->en)) == 0 &&
                 (h->seq > st->row.seq ||
                  (h->seq == st->row.seq && memcmp(h->id, st->row.id, HASH_LEN) == 0));
        }
        if (!ok) {
            return SANJI_E_CHAIN;
        }
    }
    return 0;
}

static int may_publish(const struct sync *s, const struct node_id *child, const struct act *a)
{
    const struct roster_node *n = roster_node(s->roster, child->s);
    const struct roster_key *key = roster_current_key(s->roster, child->s);
    if (a->type != ACT_KEY || a->lost || !a->has_g || n == NULL || key == NULL) {
        return SANJI_E_SPEC;
    }
    if (memcmp(a->g, roster_g(s->roster), HASH_LEN) != 0) {
        return SANJI_E_FEDERATION;
    }
    if (node_id_cmp(&a->n, child) != 0 || node_id_cmp(&a->by, &s->self.id) != 0 ||
        node_id_cmp(&n->up, &s->self.id) != 0) {
        return SANJI_E_AUTHORITY;
    }
    if (memcmp(key->sig, a->sig, sizeof(a->sig)) == 0) {
        return SANJI_E_OLD; /* said already: the answer was lost */
    }
    if (key->ended) {
        return SANJI_E_REVOKED;
    }
    if (memcmp(a->after, n->last, HASH_LEN) != 0) {
        return SANJI_E_CONFLICT;
    }
    if (!act_signed_by(a, key->sig) || !act_signed_by(a, a->sig)) {
        return SANJI_E_SIGNATURE;
    }
    int r = sign_pub_check(a->sig);
    return r < 0 ? r : heads_cover(s, a);
}

static int publish(struct sync *s, const struct act *a)
{
    const struct roster_key *key = roster_current_key(s->roster, a->n.s);
    struct act_co co[2];
    struct key_id kid[2] = {key->kid};
    size_t n = 0;
    key_id_of(a->sig, &kid[1]);
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < a->n_co; j++) {
            if (strcmp(a->co[j].kid.s, kid[i].s) == 0 && n == i) {
                co[n++] = a->co[j];
            }
        }
    }
    int r = sync__tx_begin(s);
    if (r < 0) {
        return r;
    }
    r = sync__act_publish(s, a->text, true, co, n, true);
    if (r == 0) {
        key = roster_current_key(s->roster, a->n.s);
        r = key == NULL || memcmp(key->sig, a->sig, sizeof(a->sig)) != 0 ? SANJI_E_AUTHORITY : 0;
    }
    return sync__tx_end(s, r);
}

int sync__rekey_take(struct sync *s, const struct node_id *child, const struct act *a)
{
    int r = may_publish(s, child, a);
    return r == 0 ? publish(s, a) : r == SANJI_E_OLD ? 0 : r;
}

void sync__rekey_request(struct sync *s, const struct sync_event *ev)
{
    struct server_session *x = sync__session_find(s, ev->conn, ev->token);
    struct fault f = {0};
    struct act a;
    struct msg_key_reply rep = {.state = "done"};
    struct act_co co;
    if (x == NULL) {
        sync__reply_error(s, ev->req, SANJI_E_SESSION, 0, NULL);
        return;
    }
    struct node_id child = x->node;
    struct arena *ar = arena_new(4 << 20);
    int r = ar == NULL                    ? SANJI_E_NOMEM
            : ev->body.n > LIM_ITEM_BYTES ? SANJI_E_SIZE
                                          : json_gate(ev->body.p, ev->body.n, JSON_PROTOCOL, &f);
    if (r == 0) {
        r = act_body_parse(ev->body, ar, &a, &f);
    }
    if (r == 0 && a.type == ACT_KEY && a.lost) {
        r = sync__cosign_request(s, &child, &a, &rep, &co);
    } else if (r == 0) {
        r = sync__rekey_take(s, &child, &a);
    }
    arena_free(ar);
    if (r < 0) {
        sync__reply_error(s, ev->req, r, 0, &f);
        return;
    }
    struct buf body;
    struct jw w;
    buf_init(&body, 1024);
    jw_init(&w, &body);
    jspec_write(&w, NULL, msg_key_reply_spec, &rep);
    (void)jw_done(&w);
    sync__reply(s, ev->req, 200, SANJI_TYPE_JSON, &body);
}

/* ---- everybody: the top's new key ---- */

static bool root_quorum(const struct sync *s, const struct act *a)
{
    const uint8_t(*keys)[SIGN_PUB_LEN] = NULL;
    int64_t k = 0, got = 0;
    size_t n = roster_root_keys(s->roster, &keys, &k);
    for (size_t i = 0; i < n; i++) {
        got += act_signed_by(a, keys[i]);
    }
    return n > 0 && got >= k;
}

/* Is this the act that makes b's signer the top's newest key? */
static bool introduces(const struct sync *s, const struct bundle *b, const struct act *a)
{
    const struct roster_node *top = roster_top(s->roster);
    const struct roster_key *now = roster_current_key(s->roster, b->hdr.by.s);
    struct key_id kid;
    if (top == NULL || now == NULL || a->type != ACT_KEY || !node_id_none(&a->by) || !a->has_g ||
        node_id_cmp(&a->n, &top->id) != 0 || node_id_cmp(&b->hdr.by, &top->id) != 0 ||
        top->state == NODE_CLOSED || memcmp(a->g, roster_g(s->roster), HASH_LEN) != 0 ||
        memcmp(a->after, top->last, HASH_LEN) != 0 || sign_pub_check(a->sig) < 0) {
        return false;
    }
    key_id_of(a->sig, &kid);
    return strcmp(kid.s, b->hdr.kid.s) == 0 && root_quorum(s, a) && act_signed_by(a, a->sig) &&
           (a->lost || (!now->ended && act_signed_by(a, now->sig)));
}

int sync__rekey_introduced(struct sync *s, const struct bundle *b)
{
    struct arena *ar = arena_new(ARENA_MAX);
    struct sign_pub *pub = NULL;
    int r = ar == NULL ? SANJI_E_NOMEM : SANJI_E_UNKNOWN_KEY;
    for (size_t i = 0; r == SANJI_E_UNKNOWN_KEY && b->item != NULL && i < (size_t)b->hdr.n; i++) {
        struct item it;
        struct act a;
        if (b->item[i].stub || item_parse(b->item[i].text, &it, NULL) < 0 ||
            strcmp(it.k, "act/1") != 0 || it.op != OP_EVENT) {
            continue;
        }
        arena_reset(ar);
        if (act_body_parse(it.d, ar, &a, NULL) == 0 && introduces(s, b, &a) &&
            sign_pub_new(a.sig, &pub) == 0) {
            r = bundle_verify(b, pub);
            sign_pub_free(pub);
        }
    }
    arena_free(ar);
    return r;
}
