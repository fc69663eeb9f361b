/* SPDX-License-Identifier: Apache-2.0 */
/* Taking a file from a stick. Its bundles go the way of those from the network, each by itself: a
 * file that is torn, or whose carrier has changed it, still gives what is good in it. What the file
 * says as a whole (what its writer holds) counts only when it is signed and whole. */
#include "sync/ferry.h"

#include "protocol/ferry.h"
#include "sync/enrol.h"
#include "sync/internal.h"

#include <stdlib.h>
#include <string.h>

enum {
    SNIFF = 64 * 1024,
    QUEUE_MAX = 64 << 20,
    PARTS_MAX = 10000,
    GOT_HEAD = 8 + 8 + 4,
};

struct sync_ferry_in {
    struct sync *s;
    struct buf queue;
    size_t at;
    bool eof;
    struct ferry_unsealer *u;
    struct ferry_reader *r;
    struct arena *a; /* what `m`, `rc` and `sig` point to */
    struct ferry_manifest m;
    struct ferry_receipt rc;
    struct ferry_signed sig;
    uint8_t g[HASH_LEN];
    struct buf have;
    bool have_bad;
    struct sync_ferry_report rep;
    sync_ferry_item_fn *fn;
    void *arg;
};

static int queue_read(void *p, size_t n, size_t *ret_n, void *arg)
{
    struct sync_ferry_in *in = arg;
    size_t left = in->queue.len - in->at;
    *ret_n = n < left ? n : left;
    if (*ret_n == 0) {
        return in->eof ? 0 : SANJI_E_PENDING;
    }
    memcpy(p, in->queue.data + in->at, *ret_n);
    in->at += *ret_n;
    return 0;
}

int sync_ferry_in_new(struct sync *s, sync_ferry_item_fn *fn, void *arg, struct sync_ferry_in **ret)
{
    struct sync_ferry_in *in = calloc(1, sizeof(*in));
    if (in == NULL) {
        return SANJI_E_NOMEM;
    }
    in->s = s;
    in->fn = fn;
    in->arg = arg;
    buf_init(&in->queue, QUEUE_MAX);
    buf_init(&in->have, FERRY_HAVE_MAX);
    in->a = arena_new((size_t)64 * 1024);
    if (in->a == NULL) {
        sync_ferry_in_free(in);
        return SANJI_E_NOMEM;
    }
    *ret = in;
    return 0;
}

void sync_ferry_in_free(struct sync_ferry_in *in)
{
    if (in == NULL) {
        return;
    }
    ferry_reader_free(in->r);
    ferry_unseal_free(in->u);
    arena_free(in->a);
    buf_done(&in->queue);
    buf_done(&in->have);
    free(in);
}

int sync_ferry_in_give(struct sync_ferry_in *in, struct span bytes)
{
    if (in->rep.over || bytes.n == 0) {
        in->eof = true;
        return 0;
    }
    if (in->at > 0) {
        memmove(in->queue.data, in->queue.data + in->at, in->queue.len - in->at);
        in->queue.len -= in->at;
        in->at = 0;
    }
    return buf_put(&in->queue, bytes.p, bytes.n);
}

size_t sync_ferry_in_backlog(const struct sync_ferry_in *in)
{
    return in->queue.len - in->at;
}

const struct sync_ferry_report *sync_ferry_in_report(const struct sync_ferry_in *in)
{
    return &in->rep;
}

static int give_up(struct sync_ferry_in *in, int err, const char *member, const char *want)
{
    in->rep.over = true;
    (void)fault_set(&in->rep.f, err, member, want);
    in->rep.err = err;
    return 0;
}

/* 0, or SANJI_E_PENDING while the first bytes are not here. */
static int sniff(struct sync_ferry_in *in)
{
    struct sync *s = in->s;
    struct fault f = {0};
    if (in->queue.len - in->at < SNIFF && !in->eof) {
        return SANJI_E_PENDING;
    }
    struct span head = {0};
    if (in->queue.len > in->at) { /* an empty file has no bytes to point to */
        head = span_of(in->queue.data + in->at, in->queue.len - in->at);
    }
    in->rep.sealed = head.n > 0 && ferry_is_sealed(s->fc, head);
    if (in->rep.sealed) {
        int r = ferry_unseal_new(queue_read, in, &s->self.id, s->self.seal_seeds,
                                 s->self.n_seal_seeds, &in->u, &f);
        if (r < 0) {
            return r == SANJI_E_NOMEM ? r : give_up(in, r, f.member, f.want);
        }
    }
    in->r = in->u != NULL ? ferry_reader_new(ferry_unseal_read, in->u)
                          : ferry_reader_new(queue_read, in);
    return in->r == NULL ? SANJI_E_NOMEM : 0;
}

/* ---- the first line ---- */

/* 0: vouched for; SANJI_E_UNKNOWN_KEY: its key may come with the file; SANJI_E_SIGNATURE. */
static int vouch(struct sync_ferry_in *in)
{
    const struct roster_key *k = roster_key(in->s->roster, in->rep.by, in->sig.kid);
    int r = k == NULL ? SANJI_E_UNKNOWN_KEY : ferry_verify(&in->sig, k->pub);
    in->rep.vouched = r == 0 && !k->cut; /* of a stolen key only what is proved otherwise */
    return r;
}

static void copy_id(char out[static LIM_NODE_ID + 2], const char *id)
{
    size_t n = id == NULL ? 0 : strnlen(id, LIM_NODE_ID);
    if (n > 0) {
        memcpy(out, id, n);
    }
    out[n] = '\0';
}

static int take_first(struct sync_ferry_in *in, struct span line, bool receipt)
{
    struct sync_ferry_report *rep = &in->rep;
    const char *self = in->s->self.id.s;
    struct fault f = {0};
    int r = receipt ? ferry_receipt_read(line, in->a, &in->rc, &in->sig, &f)
                    : ferry_manifest_read(line, in->a, &in->m, &in->sig, &f);
    if (r < 0) {
        return r == SANJI_E_NOMEM ? r : give_up(in, r, f.member, f.want);
    }
    rep->receipt = receipt;
    rep->known = true;
    copy_id(rep->by, receipt ? in->rc.by : in->m.by);
    copy_id(rep->to, receipt ? in->rc.to : in->m.to);
    memcpy(in->g, receipt ? in->rc.g : in->m.g, HASH_LEN);
    rep->no = receipt ? in->rc.no : in->m.no;
    rep->ts = receipt ? in->rc.ts : in->m.ts;
    rep->part = receipt ? 1 : in->m.part;
    rep->parts = receipt ? 1 : in->m.parts;
    r = vouch(in);
    if (r == SANJI_E_NOMEM) {
        return r;
    }
    if (r == SANJI_E_SIGNATURE) {
        return give_up(in, r, "s", "the signature of its writer");
    }
    if (!roster_knows_g(in->s->roster, in->g)) {
        return give_up(in, SANJI_E_FEDERATION, "g", "this federation");
    }
    if (rep->to[0] != '\0' && strcmp(rep->to, self) != 0) {
        return give_up(in, SANJI_E_AUDIENCE, "to", "a file for this node");
    }
    if (receipt && !in->rc.has_sha) {
        return give_up(in, SANJI_E_SPEC, "sha", "the sum of what follows");
    }
    return 0;
}

/* ---- a request ---- */

static int take_request(struct sync_ferry_in *in)
{
    struct sync_ferry_report *rep = &in->rep;
    struct enrol_told told;
    struct fault f = {0};
    int r = sync__request_by_file(in->s, span_of(in->have.data, in->have.len), &told, &f);
    copy_id(rep->by, told.node.s);
    copy_id(rep->asks, told.asks.s);
    copy_id(rep->kid, told.kid.s);
    rep->request = !told.key              ? FERRY_ASKS_JOIN
                   : rep->asks[0] != '\0' ? FERRY_ASKS_AGREE
                                          : FERRY_ASKS_KEY;
    rep->known = rep->by[0] != '\0';
    rep->over = true;
    if (r < 0) {
        return sync_is_store_failure(r) ? r : give_up(in, r, f.member, f.want);
    }
    rep->vouched = true;
    rep->done = told.done || (rep->asks[0] != '\0' && told.approved);
    memcpy(rep->digits, told.digits, sizeof(rep->digits));
    return 0;
}

/* ---- its bundles ---- */

static void tell(struct sync_ferry_in *in, const struct sync_accept *acc, bool waits)
{
    bool named = acc->seq > 0;
    struct sync_ferry_item it = {.n = in->rep.bundles,
                                 .waits = waits,
                                 .by = named ? acc->stream.by.s : "",
                                 .aud = named ? acc->stream.aud : "",
                                 .ep = named ? (int64_t)acc->stream.ep : 0,
                                 .seq = acc->seq,
                                 .err = acc->err,
                                 .f = &acc->f};
    in->rep.waiting += waits;
    in->rep.refused += !waits;
    if (in->fn != NULL) {
        in->fn(&it, in->arg);
    }
}

static int take_bundle(struct sync_ferry_in *in, struct span frame)
{
    struct sync *s = in->s;
    struct sync_ferry_report *rep = &in->rep;
    struct sync_accept acc;
    size_t used;
    rep->bundles++;
    sync__accept_next(s, frame, &used, &acc);
    if (acc.err == 0) {
        rep->stored += 1 + acc.before;
        rep->items += acc.items + acc.before_items;
        rep->waiting -= acc.before < rep->waiting ? acc.before : rep->waiting;
        return 0;
    }
    if (sync_is_store_failure(acc.err)) {
        return acc.err;
    }
    if (acc.err == SANJI_E_OLD) {
        rep->old++;
        return 0;
    }
    tell(in, &acc, acc.err == SANJI_E_UNKNOWN_KEY || acc.err == SANJI_E_GAP);
    return 0;
}

static void take_damage(struct sync_ferry_in *in, const struct fault *f)
{
    struct sync_accept acc = {.err = f->err, .f = *f};
    in->rep.bundles++;
    tell(in, &acc, false);
}

/* ---- what its writer holds ---- */

struct look {
    struct sync_ferry_in *in;
    bool raises; /* its word about own streams of this node counts (self.c) */
    bool older, newer;
};

static int look_one(const char *by, const char *aud, const struct have_epoch *e, size_t n,
                    void *arg)
{
    struct look *l = arg;
    struct sync *s = l->in->s;
    bool own = l->raises && strcmp(by, s->self.id.s) == 0;
    for (size_t i = 0; i < n; i++) {
        struct stream_key k;
        int r = sync__key_of(&k, by, aud, e[i].ep, e[i].en);
        if (r < 0) {
            return r;
        }
        int idx = sync__stream_find(s, &k);
        int64_t mine = idx >= 0 && s->streams[idx].row.no != 0 ? s->streams[idx].row.seq : 0;
        if (strcmp(aud, "trust") == 0) {
            l->older = l->older || e[i].seq < mine;
            l->newer = l->newer || e[i].seq > mine;
        }
        bool lacks = false;
        if (own && e[i].seq > 0) {
            r = sync__self_lacks(s, &k, e[i].seq, e[i].id8, &lacks);
        }
        if (r == 0 && lacks) {
            r = sync__self_doubt(s, &k);
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* A statement of its writer to this node that is newer than what is known of it. */
static bool is_news(const struct sync_ferry_in *in, const struct sync_ferry_note *n)
{
    const struct sync_ferry_report *rep = &in->rep;
    return rep->to[0] != '\0' && rep->part == 1 && !in->have_bad &&
           (rep->no > (rep->receipt ? n->receipt_no : n->have_no) || rep->ts > n->have_ts);
}

static int look_at_have(struct sync_ferry_in *in, bool news)
{
    struct sync *s = in->s;
    struct look l = {.in = in};
    bool ends;
    int r = sync__ferry_counts(s, in->rep.by, &l.raises, &ends);
    l.raises = l.raises && news;
    for (size_t at = 0, used = 0; r == 0 && at < in->have.len; at += used) {
        r = frame_unpack(s->fc, span_of(in->have.data + at, in->have.len - at), &s->line, &used);
        if (r == 0) {
            r = have_line_read(span_of(s->line.data, s->line.len), look_one, &l, NULL);
        }
    }
    if (in->have.len > 0) {
        in->rep.roster = l.newer   ? FERRY_ROSTER_NEWER
                         : l.older ? FERRY_ROSTER_OLDER
                                   : FERRY_ROSTER_SAME;
    }
    return r;
}

static int have_put(struct sync_ferry_in *in, struct sync_ferry_note *n)
{
    struct sync *s = in->s;
    const struct sync_ferry_report *rep = &in->rep;
    char key[32];
    *(rep->receipt ? &n->receipt_no : &n->have_no) = rep->no;
    n->have_ts = rep->ts;
    n->have_at = s->tick.now_ms;
    sync__ferry_key("have", rep->by, key);
    return s->st->kv_put(s->st->ctx, key, span_of(in->have.data, in->have.len));
}

/* ---- which parts are here ---- */

static int64_t get_be(const uint8_t *p, int n)
{
    uint64_t v = 0;
    for (int i = 0; i < n; i++) {
        v = v << 8 | p[i];
    }
    return (int64_t)v;
}

/* u64 no, u64 ts, u32 parts, a bit for each part; of the newest file of this writer. */
static int got_load(struct sync_ferry_in *in, const char *key, struct buf *v, bool *ret_track)
{
    const struct sync_ferry_report *rep = &in->rep;
    size_t n = GOT_HEAD + (size_t)(rep->parts + 7) / 8;
    int r = in->s->st->kv_get(in->s->st->ctx, key, v);
    if (r < 0 && r != SANJI_E_NOT_FOUND) {
        return r;
    }
    bool any = r == 0 && v->len >= GOT_HEAD;
    int64_t no = any ? get_be(v->data, 8) : 0, ts = any ? get_be(v->data + 8, 8) : 0;
    bool same = any && no == rep->no && ts == rep->ts && v->len == n &&
                get_be(v->data + 16, 4) == rep->parts;
    *ret_track = same || rep->no > no || rep->ts > ts;
    if (same || !*ret_track) {
        return 0;
    }
    static const uint8_t zero[PARTS_MAX / 8 + 1];
    buf_reset(v);
    (void)buf_put_u64be(v, (uint64_t)rep->no);
    (void)buf_put_u64be(v, (uint64_t)rep->ts);
    (void)buf_put_u32be(v, (uint32_t)rep->parts);
    return buf_put(v, zero, n - GOT_HEAD);
}

static int got_part(struct sync_ferry_in *in, struct sync_ferry_note *n)
{
    struct sync_ferry_report *rep = &in->rep;
    char key[32];
    struct buf v;
    bool track = false;
    sync__ferry_key("got", rep->by, key);
    buf_init(&v, 4096);
    int r = got_load(in, key, &v, &track);
    if (r < 0 || !track) {
        goto out;
    }
    if (rep->waiting == 0) {
        v.data[GOT_HEAD + (rep->part - 1) / 8] |= (uint8_t)(1u << (rep->part - 1) % 8);
    }
    for (int64_t i = 0; i < rep->parts; i++) {
        if ((v.data[GOT_HEAD + i / 8] & (1u << i % 8)) == 0) {
            if (rep->missing < FERRY_MISSING_SHOWN) {
                rep->missing_v[rep->missing] = i + 1;
            }
            rep->missing++;
        }
    }
    if (rep->missing == 0) {
        n->in_no = rep->no;
        n->in_ts = rep->ts;
        n->in_at = in->s->tick.now_ms;
    }
    r = in->s->st->kv_put(in->s->st->ctx, key, span_of(v.data, v.len));
out:
    buf_done(&v);
    return r;
}

/* ---- the end ---- */

/* A whole file: its sum is right. */
static int conclude(struct sync_ferry_in *in)
{
    struct sync *s = in->s;
    struct sync_ferry_report *rep = &in->rep;
    struct sync_ferry_note note;
    if (rep->request != FERRY_ASKS_NOTHING) {
        return take_request(in);
    }
    int r = vouch(in); /* its key may have come with it */
    if (r == SANJI_E_NOMEM) {
        return r;
    }
    rep->over = true;
    if (r == SANJI_E_SIGNATURE || (rep->receipt && !rep->vouched)) {
        return give_up(in, r == 0 ? SANJI_E_REVOKED : r, "s", "the signature of its writer");
    }
    if (!rep->vouched) {
        return 0; /* its bundles stood on their own; what it says itself does not */
    }
    r = sync_ferry_note_get(s, rep->by, &note);
    r = r == SANJI_E_NOT_FOUND ? 0 : r;
    bool news = r == 0 && is_news(in, &note); /* else it was carried later than a newer one */
    if (r == 0 && !in->have_bad) {
        r = look_at_have(in, news);
    }
    if (r < 0 && !sync_is_store_failure(r)) {
        return give_up(in, r, "have", "a list of what its writer holds");
    }
    if (r == 0) {
        r = sync__tx_begin(s);
    }
    if (r < 0) {
        return r;
    }
    if (!rep->receipt) {
        r = got_part(in, &note);
    }
    if (r == 0 && news) {
        r = have_put(in, &note);
    }
    if (r == 0) {
        r = sync__ferry_note_put(s, rep->by, &note);
    }
    r = sync__tx_end(s, r);
    return r < 0 ? r : sync__ferry_answer(s, rep->by); /* also when it brought what was missing */
}

static int take_have(struct sync_ferry_in *in, struct span frame)
{
    int r = in->have_bad ? 0 : buf_put(&in->have, frame.p, frame.n);
    if (r < 0 && r != SANJI_E_NOMEM) {
        in->have_bad = true; /* more than can be kept: nothing is taken for held */
        r = 0;
    }
    return r;
}

static int take_line(struct sync_ferry_in *in, enum ferry_kind kind, struct span line,
                     struct span frame, const struct fault *f, bool *io_tx)
{
    int r = 0;
    switch (kind) {
    case FERRY_MANIFEST:
    case FERRY_RECEIPT:
        return take_first(in, line, kind == FERRY_RECEIPT);
    case FERRY_REQUEST:
        in->rep.request = FERRY_ASKS_JOIN; /* or another, judged when nothing follows it */
        return buf_put(&in->have, line.p, line.n);
    case FERRY_HAVE:
        r = take_have(in, frame);
        break;
    case FERRY_BUNDLE:
        if (!*io_tx) {
            r = sync__tx_begin(in->s);
            *io_tx = r == 0;
        }
        return r < 0 ? r : take_bundle(in, frame);
    case FERRY_DAMAGED:
        take_damage(in, f);
        break;
    case FERRY_END:
        in->rep.over = true;
        break;
    }
    return r;
}

int sync_ferry_in_run(struct sync_ferry_in *in, const struct sync_tick *t, int64_t budget)
{
    struct sync *s = in->s;
    bool tx = false, whole = false;
    if (in->rep.over) {
        return 0;
    }
    s->tick = *t;
    s->rnd_n = 0;
    int r = sync__fresh(s);
    if (r == 0 && in->r == NULL) {
        r = sniff(in);
        if (r == SANJI_E_PENDING) {
            return 0;
        }
    }
    sync__erase_gather(s);
    while (r == 0 && !in->rep.over && budget > 0) {
        enum ferry_kind kind = FERRY_END;
        struct span line = {0}, frame = {0};
        struct fault f = {0};
        r = ferry_next(in->r, &kind, &line, &frame, &f);
        if (r == SANJI_E_PENDING) {
            break;
        }
        if (r < 0) {
            r = r == SANJI_E_NOMEM ? r : give_up(in, r, f.member, f.want);
            break;
        }
        budget -= (int64_t)line.n + 4096; /* a line has its price, however short */
        r = take_line(in, kind, line, frame, &f, &tx);
        whole = kind == FERRY_END;
    }
    bool waits = r == SANJI_E_PENDING;
    r = waits ? 0 : r;
    if (tx) {
        r = sync__tx_end(s, sync__erase_gathered(s, r));
    } else {
        sync__erase_gather_stop(s);
    }
    if (r == 0 && whole) {
        r = conclude(in);
    }
    return r < 0 ? r : waits || in->rep.over ? 0 : 1;
}
