/* SPDX-License-Identifier: Apache-2.0 */
/* What the kind tables open to who is logged in (protocol/kinds/access.c), record by record: every
 * handler that shows or takes a record asks here. */
#include "node/api/route.h"

#include <string.h>

bool api_is_bound(const struct api_call *c, const struct kind *k)
{
    return k->access != NULL && k->access->org != NULL && strcmp(c->me.role, KIND_MEMBER) == 0;
}

bool api_may(const struct api_call *c, const struct kind *k, enum kind_act act)
{
    return kind_may(k, c->me.role, act) && (!api_is_bound(c, k) || c->me.org[0] != '\0');
}

bool api_may_named(const struct api_call *c, const char *kind, enum kind_act act)
{
    const struct kind *k = kind_find(kind);
    return k != NULL && api_may(c, k, act);
}

bool api_sees_record(const struct api_call *c, const struct kind *k, const char *id, struct span d)
{
    return !api_is_bound(c, k) || kind_is_about(k, c->me.org, id, d);
}

bool api_is_cut(const struct api_call *c, const struct kind *k)
{
    return kind_has_personal(k) && !api_may(c, k, KACT_PERSONAL);
}

int api_put_content(struct api_call *c, const struct kind *k, struct span d)
{
    struct buf b;
    int r = 0;
    if (d.n == 0) {
        jw_raw(&c->w, "d", "{}", 2);
        return 0;
    }
    if (!api_is_cut(c, k)) {
        jw_raw(&c->w, "d", d.p, d.n);
        return 0;
    }
    buf_init(&b, LIM_ITEM_BYTES);
    r = kind_impersonal_write(k, d, &b);
    if (r == 0) {
        jw_raw(&c->w, "d", b.data, b.len);
    }
    buf_done(&b);
    return r;
}

int api_hit(const struct api_call *c, const struct kind *k, const char *q, struct span d, bool *ret)
{
    struct buf b, text;
    *ret = true;
    if (q[0] == '\0' || !api_is_cut(c, k)) {
        return 0;
    }
    buf_init(&b, LIM_ITEM_BYTES);
    buf_init(&text, LIM_ITEM_BYTES);
    int r = kind_impersonal_write(k, d, &b);
    r = r < 0 ? r : kind_search_text(k, span_of(b.data, b.len), &text);
    r = r < 0 ? r : store_text_has(q, span_of(text.data, text.len), ret);
    buf_done(&b);
    buf_done(&text);
    return r;
}
