/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment by file (PROTOCOL.md 13.3) in a world: what a new machine writes onto a stick, and what
 * its parent makes of it. */
#include "protocol/ferry.h"
#include "sync/ferry.h"
#include "tests/support/mem_store.h"
#include "tests/support/world.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void world_letter(struct world *w, const struct msg_invite *in, struct msg_enrol *e, int64_t ts,
                  const struct sign_key *k, struct buf *ret_file)
{
    struct buf act, body;
    struct act_co co;
    struct node_id up;
    struct frame_ctx *c = frame_ctx_new();
    buf_init(&act, LIM_ITEM_BYTES);
    buf_init(&body, LIM_ITEM_BYTES);
    e->up = in->up;
    e->ts = ts != 0 ? ts : w->wall;
    int r = node_id_parse(in->up, strlen(in->up), &up);
    struct enrol_place p = {
        .g = in->g, .up = &up, .name = in->name, .area = in->area, .lv = in->lv, .ts = e->ts};
    r = r < 0 ? r : enrol_act(e, &p, &act);
    r = r < 0 ? r : act_sign(span_of(act.data, act.len), k, &co);
    assert(r == 0);
    e->has_pop = true;
    memcpy(e->pop, co.s, SIG_LEN);
    r = enrol_write(e, in->secret, k, &body);
    r = r < 0 ? r : ferry_request_write(c, span_of(body.data, body.len), ret_file);
    assert(r == 0);
    frame_ctx_free(c);
    buf_done(&act);
    buf_done(&body);
}

void world__ask_by_file(struct world *w, int up, const struct msg_invite *in, struct msg_enrol *e,
                        const struct sign_key *k, char ret_state[16])
{
    struct wnode *n = &w->node[up];
    struct sync_ferry_in *x = NULL;
    struct sync_tick t;
    struct buf file;
    ret_state[0] = '\0';
    if (!n->running) {
        return;
    }
    buf_init(&file, LIM_ITEM_BYTES);
    world_letter(w, in, e, 0, k, &file);
    int r = sync_ferry_in_new(n->s, NULL, NULL, &x);
    assert(r == 0);
    r = sync_ferry_in_give(x, span_of(file.data, file.len));
    r = r < 0 ? r : sync_ferry_in_give(x, span_of(file.data, 0));
    assert(r == 0);
    do {
        world_tick(w, up, &t);
        r = sync_ferry_in_run(x, &t, 1 << 20);
    } while (r > 0);
    const struct sync_ferry_report *rep = sync_ferry_in_report(x);
    if (r == 0 && rep->over && rep->err == 0) {
        (void)snprintf(ret_state, 16, "%s", rep->done ? "done" : "pending");
    }
    sync_ferry_in_free(x);
    buf_done(&file);
    if (world_died(w, up)) {
        ret_state[0] = '\0';
        return;
    }
    world_event(w, up, SEV_LOCAL);
}
