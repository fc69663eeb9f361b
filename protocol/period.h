/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_PERIOD_H
#define SANJI_PROTOCOL_PERIOD_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"

#include <stdint.h>

/* Periods of reports (PROTOCOL.md 17, type period), as days: weeks by ISO 8601, months, quarters
 * and years. Days are numbers as date_parse() gives them. */
enum period_type { PERIOD_WEEK, PERIOD_MONTH, PERIOD_QUARTER, PERIOD_YEAR, PERIOD_TYPES };
enum { PERIOD_BYTES = 12 };

/* The type of a text like 2026-W07, 2026-11, 2026-Q4, 2026 and its days. SANJI_E_SPEC: another
 * form (a day, a half year), or no such week. */
int period_read(struct span s, enum period_type *ret, int *ret_first, int *ret_last);
/* The period of that type in which a day lies. */
void period_of(enum period_type t, int day, char out[static PERIOD_BYTES], int *ret_first,
               int *ret_last);

#endif
