/* SPDX-License-Identifier: Apache-2.0 */
/* Records as rows. What people read is what they type: labels of choices, whole yuan, the name of
 * the organisation with its id behind it. */
#include "node/app_table.h"
#include "node/app_codes.h"

#include "protocol/base/text.h"
#include "protocol/jcur.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* A member of that name in the kind itself goes before the record's own. */
static void add_outer(const struct kind *k, enum table_what what, const char *name,
                      struct table_col *col, size_t *n)
{
    if (kind_field_find(k, name) == NULL && k->shape != KS_VIEW) {
        col[(*n)++] = (struct table_col){.what = what};
    }
}

size_t app_table_cols(const struct table_form *t, struct table_col col[static TABLE_COLS])
{
    size_t n = 0;
    add_outer(t->k, TAB_ID, "id", col, &n);
    if (strchr(t->k->audiences, ' ') != NULL) {
        add_outer(t->k, TAB_AUDIENCE, "audience", col, &n);
    }
    for (size_t i = 0; i < t->k->n_fields; i++) {
        if (t->personal || (t->k->fields[i].flags & KFF_P1) == 0) {
            col[n++] = (struct table_col){.what = TAB_FIELD, .field = &t->k->fields[i]};
        }
    }
    assert(n + 2 <= TABLE_COLS);
    col[n++] = (struct table_col){.what = TAB_OWNER};
    col[n++] = (struct table_col){.what = TAB_UPDATED};
    return n;
}

const char *app_table_name(const struct table_col *c)
{
    static const char *const outer[] = {[TAB_ID] = "id",
                                        [TAB_AUDIENCE] = "audience",
                                        [TAB_OWNER] = "_owner",
                                        [TAB_UPDATED] = "_updated"};
    return c->what == TAB_FIELD ? c->field->name : outer[c->what];
}

const char *app_table_label(const struct kind *k, const struct table_col *c, enum text_lang l)
{
    static const char *const outer[] = {[TAB_ID] = "word.id",
                                        [TAB_AUDIENCE] = "word.audience",
                                        [TAB_OWNER] = "word.owner",
                                        [TAB_UPDATED] = "word.updated"};
    char key[128];
    if (c->what == TAB_FIELD) {
        (void)snprintf(key, sizeof key, "kind.%s.%s", k->name, c->field->name);
    }
    const char *s = text_label(l, c->what == TAB_FIELD ? key : outer[c->what]);
    return s != NULL ? s : app_table_name(c);
}

void app_table_choice(const struct app *a, const struct kind *k, const struct kind_field *fld,
                      struct span word, enum text_lang l, struct buf *out)
{
    const struct app_code *c = app_code_find(a, kind_open_list(fld), word);
    char key[192];
    if (c != NULL) {
        buf_puts(out, app_code_label(c, l));
        return;
    }
    (void)snprintf(key, sizeof key, "kind.%s.%s.%.*s", k->name, fld->name, (int)word.n,
                   (const char *)word.p);
    const char *s = text_label(l, key);
    if (s != NULL) {
        buf_puts(out, s);
    } else {
        buf_put(out, word.p, word.n);
    }
}

static int width_of(const struct table_col *c)
{
    enum kf_type t = c->what == TAB_FIELD ? c->field->type : KF_REF;
    bool words = t == KF_TEXT || t == KF_TEXTS || t == KF_ENUMS || t == KF_REF;
    return t == KF_LONG ? 50 : words ? 26 : 13;
}

int app_table_head(const struct table_form *t, struct sheet *s)
{
    struct table_col col[TABLE_COLS];
    size_t n = app_table_cols(t, col);
    for (size_t i = 0; i < n; i++) {
        sheet_head(s, t->names ? app_table_name(&col[i]) : app_table_label(t->k, &col[i], t->lang),
                   width_of(&col[i]));
    }
    return sheet_row(s);
}

/* ---- one value ---- */

static void put_element(const struct app *a, const struct table_form *t,
                        const struct kind_field *fld, struct span text, struct buf *out)
{
    if (fld->type == KF_TEXTS || t->names) {
        buf_put(out, text.p, text.n);
    } else {
        app_table_choice(a, t->k, fld, text, t->lang, out);
    }
}

/* Elements in one line, or, when one of them holds what would part it, a line for each. */
static int put_list(const struct app *a, const struct table_form *t, const struct kind_field *fld,
                    struct span v, struct buf *out)
{
    static const char *const parts[] = {";",           ",", "|", "\xef\xbc\x9b", "\xef\xbc\x8c",
                                        "\xe3\x80\x81"};
    for (int lines = 0; lines < 2; lines++) {
        struct jcur c;
        struct span e;
        bool apart = true, first = true;
        buf_reset(out);
        for (bool ok = jcur_array(&c, v); ok && jcur_element(&c, &e); first = false) {
            struct buf one;
            buf_init(&one, LIM_ITEM_BYTES);
            int r = jcur_text(e, &one);
            buf_puts(out, first || lines == 1 ? "" : TABLE_BETWEEN);
            size_t at = out->len;
            put_element(a, t, fld, span_of(one.data, one.len), out);
            for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
                apart = apart && strstr(buf_str(out) + at, parts[i]) == NULL;
            }
            buf_puts(out, lines == 1 ? "\n" : "");
            buf_done(&one);
            if (r < 0) {
                return r;
            }
        }
        if (apart) {
            break;
        }
    }
    return out->err;
}

static int on_named(const struct store_rec *rec, void *arg)
{
    return rec->withdrawn ? 0 : buf_put(arg, rec->title, strlen(rec->title));
}

/* "晨光社会工作服务中心 (o1)" */
static int put_ref(struct app *a, const struct kind_field *fld, struct span v, struct buf *out)
{
    char id[LIM_ID_BYTES + 1];
    struct span s;
    if (fld->choices == NULL || !jcur_plain(v, &s) || s.n >= sizeof id) {
        return jcur_text(v, out);
    }
    memcpy(id, s.p, s.n);
    id[s.n] = '\0';
    int r = store_record_get(a->store, app_id(a), NULL, id, on_named, out);
    r = r == SANJI_E_NOT_FOUND ? 0 : r;
    return r < 0 ? r : out->len == 0 ? buf_puts(out, id) : buf_printf(out, " (%s)", id);
}

/* Their names: the bytes travel in no table. */
static int put_files(struct span v, struct buf *cell)
{
    struct jcur c;
    struct kind_file x;
    int r = 0;
    for (bool more = jcur_array(&c, v); r == 0 && more && kind_files_next(&c, &x);) {
        r = cell->len > 0 ? buf_putc(cell, '\n') : 0;
        r = r < 0 ? r : jcur_text(x.name, cell);
    }
    return r;
}

static int put_field(struct app *a, const struct table_form *t, const struct kind_field *fld,
                     struct span v, struct sheet *s, struct buf *cell)
{
    int64_t n = 0;
    bool yes = false;
    int r = 0;
    buf_reset(cell);
    if (fld->type == KF_INT && jcur_int(v, &n)) {
        sheet_number(s, n, kind_field_digits(fld));
        return 0;
    }
    if (fld->type == KF_ENUMS || fld->type == KF_TEXTS) {
        r = put_list(a, t, fld, v, cell);
    } else if (fld->type == KF_BOOL && jcur_bool(v, &yes)) {
        const char *word = yes ? "word.yes" : "word.no";
        buf_puts(cell, t->names ? (yes ? "true" : "false") : text_label(t->lang, word));
    } else if (fld->type == KF_REF && !t->names) {
        r = put_ref(a, fld, v, cell);
    } else if (fld->type == KF_FILES) {
        r = put_files(v, cell);
    } else if (fld->type == KF_OBJ || fld->type == KF_ROWS) {
        buf_put(cell, v.p, v.n);
    } else {
        r = jcur_text(v, cell);
    }
    struct span text = span_of(cell->data, cell->len);
    if (r == 0 && fld->type == KF_DATE) {
        sheet_date(s, text);
    } else if (r == 0 && fld->type == KF_ENUM && !t->names) {
        struct buf label;
        buf_init(&label, 1024);
        app_table_choice(a, t->k, fld, text, t->lang, &label);
        sheet_text(s, span_of(label.data, label.len));
        buf_done(&label);
    } else if (r == 0) {
        sheet_text(s, text);
    }
    return r < 0 ? r : cell->err;
}

static void put_outer(struct app *a, const struct table_form *t, enum table_what what,
                      const struct store_rec *rec, struct sheet *s)
{
    char word[16], key[32], day[11];
    const struct roster_node *n = roster_node(app_roster(a), rec->owner);
    const char *text = rec->id, *label = NULL;
    if (what == TAB_AUDIENCE) {
        (void)snprintf(word, sizeof word, "%.*s", (int)strcspn(rec->aud, ":"), rec->aud);
        (void)snprintf(key, sizeof key, "audience.%s", word);
        label = t->names ? NULL : text_label(t->lang, key);
        text = label != NULL ? label : word;
    } else if (what == TAB_OWNER) {
        text = !t->names && n != NULL ? n->name : rec->owner;
    } else if (what == TAB_UPDATED) {
        date_write(date_of_ms(rec->ts), day);
        sheet_date(s, span_of(day, 10));
        return;
    }
    sheet_text(s, span_of(text, strlen(text)));
}

int app_table_row(struct app *a, const struct table_form *t, const struct store_rec *rec,
                  struct sheet *s)
{
    struct table_col col[TABLE_COLS];
    size_t n = app_table_cols(t, col);
    struct buf cell;
    int r = 0;
    buf_init(&cell, LIM_ITEM_BYTES * 2);
    for (size_t i = 0; r == 0 && i < n; i++) {
        struct span v;
        if (col[i].what != TAB_FIELD) {
            put_outer(a, t, col[i].what, rec, s);
        } else if (jcur_get(rec->d, col[i].field->name, &v)) {
            r = put_field(a, t, col[i].field, v, s, &cell);
        } else {
            sheet_text(s, span_of("", 0));
        }
    }
    buf_wipe_done(&cell);
    int e = sheet_row(s);
    return r < 0 ? r : e;
}
