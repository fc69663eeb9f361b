/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody has typed and not sent yet, kept at every pause. A draft belongs to one person; two
 * devices of his are told apart by the time the node gave to what each has seen, so that the later
 * one asks instead of writing over. The content is the page's own affair. */
#include "node/api/route.h"

#include <stdio.h>
#include <string.h>

enum { DRAFTS_MAX = 200, NAME_MAX_BYTES = 120 };

/* Forms are named "KIND.…". What is no kind's is a page's own. */
static int check_kind(struct api_call *c)
{
    char name[API_PARAM_BYTES];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(c->param[0], "."), c->param[0]);
    const struct kind *k = kind_find(name);
    return k == NULL || api_may(c, k, KACT_WRITE) ? 0 : SANJI_E_FORBIDDEN;
}

static int check_name(struct api_call *c)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
    size_t n = strlen(c->param[0]);
    return n > 0 && n <= NAME_MAX_BYTES && strspn(c->param[0], allowed) == n
               ? check_kind(c)
               : fault_set(&c->f, SANJI_E_SPEC, "name", "[A-Za-z0-9._:-], at most 120");
}

static int put_one(const struct staff_draft *d, void *arg)
{
    struct api_call *c = arg;
    jw_int(&c->w, "at", d->at);
    jw_raw(&c->w, "draft", d->body.p, d->body.n);
    return 0;
}

int h_draft(struct api_call *c)
{
    int r = check_name(c);
    jw_obj(&c->w, NULL);
    r = r < 0 ? r : staff_draft_get(c->app->store, c->me.login, c->param[0], put_one, c);
    if (r == SANJI_E_NOT_FOUND) { /* the ordinary case, and no fault */
        jw_int(&c->w, "at", 0);
        r = 0;
    }
    jw_end_obj(&c->w);
    return r;
}

static int put_line(const struct staff_draft *d, void *arg)
{
    struct api_call *c = arg;
    jw_obj(&c->w, NULL);
    jw_str(&c->w, "name", d->name);
    jw_int(&c->w, "at", d->at);
    jw_end_obj(&c->w);
    return 0;
}

int h_drafts(struct api_call *c)
{
    jw_obj(&c->w, NULL);
    jw_arr(&c->w, "drafts");
    int r = staff_draft_list(c->app->store, c->me.login, put_line, c);
    jw_end_arr(&c->w);
    jw_end_obj(&c->w);
    return r;
}

static int count_one(const struct staff_draft *d, void *arg)
{
    (void)d;
    ++*(int64_t *)arg;
    return 0;
}

static int at_of(const struct staff_draft *d, void *arg)
{
    *(int64_t *)arg = d->at;
    return 0;
}

int h_draft_put(struct api_call *c)
{
    struct store *s = c->app->store;
    int64_t at = 0, n = 0;
    int r = check_name(c);
    if (r == 0 && (c->in.draft.draft.n == 0 || c->in.draft.draft.p[0] != '{')) {
        r = fault_set(&c->f, SANJI_E_SPEC, "draft", "an object");
    }
    r = r < 0 ? r : staff_draft_get(s, c->me.login, c->param[0], at_of, &at);
    if (r == SANJI_E_NOT_FOUND) {
        r = staff_draft_list(s, c->me.login, count_one, &n);
        if (r == 0 && n >= DRAFTS_MAX) {
            r = fault_set(&c->f, SANJI_E_QUOTA, "draft", "at most 200 unsent forms");
        }
    }
    if (r < 0) {
        return r;
    }
    if (at > c->in.draft.seen) { /* another device wrote since: it is shown, not written over */
        api_error_begin(c, SANJI_E_CONFLICT);
        r = staff_draft_get(s, c->me.login, c->param[0], put_one, c);
        jw_end_obj(&c->w);
        return r;
    }
    struct staff_draft d = {
        .name = c->param[0], .at = c->now > at ? c->now : at + 1, .body = c->in.draft.draft};
    r = staff_draft_put(s, c->me.login, &d);
    jw_obj(&c->w, NULL);
    jw_int(&c->w, "at", d.at);
    jw_end_obj(&c->w);
    return r;
}

int h_draft_drop(struct api_call *c)
{
    int r = check_name(c);
    r = r < 0 ? r : staff_draft_del(c->app->store, c->me.login, c->param[0]);
    jw_obj(&c->w, NULL);
    jw_end_obj(&c->w);
    return r;
}
