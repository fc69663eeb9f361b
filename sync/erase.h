/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_SYNC_ERASE_H
#define SANJI_SYNC_ERASE_H

#include "sync/internal.h"

/* Shared by erase.c (the list and single bundles) and erase_scrub.c (everything held). */
enum {
    ERASE_NAME_BYTES = 200, /* of a stored value */
    ERASE_MARK_LEN = SYNC_MARK_LEN,
    ERASE_NOTES_MAX = 256, /* stubs waiting for their act, as far as remembered */
};

struct erase_entry {
    uint8_t leaf[HASH_LEN];
    uint32_t lane;
    bool pending; /* bundles were not searched for it yet */
    bool named;   /* by an act that is in force here */
    char why;     /* first letter of the reason */
};
struct erase_part { /* what one writer says to one audience */
    struct node_id by;
    char aud[LIM_AUD_BYTES + 1];
    bool pending;
};
struct erase_note { /* a stub that no act held here names */
    int64_t no, seq;
    int idx;
    struct node_id from;
};

struct erasing {
    struct erase_entry *v;
    size_t n, cap;
    uint32_t *index; /* open addressing: position + 1 */
    size_t index_cap;
    uint64_t mix[HASH_LEN / 8]; /* of the secret key */
    struct erase_part *lane;
    size_t n_lanes;
    bool pending;
    bool unsaid;    /* perhaps: something own is erased that no act names */
    bool has_marks; /* records of this node's own are erased, see erase_mark.c */
    bool marks_new; /* some of it may be held that was not looked at for them */
    bool keeping;   /* it leaves some forms as they are: they stay */
    bool looking;   /* sync_erase() finds all of it itself */
    bool gathers;   /* many bundles are being taken: everything held is searched once, at the end */
    int n_now;      /* searched before that all the same */
    struct erase_note note[ERASE_NOTES_MAX];
    size_t n_notes;
};

struct erase_entry *sync__erase_find(const struct erasing *e, int part,
                                     const uint8_t leaf[static HASH_LEN]);
int sync__erase_part(const struct erasing *e, const char *by, const char *aud);
int sync__erase_save(struct sync *s, const struct erase_part *l, const struct erase_entry *x);
bool sync__erasable_kind(const char *k);
bool sync__erasable(struct span text);
/* Replaces what is erased: io_b gets stubs, line and frame are written. *ret_n: how many. */
int sync__erase_stub(struct sync *s, const struct stream_key *key, struct arena *a,
                     struct bundle *io_b, struct buf *line, struct buf *frame, size_t *ret_n);
/* Names in the store of bundles kept beside the streams begin so; ends with NULL. */
extern const char *const sync__kept_beside[];
/* The stream such a name speaks of, by its place in the table. */
int sync__kept_stream(const struct sync *s, const char *name, int *ret);
/* erase_mark.c */
int sync__mark_load(struct sync *s);
/* This revision of the record is erased, and every one below. */
int sync__mark_raise(struct sync *s, const char *owner, const char *id, int64_t rev, char why);
int sync__mark_item(struct sync *s, const struct sync_record *rec, char why); /* erased just now */
/* Before an own bundle is stored: what of it was erased before it came goes on the list. */
int sync__mark_meet(struct sync *s, const struct stream_key *key, const struct bundle *b);
/* After marks were raised: the same for everything held. */
int sync__mark_scan(struct sync *s);
void sync__withheld_drop(struct erasing *e, int64_t no, int64_t seq, int idx);

#endif
