/* SPDX-License-Identifier: Apache-2.0 */
/* Bookings for the calendar program of a telephone: an address with a token of its own, which its
 * owner or the administrator revokes like any other. A listing's feed shows when it is taken (and,
 * to who may see it at the owner, by whom), a person's what his platform has asked for. It shows
 * what its maker may see now, and nothing once he is gone. */
#include "node/api/route.h"
#include "node/app_booking.h"
#include "node/ical.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <string.h>

enum {
    FEED_BYTES = 8 << 20,
    LIST_BYTES = 24 << 20,
    ITEMS = 2000,
    WINDOW = 62, /* days of one question */
    WINDOWS = 4,
    BEFORE = 31, /* days that are over */
    TEXT_BYTES = 8192,
};

/* ---- one's own feeds ---- */

struct listing {
    struct api_call *c;
    bool all; /* false: looks for n */
    int64_t n, found;
};

static bool is_own(const struct api_call *c, const struct staff_token *t)
{
    return strcmp(t->role, APP_FEED) == 0 && strcmp(t->maker, c->me.login) == 0;
}

static int on_own(const struct staff_token *t, void *arg)
{
    struct listing *l = arg;
    struct jw *w = &l->c->w;
    char day[11];
    if (!is_own(l->c, t) || !l->all) {
        l->found += is_own(l->c, t) && t->n == l->n;
        return 0;
    }
    jw_obj(w, NULL);
    jw_int(w, "n", t->n);
    jw_str(w, "listing", t->about);
    jw_int(w, "created", t->created);
    jw_int(w, "expires", t->expires);
    if (t->used != 0) {
        date_write(t->used, day);
        jw_str(w, "used", day);
    }
    jw_end_obj(w);
    return 0;
}

int h_feeds(struct api_call *c)
{
    struct listing l = {.c = c, .all = true};
    jw_obj(&c->w, NULL);
    jw_arr(&c->w, "feeds");
    int r = staff_token_list(c->app->store, on_own, &l);
    jw_end_arr(&c->w);
    jw_end_obj(&c->w);
    return r;
}

int h_feed_new(struct api_call *c)
{
    const char *listing = c->in.feed.listing == NULL ? "" : c->in.feed.listing;
    char text[APP_TOKEN_TEXT] = "", path[APP_TOKEN_TEXT + 32];
    int64_t n = 0;
    if (listing[0] == '\0' && !api_role_may(c->me.role, WHO_CASES)) {
        return SANJI_E_FORBIDDEN;
    }
    int r = app_feed_add(c->app, c->me.login, listing, text, &n, &c->f);
    if (r == 0) {
        snprintf(c->target, sizeof c->target, "%lld", (long long)n);
    }
    snprintf(path, sizeof path, "/calendar/%s", text);
    jw_obj(&c->w, NULL);
    jw_int(&c->w, "n", n);
    jw_str(&c->w, "path", path);
    jw_end_obj(&c->w);
    mem_wipe(text, sizeof text);
    mem_wipe(path, sizeof path);
    return r;
}

int h_feed_drop(struct api_call *c)
{
    struct listing l = {.c = c};
    int r = api_number(c, &l.n);
    r = r < 0 ? r : staff_token_list(c->app->store, on_own, &l);
    r = r < 0 ? r : l.found == 0 ? SANJI_E_NOT_FOUND : app_token_revoke(c->app, l.n);
    return api_done(c, l.n, r);
}

/* ---- what stands in one ---- */

struct feed {
    struct api_call *c;
    struct buf *out;
    char owner[LIM_NODE_ID + 1];
    const char *listing; /* "": a person's */
    bool names;
};

static void text_of(struct span v, const char *name, struct buf *out)
{
    struct span t;
    buf_reset(out);
    if (jcur_get(v, name, &t)) {
        (void)jcur_text(t, out);
    }
}

static int64_t minute_in(struct span v, const char *name)
{
    struct span t, p;
    int64_t m = 0;
    return jcur_get(v, name, &t) && jcur_plain(t, &p) &&
                   minute_parse((const char *)p.p, p.n, &m) == 0
               ? m
               : 0;
}

/* Does it stand in a calendar, and how? */
static bool stands(struct span state, enum ical_status *ret)
{
    static const char *const sure[] = {"confirmed", "checked_in", "completed"};
    static const char *const perhaps[] = {"asked", "held", "waitlisted"};
    for (size_t i = 0; i < 3; i++) {
        if (span_eqs(state, sure[i]) || span_eqs(state, perhaps[i])) {
            *ret = span_eqs(state, sure[i]) ? ICAL_CONFIRMED : ICAL_TENTATIVE;
            return true;
        }
    }
    return false;
}

/* One time of an ask: who and what for, as far as the feed shows names. */
static void put_time_of(struct feed *f, struct span item, struct span at, const char *title)
{
    struct span state = {0}, v, d = {0}, no = {0};
    struct buf org, purpose, id, detail;
    char uid[256], key[96];
    struct ical_event e = {.place = f->listing[0] == '\0' ? title : ""};
    if (!jcur_get(at, "state", &v) || !jcur_plain(v, &state) || !stands(state, &e.status)) {
        return;
    }
    (void)jcur_get(item, "d", &d);
    (void)jcur_get(at, "no", &no);
    buf_init(&org, TEXT_BYTES);
    buf_init(&purpose, TEXT_BYTES);
    buf_init(&id, TEXT_BYTES);
    buf_init(&detail, TEXT_BYTES);
    text_of(item, "id", &id);
    text_of(d, "org", &org);
    text_of(d, "purpose", &purpose);
    text_of(item, "node", &detail);
    snprintf(uid, sizeof uid, "%.80s.%.*s@%.20s.sanji", buf_str(&id), (int)no.n, (const char *)no.p,
             buf_str(&detail));
    buf_reset(&detail);
    snprintf(key, sizeof key, "kind.booking_ask.purpose.%.40s", buf_str(&purpose));
    const char *what = text_label(f->c->lang, key);
    snprintf(key, sizeof key, "booking.state.%.*s", (int)state.n, (const char *)state.p);
    const char *how = text_label(f->c->lang, key);
    buf_printf(&detail, "%s%s%s", what == NULL ? "" : what,
               how == NULL || what == NULL ? "" : " \xc2\xb7 ", how == NULL ? "" : how);
    e.uid = uid;
    e.from = minute_in(at, "from");
    e.to = minute_in(at, "to");
    e.detail = buf_str(&detail);
    e.summary = f->listing[0] == '\0' ? title : buf_str(&org);
    ical_event(f->out, &e, f->c->now);
    buf_done(&org);
    buf_done(&purpose);
    buf_done(&id);
    buf_done(&detail);
}

static int put_asks(struct feed *f, bool mine, const char *only)
{
    struct buf all, title;
    struct jw w;
    struct jcur items, times;
    struct span v, item, at;
    buf_init(&all, LIST_BYTES);
    buf_init(&title, TEXT_BYTES);
    jw_init(&w, &all);
    jw_obj(&w, NULL);
    int r = app_booking_list(f->c->app, "items", mine, false, ITEMS, only, &w);
    jw_end_obj(&w);
    r = r < 0 ? r : jw_done(&w);
    bool ok = r == 0 && jcur_get(span_of(all.data, all.len), "items", &v) && jcur_array(&items, v);
    while (ok && jcur_element(&items, &item)) {
        text_of(item, "listing_title", &title);
        for (bool any = jcur_get(item, "at", &v) && jcur_array(&times, v);
             any && jcur_element(&times, &at);) {
            put_time_of(f, item, at, buf_str(&title));
        }
    }
    buf_done(&all);
    buf_done(&title);
    return r;
}

static void put_taken(struct feed *f, struct span at)
{
    struct jcur p;
    struct span x, y, s, from, to;
    struct ical_event e = {.detail = "", .place = ""};
    char uid[256];
    if (!jcur_array(&p, at) || !jcur_element(&p, &x) || !jcur_element(&p, &y) ||
        !jcur_element(&p, &s) || !jcur_plain(x, &from) || !jcur_plain(y, &to) ||
        minute_parse((const char *)from.p, from.n, &e.from) < 0 ||
        minute_parse((const char *)to.p, to.n, &e.to) < 0) {
        return;
    }
    snprintf(uid, sizeof uid, "%.80s.%.*s@%.20s.sanji", f->listing, (int)from.n,
             (const char *)from.p, f->owner);
    e.uid = uid;
    e.summary = text_get(f->c->lang, "feed.taken");
    e.status = span_eqs(s, "\"held\"") ? ICAL_TENTATIVE : ICAL_CONFIRMED;
    ical_event(f->out, &e, f->c->now);
}

/* What its owner tells everybody: times, no names. */
static int put_busy(struct feed *f)
{
    int first = date_of_ms(f->c->now) - BEFORE, r = 0;
    for (int i = 0; r == 0 && i < WINDOWS; i++, first += WINDOW) {
        struct buf one;
        struct jw w;
        struct jcur c;
        struct span v, at;
        buf_init(&one, LIST_BYTES);
        jw_init(&w, &one);
        r = app_booking_calendar(f->c->app, f->owner, f->listing, first, first + WINDOW - 1, false,
                                 &w);
        r = r < 0 ? r : jw_done(&w);
        for (bool ok =
                 r == 0 && jcur_get(span_of(one.data, one.len), "busy", &v) && jcur_array(&c, v);
             ok && jcur_element(&c, &at);) {
            /* One that reaches over a window's end stands in both. */
            struct jcur p;
            struct span x, from;
            int64_t m = 0;
            bool here = jcur_array(&p, at) && jcur_element(&p, &x) && jcur_plain(x, &from) &&
                        minute_parse((const char *)from.p, from.n, &m) == 0 &&
                        (i == 0 || m >= (int64_t)first * 1440);
            if (here) {
                put_taken(f, at);
            }
        }
        buf_done(&one);
    }
    return r;
}

struct maker {
    char role[16];
};
static int on_maker(const struct staff_user *u, void *arg)
{
    struct maker *m = arg;
    if (!u->disabled) {
        snprintf(m->role, sizeof m->role, "%s", u->role);
    }
    return 0;
}

static int on_title(const struct store_rec *rec, void *arg)
{
    return rec->withdrawn ? 0 : buf_puts(arg, rec->title);
}

static int put_feed(struct feed *f, const char *about)
{
    struct buf title;
    f->listing = strchr(about, '/');
    f->listing = f->listing == NULL ? "" : f->listing + 1;
    snprintf(f->owner, sizeof f->owner, "%.*s", (int)strcspn(about, "/"), about);
    bool own = strcmp(f->owner, app_id(f->c->app)) == 0;
    buf_init(&title, TEXT_BYTES);
    int r = f->listing[0] == '\0' ? buf_puts(&title, api_node_name(f->c, app_id(f->c->app)))
                                  : store_record_get(f->c->app->store, f->owner, "listing",
                                                     f->listing, on_title, &title);
    r = r == SANJI_E_NOT_FOUND ? 0 : r;
    ical_begin(f->out, buf_str(&title));
    buf_done(&title);
    if (r == 0 && f->listing[0] == '\0') {
        r = f->names ? put_asks(f, true, NULL) : 0;
    } else if (r == 0) {
        r = own && f->names ? put_asks(f, false, about) : put_busy(f);
    }
    ical_end(f->out);
    return r == SANJI_E_NOT_FOUND ? 0 : r; /* the resource is gone: an empty calendar */
}

struct found {
    int64_t n, expires;
    int used;
    char about[164], maker[STAFF_LOGIN_BYTES + 1];
};
static int on_feed(const struct staff_token *t, void *arg)
{
    struct found *x = arg;
    if (strcmp(t->role, APP_FEED) == 0) {
        x->n = t->n;
        x->expires = t->expires;
        x->used = t->used;
        snprintf(x->about, sizeof x->about, "%s", t->about);
        snprintf(x->maker, sizeof x->maker, "%s", t->maker);
    }
    return 0;
}

/* The address alone opens it, so it travels as tokens do. Whether it was ever one is not said. */
static int look_up(struct api_call *c, struct found *x, struct maker *m)
{
    uint8_t hash[HASH_LEN];
    if (!c->rq->is_tls && !api_peer_is_local(c->rq->peer)) {
        c->code = "token_plain";
        return SANJI_E_FORBIDDEN;
    }
    int r = app_token_hash(c->param[0], strlen(c->param[0]), hash)
                ? staff_token_get(c->app->store, hash, on_feed, x)
                : SANJI_E_NOT_FOUND;
    if (r < 0 && r != SANJI_E_NOT_FOUND) {
        return r;
    }
    int64_t wait = api_token_gate(c->api, c->rq->peer, x->n, c->mono);
    if (wait > 0) {
        return api_too_many(c, wait);
    }
    r = x->n == 0 || c->now >= x->expires ? SANJI_E_NOT_FOUND
                                          : staff_user_get(c->app->store, x->maker, on_maker, m);
    return r == 0 && !api_role_may(m->role, WHO_READ) ? SANJI_E_NOT_FOUND : r;
}

int h_feed(struct api_call *c)
{
    struct found x = {0};
    struct maker m = {0};
    struct feed f = {.c = c, .out = &c->rep->body};
    int r = look_up(c, &x, &m);
    r = r < 0 ? r : api_token_note_use(c, x.n, x.used);
    if (r < 0) {
        return r;
    }
    f.names = api_role_may(m.role, WHO_CASES);
    c->lang = strcmp(c->app->cfg.language, "en") == 0 ? TEXT_EN : c->lang;
    r = put_feed(&f, x.about);
    r = r < 0 ? r : c->rep->body.err;
    if (r == 0) {
        api_header(c->rep, "Content-Type", "text/calendar; charset=utf-8");
        c->raw = true;
    }
    return r;
}
