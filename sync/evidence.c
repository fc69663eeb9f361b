/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs that a writer signed two bundles under one number (PROTOCOL.md 15.5). Whoever freezes a
 * stream keeps the two headers, and when a day later nothing has ended the freeze, it publishes
 * them in `fed`, once for each stream: a station put back from a backup has healed by then, and of
 * a stolen key everybody should know. "proof/NO" waits for its day, "proved/NO" has been said. */
#include "sync/internal.h"

#include "protocol/base/enc.h"
#include "protocol/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 40, AT_ONCE = 16, AGAIN_MS = 60000, REFUSED_MS = 3600000, STEP_MS = 1000 };
static const char prefix[] = "proof/";

struct waiting {
    char name[NAME_BYTES];
    int64_t no;
    struct buf d;
};

static int64_t patience(const struct sync *s)
{
    return s->tune.proof_ms > 0 ? s->tune.proof_ms : LIM_PROOF_MS;
}

/* ---- when a stream is frozen ---- */

struct held_read {
    struct sync *s;
    struct jw *w;
    int64_t seq;
    bool found;
};

static void side(struct jw *w, const char *name, const struct bundle *b)
{
    jw_obj(w, name);
    jw_strn(w, "h", (const char *)b->h.p, b->h.n);
    jw_b64(w, "s", b->sig, SIG_LEN);
    jw_end_obj(w);
}

static int held_side(const struct sync_bundle_row *row, void *arg)
{
    struct held_read *x = arg;
    struct arena *a = arena_new(ARENA_MAX);
    struct bundle b;
    struct buf line;
    if (row->seq != x->seq) {
        return 1;
    }
    buf_init(&line, LIM_BUNDLE_BYTES + 64); /* the engine's own line holds the other bundle */
    int r = a == NULL ? SANJI_E_NOMEM : sync__stored(x->s, row, READ_HEAD, &line, a, &b);
    if (r == 0) {
        side(x->w, "a", &b);
        x->found = true;
    }
    buf_done(&line);
    arena_free(a);
    return r < 0 ? r : 1;
}

static bool is_there(const struct sync *s, const char *what, int64_t no, char name[NAME_BYTES])
{
    struct buf v;
    buf_init(&v, 64 * 1024);
    (void)snprintf(name, NAME_BYTES, "%s%lld", what, (long long)no);
    int r = s->st->kv_get(s->st->ctx, name, &v);
    buf_done(&v);
    return r != SANJI_E_NOT_FOUND;
}

int sync__evidence_note(struct sync *s, const struct stream *st, const struct bundle *other)
{
    char name[NAME_BYTES];
    struct jw w;
    struct buf v;
    int64_t now = s->tick.now_ms;
    if (s->witness || audience_is_private(st->aud.type) || other->hdr.seq > st->row.seq ||
        is_there(s, "proved/", st->row.no, name) || is_there(s, prefix, st->row.no, name)) {
        return 0; /* outside its audience a private stream is named by nobody */
    }
    buf_init(&v, 64 * 1024);
    int r = buf_put(&v, &now, sizeof(now));
    jw_init(&w, &v);
    jw_obj(&w, NULL);
    struct held_read x = {.s = s, .w = &w, .seq = other->hdr.seq};
    if (r == 0) {
        r = s->st->bundles(s->st->ctx, st->row.no, other->hdr.seq - 1, 1, held_side, &x);
    }
    side(&w, "b", other);
    jw_end_obj(&w);
    r = r < 0 ? r : jw_done(&w);
    if (r == 0 && x.found) { /* with one side damaged nothing is proved; the freeze stands */
        r = s->st->kv_put(s->st->ctx, name, span_of(v.data, v.len));
        s->proof_look = s->tick.mono_ms + STEP_MS;
    }
    buf_done(&v);
    return r;
}

/* ---- when its day has come ---- */

struct look {
    const struct sync *s;
    struct waiting w[AT_ONCE];
    size_t n;
    int64_t next; /* wall: when the first of the others has its day; 0: there is none */
};

static int take_one(const char *name, struct span value, void *arg)
{
    struct look *l = arg;
    struct waiting *w = &l->w[l->n];
    const char *no = name + sizeof(prefix) - 1;
    int64_t at, now = l->s->tick.now_ms; /* at: this node's clock when it froze the stream */
    if (l->n == AT_ONCE) {
        return 1;
    }
    if (strlen(name) >= NAME_BYTES || value.n <= sizeof(at) ||
        text_i64(no, strlen(no), 1, INT64_MAX, &w->no) < 0) {
        return SANJI_E_CORRUPT;
    }
    memcpy(&at, value.p, sizeof(at));
    if (at <= now && at + patience(l->s) > now) {
        at += patience(l->s);
        l->next = l->next == 0 || at < l->next ? at : l->next;
        return 0;
    }
    (void)snprintf(w->name, sizeof(w->name), "%s", name);
    buf_init(&w->d, 64 * 1024);
    l->n++;
    return buf_put(&w->d, value.p + sizeof(at), value.n - sizeof(at));
}

static int publish(struct sync *s, const struct waiting *w)
{
    struct item it;
    struct buf text;
    uint8_t leaf[HASH_LEN];
    char done[NAME_BYTES];
    memset(&it, 0, sizeof(it));
    memcpy(it.k, "proof/1", sizeof("proof/1"));
    it.op = OP_EVENT;
    it.r = 1;
    it.d = span_of(w->d.data, w->d.len);
    leaf_of(it.d, leaf);
    it.id[0] = 'p';
    hex_put(leaf, 8, it.id + 1);
    sync__random(s, it.z, sizeof(it.z));
    buf_init(&text, LIM_ITEM_BYTES);
    int r = item_write(&it, &text);
    struct span one = span_of(text.data, text.len);
    if (r == 0) {
        r = sync__write_one(s, BUNDLE_DATA, "fed", &one, 1, NULL, NULL);
    }
    (void)snprintf(done, sizeof(done), "proved/%lld", (long long)w->no);
    if (r == 0) {
        r = s->st->kv_put(s->st->ctx, done, span_of("1", 1));
    }
    buf_done(&text);
    return r;
}

/* In a transaction. A freeze that has ended meanwhile is no news. */
static int settle(struct sync *s, const struct waiting *w)
{
    int idx = sync__by_no(s, w->no);
    int r = idx >= 0 && s->streams[idx].row.frozen ? publish(s, w) : 0;
    return r < 0 ? r : s->st->kv_del(s->st->ctx, w->name);
}

int sync__evidence_step(struct sync *s)
{
    struct look *l;
    if (s->proof_look == 0 || s->tick.mono_ms < s->proof_look) {
        return 0;
    }
    s->proof_look = s->tick.mono_ms + AGAIN_MS;
    if (s->restored || sync_self_error(s) != 0 || sync_asking(s)) {
        return 0;
    }
    if ((l = calloc(1, sizeof(*l))) == NULL) {
        return SANJI_E_NOMEM;
    }
    l->s = s;
    int r = s->st->kv_each(s->st->ctx, prefix, take_one, l);
    r = r < 0 || l->n == 0 ? r : sync__tx_begin(s);
    if (r == 0 && l->n > 0) {
        for (size_t i = 0; r == 0 && i < l->n; i++) {
            r = settle(s, &l->w[i]);
        }
        r = sync__tx_end(s, r);
    }
    if (r < 0 && !sync_is_store_failure(r)) { /* it may not write now: moved, closed */
        s->proof_look = s->tick.mono_ms + REFUSED_MS;
        r = 0;
    } else if (r >= 0) {
        s->proof_look = l->n == AT_ONCE ? s->tick.mono_ms + STEP_MS
                        : l->next == 0  ? 0
                                        : s->tick.mono_ms + (l->next - s->tick.now_ms);
    }
    for (size_t i = 0; i < l->n; i++) {
        buf_done(&l->w[i].d);
    }
    free(l);
    return r < 0 ? r : 0;
}
