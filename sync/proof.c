/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles of private streams under an ended key. Such a stream is listed by the id of its last
 * bundle alone (PROTOCOL.md section 10), so a bundle before that one shows its right to be there
 * only by what follows it. Until then it waits here, in memory: what is lost is offered again in
 * the next session. */
#include "sync/internal.h"

#include <stdlib.h>
#include <string.h>

enum { PROOF_CHAINS = 512 };
#define PROOF_BYTES                                                                                \
    ((size_t)16 << 20) /* a thousand conversations, or one of ten thousand steps                   \
                        */

void sync__proof_clear(struct sync *s)
{
    for (size_t i = 0; i < s->n_chains; i++) {
        buf_done(&s->chains[i].frames);
    }
    s->n_chains = 0;
    s->chain_bytes = 0;
}

void sync__proof_free(struct sync *s)
{
    sync__proof_clear(s);
    free(s->chains);
    s->chains = NULL;
}

static struct chain *chain_of(const struct sync *s, const struct stream_key *k)
{
    for (size_t i = 0; i < s->n_chains; i++) {
        if (stream_key_cmp(&s->chains[i].key, k) == 0) {
            return &s->chains[i];
        }
    }
    return NULL;
}

static void chain_drop(struct sync *s, struct chain *c)
{
    s->chain_bytes -= c->frames.len;
    buf_done(&c->frames);
    *c = s->chains[--s->n_chains];
}

static struct chain *chain_new(struct sync *s, const struct stream_key *k)
{
    if (s->chains == NULL) {
        s->chains = calloc(PROOF_CHAINS, sizeof(*s->chains));
    }
    if (s->chains == NULL || s->n_chains == PROOF_CHAINS) {
        return NULL;
    }
    struct chain *c = &s->chains[s->n_chains++];
    memset(c, 0, sizeof(*c));
    c->key = *k;
    buf_init(&c->frames, PROOF_BYTES);
    return c;
}

/* Too much waiting: this one is forgotten and offered again another day. */
static int chain_add(struct sync *s, struct chain *c, const struct bundle *b, struct span frame)
{
    if (s->chain_bytes + frame.n > PROOF_BYTES || buf_put(&c->frames, frame.p, frame.n) < 0) {
        chain_drop(s, c);
        return SANJI_E_UNKNOWN_KEY;
    }
    s->chain_bytes += frame.n;
    c->seq = b->hdr.seq;
    memcpy(c->id, b->id, HASH_LEN);
    return SANJI_E_UNKNOWN_KEY;
}

/* The whole chain, in order; ret describes its last bundle. */
static int chain_take(struct sync *s, struct chain *c, struct sync_accept *ret)
{
    struct buf frames = c->frames;
    buf_init(&c->frames, 0);
    s->chain_bytes -= frames.len;
    chain_drop(s, c);
    int r = 0;
    int64_t n = 0, items = 0;
    s->proven = true;
    for (size_t at = 0; r == 0 && at < frames.len;) {
        struct sync_accept acc;
        size_t used = 0;
        sync__accept_next(s, span_of(frames.data + at, frames.len - at), &used, &acc);
        r = acc.err;
        at += used;
        ret->f = acc.f;
        n += r == 0;
        items += r == 0 ? acc.items : 0;
    }
    s->proven = false;
    ret->before = n > 0 ? n - 1 : 0;
    ret->before_items = n > 0 ? items - ret->items : 0;
    buf_done(&frames);
    return r;
}

/* 0: the bundle may stand where it is; SANJI_E_UNKNOWN_KEY: not to be told yet. */
static int judge(struct sync *s, const struct bundle *b)
{
    const struct roster_key *key = NULL;
    const struct act_head *limit = NULL;
    int r = roster_key_covers(s->roster, b, &key, &limit);
    if (key == NULL || (r < 0 && r != SANJI_E_UNKNOWN_KEY)) {
        return r;
    }
    int e = bundle_verify(b, key->pub);
    return e < 0 ? e : r;
}

int sync__proof_wait(struct sync *s, const struct bundle *b, struct span frame, int64_t head,
                     const uint8_t head_id[static HASH_LEN], struct sync_accept *ret)
{
    struct chain *c = chain_of(s, &ret->stream);
    const struct roster_key *key = roster_key(s->roster, b->hdr.by.s, b->hdr.kid.s);
    bool first = b->hdr.seq == head + 1;
    if (s->proven || key == NULL || (c == NULL && !first)) {
        return first ? SANJI_E_UNKNOWN_KEY : SANJI_E_GAP;
    }
    if (first && c != NULL) {
        chain_drop(s, c); /* offered again from its beginning */
        c = NULL;
    }
    if (first
            ? memcmp(b->hdr.prev, head_id, HASH_LEN) != 0
            : c == NULL || b->hdr.seq != c->seq + 1 || memcmp(b->hdr.prev, c->id, HASH_LEN) != 0) {
        return SANJI_E_GAP;
    }
    int r = judge(s, b);
    if (r < 0 && r != SANJI_E_UNKNOWN_KEY) {
        if (c != NULL) {
            chain_drop(s, c);
        }
        return r;
    }
    if (c == NULL && (c = chain_new(s, &ret->stream)) == NULL) {
        return SANJI_E_UNKNOWN_KEY;
    }
    bool proven = r == 0;
    size_t before = s->n_chains;
    r = chain_add(s, c, b, frame);
    return proven && s->n_chains == before ? chain_take(s, c, ret) : r;
}
