/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes of a federation in memory: made by real invites and acts, started, stopped, crashed, and
 * given things to write. */
#include "tests/support/world.h"

#include "protocol/seal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- chance and trace ---- */

uint64_t world_rand(struct world *w)
{
    uint64_t z = (w->rng += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int64_t world_range(struct world *w, int64_t lo, int64_t hi)
{
    return hi <= lo ? lo : lo + (int64_t)(world_rand(w) % (uint64_t)(hi - lo + 1));
}

bool world_chance(struct world *w, int per_mille)
{
    return per_mille > 0 && world_range(w, 0, 999) < per_mille;
}

void world_bytes(struct world *w, void *out, size_t n)
{
    uint8_t *p = out;
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)world_rand(w);
    }
}

void world_note(struct world *w, const char *what, int node, const void *p, size_t n)
{
    uint64_t h = w->trace ^ (uint64_t)w->now * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)(node + 1);
    const uint8_t *b = p;
    for (const char *c = what; *c != '\0'; c++) {
        h = (h ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
    }
    for (size_t i = 0; i < n; i++) {
        h = (h ^ b[i]) * UINT64_C(0x100000001b3);
    }
    w->trace = h ^ (h >> 29);
    if (w->print) {
        printf("%12lld %-10s %-8s %zu\n", (long long)w->now, node < 0 ? "-" : w->node[node].name,
               what, n);
    }
}

void world_init(struct world *w, uint64_t seed)
{
    memset(w, 0, sizeof(*w));
    w->rng = seed * UINT64_C(0xd1342543de82ef95) + 1;
    w->wall = 1795000000000 + (int64_t)(seed % 1000) * 1000;
    w->faults.lat_min = 5;
    w->faults.lat_max = 40;
    w->trace = UINT64_C(0xcbf29ce484222325);
}

void world_done(struct world *w)
{
    world__net_done(w);
    frame_ctx_free(w->inspect_fc);
    arena_free(w->inspect_arena);
    for (int i = 0; i < w->n; i++) {
        sync_free(w->node[i].s);
        mem_store_free(w->node[i].mem);
    }
}

int world_find(const struct world *w, const char *name)
{
    for (int i = 0; i < w->n; i++) {
        if (strcmp(w->node[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

int world_of(const struct world *w, const char *id)
{
    for (int i = 0; i < w->n; i++) {
        if (strcmp(w->node[i].id.s, id) == 0) {
            return i;
        }
    }
    return -1;
}

/* ---- steps ---- */

void world_tick(struct world *w, int i, struct sync_tick *ret)
{
    const struct wnode *n = &w->node[i];
    ret->now_ms = w->wall + w->now + n->clock_off;
    ret->mono_ms = w->now + n->mono_off;
    world_bytes(w, ret->rnd, sizeof(ret->rnd));
}

void world_step(struct world *w, int i, const struct sync_event *ev)
{
    struct wnode *n = &w->node[i];
    struct sync_tick t;
    struct sync_out out = {0};
    if (!n->running) {
        return;
    }
    bool failed = mem_store_failed(n->mem);
    world_tick(w, i, &t);
    int r = world_out(w, i, (world_in(w, i), sync_step(n->s, &t, ev, &out)));
    if (w->after != NULL) {
        w->after(w, i, ev, r, &out, w->after_arg);
    }
    if (!world_died(w, i)) { /* else before it could say anything */
        if (!failed && mem_store_failed(n->mem)) {
            world_met(w, WF_STORE, i);
        }
        world__wishes(w, i, &out);
    }
    sync_out_done(&out);
}

void world_event(struct world *w, int i, enum sync_event_type type)
{
    struct sync_event ev = {.type = type};
    world_step(w, i, &ev);
}

int world_engine(struct world *w, int i, struct sync **ret)
{
    struct wnode *n = &w->node[i];
    struct sync_self self = {.id = n->id,
                             .sign_seed = n->sign_seed,
                             .seal_seeds = (const uint8_t(*)[SEAL_SEED_LEN])n->seal_seed,
                             .n_seal_seeds = 1};
    memcpy(self.g, n->g, HASH_LEN);
    memcpy(self.inst, n->inst, sizeof(self.inst));
    memcpy(self.tls_spki, n->tls, HASH_LEN);
    return sync_new(&self, mem_store_port(n->mem), ret);
}

static void engine_new(struct world *w, int i)
{
    struct wnode *n = &w->node[i];
    mem_store_fail_at(n->mem, 0, 0);
    int r = world_engine(w, i, &n->s);
    assert(r == 0);
    if (w->has_tune) {
        sync_tune(n->s, &w->tune);
    }
    for (size_t k = 0; k < n->n_guard; k++) {
        r = sync_expect(n->s, &n->guard[k].key, n->guard[k].seq, n->guard[k].id8);
        assert(r == 0);
    }
    n->n_guard = 0;
}

void world_start(struct world *w, int i)
{
    struct wnode *n = &w->node[i];
    if (n->running) {
        return;
    }
    n->gen++;
    n->wake_at = 0;
    n->mono_off = world_range(w, 1, 1000000);
    n->post[0] = n->post[1] = n->conn[0] = n->conn[1] = 0;
    n->crash_armed = false;
    engine_new(w, i);
    n->running = true;
    world_note(w, "start", i, NULL, 0);
    world_event(w, i, SEV_START);
}

static void end(struct world *w, int i)
{
    struct wnode *n = &w->node[i];
    world__hang_up(w, i);
    n->running = false;
    n->gen++;
    sync_free(n->s);
    n->s = NULL;
}

int world_twin(struct world *w, int i, struct mem_store *copy)
{
    int twin = w->n++;
    w->node[twin] = w->node[i];
    struct wnode *n = &w->node[twin];
    (void)snprintf(n->name, sizeof(n->name), "twin");
    n->mem = copy;
    n->s = NULL;
    n->running = n->joined = false;
    n->conn[0] = n->conn[1] = n->post[0] = n->post[1] = 0;
    return twin;
}

void world_stop(struct world *w, int i)
{
    if (w->node[i].running) {
        world_event(w, i, SEV_STOP);
    }
    if (w->node[i].running) { /* the step may have crashed it */
        world_note(w, "stop", i, NULL, 0);
        end(w, i);
    }
}

void world_crash(struct world *w, int i)
{
    if (w->node[i].running) {
        world_note(w, "crash", i, NULL, 0);
        end(w, i);
        mem_store_crash(w->node[i].mem);
        mem_store_fail_at(w->node[i].mem, 0, 0);
    }
}

bool world_died(struct world *w, int i)
{
    const struct wnode *n = &w->node[i];
    bool yes = n->running && n->crash_armed && mem_store_failed(n->mem);
    if (yes) {
        world_met(w, WF_CRASH_WRITE, i); /* first: what was going on ends with it */
        world_crash(w, i);
    }
    return yes;
}

void world_run(struct world *w, int64_t ms)
{
    int64_t until = w->now + ms;
    while (world__next(w, until)) {
    }
    w->now = until;
}

bool world_until(struct world *w, int64_t ms, bool (*cond)(struct world *, void *), void *arg)
{
    int64_t until = w->now + ms;
    bool yes = cond(w, arg);
    while (!yes && world__next(w, until)) {
        yes = cond(w, arg);
    }
    if (!yes) {
        w->now = until;
    }
    return yes;
}

void world_skip(struct world *w, int64_t ms)
{
    bool was[WORLD_MAX];
    for (int i = 0; i < w->n; i++) {
        was[i] = w->node[i].running;
        world_stop(w, i);
    }
    world_run(w, ms);
    for (int i = 0; i < w->n; i++) {
        if (was[i]) {
            world_start(w, i);
        }
    }
}

/* ---- making nodes ---- */

static int add(struct world *w, int up, const char *name, int64_t lv)
{
    assert(w->n < WORLD_MAX);
    int i = w->n++;
    struct wnode *n = &w->node[i];
    memset(n, 0, sizeof(*n));
    (void)snprintf(n->name, sizeof(n->name), "%s", name);
    n->up = up;
    n->lv = lv;
    world_bytes(w, n->sign_seed, sizeof(n->sign_seed));
    world_bytes(w, n->seal_seed, sizeof(n->seal_seed));
    world_bytes(w, n->tls, sizeof(n->tls));
    world_bytes(w, n->inst, sizeof(n->inst));
    n->mem = mem_store_new();
    n->exists = true;
    return i;
}

static void public_keys(const struct wnode *n, uint8_t sig[32], uint8_t seal[32])
{
    struct sign_key *k = sign_key_new(n->sign_seed);
    assert(k != NULL);
    memcpy(sig, sign_key_pub(k), SIGN_PUB_LEN);
    sign_key_free(k);
    int r = seal_pub_of(n->seal_seed[0], seal);
    assert(r == 0);
}

/* An act with its signatures, as body of an act/1 item. */
static void signed_act(const struct act *a, const struct sign_key *k1, const struct sign_key *k2,
                       struct buf *body, uint8_t ret_hash[HASH_LEN])
{
    struct buf text;
    struct act_co co[2];
    size_t n = 0;
    buf_init(&text, LIM_ITEM_BYTES);
    int r = act_write(a, &text);
    struct span t = span_of(text.data, text.len);
    if (r == 0) {
        r = act_sign(t, k1, &co[n++]);
    }
    if (r == 0 && k2 != NULL) {
        r = act_sign(t, k2, &co[n++]);
    }
    if (r == 0) {
        r = act_body_write(t, co, n, body);
    }
    assert(r == 0);
    act_hash(t, ret_hash);
    buf_done(&text);
}

int world_genesis(struct world *w, const char *name, int64_t lv)
{
    int i = add(w, -1, name, lv);
    struct wnode *n = &w->node[i];
    uint8_t rnd[9], hash[HASH_LEN];
    struct buf root, top;
    struct act a;
    buf_init(&root, LIM_ITEM_BYTES);
    buf_init(&top, LIM_ITEM_BYTES);
    world_bytes(w, rnd, sizeof(rnd));
    node_id_make(rnd, &n->id);
    world_bytes(w, w->root_seed, sizeof(w->root_seed));
    struct sign_key *rk = sign_key_new(w->root_seed), *nk = sign_key_new(n->sign_seed);
    memset(&a, 0, sizeof(a));
    a.type = ACT_ROOT;
    a.n = n->id;
    a.ver = a.k = 1;
    a.n_keys = 1;
    a.ts = w->wall;
    memcpy(a.keys[0], sign_key_pub(rk), SIGN_PUB_LEN);
    signed_act(&a, rk, NULL, &root, w->g);
    memcpy(n->g, w->g, HASH_LEN);
    memset(&a, 0, sizeof(a));
    a.type = ACT_NODE;
    a.has_g = a.has_sig = a.has_seal = a.has_tls = a.has_inst = a.reg = true;
    memcpy(a.g, w->g, HASH_LEN);
    memcpy(a.after, w->g, HASH_LEN); /* the root act was the first about the top */
    a.n = n->id;
    a.ts = w->wall;
    a.lv = lv;
    a.name = name;
    a.area = "370100";
    public_keys(n, a.sig, a.seal);
    memcpy(a.tls, n->tls, HASH_LEN);
    memcpy(a.inst, n->inst, sizeof(a.inst));
    signed_act(&a, rk, nk, &top, hash);
    engine_new(w, i);
    struct sync_tick t;
    world_tick(w, i, &t);
    int r = sync_genesis(n->s, &t, span_of(root.data, root.len), span_of(top.data, top.len));
    assert(r == 0);
    sync_free(n->s);
    n->s = NULL;
    n->joined = true;
    world_start(w, i);
    sign_key_free(rk);
    sign_key_free(nk);
    buf_done(&root);
    buf_done(&top);
    return i;
}

/* A request that reaches the parent outside the exchange, and its answer. */
static int ask(struct world *w, int parent, const char *path, struct span body, struct buf *ret)
{
    struct sync_event ev = {
        .type = SEV_REQUEST, .conn = ++w->next_conn, .path = path, .body = body};
    struct wnode *n = &w->node[parent];
    struct sync_out out = {0};
    struct sync_tick t;
    int status = 0;
    if (!n->running) {
        return 0;
    }
    world_tick(w, parent, &t);
    ev.req = ++w->next_req;
    int r = world_out(w, parent, (world_in(w, parent), sync_step(n->s, &t, &ev, &out)));
    if (w->after != NULL) {
        w->after(w, parent, &ev, r, &out, w->after_arg);
    }
    if (world_died(w, parent)) {
        sync_out_done(&out);
        return 0;
    }
    for (size_t k = 0; k < out.n; k++) {
        if (out.w[k].type == SW_REPLY && out.w[k].req == ev.req) {
            status = out.w[k].status;
            (void)buf_put(ret, out.w[k].body.data, out.w[k].body.len);
        }
    }
    world__wishes(w, parent, &out);
    sync_out_done(&out);
    return status;
}

/* One enrolment request; the state it came to, or "" for a refusal. */
static void enrol_ask(struct world *w, int up, struct msg_enrol *e, const uint8_t secret[16],
                      const struct sign_key *k, char ret_state[16])
{
    struct buf body, reply;
    struct msg_enrol_reply rep;
    struct arena *a = arena_new(1 << 20);
    buf_init(&body, LIM_ITEM_BYTES);
    buf_init(&reply, LIM_ITEM_BYTES);
    int r = enrol_write(e, secret, k, &body);
    assert(r == 0);
    int status = ask(w, up, SANJI_PATH_ENROL, span_of(body.data, body.len), &reply);
    ret_state[0] = '\0';
    if ((status == 200 || status == 202) &&
        jspec_read(reply.data, reply.len, msg_enrol_reply_spec, &rep, sizeof(rep), a, NULL) == 0) {
        (void)snprintf(ret_state, 16, "%s", rep.state);
        if (rep.act != NULL) {
            struct act_co co;
            r = act_sign(span_of(rep.act, strlen(rep.act)), k, &co);
            assert(r == 0);
            e->has_pop = true;
            memcpy(e->pop, co.s, SIG_LEN);
        }
    }
    buf_done(&body);
    buf_done(&reply);
    arena_free(a);
}

static void remember_parent(struct wnode *n, const struct wnode *up, const struct msg_invite *in)
{
    const struct sync_store *st = mem_store_port(n->mem);
    int r = st->begin(st->ctx);
    r = r < 0 ? r : st->kv_put(st->ctx, "parent/id", span_of(in->up, strlen(in->up)));
    r = r < 0 ? r : st->kv_put(st->ctx, "parent/tls", span_of(in->tls, HASH_LEN));
    r = r < 0 ? r : st->kv_put(st->ctx, "parent/url", span_of(in->url, strlen(in->url)));
    r = r < 0 ? r : enrol_pin(st, in);
    r = r < 0 ? r : st->commit(st->ctx);
    assert(r == 0);
    (void)up;
}

/* A person agrees. What comes of it shows by what the child is told next. */
static void approve(struct world *w, int at, const char *node, const struct sign_key *const *root,
                    size_t n_root)
{
    static const struct sync_out none;
    struct sync_tick t;
    world_tick(w, at, &t);
    int r =
        world_out(w, at, (world_in(w, at), enrol_approve(w->node[at].s, &t, node, root, n_root)));
    if (w->after != NULL) {
        w->after(w, at, NULL, r, &none, w->after_arg);
    }
    (void)world_died(w, at);
}

int world_enrol(struct world *w, int up, const char *name, int64_t lv, bool auto_ok)
{
    struct wnode *p = &w->node[up];
    struct buf line;
    struct node_id id;
    struct msg_invite in;
    struct msg_enrol e;
    struct sync_tick t;
    char state[16] = "";
    if (!p->running) {
        return SANJI_E_UNREACHABLE;
    }
    buf_init(&line, 8192);
    world_tick(w, up, &t);
    int r = enrol_invite(p->s, &t, name, lv, "370102", "https://127.0.0.1:1/", 86400000, auto_ok,
                         &line, &id);
    r = world_died(w, up) ? SANJI_E_UNREACHABLE : r;
    if (r < 0) {
        buf_done(&line);
        return r;
    }
    struct arena *a = arena_new(1 << 20);
    r = invite_read(buf_str(&line), line.len, a, &in, NULL);
    assert(r == 0);
    int i = add(w, up, name, lv);
    struct wnode *n = &w->node[i];
    n->id = id;
    memcpy(n->g, in.g, HASH_LEN);
    memset(&e, 0, sizeof(e));
    e.v = 1;
    memcpy(e.g, in.g, HASH_LEN);
    e.node = in.node;
    public_keys(n, e.sig, e.seal);
    memcpy(e.tls, n->tls, HASH_LEN);
    memcpy(e.inst, n->inst, sizeof(e.inst));
    e.ver = "test";
    struct sign_key *k = sign_key_new(n->sign_seed);
    for (int tries = 0; tries < 5 && strcmp(state, "done") != 0; tries++) {
        if (w->by_file) {
            world__ask_by_file(w, up, &in, &e, k, state);
        } else {
            enrol_ask(w, up, &e, in.secret, k, state);
        }
        if (strcmp(state, "pending") == 0 && p->running) {
            approve(w, up, id.s, NULL, 0);
        }
        world_start(w, up); /* in case the enrolment crashed it */
    }
    r = strcmp(state, "done") == 0 ? i : SANJI_E_REFUSED;
    if (r >= 0) {
        remember_parent(n, p, &in);
        n->joined = true;
        world_start(w, i);
    } else {
        n->exists = false;
    }
    sign_key_free(k);
    arena_free(a);
    buf_done(&line);
    return r;
}

/* Another machine: nothing of the one before is left but the node's name, and the server key, which
 * its self backup brings back. */
static void lose(struct world *w, int i)
{
    struct wnode *n = &w->node[i];
    world_crash(w, i);
    mem_store_free(n->mem);
    n->mem = mem_store_new();
    n->n_guard = 0;
    n->joined = false;
    world_bytes(w, n->sign_seed, sizeof(n->sign_seed));
    world_bytes(w, n->seal_seed, sizeof(n->seal_seed));
    world_bytes(w, n->inst, sizeof(n->inst));
}

static void recover_approve(struct world *w, int at, const char *node, bool root)
{
    struct sign_key *k = root ? sign_key_new(w->root_seed) : NULL;
    const struct sign_key *const keys[] = {k};
    approve(w, at, node, keys, root ? 1 : 0);
    sign_key_free(k);
}

/* The node above agrees to the key that the node itself shows. */
static void recover_agree(struct world *w, int at, const char *node, const uint8_t *sig)
{
    static const struct sync_out none;
    struct sync_tick t;
    struct key_id kid;
    key_id_of(sig, &kid);
    world_tick(w, at, &t);
    int r = world_out(w, at, (world_in(w, at), enrol_agree(w->node[at].s, &t, node, kid.s)));
    if (w->after != NULL) {
        w->after(w, at, NULL, r, &none, w->after_arg);
    }
}

int world_recover(struct world *w, int i, bool above, struct msg_invite *ret, struct arena *a)
{
    struct wnode *n = &w->node[i], *p = &w->node[n->up];
    struct msg_enrol e = {.v = 1, .ver = "test"};
    struct sync_tick t;
    struct buf line;
    char state[16] = "";
    lose(w, i);
    buf_init(&line, 8192);
    world_tick(w, n->up, &t);
    int r = enrol_recover(p->s, &t, n->id.s, "https://127.0.0.1:1/", 86400000, &line);
    r = r < 0 ? r : invite_read(buf_str(&line), line.len, a, ret, NULL);
    buf_done(&line);
    if (r < 0) {
        return r;
    }
    memcpy(e.g, ret->g, HASH_LEN);
    e.node = ret->node;
    public_keys(n, e.sig, e.seal);
    world_bytes(w, e.tls, HASH_LEN); /* the empty machine made one to ask with */
    memcpy(e.inst, n->inst, sizeof(e.inst));
    struct sign_key *k = sign_key_new(n->sign_seed);
    for (int tries = 0; tries < 5 && strcmp(state, "done") != 0; tries++) {
        enrol_ask(w, n->up, &e, ret->secret, k, state);
        if (tries == 0) {
            recover_approve(w, n->up, n->id.s, above && p->up < 0);
        } else if (strcmp(state, "pending") == 0) {
            world_run(w, 10000); /* the parent asks the one above */
            if (above && p->up >= 0) {
                recover_agree(w, p->up, n->id.s, e.sig);
            }
            world_run(w, 10000);
        }
    }
    sign_key_free(k);
    if (strcmp(state, "done") != 0) {
        return SANJI_E_PENDING;
    }
    remember_parent(n, p, ret);
    n->joined = true;
    world_start(w, i);
    return 0;
}

int world_enrol_with(struct world *w, int i, const struct msg_invite *in, char ret_state[16])
{
    struct msg_enrol e = {.v = 1, .ver = "test", .node = in->node};
    uint8_t seed[SIGN_SEED_LEN];
    world_bytes(w, seed, sizeof(seed));
    struct sign_key *k = sign_key_new(seed);
    memcpy(e.g, in->g, HASH_LEN);
    memcpy(e.sig, sign_key_pub(k), SIGN_PUB_LEN);
    memcpy(e.seal, in->tls, sizeof(e.seal));
    enrol_ask(w, w->node[i].up, &e, in->secret, k, ret_state);
    sign_key_free(k);
    return ret_state[0] == '\0' ? SANJI_E_REFUSED : 0;
}
