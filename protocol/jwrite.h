/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_JWRITE_H
#define SANJI_PROTOCOL_JWRITE_H

#include "protocol/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The only producer of JSON bytes. Emits the one spelling json_gate's protocol mode accepts: no
 * white space, members in the order of the calls, strings with the shortest escapes. The error is
 * the buffer's sticky one; SANJI_E_ENCODING when a string is not UTF-8 or holds NUL, SANJI_E_BUG
 * when the calls do not nest. A NULL name writes an array element. */
struct jw {
    struct buf *b;
    uint8_t depth;
    uint32_t has_member; /* bit per depth: a comma is due */
    uint32_t is_obj;     /* bit per depth: an object, not an array */
    int err;
};

void jw_init(struct jw *w, struct buf *b);
void jw_obj(struct jw *w, const char *name);
void jw_arr(struct jw *w, const char *name);
void jw_end_obj(struct jw *w);
void jw_end_arr(struct jw *w);
void jw_str(struct jw *w, const char *name, const char *s);
void jw_strn(struct jw *w, const char *name, const char *s, size_t n);
void jw_int(struct jw *w, const char *name, int64_t v); /* |v| < 10^15, else SANJI_E_SPEC */
void jw_bool(struct jw *w, const char *name, bool v);
void jw_b64(struct jw *w, const char *name, const void *p, size_t n);
/* Inserts bytes that are already JSON in protocol form (checked by the caller). */
void jw_raw(struct jw *w, const char *name, const void *p, size_t n);
int jw_done(struct jw *w); /* 0 or the first error; SANJI_E_BUG when not closed */

/* Appends s as a JSON string literal, quotes included. 0 or error. */
int json_quote(struct buf *b, const char *s, size_t n);
/* The envelope's inner strings hold no control characters, so only '"' and '\\' are escaped. Undo
 * it: p..p+n is the literal without quotes; any other escape is SANJI_E_SYNTAX. Appends to out. */
int json_unquote_simple(const void *p, size_t n, struct buf *out);

#endif
