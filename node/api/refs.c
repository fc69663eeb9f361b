/* SPDX-License-Identifier: Apache-2.0 */
/* Who may see a kind, and what records name: the title of the organisation stands in the line of
 * the visit, so that nobody reads ids. */
#include "node/api/route.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <string.h>

/* What stays at the node holds names and telephones: it is for those who work on cases. */
bool api_sees(const struct api_call *c, const struct kind *k)
{
    return strcmp(k->audience, "own") != 0 || api_role_may(c->me.role, WHO_CASES);
}

static int on_named(const struct store_rec *rec, void *arg)
{
    struct buf *title = arg;
    return rec->withdrawn ? 0 : buf_put(title, rec->title, strlen(rec->title));
}

static void put_title(struct api_call *c, const char *field, struct span id)
{
    char text[LIM_ID_BYTES + 1];
    struct buf title;
    if (id.n == 0 || id.n >= sizeof text) {
        return;
    }
    memcpy(text, id.p, id.n);
    text[id.n] = '\0';
    buf_init(&title, LIM_ITEM_BYTES);
    if (store_record_get(c->app->store, app_id(c->app), NULL, text, on_named, &title) == 0 &&
        title.len > 0) {
        jw_strn(&c->w, field, (const char *)title.data, title.len);
    }
    buf_done(&title);
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
