/* SPDX-License-Identifier: Apache-2.0 */
/* A child whose key is good and whose intentions are not: it appends made-up bundles to what its
 * engine sends. Nothing of it may be believed that is not its own to say, and nobody else may be
 * held up. */
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hostile_tap(struct world *w, int node, struct sync_wish *wish, void *arg)
{
    struct sim *m = arg;
    (void)w;
    if (node != m->bad || m->evil.len == 0 || wish->lane != LANE_UP ||
        strcmp(wish->path, SANJI_PATH_EXCHANGE) != 0) {
        return;
    }
    (void)buf_put(&wish->body, m->evil.data, m->evil.len);
    buf_reset(&m->evil);
}

static const char good_item[] = "{\"id\":\"e\",\"k\":\"listing/1\",\"op\":\"put\",\"r\":1,\"z\":"
                                "\"AAAAAAAAAAAAAAAAAAAAAA\",\"d\":{\"kind\":\"venue\",\"title\":"
                                "\"evil\"}}";
static const char *const poison[] = {
    "{\"id\":\"e1\",\"k\":\"listing/"
    "1\",\"op\":\"put\",\"r\":1,\"z\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"d\":"
    "{\"no\":1}}",
    "{\"id\":\"e2\",\"k\":\"nothing/"
    "9\",\"op\":\"put\",\"r\":1,\"z\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"d\":"
    "{\"no\":1}}",
    "{\"id\":\"e3\",\"k\":\"act/1\",\"op\":\"ev\",\"r\":1,\"z\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"d\":"
    "{\"a\":\"{}\",\"co\":[]}}",
    "{\"id\":\"e4\",\"k\":\"sealed/"
    "1\",\"op\":\"ev\",\"r\":1,\"z\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"d\":"
    "{\"st\":1}}",
    "{\"id\":\"e5\",\"k\":\"listing/"
    "1\",\"op\":\"put\",\"r\":1,\"z\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"for\":"
    "\"naaaaaaaaaaaaa\",\"d\":{\"kind\":\"venue\",\"title\":\"x\"}}",
    "{}",
    "{\"id\":\"e6\"}",
};

static void frame(struct sim *m, struct bundle_header *h, const struct span *it, size_t n)
{
    struct wnode *x = &m->w.node[m->bad];
    struct sign_key *k = sign_key_new(x->sign_seed);
    struct frame_ctx *fc = frame_ctx_new();
    struct buf line;
    uint8_t id[HASH_LEN];
    buf_init(&line, LIM_BUNDLE_BYTES);
    if (bundle_write(h, it, n, k, &line, id) == 0) {
        int r = frame_pack(fc, span_of(line.data, line.len), &m->evil);
        assert(r == 0);
    }
    buf_done(&line);
    frame_ctx_free(fc);
    sign_key_free(k);
}

static void header(struct sim *m, struct bundle_header *h, const char *by, const char *aud)
{
    memset(h, 0, sizeof(*h));
    h->v = 1;
    h->t = BUNDLE_DATA;
    memcpy(h->g, m->w.g, HASH_LEN);
    (void)snprintf(h->by.s, sizeof(h->by.s), "%s", by);
    (void)snprintf(h->aud, sizeof(h->aud), "%s", aud);
    h->ep = h->seq = 1;
    world_bytes(&m->w, h->en, sizeof(h->en));
}

/* One of its own published bundles said again, with another time: two histories under one number.
 */
static void equivocate(struct sim *m, bool replay)
{
    struct world *w = &m->w;
    const struct wnode *x = &w->node[m->bad];
    int64_t head = world_head(w, m->bad, x->id.s, "fed");
    struct buf line;
    struct bundle b;
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    struct arena *a = arena_new(16 << 20);
    if (head > 0 && world_line(w, m->bad, x->id.s, "fed", world_range(w, 1, head), &line) &&
        bundle_parse(span_of(line.data, line.len), a, &b, NULL) == 0) {
        struct bundle_header h = b.hdr;
        struct span it[LIM_WRITE_ITEMS];
        h.ts += replay ? 0 : 1;
        for (int64_t i = 0; i < h.n && i < LIM_WRITE_ITEMS; i++) {
            it[i] = b.item[i].text;
        }
        frame(m, &h, it, (size_t)h.n);
    }
    arena_free(a);
    buf_done(&line);
}

/* Nonce of the epoch its own engine writes to `fed` in. */
static const uint8_t *en_of(struct sim *m)
{
    static uint8_t en[8];
    struct world *w = &m->w;
    struct buf line;
    struct bundle b;
    struct arena *a = arena_new(16 << 20);
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    memset(en, 0, sizeof(en));
    if (world_line(w, m->bad, w->node[m->bad].id.s, "fed", 1, &line) &&
        bundle_peek(span_of(line.data, line.len), a, &b, NULL) == 0) {
        memcpy(en, b.hdr.en, sizeof(en));
    }
    buf_done(&line);
    arena_free(a);
    return en;
}

static void own_word(struct sim *m)
{
    char id[20];
    (void)snprintf(id, sizeof(id), "h%d", ++m->next_id);
    (void)world_put(&m->w, m->bad, "fed", id, 1, "looks honest", NULL);
}

static void oversize(struct sim *m)
{
    struct frame_ctx *fc = frame_ctx_new();
    size_t n = LIM_BUNDLE_BYTES + 100;
    uint8_t *p = calloc(1, n);
    assert(p != NULL);
    (void)frame_pack(fc, span_of(p, n), &m->evil);
    free(p);
    frame_ctx_free(fc);
}

void hostile_act(struct sim *m)
{
    struct world *w = &m->w;
    struct bundle_header h;
    char aud[LIM_AUD_BYTES + 1];
    char good[sizeof(good_item)] = "";
    struct span it[8] = {span_of(good, sizeof(good_item) - 1)};
    if (m->bad < 0) {
        return;
    }
    /* Equal items under one name in two streams are equal to every rule: each gets a salt. */
    memcpy(good, good_item, sizeof(good));
    for (char *z = strstr(good, "AAAA"); *z == 'A'; z++) {
        *z = (char)world_range(w, 'A', 'Z');
    }
    *(strstr(good, "\",\"d\"") - 1) = 'A';
    const struct wnode *x = &w->node[m->bad];
    const struct wnode *other = &w->node[world_range(w, 0, w->n - 1)];
    m->count[SC_HOSTILE]++;
    header(m, &h, x->id.s, "fed");
    switch (world_range(w, 0, 10)) {
    case 0: /* in another's name */
        header(m, &h, other->id.s, "fed");
        frame(m, &h, it, 1);
        break;
    case 1: /* where it may not write, perhaps */
        (void)snprintf(aud, sizeof(aud), "%s:%s", world_chance(w, 500) ? "sub" : "up", other->id.s);
        header(m, &h, x->id.s, aud);
        frame(m, &h, it, 1);
        break;
    case 2: /* far ahead */
        h.seq = world_range(w, 2, LIM_SEQ);
        world_bytes(w, h.prev, sizeof(h.prev));
        frame(m, &h, it, 1);
        break;
    case 3:
        equivocate(m, true);
        break;
    case 4:
        equivocate(m, false);
        break;
    case 5: /* signed nonsense, with a good item behind it */
        for (size_t i = 0; i < 7; i++) {
            it[i] = span_of(poison[i], strlen(poison[i]));
        }
        it[7] = span_of(good, sizeof(good_item) - 1);
        frame(m, &h, it, 8);
        break;
    case 6:
        oversize(m);
        break;
    case 7: { /* bytes */
        uint8_t junk[64];
        world_bytes(w, junk, sizeof(junk));
        (void)buf_put(&m->evil, junk, (size_t)world_range(w, 1, sizeof(junk)));
        break;
    }
    case 8: /* a later epoch out of nowhere */
        h.ep = world_range(w, 2, LIM_EPOCH);
        frame(m, &h, it, 1);
        break;
    case 9: /* the next number, but not the next link */
        h.seq = 2;
        frame(m, &h, it, 1);
        h.seq = world_head(w, m->bad, x->id.s, "fed") + 1;
        memcpy(h.en, en_of(m), sizeof(h.en));
        world_bytes(w, h.prev, sizeof(h.prev));
        frame(m, &h, it, 1);
        break;
    default:
        own_word(m);
        break;
    }
    own_word(m); /* so that its engine has a reason to send */
}
