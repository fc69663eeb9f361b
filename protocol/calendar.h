/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_CALENDAR_H
#define SANJI_PROTOCOL_CALENDAR_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Working days (PROTOCOL.md 17, workday/1): Monday to Friday, less the holidays, plus the weekend
 * days worked instead, as the contents of workday records say. A year without a record counts
 * weekends alone, and every answer that leaned on such a year says so. */
enum { CAL_YEAR_MIN = 1990, CAL_YEAR_MAX = 2100, CAL_YEARS = CAL_YEAR_MAX - CAL_YEAR_MIN + 1 };

struct calendar {
    bool known[CAL_YEARS];
    uint8_t off[CAL_YEARS][46];  /* bit per day of the year: a holiday */
    uint8_t work[CAL_YEARS][46]; /* a weekend day that is worked */
};

void calendar_init(struct calendar *c);
/* Takes a year from the content of a workday/1 record; a later call replaces the year. 0 or
 * SANJI_E_SPEC with the calendar untouched. */
int calendar_add(struct calendar *c, struct span d, struct fault *f);
/* Days are numbers as date_parse() gives them. *ret_marked (may be NULL) is set to true, never to
 * false, when a year without a record was looked at. */
bool calendar_is_workday(const struct calendar *c, int day, bool *ret_marked);
/* Working days after `from` up to and including `to`; 0 when to <= from. */
int calendar_workdays_between(const struct calendar *c, int from, int to, bool *ret_marked);
/* The n-th working day after `day` (n >= 0; 0: the day itself). */
int calendar_add_workdays(const struct calendar *c, int day, int n, bool *ret_marked);
/* As the callback of ref_overdue(): arg is a struct calendar. */
int calendar_workdays_cb(int from_day, int to_day, void *arg);

#endif
