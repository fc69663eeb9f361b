/* SPDX-License-Identifier: Apache-2.0 */
/* Attachments go from neighbour to neighbour to whoever wants them and may have them, and to nobody
 * else: every audience, cuts and crashes in the middle, neighbours that lie, that are old, or that
 * ask for what is not theirs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sync/internal.h"
#include "tests/support/story.h"
#include "tests/support/world_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct step three_tiers[] = {THREE_TIERS, {0}};
#define HOURS(n) ((int64_t)(n)*3600000)
#define DAYS(n)  ((int64_t)(n)*86400000)

enum { CITY, D1, D2, S1, S2, S3, NODES, FILES = 96, SIZE = 3 * LIM_BLOB_PART + 12345 };

/* ---- bytes and records in memory, for all nodes ---- */

struct file {
    int at, by; /* at: node that has it; by: for records of this one */
    char sha[MSG_SHA + 1];
    struct buf b;
    bool part;
};
struct named {
    int by;
    char aud[LIM_AUD_BYTES + 1], sha[MSG_SHA + 1];
    int64_t len;
    unsigned holders; /* bits: nodes that hold the record */
    bool gone;
};
struct desk {
    struct teller t;
    struct file f[FILES];
    size_t n_f;
    struct named r[FILES];
    size_t n_r;
    struct sync_files port[NODES];
    struct at {
        struct desk *d;
        int node;
    } at[NODES];
    bool lies[NODES]; /* what it hands on is not what came */
    /* seen on the wires: requests about attachments by node, the `at` of the newest get */
    int64_t asked[NODES];
    int refusals;
    struct buf refusal[2]; /* the newest two answers that were none, of `watch` */
    int watch;
    bool watches;
};

static struct file *file_of(struct desk *d, int at, int by, const char *sha)
{
    for (size_t i = 0; i < d->n_f; i++) {
        struct file *f = &d->f[i];
        if (f->at == at && f->by == by && strcmp(f->sha, sha) == 0) {
            return f;
        }
    }
    return NULL;
}

static struct file *file_add(struct desk *d, int at, int by, const char *sha, bool part)
{
    assert_true(d->n_f < FILES);
    struct file *f = &d->f[d->n_f++];
    memset(f, 0, sizeof(*f));
    f->at = at;
    f->by = by;
    f->part = part;
    memcpy(f->sha, sha, sizeof(f->sha));
    buf_init(&f->b, LIM_BLOB_BYTES);
    return f;
}

static void file_drop(struct desk *d, struct file *f)
{
    buf_done(&f->b);
    *f = d->f[--d->n_f];
}

static int port_named(void *ctx, const char *by, const char *sha,
                      int (*fn)(const char *aud, int64_t len, void *arg), void *arg)
{
    const struct at *x = ctx;
    int r = 0;
    for (size_t i = 0; r == 0 && i < x->d->n_r; i++) {
        const struct named *n = &x->d->r[i];
        if (!n->gone && (n->holders & 1u << x->node) != 0 && strcmp(n->sha, sha) == 0 &&
            strcmp(x->d->t.w.node[n->by].id.s, by) == 0) {
            r = fn(n->aud, n->len, arg);
        }
    }
    return r < 0 ? r : 0;
}

static struct file *of(void *ctx, const char *by, const char *sha)
{
    const struct at *x = ctx;
    return file_of(x->d, x->node, world_of(&x->d->t.w, by), sha);
}

static int port_held(void *ctx, const char *by, const char *sha, int64_t *ret_len)
{
    const struct file *f = of(ctx, by, sha);
    if (f == NULL || f->part) {
        return SANJI_E_NOT_FOUND;
    }
    *ret_len = (int64_t)f->b.len;
    return 0;
}

static int port_read(void *ctx, const char *by, const char *sha, int64_t at, int64_t max,
                     struct buf *ret)
{
    const struct at *x = ctx;
    const struct file *f = of(ctx, by, sha);
    int64_t n = f == NULL || f->part ? -1 : (int64_t)f->b.len - at;
    if (n < 0) {
        return SANJI_E_NOT_FOUND;
    }
    int r = buf_put(ret, f->b.data + at, (size_t)(n < max ? n : max));
    if (x->d->lies[x->node] && ret->len > 7) {
        ret->data[7] ^= 1;
    }
    return r;
}

static int port_here(void *ctx, const char *by, const char *sha, int64_t *ret_n)
{
    const struct file *f = of(ctx, by, sha);
    *ret_n = f == NULL || !f->part ? 0 : (int64_t)f->b.len;
    return 0;
}

static int port_put(void *ctx, const char *by, const char *sha, int64_t len, int64_t at,
                    struct span bytes)
{
    const struct at *x = ctx;
    struct file *f = of(ctx, by, sha);
    assert_true(len > 0);
    if (f == NULL && at == 0) {
        f = file_add(x->d, x->node, world_of(&x->d->t.w, by), sha, true);
    }
    assert_true(f != NULL && f->part && at <= (int64_t)f->b.len);
    f->b.len = (size_t)at;
    return buf_put(&f->b, bytes.p, bytes.n);
}

static void sha_of(const struct buf *b, char ret[static MSG_SHA + 1])
{
    uint8_t h[HASH_LEN];
    hash_bytes(b->data, b->len, h);
    ret[b64u_put(h, HASH_LEN, ret)] = '\0';
}

static int port_whole(void *ctx, const char *by, const char *sha)
{
    const struct at *x = ctx;
    struct file *f = of(ctx, by, sha);
    char now[MSG_SHA + 1];
    assert_true(f != NULL && f->part);
    sha_of(&f->b, now);
    if (strcmp(now, sha) != 0) {
        file_drop(x->d, f);
        return SANJI_E_HASH;
    }
    f->part = false;
    return 0;
}

static int port_drop(void *ctx, const char *by, const char *sha)
{
    const struct at *x = ctx;
    struct file *f = of(ctx, by, sha);
    if (f != NULL && f->part) {
        file_drop(x->d, f);
    }
    return 0;
}

static void use(struct desk *d, int i)
{
    d->at[i] = (struct at){d, i};
    d->port[i] = (struct sync_files){&d->at[i], port_named, port_held,  port_read,
                                     port_here, port_put,   port_whole, port_drop};
    assert_int_equal(sync_files_use(d->t.w.node[i].s, &d->port[i]), 0);
}

static void on_post(struct world *w, int node, struct sync_wish *wish, void *arg)
{
    struct desk *d = arg;
    (void)w;
    d->asked[node] += strcmp(wish->path, SANJI_PATH_BLOB) == 0;
}

static void on_step(struct world *w, int node, const struct sync_event *ev, int r,
                    const struct sync_out *out, void *arg)
{
    struct desk *d = arg;
    (void)w;
    (void)r;
    bool asked = ev != NULL && ev->type == SEV_REQUEST && strcmp(ev->path, SANJI_PATH_BLOB) == 0;
    for (size_t i = 0; asked && d->watches && node == d->watch && i < out->n; i++) {
        const struct sync_wish *x = &out->w[i];
        if (x->type == SW_REPLY && x->status != 200) {
            struct buf *b = &d->refusal[d->refusals++ % 2];
            buf_reset(b);
            assert_int_equal(buf_put(b, x->body.data, x->body.len), 0);
        }
    }
}

static struct desk *begin(uint64_t seed)
{
    struct desk *d = calloc(1, sizeof(*d));
    assert_non_null(d);
    world_init(&d->t.w, seed);
    story_go(&d->t, three_tiers);
    d->t.w.tap = on_post;
    d->t.w.tap_arg = d;
    d->t.w.after = on_step;
    d->t.w.after_arg = d;
    static const char *const name[] = {"city", "d1", "d2", "s1", "s2", "s3"};
    for (int i = 0; i < NODES; i++) {
        assert_int_equal(world_find(&d->t.w, name[i]), i);
        use(d, i);
    }
    for (int i = 0; i < 2; i++) {
        buf_init(&d->refusal[i], 4096);
    }
    world_run(&d->t.w, 60000);
    return d;
}

static void end(struct desk *d)
{
    while (d->n_f > 0) {
        file_drop(d, &d->f[0]);
    }
    buf_done(&d->refusal[0]);
    buf_done(&d->refusal[1]);
    world_done(&d->t.w);
    free(d);
}

/* A record of `by` that names a file, which lies with it. Number of the record. */
static size_t publish(struct desk *d, int by, const char *aud, size_t size, int seed,
                      unsigned holders)
{
    struct named *n = &d->r[d->n_r];
    memset(n, 0, sizeof(*n));
    n->by = by;
    n->holders = holders;
    n->len = (int64_t)size;
    (void)world_aud(&d->t.w, aud, n->aud);
    struct file *f = file_add(d, by, by, "0123456789012345678901234567890123456789012", false);
    for (size_t i = 0; i < size; i++) {
        uint8_t c = (uint8_t)(i * 31 + i / 257 + (size_t)seed);
        assert_int_equal(buf_put(&f->b, &c, 1), 0);
    }
    sha_of(&f->b, f->sha);
    memcpy(n->sha, f->sha, sizeof(n->sha));
    return d->n_r++;
}

static int want(struct desk *d, int at, size_t rec)
{
    struct named *n = &d->r[rec];
    int r =
        sync_fetch(d->t.w.node[at].s, d->t.w.wall + d->t.w.now, d->t.w.node[n->by].id.s, n->sha);
    world_event(&d->t.w, at, SEV_LOCAL);
    return r;
}

static bool has(struct desk *d, int at, size_t rec)
{
    const struct named *n = &d->r[rec];
    const struct file *mine = file_of(d, at, n->by, n->sha),
                      *there = file_of(d, n->by, n->by, n->sha);
    return mine != NULL && !mine->part && mine->b.len == there->b.len &&
           memcmp(mine->b.data, there->b.data, mine->b.len) == 0;
}

struct until {
    struct desk *d;
    int at;
    size_t rec;
    int64_t here; /* > 0: so much of it */
};

static bool is_here(struct world *w, void *arg)
{
    struct until *u = arg;
    (void)w;
    const struct named *n = &u->d->r[u->rec];
    const struct file *f = file_of(u->d, u->at, n->by, n->sha);
    return u->here > 0 ? f != NULL && (int64_t)f->b.len >= u->here : has(u->d, u->at, u->rec);
}

static bool comes(struct desk *d, int at, size_t rec, int64_t ms)
{
    struct until u = {d, at, rec, 0};
    return world_until(&d->t.w, ms, is_here, &u);
}

static bool begins(struct desk *d, int at, size_t rec, int64_t here)
{
    struct until u = {d, at, rec, here};
    return world_until(&d->t.w, HOURS(1), is_here, &u);
}

static struct sync_fetch_state state_of(struct desk *d, int at, size_t rec, int expect)
{
    struct sync_fetch_state st;
    const struct named *n = &d->r[rec];
    assert_int_equal(sync_fetch_get(d->t.w.node[at].s, d->t.w.node[n->by].id.s, n->sha, &st),
                     expect);
    return st;
}

#define ALL    ((1u << NODES) - 1)
#define BIT(i) (1u << (i))

/* ---- who may ---- */

/* Against the model's own tree, which knows nothing of the roster. */
static void test_every_audience(void **state)
{
    (void)state;
    static const char *const auds[] = {"fed",        "sub:@city", "sub:@d1", "sub:@s1",
                                       "up:@city",   "up:@d1",    "to:@s2",  "to:@city",
                                       "to:@s1,@s3", "self",      "own",     "trust"};
    struct desk *d = begin(1);
    struct world *w = &d->t.w;
    int yes = 0, no = 0;
    for (size_t a = 0; a < sizeof(auds) / sizeof(auds[0]); a++) {
        for (int by = 0; by < NODES; by++) {
            d->n_r = 0;
            size_t rec = publish(d, by, auds[a], 10, (int)a, ALL);
            struct fetch_key k = {.by = w->node[by].id};
            memcpy(k.sha, d->r[rec].sha, sizeof(k.sha));
            for (int at = 0; at < NODES; at++) {
                struct sync *s = w->node[at].s;
                for (size_t p = 0; p < s->n_peers; p++) {
                    int to = world_of(w, s->peers[p]->id.s);
                    bool may =
                        strcmp(auds[a], "own") != 0 && world_may_hold(w, by, d->r[rec].aud, to);
                    int64_t len = 0;
                    int r = sync__fetch_allowed(s, &k, s->peers[p], &len);
                    assert_int_equal(r, may ? 0 : SANJI_E_NOT_FOUND);
                    assert_int_equal(len, may || strcmp(auds[a], "own") != 0 ? 10 : 0);
                    yes += may;
                    no += !may;
                }
            }
            file_drop(d, file_of(d, by, by, d->r[rec].sha));
        }
    }
    assert_true(yes > 100 && no > 100);
    end(d);
}

/* The same bytes for whoever asks on the wire: there is nothing, and there is something he may not
 * have. */
static void test_no_oracle(void **state)
{
    (void)state;
    struct desk *d = begin(2);
    struct world *w = &d->t.w;
    size_t open = publish(d, CITY, "fed", 100, 1, ALL);
    size_t own = publish(d, D1, "own", 100, 2, ALL);
    size_t other = publish(d, D1, "to:@s2", 100, 3, ALL);
    size_t none = publish(d, D1, "fed", 100, 4, ALL & ~BIT(D1));
    d->watch = D1;
    d->watches = true;
    size_t all[] = {own, other, none};
    assert_int_equal(want(d, S1, own), SANJI_E_NOT_FOUND); /* it would not even ask */
    /* s1 is dishonest: it says of itself that it holds a record for everybody. */
    (void)snprintf(d->r[own].aud, sizeof(d->r[own].aud), "fed");
    for (size_t i = 0; i < 3; i++) {
        int before = d->refusals;
        d->r[all[i]].holders = BIT(S1);
        d->n_r++; /* what d1 itself knows of it */
        d->r[d->n_r - 1] = d->r[all[i]];
        d->r[d->n_r - 1].holders = i == 2 ? 0 : BIT(D1);
        (void)world_aud(w, i == 0 ? "own" : "to:@s2", d->r[d->n_r - 1].aud);
        assert_int_equal(want(d, S1, all[i]), 0);
        world_run(w, 20000);
        assert_true(d->refusals > before);
        assert_false(has(d, S1, all[i]));
        assert_int_equal(state_of(d, S1, all[i], 0).err, SANJI_E_NOT_FOUND);
        if (i > 0) {
            assert_int_equal(d->refusal[0].len, d->refusal[1].len);
            assert_memory_equal(d->refusal[0].data, d->refusal[1].data, d->refusal[0].len);
        }
    }
    assert_int_equal(want(d, S1, open), 0);
    assert_true(comes(d, S1, open, HOURS(1)));
    end(d);
}

/* A parent asks its child for what the child has for itself, or for others. */
static void test_parent_asks_too_much(void **state)
{
    (void)state;
    static const char *const auds[] = {"own", "to:@s1", "sub:@s2"};
    struct desk *d = begin(3);
    struct world *w = &d->t.w;
    for (size_t i = 0; i < 3; i++) {
        size_t rec = publish(d, S2, i == 0 ? "own" : auds[i], 100, (int)i, BIT(S2));
        /* d1 pretends to hold a record that names it to everybody. */
        d->n_r++;
        d->r[d->n_r - 1] = d->r[rec];
        d->r[d->n_r - 1].holders = BIT(D1);
        (void)world_aud(w, "fed", d->r[d->n_r - 1].aud);
        bool may = i > 0 && world_may_hold(w, S2, d->r[rec].aud, D1);
        assert_int_equal(want(d, D1, rec), 0);
        assert_int_equal(comes(d, D1, rec, 60000), may);
        if (!may) {
            assert_int_equal(state_of(d, D1, rec, 0).err, SANJI_E_NOT_FOUND);
        }
    }
    end(d);
}

/* Bytes that lie at the district for a record s1 may not see are not opened by a record of
 * somebody else that names the same hash. */
static void test_a_hash_opens_nothing(void **state)
{
    (void)state;
    struct desk *d = begin(4);
    struct world *w = &d->t.w;
    size_t secret = publish(d, CITY, "to:@d1", SIZE, 1, BIT(CITY) | BIT(D1));
    assert_int_equal(want(d, D1, secret), 0);
    assert_true(comes(d, D1, secret, HOURS(1)));
    size_t bait = d->n_r++; /* s2 has heard the hash */
    d->r[bait] = d->r[secret];
    d->r[bait].by = S2;
    d->r[bait].holders = ALL;
    (void)world_aud(w, "fed", d->r[bait].aud);
    assert_int_equal(want(d, S1, bait), 0);
    assert_int_equal(want(d, D1, bait), 0);
    world_run(w, HOURS(2));
    assert_null(file_of(d, S1, S2, d->r[bait].sha));
    assert_null(file_of(d, D1, S2, d->r[bait].sha));
    assert_int_equal(want(d, S1, secret), SANJI_E_NOT_FOUND);
    end(d);
}

/* ---- the ways ---- */

static void test_down_up_and_across(void **state)
{
    (void)state;
    struct desk *d = begin(5);
    size_t down = publish(d, CITY, "fed", SIZE, 1, ALL);
    size_t up = publish(d, S1, "up:@city", SIZE, 2, BIT(S1) | BIT(D1) | BIT(CITY));
    size_t across = publish(d, S3, "fed", SIZE, 3, ALL);
    assert_int_equal(want(d, S1, down), 0);
    assert_int_equal(want(d, CITY, up), 0);
    assert_int_equal(want(d, S1, across), 0);
    assert_int_equal(state_of(d, S1, down, 0).len, SIZE);
    assert_true(comes(d, S1, down, HOURS(1)));
    assert_true(comes(d, CITY, up, HOURS(1)));
    assert_true(comes(d, S1, across, HOURS(1)));
    assert_true(has(d, D1, down) && has(d, D1, up)); /* who hands on has it for the next one */
    assert_true(has(d, D2, across) && has(d, CITY, across) && has(d, D1, across));
    assert_null(file_of(d, S2, CITY, d->r[down].sha)); /* nobody gets what he did not ask for */
    assert_null(file_of(d, D2, CITY, d->r[down].sha));
    state_of(d, S1, down, SANJI_E_NOT_FOUND);
    int64_t before = d->asked[D1];
    assert_int_equal(want(d, S2, down), 0); /* the district has it */
    assert_true(comes(d, S2, down, HOURS(1)));
    assert_int_equal(d->asked[D1], before);
    end(d);
}

static void test_faulty_wires(void **state)
{
    (void)state;
    for (uint64_t seed = 60; seed < 72; seed++) {
        struct desk *d = begin(seed);
        size_t down = publish(d, CITY, "fed", SIZE, 1, ALL);
        size_t up = publish(d, S1, "up:@city", SIZE, 2, BIT(S1) | BIT(D1) | BIT(CITY));
        d->t.w.faults = (struct world_faults){
            .loss = 60, .dup = 30, .truncate = 30, .lost_reply = 60, .lat_min = 5, .lat_max = 300};
        assert_int_equal(want(d, S2, down), 0);
        assert_int_equal(want(d, CITY, up), 0);
        assert_true(comes(d, S2, down, HOURS(6)));
        assert_true(comes(d, CITY, up, HOURS(6)));
        end(d);
    }
}

/* ---- cut in the middle ---- */

/* Both ends lose power in the middle; asks: who sends the requests of the last step. */
static void goes_on(struct desk *d, int by, int at, const char *aud, int asks)
{
    struct world *w = &d->t.w;
    size_t rec = publish(d, by, aud, SIZE, by, ALL);
    assert_int_equal(want(d, at, rec), 0);
    assert_true(begins(d, at, rec, LIM_BLOB_PART));
    assert_false(has(d, at, rec));
    world_crash(w, at);
    world_crash(w, D1);
    world_run(w, 60000);
    world_start(w, at);
    world_start(w, D1);
    use(d, at);
    use(d, D1);
    memset(d->asked, 0, sizeof(d->asked));
    assert_int_equal(state_of(d, at, rec, 0).here, LIM_BLOB_PART); /* wish and bytes are there */
    assert_true(comes(d, at, rec, HOURS(1)));
    assert_true(d->asked[asks] >= 3 && d->asked[asks] <= 4); /* three parts were missing */
}

static void test_goes_on(void **state)
{
    (void)state;
    struct desk *d = begin(7);
    goes_on(d, CITY, S1, "fed", S1);
    goes_on(d, S2, CITY, "up:@city", D1);
    end(d);
}

/* What a power cut left of the first part is not its neighbour's fault. */
static void test_torn_part(void **state)
{
    (void)state;
    struct desk *d = begin(8);
    struct world *w = &d->t.w;
    size_t rec = publish(d, D1, "fed", SIZE, 1, ALL);
    assert_int_equal(want(d, S1, rec), 0);
    assert_true(begins(d, S1, rec, LIM_BLOB_PART));
    world_crash(w, S1);
    memset(file_of(d, S1, D1, d->r[rec].sha)->b.data, 0, 4096);
    world_start(w, S1);
    use(d, S1);
    assert_true(comes(d, S1, rec, HOURS(1)));
    assert_int_equal(w->node[S1].alarms[-SANJI_E_HASH], 0);
    end(d);
}

/* ---- lies ---- */

static void test_wrong_bytes(void **state)
{
    (void)state;
    struct desk *d = begin(9);
    struct world *w = &d->t.w;
    size_t down = publish(d, CITY, "fed", SIZE, 1, ALL);
    size_t up = publish(d, S1, "up:@city", SIZE, 2, BIT(S1) | BIT(D1) | BIT(CITY));
    d->lies[D1] = true;
    assert_int_equal(want(d, S1, down), 0);
    assert_int_equal(want(d, CITY, up), 0);
    world_run(w, 300000);
    assert_int_equal(w->node[S1].alarms[-SANJI_E_HASH], 1);
    assert_int_equal(w->node[CITY].alarms[-SANJI_E_HASH], 1);
    assert_null(file_of(d, S1, CITY, d->r[down].sha)); /* nothing of it is left */
    assert_null(file_of(d, CITY, S1, d->r[up].sha));
    struct sync_fetch_state st = state_of(d, S1, down, 0);
    assert_true(st.over && st.err == SANJI_E_HASH);
    assert_string_equal(st.from.s, w->node[D1].id.s);
    d->lies[D1] = false; /* and it may be asked for again */
    assert_int_equal(want(d, S1, down), 0);
    assert_int_equal(want(d, CITY, up), 0);
    assert_true(comes(d, S1, down, HOURS(1)));
    assert_true(comes(d, CITY, up, HOURS(1)));
    end(d);
}

/* A writer names one file twice, once with another length: nobody else is blamed for it. */
static void test_two_lengths(void **state)
{
    (void)state;
    struct desk *d = begin(16);
    struct world *w = &d->t.w;
    size_t rec = publish(d, CITY, "fed", SIZE, 1, ALL);
    d->r[d->n_r] = d->r[rec];
    d->r[rec].len = 77; /* comes first */
    d->n_r++;
    assert_int_equal(want(d, S1, rec), 0);
    assert_true(comes(d, S1, rec, HOURS(1)));
    assert_int_equal(w->node[S1].alarms[-SANJI_E_HASH] + w->node[D1].alarms[-SANJI_E_HASH], 0);
    /* Where only a wrong one is named, what comes is not that. */
    size_t bad = publish(d, CITY, "fed", SIZE, 2, ALL);
    d->r[bad].len = 77;
    assert_int_equal(want(d, S1, bad), 0);
    world_run(w, HOURS(1));
    assert_false(has(d, S1, bad));
    end(d);
}

/* Nobody has asked for it: it is not taken. */
static void test_unasked(void **state)
{
    (void)state;
    struct desk *d = begin(10);
    struct world *w = &d->t.w;
    size_t rec = publish(d, S1, "fed", 100, 1, ALL);
    struct sync *s = w->node[S1].s;
    s->gives[0] = (struct fetch_asked){.key.by = w->node[S1].id};
    memcpy(s->gives[0].key.sha, d->r[rec].sha, sizeof(s->gives[0].key.sha));
    s->n_gives = 1;
    d->watch = D1;
    d->watches = true;
    world_event(w, S1, SEV_LOCAL);
    world_run(w, 10000);
    assert_true(d->asked[S1] >= 1 && d->refusals >= 1);
    assert_null(file_of(d, D1, S1, d->r[rec].sha));
    /* It is asked of s1, which is away; s2 brings something instead. */
    w->node[S1].cut = true;
    s = w->node[S2].s;
    struct file *f = file_add(d, S2, S1, d->r[rec].sha, false);
    assert_int_equal(buf_put(&f->b, "something else", 14), 0);
    assert_int_equal(want(d, D1, rec), 0);
    s->gives[0] = (struct fetch_asked){.key.by = w->node[S1].id};
    memcpy(s->gives[0].key.sha, d->r[rec].sha, sizeof(s->gives[0].key.sha));
    s->n_gives = 1;
    world_event(w, S2, SEV_LOCAL);
    world_run(w, 10000);
    assert_true(d->asked[S2] >= 1);
    assert_false(state_of(d, D1, rec, 0).over);
    assert_int_equal(w->node[D1].alarms[-SANJI_E_HASH], 0);
    w->node[S1].cut = false;
    assert_true(comes(d, D1, rec, HOURS(1)));
    end(d);
}

/* ---- bounds ---- */

static void test_too_many(void **state)
{
    (void)state;
    struct desk *d = begin(11);
    struct world *w = &d->t.w;
    w->node[S1].cut = true;
    for (int i = 0; i <= LIM_FETCHES; i++) {
        size_t rec = publish(d, D2, "fed", 10, i, ALL);
        assert_int_equal(want(d, S1, rec), i < LIM_FETCHES ? 0 : SANJI_E_QUOTA);
    }
    /* A relay fetches so many for one neighbour, and no more at once. */
    struct sync *s = w->node[D1].s;
    struct peer *p = sync__peer_find(s, w->node[S1].id.s),
                *q = sync__peer_find(s, w->node[S2].id.s);
    w->node[D1].cut = true;
    for (int i = 0; i <= LIM_FETCHES; i++) {
        struct fetch_key k = {.by = w->node[D2].id};
        memcpy(k.sha, d->r[i].sha, sizeof(k.sha));
        assert_int_equal(sync__fetch_for(s, &k, p),
                         i < LIM_FETCHES ? SANJI_E_PENDING : SANJI_E_BUSY);
        assert_int_equal(sync__fetch_for(s, &k, q), SANJI_E_PENDING);
    }
    /* Nobody asks any more: the list empties by itself. */
    world_run(w, HOURS(1));
    assert_int_equal(s->n_fetch, 0);
    end(d);
}

static void test_day_quota(void **state)
{
    (void)state;
    struct desk *d = begin(12);
    struct world *w = &d->t.w;
    size_t rec = publish(d, D1, "fed", SIZE, 1, ALL);
    struct peer *p = sync__peer_find(w->node[D1].s, w->node[S1].id.s);
    p->fetch_day = (w->wall + w->now) / 86400000;
    p->fetch_bytes = LIM_FETCH_BYTES - LIM_BLOB_PART;
    assert_int_equal(want(d, S1, rec), 0);
    world_run(w, 60000);
    struct sync_fetch_state st = state_of(d, S1, rec, 0);
    assert_int_equal(st.here, LIM_BLOB_PART);
    assert_int_equal(st.err, SANJI_E_QUOTA);
    assert_true(comes(d, S1, rec, HOURS(25))); /* the next day it goes on */
    end(d);
}

static void test_given_up(void **state)
{
    (void)state;
    struct desk *d = begin(13);
    struct world *w = &d->t.w;
    size_t rec = publish(d, CITY, "fed", SIZE, 1, ALL);
    w->node[S1].cut = true;
    world_run(w, HOURS(1));
    assert_int_equal(want(d, S1, rec), 0);
    assert_int_equal(state_of(d, S1, rec, 0).err, SANJI_E_UNREACHABLE);
    world_run(w, DAYS(LIM_FETCH_DAYS) - HOURS(1));
    assert_false(state_of(d, S1, rec, 0).over);
    world_run(w, HOURS(2));
    world_stop(w, S1);
    world_start(w, S1);
    use(d, S1);
    struct sync_fetch_state st = state_of(d, S1, rec, 0);
    assert_true(st.over);
    assert_int_equal(st.err, SANJI_E_UNREACHABLE);
    w->node[S1].cut = false;
    world_run(w, HOURS(1));
    assert_false(has(d, S1, rec));
    assert_int_equal(want(d, S1, rec), 0);
    assert_true(comes(d, S1, rec, HOURS(1)));
    end(d);
}

/* ---- what goes meanwhile ---- */

static void test_erased_on_its_way(void **state)
{
    (void)state;
    struct desk *d = begin(14);
    struct world *w = &d->t.w;
    size_t rec = publish(d, CITY, "fed", SIZE, 1, ALL);
    assert_int_equal(want(d, S1, rec), 0);
    assert_true(begins(d, S1, rec, LIM_BLOB_PART));
    d->r[rec].gone = true;
    world_run(w, HOURS(1));
    assert_null(file_of(d, S1, CITY, d->r[rec].sha));
    state_of(d, S1, rec, SANJI_E_NOT_FOUND);
    assert_int_equal(want(d, S1, rec), SANJI_E_NOT_FOUND);
    end(d);
}

/* ---- neighbours of before ---- */

static void test_old_neighbour(void **state)
{
    (void)state;
    struct desk *d = begin(15);
    struct world *w = &d->t.w;
    size_t down = publish(d, CITY, "fed", SIZE, 1, ALL);
    size_t up = publish(d, S1, "up:@city", SIZE, 2, BIT(S1) | BIT(D1) | BIT(CITY));
    world_stop(w, D1);
    world_start(w, D1); /* without the port it neither says nor understands anything of it */
    world_run(w, HOURS(1));
    memset(d->asked, 0, sizeof(d->asked));
    assert_int_equal(want(d, S1, down), 0);
    assert_int_equal(want(d, CITY, up), 0);
    world_run(w, HOURS(5));
    assert_int_equal(state_of(d, S1, down, 0).err, SANJI_E_VERSION);
    assert_int_equal(state_of(d, CITY, up, 0).err, SANJI_E_VERSION);
    assert_int_equal(d->asked[S1] + d->asked[D1], 0);
    world_stop(w, D1);
    world_start(w, D1);
    use(d, D1); /* upgraded: both go on by themselves */
    assert_true(comes(d, S1, down, HOURS(2)));
    assert_true(comes(d, CITY, up, HOURS(2)));
    end(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_audience),
        cmocka_unit_test(test_no_oracle),
        cmocka_unit_test(test_parent_asks_too_much),
        cmocka_unit_test(test_a_hash_opens_nothing),
        cmocka_unit_test(test_down_up_and_across),
        cmocka_unit_test(test_faulty_wires),
        cmocka_unit_test(test_goes_on),
        cmocka_unit_test(test_torn_part),
        cmocka_unit_test(test_wrong_bytes),
        cmocka_unit_test(test_two_lengths),
        cmocka_unit_test(test_unasked),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_day_quota),
        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_erased_on_its_way),
        cmocka_unit_test(test_old_neighbour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
