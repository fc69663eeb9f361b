/* SPDX-License-Identifier: Apache-2.0 */
/* Calendar days without a clock and without a time zone database: statistics, bookings and periods
 * must come out equal on every node, whatever its system is set to. */
#include "protocol/base/text.h"

#include "protocol/base/err.h"

#include <string.h>

enum {
    DAY_MS = 86400000,
    CHINA_MS = 8 * 3600 * 1000,
    DAY_MIN = -719162,    /* 0001-01-01 */
    DAY_MAX = 2932896,    /* 9999-12-31 */
    ERA_DAYS = 146097,    /* 400 years */
    EPOCH_SHIFT = 719468, /* 0000-03-01 to 1970-01-01 */
};

/* Years begin in March here, so that the leap day comes last (H. Hinnant, chrono algorithms). */
static int days_of(int y, int m, int d)
{
    y -= m <= 2;
    int era = y / 400;
    int yoe = y - era * 400;
    int doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * ERA_DAYS + yoe * 365 + yoe / 4 - yoe / 100 + doy - EPOCH_SHIFT;
}

static void civil_of(int days, int *ret_y, int *ret_m, int *ret_d)
{
    int z = days + EPOCH_SHIFT;
    int era = z / ERA_DAYS;
    int doe = z - era * ERA_DAYS;
    int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int mp = (5 * doy + 2) / 153;
    *ret_d = doy - (153 * mp + 2) / 5 + 1;
    *ret_m = mp < 10 ? mp + 3 : mp - 9;
    *ret_y = yoe + era * 400 + (*ret_m <= 2);
}

static int clamp_day(int64_t days)
{
    return days < DAY_MIN ? DAY_MIN : days > DAY_MAX ? DAY_MAX : (int)days;
}

/* Exactly n digits; -1 otherwise. */
static int digits(const char *s, int n)
{
    int v = 0;
    for (int i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9') {
            return -1;
        }
        v = v * 10 + (s[i] - '0');
    }
    return v;
}

static int month_days(int y, int m)
{
    static const int len[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    return len[m - 1] + (m == 2 && leap);
}

int date_parse(const char *s, size_t n, int *ret_days)
{
    if (n != 10 || s[4] != '-' || s[7] != '-') {
        return SANJI_E_SYNTAX;
    }
    int y = digits(s, 4);
    int m = digits(s + 5, 2);
    int d = digits(s + 8, 2);
    if (y < 0 || m < 0 || d < 0) {
        return SANJI_E_SYNTAX;
    }
    if (y < 1 || m < 1 || m > 12 || d < 1 || d > month_days(y, m)) {
        return SANJI_E_SPEC;
    }
    *ret_days = days_of(y, m, d);
    return 0;
}

static char *put_digits(char *out, int v, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        out[i] = (char)('0' + v % 10);
        v /= 10;
    }
    return out + n;
}

void date_write(int days, char out[static 11])
{
    int y = 0;
    int m = 0;
    int d = 0;
    civil_of(clamp_day(days), &y, &m, &d);
    char *p = put_digits(out, y, 4);
    *p++ = '-';
    p = put_digits(p, m, 2);
    *p++ = '-';
    p = put_digits(p, d, 2);
    *p = 0;
}

int date_weekday(int days)
{
    /* 1970-01-01 was a Thursday. */
    return ((days % 7) + 3 + 7) % 7;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Milliseconds of China's clock, inside the years that can be written. */
static int64_t china_ms(int64_t ms_utc)
{
    int64_t lo = (int64_t)DAY_MIN * DAY_MS;
    int64_t hi = ((int64_t)DAY_MAX + 1) * DAY_MS - 1;
    if (ms_utc < lo - CHINA_MS) {
        return lo;
    }
    return ms_utc > hi - CHINA_MS ? hi : ms_utc + CHINA_MS;
}

int date_of_ms(int64_t ms_utc)
{
    return clamp_day(floor_div(china_ms(ms_utc), DAY_MS));
}

int minute_parse(const char *s, size_t n, int64_t *ret_min)
{
    int day = 0;
    if (n != 16 || s[10] != 'T' || s[13] != ':') {
        return SANJI_E_SYNTAX;
    }
    int r = date_parse(s, 10, &day);
    int h = digits(s + 11, 2);
    int m = digits(s + 14, 2);
    if (r < 0 || h < 0 || m < 0) {
        return r < 0 ? r : SANJI_E_SYNTAX;
    }
    if (h > 23 || m > 59) {
        return SANJI_E_SPEC;
    }
    *ret_min = (int64_t)day * 1440 + h * 60 + m;
    return 0;
}

void minute_write(int64_t min, char out[static 17])
{
    int days = clamp_day(floor_div(min, 1440));
    int rest = (int)(min - (int64_t)days * 1440);
    date_write(days, out);
    char *p = out + 10;
    *p++ = 'T';
    p = put_digits(p, rest / 60, 2);
    *p++ = ':';
    p = put_digits(p, rest % 60, 2);
    *p = '\0';
}

int64_t minute_of_ms(int64_t ms_utc)
{
    return floor_div(china_ms(ms_utc), 60000);
}

void time_write(int64_t ms_utc, char out[static 32])
{
    int64_t ms = china_ms(ms_utc);
    int days = clamp_day(floor_div(ms, DAY_MS));
    int rest = (int)(ms - (int64_t)days * DAY_MS);
    date_write(days, out);
    char *p = out + 10;
    *p++ = 'T';
    p = put_digits(p, rest / 3600000, 2);
    *p++ = ':';
    p = put_digits(p, rest / 60000 % 60, 2);
    *p++ = ':';
    p = put_digits(p, rest / 1000 % 60, 2);
    *p++ = '.';
    p = put_digits(p, rest % 1000, 3);
    memcpy(p, "+08:00", sizeof("+08:00"));
}

static void months_span(int y, int first, int last, int *ret_first, int *ret_last)
{
    *ret_first = days_of(y, first, 1);
    *ret_last = days_of(y, last, month_days(y, last));
}

/* ISO 8601: week 1 is the one with 4 January; weeks begin on Monday. */
static int week_parse(int y, int w, int *ret_first, int *ret_last)
{
    int jan4 = days_of(y, 1, 4);
    int monday = jan4 - date_weekday(jan4) + (w - 1) * 7;
    /* A week belongs to the year of its Thursday, so week 53 exists only in some years. */
    if (w < 1 || monday + 3 > days_of(y, 12, 31)) {
        return SANJI_E_SPEC;
    }
    *ret_first = monday;
    *ret_last = monday + 6;
    return 0;
}

/* Half years and quarters: "H1".."H2", "Q1".."Q4". */
static int part_parse(int y, char kind, char digit, int *ret_first, int *ret_last)
{
    int months = kind == 'H' ? 6 : 3;
    int i = digits(&digit, 1);
    if (i < 0) {
        return SANJI_E_SYNTAX;
    }
    if (i < 1 || i > 12 / months) {
        return SANJI_E_SPEC;
    }
    months_span(y, (i - 1) * months + 1, i * months, ret_first, ret_last);
    return 0;
}

int period_parse(const char *s, size_t n, int *ret_first, int *ret_last)
{
    int y = n >= 4 ? digits(s, 4) : -1;
    if (y < 0 || (n > 4 && s[4] != '-')) {
        return SANJI_E_SYNTAX;
    }
    if (y < 1) {
        return SANJI_E_SPEC;
    }
    if (n == 4) {
        months_span(y, 1, 12, ret_first, ret_last);
        return 0;
    }
    if (n == 7 && (s[5] == 'H' || s[5] == 'Q')) {
        return part_parse(y, s[5], s[6], ret_first, ret_last);
    }
    if (n == 7) {
        int m = digits(s + 5, 2);
        if (m < 1 || m > 12) {
            return m < 0 ? SANJI_E_SYNTAX : SANJI_E_SPEC;
        }
        months_span(y, m, m, ret_first, ret_last);
        return 0;
    }
    if (n == 8 && s[5] == 'W') {
        int w = digits(s + 6, 2);
        return w < 0 ? SANJI_E_SYNTAX : week_parse(y, w, ret_first, ret_last);
    }
    int day = 0;
    int r = date_parse(s, n, &day);
    if (r == 0) {
        *ret_first = day;
        *ret_last = day;
    }
    return r;
}
