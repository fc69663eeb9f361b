/* SPDX-License-Identifier: Apache-2.0 */
/* A table of sources, one function each. Every question goes through an index and ends after a
 * bounded number of rows, so that pages may ask every few seconds on a node with many records. */
#include "node/app_todo.h"

#include "node/app_ack.h"
#include "node/app_booking.h"
#include "node/app_duty.h"
#include "node/app_erase.h"
#include "node/app_internal.h"
#include "node/app_keep.h"
#include "node/app_question.h"
#include "node/app_todo_org.h"
#include "node/store/brief.h"
#include "node/store/staff.h"
#include "protocol/base/text.h"
#include "protocol/calendar.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS = 200,
    STATES = 1000, /* records in one state: some wait for others */
    REPORTS = 400 /* of a child */,
    THREADS = 1000,
    ANSWER_DAYS = 5 /* a report */,
    BOOKING_DAYS = 3,
    QUESTION_DAYS = 3
};

struct walk {
    struct app *a;
    const char *login, *role;
    const char *org; /* of who stands for one; else empty */
    struct calendar cal;
    int today;
    enum app_todo_source source;
    const struct kind *k; /* being listed */
    int64_t seen, shown;  /* rows of the present list */
    struct app_todo_list *out;
};

static const char *const source_names[TODO_SOURCES] = {
    [TODO_DRAFT] = "draft",     [TODO_REPORT] = "report",     [TODO_ANSWER] = "answer",
    [TODO_DECIDE] = "decide",   [TODO_REDO] = "redo",         [TODO_REFERRAL] = "referral",
    [TODO_BOOKING] = "booking", [TODO_QUESTION] = "question", [TODO_ACK] = "ack",
    [TODO_ERASE] = "erase",     [TODO_KEEP] = "keep",         [TODO_PARKED] = "parked",
    [TODO_FILE] = "file",
};

const char *app_todo_source_name(enum app_todo_source s)
{
    return source_names[s];
}

void app_todo_write(struct app *a, struct jw *w, const struct app_todo *t)
{
    const struct roster_node *n = roster_node(app_roster(a), t->owner);
    char due[11];
    jw_obj(w, NULL);
    jw_str(w, "source", app_todo_source_name(t->source));
    jw_str(w, "kind", t->kind);
    jw_str(w, "owner", t->owner);
    jw_str(w, "owner_name", n == NULL ? "" : n->name);
    jw_str(w, "id", t->id);
    jw_str(w, "title", t->title);
    jw_str(w, "state", t->state);
    jw_str(w, "extra", t->extra);
    jw_int(w, "since", t->since_ms);
    if (t->due != 0) {
        date_write(t->due, due);
        jw_str(w, "due", due);
    }
    jw_bool(w, "overdue", t->overdue);
    jw_bool(w, "due_uncertain", t->marked);
    jw_end_obj(w);
}

static struct app_todo *add(struct walk *w, const char *kind, const char *id, int64_t since_ms)
{
    if (w->out->n == TODO_MAX) {
        w->out->more = true;
        return NULL;
    }
    struct app_todo *t = &w->out->v[w->out->n++];
    memset(t, 0, sizeof *t);
    t->source = w->source;
    t->since_ms = since_ms;
    (void)snprintf(t->kind, sizeof t->kind, "%s", kind);
    (void)snprintf(t->id, sizeof t->id, "%s", id);
    return t;
}

static void put_due(const struct walk *w, struct app_todo *t, int from, int days)
{
    t->due = calendar_add_workdays(&w->cal, from, days, &t->marked);
    t->overdue = t->due < w->today;
}

static bool may(const struct walk *w, const char *kind, enum kind_act act)
{
    const struct kind *k = kind_find(kind);
    return k != NULL && kind_may(k, w->role, act);
}

/* ---- drafts ---- */

static int on_draft(const struct staff_draft *d, void *arg)
{
    char kind[40];
    (void)snprintf(kind, sizeof kind, "%.*s", (int)strcspn(d->name, "."), d->name);
    (void)add(arg, kind, d->name, d->at);
    return 0;
}

static int drafts(struct walk *w)
{
    return w->login[0] == '\0' ? 0 : staff_draft_list(w->a->store, w->login, on_draft, w);
}

/* ---- reports ---- */

static int on_duty(const struct app_duty_cell *c, void *arg)
{
    struct walk *w = arg;
    bool back = strcmp(c->state, "returned") == 0 || strcmp(c->state, "reopened") == 0;
    if (!back && (c->filed || strcmp(c->state, "not_due") == 0)) {
        return 0;
    }
    struct app_todo *t = add(w, "work_report", c->record, 0);
    if (t != NULL) {
        (void)snprintf(t->owner, sizeof t->owner, "%s", app_id(w->a));
        (void)snprintf(t->title, sizeof t->title, "%s", c->duty->title);
        (void)snprintf(t->state, sizeof t->state, "%s", c->draft ? "draft" : c->state);
        (void)snprintf(t->extra, sizeof t->extra, "%s %s", c->duty->report, c->period);
        t->due = c->due;
        t->marked = c->marked;
        t->overdue = c->due < w->today;
    }
    return 0;
}

static int reports(struct walk *w)
{
    return may(w, "work_report", KACT_WRITE)
               ? app_duty_of(w->a, app_id(w->a), DUTY_PERIODS, on_duty, w)
               : 0;
}

struct asked {
    struct walk *w;
    const struct pair_flow *f;
    int64_t n; /* looked at, of one child */
};

static int on_report(const struct store_rec *rec, void *arg)
{
    struct asked *x = arg;
    struct app_pair pair;
    x->n++;
    if (strcmp(rec->state, x->f->sent) != 0) {
        return 0;
    }
    int r = app_pair_now(x->w->a, x->f, rec->owner, rec->id, rec->d, &pair);
    if (r < 0 || strcmp(pair.state, x->f->sent) != 0) {
        return r;
    }
    struct app_todo *t = add(x->w, rec->kind, rec->id, rec->ts);
    if (t != NULL) {
        (void)snprintf(t->owner, sizeof t->owner, "%s", rec->owner);
        (void)snprintf(t->title, sizeof t->title, "%s", rec->title);
        (void)snprintf(t->state, sizeof t->state, "%s", pair.state);
        put_due(x->w, t, date_of_ms(rec->ts), ANSWER_DAYS);
    }
    return 0;
}

/* Child by child, so that one that sends much does not hide what another one waits for; the others
 * are answered by their own parents. */
static int answers(struct walk *w)
{
    enum pair_side side;
    const struct roster *ro = app_roster(w->a);
    struct asked x = {.w = w, .f = pair_flow_of(kind_find("work_report"), &side)};
    int r = 0;
    if (!may(w, x.f->answer->name, KACT_WRITE)) {
        return 0;
    }
    for (size_t i = 0; r == 0 && i < roster_count(ro); i++) {
        const struct roster_node *n = roster_at(ro, i);
        struct store_filter f = {.kind = x.f->owner->name, .owner = n->id.s, .limit = REPORTS};
        if (strcmp(n->up.s, app_id(w->a)) == 0) {
            x.n = 0;
            r = store_record_list(w->a->store, &f, on_report, &x);
            w->out->more = w->out->more || x.n == REPORTS;
        }
    }
    return r;
}

/* ---- records that wait ---- */

/* Of two who write a kind: what an organisation has not sent waits for its people alone, what the
 * staff have begun for the staff. */
static bool waits_for(const struct walk *w, const struct store_rec *rec)
{
    bool files = strcmp(w->role, KIND_MEMBER) == 0;
    return files ? kind_org_may(w->k, w->org, rec->id, rec->d, rec->d, NULL) == 0
                 : w->source != TODO_REDO || !kind_by_org(w->k, rec->d);
}

static int on_waiting(const struct store_rec *rec, void *arg)
{
    struct walk *w = arg;
    w->seen++;
    if (!kind_takes_step(w->k, rec->d, w->role) || !waits_for(w, rec)) {
        return 0;
    }
    struct app_todo *t = add(w, rec->kind, rec->id, rec->ts);
    if (t != NULL) {
        (void)snprintf(t->owner, sizeof t->owner, "%s", rec->owner);
        (void)snprintf(t->title, sizeof t->title, "%s", rec->title);
        (void)snprintf(t->state, sizeof t->state, "%s", rec->state);
        if (w->source == TODO_DECIDE) {
            put_due(w, t, date_of_ms(rec->ts), w->k->decide_days);
        } else if (w->org[0] != '\0') {
            t->due = app_owed_by(w->k, rec->d, &w->cal, &t->marked);
            t->overdue = t->due != 0 && t->due < w->today;
        }
    }
    return ++w->shown == ROWS;
}

/* Does this role take any step out of that state? */
static bool takes(const struct kind *k, const char *state, const char *role)
{
    for (size_t i = 0; i < k->n_steps; i++) {
        if (strcmp(k->steps[i].from, state) == 0 &&
            (k->steps[i].roles == NULL || app__word_in(k->steps[i].roles, role))) {
            return true;
        }
    }
    return false;
}

static int each_state(struct walk *w, const char *states)
{
    int r = 0;
    if (!kind_may(w->k, w->role, KACT_WRITE)) {
        return 0;
    }
    for (const char *p = states; r == 0 && p != NULL && *p != '\0';) {
        char state[32];
        size_t n = strcspn(p, " ");
        struct store_filter f = {
            .kind = w->k->name, .owner = app_id(w->a), .state = state, .limit = STATES};
        (void)snprintf(state, sizeof state, "%.*s", (int)n, p);
        if (takes(w->k, state, w->role)) {
            w->seen = w->shown = 0;
            r = store_record_list(w->a->store, &f, on_waiting, w);
            w->out->more = w->out->more || w->seen == STATES || w->shown == ROWS;
            r = r > 0 ? 0 : r;
        }
        p += n + (p[n] == ' ');
    }
    return r;
}

static int decisions(struct walk *w)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < kinds_n; i++) {
        w->k = kinds[i];
        r = each_state(w, w->k->decide);
    }
    return r;
}

static int redone(struct walk *w)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < kinds_n; i++) {
        w->k = kinds[i];
        r = each_state(w, w->k->redo);
    }
    return r;
}

/* ---- what an organisation owes ---- */

static int on_owed(const struct app_owed *o, void *arg)
{
    struct walk *w = arg;
    struct app_todo *t = add(w, o->kind, o->form, 0);
    if (t != NULL) {
        bool form = o->form[0] != '\0';
        (void)snprintf(t->title, sizeof t->title, "%s", form ? o->title : o->period);
        (void)snprintf(t->extra, sizeof t->extra, "%s", o->period);
        t->due = o->due;
        t->marked = o->marked;
        t->overdue = o->due != 0 && o->due < w->today;
    }
    return 0;
}

static int to_file(struct walk *w)
{
    return strcmp(w->role, KIND_MEMBER) == 0 && w->org[0] != '\0'
               ? app_owed_each(w->a, w->org, &w->cal, w->today, on_owed, w)
               : 0;
}

/* ---- referrals ---- */

static int on_title(const struct store_thread_event *e, void *arg)
{
    struct app_todo *t = arg;
    struct buf b;
    struct span v;
    if ((e->ev != RE_SEND && e->ev != RE_REOPEN) || !jcur_get(e->d, "title", &v)) {
        return 0;
    }
    buf_init(&b, LIM_ITEM_BYTES);
    int r = jcur_text(v, &b);
    if (r == 0) {
        (void)snprintf(t->title, sizeof t->title, "%s", buf_str(&b));
    }
    buf_wipe_done(&b);
    return r;
}

static int on_thread(const struct store_thread *th, void *arg)
{
    struct walk *w = arg;
    int days = ref_workdays(ref_now(&th->fold));
    w->seen++;
    if (!app_referral_awaits(th)) {
        return 0;
    }
    struct app_todo *t = add(w, "referral", th->id, th->since);
    if (t == NULL) {
        return 0;
    }
    (void)snprintf(t->owner, sizeof t->owner, "%s", th->peer);
    (void)snprintf(t->state, sizeof t->state, "%s", ref_state_name(th->fold.state));
    if (days > 0) {
        put_due(w, t, date_of_ms(th->since), days);
    }
    return may(w, "referral", KACT_PERSONAL) ? store_thread_events(w->a->store, th->n, on_title, t)
                                             : 0;
}

static int referrals(struct walk *w)
{
    if (!may(w, "referral", KACT_WRITE)) {
        return 0;
    }
    w->seen = 0;
    int r = store_thread_list(w->a->store, THREADS, 0, on_thread, w);
    w->out->more = w->out->more || w->seen == THREADS;
    return r;
}

/* ---- bookings and sign-ups ---- */

static int on_booking(const struct app_booking_wait *x, void *arg)
{
    struct walk *w = arg;
    struct app_todo *t = add(w, x->event ? "event" : "booking", x->ask, x->since_ms);
    w->seen++;
    if (t != NULL) {
        (void)snprintf(t->owner, sizeof t->owner, "%s", x->node);
        (void)snprintf(t->title, sizeof t->title, "%s", x->title);
        (void)snprintf(t->extra, sizeof t->extra, "%s", x->listing);
        put_due(w, t, date_of_ms(x->since_ms), BOOKING_DAYS);
    }
    return w->seen == ROWS;
}

static int bookings(struct walk *w)
{
    if (!may(w, "listing", KACT_WRITE)) {
        return 0;
    }
    w->seen = 0;
    int r = app_booking_waits(w->a, on_booking, w);
    w->out->more = w->out->more || w->seen == ROWS;
    return r;
}

/* ---- questions ---- */

static int on_question(const struct app_question *q, void *arg)
{
    struct walk *w = arg;
    w->seen++;
    if (strcmp(q->owner, app_id(w->a)) == 0 && !q->answered && q->kind[0] != '\0') {
        struct app_todo *t = add(w, q->kind, q->id, q->ts);
        if (t != NULL) {
            (void)snprintf(t->owner, sizeof t->owner, "%s", q->asker);
            (void)snprintf(t->title, sizeof t->title, "%s", q->title);
            (void)snprintf(t->extra, sizeof t->extra, "%s", q->record);
            put_due(w, t, date_of_ms(q->ts), QUESTION_DAYS);
        }
    }
    return w->seen == THREADS;
}

static int questions(struct walk *w)
{
    if (!may(w, "question_answer", KACT_WRITE)) {
        return 0;
    }
    w->seen = 0;
    int r = app_question_each(w->a, NULL, NULL, on_question, w);
    w->out->more = w->out->more || w->seen == THREADS;
    return r;
}

/* ---- notices, erasures, parked items ---- */

static int on_notice(const struct app_ack_notice *n, void *arg)
{
    struct walk *w = arg;
    struct app_todo *t = add(w, "notice", n->id, n->ts);
    if (t != NULL) {
        (void)snprintf(t->owner, sizeof t->owner, "%s", n->owner);
        (void)snprintf(t->title, sizeof t->title, "%s", n->title);
        t->due = n->by;
        t->overdue = n->by != 0 && n->by < w->today;
    }
    return 0;
}

static int notices(struct walk *w)
{
    return may(w, "ack", KACT_WRITE) ? app_ack_wanted(w->a, on_notice, w, &w->out->more) : 0;
}

static int on_erase(const struct app_erase *e, void *arg)
{
    struct walk *w = arg;
    if (strcmp(e->state, "open") == 0 && strcmp(e->by, w->login) != 0) {
        struct app_todo *t = add(w, e->referral ? "referral" : "", e->id, e->asked_ms);
        if (t != NULL) {
            (void)snprintf(t->extra, sizeof t->extra, "%lld", (long long)e->n);
        }
    }
    return 0;
}

static int erasures(struct walk *w)
{
    return app_erase_may(w->role, APP_MAY_CONFIRM) ? app_erase_list(w->a, on_erase, w) : 0;
}

static int on_kept(const struct app_keep *k, void *arg)
{
    (void)k;
    ++*(int64_t *)arg;
    return 0;
}

/* One line for all of them: ids are listed by `erase due`. */
static int kept(struct walk *w)
{
    int64_t n = 0;
    bool more = false;
    int r = app_erase_may(w->role, APP_MAY_CONFIRM)
                ? app_keep_due(w->a, app_now_ms(), ROWS, on_kept, &n, &more)
                : 0;
    struct app_todo *t = r == 0 && n > 0 ? add(w, "", "", 0) : NULL;
    if (t != NULL) {
        (void)snprintf(t->extra, sizeof t->extra, "%lld%s", (long long)n, more ? "+" : "");
    }
    return r;
}

static int parked(struct walk *w)
{
    int64_t n = 0;
    int r = strcmp(w->role, "admin") == 0 ? store_parked_count(w->a->store, &n) : 0;
    struct app_todo *t = r == 0 && n > 0 ? add(w, "", "", 0) : NULL;
    if (t != NULL) {
        (void)snprintf(t->extra, sizeof t->extra, "%lld", (long long)n);
    }
    return r;
}

/* ---- all of it ---- */

static int (*const sources[TODO_SOURCES])(struct walk *w) = {
    [TODO_DRAFT] = drafts,     [TODO_REPORT] = reports,     [TODO_ANSWER] = answers,
    [TODO_DECIDE] = decisions, [TODO_REDO] = redone,        [TODO_REFERRAL] = referrals,
    [TODO_BOOKING] = bookings, [TODO_QUESTION] = questions, [TODO_ACK] = notices,
    [TODO_ERASE] = erasures,   [TODO_KEEP] = kept,          [TODO_PARKED] = parked,
    [TODO_FILE] = to_file,
};

static int by_urgency(const void *x, const void *y)
{
    const struct app_todo *a = x, *b = y;
    if (a->overdue != b->overdue) {
        return a->overdue ? -1 : 1;
    }
    if (a->due != b->due) { /* no day at all comes last */
        return a->due == 0 ? 1 : b->due == 0 ? -1 : a->due < b->due ? -1 : 1;
    }
    if (a->since_ms != b->since_ms) {
        return a->since_ms > b->since_ms ? -1 : 1;
    }
    return strcmp(a->id, b->id);
}

int app_todo(struct app *a, const struct app_person *who, struct app_todo_list **ret)
{
    struct walk w = {.a = a,
                     .login = who->login == NULL ? "" : who->login,
                     .role = who->role,
                     .org = who->org == NULL ? "" : who->org,
                     .today = date_of_ms(app_now_ms())};
    w.out = calloc(1, sizeof *w.out);
    if (w.out == NULL) {
        return SANJI_E_NOMEM;
    }
    int r = app_calendar(a, &w.cal);
    for (int s = 0; r >= 0 && s < TODO_SOURCES; s++) {
        w.source = (enum app_todo_source)s;
        r = sources[s](&w);
    }
    if (r < 0) {
        free(w.out);
        return r;
    }
    qsort(w.out->v, w.out->n, sizeof w.out->v[0], by_urgency);
    *ret = w.out;
    return 0;
}

struct counting {
    int64_t ts, before, all;
};

static int on_queued(const struct store_rec *rec, void *arg)
{
    struct counting *c = arg;
    c->all++;
    c->before += rec->ts <= c->ts;
    return 0;
}

int app_todo_place(struct app *a, const struct kind *k, const char *state, int64_t ts,
                   struct app_todo_place *ret, bool *ret_waits)
{
    struct counting c = {.ts = ts};
    struct store_filter f = {
        .kind = k->name, .owner = app_id(a), .state = state, .limit = INT64_MAX / 2};
    *ret_waits = k->decide != NULL && app__word_in(k->decide, state);
    if (!*ret_waits) {
        return 0;
    }
    struct calendar *cal = calloc(1, sizeof *cal);
    int r = cal == NULL ? SANJI_E_NOMEM : app_calendar(a, cal);
    r = r < 0 ? r : store_record_list(a->store, &f, on_queued, &c);
    if (r == 0) {
        *ret = (struct app_todo_place){.place = c.before, .of = c.all};
        ret->due = calendar_add_workdays(cal, date_of_ms(ts), k->decide_days, &ret->marked);
    }
    free(cal);
    return r;
}
