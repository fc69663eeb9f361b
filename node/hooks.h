/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_HOOKS_H
#define SANJI_NODE_HOOKS_H

#include "node/app.h"

/* Sends what waits in the queue of hooks (node/app_hook.h): found and noted on the database thread,
 * sent on the loop thread. */
struct loop;
struct worker;
struct hooks;

int hooks_new(struct loop *l, struct worker *w, struct app *a, struct hooks **ret);
/* Nothing new is sent; before the loop is drained. */
void hooks_stop(struct hooks *h);
/* Loop thread, after the worker has stopped and the loop was drained. What is on its way is given
 * up, and sent again after the next start. */
void hooks_free(struct hooks *h);

#endif
