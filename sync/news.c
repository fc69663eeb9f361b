/* SPDX-License-Identifier: Apache-2.0 */
/* How fresh is what is held here? (PROTOCOL.md 15.8) Worked out when somebody asks, from the
 * roster (who owes a beat), the streams (what came last, and when), what neighbours state and the
 * top's table of heads. Who is named is the neighbour on the way, not who is guilty: it keeps
 * something back, or has no connection itself, and a person can tell the two apart. */
#include "sync/internal.h"

#include <string.h>

void sync__told(struct sync *s, const struct peer *p, size_t idx, int64_t seq)
{
    struct stream *st = &s->streams[idx];
    int64_t held = st->row.no == 0 ? 0 : st->row.seq;
    sync__heads_acked(s, p, idx, seq);
    if (p->is_parent && strcmp(st->row.key.by.s, s->self.id.s) == 0) {
        bool lost = seq < st->parent_had && st->parent_had <= held && st->doubt == 0;
        st->parent_had = seq;
        if (lost && !s->restored) { /* put back, or pretends to be: it is given all again */
            sync__alarm(s, SANJI_E_WENT_BACK, &p->id, "parent");
        }
    }
    if (seq < st->told && node_id_cmp(&st->told_by, &p->id) == 0) {
        st->told = seq; /* put back, or what it held was cut: it would not have to send any more */
    }
    if (seq <= held || (st->told > held && seq <= st->told)) {
        return;
    }
    if (st->told <= held) {
        st->told_at = s->tick.mono_ms;
    }
    st->told = seq;
    st->told_by = p->id;
}

void sync__told_all(struct sync *s, const struct peer *p)
{
    for (size_t i = 0; i < s->n_streams; i++) {
        struct stream *st = &s->streams[i];
        int64_t has = i < p->n_ps && p->ps[i].their > 0 ? p->ps[i].their : 0;
        if (st->told > has && node_id_cmp(&st->told_by, &p->id) == 0) {
            st->told = has;
        }
    }
}

void sync__news_came(struct sync *s, size_t idx)
{
    struct stream *st = &s->streams[idx];
    st->news = s->tick.now_ms;
    st->told_at = s->tick.mono_ms; /* it is moving */
}

static int read_got(const struct sync_bundle_row *row, void *arg)
{
    *(int64_t *)arg = row->got;
    return 0;
}

struct asked {
    struct sync *s;
    struct sync_news n;
    int idx; /* newest epoch held; -1: none */
    const char *by, *aud;
    const struct audience *a;
};

/* The neighbour on the way to a node, met already or not; empty: none. */
static struct node_id towards(const struct sync *s, const struct node_id *id)
{
    const struct roster_node *n = roster_node(s->roster, id->s);
    for (int i = 0; n != NULL && i <= LIM_TREE_DEPTH; i++) {
        if (node_id_cmp(&n->up, &s->self.id) == 0) {
            return n->id;
        }
        n = node_id_none(&n->up) ? NULL : roster_node(s->roster, n->up.s);
    }
    n = roster_node(s->roster, s->self.id.s);
    return n != NULL ? n->up : (struct node_id){{0}};
}

/* A neighbour states more than it gives. */
static void by_neighbour(struct asked *l)
{
    const struct sync *s = l->s;
    for (int i = sync__stream_first(s, l->by, l->aud); i >= 0; i = s->streams[i].next) {
        const struct stream *st = &s->streams[i];
        int64_t held = st->row.no == 0 ? 0 : st->row.seq;
        const struct peer *p = st->told > held ? sync__peer_find(s, st->told_by.s) : NULL;
        if (p != NULL && p->st.connected && !st->row.frozen && st->doubt == 0 &&
            s->tick.mono_ms - st->told_at > LIM_SLOW_MS && st->told - held > l->n.missing) {
            l->n.missing = st->told - held;
            l->n.via = p->id;
        }
    }
}

/* The table knows more than is held here. */
static void by_table(struct asked *l)
{
    const struct sync *s = l->s;
    size_t n;
    const struct table_line *t = sync__table_find(s, l->by, l->aud, &n);
    bool slow = s->tick.mono_ms - s->table_mono > LIM_SLOW_MS;
    for (size_t i = 0; i < n && slow; i++) {
        int64_t best = 0;
        for (int k = sync__stream_first(s, l->by, l->aud); k >= 0; k = s->streams[k].next) {
            const struct stream *st = &s->streams[k];
            bool later = st->row.no != 0 && (int64_t)st->row.key.ep > t[i].ep;
            bool same = st->row.no != 0 && (int64_t)st->row.key.ep == t[i].ep;
            bool other = st->row.frozen || st->doubt != 0 || st->kept > st->row.seq;
            best = later || (same && other)     ? INT64_MAX
                   : same && st->row.seq > best ? st->row.seq
                                                : best;
        }
        if (t[i].seq > best && t[i].seq - best > l->n.missing) {
            l->n.missing = t[i].seq - best;
            l->n.via = towards(s, &l->n.key.by);
        }
    }
}

static int silence(struct asked *l)
{
    struct stream *st = &l->s->streams[l->idx];
    int r = 0;
    if (st->news == 0) { /* not asked since the start */
        r = l->s->st->bundles(l->s->st->ctx, st->row.no, st->row.seq - 1, 1, read_got, &st->news);
    }
    l->n.since = st->news;
    if (r >= 0 && sync__owes_beat(l->s, l->by, l->a) &&
        l->s->tick.now_ms - st->news > LIM_NEWS_MS) {
        l->n.state = SYNC_NEWS_SILENT;
        l->n.via = towards(l->s, &l->n.key.by);
    }
    return r < 0 ? r : 0;
}

static int judge(struct asked *l)
{
    const struct sync *s = l->s;
    bool own = strcmp(l->by, s->self.id.s) == 0;
    const struct stream *st = l->idx < 0 ? NULL : &s->streams[l->idx];
    l->n.seq = st == NULL ? 0 : st->row.seq;
    int r = st == NULL || st->row.seq == 0 || own ? 0 : silence(l);
    if (own) {
        int64_t since = st == NULL ? 0 : sync__heads_kept_back(st);
        l->n.state = since != 0 ? SYNC_NEWS_KEPT_BACK : SYNC_NEWS_FRESH;
        l->n.since = since;
        l->n.via = s->parent != NULL ? s->parent->id : l->n.via;
        return r;
    }
    by_neighbour(l);
    by_table(l);
    l->n.state = l->n.missing > 0 ? SYNC_NEWS_MISSING : l->n.state;
    if (st != NULL && st->differs > DIFFER_ONCE) {
        l->n.state = SYNC_NEWS_DIVERGED;
        l->n.since = st->differs_at;
        l->n.word = st->differs == DIFFER_WORD;
    }
    return r;
}

static int tell(struct asked *l, int (*fn)(const struct sync_news *, void *), void *arg)
{
    if ((l->a->type != AUD_FED && l->a->type != AUD_SUB && l->a->type != AUD_UP) ||
        !roster_entitled(l->s->roster, l->by, l->a, l->s->self.id.s)) {
        return 0;
    }
    int r = judge(l);
    return r < 0 || (l->idx < 0 && l->n.missing == 0) ? r : fn(&l->n, arg);
}

int sync_each_news(struct sync *s, const struct sync_tick *t,
                   int (*fn)(const struct sync_news *n, void *arg), void *arg)
{
    s->tick.now_ms = t->now_ms;
    s->tick.mono_ms = t->mono_ms;
    int r = 0;
    for (size_t i = 0; r == 0 && i < s->n_streams; i++) {
        const struct stream_key *k = &s->streams[i].row.key;
        if (sync__stream_first(s, k->by.s, k->aud) != (int)i) {
            continue; /* its lane was told already */
        }
        struct asked l = {.s = s,
                          .idx = sync__stream_newest(s, k->by.s, k->aud),
                          .by = k->by.s,
                          .aud = k->aud,
                          .a = &s->streams[i].aud};
        l.n.key = s->streams[l.idx < 0 ? (int)i : l.idx].row.key;
        r = tell(&l, fn, arg);
    }
    for (size_t i = 0; r == 0 && i < s->n_table; i++) { /* lanes of which nothing came at all */
        const struct table_line *x = &s->table[i];
        struct audience a;
        if (sync__stream_first(s, x->by.s, x->aud) >= 0 ||
            audience_parse(x->aud, strlen(x->aud), &a) < 0) {
            continue;
        }
        struct asked l = {.s = s, .idx = -1, .by = x->by.s, .aud = x->aud, .a = &a};
        l.n.key = (struct stream_key){.by = x->by, .ep = (uint32_t)x->ep};
        memcpy(l.n.key.aud, x->aud, sizeof(x->aud));
        r = tell(&l, fn, arg);
    }
    return r < 0 ? r : 0;
}
