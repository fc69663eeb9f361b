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

/* A file made by the command itself, in a folder under `name` or under the name asked for: written
 * whole or not at all, like an export. Says what went wrong; an exit code. */
int ferry_save(struct verb *v, const char *where, const char *suffix, const char *name,
               struct span bytes, struct buf *ret_path);
/* Takes the files, and with `page` tells what came of each; an exit code. v->app: into this opened
 * node. */
int ferry_import(struct verb *v, int n, const char *const *path, bool page);
/* Is there a file of this suffix, or is it one? */
bool ferry_lies(const char *path, const char *suffix);

/* "NAME: brought 3 days ago, ...": false when nothing was carried. *ret_in: days, -1 never. */
bool ferry_words(struct verb *v, const char *node, int64_t *ret_in, struct buf *out);

#endif
