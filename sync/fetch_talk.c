/* SPDX-License-Identifier: Apache-2.0 */
/* Attachments between a child and its parent: POST /sanji/1/blob (PROTOCOL.md 24.1). The child asks
 * for a part; what the parent wants it hears in answers on its lane `down`, and brings part by part
 * on its lane `up`, because nobody can connect to a child. Whoever may not be given a file hears
 * what he would hear if it were not here. */
#include "sync/internal.h"

#include <string.h>

enum { HEAD_BYTES = 512, QUOTA_RETRY_MS = 300000, GIVE_SOON_MS = 1000, GIVE_MAX_MS = 30000 };

static int put_head(struct sync *s, const struct fetch_key *k, struct msg_blob *m, struct buf *out)
{
    struct buf line;
    struct jw w;
    m->by = k->by.s;
    m->sha = k->sha;
    buf_init(&line, HEAD_BYTES);
    jw_init(&w, &line);
    jspec_write(&w, NULL, msg_blob_spec, m);
    int r = jw_done(&w);
    r = r < 0 ? r : frame_pack(s->fc, span_of(line.data, line.len), out);
    buf_done(&line);
    return r;
}

/* The texts of m lie in the arena. */
static int read_head(struct sync *s, struct span body, struct fetch_key *k, struct msg_blob *m,
                     struct span *ret_rest)
{
    size_t used = 0;
    if (body.n > LIM_BLOB_PART + LIM_FRAME_OVERHEAD) {
        return SANJI_E_SIZE;
    }
    int r = frame_unpack(s->fc, body, &s->line, &used);
    if (r < 0) {
        return r;
    }
    arena_reset(s->arena);
    r = jspec_read(s->line.data, s->line.len, msg_blob_spec, m, sizeof(*m), s->arena, NULL);
    if (r < 0) {
        return r;
    }
    memset(k, 0, sizeof(*k));
    if (!msg_sha_valid(m->sha) || node_id_parse(m->by, strlen(m->by), &k->by) < 0) {
        return SANJI_E_SPEC;
    }
    memcpy(k->sha, m->sha, MSG_SHA);
    *ret_rest = span_of(body.p + used, body.n - used);
    return 0;
}

static bool same(const struct fetch_key *a, const struct fetch_key *b)
{
    return strcmp(a->by.s, b->by.s) == 0 && strcmp(a->sha, b->sha) == 0;
}

/* ---- what is wanted of a child ---- */

void sync__fetch_say(struct sync *s, struct peer *p, struct msg_hello *h)
{
    size_t n = 0;
    p->fetch_due = false;
    for (size_t i = 0; p->can_files && i < s->n_fetch && n < LIM_FETCH_SAID; i++) {
        const struct fetch *f = &s->fetch[i];
        if (!f->over && f->retry_at == 0 && sync__fetch_via(s, &f->key) == p) {
            msg_fetch_write(f->key.by.s, f->key.sha, f->here, p->fetch[n]);
            p->fetch_said[n] = p->fetch[n];
            n++;
        }
    }
    h->fetch = (struct jarr){p->fetch_said, n};
}

/* The list is the whole of it; pauses of those that are still wanted go on. */
void sync__fetch_asked(struct sync *s, const struct msg_hello *h)
{
    struct fetch_asked now[LIM_FETCH_SAID];
    const char *const *text = h->fetch.v;
    size_t n = 0;
    for (size_t i = 0; s->files != NULL && i < h->fetch.n && n < LIM_FETCH_SAID; i++) {
        struct fetch_asked *a = &now[n];
        memset(a, 0, sizeof(*a));
        if (!msg_fetch_read(text[i], &a->key.by, a->key.sha, &a->at)) {
            continue;
        }
        for (size_t k = 0; k < s->n_gives; k++) {
            if (same(&s->gives[k].key, &a->key)) {
                a->retry_at = s->gives[k].retry_at;
                a->attempt = s->gives[k].attempt;
            }
        }
        n++;
    }
    memcpy(s->gives, now, n * sizeof(*now));
    s->n_gives = n;
}

void sync__fetch_came(struct sync *s, const struct fetch_key *k)
{
    for (size_t i = 0; i < s->n_gives; i++) {
        if (same(&s->gives[i].key, k)) {
            s->gives[i].retry_at = 0;
        }
    }
}

static struct fetch_asked *asked_find(struct sync *s, const struct fetch_key *k)
{
    for (size_t i = 0; i < s->n_gives; i++) {
        if (same(&s->gives[i].key, k)) {
            return &s->gives[i];
        }
    }
    return NULL;
}

static void asked_drop(struct sync *s, struct fetch_asked *a)
{
    memmove(a, a + 1, (size_t)(s->gives + s->n_gives - a - 1) * sizeof(*a));
    s->n_gives--;
}

static void asked_pause(struct sync *s, struct fetch_asked *a, int64_t least)
{
    uint32_t rnd;
    sync__random(s, &rnd, sizeof(rnd));
    int64_t wait = sync__backoff(a->attempt++, GIVE_SOON_MS, GIVE_MAX_MS, rnd);
    a->retry_at = s->tick.mono_ms + (wait > least ? wait : least);
}

/* ---- towards the parent ---- */

static struct fetch *next_get(const struct sync *s)
{
    for (size_t i = 0; i < s->n_fetch; i++) {
        struct fetch *f = &s->fetch[i];
        if (!f->over && f->retry_at <= s->tick.mono_ms &&
            sync__fetch_via(s, &f->key) == s->parent) {
            return f;
        }
    }
    return NULL;
}

static struct fetch_asked *next_give(struct sync *s)
{
    for (size_t i = 0; i < s->n_gives; i++) {
        if (s->gives[i].retry_at <= s->tick.mono_ms) {
            return &s->gives[i];
        }
    }
    return NULL;
}

bool sync__fetch_due(const struct sync *s)
{
    if (s->files == NULL || s->parent == NULL || !s->parent->can_files) {
        return false;
    }
    for (size_t i = 0; i < s->n_gives; i++) {
        if (s->gives[i].retry_at <= s->tick.mono_ms) {
            return true;
        }
    }
    return next_get(s) != NULL;
}

static int write_get(struct sync *s, struct fetch *f, struct buf *out)
{
    struct msg_blob m = {.op = "get", .at = f->here};
    if (sync__fetch_quota(s, s->parent, 0) < 0) {
        sync__fetch_put_off(s, f, SANJI_E_QUOTA, QUOTA_RETRY_MS);
        return 0;
    }
    s->fetch_gives = false;
    s->fetch_sent = f->key;
    return put_head(s, &f->key, &m, out);
}

/* What the parent may be told of a file: its bytes from `at`, or why there are none now. */
static int part_for(struct sync *s, const struct fetch_key *k, const struct peer *to, int64_t at,
                    int64_t *ret_len, struct buf *ret)
{
    int r = sync__fetch_allowed(s, k, to, ret_len);
    r = r < 0 ? r : sync__fetch_for(s, k, to);
    r = r < 0 ? r : s->files->held(s->files->ctx, k->by.s, k->sha, ret_len);
    if (r == 0 && at >= *ret_len) {
        r = SANJI_E_SPEC;
    }
    return r < 0 ? r : s->files->read(s->files->ctx, k->by.s, k->sha, at, LIM_BLOB_PART, ret);
}

static int write_give(struct sync *s, struct fetch_asked *a, struct buf *out)
{
    struct buf part;
    struct msg_blob m = {.op = "put", .at = a->at};
    struct fetch_key k = a->key;
    buf_init(&part, LIM_BLOB_PART);
    int r = part_for(s, &k, s->parent, a->at, &m.len, &part);
    r = r < 0 ? r : sync__fetch_quota(s, s->parent, part.len);
    if (r == SANJI_E_PENDING || r == SANJI_E_BUSY || r == SANJI_E_QUOTA) {
        asked_pause(s, a, r == SANJI_E_QUOTA ? QUOTA_RETRY_MS : 0);
        buf_done(&part);
        return 0;
    }
    s->fetch_gives = true;
    s->fetch_sent = k;
    if (r < 0) {
        m = (struct msg_blob){.op = "none", .err = err_name(r)};
        asked_drop(s, a);
    }
    int e = put_head(s, &k, &m, out);
    if (e == 0 && r == 0) {
        e = buf_put(out, part.data, part.len);
    }
    buf_done(&part);
    return e;
}

int sync__fetch_ask(struct sync *s, struct buf *out)
{
    int r = 0;
    bool gave = s->fetch_gives;
    while (r == 0 && out->len == 0) {
        struct fetch *f = next_get(s);
        struct fetch_asked *a = next_give(s);
        if (f == NULL && a == NULL) {
            break;
        }
        /* In turns: neither waits for the other's twenty megabytes. */
        r = a != NULL && (f == NULL || !gave) ? write_give(s, a, out) : write_get(s, f, out);
    }
    return r;
}

static int given(struct sync *s, const struct fetch_key *k, const struct msg_blob *m)
{
    struct fetch_asked *a = asked_find(s, k);
    if (a == NULL) {
        return 0;
    }
    if (m->at >= m->len) {
        asked_drop(s, a);
    } else if (m->at <= a->at) { /* it did not take it: no busy loop */
        a->at = m->at;
        asked_pause(s, a, 0);
    } else {
        a->at = m->at;
        a->attempt = 0;
    }
    return 0;
}

int sync__fetch_answer(struct sync *s, struct span body)
{
    struct fetch_key k;
    struct msg_blob m;
    struct span bytes;
    int r = read_head(s, body, &k, &m, &bytes);
    if (r < 0 || !same(&k, &s->fetch_sent)) {
        return SANJI_E_NOT_SANJI;
    }
    if (s->fetch_gives) {
        return given(s, &k, &m);
    }
    struct fetch *f = sync__fetch_find(s, &k);
    if (f == NULL) {
        return 0; /* nobody wants it any more */
    }
    (void)sync__fetch_quota(s, s->parent, bytes.n);
    r = sync__fetch_take(s, f, s->parent, &m, bytes);
    if (r == SANJI_E_CONFLICT) {
        sync__fetch_put_off(s, f, SANJI_E_NOT_SANJI, 0);
    }
    return 0; /* whatever it came to stands beside the wish; the lane goes on */
}

void sync__fetch_refused(struct sync *s, int err, int64_t retry_ms)
{
    struct fetch *f = sync__fetch_find(s, &s->fetch_sent);
    struct fetch_asked *a = asked_find(s, &s->fetch_sent);
    if (!s->fetch_gives && f != NULL) {
        sync__fetch_put_off(s, f, err, retry_ms);
    } else if (s->fetch_gives && a != NULL && err == SANJI_E_NOT_FOUND) {
        asked_drop(s, a); /* it is not wanted any more */
    } else if (s->fetch_gives && a != NULL) {
        asked_pause(s, a, retry_ms > 0 ? retry_ms : GIVE_MAX_MS);
    }
}

/* ---- a child's requests ---- */

static int serve_get(struct sync *s, struct peer *p, const struct fetch_key *k, int64_t at,
                     struct buf *out)
{
    struct buf part;
    struct msg_blob m = {.at = at};
    buf_init(&part, LIM_BLOB_PART);
    int r = part_for(s, k, p, at, &m.len, &part);
    r = r < 0 ? r : sync__fetch_quota(s, p, part.len);
    r = r < 0 ? r : put_head(s, k, &m, out);
    r = r < 0 ? r : buf_put(out, part.data, part.len);
    buf_done(&part);
    return r;
}

static struct fetch *wanted_of(const struct sync *s, const struct peer *p,
                               const struct fetch_key *k)
{
    struct fetch *f = sync__fetch_find(s, k);
    return f != NULL && !f->over && sync__fetch_via(s, k) == p ? f : NULL;
}

static int serve_put(struct sync *s, struct peer *p, const struct fetch_key *k,
                     const struct msg_blob *m, struct span bytes, struct buf *out)
{
    struct fetch *f = wanted_of(s, p, k);
    if (f == NULL) {
        return SANJI_E_NOT_FOUND;
    }
    int64_t len = f->len;
    int r = sync__fetch_quota(s, p, bytes.n);
    r = r < 0 ? r : sync__fetch_take(s, f, p, m, bytes);
    if (r < 0 && r != SANJI_E_CONFLICT) {
        return r;
    }
    f = sync__fetch_find(s, k); /* gone: it is whole */
    struct msg_blob back = {.at = f == NULL ? len : f->here, .len = len};
    return put_head(s, k, &back, out);
}

static int serve_none(struct sync *s, struct peer *p, const struct fetch_key *k,
                      const struct msg_blob *m, struct buf *out)
{
    struct fetch *f = wanted_of(s, p, k);
    struct msg_blob back = {0};
    if (f != NULL) {
        sync__fetch_put_off(s, f, m->err == NULL ? SANJI_E_NOT_FOUND : err_by_name(m->err), 0);
    }
    return put_head(s, k, &back, out);
}

static int serve(struct sync *s, struct peer *p, struct span body, struct buf *out)
{
    struct fetch_key k;
    struct msg_blob m;
    struct span bytes;
    int r = read_head(s, body, &k, &m, &bytes);
    if (r < 0) {
        return r;
    }
    if (m.op != NULL && strcmp(m.op, "get") == 0) {
        return serve_get(s, p, &k, m.at, out);
    }
    if (m.op != NULL && strcmp(m.op, "put") == 0) {
        return serve_put(s, p, &k, &m, bytes, out);
    }
    return m.op != NULL && strcmp(m.op, "none") == 0 ? serve_none(s, p, &k, &m, out) : SANJI_E_SPEC;
}

void sync__fetch_request(struct sync *s, const struct sync_event *ev)
{
    struct server_session *x = sync__session_find(s, ev->conn, ev->token);
    struct peer *p = x == NULL ? NULL : sync__peer_find(s, x->node.s);
    if (p == NULL) {
        sync__reply_error(s, ev->req, SANJI_E_SESSION, 0, NULL);
        return;
    }
    if (x->old) {
        sync__reply_error(s, ev->req, sync__session_clone(s, p->id.s), 0, NULL);
        return;
    }
    const struct roster_node *n = roster_node(s->roster, p->id.s);
    struct buf out;
    buf_init(&out, LIM_BLOB_PART + LIM_FRAME_OVERHEAD);
    int r = s->files == NULL                       ? SANJI_E_NOT_FOUND
            : n == NULL || n->state != NODE_ACTIVE ? SANJI_E_REVOKED
                                                   : serve(s, p, ev->body, &out);
    if (r < 0) {
        buf_done(&out);
        sync__reply_error(s, ev->req, r, r == SANJI_E_QUOTA ? QUOTA_RETRY_MS : 0, NULL);
        return;
    }
    p->st.last_ok_ms = s->tick.now_ms;
    sync__reply(s, ev->req, 200, SANJI_TYPE_BLOB, &out);
}
