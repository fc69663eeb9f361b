/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_SDNOTIFY_H
#define SANJI_NODE_SDNOTIFY_H

#include <stdint.h>

/* The three parts of systemd's start-up protocol that a daemon needs. Without systemd (no
 * environment) all of them do nothing. */

/* "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=..."; failures are not worth stopping for. */
void sdnotify_send(const char *state);
/* Half of the watchdog's time in ms, that is how often to send WATCHDOG=1; 0: no watchdog. */
int64_t sdnotify_watchdog_ms(void);
/* Number of listening sockets passed in (descriptors 3, 4, ...), made close-on-exec. */
int sdnotify_listen_fds(void);

#endif
