/* SPDX-License-Identifier: Apache-2.0 */
/* Log-in of children (PROTOCOL.md section 11). A token is good on the connection that earned it, so
 * a stolen one is useless; a ticket ties each session to the one before, so two machines that both
 * claim to be one node are found at their second log-in. */
#include "sync/internal.h"

#include "protocol/base/enc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHALLENGE_MS = 30000, SESSIONS_MAX = 16384 };

struct server_session *sync__session_find(struct sync *s, uint64_t conn, struct span token)
{
    uint8_t t[32];
    if (b64u_get((const char *)token.p, token.n, t, sizeof(t)) < 0) {
        return NULL;
    }
    for (size_t i = 0; i < s->n_sess; i++) {
        struct server_session *x = &s->sess[i];
        if (x->conn == conn && conn != 0 && mem_equal_ct(x->token, t, sizeof(t)) &&
            s->tick.mono_ms < x->until) {
            return x;
        }
    }
    return NULL;
}

void sync__session_drop(struct sync *s, uint64_t conn)
{
    for (size_t i = 0; i < s->n_sess; i++) {
        if (s->sess[i].conn == conn) {
            s->sess[i].conn = 0;
        }
    }
    for (size_t i = 0; i < CHALLENGES; i++) {
        if (s->ch[i].conn == conn) {
            s->ch[i].used = true;
        }
    }
}

static struct server_session *session_slot(struct sync *s)
{
    for (size_t i = 0; i < s->n_sess; i++) {
        if (s->sess[i].conn == 0 || s->tick.mono_ms >= s->sess[i].until) {
            return &s->sess[i];
        }
    }
    if (s->n_sess >= SESSIONS_MAX) {
        return NULL;
    }
    struct server_session *v = realloc(s->sess, (s->n_sess + 1) * sizeof(*v));
    if (v == NULL) {
        return NULL;
    }
    s->sess = v;
    memset(&v[s->n_sess], 0, sizeof(*v));
    return &v[s->n_sess++];
}

/* ---- first request ---- */

static int who_may(const struct sync *s, const char *node, const char *kid)
{
    const struct roster_node *n = roster_node(s->roster, node);
    if (n == NULL) {
        return SANJI_E_NOT_FOUND;
    }
    const struct roster_key *k = roster_key(s->roster, node, kid);
    if (n->state == NODE_CLOSED) {
        return SANJI_E_CLOSED;
    }
    if (k == NULL) {
        return SANJI_E_UNKNOWN_KEY;
    }
    if (k->ended) {
        return SANJI_E_REVOKED;
    }
    bool was_here = node_id_cmp(&n->up, &s->self.id) == 0;
    for (size_t i = 0; i < n->n_former && !was_here; i++) {
        /* Whoever was away when it was moved asks where it knows to ask, and learns of it there. */
        was_here = node_id_cmp(&n->former_up[i], &s->self.id) == 0;
    }
    return was_here ? 0 : SANJI_E_MOVED;
}

static void session_open(struct sync *s, const struct sync_event *ev,
                         const struct msg_session_open *o)
{
    if (o->v != 1) {
        sync__reply_error(s, ev->req, SANJI_E_VERSION, 0, NULL);
        return;
    }
    if (!roster_knows_g(s->roster, o->g)) {
        sync__reply_error(s, ev->req, SANJI_E_FEDERATION, 0, NULL);
        return;
    }
    int r = who_may(s, o->node, o->kid);
    if (r == 0 && strcmp(o->lane, "up") != 0 && strcmp(o->lane, "down") != 0) {
        r = SANJI_E_SPEC;
    }
    if (r < 0) {
        sync__reply_error(s, ev->req, r, 0, NULL);
        return;
    }
    struct challenge *c = &s->ch[s->next_ch++ % CHALLENGES];
    memset(c, 0, sizeof(*c));
    c->conn = ev->conn;
    c->until = s->tick.mono_ms + CHALLENGE_MS;
    c->open = *o;
    (void)snprintf(c->node, sizeof(c->node), "%s", o->node);
    (void)snprintf(c->kid, sizeof(c->kid), "%s", o->kid);
    (void)snprintf(c->lane, sizeof(c->lane), "%s", o->lane);
    (void)snprintf(c->ver, sizeof(c->ver), "%s", o->ver == NULL ? "" : o->ver);
    c->open.node = c->node;
    c->open.kid = c->kid;
    c->open.lane = c->lane;
    c->open.ver = c->ver;
    c->ch.node = s->self.id.s;
    sync__random(s, c->ch.nonce, sizeof(c->ch.nonce));
    sync__random(s, c->ch.cid, sizeof(c->ch.cid));
    struct buf body;
    struct jw w;
    buf_init(&body, 4096);
    jw_init(&w, &body);
    jspec_write(&w, NULL, msg_session_challenge_spec, &c->ch);
    (void)jw_done(&w);
    sync__reply(s, ev->req, 200, SANJI_TYPE_JSON, &body);
}

/* ---- second request ---- */

/* A ticket is number ‖ 4 random bytes ‖ MAC under a key only this node has; to the child it is
 * opaque. So a parent whose database went back knows a ticket it has forgotten as its own and
 * newer, and does not take its child for two machines. */
enum { TICKET_LEN = 16, TICKET_MAC_AT = 8 };

static uint32_t ticket_no(const uint8_t t[static TICKET_LEN])
{
    return (uint32_t)t[0] << 24 | (uint32_t)t[1] << 16 | (uint32_t)t[2] << 8 | t[3];
}

static void ticket_mac(const struct sync *s, const struct challenge *c,
                       const uint8_t t[static TICKET_LEN], uint8_t ret[static HASH_LEN])
{
    struct buf b;
    buf_init(&b, 256);
    buf_puts(&b, "SJ1-ticket\n");
    buf_put_lps(&b, c->node);
    buf_put_lps(&b, c->lane);
    buf_put(&b, t, TICKET_MAC_AT);
    hmac_bytes(s->sign_seed, sizeof(s->sign_seed), b.data, b.len, ret);
    buf_done(&b);
}

static void ticket_make(struct sync *s, const struct challenge *c, uint32_t no,
                        uint8_t ret[static TICKET_LEN])
{
    uint8_t mac[HASH_LEN];
    for (int i = 0; i < 4; i++) {
        ret[i] = (uint8_t)(no >> (24 - 8 * i));
    }
    sync__random(s, ret + 4, 4);
    ticket_mac(s, c, ret, mac);
    memcpy(ret + TICKET_MAC_AT, mac, TICKET_LEN - TICKET_MAC_AT);
}

static bool ticket_is_newer(const struct sync *s, const struct challenge *c,
                            const uint8_t t[static TICKET_LEN],
                            const uint8_t than[static TICKET_LEN])
{
    uint8_t mac[HASH_LEN];
    ticket_mac(s, c, t, mac);
    return ticket_no(t) > ticket_no(than) &&
           mem_equal_ct(mac, t + TICKET_MAC_AT, TICKET_LEN - TICKET_MAC_AT);
}

struct ticket_row { /* stored under child/NODE/LANE */
    uint8_t inst[16], newest[16], before[16];
    uint8_t lost[16]; /* the newest before a machine with an older one was taken for restored */
    uint8_t clone;    /* two machines have shown themselves: neither is served */
};

static const char *ticket_name(const char *node, const char *lane, char out[static 48])
{
    (void)snprintf(out, 48, "child/%s/%s", node, lane);
    return out;
}

static int tickets_forget(struct sync *s, const struct node_id *child)
{
    char key[48];
    int r = s->st->kv_del(s->st->ctx, ticket_name(child->s, "up", key));
    if (r == 0) {
        r = s->st->kv_del(s->st->ctx, ticket_name(child->s, "down", key));
    }
    return r;
}

int sync_believe(struct sync *s, const struct node_id *child)
{
    int r = sync__tx_begin(s);
    return r < 0 ? r : sync__tx_end(s, tickets_forget(s, child));
}

int sync__session_believe(struct sync *s, const struct node_id *child)
{
    for (size_t i = 0; i < s->n_sess; i++) {
        if (strcmp(s->sess[i].node.s, child->s) == 0) {
            s->sess[i].conn = 0;
        }
    }
    return tickets_forget(s, child);
}

static int row_get(const struct sync *s, const char *key, struct ticket_row *row, bool *ret_known)
{
    struct buf v;
    buf_init(&v, 256);
    memset(row, 0, sizeof(*row));
    int r = s->st->kv_get(s->st->ctx, key, &v);
    const size_t oldest = offsetof(struct ticket_row, lost); /* as written by version 0.1 */
    *ret_known = r == 0 && (v.len == sizeof(*row) || v.len == oldest);
    if (*ret_known) {
        memcpy(row, v.data, v.len);
    }
    buf_done(&v);
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

static int row_put(struct sync *s, const char *key, const struct ticket_row *row)
{
    int r = sync__tx_begin(s);
    return r < 0 ? r : sync__tx_end(s, s->st->kv_put(s->st->ctx, key, span_of(row, sizeof(*row))));
}

/* Two machines have shown that they both live. Neither is served, on any lane, until a person has
 * found out which one to believe: each may have signed what the other knows nothing of. */
int sync__session_clone(struct sync *s, const char *node)
{
    static const char *const lanes[] = {"up", "down"};
    struct node_id id;
    int r = 0;
    for (size_t i = 0; r == 0 && i < 2; i++) {
        struct ticket_row row;
        char key[48];
        bool known;
        r = row_get(s, ticket_name(node, lanes[i], key), &row, &known);
        row.clone = 1;
        r = r < 0 ? r : row_put(s, key, &row);
    }
    for (size_t i = 0; i < s->n_sess; i++) {
        if (strcmp(s->sess[i].node.s, node) == 0) {
            s->sess[i].conn = 0;
        }
    }
    if (node_id_parse(node, strlen(node), &id) == 0) {
        sync__alarm(s, SANJI_E_CLONE, &id, "two machines");
    }
    return r < 0 ? r : SANJI_E_CLONE;
}

/* An older ticket is what a machine has that was put back from a backup, or a copy of it. The first
 * time it is believed, since a restored station must not wait for a person; when the machine it
 * stands for shows up beside it, by its ticket or on its open connection, they are two. */
static int stale(struct sync *s, const struct challenge *c, const struct msg_session_proof *pr,
                 struct ticket_row *row)
{
    static const uint8_t none[16];
    struct node_id id;
    if (pr->has_ticket && mem_equal_ct(pr->ticket, row->lost, 16)) {
        return sync__session_clone(s, c->node);
    }
    memcpy(row->lost, row->newest, 16);
    memcpy(row->before, pr->has_ticket ? pr->ticket : none, 16);
    for (size_t i = 0; i < s->n_sess; i++) {
        struct server_session *x = &s->sess[i];
        bool same = (x->lane == LANE_UP) == (strcmp(c->lane, "up") == 0);
        x->old = x->old || (same && strcmp(x->node.s, c->node) == 0);
    }
    if (node_id_parse(c->node, strlen(c->node), &id) == 0) {
        sync__alarm(s, SANJI_E_OLD, &id, "a machine with an older ticket logged in");
    }
    return 0;
}

/* The ticket shown should be the newest or the one before it (whose successor may have been lost on
 * the way); the installation must be the one that logged in last. A parent that was restored and
 * lost the row believes the child. */
static int ticket_turn(struct sync *s, const struct challenge *c,
                       const struct msg_session_proof *pr, uint8_t ret_new[static 16])
{
    char key[48];
    struct ticket_row row;
    bool known;
    int r = row_get(s, ticket_name(c->node, c->lane, key), &row, &known);
    if (r < 0) {
        return r;
    }
    if (row.clone != 0) {
        return sync__session_clone(s, c->node);
    }
    if (known) {
        bool newest = pr->has_ticket && mem_equal_ct(pr->ticket, row.newest, 16);
        bool before = pr->has_ticket && mem_equal_ct(pr->ticket, row.before, 16);
        bool first = !pr->has_ticket && mem_equal_ct(row.before, (uint8_t[16]){0}, 16);
        bool went_back = pr->has_ticket && ticket_is_newer(s, c, pr->ticket, row.newest);
        if (!mem_equal_ct(row.inst, c->open.inst, 16)) {
            return sync__session_clone(s, c->node);
        }
        if (!newest && !before && !first && !went_back && (r = stale(s, c, pr, &row)) < 0) {
            return r;
        }
        if (went_back) {
            memcpy(row.newest, pr->ticket, 16);
            sync__alarm(s, SANJI_E_OLD, &s->self.id, "this node's database went back");
        }
        if (newest || went_back) {
            memcpy(row.before, row.newest, 16);
        }
    }
    memcpy(row.inst, c->open.inst, 16);
    ticket_make(s, c, ticket_no(row.newest) + 1, row.newest);
    memcpy(ret_new, row.newest, 16);
    return row_put(s, key, &row);
}

static struct challenge *challenge_find(struct sync *s, const struct sync_event *ev,
                                        const uint8_t cid[static 16])
{
    for (size_t i = 0; i < CHALLENGES; i++) {
        struct challenge *c = &s->ch[i];
        if (c->until > s->tick.mono_ms && !c->used && c->conn == ev->conn &&
            mem_equal_ct(c->ch.cid, cid, 16)) {
            return c;
        }
    }
    return NULL;
}

/* It has logged in with this one. What it had begun before and given up, because an answer did not
 * come, may still be under way: taken afterwards it would be granted a ticket that it never sees,
 * and the one it holds would be an old one. */
static void challenges_end(struct sync *s, const struct challenge *c)
{
    for (size_t i = 0; i < CHALLENGES; i++) {
        struct challenge *x = &s->ch[i];
        bool same = strcmp(x->node, c->node) == 0 && strcmp(x->lane, c->lane) == 0;
        x->used = x->used || (same && x->until <= c->until);
    }
}

static int proof_check(struct sync *s, const struct challenge *c,
                       const struct msg_session_proof *pr)
{
    int r = who_may(s, c->node, c->kid);
    if (r < 0) {
        return r;
    }
    const struct roster_key *k = roster_key(s->roster, c->node, c->kid);
    struct buf pre;
    buf_init(&pre, 4096);
    r = session_preimage(&c->open, &c->ch, s->self.tls_spki, pr->has_ticket ? pr->ticket : NULL,
                         &pre);
    if (r == 0) {
        r = verify_raw(k->pub, pre.data, pre.len, pr->s);
    }
    buf_done(&pre);
    return r;
}

static int grant(struct sync *s, const struct sync_event *ev, const struct challenge *c,
                 const uint8_t ticket[static 16], struct buf *body)
{
    struct server_session *x = session_slot(s);
    if (x == NULL) {
        return SANJI_E_BUSY;
    }
    struct node_id id;
    int r = node_id_parse(c->node, strlen(c->node), &id);
    struct peer *p = r == 0 ? sync__peer(s, &id) : NULL;
    if (p == NULL) {
        return r < 0 ? r : SANJI_E_NOMEM;
    }
    struct msg_session_grant g;
    memset(&g, 0, sizeof(g));
    x->conn = ev->conn;
    x->node = id;
    x->old = false;
    x->lane = strcmp(c->lane, "up") == 0 ? LANE_UP : LANE_DOWN;
    x->until = s->tick.mono_ms + LIM_SESSION_MS;
    sync__random(s, x->token, sizeof(x->token));
    memcpy(g.token, x->token, sizeof(g.token));
    memcpy(g.ticket, ticket, sizeof(g.ticket));
    g.ttl = LIM_SESSION_MS;
    g.now = s->tick.now_ms;
    g.ver = SANJI_VERSION;
    if (x->lane == LANE_UP) {
        sync__peer_reset_stated(s, p);
    } else {
        sync__peer_reset_their(s, p);
        p->asked_ts = 0;
    }
    (void)snprintf(p->st.ver, sizeof(p->st.ver), "%s", c->ver);
    p->st.connected = true;
    p->st.last_ok_ms = s->tick.now_ms;
    struct jw w;
    jw_init(&w, body);
    jspec_write(&w, NULL, msg_session_grant_spec, &g);
    return jw_done(&w);
}

static void session_prove(struct sync *s, const struct sync_event *ev,
                          const struct msg_session_proof *pr)
{
    struct challenge *c = challenge_find(s, ev, pr->cid);
    if (c == NULL) {
        sync__reply_error(s, ev->req, SANJI_E_SESSION, 0, NULL);
        return;
    }
    c->used = true;
    uint8_t ticket[16] = {0};
    struct buf body;
    buf_init(&body, 4096);
    int r = proof_check(s, c, pr);
    if (r == 0) {
        r = ticket_turn(s, c, pr, ticket);
    }
    if (r == 0) {
        challenges_end(s, c);
        r = grant(s, ev, c, ticket, &body);
    }
    if (r < 0) {
        buf_done(&body);
        sync__reply_error(s, ev->req, r, 0, NULL);
        return;
    }
    sync__reply(s, ev->req, 200, SANJI_TYPE_JSON, &body);
}

void sync__session_request(struct sync *s, const struct sync_event *ev)
{
    struct msg_session_open o;
    struct msg_session_proof pr;
    struct fault f = {0};
    arena_reset(s->arena);
    if (jspec_read(ev->body.p, ev->body.n, msg_session_proof_spec, &pr, sizeof(pr), s->arena,
                   NULL) == 0) {
        session_prove(s, ev, &pr);
        return;
    }
    int r = jspec_read(ev->body.p, ev->body.n, msg_session_open_spec, &o, sizeof(o), s->arena, &f);
    if (r < 0) {
        sync__reply_error(s, ev->req, r, 0, &f);
        return;
    }
    session_open(s, ev, &o);
}
