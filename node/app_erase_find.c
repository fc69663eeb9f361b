/* SPDX-License-Identifier: Apache-2.0 */
/* Finding what a person means: every form still held of own records and of those of nodes whose
 * steward this one is, referrals, and what lies beside the streams. What cannot be read stops
 * nothing: it is named. */
#include "node/app_erase.h"

#include "node/app_internal.h"
#include "node/app_refused.h"
#include "protocol/base/text.h"
#include "protocol/jwrite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIND_MIN = 2 };

struct search {
    struct app *a;
    struct buf want; /* as it stands in JSON */
    app_erase_hit_fn *fn;
    void *arg;
    struct frame_ctx *fc;
    struct arena *arena;
    struct buf line;
    struct seen {
        char owner[LIM_NODE_ID + 2], id[LIM_ID_BYTES + 1];
    } * seen;
    size_t n, cap;
    char thread[LIM_ID_BYTES + 1];
    bool hit;
    struct sync_stream_row *own;
    size_t n_own, cap_own;
    struct stream_key key; /* of the stream looked at, */
    int64_t next;          /* what should come next in it, */
    int64_t skipped;       /* and up to where a keyframe that is not whole yet leaves out some */
};

static bool holds(const struct search *s, struct span text)
{
    return memmem(text.p, text.n, s->want.data, s->want.len) != NULL;
}

/* owner: of the record; "": this node. */
static int say(struct search *s, const char *what, const char *owner, const char *id)
{
    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(s->seen[i].id, id) == 0 && strcmp(s->seen[i].owner, owner) == 0) {
            return 0;
        }
    }
    if (s->n == s->cap) {
        size_t cap = s->cap == 0 ? 64 : s->cap * 2;
        void *v = realloc(s->seen, cap * sizeof *s->seen);
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        s->seen = v;
        s->cap = cap;
    }
    struct seen *x = &s->seen[s->n++];
    snprintf(x->id, sizeof x->id, "%s", id);
    snprintf(x->owner, sizeof x->owner, "%s", owner);
    return s->fn(what, x->owner, x->id, s->arg);
}

/* "": this node, as nobody has to be told. */
static const char *owner_of(const struct search *s, const char *node)
{
    return strcmp(node, app_id(s->a)) == 0 ? "" : node;
}

static bool is_steward_of(const struct search *s, const char *node)
{
    return app__may_stand_for(s->a, node) == 0;
}

static int look_at(struct search *s, const struct bundle *b)
{
    struct item it;
    int r = 0;
    for (size_t i = 0; r == 0 && b->item != NULL && i < (size_t)b->hdr.n; i++) {
        if (!b->item[i].stub && holds(s, b->item[i].text) &&
            item_parse(b->item[i].text, &it, NULL) == 0) {
            const char *owner = node_id_none(&it.on_behalf) ? b->hdr.by.s : it.on_behalf.s;
            r = say(s, "record", owner_of(s, owner), it.id);
        }
    }
    return r;
}

/* What cannot be read is named, and the rest is searched. */
static int unread(struct search *s, int64_t seq)
{
    char where[LIM_AUD_BYTES + 40];
    snprintf(where, sizeof where, "%s/%lu/%lld", s->key.aud, (unsigned long)s->key.ep,
             (long long)seq);
    return s->fn("unread", owner_of(s, s->key.by.s), where, s->arg);
}

static int gone(struct search *s, int64_t before)
{
    int r = 0;
    for (; r == 0 && s->next < before; s->next++) {
        r = unread(s, s->next);
    }
    return r;
}

/* Older forms too: they are held until a keyframe replaces them. */
static int on_bundle(const struct sync_bundle_row *row, void *arg)
{
    struct search *s = arg;
    struct bundle b;
    size_t used;
    if (s->next <= s->skipped && row->seq > s->skipped) {
        s->next = s->skipped + 1;
    }
    int r = gone(s, row->seq);
    if (r != 0) {
        return r;
    }
    s->next = row->seq + 1;
    arena_reset(s->arena);
    r = frame_unpack(s->fc, row->frame, &s->line, &used);
    r = r < 0 ? r : bundle_parse(span_of(s->line.data, s->line.len), s->arena, &b, NULL);
    if (r == SANJI_E_NOMEM) {
        return r;
    }
    if (r < 0) {
        return unread(s, row->seq);
    }
    r = memcmp(b.id, row->id, HASH_LEN) != 0 ? unread(s, row->seq) : 0;
    return r != 0 ? r : look_at(s, &b);
}

/* The walk goes on behind a row that the database itself cannot read. */
static int one_stream(struct search *s, const struct sync_stream_row *st)
{
    const struct sync_store *port = store_port(s->a->store);
    int r;
    s->key = st->key;
    s->skipped = st->skipped;
    s->next = st->first > 1 ? st->first : 1;
    do {
        r = port->bundles(port->ctx, st->no, s->next - 1, SIZE_MAX, on_bundle, s);
        if (r == SANJI_E_CORRUPT && s->next <= st->seq) {
            r = unread(s, s->next++);
            r = r == 0 ? SANJI_E_CORRUPT : r;
        }
    } while (r == SANJI_E_CORRUPT && s->next <= st->seq);
    r = r == SANJI_E_CORRUPT ? 0 : r;
    return r != 0 || st->skipped != 0 ? r : gone(s, st->seq + 1);
}

static int on_stream(const struct sync_stream_row *st, void *arg)
{
    struct search *s = arg;
    bool is = strcmp(st->key.by.s, app_id(s->a)) == 0 || is_steward_of(s, st->key.by.s);
    if (!is || strcmp(st->key.aud, "trust") == 0) {
        return 0;
    }
    if (s->n_own == s->cap_own) {
        size_t cap = s->cap_own == 0 ? 16 : s->cap_own * 2;
        void *v = realloc(s->own, cap * sizeof *s->own);
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        s->own = v;
        s->cap_own = cap;
    }
    s->own[s->n_own++] = *st;
    return 0;
}

/* The engine knows it of each. */
static void on_skipped(const struct sync_stream_row *st, void *arg)
{
    struct search *s = arg;
    for (size_t i = 0; i < s->n_own; i++) {
        s->own[i].skipped = s->own[i].no == st->no ? st->skipped : s->own[i].skipped;
    }
}

static int own_streams(struct search *s)
{
    const struct sync_store *port = store_port(s->a->store);
    int r = port->streams(port->ctx, on_stream, s);
    sync_each_stream(s->a->sync, on_skipped, s);
    for (int others = 0; others < 2; others++) {
        for (size_t i = 0; r == 0 && i < s->n_own; i++) {
            bool other = owner_of(s, s->own[i].key.by.s)[0] != '\0';
            r = other == (others == 1) ? one_stream(s, &s->own[i]) : 0;
        }
    }
    return r;
}

/* What waits beside the streams to be published again, or could not be, is no less held. */
static int on_aside(const struct sync_aside *x, void *arg)
{
    struct search *s = arg;
    bool is = x->b != NULL && strcmp(x->b->hdr.aud, "trust") != 0 &&
              (strcmp(x->b->hdr.by.s, app_id(s->a)) == 0 || is_steward_of(s, x->b->hdr.by.s));
    return is ? look_at(s, x->b) : 0;
}

/* And what could not even be signed: it has no other name than the one it lies under. */
static int on_refused(const struct app_refused *x, void *arg)
{
    struct search *s = arg;
    return holds(s, x->text) ? say(s, "unsent", "", x->name) : 0;
}

static int on_event(const struct store_thread_event *e, void *arg)
{
    struct search *s = arg;
    s->hit = s->hit || holds(s, e->d);
    return 0;
}

static int on_case(const struct store_thread *t, void *arg)
{
    struct search *s = arg;
    s->hit = false;
    snprintf(s->thread, sizeof s->thread, "%s", t->id);
    int r = store_thread_events(s->a->store, t->n, on_event, s);
    return r < 0 || !s->hit ? r : say(s, "referral", "", s->thread);
}

int app_erase_find(struct app *a, struct span text, app_erase_hit_fn *fn, void *arg)
{
    struct search s = {.a = a, .fn = fn, .arg = arg};
    while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r')) {
        text.n--;
    }
    if (text.n < FIND_MIN || !utf8_valid((const char *)text.p, text.n, NULL)) {
        return SANJI_E_SPEC;
    }
    s.fc = frame_ctx_new();
    s.arena = arena_new((size_t)24 << 20);
    buf_init(&s.want, 65536);
    buf_init(&s.line, LIM_BUNDLE_BYTES + 64);
    int r = s.fc == NULL || s.arena == NULL ? SANJI_E_NOMEM
                                            : json_quote(&s.want, (const char *)text.p, text.n);
    if (r == 0) { /* without the quotes: a part of a text will do */
        s.want.len -= 2;
        memmove(s.want.data, s.want.data + 1, s.want.len);
        r = store_thread_list(a->store, 0, 0, on_case, &s);
    }
    if (r == 0) {
        r = own_streams(&s);
    }
    r = r < 0 ? r : sync_aside_each(a->sync, on_aside, &s);
    r = r < 0 ? r : app_refused_each(a, on_refused, &s);
    frame_ctx_free(s.fc);
    arena_free(s.arena);
    buf_wipe_done(&s.want);
    buf_wipe_done(&s.line);
    free(s.seen);
    free(s.own);
    return r < 0 ? r : 0;
}
