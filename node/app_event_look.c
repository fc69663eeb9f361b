/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown of an event: to platforms that may sign up, to its own staff, to those who came,
 * and to whoever holds a certificate. */
#include "node/app_event_internal.h"

#include "protocol/base/text.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <string.h>

enum { EVERY = 1 << 30, ASKS = 2000, ARENA = 8 << 20 };

/* ---- records ---- */

struct reading {
    struct arena *ar;
    void *ret;
};

static const char *text_of(struct arena *ar, struct span d, const char *name)
{
    struct span v;
    struct buf b;
    buf_init(&b, LIM_ITEM_BYTES);
    const char *s =
        jcur_get(d, name, &v) && jcur_text(v, &b) < 0 ? NULL : arena_strdup(ar, buf_str(&b));
    buf_done(&b);
    return s;
}

static bool flag(struct span d, const char *name)
{
    struct span v;
    bool yes = false;
    return jcur_get(d, name, &v) && jcur_bool(v, &yes) && yes;
}

static int on_event(const struct store_rec *rec, void *arg)
{
    struct reading *x = arg;
    struct event_of *e = x->ret;
    struct span v;
    memset(e, 0, sizeof *e);
    const char *d = arena_dup(x->ar, rec->d.p, rec->d.n);
    e->id = arena_strdup(x->ar, rec->id);
    e->title = arena_strdup(x->ar, rec->title);
    e->place = text_of(x->ar, rec->d, "place");
    if (d == NULL || e->id == NULL || e->title == NULL || e->place == NULL) {
        return SANJI_E_NOMEM;
    }
    e->d = span_of(d, rec->d.n);
    e->ts = rec->ts;
    e->withdrawn = rec->withdrawn;
    e->certificate = flag(e->d, "certificate");
    (void)(jcur_get(e->d, "minutes", &v) && jcur_int(v, &e->minutes));
    seats_read(e->d, &e->rules);
    return 0;
}

int app__event_get(struct app *a, struct arena *ar, const char *owner, const char *id,
                   struct event_of *ret)
{
    struct reading x = {ar, ret};
    return store_record_get(a->store, owner, "event", id, on_event, &x);
}

int app__came_read(struct arena *ar, const struct store_rec *rec, struct came *ret)
{
    struct span node = jcur_plain_of(rec->d, "node"), no = jcur_plain_of(rec->d, "number");
    memset(ret, 0, sizeof *ret);
    const char *d = arena_dup(ar, rec->d.p, rec->d.n);
    ret->event = text_of(ar, rec->d, "event");
    ret->org = text_of(ar, rec->d, "org");
    ret->name = text_of(ar, rec->d, "name");
    ret->at = text_of(ar, rec->d, "at");
    if (d == NULL || ret->event == NULL || ret->org == NULL || ret->name == NULL ||
        ret->at == NULL) {
        return SANJI_E_NOMEM;
    }
    (void)snprintf(ret->id, sizeof ret->id, "%s", rec->id);
    (void)snprintf(ret->node, sizeof ret->node, "%.*s", (int)node.n, (const char *)node.p);
    (void)snprintf(ret->number, sizeof ret->number, "%.*s", (int)no.n, (const char *)no.p);
    ret->d = span_of(d, rec->d.n);
    ret->r = rec->r;
    ret->rated = flag(ret->d, "rated");
    return 0;
}

static int on_came(const struct store_rec *rec, void *arg)
{
    struct reading *x = arg;
    return rec->withdrawn ? SANJI_E_NOT_FOUND : app__came_read(x->ar, rec, x->ret);
}

int app__came_get(struct app *a, struct arena *ar, const char *number, struct came *ret)
{
    char id[LIM_ID_BYTES + 1];
    struct reading x = {ar, ret};
    app__came_id(number, id);
    return store_record_get(a->store, app_id(a), "attendance", id, on_came, &x);
}

void app__score_id(const char *event, char id[static LIM_ID_BYTES + 1])
{
    (void)snprintf(id, LIM_ID_BYTES + 1, "%.*s.score", SEATS_EVENT_ID, event);
}

struct held_score {
    struct score *s, *shown;
    int64_t r;
};

static int on_score(const struct store_rec *rec, void *arg)
{
    struct held_score *x = arg;
    x->r = rec->r;
    return rec->withdrawn || score_read(rec->d, x->s, x->shown) ? 0 : SANJI_E_CORRUPT;
}

int app__score_get(struct app *a, const char *event, struct score *ret, struct score *ret_shown,
                   int64_t *ret_r)
{
    char id[LIM_ID_BYTES + 1];
    struct held_score x = {ret, ret_shown, 0};
    memset(ret, 0, sizeof *ret);
    memset(ret_shown, 0, sizeof *ret_shown);
    app__score_id(event, id);
    int r = store_record_get(a->store, app_id(a), "event_score", id, on_score, &x);
    *ret_r = x.r;
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

bool app__event_certified(const struct event_of *e, int64_t now)
{
    return e->certificate && !e->withdrawn && !e->rules.cancelled && e->rules.at.to <= now;
}

/* ---- the whole event ---- */

static int on_seats(const struct store_rec *rec, void *arg)
{
    struct jw *w = arg;
    if (!rec->withdrawn) {
        jw_raw(w, "taken", rec->d.p, rec->d.n);
        jw_int(w, "as_of", rec->ts);
    }
    return 0;
}

struct roll {
    struct app *a;
    struct jw *w;
    struct arena *ar;
    const char *event;
    bool names;
};

static void put_node(struct app *a, struct jw *w, const char *id)
{
    const struct roster_node *n = roster_node(app_roster(a), id);
    jw_str(w, "node", id);
    jw_str(w, "node_name", n != NULL ? n->name : id);
}

static int on_roll(const struct store_rec *rec, void *arg)
{
    struct roll *x = arg;
    struct came c;
    if (!span_eqs(jcur_plain_of(rec->d, "event"), x->event)) {
        return 0;
    }
    arena_reset(x->ar);
    int r = app__came_read(x->ar, rec, &c);
    if (r == 0) {
        jw_obj(x->w, NULL);
        put_node(x->a, x->w, c.node);
        jw_str(x->w, "org", c.org);
        if (x->names) {
            jw_str(x->w, "name", c.name);
        }
        jw_str(x->w, "at", c.at);
        jw_str(x->w, "number", c.number);
        jw_end_obj(x->w);
    }
    return r;
}

static int put_roll(struct app *a, const char *event, bool names, struct jw *w)
{
    struct store_filter fl = {.kind = "attendance", .owner = app_id(a), .limit = EVERY};
    struct roll x = {.a = a, .w = w, .event = event, .names = names, .ar = arena_new(ARENA)};
    jw_arr(w, "roll");
    int r = x.ar == NULL ? SANJI_E_NOMEM : store_record_list(a->store, &fl, on_roll, &x);
    jw_end_arr(w);
    arena_free(x.ar);
    return r;
}

/* Means of fewer answers would say who thought what, and so would those before and after one. */
static int put_score(struct app *a, const char *event, struct jw *w)
{
    struct score s, shown;
    int64_t held = 0;
    int r = app__score_get(a, event, &s, &shown, &held);
    jw_obj(w, "score");
    jw_int(w, "n", s.n);
    jw_int(w, "of", shown.n);
    jw_int(w, "shown_from", SCORE_SHOWN);
    for (int i = 0; shown.n > 0 && i < SCORE_ITEMS; i++) {
        jw_int(w, score_item[i], score_mean(&shown, i));
    }
    jw_end_obj(w);
    return r;
}

static int view(struct app *a, struct arena *ar, const char *owner, const char *id,
                const struct app_event_eyes *eyes, struct jw *w)
{
    char only[LIM_NODE_ID + LIM_ID_BYTES + 4], seats[LIM_ID_BYTES + 8];
    struct event_of e;
    bool own = strcmp(owner, app_id(a)) == 0;
    int64_t now = minute_of_ms(app_now_ms());
    int r = app__event_get(a, ar, owner, id, &e);
    if (r < 0) {
        return r;
    }
    (void)snprintf(only, sizeof only, "%.*s/%s", LIM_NODE_ID, owner, id);
    (void)snprintf(seats, sizeof seats, "%.*s.seats", SEATS_EVENT_ID, id);
    jw_obj(w, NULL);
    jw_str(w, "id", id);
    jw_str(w, "owner", owner);
    jw_bool(w, "mine", own);
    jw_str(w, "title", e.title);
    app__booking_minute(w, "now", now);
    jw_bool(w, "open", !e.withdrawn && seats_judge_rules(&e.rules, e.rules.at, now) == BKR_NONE);
    jw_bool(w, "certified", app__event_certified(&e, now));
    if (!e.withdrawn) {
        jw_raw(w, "d", e.d.p, e.d.n);
    }
    r = store_record_get(a->store, owner, "seats", seats, on_seats, w);
    r = r == SANJI_E_NOT_FOUND ? 0 : r;
    if (r == 0 && eyes->cases) {
        r = app_booking_list(a, "my", true, false, ASKS, only, w);
        r = r < 0 || !own ? r : app_booking_list(a, "here", false, false, ASKS, only, w);
        r = r < 0 || !own ? r : put_roll(a, id, eyes->names, w);
    }
    r = r < 0 || !own || !eyes->cases ? r : put_score(a, id, w);
    jw_end_obj(w);
    return r;
}

int app_event_view(struct app *a, const char *owner, const char *id,
                   const struct app_event_eyes *eyes, struct jw *w)
{
    struct arena *ar = arena_new(ARENA);
    int r = ar == NULL ? SANJI_E_NOMEM : view(a, ar, owner, id, eyes, w);
    arena_free(ar);
    return r;
}

/* ---- the door ---- */

static bool given(const struct bk_answer *x, const char *event)
{
    return strcmp(x->listing, event) == 0 && (x->state == BKS_CONFIRMED || x->state == BKS_NO_SHOW);
}

/* Each organisation once, where its first seat stands. */
static void put_open(struct book *b, const char *event, struct jw *w)
{
    jw_arr(w, "orgs");
    for (size_t i = 0; i < b->n_ans; i++) {
        const struct bk_answer *x = &b->ans[i];
        int64_t left = 0;
        bool first = given(x, event);
        for (size_t j = 0; first && j < b->n_ans; j++) {
            const struct bk_answer *y = &b->ans[j];
            bool same =
                given(y, event) && strcmp(x->node, y->node) == 0 && strcmp(x->org, y->org) == 0;
            first = !same || j >= i;
            left += same;
        }
        if (first) {
            jw_obj(w, NULL);
            put_node(b->a, w, x->node);
            jw_str(w, "org", x->org);
            jw_int(w, "left", left);
            jw_end_obj(w);
        }
    }
    jw_end_arr(w);
}

static void put_head(struct app *a, const struct event_of *e, struct jw *w)
{
    const struct roster_node *n = app_self_node(a);
    jw_str(w, "title", e->title);
    jw_str(w, "by", n != NULL ? n->name : app_id(a));
    jw_str(w, "place", e->place);
    app__booking_minute(w, "from", e->rules.at.from);
    app__booking_minute(w, "to", e->rules.at.to);
    jw_int(w, "minutes", e->minutes);
}

int app_event_open(struct app *a, const char *id, const char *ticket, struct jw *w)
{
    struct event_of e;
    struct book b = {0};
    int r = book_load(a, minute_of_ms(app_now_ms()), &b);
    r = r < 0 ? r : app__event_get(a, b.arena, app_id(a), id, &e);
    r = r == 0 && (e.withdrawn || e.rules.cancelled) ? SANJI_E_NOT_FOUND : r;
    if (r == 0) {
        jw_obj(w, NULL);
        put_head(a, &e, w);
        put_open(&b, id, w);
        if (ticket != NULL) {
            jw_str(w, "ticket", ticket);
        }
        jw_end_obj(w);
    }
    book_free(&b);
    return r;
}

/* ---- who came, and who asks about it ---- */

struct one {
    struct event_of e;
    struct came c;
};

static int get_one(struct app *a, struct arena *ar, const char *number, struct one *ret)
{
    int r = ar == NULL ? SANJI_E_NOMEM : app__came_get(a, ar, number, &ret->c);
    return r < 0 ? r : app__event_get(a, ar, app_id(a), ret->c.event, &ret->e);
}

int app_event_mine(struct app *a, const char *code, struct jw *w)
{
    char number[EVENT_NUMBER_BYTES];
    struct arena *ar = arena_new(ARENA);
    int64_t now = minute_of_ms(app_now_ms());
    struct one x;
    app__came_number(code, number);
    int r = get_one(a, ar, number, &x);
    if (r == 0) {
        jw_obj(w, NULL);
        put_head(a, &x.e, w);
        jw_str(w, "name", x.c.name);
        jw_str(w, "org", x.c.org);
        jw_str(w, "at", x.c.at);
        jw_bool(w, "rated", x.c.rated);
        jw_bool(w, "begun", x.e.rules.at.from <= now);
        jw_bool(w, "certificate", x.e.certificate);
        if (app__event_certified(&x.e, now)) {
            jw_str(w, "number", x.c.number);
        }
        jw_end_obj(w);
    }
    arena_free(ar);
    return r;
}

/* "王**": who holds the paper compares, who found a number learns no name. */
static void put_masked(struct jw *w, const char *name)
{
    char out[16];
    size_t n = 1;
    while ((name[n] & 0xc0) == 0x80 && n < 4) {
        n++;
    }
    (void)snprintf(out, sizeof out, "%.*s**", (int)n, name);
    jw_str(w, "name", out);
}

int app_event_certificate(struct app *a, const char *number, struct jw *w)
{
    struct arena *ar = arena_new(ARENA);
    struct one x;
    int r = get_one(a, ar, number, &x);
    if (r == 0 && !app__event_certified(&x.e, minute_of_ms(app_now_ms()))) {
        r = SANJI_E_NOT_FOUND;
    }
    if (r == 0) {
        jw_obj(w, NULL);
        put_head(a, &x.e, w);
        jw_str(w, "number", x.c.number);
        jw_str(w, "org", x.c.org);
        put_masked(w, x.c.name);
        jw_end_obj(w);
    }
    arena_free(ar);
    return r;
}
