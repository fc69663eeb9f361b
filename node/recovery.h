/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_RECOVERY_H
#define SANJI_NODE_RECOVERY_H

#include "protocol/suite.h"

#include <stdint.h>

/* The recovery code: what opens the backups of a node when its disk is gone. It is shown once, when
 * the node is set up, and lies on paper; the node keeps only the public key that goes with it, so
 * whoever steals the machine cannot read older backups. 160 random bits as eight groups of five
 * characters of base32 (a-z, 2-7), the fifth of each a check on its group:
 *
 *   k3vwz-...-...-... */
enum { RECOVERY_SECRET = 20, RECOVERY_GROUPS = 8, RECOVERY_TEXT = RECOVERY_GROUPS * 6 };

void recovery_text(const uint8_t secret[static RECOVERY_SECRET], char ret[static RECOVERY_TEXT]);
/* Reads what a person typed: case, spaces and dashes do not count. SANJI_E_SPEC with *ret_group 1..
 * 8, the first group that is mistyped, or 0: more or fewer characters than a code has. */
int recovery_read(const char *typed, uint8_t ret[static RECOVERY_SECRET], int *ret_group);
/* The sealing key that goes with it. */
void recovery_seed(const uint8_t secret[static RECOVERY_SECRET], uint8_t ret[static SEAL_SEED_LEN]);

#endif
