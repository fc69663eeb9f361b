/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_BLOB_H
#define SANJI_NODE_APP_BLOB_H

#include "node/app.h"
#include "node/store/blob.h"

/* Attachments: bytes come in pieces that survive every crash, are recognised by what they are, and
 * stay as long as a record this node has written refers to them. */
enum {
    APP_UPLOADS = 20,                            /* of one person in no record, finished or not */
    APP_BLOB_GRACE_MS = 7 * 24 * 60 * 60 * 1000, /* without a record */
};

struct app_upload {
    char id[UPLOAD_ID + 1], login[128], sha[BLOB_SHA + 1], type[8];
    char name[512]; /* as it is shown; with an ending of its type once it is whole */
    int64_t len, at;
    bool whole;
};
/* name: as the person's machine calls it. sha: base64url of the whole, or "" (it is worked out at
 * the end). SANJI_E_SPEC, SANJI_E_SIZE, SANJI_E_QUOTA, SANJI_E_FULL with f. */
int app_upload_begin(struct app *a, const char *login, struct span name, int64_t len,
                     const char *sha, struct app_upload *ret, struct fault *f);
int app_upload_get(struct app *a, const char *login, const char *id, struct app_upload *ret);
/* A piece that is there already changes nothing. SANJI_E_CONFLICT: it does not begin where the last
 * one ended; ret->at says where that is. */
int app_upload_part(struct app *a, const char *login, const char *id, int64_t at, struct span bytes,
                    struct app_upload *ret, struct fault *f);
/* SANJI_E_STATE: not all is there. SANJI_E_HASH: something else than was announced,
 * SANJI_E_REFUSED: no type that is taken; then it is gone. Said again it says the same. */
int app_upload_finish(struct app *a, const char *login, const char *id, struct app_upload *ret,
                      struct fault *f);
int app_upload_drop(struct app *a, const char *login, const char *id);

/* Bytes used and allowed. */
int app_blob_room(struct app *a, int64_t *ret_used, int64_t *ret_quota);
/* Is it here? Its row. SANJI_E_NOT_FOUND. */
int app_blob_has(struct app *a, const char *sha, int64_t *ret_len, char ret_type[static 8]);
/* Checked by its hash. SANJI_E_NOT_FOUND, SANJI_E_CORRUPT. */
int app_blob_read(struct app *a, const char *sha, struct buf *out);
int app__blob_in(const char *dir, const char *sha, struct buf *out); /* the same of any folder */
/* May content d, in place of `was` (empty: nothing), name what it names? What is new has to be
 * here; login: and brought by him; NULL: by anybody. */
int app_blob_may(struct app *a, const struct kind *k, struct span was, struct span d,
                 const char *login, struct fault *f);
/* `verify`: each file again by its hash, each reference whether it is here. */
int app_blob_check(struct app *a, app_wrong_fn *fn, void *arg, int64_t *ret_n, int64_t *ret_wrong);
/* What nobody refers to goes. 0: nothing to do for now. */
int app__blob_tick(struct app *a, int64_t mono_ms);

#endif
