/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_CHECK_H
#define SANJI_NODE_APP_CHECK_H

#include "node/app_internal.h"

/* What verify finds, as repair needs it. */
struct app_place {
    int64_t no, seq;
};
struct app_faults { /* bundles whose bytes are not what was signed, or cannot be read */
    struct app_place *v;
    size_t n, cap;
};
struct app_streams {
    struct sync_stream_row *v;
    size_t n, cap;
};
struct app_frozen { /* streams whose row says something else than the proofs held */
    struct {
        int64_t no;
        bool frozen;
    } * v;
    size_t n;
};
struct app_found {
    struct app_faults faults;
    struct app_streams streams; /* as they stand */
    struct app_frozen frozen;
};
void app_found_done(struct app_found *f);

int app_faults_add(struct app_faults *f, int64_t no, int64_t seq);
bool app_faults_has(const struct app_faults *f, int64_t no, int64_t seq);

/* app_verify(); ret_found (empty, may be NULL) is the caller's to give back. */
int app__check(struct app *a, struct app_verdict *ret, app_wrong_fn *fn, void *arg,
               struct app_found *ret_found);
void app__where(const struct sync_stream_row *st, int64_t seq, char out[static LIM_AUD_BYTES + 64]);
/* What stays at home and is damaged: written again from the views. */
int app__heal_own(struct app *a, struct app_healed *ret);
/* line is the caller's; ret points into it and into arena. */
int app__frame_read(struct frame_ctx *fc, struct arena *arena, struct span frame, struct buf *line,
                    struct bundle *ret);

#endif
