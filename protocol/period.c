/* SPDX-License-Identifier: Apache-2.0 */
/* Which period of a kind a day lies in; the way back is period_parse() (base/text.h). */
#include "protocol/period.h"

#include "protocol/base/text.h"

#include <stdio.h>
#include <string.h>

enum { THURSDAY = 3, WEEK = 7 };

static int day_at(int64_t year, int month)
{
    char text[32];
    int day = 0;
    (void)snprintf(text, sizeof text, "%04d-%02d-01", (int)year, month);
    (void)date_parse(text, 10, &day);
    return day;
}

static void ymd(int day, int64_t *y, int *m)
{
    char text[11];
    int64_t month = 1;
    date_write(day, text);
    (void)text_i64(text, 4, 0, 9999, y);
    (void)text_i64(text[5] == '0' ? text + 6 : text + 5, text[5] == '0' ? 1 : 2, 1, 12, &month);
    *m = (int)month;
}

/* "2026" and behind it a letter and a number of so many digits. */
static void write_text(char out[static PERIOD_BYTES], int64_t y, const char *part, int n,
                       int digits)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%04d%s%0*d", (int)y, part, digits, n);
    memcpy(out, text, PERIOD_BYTES - 1);
    out[PERIOD_BYTES - 1] = '\0';
    if (digits == 0) {
        out[4] = '\0';
    }
}

/* A week belongs to the year its Thursday lies in. */
static void week_of(int day, char *out, int *first, int *last)
{
    int64_t y = 0;
    int m = 0;
    *first = day - date_weekday(day);
    *last = *first + WEEK - 1;
    ymd(*first + THURSDAY, &y, &m);
    write_text(out, y, "-W", (*first + THURSDAY - day_at(y, 1)) / WEEK + 1, 2);
}

/* Periods of so many months. */
static void months_of(enum period_type t, int day, char *out, int *first, int *last)
{
    static const int months[PERIOD_TYPES] = {
        [PERIOD_MONTH] = 1, [PERIOD_QUARTER] = 3, [PERIOD_YEAR] = 12};
    int64_t y = 0;
    int m = 0;
    ymd(day, &y, &m);
    int n = months[t], begin = (m - 1) / n * n + 1, end = begin + n;
    *first = day_at(y, begin);
    *last = day_at(end > 12 ? y + 1 : y, end > 12 ? end - 12 : end) - 1;
    if (t == PERIOD_YEAR) {
        write_text(out, y, "", 0, 0);
    } else if (t == PERIOD_QUARTER) {
        write_text(out, y, "-Q", (begin - 1) / 3 + 1, 1);
    } else {
        write_text(out, y, "-", begin, 2);
    }
}

void period_of(enum period_type t, int day, char out[static PERIOD_BYTES], int *ret_first,
               int *ret_last)
{
    if (t == PERIOD_WEEK) {
        week_of(day, out, ret_first, ret_last);
    } else {
        months_of(t, day, out, ret_first, ret_last);
    }
}

int period_read(struct span s, enum period_type *ret, int *ret_first, int *ret_last)
{
    const char *p = (const char *)s.p;
    if (period_parse(p, s.n, ret_first, ret_last) < 0 || s.n > 8) {
        return SANJI_E_SPEC;
    }
    enum period_type t = s.n == 4      ? PERIOD_YEAR
                         : p[5] == 'Q' ? PERIOD_QUARTER
                         : p[5] == 'W' ? PERIOD_WEEK
                                       : PERIOD_MONTH;
    *ret = t;
    return p[s.n == 4 ? 0 : 5] == 'H' ? SANJI_E_SPEC : 0;
}
