/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_SEAL_H
#define SANJI_PROTOCOL_SEAL_H

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/ids.h"
#include "protocol/suite.h"

/* Sealed items (PROTOCOL.md "Sealed items"): the body d of an item of kind sealed/1.
 * One random content key per thread, wrapped by HPKE to the writer and each recipient; per item a
 * fresh salt gives key and nonce by HKDF. The associated data names federation, writer, thread,
 * step and every (recipient, seal key) pair, so nothing can be cut out and pasted elsewhere. */

struct seal_to {
    struct node_id n;
    uint8_t pub[SEAL_PUB_LEN];
};
struct seal_ctx {
    uint8_t g[HASH_LEN];
    struct node_id by;
    char id[LIM_ID_BYTES + 1]; /* thread id = outer item id */
    int64_t step;              /* outer item r */
    size_t n_to;               /* recipients and writer, sorted by node id */
    struct seal_to to[LIM_RECIPIENTS + 1];
};

/* rnd: n_to * 32 bytes for the HPKE ephemerals, then 32 for the salt. Plaintext is padded to 1, 4,
 * 16 or 44 KiB (4-byte big-endian length first); more is SANJI_E_SIZE. Appends d's JSON text to
 * out. */
int seal_write(const struct seal_ctx *c, const uint8_t cek[static 32], struct span plain,
               const uint8_t *rnd, struct buf *out);
/* Opens with our seal secret(s): tries the wrap addressed to `me` whose public key matches one of
 * the given seeds. c->to, n_to are filled from the body. 0, SANJI_E_OPEN, SANJI_E_SPEC. */
int seal_read(struct span d, struct seal_ctx *c, const struct node_id *me,
              const uint8_t (*seeds)[SEAL_SEED_LEN], size_t n_seeds, struct arena *a,
              uint8_t ret_cek[static 32], struct buf *ret_plain, struct fault *f);
/* The same with a content key that is known otherwise: the wraps are not looked at. */
int seal_read_with(struct span d, struct seal_ctx *c, const uint8_t cek[static 32], struct arena *a,
                   struct buf *ret_plain);
/* Recipients without opening (a relay's and third party's view). */
int seal_peek(struct span d, struct seal_ctx *c, struct arena *a, struct fault *f);

#endif
