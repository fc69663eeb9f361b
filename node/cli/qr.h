/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_CLI_QR_H
#define SANJI_NODE_CLI_QR_H

#include "protocol/base/buf.h"

/* QR code of a text for terminals: two modules per character, dark on light whatever the colours of
 * the terminal are. SANJI_E_SIZE: too long for a QR code. */
int qr_terminal(const char *text, struct buf *out);

#endif
