/* SPDX-License-Identifier: Apache-2.0 */
/* Events: signing up, the door, the questions afterwards and the certificate. Who stands at the
 * door has no log-in here: a code on the screen, good for a minute or two, lets him in, and the
 * code he is given for himself is all that shows his own line again. A photo of the screen that is
 * passed on comes too late; who has scanned in time has a ticket of his own for typing. */
#include "node/api/route.h"
#include "node/app_event.h"
#include "protocol/base/enc.h"
#include "protocol/base/text.h"
#include "protocol/suite.h"

#include <stdio.h>
#include <string.h>

enum {
    CODE_MINUTES = 1 /* and the one it is made in */,
    TICKET_MINUTES = 10,
    MAC_BYTES = 16,
    MAC_TEXT = 26,
    DOOR_CODE = 64
};

static const char *owner_of(const struct api_call *c)
{
    return strcmp(c->param[0], "me") == 0 ? app_id(c->app) : c->param[0];
}

static bool is_id(const char *s)
{
    return record_id_valid(s, strlen(s));
}

int h_event(struct api_call *c)
{
    struct app_event_eyes eyes = {.cases = api_role_may(c->me.role, WHO_CASES),
                                  .names =
                                      kind_may(kind_find("attendance"), c->me.role, KACT_PERSONAL)};
    return is_id(c->param[1]) ? app_event_view(c->app, owner_of(c), c->param[1], &eyes, &c->w)
                              : SANJI_E_NOT_FOUND;
}

static int done(struct api_call *c, const char *id)
{
    (void)snprintf(c->target, sizeof c->target, "%.64s", id);
    jw_obj(&c->w, NULL);
    jw_str(&c->w, "id", id);
    jw_end_obj(&c->w);
    return 0;
}

int h_event_sign(struct api_call *c)
{
    const struct body_event_sign *in = &c->in.event_sign;
    struct app_event_sign s = {.owner = owner_of(c),
                               .event = c->param[1],
                               .org = in->org,
                               .note = in->note,
                               .seats = in->seats > 0 ? in->seats : 1,
                               .wait = in->wait};
    int r = is_id(s.event) ? app_event_sign(c->app, &s, &c->f) : SANJI_E_NOT_FOUND;
    return r < 0 ? r : done(c, s.event);
}

/* ---- the door ---- */

/* "<minute it ends>.<mac>": nothing of it is stored, and a restart of the node ends them all. */
static void door_code(const struct api_call *c, const char *what, const char *event, int64_t until,
                      char out[static DOOR_CODE])
{
    uint8_t h[HASH_LEN];
    char text[LIM_ID_BYTES + 64], mac[MAC_TEXT + 8];
    int n = snprintf(text, sizeof text, "%s|%.64s|%lld", what, event, (long long)until);
    hmac_bytes(c->api->salt, sizeof c->api->salt, text, (size_t)n, h);
    size_t k = b32_put(h, MAC_BYTES, mac);
    (void)snprintf(out, DOOR_CODE, "%lld.%.*s", (long long)until, (int)k, mac);
}

static bool is_code(const struct api_call *c, const char *what, const char *event, const char *code)
{
    char want[DOOR_CODE];
    int64_t until = 0;
    size_t n = strcspn(code, ".");
    if (text_i64(code, n, 1, INT64_C(1) << 40, &until) < 0 || until < minute_of_ms(c->now)) {
        return false;
    }
    door_code(c, what, event, until, want);
    return strlen(code) == strlen(want) && mem_equal_ct(code, want, strlen(want));
}

static bool door_open(const struct api_call *c)
{
    const char *event = c->param[0], *code = c->param[1];
    return is_id(event) && (is_code(c, "door", event, code) || is_code(c, "ticket", event, code));
}

static int closed(struct api_call *c)
{
    c->code = "door_code";
    return SANJI_E_NOT_FOUND;
}

int h_event_code(struct api_call *c)
{
    char code[DOOR_CODE];
    int64_t until = minute_of_ms(c->now) + CODE_MINUTES;
    if (!is_id(c->param[0]) || !kind_may(kind_find("event"), c->me.role, KACT_WRITE)) {
        return SANJI_E_NOT_FOUND;
    }
    struct buf b;
    struct jw w;
    buf_init(&b, 1 << 20);
    jw_init(&w, &b);
    int r = app_event_open(c->app, c->param[0], NULL, &w); /* is it one of ours? */
    buf_done(&b);
    if (r < 0) {
        return r;
    }
    door_code(c, "door", c->param[0], until, code);
    jw_obj(&c->w, NULL);
    jw_str(&c->w, "code", code);
    jw_int(&c->w, "minutes", CODE_MINUTES + 1);
    jw_end_obj(&c->w);
    return 0;
}

int h_door(struct api_call *c)
{
    char ticket[DOOR_CODE];
    if (!door_open(c)) {
        return closed(c);
    }
    bool scanned = is_code(c, "door", c->param[0], c->param[1]);
    door_code(c, "ticket", c->param[0], minute_of_ms(c->now) + TICKET_MINUTES, ticket);
    /* A ticket gives no other: it ends. */
    return app_event_open(c->app, c->param[0], scanned ? ticket : c->param[1], &c->w);
}

static int attend(struct api_call *c, const struct body_attend *in)
{
    struct app_event_attend s = {c->param[0], in->node, in->org, in->name};
    struct app_event_seat seat;
    int r = app_event_attend(c->app, &s, &seat, &c->f);
    if (r == 0) {
        (void)snprintf(c->target, sizeof c->target, "%.64s", c->param[0]);
        jw_obj(&c->w, NULL);
        jw_str(&c->w, "code", seat.code);
        jw_end_obj(&c->w);
    }
    return r;
}

int h_door_enter(struct api_call *c)
{
    return door_open(c) ? attend(c, &c->in.attend) : closed(c);
}

int h_event_attend(struct api_call *c)
{
    return is_id(c->param[0]) ? attend(c, &c->in.attend) : SANJI_E_NOT_FOUND;
}

/* ---- who came ---- */

int h_attended(struct api_call *c)
{
    return app_event_mine(c->app, c->in.code.code, &c->w);
}

int h_attended_rate(struct api_call *c)
{
    const struct body_rate *in = &c->in.rate;
    const int64_t mark[SCORE_ITEMS] = {in->content, in->teacher, in->service, in->use};
    int r = app_event_rate(c->app, in->code, mark, &c->f);
    if (r == 0) {
        jw_obj(&c->w, NULL);
        jw_bool(&c->w, "ok", true);
        jw_end_obj(&c->w);
    }
    return r;
}

int h_event_certificate(struct api_call *c)
{
    return app_event_certificate(c->app, c->param[0], &c->w);
}
