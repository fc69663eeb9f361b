/* SPDX-License-Identifier: Apache-2.0 */
/* Booking: free and taken times of a resource, own asks, asks for own resources, and the answers.
 * What others asked others for passes through a relay and is nobody's business there. */
#include "node/api/route.h"
#include "node/app_booking.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <string.h>

enum { LIST_MAX = 500, DAYS_DEFAULT = 7, DAYS_MAX = 62 };

int h_bookings(struct api_call *c)
{
    char box[8];
    int64_t open = 0, limit = LIST_MAX, waiting = 0;
    if (api_query(c, "box", box, sizeof box) < 0 ||
        (strcmp(box, "mine") != 0 && strcmp(box, "here") != 0)) {
        return fault_set(&c->f, SANJI_E_SPEC, "box", "mine here");
    }
    int r = api_query_int(c, "open", 0, 1, &open);
    r = r < 0 ? r : api_query_int(c, "limit", 1, LIST_MAX, &limit);
    r = r < 0 ? r : app_booking_waiting(c->app, &waiting);
    if (r < 0) {
        return r;
    }
    jw_obj(&c->w, NULL);
    jw_int(&c->w, "waiting", waiting);
    jw_str(&c->w, "node", app_id(c->app));
    r = app_booking_list(c->app, "items", box[0] == 'm', open != 0, limit, NULL, &c->w);
    jw_end_obj(&c->w);
    return r;
}

int h_booking_calendar(struct api_call *c)
{
    char from[16];
    int first = date_of_ms(c->now);
    int64_t days = DAYS_DEFAULT;
    const char *owner = strcmp(c->param[0], "me") == 0 ? app_id(c->app) : c->param[0];
    int r = api_query(c, "from", from, sizeof from);
    if (r < 0 || (from[0] != '\0' && date_parse(from, strlen(from), &first) < 0)) {
        return fault_set(&c->f, SANJI_E_SPEC, "from", "YYYY-MM-DD");
    }
    r = api_query_int(c, "days", 1, DAYS_MAX, &days);
    return r < 0 ? r
                 : app_booking_calendar(c->app, owner, c->param[1], first, first + (int)days - 1,
                                        api_role_may(c->me.role, WHO_CASES), &c->w);
}

static void answer_id(struct api_call *c, const char *id)
{
    snprintf(c->target, sizeof c->target, "%.64s", id);
    jw_obj(&c->w, NULL);
    jw_str(&c->w, "id", id);
    jw_end_obj(&c->w);
}

int h_booking_ask(struct api_call *c)
{
    char id[LIM_ID_BYTES + 1] = "";
    int r = app_booking_ask(c->app, c->in.event.d, id, &c->f);
    if (r == 0) {
        answer_id(c, id);
    }
    return r;
}

int h_booking_withdraw(struct api_call *c)
{
    if (!record_id_valid(c->param[0], strlen(c->param[0]))) {
        return SANJI_E_NOT_FOUND;
    }
    int r = app_booking_withdraw(c->app, c->param[0], c->in.occurrence.no, &c->f);
    if (r == 0) {
        answer_id(c, c->param[0]);
    }
    return r;
}

int h_allotments(struct api_call *c)
{
    return app_booking_handed(c->app, &c->w);
}

int h_allotment_new(struct api_call *c)
{
    char id[LIM_ID_BYTES + 1] = "";
    int r = app_booking_allot(c->app, c->in.event.d, id, &c->f);
    if (r == 0) {
        answer_id(c, id);
    }
    return r;
}

int h_allotment_recall(struct api_call *c)
{
    if (!record_id_valid(c->param[0], strlen(c->param[0]))) {
        return SANJI_E_NOT_FOUND;
    }
    int r = app_booking_recall(c->app, c->param[0], &c->f);
    if (r == 0) {
        answer_id(c, c->param[0]);
    }
    return r;
}

/* Others would be refused: who, so that a person can say yes to it. */
static void say_hits(struct api_call *c, const struct buf *hit)
{
    const char *p = buf_str(hit);
    c->code = "others_asked";
    api_error_begin(c, SANJI_E_CONFLICT);
    jw_arr(&c->w, "hits");
    while (*p != '\0') {
        size_t n = strcspn(p, "\n");
        jw_strn(&c->w, NULL, p, n);
        p += n + (p[n] == '\n');
    }
    jw_end_arr(&c->w);
    jw_end_obj(&c->w);
}

int h_booking_answer(struct api_call *c)
{
    const struct body_answer *in = &c->in.answer;
    struct app_booking_step s = {
        .node = in->node, .ask = in->ask, .no = in->no, .note = in->note, .yes = in->yes};
    struct buf hit;
    s.reason = BKR_NONE;
    if (bk_event_by_name(in->say, strlen(in->say), &s.ev) < 0) {
        return fault_set(&c->f, SANJI_E_SPEC, "say", NULL);
    }
    if (in->reason != NULL && bk_reason_by_name(in->reason, strlen(in->reason), &s.reason) < 0) {
        return fault_set(&c->f, SANJI_E_SPEC, "reason", NULL);
    }
    buf_init(&hit, 1 << 20);
    int r = app_booking_step(c->app, &s, &hit, &c->f);
    if (r == 0) {
        answer_id(c, in->ask);
    } else if (r == SANJI_E_CONFLICT) { /* the answer is written */
        say_hits(c, &hit);
        r = 0;
    }
    buf_done(&hit);
    return r;
}

/* What is left of times that were handed to this platform. */
int h_allotment_return(struct api_call *c)
{
    int r = app_booking_return(c->app, c->param[0], c->param[1], &c->f);
    if (r == 0) {
        answer_id(c, c->param[1]);
    }
    return r;
}
