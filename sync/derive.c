/* SPDX-License-Identifier: Apache-2.0 */
/* What the roster says decides what items may do (steward, top) and which bundles still stand (a
 * key that was cut). When it says something else about a writer, what that writer's streams brought
 * into the views is taken out and derived again, so that the views are a function of bundles and
 * roster and not of which of them came first. */
#include "sync/internal.h"

#include <stdlib.h>
#include <string.h>

struct authority { /* of one node, as far as items and bundles depend on it */
    struct node_id id, steward;
    bool top, blocked;
    uint8_t keys[HASH_LEN]; /* its ended keys and their final heads; zero: none */
};

/* ---- what the roster says ---- */

static void keys_digest(const struct roster_node *n, uint8_t ret[static HASH_LEN])
{
    struct buf b;
    bool any = false;
    memset(ret, 0, HASH_LEN);
    for (size_t i = 0; i < n->n_keys && !any; i++) {
        any = n->keys[i].ended;
    }
    if (!any) {
        return;
    }
    buf_init(&b, (size_t)64 << 20);
    for (size_t i = 0; i < n->n_keys; i++) {
        const struct roster_key *k = &n->keys[i];
        buf_put_lps(&b, k->kid.s);
        buf_put_u32be(&b, k->cut ? 2 : k->ended); /* it may end a freeze, and change no head */
        for (size_t j = 0; k->ended && j < k->n_heads; j++) {
            const struct act_head *h = &k->heads[j];
            buf_put_lps(&b, h->aud == NULL ? "" : h->aud);
            buf_put_u64be(&b, (uint64_t)h->ep);
            buf_put(&b, h->en, sizeof(h->en));
            buf_put_u64be(&b, (uint64_t)h->seq);
            buf_put(&b, h->id, HASH_LEN);
        }
    }
    hash_bytes(b.data, b.len, ret);
    buf_done(&b);
}

/* ---- acts of the future ---- */

enum { CRIT_MAX = 4096, CRIT_EACH = 16 }; /* of all authors, of each */
struct crit_act {
    struct act a; /* its text is a copy */
};

int sync__crit_add(struct sync *s, const struct act *a, const struct node_id *stream)
{
    size_t each = 0;
    for (size_t i = 0; i < s->n_crit; i++) {
        each += node_id_cmp(&s->crit[i].a.by, &a->by) == 0;
        if (memcmp(s->crit[i].a.hash, a->hash, HASH_LEN) == 0) {
            return 0;
        }
    }
    bool is_own = node_id_none(&a->by) || node_id_cmp(&a->by, stream) == 0;
    if (!is_own || s->n_crit >= CRIT_MAX || each >= CRIT_EACH) {
        return 0;
    }
    struct crit_act *v = realloc(s->crit, (s->n_crit + 1) * sizeof(*v));
    uint8_t *text = malloc(a->text.n + 1);
    s->crit = v == NULL ? s->crit : v;
    if (v == NULL || text == NULL) {
        free(text);
        return SANJI_E_NOMEM;
    }
    memcpy(text, a->text.p, a->text.n);
    struct act *x = &s->crit[s->n_crit++].a;
    *x = *a;
    x->text = span_of(text, a->text.n);
    s->crit_dirty = true;
    return 0;
}

void sync__crit_clear(struct sync *s)
{
    for (size_t i = 0; i < s->n_crit; i++) {
        free((void *)(uintptr_t)s->crit[i].a.text.p);
    }
    free(s->crit);
    s->crit = NULL;
    s->n_crit = 0;
    s->crit_dirty = false;
}

static bool signed_by_root(const struct sync *s, const struct act *a)
{
    const uint8_t(*keys)[SIGN_PUB_LEN];
    int64_t k = 0, got = 0;
    size_t n = roster_root_keys(s->roster, &keys, &k);
    for (size_t i = 0; i < n; i++) {
        got += act_signed_by(a, keys[i]);
    }
    return k > 0 && got >= k;
}

/* Only who may speak about the node can stop its records: itself, who is above it, the root. */
static bool may_stop(const struct sync *s, const struct act *a)
{
    if (node_id_none(&a->by)) {
        return signed_by_root(s, a);
    }
    const struct roster_node *n = roster_node(s->roster, a->by.s);
    if (n == NULL ||
        (node_id_cmp(&a->by, &a->n) != 0 && !roster_is_ancestor(s->roster, a->by.s, a->n.s))) {
        return false;
    }
    for (size_t i = 0; i < n->n_keys; i++) {
        if (!n->keys[i].cut && act_signed_by(a, n->keys[i].sig)) {
            return true;
        }
    }
    return false;
}

static bool crit_about(const struct sync *s, const struct roster_node *n)
{
    for (size_t i = 0; i < s->n_crit; i++) {
        const struct act *a = &s->crit[i].a;
        if (node_id_cmp(&a->n, &n->id) == 0 && roster_knows_g(s->roster, a->g) && may_stop(s, a)) {
            return true;
        }
    }
    return false;
}

bool sync__is_blocked(const struct sync *s, const char *by)
{
    size_t lo = 0, hi = s->n_crit == 0 ? 0 : s->n_auth;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int c = strcmp(s->auth[mid].id.s, by);
        if (c == 0) {
            return s->auth[mid].blocked;
        }
        if (c < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return false;
}

int sync__redo_add(struct sync *s, const struct node_id *id)
{
    if (node_id_none(id)) {
        return 0;
    }
    for (size_t i = 0; i < s->n_redo; i++) {
        if (node_id_cmp(&s->redo[i], id) == 0) {
            return 0;
        }
    }
    struct node_id *v = realloc(s->redo, (s->n_redo + 1) * sizeof(*v));
    if (v == NULL) {
        return SANJI_E_NOMEM;
    }
    s->redo = v;
    s->redo[s->n_redo++] = *id;
    return 0;
}

static int compare(struct sync *s, const struct authority *was, const struct authority *now)
{
    static const struct authority none;
    const struct node_id *id = was != NULL ? &was->id : &now->id;
    was = was == NULL ? &none : was;
    now = now == NULL ? &none : now;
    int r = 0;
    if (was->top != now->top || was->blocked != now->blocked ||
        memcmp(was->keys, now->keys, HASH_LEN) != 0) {
        r = sync__redo_add(s, id);
    }
    if (r == 0 && node_id_cmp(&was->steward, &now->steward) != 0) {
        r = sync__redo_add(s, &was->steward);
        r = r < 0 ? r : sync__redo_add(s, &now->steward);
    }
    return r;
}

int sync__authority(struct sync *s, bool redo)
{
    size_t n = roster_count(s->roster), i = 0, k = 0;
    const struct roster_node *top = roster_top(s->roster);
    struct authority *v = calloc(n + 1, sizeof(*v));
    int r = v == NULL ? SANJI_E_NOMEM : 0;
    for (size_t j = 0; r == 0 && j < n; j++) {
        const struct roster_node *x = roster_at(s->roster, j);
        v[j] = (struct authority){.id = x->id, .steward = x->steward, .top = x == top};
        keys_digest(x, v[j].keys);
        v[j].blocked = crit_about(s, x);
    }
    s->crit_dirty = s->crit_dirty && r < 0;
    while (r == 0 && redo && (i < s->n_auth || k < n)) { /* both are sorted by id */
        int c = i == s->n_auth ? 1 : k == n ? -1 : node_id_cmp(&s->auth[i].id, &v[k].id);
        r = compare(s, c <= 0 ? &s->auth[i] : NULL, c >= 0 ? &v[k] : NULL);
        i += c <= 0;
        k += c >= 0;
    }
    if (r < 0) {
        free(v);
        return r;
    }
    free(s->auth);
    s->auth = v;
    s->n_auth = n;
    return 0;
}

/* ---- bundles beyond the end of a key ---- */

struct scan {
    struct sync *s;
    bool is_private;
    int64_t at; /* first void bundle, 0: none */
};

static int scan_bundle(const struct sync_bundle_row *row, void *arg)
{
    struct scan *c = arg;
    struct sync *s = c->s;
    const struct roster_key *key;
    const struct act_head *limit;
    struct bundle b;
    int r = sync__stored(s, row, READ_HEAD, &s->line, s->arena, &b);
    if (r != 0) {
        return r < 0 ? r : 0; /* judged when it has come again */
    }
    memcpy(b.id, row->id, HASH_LEN);
    r = roster_key_covers(s->roster, &b, &key, &limit);
    if (r == 0 || key == NULL) {
        c->at = c->is_private ? 0 : c->at; /* it proves what stands before it */
    } else if (c->at == 0) {
        c->at = row->seq;
    }
    return c->at != 0 && !c->is_private ? 1 : 0;
}

/* Below the lowest final head of any ended key everything stands. */
static int64_t scan_from(const struct roster_node *n, const struct stream *st)
{
    int64_t low = INT64_MAX;
    for (size_t i = 0; i < n->n_keys; i++) {
        int64_t seq = 0;
        for (size_t j = 0; n->keys[i].ended && j < n->keys[i].n_heads; j++) {
            const struct act_head *h = &n->keys[i].heads[j];
            if (h->aud != NULL && strcmp(h->aud, st->row.key.aud) == 0 &&
                h->ep == (int64_t)st->row.key.ep &&
                memcmp(h->en, st->row.key.en, sizeof(h->en)) == 0) {
                seq = h->seq > seq ? h->seq : seq;
            }
        }
        low = n->keys[i].ended && seq < low ? seq : low;
    }
    return low == INT64_MAX ? -1 : low > 0 ? low - 1 : 0;
}

/* A cut may come in several acts, and what the first does not list the second may. */
enum { CUT_WAIT_MS = 10000 };

static int void_set(struct sync *s, size_t idx, int64_t at)
{
    struct stream *st = &s->streams[idx];
    int64_t seq = at == 0 ? st->kept : at - 1;
    if (seq == st->row.seq) {
        return 0;
    }
    int r = sync__kept_set(s, "void", st->row.no, at == 0 ? NULL : &at, sizeof(at));
    memset(st->row.id, 0, HASH_LEN);
    if (r == 0 && seq > 0) {
        r = s->st->bundle_id(s->st->ctx, st->row.no, seq, st->row.id);
        r = r == SANJI_E_NOT_FOUND ? 0 : r;
    }
    if (seq < st->row.seq && node_id_cmp(&st->row.key.by, &s->self.id) == 0) {
        s->own_cut_at = s->tick.mono_ms + CUT_WAIT_MS;
    }
    st->row.seq = seq;
    sync__stream_retreated(s, idx);
    return r;
}

/* The cut of the key that signed the other bundle (frozen/NO) says which branch of a stream stands,
 * and so does one after which a part of what is held is void. A key cut long ago says nothing of
 * what was signed twice with the next one. Where it was frozen by a version before, any does. */
static int is_decided(struct sync *s, const struct roster_node *n, const struct stream *st,
                      bool is_void, bool *ret)
{
    struct key_id kid;
    int r = sync__kept_get(s, "frozen", st->row.no, &kid, sizeof(kid));
    bool any = r < 0 || is_void;
    *ret = false;
    if (r < 0 && r != SANJI_E_NOT_FOUND && r != SANJI_E_CORRUPT) {
        return r;
    }
    kid.s[sizeof(kid.s) - 1] = '\0';
    for (size_t i = 0; n != NULL && i < n->n_keys; i++) {
        *ret = *ret || (n->keys[i].cut && (any || strcmp(n->keys[i].kid.s, kid.s) == 0));
    }
    return 0;
}

static int voids_find(struct sync *s, const struct roster_node *n, size_t idx)
{
    struct stream *st = &s->streams[idx];
    struct scan c = {.s = s, .is_private = audience_is_private(st->aud.type)};
    int64_t from = n == NULL ? -1 : scan_from(n, st);
    int r = 0;
    if (from >= 0) {
        r = s->st->bundles(s->st->ctx, st->row.no, c.is_private ? 0 : from, SIZE_MAX, scan_bundle,
                           &c);
    }
    if (r >= 0 && st->doubt != 0) {
        if (c.at == 0) {
            return 0;
        }
        r = sync__branch_drop(s, idx); /* a registrar has decided */
    }
    bool is_over = false;
    r = r < 0 || !st->row.frozen ? r : is_decided(s, n, st, c.at != 0, &is_over);
    if (r >= 0 && is_over) {
        r = s->st->thaw(s->st->ctx, st->row.no);
        st->row.frozen = false;
        if (r == 0 && node_id_cmp(&st->row.key.by, &s->self.id) == 0) {
            r = sync__self_doubt(s, &st->row.key); /* it goes on in a new epoch */
        }
    }
    if (r >= 0 && c.at != 0) {
        r = sync__key_voids(s, idx, &c.at);
    }
    return r < 0 ? r : void_set(s, idx, c.at);
}

static int void_load(struct sync *s, struct stream *st, const void *value)
{
    int64_t at;
    memcpy(&at, value, sizeof(at));
    st->row.seq = at - 1;
    memset(st->row.id, 0, HASH_LEN);
    int r = at > 1 ? s->st->bundle_id(s->st->ctx, st->row.no, at - 1, st->row.id) : 0;
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

int sync__voids_load(struct sync *s)
{
    return sync__kept_each(s, "void", sizeof(int64_t), void_load);
}

/* Another bundle takes the place of void ones. */
int sync__voids_drop(struct sync *s, struct stream *st)
{
    size_t idx = (size_t)(st - s->streams);
    int r = sync__again_void(s, idx);
    if (r > 0) { /* own ones are said again, in the next epoch */
        r = sync__epoch_mark(s, &st->row.key, st->row.seq, true);
    }
    r = r < 0 ? r : sync__stream_shorter(s, st);
    if (r == 0) {
        r = sync__kept_set(s, "void", st->row.no, NULL, 0);
    }
    if (r == 0) {
        r = sync__kept_set(s, "resaid", st->row.no, NULL, 0);
        r = r == SANJI_E_NOT_FOUND ? 0 : r;
    }
    return r < 0 ? r : sync__want_trim(s, st);
}

/* ---- deriving again ---- */

struct again {
    struct sync *s;
    size_t idx;
};

int64_t sync__derived_upto(const struct stream *st)
{
    return st->doubt != 0 ? st->kept : st->row.seq;
}

static int again_bundle(const struct sync_bundle_row *row, void *arg)
{
    struct again *a = arg;
    const struct stream *st = &a->s->streams[a->idx];
    return row->seq > sync__derived_upto(st) ? 1 : sync_apply_frame(a->s, row, &st->row.key);
}

static int redo_one(struct sync *s, const struct node_id *by)
{
    const struct roster_node *n = roster_node(s->roster, by->s);
    int r = 0;
    for (size_t i = 0; r == 0 && i < s->n_streams; i++) {
        if (s->streams[i].row.no != 0 && node_id_cmp(&s->streams[i].row.key.by, by) == 0) {
            r = voids_find(s, n, i);
        }
    }
    for (size_t i = 0; r == 0 && i < s->n_streams; i++) {
        if (s->streams[i].row.no != 0 && node_id_cmp(&s->streams[i].row.key.by, by) == 0) {
            r = sync__key_base(s, i);
        }
    }
    if (r == 0) {
        r = sync__erase_unname(s, by);
    }
    bool is_self = node_id_cmp(by, &s->self.id) == 0;
    if (r == 0 && is_self) {
        r = s->st->spare(s->st->ctx, by->s);
    }
    if (r == 0) {
        r = s->st->forget(s->st->ctx, by->s);
    }
    for (size_t i = 0; r == 0 && i < s->n_streams; i++) {
        const struct stream *st = &s->streams[i];
        if (st->row.no != 0 && node_id_cmp(&st->row.key.by, by) == 0) {
            struct again a = {s, i};
            r = s->st->bundles(s->st->ctx, st->row.no, 0, SIZE_MAX, again_bundle, &a);
        }
    }
    int64_t kept = 0;
    return r < 0 || !is_self ? r : sync_spares_back(s, &kept);
}

int sync__redo(struct sync *s)
{
    if (s->n_redo == 0) {
        return 0;
    }
    /* The bundle that brought the change is still in use: others are read elsewhere. */
    struct buf line = s->line;
    struct arena *arena = s->arena;
    int r = 0;
    buf_init(&s->line, LIM_BUNDLE_BYTES + 64);
    s->arena = arena_new(ARENA_MAX);
    if (s->arena == NULL) {
        r = SANJI_E_NOMEM;
    }
    for (size_t i = 0; r == 0 && i < s->n_redo; i++) {
        r = redo_one(s, &s->redo[i]);
    }
    s->n_redo = 0;
    s->changed = true;
    buf_done(&s->line);
    arena_free(s->arena);
    s->line = line;
    s->arena = arena;
    return r;
}

void sync__derive_free(struct sync *s)
{
    free(s->auth);
    free(s->redo);
    sync__crit_clear(s);
}

/* ---- after an upgrade ---- */

static int retry_one(int64_t no, int64_t seq, void *arg)
{
    struct sync *s = arg;
    for (size_t i = 0; i < s->n_streams; i++) {
        if (s->streams[i].row.no == no && no != 0 && seq <= s->streams[i].row.seq) {
            struct again a = {s, i};
            return s->st->bundles(s->st->ctx, no, seq - 1, 1, again_bundle, &a);
        }
    }
    return 0;
}

/* The bundle that brought the key is still in use: others are read elsewhere. */
static int reopen_one(int64_t no, int64_t seq, void *arg)
{
    struct sync *s = arg;
    struct buf line = s->line;
    struct arena *arena = s->arena;
    buf_init(&s->line, LIM_BUNDLE_BYTES + 64);
    s->arena = arena_new(ARENA_MAX);
    int r = s->arena == NULL ? SANJI_E_NOMEM : retry_one(no, seq, s);
    buf_done(&s->line);
    arena_free(s->arena);
    s->line = line;
    s->arena = arena;
    return r;
}

int sync__reopen(struct sync *s, const char *owner, const char *id)
{
    if (s->reopening) {
        return 0;
    }
    s->reopening = true;
    int r = s->st->unpark_sealed(s->st->ctx, owner, id, reopen_one, s);
    s->reopening = false;
    return r;
}

/* What an older version could not understand is tried once by every other. */
int sync__upgraded(struct sync *s)
{
    static const char name[] = "applied/version";
    struct buf v;
    buf_init(&v, 64);
    int r = s->st->kv_get(s->st->ctx, name, &v);
    bool same = r == 0 && strcmp(buf_str(&v), SANJI_VERSION) == 0;
    buf_done(&v);
    if (same || (r < 0 && r != SANJI_E_NOT_FOUND)) {
        return same ? 0 : r;
    }
    r = sync__tx_begin(s);
    if (r < 0) {
        return r;
    }
    r = s->st->unpark(s->st->ctx, SANJI_E_VERSION, retry_one, s);
    if (r == 0) { /* a kind may have got a member since */
        r = s->st->unpark(s->st->ctx, SANJI_E_SPEC, retry_one, s);
    }
    if (r == 0) {
        r = sync__erase_scrub(s);
    }
    if (r == 0) {
        r = s->st->kv_put(s->st->ctx, name, span_of(SANJI_VERSION, strlen(SANJI_VERSION)));
    }
    s->changed = true;
    return sync__tx_end(s, r);
}
