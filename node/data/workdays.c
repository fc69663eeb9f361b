/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in calendar has the form of the records that will replace it, so it goes through the
 * same checks and the same reader. */
#include "node/data/workdays.h"

#include "node/data/unpack.h"
#include "protocol/json_gate.h"

#include <string.h>

extern const unsigned char sanji_data_workdays[];
size_t sanji_data_workdays_size(void);

enum { TEXT_MAX = 4 << 20 };

static int add_lines(struct calendar *c, const struct buf *text, size_t *ret_years)
{
    const char *p = (const char *)text->data;
    size_t years = 0;
    for (size_t i = 0; i < text->len; years++) {
        const char *nl = memchr(p + i, '\n', text->len - i);
        size_t n = nl == NULL ? text->len - i : (size_t)(nl - (p + i));
        if (json_gate(p + i, n, JSON_PROTOCOL, NULL) < 0 ||
            calendar_add(c, span_of(p + i, n), NULL) < 0) {
            return SANJI_E_CORRUPT;
        }
        i += n + 1;
    }
    if (ret_years != NULL) {
        *ret_years = years;
    }
    return 0;
}

int workdays_builtin(struct calendar *c, size_t *ret_years)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    int r = unpack(sanji_data_workdays, sanji_data_workdays_size(), &text);
    if (r == 0) {
        r = add_lines(c, &text, ret_years);
    }
    buf_done(&text);
    return r;
}
