/* SPDX-License-Identifier: Apache-2.0 */
/* What a record does to another one of its node when it comes into a state (struct kind_effect): an
 * assessment gives an organisation its stage, a change that was agreed its archive new values. */
#include "protocol/kinds/internal.h"

#include "protocol/jwrite.h"

#include <string.h>

bool kind_effect_due(const struct kind *k, struct span was, struct span d, struct span *ret_ref)
{
    const struct kind_field *fld = k->effect == NULL ? NULL : kind_field_with(k, KFF_STATE);
    struct span ref;
    if (fld == NULL || !span_eqs(kind__state(fld, d), k->effect->state) ||
        (was.n > 0 && span_eqs(kind__state(fld, was), k->effect->state))) {
        return false;
    }
    return jcur_get(d, k->effect->ref, &ref) && jcur_plain(ref, ret_ref);
}

/* The value of d that goes into member `to` of the record touched. */
static bool effect_value(const struct kind *k, struct span d, const char *to, struct span *ret)
{
    const char *f = k->effect->from, *t = k->effect->to;
    for (; *f != '\0'; f += strspn(f, " "), t += strspn(t, " ")) {
        char from[LIM_NAME_BYTES + 1];
        size_t fn = strcspn(f, " "), tn = strcspn(t, " ");
        if (tn == strlen(to) && memcmp(t, to, tn) == 0 && fn < sizeof from) {
            memcpy(from, f, fn);
            from[fn] = '\0';
            return jcur_get(d, from, ret);
        }
        f += fn;
        t += tn;
    }
    return false;
}

int kind_effect_write(const struct kind *k, struct span d, const struct kind *ok, struct span of,
                      struct buf *out)
{
    struct jw w;
    struct span v;
    jw_init(&w, out);
    jw_obj(&w, NULL);
    for (size_t i = 0; i < ok->n_fields; i++) {
        const char *n = ok->fields[i].name;
        if (effect_value(k, d, n, &v) || jcur_get(of, n, &v)) {
            jw_raw(&w, n, v.p, v.n);
        }
    }
    jw_end_obj(&w);
    return jw_done(&w);
}

void kind_effect_was(const struct kind *k, struct span d, const struct kind *ok, struct span of,
                     struct jw *w)
{
    struct span v;
    jw_obj(w, k->effect->was);
    for (size_t i = 0; i < ok->n_fields; i++) {
        const struct kind_field *x = &ok->fields[i];
        if ((x->flags & KFF_P1) == 0 && effect_value(k, d, x->name, &v) &&
            jcur_get(of, x->name, &v)) {
            jw_raw(w, x->name, v.p, v.n);
        }
    }
    jw_end_obj(w);
}
