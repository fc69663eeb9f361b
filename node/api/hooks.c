/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told what comes to wait here, as an administrator sees and arranges it. Addresses of
 * robots hold their key: shown as far as the host, like secrets not at all. */
#include "node/app_hook.h"

#include "node/api/route.h"

#include <stdio.h>
#include <string.h>

static int on_listed(const struct hook_row *h, void *arg)
{
    struct jw *w = arg;
    const char *p = strstr(h->url, "://");
    size_t n = p == NULL ? 0 : (size_t)(p - h->url) + 3 + strcspn(p + 3, "/?");
    jw_obj(w, NULL);
    jw_int(w, "n", h->n);
    jw_str(w, "name", h->name);
    jw_str(w, "form", h->form);
    jw_strn(w, "to", h->url, n);
    jw_bool(w, "signed", h->secret[0] != '\0');
    jw_str(w, "events", h->events);
    jw_str(w, "maker", h->maker);
    jw_int(w, "created", h->created);
    jw_int(w, "queued", h->queued);
    jw_int(w, "ok_at", h->ok_at);
    jw_int(w, "fails", h->fails);
    jw_int(w, "failed", h->failed);
    jw_str(w, "why", h->why);
    jw_bool(w, "dead", h->fails >= HOOK_DEAD);
    jw_end_obj(w);
    return 0;
}

int h_hooks(struct api_call *c)
{
    jw_obj(&c->w, NULL);
    jw_arr(&c->w, "hooks");
    int r = hook_list(c->app->store, on_listed, &c->w);
    jw_end_arr(&c->w);
    char events[HOOK_EVENTS];
    const char *p = app_hook_events(events);
    jw_arr(&c->w, "sources");
    while (*p != '\0') {
        size_t n = strcspn(p, " ");
        jw_strn(&c->w, NULL, p, n);
        p += n + (p[n] == ' ');
    }
    jw_end_arr(&c->w);
    jw_end_obj(&c->w);
    return r;
}

/* With the password, like a token: what is sent goes on when the session has ended. */
int h_hook_new(struct api_call *c)
{
    const struct body_hook *b = &c->in.hook;
    struct app_hook h = {.name = b->name,
                         .form = b->form,
                         .url = b->url,
                         .secret = b->secret == NULL ? "" : b->secret,
                         .events = b->events == NULL ? "" : b->events,
                         .maker = c->me.login};
    char secret[HOOK_SECRET] = "";
    int64_t n = 0;
    int r = api_password_is(c, "password", b->password);
    r = r < 0 ? r : app_hook_add(c->app, &h, secret, &n, &c->f);
    if (r == 0) {
        snprintf(c->target, sizeof c->target, "%lld", (long long)n);
    }
    jw_obj(&c->w, NULL);
    jw_int(&c->w, "n", n);
    if (secret[0] != '\0') {
        jw_str(&c->w, "secret", secret);
    }
    jw_end_obj(&c->w);
    mem_wipe(secret, sizeof secret);
    return r;
}

int h_hook_test(struct api_call *c)
{
    int64_t n = 0;
    int r = api_number(c, &n);
    return api_done(c, n, r < 0 ? r : app_hook_test(c->app, n));
}

int h_hook_drop(struct api_call *c)
{
    int64_t n = 0;
    int r = api_number(c, &n);
    return api_done(c, n, r < 0 ? r : app_hook_drop(c->app, n));
}
