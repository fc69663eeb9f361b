/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a row: where, why, and what would be right, in people's words; and the file of
 * such rows that is put right and brought again. */
#include "node/app_import.h"

#include "protocol/jcur.h"

#include <stdio.h>
#include <string.h>

/* The labels of a field's words, with commas. */
static void put_choices(const struct kind *k, const struct kind_field *fld, enum text_lang l,
                        struct buf *out)
{
    for (const char *p = fld->choices; p != NULL && *p != '\0';) {
        size_t n = strcspn(p, " ");
        buf_puts(out, p == fld->choices ? "" : text_label(l, "word.comma"));
        app_table_choice(NULL, k, fld, span_of(p, n), l, out);
        p += n;
        p += *p == ' ';
    }
}

/* A limit of the field's table, in the unit people write. */
static void limit(const struct kind_field *fld, int64_t v, char out[static 48])
{
    int64_t one = 1;
    for (int i = 0; i < kind_field_digits(fld); i++) {
        one *= 10;
    }
    (void)snprintf(out, 48, "%lld", (long long)(v / one)); /* limits are whole */
}

/* What the table of the field says better than the word of its check. False: nothing. */
static bool put_limit(const struct kind_field *fld, const char *want, enum text_lang l,
                      struct buf *out)
{
    char min[48], max[48];
    bool number = strcmp(want, "a larger number") == 0 || strcmp(want, "a smaller number") == 0;
    if (fld == NULL || (!number && strcmp(want, "a shorter text") != 0)) {
        return false;
    }
    limit(fld, fld->min, min);
    limit(fld, fld->max, max);
    if (number) {
        text_put(out, l, "import.range", "min", min, "max", max, NULL);
    } else {
        text_put(out, l, "import.length", "max", max, NULL);
    }
    return true;
}

static void put_fault(const struct kind *k, const struct import_row *row, enum text_lang l,
                      struct buf *out)
{
    struct fault f = {.err = row->err};
    const struct kind_field *fld = kind_field_find(k, row->member);
    struct buf words;
    buf_init(&words, 65536);
    (void)snprintf(f.want, sizeof f.want, "%s", row->want);
    if (fld != NULL || strcmp(row->member, "id") == 0 || strcmp(row->member, "audience") == 0) {
        struct table_col c = {.what = fld != NULL                      ? TAB_FIELD
                                      : strcmp(row->member, "id") == 0 ? TAB_ID
                                                                       : TAB_AUDIENCE,
                              .field = fld};
        text_put(out, l, "fault.member", "member", app_table_label(k, &c, l), NULL);
    } else {
        (void)snprintf(f.member, sizeof f.member, "%s", row->member);
    }
    bool of_list = strcmp(row->want, "choice") == 0 && fld != NULL;
    if (of_list) {
        put_choices(k, fld, l, &words);
        text_put(out, l, "import.choice", "choices", buf_str(&words), NULL);
    } else if (row->err == SANJI_E_CONFLICT) {
        text_put(out, l, "import.faster", NULL);
    } else if (!put_limit(fld, row->want, l, out)) {
        text_fault(out, l, row->err, &f);
    }
    buf_done(&words);
}

void app_import_say(const struct kind *k, const struct import_row *row, enum text_lang l,
                    struct buf *out)
{
    if (strcmp(row->st, "kept") == 0) {
        text_put(out, l, row->err < 0 ? "import.kept_used" : "import.kept", "id", row->rec, NULL);
    } else if (row->err < 0) {
        put_fault(k, row, l, out);
    } else if (row->twin[0] == '#') {
        text_put(out, l, "import.twin_row", "row", row->twin + 1, NULL);
    } else if (row->twin[0] != '\0') {
        text_put(out, l, "import.twin", "id", row->twin, NULL);
    }
}

static int put_cells(struct span cells, struct buf *out)
{
    struct jcur c;
    struct span e;
    struct buf text;
    bool first = true;
    int r = 0;
    buf_init(&text, IMPORT_ROW_BYTES);
    for (bool ok = jcur_array(&c, cells); ok && r == 0 && jcur_element(&c, &e); first = false) {
        buf_reset(&text);
        r = jcur_text(e, &text);
        csv_text(out, first, span_of(text.data, text.len));
    }
    buf_done(&text);
    return r < 0 ? r : out->err;
}

int app_import_report_head(const struct app_import *x, enum text_lang l, struct buf *out)
{
    const char *what = text_get(l, "import.what");
    buf_puts(out, CSV_BOM);
    int r = put_cells(span_of(x->head.data, x->head.len), out);
    csv_text(out, x->head.len == 0, span_of(what, strlen(what)));
    return r < 0 ? r : csv_end(out);
}

/* As wide as the heading, so that the last column is what is wrong. */
static size_t width(struct span cells)
{
    struct jcur c;
    struct span e;
    size_t n = 0;
    for (bool ok = jcur_array(&c, cells); ok && jcur_element(&c, &e);) {
        n++;
    }
    return n;
}

int app_import_report_row(const struct app_import *x, const struct import_row *row,
                          enum text_lang l, struct buf *out)
{
    struct buf say;
    size_t n = width(row->cells), all = width(span_of(x->head.data, x->head.len));
    buf_init(&say, 65536);
    int r = n > 0 ? put_cells(row->cells, out) : 0;
    for (; n < all; n++) {
        csv_raw(out, n == 0, span_of(NULL, 0));
    }
    app_import_say(x->k, row, l, &say);
    csv_text(out, n == 0, span_of(say.data, say.len));
    buf_done(&say);
    return r < 0 ? r : csv_end(out);
}
