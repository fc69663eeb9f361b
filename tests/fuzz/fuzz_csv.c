/* SPDX-License-Identifier: Apache-2.0 */
/* A table somebody brought. Whatever is read is written and read again: the same cells; and no cell
 * that is written begins what a spreadsheet would calculate. */
#include "protocol/base/csv.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct copy {
    struct buf csv;
    size_t cells, rows;
    uint64_t sum;
};

static void add(struct copy *c, struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        c->sum = (c->sum ^ s.p[i]) * 1099511628211u;
    }
    c->sum = (c->sum ^ 256) * 1099511628211u;
    c->cells++;
}

static int first_time(const struct span *cell, size_t n, long row, void *arg)
{
    struct copy *c = arg;
    if (n == 0 || n > CSV_CELLS || row < 1) {
        abort();
    }
    for (size_t i = 0; i < n; i++) {
        struct span s = csv_unguard(cell[i]);
        size_t at = c->csv.len + (i > 0 ? 1 : 0);
        csv_text(&c->csv, i == 0, s);
        struct span out = span_of(c->csv.data + at, c->csv.len - at);
        bool quoted = out.n > 0 && out.p[0] == '"';
        if (csv_is_formula(quoted ? span_of(out.p + 1, out.n - 1) : out)) {
            abort();
        }
        add(c, s);
    }
    csv_end(&c->csv);
    c->rows++;
    return 0;
}

static int second_time(const struct span *cell, size_t n, long row, void *arg)
{
    struct copy *c = arg;
    (void)row;
    for (size_t i = 0; i < n; i++) {
        add(c, csv_unguard(cell[i]));
    }
    c->rows++;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct copy a = {0}, b = {0};
    struct fault f;
    struct span t = span_of(p, n);
    if (n > 65536) {
        return 0;
    }
    buf_init(&a.csv, n * 8 + 1024);
    char sep = csv_separator(&t);
    if (csv_read(t, sep, 100000, first_time, &a, &f) == 0) {
        int r = csv_read(span_of(a.csv.data, a.csv.len), ',', 100000, second_time, &b, &f);
        if (a.csv.err < 0 || r < 0 || a.rows != b.rows || a.cells != b.cells || a.sum != b.sum) {
            abort();
        }
    }
    buf_done(&a.csv);
    return 0;
}
