/* SPDX-License-Identifier: Apache-2.0 */
/* recover: a node whose disk and keys are gone, on an empty machine. What can be wrong with invite
 * and code is found before anything is made; after an interruption the same command goes on. */
#include "node/app_self.h"
#include "node/cli/join.h"
#include "node/serve.h"
#include "protocol/base/text.h"

#include <stdio.h>
#include <string.h>

struct recovering {
    struct joining *x;
    struct app_birth b;
    uint8_t secret[RECOVERY_SECRET];
    int64_t wait;
    struct app_recovered got;
};

/* The parent named the key its newest backup is sealed to. */
static bool code_fits(const struct recovering *c)
{
    uint8_t seed[SEAL_SEED_LEN], pub[SEAL_PUB_LEN];
    const struct msg_invite *inv = &c->x->inv;
    recovery_seed(c->secret, seed);
    int r = seal_pub_of(seed, pub);
    mem_wipe(seed, sizeof seed);
    return r == 0 && (!inv->has_code || memcmp(pub, inv->code, SEAL_PUB_LEN) == 0);
}

static int64_t held(const struct app *a)
{
    struct store_totals t;
    return store_totals(a->store, &t) == 0 ? t.bundles : 0;
}

/* Until both hold the same, or nothing more comes. */
static int fetch(struct app *a, int64_t wait_ms)
{
    for (;;) {
        int64_t before = held(a);
        int r = serve_sync_once(a, wait_ms > 60000 ? wait_ms : 60000);
        if (r == 0 || held(a) == before) {
            return r;
        }
    }
}

static int bootstrap(struct recovering *c, struct app **io)
{
    struct verb *v = c->x->v;
    int r = fetch(*io, c->wait);
    if (r == 0) {
        r = app_recover_self(*io, &c->b, c->secret, &c->got);
    }
    if (r < 0) {
        return r;
    }
    app_close(*io); /* with settings and server key as they are now */
    *io = NULL;
    r = app_open(v->dir, io, NULL);
    if (r == 0) {
        r = app_recover_done(*io);
    }
    if (r == 0) {
        r = app_tick(*io, app_mono_ms());
        r = r > 0 ? 0 : r;
    }
    return r < 0 ? r : fetch(*io, c->wait);
}

static int open_and_fetch(struct recovering *c)
{
    struct verb *v = c->x->v;
    struct app *a = NULL;
    struct app_fault f = {0};
    int r = app_open(v->dir, &a, &f);
    if (r == 0 && c->x->j.done && !app_recovering(a)) {
        r = SANJI_E_EXISTS; /* a node that lives here */
    }
    if (r == 0) {
        VERB_SAY(v, 0, "recover.fetching", "node", c->x->inv.node);
        r = bootstrap(c, &a);
    }
    app_close(a);
    return r;
}

static int told(struct recovering *c)
{
    struct verb *v = c->x->v;
    char staff[32], open[32], bundles[32], when[32] = "";
    snprintf(staff, sizeof staff, "%lld", (long long)c->got.staff);
    snprintf(open, sizeof open, "%lld", (long long)c->got.open);
    snprintf(bundles, sizeof bundles, "%lld", (long long)c->got.bundles);
    date_write(date_of_ms(c->got.made_ms), when);
    if (verb_has(v, "json")) {
        (void)verb_out(v, "{\"node\":\"%s\",\"bundles\":%s,\"self\":%s,\"staff\":%s,\"open\":%s}\n",
                       c->x->inv.node, bundles, c->got.found ? "true" : "false", staff, open);
        return EXIT_OK;
    }
    VERB_TELL(v, "recover.done", "name", c->x->inv.name, "node", c->x->inv.node, "dir", v->dir,
              "bundles", bundles);
    if (c->got.found) {
        VERB_TELL(v, "recover.self", "when", when, "staff", staff, "open", open);
    } else {
        VERB_TELL(v, "recover.no_self", "dir", v->dir);
    }
    return EXIT_OK;
}

static int enrol(struct recovering *c)
{
    struct joining *x = c->x;
    struct verb *v = x->v;
    struct fault f = {0};
    int r = app_join_prepare(&c->b, &x->inv, &x->j, &f);
    if (r < 0) {
        return verb_place_failed(v, r, &f, v->dir);
    }
    if (x->j.done) {
        return EXIT_OK;
    }
    struct sign_key *k = sign_key_new(x->j.sign_seed);
    if (k != NULL) {
        key_id_of(sign_key_pub(k), &x->kid);
    }
    sign_key_free(k);
    r = join_talk(x, c->wait);
    if (r == SANJI_E_PENDING) {
        VERB_SAY(v, EXIT_LATER, "recover.later", "node", x->inv.node);
    }
    if (r == SANJI_E_UNREACHABLE || r == SANJI_E_NOT_SANJI) {
        return verb_fail(v, r, x->inv.url);
    }
    if (r == SANJI_E_USED || r == SANJI_E_EXPIRED || r == SANJI_E_SIGNATURE) {
        VERB_SAY(v, EXIT_NO, r == SANJI_E_EXPIRED ? "recover.expired" : "recover.used", "up",
                 x->inv.up, "node", x->inv.node);
    }
    r = r < 0 ? r : app_join_finish(v->dir, &x->j, c->secret, x->recovery);
    return r < 0 ? verb_fail(v, r, x->said[0] != '\0' && r == SANJI_E_REFUSED ? x->said : "INVITE")
                 : EXIT_OK;
}

static int recover_with(struct recovering *c)
{
    struct joining *x = c->x;
    struct verb *v = x->v;
    int code = join_wait(v, &c->wait);
    code = code != EXIT_OK ? code : verb_read_code(v, c->secret);
    code = code != EXIT_OK ? code : join_read_invite(x);
    if (code != EXIT_OK) {
        return code;
    }
    if (!x->inv.lost) {
        VERB_SAY(v, EXIT_NO, "recover.new_node", "node", x->inv.node);
    }
    if (!code_fits(c)) {
        VERB_SAY(v, EXIT_NO, "recover.other_code", "node", x->inv.node);
    }
    code = enrol(c);
    if (code != EXIT_OK) {
        return code;
    }
    int r = open_and_fetch(c);
    if (r == SANJI_E_EXISTS) {
        VERB_SAY(v, EXIT_NO, "restore.exists", "dir", v->dir);
    }
    if (r == SANJI_E_OPEN) {
        VERB_SAY(v, EXIT_NO, "recover.other_code", "node", x->inv.node);
    }
    if (r == SANJI_E_UNREACHABLE || r == SANJI_E_NOT_SANJI || r == SANJI_E_PENDING) {
        VERB_SAY(v, EXIT_LATER, "recover.cut", "url", x->inv.url);
    }
    return r < 0 ? verb_fail(v, r, v->dir) : told(c);
}

static int recover_run(struct joining *x)
{
    struct verb *v = x->v;
    struct recovering c = {.x = x,
                           .b = {.dir = v->dir,
                                 .staff = verb_flag(v, "staff"),
                                 .sync = verb_flag(v, "sync"),
                                 .url = verb_flag(v, "url"),
                                 .zh = v->lang == TEXT_ZH}};
    int code = recover_with(&c);
    mem_wipe(&c, sizeof c);
    return code;
}

int v_recover(struct verb *v)
{
    return join_with(v, recover_run);
}
