/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_SYNC_KEYFRAME_H
#define SANJI_SYNC_KEYFRAME_H

#include "sync/internal.h"

/* Shared by keyframe.c (writing a run, dropping what it replaced) and keyframe_take.c (receiving
 * one). What must be remembered across starts lies in the store by the stream's number: "key/<no>",
 * see keyframe.c, "jump/<no>", the head before a run whose end is not held, and "base/<no>", the
 * newest keyframe of this stream that is whole. */
struct key_jump {
    int64_t at, seq;
    uint8_t id[HASH_LEN];
};
int sync__key_take_load(struct sync *s);
int sync__key_tally(const struct sync *s, const struct stream_key *k, struct sync_tally *ret);
void sync__key_drop_later(struct sync *s, size_t idx); /* bundles before the keyframe */

#endif
