/* SPDX-License-Identifier: Apache-2.0 */
/* The tree: node list, show, move, rotate-key, revoke; set-parent-url. */
#include "node/cli/put.h"
#include "node/cli/table.h"
#include "node/serve.h"
#include "protocol/base/text.h"
#include "protocol/jwrite.h"
#include "sync/enrol.h"

#include <stdio.h>
#include <string.h>

static const char *const states[] = {"active", "cut", "closed"};

/* Indented by depth, so that the tree can be seen. */
static int depth_of(const struct roster *ro, const struct roster_node *n)
{
    int d = 0;
    while (!node_id_none(&n->up) && d < LIM_TREE_DEPTH) {
        n = roster_node(ro, n->up.s);
        if (n == NULL) {
            break;
        }
        d++;
    }
    return d;
}

static void list_below(struct table *t, const char *up, int depth)
{
    const struct roster *ro = app_roster(t->v->app);
    for (size_t i = 0; depth <= LIM_TREE_DEPTH && i < roster_count(ro); i++) {
        const struct roster_node *n = roster_at(ro, i);
        char id[LIM_NODE_ID + 2 * LIM_TREE_DEPTH + 4], tier[32], state[32];
        if (strcmp(n->up.s, up) != 0) {
            continue;
        }
        snprintf(id, sizeof id, "%*s%s", depth_of(ro, n) * 2, "", n->id.s);
        snprintf(tier, sizeof tier, "tier.%s", app_tier_name(n->lv));
        snprintf(state, sizeof state, "state.%s", states[n->state]);
        const char *cell[] = {id, text_get(t->v->lang, tier), n->area, text_get(t->v->lang, state),
                              n->name};
        (void)table_row(t, cell);
        list_below(t, n->id.s, depth + 1);
    }
}

static int on_enrol_row(const struct enrol_row *r, struct table *t)
{
    bool waits = r->requested && !r->approved;
    char tier[32], name[512];
    struct buf b;
    snprintf(tier, sizeof tier, "tier.%s", app_tier_name(r->lv));
    buf_init(&b, 1024);
    if (waits && !node_id_none(&r->asks)) {
        text_put(&b, t->v->lang, "node.asks", "kid", r->kid.s, "node", r->asks.s, NULL);
    } else if (waits) {
        text_put(&b, t->v->lang, "node.code", "digits", r->digits, NULL);
    }
    snprintf(name, sizeof name, "%.400s%s%.100s", r->name, waits ? "  " : "", buf_str(&b));
    buf_done(&b);
    const char *cell[] = {r->node.s, text_get(t->v->lang, tier), r->area,
                          text_get(t->v->lang, waits ? "state.waiting" : "state.invited"), name};
    return table_row(t, cell);
}

static int on_enrol(const struct enrol_row *r, void *arg)
{
    struct table *t = arg;
    struct verb *v = t->v;
    if (r->done) {
        return 0;
    }
    if (!verb_has(v, "json")) {
        return on_enrol_row(r, t);
    }
    struct buf b;
    struct jw w;
    buf_init(&b, 4096);
    jw_init(&w, &b);
    jw_obj(&w, NULL);
    jw_str(&w, "invited", r->node.s);
    jw_str(&w, "name", r->name);
    jw_str(&w, "area", r->area);
    jw_int(&w, "lv", r->lv);
    jw_int(&w, "exp", r->exp);
    jw_bool(&w, "requested", r->requested);
    jw_bool(&w, "approved", r->approved);
    jw_str(&w, "digits", r->digits);
    if (r->lost) {
        jw_bool(&w, "lost", true);
        jw_str(&w, "kid", r->kid.s);
    }
    if (!node_id_none(&r->asks)) {
        jw_str(&w, "asks", r->asks.s);
    }
    jw_end_obj(&w);
    (void)jw_done(&w);
    (void)verb_text(v, &b);
    buf_done(&b);
    return 0;
}

int v_node_list(struct verb *v)
{
    static const struct column cols[] = {
        {"col.node", 18}, {"col.tier", 10}, {"col.area", 12}, {"col.state", 8}, {"col.name", 0}};
    struct table t = {.v = v, .cols = cols, .n = sizeof cols / sizeof cols[0]};
    const struct roster *ro = app_roster(v->app);
    if (!verb_has(v, "json")) {
        list_below(&t, "", 0);
    }
    for (size_t i = 0; verb_has(v, "json") && i < roster_count(ro); i++) {
        struct buf b;
        buf_init(&b, 65536);
        int r = app_node_json(v->app, roster_at(ro, i), &b);
        if (r == 0) {
            (void)verb_text(v, &b);
        }
        buf_done(&b);
    }
    int r = enrol_each(v->app->sync, on_enrol, &t);
    if (r < 0) {
        return verb_fail(v, r, NULL);
    }
    if (!verb_has(v, "json")) {
        table_end(&t, "node.unknown");
    }
    return EXIT_OK;
}

int v_node_show(struct verb *v)
{
    const struct roster_node *n = roster_node(app_roster(v->app), v->arg[0]);
    struct buf b;
    if (n == NULL) {
        return verb_fail(v, SANJI_E_NOT_FOUND, v->arg[0]);
    }
    buf_init(&b, 65536);
    int r = app_node_json(v->app, n, &b);
    if (r == 0) {
        (void)verb_text(v, &b);
    }
    buf_done(&b);
    return r < 0 ? verb_fail(v, r, v->arg[0]) : EXIT_OK;
}

int v_node_move(struct verb *v)
{
    const char *hist = verb_flag(v, "history");
    if (hist != NULL && strcmp(hist, "all") != 0 && strcmp(hist, "now") != 0) {
        return verb_bad_value(v, "history");
    }
    int r = app_node_move(v->app, v->arg[0], verb_flag(v, "to"),
                          hist == NULL || strcmp(hist, "all") == 0);
    if (r < 0) {
        return verb_fail(v, r, v->arg[0]);
    }
    VERB_TELL(v, "node.moved", "node", v->arg[0], "to", verb_flag(v, "to"));
    return EXIT_OK;
}

const char *verb_why(struct verb *v)
{
    static const char *const whys[] = {"lost", "stolen", "left", "fork", "other"};
    const char *why = verb_flag(v, "why") != NULL ? verb_flag(v, "why") : "other";
    for (size_t i = 0; i < sizeof whys / sizeof whys[0]; i++) {
        if (strcmp(whys[i], why) == 0) {
            return why;
        }
    }
    return NULL;
}

int v_node_revoke(struct verb *v)
{
    const char *why = verb_why(v);
    if (why == NULL) {
        return verb_bad_value(v, "why");
    }
    int r = app_node_revoke(v->app, v->arg[0], verb_flag(v, "kid"), why);
    if (r < 0) {
        return verb_fail(v, r, v->arg[0]);
    }
    VERB_TELL(v, "node.revoked", "node", v->arg[0]);
    return EXIT_OK;
}

int v_node_close(struct verb *v)
{
    const char *why = verb_why(v);
    if (why == NULL) {
        return verb_bad_value(v, "why");
    }
    int r = app_node_close(v->app, v->arg[0], why);
    if (r == SANJI_E_STATE) {
        VERB_SAY(v, EXIT_NO, "node.in_use", "node", v->arg[0]);
    }
    if (r < 0) {
        return verb_fail(v, r, v->arg[0]);
    }
    VERB_TELL(v, "node.made_closed", "node", v->arg[0]);
    return EXIT_OK;
}

int v_node_steward(struct verb *v)
{
    int r = app_node_steward(v->app, v->arg[0], v->arg[1]);
    if (r == SANJI_E_STATE) {
        VERB_SAY(v, EXIT_NO, "node.no_orphan", "node", v->arg[0], "steward", v->arg[1]);
    }
    if (r < 0) {
        return verb_fail(v, r, v->arg[0]);
    }
    VERB_TELL(v, "node.made_steward", "node", v->arg[0], "steward", v->arg[1]);
    return EXIT_OK;
}

int verb_for_failed(struct verb *v, int r, const char *node)
{
    if (r == SANJI_E_AUTHORITY) {
        VERB_SAY(v, EXIT_NO, "node.no_steward", "node", node);
    }
    if (r == SANJI_E_STATE) {
        VERB_SAY(v, EXIT_NO, "node.is_active", "node", node);
    }
    return verb_fail(v, r, node);
}

int v_node_believe(struct verb *v)
{
    int r = app_node_believe(v->app, v->arg[0]);
    if (r < 0) {
        return verb_fail(v, r, v->arg[0]);
    }
    VERB_TELL(v, "node.believed", "node", v->arg[0]);
    return EXIT_OK;
}

/* ---- versions ---- */

static int on_version(const char *id, const struct app_version ver[2], void *arg)
{
    struct verb *v = arg;
    struct buf b;
    struct jw w;
    v->phase++; /* how many were listed */
    for (int i = 0; !verb_has(v, "json") && i < 2; i++) {
        (void)verb_out(v, "%s\t%.*s\tr%lld\t%lld/%lld\t%s\t%.*s\n", id, (int)ver[i].kind.n,
                       (const char *)ver[i].kind.p, (long long)ver[i].r, (long long)ver[i].ep,
                       (long long)ver[i].seq, ver[i].counts ? "*" : "-", (int)ver[i].d.n,
                       (const char *)ver[i].d.p);
    }
    if (!verb_has(v, "json")) {
        return 0;
    }
    buf_init(&b, LIM_ITEM_BYTES * 3);
    jw_init(&w, &b);
    jw_obj(&w, NULL);
    jw_str(&w, "id", id);
    jw_arr(&w, "versions");
    for (int i = 0; i < 2; i++) {
        jw_obj(&w, NULL);
        jw_int(&w, "ep", ver[i].ep);
        jw_int(&w, "seq", ver[i].seq);
        jw_int(&w, "r", ver[i].r);
        jw_bool(&w, "counts", ver[i].counts);
        jw_bool(&w, "withdrawn", ver[i].withdrawn);
        if (ver[i].d.n > 0) {
            jw_raw(&w, "d", ver[i].d.p, ver[i].d.n);
        }
        jw_end_obj(&w);
    }
    jw_end_arr(&w);
    jw_end_obj(&w);
    int r = jw_done(&w);
    r = r == 0 ? verb_text(v, &b) : r;
    buf_done(&b);
    return r;
}

int v_versions(struct verb *v)
{
    const char *done = verb_flag(v, "done");
    if (done != NULL) {
        int r = sync_twice_done(v->app->sync, done);
        if (r < 0) {
            return verb_fail(v, r, done);
        }
        VERB_TELL(v, "versions.done", "id", done);
        return EXIT_OK;
    }
    int r = app_twice_each(v->app, on_version, v);
    if (r < 0) {
        return verb_fail(v, r, NULL);
    }
    if (v->phase == 0 && !verb_has(v, "json")) {
        VERB_TELL(v, "versions.none");
    }
    return EXIT_OK;
}

int v_set_parent_url(struct verb *v)
{
    int r = app_set_parent_url(v->app, v->arg[0]);
    if (r == SANJI_E_SPEC) {
        VERB_SAY(v, EXIT_USAGE, "parent_url.bad", "url", v->arg[0]);
    }
    if (r == SANJI_E_STATE) {
        VERB_SAY(v, EXIT_NO, "sync.top");
    }
    if (r < 0) {
        return verb_fail(v, r, v->arg[0]);
    }
    VERB_TELL(v, "parent_url.done", "url", v->arg[0]);
    return EXIT_OK;
}

/* ---- rotate-key ---- */

static int rotated(struct verb *v, int r)
{
    if (r == 0) {
        const struct roster_key *k = roster_current_key(app_roster(v->app), app_id(v->app));
        if (verb_has(v, "json")) {
            (void)verb_out(v, "{\"node\":\"%s\",\"kid\":\"%s\"}\n", app_id(v->app),
                           k != NULL ? k->kid.s : "");
        } else {
            VERB_TELL(v, "rotate.done", "node", app_id(v->app), "kid", k != NULL ? k->kid.s : "");
        }
        return EXIT_OK;
    }
    if (r == SANJI_E_PENDING || r == SANJI_E_UNREACHABLE || r == SANJI_E_NOT_SANJI) {
        VERB_SAY(v, EXIT_LATER, "rotate.later");
    }
    VERB_SAY(v, 0, "rotate.refused");
    return verb_fail(v, r, NULL);
}

/* With a daemon: its exchange brings the statement to the parent; look again until it is there. */
static int rotate_look(struct verb *v)
{
    (void)app_tick(v->app, app_mono_ms());
    int r = app_rotation(v->app);
    if (r == 0 || app_mono_ms() >= v->until ||
        (r != SANJI_E_PENDING && r != SANJI_E_CONFLICT && r != SANJI_E_BUSY)) {
        return rotated(v, r);
    }
    v->wait_ms = 50;
    return VERB_WAIT;
}

int v_node_rotate(struct verb *v)
{
    struct fault f = {0};
    int64_t wait = 60000;
    const char *w = verb_flag(v, "wait");
    if (w != NULL && (text_duration_ms(w, &wait) < 0 || wait > 3600000)) {
        return verb_bad_value(v, "wait");
    }
    if (v->phase > 0) {
        return rotate_look(v);
    }
    int r = app_rotate(v->app, put_input_text(v), &f);
    if (r < 0) {
        return verb_fail_fault(v, r, &f, app_id(v->app));
    }
    if (app_rotation(v->app) == 0) {
        return rotated(v, 0);
    }
    if (app_by_files(v->app)) {
        VERB_SAY(v, EXIT_LATER, "rotate.by_files", "node", app_id(v->app));
    }
    if (!v->in_daemon) {
        r = serve_sync_once(v->app, wait);
        (void)app_tick(v->app, app_mono_ms());
        int now = app_rotation(v->app);
        return rotated(v, now == SANJI_E_PENDING && r < 0 ? SANJI_E_PENDING : now);
    }
    serve_ask_now();
    v->phase = 1;
    v->until = app_mono_ms() + wait;
    v->wait_ms = 50;
    return VERB_WAIT;
}
