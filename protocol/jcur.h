/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_JCUR_H
#define SANJI_PROTOCOL_JCUR_H

#include "protocol/base/buf.h"

#include <stdbool.h>

/* A cursor over JSON text that has passed json_gate in protocol mode (so: no white space, unique
 * names, plain integers). Yields slices of the text itself; nothing is allocated, nothing
 * re-printed: this is how items are read on the hot path. On text that has not been gated it may
 * refuse or yield nonsense slices but never reads outside. */
struct jcur {
    const uint8_t *p, *end;
    bool first;
};

enum jcur_type { JCUR_OBJ, JCUR_ARR, JCUR_STR, JCUR_INT, JCUR_BOOL, JCUR_BAD };

/* Positions on the members of an object / elements of an array; false when v is not one. */
bool jcur_object(struct jcur *c, struct span v);
bool jcur_array(struct jcur *c, struct span v);
/* Next member: name without quotes, value with its quotes or brackets. False at the end. */
bool jcur_member(struct jcur *c, struct span *ret_name, struct span *ret_value);
bool jcur_element(struct jcur *c, struct span *ret_value);
enum jcur_type jcur_type(struct span v);
/* Value of one member of object v, by name; false when absent. */
bool jcur_get(struct span v, const char *name, struct span *ret_value);
/* Integer value; false when v is not one. */
bool jcur_int(struct span v, int64_t *ret);
bool jcur_bool(struct span v, bool *ret);
/* String content without quotes when it holds no escape (ids, tokens, most text); false otherwise.
 */
bool jcur_plain(struct span v, struct span *ret);
/* The same of a member of object v, by name; empty when it is absent or none such. */
struct span jcur_plain_of(struct span v, const char *name);
/* String content unescaped into out (appended). 0 or SANJI_E_SYNTAX. */
int jcur_text(struct span v, struct buf *out);
/* Number of code points of a string value after unescaping; SIZE_MAX when v is no string. */
size_t jcur_text_len(struct span v);

#endif
