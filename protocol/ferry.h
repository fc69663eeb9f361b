/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_FERRY_H
#define SANJI_PROTOCOL_FERRY_H

#include "protocol/base/arena.h"
#include "protocol/bundle.h"

/* Ferry files (PROTOCOL.md section 16): the exchange of two nodes carried on a stick. Bytes only:
 * the caller opens, reads and writes files.
 *
 * A part is: manifest frame, have frames, bundle frames, end frame. A receipt is: manifest frame,
 * have frames. A request is one frame (PROTOCOL.md 13.3). A sealed part is a header frame and then
 * encrypted chunks of such a part. */

struct ferry_manifest {
    int64_t v;
    uint8_t g[HASH_LEN];
    const char *by;
    const char *to; /* NULL: for whoever may read it */
    int64_t no;     /* number of the file, counted by its writer */
    int64_t ts;
    uint8_t rv[8];
    int64_t part, parts;
    int64_t lines;         /* have frames in this part */
    int64_t count;         /* bundles in this part */
    uint8_t sha[HASH_LEN]; /* of all bytes after the manifest frame */
};
struct ferry_receipt {
    int64_t v;
    uint8_t g[HASH_LEN];
    const char *by, *to;
    int64_t no; /* of the file received */
    int64_t ts;
    int64_t lines;
    bool has_sha;
    uint8_t sha[HASH_LEN]; /* of all bytes after the first frame */
};
/* A signed first line before its key is known: {"m":"<json>","kid":..,"s":..}. */
struct ferry_signed {
    struct span m;   /* arena */
    const char *kid; /* arena */
    uint8_t s[SIG_LEN];
    bool receipt;
};

int ferry_manifest_write(const struct ferry_manifest *m, const struct sign_key *k, struct buf *out);
int ferry_manifest_read(struct span line, struct arena *a, struct ferry_manifest *ret,
                        struct ferry_signed *ret_sig, struct fault *f);
int ferry_receipt_write(const struct ferry_receipt *r, const struct sign_key *k, struct buf *out);
int ferry_receipt_read(struct span line, struct arena *a, struct ferry_receipt *ret,
                       struct ferry_signed *ret_sig, struct fault *f);
/* 0 or SANJI_E_SIGNATURE. */
int ferry_verify(const struct ferry_signed *s, const struct sign_pub *key);

/* ---- reading a part ---- */

/* Gives at most n bytes; *ret_n is 0 at the end of the file only. A negative return ends the
 * reading and is passed on, but SANJI_E_PENDING: nothing more has come yet, the same call may be
 * made again later. */
typedef int ferry_read_fn(void *p, size_t n, size_t *ret_n, void *arg);

enum ferry_kind {
    FERRY_MANIFEST,
    FERRY_RECEIPT,
    FERRY_REQUEST, /* the whole file is this line, the body of a request (13, 13.1) */
    FERRY_HAVE,
    FERRY_BUNDLE,
    FERRY_DAMAGED,
    FERRY_END
};
struct ferry_reader;
struct ferry_reader *ferry_reader_new(ferry_read_fn *fn, void *arg); /* NULL: no memory */
void ferry_reader_free(struct ferry_reader *r);
/* The next line, and the frame it came in; both borrowed until the next call. The first is the
 * manifest, receipt or request (not verified: that needs the key), the last FERRY_END, with an
 * empty line after a receipt or a request. FERRY_END means: counts, sum and end of file are right.
 * Bundles are delivered before that, each to be checked by itself. FERRY_DAMAGED: bytes that are no
 * frame, with the error in f; reading goes on at the next frame, and can only end with an error.
 * Errors: SANJI_E_SYNTAX damaged or cut off, _SIZE, _SPEC with the member, _HASH the sum; all of
 * them end the reading. */
int ferry_next(struct ferry_reader *r, enum ferry_kind *ret_kind, struct span *ret_line,
               struct span *ret_frame, struct fault *f);

/* ---- writing a part ---- */

/* Body first (its sum stands in the manifest): begin, have lines, bundles, finish. */
struct ferry_writer {
    struct frame_ctx *c;
    struct hash_ctx sha;
    int64_t lines, count;
    int64_t bytes; /* of the body so far */
};
int ferry_begin(struct ferry_writer *w, struct frame_ctx *c);
void ferry_abort(struct ferry_writer *w); /* when it is not finished */
/* Append a frame to out. SANJI_E_SIZE with nothing appended: the part is full, finish it and begin
 * another. Have lines come before bundles: SANJI_E_STATE. */
int ferry_add_have(struct ferry_writer *w, struct span line, struct buf *out);
int ferry_add_bundle(struct ferry_writer *w, struct span frame, struct buf *out);
/* Appends the end frame to out and the manifest frame, which the file begins with, to out_first.
 * Fills lines, count and sha of m. */
int ferry_finish(struct ferry_writer *w, struct ferry_manifest *m, const struct sign_key *k,
                 struct buf *out, struct buf *out_first);

/* A whole file: the body of a request. */
int ferry_request_write(struct frame_ctx *c, struct span body, struct buf *out);

/* ---- sealed parts ---- */

/* True when a file that begins with these bytes (64 KiB are enough) is sealed. */
bool ferry_is_sealed(struct frame_ctx *c, struct span head);

struct ferry_sealer {
    uint8_t key[AEAD_KEY_LEN];
    uint64_t chunk;
    struct buf pending;
};
/* rnd: content key, HPKE ephemeral, salt. Appends the header frame to out. */
int ferry_seal_begin(struct ferry_sealer *s, struct frame_ctx *c, const struct node_id *to,
                     const uint8_t pub[static SEAL_PUB_LEN], const uint8_t rnd[static 96],
                     struct buf *out);
int ferry_seal_put(struct ferry_sealer *s, struct span plain, struct buf *out);
int ferry_seal_end(struct ferry_sealer *s, struct buf *out); /* wipes s, also on failure */
void ferry_seal_abort(struct ferry_sealer *s);

/* Opens a sealed file: ferry_unseal_read is a ferry_read_fn with the object as its argument.
 * SANJI_E_OPEN: not addressed to these keys, changed, or cut off. */
struct ferry_unsealer;
int ferry_unseal_new(ferry_read_fn *fn, void *arg, const struct node_id *me,
                     const uint8_t (*seeds)[SEAL_SEED_LEN], size_t n_seeds,
                     struct ferry_unsealer **ret, struct fault *f);
int ferry_unseal_read(void *p, size_t n, size_t *ret_n, void *arg);
void ferry_unseal_free(struct ferry_unsealer *u);

#endif
