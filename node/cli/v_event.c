/* SPDX-License-Identifier: Apache-2.0 */
/* Events from the command line: sign up, look, check a certificate. */
#include "node/app_event.h"
#include "node/cli/verb.h"
#include "protocol/base/text.h"
#include "protocol/jwrite.h"

#include <stdio.h>
#include <string.h>

int v_event_sign(struct verb *v)
{
    struct fault f = {0};
    char owner[LIM_NODE_ID + 2], n[24];
    const char *seats = verb_flag(v, "seats");
    struct app_event_sign s = {
        .owner = owner, .org = verb_flag(v, "org"), .seats = 1, .wait = verb_has(v, "wait")};
    verb_split_id(v->arg[0], owner, &s.event);
    if (owner[0] == '\0') {
        (void)snprintf(owner, sizeof owner, "%s", app_id(v->app));
    }
    if (seats != NULL && text_i64(seats, strlen(seats), 1, EVENT_SIGN_MAX, &s.seats) < 0) {
        return verb_bad_value(v, "seats");
    }
    int r = app_event_sign(v->app, &s, &f);
    if (r < 0) {
        return verb_fail_fault(v, r, &f, v->arg[0]);
    }
    (void)snprintf(n, sizeof n, "%lld", (long long)s.seats);
    VERB_SAY(v, 0, "event.signed", "n", n);
    return EXIT_OK;
}

static int print(struct verb *v, int r, struct jw *w, struct buf *b)
{
    r = r < 0 ? r : jw_done(w);
    if (r == 0) {
        (void)verb_text(v, b);
    }
    buf_done(b);
    return r < 0 ? verb_fail(v, r, v->arg[0]) : EXIT_OK;
}

int v_event_show(struct verb *v)
{
    const struct app_event_eyes eyes = {.cases = true, .names = false};
    char owner[LIM_NODE_ID + 2];
    const char *id;
    struct buf b;
    struct jw w;
    verb_split_id(v->arg[0], owner, &id);
    buf_init(&b, 64 << 20);
    jw_init(&w, &b);
    int r = app_event_view(v->app, owner[0] != '\0' ? owner : app_id(v->app), id, &eyes, &w);
    return print(v, r, &w, &b);
}

int v_event_certificate(struct verb *v)
{
    struct buf b;
    struct jw w;
    buf_init(&b, 1 << 20);
    jw_init(&w, &b);
    int r = app_event_certificate(v->app, v->arg[0], &w);
    return print(v, r, &w, &b);
}
