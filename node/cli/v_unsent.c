/* SPDX-License-Identifier: Apache-2.0 */
/* unsent: what this node had said before a backup was put back and could not publish again, and
 * records that were taken and could not be signed. */
#include "node/cli/table.h"

#include "node/app.h"
#include "node/app_refused.h"
#include "protocol/jwrite.h"

#include <stdio.h>
#include <string.h>

/* "listing/1 c0, listing/1 c1": names and kinds, nothing of what stands in them. */
static void items_of(const struct bundle *b, struct buf *out)
{
    for (size_t i = 0; b != NULL && b->item != NULL && i < (size_t)b->hdr.n; i++) {
        struct item it;
        if (b->item[i].stub || item_parse(b->item[i].text, &it, NULL) < 0) {
            continue;
        }
        buf_puts(out, out->len > 0 ? ", " : "");
        buf_puts(out, it.k);
        buf_puts(out, " ");
        buf_puts(out, it.id);
    }
}

static int on_unsent(const struct sync_aside *x, void *arg)
{
    struct table *t = arg;
    struct verb *v = t->v;
    struct buf items, b;
    int r;
    buf_init(&items, LIM_BUNDLE_BYTES);
    buf_init(&b, LIM_BUNDLE_BYTES);
    items_of(x->b, &items);
    if (verb_has(v, "json")) {
        struct jw w;
        jw_init(&w, &b);
        jw_obj(&w, NULL);
        jw_str(&w, "name", x->name);
        jw_str(&w, "state", x->err == 0 ? "whole" : err_name(x->err));
        if (x->b != NULL) {
            jw_str(&w, "aud", x->b->hdr.aud);
            jw_int(&w, "ts", x->b->hdr.ts);
            jw_str(&w, "items", buf_str(&items));
        }
        jw_end_obj(&w);
        r = jw_done(&w);
        r = r == 0 ? verb_text(v, &b) : r;
    } else {
        const char *cell[] = {x->name, x->b == NULL ? "" : x->b->hdr.aud,
                              x->err < 0 ? text_error(v->lang, x->err) : buf_str(&items)};
        r = table_row(t, cell);
    }
    buf_done(&items);
    buf_done(&b);
    return r;
}

/* What it is, then why it lies here. */
static void refused_cell(const struct verb *v, const struct app_refused *x, struct buf *out)
{
    buf_puts(out, x->kind);
    buf_puts(out, x->kind[0] != '\0' ? " " : "");
    buf_puts(out, x->id);
    buf_puts(out, x->kind[0] != '\0' ? ": " : "");
    if (x->err == 0 || x->err == SANJI_E_OLD) {
        text_put(out, v->lang, x->err == 0 ? "unsent.can_now" : "unsent.newer", NULL);
        return;
    }
    buf_puts(out, text_error(v->lang, x->err));
    if (x->member != NULL && x->member[0] != '\0') {
        buf_printf(out, " (%s)", x->member);
    }
}

struct refused {
    struct table *t;
    int64_t n;
};

static int on_refused(const struct app_refused *x, void *arg)
{
    struct refused *l = arg;
    struct verb *v = l->t->v;
    struct buf b;
    int r;
    l->n++;
    buf_init(&b, 8192);
    if (verb_has(v, "json")) {
        struct jw w;
        struct buf items;
        buf_init(&items, 1024);
        buf_printf(&items, "%s %s", x->kind, x->id);
        jw_init(&w, &b);
        jw_obj(&w, NULL);
        jw_str(&w, "name", x->name);
        jw_str(&w, "state", x->err == 0 ? "whole" : err_name(x->err));
        jw_str(&w, "aud", x->aud);
        jw_str(&w, "items", x->kind[0] != '\0' ? buf_str(&items) : "");
        jw_str(&w, "member", x->member != NULL ? x->member : "");
        jw_end_obj(&w);
        r = jw_done(&w);
        r = r == 0 ? verb_text(v, &b) : r;
        buf_done(&items);
    } else {
        refused_cell(v, x, &b);
        const char *cell[] = {x->name, x->aud, buf_str(&b)};
        r = table_row(l->t, cell);
    }
    buf_done(&b);
    return r;
}

int v_unsent_list(struct verb *v)
{
    static const struct column cols[] = {{"col.name", 36}, {"col.audiences", 16}, {"col.what", 0}};
    struct table t = {.v = v, .cols = cols, .n = sizeof cols / sizeof cols[0]};
    struct refused l = {.t = &t};
    int r = sync_unsent_each(v->app->sync, on_unsent, &t);
    r = r < 0 ? r : app_refused_each(v->app, on_refused, &l);
    if (r < 0) {
        return verb_fail(v, r, NULL);
    }
    if (!verb_has(v, "json")) {
        table_end(&t, "unsent.none");
        if (l.n > 0) {
            VERB_SAY(v, 0, "unsent.how");
        }
    }
    return EXIT_OK;
}

int v_unsent_retry(struct verb *v)
{
    struct fault f = {0};
    if (app_is_refused(v->arg[0])) {
        int e = app_refused_again(v->app, v->arg[0], &f);
        if (e == SANJI_E_OLD) {
            VERB_SAY(v, EXIT_NO, "unsent.stays_newer", "what", v->arg[0]);
        }
        if (e < 0) {
            return verb_fail_fault(v, e, &f, v->arg[0]);
        }
        VERB_TELL(v, "unsent.signed", "what", v->arg[0]);
        return EXIT_OK;
    }
    int r = sync_unsent_again(v->app->sync, v->arg[0]);
    if (r < 0) {
        return verb_fail(v, r, v->arg[0]);
    }
    VERB_TELL(v, "unsent.retried", "what", v->arg[0]);
    return EXIT_OK;
}

int v_unsent_discard(struct verb *v)
{
    int r = app_is_refused(v->arg[0]) ? app_refused_drop(v->app, v->arg[0])
                                      : sync_unsent_drop(v->app->sync, v->arg[0]);
    if (r < 0) {
        return verb_fail(v, r, v->arg[0]);
    }
    VERB_TELL(v, "unsent.discarded", "what", v->arg[0]);
    return EXIT_OK;
}
