/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_CLI_FERRY_WIRE_H
#define SANJI_NODE_CLI_FERRY_WIRE_H

#include "node/cli/put.h"

/* A ferry verb has two halves. Files are opened by the command's own process: it has the user's
 * rights, working folder and mounts, none of which a daemon behind a service manager need have, and
 * a stick that hangs or is pulled out stops nobody else. The node's half has keys and database, and
 * sees bytes only. Between them `ferry give` writes pieces: u32 big-endian length, one letter,
 * payload of at most GIVE_PIECE bytes. */
enum { GIVE_HEAD = 5, GIVE_PIECE = 65536 };
enum give_letter {
    GIVE_BEGIN = 'B', /* payload: the JSON object of the file, with `part` */
    GIVE_DATA = 'D',
    GIVE_END = 'E',
    GIVE_DONE = 'S', /* payload: the JSON object again; without it the file is not complete */
};

/* One call of a verb of the node's half; what it writes goes to `out`, what it says to the user. */
struct ferry_call {
    struct verb *v;
    int (*out)(void *arg, const void *p, size_t n);
    void *arg;
    bool quiet; /* the caller has said what went wrong */
};
int ferry_call(struct ferry_call *c, int argc, const char *const *argv, int in_fd);

/* "NAME: brought 3 days ago, ...": false when nothing was carried. *ret_in: days, -1 never. */
bool ferry_words(struct verb *v, const char *node, int64_t *ret_in, struct buf *out);

#endif
