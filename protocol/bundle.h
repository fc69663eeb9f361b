/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_BUNDLE_H
#define SANJI_PROTOCOL_BUNDLE_H

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/ids.h"
#include "protocol/suite.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The envelope {h,s,b} (PROTOCOL.md "Envelope"): what is signed, hashed, stored and relayed. */

enum bundle_type { BUNDLE_DATA, BUNDLE_BEAT, BUNDLE_KEY, BUNDLE_EPOCH, BUNDLE_TYPE_COUNT };
const char *bundle_type_name(enum bundle_type t);

struct live_digest { /* accidental-divergence check: count and sum mod 2^256 of live leaves */
    int64_t c;
    uint8_t s[HASH_LEN];
};
void live_add(struct live_digest *d, const uint8_t leaf[static HASH_LEN]);
void live_sub(struct live_digest *d, const uint8_t leaf[static HASH_LEN]);

struct prev_epoch { /* the accepted head of the epoch before this one */
    int64_t ep;
    uint8_t en[8];
    int64_t seq;
    uint8_t id[HASH_LEN];
    bool ok; /* confirmed by a peer */
};
struct keyframe {
    int64_t from, to; /* seq of the first and last bundle of the run */
    int64_t covers;   /* everything up to this seq is restated */
    struct live_digest live;
    uint8_t sha[HASH_LEN]; /* SHA-256(0x02 || live leaves sorted ascending) */
};

struct bundle_header {
    int64_t v;
    enum bundle_type t;
    uint8_t g[HASH_LEN];
    struct node_id by;
    char aud[LIM_AUD_BYTES + 1];
    int64_t ep;
    uint8_t en[8];
    int64_t seq;
    uint8_t prev[HASH_LEN];
    int64_t n;
    uint8_t root[HASH_LEN];
    struct key_id kid;
    uint8_t rv[8];
    int64_t ts;
    bool has_live, has_pe, has_kf;
    struct live_digest live;
    struct prev_epoch pe;
    struct keyframe kf;
    size_t n_merges, n_lnk, n_crit;
    uint8_t merges[8][HASH_LEN];
    uint8_t lnk[16][HASH_LEN];
    char crit[8][LIM_NAME_BYTES +
                 1]; /* names this reader does not know make the bundle "needs newer" */
};

struct item_ref {
    struct span text;       /* exact item bytes; empty for a stub */
    uint8_t leaf[HASH_LEN]; /* SHA-256(0x00 || text), or the leaf a stub names */
    bool stub;
};

struct bundle {
    struct bundle_header hdr;
    struct span line; /* the whole line without newline, borrowed from the caller */
    struct span h;    /* header bytes after JSON-string decoding, arena */
    uint8_t sig[SIG_LEN];
    uint8_t id[HASH_LEN]; /* SHA-256("SJ1-bundle\n" || h) */
    bool header_only;
    struct item_ref *item; /* hdr.n entries unless header_only, arena */
};

/* Line grammar, strict gate and specification of the header, items split and unescaped, leaves
 * hashed, root compared, every item through the strict gate. Not the signature: that needs a key.
 * `line` must stay valid as long as the bundle. 0, or the error with the fault filled. */
int bundle_parse(struct span line, struct arena *a, struct bundle *ret, struct fault *f);
/* Only the line's header part: for deciding cheaply (who, which stream, which seq) before the rest.
 */
int bundle_peek(struct span line, struct arena *a, struct bundle *ret, struct fault *f);
/* The signature over h. 0 or SANJI_E_SIGNATURE. */
int bundle_verify(const struct bundle *b, const struct sign_pub *key);

/* Writes a bundle: fills n, root (and kid from the key) into hdr, signs, appends the line without
 * newline to out. Items are exact texts that pass the gate. A reader's own checks are run on the
 * result (bundle_parse, bundle_verify), so a writer can never publish what others refuse. */
int bundle_write(struct bundle_header *hdr, const struct span *items, size_t n,
                 const struct sign_key *key, struct buf *out, uint8_t ret_id[static HASH_LEN]);
/* The same without those checks, for a caller that runs the line through all of them before anybody
 * sees it: the engine stores own bundles by the path of foreign ones. */
int bundle_make(struct bundle_header *hdr, const struct span *items, size_t n,
                const struct sign_key *key, struct buf *out);
/* Replaces items by stubs: for each i with stub[i], {"x":leaf}. Keyframe and erasure use it. */
int bundle_write_stubbed(const struct bundle *b, const bool *stub, struct buf *out);
/* Header-only form of a stored bundle. */
int bundle_write_header_only(const struct bundle *b, struct buf *out);

/* Where a bundle stands relative to the head held for its stream. */
struct head {
    int64_t seq;          /* 0: nothing held */
    uint8_t id[HASH_LEN]; /* id of the bundle at seq; zero when seq == 0 */
};
enum head_cmp { HEAD_NEXT, HEAD_SAME, HEAD_OLD, HEAD_GAP, HEAD_CHAIN };
/* HEAD_CHAIN: seq is head+1 but prev differs (fork or damage). HEAD_OLD: seq <= head and not the
 * same id as the head; whether it is a duplicate or a fork needs the stored id at that seq. */
enum head_cmp bundle_follows(const struct head *have, const struct bundle *b);

/* ---- items ---- */
enum item_op { OP_PUT, OP_WITHDRAW, OP_EVENT, OP_COUNT };
struct item {
    char id[LIM_ID_BYTES + 1];
    char k[40]; /* "listing/1" */
    enum item_op op;
    int64_t r; /* revision, or step number of an event */
    uint8_t z[16];
    struct node_id on_behalf; /* "for": acting as steward of; empty: none */
    bool unknown_crit;        /* a crit entry we do not know: park */
    struct span bl;           /* raw array of blob references, empty if none */
    struct span d;            /* raw object, empty for withdraw */
};
/* text must have passed the gate. 0 or SANJI_E_SPEC with the member named. */
int item_parse(struct span text, struct item *ret, struct fault *f);
/* Appends the item's text. d is gated JSON object text, ignored for withdraw. */
int item_write(const struct item *it, struct buf *out);
void leaf_of(struct span text, uint8_t out[static HASH_LEN]);

/* ---- frames: one zstd frame per line, frames concatenated (PROTOCOL.md "Frames") ---- */
/* Appends one frame holding line plus '\n'. level 3. Compression contexts are cached per caller. */
struct frame_ctx;
struct frame_ctx *frame_ctx_new(void);
void frame_ctx_free(struct frame_ctx *c);
int frame_pack(struct frame_ctx *c, struct span line, struct buf *out);
/* Takes the first frame of in: inflates into out (reset first, newline removed) and tells how many
 * bytes of in it took. Sizes are checked before anything is allocated: SANJI_E_SIZE, _SYNTAX. */
int frame_unpack(struct frame_ctx *c, struct span in, struct buf *out, size_t *ret_used);
/* Where behind its first byte a frame may begin again, in.n when nowhere: after damage. */
size_t frame_search(struct span in);

#endif
