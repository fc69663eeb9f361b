/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_SERVE_CONTROL_H
#define SANJI_NODE_SERVE_CONTROL_H

#include "node/app.h"

struct loop;
struct worker;
struct replicate;
struct serve_control;

/* Verbs that arrive through the control socket: parsed on the loop, run on the database thread with
 * their output sent back in pieces, so command line and pages share one writer. */
int serve_control_new(struct loop *l, struct worker *w, struct app *app, struct replicate *rep,
                      struct serve_control **ret);
/* Takes no more commands and lets go of every connection. */
void serve_control_stop(struct serve_control *c);
/* After the worker has stopped and the loop was drained: running commands used it until then. */
void serve_control_free(struct serve_control *c);
/* Reads the settings again (SIGHUP). */
void serve_control_reload(struct serve_control *c);

#endif
