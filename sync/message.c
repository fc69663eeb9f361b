/* SPDX-License-Identifier: Apache-2.0 */
/* The frames of one exchange message: hello, have frames, bundles (PROTOCOL.md section 12). */
#include "sync/internal.h"

#include <stdio.h>
#include <string.h>

int sync__hello_write(struct sync *s, const struct msg_hello *h, struct buf *out)
{
    struct buf line;
    struct jw w;
    buf_init(&line, LIM_HEADER_BYTES);
    jw_init(&w, &line);
    jspec_write(&w, NULL, msg_hello_spec, h);
    int r = jw_done(&w);
    if (r == 0) {
        r = frame_pack(s->fc, span_of(line.data, line.len), out);
    }
    buf_done(&line);
    return r;
}

int sync__hello_read(struct sync *s, struct peer *p, struct span body, struct msg_hello *ret,
                     struct span *ret_rest, size_t *ret_inflated)
{
    size_t used = 0, inflated = 0;
    int r = frame_unpack(s->fc, body, &s->line, &used);
    if (r < 0) {
        return r;
    }
    inflated += s->line.len;
    arena_reset(s->arena);
    r = jspec_read(s->line.data, s->line.len, msg_hello_spec, ret, sizeof(*ret), s->arena, NULL);
    if (r < 0) {
        return r;
    }
    if (ret->v != 1) {
        return SANJI_E_VERSION;
    }
    if (!roster_knows_g(s->roster, ret->g)) {
        return SANJI_E_FEDERATION;
    }
    sync__custody_hear(s, p, ret);
    sync__fetch_hear(p, ret);
    if (ret->full) {
        sync__peer_reset_their(s, p);
    }
    for (int64_t i = 0; i < ret->lines; i++) {
        body = span_of(body.p + used, body.n - used);
        r = frame_unpack(s->fc, body, &s->line, &used);
        if (r < 0) {
            return r;
        }
        inflated += s->line.len;
        if (inflated > LIM_INFLATE_BYTES) {
            return SANJI_E_SIZE;
        }
        r = sync__have_take(s, p, span_of(s->line.data, s->line.len));
        if (r < 0) {
            return r;
        }
    }
    if (ret->full) {
        p->their_known = true;
        sync__told_all(s, p);
        r = sync__branch_listed(s, p);
        if (r < 0) {
            return r;
        }
    }
    if (ret->has_hd) {
        p->need_full = p->their_known && memcmp(ret->hd, p->their_sum, HASH_LEN) != 0;
    }
    *ret_rest = span_of(body.p + used, body.n - used);
    *ret_inflated = inflated;
    return 0;
}

/* The day's count is kept with what it counted: a restart would else begin the day anew. */
struct quota_kept {
    int64_t day, items, bytes;
};

static const char *quota_name(const struct peer *p, char out[static LIM_NODE_ID + 8])
{
    (void)snprintf(out, LIM_NODE_ID + 8, "quota/%s", p->id.s);
    return out;
}

static int quota_load(struct sync *s, struct peer *p)
{
    char name[LIM_NODE_ID + 8];
    struct quota_kept k;
    struct buf b;
    buf_init(&b, sizeof(k));
    int r = s->st->kv_get(s->st->ctx, quota_name(p, name), &b);
    r = r == SANJI_E_NOT_FOUND ? 0 : r;
    p->quota_loaded = r == 0;
    p->quota_day = p->quota_items = p->quota_bytes = 0;
    if (r == 0 && b.len == sizeof(k)) {
        memcpy(&k, b.data, sizeof(k));
        p->quota_day = k.day;
        p->quota_items = k.items;
        p->quota_bytes = k.bytes;
    }
    buf_done(&b);
    return r;
}

/* A new day, or the count of before a restart. */
static int quota_begin(struct sync *s, struct peer *p)
{
    int64_t day = s->tick.now_ms / 86400000;
    int r = p->quota_loaded ? 0 : quota_load(s, p);
    if (r == 0 && p->quota_day != day) {
        p->quota_day = day;
        p->quota_items = p->quota_bytes = 0;
        p->quota_told = false;
    }
    return r;
}

static int quota_save(const struct sync *s, const struct peer *p)
{
    char name[LIM_NODE_ID + 8];
    struct quota_kept k = {p->quota_day, p->quota_items, p->quota_bytes};
    return s->st->kv_put(s->st->ctx, quota_name(p, name), span_of(&k, sizeof(k)));
}

/* What a child's own streams may bring in a day; what comes through it from below counts at its own
 * first relay. */
static bool quota_used(const struct sync *s, const struct peer *p)
{
    const struct roster_node *n = roster_node(s->roster, p->id.s);
    int64_t items = n != NULL && n->quota_items > 0 ? n->quota_items : LIM_QUOTA_ITEMS;
    int64_t bytes = n != NULL && n->quota_bytes > 0 ? n->quota_bytes : LIM_QUOTA_BYTES;
    return !p->is_parent && (p->quota_items >= items || p->quota_bytes >= bytes);
}

static void quota_tell(struct sync *s, struct peer *p, const char *what)
{
    if (!p->quota_told) { /* once a day */
        p->quota_told = true;
        sync__alarm(s, SANJI_E_QUOTA, &p->id, what);
    }
}

/* Beyond the quota a child's own records wait, so nothing is lost: the have-list shows what was
 * left out, and the next session offers it again. Its trust acts and what it relays go on. */
static bool quota_defers(struct sync *s, struct peer *p, struct span frame, size_t *ret_used)
{
    struct bundle b;
    if (!quota_used(s, p) || frame_unpack(s->fc, frame, &s->line, ret_used) < 0) {
        return false; /* what is no frame is judged where frames are judged */
    }
    arena_reset(s->arena);
    if (bundle_peek(span_of(s->line.data, s->line.len), s->arena, &b, NULL) < 0 ||
        node_id_cmp(&b.hdr.by, &p->id) != 0 || strcmp(b.hdr.aud, "trust") == 0) {
        return false;
    }
    quota_tell(s, p, "day");
    return true;
}

static void quota_count(const struct sync *s, struct peer *p, const struct sync_accept *acc)
{
    if (node_id_cmp(&acc->stream.by, &p->id) == 0) {
        p->quota_items += acc->items;
        p->quota_bytes += (int64_t)s->line.len;
    }
}

/* A sender keeps the order of a stream: what is behind a gap here, and then what fills it, was put
 * into another order on the way. */
struct gap {
    struct stream_key key;
    int64_t seq; /* 0: none */
};

static void order_check(struct sync *s, const struct peer *p, struct gap *g,
                        const struct sync_accept *acc)
{
    if (acc->err == SANJI_E_GAP) {
        g->key = acc->stream;
        g->seq = acc->seq;
    } else if (acc->err == 0 && acc->seq < g->seq && stream_key_cmp(&g->key, &acc->stream) == 0) {
        sync__alarm(s, SANJI_E_ORDER, &p->id, "stream");
        g->seq = 0;
    }
}

int sync__take_bundles(struct sync *s, struct peer *p, struct span rest, size_t inflated,
                       int64_t *ret_stored)
{
    *ret_stored = 0;
    p->n_left = 0; /* the hello about the message before has been answered */
    if (rest.n == 0) {
        return 0;
    }
    int r = sync__tx_begin(s);
    if (r < 0) {
        return r;
    }
    r = quota_begin(s, p);
    int64_t stored = 0, bytes = 0, counted = p->quota_items;
    struct gap gap = {.seq = 0};
    s->from = p;
    sync__erase_gather(s);
    while (rest.n > 0 && r == 0 && inflated <= LIM_INFLATE_BYTES) {
        struct sync_accept acc;
        size_t used;
        if (quota_defers(s, p, rest, &used)) {
            inflated += s->line.len;
            rest = span_of(rest.p + used, rest.n - used);
            continue;
        }
        sync__accept_next(s, rest, &used, &acc);
        inflated += s->line.len;
        order_check(s, p, &gap, &acc);
        if (acc.err == 0 || acc.err == SANJI_E_OLD) {
            sync__peer_shows(s, p, &acc.stream, acc.seq);
        }
        if (acc.err == 0) {
            stored++;
            bytes += (int64_t)s->line.len;
            quota_count(s, p, &acc);
        } else if (sync_is_store_failure(acc.err)) {
            r = acc.err;
        } else if (acc.err == SANJI_E_UNKNOWN_KEY) {
            p->waiting = true; /* asked for again when the roster grows, perhaps in this message */
        } else if (acc.err == SANJI_E_QUOTA) {
            p->st.refused++;
            quota_tell(s, p, "streams");
        } else if (acc.err != SANJI_E_OLD && acc.err != SANJI_E_UNKNOWN_KEY &&
                   acc.err != SANJI_E_GAP) {
            p->st.refused++;
            sync__alarm(s, acc.err, &p->id, acc.f.member);
        }
        if (used == 0) {
            break; /* no boundary to go on from */
        }
        rest = span_of(rest.p + used, rest.n - used);
    }
    r = sync__erase_gathered(s, r);
    s->from = NULL;
    if (rest.n > 0) {
        sync__custody_stop(p);
    }
    if (r == 0 && !p->is_parent && p->quota_items != counted) {
        r = quota_save(s, p);
    }
    r = sync__tx_end(s, r);
    if (r < 0) {
        p->quota_loaded = false; /* what was rolled back counts for nothing */
    }
    if (r == 0) {
        sync__withheld_check(s, p);
        *ret_stored = stored;
        p->st.in_bundles += stored;
        p->st.in_bytes += bytes;
    }
    return r;
}
