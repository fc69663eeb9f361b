/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_DUTY_H
#define SANJI_NODE_APP_DUTY_H

#include "node/app_pair.h"
#include "protocol/period.h"

/* Which report of whom is due when: obligations of the nodes above, against what was sent. */
struct app_duty { /* one obligation; valid until the walk ends */
    char owner[LIM_NODE_ID + 1], id[LIM_ID_BYTES + 1];
    char title[484], report[16];
    enum period_type type;
    bool below, begin; /* whoever stands below, not children alone; days count from the beginning */
    int64_t days;
    int from, to; /* whole periods inside these days */
};
struct app_duty_cell {
    const struct app_duty *duty;
    const char *node;
    char period[PERIOD_BYTES], record[LIM_ID_BYTES + 1];
    int due;           /* day */
    bool marked;       /* the working days of a year are not known */
    const char *state; /* "not_due" "open" "missing", or of the pair (flow_pair.h) */
    bool filed, draft, revised, again;
    bool late;      /* by what this node can prove: `due`, and the day it came here */
    bool unsure;    /* whether it was in time is not known: its first form was never seen here */
    bool said_late; /* by what the report says of itself */
    int said, seen; /* days: sent first, as it says; came here first. 0: not known, or its own */
};
struct app_duty_sum { /* RPT01 */
    int64_t expected, actual, on_time, late, revised;
};
void app_duty_add(struct app_duty_sum *s, const struct app_duty_cell *c, int today);
typedef int app_duty_fn(const struct app_duty_cell *c, void *arg);
enum { DUTY_PERIODS = 6, DUTY_PERIODS_MAX = 60 }; /* shown, and shown at most */
/* What concerns `node`, newest period last, at most `periods` of each obligation. */
int app_duty_of(struct app *a, const char *node, int periods, app_duty_fn *fn, void *arg);
/* Every obligation this node has made, each with the nodes it concerns: by obligation, node,
 * period. */
int app_duty_grid(struct app *a, int periods, app_duty_fn *fn, void *arg);
/* The members of a cell, for the interface and the command line alike. */
void app_duty_write(struct jw *w, const struct app_duty_cell *c);
/* The first day by which this report of that period is owed to anybody. SANJI_E_NOT_FOUND: it is
 * not. */
int app_duty_due(struct app *a, struct span report, struct span period, int *ret_day,
                 bool *ret_marked);

#endif
