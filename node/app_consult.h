/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_CONSULT_H
#define SANJI_NODE_APP_CONSULT_H

#include "node/app.h"
#include "protocol/jwrite.h"

/* Free consultations of an organisation, by line and period (PROTOCOL.md 17.9). */

struct app_consult_account {
    int64_t free, used; /* free -1: no rule, no limit */
    char period[16];
};
/* Of the period that day lies in; `skip`: a record that is not counted, NULL: none. */
int app_consult_account(struct app *a, const char *org, const char *line, int day, const char *skip,
                        struct app_consult_account *ret);
/* All lines with a rule, as a JSON list. */
int app_consult_list(struct app *a, const char *org, int day, const char *name, struct jw *w);

#endif
