/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_BUNDLE_HEADER_H
#define SANJI_PROTOCOL_BUNDLE_HEADER_H

#include "protocol/bundle.h"

/* The signed header of a bundle by itself. Use bundle_parse and bundle_write; this is their inside.
 */

/* Size, strict gate, members, and the rules between members. 0, SANJI_E_SIZE, _SYNTAX, _ENCODING,
 * _VERSION (another suite), _SPEC with the member named. */
int bundle_header_parse(struct span h, struct bundle_header *ret, struct fault *f);
/* Appends the header text; optional members when their flag or count says so. */
int bundle_header_write(const struct bundle_header *hdr, struct buf *out);

#endif
