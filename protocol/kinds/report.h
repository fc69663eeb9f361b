/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_KINDS_REPORT_H
#define SANJI_PROTOCOL_KINDS_REPORT_H

#include "protocol/kinds/kind.h"
#include "protocol/period.h"

/* What a work report's figures are counted from: own records of a kind dated inside the period
 * (date NULL: whatever their date), with a member that says a word (NULL: any), added up by a
 * number they carry (NULL: themselves). */
struct report_figure {
    const char *field, *kind, *date, *member, *word, *sum;
};
extern const struct report_figure report_figures[];
extern const size_t report_figures_n;
/* The periods a kind of report is for; PERIOD_TYPES: no such kind. */
enum period_type report_period(struct span report);

#endif
