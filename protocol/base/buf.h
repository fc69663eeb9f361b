/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_BASE_BUF_H
#define SANJI_PROTOCOL_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A byte string that grows up to a maximum set at creation. Errors are sticky: after the first one
 * (SANJI_E_NOMEM, SANJI_E_SIZE) every call is a no-op and `err` tells. `data` is always followed by
 * a NUL byte that does not count, so text can be printed; it is NULL only before the first write.
 */
struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t max;
    int err;
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);      /* frees; safe on a zeroed struct */
void buf_wipe_done(struct buf *b); /* overwrites the bytes first: secrets */
void buf_reset(struct buf *b);     /* empties, keeps memory, clears the error */
int buf_reserve(struct buf *b, size_t more);
int buf_put(struct buf *b, const void *p, size_t n);
int buf_puts(struct buf *b, const char *s);
int buf_putc(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
int buf_put_u32be(struct buf *b, uint32_t v);
int buf_put_u64be(struct buf *b, uint64_t v);
/* Length-prefixed (u32 big endian) bytes: the building stone of every preimage. */
int buf_put_lp(struct buf *b, const void *p, size_t n);
int buf_put_lps(struct buf *b, const char *s);
/* Never NULL; "" when empty. Borrowed until the next write. */
const char *buf_str(const struct buf *b);
/* Takes the memory (caller frees with free()), NUL-terminated; NULL on sticky error. Resets b. */
char *buf_take(struct buf *b, size_t *ret_len);

/* A borrowed slice of bytes: pointer and length, owner elsewhere. */
struct span {
    const uint8_t *p;
    size_t n;
};
static inline struct span span_of(const void *p, size_t n)
{
    return (struct span){.p = (const uint8_t *)p, .n = n};
}
bool span_eq(struct span a, struct span b);
bool span_eqs(struct span a, const char *s);

#endif
