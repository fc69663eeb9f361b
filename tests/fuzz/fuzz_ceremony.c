/* SPDX-License-Identifier: Apache-2.0 */
/* A file of the root's, from a stick that anybody had in his hand. What is read is written again
 * and read again: a holder who adds his signature must pass on what he was given. */
#include "protocol/ceremony.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static struct ceremony c, again;
    static const uint8_t seed[SIGN_SEED_LEN] = {1};
    struct fault f;
    struct buf out;
    struct arena *a = arena_new((size_t)4 << 20), *b = arena_new((size_t)4 << 20);
    struct sign_key *k = sign_key_new(seed);
    buf_init(&out, LIM_CEREMONY_BYTES * 2);
    if (a != NULL && b != NULL && k != NULL && ceremony_read(span_of(p, n), a, &c, &f) == 0) {
        char code[CEREMONY_CODE];
        ceremony_code(&c, code);
        for (size_t i = 0; i < c.n_need; i++) {
            if (ceremony_signed(&c, &c.need[i]) > (int64_t)c.act.n_co) {
                abort();
            }
        }
        (void)ceremony_sign(&c, k);
        if (ceremony_write(&c, &out) < 0 ||
            ceremony_read(span_of(out.data, out.len), b, &again, &f) < 0 ||
            memcmp(again.act.hash, c.act.hash, HASH_LEN) != 0 || again.act.n_co != c.act.n_co ||
            again.n_need != c.n_need) {
            abort();
        }
    }
    sign_key_free(k);
    buf_done(&out);
    arena_free(a);
    arena_free(b);
    return 0;
}
