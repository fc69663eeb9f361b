/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_BLOB_H
#define SANJI_NODE_BLOB_H

#include "protocol/base/buf.h"

#include <stddef.h>
#include <stdint.h>

/* Bytes of attachments in the data folder: DIR/blobs/ab/HEX holds what has that hash,
 * DIR/blobs/part what is on its way. Files are 0600; one carries its hash as a name only when it is
 * whole and on the disk. `sha` is base64url, `part` a name of letters and digits. */

/* Appends at `at` of a part, which is cut to that length before: what stands beyond it was never
 * acknowledged. Durable when it returns 0; SANJI_E_FULL, SANJI_E_IO. */
int blob_part_write(const char *dir, const char *part, int64_t at, struct span bytes);
int blob_part_read(const char *dir, const char *part, struct buf *out); /* the whole of it */
void blob_part_drop(const char *dir, const char *part);
/* The part becomes the blob; it is dropped when that is written down. */
int blob_part_done(const char *dir, const char *part, const char *sha);
/* The whole of a blob. SANJI_E_NOT_FOUND. */
int blob_read(const char *dir, const char *sha, struct buf *out);
/* How long it is, and a piece of it as it stands. SANJI_E_NOT_FOUND. */
int blob_len(const char *dir, const char *sha, int64_t *ret);
int blob_part_len(const char *dir, const char *part, int64_t *ret);
int blob_read_at(const char *dir, const char *sha, int64_t at, int64_t max, struct buf *out);
void blob_touch(const char *dir, const char *sha); /* somebody has looked at it */
/* It is there no more when this returns 0. */
int blob_drop(const char *dir, const char *sha);

/* blob_type.c: what these bytes are, by themselves: a word of CH_FILE; NULL: nothing that is taken.
 */
const char *blob_type(struct span bytes);
const char *blob_mime(const char *type); /* of such a word, for browsers; NULL: no such word */
/* Writes a name that shows and saves safely: no path, no control and direction characters, at most
 * 120 characters, with an ending that its type has. type NULL: the ending stays. */
void blob_name(struct span given, const char *type, struct buf *out);

#endif
