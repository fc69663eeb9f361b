/* SPDX-License-Identifier: Apache-2.0 */
/* token add, list, revoke: keys of other programs to this node's interface. */
#include "node/cli/table.h"

#include "node/store/staff.h"
#include "protocol/base/text.h"
#include "protocol/jwrite.h"
#include "protocol/suite.h"

#include <stdio.h>
#include <string.h>

enum { VALID_DAYS = 365 };

int v_token_add(struct verb *v)
{
    const char *org = verb_flag(v, "org"), *valid = verb_flag(v, "valid");
    struct app_token t = {.name = verb_flag(v, "name"),
                          .role = verb_flag(v, "role"),
                          .about = org != NULL ? org : "",
                          .maker = "cli",
                          .days = VALID_DAYS};
    char text[APP_TOKEN_TEXT] = "", no[24];
    struct fault f = {0};
    int64_t n = 0;
    if (valid != NULL && text_i64(valid, strlen(valid), 1, APP_TOKEN_DAYS, &t.days) < 0) {
        return verb_bad_value(v, "valid");
    }
    int r = app_token_add(v->app, &t, text, &n, &f);
    if (r < 0) {
        return verb_fail_fault(v, r, &f, t.name);
    }
    snprintf(no, sizeof no, "%lld", (long long)n);
    if (verb_has(v, "json")) {
        (void)verb_out(v, "{\"n\":%s,\"token\":\"%s\"}\n", no, text);
    } else {
        VERB_TELL(v, "token.once", "number", no, "token", text);
    }
    mem_wipe(text, sizeof text);
    return EXIT_OK;
}

int v_token_revoke(struct verb *v)
{
    int64_t n = 0;
    int r = text_i64(v->arg[0], strlen(v->arg[0]), 1, INT64_MAX / 2, &n) < 0
                ? SANJI_E_NOT_FOUND
                : app_token_revoke(v->app, n);
    if (r < 0) {
        return verb_fail(v, r, v->arg[0]);
    }
    (void)verb_out(v, "%s\n", v->arg[0]);
    return EXIT_OK;
}

static int on_json(struct verb *v, const struct staff_token *t, const char *used)
{
    struct buf b;
    struct jw w;
    buf_init(&b, 4096);
    jw_init(&w, &b);
    jw_obj(&w, NULL);
    jw_int(&w, "n", t->n);
    jw_str(&w, "name", t->name);
    jw_str(&w, "role", t->role);
    if (t->about[0] != '\0') {
        jw_str(&w, "org", t->about);
    }
    jw_str(&w, "maker", t->maker);
    jw_int(&w, "created_ms", t->created);
    jw_int(&w, "expires_ms", t->expires);
    if (t->used != 0) {
        jw_str(&w, "used", used);
    }
    jw_end_obj(&w);
    int r = jw_done(&w);
    r = r == 0 ? verb_text(v, &b) : r;
    buf_done(&b);
    return r;
}

static int on_token(const struct staff_token *t, void *arg)
{
    struct table *tab = arg;
    char no[24], until[11], used[11] = "-";
    snprintf(no, sizeof no, "%lld", (long long)t->n);
    date_write(date_of_ms(t->expires), until);
    if (t->used != 0) {
        date_write(t->used, used);
    }
    if (verb_has(tab->v, "json")) {
        return on_json(tab->v, t, used);
    }
    const char *cell[] = {no, t->role, until, used, t->name};
    return table_row(tab, cell);
}

int v_token_list(struct verb *v)
{
    static const struct column cols[] = {
        {"col.number", 6}, {"col.role", 12}, {"col.until", 12}, {"col.used", 12}, {"col.name", 0}};
    struct table t = {.v = v, .cols = cols, .n = sizeof cols / sizeof cols[0]};
    int r = staff_token_list(v->app->store, on_token, &t);
    if (r < 0) {
        return verb_fail(v, r, NULL);
    }
    if (!verb_has(v, "json")) {
        table_end(&t, "token.none");
    }
    return EXIT_OK;
}
