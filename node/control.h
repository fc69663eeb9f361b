/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_CONTROL_H
#define SANJI_NODE_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/base/buf.h"

/* How `sanji VERB` reaches the daemon that owns the data folder: DIR/control.sock, for the daemon's
 * own user and root only. Frames both ways: u32 big-endian payload length, one type byte, payload.
 *   client  ARGV      language NUL argument NUL argument NUL ..., first and once
 *           STDIN     up to CONTROL_CHUNK bytes, one for each WANT
 *           STDIN_END also answers a WANT
 *   daemon  WANT      send one chunk: input is never ahead of its reader, however large it is
 *           STDOUT, STDERR   up to CONTROL_CHUNK bytes
 *           EXIT      i32 code, last */
enum control_type {
    CONTROL_ARGV = 1,
    CONTROL_STDIN = 2,
    CONTROL_STDIN_END = 3,
    CONTROL_STDOUT = 4,
    CONTROL_STDERR = 5,
    CONTROL_EXIT = 6,
    CONTROL_WANT = 7,
};

enum {
    CONTROL_CHUNK = 65536,
    CONTROL_ARGV_BYTES = 262144,
    CONTROL_ARGS = 256,
    CONTROL_QUEUE_BYTES = 1 << 20, /* output waiting for a slow reader */
    CONTROL_CONNS = 32,
};

struct loop;
struct control;
struct control_conn;

/* All on the loop thread; all but start may be NULL. */
struct control_ops {
    /* A command. argv is borrowed until control_exit() or gone(); argv[argc] is NULL. Answer with
     * control_out/err and finally control_exit, now or later. */
    void (*start)(struct control_conn *c, int argc, const char *const *argv, const char *lang,
                  void *arg);
    /* One chunk after control_want_input(); n == 0 is the end of the input. */
    void (*input)(struct control_conn *c, struct span chunk, void *arg);
    /* The output queue has fallen below half of CONTROL_QUEUE_BYTES after it was full. */
    void (*drained)(struct control_conn *c, void *arg);
    /* The client is gone before control_exit(), or the server is being freed; c ends with this
     * call. Not called after control_exit(). */
    void (*gone)(struct control_conn *c, void *arg);
};

/* Replaces a socket file left behind: take the folder's lock first. ops is copied. SANJI_E_IO. */
int control_new(struct loop *l, const char *dir, const struct control_ops *ops, void *arg,
                struct control **ret);
/* Removes the socket file; clients still waiting get gone(). Not from within an operation. */
void control_free(struct control *ct);

void control_set_data(struct control_conn *c, void *data);
void *control_data(const struct control_conn *c);
/* Asks for one chunk of standard input; input() follows once. No-op while one is asked for. */
int control_want_input(struct control_conn *c);
/* Queue output, all or nothing. SANJI_E_BUSY: the queue is full, wait for drained(). A single piece
 * may be larger than the queue when it is empty, so plain verbs need not care. */
int control_out(struct control_conn *c, const void *p, size_t n);
int control_err(struct control_conn *c, const void *p, size_t n);
/* Queues the exit code; c must not be used afterwards. Output before it is still delivered. */
void control_exit(struct control_conn *c, int code);

/* A daemon of ours listens in dir: who holds the folder is no passing command. */
bool control_listens(const char *dir);
/* Client side, blocking. Descriptors are passed through as they are (-1 for no input); lang may be
 * NULL. SANJI_E_NOT_FOUND: no daemon listens in dir. SANJI_E_FORBIDDEN: not our daemon.
 * SANJI_E_UNREACHABLE: the daemon ended in the middle. SANJI_E_SIZE: too many arguments.
 * SANJI_E_CLOSED: nobody reads out_fd any more. */
int control_call(const char *dir, int argc, const char *const *argv, const char *lang, int in_fd,
                 int out_fd, int err_fd, int *ret_exit);
/* The same, for a caller that takes the output itself: 0, or the error that ends the call. */
typedef int control_sink(void *io, const void *p, size_t n);
int control_call_to(const char *dir, int argc, const char *const *argv, const char *lang, int in_fd,
                    control_sink *out, control_sink *err, void *io, int *ret_exit);

#endif
