/* SPDX-License-Identifier: Apache-2.0 */
/* Beats (PROTOCOL.md 15.3). Once a day a writer says for each broad audience how much of it is live
 * and what the leaves sum up to. So nobody takes silence for "nothing has changed": who hears no
 * beat knows that nothing reaches him, and who has another sum knows that something of his is
 * damaged. The time of the last beat is kept in the store, for many stations are switched off every
 * evening. */
#include "sync/internal.h"

#include <string.h>

enum { AGAIN_MS = 60000, JITTER = 20 };
static const char kept_name[] = "beat";

struct kept_beat {
    int64_t at; /* this node's clock: the last bundle that said what is live */
    int64_t n;  /* beats since the newest keyframe */
};

bool sync__owes_beat(const struct sync *s, const char *by, const struct audience *aud)
{
    const struct roster_node *n = roster_node(s->roster, by);
    if (n == NULL || n->state != NODE_ACTIVE ||
        (aud->type != AUD_FED && aud->type != AUD_SUB && aud->type != AUD_UP)) {
        return false;
    }
    const char *x = aud->type == AUD_FED ? by : aud->node[0].s;
    return strcmp(x, by) == 0 || roster_is_ancestor(s->roster, x, by) ||
           (aud->type == AUD_SUB && roster_is_ancestor(s->roster, by, x));
}

/* ---- when ---- */

/* Each node has its own, so that not all speak at the same moment. */
static int64_t period(const struct sync *s)
{
    int64_t p = s->tune.beat_ms > 0 ? s->tune.beat_ms : LIM_BEAT_MS;
    uint32_t h = 0;
    for (const char *c = s->self.id.s; *c != '\0'; c++) {
        h = h * 31 + (uint8_t)*c;
    }
    return p + p / JITTER * (int64_t)(h % 1000) / 1000;
}

/* Own lanes alone, at their newest epoch, and not where a registrar has to decide first. */
static bool is_lane(const struct sync *s, size_t idx)
{
    const struct stream *st = &s->streams[idx];
    return st->row.no != 0 && strcmp(st->row.key.by.s, s->self.id.s) == 0 && !st->row.frozen &&
           st->kept == st->row.seq && st->doubt == 0 &&
           sync__owes_beat(s, s->self.id.s, &st->aud) &&
           sync__stream_newest(s, s->self.id.s, st->row.key.aud) == (int)idx;
}

/* A clock that was set back has a last beat in the future: it beats anew. */
static int64_t due_at(const struct sync *s, const struct stream *st)
{
    return st->beat_at > s->tick.now_ms ? s->tick.now_ms : st->beat_at + period(s);
}

void sync__beat_plan(struct sync *s)
{
    int64_t now = s->tick.now_ms;
    s->beat_due = sync__heads_due(s, period(s));
    for (size_t i = 0; i < s->n_streams; i++) {
        int64_t at = is_lane(s, i) ? due_at(s, &s->streams[i]) : INT64_MAX;
        s->beat_due = at < s->beat_due ? at : s->beat_due;
    }
    int64_t wait = s->beat_due == INT64_MAX ? 0 : s->beat_due > now ? s->beat_due - now : 1;
    s->beat_look = wait == 0 ? 0 : s->tick.mono_ms + wait;
}

int64_t sync__beat_wake(const struct sync *s)
{
    return s->beat_look;
}

/* What a keyframe would have to take along, see keyframe.c. A stream in which nothing happens for
 * years would else grow by its beats alone. */
bool sync__beats_many(const struct sync *s, const struct stream *st, int64_t live)
{
    int64_t most = s->tune.key_items > 0 ? s->tune.key_items : LIM_KEY_BEATS;
    return st->beats > most && st->beats > live;
}

/* ---- remembered across starts ---- */

static int load_one(struct sync *s, struct stream *st, const void *value)
{
    struct kept_beat k;
    (void)s;
    memcpy(&k, value, sizeof(k));
    st->beat_at = k.at;
    st->beats = k.n;
    return 0;
}

int sync__beats_load(struct sync *s)
{
    for (size_t i = 0; i < s->n_streams; i++) {
        s->streams[i].beat_at = s->streams[i].beats = 0;
    }
    int r = sync__kept_each(s, kept_name, sizeof(struct kept_beat), load_one);
    s->beat_look = 1; /* planned anew as soon as a step comes */
    s->beat_due = INT64_MIN;
    return r;
}

int sync__beat_wrote(struct sync *s, size_t idx, const struct bundle_header *h)
{
    struct stream *st = &s->streams[idx];
    bool is_first = st->beat_at == 0; /* its readers owe it a day before they miss anything */
    if (!sync__owes_beat(s, s->self.id.s, &st->aud) ||
        (!is_first && h->t != BUNDLE_BEAT && !h->has_kf)) {
        return 0;
    }
    st->beat_at = s->tick.now_ms;
    st->beats = h->has_kf ? 0 : st->beats + (h->t == BUNDLE_BEAT);
    if (s->beat_due > due_at(s, st)) {
        sync__beat_plan(s);
    }
    struct kept_beat k = {st->beat_at, st->beats};
    return sync__kept_set(s, kept_name, st->row.no, &k, sizeof(k));
}

/* ---- writing ---- */

/* Nothing is signed while it is in doubt what was signed before. */
static bool may_write(const struct sync *s)
{
    enum sync_self_state now = sync_self_state(s);
    return !s->restored && !sync_asking(s) && (now == SYNC_SELF_OK || now == SYNC_SELF_FORKED);
}

/* In a transaction. A lane that refuses does not keep the others from theirs. */
static int write_due(struct sync *s)
{
    size_t n = s->n_streams;
    /* The table before the beat, which counts it. */
    int r = sync__heads_due(s, period(s)) <= s->tick.now_ms ? sync__heads_write(s) : 0;
    r = sync_is_store_failure(r) ? r : 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        if (!is_lane(s, i) || due_at(s, &s->streams[i]) > s->tick.now_ms) {
            continue;
        }
        char aud[LIM_AUD_BYTES + 1];
        memcpy(aud, s->streams[i].row.key.aud, sizeof(aud));
        r = sync__write_one(s, BUNDLE_BEAT, aud, NULL, 0, NULL, NULL);
        if (r < 0 && !sync_is_store_failure(r)) {
            s->streams[i].beat_at = s->tick.now_ms - period(s) + AGAIN_MS;
            r = 0;
        }
    }
    return r;
}

int sync__beat_step(struct sync *s)
{
    if (s->beat_look == 0 || (s->tick.mono_ms < s->beat_look && s->tick.now_ms < s->beat_due)) {
        return 0;
    }
    if (!may_write(s)) {
        s->beat_look = s->tick.mono_ms + AGAIN_MS;
        s->beat_due = INT64_MAX;
        return 0;
    }
    sync__beat_plan(s);
    if (s->beat_due > s->tick.now_ms) {
        return 0;
    }
    int r = sync__tx_begin(s);
    if (r == 0) {
        r = sync__tx_end(s, write_due(s));
    }
    sync__beat_plan(s);
    if (r < 0) {
        s->beat_look = s->tick.mono_ms + AGAIN_MS;
        s->beat_due = INT64_MAX;
    }
    return r;
}
