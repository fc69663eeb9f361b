/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_FETCH_H
#define SANJI_NODE_APP_FETCH_H

#include "node/app.h"
#include "node/store/blob.h"

/* Attachments that lie with other nodes. What was fetched stands in DIR/cache/WRITER, apart from
 * what this node's own records name (node/app_blob.h): it may be fetched again, so it is bounded by
 * files_cache, whatever was looked at least recently goes first, and what no current record of its
 * writer names goes at once. There is no list of it beside the files themselves. The engine decides
 * what moves (sync/fetch.h). */
int app__fetch_use(struct app *a); /* after the engine was loaded */

/* LOST: it is this node's own, and its bytes are not there. */
enum app_file_word { FILE_HERE, FILE_AWAY, FILE_COMING, FILE_GIVEN_UP, FILE_LOST };
struct app_file_state {
    enum app_file_word word;
    char from[LIM_NODE_ID + 2]; /* COMING: the neighbour; may be empty */
    int64_t here;
    int err; /* what stands in the way; 0: nothing */
};
/* by: who wrote the record that names it. */
int app_file_state(struct app *a, const char *by, const char *sha, struct app_file_state *ret);
/* 0 also when it is here. SANJI_E_QUOTA, SANJI_E_NOT_FOUND, see sync_fetch(). */
int app_file_want(struct app *a, const char *by, const char *sha);
/* Checked by its hash; ret_type: what its bytes are. SANJI_E_NOT_FOUND: it is not here;
 * SANJI_E_CORRUPT; SANJI_E_REFUSED: nothing that is taken. */
int app_file_read(struct app *a, const char *by, const char *sha, struct buf *out,
                  char ret_type[static 8]);
/* What no record names any more goes. 0: nothing to do for now. */
int app__fetch_tick(struct app *a, int64_t mono_ms);

#endif
