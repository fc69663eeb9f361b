/* SPDX-License-Identifier: Apache-2.0 */
/* The list of records: what narrows it, page by page. The export takes the same filters. */
#include "node/api/list.h"

#include "protocol/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LIST_DEFAULT = 50,
    LIST_MAX = 200,
    SCAN_MAX = 5000, /* rows looked at by one request when the list is narrowed by content */
    TOTAL_MAX = 1000,
};

/* "f.venue=..." members of the query that name a filter field of the kind. */
static int read_own_filters(struct api_list *l)
{
    for (size_t i = 0; i < l->k->n_fields; i++) {
        const struct kind_field *fl = &l->k->fields[i];
        char name[LIM_NAME_BYTES + 4];
        struct own_filter *f = &l->f[l->n_f < OWN_FILTERS ? l->n_f : 0];
        char value[256];
        snprintf(name, sizeof name, "f.%s", fl->name);
        int r = (fl->flags & KFF_FILTER) == 0 ? 0 : api_query(l->c, name, value, sizeof value);
        if (r < 0 || (r == 0 && (fl->flags & KFF_FILTER) != 0 && value[0] != '\0' &&
                      l->n_f == OWN_FILTERS)) {
            return fault_set(&l->c->f, SANJI_E_SPEC, name, "at most 4 filters");
        }
        if ((fl->flags & KFF_FILTER) != 0 && value[0] != '\0') {
            snprintf(f->name, sizeof f->name, "%s", fl->name);
            memcpy(f->value, value, sizeof value);
            f->field = fl;
            l->n_f++;
        }
    }
    return 0;
}

/* A member of an array matches too: a value's text has one element a line. */
static bool has_line(const char *text, const char *want)
{
    size_t n = strlen(want);
    for (const char *p = text; p != NULL; p = strchr(p, '\n')) {
        p += *p == '\n';
        if (strncmp(p, want, n) == 0 && (p[n] == '\0' || p[n] == '\n')) {
            return true;
        }
    }
    return false;
}

int api_list_fits(struct api_list *l, const struct store_rec *rec, bool *ret)
{
    *ret = api_is_ours(l->c, rec) && api_sees_record(l->c, l->k, rec->id, rec->d);
    int e = *ret ? api_hit(l->c, l->k, l->q, rec->d, ret) : 0;
    if (e < 0) {
        return e;
    }
    for (size_t i = 0; *ret && i < l->n_f; i++) {
        buf_reset(&l->value);
        int r = kind_value_text(l->f[i].field, rec->d, &l->value);
        if (r < 0) {
            return r;
        }
        const char *first = l->f[i].field->choices;
        if (l->value.len == 0 && (l->f[i].field->flags & KFF_BY) != 0) { /* not said: the first */
            r = buf_put(&l->value, first, strcspn(first, " "));
            if (r < 0) {
                return r;
            }
        }
        const char *v = buf_str(&l->value);
        bool prefix = l->f[i].field->type == KF_AREA;
        *ret = prefix ? strncmp(v, l->f[i].value, strlen(l->f[i].value)) == 0
                      : has_line(v, l->f[i].value);
    }
    return 0;
}

static int on_list(const struct store_rec *rec, void *arg)
{
    struct api_list *l = arg;
    bool show = false;
    if (l->seen == SCAN_MAX) {
        l->more = l->scanned = true;
        return 1;
    }
    l->seen++;
    int r = api_list_fits(l, rec, &show);
    if (r < 0 || !show) {
        l->hidden_ts = rec->ts;
        l->hidden_n = rec->n;
        return r;
    }
    if (l->passed < l->skip) {
        l->passed++;
        return 0;
    }
    if (l->shown == l->limit) {
        l->more = true; /* there is another one that may be shown: of the rest nothing is said */
        return 1;
    }
    l->last_ts = l->hidden_ts = rec->ts;
    l->last_n = l->hidden_n = rec->n;
    jw_obj(&l->c->w, NULL);
    r = api_put_record(l->c, rec);
    jw_end_obj(&l->c->w);
    l->shown++;
    return r;
}

static int read_text(struct api_call *c, const char *name, char *out, size_t max)
{
    int r = api_query(c, name, out, max);
    return r < 0 ? fault_set(&c->f, SANJI_E_SPEC, name, NULL) : 0;
}

/* Cursor: "TS.N" of the last row shown; of a search "oB.N": so many blocks of SCAN_MAX rows looked
 * through, and N of the next one shown. Only what was shown is counted: a number that grew with
 * what is hidden would tell how much of it there is. */
static int read_after(struct api_list *l, struct store_filter *f)
{
    char s[48];
    int r = read_text(l->c, "after", s, sizeof s);
    if (r < 0 || s[0] == '\0') {
        return r;
    }
    char *dot = strchr(s, '.');
    if (s[0] == 'o' && dot != NULL && l->q[0] != '\0') {
        r = text_i64(s + 1, (size_t)(dot - s) - 1, 0, 1000000, &l->block);
        r = r < 0 ? r : text_i64(dot + 1, strlen(dot + 1), 0, SCAN_MAX, &l->skip);
        f->offset = l->block * SCAN_MAX;
    } else if (dot != NULL && l->q[0] == '\0') {
        r = text_i64(s, (size_t)(dot - s), INT64_MIN / 2, INT64_MAX / 2, &f->before_ts);
        if (r == 0) {
            r = text_i64(dot + 1, strlen(dot + 1), 0, INT64_MAX / 2, &f->before_n);
        }
    } else {
        r = SANJI_E_SPEC;
    }
    return r < 0 ? fault_set(&l->c->f, SANJI_E_SPEC, "after", NULL) : 0;
}

int api_list_read(struct api_list *l, struct store_filter *f)
{
    struct api_call *c = l->c;
    int r = read_text(c, "kind", l->kind, sizeof l->kind);
    l->k = r == 0 ? kind_find(l->kind) : NULL;
    if (l->k == NULL) {
        c->code = "unknown_kind";
        return fault_set(&c->f, SANJI_E_SPEC, "kind", NULL);
    }
    if (!api_may(c, l->k, KACT_READ)) {
        return SANJI_E_FORBIDDEN;
    }
    r = read_text(c, "q", l->q, sizeof l->q);
    if (r == 0) {
        r = read_text(c, "owner", l->owner, sizeof l->owner);
    }
    if (r == 0 && strcmp(l->owner, "me") == 0) {
        snprintf(l->owner, sizeof l->owner, "%s", app_id(c->app));
    }
    if (r == 0) {
        r = read_text(c, "state", l->state, sizeof l->state);
    }
    if (r == 0) {
        r = read_text(c, "area", l->area, sizeof l->area);
    }
    if (r == 0 && l->area[0] != '\0' && strspn(l->area, "0123456789") != strlen(l->area)) {
        r = fault_set(&c->f, SANJI_E_SPEC, "area", "2 .. 12 digits");
    }
    l->limit = LIST_DEFAULT;
    if (r == 0) {
        r = api_query_int(c, "limit", 1, LIST_MAX, &l->limit);
    }
    if (r == 0) {
        r = read_after(l, f);
    }
    if (r == 0) {
        r = read_own_filters(l);
    }
    f->kind = l->k->name;
    f->owner = l->owner[0] == '\0' ? NULL : l->owner;
    f->state = l->state[0] == '\0' ? NULL : l->state;
    f->area = l->area[0] == '\0' ? NULL : l->area;
    f->text = l->q[0] == '\0' ? NULL : l->q;
    /* What passes between others is not shown (api_is_ours()): it is not counted either. */
    l->narrow = l->n_f > 0 || api_is_bound(c, l->k) || strstr(l->k->audiences, "to") != NULL ||
                (l->q[0] != '\0' && api_is_cut(c, l->k));
    f->limit = l->narrow ? SCAN_MAX + 1 : l->skip + l->limit + 1;
    f->now_ms = c->now;
    return r;
}

static int count_some(const struct store_rec *rec, void *arg)
{
    int64_t *n = arg;
    (void)rec;
    return ++*n >= TOTAL_MAX ? 1 : 0;
}

/* Left out where it would take a walk over everything. */
static int put_total(struct api_list *l, struct store_filter *f)
{
    int64_t n = 0;
    int r = 0;
    if (l->narrow) {
        if (!l->more && l->skip == 0 && l->block == 0 && f->before_ts == 0) {
            jw_int(&l->c->w, "total", l->shown);
        }
        return 0;
    }
    f->offset = f->before_ts = f->before_n = 0;
    if (f->text != NULL) {
        f->limit = TOTAL_MAX;
        r = store_record_list(l->c->app->store, f, count_some, &n);
    } else {
        r = store_record_count(l->c->app->store, f, &n);
    }
    if (r == 0) {
        jw_int(&l->c->w, "total", n);
    }
    return r;
}

static void put_next(struct api_list *l)
{
    char next[48];
    if (!l->more) {
        jw_raw(&l->c->w, "next", "null", 4);
        return;
    }
    if (l->q[0] != '\0' && l->scanned) {
        snprintf(next, sizeof next, "o%lld.0", (long long)l->block + 1);
    } else if (l->q[0] != '\0') {
        snprintf(next, sizeof next, "o%lld.%lld", (long long)l->block,
                 (long long)l->skip + l->shown);
    } else {
        bool to = l->scanned; /* nothing to show among so many: from there on */
        snprintf(next, sizeof next, "%lld.%lld", (long long)(to ? l->hidden_ts : l->last_ts),
                 (long long)(to ? l->hidden_n : l->last_n));
    }
    jw_str(&l->c->w, "next", next);
}

int h_records(struct api_call *c)
{
    struct store_filter f = {0};
    struct api_list *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return SANJI_E_NOMEM;
    }
    l->c = c;
    buf_init(&l->value, LIM_ITEM_BYTES);
    int r = api_list_read(l, &f);
    if (r == 0) {
        jw_obj(&c->w, NULL);
        jw_arr(&c->w, "items");
        r = store_record_list(c->app->store, &f, on_list, l);
        jw_end_arr(&c->w);
        put_next(l);
    }
    if (r == 0) {
        r = put_total(l, &f);
        jw_end_obj(&c->w);
    }
    buf_done(&l->value);
    free(l);
    return r;
}
