/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_LOG_H
#define SANJI_NODE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <syslog.h> /* LOG_ERR .. LOG_DEBUG: the numbers that systemd reads as <N> */

/* The only logger: one line per event on stderr, for example
 *     <6>info event=sync.pull peer=n-abc n=12 ms=40
 * or, with log_set_json(true), one JSON object per line. Callable from any thread. Lines never hold
 * names, phone numbers, bodies or tokens; control characters are replaced, so that foreign text
 * cannot forge a line. Longer lines than LOG_LINE_BYTES are cut. */
enum { LOG_LINE_BYTES = 4096, LOG_QUOTE_BYTES = 256 };

void log_set_json(bool on);
void log_set_level(int level); /* LOG_INFO unless told; LOG_ERR .. LOG_DEBUG */
int log_level(void);
/* LOG_ERR .. LOG_DEBUG for "error" "warning" "notice" "info" "debug", else -1. */
int log_level_by_name(const char *name);
void log_set_fd(int fd); /* default STDERR_FILENO; -1 silences: tests */

void log_event(int level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* For events that a stranger can cause at will: at most one line per every_ms and limit; the next
 * line says how many were left out (`dropped=`). Zero-initialised static storage is right. */
struct log_limit {
    int64_t next_ms;
    unsigned dropped;
};
void log_event_limited(struct log_limit *lim, int64_t every_ms, int level, const char *event,
                       const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Writes s as one quoted logfmt value (cut to fit, invalid bytes replaced) and returns buf. */
const char *log_quote(char buf[static LOG_QUOTE_BYTES], const char *s);

#endif
