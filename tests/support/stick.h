/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_TESTS_STICK_H
#define SANJI_TESTS_STICK_H

#include "sync/ferry.h"
#include "tests/support/world.h"

/* Ferry files carried between the nodes of a world. What does not go as it should fails the cmocka
 * test. */

enum { PARTS = 64 };
struct parcel {
    struct buf part[PARTS];
    size_t n;
    struct sync_ferry_about about;
};
struct want {
    bool full, seal, any, trust;
    int64_t part_bytes, budget;
};
struct seen {
    int64_t n, err[WORLD_ERRS];
};

/* 0, or why no file can be made. */
int pack_with(struct world *w, int from, int to, struct want want, struct parcel *p);
void pack(struct world *w, const char *from, const char *to, struct parcel *p);
void pack_receipt(struct world *w, const char *from, const char *to, struct parcel *p);
void parcel_done(struct parcel *p);

/* In pieces of `step` bytes; a negative return is the store's. seen may be NULL. */
int take_bytes(struct world *w, int to, struct span file, size_t step,
               struct sync_ferry_report *ret, struct seen *seen);
struct sync_ferry_report take_part(struct world *w, const char *to, const struct buf *b);
/* Every part; nothing may be refused. Bundles stored. */
int64_t take(struct world *w, const char *to, const struct parcel *p);

/* Both at once. */
int64_t carry(struct world *w, const char *from, const char *to);
void receipt(struct world *w, const char *from, const char *to);
void cut_all(struct world *w);

#endif
