/* SPDX-License-Identifier: Apache-2.0 */
/* How far a record of this node's own is erased (PROTOCOL.md 15.4). An act names leaves, and of
 * another past of a node put back there may be forms of the same record that nobody knew of when
 * it was said. So the writer remembers the highest revision that was erased: "mark/OWNER/ID,
 * HASHED" = reason and revision. What it meets at or below that in its own streams, whoever brings
 * it and whenever, is put on the list of erased leaves before it is stored, and said to everybody
 * like all that no act names yet (erase_own.c). What it writes itself begins above. Others need no
 * marks: they follow the acts, so the order in which something came to them plays no part. */
#include "sync/erase.h"

#include "protocol/base/enc.h"
#include "protocol/base/text.h"

#include <stdio.h>
#include <string.h>

static const char prefix[] = "mark/";
enum { VALUE_BYTES = 24, NAME_BYTES = 128 };

static void id_hash(const char *id, uint8_t ret[static ERASE_MARK_LEN])
{
    uint8_t h[HASH_LEN];
    hash_bytes(id, strlen(id), h);
    memcpy(ret, h, ERASE_MARK_LEN);
}

static void name_of(const char *owner, const uint8_t hash[static ERASE_MARK_LEN],
                    char out[static NAME_BYTES])
{
    char x[B64U_LEN(ERASE_MARK_LEN) + 1] = "";
    x[b64u_put(hash, ERASE_MARK_LEN, x)] = '\0';
    (void)snprintf(out, NAME_BYTES, "%s%s/%s", prefix, owner, x);
}

static int value_read(struct span v, char *ret_why, int64_t *ret_r)
{
    *ret_why = v.n > 0 ? (char)v.p[0] : '\0';
    return v.n < 2 ? SANJI_E_CORRUPT : text_i64((const char *)v.p + 1, v.n - 1, 1, LIM_SEQ, ret_r);
}

/* 0 in *ret_r: nothing of it was erased. */
static int mark_get(const struct sync *s, const char *owner,
                    const uint8_t hash[static ERASE_MARK_LEN], char *ret_why, int64_t *ret_r)
{
    char name[NAME_BYTES];
    struct buf v;
    *ret_r = 0;
    *ret_why = '\0';
    if (!s->erase->has_marks) {
        return 0;
    }
    name_of(owner, hash, name);
    buf_init(&v, VALUE_BYTES);
    int r = s->st->kv_get(s->st->ctx, name, &v);
    r = r < 0 ? r : value_read(span_of(v.data, v.len), ret_why, ret_r);
    buf_done(&v);
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

static int mark_raise(struct sync *s, const char *owner, const uint8_t hash[static ERASE_MARK_LEN],
                      int64_t rev, char why)
{
    char name[NAME_BYTES], value[VALUE_BYTES], was_why;
    int64_t was;
    if (s->witness || s->erase->keeping) {
        return 0; /* it judges what the other one holds, by the other one's list */
    }
    int r = mark_get(s, owner, hash, &was_why, &was);
    if (r < 0 || was >= rev) {
        return r;
    }
    name_of(owner, hash, name);
    int n = snprintf(value, sizeof(value), "%c%lld", why, (long long)rev);
    s->erase->has_marks = true;
    s->erase->marks_new = s->erase->marks_new || !s->erase->looking;
    return s->st->kv_put(s->st->ctx, name, span_of(value, (size_t)n));
}

int sync__mark_raise(struct sync *s, const char *owner, const char *id, int64_t rev, char why)
{
    uint8_t hash[ERASE_MARK_LEN];
    id_hash(id, hash);
    return mark_raise(s, owner, hash, rev, why);
}

int sync__mark_item(struct sync *s, const struct sync_record *rec, char why)
{
    bool own = strcmp(rec->stream->by.s, s->self.id.s) == 0;
    return !own || rec->item == NULL || rec->item->op != OP_PUT
               ? 0
               : sync__mark_raise(s, rec->owner, rec->item->id, rec->item->r, why);
}

int sync_erased_upto(const struct sync *s, const char *owner, const char *id, int64_t *ret_r)
{
    uint8_t hash[ERASE_MARK_LEN];
    char why;
    id_hash(id, hash);
    return mark_get(s, owner == NULL ? s->self.id.s : owner, hash, &why, ret_r);
}

/* ---- what is met ---- */

int sync__mark_meet(struct sync *s, const struct stream_key *key, const struct bundle *b)
{
    int r = 0;
    if (!s->erase->has_marks || s->witness || b->item == NULL ||
        strcmp(key->by.s, s->self.id.s) != 0) {
        return 0;
    }
    for (size_t i = 0; r == 0 && i < (size_t)b->hdr.n; i++) {
        const struct item_ref *ref = &b->item[i];
        struct item it;
        uint8_t hash[ERASE_MARK_LEN];
        int64_t upto;
        struct sync_erased x = {.by = key->by.s, .aud = key->aud, .leaf = ref->leaf};
        if (ref->stub || item_parse(ref->text, &it, NULL) < 0 || it.op != OP_PUT ||
            !sync__erasable_kind(it.k)) {
            continue;
        }
        id_hash(it.id, hash);
        r = mark_get(s, node_id_none(&it.on_behalf) ? key->by.s : it.on_behalf.s, hash, &x.why,
                     &upto);
        if (r == 0 && it.r <= upto) {
            r = sync_erase_add(s, &x);
        }
    }
    return r;
}

/* ---- what is held, when a mark comes back itself ---- */

struct scan {
    struct sync *s;
    const struct stream_key *key;
    struct arena *a;
    struct buf in;
};

static int scan_bundle(const struct sync_bundle_row *row, void *arg)
{
    struct scan *x = arg;
    struct bundle b;
    int r = sync__stored(x->s, row, READ_ALL, &x->in, x->a, &b);
    return r != 0 ? (r < 0 ? r : 0) : sync__mark_meet(x->s, x->key, &b);
}

static int scan_kept(const char *name, struct span value, void *arg)
{
    struct scan *x = arg;
    struct stream_key key;
    struct bundle b;
    size_t used;
    (void)name;
    arena_reset(x->a);
    int r = frame_unpack(x->s->fc, value, &x->in, &used);
    r = r < 0 ? r : bundle_parse(span_of(x->in.data, x->in.len), x->a, &b, NULL);
    r = r < 0 ? r : sync__key_of(&key, b.hdr.by.s, b.hdr.aud, b.hdr.ep, b.hdr.en);
    if (r < 0) { /* damaged: it is named elsewhere, and can be published by nobody */
        return r == SANJI_E_NOMEM ? r : 0;
    }
    return sync__mark_meet(x->s, &key, &b);
}

int sync__mark_scan(struct sync *s)
{
    if (!s->erase->marks_new) {
        return 0;
    }
    struct scan x = {.s = s, .a = arena_new(ARENA_MAX)};
    int r = x.a == NULL ? SANJI_E_NOMEM : 0;
    buf_init(&x.in, LIM_BUNDLE_BYTES + 64);
    s->erase->marks_new = false;
    for (size_t i = 0; r == 0 && i < s->n_streams; i++) {
        const struct stream *st = &s->streams[i];
        if (st->row.no != 0 && node_id_cmp(&st->row.key.by, &s->self.id) == 0) {
            x.key = &st->row.key;
            r = s->st->bundles(s->st->ctx, st->row.no, 0, SIZE_MAX, scan_bundle, &x);
        }
    }
    for (size_t i = 0; r == 0 && sync__kept_beside[i] != NULL; i++) {
        r = s->st->kv_each(s->st->ctx, sync__kept_beside[i], scan_kept, &x);
    }
    buf_done(&x.in);
    arena_free(x.a);
    return r < 0 ? r : 0;
}

/* ---- beside the store ---- */

static int any(const char *name, struct span value, void *arg)
{
    (void)name;
    (void)value;
    *(bool *)arg = true;
    return 1;
}

int sync__mark_load(struct sync *s)
{
    int r = s->st->kv_each(s->st->ctx, prefix, any, &s->erase->has_marks);
    return r < 0 ? r : 0;
}

struct telling {
    sync_mark_fn *fn;
    void *arg;
};

static int tell_one(const char *name, struct span value, void *arg)
{
    const struct telling *t = arg;
    struct sync_mark m = {.r = 0};
    char owner[LIM_NODE_ID + 1];
    const char *at = name + sizeof(prefix) - 1;
    if (strlen(at) != LIM_NODE_ID + 1 + B64U_LEN(ERASE_MARK_LEN) ||
        b64u_get(at + LIM_NODE_ID + 1, B64U_LEN(ERASE_MARK_LEN), m.hash, ERASE_MARK_LEN) < 0 ||
        value_read(value, &m.why, &m.r) < 0) {
        return 0; /* `verify` names it */
    }
    memcpy(owner, at, LIM_NODE_ID);
    owner[LIM_NODE_ID] = '\0';
    m.owner = owner;
    return t->fn(&m, t->arg);
}

int sync_mark_each(const struct sync *s, sync_mark_fn *fn, void *arg)
{
    struct telling t = {fn, arg};
    int r = s->st->kv_each(s->st->ctx, prefix, tell_one, &t);
    return r < 0 ? r : 0;
}

int sync_mark_add(struct sync *s, const struct sync_mark *m)
{
    return mark_raise(s, m->owner, m->hash, m->r, m->why);
}
