/* SPDX-License-Identifier: Apache-2.0 */
/* From the bytes of a file to rows of texts, and from a row to the content of a record. */
#include "node/app_codes.h"
#include "node/app_import.h"
#include "node/app_internal.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/jwrite.h"

#include <errno.h>
#include <iconv.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- encoding ---- */

static int convert(const char *from, struct span in, struct buf *out)
{
    iconv_t cd = iconv_open("UTF-8", from);
    char *src = (char *)(uintptr_t)in.p; /* iconv's type lacks const */
    size_t left = in.n;
    int r = cd == (iconv_t)-1 ? SANJI_E_BUG : 0; /* part of the C library */
    while (r == 0 && left > 0) {
        char piece[4096];
        char *dst = piece;
        size_t room = sizeof piece;
        size_t k = iconv(cd, &src, &left, &dst, &room);
        r = buf_put(out, piece, sizeof piece - room);
        if (k == (size_t)-1 && errno != E2BIG) {
            r = SANJI_E_ENCODING;
        }
    }
    if (cd != (iconv_t)-1) {
        (void)iconv_close(cd);
    }
    return r;
}

/* UTF-8, what Excel calls Unicode (UTF-16 with its mark), else GB18030, which is what Chinese
 * Windows saves. */
static int to_utf8(struct span in, struct buf *out, struct fault *f)
{
    bool wide =
        in.n >= 2 && ((in.p[0] == 0xff && in.p[1] == 0xfe) || (in.p[0] == 0xfe && in.p[1] == 0xff));
    int r = 0;
    if (wide) {
        r = convert("UTF-16", in, out);
    } else if (utf8_valid(in.p, in.n, NULL)) {
        r = buf_put(out, in.p, in.n);
    } else {
        r = convert("GB18030", in, out);
    }
    if (r == 0 && (!utf8_valid(out->data, out->len, NULL) ||
                   (out->len > 0 && memchr(out->data, '\0', out->len) != NULL))) {
        r = SANJI_E_ENCODING;
    }
    return r == SANJI_E_ENCODING ? fault_set(f, r, "file", "text in UTF-8 or GB18030") : r;
}

/* ---- rows ---- */

struct reading {
    struct app *a;
    struct app_import *x;
    struct buf json;
    int64_t rows;
    long head; /* row of the heading; 0: not seen */
};

/* A cell as it is kept: guards off, one kind of line end. */
static void put_cell(struct jw *w, struct span cell, struct buf *tmp)
{
    struct span s = csv_unguard(cell);
    buf_reset(tmp);
    for (size_t i = 0; i < s.n; i++) {
        bool cr = s.p[i] == '\r';
        if (cr && i + 1 < s.n && s.p[i + 1] == '\n') {
            continue;
        }
        buf_putc(tmp, cr ? '\n' : (char)s.p[i]);
    }
    jw_strn(w, NULL, buf_str(tmp), tmp->len);
}

static int put_cells(const struct span *cell, size_t n, struct buf *out)
{
    struct jw w;
    struct buf tmp;
    buf_init(&tmp, IMPORT_ROW_BYTES);
    jw_init(&w, out);
    jw_arr(&w, NULL);
    for (size_t i = 0; i < n; i++) {
        put_cell(&w, cell[i], &tmp);
    }
    jw_end_arr(&w);
    int r = jw_done(&w);
    r = r < 0 ? r : tmp.err;
    buf_done(&tmp);
    return r;
}

static int on_row(const struct span *cell, size_t n, long row, void *arg)
{
    struct reading *x = arg;
    int r;
    if (x->head == 0) {
        x->head = row;
        return put_cells(cell, n, &x->x->head);
    }
    if (++x->rows > IMPORT_ROWS) {
        return SANJI_E_SIZE;
    }
    buf_reset(&x->json);
    r = put_cells(cell, n, &x->json);
    return r < 0 ? r
                 : import_row_add(x->a->store, x->x->n, row, span_of(x->json.data, x->json.len));
}

/* Which column is which field, by its heading; a field is taken once. */
static int guess(struct app_import *x, struct buf *map)
{
    struct jcur c;
    struct span e;
    struct jw w;
    struct buf cell, names;
    int r = 0;
    buf_init(&cell, IMPORT_ROW_BYTES);
    buf_init(&names, 65536);
    jw_init(&w, map);
    jw_arr(&w, NULL);
    for (bool ok = jcur_array(&c, span_of(x->head.data, x->head.len));
         ok && r == 0 && jcur_element(&c, &e);) {
        struct table_col col;
        char word[LIM_NAME_BYTES + 4] = " ";
        buf_reset(&cell);
        r = jcur_text(e, &cell);
        if (r == 0 && app_table_find(x->k, span_of(cell.data, cell.len), &col)) {
            (void)snprintf(word, sizeof word, " %s ", app_table_name(&col));
        }
        bool taken = strlen(word) == 1 || strstr(buf_str(&names), word) != NULL;
        jw_str(&w, NULL, taken ? "" : app_table_name(&col));
        buf_puts(&names, taken ? "" : word);
    }
    jw_end_arr(&w);
    r = r < 0 ? r : jw_done(&w);
    buf_done(&cell);
    buf_done(&names);
    return r;
}

static int first_plan(struct app *a, struct app_import *x)
{
    uint8_t h[HASH_LEN];
    struct buf map;
    struct import_plan *p = calloc(1, sizeof *p);
    buf_init(&map, 65536);
    hash_bytes(x->head.data, x->head.len, h);
    int r = p == NULL ? SANJI_E_NOMEM : import_head_get(a->store, x->k->name, h, &map);
    for (int again = 0; r == 0 && again < 2; again++) {
        if (map.len == 0) {
            r = guess(x, &map);
        }
        buf_reset(&x->plan);
        buf_printf(&x->plan, "{\"map\":%s,\"doubles\":\"skip\"}", buf_str(&map));
        if (r < 0 || app_import_plan_read(x->k, span_of(x->plan.data, x->plan.len), p, NULL) == 0) {
            break;
        }
        buf_reset(&map); /* remembered by a version with other fields */
    }
    buf_done(&map);
    free(p);
    return r < 0 ? r : x->plan.err;
}

static int read_rows(struct app *a, struct app_import *x, struct span text, struct fault *f)
{
    struct reading rd = {.a = a, .x = x};
    char sep = csv_separator(&text);
    buf_init(&rd.json, IMPORT_ROW_BYTES + 16);
    int r = csv_read(text, sep, LONG_MAX, on_row, &rd, f);
    if (r == SANJI_E_SIZE && f->line == 0) {
        r = rd.rows > IMPORT_ROWS ? fault_set(f, r, "file", "20000 rows")
                                  : fault_set(f, r, "file", "256 KiB in a row");
    } else if (r == 0 && rd.rows == 0) {
        r = fault_set(f, SANJI_E_SPEC, "file", "a heading and at least one row");
    }
    buf_done(&rd.json);
    r = r < 0 ? r : import_part_drop(a->store, x->n);
    r = r < 0 ? r : first_plan(a, x);
    (void)snprintf(x->state, sizeof x->state, "checking");
    return r < 0 ? r : app__import_save(a, x);
}

int app_import_read(struct app *a, int64_t n, struct fault *f)
{
    struct app_import x;
    struct buf raw, text, made;
    struct fault none = {0};
    bool other = false;
    f = f != NULL ? f : &none;
    buf_init(&raw, IMPORT_BYTES + 16);
    buf_init(&text, 2 * IMPORT_BYTES);
    buf_init(&made, 2 * IMPORT_BYTES);
    int r = app_import_get(a, n, &x);
    if (r == 0 && strcmp(x.state, "loading") != 0) {
        r = SANJI_E_STATE;
    }
    r = r < 0 ? r : app_codes_load(a); /* cells name words by their labels */
    r = r < 0 ? r : import_part_all(a->store, n, &raw);
    r = r < 0 ? r : to_utf8(span_of(raw.data, raw.len), &text, f);
    r = r < 0 ? r : app__import_hsds(a, x.k, span_of(text.data, text.len), &made, &other, f);
    r = r < 0 ? r : store_begin(a->store);
    if (r == 0) {
        const struct buf *b = other ? &made : &text;
        r = app__import_end_tx(a, read_rows(a, &x, span_of(b->data, b->len), f));
    }
    buf_done(&raw);
    buf_done(&text);
    buf_done(&made);
    app_import_done(&x);
    return r;
}

/* ---- the plan ---- */

static int plan_column(const struct kind *k, struct import_plan *p, struct span name,
                       struct fault *f)
{
    struct table_col *c = &p->col[p->n];
    bool known = name.n > 0 && app_table_find(k, name, c) && span_eqs(name, app_table_name(c));
    if (name.n > 0 && !known) {
        return fault_set(f, SANJI_E_SPEC, "map", "a field of the kind");
    }
    for (size_t i = 0; known && i < p->n; i++) {
        if (p->used[i] && p->col[i].what == c->what && p->col[i].field == c->field) {
            return fault_set(f, SANJI_E_SPEC, "map", "each field once");
        }
    }
    p->used[p->n++] = known;
    return 0;
}

int app_import_plan_read(const struct kind *k, struct span json, struct import_plan *p,
                         struct fault *f)
{
    static const char *const doubles[] = {"skip", "update", "new"};
    struct span v, e, s;
    struct jcur c;
    int r = 0;
    memset(p, 0, sizeof *p);
    if (!jcur_get(json, "map", &v) || !jcur_array(&c, v)) {
        return fault_set(f, SANJI_E_SPEC, "map", "a list");
    }
    while (r == 0 && jcur_element(&c, &e)) {
        if (p->n == CSV_CELLS || !jcur_plain(e, &s)) {
            return fault_set(f, SANJI_E_SPEC, "map", "a field of the kind");
        }
        r = plan_column(k, p, s, f);
    }
    if (r == 0 && jcur_get(json, "doubles", &v)) {
        r = fault_set(f, SANJI_E_SPEC, "doubles", "skip update new");
        for (size_t i = 0; i < 3 && jcur_plain(v, &s); i++) {
            if (span_eqs(s, doubles[i])) {
                p->doubles = (enum import_doubles)i;
                r = 0;
            }
        }
    }
    if (r == 0 && jcur_get(json, "audience", &v)) {
        bool ok = jcur_plain(v, &s) && s.n < sizeof p->aud;
        (void)snprintf(p->aud, sizeof p->aud, "%.*s", ok ? (int)s.n : 0, (const char *)s.p);
        if (!ok || !app__word_in(k->audiences, p->aud)) {
            r = fault_set(f, SANJI_E_AUDIENCE, "audience", k->audiences);
        }
    }
    return r;
}

/* ---- content ---- */

struct cells {
    struct buf text;
    struct {
        size_t off, n;
    } value[CSV_CELLS]; /* JSON values; n 0: nothing */
};

/* Values of the columns that are used; ids and audiences as plain text. */
static int read_cells(struct app *a, const struct kind *k, const struct import_plan *p,
                      struct span cells, struct cells *ret, struct fault *f)
{
    struct jcur c;
    struct span e;
    struct buf text;
    int r = 0;
    buf_init(&text, IMPORT_ROW_BYTES);
    if (!jcur_array(&c, cells)) {
        r = SANJI_E_CORRUPT;
    }
    for (size_t i = 0; r == 0 && i < p->n && jcur_element(&c, &e); i++) {
        if (!p->used[i]) {
            continue;
        }
        buf_reset(&text);
        ret->value[i].off = ret->text.len;
        r = jcur_text(e, &text);
        r = r < 0 ? r
                  : app_table_value(a, k, &p->col[i], span_of(text.data, text.len), &ret->text, f);
        ret->value[i].n = ret->text.len - ret->value[i].off;
    }
    buf_done(&text);
    return r;
}

static struct span value_of(const struct import_plan *p, const struct cells *x,
                            enum table_what what, const struct kind_field *fld)
{
    for (size_t i = 0; i < p->n; i++) {
        if (p->used[i] && p->col[i].what == what && p->col[i].field == fld) {
            return span_of(x->text.data + x->value[i].off, x->value[i].n);
        }
    }
    return span_of(NULL, 0);
}

static int take_plain(struct span v, char *out, size_t size, const char *name, const char *want,
                      struct fault *f)
{
    struct span s;
    if (v.n == 0) {
        return 0;
    }
    if (!jcur_plain(v, &s) || s.n >= size) {
        return fault_set(f, SANJI_E_SPEC, name, want);
    }
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return 0;
}

int app_import_content(struct app *a, const struct kind *k, const struct import_plan *p,
                       struct span cells, struct span old, struct buf *ret,
                       char ret_id[static LIM_ID_BYTES + 1], char ret_aud[static 8],
                       struct fault *f)
{
    struct cells x = {0};
    struct span v;
    bool first = true;
    buf_init(&x.text, IMPORT_ROW_BYTES * 2);
    ret_id[0] = '\0';
    (void)snprintf(ret_aud, 8, "%s", p->aud);
    int r = read_cells(a, k, p, cells, &x, f);
    r = r < 0 ? r
              : take_plain(value_of(p, &x, TAB_ID, NULL), ret_id, LIM_ID_BYTES + 1, "id",
                           "[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", f);
    r = r < 0 ? r
              : take_plain(value_of(p, &x, TAB_AUDIENCE, NULL), ret_aud, 8, "audience",
                           k->audiences, f);
    if (r == 0 && ret_id[0] != '\0' && !record_id_valid(ret_id, strlen(ret_id))) {
        r = fault_set(f, SANJI_E_SPEC, "id", "[A-Za-z0-9][A-Za-z0-9._:-]{0,63}");
    }
    buf_putc(ret, '{');
    for (size_t i = 0; r == 0 && i < k->n_fields; i++) {
        const struct kind_field *fld = &k->fields[i];
        v = value_of(p, &x, TAB_FIELD, fld);
        if (v.n > 0 || (old.n > 0 && jcur_get(old, fld->name, &v))) {
            buf_printf(ret, "%s\"%s\":", first ? "" : ",", fld->name);
            buf_put(ret, v.p, v.n);
            first = false;
        }
    }
    buf_putc(ret, '}');
    buf_done(&x.text);
    return r < 0 ? r : ret->err;
}
