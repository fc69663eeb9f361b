/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_USCI_H
#define SANJI_PROTOCOL_USCI_H

#include "protocol/base/buf.h"

#include <stdbool.h>

/* Unified social credit code (GB 32100-2015): 17 characters of a 31-letter alphabet (digits and
 * capitals without I, O, S, V, Z) and a check character. */

/* 18 characters of the alphabet. */
bool usci_form(struct span s);
/* Its last character is the one the first 17 give. Some lawful early codes fail: say so, accept
 * them. s has passed usci_form(). */
bool usci_sum_ok(struct span s);

#endif
