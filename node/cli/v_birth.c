/* SPDX-License-Identifier: Apache-2.0 */
/* How nodes come into being on the command line: init, invite, approve; join is in v_join.c. */
#include "node/cli/join.h"
#include "node/cli/put.h"
#include "node/qr.h"

#include "protocol/base/enc.h"
#include "protocol/base/text.h"
#include "protocol/jwrite.h"
#include "sync/enrol.h"

#include <stdio.h>
#include <string.h>

/* Codes change, so an unknown one is not refused; a mistyped one should be noticed. */
static int say_area(struct verb *v, const char *code)
{
    if (app_area_is_unknown(v->app, code)) {
        VERB_SAY(v, EXIT_OK, "area.unknown", "code", code);
    }
    return EXIT_OK;
}

/* Digits that say something: 370100 is the whole of 3701. */
static size_t area_prefix(const char *code)
{
    size_t n = strlen(code);
    for (size_t step = n > 6 ? 3 : 2; n > 2 && n >= step; step = n > 6 ? 3 : 2) {
        size_t zeros = 0;
        while (zeros < step && code[n - 1 - zeros] == '0') {
            zeros++;
        }
        if (zeros < step) {
            break;
        }
        n -= step;
    }
    return n;
}

/* Rights follow the tree (PROTOCOL.md 9.2), so it is no reason to refuse. */
static int say_outside(struct verb *v, const char *code)
{
    const struct roster_node *me = app_self_node(v->app);
    if (me != NULL && me->area != NULL && strncmp(code, me->area, area_prefix(me->area)) != 0) {
        VERB_SAY(v, EXIT_OK, "area.outside", "code", code, "own", me->area);
    }
    return EXIT_OK;
}

int v_init(struct verb *v)
{
    struct app_birth b = {.dir = v->dir,
                          .name = verb_flag(v, "name"),
                          .area = verb_flag(v, "area"),
                          .root_key = verb_flag(v, "root-key"),
                          .staff = verb_flag(v, "staff"),
                          .sync = verb_flag(v, "sync"),
                          .url = verb_flag(v, "url"),
                          .lv = app_tier_level(verb_flag(v, "tier")),
                          .zh = v->lang == TEXT_ZH};
    struct app_born x;
    struct fault f = {0};
    char g[B64U_LEN(HASH_LEN) + 1] = {0};
    if (b.lv == 0) {
        return verb_bad_value(v, "tier");
    }
    int r = app_init(&b, &x, &f);
    if (r < 0) {
        bool key = strcmp(f.member, "root-key") == 0 && r == SANJI_E_IO;
        int code = verb_place_failed(v, r, &f, key ? x.root_key : v->dir);
        return r == SANJI_E_SPEC ? EXIT_USAGE : code;
    }
    b64u_put(x.g, HASH_LEN, g);
    if (verb_has(v, "json")) {
        struct buf o;
        struct jw w;
        buf_init(&o, 16384);
        jw_init(&w, &o);
        jw_obj(&w, NULL);
        jw_str(&w, "node", x.id.s);
        jw_str(&w, "g", g);
        jw_str(&w, "root_key", x.root_key);
        jw_str(&w, "recovery", x.recovery);
        jw_end_obj(&w);
        (void)jw_done(&w);
        (void)verb_text(v, &o);
        buf_done(&o);
    } else {
        VERB_TELL(v, "init.done", "name", b.name, "node", x.id.s, "g", g);
    }
    (void)say_area(v, b.area);
    VERB_SAY(v, 0, "init.root_key", "file", x.root_key);
    VERB_SAY(v, 0, "init.next", "dir", v->dir);
    if (!verb_has(v, "json")) {
        verb_recovery(v, x.recovery);
    }
    r = verb_sheet(v, x.id.s, x.recovery);
    mem_wipe(x.recovery, sizeof x.recovery);
    return r;
}

/* A line that is good once. */
static int tell_invite(struct verb *v, struct buf *line, const char *node)
{
    bool again = verb_has(v, "recover");
    if (verb_has(v, "json")) {
        (void)verb_out(v, "{\"node\":\"%s\",\"invite\":\"%s\"}\n", node, buf_str(line));
        return 0;
    }
    (void)verb_text(v, line);
    if (verb_has(v, "ferry")) {
        VERB_SAY(v, 0, "invite.ferry", "node", node);
    } else if (!verb_has(v, "auto-approve")) {
        const char *key = !again               ? "invite.next"
                          : app_is_top(v->app) ? "invite.recover_top"
                                               : "invite.recover";
        VERB_SAY(v, 0, key, "node", node);
    }
    int r = 0;
    if (verb_has(v, "qr")) {
        struct buf q;
        buf_init(&q, 1 << 20);
        r = qr_terminal(buf_str(line), &q);
        if (r == 0) {
            (void)verb_put(v, q.data, q.len);
        }
        buf_done(&q);
    }
    return r;
}

/* A child whose keys are gone: what it is stands in the roster. */
static int invite_again(struct verb *v, int64_t ttl_ms)
{
    static const char *const none[] = {"name", "tier", "area", "auto-approve"};
    const char *node = verb_flag(v, "recover");
    struct sync_tick t;
    struct buf line;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        if (verb_has(v, none[i])) {
            VERB_SAY(v, EXIT_USAGE, "invite.recover_with", "what", none[i]);
        }
    }
    buf_init(&line, 16384);
    int r = app_tick_make(&t);
    if (r == 0) {
        r = enrol_recover(v->app->sync, &t, node, v->app->cfg.url, ttl_ms, &line);
    }
    if (r == 0) {
        r = tell_invite(v, &line, node);
    }
    buf_wipe_done(&line);
    if (r == SANJI_E_AUTHORITY) {
        VERB_SAY(v, EXIT_NO, "invite.not_child", "node", node);
    }
    return r < 0 ? verb_fail(v, r, node) : EXIT_OK;
}

static int invite_new(struct verb *v, int64_t ttl_ms)
{
    static const char *const must[] = {"name", "tier", "area"};
    const struct roster_node *me = app_self_node(v->app);
    struct sync_tick t;
    struct node_id id;
    struct buf line;
    for (size_t i = 0; i < sizeof must / sizeof must[0]; i++) {
        if (!verb_has(v, must[i])) {
            return verb_missing(v, must[i]);
        }
    }
    const char *name = verb_flag(v, "name"), *area = verb_flag(v, "area");
    int64_t lv = app_tier_level(verb_flag(v, "tier"));
    if (lv == 0) {
        return verb_bad_value(v, "tier");
    }
    if (!app_area_ok(area)) {
        return verb_bad_value(v, "area");
    }
    if (name[0] == '\0' || utf8_len(name, strlen(name)) > 80 ||
        !utf8_valid(name, strlen(name), NULL) || text_has_control(name, strlen(name), false)) {
        return verb_bad_value(v, "name");
    }
    if (me != NULL && lv <= me->lv) {
        VERB_SAY(v, EXIT_NO, "invite.tier", "tier", verb_flag(v, "tier"), "own",
                 app_tier_name(me->lv));
    }
    const char *url = v->app->cfg.url[0] != '\0' ? v->app->cfg.url
                      : verb_has(v, "ferry")     ? INVITE_NO_URL
                                                 : NULL;
    if (me == NULL || url == NULL) {
        VERB_SAY(v, EXIT_NO, me == NULL ? "invite.no_roster" : "invite.no_url");
    }
    buf_init(&line, 16384);
    int r = app_tick_make(&t);
    if (r == 0) {
        r = enrol_invite(v->app->sync, &t, name, lv, area, url, ttl_ms, verb_has(v, "auto-approve"),
                         &line, &id);
    }
    if (r == 0) {
        (void)say_area(v, area);
        (void)say_outside(v, area);
        r = tell_invite(v, &line, id.s);
    }
    buf_wipe_done(&line);
    return r < 0 ? verb_fail(v, r, name) : EXIT_OK;
}

int v_invite(struct verb *v)
{
    const char *ttl = verb_flag(v, "ttl");
    int64_t ms = INT64_C(7) * 86400000;
    if (ttl != NULL &&
        (text_duration_ms(ttl, &ms) < 0 || ms < 60000 || ms > INT64_C(90) * 86400000)) {
        return verb_bad_value(v, "ttl");
    }
    if (!verb_has(v, "recover")) {
        return invite_new(v, ms);
    }
    if (verb_has(v, "ferry")) {
        VERB_SAY(v, EXIT_USAGE, "invite.recover_ferry");
    }
    if (app_self_node(v->app) == NULL || v->app->cfg.url[0] == '\0') {
        VERB_SAY(v, EXIT_NO, app_self_node(v->app) == NULL ? "invite.no_roster" : "invite.no_url");
    }
    return invite_again(v, ms);
}

int v_approve(struct verb *v)
{
    struct fault f = {0};
    struct span root = put_input_text(v);
    bool before = roster_node(app_roster(v->app), v->arg[0]) != NULL;
    const char *key = verb_flag(v, "key");
    int r =
        key != NULL ? app_agree(v->app, v->arg[0], key) : app_approve(v->app, v->arg[0], root, &f);
    if (r == SANJI_E_PENDING || (r == SANJI_E_CONFLICT && key != NULL)) {
        VERB_SAY(v, EXIT_NO, key == NULL ? "approve.key" : "approve.other_key", "node", v->arg[0]);
    }
    if (r == SANJI_E_STATE) {
        VERB_SAY(v, EXIT_NO, "approve.nobody", "node", v->arg[0]);
    }
    if (r == SANJI_E_SIGNATURE && f.err == 0) {
        VERB_SAY(v, EXIT_NO, root.n > 0 ? "approve.no_root" : "approve.root", "node", v->arg[0]);
    }
    if (r < 0) {
        return verb_fail_fault(v, r, &f, v->arg[0]);
    }
    if (verb_has(v, "json")) {
        (void)verb_out(v, "{\"node\":\"%s\",\"approved\":true}\n", v->arg[0]);
    } else {
        VERB_TELL(v, "approve.done", "node", v->arg[0]);
        if (!before && roster_node(app_roster(v->app), v->arg[0]) != NULL) {
            VERB_SAY(v, 0, "approve.ferry", "node", v->arg[0]); /* it waits for a stick */
        }
    }
    return EXIT_OK;
}
