/* SPDX-License-Identifier: Apache-2.0 */
/* A code that people copy by hand: each group checks itself, so the sentence about a mistake can
 * name the group instead of asking for all forty characters again. */
#include "node/recovery.h"

#include "protocol/base/buf.h"
#include "protocol/base/enc.h"
#include "protocol/base/err.h"

#include <string.h>

enum { GROUP = 5, CHARS = RECOVERY_GROUPS * GROUP, DATA = RECOVERY_GROUPS * (GROUP - 1) };

static char check_char(int group, const char *four)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    static const char prefix[] = "SJ1-recovery-check\n";
    uint8_t in[sizeof(prefix) + GROUP], h[HASH_LEN];
    memcpy(in, prefix, sizeof(prefix) - 1);
    in[sizeof(prefix) - 1] = (uint8_t)group;
    memcpy(in + sizeof(prefix), four, GROUP - 1);
    hash_bytes(in, sizeof(prefix) + GROUP - 1, h);
    return letters[h[0] & 31];
}

void recovery_text(const uint8_t secret[static RECOVERY_SECRET], char ret[static RECOVERY_TEXT])
{
    char data[DATA + 1] = {0};
    (void)b32_put(secret, RECOVERY_SECRET, data);
    for (int g = 0; g < RECOVERY_GROUPS; g++) {
        char *at = ret + g * (GROUP + 1);
        memcpy(at, data + g * (GROUP - 1), GROUP - 1);
        at[GROUP - 1] = check_char(g, data + g * (GROUP - 1));
        at[GROUP] = g + 1 < RECOVERY_GROUPS ? '-' : '\0';
    }
    mem_wipe(data, sizeof data);
}

int recovery_read(const char *typed, uint8_t ret[static RECOVERY_SECRET], int *ret_group)
{
    char c[CHARS], data[DATA];
    size_t n = 0;
    *ret_group = 0;
    for (const char *p = typed; *p != '\0'; p++) {
        char x = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
        if (x == ' ' || x == '-' || x == '\t' || x == '\r' || x == '\n') {
            continue;
        }
        if (n == CHARS) {
            return SANJI_E_SPEC;
        }
        c[n++] = x;
    }
    if (n != CHARS) {
        return SANJI_E_SPEC;
    }
    int r = 0;
    for (int g = 0; r == 0 && g < RECOVERY_GROUPS; g++) {
        const char *at = c + g * GROUP;
        if (check_char(g, at) != at[GROUP - 1]) {
            *ret_group = g + 1;
            r = SANJI_E_SPEC;
        }
        memcpy(data + g * (GROUP - 1), at, GROUP - 1);
    }
    if (r == 0) {
        r = b32_get(data, DATA, ret, RECOVERY_SECRET) < 0 ? SANJI_E_SPEC : 0;
    }
    mem_wipe(c, sizeof c);
    mem_wipe(data, sizeof data);
    return r;
}

void recovery_seed(const uint8_t secret[static RECOVERY_SECRET], uint8_t ret[static SEAL_SEED_LEN])
{
    static const char prefix[] = "SJ1-recovery\n";
    uint8_t in[sizeof(prefix) - 1 + RECOVERY_SECRET];
    memcpy(in, prefix, sizeof(prefix) - 1);
    memcpy(in + sizeof(prefix) - 1, secret, RECOVERY_SECRET);
    hash_bytes(in, sizeof in, ret); /* 160 random bits: nothing to stretch */
    mem_wipe(in, sizeof in);
}
