/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_QR_H
#define SANJI_NODE_QR_H

#include "protocol/base/buf.h"

/* QR code of a text for terminals: two modules per character, dark on light whatever the colours of
 * the terminal are. SANJI_E_SIZE: too long for a QR code. */
int qr_terminal(const char *text, struct buf *out);
/* The same as the data of an SVG path, one module a unit, with a margin of QR_QUIET units: the
 * picture is *ret_side units wide and high. */
enum { QR_QUIET = 4 };
int qr_path(const char *text, int *ret_side, struct buf *out);

#endif
