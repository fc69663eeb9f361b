/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_SCORE_H
#define SANJI_PROTOCOL_SCORE_H

#include "protocol/base/buf.h"
#include "protocol/jwrite.h"

#include <stdbool.h>
#include <stdint.h>

/* The questionnaire of an event as counts (PROTOCOL.md 17.6): four questions, each answered with 1
 * to 5. */

/* Means are of the first SCORE_SHOWN answers, and then of SCORE_SHOWN more each time: two readings
 * of them never differ by one answer. */
enum { SCORE_ITEMS = 4, SCORE_MARKS = 5, SCORE_N_MAX = 100000, SCORE_SHOWN = 5 };
extern const char *const score_item[SCORE_ITEMS]; /* "content" .. */

struct score {
    int64_t n, v[SCORE_ITEMS][SCORE_MARKS];
};
/* From content of an event_score/1: all answers, and those whose means are shown (n 0: none). */
bool score_read(struct span d, struct score *ret, struct score *ret_shown);
/* Members "n", "counts" and "shown". */
void score_write(struct jw *w, const struct score *s, const struct score *shown);
/* One more; mark[i] is 1..5. */
void score_add(struct score *s, struct score *shown, const int64_t mark[static SCORE_ITEMS]);
/* Mean of an item in hundredths; 0 without answers. */
int64_t score_mean(const struct score *s, int item);

#endif
