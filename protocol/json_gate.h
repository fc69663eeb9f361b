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
 *   strings; UTF-8; no BOM; integers only, at most 15 digits, no -0, no leading zero, no fraction
 * or exponent; no \u0000, no lone surrogate, and escapes only where JSON needs them in their one
 *   shortest spelling; member names [a-z0-9_]{1,32} and unique; no null; depth, tokens and members
 *   per object within the limits; nothing after the value.
 *   Escapes: \" \\ \n \r \t \b \f, and \u00xx in lower case for the other controls below 0x20;
 *   everything else stands raw (DEL and U+2028 too), no \/. jwrite emits exactly this.
 * JSON_GENERIC: local import files: RFC 8259 text of any shape and white space, numbers with
 *   fraction and exponent, every escape including \u0000, names unique after unescaping, UTF-8
 *   without BOM, no lone surrogates. Of JSONTestSuite every n_ is refused and every y_ accepted,
 * but for y_object_duplicated_key.json and y_object_duplicated_key_and_value.json: RFC 8259 permits
 *   duplicate names and leaves their meaning open, which is what this gate is here to prevent.
 *
 * SANJI_E_ENCODING means UTF-8 or surrogates, SANJI_E_SIZE a limit, SANJI_E_SYNTAX the rest. All
 * objects open at one moment may hold 4,096 names together, whatever the limits say. */
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
