/* SPDX-License-Identifier: Apache-2.0 */
/* What has been kept for as long as its kind says. Asked through the index of time: only what is
 * that old is read. */
#include "node/app_keep.h"

#include "node/app_internal.h"
#include "protocol/base/text.h"

#include <stdio.h>
#include <string.h>

static const int64_t day_ms = 86400000;

struct walk {
    struct app *a;
    const struct kind *k;
    app_keep_fn *fn;
    void *arg;
    int64_t limit, n; /* of the present list */
    bool more;
};

static int tell(struct walk *w, const char *id, int64_t since_ms)
{
    struct app_keep x = {.kind = w->k->name, .id = id, .since = date_of_ms(since_ms)};
    x.until = x.since + w->k->keep->days;
    if (w->n == w->limit) {
        w->more = true;
        return 0;
    }
    w->n++;
    return w->fn(&x, w->arg);
}

static int on_record(const struct store_rec *rec, void *arg)
{
    return tell(arg, rec->id, rec->ts);
}

/* One that can be erased: at its end, and not erased yet. */
static int on_thread(const struct store_thread *t, void *arg)
{
    return app_referral_erasable(t) ? tell(arg, t->id, t->changed) : 0;
}

static int of_state(struct walk *w, const char *state, int64_t before)
{
    struct store_filter f = {.kind = w->k->name,
                             .owner = app_id(w->a),
                             .state = state,
                             .limit = w->limit + 1,
                             .before_ts = before};
    w->n = 0;
    return store_record_list(w->a->store, &f, on_record, w);
}

static int of_kind(struct walk *w, int64_t before)
{
    const char *p = w->k->keep->states;
    int r = 0;
    if (w->k->shape == KS_SEALED) {
        w->n = 0;
        return store_thread_older(w->a->store, before, on_thread, w);
    }
    if (p == NULL) {
        return of_state(w, NULL, before);
    }
    while (r == 0 && *p != '\0') {
        char state[32];
        size_t n = strcspn(p, " ");
        (void)snprintf(state, sizeof state, "%.*s", (int)n, p);
        r = of_state(w, state, before);
        p += n + (p[n] == ' ');
    }
    return r;
}

int app_keep_due(struct app *a, int64_t now_ms, int64_t limit, app_keep_fn *fn, void *arg,
                 bool *ret_more)
{
    struct walk w = {.a = a, .fn = fn, .arg = arg, .limit = limit};
    int r = 0;
    for (size_t i = 0; r == 0 && i < kinds_n; i++) {
        w.k = kinds[i];
        if (w.k->keep != NULL && now_ms > w.k->keep->days * day_ms) {
            r = of_kind(&w, now_ms - w.k->keep->days * day_ms);
        }
    }
    *ret_more = w.more;
    return r > 0 ? 0 : r;
}
