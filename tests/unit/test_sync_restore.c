/* SPDX-License-Identifier: Apache-2.0 */
/* A node that is older than what it has published: data folders put back, copied, and streams with
 * two histories. Each case ends with all in agreement and nothing that was acknowledged missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/base/enc.h"
#include "protocol/jcur.h"
#include "tests/support/story.h"

#include <stdio.h>
#include <string.h>

static const struct step three_tiers[] = {THREE_TIERS, {0}};

/* ---- a data folder put back: the node itself is older than what it has published ---- */

static void put_back(struct world *w, int i, const struct mem_store *snap)
{
    world_crash(w, i);
    mem_store_restore(w->node[i].mem, snap);
}

struct own_head {
    const char *by;
    struct stream_key key;
    int64_t seq;
    uint8_t id[HASH_LEN];
    int64_t no;
};

static void find_fed(const struct sync_stream_row *r, void *arg)
{
    struct own_head *h = arg;
    if (strcmp(r->key.by.s, h->by) == 0 && strcmp(r->key.aud, "fed") == 0) {
        h->key = r->key;
        h->seq = r->seq;
        h->no = r->no;
        memcpy(h->id, r->id, HASH_LEN);
    }
}

/* Newest epoch of node i's own stream to aud, at node i. */
struct newest {
    const char *by, *aud;
    uint32_t ep;
};

static void find_newest(const struct sync_stream_row *r, void *arg)
{
    struct newest *n = arg;
    if (strcmp(r->key.by.s, n->by) == 0 && strcmp(r->key.aud, n->aud) == 0 && r->key.ep > n->ep) {
        n->ep = r->key.ep;
    }
}

static int epoch_of(const struct world *w, int i, const char *aud)
{
    struct newest n = {.by = w->node[i].id.s, .aud = aud};
    sync_each_stream(w->node[i].s, find_newest, &n);
    return (int)n.ep;
}

static void holds_all(struct world *w, const char *owner, const char *const *ids)
{
    for (; *ids != NULL; ids++) {
        for (int i = 0; i < w->n; i++) {
            struct mem_seen seen;
            if (w->node[i].joined) {
                assert_int_equal(mem_store_record(w->node[i].mem, owner, *ids, &seen), 0);
            }
        }
    }
}

static void put_back_online_it_heals(void **state)
{
    (void)state;
    static const struct step after[] = {
        {"it has its own back", SEES, "s1", "s1/v2", 0, 60000},
        {"and writes again", PUT, "s1", "fed", "v3", 0},
        {"to the other end", SEES, "s3", "s1/v3", 0, 60000},
        {"all agree", AGREE, 0, 0, 0, 60000},
        {0},
    };
    struct teller t;
    world_init(&t.w, 31);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), d1 = world_find(w, "d1");
    assert_int_equal(world_put(w, s1, "fed", "v1", 1, "one", NULL), 0);
    struct mem_store *snap = mem_store_snapshot(w->node[s1].mem);
    assert_int_equal(world_put(w, s1, "fed", "v2", 1, "two", NULL), 0);
    story_agree(&t, 60000);
    put_back(w, s1, snap);
    world_start(w, s1);
    world_run(w, 60000);
    assert_int_equal(sync_self_state(w->node[s1].s), SYNC_SELF_OK);
    assert_int_equal(w->node[d1].alarms[-SANJI_E_FORK], 0);
    assert_int_equal(w->node[s1].alarms[-SANJI_E_FORK], 0);
    assert_int_equal(epoch_of(w, s1, "fed"), 1); /* a new one is opened when there is something */
    story_go(&t, after);
    assert_int_equal(epoch_of(w, s1, "fed"), 2);
    mem_store_free(snap);
    world_done(w);
}

static int list_twice(const struct sync_twice *x, void *arg)
{
    char *ids = arg;
    (void)snprintf(ids + strlen(ids), 64 - strlen(ids), "%s ", x->id);
    return 0;
}

/* What the caller remembers outside the store is enough to know, with nobody in reach. */
static void offline_it_goes_on_in_a_new_epoch(void **state)
{
    (void)state;
    struct teller t;
    struct sync_tick tick;
    struct act a;
    world_init(&t.w, 32);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int d1 = world_find(w, "d1");
    assert_int_equal(world_put(w, d1, "fed", "v1", 1, "one", NULL), 0);
    assert_int_equal(world_put(w, d1, "fed", "x", 1, "first", NULL), 0);
    struct mem_store *snap = mem_store_snapshot(w->node[d1].mem);
    assert_int_equal(world_put(w, d1, "fed", "v2", 1, "two", NULL), 0);
    assert_int_equal(world_put(w, d1, "fed", "x", 2, "after the backup", NULL), 0);
    story_agree(&t, 60000);
    struct own_head h = {.by = w->node[d1].id.s};
    sync_each_stream(w->node[d1].s, find_fed, &h);
    put_back(w, d1, snap);
    w->node[d1].cut = true;
    world_start(w, d1);
    struct sync *s = w->node[d1].s;
    assert_int_equal(sync_self_state(s), SYNC_SELF_OK);
    assert_int_equal(sync_expect(s, &h.key, h.seq, h.id), 0);
    assert_int_equal(sync_self_state(s), SYNC_SELF_UNCONFIRMED);
    assert_int_equal(world_put(w, d1, "fed", "v3", 1, "three", NULL), 0);
    assert_int_equal(world_put(w, d1, "fed", "x", 2, "after the restore", NULL), 0);
    assert_int_equal(epoch_of(w, d1, "fed"), 2);
    /* It remembers over a restart, opens no third epoch, and says nothing about others. */
    world_crash(w, d1);
    world_start(w, d1);
    s = w->node[d1].s;
    assert_int_equal(sync_self_state(s), SYNC_SELF_UNCONFIRMED);
    assert_int_equal(sync_expect(s, &h.key, h.seq, h.id), 0);
    assert_int_equal(world_put(w, d1, "fed", "v4", 1, "four", NULL), 0);
    assert_int_equal(epoch_of(w, d1, "fed"), 2);
    memset(&a, 0, sizeof(a));
    a.type = ACT_INFO;
    a.has_g = true;
    memcpy(a.g, w->g, HASH_LEN);
    a.by = a.n = w->node[d1].id;
    memcpy(a.after, roster_node(sync_roster(s), a.n.s)->last, HASH_LEN);
    a.ts = 1;
    a.name = "elsewhere";
    world_tick(w, d1, &tick);
    assert_int_equal(sync_act(s, &tick, &a, NULL, 0, false), SANJI_E_HELD);
    w->node[d1].cut = false;
    world_run(w, 1200000);
    s = w->node[d1].s;
    assert_int_equal(sync_self_state(s), SYNC_SELF_OK);
    world_tick(w, d1, &tick);
    assert_int_equal(sync_act(s, &tick, &a, NULL, 0, false), 0);
    world_event(w, d1, SEV_LOCAL);
    story_agree(&t, 60000);
    static const char *const all[] = {"v1", "v2", "v3", "v4", "x", NULL};
    holds_all(w, w->node[d1].id.s, all);
    /* One record has two versions of equal revision: the later epoch counts, everywhere. */
    struct mem_seen seen;
    assert_int_equal(mem_store_record(w->node[0].mem, w->node[d1].id.s, "x", &seen), 0);
    assert_non_null(memmem(seen.d.p, seen.d.n, "after the restore", 17));
    char ids[64] = "";
    assert_int_equal(sync_twice_each(s, list_twice, ids), 0);
    assert_string_equal(ids, "x ");
    assert_int_equal(sync_twice_done(s, "x"), 0);
    assert_int_equal(sync_twice_done(s, "x"), SANJI_E_NOT_FOUND);
    /* A head that nobody holds was lost with the disk: a new epoch again, and on it goes. */
    assert_int_equal(sync_suspect(s), 0);
    assert_int_equal(world_put(w, d1, "fed", "v5", 1, "five", NULL), 0);
    assert_int_equal(epoch_of(w, d1, "fed"), 3);
    world_run(w, 120000);
    assert_int_equal(sync_self_state(w->node[d1].s), SYNC_SELF_OK);
    story_agree(&t, 60000);
    mem_store_free(snap);
    world_done(w);
}

/* before, after: how many bundles were written after the backup, and again after it was put back.
 * leak: a child of it took the second history before the parent showed the first. */
static void forks(uint64_t seed, const char *who, int before, int after, bool leak)
{
    struct teller t;
    const char *all[16] = {"v"};
    static char names[16][16];
    size_t n = 1;
    world_init(&t.w, seed);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int i = world_find(w, who);
    assert_int_equal(world_put(w, i, "fed", "v", 1, "v", NULL), 0);
    struct mem_store *snap = mem_store_snapshot(w->node[i].mem);
    for (int k = 0; k < before + after; k++) {
        (void)snprintf(names[k], sizeof(names[k]), k < before ? "a%d" : "b%d", k);
        all[n++] = names[k];
    }
    for (int k = 0; k < w->n; k++) { /* whoever is below must not know the first history */
        w->node[k].cut = leak && w->node[k].up == i;
    }
    for (int k = 0; k < before; k++) {
        assert_int_equal(world_put(w, i, "fed", names[k], 1, "a", NULL), 0);
    }
    world_run(w, 60000);
    put_back(w, i, snap);
    for (int k = 0; k < w->n; k++) {
        w->node[k].cut = false;
    }
    w->node[i].cut = true;
    world_start(w, i);
    for (int k = before; k < before + after; k++) {
        assert_int_equal(world_put(w, i, "fed", names[k], 1, "b", NULL), 0);
    }
    world_run(w, 1200000);
    w->node[i].cut = false;
    world_run(w, 1200000);
    assert_int_equal(sync_self_state(w->node[i].s), SYNC_SELF_OK);
    assert_true(w->node[i].alarms[-SANJI_E_FORK] > 0);
    assert_int_equal(epoch_of(w, i, "fed"), 2);
    assert_int_equal(world_put(w, i, "fed", "c", 1, "c", NULL), 0);
    all[n++] = "c";
    story_agree(&t, 3600000);
    all[n] = NULL;
    holds_all(w, w->node[i].id.s, all);
    assert_true(mem_store_forks(w->node[i].mem) > 0); /* the proof is kept */
    mem_store_free(snap);
    world_done(w);
}

static void two_histories_are_one_again(void **state)
{
    (void)state;
    forks(33, "s1", 1, 1, false);
    forks(34, "s1", 1, 3, false);
    forks(35, "s1", 3, 1, false);
    forks(36, "d1", 2, 2, false);
    forks(37, "d1", 1, 2, true);
    forks(38, "d1", 3, 1, true);
}

/* The top has nobody above: its children tell. */
static void the_top_hears_it_from_below(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 39);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    assert_int_equal(world_put(w, 0, "fed", "v1", 1, "one", NULL), 0);
    struct mem_store *snap = mem_store_snapshot(w->node[0].mem);
    assert_int_equal(world_put(w, 0, "fed", "v2", 1, "two", NULL), 0);
    story_agree(&t, 60000);
    put_back(w, 0, snap);
    world_start(w, 0);
    assert_int_equal(world_put(w, 0, "fed", "v3", 1, "three", NULL), 0); /* at once: a fork */
    world_run(w, 1200000);
    assert_int_equal(sync_self_state(w->node[0].s), SYNC_SELF_OK);
    story_agree(&t, 3600000);
    static const char *const all[] = {"v1", "v2", "v3", NULL};
    holds_all(w, w->node[0].id.s, all);
    mem_store_free(snap);
    world_done(w);
}

/* ---- a copied machine ---- */

static void a_copied_machine_and_the_way_out(void **state)
{
    (void)state;
    struct teller t;
    world_init(&t.w, 40);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), d1 = world_find(w, "d1");
    struct mem_store *copy = mem_store_snapshot(w->node[s1].mem);
    assert_int_equal(world_put(w, s1, "fed", "a1", 1, "a", NULL), 0);
    world_run(w, 3600000);
    int twin = world_twin(w, s1, copy);
    w->node[twin].cut = true;
    world_start(w, twin);
    assert_int_equal(world_put(w, twin, "fed", "b1", 1, "b", NULL), 0);
    w->node[twin].cut = false;
    world_run(w, 7200000);
    assert_true(w->node[d1].alarms[-SANJI_E_CLONE] > 0);
    assert_true(w->node[s1].alarms[-SANJI_E_CLONE] > 0);
    assert_true(w->node[twin].alarms[-SANJI_E_CLONE] > 0);
    assert_int_equal(sync_self_state(w->node[s1].s), SYNC_SELF_CLONE);
    assert_int_equal(sync_self_state(w->node[twin].s), SYNC_SELF_CLONE);
    assert_int_equal(world_put(w, s1, "fed", "a2", 1, "a", NULL), SANJI_E_CLONE);
    assert_int_equal(world_put(w, twin, "fed", "b2", 1, "b", NULL), SANJI_E_CLONE);
    world_stop(w, s1);
    world_stop(w, twin);
    world_start(w, s1); /* a restart forgets nothing */
    assert_int_equal(world_put(w, s1, "fed", "a2", 1, "a", NULL), SANJI_E_CLONE);
    world_stop(w, s1);
    /* The one to be given up brings what only it has, then the one that stays. */
    assert_int_equal(sync_believe(w->node[d1].s, &w->node[s1].id), 0);
    world_start(w, twin);
    world_run(w, 1200000);
    assert_int_equal(sync_self_state(w->node[twin].s), SYNC_SELF_OK);
    world_stop(w, twin);
    assert_int_equal(sync_believe(w->node[d1].s, &w->node[s1].id), 0);
    world_start(w, s1);
    world_run(w, 1200000);
    assert_int_equal(sync_self_state(w->node[s1].s), SYNC_SELF_OK);
    assert_int_equal(world_put(w, s1, "fed", "a3", 1, "a", NULL), 0);
    story_agree(&t, 3600000);
    static const char *const all[] = {"a1", "b1", "a3", NULL};
    holds_all(w, w->node[s1].id.s, all);
    world_done(w);
}

/* ---- two histories without a cause ---- */

/* A second bundle under the number of the newest one of s1's fed stream. */
static void equivocate(struct world *w, int s1, const struct own_head *h, struct buf *frame)
{
    static const char item[] = "{\"id\":\"evil\",\"k\":\"listing/1\",\"op\":\"put\",\"r\":1,\"z\":"
                               "\"AAAAAAAAAAAAAAAAAAAAAA\",\"d\":{\"kind\":\"venue\",\"title\":"
                               "\"y\"}}";
    struct span it = span_of(item, sizeof(item) - 1);
    struct bundle_header hdr;
    struct buf line;
    memset(&hdr, 0, sizeof(hdr));
    hdr.v = 1;
    hdr.t = BUNDLE_DATA;
    memcpy(hdr.g, w->g, HASH_LEN);
    hdr.by = h->key.by;
    memcpy(hdr.aud, "fed", 4);
    hdr.ep = h->key.ep;
    memcpy(hdr.en, h->key.en, sizeof(hdr.en));
    hdr.seq = h->seq;
    hdr.ts = 1;
    const struct sync_store *st = mem_store_port(w->node[s1].mem);
    int r = st->bundle_id(st->ctx, h->no, h->seq - 1, hdr.prev);
    struct sign_key *k = sign_key_new(w->node[s1].sign_seed);
    struct frame_ctx *fc = frame_ctx_new();
    buf_init(&line, LIM_BUNDLE_BYTES);
    r = r < 0 ? r : bundle_make(&hdr, &it, 1, k, &line);
    r = r < 0 ? r : frame_pack(fc, span_of(line.data, line.len), frame);
    assert_int_equal(r, 0);
    frame_ctx_free(fc);
    sign_key_free(k);
    buf_done(&line);
}

static void frozen_at(const struct sync_stream_row *r, void *arg)
{
    *(int *)arg += r->frozen;
}

static int frozen_streams(const struct world *w, int i)
{
    int n = 0;
    sync_each_stream(w->node[i].s, frozen_at, &n);
    return n;
}

/* ---- the published proof, read without the engine ---- */

struct proofs {
    struct world *w;
    struct arena *a;
    struct frame_ctx *fc;
    int by, n;
    const struct sync_store *st;
};

static bool side_is_signed(struct proofs *x, struct span d, const char *name, struct bundle *ret)
{
    struct span side, h, sig;
    uint8_t s[SIG_LEN];
    char quoted[4096];
    struct buf line;
    buf_init(&line, 8192);
    struct sign_pub *pub = NULL;
    bool good = jcur_get(d, name, &side) && jcur_get(side, "h", &h) && jcur_get(side, "s", &sig) &&
                h.n < sizeof(quoted) && sig.n > 2 &&
                b64u_get((const char *)sig.p + 1, sig.n - 2, s, sizeof(s)) == 0;
    /* As the front of a bundle it is read by what reads bundles. */
    good = good && buf_printf(&line, "{\"h\":%.*s,\"s\":%.*s}", (int)h.n, (const char *)h.p,
                              (int)sig.n, (const char *)sig.p) == 0;
    good = good && bundle_peek(span_of(line.data, line.len), x->a, ret, NULL) == 0;
    int by = good ? world_of(x->w, ret->hdr.by.s) : 0;
    struct sign_key *k = sign_key_new(x->w->node[by].sign_seed);
    good = good && sign_pub_new(sign_key_pub(k), &pub) == 0 && bundle_verify(ret, pub) == 0;
    sign_pub_free(pub);
    sign_key_free(k);
    buf_done(&line);
    return good;
}

static int proof_bundle(const struct sync_bundle_row *row, void *arg)
{
    struct proofs *x = arg;
    struct bundle b, one = {0}, two = {0};
    struct buf line;
    size_t used;
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    assert_int_equal(frame_unpack(x->fc, row->frame, &line, &used), 0);
    assert_int_equal(bundle_parse(span_of(line.data, line.len), x->a, &b, NULL), 0);
    for (int i = 0; i < (int)b.hdr.n; i++) {
        struct item it;
        assert_int_equal(item_parse(b.item[i].text, &it, NULL), 0);
        if (strcmp(it.k, "proof/1") != 0) {
            continue;
        }
        x->n++;
        assert_true(side_is_signed(x, it.d, "a", &one) && side_is_signed(x, it.d, "b", &two));
        assert_int_equal(one.hdr.seq, two.hdr.seq);
        assert_string_equal(one.hdr.aud, two.hdr.aud);
        assert_memory_not_equal(one.id, two.id, HASH_LEN);
    }
    buf_done(&line);
    return 0;
}

static int proof_stream(const struct sync_stream_row *r, void *arg)
{
    struct proofs *x = arg;
    if (strcmp(r->key.by.s, x->w->node[x->by].id.s) != 0 || strcmp(r->key.aud, "fed") != 0) {
        return 0;
    }
    return x->st->bundles(x->st->ctx, r->no, 0, SIZE_MAX, proof_bundle, x);
}

/* How many proofs of node `by` node i holds; each is checked. */
static int proofs_at(struct world *w, int i, int by)
{
    struct proofs x = {.w = w, .a = arena_new(16 << 20), .fc = frame_ctx_new(), .by = by};
    x.st = mem_store_port(w->node[i].mem);
    assert_int_equal(x.st->streams(x.st->ctx, proof_stream, &x), 0);
    frame_ctx_free(x.fc);
    arena_free(x.a);
    return x.n;
}

/* The parent ends the old key at what it holds. */
static void cut_old_key(struct world *w, int d1, int s1)
{
    struct act_head heads[16];
    char aud[16][LIM_AUD_BYTES + 1];
    struct sync_tick tick;
    struct act a;
    size_t n = 0;
    const struct roster_node *x = roster_node(sync_roster(w->node[d1].s), w->node[s1].id.s);
    assert_int_equal(x->n_keys, 2);
    assert_int_equal(sync_heads_of(w->node[d1].s, x->id.s, false, heads, 16, &n), 0);
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(aud[i], sizeof(aud[i]), "%s", heads[i].aud == NULL ? "" : heads[i].aud);
        heads[i].aud = heads[i].aud == NULL ? NULL : aud[i];
    }
    memset(&a, 0, sizeof(a));
    a.type = ACT_CUT;
    a.has_g = true;
    memcpy(a.g, w->g, HASH_LEN);
    a.by = w->node[d1].id;
    a.n = x->id;
    memcpy(a.after, x->last, HASH_LEN);
    a.ts = 1;
    a.kid = x->keys[0].kid;
    a.why = "fork";
    a.heads = heads;
    a.n_heads = n;
    world_tick(w, d1, &tick);
    assert_int_equal(sync_act(w->node[d1].s, &tick, &a, NULL, 0, false), 0);
    world_event(w, d1, SEV_LOCAL);
}

static int show(struct world *w, int at, const struct buf *frame)
{
    return world_show(w, at, span_of(frame->data, frame->len));
}

/* Node d1 is shown a second history of s1's newest epoch. */
static void equivocate_at(struct world *w, int d1, int s1, uint32_t ep)
{
    struct own_head h = {.by = w->node[s1].id.s};
    struct buf frame;
    sync_each_stream(w->node[s1].s, find_fed, &h);
    assert_int_equal(h.key.ep, ep);
    buf_init(&frame, LIM_BUNDLE_BYTES);
    equivocate(w, s1, &h, &frame);
    assert_int_equal(show(w, d1, &frame), SANJI_E_FORK);
    buf_done(&frame);
}

static void new_key(struct world *w, int s1, uint8_t sign[static SIGN_SEED_LEN])
{
    uint8_t seal[SEAL_SEED_LEN] = {8};
    struct sync_tick tick;
    world_tick(w, s1, &tick);
    struct sync_new_key nk = {.sign_seed = sign, .seal_seed = seal, .tls = w->node[s1].tls};
    assert_int_equal(sync_rekey(w->node[s1].s, &tick, &nk), 0);
    world_event(w, s1, SEV_NOW);
    world_run(w, 600000);
    assert_int_equal(sync_rekey_state(w->node[s1].s), 0);
    memcpy(w->node[s1].sign_seed, sign, SIGN_SEED_LEN);
}

static void equivocation_and_the_way_back(void **state)
{
    (void)state;
    struct teller t;
    uint8_t sign[SIGN_SEED_LEN] = {7}, third[SIGN_SEED_LEN] = {9};
    world_init(&t.w, 41);
    story_go(&t, three_tiers);
    struct world *w = &t.w;
    int s1 = world_find(w, "s1"), d1 = world_find(w, "d1"), s2 = world_find(w, "s2");
    struct own_head h = {.by = w->node[s1].id.s};
    struct buf late;
    char up[LIM_AUD_BYTES + 1];
    assert_int_equal(world_put(w, s1, "fed", "v0", 1, "none", NULL), 0);
    assert_int_equal(world_put(w, s1, "fed", "v1", 1, "one", NULL), 0);
    assert_int_equal(world_put(w, s1, "fed", "v2", 1, "two", NULL), 0);
    story_agree(&t, 60000);
    sync_each_stream(w->node[s1].s, find_fed, &h);
    h.seq--;
    buf_init(&late, LIM_BUNDLE_BYTES);
    equivocate(w, s1, &h, &late); /* below what will be listed */
    equivocate_at(w, d1, s1, 1);
    assert_int_equal(frozen_streams(w, d1), 1);
    assert_int_equal((int)mem_store_forks(w->node[d1].mem), 1);
    assert_int_equal(proofs_at(w, world_find(w, "s3"), d1), 0); /* it may end by itself */
    /* That stream alone: what s1 says to others arrives, what the others say, too. */
    assert_int_equal(world_put(w, s1, "fed", "v3", 1, "three", NULL), 0);
    (void)world_aud(w, "up:@city", up);
    assert_int_equal(world_put(w, s1, up, "v4", 1, "four", NULL), 0);
    assert_int_equal(world_put(w, s2, "fed", "w", 1, "w", NULL), 0);
    world_run(w, 1200000);
    struct mem_seen seen;
    assert_int_equal(mem_store_record(w->node[0].mem, w->node[s1].id.s, "v4", &seen), 0);
    assert_int_equal(mem_store_record(w->node[0].mem, w->node[s2].id.s, "w", &seen), 0);
    assert_int_equal(mem_store_record(w->node[d1].mem, w->node[s1].id.s, "v3", &seen),
                     SANJI_E_NOT_FOUND);
    /* A day later everybody is told, and can see for himself; once is enough. */
    for (int day = 0; day < 2; day++) {
        world_run(w, LIM_PROOF_MS + 3600000);
        for (int i = 0; i < w->n; i++) {
            assert_int_equal(proofs_at(w, i, d1), 1);
        }
    }
    world_crash(w, d1);
    world_start(w, d1);
    world_run(w, LIM_PROOF_MS + 3600000);
    assert_int_equal(proofs_at(w, 0, d1), 1);
    /* A new key, and an end to the old one at what the registrar holds. */
    new_key(w, s1, sign);
    cut_old_key(w, d1, s1);
    world_run(w, 1200000);
    assert_int_equal(frozen_streams(w, d1), 0);
    assert_int_equal((int)mem_store_forks(w->node[d1].mem), 1);
    /* Beyond the cut is v3; its writer says it again, and everybody has what it typed. */
    static const char *const typed[] = {"v1", "v2", "v3", NULL};
    holds_all(w, w->node[s1].id.s, typed);
    assert_int_equal(epoch_of(w, s1, "fed"), 2);
    assert_int_equal(world_put(w, s1, "fed", "v5", 1, "five", NULL), 0);
    world_run(w, 1200000);
    static const char *const all[] = {"v1", "v2", "v3", "v5", NULL};
    holds_all(w, w->node[s1].id.s, all);
    /* Whoever has the old key still cannot stop the stream again with it. */
    assert_int_equal(show(w, d1, &late), SANJI_E_REVOKED);
    assert_int_equal(frozen_streams(w, d1), 0);
    buf_done(&late);
    /* The new key is stolen, too: that the one before was ended decides nothing about it, whatever
     * else is said of its node. */
    equivocate_at(w, d1, s1, 2);
    assert_int_equal(frozen_streams(w, d1), 1);
    new_key(w, s1, third);
    assert_int_equal(frozen_streams(w, d1), 1);
    world_done(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_back_online_it_heals),
        cmocka_unit_test(offline_it_goes_on_in_a_new_epoch),
        cmocka_unit_test(two_histories_are_one_again),
        cmocka_unit_test(the_top_hears_it_from_below),
        cmocka_unit_test(a_copied_machine_and_the_way_out),
        cmocka_unit_test(equivocation_and_the_way_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
