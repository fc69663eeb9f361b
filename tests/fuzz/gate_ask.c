/* SPDX-License-Identifier: Apache-2.0 */
/* What does the gate say? Reads texts from stdin, each behind its length in four bytes, big endian,
 * and answers with a line each: verdict in protocol mode, verdict in generic mode. Asked by
 * gate_against_node.mjs. */
#include "protocol/json_gate.h"

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    uint8_t len[4];
    while (fread(len, 1, sizeof(len), stdin) == sizeof(len)) {
        size_t n = (size_t)len[0] << 24 | (size_t)len[1] << 16 | (size_t)len[2] << 8 | len[3];
        uint8_t *p = malloc(n > 0 ? n : 1); /* exact: a sanitizer sees one byte too many */
        if (p == NULL || fread(p, 1, n, stdin) != n) {
            free(p);
            return 2;
        }
        int protocol = json_gate(p, n, JSON_PROTOCOL, NULL);
        int generic = json_gate(p, n, JSON_GENERIC, NULL);
        (void)printf("%s %s\n", protocol == 0 ? "ok" : err_name(protocol),
                     generic == 0 ? "ok" : err_name(generic));
        free(p);
    }
    return 0;
}
