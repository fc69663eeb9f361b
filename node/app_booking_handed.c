/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown of times that were handed over: to whom, until when, and what was given away of
 * them. At the owner that is what has arrived so far; the holder may know more and be out of reach.
 */
#include "node/app_booking_book.h"
#include "protocol/jcur.h"
#include "protocol/jwrite.h"

#include <stdlib.h>
#include <string.h>

enum { EVERY = 1 << 30 };

static const char *name_of(struct app *a, const char *id)
{
    const struct roster_node *n = roster_node(app_roster(a), id);
    return n != NULL ? n->name : id;
}

static void put_span(struct jw *w, struct bk_span at)
{
    app__booking_minute(w, "from", at.from);
    app__booking_minute(w, "to", at.to);
}

struct uses {
    struct arena *ar;
    struct jw *w;
    const struct bk_allot *x;
};

static int on_use(const struct store_rec *rec, void *arg)
{
    struct uses *u = arg;
    struct bk_ask k;
    bool is = false;
    if (!span_eqs(jcur_plain_of(rec->d, "allot"), u->x->id)) {
        return 0;
    }
    int r = app__booking_ask_read(u->ar, rec, u->x->owner, &k, &is);
    for (size_t i = 0; r == 0 && is && i < k.n_at; i++) {
        if ((k.off >> i & 1) == 0) {
            jw_obj(u->w, NULL);
            put_span(u->w, k.at[i]);
            jw_str(u->w, "org", k.org);
            jw_end_obj(u->w);
        }
    }
    return r;
}

static int on_title(const struct store_rec *rec, void *arg)
{
    return buf_puts(arg, rec->title);
}

static int put_one(struct app *a, struct arena *ar, struct jw *w, const struct bk_allot *x)
{
    static const char *const word[] = {"open", "recalled", "ended"};
    struct store_filter fl = {.kind = "booking_ask", .owner = x->node, .limit = EVERY};
    struct uses u = {ar, w, x};
    struct buf title;
    buf_init(&title, 4096);
    int r = store_record_get(a->store, x->owner, "listing", x->listing, on_title, &title);
    jw_obj(w, NULL);
    jw_str(w, "id", x->id);
    jw_str(w, "owner", x->owner);
    jw_str(w, "owner_name", name_of(a, x->owner));
    jw_str(w, "node", x->node);
    jw_str(w, "node_name", name_of(a, x->node));
    jw_str(w, "listing", x->listing);
    jw_str(w, "listing_title", title.len > 0 ? buf_str(&title) : x->listing);
    jw_str(w, "state", word[x->state]);
    app__booking_minute(w, "until", x->until);
    jw_arr(w, "at");
    for (size_t i = 0; i < x->n_at; i++) {
        jw_arr(w, NULL);
        app__booking_minute(w, NULL, x->at[i].from);
        app__booking_minute(w, NULL, x->at[i].to);
        jw_end_arr(w);
    }
    jw_end_arr(w);
    jw_arr(w, "uses");
    r = r < 0 && r != SANJI_E_NOT_FOUND ? r : store_record_list(a->store, &fl, on_use, &u);
    jw_end_arr(w);
    jw_end_obj(w);
    buf_done(&title);
    return r;
}

int app__booking_put_handed(struct app *a, struct arena *ar, struct jw *w, const char *name,
                            bool mine, const char *owner, const char *listing)
{
    struct bk_allot *v = NULL;
    size_t n = 0;
    int r = app__booking_allots(a, ar, mine, &v, &n);
    jw_arr(w, name);
    for (size_t i = 0; r == 0 && i < n; i++) {
        bool asked = listing == NULL ||
                     (strcmp(v[i].listing, listing) == 0 && strcmp(v[i].owner, owner) == 0);
        if (asked && v[i].state != BK_ALLOT_ENDED) {
            r = put_one(a, ar, w, &v[i]);
        }
    }
    jw_end_arr(w);
    free(v);
    return r;
}

int app_booking_handed(struct app *a, struct jw *w)
{
    struct arena *ar = arena_new(16 << 20);
    if (ar == NULL) {
        return SANJI_E_NOMEM;
    }
    jw_obj(w, NULL);
    int r = app__booking_put_handed(a, ar, w, "given", true, NULL, NULL);
    r = r < 0 ? r : app__booking_put_handed(a, ar, w, "held", false, NULL, NULL);
    jw_end_obj(w);
    arena_free(ar);
    return r;
}
