/* SPDX-License-Identifier: Apache-2.0 */
/* A node that lives on sticks has no line that is up or down. What takes its place is how many days
 * ago something was carried, in each direction. */
#include "node/app_internal.h"
#include "sync/ferry.h"

#include <string.h>

enum { DAY_MS = 86400000 };

static int64_t days_since(int64_t now, int64_t at)
{
    return at == 0 ? -1 : now < at ? 0 : (now - at) / DAY_MS;
}

void app_ferry_days(const struct app *a, const char *node, int64_t *ret_in, int64_t *ret_out)
{
    struct sync_ferry_note n;
    int64_t now = app_now_ms();
    *ret_in = *ret_out = -1;
    if (sync_ferry_note_get(a->sync, node, &n) == 0) {
        *ret_in = days_since(now, n.in_at);
        *ret_out = days_since(now, n.out_at);
    }
}

struct listing {
    struct app *a;
    struct jw *w;
    int64_t now;
};

/* A member that says nothing is left out. */
static void put_time(struct listing *l, const char *no_name, int64_t no, const char *at_name,
                     int64_t at, const char *days_name)
{
    if (at != 0) {
        jw_int(l->w, no_name, no);
        jw_int(l->w, at_name, at);
        jw_int(l->w, days_name, days_since(l->now, at));
    }
}

static int put_note(const char *node, const struct sync_ferry_note *n, void *arg)
{
    struct listing *l = arg;
    const struct roster_node *r = roster_node(app_roster(l->a), node);
    jw_obj(l->w, NULL);
    jw_str(l->w, "node", node);
    jw_str(l->w, "name", r != NULL ? r->name : "");
    put_time(l, "in_no", n->in_no, "in_at", n->in_at, "in_days");
    if (n->in_at != 0) {
        jw_int(l->w, "in_written", n->in_ts);
    }
    put_time(l, "out_no", n->out_no, "out_at", n->out_at, "out_days");
    put_time(l, "receipt_no", n->receipt_no, "have_at", n->have_at, "have_days");
    jw_end_obj(l->w);
    return 0;
}

int app_ferry_json(struct app *a, struct jw *w)
{
    struct listing l = {a, w, app_now_ms()};
    int r = sync_ferry_notes(a->sync, put_note, &l);
    return r < 0 ? r : 0;
}

bool app_by_files(const struct app *a)
{
    struct node_id up;
    uint8_t tls[HASH_LEN];
    struct buf url;
    buf_init(&url, 4096);
    bool none = sync_parent(a->sync, &up, tls, &url) == 0 && url.len == 0;
    buf_done(&url);
    return none;
}

void app_ferry_taken(struct app *a)
{
    app__wrote(a);
    app_changed(a);
}
