/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_CLI_PUT_H
#define SANJI_NODE_CLI_PUT_H

#include "node/cli/verb.h"

/* Verbs with input, seen from the command's own process: the file is opened (or standard input put
 * into a temporary file in DIR, so that it can be read twice), checked whole without a node, then
 * handed to whoever owns the folder. */
int put_client(struct verb *v, int argc, const char *const *argv);
/* In the daemon when one runs, else here. in_fd -1: none. */
int verb_dispatch(struct verb *v, int argc, const char *const *argv, int in_fd);
/* The same on a node that this process has opened already. */
int verb_run_on(struct verb *v, struct app *a, int in_fd);
/* For app_fault.report; arg is the verb. */
void verb_config_problem(const struct config_problem *p, void *arg);
int verb_open(struct verb *v, struct app **ret, struct app_fault *f);
int verb_open_failed(struct verb *v, int r, const struct app_fault *f);

/* Cuts a stream of bytes into JSON records: one object (over any number of lines) or one per line.
 */
struct put_lines {
    struct buf acc;  /* what is not complete yet */
    long line;       /* number of the line being gathered, from 1 */
    long start;      /* line where the present record began */
    bool first_seen; /* the first record decided: NDJSON or one object */
    bool whole;      /* one object over several lines */
    bool too_long;
    size_t run;   /* bytes of the present record, also of those not kept */
    bool endless; /* it is no record and never will be: nothing more is read */
};
typedef int put_line_fn(struct span json, long line, void *arg);
void put_lines_init(struct put_lines *l);
void put_lines_done(struct put_lines *l);
/* After an endless record, which is named like every wrong one, nothing is taken any more. */
int put_lines_feed(struct put_lines *l, struct span chunk, put_line_fn *fn, void *arg);
int put_lines_end(struct put_lines *l, put_line_fn *fn, void *arg);

#endif
