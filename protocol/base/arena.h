/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_BASE_ARENA_H
#define SANJI_PROTOCOL_BASE_ARENA_H

#include <stddef.h>

/* Memory for one request or one bundle: many small pieces, freed at once, with a cap. */
struct arena;

struct arena *arena_new(size_t max_bytes); /* NULL: no memory */
void arena_free(struct arena *a);          /* NULL is fine */
void arena_reset(struct arena *a);         /* forgets every piece, keeps the first block */
/* Zeroed, aligned for any type; NULL when the cap or the memory is reached. */
void *arena_alloc(struct arena *a, size_t n);
void *arena_dup(struct arena *a, const void *p, size_t n); /* copy plus a NUL byte */
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
size_t arena_used(const struct arena *a);

#endif
