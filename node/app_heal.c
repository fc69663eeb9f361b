/* SPDX-License-Identifier: Apache-2.0 */
/* Repair of what verify found. What stands beside a bundle (its row, its stream's row) is written
 * again from the bundle; a bundle that is damaged or gone is asked for again, from whoever holds
 * the same (sync/want.c), and nothing that is stored is dropped for it; when all of them are back,
 * views are derived again. */
#include "node/app_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNREADABLE_MAX = 4096, MISSING_MAX = 65536 };

struct fact {
    int64_t seq, ts, items, raw_bytes;
    int type;
    uint8_t id[HASH_LEN];
    bool is_row_wrong;
};

struct scan { /* of one stream */
    struct app *a;
    struct frame_ctx *fc;
    struct arena *arena;
    struct buf line;
    const struct app_faults *faults;
    struct app_faults *wanted;
    struct sync_stream_row st, want; /* as it stands; as its bundles say */
    struct fact *v;
    size_t n, cap;
    int64_t last; /* seq last read */
    bool key_known;
    struct app_healed *did;
};

int app_faults_add(struct app_faults *f, int64_t no, int64_t seq)
{
    if (app_faults_has(f, no, seq)) {
        return 0;
    }
    if (f->n == f->cap) {
        size_t cap = f->cap == 0 ? 16 : f->cap * 2;
        struct app_place *v = realloc(f->v, cap * sizeof *v);
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        f->v = v;
        f->cap = cap;
    }
    f->v[f->n++] = (struct app_place){no, seq};
    return 0;
}

bool app_faults_has(const struct app_faults *f, int64_t no, int64_t seq)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->v[i].no == no && f->v[i].seq == seq) {
            return true;
        }
    }
    return false;
}

int app__frame_read(struct frame_ctx *fc, struct arena *arena, struct span frame, struct buf *line,
                    struct bundle *ret)
{
    size_t used;
    buf_reset(line);
    arena_reset(arena);
    int r = frame_unpack(fc, frame, line, &used);
    return r < 0 ? r : bundle_parse(span_of(line->data, line->len), arena, ret, NULL);
}

/* ---- what the bundles of a stream say ---- */

static int on_row(const struct sync_bundle_row *row, void *arg)
{
    struct scan *s = arg;
    struct bundle b;
    s->last = row->seq;
    if (s->n == s->cap) {
        size_t cap = s->cap == 0 ? 256 : s->cap * 2;
        struct fact *v = realloc(s->v, cap * sizeof *v);
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        s->v = v;
        s->cap = cap;
    }
    struct fact *f = &s->v[s->n++];
    *f = (struct fact){.seq = row->seq, .type = row->type};
    memcpy(f->id, row->id, HASH_LEN);
    if (app_faults_has(s->faults, row->no, row->seq)) {
        return app_faults_add(s->wanted, row->no, row->seq);
    }
    int r = app__frame_read(s->fc, s->arena, row->frame, &s->line, &b);
    if (r == SANJI_E_NOMEM) {
        return r;
    }
    if (r < 0 || b.hdr.seq != row->seq) {
        return app_faults_add(s->wanted, row->no, row->seq);
    }
    if (!s->key_known) {
        s->want.key.by = b.hdr.by;
        s->want.key.ep = (uint32_t)b.hdr.ep;
        memcpy(s->want.key.en, b.hdr.en, sizeof s->want.key.en);
        (void)snprintf(s->want.key.aud, sizeof s->want.key.aud, "%s", b.hdr.aud);
        s->key_known = true;
    }
    *f = (struct fact){.seq = row->seq,
                       .ts = b.hdr.ts,
                       .items = b.hdr.n,
                       .raw_bytes = (int64_t)b.line.n,
                       .type = (int)b.hdr.t};
    memcpy(f->id, b.id, HASH_LEN);
    f->is_row_wrong = memcmp(row->id, b.id, HASH_LEN) != 0 || row->ts != f->ts ||
                      row->items != f->items || row->raw_bytes != f->raw_bytes ||
                      row->type != f->type;
    return 0;
}

/* A row that cannot be read is one that is wanted; the walk goes on behind it. */
static int walk(struct scan *s)
{
    const struct sync_store *p = store_port(s->a->store);
    int r = SANJI_E_CORRUPT;
    s->n = 0;
    s->last = s->st.first > 0 ? s->st.first - 1 : 0;
    for (int i = 0; r == SANJI_E_CORRUPT && i < UNREADABLE_MAX; i++) {
        r = p->bundles(p->ctx, s->st.no, s->last, SIZE_MAX, on_row, s);
        if (r == SANJI_E_CORRUPT) {
            s->last++;
            r = s->last <= s->st.seq ? app_faults_add(s->wanted, s->st.no, s->last) : 0;
            r = r == 0 ? SANJI_E_CORRUPT : r;
        }
        if (s->last > s->st.seq) {
            break;
        }
    }
    return r == SANJI_E_CORRUPT ? 0 : r;
}

/* The lowest that counts: a keyframe's beginning, or the lowest of all. */
static int front(struct scan *s)
{
    bool sound =
        s->n > 0 && s->v[0].seq == s->st.first && (s->st.first == 1 || s->v[0].type == BUNDLE_KEY);
    if (sound || (s->n == 0 && s->st.first == 0)) {
        return 0;
    }
    s->want.first = 0;
    int r = store_stream_fix(s->a->store, &s->want); /* so that everything is seen */
    s->st.first = 0;
    if (r == 0) {
        r = walk(s);
    }
    s->want.first = s->n > 0 ? s->v[0].seq : 0;
    if (s->n > 0 && s->v[0].seq > 1 && s->v[0].type != BUNDLE_KEY) {
        s->want.first = 1; /* what is before it is missing */
    }
    return r;
}

static int gaps(struct scan *s)
{
    int64_t expect = s->want.first > 0 ? s->want.first : 1;
    int r = 0;
    for (size_t i = 0; r == 0 && i < s->n; i++) {
        bool jump = s->v[i].type == BUNDLE_KEY && s->v[i].seq > expect; /* a run behind a gap */
        for (; r == 0 && !jump && expect < s->v[i].seq && s->wanted->n < MISSING_MAX; expect++) {
            r = app_faults_add(s->wanted, s->st.no, expect);
        }
        expect = s->v[i].seq + 1;
    }
    return r;
}

/* The head as the bundles say it. Where the row named one that is not here, and this node wrote it,
 * the engine must know that it was published. */
static int head(struct scan *s, bool *ret_lost)
{
    const struct fact *top = s->n > 0 ? &s->v[s->n - 1] : NULL;
    *ret_lost = false;
    if (top == NULL || (s->st.seq == top->seq && memcmp(s->st.id, top->id, HASH_LEN) == 0)) {
        return 0;
    }
    if (app_faults_has(s->wanted, s->st.no, top->seq) && s->st.seq == top->seq) {
        return 0; /* that bundle is damaged: the row knows its id */
    }
    *ret_lost = s->st.seq > top->seq && memcmp(s->st.id, top->id, HASH_LEN) != 0;
    s->want.seq = top->seq;
    memcpy(s->want.id, top->id, HASH_LEN);
    return 0;
}

static int write_facts(struct scan *s)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < s->n; i++) {
        const struct fact *f = &s->v[i];
        if (f->is_row_wrong) {
            struct sync_bundle_row row = {.no = s->st.no,
                                          .seq = f->seq,
                                          .ts = f->ts,
                                          .items = f->items,
                                          .raw_bytes = f->raw_bytes,
                                          .type = f->type};
            memcpy(row.id, f->id, HASH_LEN);
            r = store_bundle_facts(s->a->store, &row);
            s->did->rows++;
        }
    }
    return r;
}

static int heal_stream(struct scan *s, const struct app_frozen *frozen, bool *ret_lost)
{
    s->want = s->st;
    s->key_known = false;
    struct sync_stream_row was = s->st;
    int r = walk(s);
    if (r == 0) {
        r = front(s);
    }
    if (r == 0) {
        r = gaps(s);
    }
    if (r == 0) {
        r = head(s, ret_lost);
    }
    for (size_t i = 0; i < frozen->n; i++) {
        s->want.frozen = frozen->v[i].no == was.no ? frozen->v[i].frozen : s->want.frozen;
    }
    if (r == 0) {
        r = write_facts(s);
    }
    bool same = stream_key_cmp(&was.key, &s->want.key) == 0 && was.seq == s->want.seq &&
                was.first == s->want.first && was.frozen == s->want.frozen &&
                memcmp(was.id, s->want.id, HASH_LEN) == 0;
    if (r == 0 && !same) {
        s->did->rows++;
    }
    return r == 0 && (!same || s->st.first != was.first) ? store_stream_fix(s->a->store, &s->want)
                                                         : r;
}

/* ---- all of it ---- */

struct lost { /* own heads that were named and are not here */
    struct sync_stream_row *v;
    size_t n;
};

static int heal_streams(struct scan *s, const struct app_streams *all,
                        const struct app_frozen *frozen, struct lost *lost)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < all->n; i++) {
        bool is_lost = false;
        s->st = all->v[i];
        r = heal_stream(s, frozen, &is_lost);
        if (r == 0 && is_lost) {
            lost->v[lost->n++] = all->v[i];
        }
    }
    return r;
}

static int ask(struct app *a, const struct app_faults *wanted, struct app_healed *did)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < wanted->n; i++) {
        r = sync_want(a->sync, wanted->v[i].no, wanted->v[i].seq);
        did->asked += r == 0;
        r = r == SANJI_E_NOT_FOUND ? 0 : r;
    }
    return r;
}

static int expect(struct app *a, const struct lost *lost)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < lost->n; i++) {
        r = sync_expect(a->sync, &lost->v[i].key, lost->v[i].seq, lost->v[i].id);
    }
    return r;
}

/* What stays at home has been written again (app_heal_own.c). */
static void count(const struct sync_wanted *w, void *arg)
{
    *(int64_t *)arg += !w->own || strcmp(w->key->aud, "own") != 0;
}

int app_heal(struct app *a, struct app_healed *ret)
{
    int64_t wants = 0;
    struct app_verdict v;
    struct app_found found = {0};
    struct app_faults wanted = {0};
    struct lost lost = {0};
    struct scan s = {.a = a, .wanted = &wanted, .faults = &found.faults, .did = ret};
    memset(ret, 0, sizeof *ret);
    int r = app__check(a, &v, NULL, NULL, &found);
    s.fc = frame_ctx_new();
    s.arena = arena_new(24u << 20);
    lost.v = calloc(found.streams.n + 1, sizeof *lost.v);
    buf_init(&s.line, LIM_BUNDLE_BYTES + 64);
    if (r == 0 && (s.fc == NULL || s.arena == NULL || lost.v == NULL)) {
        r = SANJI_E_NOMEM;
    }
    if (r == 0 && v.wrong > 0) {
        r = store_settle(a->store);
        r = r < 0 ? r : store_begin(a->store);
        if (r == 0) {
            r = heal_streams(&s, &found.streams, &found.frozen, &lost);
            r = r < 0 ? r : store_commit(a->store);
        }
        if (r < 0) {
            store_rollback(a->store);
        }
        r = r < 0 ? r : sync_reload(a->sync);
        r = r < 0 ? r : ask(a, &wanted, ret);
        r = r < 0 ? r : expect(a, &lost);
        r = r < 0 ? r : app__heal_own(a, ret);
        /* Without them views would say less than they do now, and records be written for it. */
        sync_wanted_each(a->sync, count, &wants);
        r = r < 0 || wants > 0 ? r : app_rebuild(a, &ret->bundles, NULL);
    }
    frame_ctx_free(s.fc);
    arena_free(s.arena);
    buf_done(&s.line);
    free(s.v);
    free(wanted.v);
    free(lost.v);
    app_found_done(&found);
    return r;
}

/* ---- a trust bundle so damaged that the node does not open ---- */

struct pre {
    app_wrong_fn *fn; /* told; NULL: only gathered */
    void *arg;
    const struct sync_store *st;
    struct frame_ctx *fc;
    struct arena *arena;
    struct buf line;
    struct app_faults bad;
    bool all; /* of every stream */
};

static int on_trust(const struct sync_stream_row *st, const struct sync_bundle_row *row, void *arg)
{
    struct pre *p = arg;
    struct bundle b;
    if (!p->all && strcmp(st->key.aud, "trust") != 0) {
        return 1; /* those come first */
    }
    int r = app__frame_read(p->fc, p->arena, row->frame, &p->line, &b);
    r = r == 0 && memcmp(b.id, row->id, HASH_LEN) != 0 ? SANJI_E_HASH : r;
    if (r < 0 && r != SANJI_E_NOMEM && p->fn != NULL) {
        char where[LIM_AUD_BYTES + 64];
        app__where(st, row->seq, where);
        p->fn("bundle", where, SANJI_E_CORRUPT, "", p->arg);
    }
    return r == SANJI_E_NOMEM ? r : r < 0 ? app_faults_add(&p->bad, row->no, row->seq) : 0;
}

static int look(struct pre *p, struct store *s)
{
    p->st = store_port(s);
    p->fc = frame_ctx_new();
    p->arena = arena_new(24u << 20);
    buf_init(&p->line, LIM_BUNDLE_BYTES + 64);
    int r =
        p->fc == NULL || p->arena == NULL ? SANJI_E_NOMEM : store_bundle_walk(s, 0, on_trust, p);
    frame_ctx_free(p->fc);
    arena_free(p->arena);
    buf_done(&p->line);
    return r;
}

int app__heal_trust(struct store *s)
{
    struct pre p = {.fn = NULL};
    int r = look(&p, s);
    r = r < 0 ? r : store_begin(s);
    if (r == 0) {
        for (size_t i = 0; r == 0 && i < p.bad.n; i++) {
            r = sync_want_note(p.st, p.bad.v[i].no, p.bad.v[i].seq);
        }
        r = r < 0 ? r : store_commit(s);
        if (r < 0) {
            store_rollback(s);
        }
    }
    free(p.bad.v);
    return r;
}

int app__heal_ask(struct app *a)
{
    struct pre p = {.all = true};
    struct app_healed did = {0};
    int r = look(&p, a->store);
    r = r < 0 ? r : ask(a, &p.bad, &did);
    free(p.bad.v);
    return r;
}

int app_damage(const char *dir, app_wrong_fn *fn, void *arg, int64_t *ret_n)
{
    const struct store_compare with = {.differs = fn, .arg = arg, .limit = 20};
    struct pre p = {.fn = fn, .arg = arg, .all = true};
    struct store *s = NULL;
    int r = store_damage(dir, &with, ret_n);
    if (r == 0 && store_open(dir, STORE_READ, &s) == 0) {
        r = look(&p, s);
        *ret_n += (int64_t)p.bad.n;
        if (r == SANJI_E_CORRUPT) { /* rows that no longer have their form */
            fn("page", "sanji.db", r, "", arg);
            ++*ret_n;
            r = 0;
        }
    }
    store_close(s);
    free(p.bad.v);
    return r;
}
