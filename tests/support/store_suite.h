/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_TESTS_STORE_SUITE_H
#define SANJI_TESTS_STORE_SUITE_H

#include "sync/port.h"

#include <stdbool.h>
#include <stddef.h>

/* What every implementation of sync/port.h must do, run against each of them. */
struct suite {
    const struct sync_store *st; /* set by open and reopen */
    void *h;
    void (*close)(struct suite *s);
    /* Crash (whatever is open is lost) and start again; st may change. */
    void (*reopen)(struct suite *s);
    /* Text of all views, in the form of mem_store_dump. */
    void (*dump)(struct suite *s, struct buf *out);
    void (*drop_views)(struct suite *s);
    size_t (*parked)(struct suite *s);
    int (*cek)(struct suite *s, const char *init, const char *id, uint8_t ret[32]);
};

/* Returns the number of failed tests, for main. `open` fills a zeroed suite with an empty store. */
int store_suite_run(const char *name, void (*open)(struct suite *s));

/* For further tests and benches: an item of a stream, applied to st. */
struct suite_item {
    const struct stream_key *stream;
    int64_t no, seq;
    int idx;
    bool key; /* said by a keyframe */
    const char *owner, *id, *kind, *d;
    int64_t r;
    enum item_op op;
    uint8_t leaf_seed;  /* leaf = SHA-256 of this byte and the fields `is_leaf_plain` leaves out */
    bool is_leaf_plain; /* leaf depends on leaf_seed alone */
};
int suite_apply(const struct sync_store *st, const struct suite_item *it);
int suite_erase(const struct sync_store *st, const struct suite_item *it, bool *ret_bared);
int suite_stands(const struct sync_store *st, const struct suite_item *it, bool *ret);
struct stream_key suite_stream(const char *by, const char *aud, uint32_t ep, uint8_t en);

#define SUITE_A "naaaaaaaaaaaaa"
#define SUITE_B "nbbbbbbbbbbbbb"
#define SUITE_C "nccccccccccccc"

/* store_suite_views.c */
void suite_test_permutations(void **state);
void suite_test_withdraw_and_move(void **state);
void suite_test_restated(void **state);
void suite_test_steward(void **state);
void suite_test_events(void **state);
void suite_test_event_names(void **state);
void suite_test_record_tie(void **state);
void suite_test_sealed(void **state);
void suite_test_random(void **state);
void suite_test_forget(void **state);
void suite_test_rebuild(void **state);

/* store_suite_erase.c */
void suite_test_erase(void **state);
void suite_test_brought(void **state);
void suite_test_erase_stub(void **state);
void suite_test_restub(void **state);

/* store_suite_keys.c */
void suite_test_keyframe(void **state);
void suite_test_keyframe_withdrawn(void **state);
void suite_test_keyframe_parked(void **state);

#endif
