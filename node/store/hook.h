/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_STORE_HOOK_H
#define SANJI_NODE_STORE_HOOK_H

#include "node/store/store.h"

/* Who is told what comes to wait at this node, and what is on its way to them. Local to the node.
 * Texts are copied; times are milliseconds. */
struct hook_row {
    int64_t n;
    const char *name, *form, *url, *secret, *events, *maker, *why;
    int64_t created, ok_at, fails, failed, queued; /* queued: messages on their way */
};
typedef int (*hook_fn)(const struct hook_row *h, void *arg);
int hook_add(struct store *s, const struct hook_row *h, int64_t *ret_n); /* n is given */
int hook_list(struct store *s, hook_fn fn, void *arg);
int hook_drop(struct store *s, int64_t n); /* SANJI_E_NOT_FOUND; its messages too */
/* What came of the last attempt: ok_at, fails, failed and why of the row. */
int hook_said(struct store *s, const struct hook_row *h);

struct hook_message {
    int64_t n, hook, tries, due;
    const char *body;
};
typedef int (*hook_message_fn)(const struct hook_message *m, void *arg);
int hook_push(struct store *s, int64_t hook, const char *body, int64_t due);
/* The first message of each hook, if it is due. */
int hook_due(struct store *s, int64_t now, hook_message_fn fn, void *arg);
int hook_later(struct store *s, int64_t n, int64_t tries, int64_t due);
int hook_sent(struct store *s, int64_t n); /* it goes */
/* Keeps the newest `most` of a hook. */
int hook_trim(struct store *s, int64_t hook, int64_t most);

/* ret_new: it was not there. */
int hook_see(struct store *s, const uint8_t k[static HASH_LEN], bool *ret_new);
typedef bool hook_still_fn(const uint8_t k[static HASH_LEN], void *arg);
/* Forgets what does not wait any more. */
int hook_forget(struct store *s, hook_still_fn fn, void *arg);

#endif
