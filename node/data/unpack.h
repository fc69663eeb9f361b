/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_DATA_UNPACK_H
#define SANJI_NODE_DATA_UNPACK_H

#include "protocol/base/buf.h"

#include <stddef.h>

/* Inflates a gzip member into out (reset first). Nothing packed gives nothing. 0, SANJI_E_CORRUPT,
 * SANJI_E_NOMEM or SANJI_E_SIZE (beyond out's maximum). */
int unpack(const void *p, size_t n, struct buf *out);

#endif
