/* SPDX-License-Identifier: Apache-2.0 */
/* What records name: the title of the organisation stands in the line of the visit, so that nobody
 * reads ids. */
#include "node/api/route.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <string.h>

struct named {
    const struct api_call *c;
    struct buf title;
};

bool api_is_ours(const struct api_call *c, const struct store_rec *rec)
{
    const char *me = app_id(c->app);
    return strncmp(rec->aud, "to:", 3) != 0 || strcmp(rec->owner, me) == 0 ||
           strstr(rec->aud, me) != NULL;
}

static int on_named(const struct store_rec *rec, void *arg)
{
    struct named *x = arg;
    const struct kind *k = kind_find(rec->kind);
    bool shown = !rec->withdrawn && k != NULL && api_may(x->c, k, KACT_READ) &&
                 api_sees_record(x->c, k, rec->id, rec->d);
    return shown ? buf_put(&x->title, rec->title, strlen(rec->title)) : 0;
}

static void put_title(struct api_call *c, const char *field, struct span id)
{
    char text[LIM_ID_BYTES + 1];
    struct named x = {.c = c};
    if (id.n == 0 || id.n >= sizeof text) {
        return;
    }
    memcpy(text, id.p, id.n);
    text[id.n] = '\0';
    buf_init(&x.title, LIM_ITEM_BYTES);
    if (store_record_get(c->app->store, app_id(c->app), NULL, text, on_named, &x) == 0 &&
        x.title.len > 0) {
        jw_strn(&c->w, field, (const char *)x.title.data, x.title.len);
    }
    buf_done(&x.title);
}

void api_put_refs(struct api_call *c, const struct store_rec *rec)
{
    const struct kind *k = kind_find(rec->kind);
    bool begun = false;
    for (size_t i = 0; k != NULL && i < k->n_fields; i++) {
        struct span v, id;
        if (k->fields[i].type != KF_REF || k->fields[i].choices == NULL ||
            !jcur_get(rec->d, k->fields[i].name, &v) || !jcur_plain(v, &id)) {
            continue;
        }
        if (!begun) {
            jw_obj(&c->w, "refs");
            begun = true;
        }
        put_title(c, k->fields[i].name, id);
    }
    if (begun) {
        jw_end_obj(&c->w);
    }
}
