/* SPDX-License-Identifier: Apache-2.0 */
/* Who is asked follows from the notice's audience, its area and the roster, so a node that joins
 * later is asked as well; who has answered follows from the ack records held. */
#include "node/app_ack.h"

#include "protocol/base/text.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <string.h>

enum { NOTICES = 5000 }; /* looked at; those that ask nothing cost little */

static bool asks(struct span d)
{
    struct span v;
    bool yes = false;
    return jcur_get(d, "ack", &v) && jcur_bool(v, &yes) && yes;
}

static int last_day(struct span d)
{
    struct span v, s;
    int day = 0;
    return jcur_get(d, "valid_to", &v) && jcur_plain(v, &s) &&
                   date_parse((const char *)s.p, s.n, &day) == 0
               ? day
               : 0;
}

static int ack_id(const char *owner, const char *id, char out[static LIM_ID_BYTES + 1])
{
    char d[LIM_ID_BYTES + LIM_NODE_ID + 32];
    int n = snprintf(d, sizeof d, "{\"about\":\"%s/%s\"}", owner, id);
    return kind_key_id(kind_find("ack"), span_of(d, (size_t)n), out);
}

/* A notice is for all who may hold it; one for the whole federation for those of its area, one for
 * a subtree for those below its head. */
static bool concerns(const struct app *a, const struct store_rec *rec, const struct roster_node *n)
{
    struct audience aud;
    return n->state == NODE_ACTIVE && strcmp(n->id.s, rec->owner) != 0 &&
           audience_parse(rec->aud, strlen(rec->aud), &aud) == 0 &&
           (aud.type != AUD_FED || strncmp(n->area, rec->area, strlen(rec->area)) == 0) &&
           (aud.type != AUD_SUB || roster_is_ancestor(app_roster(a), aud.node[0].s, n->id.s)) &&
           roster_entitled(app_roster(a), rec->owner, &aud, n->id.s);
}

static int on_ack(const struct store_rec *rec, void *arg)
{
    *(int64_t *)arg = rec->withdrawn ? 0 : rec->ts > 0 ? rec->ts : 1;
    return 0;
}

static int find_ack(struct app *a, const char *by, const struct store_rec *rec, int64_t *ret_ts)
{
    char id[LIM_ID_BYTES + 1];
    *ret_ts = 0;
    int r = ack_id(rec->owner, rec->id, id);
    r = r < 0 ? r : store_record_get(a->store, by, "ack", id, on_ack, ret_ts);
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

int app_ack_own(struct app *a, const struct store_rec *rec, bool *ret_asks, bool *ret_done)
{
    int64_t ts = 0;
    const struct roster_node *me = app_self_node(a);
    *ret_asks = strcmp(rec->kind, "notice") == 0 && !rec->withdrawn && asks(rec->d) && me != NULL &&
                concerns(a, rec, me);
    int r = *ret_asks ? find_ack(a, app_id(a), rec, &ts) : 0;
    *ret_done = ts > 0;
    return r;
}

struct wanted {
    struct app *a;
    app_ack_fn *fn;
    void *arg;
    int today;
    int64_t n;
};

static int on_notice(const struct store_rec *rec, void *arg)
{
    struct wanted *w = arg;
    bool wants = false, done = false;
    int by = last_day(rec->d);
    w->n++;
    if (by != 0 && by < w->today) {
        return 0;
    }
    int r = app_ack_own(w->a, rec, &wants, &done);
    if (r < 0 || !wants || done) {
        return r;
    }
    struct app_ack_notice n = {
        .owner = rec->owner, .id = rec->id, .title = rec->title, .ts = rec->ts, .by = by};
    return w->fn(&n, w->arg);
}

int app_ack_wanted(struct app *a, app_ack_fn *fn, void *arg, bool *ret_more)
{
    struct wanted w = {.a = a, .fn = fn, .arg = arg, .today = date_of_ms(app_now_ms())};
    struct store_filter f = {.kind = "notice", .limit = NOTICES};
    int r = store_record_list(a->store, &f, on_notice, &w);
    *ret_more = *ret_more || w.n == NOTICES;
    return r;
}

int app_ack_nodes(struct app *a, const struct store_rec *rec, app_ack_node_fn *fn, void *arg)
{
    const struct roster *ro = app_roster(a);
    int r = 0;
    if (!asks(rec->d)) {
        return 0;
    }
    for (size_t i = 0; r == 0 && i < roster_count(ro); i++) {
        const struct roster_node *n = roster_at(ro, i);
        int64_t ts = 0;
        if (concerns(a, rec, n)) {
            r = find_ack(a, n->id.s, rec, &ts);
            r = r < 0 ? r : fn(n->id.s, ts, arg);
        }
    }
    return r;
}
