/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_WORKER_H
#define SANJI_NODE_WORKER_H

#include <stdbool.h>

/* The database thread: runs jobs one after another, those people wait for before the rest. It owns
 * the store and the engine, so neither needs a lock; results go back by loop_post(). */
struct worker;

enum worker_prio {
    WORK_STAFF, /* a page or a command is waiting */
    WORK_SYNC,  /* neighbours */
    WORK_IDLE,  /* statistics, search index, upkeep */
    WORK_PRIOS
};
typedef void (*worker_fn)(void *arg);

int worker_new(struct worker **ret);
/* Any thread. SANJI_E_NOMEM, or SANJI_E_BUSY once worker_stop() was called. */
/* While held, jobs of this class wait. */
void worker_hold(struct worker *w, enum worker_prio prio, bool held);
int worker_post(struct worker *w, enum worker_prio prio, worker_fn fn, void *arg);
/* Runs what is queued, then ends the thread and frees. NULL is fine. */
void worker_stop(struct worker *w);
/* When the job that is running now began (monotonic ms), 0 when idle: the watchdog's view. */
long long worker_busy_since(struct worker *w);

#endif
