/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of other offices: each comes with a token of its own ("Authorization: Bearer ..."),
 * which an administrator has made for a role. No cookie, no CSRF token: no browser sends this
 * header by itself. A program has neither password nor drafts, and lets no other in. */
#include "node/api/route.h"
#include "protocol/base/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char scheme[] = "Bearer ";

/* Of another scheme (a proxy's own password) this node knows nothing. */
bool api_has_token(const struct api_request *rq)
{
    return rq->authorization != NULL &&
           strncasecmp(rq->authorization, scheme, sizeof scheme - 1) == 0;
}

bool api_token_may(const struct api_route *r)
{
    bool feeds = r->fn == h_feeds || r->fn == h_feed_new || r->fn == h_feed_drop;
    return r->who != WHO_ADMIN && r->tx != TX_DRAFT && !feeds &&
           (r->who != WHO_SELF || r->fn == h_me);
}

static int refuse(struct api_call *c, const char *code)
{
    api_header(c->rep, "WWW-Authenticate", "Bearer");
    c->code = code;
    return SANJI_E_UNAUTHORISED;
}

struct found {
    struct api_person *p;
    int used;
};

static int on_token(const struct staff_token *t, void *arg)
{
    struct found *x = arg;
    struct api_person *p = x->p;
    snprintf(p->login, sizeof p->login, "token:%lld", (long long)t->n);
    snprintf(p->name, sizeof p->name, "%s", t->name);
    snprintf(p->role, sizeof p->role, "%s", t->role);
    snprintf(p->org, sizeof p->org, "%s", t->about);
    p->created = t->created;
    p->expires = t->expires;
    p->by_token = t->n;
    x->used = t->used;
    return 0;
}

/* The day is written, not the moment: each write is one to the disk. */
int api_token_note_use(struct api_call *c, int64_t n, int used)
{
    int day = date_of_ms(c->now);
    int r = used == day ? 0 : staff_token_used(c->app->store, n, day);
    return r == SANJI_E_FULL ? 0 : r; /* a full disk still lets programs read */
}

int api_token_load(struct api_call *c)
{
    const char *t = c->rq->authorization + sizeof scheme - 1;
    struct api_person p = {0};
    struct found x = {.p = &p};
    uint8_t hash[HASH_LEN];
    if (!c->rq->is_tls && !api_peer_is_local(c->rq->peer)) {
        c->code = "token_plain";
        return SANJI_E_FORBIDDEN;
    }
    int r = app_token_hash(t, strlen(t), hash) ? staff_token_get(c->app->store, hash, on_token, &x)
                                               : SANJI_E_NOT_FOUND;
    if (r < 0 && r != SANJI_E_NOT_FOUND) {
        return r;
    }
    int64_t wait = api_token_gate(c->api, c->rq->peer, p.by_token, c->mono);
    if (wait > 0) {
        return api_too_many(c, wait);
    }
    if (p.by_token == 0) {
        return refuse(c, "bad_token");
    }
    if (c->now >= p.expires) {
        return refuse(c, "token_expired");
    }
    c->me = p;
    return api_token_note_use(c, p.by_token, x.used);
}

/* ---- what an administrator does ---- */

static int on_listed(const struct staff_token *t, void *arg)
{
    struct jw *w = arg;
    char day[11];
    jw_obj(w, NULL);
    jw_int(w, "n", t->n);
    jw_str(w, "name", t->name);
    jw_str(w, "role", t->role);
    if (t->about[0] != '\0') {
        jw_str(w, "org", t->about);
    }
    jw_str(w, "maker", t->maker);
    jw_int(w, "created", t->created);
    jw_int(w, "expires", t->expires);
    if (t->used != 0) {
        date_write(t->used, day);
        jw_str(w, "used", day);
    }
    jw_end_obj(w);
    return 0;
}

int h_tokens(struct api_call *c)
{
    jw_obj(&c->w, NULL);
    jw_arr(&c->w, "tokens");
    int r = staff_token_list(c->app->store, on_listed, &c->w);
    jw_end_arr(&c->w);
    jw_end_obj(&c->w);
    return r;
}

/* With the password: a token outlives a session that was stolen. */
int h_token_new(struct api_call *c)
{
    const struct body_token *b = &c->in.token;
    struct app_token t = {.name = b->name,
                          .role = b->role,
                          .about = b->org == NULL ? "" : b->org,
                          .maker = c->me.login,
                          .days = b->days};
    char text[APP_TOKEN_TEXT] = "";
    int64_t n = 0;
    int r = api_password_is(c, "password", b->password);
    r = r < 0 ? r : app_token_add(c->app, &t, text, &n, &c->f);
    if (r == 0) {
        snprintf(c->target, sizeof c->target, "%lld", (long long)n);
    }
    jw_obj(&c->w, NULL);
    jw_int(&c->w, "n", n);
    jw_str(&c->w, "token", text);
    jw_end_obj(&c->w);
    mem_wipe(text, sizeof text);
    return r;
}

int h_token_drop(struct api_call *c)
{
    int64_t n = 0;
    int r = api_number(c, &n);
    return api_done(c, n, r < 0 ? r : app_token_revoke(c->app, n));
}
