/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_STORE_IMPORT_H
#define SANJI_NODE_STORE_IMPORT_H

#include "node/store/store.h"

/* Tables on their way to become records; see schema/0006_import.sql. Writing functions want a
 * transaction. */
struct import_job {
    int64_t n, created, changed, at, bytes;
    const char *login, *role, *kind, *name, *state;
    struct span head, plan;
};
struct import_row {
    int64_t no, r;
    int err;
    const char *act, *st, *member, *want, *rec, *twin;
    struct span cells, old;
};
struct import_count { /* rows by what was decided and what became of them */
    const char *act, *st;
    int64_t n;
};
typedef int (*import_job_fn)(const struct import_job *j, void *arg);
typedef int (*import_row_fn)(const struct import_row *r, void *arg);

int import_job_add(struct store *s, const struct import_job *j, int64_t *ret_n);
/* n 0: all, newest first. SANJI_E_NOT_FOUND for one that is not there. */
int import_job_get(struct store *s, int64_t n, import_job_fn fn, void *arg);
int import_job_save(struct store *s,
                    const struct import_job *j); /* state, changed, head, plan, at, bytes */
int import_job_drop(struct store *s, int64_t n);
/* Ended ones last changed before `ended`, others before `open`. */
int import_job_expire(struct store *s, int64_t ended, int64_t open);
/* The oldest job with a pass to be made; 0: none. */
int import_job_next(struct store *s, int64_t *ret_n);
int import_part_add(struct store *s, int64_t n, int64_t i, struct span data);
int import_part_all(struct store *s, int64_t n, struct buf *out);
int import_part_drop(struct store *s, int64_t n);
int import_row_add(struct store *s, int64_t n, int64_t no, struct span cells);
int import_row_save(struct store *s, int64_t n, const struct import_row *r);
/* Rows behind `after`, in their order; `before` > 0: below it, backwards. */
int import_row_list(struct store *s, int64_t n, int64_t after, int64_t limit, import_row_fn fn,
                    void *arg);
int import_row_back(struct store *s, int64_t n, int64_t before, int64_t limit, import_row_fn fn,
                    void *arg);
/* Those that did not go in, or did not come out again. */
int import_row_bad(struct store *s, int64_t n, int64_t after, int64_t limit, import_row_fn fn,
                   void *arg);
int import_counts(struct store *s, int64_t n, int (*fn)(const struct import_count *c, void *arg),
                  void *arg);
/* A record was erased: rows that speak of it go. */
int import_about(struct store *s, const char *id);
int import_head_put(struct store *s, const char *kind, const uint8_t head[static HASH_LEN],
                    struct span map, int64_t now);
int import_head_get(struct store *s, const char *kind, const uint8_t head[static HASH_LEN],
                    struct buf *ret_map); /* empty: none */

#endif
