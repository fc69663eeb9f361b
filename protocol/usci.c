/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/usci.h"

#include <string.h>

enum { USCI_LEN = 18, USCI_BASE = 31 };

static const char alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";

static int value(uint8_t c)
{
    const char *p = c == '\0' ? NULL : strchr(alphabet, c);
    return p == NULL ? -1 : (int)(p - alphabet);
}

bool usci_form(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (value(s.p[i]) < 0) {
            return false;
        }
    }
    return s.n == USCI_LEN;
}

bool usci_sum_ok(struct span s)
{
    int sum = 0, weight = 1;
    for (size_t i = 0; i + 1 < USCI_LEN; i++) {
        sum += value(s.p[i]) * weight;
        weight = weight * 3 % USCI_BASE;
    }
    return value(s.p[USCI_LEN - 1]) == (USCI_BASE - sum % USCI_BASE) % USCI_BASE;
}
