/* SPDX-License-Identifier: Apache-2.0 */
/* What a place is called. The program brings a table of the whole country, which ages; the top of
 * the federation may keep the list itself (records of kind area), and then its word counts: another
 * name, a street that is not in the table, a district that has ended. Names are asked for while
 * records are being read, so the list is kept in memory. */
#include "node/app_internal.h"
#include "node/data/area.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AREAS_MAX = 60000, CODE_BYTES = 13, NAME_BYTES = 256 };

struct own_area {
    char code[CODE_BYTES], parent[CODE_BYTES];
    bool ended;
    char *name;
};
struct app_areas {
    struct own_area *v; /* by code */
    size_t n, cap;
    int64_t count, newest_n, day; /* what it was read from */
};

static void areas_clear(struct app_areas *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->v[i].name);
    }
    free(s->v);
    *s = (struct app_areas){0};
}

void app__areas_free(struct app *a)
{
    if (a->areas != NULL) {
        areas_clear(a->areas);
        free(a->areas);
        a->areas = NULL;
    }
}

static void plain(struct span d, const char *member, char *out, size_t size)
{
    struct span v, s;
    out[0] = '\0';
    if (jcur_get(d, member, &v) && jcur_plain(v, &s) && s.n < size) {
        memcpy(out, s.p, s.n);
        out[s.n] = '\0';
    }
}

struct reading {
    struct app_areas *s;
    char today[11];
};

static int on_area(const struct store_rec *rec, void *arg)
{
    struct reading *x = arg;
    struct app_areas *s = x->s;
    char from[11], to[11];
    if (s->n == s->cap) {
        size_t cap = s->cap == 0 ? 64 : s->cap * 2;
        struct own_area *v = realloc(s->v, cap * sizeof *v);
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        s->v = v;
        s->cap = cap;
    }
    struct own_area *o = &s->v[s->n];
    plain(rec->d, "code", o->code, sizeof o->code);
    plain(rec->d, "parent", o->parent, sizeof o->parent);
    plain(rec->d, "valid_from", from, sizeof from);
    plain(rec->d, "valid_to", to, sizeof to);
    if (from[0] != '\0' && strcmp(from, x->today) > 0) {
        return 0; /* not yet: until then the old name stands */
    }
    o->ended = to[0] != '\0' && strcmp(to, x->today) < 0;
    o->name = strdup(rec->title);
    s->n += o->name != NULL;
    return o->name == NULL ? SANJI_E_NOMEM : 0;
}

/* Two records for one code: what is in force goes first. */
static int by_code(const void *pa, const void *pb)
{
    const struct own_area *a = pa, *b = pb;
    int c = strcmp(a->code, b->code);
    return c != 0 ? c : a->ended - b->ended;
}

static int read_list(struct app *a, struct app_areas *s, int64_t day)
{
    struct store_filter f = {.kind = "area", .limit = AREAS_MAX};
    struct reading x = {.s = s};
    date_write((int)day, x.today);
    int r = store_record_list(a->store, &f, on_area, &x);
    if (r == 0 && s->n > 0) {
        qsort(s->v, s->n, sizeof *s->v, by_code);
    }
    return r;
}

int app_areas_load(struct app *a)
{
    struct store_filter f = {.kind = "area"};
    int64_t count = 0, newest = 0, day = date_of_ms(app_now_ms());
    if (a->areas == NULL) {
        a->areas = calloc(1, sizeof *a->areas);
    }
    struct app_areas *s = a->areas;
    int r = s == NULL ? SANJI_E_NOMEM : store_record_count(a->store, &f, &count);
    if (r == 0 && count > 0) {
        r = store_kind_last(a->store, "area", &newest);
    }
    if (r < 0 || (s->count == count && s->newest_n == newest && s->day == day)) {
        return r;
    }
    areas_clear(s);
    r = count == 0 ? 0 : read_list(a, s, day);
    if (r < 0) {
        areas_clear(s); /* the built-in names serve */
        return r;
    }
    s->count = count;
    s->newest_n = newest;
    s->day = day;
    return 0;
}

static const struct own_area *own(const struct app_areas *s, const char *code)
{
    size_t lo = 0, hi = s == NULL ? 0 : s->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (strcmp(s->v[mid].code, code) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return s != NULL && lo < s->n && strcmp(s->v[lo].code, code) == 0 ? &s->v[lo] : NULL;
}

int app_area_name(struct app *a, const char *code, struct buf *out)
{
    const struct app_areas *s = a->areas;
    char part[CODE_BYTES];
    size_t n = strlen(code);
    if (s == NULL || s->n == 0 || n >= sizeof part) {
        return area_full_name(code, out);
    }
    for (size_t i = 2; i <= n; i++) {
        memcpy(part, code, i);
        part[i] = '\0';
        const struct own_area *o = own(s, part);
        int r = o != NULL ? buf_puts(out, o->name) : area_part_name(part, out);
        if (r < 0) {
            return r;
        }
    }
    return out->err;
}

struct child {
    char code[CODE_BYTES];
    const char *name;
};
struct children {
    const struct app_areas *s;
    struct child *v;
    size_t n, cap;
    int err;
};

static void add(struct children *c, const char *code, const char *name)
{
    if (c->n == c->cap) {
        size_t cap = c->cap == 0 ? 64 : c->cap * 2;
        struct child *v = realloc(c->v, cap * sizeof *v);
        if (v == NULL) {
            c->err = SANJI_E_NOMEM;
            return;
        }
        c->v = v;
        c->cap = cap;
    }
    snprintf(c->v[c->n].code, sizeof c->v[c->n].code, "%s", code);
    c->v[c->n++].name = name;
}

static bool on_builtin(const char *code, const char *name, void *arg)
{
    struct children *c = arg;
    if (own(c->s, code) == NULL) { /* the others come from the list itself */
        add(c, code, name);
    }
    return c->err == 0;
}

/* Without a parent of its own an area lies where its code says: one level up. */
static bool is_below(const struct own_area *o, const char *of)
{
    static const size_t level[] = {0, 2, 4, 6, 9, 12};
    size_t n = strlen(o->code), up = 0;
    for (size_t i = 0; i < sizeof level / sizeof level[0] && level[i] < n; i++) {
        up = level[i];
    }
    return o->parent[0] != '\0' ? strcmp(o->parent, of) == 0
                                : strlen(of) == up && strncmp(o->code, of, up) == 0;
}

static int child_cmp(const void *pa, const void *pb)
{
    return strcmp(((const struct child *)pa)->code, ((const struct child *)pb)->code);
}

int app_area_children(struct app *a, const char *code, app_area_fn *fn, void *arg)
{
    struct children c = {.s = a->areas};
    (void)area_children(code, on_builtin, &c);
    for (size_t i = 0; c.s != NULL && i < c.s->n; i++) {
        const struct own_area *o = &c.s->v[i];
        bool again = i > 0 && strcmp(c.s->v[i - 1].code, o->code) == 0;
        if (!o->ended && !again && is_below(o, code)) {
            add(&c, o->code, o->name);
        }
    }
    if (c.n > 0) {
        qsort(c.v, c.n, sizeof *c.v, child_cmp);
    }
    for (size_t i = 0; c.err == 0 && i < c.n; i++) {
        fn(c.v[i].code, c.v[i].name, arg);
    }
    free(c.v);
    return c.err;
}

bool app_area_is_unknown(struct app *a, const char *code)
{
    char street[10]; /* communities, with 12 digits, are not in the table: their street is */
    snprintf(street, sizeof street, "%s", code);
    return area_count() > 0 && area_name(street) == NULL &&
           (a == NULL || app_areas_load(a) < 0 || own(a->areas, code) == NULL);
}
