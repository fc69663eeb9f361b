/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_DATA_WORKDAYS_H
#define SANJI_NODE_DATA_WORKDAYS_H

#include "protocol/calendar.h"

#include <stddef.h>

/* The years this build knows (2004 to 2026 with chinese-days 1.5.7), read into c; records of kind
 * workday/1 are added afterwards and replace a year. ret_years (may be NULL): how many; 0 in a
 * build without the package. 0, or SANJI_E_NOMEM, or SANJI_E_CORRUPT with c as far as it came. */
int workdays_builtin(struct calendar *c, size_t *ret_years);

#endif
