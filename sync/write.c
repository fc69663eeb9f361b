/* SPDX-License-Identifier: Apache-2.0 */
/* Own bundles. A writer runs the receiver's checks on what it is about to publish: its bundle goes
 * through the same function as one that came over the wire, so nothing can be published that others
 * would refuse, and nothing leaves before the commit that holds it. */
#include "sync/internal.h"

#include "protocol/base/enc.h"
#include "protocol/json_gate.h"
#include "protocol/seal.h"

#include <string.h>

int sync_write_check(struct sync *s, const char *aud, struct span item, struct fault *f)
{
    struct audience a;
    struct item it = {.r = 0};
    const struct roster_node *top = roster_top(s->roster);
    bool is_top = top == NULL || node_id_cmp(&top->id, &s->self.id) == 0;
    int r = audience_parse(aud, strlen(aud), &a);
    if (r == 0) {
        r = json_gate(item.p, item.n, JSON_PROTOCOL, f);
    }
    if (r == 0) {
        r = item_parse(item, &it, f);
    }
    r = r < 0 ? r : kind_check_item(&it, a.type, is_top, f);
    int64_t upto = 0;
    if (r == 0 && it.op == OP_PUT) { /* nobody would see it: it counts as erased */
        const char *owner = node_id_none(&it.on_behalf) ? NULL : it.on_behalf.s;
        r = sync_erased_upto(s, owner, it.id, &upto);
    }
    return r == 0 && it.r <= upto ? fault_set(f, SANJI_E_OLD, "r", "above what was erased") : r;
}

static int check_own(struct sync *s, const char *aud, const struct span *items, size_t n)
{
    struct fault f;
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = sync_write_check(s, aud, items[i], &f);
    }
    return r;
}

/* An epoch keeps its federation; where another took over, `fed` goes on in a new one. */
static int find_g(struct sync *s, const struct stream *st, struct bundle_header *h,
                  bool *ret_is_old)
{
    uint8_t g[HASH_LEN];
    if (roster_lineage(s->roster, 1) == NULL || st->row.seq == 0) {
        return 0;
    }
    int r = sync__stream_g(s, st, g);
    if (r == 0) {
        *ret_is_old = st->aud.type == AUD_FED && memcmp(g, h->g, HASH_LEN) != 0;
        memcpy(h->g, *ret_is_old ? h->g : g, HASH_LEN);
    }
    return r;
}

int sync__g_ended(struct sync *s, const struct stream *st, bool *ret)
{
    struct bundle_header h;
    memcpy(h.g, roster_g(s->roster), HASH_LEN);
    *ret = false;
    return find_g(s, st, &h, ret);
}

/* Continues the newest epoch of (self, aud), or begins the first. */
int sync__next_header(struct sync *s, enum bundle_type type, const char *aud,
                      struct bundle_header *h)
{
    memset(h, 0, sizeof(*h));
    h->v = 1;
    h->t = type;
    memcpy(h->g, roster_g(s->roster), HASH_LEN);
    h->by = s->self.id;
    size_t n = strlen(aud);
    if (n > LIM_AUD_BYTES) {
        return SANJI_E_SPEC;
    }
    memcpy(h->aud, aud, n + 1);
    int idx = sync__stream_newest(s, s->self.id.s, aud);
    if (idx >= 0) {
        const struct sync_stream_row *row = &s->streams[idx].row;
        if (row->frozen) {
            return SANJI_E_FORK; /* this stream alone: a registrar decides how it goes on */
        }
        h->ep = row->key.ep;
        memcpy(h->en, row->key.en, sizeof(h->en));
        h->seq = row->seq + 1;
        memcpy(h->prev, row->id, HASH_LEN);
        bool is_old = false; /* sync__epoch_open() has seen to it */
        int r = find_g(s, &s->streams[idx], h, &is_old);
        if (r < 0) {
            return r;
        }
    } else {
        h->ep = 1;
        sync__random(s, h->en, sizeof(h->en));
        h->seq = 1;
    }
    h->ts = s->tick.now_ms;
    int r = sync_roster_version(s, h->rv);
    if (r == 0) {
        memcpy(s->rv, h->rv, sizeof(s->rv));
        s->rv_ok = true;
    }
    return r;
}

int sync__write_as(struct sync *s, struct bundle_header *h, const struct span *items, size_t n,
                   uint8_t *ret_id)
{
    struct bundle b;
    struct sync_accept acc;
    struct buf line, frame;
    buf_init(&line, LIM_BUNDLE_BYTES);
    buf_init(&frame, LIM_BUNDLE_BYTES + 4096);
    memset(&acc, 0, sizeof(acc));
    int r = bundle_make(h, items, n, s->key, &line);
    if (r == 0) {
        r = frame_pack(s->fc, span_of(line.data, line.len), &frame);
    }
    if (r == 0) {
        arena_reset(s->arena);
        r = bundle_parse(span_of(line.data, line.len), s->arena, &b, &acc.f);
    }
    if (r == 0) {
        r = sync__key_of(&acc.stream, h->by.s, h->aud, h->ep, h->en);
    }
    if (r == 0) {
        s->writing = true;
        r = sync__accept_parsed(s, &b, span_of(frame.data, frame.len), &acc);
        s->writing = false;
    }
    if (r == 0 && ret_id != NULL) {
        memcpy(ret_id, b.id, HASH_LEN);
    }
    int idx = r == 0 ? sync__stream_find(s, &acc.stream) : -1;
    if (r == 0) {
        r = sync__beat_wrote(s, (size_t)idx, h);
    }
    if (r == 0) {
        r = sync__key_wrote(s, (size_t)idx);
    }
    buf_done(&line);
    buf_done(&frame);
    return r;
}

int sync__write_one(struct sync *s, enum bundle_type type, const char *aud,
                    const struct span *items, size_t n, const struct keyframe *kf, uint8_t *ret_id)
{
    struct bundle_header h;
    /* Nobody takes a bundle of the top under its next key before the one with the act (PROTOCOL.md
     * 10.1): where an epoch is due, that one opens it. */
    bool first = type == BUNDLE_DATA && strcmp(aud, "trust") == 0 && sync__rekey_open(s);
    int r = first ? sync__epoch_open_saying(s, aud, items, n, ret_id) : sync__epoch_open(s, aud);
    if (r > 0) {
        return 0;
    }
    if (r == 0) {
        r = sync__next_header(s, type, aud, &h);
    }
    if (r == 0 && type == BUNDLE_BEAT) {
        struct sync_tally lane;
        h.has_live = true;
        r = s->st->tally(s->st->ctx, s->self.id.s, aud, &lane);
        h.live = lane.live;
    }
    if (r == 0 && kf != NULL) {
        h.has_kf = true;
        h.kf = *kf;
        sync__late_name(s, &h);
    }
    return r < 0 ? r : sync__write_as(s, &h, items, n, ret_id);
}

int sync_write_type(struct sync *s, const struct sync_tick *t, enum bundle_type type,
                    const char *aud, const struct span *items, size_t n, bool in_tx,
                    uint8_t *ret_id)
{
    if (t != &s->tick) {
        s->tick = *t;
        s->rnd_n = 0;
    }
    int r = sync__fresh(s);
    if (r == 0) {
        r = sync_self_error(s);
    }
    if (r == 0) {
        r = check_own(s, aud, items, n);
    }
    if (r == 0 && !in_tx) {
        r = sync__tx_begin(s);
    }
    if (r < 0) {
        return r;
    }
    bool was = s->in_tx;
    size_t at = 0;
    s->in_tx = true; /* the caller's, perhaps */
    do {
        size_t k = 0, bytes = 0;
        while (at + k < n && k < LIM_WRITE_ITEMS &&
               (k == 0 || bytes + items[at + k].n <= LIM_WRITE_BYTES)) {
            bytes += items[at + k].n;
            k++;
        }
        r = sync__write_one(s, type, aud, items + at, k, NULL, ret_id);
        at += k;
    } while (r == 0 && at < n);
    s->in_tx = was;
    return in_tx ? r : sync__tx_end(s, r);
}

int sync_write(struct sync *s, const struct sync_tick *t, const char *aud, const struct span *items,
               size_t n, bool in_tx, uint8_t *ret_id)
{
    return n == 0 ? 0 : sync_write_type(s, t, BUNDLE_DATA, aud, items, n, in_tx, ret_id);
}

/* ---- trust acts ---- */

static int act_item(struct sync *s, struct span body, struct buf *out)
{
    struct arena *a = arena_new(1 << 20);
    struct act act;
    struct item it;
    memset(&it, 0, sizeof(it));
    int r = a == NULL ? SANJI_E_NOMEM : act_body_parse(body, a, &act, NULL);
    if (r == 0) {
        it.id[0] = 'a';
        it.id[1 + b64u_put(act.hash, HASH_LEN, it.id + 1)] = '\0';
        memcpy(it.k, "act/1", 6);
        it.op = OP_EVENT;
        it.r = 1;
        sync__random(s, it.z, sizeof(it.z));
        it.d = body;
        r = item_write(&it, out);
    }
    arena_free(a);
    return r;
}

int sync__act_publish(struct sync *s, struct span text, bool sign, const struct act_co *co,
                      size_t n_co, bool in_tx)
{
    struct act_co all[LIM_CO_SIGNATURES];
    struct buf body, item;
    size_t n = 0;
    int r = n_co + (sign ? 1 : 0) > LIM_CO_SIGNATURES ? SANJI_E_SIZE : 0;
    if (s->restored && !in_tx) {
        sync__self_settle(s); /* perhaps nobody is there whom it would have to ask */
    }
    if (s->restored) {
        r = SANJI_E_HELD;
    } else if (sign && sync__rekey_open(s)) {
        r = SANJI_E_BUSY; /* an act under a key nobody knows yet would be void */
    }
    buf_init(&body, LIM_ITEM_BYTES);
    buf_init(&item, LIM_ITEM_BYTES);
    if (r == 0 && sign) {
        r = act_sign(text, s->key, &all[n++]);
    }
    for (size_t i = 0; r == 0 && i < n_co; i++) {
        all[n++] = co[i];
    }
    if (r == 0) {
        r = act_body_write(text, all, n, &body);
    }
    if (r == 0) {
        r = act_item(s, span_of(body.data, body.len), &item);
    }
    if (r == 0) {
        struct span it = span_of(item.data, item.len);
        r = sync_write(s, &s->tick, "trust", &it, 1, in_tx, NULL);
    }
    buf_done(&body);
    buf_done(&item);
    return r;
}

int sync_act(struct sync *s, const struct sync_tick *t, struct act *a, const struct act_co *co,
             size_t n_co, bool in_tx)
{
    if (t != &s->tick) {
        s->tick = *t;
        s->rnd_n = 0;
    }
    struct buf text;
    buf_init(&text, LIM_ITEM_BYTES);
    int r = act_write(a, &text);
    if (r == 0) {
        r = sync__act_publish(s, span_of(text.data, text.len), !node_id_none(&a->by), co, n_co,
                              in_tx);
    }
    buf_done(&text);
    return r;
}

int sync_act_said(struct sync *s, const struct sync_tick *t, struct span text,
                  const struct act_co *co, size_t n_co)
{
    s->tick = *t;
    s->rnd_n = 0;
    return sync__act_publish(s, text, false, co, n_co, false);
}

int sync_genesis(struct sync *s, const struct sync_tick *t, struct span root_body,
                 struct span node_body)
{
    struct buf item[2];
    struct span body[2] = {root_body, node_body}, it[2];
    s->tick = *t;
    s->rnd_n = 0;
    int r = 0;
    for (int i = 0; i < 2; i++) {
        buf_init(&item[i], LIM_ITEM_BYTES);
        if (r == 0) {
            r = act_item(s, body[i], &item[i]);
        }
        it[i] = span_of(item[i].data, item[i].len);
    }
    if (r == 0) {
        r = sync_write(s, &s->tick, "trust", it, 2, false, NULL);
    }
    if (r == 0 && roster_node(s->roster, s->self.id.s) == NULL) {
        r = SANJI_E_BUG; /* the acts did not make this node the top */
    }
    buf_done(&item[0]);
    buf_done(&item[1]);
    return r;
}

/* ---- sealed items ---- */

static int seal_recipients(const struct sync *s, const struct node_id *to, size_t n,
                           struct seal_ctx *c)
{
    struct node_id all[LIM_RECIPIENTS + 1];
    if (n == 0 || n > LIM_RECIPIENTS) {
        return SANJI_E_SIZE;
    }
    memcpy(all, to, n * sizeof(*to));
    all[n++] = s->self.id;
    for (size_t i = 1; i < n; i++) { /* insertion sort of at most 17 */
        for (size_t k = i; k > 0 && node_id_cmp(&all[k - 1], &all[k]) > 0; k--) {
            struct node_id x = all[k];
            all[k] = all[k - 1];
            all[k - 1] = x;
        }
    }
    for (size_t i = 0; i < n; i++) {
        const struct roster_key *key = roster_current_key(s->roster, all[i].s);
        if (key == NULL) {
            return SANJI_E_UNKNOWN_KEY;
        }
        c->to[i].n = all[i];
        memcpy(c->to[i].pub, key->seal, SEAL_PUB_LEN);
    }
    c->n_to = n;
    return 0;
}

int sync_seal_item(struct sync *s, const struct sync_tick *t, const char *id, int64_t step,
                   const struct node_id *to, size_t n_to, const uint8_t cek[static 32],
                   struct span plain, struct buf *ret_item)
{
    if (t != &s->tick) {
        s->tick = *t;
        s->rnd_n = 0;
    }
    struct seal_ctx c;
    struct item it;
    uint8_t rnd[(LIM_RECIPIENTS + 2) * 32];
    memset(&c, 0, sizeof(c));
    memset(&it, 0, sizeof(it));
    size_t n = strlen(id);
    int r = record_id_valid(id, n) ? sync__fresh(s) : SANJI_E_SPEC;
    if (r < 0) {
        return r;
    }
    memcpy(c.g, roster_g(s->roster), HASH_LEN);
    c.by = s->self.id;
    memcpy(c.id, id, n);
    c.step = step;
    r = seal_recipients(s, to, n_to, &c);
    if (r < 0) {
        return r;
    }
    sync__random(s, rnd, sizeof(rnd));
    struct buf d;
    buf_init(&d, LIM_ITEM_BYTES * 2);
    r = seal_write(&c, cek, plain, rnd, &d);
    if (r == 0) {
        memcpy(it.id, id, n);
        memcpy(it.k, "sealed/1", 9);
        it.op = OP_EVENT;
        it.r = step;
        sync__random(s, it.z, sizeof(it.z));
        it.d = span_of(d.data, d.len);
        r = item_write(&it, ret_item);
    }
    mem_wipe(rnd, sizeof(rnd));
    buf_done(&d);
    return r;
}
