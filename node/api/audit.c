/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log as a page reads it: who, what, on which id, with what result. Ids and codes only;
 * no row holds a name or a text of a record. */
#include "node/api/route.h"

#include <string.h>

enum { ROWS = 50, ROWS_MAX = 200 };

static int on_row(const struct staff_audit *a, void *arg)
{
    struct jw *w = arg;
    jw_obj(w, NULL);
    jw_int(w, "n", a->n);
    jw_int(w, "ts", a->ts);
    jw_str(w, "who", a->who);
    jw_str(w, "what", a->what);
    jw_str(w, "target", a->target);
    jw_str(w, "result", a->result);
    jw_end_obj(w);
    return 0;
}

int h_audit(struct api_call *c)
{
    char who[STAFF_LOGIN_BYTES + 1];
    int64_t before = 0, limit = ROWS;
    if (api_query(c, "who", who, sizeof who) < 0) {
        return fault_set(&c->f, SANJI_E_SPEC, "who", "1 .. 64");
    }
    int r = api_query_int(c, "before", 1, INT64_MAX, &before);
    r = r < 0 ? r : api_query_int(c, "limit", 1, ROWS_MAX, &limit);
    if (r < 0) {
        return r;
    }
    jw_obj(&c->w, NULL);
    jw_arr(&c->w, "rows");
    r = staff_audit_list(c->app->store, who[0] == '\0' ? NULL : who, before, limit, on_row, &c->w);
    jw_end_arr(&c->w);
    jw_end_obj(&c->w);
    return r;
}
