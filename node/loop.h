/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_LOOP_H
#define SANJI_NODE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/* The one event loop of the daemon. Everything here belongs to the thread that runs the loop,
 * except loop_post() and loop_stop(), which any thread may call. Callbacks must not block.
 * Objects may be freed inside their own callback; x_free(NULL) is fine everywhere. */
struct loop;
struct loop_timer;
struct loop_fd;
struct loop_signal;
struct event_base; /* libevent's; only loop.c and http/ know what it is */

typedef void (*loop_fn)(void *arg);
typedef void (*loop_fd_fn)(int fd, unsigned what, void *arg);
typedef void (*loop_signal_fn)(int signo, void *arg);

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

/* Also ignores SIGPIPE for the process: a peer that hangs up must not end the daemon. */
struct loop *loop_new(void);
/* All timers, watchers and servers made on the loop must be gone. Functions still posted are
 * dropped unseen: call loop_drain() first when their arguments own memory. */
void loop_free(struct loop *l);
int loop_run(struct loop *l);    /* returns 0 after loop_stop(), SANJI_E_IO when polling fails */
void loop_stop(struct loop *l);  /* any thread; pending work of this turn is finished first */
void loop_drain(struct loop *l); /* runs what is posted, until nothing is; not inside loop_run */
/* Runs fn(arg) on the loop thread, in the order of posting. Any thread, also the loop's own: then
 * it runs in a later turn, never at once. SANJI_E_NOMEM: was not queued. */
int loop_post(struct loop *l, loop_fn fn, void *arg);
struct event_base *loop_base(struct loop *l);

int64_t loop_now_ms(void); /* monotonic, not the time of day */

struct loop_timer *loop_timer_new(struct loop *l, loop_fn fn, void *arg); /* not armed yet */
/* Times are kept to some 5 ms, in both directions. */
int loop_timer_once(struct loop_timer *t, int64_t ms);  /* re-arms */
int loop_timer_every(struct loop_timer *t, int64_t ms); /* first time after ms */
void loop_timer_stop(struct loop_timer *t);
void loop_timer_free(struct loop_timer *t);

/* Level-triggered watch; what = LOOP_READ | LOOP_WRITE, 0 pauses. The descriptor stays the
 * caller's: free the watch before closing it. */
struct loop_fd *loop_fd_new(struct loop *l, int fd, unsigned what, loop_fd_fn fn, void *arg);
int loop_fd_set(struct loop_fd *f, unsigned what);
void loop_fd_free(struct loop_fd *f);

struct loop_signal *loop_signal_new(struct loop *l, int signo, loop_signal_fn fn, void *arg);
void loop_signal_free(struct loop_signal *s);

#endif
