/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_SERVE_H
#define SANJI_NODE_SERVE_H

#include "node/app.h"

/* The daemon: one loop thread for sockets, one database thread for everything else. */

struct serve_ready {
    int staff_port, sync_port; /* 0: not listening */
};
/* Runs until SIGTERM or SIGINT. Takes over `app` (already opened by the caller) and closes it.
 * `ready` (may be NULL) is called on the loop thread once everything listens. Returns 0 after an
 * orderly stop, or SANJI_E_CONFIG / _BUSY with f naming the setting, or another error. */
int serve_run(struct app *app, void (*ready)(const struct serve_ready *r, void *arg), void *arg,
              struct fault *f);
/* One complete exchange with the parent without listening: 0 both hold the same, SANJI_E_NOT_FOUND
 * no parent, SANJI_E_UNREACHABLE and others as sync_now_state(). The app stays the caller's. */
int serve_sync_once(struct app *app, int64_t wait_ms);

/* For the verb `sync` inside the daemon: the engine is asked to exchange now; the state is then
 * sync_now_state(). Database thread. */
void serve_ask_now(void);

#endif
