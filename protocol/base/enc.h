/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_BASE_ENC_H
#define SANJI_PROTOCOL_BASE_ENC_H

#include <stddef.h>
#include <stdint.h>

/* Canonical encodings: decoding accepts exactly one spelling of every value. */

/* base64url without padding (RFC 4648 section 5), unused bits zero. */
#define B64U_LEN(n) (((n)*4 + 2) / 3)
size_t b64u_put(const void *p, size_t n, char *out); /* writes B64U_LEN(n), no NUL */
/* Decodes exactly want bytes. 0 or SANJI_E_ENCODING. */
int b64u_get(const char *s, size_t n, void *out, size_t want);
/* Decodes any length up to max; *ret_len on success. */
int b64u_get_any(const char *s, size_t n, void *out, size_t max, size_t *ret_len);

/* RFC 4648 base32 in lower case without padding, unused bits zero: a-z2-7. */
#define B32_LEN(n) (((n)*8 + 4) / 5)
size_t b32_put(const void *p, size_t n, char *out);
int b32_get(const char *s, size_t n, void *out, size_t want);

size_t hex_put(const void *p, size_t n, char *out);           /* lower case, 2n characters */
int hex_get(const char *s, size_t n, void *out, size_t want); /* lower case only */

/* Crockford's base32 digits in lower case keep the order of the bytes: used for record ids. */
void ord32_put128(const uint8_t in[static 16], char out[static 26]);

#endif
