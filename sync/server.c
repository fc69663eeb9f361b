/* SPDX-License-Identifier: Apache-2.0 */
/* Towards the children: answers requests, holds a `down` request while there is nothing to say, and
 * answers it the moment something arrives. The parent numbers nothing and remembers nothing that
 * the children could not state again. */
#include "sync/enrol.h"
#include "sync/internal.h"

#include <string.h>

void sync__reply(struct sync *s, uint64_t req, int status, const char *type, struct buf *body)
{
    struct sync_wish *w = sync__wish(s, SW_REPLY);
    if (w == NULL) {
        buf_done(body);
        return;
    }
    w->req = req;
    w->status = status;
    w->content_type = type;
    buf_done(&w->body);
    w->body = *body; /* ownership moves */
    memset(body, 0, sizeof(*body));
}

void sync__reply_error(struct sync *s, uint64_t req, int err, int64_t retry, const struct fault *f)
{
    struct msg_error e;
    struct buf body;
    struct jw w;
    memset(&e, 0, sizeof(e));
    e.err = err_name(err);
    e.retry = retry;
    if (f != NULL && f->member[0] != '\0') {
        e.member = f->member;
    }
    if (f != NULL && f->want[0] != '\0') {
        e.want = f->want;
    }
    buf_init(&body, 4096);
    jw_init(&w, &body);
    jspec_write(&w, NULL, msg_error_spec, &e);
    (void)jw_done(&w);
    sync__reply(s, req, err_http(err), SANJI_TYPE_JSON, &body);
}

static void hello_base(const struct sync *s, struct msg_hello *h)
{
    memset(h, 0, sizeof(*h));
    h->v = 1;
    memcpy(h->g, roster_g(s->roster), HASH_LEN);
    (void)sync_roster_version(s, h->rv); /* shown to people alone */
    h->ts = s->tick.now_ms;
    sync__fetch_can(s, h);
}

static int answer_up(struct sync *s, struct peer *p, struct buf *out)
{
    struct msg_hello h;
    struct buf lines;
    hello_base(s, &h);
    h.full = p->state_full;
    h.credit = s->tune.max_bytes;
    sync__custody_say(p, &h);
    buf_init(&lines, LIM_MESSAGE_BYTES);
    int r = sync__have_state(s, p, &lines, &h.lines);
    h.has_hd = true;
    memcpy(h.hd, p->stated_sum, HASH_LEN);
    if (r == 0) {
        r = sync__hello_write(s, &h, out);
    }
    if (r == 0 && lines.len > 0) {
        r = buf_put(out, lines.data, lines.len);
    }
    p->state_full = false;
    buf_done(&lines);
    return r;
}

static int answer_down(struct sync *s, struct peer *p, int64_t max, struct buf *out)
{
    struct msg_hello h;
    struct buf rest;
    int64_t n;
    hello_base(s, &h);
    buf_init(&rest, LIM_MESSAGE_BYTES);
    int r = sync__send_some(s, p, max, &rest, &h.more, &n);
    h.need_full = p->need_full || !p->their_known;
    p->need_full = false;
    sync__fetch_say(s, p, &h);
    if (r == 0) {
        r = sync__hello_write(s, &h, out);
    }
    if (r == 0 && rest.len > 0) {
        r = buf_put(out, rest.data, rest.len);
    }
    p->st.out_bytes += (int64_t)out->len;
    buf_done(&rest);
    return r;
}

static void reply_down(struct sync *s, struct peer *p, uint64_t req, int64_t max)
{
    struct buf out;
    buf_init(&out, LIM_MESSAGE_BYTES);
    int r = answer_down(s, p, max, &out);
    if (r < 0) {
        buf_done(&out);
        sync__reply_error(s, req, r, 0, NULL);
        return;
    }
    sync__reply(s, req, 200, SANJI_TYPE_FRAMES, &out);
}

static void release_held(struct sync *s, struct peer *p)
{
    p->has_held = false;
    reply_down(s, p, p->held.req, p->held.max);
}

static void exchange_up(struct sync *s, const struct sync_event *ev, struct peer *p,
                        const struct msg_hello *h, struct span rest, size_t inflated)
{
    int64_t stored;
    struct buf out;
    if (h->need_full) {
        sync__peer_reset_stated(s, p);
    }
    int r = sync__take_bundles(s, p, rest, inflated, &stored);
    buf_init(&out, LIM_MESSAGE_BYTES);
    if (r == 0) {
        r = answer_up(s, p, &out);
    }
    if (r < 0) {
        buf_done(&out);
        sync__reply_error(s, ev->req, r, 5000, NULL);
        return;
    }
    sync__reply(s, ev->req, 200, SANJI_TYPE_FRAMES, &out);
}

static void exchange_down(struct sync *s, const struct sync_event *ev, struct peer *p,
                          const struct msg_hello *h)
{
    int64_t wait = h->wait < LIM_WAIT_MS ? h->wait : LIM_WAIT_MS;
    if (p->has_held) { /* its connection may be dead: what it took with it would count as sent */
        p->has_held = false;
        reply_down(s, p, p->held.req, 0);
    }
    if (wait <= 0 || s->stopping || p->need_full || p->fetch_due || sync__has_to_send(s, p)) {
        reply_down(s, p, ev->req, h->max);
        return;
    }
    p->has_held = true;
    p->held = (struct held){.req = ev->req, .deadline = s->tick.mono_ms + wait, .max = h->max};
}

static void look_if_parting(const struct sync *s, struct peer *p)
{
    const struct roster_node *n = roster_node(s->roster, p->id.s);
    p->parting = n == NULL || n->state != NODE_ACTIVE;
}

static void exchange(struct sync *s, const struct sync_event *ev)
{
    struct server_session *x = sync__session_find(s, ev->conn, ev->token);
    struct peer *p = x == NULL ? NULL : sync__peer_find(s, x->node.s);
    if (p == NULL) {
        sync__reply_error(s, ev->req, SANJI_E_SESSION, 0, NULL);
        return;
    }
    if (x->old) { /* it was taken for dead when a machine with an older ticket came */
        int clone = sync__session_clone(s, p->id.s);
        sync__reply_error(s, ev->req, clone, 0, NULL);
        return;
    }
    look_if_parting(s, p);
    struct msg_hello h;
    struct span rest;
    size_t inflated;
    int r = p->parting && x->lane == LANE_UP
                ? SANJI_E_REVOKED
                : sync__hello_read(s, p, ev->body, &h, &rest, &inflated);
    if (r == 0 && p->parting && !sync__has_to_send(s, p)) {
        r = SANJI_E_REVOKED; /* it has heard why */
    }
    if (r < 0) {
        sync__reply_error(s, ev->req, r, 0, NULL);
        return;
    }
    p->st.last_ok_ms = s->tick.now_ms;
    p->st.connected = true;
    if (x->lane == LANE_DOWN && h.ts > p->asked_ts) {
        p->asked_ts = h.ts;
        (void)sync__custody_taken(s, p); /* it speaks again: the answer before has come */
    }
    if (x->lane == LANE_UP) {
        exchange_up(s, ev, p, &h, rest, inflated);
    } else {
        exchange_down(s, ev, p, &h);
    }
}

void sync__server_request(struct sync *s, const struct sync_event *ev)
{
    if (strcmp(ev->path, SANJI_PATH_SESSION) == 0) {
        sync__session_request(s, ev);
    } else if (strcmp(ev->path, SANJI_PATH_EXCHANGE) == 0) {
        exchange(s, ev);
    } else if (strcmp(ev->path, SANJI_PATH_KEY) == 0) {
        sync__rekey_request(s, ev);
    } else if (strcmp(ev->path, SANJI_PATH_BLOB) == 0) {
        sync__fetch_request(s, ev);
    } else if (strcmp(ev->path, SANJI_PATH_ENROL) == 0) {
        struct buf out;
        int status = 200;
        buf_init(&out, LIM_ITEM_BYTES * 2);
        int r = enrol_handle(s, &s->tick, ev->body, &out, &status);
        if (r < 0) {
            buf_done(&out);
            sync__reply_error(s, ev->req, r, 0, NULL);
        } else {
            sync__reply(s, ev->req, status, SANJI_TYPE_JSON, &out);
        }
    } else {
        sync__reply_error(s, ev->req, SANJI_E_NOT_FOUND, 0, NULL);
    }
}

void sync__server_gone(struct sync *s, const struct sync_event *ev)
{
    for (size_t i = 0; i < s->n_peers; i++) {
        if (ev->req != 0 && s->peers[i]->has_held && s->peers[i]->held.req == ev->req) {
            s->peers[i]->has_held = false;
            s->peers[i]->st.connected = false;
        }
    }
    if (ev->req == 0) {
        sync__session_drop(s, ev->conn);
    }
}

void sync__server_answer_held(struct sync *s, bool all)
{
    for (size_t i = 0; i < s->n_peers; i++) {
        struct peer *p = s->peers[i];
        if (p->has_held) {
            look_if_parting(s, p);
        }
        if (p->has_held && (all || s->tick.mono_ms >= p->held.deadline || p->need_full ||
                            p->fetch_due || sync__has_to_send(s, p))) {
            release_held(s, p);
        }
    }
}

int64_t sync__server_wake(const struct sync *s)
{
    int64_t at = 0;
    for (size_t i = 0; i < s->n_peers; i++) {
        const struct peer *p = s->peers[i];
        if (p->has_held && (at == 0 || p->held.deadline < at)) {
            at = p->held.deadline;
        }
    }
    return at;
}
