/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_ROOT_KEY_H
#define SANJI_NODE_ROOT_KEY_H

#include "protocol/base/buf.h"
#include "protocol/ids.h"

#include <stdbool.h>

/* Keys of the root, as files on sticks and as text. A file holds a line "sanji-root-key-1 SEED",
 * and what else somebody noted there; several files behind each other are several keys. The public
 * half is written KID.KEY: the id is a sum over the key, so one that was mistyped is noticed. */
enum { ROOT_PUB_TEXT = LIM_KID + 1 + 43 + 1 };

/* A new file of mode 0600. g (may be NULL): of which federation, noted for people. SANJI_E_EXISTS,
 * _FULL, _IO. */
int root_key_write(const char *path, const uint8_t seed[static SIGN_SEED_LEN], const uint8_t *g);
/* Every key of the text, in its order; the caller frees them, also after an error. SANJI_E_ENCODING
 * (a line that is none), _SIZE, _NOMEM; none at all is no error. */
int root_keys_read(struct span text, struct sign_key **ret, size_t max, size_t *ret_n);
void root_pub_text(const uint8_t pub[static SIGN_PUB_LEN], char ret[static ROOT_PUB_TEXT]);
/* SANJI_E_ENCODING, SANJI_E_HASH (mistyped), SANJI_E_WEAK_KEY. */
int root_pub_read(const char *s, size_t n, uint8_t ret[static SIGN_PUB_LEN]);

/* Files of a ceremony: small, and replaced whole or not at all. NOT_FOUND, SIZE, IO; EXISTS, FULL.
 */
int root_file_read(const char *path, size_t max, struct buf *out);
int root_file_write(const char *path, struct span text, bool replace);

#endif
