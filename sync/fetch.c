/* SPDX-License-Identifier: Apache-2.0 */
/* Attachments that are wanted (PROTOCOL.md 24.1). Nothing is sent unasked: a file moves one step at
 * a time towards whoever wants it, each time between two neighbours that both hold a record which
 * names it, and from the side of that record's writer alone. What somebody here wants is kept in
 * the store ("fetch/BY/SHA256"), what a neighbour wants is not: it asks again. Where the bytes of a
 * file end is never written down, it is the length of what is on the disk. */
#include "sync/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOOK_MS = 60000,
    ASKER_MS = 600000, /* a neighbour that waits asks at least so often */
    SOON_MS = 1000,
    SOON_MAX_MS = 60000,
    LATER_MS = 60000,
    LATER_MAX_MS = ASKER_MS / 2,
    NAME_BYTES = 80,
};
#define DAY_MS INT64_C(86400000)
/* What was given up is shown so long. */
#define SHOWN_MS (30 * DAY_MS)

static bool same(const struct fetch_key *a, const struct fetch_key *b)
{
    return strcmp(a->by.s, b->by.s) == 0 && strcmp(a->sha, b->sha) == 0;
}

static bool key_of(const char *by, const char *sha, struct fetch_key *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (!msg_sha_valid(sha) || node_id_parse(by, strlen(by), &ret->by) < 0) {
        return false;
    }
    memcpy(ret->sha, sha, MSG_SHA);
    return true;
}

struct fetch *sync__fetch_find(const struct sync *s, const struct fetch_key *k)
{
    for (size_t i = 0; i < s->n_fetch; i++) {
        if (same(&s->fetch[i].key, k)) {
            return &s->fetch[i];
        }
    }
    return NULL;
}

/* ---- who may have it ---- */

struct allow {
    const struct sync *s;
    const char *by, *to;
    int64_t is; /* only a record that says it is so long; 0: any */
    int64_t len;
    bool ok;
};

static int on_audience(const char *aud, int64_t len, void *arg)
{
    struct allow *w = arg;
    struct audience a;
    if (len < 1 || len > LIM_BLOB_BYTES || audience_parse(aud, strlen(aud), &a) < 0 ||
        a.type == AUD_OWN || (w->is != 0 && len != w->is)) {
        return 0;
    }
    w->ok = w->to == NULL || roster_entitled(w->s->roster, w->by, &a, w->to);
    w->len = len;
    return w->ok;
}

int sync__fetch_allowed(const struct sync *s, const struct fetch_key *k, const struct peer *to,
                        int64_t *ret_len)
{
    struct allow w = {.s = s, .by = k->by.s, .to = to == NULL ? NULL : to->id.s};
    int r = s->files->named(s->files->ctx, k->by.s, k->sha, on_audience, &w);
    *ret_len = w.len;
    return r < 0 ? r : w.ok ? 0 : SANJI_E_NOT_FOUND;
}

struct peer *sync__fetch_via(const struct sync *s, const struct fetch_key *k)
{
    return node_id_cmp(&k->by, &s->self.id) == 0 ? NULL : sync__peer_towards(s, &k->by);
}

/* ---- the list ---- */

struct kept {
    int64_t since, len, err, over;
};

static const char *name_of(const struct fetch_key *k, char out[static NAME_BYTES])
{
    (void)snprintf(out, NAME_BYTES, "fetch/%s/%s", k->by.s, k->sha);
    return out;
}

/* f NULL: it is not wanted here any more. */
static int keep(struct sync *s, const struct fetch_key *k, const struct fetch *f)
{
    char name[NAME_BYTES];
    struct kept v = {0};
    int r = sync__tx_begin(s);
    if (r < 0) {
        return r;
    }
    if (f != NULL) {
        v = (struct kept){.since = f->since, .len = f->len, .err = f->err, .over = f->over};
    }
    r = f == NULL ? s->st->kv_del(s->st->ctx, name_of(k, name))
                  : s->st->kv_put(s->st->ctx, name_of(k, name), span_of(&v, sizeof(v)));
    return sync__tx_end(s, r);
}

static struct fetch *add(struct sync *s, const struct fetch_key *k, int64_t len)
{
    if (s->n_fetch == s->cap_fetch) {
        size_t cap = s->cap_fetch == 0 ? 16 : s->cap_fetch * 2;
        struct fetch *v = realloc(s->fetch, cap * sizeof(*v));
        if (v == NULL) {
            return NULL;
        }
        s->fetch = v;
        s->cap_fetch = cap;
    }
    struct fetch *f = &s->fetch[s->n_fetch++];
    memset(f, 0, sizeof(*f));
    f->key = *k;
    f->len = len;
    if (s->files->here(s->files->ctx, k->by.s, k->sha, &f->here) < 0 || f->here > len) {
        f->here = 0;
    }
    return f;
}

/* What is here of it goes as well. */
static int take_out(struct sync *s, struct fetch *f, bool drop)
{
    struct fetch_key k = f->key;
    bool mine = f->mine;
    if (drop) {
        (void)s->files->drop(s->files->ctx, k.by.s, k.sha);
    }
    memmove(f, f + 1, (size_t)(s->fetch + s->n_fetch - f - 1) * sizeof(*f));
    s->n_fetch--;
    return mine ? keep(s, &k, NULL) : 0;
}

static int load_one(const char *key, struct span value, void *arg)
{
    struct sync *s = arg;
    struct fetch_key k;
    struct kept v;
    char by[LIM_NODE_ID + 1];
    const char *at = key + strlen("fetch/");
    if (value.n != sizeof(v) || strlen(at) != LIM_NODE_ID + 1 + MSG_SHA) {
        return 0;
    }
    memcpy(by, at, LIM_NODE_ID);
    by[LIM_NODE_ID] = '\0';
    if (!key_of(by, at + LIM_NODE_ID + 1, &k)) {
        return 0;
    }
    memcpy(&v, value.p, sizeof(v));
    struct fetch *f = add(s, &k, v.len);
    if (f == NULL) {
        return SANJI_E_NOMEM;
    }
    f->mine = true;
    f->since = v.since;
    f->err = (int)v.err;
    f->over = v.over != 0;
    return 0;
}

int sync_files_use(struct sync *s, const struct sync_files *port)
{
    s->files = port;
    return s->st->kv_each(s->st->ctx, "fetch/", load_one, s);
}

void sync__fetch_free(struct sync *s)
{
    free(s->fetch);
}

/* ---- wanted ---- */

/* A child is told with the next answer, and a held one is given now. */
static void tell(struct sync *s, const struct fetch *f)
{
    struct peer *via = sync__fetch_via(s, &f->key);
    if (via != NULL && !via->is_parent && !f->over && f->retry_at == 0) {
        via->fetch_due = via->can_files;
    }
}

static size_t count(const struct sync *s, const struct peer *asker)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_fetch; i++) {
        const struct fetch *f = &s->fetch[i];
        n += asker == NULL ? f->mine && !f->over
                           : !f->mine && node_id_cmp(&f->asker, &asker->id) == 0;
    }
    return n;
}

static void begin(struct sync *s, struct fetch *f)
{
    f->over = false;
    f->err = 0;
    f->attempt = 0;
    f->retry_at = 0;
    tell(s, f);
}

int sync_fetch(struct sync *s, int64_t now_ms, const char *by, const char *sha)
{
    struct fetch_key k;
    int64_t len = 0;
    if (s->files == NULL || !key_of(by, sha, &k) || node_id_cmp(&k.by, &s->self.id) == 0) {
        return SANJI_E_NOT_FOUND;
    }
    int r = sync__fetch_allowed(s, &k, NULL, &len);
    if (r < 0 || s->files->held(s->files->ctx, by, sha, &len) == 0) {
        return r;
    }
    struct fetch *f = sync__fetch_find(s, &k);
    if (f != NULL && f->mine && !f->over) {
        begin(s, f); /* whoever asks again does not want to wait out a pause */
        return 0;
    }
    if (count(s, NULL) >= LIM_FETCHES) {
        return SANJI_E_QUOTA;
    }
    f = f != NULL ? f : add(s, &k, len);
    if (f == NULL) {
        return SANJI_E_NOMEM;
    }
    f->since = now_ms;
    begin(s, f);
    struct fetch now = *f; /* the list may be another one after a rollback */
    r = keep(s, &k, &now);
    f = sync__fetch_find(s, &k);
    if (r == 0) {
        f->mine = true;
    } else if (!f->mine && node_id_none(&f->asker)) {
        (void)take_out(s, f, false);
    }
    return r;
}

int sync__fetch_for(struct sync *s, const struct fetch_key *k, const struct peer *asker)
{
    int64_t len = 0;
    int r = s->files->held(s->files->ctx, k->by.s, k->sha, &len);
    const struct peer *via = sync__fetch_via(s, k);
    if (r != SANJI_E_NOT_FOUND) {
        return r;
    }
    if (via == NULL || via == asker) {
        return SANJI_E_NOT_FOUND;
    }
    r = sync__fetch_allowed(s, k, NULL, &len);
    if (r < 0) {
        return r;
    }
    struct fetch *f = sync__fetch_find(s, k);
    if (f == NULL && count(s, asker) >= LIM_FETCHES) {
        return SANJI_E_BUSY;
    }
    bool fresh = f == NULL;
    f = fresh ? add(s, k, len) : f;
    if (f == NULL) {
        return SANJI_E_NOMEM;
    }
    f->asked_at = s->tick.mono_ms;
    if (node_id_none(&f->asker)) {
        f->asker = asker->id;
    }
    if (fresh) {
        begin(s, f);
    }
    return f->over ? f->err : SANJI_E_PENDING;
}

/* ---- coming ---- */

void sync__fetch_put_off(struct sync *s, struct fetch *f, int err, int64_t retry_ms)
{
    uint32_t rnd;
    bool soon = err == SANJI_E_PENDING || err == SANJI_E_BUSY;
    sync__random(s, &rnd, sizeof(rnd));
    int64_t wait = sync__backoff(f->attempt, soon ? SOON_MS : LATER_MS,
                                 soon ? SOON_MAX_MS : LATER_MAX_MS, rnd);
    retry_ms = retry_ms > LATER_MAX_MS ? LATER_MAX_MS : retry_ms;
    f->attempt++;
    f->err = err;
    f->retry_at = s->tick.mono_ms + (retry_ms > wait ? retry_ms : wait);
}

static int give_up(struct sync *s, struct fetch *f, int err)
{
    struct fetch_key k = f->key;
    f->over = true;
    f->err = err;
    f->here = 0;
    (void)s->files->drop(s->files->ctx, k.by.s, k.sha);
    struct fetch now = *f;
    return now.mine ? keep(s, &k, &now) : 0;
}

/* Whoever handed it on is named: the bytes were whole when they left their writer's node. */
static int wrong(struct sync *s, struct fetch *f, const struct peer *from)
{
    sync__alarm(s, SANJI_E_HASH, &from->id, "attachment");
    int r = give_up(s, f, SANJI_E_HASH);
    return r < 0 ? r : SANJI_E_HASH;
}

static int ended(struct sync *s, struct fetch *f, const struct peer *from)
{
    struct fetch_key k = f->key;
    int r = s->files->whole(s->files->ctx, k.by.s, k.sha);
    if (r == SANJI_E_HASH && !f->whole_run) {
        /* The first of it came before a restart: it may be what a power cut has left. */
        f->here = 0;
        return 0;
    }
    if (r == SANJI_E_HASH) {
        return wrong(s, f, from);
    }
    if (r < 0) {
        sync__fetch_put_off(s, f, r, 0);
        return r;
    }
    r = take_out(s, f, false);
    sync__fetch_came(s, &k);
    return r;
}

/* A writer may name it twice and lie once: that is not the fault of who hands it on. */
static bool named_so_long(const struct sync *s, const struct fetch_key *k, int64_t len)
{
    struct allow w = {.s = s, .by = k->by.s, .is = len};
    return s->files->named(s->files->ctx, k->by.s, k->sha, on_audience, &w) == 0 && w.ok;
}

int sync__fetch_take(struct sync *s, struct fetch *f, struct peer *from, const struct msg_blob *m,
                     struct span bytes)
{
    struct fetch_key k = f->key;
    int64_t len = 0, end = m->at + (int64_t)bytes.n;
    if (m->len != f->len && f->here == 0 && named_so_long(s, &k, m->len)) {
        f->len = m->len;
    }
    if (m->len != f->len) {
        return wrong(s, f, from);
    }
    if (m->at != f->here || bytes.n == 0 || bytes.n > LIM_BLOB_PART || end > f->len) {
        return SANJI_E_CONFLICT;
    }
    int r = sync__fetch_allowed(s, &k, NULL, &len);
    if (r == SANJI_E_NOT_FOUND) { /* erased, or changed, meanwhile */
        int e = take_out(s, f, true);
        return e < 0 ? e : r;
    }
    r = r < 0 ? r : s->files->put(s->files->ctx, k.by.s, k.sha, f->len, m->at, bytes);
    if (r < 0) {
        f->here = r == SANJI_E_CORRUPT ? 0 : f->here; /* somebody took the part away */
        sync__fetch_put_off(s, f, r, 0);
        return r;
    }
    f->whole_run = m->at == 0 || f->whole_run;
    f->here = end;
    f->err = 0;
    f->attempt = 0;
    f->retry_at = 0;
    return end < f->len ? 0 : ended(s, f, from);
}

int sync__fetch_quota(struct sync *s, struct peer *p, size_t bytes)
{
    int64_t day = s->tick.now_ms / DAY_MS;
    if (p->fetch_day != day) {
        p->fetch_day = day;
        p->fetch_bytes = 0;
    }
    if (p->fetch_bytes + (int64_t)bytes > LIM_FETCH_BYTES) {
        return SANJI_E_QUOTA;
    }
    p->fetch_bytes += (int64_t)bytes;
    return 0;
}

/* ---- time ---- */

static int look(struct sync *s, struct fetch *f)
{
    int64_t len = 0, old = s->tick.now_ms - f->since;
    int r = sync__fetch_allowed(s, &f->key, NULL, &len);
    if (r == 0 && s->files->held(s->files->ctx, f->key.by.s, f->key.sha, &len) == 0) {
        return take_out(s, f, false); /* that could not be written down when it came */
    }
    bool waits = !node_id_none(&f->asker) && f->asked_at + ASKER_MS > s->tick.mono_ms;
    if (r == SANJI_E_NOT_FOUND || (r == 0 && !f->mine && !waits) ||
        (f->mine && f->over && old > LIM_FETCH_DAYS * DAY_MS + SHOWN_MS)) {
        return take_out(s, f, true);
    }
    if (r == 0 && f->mine && !f->over && old > LIM_FETCH_DAYS * DAY_MS) {
        struct sync_fetch_state st;
        (void)sync_fetch_get(s, f->key.by.s, f->key.sha, &st);
        return give_up(s, f, st.err != 0 ? st.err : SANJI_E_EXPIRED);
    }
    return r;
}

int sync__fetch_step(struct sync *s)
{
    int r = 0;
    for (size_t i = 0; i < s->n_fetch; i++) {
        struct fetch *f = &s->fetch[i];
        if (f->retry_at != 0 && f->retry_at <= s->tick.mono_ms) {
            f->retry_at = 0;
            tell(s, f);
        }
    }
    if (s->n_fetch == 0 || s->tick.mono_ms < s->fetch_look) {
        return 0;
    }
    s->fetch_look = s->tick.mono_ms + LOOK_MS;
    for (size_t i = s->n_fetch; r == 0 && i > 0; i--) {
        r = look(s, &s->fetch[i - 1]);
    }
    return sync_is_store_failure(r) ? r : 0;
}

int64_t sync__fetch_wake(const struct sync *s)
{
    int64_t at = s->n_fetch == 0 ? 0 : s->fetch_look;
    for (size_t i = 0; i < s->n_fetch; i++) {
        int64_t t = s->fetch[i].retry_at;
        at = t != 0 && t < at ? t : at;
    }
    for (size_t i = 0; i < s->n_gives; i++) {
        int64_t t = s->gives[i].retry_at;
        at = t > s->tick.mono_ms && (at == 0 || t < at) ? t : at;
    }
    return at;
}

/* ---- what a neighbour can ---- */

void sync__fetch_can(const struct sync *s, struct msg_hello *h)
{
    static const char *const words[] = {MSG_CAN_FILES};
    h->can = (struct jarr){(void *)(uintptr_t)words, s->files == NULL ? 0 : 1};
}

void sync__fetch_hear(struct peer *p, const struct msg_hello *h)
{
    const char *const *word = h->can.v;
    p->can_files = false;
    for (size_t i = 0; i < h->can.n; i++) {
        p->can_files = p->can_files || strcmp(word[i], MSG_CAN_FILES) == 0;
    }
}

/* ---- looking ---- */

int sync_fetch_get(const struct sync *s, const char *by, const char *sha,
                   struct sync_fetch_state *ret)
{
    struct fetch_key k;
    memset(ret, 0, sizeof(*ret));
    const struct fetch *f = key_of(by, sha, &k) ? sync__fetch_find(s, &k) : NULL;
    if (f == NULL || !f->mine) {
        return SANJI_E_NOT_FOUND;
    }
    const struct peer *via = sync__fetch_via(s, &k);
    ret->len = f->len;
    ret->here = f->here;
    ret->since = f->since;
    ret->over = f->over;
    ret->err = f->err;
    if (via != NULL) {
        ret->from = via->id;
    }
    if (!f->over && (via == NULL || !via->st.connected)) {
        ret->err = SANJI_E_UNREACHABLE;
    } else if (!f->over && !via->can_files) {
        ret->err = SANJI_E_VERSION;
    }
    return 0;
}

bool sync_fetch_runs(const struct sync *s, const char *by, const char *sha)
{
    struct fetch_key k;
    const struct fetch *f = key_of(by, sha, &k) ? sync__fetch_find(s, &k) : NULL;
    return f != NULL && !f->over;
}
