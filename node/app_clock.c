/* SPDX-License-Identifier: Apache-2.0 */
/* Is this machine's clock right? Nothing here depends on it: order and authority come from numbers
 * and hashes (PROTOCOL.md 5). But people read dates, statistics count by month and sessions expire,
 * so a wrong clock has to be said. Two witnesses: the parent's clock at the last log-in, and, where
 * there is none, what others have signed. One writer alone is no witness (his clock may be the
 * wrong one), so the second newest counts. */
#include "node/app_internal.h"
#include "node/store/brief.h"

#include <string.h>

enum { SKEW_MS = 300000, DAY_MS = 86400000 };
static const int64_t long_silence = INT64_C(400) * DAY_MS;

struct witnesses {
    struct app *a;
    char by[LIM_NODE_ID + 2]; /* who signed the newest */
    int64_t first, second;    /* second: the newest of anybody else */
};

static void on_stream(const struct sync_stream_row *r, void *arg)
{
    struct witnesses *w = arg;
    int64_t ts = 0, got = 0;
    if (r->seq < 1 || store_bundle_time(w->a->store, r->no, r->seq, &ts, &got) < 0) {
        return;
    }
    bool same = strcmp(w->by, r->key.by.s) == 0;
    if (ts > w->first) {
        w->second = same ? w->second : w->first;
        w->first = ts;
        memcpy(w->by, r->key.by.s, strlen(r->key.by.s) + 1);
    } else if (!same && ts > w->second) {
        w->second = ts;
    }
}

static int64_t seen(struct app *a)
{
    struct witnesses w = {.a = a};
    sync_each_stream(a->sync, on_stream, &w);
    return w.second != 0 ? w.second : w.first;
}

static void on_peer(const struct sync_peer_status *p, void *arg)
{
    int64_t *skew = arg;
    if (p->is_parent && p->last_ok_ms != 0 &&
        (p->skew_ms > (int64_t)SKEW_MS || p->skew_ms < -(int64_t)SKEW_MS)) {
        *skew = p->skew_ms;
    }
}

void app_clock(struct app *a, struct app_clock *ret)
{
    int64_t now = app_now_ms(), skew = 0;
    *ret = (struct app_clock){.word = "ok"};
    sync_each_peer(a->sync, on_peer, &skew);
    if (skew != 0) {
        *ret = (struct app_clock){skew > 0 ? "ahead" : "behind", skew < 0 ? -skew : skew, true};
        return;
    }
    if (now < SYNC_TS_EARLIEST) {
        *ret = (struct app_clock){"old", 0, true};
        return;
    }
    int64_t last = seen(a);
    if (last > now + DAY_MS) {
        *ret = (struct app_clock){"back", last - now, true};
    } else if (last != 0 && last < now - long_silence) {
        *ret = (struct app_clock){"silent", now - last, false};
    }
}
