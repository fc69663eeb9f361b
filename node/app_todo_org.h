/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_TODO_ORG_H
#define SANJI_NODE_APP_TODO_ORG_H

#include "node/app.h"
#include "protocol/calendar.h"
#include "protocol/kinds/kind.h"
#include "protocol/period.h"

/* What an organisation is to file with this platform and nobody has begun: its months, and the
 * forms that organisations fill in. */
struct app_owed {
    const char *kind;
    const char *title;         /* of the form; "": the kind says it */
    const char *form;          /* "owner/id"; "": none */
    char period[PERIOD_BYTES]; /* "": once */
    int due;                   /* day; 0: none */
    bool marked;               /* the working days of a year are not known */
};
typedef int app_owed_fn(const struct app_owed *o, void *arg);
/* Stops at the first callback that does not return 0, and returns that. */
int app_owed_each(struct app *a, const char *org, const struct calendar *cal, int today,
                  app_owed_fn *fn, void *arg);
/* The day content d of a kind that is filed each month is due by; 0: there is none. */
int app_owed_by(const struct kind *k, struct span d, const struct calendar *cal, bool *ret_marked);

#endif
