/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_TOTP_H
#define SANJI_NODE_TOTP_H

#include "protocol/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* The second factor of a log-in: time-based codes of RFC 6238 as every authenticator on a telephone
 * makes them, that is HMAC-SHA-1, steps of 30 seconds since 1970, six digits. */
enum { TOTP_SECRET = 20, TOTP_DIGITS = 6, TOTP_STEP_S = 30, TOTP_BASE32 = 32 };

/* The code of one step, with its leading zeros. 0 or SANJI_E_BUG (no SHA-1 in this OpenSSL). */
int totp_code(struct span secret, int64_t step, char ret[static TOTP_DIGITS + 1]);
/* Is this the code of now, of the step before or of the one after, and of a step later than `last`
 * (a code works once)? Then *ret_step is that step. The time does not depend on where they differ.
 */
bool totp_check(struct span secret, const char *code, int64_t now_ms, int64_t last,
                int64_t *ret_step);
/* RFC 4648 section 6, without padding: what people type in when they cannot scan. */
void totp_base32(const uint8_t secret[static TOTP_SECRET], char ret[static TOTP_BASE32 + 1]);
/* Takes small letters and spaces too. 0 or SANJI_E_SPEC. */
int totp_from_base32(const char *text, uint8_t ret[static TOTP_SECRET]);
/* Appends the otpauth address that authenticators scan. */
int totp_uri(const char *base32, const char *issuer, const char *login, struct buf *out);

#endif
