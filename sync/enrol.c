/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment at the parent's side (PROTOCOL.md section 13). One invite, one node, one set of keys:
 * the row of an invite remembers the first request; another request under it is an alarm, not a
 * second chance. The act is written only with the child's signature over its text, so a registrar
 * cannot enrol a key nobody holds. */
#include "sync/enrol.h"

#include "sync/internal.h"

#include <stdio.h>
#include <string.h>

enum { RETRY_MS = 2000 };

struct invite_row {
    const char *name, *area, *q, *act;
    uint8_t secret[16];
    int64_t lv, exp;
    bool auto_ok, approved, done, lost;
};
static const struct jspec invite_row_spec[] = {
    JF_TEXT(struct invite_row, name, 1, 80),
    JF_TEXT(struct invite_row, area, 2, 12),
    JF_TEXT_OPT(struct invite_row, q, 1, 4096),
    JF_TEXT_OPT(struct invite_row, act, 1, 8192),
    JF_BYTES(struct invite_row, secret),
    JF_INT(struct invite_row, lv, 1, 99),
    JF_INT(struct invite_row, exp, 0, 999999999999999),
    JF_BOOL_OPT(struct invite_row, auto_ok),
    JF_BOOL_OPT(struct invite_row, approved),
    JF_BOOL_OPT(struct invite_row, done),
    JF_BOOL_OPT(struct invite_row, lost),
    JF_END,
};

static const char *row_key(const char *node, char out[static 32])
{
    (void)snprintf(out, 32, "invite/%.14s", node);
    return out;
}

static int row_read(struct sync *s, const char *node, struct arena *a, struct invite_row *ret)
{
    char key[32];
    struct buf v;
    buf_init(&v, 64 * 1024);
    int r = s->st->kv_get(s->st->ctx, row_key(node, key), &v);
    if (r == 0) {
        r = jspec_read(v.data, v.len, invite_row_spec, ret, sizeof(*ret), a, NULL);
        r = r < 0 ? SANJI_E_CORRUPT : 0;
    }
    buf_wipe_done(&v);
    return r;
}

/* In the open transaction. */
static int row_put(struct sync *s, const char *node, const struct invite_row *row)
{
    char key[32];
    struct buf v;
    struct jw w;
    buf_init(&v, 64 * 1024);
    jw_init(&w, &v);
    jspec_write(&w, NULL, invite_row_spec, row);
    int r = jw_done(&w);
    if (r == 0) {
        r = s->st->kv_put(s->st->ctx, row_key(node, key), span_of(v.data, v.len));
    }
    buf_wipe_done(&v);
    return r;
}

static int row_write(struct sync *s, const char *node, const struct invite_row *row)
{
    int r = sync__tx_begin(s);
    return r < 0 ? r : sync__tx_end(s, row_put(s, node, row));
}

static void pin_head(const struct sync *s, struct msg_invite *in)
{
    int idx = sync__stream_newest(s, s->self.id.s, "trust");
    in->head_by = s->self.id.s;
    in->head_ep = 1;
    if (idx < 0) { /* a registrar that has said nothing yet: pin the one who enrolled it */
        const struct roster_node *top = roster_top(s->roster);
        idx = top == NULL ? -1 : sync__stream_newest(s, top->id.s, "trust");
        in->head_by = top == NULL ? s->self.id.s : top->id.s;
    }
    if (idx >= 0) {
        in->head_ep = s->streams[idx].row.key.ep;
        in->head_seq = s->streams[idx].row.seq;
        memcpy(in->head_id, s->streams[idx].row.id, HASH_LEN);
    }
}

/* Signs the invite's line and remembers it, in place of an earlier one for this node. */
static int issue(struct sync *s, struct invite_row *row, const char *node, const char *url,
                 struct buf *ret_line)
{
    struct msg_invite in;
    memset(&in, 0, sizeof(in));
    sync__random(s, row->secret, sizeof(row->secret));
    in.v = 1;
    memcpy(in.g, roster_g(s->roster), HASH_LEN);
    in.node = node;
    in.up = s->self.id.s;
    in.url = url;
    in.name = row->name;
    in.area = row->area;
    in.lv = row->lv;
    in.exp = row->exp;
    in.auto_ok = row->auto_ok;
    in.lost = row->lost;
    in.has_code = row->lost && sync__recover_code(s, node, in.code);
    in.kid = s->kid.s;
    memcpy(in.tls, s->self.tls_spki, HASH_LEN);
    memcpy(in.secret, row->secret, sizeof(in.secret));
    pin_head(s, &in);
    int r = invite_write(&in, s->key, ret_line);
    if (r == 0) {
        r = sync__tx_begin(s);
    }
    if (r < 0) {
        return r;
    }
    r = row->lost ? sync__recover_drop(s, node) : 0;
    return sync__tx_end(s, r < 0 ? r : row_put(s, node, row));
}

int enrol_invite(struct sync *s, const struct sync_tick *t, const char *name, int64_t lv,
                 const char *area, const char *url, int64_t ttl_ms, bool auto_ok,
                 struct buf *ret_line, struct node_id *ret_node)
{
    s->tick = *t;
    s->rnd_n = 0;
    int r = sync__fresh(s);
    if (r < 0) {
        return r;
    }
    const struct roster_node *me = roster_node(s->roster, s->self.id.s);
    if (me == NULL || !me->reg || me->state != NODE_ACTIVE) {
        return SANJI_E_AUTHORITY;
    }
    if (lv <= me->lv) {
        return SANJI_E_SPEC;
    }
    uint8_t rnd[9];
    sync__random(s, rnd, sizeof(rnd));
    node_id_make(rnd, ret_node);
    struct invite_row row = {
        .name = name, .area = area, .lv = lv, .exp = t->now_ms + ttl_ms, .auto_ok = auto_ok};
    return issue(s, &row, ret_node->s, url, ret_line);
}

int enrol_recover(struct sync *s, const struct sync_tick *t, const char *node, const char *url,
                  int64_t ttl_ms, struct buf *ret_line)
{
    s->tick = *t;
    s->rnd_n = 0;
    int r = sync__fresh(s);
    r = r < 0 ? r : sync__recover_may(s, node);
    if (r < 0) {
        return r;
    }
    const struct roster_node *n = roster_node(s->roster, node);
    struct invite_row row = {
        .name = n->name, .area = n->area, .lv = n->lv, .exp = t->now_ms + ttl_ms, .lost = true};
    return issue(s, &row, n->id.s, url, ret_line);
}

/* ---- requests ---- */

static bool same_keys(const struct msg_enrol *a, const struct msg_enrol *b)
{
    return memcmp(a->sig, b->sig, sizeof(a->sig)) == 0 &&
           memcmp(a->seal, b->seal, sizeof(a->seal)) == 0 &&
           memcmp(a->tls, b->tls, sizeof(a->tls)) == 0 &&
           memcmp(a->inst, b->inst, sizeof(a->inst)) == 0;
}

/* ts: of the act; a request by file names the one it has signed. */
static int act_text(struct sync *s, const struct msg_enrol *e, const struct invite_row *row,
                    int64_t ts, struct buf *out)
{
    struct enrol_place p = {.g = roster_g(s->roster),
                            .up = &s->self.id,
                            .name = row->name,
                            .area = row->area,
                            .lv = row->lv,
                            .ts = ts};
    return enrol_act(e, &p, out);
}

static int publish(struct sync *s, const struct msg_enrol *e, struct invite_row *row)
{
    struct act_co co;
    struct span text = span_of(row->act, strlen(row->act));
    key_id_of(e->sig, &co.kid);
    memcpy(co.s, e->pop, sizeof(co.s));
    int r = enrol_pop_check(e, text);
    if (r == 0) {
        r = sync__tx_begin(s);
    }
    if (r == 0) { /* both or neither: an act is published once */
        row->done = true;
        r = sync__act_publish(s, text, true, &co, 1, true);
        if (r == 0 && roster_node(s->roster, e->node) == NULL) {
            r = SANJI_E_AUTHORITY;
        }
        if (r == 0) {
            r = row_put(s, e->node, row);
        }
        r = sync__tx_end(s, r);
    }
    return r;
}

/* A request by file, which cannot be asked again: with its approval everything is there. */
static bool is_whole(const struct msg_enrol *e, const struct invite_row *row)
{
    return e->ts > 0 && e->has_pop && !row->lost && !row->done;
}

/* The act it has signed is the one this node would write; published when a person has agreed. */
static int take_whole(struct sync *s, const struct msg_enrol *e, struct invite_row *row,
                      struct buf *act)
{
    int r = act_text(s, e, row, e->ts, act);
    if (r == 0) {
        r = enrol_pop_check(e, span_of(act->data, act->len));
    }
    if (r == 0 && row->approved) {
        row->act = buf_str(act);
        r = publish(s, e, row);
    }
    return r;
}

/* The first request under an invite, or one by file: it brings more, under the same keys. */
static int remember(struct sync *s, const struct msg_enrol *e, struct span q,
                    struct invite_row *row, struct buf *act)
{
    bool first = row->q == NULL;
    row->q = (const char *)q.p; /* arena text of enrol_read, NUL-terminated */
    row->approved = row->approved || row->auto_ok;
    int r = is_whole(e, row) ? take_whole(s, e, row, act) : 0;
    if (r == 0 && !row->done) {
        r = row_write(s, e->node, row);
    }
    if (r == 0 && first && !row->approved) {
        sync__alarm(s, SANJI_E_PENDING, NULL, e->node);
    }
    return r;
}

static int advance_lost(struct sync *s, const struct msg_enrol *e, struct invite_row *row,
                        struct msg_enrol_reply *rep, struct buf *act)
{
    int r = sync__recover_advance(s, e, rep, act);
    if (r == 0 && strcmp(rep->state, "done") == 0) {
        row->done = true;
        r = row_write(s, e->node, row);
    } else if (r == SANJI_E_CONFLICT) {
        row->approved = false;
        r = row_write(s, e->node, row);
        sync__alarm(s, SANJI_E_PENDING, NULL, e->node);
    }
    return r;
}

static int advance(struct sync *s, const struct msg_enrol *e, struct span q, struct invite_row *row,
                   struct msg_enrol_reply *rep, struct buf *act)
{
    int r = 0;
    if (!row->done &&
        (row->lost ? sync__recover_done(s, e) : roster_node(s->roster, e->node) != NULL)) {
        row->done = true; /* this row is older than the roster: it came from a backup */
        r = row_write(s, e->node, row);
    }
    if (r == 0 && (row->q == NULL || is_whole(e, row))) {
        r = remember(s, e, q, row, act);
    }
    if (r == 0 && row->approved && !row->lost && row->act == NULL) {
        r = act_text(s, e, row, s->tick.now_ms, act);
        row->act = buf_str(act);
        r = r < 0 ? r : row_write(s, e->node, row);
    }
    if (r == 0 && row->act != NULL && !row->done && e->has_pop) {
        r = publish(s, e, row);
    }
    rep->retry = RETRY_MS;
    rep->state = "pending";
    if (row->done) {
        rep->state = "done";
    } else if (row->act != NULL) {
        rep->state = "act";
        rep->act = row->act;
    } else if (r == 0 && row->lost && row->approved) {
        r = advance_lost(s, e, row, rep, act);
    }
    return r;
}

static int check_request(struct sync *s, const struct msg_enrol *e, struct span q,
                         const uint8_t mac[HASH_LEN], const struct invite_row *row, struct arena *a)
{
    if (!roster_knows_g(s->roster, e->g)) {
        return SANJI_E_FEDERATION;
    }
    if (!enrol_mac_ok(q, row->secret, mac)) {
        return SANJI_E_SIGNATURE;
    }
    if (row->q == NULL) {
        return s->tick.now_ms > row->exp ? SANJI_E_EXPIRED : sign_pub_check(e->sig);
    }
    struct msg_enrol first;
    if (jspec_read(row->q, strlen(row->q), msg_enrol_spec, &first, sizeof(first), a, NULL) < 0) {
        return SANJI_E_CORRUPT;
    }
    if (!same_keys(&first, e)) {
        struct node_id id;
        if (node_id_parse(e->node, strlen(e->node), &id) == 0) {
            sync__alarm(s, SANJI_E_USED, &id, "invite");
        }
        return SANJI_E_USED;
    }
    return 0;
}

/* A request under way; to be ended by asking_done(). */
struct asking {
    struct arena *a;
    struct msg_enrol e;
    struct span q;
    uint8_t mac[HASH_LEN];
    struct invite_row row;
    struct msg_enrol_reply rep;
    struct buf act;
};

static int asking_read(struct asking *x, struct span body, struct fault *f)
{
    memset(x, 0, sizeof(*x));
    buf_init(&x->act, LIM_ITEM_BYTES);
    x->a = arena_new(1 << 20);
    return x->a == NULL ? SANJI_E_NOMEM : enrol_read(body, x->a, &x->e, &x->q, x->mac, f);
}

static int asking_go(struct sync *s, struct asking *x)
{
    int r = row_read(s, x->e.node, x->a, &x->row);
    if (r == 0) {
        r = check_request(s, &x->e, x->q, x->mac, &x->row, x->a);
    }
    return r < 0 ? r : advance(s, &x->e, x->q, &x->row, &x->rep, &x->act);
}

static void asking_done(struct asking *x)
{
    buf_done(&x->act);
    arena_free(x->a);
}

int enrol_handle(struct sync *s, const struct sync_tick *t, struct span body, struct buf *ret_reply,
                 int *ret_status)
{
    struct asking x;
    if (t != &s->tick) {
        s->tick = *t;
        s->rnd_n = 0;
    }
    int r = asking_read(&x, body, NULL);
    if (r == 0) {
        r = asking_go(s, &x);
    }
    if (r == 0) {
        struct jw w;
        jw_init(&w, ret_reply);
        jspec_write(&w, NULL, msg_enrol_reply_spec, &x.rep);
        r = jw_done(&w);
        *ret_status = strcmp(x.rep.state, "pending") == 0 ? 202 : 200;
    }
    asking_done(&x);
    return r;
}

int sync__enrol_by_file(struct sync *s, struct span body, struct enrol_told *ret, struct fault *f)
{
    struct asking x;
    memset(ret, 0, sizeof(*ret));
    int r = asking_read(&x, body, f);
    if (r == 0) { /* it has signed with its own new key: this much may be told of it */
        r = node_id_parse(x.e.node, strlen(x.e.node), &ret->node);
    }
    if (r == 0 && node_id_cmp(&ret->node, &s->self.id) == 0) {
        ret->done = true; /* its own, left on the stick */
        asking_done(&x);
        return 0;
    }
    if (r == 0 && !roster_knows_g(s->roster, x.e.g)) {
        r = fault_set(f, SANJI_E_FEDERATION, "g", "this federation");
    }
    if (r == 0 && x.e.up != NULL && strcmp(x.e.up, s->self.id.s) != 0) {
        r = fault_set(f, SANJI_E_AUDIENCE, "up", "a file for this node");
    }
    if (r == 0 && (x.e.up == NULL || x.e.ts == 0 || !x.e.has_pop)) {
        r = fault_set(f, SANJI_E_SPEC, "pop", "up, ts and pop");
    }
    if (r == 0) {
        r = asking_go(s, &x);
    }
    if (r == 0) {
        ret->done = x.row.done;
        ret->approved = x.row.approved;
        enrol_digits(&x.e, x.row.secret, ret->digits);
    }
    asking_done(&x);
    return r;
}

static int approve_lost(struct sync *s, const struct invite_row *row, struct arena *a,
                        const struct sign_key *const *root, size_t n_root)
{
    struct msg_enrol e;
    int r = jspec_read(row->q, strlen(row->q), msg_enrol_spec, &e, sizeof(e), a, NULL);
    return r < 0 ? SANJI_E_CORRUPT : sync__recover_approve(s, &e, root, n_root);
}

/* What came by file is published now, nobody will ask for it. */
static int approve_row(struct sync *s, const char *node, struct invite_row *row, struct arena *a)
{
    struct msg_enrol e;
    struct buf act;
    if (jspec_read(row->q, strlen(row->q), msg_enrol_spec, &e, sizeof(e), a, NULL) < 0) {
        return SANJI_E_CORRUPT;
    }
    buf_init(&act, LIM_ITEM_BYTES);
    int r = is_whole(&e, row) ? take_whole(s, &e, row, &act) : row_write(s, node, row);
    buf_done(&act);
    return r;
}

int enrol_approve(struct sync *s, const struct sync_tick *t, const char *node,
                  const struct sign_key *const *root, size_t n_root)
{
    s->tick = *t;
    s->rnd_n = 0;
    struct invite_row row = {0};
    struct arena *a = arena_new(1 << 20);
    int r = a == NULL ? SANJI_E_NOMEM : sync__fresh(s);
    r = r < 0 ? r : row_read(s, node, a, &row);
    if (r == SANJI_E_NOT_FOUND || (r == 0 && row.done)) { /* of a child's child, perhaps */
        int c = sync__cosign_waits(s, node);
        r = c == 0 ? SANJI_E_PENDING : r == 0 && c == SANJI_E_NOT_FOUND ? 0 : c;
    } else if (r == 0 && row.q == NULL) {
        r = SANJI_E_STATE;
    } else if (r == 0 && row.lost) {
        r = approve_lost(s, &row, a, root, n_root);
    }
    if (r == 0 && row.q != NULL && !row.approved) {
        row.approved = true;
        r = row.lost ? row_write(s, node, &row) : approve_row(s, node, &row, a);
    }
    arena_free(a);
    return r;
}

int enrol_agree(struct sync *s, const struct sync_tick *t, const char *node, const char *kid)
{
    s->tick = *t;
    s->rnd_n = 0;
    int r = sync__fresh(s);
    return r < 0 ? r : sync__cosign_approve(s, node, kid);
}

struct each {
    struct sync *s;
    int (*fn)(const struct enrol_row *r, void *arg);
    void *arg;
};

static int each_one(const char *key, struct span value, void *arg)
{
    struct each *e = arg;
    struct invite_row row;
    struct enrol_row out;
    memset(&out, 0, sizeof(out));
    struct arena *a = arena_new(1 << 20);
    int r = a == NULL ? SANJI_E_NOMEM
                      : jspec_read(value.p, value.n, invite_row_spec, &row, sizeof(row), a, NULL);
    if (r == 0) {
        r = node_id_parse(key + strlen("invite/"), strlen(key) - strlen("invite/"), &out.node);
    }
    if (r == 0) {
        struct msg_enrol q;
        out.name = row.name;
        out.area = row.area;
        out.lv = row.lv;
        out.exp = row.exp;
        out.auto_ok = row.auto_ok;
        out.approved = row.approved;
        out.done = row.done;
        out.requested = row.q != NULL;
        out.lost = row.lost;
        if (row.q != NULL &&
            jspec_read(row.q, strlen(row.q), msg_enrol_spec, &q, sizeof(q), a, NULL) == 0) {
            enrol_digits(&q, row.secret, out.digits);
            key_id_of(q.sig, &out.kid);
        }
        r = e->fn(&out, e->arg);
    }
    arena_free(a);
    return r;
}

int enrol_each(struct sync *s, int (*fn)(const struct enrol_row *r, void *arg), void *arg)
{
    struct each e = {s, fn, arg};
    int r = s->st->kv_each(s->st->ctx, "invite/", each_one, &e);
    return r < 0 ? r : sync__cosign_each(s, fn, arg);
}
