/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of which there is one record for each of something: its id follows from its content, so
 * that two people, two programs or two attempts cannot make it twice (PROTOCOL.md 17.3). */
#include "protocol/kinds/internal.h"

#include "protocol/base/enc.h"
#include "protocol/ids.h"
#include "protocol/suite.h"

#include <stdio.h>
#include <string.h>

enum { KEY_BYTES = 320, SHORT_BYTES = 16 };

static bool put_word(char *out, size_t *n, struct span s)
{
    if (s.n == 0 || *n + s.n + 2 > KEY_BYTES) {
        return false;
    }
    out[(*n)++] = '.';
    for (size_t i = 0; i < s.n; i++) {
        out[(*n)++] = s.p[i] == '/' ? ':' : (char)s.p[i];
    }
    out[*n] = '\0';
    return true;
}

int kind_key_id(const struct kind *k, struct span d, char out[static LIM_ID_BYTES + 1])
{
    char text[KEY_BYTES];
    size_t n = (size_t)snprintf(text, sizeof text, "%s", k->name), head = n;
    for (const char *p = k->key; *p != '\0';) {
        char name[LIM_NAME_BYTES + 1];
        size_t len = strcspn(p, " ");
        (void)snprintf(name, sizeof name, "%.*s", (int)len, p);
        struct span v, word = jcur_plain_of(d, name);
        int64_t x = 0;
        if (jcur_get(d, name, &v) && jcur_int(v, &x)) {
            word = v;
        }
        if (!put_word(text, &n, word)) {
            return SANJI_E_SPEC;
        }
        p += len + (p[len] == ' ');
    }
    if (n > LIM_ID_BYTES) { /* long ones by their hash */
        uint8_t h[HASH_LEN];
        hash_bytes(text, n, h);
        n = head + 1 + b64u_put(h, SHORT_BYTES, text + head + 1);
        text[n] = '\0';
    }
    if (!record_id_valid(text, n)) {
        return SANJI_E_SPEC;
    }
    memcpy(out, text, n + 1);
    return 0;
}
