/* SPDX-License-Identifier: Apache-2.0 */
/* Working days as bits: two per day and year, filled from records, so that counting over weeks
 * costs nothing and the whole calendar is one plain struct that may be copied. */
#include "protocol/calendar.h"

#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/kinds/kind.h"

#include <string.h>

enum { SATURDAY = 5, DAYS_MAX = 366 * 200 };

void calendar_init(struct calendar *c)
{
    *c = (struct calendar){0};
}

static int first_day(int year)
{
    char s[16];
    int day = 0;
    /* Any day of any year will do to begin with: 1990..2100 are four digits. */
    s[0] = (char)('0' + year / 1000);
    s[1] = (char)('0' + year / 100 % 10);
    s[2] = (char)('0' + year / 10 % 10);
    s[3] = (char)('0' + year % 10);
    memcpy(s + 4, "-01-01", 6);
    (void)date_parse(s, 10, &day);
    return day;
}

static void set_days(uint8_t bits[static 46], struct span d, const char *name, int first)
{
    struct jcur c;
    struct span v;
    struct span e;
    struct span s;
    int day = 0;
    memset(bits, 0, 46);
    if (!jcur_get(d, name, &v) || !jcur_array(&c, v)) {
        return;
    }
    while (jcur_element(&c, &e)) {
        if (jcur_plain(e, &s) && date_parse((const char *)s.p, s.n, &day) == 0) {
            int i = day - first;
            bits[i / 8] = (uint8_t)(bits[i / 8] | 1U << (i % 8));
        }
    }
}

int calendar_add(struct calendar *c, struct span d, struct fault *f)
{
    struct span v;
    int64_t year = 0;
    int r = kind_check_content(kind_find("workday"), d, f);
    if (r < 0) {
        return r;
    }
    if (!jcur_get(d, "year", &v) || !jcur_int(v, &year) || year < CAL_YEAR_MIN ||
        year > CAL_YEAR_MAX) {
        return fault_set(f, SANJI_E_SPEC, "year", "1990 to 2100");
    }
    int first = first_day((int)year);
    size_t i = (size_t)(year - CAL_YEAR_MIN);
    set_days(c->off[i], d, "holidays", first);
    set_days(c->work[i], d, "makeup", first);
    c->known[i] = true;
    return 0;
}

static int year_of(int day)
{
    char s[11];
    date_write(day, s);
    return (s[0] - '0') * 1000 + (s[1] - '0') * 100 + (s[2] - '0') * 10 + (s[3] - '0');
}

static bool has_bit(const uint8_t *bits, int i)
{
    return (bits[i / 8] >> (i % 8) & 1) != 0;
}

bool calendar_is_workday(const struct calendar *c, int day, bool *ret_marked)
{
    int year = year_of(day);
    bool weekday = date_weekday(day) < SATURDAY;
    bool covered = year >= CAL_YEAR_MIN && year <= CAL_YEAR_MAX && c->known[year - CAL_YEAR_MIN];
    if (!covered) {
        if (ret_marked != NULL) {
            *ret_marked = true;
        }
        return weekday;
    }
    int i = day - first_day(year);
    if (has_bit(c->work[year - CAL_YEAR_MIN], i)) {
        return true;
    }
    return weekday && !has_bit(c->off[year - CAL_YEAR_MIN], i);
}

int calendar_workdays_between(const struct calendar *c, int from, int to, bool *ret_marked)
{
    int n = 0;
    /* Two centuries are enough for any deadline; a clock that is wrong by more must not hang us. */
    if ((int64_t)to - from > DAYS_MAX) {
        to = from + DAYS_MAX;
    }
    for (int d = from; d < to;) {
        n += calendar_is_workday(c, ++d, ret_marked);
    }
    return n;
}

int calendar_add_workdays(const struct calendar *c, int day, int n, bool *ret_marked)
{
    for (int left = n, steps = 0; left > 0 && steps < DAYS_MAX && day < INT32_MAX; steps++) {
        left -= calendar_is_workday(c, ++day, ret_marked);
    }
    return day;
}

int calendar_workdays_cb(int from_day, int to_day, void *arg)
{
    const struct calendar *c = (const struct calendar *)arg;
    return calendar_workdays_between(c, from_day, to_day, NULL);
}
