/* SPDX-License-Identifier: Apache-2.0 */
/* The wires: what nodes wish is carried out here, with the faults the run asks for. */
#include "tests/support/world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum wev_kind { WE_WAKE, WE_REQUEST, WE_ANSWER, WE_TIMEOUT, WE_GONE };

struct wev {
    int64_t at;
    uint64_t no; /* order of making decides between equal times */
    enum wev_kind kind;
    int node;     /* whose event: the child, except GONE: the parent */
    uint64_t gen; /* of that node when it was made */
    enum sync_lane lane;
    uint64_t post, conn, req;
    const char *path;
    char token[48];
    struct buf body;
    int status, err;
    bool is_ours, fresh;
};
struct wreq { /* at a parent, not yet answered */
    uint64_t req, post, conn, gen, parent_gen;
    int child, parent;
    enum sync_lane lane;
};

/* ---- queue ---- */

static bool before(const struct wev *a, const struct wev *b)
{
    return a->at != b->at ? a->at < b->at : a->no < b->no;
}

static struct wev *push(struct world *w, enum wev_kind kind, int node, int64_t at)
{
    if (w->n_heap == w->cap_heap) {
        w->cap_heap = w->cap_heap == 0 ? 64 : w->cap_heap * 2;
        w->heap = realloc(w->heap, w->cap_heap * sizeof(*w->heap));
        assert(w->heap != NULL);
    }
    struct wev *e = calloc(1, sizeof(*e));
    assert(e != NULL);
    e->kind = kind;
    e->node = node;
    e->gen = w->node[node].gen;
    e->at = at;
    e->no = ++w->next_no;
    size_t i = w->n_heap++;
    while (i > 0 && before(e, w->heap[(i - 1) / 2])) {
        w->heap[i] = w->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    w->heap[i] = e;
    return e;
}

static struct wev *pop(struct world *w)
{
    struct wev *top = w->heap[0], *last = w->heap[--w->n_heap];
    size_t i = 0;
    for (size_t k = 1; k < w->n_heap; k = 2 * i + 1) {
        if (k + 1 < w->n_heap && before(w->heap[k + 1], w->heap[k])) {
            k++;
        }
        if (!before(w->heap[k], last)) {
            break;
        }
        w->heap[i] = w->heap[k];
        i = k;
    }
    if (w->n_heap > 0) {
        w->heap[i] = last;
    }
    return top;
}

static void ev_free(struct wev *e)
{
    buf_done(&e->body);
    free(e);
}

void world__net_done(struct world *w)
{
    while (w->n_heap > 0) {
        ev_free(w->heap[--w->n_heap]);
    }
    free(w->heap);
    free(w->req);
    w->heap = NULL;
    w->req = NULL;
    w->n_req = 0;
}

/* ---- faults ---- */

void world_met(struct world *w, enum world_fault f, int i)
{
    const struct wnode *n = &w->node[i];
    enum world_stage st = WS_QUIET;
    for (int l = 0; l < LANE_COUNT; l++) {
        if (n->post[l] != 0 && n->login[l]) {
            st = WS_LOGIN;
        } else if (n->post[l] != 0 && st != WS_LOGIN) {
            st = l == LANE_UP ? WS_UP : st == WS_QUIET ? WS_HELD : st;
        }
    }
    w->met[f][st]++;
}

void world_in(struct world *w, int i)
{
    if (w->inside != NULL) {
        w->inside(w, i, true);
    }
}

int world_out(struct world *w, int i, int r)
{
    if (w->inside != NULL) {
        w->inside(w, i, false);
    }
    return r;
}

static int64_t latency(struct world *w)
{
    return world_range(w, w->faults.lat_min, w->faults.lat_max);
}

static void damage(struct world *w, int child, struct buf *b, bool exchange)
{
    if (b->len > 0 && world_chance(w, w->faults.truncate)) {
        world_met(w, WF_TRUNCATE, child);
        b->len = (size_t)world_range(w, 0, (int64_t)b->len - 1);
    }
    if (exchange && b->len > 0 && world_chance(w, w->faults.corrupt)) {
        w->garbled = true;
        world_met(w, WF_CORRUPT, child);
        for (int64_t k = world_range(w, 1, 8); k > 0; k--) {
            uint8_t bits = (uint8_t)world_range(w, 1, 255);
            b->data[world_range(w, 0, (int64_t)b->len - 1)] ^= bits;
        }
    }
}

static void fail_later(struct world *w, int child, enum sync_lane lane, uint64_t post, int64_t ms)
{
    struct wev *e = push(w, WE_ANSWER, child, w->now + ms);
    e->lane = lane;
    e->post = post;
    e->err = SANJI_E_UNREACHABLE;
}

/* ---- wishes ---- */

static void copy_body(struct buf *to, const struct buf *from)
{
    buf_init(to, LIM_MESSAGE_BYTES * 2);
    if (from->len > 0) {
        (void)buf_put(to, from->data, from->len);
    }
}

static void wish_post(struct world *w, int i, struct sync_wish *x)
{
    struct wnode *n = &w->node[i];
    if (w->tap != NULL) {
        w->tap(w, i, x, w->tap_arg);
    }
    n->posts++;
    bool exchange = strcmp(x->path, SANJI_PATH_EXCHANGE) == 0;
    n->exchanges += exchange ? 1 : 0;
    n->sessions += exchange ? 0 : 1;
    if (w->inspect && exchange && n->up >= 0) { /* what the engine says, */
        world__inspect(w, i, n->up, &x->body);
    }
    if (exchange) { /* and what a dishonest node makes of it */
        world__relay(w, i, &x->body);
    }
    if (n->conn[x->lane] == 0) {
        n->conn[x->lane] = ++w->next_conn;
        n->fresh[x->lane] = true;
    }
    uint64_t post = n->post[x->lane] = ++w->next_post;
    n->login[x->lane] = !exchange;
    if (n->cut || n->up < 0) {
        fail_later(w, i, x->lane, post, 20 + latency(w));
        return;
    }
    struct wev *t = push(w, WE_TIMEOUT, i, w->now + x->timeout_ms);
    t->lane = x->lane;
    t->post = post;
    if (world_chance(w, w->faults.loss)) {
        world_met(w, WF_LOSS, i);
        if (world_chance(w, 700)) { /* a reset; otherwise silence until the time-out */
            fail_later(w, i, x->lane, post, latency(w) + 500);
        }
        return;
    }
    int copies = world_chance(w, w->faults.dup) ? 2 : 1;
    if (copies > 1) {
        world_met(w, WF_DUP, i);
    }
    for (; copies > 0; copies--) {
        int64_t at = w->now + latency(w);
        at += copies == 2 ? world_range(w, 0, 30000) : 0;
        struct wev *e = push(w, WE_REQUEST, i, at);
        e->lane = x->lane;
        e->post = post;
        e->conn = n->conn[x->lane];
        e->path = x->path;
        memcpy(e->token, x->token, sizeof(e->token));
        copy_body(&e->body, &x->body);
        damage(w, i, &e->body, exchange);
    }
}

static void wish_reply(struct world *w, int i, struct sync_wish *x)
{
    size_t k = 0;
    while (k < w->n_req && w->req[k].req != x->req) {
        k++;
    }
    if (k == w->n_req) {
        return; /* the asker has gone */
    }
    struct wreq q = w->req[k];
    w->req[k] = w->req[--w->n_req];
    if (q.child < 0) { /* asked by a person, see world_ask */
        (void)buf_put(w->ask_body, x->body.data == NULL ? (const uint8_t *)"" : x->body.data,
                      x->body.len);
        w->ask_status = x->status;
        return;
    }
    bool exchange = x->content_type != NULL && strcmp(x->content_type, SANJI_TYPE_FRAMES) == 0;
    if (w->inspect && exchange) {
        world__inspect(w, i, q.child, &x->body);
    }
    if (exchange) {
        world__relay(w, i, &x->body);
    }
    if (w->node[q.child].cut || w->node[q.child].gen != q.gen) {
        return;
    }
    bool is_lost = world_chance(w, w->faults.loss);
    if (is_lost || world_chance(w, w->faults.lost_reply)) {
        world_met(w, is_lost ? WF_LOSS : WF_LOST_REPLY, q.child);
        if (world_chance(w, 700)) {
            fail_later(w, q.child, q.lane, q.post, latency(w) + 500);
        }
        return;
    }
    struct wev *e = push(w, WE_ANSWER, q.child, w->now + latency(w));
    e->lane = q.lane;
    e->post = q.post;
    e->status = x->status;
    e->is_ours = x->content_type != NULL;
    copy_body(&e->body, &x->body);
    damage(w, q.child, &e->body, exchange);
}

/* The parent learns that a connection has closed, and that whoever asked on it has gone. */
static void close_conn(struct world *w, int child, enum sync_lane lane)
{
    struct wnode *n = &w->node[child];
    uint64_t conn = n->conn[lane];
    n->conn[lane] = 0;
    n->post[lane] = 0;
    if (conn == 0 || n->up < 0 || n->cut) {
        return;
    }
    for (size_t k = 0; k < w->n_req; k++) {
        if (w->req[k].conn == conn && w->req[k].child == child) {
            struct wev *e = push(w, WE_GONE, n->up, w->now + latency(w));
            e->req = w->req[k].req;
            w->req[k] = w->req[--w->n_req];
            k--;
        }
    }
    struct wev *e = push(w, WE_GONE, n->up, w->now + latency(w));
    e->conn = conn;
}

void world__wishes(struct world *w, int i, struct sync_out *out)
{
    struct wnode *n = &w->node[i];
    for (size_t k = 0; k < out->n; k++) {
        struct sync_wish *x = &out->w[k];
        switch (x->type) {
        case SW_POST:
            wish_post(w, i, x);
            break;
        case SW_REPLY:
            wish_reply(w, i, x);
            break;
        case SW_WAKE: {
            int64_t at = x->at - n->mono_off;
            at = at > w->now ? at : w->now + 1;
            if (n->wake_at != at) {
                n->wake_at = at;
                (void)push(w, WE_WAKE, i, at);
            }
            break;
        }
        case SW_DROP:
            close_conn(w, i, x->lane);
            break;
        case SW_ALARM:
            n->alarms[-x->err < WORLD_ERRS ? -x->err : 0]++;
            world_note(w, err_name(x->err), i, x->text, strlen(x->text));
            break;
        case SW_CHANGED:
            break;
        }
    }
}

void world__hang_up(struct world *w, int i)
{
    for (int l = 0; l < LANE_COUNT; l++) {
        close_conn(w, i, (enum sync_lane)l);
    }
    for (size_t k = 0; k < w->n_req; k++) {
        if (w->req[k].parent == i) {
            struct wreq q = w->req[k];
            if (q.child >= 0 && w->node[q.child].gen == q.gen) {
                fail_later(w, q.child, q.lane, q.post, latency(w));
            }
            w->req[k--] = w->req[--w->n_req];
        }
    }
    for (int c = 0; c < w->n; c++) { /* the kernel closes the listening side's connections too */
        if (w->node[c].up == i) {
            w->node[c].conn[LANE_UP] = w->node[c].conn[LANE_DOWN] = 0;
        }
    }
}

/* ---- events ---- */

static void on_request(struct world *w, struct wev *e)
{
    struct wnode *child = &w->node[e->node];
    int p = child->up;
    if (child->cut || !w->node[p].running) {
        fail_later(w, e->node, e->lane, e->post, latency(w));
        return;
    }
    if (child->conn[e->lane] != e->conn) {
        return; /* that connection has been closed */
    }
    if (w->n_req == w->cap_req) {
        w->cap_req = w->cap_req == 0 ? 32 : w->cap_req * 2;
        w->req = realloc(w->req, w->cap_req * sizeof(*w->req));
        assert(w->req != NULL);
    }
    uint64_t req = ++w->next_req;
    w->req[w->n_req++] = (struct wreq){.req = req,
                                       .post = e->post,
                                       .conn = e->conn,
                                       .gen = child->gen,
                                       .parent_gen = w->node[p].gen,
                                       .child = e->node,
                                       .parent = p,
                                       .lane = e->lane};
    struct sync_event ev = {.type = SEV_REQUEST,
                            .req = req,
                            .conn = e->conn,
                            .path = e->path,
                            .token = span_of(e->token, strlen(e->token)),
                            .body = span_of(e->body.data, e->body.len)};
    world_step(w, p, &ev);
}

static void on_answer(struct world *w, struct wev *e)
{
    struct wnode *n = &w->node[e->node];
    if (n->post[e->lane] != e->post) {
        return;
    }
    if (n->cut && e->err == 0) {
        return;
    }
    n->post[e->lane] = 0;
    struct sync_event ev = {.type = SEV_ANSWER,
                            .lane = e->lane,
                            .status = e->status,
                            .err = e->err,
                            .is_ours = e->is_ours,
                            .fresh_conn = n->fresh[e->lane],
                            .body = span_of(e->body.data, e->body.len)};
    n->fresh[e->lane] = false;
    world_step(w, e->node, &ev);
}

static void handle(struct world *w, struct wev *e)
{
    static const char *const what[] = {"wake", "request", "answer", "timeout", "gone"};
    struct wnode *n = &w->node[e->node];
    if (!n->running || n->gen != e->gen) {
        return;
    }
    world_note(w, what[e->kind], e->node, e->body.data, e->body.len);
    switch (e->kind) {
    case WE_WAKE:
        if (n->wake_at == e->at) {
            n->wake_at = 0;
            world_event(w, e->node, SEV_TICK);
        }
        break;
    case WE_REQUEST:
        on_request(w, e);
        break;
    case WE_TIMEOUT:
        if (n->post[e->lane] == e->post) {
            e->err = SANJI_E_UNREACHABLE;
            on_answer(w, e);
        }
        break;
    case WE_ANSWER:
        on_answer(w, e);
        break;
    case WE_GONE: {
        struct sync_event ev = {.type = SEV_GONE, .req = e->req, .conn = e->conn};
        world_step(w, e->node, &ev);
        break;
    }
    }
}

bool world__next(struct world *w, int64_t until)
{
    if (w->n_heap == 0 || w->heap[0]->at > until) {
        return false;
    }
    struct wev *e = pop(w);
    w->same_time = e->at > w->now ? 0 : w->same_time + 1;
    assert(w->same_time < 100000); /* somebody goes round in circles without time passing */
    w->now = e->at > w->now ? e->at : w->now;
    w->events++;
    handle(w, e);
    ev_free(e);
    return true;
}
