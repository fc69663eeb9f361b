/* SPDX-License-Identifier: Apache-2.0 */
/* A node in doubt about its own streams (self.c) whose neighbours answer by file. On a line a
 * neighbour states what it holds now; a file may have been made before what was lost, and lie about
 * for months. So the node opens an epoch, under a name nobody can have known before, and a
 * statement that names it was made by somebody who has heard of the node since: what it names
 * beside is all there was. "barrier/since" in the store: the names of such epochs. */
#include "sync/ferry.h"

#include "sync/internal.h"

#include <string.h>

enum { EN = 8, SINCE_MAX = 1024 * EN }; /* one of them named is enough */
static const char since_name[] = "barrier/since";

static int since_get(const struct sync *s, struct buf *ret)
{
    buf_init(ret, SINCE_MAX);
    int r = s->st->kv_get(s->st->ctx, since_name, ret);
    if (r == SANJI_E_NOT_FOUND) {
        buf_reset(ret);
        return 0;
    }
    return r == 0 && ret->len % EN != 0 ? SANJI_E_CORRUPT : r;
}

static bool since_has(const struct buf *v, const uint8_t en[static EN])
{
    for (size_t at = 0; at < v->len; at += EN) {
        if (memcmp(v->data + at, en, EN) == 0) {
            return true;
        }
    }
    return false;
}

int sync__since_add(struct sync *s, const uint8_t en[static EN])
{
    struct buf v;
    int r = since_get(s, &v);
    if (r == 0 && v.len + EN <= SINCE_MAX) {
        r = buf_put(&v, en, EN);
        r = r < 0 ? r : s->st->kv_put(s->st->ctx, since_name, span_of(v.data, v.len));
    }
    buf_done(&v);
    return r;
}

int sync__since_drop(struct sync *s)
{
    int r = s->st->kv_del(s->st->ctx, since_name);
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

/* ---- asking ---- */

/* Index of an own stream in which `to` would see it, -1: none. *ret_open: it sees one already. */
static int where(const struct sync *s, const char *to, const struct buf *since, bool *ret_open)
{
    int at = -1;
    *ret_open = false;
    for (size_t i = 0; i < s->n_streams; i++) {
        const struct stream *st = &s->streams[i];
        if (strcmp(st->row.key.by.s, s->self.id.s) != 0 || !sync__ferry_may_have(s, st, to)) {
            continue;
        }
        *ret_open = *ret_open || since_has(since, st->row.key.en);
        if (at < 0 && sync__epoch_due(s, st->row.key.aud)) {
            at = (int)i;
        }
    }
    return at;
}

static int open_at(struct sync *s, int at)
{
    char aud[LIM_AUD_BYTES + 1];
    size_t n = strnlen(s->streams[at].row.key.aud, LIM_AUD_BYTES);
    memcpy(aud, s->streams[at].row.key.aud, n); /* the streams move when there is one more */
    aud[n] = '\0';
    int r = sync__tx_begin(s);
    return r < 0 ? r : sync__tx_end(s, sync__epoch_open(s, aud));
}

int sync__ferry_ask(struct sync *s, const struct node_id *to)
{
    struct buf since;
    bool raises, ends, open = false;
    int r = sync__ferry_counts(s, to->s, &raises, &ends);
    if (r < 0 || !ends || !s->restored || sync_self_error(s) < 0) {
        return r;
    }
    r = since_get(s, &since);
    int at = r < 0 ? -1 : where(s, to->s, &since, &open);
    buf_done(&since);
    if (r == 0 && !open && at >= 0) {
        r = open_at(s, at);
    }
    return sync_is_store_failure(r) ? r : sync__fresh(s); /* what may not write may still tell */
}

/* ---- the answer ---- */

int sync__ferry_counts(const struct sync *s, const char *by, bool *ret_raise, bool *ret_end)
{
    struct node_id up;
    uint8_t tls[HASH_LEN];
    int r = sync_parent(s, &up, tls, NULL);
    bool top = r == SANJI_E_NOT_FOUND;
    const struct roster_node *n = roster_node(s->roster, by);
    *ret_raise = r == 0 && strcmp(up.s, by) == 0;
    *ret_end = *ret_raise ||
               (top && n != NULL && n->state == NODE_ACTIVE && strcmp(n->up.s, s->self.id.s) == 0);
    return top ? 0 : r;
}

struct answer {
    const struct sync *s;
    const struct buf *since;
    bool lacks, knows;
};

static int answer_one(const char *by, const char *aud, const struct have_epoch *e, size_t n,
                      void *arg)
{
    struct answer *x = arg;
    struct stream_key k;
    int r = 0;
    for (size_t i = 0; r == 0 && i < n && strcmp(by, x->s->self.id.s) == 0; i++) {
        bool lacks = false;
        r = sync__key_of(&k, by, aud, e[i].ep, e[i].en);
        if (r == 0 && e[i].seq > 0) {
            r = sync__self_lacks(x->s, &k, e[i].seq, e[i].id8, &lacks);
            x->lacks = x->lacks || lacks;
            x->knows = x->knows || since_has(x->since, e[i].en);
        }
    }
    return r;
}

static int look(struct sync *s, const char *by, struct answer *x)
{
    struct buf v;
    char key[32];
    sync__ferry_key("have", by, key);
    buf_init(&v, (size_t)2 * FERRY_HAVE_MAX);
    int r = s->st->kv_get(s->st->ctx, key, &v);
    for (size_t at = 0, used = 0; r == 0 && at < v.len; at += used) {
        r = frame_unpack(s->fc, span_of(v.data + at, v.len - at), &s->line, &used);
        if (r == 0) {
            r = have_line_read(span_of(s->line.data, s->line.len), answer_one, x, NULL);
        }
    }
    buf_done(&v);
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

int sync__ferry_answer(struct sync *s, const char *by)
{
    struct buf since;
    struct answer x = {.s = s, .since = &since};
    bool raises, ends;
    int r = sync__ferry_counts(s, by, &raises, &ends);
    if (r < 0 || !ends || !s->restored) {
        return r;
    }
    r = since_get(s, &since);
    if (r == 0 && since.len > 0) {
        r = look(s, by, &x);
    }
    buf_done(&since);
    if (r == 0 && x.knows && !x.lacks) {
        r = sync__self_answered(s);
    }
    return sync_is_store_failure(r) ? r : 0; /* the file was taken all the same */
}
