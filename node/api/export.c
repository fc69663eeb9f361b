/* SPDX-License-Identifier: Apache-2.0 */
/* A list as a file for spreadsheet programs: the filters of the list, every field of the kind. Who
 * took what away stands in the audit log before the file leaves. */
#include "node/api/list.h"
#include "node/app_table.h"

#include "protocol/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The database thread works on nothing else meanwhile; more than that is for the command line. */
enum { EXPORT_ROWS = 50000 };

struct export
{
    struct api_list l;
    struct table_form form;
    struct sheet *sheet;
    int64_t n;
};

static int on_bytes(const void *p, size_t n, void *arg)
{
    return buf_put(arg, p, n);
}

static int too_many(struct api_call *c)
{
    c->code = "export_large";
    return fault_set(&c->f, SANJI_E_SIZE, "", NULL);
}

static int on_rec(const struct store_rec *rec, void *arg)
{
    struct export *x = arg;
    bool show = false;
    int r = api_list_fits(&x->l, rec, &show);
    if (r < 0 || !show) {
        return r;
    }
    if (++x->n > EXPORT_ROWS) {
        return too_many(x->l.c);
    }
    return app_table_row(x->l.c->app, &x->form, rec, x->sheet);
}

/* One of two words of the query; the first when it is absent. */
static int pick(struct api_call *c, const char *name, const char *first, const char *second,
                bool *ret)
{
    char s[16];
    int r = api_query(c, name, s, sizeof s);
    *ret = r == 0 && strcmp(s, second) == 0;
    return r == 0 && (s[0] == '\0' || *ret || strcmp(s, first) == 0)
               ? 0
               : fault_set(&c->f, SANJI_E_SPEC, name, NULL);
}

static void put_headers(struct api_call *c, const struct kind *k, bool xlsx)
{
    char day[11];
    date_write(date_of_ms(c->now), day);
    (void)snprintf(c->rep->text, sizeof c->rep->text, "attachment; filename=\"%s-%s.%s\"", k->name,
                   day, xlsx ? "xlsx" : "csv");
    api_header(c->rep, "Content-Disposition", c->rep->text);
    api_header(c->rep, "Content-Type",
               xlsx ? "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
                    : "text/csv; charset=utf-8");
    c->raw = true;
}

static int run(struct export *x, bool xlsx)
{
    struct api_call *c = x->l.c;
    struct store_filter f = {0};
    int r = api_list_read(&x->l, &f);
    x->form.k = x->l.k;
    x->form.personal = r == 0 && !api_is_cut(c, x->l.k);
    f.limit = INT64_MAX / 2;
    r = r < 0 ? r
              : sheet_new(xlsx ? SHEET_XLSX : SHEET_CSV, x->l.k->name, on_bytes, &c->rep->body,
                          &x->sheet);
    r = r < 0 ? r : app_table_head(&x->form, x->sheet);
    r = r < 0 ? r : store_record_list(c->app->store, &f, on_rec, x);
    r = r < 0 ? r : sheet_end(x->sheet);
    if (r == SANJI_E_SIZE) {
        return too_many(c);
    }
    (void)snprintf(c->target, sizeof c->target, "%s", r == 0 ? x->l.k->name : "");
    return r < 0 ? r : api_audit(c, "ok");
}

int h_export(struct api_call *c)
{
    bool xlsx = false;
    struct export *x = calloc(1, sizeof *x);
    if (x == NULL) {
        return SANJI_E_NOMEM;
    }
    x->l.c = c;
    x->form.lang = c->lang;
    buf_init(&x->l.value, LIM_ITEM_BYTES);
    int r = pick(c, "format", "csv", "xlsx", &xlsx);
    r = r < 0 ? r : pick(c, "head", "labels", "names", &x->form.names);
    r = r < 0 ? r : run(x, xlsx);
    if (r == 0) {
        put_headers(c, x->form.k, xlsx);
    }
    sheet_free(x->sheet);
    buf_done(&x->l.value);
    free(x);
    return r;
}
