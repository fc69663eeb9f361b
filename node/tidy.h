/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_TIDY_H
#define SANJI_NODE_TIDY_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"

/* JSON as people write it (white space, any escape, any order) -> the spelling the protocol signs.
 * The text is gated in generic mode first. Fractions, exponents, numbers of more than 15 digits and
 * null have no place in a signed record and are refused, with the top-level member concerned in f.
 * Names are not judged here. 0, SANJI_E_SYNTAX, _ENCODING, _SPEC, _SIZE. Appends to out. */
int tidy_json(struct span in, struct buf *out, struct fault *f);
/* The same with other limits: for the files of sentences, which are ours. */
struct json_limits;
int tidy_json_with(struct span in, const struct json_limits *lim, struct buf *out, struct fault *f);
/* A file of another program, to be read and not to be signed: numbers of any form stay as they
 * stand, null becomes an empty text. */
int tidy_json_loose(struct span in, struct buf *out, struct fault *f);
/* String literal at p (after the gate, quotes included) decoded into out. */
int tidy_string(struct span literal, struct buf *out);

#endif
