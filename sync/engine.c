/* SPDX-License-Identifier: Apache-2.0 */
/* Steps: one event in, wishes out. Everything that happens to a node's replication passes through
 * sync_step(), so a simulation that replays the events, times and random bytes replays the node. */
#include "sync/internal.h"

#include "protocol/base/enc.h"

#include <stdlib.h>
#include <string.h>

/* Of one step, or of what waits for one: a message can hold so much that is wrong that naming it
 * all would be harm of its own. */
enum { ALARMS_MAX = 256 };

static const struct sync_tuning tuning_default = {
    .wait_ms = LIM_WAIT_MS,
    .backoff_min_ms = 1000,
    .backoff_max_ms = 15 * 60 * 1000,
    .max_bytes = 1 << 20,
};

/* ---- small services for the other files ---- */

void sync__random(struct sync *s, void *out, size_t n)
{
    uint8_t in[32 + 8], block[HASH_LEN];
    memcpy(in, s->tick.rnd, 32);
    uint8_t *p = out;
    while (n > 0) {
        uint64_t c = ++s->rnd_n;
        for (int i = 0; i < 8; i++) {
            in[32 + i] = (uint8_t)(c >> (8 * i));
        }
        hash_bytes(in, sizeof(in), block);
        size_t k = n < sizeof(block) ? n : sizeof(block);
        memcpy(p, block, k);
        p += k;
        n -= k;
    }
    mem_wipe(block, sizeof(block));
    mem_wipe(in, sizeof(in));
}

struct sync_wish *sync__wish(struct sync *s, enum sync_wish_type type)
{
    struct sync_out *o = s->out;
    if (o == NULL && type == SW_ALARM && s->later.n < ALARMS_MAX) {
        o = &s->later; /* a file was taken, or something written: told with the next step */
    }
    if (o == NULL || (type == SW_ALARM && ++s->n_alarms > ALARMS_MAX && o == s->out)) {
        return NULL;
    }
    if (o->n == o->cap) {
        size_t cap = o->cap == 0 ? 8 : o->cap * 2;
        struct sync_wish *w = realloc(o->w, cap * sizeof(*w));
        if (w == NULL) {
            return NULL;
        }
        o->w = w;
        o->cap = cap;
    }
    struct sync_wish *w = &o->w[o->n++];
    memset(w, 0, sizeof(*w));
    w->type = type;
    buf_init(&w->body, LIM_MESSAGE_BYTES);
    return w;
}

void sync_out_done(struct sync_out *o)
{
    for (size_t i = 0; i < o->n; i++) {
        buf_done(&o->w[i].body);
    }
    free(o->w);
    memset(o, 0, sizeof(*o));
}

static void tell_later(struct sync *s)
{
    for (size_t i = 0; i < s->later.n; i++) {
        const struct sync_wish *x = &s->later.w[i];
        sync__alarm(s, x->err, &x->peer, x->text);
    }
    sync_out_done(&s->later);
}

void sync__alarm(struct sync *s, int err, const struct node_id *peer, const char *text)
{
    struct sync_wish *w = sync__wish(s, SW_ALARM);
    if (w == NULL) {
        return;
    }
    w->err = err;
    if (peer != NULL) {
        w->peer = *peer;
    }
    size_t n = strlen(text);
    n = n < sizeof(w->text) - 1 ? n : sizeof(w->text) - 1;
    memcpy(w->text, text, n);
}

int sync__fresh(struct sync *s)
{
    return s->stale ? sync_reload(s) : 0;
}

int sync__tx_begin(struct sync *s)
{
    int r = sync__fresh(s);
    if (r == 0) {
        r = s->st->begin(s->st->ctx);
    }
    if (r == 0) {
        s->in_tx = true;
    }
    return r;
}

int sync__tx_end(struct sync *s, int r)
{
    if (r >= 0) {
        r = s->st->commit(s->st->ctx);
        if (r == 0) {
            s->in_tx = false;
            return 0;
        }
    }
    s->st->rollback(s->st->ctx);
    s->in_tx = false;
    int r2 = sync_reload(s);
    return r2 < 0 ? r2 : r;
}

/* ---- life ---- */

int sync_new(const struct sync_self *self, const struct sync_store *store, struct sync **ret)
{
    struct sync *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return SANJI_E_NOMEM;
    }
    s->self = *self;
    s->st = store;
    s->tune = tuning_default;
    s->want_said = true;
    s->own_cut_at = 1; /* it may not have been looked at before the end */
    memcpy(s->sign_seed, self->sign_seed, sizeof(s->sign_seed));
    s->self.sign_seed = s->sign_seed;
    buf_init(&s->line, LIM_BUNDLE_BYTES + 64);
    buf_init(&s->scratch, LIM_BUNDLE_BYTES);
    int r = SANJI_E_NOMEM;
    s->seal_seeds = calloc(self->n_seal_seeds + 1, sizeof(*s->seal_seeds));
    s->key = sign_key_new(s->sign_seed);
    if (self->old_sign_seed != NULL) {
        s->old_key = sign_key_new(self->old_sign_seed);
        s->self.old_sign_seed = NULL;
        if (s->old_key == NULL) {
            goto out;
        }
        key_id_of(sign_key_pub(s->old_key), &s->old_kid);
    }
    s->fc = frame_ctx_new();
    s->arena = arena_new(ARENA_MAX);
    s->roster = roster_new(self->g);
    if (s->seal_seeds == NULL || s->key == NULL || s->fc == NULL || s->arena == NULL ||
        s->roster == NULL) {
        goto out;
    }
    for (size_t i = 0; i < self->n_seal_seeds; i++) {
        memcpy(s->seal_seeds[i], self->seal_seeds[i], SEAL_SEED_LEN);
    }
    s->self.seal_seeds = (const uint8_t(*)[SEAL_SEED_LEN])s->seal_seeds;
    key_id_of(sign_key_pub(s->key), &s->kid);
    r = sync__streams_load(s);
    if (r == 0) {
        r = sync__roster_load(s);
    }
    if (r == 0) {
        r = sync__cosign_load(s);
    }
    if (r == 0) {
        r = sync__peers_refresh(s);
    }
out:
    if (r < 0) {
        sync_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

void sync_free(struct sync *s)
{
    if (s == NULL) {
        return;
    }
    sync__peers_free(s);
    sync__derive_free(s);
    sync__heads_free(s); /* what streams own */
    sync__streams_clear(s);
    roster_free(s->roster);
    arena_free(s->arena);
    frame_ctx_free(s->fc);
    sign_key_free(s->key);
    sign_key_free(s->old_key);
    sync__proof_free(s);
    sync__want_free(s);
    free(s->wrote);
    sync__custody_free(s);
    sync__key_free(s);
    sync__fetch_free(s);
    sync__erase_free(s);
    sync__self_free(s);
    if (s->seal_seeds != NULL) {
        mem_wipe(s->seal_seeds, (s->self.n_seal_seeds + 1) * sizeof(*s->seal_seeds));
    }
    mem_wipe(s->sign_seed, sizeof(s->sign_seed));
    sync_out_done(&s->later);
    free(s->seal_seeds);
    free(s->sess);
    buf_done(&s->line);
    buf_done(&s->scratch);
    free(s);
}

int sync_reload(struct sync *s)
{
    struct roster *fresh = roster_new(s->self.g);
    if (fresh == NULL) {
        return SANJI_E_NOMEM;
    }
    s->stale = true;
    sync__proof_clear(s);
    roster_free(s->roster);
    s->roster = fresh;
    int r = sync__streams_load(s);
    if (r == 0) {
        r = sync__roster_load(s);
    }
    if (r == 0) {
        r = sync__cosign_load(s);
    }
    /* What peers were told may no longer be true: sessions begin anew. */
    for (size_t i = 0; i < s->n_peers; i++) {
        sync__peer_reset_stated(s, s->peers[i]);
    }
    sync__client_reset(s);
    for (size_t i = 0; i < s->n_sess; i++) {
        s->sess[i].conn = 0;
    }
    int r2 = sync__peers_refresh(s);
    r = r < 0 ? r : r2;
    s->stale = r < 0;
    return r;
}

void sync_tune(struct sync *s, const struct sync_tuning *t)
{
    s->tune = *t;
    if (s->tune.wait_ms > LIM_WAIT_MS) {
        s->tune.wait_ms = LIM_WAIT_MS;
    }
    if (s->tune.max_bytes < LIM_BUNDLE_BYTES) {
        s->tune.max_bytes = LIM_BUNDLE_BYTES;
    }
}

/* ---- steps ---- */

static int64_t min_wake(int64_t a, int64_t b)
{
    if (a == 0) {
        return b;
    }
    return b == 0 || a < b ? a : b;
}

/* Only failures of the store: what else comes of it has been said where it belongs. */
static int worse(int r, int more)
{
    return r == 0 && sync_is_store_failure(more) ? more : r;
}

static int after_step(struct sync *s)
{
    int r = worse(0, sync__self_settle(s));
    if (s->changed) {
        s->changed = false;
        (void)sync__wish(s, SW_CHANGED);
    }
    if (!s->started) {
        return r;
    }
    sync__server_answer_held(s, s->stopping);
    if (s->stopping) {
        return r;
    }
    r = worse(r, sync__erase_again(s));
    sync__want_say(s);
    if (s->relog) { /* a held request would keep the parent from hearing it */
        s->relog = false;
        sync__client_reset(s);
    }
    sync__client_run(s);
    int64_t at = min_wake(sync__client_wake(s), sync__server_wake(s));
    at = min_wake(at, sync__key_wake(s));
    at = min_wake(at, sync__self_wake(s));
    at = min_wake(at, min_wake(sync__beat_wake(s), sync__heal_wake(s)));
    at = min_wake(at, min_wake(s->proof_look, sync__fetch_wake(s)));
    if (at != 0) {
        struct sync_wish *w = sync__wish(s, SW_WAKE);
        if (w != NULL) {
            w->at = at;
        }
    }
    return r;
}

/* The store could not be read after a rollback. Without its heads a node might begin its own
 * streams anew, so nothing is done until it can be. */
static int step_refused(struct sync *s, const struct sync_event *ev, int err)
{
    if (ev->type == SEV_REQUEST) {
        sync__reply_error(s, ev->req, err, 5000, NULL);
    }
    struct sync_wish *w = sync__wish(s, SW_WAKE);
    if (w != NULL) {
        w->at = s->tick.mono_ms + 1000;
    }
    s->out = NULL;
    return err;
}

int sync_step(struct sync *s, const struct sync_tick *t, const struct sync_event *ev,
              struct sync_out *out)
{
    s->tick = *t;
    s->rnd_n = 0;
    s->out = out;
    int r = sync__fresh(s);
    if (r < 0) {
        return step_refused(s, ev, r);
    }
    s->n_alarms = 0;
    tell_later(s);
    switch (ev->type) {
    case SEV_START:
        r = sync__upgraded(s);
        s->started = true;
        s->asked = t->mono_ms;
        s->catching = s->caught = false;
        s->stopping = false;
        break;
    case SEV_TICK:
        r = s->started && !s->stopping ? sync__key_step(s) : 0;
        if (r == 0 && s->started && !s->stopping) {
            r = sync__heal_step(s);
        }
        break;
    case SEV_LOCAL:
        break;
    case SEV_ANSWER:
        sync__client_answer(s, ev);
        break;
    case SEV_REQUEST:
        sync__server_request(s, ev);
        break;
    case SEV_GONE:
        sync__server_gone(s, ev);
        break;
    case SEV_NOW:
        s->now_wanted = true;
        s->now_asked = false;
        s->now_state = SANJI_E_PENDING;
        s->now_deadline = t->mono_ms + 120000;
        for (int i = 0; i < LANE_COUNT; i++) {
            s->lane[i].retry_at = 0;
            s->lane[i].attempt = 0;
        }
        if (s->parent == NULL) {
            struct node_id id;
            uint8_t tls[HASH_LEN];
            s->now_state = sync_parent(s, &id, tls, NULL) < 0 ? SANJI_E_NOT_FOUND : SANJI_E_PENDING;
            s->now_wanted = s->now_state == SANJI_E_PENDING;
        }
        break;
    case SEV_STOP:
        s->stopping = true;
        break;
    }
    if (r == 0 && s->started && !s->stopping) {
        r = sync__heads_step(s);
    }
    if (r == 0 && s->started && !s->stopping) {
        r = sync__beat_step(s);
        r = r < 0 ? r : sync__evidence_step(s);
        r = r < 0 ? r : sync__fetch_step(s);
    }
    int r2 = after_step(s);
    s->out = NULL;
    return r < 0 ? r : r2;
}

/* ---- looking ---- */

const struct roster *sync_roster(const struct sync *s)
{
    return s->roster;
}

const struct sync_self *sync_self_of(const struct sync *s)
{
    return &s->self;
}

const struct sign_key *sync_key(const struct sync *s)
{
    return s->key;
}

int sync_now_state(const struct sync *s)
{
    return s->now_state;
}

void sync_each_peer(const struct sync *s, void (*fn)(const struct sync_peer_status *, void *),
                    void *arg)
{
    for (size_t i = 0; i < s->n_peers; i++) {
        struct sync_peer_status st = s->peers[i]->st;
        st.id = s->peers[i]->id;
        st.is_parent = s->peers[i]->is_parent;
        st.held = s->peers[i]->has_held;
        st.behind = 0;
        for (size_t k = 0; s->peers[i]->their_known && k < s->n_streams; k++) {
            const struct stream *str = &s->streams[k];
            if (str->row.no == 0 || !sync__entitled(s, k, s->peers[i])) {
                continue;
            }
            const struct peer_stream *ps = k < s->peers[i]->n_ps ? &s->peers[i]->ps[k] : NULL;
            int64_t their = ps == NULL ? -1 : ps->shown > ps->their ? ps->shown : ps->their;
            their = their < 0 ? 0 : their;
            st.behind += str->row.seq > their ? str->row.seq - their : 0;
        }
        fn(&st, arg);
    }
}

void sync_each_stream(const struct sync *s, void (*fn)(const struct sync_stream_row *, void *),
                      void *arg)
{
    for (size_t i = 0; i < s->n_streams; i++) {
        struct sync_stream_row row = s->streams[i].row;
        row.skipped = s->streams[i].jump > 0 ? s->streams[i].jump - 1 : 0;
        if (row.no != 0) {
            fn(&row, arg);
        }
    }
}

struct trust_head {
    const struct sync_stream_row *row;
};

static int head_order(const void *a, const void *b)
{
    const struct trust_head *x = a, *y = b;
    return stream_key_cmp(&x->row->key, &y->row->key);
}

/* PROTOCOL.md section 10: digest of all trust heads held. */
int sync_roster_version(const struct sync *s, uint8_t ret[static 8])
{
    memset(ret, 0, 8);
    if (s->rv_ok) {
        memcpy(ret, s->rv, 8);
        return 0;
    }
    struct trust_head *v = calloc(s->n_streams + 1, sizeof(*v));
    if (v == NULL) {
        return SANJI_E_NOMEM;
    }
    size_t n = 0;
    struct buf b;
    buf_init(&b, (size_t)1 << 26);
    for (size_t i = 0; i < s->n_streams; i++) {
        if (s->streams[i].row.no != 0 && s->streams[i].aud.type == AUD_TRUST) {
            v[n++].row = &s->streams[i].row;
        }
    }
    if (n > 1) {
        qsort(v, n, sizeof(*v), head_order);
    }
    for (size_t i = 0; i < n; i++) {
        buf_put_lps(&b, v[i].row->key.by.s);
        buf_put_u32be(&b, v[i].row->key.ep);
        buf_put(&b, v[i].row->key.en, sizeof(v[i].row->key.en));
        buf_put_u64be(&b, (uint64_t)v[i].row->seq);
        buf_put(&b, v[i].row->id, HASH_LEN);
    }
    int r = b.err;
    if (r == 0) {
        uint8_t h[HASH_LEN];
        hash_bytes(b.data, b.len, h);
        memcpy(ret, h, 8);
    }
    buf_done(&b);
    free(v);
    return r;
}
