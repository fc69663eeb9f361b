/* SPDX-License-Identifier: Apache-2.0 */
/* Three writers, up to thirty bundles, any order of arrival. Two bytes make a bundle: who, what, of
 * which record; the rest shuffles. Whatever the order, everything arrives, the views are the same,
 * and each record is what its own writer said last and nobody else. Two bundles of one number are
 * never both held, and the proof is kept. */
#include "tests/support/world_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { WRITERS = 3, RECORDS = 4, BUNDLES = 30 };

struct writer {
    int node;
    int64_t seq, r[RECORDS];
    bool gone[RECORDS], forked;
    uint8_t id[HASH_LEN], prev[HASH_LEN]; /* of the newest bundle, and of the one before it */
};
struct sent {
    struct buf frame;
    bool taken;
};

static struct world w;
static struct mem_store *clean;
static struct frame_ctx *fc;
static int city;
static struct writer who[WRITERS];
static struct sent sent[BUNDLES];
static size_t n_sent, n_forks;

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void make_world(void)
{
    world_init(&w, 1);
    city = world_genesis(&w, "city", 20);
    who[0].node = world_enrol(&w, city, "d1", 30, true);
    who[1].node = world_enrol(&w, city, "d2", 30, true);
    world_run(&w, 60000); /* districts know their place */
    who[2].node = world_enrol(&w, who[0].node, "s1", 40, true);
    must(city >= 0 && who[0].node > 0 && who[1].node > 0 && who[2].node > 0);
    world_run(&w, 60000);
    clean = mem_store_snapshot(w.node[city].mem);
    fc = frame_ctx_new();
    must(fc != NULL);
}

/* fork: another bundle in place of the newest. */
static void sign(struct writer *x, const char *item, bool fork)
{
    struct bundle_header h;
    struct buf line;
    struct span it = span_of(item, strlen(item));
    uint8_t id[HASH_LEN];
    memset(&h, 0, sizeof(h));
    h.v = 1;
    h.t = BUNDLE_DATA;
    memcpy(h.g, w.g, HASH_LEN);
    h.by = w.node[x->node].id;
    memcpy(h.aud, "fed", 4);
    h.ep = 1;
    h.en[0] = 9;
    h.seq = fork ? x->seq : x->seq + 1;
    memcpy(h.prev, fork ? x->prev : x->id, HASH_LEN);
    buf_init(&line, LIM_BUNDLE_BYTES);
    must(bundle_write(&h, &it, 1, sync_key(w.node[x->node].s), &line, id) == 0);
    struct sent *s = &sent[n_sent++];
    buf_init(&s->frame, LIM_BUNDLE_BYTES + 64);
    must(frame_pack(fc, span_of(line.data, line.len), &s->frame) == 0);
    buf_done(&line);
    if (!fork) {
        memcpy(x->prev, x->id, HASH_LEN);
        memcpy(x->id, id, HASH_LEN);
        x->seq++;
    }
    x->forked = x->forked || fork;
    n_forks += fork;
}

static void write_one(uint8_t a, uint8_t b)
{
    struct writer *x = &who[a % WRITERS];
    int what = a / WRITERS % 8, k = b % RECORDS;
    bool fork = what == 7 && x->seq > 0 && !x->forked, late = what == 6 && x->r[k] > 1;
    bool gone = what == 5 && x->r[k] > 0;
    int64_t r = late ? x->r[k] - 1 : x->r[k] + 1;
    char item[256];
    int n = snprintf(item, sizeof(item),
                     "{\"id\":\"k%d\",\"k\":\"listing/1\",\"op\":\"%s\",\"r\":%lld,\"z\":"
                     "\"AAAAAAAAAAAAAAAAAAAAAA\"",
                     k, gone ? "wd" : "put", (long long)r);
    if (!gone) {
        n += snprintf(item + n, sizeof(item) - (size_t)n,
                      ",\"d\":{\"kind\":\"venue\",\"title\":\"%s%d\"}", fork ? "fork" : "t", b);
    }
    (void)snprintf(item + n, sizeof(item) - (size_t)n, "}");
    sign(x, item, fork);
    if (!late && !fork) {
        x->r[k] = r;
        x->gone[k] = gone;
    }
}

/* As neighbours do: again and again until nothing is new. */
static void deliver(const size_t order[BUNDLES], struct buf *dump)
{
    struct wnode *c = &w.node[city];
    const struct sync_store *st = mem_store_port(c->mem);
    struct sync_tick t;
    mem_store_restore(c->mem, clean);
    must(sync_reload(c->s) == 0);
    world_tick(&w, city, &t);
    for (size_t k = 0; k < n_sent; k++) {
        sent[k].taken = false;
    }
    must(st->begin(st->ctx) == 0);
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t k = 0; k < n_sent; k++) {
            struct sync_accept acc;
            struct sent *s = &sent[order[k]];
            memset(&acc, 0, sizeof(acc));
            if (!s->taken) {
                sync_accept_frame(c->s, &t, span_of(s->frame.data, s->frame.len), &acc);
                must(!sync_is_store_failure(acc.err));
                s->taken = acc.err == 0 || acc.err == SANJI_E_OLD;
                moved = moved || s->taken;
            }
        }
    }
    must(st->commit(st->ctx) == 0);
    mem_store_dump(c->mem, dump);
}

static void check_records(void)
{
    const struct mem_store *m = w.node[city].mem;
    for (int i = 0; i < WRITERS; i++) {
        for (int k = 0; k < RECORDS && !who[i].forked; k++) {
            struct mem_seen seen;
            char id[8];
            const char *owner = w.node[who[i].node].id.s;
            (void)snprintf(id, sizeof(id), "k%d", k);
            int r = mem_store_record(m, owner, id, &seen);
            must(who[i].r[k] == 0
                     ? r == SANJI_E_NOT_FOUND
                     : r == 0 && seen.r == who[i].r[k] && seen.withdrawn == who[i].gone[k] &&
                           strcmp(seen.by, owner) == 0);
        }
    }
}

static void check(const size_t order[BUNDLES], struct buf *dump)
{
    struct world_verdict v;
    int64_t numbers = 0;
    deliver(order, dump);
    for (int i = 0; i < WRITERS; i++) {
        numbers += who[i].seq;
    }
    size_t held = mem_store_bundles(w.node[city].mem) - mem_store_bundles(clean);
    must(n_forks > 0 ? (int64_t)held <= numbers : (int64_t)held == numbers);
    must((n_forks > 0) == (mem_store_forks(w.node[city].mem) > mem_store_forks(clean)));
    check_records();
    must(world_check_rebuild(&w, city, &v) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    size_t order[BUNDLES], half = n / 2 < 2 * BUNDLES ? n / 2 : 2 * (size_t)BUNDLES;
    struct buf one, two;
    if (fc == NULL) {
        make_world();
    }
    n_sent = n_forks = 0;
    for (int i = 0; i < WRITERS; i++) {
        who[i] = (struct writer){.node = who[i].node};
    }
    for (size_t i = 0; i + 1 < half; i += 2) {
        write_one(p[i], p[i + 1]);
    }
    for (size_t i = 0; i < n_sent; i++) {
        order[i] = i;
    }
    buf_init(&one, (size_t)16 << 20);
    buf_init(&two, (size_t)16 << 20);
    check(order, &one);
    for (size_t i = n_sent; i > 1 && half + i <= n; i--) {
        size_t k = p[half + i - 1] % i, x = order[i - 1];
        order[i - 1] = order[k];
        order[k] = x;
    }
    check(order, &two);
    must(n_forks > 0 || (one.len == two.len && memcmp(one.data, two.data, one.len) == 0));
    buf_done(&one);
    buf_done(&two);
    for (size_t i = 0; i < n_sent; i++) {
        buf_done(&sent[i].frame);
    }
    return 0;
}
