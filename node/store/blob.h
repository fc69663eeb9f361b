/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_STORE_BLOB_H
#define SANJI_NODE_STORE_BLOB_H

#include "node/store/store.h"

/* What is known of attachments, and of those on their way here. Their bytes are files
 * (node/blob.h). Hashes are 43 characters of base64url; times are milliseconds. */
enum { BLOB_SHA = 43, UPLOAD_ID = 26 };

struct blob_row {
    const char *sha, *type;
    int64_t len, since;
    int64_t loose; /* no record has referred to it since; 0: one does; 1: it was erased */
};
typedef int (*blob_fn)(const struct blob_row *b, void *arg);
/* fn may be NULL. SANJI_E_NOT_FOUND. */
int blob_row_get(struct store *s, const char *sha, blob_fn fn, void *arg);
int blob_row_add(struct store *s, const struct blob_row *b); /* its grace begins again */
int blob_row_drop(struct store *s, const char *sha);
int blob_row_all(struct store *s, blob_fn fn, void *arg);
int blob_used(struct store *s, int64_t *ret); /* bytes, what is announced included */
/* What records of this node name and there is no row of: hash and length alone. */
int blob_missing(struct store *s, blob_fn fn, void *arg);
/* Each audience in which a current record that `by` wrote names it. */
int blob_named(struct store *s, const char *by, const char *sha,
               int (*fn)(const char *aud, int64_t len, void *arg), void *arg);
/* An item that refers to it was erased: unless another does, it goes with the next sweep. What it
 * was called when it was brought goes at once. */
int blob_row_erased(struct store *s, const char *sha);
/* Settles which are referred to by records of this node, and since when the others are not. What
 * others name lies with them. */
int blob_settle(struct store *s, int64_t now);
/* At most 100 that have been referred to by nothing since before then. */
int blob_loose(struct store *s, int64_t before, blob_fn fn, void *arg);

struct upload_row {
    const char *id, *login, *name, *sha; /* sha: announced, or what it has become; may be empty */
    int64_t len, at, changed;
    bool whole;
};
typedef int (*upload_fn)(const struct upload_row *u, void *arg);
int upload_add(struct store *s, const struct upload_row *u);
int upload_get(struct store *s, const char *id, upload_fn fn, void *arg); /* SANJI_E_NOT_FOUND */
int upload_at(struct store *s, const char *id, int64_t at, int64_t now);
int upload_whole(struct store *s, const char *id, const char *sha, int64_t now);
int upload_drop(struct store *s, const char *id);
int upload_forget(struct store *s, const char *sha); /* those that have become this file */
int upload_open(struct store *s, const char *login, int64_t *ret_n); /* his that are in no record */
int upload_brought(struct store *s, const char *sha, const char *login, bool *ret);
int upload_old(struct store *s, int64_t before, upload_fn fn,
               void *arg); /* id alone, at most 100 */

#endif
