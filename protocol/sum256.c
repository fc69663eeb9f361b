/* SPDX-License-Identifier: Apache-2.0 */
/* Two nodes that should hold the same set compare one sum instead of the set; order of arrival does
 * not matter and taking a member away is as cheap as adding one. */
#include "protocol/sum256.h"

void sum256_add(uint8_t sum[static 32], const uint8_t x[static 32])
{
    unsigned carry = 0;
    for (int i = 31; i >= 0; i--) {
        carry += (unsigned)sum[i] + x[i];
        sum[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

void sum256_sub(uint8_t sum[static 32], const uint8_t x[static 32])
{
    unsigned borrow = 0;
    for (int i = 31; i >= 0; i--) {
        unsigned d = 256U + sum[i] - x[i] - borrow;
        sum[i] = (uint8_t)d;
        borrow = d < 256U ? 1 : 0;
    }
}
