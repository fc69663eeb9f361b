/* SPDX-License-Identifier: Apache-2.0 */
/* How fresh is what others write, for every place where people look (PROTOCOL.md 15.8): one list of
 * the lanes that are not, in one order, so that page, command line and monitor say the same. */
#include "node/app_internal.h"

#include <string.h>

const char *app_news_word(enum sync_news_state state)
{
    static const char *const word[] = {"fresh", "silent", "missing", "diverged", "kept_back"};
    return (size_t)state < sizeof word / sizeof word[0] ? word[state] : "fresh";
}

struct news {
    struct app_news *n;
    app_news_fn *fn;
    void *arg;
};

static int on_lane(const struct sync_news *n, void *arg)
{
    struct news *x = arg;
    x->n->lanes[n->state]++;
    return n->state == SYNC_NEWS_FRESH || x->fn == NULL ? 0 : x->fn(n, x->arg);
}

int app_news(struct app *a, struct app_news *ret, app_news_fn *fn, void *arg)
{
    struct sync_tick t;
    struct news x = {ret, fn, arg};
    memset(ret, 0, sizeof *ret);
    int r = app_tick_make(&t);
    return r < 0 ? r : sync_each_news(a->sync, &t, on_lane, &x);
}
