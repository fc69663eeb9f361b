/* SPDX-License-Identifier: Apache-2.0 */
/* The root, at the node: show, draft (behind change, hand-over, adopt, cut) and publish. */
#include "node/cli/put.h"
#include "node/cli/root_wire.h"
#include "node/cli/table.h"
#include "node/root_key.h"
#include "protocol/base/enc.h"
#include "protocol/base/text.h"
#include "protocol/jwrite.h"

#include <stdio.h>
#include <string.h>

/* ---- show ---- */

static void show_json(struct verb *v, const uint8_t (*keys)[SIGN_PUB_LEN], size_t n, int64_t k)
{
    const struct roster *ro = app_roster(v->app);
    const struct roster_node *top = roster_top(ro);
    const uint8_t *to = roster_handed_to(ro);
    struct buf b;
    struct jw w;
    buf_init(&b, 16384);
    jw_init(&w, &b);
    jw_obj(&w, NULL);
    jw_b64(&w, "g", roster_g(ro), HASH_LEN);
    jw_str(&w, "top", top->id.s);
    jw_int(&w, "ver", roster_root_version(ro));
    jw_int(&w, "k", k);
    jw_arr(&w, "keys");
    for (size_t i = 0; i < n; i++) {
        char text[ROOT_PUB_TEXT];
        root_pub_text(keys[i], text);
        jw_str(&w, NULL, text);
    }
    jw_end_arr(&w);
    if (to != NULL) {
        jw_b64(&w, "handed_to", to, HASH_LEN);
    }
    jw_end_obj(&w);
    (void)jw_done(&w);
    (void)verb_text(v, &b);
    buf_done(&b);
}

static void show_page(struct verb *v, const uint8_t (*keys)[SIGN_PUB_LEN], size_t n, int64_t k)
{
    const struct roster *ro = app_roster(v->app);
    const struct roster_node *top = roster_top(ro);
    const uint8_t *to = roster_handed_to(ro);
    char g[B64U_LEN(HASH_LEN) + 1] = {0}, num[3][24];
    b64u_put(roster_g(ro), HASH_LEN, g);
    snprintf(num[0], sizeof num[0], "%lld", (long long)roster_root_version(ro));
    snprintf(num[1], sizeof num[1], "%lld", (long long)k);
    snprintf(num[2], sizeof num[2], "%zu", n);
    VERB_TELL(v, "root.show", "g", g, "top", top->id.s, "name", top->name, "ver", num[0], "k",
              num[1], "n", num[2]);
    for (size_t i = 0; i < n; i++) {
        char text[ROOT_PUB_TEXT];
        root_pub_text(keys[i], text);
        (void)verb_out(v, "  %s\n", text);
    }
    if (to != NULL) {
        char t[B64U_LEN(HASH_LEN) + 1] = {0};
        b64u_put(to, HASH_LEN, t);
        VERB_TELL(v, "root.handed_to", "g", t);
    }
}

int v_root_show(struct verb *v)
{
    const uint8_t(*keys)[SIGN_PUB_LEN] = NULL;
    int64_t k = 0;
    size_t n = roster_root_keys(app_roster(v->app), &keys, &k);
    if (n == 0 || roster_top(app_roster(v->app)) == NULL) {
        VERB_SAY(v, EXIT_NO, "node.unknown");
    }
    if (verb_has(v, "json")) {
        show_json(v, keys, n, k);
    } else {
        show_page(v, keys, n, k);
    }
    if (n == 1) {
        VERB_SAY(v, 0, "root.single");
    }
    return EXIT_OK;
}

/* ---- what a file says ---- */

static void tell_json(struct verb *v, const struct ceremony *c, const char *code)
{
    const struct act *a = &c->act;
    bool whole = true;
    struct buf b;
    struct jw w;
    buf_init(&b, 65536);
    jw_init(&w, &b);
    jw_obj(&w, NULL);
    jw_str(&w, "type", act_type_name(a->type));
    jw_b64(&w, "g", a->g, HASH_LEN);
    jw_str(&w, "node", a->n.s);
    jw_str(&w, "name", c->name != NULL ? c->name : "");
    jw_str(&w, "code", code);
    if (a->type == ACT_ROOT) {
        jw_int(&w, "ver", a->ver);
        jw_int(&w, "k", a->k);
    }
    if (a->type == ACT_HANDOVER || a->type == ACT_ADOPT) {
        jw_b64(&w, "to", a->to, HASH_LEN);
    }
    if (a->type == ACT_ADOPT) {
        jw_str(&w, "up", a->up.s);
        jw_int(&w, "lv", a->lv);
    }
    if (a->type == ACT_CUT) {
        jw_str(&w, "kid", a->kid.s);
    }
    jw_arr(&w, "need");
    for (size_t i = 0; i < c->n_need; i++) {
        int64_t have = ceremony_signed(c, &c->need[i]);
        whole = whole && have >= c->need[i].k;
        jw_obj(&w, NULL);
        jw_int(&w, "k", c->need[i].k);
        jw_int(&w, "have", have);
        jw_end_obj(&w);
    }
    jw_end_arr(&w);
    jw_bool(&w, "complete", whole);
    jw_end_obj(&w);
    (void)jw_done(&w);
    (void)verb_text(v, &b);
    buf_done(&b);
}

void root_tell(struct verb *v, const struct ceremony *c)
{
    const struct act *a = &c->act;
    char code[CEREMONY_CODE], g[B64U_LEN(HASH_LEN) + 1] = {0}, to[sizeof g] = {0};
    char key[32], tier[32], num[3][24];
    ceremony_code(c, code);
    if (verb_has(v, "json")) {
        tell_json(v, c, code);
        return;
    }
    b64u_put(a->g, HASH_LEN, g);
    b64u_put(a->to, HASH_LEN, to);
    snprintf(key, sizeof key, "root.says_%s", act_type_name(a->type));
    snprintf(tier, sizeof tier, "tier.%s", app_tier_name(a->lv));
    snprintf(num[0], sizeof num[0], "%lld", (long long)a->ver);
    snprintf(num[1], sizeof num[1], "%lld", (long long)a->k);
    snprintf(num[2], sizeof num[2], "%zu", a->n_keys);
    VERB_TELL(v, text_has(v->lang, key) ? key : "root.says", "node", a->n.s, "name",
              c->name != NULL ? c->name : "", "ver", num[0], "k", num[1], "n", num[2], "to", to,
              "up", a->up.s, "tier", a->lv > 0 ? text_get(v->lang, tier) : "", "kid", a->kid.s,
              "type", act_type_name(a->type));
    for (size_t i = 0; i < a->n_keys; i++) {
        char pub[ROOT_PUB_TEXT];
        root_pub_text(a->keys[i], pub);
        (void)verb_out(v, "  %s\n", pub);
    }
    VERB_TELL(v, "root.of", "g", g, "code", code);
    for (size_t i = 0; i < c->n_need; i++) {
        snprintf(num[0], sizeof num[0], "%lld", (long long)ceremony_signed(c, &c->need[i]));
        snprintf(num[1], sizeof num[1], "%lld", (long long)c->need[i].k);
        VERB_TELL(v, i == 0 ? "root.signed" : "root.signed_new", "have", num[0], "k", num[1]);
    }
}

int root_refused(struct verb *v, int r, const struct app_root_no *no, const char *what)
{
    char key[48];
    if (no->why == NULL) {
        return verb_fail(v, r, what);
    }
    snprintf(key, sizeof key, "root.no_%s", no->why);
    struct buf b;
    buf_init(&b, 8192);
    buf_puts(&b, "sanji: ");
    text_put(&b, v->lang, key, "a", no->a, "b", no->b, NULL);
    buf_printf(&b, " [%s]", err_name(r));
    (void)verb_say(v, &b);
    buf_done(&b);
    return verb_exit_of(r);
}

/* ---- draft ---- */

static int read_keys(struct verb *v, const char *list, struct app_root_ask *ask)
{
    for (const char *s = list; *s != '\0'; ask->n_keys++) {
        size_t n = strcspn(s, ",");
        char shown[40];
        snprintf(shown, sizeof shown, "%.*s", (int)(n < 30 ? n : 30), s);
        if (ask->n_keys == LIM_ROOT_KEYS) {
            return verb_fail(v, SANJI_E_SIZE, "--keys");
        }
        int r = root_pub_read(s, n, ask->keys[ask->n_keys]);
        if (r < 0) {
            VERB_SAY(v, EXIT_USAGE, r == SANJI_E_WEAK_KEY ? "root.weak_key" : "root.bad_key", "key",
                     shown);
        }
        s += n + (s[n] == ',');
    }
    return EXIT_OK;
}

static const struct {
    const char *what;
    enum act_type type;
} drafts[] = {{"change", ACT_ROOT},
              {"key", ACT_KEY},
              {"hand-over", ACT_HANDOVER},
              {"adopt", ACT_ADOPT},
              {"cut", ACT_CUT}};

static int read_ask(struct verb *v, struct app_root_ask *ask)
{
    const char *keys = verb_flag(v, "keys"), *k = verb_flag(v, "k"), *to = verb_flag(v, "to");
    const char *tier = verb_flag(v, "tier");
    bool known = false;
    for (size_t i = 0; i < sizeof drafts / sizeof drafts[0]; i++) {
        if (strcmp(drafts[i].what, v->arg[0]) == 0) {
            ask->type = drafts[i].type;
            known = true;
        }
    }
    if (!known) {
        return verb_fail(v, SANJI_E_USAGE, v->arg[0]);
    }
    if (k != NULL && text_i64(k, strlen(k), 1, LIM_ROOT_KEYS, &ask->k) < 0) {
        return verb_bad_value(v, "k");
    }
    if (to != NULL && b64u_get(to, strlen(to), ask->to, HASH_LEN) < 0) {
        VERB_SAY(v, EXIT_USAGE, "root.bad_federation", "g", to);
    }
    if (tier != NULL && (ask->lv = app_tier_level(tier)) == 0) {
        return verb_bad_value(v, "tier");
    }
    ask->why_cut = verb_why(v);
    if (ask->why_cut == NULL) {
        return verb_bad_value(v, "why");
    }
    ask->under = verb_flag(v, "under");
    ask->kid = verb_flag(v, "kid");
    ask->handed = put_input_text(v);
    return keys != NULL ? read_keys(v, keys, ask) : EXIT_OK;
}

int v_root_draft(struct verb *v)
{
    struct app_root_ask ask = {.type = ACT_ROOT};
    struct app_root_no no;
    struct buf out;
    int code = read_ask(v, &ask);
    if (code != EXIT_OK) {
        return code;
    }
    buf_init(&out, LIM_CEREMONY_BYTES);
    int r = app_root_draft(v->app, &ask, &out, &no);
    if (r == 0) {
        r = verb_put(v, out.data, out.len);
    }
    buf_done(&out);
    return r < 0 ? root_refused(v, r, &no, NULL) : EXIT_OK;
}

/* ---- publish ---- */

int v_root_publish(struct verb *v)
{
    struct arena *ar = arena_new(4 << 20);
    struct ceremony *c = ar == NULL ? NULL : arena_alloc(ar, sizeof *c);
    struct fault f = {0};
    struct app_root_no no = {0};
    int r = c == NULL ? SANJI_E_NOMEM : ceremony_read(put_input_text(v), ar, c, &f);
    if (r < 0) {
        arena_free(ar);
        return verb_fail_fault(v, r, &f, v->arg[0]);
    }
    r = app_root_publish(v->app, c, &no);
    int code = r < 0 ? root_refused(v, r, &no, v->arg[0]) : EXIT_OK;
    if (r == 0 && verb_has(v, "json")) {
        (void)verb_out(v, "{\"type\":\"%s\",\"state\":\"%s\"}\n", act_type_name(c->act.type),
                       no.why == NULL ? "done" : no.why);
    } else if (r == 0) {
        bool waits = no.why != NULL && strcmp(no.why, "waits") == 0;
        VERB_TELL(v,
                  waits            ? "root.waits"
                  : no.why != NULL ? "root.already"
                                   : "root.published",
                  "node", c->act.n.s);
    }
    arena_free(ar);
    return code;
}
