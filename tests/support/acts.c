/* SPDX-License-Identifier: Apache-2.0 */
/* See acts.h. A failure in here is a failure of the test that called it: assert says where. */
#include "tests/support/acts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 8192 };
static struct tkey *keys[KEYS_MAX];
static size_t n_keys;

static void named_hash(const char *what, const char *name, uint8_t out[static HASH_LEN])
{
    char text[96];
    (void)snprintf(text, sizeof(text), "sanji test %s %s", what, name);
    hash_bytes(text, strlen(text), out);
}

const struct tkey *tkey(const char *name)
{
    for (size_t i = n_keys; i > 0; i--) {
        if (strcmp(keys[i - 1]->name, name) == 0) {
            return keys[i - 1];
        }
    }
    assert(n_keys < KEYS_MAX);
    struct tkey *t = calloc(1, sizeof(*t));
    assert(t != NULL);
    (void)snprintf(t->name, sizeof(t->name), "%s", name);
    named_hash("key", name, t->seed);
    named_hash("seal", name, t->seal_seed);
    named_hash("tls", name, t->tls);
    t->k = sign_key_new(t->seed);
    assert(t->k != NULL);
    t->pub = sign_key_pub(t->k);
    key_id_of(t->pub, &t->kid);
    int err = seal_pub_of(t->seal_seed, t->seal);
    assert(err == 0);
    keys[n_keys++] = t;
    return t;
}

void tkey_done(void)
{
    while (n_keys > 0) {
        sign_key_free(keys[--n_keys]->k);
        free(keys[n_keys]);
    }
}

struct node_id tnode(const char *name)
{
    uint8_t h[HASH_LEN];
    struct node_id id;
    named_hash("node", name, h);
    node_id_make(h, &id);
    return id;
}

void hist_init(struct hist *h)
{
    *h = (struct hist){.ar = arena_new((size_t)1 << 30), .ep = 1};
    assert(h->ar != NULL);
}

void hist_done(struct hist *h)
{
    arena_free(h->ar);
    free(h->v);
    *h = (struct hist){0};
}

/* The act of the subject that nothing follows yet; void ones do not count for the caller. */
static void last_about(const struct hist *h, const struct node_id *n, uint8_t out[static HASH_LEN])
{
    memset(out, 0, HASH_LEN);
    for (size_t i = 0; i < h->n; i++) {
        if (node_id_cmp(&h->v[i].a.n, n) == 0) {
            memcpy(out, h->v[i].a.hash, HASH_LEN);
        }
    }
}

static int64_t next_seq(const struct hist *h, const struct node_id *stream, int64_t ep)
{
    int64_t seq = 1;
    for (size_t i = 0; i < h->n; i++) {
        const struct roster_place *at = &h->v[i].at;
        if (node_id_cmp(&at->by, stream) == 0 && at->ep == ep && at->seq >= seq) {
            seq = at->seq + 1;
        }
    }
    return seq;
}

static size_t sign_all(struct span text, const char *signers, struct act_co *co)
{
    char list[256];
    size_t n = 0;
    (void)snprintf(list, sizeof(list), "%s", signers);
    char *save = NULL;
    for (char *s = strtok_r(list, " ", &save); s != NULL; s = strtok_r(NULL, " ", &save)) {
        assert(n < LIM_CO_SIGNATURES);
        int err = act_sign(text, tkey(s)->k, &co[n++]);
        assert(err == 0);
    }
    return n;
}

struct hact *hist_say_after(struct hist *h, struct act *a, const char *stream, bool by_root,
                            const char *signers, const uint8_t *after)
{
    struct buf text, body;
    struct act_co co[LIM_CO_SIGNATURES];
    struct fault f;
    if (h->n == h->cap) {
        h->cap = h->cap == 0 ? 64 : h->cap * 2;
        h->v = realloc(h->v, h->cap * sizeof(*h->v));
        assert(h->v != NULL);
    }
    struct hact *x = &h->v[h->n];
    *x = (struct hact){.at = {.by = tnode(stream), .ep = h->ep}};
    memset(x->at.en, (int)h->ep, sizeof(x->at.en));
    x->at.seq = next_seq(h, &x->at.by, h->ep);
    hash_bytes(&x->at.seq, sizeof(x->at.seq), x->at.id);
    a->has_g = !(a->type == ACT_ROOT && a->ver == 1);
    memcpy(a->g, h->g, HASH_LEN);
    a->by = by_root ? (struct node_id){{0}} : x->at.by;
    memcpy(a->after, after, HASH_LEN);
    a->ts = 1700000000000 + (int64_t)h->n;
    buf_init(&text, LIM_ITEM_BYTES);
    buf_init(&body, 2 * LIM_ITEM_BYTES);
    int err = act_write(a, &text);
    assert(err == 0);
    struct span t = span_of(text.data, text.len);
    err = act_body_write(t, co, sign_all(t, signers, co), &body);
    assert(err == 0);
    err = act_body_parse(span_of(body.data, body.len), h->ar, &x->a, &f);
    assert(err == 0);
    if (!by_root) {
        x->at.kid = x->a.co[0].kid; /* the author is named first */
    }
    if (!a->has_g) {
        memcpy(h->g, x->a.hash, HASH_LEN);
    }
    buf_done(&text);
    buf_done(&body);
    h->n++;
    return x;
}

struct hact *hist_say(struct hist *h, struct act *a, const char *stream, bool by_root,
                      const char *signers)
{
    uint8_t after[HASH_LEN];
    last_about(h, &a->n, after);
    return hist_say_after(h, a, stream, by_root, signers, after);
}

struct act t_root(const char *top, int64_t ver, int64_t k, const char *names)
{
    struct act a = {.type = ACT_ROOT, .n = tnode(top), .ver = ver, .k = k};
    char list[256];
    (void)snprintf(list, sizeof(list), "%s", names);
    char *save = NULL;
    for (char *s = strtok_r(list, " ", &save); s != NULL; s = strtok_r(NULL, " ", &save)) {
        memcpy(a.keys[a.n_keys++], tkey(s)->pub, SIGN_PUB_LEN);
    }
    return a;
}

static void put_keys(struct act *a, const char *key)
{
    const struct tkey *k = tkey(key);
    a->has_sig = a->has_seal = a->has_tls = true;
    memcpy(a->sig, k->pub, SIGN_PUB_LEN);
    memcpy(a->seal, k->seal, SEAL_PUB_LEN);
    memcpy(a->tls, k->tls, HASH_LEN);
}

struct act t_node(const char *n, const char *up, int64_t lv, bool reg, const char *key)
{
    struct act a = {.type = ACT_NODE, .n = tnode(n), .lv = lv, .reg = reg, .area = "370102"};
    a.name = "\xe5\x8e\x86\xe4\xb8\x8b\xe5\x8c\xba";
    if (up != NULL) {
        a.up = tnode(up);
    }
    put_keys(&a, key);
    a.has_inst = true;
    memset(a.inst, 7, sizeof(a.inst));
    return a;
}

struct act t_key(const char *n, const char *key, bool lost)
{
    struct act a = {.type = ACT_KEY, .n = tnode(n), .lost = lost};
    put_keys(&a, key);
    return a;
}

struct act t_cut(const char *n, const char *key)
{
    return (struct act){.type = ACT_CUT, .n = tnode(n), .kid = tkey(key)->kid, .why = "stolen"};
}

struct act t_move(const char *n, const char *up)
{
    return (struct act){.type = ACT_MOVE, .n = tnode(n), .up = tnode(up), .hist_all = true};
}

struct act t_info(const char *n, const char *name)
{
    return (struct act){.type = ACT_INFO, .n = tnode(n), .name = name};
}

struct act t_close(const char *n)
{
    return (struct act){.type = ACT_CLOSE, .n = tnode(n), .why = "left"};
}

void hist_head(struct hist *h, struct act *a, const char *stream, int64_t upto, bool with_by)
{
    struct node_id id = tnode(stream);
    struct act_head *v = arena_alloc(h->ar, (a->n_heads + 1) * sizeof(*v));
    assert(v != NULL);
    for (size_t i = 0; i < a->n_heads; i++) {
        v[i] = a->heads[i];
    }
    struct act_head *x = &v[a->n_heads++];
    *x = (struct act_head){.aud = "trust", .ep = h->ep, .has_en = true};
    x->by = with_by ? arena_strdup(h->ar, id.s) : NULL;
    memset(x->en, (int)h->ep, sizeof(x->en));
    x->seq = upto > 0 ? upto : next_seq(h, &id, h->ep) - 1;
    hash_bytes(&x->seq, sizeof(x->seq), x->id);
    a->heads = v;
}

struct roster *hist_fold(const struct hist *h, const size_t *perm)
{
    struct roster *r = roster_new(h->g);
    bool changed;
    assert(r != NULL);
    for (size_t i = 0; i < h->n; i++) {
        const struct hact *x = &h->v[perm == NULL ? i : perm[i]];
        int err = roster_add(r, &x->a, &x->at);
        assert(err == 0);
    }
    int err = roster_fold(r, &changed);
    assert(err == 0);
    return r;
}

static void dump_heads(const struct roster_key *k, struct buf *out)
{
    for (size_t i = 0; i < k->n_heads; i++) {
        (void)buf_printf(out, " %s/%lld/%lld", k->heads[i].aud == NULL ? "-" : k->heads[i].aud,
                         (long long)k->heads[i].ep, (long long)k->heads[i].seq);
    }
}

void roster_dump(const struct roster *r, struct buf *out)
{
    for (size_t i = 0; i < roster_count(r); i++) {
        const struct roster_node *n = roster_at(r, i);
        (void)buf_printf(out, "%s up=%s lv=%lld %s %s %s reg=%d state=%d st=%s q=%lld/%lld by=%s",
                         n->id.s, n->up.s, (long long)n->lv, n->name, n->area, n->url, n->reg,
                         (int)n->state, n->steward.s, (long long)n->quota_items,
                         (long long)n->quota_bytes, n->enrolled_by.s);
        (void)buf_printf(out, " acts=%lld last=%02x%02x", (long long)n->acts, n->last[0],
                         n->last[1]);
        for (size_t j = 0; j < n->n_former; j++) {
            (void)buf_printf(out, " former=%s", n->former_up[j].s);
        }
        for (size_t j = 0; j < n->n_keys; j++) {
            const struct roster_key *k = &n->keys[j];
            (void)buf_printf(out, "\n  %s tls=%02x current=%d ended=%d cut=%d", k->kid.s, k->tls[0],
                             k->current, k->ended, k->cut);
            dump_heads(k, out);
        }
        (void)buf_puts(out, "\n");
    }
    (void)buf_printf(out, "root %lld g %02x%02x\n", (long long)roster_root_version(r),
                     roster_g(r)[0], roster_g(r)[1]);
}

void hist_basic(struct hist *h)
{
    static const struct {
        const char *n, *up;
        int64_t lv;
    } rows[] = {{"d1", "city", 30},
                {"d2", "city", 30},
                {"s1", "d1", 40},
                {"s2", "d1", 40},
                {"s3", "d2", 40}};
    struct act a = t_root("city", 1, 1, "root");
    (void)hist_say(h, &a, "city", true, "root");
    a = t_node("city", NULL, 20, true, "city");
    (void)hist_say(h, &a, "city", true, "root city");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char signers[32];
        a = t_node(rows[i].n, rows[i].up, rows[i].lv, rows[i].lv == 30, rows[i].n);
        (void)snprintf(signers, sizeof(signers), "%s %s", rows[i].up, rows[i].n);
        (void)hist_say(h, &a, rows[i].up, false, signers);
    }
}
