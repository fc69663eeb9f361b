/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_TODO_H
#define SANJI_NODE_APP_TODO_H

#include "node/app.h"

/* What waits for one person of this node, worked out anew at each question from the records and
 * threads as they stand: nothing of it is stored, so nothing of it can be wrong for long. */
enum app_todo_source {
    TODO_DRAFT,    /* a form begun and not sent */
    TODO_REPORT,   /* a report owed, returned or begun */
    TODO_ANSWER,   /* a report of a node below that wants an answer */
    TODO_DECIDE,   /* a record in a state where this role decides */
    TODO_REDO,     /* a record that came back, or was never submitted */
    TODO_FILE,     /* what an organisation is to file and has not begun */
    TODO_REFERRAL, /* a referral whose next step is this node's */
    TODO_BOOKING,  /* an ask for a resource or event of this node that waits for a person */
    TODO_QUESTION, /* a question about a record of this node without an answer */
    TODO_ACK,      /* a notice whose author wants to know that it was read */
    TODO_ERASE,    /* an erasure somebody else asked for */
    TODO_KEEP,     /* what has been kept for as long as it may be */
    TODO_PARKED,   /* items that could not be applied */
    TODO_SOURCES
};
enum { TODO_MAX = 500 };

struct app_todo {
    enum app_todo_source source;
    char kind[40], owner[LIM_NODE_ID + 1], id[128], title[484], state[32], extra[72];
    int64_t since_ms;
    int due; /* day; 0: none */
    bool overdue;
    bool marked; /* the working days of a year are not known */
};
struct app_todo_list {
    size_t n;
    bool more; /* there are others beside these */
    struct app_todo v[TODO_MAX];
};
const char *app_todo_source_name(enum app_todo_source s);
/* One matter as an object, for the interface and the command line alike. */
void app_todo_write(struct app *a, struct jw *w, const struct app_todo *t);
/* login NULL or "": nobody's drafts. Sorted: overdue first, then by due day, then the newest. The
 * caller frees *ret. */
int app_todo(struct app *a, const struct app_person *who, struct app_todo_list **ret);

/* Of a record that waits for a decision here: the how manieth of how many, and by when. False: it
 * does not wait. */
struct app_todo_place {
    int64_t place, of;
    int due;
    bool marked;
};
int app_todo_place(struct app *a, const struct kind *k, const char *state, int64_t ts,
                   struct app_todo_place *ret, bool *ret_waits);

#endif
