/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_QUESTION_H
#define SANJI_NODE_APP_QUESTION_H

#include "node/app.h"
#include "protocol/jwrite.h"

/* Questions about published records (PROTOCOL.md 17.8). */

struct app_question {
    const char *asker, *id;           /* the question */
    const char *owner, *record;       /* what it is about */
    const char *kind, *title, *since; /* of the record; kind "": it is not here */
    struct span text;                 /* JSON */
    int64_t r, ts;
    bool answered; /* in the form it has now */
    struct span answer;
    const char *answer_id;
    int64_t answer_r, answer_ts; /* 0: none */
};
typedef int app_question_fn(const struct app_question *q, void *arg); /* 1: enough */
/* Those of this node and those to it about one record, or (record NULL) all; newest first. */
int app_question_each(struct app *a, const char *owner, const char *record, app_question_fn *fn,
                      void *arg);
/* The same ones as a JSON list. */
int app_question_list(struct app *a, const char *owner, const char *record, const char *name,
                      struct jw *w);

#endif
