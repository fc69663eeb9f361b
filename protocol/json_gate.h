/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_JSON_GATE_H
#define SANJI_PROTOCOL_JSON_GATE_H

#include "protocol/base/err.h"

#include <stddef.h>
#include <stdint.h>

/* The strict syntax check that runs before any parser (PROTOCOL.md "Strict JSON"). Iterative;
 * counts depth, tokens and members before anything is allocated.
 *
 * JSON_PROTOCOL: what headers, items and messages must satisfy: one object; no white space outside
 *   strings; UTF-8; no BOM; integers only, at most 15 digits, no -0, no leading zero, no fraction or
 *   exponent; no \u0000, no lone surrogate, and escapes only where JSON needs them in their one
 *   shortest spelling; member names [a-z0-9_]{1,32} and unique; no null; depth, tokens and members
 *   per object within the limits; nothing after the value.
 * JSON_GENERIC: local import files: RFC 8259 text of any shape and white space, names unique,
 *   UTF-8, no lone surrogates... (JSONTestSuite: every y_ except the two with duplicate names is
 *   accepted; every n_ refused). Numbers may have fraction and exponent. */
enum json_mode { JSON_PROTOCOL, JSON_GENERIC };

struct json_limits {
    uint32_t depth;   /* nesting of arrays and objects */
    uint32_t tokens;  /* values and names */
    uint32_t members; /* per object */
};
extern const struct json_limits json_limits_protocol; /* 16, 4096, 64 */
extern const struct json_limits json_limits_generic;  /* 64, 1,000,000, 1,000 */

/* 0, or SANJI_E_SYNTAX / _ENCODING / _SIZE with f->off and f->want set (f may be NULL). */
int json_gate(const void *p, size_t n, enum json_mode mode, struct fault *f);
int json_gate_with(const void *p, size_t n, enum json_mode mode, const struct json_limits *lim,
                   struct fault *f);

#endif
