/* SPDX-License-Identifier: Apache-2.0 */
/* Referrals this node takes part in. Their content is personal: only roles with that right get
 * here, nothing of it goes into a log or an audit row, and a list shows no more than the title. */
#include "node/api/route.h"
#include "protocol/calendar.h"
#include "protocol/jcur.h"
#include "protocol/kinds/referral.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_DEFAULT = 100, LIST_MAX = 500, SCAN_MAX = 5000 };

/* ---- one thread's line ---- */

struct heading {
    struct buf title, urgency;
};

static int on_heading(const struct store_thread_event *e, void *arg)
{
    struct heading *h = arg;
    struct span v;
    if (e->ev != RE_SEND && e->ev != RE_REOPEN) {
        return 0;
    }
    buf_reset(&h->title);
    buf_reset(&h->urgency);
    int r = jcur_get(e->d, "title", &v) ? jcur_text(v, &h->title) : 0;
    return r == 0 && jcur_get(e->d, "urgency", &v) ? jcur_text(v, &h->urgency) : r;
}

static bool is_out(const struct store_thread *t)
{
    return strcmp(t->init, t->peer) != 0;
}

static void put_overdue(struct api_call *c, const struct store_thread *t, struct calendar *cal)
{
    static const char *const names[] = {[OVERDUE_NONE] = "",
                                        [OVERDUE_DELIVERY] = "delivery",
                                        [OVERDUE_OPEN] = "open",
                                        [OVERDUE_ANSWER] = "answer"};
    enum ref_overdue o =
        ref_overdue(ref_now(&t->fold), t->since, c->now, calendar_workdays_cb, cal);
    if (o == OVERDUE_NONE) {
        jw_bool(&c->w, "overdue", false);
    } else {
        jw_str(&c->w, "overdue", names[o]);
    }
}

static int put_thread(struct api_call *c, const struct store_thread *t, struct calendar *cal)
{
    struct heading h;
    buf_init(&h.title, LIM_ITEM_BYTES);
    buf_init(&h.urgency, 256);
    int r = store_thread_events(c->app->store, t->n, on_heading, &h);
    jw_str(&c->w, "id", t->id);
    jw_str(&c->w, "peer", t->peer);
    jw_str(&c->w, "peer_name", api_node_name(c, t->peer));
    jw_str(&c->w, "who", is_out(t) ? "I" : "R");
    jw_str(&c->w, "state", ref_state_name(t->fold.state));
    if (api_may_named(c, "referral", KACT_PERSONAL)) {
        jw_strn(&c->w, "title", buf_str(&h.title), h.title.len);
    } else {
        jw_str(&c->w, "title", "");
    }
    jw_strn(&c->w, "urgency", buf_str(&h.urgency), h.urgency.len);
    jw_int(&c->w, "created", t->opened);
    jw_int(&c->w, "updated", t->changed);
    put_overdue(c, t, cal);
    jw_bool(&c->w, "cancel_pending", t->fold.cancel_pending);
    jw_bool(&c->w, "todo", app_referral_awaits(t));
    buf_wipe_done(&h.title);
    buf_done(&h.urgency);
    return r;
}

/* ---- list ---- */

struct list {
    struct api_call *c;
    struct calendar *cal;
    char box[8], state[32];
    int64_t limit, shown, skip, seen;
    bool more;
};

static int on_thread(const struct store_thread *t, void *arg)
{
    struct list *l = arg;
    if (l->shown == l->limit || l->seen == SCAN_MAX) {
        l->more = true;
        return 1;
    }
    l->seen++;
    bool in_box = l->box[0] == 't' ? app_referral_awaits(t)
                                   : l->box[0] == '\0' || is_out(t) == (l->box[0] == 'o');
    bool wanted =
        in_box && (l->state[0] == '\0' || strcmp(l->state, ref_state_name(t->fold.state)) == 0);
    if (!wanted) {
        return 0;
    }
    l->shown++;
    jw_obj(&l->c->w, NULL);
    int r = put_thread(l->c, t, l->cal);
    jw_end_obj(&l->c->w);
    return r;
}

static int read_list(struct list *l)
{
    struct api_call *c = l->c;
    l->limit = LIST_DEFAULT;
    if (api_query(c, "box", l->box, sizeof l->box) < 0 ||
        (l->box[0] != '\0' && strcmp(l->box, "in") != 0 && strcmp(l->box, "out") != 0 &&
         strcmp(l->box, "todo") != 0)) {
        return fault_set(&c->f, SANJI_E_SPEC, "box", "in out todo");
    }
    if (api_query(c, "state", l->state, sizeof l->state) < 0) {
        return fault_set(&c->f, SANJI_E_SPEC, "state", NULL);
    }
    int r = api_query_int(c, "limit", 1, LIST_MAX, &l->limit);
    return r == 0 ? api_query_int(c, "after", 0, INT64_C(1) << 40, &l->skip) : r;
}

static struct calendar *calendar_of(struct api_call *c)
{
    struct calendar *cal = calloc(1, sizeof *cal);
    if (cal != NULL && app_calendar(c->app, cal) < 0) {
        calendar_init(cal);
    }
    return cal;
}

int h_referrals(struct api_call *c)
{
    struct list l = {.c = c};
    int r = read_list(&l);
    if (r < 0) {
        return r;
    }
    l.cal = calendar_of(c);
    if (l.cal == NULL) {
        return SANJI_E_NOMEM;
    }
    jw_obj(&c->w, NULL);
    jw_arr(&c->w, "items");
    r = store_thread_list(c->app->store, 0, l.skip, on_thread, &l);
    jw_end_arr(&c->w);
    if (l.more) {
        jw_int(&c->w, "next", l.skip + l.seen);
    } else {
        jw_raw(&c->w, "next", "null", 4);
    }
    jw_end_obj(&c->w);
    free(l.cal);
    return r;
}

/* ---- one ---- */

struct one {
    struct api_call *c;
    struct calendar *cal; /* NULL: only look */
    int n;
    enum ref_state state;
    struct ref_fold fold;
    bool out;
    int64_t thread;
};

static int on_event(const struct store_thread_event *e, void *arg)
{
    struct api_call *c = arg;
    jw_obj(&c->w, NULL);
    jw_str(&c->w, "who", e->who == REF_I ? "I" : "R");
    jw_int(&c->w, "step", e->step);
    jw_str(&c->w, "ev", ref_event_name(e->ev));
    jw_str(&c->w, "on", e->day);
    jw_int(&c->w, "ts", e->ts);
    int r = api_put_content(c, &referral_content[e->ev], e->d);
    jw_end_obj(&c->w);
    return r;
}

/* What app_referral_event() would take from this party now, but for what the node does by itself.
 */
static bool may_now(const struct one *o, enum ref_event ev)
{
    enum ref_state next, now = o->fold.state;
    if (ev == RE_SEND || ev == RE_DELIVERED || ev == RE_RESEAL || ev == RE_ERASE) {
        return false;
    }
    if (!o->out && o->fold.cancel_pending && ev == RE_CANCEL_CONFIRM) {
        now = RS_CANCEL_REQUESTED;
    }
    return ref_next(now, ev, o->out ? REF_I : REF_R, &next) == 0;
}

static int put_next(struct api_call *c, const struct one *o)
{
    struct buf b;
    struct span fields;
    int r = 0;
    buf_init(&b, 1 << 20);
    jw_arr(&c->w, "next");
    for (int e = 0; r == 0 && e < RE_COUNT; e++) {
        if (!may_now(o, (enum ref_event)e)) {
            continue;
        }
        buf_reset(&b);
        jw_obj(&c->w, NULL);
        jw_str(&c->w, "ev", ref_event_name((enum ref_event)e));
        r = kind_describe(&referral_content[e], &b);
        if (r == 0 && jcur_get(span_of(b.data, b.len), "fields", &fields)) {
            jw_raw(&c->w, "fields", fields.p, fields.n);
        }
        jw_end_obj(&c->w);
    }
    jw_end_arr(&c->w);
    buf_done(&b);
    return r;
}

static int on_one(const struct store_thread *t, void *arg)
{
    struct one *o = arg;
    int r = 0;
    if (o->n++ == 0) {
        o->fold = t->fold;
        o->out = is_out(t);
        o->thread = t->n;
        r = o->cal != NULL ? put_thread(o->c, t, o->cal) : 0;
    }
    return r;
}

static int find(struct api_call *c, const char *id, struct one *o)
{
    o->c = c;
    int r = record_id_valid(id, strlen(id)) ? store_thread_by_id(c->app->store, id, on_one, o)
                                            : SANJI_E_NOT_FOUND;
    return r < 0 ? r : o->n == 0 ? SANJI_E_NOT_FOUND : o->n > 1 ? SANJI_E_CONFLICT : 0;
}

int h_referral(struct api_call *c)
{
    struct one o = {.cal = calendar_of(c)};
    if (o.cal == NULL) {
        return SANJI_E_NOMEM;
    }
    jw_obj(&c->w, NULL);
    int r = find(c, c->param[0], &o);
    if (r == 0) {
        jw_arr(&c->w, "events");
        r = store_thread_events(c->app->store, o.thread, on_event, c);
        jw_end_arr(&c->w);
    }
    if (r == 0) {
        r = put_next(c, &o);
    }
    jw_end_obj(&c->w);
    free(o.cal);
    return r;
}

/* ---- writing ---- */

int h_referral_send(struct api_call *c)
{
    char id[LIM_ID_BYTES + 1] = "";
    int r = app_referral_send(c->app, c->in.send.to, c->in.send.d, id, &c->f);
    if (r < 0) {
        return r;
    }
    snprintf(c->target, sizeof c->target, "%s", id);
    jw_obj(&c->w, NULL);
    jw_str(&c->w, "id", id);
    jw_end_obj(&c->w);
    return 0;
}

int h_referral_event(struct api_call *c)
{
    enum ref_event ev;
    struct one o = {0};
    struct one after = {0};
    const char *name = c->param[1];
    if (ref_event_by_name(name, strlen(name), &ev) < 0) {
        return SANJI_E_NOT_FOUND;
    }
    int r = find(c, c->param[0], &o);
    if (r < 0) {
        return r;
    }
    snprintf(c->target, sizeof c->target, "%.64s", c->param[0]);
    if (!may_now(&o, ev)) {
        return fault_set(&c->f, SANJI_E_STATE, ref_event_name(ev), ref_state_name(o.fold.state));
    }
    r = app_referral_event(c->app, c->param[0], ev, c->in.event.d, &c->f);
    if (r == 0) {
        r = find(c, c->param[0], &after);
    }
    if (r < 0) {
        return r;
    }
    jw_obj(&c->w, NULL);
    jw_str(&c->w, "state", ref_state_name(after.fold.state));
    jw_end_obj(&c->w);
    return 0;
}
