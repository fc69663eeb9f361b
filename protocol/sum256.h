/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_SUM256_H
#define SANJI_PROTOCOL_SUM256_H

#include <stdint.h>

/* Addition of 256-bit big-endian numbers, modulo 2^256: a digest of a set that can be kept up to
 * date member by member (PROTOCOL.md sections 12 and 15.3). It finds accidents, not attackers. */
void sum256_add(uint8_t sum[static 32], const uint8_t x[static 32]);
void sum256_sub(uint8_t sum[static 32], const uint8_t x[static 32]);

#endif
