/* SPDX-License-Identifier: Apache-2.0 */
/* Towards the parent: two lanes, each a small state machine over one connection (PROTOCOL.md
 * sections 11 and 12). `up` carries bundles and learns what the parent holds; `down` states what
 * this node holds and fetches, by long-poll. Neither needs the other to make progress. */
#include "sync/internal.h"

#include "protocol/base/enc.h"

#include <stdio.h>
#include <string.h>

enum { ANSWER_MS = 120000, HOLD_SLACK_MS = 20000, RENEW_EARLY_MS = 60000 };

static const char *const lane_name[LANE_COUNT] = {"up", "down"};

/* By parent: after a move and back, each knows the ticket it gave. */
static const char *ticket_key(const struct sync *s, int lane, char out[static 48])
{
    (void)snprintf(out, 48, "ticket/%s/%s", s->parent == NULL ? "" : s->parent->id.s,
                   lane_name[lane]);
    return out;
}

void sync__client_reset(struct sync *s)
{
    for (int i = 0; i < LANE_COUNT; i++) {
        if (s->lane[i].state == LS_IDLE) {
            continue;
        }
        s->lane[i].state = LS_IDLE;
        s->lane[i].keying = s->lane[i].cosigning = s->lane[i].filing = false;
        s->lane[i].retry_at = 0;
        struct sync_wish *w = sync__wish(s, SW_DROP);
        if (w != NULL) {
            w->lane = (enum sync_lane)i;
        }
    }
}

static void now_done(struct sync *s, int state)
{
    if (s->now_wanted) {
        s->now_wanted = false;
        s->now_state = state;
    }
}

static void fail(struct sync *s, int lane, int err, int64_t retry_ms)
{
    struct lane *l = &s->lane[lane];
    uint32_t rnd;
    sync__random(s, &rnd, sizeof(rnd));
    l->state = LS_IDLE;
    l->keying = l->cosigning = l->filing = false;
    l->token[0] = '\0';
    int64_t wait = sync__backoff(l->attempt, s->tune.backoff_min_ms, s->tune.backoff_max_ms, rnd);
    l->attempt++;
    l->retry_at = s->tick.mono_ms + (retry_ms > wait ? retry_ms : wait);
    struct sync_wish *w = sync__wish(s, SW_DROP);
    if (w != NULL) {
        w->lane = (enum sync_lane)lane;
    }
    /* What broke this lane has probably broken the other: look before the next bundle is due. */
    struct lane *o = &s->lane[1 - lane];
    if (o->state == LS_READY) {
        o->state = LS_IDLE;
        o->retry_at = 0;
    }
    if (s->parent != NULL) {
        s->parent->st.connected = false;
        s->parent->st.last_err = err;
    }
    now_done(s, err);
}

static struct sync_wish *post(struct sync *s, int lane, const char *path, int64_t timeout)
{
    struct sync_wish *w = sync__wish(s, SW_POST);
    if (w == NULL) {
        return NULL;
    }
    w->lane = (enum sync_lane)lane;
    w->path = path;
    w->timeout_ms = timeout;
    w->content_type = SANJI_TYPE_JSON;
    memcpy(w->token, s->lane[lane].token, sizeof(w->token));
    return w;
}

/* ---- session ---- */

static void open_session(struct sync *s, int lane)
{
    struct lane *l = &s->lane[lane];
    struct msg_session_open *o = &l->open;
    memset(o, 0, sizeof(*o));
    l->token[0] = '\0';
    o->v = 1;
    memcpy(o->g, roster_g(s->roster), HASH_LEN);
    (void)snprintf(l->open_text[0], sizeof(l->open_text[0]), "%s", s->self.id.s);
    const struct key_id *kid;
    (void)sync__login_key(s, &kid);
    (void)snprintf(l->open_text[1], sizeof(l->open_text[1]), "%s", kid->s);
    o->node = l->open_text[0];
    o->kid = l->open_text[1];
    o->lane = lane_name[lane];
    o->ver = SANJI_VERSION;
    memcpy(o->inst, s->self.inst, sizeof(o->inst));
    sync__random(s, o->nonce, sizeof(o->nonce));
    struct sync_wish *w = post(s, lane, SANJI_PATH_SESSION, 30000);
    if (w == NULL) {
        return;
    }
    struct jw j;
    jw_init(&j, &w->body);
    jspec_write(&j, NULL, msg_session_open_spec, o);
    (void)jw_done(&j);
    l->state = LS_OPENING;
}

static int prove(struct sync *s, int lane, struct span body)
{
    struct lane *l = &s->lane[lane];
    struct msg_session_proof pr;
    struct node_id id;
    uint8_t tls[HASH_LEN];
    char key[48];
    struct buf pre, ticket;
    memset(&pr, 0, sizeof(pr));
    arena_reset(s->arena);
    int r = jspec_read(body.p, body.n, msg_session_challenge_spec, &l->ch, sizeof(l->ch), s->arena,
                       NULL);
    if (r < 0) {
        return SANJI_E_NOT_SANJI;
    }
    r = sync_parent(s, &id, tls, NULL);
    if (r < 0) {
        return r;
    }
    if (strcmp(l->ch.node, id.s) != 0) {
        return SANJI_E_REFUSED; /* another node answers at this address */
    }
    buf_init(&pre, 4096);
    buf_init(&ticket, 64);
    r = s->st->kv_get(s->st->ctx, ticket_key(s, lane, key), &ticket);
    if (r == SANJI_E_NOT_FOUND) {
        r = 0; /* the first log-in of this lane; any other failure must not look like one */
    }
    pr.has_ticket = ticket.len == sizeof(pr.ticket);
    if (pr.has_ticket) {
        memcpy(pr.ticket, ticket.data, sizeof(pr.ticket));
    }
    memcpy(pr.cid, l->ch.cid, sizeof(pr.cid));
    if (r == 0) {
        r = session_preimage(&l->open, &l->ch, tls, pr.has_ticket ? pr.ticket : NULL, &pre);
    }
    if (r == 0) {
        bool by_old = s->old_key != NULL && strcmp(l->open_text[1], s->old_kid.s) == 0;
        r = sign_raw(by_old ? s->old_key : s->key, pre.data, pre.len, pr.s);
    }
    struct sync_wish *w = r == 0 ? post(s, lane, SANJI_PATH_SESSION, 30000) : NULL;
    if (w != NULL) {
        struct jw j;
        jw_init(&j, &w->body);
        jspec_write(&j, NULL, msg_session_proof_spec, &pr);
        r = jw_done(&j);
        l->state = LS_PROVING;
    } else if (r == 0) {
        r = SANJI_E_NOMEM; /* else the lane would wait for an answer to nothing */
    }
    buf_done(&pre);
    buf_done(&ticket);
    return r;
}

static int granted(struct sync *s, int lane, struct span body)
{
    struct lane *l = &s->lane[lane];
    struct msg_session_grant g;
    char key[48];
    arena_reset(s->arena);
    int r = jspec_read(body.p, body.n, msg_session_grant_spec, &g, sizeof(g), s->arena, NULL);
    if (r < 0) {
        return SANJI_E_NOT_SANJI;
    }
    r = sync__tx_begin(s);
    if (r == 0) {
        r = sync__tx_end(s, s->st->kv_put(s->st->ctx, ticket_key(s, lane, key),
                                          span_of(g.ticket, sizeof(g.ticket))));
    }
    if (r == 0) {
        r = sync__self_clone(s, false); /* it believes this machine */
    }
    if (r < 0) {
        return r;
    }
    l->token[b64u_put(g.token, sizeof(g.token), l->token)] = '\0';
    l->state = LS_READY;
    l->first = true;
    l->exhausted = false;
    l->renew_at =
        s->tick.mono_ms + (g.ttl > 2 * RENEW_EARLY_MS ? g.ttl - RENEW_EARLY_MS : g.ttl / 2);
    struct sync_peer_status *st = &s->parent->st;
    st->skew_ms = s->tick.now_ms - g.now;
    (void)snprintf(st->ver, sizeof(st->ver), "%s", g.ver == NULL ? "" : g.ver);
    if (lane == LANE_UP) {
        sync__peer_reset_their(s, s->parent);
    } else {
        sync__peer_reset_stated(s, s->parent);
    }
    return 0;
}

/* ---- exchange ---- */

static void hello_base(const struct sync *s, struct msg_hello *h)
{
    memset(h, 0, sizeof(*h));
    h->v = 1;
    memcpy(h->g, roster_g(s->roster), HASH_LEN);
    (void)sync_roster_version(s, h->rv); /* shown to people alone */
    h->ts = s->tick.now_ms;
    sync__fetch_can(s, h);
}

static int ask_up(struct sync *s)
{
    struct lane *l = &s->lane[LANE_UP];
    struct msg_hello h;
    struct buf rest;
    bool more;
    int64_t n;
    hello_base(s, &h);
    h.need_full = s->parent->need_full || !s->parent->their_known;
    s->parent->need_full = false;
    buf_init(&rest, LIM_MESSAGE_BYTES);
    int r = sync__send_some(s, s->parent, s->tune.max_bytes, &rest, &more, &n);
    struct sync_wish *w = r == 0 ? post(s, LANE_UP, SANJI_PATH_EXCHANGE, ANSWER_MS) : NULL;
    if (w != NULL) {
        w->content_type = SANJI_TYPE_FRAMES;
        h.more = more;
        r = sync__hello_write(s, &h, &w->body);
        if (r == 0 && rest.len > 0) {
            r = buf_put(&w->body, rest.data, rest.len);
        }
        s->parent->st.out_bytes += (int64_t)w->body.len;
        l->state = LS_BUSY;
        l->waiting = false;
        s->now_asked = true;
    } else if (r == 0) {
        r = SANJI_E_NOMEM;
    }
    buf_done(&rest);
    return r;
}

static int ask_down(struct sync *s)
{
    struct lane *l = &s->lane[LANE_DOWN];
    struct msg_hello h;
    struct buf lines;
    hello_base(s, &h);
    h.full = l->first || s->parent->state_full;
    if (h.full && !l->first) {
        sync__peer_reset_stated(s, s->parent);
    }
    h.max = s->tune.max_bytes;
    sync__custody_say(s->parent, &h);
    h.wait = l->first || !l->exhausted ? 0 : s->tune.wait_ms;
    buf_init(&lines, LIM_MESSAGE_BYTES);
    int r = sync__have_state(s, s->parent, &lines, &h.lines);
    h.has_hd = true;
    memcpy(h.hd, s->parent->stated_sum, HASH_LEN);
    struct sync_wish *w =
        r == 0 ? post(s, LANE_DOWN, SANJI_PATH_EXCHANGE, h.wait + HOLD_SLACK_MS) : NULL;
    if (w != NULL) {
        if (h.wait == 0) {
            w->timeout_ms = ANSWER_MS;
        }
        w->content_type = SANJI_TYPE_FRAMES;
        r = sync__hello_write(s, &h, &w->body);
        if (r == 0 && lines.len > 0) {
            r = buf_put(&w->body, lines.data, lines.len);
        }
        l->state = LS_BUSY;
        l->waiting = h.wait > 0;
        l->first = false;
        s->parent->state_full = false;
    } else if (r == 0) {
        r = SANJI_E_NOMEM;
    }
    buf_done(&lines);
    return r;
}

/* A new key of this node, for the parent to say. */
static int ask_key(struct sync *s)
{
    struct lane *l = &s->lane[LANE_UP];
    struct buf body;
    buf_init(&body, LIM_MESSAGE_BYTES);
    int r = sync__rekey_body(s, &body);
    struct sync_wish *w = r == 0 ? post(s, LANE_UP, SANJI_PATH_KEY, ANSWER_MS) : NULL;
    if (w != NULL) {
        r = buf_put(&w->body, body.data, body.len);
        l->state = LS_BUSY;
        l->waiting = false;
        l->keying = true;
    } else {
        sync__rekey_answer(s, r < 0 ? r : SANJI_E_NOMEM);
    }
    buf_done(&body);
    return sync_is_store_failure(r) ? r : 0;
}

/* The parent's signature, under a lost key's act about one of this node's children. */
static int ask_cosign(struct sync *s)
{
    struct lane *l = &s->lane[LANE_UP];
    struct buf body;
    buf_init(&body, LIM_MESSAGE_BYTES);
    int r = sync__cosign_body(s, &body);
    struct sync_wish *w = r == 0 ? post(s, LANE_UP, SANJI_PATH_KEY, ANSWER_MS) : NULL;
    if (w != NULL) {
        r = buf_put(&w->body, body.data, body.len);
        l->state = LS_BUSY;
        l->waiting = false;
        l->cosigning = true;
    } else {
        sync__cosign_answer(s, r < 0 ? r : SANJI_E_NOMEM, span_of(NULL, 0));
    }
    buf_done(&body);
    return sync_is_store_failure(r) ? r : 0;
}

/* A part of an attachment, asked for or brought. */
static int ask_file(struct sync *s)
{
    struct lane *l = &s->lane[LANE_UP];
    struct buf body;
    buf_init(&body, LIM_BLOB_PART + LIM_FRAME_OVERHEAD);
    int r = sync__fetch_ask(s, &body);
    struct sync_wish *w =
        r == 0 && body.len > 0 ? post(s, LANE_UP, SANJI_PATH_BLOB, ANSWER_MS) : NULL;
    if (w != NULL) {
        w->content_type = SANJI_TYPE_BLOB;
        w->body = body; /* ownership moves */
        l->state = LS_BUSY;
        l->waiting = false;
        l->filing = true;
        l->file_turn = false;
        return 0;
    }
    bool lost = r == 0 && body.len > 0;
    buf_done(&body);
    return lost ? SANJI_E_NOMEM : r;
}

static void now_check(struct sync *s, const struct msg_hello *h)
{
    if (!s->now_wanted || !s->now_asked || !h->has_hd) {
        return;
    }
    uint8_t own[HASH_LEN];
    sync__own_digest(s, s->parent, own);
    s->parent->st.in_step = memcmp(own, h->hd, HASH_LEN) == 0;
    if (s->parent->st.in_step && !sync__has_to_send(s, s->parent)) {
        now_done(s, 0);
    } else if (sync__has_to_send(s, s->parent)) {
        s->now_asked = false;
    }
}

static int exchanged(struct sync *s, int lane, struct span body)
{
    struct lane *l = &s->lane[lane];
    struct msg_hello h;
    struct span rest;
    size_t inflated;
    int64_t stored = 0;
    int r = sync__hello_read(s, s->parent, body, &h, &rest, &inflated);
    if (r < 0) {
        return r;
    }
    struct lane *o = &s->lane[1 - lane];
    if (l->attempt > 0 && o->state == LS_IDLE) {
        o->retry_at = 0; /* the parent is back: the other lane need not wait out its own pause */
    }
    l->state = LS_READY;
    l->attempt = 0;
    l->first = false;
    struct sync_peer_status *st = &s->parent->st;
    st->connected = true;
    st->last_ok_ms = s->tick.now_ms;
    st->last_err = 0;
    if (lane == LANE_UP) {
        now_check(s, &h);
        return sync__custody_taken(s, s->parent);
    }
    sync__fetch_asked(s, &h);
    bool any = rest.n > 0;
    r = sync__take_bundles(s, s->parent, rest, inflated, &stored);
    l->exhausted = !any && !h.more;
    if (h.need_full) {
        s->parent->state_full = true;
    }
    if (stored > 0 || l->exhausted) {
        s->now_asked = false; /* compare again with what has come */
    }
    /* Bundles came but none could be kept: asking again at once would be a busy loop. */
    if (any && stored == 0 && r == 0) {
        l->exhausted = true;
    }
    return r;
}

static void refused(struct sync *s, int lane, const struct sync_event *ev)
{
    struct msg_error e;
    memset(&e, 0, sizeof(e));
    arena_reset(s->arena);
    int err = SANJI_E_NOT_SANJI;
    if (jspec_read(ev->body.p, ev->body.n, msg_error_spec, &e, sizeof(e), s->arena, NULL) == 0) {
        err = err_by_name(e.err);
    }
    struct lane *l = &s->lane[lane];
    bool keying = l->keying, cosigning = l->cosigning, filing = l->filing;
    l->keying = l->cosigning = l->filing = false;
    if (keying && err != SANJI_E_SESSION) {
        sync__rekey_answer(s, err);
        l->state = LS_READY; /* the exchange goes on: what it brings may be what is missing */
        return;
    }
    if (cosigning && err != SANJI_E_SESSION) {
        sync__cosign_answer(s, err, span_of(NULL, 0));
        l->state = LS_READY;
        return;
    }
    if (filing && err != SANJI_E_SESSION) {
        sync__fetch_refused(s, err, e.retry);
        l->state = LS_READY;
        return;
    }
    bool by_old = strcmp(l->open_text[1], s->old_kid.s) == 0;
    bool turns = s->old_key != NULL && sync__rekey_open(s) &&
                 err == (by_old ? SANJI_E_REVOKED : SANJI_E_UNKNOWN_KEY);
    s->login_new = turns ? by_old : s->login_new; /* the parent has said it, or has lost it again */
    /* With the other key, or because the parent forgot us or the connection was renewed. */
    bool anew = turns || (err == SANJI_E_SESSION && l->state == LS_BUSY);
    if (anew && l->attempt == 0) {
        l->state = LS_IDLE;
        l->attempt = 1;
        l->retry_at = 0;
        return;
    }
    if (err == SANJI_E_CLONE) {
        (void)sync__self_clone(s, true);
    }
    if (err == SANJI_E_CLONE || (err == SANJI_E_REVOKED && !turns) || err == SANJI_E_MOVED ||
        err == SANJI_E_CLOSED) {
        sync__alarm(s, err, &s->parent->id, lane_name[lane]);
    }
    fail(s, lane, err, e.retry > 900000 ? 900000 : e.retry);
}

void sync__client_answer(struct sync *s, const struct sync_event *ev)
{
    int lane = (int)ev->lane;
    struct lane *l = &s->lane[lane];
    if (s->parent == NULL || l->state == LS_IDLE || l->state == LS_READY) {
        return; /* an answer to a question that was given up */
    }
    if (ev->err < 0 || ev->status == 0) {
        fail(s, lane, ev->err < 0 ? ev->err : SANJI_E_UNREACHABLE, ev->retry_ms);
        return;
    }
    if (!ev->is_ours) {
        fail(s, lane, SANJI_E_NOT_SANJI, 0);
        return;
    }
    if (ev->status != 200) {
        refused(s, lane, ev);
        return;
    }
    int r = 0;
    switch (l->state) {
    case LS_OPENING:
        r = prove(s, lane, ev->body);
        break;
    case LS_PROVING:
        r = granted(s, lane, ev->body);
        break;
    case LS_BUSY:
        if (l->keying) {
            l->keying = false;
            l->state = LS_READY;
            sync__rekey_answer(s, 0);
            break;
        }
        if (l->cosigning) {
            l->cosigning = false;
            l->state = LS_READY;
            sync__cosign_answer(s, 0, ev->body);
            break;
        }
        if (l->filing) {
            l->filing = false;
            l->state = LS_READY;
            r = sync__fetch_answer(s, ev->body);
            break;
        }
        r = exchanged(s, lane, ev->body);
        break;
    case LS_IDLE:
    case LS_READY:
        break;
    }
    if (r < 0) {
        fail(s, lane, r, 0);
    }
}

void sync__client_run(struct sync *s)
{
    if (s->now_wanted && s->tick.mono_ms >= s->now_deadline) {
        now_done(s, SANJI_E_CONFLICT); /* reachable, but the two do not come to hold the same */
    }
    if (s->parent == NULL) {
        return;
    }
    for (int i = 0; i < LANE_COUNT; i++) {
        struct lane *l = &s->lane[i];
        int r = 0;
        if (l->state == LS_READY && s->tick.mono_ms >= l->renew_at) {
            l->state = LS_IDLE;
            l->retry_at = 0;
        }
        if (l->state == LS_IDLE && s->tick.mono_ms >= l->retry_at) {
            open_session(s, i);
        } else if (l->state == LS_READY && i == LANE_DOWN) {
            r = ask_down(s);
        } else if (l->state == LS_READY && sync__rekey_due(s)) {
            r = ask_key(s);
        } else if (l->state == LS_READY && sync__cosign_due(s)) {
            r = ask_cosign(s);
        } else if (l->state == LS_READY && !l->first && l->file_turn && sync__fetch_due(s)) {
            r = ask_file(s);
        } else if (l->state == LS_READY &&
                   (l->first || s->parent->need_full || (s->now_wanted && !s->now_asked) ||
                    sync__has_to_send(s, s->parent))) {
            r = ask_up(s);
            l->file_turn = true;
        } else if (l->state == LS_READY && sync__fetch_due(s)) {
            r = ask_file(s);
        }
        if (r < 0) {
            fail(s, i, r, 0);
        }
    }
    if (s->lane[LANE_UP].state != LS_BUSY && sync_self_state(s) == SYNC_SELF_FORKED) {
        now_done(s, SANJI_E_FORK); /* the proof has gone up, and no exchange will mend it */
    }
}

int64_t sync__client_wake(const struct sync *s)
{
    int64_t at = s->now_wanted ? s->now_deadline : 0;
    if (s->parent != NULL && sync__rekey_open(s) && s->rekey_at != 0 &&
        (at == 0 || s->rekey_at < at)) {
        at = s->rekey_at;
    }
    if (s->parent != NULL && s->cosign_wanted && s->cosign_at != 0 &&
        (at == 0 || s->cosign_at < at)) {
        at = s->cosign_at;
    }
    for (int i = 0; s->parent != NULL && i < LANE_COUNT; i++) {
        const struct lane *l = &s->lane[i];
        int64_t t = 0;
        if (l->state == LS_IDLE) {
            t = l->retry_at;
        } else if (l->state == LS_READY) {
            t = l->renew_at;
        }
        if (t != 0 && (at == 0 || t < at)) {
            at = t;
        }
    }
    return at;
}
